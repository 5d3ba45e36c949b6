/*
 * loop_timer.h -- the timers of a loop: a heap whose links are in the timers.
 *
 * Private to the two worlds, which is why it is all in a header: the simulated
 * one is in another library. A pairing heap: starting is O(1), stopping and
 * firing O(log n) amortised, and nothing is allocated, so nothing can fail.
 * Timers of one deadline fire in the order in which they were started.
 *
 * A timer is in a heap exactly when its `link` is not NULL; `link` is the
 * pointer that points to it: the heap's root, its parent's `child`, or its
 * elder sibling's `next`.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include "rt_world.h"

/* All zero is empty. */
struct loop_timers {
    struct rt_loop_timer *root;
    uint64_t started; /* so many, for `order` */
};

static inline void loop_timer_hang(struct rt_loop_timer *timer,
                                   struct rt_loop_timer **link)
{
    *link = timer;
    if (timer != NULL)
        timer->link = link;
}

/* The heap of both; neither has siblings. */
static inline struct rt_loop_timer *loop_timer_merge(struct rt_loop_timer *a,
                                                     struct rt_loop_timer *b)
{
    struct rt_loop_timer *first, *second;

    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (a->deadline_ns < b->deadline_ns ||
        (a->deadline_ns == b->deadline_ns && a->order < b->order)) {
        first = a;
        second = b;
    } else {
        first = b;
        second = a;
    }
    loop_timer_hang(first->child, &second->next);
    loop_timer_hang(second, &first->child);
    return first;
}

/* The heap of a list of siblings: in pairs from the left, then those together.
 * The second pass needs no order of its own, so it takes the pairs backwards.
 */
static inline struct rt_loop_timer *
loop_timer_merge_all(struct rt_loop_timer *list)
{
    struct rt_loop_timer *pairs = NULL, *all = NULL;

    while (list != NULL) {
        struct rt_loop_timer *a = list, *b = list->next, *pair;

        list = b == NULL ? NULL : b->next;
        a->next = NULL;
        if (b != NULL)
            b->next = NULL;
        pair = loop_timer_merge(a, b);
        pair->next = pairs;
        pairs = pair;
    }
    while (pairs != NULL) {
        struct rt_loop_timer *pair = pairs;

        pairs = pair->next;
        pair->next = NULL;
        all = loop_timer_merge(all, pair);
    }
    return all;
}

static inline void loop_timer_remove(struct loop_timers *timers,
                                     struct rt_loop_timer *timer)
{
    struct rt_loop_timer *below;

    if (timer->link == NULL)
        return;
    loop_timer_hang(timer->next, timer->link);
    below = loop_timer_merge_all(timer->child);
    timer->link = NULL;
    timer->next = timer->child = NULL;
    loop_timer_hang(loop_timer_merge(timers->root, below), &timers->root);
}

static inline void loop_timer_add(struct loop_timers *timers,
                                  struct rt_loop_timer *timer,
                                  uint64_t deadline_ns)
{
    timer->deadline_ns = deadline_ns;
    timer->order = timers->started++;
    timer->child = timer->next = NULL;
    loop_timer_hang(loop_timer_merge(timers->root, timer), &timers->root);
}

/* `from_ns` and so many milliseconds; what is too far never comes. */
static inline uint64_t loop_timer_after(uint64_t from_ns, uint64_t ms)
{
    uint64_t ns;

    if (__builtin_mul_overflow(ms, UINT64_C(1000000), &ns) ||
        __builtin_add_overflow(from_ns, ns, &ns))
        return RT_NEVER;
    return ns;
}

static inline void loop_timer_start(struct loop_timers *timers,
                                    struct rt_loop_timer *timer,
                                    uint64_t now_ns, uint64_t after_ms,
                                    uint64_t repeat_ms)
{
    loop_timer_remove(timers, timer);
    timer->repeat_ns = loop_timer_after(0, repeat_ms);
    loop_timer_add(timers, timer, loop_timer_after(now_ns, after_ms));
}

/* When the next one is due, or RT_NEVER. */
static inline uint64_t loop_timer_next(const struct loop_timers *timers)
{
    return timers->root == NULL ? RT_NEVER : timers->root->deadline_ns;
}

/* Fires the next one, which must be due. One that repeats and is late by whole
 * periods fires once for all of them. */
static inline void loop_timer_fire(struct loop_timers *timers, uint64_t now_ns)
{
    struct rt_loop_timer *timer = timers->root;
    uint64_t next_ns;

    loop_timer_remove(timers, timer);
    if (timer->repeat_ns != 0) {
        if (__builtin_add_overflow(timer->deadline_ns, timer->repeat_ns,
                                   &next_ns))
            next_ns = RT_NEVER;
        if (next_ns <= now_ns)
            next_ns = now_ns + timer->repeat_ns;
        loop_timer_add(timers, timer, next_ns);
    }
    timer->fire(timer);
}

#endif
