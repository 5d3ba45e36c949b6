/*
 * info.c -- looking at processes, and counting.
 *
 * The fields of a glance are atomics that the owner writes; the lists are the
 * owner's alone, so it is asked for them with a signal, which acts even while
 * its code waits.
 */
#include <string.h>

#include "query.h"
#include "relation.h"
#include "worker.h"

#define TOLD_SPINS 200u /* some microseconds: what an end takes */

bool rt_process_next(struct rt *rt, etf_pid after, etf_pid *pid)
{
    uint32_t slot = etf_pid_is_none(after) ? 1 : after.id + 1;

    for (;; slot++) {
        struct process *p = rt__slot(rt, slot);

        if (p == NULL)
            return false;
        if (load_acquire(&p->inbox) == MAILBOX_DEAD)
            continue;
        *pid = rt__pid_of(rt__pid_word(p));
        return true;
    }
}

size_t rt_process_list(struct rt *rt, etf_pid after, etf_pid *pids, size_t room)
{
    size_t count = 0;

    while (count < room && rt_process_next(rt, after, &after))
        pids[count++] = after;
    return count;
}

static const char *name_of(const struct process *p)
{
    const struct rt_behavior *b = load_relaxed(&p->behavior);

    return b == NULL ? "" : b->name;
}

/* What to call it: its own label, or what its behaviour makes of its state.
 * Owner. */
static const char *label_of(const struct process *p)
{
    const struct rt_behavior *b = load_relaxed(&p->behavior);
    const struct extras *x = rt__extras_of(p);

    if (x != NULL && x->label != NULL)
        return x->label;
    if (b == NULL || b->label == NULL || (p->flags & PROCESS_STARTED) == 0)
        return NULL;
    return b->label(p->state);
}

#define MESSAGES_BYTES_MAX \
    ((size_t)16 << 20) /* of messages that are shown; the rest is left out */

/* Of a process, at whatever age. */
static void glance(struct rt *rt, struct process *p, etf_pid pid,
                   struct rt_process_info *info)
{
    etf_term parent = rt__parent_word(p);
    etf_term name;

    memset(info, 0, sizeof *info);
    if (!etf_is_none(parent))
        info->parent = rt__pid_of(parent);
    info->pid = pid;
    info->behavior = name_of(p);
    info->status = (enum rt_status)load_relaxed(&p->status);
    info->mailbox_count = load_relaxed(&p->queued);
    info->mailbox_peak = load_relaxed(&p->queued_peak);
    info->messages_in = load_relaxed(&p->received);
    info->messages_out = load_relaxed(&p->sent);
    info->reductions = info->messages_in;
    info->run_ms = load_relaxed(&p->run_ms);
    info->application = rt_application_of(rt, pid);
    if (rt__names_of(rt, p, &name, 1) > 0)
        info->name = name;
}

enum agner_err rt_process_glance(struct rt *rt, etf_pid pid,
                                 struct rt_process_info *info)
{
    struct process *p = etf_pid_is_local(pid) ? rt__slot(rt, pid.id) : NULL;

    if (p == NULL || !rt_is_alive(rt, pid))
        return AGNER_ENOPROC;
    glance(rt, p, pid, info);
    return rt_is_alive(rt, pid) ? AGNER_OK : AGNER_ENOPROC;
}

/* ---- What the owner tells
 * ------------------------------------------------------------ */

static etf_term far_object(struct etf_region *r, const struct relation *x)
{
    etf_term pair[2];

    if ((x->flags & RELATION_NAMED) == 0)
        return x->who;
    pair[0] = x->name;
    pair[1] = x->node;
    return etf_tuple(r, pair, 2);
}

struct lists {
    etf_term links, monitors, monitored_by, aliases;
};

/* The table, newest first, so that the lists come out in its order. */
static void collect(struct etf_region *r, const struct process *p,
                    struct lists *l)
{
    const struct relation *x = p->relations == NULL ? NULL : p->relations->last;

    l->links = l->monitors = l->monitored_by = l->aliases = etf_nil();
    for (; x != NULL; x = x->before) {
        if ((x->flags & RELATION_EVENT) != 0)
            continue; /* no process is watched for its own sake */
        switch ((enum relation_kind)x->kind) {
        case RELATION_LINK:
            if ((x->flags & RELATION_ACTIVE) != 0)
                l->links = etf_cons(r, x->who, l->links);
            break;
        case RELATION_MONITOR:
            l->monitors = etf_cons(r, far_object(r, x), l->monitors);
            if ((x->flags & RELATION_IS_ALIAS) != 0)
                l->aliases = etf_cons(
                    r, etf_from_ref(r, rt__ref(x->envelope.id, p->slot)),
                    l->aliases);
            break;
        case RELATION_WATCHER:
            if ((x->flags & RELATION_CALL) == 0)
                l->monitored_by = etf_cons(r, x->who, l->monitored_by);
            break;
        case RELATION_ALIAS:
            l->aliases =
                etf_cons(r, etf_from_ref(r, rt__ref(x->envelope.id, p->slot)),
                         l->aliases);
            break;
        case RELATION_REQUEST:
        case RELATION_SPAWN:
            break;
        }
    }
}

