/*
 * process.c -- the parts of a process: extras, queue, the mark that it must
 * end.
 *
 * Everything here is the owner's.
 */
#include "process.h"

#include <assert.h>
#include <stdlib.h>

#include "relation.h"
#include "worker.h"

struct extras *rt__extras(struct process *p)
{
    struct extras *x = rt__extras_of(p);

    if (x != NULL)
        return x;
    x = rt__relations(p) == NULL ? NULL : calloc(1, sizeof *x);
    if (x == NULL)
        return NULL;
    if (!etf_is_none(rt__parent_word(p)))
        x->parent = rt__pid_of(rt__parent_word(p));
    p->relations->extras = x;
    return x;
}

void rt__uncount(struct limits *limits, struct envelope *m)
{
    m->flags &= (uint8_t)~ENVELOPE_COUNTED;
    sub_relaxed(&limits->count, 1u);
    sub_relaxed(&limits->bytes, rt__envelope_bytes(m));
}

void rt__uncount_own(const struct process *p, struct envelope *m)
{
    rt__uncount(p->relations->extras->limits, m);
}

void rt__queue_remove(struct process *p, struct envelope *before,
                      struct envelope *m)
{
    if (before == NULL)
        p->queue = m->next;
    else
        before->next = m->next;
    if (p->queue_tail == m)
        p->queue_tail = before;
    store_relaxed(&p->queued, load_relaxed(&p->queued) - 1);
    if ((m->flags & ENVELOPE_COUNTED) != 0)
        rt__uncount_own(p, m);
}

static bool is_word(etf_term t)
{
    unsigned tag = etf__tag(t);

    return tag != ETF__BOX && tag != ETF__CONS;
}

etf_term rt__exit_reason(const struct process *p)
{
    if ((p->flags & PROCESS_BOXED_REASON) != 0)
        return etf_box_term(p->end.box);
    return p->end.word;
}

void rt__must_exit(struct process *p, etf_term reason, bool kill,
                   bool by_signal)
{
    struct etf_box *box;

    if ((p->flags & PROCESS_EXITING) != 0 &&
        (!kill || (p->flags & PROCESS_KILLED) != 0))
        return;
    if (etf_is_none(reason))
        reason = ETF_A(killed); /* it could not be built: G19 */
    /* No memory for the reason: it becomes `killed` too. */
    box = is_word(reason) ? NULL : etf_box_new(reason);
    if ((p->flags & PROCESS_BOXED_REASON) != 0)
        etf_box_free(p->end.box);
    p->flags &= (uint16_t)~PROCESS_BOXED_REASON;
    if (box == NULL) {
        p->end.word = is_word(reason) ? reason : ETF_A(killed);
    } else {
        p->end.box = box;
        p->flags |= PROCESS_BOXED_REASON;
    }
    p->flags |= PROCESS_EXITING;
    if (kill)
        p->flags |= PROCESS_KILLED;
    if (by_signal)
        p->flags |= PROCESS_BY_SIGNAL;
}

size_t rt__memory_of(const struct process *p)
{
    size_t bytes = sizeof *p;
    const struct extras *x = rt__extras_of(p);
    const struct envelope *m;

    for (m = p->queue; m != NULL; m = m->next)
        bytes += rt__envelope_bytes(m);
    if (x != NULL)
        bytes += sizeof *x + x->state_size;
    if (rt__gen(p) != NULL)
        bytes += etf_region_used(&rt__gen(p)->scratch);
    if (p->relations != NULL)
        bytes += sizeof *p->relations +
                 p->relations->count * sizeof(struct relation) +
                 p->relations->bucket_count * sizeof(struct relation *) +
                 p->relations->timer_capacity * sizeof(struct owned_timer);
    return bytes;
}
