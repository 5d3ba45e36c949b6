/*
 * test_runtime_defects.c -- what an earlier system got wrong about processes,
 * one test for each number of the list in spec/gen.md 6.
 *
 * Each runs on threads and on twenty simulated schedules, but for the long one.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"

#define SEEDS 20

static void do_it(struct bed *bed, etf_pid who, etf_term order)
{
    (void)rt_send_pid(
        bed->self, who,
        etf_make(bed->self, "{do, _, _}", rt_self(bed->self), order));
    bed_expect(bed, "{done,ok}");
}

/* The next message must be a down with this object and reason. */
static void expect_down(struct bed *bed, etf_term object, const char *reason)
{
    etf_term message = ETF_NONE, seen, why = ETF_NONE;
    char text[300];

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', __, process, _, _}", &seen, &why) ||
        !etf_equal(seen, object) ||
        strcmp(etf_format(text, sizeof text, why), reason) != 0)
        fail_msg("seed %llu: %s instead of a down with %s",
                 (unsigned long long)bed->seed,
                 etf_format(text, sizeof text, message), reason);
}

/* ---- D-03 --------------------------------------------------------------- */

static void another_end(struct bed *bed)
{
    etf_pid other = bed_puppet(bed, NULL);
    etf_ref alias;

    assert_int_equal(rt_alias(bed->self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    bed_order(bed, other, "{exit, boom}");
    assert_int_equal(rt_wait(bed->self, other, WAIT_MS), AGNER_OK);
    assert_int_equal(rt_send(bed->self,
                             etf_from_ref(rt_region(bed->self), alias),
                             etf_atom("still_here")),
                     AGNER_OK);
    bed_expect(bed, "still_here");
}

/* D-03: end of any process deletes the aliases of all processes. */
static void D_03_aliases_survive_the_end_of_others(void **state)
{
    (void)state;
    bed_everywhere(another_end, SEEDS);
}

/* ---- D-05 --------------------------------------------------------------- */

static void watched(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL);
    struct rt_process_info info;
    etf_ref ref;

    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, pid), 0, &ref),
                     AGNER_OK);
    assert_int_equal(rt_process_info(bed->self, pid, &info), AGNER_OK);
    assert_true(etf_equal(info.monitored_by,
                          etf_make(bed->self, "[_]", rt_self(bed->self))));
    assert_int_equal(rt_process_info(bed->self, rt_self(bed->self), &info),
                     AGNER_OK);
    assert_true(etf_equal(info.monitors, etf_make(bed->self, "[_]", pid)));
}

/* D-05: MonitoredBy always empty. */
static void D_05_who_is_watched_knows_by_whom(void **state)
{
    (void)state;
    bed_everywhere(watched, SEEDS);
}

/* ---- D-06 --------------------------------------------------------------- */

