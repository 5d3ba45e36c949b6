/*
 * read_leaf.c -- atoms, numbers, binaries and exports out of their external
 * form: everything that has no terms inside but atoms.
 */
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "atom_table.h"
#include "bits.h"
#include "reader.h"
#include "tags.h"
#include "utf8.h"

#define LATIN1_MAX ETF__ATOM_CHARS_MAX

enum agner_err etf__read_fail(const struct reader *rd, enum agner_err err,
                              const char *cause)
{
    return agner_fail(rd->error, err, "byte %zu: %s",
                      (size_t)(rd->next - rd->start), cause);
}

/* `count` bytes, which `next` then stands behind, or NULL. */
static const uint8_t *take(struct reader *rd, size_t count)
{
    const uint8_t *p = rd->next;

    if (etf__bytes_left(rd) < count)
        return NULL;
    rd->next += count;
    return p;
}

static enum agner_err truncated(const struct reader *rd)
{
    return etf__read_fail(rd, AGNER_ETRUNCATED, "input ends inside a term");
}

/* Words that somebody else is about to take, counted. */
static enum agner_err charge(struct reader *rd, size_t words)
{
    if (words > rd->words_left)
        return etf__read_fail(rd, AGNER_ELIMIT, "decoded term is too large");
    rd->words_left -= words;
    return AGNER_OK;
}

/* ---- Atoms ---- */

/* A boxed atom in this region, counted like other words. */
static enum agner_err boxed_atom(struct reader *rd, const uint8_t *text,
                                 size_t size, etf_term *out)
{
    enum agner_err err = charge(rd, 1 + etf__bytes_words(size));

    if (err != AGNER_OK)
        return err;
    *out = etf__atom_boxed(rd->region, text, size);
    if (etf_is_none(*out))
        return etf__read_fail(rd, AGNER_ENOMEM, "region is full");
    return AGNER_OK;
}

/* A text that is not interned yet. */
static enum agner_err new_atom(struct reader *rd, const uint8_t *text,
                               size_t size, etf_term *out)
{
    struct etf_atom_budget *budget = rd->options.budget;
    enum agner_err err = etf__atom_check(text, size);
    bool added;

    if (err == AGNER_EMALFORMED)
        return etf__read_fail(rd, err, "atom is not UTF-8");
    if (err != AGNER_OK)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "atom of more than 255 characters");
    if (rd->options.safe)
        return etf__read_fail(rd, AGNER_EMALFORMED, "unknown atom");
    if (budget == NULL || budget->left > 0) {
        *out = etf__atom_intern(text, size, &added);
        if (added && budget != NULL)
            budget->left--;
        if (!etf_is_none(*out))
            return AGNER_OK;
    } else {
        budget->refused++;
    }
    return boxed_atom(rd, text, size, out);
}

enum agner_err etf__read_atom_text(struct reader *rd, size_t size,
                                   etf_term *out)
{
    const uint8_t *text = rd->next;

    rd->next += size;
    *out = etf__atom_lookup(text, size);
    return etf_is_none(*out) ? new_atom(rd, text, size, out) : AGNER_OK;
}

static enum agner_err latin1_atom(struct reader *rd, size_t size, etf_term *out)
{
    uint8_t text[2 * LATIN1_MAX];
    const uint8_t *p = rd->next;
    size_t used = 0;

    if (size > LATIN1_MAX)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "atom of more than 255 characters");
    for (size_t i = 0; i < size; i++)
        used += etf__utf8_put(text + used, p[i]);
    rd->next += size;
    *out = etf__atom_lookup(text, used);
    return etf_is_none(*out) ? new_atom(rd, text, used, out) : AGNER_OK;
}

/* An atom that the cache holds may be boxed in somebody else's memory. */
static enum agner_err cached_atom(struct reader *rd, etf_term *out)
{
    const uint8_t *index = take(rd, 1);
    etf_bytes text;

