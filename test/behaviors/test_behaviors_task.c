/*
 * test_behaviors_task.c -- tasks: results, failures and time-outs, one by one,
 * many at once and as streams.
 */
#include <agner/sim.h>

#include "probe.h"

/* The time of tasks that go over it; those that do not need far less. */
#define LATE_MS 1500u /* of virtual time */

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

/* What the tasks of the tests do, by their argument. */
static etf_term do_work(struct gen *self, etf_term arg)
{
    etf_term a, m;
    etf_pid boss;
    int64_t n;

    if (etf_match(arg, "{square, _}", &n))
        return etf_make(self, "_", n * n);
    if (etf_match(arg, "{leave, _}", &a))
        rt_exit(self, a);
    if (etf_match(arg, "{tell, _, _}", &boss, &a)) {
        /* Tells who it is, then waits to be let go. */
        (void)rt_send_pid(self, boss,
                          etf_make(self, "{task, _}", rt_self(self)));
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
        return a;
    }
    if (etf_match(arg, "stubborn")) {
        (void)rt_trap_exit(self, true);
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    }
    if (etf_match(arg, "nothing"))
        return ETF_NONE;
    if (etf_match(arg, "wait"))
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    return arg;
}

static const struct gen_task_job job = { .name = "job", .run = do_work };

static struct gen_task async(struct probe_world *world, const char *arg)
{
    struct gen_task task;

    assert_int_equal(
        gen_task_async(world->self, &job, probe_term(world, arg), NULL, &task),
        AGNER_OK);
    return task;
}

static struct gen_task async_nolink(struct probe_world *world, const char *arg)
{
    struct gen_task task;

    assert_int_equal(gen_task_async_nolink(world->self, &job,
                                           probe_term(world, arg), NULL, &task),
                     AGNER_OK);
    return task;
}

static void expect_dead(struct probe_world *world, const struct gen_task *task)
{
    assert_int_equal(rt_wait(world->self, task->pid, PROBE_LONG_MS), AGNER_OK);
}

/* ---- One ---------------------------------------------------------------- */

static void gives_its_result_once(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async(world, "{square, 12}");
    etf_term result = ETF_NONE;

    (void)rt_trap_exit(world->self, true); /* no exit of it shows either */
    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_OK);
    assert_true(probe_equal(world, result, "144"));
    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_ENOREF);
    expect_dead(world, &task);
    probe_mailbox_empty(world);
}

static void tells_why_it_failed(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async_nolink(world, "{leave, {no, luck}}");
    etf_term result = ETF_NONE;

    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, result, "{no, luck}"));
    assert_true(witness_await(&world->log, "crash in {job,"));
    task = async_nolink(world, "nothing");
    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_EEXIT);
    assert_true(etf_same(result, ETF_A(memory_limit)));
    probe_mailbox_empty(world);
}

