/*
 * call.c -- calls: one envelope there, one back.
 *
 * A local call pushes ENVELOPE_CALL and waits for the REPLY with its number, or
 * for FAIL, which the callee's end sends: for a call that waits in its mailbox,
 * for the one that it is handling, and for those that it keeps to answer later
 * (run.c, keep_call). So a call has exactly one outcome, and what comes later
 * finds no wait with its number and is dropped (G23).
 *
 * A call to another node is what OTP makes it: a monitor whose reference is the
 * alias for the answer. It stands in the caller's table as a RELATION_REQUEST,
 * as do requests that are not waited for at once.
 */
#include <string.h>

#include "from.h"
#include "relation.h"
#include "worker.h"

/* ---- Outcomes
 * -------------------------------------------------------------------- */

static enum agner_err why_failed(etf_term reason)
{
    if (etf_same(reason, ETF_A(noproc)))
        return AGNER_ENOPROC;
    if (etf_same(reason, ETF_A(noconnection)))
        return AGNER_ENODEDOWN;
    if (etf_same(reason, ETF_A(mailbox_full)))
        return AGNER_EMAILBOXFULL;
    return AGNER_EEXIT;
}

/* Hands an answer to the caller's code: its memory joins the region's. NULL:
 * the connection was lost. */
static enum agner_err outcome(struct gen *self, struct envelope *m,
                              etf_term *reply)
{
    etf_term term = m == NULL ? ETF_A(noconnection) : m->term;

    if (reply != NULL)
        *reply = term;
    if (m == NULL)
        return AGNER_ENODEDOWN;
    m->next = self->held;
    self->held = m;
    return m->kind == ENVELOPE_REPLY ? AGNER_OK : why_failed(term);
}

/* ---- A local call
 * --------------------------------------------------------------------- */

/* The callee need not answer any more. */
static void give_up(struct gen *self, etf_term callee, uint64_t id)
{
    struct envelope *m =
        rt__envelope_new(self->worker, ENVELOPE_DEMONITOR, ETF_NONE);

    if (m == NULL)
        return; /* then its entry stays until its end: harmless */
    m->sender = rt__pid_word(self->process);
    m->id = id;
    rt__push_or_drop(self->rt, self->worker, callee, m);
}

static enum agner_err call_local(struct gen *self, etf_term to,
                                 etf_term request, uint64_t timeout_ms,
                                 etf_term *reply)
{
    struct envelope *m;
    uint64_t id;
    enum agner_err err;

    if (etf_same(to, rt__pid_word(self->process))) {
        if (reply != NULL)
            *reply = ETF_A(calling_self);
        return AGNER_ECALLSELF;
    }
    m = rt__envelope_new(self->worker, ENVELOPE_CALL, request);
    if (m == NULL)
        return AGNER_ENOMEM;
    rt__count_sent(self->process);
    id = rt__ref_next(self->rt, self->worker);
    m->sender = rt__pid_word(self->process);
    m->id = id;
    err = rt__post_local(self->rt, self, self->worker, to, m, 0);
    if (err != AGNER_OK) {
        if (reply != NULL && err == AGNER_ENOPROC)
            *reply = ETF_A(noproc);
        return err;
    }
    rt__wait_begin(self, WAIT_CALL, timeout_ms);
    self->wait.id = id;
    store_relaxed(&self->wait.callee, to.word);
    err = rt__block(self);
    if (err == AGNER_OK)
        return outcome(self, self->wait.answer, reply);
    give_up(self, to, id);
    return err;
}

/* ---- Requests
 * ------------------------------------------------------------------------------
 */

static void remove_request(struct gen *self, struct relation *r)
{
    rt__relation_remove(self->process, r);
    rt__relation_free(self->rt, self->worker, r);
}

static void demonitor_far(struct gen *self, const struct relation *r)
{
    struct rt_signal s = { .kind = RT_SIGNAL_DEMONITOR,
                           .flags = RT_SEND_NOCONNECT };

    s.node = r->node;
    s.from = rt_self(self);
    s.name = r->name;
    s.ref = rt__ref(r->envelope.id, self->process->slot);
    if (etf_is_none(s.name))
        (void)etf_get_pid(r->who, &s.to);
    (void)rt__carry(self->rt, NULL, &s); /* or it is gone anyway */
}

