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
                            bool is_utf8, size_t chars, const char *dots)
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
    etf__put_text(p, is_utf8 && chars < b->size ? "\"/utf8" : "\"");
    etf__put_text(p, dots);
    etf__put_text(p, ">>");
}

static void put_numbers(struct printer *p, const struct bits *b,
                        uint64_t count_max)
{
    etf__put_text(p, "<<");
    for (size_t i = 0; i < b->size && !etf__print_stopped(p); i++) {
        unsigned byte = b->data[i];

        if (i > 0)
            etf__put_text(p, ",");
        if (i == count_max) {
            etf__put_text(p, "...");
            break;
        }
        if (i + 1 == b->size && b->used < 8)
            etf__put_format(p, "%u:%u", byte >> (8 - b->used), b->used);
        else
            etf__put_format(p, "%u", byte);
    }
    etf__put_text(p, ">>");
}

/* How many bytes at the front are printable, and at most `chars_max`
 * characters. */
static size_t text_prefix(const struct bits *b, bool is_utf8, size_t chars_max)
{
    size_t at = 0;

    for (; chars_max > 0 && at < b->size; chars_max--) {
        uint32_t point = b->data[at];
        unsigned length = 1;

        if (is_utf8)
            length = etf__utf8_next(b->data + at, b->size - at, &point);
        if (!is_printable(point))
            break;
        at += length;
    }
    return at;
}

static bool begins_with_utf8(const struct bits *b, size_t chars_max)
{
    size_t at = 0;

    for (; chars_max > 0 && at < b->size; chars_max--) {
        uint32_t point = 0;
        unsigned length = etf__utf8_next(b->data + at, b->size - at, &point);

        if (length == 0)
            return false;
        at += length;
    }
    return true;
}

/* io_lib_pretty's way with a depth: four characters for each level, and a
 * binary that begins with some text counts as text. */
static bool put_text_to_depth(struct printer *p, struct bits b, uint64_t depth)
{
    size_t chars_max = depth > b.size ? b.size : 4 * (size_t)(depth - 1);
    bool is_utf8 = p->is_unicode && begins_with_utf8(&b, chars_max);
    size_t size = text_prefix(&b, is_utf8, chars_max), chars = 0;
    bool is_whole = size == b.size;

    b.size = size;
    if (!is_utf8 || !etf__utf8_valid(b.data, size, &chars))
        chars = size;
    if (size == 0 || (!is_whole && chars < depth - 1))
        return false;
    put_text_binary(p, &b, is_utf8, chars, is_whole ? "" : "...");
    return true;
}

enum node_kind etf__print_bits(struct printer *p, etf_term t, uint64_t depth)
{
    struct bits b = { .data = NULL };
    size_t chars = 0;
    bool is_utf8, is_text = false;

    (void)etf__bits_view(t, &b);
    is_utf8 = p->is_unicode && etf__utf8_valid(b.data, b.size, &chars);
    if (b.size > 0 && depth == 1) {
        etf__put_text(p, "<<...>>");
        return NODE_LEAF;
    }
    if (p->has_strings && b.used == 8 && b.size > 0 && depth > 0) {
        if (put_text_to_depth(p, b, depth))
            return NODE_LEAF;
    } else if (p->has_strings && b.used == 8 && b.size > 0) {
        is_text = is_utf8 ? is_utf8_text(&b) : is_latin1_text(&b);
    }
    if (is_text)
        put_text_binary(p, &b, is_utf8, chars, "");
    else
        put_numbers(p, &b, depth > 0 ? depth - 1 : SIZE_MAX);
    return is_text || b.size == 0 ? NODE_LEAF : NODE_BITS;
}

/* ---- Iolists ---- */

static void put_chars_of(struct printer *p, const struct bits *b)
{
    size_t chars;

    if (p->is_unicode && etf__utf8_valid(b->data, b->size, &chars)) {
        etf__put(p, b->data, b->size);
        return;
    }
    for (size_t i = 0; i < b->size && !etf__print_stopped(p); i++)
        etf__put_point(p, b->data[i]);
}

/* An element or tail that is no list: false when it is no characters. */
static bool take_chars(struct printer *p, etf_term t, bool is_tail, bool is_dry)
{
    int64_t max = p->is_unicode ? 0x10ffff : 255;
    struct bits b;
    uint8_t bytes[4];

    if (etf__bits_view(t, &b) && b.used == 8) {
        if (!is_dry)
            put_chars_of(p, &b);
        return true;
    }
    if (is_tail || etf__tag(t) != ETF__INT || etf__small_value(t) < 0 ||
        etf__small_value(t) > max ||
        etf__utf8_put(bytes, (uint32_t)etf__small_value(t)) == 0)
        return false;
    if (!is_dry)
        etf__put_point(p, (uint32_t)etf__small_value(t));
    return true;
}

static bool take_atom(struct printer *p, etf_bytes text)
{
    uint32_t point = 0;

    for (size_t at = 0; at < text.size && !p->is_unicode;) {
        at += etf__utf8_next(text.data + at, text.size - at, &point);
        if (point > 255)
            return false;
    }
    etf__put(p, text.data, text.size);
    return true;
}

/* Lists in lists are done with a stack of what is left of the outer ones. A dry
 * one only looks. */
static bool walk_chars(struct printer *p, etf_term t, struct walk *rests,
                       bool is_dry)
{
    bool is_tail = true; /* as in a tail, a number alone is no text */

    for (;;) {
        etf_term head;

        while (etf__tag(t) == ETF__CONS) {
            uint64_t *rest = etf__walk_push(rests, 1);

            if (rest == NULL) {
                p->err = AGNER_ENOMEM;
                return false;
            }
            (void)etf_list_next(&t, &head);
            *rest = t.word;
            t = head;
            is_tail = false;
        }
        if (!etf_same(t, etf_nil()) && !take_chars(p, t, is_tail, is_dry))
            return false;
        if (etf__walk_is_empty(rests) || (!is_dry && etf__print_stopped(p)))
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

    if (atom.data != NULL)
        return take_atom(p, atom);
    etf__walk_init(&rests);
    is_text = walk_chars(p, t, &rests, true);
    rests.top = rests.base;
    if (is_text)
        (void)walk_chars(p, t, &rests, false);
    etf__walk_fini(&rests);
    return is_text;
}
