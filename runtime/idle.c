/*
 * idle.c -- a worker without work: stealing, parking, being woken.
 *
 * An idle worker looks at the queues of the others for a while, then it parks:
 * in the node's loop, if no other thread waits there.
 *
 * Help costs: a wake-up costs the waker microseconds, a theft makes the
 * victim's processor pass a barrier, and what is moved finds its memory, and
 * that of its messages, in the cache of the other processor: most of a
 * microsecond for each message. So what is done before help arrives is not
 * worth it, and processes that send and receive faster than that are done
 * sooner where they are, however many wait. A thief takes what has waited since
 * it looked before when an operation of that worker takes SHORT_NS or more;
 * what has waited for OLD_NS in any case; and all that waits behind a single
 * turn that lasts. A worker that was called for a queue and did not get
 * WORTH_NS of work out of it naps: until its nap is over nobody calls it for a
 * queue, and then it looks by itself. Naps double while calls are in vain. So a
 * load that one worker does by itself costs a call each nap.
 */
#include "run_queue.h"

#define SPIN_NS     20000u /* of looking again and again for what may come */
#define LOOK_NS     50000u /* between two looks at the same queue */
#define SHORT_NS    500u /* an operation that is shorter is not worth a move */
#define OLD_NS      2000000u /* what has waited for so long is */
#define LOOT_MAX    128u
#define PAUSES      32u     /* between looks at what others write */
#define WORTH_NS    100000u /* from a call to parking again */
#define LATER_NS    20000u  /* a turn that others wait for: they get help */
#define NAP_MIN_NS  50000u
#define NAP_MAX_NS  800000u
#define POLL_MIN_NS 50000u
#define POLL_MAX_NS 5000000u

/* ---- Waking
 * -------------------------------------------------------------------- */

/* It is `was` no more, and no other waker has it. */
static void unparked(struct worker *w, uint32_t was)
{
    if (w->spare)
        return;
    sub_relaxed(&w->rt->parked, 1u);
    if (was == PARKED_CALLABLE)
        sub_relaxed(&w->rt->callable, 1u);
}

bool rt__wake_worker(struct rt *rt, struct worker *w)
{
    uint32_t was = load_relaxed(&w->is_parked);

    if (was == PARKED_NOT || !cas_acq_rel(&w->is_parked, &was, PARKED_NOT))
        return false;
    unparked(w, was);
    add_relaxed(&rt->searching, 1u); /* on its behalf: see rt__next() */
    rt__rouse(rt, w);
    return true;
}

