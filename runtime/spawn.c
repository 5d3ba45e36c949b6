/*
 * spawn.c -- new processes.
 *
 * The spawner prepares the process while nobody else knows it: its relations (a
 * link or a monitor from the start), its name last. Then it is made runnable.
 */
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "relation.h"
#include "spawn_remote.h"
#include "worker.h"

#define REF_BLOCK  1024u
#define ABANDON_MS 1000u /* that the starter waits for a killed init */

uint64_t rt__ref_next(struct rt *rt, struct worker *worker)
{
    if (worker == NULL)
        return add_relaxed(&rt->ref_counter, 1u);
    if (worker->ref_next == worker->ref_end) {
        worker->ref_next = add_relaxed(&rt->ref_counter, REF_BLOCK);
        worker->ref_end = worker->ref_next + REF_BLOCK;
    }
    return worker->ref_next++;
}

etf_ref rt_make_ref(struct gen *self)
{
    return rt__ref(rt__ref_next(self->rt, self->worker), self->process->slot);
}

/* ---- Preparing
 * ---------------------------------------------------------------------- */

static const struct rt_spawn_options no_options;

static bool needs_extras(const struct rt_spawn_options *o)
{
    return o->mailbox_max != 0 || o->mailbox_bytes_max != 0 ||
           o->memory_max != 0 || o->label != NULL || o->lifetime_ms != 0 ||
           o->hook != NULL ||
           (o->parent != NULL && !etf_pid_is_local(*o->parent));
}

static enum agner_err set_extras(struct gen *self, struct process *p,
                                 const struct rt_spawn_options *o)
{
    struct extras *x;

    if (!needs_extras(o))
        return AGNER_OK;
    x = rt__extras(p);
    if (x == NULL)
        return AGNER_ENOMEM;
    x->memory_max = o->memory_max;
    if (o->memory_max != 0)
        p->flags |= PROCESS_MEMORY_MAX;
    x->label = o->label;
    if (o->parent != NULL)
        x->parent = *o->parent;
    return rt__limits_set(self->rt, p, o);
}

/* Group leader and environment: self's, unless the options say otherwise. */
static enum agner_err bequeath(struct gen *self, struct process *p,
                               const struct rt_spawn_options *o)
{
    struct heritage *mine = load_relaxed(&self->process->heritage);
    struct etf_box *env = NULL;
    etf_pid leader = { 0 };
    enum agner_err err;

    if (o->group_leader == NULL && etf_is_none(o->env)) {
        if (mine != NULL)
            rt__heritage_hold(self->worker, mine);
        store_release(&p->heritage, mine); /* pairs as rt__heritage_set() */
        return AGNER_OK;
    }
    err = rt__env_overlay(rt__heritage_env(self->process), o->env, &env);
    if (err != AGNER_OK)
        return err;
    if (o->group_leader != NULL)
        leader = *o->group_leader;
    else if (mine != NULL)
        leader = rt__leader_in(mine);
    mine = rt__heritage_new(self->rt, leader, env);
    store_release(&p->heritage, mine);
    return mine == NULL ? AGNER_ENOMEM : AGNER_OK;
}

/* One end of the link or monitor between self and a process that does not run
 * yet. */
static bool tie(struct gen *self, struct process *p, enum relation_kind kind,
                etf_term child, uint64_t id, bool alias)
{
    struct process *me = self->process;
    bool link = kind == RELATION_LINK;
    struct relation *mine, *theirs;

    mine = rt__relation_new(self->rt, self->worker,
                            link ? RELATION_LINK : RELATION_MONITOR, child, id);
    theirs = rt__relation_new(self->rt, self->worker,
                              link ? RELATION_LINK : RELATION_WATCHER,
                              rt__pid_word(me), id);
    if (mine != NULL && theirs != NULL) {
        mine->flags |= link ? RELATION_ACTIVE : 0;
        mine->flags |= alias ? RELATION_IS_ALIAS : 0;
        theirs->flags |= link ? RELATION_ACTIVE : 0;
        if (rt__relation_add(p, theirs)) {
            if (rt__relation_add(me, mine))
                return true;
            rt__relation_remove(p, theirs);
        }
    }
    if (mine != NULL)
        rt__relation_free(self->rt, self->worker, mine);
    if (theirs != NULL)
        rt__relation_free(self->rt, self->worker, theirs);
    return false;
}

