/*
 * rpc_app.h -- methods about applications. Private to apps/control; their
 * results are described in docs/control-socket.md.
 */
#ifndef RPC_APP_H
#define RPC_APP_H

#include "rpc_server.h"

enum agner_err rpc__app_info(struct rpc_call *c);
enum agner_err rpc__app_start(struct rpc_call *c);
enum agner_err rpc__app_stop(struct rpc_call *c);
enum agner_err rpc__apps(struct rpc_call *c);

#endif