static etf_term native(struct etf_region *r, const void *pointer)
{
    return etf_uint(r, (uint64_t)(uintptr_t)pointer);
}

/* What travels back: a tuple, read by rt_process_info() below. Pointers to
 * static text travel as numbers: both ends are this file. */
enum item {
    ITEM_LINKS,
    ITEM_MONITORS,
    ITEM_MONITORED_BY,
    ITEM_ALIASES,
    ITEM_MEMORY,
    ITEM_TRAP_EXIT,
    ITEM_PRIORITY,
    ITEM_BEHAVIOR,
    ITEM_LABEL,
    ITEM_PARENT,
    ITEM_LEADER,
    ITEM_SUSPENDED,
    ITEM_QUEUED,
    ITEM_PEAK,
    ITEM_ENV,
    ITEM_TIMERS,
    ITEMS
};

static etf_term parent_of(struct etf_region *r, const struct process *p)
{
    const struct extras *x = rt__extras_of(p);

    if (x != NULL && !etf_pid_is_none(x->parent))
        return etf_from_pid(r, x->parent);
    return etf_is_none(rt__parent_word(p)) ? etf_nil() : rt__parent_word(p);
}

/* With its stack, while it has one. Owner. */
static uint64_t memory_of(const struct process *p)
{
    return rt__memory_of(p) + (rt__gen(p) == NULL ? 0 : rt__gen(p)->stack_size);
}

etf_term rt__brief_term(struct etf_region *r, struct process *p)
{
    etf_term items[2];

    items[0] = etf_uint(r, memory_of(p));
    items[1] = native(r, label_of(p));
    return etf_tuple(r, items, 2);
}

etf_term rt__info_term(struct etf_region *r, struct process *p)
{
    struct lists l;
    const struct heritage *h = load_relaxed(&p->heritage);
    etf_pid leader = h == NULL ? (etf_pid){ 0 } : rt__leader_in(h);
    etf_term items[ITEMS];

    collect(r, p, &l);
    items[ITEM_LINKS] = l.links;
    items[ITEM_MONITORS] = l.monitors;
    items[ITEM_MONITORED_BY] = l.monitored_by;
    items[ITEM_ALIASES] = l.aliases;
    items[ITEM_MEMORY] = etf_uint(r, memory_of(p));
    items[ITEM_TRAP_EXIT] = etf_bool((p->flags & PROCESS_TRAP_EXIT) != 0);
    items[ITEM_PRIORITY] = etf_int(r, (int64_t)rt__priority(p));
    items[ITEM_BEHAVIOR] = native(r, name_of(p));
    items[ITEM_LABEL] = native(r, label_of(p));
    items[ITEM_PARENT] = parent_of(r, p);
    items[ITEM_LEADER] =
        etf_pid_is_none(leader) ? rt__pid_word(p) : etf_from_pid(r, leader);
    items[ITEM_SUSPENDED] = etf_bool((p->flags & PROCESS_SUSPENDED) != 0);
    items[ITEM_QUEUED] = etf_uint(r, load_relaxed(&p->queued));
    items[ITEM_PEAK] = etf_uint(r, load_relaxed(&p->queued_peak));
    items[ITEM_ENV] = rt__heritage_env(p);
    if (etf_is_none(items[ITEM_ENV]))
        items[ITEM_ENV] = etf_map(r, NULL, 0);
    items[ITEM_TIMERS] =
        etf_uint(r, p->relations == NULL ? 0 : p->relations->timer_count);
    return etf_tuple(r, items, ITEMS);
}

/* What waits for its code as a message. */
static bool is_message(const struct envelope *m)
{
    return m->kind == ENVELOPE_MESSAGE || m->kind == ENVELOPE_CALL ||
           m->kind == ENVELOPE_CAST || m->kind == ENVELOPE_ALIAS ||
           m->kind == ENVELOPE_EXIT_MESSAGE || m->kind == ENVELOPE_DOWN_MESSAGE;
}

