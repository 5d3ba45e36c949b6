/*
 * etf_door.h -- terms as words, for the rooms above that move them about.
 *
 * Not installed. The representation is decided here, and this is the one header
 * that turns words into pointers and back.
 *
 *   low bits  what                        the other 61 bits
 *   --------  --------------------------  ----------------------------------
 *   000       no term (the whole is 0)
 *   001       small integer               signed value
 *   010       atom                        number in the atom table
 *   011       local pid                   generation:32, slot:28
 *   100       list cell                   address of two words: head, tail
 *   101       boxed                       address of a header word, then words
 *   110       nil
 *
 * A header word is size << 8 | enum etf_head. Everything that a term points to
 * is immutable from the moment the term exists, except the link of an off-heap
 * reference, which belongs to the block that the reference lives in.
 */
#ifndef ETF_DOOR_H
#define ETF_DOOR_H

#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <agner/etf.h>

enum etf_tag {
    ETF__NONE = 0,
    ETF__INT = 1,
    ETF__ATOM = 2,
    ETF__PID = 3,
    ETF__CONS = 4,
    ETF__BOX = 5,
    ETF__NIL = 6,
    ETF__TAG_MASK = 7
};

/* Boxed kinds. `size` is what the header's upper 56 bits count. Words after the
 * header in braces. */
enum etf_head {
    ETF__HEAD_TUPLE,     /* size elements {element...} */
    ETF__HEAD_MAP,       /* size pairs {key, value, ...} in exact key order */
    ETF__HEAD_BIG_POS,   /* size limbs {limb...}, least significant first, no */
    ETF__HEAD_BIG_NEG,   /* leading zero limb, never a small integer's value */
    ETF__HEAD_FLOAT,     /* 1 {bits of the double} */
    ETF__HEAD_REF,       /* size words that follow {node, creation|count<<32,
                            ids, two to a word, first id low}; node is NONE for
                            a local one */
    ETF__HEAD_PORT,      /* 3 {node, id, creation} */
    ETF__HEAD_PID,       /* 3 {node, serial<<32|id, creation}: not local */
    ETF__HEAD_ATOM,      /* size bytes {UTF-8 text padded with zero} */
    ETF__HEAD_BINARY,    /* size bytes {bytes padded with zero}: bytes here */
    ETF__HEAD_BITS,      /* size bytes {used bits of the last byte, bytes...} */
    ETF__HEAD_BLOB,      /* size bytes {blob, next, offset}: bytes elsewhere */
    ETF__HEAD_BLOB_BITS, /* size bytes {blob, next, offset, used bits} */
    ETF__HEAD_RESOURCE,  /* 2 {blob, next} */
    ETF__HEAD_EXPORT,    /* 3 {module, function, arity} */
    ETF__HEAD_FUN,       /* size words that follow {arity, uniq lo, uniq hi,
                            index, module, old_index, old_uniq, creator,
                            free...} */
};

#define ETF__INT_MAX   ((int64_t)1 << 60)
#define ETF__SHORT_MAX 14u /* elements of a short tuple */

static inline unsigned etf__tag(etf_term t)
{
    return (unsigned)(t.word & ETF__TAG_MASK);
}

static inline etf_term etf__word(uint64_t word)
{
    return (etf_term){ word };
}

_Static_assert(ETF__CONS == 4 && ETF__BOX == 5, "one bit less to look at");

static inline bool etf__is_compound(uint64_t word) /* ETF__CONS, ETF__BOX */
{
    return (word & (ETF__TAG_MASK & ~1u)) == ETF__CONS;
}

static inline etf_term etf__small(int64_t v) /* within +-2^60 */
{
    return etf__word((uint64_t)v << 3 | ETF__INT);
}

static inline int64_t etf__small_value(etf_term t)
{
    return (int64_t)t.word >> 3;
}

static inline bool etf__fits_small(int64_t v)
{
    return v >= -ETF__INT_MAX && v < ETF__INT_MAX;
}

static inline etf_term etf__local_pid(uint32_t slot, uint32_t generation)
{
    return etf__word(((uint64_t)generation << 28 | slot) << 3 | ETF__PID);
}

