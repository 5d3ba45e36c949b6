/*
 * test_behaviors_proc.c -- procs: how they start, fail, sleep and stop, and
 * what their crash reports say.
 */
#include "probe.h"

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

/* The proc of the tests does what its args say, {Witness, Command, ...}: */
static void obey(struct gen *self, struct witness *w, etf_term command)
{
    etf_term a, b, m;
    etf_pid pid;

    if (etf_match(command, "{then, _, _}", &a, &b)) {
        obey(self, w, a);
        obey(self, w, b);
    } else if (etf_match(command, "{ack, _}", &a)) {
        if (gen_proc_init_ack(self, a) == AGNER_EALREADY)
            witness_add(w, "acked before", a);
    } else if (etf_match(command, "{fail, _}", &a)) {
        gen_proc_init_fail(self, a);
    } else if (etf_match(command, "{leave, _}", &a)) {
        rt_exit(self, a);
    } else if (etf_match(command, "wait")) {
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    } else if (etf_match(command, "{sleep, _}", &a)) {
        witness_add(w, "sleeps", a);
        (void)gen_proc_hibernate(
            self, etf_make(self, "{_, _}",
                           etf_resource(rt_region(self), w, NULL), a));
    } else if (etf_match(command, "serve")) {
        while (gen_proc_receive(self, RT_INFINITY, &m) == AGNER_OK)
            witness_add(w, "got", m);
    } else if (etf_match(command, "{tell, _}", &pid)) {
        (void)rt_send_pid(self, pid,
                          etf_make(self, "{told, _, _}", gen_ancestors(self),
                                   gen_initial_call(self)));
    }
}

static void run(struct gen *self, etf_term args)
{
    etf_term resource, command;
    void *witness = NULL;

    if (!etf_match(args, "{_, _}", &resource, &command) ||
        !etf_get_resource(resource, &witness))
        rt_exit(self, ETF_A(badarg));
    obey(self, witness, command);
}

static void woken(struct gen *self, etf_term args, etf_term message)
{
    etf_term resource, command;
    void *witness = NULL;

    if (!etf_match(args, "{_, _}", &resource, &command) ||
        !etf_get_resource(resource, &witness))
        rt_exit(self, ETF_A(badarg));
    witness_add(witness, "woken by", message);
    obey(self, witness, command);
}

static const struct gen_proc worker = { .name = "worker",
                                        .run = run,
                                        .woken = woken };

static etf_pid spawn(struct probe_world *world, const char *command)
{
    etf_pid pid;

    assert_int_equal(gen_proc_spawn(world->self, &worker,
                                    probe_args(world, command), NULL, &pid),
                     AGNER_OK);
    return pid;
}

static void go(struct probe_world *world, etf_pid pid)
{
    assert_int_equal(rt_send_pid(world->self, pid, etf_atom("go")), AGNER_OK);
}

static void wait_dead(struct probe_world *world, etf_pid pid)
{
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
}

/* ---- Starting ----------------------------------------------------------- */

static void start_returns_when_it_has_begun(void **state)
{
    struct probe_world *world = *state;
    etf_term result = ETF_NONE, m;
    etf_ref ref, seen;
    etf_pid pid, who;

    assert_int_equal(gen_proc_start_monitor(
                         world->self, &worker,
                         probe_args(world, "{then, {ack, {ready, [1]}}, "
                                           "{then, {ack, again}, {then, wait, "
                                           "{leave, done}}}}"),
                         NULL, RT_INFINITY, &pid, &ref, &result),
                     AGNER_OK);
    assert_true(probe_equal(world, result, "{ready, [1]}"));
    assert_true(rt_is_alive(world->rt, pid));
    assert_true(witness_await(&world->seen, "acked before again\n"));
    go(world, pid);
    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'DOWN', _, process, _, done}", &seen, &who));
    assert_true(etf_ref_equal(ref, seen) && etf_pid_equal(pid, who));
    probe_mailbox_empty(world);
}

