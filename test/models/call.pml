/*
 * call.pml -- a call's outcomes: runtime/call.c, receive.c.
 *
 * The caller sends CALL with a number and waits. The callee answers, answers
 * late, or ends, which fails what waits in its mailbox and what it has not
 * answered. The time-out is a signal with the wait's own number. All of them
 * come through the caller's mailbox, in any order. After the outcome the caller
 * may call again, and may end.
 *
 * Holds: each call has one outcome; an answer that comes late ends no other wait
 * (G23, I7); each answer's envelope is freed or handed out once.
 *
 * bug: NO_NUMBER    any answer ends any call
 * bug: TWO_WINNERS  an answer after the time-out is taken too, before the code runs
 * bug: LOST_END     the callee's end forgets calls that wait in its mailbox
 */
#define CALLS 2

mtype = { REPLY, FAIL, TIMEOUT };
chan requests = [CALLS] of { byte };
chan answers = [6] of { mtype, byte };
bool closed = false, caller_over = false;
byte outcomes[CALLS + 1];
byte made = 0, freed = 0, handed = 0; /* envelopes of answers */

proctype callee()
{
    byte id;

    do
    :: requests ? id ->
        if
        :: atomic { answers ! REPLY, id; made++ }
        :: atomic { closed = true; answers ! FAIL, id; made++ }; break
        fi
    :: atomic { closed = true }; break
    :: caller_over -> break
    od;
    if
    :: closed ->
        do
#ifdef LOST_END
        :: requests ? id
#else
        :: atomic { requests ? id -> answers ! FAIL, id; made++ }
#endif
        :: empty(requests) -> break
        od
    :: else
    fi
}

proctype clock(byte id)
{
    if
    :: atomic { answers ! TIMEOUT, id }
    :: true
    fi
}

proctype caller()
{
    byte id = 1, got;
    mtype kind;
    bool done;

    do
    :: id <= CALLS ->
        atomic {
            if
            :: closed -> outcomes[id]++; done = true
            :: else -> requests ! id; done = false; run clock(id)
            fi
        }
        do
        :: done -> break
        :: else ->
            atomic {
                answers ? kind, got ->
                if
                :: kind == TIMEOUT ->
                    if
                    :: got == id -> outcomes[id]++; done = true
                    :: else
                    fi
                :: else ->
                    if
#ifdef NO_NUMBER
                    :: true -> outcomes[got]++; done = true; handed++
#else
                    :: got == id -> outcomes[id]++; done = true; handed++
                    :: got != id -> freed++
#endif
                    fi
                fi
            }
#ifdef TWO_WINNERS
            if
            :: done && kind == TIMEOUT ->
                atomic {
                    if
                    :: answers ? [REPLY, eval(id)] ->
                        answers ? REPLY, eval(id);
                        outcomes[id]++;
                        handed++
                    :: else
                    fi
                }
            :: else
            fi
#endif
        od;
        assert(outcomes[id] == 1);
        id++
    :: else -> break
    od;
    caller_over = true;
    /* Its mailbox is closed: what waits, or comes, is freed. */
end:
    do
    :: atomic {
            answers ? kind, got ->
            if
            :: kind != TIMEOUT -> freed++
            :: else
            fi
        }
    od
}

init {
    atomic {
        run callee();
        run caller()
    }
    timeout;
    assert(caller_over);
    assert(made == freed + handed)
}
