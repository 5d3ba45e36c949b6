/*
 * dispatcher.c -- the dispatchers by demand and to everybody.
 *
 * Who gets what is decided in dispatch_demand.c and dispatch_broadcast.c; here
 * it is cut off the list and sent.
 */
#include <stdlib.h>

#include "stage/dispatch_broadcast.h"
#include "stage/dispatch_demand.h"
#include "stage/stage_internal.h"

/* ---- By demand ---------------------------------------------------------- */

struct by_demand {
    struct demand_queue queue;
    const struct gen_stage_consumer **consumers; /* owned; by index; borrowed:
                                                    the stage's */
    uint32_t capacity;
};

static bool seat(const struct gen_stage_consumer ***seats, uint32_t *capacity,
                 const struct gen_stage_consumer *consumer)
{
    const struct gen_stage_consumer **more;
    uint32_t size = *capacity == 0 ? 4 : *capacity;

    while (size <= consumer->index)
        size *= 2;
    if (size > *capacity) {
        more = realloc((void *)*seats,
                       size * sizeof(const struct gen_stage_consumer *));
        if (more == NULL)
            return false;
        *seats = more;
        *capacity = size;
    }
    (*seats)[consumer->index] = consumer;
    return true;
}

static enum agner_err demand_init(struct gen *self, void *state,
                                  const void *options)
{
    const struct gen_stage_demand_options *o = options;
    struct by_demand *d = state;

    (void)self;
    if (o != NULL)
        d->queue.most = o->max_demand;
    return AGNER_OK;
}

static enum agner_err
demand_subscribe(struct gen *self, void *state,
                 const struct gen_stage_consumer *consumer, etf_term options,
                 uint64_t *demand, etf_term *reason)
{
    struct by_demand *d = state;

    (void)self;
    (void)options;
    (void)demand;
    (void)reason;
    if (!seat(&d->consumers, &d->capacity, consumer) ||
        !gen__demand_queue_add(&d->queue, consumer->index))
        return AGNER_ENOMEM;
    return AGNER_OK;
}

static enum agner_err demand_cancel(struct gen *self, void *state,
                                    const struct gen_stage_consumer *consumer,
                                    uint64_t *demand)
{
    struct by_demand *d = state;

    (void)self;
    (void)demand;
    gen__demand_queue_remove(&d->queue, consumer->index);
    return AGNER_OK;
}

static enum agner_err demand_ask(struct gen *self, void *state,
                                 const struct gen_stage_consumer *consumer,
                                 uint64_t count, uint64_t *demand)
{
    struct by_demand *d = state;

    if (d->queue.most == 0)
        d->queue.most = count;
    if (count > d->queue.most)
        rt_log_self(self, RT_LOG_WARNING,
                    "a consumer asks for %llu events at once, others for %llu: "
                    "it may get all of them",
                    (unsigned long long)count,
                    (unsigned long long)d->queue.most);
    *demand = gen__demand_queue_ask(&d->queue, consumer->index, count);
    return AGNER_OK;
}

static uint64_t demand_room(const void *state)
{
    const struct by_demand *d = state;

    return d->queue.total;
}

static enum agner_err demand_dispatch(struct gen *self, void *state,
                                      etf_term events, uint64_t count,
                                      struct gen_stage_sent *sent)
{
    struct by_demand *d = state;
    enum agner_err err = AGNER_OK;
    etf_term part;
    uint32_t index;
    uint64_t n;

    while (err == AGNER_OK && count > 0 &&
           (n = gen__demand_queue_give(&d->queue, count, &index)) > 0) {
        part = events;
        if (n < count)
            part = gen__slice(rt_region(self), events, n, &events);
        if (etf_is_none(part))
            return AGNER_ENOMEM;
        err = gen_stage_deliver(self, d->consumers[index], part, n);
        count -= n;
        sent->delivered += n;
    }
    return err;
}

static void demand_left(void *state, uint64_t count)
{
    struct by_demand *d = state;

    gen__demand_queue_left(&d->queue, count);
}

static void demand_fini(void *state)
{
    struct by_demand *d = state;

    gen__demand_queue_fini(&d->queue);
    free((void *)d->consumers);
}

