/*
 * write_leaf.c -- everything that has no terms inside but atoms, in its
 * external form.
 */
#include <locale.h>
#include <stdio.h>

#include "atom_table.h"
#include "bignum.h"
#include "bits.h"
#include "ident.h"
#include "tags.h"
#include "utf8.h"
#include "writer.h"

#define NEW_PORT_ID_MAX ((1u << 28) - 1u) /* more need V4_PORT_EXT */

bool etf__writer_grow(struct writer *w, size_t count)
{
    struct etf_buffer *b = w->buffer;
    enum agner_err err;

    if (b->data != NULL)
        b->size = (size_t)(w->next - b->data);
    err = etf_buffer_reserve(b, count);
    if (err != AGNER_OK)
        return etf__write_fail(w, err);
    w->next = b->data + b->size;
    w->end = b->data + b->capacity;
    if (b->size_max != 0 && b->capacity > b->size_max)
        w->end = b->data + b->size_max;
    return true;
}

static bool write_bytes(struct writer *w, const uint8_t *data, size_t size)
{
    if (!etf__writer_room(w, size))
        return false;
    if (size > 0)
        memcpy(w->next, data, size);
    w->next += size;
    return true;
}

/* ---- Atoms ---- */

/* ATOM_EXT, if every character is one of Latin-1. */
static bool write_latin1(struct writer *w, etf_bytes text, bool *done)
{
    uint8_t latin1[ETF__ATOM_BYTES_MAX];
    size_t size = 0, at = 0;

    *done = false;
    while (at < text.size) {
        uint32_t point = 0;

        at += etf__utf8_next(text.data + at, text.size - at, &point);
        if (point > 0xff)
            return true;
        latin1[size++] = (uint8_t)point;
    }
    *done = true;
    if (!etf__writer_room(w, 3))
        return false;
    w->next = etf__put16(etf__put8(w->next, ATOM_EXT), (unsigned)size);
    return write_bytes(w, latin1, size);
}

static bool write_text(struct writer *w, etf_bytes text)
{
    if (!etf__writer_room(w, (text.size <= 255 ? 2 : 3) + text.size))
        return false;
    if (text.size <= 255)
        w->next = etf__put8(etf__put8(w->next, SMALL_ATOM_UTF8_EXT),
                            (unsigned)text.size);
    else
        w->next =
            etf__put16(etf__put8(w->next, ATOM_UTF8_EXT), (unsigned)text.size);
    return write_bytes(w, text.data, text.size);
}

/* What the options make of an atom that is not simply spelled out. *done: it is
 * written. */
static bool write_optional(struct writer *w, etf_term t, bool *done)
{
    const struct etf_atom_cache *cache = w->options.cache;
    int index;

    *done = false;
    if (cache != NULL && etf__tag(t) == ETF__ATOM) {
        index = cache->index(cache->ctx, t);
        if (index >= 0) {
            *done = true;
            if (!etf__writer_room(w, 2))
                return false;
            w->next =
                etf__put8(etf__put8(w->next, ATOM_CACHE_REF), (unsigned)index);
            return true;
        }
    }
    if (w->options.latin1_atoms)
        return write_latin1(w, etf_atom_text(t), done);
    return true;
}

/* An interned atom's text has its head in front of it and room to read behind:
 * most are one copy of a fixed size. */
bool etf__write_atom(struct writer *w, etf_term t)
{
    const struct etf__atom *entry;
    bool done;

    if (w->options.cache != NULL || w->options.latin1_atoms) {
        if (!write_optional(w, t, &done) || done)
            return w->err == AGNER_OK;
    }
    if (etf__tag(t) != ETF__ATOM)
        return write_text(w, etf_atom_text(t));
    entry = etf__atom_entry(t);
    if (entry->size <= ETF__ATOM_SLACK - 2 &&
        ETF__ATOM_SLACK <= (size_t)(w->end - w->next)) {
        memcpy(w->next, entry->text - 2, ETF__ATOM_SLACK);
        w->next += 2 + entry->size;
        return true;
    }
    return write_text(w, (etf_bytes){ entry->text, entry->size });
}

/* ---- Numbers ---- */

static bool write_big(struct writer *w, const struct etf__integer *v)
{
    uint64_t top = v->limbs[v->count - 1];
    size_t size = 8 * v->count - (size_t)__builtin_clzll(top) / 8;

    if (!etf__writer_room(w, (size <= 255 ? 3 : 6) + size))
        return false;
    if (size <= 255) {
        w->next = etf__put8(w->next, SMALL_BIG_EXT);
        w->next = etf__put8(w->next, (unsigned)size);
    } else {
        w->next = etf__put8(w->next, LARGE_BIG_EXT);
        w->next = etf__put32(w->next, (uint32_t)size);
    }
    w->next = etf__put8(w->next, v->negative);
    for (size_t i = 0; i < size; i++)
        w->next[i] = (uint8_t)(v->limbs[i / 8] >> 8 * (i % 8));
    w->next += size;
    return true;
}

bool etf__write_integer(struct writer *w, etf_term t)
{
    struct etf__integer view;
    int64_t v;

    if (etf__tag(t) == ETF__INT) {
        v = etf__small_value(t);
        if (v >= 0 && v <= 255) {
            if (!etf__writer_room(w, 2))
                return false;
            w->next =
                etf__put8(etf__put8(w->next, SMALL_INTEGER_EXT), (unsigned)v);
            return true;
        }
        if (v >= INT32_MIN && v <= INT32_MAX) {
            if (!etf__writer_room(w, 5))
                return false;
            w->next = etf__put32(etf__put8(w->next, INTEGER_EXT), (uint32_t)v);
            return true;
        }
    }
    etf__integer_view(t, &view);
    return write_big(w, &view);
}

