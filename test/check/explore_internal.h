/* explore_internal.h -- what explore.c (choices) and memory.c share. */
#ifndef AGNER_TEST_EXPLORE_INTERNAL_H
#define AGNER_TEST_EXPLORE_INTERNAL_H

#include "explore.h"

#define EXPLORE_LOCATIONS 64u

struct explore_thread {
    void *context;
    uint32_t clock[EXPLORE_THREADS];
    uint32_t
        oldest[EXPLORE_LOCATIONS]; /* may not read stores before that one */
    bool over;
    bool spins;      /* explore__relax() */
    uint64_t saw_at; /* it has seen all stores up to that one, spinning */
    const volatile void *word; /* explore_wait(); or NULL */
    size_t word_size;
    uint64_t word_value;
};

struct explore_threads {
    struct explore_thread threads[EXPLORE_THREADS];
    uint64_t stores; /* so many, by all */
};

extern struct explore_threads explore__all;

/* explore.c */
bool explore__is_thread(void);
unsigned explore__me(void);
bool explore__weak(unsigned what);
unsigned explore__choose(unsigned count);
void explore__point(void); /* another thread may go on here */

/* memory.c */
void explore__memory_reset(unsigned threads);
uint64_t explore__newest(const volatile void *at, size_t size);
void explore__see_all(struct explore_thread *t);
void explore__show(void); /* what this run did, on stderr */

#endif
