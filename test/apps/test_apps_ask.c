/*
 * test_apps_ask.c -- supervisors of every kind are asked, in a simulated world:
 * who answers, who does not, and how long that takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <agner/sim.h>

#include "sup_ask.h"

/* ---- Those who are asked ------------------------------------------------ */

/* Answers nothing. */
static enum gen_next silent_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    (void)self;
    (void)from;
    (void)request;
    return GEN_NEXT;
}

/* No supervisor, whatever its parent says. */
static enum gen_next impostor_call(struct gen *self, struct gen_from from,
                                   etf_term request)
{
    (void)request;
    return gen_reply(self, from, etf_make(self, "{error, badarg}"));
}

/* Has 201 children, and would end the test if it were asked for them. */
static enum gen_next crowd_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    if (!etf_match(request, "count_children"))
        rt_exit(self, etf_make(self, "asked_for_all"));
    return gen_reply(self, from,
                     etf_make(self, "[{specs, 1}, {active, 201}, "
                                    "{supervisors, 0}, {workers, 201}]"));
}

/* Has 3, but does not know of restarts. */
static enum gen_next foreign_call(struct gen *self, struct gen_from from,
                                  etf_term request)
{
    if (!etf_match(request, "count_children"))
        return impostor_call(self, from, request);
    return gen_reply(self, from,
                     etf_make(self, "[{specs, 3}, {active, 3}, "
                                    "{supervisors, 0}, {workers, 3}]"));
}

static const struct gen_server silent = { .handle_call = silent_call },
                               impostor = { .handle_call = impostor_call },
                               crowd = { .handle_call = crowd_call },
                               foreign = { .handle_call = foreign_call };

static const struct gen_child_spec inner_children[] = {
    { .id = "w", .server = &impostor },
    { .id = "hangs", .server = &silent, .type = GEN_SUPERVISOR },
};
static const struct gen_supervisor inner = { .name = "inner",
                                             .children = inner_children,
                                             .child_count = 2 };
static const struct gen_child_spec top_children[] = {
    { .id = "silent", .server = &silent, .type = GEN_SUPERVISOR },
    { .id = "inner", .supervisor = &inner },
    { .id = "impostor", .server = &impostor, .type = GEN_SUPERVISOR },
    { .id = "crowd", .server = &crowd, .type = GEN_SUPERVISOR },
    { .id = "silent2", .server = &silent, .type = GEN_SUPERVISOR },
    { .id = "foreign", .server = &foreign, .type = GEN_SUPERVISOR },
};
static const struct gen_supervisor top = { .name = "top",
                                           .children = top_children,
                                           .child_count = 6 };

/* ---- The bed ------------------------------------------------------------ */

struct bed {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    struct tree tree;
};

static int set_up(void **state)
{
    static struct bed bed;
    struct rt_options options = { .log_level = RT_LOG_NONE };
    struct tree_row row = { .id = etf_atom("top"), .type = TREE_SUPERVISOR };
    uint32_t index;
    etf_pid pid;

    bed.tree = (struct tree){ 0 };
    bed.sim = sim_new(1, NULL);
    options.world = sim_world(bed.sim);
    assert_int_equal(rt_new(&options, &bed.rt, NULL), AGNER_OK);
    bed.self = rt_attach(bed.rt);
    assert_int_equal(
        gen_supervisor_start(bed.self, &top, etf_nil(), NULL, &pid, NULL),
        AGNER_OK);
    row.pid = etf_from_pid(rt_region(bed.self), pid);
    assert_int_equal(tree_add(&bed.tree, TREE_NONE, &row, &index), AGNER_OK);
    *state = &bed;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    tree_fini(&bed->tree);
    rt_detach(bed->self);
    rt_free(bed->rt, 1000);
    sim_free(bed->sim);
    return 0;
}

/* Asks with so much time, and returns how long it took: virtual milliseconds.
 */
static uint64_t ask(struct bed *bed, uint64_t ms)
{
    uint64_t begin = rt_now_ms(bed->rt);

    assert_int_equal(tree_ask(bed->self, &bed->tree, 0, begin + ms), AGNER_OK);
    return rt_now_ms(bed->rt) - begin;
}

/* The rows: depth, id, and what is the matter. */
static void expect(struct bed *bed, const char *expected)
{
    char text[512] = "", one[96], id[32];

    for (uint32_t i = 0; i != TREE_NONE; i = tree_next(&bed->tree, i)) {
        const struct tree_row *row = &bed->tree.rows[i];

        (void)snprintf(one, sizeof one, "%u %s%s%s", row->depth,
                       etf_format(id, sizeof id, row->id),
                       row->type == TREE_SUPERVISOR ? " sup" : "",
                       row->stuck ? " stuck" : "");
        (void)strncat(text, one, sizeof text - strlen(text) - 1);
        if (row->folded > 0)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                           " +%u", (unsigned)row->folded);
        (void)strncat(text, "\n", sizeof text - strlen(text) - 1);
    }
    assert_string_equal(text, expected);
}

/* ---- Tests -------------------------------------------------------------- */

static void each_is_shown_as_what_it_is(void **state)
{
    struct bed *bed = *state;

    (void)ask(bed, 60000);
    expect(bed, "0 top sup\n"
                "1 silent sup stuck\n"
                "1 inner sup\n"
                "2 w\n"
                "2 hangs sup stuck\n"
                "1 impostor\n"
                "1 crowd sup +201\n"
                "1 silent2 sup stuck\n"
                "1 foreign sup +3\n");
}

/* Half a second for each of the two levels where somebody is silent. */
static void those_of_a_level_are_waited_for_together(void **state)
{
    assert_int_equal(ask(*state, 60000), 1000);
}

static void all_ends_when_the_time_is_over(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(ask(bed, 700), 700);
    assert_int_equal(bed->tree.count, 9);
    assert_true(bed->tree.rows[8].stuck);
}

static void without_any_time_nobody_answers(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(ask(bed, 0), 0);
    expect(bed, "0 top sup stuck\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_shown_as_what_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(
            those_of_a_level_are_waited_for_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_ends_when_the_time_is_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(without_any_time_nobody_answers, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests_name("asking supervisors", tests, NULL, NULL);
}
