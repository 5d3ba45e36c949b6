/*
 * spawn_serve.c -- processes that start because some node asked for them.
 *
 * A request is read in full before there is a process: options, the arguments,
 * a place for one more of its module. Then the process is made with its ends of
 * the link and the monitor, the reply goes out, and only then it is scheduled.
 * It looks for its code when it begins, and a name that leads nowhere is its
 * exit, not a refusal.
 */
#include <stdlib.h>

#include "heritage.h"
#include "spawn_remote.h"
#include "worker.h"

/* ---- Places
 * ----------------------------------------------------------------------------
 */

struct spawn_room {
    struct spawn_room *next;
    etf_term module;
    _Atomic uint32_t live;
};

struct spawn_rooms {
    rt_spin lock;             /* guards the rest */
    struct spawn_room *first; /* owned: one for each module with a limit */
};

enum agner_err rt__spawn_init(struct rt *rt)
{
    rt->rooms = calloc(1, sizeof *rt->rooms);
    return rt->rooms == NULL ? AGNER_ENOMEM : AGNER_OK;
}

void rt__spawn_fini(struct rt *rt)
{
    if (rt->rooms == NULL)
        return;
    while (rt->rooms->first != NULL) {
        struct spawn_room *room = rt->rooms->first;

        rt->rooms->first = room->next;
        free(room);
    }
    free(rt->rooms);
}

/* The lock is held. */
static struct spawn_room *room_of(struct spawn_rooms *rooms, etf_term module)
{
    struct spawn_room *room = rooms->first;

    while (room != NULL && !etf_same(room->module, module))
        room = room->next;
    if (room != NULL)
        return room;
    room = calloc(1, sizeof *room);
    if (room != NULL) {
        room->module = module;
        room->next = rooms->first;
        rooms->first = room;
    }
    return room;
}

/* Takes one of `max` places. NULL: none is left. Relaxed: it is a count. */
static struct spawn_room *enter(struct rt *rt, etf_term module, uint32_t max)
{
    struct spawn_room *room;

    rt__lock(&rt->rooms->lock);
    room = room_of(rt->rooms, module);
    if (room != NULL && load_relaxed(&room->live) < max)
        add_relaxed(&room->live, 1u);
    else
        room = NULL;
    rt__unlock(&rt->rooms->lock);
    return room;
}

void rt__spawn_room_leave(struct spawn_room *room)
{
    sub_acq_rel(&room->live, 1u);
}

/* ---- The code of a served process
 * ----------------------------------------------------------------------------
 */

void rt_remote_undef(struct gen *self, etf_term module, etf_term function,
                     etf_term args)
{
    rt_exit(self,
            etf_make(self, "{undef, [{_, _, _, []}]}", module, function, args));
}

static bool may(const struct gen *self, const struct rt_remote *remote)
{
    etf_pid requester = rt_parent(self);
    size_t i;

    if (remote->nodes == NULL || etf_pid_is_local(requester))
        return true;
    for (i = 0; remote->nodes[i] != NULL; i++)
        if (etf_atom_is(requester.node, remote->nodes[i]))
            return true;
    return false;
}

/* The row for a module. *name: in, the module, or ETF_NONE; out, the row's. */
static bool find(struct rt *rt, etf_term *name, const struct rt_remote **row,
                 void **data)
{
    const void *behavior;

    if (rt_behavior_find(rt, RT_GROUP_REMOTE, *name, &behavior, data) !=
        AGNER_OK) {
        *name = etf_atom(RT_REMOTE_ANY);
        if (rt_behavior_find(rt, RT_GROUP_REMOTE, *name, &behavior, data) !=
            AGNER_OK)
            return false;
    }
    *row = behavior;
    return true;
}

static struct envelope *next_kept(struct gen *self)
{
    struct envelope *m = rt__queue_pop(self->process);

    m->next = self->held;
    self->held = m;
    return m;
}

/* {erlang, apply, _} with a fun that only its own node can run. */
static bool is_foreign(etf_term function)
{
    return etf_kind(function) == ETF_KIND_FUN;
}

static void served(struct gen *self, void *arg)
{
    const etf_term *name = etf_tuple_items(next_kept(self)->term);
    etf_term args = next_kept(self)->term;
    const struct rt_remote *remote;
    etf_term row = name[0];
    void *data;

    (void)arg;
    if (is_foreign(name[1]))
        rt_exit(self,
                etf_make(self, "{{badfun, _}, [{erlang, apply, [_, _], []}]}",
                         name[1], name[1], args));
    else if (find(self->rt, &row, &remote, &data) && may(self, remote))
        remote->run(self, name[0], name[1], args, data);
    else
        rt_remote_undef(self, name[0], name[1], args);
}

/* ---- A request, understood
 * ----------------------------------------------------------------------------
 */

struct request {
    struct rt *rt;
    struct worker *worker; /* the calling one, or NULL */
    const struct rt_signal *signal;
    bool local; /* one of our own asks */
    struct spawn_wish wish;
    etf_term module, function; /* or the fun */
    etf_term args;
    etf_pid leader;
    struct spawn_room *room; /* taken, or NULL */
};

