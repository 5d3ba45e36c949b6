/*
 * event.c -- local events: who owns one, and what is published. See event.h.
 *
 * Source: spec/gen.md 1.13.
 */
#include "event.h"

#include <stdlib.h>

#include "worker.h"

#define BUFFER_MAX 1048576u /* events kept: AGNER_ELIMIT beyond */

static struct event **bucket(struct events *events, etf_term name)
{
    return &events->buckets[etf__atom_number(name) % EVENT_BUCKETS];
}

struct event *rt__event_find(const struct events *events, etf_term name)
{
    struct event *e;

    if (etf__tag(name) != ETF__ATOM)
        return NULL;
    e = events->buckets[etf__atom_number(name) % EVENT_BUCKETS];
    while (e != NULL && !etf_same(e->name, name))
        e = e->next;
    return e;
}

/* Out of the table already, so that nobody else has it. */
static void free_event(struct rt *rt, struct worker *worker, struct event *e)
{
    uint32_t i;

    for (i = 0; i < e->last_count; i++)
        etf_box_free(e->last[(e->last_first + i) % e->last_max]);
    free(e->last);
    if (e->farewell != NULL)
        rt__envelope_free(rt, worker, e->farewell);
    rt__audience_release(e->audience);
    free(e);
}

static struct event *new_event(etf_term name, bool notify, uint32_t buffer)
{
    struct event *e = calloc(1, sizeof *e);

    if (e == NULL)
        return NULL;
    e->name = name;
    e->notify = notify;
    e->last_max = buffer;
    if (buffer == 0)
        return e;
    e->last = calloc(buffer, sizeof(struct etf_box *));
    if (e->last != NULL)
        return e;
    free(e);
    return NULL;
}

/* false: the name is taken. */
static bool add(struct events *events, struct event *e)
{
    bool is_free;

    rt__lock(&events->lock);
    is_free = rt__event_find(events, e->name) == NULL;
    if (is_free) {
        e->next = *bucket(events, e->name);
        *bucket(events, e->name) = e;
    }
    rt__unlock(&events->lock);
    return is_free;
}

/* ---- Owners
 * ------------------------------------------------------------------------- */

enum agner_err rt_event_register(struct gen *self, etf_term name,
                                 const struct rt_event_options *options,
                                 etf_ref *token)
{
    static const struct rt_event_options defaults;
    struct relations *t = rt__relations(self->process);
    struct event *e;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (options == NULL)
        options = &defaults;
    if (etf__tag(name) != ETF__ATOM || etf_same(name, ETF_A(undefined)))
        return AGNER_EINVAL;
    if (options->buffer > BUFFER_MAX)
        return AGNER_ELIMIT;
    e = t == NULL ? NULL : new_event(name, options->notify, options->buffer);
    if (e == NULL)
        return AGNER_ENOMEM;
    e->owner = rt__pid_word(self->process);
    e->number = rt__ref_next(self->rt, self->worker);
    e->slot = self->process->slot;
    *token = rt__ref(e->number, e->slot);
    t->has_events = true;
    if (add(self->rt->events, e))
        return AGNER_OK;
    free_event(self->rt, self->worker, e);
    return AGNER_ETAKEN;
}

/* Takes the event out of the table. */
static enum agner_err take_out(struct events *events, etf_term name,
                               etf_term owner, struct event **out)
{
    struct event **link, *e;
    enum agner_err err = AGNER_OK;

    rt__lock(&events->lock);
    e = rt__event_find(events, name);
    if (e == NULL) {
        err = AGNER_EUNKNOWN;
    } else if (!etf_same(e->owner, owner)) {
        err = AGNER_EOWNER;
    } else {
        link = bucket(events, name);
        while (*link != e)
            link = &(*link)->next;
        *link = e->next;
    }
    rt__unlock(&events->lock);
    *out = e;
    return err;
}

