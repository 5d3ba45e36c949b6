/*
 * queue_work.c -- the workers of a queue.
 *
 * A worker takes a batch from the ring, runs its items one by one, and comes
 * back. An action that leaves with rt_exit() ends its item only: one frame of
 * rt_try() stands around the whole batch, and is built anew after a crash. If
 * the process itself ends, its hook puts what it had not begun back to the
 * front of the ring; the item under way is lost, which is told to the
 * collector.
 */
#include "async/queue.h"

#include <agner/gen_errors.h>

/* ---- One batch ---------------------------------------------------------- */

/* The next item of the batch. false: none is left, or another took the rest. */
static bool next_item(struct queue_slot *s)
{
    unsigned at = add_relaxed(&s->at, 1u);

    if (at >= s->count)
        return false;
    s->current = s->items[at];
    return true;
}

static void count_one(_Atomic uint64_t *counter)
{
    store_relaxed(counter, load_relaxed(counter) + 1);
}

struct after {
    struct gen_queue *q;
    void *item;
    enum agner_err err;
};

static void call_finalize(struct gen *self, void *arg)
{
    struct after *a = arg;

    a->err = a->q->o.finalize(self, a->q->ctx, a->item);
}

static void finalize(struct gen *self, struct gen_queue *q, void *item)
{
    struct after a = { .q = q, .item = item };
    etf_term why = ETF_NONE;

    if (q->o.dirty)
        call_finalize(self, &a);
    else if (rt_try(self, call_finalize, &a, &why) != AGNER_OK)
        a.err = AGNER_ECRASHED;
    if (a.err != AGNER_OK)
        (void)gen_errors_put(q->o.errors, a.err, why); /* or it is counted */
}

/* The item's action is over. */
static void finish(struct gen *self, struct queue_slot *s, enum agner_err err,
                   etf_term why)
{
    struct gen_queue *q = s->queue;
    void *item = s->current;

    count_one(err == AGNER_OK         ? &s->done
              : err == AGNER_ECRASHED ? &s->crashed
                                      : &s->failed);
    if (err != AGNER_OK)
        (void)gen_errors_put(q->o.errors, err, why); /* or it is counted */
    if (q->o.finalize != NULL)
        finalize(self, q, item);
    s->current = NULL;
    if (q->o.free_item != NULL)
        q->o.free_item(item);
}

/* Until the batch is done, or the process must end. */
static void run_items(struct gen *self, void *arg)
{
    struct queue_slot *s = arg;
    struct gen_queue *q = s->queue;
    enum agner_err err = AGNER_OK;

    while (next_item(s)) {
        if (q->action != NULL)
            err = q->action(self, q->ctx, s->current, q->token);
        if (err != AGNER_OK && rt_check(self) != AGNER_OK)
            return; /* cut short: the item is lost with the process */
        finish(self, s, err, ETF_NONE);
        rt_reset(self);
        if (rt_check(self) != AGNER_OK)
            return;
    }
}

/* The same on a thread of the pool. */
static void run_dirty(void *arg)
{
    struct queue_slot *s = arg;
    struct gen_queue *q = s->queue;
    enum agner_err err = AGNER_OK;

    while (next_item(s)) {
        if (q->action != NULL)
            err = q->action(NULL, q->ctx, s->current, q->token);
        finish(NULL, s, err, ETF_NONE);
    }
}

/* false: the process must end. */
static bool run_batch(struct gen *self, struct queue_slot *s)
{
    struct gen_queue *q = s->queue;
    etf_term why = ETF_NONE;

    if (q->o.dirty)
        return rt_blocking(self, run_dirty, s) == AGNER_OK &&
               rt_check(self) == AGNER_OK;
    while (rt_try(self, run_items, s, &why) != AGNER_OK) {
        finish(self, s, AGNER_ECRASHED, why);
        if (q->o.no_recover)
            rt_exit(self, why);
        rt_reset(self);
    }
    return rt_check(self) == AGNER_OK;
}

/* ---- From the ring ------------------------------------------------------ */

/* With the lock held. */
static bool take_batch(struct gen *self, struct queue_slot *s,
                       struct queue_put **answers)
{
    struct gen_queue *q = s->queue;
    size_t n = queue__share(q->count, q->alive, q->o.batch);

    if (q->handover && n == 0 && q->puts != NULL) {
        s->items[0] = q->puts->item;
        q->pushed++;
        q->popped++;
        queue__settle(q, self, q->puts, AGNER_OK, answers);
        n = 1;
    } else {
        for (size_t i = 0; i < n; i++)
            s->items[i] = queue__pop(q);
        queue__admit(q, self, answers);
    }
    s->count = (unsigned)n;
    store_relaxed(&s->at, 0u);
    store_relaxed(&s->busy, n > 0);
    if (q->count > 0)
        queue__wake_one(q, self); /* and that one the next */
    return n > 0;
}

/* With the lock held: is there nothing to wait for? */
static bool is_done(const struct gen_queue *q)
{
    enum queue_mode mode = (enum queue_mode)load_relaxed(&q->mode);

    return mode == QUEUE_SHUT || (mode == QUEUE_DRAIN && q->count == 0);
}

