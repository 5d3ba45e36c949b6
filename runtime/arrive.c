/*
 * arrive.c -- signals from other nodes, as if their senders were local.
 *
 * Each becomes the envelope that a local sender would have pushed. What reaches
 * nobody is answered or dropped as the distribution protocol says
 * (spec/distribution.md 6). Never waits: the node's I/O runs here.
 */
#include <stdlib.h>
#include <string.h>

#include "relation.h"
#include "rights.h"
#include "spawn_remote.h"
#include "worker.h"

/* A local target as the peer wrote it: its pid word, or NONE when it is of an
 * earlier life of this node. */
static etf_term local_word(const etf_pid *pid)
{
    if (!etf_pid_is_local(*pid) || pid->id > 0x0fffffffu)
        return ETF_NONE;
    return rt__word_of(*pid);
}

static struct envelope *message_of(const struct rt_signal *s)
{
    if (s->box != NULL)
        return rt__envelope_box(NULL, ENVELOPE_MESSAGE, s->box);
    return rt__envelope_new(NULL, ENVELOPE_MESSAGE, s->payload);
}

/*
 * Is this {[alias | Ref], Reply}, sent to the pid that Ref belongs to? Some
 * servers of OTP answer so (net_kernel, from a helper), and not through the
 * alias: it is the same answer.
 */
static bool is_answer(const struct rt_signal *s, uint64_t *id, uint32_t *slot)
{
    const etf_term *items = etf_tuple_items(s->payload);
    etf_term tag, head;
    etf_ref ref;

    if (etf_tuple_size(s->payload) != 2)
        return false;
    tag = items[0];
    return etf_list_next(&tag, &head) && etf_same(head, ETF_A(alias)) &&
           etf_get_ref(tag, &ref) && rt__ref_local(&ref, id, slot) &&
           *slot == s->to.id;
}

/* The process behind a pid's word, of whatever life; NULL: none. */
static const struct process *process_of(struct rt *rt, etf_term word)
{
    etf_pid pid;

    return etf_get_pid(word, &pid) ? rt__slot(rt, pid.id) : NULL;
}

/* The message as a process gets it that wants to know who sends. */
static enum agner_err arrive_told(struct rt *rt, struct worker *w, etf_term to,
                                  const struct rt_signal *s)
{
    uint64_t words[16];
    struct etf_region r;
    etf_term told;
    struct envelope *m = NULL;

    etf__region_init(&r, words, 16, 0);
    told = rt__permit_wrap(&r, s);
    if (!etf_is_none(told))
        m = rt__envelope_new(NULL, ENVELOPE_MESSAGE, told);
    etf__region_fini(&r);
    etf_box_free(s->box);
    if (m == NULL) {
        rt__count_drop(rt, w, RT_DROP_MEMORY);
        return AGNER_ENOMEM;
    }
    (void)rt__post_local(rt, NULL, w, to, m, RT_SEND_NOSUSPEND);
    return AGNER_OK; /* what was dropped is counted */
}

/* A message of a node that may not do everything; `p`: whose answer it is.
 * True: it goes the usual way. */
static bool admit(struct rt *rt, struct worker *w, const struct rt_signal *s,
                  const struct process *p, etf_term to, enum agner_err *err)
{
    struct verdict v =
        rt__permit(rt, s, p != NULL ? p : process_of(rt, to), p != NULL);

    *err = AGNER_OK;
    if (v.lacks != 0) {
        rt__permit_refuse(rt, s, v.lacks);
        etf_box_free(s->box);
    } else if (v.tell) {
        *err = arrive_told(rt, w, to, s);
    }
    return v.lacks == 0 && !v.tell;
}

