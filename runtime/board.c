/*
 * board.c -- boards: tables that one process writes and all read.
 *
 * A value is a box. Who reads takes a count of it under the lock of its shard,
 * and leaves the count with his region; who writes makes the new box first and
 * then, under that lock, changes a pointer. So the lock is held for a look-up,
 * however long the values are. Boards are added to a list and never taken off
 * it, hence found without a lock.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

#define SHARDS        16u
#define BUCKETS_FIRST 8u

struct entry {
    struct entry *next;
    uint32_t hash;
    struct etf_box *key;   /* owned */
    struct etf_box *value; /* owned; the lock guards who has it */
};

struct shard {
    rt_spin lock;           /* guards the rest */
    struct entry **buckets; /* `mask` + 1 of them, or NULL */
    uint32_t mask;
    uint32_t count;
};

struct rt_board {
    struct rt_board *next; /* set before it is on the list */
    const char *kind;      /* borrowed: static */
    etf_term name;
    struct shard shards[SHARDS];
};

struct boards {
    rt_spin lock; /* of who adds one */
    _Atomic(struct rt_board *) newest;
};

/* ---- The list of boards ------------------------------------------------- */

enum agner_err rt__boards_init(struct rt *rt)
{
    rt->boards = calloc(1, sizeof *rt->boards);
    return rt->boards == NULL ? AGNER_ENOMEM : AGNER_OK;
}

void rt__boards_fini(struct rt *rt)
{
    struct rt_board *board, *next;

    if (rt->boards == NULL)
        return;
    for (board = load_relaxed(&rt->boards->newest); board != NULL;
         board = next) {
        next = board->next;
        rt_board_clear(board);
        free(board);
    }
    free(rt->boards);
}

/* Order: acquire pairs with the release in add(), so that a board is read as it
 * was made. */
struct rt_board *rt_board_find(struct rt *rt, const char *kind, etf_term name)
{
    struct rt_board *board = load_acquire(&rt->boards->newest);

    while (board != NULL &&
           (!etf_same(board->name, name) || strcmp(board->kind, kind) != 0))
        board = board->next;
    return board;
}

/* Puts `made` on the list unless there is one of its name now: which it is. */
static struct rt_board *add(struct rt *rt, struct rt_board *made)
{
    struct rt_board *board;

    rt__lock(&rt->boards->lock);
    board = rt_board_find(rt, made->kind, made->name);
    if (board == NULL) {
        board = made;
        board->next = load_relaxed(&rt->boards->newest);
        store_release(&rt->boards->newest, board); /* see rt_board_find() */
    }
    rt__unlock(&rt->boards->lock);
    return board;
}

struct rt_board *rt_board_open(struct rt *rt, const char *kind, etf_term name)
{
    struct rt_board *board, *made;

    if (etf__tag(name) != ETF__ATOM)
        return NULL;
    board = rt_board_find(rt, kind, name);
    if (board != NULL)
        return board;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return NULL;
    made->kind = kind;
    made->name = name;
    board = add(rt, made);
    if (board != made)
        free(made);
    return board;
}

etf_term rt_board_list(struct rt *rt, struct etf_region *r, const char *kind)
{
    struct rt_board *board = load_acquire(&rt->boards->newest);
    etf_term list = etf_nil();

    for (; board != NULL; board = board->next)
        if (strcmp(board->kind, kind) == 0)
            list = etf_cons(r, board->name, list);
    return list;
}

/* ---- Entries ------------------------------------------------------------ */

static struct shard *shard_of(struct rt_board *board, uint32_t hash)
{
    return &board->shards[hash % SHARDS];
}

static struct entry **bucket_of(const struct shard *s, uint32_t hash)
{
    return &s->buckets[hash / SHARDS & s->mask];
}

/* Where the entry hangs, or NULL. The lock is held. */
static struct entry **find(const struct shard *s, uint32_t hash, etf_term key)
{
    struct entry **link;

    if (s->buckets == NULL)
        return NULL;
    for (link = bucket_of(s, hash); *link != NULL; link = &(*link)->next)
        if ((*link)->hash == hash && etf_equal(etf_box_term((*link)->key), key))
            return link;
    return NULL;
}

static void free_entry(struct entry *e)
{
    if (e == NULL)
        return;
    etf_box_free(e->key);
    etf_box_free(e->value);
    free(e);
}

static struct entry *new_entry(etf_term key, uint32_t hash)
{
    struct entry *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->hash = hash;
    e->key = etf_box_new(key);
    if (e->key != NULL)
        return e;
    free(e);
    return NULL;
}

/* Moves the entries to `buckets`, of which there are twice as many; returns the
 * old ones. The lock is held. */
static struct entry **move(struct shard *s, struct entry **buckets,
                           uint32_t count)
{
    struct entry **old = s->buckets;
    uint32_t i, old_count = old == NULL ? 0 : s->mask + 1;

    s->buckets = buckets;
    s->mask = count - 1;
    for (i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct entry *e = old[i];

            old[i] = e->next;
            e->next = *bucket_of(s, e->hash);
            *bucket_of(s, e->hash) = e;
        }
    }
    return old;
}

/* Makes room for one more; the one process that writes calls it. */
static bool reserve(struct shard *s)
{
    uint32_t count = s->buckets == NULL ? BUCKETS_FIRST : 2 * (s->mask + 1);
    struct entry **buckets;

    if (s->buckets != NULL && s->count <= s->mask)
        return true;
    if (count > UINT32_MAX / SHARDS)
        return true; /* the chains grow */
    buckets = calloc(count, sizeof(struct entry *));
    if (buckets == NULL)
        return s->buckets != NULL;
    rt__lock(&s->lock);
    buckets = move(s, buckets, count);
    rt__unlock(&s->lock);
    free(buckets);
    return true;
}

