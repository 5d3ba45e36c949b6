/*
 * phash2.c -- erlang:phash2, the hash that is the same on every node.
 *
 * The state is one 32-bit number into which the parts of a term are folded in
 * order. What is still to be folded stands on a stack; a map's pairs are hashed
 * on their own and put together by exclusive or, so a map's frame also keeps
 * the state before it.
 *
 * Sources: erlang:phash2/2; R. Jenkins, "A Hash Function for Hash Table
 * Lookup", for the mixing step.
 */
#include <agner/etf.h>

#include "atom_table.h"
#include "bignum.h"
#include "bits.h"
#include "ident.h"
#include "walk.h"

#define GOLDEN    0x9e3779b9u
#define SALT(n)   ((uint32_t)((n)*GOLDEN)) /* which kind of part */
#define NIL_ALONE 3468870702u

/* Integers in this range are one word. */
#define SMALL_MIN (-((int64_t)1 << 27))
#define SMALL_MAX (((int64_t)1 << 27) - 1)

struct mixer {
    uint32_t a, b, c;
};

static void mix(struct mixer *m)
{
    uint32_t a = m->a, b = m->b, c = m->c;

    a = (a - b - c) ^ c >> 13;
    b = (b - c - a) ^ a << 8;
    c = (c - a - b) ^ b >> 13;
    a = (a - b - c) ^ c >> 12;
    b = (b - c - a) ^ a << 16;
    c = (c - a - b) ^ b >> 5;
    a = (a - b - c) ^ c >> 3;
    b = (b - c - a) ^ a << 10;
    c = (c - a - b) ^ b >> 15;
    *m = (struct mixer){ a, b, c };
}

static uint32_t fold2(uint32_t h, uint32_t x, uint32_t y, uint32_t salt)
{
    struct mixer m = { salt + x, salt + y, h };

    mix(&m);
    return m.c;
}

static uint32_t fold(uint32_t h, uint32_t x, uint32_t salt)
{
    return fold2(h, x, 0, salt);
}

static uint32_t fold_integer(uint32_t h, etf_term t)
{
    struct etf__integer v;
    int64_t small;

    if (etf__tag(t) == ETF__INT) {
        small = etf__small_value(t);
        if (small >= SMALL_MIN && small <= SMALL_MAX) {
            if (small < 0)
                h = fold(h, (uint32_t)-small, SALT(1u));
            return fold(h, (uint32_t)small, SALT(1u));
        }
    }
    etf__integer_view(t, &v);
    for (size_t i = 0; i < v.count; i++)
        h = fold2(h, (uint32_t)v.limbs[i], (uint32_t)(v.limbs[i] >> 32),
                  v.negative ? SALT(10u) : SALT(11u));
    return h;
}

/* -0.0 counts as 0.0. */
static uint32_t fold_float(uint32_t h, uint64_t bits)
{
    if (bits << 1 == 0)
        bits = 0;
    return fold2(h, (uint32_t)(bits >> 32), (uint32_t)bits, SALT(12u));
}

