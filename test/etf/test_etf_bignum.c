/*
 * test_etf_bignum.c -- long integers: digits in every base, and the arithmetic
 * below them against its own inverse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bignum.h"

static uint64_t seed = 42;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* Random limbs, with runs of zeros and ones, where carries go wrong. */
static void fill(uint64_t *limbs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t kind = next_random() % 8;

        limbs[i] = kind == 0 ? 0 : kind == 1 ? UINT64_MAX : next_random();
    }
    limbs[count - 1] |= 1;
}

/* q * b + rest == a and rest < b */
static void assert_divides(size_t a_count, size_t b_count)
{
    uint64_t *a = calloc(4 * (a_count + b_count) + 4, sizeof *a);
    uint64_t *b = a + a_count, *q = b + b_count;
    uint64_t *rest = q + a_count - b_count + 1;
    uint64_t *back = rest + b_count;
    size_t q_count = a_count - b_count + 1;

    fill(a, a_count);
    fill(b, b_count);
    if (next_random() % 4 == 0)
        memcpy(a + a_count - b_count, b, b_count * sizeof *b);
    assert_true(etf__limbs_divide(q, rest, a, a_count, b, b_count));
    assert_true(etf__limbs_compare(rest, etf__limbs_trim(rest, b_count), b,
                                   b_count) < 0);
    assert_true(etf__limbs_multiply(back, q, q_count, b, b_count));
    assert_int_equal(etf__limbs_add(back, a_count + 1, rest, b_count), 0);
    assert_memory_equal(back, a, a_count * sizeof *a);
    assert_int_equal(back[a_count], 0);
    free(a);
}

static void divides_and_multiplies_back(void **state)
{
    (void)state;
    for (size_t b_count = 1; b_count < 12; b_count++)
        for (size_t a_count = b_count; a_count < 30; a_count++)
            assert_divides(a_count, b_count);
    for (int i = 0; i < 200; i++) {
        size_t b_count = 30 + next_random() % 400;

        assert_divides(b_count + next_random() % 900, b_count);
    }
}

/* (a + b)^2 - (a - b)^2 is no help to a wrong product: compare with the sum of
 * shifted products by one limb instead. */
static void multiplies_as_long_multiplication_does(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        size_t a_count = 1 + next_random() % 300;
        size_t b_count = 1 + next_random() % 300;
        uint64_t *a = calloc(3 * (a_count + b_count) + 1, sizeof *a);
        uint64_t *b = a + a_count, *product = b + b_count;
        uint64_t *sum = product + a_count + b_count;
        uint64_t row[301];

        fill(a, a_count);
        fill(b, b_count);
        assert_true(etf__limbs_multiply(product, a, a_count, b, b_count));
        for (size_t k = 0; k < b_count; k++) {
            memcpy(row, a, a_count * sizeof *a);
            row[a_count] = etf__limbs_scale(row, a_count, b[k], 0);
            assert_int_equal(etf__limbs_add(sum + k, a_count + b_count - k, row,
                                            a_count + 1),
                             0);
        }
        assert_memory_equal(product, sum, (a_count + b_count) * sizeof *a);
        free(a);
    }
}

static void assert_text(etf_term t, unsigned base, const char *want)
{
    struct etf_buffer b = { 0 };

    assert_int_equal(etf__big_to_text(&b, t, base), AGNER_OK);
    assert_int_equal(b.size, strlen(want));
    assert_memory_equal(b.data, want, b.size);
    etf_buffer_fini(&b);
}

static void writes_known_digits(void **state)
{
    static const uint8_t bytes[25] = { [24] = 1 }; /* 2^192 */
    struct etf_region *r = etf_region_new(0);

    (void)state;
    assert_text(etf_int(r, 0), 10, "0");
    assert_text(etf_int(r, -1), 2, "-1");
    assert_text(etf_int(r, INT64_MIN), 10, "-9223372036854775808");
    assert_text(etf_uint(r, UINT64_MAX), 16, "FFFFFFFFFFFFFFFF");
    assert_text(etf_uint(r, UINT64_MAX), 2,
                "1111111111111111111111111111111111111111111111111111111111"
                "111111");
    assert_text(etf_int(r, 35), 36, "Z");
    assert_text(etf_big(r, true, bytes, 25), 10,
                "-6277101735386680763835789423207666416102355444464034512896");
    assert_text(etf_big(r, false, bytes, 25), 16,
                "1000000000000000000000000000000000000000000000000");
    etf_region_free(r);
}

