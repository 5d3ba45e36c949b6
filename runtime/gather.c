/*
 * gather.c -- senders come to the worker of a receiver that they overrun.
 *
 * A receiver whose senders run on two workers loses twice: the line of its
 * inbox travels for each push, and the worker that only sends is ahead of it,
 * so that what waits grows out of the caches. Where all take turns on one
 * worker, a receiver that has caught up runs after each of its senders, and
 * little is on its way.
 *
 * So a receiver that is behind, whose messages take less than it costs to fetch
 * them from another processor's cache, and whose next one was made by another
 * worker, leaves word there. Who has just spent a whole budget, and is about to
 * send to it, moves: it becomes a visitor of the receiver's worker (visitors.h)
 * and stays there, like all that is woken there. What computes for longer
 * between its messages has a receiver that is not behind, or does not spend a
 * budget in one turn.
 *
 * Visitors are let in by the worker when it looks round or runs out of work,
 * and by thieves when it has been in one turn since they looked before.
 */
#include "run_queue.h"

#define QUICK_NS 100u /* a message, handled: it is worth gathering for */

/* Whom a worker wants, and where: the number of a slot, the low bits of its
 * generation, the index of the worker. Never 0: slot 0 is not used. */
static uint64_t word_for(uint32_t slot, uint32_t generation, uint16_t index)
{
    return (uint64_t)generation << 36 | (uint64_t)slot << 8 | index;
}

_Static_assert(WORKERS_MAX + SPARES <= 256 && SLOT_BITS == 28,
               "index and slot fit");

void rt__gather(struct worker *w, const struct process *p, uint64_t now_ns,
                uint32_t messages)
{
    uint64_t took_ns = now_ns - w->behind_ns;
    bool same = w->behind == p;
    uint16_t from = p->queue->owner;

    w->behind = p;
    w->behind_ns = now_ns;
    if (same && took_ns < (uint64_t)messages * QUICK_NS && from != w->index &&
        from < w->rt->worker_total)
        store_relaxed(
            &w->rt->workers[from]->wanted,
            word_for(p->slot, load_relaxed(&p->generation), w->index));
}

struct worker *rt__wanted_by(struct worker *w, etf_term to)
{
    uint64_t word = load_relaxed(&w->wanted);
    uint16_t index = word & 0xffu;

    if (word != word_for(etf__pid_slot(to), etf__pid_generation(to), index))
        return NULL;
    store_relaxed(&w->wanted, 0u); /* one for each word */
    return index != w->index ? w->rt->workers[index] : NULL;
}

void rt__visit(struct worker *host, struct process *p)
{
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNABLE);
    rt__visitors_push(&host->visitors, p);
    fence_seq_cst(); /* `visitors`, then `is_parked`: pairs with park() */
    if (load_relaxed(&host->is_parked) != PARKED_NOT)
        (void)rt__wake_worker(host->rt, host);
}

bool rt__admit(struct worker *w, struct worker *host)
{
    struct process *p = rt__visitors_take(&host->visitors);
    bool any = p != NULL;

    if (!any)
        return false;
    rt__owner_enter(&w->lock);
    while (p != NULL) {
        struct process *next = p->run_next;

        rt__ring_push(w, p);
        p = next;
    }
    update_length(w);
    rt__owner_leave(&w->lock);
    return true;
}
