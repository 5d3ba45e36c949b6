/*
 * source_queue.c -- a producer of what others put in: gen_source.h.
 *
 * What waits for demand is held here, not in the stage's buffer, so that there
 * is one limit and whoever puts something in can be made to wait. There is
 * demand only when nothing is held, and somebody waits for room only when there
 * is none.
 *
 *   call                            answer
 *   ------------------------------  ------------------------------------------
 *   {push, Events, Ms | infinity}   ok, when there is room, else timeout
 *   {push, Events, no}              ok | full
 *   close                           ok
 *   info                            {Held, Demand, Pushers, Max}
 *
 * The time of a push runs here, not at the caller's, so that who is told
 * `timeout` knows that the event is not in and will never be.
 */
#include <stdlib.h>

#include <agner/gen_source.h>

#include "stage/held.h"
#include "stage/kit.h"

#define MAX_DEFAULT     1000u
#define PUSHERS_DEFAULT 10000u

struct pusher {
    struct pusher *next, *before;
    uint64_t id;
    struct gen_from from;
    struct held events; /* owned */
    struct rt_timer timer;
    bool timed;
};

struct queue_options { /* what travels to init */
    uint64_t max, pushers_max;
    struct gen_stage_options stage;
};

struct queue {
    struct queue_options options;
    struct held held;
    uint64_t demand;
    struct pusher *first, *last; /* owned; who waits for room */
    uint64_t pushers, next_id;
    bool closed;
};

/* ---- Who waits for room ------------------------------------------------- */

static void forget(struct queue *q, struct pusher *p)
{
    *(p->before != NULL ? &p->before->next : &q->first) = p->next;
    *(p->next != NULL ? &p->next->before : &q->last) = p->before;
    q->pushers--;
    gen__held_drop(&p->events, p->events.count);
    free(p);
}

static void answer(struct gen *self, struct queue *q, struct pusher *p,
                   etf_term what)
{
    if (p->timed)
        (void)rt_cancel_timer(self, &p->timer, NULL);
    (void)gen_reply(self, p->from, what);
    forget(q, p);
}

/* The call is answered when there is room, or when its time is over. */
static enum agner_err wait_for_room(struct gen *self, struct queue *q,
                                    struct gen_from from, etf_term events,
                                    uint64_t timeout_ms)
{
    struct pusher *p = calloc(1, sizeof *p);
    enum agner_err err;

    if (p == NULL)
        return AGNER_ENOMEM;
    p->from = from;
    p->id = q->next_id++;
    p->timed = timeout_ms != RT_INFINITY;
    err = gen__held_add_list(&p->events, events, (etf_ref){ .count = 0 });
    if (err == AGNER_OK && p->timed)
        err = rt_send_after(self, rt_self_term(self),
                            etf_make(self, "{'$source_late', _}", p->id),
                            timeout_ms, &p->timer);
    if (err != AGNER_OK) {
        gen__held_drop(&p->events, p->events.count);
        free(p);
        return err;
    }
    p->before = q->last;
    *(q->last != NULL ? &q->last->next : &q->first) = p;
    q->last = p;
    q->pushers++;
    return AGNER_OK;
}

static enum gen_next queue_info(struct gen *self, etf_term message)
{
    struct queue *q = gen_state(self);
    uint64_t id;

    if (etf_match(message, "'$source_end'"))
        return gen_stop(self, ETF_A(normal));
    if (!etf_match(message, "{'$source_late', _}", &id))
        return GEN_NEXT;
    for (struct pusher *p = q->first; p != NULL; p = p->next)
        if (p->id == id) {
            p->timed = false; /* it has fired */
            answer(self, q, p, ETF_A(timeout));
            break;
        }
    return GEN_NEXT;
}

/* ---- Events out --------------------------------------------------------- */

static bool has_room(const struct queue *q, uint64_t count)
{
    return q->held.count + count <= q->options.max + q->demand;
}

/* Serves the demand with what is held, and lets in who waits: until one of them
 * is used up. */
static enum gen_next serve(struct gen *self, struct queue *q)
{
    uint64_t count;
    etf_term list;

    do {
        while (q->first != NULL && has_room(q, q->first->events.count)) {
            gen__held_move(&q->held, &q->first->events);
            answer(self, q, q->first, ETF_A(ok));
        }
        count = q->held.count < q->demand ? q->held.count : q->demand;
        list = gen__held_list(rt_region(self), &q->held, count);
        if (etf_is_none(list))
            return gen_stop(self, ETF_A(memory_limit));
        if (count > 0 && gen_stage_emit(self, list, NULL) != AGNER_OK)
            return gen_stop(self, ETF_A(memory_limit));
        gen__held_drop(&q->held, count);
        q->demand -= count;
    } while (count > 0 && q->first != NULL);
    if (q->closed && q->held.count == 0)
        return gen__kit_end_later(self, etf_atom("$source_end"));
    return GEN_NEXT;
}

