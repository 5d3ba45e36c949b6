/*
 * test_behaviors_supervisor_conf.c -- the reference's own tests of supervisors,
 * with OTP's outcomes where the reference differs: spec/gen.md 3.4.
 *
 * Three servers each, which report their start and their end. A case is: one of
 * them ends for a reason; so many events follow; and then each of the three is
 * the old process, a new one, or gone.
 */
#include "members.h"

#include <stdio.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

struct outcome {
    enum gen_restart restart;
    const char *victim, *reason;
    unsigned events;
    const char *then; /* of each: o(ld), n(ew), g(one) */
};

static const char *const names[3] = { "one", "two", "three" };

static unsigned events(void)
{
    const char *record = members_record();
    unsigned count = *record != '\0';

    for (; *record != '\0'; record++)
        count += *record == ' ';
    return count;
}

/* The tables live as long as the supervisor. */
static etf_term start(struct bed *bed, enum gen_strategy strategy,
                      enum gen_restart restart)
{
    static struct gen_child_spec rows[3];
    static struct gen_supervisor table;

    table = (struct gen_supervisor){ .strategy = strategy,
                                     .intensity = 100,
                                     .children = rows,
                                     .child_count = 3 };
    for (unsigned i = 0; i < 3; i++)
        rows[i] = (struct gen_child_spec){ .id = names[i],
                                           .server = &member_server,
                                           .args = names[i],
                                           .restart = restart };
    members_open(bed, 1);
    return members_supervise(bed, &table);
}

static void pids_of(struct bed *bed, etf_term sup, etf_pid pids[3])
{
    for (unsigned i = 0; i < 3; i++)
        pids[i] = members_pid(bed, sup, names[i]);
}

/* One case from a fresh start; the supervisor's own stop ends the rest. */
static void play(enum gen_strategy strategy, const struct outcome *o)
{
    etf_pid before[3], after[3];
    char then[4] = "";
    struct bed bed;
    etf_term sup = start(&bed, strategy, o->restart);
    unsigned seen, left = 0;

    assert_int_equal(events(), 3);
    pids_of(&bed, sup, before);
    members_end(&bed, sup, o->victim, o->reason);
    seen = events();
    pids_of(&bed, sup, after);
    for (unsigned i = 0; i < 3; i++) {
        then[i] = etf_pid_is_none(after[i])            ? 'g'
                  : etf_pid_equal(before[i], after[i]) ? 'o'
                                                       : 'n';
        left += then[i] != 'g';
    }
    if (seen != o->events || strcmp(then, o->then) != 0)
        fail_msg("restart %d, %s of %s: %u events, %s; not %u, %s",
                 (int)o->restart, o->reason, o->victim, seen, then, o->events,
                 o->then);
    assert_int_equal(gen_server_stop(bed.self, sup, ETF_A(normal), RT_INFINITY),
                     AGNER_OK);
    assert_int_equal(events(), left);
    assert_int_equal(members_alive(&bed), 0);
    members_close(&bed);
}

#define P GEN_PERMANENT
#define T GEN_TRANSIENT
#define X GEN_TEMPORARY

