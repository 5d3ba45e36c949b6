/*
 * scan_quoted.c -- characters, strings and quoted atoms in Erlang text.
 *
 * What is between quotes may be any character, lines' ends too, and escapes.
 * Source: erl_scan.
 */
#include "scan.h"

#include "utf8.h"

static enum agner_err add_char(struct scan *s, uint32_t point)
{
    uint8_t bytes[4];
    unsigned size = etf__utf8_put(bytes, point);

    return etf__scan_add(s, bytes, size);
}

/* Hexadecimal digits in braces, or exactly two; `at` is behind the x. */
static enum agner_err hex_escape(struct scan *s, uint32_t *point)
{
    bool braces = etf__scan_peek(s, 0) == '{';
    size_t from;

    if (braces)
        s->at++;
    from = s->at;
    *point = 0;
    while (etf__scan_digit(etf__scan_peek(s, 0)) < 16 && *point <= 0x10ffff &&
           (braces || s->at < from + 2))
        *point = *point << 4 | etf__scan_digit(s->text[s->at++]);
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
    for (unsigned i = 0; i < 3 && etf__scan_digit(etf__scan_peek(s, 0)) < 8;
         i++)
        *point = *point << 3 | etf__scan_digit(s->text[s->at++]);
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
    if (etf__scan_digit(etf__scan_peek(s, 0)) < 8) {
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
