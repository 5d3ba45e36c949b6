/*
 * boxes.pml -- counts of shared boxes and of large binaries: etf/box.c.
 *
 * One box is sent to three receivers: the sender holds it once for each and lets
 * its own go. Who lets go takes one off the count and frees it when that was the
 * last; who is the only holder may skip the atomic operation.
 *
 * Holds: freed once, after the last reader.
 *
 * bug: COUNT_LATE   the count for a receiver is taken after the box is sent
 * bug: TWO_STEPS    letting go reads, and writes in a second step
 */
#define RECEIVERS 3

byte count = 1, freed = 0;
chan box[RECEIVERS] = [1] of { bool };

inline let_go()
{
#ifdef TWO_STEPS
    seen = count - 1;
    count = seen;
    last = (seen == 0);
#else
    atomic {
        if
        :: count == 1 -> last = true /* the only holder: nobody can add one */
        :: else -> count--; last = (count == 0)
        fi
    }
#endif
    if
    :: last -> freed++
    :: else
    fi
}

proctype sender()
{
    byte i = 0, seen;
    bool last;

    do
    :: i < RECEIVERS ->
#ifdef COUNT_LATE
        box[i] ! true;
        count++;
#else
        count++;
        box[i] ! true;
#endif
        i++
    :: else -> break
    od;
    assert(freed == 0); /* it reads it itself up to here */
    let_go()
}

proctype receiver(byte me)
{
    byte seen;
    bool last;

    box[me] ? true;
    assert(freed == 0); /* reads it */
    let_go()
}

init {
    atomic {
        run sender();
        run receiver(0);
        run receiver(1);
        run receiver(2)
    }
    timeout;
    assert(freed == 1)
}
