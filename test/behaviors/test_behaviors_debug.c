/*
 * test_behaviors_debug.c -- changing code, and watching from the start.
 */
#include "probe.h"

/* ---- A server that watches itself --------------------------------------- */

struct tracked {
    struct witness *witness; /* borrowed: the world's */
    int64_t value;
};

static void on_event(struct gen *self, void *ctx, etf_term event)
{
    (void)self;
    witness_add(ctx, "event", event);
}

/* {Resource, Options}: `hook` installs one; otherwise the debug options. */
static enum gen_next tracked_init(struct gen *self, etf_term args)
{
    struct tracked *t = gen_state(self);
    etf_term resource, options;
    void *witness;

    if (!etf_match(args, "{_, _}", &resource, &options) ||
        !etf_get_resource(resource, &witness))
        return gen_stop(self, etf_make(self, "badarg"));
    t->witness = witness;
    if (etf_atom_is(options, "hook"))
        t->value = (int64_t)gen_debug_install(self, on_event, t->witness);
    else
        t->value = (int64_t)gen_debug(self, options);
    return GEN_NEXT;
}

static enum gen_next tracked_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    struct tracked *t = gen_state(self);

    if (etf_match(request, "unhook"))
        t->value = (int64_t)gen_debug_install(self, NULL, NULL);
    return gen_reply(self, from, etf_make(self, "_", t->value));
}

static enum agner_err tracked_change(struct gen *self, etf_term old_version,
                                     etf_term extra)
{
    struct tracked *t = gen_state(self);
    int64_t step;

    if (!etf_match(old_version, "\"1.0\"") ||
        !etf_match(extra, "{add, _}", &step))
        return AGNER_EINVAL;
    t->value += step;
    return AGNER_OK;
}

static const struct gen_server tracked_server = {
    .name = "tracked",
    .state_size = sizeof(struct tracked),
    .init = tracked_init,
    .handle_call = tracked_call,
    .code_change = tracked_change,
};

static etf_term start(struct probe_world *world, const char *options)
{
    etf_pid pid;

    assert_int_equal(gen_start(world->self, &tracked_server,
                               probe_args(world, options), NULL, &pid, NULL),
                     AGNER_OK);
    return etf_from_pid(NULL, pid);
}

/* ---- change_code -------------------------------------------------------- */

static enum agner_err change(struct probe_world *world, etf_term to,
                             const char *old, const char *extra)
{
    return gen_sys_change_code(world->self, to, etf_atom("tracked"),
                               probe_term(world, old), probe_term(world, extra),
                               PROBE_LONG_MS);
}

/* As OTP: of a process that runs it is no system message. */
static void changes_code_while_it_is_suspended(void **state)
{
    struct probe_world *world = *state;
    etf_term tracked = start(world, "[]");

    assert_int_equal(change(world, tracked, "\"1.0\"", "{add, 5}"),
                     AGNER_ENOTSUP);
    assert_int_equal(gen_sys_suspend(world->self, tracked, PROBE_LONG_MS),
                     AGNER_OK);
    assert_int_equal(change(world, tracked, "\"1.0\"", "{add, 5}"), AGNER_OK);
    assert_int_equal(change(world, tracked, "\"0.9\"", "{add, 5}"),
                     AGNER_ENOTSUP);
    assert_int_equal(gen_sys_resume(world->self, tracked, PROBE_LONG_MS),
                     AGNER_OK);
    probe_expect(world, tracked, "value", "5");
}

