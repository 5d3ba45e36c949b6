/*
 * receive.c -- from the inbox to the queue: what each signal does to its
 * process.
 *
 * Signals act in the order in which they came (G1). Messages join the queue;
 * the others change the process's relations, end its waits, or mark that it
 * must end, and what its code shall see of them joins the queue as well. Runs
 * on the owner's stack, not on that of a process that waits.
 */
#include <assert.h>

#include "direct.h"
#include "event.h"
#include "query.h"
#include "relation.h"
#include "spawn_remote.h"
#include "worker.h"

struct context {
    struct rt *rt;
    struct worker *worker;
    struct process *p;
};

static void drop(struct context *c, struct envelope *m)
{
    rt__envelope_free(c->rt, c->worker, m);
}

/* ---- Answers to calls
 * ---------------------------------------------------------- */

/* Tells the callee that nobody waits for the call any more. */
static void forget_call(struct context *c, etf_term callee, uint64_t id)
{
    struct envelope *m;

    if (etf__tag(callee) != ETF__PID)
        return;
    m = rt__envelope_new(c->worker, ENVELOPE_DEMONITOR, ETF_NONE);
    if (m == NULL)
        return; /* its entry lives until the callee ends: harmless */
    m->sender = rt__pid_word(c->p);
    m->id = id;
    rt__push_or_drop(c->rt, c->worker, callee, m);
}

/* Ends the monitor that a call to another node is. */
static void demonitor_far(struct context *c, const struct relation *r)
{
    struct rt_signal s = { .kind = RT_SIGNAL_DEMONITOR, .node = r->node };

    s.flags = RT_SEND_NOCONNECT;
    s.from = rt__pid_of(rt__pid_word(c->p));
    s.ref = rt__ref(r->envelope.id, c->p->slot);
    s.name = r->name;
    if (etf_is_none(s.name))
        (void)etf_get_pid(r->who, &s.to);
    (void)rt__carry(c->rt, NULL, &s); /* gone with the connection otherwise */
}

static void request_done(struct context *c, struct relation *r,
                         struct envelope *m)
{
    if ((r->flags & RELATION_DONE) != 0) {
        drop(c, m);
        return;
    }
    r->has.answer = m;
    r->flags |= RELATION_DONE;
    c->p->relations->done++;
}

/* An answer, or the news that there will be none. */
static void answered(struct context *c, struct envelope *m)
{
    struct process *p = c->p;
    struct gen *gen = rt__gen(p);
    struct relation *r;

    if (gen != NULL && gen->wait.kind == WAIT_CALL && !gen->wait.done &&
        gen->wait.id == m->id) {
        gen->wait.answer = m;
        gen->wait.done = true;
        if (m->kind == ENVELOPE_REPLY &&
            m->sender.word != load_relaxed(&gen->wait.callee))
            forget_call(c, etf__word(load_relaxed(&gen->wait.callee)), m->id);
        return;
    }
    r = rt__find_id(p, RELATION_REQUEST, m->id);
    if (r == NULL) {
        drop(c, m); /* late: the alias is gone */
        return;
    }
    if (m->kind == ENVELOPE_REPLY && !etf_same(m->sender, r->who))
        forget_call(c, r->who, m->id);
    request_done(c, r, m);
}

/* ---- Aliases
 * -------------------------------------------------------------------- */

/* Is it the answer to a call of ours? {Tag, Reply}: the tag is ours by its
 * number. The callee saw a message, so its entry is taken back here. */
static bool is_answer(struct context *c, struct envelope *m)
{
    struct gen *gen = rt__gen(c->p);
    struct relation *r = rt__find_id(c->p, RELATION_REQUEST, m->id);
    bool waits = gen != NULL && gen->wait.kind == WAIT_CALL &&
                 !gen->wait.done && gen->wait.id == m->id;

    if (!waits && r == NULL)
        return false;
    if (etf_tuple_size(m->term) != 2) {
        drop(c, m);
        return true;
    }
    m->term = etf_tuple_items(m->term)[1];
    m->kind = ENVELOPE_REPLY;
    if (r != NULL && (r->flags & RELATION_NODE) != 0) {
        if ((r->flags & RELATION_DONE) == 0)
            demonitor_far(c, r);
        request_done(c, r, m);
    } else {
        m->sender = ETF_NONE;
        answered(c, m);
    }
    return true;
}

