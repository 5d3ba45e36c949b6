/*
 * rt_wait.h -- objects that processes wait at: queues, latches, feeds, streams.
 *
 * An object that makes processes wait keeps a list of waiters under a lock of
 * its own. A waiter is memory of the process that waits, usually on its stack.
 * Who has what it waits for takes it off the list and wakes it, which needs no
 * memory and cannot fail. A process may wait at several objects at once.
 *
 *     struct rt_waiter w;
 *
 *     err = rt_wait_begin(self, &w, 1);
 *     if (err != AGNER_OK)
 *         return err;
 *     lock;
 *     if (there is none yet) put `w` on the list; else done = true;
 *     unlock;
 *     if (!done) {
 *         err = rt_wait_block(self, timeout_ms);
 *         lock;
 *         if (w.woken) err = AGNER_OK; else take `w` off the list;
 *         unlock;
 *     }
 *     rt_wait_end(self, &w, 1);
 *
 * Between begin and end self blocks once, and calls nothing else that may wait.
 * Who was woken has what it was woken for, whatever block says: a time that is
 * over and an exit signal may come at the same moment. An attached thread
 * (rt_attach()) waits as a process does.
 *
 * Included by rt.h.
 */
#ifndef AGNER_RT_WAIT_H
#define AGNER_RT_WAIT_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct rt_waiter {
    struct rt_waiter *next, *prev; /* the object's, guarded by its lock */
    void *data;                    /* the object's: what is handed over */
    bool woken;                    /* guarded by the object's lock */
    void *wake;                    /* private */
    uint64_t who;                  /* private */
};

/* Makes the waiters ready; `next`, `prev` and `data` are all zero.
 * AGNER_ENOMEM: nothing was begun. Otherwise rt_wait_end() must follow. A
 * process that must end, and comes here again and again, is left as by
 * rt_exit(). */
AGNER_API enum agner_err rt_wait_begin(struct gen *self,
                                       struct rt_waiter *waiters, size_t count);

/* Waits until one of the waiters is woken, also when that was before this call.
 * AGNER_OK, AGNER_ETIMEOUT, AGNER_EEXITING, AGNER_EKILLED. More than one may
 * have been woken, and one may have been after the time was over: `woken`, read
 * under its lock, tells. */
AGNER_API enum agner_err rt_wait_block(struct gen *self, uint64_t timeout_ms);

/* The same until rt_now_ms() says so; RT_INFINITY. */
AGNER_API enum agner_err rt_wait_until(struct gen *self, uint64_t at_ms);

/* The end of the wait: the waiters are on no list any more. */
AGNER_API void rt_wait_end(struct gen *self, struct rt_waiter *waiters,
                           size_t count);

/* Wakes one that was taken off its list, under the object's lock. Once for each
 * begin. Any thread. `by`: the process that runs this, which spares a detour;
 * NULL: another thread. */
AGNER_API void rt_wake(struct rt *rt, struct gen *by, struct rt_waiter *waiter);

/* The same in steps, for who wakes many, so that the lock is not held while
 * others are set going. Under the lock the object asks for the wake-up when the
 * waiter is put on the list, and takes the waiter off, which only writes to it;
 * without the lock it sets going all that were taken off. In between the waiter
 * may be gone. */
struct rt_wake_up {
    void *wake;   /* private */
    uint64_t who; /* private */
};
AGNER_API struct rt_wake_up rt_wake_of(const struct rt_waiter *waiter);
AGNER_API void rt_wake_take(struct rt_waiter *waiter);
AGNER_API void rt_wake_all(struct rt *rt, struct gen *by,
                           const struct rt_wake_up *wake_ups, size_t count);

#ifdef __cplusplus
}
#endif

#endif
