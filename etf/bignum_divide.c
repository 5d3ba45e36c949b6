/*
 * bignum_divide.c -- quotients of long numbers.
 *
 * Long division for short divisors, and for long ones division by halves, which
 * turns a division into multiplications of half the length. Inside, a divisor
 * has its top bit set, and the upper part of a dividend is below the divisor,
 * so that every quotient fits the limbs it has.
 *
 * Sources: D. Knuth, "The Art of Computer Programming", 4.3.1, algorithm D;
 * C. Burnikel and J. Ziegler, "Fast Recursive Division".
 */
#include "bignum.h"

#include <stdlib.h>

#define RECURSIVE_MIN 64u /* limbs of a divisor; measured */

__extension__ typedef unsigned __int128 wide;

/* a -= b * factor over `count` limbs; returns the borrow. */
static uint64_t subtract_scaled(uint64_t *a, const uint64_t *b, size_t count,
                                uint64_t factor)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < count; i++) {
        wide product = (wide)b[i] * factor + carry;
        uint64_t low = (uint64_t)product;

        carry = (uint64_t)(product >> 64) + (a[i] < low);
        a[i] -= low;
    }
    return carry;
}

/* What the next limb of a quotient is, at most two too large: the upper three
 * limbs `high`, `middle`, `low` against the upper two of the divisor. */
static uint64_t guess(uint64_t high, uint64_t middle, uint64_t low,
                      uint64_t top, uint64_t second)
{
    wide part = (wide)high << 64 | middle;
    wide quotient, rest;

    if (high >= top)
        return UINT64_MAX;
    quotient = part / top;
    rest = part % top;
    while (quotient * second > (rest << 64 | low)) {
        quotient--;
        rest += top;
        if (rest >> 64 != 0)
            break;
    }
    return (uint64_t)quotient;
}

/* quotient[a_count - count], the remainder in a[count]. */
static void divide_long(uint64_t *quotient, uint64_t *a, size_t a_count,
                        const uint64_t *b, size_t count)
{
    uint64_t top = b[count - 1];
    uint64_t second = count > 1 ? b[count - 2] : 0;

    for (size_t i = a_count - count; i-- > 0;) {
        uint64_t *part = a + i; /* count + 1 limbs */
        uint64_t q = guess(part[count], part[count - 1],
                           count > 1 ? part[count - 2] : 0, top, second);
        uint64_t borrow = subtract_scaled(part, b, count, q);

        while (borrow > part[count]) {
            q--;
            borrow -= etf__limbs_add(part, count, b, count);
        }
        part[count] = 0;
        quotient[i] = q;
    }
}

static bool divide_halves(uint64_t *quotient, uint64_t *a, const uint64_t *b,
                          size_t count, uint64_t *scratch);

/*
 * quotient[half], the remainder in a[2 * half]: a has three halves, b two. A
 * quotient by the upper half of b is at most two too large.
 */
static bool divide_three(uint64_t *quotient, uint64_t *a, const uint64_t *b,
                         size_t half, uint64_t *scratch)
{
    uint64_t borrow;

    if (etf__limbs_compare(a + 2 * half, half, b + half, half) < 0) {
        if (!divide_halves(quotient, a + half, b + half, half, scratch))
            return false;
    } else { /* equal: the quotient would not fit, so it is the largest */
        memset(quotient, 0xff, half * sizeof *quotient);
        memset(a + 2 * half, 0, half * sizeof *a);
        (void)etf__limbs_add(a + half, 2 * half, b + half, half);
    }
    if (!etf__limbs_multiply(scratch, quotient, half, b, half))
        return false;
    borrow = etf__limbs_subtract(a, 3 * half, scratch, 2 * half);
    while (borrow != 0) {
        static const uint64_t one = 1;

        (void)etf__limbs_subtract(quotient, half, &one, 1);
        borrow -= etf__limbs_add(a, 3 * half, b, 2 * half);
    }
    return true;
}

/* Is a, of 2 * count limbs, below b? Then there is nothing to divide. */
static bool is_below(const uint64_t *a, const uint64_t *b, size_t count)
{
    return etf__limbs_trim(a + count, count) == 0 &&
           etf__limbs_compare(a, count, b, count) < 0;
}

/* quotient[count], the remainder in a[count]; a has 2 * count limbs, scratch
 * `count`. The depth is log2(count). */
static bool divide_halves(uint64_t *quotient, uint64_t *a, const uint64_t *b,
                          size_t count, uint64_t *scratch)
{
    size_t half = count / 2;

    if (is_below(a, b, count)) {
        memset(quotient, 0, count * sizeof *quotient);
        return true;
    }
    if (count % 2 != 0 || count < RECURSIVE_MIN) {
        divide_long(quotient, a, 2 * count, b, count);
        return true;
    }
    return divide_three(quotient + half, a + half, b, half, scratch) &&
           divide_three(quotient, a, b, half, scratch);
}

/* to[from_count + limbs + 1] = from << (64 * limbs + bits), bits < 64 */
static void shift_left(uint64_t *to, const uint64_t *from, size_t count,
                       size_t limbs, unsigned bits)
{
    uint64_t carry = 0;

    memset(to, 0, limbs * sizeof *to);
    for (size_t i = 0; i < count; i++) {
        to[limbs + i] = from[i] << bits | carry;
        carry = bits == 0 ? 0 : from[i] >> (64 - bits);
    }
    to[limbs + count] = carry;
}

/* to[count] = from >> (64 * limbs + bits), where `from` has a limb more */
static void shift_right(uint64_t *to, const uint64_t *from, size_t count,
                        size_t limbs, unsigned bits)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t high = bits == 0 ? 0 : from[limbs + i + 1] << (64 - bits);

        to[i] = from[limbs + i] >> bits | high;
    }
}

/* Limbs of a divisor that halves evenly down to long division. */
static size_t even_length(size_t count)
{
    size_t unit = 1;

    while (count / unit >= RECURSIVE_MIN)
        unit *= 2;
    return (count + unit - 1) / unit * unit;
}

/*
 * Both are shifted so that the divisor has its top bit set and an even length;
 * then the dividend is divided from the top, a divisor's length at a time.
 */
bool etf__limbs_divide(uint64_t *quotient, uint64_t *remainder,
                       const uint64_t *a, size_t a_count, const uint64_t *b,
                       size_t b_count)
{
    size_t length = even_length(b_count);
    size_t limbs = length - b_count;
    unsigned bits = (unsigned)__builtin_clzll(b[b_count - 1]);
    size_t blocks = (a_count + limbs + 1 + length - 1) / length;
    size_t total = (blocks + 1) * length; /* an upper block of zeros */
    size_t wanted = a_count - b_count + 1;
    uint64_t *memory =
        malloc((total + blocks * length + 2 * length + 2) * sizeof *memory);
    uint64_t *dividend = memory;
    uint64_t *quotients, *divisor, *scratch;
    bool ok = true;

    if (memory == NULL)
        return false;
    quotients = dividend + total;
    divisor = quotients + blocks * length;
    scratch = divisor + length + 1;
    memset(dividend, 0, total * sizeof *dividend);
    shift_left(dividend, a, a_count, limbs, bits);
    shift_left(divisor, b, b_count, limbs, bits);
    for (size_t i = blocks; ok && i-- > 0;)
        ok = divide_halves(quotients + i * length, dividend + i * length,
                           divisor, length, scratch);
    if (ok) {
        memcpy(quotient, quotients, wanted * sizeof *quotient);
        dividend[length] = 0;
        shift_right(remainder, dividend, b_count, limbs, bits);
    }
    free(memory);
    return ok;
}
