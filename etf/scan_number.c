/*
 * scan_number.c -- numbers in Erlang text: 1_000, 16#ff, -2.5e-3.
 *
 * Digits are collected in the scanner's buffer and converted in one go, by
 * those who can do it faster than one digit after the other. Source: erl_scan.
 */
#include "scan.h"

#include <math.h>

#include "bignum.h"
#include "float_text.h"

/* Adds the digits at `at` to the buffer, without the `_` between them. */
static enum agner_err take_digits(struct scan *s, unsigned base)
{
    for (;;) {
        size_t from = s->at;
        enum agner_err err;

        while (etf__scan_digit(etf__scan_peek(s, 0)) < base)
            s->at++;
        err = etf__scan_add(s, s->text + from, s->at - from);
        if (err != AGNER_OK)
            return err;
        if (s->at == from || etf__scan_peek(s, 0) != '_' ||
            etf__scan_digit(etf__scan_peek(s, 1)) >= base)
            return AGNER_OK;
        s->at++;
    }
}

static bool is_too_large(const struct etf_buffer *digits, unsigned base)
{
    size_t zeros = 0;

    while (zeros < digits->size && digits->data[zeros] == '0')
        zeros++;
    return (double)(digits->size - zeros) * log2(base) >
           8.0 * ETF_BIG_BYTES_MAX;
}

static enum agner_err integer_value(struct scan *s, bool negative,
                                    unsigned base)
{
    s->token = TOKEN_INTEGER;
    s->value = etf__big_from_text(
        s->region, negative, (const char *)s->chars.data, s->chars.size, base);
    if (!etf_is_none(s->value))
        return AGNER_OK;
    if (is_too_large(&s->chars, base))
        return etf__scan_fail(s, s->start, AGNER_ELIMIT,
                              "the integer is too large");
    return etf__scan_no_memory(s);
}

/* At the `#` behind a base. */
static enum agner_err based_integer(struct scan *s, bool negative)
{
    unsigned base = 0;
    enum agner_err err;

    for (size_t i = 0; i < s->chars.size && base <= 36; i++)
        base = base * 10 + etf__scan_digit(s->chars.data[i]);
    if (base < 2 || base > 36)
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                              "the base of a number is 2 to 36");
    s->at++;
    s->chars.size = 0;
    err = take_digits(s, base);
    if (err != AGNER_OK)
        return err;
    if (s->chars.size == 0)
        return etf__scan_fail(s, s->at, AGNER_ESYNTAX,
                              "expected digits of base %u", base);
    return integer_value(s, negative, base);
}

#define EXPONENT_MAX INT64_C(1000000000000000) /* stands for all beyond */

/* The exponent at `at`, 0 if there is none. */
static enum agner_err take_exponent(struct scan *s, int64_t *exponent)
{
    size_t digits = s->chars.size;
    bool negative;
    enum agner_err err;

    *exponent = 0;
    if ((etf__scan_peek(s, 0) | 0x20) != 'e')
        return AGNER_OK;
    s->at++;
    negative = etf__scan_peek(s, 0) == '-';
    if (negative || etf__scan_peek(s, 0) == '+')
        s->at++;
    err = take_digits(s, 10);
    if (err != AGNER_OK)
        return err;
    if (s->chars.size == digits)
        return etf__scan_fail(s, s->at, AGNER_ESYNTAX,
                              "expected the digits of an exponent");
    for (size_t i = digits; i < s->chars.size && *exponent < EXPONENT_MAX; i++)
        *exponent = *exponent * 10 + etf__scan_digit(s->chars.data[i]);
    if (negative)
        *exponent = -*exponent;
    s->chars.size = digits;
    return AGNER_OK;
}

/* At the point; the digits before it are in the buffer. */
static enum agner_err float_value(struct scan *s, bool negative)
{
    size_t whole = s->chars.size;
    int64_t exponent;
    double value;
    enum agner_err err;

    s->at++;
    err = take_digits(s, 10);
    if (err != AGNER_OK)
        return err;
    whole = s->chars.size - whole; /* now the digits behind the point */
    err = take_exponent(s, &exponent);
    if (err != AGNER_OK)
        return err;
    if (etf__scan_reserve(s, ETF__FLOAT_TAIL) != AGNER_OK)
        return etf__scan_no_memory(s);
    err = etf__float_from_digits(&s->chars, exponent - (int64_t)whole, &value);
    if (err != AGNER_OK)
        return etf__scan_no_memory(s);
    if (!isfinite(value))
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                              "the float is too large");
    s->token = TOKEN_VALUE;
    s->value = etf_float(s->region, negative ? -value : value);
    return etf_is_none(s->value) ? etf__scan_no_memory(s) : AGNER_OK;
}

enum agner_err etf__scan_number(struct scan *s, bool negative)
{
    enum agner_err err;

    s->chars.size = 0;
    err = take_digits(s, 10);
    if (err != AGNER_OK)
        return err;
    if (etf__scan_peek(s, 0) == '#' && etf__scan_peek(s, 1) != '{')
        return based_integer(s, negative);
    if (etf__scan_peek(s, 0) == '.' &&
        etf__scan_digit(etf__scan_peek(s, 1)) < 10)
        return float_value(s, negative);
    return integer_value(s, negative, 10);
}