/* Tells those who have subscribed to the event that was taken out. */
static void tell_end(struct gen *self, const struct event *e)
{
    struct process *p = self->process;
    struct relation *r = p->relations->first, *after;

    for (; r != NULL; r = after) {
        etf_term to = r->who;

        after = r->after;
        if (r->kind != RELATION_WATCHER || (r->flags & RELATION_EVENT) == 0 ||
            r->era != e->number)
            continue;
        rt__relation_remove(p, r);
        r->envelope.kind = ENVELOPE_DOWN;
        r->envelope.flags = 0;
        r->envelope.sender = rt__pid_word(p);
        r->envelope.term = etf_atom("unregistered");
        rt__push_or_drop(self->rt, self->worker, to, &r->envelope);
    }
}

enum agner_err rt_event_unregister(struct gen *self, etf_term name)
{
    struct event *e;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    err = take_out(self->rt->events, name, rt__pid_word(self->process), &e);
    if (err != AGNER_OK)
        return err;
    /* Whoever comes later is told by watched() in receive.c. */
    rt__take(self->rt, self->worker, self->process);
    tell_end(self, e);
    free_event(self->rt, self->worker, e);
    return AGNER_OK;
}

void rt__events_end(struct rt *rt, struct worker *worker, etf_term owner)
{
    struct event *gone = NULL, **link, *e;
    unsigned i;

    rt__lock(&rt->events->lock);
    for (i = 0; i < EVENT_BUCKETS; i++)
        for (link = &rt->events->buckets[i]; (e = *link) != NULL;) {
            if (!etf_same(e->owner, owner)) {
                link = &e->next;
                continue;
            }
            *link = e->next;
            e->next = gone;
            gone = e;
        }
    rt__unlock(&rt->events->lock);
    while ((e = gone) != NULL) {
        gone = e->next;
        free_event(rt, worker, e);
    }
}

/* ---- Publishing
 * --------------------------------------------------------------------- */

/* Takes a count of `box` into the ring; returns the one that falls out, or
 * NULL. The lock is held. */
static struct etf_box *remember(struct event *e, struct etf_box *box)
{
    struct etf_box *oldest = NULL;

    if (e->last_max == 0)
        return NULL;
    if (e->last_count == e->last_max) {
        oldest = e->last[e->last_first];
        e->last_first = (e->last_first + 1) % e->last_max;
        e->last_count--;
    }
    e->last[(e->last_first + e->last_count++) % e->last_max] =
        etf_box_hold(box);
    return oldest;
}

/* To one subscriber. What comes when it has left finds no such alias. */
static void deliver(struct rt *rt, struct worker *worker,
                    const struct place *place, struct etf_box *box)
{
    uint64_t pid = load_relaxed(&place->pid);
    struct envelope *m;

    if (pid == 0)
        return;
    m = rt__envelope_box(worker, ENVELOPE_ALIAS, etf_box_hold(box));
    if (m == NULL) {
        etf_box_free(box);
        rt__count_drop(rt, worker, RT_DROP_MEMORY);
        return;
    }
    m->id = place->id;
    rt__push_or_drop(rt, worker, etf__word(pid), m);
}

/* {event, Name, Node, TimeNs, Term} in a box. NULL: no memory. */
static struct etf_box *boxed(struct rt *rt, etf_term name, etf_term term)
{
    uint64_t words[64];
    struct etf_box *box = NULL;
    struct etf_region r;
    etf_term event;

    etf__region_init(&r, words, 64, 0);
    event = etf_make(&r, "{event, _, _, _, _}", name, rt__node_name(rt),
                     rt_wall_ns(rt), term);
    if (!etf_is_none(event))
        box = etf_box_new(event);
    etf__region_fini(&r);
    return box;
}