/* What {erlang, apply, Args} stands for. */
static void unfold(struct request *q)
{
    etf_term rest = q->args, item[3] = { ETF_NONE, ETF_NONE, ETF_NONE };
    uint32_t arity;
    int i;

    if (!etf_atom_is(q->module, "erlang") || !etf_atom_is(q->function, "apply"))
        return;
    for (i = 0; i < 3 && etf_list_next(&rest, &item[i]); i++)
        continue;
    if (!etf_same(rest, etf_nil()) || i < 2 || etf_list_size(item[i - 1]) < 0)
        return;
    if (i == 3 && etf_is_atom(item[0]) && etf_is_atom(item[1])) {
        q->module = item[0];
        q->function = item[1];
    } else if (i == 2 && is_foreign(item[0])) {
        q->function = item[0];
    } else if (i != 2 ||
               !etf_get_export(item[0], &q->module, &q->function, &arity)) {
        return;
    }
    q->args = item[i - 1];
}

/* ETF_NONE: understood. Otherwise the reason for the reply. */
static etf_term understand(struct request *q)
{
    const etf_term *call = etf_tuple_items(q->signal->call), *mfa;
    int64_t arity;

    mfa = etf_tuple_items(call[0]);
    if (!rt__spawn_wish(call[2], &q->wish))
        return etf_atom("badopt");
    if (!etf_get_int(mfa[2], &arity) || !etf_get_pid(call[1], &q->leader) ||
        etf_list_size(q->signal->payload) != arity)
        return ETF_A(badarg);
    q->module = mfa[0];
    q->function = mfa[1];
    q->args = q->signal->payload;
    unfold(q);
    return ETF_NONE;
}

/* May it be started for that node? What looks itself at what is asked of it is
 * for everybody, but under no name, and before nobody else. */
static bool may_spawn(struct request *q)
{
    const struct rt_remote *remote;
    etf_bytes text = etf_atom_text(q->module);
    etf_term name = etf_atom_find((const char *)text.data, text.size);
    void *data;

    if ((q->signal->denied & RT_MAY_SPAWN) == 0)
        return true;
    if (!etf_is_none(q->wish.name) || q->wish.priority == RT_PRIORITY_HIGH)
        return false;
    return !is_foreign(q->function) && !etf_is_none(name) &&
           find(q->rt, &name, &remote, &data) && remote->asks;
}

/* A place for one more of the row, if those are counted: there are as many
 * counts as rows, whatever names are asked for. */
static bool take_place(struct request *q)
{
    const struct rt_remote *remote;
    etf_bytes text = etf_atom_text(q->module);
    etf_term name = etf_atom_find((const char *)text.data, text.size);
    void *data;

    if (is_foreign(q->function) || !find(q->rt, &name, &remote, &data) ||
        remote->max == 0)
        return true;
    q->room = enter(q->rt, name, remote->max);
    return q->room != NULL;
}

/* ---- A process for it
 * ----------------------------------------------------------------------------
 */

/* One end of a link or a monitor with whoever asked. */
static bool tie(const struct request *q, struct process *p,
                enum relation_kind kind)
{
    const struct rt_signal *s = q->signal;
    uint64_t words[8], id = kind == RELATION_LINK ? 0 : rt__ref_key(&s->ref);
    struct etf_region region;
    struct relation *r;
    uint32_t slot;

    if (q->local && kind != RELATION_LINK)
        (void)rt__ref_local(&s->ref, &id, &slot); /* its own number */
    etf__region_init(&region, words, 8, 0);
    r = rt__relation_new(q->rt, q->worker, kind, etf_from_pid(&region, s->from),
                         id);
    etf__region_fini(&region);
    if (r == NULL)
        return false;
    if (kind == RELATION_LINK)
        r->flags |= RELATION_ACTIVE;
    else
        r->ref = s->ref;
    if ((q->local ||
         (rt__remote_share(q->rt, s->node, r) == AGNER_OK &&
          rt__remote_join(q->rt, s->node, rt__pid_word(p), r) == AGNER_OK)) &&
        rt__relation_add(p, r))
        return true;
    rt__relation_free(q->rt, q->worker, r);
    return false;
}

static enum agner_err furnish(struct request *q, struct process *p)
{
    const struct rt_signal *s = q->signal;
    struct heritage *heritage;
    struct extras *x;

    store_relaxed(&p->behavior, NULL);
    store_release(&p->parent, q->local ? rt__word_of(s->from).word : 0u);
    p->flags = PROCESS_RAW;
    if (q->wish.link)
        p->flags |= PROCESS_CHILD;
    p->end.code = served;
    p->state = NULL;
    rt__set_priority(p, q->wish.priority);
    store_relaxed(&p->status, (uint8_t)RT_STATUS_INIT);
    x = rt__extras(p);
    if (x == NULL)
        return AGNER_ENOMEM;
    x->parent = s->from;
    x->denied = s->denied;
    x->room = q->room;
    q->room = NULL;
    heritage = rt__heritage_new(q->rt, q->leader, NULL);
    store_release(&p->heritage, heritage); /* pairs as rt__heritage_set() */
    if (heritage == NULL || (q->wish.link && !tie(q, p, RELATION_LINK)) ||
        (q->wish.monitor && !tie(q, p, RELATION_WATCHER)))
        return AGNER_ENOMEM;
    return AGNER_OK;
}

