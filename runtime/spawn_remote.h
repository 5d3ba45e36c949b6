/*
 * spawn_remote.h -- processes that one node starts for another.
 *
 * Private to runtime/. Asking is spawn_ask.c, its outcome is spawn_reply.c,
 * serving is spawn_serve.c, and spawn_options.c reads the options that both
 * ends know. A node may ask itself:
 * then the signals stay here, and all else is the same.
 *
 *   requester                          the other node
 *   RELATION_SPAWN  --- request --->   a process, with its ends of the link
 *                                      and the monitor; it does not run yet
 *   link, monitor   <---- reply ----   then it runs
 *
 * So the reply comes before every other signal of the new process. Source:
 * spec/distribution.md 6, "Spawn requests"; erlang(3), spawn_request/5.
 */
#ifndef RT_SPAWN_REMOTE_H
#define RT_SPAWN_REMOTE_H

#include "relation.h"
#include "rt_carrier.h"

/* In `id` of a reply: what was set up. */
enum { SPAWN_LINKED = 1, SPAWN_MONITORED = 2 };

/* ---- spawn_options.c ----------------------------------------------------- */

/* What a list of options asks for; those that this runtime has no use for are
 * checked all the same. */
struct spawn_wish {
    bool link, monitor;
    uint16_t alias;       /* of the monitor: relation flags; */
    bool alias_explicit;  /* ... or an alias that outlives it */
    etf_term monitor_tag; /* or ETF_NONE */
    enum rt_priority priority;
    etf_term name;      /* or ETF_NONE */
    etf_term reply_tag; /* or ETF_NONE */
    bool reply_ok, reply_error;
};

/* Reads the options of erlang:spawn_request/5 and {name, Name}. false: an
 * unknown or malformed one, or no proper list: `badopt`. */
bool rt__spawn_wish(etf_term options, struct spawn_wish *wish);

/* Is it for the requester's own use, and does not travel? */
bool rt__spawn_option_stays(etf_term option);

/* ---- spawn_serve.c ------------------------------------------------------- */

/* RT_SIGNAL_SPAWN_REQUEST, from another node or from a process of this one
 * (`node` is our own). The reply is on its way when it returns; AGNER_ENOMEM:
 * there is none, and no process. Any thread; never waits. */
enum agner_err rt__spawn_serve(struct rt *rt, struct worker *worker,
                               const struct rt_signal *s);

/* A place among those of one module that may live at one time: each served
 * process that has one gives it back at its end. */
struct spawn_room;
void rt__spawn_room_leave(struct spawn_room *room);

enum agner_err rt__spawn_init(struct rt *rt);
void rt__spawn_fini(struct rt *rt);

/* ---- spawn_reply.c ------------------------------------------------------- */

/* In the number of a request that rt_spawn_node() waits for: nobody learns of
 * its process but through that wait, so it is not to outlive it. Numbers are
 * counted from 1, and never get here. */
#define SPAWN_WAITED (UINT64_C(1) << 49)

/* Who wants to know. */
enum spawn_fate {
    FATE_MESSAGE,   /* a message tells */
    FATE_WAIT,      /* rt_spawn_node() waits: RELATION_DONE */
    FATE_ABANDONED, /* nobody: rt_spawn_abandon() */
    FATE_KILL,      /* nobody, and it is not to live: rt_spawn_node() is late */
};

/* What a RELATION_SPAWN has: relation.h. */
struct spawn_asked {
    enum spawn_fate fate;
    uint16_t alias; /* of the monitor: relation flags */
    bool alias_explicit;
    bool reply_ok, reply_error;
    struct etf_box *tag;     /* owned: of the monitor, or NULL */
    struct etf_box *message; /* owned: {Tag, Id, error, noconnection} */
    struct envelope *answer; /* owned: what FATE_WAIT waited for; its term is
                                the pid or the reason */
};

void rt__spawn_asked_free(struct rt *rt, struct worker *worker,
                          struct spawn_asked *asked);

/* The reply `m` has come to the process that asked, which takes it. Owner. */
void rt__spawn_replied(struct rt *rt, struct worker *worker, struct process *p,
                       struct envelope *m);
/* The connection is lost before the reply came. Owner. */
void rt__spawn_lost(struct rt *rt, struct worker *worker, struct process *p,
                    struct relation *r);
/* There is no process, for this reason: tells by message, if that is wanted.
 * Owner. */
void rt__spawn_failed(struct rt *rt, struct worker *worker, struct process *p,
                      struct relation *r, etf_term reason);
/* The reply `m` reaches nobody: whoever asked, `me`, is dead. */
void rt__spawn_late(struct rt *rt, etf_term me, const struct envelope *m);

/* The envelope of a reply: {Flags, PidOrReason}, about the request `id`. */
struct envelope *rt__spawn_reply_envelope(struct worker *worker, uint64_t id,
                                          uint64_t flags, etf_term what);

#endif
