/*
 * failing.c -- allocations that fail when a test says so.
 */
#include "failing.h"

#include <stddef.h>

unsigned failing_in;
bool failing_seen;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

bool failing_now(void)
{
    if (failing_in == 0 || --failing_in > 0)
        return false;
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
