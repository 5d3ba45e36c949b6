/*
 * bench_service.c -- row service: a service's changes with 0, 1 and 10
 * followers, its state, its loads; and a map's content.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static enum agner_err apply(struct gen *self, struct gen_apply *a)
{
    (void)self;
    (void)a;
    return AGNER_OK;
}

static const struct gen_service_spec spec = { .name = "bench", .apply = apply };

struct scene {
    struct gen_service *service;
    struct gen_service_map *map;
    int64_t count;
    uint64_t took;
    etf_pid boss; /* hears `done` of each follower that is there */
};

/* Each part in a process of its own, as everything else. */
static uint64_t timed(struct bench *b,
                      void (*part)(struct gen *self, void *arg),
                      struct scene *s)
{
    etf_pid pid = bench_spawn(b->self, part, s);

    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "part");
    return s->took;
}

/* ---- Changes ------------------------------------------------------------ */

static void start_and_stop(struct gen *self, void *arg)
{
    struct scene *s = arg;
    uint64_t began = bench_now();

    for (int64_t i = 0; i < s->count / 2; i++) {
        bench_must(gen_service_activate(self, s->service, NULL), "start");
        bench_must(gen_service_deactivate(self, s->service, NULL), "stop");
        if (i % 32 == 0)
            rt_reset(self);
    }
    s->took = bench_now() - began;
}

static void follow(struct gen *self, void *arg)
{
    struct gen_cursor_options keep = { 0 };
    struct scene *s = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    uint64_t version = 0;

    bench_must(gen_service_follow(self, s->service, &keep, NULL, &cursor),
               "follow");
    bench_send(self, s->boss, bench_atoms.done);
    while (gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) ==
           AGNER_OK) {
        const struct gen_service_state *state = gen_service_event_state(&event);

        if (version != 0 && state->version != version + 1)
            bench_must(AGNER_ELAGGED, "a change is missing");
        version = state->version;
    }
}

static void changes(struct bench *b, int followers, const char *metric)
{
    struct scene s = { .count = b->n, .boss = rt_self(b->self) };
    etf_pid pids[10];

    bench_must(gen_service_start(b->self, &spec, NULL, &s.service, NULL),
               "service");
    for (int i = 0; i < followers; i++)
        pids[i] = bench_spawn(b->self, follow, &s);
    bench_wait_done(b->self, followers);
    (void)timed(b, start_and_stop, &s);
    bench_out_each(b, metric, timed(b, start_and_stop, &s), s.count);
    bench_must(gen_service_terminate(b->self, s.service, BENCH_WAIT_MS), "end");
    for (int i = 0; i < followers; i++)
        bench_must(rt_wait(b->self, pids[i], BENCH_WAIT_MS), "follower");
    gen_service_free(s.service);
}

/* ---- State, loads
 * ------------------------------------------------------------ */

static void read_state(struct gen *self, void *arg)
{
    struct scene *s = arg;
    uint64_t began = bench_now();

    (void)self;
    for (int64_t i = 0; i < s->count; i++)
        gen_service_state_free(gen_service_state(s->service));
    s->took = bench_now() - began;
}

static void configure_until_loaded(struct gen *self, void *arg)
{
    struct scene *s = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    uint64_t began;

    bench_must(gen_service_activate(self, s->service, NULL), "start");
    bench_must(gen_service_follow(self, s->service, NULL, NULL, &cursor),
               "follow");
    began = bench_now();
    for (int64_t i = 0; i < s->count; i++) {
        bench_must(
            gen_service_configure(self, s->service, "config", 6, NULL, NULL),
            "configure");
        do {
            bench_must(
                gen_cursor_next(self, cursor, &event, BENCH_WAIT_MS, NULL),
                "loaded");
        } while (gen_service_event_state(&event)->loading);
        if (i % 32 == 0)
            rt_reset(self);
    }
    s->took = bench_now() - began;
    gen_cursor_close(cursor);
}

/* ---- A map
 * -------------------------------------------------------------------- */

static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **service,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    (void)arg;
    (void)id;
    (void)kind;
    (void)options;
    (void)error;
    *service = &spec;
    return AGNER_OK;
}

static const struct gen_service_map_spec by_id = { .name = "bench",
                                                   .create = create };

static void make(struct gen *self, struct gen_service_map *map, int64_t i)
{
    char id[24];
    struct gen_service_create what = { .id = id, .kind = "bench" };

    (void)snprintf(id, sizeof id, "%lld", (long long)i);
    bench_must(gen_service_map_create(self, map, &what, NULL, NULL, NULL),
               "create");
}

static void create_and_delete(struct gen *self, void *arg)
{
    struct scene *s = arg;
    uint64_t began = bench_now();

    for (int64_t i = 0; i < s->count; i++) {
        make(self, s->map, 0);
        bench_must(gen_service_map_delete(self, s->map, "0"), "delete");
        if (i % 32 == 0)
            rt_reset(self);
    }
    s->took = bench_now() - began;
}

static void fill(struct gen *self, void *arg)
{
    struct scene *s = arg;

    for (int64_t i = 0; i < s->count; i++) {
        make(self, s->map, i);
        rt_reset(self);
    }
}

/* After a change, so that the snapshot is made anew. */
static void take_snapshot(struct gen *self, void *arg)
{
    const struct gen_service_snapshot *snapshot;
    struct scene *s = arg;
    uint64_t began;

    make(self, s->map, -1);
    bench_must(gen_service_map_delete(self, s->map, "-1"), "delete");
    rt_reset(self);
    began = bench_now();
    bench_must(gen_service_map_states(self, s->map, &snapshot), "states");
    s->took = bench_now() - began;
    gen_service_snapshot_free(snapshot);
}

static void snapshots(struct bench *b, int64_t count, const char *metric)
{
    struct scene s = { .count = count };
    uint64_t best = UINT64_MAX;

    bench_must(gen_service_map_new(b->self, &by_id, NULL, &s.map, NULL), "map");
    (void)timed(b, fill, &s);
    for (int i = 0; i < 5; i++) {
        uint64_t took = timed(b, take_snapshot, &s);

        best = took < best ? took : best;
    }
    bench_out(b, metric, (double)best / 1000.0, "us");
    bench_must(gen_service_map_terminate(b->self, s.map, BENCH_WAIT_MS), "end");
    gen_service_map_free(s.map);
}

void bench_service(struct bench *b)
{
    struct scene s = { .count = b->n };
    bool tiny = b->n < 10000;

    changes(b, 0, "ns_per_change");
    changes(b, 1, "ns_per_change_1_follower");
    changes(b, 10, "ns_per_change_10_followers");
    bench_must(gen_service_start(b->self, &spec, NULL, &s.service, NULL),
               "service");
    bench_out_each(b, "ns_per_state", timed(b, read_state, &s), s.count);
    s.count = b->n / 10;
    bench_out_each(b, "ns_per_load", timed(b, configure_until_loaded, &s),
                   s.count);
    bench_must(gen_service_terminate(b->self, s.service, BENCH_WAIT_MS), "end");
    gen_service_free(s.service);
    bench_must(gen_service_map_new(b->self, &by_id, NULL, &s.map, NULL), "map");
    bench_out_each(b, "ns_per_create_and_delete",
                   timed(b, create_and_delete, &s), s.count);
    bench_must(gen_service_map_terminate(b->self, s.map, BENCH_WAIT_MS), "end");
    gen_service_map_free(s.map);
    snapshots(b, tiny ? 10 : 1000, "us_per_snapshot_of_1000");
    snapshots(b, tiny ? 100 : 10000, "us_per_snapshot_of_10000");
}
