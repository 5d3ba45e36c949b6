/*
 * links.pml -- link and unlink on both sides at once: runtime/link.c, receive.c.
 *
 * Each side links and unlinks as it likes, a few times, while signals of the
 * other are on their way, in order. The protocol is OTP 23's: an unlink carries
 * a number, stays in the table until it is acknowledged with that number, and a
 * link of the other side that comes meanwhile is from before it heard of it.
 *
 * Holds: when nothing is on its way both sides say the same (G14, G16, I4).
 *
 * bug: NO_ID      any acknowledgement ends any unlink
 * bug: NO_WAIT    an unlink is over at once, without acknowledgement
 * bug: NO_ACK_IF_GONE  an unlink of a link that is not there is not acknowledged
 */
#define OPS 3

mtype = { LINK, UNLINK, ACK };
mtype = { NONE, ACTIVE, UNDOING };
chan to[2] = [6] of { mtype, byte };
mtype link[2] = NONE;
byte wanted[2];  /* the number of the unlink that waits for its ACK */
byte counter[2]; /* of unlinks */

proctype side(byte me)
{
    byte ops = 0, number;
    mtype signal;

end:
    do
    :: atomic { ops < OPS && link[me] != ACTIVE && len(to[1 - me]) < 5 ->
            link[me] = ACTIVE;
            wanted[me] = 0;
            to[1 - me] ! LINK, 0;
            ops++
        }
    :: atomic { ops < OPS && link[me] == ACTIVE && len(to[1 - me]) < 5 ->
            counter[me]++;
#ifdef NO_WAIT
            link[me] = NONE;
#else
            link[me] = UNDOING;
            wanted[me] = counter[me];
#endif
            to[1 - me] ! UNLINK, counter[me];
            ops++
        }
    :: atomic { len(to[1 - me]) < 5 && nempty(to[me]) ->
            to[me] ? signal, number ->
            if
            :: signal == LINK ->
                if
                :: link[me] == NONE -> link[me] = ACTIVE
                :: else
                fi
            :: signal == UNLINK ->
#ifdef NO_ACK_IF_GONE
                if
                :: link[me] == ACTIVE -> link[me] = NONE; to[1 - me] ! ACK, number
                :: else
                fi
#else
                if
                :: link[me] == ACTIVE -> link[me] = NONE
                :: else
                fi;
                to[1 - me] ! ACK, number
#endif
            :: signal == ACK ->
#ifdef NO_ID
                if
                :: link[me] == UNDOING -> link[me] = NONE
                :: else
                fi
#else
                if
                :: link[me] == UNDOING && wanted[me] == number -> link[me] = NONE
                :: else
                fi
#endif
            fi;
            number = 0
        }
    od
}

init {
    atomic {
        run side(0);
        run side(1)
    }
    timeout;
    assert(empty(to[0]) && empty(to[1]));
    assert(link[0] != UNDOING && link[1] != UNDOING);
    assert(link[0] == link[1])
}
