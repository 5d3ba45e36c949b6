/*
 * feed_backoff.c -- when to try again: feed_backoff.h.
 */
#include "feed/feed_backoff.h"

#define NS_PER_MS 1000000u

static void restart(struct feed_backoff *b)
{
    b->wait_ns = b->max_ns / 10;
}

void gen__feed_backoff_init(struct feed_backoff *b, uint64_t max_ms,
                            uint64_t attempts_max, unsigned jitter_percent)
{
    *b = (struct feed_backoff){
        .max_ns = max_ms > UINT64_MAX / NS_PER_MS / 2 ? UINT64_MAX / 2
                                                      : max_ms * NS_PER_MS,
        .attempts_max = attempts_max,
        .jitter_percent = jitter_percent > 100 ? 100 : jitter_percent,
    };
    restart(b);
}

static uint64_t shortened(const struct feed_backoff *b, uint64_t chance)
{
    uint64_t most = b->wait_ns / 100 * b->jitter_percent;

    return most == 0 ? b->wait_ns : b->wait_ns - chance % (most + 1);
}

struct feed_backoff_next gen__feed_backoff_failed(struct feed_backoff *b,
                                                  uint64_t took_ns,
                                                  uint64_t chance)
{
    b->failures++;
    if (b->attempts_max != 0 && b->failures >= b->attempts_max)
        return (struct feed_backoff_next){ .over = true };
    if (took_ns > b->max_ns)
        restart(b);
    else
        b->wait_ns = b->wait_ns > b->max_ns / 2 ? b->max_ns : 2 * b->wait_ns;
    return (struct feed_backoff_next){ .delay_ns = shortened(b, chance) };
}

struct feed_backoff_next gen__feed_backoff_fell(struct feed_backoff *b,
                                                uint64_t up_ns, uint64_t chance)
{
    if (up_ns < b->wait_ns)
        return gen__feed_backoff_failed(b, up_ns, chance);
    b->failures = 0;
    if (up_ns >= b->max_ns)
        restart(b);
    return (struct feed_backoff_next){ .delay_ns = 0 };
}
