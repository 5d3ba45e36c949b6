/*
 * spawn_ask.c -- asking a node for a process, and what becomes of that.
 *
 * A request stands in the table of who asks as a RELATION_SPAWN, from before it
 * is sent until its one outcome: the reply, the loss of the connection, or the
 * end of the process. What tells of a loss is made beforehand, so that it needs
 * no memory. A reply makes the link and the monitor, and then is told.
 *
 * A process whose requester has given up, or was told otherwise meanwhile, must
 * not live on as if it were wanted: whoever sees such a reply sends it off.
 */
#include <stdlib.h>

#include "spawn_remote.h"
#include "worker.h"

#define TIMEOUT_MS 5000u
#define ARITY_MAX  255
/* In the number of a request that rt_spawn_node() waits for: nobody learns of
 * its process but through that wait, so it is not to outlive it. Numbers are
 * counted from 1, and never get here. */
#define WAITED (UINT64_C(1) << 49)

/* Who wants to know. */
enum fate {
    FATE_MESSAGE,   /* a message tells */
    FATE_WAIT,      /* rt_spawn_node() waits: RELATION_DONE */
    FATE_ABANDONED, /* nobody: rt_spawn_abandon() */
    FATE_KILL,      /* nobody, and it is not to live: rt_spawn_node() is late */
};

struct spawn_asked {
    enum fate fate;
    uint16_t alias; /* of the monitor: relation flags */
    bool alias_explicit;
    bool reply_ok, reply_error;
    struct etf_box *tag;     /* owned: of the monitor, or NULL */
    struct etf_box *message; /* owned: {Tag, Id, error, noconnection} */
    struct envelope *answer; /* owned: what FATE_WAIT waited for; its term is
                                the pid or the reason */
};

void rt__spawn_asked_free(struct rt *rt, struct worker *worker,
                          struct spawn_asked *asked)
{
    if (asked == NULL)
        return;
    etf_box_free(asked->tag);
    etf_box_free(asked->message);
    if (asked->answer != NULL)
        rt__envelope_free(rt, worker, asked->answer);
    free(asked);
}

static void remove_ask(struct rt *rt, struct worker *worker, struct process *p,
                       struct relation *r)
{
    rt__relation_remove(p, r);
    rt__relation_free(rt, worker, r);
}

/* ---- A process that nobody wants
 * ----------------------------------------------------------------------------
 */

struct orphan {
    struct rt *rt;
    etf_term me; /* who asked: a pid word */
    uint64_t id;
    uint64_t flags;
    etf_pid pid;
};

static void send_off_far(const struct orphan *o, enum rt_signal_kind kind,
                         etf_term reason)
{
    struct rt_signal s = { .kind = kind,
                           .flags = RT_SEND_NOCONNECT,
                           .node = o->pid.node,
                           .from = rt__pid_of(o->me),
                           .to = o->pid,
                           .payload = reason };

    if (kind == RT_SIGNAL_DEMONITOR)
        s.ref = rt__ref(o->id, s.from.id);
    (void)rt__carry(o->rt, NULL, &s); /* gone with the connection otherwise */
}

static void send_off_local(const struct orphan *o, enum envelope_kind kind,
                           etf_term reason)
{
    struct envelope *m = rt__envelope_new(NULL, kind, reason);

    if (m == NULL)
        return;
    m->sender = o->me;
    m->id = o->id;
    rt__push_or_drop(o->rt, NULL, rt__word_of(o->pid), m);
}

/* Ends its link with `reason`, and its monitor. */
static void untie(const struct orphan *o, etf_term reason)
{
    bool local = etf_pid_is_local(o->pid);

    if ((o->flags & SPAWN_LINKED) != 0 && local)
        send_off_local(o, ENVELOPE_EXIT, reason);
    else if ((o->flags & SPAWN_LINKED) != 0)
        send_off_far(o, RT_SIGNAL_EXIT, reason);
    if ((o->flags & SPAWN_MONITORED) != 0 && local)
        send_off_local(o, ENVELOPE_DEMONITOR, ETF_NONE);
    else if ((o->flags & SPAWN_MONITORED) != 0)
        send_off_far(o, RT_SIGNAL_DEMONITOR, ETF_NONE);
}

