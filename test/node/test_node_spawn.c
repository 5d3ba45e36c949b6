/*
 * test_node_spawn.c -- processes that one node starts on another, and on
 * itself: rt_remote.h on two real nodes.
 */
#include "duo.h"

/* ---- What may be started --------------------------------------------------
 */

/* {hello, Function, Args, Parent, Leader} goes to the first argument; then it
 * waits for a message and ends with it. */
static void greet(struct gen *self, etf_term module, etf_term function,
                  etf_term args, void *data)
{
    etf_term rest = args, to, reason;

    (void)module;
    (void)data;
    (void)etf_list_next(&rest, &to);
    (void)rt_send(self, to,
                  etf_make(self, "{hello, _, _, _, _}", function, rest,
                           rt_parent(self), rt_group_leader(self)));
    if (rt_receive(self, RT_INFINITY, &reason) == AGNER_OK)
        rt_exit(self, reason);
}

static const struct rt_remote greeter = { .run = greet };
static const char *const nobody[] = { "nobody@nowhere", NULL };
static const char *const only_a[] = { A, NULL };
static const struct rt_remote closed = { .run = greet, .nodes = nobody };
static const struct rt_remote for_a = { .run = greet, .nodes = only_a };
static const struct rt_remote pair_of = { .run = greet, .max = 2 };

static void offer(struct node *node, const char *module,
                  const struct rt_remote *remote)
{
    assert_int_equal(rt_behavior_register(node_rt(node), RT_GROUP_REMOTE,
                                          etf_atom(module), remote, NULL, NULL),
                     AGNER_OK);
}

static struct duo new_duo(void)
{
    struct duo duo = duo_new();

    offer(duo.a, "greeter", &greeter);
    offer(duo.b, "greeter", &greeter);
    offer(duo.b, "closed", &closed);
    offer(duo.b, "for_a", &for_a);
    offer(duo.b, "two", &pair_of);
    return duo;
}

static etf_term next(struct gen *self)
{
    etf_term message;

    assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
    return message;
}

static void expect_nothing(struct gen *self)
{
    etf_term message;

    assert_int_equal(rt_receive(self, 0, &message), AGNER_ETIMEOUT);
}

static enum agner_err start(struct gen *self, const char *node,
                            const char *module,
                            const struct rt_remote_spawn_options *options,
                            etf_pid *pid, etf_term *reason)
{
    return rt_spawn_node(
        self, etf_atom(node), etf_atom(module), etf_atom("start_link"),
        etf_make(self, "[_, extra]", rt_self(self)), options, pid, reason);
}

/* A process that is there greets us, and ends as we say. */
static void check_greeting(struct gen *self, etf_pid pid, bool local)
{
    etf_pid parent, leader, me = rt_self(self);

    assert_true(etf_match(next(self), "{hello, start_link, [extra], _, _}",
                          &parent, &leader));
    assert_true(etf_pid_equal(parent, me));
    assert_true(etf_pid_equal(leader, rt_group_leader(self)));
    assert_int_equal(etf_pid_is_local(pid), local);
}

/* ---- Tests -----------------------------------------------------------------
 */

static void both_places(void (*test)(struct gen *self, const char *node,
                                     bool local))
{
    struct duo duo = new_duo();

    test(duo.at_a, B, false);
    test(duo.at_a, A, true);
    duo_end(&duo);
}

static void plain(struct gen *self, const char *node, bool local)
{
    etf_term reason;
    etf_pid pid;
    etf_ref ref;

    assert_int_equal(start(self, node, "greeter", NULL, &pid, &reason),
                     AGNER_OK);
    check_greeting(self, pid, local);
    assert_int_equal(
        rt_monitor(self, etf_from_pid(rt_region(self), pid), 0, &ref),
        AGNER_OK);
    assert_int_equal(rt_send_pid(self, pid, etf_atom("bye")), AGNER_OK);
    assert_true(etf_match(next(self), "{'DOWN', __, process, __, bye}"));
}

