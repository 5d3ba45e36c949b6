/*
 * atom_table.c -- texts to numbers and back, for the whole OS process.
 *
 * Numbers are given in order and never taken back. Entries stand by number in
 * one static array, which is untouched memory beyond the atoms there are; a
 * hash table of slots leads from a text to its number. A slot holds the hash
 * and the number + 1, or 0 when free.
 *
 * Writers hold `lock`. Readers hold nothing: they take the table that `current`
 * points to, and a table that has been replaced stays where it is, since
 * somebody may be reading it (all of them together are smaller than the
 * newest). A reader of an old table may miss a text that was added meanwhile;
 * who wants to add it finds out under the lock.
 *
 * Order: a slot is stored with release after its entry is complete, and loaded
 * with acquire before the entry is read; without that a reader could see the
 * number and not yet the text. `current` is published and read likewise.
 *
 * The hash is keyed with the kernel's random bytes of this OS process, so that
 * a peer cannot choose texts that collide. Numbers do not depend on it.
 */
#include "atom_table.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/auxv.h>

#include "etf_door.h"
#include "tags.h"

#define SLOTS_FIRST 2048u
#define ARENA_FIRST 4096u /* bytes: all of the fixed atoms */
#define ARENA_SIZE  65536u
#define HEAD_SIZE   2u /* SMALL_ATOM_UTF8_EXT and a length */

struct table {
    struct table *older; /* replaced, perhaps still being read; kept */
    size_t mask;         /* slots - 1 */
    _Atomic uint64_t *slots;
};

/* Written under lock; a reader has a number, which was published later. */
static struct etf__atom entries[ETF__ATOM_COUNT_MAX];

/* The first of everything is static: starting up cannot fail. */
static _Atomic uint64_t first_slots[SLOTS_FIRST];
static struct table first_table = { NULL, SLOTS_FIRST - 1, first_slots };
static uint8_t first_arena[ARENA_FIRST];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static _Atomic(struct table *) current; /* NULL before the first use */
static uint64_t key;                    /* of the hash; set once */
static _Atomic uint32_t atom_count;     /* written under lock */

static uint8_t *arena = first_arena; /* under lock */
static size_t arena_left = ARENA_FIRST;

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t load32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The last 1 to 8 bytes of a text as one word, by overlapping loads. Texts of
 * one size up to 8 have the same digest only if they are the same. */
static inline uint64_t digest_of(const uint8_t *text, size_t size)
{
    if (size >= 8)
        return load64(text + size - 8);
    if (size >= 4)
        return load32(text) << 32 | load32(text + size - 4);
    if (size == 0)
        return 0;
    return (uint64_t)text[0] << 16 | (uint64_t)text[size / 2] << 8 |
           text[size - 1];
}

static inline uint32_t hash_text(const uint8_t *text, size_t size,
                                 uint64_t digest)
{
    uint64_t h = key ^ size;

    for (size_t at = 0; size - at > 8; at += 8)
        h = mix(h ^ load64(text + at), 0x9e3779b97f4a7c15u);
    h = mix(h ^ digest, 0xe7037ed1a0b428dbu);
    return (uint32_t)(h ^ h >> 32);
}

/* All but the last 8 bytes. */
static inline bool same_start(const uint8_t *a, const uint8_t *b, size_t size)
{
    for (size_t at = 0; size - at > 8; at += 8)
        if (load64(a + at) != load64(b + at))
            return false;
    return true;
}

/* The atom in this table, or ETF_NONE. */
static inline etf_term find(const struct table *table, uint32_t hash,
                            const uint8_t *text, size_t size, uint64_t digest)
{
    for (size_t i = hash & table->mask;; i = (i + 1) & table->mask) {
        uint64_t slot =
            atomic_load_explicit(&table->slots[i], memory_order_acquire);
        uint32_t number = (uint32_t)slot - 1;
        const struct etf__atom *entry;

        if (slot == 0)
            return ETF_NONE;
        if ((uint32_t)(slot >> 32) != hash)
            continue;
        entry = &entries[number];
        if (entry->size == size && entry->digest == digest &&
            same_start(entry->text, text, size))
            return etf__word((uint64_t)number << 3 | ETF__ATOM);
    }
}

/* The caller holds the lock, or owns the table. */
static void put_slot(struct table *table, uint32_t hash, uint32_t number)
{
    size_t i = hash & table->mask;

    while (atomic_load_explicit(&table->slots[i], memory_order_relaxed) != 0)
        i = (i + 1) & table->mask;
    atomic_store_explicit(&table->slots[i], (uint64_t)hash << 32 | (number + 1),
                          memory_order_release);
}

static uint32_t entry_hash(uint32_t number)
{
    const struct etf__atom *entry = &entries[number];

    return hash_text(entry->text, entry->size, entry->digest);
}

static struct table *grow(struct table *old, uint32_t count)
{
    struct table *table = malloc(sizeof *table);

