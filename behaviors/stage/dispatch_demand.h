/*
 * dispatch_demand.h -- who gets the next events, of consumers that compete for
 * them.
 *
 * Private to behaviors/. Pure: indexes of consumers and numbers of events. Who
 * has asked for most is first, of equals who has waited longest; each gets as
 * much as it asked for. What was asked for by one that has left is still on its
 * way from upstream: so it is taken off what the others ask for next.
 *
 * Source: Elixir's GenStage, DemandDispatcher. Its sorted list is a heap here.
 */
#ifndef STAGE_DISPATCH_DEMAND_H
#define STAGE_DISPATCH_DEMAND_H

#include <stdbool.h>
#include <stdint.h>

struct demand_row {
    uint64_t asked; /* that it has not got yet */
    uint64_t since; /* when it got its place: counts up */
    uint32_t place; /* in the heap, from 1; 0: no consumer */
};

/* All zero is an empty one. */
struct demand_queue {
    struct demand_row *rows; /* owned; by index */
    uint32_t *heap;          /* owned; indexes, heap[0] is not used */
    uint32_t count, capacity;
    uint64_t clock;
    uint64_t pending; /* on its way for those that have left */
    uint64_t total;   /* the sum of `asked` */
    uint64_t most;    /* the most that may be asked for at once; 0: not known */
};

void gen__demand_queue_fini(struct demand_queue *q);
/* False: no memory. */
bool gen__demand_queue_add(struct demand_queue *q, uint32_t index);
void gen__demand_queue_remove(struct demand_queue *q, uint32_t index);
/* It asks for more; returns how many of them upstream must be asked for. */
uint64_t gen__demand_queue_ask(struct demand_queue *q, uint32_t index,
                               uint64_t count);
/* Who gets the next of `count` events, and how many: 0 when nobody has asked
 * for any. They are given. */
uint64_t gen__demand_queue_give(struct demand_queue *q, uint64_t count,
                                uint32_t *index);
/* So many events found nobody, and wait in the buffer. */
void gen__demand_queue_left(struct demand_queue *q, uint64_t count);

#endif