static enum agner_err arrive_message(struct rt *rt, struct worker *w,
                                     const struct rt_signal *s)
{
    struct envelope *m;
    etf_term to = local_word(&s->to);
    struct process *p = NULL;
    uint64_t id = 0, word;
    uint32_t slot = 0;
    enum rt_drop drop = RT_DROP_NOPROC;
    enum agner_err err;

    if (s->kind == RT_SIGNAL_SEND_NAME) {
        word = rt__name_find(rt, s->name);
        to = etf__word(word);
        drop = RT_DROP_NONAME;
    } else if (s->kind == RT_SIGNAL_SEND_ALIAS) {
        drop = RT_DROP_NOALIAS;
        if (rt__ref_local(&s->ref, &id, &slot))
            p = rt__slot(rt, slot);
    } else if (!etf_is_none(to) && is_answer(s, &id, &slot)) {
        p = rt__slot(rt, slot);
    }
    if (s->denied != 0 && !admit(rt, w, s, p, to, &err))
        return err;
    if (p == NULL && etf_is_none(to)) {
        rt__count_drop(rt, w, drop);
        etf_box_free(s->box);
        return AGNER_OK;
    }
    m = message_of(s);
    if (m == NULL) {
        rt__count_drop(rt, w, RT_DROP_MEMORY);
        etf_box_free(s->box);
        return AGNER_ENOMEM;
    }
    if (p == NULL) {
        (void)rt__post_local(rt, NULL, w, to, m, RT_SEND_NOSUSPEND);
        return AGNER_OK; /* what was dropped is counted */
    }
    m->kind = ENVELOPE_ALIAS;
    m->id = id;
    if (rt__push_to(rt, w, p, m) != AGNER_OK) {
        rt__count_drop(rt, w, drop);
        rt__envelope_free(rt, w, m);
    }
    return AGNER_OK;
}

/* Answers what reached nobody. */
static void answer(struct rt *rt, const struct rt_signal *s,
                   enum rt_signal_kind kind, etf_term reason)
{
    struct rt_signal a = { .kind = kind, .flags = RT_SEND_NOCONNECT };

    a.node = s->node;
    a.from = s->to;
    a.to = s->from;
    a.name = s->name;
    a.ref = s->ref;
    a.id = s->id;
    a.payload = reason;
    (void)rt__carry(rt, NULL, &a); /* lost with the connection */
}

static struct relation *far_relation(struct rt *rt, struct worker *w,
                                     const struct rt_signal *s,
                                     enum relation_kind kind, uint64_t id)
{
    uint64_t words[8];
    struct etf_region r;
    struct relation *relation;

    etf__region_init(&r, words, 8, 0);
    relation = rt__relation_new(rt, w, kind, etf_from_pid(&r, s->from), id);
    etf__region_fini(&r);
    if (relation == NULL)
        return NULL;
    relation->node = s->node;
    relation->flags |= RELATION_NODE;
    relation->envelope.sender = relation->who;
    return relation;
}

/* What whoever asked for a link or a monitor hears. */
static etf_term why_not(enum agner_err err)
{
    return err == AGNER_ELIMIT ? etf_atom("system_limit") : ETF_A(noproc);
}

static enum agner_err arrive_link(struct rt *rt, struct worker *w,
                                  const struct rt_signal *s)
{
    etf_term to = local_word(&s->to);
    struct relation *r = far_relation(rt, w, s, RELATION_LINK, 0);
    enum agner_err err = AGNER_ENOPROC;

    if (r == NULL)
        return AGNER_ENOMEM;
    r->envelope.kind = ENVELOPE_LINK;
    if (!etf_is_none(to))
        err = rt__remote_share(rt, s->node, r);
    if (err == AGNER_OK && rt__remote_join(rt, s->node, to, r) == AGNER_OK &&
        rt__push(rt, w, to, &r->envelope) == AGNER_OK)
        return AGNER_OK;
    rt__relation_free(rt, w, r);
    answer(rt, s, RT_SIGNAL_EXIT, why_not(err));
    return AGNER_OK;
}

static enum agner_err arrive_monitor(struct rt *rt, struct worker *w,
                                     const struct rt_signal *s)
{
    etf_term to = local_word(&s->to);
    struct relation *r;
    enum agner_err err;
    bool ok;

    if (!etf_is_none(s->name))
        to = etf__word(rt__name_find(rt, s->name));
    if (etf_is_none(to)) {
        answer(rt, s, RT_SIGNAL_DOWN, ETF_A(noproc));
        return AGNER_OK;
    }
    r = far_relation(rt, w, s, RELATION_WATCHER, rt__ref_key(&s->ref));
    if (r == NULL)
        return AGNER_ENOMEM;
    r->envelope.kind = ENVELOPE_MONITOR;
    r->ref = s->ref;
    r->name = s->name;
    err = rt__remote_share(rt, s->node, r);
    ok = err == AGNER_OK && rt__remote_join(rt, s->node, to, r) == AGNER_OK &&
         (etf_is_none(s->name) || rt__named_add(rt, s->node, &s->ref, to));
    if (ok && rt__push(rt, w, to, &r->envelope) == AGNER_OK)
        return AGNER_OK;
    if (ok && !etf_is_none(s->name))
        rt__named_end(rt, s->node, &s->ref, NULL);
    rt__relation_free(rt, w, r);
    answer(rt, s, RT_SIGNAL_DOWN, why_not(err));
    return AGNER_OK;
}

