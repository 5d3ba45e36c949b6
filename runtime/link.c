/*
 * link.c -- links and exit signals, as a process asks for them.
 *
 * The link protocol is that of OTP 23 and later, used here between local
 * processes too, so that both sides always agree (G14 to G16). The table of
 * what each event does is in spec/distribution.md 6; its other half is in
 * receive.c.
 */
#include "relation.h"
#include "worker.h"

/* ---- Links
 * ------------------------------------------------------------------------ */

/* An entry for the other side's table, as a signal. */
static struct envelope *link_signal(struct gen *self)
{
    struct relation *r = rt__relation_new(self->rt, self->worker, RELATION_LINK,
                                          rt__pid_word(self->process), 0);

    if (r == NULL)
        return NULL;
    r->envelope.kind = ENVELOPE_LINK;
    r->envelope.sender = r->who;
    return &r->envelope;
}

/* Acquire pairs with the release of its mailbox's closing: what it pushed
 * before is seen. */
void rt__hear_last_words(struct gen *self, etf_term to)
{
    struct process *dead =
        etf__tag(to) == ETF__PID ? rt__slot(self->rt, etf__pid_slot(to)) : NULL;

    if (dead != NULL) {
        (void)load_acquire(&dead->generation);
        (void)load_acquire(&dead->inbox);
    }
    rt__take(self->rt, self->worker, self->process);
}

/* A dead process: {'EXIT', Pid, noproc} if that can be trapped, or an error, or
 * as an exit signal. */
static enum agner_err link_failed(struct gen *self, etf_term to, unsigned flags,
                                  enum agner_err err)
{
    struct process *p = self->process;
    struct envelope *m;

    if ((p->flags & PROCESS_TRAP_EXIT) == 0) {
        if ((flags & RT_LINK_SIGNAL) == 0)
            return err;
        rt__hear_last_words(self, to);
        rt__must_exit(p, ETF_A(noproc), false, true);
        return AGNER_OK;
    }
    m = rt__envelope_from(self->worker, ENVELOPE_EXIT_MESSAGE, to,
                          ETF_A(noproc));
    if (m == NULL)
        return AGNER_ENOMEM;
    rt__hear_last_words(self, to);
    rt__queue_add(p, m);
    return AGNER_OK;
}

static enum agner_err link_local(struct gen *self, etf_term to, unsigned flags)
{
    struct process *p = self->process;
    struct relation *r = rt__find_link(p, to);
    struct envelope *m;

    if (r != NULL && (r->flags & RELATION_ACTIVE) != 0)
        return AGNER_OK;
    if (!rt_is_alive(self->rt, rt__pid_of(to)))
        return link_failed(self, to, flags, AGNER_ENOPROC);
    m = link_signal(self);
    if (m == NULL)
        return AGNER_ENOMEM;
    if (r == NULL) {
        r = rt__relation_new(self->rt, self->worker, RELATION_LINK, to, 0);
        if (r == NULL || !rt__relation_add(p, r)) {
            if (r != NULL)
                rt__relation_free(self->rt, self->worker, r);
            rt__relation_free(self->rt, self->worker,
                              (struct relation *)(void *)m);
            return AGNER_ENOMEM;
        }
    }
    r->flags |= RELATION_ACTIVE;
    r->unlink_id = 0;
    if (rt__push(self->rt, self->worker, to, m) == AGNER_OK)
        return AGNER_OK;
    rt__relation_free(self->rt, self->worker, (struct relation *)(void *)m);
    rt__relation_remove(p, r);
    rt__relation_free(self->rt, self->worker, r);
    return link_failed(self, to, flags, AGNER_ENOPROC);
}

/* The end of a link that could not be made to another node comes as a signal.
 * Any other failure leaves no link. */
static enum agner_err link_lost(struct gen *self, etf_term to,
                                enum agner_err err)
{
    struct envelope *m = NULL;
    struct relation *r;