etf_term rt__messages_term(struct etf_region *r, const struct process *p,
                           uint64_t count_max)
{
    size_t end = etf_region_used(r) + MESSAGES_BYTES_MAX;
    etf_term back = etf_nil(), list = etf_nil(), one;
    const struct envelope *m;

    for (m = p->queue; m != NULL && count_max > 0; m = m->next) {
        if (!is_message(m))
            continue;
        one = etf_copy(r, rt__materialise(r, p, m));
        if (etf_is_none(one) || etf_region_used(r) > end)
            break;
        back = etf_cons(r, one, back);
        count_max--;
    }
    while (etf_list_next(&back, &one))
        list = etf_cons(r, one, list);
    return list;
}

/* ---- What the asker hears
 * ------------------------------------------------------------------------------
 */

static const char *text_at(etf_term t)
{
    uint64_t word = 0;

    (void)etf_get_uint(t, &word);
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): see rt__info_term() */
    return (const char *)(uintptr_t)word;
}

static void read_info(const etf_term *items, struct rt_process_info *info)
{
    int64_t number = 0;

    info->links = items[ITEM_LINKS];
    info->monitors = items[ITEM_MONITORS];
    info->monitored_by = items[ITEM_MONITORED_BY];
    info->aliases = items[ITEM_ALIASES];
    info->env = items[ITEM_ENV];
    (void)etf_get_uint(items[ITEM_MEMORY], &info->memory_bytes);
    (void)etf_get_bool(items[ITEM_TRAP_EXIT], &info->trap_exit);
    if (etf_get_int(items[ITEM_PRIORITY], &number))
        info->priority = (enum rt_priority)number;
    info->behavior = text_at(items[ITEM_BEHAVIOR]);
    info->label = text_at(items[ITEM_LABEL]);
    (void)etf_get_pid(items[ITEM_PARENT], &info->parent);
    (void)etf_get_pid(items[ITEM_LEADER], &info->group_leader);
    (void)etf_get_uint(items[ITEM_QUEUED], &info->mailbox_count);
    (void)etf_get_uint(items[ITEM_PEAK], &info->mailbox_peak);
    (void)etf_get_uint(items[ITEM_TIMERS], &info->timers);
    /* Else what it was before it was asked: the question wakes it. */
    if (etf_same(items[ITEM_SUSPENDED], ETF_A(true)))
        info->status = RT_STATUS_SUSPENDED;
}

enum agner_err rt_process_info(struct gen *self, etf_pid pid,
                               struct rt_process_info *info)
{
    enum agner_err err = AGNER_OK;
    etf_term answer = ETF_NONE;

    if (etf_pid_equal(pid, rt_self(self))) {
        glance(self->rt, self->process, pid, info); /* to its very end */
    } else {
        err = rt__may_run(self);
        if (err == AGNER_OK)
            err = rt_process_glance(self->rt, pid, info);
    }
    if (err != AGNER_OK)
        return err;
    err = rt__ask(self, rt__word_of(pid), ETF_NONE, &answer);
    if (err != AGNER_OK)
        return err;
    read_info(etf_tuple_items(answer), info);
    info->names = rt_names_of(self->rt, &self->scratch, pid);
    return etf_is_none(info->names) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err rt_process_messages(struct gen *self, etf_pid pid,
                                   uint64_t count_max, etf_term *list)
{
    enum agner_err err = rt__may_run(self);

    if (err == AGNER_OK &&
        (!etf_pid_is_local(pid) || !rt_is_alive(self->rt, pid)))
        err = AGNER_ENOPROC;
    if (err != AGNER_OK)
        return err;
    return rt__ask(self, rt__word_of(pid), etf_uint(&self->scratch, count_max),
                   list);
}

/* The answer's memory goes back at once, so that many may be asked. */
enum agner_err rt_process_brief(struct gen *self, etf_pid pid,
                                struct rt_process_info *info)
{
    struct envelope *had = self->held, *m;
    etf_term answer = ETF_NONE;
    enum agner_err err = rt__may_run(self);

