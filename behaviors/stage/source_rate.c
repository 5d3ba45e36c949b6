/*
 * source_rate.c -- lets events through at a rate: gen_source.h.
 *
 * Between producers and consumers stands a line of events that wait for their
 * time. An event is asked for when one before it has left the line, so what is
 * under way and what is held are together at most max_demand of each producer.
 * An event leaves when it is asked for and there is a token (bucket.h); a timer
 * runs exactly when all is there but the token.
 */
#include <stdlib.h>

#include <agner/gen_source.h>

#include "stage/bucket.h"
#include "stage/held.h"
#include "stage/kit.h"

struct rate_options { /* what travels to init */
    uint64_t count, interval_ms, burst;
    struct gen_stage_options stage;
};

/* A subscription of ours to a producer. */
struct upstream {
    struct upstream *next;
    struct gen_subscription sub;
    uint64_t min, max; /* of its demand */
    uint64_t left;     /* events that left, and that were not asked for anew */
    enum gen_stage_cancel mode; /* what its end means to us */
};

struct rate {
    struct bucket bucket;
    struct held held;
    uint64_t demand;
    struct upstream *upstreams; /* owned */
    struct etf_box *end;        /* owned: why it ends when nothing is held */
    bool timer;                 /* runs */
};

/* ---- Demand ------------------------------------------------------------- */

static struct upstream *find(const struct rate *r, etf_ref ref)
{
    struct upstream *u = r->upstreams;

    while (u != NULL && !etf_ref_equal(u->sub.ref, ref))
        u = u->next;
    return u;
}

/* So many events of the front are about to leave: whose they are counts. */
static void count_left(struct rate *r, uint64_t count)
{
    for (const struct held_event *e = r->held.first; count > 0;
         count--, e = e->next) {
        struct upstream *u = find(r, e->owner);

        if (u != NULL)
            u->left++;
    }
}

/* Asks anew as an automatic subscription would: when no more than min are under
 * way or held. */
static enum agner_err ask_anew(struct gen *self, struct rate *r)
{
    for (struct upstream *u = r->upstreams; u != NULL; u = u->next)
        if (u->left > 0 && u->left >= u->max - u->min) {
            /* AGNER_ENOREF: its end is on its way. */
            if (gen_stage_ask(self, &u->sub, u->left) == AGNER_ENOMEM)
                return AGNER_ENOMEM;
            u->left = 0;
        }
    return AGNER_OK;
}

/* ---- Events out --------------------------------------------------------- */

static enum agner_err wait_for_token(struct gen *self, struct rate *r)
{
    uint64_t ms = gen__bucket_wait_ms(&r->bucket, rt_now_ms(rt_of(self)));
    enum agner_err err;

    if (r->timer)
        return AGNER_OK;
    err = rt_send_after(self, rt_self_term(self), etf_atom("$rate_token"), ms,
                        NULL);
    r->timer = err == AGNER_OK;
    return err;
}

/* Lets through what may leave now. */
static enum agner_err serve(struct gen *self, struct rate *r)
{
    uint64_t count = r->held.count < r->demand ? r->held.count : r->demand;
    enum agner_err err;
    etf_term list;

    count = gen__bucket_take(&r->bucket, rt_now_ms(rt_of(self)), count);
    list = gen__held_list(rt_region(self), &r->held, count);
    if (etf_is_none(list))
        return AGNER_ENOMEM;
    if (count > 0) {
        count_left(r, count);
        err = gen_stage_emit(self, list, NULL);
        if (err != AGNER_OK)
            return err;
        gen__held_drop(&r->held, count);
        r->demand -= count;
    }
    err = ask_anew(self, r);
    if (err == AGNER_OK && r->held.count > 0 && r->demand > 0)
        err = wait_for_token(self, r);
    return err;
}

static enum gen_next go_on(struct gen *self, struct rate *r)
{
    if (serve(self, r) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    if (r->end != NULL && r->held.count == 0)
        return gen__kit_end_later(self, etf_atom("$rate_end"));
    return GEN_NEXT;
}

static enum gen_next rate_demand(struct gen *self, uint64_t count)
{
    struct rate *r = gen_state(self);

    r->demand += count;
    return go_on(self, r);
}

static enum gen_next rate_info(struct gen *self, etf_term message)
{
    struct rate *r = gen_state(self);

