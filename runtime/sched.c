/*
 * sched.c -- run queues: who runs next on a worker.
 *
 * A worker looks for work in this order: its LIFO slot (the process woken last:
 * its message is in the cache), its ring, the shared queues; then it is idle
 * (idle.c). The LIFO slot yields to the ring after a streak, and the shared
 * queue comes first now and then, so that nobody starves (G13).
 *
 * No wake-up is lost (G10). A worker that makes a process runnable on its own
 * queue will run it itself, so calling others is only for speed. Whoever pushes
 * from outside, and a worker that parks, each write first (the queue;
 * `parked`), fence, and then read what the other wrote.
 */
#include "run_queue.h"

#define LIFO_STREAK  32u
#define SHARED_EVERY 64u /* a multiple of TIMERS_EVERY */
#define TIMERS_EVERY 16u /* both also when time has passed: look_round() */
#define LOW_EVERY    64u /* half-way between two claims: SHARED_EVERY */
#define NORMAL_EVERY 8u  /* while high-priority processes wait */
#define CLAIM_MAX    32u

/* ---- Shared queues
 * ------------------------------------------------------------ */

void rt__shared_push(struct shared_queue *q, struct process *first,
                     struct process *last, uint32_t count)
{
    last->run_next = NULL;
    rt__lock(&q->lock);
    if (q->last == NULL)
        q->first = first;
    else
        q->last->run_next = first;
    q->last = last;
    store_relaxed(&q->count, load_relaxed(&q->count) + count);
    rt__unlock(&q->lock);
}

static struct process *shared_pop(struct shared_queue *q)
{
    struct process *p;

    if (load_relaxed(&q->count) == 0)
        return NULL;
    rt__lock(&q->lock);
    p = q->first;
    if (p != NULL) {
        q->first = p->run_next;
        if (q->first == NULL)
            q->last = NULL;
        store_relaxed(&q->count, load_relaxed(&q->count) - 1);
    }
    rt__unlock(&q->lock);
    return p;
}

struct process *rt__sim_take(struct rt *rt, size_t index)
{
    struct shared_queue *q = &rt->sim_queue;
    struct process **link = &q->first;
    struct process *before = NULL, *p;

    while (index-- > 0) {
        before = *link;
        link = &(*link)->run_next;
    }
    p = *link;
    *link = p->run_next;
    if (q->last == p)
        q->last = before;
    store_relaxed(&q->count, load_relaxed(&q->count) - 1);
    return p;
}

/* ---- The local queue
 * ------------------------------------------------------------- */

void rt__spill(struct worker *w)
{
    struct process *first = NULL, *last = NULL;
    uint32_t i;

    for (i = 0; i < RING_SIZE / 2; i++) {
        struct process *p = ring_take(w);

        if (first == NULL)
            first = p;
        else
            last->run_next = p;
        last = p;
    }
    rt__shared_push(&w->rt->normal, first, last, RING_SIZE / 2);
}

static void fetch(const void *p, size_t size)
{
    /* Nothing has come for it: there is no block, and no address to count from.
     */
    if (p == NULL)
        return;
    for (size_t at = 0; at < size; at += 64)
        __builtin_prefetch((const char *)p + at);
}

/* Asks for the memory of those who are next in the ring, whose lock is held:
 * where many wait with stacks of their own each turn would be a row of misses,
 * one after the other. Of the third from here the process, then its stack and
 * what woke it, then where on the stack it is. */
static void look_ahead(const struct worker *w)
{
    uint32_t head = load_relaxed(&w->head);
    uint32_t waiting = load_relaxed(&w->tail) - head;
    const struct process *p;

    if (waiting > 2)
        fetch(w->ring[(head + 2) % RING_SIZE], sizeof *p);
    if (waiting > 1) {
        p = w->ring[(head + 1) % RING_SIZE];
        fetch(load_relaxed(&p->inbox), 64);
        if (rt__gen(p) != NULL)
            fetch(rt__gen(p), offsetof(struct gen, message));
    }
    if (waiting > 0) {
        p = w->ring[head % RING_SIZE];
        if (rt__gen(p) != NULL)
            fetch(rt__gen(p)->context, 512);
    }
}

static inline struct process *local_pop(struct worker *w)
{
    struct process *p = NULL;

    if (load_relaxed(&w->length) == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    if (w->lifo != NULL &&
        (w->lifo_streak < LIFO_STREAK || ring_count(w) == 0)) {
        p = w->lifo;
        w->lifo = NULL;
        w->lifo_streak++;
    } else if (ring_count(w) != 0) {
        p = ring_take(w);
        w->lifo_streak = 0;
        look_ahead(w);
    }
    update_length(w);
    rt__owner_leave(&w->lock);
    return p;
}

struct process *rt__local_pop(struct worker *w)
{
    return local_pop(w);
}

/* ---- Making runnable
 * ----------------------------------------------------------------- */

static void wake_external(struct rt *rt, struct process *p)
{
    struct gen *gen = rt__gen(p);

    /* Release pairs with the acquire of the thread that waits: run.c. */
    (void)add_acq_rel(&gen->wake_word, 1u);
    rt->world->wake(rt->world->ctx, &gen->wake_word, 1);
}

static void schedule_elsewhere(struct rt *rt, struct process *p)
{
    struct shared_queue *q = &rt->normal;

    if ((load_relaxed(&p->door) & DOOR_EXTERNAL) != 0) {
        wake_external(rt, p);
        return;
    }
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNABLE);
    if (rt->simulated) {
        rt__shared_push(&rt->sim_queue, p, p, 1);
        return;
    }
    if (rt__priority(p) != RT_PRIORITY_NORMAL)
        q = rt__priority(p) == RT_PRIORITY_HIGH ? &rt->high : &rt->low;
    rt__shared_push(q, p, p, 1);
    fence_seq_cst(); /* the queue, then `parked`: pairs with park() */
    rt__wake_one(rt);
}

