/*
 * dispatch_partition.c -- what a partition may send: see dispatch_partition.h.
 */
#include "stage/dispatch_partition.h"

#include "stage/demand.h"

uint64_t gen__partition_ask(struct partition *p, uint32_t row, uint64_t count,
                            uint64_t *now)
{
    struct partition_row *r = &p->rows[row];
    uint64_t sent = gen__stage_less(p->pending, count);

    *now = gen__stage_less(r->queued, count);
    r->queued -= *now;
    p->queued -= *now;
    r->demand = gen__stage_sum(r->demand, count - *now);
    p->pending -= sent;
    p->waiting = gen__stage_sum(p->waiting, count - sent);
    return count - sent;
}

uint64_t gen__partition_cancel(struct partition *p, uint32_t row)
{
    struct partition_row *r = &p->rows[row];
    uint64_t lost = r->queued;

    p->pending = gen__stage_sum(p->pending, r->demand);
    p->waiting = gen__stage_sum(p->waiting, lost);
    p->queued -= lost;
    r->demand = r->queued = 0;
    return lost;
}

void gen__partition_take(struct partition *p)
{
    p->waiting--;
}

uint64_t gen__partition_give(struct partition *p, uint32_t row, uint64_t count)
{
    struct partition_row *r = &p->rows[row];
    uint64_t now = gen__stage_less(r->demand, count);

    r->demand -= now;
    r->queued += count - now;
    p->queued += count - now;
    return now;
}
