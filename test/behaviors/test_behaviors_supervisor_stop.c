/*
 * test_behaviors_supervisor_stop.c -- how children are stopped, and that none
 * is left, whatever happens. spec/gen.md 1.8 "Stop", I8, I10.
 */
#include "members.h"

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static struct gen_child_spec member(const char *id, const char *args)
{
    struct gen_child_spec row = { .id = id,
                                  .server = &member_server,
                                  .args = args };

    return row;
}

static uint64_t now_ms(struct bed *bed)
{
    return rt_now_ms(bed->rt);
}

static void stop(struct bed *bed, etf_term sup)
{
    assert_int_equal(
        gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY),
        AGNER_OK);
    assert_int_equal(members_alive(bed), 0);
}

/* How long it takes to stop a supervisor of `count` such children. */
static uint64_t time_to_stop(const struct gen_child_spec *rows, size_t count,
                             bool parallel)
{
    struct gen_supervisor table = { .children = rows,
                                    .child_count = count,
                                    .parallel_stop = parallel };
    struct bed bed;
    etf_term sup;
    uint64_t begun_ms;

    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    begun_ms = now_ms(&bed);
    stop(&bed, sup);
    begun_ms = now_ms(&bed) - begun_ms;
    members_close(&bed);
    return begun_ms;
}

/* ---- Time --------------------------------------------------------------- */

/* D-24: a child that traps exits and does not end is killed when its time is
 * over, not before; parents do not end before children. */
static void D_24_kills_a_child_that_takes_too_long(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {stubborn, 100000}}"),
                                     member("b", "b") };
    uint64_t ms;

    (void)state;
    rows[0].shutdown_ms = 300;
    ms = time_to_stop(rows, 2, false);
    assert_string_equal(members_record(), "-b:shutdown -a:shutdown");
    assert_in_range(ms, 300, 310);
    rows[0].shutdown_ms = 0; /* of a worker: 5 seconds */
    assert_in_range(time_to_stop(rows, 2, false), 5000, 5010);
}

static void waits_for_a_slow_child_if_it_may(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {slow, 20000}}") };

    (void)state;
    rows[0].shutdown_ms = RT_INFINITY;
    assert_in_range(time_to_stop(rows, 1, false), 20000, 20010);
    assert_string_equal(members_record(), "-a:shutdown");
}

static void kills_at_once_what_says_so(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {stubborn, 100000}}") };

    (void)state;
    rows[0].shutdown_ms = GEN_BRUTAL_KILL;
    assert_in_range(time_to_stop(rows, 1, false), 0, 5);
    assert_string_equal(members_record(), "-a"); /* no terminate */
}

static void stops_one_after_the_other(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {slow, 1000}}"),
                                     member("b", "{b, {slow, 2000}}"),
                                     member("c", "{c, {slow, 3000}}") };

    (void)state;
    assert_in_range(time_to_stop(rows, 3, false), 6000, 6010);
    assert_string_equal(members_record(),
                        "-c:shutdown -b:shutdown -a:shutdown");
}

static void stops_all_at_once_if_asked(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {slow, 1000}}"),
                                     member("b", "{b, {slow, 2000}}"),
                                     member("c", "{c, {stubborn, 9000}}") };

    (void)state;
    rows[2].shutdown_ms = 1500;
    assert_in_range(time_to_stop(rows, 3, true), 2000, 2010);
    assert_string_equal(members_record(),
                        "-a:shutdown -c:shutdown -b:shutdown");
}

static void stops_simple_children_all_at_once(void **state)
{
    static const struct gen_child_spec row = { .id = "x",
                                               .server = &member_server,
                                               .shutdown_ms = 500 };
    static const char *const extra[] = { "[{a, {slow, 300}}]",
                                         "[{b, {slow, 300}}]",
                                         "[{c, {stubborn, 100000}}]" };
    struct gen_supervisor table = { .strategy = GEN_SIMPLE_ONE_FOR_ONE,
                                    .children = &row,
                                    .child_count = 1 };
    struct bed bed;
    etf_term sup;
    uint64_t begun_ms;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    for (size_t i = 0; i < COUNT(extra); i++)
        assert_int_equal(gen_start_child_args(bed.self, sup,
                                              members_term(&bed, extra[i]),
                                              NULL, NULL),
                         AGNER_OK);
    begun_ms = now_ms(&bed);
    stop(&bed, sup);
    assert_in_range(now_ms(&bed) - begun_ms, 500, 510);
    members_close(&bed);
}

/* ---- Links that children take away -------------------------------------- */

