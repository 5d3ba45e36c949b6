/*
 * term_gen.c -- random terms, with a liking for edges.
 */
#include "term_gen.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "etf_door.h"

uint64_t gen_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state * 0x2545f4914f6cdd1du;
}

static unsigned below(uint64_t *state, unsigned n)
{
    return (unsigned)((gen_random(state) >> 32) % n);
}

static etf_term gen_integer(struct etf_region *r, uint64_t *state)
{
    uint8_t bytes[300];
    size_t size;

    switch (below(state, 6)) {
    case 0:
        return etf_int(r, below(state, 10));
    case 1:
        return etf_int(r, (int64_t)below(state, 600) - 300);
    case 2: /* around a power of two */
        return etf_int(r, ((int64_t)1 << below(state, 63)) +
                              (int64_t)below(state, 3) - 1);
    case 3:
        return etf_int(r, (int64_t)gen_random(state));
    case 4:
        size = below(state, 20);
        break;
    default:
        size = below(state, sizeof bytes);
        break;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)gen_random(state);
    return etf_big(r, below(state, 2), bytes, size);
}

static etf_term gen_float(struct etf_region *r, uint64_t *state)
{
    static const double edges[] = { 0.0,    -0.0,  1.0,    -1.0,
                                    0x1p53, 1e300, 5e-324, 0.1 };
    uint64_t bits = gen_random(state);
    double v;

    if (below(state, 2))
        return etf_float(r, edges[below(state, 8)]);
    memcpy(&v, &bits, sizeof v);
    return etf_float(r, isfinite(v) ? v : 2.5);
}

static etf_term gen_atom(struct etf_region *r, uint64_t *state)
{
    static const char *const texts[] = {
        "",
        "ok",
        "error",
        "a longer atom than eight",
        "\xc3\xa4",
        "node@host",
        "\xf0\x9f\x90\x9d",
    };
    char text[32];
    int size;

    if (below(state, 2))
        return etf_atom(texts[below(state, 7)]);
    size = snprintf(text, sizeof text, "gen%u", below(state, 50));
    if (below(state, 3) == 0) /* boxed, unless it is interned already */
        return etf_atom_limited(r, text, (size_t)size, NULL);
    return etf_atom_n(text, (size_t)size);
}

static etf_term gen_bits(struct etf_region *r, uint64_t *state)
{
    static const unsigned sizes[] = { 1, 2, 9, 30, 255, 256, 257, 700 };
    uint8_t bytes[700];
    size_t size = below(state, sizes[below(state, 8)] + 1);

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(below(state, 3) ? gen_random(state) : 0);
    if (size == 0 || below(state, 3))
        return etf_binary(r, bytes, size);
    return etf_bits(r, bytes, size, 1 + below(state, 8));
}

static etf_term gen_node(struct etf_region *r, uint64_t *state)
{
    return below(state, 3) == 0 ? ETF_NONE : gen_atom(r, state);
}

static etf_term gen_identifier(struct etf_region *r, uint64_t *state)
{
    etf_term node = gen_node(r, state);
    uint32_t creation = etf_is_none(node) ? 0 : 1 + below(state, 3);
    etf_pid pid = { .node = node,
                    .id = below(state, 1000),
                    .serial = below(state, 5),
                    .creation = creation };
    etf_ref ref = { .node = node,
                    .creation = creation,
                    .count = 1 + below(state, 5) };

    for (uint32_t i = 0; i < ref.count; i++)
        ref.words[i] =
            below(state, 3) ? below(state, 4) : (uint32_t)gen_random(state);
    switch (below(state, 4)) {
    case 0:
        return etf_from_pid(r, pid);
    case 1:
        return etf_from_ref(r, ref);
    case 2:
        return etf_port(r, node, gen_random(state) >> below(state, 64),
                        creation);
    default:
        return etf_export(r, gen_atom(r, state), gen_atom(r, state),
                          below(state, 256));
    }
}

static etf_term gen_leaf(struct etf_region *r, uint64_t *state)
{
    switch (below(state, 8)) {
    case 0:
    case 1:
        return gen_integer(r, state);
    case 2:
        return gen_float(r, state);
    case 3:
    case 4:
        return gen_atom(r, state);
    case 5:
        return gen_bits(r, state);
    case 6:
        return gen_identifier(r, state);
    default:
        return etf_nil();
    }
}

static etf_term gen_bytes_list(struct etf_region *r, uint64_t *state)
{
    etf_term list = below(state, 4) ? etf_nil() : gen_leaf(r, state);
    unsigned count = below(state, 12);

    while (count-- > 0)
        list = etf_cons(r, etf_int(r, below(state, 260)), list);
    return list;
}

#define PARTS_MAX 40u

static etf_term gen_map(struct etf_region *r, uint64_t *state, unsigned count,
                        unsigned each)
{
    etf_term map = etf_map(r, NULL, 0);

    for (unsigned i = 0; i < count; i++)
        map = etf_map_put(r, map, gen_term(r, state, each / 2),
                          gen_term(r, state, each));
    return map;
}

/* The recursion is as deep as `size` can be halved. */
etf_term gen_term(struct etf_region *r, uint64_t *state, unsigned size)
{
    etf_term parts[PARTS_MAX];
    unsigned kind = below(state, 5);
    unsigned count, each;

    if (size < 2)
        return gen_leaf(r, state);
    count = below(state, size < PARTS_MAX ? size : PARTS_MAX);
    each = count == 0 ? 0 : size / (count + 1);
    if (kind == 0)
        return gen_bytes_list(r, state);
    if (kind == 1)
        return gen_map(r, state, count, each);
    for (unsigned i = 0; i < count; i++)
        parts[i] = gen_term(r, state, each);
    if (kind == 2)
        return etf_list(r, parts, count, gen_leaf(r, state));
    if (kind == 3)
        return etf_list(r, parts, count, etf_nil());
    return etf_tuple(r, parts, count);
}

etf_term gen_near(struct etf_region *r, uint64_t *state, etf_term t)
{
    etf_term parts[PARTS_MAX], key, value;
    size_t count = etf_tuple_size(t);

    if (below(state, 4) == 0)
        return t;
    if (etf_kind(t) == ETF_KIND_LIST && below(state, 2)) {
        (void)etf_list_next(&t, &value);
        return etf_cons(r, gen_near(r, state, value), t);
    }
    if (count > 0 && count <= PARTS_MAX) {
        memcpy(parts, etf_tuple_items(t), count * sizeof *parts);
        parts[below(state, (unsigned)count)] = gen_leaf(r, state);
        return etf_tuple(r, parts, count);
    }
    if (etf_map_size(t) > 0) {
        etf_map_pair(t, below(state, (unsigned)etf_map_size(t)), &key, &value);
        return etf_map_put(r, t, key, gen_leaf(r, state));
    }
    return gen_leaf(r, state);
}
