/*
 * test_sim_shrink.c -- what fails is made smaller, down to what it takes.
 *
 * Small artificial failures, whose smallest form is known.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <agner/sim_shrink.h>
#include <cmocka.h>

#define ITEMS 40u

struct asked {
    unsigned questions;
    size_t count;
};

static struct sim_budget plenty(void)
{
    return (struct sim_budget){ .runs = 10000 };
}

/* ---- Items ------------------------------------------------------------------
 */

static bool needs_two(void *ctx, const bool *keep)
{
    ((struct asked *)ctx)->questions++;
    return keep[3] && keep[17];
}

static void only_what_it_takes_is_kept(void **state)
{
    struct sim_budget budget = plenty();
    struct asked asked = { 0, 0 };
    bool keep[ITEMS];

    (void)state;
    memset(keep, true, sizeof keep);
    assert_true(
        sim_shrink_items(&budget, ITEMS, NULL, keep, needs_two, &asked));
    for (size_t i = 0; i < ITEMS; i++)
        assert_int_equal(keep[i], i == 3 || i == 17);
    assert_in_range(asked.questions, 5, 100);
    assert_int_equal(budget.runs, 10000 - asked.questions);
    assert_false(
        sim_shrink_items(&budget, ITEMS, NULL, keep, needs_two, &asked));
}

/* Six actors with five operations each: an operation is never without its
 * actor. */
static bool needs_an_operation(void *ctx, const bool *keep)
{
    bool actor = false;

    (void)ctx;
    for (size_t i = 0; i < 36; i++) {
        if (i % 6 == 0)
            actor = keep[i];
        else
            assert_true(actor || !keep[i]);
    }
    return keep[20];
}

static void what_belongs_to_an_item_goes_with_it(void **state)
{
    struct sim_budget budget = plenty();
    unsigned level[36];
    bool keep[36];

    (void)state;
    for (size_t i = 0; i < 36; i++) {
        level[i] = i % 6 == 0 ? 0 : 1;
        keep[i] = true;
    }
    assert_true(
        sim_shrink_items(&budget, 36, level, keep, needs_an_operation, NULL));
    for (size_t i = 0; i < 36; i++)
        assert_int_equal(keep[i], i == 18 || i == 20);
}

static void the_budget_is_kept(void **state)
{
    struct sim_budget budget = { .runs = 3 };
    struct asked asked = { 0, 0 };
    bool keep[ITEMS];

    (void)state;
    memset(keep, true, sizeof keep);
    (void)sim_shrink_items(&budget, ITEMS, NULL, keep, needs_two, &asked);
    assert_int_equal(asked.questions, 3);
    assert_int_equal(budget.runs, 0);
    assert_true(keep[3] && keep[17]);
    assert_false(sim_budget_take(&budget));
}

static void time_ends_it_too(void **state)
{
    struct sim_budget budget = { .runs = 10, .ms = 1, .end_ns = 1 };
    bool keep[] = { true };

    (void)state;
    assert_false(sim_shrink_items(&budget, 1, NULL, keep, needs_two, NULL));
    assert_int_equal(budget.runs, 10);
}

/* ---- Numbers --------------------------------------------------------------
 */

static bool needs_big_ones(void *ctx, const uint64_t *values)
{
    (void)ctx;
    return values[1] >= 1000 && values[4] >= 7 && values[2] < 50;
}

static void numbers_are_as_low_as_they_can_be(void **state)
{
    struct sim_budget budget = plenty();
    uint64_t values[] = { 99, UINT64_MAX, 44, 3, 7, 12 };
    static const uint64_t lowest[] = { 0, 1000, 0, 0, 7, 0 };

    (void)state;
    assert_true(sim_shrink_numbers(&budget, 6, values, needs_big_ones, NULL));
    assert_memory_equal(values, lowest, sizeof lowest);
    assert_false(sim_shrink_numbers(&budget, 6, values, needs_big_ones, NULL));
}

/* ---- Tapes ----------------------------------------------------------------
 */

/* A 5, and somewhere behind it something from 100 on. */
static bool needs_a_five(void *ctx, const uint64_t *values, size_t count)
{
    bool five = false;

    ((struct asked *)ctx)->count = count;
    for (size_t i = 0; i < count; i++) {
        if (five && values[i] >= 100)
            return true;
        five |= values[i] == 5;
    }
    return false;
}

static void a_tape_is_cut_zeroed_and_lowered(void **state)
{
    struct sim_budget budget = plenty();
    struct asked asked = { 0, 0 };
    uint64_t values[300];
    size_t count = 300;

    (void)state;
    for (size_t i = 0; i < count; i++)
        values[i] = 50 + i % 40;
    values[120] = 5;
    values[250] = 777;
    assert_true(sim_shrink_tape(&budget, &count, values, needs_a_five, &asked));
    assert_int_equal(count, 2);
    assert_int_equal(values[0], 5);
    assert_int_equal(values[1], 100);
    assert_false(
        sim_shrink_tape(&budget, &count, values, needs_a_five, &asked));
}

static bool needs_its_place(void *ctx, const uint64_t *values, size_t count)
{
    (void)ctx;
    return count > 200 && values[200] >= 3;
}

/* What cannot be cut is zero, and what is behind is gone. */
static void what_must_stay_is_zero(void **state)
{
    struct sim_budget budget = plenty();
    uint64_t values[300];
    size_t count = 300;

    (void)state;
    for (size_t i = 0; i < count; i++)
        values[i] = 9;
    assert_true(
        sim_shrink_tape(&budget, &count, values, needs_its_place, NULL));
    assert_int_equal(count, 201);
    for (size_t i = 0; i < 200; i++)
        assert_int_equal(values[i], 0);
    assert_int_equal(values[200], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_it_takes_is_kept),
        cmocka_unit_test(what_belongs_to_an_item_goes_with_it),
        cmocka_unit_test(the_budget_is_kept),
        cmocka_unit_test(time_ends_it_too),
        cmocka_unit_test(numbers_are_as_low_as_they_can_be),
        cmocka_unit_test(a_tape_is_cut_zeroed_and_lowered),
        cmocka_unit_test(what_must_stay_is_zero),
    };

    return cmocka_run_group_tests_name("shrinking", tests, NULL, NULL);
}
