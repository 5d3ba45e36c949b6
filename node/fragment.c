/*
 * fragment.c -- unfinished sequences of one connection, found by their id.
 *
 * all->bytes is what the terms, references and structs of the unfinished ones
 * take. A complete sequence is no longer among them.
 */
#include "fragment.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <etf_door.h>

/* Where the sequence with this id is linked, or the end of its bucket. */
static struct node__sequence **find(struct node__sequences *all, uint64_t id)
{
    uint64_t mixed = id * UINT64_C(0x9e3779b97f4a7c15);
    struct node__sequence **link =
        &all->buckets[mixed >> 56 & (NODE__SEQUENCE_BUCKETS - 1)];

    while (*link != NULL && (*link)->id != id)
        link = &(*link)->next;
    return link;
}

void node__sequence_free(struct node__sequence *sequence)
{
    unsigned i;

    if (sequence == NULL)
        return;
    if (sequence->boxes != NULL)
        for (i = 0; i < sequence->atom_count; i++)
            etf_box_free(sequence->boxes[i]);
    free(sequence->boxes);
    free(sequence->atoms);
    node__gather_fini(&sequence->terms);
    free(sequence);
}

void node__sequences_fini(struct node__sequences *all)
{
    unsigned i;

    for (i = 0; i < NODE__SEQUENCE_BUCKETS; i++)
        while (all->buckets[i] != NULL) {
            struct node__sequence *sequence = all->buckets[i];

            all->buckets[i] = sequence->next;
            node__sequence_free(sequence);
        }
    all->count = 0;
    all->bytes = 0;
    all->promised = 0;
}

/* What a sequence takes besides its terms. */
static size_t fixed_size(const struct node__sequence *sequence)
{
    return sizeof *sequence +
           sequence->atom_count *
               (sizeof sequence->atoms[0] +
                (sequence->boxes != NULL ? 1024 : 0)); /* a box and its text */
}

/* Keeps an atom that lives in the connection's cache, where a later packet may
 * replace it. */
static bool keep_boxed(struct node__sequence *sequence, unsigned i)
{
    if (sequence->boxes == NULL)
        sequence->boxes =
            calloc(sequence->atom_count, sizeof sequence->boxes[0]);
    if (sequence->boxes == NULL)
        return false;
    sequence->boxes[i] = etf_box_new(sequence->atoms[i]);
    if (sequence->boxes[i] == NULL)
        return false;
    sequence->atoms[i] = etf_box_term(sequence->boxes[i]);
    return true;
}

static bool keep_atoms(struct node__sequence *sequence,
                       const struct node__refs *refs)
{
    unsigned i;

    if (refs->count == 0)
        return true;
    sequence->atoms = malloc(refs->count * sizeof sequence->atoms[0]);
    if (sequence->atoms == NULL)
        return false;
    sequence->atom_count = refs->count;
    memcpy(sequence->atoms, refs->atoms,
           refs->count * sizeof sequence->atoms[0]);
    for (i = 0; i < refs->count; i++)
        if (etf__tag(refs->atoms[i]) != ETF__ATOM && !keep_boxed(sequence, i))
            return false;
    return true;
}

static struct node__sequence *sequence_new(uint64_t id,
                                           const struct node__refs *refs)
{
    struct node__sequence *sequence = calloc(1, sizeof *sequence);

    if (sequence == NULL)
        return NULL;
    sequence->id = id;
    if (!keep_atoms(sequence, refs)) {
        node__sequence_free(sequence);
        return NULL;
    }
    return sequence;
}

static size_t bytes_max(const struct node__sequences *all)
{
    return all->bytes_max != 0 ? all->bytes_max : NODE__SEQUENCE_BYTES_MAX;
}

/* Would `more` bytes be over the limit of a message that has `have`, or of all
 * together? Those need more than one has: a peer sends large ones of many
 * processes by turns. */
static bool is_full(const struct node__sequences *all, size_t have, size_t more)
{
    size_t max = bytes_max(all), all_max;

    if (__builtin_mul_overflow(max, NODE__SEQUENCE_BYTES_ALL, &all_max))
        all_max = SIZE_MAX;
    return more > max || have > max - more || all->bytes > all_max - more;
}

/* What `number` fragments will take, if they are like the first one, which has
 * `size` bytes. A promise, so as to not grow step by step: all unfinished
 * sequences together get no more than the limit for that. */
static size_t promised(const struct node__sequences *all, uint64_t number,
                       size_t size)
{
    size_t room;

    if (__builtin_mul_overflow(number, size, &room) ||
        room > bytes_max(all) - all->promised)
        return 0;
    return room;
}

