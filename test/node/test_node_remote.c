/*
 * test_node_remote.c -- behaviours that another node starts by name, and
 * children that a supervisor has there.
 */
#include "duo.h"

/* ---- One of each kind ------------------------------------------------------
 */

/* Answers each call with the arguments of its init. */
static enum gen_next keep_args(struct gen *self, etf_term args)
{
    struct etf_box **kept = gen_state(self);

    *kept = etf_box_new(args);
    return etf_same(args, etf_atom("refuse")) || *kept == NULL
               ? gen_stop(self, etf_atom("refused"))
               : GEN_NEXT;
}

static enum gen_next tell_args(struct gen *self, struct gen_from from,
                               etf_term request)
{
    struct etf_box **kept = gen_state(self);

    (void)request;
    return gen_reply(self, from, etf_box_term(*kept));
}

static void free_args(void *state)
{
    etf_box_free(*(struct etf_box **)state);
}

static const struct gen_server server = { .name = "keeper",
                                          .state_size =
                                              sizeof(struct etf_box *),
                                          .init = keep_args,
                                          .handle_call = tell_args,
                                          .destroy = free_args };

static enum gen_next any_event(struct gen *self,
                               const struct gen_statem_event *event)
{
    if (event->type == GEN_STATEM_CALL)
        return gen_reply(self, event->from, gen_current_state(self));
    return gen_keep_state(self);
}

static const struct gen_statem_state states[] = { { .name = "only",
                                                    .handle = any_event } };
static const struct gen_statem machine = { .name = "machine",
                                           .states = states,
                                           .state_count = 1 };

static const struct gen_child_spec inner[] = {
    { .id = "inner", .server = &server, .args = "inside" }
};
static const struct gen_supervisor supervisor = { .name = "shop",
                                                  .children = inner,
                                                  .child_count = 1 };

static const struct gen_event manager = { .name = "manager" };

static _Atomic int bridges;

static enum agner_err bridge_start(struct gen *self, void *state, etf_term args,
                                   etf_term *reason)
{
    (void)self;
    (void)state;
    (void)args;
    (void)reason;
    bridges++;
    return AGNER_OK;
}

static void bridge_stop(void *state)
{
    (void)state;
    bridges--;
}

static const struct gen_bridge bridge = { .name = "bridge",
                                          .start = bridge_start,
                                          .stop = bridge_stop };

static enum agner_err own_way(struct gen *self, etf_term args, etf_pid *pid,
                              etf_term *info)
{
    struct rt_spawn_options options = { .name = etf_atom("own_way") };

    return gen_start_link(self, &server, args, &options, pid, info);
}

static const struct {
    const char *name;
    struct gen_child_spec row;
} offers[] = {
    { "server", { .server = &server } },
    { "machine", { .statem = &machine } },
    { "shop", { .supervisor = &supervisor } },
    { "manager", { .event = &manager } },
    { "bridge", { .bridge = &bridge } },
    { "own", { .start = own_way } },
};

static struct duo new_duo(void)
{
    struct duo duo = duo_new();
    size_t i;

    for (i = 0; i < sizeof offers / sizeof offers[0]; i++)
        assert_int_equal(
            gen_remote_register(node_rt(duo.b), offers[i].name, &offers[i].row),
            AGNER_OK);
    return duo;
}

/* Starts it there, linked and monitored. */
static etf_term start(struct gen *self, const char *name, etf_term args)
{
    struct rt_remote_spawn_options options = { .link = true, .monitor = true };
    etf_pid pid;

    (void)rt_trap_exit(self, true);
    assert_int_equal(rt_spawn_node(self, etf_atom(B), etf_atom(name),
                                   etf_atom("start_link"), args, &options, &pid,
                                   NULL),
                     AGNER_OK);
    return etf_make(self, "_", pid);
}

static void expect_call(struct gen *self, etf_term to, const char *request,
                        const char *answer)
{
    etf_term reply = ETF_NONE;
    char text[200];

    assert_int_equal(gen_call(self, to, etf_atom(request), WAIT_MS, &reply),
                     AGNER_OK);
    assert_string_equal(etf_format(text, sizeof text, reply), answer);
}

/* Its link, then its monitor, tell why. */
static void expect_end(struct gen *self, const char *reason)
{
    etf_term message, why;
    char text[200];

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, _}", &why));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', __, process, __, _}", &why));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
}

static void stop(struct gen *self, etf_term pid)
{
    assert_int_equal(gen_server_stop(self, pid, ETF_A(normal), WAIT_MS),
                     AGNER_OK);
    expect_end(self, "normal");
}

/* ---- Tests ------------------------------------------------------------------
 */

