/*
 * send.c -- where a message goes: targets and pushing.
 */
#include "relation.h"
#include "worker.h"

void rt__count_drop(struct rt *rt, struct worker *worker, enum rt_drop why)
{
    if (worker == NULL)
        add_relaxed(&rt->dropped[why], 1u);
    else
        store_relaxed(&worker->dropped[why],
                      load_relaxed(&worker->dropped[why]) + 1);
}

void rt__dropped(struct rt *rt, enum rt_drop why, uint64_t count)
{
    add_relaxed(&rt->dropped[why], count);
}

enum agner_err rt__push_to(struct rt *rt, struct worker *worker,
                           struct process *p, struct envelope *m)
{
    switch (rt__mailbox_push(&p->inbox, m)) {
    case MAILBOX_PUSHED:
        return AGNER_OK;
    case MAILBOX_WOKE:
        rt__schedule(rt, worker, p, false);
        return AGNER_OK;
    case MAILBOX_CLOSED:
        break;
    }
    return AGNER_ENOPROC;
}

struct process *rt__living(struct rt *rt, etf_term to)
{
    struct process *p = rt__slot(rt, etf__pid_slot(to));

    /* Relaxed: the envelope says for which life it is, and the owner looks. */
    if (p == NULL || load_relaxed(&p->generation) != etf__pid_generation(to))
        return NULL;
    return p;
}

enum agner_err rt__push(struct rt *rt, struct worker *worker, etf_term to,
                        struct envelope *m)
{
    struct process *p = rt__living(rt, to);

    if (p == NULL)
        return AGNER_ENOPROC;
    m->generation = etf__pid_generation(to);
    return rt__push_to(rt, worker, p, m);
}

void rt__push_or_drop(struct rt *rt, struct worker *worker, etf_term to,
                      struct envelope *m)
{
    if (rt__push(rt, worker, to, m) != AGNER_OK)
        rt__envelope_free(rt, worker, m);
}

bool rt_is_alive(struct rt *rt, etf_pid pid)
{
    struct process *p;

    if (!etf_pid_is_local(pid))
        return false;
    p = rt__living(rt, rt__word_of(pid));
    return p != NULL && load_acquire(&p->inbox) != MAILBOX_DEAD &&
           load_relaxed(&p->status) != RT_STATUS_EXITING;
}

/* ---- Targets
 * -------------------------------------------------------------------- */

static void none(struct rt_target *t, enum agner_err err)
{
    t->where = RT_WHERE_NONE;
    t->err = err;
}

static void by_name(struct rt *rt, etf_term name, struct rt_target *t)
{
    uint64_t word = rt__name_find(rt, name);

    if (word == 0) {
        none(t, AGNER_ENONAME);
        return;
    }
    t->where = RT_WHERE_LOCAL;
    t->pid = etf__word(word);
}

static void by_pid(struct rt *rt, etf_term to, struct rt_target *t)
{
    if (!etf_get_pid(to, &t->remote)) {
        none(t, AGNER_EINVAL);
        return;
    }
    if (etf_same(t->remote.node, rt__node_name(rt))) {
        none(t, AGNER_EINCARNATION);
        return;
    }
    t->where = RT_WHERE_REMOTE;
    t->node = t->remote.node;
}

static void by_ref(struct rt *rt, etf_term to, struct rt_target *t)
{
    if (!etf_get_ref(to, &t->ref)) {
        none(t, AGNER_EINVAL);
    } else if (rt__ref_local(&t->ref, &t->id, &t->slot)) {
        t->where = RT_WHERE_ALIAS;
    } else if (etf_is_none(t->ref.node) ||
               etf_same(t->ref.node, rt__node_name(rt))) {
        none(t, AGNER_EINCARNATION);
    } else {
        t->where = RT_WHERE_REMOTE;
        t->node = t->ref.node;
    }
}

static void by_tuple(struct rt *rt, etf_term to, struct rt_target *t)
{
    const etf_term *items = etf_tuple_items(to);

    /* Interned ones only: a name that stayed text lives no longer than its
     * term. */
    if (etf_tuple_size(to) != 2 || etf__tag(items[0]) != ETF__ATOM ||
        etf__tag(items[1]) != ETF__ATOM) {
        none(t, AGNER_EINVAL);
        return;
    }
    if (etf_same(items[1], rt__node_name(rt))) {
        by_name(rt, items[0], t);
        return;
    }
    t->where = RT_WHERE_REMOTE;
    t->name = items[0];
    t->node = items[1];
}