static void kill_orphan(const struct orphan *o)
{
    if (etf_pid_is_local(o->pid))
        send_off_local(o, ENVELOPE_EXIT2, ETF_A(kill));
    else
        send_off_far(o, RT_SIGNAL_EXIT2, ETF_A(kill));
}

/* ---- The reply
 * ----------------------------------------------------------------------------
 */

struct envelope *rt__spawn_reply_envelope(struct worker *worker, uint64_t id,
                                          uint64_t flags, etf_term what)
{
    uint64_t words[16];
    struct etf_region r;
    struct envelope *m;
    etf_term pair[2];

    etf__region_init(&r, words, 16, 0);
    pair[0] = etf_uint(&r, flags);
    pair[1] = what;
    m = rt__envelope_new(worker, ENVELOPE_SPAWN_REPLY, etf_tuple(&r, pair, 2));
    etf__region_fini(&r);
    if (m != NULL)
        m->id = id;
    return m;
}

/* Reads it. false: no process was made. */
static bool read_reply(struct rt *rt, etf_term me, const struct envelope *m,
                       struct orphan *o)
{
    const etf_term *items = etf_tuple_items(m->term);

    *o = (struct orphan){ .rt = rt, .me = me, .id = m->id };
    (void)etf_get_uint(items[0], &o->flags); /* as we wrote it */
    return etf_get_pid(items[1], &o->pid);
}

void rt__spawn_late(struct rt *rt, etf_term me, const struct envelope *m)
{
    struct orphan orphan;

    if (!read_reply(rt, me, m, &orphan))
        return;
    if ((m->id & WAITED) != 0)
        kill_orphan(&orphan);
    else
        untie(&orphan, ETF_A(noproc));
}

/* Our end of the link. */
static bool add_link(struct rt *rt, struct worker *worker, struct process *p,
                     etf_term who, uint64_t era)
{
    struct relation *r = rt__find_link(p, who);

    if (r == NULL) {
        r = rt__relation_new(rt, worker, RELATION_LINK, who, 0);
        if (r == NULL)
            return false;
        if (!rt__relation_add(p, r)) {
            rt__relation_free(rt, worker, r);
            return false;
        }
    }
    r->flags |= RELATION_ACTIVE;
    r->unlink_id = 0;
    r->era = era;
    return true;
}

static bool add_alias(struct rt *rt, struct worker *worker, struct process *p,
                      uint64_t id)
{
    struct relation *r =
        rt__relation_new(rt, worker, RELATION_ALIAS, ETF_NONE, id);

    if (r != NULL && rt__relation_add(p, r))
        return true;
    if (r != NULL)
        rt__relation_free(rt, worker, r);
    return false;
}

/* Our end of the monitor, which takes the tag. */
static bool add_monitor(struct rt *rt, struct worker *worker, struct process *p,
                        etf_term who, const struct relation *request)
{
    struct spawn_asked *asked = request->has.asked;
    uint64_t id = request->envelope.id;
    struct relation *r =
        rt__relation_new(rt, worker, RELATION_MONITOR, who, id);

    if (r == NULL)
        return false;
    r->flags |= asked->alias;
    r->era = request->era;
    if (!rt__relation_add(p, r)) {
        rt__relation_free(rt, worker, r);
        return false;
    }
    if (asked->alias_explicit && !add_alias(rt, worker, p, id)) {
        remove_ask(rt, worker, p, r);
        return false;
    }
    r->has.tag = asked->tag;
    asked->tag = NULL;
    return true;
}

/* false: no memory, and nothing of it is left. */
static bool tie(struct rt *rt, struct worker *worker, struct process *p,
                const struct relation *request, const struct orphan *born,
                etf_term who)
{
    struct relation *link;

    if ((born->flags & SPAWN_LINKED) != 0 &&
        !add_link(rt, worker, p, who, request->era))
        return false;
    if ((born->flags & SPAWN_MONITORED) == 0 ||
        add_monitor(rt, worker, p, who, request))
        return true;
    link = rt__find_link(p, who);
    if (link != NULL)
        remove_ask(rt, worker, p, link);
    return false;
}

