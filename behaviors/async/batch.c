/*
 * batch.c -- a known set of items: gen_batch.h.
 *
 * The caller and its processes share an object, and a lock in it. A process
 * takes a few items at a time, under the lock, and only while the caller is
 * there: so the caller's array is not touched once it has left. What a process
 * has taken and not begun when it ends goes to the next one that comes.
 */
#include <agner/gen_batch.h>

#include <stdlib.h>
#include <string.h>

#include <agner/gen.h>

#include "async/cost.h"
#include "atomic.h"
#include "spin.h"

#define PARALLEL_MAX 1024u
#define TAKE_MAX     16u

struct batch {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    gen_work_fn action;
    void *ctx;
    struct gen_batch_options o; /* holds its objects */
    rt_spin lock;               /* guards the rest */
    void *const *items;         /* borrowed: the caller's */
    size_t count, next;
    bool shut; /* no item begins any more */
    unsigned alive;
    struct gen_batch_result sum;
    struct hand *left;        /* owned: of processes that were ended */
    struct rt_waiter *waiter; /* the caller's, while it waits */
};

/* One process: its own memory, freed by its hook. */
struct hand {
    struct rt_hook hook; /* first */
    struct batch *batch; /* held */
    void *items[TAKE_MAX];
    unsigned count, at;
    bool busy; /* items[at] is under way */
    struct gen_batch_result sum;
    struct hand *next; /* in batch.left */
};

static void drop(struct batch *b)
{
    if (sub_acq_rel(&b->refs, 1u) != 1)
        return;
    while (b->left != NULL) {
        struct hand *h = b->left;

        b->left = h->next;
        free(h);
    }
    gen_errors_free(b->o.errors);
    gen_cancel_free(b->o.cancel);
    free(b);
}

static void note(struct hand *h, enum agner_err err, etf_term why)
{
    h->busy = false;
    h->at++;
    if (err == AGNER_OK)
        h->sum.done++;
    else if (err == AGNER_ECRASHED)
        h->sum.crashed++;
    else
        h->sum.failed++;
    if (err != AGNER_OK)
        (void)gen_errors_put(h->batch->o.errors, err, why); /* or counted */
}

/* ---- A process ---------------------------------------------------------- */

/* With the lock held: what another has left, or a share of what nobody has
 * taken, so that all end at about the same time. *spent is to be freed. */
static void fill(struct batch *b, struct hand *h, struct hand **spent)
{
    struct hand *left = b->left;
    size_t rest = b->count - b->next;
    size_t share = rest / (2 * (size_t)b->alive) + (rest != 0);

    if (left != NULL) {
        b->left = left->next;
        *spent = left;
        h->count = left->count - left->at;
        memcpy(h->items, left->items + left->at, h->count * sizeof *h->items);
        return;
    }
    if (share > TAKE_MAX)
        share = TAKE_MAX;
    if (share > 0)
        memcpy(h->items, b->items + b->next, share * sizeof *h->items);
    b->next += share;
    h->count = (unsigned)share;
}

static bool take(struct hand *h)
{
    struct batch *b = h->batch;
    struct hand *spent = NULL;

    h->at = h->count = 0;
    rt__lock(&b->lock);
    if (gen_cancel_is_set(b->o.cancel))
        b->shut = true;
    if (!b->shut)
        fill(b, h, &spent);
    rt__unlock(&b->lock);
    free(spent);
    return h->count > 0;
}

static void run_items(struct gen *self, void *arg)
{
    struct hand *h = arg;
    struct batch *b = h->batch;
    enum agner_err err = AGNER_OK;

    while (h->at < h->count && !gen_cancel_is_set(b->o.cancel)) {
        h->busy = true;
        if (b->action != NULL)
            err = b->action(self, b->ctx, h->items[h->at], b->o.cancel);
        if (err != AGNER_OK && rt_check(self) != AGNER_OK)
            return; /* cut short: the hook tells */
        note(h, err, ETF_NONE);
        rt_reset(self);
        if (rt_check(self) != AGNER_OK)
            return;
    }
}