static enum gen_next queue_demand(struct gen *self, uint64_t count)
{
    struct queue *q = gen_state(self);

    q->demand += count;
    return serve(self, q);
}

/* ---- Events in ---------------------------------------------------------- */

static enum gen_next refuse(struct gen *self, struct gen_from from,
                            const char *why)
{
    return gen_reply(self, from, etf_atom(why));
}

static enum gen_next push(struct gen *self, struct queue *q,
                          struct gen_from from, etf_term events, etf_term time)
{
    int64_t count = etf_list_size(events);
    uint64_t timeout_ms = RT_INFINITY;
    enum agner_err err;
    bool wait = !etf_atom_is(time, "no");

    if (count < 0 || (etf_kind(time) == ETF_KIND_INTEGER &&
                      !etf_get_uint(time, &timeout_ms)))
        return refuse(self, from, "badarg");
    if (q->closed)
        return refuse(self, from, "closed");
    if ((uint64_t)count > q->options.max)
        return refuse(self, from, "too_many");
    if (q->first == NULL && has_room(q, (uint64_t)count)) {
        err = gen__held_add_list(&q->held, events, (etf_ref){ .count = 0 });
        if (err != AGNER_OK)
            return refuse(self, from, "memory_limit");
        (void)gen_reply(self, from, ETF_A(ok));
        return serve(self, q);
    }
    if (!wait || q->pushers == q->options.pushers_max)
        return refuse(self, from, "full");
    err = wait_for_room(self, q, from, events, timeout_ms);
    return err == AGNER_OK ? GEN_NEXT : refuse(self, from, "memory_limit");
}

static enum gen_next close_queue(struct gen *self, struct queue *q,
                                 struct gen_from from)
{
    (void)gen_reply(self, from, ETF_A(ok));
    if (q->closed)
        return GEN_NEXT;
    q->closed = true;
    while (q->first != NULL)
        answer(self, q, q->first, etf_atom("closed"));
    return serve(self, q);
}

static enum gen_next queue_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct queue *q = gen_state(self);
    etf_term events, time;

    if (etf_match(request, "{push, _, _}", &events, &time))
        return push(self, q, from, events, time);
    if (etf_match(request, "close"))
        return close_queue(self, q, from);
    if (etf_match(request, "info"))
        return gen_reply(self, from,
                         etf_make(self, "{_, _, _, _}", q->held.count,
                                  q->demand, q->pushers, q->options.max));
    return refuse(self, from, "badarg");
}

/* ---- Its life ----------------------------------------------------------- */

static enum gen_next queue_init(struct gen *self, etf_term args)
{
    struct queue *q = gen_state(self);
    enum agner_err err;
    struct kit kit;

    if (!gen__kit_take(args, &kit))
        return gen_stop(self, ETF_A(badarg));
    q->options = *(const struct queue_options *)kit.options;
    err = gen_stage_setup(self, &q->options.stage);
    return err == AGNER_OK ? GEN_NEXT : gen__kit_stop(self, err);
}

static void queue_destroy(void *state)
{
    struct queue *q = state;

    while (q->first != NULL)
        forget(q, q->first);
    gen__held_drop(&q->held, q->held.count);
}

static etf_term queue_status(struct gen *self)
{
    const struct queue *q = gen_state(self);

    return etf_make(self,
                    "#{held => _, demand => _, pushers => _, max => _, "
                    "closed => _}",
                    q->held.count, q->demand, q->pushers, q->options.max,
                    q->closed);
}

static const struct gen_stage queue_stage = {
    .name = "source_queue",
    .state_size = sizeof(struct queue),
    .role = GEN_STAGE_PRODUCER,
    .init = queue_init,
    .handle_demand = queue_demand,
    .handle_call = queue_call,
    .handle_info = queue_info,
    .format_status = queue_status,
    .destroy = queue_destroy,
};

static etf_term args_of(struct gen *self,
                        const struct gen_source_queue_options *options)
{
    struct queue_options o = { .max = MAX_DEFAULT,
                               .pushers_max = PUSHERS_DEFAULT };

    if (options != NULL && options->max != 0)
        o.max = options->max;
    if (options != NULL && options->pushers_max != 0)
        o.pushers_max = options->pushers_max;
    if (options != NULL && options->stage != NULL)
        o.stage = *options->stage;
    o.stage.role = GEN_STAGE_PRODUCER;
    o.stage.subscribe_count = 0;
    return gen__kit_args(self, &o, sizeof o, NULL, 0, ETF_NONE);
}

enum agner_err gen_source_queue_start(
    struct gen *self, const struct gen_source_queue_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args = args_of(self, options);

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_stage_start(self, &queue_stage, args, spawn, pid, reason);
}

enum agner_err gen_source_queue_start_link(
    struct gen *self, const struct gen_source_queue_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args = args_of(self, options);

    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_stage_start_link(self, &queue_stage, args, spawn, pid, reason);
}
