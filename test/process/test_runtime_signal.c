/*
 * test_runtime_signal.c -- links, monitors, exits: spec/gen.md 1.3 and 1.4.
 *
 * Each case runs on threads and on twenty simulated schedules.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

static void do_it(struct bed *bed, etf_pid who, etf_term order)
{
    (void)rt_send_pid(
        bed->self, who,
        etf_make(bed->self, "{do, _, _}", rt_self(bed->self), order));
    bed_expect(bed, "{done,ok}");
}

static void watch(struct bed *bed, etf_pid who)
{
    etf_ref ref;

    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, who), 0, &ref),
                     AGNER_OK);
}

/* The reason in the next DOWN. */
static void expect_down(struct bed *bed, etf_pid who, const char *reason)
{
    etf_term message, why = ETF_NONE;
    char seen[200];
    etf_pid pid;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', __, process, _, _}", &pid, &why) ||
        !etf_pid_equal(pid, who) ||
        strcmp(etf_format(seen, sizeof seen, why), reason) != 0)
        fail_msg("seed %llu: %s instead of a down with %s",
                 (unsigned long long)bed->seed,
                 etf_format(seen, sizeof seen, message), reason);
}

static void link_pair(struct bed *bed, etf_pid a, etf_pid b)
{
    do_it(bed, a, etf_make(bed->self, "{link, _}", b));
}

static void normal_exit(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);

    link_pair(bed, a, b);
    watch(bed, a);
    bed_order(bed, a, "{exit, normal}");
    expect_down(bed, a, "normal");
    do_it(bed, b, etf_make(bed->self, "{trap, false}")); /* it lives */
}

/* "Receiving exit signals": a linked normal exit is ignored. */
static void a_normal_end_does_not_touch_who_is_linked(void **state)
{
    (void)state;
    bed_everywhere(normal_exit, SEEDS);
}

static void abnormal_exit(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);

    link_pair(bed, a, b);
    watch(bed, b);
    bed_order(bed, a, "{exit, {shutdown, [1, 2]}}");
    expect_down(bed, b, "{shutdown,[1,2]}");
}

/* D-01: the reason is the term itself. */
static void
D_01_an_abnormal_end_ends_who_is_linked_with_its_reason(void **state)
{
    (void)state;
    bed_everywhere(abnormal_exit, SEEDS);
}

static void trapped_exit(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);
    etf_term message, what;
    etf_pid from;

    do_it(bed, b, etf_make(bed->self, "{trap, true}"));
    do_it(bed, b, etf_make(bed->self, "{forward, _}", rt_self(bed->self)));
    link_pair(bed, a, b);
    bed_order(bed, a, "{exit, kill}");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{heard, {'EXIT', _, _}}", &from, &what));
    assert_true(etf_pid_equal(from, a));
    assert_true(etf_same(what, ETF_A(kill))); /* through a link: ordinary */
}

static void a_trapped_exit_is_a_message_also_with_reason_kill(void **state)
{
    (void)state;
    bed_everywhere(trapped_exit, SEEDS);
}

static void killed(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);

    do_it(bed, a, etf_make(bed->self, "{trap, true}"));
    watch(bed, a);
    bed_order(bed, b, "{signal, _, kill}", a);
    expect_down(bed, a, "killed");
}

static void kill_cannot_be_trapped_and_shows_as_killed(void **state)
{
    (void)state;
    bed_everywhere(killed, SEEDS);
}

static void unlinked(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);

    link_pair(bed, a, b);
    do_it(bed, a, etf_make(bed->self, "{unlink, _}", b));
    watch(bed, b);
    bed_order(bed, b, "{exit, boom}");
    expect_down(bed, b, "boom");
    do_it(bed, a, etf_make(bed->self, "{trap, false}")); /* it lives */
}

/* G16 */
static void after_unlink_no_exit_of_that_link_acts(void **state)
{
    (void)state;
    bed_everywhere(unlinked, SEEDS);
}

/* G16: both sides link and unlink at once, again and again, and agree in the
 * end. */
static void crossing(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL), b = bed_puppet(bed, NULL);
    struct rt_process_info ia, ib;
    unsigned i;

    for (i = 0; i < 20; i++) {
        bed_order(bed, a, "{link, _}", b);
        bed_order(bed, b, "{link, _}", a);
        if ((i & 1) != 0)
            bed_order(bed, a, "{unlink, _}", b);
        if ((i & 2) != 0)
            bed_order(bed, b, "{unlink, _}", a);
    }
    do_it(bed, a, etf_make(bed->self, "{trap, false}"));
    do_it(bed, b, etf_make(bed->self, "{trap, false}"));
    do_it(bed, a, etf_make(bed->self, "{trap, false}"));
    assert_int_equal(rt_process_info(bed->self, a, &ia), AGNER_OK);
    assert_int_equal(rt_process_info(bed->self, b, &ib), AGNER_OK);
    assert_int_equal(etf_list_size(ia.links), etf_list_size(ib.links));
}