void rt__schedule(struct rt *rt, struct worker *worker, struct process *p,
                  bool fresh)
{
    bool usual =
        (load_relaxed(&p->door) & (DOOR_EXTERNAL | 3u * DOOR_PRIORITY)) == 0;

    if (__builtin_expect(usual && worker != NULL && !rt->simulated, 1))
        rt__local_push(worker, p, fresh);
    else
        schedule_elsewhere(rt, p);
}

/* ---- Looking for work
 * -------------------------------------------------------------------- */

/* Claims a few from the shared queue: one to run, the rest for the ring. */
struct process *rt__claim(struct worker *w)
{
    struct rt *rt = w->rt;
    struct shared_queue *q = &rt->normal;
    struct process *first, *p;
    uint32_t want, room;

    if (load_relaxed(&q->count) == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    rt__lock(&q->lock);
    room = RING_SIZE - ring_count(w);
    want = load_relaxed(&q->count) / rt->worker_count + 1;
    if (want > CLAIM_MAX)
        want = CLAIM_MAX;
    if (want > room + 1)
        want = room + 1;
    first = p = q->first;
    for (; p != NULL && want > 0; want--) {
        if (p != first)
            ring_put(w, p);
        store_relaxed(&q->count, load_relaxed(&q->count) - 1);
        p = p->run_next;
    }
    q->first = p;
    if (p == NULL)
        q->last = NULL;
    rt__unlock(&q->lock);
    update_length(w);
    rt__owner_leave(&w->lock);
    return first;
}

static struct process *by_priority(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p = NULL;

    if (load_relaxed(&rt->high.count) > 0 && w->tick % NORMAL_EVERY != 0)
        p = shared_pop(&rt->high);
    if (p == NULL && load_relaxed(&rt->low.count) > 0 &&
        w->tick % LOW_EVERY == LOW_EVERY / 2)
        p = shared_pop(&rt->low);
    return p;
}

/* What comes before the worker's own queue now and then. */
static __attribute__((noinline)) struct process *look_round(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p = NULL;
    uint64_t clock_ns = load_relaxed(&rt->clock_ns);
    bool passed = w->clock_ns != clock_ns; /* time, since it did so last */

    if (load_relaxed(&rt->high.count) + load_relaxed(&rt->low.count) > 0)
        p = by_priority(w);
    if (w->tick % TIMERS_EVERY == 0 || passed) {
        w->clock_ns = clock_ns;
        rt__timers_fire(rt, w, &w->wheel);
        rt__timers_fire(rt, w, &rt->shared_wheel);
        rt__lazy_look(w);
        if (load_relaxed(&rt->watermark.level) != RT_MEMORY_OK)
            (void)rt__pool_count(&w->pool, POOL_COUNT_STEP);
        (void)rt__admit(w, w);
        /* Its own are let in between: each turn may take a slice. */
        if (p == NULL &&
            (w->tick % SHARED_EVERY == 0 || (passed && w->tick % 2 == 0)))
            p = rt__claim(w);
    }
    if (w->later_ns != 0)
        rt__call_now(w);
    return p;
}

/* What comes after it. */
static __attribute__((noinline)) struct process *find_shared(struct worker *w)
{
    struct process *p = rt__admit(w, w) ? local_pop(w) : rt__claim(w);

    if (p == NULL)
        p = shared_pop(&w->rt->high);
    if (p == NULL)
        p = shared_pop(&w->rt->low);
    return p;
}

static inline struct process *find(struct worker *w)
{
    const struct rt *rt = w->rt;
    struct process *p = NULL;

    w->tick++;
    if (__builtin_expect(w->tick % TIMERS_EVERY == 0 ||
                             w->clock_ns != load_relaxed(&rt->clock_ns) ||
                             load_relaxed(&rt->high.count) +
                                     load_relaxed(&rt->low.count) >
                                 0,
                         0))
        p = look_round(w);
    if (p == NULL)
        p = local_pop(w);
    return p == NULL ? find_shared(w) : p;
}

struct process *rt__find(struct worker *w)
{
    return find(w);
}

struct process *rt__next(struct worker *w)
{
    struct process *p;

    if (__builtin_expect(w->rt->simulated, 0)) {
        p = w->sim_next;
        w->sim_next = NULL;
        if (p != NULL)
            store_relaxed(&w->picked, load_relaxed(&w->picked) + 1);
        return p;
    }
    if (__builtin_expect(load_relaxed(&w->rt->stopping) != 0, 0))
        return NULL;
    while (w->spare && load_relaxed(&w->rt->stuck) == 0 &&
           load_relaxed(&w->rt->stopping) == 0)
        rt__retire(w);
    p = find(w);
    if (__builtin_expect(p == NULL, 0))
        p = rt__wait_for_work(w);
    store_relaxed(&w->picked, load_relaxed(&w->picked) + 1);
    return p;
}
