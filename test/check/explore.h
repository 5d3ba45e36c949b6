/*
 * explore.h -- every order in which a few threads can take a few steps.
 *
 * The threads are coroutines, and each atomic operation, which the code under
 * test makes through checked_atomic.h, is a place where another may go on. All
 * choices are tried, one run after the other, with at most so many preemptions
 * (a switch away from a thread that could go on).
 *
 * Memory is C11's, not the machine's: each location keeps its stores, and a
 * load may return any of them that happens-before permits, with vector clocks;
 * release and acquire, release sequences, and sequentially consistent fences
 * are followed. (Not modelled: consume; loads that read what is stored later.)
 *
 *     static const struct explore_test test = {
 *         .name = "two push", .threads = 3, .begin = b, .thread = t, .end = e,
 *     };
 *     assert_true(explore(&test, NULL, &result));
 *
 * Plain memory that threads hand to each other is named with explore_wrote()
 * and explore_reads(): a read that no happens-before orders is a failure.
 *
 * Source: spec/reliability.md 3, check 3.
 */
#ifndef AGNER_TEST_EXPLORE_H
#define AGNER_TEST_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXPLORE_THREADS 4

enum explore_order {
    EXPLORE_RELAXED = 0,
    EXPLORE_ACQUIRE = 1,
    EXPLORE_RELEASE = 2,
    EXPLORE_ACQ_REL = 3,
};

/* Operations that a run may make relaxed: a checker that still finds nothing
 * would find nothing ever. */
enum explore_weaken {
    EXPLORE_WEAK_LOAD = 1,
    EXPLORE_WEAK_STORE = 2,
    EXPLORE_WEAK_SWAP = 4,
    EXPLORE_WEAK_CAS = 8,
    EXPLORE_WEAK_FENCE = 16,   /* fences do nothing */
    EXPLORE_WEAK_BARRIER = 32, /* nor do barriers of the whole process */
};

struct explore_test {
    const char *name;
    unsigned threads;
    void (*begin)(void);         /* a fresh state, before the threads */
    void (*thread)(unsigned me); /* 0 .. threads - 1 */
    void (*end)(void);           /* NULL; when all have returned */
};

/* NULL, or zeros: 3 preemptions, 2,000,000 runs, then 20,000 random ones. */
struct explore_limits {
    unsigned preemptions;
    uint64_t runs_max;
    uint64_t random_runs;
    unsigned weaken; /* enum explore_weaken */
};

struct explore_result {
    uint64_t runs;
    bool complete; /* all orders were tried */
    char why[160]; /* of a failure; the interleaving goes to stderr unless
                      weaken */
};

/* false: some order fails. */
bool explore(const struct explore_test *test,
             const struct explore_limits *limits,
             struct explore_result *result);

/* ---- For threads, and for begin and end --------------------------------- */

/* The run has failed. Does not return to a thread. */
void explore_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#define explore_check(condition) \
    ((condition) ? (void)0 \
                 : explore_fail("%s:%d: %s", __func__, __LINE__, #condition))

/* Plain memory that is handed over: written, or read, by this thread now. */
void explore_wrote(const void *at);
void explore_reads(const void *at);

/* Waits until the word's newest value is another one: a futex. */
void explore_wait(const volatile void *word, size_t size, uint64_t value);

/* ---- For checked_atomic.h -------------------------------------------------
 */

uint64_t explore__load(const volatile void *at, size_t size,
                       enum explore_order order);
void explore__store(volatile void *at, size_t size, uint64_t value,
                    enum explore_order order);
uint64_t explore__swap(volatile void *at, size_t size, uint64_t value,
                       enum explore_order order);
enum explore_op { EXPLORE_ADD, EXPLORE_OR, EXPLORE_AND };
uint64_t explore__change(volatile void *at, size_t size, enum explore_op op,
                         uint64_t value, enum explore_order order);
/* A weak one that fails for no reason is like one that lost. */
bool explore__cas(volatile void *at, size_t size, void *seen, uint64_t value,
                  enum explore_order order);
void explore__fence(void);
void explore__barrier(void); /* all threads pass a fence: membarrier */
void explore__relax(void);   /* spinning: until something is stored */

#endif
