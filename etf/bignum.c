/*
 * bignum.c -- integers of any size as terms: in, out, compared, rounded.
 *
 * An integer that fits a small one is small, so equal integers have equal words
 * or equal limbs.
 */
#include "bignum.h"

#include <math.h>

#include "shape.h"

#define LIMB_BITS 64u

bool etf__is_big(etf_term t)
{
    return etf__is_boxed(t, ETF__HEAD_BIG_POS) ||
           etf__is_boxed(t, ETF__HEAD_BIG_NEG);
}

void etf__integer_view(etf_term t, struct etf__integer *view)
{
    const uint64_t *words;
    int64_t v;

    if (etf__tag(t) == ETF__INT) {
        v = etf__small_value(t);
        view->negative = v < 0;
        view->one = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
        view->limbs = &view->one;
        view->count = v != 0;
        return;
    }
    words = etf__words(t);
    view->negative = etf__head(words) == ETF__HEAD_BIG_NEG;
    view->limbs = words + 1;
    view->count = etf__head_size(words);
}

size_t etf__limbs_trim(const uint64_t *a, size_t count)
{
    while (count > 0 && a[count - 1] == 0)
        count--;
    return count;
}

static bool limb_is_small(bool negative, uint64_t limb)
{
    return limb < (uint64_t)ETF__INT_MAX ||
           (negative && limb == (uint64_t)ETF__INT_MAX);
}

static etf_term small_from_limb(bool negative, uint64_t limb)
{
    return etf__small(negative ? -(int64_t)limb : (int64_t)limb);
}

static uint64_t big_header(bool negative, size_t count)
{
    return etf__header(count, negative ? ETF__HEAD_BIG_NEG : ETF__HEAD_BIG_POS);
}

etf_term etf__integer_term(struct etf_region *r, bool negative,
                           const uint64_t *limbs, size_t count)
{
    uint64_t *words;

    count = etf__limbs_trim(limbs, count);
    if (count == 0)
        return etf__small(0);
    if (count == 1 && limb_is_small(negative, limbs[0]))
        return small_from_limb(negative, limbs[0]);
    if (count > ETF__BIG_LIMBS_MAX)
        return ETF_NONE;
    words = etf__region_words(r, 1 + count);
    if (words == NULL)
        return ETF_NONE;
    words[0] = big_header(negative, count);
    memcpy(words + 1, limbs, count * sizeof *limbs);
    return etf__box_at(words);
}

/* Up to 8 bytes, least significant first. */
static uint64_t limb_from_bytes(const uint8_t *bytes, size_t size)
{
    uint64_t limb = 0;

    while (size > 0)
        limb = limb << 8 | bytes[--size];
    return limb;
}

etf_term etf_big(struct etf_region *r, bool negative, const uint8_t *bytes,
                 size_t size)
{
    size_t count, i;
    uint64_t *words;

    while (size > 0 && bytes[size - 1] == 0)
        size--;
    if (size > ETF_BIG_BYTES_MAX)
        return ETF_NONE;
    if (size <= 8) {
        uint64_t limb = limb_from_bytes(bytes, size);

        return etf__integer_term(r, negative, &limb, 1);
    }
    count = etf__bytes_words(size);
    words = etf__region_words(r, 1 + count);
    if (words == NULL)
        return ETF_NONE;
    words[0] = big_header(negative, count);
    for (i = 0; i < count - 1; i++)
        words[1 + i] = limb_from_bytes(bytes + 8 * i, 8);
    words[count] = limb_from_bytes(bytes + 8 * i, size - 8 * i);
    return etf__box_at(words);
}