void rt__target(struct rt *rt, etf_term to, struct rt_target *t)
{
    t->name = ETF_NONE;
    t->remote = (etf_pid){ 0 };
    t->ref.count = 0;
    if (etf__tag(to) == ETF__PID) {
        t->where = RT_WHERE_LOCAL;
        t->pid = to;
    } else if (etf__tag(to) == ETF__ATOM) {
        by_name(rt, to, t);
    } else if (etf__is_boxed(to, ETF__HEAD_TUPLE)) {
        by_tuple(rt, to, t);
    } else if (etf__is_boxed(to, ETF__HEAD_PID)) {
        by_pid(rt, to, t);
    } else if (etf__is_boxed(to, ETF__HEAD_REF)) {
        by_ref(rt, to, t);
    } else {
        none(t, AGNER_EINVAL);
    }
}

enum agner_err rt__carry(struct rt *rt, struct gen *self,
                         const struct rt_signal *signal)
{
    if (rt->carrier.carry == NULL)
        return AGNER_ENOCONN;
    return rt->carrier.carry(rt->carrier.ctx, self, signal);
}

/* ---- Local ones
 * -------------------------------------------------------------------- */

enum agner_err rt__post_local(struct rt *rt, struct gen *self,
                              struct worker *worker, etf_term to,
                              struct envelope *m, unsigned flags)
{
    struct process *p = rt__living(rt, to);
    enum agner_err err = AGNER_ENOPROC;

    if (p != NULL) {
        m->generation = etf__pid_generation(to);
        /* Relaxed: set before the pid was known to anybody. */
        if (__builtin_expect((load_relaxed(&p->door) & DOOR_LIMITED) != 0, 0))
            err = rt__push_limited(rt, self, worker, p, to, m, flags);
        else
            err = rt__push_to(rt, worker, p, m);
    }
    if (err == AGNER_OK)
        return AGNER_OK;
    if (err == AGNER_ENOPROC)
        rt__count_drop(rt, worker, RT_DROP_NOPROC);
    rt__envelope_free(rt, self == NULL ? worker : self->worker, m);
    return err;
}

/* ---- Sending
 * ------------------------------------------------------------------------- */

static enum agner_err to_alias(struct rt *rt, struct worker *worker,
                               const struct rt_target *t, struct envelope *m)
{
    struct process *p = rt__slot(rt, t->slot);

    m->kind = ENVELOPE_ALIAS;
    m->id = t->id;
    m->generation = 0;
    if (p == NULL || rt__push_to(rt, worker, p, m) != AGNER_OK) {
        rt__count_drop(rt, worker, RT_DROP_NOALIAS);
        rt__envelope_free(rt, worker, m);
    }
    return AGNER_OK; /* a dead alias is no error: OTP */
}

static enum agner_err to_far(struct gen *self, const struct rt_target *t,
                             etf_term message, unsigned flags)
{
    struct rt_signal s = { .kind = RT_SIGNAL_SEND, .flags = flags };
    enum agner_err err;

    s.node = t->node;
    s.from = rt_self(self);
    s.to = t->remote;
    s.name = t->name;
    s.ref = t->ref;
    s.payload = message;
    if (!etf_is_none(t->name))
        s.kind = RT_SIGNAL_SEND_NAME;
    else if (t->ref.count != 0)
        s.kind = RT_SIGNAL_SEND_ALIAS;
    err = rt__carry(self->rt, self, &s);
    if (err == AGNER_ENOCONN)
        rt__count_drop(self->rt, self->worker, RT_DROP_NOCONN);
    return err;
}

static enum agner_err unreachable(struct rt *rt, struct worker *worker,
                                  const struct rt_target *t)
{
    if (t->err == AGNER_ENONAME)
        rt__count_drop(rt, worker, RT_DROP_NONAME);
    else
        rt__count_drop(rt, worker, RT_DROP_NOPROC);
    return t->err;
}

