/*
 * feed_policy.h -- what becomes of one event for one subscriber.
 *
 * Private to feed/. Decided without lock, clock or memory.
 */
#ifndef FEED_POLICY_H
#define FEED_POLICY_H

#include <agner/gen.h>

enum feed_fate {
    FEED_TAKES,  /* it has room */
    FEED_WAITS,  /* it gets it, and the sender waits until it has room */
    FEED_MISSES, /* this event is not for it */
    FEED_SHIFTS, /* it gets it, and misses its oldest */
    FEED_ENDS,   /* the subscription ends */
};

/*
 *   window   of the subscription; 0 for a rendezvous
 *   waiting  events that it has not taken
 *   asleep   it has nothing to take, and waits to be told
 *   patient  the sender may wait
 */
enum feed_fate gen__feed_fate(enum gen_feed_policy policy, uint32_t window,
                              uint64_t waiting, bool asleep, bool patient);

#endif
