/*
 * io_format.c -- io_lib:format/2: a format and its arguments as text.
 *
 * Who is a group leader gets the format and the arguments of a process of
 * another node, not the text, and so has to know what the text is.
 *
 * Sources: OTP 25, io:fwrite/3, and what io_lib prints; spec/distribution.md
 * 13. Of later releases the modifiers k and K are known, which are about the
 * order of keys in maps: here they are in term order anyway. Different: widths
 * count code points where OTP counts grapheme clusters; a width or precision
 * over ETF__FIELD_MAX, and a negative precision, are errors.
 */
#include <stdlib.h>

#include "bignum.h"
#include "io_format.h"
#include "print.h"
#include "utf8.h"

#define LINE 80 /* of ~p */

struct formatter {
    struct etf_buffer *out;  /* borrowed */
    struct etf_buffer field; /* owned: what a control makes, without its pad */
    const uint32_t *format;  /* borrowed: what is left of it */
    const uint32_t *format_end;
    etf_term args;  /* what is left of them */
    size_t counted; /* of the output, in `column` */
    size_t column;  /* characters in the line */
    struct agner_error *error;
};

static enum agner_err bad(struct formatter *f, const char *what)
{
    return agner_fail(f->error, AGNER_EINVAL, "%s", what);
}

static enum agner_err put_point(struct etf_buffer *b, uint32_t point)
{
    uint8_t bytes[4];

    return etf_buffer_add(b, bytes, etf__utf8_put(bytes, point));
}

static enum agner_err put_points(struct etf_buffer *b, uint32_t point,
                                 int64_t count)
{
    enum agner_err err = AGNER_OK;

    while (count-- > 0 && err == AGNER_OK)
        err = put_point(b, point);
    return err;
}

static int64_t count_points(const struct etf_buffer *b)
{
    int64_t count = 0;

    for (size_t i = 0; i < b->size; i++)
        count += (b->data[i] & 0xc0) != 0x80;
    return count;
}

/* Characters in the line that the output ends with; a tab goes on to the next
 * multiple of 8. */
static size_t column(struct formatter *f)
{
    for (; f->counted < f->out->size; f->counted++) {
        uint8_t byte = f->out->data[f->counted];

        if (byte == '\n')
            f->column = 0;
        else if (byte == '\t')
            f->column = (f->column + 8) / 8 * 8;
        else
            f->column += (byte & 0xc0) != 0x80;
    }
    return f->column;
}

/* ---- Fields ---- */

/* `count` characters at the front of the field, `filled` with more of the pad
 * to so many, and those at the side to the field's width. */
static enum agner_err adjust(struct formatter *f, const struct etf__spec *s,
                             int64_t count, int64_t filled, int64_t width)
{
    size_t size = 0;
    enum agner_err err = AGNER_OK;

    for (; size < f->field.size; size++) {
        count -= (f->field.data[size] & 0xc0) != 0x80;
        if (count < 0)
            break;
    }
    if (!s->is_left)
        err = put_points(f->out, s->pad, width - filled);
    if (err == AGNER_OK)
        err = etf_buffer_add(f->out, f->field.data, size);
    if (err == AGNER_OK)
        err = put_points(f->out, s->pad, count); /* unless all were there */
    if (err == AGNER_OK && s->is_left)
        err = put_points(f->out, s->pad, width - filled);
    return err;
}

/* A term or number, which becomes stars when there is no room. */
static enum agner_err put_field(struct formatter *f, const struct etf__spec *s,
                                int64_t precision)
{
    int64_t count = count_points(&f->field);
    int64_t width = s->width >= 0 ? s->width : precision;
    int64_t room = precision >= 0 && precision < width ? precision : width;
    enum agner_err err = AGNER_OK;

    if (width < 0)
        return etf_buffer_add(f->out, f->field.data, f->field.size);
    if (count > room) {
        f->field.size = 0;
        err = put_points(&f->field, '*', room);
        count = room;
    }
    return err == AGNER_OK ? adjust(f, s, count, count, width) : err;
}

/* A string, which is cut when there is no room. */
static enum agner_err put_string(struct formatter *f, struct etf__spec *s)
{
    int64_t count = count_points(&f->field);
    int64_t width = s->width, precision = s->precision;

    if (width < 0 && precision < 0)
        return etf_buffer_add(f->out, f->field.data, f->field.size);
    if (width < 0) {
        width = precision;
        s->is_left = true;
    }
    if (precision < 0 || precision == width)
        precision = count < width ? count : width;
    else if (precision > width)
        return bad(f, "~s: the precision is over the width");
    return adjust(f, s, precision, precision, width);
}

/* ---- Controls ---- */

