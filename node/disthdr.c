/*
 * disthdr.c -- the distribution header: a packet's atoms by slot of a cache.
 *
 * The slot of an atom is a hash of its text modulo a prime just under the
 * cache's size, so different atoms can want the same slot. The later one takes
 * it over, but never within one packet. Its number would do as well, but
 * depends on the atoms that the program made before: what two nodes say to each
 * other would not follow from what they have to say.
 */
#include "disthdr.h"

#include <assert.h>
#include <string.h>

#include <etf_door.h>

#define SLOT_PRIME 2039u /* the greatest prime below NODE__CACHE_SLOTS */
#define INDEX_MASK 511u  /* entries of node__atoms.index, less one */
#define FIRST      4u    /* atoms that are looked at one by one */

/* Words that any one boxed atom takes: header and 255 characters of 4 bytes. */
#define ATOM_WORDS (2 + 4 * 255 / 8)

static uint32_t slot_of(etf_term atom)
{
    return etf__atom_name_hash(atom) % SLOT_PRIME;
}

/* ---- Sending ------------------------------------------------------------ */

void node__atoms_init(struct node__atoms *atoms)
{
    memset(atoms->used, 0, sizeof atoms->used);
    atoms->count = 0;
    atoms->text_size = 0;
    atoms->any_long = false;
}

/* Adds `atom` at free entry `i` of the index. */
static int add(struct node__atoms *atoms, unsigned i, uint32_t slot,
               etf_term atom)
{
    size_t size;

    if (atoms->count == NODE__ATOMS_MAX)
        return -1;
    size = etf_atom_text(atom).size;
    atoms->text_size += size;
    atoms->any_long |= size > UINT8_MAX;
    atoms->used[i / 64] |= UINT64_C(1) << i % 64;
    atoms->index[i] = (uint8_t)atoms->count;
    atoms->slots[atoms->count] = (uint16_t)slot;
    atoms->atoms[atoms->count] = atom;
    return (int)atoms->count++;
}

/* Most atoms of a packet are the names of its two nodes, again and again. */
static int among_the_first(const struct node__atoms *atoms, etf_term atom)
{
    unsigned count = atoms->count < FIRST ? atoms->count : FIRST;

    for (unsigned i = 0; i < count; i++)
        if (etf_same(atoms->atoms[i], atom))
            return (int)i;
    return -1;
}

int node__atoms_index(void *ctx, etf_term atom)
{
    struct node__atoms *atoms = ctx;
    int first = among_the_first(atoms, atom);
    uint32_t slot;
    unsigned i;

    if (first >= 0)
        return first;
    slot = slot_of(atom);
    i = slot & INDEX_MASK;

    /* At most 255 of 512 are used, so that a free one is found. */
    while (atoms->used[i / 64] >> i % 64 & 1) {
        unsigned other = atoms->index[i];

        if (etf_same(atoms->atoms[other], atom))
            return (int)other;
        if (atoms->slots[other] == slot)
            return -1;
        i = (i + 1) & INDEX_MASK;
    }
    return add(atoms, i, slot, atom);
}

size_t node__disthdr_size_max(const struct node__atoms *atoms)
{
    if (atoms == NULL || atoms->count == 0)
        return 1;
    return 1 + atoms->count / 2 + 1 + 3 * (size_t)atoms->count +
           atoms->text_size;
}

/* Writes a new entry's length and text; returns what follows them. */
static uint8_t *write_text(uint8_t *to, etf_term atom, bool long_atoms)
{
    etf_bytes text = etf_atom_text(atom);

    if (long_atoms)
        *to++ = (uint8_t)(text.size >> 8);
    *to++ = (uint8_t)text.size;
    memcpy(to, text.data, text.size);
    return to + text.size;
}

size_t node__disthdr_write(struct node__cache_out *cache,
                           const struct node__atoms *atoms, uint8_t *to)
{
    unsigned i, count = atoms == NULL ? 0 : atoms->count;
    uint8_t *flags = to + 1, *next;

    to[0] = (uint8_t)count;
    if (count == 0)
        return 1;
    memset(flags, 0, count / 2 + 1);
    next = flags + count / 2 + 1;
    for (i = 0; i < count; i++) {
        etf_term atom = atoms->atoms[i];
        uint32_t slot = atoms->slots[i], held = etf__atom_number(atom) + 1;
        unsigned field = slot >> 8;

        *next++ = (uint8_t)slot;
        if (cache->slots[slot] != held) {
            cache->slots[slot] = held;
            field |= 8;
            next = write_text(next, atom, atoms->any_long);
        }
        flags[i / 2] = (uint8_t)(flags[i / 2] | field << 4 * (i % 2));
    }
    if (atoms->any_long)
        flags[count / 2] = (uint8_t)(flags[count / 2] | 1u << 4 * (count % 2));
    assert((size_t)(next - to) <= node__disthdr_size_max(atoms));
    return (size_t)(next - to);
}