/* The alias with this id, or NULL: it is not active. */
static struct relation *find_alias(struct process *p, uint64_t id)
{
    struct relation *r = rt__find_id(p, RELATION_ALIAS, id);

    if (r != NULL)
        return r;
    r = rt__find_id(p, RELATION_MONITOR, id);
    return r != NULL && (r->flags & RELATION_IS_ALIAS) != 0 ? r : NULL;
}

static void through_alias(struct context *c, struct envelope *m)
{
    struct process *p = c->p;
    struct relation *r;

    if (is_answer(c, m))
        return;
    r = find_alias(p, m->id);
    if (r == NULL) {
        rt__count_drop(c->rt, c->worker, RT_DROP_NOALIAS);
        drop(c, m);
        return;
    }
    if ((r->flags & RELATION_ALIAS_REPLY) != 0) {
        if (r->kind == RELATION_MONITOR && (r->flags & RELATION_NODE) != 0)
            demonitor_far(c, r);
        else if (r->kind == RELATION_MONITOR)
            forget_call(c, r->who, m->id);
        rt__relation_remove(p, r);
        rt__relation_free(c->rt, c->worker, r);
    }
    m->kind = ENVELOPE_MESSAGE;
    rt__queue_add(p, m);
}

/* ---- Links
 * ---------------------------------------------------------------------- */

static void linked(struct context *c, struct envelope *m)
{
    struct relation *r = (struct relation *)(void *)m;
    struct relation *have = rt__find_link(c->p, r->who);

    if (have != NULL) {
        rt__relation_free(c->rt, c->worker, r);
        return;
    }
    r->flags |= RELATION_ACTIVE;
    if (rt__relation_add(c->p, r))
        return;
    /* No memory for the table: the other side hears of it as an end. */
    rt__refuse(c->rt, c->worker, c->p, m, ETF_A(killed));
}

/* Acknowledges an unlink, before anything else goes to that process. */
static void unlinked(struct context *c, struct envelope *m)
{
    struct relation *r = rt__find_link(c->p, m->sender);

    if (r != NULL && (r->flags & RELATION_ACTIVE) != 0) {
        rt__relation_remove(c->p, r);
        rt__relation_free(c->rt, c->worker, r);
    }
    rt__refuse(c->rt, c->worker, c->p, m, ETF_NONE); /* which answers it */
}

static void unlink_acked(struct context *c, struct envelope *m)
{
    struct relation *r = rt__find_link(c->p, m->sender);

    if (r != NULL && (r->flags & RELATION_ACTIVE) == 0 &&
        r->unlink_id == m->id) {
        rt__relation_remove(c->p, r);
        rt__relation_free(c->rt, c->worker, r);
    }
    drop(c, m);
}

/* ---- Exits
 * ------------------------------------------------------------------------ */

/* Source: OTP, gen: who was started without a link is its own parent. */
static bool is_parent(const struct process *p, etf_term sender)
{
    const struct extras *x = rt__extras_of(p);
    etf_pid pid;

    if ((p->flags & PROCESS_CHILD) == 0)
        return false;
    if (etf__tag(sender) == ETF__PID)
        return etf_same(rt__parent_word(p), sender);
    return x != NULL && etf_get_pid(sender, &pid) &&
           !etf_pid_is_local(x->parent) && etf_pid_equal(x->parent, pid);
}

/* An exit signal that has passed the link check. Sources: Erlang reference
 * manual, "Receiving Exit Signals"; spec/gen.md 1.3. */
