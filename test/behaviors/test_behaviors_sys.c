/*
 * test_behaviors_sys.c -- system messages: the answers of OTP 25, recorded from
 * a real node, in its shapes.
 */
#include "probe.h"

/* Sends {system, {Self, tag}, Request} by hand, as Erlang code may, and
 * compares the answer. */
static etf_term ask(struct probe_world *world, etf_term to, const char *request)
{
    struct gen *self = world->self;
    etf_term m, answer;

    assert_int_equal(
        rt_send(self, to,
                etf_make(self, "{system, {_, tag}, _}", rt_self(self),
                         probe_term(world, request))),
        AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{tag, _}", &answer));
    return answer;
}

static void expect(struct probe_world *world, etf_term to, const char *request,
                   const char *expected)
{
    char text[600];
    etf_term answer = ask(world, to, request);

    if (!probe_equal(world, answer, expected))
        fail_msg("%s: %s instead of %s", request,
                 etf_format(text, sizeof text, answer), expected);
}

static void answers_what_otp_answers(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "{add, 4}");
    static const char *const table[][2] = {
        { "get_state", "{probe, 4}" },
        { "bogus", "{error, {unknown_system_msg, bogus}}" },
        { "{bogus, 1}", "{error, {unknown_system_msg, {bogus, 1}}}" },
        { "{change_code, g, 1, 2}",
          "{error, {unknown_system_msg, {change_code, g, 1, 2}}}" },
        { "{get_state, 1}", "{error, {unknown_system_msg, {get_state, 1}}}" },
        { "{debug, bogus}", "unknown_debug" },
        { "{debug, {trace, x}}", "unknown_debug" },
        { "{debug, {statistics, foo}}", "unknown_debug" },
        { "{debug, {statistics, get}}", "{ok, no_statistics}" },
        { "{debug, {statistics, true}}", "ok" },
        { "{debug, {statistics, true}}", "ok" },
        { "{debug, {statistics, false}}", "ok" },
        { "{debug, {log, get}}", "{ok, []}" },
        { "{debug, {log, true}}", "ok" },
        { "{debug, {log, {true, 3}}}", "ok" },
        { "{debug, {log, {true, 0}}}", "unknown_debug" },
        { "{debug, {log, print}}", "ok" },
        { "{debug, {log, false}}", "ok" },
        { "{debug, {trace, true}}", "ok" },
        { "{debug, no_debug}", "ok" },
        { "suspend", "ok" },
        { "suspend", "ok" },
        { "get_state", "{probe, 4}" },
        { "resume", "ok" },
        { "resume", "ok" },
        { "{replace_state, {probe, 9}}", "{probe, 9}" },
        { "get_state", "{probe, 9}" },
    };
    etf_term module, why;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        expect(world, probe, table[i][0], table[i][1]);
    assert_true(etf_match(ask(world, probe, "{replace_state, nonsense}"),
                          "{error, {callback_failed, "
                          "{_, system_replace_state}, _}}",
                          &module, &why));
    probe_expect(world, probe, "{add, 1}", "10");
}

static void gives_its_status_in_the_shape_of_otp(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "{add, 4}");
    etf_term status, dictionary, debug, misc;
    etf_pid pid, who, parent;

    assert_true(etf_get_pid(probe, &pid));
    assert_int_equal(gen_sys_get_status(self, probe, PROBE_LONG_MS, &status),
                     AGNER_OK);
    assert_true(etf_match(status,
                          "{status, _, {module, gen_server}, "
                          "[_, running, _, _, _]}",
                          &who, &dictionary, &parent, &debug, &misc));
    assert_true(etf_pid_equal(who, pid));
    assert_true(etf_pid_equal(parent, rt_self(self)));
    assert_true(probe_equal(world, debug, "[]"));
    assert_true(etf_match(dictionary,
                          "[{'$initial_call', {probe, init, 1}}, "
                          "{'$ancestors', [_]}]",
                          &parent));
    assert_true(etf_match(misc,
                          "[{header, _}, {data, [{\"Status\", running}, "
                          "{\"Parent\", _}, {\"Logged events\", []}]}, "
                          "{data, [{\"State\", {probe, 4}}]}]",
                          &dictionary, &parent));
}

