/*
 * flat.c -- terms counted and copied into one piece.
 *
 * Counting walks with a stack of what is still to be visited. Copying needs
 * none: a container whose elements are not copied yet has room in its copy for
 * two words, and there it keeps the source and the next such container.
 */
#include "etf_door.h"

#include "shape.h"
#include "walk.h"

#define WORDS_MAX (ETF_DECODED_MAX / sizeof(uint64_t))

/* Still to visit: `count` words from `words` on, all terms. */
static bool push_range(struct walk *stack, const uint64_t *words, size_t count)
{
    uint64_t *frame = etf__walk_push(stack, 2);

    if (frame == NULL)
        return false;
    frame[0] = etf__address(words);
    frame[1] = count;
    return true;
}

/* The next compound term that is still to be visited, or ETF_NONE. */
static etf_term next_compound(struct walk *stack)
{
    while (!etf__walk_is_empty(stack)) {
        uint64_t *frame = etf__walk_pop(stack, 2);
        const uint64_t *words = etf__word_link(frame[0]);
        size_t count = frame[1];

        while (count > 0 && !etf__is_compound(*words)) {
            words++;
            count--;
        }
        if (count == 0)
            continue;
        if (count > 1)
            (void)push_range(stack, words + 1, count - 1); /* just popped */
        return etf__word(*words);
    }
    return ETF_NONE;
}

/* Words of a tuple without anything compound inside, what most messages are; 0
 * for all other terms. */
static size_t plain_tuple_words(etf_term t)
{
    const uint64_t *words = etf__words(t);
    size_t count;

    if (!etf__is_boxed(t, ETF__HEAD_TUPLE))
        return 0;
    count = etf__head_size(words);
    for (size_t i = 1; i <= count; i++)
        if (etf__is_compound(words[i]))
            return 0;
    return 1 + count;
}

/*
 * Counts a list from the cell `t` on, up to a head with something behind it.
 * Returns that, with the rest of the list left on the stack, or the tail.
 */
static etf_term count_cells(struct walk *stack, etf_term t, size_t *total)
{
    const uint64_t *cell;

    do {
        cell = etf__words(t);
        *total += 2;
        t = etf__word(cell[1]);
        if (etf__is_compound(cell[0])) {
            if (!push_range(stack, cell + 1, 1))
                *total = SIZE_MAX;
            return etf__word(cell[0]);
        }
    } while (etf__tag(t) == ETF__CONS && *total <= WORDS_MAX);
    return t;
}

size_t etf__flat_words_slow(etf_term t)
{
    size_t total = plain_tuple_words(t);
    struct walk stack;

    if (total > 0 && total <= WORDS_MAX)
        return total;
    total = 0;
    etf__walk_init(&stack);
    while (total <= WORDS_MAX) {
        if (etf__tag(t) == ETF__CONS) {
            t = count_cells(&stack, t, &total);
            continue;
        }
        if (etf__tag(t) == ETF__BOX) {
            const uint64_t *words = etf__words(t);
            struct shape shape = etf__shape(words);

            total += shape.words;
            if (shape.terms > 0 &&
                !push_range(&stack, words + shape.first, shape.terms))
                total = SIZE_MAX;
        }
        if (etf__walk_is_empty(&stack))
            break;
        t = next_compound(&stack);
    }
    etf__walk_fini(&stack);
    return total > WORDS_MAX ? SIZE_MAX : total;
}

/* A copy in progress. */
struct copy {
    uint64_t *to;       /* next free word */
    uint64_t pending;   /* newest unfinished copy, as a term; 0: none */
    uint64_t **offheap; /* list of the block */
};

static void link_offheap(uint64_t *words, uint64_t **offheap)
{
    etf__blob_hold(etf__word_blob(words[1]));
    words[2] = etf__address(*offheap);
    *offheap = words;
}

/* Takes room for a copy of `word`, a compound term, and returns it as a term.
 * What has no terms inside is copied at once, the rest is left pending. */
static uint64_t reserve(struct copy *copy, uint64_t word)
{
    const uint64_t *from = etf__words(etf__word(word));
    uint64_t *to = copy->to;
    uint64_t result = etf__address(to) | (word & ETF__TAG_MASK);
    struct shape shape = { 2, 0, 2 };

    if ((word & ETF__TAG_MASK) == ETF__BOX)
        shape = etf__shape(from);
    copy->to += shape.words;
    if (shape.terms > 0) {
        to[0] = word;
        to[1] = copy->pending;
        copy->pending = result;
        return result;
    }
    for (size_t i = 0; i < shape.words; i++)
        to[i] = from[i];
    if (etf__is_offheap(etf__head(from)))
        link_offheap(to, copy->offheap);
    return result;
}

static uint64_t copy_word(struct copy *copy, uint64_t word)
{
    return etf__is_compound(word) ? reserve(copy, word) : word;
}

/* The copies of the cells stand side by side, but for what their heads need. */
static void finish_list(struct copy *copy, uint64_t *to, const uint64_t *from)
{
    uint64_t *next = copy->to; /* kept in a register */

    for (;;) {
        uint64_t head = from[0], tail = from[1];

        if (etf__is_compound(head)) {
            copy->to = next;
            head = reserve(copy, head);
            next = copy->to;
        }
        to[0] = head;
        if ((tail & ETF__TAG_MASK) != ETF__CONS) {
            copy->to = next;
            to[1] = copy_word(copy, tail);
            return;
        }
        to[1] = etf__cons_at(next).word;
        to = next;
        next += 2;
        from = etf__words(etf__word(tail));
    }
}

static void finish_box(struct copy *copy, uint64_t *to, const uint64_t *from)
{
    struct shape shape = etf__shape(from);
    size_t i = 0;

    for (; i < shape.first; i++)
        to[i] = from[i];
    for (; i < shape.first + shape.terms; i++)
        to[i] = copy_word(copy, from[i]);
    for (; i < shape.words; i++)
        to[i] = from[i];
}

etf_term etf__flat_copy_slow(uint64_t *to, etf_term t, uint64_t **offheap)
{
    struct copy copy = { to, 0, offheap };
    uint64_t result = reserve(&copy, t.word);

    while (copy.pending != 0) {
        etf_term target = etf__word(copy.pending);
        uint64_t *words = etf__words(target);
        const uint64_t *from = etf__words(etf__word(words[0]));

        copy.pending = words[1];
        if (etf__tag(target) == ETF__CONS)
            finish_list(&copy, words, from);
        else
            finish_box(&copy, words, from);
    }
    return etf__word(result);
}

etf_term etf_copy(struct etf_region *r, etf_term t)
{
    size_t count = etf__flat_words(t);
    uint64_t *words;

    if (count == 0)
        return t;
    if (count == SIZE_MAX)
        return ETF_NONE;
    words = etf__region_words(r, count);
    if (words == NULL)
        return ETF_NONE;
    return etf__flat_copy_slow(words, t, &r->offheap);
}