/* A signal that carries the far sender and perhaps a term. */
static struct envelope *far_envelope(struct worker *w,
                                     const struct rt_signal *s,
                                     enum envelope_kind kind, etf_term term)
{
    uint64_t words[8];
    struct etf_region r;
    struct envelope *m;

    etf__region_init(&r, words, 8, 0);
    m = rt__envelope_from(w, kind, etf_from_pid(&r, s->from), term);
    etf__region_fini(&r);
    if (m != NULL)
        m->id = s->id;
    return m;
}

static enum agner_err arrive_demonitor(struct rt *rt, struct worker *w,
                                       const struct rt_signal *s)
{
    uint64_t words[8];
    struct etf_region r;
    struct envelope *m;
    etf_term to = local_word(&s->to);

    if (!etf_is_none(s->name))
        rt__named_end(rt, s->node, &s->ref, &to);
    if (etf_is_none(to))
        return AGNER_OK;
    etf__region_init(&r, words, 8, 0);
    m = far_envelope(w, s, ENVELOPE_DEMONITOR, etf_from_ref(&r, s->ref));
    etf__region_fini(&r);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->id = rt__ref_key(&s->ref);
    rt__push_or_drop(rt, w, to, m);
    return AGNER_OK;
}

static enum agner_err arrive_down(struct rt *rt, struct worker *w,
                                  const struct rt_signal *s)
{
    struct envelope *m;
    struct process *p;
    uint64_t id;
    uint32_t slot;

    if (!rt__ref_local(&s->ref, &id, &slot))
        return AGNER_OK; /* never ours: ignored, as OTP does */
    p = rt__slot(rt, slot);
    if (p == NULL)
        return AGNER_OK;
    m = rt__envelope_new(NULL, ENVELOPE_DOWN, s->payload);
    if (m == NULL)
        m = rt__envelope_new(NULL, ENVELOPE_DOWN, ETF_A(killed));
    if (m == NULL)
        return AGNER_ENOMEM;
    m->id = id;
    if (rt__push_to(rt, w, p, m) != AGNER_OK)
        rt__envelope_free(rt, w, m);
    return AGNER_OK;
}

static enum agner_err arrive_spawn_reply(struct rt *rt, struct worker *w,
                                         const struct rt_signal *s)
{
    etf_term to = local_word(&s->to), what = s->payload;
    struct envelope *m;
    uint64_t id;
    uint32_t slot;
    etf_pid pid;

    if (etf_is_none(to) || !rt__ref_local(&s->ref, &id, &slot))
        return AGNER_OK; /* never ours: ignored */
    if (etf_get_pid(what, &pid) && !etf_pid_is_local(pid) &&
        !etf_same(pid.node, s->node))
        what = ETF_A(badarg); /* no process of who answers */
    m = rt__spawn_reply_envelope(w, id, s->id, what);
    if (m == NULL)
        return AGNER_ENOMEM;
    if (rt__push(rt, w, to, m) == AGNER_OK)
        return AGNER_OK;
    rt__spawn_late(rt, to, m);
    rt__envelope_free(rt, w, m);
    return AGNER_OK;
}

static enum agner_err arrive_other(struct rt *rt, struct worker *w,
                                   const struct rt_signal *s,
                                   enum envelope_kind kind)
{
    etf_term to = local_word(&s->to);
    bool exits = kind == ENVELOPE_EXIT || kind == ENVELOPE_EXIT2;
    struct envelope *m;

    if (etf_is_none(to)) {
        if (kind == ENVELOPE_UNLINK)
            answer(rt, s, RT_SIGNAL_UNLINK_ACK, ETF_NONE);
        return AGNER_OK;
    }
    m = far_envelope(w, s, kind, exits ? s->payload : ETF_NONE);
    if (m == NULL && exits)
        m = far_envelope(w, s, kind, ETF_A(killed));
    if (m == NULL)
        return AGNER_ENOMEM;
    if (rt__push(rt, w, to, m) == AGNER_OK)
        return AGNER_OK;
    rt__envelope_free(rt, w, m);
    if (kind == ENVELOPE_UNLINK)
        answer(rt, s, RT_SIGNAL_UNLINK_ACK, ETF_NONE);
    return AGNER_OK;
}

