/*
 * rpc_figures.h -- the method about what shows its figures. Private to
 * apps/control; docs/control-socket.md describes the result.
 */
#ifndef RPC_FIGURES_H
#define RPC_FIGURES_H

#include "rpc_server.h"

enum agner_err rpc__figures(struct rpc_call *c);

#endif
