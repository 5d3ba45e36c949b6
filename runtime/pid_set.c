/*
 * pid_set.c -- sets of pids: see pid_set.h.
 */
#include "pid_set.h"

#include <stdlib.h>

#include "process.h"

bool rt__pids_add(struct rt *rt, struct pid_set *set, etf_term pid)
{
    uint32_t i, kept = 0, capacity;
    etf_term *pids;

    if (set->count == set->capacity) {
        for (i = 0; i < set->count; i++)
            if (rt_is_alive(rt, rt__pid_of(set->pids[i])))
                set->pids[kept++] = set->pids[i];
        set->count = kept;
    }
    if (set->count * 2 >= set->capacity) {
        capacity = set->capacity * 2 + 16;
        pids = realloc(set->pids, capacity * sizeof *pids);
        if (pids != NULL) {
            set->pids = pids;
            set->capacity = capacity;
        } else if (set->count == set->capacity) {
            return false;
        }
    }
    set->pids[set->count++] = pid;
    return true;
}

bool rt__pids_remove(struct pid_set *set, etf_term pid)
{
    uint32_t i;

    for (i = 0; i < set->count; i++)
        if (etf_same(set->pids[i], pid)) {
            set->pids[i] = set->pids[--set->count];
            return true;
        }
    return false;
}
