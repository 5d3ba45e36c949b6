/*
 * retry.c -- the delays between tries: a formula, and nothing else.
 *
 * Computed in floating point, clamped there, and only then made an integer: a
 * power that grows past every number is the longest delay, and no overflow.
 *
 * Source: spec/service.md 2.4.
 */
#include <agner/gen_retry.h>

#include <math.h>

static uint64_t or_default(uint64_t value, uint64_t preset)
{
    return value != 0 ? value : preset;
}

static struct gen_retry_options whole(const struct gen_retry_options *options)
{
    struct gen_retry_options full = { 0 };

    if (options != NULL)
        full = *options;
    full.initial_ms = or_default(full.initial_ms, GEN_RETRY_INITIAL_MS);
    full.max_ms = or_default(full.max_ms, GEN_RETRY_MAX_MS);
    if (full.min_ms == 0)
        full.min_ms =
            full.initial_ms < full.max_ms ? full.initial_ms : full.max_ms;
    if (full.factor == 0.0)
        full.factor = GEN_RETRY_FACTOR;
    return full;
}

enum agner_err gen_retry_init(struct gen_retry_options *options)
{
    struct gen_retry_options full = whole(options);

    /* Comparisons that no NaN passes. */
    if (!(full.factor > 0.0) || !(full.jitter >= 0.0 && full.jitter <= 1.0) ||
        full.min_ms > full.max_ms)
        return AGNER_EINVAL;
    *options = full;
    return AGNER_OK;
}

uint64_t gen_retry_delay(const struct gen_retry_options *options, uint64_t n)
{
    struct gen_retry_options full = whole(options);
    double delay = (double)full.initial_ms *
                   pow(full.factor, n > 0 ? (double)(n - 1) : 0.0);

    if (!(delay < (double)full.max_ms))
        return full.max_ms;
    return delay < (double)full.min_ms ? full.min_ms : (uint64_t)delay;
}

/* The upper 53 bits of the draw are a number from 0 up to 1. */
uint64_t gen_retry_jittered(const struct gen_retry_options *options, uint64_t n,
                            uint64_t draw)
{
    uint64_t delay_ms = gen_retry_delay(options, n);
    double jitter = options != NULL ? options->jitter : 0.0;
    double part;

    if (!(jitter > 0.0))
        return delay_ms;
    part = (jitter < 1.0 ? jitter : 1.0) * (double)(draw >> 11) * 0x1p-53;
    part *= (double)delay_ms;
    if (!(part < (double)delay_ms))
        return 0;
    return delay_ms - (uint64_t)part;
}
