/*
 * pool.c -- blocks of a few sizes: see pool.h.
 */
#include "pool.h"

#include <stdlib.h>
#include <string.h>

#include "sanitizer.h"

#define SLAB_BYTES (64u * 1024u)
#define OUT_BATCH  32u

static size_t class_size(unsigned class)
{
    if (class < 16)
        return ((size_t) class + 1) * 16;
    if (class < 20)
        return 256 + ((size_t) class - 15) * 64;
    return 512 + ((size_t) class - 19) * 128;
}

int rt__pool_init(struct pool *pool, uint16_t index, struct pool *const *all,
                  uint16_t count)
{
    memset(pool, 0, sizeof *pool);
    pool->index = index;
    pool->all = all;
    pool->pool_count = count;
    pool->out = calloc(count, sizeof *pool->out);
    return pool->out == NULL ? -1 : 0;
}

void rt__pool_fini(struct pool *pool)
{
    size_t i;

    for (i = 0; i < load_relaxed(&pool->slab_count); i++)
        free(pool->slabs[i]);
    free(pool->slabs);
    free(pool->out);
}

size_t rt__pool_bytes(const struct pool *pool)
{
    return load_relaxed(&pool->slab_count) * SLAB_BYTES;
}

static struct block *from_malloc(size_t size)
{
    struct block *block = malloc(size);

    if (block != NULL) {
        block->owner = POOL_MALLOC;
        block->class = 0;
    }
    return block;
}

/* Puts what others gave back on the free lists. Order: acquire pairs with the
 * release in send_home(): what they did with the blocks is done. */
static void take_returned(struct pool *pool)
{
    struct block *block = swap_acquire(&pool->returned, NULL);

    while (block != NULL) {
        struct block *next = block->next;

        block->next = pool->free[block->class];
        pool->free[block->class] = block;
        block = next;
    }
}

/* Takes some of what was counted back to the free list, which is empty. */
static void take_counted(struct pool *pool, unsigned class)
{
    size_t bytes = load_relaxed(&pool->counted_bytes);
    unsigned i;

    for (i = 0; i < OUT_BATCH && pool->counted[class] != NULL; i++) {
        struct block *block = pool->counted[class];

        pool->counted[class] = block->next;
        block->next = pool->free[class];
        pool->free[class] = block;
        bytes -= class_size(class);
    }
    store_relaxed(&pool->counted_bytes, bytes);
}

bool rt__pool_count(struct pool *pool, size_t count)
{
    size_t bytes = load_relaxed(&pool->counted_bytes);
    unsigned class;

    if (load_relaxed(&pool->returned) != NULL)
        take_returned(pool);
    for (class = 0; class < POOL_CLASSES; class ++)
        while (count > 0 && pool->free[class] != NULL) {
            struct block *block = pool->free[class];

            pool->free[class] = block->next;
            block->next = pool->counted[class];
            pool->counted[class] = block;
            bytes += class_size(class);
            count--;
        }
    store_relaxed(&pool->counted_bytes, bytes);
    return count == 0;
}

static struct block *fresh(struct pool *pool, unsigned class)
{
    size_t size = class_size(class);
    struct block *block;

    if ((size_t)(pool->bump_end - pool->bump) < size) {
        size_t count = load_relaxed(&pool->slab_count);
        void *slab;

        if (count == pool->slab_capacity) {
            size_t capacity = pool->slab_capacity * 2 + 16;
            void **slabs = realloc(pool->slabs, capacity * sizeof *slabs);

            if (slabs == NULL)
                return NULL;
            pool->slabs = slabs;
            pool->slab_capacity = capacity;
        }
        slab = aligned_alloc(64, SLAB_BYTES);
        if (slab == NULL)
            return NULL;
        pool->slabs[count] = slab;
        store_relaxed(&pool->slab_count, count + 1);
        pool->bump = slab;
        pool->bump_end = pool->bump + SLAB_BYTES;
    }
    block = (struct block *)(void *)pool->bump;
    pool->bump += size;
    block->owner = pool->index;
    block->class = (uint8_t) class;
    return block;
}

#ifdef RT_ASAN

/* Under the address sanitizer every block is malloc's, so that it sees each use
 * after free: the free lists stay empty. */
void *rt__pool_get_slow(struct pool *pool, size_t size)
{
    (void)pool;
    (void)fresh;
    (void)take_counted;
    return from_malloc(size);
}

#else

void *rt__pool_get_slow(struct pool *pool, size_t size)
{
    unsigned class;
    struct block *block;

    if (pool == NULL)
        return from_malloc(size);
    class = rt__pool_class(size);
    if (load_relaxed(&pool->returned) != NULL)
        take_returned(pool);
    if (pool->free[class] == NULL && pool->counted[class] != NULL)
        take_counted(pool, class);
    block = pool->free[class];
    if (block == NULL)
        return fresh(pool, class);
    pool->free[class] = block->next;
    return block;
}

#endif

/* Order: release publishes our last use of the blocks to take_returned(). */
static void send_home(struct pool *home, struct block *first,
                      struct block *last)
{
    struct block *seen = load_relaxed(&home->returned);

    do {
        last->next = seen;
    } while (!cas_weak_release(&home->returned, &seen, first));
}

void rt__pool_put_slow(struct pool *pool, struct pool *const *all,
                       struct block *block)
{
    struct pool_out *out;

    if (block->owner == POOL_MALLOC) {
        free(block);
        return;
    }
    if (pool == NULL) {
        send_home(all[block->owner], block, block);
        return;
    }
    out = &pool->out[block->owner];
    block->next = out->first;
    if (out->first == NULL)
        out->last = block;
    out->first = block;
    if (++out->count < OUT_BATCH)
        return;
    send_home(all[block->owner], out->first, out->last);
    memset(out, 0, sizeof *out);
}

void rt__pool_flush(struct pool *pool)
{
    uint16_t i;

    for (i = 0; i < pool->pool_count; i++) {
        struct pool_out *out = &pool->out[i];

        if (out->count == 0)
            continue;
        send_home(pool->all[i], out->first, out->last);
        memset(out, 0, sizeof *out);
    }
}
