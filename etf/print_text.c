/*
 * print_text.c -- atoms, strings, binaries and iolists as text.
 *
 * Printable is what it is for Erlang by default (+pc latin1): Latin-1 without
 * the controls, and the controls that have an escape of their own.
 */
#include "print.h"

#include "bits.h"
#include "syntax.h"
#include "utf8.h"
#include "walk.h"

/* The letter of the escape that stands for a control, or 0. */
static char escape_letter(uint32_t point)
{
    switch (point) {
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\v':
        return 'v';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    case 27:
        return 'e';
    default:
        return 0;
    }
}

static bool is_printable(uint64_t point)
{
    return (point >= 32 && point <= 126) || (point >= 160 && point <= 255) ||
           (point < 32 && escape_letter((uint32_t)point) != 0);
}

/* One character between quotes. */
static void put_quoted_point(struct printer *p, uint32_t point, uint8_t quote)
{
    char letter = escape_letter(point);

    if (point == quote || point == '\\')
        etf__put_format(p, "\\%c", (int)point);
    else if (letter != 0)
        etf__put_format(p, "\\%c", letter);
    else if (point == 127)
        etf__put_text(p, "\\d");
    else if (point < 32 || (point > 127 && point < 160))
        etf__put_format(p, "\\%03o", point);
    else if (point > 255 && !p->is_unicode)
        etf__put_format(p, "\\x{%X}", point);
    else
        etf__put_point(p, point);
}

/* ---- Atoms ---- */

static bool is_plain(const uint8_t *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        uint32_t point = 0;
        unsigned length = etf__utf8_next(text + at, size - at, &point);

        if (length == 0 || !etf__continues_name(point) ||
            (at == 0 && !etf__begins_atom(point)))
            return false;
        at += length;
    }
    return size > 0 && !etf__is_reserved(text, size);
}

void etf__print_atom(struct printer *p, etf_term atom)
{
    etf_bytes text = etf_atom_text(atom);
    size_t at = 0;

    if (is_plain(text.data, text.size)) {
        etf__put(p, text.data, text.size);
        return;
    }
    etf__put_text(p, "'");
    while (at < text.size) {
        uint32_t point = 0;

        at += etf__utf8_next(text.data + at, text.size - at, &point);
        put_quoted_point(p, point, '\'');
    }
    etf__put_text(p, "'");
}

/* ---- Strings ---- */

static bool is_string(etf_term list)
{
    etf_term head;

    while (etf_list_next(&list, &head))
        if (etf__tag(head) != ETF__INT || etf__small_value(head) < 0 ||
            !is_printable((uint64_t)etf__small_value(head)))
            return false;
    return etf_same(list, etf_nil());
}

bool etf__print_string(struct printer *p, etf_term list)
{
    etf_term head;

    if (!is_string(list))
        return false;
    etf__put_text(p, "\"");
    while (etf_list_next(&list, &head) && !etf__print_stopped(p))
        put_quoted_point(p, (uint32_t)etf__small_value(head), '"');
    etf__put_text(p, "\"");
    return true;
}

/* ---- Binaries ---- */

static bool is_latin1_text(const struct bits *b)
{
    for (size_t i = 0; i < b->size; i++)
        if (!is_printable(b->data[i]))
            return false;
    return true;
}

/* Only valid UTF-8 counts. */
static bool is_utf8_text(const struct bits *b)
{
    size_t at = 0;

    while (at < b->size) {
        uint32_t point = 0;

        at += etf__utf8_next(b->data + at, b->size - at, &point);
        if (!is_printable(point))
            return false;
    }
    return true;
}

/* `chars` is how many there are if it is UTF-8. */
static void put_text_binary(struct printer *p, const struct bits *b,
                            bool is_utf8, size_t chars)
{
    size_t at = 0;

    etf__put_text(p, "<<\"");
    while (at < b->size && !etf__print_stopped(p)) {
        uint32_t point = b->data[at];

        if (is_utf8)
            at += etf__utf8_next(b->data + at, b->size - at, &point);
        else
            at++;
        put_quoted_point(p, point, '"');
    }
    etf__put_text(p, is_utf8 && chars < b->size ? "\"/utf8>>" : "\">>");
}