static enum agner_err format_term(struct formatter *f,
                                  const struct etf__spec *s, etf_term t,
                                  int64_t depth)
{
    struct etf_print_options o = {
        .style = s->is_unicode ? ETF_STYLE_TW : ETF_STYLE_W,
        .io_depth = depth > 0 ? (unsigned)depth : 0,
    };
    enum agner_err err = depth == 0 ? etf_buffer_add(&f->field, "...", 3)
                                    : etf_print(&f->field, t, &o);

    return err == AGNER_OK ? put_field(f, s, s->precision) : err;
}

static enum agner_err format_pretty(struct formatter *f,
                                    const struct etf__spec *s, etf_term t,
                                    int64_t depth)
{
    struct etf_print_options o = {
        .style = s->is_unicode ? ETF_STYLE_TP : ETF_STYLE_P,
        .columns = s->width < 0 ? LINE : (unsigned)s->width,
        .io_depth = depth > 0 ? (unsigned)depth : 0,
        .no_strings = s->no_strings,
    };
    size_t at = s->precision < 0 ? column(f) + 1 : (size_t)s->precision;

    if (s->is_left)
        return bad(f, "~p: cannot be adjusted to the left");
    /* So far to the right nothing fits, wherever it is. */
    o.column = at < ETF__FIELD_MAX ? (unsigned)at : ETF__FIELD_MAX;
    return depth == 0 ? etf_buffer_add(f->out, "...", 3)
                      : etf_print(f->out, t, &o);
}

static enum agner_err format_chars(struct formatter *f, struct etf__spec *s,
                                   etf_term t)
{
    enum agner_err err = etf__chars(&f->field, t, s->is_unicode);

    if (err == AGNER_EINVAL)
        return bad(f, s->is_unicode ? "~ts: not text" : "~s: not text");
    return err == AGNER_OK ? put_string(f, s) : err;
}

static enum agner_err format_float(struct formatter *f,
                                   const struct etf__spec *s, etf_term t)
{
    enum agner_err err;
    double v;

    if (!etf_get_float(t, &v))
        return bad(f, "~e, ~f, ~g: not a float");
    err = etf__float_format(&f->field, v, s);
    if (err == AGNER_EINVAL)
        return bad(f, "~e, ~f, ~g: no such precision");
    return err == AGNER_OK ? put_field(f, s, s->width) : err;
}

static void to_lower(struct etf_buffer *b, size_t from)
{
    for (size_t i = from; i < b->size; i++)
        if (b->data[i] >= 'A' && b->data[i] <= 'Z')
            b->data[i] = (uint8_t)(b->data[i] - 'A' + 'a');
}

/* ~b ~x ~+ with small letters, ~B ~X ~# with large ones. `prefix` may be NULL.
 */
static enum agner_err format_integer(struct formatter *f,
                                     const struct etf__spec *s, etf_term t,
                                     const struct etf_buffer *prefix)
{
    int64_t base = s->precision < 0 ? 10 : s->precision;
    struct etf_buffer digits = { .size_max = f->field.size_max };
    bool is_negative;
    enum agner_err err;

    if (etf_kind(t) != ETF_KIND_INTEGER)
        return bad(f, "~b, ~x, ~+: not an integer");
    if (base < 2 || base > 36)
        return bad(f, "~b, ~x, ~+: no such base");
    err = etf__big_to_text(&digits, t, (unsigned)base);
    if (err == AGNER_OK &&
        (s->control == 'b' || s->control == 'x' || s->control == '+'))
        to_lower(&digits, 0);
    is_negative = err == AGNER_OK && digits.data[0] == '-';
    if (is_negative)
        err = etf_buffer_add(&f->field, "-", 1);
    if (err == AGNER_OK && prefix != NULL)
        err = etf_buffer_add(&f->field, prefix->data, prefix->size);
    if (err == AGNER_OK)
        err = etf_buffer_add(&f->field, digits.data + is_negative,
                             digits.size - is_negative);
    etf_buffer_fini(&digits);
    return err == AGNER_OK ? put_field(f, s, -1) : err;
}

static enum agner_err format_prefixed(struct formatter *f,
                                      const struct etf__spec *s, etf_term t,
                                      etf_term prefix_term)
{
    struct etf_buffer prefix = { .size_max = f->field.size_max };
    enum agner_err err = AGNER_OK;

    if (etf_is_none(prefix_term)) /* ~+ and ~#: the base */
        err = etf__big_to_text(
            &prefix, etf__small(s->precision < 0 ? 10 : s->precision), 10);
    else if (etf_kind(prefix_term) != ETF_KIND_BINARY)
        err = etf__chars(&prefix, prefix_term, true);
    else
        err = AGNER_EINVAL;
    if (err == AGNER_OK && etf_is_none(prefix_term))
        err = etf_buffer_add(&prefix, "#", 1);
    if (err == AGNER_EINVAL)
        err = bad(f, "~x: the prefix is not text");
    else if (err == AGNER_OK)
        err = format_integer(f, s, t, &prefix);
    etf_buffer_fini(&prefix);
    return err;
}

