/*
 * context_ucontext.c -- changing stacks where there is no assembly for it.
 *
 * The saved context is a ucontext_t on the stack that it belongs to. Slower by
 * two system calls a switch. See context.h.
 */
#include "context.h"

#include <stdint.h>
#include <stdlib.h>
#include <ucontext.h>

#define STACK_BELOW (16u * 1024u) /* what makecontext may use for the entry */

struct start {
    ucontext_t context;
    void (*entry)(void *arg);
    void *arg;
};

void rt__context_switch(void **save, void *load)
{
    ucontext_t here;

    *save = &here;
    if (swapcontext(&here, load) != 0)
        abort(); /* only a corrupt context can do that */
}

/* makecontext passes ints: the pointer travels in two halves. */
static void begin(unsigned high, unsigned low)
{
    uintptr_t word = (uintptr_t)high << 16 << 16 | low;
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): see above */
    struct start *start = (struct start *)word;

    start->entry(start->arg);
    abort();
}

static struct start *prepare(void *top, void (*entry)(void *arg), void *arg)
{
    struct start *start =
        (struct start *)(((uintptr_t)top - sizeof *start) & ~(uintptr_t)63);
    uintptr_t word = (uintptr_t)start;

    if (getcontext(&start->context) != 0)
        abort();
    start->entry = entry;
    start->arg = arg;
    start->context.uc_stack.ss_sp = (char *)start - STACK_BELOW;
    start->context.uc_stack.ss_size = STACK_BELOW;
    start->context.uc_link = NULL;
    makecontext(&start->context, (void (*)(void))begin, 2,
                (unsigned)(word >> 16 >> 16), (unsigned)word);
    return start;
}

void *rt__context_make(void *top, void (*entry)(void *arg), void *arg)
{
    return &prepare(top, entry, arg)->context;
}

void rt__context_jump(void *top, void (*entry)(void *arg), void *arg)
{
    setcontext(&prepare(top, entry, arg)->context);
    abort();
}
