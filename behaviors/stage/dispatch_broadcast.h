/*
 * dispatch_broadcast.h -- how many events all consumers may have.
 *
 * Private to behaviors/. Pure. As many as the slowest has asked for: that much
 * is taken off what each has asked for, and is `waiting`, for all of them. What
 * was asked for upstream and has not come is `requested`, so that nothing is
 * asked for twice.
 *
 * Source: Elixir's GenStage, BroadcastDispatcher. Two things are otherwise.
 * What each has asked for is kept as a distance from `base`, which moves, so an
 * ask costs a look at a heap and not one at everybody. And events that found
 * nobody count as come: theirs are still requested while they are in the
 * buffer, and when those were discarded nobody would ever ask again.
 */
#ifndef STAGE_DISPATCH_BROADCAST_H
#define STAGE_DISPATCH_BROADCAST_H

#include <stdbool.h>
#include <stdint.h>

struct broadcast_row {
    int64_t asked;  /* in its life, on the scale of `base` */
    uint32_t place; /* in the heap, from 1; 0: no consumer */
};

/* All zero is an empty one. */
struct broadcast {
    struct broadcast_row *rows; /* owned; by index */
    uint32_t *heap;             /* owned; who has asked for least first */
    uint32_t count, capacity;
    int64_t base;
    uint64_t waiting;   /* events that all have asked for */
    uint64_t requested; /* upstream; at least `waiting` */
};

void gen__broadcast_fini(struct broadcast *b);
/* False: no memory. */
bool gen__broadcast_add(struct broadcast *b, uint32_t index);
/* Returns how many events upstream must be asked for: it may have been the
 * slowest. */
uint64_t gen__broadcast_remove(struct broadcast *b, uint32_t index);
uint64_t gen__broadcast_ask(struct broadcast *b, uint32_t index,
                            uint64_t count);
/* Of `count` events how many everybody gets; they are given. */
uint64_t gen__broadcast_give(struct broadcast *b, uint64_t count);
/* So many events found nobody, and wait in the buffer. */
void gen__broadcast_left(struct broadcast *b, uint64_t count);

#endif