void rt__unpark_self(struct worker *w)
{
    uint32_t was = load_relaxed(&w->is_parked);

    if (was == PARKED_NOT || !cas_acq_rel(&w->is_parked, &was, PARKED_NOT))
        return; /* a waker has counted us */
    unparked(w, was);
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

void rt__call_one(struct rt *rt)
{
    struct worker *polls = NULL, *found = NULL;
    unsigned i;

    if (load_relaxed(&rt->searching) > 0)
        return;
    for (i = 0; i < rt->worker_count && found == NULL; i++) {
        struct worker *w = rt->workers[i];

        if (load_relaxed(&w->is_parked) != PARKED_CALLABLE)
            continue;
        if (load_relaxed(&w->polls) != 0)
            polls = w;
        else
            found = w;
    }
    if (found == NULL)
        found = polls;
    if (found == NULL)
        return;
    store_relaxed(&found->called, 1u);
    (void)rt__wake_worker(rt, found);
}

void rt__call_if_slow(struct worker *w)
{
    uint64_t now_ns = w->rt->world->now_ns(w->rt->world->ctx);
    uint64_t operations = load_relaxed(&w->operations);
    uint64_t took_ns = now_ns - w->slow_ns;
    bool slow = took_ns >= (operations - w->slow_operations) * SHORT_NS;

    w->slow_ns = now_ns;
    w->slow_operations = operations;
    if (slow)
        rt__call_one(w->rt);
}

/* The next rt__find() but one looks: rt__call_now(). */
void rt__call_later(struct worker *w, uint64_t now_ns)
{
    if (load_relaxed(&w->length) < CALL_FROM)
        return;
    w->later_ns = now_ns;
    w->later_picked = load_relaxed(&w->picked);
    w->clock_ns = RT_NEVER;
}

void rt__call_now(struct worker *w)
{
    const struct rt_world *world = w->rt->world;
    bool slow;

    if (load_relaxed(&w->picked) == w->later_picked) {
        w->clock_ns = RT_NEVER; /* none of them has run yet */
        return;
    }
    slow = world->now_ns(world->ctx) - w->later_ns >= LATER_NS;
    w->later_ns = 0;
    if (slow && load_relaxed(&w->length) > 0 &&
        load_relaxed(&w->rt->callable) > 0)
        rt__call_one(w->rt);
}

/* ---- Stealing
 * ------------------------------------------------------------------ */

/* What a thief takes of a victim's queue: half of the ring; all of it, or else
 * the LIFO slot, when the victim has run nobody else since the last look.
 * Called with the ring of `w` empty. */
static struct process *rob(struct worker *w, struct worker *victim, bool stuck)
{
    struct process *loot[LOOT_MAX];
    uint32_t count = 0, want, i;

    if (!rt__thief_enter(&victim->lock))
        return NULL;
    want = ring_count(victim);
    want = stuck ? want : (want + 1) / 2;
    if (want > LOOT_MAX)
        want = LOOT_MAX;
    while (count < want)
        loot[count++] = ring_take(victim);
    if (count == 0 && stuck && victim->lifo != NULL) {
        loot[count++] = victim->lifo;
        victim->lifo = NULL;
    }
    update_length(victim);
    rt__thief_leave(&victim->lock);
    if (count == 0)
        return NULL;
    rt__owner_enter(&w->lock);
    for (i = 1; i < count; i++)
        rt__ring_push(w, loot[i]);
    update_length(w);
    rt__owner_leave(&w->lock);
    store_relaxed(&w->steals, load_relaxed(&w->steals) + count);
    return loot[0];
}

/* `operations` were done by now, and what waited at the mark waits still. */
static bool is_worth_it(const struct seen *mark, uint64_t operations,
                        uint64_t now_ns)
{
    uint64_t waited_ns = now_ns - mark->since_ns;

    return waited_ns >= OLD_NS ||
           (waited_ns >= LOOK_NS &&
            waited_ns >= (operations - mark->operations) * SHORT_NS);
}

/* Looks at a victim's queue, and takes of it what is worth it. */
static struct process *look_at(struct worker *w, struct worker *victim,
                               uint64_t now_ns, bool take)
{
    struct seen *seen = &w->seen[victim->index];
    uint64_t picked = load_relaxed(&victim->picked);
    uint64_t operations = load_relaxed(&victim->operations);
    uint32_t head = load_relaxed(&victim->head);
    uint32_t tail = load_relaxed(&victim->tail);
    bool still = picked == seen->picked && operations == seen->latest;
    bool stuck = still && load_relaxed(&victim->length) > 0;
    bool waits = head != tail && (int32_t)(seen->tail - head) > 0;
    bool rich = stuck || (waits && is_worth_it(seen, operations, now_ns));

    seen->picked = picked;
    seen->latest = operations;
    if (!waits || (rich && take)) {
        seen->tail = tail;
        seen->operations = operations;
        seen->since_ns = now_ns;
        if (head != tail)
            w->looks_again = true;
    }
    if (still && take && rt__admit(w, victim))
        return rt__local_pop(w);
    return rich && take ? rob(w, victim, stuck) : NULL;
}

/* Looks at the others' queues, when there was enough time since the last look
 * to tell what is old. */
static struct process *look(struct worker *w, uint64_t now_ns)
{
    struct rt *rt = w->rt;
    struct process *p = NULL;
    unsigned i;

    if (now_ns - w->looked_ns < LOOK_NS)
        return NULL;
    w->looked_ns = now_ns;
    w->looks_again = false;
    for (i = 1; i < rt->worker_total; i++) {
        struct worker *victim = rt->workers[(w->index + i) % rt->worker_total];
        struct process *got = look_at(w, victim, now_ns, p == NULL);

        if (got != NULL)
            p = got;
    }
    return p;
}

/* ---- Parking
 * ------------------------------------------------------------------- */

static bool shared_work_waits(struct rt *rt)
{
    return load_relaxed(&rt->normal.count) + load_relaxed(&rt->high.count) +
               load_relaxed(&rt->low.count) >
           0;
}

static bool queues_wait(struct rt *rt)
{
    unsigned i;

    for (i = 0; i < rt->worker_total; i++)
        if (load_relaxed(&rt->workers[i]->length) >= CALL_FROM)
            return true;
    return false;
}

/* How long to sleep at most, while others work: a nap if this worker was called
 * for a queue, and it was not worth it. What it saw waiting for the first time
 * it looks at once more, since only the second look tells whether it moves on.
 */
static uint64_t next_look(struct worker *w, uint64_t now_ns, bool *naps)
{
    uint64_t sleep_ns = w->poll_ns;

    *naps = false;
    if (w->called_ns != 0 && now_ns - w->called_ns < WORTH_NS) {
        w->nap_ns = w->nap_ns == 0 ? NAP_MIN_NS : w->nap_ns * 2;
        if (w->nap_ns > NAP_MAX_NS)
            w->nap_ns = NAP_MAX_NS;
        sleep_ns = w->nap_ns;
        *naps = true;
    } else if (w->called_ns != 0) {
        w->nap_ns = 0;
    }
    w->called_ns = 0;
    if (w->looks_again) {
        w->looks_again = false;
        return now_ns + LOOK_NS;
    }
    if (!*naps && w->poll_ns < POLL_MAX_NS)
        w->poll_ns *= 2;
    return now_ns + sleep_ns;
}

/* When to wake up for a timer that this worker is to fire: one on its own
 * wheel, or one that a thread has set. The other workers see to theirs. */
static uint64_t next_timer_ns(struct worker *w)
{
    uint64_t own = rt__timers_wake_ms(w);
    uint64_t shared = load_relaxed(&w->rt->shared_wheel.next_ms);
    uint64_t next_ms = w->spare || own < shared ? own : shared;

    return next_ms >= RT_NEVER / 1000000u ? RT_NEVER : next_ms * 1000000u;
}

/* `was`: how this worker parked. Returns true when a waker has counted it as
 * searching. */
static bool unpark(struct worker *w, uint32_t was)
{
    if (w->unparked) {
        w->unparked = false;
        return false;
    }
    if (cas_acq_rel(&w->is_parked, &was, PARKED_NOT)) {
        unparked(w, was);
        return false;
    }
    return true;
}

/* Over a mark it is to be known what the pool has free. There is nothing else
 * to do, but something may come meanwhile. */
static void count_pool(struct worker *w)
{
    if (load_relaxed(&w->rt->watermark.level) == RT_MEMORY_OK)
        return;
    while (rt__pool_count(&w->pool, POOL_COUNT_STEP) && !queues_wait(w->rt) &&
           !shared_work_waits(w->rt))
        continue;
}

/* The look at what waits, after the worker has said that it is parked. A spare
 * that nobody needs leaves all to the others: they are awake, or rt__retire()
 * has woken one. */
static bool may_sleep(struct worker *w, bool naps)
{
    struct rt *rt = w->rt;

    if (load_relaxed(&rt->stopping) != 0 || load_relaxed(&w->visitors) != NULL)
        return false;
    if (w->spare && load_relaxed(&rt->stuck) == 0)
        return true;
    return !shared_work_waits(rt) && (naps || !queues_wait(rt));
}

/* Waits until somebody wakes us, a timer is due, or it is time to look round.
 * Returns true when a waker counted us as searching already. */
static bool park(struct worker *w)
{
    struct rt *rt = w->rt;
    uint32_t seen = load_acquire(&w->park_word);
    uint32_t how;
    uint64_t now_ns, deadline_ns, look_ns;
    bool naps, counted;

    rt__pool_flush(&w->pool);
    count_pool(w);
    rt__lazy_flush(w);
    now_ns = rt->world->now_ns(rt->world->ctx);
    rt__timers_settle(w, &w->wheel, now_ns);
    look_ns = next_look(w, now_ns, &naps);
    how = naps || w->spare ? PARKED_NAPS : PARKED_CALLABLE;
    store_relaxed(&w->box.line->idle, 1u);
    if (!w->spare)
        add_relaxed(&rt->parked, 1u);
    if (how == PARKED_CALLABLE)
        add_relaxed(&rt->callable, 1u);
    /* Release: it is counted before a waker takes it off again. */
    store_release(&w->is_parked, how);
    fence_seq_cst(); /* `parked`, then the queues: pairs with rt__schedule() */
    deadline_ns = next_timer_ns(w);
    if (may_sleep(w, naps)) {
        /* A nap ends in any case, since nobody calls who naps. */
        if (!w->spare &&
            (naps || load_relaxed(&rt->parked) < rt->worker_count) &&
            look_ns < deadline_ns)
            deadline_ns = look_ns;
        store_relaxed(&w->parks, load_relaxed(&w->parks) + 1);
        if (!rt__poll(w, seen, deadline_ns))
            rt->world->wait(rt->world->ctx, &w->park_word, seen, deadline_ns);
    } else {
        store_relaxed(&w->called, 1u); /* by what it saw */
    }
    store_relaxed(&w->box.line->idle, 0u);
    counted = unpark(w, how);
    w->roused = counted;
    if (load_relaxed(&w->called) != 0) {
        store_relaxed(&w->called, 0u);
        w->called_ns = rt->world->now_ns(rt->world->ctx);
    }
    return counted;
}

/* May something come soon? From workers that run, or whoever woke us last. Else
 * it was a timer, and there will be time to wake up for the next one. */
static bool may_wait_awake(struct worker *w)
{
    bool may =
        w->roused || load_relaxed(&w->rt->parked) + 1 < w->rt->worker_count;

    w->roused = false;
    return may;
}

/* Looks again and again for SPIN_NS before it gives up: at what comes from
 * outside, since to look at a queue costs whose it is. */
static struct process *search(struct worker *w)
{
    const struct rt_world *world = w->rt->world;
    uint64_t now_ns = world->now_ns(world->ctx);
    uint64_t end_ns = may_wait_awake(w) ? now_ns + SPIN_NS : now_ns;
    struct process *p = look(w, now_ns);
    unsigned i;

    while (p == NULL && now_ns < end_ns &&
           load_relaxed(&w->rt->stopping) == 0) {
        for (i = 0; i < PAUSES; i++)
            atomic_relax();
        now_ns = world->now_ns(world->ctx);
        p = rt__claim(w);
    }
    return p;
}

struct process *rt__wait_for_work(struct worker *w)
{
    struct rt *rt = w->rt;
    struct process *p;
    bool counted = false;

    for (;;) {
        if (!counted)
            add_relaxed(&rt->searching, 1u);
        rt__timers_fire(rt, w, &w->wheel);
        rt__timers_fire(rt, w, &rt->shared_wheel);
        p = rt__find(w);
        /* What this worker has for other nodes goes out when it polls. */
        if (p == NULL)
            p = rt__may_poll(w) ? look(w, rt->world->now_ns(rt->world->ctx))
                                : search(w);
        /* The last to look: somebody must go on. `searching`, then the queues:
         * pairs with rt__schedule(). */
        if (sub_acq_rel(&rt->searching, 1u) == 1 && p != NULL) {
            fence_after_rmw();
            if (shared_work_waits(rt))
                rt__wake_one(rt);
            else if (load_relaxed(&rt->callable) > 0 && w->later_ns == 0 &&
                     queues_wait(rt))
                rt__call_one(rt);
        }
        if (p != NULL || load_acquire(&rt->stopping) != 0)
            break;
        counted = park(w);
    }
    if (p != NULL)
        w->poll_ns = POLL_MIN_NS;
    /* It sleeps only while all workers are parked. `parked`, then `asleep`:
     * pairs with watchdog_main(). Nobody looks again until we are idle. */
    fence_after_rmw();
    if (load_relaxed(&rt->watchdog_asleep) != 0)
        rt__watchdog_poke(rt);
    return p;
}

void rt__retire(struct worker *w)
{
    struct process *p;

    rt__timers_fire(w->rt, w, &w->wheel); /* nobody else does */
    (void)rt__admit(w, w);
    while ((p = rt__local_pop(w)) != NULL)
        rt__shared_push(&w->rt->normal, p, p, 1);
    fence_seq_cst(); /* as in rt__schedule() */
    rt__wake_one(w->rt);
    if (park(w))
        sub_relaxed(&w->rt->searching, 1u);
}
