/*
 * names.pml -- registering, ending and looking up: runtime/names.c.
 *
 * Two processes want one name. The first ends at any time: it closes its
 * mailbox, looks at its own list of names and frees them under its lock, and
 * then sends its downs. Who registers writes the list first, then looks whether
 * the mailbox is closed, then takes the name, from nobody or from somebody dead.
 *
 * Holds: at most one living process has the name; whoever has heard of the end
 * can have it (G18, G21, I6); nobody dead has it for ever.
 *
 * bug: LATE_LIST     the name is taken first and written in the list after
 * bug: DOWN_FIRST    downs go out before names are freed, and nobody takes over
 * bug: FREE_ANY      freeing does not look whether the name is still its own
 */
#define NOBODY 0

byte holder = NOBODY; /* the word of the name: 1 or 2 */
bool closed = false;  /* of process 1 */
bool listed = false;  /* the name is in the list of process 1 */
bool lock = false;    /* of that list */
bool down = false;    /* process 2 has heard of the end */
bool two_has = false;

inline is_over(who, answer)
{
    answer = (who == 1 && closed)
}

/* Whoever calls for process 1: it need not be itself. */
proctype register_one()
{
    bool over;

    atomic { !lock -> lock = true };
#ifdef LATE_LIST
    is_over(1, over);
    atomic {
        if
        :: !over && holder == NOBODY -> holder = 1
        :: else -> over = true
        fi
    };
    lock = false;
    if
    :: !over ->
        atomic { !lock -> lock = true };
        listed = true;
        lock = false
    :: else
    fi
#else
    listed = true;
    is_over(1, over);
    if
    :: over -> listed = false
    :: else ->
        atomic {
            if
            :: holder == NOBODY -> holder = 1
            :: else -> listed = false
            fi
        }
    fi;
    lock = false
#endif
}

inline free_names()
{
    if
    :: listed ->
        atomic { !lock -> lock = true };
        if
        :: listed ->
            listed = false;
#ifdef FREE_ANY
            holder = NOBODY
#else
            atomic {
                if
                :: holder == 1 -> holder = NOBODY
                :: else
                fi
            }
#endif
        :: else
        fi;
        lock = false
    :: else
    fi
}

proctype one()
{
    closed = true;
#ifdef DOWN_FIRST
    down = true;
    free_names()
#else
    free_names();
    down = true
#endif
}

proctype two()
{
    byte seen;
    bool over, heard = false;

    if
    :: down -> heard = true
    :: true
    :: goto out
    fi;
again:
    seen = holder;
    is_over(seen, over);
    if
#ifdef DOWN_FIRST
    :: seen == NOBODY ->
#else
    :: seen == NOBODY || over ->
#endif
        atomic {
            if
            :: holder == seen -> holder = 2; two_has = true
            :: else -> goto again
            fi
        }
    :: else
    fi;
    assert(!heard || two_has);
out:
    skip
}

init {
    atomic {
        run register_one();
        run one();
        run two()
    }
    timeout;
    assert(holder == (two_has -> 2 : NOBODY))
}
