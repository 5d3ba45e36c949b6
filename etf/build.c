/*
 * build.c -- terms made from C values. Maps are in map.c.
 *
 * A part that is ETF_NONE makes the whole ETF_NONE, so that a construction is
 * checked once, at its end.
 */
#include <agner/etf.h>

#include <math.h>

#include "bignum.h"
#include "bits.h"
#include "ident.h"
#include "utf8.h"

/* A boxed term of `count` words after its header, or NULL. */
static uint64_t *new_box(struct etf_region *r, size_t count, size_t size,
                         enum etf_head head)
{
    uint64_t *words = etf__region_words(r, 1 + count);

    if (words != NULL)
        words[0] = etf__header(size, head);
    return words;
}

etf_term etf_int(struct etf_region *r, int64_t v)
{
    uint64_t limb = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    if (etf__fits_small(v))
        return etf__small(v);
    return etf__integer_term(r, v < 0, &limb, 1);
}

etf_term etf_uint(struct etf_region *r, uint64_t v)
{
    if (v < (uint64_t)ETF__INT_MAX)
        return etf__small((int64_t)v);
    return etf__integer_term(r, false, &v, 1);
}

etf_term etf_float(struct etf_region *r, double v)
{
    uint64_t *words;

    if (!isfinite(v))
        return ETF_NONE;
    words = new_box(r, 1, 1, ETF__HEAD_FLOAT);
    if (words == NULL)
        return ETF_NONE;
    memcpy(words + 1, &v, sizeof v);
    return etf__box_at(words);
}

etf_term etf_bool(bool v)
{
    return v ? ETF_A(true) : ETF_A(false);
}

etf_term etf_nil(void)
{
    return etf__word(ETF__NIL);
}

etf_term etf_cons(struct etf_region *r, etf_term head, etf_term tail)
{
    uint64_t *words;

    if (etf_is_none(head) || etf_is_none(tail))
        return ETF_NONE;
    words = etf__region_words(r, 2);
    if (words == NULL)
        return ETF_NONE;
    words[0] = head.word;
    words[1] = tail.word;
    return etf__cons_at(words);
}

static bool any_none(const etf_term *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (etf_is_none(items[i]))
            return true;
    return false;
}

etf_term etf_list(struct etf_region *r, const etf_term *items, size_t count,
                  etf_term tail)
{
    uint64_t *words;

    if (etf_is_none(tail) || any_none(items, count))
        return ETF_NONE;
    if (count == 0)
        return tail;
    words = etf__region_words(r, 2 * count);
    if (words == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < count; i++) {
        words[2 * i] = items[i].word;
        words[2 * i + 1] = etf__cons_at(words + 2 * i + 2).word;
    }
    words[2 * count - 1] = tail.word;
    return etf__cons_at(words);
}

etf_term etf_tuple(struct etf_region *r, const etf_term *items, size_t count)
{
    bool whole = true;
    uint64_t *words;

    if (count > ETF_TUPLE_MAX)
        return ETF_NONE;
    words = new_box(r, count, count, ETF__HEAD_TUPLE);
    if (words == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < count; i++) {
        words[1 + i] = items[i].word;
        whole &= !etf_is_none(items[i]);
    }
    if (whole)
        return etf__box_at(words);
    r->next = words; /* the last that was taken */
    return ETF_NONE;
}

/* Takes a count of `blob`, also when there is no room. */
static etf_term refer(struct etf_region *r, struct etf_blob *blob,
                      size_t offset, size_t size, unsigned used)
{
    uint64_t *words = used == 8 ? new_box(r, 3, size, ETF__HEAD_BLOB)
                                : new_box(r, 4, size, ETF__HEAD_BLOB_BITS);

    if (words == NULL) {
        etf__blob_drop(blob);
        return ETF_NONE;
    }
    words[1] = etf__address(blob);
    words[2] = etf__address(r->offheap);
    words[3] = offset;
    if (used != 8)
        words[4] = used;
    r->offheap = words;
    return etf__box_at(words);
}

static etf_term new_blob_bits(struct etf_region *r, size_t size, unsigned used,
                              uint8_t **data)
{
    struct etf_blob *blob = etf__blob_new(size);

    if (blob == NULL)
        return ETF_NONE;
    *data = blob->bytes;
    return refer(r, blob, 0, size, used);
}

etf_term etf__blob_part(struct etf_region *r, struct etf_blob *blob,
                        size_t offset, size_t size)
{
    etf__blob_hold(blob);
    return refer(r, blob, offset, size, 8);
}

