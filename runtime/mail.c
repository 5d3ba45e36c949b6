/*
 * mail.c -- what code receives: messages as terms, in order or selected.
 */
#include <string.h>

#include "direct.h"
#include "from.h"
#include "relation.h"
#include "worker.h"

static etf_term exit_term(struct etf_region *r, const struct envelope *m)
{
    etf_term items[3];

    items[0] = ETF_A(EXIT);
    items[1] = m->sender;
    items[2] = m->term;
    return etf_tuple(r, items, 3);
}

static etf_term down_term(struct etf_region *region, const struct process *p,
                          const struct envelope *m)
{
    const struct relation *r = m->aux;
    etf_term items[5];

    items[0] = ETF_A(DOWN);
    if ((r->flags & RELATION_EVENT) == 0 && r->has.tag != NULL)
        items[0] = etf_box_term(r->has.tag);
    items[1] = etf_from_ref(region, rt__ref(m->id, p->slot));
    items[2] =
        (r->flags & RELATION_EVENT) != 0 ? etf_atom("event") : ETF_A(process);
    if ((r->flags & RELATION_NAMED) != 0) {
        etf_term pair[2];

        pair[0] = r->name;
        pair[1] = etf_is_none(r->node) ? ETF_A(noname) : r->node;
        items[3] = etf_tuple(region, pair, 2);
    } else {
        items[3] = r->who;
    }
    items[4] = m->term;
    return etf_tuple(region, items, 5);
}

etf_term rt__message_term(struct etf_region *r, const struct envelope *m)
{
    etf_ref ref;

    if (m->kind == ENVELOPE_CAST)
        return etf_make(r, "{'$gen_cast', _}", m->term);
    if (m->kind != ENVELOPE_CALL)
        return m->term;
    ref = rt__ref(m->id, etf__pid_slot(m->sender));
    return etf_make(r, "{'$gen_call', {_, [alias | _]}, _}",
                    rt__pid_of(m->sender), ref, m->term);
}

etf_term rt__materialise(struct etf_region *r, const struct process *p,
                         const struct envelope *m)
{
    switch ((enum envelope_kind)m->kind) {
    case ENVELOPE_CALL:
    case ENVELOPE_CAST:
        return rt__message_term(r, m);
    case ENVELOPE_EXIT_MESSAGE:
        return exit_term(r, m);
    case ENVELOPE_DOWN_MESSAGE:
        return down_term(r, p, m);
    case ENVELOPE_TIMEOUT:
        return ETF_A(timeout);
    case ENVELOPE_INIT:
    case ENVELOPE_MESSAGE:
    case ENVELOPE_DIRECT:
    case ENVELOPE_ALIAS:
    case ENVELOPE_REPLY:
    case ENVELOPE_FAIL:
    case ENVELOPE_WAKE:
    case ENVELOPE_LINK:
    case ENVELOPE_UNLINK:
    case ENVELOPE_UNLINK_ACK:
    case ENVELOPE_EXIT:
    case ENVELOPE_EXIT2:
    case ENVELOPE_EXIT2_ALIAS:
    case ENVELOPE_MONITOR:
    case ENVELOPE_DEMONITOR:
    case ENVELOPE_DOWN:
    case ENVELOPE_NODE_DOWN:
    case ENVELOPE_GROUP_LEADER:
    case ENVELOPE_INFO:
    case ENVELOPE_SPAWN_REPLY:
        break;
    }
    return m->term;
}

static void fill_from(struct gen_from *from, const struct envelope *m)
{
    from->form = FROM_LOCAL;
    from->pid_node = 0;
    from->pid_id = etf__pid_slot(m->sender);
    from->pid_serial = etf__pid_generation(m->sender);
    from->pid_creation = 0;
    from->ref_words[0] = (uint32_t)m->id;
    from->ref_words[1] = (uint32_t)(m->id >> 32);
    from->extra = 0;
}

