/*
 * parse_bits.c -- binaries and bitstrings in Erlang text.
 *
 * Segments are integers, with a size in bits if it is not 8, and strings, whose
 * characters are integers each: <<1, 2:4, "abc", "\x{3a9}"/utf8>>. As in
 * Erlang, the low bits of an integer that is too large are what counts. Other
 * types of segments (floats, nested binaries, little-endian integers) are not
 * read: nothing prints them.
 */
#include "parse.h"

#include "bignum.h"
#include "bits.h"
#include "utf8.h"

/* Of the whole, and of one integer: wider than the largest, it would be mostly
 * padding, and a few characters should not ask for much memory. */
#define BITS_MAX    ((uint64_t)ETF_DECODED_MAX * 8)
#define SEGMENT_MAX ((uint64_t)ETF_BIG_BYTES_MAX * 8)

struct bit_writer {
    struct etf_buffer bytes; /* unused bits of the last one are 0 */
    size_t count;            /* bits */
};

struct segment {
    size_t start;           /* of its text, for errors */
    etf_term integer;       /* or ETF_NONE: */
    struct etf_buffer text; /* owned */
    uint64_t size;          /* bits */
    bool has_size;
    bool utf8;
    uint32_t point; /* the integer, when utf8 */
};

/* Appends the low `count` bits of `value`, 1 to 8. */
static enum agner_err put_bits(struct bit_writer *w, unsigned value,
                               unsigned count)
{
    unsigned offset = (unsigned)(w->count % 8);
    unsigned window = (value & ((1u << count) - 1)) << (16 - count) >> offset;
    const uint8_t bytes[2] = { (uint8_t)(window >> 8), (uint8_t)window };
    unsigned fresh = offset == 0 ? 1 : offset + count > 8 ? 1 : 0;
    enum agner_err err =
        etf_buffer_add(&w->bytes, bytes + (offset == 0 ? 0 : 1), fresh);

    if (err != AGNER_OK)
        return err;
    if (offset != 0)
        w->bytes.data[w->count / 8] |= bytes[0];
    w->count += count;
    return AGNER_OK;
}

/* Eight bits from bit `at` on of an integer in two's complement. */
static unsigned window_of(const struct etf__integer *view, uint64_t at,
                          size_t lowest)
{
    uint64_t index = at / 64;
    unsigned shift = (unsigned)(at % 64);
    uint64_t value = 0;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t limb = index + i < view->count ? view->limbs[index + i] : 0;

        if (view->negative) /* -x is ~x + 1: the 1 ends at the lowest limb */
            limb = index + i <= lowest ? 0 - limb : ~limb;
        if (i == 0)
            value = limb >> shift;
        else if (shift > 56)
            value |= limb << (64 - shift);
    }
    return (unsigned)(value & 0xff);
}

static enum agner_err put_integer(struct bit_writer *w, etf_term t,
                                  uint64_t size)
{
    struct etf__integer view;
    size_t lowest = 0;
    enum agner_err err = AGNER_OK;

    etf__integer_view(t, &view);
    while (lowest < view.count && view.limbs[lowest] == 0)
        lowest++;
    while (size > 0 && err == AGNER_OK) {
        unsigned count = size % 8 == 0 ? 8 : (unsigned)(size % 8);

        size -= count;
        err = put_bits(w, window_of(&view, size, lowest), count);
    }
    return err;
}

static enum agner_err put_utf8(struct bit_writer *w, uint32_t point)
{
    uint8_t bytes[4];
    unsigned size = etf__utf8_put(bytes, point);
    enum agner_err err = AGNER_OK;

    for (unsigned i = 0; i < size && err == AGNER_OK; i++)
        err = put_bits(w, bytes[i], 8);
    return err;
}

/* Once for an integer, for each character of a string. */
static enum agner_err put_segment(const struct segment *segment,
                                  struct bit_writer *w)
{
    const struct etf_buffer *chars = &segment->text;
    enum agner_err err = AGNER_OK;
    size_t at = 0;

    if (!etf_is_none(segment->integer))
        return segment->utf8 ? put_utf8(w, segment->point)
                             : put_integer(w, segment->integer, segment->size);
    while (at < chars->size && err == AGNER_OK) {
        uint32_t point = 0;

        at += etf__utf8_next(chars->data + at, chars->size - at, &point);
        err = segment->utf8 ? put_utf8(w, point)
                            : put_integer(w, etf__small(point), segment->size);
    }
    return err;
}

