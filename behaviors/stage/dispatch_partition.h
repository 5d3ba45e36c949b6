/*
 * dispatch_partition.h -- how many events a partition may send, and how many
 * wait in it.
 *
 * Private to behaviors/. Pure. The demand of all partitions is one sum,
 * `waiting`: so many events are taken, wherever they belong, and those for a
 * partition that has not asked wait in it. A partition that asks is served from
 * there first.
 *
 * Source: Elixir's GenStage, PartitionDispatcher.
 */
#ifndef STAGE_DISPATCH_PARTITION_H
#define STAGE_DISPATCH_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

struct partition_row {
    uint64_t demand; /* asked for and not sent; 0 while some are queued */
    uint64_t queued;
};

struct partition {
    struct partition_row *rows; /* borrowed */
    uint64_t waiting;           /* events that are taken when they come */
    uint64_t pending;           /* on its way for consumers that have left */
    uint64_t queued;            /* the sum */
};

/* Its consumer asks: returns how many upstream must be asked for; *now: how
 * many of its queue it gets at once. */
uint64_t gen__partition_ask(struct partition *p, uint32_t row, uint64_t count,
                            uint64_t *now);
/* Its consumer leaves: what is queued is lost, and asked for again; what it has
 * asked for is taken off what others ask for. */
uint64_t gen__partition_cancel(struct partition *p, uint32_t row);
/* An event was taken for it. */
void gen__partition_take(struct partition *p);
/* `count` events have come for it: how many are sent at once; the others are
 * queued. */
uint64_t gen__partition_give(struct partition *p, uint32_t row, uint64_t count);

#endif