/* Sets up self->message for `m`. */
void rt__describe(struct gen *self, struct envelope *m)
{
    struct rt_message *out = &self->message;

    out->sender = etf__tag(m->sender) == ETF__PID ? rt__pid_of(m->sender)
                                                  : (etf_pid){ 0 };
    switch ((enum envelope_kind)m->kind) {
    case ENVELOPE_CALL:
        out->kind = RT_CALL;
        fill_from(&out->from, m);
        self->current = m;
        self->replied = false;
        break;
    case ENVELOPE_CAST:
        out->kind = RT_CAST;
        break;
    case ENVELOPE_EXIT_MESSAGE:
        out->kind = m->id != 0 ? RT_PARENT_EXIT : RT_EXIT;
        if (m->id == 0) {
            out->term = rt__materialise(&self->scratch, self->process, m);
            return;
        }
        break;
    case ENVELOPE_DOWN_MESSAGE:
        out->kind = RT_DOWN;
        out->term = rt__materialise(&self->scratch, self->process, m);
        return;
    case ENVELOPE_TIMEOUT:
        out->kind = RT_TIMEOUT;
        break;
    case ENVELOPE_DIRECT:
        out->kind = RT_DIRECT;
        out->direct = *rt__direct_open(self->process, m);
        break;
    case ENVELOPE_INIT:
    case ENVELOPE_MESSAGE:
    case ENVELOPE_ALIAS:
    case ENVELOPE_REPLY:
    case ENVELOPE_FAIL:
    case ENVELOPE_WAKE:
    case ENVELOPE_LINK:
    case ENVELOPE_UNLINK:
    case ENVELOPE_UNLINK_ACK:
    case ENVELOPE_EXIT:
    case ENVELOPE_EXIT2:
    case ENVELOPE_EXIT2_ALIAS:
    case ENVELOPE_MONITOR:
    case ENVELOPE_DEMONITOR:
    case ENVELOPE_DOWN:
    case ENVELOPE_NODE_DOWN:
    case ENVELOPE_GROUP_LEADER:
    case ENVELOPE_INFO:
    case ENVELOPE_SPAWN_REPLY:
        out->kind = RT_MESSAGE;
        break;
    }
    out->term = m->term;
}

/* A call that code took out as a message: its caller hears of our end, since
 * nobody can see whether it is answered. */
static void watch_call(struct gen *self, const struct envelope *m)
{
    struct relation *r = rt__relation_new(self->rt, self->worker,
                                          RELATION_WATCHER, m->sender, m->id);

    if (r == NULL)
        return; /* the caller's time-out remains */
    r->flags |= RELATION_CALL;
    if (!rt__relation_add(self->process, r))
        rt__relation_free(self->rt, self->worker, r);
}

/* Takes `m` out of the queue into self's care. */
static etf_term hand_out(struct gen *self, struct envelope *before,
                         struct envelope *m, etf_term term)
{
    rt__queue_remove(self->process, before, m);
    if (__builtin_expect(
            (load_relaxed(&self->process->door) & DOOR_LIMITED) != 0, 0))
        rt__limits_eased(self);
    if (m->kind == ENVELOPE_CALL)
        watch_call(self, m);
    m->next = self->held;
    self->held = m;
    rt__count_received(self->process);
    if (self->worker != NULL)
        store_relaxed(&self->worker->messages,
                      load_relaxed(&self->worker->messages) + 1);
    return term;
}

/* The first message from `m` on that fits; its term and predecessor. */
static struct envelope *find(struct gen *self, struct envelope **before,
                             struct envelope *m,
                             bool (*match)(void *ctx, etf_term m), void *ctx,
                             etf_term *term)
{
    for (; m != NULL; *before = m, m = m->next) {
        if (m->kind == ENVELOPE_DIRECT)
            continue; /* not for code that receives terms */
        *term = rt__materialise(&self->scratch, self->process, m);
        if (match == NULL || match(ctx, *term))
            return m;
    }
    return NULL;
}

enum agner_err rt_receive_match(struct gen *self,
                                bool (*match)(void *ctx, etf_term m), void *ctx,
                                uint64_t timeout_ms, etf_term *message)
{
    struct process *p = self->process;
    struct envelope *before = NULL, *m;
    etf_term term;
    enum agner_err err = rt__may_run(self);
    bool last = false;

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    rt__take(self->rt, self->worker, p);
    rt__wait_begin(self, WAIT_NOTHING, timeout_ms);
    for (;;) {
        m = find(self, &before, before == NULL ? p->queue : before->next, match,
                 ctx, &term);
        if (m != NULL) {
            *message = hand_out(self, before, m, term);
            return AGNER_OK;
        }
        if (last)
            return err;
        if (timeout_ms == 0)
            return AGNER_ETIMEOUT;
        rt__wait_fix(self);
        self->wait.kind = WAIT_MESSAGE;
        self->wait.done = false;
        self->wait.timed_out = false;
        self->wait.mark = before;
        err = rt__block(self);
        before = self->wait.mark; /* it may have been dropped: receive.c */
        /* What came together with the time-out counts. */
        last = err != AGNER_OK;
        if (err == AGNER_EEXITING || err == AGNER_EKILLED ||
            err == AGNER_ENOMEM)
            return err;
    }
}

enum agner_err rt_receive(struct gen *self, uint64_t timeout_ms,
                          etf_term *message)
{
    return rt_receive_match(self, NULL, NULL, timeout_ms, message);
}

void rt_reset(struct gen *self)
{
    rt__scratch_reset(self);
}

enum agner_err rt_sleep(struct gen *self, uint64_t ms)
{
    enum agner_err err;

    rt__wait_begin(self, WAIT_WAKE, ms);
    err = rt__block(self);
    return err == AGNER_ETIMEOUT ? AGNER_OK : err;
}
