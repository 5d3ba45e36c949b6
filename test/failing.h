/*
 * failing.h -- allocations that fail when a test says so.
 *
 * For tests that let the first allocation of an operation fail, then the
 * second, until none does. The linker leads the program's own malloc, calloc
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
