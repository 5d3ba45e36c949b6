/*
 * scan.c -- Erlang text as tokens: blanks, names, punctuation, places.
 *
 * Any bytes are legal input: what is no token is TOKEN_OTHER, which no term
 * wants, so that one place says what was expected instead. Source: erl_scan.
 */
#include "scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "syntax.h"
#include "utf8.h"

#define SHOWN_MAX 20u /* bytes of a token shown in an error */

void etf__scan_init(struct scan *s, struct etf_region *r, const char *text,
                    size_t size, struct agner_error *error)
{
    s->region = r;
    s->text = (const uint8_t *)text;
    s->size = size;
    s->at = s->start = 0;
    s->token = TOKEN_END;
    s->value = ETF_NONE;
    s->chars =
        (struct etf_buffer){ .data = s->room, .capacity = sizeof s->room };
    s->error = error;
}

void etf__scan_fini(struct scan *s)
{
    if (s->chars.data != s->room)
        etf_buffer_fini(&s->chars);
}

enum agner_err etf__scan_reserve(struct scan *s, size_t more)
{
    struct etf_buffer heap = { 0 };
    enum agner_err err;

    if (s->chars.data != s->room || more <= s->chars.capacity - s->chars.size)
        return etf_buffer_reserve(&s->chars, more);
    if (more > SIZE_MAX - s->chars.size)
        return AGNER_ENOMEM;
    err = etf_buffer_reserve(&heap, s->chars.size + more);
    if (err != AGNER_OK)
        return err;
    memcpy(heap.data, s->room, s->chars.size);
    heap.size = s->chars.size;
    s->chars = heap;
    return AGNER_OK;
}

enum agner_err etf__scan_add(struct scan *s, const void *bytes, size_t size)
{
    if (etf__scan_reserve(s, size) != AGNER_OK ||
        etf_buffer_add(&s->chars, bytes, size) != AGNER_OK)
        return etf__scan_no_memory(s);
    return AGNER_OK;
}

enum agner_err etf__scan_take(struct scan *s, struct etf_buffer *out)
{
    if (s->chars.data == s->room) {
        if (etf_buffer_add(out, s->room, s->chars.size) != AGNER_OK)
            return etf__scan_no_memory(s);
        return AGNER_OK;
    }
    *out = s->chars;
    s->chars =
        (struct etf_buffer){ .data = s->room, .capacity = sizeof s->room };
    return AGNER_OK;
}

enum agner_err etf__scan_fail(struct scan *s, size_t at, enum agner_err err,
                              const char *format, ...)
{
    char what[sizeof s->error->text];
    size_t line = 1, column = 1;
    va_list args;

    if (s->error == NULL)
        return err;
    for (size_t i = 0; i < at; i++) {
        if (s->text[i] == '\n') {
            line++;
            column = 1;
        } else if ((s->text[i] & 0xc0) != 0x80) {
            column++; /* characters, not bytes */
        }
    }
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args); /* cut if too long */
    va_end(args);
    return agner_fail(s->error, err, "line %zu, column %zu: %s", line, column,
                      what);
}

enum agner_err etf__scan_no_memory(struct scan *s)
{
    return etf__scan_fail(s, s->start, AGNER_ENOMEM, "out of memory");
}

/* Bytes of the token that an error shows: whole characters, one line. */
static size_t shown_size(const struct scan *s)
{
    size_t size = s->at - s->start, shown = 0;

    while (shown < size) {
        uint32_t point = 0;
        unsigned length =
            etf__utf8_next(s->text + s->start + shown, size - shown, &point);

        if (length == 0 || point < ' ' || shown + length > SHOWN_MAX)
            break;
        shown += length;
    }
    return shown;
}

enum agner_err etf__scan_expected(struct scan *s, const char *what)
{
    size_t shown = shown_size(s);

    if (s->token == TOKEN_END)
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                              "the text ends, expected %s", what);
    return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                          "found '%.*s%s', expected %s", (int)shown,
                          (const char *)s->text + s->start,
                          shown < s->at - s->start ? "..." : "", what);
}

enum agner_err etf__scan_char(struct scan *s, uint32_t *point)
{
    unsigned length = etf__utf8_next(s->text + s->at, s->size - s->at, point);

    if (length == 0)
        return etf__scan_fail(s, s->at, AGNER_ESYNTAX,
                              s->at == s->size ? "the text ends too early"
                                               : "not UTF-8");
    s->at += length;
    return AGNER_OK;
}

/* White space is what erl_scan takes for it: controls, and 128 to 160. */
void etf__scan_blanks(struct scan *s)
{
    while (s->at < s->size) {
        uint32_t point = 0;
        unsigned length =
            etf__utf8_next(s->text + s->at, s->size - s->at, &point);

        if (length == 0)
            return;
        if (point == '%') {
            const uint8_t *end = memchr(s->text + s->at, '\n', s->size - s->at);

            s->at = end == NULL ? s->size : (size_t)(end - s->text);
        } else if (point <= ' ' || (point >= 0x80 && point <= 0xa0)) {
            s->at += length;
        } else {
            return;
        }
    }
}

enum agner_err etf__scan_atom(struct scan *s, const uint8_t *text, size_t size)
{
    size_t chars = 0;

