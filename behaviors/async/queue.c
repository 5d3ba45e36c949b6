/*
 * queue.c -- a queue's life: gen_queue.h; queue.h has its modes.
 */
#include <stdlib.h>

#include "async/queue.h"

#define ROOM_MAX    (1u << 24)
#define WORKERS_MAX 1024u

/* ---- Making and freeing ------------------------------------------------- */

static void free_box(void *item)
{
    etf_box_free(item);
}

static bool set_defaults(struct gen_queue_options *o, struct rt *rt)
{
    struct rt_stats stats;

    if (o->parallelism == 0) {
        rt_stats(rt, &stats);
        o->parallelism = stats.workers;
    }
    if (o->max_work == 0)
        o->max_work = GEN_QUEUE_MAX_WORK;
    if (o->batch == 0)
        o->batch = o->dirty ? 1 : GEN_QUEUE_BATCH_MAX;
    if (o->grace_ms == 0)
        o->grace_ms = GEN_QUEUE_GRACE_MS;
    if (o->terms)
        o->free_item = free_box;
    return o->parallelism <= WORKERS_MAX && o->max_work <= ROOM_MAX &&
           o->batch <= GEN_QUEUE_BATCH_MAX;
}

static void hold_objects(struct gen_queue *q)
{
    if (q->o.errors != NULL)
        (void)gen_errors_hold(q->o.errors);
    if (q->o.cancel != NULL)
        (void)gen_cancel_hold(q->o.cancel);
}

struct gen_queue *gen__queue_new(struct rt *rt, gen_work_fn action, void *ctx,
                                 const struct gen_queue_options *options,
                                 bool handover)
{
    struct gen_queue_options o = { 0 };
    struct gen_queue *q;

    if (options != NULL)
        o = *options;
    if (!set_defaults(&o, rt))
        return NULL;
    q = calloc(1, sizeof *q + o.parallelism * sizeof *q->slots);
    if (q == NULL)
        return NULL;
    q->room = o.max_work + (size_t)o.parallelism * GEN_QUEUE_BATCH_MAX;
    q->ring = calloc(q->room, sizeof *q->ring);
    q->latch = gen_latch_new(rt);
    if (q->ring == NULL || q->latch == NULL) {
        gen_latch_free(q->latch);
        free(q->ring);
        free(q);
        return NULL;
    }
    q->rt = rt;
    q->action = action;
    q->ctx = ctx;
    q->o = o;
    q->handover = handover;
    store_relaxed(&q->refs, 1u);
    q->figures.kind = "queue";
    q->figures.show = queue__show;
    for (unsigned i = 0; i < o.parallelism; i++)
        q->slots[i].queue = q;
    hold_objects(q);
    return q;
}

struct gen_queue *gen_queue_new(struct rt *rt, gen_work_fn action, void *ctx,
                                const struct gen_queue_options *options)
{
    return gen__queue_new(rt, action, ctx, options, false);
}

struct gen_queue *gen_queue_hold(struct gen_queue *q)
{
    (void)add_relaxed(&q->refs, 1u);
    return q;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. It rests then: its owner and workers have counts. */
void gen_queue_free(struct gen_queue *q)
{
    if (q == NULL || sub_acq_rel(&q->refs, 1u) != 1)
        return;
    while (q->count > 0)
        queue__hand_back(q, queue__pop(q), AGNER_ECLOSED);
    gen_latch_free(q->latch);
    gen_errors_free(q->o.errors);
    gen_cancel_free(q->o.cancel);
    free(q->ring);
    free(q);
}

void queue__hand_back(struct gen_queue *q, void *item, enum agner_err why)
{
    if (q->o.handed_back != NULL)
        q->o.handed_back(q->ctx, item, why);
    else if (q->o.free_item != NULL)
        q->o.free_item(item);
}

struct gen_latch *gen_queue_latch(struct gen_queue *q)
{
    return q->latch;
}

/* ---- Rounds ------------------------------------------------------------- */

static void drop_round(struct queue_round *round)
{
    if (sub_acq_rel(&round->refs, 1u) == 1)
        free(round);
}

static void cancelled(struct gen_cancel_hook *hook)
{
    struct queue_round *round = (struct queue_round *)(void *)hook;

    (void)queue__shut(round->queue, round->number, AGNER_ECANCELLED, ETF_NONE);
    gen_queue_free(round->queue);
    drop_round(round);
}

/* The token of a round, whose hook shuts the queue. */
static enum agner_err open_round(struct gen_queue *q, uint64_t *number)
{
    struct gen_cancel *token = gen_cancel_new(q->rt, q->o.cancel);
    struct queue_round *round = calloc(1, sizeof *round);

