/*
 * shape.h -- what a boxed term is made of: words, and which of them are terms.
 *
 * Private to etf/. Whoever walks terms without caring what they mean (copying,
 * counting) needs only this: the terms inside a boxed term stand side by side,
 * all its other words are plain.
 */
#ifndef ETF_SHAPE_H
#define ETF_SHAPE_H

#include "etf_door.h"

struct shape {
    size_t words; /* header included */
    size_t first; /* index of the first word that is a term */
    size_t terms;
};

/* Words that `size` bytes take. */
static inline size_t etf__bytes_words(size_t size)
{
    return (size + 7) / 8;
}

static inline enum etf_head etf__head(const uint64_t *words)
{
    return (enum etf_head)(words[0] & 0xff);
}

static inline size_t etf__head_size(const uint64_t *words)
{
    return words[0] >> 8;
}

static inline uint64_t etf__header(size_t size, enum etf_head head)
{
    return (uint64_t)size << 8 | (uint64_t)head;
}

/* Does a word of it link it into the list of its block? */
static inline bool etf__is_offheap(enum etf_head head)
{
    return head == ETF__HEAD_BLOB || head == ETF__HEAD_BLOB_BITS ||
           head == ETF__HEAD_RESOURCE;
}

static inline struct shape etf__shape(const uint64_t *words)
{
    size_t size = etf__head_size(words);

    switch (etf__head(words)) {
    case ETF__HEAD_TUPLE:
        return (struct shape){ 1 + size, 1, size };
    case ETF__HEAD_MAP:
        return (struct shape){ 1 + 2 * size, 1, 2 * size };
    case ETF__HEAD_BIG_POS:
    case ETF__HEAD_BIG_NEG:
        return (struct shape){ 1 + size, 1, 0 };
    case ETF__HEAD_FLOAT:
        return (struct shape){ 2, 1, 0 };
    case ETF__HEAD_REF:
        return (struct shape){ 1 + size, 1, 1 };
    case ETF__HEAD_PORT:
    case ETF__HEAD_PID:
        return (struct shape){ 4, 1, 1 };
    case ETF__HEAD_ATOM:
    case ETF__HEAD_BINARY:
        return (struct shape){ 1 + etf__bytes_words(size), 1, 0 };
    case ETF__HEAD_BITS:
        return (struct shape){ 2 + etf__bytes_words(size), 1, 0 };
    case ETF__HEAD_BLOB:
        return (struct shape){ 4, 1, 0 };
    case ETF__HEAD_BLOB_BITS:
        return (struct shape){ 5, 1, 0 };
    case ETF__HEAD_RESOURCE:
        return (struct shape){ 3, 1, 0 };
    case ETF__HEAD_EXPORT:
        return (struct shape){ 4, 1, 2 };
    case ETF__HEAD_FUN:
        return (struct shape){ 1 + size, 5, size - 4 };
    }
    __builtin_unreachable();
}

#endif