static enum agner_err send_kind(struct gen *self, etf_term to,
                                enum envelope_kind kind, etf_term message,
                                unsigned flags)
{
    struct rt_target t;
    struct envelope *m;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf_is_none(message))
        return AGNER_ENOMEM; /* it could not be built */
    rt__count_sent(self->process);
    rt__target(self->rt, to, &t);
    switch (t.where) {
    case RT_WHERE_REMOTE:
        if (kind == ENVELOPE_CAST)
            message = etf_make(self, "{'$gen_cast', _}", message);
        return to_far(self, &t, message, flags);
    case RT_WHERE_NONE:
        return unreachable(self->rt, self->worker, &t);
    case RT_WHERE_LOCAL:
    case RT_WHERE_ALIAS:
        break;
    }
    if (t.where == RT_WHERE_ALIAS && kind == ENVELOPE_CAST)
        message = etf_make(self, "{'$gen_cast', _}", message);
    m = etf_is_none(message) ? NULL
                             : rt__envelope_new(self->worker, kind, message);
    if (m == NULL)
        return AGNER_ENOMEM;
    if (t.where == RT_WHERE_ALIAS)
        return to_alias(self->rt, self->worker, &t, m);
    m->sender = rt__pid_word(self->process);
    return rt__post_local(self->rt, self, self->worker, t.pid, m, flags);
}

enum agner_err rt_send_with(struct gen *self, etf_term to, etf_term message,
                            unsigned flags)
{
    return send_kind(self, to, ENVELOPE_MESSAGE, message, flags);
}

enum agner_err rt_send(struct gen *self, etf_term to, etf_term message)
{
    return send_kind(self, to, ENVELOPE_MESSAGE, message, 0);
}

enum agner_err rt_send_pid(struct gen *self, etf_pid to, etf_term message)
{
    etf_term word = etf_pid_is_local(to) ? rt__word_of(to)
                                         : etf_from_pid(&self->scratch, to);

    return send_kind(self, word, ENVELOPE_MESSAGE, message, 0);
}

enum agner_err rt_cast(struct gen *self, etf_term to, etf_term request)
{
    return send_kind(self, to, ENVELOPE_CAST, request, 0);
}

enum agner_err rt_send_box(struct gen *self, etf_term to, struct etf_box *box)
{
    struct rt_target t;
    struct envelope *m;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    rt__count_sent(self->process);
    rt__target(self->rt, to, &t);
    if (err == AGNER_OK && t.where == RT_WHERE_REMOTE)
        err = to_far(self, &t, etf_box_term(box), 0);
    else if (err == AGNER_OK && t.where == RT_WHERE_NONE)
        err = unreachable(self->rt, self->worker, &t);
    if (err != AGNER_OK || t.where == RT_WHERE_REMOTE) {
        etf_box_free(box);
        return err;
    }
    m = rt__envelope_box(self->worker, ENVELOPE_MESSAGE, box);
    if (m == NULL) {
        etf_box_free(box);
        return AGNER_ENOMEM;
    }
    if (t.where == RT_WHERE_ALIAS)
        return to_alias(self->rt, self->worker, &t, m);
    m->sender = rt__pid_word(self->process);
    return rt__post_local(self->rt, self, self->worker, t.pid, m, 0);
}

enum agner_err rt_post(struct rt *rt, etf_term to, etf_term message)
{
    struct rt_signal s = { .kind = RT_SIGNAL_SEND, .flags = RT_SEND_NOSUSPEND };
    struct rt_target t;
    struct envelope *m;

    rt__target(rt, to, &t);
    if (t.where == RT_WHERE_NONE)
        return unreachable(rt, NULL, &t);
    if (t.where == RT_WHERE_REMOTE) {
        s.node = t.node;
        s.to = t.remote;
        s.name = t.name;
        s.ref = t.ref;
        s.payload = message;
        if (!etf_is_none(t.name))
            s.kind = RT_SIGNAL_SEND_NAME;
        else if (t.ref.count != 0)
            s.kind = RT_SIGNAL_SEND_ALIAS;
        return rt__carry(rt, NULL, &s);
    }
    m = rt__envelope_new(NULL, ENVELOPE_MESSAGE, message);
    if (m == NULL)
        return AGNER_ENOMEM;
    if (t.where == RT_WHERE_ALIAS)
        return to_alias(rt, NULL, &t, m);
    return rt__post_local(rt, NULL, NULL, t.pid, m, RT_SEND_NOSUSPEND);
}
