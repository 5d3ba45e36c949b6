/*
 * conn.h -- one TCP connection, from its first byte to its last.
 *
 * Private to node/; loop thread only. It speaks the plain handshake of Erlang
 * or sets up a secure link (conn_secure.h): who dials decides, by the first
 * byte.
 *
 *   phase           what holds                                  left by
 *   --------------  ------------------------------------------  ------------
 *   CONN_OPENING    we dialled, and it is not open yet          opened, end
 *   CONN_HANDSHAKE  bytes go to the handshake, within limits    up, end
 *   CONN_UP         bytes go to the wire                        end
 *   CONN_CLOSING    nothing that comes is looked at any more    `closed`
 *
 * Whoever ends it gives the reason, which is logged once. From CONN_HANDSHAKE
 * to CONN_UP it has a deadline and a limit of bytes; whoever is not
 * authenticated costs one struct, and leaves no atom and no peer behind.
 */
#ifndef NODE_CONN_H
#define NODE_CONN_H

#include <rt_world.h>

#include <agner/node.h>

#include "handshake.h"
#include "link_kind.h"
#include "policy.h"
#include "secure.h"
#include "secure_records.h"

struct given_name;
struct node;
struct node_source;
struct peer;
struct wire;

enum conn_phase { CONN_OPENING, CONN_HANDSHAKE, CONN_UP, CONN_CLOSING };

/* What either handshake found out: good when it is up. */
struct conn_facts {
    uint64_t flags;    /* agreed */
    uint64_t offered;  /* the peer's, expanded */
    uint32_t creation; /* the peer's */
};

struct conn {
    struct node *node;         /* borrowed */
    struct conn *next, **link; /* in node->conns */
    struct rt_conn *net;
    enum conn_phase phase;
    struct peer *peer; /* whom we dialled; an incoming one has it when up */
    struct node_source *source; /* borrowed; incoming, until up or closing */
    struct given_name *given;   /* ours until closing: the peer asked for it */
    struct wire *wire;          /* owned; from CONN_UP on */
    struct rt_loop_timer deadline;
    size_t bytes_before_up;
    enum node_refusal refusal; /* why, when that says more than the error */
    bool initiator;            /* we dialled */
    enum conn_form form;       /* then: how */
    bool replaces; /* we said `alive`: it will take the old one's place */
    bool goodbye;  /* the peer said that it ends the link */
    bool shutdown; /* since it stops */
    bool learn;    /* its key is to be the one of its name, once it is up */
    enum link_kind kind; /* what the peer has proven, once it has */
    struct conn_facts facts;
    struct secure *secure; /* owned, secret: the link's, or NULL: plain */
    struct secure_records records; /* then */
    struct cookies cookies; /* the node's or this peer's own, until it is up */
    struct rt_address address; /* the other end */
    struct node__handshake handshake;
};

/* Dials `peer` at `address` in that form, and in no other. */
enum agner_err node__conn_dial(struct node *node, struct peer *peer,
                               const struct rt_address *address,
                               enum conn_form form, struct agner_error *error);

/* Is a handshake under way that a peer of this name began, and that may become
 * a connection? Whether it is that peer is not proven. */
bool node__conn_is_incoming(const struct node *node, const char *name);

/* Somebody came in: adopts the connection. AGNER_ENOMEM: the caller closes it.
 */
enum agner_err node__conn_accept(struct node *node, struct rt_conn *net,
                                 const struct rt_address *from,
                                 struct node_source *source);

/* Closes it for this reason: tells the peer, logs, gives back what it counts
 * for. May be called from anywhere on the loop; nothing happens the second
 * time. */
void node__conn_close(struct conn *conn, enum agner_err why, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

/* How far our own dial has come, also when it has failed. */
enum node_step node__conn_step(const struct conn *conn);

/* What an unfinished one waits for: "the peer's challenge". Static. */
const char *node__conn_waits_for(const struct conn *conn);

/* Our own dial is not needed any more: closed without a word. */
void node__conn_abort(struct conn *conn);

/* ---- What both handshakes need: conn.c ---------------------------------- */

/* Sends what a machine wrote, and empties `out`. */
void node__conn_send(struct conn *conn, struct etf_buffer *out);

/* The answer to one that came in, by its name, which need not be proven (G35,
 * G36). *peer is the one that it may be, or NULL. Never makes a peer or an
 * atom. */
enum node__hs_status node__conn_status_for(struct node *node, const char *name,
                                           struct peer **peer);

/* A name for one that asks for one, in conn->given; false: there is none. */
bool node__conn_give_name(struct conn *conn, const char *host);

/* What of `flags` we offer to a peer of that name, by what it may. Who may not
 * use names meets a hidden node, so that its `global` waits for nothing that
 * would not come. */
uint64_t node__conn_offer(const struct conn *conn, const char *name,
                          uint64_t flags);

/* How a handshake that is complete has gone. */
struct conn_result {
    const char *peer;  /* its name */
    const char *self;  /* what we said that we are called */
    const char *given; /* the name that the peer gave us, or "" */
    uint32_t creation; /* of that, or of self */
};

/* It is up, or closed because of what happened meanwhile. conn->facts and
 * conn->kind are set. */
void node__conn_become_up(struct conn *conn, const struct conn_result *result);

/* A step of a handshake, to whoever traces. */
void node__conn_line(void *conn, const char *text);

#endif
