/*
 * queue_owner.c -- the owner of a queue: it starts the workers, replaces one
 * that ends, and answers calls.
 *
 * Calls: {enqueue, Term} is answered with ok when the item is accepted, or with
 * {error, Code}; info with {ok, Map}. Nothing here waits for the queue.
 */
#include <stdlib.h>

#include "async/queue.h"
#include "gen_internal.h"

#define RETRY_MS 100u /* until a worker that could not be started is tried */

struct owner {
    struct gen_sys sys;
    struct gen_queue *queue; /* held by the round */
    uint64_t round;
    bool trapped;        /* an exit came: `reason` */
    struct etf_box *why; /* owned; NULL: shutdown */
    etf_ref refs[];      /* monitors of the workers, by slot */
};

static const struct gen_sys_view view = { .module = "gen_queue" };

/* ---- Workers ------------------------------------------------------------ */

/* Does the queue want a worker more? */
static bool wants_worker(struct gen_queue *q)
{
    enum queue_mode mode;
    bool wants;

    rt__lock(&q->lock);
    mode = (enum queue_mode)load_relaxed(&q->mode);
    wants = mode == QUEUE_OPEN ||
            (mode == QUEUE_DRAIN && q->count > 0 && q->alive == 0);
    rt__unlock(&q->lock);
    return wants;
}

/* Those that are not there. */
static enum agner_err start_workers(struct gen *self, struct owner *o)
{
    struct gen_queue *q = o->queue;
    enum agner_err err = AGNER_OK;

    for (unsigned i = 0; i < q->o.parallelism; i++) {
        struct queue_slot *s = &q->slots[i];

        if (s->used || err != AGNER_OK || !wants_worker(q))
            continue;
        err = queue__start_worker(self, s, &o->refs[i]);
        s->used = err == AGNER_OK;
    }
    return err;
}

/* The end of the queue, or one more try. */
static enum rt_next go_on(struct gen *self, struct owner *o)
{
    struct gen_queue *q = o->queue;
    bool over;

    if (start_workers(self, o) != AGNER_OK)
        rt_timeout(self, RETRY_MS);
    rt__lock(&q->lock);
    over = load_relaxed(&q->mode) != QUEUE_OPEN && q->alive == 0 &&
           (load_relaxed(&q->mode) != QUEUE_DRAIN || q->count == 0);
    rt__unlock(&q->lock);
    if (!over)
        return RT_NEXT;
    for (unsigned i = 0; i < q->o.parallelism; i++)
        if (q->slots[i].used)
            return RT_NEXT; /* its DOWN is on its way, with what it lost */
    return rt_stop(self, o->why != NULL ? etf_box_term(o->why) : ETF_A(normal));
}

/* The item that a worker has died with, which nobody has told of yet. */
static void report_lost(struct gen_queue *q, struct queue_slot *s,
                        etf_term reason)
{
    void *lost = NULL;

    rt__lock(&q->lock);
    if (!s->alive) {
        lost = s->current;
        s->current = NULL;
    }
    rt__unlock(&q->lock);
    if (lost == NULL)
        return;
    store_relaxed(&s->crashed, load_relaxed(&s->crashed) + 1);
    (void)gen_errors_put_item(q->o.errors, AGNER_ECRASHED, reason, lost,
                              q->o.free_item); /* or it is counted */
}

static enum rt_next down(struct gen *self, struct owner *o, etf_term message)
{
    etf_term tag, object, reason;
    etf_ref ref;

    if (!etf_match(message, "{_, _, process, _, _}", &tag, &ref, &object,
                   &reason))
        return RT_NEXT;
    for (unsigned i = 0; i < o->queue->o.parallelism; i++)
        if (o->queue->slots[i].used && etf_ref_equal(ref, o->refs[i])) {
            o->queue->slots[i].used = false;
            report_lost(o->queue, &o->queue->slots[i], reason);
        }
    return go_on(self, o);
}

/* ---- Calls -------------------------------------------------------------- */

