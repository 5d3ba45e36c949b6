/*
 * demand.c -- how many events a consumer asks for: see demand.h.
 */
#include "stage/demand.h"

#include <stddef.h>

const char *gen__demand_check(uint64_t min, uint64_t max)
{
    if (max < 1)
        return "max_demand must be at least 1";
    if (max > STAGE_ASK_MAX)
        return "max_demand must be at most 2^50";
    if (min >= max)
        return "min_demand must be below max_demand";
    return NULL;
}

struct stage_cut gen__demand_begin(const struct stage_demand *d, uint64_t count)
{
    return (struct stage_cut){ .left = count, .allowed = d->pending };
}

uint64_t gen__demand_piece(struct stage_demand *d, struct stage_cut *cut,
                           uint64_t *excess)
{
    uint64_t size = gen__stage_less(cut->left, d->max - d->min);
    uint64_t counted = gen__stage_less(size, cut->allowed);

    *excess = size - counted;
    cut->left -= size;
    cut->allowed -= counted;
    d->pending -= gen__stage_less(counted, d->pending);
    return size;
}

uint64_t gen__demand_whole(struct stage_demand *d, struct stage_cut *cut)
{
    uint64_t size = cut->left;

    cut->left = 0;
    d->pending -= gen__stage_less(size, d->pending);
    return size;
}

uint64_t gen__demand_refill(struct stage_demand *d)
{
    return d->pending <= d->min ? gen__demand_fill(d) : 0;
}

uint64_t gen__demand_fill(struct stage_demand *d)
{
    uint64_t missing = d->pending < d->max ? d->max - d->pending : 0;

    d->pending += missing;
    return missing;
}