static void both_ends_agree_after_crossing_links_and_unlinks(void **state)
{
    (void)state;
    bed_everywhere(crossing, 100);
}

static void dead_target_named(struct bed *bed)
{
    etf_term message;
    etf_ref ref, seen;

    assert_int_equal(rt_monitor(bed->self, etf_atom("nobody_here"), 0, &ref),
                     AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(
        message, "{'DOWN', _, process, {nobody_here, 'nonode@nohost'}, noproc}",
        &seen));
    assert_true(etf_ref_equal(ref, seen));
}

static void dead_target_pid(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL);

    watch(bed, a);
    bed_order(bed, a, "{exit, bye}");
    expect_down(bed, a, "bye");
    assert_int_equal(rt_link(bed->self, a), AGNER_ENOPROC);
    watch(bed, a);
    expect_down(bed, a, "noproc");
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_link(bed->self, a), AGNER_OK);
    {
        etf_term message;
        etf_pid from;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{'EXIT', _, noproc}", &from));
        assert_true(etf_pid_equal(from, a));
    }
}

/* G17 */
static void monitoring_the_dead_gives_one_down_with_noproc(void **state)
{
    (void)state;
    bed_everywhere(dead_target_pid, SEEDS);
    bed_everywhere(dead_target_named, SEEDS);
}

static void named_monitor(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("watched") };
    etf_pid a = bed_puppet(bed, &options), who;
    etf_term message;
    etf_ref ref;

    assert_int_equal(rt_monitor(bed->self, etf_atom("watched"), 0, &ref),
                     AGNER_OK);
    /* Taking the name away does not fire it. */
    assert_int_equal(rt_unregister(bed->rt, etf_atom("watched")), AGNER_OK);
    do_it(bed, a, etf_make(bed->self, "{trap, false}"));
    bed_order(bed, a, "{exit, done}");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(
        message, "{'DOWN', __, process, {watched, 'nonode@nohost'}, done}"));
    assert_int_equal(rt_whereis(bed->rt, etf_atom("watched"), &who),
                     AGNER_ENONAME);
}

static void a_monitor_by_name_shows_the_name(void **state)
{
    (void)state;
    bed_everywhere(named_monitor, SEEDS);
}

static void flushed(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL);
    etf_ref first, second;

    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, a), 0, &first),
                     AGNER_OK);
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, a), 0, &second),
                     AGNER_OK);
    bed_order(bed, a, "{exit, over}");
    expect_down(bed, a, "over");
    /* The other has fired too, or is about to: not after this. */
    (void)rt_demonitor(bed->self, first, true);
    (void)rt_demonitor(bed->self, second, true);
    assert_int_equal(rt_wait(bed->self, a, WAIT_MS), AGNER_OK);
    bed_expect_nothing(bed);
    assert_int_equal(rt_demonitor(bed->self, second, true), AGNER_ENOREF);
}

static void demonitor_with_flush_leaves_no_down(void **state)
{
    (void)state;
    bed_everywhere(flushed, 50);
}

static void name_on_down(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("the_name") };
    etf_pid a = bed_puppet(bed, &options);

    watch(bed, a);
    bed_order(bed, a, "{exit, over}");
    expect_down(bed, a, "over");
    assert_int_equal(
        rt_register(bed->rt, etf_atom("the_name"), rt_self(bed->self)),
        AGNER_OK);
    assert_int_equal(
        rt_register(bed->rt, etf_atom("the_name"), rt_self(bed->self)),
        AGNER_ETAKEN);
    assert_int_equal(rt_unregister(bed->rt, etf_atom("the_name")), AGNER_OK);
}

/* G18 */
static void who_has_the_down_can_take_the_name(void **state)
{
    (void)state;
    bed_everywhere(name_on_down, 50);
}

static void last_words(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL);
    etf_pid me = rt_self(bed->self);
    int64_t i;

    watch(bed, a);
    for (i = 0; i < 50; i++)
        bed_order(bed, a, "{say, _, {n, _}}", me, i);
    bed_order(bed, a, "{exit, over}");
    for (i = 0; i < 50; i++) {
        char text[40];

        snprintf(text, sizeof text, "{n,%d}", (int)i);
        bed_expect(bed, text);
    }
    expect_down(bed, a, "over");
    bed_expect_nothing(bed);
}