static etf_term verdict(struct gen *self, enum agner_err err)
{
    return err == AGNER_OK ? ETF_A(ok)
                           : etf_make(self, "{error, _}", (int64_t)err);
}

void queue__answer(struct gen_queue *q, struct queue_put *answers)
{
    while (answers != NULL) {
        struct queue_put *next = answers->next;
        struct etf_region *r = etf_region_new(0);
        etf_term term = ETF_A(ok);

        if (answers->err != AGNER_OK) {
            if (q->o.free_item != NULL)
                q->o.free_item(answers->item);
            term = r == NULL ? ETF_A(error)
                             : etf_make(r, "{error, _}", (int64_t)answers->err);
        }
        (void)rt_reply_post(q->rt, &answers->from, term); /* or he waits */
        etf_region_free(r);
        free(answers);
        answers = next;
    }
}

static enum rt_next enqueue(struct gen *self, struct owner *o,
                            const struct gen_from *from, etf_term term)
{
    struct etf_box *box;
    enum agner_err err = AGNER_EINVAL;

    if (o->queue->o.terms) {
        box = etf_box_new(term);
        err = box == NULL ? AGNER_ENOMEM : queue__put_far(o->queue, box, from);
        if (err != AGNER_OK && err != AGNER_EAGAIN)
            etf_box_free(box);
    }
    if (err != AGNER_EAGAIN) /* the caller hears of our end otherwise */
        (void)rt_reply(self, from, verdict(self, err));
    return RT_NEXT;
}

static enum rt_next call(struct gen *self, struct owner *o,
                         const struct gen_from *from, etf_term request)
{
    etf_term term;

    if (etf_match(request, "{enqueue, _}", &term))
        return enqueue(self, o, from, term);
    term = etf_atom_is(request, "info")
               ? etf_make(self, "{ok, _}",
                          queue__show(&o->queue->figures, rt_region(self)))
               : verdict(self, AGNER_EINVAL);
    (void)rt_reply(self, from, term);
    return RT_NEXT;
}

/* ---- The process -------------------------------------------------------- */

/* Whoever it belongs to has ended: what is queued still runs, for the grace. */
static enum rt_next parent_ended(struct gen *self, struct owner *o,
                                 etf_term reason)
{
    struct gen_queue *q = o->queue;

    if (o->why == NULL)
        o->why = etf_box_new(reason);
    (void)gen_latch_stopping(q->latch);
    (void)queue__drain(q, o->round);
    if (q->o.grace_ms != RT_INFINITY)
        (void)rt_send_after(self, rt_self_term(self),
                            etf_atom("$gen_queue_grace"), q->o.grace_ms, NULL);
    return go_on(self, o);
}

static enum rt_next other(struct gen *self, struct owner *o,
                          const struct rt_message *m)
{
    struct gen_from from;
    enum rt_next next;
    etf_term request;

    if (gen_sys_handle(self, &o->sys, m, &next))
        return next;
    if (m->kind == RT_MESSAGE && /* from another node */
        gen__shape(self, m->term, &from, &request) == RT_CALL)
        return call(self, o, &from, request);
    if (etf_atom_is(m->term, "$gen_queue_grace"))
        (void)queue__shut(o->queue, o->round, AGNER_ETIMEOUT, ETF_A(shutdown));
    return go_on(self, o);
}

static enum rt_next owner_message(struct gen *self, const struct rt_message *m)
{
    struct owner *o = rt_state(self);
    etf_term reason;

    switch (m->kind) {
    case RT_CALL:
        return call(self, o, &m->from, m->term);
    case RT_DOWN:
        return down(self, o, m->term);
    case RT_PARENT_EXIT:
        return parent_ended(self, o, m->term);
    case RT_EXIT:
        if (etf_match(m->term, "{'EXIT', __, _}", &reason) &&
            !etf_same(reason, ETF_A(normal)))
            return parent_ended(self, o, reason);
        return RT_NEXT;
    case RT_DIRECT:
        rt_direct_reply(self, &m->direct, AGNER_ENOTSUP, NULL);
        return RT_NEXT;
    case RT_MESSAGE:
    case RT_CAST:
    case RT_TIMEOUT:
    case RT_CONTINUED:
        break;
    }
    return other(self, o, m);
}

