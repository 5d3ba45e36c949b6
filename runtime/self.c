/*
 * self.c -- what a process may ask and say of itself.
 */
#include "relation.h"
#include "worker.h"

etf_pid rt_self(const struct gen *self)
{
    return rt__pid_of(rt__pid_word(self->process));
}

etf_term rt_self_term(const struct gen *self)
{
    return rt__pid_word(self->process);
}

struct rt *rt_of(const struct gen *self)
{
    return self->rt;
}

etf_pid rt_parent(const struct gen *self)
{
    const struct process *p = self->process;

    const struct extras *x = rt__extras_of(p);

    if (x != NULL)
        return x->parent;
    return etf_is_none(rt__parent_word(p)) ? (etf_pid){ 0 }
                                           : rt__pid_of(rt__parent_word(p));
}

void *rt_note(const struct gen *self)
{
    return self->note;
}

struct etf_region *rt_region(struct gen *self)
{
    return &self->scratch;
}

void *rt_state(struct gen *self)
{
    return self->process->state;
}

const struct rt_behavior *rt_behavior_of(const struct gen *self)
{
    return load_relaxed(&self->process->behavior);
}

enum rt_next rt_stop(struct gen *self, etf_term reason)
{
    rt__must_exit(self->process, etf_is_none(reason) ? ETF_A(killed) : reason,
                  false, false);
    return RT_STOP;
}

bool rt_ended_by_signal(const struct gen *self)
{
    return (self->process->flags & PROCESS_BY_SIGNAL) != 0;
}

void rt_priority(struct gen *self, enum rt_priority priority)
{
    rt__set_priority(self->process, priority);
}

enum agner_err rt_memory_max(struct gen *self, size_t bytes)
{
    struct process *p = self->process;
    struct extras *x = rt__extras(p);

    if (x == NULL)
        return AGNER_ENOMEM;
    x->memory_max = bytes;
    p->flags &= (uint16_t)~PROCESS_MEMORY_MAX;
    if (bytes != 0)
        p->flags |= PROCESS_MEMORY_MAX;
    return AGNER_OK;
}

void rt_label(struct gen *self, const char *label)
{
    struct extras *x = rt__extras(self->process);

    if (x != NULL)
        x->label = label; /* without memory it has none */
}

void rt_suspend(struct gen *self, bool suspended)
{
    struct process *p = self->process;

    if (suspended)
        p->flags |= PROCESS_SUSPENDED;
    else
        p->flags &= (uint16_t)~PROCESS_SUSPENDED;
}

void rt_hibernate(struct gen *self)
{
    self->process->flags |= PROCESS_HIBERNATE; /* run.c: when it parks */
}
