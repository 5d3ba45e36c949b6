/*
 * term_gen.h -- random terms for property tests.
 */
#ifndef TEST_TERM_GEN_H
#define TEST_TERM_GEN_H

#include <agner/etf.h>

/* xorshift: the whole run is a function of the first state, which is not 0. */
uint64_t gen_random(uint64_t *state);

/*
 * A term of about `size` parts, the same for the same state and size; every
 * kind but resources. A smaller size gives a smaller term: that is how a
 * failure is made small. ETF_NONE: the region is full.
 */
etf_term gen_term(struct etf_region *r, uint64_t *state, unsigned size);

/* One that is near to `t`: the same, or one part of it different. */
etf_term gen_near(struct etf_region *r, uint64_t *state, etf_term t);

#endif
