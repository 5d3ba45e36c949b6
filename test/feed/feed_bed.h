/*
 * feed_bed.h -- a runtime for the tests of feeds, simulated or real.
 *
 * Each case runs in both: in simulated time, where who runs next is drawn from
 * a seed, and with threads, where the thread sanitizer looks. cmocka's
 * assertions jump, so processes of a case assert nothing: they write down what
 * they saw, or tell the test's own process.
 */
#ifndef FEED_BED_H
#define FEED_BED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#define WAIT_MS 60000u /* a deadline that only a defect reaches */

struct bed {
    struct sim *sim; /* NULL: threads */
    struct rt *rt;
    struct gen *self; /* the test's own thread */
};

int bed_simulated(void **state);
int bed_threads(void **state);
int bed_end(void **state);

/* The case in both worlds. */
#define BED_CASE(name) \
    cmocka_unit_test_setup_teardown(name, bed_simulated, bed_end), \
        cmocka_unit_test_setup_teardown(name, bed_threads, bed_end)

/* Starts a raw process. */
etf_pid bed_spawn(struct bed *bed, void (*code)(struct gen *self, void *arg),
                  void *arg);
/* Tells `to` in a process's code. */
void bed_tell(struct gen *self, etf_pid to, const char *text);
/* The next message must be what this text says. */
void bed_expect(struct bed *bed, const char *text);
/* ... but for any that came before it, which are dropped. */
void bed_await(struct bed *bed, const char *text);
void bed_nothing(struct bed *bed);
void bed_dead(struct bed *bed, etf_pid pid);

struct gen_feed *bed_feed(struct bed *bed,
                          const struct gen_feed_options *options);
struct gen_sub *bed_subscribe(struct bed *bed, struct gen_feed *feed,
                              const struct gen_sub_options *options);
/* Sends N, an integer, and expects so many receivers. */
void bed_send(struct bed *bed, struct gen_feed *feed, int64_t n, size_t count);
/* Takes the next event, which must be N. */
void bed_take(struct bed *bed, struct gen_sub *sub, int64_t n);
/* The subscription has nothing to take now. */
void bed_empty(struct bed *bed, struct gen_sub *sub);
/* The next message but for {gen_feed_ready, _} says that `sub` is down. */
void bed_down(struct bed *bed, struct gen_sub *sub, const char *reason);
/* Drops the last subscription, and frees the feed. */
void bed_over(struct bed *bed, struct gen_feed *feed, struct gen_sub *sub);
/* Waits until done(ctx). */
void bed_until(struct bed *bed, bool (*done)(void *ctx), void *ctx);

/* A process that sends the integers from `from` on, and then tells `sent`. */
struct bed_sender {
    struct gen_feed *feed;
    etf_pid boss;
    int64_t from, count;
    uint64_t timeout_ms;
    _Atomic int64_t sent;
    size_t receivers;
    enum agner_err err;
};
/* The code of a sender; its arg is a struct bed_sender. */
void bed_sends(struct gen *self, void *arg);

/* A process that subscribes and does what its fields say. */
struct follower {
    struct gen_feed *feed;
    struct gen_sub_options options;
    etf_pid boss;    /* hears `ready` when it has subscribed */
    uint64_t limit;  /* takes so many, then ends; UINT64_MAX: until the end */
    bool wait_first; /* takes nothing before it gets the message `go` */
    bool messages;   /* is told by messages */
    /* What it saw. */
    uint64_t count, sum, last_seq;
    bool disorder;
    int64_t values[64]; /* the first ones */
    char end[64];       /* of the subscription */
    struct gen_sub_stats stats;
    enum agner_err err;
    bool done; /* release: all of the above */
};
/* The code of a follower; its arg is a struct follower. Tells its boss `done`
 * at the end. */
void follow(struct gen *self, void *arg);

#endif
