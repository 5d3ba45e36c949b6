/*
 * sim_malloc.c -- the program's malloc, calloc and realloc, which fail where a
 * simulation says so.
 *
 * The linker leads there what asks for memory:
 *
 *     -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc
 *
 * It works for what is linked statically, so with libagner.a.
 */
#include <stddef.h>

#include <agner/sim.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return sim_allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return sim_allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return sim_allocation_fails() ? NULL : __real_realloc(old, size);
}
