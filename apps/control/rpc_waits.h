/*
 * rpc_waits.h -- methods for when nothing moves. Private to apps/control; their
 * results are described in docs/control-socket.md.
 */
#ifndef RPC_WAITS_H
#define RPC_WAITS_H

#include "rpc_server.h"

/* {cluster}: all connected nodes too. */
enum agner_err rpc__waits(struct rpc_call *c);
/* {after, limit}: a page of processes. */
enum agner_err rpc__dump(struct rpc_call *c);

#endif
