/*
 * encode.c -- terms in the External Term Format, as minor_version 2 has it.
 *
 * One pass, without recursion: what is still to be written stands on a stack. A
 * list's length is written when its end is found. Maps are written in the order
 * they are in, which is that of their keys.
 */
#include "bits.h"
#include "tags.h"
#include "walk.h"
#include "writer.h"

#define STRING_MAX 65535u

enum emptying {
    OF_TERMS, /* `left` words from `words` on */
    OF_LIST,  /* cells from `words` on, until the tail is no cell; `left` is the
                 number of heads so far */
    OF_FUN    /* as OF_TERMS, then the size is written */
};

/* A container that is being written. */
struct container {
    const uint64_t *words;
    size_t left;
    enum emptying emptying;
    size_t patch; /* where in the buffer its length or size is due */
};

#define FRAME_WORDS 4u

struct encoder {
    struct writer w;
    struct walk stack;
};

static bool push(struct encoder *e, const struct container *c)
{
    uint64_t *frame = etf__walk_push(&e->stack, FRAME_WORDS);

    if (frame == NULL)
        return etf__write_fail(&e->w, AGNER_ENOMEM);
    frame[0] = etf__address(c->words);
    frame[1] = c->left;
    frame[2] = (uint64_t)c->emptying;
    frame[3] = c->patch;
    return true;
}

static void pop(struct encoder *e, struct container *c)
{
    const uint64_t *frame = etf__walk_pop(&e->stack, FRAME_WORDS);

    c->words = etf__word_link(frame[0]);
    c->left = frame[1];
    c->emptying = (enum emptying)frame[2];
    c->patch = frame[3];
}

static size_t position(const struct encoder *e)
{
    return (size_t)(e->w.next - e->w.buffer->data);
}

static bool open_tuple(struct encoder *e, struct container *c,
                       const uint64_t *words)
{
    size_t count = etf__head_size(words);
    struct writer *w = &e->w;

    if (!etf__writer_room(w, count <= 255 ? 2 : 5))
        return false;
    if (count <= 255)
        w->next =
            etf__put8(etf__put8(w->next, SMALL_TUPLE_EXT), (unsigned)count);
    else
        w->next =
            etf__put32(etf__put8(w->next, LARGE_TUPLE_EXT), (uint32_t)count);
    if (!push(e, c))
        return false;
    *c = (struct container){ words + 1, count, OF_TERMS, 0 };
    return true;
}

static bool open_map(struct encoder *e, struct container *c,
                     const uint64_t *words)
{
    size_t count = etf__head_size(words);
    struct writer *w = &e->w;

    if (count > UINT32_MAX)
        return etf__write_fail(w, AGNER_ELIMIT);
    if (!etf__writer_room(w, 5) || !push(e, c))
        return false;
    w->next = etf__put32(etf__put8(w->next, MAP_EXT), (uint32_t)count);
    *c = (struct container){ words + 1, 2 * count, OF_TERMS, 0 };
    return true;
}

/* Bytes of a list that is a string; 0 when it is none. */
static size_t string_size(const uint64_t *cell)
{
    const uint64_t byte_max = etf__small(255).word;
    size_t count = 0;

    for (;;) {
        uint64_t head = cell[0];
        etf_term tail = etf__word(cell[1]);

        if ((head & ETF__TAG_MASK) != ETF__INT || head > byte_max ||
            ++count > STRING_MAX)
            return 0;
        if (etf__tag(tail) != ETF__CONS)
            return etf__tag(tail) == ETF__NIL ? count : 0;
        cell = etf__words(tail);
    }
}

