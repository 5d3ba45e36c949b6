/*
 * store_memory.c -- a store in memory: a skip list in key order.
 *
 * An entry, key and value in one piece, is counted and never changes: a read
 * takes counts under the lock, and copies without it. A put makes all that it
 * needs before it takes the lock, so a batch cannot fail half-way. Levels are
 * drawn from the world's random numbers: keys from outside cannot make the list
 * slow.
 */
#include <agner/gen_store.h>

#include <stdlib.h>

#include "atomic.h"
#include "spin.h"
#include "store/store_bytes.h"

#define LEVELS    16u
#define HOLDS_MAX 64u /* entries that a read takes at a time */

struct entry {
    _Atomic uint32_t refs;
    uint32_t key_size, value_size;
    uint8_t bytes[]; /* the key, then the value */
};

struct node {
    struct entry *entry; /* a count of its own */
    struct node *garbage;
    uint32_t levels;
    struct node *next[]; /* by level */
};

struct memory {
    struct rt *rt; /* borrowed */
    rt_spin lock;  /* guards the list */
    struct node *head[LEVELS];
};

/* ---- Entries and nodes --------------------------------------------------- */

static etf_bytes key_of(const struct entry *entry)
{
    return (etf_bytes){ entry->bytes, entry->key_size };
}

/* Order: the last count that is given back acquires what the others read. */
static void entry_free(struct entry *entry)
{
    if (entry != NULL && sub_acq_rel(&entry->refs, 1u) == 1)
        free(entry);
}

static struct entry *entry_new(const struct gen_store_write *write)
{
    struct entry *entry =
        malloc(sizeof *entry + write->key.size + write->value.size);

    if (entry == NULL)
        return NULL;
    store_relaxed(&entry->refs, 1u);
    entry->key_size = (uint32_t)write->key.size;
    entry->value_size = (uint32_t)write->value.size;
    memcpy(entry->bytes, write->key.data, write->key.size);
    if (write->value.size > 0)
        memcpy(entry->bytes + write->key.size, write->value.data,
               write->value.size);
    return entry;
}

static void nodes_free(struct node *node)
{
    while (node != NULL) {
        struct node *next = node->garbage;

        entry_free(node->entry);
        free(node);
        node = next;
    }
}

/* A quarter of the nodes goes up each level. */
static struct node *node_new(struct memory *m,
                             const struct gen_store_write *write)
{
    struct node *node;
    uint32_t bits, levels = 1;

    rt_random(m->rt, &bits, sizeof bits);
    for (; (bits & 3) == 0 && levels < LEVELS; bits >>= 2)
        levels++;
    node = calloc(1, sizeof *node + levels * sizeof(struct node *));
    if (node == NULL)
        return NULL;
    node->levels = levels;
    node->entry = entry_new(write);
    if (node->entry != NULL)
        return node;
    free(node);
    return NULL;
}

/* ---- The list, under the lock -------------------------------------------- */

/* Where `key` is, or would be: `before[level]` is the link that leads there. */
static struct node *find(struct memory *m, etf_bytes key,
                         struct node **before[LEVELS])
{
    struct node **links = m->head;

    for (unsigned level = LEVELS; level-- > 0;) {
        while (links[level] != NULL &&
               gen__bytes_order(key_of(links[level]->entry), key) < 0)
            links = links[level]->next;
        before[level] = &links[level];
    }
    return *before[0];
}

/* The node that `write` puts out of use: the one that was there, or `fresh`,
 * whose entry is the old one then. */
static struct node *apply(struct memory *m, const struct gen_store_write *write,
                          struct node *fresh)
{
    struct node **before[LEVELS];
    struct node *at = find(m, write->key, before);

    if (at != NULL && gen__bytes_order(key_of(at->entry), write->key) != 0)
        at = NULL;
    if (write->erase) {
        for (unsigned level = 0; at != NULL && level < at->levels; level++)
            *before[level] = at->next[level];
        return at;
    }
    if (at != NULL) {
        struct entry *old = at->entry;

        at->entry = fresh->entry;
        fresh->entry = old;
        return fresh;
    }
    for (unsigned level = 0; level < fresh->levels; level++) {
        fresh->next[level] = *before[level];
        *before[level] = fresh;
    }
    return NULL;
}

/* ---- Operations ---------------------------------------------------------- */

static enum agner_err put(void *ctx, struct gen *self,
                          const struct gen_store_write *writes, size_t count,
                          struct agner_error *error)
{
    struct memory *m = ctx;
    struct node *fresh = NULL, *garbage = NULL;

