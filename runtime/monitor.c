/*
 * monitor.c -- monitors and aliases, as a process asks for them.
 *
 * A monitor is an entry in the table of each end. The other half, what a signal
 * does that comes in, is in receive.c; the table of what each event does is in
 * spec/distribution.md 6.
 */
#include "event.h"
#include "relation.h"
#include "worker.h"

/* ---- Monitors
 * ----------------------------------------------------------------------- */

/* A DOWN that is due at once, as a signal to oneself. */
static enum agner_err down_now(struct gen *self, struct relation *r,
                               etf_term reason)
{
    rt__hear_last_words(self, r->who);
    rt__queue_add(self->process, rt__relation_down(r, reason));
    return AGNER_OK;
}

/* An entry for an alias. */
static bool add_alias(struct gen *self, uint64_t id, uint16_t flags)
{
    struct relation *r =
        rt__relation_new(self->rt, self->worker, RELATION_ALIAS, ETF_NONE, id);

    if (r == NULL)
        return false;
    r->flags |= flags;
    if (rt__relation_add(self->process, r))
        return true;
    rt__relation_free(self->rt, self->worker, r);
    return false;
}

static void remove_alias(struct gen *self, uint64_t id)
{
    struct relation *r = rt__find_id(self->process, RELATION_ALIAS, id);

    rt__relation_remove(self->process, r);
    rt__relation_free(self->rt, self->worker, r);
}

/* An explicit alias has an entry of its own, since it outlives the monitor. */
static bool is_explicit(unsigned flags)
{
    return flags == RT_MONITOR_ALIAS;
}

static uint16_t alias_flags(unsigned flags)
{
    uint16_t kind = 0;

    if (flags != 0 && !is_explicit(flags))
        kind |= RELATION_IS_ALIAS;
    if ((flags & RT_MONITOR_ALIAS_REPLY) != 0)
        kind |= RELATION_ALIAS_REPLY;
    return kind;
}

/* The entry in our table. */
static struct relation *new_monitor(struct gen *self, etf_term who, uint64_t id,
                                    unsigned flags)
{
    struct relation *r =
        rt__relation_new(self->rt, self->worker, RELATION_MONITOR, who, id);

    if (r != NULL)
        r->flags |= alias_flags(flags);
    return r;
}

static enum agner_err monitor_local(struct gen *self, struct relation *r,
                                    etf_term to)
{
    struct process *p = self->process;
    struct relation *theirs;
    uint64_t id = r->envelope.id;

    if (etf_same(to, rt__pid_word(p)) && (r->flags & RELATION_IS_ALIAS) == 0) {
        rt__relation_free(self->rt, self->worker, r);
        return AGNER_OK; /* of itself: a reference, and nothing else: OTP */
    }
    theirs = rt__relation_new(self->rt, self->worker, RELATION_WATCHER,
                              rt__pid_word(p), id);
    if (theirs == NULL || !rt__relation_add(p, r)) {
        if (theirs != NULL)
            rt__relation_free(self->rt, self->worker, theirs);
        rt__relation_free(self->rt, self->worker, r);
        return AGNER_ENOMEM;
    }
    theirs->envelope.kind = ENVELOPE_MONITOR;
    theirs->envelope.sender = theirs->who;
    if (rt__push(self->rt, self->worker, to, &theirs->envelope) == AGNER_OK)
        return AGNER_OK;
    rt__relation_free(self->rt, self->worker, theirs);
    rt__relation_remove(p, r);
    return down_now(self, r, ETF_A(noproc));
}

