/*
 * rpc_act.h -- methods that do something to processes of the node. Private to
 * apps/control; docs/control-socket.md describes them.
 */
#ifndef RPC_ACT_H
#define RPC_ACT_H

#include "rpc_server.h"

enum agner_err rpc__kill(struct rpc_call *c);

#endif