static void a_process_starts_where_it_is_told_to(void **state)
{
    (void)state;
    both_places(plain);
}

static void tied(struct gen *self, const char *node, bool local)
{
    struct rt_remote_spawn_options options = { .link = true, .monitor = true };
    etf_ref ref, seen;
    etf_pid pid, who;

    (void)rt_trap_exit(self, true);
    options.monitor_ref = &ref;
    assert_int_equal(start(self, node, "greeter", &options, &pid, NULL),
                     AGNER_OK);
    check_greeting(self, pid, local);
    assert_int_equal(rt_send_pid(self, pid, etf_atom("bye")), AGNER_OK);
    assert_true(etf_match(next(self), "{'EXIT', _, bye}", &who));
    assert_true(etf_pid_equal(who, pid));
    assert_true(
        etf_match(next(self), "{'DOWN', _, process, _, bye}", &seen, &who));
    assert_true(etf_ref_equal(seen, ref));
    assert_true(etf_pid_equal(who, pid));
    expect_nothing(self);
}

static void link_and_monitor_are_there_from_the_start(void **state)
{
    (void)state;
    both_places(tied);
}

/* One that ends at once: its link and its monitor tell why, never `noproc`. */
static void undefined(struct gen *self, const char *node, bool local)
{
    struct rt_remote_spawn_options options = { .link = true, .monitor = true };
    etf_pid pid;
    int i;

    (void)local;
    (void)rt_trap_exit(self, true);
    for (i = 0; i < 20; i++) {
        assert_int_equal(
            start(self, node, "no_such_module", &options, &pid, NULL),
            AGNER_OK);
        assert_true(etf_match(
            next(self),
            "{'EXIT', __, {undef, [{no_such_module, start_link, __, []}]}}"));
        assert_true(etf_match(next(self),
                              "{'DOWN', __, process, __, {undef, "
                              "[{no_such_module, start_link, [__, extra], "
                              "[]}]}}"));
    }
    expect_nothing(self);
}

static void what_nobody_provides_ends_with_undef(void **state)
{
    (void)state;
    both_places(undefined);
}

/* D-38: a node that is away is an error at once, not a wait for the time-out.
 */
static void D_38_a_node_that_is_away_is_an_error_at_once(void **state)
{
    struct rt_remote_spawn_options forever = { .timeout_ms = RT_INFINITY };
    struct duo duo = new_duo();
    etf_term reason;
    etf_pid pid;
    etf_ref id, seen;

    (void)state;
    assert_int_equal(
        start(duo.at_a, "nobody@127.0.0.1", "greeter", &forever, &pid, &reason),
        AGNER_ENOCONN);
    assert_int_equal(rt_spawn_request(duo.at_a, etf_atom("nobody@127.0.0.1"),
                                      etf_atom("m"), etf_atom("f"), etf_nil(),
                                      NULL, &id),
                     AGNER_OK);
    assert_true(etf_match(next(duo.at_a),
                          "{spawn_reply, _, error, noconnection}", &seen));
    assert_true(etf_ref_equal(seen, id));
    expect_nothing(duo.at_a);
    duo_end(&duo);
}

static void names(struct gen *self, const char *node, bool local)
{
    struct rt_remote_spawn_options options = { .name = etf_atom("registered") };
    etf_term to = etf_make(self, "{registered, _}", etf_atom(node)), reason;
    etf_pid pid, second;
    etf_ref ref;

    assert_int_equal(start(self, node, "greeter", &options, &pid, NULL),
                     AGNER_OK);
    check_greeting(self, pid, local);
    assert_int_equal(start(self, node, "greeter", &options, &second, &reason),
                     AGNER_ETAKEN);
    assert_true(etf_atom_is(reason, "taken"));
    assert_int_equal(rt_monitor(self, to, 0, &ref), AGNER_OK);
    assert_int_equal(rt_send(self, to, etf_atom("bye")), AGNER_OK);
    assert_true(etf_match(next(self), "{'DOWN', __, process, __, bye}"));
    expect_nothing(self);
}

