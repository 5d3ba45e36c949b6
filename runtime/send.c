/*
 * send.c -- where a message goes: targets and pushing.
 */
#include "relation.h"
#include "run_queue.h"

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

/* Gives `m`, which is no message that joins the queue, or for a mailbox that is
 * no usual one, to a process that the caller has claimed: the answer that it
 * waits for ends the wait. Everything else, and what may be for somebody else,
 * goes through the inbox. */
static void hand_over_other(struct process *p, struct envelope *m)
{
    struct gen *gen = rt__gen(p);

    if (m->kind == ENVELOPE_REPLY &&
        m->generation == load_relaxed(&p->generation) &&
        (load_relaxed(&p->door) & (DOOR_EXTERNAL | DOOR_LIMITED)) == 0 &&
        gen != NULL && gen->wait.kind == WAIT_CALL && !gen->wait.done &&
        gen->wait.id == m->id &&
        m->sender.word == load_relaxed(&gen->wait.callee)) {
        gen->wait.answer = m;
        gen->wait.done = true;
        return;
    }
    (void)rt__mailbox_push(&p->inbox, m);
}

/* The caller has claimed `p` for `m`: it gets it as rt__act_all() would give
 * it, when it runs, and is put on a run queue. */
static inline void hand_over(struct rt *rt, struct worker *worker,
                             struct process *p, struct envelope *m)
{
    bool usual = load_relaxed(&p->door) == 0;

    if (__builtin_expect(usual && m->kind <= ENVELOPE_CAST &&
                             m->generation == load_relaxed(&p->generation),
                         1)) {
        rt__queue_add(p, m);
        rt__note_peak(p);
    } else {
        hand_over_other(p, m);
    }
    if (__builtin_expect(usual && worker != NULL && !rt->simulated, 1))
        rt__local_push(worker, p, false);
    else
        rt__schedule(rt, worker, p, false);
}

