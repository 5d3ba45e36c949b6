/*
 * test_etf_order.c -- the order of terms, where the vectors cannot reach: local
 * identifiers, boxed atoms, resources, and the edges between integers and
 * floats. The vectors are in test_etf_vectors.c.
 */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "etf_door.h"

static struct etf_region *r;

static int sign(int order)
{
    return (order > 0) - (order < 0);
}

/* Each below the next, in both orders, both ways round. */
static void assert_rising(const etf_term *terms, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            int want = (i > k) - (i < k);

            if (sign(etf_compare(terms[i], terms[k])) != want ||
                sign(etf_compare_exact(terms[i], terms[k])) != want ||
                etf_equal(terms[i], terms[k]) != (want == 0))
                fail_msg("%zu against %zu", i, k);
        }
}

static etf_term pid(etf_term node, uint32_t id, uint32_t serial,
                    uint32_t creation)
{
    return etf_from_pid(r, (etf_pid){ .node = node,
                                      .id = id,
                                      .serial = serial,
                                      .creation = creation });
}

static etf_term ref(etf_term node, uint32_t creation, uint32_t count,
                    uint32_t first, uint32_t last)
{
    etf_ref v = { .node = node, .creation = creation, .count = count };

    v.words[0] = first;
    v.words[count - 1] = last;
    return etf_from_ref(r, v);
}

static void orders_kinds(void **state)
{
    etf_term one = etf_int(r, 1);
    etf_term pair[] = { one, one };
    etf_term terms[] = {
        etf_int(r, INT64_MAX),
        ETF_A(ok),
        ref(ETF_NONE, 0, 3, 1, 1),
        etf_export(r, ETF_A(ok), ETF_A(ok), 1),
        etf_port(r, ETF_NONE, 1, 0),
        pid(ETF_NONE, 1, 1, 0),
        etf_tuple(r, NULL, 0),
        etf_map(r, pair, 1),
        etf_nil(),
        etf_cons(r, one, one),
        etf_text(r, ""),
        etf_resource(r, NULL, NULL),
        etf_resource(r, NULL, NULL),
    };

    (void)state;
    assert_rising(terms, sizeof terms / sizeof terms[0]);
}

static void orders_pids_by_number_and_refs_by_node(void **state)
{
    etf_term a = etf_atom("a@x"), b = etf_atom("b@x");
    etf_term boxed = etf_atom_limited(r, "a@y (boxed)", 11, NULL);
    etf_term pids[] = {
        pid(ETF_NONE, 1, 1, 0), pid(a, 1, 1, 1), pid(a, 1, 1, 2),
        pid(boxed, 1, 1, 1),    pid(b, 1, 1, 1), pid(ETF_NONE, 2, 1, 0),
        pid(a, 2, 1, 1),        pid(a, 1, 2, 1), pid(ETF_NONE, 2, 3, 0),
    };
    etf_term refs[] = {
        ref(ETF_NONE, 0, 3, 9, 9), ref(a, 1, 1, 5, 5),     ref(a, 1, 2, 5, 1),
        ref(a, 1, 2, 5, 5),        ref(a, 1, 3, 1, 1),     ref(a, 1, 5, 1, 1),
        ref(a, 2, 1, 1, 1),        ref(boxed, 1, 1, 1, 1), ref(b, 1, 1, 1, 1),
    };

    (void)state;
    assert_rising(pids, sizeof pids / sizeof pids[0]);
    assert_rising(refs, sizeof refs / sizeof refs[0]);
    /* Words that are not there are zeros. */
    assert_true(etf_equal(ref(a, 1, 1, 7, 7), ref(a, 1, 3, 7, 0)));
}

static etf_term big(bool negative, unsigned bit, int64_t more)
{
    uint8_t bytes[200] = { 0 };

    bytes[bit / 8] = (uint8_t)(1u << bit % 8);
    if (more < 0) { /* 2^bit - 1 */
        memset(bytes, 0xff, bit / 8);
        bytes[bit / 8] = (uint8_t)((1u << bit % 8) - 1);
    } else {
        bytes[0] |= (uint8_t)more;
    }
    return etf_big(r, negative, bytes, sizeof bytes);
}

