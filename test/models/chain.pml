/*
 * chain.pml -- the inbox as it is in memory: a stack of envelopes that is pushed
 * to with compare-and-exchange and taken whole: runtime/mailbox.h. pool.pml's
 * list of returned blocks has the same form.
 *
 * Three envelopes. Who pushes reads the top, links to it, and exchanges; between
 * those steps the owner may take the chain and give its envelopes back, to be
 * pushed again, so that the top has the same address and another meaning.
 *
 * There is no window with a broken chain, as queues have whose producers
 * exchange the tail first and link it after: here the link is written before the
 * exchange that publishes it.
 *
 * Holds: each envelope that is pushed is taken once, whole chains only.
 *
 * bug: LINK_LATE   the link is written after the exchange
 * bug: TAKE_STEPS  the owner reads the top, and writes NULL in a second step
 */
#define NOBODY  0
#define PUSHES  2 /* of each sender */

byte top = NOBODY;
byte next[4];
bool in_use[4];
byte pushed = 0, taken = 0;

proctype sender(byte mine)
{
    byte seen, i = 0;
    bool done;

    do
    :: i < PUSHES ->
        !in_use[mine]; /* it has come back */
        in_use[mine] = true;
        done = false;
        seen = top;
        do
        :: done -> break
        :: else ->
#ifndef LINK_LATE
            next[mine] = seen;
#endif
            atomic {
                if
                :: top == seen -> top = mine; done = true; pushed++
                :: else -> seen = top
                fi
            }
        od;
#ifdef LINK_LATE
        next[mine] = seen;
#endif
        i++
    :: else -> break
    od
}

proctype owner()
{
    byte at, after;

end:
    do
    :: top != NOBODY ->
#ifdef TAKE_STEPS
        at = top;
        top = NOBODY;
#else
        atomic { at = top; top = NOBODY };
#endif
        do
        :: at != NOBODY ->
            assert(in_use[at]);
            after = next[at];
            next[at] = NOBODY;
            taken++;
            in_use[at] = false; /* who sends may use it again */
            at = after
        :: else -> break
        od;
        after = NOBODY
    od
}

init {
    atomic {
        run owner();
        run sender(1);
        run sender(2);
        run sender(3)
    }
    timeout;
    assert(top == NOBODY && pushed == 3 * PUSHES && taken == pushed)
}
