/*
 * rpc_conn.h -- a connection of the control socket, as its two files share it.
 *
 * Private to apps/control; loop thread only. rpc_conn.c has what all
 * connections do; a TCP one has a channel besides (rpc_tcp.c), through which
 * its bytes go, and is told of to the keeper when that is up.
 */
#ifndef RPC_CONN_H
#define RPC_CONN_H

#include "rpc_server.h"

struct rpc_secure; /* rpc_tcp.c */

struct rpc_conn {
    struct rpc_conn *next;
    struct apps_control *control; /* borrowed: outlives us */
    struct rt_conn *conn;
    struct rpc_secure *secure; /* owned; NULL: a UNIX connection */
    enum rpc_role role;
    unsigned *count; /* where it is counted */
    uint32_t number;
    bool bound;  /* there is a session */
    bool broken; /* what came cannot be read: no message follows */
    bool closing;
    etf_pid session;
    struct etf_buffer in;
    size_t taken;             /* bytes of `in` that are handed over */
    struct msgpack_walk walk; /* of the message behind them */
    unsigned pending;         /* messages that the session has */
    size_t pending_bytes;     /* of them */
    size_t out_bytes;         /* written to the connection and not yet sent */
};

/* ---- rpc_conn.c ---------------------------------------------------------- */

/* A connection came in: it has an owner from now on, and counts in *count.
 * NULL: no memory, and it is closed. */
struct rpc_conn *rpc__conn_new(struct apps_control *control,
                               struct rt_conn *conn, unsigned *count,
                               void (*came)(void *ctx, struct rt_conn *conn,
                                            const uint8_t *bytes, size_t size));
/* It is to be served: the keeper starts a session. */
void rpc__conn_serve(struct rpc_conn *c);
/* More stands in c->in. */
void rpc__conn_pump(struct rpc_conn *c);
void rpc__conn_hang_up(struct rpc_conn *c, bool flush);

/* ---- rpc_tcp.c ----------------------------------------------------------- */

/* What is to be written goes through the channel: `bytes` is replaced.
 * AGNER_EPROTO, AGNER_ENOMEM: it cannot be. */
enum agner_err rpc__secure_seal(struct rpc_conn *c, struct etf_buffer *bytes);
/* It is about to be closed in order: the other side is told. */
void rpc__secure_end(struct rpc_conn *c);
/* It is closed. */
void rpc__secure_free(struct rpc_conn *c);

/* Begins to listen; closes. AGNER_OK too when that is not asked for. */
enum agner_err rpc__tcp_listen(struct apps_control *control,
                               struct agner_error *error);
void rpc__tcp_close(struct apps_control *control);
/* Frees what is left; the loop is gone. */
void rpc__tcp_free(struct apps_control *control);

#endif
