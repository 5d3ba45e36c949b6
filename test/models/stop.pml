/*
 * stop.pml -- the end of a runtime: runtime/rt.c, run.c.
 *
 * Two processes live on two workers; each may be waiting, or about to send to
 * the other, or about to start a third. The end says `ending`, so that nobody is
 * started any more, asks all that live to end, and when none is left, says
 * `stopping` and wakes the workers, which leave their loops; then memory is given
 * back.
 *
 * Holds: the end is reached; nobody runs, and nothing is sent, in memory that was
 * given back (G44, G46).
 *
 * bug: COUNT_LATE   who is started is counted once it runs
 * bug: FREE_EARLY   memory is given back before the workers have left
 * bug: NO_ENDING    starting does not look at `ending`
 */
#define MAX 3

bool ending = false, stopping = false, freed = false;
bool alive[MAX], asked[MAX];
byte living = 2, departed = 0;

proctype process(byte me)
{
#ifdef COUNT_LATE
    if
    :: me == 2 -> assert(!freed); atomic { alive[2] = true; living++ }
    :: else
    fi;
#endif
    if
    :: me == 0 -> /* starts the third */
#ifdef COUNT_LATE
        if
        :: !ending -> run process(2)
        :: ending
        fi
#else
        atomic { alive[2] = true; living++ }; /* its place; then the look */
        if
#ifndef NO_ENDING
        :: ending -> atomic { alive[2] = false; living-- }
        :: !ending -> run process(2)
#else
        :: run process(2)
#endif
        fi
#endif
    :: true
    fi;
    asked[me];
    assert(!freed);
    atomic { alive[me] = false; living-- }
}

proctype worker()
{
    stopping;
    assert(!freed);
    departed++
}

proctype ends()
{
    byte i;

    ending = true;
    i = 0;
    do
    :: i < MAX -> asked[i] = alive[i]; i++
    :: else -> break
    od;
    living == 0;
    stopping = true;
#ifndef FREE_EARLY
    departed == 2;
#endif
    freed = true
}

init {
    atomic {
        alive[0] = true;
        alive[1] = true;
        run process(0);
        run process(1);
        run worker();
        run worker();
        run ends()
    }
    timeout;
    assert(freed && living == 0)
}
