/*
 * timer.h -- a hierarchical timing wheel: O(1) start and cancel.
 *
 * One wheel a worker, each with a lock of its own, so that any thread may
 * cancel and another worker may fire what a stuck one cannot. What a timer does
 * is push the envelope that it was given when it was started: firing needs no
 * memory.
 *
 * Ticks are milliseconds. Level 0 has 256 slots of one tick; levels 1 to 6 have
 * 64 slots each, every slot 256, 16384, ... ticks wide. A timer beyond the last
 * level waits in its farthest slot and is looked at again there.
 *
 * Timer blocks are never given back while the runtime lives, so a stale handle
 * leads to readable memory, and the id says that it is stale.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include <stdbool.h>

#include "envelope.h"
#include "spin.h"

#define WHEEL_LEVELS 7
#define WHEEL_NEAR   256
#define WHEEL_FAR    64

struct process;

struct timer {
    struct timer *next, **link; /* in its slot; `link` NULL: not armed */
    _Atomic uint64_t id;        /* 0: free */
    uint64_t deadline_ms;
    uint64_t interval_ms;      /* 0: once */
    struct envelope *envelope; /* owned until fired */
    etf_term to; /* pid word: whom to push to; by_target: whose timer it is */
    _Atomic uint16_t wheel; /* index of the wheel it was started on */
    bool by_target;         /* the target is envelope->sender: any term */
};

struct wheel {
    rt_spin firing;           /* held while timers fire; taken before `lock` */
    rt_spin lock;             /* guards all that follows */
    _Atomic uint64_t next_ms; /* no timer is due before; RT_NEVER: none */
    uint64_t now_ms;          /* ticks done */
    size_t count;
    _Atomic uint64_t set, fired; /* ever; written under the lock */
    struct timer *near[WHEEL_NEAR];
    struct timer *far[WHEEL_LEVELS - 1][WHEEL_FAR];
    struct timer *free;
    void **slabs; /* owned: timer memory */
    size_t slab_count;
    uint64_t near_bits[WHEEL_NEAR / 64]; /* slots that are not empty */
    uint64_t far_bits[WHEEL_LEVELS - 1];
};

void rt__wheel_init(struct wheel *wheel, uint64_t now_ms);
void rt__wheel_fini(struct wheel *wheel);

/* All with the lock held. */
struct timer *rt__wheel_new(struct wheel *wheel);
void rt__wheel_release(struct wheel *wheel, struct timer *timer);
void rt__wheel_arm(struct wheel *wheel, struct timer *timer);
void rt__wheel_disarm(struct wheel *wheel, struct timer *timer);
/* Takes any one timer out, whenever it is due; NULL: none is left. */
struct timer *rt__wheel_drain(struct wheel *wheel);
/* Takes the timers due at or before `now_ms` out of the wheel, at most `max` of
 * them, in order of deadline ticks; returns their chain. */
struct timer *rt__wheel_due(struct wheel *wheel, uint64_t now_ms, unsigned max);

#endif
