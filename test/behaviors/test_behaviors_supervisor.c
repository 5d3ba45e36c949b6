/*
 * test_behaviors_supervisor.c -- a supervisor's life: start, ends of children
 * under each strategy, giving up, the end. spec/gen.md 1.8, 4.2.
 */
#include "members.h"

#include <stdio.h>

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

static enum gen_next no_tx(struct gen *self, struct gen_saga_tx tx,
                           etf_term value)
{
    (void)self;
    (void)tx;
    (void)value;
    return GEN_NEXT;
}

static enum gen_next no_result(struct gen *self, struct gen_saga_tx tx,
                               struct gen_saga_next_id from, etf_term value)
{
    (void)from;
    return no_tx(self, tx, value);
}

static void supervises_other_behaviours(void **state)
{
    static const struct gen_saga saga = { .name = "saga",
                                          .handle_tx_new = no_tx,
                                          .handle_tx_result = no_result,
                                          .handle_tx_cancel = no_tx };
    static const struct gen_statem_state states[] = { { .name = "idle",
                                                        .handle = idle } };
    static const struct gen_statem machine = { .name = "machine",
                                               .states = states,
                                               .state_count = 1 };
    static const struct gen_stage stage = { .name = "stage",
                                            .role = GEN_STAGE_PRODUCER };
    static const char *const ids[] = { "m", "s", "t" };
    static const struct gen_child_spec children[] = {
        { .id = "m", .statem = &machine },
        { .id = "s", .saga = &saga },
        { .id = "t", .stage = &stage },
    };
    static const struct gen_supervisor table = { .name = "others",
                                                 .children = children,
                                                 .child_count = 3 };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        etf_pid before = members_pid(&bed, sup, ids[i]);

        (void)rt_exit_signal(bed.self, before, ETF_A(kill));
        members_run(&bed, 6000); /* beyond the period: no restart counts */
        members_expect_children(&bed, sup,
                                "[{m, running}, {s, running}, {t, running}]");
        assert_false(etf_pid_equal(before, members_pid(&bed, sup, ids[i])));
    }
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

/* What init of the next supervisor does. */
static enum gen_next (*next_init)(struct gen *self, etf_term args,
                                  struct gen_supervisor_spec *spec);

static enum gen_next call_next_init(struct gen *self, etf_term args,
                                    struct gen_supervisor_spec *spec)
{
    return next_init(self, args, spec);
}

/* Starts a supervisor that must not start, for that reason. */
static void expect_refusal(struct bed *bed, const struct gen_supervisor *table,
                           const char *expected)
{
    etf_term reason = ETF_NONE;
    char text[400];
    enum agner_err err =
        gen_supervisor_start(bed->self, table, etf_nil(), NULL, NULL, &reason);

    if (err != AGNER_EEXIT ||
        strcmp(etf_format(text, sizeof text, reason), expected) != 0)
        fail_msg("%s: %s, not %s", agner_strerror(err), text, expected);
    assert_int_equal(members_alive(bed), 0);
}

/* ---- Start -------------------------------------------------------------- */

static const struct gen_child_spec good = MEMBER(good);

/* The sentence of the error names what is wrong, in OTP's words, and even the
 * good child before it is not started. */