static void exit_signal(struct context *c, struct envelope *m, bool from_link)
{
    struct process *p = c->p;
    bool kill = !from_link && etf_same(m->term, ETF_A(kill));
    bool self = etf_same(m->sender, rt__pid_word(p));

    if (kill) {
        rt__must_exit(p, ETF_A(killed), true, true);
        drop(c, m);
    } else if ((m->flags & ENVELOPE_LIFETIME) != 0) {
        rt__must_exit(p, m->term, false, false);
        drop(c, m);
    } else if ((p->flags & PROCESS_TRAP_EXIT) != 0) {
        m->kind = ENVELOPE_EXIT_MESSAGE;
        /* exit/2 too: a shutdown is one. Relaxed: the flag was set before the
         * signal was sent, through the inbox. */
        m->id = is_parent(p, m->sender) ||
                (self && load_relaxed(&c->rt->ending) != 0);
        rt__queue_add(p, m);
    } else if (etf_same(m->term, ETF_A(normal)) && !self) {
        drop(c, m);
    } else {
        rt__must_exit(p, m->term, false, true);
        drop(c, m);
    }
}

static void link_broken(struct context *c, struct envelope *m)
{
    struct relation *r = rt__find_link(c->p, m->sender);

    if (r == NULL || (r->flags & RELATION_ACTIVE) == 0) {
        drop(c, m);
        return;
    }
    rt__relation_remove(c->p, r);
    rt__relation_free(c->rt, c->worker, r);
    exit_signal(c, m, true);
}

/* ---- Monitors
 * ------------------------------------------------------------------------ */

static void watched(struct context *c, struct envelope *m)
{
    struct relation *r = (struct relation *)(void *)m;

    if ((r->flags & RELATION_EVENT) != 0 && !rt__event_stands(c->rt, r))
        rt__refuse(c->rt, c->worker, c->p, m, etf_atom("unregistered"));
    else if (!rt__relation_add(c->p, r))
        rt__refuse(c->rt, c->worker, c->p, m, ETF_A(killed));
}

/* The caller whose call is just being handled waits no more: it need not be
 * kept when the callback is over. */
static void forget_current(const struct context *c, const struct envelope *m)
{
    struct gen *gen = rt__gen(c->p);

    if (gen == NULL && c->worker != NULL)
        gen = load_relaxed(&c->worker->running);
    if (gen != NULL && gen->process == c->p && gen->current != NULL &&
        gen->current->id == m->id && etf_same(gen->current->sender, m->sender))
        gen->replied = true;
}

/* Some monitor of us is taken back. The envelope's term, if there is one, is
 * the far reference. */
static void unwatched(struct context *c, struct envelope *m)
{
    struct relation *r;
    etf_ref ref;
    bool far = etf_get_ref(m->term, &ref);

    r = rt__find_watcher(c->p, m->sender, m->id, far ? &ref : NULL);
    if (r != NULL) {
        rt__relation_remove(c->p, r);
        rt__relation_free(c->rt, c->worker, r);
    } else {
        forget_current(c, m);
    }
    drop(c, m);
}

/* What a monitored process's end means for a call through it. */
static void down(struct context *c, struct envelope *m)
{
    struct process *p = c->p;
    struct relation *r = rt__find_id(p, RELATION_MONITOR, m->id);

    if (r != NULL && (r->flags & RELATION_EVENT) != 0)
        rt__event_leave(c->rt, c->worker, r);
    if (r != NULL && (r->flags & RELATION_EVENT_LINK) != 0) {
        rt__relation_remove(p, r);
        rt__relation_free(c->rt, c->worker, r);
        exit_signal(c, m, true);
        return;
    }
    if (r != NULL) {
        rt__relation_remove(p, r);
        m->kind = ENVELOPE_DOWN_MESSAGE;
        m->aux = r;
        rt__queue_add(p, m);
        return;
    }
    m->kind = ENVELOPE_FAIL;
    answered(c, m);
}

/* ---- The end of a connection
 * ------------------------------------------------------------ */