static uint32_t fold_atom(uint32_t h, etf_term t)
{
    uint32_t v = etf__atom_name_hash(t);

    return h == 0 ? v : fold(h, v, SALT(3u));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

static uint32_t fold_bytes(uint32_t h, const uint8_t *p, size_t size)
{
    struct mixer m = { GOLDEN, GOLDEN, h };
    uint8_t last[12] = { 0 };
    size_t left = size;

    for (; left >= 12; left -= 12, p += 12) {
        m.a += get32(p);
        m.b += get32(p + 4);
        m.c += get32(p + 8);
        mix(&m);
    }
    if (left > 0)
        memcpy(last, p, left);
    m.a += get32(last);
    m.b += get32(last + 4);
    m.c += (uint32_t)size + (get32(last + 8) << 8); /* 11 bytes at most */
    mix(&m);
    return m.c;
}

static uint32_t fold_bits(uint32_t h, etf_term t)
{
    struct bits bits = etf__bits_of(t);
    size_t whole;
    uint32_t salted = SALT(13u) + h;

    if (bits.size == 0)
        return salted;
    whole = bits.used == 8 ? bits.size : bits.size - 1;
    h = fold_bytes(salted, bits.data, whole);
    if (bits.used != 8)
        h = fold2(h, bits.used, bits.data[whole] >> (8 - bits.used), SALT(15u));
    return h;
}

static uint32_t fold_export(uint32_t h, const uint64_t *words)
{
    h = fold2(h, (uint32_t)words[3], etf__atom_name_hash(etf__word(words[1])),
              SALT(1u));
    return fold(h, etf__atom_name_hash(etf__word(words[2])), SALT(14u));
}

static uint32_t fold_fun_head(uint32_t h, const uint64_t *words)
{
    struct etf__integer uniq;
    uint32_t free = (uint32_t)(etf__head_size(words) - 8);
    uint32_t low;

    etf__integer_view(etf__word(words[7]), &uniq);
    low = uniq.count == 0 ? 0 : (uint32_t)uniq.limbs[0];
    if (uniq.negative)
        low = 0 - low;
    h = fold2(h, free, etf__atom_name_hash(etf__word(words[5])), SALT(1u));
    return fold2(h, (uint32_t)words[4], low, SALT(1u));
}

/*
 * What is still to be folded:
 *
 *   words   next term
 *   left    terms from there on; of a map, pairs * 2, keys and values
 *   before  of a map: 1 and the state before its pairs in the low 32 bits;
 *           else 0
 *   pairs   of a map: exclusive or of the pairs that are done
 */
#define FRAME_WORDS 4u
#define FRAME_MAP   ((uint64_t)1 << 32)

struct hasher {
    uint32_t h;
    struct walk stack;
};

/* A part that finds no room is left out: an equal term has the same hash as
 * long as there is memory for its nesting. */
static void push(struct hasher *s, const uint64_t *words, size_t left,
                 uint64_t before)
{
    uint64_t *frame;

    if (left == 0)
        return;
    frame = etf__walk_push(&s->stack, FRAME_WORDS);
    if (frame == NULL)
        return;
    frame[0] = etf__address(words);
    frame[1] = left;
    frame[2] = before;
    frame[3] = 0;
}

static bool is_byte(uint64_t word)
{
    return (word & ETF__TAG_MASK) == ETF__INT && word <= etf__small(255).word;
}

/*
 * Cells up to the first head that is no byte: the bytes are packed four to a
 * word. Then that head, and after it the rest of the list, or the tail.
 */
static void fold_list(struct hasher *s, const uint64_t *cell)
{
    uint32_t packed = 0;
    unsigned count = 0;

    while (is_byte(cell[0])) {
        packed = packed << 8 | (uint32_t)(cell[0] >> 3);
        if (++count == 4) {
            s->h = fold(s->h, packed, SALT(4u));
            packed = count = 0;
        }
        if (etf__tag(etf__word(cell[1])) != ETF__CONS) {
            if (count > 0)
                s->h = fold(s->h, packed, SALT(4u));
            push(s, cell + 1, 1, 0);
            return;
        }
        cell = etf__words(etf__word(cell[1]));
    }
    if (count > 0)
        s->h = fold(s->h, packed, SALT(4u));
    push(s, cell, 2, 0);
}

static void fold_map(struct hasher *s, const uint64_t *words)
{
    size_t count = etf__head_size(words);

    s->h = fold(s->h, (uint32_t)count, SALT(16u));
    if (count == 0)
        return;
    push(s, words + 1, 2 * count, FRAME_MAP | s->h);
    s->h = 0;
}

static void fold_tuple(struct hasher *s, const uint64_t *words)
{
    size_t count = etf__head_size(words);

    s->h = fold(s->h, (uint32_t)count, SALT(9u));
    push(s, words + 1, count, 0);
}

/* One term; what is inside it goes on the stack. */
static void fold_term(struct hasher *s, etf_term t)
{
    switch (etf_kind(t)) {
    case ETF_KIND_NONE:
        return;
    case ETF_KIND_INTEGER:
        s->h = fold_integer(s->h, t);
        return;
    case ETF_KIND_FLOAT:
        s->h = fold_float(s->h, etf__words(t)[1]);
        return;
    case ETF_KIND_ATOM:
        s->h = fold_atom(s->h, t);
        return;
    case ETF_KIND_REF:
        s->h = fold(s->h, etf__ref_of(t).words[0], SALT(7u));
        return;
    case ETF_KIND_FUN:
        s->h = fold_fun_head(s->h, etf__words(t));
        push(s, etf__words(t) + 9, etf__head_size(etf__words(t)) - 8, 0);
        return;
    case ETF_KIND_EXPORT:
        s->h = fold_export(s->h, etf__words(t));
        return;
    case ETF_KIND_PORT:
        s->h = fold2(s->h, (uint32_t)etf__words(t)[2],
                     (uint32_t)(etf__words(t)[2] >> 32), SALT(6u));
        return;
    case ETF_KIND_PID:
        s->h = fold(s->h, etf__pid_of(t).id, SALT(5u));
        return;
    case ETF_KIND_TUPLE:
        fold_tuple(s, etf__words(t));
        return;
    case ETF_KIND_MAP:
        fold_map(s, etf__words(t));
        return;
    case ETF_KIND_NIL:
        s->h = s->h == 0 ? NIL_ALONE : fold(s->h, 2, SALT(2u));
        return;
    case ETF_KIND_LIST:
        fold_list(s, etf__words(t));
        return;
    case ETF_KIND_BINARY:
    case ETF_KIND_BITSTRING:
        s->h = fold_bits(s->h, t);
        return;
    case ETF_KIND_RESOURCE: /* known to no other node: all the same */
        s->h = fold(s->h, 0, SALT(7u));
        return;
    }
}

/* A map's frame between two terms: a finished pair is put to the others. */
static void finish_pair(struct hasher *s, uint64_t *frame)
{
    if (frame[1] % 2 == 0) {
        frame[3] ^= s->h;
        s->h = 0;
    }
}

/* The next term to fold. false: the whole is done. */
static bool next(struct hasher *s, etf_term *t)
{
    while (!etf__walk_is_empty(&s->stack)) {
        uint64_t *frame = s->stack.top - FRAME_WORDS;
        const uint64_t *word = etf__word_link(frame[0]);
        bool map = frame[2] != 0;

        if (map)
            finish_pair(s, frame);
        if (frame[1] == 0) { /* a map, the only frame that waits for its end */
            s->h = fold((uint32_t)frame[2], (uint32_t)frame[3], SALT(19u));
            (void)etf__walk_pop(&s->stack, FRAME_WORDS);
            continue;
        }
        frame[0] = etf__address(word + 1);
        frame[1]--;
        if (frame[1] == 0 && !map)
            (void)etf__walk_pop(&s->stack, FRAME_WORDS);
        *t = etf__word(*word);
        return true;
    }
    return false;
}

uint32_t etf_phash2(etf_term t, uint32_t range)
{
    struct hasher s;

    s.h = 0;
    etf__walk_init(&s.stack);
    do {
        fold_term(&s, t);
    } while (next(&s, &t));
    etf__walk_fini(&s.stack);
    return range == 0 ? s.h : s.h % range;
}
