/*
 * rpc_logs.h -- methods about the node's log, and sessions that follow it.
 * Private to apps/control; docs/control-socket.md describes the results.
 */
#ifndef RPC_LOGS_H
#define RPC_LOGS_H

#include "rpc_server.h"

/* In the session only: agner.logs begins and ends its following. */
enum agner_err rpc__logs(struct rpc_call *c);
enum agner_err rpc__log_level(struct rpc_call *c);

/* Where a session's notifications go. */
struct rpc_sink {
    struct apps_control *control;
    struct rpc_follower *follower;
    uint32_t conn;
    enum msgpack_mode mode;
};

/* On `logs` from the ring, on `pushed` from the loop, and once after the answer
 * to agner.logs: sends what there is to send now. AGNER_ENOMEM, AGNER_ELIMIT:
 * not all of it could be, so that the session ends. */
enum agner_err rpc__logs_more(struct gen *self, const struct rpc_sink *sink);

#endif
