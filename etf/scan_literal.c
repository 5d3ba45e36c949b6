/*
 * scan_literal.c -- tokens that are values: numbers, characters, quoted text,
 * pids and references.
 *
 * Long numbers are collected in the scanner's buffer and converted by those who
 * can do it faster than digit by digit squared. Source: erl_scan.
 */
#include "scan.h"

#include <math.h>
#include <stdlib.h>

#include "bignum.h"
#include "float_text.h"
#include "utf8.h"

static enum agner_err no_memory(struct scan *s)
{
    return etf__scan_fail(s, s->start, AGNER_ENOMEM, "out of memory");
}

static enum agner_err add_char(struct scan *s, uint32_t point)
{
    uint8_t bytes[4];
    unsigned size = etf__utf8_put(bytes, point);

    if (etf_buffer_add(&s->chars, bytes, size) != AGNER_OK)
        return no_memory(s);
    return AGNER_OK;
}

/* Letters and digits as the values they have as digits; 36 for others. */
static unsigned digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    if (c >= 'a' && c <= 'z')
        return c - (unsigned)'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - (unsigned)'A' + 10;
    return 36;
}

/* ---- Numbers ---- */

/* Adds the digits at `at` to the buffer, without the `_` between them. */
static enum agner_err take_digits(struct scan *s, unsigned base)
{
    for (;;) {
        size_t from = s->at;

        while (digit_of(etf__scan_peek(s, 0)) < base)
            s->at++;
        if (etf_buffer_add(&s->chars, s->text + from, s->at - from) != AGNER_OK)
            return no_memory(s);
        if (s->at == from || etf__scan_peek(s, 0) != '_' ||
            digit_of(etf__scan_peek(s, 1)) >= base)
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
    return no_memory(s);
}

/* At the `#` behind a base. */
static enum agner_err based_integer(struct scan *s, bool negative)
{
    unsigned base = 0;
    enum agner_err err;

    for (size_t i = 0; i < s->chars.size && base <= 36; i++)
        base = base * 10 + digit_of(s->chars.data[i]);
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
        *exponent = *exponent * 10 + digit_of(s->chars.data[i]);
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
    err = etf__float_from_digits(&s->chars, exponent - (int64_t)whole, &value);
    if (err != AGNER_OK)
        return no_memory(s);
    if (!isfinite(value))
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                              "the float is too large");
    s->token = TOKEN_VALUE;
    s->value = etf_float(s->region, negative ? -value : value);
    return etf_is_none(s->value) ? no_memory(s) : AGNER_OK;
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
    if (etf__scan_peek(s, 0) == '.' && digit_of(etf__scan_peek(s, 1)) < 10)
        return float_value(s, negative);
    return integer_value(s, negative, 10);
}

/* ---- Quoted text ---- */

/* Hexadecimal digits in braces, or exactly two; `at` is behind the x. */
static enum agner_err hex_escape(struct scan *s, uint32_t *point)
{
    bool braces = etf__scan_peek(s, 0) == '{';
    size_t from;

    if (braces)
        s->at++;
    from = s->at;
    *point = 0;
    while (digit_of(etf__scan_peek(s, 0)) < 16 && *point <= 0x10ffff &&
           (braces || s->at < from + 2))
        *point = *point << 4 | digit_of(s->text[s->at++]);
    if (braces ? s->at == from || etf__scan_peek(s, 0) != '}'
               : s->at != from + 2)
        return etf__scan_fail(s, s->at, AGNER_ESYNTAX,
                              "expected hexadecimal digits%s",
                              braces ? " and '}'" : "");
    if (braces)
        s->at++;
    return AGNER_OK;
}

static void octal_escape(struct scan *s, uint32_t *point)
{
    for (unsigned i = 0; i < 3 && digit_of(etf__scan_peek(s, 0)) < 8; i++)
        *point = *point << 3 | digit_of(s->text[s->at++]);
}

/* Behind the backslash. */
static enum agner_err take_escape(struct scan *s, uint32_t *point)
{
    static const char letters[] = "bdefnrstv";
    static const char values[] = "\b\177\033\f\n\r \t\v";
    size_t backslash = s->at - 1;
    const char *letter;
    enum agner_err err;

    *point = 0;
    if (digit_of(etf__scan_peek(s, 0)) < 8) {
        octal_escape(s, point);
        return AGNER_OK;
    }
    err = etf__scan_char(s, point);
    if (err == AGNER_OK && *point == 'x')
        err = hex_escape(s, point);
    else if (err == AGNER_OK && *point == '^') {
        err = etf__scan_char(s, point);
        *point &= 31;
    } else if (*point > 0 && *point < 128 &&
               (letter = strchr(letters, (int)*point)) != NULL) {
        *point = (uint8_t)values[letter - letters];
    }
    if (err == AGNER_OK &&
        (*point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff)))
        return etf__scan_fail(s, backslash, AGNER_ESYNTAX,
                              "the escape stands for no character");
    return err;
}

