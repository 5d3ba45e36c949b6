/*
 * test_behaviors_service_random.c -- random lives of services against a model
 * of the table of spec/service.md 2.2 and 2.3, in the simulated world.
 *
 * A life is verbs, waits and kills, while apply does what its script says.
 * After each step the state must be one that the model allows; a follower must
 * have seen each version once, in order; no two applies of a service run at
 * once; a cancelled context is never the present one; and in the end nothing is
 * left.
 *
 * SERVICE_SEED=n runs that one alone, SERVICE_COUNT=n so many.
 */
#include <stdio.h>
#include <stdlib.h>

#include "puppet_service.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOW 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOW 1
#endif
#endif
#ifdef SLOW
#define COUNT 60u
#else
#define COUNT 400u
#endif
#define STEPS 40u

struct life {
    uint64_t seed;
    struct bed bed;
    struct puppet p;
    char script[TRIES_MAX + 1];
    struct gen_service *service;
    struct gen_cursor *cursor;
    struct gen_service_state last;  /* that the follower saw: plain fields */
    bool active, configured, retry; /* the model */
};

static void check(const struct life *l, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)l->seed, what);
}

static unsigned draw(struct life *l, unsigned bound)
{
    return (unsigned)sim_draw(l->bed.sim, bound);
}

static void silent(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void begin(struct life *l, uint64_t seed)
{
    static const char letters[] = "ooofacbskKd";
    struct rt_options rt_options = { .log = silent };
    struct gen_retry_options retry = { .initial_ms = 20, .max_ms = 200 };
    struct gen_service_options options = { .grace_ms = 50 };

    memset(l, 0, sizeof *l);
    l->seed = seed;
    bed_open_with(&l->bed, seed, rt_options, NULL);
    for (unsigned i = 0; i < TRIES_MAX; i++)
        l->script[i] = letters[draw(l, sizeof letters - 1)];
    l->p.script = l->script;
    options.arg = &l->p;
    l->retry = draw(l, 2) == 0;
    retry.max_attempts = draw(l, 4);
    if (l->retry)
        options.retry = &retry;
    options.replace = draw(l, 2) == 0;
    check(l,
          gen_service_start(l->bed.self, &puppet_spec, &options, &l->service,
                            NULL) == AGNER_OK,
          "start");
    check(l,
          gen_service_follow(l->bed.self, l->service, NULL, NULL, &l->cursor) ==
              AGNER_OK,
          "follow");
    l->last.version = 1;
}

/* What holds in every state. */
static void check_state(const struct life *l, const struct gen_service_state *t)
{
    check(l, !t->loading || (t->active && t->configured), "loading for it");
    check(l, t->next_attempt_ns == 0 || t->loading, "waits while it loads");
    check(l, t->next_attempt_ns == 0 || l->retry, "waits though no retry");
    check(l, !t->loading || t->last_loading_end_ns == 0, "end while loading");
    check(l,
          (t->err == AGNER_OK) == etf_is_none(t->why) ||
              t->err == AGNER_ECANCELLED,
          "an error has a reason");
    check(l, t->next_attempt_ns == 0 || t->failed_attempts > 0, "attempts");
    check(l, t->last_config_ns == 0 || t->configured, "configured");
}

/* One change: is it one that the table has? */
static void check_change(const struct life *l,
                         const struct gen_service_state *before,
                         const struct gen_service_state *after)
{
    check(l, after->version == before->version + 1, "the next version");
    check(l, after->generation >= before->generation, "generations go on");
    if (!before->active && after->active)
        check(l, after->loading == after->configured, "start");
    if (before->active && !after->active)
        check(l, !after->loading && after->next_attempt_ns == 0, "stop");
    if (!before->loading && after->loading)
        check(l, after->generation == before->generation + 1, "a new load");
    if (before->loading && !after->loading && after->active)
        check(l, after->generation == before->generation, "loaded");
}

static void follow(struct life *l)
{
    struct gen_stream_event event;

    while (gen_cursor_next(l->bed.self, l->cursor, &event, 0, NULL) ==
           AGNER_OK) {
        const struct gen_service_state *t = gen_service_event_state(&event);

        check_state(l, t);
        check_change(l, &l->last, t);
        l->last = *t;
        l->last.config = (etf_bytes){ 0 };
        l->last.why = ETF_NONE;
    }
}

/* ---- Steps -------------------------------------------------------------- */

static bool is_active(struct life *l)
{
    const struct gen_service_state *t = gen_service_state(l->service);
    bool active = t->active;

    gen_service_state_free(t);
    return active;
}

static void verb(struct life *l)
{
    const struct gen_service_state *t = NULL;
    char config[8];
    enum agner_err err;
    unsigned what = draw(l, 4);
    bool was = is_active(l); /* which only a failure changes meanwhile */

    if (what == 0) {
        err = gen_service_activate(l->bed.self, l->service, &t);
        check(l, err == AGNER_OK || (err == AGNER_ESTARTED && was), "start");
        check(l, t->active, "started");
    } else if (what == 1) {
        err = gen_service_deactivate(l->bed.self, l->service, &t);
        check(l, err == AGNER_OK || err == AGNER_ESTOPPED, "stop");
        check(l, !t->active && !t->loading, "stopped");
    } else {
        (void)snprintf(config, sizeof config, "%s",
                       what == 3 && draw(l, 3) == 0 ? "bad" : "cfg");
        err =
            gen_service_configure(l->bed.self, l->service, config, 3, &t, NULL);
        check(l, (err == AGNER_ESYNTAX) == (config[0] == 'b'), "parse");
        check(l, err == AGNER_OK || err == AGNER_ESYNTAX || t->loading,
              "loading");
        if (err == AGNER_OK)
            check(l, t->configured && t->loading == t->active, "configured");
    }
    check_state(l, t);
    gen_service_state_free(t);
}

/* The record of children is whole: it was not cut. */
static bool is_whole(const struct life *l)
{
    return strlen(l->p.children) < sizeof l->p.children - 8;
}

/* Every "+x" of a child has its "-x". */
static void check_children(const struct life *l)
{
    int living = 0;

    for (const char *c = l->p.children; *c != 0; c += c[1] != 0 ? 2 : 1)
        living += *c == '+' ? 1 : -1;
    check(l, !is_whole(l) || living == 0, "children end");
}

static void step(struct life *l)
{
    if (draw(l, 3) != 0)
        verb(l);
    if (draw(l, 8) == 0)
        l->p.gate = !l->p.gate;
    (void)sim_run(l->bed.sim, draw(l, 60));
    check(l, l->p.running <= 1, "one apply at a time");
    if (!is_active(l) && l->p.running == 0) {
        (void)sim_run(l->bed.sim, 5);
        check_children(l);
    }
    rt_reset(l->bed.self);
    follow(l);
}

/* All but the present load's token are set. */
static void check_tokens(struct life *l)
{
    const struct gen_service_state *t = gen_service_state(l->service);

    for (unsigned i = 0; i < l->p.tries; i++)
        check(l,
              gen_cancel_is_set(l->p.tried[i].token) ||
                  (t->active && l->p.tried[i].generation == t->generation),
              "a context of the past is cancelled");
    gen_service_state_free(t);
}

static void end(struct life *l)
{
    struct gen_stream_event event;
    struct rt_stats stats;

    check_tokens(l);
    l->p.gate = true;
    check(l,
          gen_service_terminate(l->bed.self, l->service, RT_INFINITY) ==
              AGNER_OK,
          "terminate");
    follow(l);
    check(l,
          gen_cursor_next(l->bed.self, l->cursor, &event, 0, NULL) ==
              AGNER_EDONE,
          "the end of the stream");
    check(l, !is_active(l), "ended");
    (void)sim_run(l->bed.sim, 10);
    check_children(l);
    rt_stats(l->bed.rt, &stats);
    check(l, stats.processes == 1, "nothing is left");
    gen_cursor_close(l->cursor);
    gen_service_free(l->service);
    puppet_fini(&l->p);
    rt_reset(l->bed.self);
    check(l, l->p.parsed == l->p.parsed_freed, "configurations");
    bed_close(&l->bed);
}

static void live(uint64_t seed)
{
    static struct life l;

    begin(&l, seed);
    for (unsigned i = 0; i < STEPS && l.p.tries < TRIES_MAX - 4; i++)
        step(&l);
    end(&l);
}

static uint64_t number(const char *name, uint64_t preset)
{
    const char *text = getenv(name);

    return text != NULL ? strtoull(text, NULL, 10) : preset;
}

static void every_life_is_as_the_table_says(void **state)
{
    uint64_t first = number("SERVICE_SEED", 1);
    uint64_t count =
        number("SERVICE_COUNT", getenv("SERVICE_SEED") != NULL ? 1 : COUNT);

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++)
        live(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_life_is_as_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
