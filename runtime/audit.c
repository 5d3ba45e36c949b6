/*
 * audit.c -- looks whether what always holds in a runtime does hold:
 * rt_audit.h.
 *
 * It reads what only owners may read, which is right between the steps of a
 * simulated runtime and at no other time.
 */
#include "rt_audit.h"

#include <string.h>

#include "worker.h"

static bool is_queued(const struct rt *rt, const struct process *p)
{
    const struct process *other = rt->sim_queue.first;

    while (other != NULL && other != p)
        other = other->run_next;
    return other != NULL;
}

/* Its code waits for a message, and there is one that it has not looked at. */
static bool overlooks(const struct process *p)
{
    const struct wait *wait;

    if (p->gen == NULL || p->queue == NULL)
        return false;
    wait = &p->gen->wait;
    return wait->kind == WAIT_MESSAGE && !wait->done && !wait->timed_out &&
           wait->mark != p->queue_tail &&
           (wait->mark == NULL || wait->mark->next != NULL);
}

static void look_at(const struct rt *rt, const struct process *p,
                    struct rt_audit *audit)
{
    const struct envelope *inbox = load_relaxed(&p->inbox);
    unsigned door = load_relaxed(&p->door);
    struct limits *limits;

    if (inbox == MAILBOX_DEAD || (door & DOOR_EXTERNAL) != 0)
        return;
    audit->processes++;
    audit->waiting += p->gen != NULL;
    if (inbox == MAILBOX_IDLE)
        audit->stuck += overlooks(p);
    else
        audit->lost += !is_queued(rt, p);
    limits = rt__limits(rt, p);
    if ((door & DOOR_LIMITED) != 0 && limits != NULL &&
        load_relaxed(&limits->overflow) != RT_OVERFLOW_DROP_OLDEST &&
        load_relaxed(&limits->count_max) > 0)
        audit->over +=
            load_relaxed(&limits->count) > load_relaxed(&limits->count_max) + 1;
}

static uint64_t count_stacks(const struct rt *rt)
{
    uint64_t count = rt->stack_bytes / rt->options.stack_size - rt->gens_free;
    unsigned i;

    for (i = 0; i < rt->worker_total; i++)
        count -= rt->workers[i]->pooled_count;
    return count;
}

void rt__audit(const struct rt *rt, struct rt_audit *audit)
{
    uint32_t slot;

    memset(audit, 0, sizeof *audit);
    audit->stacks = count_stacks(rt);
    for (slot = 0; slot < rt->slot_next; slot++) {
        const struct process *p = rt__slot(rt, slot);

        if (p != NULL)
            look_at(rt, p, audit);
    }
}
