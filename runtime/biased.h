/*
 * biased.h -- a lock that costs its owner two plain stores.
 *
 * The owner writes `inside`, then looks at `thief`; a thief writes `thief`,
 * makes every other thread pass a barrier (membarrier), then looks at `inside`.
 * One of the two sees the other. Where the system has no membarrier the owner
 * pays a fence instead.
 */
#ifndef RT_BIASED_H
#define RT_BIASED_H

#include <stdbool.h>

#include "spin.h"

struct biased {
    _Atomic uint32_t inside; /* written by the owner */
    rt_spin thief;           /* held by a thief */
    bool fence;              /* the owner must fence: no membarrier */
};

/* Can this system make other threads pass a barrier? Asked once a runtime. */
bool rt__barrier_works(void);
void rt__barrier(void);

void rt__biased_wait(struct biased *lock);

/*
 * Order: the store of `inside` must come before the load of `thief`; that is
 * store-load, which the thief's barrier (or the fence) provides. The acquire
 * load pairs with the release in rt__thief_leave(): we see what the thief did.
 */
static inline void rt__owner_enter(struct biased *lock)
{
    store_relaxed(&lock->inside, 1u);
    fence_compiler();
    if (__builtin_expect(lock->fence, 0))
        fence_seq_cst();
    if (__builtin_expect(load_acquire(&lock->thief) != 0, 0))
        rt__biased_wait(lock);
}

/* Order: release pairs with the acquire load of `inside` by a thief. */
static inline void rt__owner_leave(struct biased *lock)
{
    store_release(&lock->inside, 0u);
}

/* false when the owner stays inside for long: it has lost its processor. */
bool rt__thief_enter(struct biased *lock);

static inline void rt__thief_leave(struct biased *lock)
{
    rt__unlock(&lock->thief);
}

#endif