static inline uint32_t etf__pid_slot(etf_term t)
{
    return (uint32_t)(t.word >> 3) & 0x0fffffffu;
}

static inline uint32_t etf__pid_generation(etf_term t)
{
    return (uint32_t)(t.word >> 31);
}

static inline uint32_t etf__atom_number(etf_term t) /* ETF__ATOM only */
{
    return (uint32_t)(t.word >> 3);
}

/* The hash of any atom's text as phash2 has it: kept with one that is interned,
 * and 28 bits wide. */
uint32_t etf__atom_name_hash(etf_term atom);

/* Addresses: words are 8-byte aligned, so the tag fits under them. */
static inline etf_term etf__box_at(const uint64_t *words)
{
    return etf__word((uint64_t)(uintptr_t)words | ETF__BOX);
}

static inline etf_term etf__cons_at(const uint64_t *words)
{
    return etf__word((uint64_t)(uintptr_t)words | ETF__CONS);
}

static inline uint64_t *etf__words(etf_term t) /* ETF__CONS, ETF__BOX */
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): that is what a term is */
    return (uint64_t *)(uintptr_t)(t.word & ~(uint64_t)ETF__TAG_MASK);
}

/* What boxed words hold besides terms: addresses, as plain words. */
static inline uint64_t etf__address(const void *p)
{
    return (uint64_t)(uintptr_t)p;
}

struct etf_blob;

static inline struct etf_blob *etf__word_blob(uint64_t word)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): stored by etf__address() */
    return (struct etf_blob *)(uintptr_t)word;
}

static inline uint64_t *etf__word_link(uint64_t word)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): stored by etf__address() */
    return (uint64_t *)(uintptr_t)word;
}

static inline bool etf__is_boxed(etf_term t, enum etf_head head)
{
    return etf__tag(t) == ETF__BOX &&
           (etf__words(t)[0] & 0xff) == (uint64_t)head;
}

/* ---- Large binaries and native values: outside, shared, counted ---------- */

struct etf_blob {
    _Atomic uint32_t refs;
    size_t size; /* bytes; of a resource its serial number, for the order */
    void (*destroy)(void *value); /* resources; NULL for bytes */
    void *value;                  /* resources */
    uint8_t bytes[];
};

#define ETF__BLOB_MIN  256  /* bytes from which a binary lives outside */
#define ETF__REFER_MIN 4096 /* and from which it may stay where it was read */

/* A new blob with count 1, or NULL: for bytes, not set yet, and for a native
 * value, without `destroy`. */
struct etf_blob *etf__blob_new(size_t size);
struct etf_blob *etf__resource_new(void *value);
void etf__blob_hold(struct etf_blob *blob);
void etf__blob_drop(struct etf_blob *blob);

/* Room for `size` bytes: returns the blob, which may have moved, or NULL, and
 * it is as it was. Nobody else has a count. */
struct etf_blob *etf__blob_resize(struct etf_blob *blob, size_t size);

/* Has anybody else a count? If not, what the others read of it is done. */
static inline bool etf__blob_is_shared(const struct etf_blob *blob)
{
    /* Pairs with the release in etf__blob_drop(). */
    return atomic_load_explicit(&blob->refs, memory_order_acquire) != 1;
}

/* A large binary that is the last thing in a term. Who asks for it with
 * etf_encode_options.tail gets only its head encoded, and here where its bytes
 * are, which belong behind that. */
struct etf_tail {
    size_t min;            /* set by the caller: less is encoded whole */
    struct etf_blob *blob; /* borrowed from the term; NULL: no such binary */
    const uint8_t *bytes;
    size_t size;
};

/* Off-heap references of one block form a list through their `next` word;
 * `list` is the address of the first such boxed term's words, or NULL. */
void etf__offheap_drop(uint64_t *list);

/* ---- Regions ---- */

struct etf_chunk;

/*
 * A bump allocator. The first chunk may be memory of the owner's, so that a
 * region costs nothing until it is used. Boxes may be left in its care: they
 * are let go at the next reset.
 */