static inline enum agner_err push_to(struct rt *rt, struct worker *worker,
                                     struct process *p, struct envelope *m)
{
    if (rt__mailbox_claim(&p->inbox)) {
        hand_over(rt, worker, p, m);
        return AGNER_OK;
    }
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

enum agner_err rt__push_to(struct rt *rt, struct worker *worker,
                           struct process *p, struct envelope *m)
{
    return push_to(rt, worker, p, m);
}

static inline struct process *living(const struct rt *rt, etf_term to)
{
    struct process *p = rt__slot(rt, etf__pid_slot(to));

    /* Relaxed: the envelope says for which life it is, and the owner looks. */
    if (p == NULL || load_relaxed(&p->generation) != etf__pid_generation(to))
        return NULL;
    return p;
}

struct process *rt__living(struct rt *rt, etf_term to)
{
    return living(rt, to);
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
    s.name = t->name;
    s.payload = message;
    if (!etf_is_none(t->name)) { /* only one of the three is there */
        s.kind = RT_SIGNAL_SEND_NAME;
    } else if (t->ref.count != 0) {
        s.kind = RT_SIGNAL_SEND_ALIAS;
        s.ref = t->ref;
    } else {
        s.to = t->remote;
    }
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

static inline enum agner_err to_local(struct gen *self, etf_term pid,
                                      enum envelope_kind kind, etf_term message,
                                      unsigned flags)
{
    struct envelope *m = rt__envelope_new(self->worker, kind, message);
    struct process *p;

    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__pid_word(self->process);
    p = living(self->rt, pid);
    if (__builtin_expect(
            p == NULL || (load_relaxed(&p->door) & DOOR_LIMITED) != 0, 0))
        return rt__post_local(self->rt, self, self->worker, pid, m, flags);
    m->generation = etf__pid_generation(pid);
    if (__builtin_expect(push_to(self->rt, self->worker, p, m) == AGNER_OK, 1))
        return AGNER_OK;
    rt__count_drop(self->rt, self->worker, RT_DROP_NOPROC);
    rt__envelope_free(self->rt, self->worker, m);
    return AGNER_ENOPROC;
}

/* To what is no pid of this node. */
static __attribute__((noinline)) enum agner_err
send_elsewhere(struct gen *self, etf_term to, enum envelope_kind kind,
               etf_term message, unsigned flags)
{
    struct rt_target t;
    struct envelope *m;

    rt__target(self->rt, to, &t);
    switch (t.where) {
    case RT_WHERE_REMOTE:
        if (kind == ENVELOPE_CAST)
            message = etf_make(self, "{'$gen_cast', _}", message);
        return to_far(self, &t, message, flags);
    case RT_WHERE_NONE:
        return unreachable(self->rt, self->worker, &t);
    case RT_WHERE_LOCAL:
        return to_local(self, t.pid, kind, message, flags);
    case RT_WHERE_ALIAS:
        break;
    }
    if (kind == ENVELOPE_CAST)
        message = etf_make(self, "{'$gen_cast', _}", message);
    m = etf_is_none(message) ? NULL
                             : rt__envelope_new(self->worker, kind, message);
    if (m == NULL)
        return AGNER_ENOMEM;
    return to_alias(self->rt, self->worker, &t, m);
}

static inline enum agner_err send_kind(struct gen *self, etf_term to,
                                       enum envelope_kind kind,
                                       etf_term message, unsigned flags)
{
    enum agner_err err = rt__may_run(self);

    if ((flags & RT_SEND_ALONG) == 0)
        rt__spend_to(self, to);
    if (err != AGNER_OK)
        return err;
    if (etf_is_none(message))
        return AGNER_ENOMEM; /* it could not be built */
    rt__count_sent(self->process);
    if (__builtin_expect(etf__tag(to) == ETF__PID, 1))
        return to_local(self, to, kind, message, flags);
    return send_elsewhere(self, to, kind, message, flags);
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

#define AROUND_MAX 8u

/* The message as one term: for another node, and where it cannot be held
 * together by the box. */
static enum agner_err send_whole(struct gen *self, etf_term to, etf_term tuple,
                                 etf_term last, unsigned flags)
{
    size_t count = etf_tuple_size(tuple);
    const etf_term *from = etf_tuple_items(tuple);
    etf_term items[AROUND_MAX];

    for (size_t i = 0; i + 1 < count; i++)
        items[i] = from[i];
    items[count - 1] = last;
    return send_kind(self, to, ENVELOPE_MESSAGE,
                     etf_tuple(&self->scratch, items, count), flags);
}

enum agner_err rt_send_around(struct gen *self, etf_term to, etf_term tuple,
                              struct etf_box *box, unsigned flags)
{
    size_t count = etf_tuple_size(tuple);
    struct envelope *m = NULL;
    struct rt_target t;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (etf_is_none(tuple))
        return AGNER_ENOMEM;
    if (count == 0 || count > AROUND_MAX)
        return AGNER_EINVAL;
    if (err != AGNER_OK)
        return err;
    rt__target(self->rt, to, &t);
    if (t.where == RT_WHERE_LOCAL)
        m = rt__envelope_around(self->rt, self->worker, ENVELOPE_MESSAGE, tuple,
                                box);
    if (m == NULL)
        return send_whole(self, to, tuple, etf_box_term(box), flags);
    (void)etf_box_hold(box);
    rt__count_sent(self->process);
    m->sender = rt__pid_word(self->process);
    return rt__post_local(self->rt, self, self->worker, t.pid, m, flags);
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
        s.name = t.name;
        s.payload = message;
        if (!etf_is_none(t.name)) {
            s.kind = RT_SIGNAL_SEND_NAME;
        } else if (t.ref.count != 0) {
            s.kind = RT_SIGNAL_SEND_ALIAS;
            s.ref = t.ref;
        } else {
            s.to = t.remote;
        }
        return rt__carry(rt, NULL, &s);
    }
    if (rt_memory_level(rt) == RT_MEMORY_HARD &&
        etf__flat_words(message) >= RT_LARGE_WORDS && rt__memory_refuses(rt))
        return AGNER_ENOMEM;
    m = rt__envelope_new(NULL, ENVELOPE_MESSAGE, message);
    if (m == NULL)
        return AGNER_ENOMEM;
    if (t.where == RT_WHERE_ALIAS)
        return to_alias(rt, NULL, &t, m);
    return rt__post_local(rt, NULL, NULL, t.pid, m, RT_SEND_NOSUSPEND);
}
