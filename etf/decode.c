/*
 * decode.c -- terms out of the External Term Format.
 *
 * One pass, without recursion. The innermost container that is still being
 * filled is in local variables, the ones around it on a stack, where each stays
 * until its last element is complete: so the stack's depth is the true nesting
 * of what was read. The tail of a list takes the place of the list there, since
 * a list is long, not deep.
 */
#include "bits.h"
#include "map_sort.h"
#include "reader.h"
#include "tags.h"
#include "walk.h"

enum filling {
    IN_TUPLE, /* elements, free variables of a fun, or the whole term */
    IN_LIST,  /* heads of cells that stand side by side; then the tail */
    IN_TAIL,  /* what ends a list and is not nil */
    IN_MAP    /* keys and values; then they are sorted */
};

/* A container that is being filled: the next `left` terms go to `slot`. */
struct container {
    uint64_t *slot;
    size_t left;
    enum filling filling;
    uint64_t *words; /* header of a map */
};

#define FRAME_WORDS 3u

struct decoder {
    struct reader rd;
    struct walk stack;
    size_t depth;
};

static inline enum agner_err push(struct decoder *d, const struct container *c)
{
    uint64_t *frame;

    if (d->depth == ETF_DEPTH_MAX)
        return etf__read_fail(&d->rd, AGNER_ELIMIT, "nested too deeply");
    frame = etf__walk_push(&d->stack, FRAME_WORDS);
    if (frame == NULL)
        return etf__read_fail(&d->rd, AGNER_ENOMEM, "no memory for nesting");
    frame[0] = etf__address(c->slot);
    frame[1] = (uint64_t)c->left << 2 | (uint64_t)c->filling;
    frame[2] = etf__address(c->words);
    d->depth++;
    return AGNER_OK;
}

static void pop(struct decoder *d, struct container *c)
{
    const uint64_t *frame = etf__walk_pop(&d->stack, FRAME_WORDS);

    c->slot = etf__word_link(frame[0]);
    c->left = frame[1] >> 2;
    c->filling = (enum filling)(frame[1] & 3);
    c->words = etf__word_link(frame[2]);
    d->depth--;
}

/* Room for a container of `count` elements of `each` words and `more`. An
 * element takes a byte at least, so a count above the bytes left is refused
 * before anything is taken. */
static inline uint64_t *room(struct decoder *d, uint64_t count, size_t each,
                             size_t more, enum agner_err *err)
{
    if (count > etf__bytes_left(&d->rd)) {
        *err = etf__read_fail(&d->rd, AGNER_ETRUNCATED,
                              "more elements than bytes left");
        return NULL;
    }
    return etf__read_words(&d->rd, (size_t)count * each + more, err);
}

static inline enum agner_err open_tuple(struct decoder *d, struct container *c,
                                        uint64_t *slot, uint32_t count)
{
    enum agner_err err = AGNER_OK;
    uint64_t *words;

    if (count <= etf__bytes_left(&d->rd) && count > ETF_TUPLE_MAX)
        return etf__read_fail(&d->rd, AGNER_ELIMIT, "tuple is too large");
    words = room(d, count, 1, 1, &err);
    if (words == NULL)
        return err;
    words[0] = etf__header(count, ETF__HEAD_TUPLE);
    *slot = etf__box_at(words).word;
    if (count == 0)
        return AGNER_OK;
    err = push(d, c);
    *c = (struct container){ words + 1, count, IN_TUPLE, NULL };
    return err;
}

static enum agner_err open_list(struct decoder *d, struct container *c,
                                uint64_t *slot, uint32_t count)
{
    enum agner_err err = AGNER_OK;
    uint64_t *words = room(d, count, 2, 0, &err);

    if (words == NULL)
        return err;
    *slot = etf__cons_at(words).word;
    if (c->filling != IN_TAIL)
        err = push(d, c);
    *c = (struct container){ words, count, IN_LIST, NULL };
    return err;
}

