/*
 * peer.h -- another node, by name: connected, being connected, or neither.
 *
 * Private to node/. A peer exists from the first time that its name is dialled,
 * or has authenticated itself, until the node stops; connections come and go.
 *
 *   state            what holds                             left by
 *   ---------------  -------------------------------------  -------------------
 *   PEER_DOWN        no connection, none is being made      a sender, a dial,
 *                                                           an incoming one
 *   PEER_CONNECTING  an attempt is under way, or about to   up, or it failed
 *                    be; signals are held, in order
 *   PEER_MEETING     {nodeup, _} is being told; signals     what was held has
 *                    are held, in order, those too that     gone out
 *                    may not connect
 *   PEER_UP          `wire` is the connection               its end
 *
 * `mode` is 0 unless the peer is up; then it is the agreed flags, the number of
 * our own name, and PEER_IS_UP. Senders read it without the lock to encode, and
 * compare it again under the lock: what was encoded for other flags, or by
 * another name, is encoded anew.
 *
 * An attempt to connect is attempt.h's. When it fails, what was held is dropped
 * and counted, and rt__node_down() says so (G12).
 */
#ifndef NODE_PEER_H
#define NODE_PEER_H

#include <rt_carrier.h>
#include <rt_world.h>
#include <spin.h>

#include <agner/node.h>

#include "link_kind.h"

struct node;
struct conn;
struct wire;
struct held;
struct attempt;
struct wanted;
struct node__epmd_lookup;

enum peer_state { PEER_DOWN, PEER_CONNECTING, PEER_MEETING, PEER_UP };

/* In `mode`. */
#define PEER_IS_UP (UINT64_C(1) << 63)
#define PEER_LIFE_SHIFT \
    40 /* 16 bits: enough that none comes again meanwhile \
        */
#define PEER_FLAGS ((UINT64_C(1) << PEER_LIFE_SHIFT) - 1)

struct peer {
    struct node *node;                /* borrowed */
    etf_term name;                    /* interned */
    char *text;                       /* owned: the name, terminated */
    _Atomic(struct peer *) made_next; /* of `peers`: the one made after it */

    rt_spin lock; /* guards what follows, and the wire's output */
    enum peer_state state;
    struct wire *wire;    /* borrowed from its connection; PEER_UP only */
    struct wire *leaving; /* disconnected by a user: the loop closes it */
    bool losing; /* no connection, and its loss was not told of yet: a link or
                    monitor that is made now would end with it, so the next
                    connection must not hear of it */
    struct held *held, *held_last; /* signals of PEER_CONNECTING */
    size_t held_bytes;
    struct attempt *attempt; /* one count; NULL while nobody waits */
    bool woken;              /* `task` is posted */

    _Atomic uint64_t mode; /* written under the lock */
    struct rt_gate gate;   /* shut while the output is over its mark */
    _Atomic uint32_t shut; /* is the gate? A hint: only the gate knows */
    struct rt_task task;

    /* Counters of permit.h. */
    _Atomic uint64_t denied, denied_next_ms;
    _Atomic uint32_t denied_hidden;

    /* Loop thread only. */
    struct conn *dialled;       /* our attempt's connection, or NULL */
    struct rt_address to;       /* whom it dials */
    enum conn_form form;        /* how */
    struct rt_loop_timer grace; /* then it does */
    struct node__epmd_lookup *lookup;
    struct rt_loop_timer deadline; /* of the attempt */
    bool trying;                   /* the attempt has begun */
    struct agner_error failure;    /* why our own dial ended, if it did */
    enum node_step step;           /* how far it has come, while not dialled */
    char host[256];                /* where it goes to */
    struct wanted *wanted;         /* cluster.h's, or NULL */
    bool stranger;                 /* found, and never up yet */
    bool replacing;                /* another connection takes over */
    uint32_t atoms_left;    /* that it may make, over all its connections */
    struct rt_far_node far; /* the runtime's entry, while it is up */
};

/* Returns new, or NULL. `name` is an interned atom. */
struct peer *node__peer_new(struct node *node, etf_term name);
/* The loop has ended. */
void node__peer_free(struct peer *peer);

/*
 * Any thread. What carry() does while the peer is not up: keeps a copy of the
 * signal until it is, connecting if need be. AGNER_EBUSY: it is up by now.
 * AGNER_ENOCONN (may not connect, or too much is held), AGNER_ENOMEM.
 */
enum agner_err node__peer_hold(struct peer *peer,
                               const struct rt_signal *signal);

/* Any thread. Connects unless it is connected. *attempt (may be NULL) gets one
 * count of the attempt, or NULL when the peer is up. AGNER_ENOMEM. */
enum agner_err node__peer_want(struct peer *peer, struct attempt **attempt);

/* To have the loop look at the peer, from any thread: node__peer_ask() under
 * the lock, and if it returns true, node__peer_post() without it. */
bool node__peer_ask(struct peer *peer);
void node__peer_post(struct peer *peer);

/* Waits until there is a connection, or the attempt has failed: then says how.
 * *step is how far it came. */
enum agner_err node__peer_connect(struct gen *self, struct peer *peer,
                                  enum node_step *step,
                                  struct agner_error *error);

/* Any thread: is it connected just now? */
bool node__peer_is_up(struct peer *peer);

/* Any thread. Closes the connection if there is one: the next signal makes
 * another. AGNER_ENOCONN when there is none. */
enum agner_err node__peer_leave(struct peer *peer);

/* Loop thread. The handshake of `wire` is complete: it becomes the connection,
 * or false: another one stays, and the caller closes this one. */
bool node__peer_up(struct peer *peer, struct wire *wire);

/* Loop thread. The connection is lost, for that reason; no signal of it arrives
 * any more. */
void node__peer_lost(struct peer *peer, struct wire *wire, enum agner_err why,
                     const char *text);

/* Loop thread. The attempt to connect failed: drops what was held, and tells
 * those who wait. */
void node__peer_failed(struct peer *peer, enum node_step step,
                       enum agner_err err, const char *text);

#endif
