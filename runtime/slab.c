/*
 * slab.c -- memory for processes, found by number, never given back.
 *
 * A slot is a process structure for as long as the runtime exists, so a stale
 * pid leads to readable memory, and the generation says that it is stale. Only
 * the owner of a slot writes its generation, before the mailbox is drained.
 * Workers keep a few free slots of their own; the rest wait first in, first
 * out, so that none is used again at once. A slot whose generation would wrap
 * is retired.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

static bool add_chunk(struct rt *rt, uint32_t index)
{
    size_t size = CHUNK_SLOTS * sizeof(struct process);
    struct process *chunk = aligned_alloc(64, size);
    uint32_t i;

    if (chunk == NULL)
        return false;
    memset(chunk, 0, size);
    for (i = 0; i < CHUNK_SLOTS; i++) {
        store_relaxed(&chunk[i].inbox, MAILBOX_DEAD);
        store_relaxed(&chunk[i].generation, 1u);
        chunk[i].slot = index << CHUNK_BITS | i;
    }
    /* Release pairs with the acquire in rt__slot(). */
    store_release(&rt->chunks[index], chunk);
    store_release(&rt->chunk_count, index + 1);
    return true;
}

/* One free slot; slab_lock is held. Slot 0 is never given out: its pid could be
 * taken for none. */
static enum agner_err take_slot(struct rt *rt, uint32_t *slot)
{
    if (rt->slot_next == 0)
        rt->slot_next = 1;
    /* Fresh ones first while few wait: old pids stay dead for longer. */
    if (rt->free_count > 1024 ||
        (rt->slot_next >= rt->options.processes_max && rt->free_count > 0)) {
        *slot = rt->free_slots[rt->free_first];
        rt->free_first = (rt->free_first + 1) % rt->free_capacity;
        rt->free_count--;
        return AGNER_OK;
    }
    if (rt->slot_next >= rt->options.processes_max)
        return AGNER_ELIMIT;
    if (rt->slot_next >> CHUNK_BITS >= load_relaxed(&rt->chunk_count) &&
        !add_chunk(rt, rt->slot_next >> CHUNK_BITS))
        return AGNER_ENOMEM;
    *slot = rt->slot_next++;
    return AGNER_OK;
}

/* May workers keep free slots? Where there are few, all are for everybody. */
static bool has_many(const struct rt *rt)
{
    return rt->options.processes_max / 8 >= SLOT_CACHE * rt->worker_total;
}

void rt__count_process(struct rt *rt, struct worker *w, bool more)
{
    uint64_t by = more ? 1 : UINT64_MAX;

    if (w == NULL)
        add_relaxed(&rt->processes, by);
    else
        store_relaxed(&w->processes, load_relaxed(&w->processes) + by);
}

/* A share may be below zero, and wraps; the sum does not. */
uint64_t rt__process_count(struct rt *rt)
{
    uint64_t count = load_relaxed(&rt->processes);
    unsigned i;

    for (i = 0; i < rt->worker_total; i++)
        count += load_relaxed(&rt->workers[i]->processes);
    return count;
}

/* slab_lock is held: whenever somebody fetches slots. */
static void note_peak(struct rt *rt)
{
    uint64_t count = rt__process_count(rt);

    if (count > load_relaxed(&rt->processes_peak))
        store_relaxed(&rt->processes_peak, count);
}

enum agner_err rt__slot_get(struct rt *rt, struct worker *worker,
                            struct process **p)
{
    uint32_t slot = 0;
    enum agner_err err;

    if (worker != NULL && worker->slot_count > 0) {
        slot = worker->slots[--worker->slot_count];
        rt__count_process(rt, worker, true);
        *p = rt__slot(rt, slot);
        return AGNER_OK;
    }
    rt__lock(&rt->slab_lock);
    err = take_slot(rt, &slot);
    if (err == AGNER_OK && worker != NULL && has_many(rt))
        while (worker->slot_count < SLOT_CACHE / 2 &&
               take_slot(rt, &worker->slots[worker->slot_count]) == AGNER_OK)
            worker->slot_count++;
    note_peak(rt);
    rt__unlock(&rt->slab_lock);
    if (err == AGNER_ELIMIT)
        add_relaxed(&rt->processes_refused, 1u);
    if (err != AGNER_OK)
        return err;
    rt__count_process(rt, worker, true);
    *p = rt__slot(rt, slot);
    return AGNER_OK;
}

/* slab_lock is held. A slot that finds no room in the list is lost: that costs
 * its memory, never an error. */
static void give_slot(struct rt *rt, uint32_t slot)
{
    if (rt->free_count == rt->free_capacity) {
        uint32_t capacity = rt->free_capacity * 2 + 4096;
        uint32_t *slots = malloc(capacity * sizeof *slots);
        uint32_t i;

        if (slots == NULL)
            return;
        for (i = 0; i < rt->free_count; i++)
            slots[i] = rt->free_slots[(rt->free_first + i) % rt->free_capacity];
        free(rt->free_slots);
        rt->free_slots = slots;
        rt->free_first = 0;
        rt->free_capacity = capacity;
    }
    rt->free_slots[(rt->free_first + rt->free_count) % rt->free_capacity] =
        slot;
    rt->free_count++;
}

void rt__slot_put(struct rt *rt, struct worker *worker, struct process *p)
{
    unsigned i;

    rt__count_process(rt, worker, false);
    if (load_relaxed(&p->generation) == 0)
        return; /* wrapped: retired */
    if (worker != NULL && worker->slot_count < SLOT_CACHE && has_many(rt)) {
        worker->slots[worker->slot_count++] = p->slot;
        return;
    }
    rt__lock(&rt->slab_lock);
    if (worker != NULL && has_many(rt)) {
        for (i = SLOT_CACHE / 2; i < SLOT_CACHE; i++)
            give_slot(rt, worker->slots[i]);
        worker->slot_count = SLOT_CACHE / 2;
    }
    give_slot(rt, p->slot);
    rt__unlock(&rt->slab_lock);
}

void rt__slab_fini(struct rt *rt)
{
    uint32_t i, j;

    for (i = 0; i < load_relaxed(&rt->chunk_count); i++) {
        struct process *chunk = load_relaxed(&rt->chunks[i]);

        for (j = 0; j < CHUNK_SLOTS; j++) {
            free(rt__limits(rt, &chunk[j]));
            free(load_relaxed(&chunk[j].names));
        }
        free(load_relaxed(&rt->limits[i]));
        free(chunk);
    }
    free(rt->free_slots);
}
