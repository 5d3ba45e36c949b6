/*
 * atomic.h -- atomic operations with the memory order in their names.
 *
 * The only place in runtime/ that names C11 orders, so that a checker can take
 * its place. Every use says in a comment which operation it pairs with.
 */
#ifndef RT_ATOMIC_H
#define RT_ATOMIC_H

#include <stdatomic.h>

#define load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define load_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define store_relaxed(p, v) \
    atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_release(p, v) \
    atomic_store_explicit((p), (v), memory_order_release)
#define swap_acquire(p, v) \
    atomic_exchange_explicit((p), (v), memory_order_acquire)
#define swap_acq_rel(p, v) \
    atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define add_relaxed(p, v) \
    atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define add_acq_rel(p, v) \
    atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define sub_relaxed(p, v) \
    atomic_fetch_sub_explicit((p), (v), memory_order_relaxed)
#define sub_acq_rel(p, v) \
    atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel)
#define or_relaxed(p, v) \
    atomic_fetch_or_explicit((p), (v), memory_order_relaxed)
#define and_relaxed(p, v) \
    atomic_fetch_and_explicit((p), (v), memory_order_relaxed)
#define cas_acquire(p, seen, v) \
    atomic_compare_exchange_strong_explicit( \
        (p), (seen), (v), memory_order_acquire, memory_order_relaxed)
#define cas_release(p, seen, v) \
    atomic_compare_exchange_strong_explicit( \
        (p), (seen), (v), memory_order_release, memory_order_relaxed)
#define cas_acq_rel(p, seen, v) \
    atomic_compare_exchange_strong_explicit( \
        (p), (seen), (v), memory_order_acq_rel, memory_order_acquire)
#define cas_weak_acq_rel(p, seen, v) \
    atomic_compare_exchange_weak_explicit( \
        (p), (seen), (v), memory_order_acq_rel, memory_order_relaxed)
#define cas_weak_release(p, seen, v) \
    atomic_compare_exchange_weak_explicit( \
        (p), (seen), (v), memory_order_release, memory_order_relaxed)

/* ThreadSanitizer does not model fences; where we use one, nothing but a
 * wake-up depends on it, so it has no race to miss. */
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* A full fence: for the two places that need store-load order. */
#define fence_seq_cst() atomic_thread_fence(memory_order_seq_cst)
/* A full fence right after a read-modify-write, which on x86 was one already.
 */
#if defined(__x86_64__)
#define fence_after_rmw() atomic_signal_fence(memory_order_seq_cst)
#else
#define fence_after_rmw() atomic_thread_fence(memory_order_seq_cst)
#endif
/* Keeps the compiler from moving accesses across; no instruction. */
#define fence_compiler() atomic_signal_fence(memory_order_seq_cst)

/* One bit of politeness while spinning. */
static inline void atomic_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ __volatile__("yield");
#endif
}

#endif