static void stop_waiting(struct gen_queue *q, struct rt_waiter *w)
{
    rt__lock(&q->lock);
    if (w->woken) {
        q->waking--;
    } else {
        if (w->prev == NULL)
            q->idle = w->next;
        else
            w->prev->next = w->next;
        if (w->next != NULL)
            w->next->prev = w->prev;
    }
    rt__unlock(&q->lock);
}

/* Waits unless something is there by now. AGNER_OK: look again. */
static enum agner_err wait_for_items(struct gen *self, struct gen_queue *q)
{
    struct rt_waiter w;
    enum agner_err err = rt_wait_begin(self, &w, 1);
    bool waits;

    if (err != AGNER_OK)
        return err;
    rt__lock(&q->lock);
    waits = q->count == 0 && !(q->handover && q->puts != NULL) && !is_done(q);
    if (waits) {
        w.next = q->idle;
        if (w.next != NULL)
            w.next->prev = &w;
        q->idle = &w;
    }
    rt__unlock(&q->lock);
    if (waits) {
        err = rt_wait_block(self, RT_INFINITY);
        stop_waiting(q, &w);
    }
    rt_wait_end(self, &w, 1);
    return err;
}

/* false: the worker's work is over. */
static bool take(struct gen *self, struct queue_slot *s)
{
    struct gen_queue *q = s->queue;
    struct queue_put *answers = NULL;
    bool taken = false, over = false;

    while (!taken && !over) {
        rt__lock(&q->lock);
        over = is_done(q);
        taken = !over && take_batch(self, s, &answers);
        rt__unlock(&q->lock);
        if (!taken && !over) {
            over = wait_for_items(self, q) != AGNER_OK;
            s->cost = (struct gen_cost){ 0 };
        }
    }
    queue__answer(q, answers);
    return taken;
}

/* ---- The process -------------------------------------------------------- */

/* The worker is gone: nobody runs as it any more. */
static void worker_gone(struct rt_hook *hook, struct rt *rt)
{
    struct queue_slot *s = (struct queue_slot *)(void *)hook;
    struct gen_queue *q = s->queue;
    void *lost;
    unsigned at;
    bool over;

    (void)rt;
    rt__lock(&q->lock);
    at = swap_acq_rel(&s->at, GEN_QUEUE_BATCH_MAX);
    for (unsigned i = s->count; i > at; i--)
        queue__push_front(q, s->items[i - 1]);
    s->alive = false;
    s->pid = (etf_pid){ 0 };
    store_relaxed(&s->busy, false);
    q->alive--;
    lost = q->owned ? NULL : s->current; /* the owner knows the reason */
    if (lost != NULL)
        s->current = NULL;
    if (q->count > 0)
        queue__wake_one(q, NULL);
    over = queue__is_over(q);
    rt__unlock(&q->lock);
    if (lost != NULL) {
        count_one(&s->crashed);
        (void)gen_errors_put_item(q->o.errors, AGNER_ECRASHED, ETF_A(killed),
                                  lost, q->o.free_item);
    }
    if (over)
        queue__rest(q);
    gen_queue_free(q);
}

/* What lies in the ring, as it was a moment ago. */
static size_t backlog(struct gen_queue *q)
{
    size_t count;

    rt__lock(&q->lock);
    count = q->count;
    rt__unlock(&q->lock);
    return count;
}

/* run_batch(), and now and then a look at the clock: is there work for more
 * than one of the node's workers? */
static bool run_measured(struct gen *self, struct queue_slot *s)
{
    struct gen_queue *q = s->queue;
    uint64_t from_ns;

    if (q->o.parallelism == 1 || q->o.dirty || !gen__cost_is_due(&s->cost))
        return run_batch(self, s);
    from_ns = rt_now_ns(q->rt);
    if (!run_batch(self, s))
        return false;
    if (gen__cost_is_high(&s->cost, rt_now_ns(q->rt) - from_ns, s->count,
                          backlog(q)))
        rt_spread(self);
    return true;
}

/* Its whole life. */
static void work(struct gen *self, void *arg)
{
    struct queue_slot *s = arg;

    rt__lock(&s->queue->lock);
    s->pid = rt_self(self);
    rt__unlock(&s->queue->lock);
    s->cost = (struct gen_cost){ 0 };
    while (take(self, s) && run_measured(self, s))
        continue;
}

enum agner_err queue__start_worker(struct gen *self, struct queue_slot *s,
                                   etf_ref *ref)
{
    struct gen_queue *q = s->queue;
    struct rt_spawn_options options = { .monitor = true, .monitor_ref = ref };
    enum agner_err err;
    etf_pid pid;

    s->hook.run = worker_gone;
    options.hook = &s->hook;
    options.priority = q->o.priority;
    options.label = "gen_queue worker";
    (void)gen_queue_hold(q);
    rt__lock(&q->lock);
    s->alive = true;
    q->alive++;
    rt__unlock(&q->lock);
    err = rt_spawn(self, work, s, &options, &pid);
    if (err == AGNER_OK)
        return AGNER_OK;
    rt__lock(&q->lock);
    s->alive = false;
    q->alive--;
    rt__unlock(&q->lock);
    gen_queue_free(q); /* the caller has one */
    return err;
}
