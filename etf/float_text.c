/*
 * float_text.c -- floats as the shortest digits, and back.
 *
 * The C library converts correctly in both directions, if slowly; what is left
 * is to ask it for as few digits as will do. Its decimal point depends on the
 * locale, so none is ever written or read: digits and exponent say it all.
 */
#include "float_text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 17 /* always enough for a double */

/* 0.d1d2d3... times ten to the `point`: where the decimal point stands. */
struct decimal {
    char digits[24]; /* no zero at either end, terminated; "0" is zero */
    int count;
    int point;
};

enum agner_err etf__float_from_digits(struct etf_buffer *digits,
                                      int64_t exponent, double *value)
{
    char tail[ETF__FLOAT_TAIL];
    int size = snprintf(tail, sizeof tail, "e%lld", (long long)exponent);
    enum agner_err err = etf_buffer_add(digits, tail, (size_t)size + 1);

    if (err == AGNER_OK)
        *value = strtod((const char *)digits->data, NULL);
    return err;
}

static double value_of(const struct decimal *d)
{
    char text[48];

    (void)snprintf(text, sizeof text, "%se%d", d->digits, d->point - d->count);
    return strtod(text, NULL);
}

/* The nearest decimal of `count` digits; v above 0. */
static void round_to(double v, int count, struct decimal *d)
{
    char text[48];
    const char *c = text;

    (void)snprintf(text, sizeof text, "%.*e", count - 1, v);
    for (d->count = 0; *c != 'e'; c++)
        if (*c >= '0' && *c <= '9')
            d->digits[d->count++] = *c;
    d->point = (int)strtol(c + 1, NULL, 10) + 1;
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->count--;
    d->digits[d->count] = '\0';
}

/* The next larger decimal of 16 digits. */
static void step_up(struct decimal *d)
{
    unsigned long long digits;

    while (d->count < 16)
        d->digits[d->count++] = '0';
    d->digits[d->count] = '\0';
    digits = strtoull(d->digits, NULL, 10) + 1;
    if (digits == 10000000000000000ULL) {
        digits = 1;
        d->point++;
    }
    d->count = snprintf(d->digits, sizeof d->digits, "%llu", digits);
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
}

/*
 * The fewest digits that read back as v, and the nearest of those.
 *
 * A decimal of up to 15 digits survives the way to a normal double and back, so
 * rounding to 15 finds any that short. Next to a power of two the doubles below
 * are closer than those above: there the nearest decimal of 16 digits can fail
 * below where the next above works.
 */
static void shortest(double v, struct decimal *d)
{
    int exponent;

    if (v < DBL_MIN) { /* fewer bits: nothing of the above is true */
        for (int count = 1; count <= DIGITS_MAX; count++) {
            round_to(v, count, d);
            if (value_of(d) == v)
                return;
        }
        return;
    }
    for (int count = 15; count <= DIGITS_MAX; count++) {
        round_to(v, count, d);
        if (count == DIGITS_MAX || value_of(d) == v)
            return;
        if (count == 16 && frexp(v, &exponent) == 0.5) {
            step_up(d);
            if (value_of(d) == v)
                return;
        }
    }
}

/* Whole numbers have their digits at hand. */
static bool whole(double v, struct decimal *d)
{
    if (v >= 1e15 || v != floor(v))
        return false;
    d->count = snprintf(d->digits, sizeof d->digits, "%lld", (long long)v);
    d->point = d->count;
    while (d->count > 1 && d->digits[d->count - 1] == '0')
        d->digits[--d->count] = '\0';
    return true;
}

static char *put(char *to, const char *from, int count)
{
    memcpy(to, from, (size_t)count);
    return to + count;
}

static char *put_zeros(char *to, int count)
{
    for (int i = 0; i < count; i++)
        *to++ = '0';
    return to;
}

/* D.DDDe-N */
static char *scientific(char *to, const struct decimal *d)
{
    *to++ = d->digits[0];
    *to++ = '.';
    to = d->count > 1 ? put(to, d->digits + 1, d->count - 1) : put_zeros(to, 1);
    return to + sprintf(to, "e%d", d->point - 1);
}

/* D.DDD, with zeros where the digits end before the point or begin behind. */
static char *plain(char *to, const struct decimal *d)
{
    int before = d->point < 0 ? 0 : d->point;

    if (before > d->count)
        before = d->count;
    to = put(to, d->digits, before);
    to = put_zeros(to, d->point > 0 ? d->point - before : 1);
    *to++ = '.';
    if (d->point < 0)
        to = put_zeros(to, -d->point);
    return before < d->count ? put(to, d->digits + before, d->count - before)
                             : put_zeros(to, 1);
}

/* Characters of D.DDDe-N and of plain D.DDD, to choose before writing. */
static int scientific_size(const struct decimal *d)
{
    int exponent = d->point - 1;
    int size = 3 + (d->count > 1 ? d->count - 1 : 1) + (exponent < 0 ? 1 : 0);

    exponent = abs(exponent);
    return size + (exponent < 10 ? 1 : exponent < 100 ? 2 : 3);
}

static int plain_size(const struct decimal *d)
{
    if (d->point <= 0)
        return 2 - d->point + d->count;
    return d->point < d->count ? d->count + 1 : d->point + 2;
}

size_t etf__float_text(char text[ETF__FLOAT_TEXT_MAX], double v)
{
    struct decimal d = { .digits = "0", .count = 1, .point = 1 };
    double magnitude = fabs(v);
    char *end = text;

    if (signbit(v))
        *end++ = '-';
    if (v != 0 && !whole(magnitude, &d))
        shortest(magnitude, &d);
    if (magnitude < 9007199254740992.0 && plain_size(&d) <= scientific_size(&d))
        end = plain(end, &d);
    else
        end = scientific(end, &d);
    return (size_t)(end - text);
}
