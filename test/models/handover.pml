/*
 * handover.pml -- a stuck worker's queue: runtime/watchdog.c, idle.c.
 *
 * A worker's code does not return; two processes wait in its queue, one in the
 * LIFO slot. The watchdog wakes a spare worker, which steals what waits, the
 * LIFO slot too since the queue does not move. The code returns at any time, and
 * the spare gives back what it has and parks.
 *
 * Holds: each process runs, on one worker at a time; nothing is left in the
 * spare's queue.
 *
 * bug: NO_LIFO      the LIFO slot is not stolen, and its code never returns
 * bug: KEEP_LOOT    a spare that retires keeps what waits in its queue
 * bug: NO_LOCK      the owner takes from its queue while it is robbed
 */
#define PROCESSES 3

byte ring = PROCESSES - 1, lifo = 1; /* the stuck worker's */
byte loot = 0;                       /* the spare's queue */
byte shared = 0;
bool lock = false, stuck = true, for_ever, spare_awake = false;
byte ran = 0, within = 0;

inline acquire()
{
    atomic { !lock -> lock = true }
}

proctype worker()
{
    byte got;

    if
    :: for_ever -> goto out
    :: !for_ever
    fi;
    stuck = false;
    do
    :: true ->
        got = 0;
#ifndef NO_LOCK
        acquire();
#endif
        within++;
        assert(within == 1);
        if
        :: lifo > 0 -> lifo--; got = 1
        :: lifo == 0 && ring > 0 -> ring--; got = 1
        :: else
        fi;
        within--;
#ifndef NO_LOCK
        lock = false;
#endif
        if
        :: got == 0 ->
            atomic {
                if
                :: shared > 0 -> shared--; got = 1
                :: else
                fi
            }
        :: else
        fi;
        if
        :: got > 0 -> ran++
        :: got == 0 && ran == PROCESSES -> break
        :: got == 0 && ran < PROCESSES -> (shared > 0 || ran == PROCESSES)
        fi
    od;
out:
    skip
}

proctype watchdog()
{
    byte rounds = 3; /* so that a round in vain is no endless one */

end:
    do
    :: atomic { rounds > 0 && !spare_awake && stuck && ring + lifo > 0 ->
            spare_awake = true;
            rounds--
        }
    od
}

proctype spare()
{
    byte got;

end:
    do
    :: spare_awake ->
        do
        :: stuck && loot == 0 ->
            acquire();
            within++;
            assert(within == 1);
            got = ring;
            ring = 0;
#ifndef NO_LIFO
            if
            :: got == 0 && lifo > 0 -> lifo--; got = 1
            :: else
            fi;
#endif
            within--;
            lock = false;
            loot = loot + got;
            if
            :: got == 0 -> break
            :: else
            fi
        :: stuck && loot > 0 -> loot--; ran++
        :: !stuck -> break
        od;
#ifndef KEEP_LOOT
        shared = shared + loot;
        loot = 0;
#endif
        spare_awake = false
    od
}

init {
    if
    :: for_ever = true
    :: for_ever = false
    fi;
    atomic {
        run worker();
        run watchdog();
        run spare()
    }
    timeout;
    assert(ran == PROCESSES);
    assert(loot == 0)
}
