/*
 * bignum_text.c -- integers as digits of a base, and back.
 *
 * Long numbers are halved: one of 2n digits is a number of n digits times a
 * power of the base, plus another. Each length in the chain of halves needs one
 * power, made once per conversion from the shortest up; pieces at the end of
 * the chain are converted limb by limb. So the cost is that of a few long
 * products, not the square of the length. The recursion is as deep as the chain
 * is long.
 */
#include "bignum.h"

#include <math.h>
#include <stdlib.h>

#define PIECE_DIGITS 600u /* at most; measured */
#define POWERS_MAX   16u  /* 600 digits, doubled, pass any integer's */

/* base^digits */
struct power {
    uint64_t *limbs; /* owned */
    size_t count;    /* trimmed */
    size_t digits;
};

struct powers {
    unsigned base;
    size_t limb_digits; /* the most that surely fit a limb */
    uint64_t limb_base; /* base to that */
    size_t count;
    struct power power[POWERS_MAX]; /* shortest first */
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

/* Limbs that `digits` digits take at most. */
static size_t limbs_for(const struct powers *p, size_t digits)
{
    return digits / p->limb_digits + 1;
}

static bool first_power(struct powers *p, size_t digits)
{
    struct power *first = &p->power[0];
    size_t limbs = limbs_for(p, digits) + 1;
    size_t done = 0;

    first->limbs = calloc(limbs, sizeof *first->limbs);
    if (first->limbs == NULL)
        return false;
    p->count = 1;
    first->limbs[0] = 1;
    for (; digits - done >= p->limb_digits; done += p->limb_digits)
        (void)etf__limbs_scale(first->limbs, limbs, p->limb_base, 0);
    for (; done < digits; done++)
        (void)etf__limbs_scale(first->limbs, limbs, p->base, 0);
    first->count = etf__limbs_trim(first->limbs, limbs);
    first->digits = digits;
    return true;
}

/* The last power squared, over the base if `digits` is odd. */
static bool next_power(struct powers *p, size_t digits)
{
    const struct power *last = &p->power[p->count - 1];
    struct power *next = &p->power[p->count];
    size_t limbs = 2 * last->count;

    next->limbs = malloc(limbs * sizeof *next->limbs);
    if (next->limbs == NULL)
        return false;
    p->count++;
    if (!etf__limbs_multiply(next->limbs, last->limbs, last->count, last->limbs,
                             last->count))
        return false;
    if (digits != 2 * last->digits)
        (void)etf__limbs_reduce(next->limbs, limbs, p->base);
    next->count = etf__limbs_trim(next->limbs, limbs);
    next->digits = digits;
    return true;
}

/* The powers for a number of `digits` digits: the halves of that, halves of
 * these, and so on. None when it is a single piece. */
static bool powers_for(struct powers *p, size_t digits)
{
    size_t chain[POWERS_MAX];
    size_t count = 0;

    while (digits > PIECE_DIGITS) {
        digits = (digits + 1) / 2;
        chain[count++] = digits;
    }
    for (size_t i = count; i-- > 0;)
        if (!(i + 1 == count ? first_power(p, chain[i])
                             : next_power(p, chain[i])))
            return false;
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

/* Exactly `digits` digits of a number that has no more; `level` powers are for
 * halves of it. Destroys the limbs. */
static bool to_digits(const struct powers *p, size_t level, uint64_t *limbs,
                      size_t count, char *out, size_t digits)
{
    const struct power *half;
    uint64_t *quotient, *remainder;
    size_t high;
    bool ok;

    count = etf__limbs_trim(limbs, count);
    if (level == 0) {
        piece_to_digits(p, limbs, count, out + digits, digits);
        return true;
    }
    half = &p->power[level - 1];
    high = digits - half->digits;
    if (etf__limbs_compare(limbs, count, half->limbs, half->count) < 0) {
        memset(out, '0', high);
        return to_digits(p, level - 1, limbs, count, out + high, half->digits);
    }
    quotient = malloc((count + 1) * sizeof *quotient);
    if (quotient == NULL)
        return false;
    remainder = quotient + (count - half->count + 1);
    ok =
        etf__limbs_divide(quotient, remainder, limbs, count, half->limbs,
                          half->count) &&
        to_digits(p, level - 1, quotient, count - half->count + 1, out, high) &&
        to_digits(p, level - 1, remainder, half->count, out + high,
                  half->digits);
    free(quotient);
    return ok;
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

/* Digits that `count` limbs may have, or a few more. */
static size_t digits_for(size_t count, unsigned base)
{
    return (size_t)(64.0 * (double)count / log2((double)base)) + 2;
}

static enum agner_err long_to_text(struct etf_buffer *b,
                                   const struct etf__integer *v,
                                   struct powers *p)
{
    size_t digits = digits_for(v->count, p->base);
    enum agner_err err = AGNER_ENOMEM;
    uint64_t *limbs = malloc(v->count * sizeof *limbs);
    char *text = malloc(digits);

    if (limbs != NULL && text != NULL && powers_for(p, digits)) {
        memcpy(limbs, v->limbs, v->count * sizeof *limbs);
        if (to_digits(p, p->count, limbs, v->count, text, digits))
            err = append(b, v->negative, text, digits);
    }
    free(text);
    free(limbs);
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

    if (!powers_for(p, count))
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