static enum agner_err open_map(struct decoder *d, struct container *c,
                               uint64_t *slot, uint32_t count)
{
    enum agner_err err = AGNER_OK;
    uint64_t *words = room(d, 2 * (uint64_t)count, 1, 1, &err);

    if (words == NULL)
        return err;
    words[0] = etf__header(count, ETF__HEAD_MAP);
    *slot = etf__box_at(words).word;
    if (count == 0)
        return AGNER_OK;
    err = push(d, c);
    *c = (struct container){ words + 1, 2 * (size_t)count, IN_MAP, words };
    return err;
}

static enum agner_err close_map(struct decoder *d, const struct container *c)
{
    enum agner_err err = etf__map_sort(c->words + 1, etf__head_size(c->words));

    if (err == AGNER_EMALFORMED)
        return etf__read_fail(&d->rd, err, "map with equal keys");
    if (err != AGNER_OK)
        return etf__read_fail(&d->rd, err, "no memory to sort a map");
    return AGNER_OK;
}

/* A list of bytes. */
static enum agner_err read_string(struct decoder *d, uint64_t *slot)
{
    struct reader *rd = &d->rd;
    enum agner_err err;
    uint64_t *words;
    size_t count;

    if (etf__bytes_left(rd) < 2 ||
        etf__bytes_left(rd) - 2 < etf__get16(rd->next))
        return etf__read_fail(rd, AGNER_ETRUNCATED,
                              "string longer than its input");
    count = etf__get16(rd->next);
    rd->next += 2;
    if (count == 0) {
        *slot = ETF__NIL;
        return AGNER_OK;
    }
    words = etf__read_words(rd, 2 * count, &err);
    if (words == NULL)
        return err;
    *slot = etf__cons_at(words).word;
    for (size_t i = 0; i < count; i++) {
        words[2 * i] = etf__small(rd->next[i]).word;
        words[2 * i + 1] = etf__cons_at(words + 2 * i + 2).word;
    }
    words[2 * count - 1] = ETF__NIL;
    rd->next += count;
    return AGNER_OK;
}

/* The creator of a fun. */
static enum agner_err read_creator(struct reader *rd, etf_term *out)
{
    unsigned tag;

    if (etf__bytes_left(rd) == 0)
        return etf__read_fail(rd, AGNER_ETRUNCATED, "input ends inside a fun");
    tag = *rd->next;
    if (tag != PID_EXT && tag != NEW_PID_EXT)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "creator of a fun is no pid");
    rd->next++;
    return etf__read_pid(rd, tag, out);
}

/* The size that a fun declares is ignored: some releases got it wrong. */
static enum agner_err open_fun(struct decoder *d, struct container *c,
                               uint64_t *slot)
{
    struct reader *rd = &d->rd;
    const uint8_t *head = rd->next;
    enum agner_err err = AGNER_OK;
    etf_term parts[4]; /* module, old index, old uniq, creator */
    uint64_t *words;
    size_t free;

    if (etf__bytes_left(rd) < 29)
        return etf__read_fail(rd, AGNER_ETRUNCATED, "input ends inside a fun");
    free = etf__get32(head + 25);
    if (free > 255)
        return etf__read_fail(rd, AGNER_EMALFORMED,
                              "fun with more than 255 free variables");
    rd->next += 29;
    words = room(d, free, 1, 9, &err);
    if (words == NULL)
        return err;
    err = etf__read_atom(rd, &parts[0]);
    if (err == AGNER_OK)
        err = etf__read_integer(rd, &parts[1]);
    if (err == AGNER_OK)
        err = etf__read_integer(rd, &parts[2]);
    if (err == AGNER_OK)
        err = read_creator(rd, &parts[3]);
    if (err != AGNER_OK)
        return err;
    words[0] = etf__header(8 + free, ETF__HEAD_FUN);
    words[1] = head[4];
    memcpy(words + 2, head + 5, 16);
    words[4] = etf__get32(head + 21);
    for (unsigned i = 0; i < 4; i++)
        words[5 + i] = parts[i].word;
    *slot = etf__box_at(words).word;
    if (free == 0)
        return AGNER_OK;
    err = push(d, c);
    *c = (struct container){ words + 9, free, IN_TUPLE, NULL };
    return err;
}