/* ~c and ~~: as often as asked for. */
static enum agner_err repeat(struct formatter *f, const struct etf__spec *s,
                             uint32_t point)
{
    int64_t count = s->precision >= 0 ? s->precision : s->width;
    int64_t pad = s->precision >= 0 && s->width >= 0 ? s->width - count : 0;
    enum agner_err err = AGNER_OK;

    if (pad < 0)
        return bad(f, "~c: the precision is over the width");
    if (!s->is_left)
        err = put_points(f->out, s->pad, pad);
    if (err == AGNER_OK)
        err = put_points(f->out, point, count < 0 ? 1 : count);
    if (err == AGNER_OK && s->is_left)
        err = put_points(f->out, s->pad, pad);
    return err;
}

static enum agner_err format_char(struct formatter *f,
                                  const struct etf__spec *s, etf_term t)
{
    uint8_t bytes[4];
    int64_t point;

    if (!etf_get_int(t, &point))
        return bad(f, "~c: not a character");
    if (!s->is_unicode)
        point &= 255;
    if (point < 0 || point > 0x10ffff ||
        etf__utf8_put(bytes, (uint32_t)point) == 0)
        return bad(f, "~tc: not a character");
    return repeat(f, s, (uint32_t)point);
}

static enum agner_err newlines(struct formatter *f, const struct etf__spec *s)
{
    if (s->is_left)
        return bad(f, "~n: cannot be adjusted to the left");
    return put_points(f->out, '\n', s->width < 0 ? 1 : s->width);
}

/* Does the control at hand, whose arguments these are. */
static enum agner_err control(struct formatter *f, struct etf__spec *s,
                              const etf_term *args, int64_t depth)
{
    switch (s->control) {
    case 'w':
    case 'W':
        return format_term(f, s, args[0], depth);
    case 'p':
    case 'P':
        return format_pretty(f, s, args[0], depth);
    case 's':
        return format_chars(f, s, args[0]);
    case 'e':
    case 'f':
    case 'g':
        return format_float(f, s, args[0]);
    case 'b':
    case 'B':
        return format_integer(f, s, args[0], NULL);
    case 'x':
    case 'X':
        return format_prefixed(f, s, args[0], args[1]);
    case '+':
    case '#':
        return format_prefixed(f, s, args[0], ETF_NONE);
    case 'c':
        return format_char(f, s, args[0]);
    case '~':
        return repeat(f, s, '~');
    case 'n':
        return newlines(f, s);
    case 'i':
        return AGNER_OK;
    default:
        return bad(f, "no such control sequence");
    }
}

/* ---- Reading the format ---- */

static unsigned arg_count(uint32_t control)
{
    switch (control) {
    case 'W':
    case 'P':
    case 'x':
    case 'X':
        return 2;
    case '~':
    case 'n':
        return 0;
    default:
        return 1;
    }
}

static bool take(struct formatter *f, uint32_t point)
{
    if (f->format == f->format_end || *f->format != point)
        return false;
    f->format++;
    return true;
}

static bool take_arg(struct formatter *f, etf_term *arg)
{
    return etf_list_next(&f->args, arg);
}

/* A number, or `*` for one among the arguments; -1 when there is none. */
static enum agner_err read_number(struct formatter *f, int64_t *value,
                                  bool *is_there)
{
    etf_term arg;

    *is_there = true;
    *value = 0;
    if (take(f, '*')) {
        if (!take_arg(f, &arg) || !etf_get_int(arg, value))
            return bad(f, "*: no integer among the arguments");
    } else if (f->format < f->format_end && *f->format >= '0' &&
               *f->format <= '9') {
        while (f->format < f->format_end && *f->format >= '0' &&
               *f->format <= '9' && *value <= ETF__FIELD_MAX)
            *value = 10 * *value + (int64_t)(*f->format++ - '0');
    } else {
        *is_there = false;
        *value = -1;
        return AGNER_OK;
    }
    if (*value > ETF__FIELD_MAX || *value < -ETF__FIELD_MAX)
        return bad(f, "a field is too wide");
    return AGNER_OK;
}

static enum agner_err read_width(struct formatter *f, struct etf__spec *s)
{
    bool is_left = take(f, '-'), is_there;
    enum agner_err err = read_number(f, &s->width, &is_there);

    if (err != AGNER_OK || (!is_there && !is_left))
        return err;
    if (!is_there)
        return bad(f, "~-: no width");
    if (is_left)
        s->width = -s->width;
    if (s->width < 0) {
        s->width = -s->width;
        s->is_left = true;
    }
    return AGNER_OK;
}

static enum agner_err read_precision(struct formatter *f, struct etf__spec *s)
{
    bool is_there = false;
    enum agner_err err = AGNER_OK;

