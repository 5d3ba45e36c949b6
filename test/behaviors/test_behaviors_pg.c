/*
 * test_behaviors_pg.c -- process groups on one node: joins, leaves, ends,
 * reads, watches, broadcasts, and what a scope of another node may say.
 *
 * On threads, and on simulated schedules. Several nodes: test_sim_pg.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>

#include "../process/bed.h"

#define SCOPE etf_atom("scope")

static etf_pid start_scope(struct bed *bed)
{
    etf_pid pid;

    assert_int_equal(gen_pg_start(bed->self, SCOPE, &pid), AGNER_OK);
    return pid;
}

static etf_term term_of(etf_pid pid)
{
    return etf_from_pid(NULL, pid);
}

static int64_t count_of(struct bed *bed, const char *group)
{
    etf_term all, local;

    assert_int_equal(
        gen_pg_get_members(bed->self, SCOPE, etf_atom(group), &all), AGNER_OK);
    assert_int_equal(
        gen_pg_get_local_members(bed->self, SCOPE, etf_atom(group), &local),
        AGNER_OK);
    assert_true(etf_equal(all, local)); /* there is but one node */
    return etf_list_size(all);
}

/* Ends it, and waits until the scope has heard of it. */
static void end(struct bed *bed, etf_pid pid)
{
    etf_term answer;

    bed_order(bed, pid, "{exit, done}");
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    /* Its DOWN was on the way before this call. */
    (void)gen_call(bed->self, SCOPE, etf_make(bed->self, "hello"), WAIT_MS,
                   &answer);
}

/* ---- Members ------------------------------------------------------------ */

static void join_and_leave(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);
    etf_term g = etf_atom("g"), both, groups;

    (void)start_scope(bed);
    both = etf_make(bed->self, "[_, _, _]", a, b, a);
    assert_int_equal(count_of(bed, "g"), 0);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    assert_int_equal(count_of(bed, "g"), 1);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, both), AGNER_OK);
    assert_int_equal(count_of(bed, "g"), 4);
    assert_int_equal(gen_pg_join(bed->self, SCOPE,
                                 etf_make(bed->self, "{h, 1}"), term_of(b)),
                     AGNER_OK);
    assert_int_equal(gen_pg_which_groups(bed->self, SCOPE, &groups), AGNER_OK);
    assert_int_equal(etf_list_size(groups), 2);
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, g, term_of(b)), AGNER_OK);
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, g, term_of(b)),
                     AGNER_EUNKNOWN);
    assert_int_equal(count_of(bed, "g"), 3);
    /* Of these, b is none; a leaves twice. */
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, g, both), AGNER_OK);
    assert_int_equal(count_of(bed, "g"), 1);
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    assert_int_equal(gen_pg_which_local_groups(bed->self, SCOPE, &groups),
                     AGNER_OK);
    assert_int_equal(etf_list_size(groups), 1);
}

static void joins_and_leaves(void **state)
{
    (void)state;
    bed_everywhere(join_and_leave, 10);
}

static void die(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);
    etf_term groups;

    (void)start_scope(bed);
    for (int64_t n = 0; n < 20; n++) {
        etf_term g = etf_make(bed->self, "{g, _}", n % 10);

        assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)),
                         AGNER_OK);
    }
    assert_int_equal(gen_pg_join(bed->self, SCOPE,
                                 etf_make(bed->self, "{g, 3}"), term_of(b)),
                     AGNER_OK);
    end(bed, a);
    assert_int_equal(gen_pg_which_groups(bed->self, SCOPE, &groups), AGNER_OK);
    assert_int_equal(etf_list_size(groups), 1);
    end(bed, b);
    assert_int_equal(gen_pg_which_groups(bed->self, SCOPE, &groups), AGNER_OK);
    assert_int_equal(etf_list_size(groups), 0);
    /* One that is dead already may join, and has left at once. */
    assert_int_equal(
        gen_pg_join(bed->self, SCOPE, etf_atom("late"), term_of(a)), AGNER_OK);
    end(bed, bed_puppet(bed, NULL));
    assert_int_equal(count_of(bed, "late"), 0);
}