/* ---- Receiving ---------------------------------------------------------- */

struct header {
    const uint8_t *flags;
    const uint8_t *next;
    const uint8_t *end;
    bool long_atoms;
};

static unsigned field_at(const uint8_t *flags, unsigned i)
{
    return (unsigned)flags[i / 2] >> 4 * (i % 2) & 15;
}

static void drop_retired(struct node__cache_in *cache)
{
    unsigned i;

    for (i = 0; i < cache->retired_count; i++)
        etf_box_free(cache->retired[i]);
    cache->retired_count = 0;
}

void node__cache_in_fini(struct node__cache_in *cache)
{
    unsigned i;

    drop_retired(cache);
    for (i = 0; i < NODE__CACHE_SLOTS; i++)
        etf_box_free(cache->boxes[i]);
    memset(cache, 0, sizeof *cache);
}

/* Puts `atom` in its slot. An atom that was not interned gets a box of its own,
 * since what it is made in goes away. */
static enum agner_err fill_slot(struct node__cache_in *cache, unsigned slot,
                                etf_term atom)
{
    struct etf_box *box = NULL;

    if (etf__tag(atom) != ETF__ATOM) {
        box = etf_box_new(atom);
        if (box == NULL)
            return AGNER_ENOMEM;
        atom = etf_box_term(box);
    }
    if (cache->boxes[slot] != NULL)
        cache->retired[cache->retired_count++] = cache->boxes[slot];
    cache->boxes[slot] = box;
    cache->slots[slot] = atom;
    return AGNER_OK;
}

/* The length and text of a new entry. */
static enum agner_err read_text(struct header *h, struct node__cache_in *cache,
                                struct etf_atom_budget *budget, unsigned slot,
                                struct agner_error *error)
{
    uint64_t words[ATOM_WORDS];
    struct etf_region region;
    size_t size, length_size = h->long_atoms ? 2 : 1;
    enum agner_err err;
    etf_term atom;

    if ((size_t)(h->end - h->next) < length_size)
        return agner_fail(error, AGNER_EPROTO,
                          "the header ends before the length of an atom");
    size = h->long_atoms ? (size_t)h->next[0] << 8 | h->next[1] : h->next[0];
    h->next += length_size;
    if ((size_t)(h->end - h->next) < size)
        return agner_fail(error, AGNER_EPROTO,
                          "the header ends inside an atom");
    etf__region_init(&region, words, ATOM_WORDS, sizeof words);
    atom = etf_atom_limited(&region, (const char *)h->next, size, budget);
    if (etf_is_none(atom))
        err = agner_fail(error, AGNER_EPROTO,
                         "an atom of the header is not UTF-8 or too long");
    else if (fill_slot(cache, slot, atom) != AGNER_OK)
        err = agner_fail(error, AGNER_ENOMEM, "no memory for an atom");
    else
        err = AGNER_OK;
    etf__region_fini(&region);
    h->next += size;
    return err;
}

/* Reference i: its slot, filled now if it is a new entry. */
static enum agner_err read_ref(struct header *h, struct node__cache_in *cache,
                               struct etf_atom_budget *budget, unsigned i,
                               etf_term *atom, struct agner_error *error)
{
    unsigned field = field_at(h->flags, i), slot;

    if (h->next == h->end)
        return agner_fail(error, AGNER_EPROTO,
                          "the header ends before atom reference %u", i);
    slot = (field & 7) << 8 | *h->next++;
    if (field & 8) {
        enum agner_err err = read_text(h, cache, budget, slot, error);

        if (err != AGNER_OK)
            return err;
    } else if (etf_is_none(cache->slots[slot])) {
        return agner_fail(error, AGNER_EPROTO,
                          "atom reference %u to slot %u, which is empty", i,
                          slot);
    }
    *atom = cache->slots[slot];
    return AGNER_OK;
}

enum agner_err node__disthdr_read(struct node__cache_in *cache,
                                  struct etf_atom_budget *budget,
                                  const uint8_t *bytes, size_t size,
                                  struct node__refs *refs, size_t *used,
                                  struct agner_error *error)
{
    struct header h = { .end = bytes + size };
    unsigned i, count;

    drop_retired(cache);
    if (size == 0)
        return agner_fail(error, AGNER_EPROTO, "no header");
    count = bytes[0];
    h.flags = h.next = bytes + 1;
    if (count > 0) {
        if (size - 1 < count / 2 + 1)
            return agner_fail(error, AGNER_EPROTO,
                              "the header ends inside the flags of %u atoms",
                              count);
        h.next += count / 2 + 1;
        h.long_atoms = field_at(h.flags, count) & 1;
    }
    for (i = 0; i < count; i++) {
        enum agner_err err =
            read_ref(&h, cache, budget, i, &refs->atoms[i], error);

        if (err != AGNER_OK)
            return err;
    }
    refs->count = count;
    *used = (size_t)(h.next - bytes);
    return AGNER_OK;
}