/* Sends the monitor and the message of a call to another node. */
static enum agner_err send_far(struct gen *self, const struct rt_target *t,
                               const struct relation *r, etf_term request)
{
    struct rt_signal s = { .kind = RT_SIGNAL_MONITOR, .node = t->node };
    etf_ref ref = rt__ref(r->envelope.id, self->process->slot);
    etf_pid me = rt_self(self);
    etf_term message;
    enum agner_err err;

    s.from = me;
    s.to = t->remote;
    s.name = t->name;
    s.ref = ref;
    err = rt__carry(self->rt, self, &s);
    if (err != AGNER_OK)
        return err;
    message =
        etf_make(self, "{'$gen_call', {_, [alias | _]}, _}", me, ref, request);
    if (etf_is_none(message))
        return AGNER_ENOMEM;
    s.kind = etf_is_none(t->name) ? RT_SIGNAL_SEND : RT_SIGNAL_SEND_NAME;
    s.payload = message;
    err = rt__carry(self->rt, self, &s);
    if (err == AGNER_OK)
        return AGNER_OK;
    s.kind = RT_SIGNAL_DEMONITOR;
    s.flags = RT_SEND_NOCONNECT;
    (void)rt__carry(self->rt, NULL, &s); /* the error is told already */
    return err;
}

static enum agner_err request_far(struct gen *self, const struct rt_target *t,
                                  etf_term request, uint64_t id)
{
    struct process *p = self->process;
    struct relation *r;
    etf_term who = ETF_NONE;
    enum agner_err err;

    if (t->ref.count != 0)
        return AGNER_EINVAL; /* an alias cannot be monitored */
    if (etf_is_none(t->name))
        who = etf_from_pid(&self->scratch, t->remote);
    r = rt__relation_new(self->rt, self->worker, RELATION_REQUEST, who, id);
    if (r == NULL)
        return AGNER_ENOMEM;
    r->flags |= RELATION_NODE;
    r->node = t->node;
    r->name = t->name;
    err = rt__remote_join(self->rt, t->node, rt__pid_word(p), r);
    if (err == AGNER_OK && !rt__relation_add(p, r))
        err = AGNER_ENOMEM;
    if (err != AGNER_OK) {
        rt__relation_free(self->rt, self->worker, r);
        return err;
    }
    err = send_far(self, t, r, request);
    if (err != AGNER_OK)
        remove_request(self, r);
    else if (rt__remote_lost(self->rt, t->node, r->era))
        demonitor_far(self, r); /* its failure is on its way */
    return err;
}

static enum agner_err request_local(struct gen *self, etf_term to,
                                    etf_term request, uint64_t id)
{
    struct process *p = self->process;
    struct relation *r;
    struct envelope *m;
    enum agner_err err;

    m = rt__envelope_new(self->worker, ENVELOPE_CALL, request);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__pid_word(p);
    m->id = id;
    r = rt__relation_new(self->rt, self->worker, RELATION_REQUEST, to, id);
    if (r == NULL || !rt__relation_add(p, r)) {
        if (r != NULL)
            rt__relation_free(self->rt, self->worker, r);
        rt__envelope_free(self->rt, self->worker, m);
        return AGNER_ENOMEM;
    }
    err = rt__post_local(self->rt, self, self->worker, to, m, 0);
    if (err != AGNER_OK)
        remove_request(self, r);
    return err;
}

static enum agner_err request(struct gen *self, etf_term to, etf_term term,
                              uint64_t id)
{
    struct rt_target t;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf_is_none(term))
        return AGNER_ENOMEM;
    rt__count_sent(self->process);
    rt__target(self->rt, to, &t);
    switch (t.where) {
    case RT_WHERE_LOCAL:
        if (etf_same(t.pid, rt__pid_word(self->process)))
            return AGNER_ECALLSELF;
        return request_local(self, t.pid, term, id);
    case RT_WHERE_REMOTE:
        return request_far(self, &t, term, id);
    case RT_WHERE_ALIAS:
        return AGNER_EINVAL;
    case RT_WHERE_NONE:
        break;
    }
    return t.err == AGNER_EINCARNATION ? AGNER_ENOPROC : t.err;
}

enum agner_err rt_request_send(struct gen *self, etf_term to, etf_term term,
                               struct rt_request *id)
{
    uint64_t number = rt__ref_next(self->rt, self->worker);
    enum agner_err err = request(self, to, term, number);

    if (err == AGNER_OK)
        id->ref = rt__ref(number, self->process->slot);
    return err;
}

static struct relation *find_request(struct gen *self,
                                     const struct rt_request *id)
{
    uint64_t number;
    uint32_t slot;

    if (!rt__ref_local(&id->ref, &number, &slot) || slot != self->process->slot)
        return NULL;
    return rt__find_id(self->process, RELATION_REQUEST, number);
}

static enum agner_err collect(struct gen *self, struct relation *r,
                              etf_term *reply)
{
    struct envelope *m = r->has.answer;

    r->has.answer = NULL;
    remove_request(self, r);
    return outcome(self, m, reply);
}

