/*
 * test_behaviors_end.c -- how a server ends: who is told what, in which order,
 * and which of terminate and destroy run.
 */
#include "probe.h"

/* {stop, Reason, Reply, State}: terminate, then the answer, then the exit. */
static void answers_after_terminate_and_before_the_end(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    struct rt_request id;
    etf_ref ref;
    etf_term m, reply, object;

    assert_int_equal(rt_monitor(self, probe, 0, &ref), AGNER_OK);
    gen_send_request(self, probe,
                     probe_term(world, "{stop_reply, slow, farewell}"), &id);
    assert_true(witness_await(&world->seen, "terminate slow\n"));
    assert_int_equal(gen_wait(self, &id, 0, &reply), AGNER_ETIMEOUT);
    rt_send(self, probe, etf_atom("go"));
    assert_int_equal(gen_wait(self, &id, PROBE_LONG_MS, &reply), AGNER_OK);
    assert_true(probe_equal(world, reply, "farewell"));
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'DOWN', __, process, _, slow}", &object));
    assert_true(etf_equal(object, probe));
    assert_true(witness_await(&world->seen, "destroy\n"));
    probe_mailbox_empty(world);
}

/* The exit of a linked caller comes after the answer too. */
static void answers_before_a_link_is_told(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term reply, m;
    etf_pid pid;
    bool exited;

    (void)rt_trap_exit(self, true);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(gen_start_link(self, &probe_server,
                                        probe_args(world, "ok"), NULL, &pid,
                                        NULL),
                         AGNER_OK);
        assert_int_equal(gen_call(self, etf_make(self, "_", pid),
                                  probe_term(world, "{stop_reply, x, y}"),
                                  PROBE_LONG_MS, &reply),
                         AGNER_OK);
        assert_true(probe_equal(world, reply, "y"));
        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        exited = etf_match(m, "{'EXIT', __, x}");
        assert_true(exited);
        rt_reset(self);
    }
}

static void terminates_when_it_leaves_from_the_middle(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    gen_cast(world->self, probe, probe_term(world, "{leave, {oops, 1}}"));
    assert_true(witness_await(&world->seen, "terminate {oops,1}\ndestroy\n"));
}