    if (token == NULL || round == NULL) {
        gen_cancel_free(token);
        free(round);
        return AGNER_ENOMEM;
    }
    round->hook.run = cancelled;
    round->queue = gen_queue_hold(q);
    store_relaxed(&round->refs, 2u);
    rt__lock(&q->lock);
    round->number = *number = ++q->round;
    q->token = token;
    q->hook = round;
    q->owned = true;
    store_relaxed(&q->mode, (uint32_t)QUEUE_OPEN);
    rt__unlock(&q->lock);
    if (gen_cancel_hook_add(token, &round->hook))
        return AGNER_OK;
    cancelled(&round->hook); /* it was never listed: here, then */
    return AGNER_ECANCELLED;
}

bool queue__is_over(const struct gen_queue *q)
{
    enum queue_mode mode = (enum queue_mode)load_relaxed(&q->mode);

    return (mode == QUEUE_DRAIN || mode == QUEUE_SHUT) && q->alive == 0 &&
           !q->owned;
}

void queue__rest(struct gen_queue *q)
{
    struct gen_cancel *token;
    struct queue_round *round;
    bool over;

    rt__lock(&q->lock);
    over = queue__is_over(q);
    token = q->token;
    round = q->hook;
    if (over) {
        q->token = NULL;
        q->hook = NULL;
        store_relaxed(&q->mode, (uint32_t)QUEUE_REST);
    }
    rt__unlock(&q->lock);
    if (!over)
        return; /* another has seen it too */
    if (gen_cancel_hook_remove(token, &round->hook)) {
        gen_queue_free(q); /* not the last one: the caller has one */
        drop_round(round);
    }
    drop_round(round);
    gen_cancel_free(token);
    rt_figures_remove(q->rt, &q->figures);
    (void)gen_latch_stopping(q->latch); /* if it ended by itself */
    (void)gen_latch_stopped(q->latch);
}

bool queue__drain(struct gen_queue *q, uint64_t round)
{
    struct queue_put *answers = NULL;
    bool drains;

    rt__lock(&q->lock);
    drains = load_relaxed(&q->mode) == QUEUE_OPEN &&
             (round == 0 || round == q->round);
    if (drains) {
        store_relaxed(&q->mode, (uint32_t)QUEUE_DRAIN);
        queue__refuse_all(q, AGNER_ESTOPPING, &answers);
        queue__wake_all(q);
    }
    rt__unlock(&q->lock);
    queue__answer(q, answers);
    return drains;
}

/* With the lock held: the oldest item that nobody has begun. false: none. */
static bool take_back(struct gen_queue *q, void **item)
{
    for (unsigned i = 0; i < q->o.parallelism; i++) {
        struct queue_slot *s = &q->slots[i];
        unsigned at = swap_acq_rel(&s->at, GEN_QUEUE_BATCH_MAX);

        /* Back to the front, in order. */
        for (unsigned k = s->count; k > at; k--)
            queue__push_front(q, s->items[k - 1]);
    }
    if (q->count == 0)
        return false;
    *item = queue__pop(q);
    return true;
}

size_t queue__shut(struct gen_queue *q, uint64_t round, enum agner_err why,
                   etf_term reason)
{
    struct queue_put *answers = NULL;
    struct gen_cancel *token = NULL;
    enum queue_mode mode;
    bool more = true;
    void *item;
    size_t n;

    rt__lock(&q->lock);
    mode = (enum queue_mode)load_relaxed(&q->mode);
    if ((mode == QUEUE_OPEN || mode == QUEUE_DRAIN) &&
        (round == 0 || round == q->round)) {
        token = gen_cancel_hold(q->token);
        store_relaxed(&q->mode, (uint32_t)QUEUE_SHUT);
        queue__refuse_all(q, AGNER_ECLOSED, &answers);
        queue__wake_all(q);
    }
    rt__unlock(&q->lock);
    if (token == NULL)
        return 0;
    (void)gen_latch_stopping(q->latch); /* or it is already */
    queue__answer(q, answers);
    for (n = 0; more; n++) {
        rt__lock(&q->lock);
        more = take_back(q, &item);
        q->dropped += more;
        rt__unlock(&q->lock);
        if (!more)
            break;
        queue__hand_back(q, item, why);
    }
    (void)gen_cancel_set(token, reason);
    gen_cancel_free(token);
    return n;
}

/* ---- Starting and stopping ---------------------------------------------- */

enum agner_err gen_queue_start(struct gen *self, struct gen_queue *q,
                               const struct rt_spawn_options *options,
                               etf_pid *owner)
{
    uint64_t round = 0;
    etf_pid pid;
    enum agner_err err;

    if (gen_latch_starting(q->latch) != AGNER_OK)
        return gen_latch_is_stopping(q->latch) ? AGNER_ESTOPPING
                                               : AGNER_ESTARTED;
    err = open_round(q, &round);
    if (err == AGNER_OK)
        err = queue__start_owner(self, q, options, &pid);
    if (err == AGNER_OK) {
        if (owner != NULL)
            *owner = pid;
        return AGNER_OK;
    }
    if (round == 0) /* not even that */
        (void)gen_latch_stopped(q->latch);
    else
        queue__owner_gone(q, round);
    return err;
}

enum agner_err gen_queue_run(struct gen *self, struct gen_queue *q)
{
    enum agner_err err = gen_queue_start(self, q, NULL, NULL);

