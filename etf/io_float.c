/*
 * io_float.c -- floats as ~e, ~f and ~g write them.
 *
 * They are rounded from the 21 digits of float_to_list/1, half up, as io_lib
 * does it: not from the exact value, as printf() would. Digits beyond are 0.
 */
#include "io_format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIGITS    21
#define PRECISION 6 /* when none is given */

/* 0.DDDDD * 10^exponent */
struct digits {
    char digit[DIGITS];
    int64_t exponent;
};

static void get_digits(double v, struct digits *d)
{
    char text[40];
    int count = 0, exponent = 0;
    const char *e;

    (void)snprintf(text, sizeof text, "%.*e", DIGITS - 1, fabs(v));
    e = strchr(text, 'e');
    for (const char *c = text; c < e && count < DIGITS; c++)
        if (*c >= '0' && *c <= '9')
            d->digit[count++] = *c;
    for (const char *c = e + 2; *c != '\0'; c++)
        exponent = 10 * exponent + (*c - '0');
    d->exponent = 1 + (e[1] == '-' ? -exponent : exponent);
}

/* Keeps `count` digits, the last one rounded; true: it carried, and there is a
 * 1 in front of what now are zeros. */
static bool round_digits(struct digits *d, int64_t count)
{
    bool carry;

    if (count >= DIGITS)
        return false;
    carry = d->digit[count] >= '5';
    memset(d->digit + count, '0', (size_t)(DIGITS - count));
    while (carry && count > 0) {
        char *digit = &d->digit[--count];

        carry = *digit == '9';
        if (carry)
            *digit = '0';
        else
            ++*digit;
    }
    return carry;
}

static enum agner_err put_char(struct etf_buffer *out, char c)
{
    return etf_buffer_add(out, &c, 1);
}

/* The digits from number `from` on, counted behind `zeros` that stand in front
 * of them. */
static enum agner_err put_digits(struct etf_buffer *out, const struct digits *d,
                                 int64_t zeros, int64_t from, int64_t count)
{
    enum agner_err err = AGNER_OK;

    for (int64_t i = from; i < from + count && err == AGNER_OK; i++) {
        char digit = '0';

        if (i >= zeros && i - zeros < DIGITS)
            digit = d->digit[i - zeros];
        err = put_char(out, digit);
    }
    return err;
}

static enum agner_err put_fixed(struct etf_buffer *out, struct digits *d,
                                int64_t decimals)
{
    int64_t zeros = d->exponent <= 0 ? 1 - d->exponent : 0;
    int64_t whole = zeros > 0 ? 1 : d->exponent;
    int64_t kept = whole + decimals - zeros;
    enum agner_err err = AGNER_OK;
    bool carry = false;

    if (kept >= 0)
        carry = round_digits(d, kept);
    if (carry && zeros > 0) { /* into the last of the zeros in front */
        memmove(d->digit + 1, d->digit, DIGITS - 1);
        d->digit[0] = '1';
        zeros--;
        carry = false;
    }
    if (carry)
        err = put_char(out, '1');
    if (err == AGNER_OK)
        err = put_digits(out, d, zeros, 0, whole);
    if (err == AGNER_OK)
        err = put_char(out, '.');
    if (err == AGNER_OK)
        err = put_digits(out, d, zeros, whole, decimals);
    return err;
}

static enum agner_err put_scientific(struct etf_buffer *out, struct digits *d,
                                     int64_t count)
{
    bool carry = round_digits(d, count);
    char exponent[16];
    int size;
    enum agner_err err;

    if (carry)
        d->digit[0] = '1';
    err = put_digits(out, d, 0, 0, 1);
    if (err == AGNER_OK)
        err = put_char(out, '.');
    if (err == AGNER_OK)
        err = put_digits(out, d, 0, 1, count - 1);
    size = snprintf(exponent, sizeof exponent, "e%+d",
                    (int)(d->exponent - (carry ? 0 : 1)));
    return err == AGNER_OK ? etf_buffer_add(out, exponent, (size_t)size) : err;
}

/* ~g: the fixed form from 0.1 to below 10000, if `precision` digits suffice;
 * the precision of the form that it takes, or false for the scientific one. */
static bool is_short(double v, int64_t *precision)
{
    static const double bounds[] = { 0.1, 1, 10, 100, 1000, 10000 };
    int64_t magnitude = -2;

    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        magnitude += fabs(v) >= bounds[i];
    if (magnitude >= -1 && magnitude < 4 &&
        (*precision - 1 > magnitude || (*precision <= 1 && magnitude == -1))) {
        *precision -= 1 + magnitude;
        return true;
    }
    if (*precision <= 1)
        *precision = 2;
    return false;
}

enum agner_err etf__float_format(struct etf_buffer *out, double v,
                                 const struct etf__spec *spec)
{
    int64_t precision = spec->precision < 0 ? PRECISION : spec->precision;
    bool is_fixed = spec->control == 'f';
    struct digits d = { .exponent = 0 };

    if (precision < (spec->control == 'e' ? 2 : 1))
        return AGNER_EINVAL;
    if (spec->control == 'g')
        is_fixed = is_short(v, &precision);
    get_digits(v, &d);
    if (signbit(v)) {
        enum agner_err err = put_char(out, '-');

        if (err != AGNER_OK)
            return err;
    }
    return is_fixed ? put_fixed(out, &d, precision)
                    : put_scientific(out, &d, precision);
}