/* exit/2 to a pid, to a name, or through an alias. */
static enum agner_err arrive_exit2(struct rt *rt, struct worker *w,
                                   const struct rt_signal *s)
{
    struct rt_signal named = *s;
    struct envelope *m;
    struct process *p;
    uint64_t id;
    uint32_t slot;

    if (!etf_is_none(s->name)) {
        if (!etf_get_pid(etf__word(rt__name_find(rt, s->name)), &named.to))
            return AGNER_OK; /* nobody has it */
        return arrive_other(rt, w, &named, ENVELOPE_EXIT2);
    }
    if (s->ref.count == 0)
        return arrive_other(rt, w, s, ENVELOPE_EXIT2);
    if (!rt__ref_local(&s->ref, &id, &slot))
        return AGNER_OK;
    p = rt__slot(rt, slot);
    if (p == NULL)
        return AGNER_OK;
    m = far_envelope(w, s, ENVELOPE_EXIT2_ALIAS, s->payload);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->id = id;
    if (rt__push_to(rt, w, p, m) != AGNER_OK)
        rt__envelope_free(rt, w, m);
    return AGNER_OK;
}

/* Whom a signal is for, if it can be said before it arrives. */
static const struct process *target_of(struct rt *rt, const struct rt_signal *s)
{
    uint64_t id;
    uint32_t slot;

    if (!etf_is_none(s->name))
        return process_of(rt, etf__word(rt__name_find(rt, s->name)));
    if (s->ref.count > 0 && s->kind == RT_SIGNAL_EXIT2)
        return rt__ref_local(&s->ref, &id, &slot) ? rt__slot(rt, slot) : NULL;
    return process_of(rt, local_word(&s->to));
}

/* A signal that is no message, of a node that may not do everything. What is
 * refused is answered as if nobody were there. */
static bool is_permitted(struct rt *rt, const struct rt_signal *s)
{
    struct verdict v = rt__permit(rt, s, target_of(rt, s), false);

    if (v.lacks == 0)
        return true;
    rt__permit_refuse(rt, s, v.lacks);
    if (s->kind == RT_SIGNAL_LINK)
        answer(rt, s, RT_SIGNAL_EXIT, ETF_A(noproc));
    else if (s->kind == RT_SIGNAL_MONITOR)
        answer(rt, s, RT_SIGNAL_DOWN, ETF_A(noproc));
    return false;
}

static enum agner_err arrive(struct rt *rt, struct worker *w,
                             const struct rt_signal *s)
{
    if (s->denied != 0 && !is_permitted(rt, s))
        return AGNER_OK;
    switch (s->kind) {
    case RT_SIGNAL_SEND:
    case RT_SIGNAL_SEND_NAME:
    case RT_SIGNAL_SEND_ALIAS:
        break;
    case RT_SIGNAL_LINK:
        return arrive_link(rt, w, s);
    case RT_SIGNAL_UNLINK:
        return arrive_other(rt, w, s, ENVELOPE_UNLINK);
    case RT_SIGNAL_UNLINK_ACK:
        return arrive_other(rt, w, s, ENVELOPE_UNLINK_ACK);
    case RT_SIGNAL_EXIT:
        return arrive_other(rt, w, s, ENVELOPE_EXIT);
    case RT_SIGNAL_EXIT2:
        return arrive_exit2(rt, w, s);
    case RT_SIGNAL_MONITOR:
        return arrive_monitor(rt, w, s);
    case RT_SIGNAL_DEMONITOR:
        return arrive_demonitor(rt, w, s);
    case RT_SIGNAL_DOWN:
        return arrive_down(rt, w, s);
    case RT_SIGNAL_GROUP_LEADER:
        return arrive_other(rt, w, s, ENVELOPE_GROUP_LEADER);
    case RT_SIGNAL_SPAWN_REQUEST:
        return rt__spawn_serve(rt, w, s);
    case RT_SIGNAL_SPAWN_REPLY:
        return arrive_spawn_reply(rt, w, s);
    }
    return AGNER_EINVAL;
}

enum agner_err rt__arrive(struct rt *rt, const struct rt_signal *s)
{
    struct worker *w = rt__poller_here(rt);
    enum agner_err err;

    if (s->kind == RT_SIGNAL_SEND || s->kind == RT_SIGNAL_SEND_NAME ||
        s->kind == RT_SIGNAL_SEND_ALIAS)
        return arrive_message(rt, w, s);
    err = arrive(rt, w, s);
    etf_box_free(s->box);
    return err;
}
