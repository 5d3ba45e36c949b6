/*
 * test_behaviors_supervisor.c -- a supervisor's life: start, ends of children
 * under each strategy, giving up, the end. spec/gen.md 1.8, 4.2.
 */
#include "members.h"

#define MEMBER(name_, ...) \
    { \
        .id = #name_, .server = &member_server, .args = #name_, ##__VA_ARGS__ \
    }
#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

static const struct gen_child_spec three[] = { MEMBER(a), MEMBER(b),
                                               MEMBER(c) };
static const struct gen_child_spec three_transient[] = {
    MEMBER(a, .restart = GEN_TRANSIENT),
    MEMBER(b, .restart = GEN_TRANSIENT),
    MEMBER(c, .restart = GEN_TRANSIENT),
};
static const struct gen_child_spec three_temporary[] = {
    MEMBER(a, .restart = GEN_TEMPORARY),
    MEMBER(b, .restart = GEN_TEMPORARY),
    MEMBER(c, .restart = GEN_TEMPORARY),
};

static struct gen_supervisor of_three(enum gen_strategy strategy,
                                      const struct gen_child_spec *children)
{
    struct gen_supervisor table = { .name = "three",
                                    .strategy = strategy,
                                    .intensity = 10,
                                    .children = children,
                                    .child_count = 3 };

    return table;
}

/* Ends the supervisor in an orderly way, and looks for orphans. */
static void close_down(struct bed *bed, etf_term sup)
{
    assert_int_equal(
        gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY),
        AGNER_OK);
    assert_int_equal(members_alive(bed), 0);
    members_close(bed);
}

/* I10. */
static void starts_in_order_and_stops_in_reverse(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_string_equal(members_record(), "+a +b +c");
    members_expect_children(&bed, sup,
                            "[{a, running}, {b, running}, {c, running}]");
    close_down(&bed, sup);
    assert_string_equal(members_record(),
                        "-c:shutdown -b:shutdown -a:shutdown");
}

static void restarts_one_for_one(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three);
    struct bed bed;
    etf_term sup;
    etf_pid before;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    before = members_pid(&bed, sup, "b");
    (void)members_record();
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-b:boom +b");
    assert_false(etf_pid_equal(before, members_pid(&bed, sup, "b")));
    members_end(&bed, sup, "a", "normal"); /* permanent: always */
    assert_string_equal(members_record(), "-a:normal +a");
    close_down(&bed, sup);
}

/* {which_children, restarts}: what `agner tree --restarts` asks. */
static void tells_how_often_a_child_was_started_again(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three);
    struct bed bed;
    etf_term sup, list, row, counts = etf_nil();

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    members_end(&bed, sup, "b", "boom");
    members_end(&bed, sup, "b", "boom");
    members_end(&bed, sup, "c", "boom");
    assert_int_equal(gen_call(bed.self, sup,
                              members_term(&bed, "{which_children, restarts}"),
                              RT_INFINITY, &list),
                     AGNER_OK);
    while (etf_list_next(&list, &row)) {
        assert_int_equal(etf_tuple_size(row), 5);
        counts = etf_cons(rt_region(bed.self), etf_tuple_items(row)[4], counts);
    }
    members_expect_term(&bed, counts, "[0, 2, 1]");
    assert_int_equal(gen_call(bed.self, sup,
                              members_term(&bed, "{which_children, else}"),
                              RT_INFINITY, &list),
                     AGNER_OK);
    members_expect_term(&bed, list, "{error, badarg}");
    close_down(&bed, sup);
}

static enum gen_next idle(struct gen *self,
                          const struct gen_statem_event *event)
{
    (void)event;
    return gen_keep_state(self);
}

static void supervises_a_state_machine(void **state)
{
    static const struct gen_statem_state states[] = { { .name = "idle",
                                                        .handle = idle } };
    static const struct gen_statem machine = { .name = "machine",
                                               .states = states,
                                               .state_count = 1 };
    static const struct gen_child_spec children[] = { { .id = "m",
                                                        .statem = &machine } };
    static const struct gen_supervisor table = { .name = "machines",
                                                 .children = children,
                                                 .child_count = 1 };
    struct bed bed;
    etf_term sup;
    etf_pid before;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    before = members_pid(&bed, sup, "m");
    (void)rt_exit_signal(bed.self, before, ETF_A(kill));
    members_run(&bed, 50);
    members_expect_children(&bed, sup, "[{m, running}]");
    assert_false(etf_pid_equal(before, members_pid(&bed, sup, "m")));
    close_down(&bed, sup);
}

static void restarts_one_for_all(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ALL, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(),
                        "-b:boom -c:shutdown -a:shutdown +a +b +c");
    close_down(&bed, sup);
}

static void restarts_rest_for_one(void **state)
{
    struct gen_supervisor table = of_three(GEN_REST_FOR_ONE, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-b:boom -c:shutdown +b +c");
    members_end(&bed, sup, "c", "boom");
    assert_string_equal(members_record(), "-c:boom +c");
    close_down(&bed, sup);
}

/* Transient: orderly ends are left at that, and siblings untouched. */
static void keeps_the_spec_of_a_transient_child_that_is_done(void **state)
{
    static const char *const orderly[] = { "normal", "shutdown",
                                           "{shutdown, done}" };
    static const char *const ids[] = { "a", "b", "c" };
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ALL, three_transient);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    for (size_t i = 0; i < COUNT(orderly); i++)
        members_end(&bed, sup, ids[i], orderly[i]);
    assert_string_equal(members_record(),
                        "-a:normal -b:shutdown -c:{shutdown,done}");
    members_expect_children(&bed, sup,
                            "[{a, undefined}, {b, undefined}, {c, undefined}]");
    close_down(&bed, sup);
}

static void forgets_temporary_children(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ALL, three_temporary);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_end(&bed, sup, "a", "normal");
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-a:normal -b:boom");
    members_expect_children(&bed, sup, "[{c, running}]");
    close_down(&bed, sup);
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(starts_in_order_and_stops_in_reverse),
        CASE(restarts_one_for_one),
        CASE(tells_how_often_a_child_was_started_again),
        CASE(supervises_a_state_machine),
        CASE(restarts_one_for_all),
        CASE(restarts_rest_for_one),
        CASE(keeps_the_spec_of_a_transient_child_that_is_done),
        CASE(forgets_temporary_children),
    };

    (void)three_transient;
    (void)three_temporary;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