    if (index == NULL)
        return truncated(rd);
    if (*index >= rd->options.cache_count || rd->options.cache == NULL ||
        !etf_is_atom(rd->options.cache[*index]))
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "reference to no cached atom");
    *out = rd->options.cache[*index];
    if (etf__tag(*out) == ETF__ATOM)
        return AGNER_OK;
    text = etf_atom_text(*out);
    return boxed_atom(rd, text.data, text.size, out);
}

static enum agner_err read_atom_as(struct reader *rd, unsigned tag,
                                   etf_term *out)
{
    bool latin1 = tag == ATOM_EXT || tag == SMALL_ATOM_EXT;
    bool wide = tag == ATOM_EXT || tag == ATOM_UTF8_EXT;
    const uint8_t *head = take(rd, wide ? 2 : 1);
    size_t size;

    if (head == NULL)
        return truncated(rd);
    size = wide ? etf__get16(head) : *head;
    if (etf__bytes_left(rd) < size)
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "input ends inside an atom");
    return latin1 ? latin1_atom(rd, size, out)
                  : etf__read_atom_text(rd, size, out);
}

enum agner_err etf__read_atom(struct reader *rd, etf_term *out)
{
    const uint8_t *tag = rd->next;

    if (etf__bytes_left(rd) == 0)
        return etf__read_fail(rd, AGNER_ETRUNCATED, "atom expected");
    switch (*tag) {
    case SMALL_ATOM_UTF8_EXT:
    case ATOM_UTF8_EXT:
    case SMALL_ATOM_EXT:
    case ATOM_EXT:
        rd->next++;
        return read_atom_as(rd, *tag, out);
    case ATOM_CACHE_REF:
        rd->next++;
        return cached_atom(rd, out);
    default: /* any other byte of 256 */
        return etf__read_fail(rd, AGNER_EMALFORMED, "atom expected");
    }
}

/* ---- Numbers ---- */

static enum agner_err make_float(struct reader *rd, double v, etf_term *out)
{
    enum agner_err err;
    uint64_t *words;

    if (!isfinite(v))
        return etf__read_fail(rd, AGNER_EMALFORMED, "float is not finite");
    words = etf__read_words(rd, 2, &err);
    if (words == NULL)
        return err;
    words[0] = etf__header(1, ETF__HEAD_FLOAT);
    memcpy(words + 1, &v, sizeof v);
    *out = etf__box_at(words);
    return AGNER_OK;
}

static enum agner_err read_float(struct reader *rd, etf_term *out)
{
    const uint8_t *p = take(rd, 8);
    uint64_t bits;
    double v;

    if (p == NULL)
        return truncated(rd);
    bits = etf__get64(p);
    memcpy(&v, &bits, sizeof v);
    return make_float(rd, v, out);
}

static const char *skip_digits(const char *p)
{
    while (*p >= '0' && *p <= '9')
        p++;
    return p;
}

/* [+-]digits(.|,)digits[e[+-]digits] and nothing else. *point is where the
 * point stands. */
static bool is_float_text(const char *text, size_t *point)
{
    const char *p = text + (*text == '+' || *text == '-');
    const char *after = skip_digits(p);

    if (after == p || (*after != '.' && *after != ','))
        return false;
    *point = (size_t)(after - text);
    p = after + 1;
    after = skip_digits(p);
    if (after == p)
        return false;
    if (*after == 'e' || *after == 'E') {
        p = after + 1;
        p += *p == '+' || *p == '-';
        after = skip_digits(p);
        if (after == p)
            return false;
    }
    return *after == '\0';
}

static enum agner_err read_text_float(struct reader *rd, etf_term *out)
{
    const uint8_t *p = take(rd, FLOAT_EXT_CHARS);
    char text[FLOAT_EXT_CHARS + 1];
    locale_t plain;
    size_t point;
    double v;

    if (p == NULL)
        return truncated(rd);
    memcpy(text, p, FLOAT_EXT_CHARS);
    text[FLOAT_EXT_CHARS] = '\0';
    if (!is_float_text(text, &point))
        return etf__read_fail(rd, AGNER_EMALFORMED, "no float text");
    text[point] = '.';
    /* The program's locale must not decide what a point is. */
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return etf__read_fail(rd, AGNER_ENOMEM, "no locale");
    v = strtod_l(text, NULL, plain);
    freelocale(plain);
    return make_float(rd, v, out);
}

