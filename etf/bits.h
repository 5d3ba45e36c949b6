/*
 * bits.h -- binaries and bitstrings of every form, seen as bytes.
 *
 * Private to etf/. Unused low bits of the last byte are always 0.
 */
#ifndef ETF_BITS_H
#define ETF_BITS_H

#include "shape.h"

struct bits {
    const uint8_t *data;
    size_t size;   /* bytes */
    unsigned used; /* bits of the last byte, 1 to 8; 8 when there is none */
};

static inline size_t etf__bits_count(const struct bits *b)
{
    return b->size * 8 - (8 - b->used);
}

/* false when `t` is neither. */
static inline bool etf__bits_view(etf_term t, struct bits *out)
{
    const uint64_t *words;
    size_t size;

    if (etf__tag(t) != ETF__BOX)
        return false;
    words = etf__words(t);
    size = etf__head_size(words);
    /* Other heads are no bits: the list of those four is the point. */
    if (etf__head(words) == ETF__HEAD_BINARY)
        *out = (struct bits){ (const uint8_t *)(words + 1), size, 8 };
    else if (etf__head(words) == ETF__HEAD_BLOB)
        *out = (struct bits){ etf__word_blob(words[1])->bytes + words[3], size,
                              8 };
    else if (etf__head(words) == ETF__HEAD_BITS)
        *out = (struct bits){ (const uint8_t *)(words + 2), size,
                              (unsigned)words[1] };
    else if (etf__head(words) == ETF__HEAD_BLOB_BITS)
        *out = (struct bits){ etf__word_blob(words[1])->bytes + words[3], size,
                              (unsigned)words[4] };
    else
        return false;
    return true;
}

/* Of a term that is one. */
static inline struct bits etf__bits_of(etf_term t)
{
    struct bits bits;

    if (!etf__bits_view(t, &bits))
        __builtin_unreachable();
    return bits;
}

/* Room for `size` bytes as a binary (used 8) or bitstring; *data is where to
 * write them. Unused bits are the caller's to clear. ETF_NONE: no room. */
etf_term etf__bits_new(struct etf_region *r, size_t size, unsigned used,
                       uint8_t **data);

/* A binary: `size` bytes from `offset` on, in `blob`, of which it gets a count.
 * There are enough of them for it to live outside. */
etf_term etf__blob_part(struct etf_region *r, struct etf_blob *blob,
                        size_t offset, size_t size);

#endif