static void stops_a_child_that_has_unlinked_itself(void **state)
{
    static const char *const args[] = { "{a, {unlink}}",
                                        "{a, {unlink_at_end}}" };
    static const uint64_t times[] = { 5000, RT_INFINITY, GEN_BRUTAL_KILL };

    (void)state;
    for (size_t i = 0; i < COUNT(args) * COUNT(times) * 2; i++) {
        struct gen_child_spec rows[] = { member("a", args[i % 2]),
                                         member("b", "b") };

        rows[0].shutdown_ms = times[i / 2 % 3];
        assert_in_range(time_to_stop(rows, 2, i >= 6), 0, 1010);
    }
}

/* One that ended after it had unlinked is not waited for. */
static void does_not_wait_for_an_unlinked_child_that_is_gone(void **state)
{
    struct gen_child_spec rows[] = { member("a", "{a, {unlink}}") };
    struct gen_supervisor table = { .children = rows, .child_count = 1 };
    struct bed bed;
    etf_term sup;
    etf_pid pid;
    uint64_t begun_ms;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    pid = members_pid(&bed, sup, "a");
    rt_exit_signal(bed.self, pid, etf_atom("boom"));
    members_run(&bed, 10);
    begun_ms = now_ms(&bed);
    stop(&bed, sup);
    assert_in_range(now_ms(&bed) - begun_ms, 0, 5);
    members_close(&bed);
}

/* ---- No orphans --------------------------------------------------------- */

static const struct gen_child_spec leaves[] = {
    { .id = "x", .server = &member_server, .args = "x" },
    { .id = "y", .server = &member_server, .args = "{y, {stubborn, 50}}" },
};
static const struct gen_supervisor inner = { .name = "inner",
                                             .children = leaves,
                                             .child_count = 2 };
static const struct gen_child_spec branches[] = {
    { .id = "a", .server = &member_server, .args = "a" },
    { .id = "in", .supervisor = &inner },
    { .id = "b", .server = &member_server, .args = "b" },
};
static const struct gen_supervisor outer = { .name = "outer",
                                             .children = branches,
                                             .child_count = 3 };

static void stops_a_tree_from_its_last_leaf(void **state)
{
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    assert_string_equal(members_record(), "+a +x +y +b");
    stop(&bed, sup);
    assert_string_equal(members_record(),
                        "-b:shutdown -y:shutdown -x:shutdown -a:shutdown");
    members_close(&bed);
}

static void leaves_nobody_when_it_is_killed(void **state)
{
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    assert_true(etf_get_pid(sup, &pid));
    (void)members_record();
    rt_exit_signal(bed.self, pid, ETF_A(kill));
    members_expect_exit(&bed, sup, "killed");
    members_run(&bed, 1000);
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

static void leaves_nobody_when_a_supervisor_below_is_killed(void **state)
{
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    (void)members_record();
    rt_exit_signal(bed.self, members_pid(&bed, sup, "in"), ETF_A(kill));
    members_run(&bed, 1000);
    assert_string_equal(members_record(), "-x:killed +x +y -y:killed");
    stop(&bed, sup);
    members_close(&bed);
}

/* The parent of the supervisor under test: dies with `reason`. */
struct parent {
    const struct gen_supervisor *table;
    etf_pid sup;
    const char *reason;
};

static void parent_code(struct gen *self, void *arg)
{
    struct parent *p = arg;
    etf_term message;

    if (gen_supervisor_start_link(self, p->table, etf_nil(), NULL, &p->sup,
                                  NULL) != AGNER_OK)
        return;
    (void)rt_receive(self, RT_INFINITY, &message);
    rt_exit(self, etf_atom(p->reason));
}

static etf_pid start_parent(struct bed *bed, struct parent *p)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, parent_code, p, NULL, &pid), AGNER_OK);
    return pid;
}