static void take_away(struct shard *s, uint32_t hash, etf_term key)
{
    struct entry **link, *e = NULL;

    rt__lock(&s->lock);
    link = find(s, hash, key);
    if (link != NULL) {
        e = *link;
        *link = e->next;
        s->count--;
    }
    rt__unlock(&s->lock);
    free_entry(e);
}

/* Changes the value of an entry that is there: is it? Takes *value, and gives
 * the old one back. */
static bool change(struct shard *s, uint32_t hash, etf_term key,
                   struct etf_box **value)
{
    struct etf_box *old = *value;
    struct entry **link;

    rt__lock(&s->lock);
    link = find(s, hash, key);
    if (link != NULL) {
        old = (*link)->value;
        (*link)->value = *value;
    }
    rt__unlock(&s->lock);
    *value = old;
    return link != NULL;
}

enum agner_err rt_board_put(struct rt_board *board, etf_term key,
                            etf_term value)
{
    uint32_t hash = etf_phash2(key, 0);
    struct shard *s = shard_of(board, hash);
    struct etf_box *box;
    struct entry *e;

    if (etf_is_none(value)) {
        take_away(s, hash, key);
        return AGNER_OK;
    }
    box = etf_box_new(value);
    if (box == NULL)
        return AGNER_ENOMEM;
    if (change(s, hash, key, &box)) {
        etf_box_free(box);
        return AGNER_OK;
    }
    e = new_entry(key, hash);
    if (e == NULL || !reserve(s)) {
        free_entry(e);
        etf_box_free(box);
        return AGNER_ENOMEM;
    }
    e->value = box;
    rt__lock(&s->lock);
    e->next = *bucket_of(s, hash);
    *bucket_of(s, hash) = e;
    s->count++;
    rt__unlock(&s->lock);
    return AGNER_OK;
}

void rt_board_clear(struct rt_board *board)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        struct shard *s = &board->shards[i];
        struct entry **buckets, *e;
        uint32_t count;

        rt__lock(&s->lock);
        buckets = s->buckets;
        count = buckets == NULL ? 0 : s->mask + 1;
        s->buckets = NULL;
        s->mask = s->count = 0;
        rt__unlock(&s->lock);
        while (count-- > 0) {
            while ((e = buckets[count]) != NULL) {
                buckets[count] = e->next;
                free_entry(e);
            }
        }
        free(buckets);
    }
}

/* ---- Reading ------------------------------------------------------------ */

/* Leaves a count of `box`, which the caller has, with the region. */
static enum agner_err keep(struct etf_region *r, struct etf_box *box,
                           etf_term *term)
{
    if (etf_is_word(etf_box_term(box))) {
        *term = etf_box_term(box);
        etf_box_free(box);
        return AGNER_OK;
    }
    if (etf__region_keep_box(r, box) != AGNER_OK) {
        etf_box_free(box);
        return AGNER_ENOMEM;
    }
    *term = etf_box_term(box);
    return AGNER_OK;
}

enum agner_err rt_board_get(struct rt_board *board, struct etf_region *r,
                            etf_term key, etf_term *value)
{
    uint32_t hash = etf_phash2(key, 0);
    struct shard *s = shard_of(board, hash);
    struct etf_box *box = NULL;
    struct entry **link;

    rt__lock(&s->lock);
    link = find(s, hash, key);
    if (link != NULL)
        box = etf_box_hold((*link)->value);
    rt__unlock(&s->lock);
    return box == NULL ? AGNER_EUNKNOWN : keep(r, box, value);
}

/* Counts of up to `room` keys; how many there are. */
static size_t hold_keys(struct shard *s, struct etf_box **keys, size_t room)
{
    size_t count = 0;

    rt__lock(&s->lock);
    for (uint32_t i = 0; s->buckets != NULL && s->count <= room && i <= s->mask;
         i++)
        for (struct entry *e = s->buckets[i]; e != NULL; e = e->next)
            keys[count++] = etf_box_hold(e->key);
    if (s->count > room)
        count = s->count;
    rt__unlock(&s->lock);
    return count;
}

/* The keys of one shard in front of `list`. */
static etf_term shard_keys(struct shard *s, struct etf_region *r, etf_term list)
{
    struct etf_box **keys = NULL;
    size_t room = 0, count;
    etf_term key;

    while ((count = hold_keys(s, keys, room)) > room) {
        free(keys);
        keys = calloc(count, sizeof(struct etf_box *));
        if (keys == NULL)
            return ETF_NONE;
        room = count;
    }
    while (count-- > 0) {
        if (keep(r, keys[count], &key) != AGNER_OK)
            key = ETF_NONE; /* and then so is the list */
        list = etf_cons(r, key, list);
    }
    free(keys);
    return list;
}

etf_term rt_board_keys(struct rt_board *board, struct etf_region *r)
{
    etf_term list = etf_nil();

    for (uint32_t i = 0; i < SHARDS && !etf_is_none(list); i++)
        list = shard_keys(&board->shards[i], r, list);
    return list;
}

size_t rt_board_size(struct rt_board *board)
{
    size_t count = 0;

    for (uint32_t i = 0; i < SHARDS; i++) {
        rt__lock(&board->shards[i].lock);
        count += board->shards[i].count;
        rt__unlock(&board->shards[i].lock);
    }
    return count;
}
