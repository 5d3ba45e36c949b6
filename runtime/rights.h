/*
 * rights.h -- signals of nodes that may not do everything.
 *
 * Private to runtime/. A guard is a number from 1 in process.door, and a word
 * in a table that only grows: so a sender's thread reads both without a lock.
 */
#ifndef RT_RIGHTS_H
#define RT_RIGHTS_H

#include "process.h"
#include "rt_carrier.h"

#define RT_GUARDS_MAX 15

struct guards {
    rt_spin lock; /* for who adds one */
    _Atomic uint32_t count;
    _Atomic uint32_t words[RT_GUARDS_MAX]; /* permissions; RT_GUARD_TELL */
};

#define RT_GUARD_TELL 256u

struct verdict {
    unsigned lacks; /* it may not, for want of these */
    bool tell;      /* it may, and its message is to be wrapped */
};

/* May it? `s->denied` is not 0. `target` is whom it is for, or NULL; `answers`:
 * it is an answer that somebody here waits for. */
struct verdict rt__permit(const struct rt *rt, const struct rt_signal *s,
                          const struct process *target, bool answers);

/* {'$peer', Node, May, Message}, or ETF_NONE: `r` is full. */
etf_term rt__permit_wrap(struct etf_region *r, const struct rt_signal *s);

/* It was refused. */
void rt__permit_refuse(struct rt *rt, const struct rt_signal *s,
                       unsigned lacks);

#endif
