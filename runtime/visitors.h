/*
 * visitors.h -- runnable processes that come to a worker from others.
 *
 * Private to runtime/. A stack, linked by run_next: any thread pushes, any
 * takes all. Why they come says gather.c; when the host looks, sched.c and
 * idle.c.
 *
 * Who pushes then fences and looks whether the host is parked; a host that
 * parks says so, fences, and looks at its visitors: one sees the other.
 */
#ifndef RT_VISITORS_H
#define RT_VISITORS_H

#include "process.h"

typedef _Atomic(struct process *) rt_visitors;

/* `p` is the caller's, and the stack's from then on.
 *
 * Order: release publishes the process as it was left to whoever takes it.
 */
static inline void rt__visitors_push(rt_visitors *visitors, struct process *p)
{
    struct process *seen = load_relaxed(visitors);

    do {
        p->run_next = seen;
    } while (!cas_weak_release(visitors, &seen, p));
}

/* All, the first to come first; or NULL.
 *
 * Order: acquire pairs with the release of every push, since each continues the
 * release sequences of those before it.
 */
static inline struct process *rt__visitors_take(rt_visitors *visitors)
{
    struct process *p, *first = NULL;

    if (load_relaxed(visitors) == NULL)
        return NULL;
    p = swap_acquire(visitors, NULL);
    while (p != NULL) {
        struct process *older = p->run_next;

        p->run_next = first;
        first = p;
        p = older;
    }
    return first;
}

#endif
