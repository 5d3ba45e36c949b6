/*
 * subscribe.c -- local events: who hears them. See event.h.
 *
 * Source: spec/gen.md 1.13.
 */
#include <stdlib.h>

#include "event.h"
#include "worker.h"

/* ---- The owner hears whether anybody listens
 * -------------------------------------------- */

static struct envelope *note(struct worker *worker, etf_term tag, etf_term name)
{
    uint64_t words[8];
    struct envelope *m;
    struct etf_region r;
    etf_term items[2];

    items[0] = tag;
    items[1] = name;
    etf__region_init(&r, words, 8, 0);
    m = rt__envelope_new(worker, ENVELOPE_MESSAGE, etf_tuple(&r, items, 2));
    etf__region_fini(&r);
    return m;
}

/* The first has come. The note for when the last goes is made now, so that it
 * cannot fail then. The lock is held, so that notes come in order. */
static bool tell_first(struct rt *rt, struct worker *worker, struct event *e)
{
    struct envelope *m = note(worker, etf_atom("event_start"), e->name);

    e->farewell = note(worker, etf_atom("event_stop"), e->name);
    if (m != NULL && e->farewell != NULL) {
        rt__push_or_drop(rt, worker, e->owner, m);
        return true;
    }
    if (m != NULL)
        rt__envelope_free(rt, worker, m);
    if (e->farewell != NULL)
        rt__envelope_free(rt, worker, e->farewell);
    e->farewell = NULL;
    return false;
}

/* The lock is held. */
static void tell_last(struct rt *rt, struct worker *worker, struct event *e)
{
    struct envelope *m = e->farewell;

    e->farewell = NULL;
    if (m != NULL)
        rt__push_or_drop(rt, worker, e->owner, m);
}

/* ---- Seats
 * -------------------------------------------------------------------------- */

/* The events that are remembered, oldest first, a count of each. */
struct memory {
    struct etf_box **boxes; /* owned */
    uint32_t count;
};

static void forget(struct memory *memory, uint32_t from)
{
    for (; from < memory->count; from++)
        etf_box_free(memory->boxes[from]);
    free(memory->boxes);
}

/* The lock is held. */
static bool recall(const struct event *e, struct memory *memory)
{
    uint32_t i;

    memory->count = 0;
    memory->boxes = malloc((e->last_count + 1u) * sizeof(struct etf_box *));
    if (memory->boxes == NULL)
        return false;
    for (i = 0; i < e->last_count; i++)
        memory->boxes[memory->count++] =
            etf_box_hold(e->last[(e->last_first + i) % e->last_max]);
    return true;
}

/* Sits down: what is published from here on comes, and what was before is in
 * *memory. `r` learns which event it is, and whose. The lock is held. */
static enum agner_err sit(struct gen *self, struct event *e, struct relation *r,
                          struct memory *memory)
{
    etf_term me = rt__pid_word(self->process);

    if (!recall(e, memory))
        return AGNER_ENOMEM;
    if (!rt__audience_join(&e->audience, me, r->envelope.id, r->has.seat))
        goto forget_memory;
    if (e->notify && rt__audience_size(e->audience) == 1 &&
        !tell_first(self->rt, self->worker, e))
        goto stand_up;
    r->era = e->number;
    r->who = e->owner;
    return AGNER_OK;

stand_up:
    rt__audience_leave(&e->audience, r->has.seat);
forget_memory:
    forget(memory, 0);
    return AGNER_ENOMEM;
}

void rt__event_leave(struct rt *rt, struct worker *worker, struct relation *r)
{
    struct event *e;

    rt__lock(&rt->events->lock);
    e = rt__event_find(rt->events, r->name);
    if (e != NULL && e->number == r->era) {
        rt__audience_leave(&e->audience, r->has.seat);
        if (e->notify && rt__audience_size(e->audience) == 0)
            tell_last(rt, worker, e);
    }
    rt__unlock(&rt->events->lock);
}

bool rt__event_stands(struct rt *rt, const struct relation *r)
{
    const struct event *e;
    bool stands;

    rt__lock(&rt->events->lock);
    e = rt__event_find(rt->events, r->name);
    stands = e != NULL && e->number == r->era;
    rt__unlock(&rt->events->lock);
    return stands;
}

/* ---- Subscribing
 * ------------------------------------------------------------------------ */

