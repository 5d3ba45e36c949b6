/*
 * cost.h -- are items worth a second processor?
 *
 * Private to behaviors/async. The runtime leaves processes with short
 * operations where they are, since what moves finds its memory in the other
 * processor's cache. Items move many at a time, so they are worth it when they
 * are much shorter; who runs them knows how long they take. It looks at the
 * clock for the first batches, then now and then; several batches have to
 * agree, since any one may have been interrupted.
 */
#ifndef GEN_COST_H
#define GEN_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COST_EVERY   16u    /* batches from one measured to the next */
#define COST_TIMES   3u     /* that have to agree */
#define COST_ITEM_NS 100u   /* an item that is shorter is not worth it */
#define COST_LEFT_NS 50000u /* nor is less work than that: a wake-up's time */

/* All zero: nothing is known. */
struct gen_cost {
    unsigned batches; /* that were begun */
    unsigned high;    /* of those that were measured, the last in a row */
};

/* Is the batch that begins to be measured? */
static inline bool gen__cost_is_due(struct gen_cost *cost)
{
    unsigned number = cost->batches++;

    return number < COST_TIMES || number % COST_EVERY == 0;
}

/* `count` items took so long, and `left` wait: are they worth it? */
static inline bool gen__cost_is_high(struct gen_cost *cost, uint64_t took_ns,
                                     size_t count, size_t left)
{
    uint64_t each_ns = count == 0 ? 0 : took_ns / count;

    if (each_ns < COST_ITEM_NS) {
        cost->high = 0;
        return false;
    }
    cost->high += cost->high < COST_TIMES ? 1 : 0;
    return cost->high == COST_TIMES && left > COST_LEFT_NS / each_ns;
}

#endif
