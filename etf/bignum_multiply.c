/*
 * bignum_multiply.c -- products of long numbers.
 *
 * Long multiplication for short factors, Karatsuba's three products of halves
 * for long ones. Factors of unequal length are cut into pieces of the shorter
 * one's length.
 */
#include "bignum.h"

#include <stdlib.h>

#define KARATSUBA_MIN 40u /* limbs; measured */

__extension__ typedef unsigned __int128 wide;

/* to += a * factor over `count` limbs; returns the carry. */
static uint64_t add_scaled(uint64_t *to, const uint64_t *a, size_t count,
                           uint64_t factor)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < count; i++) {
        wide sum = (wide)a[i] * factor + to[i] + carry;

        to[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> 64);
    }
    return carry;
}

static void multiply_long(uint64_t *out, const uint64_t *a, size_t a_count,
                          const uint64_t *b, size_t b_count)
{
    memset(out, 0, a_count * sizeof *out);
    for (size_t i = 0; i < b_count; i++)
        out[i + a_count] = add_scaled(out + i, a, a_count, b[i]);
}

/* Limbs of scratch for Karatsuba of `count`: two sums and their product per
 * level, the levels being halves. */
static size_t scratch_size(size_t count)
{
    return 8 * count + 512;
}

/*
 * out[2 * count] = a * b, both of `count` limbs. With H the value of half a
 * number's limbs: (a1 H + a0)(b1 H + b0) = z2 HH + z1 H + z0, where z2 = a1 b1,
 * z0 = a0 b0 and z1 = (a1 + a0)(b1 + b0) - z2 - z0. The depth is log2(count).
 */
static void multiply_equal(uint64_t *out, const uint64_t *a, const uint64_t *b,
                           size_t count, uint64_t *scratch)
{
    size_t low = (count + 1) / 2; /* limbs of the lower half */
    size_t high = count - low;
    uint64_t *a_sum = scratch, *b_sum = scratch + low + 1;
    uint64_t *z1 = b_sum + low + 1;
    uint64_t *rest = z1 + 2 * (low + 1);

    if (count < KARATSUBA_MIN) {
        multiply_long(out, a, count, b, count);
        return;
    }
    multiply_equal(out, a, b, low, rest);
    multiply_equal(out + 2 * low, a + low, b + low, high, rest);
    memcpy(a_sum, a, low * sizeof *a);
    a_sum[low] = etf__limbs_add(a_sum, low, a + low, high);
    memcpy(b_sum, b, low * sizeof *b);
    b_sum[low] = etf__limbs_add(b_sum, low, b + low, high);
    multiply_equal(z1, a_sum, b_sum, low + 1, rest);
    /* None of these has a carry: z1 is not negative, the product fits. */
    (void)etf__limbs_subtract(z1, 2 * (low + 1), out, 2 * low);
    (void)etf__limbs_subtract(z1, 2 * (low + 1), out + 2 * low, 2 * high);
    (void)etf__limbs_add(out + low, 2 * count - low, z1,
                         etf__limbs_trim(z1, 2 * (low + 1)));
}

/*
 * a is cut into pieces as long as b; what is left of it is a product of its
 * own. `piece` is a scratch of 2 * b_count limbs.
 */
static bool multiply_pieces(uint64_t *out, const uint64_t *a, size_t a_count,
                            const uint64_t *b, size_t b_count, uint64_t *piece,
                            uint64_t *scratch)
{
    size_t total = a_count + b_count;
    size_t at = 0;

    memset(out, 0, total * sizeof *out);
    for (; a_count - at >= b_count; at += b_count) {
        multiply_equal(piece, a + at, b, b_count, scratch);
        (void)etf__limbs_add(out + at, total - at, piece, 2 * b_count);
    }
    if (at == a_count)
        return true;
    if (!etf__limbs_multiply(piece, b, b_count, a + at, a_count - at))
        return false;
    (void)etf__limbs_add(out + at, total - at, piece, total - at);
    return true;
}

bool etf__limbs_multiply(uint64_t *out, const uint64_t *a, size_t a_count,
                         const uint64_t *b, size_t b_count)
{
    uint64_t *scratch;
    bool ok = true;

    if (a_count < b_count)
        return etf__limbs_multiply(out, b, b_count, a, a_count);
    if (b_count < KARATSUBA_MIN) {
        multiply_long(out, a, a_count, b, b_count);
        return true;
    }
    scratch = malloc((2 * b_count + scratch_size(b_count)) * sizeof *scratch);
    if (scratch == NULL)
        return false;
    if (a_count == b_count)
        multiply_equal(out, a, b, b_count, scratch);
    else
        ok = multiply_pieces(out, a, a_count, b, b_count, scratch,
                             scratch + 2 * b_count);
    free(scratch);
    return ok;
}