/* A link: a task that fails takes its owner along, if that traps no exits. */
static void owner(struct gen *self, etf_term args)
{
    struct gen_task task;
    etf_term arg, m;

    if (etf_match(args, "{link, _}", &arg))
        (void)gen_task_async(self, &job, arg, NULL, &task);
    else if (etf_match(args, "{nolink, _}", &arg))
        (void)gen_task_async_nolink(self, &job, arg, NULL, &task);
    (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    rt_exit(self, etf_make(self, "owner_over"));
}

static const struct gen_proc owner_proc = { .name = "owner", .run = owner };

static etf_pid start_owner(struct probe_world *world, etf_term args)
{
    etf_pid pid;

    assert_int_equal(gen_proc_spawn(world->self, &owner_proc, args, NULL, &pid),
                     AGNER_OK);
    return pid;
}

/* The task that told us of itself. */
static etf_pid task_pid(struct probe_world *world)
{
    etf_pid pid = { 0 };
    etf_term m;

    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{task, _}", &pid));
    return pid;
}

static void fails_with_its_owner_and_the_owner_with_it(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_pid boss = rt_self(self), pid, task;

    pid = start_owner(world, probe_term(world, "{link, {leave, boom}}"));
    assert_int_equal(rt_wait(self, pid, PROBE_LONG_MS), AGNER_OK);

    pid = start_owner(world, etf_make(self, "{link, {tell, _, x}}", boss));
    task = task_pid(world);
    (void)rt_send_pid(self, pid, etf_atom("go"));
    assert_int_equal(rt_wait(self, task, PROBE_LONG_MS), AGNER_OK);
}

static void nolink_leaves_each_alone(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_pid boss = rt_self(self), pid, task;

    pid = start_owner(world, probe_term(world, "{nolink, {leave, boom}}"));
    assert_true(witness_await(&world->log, "exit boom"));
    assert_true(rt_is_alive(world->rt, pid));
    (void)rt_send_pid(self, pid, etf_atom("go"));

    pid = start_owner(world, etf_make(self, "{nolink, {tell, _, x}}", boss));
    task = task_pid(world);
    (void)rt_send_pid(self, pid, etf_atom("go"));
    assert_int_equal(rt_wait(self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_true(rt_is_alive(world->rt, task));
    (void)rt_send_pid(self, task, etf_atom("go"));
    assert_int_equal(rt_wait(self, task, PROBE_LONG_MS), AGNER_OK);
}

static void await_kills_what_is_late(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async(world, "wait");

    assert_int_equal(gen_task_await(world->self, &task, 1, NULL),
                     AGNER_ETIMEOUT);
    expect_dead(world, &task); /* and we live, though it was linked */
    assert_int_equal(gen_task_await(world->self, &task, 1, NULL), AGNER_ENOREF);
    probe_mailbox_empty(world);
}

static void yield_lets_it_go_on(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async(world, "wait");
    etf_term result = ETF_NONE;

    assert_int_equal(gen_task_yield(world->self, &task, 0, NULL),
                     AGNER_ETIMEOUT);
    assert_int_equal(gen_task_yield(world->self, &task, 1, NULL),
                     AGNER_ETIMEOUT);
    (void)rt_send_pid(world->self, task.pid, etf_atom("go"));
    assert_int_equal(gen_task_yield(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_OK);
    assert_true(etf_atom_is(result, "wait"));
    probe_mailbox_empty(world);
}

static void shutdown_asks_then_kills(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async(world, "wait");
    struct rt_process_info info;
    etf_term result = ETF_NONE;

    assert_int_equal(
        gen_task_shutdown(world->self, &task, PROBE_LONG_MS, &result),
        AGNER_EEXIT);
    assert_true(etf_same(result, ETF_A(shutdown)));
    task = async(world, "stubborn");
    do
        assert_int_equal(gen_task_yield(world->self, &task, 1, NULL),
                         AGNER_ETIMEOUT);
    while (rt_process_info(world->self, task.pid, &info) != AGNER_OK ||
           !info.trap_exit);
    assert_int_equal(gen_task_shutdown(world->self, &task, 0, &result),
                     AGNER_EEXIT);
    assert_true(etf_same(result, ETF_A(killed)));
    task = async(world, "{square, 3}");
    expect_dead(world, &task); /* its result came first */
    assert_int_equal(gen_task_shutdown(world->self, &task, 0, &result),
                     AGNER_OK);
    assert_true(probe_equal(world, result, "9"));
    probe_mailbox_empty(world);
}

static void an_abandoned_task_is_never_heard_of(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task = async(world, "wait");

    (void)rt_trap_exit(world->self, true);
    gen_task_abandon(world->self, &task);
    expect_dead(world, &task);
    probe_mailbox_empty(world);
}

static void refuses_an_argument_that_is_none(void **state)
{
    struct probe_world *world = *state;
    struct gen_task task;
    struct rt_stats before, after;

    rt_stats(world->rt, &before);
    assert_int_equal(gen_task_async(world->self, &job, ETF_NONE, NULL, &task),
                     AGNER_ENOMEM);
    rt_stats(world->rt, &after);
    assert_int_equal(before.processes, after.processes);
}

/* ---- Many --------------------------------------------------------------- */

static void await_many_tells_of_each(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_result results[4];
    struct gen_task tasks[4] = { async_nolink(world, "{square, 2}"),
                                 async_nolink(world, "{leave, x}"),
                                 async_nolink(world, "wait"),
                                 async_nolink(world, "{square, 3}") };

    expect_dead(world, &tasks[0]);
    expect_dead(world, &tasks[1]);
    expect_dead(world, &tasks[3]);
    assert_int_equal(gen_task_await_many(world->self, tasks, 4, 20, results),
                     AGNER_EEXIT);
    assert_int_equal(results[0].err, AGNER_OK);
    assert_true(probe_equal(world, results[0].term, "4"));
    assert_int_equal(results[1].err, AGNER_EEXIT);
    assert_true(probe_equal(world, results[1].term, "x"));
    assert_int_equal(results[2].err, AGNER_ETIMEOUT);
    assert_int_equal(results[3].err, AGNER_OK); /* though the time was over */
    assert_true(probe_equal(world, results[3].term, "9"));
    expect_dead(world, &tasks[2]);
    probe_mailbox_empty(world);
}

static void yield_many_leaves_the_rest_running(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_result results[2];
    struct gen_task tasks[2] = { async(world, "wait"),
                                 async(world, "{square, 3}") };

    expect_dead(world, &tasks[1]);
    assert_int_equal(gen_task_yield_many(world->self, tasks, 2, 1, results),
                     AGNER_ETIMEOUT);
    assert_int_equal(results[0].err, AGNER_ETIMEOUT);
    assert_int_equal(results[1].err, AGNER_OK);
    (void)rt_send_pid(world->self, tasks[0].pid, etf_atom("go"));
    assert_int_equal(
        gen_task_yield_many(world->self, tasks, 1, PROBE_LONG_MS, results),
        AGNER_OK);
}

/* ---- Streams ------------------------------------------------------------ */

/* Items 0, 1, ... as {square, N}, so many. */
struct numbers {
    int64_t next, end;
};

static bool next_number(struct gen *self, void *ctx, etf_term *item)
{
    struct numbers *n = ctx;

    if (n->next == n->end)
        return false;
    *item = etf_make(self, "{square, _}", n->next++);
    return true;
}

static void streams_in_order(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_stream_options options = { .concurrency = 7,
                                               .timeout_ms = RT_INFINITY };
    struct numbers numbers = { .end = 1000 };
    struct gen_task_stream stream;
    struct gen_task_result result;
    int64_t square;

    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          next_number, &numbers, &options),
                     AGNER_OK);
    for (int64_t i = 0; i < 1000; i++) {
        assert_int_equal(gen_task_stream_next(world->self, &stream, &result),
                         AGNER_OK);
        assert_int_equal(result.err, AGNER_OK);
        assert_int_equal(result.index, i);
        assert_true(etf_get_int(result.term, &square) && square == i * i);
        /* No more was read than may run and wait. */
        assert_true(numbers.next <= i + 1 + 14);
        rt_reset(world->self); /* what waits is the runtime's */
    }
    assert_int_equal(gen_task_stream_next(world->self, &stream, &result),
                     AGNER_ENOREF);
    probe_mailbox_empty(world);
}

static void streams_as_they_come(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_stream_options options = { .concurrency = 2,
                                               .unordered = true,
                                               .timeout_ms = RT_INFINITY };
    etf_term list = etf_make(world->self, "[{tell, _, slow}, 1, 2, 3, 4]",
                             rt_self(world->self));
    struct gen_task_stream stream;
    struct gen_task_result result;
    bool seen[5] = { false };

    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          gen_task_stream_list, &list,
                                          &options),
                     AGNER_OK);
    for (int i = 0; i < 4; i++) { /* all but the slow one */
        assert_int_equal(gen_task_stream_next(world->self, &stream, &result),
                         AGNER_OK);
        assert_true(result.index >= 1 && result.index <= 4);
        seen[result.index] = true;
    }
    assert_true(seen[1] && seen[2] && seen[3] && seen[4]);
    (void)rt_send_pid(world->self, task_pid(world), etf_atom("go"));
    assert_int_equal(gen_task_stream_next(world->self, &stream, &result),
                     AGNER_OK);
    assert_int_equal(result.index, 0);
    assert_true(etf_atom_is(result.term, "slow"));
    assert_int_equal(gen_task_stream_next(world->self, &stream, &result),
                     AGNER_ENOREF);
}