    if (err == AGNER_ENOCONN) {
        m = rt__envelope_from(self->worker, ENVELOPE_EXIT, to,
                              ETF_A(noconnection));
        err = m == NULL ? AGNER_ENOMEM : AGNER_OK;
    }
    if (m != NULL) {
        rt__push_or_drop(self->rt, self->worker, rt__pid_word(self->process),
                         m);
        return err;
    }
    r = rt__find_link(self->process, to);
    if (r != NULL) {
        rt__relation_remove(self->process, r);
        rt__relation_free(self->rt, self->worker, r);
    }
    return err;
}

static enum agner_err link_far(struct gen *self, etf_pid pid)
{
    struct process *p = self->process;
    etf_term to = etf_from_pid(&self->scratch, pid);
    struct rt_signal s = { .kind = RT_SIGNAL_LINK, .node = pid.node };
    struct relation *r;
    uint64_t era;
    enum agner_err err;

    if (etf_is_none(to))
        return AGNER_ENOMEM;
    r = rt__find_link(p, to);
    if (r != NULL && (r->flags & RELATION_ACTIVE) != 0)
        return AGNER_OK;
    if (r == NULL) {
        r = rt__relation_new(self->rt, self->worker, RELATION_LINK, to, 0);
        if (r == NULL)
            return AGNER_ENOMEM;
        if (!rt__relation_add(p, r)) {
            rt__relation_free(self->rt, self->worker, r);
            return AGNER_ENOMEM;
        }
    }
    r->flags |= RELATION_ACTIVE;
    r->unlink_id = 0;
    s.from = rt_self(self);
    s.to = pid;
    err = rt__remote_join(self->rt, pid.node, rt__pid_word(p), r);
    era = r->era;
    if (err == AGNER_OK)
        err = rt__carry(self->rt, self, &s); /* may wait: r may be gone */
    if (err != AGNER_OK)
        return link_lost(self, to, err);
    if (rt__remote_lost(self->rt, pid.node, era)) {
        /* Its end is on its way: the other side must not be linked alone. */
        s.kind = RT_SIGNAL_UNLINK;
        s.flags = RT_SEND_NOCONNECT;
        s.id = ++p->relations->unlink_seq;
        (void)rt__carry(self->rt, NULL, &s);
    }
    return AGNER_OK;
}

enum agner_err rt_link_with(struct gen *self, etf_pid to, unsigned flags)
{
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    rt__take(self->rt, self->worker, self->process);
    if (etf_pid_is_local(to)) {
        if (etf_same(rt__word_of(to), rt__pid_word(self->process)))
            return AGNER_OK; /* to itself: nothing */
        return link_local(self, rt__word_of(to), flags);
    }
    if (etf_same(to.node, rt__node_name(self->rt)))
        return link_failed(self, etf_from_pid(&self->scratch, to), flags,
                           AGNER_EINCARNATION);
    return link_far(self, to);
}

enum agner_err rt_link(struct gen *self, etf_pid to)
{
    return rt_link_with(self, to, 0);
}

/* The unlink itself. */
static enum agner_err undo(struct gen *self, etf_pid to)
{
    struct process *p = self->process;
    struct rt_signal s = { .kind = RT_SIGNAL_UNLINK, .node = to.node };
    etf_term who = etf_from_pid(&self->scratch, to);
    struct relation *r;
    struct envelope *m;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    rt__take(self->rt, self->worker, p);
    r = rt__find_link(p, who);
    if (r == NULL || (r->flags & RELATION_ACTIVE) == 0)
        return AGNER_OK;
    if (!etf_pid_is_local(to)) {
        r->flags &= (uint16_t)~RELATION_ACTIVE;
        r->unlink_id = ++p->relations->unlink_seq;
        s.flags = RT_SEND_NOCONNECT;
        s.from = rt_self(self);
        s.to = to;
        s.id = r->unlink_id;
        (void)rt__carry(self->rt, self, &s); /* without it the link is gone */
        return AGNER_OK;
    }
    m = rt__envelope_new(self->worker, ENVELOPE_UNLINK, ETF_NONE);
    if (m == NULL)
        return AGNER_ENOMEM;
    r->flags &= (uint16_t)~RELATION_ACTIVE;
    r->unlink_id = ++p->relations->unlink_seq;
    m->sender = rt__pid_word(p);
    m->id = r->unlink_id;
    if (rt__push(self->rt, self->worker, who, m) == AGNER_OK)
        return AGNER_OK;
    rt__envelope_free(self->rt, self->worker, m);
    rt__relation_remove(p, r); /* it is dead: nobody will acknowledge */
    rt__relation_free(self->rt, self->worker, r);
    return AGNER_OK;
}

