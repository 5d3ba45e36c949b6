/*
 * audience.c -- lists of subscribers: see audience.h.
 */
#include "audience.h"

#include <stdlib.h>

#define PLACES_MIN 4u

struct audience *rt__audience_hold(struct audience *a)
{
    if (a != NULL)
        add_relaxed(&a->refs, 1u); /* the holder of the lock has one */
    return a;
}

/* Order: the last one frees what the others have read. */
void rt__audience_release(struct audience *a)
{
    if (a != NULL && sub_acq_rel(&a->refs, 1u) == 1)
        free(a);
}

uint32_t rt__audience_size(const struct audience *a)
{
    return a == NULL ? 0 : a->count - a->empty;
}

/* A new list with those of the old one who are there. */
static struct audience *moved(const struct audience *old)
{
    uint32_t size = rt__audience_size(old), capacity = PLACES_MIN + 2 * size;
    struct audience *a = malloc(sizeof *a + capacity * sizeof a->places[0]);
    uint32_t i;

    if (a == NULL)
        return NULL;
    store_relaxed(&a->refs, 1u);
    a->count = a->empty = 0;
    a->capacity = capacity;
    for (i = 0; old != NULL && i < old->count; i++) {
        uint64_t pid = load_relaxed(&old->places[i].pid);

        if (pid == 0)
            continue;
        store_relaxed(&a->places[a->count].pid, pid);
        a->places[a->count].id = old->places[i].id;
        a->places[a->count].seat = old->places[i].seat;
        a->places[a->count].seat->index = a->count;
        a->count++;
    }
    return a;
}

static bool renew(struct audience **audience)
{
    struct audience *a = moved(*audience);

    if (a == NULL)
        return false;
    rt__audience_release(*audience);
    *audience = a;
    return true;
}

bool rt__audience_join(struct audience **audience, etf_term pid, uint64_t id,
                       struct seat *seat)
{
    struct audience *a = *audience;

    if ((a == NULL || a->count == a->capacity) && !renew(audience))
        return false;
    a = *audience;
    /* Behind what any publisher reads: it took the count before. */
    store_relaxed(&a->places[a->count].pid, pid.word);
    a->places[a->count].id = id;
    a->places[a->count].seat = seat;
    seat->index = a->count++;
    return true;
}

void rt__audience_leave(struct audience **audience, const struct seat *seat)
{
    struct audience *a = *audience;

    store_relaxed(&a->places[seat->index].pid, 0u);
    a->empty++;
    if (a->empty > PLACES_MIN && a->empty * 2 > a->count)
        (void)renew(audience); /* without memory it stays as it is */
}
