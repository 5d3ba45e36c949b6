/*
 * bench_feed.c -- rows feed, feed_of (events are structs) and mux: one sender,
 * and 1, 10 and 1,000 servers that follow, each with the window of 256 that is
 * the default. Row mux_posters: 5 senders, and 3 that follow.
 *
 * Nanoseconds an event, from the first send until the last subscriber has taken
 * the last one: as the peers measure it, with buffers of 200.
 */
#include "bench.h"

#include <stdlib.h>

static struct gen_feed_type tag_type = { .pattern = "{tag, __}" };
static struct gen_feed_type *const types[] = { &tag_type };

struct value {
    int64_t n;
};
static const struct etf_field value_fields[] = { ETF_FIELD(struct value, n,
                                                           ETF_FIELD_INT64) };
GEN_FEED_OF(value, struct value, value_fields)

enum kind { FEED, FEED_OF, MUX };

struct field {
    struct gen_feed *feed; /* or: */
    struct gen_mux *mux;
    bool structs;   /* of a feed */
    int64_t events; /* of each sender */
    int64_t all;
    etf_pid boss;
};

/* bench_start() has terms for arguments, and one row runs at a time. */
static struct field field;

struct fan {
    struct gen_sub *sub;
    int64_t count;
};

static enum rt_next fan_init(struct gen *self, etf_term args)
{
    struct fan *f = rt_state(self);

    (void)args;
    if (field.mux != NULL)
        bench_must(gen_mux_subscribe(self, field.mux, types, 1, NULL, &f->sub),
                   "subscribe");
    else
        bench_must(gen_feed_subscribe(self, field.feed, NULL, &f->sub),
                   "subscribe");
    return RT_NEXT;
}

static void on_event(struct gen *self, void *ctx,
                     const struct gen_feed_event *event)
{
    struct fan *f = ctx;

    if (field.structs) {
        struct value value;

        bench_must(value_feed_get(event, &value), "get");
    }
    if (++f->count == field.all)
        bench_send(self, field.boss, bench_atoms.done);
}

static enum rt_next fan_message(struct gen *self, const struct rt_message *m)
{
    struct fan *f = rt_state(self);

    if (gen_sub_handle(self, f->sub, m->term, on_event, f) == GEN_SUB_DOWN)
        return rt_stop(self, ETF_A(normal));
    return RT_NEXT;
}

static const struct rt_behavior fan = {
    .name = "fan",
    .state_size = sizeof(struct fan),
    .init = fan_init,
    .message = fan_message,
};

static void send_all(struct gen *self, void *arg)
{
    const struct field *f = arg;

    for (int64_t i = 0; i < f->events; i++) {
        const struct value value = { i };

        if (f->mux != NULL)
            bench_must(
                gen_mux_post(self, f->mux, bench_tag(self, i), RT_INFINITY),
                "post");
        else if (f->structs)
            bench_must(
                value_feed_send(self, f->feed, &value, RT_INFINITY, NULL),
                "send");
        else
            bench_must(gen_feed_send(self, f->feed, bench_tag(self, i),
                                     RT_INFINITY, NULL),
                       "send");
        rt_reset(self);
    }
}

static void make(struct gen *self, enum kind kind)
{
    switch (kind) {
    case FEED:
        bench_must(gen_feed_new(self, NULL, &field.feed), "feed");
        break;
    case FEED_OF:
        bench_must(value_feed_new(self, NULL, &field.feed), "feed");
        field.structs = true;
        break;
    case MUX:
        bench_must(gen_mux_new(self, &field.mux), "mux");
        break;
    }
}

/* `events` are those of each of the senders. */
static uint64_t run(struct gen *self, enum kind kind, int64_t senders,
                    int64_t subscribers, int64_t events)
{
    etf_pid *pids = bench_memory((size_t)(subscribers + senders), sizeof *pids);
    etf_pid *sending = pids + subscribers;
    uint64_t took;

    field = (struct field){ .events = events,
                            .all = events * senders,
                            .boss = rt_self(self) };
    make(self, kind);
    for (int64_t i = 0; i < subscribers; i++)
        pids[i] = bench_start(self, &fan, ETF_NONE);
    took = bench_now();
    for (int64_t i = 0; i < senders; i++)
        sending[i] = bench_spawn(self, send_all, &field);
    bench_wait_done(self, subscribers);
    took = bench_now() - took;
    for (int64_t i = 0; i < senders; i++) /* they read `field` */
        bench_must(rt_wait(self, sending[i], BENCH_WAIT_MS), "sender");
    bench_kill(self, pids, subscribers);
    gen_mux_free(field.mux);
    gen_feed_free(field.feed);
    free(pids);
    return took;
}

static void rows(struct bench *b, enum kind kind)
{
    static const struct {
        int64_t subscribers;
        const char *metric;
    } sizes[] = {
        { 1, "ns_per_event_1" },
        { 10, "ns_per_event_10" },
        { 1000, "ns_per_event_1000" },
    };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        int64_t events = b->n / sizes[i].subscribers;

        if (events < 10)
            events = 10;
        (void)run(b->self, kind, 1, sizes[i].subscribers, events / 10 + 1);
        bench_out_each(b, sizes[i].metric,
                       run(b->self, kind, 1, sizes[i].subscribers, events),
                       events);
    }
}

void bench_feed(struct bench *b)
{
    rows(b, FEED);
}

void bench_feed_of(struct bench *b)
{
    rows(b, FEED_OF);
}

void bench_mux(struct bench *b)
{
    rows(b, MUX);
}

#define POSTERS 5

void bench_mux_posters(struct bench *b)
{
    int64_t events = b->n / POSTERS + 1;

    (void)run(b->self, MUX, POSTERS, 3, events / 10 + 1);
    bench_out_each(b, "ns_per_event", run(b->self, MUX, POSTERS, 3, events),
                   events * POSTERS);
}
