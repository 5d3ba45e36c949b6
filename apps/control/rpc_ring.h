/*
 * rpc_ring.h -- the last events of the node's log, and who follows it.
 *
 * Private to apps/control. The ring is a handler of the runtime's log: its
 * thread puts events in, sessions read them out, each at its own place. So what
 * waits for a slow client is the ring and nothing else; a client that falls
 * behind by more than the ring holds misses events, and is told how many.
 *
 * A follower is told once, by the message `logs`, that there is something to
 * read, and again only after it has read all there is.
 */
#ifndef RPC_RING_H
#define RPC_RING_H

#include <agner/rt.h>

#include "spin.h"

#define RPC_RING_EVENTS 1024u
#define RPC_RING_BYTES  (4u << 20) /* of them, about */

/* Which events a client wants. */
struct rpc_log_filter {
    enum rt_log_level level; /* and what is more severe */
    etf_pid pid;             /* or all zero */
    char name[256];          /* of a process; "": any */
    char application[256];   /* "": any */
};

/* In the state of a session. */
struct rpc_follower {
    /* The ring's, under its lock. */
    struct rpc_follower *next, **link; /* `link` NULL: not in the list */
    etf_pid session;
    bool told;

    /* The session's. */
    bool following;
    bool busy;   /* what it sent is not written yet */
    uint64_t at; /* number of the next event to read */
    struct rpc_log_filter filter;
};

struct rpc_ring {
    struct rt *rt;
    rt_spin lock; /* guards all that follow */
    const struct rt_log_event *events[RPC_RING_EVENTS]; /* held; by number */
    size_t sizes[RPC_RING_EVENTS];
    uint64_t first, next; /* numbers: of the oldest, of the next to come */
    size_t bytes;
    struct rpc_follower *followers;
};

void rpc__ring_init(struct rpc_ring *ring, struct rt *rt);
/* Nobody follows any more, and no event comes. */
void rpc__ring_fini(struct rpc_ring *ring);

/* The handler: `ring` is its context. */
void rpc__ring_add(void *ring, const struct rt_log_event *event);

/*
 * Reads up to `room` events from number *at on, oldest first, each with a
 * reference for the caller; moves *at behind them. *missed is how many between
 * were not there any more. With `follower` and no event left, it will be told
 * of the next.
 */
size_t rpc__ring_read(struct rpc_ring *ring, struct rpc_follower *follower,
                      uint64_t *at, const struct rt_log_event **events,
                      size_t room, uint64_t *missed);

/* Begins to tell `session` of what comes; ends it, also if it never began. */
void rpc__ring_follow(struct rpc_ring *ring, struct rpc_follower *follower,
                      etf_pid session);
void rpc__ring_leave(struct rpc_ring *ring, struct rpc_follower *follower);

/* Is the event wanted? */
bool rpc__log_matches(const struct rpc_log_filter *filter,
                      const struct rt_log_event *event);

#endif