static void put_numbers(struct printer *p, const struct bits *b)
{
    etf__put_text(p, "<<");
    for (size_t i = 0; i < b->size && !etf__print_stopped(p); i++) {
        unsigned byte = b->data[i];

        if (i > 0)
            etf__put_text(p, ",");
        if (i + 1 == b->size && b->used < 8)
            etf__put_format(p, "%u:%u", byte >> (8 - b->used), b->used);
        else
            etf__put_format(p, "%u", byte);
    }
    etf__put_text(p, ">>");
}

enum node_kind etf__print_bits(struct printer *p, etf_term t)
{
    struct bits b = { .data = NULL };
    size_t chars = 0;
    bool is_utf8, is_text = false;

    (void)etf__bits_view(t, &b);
    is_utf8 = p->is_unicode && etf__utf8_valid(b.data, b.size, &chars);
    if (p->is_pretty && b.used == 8 && b.size > 0)
        is_text = is_utf8 ? is_utf8_text(&b) : is_latin1_text(&b);
    if (is_text)
        put_text_binary(p, &b, is_utf8, chars);
    else
        put_numbers(p, &b);
    return is_text || b.size == 0 ? NODE_LEAF : NODE_BITS;
}

/* ---- Iolists ---- */

/* A binary is UTF-8, or Latin-1 when it is not. */
static void put_chars_of(struct printer *p, const struct bits *b)
{
    size_t chars;

    if (etf__utf8_valid(b->data, b->size, &chars)) {
        etf__put(p, b->data, b->size);
        return;
    }
    for (size_t i = 0; i < b->size && !etf__print_stopped(p); i++)
        etf__put_point(p, b->data[i]);
}

/* An element or tail that is no list: false when it is no characters. `p` NULL:
 * only looks. */
static bool take_chars(struct printer *p, etf_term t, bool is_tail)
{
    struct bits b;
    uint8_t bytes[4];

    if (etf__bits_view(t, &b) && b.used == 8) {
        if (p != NULL)
            put_chars_of(p, &b);
        return true;
    }
    if (is_tail || etf__tag(t) != ETF__INT || etf__small_value(t) < 0 ||
        etf__small_value(t) > 0x10ffff ||
        etf__utf8_put(bytes, (uint32_t)etf__small_value(t)) == 0)
        return false;
    if (p != NULL)
        etf__put_point(p, (uint32_t)etf__small_value(t));
    return true;
}

/* Lists in lists are done with a stack of what is left of the outer ones. */
static bool walk_chars(struct printer *p, etf_term t, struct walk *rests)
{
    bool is_tail = true; /* as in a tail, a number alone is no text */

    for (;;) {
        etf_term head;

        while (etf__tag(t) == ETF__CONS) {
            uint64_t *rest = etf__walk_push(rests, 1);

            if (rest == NULL)
                return false;
            (void)etf_list_next(&t, &head);
            *rest = t.word;
            t = head;
            is_tail = false;
        }
        if (!etf_same(t, etf_nil()) && !take_chars(p, t, is_tail))
            return false;
        if (etf__walk_is_empty(rests) || (p != NULL && etf__print_stopped(p)))
            return true;
        t = etf__word(*etf__walk_pop(rests, 1));
        is_tail = true;
    }
}

bool etf__print_chars(struct printer *p, etf_term t)
{
    etf_bytes atom = etf_atom_text(t);
    struct walk rests;
    bool is_text;

    if (atom.data != NULL) {
        etf__put(p, atom.data, atom.size);
        return true;
    }
    etf__walk_init(&rests);
    is_text = walk_chars(NULL, t, &rests);
    rests.top = rests.base;
    if (is_text)
        (void)walk_chars(p, t, &rests);
    etf__walk_fini(&rests);
    return is_text;
}
