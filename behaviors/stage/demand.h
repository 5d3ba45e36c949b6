/*
 * demand.h -- how many events a consumer asks for, and in which pieces it takes
 * them.
 *
 * Private to behaviors/. Pure: numbers in, numbers out. What holds between two
 * events: `pending` is what was asked for and has not come, and of an automatic
 * subscription min < pending <= max, unless somebody asked for more by hand
 * before.
 *
 * Source: Elixir's GenStage, its consumer; spec/gen.md 1.10, demand arithmetic.
 */
#ifndef STAGE_DEMAND_H
#define STAGE_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

/* The most that one ask may say, and a sum of them: hostile numbers end here,
 * so no sum wraps. */
#define STAGE_ASK_MAX ((uint64_t)1 << 50)
#define STAGE_SUM_MAX ((uint64_t)1 << 62)

static inline uint64_t gen__stage_sum(uint64_t a, uint64_t b)
{
    return b > STAGE_SUM_MAX - a ? STAGE_SUM_MAX : a + b;
}

static inline uint64_t gen__stage_less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct stage_demand {
    uint64_t min, max;
    uint64_t pending;
};

/* The least and the most that a subscription may have under way. NULL: good;
 * else which rule is broken. */
const char *gen__demand_check(uint64_t min, uint64_t max);

/* A list of events that is being handed out. */
struct stage_cut {
    uint64_t left;    /* events that are not in a piece yet */
    uint64_t allowed; /* of those that were asked for, how many are left */
};

/* A list of `count` events has come. */
struct stage_cut gen__demand_begin(const struct stage_demand *d,
                                   uint64_t count);

/* The next piece of an automatic subscription: its size, 0 at the end, and in
 * *excess how many of it nobody had asked for. They count as nothing. */
uint64_t gen__demand_piece(struct stage_demand *d, struct stage_cut *cut,
                           uint64_t *excess);

/* The same by hand: all at once, and whatever came is fine. */
uint64_t gen__demand_whole(struct stage_demand *d, struct stage_cut *cut);

/* A piece was handled: how many to ask for now, 0: none. They are pending. */
uint64_t gen__demand_refill(struct stage_demand *d);

/* Automatic from now on: how many are missing to the maximum. They are pending.
 */
uint64_t gen__demand_fill(struct stage_demand *d);

#endif