/* `kill` runs only destroy, and watchers see `killed`. */
static void does_not_terminate_when_killed(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "{trap, true}");
    etf_ref ref;
    etf_term m;
    etf_pid pid;
    bool killed;

    assert_true(etf_get_pid(probe, &pid));
    rt_monitor(self, probe, 0, &ref);
    assert_int_equal(rt_exit_signal(self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    killed = etf_match(m, "{'DOWN', __, process, __, killed}");
    assert_true(killed);
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(witness_count(&world->seen, "terminate"), 0);
}

static void terminates_on_a_signal_unless_it_is_quiet(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    rt_exit_signal(self, pid, etf_atom("go_away"));
    assert_true(witness_await(&world->seen, "terminate go_away\ndestroy\n"));
    witness_reset(&world->seen);
    assert_int_equal(gen_start(self, &probe_quiet_server,
                               probe_args(world, "ok"), NULL, &pid, NULL),
                     AGNER_OK);
    rt_exit_signal(self, pid, etf_atom("go_away"));
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(witness_count(&world->seen, "terminate"), 0);
}

static void ignores_a_normal_exit_signal(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    rt_exit_signal(world->self, pid, ETF_A(normal));
    probe_expect(world, probe, "{reply, alive}", "alive");
}

static void raw_parent(struct gen *self, void *arg)
{
    struct probe_world *world = arg;
    etf_pid pid;
    etf_term resource = etf_resource(rt_region(self), &world->seen, NULL);

    if (gen_start_link(self, &probe_server,
                       etf_make(self, "{_, {trap, true}}", resource), NULL,
                       &pid, NULL) == AGNER_OK)
        rt_exit(self, etf_make(self, "parent_is_gone"));
}

/* OTP: a server that traps exits still ends with its parent, by terminate. */
static void ends_with_its_parent(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid;

    assert_int_equal(rt_spawn(world->self, raw_parent, world, NULL, &pid),
                     AGNER_OK);
    assert_true(
        witness_await(&world->seen, "terminate parent_is_gone\ndestroy\n"));
    assert_int_equal(witness_count(&world->seen, "info"), 0);
}

/* ---- stop ---- */

static void stops_in_an_orderly_way(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    assert_int_equal(
        gen_server_stop(self, probe, ETF_A(shutdown), PROBE_LONG_MS), AGNER_OK);
    assert_true(witness_await(&world->seen, "terminate shutdown\n"));
    assert_int_equal(
        gen_server_stop(self, probe, ETF_A(shutdown), PROBE_LONG_MS),
        AGNER_ENOPROC);
    probe_mailbox_empty(world);
}

struct stopper {
    etf_term probe;
    enum agner_err err; /* read when the process is dead */
};

static void stop_it(struct gen *self, void *arg)
{
    struct stopper *s = arg;

    s->err = gen_server_stop(self, s->probe, ETF_A(normal), PROBE_LONG_MS);
}

/* The server stops for a reason of its own, with the request behind it. */
static void tells_when_it_ended_for_another_reason(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct stopper stopper = { .probe = probe_start(world, "ok") };
    struct rt_process_info info = { 0 };
    etf_pid pid, probe;

    assert_true(etf_get_pid(stopper.probe, &probe));
    gen_cast(self, stopper.probe, probe_term(world, "{wait}"));
    gen_cast(self, stopper.probe, probe_term(world, "{stop, first}"));
    assert_int_equal(rt_spawn(self, stop_it, &stopper, NULL, &pid), AGNER_OK);
    for (unsigned tries = PROBE_LONG_MS; tries > 0; tries--) {
        if (rt_process_glance(world->rt, probe, &info) != AGNER_OK ||
            info.mailbox_count == 2)
            break;
        (void)rt_sleep(self, 1);
    }
    assert_int_equal(info.mailbox_count, 2);
    rt_send(self, stopper.probe, probe_term(world, "go"));
    assert_int_equal(rt_wait(self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(stopper.err, AGNER_EEXIT);
}

static void stops_waiting_when_the_server_is_busy(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    gen_cast(self, probe, probe_term(world, "{wait}"));
    assert_int_equal(gen_server_stop(self, probe, ETF_A(normal), 1),
                     AGNER_ETIMEOUT);
    rt_send(self, probe, probe_term(world, "go"));
    probe_wait_dead(world, probe); /* the request was not taken back */
    probe_mailbox_empty(world);
    assert_int_equal(
        gen_server_stop(self, rt_self_term(self), ETF_A(normal), PROBE_LONG_MS),
        AGNER_ECALLSELF);
}

/* ---- Reports ---- */

static void reports_an_abnormal_end_in_one_line(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct rt_spawn_options options = { .name = etf_atom("unlucky") };
    etf_pid pid;

    assert_int_equal(gen_start(self, &probe_server, probe_args(world, "ok"),
                               &options, &pid, NULL),
                     AGNER_OK);
    gen_cast(self, options.name, probe_term(world, "{stop, {because, 1}}"));
    assert_true(witness_await(&world->log,
                              "gen_server unlucky terminated: reason "
                              "{because,1} last message "
                              "{stop,{because,1}} state "
                              "{probe,0}"));
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_true(witness_await(&world->log, "crash of unlucky <"));
    assert_int_equal(witness_count(&world->log, "unlucky terminated"), 1);
    assert_int_equal(witness_count(&world->log, "crash of"), 1);
}

static void reports_what_left_from_the_middle(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    gen_cast(world->self, probe, probe_term(world, "{leave, {deep, 2}}"));
    assert_true(witness_await(&world->log, "terminated: reason {deep,2} "
                                           "last message {leave,{deep,2}}"));
}

/* What it handled before is long gone, and has no part in it. */
static void reports_the_end_of_an_idle_server(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    probe_expect(world, probe, "{reply, {some, \"long\", [message]}}",
                 "{some, \"long\", [message]}");
    rt_exit_signal(world->self, pid, etf_atom("boom"));
    assert_true(witness_await(&world->log, "reason boom last message none"));
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(witness_count(&world->log, "crash in"), 0);
}

static void reports_no_orderly_end(void **state)
{
    struct probe_world *world = *state;
    static const char *const reasons[] = { "{stop, normal}", "{stop, shutdown}",
                                           "{stop, {shutdown, why}}" };

    for (size_t i = 0; i < 3; i++) {
        etf_term probe = probe_start(world, "ok");

        gen_cast(world->self, probe, probe_term(world, reasons[i]));
        probe_wait_dead(world, probe);
    }
    assert_int_equal(witness_count(&world->log, "terminated"), 0);
}

/* A message of a megabyte does not make a line of a megabyte. */
static void bounds_its_reports(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term list = etf_nil();
    char text[sizeof world->log.text];

    for (int i = 0; i < 20000; i++)
        list = etf_cons(rt_region(self), etf_int(rt_region(self), i), list);
    gen_cast(self, probe, etf_make(self, "{leave, _}", list));
    probe_wait_dead(world, probe);
    assert_true(witness_await(&world->log, "crash in {probe,init,1}"));
    assert_true(strlen(witness_text(&world->log, text, sizeof text)) < 3000);
}

/* I5: destroy exactly once for each server, however it ended; a runtime that
 * stops ends the rest. */
static void destroys_each_state_once(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    static const char *const ends[] = { "{stop, a}", "{leave, b}", "{bad}",
                                        "{stop, normal}" };

    for (int i = 0; i < 40; i++) {
        etf_term probe = probe_start(world, "ok");
        etf_pid pid;

        assert_true(etf_get_pid(probe, &pid));
        if (i % 5 == 4)
            rt_exit_signal(self, pid, ETF_A(kill));
        else
            gen_cast(self, probe, probe_term(world, ends[i % 5]));
        probe_wait_dead(world, probe);
    }
    (void)probe_start(world, "ok"); /* ends with the runtime */
    rt_detach(self);
    rt_free(world->rt, PROBE_LONG_MS);
    world->self = NULL;
    assert_int_equal(witness_count(&world->seen, "init\n"), 41);
    assert_int_equal(witness_count(&world->seen, "destroy\n"), 41);
    assert_int_equal(witness_count(&world->seen, "terminate "), 33);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(answers_after_terminate_and_before_the_end),
        CASE(answers_before_a_link_is_told),
        CASE(terminates_when_it_leaves_from_the_middle),
        CASE(does_not_terminate_when_killed),
        CASE(terminates_on_a_signal_unless_it_is_quiet),
        CASE(ignores_a_normal_exit_signal),
        CASE(ends_with_its_parent),
        CASE(stops_in_an_orderly_way),
        CASE(tells_when_it_ended_for_another_reason),
        CASE(stops_waiting_when_the_server_is_busy),
        CASE(reports_an_abnormal_end_in_one_line),
        CASE(reports_what_left_from_the_middle),
        CASE(reports_the_end_of_an_idle_server),
        CASE(reports_no_orderly_end),
        CASE(bounds_its_reports),
        CASE(destroys_each_state_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
