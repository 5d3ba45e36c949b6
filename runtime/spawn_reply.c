/*
 * spawn_reply.c -- what becomes of a spawn request: its one outcome.
 *
 * A request stands in the table of who asks as a RELATION_SPAWN until the
 * reply, the loss of the connection, or the end of the process. What tells of a
 * loss was made beforehand, so that it needs no memory. A reply makes the link
 * and the monitor, and then is told.
 *
 * A process whose requester has given up, or was told otherwise meanwhile, must
 * not live on as if it were wanted: whoever sees such a reply sends it off.
 */
#include <stdlib.h>

#include "spawn_remote.h"
#include "worker.h"

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
    if ((m->id & SPAWN_WAITED) != 0)
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

void rt__spawn_failed(struct rt *rt, struct worker *worker, struct process *p,
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
        rt__spawn_failed(rt, worker, p, r, etf_atom("system_limit"));
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
            rt__spawn_failed(rt, worker, p, r, what);
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