/* Waits for `go` in the middle of its code, and ends normally after it. */
static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static void busy(struct gen *self, void *arg)
{
    etf_term m;

    (void)arg;
    (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    rt_exit(self, etf_atom("too_late"));
}

static void exit_while_busy(struct bed *bed)
{
    struct rt_spawn_options options = { .monitor = true };
    etf_ref ref;
    etf_pid pid;

    options.monitor_ref = &ref;
    assert_int_equal(rt_spawn(bed->self, busy, NULL, &options, &pid), AGNER_OK);
    for (int i = 0; i < 3; i++)
        (void)rt_send_pid(bed->self, pid, etf_atom("noise"));
    assert_int_equal(
        rt_exit_signal(bed->self, pid, etf_make(bed->self, "{shutdown, 7}")),
        AGNER_OK);
    (void)rt_exit_signal(bed->self, pid, etf_atom("second"));
    expect_down(bed, etf_from_pid(NULL, pid), "{shutdown,7}");
}

/* D-06: exit reason of a busy process is randomly replaced by kill. */
static void D_06_a_busy_process_ends_with_the_reason_it_was_given(void **state)
{
    (void)state;
    bed_everywhere(exit_while_busy, SEEDS);
}

/* ---- D-07 --------------------------------------------------------------- */

static void dead_alias(struct bed *bed)
{
    etf_ref alias;

    assert_int_equal(rt_alias(bed->self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    assert_int_equal(rt_unalias(bed->self, alias), AGNER_OK);
    assert_int_equal(rt_send(bed->self,
                             etf_from_ref(rt_region(bed->self), alias),
                             etf_atom("nobody_hears_this")),
                     AGNER_OK);
    bed_expect_nothing(bed);
}

/* D-07: sending to a deleted own alias connects the node to itself. */
static void D_07_a_deleted_alias_takes_nothing_and_harms_nobody(void **state)
{
    (void)state;
    bed_everywhere(dead_alias, SEEDS);
}

/* ---- D-13 --------------------------------------------------------------- */

static void further_name(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("first_name") };
    etf_pid pid = bed_puppet(bed, &options);
    etf_ref ref;

    assert_int_equal(rt_register(bed->rt, etf_atom("further_name"), pid),
                     AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_atom("further_name"), 0, &ref),
                     AGNER_OK);
    bed_order(bed, pid, "{exit, boom}");
    expect_down(bed, etf_make(bed->self, "{further_name, nonode@nohost}"),
                "boom");
}

/* D-13: monitors on additional names never fire. */
static void D_13_a_monitor_on_a_further_name_fires(void **state)
{
    (void)state;
    bed_everywhere(further_name, SEEDS);
}

/* ---- D-16 --------------------------------------------------------------- */

#define REFS 300000u

static int by_value(const void *a, const void *b)
{
    return memcmp(a, b, 3 * sizeof(uint32_t));
}

/* D-16, I16: references repeat after 262 144 allocations. */
static void D_16_references_do_not_repeat(void **state)
{
    uint32_t(*words)[3] = malloc(REFS * sizeof *words);
    struct bed bed;
    size_t repeated = 0;

    (void)state;
    assert_non_null(words);
    bed_open(&bed, 0);
    for (size_t i = 0; i < REFS; i++) {
        etf_ref ref = rt_make_ref(bed.self);

        for (int w = 0; w < 3; w++)
            words[i][w] = ref.words[w];
    }
    bed_close(&bed);
    qsort(words, REFS, sizeof *words, by_value);
    for (size_t i = 1; i < REFS; i++)
        repeated += by_value(words[i - 1], words[i]) == 0;
    free(words);
    assert_int_equal(repeated, 0);
}

/* ---- D-54 --------------------------------------------------------------- */

static void dead_watchers(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL), watcher;
    struct rt_process_info info;

    for (int i = 0; i < 50; i++) {
        etf_ref ref;
        etf_term answer;

        watcher = bed_puppet(bed, NULL);
        (void)rt_send_pid(bed->self, watcher,
                          etf_make(bed->self, "{do, _, {monitor, _}}",
                                   rt_self(bed->self), pid));
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &answer), AGNER_OK);
        assert_true(etf_match(answer, "{done, _}", &ref));
        bed_order(bed, watcher, "{exit, normal}");
        assert_int_equal(rt_wait(bed->self, watcher, WAIT_MS), AGNER_OK);
    }
    do_it(bed, pid, etf_make(bed->self, "{trap, false}"));
    assert_int_equal(rt_process_info(bed->self, pid, &info), AGNER_OK);
    assert_int_equal(etf_list_size(info.monitored_by), 0);
}

/* D-54: dead watchers' monitors are never removed. */
static void D_54_monitors_end_with_who_watches(void **state)
{
    (void)state;
    bed_everywhere(dead_watchers, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D_03_aliases_survive_the_end_of_others),
        cmocka_unit_test(D_05_who_is_watched_knows_by_whom),
        cmocka_unit_test(D_06_a_busy_process_ends_with_the_reason_it_was_given),
        cmocka_unit_test(D_07_a_deleted_alias_takes_nothing_and_harms_nobody),
        cmocka_unit_test(D_13_a_monitor_on_a_further_name_fires),
        cmocka_unit_test(D_16_references_do_not_repeat),
        cmocka_unit_test(D_54_monitors_end_with_who_watches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