/* What the loop below does not read itself, and what it found cut short. `next`
 * is behind the tag. */
static enum agner_err read_other(struct decoder *d, struct container *c,
                                 uint64_t *slot, unsigned tag)
{
    struct reader *rd = &d->rd;
    const uint8_t *p = rd->next;
    etf_term leaf = ETF_NONE;
    enum agner_err err;

    if (tag == STRING_EXT)
        return read_string(d, slot);
    if (tag == NEW_FUN_EXT)
        return open_fun(d, c, slot);
    if (tag == LARGE_TUPLE_EXT || tag == LIST_EXT || tag == MAP_EXT) {
        if (etf__bytes_left(rd) < 4)
            return etf__read_fail(rd, AGNER_ETRUNCATED,
                                  "input ends inside a length");
        rd->next += 4;
        if (tag == LARGE_TUPLE_EXT)
            return open_tuple(d, c, slot, etf__get32(p));
        if (tag == MAP_EXT)
            return open_map(d, c, slot, etf__get32(p));
        if (etf__get32(p) > 0)
            return open_list(d, c, slot, etf__get32(p));
        c->slot = slot; /* no heads: its tail goes where the list would */
        c->left++;
        return AGNER_OK;
    }
    if (tag == SMALL_INTEGER_EXT || tag == INTEGER_EXT ||
        tag == SMALL_TUPLE_EXT)
        return etf__read_fail(rd, AGNER_ETRUNCATED, "input ends inside a term");
    err = etf__read_leaf(rd, tag, &leaf);
    *slot = leaf.word;
    return err;
}

/* All elements are there. *done: so is the whole term. */
static enum agner_err close(struct decoder *d, struct container *c, bool *done)
{
    struct reader *rd = &d->rd;
    enum agner_err err = AGNER_OK;

    if (c->filling == IN_LIST) {
        if (rd->next == rd->end || *rd->next != NIL_EXT) {
            c->slot--; /* the last cell's tail */
            c->left = 1;
            c->filling = IN_TAIL;
            return AGNER_OK;
        }
        c->slot[-1] = ETF__NIL;
        rd->next++;
    } else if (c->filling == IN_MAP) {
        err = close_map(d, c);
    }
    if (d->depth == 0)
        *done = true;
    else
        pop(d, c);
    return err;
}

/* Heads of a list that are small integers, as many as there are in a row. */
static const uint8_t *read_heads(struct container *c, const uint8_t *p,
                                 const uint8_t *end)
{
    while (c->left > 0 && end - p >= 5) {
        if (*p == INTEGER_EXT) {
            c->slot[0] = etf__small((int32_t)etf__get32(p + 1)).word;
            p += 5;
        } else if (*p == SMALL_INTEGER_EXT) {
            c->slot[0] = etf__small(p[1]).word;
            p += 2;
        } else {
            break;
        }
        c->slot[1] = etf__cons_at(c->slot + 2).word;
        c->slot += 2;
        c->left--;
    }
    return p;
}

/*
 * The loop: one term per turn. What is most frequent is read here, with the
 * position and the container in registers; `rd.next` is set before anything
 * else may need it, and the container is handed out as a copy.
 */
static enum agner_err read_terms(struct decoder *d, etf_term *out)
{
    struct container c = { &out->word, 1, IN_TUPLE, NULL };
    const uint8_t *p = d->rd.next;
    const uint8_t *const end = d->rd.end;
    enum agner_err err = AGNER_OK;
    bool done = false;

