/*
 * pool.h -- blocks of a few sizes, made by one worker and freed by any.
 *
 * Each worker has a free list per size class. A block that another worker frees
 * goes home in batches: the freeing worker collects a chain for each owner and
 * hands it over with one atomic operation; the owner takes what came when its
 * own list is empty. Blocks of threads that are no workers, and large ones,
 * come from malloc (owner POOL_MALLOC).
 *
 * Memory of a class is never given back to the system while the runtime lives,
 * so a block that was freed stays readable. When memory is short it is asked
 * how much of it is free: the owner then moves blocks, a few at a time, from a
 * free list to one whose length it keeps, and takes them back from there.
 */
#ifndef RT_POOL_H
#define RT_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

#define POOL_CLASSES 24
#define POOL_MALLOC  UINT16_MAX
#define POOL_COUNT_STEP \
    1024u /* blocks to count at a time, between other work */

/* What every block begins with. `next` is the user's while the block is used.
 */
struct block {
    struct block *next;
    uint16_t owner;
    uint8_t class;
};

/* Blocks on their way home to one owner. */
struct pool_out {
    struct block *first, *last;
    uint32_t count;
};

struct pool {
    struct block *free[POOL_CLASSES];
    struct block *counted[POOL_CLASSES]; /* free too */
    _Atomic size_t counted_bytes; /* in those; the owner writes, all read */
    uint8_t *bump, *bump_end;     /* fresh memory */
    void **slabs;                 /* owned: every piece of fresh memory */
    _Atomic size_t slab_count;    /* read by all, for rt_stats() */
    size_t slab_capacity;
    struct pool_out *out; /* by owner; pool_count of them */
    uint16_t index;
    uint16_t pool_count;
    struct pool *const *all; /* borrowed: the runtime's */
    /* Chain of blocks that others freed; whoever frees pushes, the owner takes
     * all. On a line of its own: it is the one word that others write. */
    _Atomic(struct block *) returned __attribute__((aligned(64)));
};

/* `all` are the pools of the runtime, `count` of them, `index` is this one. */
int rt__pool_init(struct pool *pool, uint16_t index, struct pool *const *all,
                  uint16_t count);
void rt__pool_fini(struct pool *pool);

/* Classes: multiples of 16 to 256, then of 64 to 512, then of 128 to 1024. */
#define POOL_LARGEST 1024u
static inline unsigned rt__pool_class(size_t size)
{
    if (size <= 256)
        return (unsigned)((size + 15) / 16) - 1;
    if (size <= 512)
        return 16 + (unsigned)((size - 256 + 63) / 64) - 1;
    return 20 + (unsigned)((size - 512 + 127) / 128) - 1;
}

void *rt__pool_get_slow(struct pool *pool, size_t size);
void rt__pool_put_slow(struct pool *pool, struct pool *const *all,
                       struct block *block);

/* A block of at least `size` bytes (with its header), or NULL. `pool` NULL:
 * from malloc. Owner's thread only. */
static inline void *rt__pool_get(struct pool *pool, size_t size)
{
    struct block *block;
    unsigned class;

    if (pool == NULL || size > POOL_LARGEST)
        return rt__pool_get_slow(NULL, size);
    class = rt__pool_class(size);
    block = pool->free[class];
    if (__builtin_expect(block == NULL, 0))
        return rt__pool_get_slow(pool, size);
    pool->free[class] = block->next;
    return block;
}

/* The block that rt__pool_get() would give for the class without looking
 * further, or NULL; it may be written behind its header. Then the same is
 * taken.
 */
static inline void *rt__pool_look(const struct pool *pool, unsigned class)
{
    return pool->free[class];
}

static inline void rt__pool_take(struct pool *pool, unsigned class)
{
    pool->free[class] = pool->free[class]->next;
}

/* Frees a block of any pool. `pool` is the calling worker's, or NULL: `all`
 * leads to its owner. */
static inline void rt__pool_put(struct pool *pool, struct pool *const *all,
                                void *memory)
{
    struct block *block = memory;

    if (pool == NULL || block->owner != pool->index) {
        rt__pool_put_slow(pool, all, block);
        return;
    }
    block->next = pool->free[block->class];
    pool->free[block->class] = block;
}

/* Sends the collected chains home: before a worker parks. */
void rt__pool_flush(struct pool *pool);

/* Moves up to `count` free blocks to the counted ones. false: there are no
 * others. Owner's thread only. */
bool rt__pool_count(struct pool *pool, size_t count);

/* Bytes taken from the system. */
size_t rt__pool_bytes(const struct pool *pool);

#endif