/* What it took. false: what is left was not begun, and the hook keeps it. */
static bool run_taken(struct gen *self, struct hand *h)
{
    etf_term why = ETF_NONE;

    while (rt_try(self, run_items, h, &why) != AGNER_OK) {
        note(h, AGNER_ECRASHED, why);
        rt_reset(self);
    }
    return h->at == h->count && rt_check(self) == AGNER_OK;
}

static size_t backlog(struct batch *b)
{
    size_t count;

    rt__lock(&b->lock);
    count = b->shut ? 0 : b->count - b->next;
    rt__unlock(&b->lock);
    return count;
}

/* run_taken(), and a look at the clock: is there work for more than one of the
 * node's workers? */
static bool run_measured(struct gen *self, struct hand *h,
                         struct gen_cost *cost)
{
    struct rt *rt = h->batch->rt;
    uint64_t from_ns = rt_now_ns(rt);

    if (!run_taken(self, h))
        return false;
    if (gen__cost_is_high(cost, rt_now_ns(rt) - from_ns, h->count,
                          backlog(h->batch)))
        rt_spread(self);
    return true;
}

static void work(struct gen *self, void *arg)
{
    struct hand *h = arg;
    bool alone = h->batch->o.parallelism == 1, more = true;
    struct gen_cost cost = { 0 };

    while (more && take(h))
        more = !alone && gen__cost_is_due(&cost) ? run_measured(self, h, &cost)
                                                 : run_taken(self, h);
}

/* The process has ended, in order or not. */
static void gone(struct rt_hook *hook, struct rt *rt)
{
    struct hand *h = (struct hand *)(void *)hook;
    struct batch *b = h->batch;

    (void)rt;
    if (h->busy)
        note(h, AGNER_ECRASHED, ETF_A(killed));
    rt__lock(&b->lock);
    b->sum.done += h->sum.done;
    b->sum.failed += h->sum.failed;
    b->sum.crashed += h->sum.crashed;
    if (h->at < h->count && !b->shut) {
        h->next = b->left;
        b->left = h;
        h = NULL;
    }
    if (--b->alive == 0 && b->waiter != NULL) {
        rt_wake(b->rt, NULL, b->waiter);
        b->waiter = NULL;
    }
    rt__unlock(&b->lock);
    free(h);
    drop(b);
}

/* ---- The caller --------------------------------------------------------- */

static enum agner_err start_one(struct gen *self, struct batch *b)
{
    struct hand *h = calloc(1, sizeof *h);
    struct rt_spawn_options options = { .label = "gen_batch" };
    enum agner_err err;
    etf_pid pid;

    if (h == NULL)
        return AGNER_ENOMEM;
    h->hook.run = gone;
    h->batch = b;
    options.hook = &h->hook;
    options.priority = b->o.priority;
    (void)add_relaxed(&b->refs, 1u);
    rt__lock(&b->lock);
    b->alive++;
    rt__unlock(&b->lock);
    err = rt_spawn(self, work, h, &options, &pid);
    if (err == AGNER_OK)
        return AGNER_OK;
    rt__lock(&b->lock);
    b->alive--;
    rt__unlock(&b->lock);
    free(h);
    drop(b); /* the caller has a count */
    return err;
}

/* AGNER_OK when at least one runs. */
static enum agner_err start_all(struct gen *self, struct batch *b)
{
    size_t count = b->o.parallelism, started = 0;
    enum agner_err err = AGNER_OK;

    if (b->left == NULL && count > b->count - b->next)
        count = b->count - b->next;
    while (err == AGNER_OK && started < count) {
        err = start_one(self, b);
        started += err == AGNER_OK;
    }
    return started > 0 ? AGNER_OK : err;
}

