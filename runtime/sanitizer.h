/*
 * sanitizer.h -- telling the sanitizers of every change of stack.
 *
 * Each coroutine has a struct rt_fiber. rt__fiber_leave() comes right before a
 * switch, rt__fiber_enter() right after it on the other stack. Without a
 * sanitizer all of it is nothing.
 */
#ifndef RT_SANITIZER_H
#define RT_SANITIZER_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define RT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RT_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define RT_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RT_TSAN 1
#endif
#endif

struct rt_fiber {
    void *asan_fake;   /* ASan's shadow of this stack while it is left */
    const void *stack; /* lowest address */
    size_t size;
    void *tsan;
};

#if defined(RT_ASAN)

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

static inline void rt__fiber_leave(struct rt_fiber *from, bool for_ever,
                                   const struct rt_fiber *to)
{
    __sanitizer_start_switch_fiber(for_ever ? NULL : &from->asan_fake,
                                   to->stack, to->size);
}

/* `from` is whom we come from, if its stack is not known yet. */
static inline void rt__fiber_enter(struct rt_fiber *here, struct rt_fiber *from)
{
    const void *stack;
    size_t size;

    __sanitizer_finish_switch_fiber(here->asan_fake, &stack, &size);
    if (from != NULL && from->stack == NULL) {
        from->stack = stack;
        from->size = size;
    }
}

static inline void rt__fiber_abandon(void *low, size_t size)
{
    __asan_handle_no_return();
    __asan_unpoison_memory_region(low, size);
}

static inline void rt__fiber_new(struct rt_fiber *fiber)
{
    fiber->asan_fake = NULL;
}

static inline void rt__fiber_here(struct rt_fiber *fiber)
{
    fiber->asan_fake = NULL;
}

static inline void rt__fiber_free(struct rt_fiber *fiber)
{
    (void)fiber;
}

#elif defined(RT_TSAN)

#include <sanitizer/tsan_interface.h>

static inline void rt__fiber_leave(struct rt_fiber *from, bool for_ever,
                                   const struct rt_fiber *to)
{
    (void)from;
    (void)for_ever;
    /* 0: the switch orders what came before it on this thread. */
    __tsan_switch_to_fiber(to->tsan, 0);
}

static inline void rt__fiber_enter(struct rt_fiber *here, struct rt_fiber *from)
{
    (void)here;
    (void)from;
}

static inline void rt__fiber_abandon(void *low, size_t size)
{
    (void)low;
    (void)size;
}

static inline void rt__fiber_new(struct rt_fiber *fiber)
{
    fiber->tsan = __tsan_create_fiber(0);
}

static inline void rt__fiber_here(struct rt_fiber *fiber)
{
    fiber->tsan = __tsan_get_current_fiber();
}

static inline void rt__fiber_free(struct rt_fiber *fiber)
{
    if (fiber->tsan != NULL)
        __tsan_destroy_fiber(fiber->tsan);
    fiber->tsan = NULL;
}

#else

static inline void rt__fiber_leave(struct rt_fiber *from, bool for_ever,
                                   const struct rt_fiber *to)
{
    (void)from;
    (void)for_ever;
    (void)to;
}

static inline void rt__fiber_enter(struct rt_fiber *here, struct rt_fiber *from)
{
    (void)here;
    (void)from;
}

static inline void rt__fiber_abandon(void *low, size_t size)
{
    (void)low;
    (void)size;
}

static inline void rt__fiber_new(struct rt_fiber *fiber)
{
    (void)fiber;
}

static inline void rt__fiber_here(struct rt_fiber *fiber)
{
    (void)fiber;
}

static inline void rt__fiber_free(struct rt_fiber *fiber)
{
    (void)fiber;
}

#endif

#endif