static void a_late_task_of_a_stream_is_killed(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_stream_options options = { .concurrency = 2,
                                               .timeout_ms = LATE_MS };
    etf_term list = probe_term(world, "[a, wait, b, stubborn, {leave, shutdown}"
                                      ", c]");
    struct gen_task_stream stream;
    struct gen_task_result r;
    static const enum agner_err expected[] = { AGNER_OK,    AGNER_ETIMEOUT,
                                               AGNER_OK,    AGNER_ETIMEOUT,
                                               AGNER_EEXIT, AGNER_OK };

    (void)rt_trap_exit(world->self, true);
    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          gen_task_stream_list, &list,
                                          &options),
                     AGNER_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(gen_task_stream_next(world->self, &stream, &r),
                         AGNER_OK);
        assert_int_equal(r.index, i);
        assert_int_equal(r.err, expected[i]);
    }
    assert_int_equal(gen_task_stream_next(world->self, &stream, &r),
                     AGNER_ENOREF);
}

static void a_stream_can_end_at_the_first_late_one(void **state)
{
    struct probe_world *world = *state;
    struct gen_task_stream_options options = { .concurrency = 2,
                                               .timeout_ms = LATE_MS,
                                               .stop_on_timeout = true };
    etf_term list = probe_term(world, "[a, wait, b, wait, c]");
    struct gen_task_stream stream;
    struct gen_task_result r;
    struct rt_stats stats;
    uint64_t end = rt_now_ms(world->rt) + PROBE_LONG_MS;

    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          gen_task_stream_list, &list,
                                          &options),
                     AGNER_OK);
    assert_int_equal(gen_task_stream_next(world->self, &stream, &r), AGNER_OK);
    assert_int_equal(gen_task_stream_next(world->self, &stream, &r),
                     AGNER_ETIMEOUT);
    assert_int_equal(gen_task_stream_next(world->self, &stream, &r),
                     AGNER_ENOREF);
    do /* nobody is left but us */
        rt_stats(world->rt, &stats);
    while (stats.processes > 1 && rt_now_ms(world->rt) < end &&
           rt_sleep(world->self, 1) == AGNER_OK);
    assert_int_equal(stats.processes, 1);
    probe_mailbox_empty(world);
}