/* Waits until no process is there. */
static enum agner_err wait_for_all(struct gen *self, struct batch *b)
{
    struct rt_waiter w;
    enum agner_err err = rt_wait_begin(self, &w, 1);
    bool waits;

    if (err != AGNER_OK)
        return err;
    rt__lock(&b->lock);
    waits = b->alive > 0;
    if (waits)
        b->waiter = &w;
    rt__unlock(&b->lock);
    if (waits) {
        err = rt_wait_block(self, RT_INFINITY);
        rt__lock(&b->lock);
        if (w.woken)
            err = AGNER_OK;
        b->waiter = NULL;
        rt__unlock(&b->lock);
    }
    rt_wait_end(self, &w, 1);
    return err;
}

/* Processes that are killed leave items behind: for others. */
static enum agner_err run_all(struct gen *self, struct batch *b)
{
    enum agner_err err = AGNER_OK;
    bool more = b->count > 0;

    while (err == AGNER_OK && more) {
        err = start_all(self, b);
        if (err == AGNER_OK)
            err = wait_for_all(self, b);
        more = (b->next < b->count || b->left != NULL) && !b->shut;
    }
    return err;
}

static struct batch *batch_new(struct gen *self, void *const *items,
                               size_t count, gen_work_fn action, void *ctx,
                               const struct gen_batch_options *options)
{
    struct batch *b = calloc(1, sizeof *b);

    if (b == NULL)
        return NULL;
    b->rt = rt_of(self);
    store_relaxed(&b->refs, 1u);
    b->action = action;
    b->ctx = ctx;
    b->items = items;
    b->count = count;
    if (options != NULL)
        b->o = *options;
    if (b->o.parallelism == 0) {
        struct rt_stats stats;

        rt_stats(b->rt, &stats);
        b->o.parallelism = stats.workers;
    }
    if (b->o.errors != NULL)
        (void)gen_errors_hold(b->o.errors);
    if (b->o.cancel != NULL)
        (void)gen_cancel_hold(b->o.cancel);
    return b;
}

enum agner_err gen_batch_run(struct gen *self, void *const *items, size_t count,
                             gen_work_fn action, void *ctx,
                             const struct gen_batch_options *options,
                             struct gen_batch_result *result)
{
    struct gen_batch_result nobody;
    struct batch *b;
    enum agner_err err;

    if (result == NULL)
        result = &nobody;
    *result = (struct gen_batch_result){ .not_run = count };
    if (options != NULL && options->parallelism > PARALLEL_MAX)
        return AGNER_EINVAL;
    b = batch_new(self, items, count, action, ctx, options);
    if (b == NULL)
        return AGNER_ENOMEM;
    err = run_all(self, b);
    rt__lock(&b->lock);
    b->shut = true;
    *result = b->sum;
    rt__unlock(&b->lock);
    /* What nobody took, and, if self leaves early, what is not known yet. */
    result->not_run = count - result->done - result->failed - result->crashed;
    if (err == AGNER_OK && result->not_run > 0)
        err = AGNER_ECANCELLED;
    drop(b);
    return err;
}

enum agner_err gen_batch_run_each(struct gen *self,
                                  bool (*next)(void *source, void **item),
                                  void *source, gen_work_fn action, void *ctx,
                                  const struct gen_batch_options *options,
                                  struct gen_batch_result *result)
{
    size_t count = 0, room = 0;
    void **items = NULL, *item;
    enum agner_err err;

    while (next(source, &item)) {
        if (count == room) {
            size_t more = room == 0 ? 64 : 2 * room;
            void **grown = more > SIZE_MAX / sizeof *items
                               ? NULL
                               : realloc(items, more * sizeof *items);

            if (grown == NULL) {
                free(items);
                if (result != NULL)
                    *result = (struct gen_batch_result){ .not_run = count + 1 };
                return AGNER_ENOMEM;
            }
            items = grown;
            room = more;
        }
        items[count++] = item;
    }
    err = gen_batch_run(self, items, count, action, ctx, options, result);
    free(items);
    return err;
}