static void names_what_is_wrong_with_a_spec_and_starts_nothing(void **state)
{
    static const struct {
        struct gen_child_spec row;
        enum gen_auto_shutdown auto_shutdown;
        const char *expected;
    } cases[] = {
        { { .server = &member_server }, 0, "{start_spec,missing_id}" },
        { { .id = "a" }, 0, "{start_spec,missing_start}" },
        { MEMBER(good), 0, "{start_spec,{duplicate_child_name,good}}" },
        { MEMBER(a, .restart = (enum gen_restart)7), 0,
          "{start_spec,{invalid_restart_type,7}}" },
        { MEMBER(a, .type = (enum gen_child_type)9), 0,
          "{start_spec,{invalid_child_type,9}}" },
        { MEMBER(a, .significant = true, .restart = GEN_TRANSIENT), 0,
          "{start_spec,{bad_combination,[{auto_shutdown,never},"
          "{significant,true}]}}" },
        { MEMBER(a, .significant = true), GEN_AUTO_ANY_SIGNIFICANT,
          "{start_spec,{bad_combination,[{restart,permanent},"
          "{significant,true}]}}" },
        { { .id = "a", .server = &member_server, .args = "{a" },
          0,
          "{start_spec,{invalid_args,<<\"line 1, column 3: the text ends, "
          "expected ',' or "
          "'}'\">>}}" },
        { MEMBER(a, .supervisor = (const struct gen_supervisor *)&good), 0,
          "{start_spec,{several_starts,a}}" },
        { MEMBER(a, .name = "undefined"), 0,
          "{start_spec,{invalid_name,undefined}}" },
    };
    struct bed bed;

    (void)state;
    members_open(&bed, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct gen_child_spec rows[2] = { good, cases[i].row };
        struct gen_supervisor table = { .children = rows,
                                        .child_count = 2,
                                        .auto_shutdown =
                                            cases[i].auto_shutdown };

        expect_refusal(&bed, &table, cases[i].expected);
        rt_reset(bed.self);
    }
    assert_string_equal(members_record(), "");
    members_close(&bed);
}

static void names_what_is_wrong_with_its_flags(void **state)
{
    struct gen_supervisor table = { .strategy = (enum gen_strategy)4 };
    struct bed bed;

    (void)state;
    members_open(&bed, 1);
    expect_refusal(&bed, &table, "{supervisor_data,{invalid_strategy,4}}");
    table.strategy = GEN_ONE_FOR_ONE;
    table.auto_shutdown = (enum gen_auto_shutdown)3;
    expect_refusal(&bed, &table, "{supervisor_data,{invalid_auto_shutdown,3}}");
    members_close(&bed);
}

static void checks_specs_without_starting_them(void **state)
{
    struct gen_child_spec rows[] = { MEMBER(a), MEMBER(b), MEMBER(a) };
    struct agner_error error;

    (void)state;
    assert_int_equal(gen_check_childspecs(rows, 2, GEN_AUTO_NEVER, &error),
                     AGNER_OK);
    assert_int_equal(gen_check_childspecs(rows, 3, GEN_AUTO_NEVER, &error),
                     AGNER_EINVAL);
    assert_string_equal(error.text, "child 2: {duplicate_child_name,a}");
    rows[1].restart = (enum gen_restart)3;
    assert_int_equal(gen_check_childspecs(rows, 2, GEN_AUTO_NEVER, &error),
                     AGNER_EINVAL);
    assert_string_equal(error.text, "child 1: {invalid_restart_type,3}");
}

/* D-22: a child that fails in init does not block whoever starts the
 * supervisor. */
static void D_22_stops_what_it_started_when_a_start_fails(void **state)
{
    static const struct {
        const char *args;
        const char *expected;
    } cases[] = {
        { "{c, {fail, why}}", "{shutdown,{failed_to_start_child,c,why}}" },
        { "{c, {leave, {oops, 1}}}",
          "{shutdown,{failed_to_start_child,c,{oops,1}}}" },
        { "{c, {fail, normal}}",
          "{shutdown,{failed_to_start_child,c,normal}}" },
    };
    struct gen_child_spec rows[] = { MEMBER(a), MEMBER(b), MEMBER(c),
                                     MEMBER(d) };
    struct gen_supervisor table = { .children = rows, .child_count = 4 };
    struct bed bed;

    (void)state;
    members_open(&bed, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        rows[2].args = cases[i].args;
        expect_refusal(&bed, &table, cases[i].expected);
        assert_string_equal(members_record(), "+a +b -b:shutdown -a:shutdown");
    }
    members_close(&bed);
}

static void names_who_has_the_name(void **state)
{
    struct gen_child_spec rows[] = { MEMBER(a), MEMBER(b, .name = "taken") };
    struct gen_supervisor table = { .children = rows, .child_count = 2 };
    struct bed bed;
    char expected[100], pid[40];

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(rt_register(bed.rt, etf_atom("taken"), rt_self(bed.self)),
                     AGNER_OK);
    snprintf(expected, sizeof expected,
             "{shutdown,{failed_to_start_child,b,{already_started,%s}}}",
             etf_format(pid, sizeof pid, rt_self_term(bed.self)));
    expect_refusal(&bed, &table, expected);
    members_close(&bed);
}

