/*
 * memory.c -- allocations that fail: the n-th in the steps of one machine.
 *
 * The allocator of the program asks here; sim_malloc.c is one that does. Which
 * machine's step it is has to be known without a simulation at hand, so this is
 * the one thing here that is not in struct sim; it is set for the time of a
 * step only.
 */
#include "sim_world.h"

#include <stdlib.h>

/* Volatile: a compiler knows that realloc() reads no variable of ours, but here
 * it does. */
static struct sim_machine *volatile running;

void sim__memory_of(struct sim_machine *machine)
{
    running = machine;
}

void *sim__memory_own(void *old, size_t size)
{
    struct sim_machine *before = running;
    void *memory;

    running = NULL;
    memory = realloc(old, size);
    running = before;
    return memory;
}

bool sim_allocation_fails(void)
{
    struct sim_machine *machine = running;

    if (machine == NULL || machine->fail_in == 0 || --machine->fail_in > 0)
        return false;
    machine->has_failed = true;
    return true;
}