static enum rt_next owner_init(struct gen *self, etf_term args)
{
    struct owner *o = rt_state(self);
    struct gen_queue *q = rt_note(self);
    uint64_t round;
    bool mine;

    if (!etf_match(args, "_", &round))
        return rt_stop(self, ETF_A(badarg));
    rt__lock(&q->lock);
    mine = q->owned && q->round == round;
    if (mine)
        q->owner = rt_self(self);
    rt__unlock(&q->lock);
    if (!mine)
        return rt_stop(self, ETF_A(normal)); /* who started it has given up */
    o->queue = gen_queue_hold(q);
    o->round = round;
    o->sys.view = &view;
    o->sys.name = q->o.name;
    (void)rt_trap_exit(self, true);
    if (start_workers(self, o) != AGNER_OK)
        return rt_stop(self, ETF_A(memory_limit));
    if (!q->slots[0].used)
        return rt_stop(self, ETF_A(normal)); /* it was shut meanwhile */
    q->figures.pid = rt_self(self);
    rt_figures_add(q->rt, &q->figures);
    (void)gen_latch_started(q->latch);
    return RT_NEXT;
}

void queue__owner_gone(struct gen_queue *q, uint64_t round)
{
    bool mine, over;

    (void)queue__shut(q, round, AGNER_ECLOSED, etf_atom("closed"));
    rt__lock(&q->lock);
    mine = q->owned && q->round == round;
    if (mine)
        q->owned = false;
    rt__unlock(&q->lock);
    if (!mine)
        return;
    /* From here on a worker tells of what it loses itself; this is of those
     * that had ended before. */
    for (unsigned i = 0; i < q->o.parallelism; i++) {
        report_lost(q, &q->slots[i], ETF_A(killed));
        q->slots[i].used = false;
    }
    rt__lock(&q->lock);
    over = queue__is_over(q);
    rt__unlock(&q->lock);
    if (over)
        queue__rest(q);
}

static void owner_destroy(void *state)
{
    struct owner *o = state;
    struct gen_queue *q = o->queue;

    gen_sys_fini(&o->sys);
    etf_box_free(o->why);
    if (q == NULL)
        return;
    queue__owner_gone(q, o->round);
    gen_queue_free(q);
}

static const struct rt_behavior owner = { .name = "gen_queue",
                                          .state_size = sizeof(struct owner),
                                          .init = owner_init,
                                          .message = owner_message,
                                          .destroy = owner_destroy };

enum agner_err queue__start_owner(struct gen *self, struct gen_queue *q,
                                  const struct rt_spawn_options *options,
                                  etf_pid *pid)
{
    struct rt_spawn_options full = { 0 };
    etf_term args, reason = ETF_NONE;
    enum agner_err err;

    if (options != NULL)
        full = *options;
    full.note = q;
    full.state_size = sizeof(struct owner) + q->o.parallelism * sizeof(etf_ref);
    args = etf_make(self, "_", q->round);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    err = rt_start(self, &owner, args, &full, pid, &reason);
    if (err != AGNER_EEXIT)
        return err;
    return etf_same(reason, ETF_A(normal)) ? AGNER_ECANCELLED : AGNER_ENOMEM;
}

/* ---- From elsewhere ----------------------------------------------------- */

enum agner_err gen_queue_enqueue_at(struct gen *self, etf_term to,
                                    etf_term term, uint64_t timeout_ms)
{
    etf_term reply, request = ETF_NONE;
    int64_t code;
    enum agner_err err;

    if (!etf_is_none(term))
        request = etf_make(self, "{enqueue, _}", term);
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    err = gen_call(self, to, request, timeout_ms, &reply);
    if (err != AGNER_OK || etf_same(reply, ETF_A(ok)))
        return err;
    if (etf_match(reply, "{error, _}", &code) && code < 0 && code > -1000)
        return (enum agner_err)code;
    return AGNER_EPROTO;
}