/* Is the integer a character? */
static bool has_point(struct segment *segment)
{
    uint64_t value;
    uint8_t bytes[4];

    if (!etf_get_uint(segment->integer, &value) || value > 0x10ffff)
        return false;
    segment->point = (uint32_t)value;
    return etf__utf8_put(bytes, segment->point) > 0;
}

/* Behind `:`. */
static enum agner_err take_size(struct scan *s, struct segment *segment)
{
    enum agner_err err = etf__scan(s);

    if (err != AGNER_OK)
        return err;
    if (s->token != TOKEN_INTEGER || !etf_get_uint(s->value, &segment->size))
        return etf__scan_expected(s, "a size in bits");
    segment->has_size = true;
    return AGNER_OK;
}

/* Behind `/`. */
static enum agner_err take_type(struct scan *s, struct segment *segment)
{
    enum agner_err err = etf__scan(s);

    if (err != AGNER_OK)
        return err;
    if (s->token == TOKEN_ATOM && etf_atom_is(s->value, "utf8") &&
        !segment->has_size)
        segment->utf8 = true;
    else if (s->token != TOKEN_ATOM || !etf_atom_is(s->value, "integer"))
        return etf__scan_expected(s, segment->has_size
                                         ? "the type 'integer'"
                                         : "the type 'integer' or 'utf8'");
    return AGNER_OK;
}

/* Behind a value: its size and type, if given; the token behind them is then
 * the current one. */
static enum agner_err take_size_and_type(struct scan *s,
                                         struct segment *segment)
{
    enum agner_err err = etf__scan(s);

    if (err == AGNER_OK && s->token == TOKEN_COLON) {
        err = take_size(s, segment);
        if (err == AGNER_OK)
            err = etf__scan(s);
    }
    if (err == AGNER_OK && s->token == TOKEN_SLASH) {
        err = take_type(s, segment);
        if (err == AGNER_OK)
            err = etf__scan(s);
    }
    return err;
}

/* The token is the first of a segment. */
static enum agner_err parse_segment(struct scan *s, struct bit_writer *w)
{
    struct segment segment = { .start = s->start, .size = 8 };
    uint64_t total;
    enum agner_err err = AGNER_OK;

    if (s->token == TOKEN_INTEGER) {
        segment.integer = s->value;
    } else if (s->token == TOKEN_STRING) {
        err = etf__scan_take(s, &segment.text);
    } else {
        return etf__scan_expected(s, "an integer or a string");
    }
    if (err == AGNER_OK)
        err = take_size_and_type(s, &segment);
    if (err == AGNER_OK &&
        (segment.size > SEGMENT_MAX ||
         __builtin_mul_overflow(segment.size, segment.text.size + 1, &total) ||
         total > BITS_MAX - w->count))
        err = etf__scan_fail(s, segment.start, AGNER_ELIMIT,
                             "the binary is too large");
    if (err == AGNER_OK && segment.utf8 && !etf_is_none(segment.integer) &&
        !has_point(&segment))
        err = etf__scan_fail(s, segment.start, AGNER_ESYNTAX,
                             "the integer is no character");
    if (err == AGNER_OK && put_segment(&segment, w) != AGNER_OK)
        err = etf__scan_no_memory(s);
    etf_buffer_fini(&segment.text);
    return err;
}

static enum agner_err parse_segments(struct scan *s, struct bit_writer *w)
{
    enum agner_err err = etf__scan(s);

    if (err != AGNER_OK || s->token == TOKEN_BITS_CLOSE)
        return err;
    for (;;) {
        err = parse_segment(s, w);
        if (err != AGNER_OK || s->token == TOKEN_BITS_CLOSE)
            return err;
        if (s->token != TOKEN_COMMA)
            return etf__scan_expected(s, "',' or '>>'");
        err = etf__scan(s);
        if (err != AGNER_OK)
            return err;
    }
}

enum agner_err etf__parse_bits(struct scan *s, etf_term *out)
{
    struct bit_writer w = { .count = 0 };
    enum agner_err err = parse_segments(s, &w);

    if (err == AGNER_OK) {
        unsigned used = w.count % 8 == 0 ? 8 : (unsigned)(w.count % 8);
        uint8_t *data;

        *out = etf__bits_new(s->region, w.bytes.size, used, &data);
        if (etf_is_none(*out))
            err = etf__scan_no_memory(s);
        else if (w.bytes.size > 0)
            memcpy(data, w.bytes.data, w.bytes.size);
    }
    etf_buffer_fini(&w.bytes);
    return err;
}
