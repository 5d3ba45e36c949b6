/*
 * spawn_ask.c -- asking a node for a process.
 *
 * The entry in the table of who asks is there before the request is sent, and
 * has all that its outcome will need (spawn_reply.c).
 */
#include <stdlib.h>

#include "spawn_remote.h"
#include "worker.h"

#define TIMEOUT_MS 5000u
#define ARITY_MAX  255

static void remove_ask(struct gen *self, struct relation *r)
{
    rt__relation_remove(self->process, r);
    rt__relation_free(self->rt, self->worker, r);
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
                                     enum spawn_fate fate, etf_ref ref)
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
                              enum spawn_fate fate)
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
                          enum spawn_fate fate, uint64_t *id)
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
        *id |= SPAWN_WAITED;
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
        rt__spawn_failed(self->rt, self->worker, self->process, r,
                         err == AGNER_ENOCONN ? ETF_A(noconnection)
                                              : etf_atom("notsup"));
        return AGNER_OK;
    }
    remove_ask(self, r);
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
        store_relaxed(&self->wait.callee, 0u); /* it has no pid yet */
        store_relaxed(&self->wait.far_node, 0u);
        store_relaxed(&self->wait.site, (uintptr_t)0);
        err = rt__block(self);
    }
}

static enum agner_err error_of(etf_term reason)
{
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENOCONN;
    if (etf_atom_is(reason, "not_allowed"))
        return AGNER_ENOTALLOWED;
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
    remove_ask(self, r);
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
