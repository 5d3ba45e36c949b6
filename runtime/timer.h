/*
 * timer.h -- a hierarchical timing wheel: O(1) start and cancel.
 *
 * One wheel a worker, under a lock that costs the worker two plain stores: who
 * else takes it is the watchdog, which fires what a stuck worker cannot. What a
 * timer does is push the envelope that it was given when it was started: firing
 * needs no memory.
 *
 * Ticks are milliseconds. Level 0 has 256 slots of one tick; levels 1 to 6 have
 * 64 slots each, every slot 256, 16384, ... ticks wide. A timer beyond the last
 * level waits in its farthest slot and is looked at again there. A timer that
 * was started for some milliseconds from now waits in `fresh`, without a look
 * at the clock, until its worker looks: between two turns, and before it parks.
 * So many a timer is cancelled before it ever enters a slot.
 *
 * `id` decides between who cancels and who fires, one of which changes it:
 *
 *   id               meaning                                 left by
 *   ---------------  --------------------------------------  ----------------
 *   0                nobody's: free, or cancelled            who starts it
 *   number           armed: in `fresh` or in a slot          cancel: to 0
 *                                                            fire: to FIRING
 *   number | FIRING  on its way, `firing` is held            fire: to 0, or to
 *                                                            number: it repeats
 *
 * Whoever cancels and may not touch the wheel leaves the timer in its slot, and
 * puts it on the list `gone`; the worker takes it out when it looks.
 *
 * Timer blocks are never given back while the runtime lives, so a stale handle
 * leads to readable memory, and the id, which is never used again, says that it
 * is stale.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>

#include "biased.h"
#include "envelope.h"

#define WHEEL_LEVELS 7
#define WHEEL_NEAR   256
#define WHEEL_FAR    64
#define FRESH_MAX    256u /* then they enter the slots at once */

#define TIMER_FIRING ((uint64_t)1 << 63) /* in timer.id */
/* In timer.deadline_ms: so many from when the worker looks next. */
#define TIMER_LATER ((uint64_t)1 << 63)

enum timer_flags {
    TIMER_BY_TARGET = 1, /* the target is envelope->sender: any term */
    TIMER_PATIENT = 2,   /* a worker that sleeps may be late with it:
                            rt__wheel_wake_ms() */
};

struct process;

/* A cache line. What may be read without the lock is atomic. */
struct timer {
    struct timer *next, **link; /* in its slot; `link` NULL: in none */
    _Atomic uint64_t id;        /* see above */
    _Atomic uint64_t deadline_ms;
    _Atomic uint64_t to; /* pid word: whom to push to; TIMER_BY_TARGET: whose
                            timer it is */
    union {
        struct envelope *envelope; /* owned until fired, by who has the id */
        struct timer *gone;        /* on the list of the same name */
    } has;
    uint64_t interval_ms;   /* 0: once */
    _Atomic uint16_t wheel; /* index of the wheel it was started on */
    _Atomic uint8_t flags;  /* enum timer_flags */
};

_Static_assert(sizeof(struct timer) == 64, "a timer is a cache line");

struct wheel {
    rt_spin firing; /* held while timers fire; taken before `lock` */
    bool shared;    /* it is nobody's own: all are thieves */
    /* Cancelled by threads that may not touch the wheel: newest first. */
    _Atomic(struct timer *) gone;
    struct biased lock;       /* guards all that follows */
    _Atomic uint64_t next_ms; /* no timer is due before; RT_NEVER: none.
                                 `fresh` does not count. */
    uint64_t now_ms;          /* ticks done */
    size_t count;             /* in slots and in `fresh` */
    _Atomic uint64_t set;     /* ever */
    _Atomic uint64_t fired;   /* ever; `firing` guards it */
    struct timer *fresh;      /* newest first */
    /* Added since somebody looked, also those that are cancelled by now. Looked
     * at without the lock. */
    _Atomic uint32_t fresh_count;
    struct timer *near[WHEEL_NEAR];
    struct timer *far[WHEEL_LEVELS - 1][WHEEL_FAR];
    struct timer *free;
    void **slabs; /* owned: timer memory */
    size_t slab_count;
    uint64_t near_bits[WHEEL_NEAR / 64];   /* slots that are not empty */
    uint64_t strict_bits[WHEEL_NEAR / 64]; /* ... and had one that is not
                                              TIMER_PATIENT */
    uint64_t far_bits[WHEEL_LEVELS - 1];
};

void rt__wheel_init(struct wheel *wheel, uint64_t now_ms);
void rt__wheel_fini(struct wheel *wheel);

/* Any thread: leaves a cancelled timer to whoever looks at the wheel next. */
void rt__wheel_leave(struct wheel *wheel, struct timer *timer);

/* All with the lock held. */
struct timer *rt__wheel_new(struct wheel *wheel);
void rt__wheel_release(struct wheel *wheel, struct timer *timer);
/* By its deadline; one that is TIMER_LATER joins `fresh`. */
void rt__wheel_arm(struct wheel *wheel, struct timer *timer);
/* Takes it out of its slot or of `fresh`. */
void rt__wheel_disarm(struct wheel *wheel, struct timer *timer);
/* Frees those that were left. */
void rt__wheel_collect(struct wheel *wheel);
/* Gives the fresh ones their deadlines: from now, which is `now_ns`. */
void rt__wheel_settle(struct wheel *wheel, uint64_t now_ns);
/* Until when a worker may sleep: what is patient waits for a few ticks, so that
 * one wake-up serves several. RT_NEVER: no timer. */
uint64_t rt__wheel_wake_ms(const struct wheel *wheel);
/* Takes any one timer out, whenever it is due; NULL: none is left. */
struct timer *rt__wheel_drain(struct wheel *wheel);
/* Takes the timers due at or before `now_ms` out of the wheel, at most `max` of
 * them and what else is due at the same tick, in order of deadline ticks, and
 * makes them TIMER_FIRING; returns their chain. One that was just cancelled is
 * taken out, and is whose thread cancelled it. */
struct timer *rt__wheel_due(struct wheel *wheel, uint64_t now_ms, unsigned max);

#endif
