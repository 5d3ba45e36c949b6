/*
 * run_queue.h -- what sched.c and idle.c share: the queues of runnable
 * processes.
 *
 * Private to runtime/. The ring of a worker is guarded by its lock; others look
 * at its ends and its length without.
 */
#ifndef RT_RUN_QUEUE_H
#define RT_RUN_QUEUE_H

#include "worker.h"

/* ---- The ring: the lock is held, but for looks --------------------------- */

static inline uint32_t ring_count(const struct worker *w)
{
    return load_relaxed(&w->tail) - load_relaxed(&w->head);
}

static inline struct process *ring_take(struct worker *w)
{
    uint32_t head = load_relaxed(&w->head);

    store_relaxed(&w->head, head + 1);
    return w->ring[head % RING_SIZE];
}

static inline void ring_put(struct worker *w, struct process *p)
{
    uint32_t tail = load_relaxed(&w->tail);

    w->ring[tail % RING_SIZE] = p;
    store_relaxed(&w->tail, tail + 1);
}

static inline void update_length(struct worker *w)
{
    store_relaxed(&w->length, ring_count(w) + (w->lifo != NULL));
}

/* Sends half of a full ring to the shared queue. */
void rt__spill(struct worker *w);

/* Appends to the ring, whose lock is held. */
static inline void rt__ring_push(struct worker *w, struct process *p)
{
    if (__builtin_expect(ring_count(w) == RING_SIZE, 0))
        rt__spill(w);
    ring_put(w, p);
}

/* ---- sched.c ------------------------------------------------------------- */

void rt__shared_push(struct shared_queue *q, struct process *first,
                     struct process *last, uint32_t count);
/* A process of the worker's own queue, or NULL. */
struct process *rt__local_pop(struct worker *w);
/* Claims a few from the shared queue: one to run, the rest for the ring. */
struct process *rt__claim(struct worker *w);
/* What to run next of what needs no theft, or NULL. */
struct process *rt__find(struct worker *w);

/* ---- gather.c ------------------------------------------------------------ */

/* `p`, which runs on `w`, has handled `messages` since it was here last, and
 * has more than that in its queue still: its senders elsewhere may be wanted.
 */
void rt__gather(struct worker *w, const struct process *p, uint64_t now_ns,
                uint32_t messages);
/* Where a sender to that pid should go on; NULL: where it is. */
struct worker *rt__wanted_by(struct worker *w, etf_term to);
/* Queues a process at another worker. The caller owns it. */
void rt__visit(struct worker *host, struct process *p);
/* Puts all visitors of `host` in the ring of `w`, the calling one. false: there
 * were none. */
bool rt__admit(struct worker *w, struct worker *host);

/* ---- idle.c -------------------------------------------------------------- */

/* Wakes a worker for what waits in a queue, unless one is looking, or those
 * that are idle have been called in vain. */
void rt__call_one(struct rt *rt);
/* The same, at the end of a turn that others wait for: only when operations of
 * this worker take so long that a thief may have what waits. A short queue
 * calls nobody else. */
void rt__call_if_slow(struct worker *w);
/* Timers have fired, and what they made runnable waits here: most processes do
 * little then, so nobody is called for it until the first has run, and only if
 * that took long. */
void rt__call_later(struct worker *w, uint64_t now_ns);
/* The time has come to see. */
void rt__call_now(struct worker *w);

/* Puts a process in the queue of the calling worker: the next to run, or, if it
 * is `fresh`, behind the others. */
static inline void rt__local_push(struct worker *w, struct process *p,
                                  bool fresh)
{
    struct process *out = p;

    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNABLE);
    rt__owner_enter(&w->lock);
    if (!fresh) {
        out = w->lifo;
        w->lifo = p;
    }
    if (out != NULL)
        rt__ring_push(w, out);
    update_length(w);
    rt__owner_leave(&w->lock);
    if (__builtin_expect(load_relaxed(&w->length) >= CALL_FROM, 0) &&
        load_relaxed(&w->rt->callable) > 0 && !w->fires)
        rt__call_one(w->rt);
}

/* What to run next, when rt__find() has found nothing. NULL: stopping. */
struct process *rt__wait_for_work(struct worker *w);
/* A spare that is not needed any more gives its queue to the others. */
void rt__retire(struct worker *w);

#endif