    if (etf_match(message, "'$rate_end'") && r->end != NULL &&
        r->held.count == 0)
        return gen_stop(self, etf_copy(rt_region(self), etf_box_term(r->end)));
    if (!etf_match(message, "'$rate_token'"))
        return GEN_NEXT;
    r->timer = false;
    return go_on(self, r);
}

/* ---- Events in ---------------------------------------------------------- */

/* The subscription is temporary for the stage, since what is held must still
 * leave when it is over; rate_canceled() does what was asked for. */
static enum gen_next rate_subscribed(struct gen *self,
                                     const struct gen_subscription *sub,
                                     etf_term options)
{
    struct rate *r = gen_state(self);
    struct upstream *u = calloc(1, sizeof *u);

    if (u == NULL)
        return gen_stop(self, ETF_A(memory_limit));
    u->sub = *sub;
    gen__kit_demand(options, &u->min, &u->max);
    u->mode = gen__kit_mode(options);
    u->next = r->upstreams;
    r->upstreams = u;
    (void)gen_stage_auto_demand(self, sub, false);
    (void)gen_stage_cancel_mode(self, sub, GEN_STAGE_TEMPORARY);
    if (gen_stage_ask(self, sub, u->max) == AGNER_ENOMEM)
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

static enum gen_next rate_events(struct gen *self,
                                 const struct gen_subscription *sub,
                                 etf_term events)
{
    struct rate *r = gen_state(self);

    if (gen__held_add_list(&r->held, events, sub->ref) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    return go_on(self, r);
}

/* Takes the subscription out; what its end was to mean. */
static enum gen_stage_cancel forget(struct rate *r, etf_ref ref)
{
    struct upstream **at = &r->upstreams, *u;
    enum gen_stage_cancel mode = GEN_STAGE_TEMPORARY;

    while (*at != NULL && !etf_ref_equal((*at)->sub.ref, ref))
        at = &(*at)->next;
    u = *at;
    if (u != NULL) {
        mode = u->mode;
        *at = u->next;
        free(u);
    }
    return mode;
}

/* The last producer has ended: what is held is still to leave. */
static enum gen_next rate_canceled(struct gen *self,
                                   const struct gen_subscription *sub,
                                   enum gen_stage_end kind, etf_term reason)
{
    struct rate *r = gen_state(self);

    (void)kind;
    if (forget(r, sub->ref) == GEN_STAGE_TEMPORARY)
        return GEN_NEXT;
    if (!gen__kit_orderly(reason))
        return gen_stop(self, reason);
    if (r->upstreams != NULL)
        return GEN_NEXT;
    etf_box_free(r->end);
    r->end = etf_box_new(reason);
    if (r->end == NULL)
        return gen_stop(self, ETF_A(memory_limit));
    return go_on(self, r);
}

/* ---- Its life ----------------------------------------------------------- */

static enum gen_next rate_init(struct gen *self, etf_term args)
{
    struct rate *r = gen_state(self);
    const struct rate_options *o;
    enum agner_err err;
    struct kit kit;

    if (!gen__kit_take(args, &kit))
        return gen_stop(self, ETF_A(badarg));
    o = kit.options;
    r->bucket = (struct bucket){ .count = o->count,
                                 .interval_ms = o->interval_ms,
                                 .burst = o->burst };
    gen__bucket_init(&r->bucket, rt_now_ms(rt_of(self)));
    err = gen_stage_setup(self, &o->stage);
    if (err == AGNER_OK)
        err = gen__kit_subscribe(self, kit.sources, true);
    return err == AGNER_OK ? GEN_NEXT : gen__kit_stop(self, err);
}

static void rate_destroy(void *state)
{
    struct rate *r = state;
    struct upstream *u;

    while ((u = r->upstreams) != NULL) {
        r->upstreams = u->next;
        free(u);
    }
    etf_box_free(r->end);
    gen__held_drop(&r->held, r->held.count);
}

static etf_term rate_status(struct gen *self)
{
    const struct rate *r = gen_state(self);

    return etf_make(self, "#{held => _, demand => _, tokens => _}",
                    r->held.count, r->demand, r->bucket.tokens);
}

static const struct gen_stage rate_stage = {
    .name = "source_rate",
    .state_size = sizeof(struct rate),
    .role = GEN_STAGE_AUTO,
    .init = rate_init,
    .handle_demand = rate_demand,
    .handle_subscribed = rate_subscribed,
    .handle_events = rate_events,
    .handle_canceled = rate_canceled,
    .handle_info = rate_info,
    .format_status = rate_status,
    .destroy = rate_destroy,
};

static enum agner_err args_of(struct gen *self,
                              const struct gen_source_rate_options *options,
                              etf_term *args)
{
    static const struct gen_source_rate_options none = { .count = 0 };
    struct rate_options o;

    if (options == NULL)
        options = &none;
    o = (struct rate_options){
        .count = options->count != 0 ? options->count : 1,
        .interval_ms = options->interval_ms != 0 ? options->interval_ms : 1000,
    };
    o.burst = options->burst != 0 ? options->burst : o.count;
    if (o.count > BUCKET_MAX || o.interval_ms > BUCKET_MAX ||
        o.burst > BUCKET_MAX)
        return AGNER_EINVAL;
    if (options->stage != NULL)
        o.stage = *options->stage;
    o.stage.role = GEN_STAGE_AUTO;
    o.stage.subscribe_count = 0;
    *args = gen__kit_args(self, &o, sizeof o, options->subscribe_to,
                          options->subscribe_count, ETF_NONE);
    return etf_is_none(*args) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_source_rate_start(
    struct gen *self, const struct gen_source_rate_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, options, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start(self, &rate_stage, args, spawn, pid, reason);
}

enum agner_err gen_source_rate_start_link(
    struct gen *self, const struct gen_source_rate_options *options,
    const struct rt_spawn_options *spawn, etf_pid *pid, etf_term *reason)
{
    etf_term args;
    enum agner_err err = args_of(self, options, &args);

    if (err != AGNER_OK)
        return err;
    return gen_stage_start_link(self, &rate_stage, args, spawn, pid, reason);
}