    (void)self;
    for (size_t i = count; i-- > 0;) {
        struct node *node;

        if (writes[i].erase)
            continue;
        node = node_new(m, &writes[i]);
        if (node == NULL) {
            nodes_free(fresh);
            return agner_fail(error, AGNER_ENOMEM, "a batch of %zu", count);
        }
        node->garbage = fresh;
        fresh = node;
    }
    rt__lock(&m->lock);
    for (size_t i = 0; i < count; i++) {
        struct node *mine = writes[i].erase ? NULL : fresh, *old;

        if (mine != NULL)
            fresh = mine->garbage;
        old = apply(m, &writes[i], mine);
        if (old != NULL) {
            old->garbage = garbage;
            garbage = old;
        }
    }
    rt__unlock(&m->lock);
    nodes_free(garbage);
    return AGNER_OK;
}

static enum agner_err get(void *ctx, struct gen *self, etf_bytes key,
                          struct etf_region *r, etf_bytes *value,
                          struct agner_error *error)
{
    struct memory *m = ctx;
    struct node **before[LEVELS];
    struct entry *entry = NULL;
    struct node *at;
    bool fits;

    (void)self;
    rt__lock(&m->lock);
    at = find(m, key, before);
    if (at != NULL && gen__bytes_order(key_of(at->entry), key) == 0) {
        entry = at->entry;
        add_relaxed(&entry->refs, 1u);
    }
    rt__unlock(&m->lock);
    if (entry == NULL)
        return agner_fail(error, AGNER_EUNKNOWN, "no such key");
    fits = gen__bytes_copy(r, entry->bytes + entry->key_size, entry->value_size,
                           value);
    entry_free(entry);
    return fits ? AGNER_OK : agner_fail(error, AGNER_ENOMEM, "a value");
}

/* Takes up to HOLDS_MAX entries behind `after`, or at it when that is the
 * prefix of the first page. */
static size_t take(struct memory *m, etf_bytes prefix, etf_bytes after,
                   struct entry **held, size_t room)
{
    bool first = after.size == 0 || gen__bytes_order(after, prefix) < 0;
    struct node **before[LEVELS];
    struct node *at;
    size_t count = 0;

    rt__lock(&m->lock);
    at = find(m, first ? prefix : after, before);
    if (!first && at != NULL && gen__bytes_order(key_of(at->entry), after) == 0)
        at = at->next[0];
    for (; at != NULL && count < room &&
           gen__bytes_begin(key_of(at->entry), prefix);
         at = at->next[0]) {
        add_relaxed(&at->entry->refs, 1u);
        held[count++] = at->entry;
    }
    rt__unlock(&m->lock);
    return count;
}

static enum agner_err scan(void *ctx, struct gen *self, etf_bytes prefix,
                           etf_bytes after, size_t limit, struct etf_region *r,
                           struct gen_store_row *rows, size_t *count,
                           struct agner_error *error)
{
    struct entry *held[HOLDS_MAX];
    size_t done = 0, taken = 1, bytes = 0;
    enum agner_err err = AGNER_OK;

    (void)self;
    while (err == AGNER_OK && taken > 0 && done < limit &&
           bytes < GEN_STORE_PAGE_MAX) {
        size_t room = limit - done;

        taken =
            take(ctx, prefix, after, held, room < HOLDS_MAX ? room : HOLDS_MAX);
        for (size_t i = 0; i < taken; i++) {
            struct entry *e = held[i];

            if (err == AGNER_OK && bytes < GEN_STORE_PAGE_MAX) {
                if (gen__bytes_copy(r, e->bytes, e->key_size,
                                    &rows[done].key) &&
                    gen__bytes_copy(r, e->bytes + e->key_size, e->value_size,
                                    &rows[done].value)) {
                    after = rows[done++].key;
                    bytes += e->key_size + e->value_size;
                } else {
                    err = agner_fail(error, AGNER_ENOMEM, "a page of rows");
                }
            }
            entry_free(e);
        }
    }
    if (err == AGNER_OK)
        *count = done;
    return err;
}

static void end(void *ctx, struct gen *self)
{
    struct memory *m = ctx;
    struct node *node = m->head[0];

    (void)self;
    for (; node != NULL; node = node->next[0])
        node->garbage = node->next[0];
    nodes_free(m->head[0]);
    free(m);
}

static const struct gen_store_ops memory_ops = {
    .name = "memory", .put = put, .get = get, .scan = scan, .close = end
};

enum agner_err gen_store_memory(struct rt *rt, struct gen_store **out)
{
    struct memory *m = calloc(1, sizeof *m);
    enum agner_err err;

    if (m == NULL)
        return AGNER_ENOMEM;
    m->rt = rt;
    err = gen_store_custom(rt, &memory_ops, m, out);
    if (err != AGNER_OK)
        free(m);
    return err;
}