/* {Tag, Id, Class, What} of a request, for its process. NULL: no memory. */
static struct envelope *news(struct worker *worker, const struct relation *r,
                             bool ok, etf_term what)
{
    const etf_term *lost = etf_tuple_items(etf_box_term(r->has.asked->message));
    uint64_t words[16];
    struct etf_region region;
    struct envelope *m;
    etf_term items[4];

    items[0] = lost[0];
    items[1] = lost[1];
    items[2] = ok ? ETF_A(ok) : ETF_A(error);
    items[3] = what;
    etf__region_init(&region, words, 16, 0);
    m = rt__envelope_new(worker, ENVELOPE_MESSAGE,
                         etf_tuple(&region, items, 4));
    etf__region_fini(&region);
    return m;
}

/* The entry itself becomes the message that tells of a loss. */
static void tell_lost(struct process *p, struct relation *r)
{
    struct spawn_asked *asked = r->has.asked;
    struct envelope *m = &r->envelope;

    rt__relation_remove(p, r);
    m->kind = ENVELOPE_MESSAGE;
    m->term = etf_box_term(asked->message);
    m->flags |= ENVELOPE_BOX;
    m->memory.box = asked->message;
    etf_box_free(asked->tag);
    free(asked);
    r->has.asked = NULL;
    rt__queue_add(p, m);
}

/* Tells by message that there is no process, and forgets the request. */
static void tell_error(struct rt *rt, struct worker *worker, struct process *p,
                       struct relation *r, etf_term reason)
{
    struct envelope *m = NULL;

    if (r->has.asked->reply_error) {
        m = news(worker, r, false, reason);
        if (m == NULL) {
            tell_lost(p, r);
            return;
        }
    }
    remove_ask(rt, worker, p, r);
    if (m != NULL)
        rt__queue_add(p, m);
}

/* Tells by message that there is one, or sends it off. */
static void tell_ok(struct rt *rt, struct worker *worker, struct process *p,
                    struct relation *r, const struct orphan *born, etf_term who)
{
    bool wanted = r->has.asked->reply_ok;
    struct envelope *m = wanted ? news(worker, r, true, who) : NULL;

    if ((wanted && m == NULL) || !tie(rt, worker, p, r, born, who)) {
        kill_orphan(born);
        if (m != NULL)
            rt__envelope_free(rt, worker, m);
        tell_error(rt, worker, p, r, etf_atom("system_limit"));
        return;
    }
    remove_ask(rt, worker, p, r);
    if (m != NULL)
        rt__queue_add(p, m);
}

/* Tells who waits, on its stack. */
static void done(struct process *p, struct relation *r, struct envelope *m)
{
    r->has.asked->answer = m;
    r->flags |= RELATION_DONE;
    p->relations->done++;
}

/* The request has its outcome: `m`, whose process was `born` if ok. */
static void conclude(struct rt *rt, struct worker *worker, struct process *p,
                     struct relation *r, bool ok, const struct orphan *born,
                     struct envelope *m)
{
    etf_term what = etf_tuple_items(m->term)[1];

    switch (r->has.asked->fate) {
    case FATE_ABANDONED:
        if (ok)
            untie(born, etf_atom("abandoned"));
        break;
    case FATE_KILL:
        if (ok)
            kill_orphan(born);
        break;
    case FATE_WAIT:
        if (ok && ((r->flags & RELATION_DONE) != 0 || /* lost before */
                   !tie(rt, worker, p, r, born, what))) {
            kill_orphan(born);
            what = etf_atom("system_limit");
        }
        if ((r->flags & RELATION_DONE) != 0) {
            rt__envelope_free(rt, worker, m);
            return;
        }
        m->term = what;
        done(p, r, m);
        return;
    case FATE_MESSAGE:
        if (ok)
            tell_ok(rt, worker, p, r, born, what);
        else
            tell_error(rt, worker, p, r, what);
        rt__envelope_free(rt, worker, m);
        return;
    }
    remove_ask(rt, worker, p, r);
    rt__envelope_free(rt, worker, m);
}

void rt__spawn_replied(struct rt *rt, struct worker *worker, struct process *p,
                       struct envelope *m)
{
    struct relation *r = rt__find_id(p, RELATION_SPAWN, m->id);
    struct orphan born;
    bool ok = read_reply(rt, rt__pid_word(p), m, &born);

