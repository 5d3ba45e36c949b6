/*
 * test_etf_region.c -- regions: limits, resets, and what they let go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etf_door.h"

static int destroyed;

static void count_destroy(void *value)
{
    (void)value;
    destroyed++;
}

static void gives_words_that_do_not_overlap(void **state)
{
    struct etf_region *r = etf_region_new(0);
    uint64_t *blocks[500];

    (void)state;
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = etf__region_words(r, i % 40 + 1);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 8, 0);
        for (size_t k = 0; k <= i % 40; k++)
            blocks[i][k] = i;
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t k = 0; k <= i % 40; k++)
            assert_int_equal(blocks[i][k], i);
    etf_region_free(r);
}

static void stays_within_its_limit(void **state)
{
    static const size_t limits[] = { 1, 64, 4096, 100000, 1000000 };

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct etf_region *r = etf_region_new(limits[i]);
        size_t words = 0;

        assert_non_null(r);
        while (etf__region_words(r, 3) != NULL)
            words += 3;
        assert_true(words * 8 <= limits[i]);
        assert_true(etf_region_used(r) <= limits[i]);
        assert_true(limits[i] < 4096 || words * 8 >= limits[i] / 2);
        etf_region_reset(r);
        assert_int_equal(etf_region_used(r), 0);
        assert_true(limits[i] < 64 || etf__region_words(r, 3) != NULL);
        etf_region_free(r);
    }
}

static void refuses_a_size_that_wraps(void **state)
{
    struct etf_region *r = etf_region_new(0);

    (void)state;
    assert_null(etf__region_words(r, SIZE_MAX));
    assert_null(etf__region_words(r, SIZE_MAX / 8));
    assert_null(etf__region_words(r, (SIZE_MAX >> 3) + 1));
    assert_non_null(etf__region_words(r, 1));
    etf_region_free(r);
}

/* A callback that needs a few KiB must not ask malloc each time. */
static void keeps_one_chunk_over_a_reset(void **state)
{
    struct etf_region *r = etf_region_new(0);
    uint64_t *before, *after;

    (void)state;
    (void)etf__region_words(r, 256); /* the first block */
    before = etf__region_words(r, 400);
    etf_region_reset(r);
    (void)etf__region_words(r, 256);
    after = etf__region_words(r, 400);
    assert_ptr_equal(before, after);
    assert_int_equal(etf_region_used(r), (256 + 400) * 8);
    etf_region_free(r);
}

static void costs_nothing_until_it_is_used(void **state)
{
    uint64_t first[4];
    struct etf_region r;

    (void)state;
    etf__region_init(&r, first, 4, 0);
    assert_true(etf__region_is_clean(&r));
    assert_ptr_equal(etf__region_words(&r, 4), first);
    assert_false(etf__region_is_clean(&r));
    assert_int_equal(r.bytes, 0);
    assert_non_null(etf__region_words(&r, 1));
    assert_true(r.bytes > 0);
    etf_region_reset(&r);
    assert_true(etf__region_is_clean(&r));
    assert_ptr_equal(etf__region_words(&r, 1), first);
    etf__region_fini(&r);
    assert_int_equal(r.bytes, 0);
}

static void lets_go_of_what_it_refers_to_at_a_reset(void **state)
{
    struct etf_region *r = etf_region_new(0);
    struct etf_box *box;
    etf_term t;

    (void)state;
    destroyed = 0;
    t = etf_resource(r, &destroyed, count_destroy);
    box = etf_box_new(t);
    assert_non_null(box);
    etf_region_reset(r);
    assert_int_equal(destroyed, 0); /* the box has it still */
    assert_int_equal(etf__region_keep_box(r, box), AGNER_OK);
    assert_false(etf__region_is_clean(r));
    etf_region_reset(r);
    assert_int_equal(destroyed, 1);
    etf_region_free(r);
}

static etf_term make_all(struct etf_region *r)
{
    char bytes[300] = { 0 };
    etf_term parts[] = {
        etf_float(r, 1.5),      etf_binary(r, bytes, sizeof bytes),
        etf_text(r, "text"),    etf_string(r, "string"),
        etf_int(r, INT64_MAX),  etf_resource(r, NULL, count_destroy),
        etf_bits(r, "ab", 2, 3)
    };
    etf_term tuple = etf_tuple(r, parts, sizeof parts / sizeof parts[0]);
    etf_term pairs[] = { etf_int(r, 1), tuple };

    return etf_map(r, pairs, 1);
}

/* Whatever allocation fails, the term is missing as a whole and nothing leaks.
 */
static void fails_as_a_whole_at_each_allocation(void **state)
{
    size_t limit = 8;
    bool done = false;

    (void)state;
    while (!done) {
        struct etf_region *r = etf_region_new(limit);

        done = !etf_is_none(make_all(r));
        etf_region_free(r);
        limit += 8;
    }
    assert_in_range(limit, 300, 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_words_that_do_not_overlap),
        cmocka_unit_test(stays_within_its_limit),
        cmocka_unit_test(refuses_a_size_that_wraps),
        cmocka_unit_test(keeps_one_chunk_over_a_reset),
        cmocka_unit_test(costs_nothing_until_it_is_used),
        cmocka_unit_test(lets_go_of_what_it_refers_to_at_a_reset),
        cmocka_unit_test(fails_as_a_whole_at_each_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