static void who_ends_has_left(void **state)
{
    (void)state;
    bed_everywhere(die, 10);
}

static void scope_ends(struct bed *bed)
{
    etf_pid scope = start_scope(bed), other, a = bed_puppet(bed, NULL);
    etf_term g = etf_atom("g"), pids;
    char text[60];

    assert_int_equal(gen_pg_start(bed->self, SCOPE, &other), AGNER_ETAKEN);
    assert_true(etf_pid_equal(other, scope));
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, scope, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, scope, WAIT_MS), AGNER_OK);
    assert_int_equal(gen_pg_get_members(bed->self, SCOPE, g, &pids),
                     AGNER_ENONAME);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)),
                     AGNER_ENONAME);
    assert_int_equal(gen_pg_get_members(bed->self, etf_atom("never"), g, &pids),
                     AGNER_ENONAME);
    (void)start_scope(bed);
    assert_int_equal(count_of(bed, "g"), 0); /* nobody is in the new one */
    etf_format(text, sizeof text,
               gen_pg_which_scopes(bed->rt, rt_region(bed->self)));
    assert_string_equal(text, "[scope]");
}

static void a_scope_that_ends_takes_its_groups_along(void **state)
{
    (void)state;
    bed_everywhere(scope_ends, 5);
}

/* ---- What cannot be ----------------------------------------------------- */

static void bad_input(struct bed *bed)
{
    static const char *const requests[] = {
        "foo",
        "{join_local, g}",
        "{monitor, a, b}",
        "{demonitor, x}",
        "[]",
        "{join_local, g, foo}",
        "{join_local, g, [foo]}",
        "{join_local, g, [<0.1.2> | foo]}",
        "{leave_local, g, \"abc\"}",
    };
    static const char *const messages[] = {
        "foo",
        "{discover}",
        "{discover, foo}",
        "{discover, <0.1.2>}",
        "{join, a, b, c}",
        "{join, <0.1.2>, g, <0.1.2>}",
        "{leave, <0.1.2>, <0.1.2>, g}",
        "{nodeup, 5}",
        "{'DOWN', a, process, b, c}",
        "{'$gen_cast', {sync, <0.1.2>, []}}",
        "{'$gen_cast', {sync, foo, [{g, []}]}}",
        "{'$gen_cast', foo}",
        "{'$gen_call', foo, bar}",
    };
    etf_pid scope = start_scope(bed), seen;
    etf_term term, answer;

    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        assert_int_equal(etf_parse(rt_region(bed->self), requests[i],
                                   strlen(requests[i]), &term, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(gen_call(bed->self, SCOPE, term, WAIT_MS, &answer),
                         AGNER_OK);
        assert_true(etf_match(answer, "{error, __}"));
    }
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
        assert_int_equal(etf_parse(rt_region(bed->self), messages[i],
                                   strlen(messages[i]), &term, NULL, NULL),
                         AGNER_OK);
        assert_int_equal(rt_send(bed->self, SCOPE, term), AGNER_OK);
    }
    assert_int_equal(
        gen_pg_join(bed->self, SCOPE, etf_atom("g"), etf_make(bed->self, "x")),
        AGNER_EINVAL);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, etf_atom("g"), etf_nil()),
                     AGNER_OK);
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, etf_atom("g"), etf_nil()),
                     AGNER_EUNKNOWN);
    assert_int_equal(count_of(bed, "g"), 0);
    assert_int_equal(rt_whereis(bed->rt, SCOPE, &seen), AGNER_OK);
    assert_true(etf_pid_equal(seen, scope)); /* it is alive */
}

static void nothing_ends_a_scope(void **state)
{
    (void)state;
    bed_everywhere(bad_input, 3);
}

/* ---- Watches ------------------------------------------------------------ */

