/*
 * group.c -- a count of things under way: gen_group.h.
 *
 * The step to zero is made under the lock, and all who wait are woken in the
 * same hold of it. Every other step is one exchange.
 */
#include <agner/gen_group.h>

#include <stdlib.h>

#include "async/place.h"

struct gen_group {
    struct gen_place place; /* first */
    _Atomic uint64_t count;
};

static enum agner_err look(const struct gen_place *place, uint64_t want)
{
    const struct gen_group *group =
        (const struct gen_group *)(const void *)place;

    (void)want;
    /* Acquire pairs with every step: who waited sees what was done. */
    return load_acquire(&group->count) == 0 ? AGNER_OK : AGNER_EAGAIN;
}

/* For who waits while it becomes zero: it may be more again already. */
static enum agner_err look_now(const struct gen_place *place, uint64_t want)
{
    (void)place;
    (void)want;
    return AGNER_OK;
}

static etf_term tell(struct gen_place *place, struct etf_region *r,
                     const struct gen_listener *l)
{
    (void)place;
    return etf_make(r, "{gen_group, _}", l->ref);
}

/* From `seen` to zero, unless it has changed. */
static bool to_zero(struct gen_group *group, uint64_t *seen)
{
    struct gen_listener *due = NULL;
    bool made;

    rt__lock(&group->place.lock);
    made = cas_acq_rel(&group->count, seen, 0u);
    if (made)
        due = gen__place_wake(&group->place, NULL, look_now);
    rt__unlock(&group->place.lock);
    gen__place_tell(due, tell);
    return made;
}

enum agner_err gen_group_add(struct gen_group *group, int64_t delta)
{
    uint64_t seen = load_relaxed(&group->count), sum;
    bool made = false;

    while (!made) {
        if (delta < 0 && seen < 0 - (uint64_t)delta)
            return AGNER_EINVAL;
        sum = seen + (uint64_t)delta;
        if (sum > INT64_MAX)
            return AGNER_ELIMIT;
        made = delta < 0 && sum == 0
                   ? to_zero(group, &seen)
                   : cas_weak_acq_rel(&group->count, &seen, sum);
    }
    return AGNER_OK;
}

enum agner_err gen_group_done(struct gen_group *group)
{
    return gen_group_add(group, -1);
}

uint64_t gen_group_count(const struct gen_group *group)
{
    return load_acquire(&group->count);
}

enum agner_err gen_group_wait(struct gen *self, struct gen_group *group,
                              uint64_t timeout_ms, struct gen_cancel *cancel)
{
    return gen__place_wait(self, &group->place, look, 0, timeout_ms, cancel);
}

enum agner_err gen_group_notify(struct gen *self, struct gen_group *group,
                                etf_ref *ref)
{
    return gen__place_listen(self, &group->place, look, 0, tell, ref);
}

static void fini(struct gen_place *place)
{
    free(place); /* it is the first field */
}

struct gen_group *gen_group_new(struct rt *rt)
{
    struct gen_group *group = calloc(1, sizeof *group);

    if (group != NULL)
        gen__place_init(&group->place, rt, fini);
    return group;
}

struct gen_group *gen_group_hold(struct gen_group *group)
{
    gen__place_hold(&group->place);
    return group;
}

void gen_group_free(struct gen_group *group)
{
    gen__place_free(group == NULL ? NULL : &group->place);
}