/* The first fragment's terms, and room for those that follow. */
static enum agner_err begin(const struct node__sequences *all,
                            struct node__sequence *sequence, uint64_t number,
                            const uint8_t *terms, size_t size)
{
    size_t room = promised(all, number, size);

    if (node__gather_reserve(&sequence->terms, room) == AGNER_OK)
        sequence->promised = room;
    return node__gather_add(&sequence->terms, terms, size);
}

/* Takes the sequence out of `all` when it is complete. */
static struct node__sequence *finish(struct node__sequences *all,
                                     struct node__sequence **link)
{
    struct node__sequence *sequence = *link;

    if (sequence->expected != 0)
        return NULL;
    *link = sequence->next;
    all->count--;
    all->promised -= sequence->promised;
    all->bytes -= fixed_size(sequence) + sequence->terms.size;
    node__gather_fit(&sequence->terms);
    return sequence;
}

enum agner_err node__sequences_first(struct node__sequences *all, uint64_t id,
                                     uint64_t number,
                                     const struct node__refs *refs,
                                     const uint8_t *terms, size_t size,
                                     struct node__sequence **done,
                                     struct agner_error *error)
{
    unsigned count_max =
        all->count_max != 0 ? all->count_max : NODE__SEQUENCES_MAX;
    struct node__sequence **link = find(all, id), *sequence;

    if (number == 0)
        return agner_fail(error, AGNER_EPROTO, "a first fragment numbered 0");
    if (*link != NULL)
        return agner_fail(error, AGNER_EPROTO,
                          "sequence %" PRIu64 " begins twice", id);
    if (all->count == count_max)
        return agner_fail(error, AGNER_ELIMIT,
                          "more than %u unfinished sequences", count_max);
    if (is_full(all, 0, size))
        return agner_fail(error, AGNER_ELIMIT,
                          "a message of over %zu bytes (packet_max), or of "
                          "many together over %d times that",
                          bytes_max(all), NODE__SEQUENCE_BYTES_ALL);
    sequence = sequence_new(id, refs);
    if (sequence == NULL ||
        begin(all, sequence, number, terms, size) != AGNER_OK) {
        node__sequence_free(sequence);
        return agner_fail(error, AGNER_ENOMEM, "no memory for a fragment");
    }
    sequence->expected = number - 1;
    sequence->round = all->round;
    *link = sequence;
    all->count++;
    all->promised += sequence->promised;
    all->bytes += fixed_size(sequence) + size;
    *done = finish(all, link);
    return AGNER_OK;
}

enum agner_err node__sequences_next(struct node__sequences *all, uint64_t id,
                                    uint64_t number, const uint8_t *bytes,
                                    size_t size, struct node__sequence **done,
                                    struct agner_error *error)
{
    struct node__sequence **link = find(all, id), *sequence = *link;

    if (sequence == NULL)
        return agner_fail(error, AGNER_EPROTO,
                          "fragment %" PRIu64 " of sequence %" PRIu64
                          ", which did not begin",
                          number, id);
    if (number != sequence->expected)
        return agner_fail(error, AGNER_EPROTO,
                          "fragment %" PRIu64 " of sequence %" PRIu64
                          ", expected %" PRIu64,
                          number, id, sequence->expected);
    if (is_full(all, fixed_size(sequence) + sequence->terms.size, size))
        return agner_fail(error, AGNER_ELIMIT,
                          "a message of over %zu bytes (packet_max), or of "
                          "many together over %d times that",
                          bytes_max(all), NODE__SEQUENCE_BYTES_ALL);
    if (node__gather_add(&sequence->terms, bytes, size) != AGNER_OK)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a fragment");
    sequence->expected--;
    sequence->round = all->round;
    all->bytes += size;
    *done = finish(all, link);
    return AGNER_OK;
}

size_t node__sequences_place(struct node__sequences *all, uint64_t id,
                             uint64_t number, size_t size, uint8_t **bytes)
{
    struct node__sequence *sequence = *find(all, id);

    if (sequence == NULL || number != sequence->expected ||
        is_full(all, fixed_size(sequence) + sequence->terms.size, size) ||
        node__gather_reserve(&sequence->terms, size) != AGNER_OK)
        return 0;
    *bytes = node__gather_bytes(&sequence->terms) + sequence->terms.size;
    return sequence->terms.blob->size - sequence->terms.size;
}

bool node__sequences_age(struct node__sequences *all, uint32_t rounds_max)
{
    unsigned i;

    all->round++;
    for (i = 0; all->count > 0 && i < NODE__SEQUENCE_BUCKETS; i++) {
        const struct node__sequence *sequence = all->buckets[i];

        for (; sequence != NULL; sequence = sequence->next)
            if (all->round - sequence->round > rounds_max)
                return true;
    }
    return false;
}
