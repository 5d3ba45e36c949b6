/*
 * mailbox.h -- the door of a process: many senders, one owner.
 *
 * Private to runtime/. The mailbox also decides who may run the process: that
 * is what the IDLE mark is for. Its memory stays a mailbox for ever (slab.h),
 * so a sender may be late: the envelope names the life it was meant for, and
 * the owner drops what was meant for an earlier one.
 *
 *   inbox          meaning                                  left by
 *   -------------  ---------------------------------------  -------------
 *   MAILBOX_DEAD   nobody lives here: pushes are refused    spawner
 *   MAILBOX_IDLE   nobody runs the process, nothing waits   sender
 *   NULL           queued or running, nothing new waits     sender, owner
 *   an envelope    queued or running; the newest envelope,  sender, owner
 *                  older ones behind `next`
 *
 * Invariant: a process is on a run queue, or being run, exactly when its inbox
 * is neither IDLE nor DEAD. The sender that found IDLE puts it there, and owns
 * it until then: so it may hand its envelope over without the inbox
 * (rt__mailbox_claim()). Whoever runs it owns it until rt__mailbox_park()
 * returns true or rt__mailbox_close().
 */
#ifndef RT_MAILBOX_H
#define RT_MAILBOX_H

#include <stdbool.h>

#include "envelope.h"

typedef _Atomic(struct envelope *) rt_inbox;

/* Addresses that no envelope has. */
extern struct envelope rt__mailbox_marks[2];
#define MAILBOX_IDLE (&rt__mailbox_marks[0])
#define MAILBOX_DEAD (&rt__mailbox_marks[1])

enum mailbox_push {
    MAILBOX_PUSHED,
    MAILBOX_WOKE,   /* it was idle: the caller puts it on a run queue */
    MAILBOX_CLOSED, /* nobody lives here; the envelope is still the caller's */
};

/*
 * Puts `m` in the mailbox, which owns it from then on. Any thread.
 *
 * Order: release publishes m's contents to rt__mailbox_take(). Acquire is for
 * the IDLE case: it pairs with the release in rt__mailbox_park(), so that the
 * last owner is done with the process before we link it into a run queue.
 */
static inline enum mailbox_push rt__mailbox_push(rt_inbox *inbox,
                                                 struct envelope *m)
{
    struct envelope *seen = load_relaxed(inbox);

    do {
        if (seen == MAILBOX_DEAD)
            return MAILBOX_CLOSED;
        m->next = seen == MAILBOX_IDLE ? NULL : seen;
    } while (!cas_weak_acq_rel(inbox, &seen, m));
    return seen == MAILBOX_IDLE ? MAILBOX_WOKE : MAILBOX_PUSHED;
}

/*
 * Takes an idle process, for which nothing waits: true, and the caller owns it
 * and must put it on a run queue. Any thread.
 *
 * Order: acquire as in rt__mailbox_push(). What the caller then writes is
 * published by the run queue.
 */
static inline bool rt__mailbox_claim(rt_inbox *inbox)
{
    struct envelope *idle = MAILBOX_IDLE;

    return load_relaxed(inbox) == MAILBOX_IDLE &&
           cas_acquire(inbox, &idle, NULL);
}

/* A chain, newest first, turned round: oldest first. */
static inline struct envelope *rt__mailbox_reverse(struct envelope *newest)
{
    struct envelope *oldest = NULL;

    while (newest != NULL) {
        struct envelope *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

/*
 * Takes everything that waits, oldest first, or NULL. Owner only, so the inbox
 * is never IDLE or DEAD here.
 *
 * Order: acquire pairs with the release of every push in the chain, not only
 * the newest: each push is a read-modify-write and so continues the release
 * sequences of those before it.
 */
static inline struct envelope *rt__mailbox_take(rt_inbox *inbox)
{
    if (load_relaxed(inbox) == NULL)
        return NULL;
    return rt__mailbox_reverse(swap_acquire(inbox, NULL));
}

/*
 * Gives the process up. Owner only. Returns false when a message came in
 * meanwhile: the caller still owns the process and must go on running it.
 *
 * Order: release pairs with the acquire in rt__mailbox_push(). A failed
 * exchange reads nothing we use, so it is relaxed.
 */
static inline bool rt__mailbox_park(rt_inbox *inbox)
{
    struct envelope *empty = NULL;

    return cas_release(inbox, &empty, MAILBOX_IDLE);
}

/*
 * Takes the process back after rt__mailbox_park(), for a thread that waits on
 * its own: true when nothing had come, false when a sender made it ours
 * already.
 *
 * Order: acquire pairs with the release of whoever parked it, which was us.
 */
static inline bool rt__mailbox_unpark(rt_inbox *inbox)
{
    struct envelope *idle = MAILBOX_IDLE;

    return cas_acquire(inbox, &idle, NULL);
}

/*
 * Closes the mailbox for good and takes what waits, oldest first. Owner only.
 *
 * Order: acquire as in rt__mailbox_take(). Release pairs with the relaxed load
 * of a sender that finds DEAD only through the generation, which is written
 * before.
 */
static inline struct envelope *rt__mailbox_close(rt_inbox *inbox)
{
    return rt__mailbox_reverse(swap_acq_rel(inbox, MAILBOX_DEAD));
}

#endif
