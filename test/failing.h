/*
 * failing.h -- allocations that fail when a test says so.
 *
 * For tests that let the first allocation of an operation fail, then the
 * second, until none does. The environment may want more than one to fail:
 * FAILING=on, that one and all after it, until the test sets failing_in;
 * FAILING=N, that one and the N-th after it, if the test clears failing_seen
 * in between. The linker leads the program's own malloc, calloc
 * and realloc through failing.c: `failing` in test/meson.build. One thread.
 */
#ifndef TEST_FAILING_H
#define TEST_FAILING_H

#include <stdbool.h>

extern unsigned failing_in; /* the so manieth from here fails; 0: none does */
extern bool failing_seen;   /* one has failed; the test clears it */

/* For a test that wraps more: does the allocation that is asked for fail? */
bool failing_now(void);

#endif