static void keeps_the_spec_of_a_child_that_ignores(void **state)
{
    struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "{a, ignore}" },
        { .id = "b",
          .server = &member_server,
          .args = "{b, ignore}",
          .restart = GEN_TEMPORARY },
        MEMBER(c),
    };
    struct gen_supervisor table = { .children = rows, .child_count = 3 };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    members_expect_children(&bed, sup, "[{a, undefined}, {c, running}]");
    close_down(&bed, sup);
}

static enum gen_next add_two(struct gen *self, etf_term args,
                             struct gen_supervisor_spec *spec)
{
    struct gen_child_spec row = { .server = &member_server };
    char text[40];

    gen_supervisor_flags(spec)->strategy = GEN_ONE_FOR_ALL;
    for (unsigned i = 0; i < 2; i++) {
        row.id_term = etf_make(self, "{dynamic, _}", i);
        snprintf(text, sizeof text, "d%u", i); /* need not last */
        row.args = text;
        if (gen_supervisor_add(self, spec, &row) != AGNER_OK)
            return gen_stop(self, args);
    }
    return GEN_NEXT;
}

static void may_decide_at_start(void **state)
{
    struct gen_supervisor table = { .children = three,
                                    .child_count = 1,
                                    .init = call_next_init };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    next_init = add_two;
    sup = members_supervise(&bed, &table);
    assert_string_equal(members_record(), "+a +d0 +d1");
    members_end(&bed, sup, "{dynamic, 0}", "boom");
    assert_string_equal(members_record(),
                        "-d0:boom -d1:shutdown -a:shutdown +a +d0 +d1");
    close_down(&bed, sup);
}

static enum gen_next say_ignore(struct gen *self, etf_term args,
                                struct gen_supervisor_spec *spec)
{
    (void)gen_supervisor_add(self, spec, &three[0]);
    (void)args;
    return GEN_IGNORE;
}

static enum gen_next say_stop(struct gen *self, etf_term args,
                              struct gen_supervisor_spec *spec)
{
    (void)spec;
    return gen_stop(self, etf_make(self, "{not_with, _}", args));
}

static void may_decide_not_to_start(void **state)
{
    struct gen_supervisor table = { .init = call_next_init };
    struct bed bed;

    (void)state;
    members_open(&bed, 1);
    next_init = say_ignore;
    assert_int_equal(
        gen_supervisor_start(bed.self, &table, etf_nil(), NULL, NULL, NULL),
        AGNER_EIGNORE);
    next_init = say_stop;
    expect_refusal(&bed, &table, "{not_with,[]}");
    assert_string_equal(members_record(), "");
    members_close(&bed);
}

/* ---- How often ---------------------------------------------------------- */

/* Everything is stopped in reverse before it ends, with `shutdown`. */
static void gives_up_when_restarts_are_too_many(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    table.intensity = 2;
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_end(&bed, sup, "b", "boom");
    members_end(&bed, sup, "c", "boom");
    assert_string_equal(members_record(), "-b:boom +b -c:boom +c");
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-b:boom -c:shutdown -a:shutdown");
    members_expect_exit(&bed, sup, "shutdown");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

static void forgets_restarts_that_are_older_than_the_period(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    table.intensity = 0; /* the default: 1 in 5 seconds */
    sup = members_supervise(&bed, &table);
    for (int i = 0; i < 5; i++) {
        members_end(&bed, sup, "a", "boom");
        members_run(&bed, 5001);
    }
    members_end(&bed, sup, "a", "boom");
    members_run(&bed, 4000);
    members_end(&bed, sup, "a", "boom");
    members_expect_exit(&bed, sup, "shutdown");
    members_close(&bed);
}

/* D-21: it starts, and lives until the first restart would be needed. */
static void D_21_intensity_0_ends_it_at_the_first_restart(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three_transient);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    table.intensity = GEN_NO_RESTARTS;
    sup = members_supervise(&bed, &table);
    members_end(&bed, sup, "a", "normal");
    members_expect_children(&bed, sup,
                            "[{a, undefined}, {b, running}, {c, running}]");
    (void)members_record();
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-b:boom -c:shutdown");
    members_expect_exit(&bed, sup, "shutdown");
    members_close(&bed);
}

