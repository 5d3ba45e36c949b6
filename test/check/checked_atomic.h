/*
 * checked_atomic.h -- takes the place of runtime/atomic.h for code under the
 * explorer (explore.h): the same names, each a step of the exploration.
 *
 * Included before everything else (-include), so that atomic.h finds its guard
 * taken.
 */
#ifndef RT_ATOMIC_H
#define RT_ATOMIC_H

#include <sched.h>
#include <unistd.h>

#include "explore.h"

/* The type without _Atomic: an rvalue has no qualifiers. */
#define CHECKED__TYPE(p) __typeof__((void)0, *(p))
#define CHECKED__WORD(v) ((uint64_t)(uintptr_t)(v))

#define CHECKED__LOAD(p, order) \
    ((CHECKED__TYPE(p))explore__load((p), sizeof *(p), (order)))
#define CHECKED__STORE(p, v, order) \
    explore__store((p), sizeof *(p), CHECKED__WORD(v), (order))
/* Statement expressions: a value that nobody wants is no warning. */
#define CHECKED__SWAP(p, v, order) \
    __extension__({ \
        CHECKED__TYPE(p) \
        checked__was = (CHECKED__TYPE(p))explore__swap( \
            (p), sizeof *(p), CHECKED__WORD(v), (order)); \
        checked__was; \
    })
#define CHECKED__CHANGE(p, op, v, order) \
    __extension__({ \
        CHECKED__TYPE(p) \
        checked__was = (CHECKED__TYPE(p))explore__change( \
            (p), sizeof *(p), op, CHECKED__WORD(v), (order)); \
        checked__was; \
    })
#define CHECKED__CAS(p, seen, v, order) \
    explore__cas((p), sizeof *(p), (seen), CHECKED__WORD(v), (order))

#define load_relaxed(p)     CHECKED__LOAD(p, EXPLORE_RELAXED)
#define load_acquire(p)     CHECKED__LOAD(p, EXPLORE_ACQUIRE)
#define store_relaxed(p, v) CHECKED__STORE(p, v, EXPLORE_RELAXED)
#define store_release(p, v) CHECKED__STORE(p, v, EXPLORE_RELEASE)
#define swap_acquire(p, v)  CHECKED__SWAP(p, v, EXPLORE_ACQUIRE)
#define swap_acq_rel(p, v)  CHECKED__SWAP(p, v, EXPLORE_ACQ_REL)
#define add_relaxed(p, v)   CHECKED__CHANGE(p, EXPLORE_ADD, v, EXPLORE_RELAXED)
#define add_acq_rel(p, v)   CHECKED__CHANGE(p, EXPLORE_ADD, v, EXPLORE_ACQ_REL)
#define sub_relaxed(p, v) \
    CHECKED__CHANGE(p, EXPLORE_ADD, 0 - CHECKED__WORD(v), EXPLORE_RELAXED)
#define sub_acq_rel(p, v) \
    CHECKED__CHANGE(p, EXPLORE_ADD, 0 - CHECKED__WORD(v), EXPLORE_ACQ_REL)
#define or_relaxed(p, v)          CHECKED__CHANGE(p, EXPLORE_OR, v, EXPLORE_RELAXED)
#define or_acq_rel(p, v)          CHECKED__CHANGE(p, EXPLORE_OR, v, EXPLORE_ACQ_REL)
#define and_relaxed(p, v)         CHECKED__CHANGE(p, EXPLORE_AND, v, EXPLORE_RELAXED)
#define cas_acquire(p, s, v)      CHECKED__CAS(p, s, v, EXPLORE_ACQUIRE)
#define cas_release(p, s, v)      CHECKED__CAS(p, s, v, EXPLORE_RELEASE)
#define cas_acq_rel(p, s, v)      CHECKED__CAS(p, s, v, EXPLORE_ACQ_REL)
#define cas_weak_acq_rel(p, s, v) CHECKED__CAS(p, s, v, EXPLORE_ACQ_REL)
#define cas_weak_release(p, s, v) CHECKED__CAS(p, s, v, EXPLORE_RELEASE)

#define fence_seq_cst()   explore__fence()
#define fence_after_rmw() explore__fence()
#define fence_compiler()  ((void)0)

#define atomic_relax() explore__relax()
#define sched_yield()  explore__relax()

/* biased.c asks the system for a barrier of all threads. */
static inline long checked_syscall(long number, ...)
{
    (void)number;
    explore__barrier();
    return 0;
}
#define syscall(...) checked_syscall(__VA_ARGS__)

#endif