/* G1, I3 of the invariants: nothing of a process comes after its down. */
static void messages_come_in_order_and_before_the_down(void **state)
{
    (void)state;
    bed_everywhere(last_words, SEEDS);
}

static void alias_reply_order(struct bed *bed)
{
    etf_pid a = bed_puppet(bed, NULL);
    etf_ref alias;

    assert_int_equal(rt_alias(bed->self, RT_ALIAS_REPLY, &alias), AGNER_OK);
    bed_order(bed, a, "{say, _, one}", alias);
    bed_order(bed, a, "{say, _, two}", alias);
    bed_order(bed, a, "{say, _, three}", rt_self(bed->self));
    bed_expect(bed, "one");
    bed_expect(bed, "three");
    assert_int_equal(rt_alias(bed->self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    bed_order(bed, a, "{say, _, four}", alias);
    bed_order(bed, a, "{say, _, five}", alias);
    bed_expect(bed, "four");
    bed_expect(bed, "five");
    assert_int_equal(rt_unalias(bed->self, alias), AGNER_OK);
    assert_int_equal(rt_unalias(bed->self, alias), AGNER_ENOALIAS);
    bed_order(bed, a, "{say, _, six}", alias);
    bed_order(bed, a, "{say, _, seven}", rt_self(bed->self));
    bed_expect(bed, "seven");
}

static void an_alias_takes_messages_until_it_is_taken_back(void **state)
{
    (void)state;
    bed_everywhere(alias_reply_order, SEEDS);
}

static void spawn_ties(struct bed *bed)
{
    etf_ref ref;
    struct rt_spawn_options options = { .monitor = true,
                                        .monitor_ref = &ref,
                                        .link = true };
    etf_pid a;
    etf_term message;
    etf_ref seen;

    (void)rt_trap_exit(bed->self, true);
    a = bed_puppet(bed, &options);
    bed_order(bed, a, "{exit, over}");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, over}"));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', _, process, __, over}", &seen));
    assert_true(etf_ref_equal(seen, ref));
    options.name = etf_atom("taken_name");
    a = bed_puppet(bed, &options);
    assert_int_equal(rt_spawn(bed->self, NULL, NULL, &options, &a),
                     AGNER_ETAKEN);
    bed_order(bed, a, "{exit, normal}");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, normal}"));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    bed_expect_nothing(bed); /* nothing of the one that was refused: I6 */
}

static void a_spawn_links_and_monitors_from_the_start(void **state)
{
    (void)state;
    bed_everywhere(spawn_ties, SEEDS);
}

static void far(struct bed *bed)
{
    etf_pid nowhere = {
        .node = etf_atom("x@nowhere"), .id = 1, .serial = 1, .creation = 7
    };
    etf_term message;
    etf_ref ref;

    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_link(bed->self, nowhere), AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'EXIT', __, noconnection}"));
    assert_int_equal(
        rt_monitor(bed->self, etf_make(bed->self, "{n, 'x@nowhere'}"), 0, &ref),
        AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{'DOWN', __, process, {n, 'x@nowhere'}, "
                                   "noconnection}"));
    assert_int_equal(rt_send_pid(bed->self, nowhere, ETF_A(ok)), AGNER_ENOCONN);
    assert_int_equal(rt_monitor_node(bed->self, etf_atom("x@nowhere"), true),
                     AGNER_OK);
    bed_expect(bed, "{nodedown,x@nowhere}");
}

/* D-14 */
static void without_other_nodes_there_is_no_connection(void **state)
{
    (void)state;
    bed_everywhere(far, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_normal_end_does_not_touch_who_is_linked),
        cmocka_unit_test(
            D_01_an_abnormal_end_ends_who_is_linked_with_its_reason),
        cmocka_unit_test(a_trapped_exit_is_a_message_also_with_reason_kill),
        cmocka_unit_test(kill_cannot_be_trapped_and_shows_as_killed),
        cmocka_unit_test(after_unlink_no_exit_of_that_link_acts),
        cmocka_unit_test(both_ends_agree_after_crossing_links_and_unlinks),
        cmocka_unit_test(monitoring_the_dead_gives_one_down_with_noproc),
        cmocka_unit_test(a_monitor_by_name_shows_the_name),
        cmocka_unit_test(demonitor_with_flush_leaves_no_down),
        cmocka_unit_test(who_has_the_down_can_take_the_name),
        cmocka_unit_test(messages_come_in_order_and_before_the_down),
        cmocka_unit_test(an_alias_takes_messages_until_it_is_taken_back),
        cmocka_unit_test(a_spawn_links_and_monitors_from_the_start),
        cmocka_unit_test(without_other_nodes_there_is_no_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
