/*
 * exit.c -- the end of a process.
 *
 * In this order (spec/gen.md 1.1, G18): what others can see of it is given back
 * (timers, names), then exits and downs go out in the order in which their
 * links and monitors were made, then the mailbox is closed and what waits in it
 * is answered, then the state is destroyed and the slot freed. Exits and downs
 * are the table's own entries, so they need no memory (G19); a reason that is
 * more than a word is in one box, which all of them share.
 */
#include <stdlib.h>

#include "direct.h"
#include "event.h"
#include "relation.h"
#include "spawn_remote.h"
#include "worker.h"

struct end {
    struct rt *rt;
    struct worker *worker;
    struct process *p;
    etf_term self; /* its pid word */
    etf_term reason;
    struct etf_box *box; /* holds the reason; NULL: it is a word */
};

static void set_reason(struct envelope *m, const struct end *e)
{
    m->term = e->reason;
    if (e->box != NULL) {
        m->flags |= ENVELOPE_BOX;
        m->memory.box = etf_box_hold(e->box);
    }
}

/* Turns an entry into a signal and sends it to a local process. */
static void become(const struct end *e, struct relation *r,
                   enum envelope_kind kind)
{
    etf_term to = r->who;

    etf_box_free(r->box);
    r->box = NULL;
    r->envelope.kind = (uint8_t)kind;
    r->envelope.flags = 0;
    r->envelope.sender = e->self;
    if (kind != ENVELOPE_DEMONITOR)
        set_reason(&r->envelope, e);
    rt__push_or_drop(e->rt, e->worker, to, &r->envelope);
}

static void tell_far(const struct end *e, const struct relation *r,
                     enum rt_signal_kind kind)
{
    struct rt_signal s = { .kind = kind, .flags = RT_SEND_NOCONNECT };
    enum agner_err err;

    s.node = r->node;
    s.from = rt__pid_of(e->self);
    s.name = r->name;
    s.ref = r->ref;
    if (kind == RT_SIGNAL_DEMONITOR)
        s.ref = rt__ref(r->envelope.id, e->p->slot);
    if (kind != RT_SIGNAL_DEMONITOR || etf_is_none(s.name))
        (void)etf_get_pid(r->who, &s.to);
    s.payload = e->reason;
    err = rt__carry(e->rt, NULL, &s);
    if (err == AGNER_EBADTERM || err == AGNER_ELIMIT) {
        s.payload = ETF_A(error); /* the reason cannot leave: the end must */
        err = rt__carry(e->rt, NULL, &s);
    }
    /* Lost with the connection otherwise, which has its own signals. */
    (void)err;
}

static void end_relation(const struct end *e, struct relation *r)
{
    bool far = (r->flags & RELATION_NODE) != 0;

    switch ((enum relation_kind)r->kind) {
    case RELATION_LINK:
        if ((r->flags & RELATION_ACTIVE) == 0)
            break;
        if (!far) {
            become(e, r, ENVELOPE_EXIT);
            return;
        }
        tell_far(e, r, RT_SIGNAL_EXIT);
        break;
    case RELATION_WATCHER:
        if (!far) {
            become(e, r,
                   (r->flags & RELATION_CALL) != 0 ? ENVELOPE_FAIL
                                                   : ENVELOPE_DOWN);
            return;
        }
        if (!etf_is_none(r->name))
            rt__named_end(e->rt, r->node, &r->ref, NULL);
        tell_far(e, r, RT_SIGNAL_DOWN);
        break;
    case RELATION_MONITOR:
    case RELATION_REQUEST:
        if (far) {
            tell_far(e, r, RT_SIGNAL_DEMONITOR);
            break;
        }
        if ((r->flags & RELATION_EVENT) != 0)
            rt__event_leave(e->rt, e->worker, r);
        if (etf__tag(r->who) != ETF__PID || (r->flags & RELATION_DONE) != 0)
            break;
        rt__relation_strip(r);
        become(e, r, ENVELOPE_DEMONITOR);
        return;
    case RELATION_ALIAS:
    case RELATION_SPAWN: /* a reply will find nobody: rt__spawn_late() */
        break;
    }
    rt__relation_free(e->rt, e->worker, r);
}

void rt__fail_call(struct rt *rt, struct worker *worker, etf_term self,
                   struct envelope *m, etf_term reason)
{
    struct envelope *answer = rt__envelope_new(worker, ENVELOPE_FAIL, reason);
    etf_term to = m->sender;

    if (answer == NULL) {
        m->kind = ENVELOPE_FAIL;
        m->term = ETF_A(killed);
        m->sender = self;
        rt__push_or_drop(rt, worker, to, m);
        return;
    }
    answer->sender = self;
    answer->id = m->id;
    rt__push_or_drop(rt, worker, to, answer);
    rt__envelope_free(rt, worker, m);
}