const struct gen_stage_dispatcher *gen_stage_demand_dispatcher(void)
{
    static const struct gen_stage_dispatcher table = {
        .name = "demand",
        .state_size = sizeof(struct by_demand),
        .init = demand_init,
        .subscribe = demand_subscribe,
        .cancel = demand_cancel,
        .ask = demand_ask,
        .room = demand_room,
        .dispatch = demand_dispatch,
        .left = demand_left,
        .fini = demand_fini,
    };

    return &table;
}

/* ---- To everybody ------------------------------------------------------- */

struct to_all {
    struct broadcast broadcast;
    const struct gen_stage_consumer **consumers; /* owned; borrowed */
    uint32_t count, capacity;
};

static bool is_there(const struct to_all *a,
                     const struct gen_stage_consumer *consumer)
{
    for (uint32_t i = 0; i < a->count; i++)
        if (etf_pid_equal(a->consumers[i]->sub.pid, consumer->sub.pid))
            return true;
    return false;
}

static enum agner_err all_subscribe(struct gen *self, void *state,
                                    const struct gen_stage_consumer *consumer,
                                    etf_term options, uint64_t *demand,
                                    etf_term *reason)
{
    const struct gen_stage_consumer **more;
    struct to_all *a = state;
    uint32_t size = a->capacity == 0 ? 4 : a->capacity * 2;

    (void)options;
    (void)demand;
    if (is_there(a, consumer)) {
        *reason = etf_make(self, "already_subscribed");
        return AGNER_EPRESENT;
    }
    if (a->count == a->capacity) {
        more = realloc((void *)a->consumers,
                       size * sizeof(const struct gen_stage_consumer *));
        if (more == NULL)
            return AGNER_ENOMEM;
        a->consumers = more;
        a->capacity = size;
    }
    if (!gen__broadcast_add(&a->broadcast, consumer->index))
        return AGNER_ENOMEM;
    a->consumers[a->count++] = consumer;
    return AGNER_OK;
}

static enum agner_err all_cancel(struct gen *self, void *state,
                                 const struct gen_stage_consumer *consumer,
                                 uint64_t *demand)
{
    struct to_all *a = state;

    (void)self;
    for (uint32_t i = 0; i < a->count; i++) {
        if (a->consumers[i]->index == consumer->index) {
            a->consumers[i] = a->consumers[--a->count];
            break;
        }
    }
    *demand = gen__broadcast_remove(&a->broadcast, consumer->index);
    return AGNER_OK;
}

static enum agner_err all_ask(struct gen *self, void *state,
                              const struct gen_stage_consumer *consumer,
                              uint64_t count, uint64_t *demand)
{
    struct to_all *a = state;

    (void)self;
    *demand = gen__broadcast_ask(&a->broadcast, consumer->index, count);
    return AGNER_OK;
}

static uint64_t all_room(const void *state)
{
    const struct to_all *a = state;

    return a->broadcast.waiting;
}

static enum agner_err all_dispatch(struct gen *self, void *state,
                                   etf_term events, uint64_t count,
                                   struct gen_stage_sent *sent)
{
    struct to_all *a = state;
    uint64_t n = gen__broadcast_give(&a->broadcast, count);

    if (n == 0)
        return AGNER_OK;
    if (n < count)
        events = gen__slice(rt_region(self), events, n, NULL);
    if (etf_is_none(events))
        return AGNER_ENOMEM;
    sent->delivered += n;
    return gen_stage_deliver_all(self, a->consumers, a->count, events, n);
}

static void all_left(void *state, uint64_t count)
{
    struct to_all *a = state;

    gen__broadcast_left(&a->broadcast, count);
}

static void all_fini(void *state)
{
    struct to_all *a = state;

    gen__broadcast_fini(&a->broadcast);
    free((void *)a->consumers);
}

const struct gen_stage_dispatcher *gen_stage_broadcast_dispatcher(void)
{
    static const struct gen_stage_dispatcher table = {
        .name = "broadcast",
        .state_size = sizeof(struct to_all),
        .subscribe = all_subscribe,
        .cancel = all_cancel,
        .ask = all_ask,
        .room = all_room,
        .dispatch = all_dispatch,
        .left = all_left,
        .fini = all_fini,
    };

    return &table;
}
