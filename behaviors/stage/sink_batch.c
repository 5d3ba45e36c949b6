/*
 * sink_batch.c -- a consumer that gathers events into batches: gen_sink.h.
 *
 * The subscriptions are automatic: more is asked for when events are in the
 * batch, so that a batch may be larger than what is under way. Held are never
 * more than `size`. The timer of a batch carries its number; one of a batch
 * that is handed over already is passed over.
 */
#include <stdlib.h>

#include <agner/gen_sink.h>

#include "stage/held.h"
#include "stage/kit.h"

#define SIZE_DEFAULT 100u
#define TIME_DEFAULT 1000u

struct batch {
    const struct gen_sink_batch *sink; /* borrowed: static */
    uint64_t size, time_ms;
    void *state; /* owned: the user's */
    struct held held;
    uint64_t number; /* of the batch that is gathered */
    bool handling;   /* the user's callback runs */
};

/* Hands over what is there. */
static enum gen_next hand_over(struct gen *self, struct batch *b)
{
    uint64_t count = b->held.count;
    enum gen_next next;
    etf_term list;

    if (count == 0)
        return GEN_NEXT;
    list = gen__held_list(rt_region(self), &b->held, count);
    if (etf_is_none(list))
        return gen_stop(self, ETF_A(memory_limit));
    b->number++;
    b->handling = true; /* stays so if it leaves by rt_exit() */
    next = b->sink->handle_batch(self, b->state, list, count);
    b->handling = false;
    gen__held_drop(&b->held, count);
    return next;
}

static enum gen_next gather(struct gen *self, struct batch *b, etf_term event)
{
    if (gen__held_add(&b->held, event, (etf_ref){ .count = 0 }) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    if (b->held.count == b->size)
        return hand_over(self, b);
    if (b->held.count == 1 && b->time_ms != RT_INFINITY &&
        rt_send_after(self, rt_self_term(self),
                      etf_make(self, "{'$batch_time', _}", b->number),
                      b->time_ms, NULL) != AGNER_OK)
        return gen_stop(self, ETF_A(memory_limit));
    return GEN_NEXT;
}

static enum gen_next batch_events(struct gen *self,
                                  const struct gen_subscription *sub,
                                  etf_term events)
{
    struct batch *b = gen_state(self);
    enum gen_next next = GEN_NEXT;
    etf_term event;

    (void)sub;
    while (next == GEN_NEXT && etf_list_next(&events, &event))
        next = gather(self, b, event);
    return next;
}

static enum gen_next batch_info(struct gen *self, etf_term message)
{
    struct batch *b = gen_state(self);
    uint64_t number;

    if (etf_match(message, "{'$batch_time', _}", &number) &&
        number == b->number)
        return hand_over(self, b);
    return GEN_NEXT;
}

static enum gen_next batch_init(struct gen *self, etf_term args)
{
    struct batch *b = gen_state(self);
    struct gen_stage_options setup = { .role = GEN_STAGE_CONSUMER };
    enum gen_next next = GEN_NEXT;
    enum agner_err err;
    struct kit kit;

    if (!gen__kit_take(args, &kit))
        return gen_stop(self, ETF_A(badarg));
    err = gen_stage_setup(self, &setup);
    if (err != AGNER_OK)
        return gen__kit_stop(self, err);
    b->state = calloc(
        1,
        1 + (*(const struct gen_sink_batch *const *)kit.options)->state_size);
    if (b->state == NULL)
        return gen_stop(self, ETF_A(memory_limit));
    b->sink = *(const struct gen_sink_batch *const *)kit.options;
    b->size = b->sink->size != 0 ? b->sink->size : SIZE_DEFAULT;
    b->time_ms = b->sink->time_ms != 0 ? b->sink->time_ms : TIME_DEFAULT;
    if (b->sink->init != NULL)
        next = b->sink->init(self, b->state, kit.args);
    if (next != GEN_NEXT)
        return next;
    err = gen__kit_subscribe(self, kit.sources, false);
    return err == AGNER_OK ? GEN_NEXT : gen__kit_stop(self, err);
}

/* What is left is still handed over, unless that is what has failed. */
static void batch_terminate(struct gen *self, etf_term reason)
{
    struct batch *b = gen_state(self);

    (void)reason;
    if (!b->handling)
        (void)hand_over(self, b);
}

static void batch_destroy(void *state)
{
    struct batch *b = state;

    if (b->sink != NULL && b->sink->destroy != NULL)
        b->sink->destroy(b->state);
    free(b->state);
    gen__held_drop(&b->held, b->held.count);
}

static etf_term batch_status(struct gen *self)
{
    const struct batch *b = gen_state(self);

    return etf_make(self, "#{held => _, size => _, batches => _}",
                    b->held.count, b->size, b->number);
}

static const struct gen_stage batch_stage = {
    .name = "sink_batch",
    .state_size = sizeof(struct batch),
    .role = GEN_STAGE_CONSUMER,
    .init = batch_init,
    .handle_events = batch_events,
    .handle_info = batch_info,
    .terminate = batch_terminate,
    .format_status = batch_status,
    .destroy = batch_destroy,
};

enum agner_err
gen_sink_batch_start(struct gen *self, const struct gen_sink_batch *sink,
                     etf_term args, const struct gen_stage_source *sources,
                     size_t count, const struct rt_spawn_options *spawn,
                     etf_pid *pid, etf_term *reason)
{
    if (sink == NULL || sink->handle_batch == NULL)
        return AGNER_EINVAL;
    args = gen__kit_args(self, &sink, sizeof(void *), sources, count, args);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_stage_start(self, &batch_stage, args, spawn, pid, reason);
}

enum agner_err
gen_sink_batch_start_link(struct gen *self, const struct gen_sink_batch *sink,
                          etf_term args, const struct gen_stage_source *sources,
                          size_t count, const struct rt_spawn_options *spawn,
                          etf_pid *pid, etf_term *reason)
{
    if (sink == NULL || sink->handle_batch == NULL)
        return AGNER_EINVAL;
    args = gen__kit_args(self, &sink, sizeof(void *), sources, count, args);
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return gen_stage_start_link(self, &batch_stage, args, spawn, pid, reason);
}
