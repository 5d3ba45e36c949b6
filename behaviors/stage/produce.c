/*
 * produce.c -- a stage's consumers: who subscribes, asks and leaves.
 *
 * What they get is in emit.c.
 */
#include <stdlib.h>

#include "stage/stage_internal.h"

static void refuse(struct gen *self, etf_pid to, etf_term key, etf_term reason)
{
    etf_term message = etf_make(self, "{'$gen_consumer', {_, _}, {cancel, _}}",
                                rt_self_term(self), key, reason);
    etf_term pid = etf_from_pid(rt_region(self), to);

    /* Who is not told asks again, or hears of our end. */
    if (!etf_is_none(message) && !etf_is_none(pid))
        (void)rt_send_with(self, pid, message, RT_SEND_NOCONNECT);
}

/* handle_subscribe has accepted it. */
static enum gen_next join(struct gen *self, struct stage *s,
                          struct stage_sub *sub)
{
    uint64_t demand = 0;
    etf_term reason = ETF_A(error);
    enum agner_err err = AGNER_OK;

    if (s->dispatcher->subscribe != NULL)
        err = s->dispatcher->subscribe(self, s->dispatching, &sub->consumer,
                                       sub->options, &demand, &reason);
    if (err == AGNER_ENOMEM)
        return gen__stage_fail(self, err);
    if (err == AGNER_OK) {
        sub->joined = true;
        return gen__produce_wanted(self, s, demand);
    }
    return gen__produce_end(self, s, sub, GEN_STAGE_CANCELED, reason);
}

static enum gen_next welcome(struct gen *self, struct stage *s,
                             struct stage_sub *sub)
{
    struct gen_subscription copy = sub->sub;
    enum gen_next next = GEN_NEXT;

    s->refused = false;
    if (s->table->handle_subscribe != NULL)
        next = s->table->handle_subscribe(self, &copy, sub->options);
    if (gen__stage_stops(s, next))
        return next;
    if (!s->refused)
        return join(self, s, sub);
    refuse(self, sub->sub.pid, sub->key, s->refusal);
    (void)rt_demonitor(self, sub->monitor, true);
    gen__subs_remove(&s->subs, sub);
    gen__stage_forget(s, sub); /* which the callback may have cancelled too */
    return GEN_NEXT;
}

static enum gen_next subscribe(struct gen *self, struct stage *s, etf_pid pid,
                               etf_term key, etf_term options)
{
    etf_term to = etf_from_pid(rt_region(self), pid);
    struct stage_sub *sub =
        gen__sub_new(self, STAGE_TO_CONSUMER, key, to, options);
    enum agner_err err;

    if (sub == NULL)
        return gen__stage_fail(self, AGNER_ENOMEM);
    err = rt_monitor(self, sub->to, 0, &sub->monitor);
    if (err == AGNER_OK && !gen__subs_add(&s->subs, sub)) {
        (void)rt_demonitor(self, sub->monitor, true);
        err = AGNER_ENOMEM;
    }
    if (err != AGNER_OK) {
        gen__sub_free(sub);
        return gen__stage_fail(self, err);
    }
    return welcome(self, s, sub);
}

static enum gen_next on_subscribe(struct gen *self, struct stage *s,
                                  etf_pid pid, etf_term key, etf_term current,
                                  etf_term options)
{
    enum gen_next next = GEN_NEXT;
    struct stage_sub *old;

    if (gen__subs_find(&s->subs, STAGE_TO_CONSUMER, key) != NULL) {
        rt_log_self(self, RT_LOG_ERROR, "a subscription came twice");
        refuse(self, pid, key, etf_make(self, "duplicated_subscription"));
        return GEN_NEXT;
    }
    if (etf_tuple_size(current) == 2) {
        const etf_term *items = etf_tuple_items(current);

        old = gen__subs_find(&s->subs, STAGE_TO_CONSUMER, items[0]);
        if (old != NULL)
            next = gen__produce_end(self, s, old, GEN_STAGE_CANCELED, items[1]);
        if (gen__stage_stops(s, next))
            return next;
    }
    return subscribe(self, s, pid, key, options);
}