/* D-23: one_for_all restarts the failed child, also when no other runs. */
static void D_23_one_for_all_restarts_a_child_that_is_alone(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ALL, three);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("b")),
                     AGNER_OK);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("c")),
                     AGNER_OK);
    (void)members_record();
    members_end(&bed, sup, "a", "boom");
    assert_string_equal(members_record(), "-a:boom +a +b +c");
    close_down(&bed, sup);
}

/* D-25: three normal ends of temporary children do not exceed anything. */
static void D_25_only_restarts_count(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, three_temporary);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    table.intensity = GEN_NO_RESTARTS;
    sup = members_supervise(&bed, &table);
    members_end(&bed, sup, "a", "normal");
    members_end(&bed, sup, "b", "normal");
    members_end(&bed, sup, "c", "boom");
    members_expect_children(&bed, sup, "[]");
    close_down(&bed, sup);
}

/* D-26: simple_one_for_one has a limit too. */
static void D_26_simple_one_for_one_gives_up_too(void **state)
{
    static const struct gen_child_spec row = { .id = "x",
                                               .server = &member_server };
    struct gen_supervisor table = { .strategy = GEN_SIMPLE_ONE_FOR_ONE,
                                    .intensity = 3,
                                    .children = &row,
                                    .child_count = 1 };
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(gen_start_child_args(bed.self, sup,
                                          members_term(&bed, "[crashing]"),
                                          &pid, NULL),
                     AGNER_OK);
    for (int i = 0; i < 3; i++)
        members_end(&bed, sup, "undefined", "boom");
    assert_string_equal(members_record(),
                        "+crashing -crashing:boom +crashing -crashing:boom "
                        "+crashing -crashing:boom +crashing");
    members_end(&bed, sup, "undefined", "boom");
    members_expect_exit(&bed, sup, "shutdown");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

static const struct gen_child_spec failing[] = {
    MEMBER(a),
    { .id = "b", .server = &member_server, .args = "{b, {fail_when, no}}" },
    MEMBER(c),
};

/* Each attempt counts; one start and `intensity` attempts, then it gives up. */
static void counts_restarts_that_fail(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, failing);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    table.intensity = 3;
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_fail(2);
    members_end(&bed, sup, "b", "boom"); /* fails, fails, starts */
    assert_string_equal(members_record(), "-b:boom +b");
    members_run(&bed, 6000);
    members_fail(3);
    members_end(&bed, sup, "b", "boom");
    assert_string_equal(members_record(), "-b:boom -c:shutdown -a:shutdown");
    members_expect_exit(&bed, sup, "shutdown");
    members_close(&bed);
}

/* one_for_all: what had started again is stopped before the next attempt. */
static void tries_the_whole_row_again(void **state)
{
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ALL, failing);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_fail(2);
    members_end(&bed, sup, "c", "boom");
    assert_string_equal(members_record(),
                        "-c:boom -b:shutdown -a:shutdown +a -a:shutdown +a "
                        "-a:shutdown +a +b +c");
    close_down(&bed, sup);
}

/* rest_for_one: the next attempt is about the child that failed. */
static void tries_the_rest_again_from_the_one_that_failed(void **state)
{
    struct gen_supervisor table = of_three(GEN_REST_FOR_ONE, failing);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    (void)members_record();
    members_fail(2);
    members_end(&bed, sup, "a", "boom");
    assert_string_equal(members_record(),
                        "-a:boom -c:shutdown -b:shutdown +a +b +c");
    close_down(&bed, sup);
}

/* ---- Significant children ----------------------------------------------- */

static struct gen_supervisor significant(enum gen_auto_shutdown when)
{
    static const struct gen_child_spec rows[] = {
        MEMBER(a, .restart = GEN_TRANSIENT, .significant = true),
        MEMBER(b, .restart = GEN_TEMPORARY, .significant = true),
        MEMBER(c, .restart = GEN_TRANSIENT),
    };
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, rows);

    table.auto_shutdown = when;
    return table;
}

