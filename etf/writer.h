/*
 * writer.h -- external bytes being appended to a buffer. Private to etf/.
 *
 * Everything asks for exactly the room it needs, so that a buffer's limit is
 * met by bytes that are there and not by a guess.
 */
#ifndef ETF_WRITER_H
#define ETF_WRITER_H

#include "etf_door.h"

struct writer {
    uint8_t *next; /* into the buffer; its size is set at the end */
    uint8_t *end;  /* of its capacity */
    struct etf_buffer *buffer;
    struct etf_encode_options options;
    struct etf_self self; /* name set, nonode@nohost if there is none */
    enum agner_err err;   /* the first failure */
};

/* Makes room for `count` bytes more; false with `err` set. */
bool etf__writer_grow(struct writer *w, size_t count);

static inline bool etf__writer_room(struct writer *w, size_t count)
{
    return count <= (size_t)(w->end - w->next) || etf__writer_grow(w, count);
}

static inline bool etf__write_fail(struct writer *w, enum agner_err err)
{
    w->err = err;
    return false;
}

/* Stores without looking for room; return what follows. */
static inline uint8_t *etf__put8(uint8_t *p, unsigned v)
{
    *p = (uint8_t)v;
    return p + 1;
}

static inline uint8_t *etf__put16(uint8_t *p, unsigned v)
{
    uint16_t big = __builtin_bswap16((uint16_t)v);

    memcpy(p, &big, sizeof big);
    return p + sizeof big;
}

static inline uint8_t *etf__put32(uint8_t *p, uint32_t v)
{
    uint32_t big = __builtin_bswap32(v);

    memcpy(p, &big, sizeof big);
    return p + sizeof big;
}

static inline uint8_t *etf__put64(uint8_t *p, uint64_t v)
{
    uint64_t big = __builtin_bswap64(v);

    memcpy(p, &big, sizeof big);
    return p + sizeof big;
}

/* Each appends a whole term, or fails with `err` set. */
bool etf__write_atom(struct writer *w, etf_term t);
bool etf__write_integer(struct writer *w, etf_term t);

/* Pids, ports, references, exports, floats, big integers, bits. */
bool etf__write_leaf(struct writer *w, etf_term t);

#endif