    if (r != NULL) {
        conclude(rt, worker, p, r, ok, &born, m);
        return;
    }
    if (ok)
        kill_orphan(&born); /* we were told that there is none */
    rt__envelope_free(rt, worker, m);
}

void rt__spawn_lost(struct rt *rt, struct worker *worker, struct process *p,
                    struct relation *r)
{
    const struct spawn_asked *asked = r->has.asked;

    if (asked->fate == FATE_WAIT) {
        if ((r->flags & RELATION_DONE) == 0)
            done(p, r, NULL);
    } else if (asked->fate == FATE_MESSAGE && asked->reply_error) {
        tell_lost(p, r);
    } else {
        remove_ask(rt, worker, p, r);
    }
}

/* ---- The request
 * ----------------------------------------------------------------------------
 */

static const struct rt_remote_spawn_options no_options;

/* The options as they travel: those of the struct, and the others but what is
 * for us alone. ETF_NONE: no memory. */
static etf_term options_of(struct gen *self,
                           const struct rt_remote_spawn_options *o,
                           const struct spawn_wish *wish)
{
    etf_term rest = o->further, option, list = etf_nil();

    while (!etf_is_none(rest) && etf_list_next(&rest, &option)) {
        if (rt__spawn_option_stays(option) || etf_same(option, ETF_A(link)) ||
            etf_same(option, ETF_A(monitor)) ||
            etf_is_tagged(option, ETF_A(monitor), 2))
            continue;
        list = etf_cons(&self->scratch, option, list);
    }
    if (!etf_is_none(o->name))
        list = etf_cons(&self->scratch, etf_make(self, "{name, _}", o->name),
                        list);
    if (wish->monitor)
        list = etf_cons(&self->scratch, ETF_A(monitor), list);
    if (wish->link)
        list = etf_cons(&self->scratch, ETF_A(link), list);
    return list;
}

/* What is asked for, from both forms of options. */
static bool read_wish(const struct rt_remote_spawn_options *o,
                      struct spawn_wish *wish)
{
    if (!rt__spawn_wish(etf_is_none(o->further) ? etf_nil() : o->further, wish))
        return false;
    if (!etf_is_none(o->name) && !etf_is_atom(o->name))
        return false;
    wish->link = wish->link || o->link;
    wish->monitor = wish->monitor || o->monitor;
    if (o->monitor_alias)
        wish->alias = RELATION_IS_ALIAS;
    return true;
}

static struct spawn_asked *asked_new(struct gen *self,
                                     const struct spawn_wish *wish,
                                     enum fate fate, etf_ref ref)
{
    struct spawn_asked *asked = calloc(1, sizeof *asked);
    etf_term tag = etf_is_none(wish->reply_tag) ? etf_atom("spawn_reply")
                                                : wish->reply_tag;

    if (asked == NULL)
        return NULL;
    asked->fate = fate;
    asked->alias = wish->alias;
    asked->alias_explicit = wish->alias_explicit;
    asked->reply_ok = wish->reply_ok;
    asked->reply_error = wish->reply_error;
    asked->message =
        etf_box_new(etf_make(self, "{_, _, error, noconnection}", tag, ref));
    if (!etf_is_none(wish->monitor_tag))
        asked->tag = etf_box_new(wish->monitor_tag);
    if (asked->message != NULL &&
        (asked->tag != NULL || etf_is_none(wish->monitor_tag)))
        return asked;
    rt__spawn_asked_free(self->rt, self->worker, asked);
    return NULL;
}

/* The entry in our table; NULL: no memory. */
static struct relation *enter(struct gen *self, etf_term node, bool local,
                              uint64_t id, const struct spawn_wish *wish,
                              enum fate fate)
{
    struct process *p = self->process;
    struct relation *r =
        rt__relation_new(self->rt, self->worker, RELATION_SPAWN, ETF_NONE, id);

    if (r == NULL)
        return NULL;
    r->has.asked = asked_new(self, wish, fate, rt__ref(id, p->slot));
    r->node = node;
    if (!local)
        r->flags |= RELATION_NODE;
    if (r->has.asked != NULL &&
        (local ||
         rt__remote_join(self->rt, node, rt__pid_word(p), r) == AGNER_OK) &&
        rt__relation_add(p, r))
        return r;
    rt__relation_free(self->rt, self->worker, r);
    return NULL;
}