    if (err == AGNER_OK)
        err = rt_process_glance(self->rt, pid, info);
    if (err == AGNER_OK)
        err = rt__ask(self, rt__word_of(pid), ETF_A(info), &answer);
    if (err == AGNER_OK) {
        (void)etf_get_uint(etf_tuple_items(answer)[0], &info->memory_bytes);
        info->label = text_at(etf_tuple_items(answer)[1]);
    }
    if (self->held != had) { /* what came is the newest */
        m = self->held;
        self->held = m->next;
        rt__envelope_free(self->rt, self->worker, m);
    }
    return err;
}

struct awaited {
    etf_ref ref;
};

static bool is_down(void *ctx, etf_term m)
{
    const struct awaited *a = ctx;
    etf_ref ref;

    return etf_is_tagged(m, ETF_A(DOWN), 5) &&
           etf_get_ref(etf_tuple_items(m)[1], &ref) &&
           etf_ref_equal(ref, a->ref);
}

/* Order: acquire pairs with the release in rt__exit_process(), before which all
 * have been told. */
static bool is_over(struct rt *rt, etf_term pid)
{
    const struct process *p = rt__slot(rt, etf__pid_slot(pid));

    return p == NULL ||
           load_acquire(&p->generation) != etf__pid_generation(pid);
}

/* Who asks while it is ending is told so at once, and who is told with others
 * may be the first of them. The rest takes moments: no code of its own runs any
 * more. */
static enum agner_err until_all_are_told(struct gen *self, etf_pid pid)
{
    enum agner_err err = AGNER_OK;
    unsigned spins = 0;

    while (err == AGNER_OK && etf_pid_is_local(pid) &&
           !is_over(self->rt, rt__word_of(pid))) {
        if (spins++ < TOLD_SPINS)
            atomic_relax();
        else
            err = rt_sleep(self, 1);
    }
    return err;
}

enum agner_err rt_wait(struct gen *self, etf_pid pid, uint64_t timeout_ms)
{
    struct awaited a;
    etf_term message;
    enum agner_err err;

    if (etf_pid_equal(pid, rt_self(self)))
        return AGNER_EDEADLK;
    err = rt_monitor(self, etf_from_pid(&self->scratch, pid), 0, &a.ref);
    if (err != AGNER_OK)
        return err;
    err = rt_receive_match(self, is_down, &a, timeout_ms, &message);
    if (err == AGNER_OK)
        return until_all_are_told(self, pid);
    (void)rt_demonitor(self, a.ref, true); /* whichever way it went */
    return err;
}

/* ---- Counters
 * -------------------------------------------------------------------------------
 */

void rt_stats(struct rt *rt, struct rt_stats *s)
{
    unsigned i, j;

    memset(s, 0, sizeof *s);
    s->processes = rt__process_count(rt);
    s->processes_peak = load_relaxed(&rt->processes_peak);
    if (s->processes > s->processes_peak)
        s->processes_peak = s->processes;
    s->spawned = load_relaxed(&rt->spawned);
    s->timers_set = load_relaxed(&rt->shared_wheel.set);
    s->timers_fired = load_relaxed(&rt->shared_wheel.fired);
    s->long_schedules = load_relaxed(&rt->long_schedules);
    s->handovers = load_relaxed(&rt->handovers);
    s->workers = rt->worker_count;
    for (j = 0; j < 8; j++)
        s->dropped[j] = load_relaxed(&rt->dropped[j]);
    for (i = 0; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        s->messages += load_relaxed(&w->messages);
        s->slices += load_relaxed(&w->picked);
        s->steals += load_relaxed(&w->steals);
        s->parks += load_relaxed(&w->parks);
        s->spawned += load_relaxed(&w->spawned);
        s->memory_bytes += rt__pool_bytes(&w->pool);
        s->runnable += load_relaxed(&w->length);
        s->timers_set += load_relaxed(&w->wheel.set);
        s->timers_fired += load_relaxed(&w->wheel.fired);
        for (j = 0; j < 8; j++)
            s->dropped[j] += load_relaxed(&w->dropped[j]);
    }
    s->memory_bytes += (uint64_t)load_relaxed(&rt->chunk_count) * CHUNK_SLOTS *
                       sizeof(struct process);
    s->processes_max = rt->options.processes_max;
    s->processes_refused = load_relaxed(&rt->processes_refused);
    s->memory_used = load_relaxed(&rt->watermark.used);
    s->memory_soft = rt->watermark.soft;
    s->memory_hard = rt->watermark.hard;
    s->memory_alarms = load_relaxed(&rt->watermark.alarms);
    s->memory_refused = load_relaxed(&rt->watermark.refused);
    s->bytes_in = load_relaxed(&rt->bytes_in);
    s->bytes_out = load_relaxed(&rt->bytes_out);
    s->runnable += load_relaxed(&rt->normal.count) +
                   load_relaxed(&rt->high.count) + load_relaxed(&rt->low.count);
    s->up_us = (rt->world->now_ns(rt->world->ctx) - rt->start_ns) / 1000u;
}

size_t rt_worker_busy(struct rt *rt, uint64_t *busy_us, size_t room)
{
    for (size_t i = 0; i < room && i < rt->worker_count; i++)
        busy_us[i] = load_relaxed(&rt->workers[i]->busy_us);
    return rt->worker_count;
}