    if (size > 0 && !etf__utf8_valid(text, size, &chars))
        return etf__scan_fail(s, s->start, AGNER_ESYNTAX, "not UTF-8");
    if (chars > 255)
        return etf__scan_fail(s, s->start, AGNER_ELIMIT,
                              "an atom of more than 255 characters");
    s->value = etf_atom_n(size > 0 ? (const char *)text : "", size);
    if (etf_is_none(s->value))
        return etf__scan_fail(s, s->start, AGNER_ENOMEM,
                              "no room for another atom");
    s->token = TOKEN_ATOM;
    return AGNER_OK;
}

static void skip_name(struct scan *s)
{
    uint32_t point;
    unsigned length;

    while ((length = etf__utf8_next(s->text + s->at, s->size - s->at, &point)) >
               0 &&
           etf__continues_name(point))
        s->at += length;
}

static enum agner_err scan_name(struct scan *s)
{
    const uint8_t *text = s->text + s->start;
    size_t size;

    skip_name(s);
    size = s->at - s->start;
    if (!etf__is_reserved(text, size))
        return etf__scan_atom(s, text, size);
    if (size == 3 && memcmp(text, "fun", 3) == 0) {
        s->token = TOKEN_FUN;
        return AGNER_OK;
    }
    return etf__scan_fail(s, s->start, AGNER_ESYNTAX,
                          "'%.*s' is a reserved word, quote it for an atom",
                          (int)size, (const char *)text);
}

/* `_` and `__` stand for values in patterns; the parser knows whether this is
 * one. */
static void scan_variable(struct scan *s)
{
    size_t size;

    skip_name(s);
    size = s->at - s->start;
    s->token = TOKEN_OTHER;
    if (size == 1 && s->text[s->start] == '_')
        s->token = TOKEN_HOLE;
    else if (size == 2 && memcmp(s->text + s->start, "__", 2) == 0)
        s->token = TOKEN_ANY;
}

/* A sign belongs to the number after it, blanks or not. */
static enum agner_err scan_signed(struct scan *s)
{
    bool negative = s->text[s->at] == '-';
    size_t sign = s->at++;
    uint8_t next;

    etf__scan_blanks(s);
    next = etf__scan_peek(s, 0);
    if (next >= '0' && next <= '9')
        return etf__scan_number(s, negative);
    if (next == '$')
        return etf__scan_dollar(s, negative);
    s->at = sign + 1;
    s->token = TOKEN_OTHER;
    return AGNER_OK;
}

/* Takes the dot at `at` if it ends a term: if blanks or the end follow. */
static bool take_full_stop(struct scan *s)
{
    size_t behind = s->at + 1;

    if (etf__scan_peek(s, 0) != '.')
        return false;
    s->at = behind;
    etf__scan_blanks(s);
    if (s->at == behind && s->at < s->size) {
        s->at--;
        return false;
    }
    s->at = behind;
    return true;
}

void etf__scan_full_stop(struct scan *s)
{
    size_t at = s->at;

    etf__scan_blanks(s);
    if (!take_full_stop(s))
        s->at = at;
}

static const struct mark {
    char text[3];
    uint8_t size;
    uint8_t token;
} marks[] = {
    /* The longer first where one begins another. */
    { "{", 1, TOKEN_TUPLE_OPEN },  { "}", 1, TOKEN_TUPLE_CLOSE },
    { "[", 1, TOKEN_LIST_OPEN },   { "]", 1, TOKEN_LIST_CLOSE },
    { "#{", 2, TOKEN_MAP_OPEN },   { "<<", 2, TOKEN_BITS_OPEN },
    { ">>", 2, TOKEN_BITS_CLOSE }, { ",", 1, TOKEN_COMMA },
    { "||", 2, TOKEN_OTHER },      { "|", 1, TOKEN_BAR },
    { "=>", 2, TOKEN_ARROW },      { "::", 2, TOKEN_OTHER },
    { ":", 1, TOKEN_COLON },       { "/", 1, TOKEN_SLASH },
};

static void scan_mark(struct scan *s)
{
    size_t left = s->size - s->at;
    uint32_t point;
    unsigned length;

    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        const struct mark *m = &marks[i];

        if (m->size <= left && memcmp(s->text + s->at, m->text, m->size) == 0) {
            s->at += m->size;
            s->token = (enum token)m->token;
            return;
        }
    }
    if (take_full_stop(s)) {
        s->token = TOKEN_DOT;
        return;
    }
    length = etf__utf8_next(s->text + s->at, left, &point);
    s->at += length > 0 ? length : 1;
    s->token = TOKEN_OTHER;
}

enum agner_err etf__scan(struct scan *s)
{
    uint32_t point = 0;
    uint8_t second;

    etf__scan_blanks(s);
    s->start = s->at;
    if (s->at == s->size) {
        s->token = TOKEN_END;
        return AGNER_OK;
    }
    if (etf__utf8_next(s->text + s->at, s->size - s->at, &point) == 0)
        return etf__scan_fail(s, s->at, AGNER_ESYNTAX, "not UTF-8");
    second = etf__scan_peek(s, 1);
    if (etf__begins_atom(point))
        return scan_name(s);
    if (point >= '0' && point <= '9')
        return etf__scan_number(s, false);
    if (point == '"')
        return etf__scan_string(s);
    if (point == '\'')
        return etf__scan_quoted_atom(s);
    if (point == '$')
        return etf__scan_dollar(s, false);
    if (point == '-' || point == '+')
        return scan_signed(s);
    if ((point == '<' && second >= '0' && second <= '9') ||
        (point == '#' && (second == 'R' || second == 'P')))
        return etf__scan_ident(s);
    if (point == '_' || etf__begins_variable(point))
        scan_variable(s);
    else
        scan_mark(s);
    return AGNER_OK;
}