struct etf_region {
    uint64_t *next; /* free words up to end */
    uint64_t *end;
    uint64_t *offheap;          /* references that live in this region */
    struct etf_chunk *chunks;   /* owned, newest first */
    struct etf_box_link *boxes; /* in care, newest first */
    uint64_t *first;            /* borrowed first chunk, or NULL */
    uint64_t *first_end;
    size_t bytes; /* of owned chunks */
    size_t bytes_max;
};

/* `first` of `words` words may be NULL/0. bytes_max 0: 256 MiB. */
void etf__region_init(struct etf_region *r, uint64_t *first, size_t words,
                      size_t bytes_max);
void etf__region_fini(struct etf_region *r);
uint64_t *etf__region_words_slow(struct etf_region *r, size_t count);

/* Room for `count` words, at least 1, or NULL: the region's limit, or no
 * memory. */
static inline uint64_t *etf__region_words(struct etf_region *r, size_t count)
{
    uint64_t *words = r->next;

    if (count > (size_t)(r->end - words))
        return etf__region_words_slow(r, count);
    r->next = words + count;
    return words;
}

/* Is there anything that a reset would have to do? */
static inline bool etf__region_is_clean(const struct etf_region *r)
{
    return r->next == r->first && r->offheap == NULL && r->boxes == NULL;
}

/* etf_region_reset(), which has little to do where little was built. */
static inline void etf__region_rewind(struct etf_region *r)
{
    if (r->end == r->first_end && r->offheap == NULL && r->boxes == NULL)
        r->next = r->first; /* a chunk, if there is one, is the spare */
    else
        etf_region_reset(r);
}

/* Takes one count of `box`, dropped when the region is reset. AGNER_ENOMEM
 * leaves the count with the caller. */
enum agner_err etf__region_keep_box(struct etf_region *r, struct etf_box *box);

/* ---- Copies in one piece: what a message is ---- */

/* Words that a flat copy of `t` takes besides the term itself; 0 for immediate
 * terms, SIZE_MAX when it is over ETF_DECODED_MAX. Shared parts count each
 * time. Iterative. */
size_t etf__flat_words_slow(etf_term t);

static inline size_t etf__flat_words(etf_term t)
{
    unsigned tag = etf__tag(t);

    return tag == ETF__BOX || tag == ETF__CONS ? etf__flat_words_slow(t) : 0;
}

/* Most messages are short tuples with nothing compound inside. The words that a
 * copy of one takes; 0 for what is no short tuple. */
static inline size_t etf__short_words(etf_term t)
{
    uint64_t head;

    if (etf__tag(t) != ETF__BOX)
        return 0;
    head = etf__words(t)[0];
    if ((head & 0xff) != ETF__HEAD_TUPLE || head >> 8 > ETF__SHORT_MAX)
        return 0;
    return 1 + (size_t)(head >> 8);
}

/* Copies a short tuple. false: something compound is inside, and what was
 * copied is debris. */
static inline bool etf__short_copy(uint64_t *to, etf_term t, size_t words)
{
    const uint64_t *from = etf__words(t);

    to[0] = from[0];
    for (size_t i = 1; i < words; i++) {
        if (etf__is_compound(from[i]))
            return false;
        to[i] = from[i];
    }
    return true;
}

/* Copies `t` to `to`, which has exactly etf__flat_words(t) words. Off-heap
 * references are put in front of *offheap and hold their blobs. */
etf_term etf__flat_copy_slow(uint64_t *to, etf_term t, uint64_t **offheap);

static inline etf_term etf__flat_copy(uint64_t *to, etf_term t,
                                      uint64_t **offheap)
{
    unsigned tag = etf__tag(t);

    if (tag == ETF__BOX || tag == ETF__CONS)
        return etf__flat_copy_slow(to, t, offheap);
    return t;
}

/* ---- For a debugger: the texts of atoms ---- */

struct etf__atom_layout {
    const void *entries; /* by number */
    /* Of an entry: its bytes, and where the pointer to its text and the text's
     * size (16 bits) are. */
    uint64_t entry_size, text_at, size_at;
};

struct etf__atom_layout etf__atom_layout(void);

/* A box is such a copy with a count. */
struct etf_box {
    _Atomic uint32_t refs;
    uint32_t word_count;
    etf_term term;
    uint64_t *offheap;
    uint64_t words[];
};

#endif
