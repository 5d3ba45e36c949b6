/*
 * loop.pml -- handing work to the thread that does the sockets: runtime/
 * world_uv.c, world_uv_drive.c. libuv merges wake-ups: any number of sends
 * before the callback make one callback.
 *
 * Two workers put items in the queue and wake the loop; the loop's callback takes
 * the queue until it is empty.
 *
 * Holds: nothing is left when nobody does anything any more.
 *
 * bug: ONE_A_WAKE   the callback takes one item
 * bug: CLEAR_LATE   the wake-up is cleared after the queue was looked at
 * bug: WAKE_FIRST   who puts an item wakes the loop before
 */
#define EACH 2

byte queue = 0, done = 0;
bool wake = false;

proctype worker()
{
    byte i = 0;

    do
    :: i < EACH ->
#ifdef WAKE_FIRST
        wake = true;
        queue++;
#else
        queue++;
        wake = true;
#endif
        i++
    :: else -> break
    od
}

proctype uv()
{
    byte batch;

end:
    do
    :: wake ->
#ifndef CLEAR_LATE
        wake = false;
#endif
#ifdef ONE_A_WAKE
        atomic {
            if
            :: queue > 0 -> queue--; done++
            :: else
            fi
        }
#else
        do
        :: atomic { queue > 0 -> batch = queue; queue = 0 };
            done = done + batch
        :: queue == 0 -> break
        od;
#endif
#ifdef CLEAR_LATE
        wake = false
#endif
    od
}

init {
    atomic {
        run worker();
        run worker();
        run uv()
    }
    timeout;
    assert(done == 2 * EACH && queue == 0)
}
