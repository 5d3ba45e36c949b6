/*
 * monitor.pml -- monitoring against the end of the process: runtime/monitor.c,
 * exit.c.
 *
 * A watcher sends MONITOR, and may take it back with DEMONITOR. The target
 * ends at any time: it closes its mailbox, lets what waited in it act, and then
 * sends a DOWN for each watcher in its table. A push that finds the mailbox
 * closed is the watcher's own DOWN, `noproc`.
 *
 * Holds: one DOWN for each monitor that was not taken back, none once it was,
 * and at most one on the way when it was (G17, I5).
 *
 * bug: TABLE_FIRST    downs are sent before the mailbox is closed
 * bug: DROP_WAITING   what waits at the close is dropped
 * bug: NO_NOPROC      who finds the mailbox closed is told nothing
 */
mtype = { MONITOR, DEMONITOR };
chan inbox = [4] of { mtype };
bool closed = false, watched = false, taken_back = false;
byte downs = 0;

inline act(signal)
{
    if
    :: signal == MONITOR -> watched = true
    :: signal == DEMONITOR -> watched = false
    fi
}

inline tell()
{
    if
    :: watched -> atomic { downs++; watched = false }
    :: else
    fi
}

proctype target()
{
    mtype signal;

    do
    :: inbox ? signal -> act(signal)
    :: break /* it ends now */
    od;
#ifdef TABLE_FIRST
    tell();
    atomic {
        closed = true;
        do
        :: inbox ? signal -> act(signal)
        :: empty(inbox) -> break
        od
    }
#else
    atomic { /* the exchange; what it has taken is the target's own */
        closed = true;
#ifdef DROP_WAITING
        do
        :: inbox ? signal
        :: empty(inbox) -> break
        od
#else
        do
        :: inbox ? signal -> act(signal)
        :: empty(inbox) -> break
        od
#endif
    }
    tell()
#endif
}

proctype watcher()
{
    atomic {
        if
        :: !closed -> inbox ! MONITOR
#ifdef NO_NOPROC
        :: else
#else
        :: else -> downs++
#endif
        fi
    }
    if
    :: true
    :: true ->
        atomic {
            taken_back = true;
            if
            :: !closed -> inbox ! DEMONITOR
            :: else
            fi
        }
    fi
}

init {
    atomic {
        run target();
        run watcher()
    }
    timeout;
    assert(empty(inbox) && !watched);
    assert(downs <= 1);
    assert(taken_back || downs == 1)
}
