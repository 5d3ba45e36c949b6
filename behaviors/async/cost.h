/*
 * cost.h -- are items worth a second processor?
 *
 * Private to behaviors/async. The runtime leaves processes with short
 * operations where they are, since what moves finds its memory in the other
 * processor's cache. Items move many at a time, so they are worth it when they
 * are much shorter; who runs them knows how long they take.
 */
#ifndef GEN_COST_H
#define GEN_COST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COST_EVERY   16u    /* batches from one measured to the next */
#define COST_ITEM_NS 100u   /* an item that is shorter is not worth it */
#define COST_LEFT_NS 50000u /* nor is less work than that: a wake-up's time */

/* `count` items took so long, and `left` wait. */
static inline bool gen__cost_is_high(uint64_t took_ns, size_t count,
                                     size_t left)
{
    uint64_t each_ns = count == 0 ? 0 : took_ns / count;

    return each_ns >= COST_ITEM_NS && left >= COST_LEFT_NS / each_ns;
}

#endif
