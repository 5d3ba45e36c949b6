/*
 * gate.pml -- waiting for room: runtime/gate.c. Behind it are mailboxes that
 * block their senders, and links to other nodes whose output is over its mark.
 *
 * Two senders; one may be killed while it waits. Each sees that the gate is shut
 * when it passes first, makes its wake-up, looks again under the lock, and joins
 * the list. Who opens sends each its wake-up. Who leaves takes itself out under
 * the lock, and frees the wake-up unless it is on its way. The owner of the gate
 * shuts it again, and at last ends, which opens it for good.
 *
 * Holds: nobody waits at an open gate (G30, G38); each wake-up is sent or freed,
 * once.
 *
 * bug: LOOK_ONCE     the gate is not looked at again under the lock
 * bug: ONE_ONLY      opening wakes the first of the list alone
 * bug: NO_LEAVE      who is killed stays in the list
 * bug: END_SHUT      the owner ends with the gate shut
 */
#define SENDERS 2

bool shut = true, lock = false;
bool listed[SENDERS];
bool killed[SENDERS], woken[SENDERS], free_to_go[SENDERS];
byte wakes[SENDERS]; /* wake-ups that this sender's wait has: 0 or 1 */

inline acquire()
{
    atomic { !lock -> lock = true }
}

proctype sender(byte me)
{
    if
    :: !shut -> goto passed
    :: else
    fi;
    wakes[me] = 1;
    acquire();
#ifdef LOOK_ONCE
    listed[me] = true;
    lock = false;
#else
    if
    :: !shut -> lock = false; wakes[me] = 0; goto passed
    :: else -> listed[me] = true; lock = false
    fi;
#endif
    if
    :: woken[me]
    :: killed[me]
    fi;
#ifndef NO_LEAVE
    acquire();
    listed[me] = false;
    lock = false;
#endif
    wakes[me] = 0; /* freed, or sent */
passed:
    free_to_go[me] = true
}

inline open_gate()
{
    acquire();
    shut = false;
    i = 0;
    do
    :: i < SENDERS ->
        if
        :: listed[i] ->
            listed[i] = false;
            assert(wakes[i] == 1); /* or it is freed memory */
            woken[i] = true;
#ifdef ONE_ONLY
            break
#endif
        :: else
        fi;
        i++
    :: else -> break
    od;
    lock = false
}

proctype owner()
{
    byte i;

    open_gate();
    acquire();
    shut = true;
    lock = false;
    if
    :: true -> open_gate()
    :: true
    fi;
#ifndef END_SHUT
    open_gate()
#endif
}

proctype killer()
{
    if
    :: killed[0] = true
    :: true
    fi
}

init {
    atomic {
        run sender(0);
        run sender(1);
        run owner();
        run killer()
    }
    timeout;
    assert(free_to_go[0] && free_to_go[1])
}