/* Whom it waits for, if it is one; for those who look. */
static void show_callee(struct gen *self, const struct relation *r)
{
    struct wait *wait = &self->wait;
    etf_pid pid = { .id = 0 };

    if (r == NULL || (r->flags & RELATION_NODE) == 0) {
        store_relaxed(&wait->callee, r == NULL ? 0 : r->who.word);
        store_relaxed(&wait->far_node, 0u);
        return;
    }
    (void)etf_get_pid(r->who, &pid); /* or it has a name */
    store_relaxed(&wait->callee, 0u);
    store_relaxed(&wait->far_node, r->node.word);
    store_relaxed(&wait->far_name, r->name.word);
    store_relaxed(&wait->far_pid[0], (uint64_t)pid.serial << 32 | pid.id);
    store_relaxed(&wait->far_pid[1], (uint64_t)pid.creation);
}

/* Waits until one of them is done: *done, and *which is its index. */
static enum agner_err wait_any(struct gen *self, const struct rt_request *ids,
                               size_t count, uint64_t timeout_ms, size_t *which,
                               struct relation **done)
{
    uint64_t end_ms = rt_now_ms(self->rt) + timeout_ms;
    enum agner_err err = AGNER_OK;
    uint32_t seen;
    size_t i;

    if (timeout_ms == RT_INFINITY || end_ms < timeout_ms)
        end_ms = RT_INFINITY;
    for (;;) {
        bool any = false;

        rt__take(self->rt, self->worker, self->process);
        for (i = 0; i < count; i++) {
            struct relation *r = find_request(self, &ids[i]);

            any = any || r != NULL;
            if (r == NULL || (r->flags & RELATION_DONE) == 0)
                continue;
            if (which != NULL)
                *which = i;
            *done = r;
            return AGNER_OK;
        }
        if (!any)
            return AGNER_ENOREF;
        if (err != AGNER_OK)
            return err;
        seen = self->process->relations->done;
        rt__wait_begin(self, WAIT_REQUEST,
                       end_ms == RT_INFINITY ? RT_INFINITY
                       : end_ms > rt_now_ms(self->rt)
                           ? end_ms - rt_now_ms(self->rt)
                           : 0);
        show_callee(self, count == 1 ? find_request(self, ids) : NULL);
        self->wait.id = seen; /* answers that were here before do not count */
        err = rt__block(self);
    }
}

static enum agner_err request_wait(struct gen *self,
                                   const struct rt_request *id,
                                   uint64_t timeout_ms, etf_term *reply)
{
    struct relation *done;
    enum agner_err err = wait_any(self, id, 1, timeout_ms, NULL, &done);

    return err == AGNER_OK ? collect(self, done, reply) : err;
}

enum agner_err rt_request_wait_any(struct gen *self,
                                   const struct rt_request *ids, size_t count,
                                   uint64_t timeout_ms, size_t *which,
                                   etf_term *reply)
{
    struct relation *done;
    enum agner_err err;

    store_relaxed(&self->wait.site, (uintptr_t)__builtin_return_address(0));
    err = wait_any(self, ids, count, timeout_ms, which, &done);
    return err == AGNER_OK ? collect(self, done, reply) : err;
}

enum agner_err rt_request_ready(struct gen *self, const struct rt_request *ids,
                                size_t count, uint64_t timeout_ms,
                                size_t *which)
{
    struct relation *done;

    store_relaxed(&self->wait.site, (uintptr_t)__builtin_return_address(0));
    return wait_any(self, ids, count, timeout_ms, which, &done);
}

enum agner_err rt_request_wait(struct gen *self, const struct rt_request *id,
                               uint64_t timeout_ms, etf_term *reply)
{
    store_relaxed(&self->wait.site, (uintptr_t)__builtin_return_address(0));
    return request_wait(self, id, timeout_ms, reply);
}

void rt_request_abandon(struct gen *self, const struct rt_request *id)
{
    struct relation *r = find_request(self, id);

    if (r == NULL)
        return;
    if ((r->flags & RELATION_DONE) == 0) {
        if ((r->flags & RELATION_NODE) != 0)
            demonitor_far(self, r);
        else
            give_up(self, r->who, r->envelope.id);
    }
    remove_request(self, r);
}

/* {nodedown, Node}: what gen:call ends with when the connection is lost, or
 * cannot be made. */
static void say_nodedown(struct gen *self, etf_term node, etf_term *reply)
{
    etf_term pair[2] = { ETF_A(nodedown), node }, term;

    if (reply == NULL)
        return;
    term = etf_tuple(&self->scratch, pair, 2);
    *reply = etf_is_none(term) ? ETF_A(noconnection) : term;
}

