/*
 * bucket.c -- the arithmetic of a token bucket: bucket.h.
 */
#include "stage/bucket.h"

#include <assert.h>

void gen__bucket_init(struct bucket *b, uint64_t now_ms)
{
    assert(b->count > 0 && b->interval_ms > 0 && b->burst > 0);
    assert(b->count <= BUCKET_MAX && b->interval_ms <= BUCKET_MAX &&
           b->burst <= BUCKET_MAX);
    b->tokens = b->burst;
    b->parts = 0;
    b->at_ms = now_ms;
}

/* What has come in since. Products stay below 2^64, since the numbers stay
 * below 2^31 and no more time counts than it takes to become full. */
static void fill(struct bucket *b, uint64_t now_ms)
{
    uint64_t full_ms = b->burst * (b->interval_ms / b->count + 1);
    uint64_t passed = now_ms > b->at_ms ? now_ms - b->at_ms : 0;
    uint64_t parts;

    if (passed == 0)
        return;
    b->at_ms = now_ms;
    if (passed < full_ms) {
        parts = passed % b->interval_ms * b->count + b->parts;
        b->tokens += passed / b->interval_ms * b->count;
        b->tokens += parts / b->interval_ms;
        b->parts = parts % b->interval_ms;
    }
    if (passed >= full_ms || b->tokens >= b->burst) {
        b->tokens = b->burst;
        b->parts = 0;
    }
}

uint64_t gen__bucket_take(struct bucket *b, uint64_t now_ms, uint64_t want)
{
    uint64_t taken;

    fill(b, now_ms);
    taken = want < b->tokens ? want : b->tokens;
    b->tokens -= taken;
    return taken;
}

uint64_t gen__bucket_wait_ms(struct bucket *b, uint64_t now_ms)
{
    uint64_t missing;

    fill(b, now_ms);
    if (b->tokens > 0)
        return 0;
    missing = b->interval_ms - b->parts;
    return (missing + b->count - 1) / b->count;
}
