/*
 * steal.pml -- the lock of a run queue that costs its owner two plain stores:
 * runtime/biased.h; and what it guards, the taking of the last process.
 *
 * Spin's memory is in order, a processor's is not: the owner's store of `inside`
 * waits in a buffer (`inside_buffered`) and reaches the others at any later time,
 * at a fence of its own, or when a thief makes all threads pass a barrier.
 *
 * Holds: never both inside; each process is taken once.
 *
 * bug: NO_BARRIER   the thief does not make the owner's store visible
 * bug: LOOK_FIRST   the owner looks for a thief before it says that it is inside
 * bug: NO_LOCK      two thieves do not exclude each other
 */
#define PROCESSES 3

byte inside = 0, inside_buffered = 0;
bool buffered = false;
bool thief = false;
byte left = PROCESSES, taken = 0, within = 0;

inline flush()
{
    atomic {
        if
        :: buffered -> inside = inside_buffered; buffered = false
        :: else
        fi
    }
}

inline take(into)
{
    within++;
    assert(within == 1);
    into = left;
    if
    :: into > 0 -> left = into - 1; taken++
    :: else
    fi;
    within--
}

proctype owner()
{
    byte saw;

    do
    :: left > 0 ->
#ifdef LOOK_FIRST
        if
        :: thief -> goto wait
        :: else
        fi;
        atomic { inside_buffered = 1; buffered = true };
#else
        atomic { inside_buffered = 1; buffered = true };
        if
        :: thief -> goto wait
        :: else
        fi;
#endif
        take(saw);
        atomic { inside_buffered = 0; buffered = true };
        flush(); /* a release: what it did comes before */
        goto next;
wait:
        flush();
        inside = 0;
        !thief;
next:
        skip
    :: else -> break
    od
}

proctype robber()
{
    byte saw;

    do
    :: left > 0 ->
#ifdef NO_LOCK
        thief = true;
#else
        atomic { !thief -> thief = true };
#endif
#ifndef NO_BARRIER
        flush();
#endif
        if
        :: inside == 0 -> take(saw)
        :: inside != 0 /* its patience is over */
        fi;
        thief = false
    :: else -> break
    od
}

/* The buffer drains by itself, some time. */
proctype memory()
{
end:
    do
    :: atomic { buffered -> inside = inside_buffered; buffered = false }
    od
}

init {
    atomic {
        run owner();
        run robber();
        run robber();
        run memory()
    }
    timeout;
    assert(left == 0 && taken == PROCESSES)
}
