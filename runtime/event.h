/*
 * event.h -- events: what their two files, and the ends of processes, share.
 *
 * Private to runtime/. An event is in the runtime's table from its registration
 * until its owner unregisters it or ends. A subscription is a monitor of the
 * owner that has the event's name and number (RELATION_EVENT), and a seat in
 * the audience. The owner's entry for it is what tells the subscriber of the
 * end; what it is sent comes through the monitor's reference as through an
 * alias, so that nothing comes after the monitor is gone.
 */
#ifndef RT_EVENT_H
#define RT_EVENT_H

#include "audience.h"
#include "relation.h"
#include "spin.h"

#define EVENT_BUCKETS 64u

struct event {
    struct event *next;
    etf_term name;
    etf_term owner;  /* pid word; NONE: the runtime */
    uint64_t number; /* of its token: no two events have the same */
    uint32_t slot;   /* of its token */
    bool notify;
    struct envelope *farewell; /* owned: {event_stop, Name}, when it is due */
    struct audience *audience;
    struct etf_box **last; /* owned: the newest events, a ring */
    uint32_t last_max, last_count, last_first;
};

struct events {
    rt_spin lock; /* guards all that follows */
    struct event *buckets[EVENT_BUCKETS];
};

enum agner_err rt__events_init(struct rt *rt);
void rt__events_fini(struct rt *rt);

/* The event of that name; NULL: none. The lock is held. */
struct event *rt__event_find(const struct events *events, etf_term name);

/* Is it still the event that the relation is about? */
bool rt__event_stands(struct rt *rt, const struct relation *r);
/* The subscription `r` of a process ends: it leaves the audience. */
void rt__event_leave(struct rt *rt, struct worker *worker, struct relation *r);
/* The events of a process that ends are over. */
void rt__events_end(struct rt *rt, struct worker *worker, etf_term owner);
/* A node has come or gone: the runtime's own event. */
void rt__event_network(struct rt *rt, etf_term what, etf_term node);
/* Publishes one of the runtime's own. Without memory nobody hears of it. */
void rt__event_own(struct rt *rt, const char *name, etf_term term);

#endif
