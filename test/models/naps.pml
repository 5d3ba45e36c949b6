/*
 * naps.pml -- calling an idle worker for what waits in another's queue, and naps:
 * runtime/idle.c.
 *
 * A worker that goes on (a timer of its own, or what came from outside) pushes to
 * its own queue, calls a worker that may be called when CALL_FROM wait there, and
 * then its code does not return. The other one finds nothing, says how it parks,
 * counts itself, looks at the queues once more, and sleeps: for ever when all are
 * parked, else for some time. One that was called in vain naps: it is not to be
 * called, and does not look once more, but its sleep has an end in any case.
 *
 * Holds: what waits behind code that does not return is taken by the idle worker.
 * (In such a case the watchdog would help too, later: handover.pml.)
 *
 * bug: NAP_FOR_EVER  a nap has no end when all are parked
 * bug: LOOK_FIRST    the queues, and whether all are parked, are looked at before
 *                    it says that it may be called
 * bug: NO_CALL       who pushes calls nobody
 */
#define CALL_FROM 2
#define NAPS      2

byte queue = 0;        /* of the busy worker */
byte parked = 1;       /* how many are: the busy one, before it goes on */
byte callable = 0;     /* how many of them may be called */
bool is_parked = false, may_call = false, called = false; /* the idle one's */
bool taken = false;

inline call_one()
{
    if
    :: callable > 0 ->
        atomic {
            if
            :: is_parked && may_call -> /* the exchange of is_parked */
                is_parked = false;
                parked--;
                callable--;
                called = true
            :: else
            fi
        }
    :: else
    fi
}

proctype busy()
{
    parked--;
    do
    :: queue < CALL_FROM ->
        queue++;
#ifndef NO_CALL
        if
        :: queue >= CALL_FROM -> call_one()
        :: else
        fi
#endif
    :: queue == CALL_FROM -> break
    od;
    taken /* its code waits for what waits behind it */
}

proctype idle()
{
    byte naps = NAPS;
    bool nap, sleeps, timed;

    do
    :: queue >= CALL_FROM -> taken = true; break
    :: queue < CALL_FROM ->
        nap = false;
        if
        :: naps > 0 -> naps--; nap = true
        :: true
        fi;
#ifdef LOOK_FIRST
        sleeps = nap || queue < CALL_FROM;
        timed = nap || parked == 0;
#endif
        atomic { is_parked = true; may_call = !nap };
        parked++;
        if
        :: !nap -> callable++
        :: else
        fi;
#ifndef LOOK_FIRST
        sleeps = nap || queue < CALL_FROM;
#ifdef NAP_FOR_EVER
        timed = parked < 2;
#else
        timed = nap || parked < 2;
#endif
#endif
        if
        :: sleeps && timed -> skip /* woken, or not: it goes on some time */
        :: sleeps && !timed -> called
        :: !sleeps
        fi;
        atomic {
            if
            :: is_parked ->
                is_parked = false;
                parked--;
                if
                :: may_call -> callable--
                :: else
                fi
            :: else
            fi;
            called = false
        }
    od
}

init {
    atomic {
        run busy();
        run idle()
    }
    timeout;
    assert(taken)
}