/* Both entries, ours with a seat. */
static enum agner_err prepare(struct gen *self, etf_term name, uint16_t flags,
                              struct relation **mine, struct relation **theirs)
{
    uint64_t id = rt__ref_next(self->rt, self->worker);
    etf_term me = rt__pid_word(self->process);
    struct relation *r, *w;

    r = rt__relation_new(self->rt, self->worker, RELATION_MONITOR, ETF_NONE,
                         id);
    if (r == NULL)
        return AGNER_ENOMEM;
    r->flags |= flags | RELATION_EVENT | RELATION_IS_ALIAS | RELATION_NAMED;
    r->name = name;
    r->node = rt__node_name(self->rt);
    r->has.seat = malloc(sizeof *r->has.seat);
    w = rt__relation_new(self->rt, self->worker, RELATION_WATCHER, me, id);
    if (r->has.seat == NULL || w == NULL)
        goto free_both;
    w->flags |= RELATION_EVENT;
    w->name = name;
    w->envelope.kind = ENVELOPE_MONITOR;
    w->envelope.sender = me;
    if (!rt__relation_add(self->process, r))
        goto free_both;
    *mine = r;
    *theirs = w;
    return AGNER_OK;

free_both:
    if (w != NULL)
        rt__relation_free(self->rt, self->worker, w);
    rt__relation_free(self->rt, self->worker, r);
    return AGNER_ENOMEM;
}

static void drop(struct gen *self, struct relation *mine)
{
    rt__relation_remove(self->process, mine);
    rt__relation_free(self->rt, self->worker, mine);
}

/* Takes the seat, and tells the owner. Frees `theirs` on failure. */
static enum agner_err enter(struct gen *self, struct relation *mine,
                            struct relation *theirs, struct memory *memory)
{
    struct rt *rt = self->rt;
    enum agner_err err = AGNER_EUNKNOWN;
    struct event *e;

    rt__lock(&rt->events->lock);
    e = rt__event_find(rt->events, mine->name);
    if (e != NULL)
        err = sit(self, e, mine, memory);
    rt__unlock(&rt->events->lock);
    theirs->era = mine->era;
    if (err == AGNER_OK && !etf_is_none(mine->who)) {
        if (rt__push(rt, self->worker, mine->who, &theirs->envelope) ==
            AGNER_OK)
            return AGNER_OK;
        rt__event_leave(rt, self->worker, mine); /* its owner just ends */
        forget(memory, 0);
        err = AGNER_EUNKNOWN;
    }
    rt__relation_free(rt, self->worker, theirs);
    return err;
}

/* The list of what was remembered, in self's region, which takes it over. */
static etf_term list_of(struct gen *self, struct memory *memory)
{
    etf_term list = etf_nil();
    uint32_t i;

    for (i = memory->count; i > 0; i--) {
        struct etf_box *box = memory->boxes[i - 1];

        if (etf__region_keep_box(&self->scratch, box) != AGNER_OK) {
            memory->count = i;
            forget(memory, 0);
            return ETF_NONE;
        }
        list = etf_cons(&self->scratch, etf_box_term(box), list);
    }
    free(memory->boxes);
    return list;
}

static enum agner_err subscribe(struct gen *self, etf_term name, uint16_t flags,
                                etf_ref *ref, etf_term *last)
{
    struct relation *mine = NULL, *theirs = NULL;
    struct memory memory;
    etf_ref made;
    etf_term list;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (etf__tag(name) != ETF__ATOM)
        return AGNER_EUNKNOWN;
    err = prepare(self, name, flags, &mine, &theirs);
    if (err != AGNER_OK)
        return err;
    err = enter(self, mine, theirs, &memory);
    if (err != AGNER_OK) {
        drop(self, mine);
        return err;
    }
    made = rt__ref(mine->envelope.id, self->process->slot);
    list = list_of(self, &memory);
    if (etf_is_none(list)) {
        (void)rt_demonitor(self, made, true); /* as if it had never been */
        return AGNER_ENOMEM;
    }
    *ref = made;
    if (last != NULL)
        *last = list;
    return AGNER_OK;
}

enum agner_err rt_event_monitor(struct gen *self, etf_term name, etf_ref *ref,
                                etf_term *last)
{
    return subscribe(self, name, 0, ref, last);
}

enum agner_err rt_event_link(struct gen *self, etf_term name, etf_ref *ref,
                             etf_term *last)
{
    return subscribe(self, name, RELATION_EVENT_LINK, ref, last);
}