    while (err == AGNER_OK) {
        struct container open;
        uint64_t *slot;
        etf_term atom;
        size_t left;

        if (c.filling == IN_LIST)
            p = read_heads(&c, p, end);
        d->rd.next = p;
        if (c.left == 0) {
            open = c;
            err = close(d, &open, &done);
            if (done)
                break;
            c = open;
            p = d->rd.next;
            continue;
        }
        left = (size_t)(end - p);
        if (left == 0)
            return etf__read_fail(&d->rd, AGNER_ETRUNCATED, "term expected");
        slot = c.slot;
        c.slot++;
        c.left--;
        if (c.filling == IN_LIST) {
            *c.slot = etf__cons_at(slot + 2).word;
            c.slot++;
        }
        if (*p == SMALL_ATOM_UTF8_EXT && left > 1 && left - 2 >= p[1]) {
            d->rd.next = p + 2;
            err = etf__read_atom_text(&d->rd, p[1], &atom);
            *slot = atom.word;
            p += 2 + p[1];
        } else if (*p == SMALL_INTEGER_EXT && left > 1) {
            *slot = etf__small(p[1]).word;
            p += 2;
        } else if (*p == INTEGER_EXT && left > 4) {
            *slot = etf__small((int32_t)etf__get32(p + 1)).word;
            p += 5;
        } else if (*p == SMALL_TUPLE_EXT && left > 1) {
            d->rd.next = p + 2;
            err = open_tuple(d, &c, slot, p[1]);
            p += 2;
        } else if (*p == NIL_EXT) {
            *slot = ETF__NIL;
            p++;
        } else {
            d->rd.next = p + 1;
            open = c;
            err = read_other(d, &open, slot, *p);
            c = open;
            p = d->rd.next;
        }
    }
    return err;
}

static void start(struct decoder *d, struct etf_region *r, const uint8_t *bytes,
                  size_t size, const struct etf_decode_options *options,
                  struct agner_error *error)
{
    static const uint8_t nothing[1]; /* an empty input may be NULL */
    struct reader *rd = &d->rd;

    d->depth = 0;
    rd->next = rd->start = size > 0 ? bytes : nothing;
    rd->end = rd->start + size;
    rd->region = r;
    rd->words_left = ETF_DECODED_MAX / sizeof(uint64_t);
    rd->self = (struct etf_self){ .name = ETF_A(noname) };
    rd->node = ETF_NONE;
    rd->error = error;
    rd->options = (struct etf_decode_options){ 0 };
    if (options == NULL)
        return;
    rd->options = *options;
    if (options->self == NULL)
        return;
    rd->self.creation = options->self->creation;
    if (!etf_is_none(options->self->name))
        rd->self.name = options->self->name;
}

enum agner_err etf__decode_at(struct etf_region *r, const uint8_t *bytes,
                              size_t size, size_t skip,
                              const struct etf_decode_options *options,
                              etf_term *term, size_t *used,
                              struct agner_error *error)
{
    struct decoder d;
    enum agner_err err;
    etf_term t;

    start(&d, r, bytes, size, options, error);
    d.rd.next += skip;
    etf__walk_init(&d.stack);
    err = read_terms(&d, &t);
    etf__walk_fini(&d.stack);
    if (err != AGNER_OK)
        return err;
    if (d.rd.options.exact && d.rd.next != d.rd.end)
        return etf__read_fail(&d.rd, AGNER_EMALFORMED, "bytes after the term");
    *term = t;
    if (used != NULL)
        *used = (size_t)(d.rd.next - bytes);
    return AGNER_OK;
}

enum agner_err etf_decode(struct etf_region *r, const uint8_t *bytes,
                          size_t size, const struct etf_decode_options *options,
                          etf_term *term, size_t *used,
                          struct agner_error *error)
{
    return etf__decode_at(r, bytes, size, 0, options, term, used, error);
}