/* D-10: a parent's end ends it and its children, with that reason. */
static void D_10_ends_with_its_parent(void **state)
{
    struct parent p = { .table = &outer, .reason = "parent_is_gone" };
    etf_pid parent;
    struct bed bed;
    etf_term m;
    etf_ref ref;

    (void)state;
    members_open(&bed, 1);
    parent = start_parent(&bed, &p);
    members_run(&bed, 10);
    (void)members_record();
    assert_int_equal(rt_monitor(bed.self, etf_from_pid(NULL, p.sup), 0, &ref),
                     AGNER_OK);
    rt_send_pid(bed.self, parent, ETF_A(ok));
    assert_int_equal(rt_receive(bed.self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_same(etf_tuple_items(m)[4], etf_atom("parent_is_gone")));
    assert_string_equal(members_record(),
                        "-b:shutdown -y:shutdown -x:shutdown -a:shutdown");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

/* An exit signal of the parent that is no end of it: shutdown on request. */
static void ends_when_its_parent_says_so(void **state)
{
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    assert_true(etf_get_pid(sup, &pid));
    rt_exit_signal(bed.self, pid, etf_atom("enough"));
    members_expect_exit(&bed, sup, "enough");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

static void ignores_exit_signals_of_strangers(void **state)
{
    etf_pid stranger, pid;
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    assert_true(etf_get_pid(sup, &pid));
    stranger = bed_puppet(&bed, NULL);
    bed_order(&bed, stranger, "{signal, _, shutdown}", pid);
    members_run(&bed, 100);
    bed_order(&bed, stranger, "{exit, normal}");
    members_run(&bed, 100);
    assert_int_equal(members_alive(&bed), 6);
    stop(&bed, sup);
    members_close(&bed);
}

/* The node's own order to end, which comes in the name of the process. */
static void ends_with_the_node(void **state)
{
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &outer);
    assert_true(etf_get_pid(sup, &pid));
    assert_int_equal(rt_kill(bed.rt, pid, ETF_A(shutdown)), AGNER_OK);
    members_expect_exit(&bed, sup, "shutdown");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

/* A child whose init waits for the message `go`. */
static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static enum gen_next waiting_init(struct gen *self, etf_term args)
{
    etf_term m;

    (void)args;
    members_note("waits");
    (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    return GEN_NEXT;
}

static const struct gen_server waiting = { .name = "waiting",
                                           .init = waiting_init };

static void leaves_nobody_when_it_is_killed_during_a_childs_init(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "a" },
        { .id = "w", .server = &waiting, .name = "waiting" },
    };
    static const struct gen_supervisor table = { .children = rows,
                                                 .child_count = 2 };
    static const char *const reasons[] = { "kill", "boom" };
    struct parent p = { .table = &table };
    etf_pid parent, w;
    struct bed bed;

    (void)state;
    for (size_t i = 0; i < COUNT(reasons); i++) {
        members_open(&bed, 1);
        parent = start_parent(&bed, &p);
        members_run(&bed, 10);
        assert_string_equal(members_record(), "+a waits");
        rt_exit_signal(bed.self, parent, etf_atom(reasons[i]));
        members_run(&bed, 10);
        /* It hears of that when the init is over, as in OTP. */
        if (rt_whereis(bed.rt, etf_atom("waiting"), &w) == AGNER_OK)
            rt_send_pid(bed.self, w, etf_atom("go"));
        members_run(&bed, 1000);
        assert_int_equal(members_alive(&bed), 0);
        members_close(&bed);
    }
}

/* ---- A child of one's own making ---------------------------------------- */

static void ends_at_once(struct gen *self, void *arg)
{
    (void)arg;
    rt_exit(self, etf_atom("short_life"));
}

static unsigned short_lives;

/* It has ended, or not, when the supervisor links to it. */
static enum agner_err start_short(struct gen *self, etf_term args, etf_pid *pid,
                                  etf_term *info)
{
    enum agner_err err = rt_spawn(self, ends_at_once, NULL, NULL, pid);

    (void)args;
    (void)info;
    if (err == AGNER_OK && short_lives++ % 2 == 0)
        err = rt_wait(self, *pid, RT_INFINITY);
    return err;
}

static void notices_a_child_that_ends_before_it_is_linked(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "a" },
        { .id = "s", .start = start_short },
    };
    static const struct gen_supervisor table = { .children = rows,
                                                 .child_count = 2,
                                                 .intensity = 5 };
    struct bed bed;
    etf_term sup;

    (void)state;
    for (uint64_t seed = 1; seed < 30; seed++) {
        short_lives = 0;
        members_open(&bed, seed);
        sup = members_supervise(&bed, &table);
        members_expect_exit(&bed, sup, "shutdown");
        assert_int_equal(short_lives, 6); /* a start and five restarts */
        assert_int_equal(members_alive(&bed), 0);
        members_close(&bed);
    }
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(D_24_kills_a_child_that_takes_too_long),
        CASE(waits_for_a_slow_child_if_it_may),
        CASE(kills_at_once_what_says_so),
        CASE(stops_one_after_the_other),
        CASE(stops_all_at_once_if_asked),
        CASE(stops_simple_children_all_at_once),
        CASE(stops_a_child_that_has_unlinked_itself),
        CASE(does_not_wait_for_an_unlinked_child_that_is_gone),
        CASE(stops_a_tree_from_its_last_leaf),
        CASE(leaves_nobody_when_it_is_killed),
        CASE(leaves_nobody_when_a_supervisor_below_is_killed),
        CASE(D_10_ends_with_its_parent),
        CASE(ends_when_its_parent_says_so),
        CASE(ignores_exit_signals_of_strangers),
        CASE(ends_with_the_node),
        CASE(leaves_nobody_when_it_is_killed_during_a_childs_init),
        CASE(notices_a_child_that_ends_before_it_is_linked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