static void fire_far(struct context *c, struct relation *r)
{
    struct process *p = c->p;
    struct envelope *m = &r->envelope;

    if (r->kind == RELATION_REQUEST) {
        if ((r->flags & RELATION_DONE) == 0) {
            r->flags |= RELATION_DONE; /* no answer: noconnection */
            p->relations->done++;
        }
        return;
    }
    if (r->kind == RELATION_SPAWN) {
        rt__spawn_lost(c->rt, c->worker, p, r);
        return;
    }
    rt__relation_remove(p, r);
    switch ((enum relation_kind)r->kind) {
    case RELATION_LINK:
        if ((r->flags & RELATION_ACTIVE) == 0)
            break;
        /* The entry itself becomes the exit signal: its box holds the pid. */
        m->kind = ENVELOPE_EXIT;
        m->sender = r->who;
        m->term = ETF_A(noconnection);
        m->flags |= ENVELOPE_BOX;
        m->memory.box = r->box;
        r->box = NULL;
        exit_signal(c, m, true);
        return;
    case RELATION_MONITOR:
        rt__queue_add(p, rt__relation_down(r, ETF_A(noconnection)));
        return;
    case RELATION_REQUEST:
    case RELATION_SPAWN:
    case RELATION_WATCHER:
    case RELATION_ALIAS:
        break;
    }
    rt__relation_free(c->rt, c->worker, r);
}

static void node_is_down(struct context *c, struct envelope *m)
{
    struct relation *r =
        c->p->relations == NULL ? NULL : c->p->relations->first;
    struct relation *last =
        c->p->relations == NULL ? NULL : c->p->relations->last;

    while (r != NULL) {
        struct relation *after = r == last ? NULL : r->after;

        /* Those of a later connection stay. */
        if ((r->flags & RELATION_NODE) != 0 && r->era <= m->id &&
            etf_equal(r->node, m->term))
            fire_far(c, r);
        r = after;
    }
    drop(c, m);
}

/* ---- The whole
 * ------------------------------------------------------------------------------
 */

static void act(struct context *c, struct envelope *m)
{
    struct process *p = c->p;
    etf_pid leader;

    switch ((enum envelope_kind)m->kind) {
    case ENVELOPE_INIT:
    case ENVELOPE_MESSAGE:
    case ENVELOPE_CALL:
    case ENVELOPE_CAST:
    case ENVELOPE_EXIT_MESSAGE:
    case ENVELOPE_DOWN_MESSAGE:
        rt__queue_add(p, m);
        return;
    case ENVELOPE_DIRECT:
        if (load_relaxed(&p->behavior) != NULL) {
            rt__queue_add(p, m);
            return;
        }
        rt__direct_fail(m, AGNER_ENOTSUP);
        drop(c, m);
        return;
    case ENVELOPE_TIMEOUT:
        if (rt__extras_of(p) != NULL &&
            p->relations->extras->timeout_seq == m->id && p->queue == NULL &&
            (p->flags & PROCESS_WANTS_TIMEOUT) != 0)
            rt__queue_add(p, m);
        else
            drop(c, m);
        return;
    case ENVELOPE_ALIAS:
        through_alias(c, m);
        return;
    case ENVELOPE_REPLY:
    case ENVELOPE_FAIL:
        answered(c, m);
        return;
    case ENVELOPE_WAKE:
        if ((m->flags & ENVELOPE_BEGIN) != 0)
            p->flags &= (uint16_t)~PROCESS_DORMANT;
        else if (rt__gen(p) != NULL && !rt__gen(p)->wait.done &&
                 load_relaxed(&rt__gen(p)->wait.seq) == m->id) {
            /* rt_wake() gives its own a term. */
            rt__gen(p)->wait.timed_out = etf_is_none(m->term);
            rt__gen(p)->wait.done = true;
        }
        drop(c, m);
        return;
    case ENVELOPE_LINK:
        linked(c, m);
        return;
    case ENVELOPE_UNLINK:
        unlinked(c, m);
        return;
    case ENVELOPE_UNLINK_ACK:
        unlink_acked(c, m);
        return;
    case ENVELOPE_EXIT:
        link_broken(c, m);
        return;
    case ENVELOPE_EXIT2:
        exit_signal(c, m, false);
        return;
    case ENVELOPE_EXIT2_ALIAS:
        if (find_alias(p, m->id) != NULL)
            exit_signal(c, m, false);
        else
            drop(c, m);
        return;
    case ENVELOPE_MONITOR:
        watched(c, m);
        return;
    case ENVELOPE_DEMONITOR:
        unwatched(c, m);
        return;
    case ENVELOPE_DOWN:
        down(c, m);
        return;
    case ENVELOPE_NODE_DOWN:
        node_is_down(c, m);
        return;
    case ENVELOPE_GROUP_LEADER:
        if (etf_get_pid(m->sender, &leader)) /* without memory: as before */
            (void)rt__heritage_lead(c->rt, c->worker, p, leader);
        drop(c, m);
        return;
    case ENVELOPE_INFO:
        rt__query_answer(c->rt, c->worker, p, m);
        return;
    case ENVELOPE_SPAWN_REPLY:
        rt__spawn_replied(c->rt, c->worker, p, m);
        return;
    }
}