static void serves_only_sys_while_suspended(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term status, t, reply;
    struct rt_request id;

    assert_int_equal(gen_sys_suspend(self, probe, PROBE_LONG_MS), AGNER_OK);
    gen_cast(self, probe, probe_term(world, "{add, 1}"));
    gen_send_request(self, probe, probe_term(world, "{add, 1}"), &id);
    rt_send(self, probe, probe_term(world, "hello"));
    assert_int_equal(gen_sys_get_status(self, probe, PROBE_LONG_MS, &status),
                     AGNER_OK);
    assert_true(etf_match(status, "{status, _, _, [_, suspended, _, _, _]}", &t,
                          &t, &t, &t, &t, &t));
    assert_int_equal(gen_wait(self, &id, 0, &reply), AGNER_ETIMEOUT);
    assert_int_equal(witness_count(&world->seen, "cast"), 0);
    assert_int_equal(gen_sys_resume(self, probe, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(gen_wait(self, &id, PROBE_LONG_MS, &reply), AGNER_OK);
    assert_true(probe_equal(world, reply, "2"));
    probe_expect(world, probe, "{reply, 1}", "1");
    assert_true(witness_await(&world->seen,
                              "cast {add,1}\ncall {add,1}\ninfo hello\n"));
}

static void stops_while_suspended(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    expect(world, probe, "{terminate, {shutdown, at_once}}", "ok");
    assert_true(witness_await(&world->seen, "terminate {shutdown,at_once}\n"));
    probe = probe_start(world, "ok");
    gen_sys_suspend(world->self, probe, PROBE_LONG_MS);
    assert_int_equal(gen_server_stop(world->self, probe,
                                     probe_term(world, "{shutdown, now}"),
                                     PROBE_LONG_MS),
                     AGNER_OK);
    assert_true(
        witness_await(&world->seen, "terminate {shutdown,now}\ndestroy\n"));
}

/* A time-out that runs is not lost when somebody looks: it starts anew. */
static void keeps_its_timeout(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term m;

    gen_cast(self, probe, probe_term(world, "{wait}"));
    gen_cast(self, probe, probe_term(world, "{timeout, 1}"));
    /* Comes when the time-out has just been asked for. */
    rt_send(self, probe,
            etf_make(self, "{system, {_, t}, get_state}", rt_self(self)));
    rt_send(self, probe, probe_term(world, "go"));
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(witness_await(&world->seen, "info timeout\n"));
}

/* The time of a suspended server stands still: what came meanwhile comes before
 * the time-out, and takes it away. */
static void has_no_timeout_while_suspended(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term m;

    gen_cast(self, probe, probe_term(world, "{wait}"));
    gen_cast(self, probe, probe_term(world, "{timeout, 1}"));
    rt_send(self, probe,
            etf_make(self, "{system, {_, t}, suspend}", rt_self(self)));
    rt_send(self, probe, probe_term(world, "go"));
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    (void)rt_sleep(self, 5); /* did it run, it would be over */
    gen_cast(self, probe, probe_term(world, "x"));
    assert_int_equal(gen_sys_resume(self, probe, PROBE_LONG_MS), AGNER_OK);
    probe_expect(world, probe, "{reply, 1}", "1");
    assert_int_equal(witness_count(&world->seen, "cast x\n"), 1);
    assert_int_equal(witness_count(&world->seen, "info timeout"), 0);
}

static void counts_while_statistics_are_on(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term answer, started, now;
    int64_t reductions, in, out, year, month, day;

    assert_int_equal(
        gen_sys_statistics(self, probe, ETF_A(true), PROBE_LONG_MS, NULL),
        AGNER_OK);
    probe_expect(world, probe, "{reply, 1}", "1");
    gen_cast(self, probe, probe_term(world, "x"));
    probe_expect(world, probe, "{reply, 2}", "2");
    assert_int_equal(gen_sys_statistics(self, probe, etf_atom("get"),
                                        PROBE_LONG_MS, &answer),
                     AGNER_OK);
    assert_true(etf_match(answer,
                          "{ok, [{start_time, _}, {current_time, _}, "
                          "{reductions, _}, {messages_in, _}, "
                          "{messages_out, _}]}",
                          &started, &now, &reductions, &in, &out));
    assert_int_equal(in, 3);
    assert_int_equal(out, 2);
    assert_true(reductions >= 3);
    assert_true(
        etf_match(now, "{{_, _, _}, {__, __, __}}", &year, &month, &day));
    assert_true(year >= 2024 && month >= 1 && month <= 12 && day <= 31);
    assert_true(etf_compare(started, now) <= 0);
}

static void traces_events_as_lines(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    assert_int_equal(gen_sys_trace(self, probe, true, PROBE_LONG_MS), AGNER_OK);
    probe_expect(world, probe, "{reply, 1}", "1");
    gen_cast(self, probe, probe_term(world, "x"));
    rt_send(self, probe, probe_term(world, "y"));
    probe_expect(world, probe, "{reply, 2}", "2");
    assert_true(witness_await(&world->log, " got call {reply,1} from <"));
    assert_true(witness_await(&world->log, " sent 1 to <"));
    assert_true(witness_await(&world->log, " got cast x\n"));
    assert_true(witness_await(&world->log, " got y\n"));
    assert_int_equal(gen_sys_trace(self, probe, false, PROBE_LONG_MS),
                     AGNER_OK);
    probe_expect(world, probe, "{reply, 3}", "3");
    assert_int_equal(witness_count(&world->log, "sent 3"), 0);
}

static void keeps_the_last_events(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    expect(world, probe, "{debug, {log, {true, 3}}}", "ok");
    for (int i = 0; i < 7; i++)
        gen_cast(self, probe, etf_make(self, "_", i));
    expect(world, probe, "{debug, {log, get}}",
           "{ok, [{in, {'$gen_cast', 4}}, {in, {'$gen_cast', 5}},"
           " {in, {'$gen_cast', 6}}]}");
    expect(world, probe, "{debug, {log, {true, 2}}}", "ok");
    gen_cast(self, probe, etf_atom("x"));
    expect(world, probe, "{debug, {log, get}}",
           "{ok, [{in, {'$gen_cast', 6}}, {in, {'$gen_cast', x}}]}");
    expect(world, probe, "{debug, {log, {true, 5}}}", "ok");
    rt_send(self, probe, etf_atom("y"));
    expect(world, probe, "{debug, {log, get}}",
           "{ok, [{in, {'$gen_cast', 6}}, {in, {'$gen_cast', x}}, {in, y}]}");
    expect(world, probe, "{debug, {log, print}}", "ok");
    assert_true(witness_await(&world->log, " got cast 6\n"));
    expect(world, probe, "{debug, no_debug}", "ok");
    expect(world, probe, "{debug, {log, get}}", "{ok, []}");
}

static void tells_why_it_could_not_look(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term t;

    assert_int_equal(
        gen_sys_get_state(self, etf_atom("no_such_name"), RT_INFINITY, &t),
        AGNER_ENONAME);
    assert_int_equal(
        gen_sys_get_state(self, rt_self_term(self), RT_INFINITY, &t),
        AGNER_ECALLSELF);
    assert_int_equal(gen_sys_replace_state(self, probe,
                                           probe_term(world, "nonsense"),
                                           PROBE_LONG_MS),
                     AGNER_ENOTSUP);
    gen_cast(self, probe, probe_term(world, "{wait}"));
    assert_int_equal(gen_sys_get_state(self, probe, 1, &t), AGNER_ETIMEOUT);
    rt_send(self, probe, probe_term(world, "go"));
    probe_expect(world, probe, "{reply, 1}", "1");
    probe_mailbox_empty(world);
    gen_server_stop(self, probe, ETF_A(normal), PROBE_LONG_MS);
    assert_int_equal(gen_sys_get_state(self, probe, RT_INFINITY, &t),
                     AGNER_ENOPROC);
}

/* ---- A behaviour of one's own ---- */

struct own {
    struct gen_sys sys;
    int64_t count;
};

static etf_term own_state(struct gen *self)
{
    return etf_make(self, "_", ((struct own *)rt_state(self))->count);
}

static const struct gen_sys_view own_view = { .module = "my_behaviour",
                                              .get_state = own_state };

static enum rt_next own_init(struct gen *self, etf_term args)
{
    struct own *own = rt_state(self);

    (void)args;
    own->sys.view = &own_view;
    return RT_NEXT;
}

static enum rt_next own_message(struct gen *self, const struct rt_message *m)
{
    struct own *own = rt_state(self);
    enum rt_next next;

    if (gen_sys_handle(self, &own->sys, m, &next))
        return next;
    if (own->sys.watched)
        gen_sys_event(self, &own->sys, etf_make(self, "{in, _}", m->term));
    own->count++;
    return RT_NEXT;
}

static void own_destroy(void *state)
{
    gen_sys_fini(&((struct own *)state)->sys);
}

static const struct rt_behavior own_behavior = {
    .name = "my_behaviour",
    .state_size = sizeof(struct own),
    .init = own_init,
    .message = own_message,
    .destroy = own_destroy,
};

static void serves_a_behaviour_of_ones_own(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term own, t;
    etf_pid pid;

    assert_int_equal(rt_start(self, &own_behavior, etf_nil(), NULL, &pid, NULL),
                     AGNER_OK);
    own = etf_make(self, "_", pid);
    rt_send(self, own, etf_atom("one"));
    expect(world, own, "get_state", "1");
    expect(world, own, "{debug, {log, true}}", "ok");
    expect(world, own, "suspend", "ok");
    rt_send(self, own, etf_atom("two"));
    expect(world, own, "get_state", "1");
    expect(world, own, "resume", "ok");
    expect(world, own, "get_state", "2");
    expect(world, own, "{debug, {log, get}}", "{ok, [{in, two}]}");
    assert_true(etf_match(ask(world, own, "{replace_state, 5}"),
                          "{error, {callback_failed, "
                          "{my_behaviour, system_replace_state}, _}}",
                          &t));
    assert_int_equal(
        gen_server_stop(self, own, etf_atom("done"), PROBE_LONG_MS), AGNER_OK);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_what_otp_answers),
        CASE(gives_its_status_in_the_shape_of_otp),
        CASE(serves_only_sys_while_suspended),
        CASE(stops_while_suspended),
        CASE(keeps_its_timeout),
        CASE(has_no_timeout_while_suspended),
        CASE(counts_while_statistics_are_on),
        CASE(traces_events_as_lines),
        CASE(keeps_the_last_events),
        CASE(tells_why_it_could_not_look),
        CASE(serves_a_behaviour_of_ones_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