/* An unlink is acknowledged, whoever lives here. */
static void ack_unlink(struct rt *rt, struct worker *worker, etf_term self,
                       struct envelope *m)
{
    struct rt_signal s = { .kind = RT_SIGNAL_UNLINK_ACK };

    if (etf__tag(m->sender) == ETF__PID) {
        etf_term to = m->sender;

        m->kind = ENVELOPE_UNLINK_ACK;
        m->sender = self;
        rt__push_or_drop(rt, worker, to, m);
        return;
    }
    if (etf_get_pid(m->sender, &s.to)) {
        s.node = s.to.node;
        s.from = rt__pid_of(self);
        s.id = m->id;
        s.flags = RT_SEND_NOCONNECT;
        (void)rt__carry(rt, NULL, &s); /* gone with the connection otherwise */
    }
    rt__envelope_free(rt, worker, m);
}

/* A link or a monitor that reached nobody, or nobody who could keep it. */
static void refuse_relation(struct rt *rt, struct worker *worker,
                            struct process *p, etf_term self,
                            struct relation *r, etf_term reason)
{
    struct end e = {
        .rt = rt, .worker = worker, .p = p, .self = self, .reason = reason
    };

    if (r->kind == RELATION_LINK)
        r->flags |= RELATION_ACTIVE;
    end_relation(&e, r);
}

void rt__refuse(struct rt *rt, struct worker *worker, struct process *p,
                struct envelope *m, etf_term reason)
{
    etf_term self = etf__local_pid(p->slot, m->generation != 0
                                                ? m->generation
                                                : load_relaxed(&p->generation));

    if ((m->flags & ENVELOPE_COUNTED) != 0)
        rt__uncount(rt__limits(rt, p), m);
    switch ((enum envelope_kind)m->kind) {
    case ENVELOPE_CALL:
    case ENVELOPE_INFO:
    case ENVELOPE_INIT:
        if (etf_is_none(m->sender))
            break;
        rt__fail_call(rt, worker, self, m, reason);
        return;
    case ENVELOPE_LINK:
    case ENVELOPE_MONITOR:
        refuse_relation(rt, worker, p, self, (struct relation *)(void *)m,
                        reason);
        return;
    case ENVELOPE_UNLINK:
        ack_unlink(rt, worker, self, m);
        return;
    case ENVELOPE_SPAWN_REPLY:
        rt__spawn_late(rt, self, m);
        break;
    case ENVELOPE_DIRECT:
        rt__direct_fail(m, etf_same(reason, ETF_A(noproc)) ? AGNER_ENOPROC
                                                           : AGNER_EEXIT);
        break;
    case ENVELOPE_MESSAGE:
    case ENVELOPE_CAST:
        if (!etf_same(reason, ETF_A(mailbox_full)))
            rt__count_drop(rt, worker, RT_DROP_NOPROC);
        break;
    case ENVELOPE_ALIAS:
        rt__count_drop(rt, worker, RT_DROP_NOALIAS);
        break;
    case ENVELOPE_DOWN_MESSAGE:
        rt__down_free(rt, worker, m);
        return;
    case ENVELOPE_EXIT_MESSAGE:
    case ENVELOPE_TIMEOUT:
    case ENVELOPE_REPLY:
    case ENVELOPE_FAIL:
    case ENVELOPE_WAKE:
    case ENVELOPE_UNLINK_ACK:
    case ENVELOPE_EXIT:
    case ENVELOPE_EXIT2:
    case ENVELOPE_EXIT2_ALIAS:
    case ENVELOPE_DEMONITOR:
    case ENVELOPE_DOWN:
    case ENVELOPE_NODE_DOWN:
    case ENVELOPE_GROUP_LEADER:
        break;
    }
    rt__envelope_free(rt, worker, m);
}

static void refuse_all(const struct end *e, struct envelope *m, etf_term reason)
{
    while (m != NULL) {
        struct envelope *next = m->next;

        rt__refuse(e->rt, e->worker, e->p, m, reason);
        m = next;
    }
}

/* The starter of a process whose init fails hears of it through its own wait,
 * and nothing else is left of the process: no exit, no down. */
static void forget_starter(const struct end *e, etf_term starter)
{
    struct relations *t = e->p->relations;
    struct relation *r = t == NULL ? NULL : t->first;

    while (r != NULL) {
        struct relation *after = r->after;

        if ((r->kind == RELATION_LINK || r->kind == RELATION_WATCHER) &&
            etf_same(r->who, starter)) {
            rt__relation_remove(e->p, r);
            rt__relation_free(e->rt, e->worker, r);
        }
        r = after;
    }
}

