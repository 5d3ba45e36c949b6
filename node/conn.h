/*
 * conn.h -- one TCP connection, from its first byte to its last.
 *
 * Private to node/; loop thread only.
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
#include "policy.h"

struct given_name;
struct node;
struct node_source;
struct peer;
struct wire;

enum conn_phase { CONN_OPENING, CONN_HANDSHAKE, CONN_UP, CONN_CLOSING };

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
    bool replaces; /* we said `alive`: it will take the old one's place */
    bool old;      /* we dial what speaks version 5 only */
    struct cookies cookies;    /* of this peer alone, until it is up */
    struct rt_address address; /* the other end */
    struct node__handshake handshake;
};

/* Dials `peer` at `address`; `old`: in version 5 of the handshake. */
enum agner_err node__conn_dial(struct node *node, struct peer *peer,
                               const struct rt_address *address, bool old,
                               struct agner_error *error);

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

/* Our own dial is not needed any more: closed without a word. */
void node__conn_abort(struct conn *conn);

#endif