enum agner_err rt_call_at(struct gen *self, etf_term to, etf_term term,
                          uint64_t timeout_ms, etf_term *reply,
                          const void *site)
{
    struct rt_request id;
    struct rt_target t;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf_is_none(term))
        return AGNER_ENOMEM;
    store_relaxed(&self->wait.site, (uintptr_t)site);
    rt__target(self->rt, to, &t);
    if (t.where == RT_WHERE_LOCAL)
        return call_local(self, t.pid, term, timeout_ms, reply);
    err = rt_request_send(self, to, term, &id);
    if (err == AGNER_OK)
        err = request_wait(self, &id, timeout_ms, reply);
    else if (reply != NULL)
        *reply = ETF_A(noproc);
    if (err == AGNER_ENOCONN)
        err = AGNER_ENODEDOWN;
    if (err == AGNER_ENODEDOWN && t.where == RT_WHERE_REMOTE)
        say_nodedown(self, t.node, reply);
    if (err == AGNER_ETIMEOUT || err == AGNER_EEXITING ||
        err == AGNER_EKILLED || err == AGNER_ENOMEM)
        rt_request_abandon(self, &id);
    return err;
}

enum agner_err rt_call(struct gen *self, etf_term to, etf_term term,
                       uint64_t timeout_ms, etf_term *reply)
{
    return rt_call_at(self, to, term, timeout_ms, reply,
                      __builtin_return_address(0));
}

/* ---- Answering
 * --------------------------------------------------------------------------------
 */

/* The call is answered: nobody need hear of our end. */
static void settle(struct gen *self, const struct gen_from *from)
{
    etf_term who = etf__local_pid(from->pid_id, from->pid_serial);
    uint64_t id = rt__from_id(from);
    struct relation *r;

    if (self->current != NULL && self->current->id == id &&
        etf_same(self->current->sender, who)) {
        self->replied = true;
        return;
    }
    r = rt__find_watcher(self->process, who, id, NULL);
    if (r != NULL && (r->flags & RELATION_CALL) != 0) {
        rt__relation_remove(self->process, r);
        rt__relation_free(self->rt, self->worker, r);
    }
}

static enum agner_err reply_local(struct rt *rt, struct worker *worker,
                                  etf_term sender, const struct gen_from *from,
                                  etf_term reply)
{
    struct envelope *m = rt__envelope_new(worker, ENVELOPE_REPLY, reply);

    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = sender;
    m->id = rt__from_id(from);
    rt__push_or_drop(rt, worker, etf__local_pid(from->pid_id, from->pid_serial),
                     m);
    return AGNER_OK;
}

static etf_term answer_term(struct etf_region *r, const struct gen_from *from,
                            etf_term reply)
{
    etf_term pair[2];

    pair[0] = rt__from_tag(r, from);
    pair[1] = reply;
    return etf_tuple(r, pair, 2);
}

enum agner_err rt_reply(struct gen *self, const struct gen_from *from,
                        etf_term reply)
{
    etf_term message, to;
    etf_ref alias;

    if (from->form == FROM_NOBODY)
        return AGNER_EINVAL;
    if ((self->process->flags & PROCESS_KILLED) != 0)
        return AGNER_EKILLED; /* whoever waits hears of that */
    if (etf_is_none(reply))
        reply = ETF_A(ok); /* spec/gen.md 2.1 */
    if (from->form == FROM_LOCAL) {
        rt__count_sent(self->process);
        settle(self, from);
        return reply_local(self->rt, self->worker, rt__pid_word(self->process),
                           from, reply);
    }
    message = answer_term(&self->scratch, from, reply);
    if (rt__from_alias(from, &alias))
        to = etf_from_ref(&self->scratch, alias);
    else
        to = etf_from_pid(&self->scratch, rt__from_pid(from));
    if (etf_is_none(message) || etf_is_none(to))
        return AGNER_ENOMEM;
    return rt_send_with(self, to, message, RT_SEND_NOCONNECT);
}

enum agner_err rt_reply_post(struct rt *rt, const struct gen_from *from,
                             etf_term reply)
{
    struct etf_region *r;
    etf_term message, to;
    etf_ref alias;
    enum agner_err err = AGNER_ENOMEM;

    if (from->form == FROM_NOBODY)
        return AGNER_EINVAL;
    if (from->form == FROM_LOCAL)
        return reply_local(rt, NULL, ETF_NONE, from, reply);
    r = etf_region_new(0);
    if (r == NULL)
        return AGNER_ENOMEM;
    message = answer_term(r, from, reply);
    to = rt__from_alias(from, &alias) ? etf_from_ref(r, alias)
                                      : etf_from_pid(r, rt__from_pid(from));
    if (!etf_is_none(message) && !etf_is_none(to))
        err = rt_post(rt, to, message);
    etf_region_free(r);
    return err;
}
