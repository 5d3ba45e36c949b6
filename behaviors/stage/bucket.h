/*
 * bucket.h -- a token bucket: how many events may pass now, and when the next.
 *
 * Private to behaviors/. Plain values: the caller tells the time. Tokens are
 * counted in parts, `interval_ms` of which make one, so that nothing is lost by
 * rounding: in each millisecond `count` parts come in, up to `burst` tokens.
 */
#ifndef BUCKET_H
#define BUCKET_H

#include <stdint.h>

#define BUCKET_MAX (UINT64_C(1) << 31) /* of each of the three */

struct bucket {
    uint64_t count, interval_ms, burst; /* 1 to BUCKET_MAX */
    uint64_t tokens, parts;             /* parts < interval_ms */
    uint64_t at_ms;                     /* when they were counted */
};

/* A full one. */
void gen__bucket_init(struct bucket *b, uint64_t now_ms);
/* Takes as many tokens as there are, at most `want`. */
uint64_t gen__bucket_take(struct bucket *b, uint64_t now_ms, uint64_t want);
/* How long until there is one; 0: there is. */
uint64_t gen__bucket_wait_ms(struct bucket *b, uint64_t now_ms);

#endif
