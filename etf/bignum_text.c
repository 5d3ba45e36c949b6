/*
 * bignum_text.c -- integers as digits of a base, and back.
 *
 * Long numbers are halved: a number of 2n digits is one of n times a power,
 * plus another. The powers base^(d), base^(2d), base^(4d) ... are made once per
 * conversion; a piece of d digits is converted digit by digit, or rather limb
 * by limb. So the cost is that of a few long products, not the square of the
 * length. The recursion is as deep as there are powers.
 */
#include "bignum.h"

#include <math.h>
#include <stdlib.h>

#define PIECE_LIMBS 32u /* a piece is this many limbs' worth of digits */
#define POWERS_MAX  16u /* 32 limbs, doubled, passes ETF__BIG_LIMBS_MAX */

struct power {
    uint64_t *limbs;
    size_t count;  /* trimmed */
    size_t digits; /* zeros that it has in its base */
};

struct powers {
    unsigned base;
    size_t limb_digits; /* the most that surely fit a limb */
    uint64_t limb_base; /* base to that */
    size_t count;
    struct power power[POWERS_MAX];
};

static void powers_init(struct powers *p, unsigned base)
{
    p->base = base;
    p->count = 0;
    p->limb_digits = 1;
    p->limb_base = base;
    while (p->limb_base <= UINT64_MAX / base) {
        p->limb_base *= base;
        p->limb_digits++;
    }
}

static void powers_fini(struct powers *p)
{
    while (p->count > 0)
        free(p->power[--p->count].limbs);
}

static bool first_power(struct powers *p)
{
    struct power *first = &p->power[0];

    first->limbs = calloc(PIECE_LIMBS + 1, sizeof *first->limbs);
    if (first->limbs == NULL)
        return false;
    first->limbs[0] = 1;
    for (size_t i = 0; i < PIECE_LIMBS; i++)
        (void)etf__limbs_scale(first->limbs, PIECE_LIMBS + 1, p->limb_base, 0);
    first->count = etf__limbs_trim(first->limbs, PIECE_LIMBS + 1);
    first->digits = PIECE_LIMBS * p->limb_digits;
    p->count = 1;
    return true;
}

static bool next_power(struct powers *p)
{
    const struct power *last = &p->power[p->count - 1];
    struct power *next = &p->power[p->count];

    next->limbs = malloc(2 * last->count * sizeof *next->limbs);
    if (next->limbs == NULL)
        return false;
    p->count++;
    if (!etf__limbs_multiply(next->limbs, last->limbs, last->count, last->limbs,
                             last->count))
        return false;
    next->count = etf__limbs_trim(next->limbs, 2 * last->count);
    next->digits = 2 * last->digits;
    return true;
}

/* ---- Limbs to digits ---- */

static char digit_char(unsigned digit)
{
    return "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[digit];
}

/* Exactly `digits` digits before `end`. Destroys the limbs. */
static void piece_to_digits(const struct powers *p, uint64_t *limbs,
                            size_t count, char *end, size_t digits)
{
    while (digits > 0) {
        uint64_t part = 0;

        count = etf__limbs_trim(limbs, count);
        if (count > 0)
            part = etf__limbs_reduce(limbs, count, p->limb_base);
        for (size_t i = 0; i < p->limb_digits && digits > 0; i++, digits--) {
            *--end = digit_char((unsigned)(part % p->base));
            part /= p->base;
        }
    }
}

/* The number is below the power `level`: as many digits as that has zeros. */
static bool to_digits(const struct powers *p, size_t level, uint64_t *limbs,
                      size_t count, char *out)
{
    const struct power *half;
    uint64_t *quotient, *remainder;
    bool ok;

    count = etf__limbs_trim(limbs, count);
    if (level == 0) {
        piece_to_digits(p, limbs, count, out + p->power[0].digits,
                        p->power[0].digits);
        return true;
    }
    half = &p->power[level - 1];
    if (etf__limbs_compare(limbs, count, half->limbs, half->count) < 0) {
        memset(out, '0', half->digits);
        return to_digits(p, level - 1, limbs, count, out + half->digits);
    }
    quotient = malloc((count + 1) * sizeof *quotient);
    if (quotient == NULL)
        return false;
    remainder = quotient + (count - half->count + 1);
    ok = etf__limbs_divide(quotient, remainder, limbs, count, half->limbs,
                           half->count) &&
         to_digits(p, level - 1, quotient, count - half->count + 1, out) &&
         to_digits(p, level - 1, remainder, half->count, out + half->digits);
    free(quotient);
    return ok;
}

/* Powers until one is above the number: its level. */
static bool powers_above(struct powers *p, const uint64_t *limbs, size_t count)
{
    if (!first_power(p))
        return false;
    while (etf__limbs_compare(p->power[p->count - 1].limbs,
                              p->power[p->count - 1].count, limbs, count) <= 0)
        if (!next_power(p))
            return false;
    return true;
}

static enum agner_err append(struct etf_buffer *b, bool negative,
                             const char *digits, size_t count)
{
    enum agner_err err;

    while (count > 1 && *digits == '0') {
        digits++;
        count--;
    }
    err = etf_buffer_reserve(b, count + negative);
    if (err != AGNER_OK)
        return err;
    if (negative)
        b->data[b->size++] = '-';
    memcpy(b->data + b->size, digits, count);
    b->size += count;
    return AGNER_OK;
}