/* TestNodeRemoteSpawn: by a registered name; the second with it is taken. */
static void conf_TestNodeRemoteSpawn_registers_a_name_once(void **state)
{
    (void)state;
    both_places(names);
}

/* The reply is a message of its own, before all that the process does. */
static void asked(struct gen *self, const char *node, bool local)
{
    struct rt_remote_spawn_options options = { .monitor = true };
    etf_term to = etf_make(self, "[_]", rt_self(self));
    etf_pid pid, who;
    etf_ref id, seen;

    (void)local;
    assert_int_equal(rt_spawn_request(self, etf_atom(node), etf_atom("greeter"),
                                      etf_atom("f"), to, &options, &id),
                     AGNER_OK);
    assert_true(etf_match(next(self), "{spawn_reply, _, ok, _}", &seen, &pid));
    assert_true(etf_ref_equal(seen, id));
    assert_true(etf_match(next(self), "{hello, f, [], __, __}"));
    assert_int_equal(rt_send_pid(self, pid, etf_atom("bye")), AGNER_OK);
    assert_true(
        etf_match(next(self), "{'DOWN', _, process, _, bye}", &seen, &who));
    assert_true(etf_ref_equal(seen, id));
    assert_true(etf_pid_equal(who, pid));
    expect_nothing(self);
}

static void a_request_is_answered_by_a_message_first(void **state)
{
    (void)state;
    both_places(asked);
}