/* Takes our end of what tie() made away again. */
static void untie(struct gen *self, etf_term child, uint64_t id, bool link,
                  bool monitor)
{
    struct process *me = self->process;
    struct relation *r;

    r = link ? rt__find_link(me, child) : NULL;
    if (r != NULL) {
        rt__relation_remove(me, r);
        rt__relation_free(self->rt, self->worker, r);
    }
    r = monitor ? rt__find_id(me, RELATION_MONITOR, id) : NULL;
    if (r != NULL) {
        rt__relation_remove(me, r);
        rt__relation_free(self->rt, self->worker, r);
    }
}

/* The end of its life is set. It is in the inbox's care already: the timer may
 * fire at once. */
static enum agner_err limit_life(struct gen *self, const struct process *p,
                                 uint64_t lifetime_ms)
{
    struct extras *x = p->relations->extras;
    uint64_t words[8];
    struct etf_region r;
    struct envelope *m;
    enum agner_err err;

    if (lifetime_ms == RT_INFINITY)
        return AGNER_OK;
    etf__region_init(&r, words, 8, 0);
    m = rt__envelope_new(self->worker, ENVELOPE_EXIT2,
                         etf_make(&r, "{shutdown, lifetime}"));
    etf__region_fini(&r);
    if (m == NULL)
        return AGNER_ENOMEM;
    m->sender = rt__pid_word(p);
    m->flags |= ENVELOPE_LIFETIME;
    err = rt__timer_push(self->rt, self->worker, lifetime_ms, m->sender, m,
                         &x->lifetime_timer, &x->lifetime_timer_id);
    if (err != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
    return err;
}

void rt__discard_birth(struct rt *rt, struct worker *worker, struct process *p)
{
    struct relations *t = p->relations;

    while (t != NULL && t->first != NULL) {
        struct relation *r = t->first;

        rt__relation_remove(p, r);
        rt__relation_free(rt, worker, r);
    }
    if (rt__extras_of(p) != NULL && t->extras->lifetime_timer != NULL)
        (void)rt__timer_cancel(rt, worker, t->extras->lifetime_timer,
                               t->extras->lifetime_timer_id);
    if (rt__extras_of(p) != NULL && t->extras->room != NULL)
        rt__spawn_room_leave(t->extras->room);
    if (t != NULL)
        free(t->extras);
    rt__relations_free(p);
    store_relaxed(&p->door, (uint8_t)0);
    if ((p->flags & PROCESS_RAW) == 0)
        free(p->state);
    p->state = NULL;
    rt__heritage_set(rt, worker, p, NULL);
    while (p->queue != NULL)
        rt__envelope_free(rt, worker, rt__queue_pop(p));
    p->queue_tail = NULL;
    store_relaxed(&p->queued, 0u);
    p->flags = 0;
    store_relaxed(&p->behavior, NULL);
    rt__names_end(rt, p);
    store_release(&p->generation, load_relaxed(&p->generation) + 1);
    rt__slot_put(rt, worker, p);
}

void rt__abort_birth(struct rt *rt, struct worker *worker, struct process *p)
{
    struct envelope *m = rt__mailbox_close(&p->inbox);

    while (m != NULL) {
        struct envelope *next = m->next;

        rt__refuse(rt, worker, p, m, ETF_A(noproc));
        m = next;
    }
    rt__discard_birth(rt, worker, p);
}

struct birth {
    const struct rt_behavior *behavior; /* or NULL and: */
    void (*code)(struct gen *self, void *arg);
    void *arg;
    struct envelope *args; /* taken */
    uint64_t monitor_id;
    size_t state_size;
    bool dormant;
};

static enum agner_err furnish(struct gen *self, struct process *p,
                              const struct birth *b,
                              const struct rt_spawn_options *o, etf_term word)
{
    enum agner_err err;

    store_relaxed(&p->behavior, b->behavior);
    store_release(&p->parent, o->parent != NULL && etf_pid_is_local(*o->parent)
                                  ? rt__word_of(*o->parent).word
                                  : rt__pid_word(self->process).word);
    p->flags = o->trap_exit ? PROCESS_TRAP_EXIT : 0;
    if (o->link || o->parent != NULL)
        p->flags |= PROCESS_CHILD;
    rt__set_priority(p, o->priority);
    store_relaxed(&p->status, (uint8_t)RT_STATUS_INIT);
    if (b->behavior == NULL) {
        p->flags |= PROCESS_RAW;
        p->end.code = b->code;
        p->state = b->arg;
    } else {
        p->end.word = ETF_NONE;
        p->state = b->state_size == 0 ? NULL : calloc(1, b->state_size);
        if (b->state_size != 0 && p->state == NULL)
            return AGNER_ENOMEM;
    }
    err = bequeath(self, p, o);
    if (err == AGNER_OK)
        err = set_extras(self, p, o);
    if (err != AGNER_OK)
        return err;
    if (rt__extras_of(p) != NULL)
        p->relations->extras->state_size = b->state_size;
    if (o->link && !tie(self, p, RELATION_LINK, word, 0, false))
        return AGNER_ENOMEM;
    if (o->monitor && !tie(self, p, RELATION_WATCHER, word, b->monitor_id,
                           o->monitor_alias)) {
        untie(self, word, 0, o->link, false);
        return AGNER_ENOMEM;
    }
    return AGNER_OK;
}

static enum agner_err bear(struct gen *self, const struct birth *b,
                           const struct rt_spawn_options *o, etf_term *pid)
{
    struct rt *rt = self->rt;
    struct process *p = NULL;
    enum agner_err err = rt__slot_get(rt, self->worker, &p);
    etf_term word;

    if (err != AGNER_OK) {
        if (b->args != NULL)
            rt__envelope_free(rt, self->worker, b->args);
        return err;
    }
    word = rt__pid_word(p);
    err = furnish(self, p, b, o, word);
    if (b->args != NULL)
        rt__queue_add(p, b->args);
    if (err != AGNER_OK) {
        rt__discard_birth(rt, self->worker, p);
        return err;
    }
    *pid = word;
    if (self->worker != NULL)
        store_relaxed(&self->worker->spawned,
                      load_relaxed(&self->worker->spawned) + 1);
    else
        add_relaxed(&rt->spawned, 1u);
    /* From here on senders may push; the process is ours until it is scheduled.
     * Release publishes it to whoever pushes. */
    store_release(&p->inbox, NULL);
    if (o->lifetime_ms != 0)
        err = limit_life(self, p, o->lifetime_ms);
    if (err == AGNER_OK && o->cancel != NULL)
        err = rt__cancel_join(o->cancel, word);
    if (err == AGNER_OK && !etf_is_none(o->name))
        err = etf__tag(o->name) == ETF__ATOM &&
                      !etf_same(o->name, ETF_A(undefined))
                  ? rt__name_add(rt, o->name, p, word)
                  : AGNER_EINVAL;
    if (err != AGNER_OK) {
        untie(self, word, b->monitor_id, o->link, o->monitor);
        /* Late senders are answered as for a dead process. */
        rt__abort_birth(rt, self->worker, p);
        return err;
    }
    if (o->hook != NULL)
        rt__hook_put(rt, p, o->hook); /* nothing can fail any more */
    if (b->dormant) {
        p->flags |= PROCESS_DORMANT;
        if (rt__mailbox_park(&p->inbox))
            return AGNER_OK;
    }
    if (rt->box != NULL)
        rt__box_spawn(rt, self->worker, p, (const void *)(uintptr_t)b->code);
    rt__schedule(rt, self->worker, p, true);
    return AGNER_OK;
}

static enum agner_err check(struct gen *self,
                            const struct rt_spawn_options **options,
                            struct birth *b)
{
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err == AGNER_OK && load_relaxed(&self->rt->halting) != 0)
        err = AGNER_EKILLED; /* as the caller is about to be: rt__halt() */
    if (err == AGNER_OK && rt__memory_refuses(self->rt))
        err = AGNER_ENOMEM;
    if (*options == NULL)
        *options = &no_options;
    if ((*options)->monitor)
        b->monitor_id = rt__ref_next(self->rt, self->worker);
    if ((*options)->monitor_ref != NULL)
        *(*options)->monitor_ref = rt__ref(b->monitor_id, self->process->slot);
    return err;
}

