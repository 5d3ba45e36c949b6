/*
 * parking.pml -- parking, waking one, and stopping: runtime/idle.c.
 *
 * Who pushes from outside writes the queue, fences, and wakes a parked worker
 * unless one is searching already. A worker that finds nothing writes `parked`,
 * fences, looks at the queue once more, and sleeps. Whoever wakes counts the
 * woken one as searching on its behalf. The last searcher who has found work
 * looks whether more waits, and wakes the next.
 *
 * The code of one process does not return until the others have run. (In such a
 * case the watchdog would help too, later: handover.pml.)
 *
 * Holds: work never waits while all workers sleep; a stop wakes all (I3, G44).
 *
 * bug: LOOK_FIRST    the queue is looked at before `parked` is written
 * bug: NO_LAST_LOOK  the last searcher does not look again
 * bug: STOP_EARLY    a stop wakes the parked ones before it says that it stops
 */
#define WORKERS 2
#define PUSHES  3

byte queue = 0, ran = 0, searching = 0;
bool parked[WORKERS], called[WORKERS];
bool stopping = false, one_waits = false;
byte gone = 0;

inline wake(w)
{
    atomic { /* the exchange of is_parked */
        if
        :: parked[w] ->
            parked[w] = false;
            searching++;
            called[w] = true
        :: else
        fi
    }
}

inline wake_one()
{
    if
    :: searching > 0
    :: else ->
        atomic {
            if
            :: parked[0] -> woken = 0
            :: !parked[0] && parked[1] -> woken = 1
            :: else -> woken = WORKERS
            fi
        }
        if
        :: woken < WORKERS -> wake(woken)
        :: else
        fi
    fi
}

proctype outside()
{
    byte i = 0, woken;

    do
    :: i < PUSHES ->
        queue++;
        wake_one();
        i++
    :: else -> break
    od;
    /* All that was pushed is run although nobody pushes any more. */
    ran == PUSHES;
#ifdef STOP_EARLY
    wake(0);
    wake(1);
    stopping = true
#else
    stopping = true;
    wake(0);
    wake(1)
#endif
}

proctype worker(byte me)
{
    bool counted = false, found, waiting;
    byte woken;

    do
    :: true ->
        if
        :: !counted -> searching++
        :: else
        fi;
        found = false;
        atomic {
            if
            :: queue > 0 -> queue--; found = true
            :: else
            fi
        }
        atomic { searching--; counted = (searching == 0) };
#ifndef NO_LAST_LOOK
        if
        :: counted && found && queue > 0 -> wake_one()
        :: else
        fi;
#endif
        counted = false;
        if
        :: found -> /* run it; then search again */
            atomic {
                if
                :: !one_waits -> one_waits = true; waiting = true
                :: else -> waiting = false
                fi
            }
            if
            :: waiting -> ran == PUSHES - 1
            :: else
            fi;
            ran++
        :: !found && stopping -> break
        :: else ->
#ifdef LOOK_FIRST
            if
            :: queue > 0 || stopping -> goto again
            :: else
            fi;
            parked[me] = true;
#else
            parked[me] = true;
            if
            :: queue > 0 || stopping -> goto stay
            :: else
            fi;
#endif
            called[me]; /* asleep */
stay:
            atomic {
                if
                :: parked[me] -> parked[me] = false; counted = false
                :: else -> counted = true
                fi;
                called[me] = false
            }
again:
            skip
        fi
    od;
    gone++
}

init {
    atomic {
        run worker(0);
        run worker(1);
        run outside()
    }
    timeout;
    assert(ran == PUSHES);
    assert(gone == WORKERS)
}