    return err != AGNER_OK ? err
                           : gen_latch_wait(self, q->latch, GEN_LATCH_STOPPED,
                                            RT_INFINITY, NULL);
}

/* Is self one of the workers? It cannot wait for its own end. */
static bool is_worker(struct gen *self, struct gen_queue *q)
{
    etf_pid me = rt_self(self);
    bool found = false;

    rt__lock(&q->lock);
    for (unsigned i = 0; i < q->o.parallelism && !found; i++)
        found = q->slots[i].alive && etf_pid_equal(q->slots[i].pid, me);
    rt__unlock(&q->lock);
    return found;
}

/* Their waits end. */
static void end_workers(struct gen_queue *q)
{
    for (unsigned i = 0; i < q->o.parallelism; i++) {
        struct queue_slot *s = &q->slots[i];
        bool alive;
        etf_pid pid;

        rt__lock(&q->lock);
        pid = s->pid;
        alive = s->alive && !etf_pid_is_none(pid) &&
                load_relaxed(&q->mode) == QUEUE_SHUT;
        rt__unlock(&q->lock);
        if (alive)
            (void)rt_kill(q->rt, pid, ETF_A(shutdown)); /* it may be gone */
    }
}

enum agner_err gen__queue_stop(struct gen *self, struct gen_queue *q,
                               uint64_t grace_ms, size_t *left)
{
    size_t n = 0;
    enum agner_err err = gen_latch_stopping(q->latch);

    if (err != AGNER_OK)
        return gen_latch_is_stopping(q->latch) ? AGNER_ESTOPPING
                                               : AGNER_ESTOPPED;
    (void)queue__drain(q, 0); /* or it is shut */
    if (left != NULL)
        *left = 0;
    if (self == NULL || is_worker(self, q))
        return AGNER_OK;
    err = gen_latch_wait(self, q->latch, GEN_LATCH_STOPPED, grace_ms, NULL);
    if (err == AGNER_OK)
        return AGNER_OK;
    n = queue__shut(q, 0, AGNER_ETIMEOUT, ETF_A(shutdown));
    end_workers(q);
    if (left != NULL)
        *left = n;
    return err;
}

enum agner_err gen_queue_stop(struct gen *self, struct gen_queue *q,
                              size_t *left)
{
    return gen__queue_stop(self, q, q->o.grace_ms, left);
}

enum agner_err gen_queue_close(struct gen *self, struct gen_queue *q,
                               size_t *dropped)
{
    size_t n;

    if (gen_latch_is_stopped(q->latch))
        return AGNER_ESTOPPED;
    n = queue__shut(q, 0, AGNER_ECLOSED, etf_atom("closed"));
    if (dropped != NULL)
        *dropped = n;
    if (self == NULL || is_worker(self, q))
        return AGNER_OK;
    return gen_latch_wait(self, q->latch, GEN_LATCH_STOPPED, q->o.grace_ms,
                          NULL);
}
