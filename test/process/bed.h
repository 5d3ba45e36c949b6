/*
 * bed.h -- a runtime to test on: with threads, or simulated from a seed.
 *
 * cmocka's assertions jump, so they stay on the test's own stack: processes
 * write what they saw into plain structs, or send it to the test.
 */
#ifndef TEST_BED_H
#define TEST_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <agner/rt.h>
#include <agner/sim.h>

#define WAIT_MS \
    60000u /* for what must come; a broken test ends, a good one never \
              gets near it */

struct bed {
    uint64_t seed;   /* 0: threads */
    struct sim *sim; /* NULL: threads */
    struct rt *rt;
    struct gen *self; /* the test's own process */
};

void bed_open(struct bed *bed, uint64_t seed);
void bed_open_with(struct bed *bed, uint64_t seed, struct rt_options options,
                   const struct sim_options *sim_options);
/* Ends it, and checks that nothing lived on. */
void bed_close(struct bed *bed);

/* The next message of the test's process must be this text. */
void bed_expect(struct bed *bed, const char *text);
/* There must be no further message, once everything is quiet. */
void bed_expect_nothing(struct bed *bed);

/* A raw process that obeys terms: see bed.c for the language. */
etf_pid bed_puppet(struct bed *bed, const struct rt_spawn_options *options);
/* Sends it an order, in Erlang syntax with values. */
#define bed_order(bed, puppet, pattern, ...) \
    (void)rt_send_pid((bed)->self, (puppet), \
                      etf_make((bed)->self, pattern, ##__VA_ARGS__))

/* Runs fn(bed) on threads and on `seeds` simulated runs. */
void bed_everywhere(void (*fn)(struct bed *bed), unsigned seeds);

#endif