static enum agner_err long_to_text(struct etf_buffer *b,
                                   const struct etf__integer *v,
                                   struct powers *p)
{
    enum agner_err err = AGNER_ENOMEM;
    uint64_t *limbs;
    size_t digits;
    char *text;

    if (!powers_above(p, v->limbs, v->count))
        return AGNER_ENOMEM;
    digits = p->power[p->count - 1].digits;
    text = malloc(digits);
    if (text == NULL)
        return AGNER_ENOMEM;
    limbs = malloc(v->count * sizeof *limbs);
    if (limbs != NULL) {
        memcpy(limbs, v->limbs, v->count * sizeof *limbs);
        if (to_digits(p, p->count - 1, limbs, v->count, text))
            err = append(b, v->negative, text, digits);
        free(limbs);
    }
    free(text);
    return err;
}

enum agner_err etf__big_to_text(struct etf_buffer *b, etf_term t, unsigned base)
{
    struct etf__integer v;
    struct powers powers;
    enum agner_err err;
    char text[64]; /* binary digits of a limb */
    uint64_t limb;

    powers_init(&powers, base);
    etf__integer_view(t, &v);
    if (v.count <= 1) {
        limb = v.count == 0 ? 0 : v.limbs[0];
        piece_to_digits(&powers, &limb, 1, text + sizeof text, sizeof text);
        return append(b, v.negative, text, sizeof text);
    }
    err = long_to_text(b, &v, &powers);
    powers_fini(&powers);
    return err;
}

/* ---- Digits to limbs ---- */

/* The digit's value, or `base` or more for what is none. */
static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 10;
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A') + 10;
    return UINT32_MAX;
}

/* Limbs that `digits` digits take at most. */
static size_t limbs_for(const struct powers *p, size_t digits)
{
    return digits / p->limb_digits + 1;
}

/* out[limbs_for(count)] */
static void piece_from_digits(const struct powers *p, const char *digits,
                              size_t count, uint64_t *out)
{
    size_t limbs = limbs_for(p, count);
    size_t used = 0;

    memset(out, 0, limbs * sizeof *out);
    while (count > 0) {
        uint64_t part = 0, scale = 1, carry;

        for (size_t i = 0; i < p->limb_digits && count > 0; i++, count--) {
            part = part * p->base + digit_value(*digits++);
            scale *= p->base;
        }
        carry = etf__limbs_scale(out, used, scale, part);
        if (carry != 0)
            out[used++] = carry;
    }
}

/* out[limbs_for(count)]: the digits above a power, times it, plus those below.
 */
static bool from_digits(const struct powers *p, size_t level,
                        const char *digits, size_t count, uint64_t *out)
{
    const struct power *half;
    size_t high_limbs, low_limbs, limbs = limbs_for(p, count);
    uint64_t *high, *product;
    bool ok;

    while (level > 0 && p->power[level - 1].digits >= count)
        level--;
    if (level == 0) {
        piece_from_digits(p, digits, count, out);
        return true;
    }
    half = &p->power[level - 1];
    high_limbs = limbs_for(p, count - half->digits);
    low_limbs = limbs_for(p, half->digits);
    high = malloc((high_limbs + high_limbs + half->count) * sizeof *high);
    if (high == NULL)
        return false;
    product = high + high_limbs;
    ok = from_digits(p, level - 1, digits, count - half->digits, high) &&
         from_digits(p, level - 1, digits + (count - half->digits),
                     half->digits, out) &&
         etf__limbs_multiply(product, high, high_limbs, half->limbs,
                             half->count);
    if (ok) {
        size_t product_limbs =
            etf__limbs_trim(product, high_limbs + half->count);

        memset(out + low_limbs, 0, (limbs - low_limbs) * sizeof *out);
        (void)etf__limbs_add(out, limbs, product, product_limbs);
    }
    free(high);
    return ok;
}

/* Is this surely over ETF_BIG_BYTES_MAX? No leading zeros. */
static bool is_over_limit(size_t count, unsigned base)
{
    return (double)(count - 1) * log2((double)base) > 8.0 * ETF_BIG_BYTES_MAX;
}

static etf_term long_from_text(struct etf_region *r, bool negative,
                               const char *digits, size_t count,
                               struct powers *p)
{
    etf_term t = ETF_NONE;
    uint64_t *limbs;

    if (!first_power(p))
        return ETF_NONE;
    while (p->power[p->count - 1].digits < count)
        if (!next_power(p))
            return ETF_NONE;
    limbs = malloc(limbs_for(p, count) * sizeof *limbs);
    if (limbs == NULL)
        return ETF_NONE;
    if (from_digits(p, p->count, digits, count, limbs))
        t = etf__integer_term(r, negative, limbs, limbs_for(p, count));
    free(limbs);
    return t;
}

etf_term etf__big_from_text(struct etf_region *r, bool negative,
                            const char *digits, size_t count, unsigned base)
{
    struct powers powers;
    uint64_t limb;
    etf_term t;

    if (count == 0)
        return ETF_NONE;
    for (size_t i = 0; i < count; i++)
        if (digit_value(digits[i]) >= base)
            return ETF_NONE;
    while (count > 1 && *digits == '0') {
        digits++;
        count--;
    }
    powers_init(&powers, base);
    if (count < powers.limb_digits) {
        piece_from_digits(&powers, digits, count, &limb);
        return etf__integer_term(r, negative, &limb, 1);
    }
    if (is_over_limit(count, base))
        return ETF_NONE;
    t = long_from_text(r, negative, digits, count, &powers);
    powers_fini(&powers);
    return t;
}