/* "%.20e", and zeros behind it. */
static bool write_text_float(struct writer *w, double v)
{
    char text[64] = { 0 };
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    locale_t before;

    if (plain == (locale_t)0)
        return etf__write_fail(w, AGNER_ENOMEM);
    before = uselocale(plain);                     /* of this thread only */
    (void)snprintf(text, sizeof text, "%.20e", v); /* 28 characters at most */
    (void)uselocale(before);
    freelocale(plain);
    if (!etf__writer_room(w, 1 + FLOAT_EXT_CHARS))
        return false;
    w->next = etf__put8(w->next, FLOAT_EXT);
    memcpy(w->next, text, FLOAT_EXT_CHARS);
    w->next += FLOAT_EXT_CHARS;
    return true;
}

static bool write_float(struct writer *w, const uint64_t *words)
{
    double v;

    if (w->options.text_floats) {
        memcpy(&v, words + 1, sizeof v);
        return write_text_float(w, v);
    }
    if (!etf__writer_room(w, 9))
        return false;
    w->next = etf__put64(etf__put8(w->next, NEW_FLOAT_EXT), words[1]);
    return true;
}

/* ---- Identifiers ---- */

/* The node that an identifier is written with, and its creation. */
static etf_term node_of(const struct writer *w, etf_term node,
                        uint32_t *creation)
{
    if (!etf_is_none(node))
        return node;
    *creation = w->self.creation;
    return w->self.name;
}

static bool write_pid(struct writer *w, etf_term t)
{
    etf_pid pid = etf__pid_of(t);

    pid.node = node_of(w, pid.node, &pid.creation);
    if (!etf__writer_room(w, 1))
        return false;
    w->next = etf__put8(w->next, NEW_PID_EXT);
    if (!etf__write_atom(w, pid.node) || !etf__writer_room(w, 12))
        return false;
    w->next = etf__put32(w->next, pid.id);
    w->next = etf__put32(w->next, pid.serial);
    w->next = etf__put32(w->next, pid.creation);
    return true;
}

static bool write_ref(struct writer *w, etf_term t)
{
    etf_ref ref = etf__ref_of(t);

    ref.node = node_of(w, ref.node, &ref.creation);
    if (!etf__writer_room(w, 3))
        return false;
    w->next = etf__put16(etf__put8(w->next, NEWER_REFERENCE_EXT), ref.count);
    if (!etf__write_atom(w, ref.node) ||
        !etf__writer_room(w, 4 + 4 * (size_t)ref.count))
        return false;
    w->next = etf__put32(w->next, ref.creation);
    for (uint32_t i = 0; i < ref.count; i++)
        w->next = etf__put32(w->next, ref.words[i]);
    return true;
}

static bool write_port(struct writer *w, const uint64_t *words)
{
    uint32_t creation = (uint32_t)words[3];
    etf_term node = node_of(w, etf__word(words[1]), &creation);
    bool wide = words[2] > NEW_PORT_ID_MAX;

    if (!etf__writer_room(w, 1))
        return false;
    w->next = etf__put8(w->next, wide ? V4_PORT_EXT : NEW_PORT_EXT);
    if (!etf__write_atom(w, node) || !etf__writer_room(w, wide ? 12 : 8))
        return false;
    w->next = wide ? etf__put64(w->next, words[2])
                   : etf__put32(w->next, (uint32_t)words[2]);
    w->next = etf__put32(w->next, creation);
    return true;
}

/* ---- The rest ---- */

static bool write_export(struct writer *w, const uint64_t *words)
{
    if (!etf__writer_room(w, 1))
        return false;
    w->next = etf__put8(w->next, EXPORT_EXT);
    return etf__write_atom(w, etf__word(words[1])) &&
           etf__write_atom(w, etf__word(words[2])) &&
           etf__write_integer(w, etf__small((int64_t)words[3]));
}

static bool write_bits(struct writer *w, etf_term t)
{
    struct bits bits = etf__bits_of(t);

    if (bits.size > UINT32_MAX)
        return etf__write_fail(w, AGNER_ELIMIT);
    if (!etf__writer_room(w, (bits.used == 8 ? 5 : 6) + bits.size))
        return false;
    w->next = etf__put8(w->next, bits.used == 8 ? BINARY_EXT : BIT_BINARY_EXT);
    w->next = etf__put32(w->next, (uint32_t)bits.size);
    if (bits.used != 8)
        w->next = etf__put8(w->next, bits.used);
    return write_bytes(w, bits.data, bits.size);
}

bool etf__write_leaf(struct writer *w, etf_term t)
{
    struct etf__integer view;

    switch (etf_kind(t)) {
    case ETF_KIND_INTEGER:
        etf__integer_view(t, &view);
        return write_big(w, &view);
    case ETF_KIND_FLOAT:
        return write_float(w, etf__words(t));
    case ETF_KIND_ATOM:
        return etf__write_atom(w, t);
    case ETF_KIND_REF:
        return write_ref(w, t);
    case ETF_KIND_EXPORT:
        return write_export(w, etf__words(t));
    case ETF_KIND_PORT:
        return write_port(w, etf__words(t));
    case ETF_KIND_PID:
        return write_pid(w, t);
    case ETF_KIND_BINARY:
    case ETF_KIND_BITSTRING:
        return write_bits(w, t);
    case ETF_KIND_NONE:
    case ETF_KIND_RESOURCE:
        return etf__write_fail(w, AGNER_EBADTERM);
    case ETF_KIND_FUN:
    case ETF_KIND_TUPLE:
    case ETF_KIND_MAP:
    case ETF_KIND_NIL:
    case ETF_KIND_LIST:
        break; /* the caller's: no leaves */
    }
    __builtin_unreachable();
}