/* Starts with a link and a monitor, trapping exits, and expects no trace. */
static void expect_failure(struct probe_world *world, const char *command,
                           uint64_t timeout_ms, enum agner_err expected,
                           const char *reason)
{
    struct rt_spawn_options options = { .name = etf_atom("a_proc") };
    struct rt_process_info info;
    etf_term result = ETF_NONE;
    etf_pid pid = { 0 };
    etf_ref ref;
    char text[200];

    (void)rt_trap_exit(world->self, true);
    options.link = true;
    assert_int_equal(
        gen_proc_start_monitor(world->self, &worker, probe_args(world, command),
                               &options, timeout_ms, &pid, &ref, &result),
        expected);
    if (reason != NULL)
        assert_string_equal(etf_format(text, sizeof text, result), reason);
    assert_int_equal(rt_whereis(world->rt, options.name, &pid), AGNER_ENONAME);
    assert_int_equal(rt_process_info(world->self, rt_self(world->self), &info),
                     AGNER_OK);
    assert_int_equal(etf_list_size(info.links), 0);
    assert_int_equal(etf_list_size(info.monitors), 0);
    probe_mailbox_empty(world);
}

static void nothing_is_left_of_one_that_does_not_begin(void **state)
{
    struct probe_world *world = *state;

    expect_failure(world, "{fail, {no, way}}", RT_INFINITY, AGNER_EEXIT,
                   "{no,way}");
    expect_failure(world, "returns_at_once", RT_INFINITY, AGNER_EEXIT,
                   "normal");
    assert_int_equal(rt_log_flush(world->rt, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(witness_count(&world->log, "crash"), 0);
    expect_failure(world, "{leave, boom}", RT_INFINITY, AGNER_EEXIT, "boom");
    assert_true(witness_await(&world->log, "exit boom"));
    assert_int_equal(witness_count(&world->log, "crash"), 1);
    expect_failure(world, "wait", 1, AGNER_ETIMEOUT, NULL);
}

static void says_who_has_the_name(void **state)
{
    struct probe_world *world = *state;
    struct rt_spawn_options options = { .name = etf_atom("a_proc") };
    etf_pid first, second;

    assert_int_equal(
        gen_proc_start_link(world->self, &worker,
                            probe_args(world, "{then, {ack, x}, wait}"),
                            &options, RT_INFINITY, &first, NULL),
        AGNER_OK);
    assert_int_equal(gen_proc_start(world->self, &worker,
                                    probe_args(world, "{ack, x}"), &options,
                                    RT_INFINITY, &second, NULL),
                     AGNER_ETAKEN);
    assert_true(etf_pid_equal(first, second));
    go(world, first);
    wait_dead(world, first);
}

/* ---- Crash reports ------------------------------------------------------ */

/* The first crash report that the log saw. */
struct reports {
    pthread_mutex_t lock; /* guards the rest */
    struct etf_box *box;  /* owned, or NULL */
};

static void note_report(void *ctx, const struct rt_log_event *event)
{
    struct reports *r = ctx;

    if (!etf_match(event->report, "#{label => {proc_lib, crash}}"))
        return;
    pthread_mutex_lock(&r->lock);
    if (r->box == NULL)
        r->box = etf_box_new(event->report);
    pthread_mutex_unlock(&r->lock);
}

/* What the report says of `key`. */
static etf_term about(const struct reports *r, const char *key)
{
    etf_term list, pair;

    if (r->box == NULL ||
        !etf_match(etf_box_term(r->box), "#{report => [_, []]}", &list))
        return ETF_NONE;
    while (etf_list_next(&list, &pair)) {
        if (etf_tuple_size(pair) == 2 &&
            etf_atom_is(etf_tuple_items(pair)[0], key))
            return etf_tuple_items(pair)[1];
    }
    return ETF_NONE;
}

static void shows_what_otp_shows(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct reports reports = { .lock = PTHREAD_MUTEX_INITIALIZER };
    struct rt_log_handler handler = { .id = "reports",
                                      .kind = RT_LOG_CALLBACK,
                                      .event = note_report,
                                      .ctx = &reports,
                                      .direct = true };
    struct rt_spawn_options options = { .name = etf_atom("unlucky") };
    etf_pid pid, seen;

    assert_int_equal(rt_log_handler_add(world->rt, &handler, NULL), AGNER_OK);
    (void)rt_trap_exit(self, true);
    assert_int_equal(
        gen_proc_spawn_link(self, &worker,
                            probe_args(world, "{then, wait, {leave, [why]}}"),
                            &options, &pid),
        AGNER_OK);
    for (int64_t i = 0; i < 12; i++)
        (void)rt_send_pid(self, pid, etf_make(self, "{unread, _}", i));
    go(world, pid);
    wait_dead(world, pid);
    assert_int_equal(rt_log_handler_remove(world->rt, "reports"), AGNER_OK);
    assert_true(probe_equal(world, about(&reports, "initial_call"),
                            "{worker, run, 1}"));
    assert_true(etf_get_pid(about(&reports, "pid"), &seen));
    assert_true(etf_pid_equal(seen, pid));
    assert_true(
        probe_equal(world, about(&reports, "registered_name"), "unlucky"));
    assert_true(
        probe_equal(world, about(&reports, "error_info"), "{exit, [why], []}"));
    assert_true(etf_equal(about(&reports, "ancestors"),
                          etf_make(self, "[_]", rt_self(self))));
    assert_true(probe_equal(world, about(&reports, "message_queue_len"), "12"));
    assert_int_equal(etf_list_size(about(&reports, "messages")), 10);
    assert_true(etf_equal(about(&reports, "links"),
                          etf_make(self, "[_]", rt_self(self))));
    assert_true(probe_equal(world, about(&reports, "trap_exit"), "false"));
    etf_box_free(reports.box);
}

static void reports_what_it_was_and_how_it_ended(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid = spawn(world, "{then, wait, {leave, {boom, 1}}}");

    (void)rt_send_pid(world->self, pid, etf_atom("unread"));
    go(world, pid);
    wait_dead(world, pid);
    assert_true(witness_await(&world->log, "crash in {worker,run,1} <"));
    assert_true(witness_await(&world->log, "exit {boom,1} ancestors [<"));
    assert_true(witness_await(&world->log, "messages 1"));
    assert_int_equal(witness_count(&world->log, "crash in"), 1);
}

/* Ends that are nobody's fault; and one that is another one's. */
static void reports_no_orderly_end(void **state)
{
    struct probe_world *world = *state;
    static const char *const commands[] = {
        "{leave, normal}",
        "{leave, shutdown}",
        "{leave, {shutdown, x}}",
        "ok",
    };
    etf_pid pid;

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        wait_dead(world, spawn(world, commands[i]));
    pid = spawn(world, "wait");
    assert_int_equal(rt_exit_signal(world->self, pid, etf_atom("boom")),
                     AGNER_OK);
    wait_dead(world, pid);
    wait_dead(world, spawn(world, "{leave, last}"));
    assert_true(witness_await(&world->log, "exit last"));
    assert_int_equal(witness_count(&world->log, "crash in"), 1);
}

static void a_server_crash_is_reported_after_its_own(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    gen_cast(world->self, probe, probe_term(world, "{leave, {deep, 2}}"));
    assert_true(witness_await(&world->log, "crash in {probe,init,1} <"));
    assert_int_equal(witness_count(&world->log, "gen_server probe <"), 1);
    assert_int_equal(witness_count(&world->log, "crash in"), 1);
    /* First what the server says of itself. */
    assert_true(witness_await(&world->log, "state {probe,0}\nlog crash in"));
}

/* ---- Ancestors ---------------------------------------------------------- */

static void child(struct gen *self, etf_term args)
{
    etf_pid boss;

    if (etf_match(args, "_", &boss))
        (void)rt_send_pid(self, boss,
                          etf_make(self, "{told, _, _}", gen_ancestors(self),
                                   gen_initial_call(self)));
}

static const struct gen_proc child_proc = { .name = "child", .run = child };

static void parent(struct gen *self, etf_term args)
{
    etf_term m;

    (void)gen_proc_spawn(self, &child_proc, args, NULL, NULL);
    (void)rt_receive(self, RT_INFINITY, &m); /* lives while it is looked at */
}

static const struct gen_proc parent_proc = { .name = "parent", .run = parent };

static void knows_its_ancestors(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct rt_spawn_options options = { .name = etf_atom("grand") };
    etf_term m, expected;
    etf_pid pid;

    assert_int_equal(
        gen_proc_spawn(self, &parent_proc, rt_self_term(self), &options, &pid),
        AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    expected =
        etf_make(self, "{told, [grand, _], {child, run, 1}}", rt_self(self));
    assert_true(etf_equal(m, expected));
    go(world, pid);
}

/* ---- sys and stop ------------------------------------------------------- */

static void answers_sys_and_stops_in_order(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_pid pid = spawn(world, "serve");
    etf_term to = etf_from_pid(NULL, pid), status = ETF_NONE;

    (void)rt_send_pid(self, pid, etf_atom("one"));
    assert_true(witness_await(&world->seen, "got one\n"));
    assert_int_equal(gen_sys_get_status(self, to, PROBE_LONG_MS, &status),
                     AGNER_OK);
    assert_true(etf_match(status, "{status, __, {module, gen_proc}, "
                                  "[[{'$initial_call', {worker, run, 1}}, __], "
                                  "running, __, [], __]}"));
    assert_int_equal(gen_sys_suspend(self, to, PROBE_LONG_MS), AGNER_OK);
    (void)rt_send_pid(self, pid, etf_atom("two"));
    assert_int_equal(gen_sys_get_status(self, to, PROBE_LONG_MS, &status),
                     AGNER_OK);
    assert_int_equal(witness_count(&world->seen, "two"), 0);
    assert_int_equal(gen_sys_resume(self, to, PROBE_LONG_MS), AGNER_OK);
    assert_true(witness_await(&world->seen, "got two\n"));
    assert_int_equal(gen_proc_stop(self, to,
                                   probe_term(world, "{shutdown, enough}"),
                                   PROBE_LONG_MS),
                     AGNER_OK);
    probe_mailbox_empty(world);
}

/* ---- Sleep -------------------------------------------------------------- */

static void sleeps_without_a_stack_and_wakes_with_a_message(void **state)
{
    struct probe_world *world = *state;
    struct rt_process_info info;
    etf_pid pid = spawn(world, "{sleep, {sleep, {leave, up}}}");
    etf_ref ref;
    etf_term m;

    assert_true(witness_await(&world->seen, "sleeps {sleep,{leave,up}}\n"));
    do /* asleep, and no more than that */
        assert_int_equal(rt_process_info(world->self, pid, &info), AGNER_OK);
    while (info.status != RT_STATUS_WAITING);
    assert_true(info.memory_bytes < 4096);
    assert_int_equal(rt_monitor(world->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    (void)rt_send_pid(world->self, pid, etf_atom("one"));
    assert_true(witness_await(&world->seen, "woken by one\nsleeps {leave,up}"));
    (void)gen_cast(world->self, etf_from_pid(NULL, pid), etf_atom("two"));
    assert_true(witness_await(&world->seen, "woken by {'$gen_cast',two}\n"));
    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'DOWN', __, process, __, up}"));
}

/* One that is killed in its sleep gives back what it kept. */
static void can_be_killed_in_its_sleep(void **state)
{
    struct probe_world *world = *state;
    etf_pid pid = spawn(world, "{sleep, [a, long, \"list\", in, memory]}");

    assert_true(witness_await(&world->seen, "sleeps"));
    assert_int_equal(rt_exit_signal(world->self, pid, ETF_A(kill)), AGNER_OK);
    wait_dead(world, pid);
}

static void refuses_what_is_not_a_procs(void **state)
{
    struct probe_world *world = *state;
    etf_term m;

    assert_int_equal(gen_proc_init_ack(world->self, ETF_A(ok)), AGNER_EINVAL);
    assert_int_equal(gen_proc_receive(world->self, 0, &m), AGNER_EINVAL);
    assert_int_equal(gen_proc_hibernate(world->self, ETF_A(ok)), AGNER_EINVAL);
    assert_int_equal(rt_init_ack(world->self, ETF_A(ok)), AGNER_EINVAL);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(start_returns_when_it_has_begun),
        CASE(nothing_is_left_of_one_that_does_not_begin),
        CASE(says_who_has_the_name),
        CASE(shows_what_otp_shows),
        CASE(reports_what_it_was_and_how_it_ended),
        CASE(reports_no_orderly_end),
        CASE(a_server_crash_is_reported_after_its_own),
        CASE(knows_its_ancestors),
        CASE(answers_sys_and_stops_in_order),
        CASE(sleeps_without_a_stack_and_wakes_with_a_message),
        CASE(can_be_killed_in_its_sleep),
        CASE(refuses_what_is_not_a_procs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
