/*
 * log_prune.c -- a term cut to a size and a depth, for reports.
 *
 * A report may hold a server's whole state, or a mailbox. What goes into the
 * log is the part that a person reads: what is too deep, or comes when the
 * space is used up, is the atom '...', and a long binary ends early.
 *
 * It recurses, on a process's stack: the depth is its bound, and containers are
 * built in the region, so that a frame is small.
 */
#include "log_internal.h"

#define BINARY_MAX 512u /* bytes that are kept of one */
#define LIST_MAX   512u /* elements that are kept of one */

struct pruning {
    struct etf_region *region;
    etf_term dots;
    size_t bytes_left;
    bool failed; /* no memory */
};

/* Room for `count` words of the copy, or NULL: then it is '...', for lack of
 * space or of memory. */
static uint64_t *room(struct pruning *p, size_t count)
{
    uint64_t *words;

    if (count > p->bytes_left / sizeof *words) {
        p->bytes_left = 0;
        return NULL;
    }
    p->bytes_left -= count * sizeof *words;
    words = etf__region_words(p->region, count);
    if (words == NULL)
        p->failed = true;
    return words;
}

static etf_term prune(struct pruning *p, etf_term t, unsigned depth);

static etf_term prune_tuple(struct pruning *p, etf_term t, unsigned depth)
{
    const etf_term *items = etf_tuple_items(t);
    size_t count = etf_tuple_size(t);
    uint64_t *words = room(p, 1 + count);

    if (words == NULL)
        return p->dots;
    words[0] = (uint64_t)count << 8 | ETF__HEAD_TUPLE;
    for (size_t i = 0; i < count; i++)
        words[1 + i] = prune(p, items[i], depth).word;
    return etf__box_at(words);
}

/* The list's cells one after another; in the end [... | '...'] if it is cut. */
static etf_term prune_list(struct pruning *p, etf_term t, unsigned depth)
{
    etf_term list = p->dots, head;
    uint64_t *link = &list.word;

    for (size_t i = 0; i < LIST_MAX && etf__tag(t) == ETF__CONS; i++) {
        uint64_t *cell = room(p, 2);

        if (cell == NULL)
            return list;
        (void)etf_list_next(&t, &head); /* it is a cell */
        cell[0] = prune(p, head, depth).word;
        cell[1] = p->dots.word;
        *link = etf__cons_at(cell).word;
        link = &cell[1];
    }
    if (etf__tag(t) != ETF__CONS)
        *link = prune(p, t, depth).word;
    return list;
}

/* Keys are kept as they are, so that they stay in order: where one is too large
 * the map ends, with '...' => '...'. */
static etf_term prune_map(struct pruning *p, etf_term t, unsigned depth)
{
    size_t count = etf_map_size(t), i;
    uint64_t *words = room(p, 1 + 2 * count);
    etf_term key, value, map;

    if (words == NULL)
        return p->dots;
    for (i = 0; i < count; i++) {
        size_t size;

        etf_map_pair(t, i, &key, &value);
        size = etf__flat_words(key);
        if (size > p->bytes_left / sizeof *words)
            break;
        p->bytes_left -= size * sizeof *words;
        key = etf_copy(p->region, key);
        words[1 + 2 * i] = key.word;
        words[2 + 2 * i] = prune(p, value, depth).word;
        p->failed |= etf_is_none(key);
    }
    words[0] = (uint64_t)i << 8 | ETF__HEAD_MAP;
    map = etf__box_at(words);
    if (i < count && !p->failed)
        map = etf_map_put(p->region, map, p->dots, p->dots);
    return map;
}

/* Anything else, which has no parts: whole if it fits. */
static etf_term prune_leaf(struct pruning *p, etf_term t)
{
    size_t size = etf__flat_words(t) * sizeof(uint64_t);
    etf_bytes bytes;

    if (etf_get_bytes(t, &bytes) && bytes.size > BINARY_MAX) {
        size = 16 + BINARY_MAX;
        t = etf_binary(p->region, bytes.data, BINARY_MAX);
    } else if (size <= p->bytes_left) {
        t = etf_copy(p->region, t);
    }
    if (size > p->bytes_left) {
        p->bytes_left = 0;
        return p->dots;
    }
    p->bytes_left -= size;
    return t;
}

static etf_term prune(struct pruning *p, etf_term t, unsigned depth)
{
    if (p->failed)
        return p->dots;
    switch (etf_kind(t)) {
    case ETF_KIND_TUPLE:
        t = depth > 0 ? prune_tuple(p, t, depth - 1) : p->dots;
        break;
    case ETF_KIND_MAP:
        t = depth > 0 ? prune_map(p, t, depth - 1) : p->dots;
        break;
    case ETF_KIND_LIST:
        t = depth > 0 ? prune_list(p, t, depth - 1) : p->dots;
        break;
    case ETF_KIND_NONE:
    case ETF_KIND_INTEGER:
    case ETF_KIND_FLOAT:
    case ETF_KIND_ATOM:
    case ETF_KIND_REF:
    case ETF_KIND_FUN:
    case ETF_KIND_EXPORT:
    case ETF_KIND_PORT:
    case ETF_KIND_PID:
    case ETF_KIND_NIL:
    case ETF_KIND_BINARY:
    case ETF_KIND_BITSTRING:
        t = prune_leaf(p, t);
        break;
    case ETF_KIND_RESOURCE: /* whose life is not the log's business */
        t = p->dots;
        break;
    }
    if (etf_is_none(t)) {
        p->failed = true;
        return p->dots;
    }
    return t;
}

etf_term rt__log_prune(struct etf_region *r, etf_term t, unsigned depth_max,
                       size_t bytes_max)
{
    struct pruning p = { .region = r,
                         .dots = etf_atom("..."),
                         .bytes_left = bytes_max };

    if (etf_is_none(p.dots))
        return ETF_NONE;
    t = prune(&p, t, depth_max);
    return p.failed ? ETF_NONE : t;
}