    if (table == NULL)
        return NULL;
    table->older = old;
    table->mask = old->mask * 2 + 1;
    table->slots = calloc(table->mask + 1, sizeof table->slots[0]);
    if (table->slots == NULL) {
        free(table);
        return NULL;
    }
    for (uint32_t number = 0; number < count; number++)
        put_slot(table, entry_hash(number), number);
    return table;
}

/* Room for a text with its head before and the slack behind it: its own, since
 * the next text is written while this one is read. */
static uint8_t *arena_take(size_t size)
{
    size_t want = HEAD_SIZE + size;
    uint8_t *text;

    if (want < ETF__ATOM_SLACK)
        want = ETF__ATOM_SLACK;
    if (want > arena_left) {
        uint8_t *fresh = malloc(ARENA_SIZE);

        if (fresh == NULL)
            return NULL;
        arena = fresh;
        arena_left = ARENA_SIZE;
    }
    text = arena + HEAD_SIZE;
    arena += want;
    arena_left -= want;
    return text;
}

static uint64_t prefix_of(const uint8_t *text, size_t size)
{
    uint64_t prefix = 0;

    for (size_t i = 0; i < 8; i++)
        prefix = prefix << 8 | (i < size ? text[i] : 0);
    return prefix;
}

/* Everything about a new atom, and last its slot. Under lock. */
static bool add(struct table *table, uint32_t number, const uint8_t *text,
                size_t size)
{
    uint8_t *copy = arena_take(size);

    if (copy == NULL)
        return false;
    copy[-2] = SMALL_ATOM_UTF8_EXT;
    copy[-1] = (uint8_t)size; /* read only when it fits */
    memcpy(copy, text, size);
    entries[number] = (struct etf__atom){
        .text = copy,
        .prefix = prefix_of(text, size),
        .digest = digest_of(text, size),
        .name_hash = etf__name_hash(text, size),
        .size = (uint16_t)size,
    };
    put_slot(table, entry_hash(number), number);
    atomic_store_explicit(&atom_count, number + 1, memory_order_relaxed);
    return true;
}

/* Numbers are those of ETF_ATOMS. */
static void start(void)
{
    static const char *const texts[] = {
#define FIXED_TEXT(name, text) (text),
        ETF_ATOMS(FIXED_TEXT)
#undef FIXED_TEXT
    };
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives a number */
    const uint8_t *seed = (const uint8_t *)(uintptr_t)getauxval(AT_RANDOM);

    key = seed == NULL ? 0 : load64(seed);
    for (uint32_t i = 0; i < ETF_ATOM_FIXED_COUNT; i++) {
        const uint8_t *text = (const uint8_t *)texts[i];

        (void)add(&first_table, i, text, strlen(texts[i])); /* there is room */
    }
    atomic_store_explicit(&current, &first_table, memory_order_release);
}

static struct table *table_now(void)
{
    struct table *table = atomic_load_explicit(&current, memory_order_acquire);

    if (__builtin_expect(table == NULL, 0)) {
        (void)pthread_once(&once, start); /* fails only for a bad `once` */
        table = atomic_load_explicit(&current, memory_order_acquire);
    }
    return table;
}

struct etf__atom_layout etf__atom_layout(void)
{
    return (struct etf__atom_layout){
        .entries = entries,
        .entry_size = sizeof entries[0],
        .text_at = offsetof(struct etf__atom, text),
        .size_at = offsetof(struct etf__atom, size),
    };
}

const struct etf__atom *etf__atom_entry(etf_term atom)
{
    (void)table_now(); /* a fixed atom may be the first thing ever asked for */
    return &entries[etf__atom_number(atom)];
}

etf_term etf__atom_lookup(const uint8_t *text, size_t size)
{
    const struct table *table = table_now();
    uint64_t digest = digest_of(text, size);

    return find(table, hash_text(text, size, digest), text, size, digest);
}

/* Under lock: the text is not in the table yet. */
static etf_term add_locked(struct table *table, const uint8_t *text,
                           size_t size)
{
    uint32_t number = atomic_load_explicit(&atom_count, memory_order_relaxed);

    if (number == ETF__ATOM_COUNT_MAX)
        return ETF_NONE;
    if ((size_t)number * 2 > table->mask) {
        struct table *larger = grow(table, number);

        if (larger == NULL)
            return ETF_NONE;
        atomic_store_explicit(&current, larger, memory_order_release);
        table = larger;
    }
    if (!add(table, number, text, size))
        return ETF_NONE;
    return etf__word((uint64_t)number << 3 | ETF__ATOM);
}

etf_term etf__atom_intern(const uint8_t *text, size_t size, bool *added)
{
    etf_term atom;

    *added = false;
    (void)table_now();               /* started, at least */
    (void)pthread_mutex_lock(&lock); /* a plain mutex: cannot fail */
    atom = etf__atom_lookup(text, size);
    if (etf_is_none(atom)) {
        atom = add_locked(atomic_load_explicit(&current, memory_order_relaxed),
                          text, size);
        *added = !etf_is_none(atom);
    }
    (void)pthread_mutex_unlock(&lock);
    return atom;
}

uint32_t etf_atom_count(void)
{
    (void)table_now();
    return atomic_load_explicit(&atom_count, memory_order_relaxed);
}