static bool is_over_limit(const struct limits *limits)
{
    uint64_t count_max = load_relaxed(&limits->count_max);
    uint64_t bytes_max = load_relaxed(&limits->bytes_max);

    return (count_max != 0 && load_relaxed(&limits->count) > count_max) ||
           (bytes_max != 0 && load_relaxed(&limits->bytes) > bytes_max);
}

/* `m`, behind `before`, leaves the queue while the code may wait behind it. */
static void unmark(const struct process *p, const struct envelope *m,
                   struct envelope *before)
{
    if (rt__gen(p) != NULL && rt__gen(p)->wait.kind == WAIT_MESSAGE &&
        rt__gen(p)->wait.mark == m)
        rt__gen(p)->wait.mark = before;
}

/* Drops the oldest messages of a mailbox that is over its limit. */
static void shed(struct context *c)
{
    struct limits *limits = c->p->relations->extras->limits;
    struct envelope *m = c->p->queue, *before = NULL, *next;

    while (m != NULL && is_over_limit(limits)) {
        next = m->next;
        if ((m->flags & ENVELOPE_COUNTED) != 0) {
            unmark(c->p, m, before);
            rt__queue_remove(c->p, before, m);
            rt__limits_lost(c->rt, c->worker, limits, rt__pid_word(c->p));
            rt__refuse(c->rt, c->worker, c->p, m, ETF_A(mailbox_full));
        } else {
            before = m;
        }
        m = next;
    }
}

void rt__act_all(struct rt *rt, struct worker *worker, struct process *p,
                 struct envelope *m)
{
    struct context c = { rt, worker, p };
    uint32_t generation = load_relaxed(&p->generation);

    while (m != NULL) {
        struct envelope *next = m->next;

        if (__builtin_expect(m->generation != generation, 0) &&
            m->generation != 0)
            rt__refuse(rt, worker, p, m, ETF_A(noproc)); /* an earlier life */
        else if (m->kind <= ENVELOPE_CAST)
            rt__queue_add(p, m);
        else
            act(&c, m);
        m = next;
    }
    rt__note_peak(p);
    if (__builtin_expect((load_relaxed(&p->door) & DOOR_LIMITED) != 0, 0) &&
        load_relaxed(&p->relations->extras->limits->overflow) ==
            RT_OVERFLOW_DROP_OLDEST)
        shed(&c);
}

void rt__take_slow(struct rt *rt, struct worker *worker, struct process *p)
{
    rt__act_all(rt, worker, p, rt__mailbox_take(&p->inbox));
}

bool rt__wait_over(struct process *p)
{
    struct wait *wait = &rt__gen(p)->wait;

    if (wait->done)
        return true;
    if (rt__must_end(p) != AGNER_OK && wait->kind != WAIT_WORK)
        return true;
    switch (wait->kind) {
    case WAIT_NOTHING:
    case WAIT_YIELD:
        return true;
    case WAIT_MESSAGE:
        return wait->mark == NULL ? p->queue != NULL : wait->mark->next != NULL;
    case WAIT_REQUEST:
        return p->relations != NULL && p->relations->done > wait->id;
    case WAIT_CALL:
    case WAIT_WAKE:
    case WAIT_GATE:
    case WAIT_WORK:
        break;
    }
    return false;
}
