/*
 * print.c -- etf_print() and etf_format(): which style, how much, and where to
 * cut.
 *
 * A text that would be longer than asked for is exactly as much of it as fits,
 * with "..." in place of the end. On failure the buffer is as long as before.
 */
#include "print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "utf8.h"

/* ---- Writing ---- */

static size_t char_count(const uint8_t *text, size_t size)
{
    size_t count = 0;

    for (size_t i = 0; i < size; i++)
        count += (text[i] & 0xc0) != 0x80;
    return count;
}

/* `size` or less, so that no character is split. */
static size_t whole_chars(const uint8_t *text, size_t size)
{
    while (size > 0 && (text[size] & 0xc0) == 0x80)
        size--;
    return size;
}

void etf__put(struct printer *p, const void *text, size_t size)
{
    size_t room;

    if (etf__print_stopped(p))
        return;
    room = p->size_max - p->out->size;
    if (size > room) {
        size = whole_chars(text, room);
        p->is_cut = true;
    }
    p->err = etf_buffer_add(p->out, text, size);
    p->width += (int64_t)char_count(text, size);
}

void etf__put_text(struct printer *p, const char *text)
{
    etf__put(p, text, strlen(text));
}

void etf__put_format(struct printer *p, const char *format, ...)
{
    char text[128]; /* numbers and marks: callers know that they fit */
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    etf__put(p, text, (size_t)size);
}

void etf__put_point(struct printer *p, uint32_t point)
{
    uint8_t bytes[4];

    etf__put(p, bytes, etf__utf8_put(bytes, point));
}

/* ---- Styles ---- */

static void printer_init(struct printer *p, struct etf_buffer *out,
                         const struct etf_print_options *options)
{
    enum etf_style style = options->style;

    *p = (struct printer){
        .out = out,
        .size_max = SIZE_MAX,
        .width_max = INT64_MAX,
        .is_pretty = style != ETF_STYLE_W && style != ETF_STYLE_TW,
        .has_strings = style != ETF_STYLE_W && style != ETF_STYLE_TW &&
                       !options->no_strings,
        .is_unicode = style != ETF_STYLE_W && style != ETF_STYLE_P,
        .options = options,
    };
    if (options->bytes_max != 0 &&
        __builtin_add_overflow(out->size, options->bytes_max, &p->size_max))
        p->size_max = SIZE_MAX;
}

/* The column that the text begins in, from 1. */
static unsigned first_column(const struct printer *p)
{
    return p->options->column != 0 ? p->options->column : 1;
}

/* As one line if that leaves a column free at its end. */
static bool print_short(struct printer *p, etf_term t, unsigned columns)
{
    size_t size = p->out->size;

    p->width_max = (int64_t)columns - first_column(p) - 1;
    etf__print_flat(p, t);
    if (p->err != AGNER_OK || p->width <= p->width_max)
        return true;
    p->out->size = size;
    p->width = 0;
    p->width_max = INT64_MAX;
    p->is_cut = false;
    return false;
}

static void print_long(struct printer *p, etf_term t, unsigned columns)
{
    struct etf_buffer text = { .size_max = 0 };
    struct printer flat = *p;

    flat.out = &text;
    flat.size_max =
        p->size_max == SIZE_MAX ? SIZE_MAX : p->size_max - p->out->size;
    flat.has_nodes = true;
    etf__print_flat(&flat, t);
    p->err = flat.err;
    if (p->err == AGNER_OK)
        etf__print_lines(p, &flat, columns, first_column(p));
    p->is_cut |= flat.is_cut;
    free(flat.nodes);
    etf_buffer_fini(&text);
}

static void print(struct printer *p, etf_term t)
{
    unsigned columns = p->options->columns;

    if (p->options->style == ETF_STYLE_S && etf__print_chars(p, t))
        return;
    if (!p->is_pretty || columns == 0)
        etf__print_flat(p, t);
    else if (!print_short(p, t, columns))
        print_long(p, t, columns);
}

enum agner_err etf__chars(struct etf_buffer *out, etf_term t, bool is_unicode)
{
    struct printer p = { .out = out,
                         .size_max = SIZE_MAX,
                         .width_max = INT64_MAX,
                         .is_unicode = is_unicode };

    if (!etf__print_chars(&p, t) && p.err == AGNER_OK)
        return AGNER_EINVAL;
    return p.err;
}

/* Puts "..." in place of the last characters of a text that was cut; `start` is
 * where it begins. */
static void mark_cut(struct printer *p, size_t start)
{
    size_t room = p->size_max - start;
    size_t dots = room < 3 ? room : 3;
    size_t keep = start + room - dots;

    if (p->out->size > keep)
        p->out->size = start + whole_chars(p->out->data + start, keep - start);
    p->err = etf_buffer_add(p->out, "...", dots);
}

enum agner_err etf_print(struct etf_buffer *b, etf_term t,
                         const struct etf_print_options *options)
{
    size_t start = b->size;
    struct printer p;

    printer_init(&p, b, options);
    print(&p, t);
    if (p.err == AGNER_OK && p.is_cut)
        mark_cut(&p, start);
    if (p.err != AGNER_OK)
        b->size = start;
    return p.err;
}

/* The buffer is the caller's: it has its whole capacity from the start, and a
 * limit, so that nobody grows it. */
char *etf_format(char *buffer, size_t size, etf_term t)
{
    struct etf_print_options options = { .style = ETF_STYLE_TP };
    struct etf_buffer b = { .data = (uint8_t *)buffer };
    struct printer p;

    if (size == 0)
        return buffer;
    b.capacity = b.size_max = options.bytes_max = size - 1;
    if (size > 1) {
        printer_init(&p, &b, &options);
        etf__print_flat(&p, t);
        if (p.is_cut || p.err != AGNER_OK) /* out of memory: what there is */
            mark_cut(&p, 0);
    }
    buffer[b.size] = '\0';
    return buffer;
}
