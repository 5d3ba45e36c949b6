/*
 * test_runtime_after.c -- what a process lets happen later: exits, code in a
 * process of its own, messages at a time. Source: spec/gen.md 4.4; the manual
 * of timer(3) and erlang:send_after/4 of OTP 25.
 *
 * Each case runs on threads and on simulated schedules.
 */
#include <stdatomic.h>
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

/* Reads the next message, which must be {'DOWN', Ref, process, _, Reason}. */
static void expect_down(struct bed *bed, const char *reason_text)
{
    etf_term message, reason;
    etf_ref ref;
    char text[80];

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', _, process, __, _}", &ref, &reason))
        fail_msg("seed %llu: got %s", (unsigned long long)bed->seed,
                 etf_format(text, sizeof text, message));
    assert_string_equal(etf_format(text, sizeof text, reason), reason_text);
}

static uint64_t process_count(struct bed *bed)
{
    struct rt_stats stats;

    rt_stats(bed->rt, &stats);
    return stats.processes;
}

/* Waits until that many processes live. */
static void expect_count(struct bed *bed, uint64_t count)
{
    uint64_t deadline = rt_now_ms(bed->rt) + WAIT_MS;

    while (process_count(bed) != count && rt_now_ms(bed->rt) < deadline)
        (void)rt_sleep(bed->self, 1);
    assert_int_equal(process_count(bed), count);
}

/* ---- Exits ----------------------------------------------------------------*/

static void exits(struct bed *bed)
{
    struct rt_spawn_options options = { .monitor = true };
    etf_ref ref;
    etf_pid pid;
    uint64_t begin;
    struct rt_timer timer;

    options.monitor_ref = &ref;
    pid = bed_puppet(bed, &options);
    begin = rt_now_ms(bed->rt);
    assert_int_equal(rt_exit_after(bed->self, etf_from_pid(NULL, pid),
                                   etf_make(bed->self, "{too, late}"), 20,
                                   NULL),
                     AGNER_OK);
    expect_down(bed, "{too,late}");
    assert_true(rt_now_ms(bed->rt) - begin >= 20);
    /* By a name that is given later; the signal can be trapped. */
    options.monitor = false;
    pid = bed_puppet(bed, &options);
    bed_order(bed, pid, "{forward, _}", rt_self(bed->self));
    bed_order(bed, pid, "{do, _, {trap, true}}", rt_self(bed->self));
    bed_expect(bed, "{done,ok}");
    if (bed->sim == NULL) /* 20 ms may be over before the name is given */
        assert_int_equal(rt_register(bed->rt, etf_atom("somebody"), pid),
                         AGNER_OK);
    assert_int_equal(rt_exit_after(bed->self, etf_atom("somebody"),
                                   etf_make(bed->self, "bye"), 20, &timer),
                     AGNER_OK);
    if (bed->sim != NULL)
        assert_int_equal(rt_register(bed->rt, etf_atom("somebody"), pid),
                         AGNER_OK);
    {
        etf_term message, reason;
        etf_pid from;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(
            etf_match(message, "{heard, {'EXIT', _, _}}", &from, &reason));
        assert_true(etf_pid_equal(from, rt_self(bed->self)));
        assert_true(etf_atom_is(reason, "bye"));
    }
    assert_int_equal(rt_cancel_timer(bed->self, &timer, NULL), AGNER_ENOREF);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    assert_int_equal(rt_kill_after(bed->self, etf_atom("somebody"), 5, NULL),
                     AGNER_OK);
    expect_down(bed, "killed");
    /* Nobody has the name then: nothing happens. */
    assert_int_equal(rt_kill_after(bed->self, etf_atom("nobody"), 1, NULL),
                     AGNER_OK);
    assert_int_equal(rt_exit_after(bed->self, etf_make(bed->self, "[]"),
                                   ETF_A(kill), 1, NULL),
                     AGNER_EINVAL);
    (void)rt_sleep(bed->self, 10);
    bed_expect_nothing(bed);
}

static void an_exit_comes_after_its_time(void **state)
{
    (void)state;
    bed_everywhere(exits, SEEDS);
}

/* ---- Code -----------------------------------------------------------------*/

static atomic_int has_run;

static void runs(struct gen *self, void *arg)
{
    const etf_pid *boss = arg;

    atomic_fetch_add(&has_run, 1);
    if (boss != NULL)
        (void)rt_send_pid(self, *boss,
                          etf_make(self, "{ran, _}",
                                   (bool)etf_pid_equal(rt_self(self), *boss)));
}

static void applies(struct bed *bed)
{
    uint64_t before = process_count(bed), left = 0, begin;
    etf_pid me = rt_self(bed->self), dormant, pids[8];
    struct rt_process_info info;
    struct rt_timer timer;

    /* It is there, and may be looked at, without having begun. */
    atomic_store(&has_run, 0);
    assert_int_equal(rt_apply_after(bed->self, runs, NULL, 100000, &timer),
                     AGNER_OK);
    assert_int_equal(rt_process_list(bed->rt, (etf_pid){ 0 }, pids, 8),
                     before + 1);
    dormant = etf_pid_equal(pids[0], me) ? pids[1] : pids[0];
    assert_int_equal(rt_process_info(bed->self, dormant, &info), AGNER_OK);
    assert_int_equal(info.status, RT_STATUS_INIT);
    /* Cancelled, it never runs, and leaves nothing. */
    assert_int_equal(rt_cancel_timer(bed->self, &timer, &left), AGNER_OK);
    assert_true(left > 0 && left <= 100000);
    assert_int_equal(rt_wait(bed->self, dormant, WAIT_MS), AGNER_OK);
    expect_count(bed, before);
    assert_int_equal(atomic_load(&has_run), 0);
    begin = rt_now_ms(bed->rt);
    assert_int_equal(rt_apply_after(bed->self, runs, &me, 20, &timer),
                     AGNER_OK);
    bed_expect(bed, "{ran,false}");
    assert_true(rt_now_ms(bed->rt) - begin >= 20);
    assert_int_equal(rt_cancel_timer(bed->self, &timer, NULL), AGNER_ENOREF);
}