/* ---- Spawning
 * ----------------------------------------------------------------------------
 */

enum agner_err rt_spawn(struct gen *self,
                        void (*code)(struct gen *self, void *arg), void *arg,
                        const struct rt_spawn_options *options, etf_pid *pid)
{
    struct birth b = { .code = code, .arg = arg };
    etf_term word = ETF_NONE;
    enum agner_err err = check(self, &options, &b);

    if (err == AGNER_OK)
        err = bear(self, &b, options, &word);
    if (err == AGNER_ETAKEN && pid != NULL)
        (void)rt_whereis(self->rt, options->name, pid);
    if (err == AGNER_OK && pid != NULL)
        *pid = rt__pid_of(word);
    return err;
}

enum agner_err rt__spawn_dormant(struct gen *self,
                                 void (*code)(struct gen *self, void *arg),
                                 void *arg, etf_term *pid)
{
    const struct rt_spawn_options *options = NULL;
    struct birth b = { .code = code, .arg = arg, .dormant = true };
    enum agner_err err = check(self, &options, &b);

    return err == AGNER_OK ? bear(self, &b, options, pid) : err;
}

static enum agner_err start(struct gen *self,
                            const struct rt_behavior *behavior, etf_term args,
                            const struct rt_spawn_options *options,
                            uint64_t wait_id, etf_term *pid,
                            uint64_t *monitor_id)
{
    struct birth b = { .behavior = behavior };
    enum agner_err err = check(self, &options, &b);

    if (err != AGNER_OK)
        return err;
    *monitor_id = b.monitor_id;
    b.state_size =
        options->state_size != 0 ? options->state_size : behavior->state_size;
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    b.args = rt__envelope_new(self->worker, ENVELOPE_INIT, args);
    if (b.args == NULL)
        return AGNER_ENOMEM;
    b.args->aux = options->note;
    if (wait_id != 0) {
        b.args->sender = rt__pid_word(self->process);
        b.args->id = wait_id;
    }
    return bear(self, &b, options, pid);
}