/* AGNER_OK too when the connection was lost meanwhile: the outcome is there. */
static enum agner_err send(struct gen *self, const struct rt_signal *s,
                           bool local, uint64_t era)
{
    enum agner_err err;

    if (local)
        return rt__spawn_serve(self->rt, self->worker, s);
    err = rt__carry(self->rt, self, s); /* may wait: the entry may be gone */
    if (err != AGNER_OK && rt__remote_lost(self->rt, s->node, era))
        err = AGNER_OK;
    return err;
}

struct question {
    etf_term node, module, function, args;
    const struct rt_remote_spawn_options *options;
};

static enum agner_err check(const struct question *q)
{
    int64_t arity = etf_list_size(q->args);

    if (etf__tag(q->node) != ETF__ATOM || !etf_is_atom(q->module) ||
        !etf_is_atom(q->function) || arity < 0 || arity > ARITY_MAX)
        return AGNER_EINVAL;
    return AGNER_OK;
}

/* {{Module, Function, Arity}, Leader, Options} */
static etf_term call_of(struct gen *self, const struct question *q,
                        const struct spawn_wish *wish)
{
    etf_pid leader = q->options->group_leader != NULL
                         ? *q->options->group_leader
                         : rt_group_leader(self);

    return etf_make(self, "{{_, _, _}, _, _}", q->module, q->function,
                    (int64_t)etf_list_size(q->args), leader,
                    options_of(self, q->options, wish));
}

/* Sends the request: *id is its number from then on. What the carrier says
 * against it is the result, and the entry is gone. */
static enum agner_err ask(struct gen *self, const struct question *q,
                          enum fate fate, uint64_t *id)
{
    struct rt_signal s = { .kind = RT_SIGNAL_SPAWN_REQUEST, .node = q->node };
    bool local = etf_same(q->node, rt__node_name(self->rt));
    struct spawn_wish wish;
    struct relation *r;
    enum agner_err err = check(q);

    if (err != AGNER_OK)
        return err;
    if (!read_wish(q->options, &wish))
        return AGNER_EINVAL;
    *id = rt__ref_next(self->rt, self->worker);
    if (fate == FATE_WAIT)
        *id |= WAITED;
    s.from = rt_self(self);
    s.ref = rt__ref(*id, self->process->slot);
    s.call = call_of(self, q, &wish);
    s.payload = q->args;
    r = etf_is_none(s.call) ? NULL
                            : enter(self, q->node, local, *id, &wish, fate);
    if (r == NULL)
        return AGNER_ENOMEM;
    err = send(self, &s, local, r->era);
    if (err == AGNER_OK)
        return AGNER_OK;
    r = rt__find_id(self->process, RELATION_SPAWN, *id);
    if (r == NULL)
        return AGNER_OK;
    if (fate == FATE_MESSAGE &&
        (err == AGNER_ENOCONN || err == AGNER_ENOTSUP)) {
        tell_error(self->rt, self->worker, self->process, r,
                   err == AGNER_ENOCONN ? ETF_A(noconnection)
                                        : etf_atom("notsup"));
        return AGNER_OK;
    }
    remove_ask(self->rt, self->worker, self->process, r);
    return err;
}

static enum agner_err begin(struct gen *self, struct question *q)
{
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (q->options == NULL)
        q->options = &no_options;
    if (err == AGNER_OK && etf_is_none(q->args))
        err = AGNER_ENOMEM;
    return err;
}

enum agner_err rt_spawn_request(struct gen *self, etf_term node,
                                etf_term module, etf_term function,
                                etf_term args,
                                const struct rt_remote_spawn_options *options,
                                etf_ref *id)
{
    struct question q = { node, module, function, args, options };
    uint64_t number;
    enum agner_err err = begin(self, &q);

    if (err == AGNER_OK)
        err = ask(self, &q, FATE_MESSAGE, &number);
    if (err != AGNER_OK)
        return err;
    *id = rt__ref(number, self->process->slot);
    if (q.options->monitor_ref != NULL)
        *q.options->monitor_ref = *id;
    return AGNER_OK;
}

