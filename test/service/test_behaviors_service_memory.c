/*
 * test_behaviors_service_memory.c -- failed allocations: each operation on a
 * service and a map with the first one failing, then the second, until it
 * succeeds.
 *
 * Whatever fails, the call fails and has changed nothing, or the process ends;
 * and when all have ended nothing is left.
 */
#include <stdio.h>

#include "failing.h"
#include "puppet_service.h"

struct scene {
    struct bed bed;
    struct puppet p;
    struct gen_service *service;
    struct gen_service_map *map;
    bool without_service; /* the operation makes its own */
};

static void silent(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static enum agner_err create(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **spec,
                             struct gen_service_options *options,
                             struct agner_error *error)
{
    struct scene *s = arg;

    (void)id;
    (void)kind;
    (void)error;
    *spec = &puppet_spec;
    options->arg = &s->p;
    return AGNER_OK;
}

static const struct gen_service_map_spec by_id = { .name = "map",
                                                   .create = create,
                                                   .id = gen_id_is_uuid };

/* ---- Operations ---------------------------------------------------------- */

/* Their results are not looked at: the lack of memory may be anybody's. */

static void start_service(struct scene *s)
{
    struct gen_service_options options = { .arg = &s->p,
                                           .active = true,
                                           .configured = true,
                                           .config = { (const uint8_t *)"cfg",
                                                       3 } };
    struct gen_service *service;

    if (gen_service_start(s->bed.self, &puppet_spec, &options, &service,
                          NULL) != AGNER_OK)
        return;
    while (gen_service_terminate(s->bed.self, service, RT_INFINITY) ==
           AGNER_ENOMEM)
        ;
    gen_service_free(service);
}

static void start_and_load(struct scene *s)
{
    (void)gen_service_configure(s->bed.self, s->service, "cfg", 3, NULL, NULL);
    (void)gen_service_activate(s->bed.self, s->service, NULL);
    (void)sim_run(s->bed.sim, 100);
}

static void fail_and_retry(struct scene *s)
{
    s->p.script = "fck";
    start_and_load(s);
    (void)gen_service_deactivate(s->bed.self, s->service, NULL);
    (void)sim_run(s->bed.sim, 100);
}

/* A failed verb has changed nothing. */
static void change_nothing(struct scene *s)
{
    const struct gen_service_state *before = gen_service_state(s->service);
    const struct gen_service_state *after;
    enum agner_err err = gen_service_activate(s->bed.self, s->service, NULL);

    after = gen_service_state(s->service);
    if (err == AGNER_ENOMEM && !etf_pid_is_none(gen_service_pid(s->service)) &&
        !after->active)
        assert_true(puppet_same_state(before, after));
    gen_service_state_free(before);
    gen_service_state_free(after);
}

static void follow_it(struct scene *s)
{
    const struct gen_service_state *state = NULL;
    struct gen_stream_event event;
    struct gen_cursor *cursor;

    if (gen_service_follow(s->bed.self, s->service, NULL, &state, &cursor) !=
        AGNER_OK)
        return;
    (void)gen_service_activate(s->bed.self, s->service, NULL);
    (void)gen_cursor_next(s->bed.self, cursor, &event, 0, NULL);
    gen_service_state_free(state);
    gen_cursor_close(cursor);
}

static void ask(struct scene *s, etf_term to, const char *text)
{
    etf_term request, reply;

    if (etf_parse(rt_region(s->bed.self), text, strlen(text), &request, NULL,
                  NULL) == AGNER_OK)
        (void)gen_call(s->bed.self, to, request, 1000, &reply);
}

static void ask_in_terms(struct scene *s)
{
    etf_term to = etf_from_pid(NULL, gen_service_pid(s->service));

    ask(s, to, "follow");
    ask(s, to, "start");
    ask(s, to, "{configure, <<\"one\">>}");
    ask(s, to, "{configure, <<\"bad\">>}");
    (void)sim_run(s->bed.sim, 10);
}

static void by_address(struct scene *s)
{
    struct gen_service *there = gen_service_at(
        s->bed.rt, etf_from_pid(NULL, gen_service_pid(s->service)));

    if (there == NULL)
        return;
    (void)gen_service_configure(s->bed.self, there, "one", 3, NULL, NULL);
    gen_service_free(there);
}

static void start_map(struct scene *s)
{
    struct gen_service_member members[2] = { { &puppet_raw_spec, NULL },
                                             { &puppet_raw_spec, NULL } };
    struct gen_service_map *map;

    if (gen_service_map_of(s->bed.self, members, 2, NULL, &map, NULL) !=
        AGNER_OK)
        return;
    while (gen_service_map_terminate(s->bed.self, map, RT_INFINITY) ==
           AGNER_ENOMEM)
        ;
    gen_service_map_free(map);
}

static void fill_map(struct scene *s)
{
    struct gen_service_create what = { .kind = "puppet",
                                       .active = true,
                                       .configured = true,
                                       .config = { (const uint8_t *)"cfg",
                                                   3 } };
    const struct gen_service_snapshot *snapshot;
    struct gen_cursor *cursor = NULL;

    (void)gen_service_map_follow(s->bed.self, s->map, NULL, NULL, &cursor);
    for (int i = 0; i < 3; i++)
        (void)gen_service_map_create(s->bed.self, s->map, &what, NULL, NULL,
                                     NULL);
    what.id = "one";
    (void)gen_service_map_create(s->bed.self, s->map, &what, NULL, NULL, NULL);
    (void)sim_run(s->bed.sim, 10);
    if (gen_service_map_states(s->bed.self, s->map, &snapshot) == AGNER_OK)
        gen_service_snapshot_free(snapshot);
    (void)gen_service_map_delete(s->bed.self, s->map, "one");
    gen_cursor_close(cursor);
}

static void map_in_terms(struct scene *s)
{
    etf_term to = etf_from_pid(NULL, gen_service_map_pid(s->map));

    ask(s, to, "follow");
    ask(s, to, "{follow, [metadata]}");
    ask(s, to, "{create, #{id => one, kind => puppet, config => <<\"c\">>}}");
    ask(s, to, "{start, one}");
    ask(s, to, "states");
    ask(s, to, "{delete, one}");
}

static const struct operation {
    const char *name;
    void (*run)(struct scene *s);
} operations[] = {
    { "start", start_service },   { "load", start_and_load },
    { "retry", fail_and_retry },  { "change nothing", change_nothing },
    { "follow", follow_it },      { "terms", ask_in_terms },
    { "by address", by_address }, { "fixed map", start_map },
    { "map", fill_map },          { "map in terms", map_in_terms },
};

static void prepare(struct scene *s)
{
    struct rt_options rt_options = { .log = silent };
    struct gen_retry_options retry = { .initial_ms = 5 };
    struct gen_service_options options = { .arg = &s->p, .retry = &retry };
    struct gen_service_map_options map_options = { .arg = s };

    memset(s, 0, sizeof *s);
    bed_open_with(&s->bed, 1, rt_options, NULL);
    assert_int_equal(gen_service_start(s->bed.self, &puppet_spec, &options,
                                       &s->service, NULL),
                     AGNER_OK);
    assert_int_equal(
        gen_service_map_new(s->bed.self, &by_id, &map_options, &s->map, NULL),
        AGNER_OK);
    rt_reset(s->bed.self);
}

static bool attempt(const struct operation *o, unsigned n)
{
    struct scene s;
    struct rt_stats stats;

    prepare(&s);
    failing_seen = false;
    failing_in = n;
    o->run(&s);
    failing_in = 0;
    (void)gen_service_terminate(s.bed.self, s.service, RT_INFINITY);
    (void)gen_service_map_terminate(s.bed.self, s.map, RT_INFINITY);
    (void)sim_run(s.bed.sim, 20000);
    rt_stats(s.bed.rt, &stats);
    if (stats.processes != 1)
        fail_msg("%s, allocation %u: %d processes are left", o->name, n,
                 (int)stats.processes - 1);
    gen_service_free(s.service);
    gen_service_map_free(s.map);
    puppet_fini(&s.p);
    rt_reset(s.bed.self);
    bed_close(&s.bed);
    if (s.p.parsed != s.p.parsed_freed)
        fail_msg("%s, allocation %u: a configuration is left", o->name, n);
    return failing_seen;
}

static void leaves_nothing_when_memory_is_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        unsigned n = 1;

        while (attempt(&operations[i], n))
            n++;
        if (n == 1)
            fail_msg("%s: no allocation at all", operations[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_nothing_when_memory_is_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