etf_term etf__bits_new(struct etf_region *r, size_t size, unsigned used,
                       uint8_t **data)
{
    size_t count = etf__bytes_words(size);
    size_t extra = used == 8 ? 0 : 1;
    uint64_t *words;

    if (size >= ETF__BLOB_MIN)
        return new_blob_bits(r, size, used, data);
    words = new_box(r, extra + count, size,
                    used == 8 ? ETF__HEAD_BINARY : ETF__HEAD_BITS);
    if (words == NULL)
        return ETF_NONE;
    if (used != 8)
        words[1] = used;
    if (count > 0)
        words[extra + count] = 0; /* the padding behind the last byte */
    *data = (uint8_t *)(words + 1 + extra);
    return etf__box_at(words);
}

etf_term etf_binary(struct etf_region *r, const void *bytes, size_t size)
{
    uint8_t *data;
    etf_term t = etf__bits_new(r, size, 8, &data);

    if (!etf_is_none(t) && size > 0)
        memcpy(data, bytes, size);
    return t;
}

etf_term etf_bits(struct etf_region *r, const void *bytes, size_t size,
                  unsigned bits)
{
    uint8_t *data;
    etf_term t;

    if (bits < 1 || bits > 8 || (size == 0 && bits != 8))
        return ETF_NONE;
    t = etf__bits_new(r, size, bits, &data);
    if (!etf_is_none(t) && size > 0) {
        memcpy(data, bytes, size);
        data[size - 1] &= (uint8_t)(0xff << (8 - bits));
    }
    return t;
}

etf_term etf_text(struct etf_region *r, const char *text)
{
    return etf_binary(r, text, strlen(text));
}

etf_term etf_string(struct etf_region *r, const char *text)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t size = strlen(text);
    size_t count, at = 0;
    uint64_t *words;

    if (!etf__utf8_valid(bytes, size, &count))
        return ETF_NONE;
    if (count == 0)
        return etf_nil();
    words = etf__region_words(r, 2 * count);
    if (words == NULL)
        return ETF_NONE;
    for (size_t i = 0; i < count; i++) {
        uint32_t point = 0;

        at += etf__utf8_next(bytes + at, size - at, &point);
        words[2 * i] = etf__small(point).word;
        words[2 * i + 1] = etf__cons_at(words + 2 * i + 2).word;
    }
    words[2 * count - 1] = ETF__NIL;
    return etf__cons_at(words);
}

etf_term etf_from_pid(struct etf_region *r, etf_pid pid)
{
    uint64_t *words;

    if (etf_is_none(pid.node))
        return pid.id >> 28 != 0 ? ETF_NONE
                                 : etf__local_pid(pid.id, pid.serial);
    words = new_box(r, 3, 3, ETF__HEAD_PID);
    if (words == NULL)
        return ETF_NONE;
    words[1] = pid.node.word;
    words[2] = (uint64_t)pid.serial << 32 | pid.id;
    words[3] = pid.creation;
    return etf__box_at(words);
}

etf_term etf_from_ref(struct etf_region *r, etf_ref ref)
{
    size_t size = etf__ref_size(ref.count);
    uint64_t *words;

    if (ref.count < 1 || ref.count > 5)
        return ETF_NONE;
    words = new_box(r, size, size, ETF__HEAD_REF);
    if (words == NULL)
        return ETF_NONE;
    words[1] = ref.node.word;
    words[2] = (uint64_t)ref.count << 32 | ref.creation;
    for (uint32_t i = 0; i < ref.count; i += 2) {
        uint64_t high = i + 1 < ref.count ? ref.words[i + 1] : 0;

        words[3 + i / 2] = high << 32 | ref.words[i];
    }
    return etf__box_at(words);
}

etf_term etf_port(struct etf_region *r, etf_term node, uint64_t id,
                  uint32_t creation)
{
    uint64_t *words = new_box(r, 3, 3, ETF__HEAD_PORT);

    if (words == NULL)
        return ETF_NONE;
    words[1] = node.word;
    words[2] = id;
    words[3] = creation;
    return etf__box_at(words);
}

etf_term etf_export(struct etf_region *r, etf_term module, etf_term function,
                    uint32_t arity)
{
    uint64_t *words;

    if (!etf_is_atom(module) || !etf_is_atom(function) || arity > 255)
        return ETF_NONE;
    words = new_box(r, 3, 3, ETF__HEAD_EXPORT);
    if (words == NULL)
        return ETF_NONE;
    words[1] = module.word;
    words[2] = function.word;
    words[3] = arity;
    return etf__box_at(words);
}

etf_term etf_resource(struct etf_region *r, void *value,
                      void (*destroy)(void *value))
{
    struct etf_blob *blob = etf__resource_new(value);
    uint64_t *words;

    if (blob == NULL)
        return ETF_NONE;
    words = new_box(r, 2, 2, ETF__HEAD_RESOURCE);
    if (words == NULL) {
        etf__blob_drop(blob);
        return ETF_NONE;
    }
    blob->destroy = destroy; /* only now: without a term it must not run */
    words[1] = etf__address(blob);
    words[2] = etf__address(r->offheap);
    r->offheap = words;
    return etf__box_at(words);
}
