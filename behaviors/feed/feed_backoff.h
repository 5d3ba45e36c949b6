/*
 * feed_backoff.h -- when to try again: the table of gen_resubscribe.h.
 *
 * Private to feed/. Decided without clock or chance: both are arguments.
 */
#ifndef FEED_BACKOFF_H
#define FEED_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct feed_backoff {
    uint64_t max_ns; /* 0: never waits */
    uint64_t attempts_max;
    unsigned jitter_percent;
    uint64_t wait_ns;  /* now */
    uint64_t failures; /* in a row */
};

struct feed_backoff_next {
    bool over; /* given up */
    uint64_t delay_ns;
};

void gen__feed_backoff_init(struct feed_backoff *b, uint64_t max_ms,
                            uint64_t attempts_max, unsigned jitter_percent);
/* A try failed, so long after its start. `chance`: any number. */
struct feed_backoff_next gen__feed_backoff_failed(struct feed_backoff *b,
                                                  uint64_t took_ns,
                                                  uint64_t chance);
/* A subscription failed that had been up for so long. */
struct feed_backoff_next
gen__feed_backoff_fell(struct feed_backoff *b, uint64_t up_ns, uint64_t chance);

#endif