static void code_runs_later_in_a_process_of_its_own(void **state)
{
    (void)state;
    bed_everywhere(applies, SEEDS);
}

static void starts_and_ends(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_apply_after(self, runs, NULL, 100000, NULL);
}

static void owner_ends(struct bed *bed)
{
    uint64_t before = process_count(bed);
    etf_pid pid;

    atomic_store(&has_run, 0);
    assert_int_equal(rt_spawn(bed->self, starts_and_ends, NULL, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    expect_count(bed, before);
    assert_int_equal(atomic_load(&has_run), 0);
}

static void code_never_runs_when_its_owner_has_ended(void **state)
{
    (void)state;
    bed_everywhere(owner_ends, SEEDS);
}

/* A runtime that ends takes what has not begun with it. */
static void a_runtime_ends_with_code_that_waits(void **state)
{
    struct bed bed;
    unsigned seed;

    (void)state;
    atomic_store(&has_run, 0);
    for (seed = 0; seed < 3; seed++) {
        bed_open(&bed, seed);
        assert_int_equal(rt_apply_after(bed.self, runs, NULL, 100000, NULL),
                         AGNER_OK);
        bed_close(&bed);
    }
    assert_int_equal(atomic_load(&has_run), 0);
}

/* ---- At a time ------------------------------------------------------------*/

static void at_a_time(struct bed *bed)
{
    etf_term me = rt_self_term(bed->self);
    uint64_t now = rt_now_ms(bed->rt);

    /* In this order: this thread may stand still for any time in between. */
    assert_int_equal(
        rt_send_at(bed->self, me, etf_make(bed->self, "first"), 0, NULL),
        AGNER_OK);
    assert_int_equal(rt_send_at(bed->self, me, etf_make(bed->self, "second"),
                                now + 30, NULL),
                     AGNER_OK);
    bed_expect(bed, "first");
    bed_expect(bed, "second");
    assert_true(rt_now_ms(bed->rt) >= now + 30);
    assert_int_equal(rt_send_at(bed->self, me, ETF_A(ok), UINT64_MAX, NULL),
                     AGNER_EINVAL);
}

static void a_time_may_be_absolute(void **state)
{
    (void)state;
    bed_everywhere(at_a_time, SEEDS);
}

/* D-54, and OTP: a timer for a process is over when that process is. */
static void for_the_dead(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL);
    etf_term to = etf_from_pid(NULL, pid);
    struct rt_timer one, interval;
    struct rt_stats stats;
    uint64_t left = 0, fired;

    assert_int_equal(rt_send_after(bed->self, to, ETF_A(ok), 100000, &one),
                     AGNER_OK);
    assert_int_equal(
        rt_send_interval(bed->self, to, etf_make(bed->self, "x"), 1, &interval),
        AGNER_OK);
    assert_int_equal(rt_read_timer(bed->self, &one, &left), AGNER_OK);
    assert_true(left > 0 && left <= 100000);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_read_timer(bed->self, &one, &left), AGNER_ENOREF);
    assert_int_equal(rt_cancel_timer(bed->self, &one, NULL), AGNER_ENOREF);
    /* The interval fires at most once more. */
    while (rt_cancel_timer(bed->self, &interval, NULL) != AGNER_ENOREF)
        continue;
    rt_stats(bed->rt, &stats);
    fired = stats.timers_fired;
    (void)rt_sleep(bed->self, 20);
    rt_stats(bed->rt, &stats);
    assert_true(stats.timers_fired <= fired + 2); /* the sleep's own */
}

static void a_timer_for_a_process_ends_with_it(void **state)
{
    (void)state;
    bed_everywhere(for_the_dead, SEEDS);
}

/* D-54: many timers for processes that have ended do not stay with their owner.
 */
static void D_54_timers_for_the_dead_make_place(void **state)
{
    struct bed bed;
    struct rt_process_info before, after;
    int i;

    (void)state;
    bed_open(&bed, 1);
    for (i = 0; i < 2000; i++) {
        etf_pid pid = bed_puppet(&bed, NULL);

        assert_int_equal(rt_send_after(bed.self, etf_from_pid(NULL, pid),
                                       ETF_A(ok), 1000000, NULL),
                         AGNER_OK);
        assert_int_equal(rt_exit_signal(bed.self, pid, ETF_A(kill)), AGNER_OK);
        assert_int_equal(rt_wait(bed.self, pid, WAIT_MS), AGNER_OK);
        rt_reset(bed.self);
        if (i == 100)
            assert_int_equal(
                rt_process_info(bed.self, rt_self(bed.self), &before),
                AGNER_OK);
    }
    assert_int_equal(rt_process_info(bed.self, rt_self(bed.self), &after),
                     AGNER_OK);
    assert_true(after.memory_bytes <= before.memory_bytes);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_exit_comes_after_its_time),
        cmocka_unit_test(code_runs_later_in_a_process_of_its_own),
        cmocka_unit_test(code_never_runs_when_its_owner_has_ended),
        cmocka_unit_test(a_runtime_ends_with_code_that_waits),
        cmocka_unit_test(a_time_may_be_absolute),
        cmocka_unit_test(a_timer_for_a_process_ends_with_it),
        cmocka_unit_test(D_54_timers_for_the_dead_make_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