static enum gen_next on_ask(struct gen *self, struct stage *s, etf_pid pid,
                            etf_term key, etf_term number)
{
    struct stage_sub *sub = gen__subs_find(&s->subs, STAGE_TO_CONSUMER, key);
    uint64_t count = 0, demand = 0;
    enum agner_err err = AGNER_OK;

    if (sub == NULL || !sub->joined) {
        refuse(self, pid, key, etf_make(self, "unknown_subscription"));
        return GEN_NEXT;
    }
    if (!etf_get_uint(number, &count) || count == 0 || count > STAGE_ASK_MAX) {
        rt_log_self(self, RT_LOG_ERROR, "asked for no number of events");
        return GEN_NEXT;
    }
    gen__sub_asked(self, sub, count);
    if (s->dispatcher->ask != NULL)
        err = s->dispatcher->ask(self, s->dispatching, &sub->consumer, count,
                                 &demand);
    else
        demand = count;
    if (err != AGNER_OK)
        return gen__stage_fail(self, err);
    return gen__produce_wanted(self, s, demand);
}

enum gen_next gen__produce_end(struct gen *self, struct stage *s,
                               struct stage_sub *sub, enum gen_stage_end kind,
                               etf_term reason)
{
    struct gen_stage_consumer consumer = sub->consumer;
    enum gen_next next = GEN_NEXT;
    enum agner_err err = AGNER_OK;
    uint64_t demand = 0;
    bool joined = sub->joined;

    (void)rt_demonitor(self, sub->monitor, true);
    refuse(self, sub->sub.pid, sub->key, reason);
    if (s->table->handle_cancel != NULL)
        next = s->table->handle_cancel(self, &consumer.sub, kind, reason);
    if (!gen__stage_stops(s, next) && joined && s->dispatcher->cancel != NULL)
        err = s->dispatcher->cancel(self, s->dispatching, &consumer, &demand);
    gen__subs_remove(&s->subs, sub);
    gen__stage_forget(s, sub);
    if (err != AGNER_OK)
        return gen__stage_fail(self, err);
    return gen__stage_stops(s, next) ? next
                                     : gen__produce_wanted(self, s, demand);
}

/* ---- From the wire ------------------------------------------------------ */

static void log_malformed(struct gen *self, etf_term request)
{
    char text[160];

    rt_log_self(self, RT_LOG_ERROR, "no request of a consumer: %s",
                etf_format(text, sizeof text, request));
}

/* Who wants to subscribe to a consumer is told: it would wait for ever. */
static void misplaced(struct gen *self, etf_term from, etf_term request)
{
    etf_pid pid;
    etf_term key;

    rt_log_self(self, RT_LOG_ERROR, "asked for events, but is a consumer");
    if (etf_is_tagged(request, ETF_A(subscribe), 3) &&
        etf_match(from, "{_, _}", &pid, &key))
        refuse(self, pid, key, etf_make(self, "not_a_producer"));
}

enum gen_next gen__produce(struct gen *self, struct stage *s, etf_term from,
                           etf_term request)
{
    const etf_term *items = etf_tuple_items(request);
    size_t size = etf_tuple_size(request);
    struct stage_sub *sub;
    etf_pid pid;
    etf_term key;

    if (!gen__is_producer(s)) {
        misplaced(self, from, request);
        return GEN_NEXT;
    }
    if (!etf_match(from, "{_, _}", &pid, &key)) {
        log_malformed(self, from);
        return GEN_NEXT;
    }
    if (size == 2 && etf_same(items[0], ETF_A(ask)))
        return on_ask(self, s, pid, key, items[1]);
    if (size == 3 && etf_same(items[0], ETF_A(subscribe)) &&
        etf_list_size(items[2]) >= 0)
        return on_subscribe(self, s, pid, key, items[1], items[2]);
    if (size == 2 && etf_same(items[0], ETF_A(cancel))) {
        sub = gen__subs_find(&s->subs, STAGE_TO_CONSUMER, key);
        if (sub == NULL)
            return GEN_NEXT;
        return gen__produce_end(self, s, sub, GEN_STAGE_CANCELED, items[1]);
    }
    log_malformed(self, request);
    return GEN_NEXT;
}