/* `number` is that of the token, or of the runtime's own. */
static enum agner_err publish(struct rt *rt, struct worker *worker,
                              etf_term name, uint64_t number, etf_term term)
{
    struct etf_box *box = boxed(rt, name, term), *oldest = NULL;
    struct audience *audience = NULL;
    uint32_t count = 0, i;
    enum agner_err err = AGNER_OK;
    struct event *e;

    if (box == NULL)
        return AGNER_ENOMEM;
    rt__lock(&rt->events->lock);
    e = rt__event_find(rt->events, name);
    if (e == NULL) {
        err = AGNER_EUNKNOWN;
    } else if (e->number != number) {
        err = AGNER_EOWNER;
    } else {
        oldest = remember(e, box);
        audience = rt__audience_hold(e->audience);
        count = audience == NULL ? 0 : audience->count;
    }
    rt__unlock(&rt->events->lock);
    etf_box_free(oldest);
    for (i = 0; i < count; i++)
        deliver(rt, worker, &audience->places[i], box);
    rt__audience_release(audience);
    etf_box_free(box);
    return err;
}

static bool number_of(etf_ref token, uint64_t *number)
{
    uint32_t slot;

    return rt__ref_local(&token, number, &slot);
}

enum agner_err rt_event_send(struct gen *self, etf_term name, etf_ref token,
                             etf_term term)
{
    uint64_t number;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (!number_of(token, &number))
        return AGNER_EOWNER;
    rt__count_sent(self->process);
    return publish(self->rt, self->worker, name, number, term);
}

enum agner_err rt_event_post(struct rt *rt, etf_term name, etf_ref token,
                             etf_term term)
{
    uint64_t number;

    if (!number_of(token, &number))
        return AGNER_EOWNER;
    return publish(rt, NULL, name, number, term);
}

static int by_text(const void *a, const void *b)
{
    const etf_term *left = a, *right = b;

    return etf_compare(*left, *right);
}

etf_term rt_event_list(struct rt *rt, struct etf_region *r)
{
    etf_term *names = NULL, list;
    size_t count = 0, room = 0;
    const struct event *e;
    unsigned i;

    rt__lock(&rt->events->lock);
    for (i = 0; i < EVENT_BUCKETS; i++)
        for (e = rt->events->buckets[i]; e != NULL; e = e->next)
            room++;
    names = malloc((room + 1) * sizeof *names);
    for (i = 0; names != NULL && i < EVENT_BUCKETS; i++)
        for (e = rt->events->buckets[i]; e != NULL; e = e->next)
            names[count++] = e->name;
    rt__unlock(&rt->events->lock);
    if (names == NULL)
        return ETF_NONE;
    qsort(names, count, sizeof *names, by_text);
    list = etf_list(r, names, count, etf_nil());
    free(names);
    return list;
}

/* ---- The runtime's own
 * -------------------------------------------------------------- */

enum agner_err rt__events_init(struct rt *rt)
{
    static const char *const names[] = { "network", "alarm" };
    size_t i;

    rt->events = calloc(1, sizeof *rt->events);
    if (rt->events == NULL)
        return AGNER_ENOMEM;
    for (i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct event *event = new_event(etf_atom(names[i]), false, 0);

        if (event == NULL)
            return AGNER_ENOMEM;
        (void)add(rt->events, event);
    }
    return AGNER_OK;
}

void rt__events_fini(struct rt *rt)
{
    if (rt->events == NULL)
        return;
    rt__events_end(rt, NULL, ETF_NONE);
    free(rt->events);
}

void rt__event_own(struct rt *rt, const char *name, etf_term term)
{
    (void)publish(rt, NULL, etf_atom(name), 0, term);
}

void rt__event_network(struct rt *rt, etf_term what, etf_term node)
{
    uint64_t words[8];
    struct etf_region r;
    etf_term items[2];

    items[0] = what;
    items[1] = node;
    etf__region_init(&r, words, 8, 0);
    rt__event_own(rt, "network", etf_tuple(&r, items, 2));
    etf__region_fini(&r);
}