static void conf_TestSupervisorOneForOne_restarts_the_one(void **state)
{
    static const struct outcome outcomes[] = {
        { P, "one", "normal", 2, "noo" },
        { P, "two", "normal", 2, "ono" },
        { P, "three", "normal", 2, "oon" },
        { P, "two", "abnormal", 2, "ono" },
        { T, "one", "abnormal", 2, "noo" },
        { T, "two", "abnormal", 2, "ono" },
        { T, "three", "abnormal", 2, "oon" },
        { T, "one", "normal", 1, "goo" },
        { T, "two", "shutdown", 1, "ogo" },
        { T, "three", "normal", 1, "oog" },
        { X, "one", "normal", 1, "goo" },
        { X, "two", "abnormal", 1, "ogo" },
        { X, "three", "shutdown", 1, "oog" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++)
        play(GEN_ONE_FOR_ONE, &outcomes[i]);
}

/* Otherwise than in the reference: an orderly end of a transient child, and any
 * end of a temporary one, leaves the others alone. */
static void conf_TestSupervisorOneForAll_restarts_all(void **state)
{
    static const struct outcome outcomes[] = {
        { P, "one", "normal", 6, "nnn" },
        { P, "two", "abnormal", 6, "nnn" },
        { P, "three", "shutdown", 6, "nnn" },
        { T, "one", "normal", 1, "goo" },
        { T, "two", "abnormal", 6, "nnn" },
        { T, "three", "shutdown", 1, "oog" },
        { X, "one", "normal", 1, "goo" },
        { X, "two", "abnormal", 1, "ogo" },
        { X, "three", "shutdown", 1, "oog" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++)
        play(GEN_ONE_FOR_ALL, &outcomes[i]);
}

static void conf_TestSupervisorRestForOne_restarts_the_rest(void **state)
{
    static const struct outcome outcomes[] = {
        { P, "one", "normal", 6, "nnn" },
        { P, "two", "abnormal", 4, "onn" },
        { P, "three", "shutdown", 2, "oon" },
        { T, "one", "abnormal", 6, "nnn" },
        { T, "two", "normal", 1, "ogo" },
        { T, "three", "shutdown", 1, "oog" },
        { X, "one", "normal", 1, "goo" },
        { X, "two", "abnormal", 1, "ogo" },
        { X, "three", "shutdown", 1, "oog" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++)
        play(GEN_REST_FOR_ONE, &outcomes[i]);
}

/* ---- Three templates, two children each --------------------------------- */

static unsigned running(struct bed *bed, etf_term sup)
{
    struct gen_child_counts counts;

    assert_int_equal(gen_count_children(bed->self, sup, &counts), AGNER_OK);
    return (unsigned)counts.active;
}

/* Ends all six for that reason, and returns how many events there were. */
static unsigned end_all(struct bed *bed, etf_term sup, const char *reason)
{
    etf_term list, row, why = members_term(bed, reason);

    assert_int_equal(gen_which_children(bed->self, sup, &list), AGNER_OK);
    while (etf_list_next(&list, &row))
        (void)gen_cast(bed->self, etf_tuple_items(row)[1],
                       etf_make(bed->self, "{stop, _}", why));
    members_run(bed, 50);
    return events();
}

static void conf_TestSupervisorSimpleOneForOne_restarts_each(void **state)
{
    static const struct {
        enum gen_restart restart;
        const char *reason;
        unsigned events, left;
    } cases[] = {
        { P, "normal", 12, 6 },   { P, "abnormal", 12, 6 },
        { P, "shutdown", 12, 6 }, { T, "normal", 6, 0 },
        { T, "shutdown", 6, 0 },  { T, "abnormal", 12, 6 },
        { X, "normal", 6, 0 },    { X, "abnormal", 6, 0 },
        { X, "shutdown", 6, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct bed bed;
        etf_term sup = start(&bed, GEN_SIMPLE_ONE_FOR_ONE, cases[i].restart);
        etf_pid pid;

        assert_int_equal(events(), 0); /* nothing is started */
        for (unsigned k = 0; k < 6; k++)
            assert_int_equal(gen_start_child_of(bed.self, sup,
                                                etf_atom(names[k / 2]),
                                                etf_nil(), &pid, NULL),
                             AGNER_OK);
        assert_int_equal(rt_whereis(bed.rt, etf_atom("one"), &pid),
                         AGNER_ENONAME);
        assert_int_equal(events(), 6);
        assert_int_equal(end_all(&bed, sup, cases[i].reason), cases[i].events);
        assert_int_equal(running(&bed, sup), cases[i].left);
        assert_int_equal(
            gen_server_stop(bed.self, sup, ETF_A(normal), RT_INFINITY),
            AGNER_OK);
        assert_int_equal(events(), cases[i].left);
        assert_int_equal(members_alive(&bed), 0);
        members_close(&bed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestSupervisorOneForOne_restarts_the_one),
        cmocka_unit_test(conf_TestSupervisorOneForAll_restarts_all),
        cmocka_unit_test(conf_TestSupervisorRestForOne_restarts_the_rest),
        cmocka_unit_test(conf_TestSupervisorSimpleOneForOne_restarts_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