static void free_extras(struct rt *rt, struct worker *worker, struct process *p)
{
    struct extras *x = rt__extras_of(p);
    uint32_t i;

    if (x == NULL)
        return;
    if (x->lifetime_timer != NULL)
        (void)rt__timer_cancel(rt, worker, x->lifetime_timer,
                               x->lifetime_timer_id);
    rt__direct_end(p);
    for (i = 0; i < x->tag_count; i++)
        etf_box_free(x->tags[i]);
    free(x->tags);
    free(x);
    p->relations->extras = NULL;
}

/* Before anybody hears of the end, and asks for another. */
static void leave_room(struct process *p)
{
    struct extras *x = rt__extras_of(p);

    if (x == NULL || x->room == NULL)
        return;
    rt__spawn_room_leave(x->room);
    x->room = NULL;
}

static void free_state(struct process *p)
{
    if ((p->flags & PROCESS_RAW) != 0)
        p->state = NULL; /* it was its argument, and it never began */
    if (p->state != NULL && load_relaxed(&p->behavior)->destroy != NULL)
        load_relaxed(&p->behavior)->destroy(p->state);
    free(p->state);
    p->state = NULL;
}

static void close_limits(const struct end *e)
{
    struct limits *limits = e->p->relations->extras->limits;

    store_relaxed(&e->p->door, (uint8_t)0);
    rt__gate_open(e->rt, &limits->gate); /* who waits there finds us gone */
}

/* The slot is as it was before the process: its next life may begin. */
static void leave_slot(const struct end *e, bool keep)
{
    struct process *p = e->p;

    p->flags = 0;
    store_relaxed(&p->behavior, NULL);
    p->queue = p->queue_tail = NULL;
    p->end.word = ETF_NONE;
    store_release(&p->parent, ETF_NONE.word);
    store_relaxed(&p->queued, 0u);
    store_relaxed(&p->queued_peak, 0u);
    store_relaxed(&p->received, 0u);
    store_relaxed(&p->sent, 0u);
    store_relaxed(&p->run_ms, 0u);
    if (keep) {
        rt__count_process(e->rt, e->worker, false);
        return;
    }
    rt__set_gen(p, NULL);
    rt__slot_put(e->rt, e->worker, p);
}

void rt__exit_process(struct gen *self, struct process *p)
{
    struct end e = {
        .rt = self->rt, .worker = self->worker, .p = p, .self = rt__pid_word(p)
    };
    struct relations *t;
    struct envelope *queue;

    /* Whoever asked before hears the reason; whoever comes from here on finds
     * the mailbox closed. */
    rt__act_all(e.rt, e.worker, p, rt__mailbox_close(&p->inbox));
    e.box = (p->flags & PROCESS_BOXED_REASON) != 0 ? p->end.box : NULL;
    e.reason = rt__exit_reason(p);
    if (e.rt->box != NULL)
        rt__box_exit(e.rt, e.worker, p, e.self, e.reason);
    t = p->relations;
    if (t != NULL)
        rt__timers_end(e.rt, e.worker, p);
    if ((p->flags & PROCESS_WANTS_TIMEOUT) != 0)
        rt_timeout(self, RT_INFINITY);
    rt__names_end(e.rt, p);
    leave_room(p);
    rt__hooks_end(e.rt, p);
    if (t != NULL && t->node_events)
        rt__remote_leave(e.rt, e.self);
    if (t != NULL && t->has_events)
        rt__events_end(e.rt, e.worker, e.self);
    if (!etf_is_none(self->init_starter))
        forget_starter(&e, self->init_starter);
    while (t != NULL && t->first != NULL) {
        struct relation *r = t->first;

        rt__relation_remove(p, r);
        end_relation(&e, r);
    }
    queue = p->queue;
    p->queue = NULL;
    refuse_all(&e, queue, e.reason);
    /* Release: the slot's next life sees everything that this one did. */
    store_release(&p->generation, load_relaxed(&p->generation) + 1);
    if ((load_relaxed(&p->door) & DOOR_LIMITED) != 0)
        close_limits(&e);
    free_state(p);
    if (load_relaxed(&p->door) >=
        DOOR_GUARD) /* rights.h: not its next life's */
        store_relaxed(&p->door, (uint8_t)(load_relaxed(&p->door) % DOOR_GUARD));
    free_extras(e.rt, e.worker, p);
    rt__relations_free(p);
    rt__heritage_set(e.rt, e.worker, p, NULL);
    leave_slot(&e, self->external);
    if (!etf_is_none(self->init_starter))
        rt__init_done(self, e.reason); /* when nothing is left: I6 */
    etf_box_free(e.box);
}