/* erlang:spawn_request/5: what to tell, and how, is the requester's own. */
static void replies(struct gen *self, const char *node, bool local)
{
    static const char *const bad[] = { "[unknown]", "[link | tail]",
                                       "[{priority, urgent}]",
                                       "[{monitor, [{alias, always}]}]",
                                       "not_a_list" };
    struct rt_remote_spawn_options options = { .monitor = true };
    etf_term none = etf_nil(), module = etf_atom("no_such_module");
    size_t i;
    etf_ref id, seen;

    (void)local;
    options.further =
        etf_make(self, "[{reply_tag, {mine, 1}}, {priority, low}]");
    assert_int_equal(rt_spawn_request(self, etf_atom(node), module, module,
                                      none, &options, &id),
                     AGNER_OK);
    assert_true(etf_match(next(self), "{{mine, 1}, _, ok, __}", &seen));
    assert_true(etf_ref_equal(seen, id));
    assert_true(
        etf_match(next(self), "{'DOWN', __, process, __, {undef, __}}"));
    options.further = etf_make(self, "[{reply, error_only}, {monitor, [{tag, "
                                     "gone}]}]");
    assert_int_equal(rt_spawn_request(self, etf_atom(node), module, module,
                                      none, &options, &id),
                     AGNER_OK);
    assert_true(
        etf_match(next(self), "{gone, _, process, __, {undef, __}}", &seen));
    assert_true(etf_ref_equal(seen, id));
    for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(etf_parse(rt_region(self), bad[i], strlen(bad[i]),
                                   &options.further, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(rt_spawn_request(self, etf_atom(node), module, module,
                                          none, &options, &id),
                         AGNER_EINVAL);
    }
    assert_int_equal(rt_spawn_request(self, etf_atom(node), module, module,
                                      etf_make(self, "[a | b]"), NULL, &id),
                     AGNER_EINVAL);
    expect_nothing(self);
}

static void options_are_those_of_erlang(void **state)
{
    (void)state;
    both_places(replies);
}

static void limits_hold(void **state)
{
    struct duo duo = new_duo();
    struct rt_remote_spawn_options options = { .monitor = true };
    struct gen *self = duo.at_a;
    etf_pid pids[2], pid;
    int i;

    (void)state;
    assert_int_equal(start(self, B, "closed", &options, &pid, NULL), AGNER_OK);
    assert_true(etf_match(next(self), "{'DOWN', __, process, __, {undef, "
                                      "[{closed, start_link, __, []}]}}"));
    assert_int_equal(start(self, B, "for_a", &options, &pid, NULL), AGNER_OK);
    check_greeting(self, pid, false);
    for (i = 0; i < 2; i++) {
        assert_int_equal(start(self, B, "two", &options, &pids[i], NULL),
                         AGNER_OK);
        check_greeting(self, pids[i], false);
    }
    assert_int_equal(start(self, B, "two", &options, &pid, NULL), AGNER_ELIMIT);
    assert_int_equal(rt_exit_signal(self, pids[0], etf_atom("kill")), AGNER_OK);
    assert_true(etf_match(next(self), "{'DOWN', __, process, __, killed}"));
    assert_int_equal(start(self, B, "two", &options, &pid, NULL), AGNER_OK);
    check_greeting(self, pid, false);
    duo_end(&duo);
}

/* What no row names shares the limit of the row for all, whatever its name. */
static void the_row_for_all_has_one_limit(void **state)
{
    struct rt_remote_spawn_options options = { .monitor = true };
    struct duo duo = duo_new();
    struct gen *self = duo.at_a;
    etf_pid pid;

    (void)state;
    offer(duo.b, RT_REMOTE_ANY, &pair_of);
    assert_int_equal(start(self, B, "one", &options, &pid, NULL), AGNER_OK);
    check_greeting(self, pid, false);
    assert_int_equal(start(self, B, "another", &options, &pid, NULL), AGNER_OK);
    check_greeting(self, pid, false);
    assert_int_equal(start(self, B, "third", &options, &pid, NULL),
                     AGNER_ELIMIT);
    duo_end(&duo);
}

static void applied(struct gen *self, const char *node, bool local)
{
    struct rt_remote_spawn_options options = { .monitor = true };
    etf_term erlang = etf_atom("erlang"), apply = etf_atom("apply"), me, args;
    etf_pid pid;

    me = rt_self_term(self);
    args = etf_make(self, "[greeter, start_link, [_, extra]]", me);
    assert_int_equal(rt_spawn_node(self, etf_atom(node), erlang, apply, args,
                                   &options, &pid, NULL),
                     AGNER_OK);
    check_greeting(self, pid, local);
    args = etf_make(self, "[_, [_, extra]]",
                    etf_export(rt_region(self), etf_atom("greeter"),
                               etf_atom("start_link"), 2),
                    me);
    assert_int_equal(rt_spawn_node(self, etf_atom(node), erlang, apply, args,
                                   &options, &pid, NULL),
                     AGNER_OK);
    check_greeting(self, pid, local);
    assert_int_equal(rt_spawn_node(self, etf_atom(node), erlang, apply,
                                   etf_make(self, "[1]"), &options, &pid, NULL),
                     AGNER_OK);
    assert_true(etf_match(next(self), "{'DOWN', __, process, __, {undef, "
                                      "[{erlang, apply, [1], []}]}}"));
}

/* spawn/2 and apply/3 come as calls of erlang:apply. */
static void apply_is_what_it_applies(void **state)
{
    (void)state;
    both_places(applied);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_process_starts_where_it_is_told_to),
        cmocka_unit_test(link_and_monitor_are_there_from_the_start),
        cmocka_unit_test(what_nobody_provides_ends_with_undef),
        cmocka_unit_test(D_38_a_node_that_is_away_is_an_error_at_once),
        cmocka_unit_test(conf_TestNodeRemoteSpawn_registers_a_name_once),
        cmocka_unit_test(a_request_is_answered_by_a_message_first),
        cmocka_unit_test(options_are_those_of_erlang),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(the_row_for_all_has_one_limit),
        cmocka_unit_test(apply_is_what_it_applies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