/* No rounding: 2^53 + 1 has no double, and yet stands between two. */
static void compares_integers_with_floats_exactly(void **state)
{
    static const unsigned bits[] = { 53, 54,  59,  60,  61,   63,  64,
                                     65, 127, 128, 200, 1000, 1023 };

    (void)state;
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        double v = ldexp(1, (int)bits[i]);
        etf_term rising[] = {
            etf_float(r, nextafter(v, 0)),
            big(false, bits[i], -1),
            etf_float(r, v),
            big(false, bits[i], 1),
            etf_float(r, nextafter(v, DBL_MAX)),
        };
        etf_term falling[] = {
            etf_float(r, -nextafter(v, DBL_MAX)),
            big(true, bits[i], 1),
            etf_float(r, -v),
            big(true, bits[i], -1),
            etf_float(r, -nextafter(v, 0)),
        };

        for (int k = bits[i] == 53; k < 4; k++) { /* 2^53 - 1 is a double */
            assert_true(etf_compare(rising[k], rising[k + 1]) < 0);
            assert_true(etf_compare(rising[k + 1], rising[k]) > 0);
        }
        for (int k = 0; k < 4 - (bits[i] == 53); k++) {
            assert_true(etf_compare(falling[k], falling[k + 1]) < 0);
            assert_true(etf_compare(falling[k + 1], falling[k]) > 0);
        }
        assert_int_equal(etf_compare(big(false, bits[i], 0), rising[2]), 0);
        assert_int_equal(etf_compare(falling[2], big(true, bits[i], 0)), 0);
        assert_true(etf_compare_exact(big(false, bits[i], 0), rising[0]) < 0);
        assert_false(etf_equal(big(false, bits[i], 0), rising[2]));
    }
    assert_true(etf_compare(big(false, 1024, 0), etf_float(r, DBL_MAX)) > 0);
    assert_true(etf_compare(etf_float(r, -DBL_MAX), big(true, 1024, 0)) > 0);
}

static void compares_small_numbers(void **state)
{
    etf_term rising[] = {
        etf_float(r, -1e300), etf_int(r, INT64_MIN), etf_int(r, -5),
        etf_float(r, -4.5),   etf_int(r, -4),        etf_float(r, -DBL_MIN),
        etf_int(r, 0),        etf_float(r, 0.5),     etf_int(r, 1),
        etf_float(r, 1.5),    etf_int(r, 2),         etf_uint(r, UINT64_MAX),
    };

    (void)state;
    for (size_t i = 0; i + 1 < sizeof rising / sizeof rising[0]; i++)
        assert_true(etf_compare(rising[i], rising[i + 1]) < 0);
    assert_int_equal(etf_compare(etf_int(r, 0), etf_float(r, -0.0)), 0);
    assert_int_equal(etf_compare(etf_int(r, 3), etf_float(r, 3)), 0);
    assert_true(etf_compare_exact(etf_int(r, 3), etf_float(r, 3)) < 0);
    assert_true(etf_compare_exact(etf_int(r, 3), etf_float(r, 2)) < 0);
    assert_true(etf_equal(etf_float(r, 0.0), etf_float(r, -0.0)));
    assert_false(etf_equal(etf_int(r, 0), etf_float(r, 0.0)));
}

/* Keys in exact order, then values in the order that was asked for. */
static void compares_maps_by_keys_then_values(void **state)
{
    etf_term one[] = { etf_int(r, 1), etf_int(r, 1) };
    etf_term one_float[] = { etf_int(r, 1), etf_float(r, 1) };
    etf_term float_one[] = { etf_float(r, 1), etf_int(r, 1) };
    etf_term a = etf_map(r, one, 1), b = etf_map(r, one_float, 1);
    etf_term c = etf_map(r, float_one, 1);

    (void)state;
    assert_int_equal(etf_compare(a, b), 0);
    assert_true(etf_compare_exact(a, b) < 0);
    assert_true(etf_compare(a, c) < 0);
    assert_true(etf_compare(b, c) < 0);
}

static void orders_bits(void **state)
{
    etf_term terms[] = {
        etf_bits(r, "\x00", 1, 1),    etf_bits(r, "\x00", 1, 7),
        etf_binary(r, "\x00", 1),     etf_bits(r, "\x00\x80", 2, 1),
        etf_bits(r, "\x80", 1, 1),    etf_bits(r, "\x80", 1, 2),
        etf_binary(r, "\x80", 1),     etf_bits(r, "\xc0", 1, 2),
        etf_binary(r, "\xff\xff", 2),
    };

    (void)state;
    assert_rising(terms, sizeof terms / sizeof terms[0]);
}

static int set_up(void **state)
{
    (void)state;
    r = etf_region_new(0);
    return r == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    etf_region_free(r);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_kinds),
        cmocka_unit_test(orders_pids_by_number_and_refs_by_node),
        cmocka_unit_test(compares_integers_with_floats_exactly),
        cmocka_unit_test(compares_small_numbers),
        cmocka_unit_test(compares_maps_by_keys_then_values),
        cmocka_unit_test(orders_bits),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
