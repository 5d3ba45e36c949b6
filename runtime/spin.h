/*
 * spin.h -- a lock for a few instructions.
 *
 * Held for tens of nanoseconds, never across a call that can wait. A holder
 * that loses its processor makes others spin: they give theirs up after a while
 * through the bounded pause below, so nothing depends on it being quick.
 */
#ifndef RT_SPIN_H
#define RT_SPIN_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

typedef _Atomic uint32_t rt_spin;

/* Order: acquire pairs with the release in rt__unlock(), so that the holder
 * sees what the one before it wrote. */
static inline void rt__lock(rt_spin *lock)
{
    uint32_t free = 0;
    unsigned turns = 0;

    while (!cas_acquire(lock, &free, 1u)) {
        free = 0;
        if (++turns > 64)
            sched_yield();
        else
            atomic_relax();
    }
}

/* Without waiting: for who may hold it itself, as in a signal handler. */
static inline bool rt__try_lock(rt_spin *lock)
{
    uint32_t free = 0;

    return cas_acquire(lock, &free, 1u);
}

static inline void rt__unlock(rt_spin *lock)
{
    store_release(lock, 0u);
}

#endif