enum agner_err rt_start_nowait(struct gen *self,
                               const struct rt_behavior *behavior,
                               etf_term args,
                               const struct rt_spawn_options *options,
                               etf_pid *pid)
{
    etf_term word = ETF_NONE;
    uint64_t monitor_id;
    enum agner_err err =
        start(self, behavior, args, options, 0, &word, &monitor_id);

    if (err == AGNER_OK && pid != NULL)
        *pid = rt__pid_of(word);
    return err;
}

/* Kills a process that the starter gave up. The starter may have to end itself,
 * so this asks nobody. false: no memory. */
static bool kill_child(struct gen *self, etf_term word)
{
    struct envelope *m =
        rt__envelope_new(self->worker, ENVELOPE_EXIT2, ETF_A(kill));

    if (m == NULL)
        return false;
    m->sender = rt__pid_word(self->process);
    rt__push_or_drop(self->rt, self->worker, word, m);
    return true;
}

/* What the starter is told when its wait is over. */
static enum agner_err started(struct gen *self, enum agner_err err,
                              etf_term word, const struct rt_spawn_options *o,
                              uint64_t monitor_id, etf_term *reason)
{
    struct envelope *m = self->wait.answer;
    bool ok = false;

    if (err == AGNER_OK) {
        m->next = self->held;
        self->held = m;
        ok = m->kind == ENVELOPE_REPLY && !etf_same(m->term, ETF_A(ignore));
        if (!ok)
            err = m->kind == ENVELOPE_REPLY ? AGNER_EIGNORE : AGNER_EEXIT;
        if (err == AGNER_EEXIT && reason != NULL)
            *reason = m->term;
        if (ok && reason != NULL && etf_is_tagged(m->term, ETF_A(ok), 2))
            *reason = etf_tuple_items(m->term)[1]; /* rt_init_ack() */
    }
    if (ok)
        return AGNER_OK;
    if (err == AGNER_EEXIT || err == AGNER_EIGNORE) {
        untie(self, word, monitor_id, o != NULL && o->link,
              o != NULL && o->monitor);
    } else if (kill_child(self, word)) {
        untie(self, word, monitor_id, o != NULL && o->link,
              o != NULL && o->monitor);
        /* It must be gone before we say so; one that computes without end is
         * only as good as gone: marked, and unable to send. */
        (void)rt_wait(self, rt__pid_of(word), ABANDON_MS);
    } /* else the link, if there is one, remains: it will hear of our end */
    return err;
}

