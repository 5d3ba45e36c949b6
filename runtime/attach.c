/*
 * attach.c -- a process for a thread that is no worker.
 *
 * It is a process like any other, but its thread runs it: whoever wakes it
 * wakes the thread (sched.c, wake_external), and its waits park the thread
 * (run.c, wait_on_thread). In a simulated world those waits drive the
 * simulation. The struct gen and the slot of such a process are kept for the
 * next thread, and the slot never becomes another kind of process, since a late
 * waker may look at both.
 */
#include <stdlib.h>
#include <string.h>

#include "worker.h"

static struct gen *take_external(struct rt *rt)
{
    struct gen *gen;

    rt__lock(&rt->gen_lock);
    gen = rt->externals;
    if (gen != NULL)
        rt->externals = gen->next;
    rt__unlock(&rt->gen_lock);
    if (gen != NULL)
        return gen;
    gen = calloc(1, sizeof *gen);
    if (gen != NULL)
        etf__region_init(&gen->scratch, gen->first_words,
                         sizeof gen->first_words / sizeof(uint64_t),
                         rt->options.message_max);
    return gen;
}

static void put_external(struct rt *rt, struct gen *gen)
{
    rt__lock(&rt->gen_lock);
    gen->next = rt->externals;
    rt->externals = gen;
    rt__unlock(&rt->gen_lock);
}

struct gen *rt_attach(struct rt *rt)
{
    struct gen *gen = take_external(rt);
    struct process *p;

    if (gen == NULL)
        return NULL;
    if (gen->home == NULL)
        (void)rt__slot_get(rt, NULL, &gen->home); /* or it stays NULL */
    else
        rt__count_process(rt, NULL, true);
    p = gen->home;
    if (p == NULL) {
        put_external(rt, gen);
        return NULL;
    }
    gen->rt = rt;
    gen->process = p;
    gen->external = true;
    gen->budget = UINT32_MAX;
    rt__set_gen(p, gen);
    p->flags = PROCESS_RAW | PROCESS_STARTED;
    p->end.word = ETF_NONE;
    store_release(&p->parent, ETF_NONE.word);
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNING);
    store_relaxed(&p->door, (uint8_t)DOOR_EXTERNAL);
    /* Release publishes the process to whoever pushes. */
    store_release(&p->inbox, NULL);
    return gen;
}

void rt_detach(struct gen *self)
{
    struct process *p = self->process;

    rt__must_exit(p, ETF_A(normal), false, false);
    p->flags |= PROCESS_CLOSING;
    rt__exit_process(self, p);
    rt__scratch_reset(self);
    self->process = NULL;
    put_external(self->rt, self);
}