static bool write_string(struct encoder *e, const uint64_t *cell, size_t count)
{
    struct writer *w = &e->w;

    if (!etf__writer_room(w, 3 + count))
        return false;
    w->next = etf__put16(etf__put8(w->next, STRING_EXT), (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        w->next[i] = (uint8_t)(cell[0] >> 3);
        cell = etf__words(etf__word(cell[1]));
    }
    w->next += count;
    return true;
}

static bool open_list(struct encoder *e, struct container *c,
                      const uint64_t *cell)
{
    size_t count = string_size(cell);
    struct writer *w = &e->w;

    if (count > 0)
        return write_string(e, cell, count);
    if (!etf__writer_room(w, 5) || !push(e, c))
        return false;
    *w->next++ = LIST_EXT;
    *c = (struct container){ cell, 0, OF_LIST, position(e) };
    w->next += 4; /* the length, when it is known */
    return true;
}

static bool open_fun(struct encoder *e, struct container *c,
                     const uint64_t *words)
{
    size_t free = etf__head_size(words) - 8;
    struct writer *w = &e->w;
    size_t patch;

    if (!etf__writer_room(w, 30))
        return false;
    *w->next++ = NEW_FUN_EXT;
    patch = position(e);
    w->next = etf__put8(w->next + 4, (unsigned)words[1]);
    memcpy(w->next, words + 2, 16);
    w->next = etf__put32(w->next + 16, (uint32_t)words[4]);
    w->next = etf__put32(w->next, (uint32_t)free);
    if (!etf__write_atom(w, etf__word(words[5])) ||
        !etf__write_integer(w, etf__word(words[6])) ||
        !etf__write_integer(w, etf__word(words[7])) ||
        !etf__write_leaf(w, etf__word(words[8])) || !push(e, c))
        return false;
    *c = (struct container){ words + 9, free, OF_FUN, patch };
    return true;
}

/* Is nothing left to be written behind this term, in any container? */
static bool is_last(const struct encoder *e, const struct container *c)
{
    const uint64_t *frame;

    if (c->left > 0 || c->emptying != OF_TERMS)
        return false;
    for (frame = e->stack.base; frame < e->stack.top; frame += FRAME_WORDS)
        if (frame[1] > 0 || frame[2] != OF_TERMS)
            return false;
    return true;
}

/* Leaves the bytes of a large binary at the end to who asked for that. */
static bool leaves_tail(struct encoder *e, const struct container *c,
                        const uint64_t *words)
{
    struct etf_tail *tail = e->w.options.tail;
    size_t size = etf__head_size(words);

    if (tail == NULL || etf__head(words) != ETF__HEAD_BLOB ||
        size < tail->min || size > UINT32_MAX || !is_last(e, c))
        return false;
    tail->blob = etf__word_blob(words[1]);
    tail->bytes = tail->blob->bytes + words[3];
    tail->size = size;
    return true;
}

static bool write_tail_head(struct encoder *e)
{
    struct writer *w = &e->w;

    if (!etf__writer_room(w, 5))
        return false;
    w->next = etf__put32(etf__put8(w->next, BINARY_EXT),
                         (uint32_t)w->options.tail->size);
    return true;
}

static bool write_compound(struct encoder *e, struct container *c, etf_term t)
{
    const uint64_t *words = etf__words(t);

    if (etf__tag(t) == ETF__CONS)
        return open_list(e, c, words);
    if (etf__head(words) == ETF__HEAD_TUPLE)
        return open_tuple(e, c, words);
    if (etf__head(words) == ETF__HEAD_MAP)
        return open_map(e, c, words);
    if (etf__head(words) == ETF__HEAD_FUN)
        return open_fun(e, c, words);
    if (leaves_tail(e, c, words))
        return write_tail_head(e);
    return etf__write_leaf(&e->w, t);
}

/* One term; a container is opened and becomes *c. */
static bool write_one(struct encoder *e, struct container *c, etf_term t)
{
    struct writer *w = &e->w;

    switch (etf__tag(t)) {
    case ETF__INT:
        return etf__write_integer(w, t);
    case ETF__ATOM:
        return etf__write_atom(w, t);
    case ETF__NIL:
        if (!etf__writer_room(w, 1))
            return false;
        *w->next++ = NIL_EXT;
        return true;
    case ETF__CONS:
    case ETF__BOX:
        return write_compound(e, c, t);
    default: /* a local pid, or nothing */
        return etf__write_leaf(w, t);
    }
}

/*
 * Heads that are small integers, as many as there are in a row, but not the
 * last one. What has no room is left too. Cells mostly stand at one distance
 * from each other, so the next one is guessed and then compared: the processor
 * need not wait for one cell to find the next.
 */
static void write_heads(struct encoder *e, struct container *c)
{
    uint8_t *p = e->w.next;
    const uint8_t *last = e->w.end - 5;
    const uint64_t *cell = c->words;
    uint64_t distance = 2 * sizeof *cell;
    size_t count = c->left;

    while (p <= last && (cell[0] & ETF__TAG_MASK) == ETF__INT &&
           (cell[1] & ETF__TAG_MASK) == ETF__CONS) {
        int64_t v = etf__small_value(etf__word(cell[0]));
        uint64_t guess = etf__cons_at(cell).word + distance;

        if (v >= 0 && v <= 255)
            p = etf__put8(etf__put8(p, SMALL_INTEGER_EXT), (unsigned)v);
        else if (v >= INT32_MIN && v <= INT32_MAX)
            p = etf__put32(etf__put8(p, INTEGER_EXT), (uint32_t)v);
        else
            break;
        if (__builtin_expect(cell[1] != guess, 0)) {
            distance = cell[1] - etf__cons_at(cell).word;
            guess = cell[1];
            __asm__("" : "+r"(guess)); /* a branch, not a choice of values */
        }
        cell = etf__words(etf__word(guess));
        count++;
    }
    e->w.next = p;
    c->words = cell;
    c->left = count;
}

/* The next head of a list. After the last one the container is the tail. */
static bool next_head(struct encoder *e, struct container *c, etf_term *t)
{
    etf_term tail;

    if (e->w.end - e->w.next >= 5)
        write_heads(e, c);
    tail = etf__word(c->words[1]);
    *t = etf__word(c->words[0]);
    c->left++;
    if (etf__tag(tail) == ETF__CONS) {
        c->words = etf__words(tail);
        return true;
    }
    if (c->left > UINT32_MAX)
        return etf__write_fail(&e->w, AGNER_ELIMIT);
    (void)etf__put32(e->w.buffer->data + c->patch, (uint32_t)c->left);
    *c = (struct container){ c->words + 1, 1, OF_TERMS, 0 };
    return true;
}

/* The next term to write, after leaving the containers that are done. false:
 * nothing is left, or a failure. */
static bool next(struct encoder *e, struct container *c, etf_term *t)
{
    for (;;) {
        if (c->emptying == OF_LIST)
            return next_head(e, c, t);
        if (c->left > 0) {
            c->left--;
            *t = etf__word(*c->words++);
            return true;
        }
        if (c->emptying == OF_FUN)
            (void)etf__put32(e->w.buffer->data + c->patch,
                             (uint32_t)(position(e) - c->patch));
        if (etf__walk_is_empty(&e->stack))
            return false;
        pop(e, c);
    }
}

static enum agner_err write_terms(struct encoder *e, etf_term t)
{
    struct container c = { NULL, 0, OF_TERMS, 0 };

    do {
        if (!write_one(e, &c, t))
            return e->w.err;
    } while (next(e, &c, &t));
    return e->w.err;
}

enum agner_err etf_encode(struct etf_buffer *b, etf_term t,
                          const struct etf_encode_options *options)
{
    size_t before = b->size;
    struct encoder e;
    enum agner_err err;

    e.w = (struct writer){ .buffer = b, .self = { .name = ETF_A(noname) } };
    if (b->data != NULL) {
        e.w.next = b->data + b->size;
        e.w.end = b->data + b->capacity;
        if (b->size_max != 0 && b->capacity > b->size_max)
            e.w.end = b->data + (b->size_max > b->size ? b->size_max : b->size);
    }
    if (options != NULL) {
        e.w.options = *options;
        if (options->self != NULL)
            e.w.self = *options->self;
        if (etf_is_none(e.w.self.name))
            e.w.self.name = ETF_A(noname);
    }
    etf__walk_init(&e.stack);
    err = write_terms(&e, t);
    etf__walk_fini(&e.stack);
    b->size = before;
    if (err == AGNER_OK)
        b->size = (size_t)(e.w.next - b->data);
    return err;
}