/* Appends what is between two quotes. */
static enum agner_err take_quoted(struct scan *s, uint8_t quote)
{
    size_t open = s->at++;

    while (s->at < s->size) {
        uint32_t point;
        enum agner_err err;

        if (s->text[s->at] == quote) {
            s->at++;
            return AGNER_OK;
        }
        err = etf__scan_char(s, &point);
        if (err == AGNER_OK && point == '\\')
            err = take_escape(s, &point);
        if (err == AGNER_OK)
            err = add_char(s, point);
        if (err != AGNER_OK)
            return err;
    }
    return etf__scan_fail(s, open, AGNER_ESYNTAX, "no closing %c", quote);
}

enum agner_err etf__scan_string(struct scan *s)
{
    size_t end;
    enum agner_err err;

    s->chars.size = 0;
    do {
        err = take_quoted(s, '"');
        if (err != AGNER_OK)
            return err;
        end = s->at;
        etf__scan_blanks(s);
    } while (etf__scan_peek(s, 0) == '"');
    s->at = end;
    s->token = TOKEN_STRING;
    return AGNER_OK;
}

enum agner_err etf__scan_quoted_atom(struct scan *s)
{
    enum agner_err err;

    s->chars.size = 0;
    err = take_quoted(s, '\'');
    if (err != AGNER_OK)
        return err;
    return etf__scan_atom(s, s->chars.data, s->chars.size);
}

enum agner_err etf__scan_dollar(struct scan *s, bool negative)
{
    uint32_t point;
    enum agner_err err;

    s->at++;
    err = etf__scan_char(s, &point);
    if (err == AGNER_OK && point == '\\')
        err = take_escape(s, &point);
    if (err != AGNER_OK)
        return err;
    s->token = TOKEN_INTEGER;
    s->value = etf__small(negative ? -(int64_t)point : (int64_t)point);
    return AGNER_OK;
}

/* ---- Identifiers of this node ---- */

/* Reads numbers with dots between them, up to `>`: how many, or 0 when it is
 * something else, they are more than `max`, or one is over 64 bits. */
static size_t take_numbers(struct scan *s, uint64_t *numbers, size_t max)
{
    for (size_t count = 0; count < max;) {
        size_t from = s->at;
        uint64_t value = 0;
        uint8_t next;

        while ((next = etf__scan_peek(s, 0)) >= '0' && next <= '9') {
            if (__builtin_mul_overflow(value, 10, &value) ||
                __builtin_add_overflow(value, next - (uint64_t)'0', &value))
                return 0;
            s->at++;
        }
        if (s->at == from || (next != '.' && next != '>'))
            return 0;
        s->at++;
        numbers[count++] = value;
        if (next == '>')
            return count;
    }
    return 0;
}

static etf_term ref_of(struct etf_region *r, const uint64_t *numbers,
                       size_t count)
{
    etf_ref ref = { .count = (uint32_t)(count - 1) };

    for (size_t i = 1; i < count; i++) {
        if (numbers[i] > UINT32_MAX)
            return ETF_NONE;
        ref.words[count - 1 - i] = (uint32_t)numbers[i];
    }
    return etf_from_ref(r, ref);
}

/*
 * The first number is the node; ours is 0. That of another node is a number of
 * the printing program's own, and means nothing here.
 */
enum agner_err etf__scan_ident(struct scan *s)
{
    static const struct {
        const char *text;
        size_t count_min, count_max;
    } forms[] = { { "<", 3, 3 }, { "#Ref<", 2, 6 }, { "#Port<", 2, 2 } };
    uint64_t n[6];
    size_t count = 0, form;

    for (form = 0; form < 3; form++) {
        size_t size = strlen(forms[form].text);

        if (size <= s->size - s->at &&
            memcmp(s->text + s->at, forms[form].text, size) == 0) {
            s->at += size;
            count = take_numbers(s, n, forms[form].count_max);
            break;
        }
    }
    s->value = ETF_NONE;
    s->token = TOKEN_VALUE;
    if (form < 3 && count >= forms[form].count_min && n[0] == 0) {
        if (form == 1)
            s->value = ref_of(s->region, n, count);
        else if (form == 2)
            s->value = etf_port(s->region, ETF_NONE, n[1], 0);
        else if (n[1] >> 28 == 0 && n[2] <= UINT32_MAX)
            s->value = etf__local_pid((uint32_t)n[1], (uint32_t)n[2]);
    }
    if (!etf_is_none(s->value))
        return AGNER_OK;
    return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                          "expected an identifier of this node, such as "
                          "<0.1.2> or #Ref<0.1.2.3>");
}