static void says_when_it_cannot_change_code(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok"), m, tag, answer;

    assert_int_equal(gen_sys_suspend(self, probe, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(
        rt_send(self, probe,
                etf_make(self, "{system, {_, tag}, {change_code, m, 1, []}}",
                         rt_self(self))),
        AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{_, _}", &tag, &answer));
    assert_true(probe_equal(world, answer, "{error, undef}"));
}

/* ---- From the start ----------------------------------------------------- */

static bool log_is(struct probe_world *world, etf_term to, const char *text)
{
    etf_term log = ETF_NONE;

    assert_int_equal(gen_sys_log(world->self, to, etf_make(world->self, "get"),
                                 PROBE_LONG_MS, &log),
                     AGNER_OK);
    return probe_equal(world, log, text);
}

static void watches_from_the_start(void **state)
{
    struct probe_world *world = *state;
    etf_term tracked = start(world, "[{log, 2}, statistics, trace]");
    etf_term answer;
    uint64_t in = 0;

    probe_expect(world, tracked, "value", "0");
    for (int i = 0; i < 3; i++)
        assert_int_equal(gen_cast(world->self, tracked,
                                  etf_make(world->self, "{cast, _}", i)),
                         AGNER_OK);
    assert_true(log_is(world, tracked,
                       "{ok, [{in, {'$gen_cast', {cast, 1}}}, "
                       "{in, {'$gen_cast', {cast, 2}}}]}"));
    assert_int_equal(gen_sys_statistics(world->self, tracked,
                                        etf_make(world->self, "get"),
                                        PROBE_LONG_MS, &answer),
                     AGNER_OK);
    assert_true(etf_match(answer,
                          "{ok, [__, __, __, {messages_in, _}, "
                          "{messages_out, 1}]}",
                          &in));
    assert_int_equal(in, 4);
    assert_true(witness_await(&world->log, "got cast {cast,2}"));
}

static void passes_over_unknown_options(void **state)
{
    struct probe_world *world = *state;
    char expected[16];
    etf_term tracked;

    (void)snprintf(expected, sizeof expected, "%d", AGNER_EINVAL);
    tracked = start(world, "[{log, 0}, unheard_of, log]");
    probe_expect(world, tracked, "value", expected);
    probe_expect(world, start(world, "log"), "value", expected);
    assert_false(log_is(world, tracked, "{ok, []}"));
    assert_int_equal(gen_debug(world->self, etf_nil()), AGNER_EINVAL);
    assert_int_equal(gen_debug_install(world->self, on_event, NULL),
                     AGNER_EINVAL);
}

static void hands_events_to_a_hook(void **state)
{
    struct probe_world *world = *state;
    etf_term tracked = start(world, "hook");

    assert_int_equal(gen_cast(world->self, tracked, probe_term(world, "hello")),
                     AGNER_OK);
    assert_true(
        witness_await(&world->seen, "event {in,{'$gen_cast',hello}}\n"));
    probe_expect(world, tracked, "unhook", "0");
    witness_reset(&world->seen);
    probe_expect(world, tracked, "value", "0");
    assert_int_equal(witness_count(&world->seen, "event"), 0);
}

/* What sys:log(Pid, get) told on OTP 25 of a start with {debug, [log]}. */
static enum gen_next watched_event(struct gen *self,
                                   const struct gen_statem_event *event)
{
    (void)event;
    return gen_keep_state(self);
}

static enum gen_next watched_init(struct gen *self, etf_term args)
{
    (void)gen_debug(self, args);
    return gen_next_event(self, etf_make(self, "i"));
}

static const struct gen_statem_state watched_states[] = {
    { .name = "a", .handle = watched_event },
};
static const struct gen_statem watched_machine = {
    .name = "m",
    .states = watched_states,
    .state_count = 1,
    .init = watched_init,
};

static void watches_a_machine_from_the_start(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(gen_statem_start(world->self, &watched_machine,
                                      probe_term(world, "[log]"), NULL, &pid,
                                      NULL),
                     AGNER_OK);
    assert_true(log_is(world, etf_from_pid(NULL, pid),
                       "{ok, [{enter, m, a}, {in, {internal, i}, a}, "
                       "{consume, {internal, init_state}, a, a}, "
                       "{consume, {internal, i}, a, a}]}"));
}

/* A fun of Erlang cannot run here. */
static void refuses_funs_and_files(void **state)
{
    static const char *const asked[][2] = {
        { "{debug, {install, {any, 1}}}", "{error, not_supported}" },
        { "{debug, {log_to_file, \"f\"}}", "{error, not_supported}" },
        { "{debug, {remove, any}}", "ok" },
        { "{debug, other}", "unknown_debug" },
    };
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok"), m, tag, answer;

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(
            rt_send(self, probe,
                    etf_make(self, "{system, {_, tag}, _}", rt_self(self),
                             probe_term(world, asked[i][0]))),
            AGNER_OK);
        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        assert_true(etf_match(m, "{_, _}", &tag, &answer));
        assert_true(probe_equal(world, answer, asked[i][1]));
    }
}

#define CASE(test) \
    cmocka_unit_test_setup_teardown(test, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(changes_code_while_it_is_suspended),
        CASE(says_when_it_cannot_change_code),
        CASE(watches_from_the_start),
        CASE(passes_over_unknown_options),
        CASE(hands_events_to_a_hook),
        CASE(watches_a_machine_from_the_start),
        CASE(refuses_funs_and_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