/* Takes a trapped exit of that process out of the queue. */
static void flush_exit(struct gen *self, etf_pid from)
{
    struct process *p = self->process;
    struct envelope *m, *before = NULL;
    etf_pid sender;

    for (m = p->queue; m != NULL; before = m, m = m->next) {
        if (m->kind != ENVELOPE_EXIT_MESSAGE ||
            !etf_get_pid(m->sender, &sender) || !etf_pid_equal(sender, from))
            continue;
        rt__queue_remove(p, before, m);
        rt__envelope_free(self->rt, self->worker, m);
        return;
    }
}

enum agner_err rt_unlink_with(struct gen *self, etf_pid to, unsigned flags)
{
    enum agner_err err = undo(self, to);

    if (err == AGNER_OK && (flags & RT_UNLINK_FLUSH) != 0)
        flush_exit(self, to);
    return err;
}

enum agner_err rt_unlink(struct gen *self, etf_pid to)
{
    return rt_unlink_with(self, to, 0);
}

bool rt_trap_exit(struct gen *self, bool trap)
{
    struct process *p = self->process;
    bool before = (p->flags & PROCESS_TRAP_EXIT) != 0;

    /* What came before acts by the setting of before. */
    rt__take(self->rt, self->worker, p);
    if (trap)
        p->flags |= PROCESS_TRAP_EXIT;
    else
        p->flags &= (uint16_t)~PROCESS_TRAP_EXIT;
    return before;
}

/* ---- Exit signals
 * ---------------------------------------------------------------------------
 */

enum agner_err rt_exit_signal(struct gen *self, etf_pid to, etf_term reason)
{
    struct rt_signal s = { .kind = RT_SIGNAL_EXIT2, .node = to.node };
    struct envelope *m;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (!etf_pid_is_local(to)) {
        if (etf_same(to.node, rt__node_name(self->rt)))
            return AGNER_EINCARNATION;
        s.from = rt_self(self);
        s.to = to;
        s.payload = reason;
        return rt__carry(self->rt, self, &s);
    }
    m = rt__envelope_new(self->worker, ENVELOPE_EXIT2, reason);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__pid_word(self->process);
    err = rt__push(self->rt, self->worker, rt__word_of(to), m);
    if (err != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
    else if (etf_same(rt__word_of(to), rt__pid_word(self->process)))
        rt__take(self->rt, self->worker, self->process); /* acts at once */
    return err;
}

void rt__exit_target(struct rt *rt, etf_term from, etf_term target,
                     etf_term reason)
{
    struct rt_signal s = { .kind = RT_SIGNAL_EXIT2 };
    struct rt_target t;
    struct envelope *m;

    rt__target(rt, target, &t);
    if (t.where == RT_WHERE_LOCAL) {
        m = rt__envelope_new(NULL, ENVELOPE_EXIT2, reason);
        if (m == NULL)
            return;
        m->sender = from;
        rt__push_or_drop(rt, NULL, t.pid, m);
    } else if (t.where == RT_WHERE_REMOTE && etf_is_none(t.name)) {
        s.node = t.node;
        s.from = rt__pid_of(from);
        s.to = t.remote;
        s.payload = reason;
        (void)rt__carry(rt, NULL, &s); /* nobody to tell */
    }
}

enum agner_err rt_kill(struct rt *rt, etf_pid to, etf_term reason)
{
    struct envelope *m;
    enum agner_err err;

    if (!etf_pid_is_local(to))
        return AGNER_EINVAL;
    m = rt__envelope_new(NULL, ENVELOPE_EXIT2, reason);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__word_of(to);
    err = rt__push(rt, NULL, rt__word_of(to), m);
    if (err != AGNER_OK)
        rt__envelope_free(rt, NULL, m);
    return err;
}
