/*
 * test_apps_tree.c -- a supervision tree as rows: tables of cases.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sup_tree.h"

struct bed {
    struct etf_region *r;
    struct tree tree;
};

static int set_up(void **state)
{
    static struct bed bed;

    bed.tree = (struct tree){ 0 };
    bed.r = etf_region_new(0);
    *state = &bed;
    return bed.r == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    struct bed *bed = *state;

    tree_fini(&bed->tree);
    etf_region_free(bed->r);
    return 0;
}

static etf_term term(struct bed *bed, const char *text)
{
    etf_term t;

    assert_int_equal(etf_parse(bed->r, text, strlen(text), &t, NULL, NULL),
                     AGNER_OK);
    return t;
}

static uint32_t add(struct bed *bed, uint32_t parent, const char *id)
{
    struct tree_row row = { .id = etf_atom(id), .type = TREE_SUPERVISOR };
    uint32_t index = TREE_NONE;

    assert_int_equal(tree_add(&bed->tree, parent, &row, &index), AGNER_OK);
    return index;
}

/* The rows as they are read, "id/depth id/depth ...". */
static void expect(struct bed *bed, const char *expected)
{
    char text[512] = "", one[64], id[32];

    for (uint32_t i = bed->tree.count > 0 ? 0 : TREE_NONE; i != TREE_NONE;
         i = tree_next(&bed->tree, i)) {
        const struct tree_row *row = &bed->tree.rows[i];

        (void)snprintf(one, sizeof one, "%s%s/%u", text[0] == '\0' ? "" : " ",
                       etf_format(id, sizeof id, row->id), row->depth);
        (void)strncat(text, one, sizeof text - strlen(text) - 1);
    }
    assert_string_equal(text, expected);
}

static void reads_rows_back_as_they_are_drawn(void **state)
{
    struct bed *bed = *state;
    uint32_t a, b, c;

    expect(bed, "");
    a = add(bed, TREE_NONE, "a");
    b = add(bed, TREE_NONE, "b");
    expect(bed, "a/0 b/0");
    (void)add(bed, b, "b1");
    c = add(bed, a, "a1");
    (void)add(bed, a, "a2");
    (void)add(bed, b, "b2");
    (void)add(bed, c, "a11");
    (void)add(bed, TREE_NONE, "c");
    expect(bed, "a/0 a1/1 a11/2 a2/1 b/0 b1/1 b2/1 c/0");
}

static void turns_the_children_of_an_answer_round(void **state)
{
    struct bed *bed = *state;
    uint32_t top = add(bed, TREE_NONE, "top");

    assert_int_equal(
        tree_add_children(&bed->tree, top,
                          term(bed, "[{c, restarting, worker, dynamic}, "
                                    "{b, <0.5.1>, supervisor, [m], 7}, "
                                    "{{a, 1}, undefined, worker, [m]}]")),
        AGNER_OK);
    expect(bed, "top/0 {a,1}/1 b/1 c/1");
    assert_int_equal(bed->tree.rows[1].type, TREE_WORKER);
    assert_int_equal(bed->tree.rows[2].type, TREE_SUPERVISOR);
    assert_true(etf_atom_is(bed->tree.rows[3].pid, "restarting"));
    assert_true(etf_is_none(bed->tree.rows[3].restarts));
    assert_true(etf_equal(bed->tree.rows[2].restarts, etf_uint(bed->r, 7)));
    assert_int_equal(tree_add_children(&bed->tree, 2, etf_nil()), AGNER_OK);
    expect(bed, "top/0 {a,1}/1 b/1 c/1");
}

static void refuses_what_no_supervisor_answers(void **state)
{
    static const char *const bad[] = {
        "ok",
        "{error, badarg}",
        "[a]",
        "[{a, b, c}]",
        "[{a, 1, worker, []}]",
        "[{a, <0.1.0>, \"worker\", []}]",
        "[{a, <0.1.0>, worker, []} | tail]",
        "[{a, <0.1.0>, worker, []}, {b, <0.1.0>, worker}]",
    };
    struct bed *bed = *state;
    uint32_t top = add(bed, TREE_NONE, "top");

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(tree_add_children(&bed->tree, top, term(bed, bad[i])),
                         AGNER_EMALFORMED);
    expect(bed, "top/0");
}

static void counts_the_children_that_have_no_room(void **state)
{
    struct bed *bed = *state;
    uint32_t top = add(bed, TREE_NONE, "top");
    etf_term list = etf_nil(), child = term(bed, "{x, <0.1.0>, worker, []}");
    struct tree_row row = { .id = etf_atom("y") };
    uint32_t index;

    for (int i = 0; i < TREE_ROWS_MAX + 5; i++)
        list = etf_cons(bed->r, child, list);
    assert_int_equal(tree_add_children(&bed->tree, top, list), AGNER_OK);
    assert_int_equal(bed->tree.count, TREE_ROWS_MAX);
    assert_int_equal(bed->tree.rows[top].folded, 6);
    assert_int_equal(tree_add(&bed->tree, top, &row, &index), AGNER_ELIMIT);
}

static void counts_children_by_what_count_children_answers(void **state)
{
    static const struct {
        const char *answer;
        uint64_t children;
    } good[] = {
        { "[{specs, 1}, {active, 5}, {supervisors, 0}, {workers, 5}]", 5 },
        { "[{specs, 3}, {active, 1}, {supervisors, 1}, {workers, 2}]", 3 },
        { "[{workers, 2}, {supervisors, 1}]", 3 },
    };
    static const char *const bad[] = {
        "ok",
        "[]",
        "{error, undef}",
        "[{workers, 2}]",
        "[{supervisors, 0}, {workers, many}]",
        "[{supervisors, -1}, {workers, 2}]",
        "[{supervisors, 18446744073709551615}, {workers, 1}]",
    };
    struct bed *bed = *state;
    uint64_t children;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tree_read_count(term(bed, good[i].answer), &children),
                         AGNER_OK);
        assert_int_equal(children, good[i].children);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(tree_read_count(term(bed, bad[i]), &children),
                         AGNER_EMALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_rows_back_as_they_are_drawn,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_the_children_of_an_answer_round,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_no_supervisor_answers,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_the_children_that_have_no_room,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            counts_children_by_what_count_children_answers, set_up, tear_down),
    };

    return cmocka_run_group_tests_name("supervision tree", tests, NULL, NULL);
}