static enum agner_err monitor_far(struct gen *self, struct relation *r,
                                  const struct rt_target *t)
{
    struct process *p = self->process;
    struct rt_signal s = { .kind = RT_SIGNAL_MONITOR, .node = t->node };
    uint64_t id = r->envelope.id, era;
    enum agner_err err;

    r->flags |= RELATION_NODE;
    r->node = t->node;
    s.from = rt_self(self);
    s.to = t->remote;
    s.name = t->name;
    s.ref = rt__ref(r->envelope.id, p->slot);
    err = rt__remote_join(self->rt, t->node, rt__pid_word(p), r);
    if (err == AGNER_OK && !rt__relation_add(p, r))
        err = AGNER_ENOMEM;
    if (err != AGNER_OK) {
        rt__relation_free(self->rt, self->worker, r);
        return err;
    }
    era = r->era;
    err = rt__carry(self->rt, self, &s); /* may wait: r may be gone */
    if (err == AGNER_OK) {
        if (rt__remote_lost(self->rt, t->node, era)) {
            s.kind = RT_SIGNAL_DEMONITOR; /* its down is on its way */
            s.flags = RT_SEND_NOCONNECT;
            (void)rt__carry(self->rt, NULL, &s);
        }
        return AGNER_OK;
    }
    r = rt__find_id(p, RELATION_MONITOR, id);
    if (r == NULL)
        return AGNER_OK; /* the connection went meanwhile: it has fired */
    rt__relation_remove(p, r);
    return down_now(self, r, ETF_A(noconnection));
}

/* By name: the DOWN message shows {Name, Node}. */
static void note_name(struct gen *self, struct relation *r, etf_term target)
{
    if (etf__tag(target) == ETF__ATOM) {
        r->name = target;
        r->node = rt__node_name(self->rt);
    } else if (etf__is_boxed(target, ETF__HEAD_TUPLE)) {
        r->name = etf_tuple_items(target)[0];
        r->node = etf_tuple_items(target)[1];
    }
    if (!etf_is_none(r->name))
        r->flags |= RELATION_NAMED;
}

/* The entry, with what stands in place of 'DOWN', and an alias of its own if it
 * is explicit. NULL: no memory. */
static struct relation *prepare(struct gen *self, etf_term who, uint64_t id,
                                unsigned flags, etf_term tag)
{
    struct relation *r = new_monitor(self, who, id, flags);

    if (r == NULL)
        return NULL;
    if (!etf_is_none(tag)) {
        r->has.tag = etf_box_new(tag);
        if (r->has.tag == NULL)
            goto free_relation;
    }
    if (!is_explicit(flags) || add_alias(self, id, 0))
        return r;

free_relation:
    rt__relation_free(self->rt, self->worker, r);
    return NULL;
}

enum agner_err rt_monitor_tagged(struct gen *self, etf_term target,
                                 unsigned flags, etf_term tag, etf_ref *ref)
{
    struct rt_target t;
    struct relation *r;
    etf_term who = ETF_NONE;
    uint64_t id;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    rt__target(self->rt, target, &t);
    if (t.where == RT_WHERE_ALIAS || t.ref.count != 0 ||
        (t.where == RT_WHERE_NONE && t.err == AGNER_EINVAL))
        return AGNER_EINVAL;
    id = rt__ref_next(self->rt, self->worker);
    if (t.where == RT_WHERE_LOCAL &&
        etf_same(t.pid, rt__pid_word(self->process))) {
        *ref = rt__ref(id, self->process->slot); /* of oneself there is none */
        return AGNER_OK;
    }
    if (t.where == RT_WHERE_LOCAL)
        who = t.pid;
    else if (t.where == RT_WHERE_REMOTE && etf_is_none(t.name))
        who = target;
    r = prepare(self, who, id, flags, tag);
    if (r == NULL)
        return AGNER_ENOMEM;
    *ref = rt__ref(id, self->process->slot);
    note_name(self, r, target);
    if (t.where == RT_WHERE_LOCAL)
        err = monitor_local(self, r, t.pid);
    else if (t.where == RT_WHERE_REMOTE)
        err = monitor_far(self, r, &t);
    if (err != AGNER_OK && is_explicit(flags))
        remove_alias(self, id);
    if (t.where != RT_WHERE_NONE)
        return err;
    if (etf_is_none(r->name) && r->box == NULL) {
        /* A pid of an earlier life of this node: the DOWN shows it. */
        r->box = etf_box_new(target);
        r->who = r->box == NULL ? ETF_NONE : etf_box_term(r->box);
    }
    return down_now(self, r, ETF_A(noproc));
}

