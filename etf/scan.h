/*
 * scan.h -- Erlang text as tokens. Private to etf/.
 *
 * A token that is a whole value by itself (a number, an atom, a pid) is made
 * into its term here; the parser sees shapes only. One token is looked at at a
 * time; nothing is allocated besides terms and the text of the token.
 */
#ifndef ETF_SCAN_H
#define ETF_SCAN_H

#include "etf_door.h"

enum token {
    TOKEN_END,     /* of the text */
    TOKEN_VALUE,   /* number, pid, reference, port: in `value` */
    TOKEN_ATOM,    /* in `value` */
    TOKEN_INTEGER, /* in `value` */
    TOKEN_STRING,  /* one or more adjacent ones, as UTF-8 in `chars` */
    TOKEN_HOLE,    /* `_` */
    TOKEN_ANY,     /* `__` */
    TOKEN_FUN,
    TOKEN_TUPLE_OPEN,
    TOKEN_TUPLE_CLOSE, /* also of maps */
    TOKEN_LIST_OPEN,
    TOKEN_LIST_CLOSE,
    TOKEN_MAP_OPEN,
    TOKEN_BITS_OPEN,
    TOKEN_BITS_CLOSE,
    TOKEN_COMMA,
    TOKEN_BAR,
    TOKEN_ARROW,
    TOKEN_COLON,
    TOKEN_SLASH,
    TOKEN_DOT,  /* a full stop: white space, a comment or the end follows */
    TOKEN_OTHER /* none of a term's */
};

/* Bytes of a token's text that need no allocation: a pattern of a call site is
 * read when memory is out too (pattern.c). */
#define ETF__SCAN_ROOM 64u

struct scan {
    struct etf_region *region; /* receives terms */
    const uint8_t *text;
    size_t size;
    size_t at;    /* behind the token */
    size_t start; /* of the token */
    enum token token;
    etf_term value;
    struct etf_buffer chars;   /* owned, or in `room` while it fits there */
    struct agner_error *error; /* borrowed, may be NULL */
    uint8_t room[ETF__SCAN_ROOM];
};

void etf__scan_init(struct scan *s, struct etf_region *r, const char *text,
                    size_t size, struct agner_error *error);
void etf__scan_fini(struct scan *s);

/* Room for `more` bytes behind `chars`. AGNER_ENOMEM. */
enum agner_err etf__scan_reserve(struct scan *s, size_t more);
/* Appends to `chars`: AGNER_ENOMEM with the error written. */
enum agner_err etf__scan_add(struct scan *s, const void *bytes, size_t size);
/* Moves `chars` into `out`, which is empty and the caller's to free. */
enum agner_err etf__scan_take(struct scan *s, struct etf_buffer *out);

/* Reads the next token: AGNER_OK, AGNER_ESYNTAX, AGNER_ELIMIT or AGNER_ENOMEM
 * with the error written. */
enum agner_err etf__scan(struct scan *s);

/* Takes a full stop, and the blanks before it, if that is what comes next. */
void etf__scan_full_stop(struct scan *s);

/* Writes "line 2, column 7: ..." for the place `at`; returns `err`. */
enum agner_err etf__scan_fail(struct scan *s, size_t at, enum agner_err err,
                              const char *format, ...)
    __attribute__((format(printf, 4, 5)));

enum agner_err etf__scan_no_memory(struct scan *s);

/* The token is not what should be here. */
enum agner_err etf__scan_expected(struct scan *s, const char *what);

/* ---- Between scan.c and the files that read one kind of token ---- */

/* The byte at `at`, and the one `ahead` bytes on; 0 behind the end. */
static inline uint8_t etf__scan_peek(const struct scan *s, size_t ahead)
{
    return ahead < s->size - s->at ? s->text[s->at + ahead] : 0;
}

/* The value of a character as a digit, letters of either case counting on from
 * 10; 36 for others. */
static inline unsigned etf__scan_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    if (c >= 'a' && c <= 'z')
        return c - (unsigned)'a' + 10;
    if (c >= 'A' && c <= 'Z')
        return c - (unsigned)'A' + 10;
    return 36;
}

void etf__scan_blanks(struct scan *s);

/* Takes the character at `at`: AGNER_ESYNTAX when it is not UTF-8 or there is
 * none. */
enum agner_err etf__scan_char(struct scan *s, uint32_t *point);

/* At a digit; at `$`; at a quote; at `<0.` or `#Name<`. */
enum agner_err etf__scan_number(struct scan *s, bool negative);
enum agner_err etf__scan_dollar(struct scan *s, bool negative);
enum agner_err etf__scan_string(struct scan *s);
enum agner_err etf__scan_quoted_atom(struct scan *s);
enum agner_err etf__scan_ident(struct scan *s);

/* The atom of a checked UTF-8 text as the token's value. */
enum agner_err etf__scan_atom(struct scan *s, const uint8_t *text, size_t size);

#endif