int etf__limbs_compare(const uint64_t *a, size_t a_count, const uint64_t *b,
                       size_t b_count)
{
    if (a_count != b_count)
        return a_count < b_count ? -1 : 1;
    for (size_t i = a_count; i-- > 0;)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

int etf__integer_compare(const struct etf__integer *a,
                         const struct etf__integer *b)
{
    int order;

    if (a->negative != b->negative)
        return a->negative ? -1 : 1;
    order = etf__limbs_compare(a->limbs, a->count, b->limbs, b->count);
    return a->negative ? -order : order;
}

/* Bits up to the highest one. */
static size_t bit_count(const struct etf__integer *a)
{
    uint64_t top;

    if (a->count == 0)
        return 0;
    top = a->limbs[a->count - 1];
    return LIMB_BITS * a->count - (size_t)__builtin_clzll(top);
}

/* 64 bits from bit `from` on. */
static uint64_t bits_at(const struct etf__integer *a, size_t from)
{
    size_t i = from / LIMB_BITS;
    unsigned shift = (unsigned)(from % LIMB_BITS);
    uint64_t low = i < a->count ? a->limbs[i] : 0;
    uint64_t high = i + 1 < a->count ? a->limbs[i + 1] : 0;

    return shift == 0 ? low : low >> shift | high << (LIMB_BITS - shift);
}

/* Is any bit below bit `below` set? */
static bool any_bits(const struct etf__integer *a, size_t below)
{
    size_t whole = below / LIMB_BITS;

    for (size_t i = 0; i < whole; i++)
        if (a->limbs[i] != 0)
            return true;
    return below % LIMB_BITS != 0 &&
           a->limbs[whole] << (LIMB_BITS - below % LIMB_BITS) != 0;
}

/* |a| against f, which is not negative. */
static int compare_magnitude(const struct etf__integer *a, double f)
{
    int exponent;
    double fraction = frexp(f, &exponent); /* 0.5 <= fraction < 1, or 0 */
    size_t f_bits = exponent > 0 ? (size_t)exponent : 0;
    size_t a_bits = bit_count(a);
    uint64_t a_top, f_top;

    if (a_bits != f_bits)
        return a_bits < f_bits ? -1 : 1;
    if (f_bits <= LIMB_BITS) {
        a_top = a->count == 0 ? 0 : a->limbs[0];
        f_top = (uint64_t)f; /* the part before the point */
        if (a_top != f_top)
            return a_top < f_top ? -1 : 1;
        return f > (double)f_top ? -1 : 0;
    }
    /* All of f is in its upper 64 bits. */
    a_top = bits_at(a, a_bits - LIMB_BITS);
    f_top = (uint64_t)ldexp(fraction, LIMB_BITS);
    if (a_top != f_top)
        return a_top < f_top ? -1 : 1;
    return any_bits(a, a_bits - LIMB_BITS);
}

int etf__integer_compare_float(const struct etf__integer *a, double f)
{
    if (a->negative)
        return f >= 0 ? -1 : -compare_magnitude(a, -f);
    return f < 0 ? 1 : compare_magnitude(a, f);
}

double etf__integer_to_double(const struct etf__integer *a)
{
    size_t bits = bit_count(a);
    uint64_t top;
    double v;

    if (bits <= LIMB_BITS) {
        v = a->count == 0 ? 0 : (double)a->limbs[0];
        return a->negative ? -v : v;
    }
    /* 64 bits, and one that says that more follow, round as all would. */
    top = bits_at(a, bits - LIMB_BITS);
    if (any_bits(a, bits - LIMB_BITS))
        top |= 1;
    v = ldexp((double)top, (int)(bits - LIMB_BITS));
    return a->negative ? -v : v;
}

uint64_t etf__limbs_add(uint64_t *a, size_t a_count, const uint64_t *b,
                        size_t b_count)
{
    uint64_t carry = 0;

    for (size_t i = 0; i < b_count; i++) {
        uint64_t sum = a[i] + carry;

        carry = sum < carry;
        a[i] = sum + b[i];
        carry += a[i] < sum;
    }
    for (size_t i = b_count; i < a_count && carry != 0; i++) {
        a[i] += carry;
        carry = a[i] == 0;
    }
    return carry;
}

uint64_t etf__limbs_subtract(uint64_t *a, size_t a_count, const uint64_t *b,
                             size_t b_count)
{
    uint64_t borrow = 0;

    for (size_t i = 0; i < b_count; i++) {
        uint64_t less = b[i] + borrow;

        borrow = (less < borrow) | (a[i] < less);
        a[i] -= less;
    }
    for (size_t i = b_count; i < a_count && borrow != 0; i++) {
        borrow = a[i] == 0;
        a[i]--;
    }
    return borrow;
}

uint64_t etf__limbs_scale(uint64_t *a, size_t count, uint64_t factor,
                          uint64_t carry)
{
    __extension__ typedef unsigned __int128 wide;

    for (size_t i = 0; i < count; i++) {
        wide sum = (wide)a[i] * factor + carry;

        a[i] = (uint64_t)sum;
        carry = (uint64_t)(sum >> LIMB_BITS);
    }
    return carry;
}

uint64_t etf__limbs_reduce(uint64_t *a, size_t count, uint64_t divisor)
{
    __extension__ typedef unsigned __int128 wide;
    uint64_t rest = 0;

    for (size_t i = count; i-- > 0;) {
        wide part = (wide)rest << LIMB_BITS | a[i];

        a[i] = (uint64_t)(part / divisor);
        rest = (uint64_t)(part % divisor);
    }
    return rest;
}
