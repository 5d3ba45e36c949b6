/*
 * walk.c -- the slow half of walk.h: a stack that became long.
 */
#include "walk.h"

#include <stdlib.h>
#include <string.h>

bool etf__walk_grow(struct walk *w)
{
    size_t used = (size_t)(w->top - w->base);
    size_t capacity = (size_t)(w->end - w->base) * 2;
    uint64_t *base = malloc(capacity * sizeof *base);

    if (base == NULL)
        return false;
    memcpy(base, w->base, used * sizeof *base);
    etf__walk_fini(w);
    w->base = base;
    w->top = base + used;
    w->end = base + capacity;
    return true;
}

void etf__walk_free(struct walk *w)
{
    free(w->base);
}
