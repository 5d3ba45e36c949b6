/*
 * context.h -- changing stacks.
 *
 * A context is a stack pointer; the registers that the ABI preserves lie below
 * it. (The floating-point control words are not switched: code that changes the
 * rounding mode sets it back before it waits.) One implementation per
 * architecture: context_x86_64.S, context_aarch64.S, and context_ucontext.c for
 * the rest.
 */
#ifndef RT_CONTEXT_H
#define RT_CONTEXT_H

/* Saves the caller's context in *save and continues in `load`. Returns when
 * somebody continues *save. */
void rt__context_switch(void **save, void *load);

/* A context that, when continued, calls entry(arg) on the stack that ends at
 * `top` (16-byte aligned). `entry` does not return. */
void *rt__context_make(void *top, void (*entry)(void *arg), void *arg);

/* Leaves everything on the present stack behind and calls entry(arg) on the
 * stack that ends at `top`. */
_Noreturn void rt__context_jump(void *top, void (*entry)(void *arg), void *arg);

#endif
