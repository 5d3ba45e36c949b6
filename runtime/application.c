/*
 * application.c -- which application a process belongs to: by its group leader.
 *
 * An application master is the group leader of all its processes, as in OTP.
 * There are few, so a list does.
 */
#include <stdlib.h>

#include "worker.h"

struct membership {
    etf_pid leader;
    etf_term application;
};

struct applications {
    rt_spin lock; /* guards items, capacity */
    _Atomic uint32_t count;
    uint32_t capacity;
    struct membership *items;
};

enum agner_err rt__applications_init(struct rt *rt)
{
    rt->applications = calloc(1, sizeof *rt->applications);
    return rt->applications == NULL ? AGNER_ENOMEM : AGNER_OK;
}

void rt__applications_fini(struct rt *rt)
{
    if (rt->applications == NULL)
        return;
    free(rt->applications->items);
    free(rt->applications);
}

/* The lock is held. */
static struct membership *find(struct applications *a, etf_pid leader)
{
    uint32_t i, count = load_relaxed(&a->count);

    for (i = 0; i < count; i++)
        if (etf_pid_equal(a->items[i].leader, leader))
            return &a->items[i];
    return NULL;
}

/* The lock is held. */
static enum agner_err add(struct applications *a, etf_pid leader,
                          etf_term application)
{
    uint32_t count = load_relaxed(&a->count);
    struct membership *items = a->items;

    if (count == a->capacity) {
        items = realloc(items, (2 * a->capacity + 8) * sizeof *items);
        if (items == NULL)
            return AGNER_ENOMEM;
        a->items = items;
        a->capacity = 2 * a->capacity + 8;
    }
    items[count].leader = leader;
    items[count].application = application;
    store_relaxed(&a->count, count + 1);
    return AGNER_OK;
}

enum agner_err rt_application_leader(struct rt *rt, etf_pid leader,
                                     etf_term application)
{
    struct applications *a = rt->applications;
    struct membership *m;
    enum agner_err err = AGNER_OK;

    if (etf_pid_is_none(leader) ||
        (!etf_is_none(application) && etf__tag(application) != ETF__ATOM))
        return AGNER_EINVAL;
    rt__lock(&a->lock);
    m = find(a, leader);
    if (m != NULL && etf_is_none(application)) {
        store_relaxed(&a->count, load_relaxed(&a->count) - 1);
        *m = a->items[load_relaxed(&a->count)];
    } else if (m != NULL) {
        m->application = application;
    } else if (!etf_is_none(application)) {
        err = add(a, leader, application);
    }
    rt__unlock(&a->lock);
    return err;
}

static etf_term application_of(struct rt *rt, etf_pid leader)
{
    struct applications *a = rt->applications;
    const struct membership *m;
    etf_term application;

    /* Relaxed: a program that has no applications takes no lock. */
    if (load_relaxed(&a->count) == 0)
        return ETF_NONE;
    rt__lock(&a->lock);
    m = find(a, leader);
    application = m == NULL ? ETF_NONE : m->application;
    rt__unlock(&a->lock);
    return application;
}

etf_term rt_application(struct gen *self)
{
    return application_of(self->rt, rt_group_leader(self));
}

etf_term rt_application_of(struct rt *rt, etf_pid pid)
{
    etf_pid leader;

    if (!rt__heritage_leader(rt, pid, &leader))
        return ETF_NONE;
    return application_of(rt, leader);
}