enum agner_err rt_spawn_abandon(struct gen *self, etf_ref id)
{
    struct relation *r = NULL;
    uint64_t number;
    uint32_t slot;

    rt__spend(self);
    rt__take(self->rt, self->worker, self->process);
    if (rt__ref_local(&id, &number, &slot) && slot == self->process->slot)
        r = rt__find_id(self->process, RELATION_SPAWN, number);
    if (r == NULL || r->has.asked->fate != FATE_MESSAGE)
        return AGNER_ENOREF;
    r->has.asked->fate = FATE_ABANDONED;
    return AGNER_OK;
}

/* ---- Waiting
 * ----------------------------------------------------------------------------
 */

/* Waits for the outcome: the entry, DONE; or the error that ended the wait. */
static enum agner_err wait_for(struct gen *self, uint64_t id,
                               uint64_t timeout_ms, struct relation **r)
{
    uint64_t end_ms = rt_now_ms(self->rt) + timeout_ms;
    enum agner_err err = AGNER_OK;

    if (timeout_ms == RT_INFINITY || end_ms < timeout_ms)
        end_ms = RT_INFINITY;
    for (;;) {
        uint64_t now_ms = rt_now_ms(self->rt);

        rt__take(self->rt, self->worker, self->process);
        *r = rt__find_id(self->process, RELATION_SPAWN, id);
        if (((*r)->flags & RELATION_DONE) != 0)
            return AGNER_OK;
        if (err != AGNER_OK)
            return err;
        rt__wait_begin(self, WAIT_REQUEST,
                       end_ms == RT_INFINITY ? RT_INFINITY
                       : end_ms > now_ms     ? end_ms - now_ms
                                             : 0);
        self->wait.id = self->process->relations->done;
        err = rt__block(self);
    }
}

static enum agner_err error_of(etf_term reason)
{
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENOCONN;
    if (etf_atom_is(reason, "notsup"))
        return AGNER_ENOTSUP;
    if (etf_atom_is(reason, "taken") ||
        etf_atom_is(reason, "Resource is taken")) /* spec/gen.md 1.15 */
        return AGNER_ETAKEN;
    if (etf_atom_is(reason, "badopt") || etf_same(reason, ETF_A(badarg)))
        return AGNER_EINVAL;
    if (etf_atom_is(reason, "system_limit"))
        return AGNER_ELIMIT;
    return AGNER_EEXIT;
}

/* Takes the outcome: the pid, or why there is none. */
static enum agner_err collect(struct gen *self, struct relation *r,
                              etf_pid *pid, etf_term *reason)
{
    struct envelope *m = r->has.asked->answer;
    etf_term what = m == NULL ? ETF_A(noconnection) : m->term;
    etf_pid born;

    r->has.asked->answer = NULL;
    remove_ask(self->rt, self->worker, self->process, r);
    if (m != NULL) { /* `what` is in it, until the region's reset */
        m->next = self->held;
        self->held = m;
    }
    if (etf_get_pid(what, &born)) {
        if (pid != NULL)
            *pid = born;
        return AGNER_OK;
    }
    if (reason != NULL)
        *reason = what;
    return error_of(what);
}

enum agner_err rt_spawn_node(struct gen *self, etf_term node, etf_term module,
                             etf_term function, etf_term args,
                             const struct rt_remote_spawn_options *options,
                             etf_pid *pid, etf_term *reason)
{
    struct question q = { node, module, function, args, options };
    struct relation *r;
    uint64_t id;
    enum agner_err err = begin(self, &q);

    if (reason != NULL)
        *reason = ETF_NONE;
    if (err == AGNER_OK)
        err = ask(self, &q, FATE_WAIT, &id);
    if (err != AGNER_OK)
        return err;
    if (q.options->monitor_ref != NULL)
        *q.options->monitor_ref = rt__ref(id, self->process->slot);
    err = wait_for(
        self, id,
        q.options->timeout_ms == 0 ? TIMEOUT_MS : q.options->timeout_ms, &r);
    if (err == AGNER_OK)
        return collect(self, r, pid, reason);
    r->has.asked->fate = FATE_KILL;
    return err;
}