static void ends_with_any_significant_child(void **state)
{
    static const struct {
        const char *id, *reason;
    } ends[] = { { "a", "normal" },
                 { "a", "{shutdown, x}" },
                 { "b", "normal" },
                 { "b", "boom" } };
    struct gen_supervisor table = significant(GEN_AUTO_ANY_SIGNIFICANT);
    struct bed bed;
    etf_term sup;

    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        members_open(&bed, 1);
        sup = members_supervise(&bed, &table);
        members_end(&bed, sup, "c", "normal"); /* is none */
        members_end(&bed, sup, "a", "boom");   /* is started again */
        members_end(&bed, sup, ends[i].id, ends[i].reason);
        members_expect_exit(&bed, sup, "shutdown");
        assert_int_equal(members_alive(&bed), 0);
        members_close(&bed);
    }
}

static void ends_with_the_last_significant_child(void **state)
{
    struct gen_supervisor table = significant(GEN_AUTO_ALL_SIGNIFICANT);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    members_end(&bed, sup, "b", "boom");
    members_expect_children(&bed, sup, "[{a, running}, {c, running}]");
    members_end(&bed, sup, "a", "normal");
    members_expect_exit(&bed, sup, "shutdown");
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

/* A significant child that is stopped on request does not count. */
static void does_not_end_when_it_stops_them_itself(void **state)
{
    struct gen_supervisor table = significant(GEN_AUTO_ANY_SIGNIFICANT);
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("b")),
                     AGNER_OK);
    members_run(&bed, 100);
    members_expect_children(&bed, sup, "[{a, running}, {c, running}]");
    close_down(&bed, sup);
}

/* ---- The order of ends -------------------------------------------------- */

/* One by one, as they come: what ended during a restart is dealt with after
 * it. */
static void deals_with_ends_in_order_of_arrival(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "{a, {slow, 100}}" },
        MEMBER(b),
        MEMBER(c),
    };
    struct gen_supervisor table = of_three(GEN_ONE_FOR_ONE, rows);
    struct rt_request id;
    struct bed bed;
    etf_term sup, reply;
    etf_pid b, c;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    b = members_pid(&bed, sup, "b");
    c = members_pid(&bed, sup, "c");
    (void)members_record();
    assert_int_equal(
        gen_send_request(bed.self, sup,
                         etf_make(bed.self, "{terminate_child, a}"), &id),
        AGNER_OK);
    members_run(&bed, 10); /* it waits for a; meanwhile c and then b crash */
    rt_exit_signal(bed.self, c, etf_atom("boom"));
    members_run(&bed, 10);
    rt_exit_signal(bed.self, b, etf_atom("boom"));
    assert_int_equal(gen_wait(bed.self, &id, WAIT_MS, &reply), AGNER_OK);
    members_run(&bed, 10);
    assert_string_equal(members_record(), "-c:boom -b:boom -a:shutdown +c +b");
    close_down(&bed, sup);
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(starts_in_order_and_stops_in_reverse),
        CASE(restarts_one_for_one),
        CASE(tells_how_often_a_child_was_started_again),
        CASE(supervises_other_behaviours),
        CASE(restarts_one_for_all),
        CASE(restarts_rest_for_one),
        CASE(keeps_the_spec_of_a_transient_child_that_is_done),
        CASE(forgets_temporary_children),
        CASE(names_what_is_wrong_with_a_spec_and_starts_nothing),
        CASE(names_what_is_wrong_with_its_flags),
        CASE(checks_specs_without_starting_them),
        CASE(D_22_stops_what_it_started_when_a_start_fails),
        CASE(names_who_has_the_name),
        CASE(keeps_the_spec_of_a_child_that_ignores),
        CASE(may_decide_at_start),
        CASE(may_decide_not_to_start),
        CASE(gives_up_when_restarts_are_too_many),
        CASE(forgets_restarts_that_are_older_than_the_period),
        CASE(D_21_intensity_0_ends_it_at_the_first_restart),
        CASE(D_23_one_for_all_restarts_a_child_that_is_alone),
        CASE(D_25_only_restarts_count),
        CASE(D_26_simple_one_for_one_gives_up_too),
        CASE(counts_restarts_that_fail),
        CASE(tries_the_whole_row_again),
        CASE(tries_the_rest_again_from_the_one_that_failed),
        CASE(ends_with_any_significant_child),
        CASE(ends_with_the_last_significant_child),
        CASE(does_not_end_when_it_stops_them_itself),
        CASE(deals_with_ends_in_order_of_arrival),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
