/*
 * failing.c -- allocations that fail when a test says so.
 */
#include "failing.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

unsigned failing_in;
bool failing_seen;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool all_after;
static unsigned second; /* one more fails so much later; 0: none */

__attribute__((constructor)) static void read_mode(void)
{
    const char *mode = getenv("FAILING");

    all_after = mode != NULL && strcmp(mode, "on") == 0;
    second = mode == NULL ? 0 : (unsigned)strtoul(mode, NULL, 10);
}

bool failing_now(void)
{
    if (failing_in == 0 || --failing_in > 0)
        return false;
    if (all_after)
        failing_in = 1;
    else if (!failing_seen)
        failing_in = second;
    failing_seen = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return failing_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return failing_now() ? NULL : __real_realloc(old, size);
}
