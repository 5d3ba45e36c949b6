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
    size_t size = CHUNK_SLOTS * (sizeof(struct process) + sizeof(void *));
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
    __atomic_store_n(&rt->chunks[index], chunk, __ATOMIC_RELEASE);
    store_release(&rt->chunk_count, index + 1);
    return true;
}

/* One free slot; slab_lock is held. Slot 0 is never given out: its pid could be
 * taken for none. */
static bool take_slot(struct rt *rt, uint32_t *slot)
{
    if (rt->slot_next == 0)
        rt->slot_next = 1;
    /* Fresh ones first while few wait: old pids stay dead for longer. */
    if (rt->free_count > 1024 ||
        (rt->slot_next >= rt->options.processes_max && rt->free_count > 0)) {
        *slot = rt->free_slots[rt->free_first];
        rt->free_first = (rt->free_first + 1) % rt->free_capacity;
        rt->free_count--;
        return true;
    }
    if (rt->slot_next >= rt->options.processes_max)
        return false;
    if (rt->slot_next >> CHUNK_BITS >= load_relaxed(&rt->chunk_count) &&
        !add_chunk(rt, rt->slot_next >> CHUNK_BITS))
        return false;
    *slot = rt->slot_next++;
    return true;
}

void rt__count_process(struct rt *rt, bool more)
{
    uint64_t now;

    if (!more) {
        sub_relaxed(&rt->processes, 1u);
        return;
    }
    now = add_relaxed(&rt->processes, 1u) + 1;

    if (now > load_relaxed(&rt->processes_peak))
        store_relaxed(&rt->processes_peak, now);
}

struct process *rt__slot_get(struct rt *rt, struct worker *worker)
{
    uint32_t slot = 0;
    bool found = false;

    if (worker != NULL && worker->slot_count > 0) {
        slot = worker->slots[--worker->slot_count];
        rt__count_process(rt, true);
        return rt__slot(rt, slot);
    }
    rt__lock(&rt->slab_lock);
    found = take_slot(rt, &slot);
    if (found && worker != NULL)
        while (worker->slot_count < SLOT_CACHE / 2 &&
               take_slot(rt, &worker->slots[worker->slot_count]))
            worker->slot_count++;
    rt__unlock(&rt->slab_lock);
    if (!found)
        return NULL;
    rt__count_process(rt, true);
    return rt__slot(rt, slot);
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

    rt__count_process(rt, false);
    if (load_relaxed(&p->generation) == 0)
        return; /* wrapped: retired */
    if (worker != NULL && worker->slot_count < SLOT_CACHE) {
        worker->slots[worker->slot_count++] = p->slot;
        return;
    }
    rt__lock(&rt->slab_lock);
    if (worker != NULL) {
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
        for (j = 0; j < CHUNK_SLOTS; j++) {
            free(*rt__limits(rt, &rt->chunks[i][j]));
            free(load_relaxed(&rt->chunks[i][j].names));
        }
        free(rt->chunks[i]);
    }
    free(rt->free_slots);
}
