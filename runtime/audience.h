/*
 * audience.h -- who gets what is published: a list that may be read while it
 * changes.
 *
 * Private to runtime/. Places are only added behind the others; one that is
 * left stays empty until half of them are, and then the others move to a new
 * list. So a publisher takes the list and its length under its lock, and goes
 * through it without: it may meet somebody who has just left, and meets nobody
 * who came after.
 */
#ifndef RT_AUDIENCE_H
#define RT_AUDIENCE_H

#include <agner/rt.h>

#include "atomic.h"

/* A subscriber's own place. */
struct seat {
    uint32_t index;
};

struct place {
    _Atomic uint64_t pid; /* word; 0: empty */
    uint64_t id;          /* of the subscription */
    struct seat *seat;    /* borrowed: the subscriber's; guarded as the list */
};

struct audience {
    _Atomic uint32_t refs; /* the event's, and publishers' */
    uint32_t count;        /* places in use, empty ones too; guarded */
    uint32_t empty;        /* guarded */
    uint32_t capacity;
    struct place places[];
};

/* All but the release of a publisher's count with the owner's lock held.
 * *audience may be NULL, which is one with no places. false: no memory. */
bool rt__audience_join(struct audience **audience, etf_term pid, uint64_t id,
                       struct seat *seat);
void rt__audience_leave(struct audience **audience, const struct seat *seat);
uint32_t rt__audience_size(const struct audience *audience);

/* One more, or one fewer, who reads it. NULL is fine. */
struct audience *rt__audience_hold(struct audience *audience);
void rt__audience_release(struct audience *audience);

#endif