/* Two messages wait for the process: {Module, Function}, and the arguments. */
static bool equip(struct request *q, struct process *p)
{
    struct etf_box *box = q->signal->box;
    struct envelope *name, *args;
    etf_term pair[2];
    uint64_t words[8];
    struct etf_region r;

    pair[0] = q->module;
    pair[1] = q->function;
    etf__region_init(&r, words, 8, 0);
    name = rt__envelope_new(q->worker, ENVELOPE_INIT, etf_tuple(&r, pair, 2));
    etf__region_fini(&r);
    if (name == NULL)
        return false;
    rt__queue_add(p, name);
    if (box == NULL) {
        args = rt__envelope_new(q->worker, ENVELOPE_INIT, q->args);
    } else {
        args = rt__envelope_box(q->worker, ENVELOPE_INIT, etf_box_hold(box));
        if (args == NULL)
            etf_box_free(box);
        else
            args->term = q->args; /* which is in it */
    }
    if (args == NULL)
        return false;
    rt__queue_add(p, args);
    return true;
}

static void count(const struct request *q)
{
    struct worker *w = q->worker;

    if (w != NULL)
        store_relaxed(&w->spawned, load_relaxed(&w->spawned) + 1);
    else
        add_relaxed(&q->rt->spawned, 1u);
}

/* A process that waits to be scheduled. Nothing of it is left on failure. */
static enum agner_err bear(struct request *q, struct process **out)
{
    struct process *p = NULL;
    enum agner_err err = rt__slot_get(q->rt, q->worker, &p);

    if (err != AGNER_OK)
        return err;
    err = furnish(q, p);
    if (err == AGNER_OK && !equip(q, p))
        err = AGNER_ENOMEM;
    if (err != AGNER_OK) {
        rt__discard_birth(q->rt, q->worker, p);
        return err;
    }
    /* From here on senders may push. Release publishes it to them. */
    store_release(&p->inbox, NULL);
    if (!etf_is_none(q->wish.name))
        err = etf__tag(q->wish.name) == ETF__ATOM
                  ? rt__name_add(q->rt, q->wish.name, p, rt__pid_word(p))
                  : AGNER_ELIMIT;
    if (err != AGNER_OK) {
        rt__abort_birth(q->rt, q->worker, p);
        return err;
    }
    count(q);
    *out = p;
    return AGNER_OK;
}

/* ---- The reply
 * ----------------------------------------------------------------------------
 */

/* AGNER_ENOMEM: nobody will hear of it. */
static enum agner_err reply(const struct request *q, uint64_t flags,
                            etf_term what)
{
    const struct rt_signal *s = q->signal;
    struct rt_signal a = { .kind = RT_SIGNAL_SPAWN_REPLY,
                           .flags = RT_SEND_NOCONNECT,
                           .node = s->node,
                           .to = s->from,
                           .ref = s->ref,
                           .id = flags,
                           .payload = what };

    if (q->local)
        return rt__arrive(q->rt, &a);
    (void)rt__carry(q->rt, NULL, &a); /* lost with the connection */
    return AGNER_OK;
}

static etf_term why_not(enum agner_err err)
{
    return etf_atom(err == AGNER_ETAKEN ? "taken" : "system_limit");
}

enum agner_err rt__spawn_serve(struct rt *rt, struct worker *worker,
                               const struct rt_signal *s)
{
    struct request q = { .rt = rt,
                         .worker = worker,
                         .signal = s,
                         .local = etf_pid_is_local(s->from) };
    etf_term refusal = understand(&q);
    struct process *p;
    enum agner_err err;

    if (!etf_is_none(refusal))
        return reply(&q, 0, refusal);
    if (!may_spawn(&q)) {
        rt__permit_refuse(rt, s, RT_MAY_SPAWN);
        return reply(&q, 0, etf_atom("not_allowed"));
    }
    err = load_relaxed(&rt->halting) != 0 || rt__memory_refuses(rt) ||
                  !take_place(&q)
              ? AGNER_ELIMIT
              : bear(&q, &p);
    if (q.room != NULL)
        rt__spawn_room_leave(q.room);
    if (err != AGNER_OK)
        return reply(&q, 0, why_not(err));
    err = reply(&q,
                (q.wish.link ? SPAWN_LINKED : 0u) |
                    (q.wish.monitor ? SPAWN_MONITORED : 0u),
                rt__pid_word(p));
    if (err == AGNER_OK)
        rt__schedule(rt, worker, p, true);
    else
        rt__abort_birth(rt, worker, p);
    return err;
}