enum agner_err rt_monitor(struct gen *self, etf_term target, unsigned flags,
                          etf_ref *ref)
{
    return rt_monitor_tagged(self, target, flags, ETF_NONE, ref);
}

static void tell_demonitor(struct gen *self, struct relation *r)
{
    struct rt_signal s = { .kind = RT_SIGNAL_DEMONITOR,
                           .flags = RT_SEND_NOCONNECT };
    struct envelope *m;

    if ((r->flags & RELATION_NODE) != 0) {
        s.node = r->node;
        s.from = rt_self(self);
        s.name = r->name;
        s.ref = rt__ref(r->envelope.id, self->process->slot);
        if (etf_is_none(s.name))
            (void)etf_get_pid(r->who, &s.to);
        (void)rt__carry(self->rt, NULL, &s); /* gone with the connection */
        rt__relation_free(self->rt, self->worker, r);
        return;
    }
    if ((r->flags & RELATION_EVENT) != 0) {
        rt__event_leave(self->rt, self->worker, r);
        if (etf_is_none(r->who)) {
            rt__relation_free(self->rt, self->worker, r);
            return;
        }
    }
    rt__relation_strip(r);
    /* The entry becomes the signal: demonitor needs no memory. */
    m = &r->envelope;
    m->kind = ENVELOPE_DEMONITOR;
    m->sender = rt__pid_word(self->process);
    rt__push_or_drop(self->rt, self->worker, r->who, m);
}

/* Takes the DOWN of that monitor out of the queue. */
static void flush_down(struct gen *self, uint64_t id)
{
    struct process *p = self->process;
    struct envelope *m, *before = NULL;

    for (m = p->queue; m != NULL; before = m, m = m->next) {
        if (m->kind != ENVELOPE_DOWN_MESSAGE || m->id != id)
            continue;
        rt__queue_remove(p, before, m);
        rt__down_free(self->rt, self->worker, m);
        return;
    }
}

enum agner_err rt_demonitor(struct gen *self, etf_ref ref, bool flush)
{
    struct relation *r;
    uint64_t id;
    uint32_t slot;

    rt__spend(self);
    if (!rt__ref_local(&ref, &id, &slot) || slot != self->process->slot)
        return AGNER_ENOREF;
    rt__take(self->rt, self->worker, self->process);
    r = rt__find_id(self->process, RELATION_MONITOR, id);
    if (r == NULL) {
        if (flush)
            flush_down(self, id);
        return AGNER_ENOREF;
    }
    rt__relation_remove(self->process, r);
    tell_demonitor(self, r);
    return AGNER_OK;
}

/* ---- Aliases
 * ----------------------------------------------------------------------------
 */

enum agner_err rt_alias(struct gen *self, enum rt_alias_mode mode,
                        etf_ref *alias)
{
    uint64_t id = rt__ref_next(self->rt, self->worker);

    if (!add_alias(self, id, mode == RT_ALIAS_REPLY ? RELATION_ALIAS_REPLY : 0))
        return AGNER_ENOMEM;
    *alias = rt__ref(id, self->process->slot);
    return AGNER_OK;
}

enum agner_err rt_unalias(struct gen *self, etf_ref alias)
{
    struct process *p = self->process;
    struct relation *r;
    uint64_t id;
    uint32_t slot;

    if (!rt__ref_local(&alias, &id, &slot) || slot != p->slot)
        return AGNER_ENOALIAS;
    rt__take(self->rt, self->worker, p);
    r = rt__find_id(p, RELATION_ALIAS, id);
    if (r != NULL) {
        rt__relation_remove(p, r);
        rt__relation_free(self->rt, self->worker, r);
        return AGNER_OK;
    }
    r = rt__find_id(p, RELATION_MONITOR, id);
    if (r == NULL ||
        (r->flags & (RELATION_IS_ALIAS | RELATION_EVENT)) != RELATION_IS_ALIAS)
        return AGNER_ENOALIAS;
    r->flags &= (uint16_t)~RELATION_IS_ALIAS;
    return AGNER_OK;
}