static void the_process_becomes_the_behaviour(void **state)
{
    struct duo duo = new_duo();
    struct gen *self = duo.at_a;
    etf_term pid, list;
    etf_pid who;

    (void)state;
    pid = start(self, "server", etf_make(self, "[only]"));
    expect_call(self, pid, "x", "only");
    stop(self, pid);
    pid = start(self, "server", etf_make(self, "[a, b]"));
    expect_call(self, pid, "x", "[a,b]");
    stop(self, pid);
    pid = start(self, "machine", etf_nil());
    expect_call(self, pid, "x", "only");
    stop(self, pid);
    pid = start(self, "shop", etf_nil());
    assert_int_equal(gen_which_children(self, pid, &list), AGNER_OK);
    assert_true(etf_match(list, "[{inner, _, worker, __}]", &who));
    expect_call(self, etf_make(self, "_", who), "x", "inside");
    stop(self, pid);
    pid = start(self, "manager", etf_nil());
    assert_int_equal(gen_event_sync_notify(self, pid, etf_atom("x")), AGNER_OK);
    assert_int_equal(gen_event_which_handlers(self, pid, &list), AGNER_OK);
    assert_true(etf_same(list, etf_nil()));
    stop(self, pid);
    pid = start(self, "bridge", etf_nil());
    assert_int_equal(gen_server_stop(self, pid, ETF_A(normal), WAIT_MS),
                     AGNER_OK);
    expect_end(self, "normal");
    (void)start(self, "own", etf_make(self, "[mine]"));
    expect_end(self, "normal"); /* of who started it */
    expect_call(self, etf_make(self, "{own_way, _}", etf_atom(B)), "x", "mine");
    duo_end(&duo);
    assert_int_equal(bridges, 0);
}

static void an_init_that_fails_is_an_exit(void **state)
{
    struct duo duo = new_duo();

    (void)state;
    (void)start(duo.at_a, "server", etf_make(duo.at_a, "[refuse]"));
    expect_end(duo.at_a, "refused");
    duo_end(&duo);
}

static void what_was_revoked_is_undefined(void **state)
{
    struct duo duo = new_duo();

    (void)state;
    assert_int_equal(gen_remote_revoke(node_rt(duo.b), "server"), AGNER_OK);
    assert_int_equal(gen_remote_revoke(node_rt(duo.b), "server"),
                     AGNER_EUNKNOWN);
    (void)start(duo.at_a, "server", etf_nil());
    expect_end(duo.at_a, "{undef,[{server,start_link,[],[]}]}");
    duo_end(&duo);
}

/* The pid of the only child, once it runs. */
static etf_pid child_of(struct gen *self, etf_term sup)
{
    etf_term list;
    etf_pid pid;

    do {
        assert_int_equal(gen_which_children(self, sup, &list), AGNER_OK);
    } while (!etf_match(list, "[{far, _, worker, __}]", &pid));
    return pid;
}

static enum gen_next one_far(struct gen *self, etf_term args,
                             struct gen_supervisor_spec *spec)
{
    struct gen_child_spec child = { .id = "far",
                                    .node = B,
                                    .mfa = etf_make(
                                        self, "{_, start_link, [x]}", args),
                                    .backoff_ms = 1 };

    (void)gen_supervisor_add(self, spec, &child);
    gen_supervisor_flags(spec)->intensity = 1000;
    return GEN_NEXT;
}

static const struct gen_supervisor far_supervisor = { .name = "far_shop",
                                                      .init = one_far };

static void a_child_runs_on_another_node(void **state)
{
    struct duo duo = new_duo();
    struct gen *self = duo.at_a;
    etf_pid sup, child, again;
    etf_term pid;
    etf_ref ref;

    (void)state;
    assert_int_equal(gen_supervisor_start_link(self, &far_supervisor,
                                               etf_atom("server"), NULL, &sup,
                                               NULL),
                     AGNER_OK);
    pid = etf_make(self, "_", sup);
    child = child_of(self, pid);
    assert_true(etf_atom_is(child.node, B));
    expect_call(self, etf_make(self, "_", child), "x", "x");
    assert_int_equal(rt_exit_signal(self, child, ETF_A(kill)), AGNER_OK);
    do
        again = child_of(self, pid);
    while (etf_pid_equal(child, again));
    assert_int_equal(rt_disconnect_node(node_rt(duo.a), etf_atom(B)), AGNER_OK);
    do
        child = child_of(self, pid);
    while (etf_pid_equal(child, again));
    assert_int_equal(rt_monitor(self, etf_make(self, "_", child), 0, &ref),
                     AGNER_OK);
    (void)rt_trap_exit(self, true);
    assert_int_equal(gen_server_stop(self, pid, ETF_A(shutdown), WAIT_MS),
                     AGNER_OK);
    duo_end(&duo);
}

static void a_node_without_mfa_is_refused(void **state)
{
    struct gen_child_spec wrong = { .id = "far", .node = B, .server = &server };
    struct agner_error error;

    (void)state;
    assert_int_equal(gen_check_childspecs(&wrong, 1, GEN_AUTO_NEVER, &error),
                     AGNER_EINVAL);
    assert_non_null(strstr(error.text, "node"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_process_becomes_the_behaviour),
        cmocka_unit_test(an_init_that_fails_is_an_exit),
        cmocka_unit_test(what_was_revoked_is_undefined),
        cmocka_unit_test(a_child_runs_on_another_node),
        cmocka_unit_test(a_node_without_mfa_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