/* The next message is {ref, What, Group, [Pid...]}, as text without the ref. */
static void expect(struct bed *bed, etf_ref ref, const char *text)
{
    etf_term message, what, group, pids;
    char seen[200];
    etf_ref of;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{_, _, _, _}", &of, &what, &group, &pids));
    assert_true(etf_ref_equal(of, ref));
    etf_format(
        seen, sizeof seen,
        etf_make(bed->self, "{_, _, _}", what, group, etf_list_size(pids)));
    assert_string_equal(seen, text);
}

static void watch(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL);
    etf_term g = etf_atom("g"), h = etf_atom("h"), pids, groups, twice;
    etf_ref one, all;

    (void)start_scope(bed);
    twice = etf_make(bed->self, "[_, _]", a, a);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    assert_int_equal(gen_pg_monitor(bed->self, SCOPE, g, &one, &pids),
                     AGNER_OK);
    assert_int_equal(etf_list_size(pids), 1);
    assert_int_equal(gen_pg_monitor_scope(bed->self, SCOPE, &all, &groups),
                     AGNER_OK);
    assert_int_equal(etf_list_size(etf_map_get(groups, g)), 1);
    assert_int_equal(gen_pg_join(bed->self, SCOPE, h, twice), AGNER_OK);
    expect(bed, all, "{join,h,2}");
    assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    expect(bed, one, "{join,g,1}");
    expect(bed, all, "{join,g,1}");
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, h, twice), AGNER_OK);
    expect(bed, all, "{leave,h,2}");
    /* After the end of a watch not even what waits is left. */
    assert_int_equal(gen_pg_leave(bed->self, SCOPE, g, term_of(a)), AGNER_OK);
    assert_int_equal(gen_pg_demonitor(bed->self, SCOPE, all), AGNER_OK);
    assert_int_equal(gen_pg_demonitor(bed->self, SCOPE, all), AGNER_ENOREF);
    expect(bed, one, "{leave,g,1}");
    end(bed, a);
    expect(bed, one, "{leave,g,1}");
    bed_expect_nothing(bed);
}

static void watches_tell_of_joins_and_leaves(void **state)
{
    (void)state;
    bed_everywhere(watch, 10);
}

/* ---- Broadcasts --------------------------------------------------------- */

static void broadcast(struct bed *bed)
{
    etf_term g = etf_atom("g");
    size_t count = 0;

    (void)start_scope(bed);
    for (int i = 0; i < 5; i++) {
        etf_pid pid = bed_puppet(bed, NULL);

        bed_order(bed, pid, "{forward, _}", rt_self(bed->self));
        assert_int_equal(gen_pg_join(bed->self, SCOPE, g, term_of(pid)),
                         AGNER_OK);
    }
    assert_int_equal(gen_pg_broadcast(bed->self, SCOPE, g,
                                      etf_make(bed->self, "{news, \"x\", 1}"),
                                      &count),
                     AGNER_OK);
    assert_int_equal(count, 5);
    for (int i = 0; i < 5; i++)
        bed_expect(bed, "{heard,{news,\"x\",1}}");
    assert_int_equal(gen_pg_broadcast(bed->self, SCOPE, etf_atom("nobody"),
                                      ETF_A(ok), &count),
                     AGNER_OK);
    assert_int_equal(count, 0);
    assert_int_equal(
        gen_pg_broadcast(bed->self, etf_atom("never"), g, ETF_A(ok), NULL),
        AGNER_ENONAME);
    bed_expect_nothing(bed);
}

static void broadcasts_reach_each_member(void **state)
{
    (void)state;
    bed_everywhere(broadcast, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_and_leaves),
        cmocka_unit_test(who_ends_has_left),
        cmocka_unit_test(a_scope_that_ends_takes_its_groups_along),
        cmocka_unit_test(nothing_ends_a_scope),
        cmocka_unit_test(watches_tell_of_joins_and_leaves),
        cmocka_unit_test(broadcasts_reach_each_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
