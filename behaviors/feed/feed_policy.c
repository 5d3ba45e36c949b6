/*
 * feed_policy.c -- what becomes of one event for one subscriber:
 * feed_policy.h.
 */
#include "feed/feed_policy.h"

enum feed_fate gen__feed_fate(enum gen_feed_policy policy, uint32_t window,
                              uint64_t waiting, bool asleep, bool patient)
{
    if (waiting < window)
        return FEED_TAKES;
    switch (policy) {
    case GEN_FEED_BLOCK:
        if (patient)
            return FEED_WAITS;
        /* Who waits for it at a rendezvous takes it at once. */
        return window == 0 && waiting == 0 && asleep ? FEED_TAKES : FEED_MISSES;
    case GEN_FEED_DROP_NEW:
        return FEED_MISSES;
    case GEN_FEED_DROP_OLD:
    case GEN_FEED_LATEST:
        return FEED_SHIFTS;
    case GEN_FEED_END_SLOW:
        return FEED_ENDS;
    }
    return FEED_MISSES;
}