    if (take(f, '.'))
        err = read_number(f, &s->precision, &is_there);
    if (err == AGNER_OK && is_there && s->precision < 0)
        return bad(f, "a precision is negative");
    return err;
}

static enum agner_err read_pad(struct formatter *f, struct etf__spec *s)
{
    uint8_t bytes[4];
    etf_term arg;
    int64_t point;

    if (!take(f, '.'))
        return AGNER_OK;
    if (f->format == f->format_end)
        return bad(f, "the format ends inside a control sequence");
    point = *f->format++;
    if (point == '*' && (!take_arg(f, &arg) || !etf_get_int(arg, &point)))
        return bad(f, "*: no character among the arguments");
    if (point < 0 || point > 0x10ffff ||
        etf__utf8_put(bytes, (uint32_t)point) == 0)
        return bad(f, "the pad is not a character");
    s->pad = (uint32_t)point;
    return AGNER_OK;
}

static enum agner_err read_modifiers(struct formatter *f, struct etf__spec *s)
{
    etf_term order;

    for (;;) {
        if (take(f, 't'))
            s->is_unicode = true;
        else if (take(f, 'l'))
            s->no_strings = true;
        else if (!take(f, 'k') && !take(f, 'K'))
            return AGNER_OK;
        else if (f->format[-1] == 'K' &&
                 (!take_arg(f, &order) || (!etf_same(order, ETF_A(undefined)) &&
                                           !etf_atom_is(order, "ordered"))))
            return bad(f, "K: only ordered and undefined are known");
    }
}

static enum agner_err sequence(struct formatter *f)
{
    struct etf__spec s = { .width = -1, .precision = -1, .pad = ' ' };
    etf_term args[2] = { ETF_NONE, ETF_NONE };
    int64_t depth = -1;
    enum agner_err err = read_width(f, &s);

    if (err == AGNER_OK)
        err = read_precision(f, &s);
    if (err == AGNER_OK)
        err = read_pad(f, &s);
    if (err == AGNER_OK)
        err = read_modifiers(f, &s);
    if (err != AGNER_OK)
        return err;
    if (f->format == f->format_end)
        return bad(f, "the format ends inside a control sequence");
    s.control = *f->format++;
    for (unsigned i = 0; i < arg_count(s.control); i++)
        if (!take_arg(f, &args[i]))
            return bad(f, "fewer arguments than the format wants");
    if ((s.control == 'W' || s.control == 'P') &&
        (!etf_get_int(args[1], &depth) || depth > INT32_MAX))
        return bad(f, "~W, ~P: the depth is not an integer");
    f->field.size = 0;
    return control(f, &s, args, depth);
}

static enum agner_err run(struct formatter *f)
{
    enum agner_err err = AGNER_OK;

    if (etf_list_size(f->args) < 0)
        return bad(f, "the arguments are not a list");
    while (f->format < f->format_end && err == AGNER_OK)
        err = take(f, '~') ? sequence(f) : put_point(f->out, *f->format++);
    if (err == AGNER_OK && etf_list_size(f->args) != 0)
        return bad(f, "more arguments than the format wants");
    return err;
}

/* The code points of a format. Of a binary they are its bytes, as in OTP. */
static enum agner_err read_format(struct etf_buffer *points, etf_term format)
{
    bool is_binary = etf_kind(format) == ETF_KIND_BINARY;
    struct etf_buffer text = { .size_max = 0 };
    enum agner_err err = etf__chars(&text, format, !is_binary);
    size_t at = 0;

    while (err == AGNER_OK && at < text.size) {
        uint32_t point = 0;

        at += etf__utf8_next(text.data + at, text.size - at, &point);
        err = etf_buffer_add(points, &point, sizeof point);
    }
    etf_buffer_fini(&text);
    return err;
}

enum agner_err etf_io_format(struct etf_buffer *b, etf_term format,
                             etf_term args, struct agner_error *error)
{
    struct etf_buffer points = { .size_max = 0 };
    size_t start = b->size;
    struct formatter f = { .out = b,
                           .field = { .size_max = b->size_max },
                           .args = args,
                           .counted = start,
                           .error = error };
    enum agner_err err = read_format(&points, format);

    if (err == AGNER_EINVAL)
        err = bad(&f, "the format is not text");
    if (err == AGNER_OK) {
        /* Four bytes each, from malloc(): aligned. */
        f.format = f.format_end = (const uint32_t *)(const void *)points.data;
        if (points.size > 0)
            f.format_end += points.size / sizeof(uint32_t);
        err = run(&f);
    }
    if (err != AGNER_OK) {
        b->size = start;
        if (err != AGNER_EINVAL)
            (void)agner_fail(error, err, "%s", agner_strerror(err));
    }
    etf_buffer_fini(&points);
    etf_buffer_fini(&f.field);
    return err;
}
