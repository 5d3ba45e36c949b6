/*
 * biased.c -- the slow sides of the biased lock: see biased.h.
 */
#include "biased.h"

#include <unistd.h>

#if defined(__linux__)

#include <linux/membarrier.h>
#include <sys/syscall.h>

bool rt__barrier_works(void)
{
    return syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0,
                   0) == 0;
}

void rt__barrier(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        fence_seq_cst(); /* then the owner fences: rt__barrier_works() */
}

#else

bool rt__barrier_works(void)
{
    return false;
}

void rt__barrier(void)
{
    fence_seq_cst();
}

#endif

#define PATIENCE 2000 /* looks at `inside` before a thief gives up */

void rt__biased_wait(struct biased *lock)
{
    unsigned turns = 0;

    for (;;) {
        store_release(&lock->inside, 0u);
        while (load_acquire(&lock->thief) != 0) {
            if (++turns > 100)
                sched_yield();
            else
                atomic_relax();
        }
        store_relaxed(&lock->inside, 1u);
        fence_seq_cst();
        if (load_acquire(&lock->thief) == 0)
            return;
    }
}

bool rt__thief_enter(struct biased *lock)
{
    unsigned turns;

    rt__lock(&lock->thief);
    rt__barrier();
    for (turns = 0; turns < PATIENCE; turns++) {
        if (load_acquire(&lock->inside) == 0)
            return true;
        atomic_relax();
    }
    rt__unlock(&lock->thief);
    return false;
}