enum agner_err rt_start(struct gen *self, const struct rt_behavior *behavior,
                        etf_term args, const struct rt_spawn_options *options,
                        etf_pid *pid, etf_term *reason)
{
    uint64_t id = rt__ref_next(self->rt, self->worker);
    uint64_t timeout_ms = options == NULL || options->init_timeout_ms == 0
                              ? RT_INFINITY
                              : options->init_timeout_ms;
    etf_term word = ETF_NONE;
    uint64_t monitor_id = 0;
    enum agner_err err =
        start(self, behavior, args, options, id, &word, &monitor_id);

    if (err == AGNER_ETAKEN && pid != NULL)
        (void)rt_whereis(self->rt, options->name, pid);
    if (err != AGNER_OK)
        return err;
    rt__wait_begin(self, WAIT_CALL, timeout_ms);
    self->wait.id = id;
    store_relaxed(&self->wait.callee, word.word);
    store_relaxed(&self->wait.site, (uintptr_t)__builtin_return_address(0));
    err = started(self, rt__block(self), word, options, monitor_id, reason);
    if (err == AGNER_OK && pid != NULL)
        *pid = rt__pid_of(word);
    return err;
}

enum agner_err rt_init_ack(struct gen *self, etf_term term)
{
    struct process *p = self->process;
    etf_term starter = self->init_starter, answer = ETF_A(ok);
    struct envelope *m;

    if ((p->flags & PROCESS_RAW) != 0)
        return AGNER_EINVAL;
    if ((p->flags & PROCESS_STARTED) != 0)
        return AGNER_EALREADY;
    if (!etf_is_none(starter)) {
        if (!etf_is_none(term))
            answer = etf_make(self, "{ok, _}", term);
        m = etf_is_none(answer)
                ? NULL
                : rt__envelope_new(self->worker, ENVELOPE_REPLY, answer);
        if (m == NULL)
            return AGNER_ENOMEM;
        m->id = self->init_id;
        m->sender = rt__pid_word(p);
        self->init_starter = ETF_NONE;
        rt__push_or_drop(self->rt, self->worker, starter, m);
    }
    p->flags |= PROCESS_STARTED;
    return AGNER_OK;
}

void rt__init_done(struct gen *self, etf_term reason)
{
    etf_term starter = self->init_starter;
    struct envelope *m;

    self->init_starter = ETF_NONE;
    if (etf_is_none(starter))
        return;
    if (self->init_ignored)
        m = rt__envelope_new(self->worker, ENVELOPE_REPLY, ETF_A(ignore));
    else
        m = rt__envelope_new(self->worker, ENVELOPE_FAIL, reason);
    if (m == NULL)
        m = rt__envelope_new(self->worker, ENVELOPE_FAIL, ETF_A(killed));
    if (m == NULL)
        return; /* no memory at all: the starter waits for its time-out */
    m->id = self->init_id;
    m->sender = self->init_self;
    rt__push_or_drop(self->rt, self->worker, starter, m);
}

enum agner_err rt_become(struct gen *self, const struct rt_behavior *behavior,
                         etf_term args, size_t state_size, void *note)
{
    struct process *p = self->process;
    struct envelope *m;
    void *state;

    if (self->external || load_relaxed(&p->behavior) != NULL ||
        (p->flags & PROCESS_RAW) == 0)
        return AGNER_EINVAL;
    if (state_size == 0)
        state_size = behavior->state_size;
    m = rt__envelope_new(self->worker, ENVELOPE_INIT, args);
    state = calloc(1, state_size == 0 ? 1 : state_size);
    if (m == NULL || state == NULL) {
        free(state);
        if (m != NULL)
            rt__envelope_free(self->rt, self->worker, m);
        return AGNER_ENOMEM;
    }
    m->aux = note;
    m->next = p->queue; /* before what waits */
    if (p->queue == NULL)
        p->queue_tail = m;
    p->queue = m;
    store_relaxed(&p->queued, load_relaxed(&p->queued) + 1);
    store_relaxed(&p->behavior, behavior);
    p->state = state;
    p->flags &= (uint16_t)~PROCESS_STARTED;
    p->flags |= PROCESS_BECOMING;
    rt__leave_code(self);
}