static enum agner_err read_big(struct reader *rd, unsigned tag, etf_term *out)
{
    const uint8_t *head = take(rd, tag == SMALL_BIG_EXT ? 2 : 5);
    const uint8_t *digits;
    enum agner_err err;
    bool negative;
    size_t size;

    if (head == NULL)
        return truncated(rd);
    size = tag == SMALL_BIG_EXT ? head[0] : etf__get32(head);
    negative = rd->next[-1] != 0;
    digits = take(rd, size);
    if (digits == NULL)
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "integer longer than its input");
    while (size > 0 && digits[size - 1] == 0)
        size--;
    if (size > ETF_BIG_BYTES_MAX)
        return etf__read_fail(rd, AGNER_ELIMIT, "integer too large");
    err = charge(rd, 1 + etf__bytes_words(size));
    if (err != AGNER_OK)
        return err;
    *out = etf_big(rd->region, negative, digits, size);
    if (etf_is_none(*out))
        return etf__read_fail(rd, AGNER_ENOMEM, "region is full");
    return AGNER_OK;
}

enum agner_err etf__read_integer(struct reader *rd, etf_term *out)
{
    const uint8_t *p = take(rd, 1);
    unsigned tag;

    if (p == NULL)
        return etf__read_fail(rd, AGNER_ETRUNCATED, "integer expected");
    tag = *p;
    if (tag == SMALL_BIG_EXT || tag == LARGE_BIG_EXT)
        return read_big(rd, tag, out);
    if (tag != SMALL_INTEGER_EXT && tag != INTEGER_EXT)
        return etf__read_fail(rd, AGNER_EMALFORMED, "integer expected");
    p = take(rd, tag == SMALL_INTEGER_EXT ? 1 : 4);
    if (p == NULL)
        return truncated(rd);
    *out = etf__small(tag == SMALL_INTEGER_EXT ? *p : (int32_t)etf__get32(p));
    return AGNER_OK;
}

/* ---- Binaries ---- */

/* Takes the bytes of a binary, and charges for the words that it is worth. */
static enum agner_err take_bytes(struct reader *rd, size_t size,
                                 const uint8_t **bytes)
{
    *bytes = take(rd, size);
    if (*bytes == NULL)
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "binary longer than its input");
    return charge(rd, 2 + etf__bytes_words(size));
}

static enum agner_err make_bits(struct reader *rd, size_t size, unsigned used,
                                etf_term *out)
{
    const uint8_t *p;
    enum agner_err err = take_bytes(rd, size, &p);
    uint8_t *data;

    if (err != AGNER_OK)
        return err;
    *out = etf__bits_new(rd->region, size, used, &data);
    if (etf_is_none(*out))
        return etf__read_fail(rd, AGNER_ENOMEM, "no room for a binary");
    if (size > 0) {
        memcpy(data, p, size);
        data[size - 1] &= (uint8_t)(0xff << (8 - used));
    }
    return AGNER_OK;
}

/* A binary that lives in the region, in one go. */
static enum agner_err small_binary(struct reader *rd, size_t size,
                                   etf_term *out)
{
    size_t count = etf__bytes_words(size);
    const uint8_t *p = take(rd, size);
    enum agner_err err;
    uint64_t *words;

    if (p == NULL)
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "binary longer than its input");
    words = etf__read_words(rd, 1 + count, &err);
    if (words == NULL)
        return err;
    words[0] = etf__header(size, ETF__HEAD_BINARY);
    if (count > 0) {
        words[count] = 0; /* the padding behind the last byte */
        memcpy(words + 1, p, size);
    }
    *out = etf__box_at(words);
    return AGNER_OK;
}

/* A binary that is at least half of what its input is in stays there. */
static bool may_refer(const struct reader *rd, size_t size)
{
    const struct etf_blob *source = rd->options.source;

    return source != NULL && size >= ETF__REFER_MIN && size >= source->size / 2;
}