static void reads_back_what_it_wrote(void **state)
{
    static const unsigned bases[] = { 2, 3, 10, 16, 36 };
    struct etf_region *r = etf_region_new(0);
    uint8_t bytes[4000];

    (void)state;
    for (int i = 0; i < 400; i++) {
        size_t size = i % 10 == 0 ? 1 + next_random() % sizeof bytes
                                  : 1 + next_random() % 300;
        unsigned base = bases[next_random() % 5];
        struct etf_buffer b = { 0 };
        etf_term t, back;
        bool negative;

        for (size_t k = 0; k < size; k++)
            bytes[k] = (uint8_t)next_random();
        if (i % 7 == 0)
            memset(bytes, 0, size / 2);
        t = etf_big(r, next_random() % 2, bytes, size);
        assert_int_equal(etf__big_to_text(&b, t, base), AGNER_OK);
        negative = b.data[0] == '-';
        back = etf__big_from_text(r, negative, (char *)b.data + negative,
                                  b.size - negative, base);
        assert_true(etf_equal(t, back));
        etf_buffer_fini(&b);
        etf_region_reset(r);
    }
    etf_region_free(r);
}

static void refuses_what_are_no_digits(void **state)
{
    struct etf_region *r = etf_region_new(0);

    (void)state;
    assert_true(etf_is_none(etf__big_from_text(r, false, "", 0, 10)));
    assert_true(etf_is_none(etf__big_from_text(r, false, "12a", 3, 10)));
    assert_true(etf_is_none(etf__big_from_text(r, false, "-1", 2, 10)));
    assert_true(etf_is_none(etf__big_from_text(r, false, "2", 1, 2)));
    assert_true(
        etf_same(etf__big_from_text(r, true, "fF", 2, 16), etf__small(-255)));
    assert_true(
        etf_same(etf__big_from_text(r, false, "000000000000000000000", 21, 10),
                 etf__small(0)));
    etf_region_free(r);
}

/* The largest integer there is: 524,280 bytes, 1,262,593 digits. */
static void handles_the_largest_integer(void **state)
{
    struct etf_region *r = etf_region_new(0);
    uint8_t *bytes = malloc(ETF_BIG_BYTES_MAX + 1);
    struct etf_buffer b = { 0 };
    etf_term t;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 0xff, ETF_BIG_BYTES_MAX + 1);
    t = etf_big(r, false, bytes, ETF_BIG_BYTES_MAX);
    assert_int_equal(etf__big_to_text(&b, t, 10), AGNER_OK);
    assert_int_equal(b.size, 1262593);
    assert_true(
        etf_equal(etf__big_from_text(r, false, (char *)b.data, b.size, 10), t));
    /* One more than that, and one byte more. */
    for (size_t i = b.size; i-- > 0;) {
        if (b.data[i]++ != '9')
            break;
        b.data[i] = '0';
    }
    assert_true(
        etf_is_none(etf__big_from_text(r, false, (char *)b.data, b.size, 10)));
    assert_true(etf_is_none(etf_big(r, false, bytes, ETF_BIG_BYTES_MAX + 1)));
    etf_buffer_fini(&b);
    free(bytes);
    etf_region_free(r);
}

static void rounds_to_the_nearest_double(void **state)
{
    struct etf_region *r = etf_region_new(0);
    uint8_t bytes[129] = { 0 };
    double v;

    (void)state;
    assert_true(etf_get_number(etf_int(r, (1ll << 53) + 1), &v));
    assert_true(v == 9007199254740992.0); /* ties to even */
    assert_true(etf_get_number(etf_int(r, (1ll << 53) + 3), &v));
    assert_true(v == 9007199254740996.0);
    /* 2^100 + 2^47: a tie; with one more bit far below it is none. */
    bytes[12] = 16;
    bytes[5] = 128;
    assert_true(etf_get_number(etf_big(r, false, bytes, 13), &v));
    assert_true(v == 0x1p100);
    bytes[0] = 1;
    assert_true(etf_get_number(etf_big(r, true, bytes, 13), &v));
    assert_true(v == -0x1.0000000000001p100);
    memset(bytes, 0xff, sizeof bytes);
    assert_false(etf_get_number(etf_big(r, false, bytes, 129), &v));
    etf_region_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(divides_and_multiplies_back),
        cmocka_unit_test(multiplies_as_long_multiplication_does),
        cmocka_unit_test(writes_known_digits),
        cmocka_unit_test(reads_back_what_it_wrote),
        cmocka_unit_test(refuses_what_are_no_digits),
        cmocka_unit_test(handles_the_largest_integer),
        cmocka_unit_test(rounds_to_the_nearest_double),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
