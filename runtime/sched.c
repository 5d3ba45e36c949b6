/*
 * sched.c -- run queues, stealing, parking.
 *
 * A worker looks for work in this order: its LIFO slot (the process woken last:
 * its message is in the cache), its ring, the shared queues, other workers, and
 * then it parks. The LIFO slot yields to the ring after a streak, and the
 * shared queue comes first now and then, so that nobody starves (G13).
 *
 * A worker that parks waits in the node's loop, if no other thread does.
 *
 * No wake-up is lost (G10). A worker that makes a process runnable on its own
 * queue will run it itself, so waking others is only for speed. Whoever pushes
 * from outside, and a worker that parks, each write first (the queue;
 * `parked`), fence, and then read what the other wrote.
 */
#include "worker.h"

#define LIFO_STREAK  32u
#define SHARED_EVERY 61u
#define TIMERS_EVERY 16u
#define LOW_EVERY    64u
#define NORMAL_EVERY 8u /* while high-priority processes wait */
#define CLAIM_MAX    32u
#define SPIN_ROUNDS  64u
#define POLL_MIN_NS  50000u
#define POLL_MAX_NS  5000000u

/* ---- Shared queues
 * ------------------------------------------------------------ */

static void shared_push(struct shared_queue *q, struct process *first,
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

static void update_length(struct worker *w)
{
    store_relaxed(&w->length, w->tail - w->head + (w->lifo != NULL));
}

/* Sends half of a full ring to the shared queue. The lock is held. */
static void spill(struct worker *w)
{
    struct process *first = NULL, *last = NULL;
    uint32_t i;

    for (i = 0; i < RING_SIZE / 2; i++) {
        struct process *p = w->ring[w->head++ % RING_SIZE];

        if (first == NULL)
            first = p;
        else
            last->run_next = p;
        last = p;
    }
    shared_push(&w->rt->normal, first, last, RING_SIZE / 2);
}

static void ring_push(struct worker *w, struct process *p)
{
    if (w->tail - w->head == RING_SIZE)
        spill(w);
    w->ring[w->tail++ % RING_SIZE] = p;
}

static void local_push(struct worker *w, struct process *p, bool fresh)
{
    struct process *out = p;

    rt__owner_enter(&w->lock);
    if (!fresh) {
        out = w->lifo;
        w->lifo = p;
    }
    if (out != NULL)
        ring_push(w, out);
    update_length(w);
    rt__owner_leave(&w->lock);
    if (load_relaxed(&w->length) >= STEAL_FROM &&
        load_relaxed(&w->rt->parked) > 0)
        rt__wake_one(w->rt);
}

static struct process *local_pop(struct worker *w)
{
    struct process *p = NULL;

    if (load_relaxed(&w->length) == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    if (w->lifo != NULL &&
        (w->lifo_streak < LIFO_STREAK || w->head == w->tail)) {
        p = w->lifo;
        w->lifo = NULL;
        w->lifo_streak++;
    } else if (w->head != w->tail) {
        p = w->ring[w->head++ % RING_SIZE];
        w->lifo_streak = 0;
    }
    update_length(w);
    rt__owner_leave(&w->lock);
    return p;
}

/* ---- Making runnable
 * ----------------------------------------------------------------- */

static void wake_external(struct rt *rt, struct process *p)
{
    struct gen *gen = p->gen;

    /* Release pairs with the acquire of the thread that waits: run.c. */
    (void)add_acq_rel(&gen->wake_word, 1u);
    rt->world->wake(rt->world->ctx, &gen->wake_word, 1);
}

void rt__schedule(struct rt *rt, struct worker *worker, struct process *p,
                  bool fresh)
{
    if (load_relaxed(&p->door) & DOOR_EXTERNAL) {
        wake_external(rt, p);
        return;
    }
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNABLE);
    if (rt->simulated) {
        shared_push(&rt->sim_queue, p, p, 1);
        return;
    }
    if (__builtin_expect(rt__priority(p) != RT_PRIORITY_NORMAL, 0)) {
        shared_push(rt__priority(p) == RT_PRIORITY_HIGH ? &rt->high : &rt->low,
                    p, p, 1);
        fence_seq_cst(); /* the queue, then `parked`: pairs with park() */
        rt__wake_one(rt);
        return;
    }
    if (worker != NULL) {
        local_push(worker, p, fresh);
        return;
    }
    shared_push(&rt->normal, p, p, 1);
    fence_seq_cst(); /* as above */
    rt__wake_one(rt);
}

bool rt__wake_worker(struct rt *rt, struct worker *w)
{
    uint32_t parked = 1;

    if (load_relaxed(&w->is_parked) == 0 ||
        !cas_acq_rel(&w->is_parked, &parked, 0u))
        return false;
    if (!w->spare)
        sub_relaxed(&rt->parked, 1u);
    add_relaxed(&rt->searching, 1u); /* on its behalf: see rt__next() */
    rt__rouse(rt, w);
    return true;
}

void rt__unpark_self(struct worker *w)
{
    uint32_t parked = 1;

    if (!cas_acq_rel(&w->is_parked, &parked, 0u))
        return; /* a waker has counted us */
    sub_relaxed(&w->rt->parked, 1u);
    w->unparked = true;
}

/* One that polls is the last choice: it serves the network meanwhile. */
void rt__wake_one(struct rt *rt)
{
    struct worker *polls = NULL;
    unsigned i;

    if (load_relaxed(&rt->parked) == 0 || load_relaxed(&rt->searching) > 0)
        return;
    for (i = 0; i < rt->worker_count; i++) {
        struct worker *w = rt->workers[i];

        if (load_relaxed(&w->polls) != 0)
            polls = w;
        else if (rt__wake_worker(rt, w))
            return;
    }
    if (polls != NULL)
        (void)rt__wake_worker(rt, polls);
}

void rt__wake_all(struct rt *rt)
{
    unsigned i;

    for (i = 0; i < rt->worker_total; i++)
        (void)rt__wake_worker(rt, rt->workers[i]);
}

/* ---- Looking for work
 * -------------------------------------------------------------------- */

/* Claims a few from the shared queue: one to run, the rest for the ring. */
static struct process *claim(struct worker *w)
{
    struct rt *rt = w->rt;
    struct shared_queue *q = &rt->normal;
    struct process *first, *p;
    uint32_t want, room;

    if (load_relaxed(&q->count) == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    rt__lock(&q->lock);
    room = RING_SIZE - (w->tail - w->head);
    want = load_relaxed(&q->count) / rt->worker_count + 1;
    if (want > CLAIM_MAX)
        want = CLAIM_MAX;
    if (want > room + 1)
        want = room + 1;
    first = p = q->first;
    for (; p != NULL && want > 0; want--) {
        if (p != first)
            w->ring[w->tail++ % RING_SIZE] = p;
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

/* What a thief takes of a victim's queue: half of the ring; all of it, and the
 * LIFO slot, when the queue has not moved since the last look. Called with the
 * ring of `w` empty. */
static struct process *rob(struct worker *w, struct worker *victim, bool stale)
{
    struct process *loot[RING_SIZE / 2];
    uint32_t count = 0, want, i;

    if (!rt__thief_enter(&victim->lock))
        return NULL;
    want = victim->tail - victim->head;
    want = stale ? want : want / 2;
    if (want > RING_SIZE / 2)
        want = RING_SIZE / 2;
    while (count < want)
        loot[count++] = victim->ring[victim->head++ % RING_SIZE];
    if (count == 0 && stale && victim->lifo != NULL) {
        loot[count++] = victim->lifo;
        victim->lifo = NULL;
    }
    update_length(victim);
    rt__thief_leave(&victim->lock);
    if (count == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    for (i = 1; i < count; i++)
        ring_push(w, loot[i]);
    update_length(w);
    rt__owner_leave(&w->lock);
    store_relaxed(&w->steals, load_relaxed(&w->steals) + count);
    return loot[0];
}

/* `looked_before`: some time has passed since the last pass over the victims.
 */
static struct process *steal(struct worker *w, bool looked_before)
{
    struct rt *rt = w->rt;
    unsigned i;

    for (i = 1; i < rt->worker_total; i++) {
        struct worker *victim = rt->workers[(w->index + i) % rt->worker_total];
        uint32_t length = load_relaxed(&victim->length);
        uint64_t picked = load_relaxed(&victim->picked);
        bool stale = looked_before && picked == w->seen[victim->index];
        struct process *p = NULL;

        w->seen[victim->index] = picked;
        if (length >= STEAL_FROM || (length > 0 && stale))
            p = rob(w, victim, stale);
        if (p != NULL)
            return p;
    }
    return NULL;
}

static struct process *by_priority(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p = NULL;

    if (load_relaxed(&rt->high.count) > 0 && w->tick % NORMAL_EVERY != 0)
        p = shared_pop(&rt->high);
    if (p == NULL && load_relaxed(&rt->low.count) > 0 &&
        w->tick % LOW_EVERY == 0)
        p = shared_pop(&rt->low);
    return p;
}

static struct process *find(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p = NULL;

    w->tick++;
    if (w->tick % TIMERS_EVERY == 0) {
        rt__timers_fire(rt, w, &w->wheel);
        rt__lazy_look(w);
    }
    if (load_relaxed(&rt->high.count) + load_relaxed(&rt->low.count) > 0)
        p = by_priority(w);
    if (p == NULL && w->tick % SHARED_EVERY == 0)
        p = claim(w);
    if (p == NULL)
        p = local_pop(w);
    if (p == NULL)
        p = claim(w);
    if (p == NULL)
        p = shared_pop(&rt->high);
    if (p == NULL)
        p = shared_pop(&rt->low);
    return p;
}

static bool work_waits(struct worker *w)
{
    struct rt *rt = w->rt;
    unsigned i;

    if (load_relaxed(&rt->normal.count) + load_relaxed(&rt->high.count) +
            load_relaxed(&rt->low.count) >
        0)
        return true;
    for (i = 0; i < rt->worker_total; i++)
        if (load_relaxed(&rt->workers[i]->length) >= STEAL_FROM)
            return true;
    return load_relaxed(&rt->stopping) != 0;
}

/* Waits until somebody wakes us, a timer is due, or it is time to look round.
 * Returns true when a waker counted us as searching already. */
static bool park(struct worker *w)
{
    struct rt *rt = w->rt;
    uint32_t seen = load_acquire(&w->park_word);
    uint32_t parked = 1;
    uint64_t deadline_ns = RT_NEVER, next_ms;

    rt__pool_flush(&w->pool);
    rt__lazy_flush(w);
    store_relaxed(&w->is_parked, 1u);
    if (!w->spare)
        add_relaxed(&rt->parked, 1u);
    fence_seq_cst(); /* `parked`, then the queues: pairs with rt__schedule() */
    next_ms = rt__timers_next_ms(rt);
    if (next_ms != RT_NEVER)
        deadline_ns = next_ms * 1000000u;
    if (!work_waits(w)) {
        if (!w->spare && load_relaxed(&rt->parked) < rt->worker_count) {
            uint64_t poll = rt->world->now_ns(rt->world->ctx) + w->poll_ns;

            if (poll < deadline_ns)
                deadline_ns = poll;
            if (w->poll_ns < POLL_MAX_NS)
                w->poll_ns *= 2;
        }
        store_relaxed(&w->parks, load_relaxed(&w->parks) + 1);
        if (!rt__poll(w, seen, deadline_ns))
            rt->world->wait(rt->world->ctx, &w->park_word, seen, deadline_ns);
    }
    if (w->unparked) {
        w->unparked = false;
        return false;
    }
    if (!cas_acq_rel(&w->is_parked, &parked, 0u))
        return true;
    if (!w->spare)
        sub_relaxed(&rt->parked, 1u);
    return false;
}

/* Looks at everything a few times before it gives up. */
static struct process *search(struct worker *w)
{
    struct process *p = steal(w, true);
    unsigned i, j;

    for (i = 0; p == NULL && i < SPIN_ROUNDS; i++) {
        for (j = 0; j < 16; j++)
            atomic_relax();
        p = claim(w);
        if (p == NULL)
            p = steal(w, false);
    }
    return p;
}

static struct process *wait_for_work(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p;
    bool counted = false;

    for (;;) {
        if (!counted)
            add_relaxed(&rt->searching, 1u);
        rt__timers_fire(rt, w, &w->wheel);
        rt__timers_fire(rt, w, &rt->shared_wheel);
        p = find(w);
        /* What this worker has for other nodes goes out when it polls. */
        if (p == NULL)
            p = rt__may_poll(w) ? steal(w, true) : search(w);
        /* The last to look: somebody must go on. `searching`, then the queues:
         * pairs with rt__schedule(). */
        if (sub_acq_rel(&rt->searching, 1u) == 1 && p != NULL) {
            fence_after_rmw();
            if (work_waits(w))
                rt__wake_one(rt);
        }
        if (p != NULL || load_acquire(&rt->stopping) != 0)
            break;
        counted = park(w);
    }
    if (p != NULL)
        w->poll_ns = POLL_MIN_NS;
    return p;
}

/* A spare that is not needed any more gives its queue to the others. */
static void retire(struct worker *w)
{
    struct process *p;

    rt__timers_fire(w->rt, w, &w->wheel); /* nobody else does */
    while ((p = local_pop(w)) != NULL)
        shared_push(&w->rt->normal, p, p, 1);
    fence_seq_cst(); /* as in rt__schedule() */
    rt__wake_one(w->rt);
    if (park(w))
        sub_relaxed(&w->rt->searching, 1u);
}

struct process *rt__next(struct worker *w)
{
    struct process *p;

    if (w->rt->simulated) {
        p = w->sim_next;
        w->sim_next = NULL;
        return p;
    }
    if (__builtin_expect(load_relaxed(&w->rt->stopping) != 0, 0))
        return NULL;
    while (w->spare && load_relaxed(&w->rt->stuck) == 0 &&
           load_relaxed(&w->rt->stopping) == 0)
        retire(w);
    p = find(w);
    if (p == NULL)
        p = wait_for_work(w);
    if (load_relaxed(&w->rt->watchdog_asleep) != 0)
        rt__watchdog_poke(w->rt);
    store_relaxed(&w->picked, load_relaxed(&w->picked) + 1);
    return p;
}