static enum agner_err refer(struct reader *rd, size_t size, etf_term *out)
{
    struct etf_blob *source = rd->options.source;
    const uint8_t *p;
    enum agner_err err = take_bytes(rd, size, &p);

    if (err != AGNER_OK)
        return err;
    *out =
        etf__blob_part(rd->region, source, (size_t)(p - source->bytes), size);
    return etf_is_none(*out)
               ? etf__read_fail(rd, AGNER_ENOMEM, "no room for a binary")
               : AGNER_OK;
}

static enum agner_err read_binary(struct reader *rd, etf_term *out)
{
    const uint8_t *head = take(rd, 4);
    size_t size;

    if (head == NULL)
        return truncated(rd);
    size = etf__get32(head);
    if (size < ETF__BLOB_MIN)
        return small_binary(rd, size, out);
    return may_refer(rd, size) ? refer(rd, size, out)
                               : make_bits(rd, size, 8, out);
}

/* No bits of no bytes is the empty binary, in some releases. */
static enum agner_err read_bits(struct reader *rd, etf_term *out)
{
    const uint8_t *head = take(rd, 5);
    unsigned used;
    size_t size;

    if (head == NULL)
        return truncated(rd);
    size = etf__get32(head);
    used = head[4];
    if (used > 8 || (used == 0) != (size == 0))
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "bits of the last byte out of range");
    return make_bits(rd, size, used == 0 ? 8 : used, out);
}

/* ---- Exports ---- */

static enum agner_err read_export(struct reader *rd, etf_term *out)
{
    etf_term module, function, arity = ETF_NONE;
    enum agner_err err;
    uint64_t *words, v = 0;

    err = etf__read_atom(rd, &module);
    if (err == AGNER_OK)
        err = etf__read_atom(rd, &function);
    if (err == AGNER_OK)
        err = etf__read_integer(rd, &arity);
    if (err != AGNER_OK)
        return err;
    if (!etf_get_uint(arity, &v) || v > 255)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "arity of a fun is not 0 to 255");
    if (rd->options.safe)
        return etf__read_fail(rd, AGNER_EMALFORMED, "unknown external fun");
    words = etf__read_words(rd, 4, &err);
    if (words == NULL)
        return err;
    words[0] = etf__header(3, ETF__HEAD_EXPORT);
    words[1] = module.word;
    words[2] = function.word;
    words[3] = v;
    *out = etf__box_at(words);
    return AGNER_OK;
}

enum agner_err etf__read_leaf(struct reader *rd, unsigned tag, etf_term *out)
{
    switch (tag) {
    case NEW_FLOAT_EXT:
        return read_float(rd, out);
    case FLOAT_EXT:
        return read_text_float(rd, out);
    case SMALL_BIG_EXT:
    case LARGE_BIG_EXT:
        return read_big(rd, tag, out);
    case BINARY_EXT:
        return read_binary(rd, out);
    case BIT_BINARY_EXT:
        return read_bits(rd, out);
    case ATOM_EXT:
    case SMALL_ATOM_EXT:
    case ATOM_UTF8_EXT:
    case SMALL_ATOM_UTF8_EXT:
        return read_atom_as(rd, tag, out);
    case ATOM_CACHE_REF:
        return cached_atom(rd, out);
    case PID_EXT:
    case NEW_PID_EXT:
        return etf__read_pid(rd, tag, out);
    case PORT_EXT:
    case NEW_PORT_EXT:
    case V4_PORT_EXT:
        return etf__read_port(rd, tag, out);
    case REFERENCE_EXT:
    case NEW_REFERENCE_EXT:
    case NEWER_REFERENCE_EXT:
        return etf__read_ref(rd, tag, out);
    case EXPORT_EXT:
        return read_export(rd, out);
    default: /* any other byte of 256 */
        rd->next--;
        return etf__read_fail(rd, AGNER_EMALFORMED, "unknown tag");
    }
}