static void a_closed_stream_leaves_nobody(void **state)
{
    struct probe_world *world = *state;
    etf_term list = probe_term(world, "[a, wait, wait]");
    struct gen_task_stream stream;
    struct gen_task_result r;
    struct gen_task_stream_options options = { .concurrency = 3,
                                               .timeout_ms = RT_INFINITY };
    struct rt_stats stats;
    uint64_t end = rt_now_ms(world->rt) + PROBE_LONG_MS;

    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          gen_task_stream_list, &list,
                                          &options),
                     AGNER_OK);
    assert_int_equal(gen_task_stream_next(world->self, &stream, &r), AGNER_OK);
    gen_task_stream_close(world->self, &stream);
    do
        rt_stats(world->rt, &stats);
    while (stats.processes > 1 && rt_now_ms(world->rt) < end);
    assert_int_equal(stats.processes, 1);
    options.concurrency = GEN_TASK_STREAM_MAX + 1;
    assert_int_equal(gen_task_stream_open(&stream, world->self, &job,
                                          gen_task_stream_list, &list,
                                          &options),
                     AGNER_EINVAL);
}

/* ---- Virtual time, where what is in time is to be told from what is late - */

static struct sim *sim;

static int simulated_start(void **state)
{
    struct probe_world *world = calloc(1, sizeof *world);
    struct rt_options options = { .workers = 1 };

    sim = sim_new(1, NULL);
    if (world == NULL || sim == NULL)
        return -1;
    witness_init(&world->seen);
    witness_init(&world->log);
    options.world = sim_world(sim);
    if (rt_new(&options, &world->rt, NULL) != AGNER_OK)
        return -1;
    world->self = rt_attach(world->rt);
    *state = world;
    return world->self != NULL ? 0 : -1;
}

static int simulated_stop(void **state)
{
    int result = probe_world_stop(state);

    sim_free(sim);
    return result;
}

#define SIMULATED(f) \
    cmocka_unit_test_setup_teardown(f, simulated_start, simulated_stop)
#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gives_its_result_once),
        CASE(tells_why_it_failed),
        CASE(fails_with_its_owner_and_the_owner_with_it),
        CASE(nolink_leaves_each_alone),
        CASE(await_kills_what_is_late),
        CASE(yield_lets_it_go_on),
        CASE(shutdown_asks_then_kills),
        CASE(an_abandoned_task_is_never_heard_of),
        CASE(refuses_an_argument_that_is_none),
        CASE(await_many_tells_of_each),
        CASE(yield_many_leaves_the_rest_running),
        CASE(streams_in_order),
        CASE(streams_as_they_come),
        SIMULATED(a_late_task_of_a_stream_is_killed),
        SIMULATED(a_stream_can_end_at_the_first_late_one),
        CASE(a_closed_stream_leaves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
