/*
 * rpc_look.h -- methods that look at the node. Private to apps/control; their
 * results are described in docs/control-socket.md.
 */
#ifndef RPC_LOOK_H
#define RPC_LOOK_H

#include "rpc_server.h"

enum agner_err rpc__applications(struct rpc_call *c);
enum agner_err rpc__info(struct rpc_call *c);
enum agner_err rpc__names(struct rpc_call *c);
enum agner_err rpc__process(struct rpc_call *c);
enum agner_err rpc__ps(struct rpc_call *c);
enum agner_err rpc__status(struct rpc_call *c);
enum agner_err rpc__version(struct rpc_call *c);
enum agner_err rpc__control(struct rpc_call *c);

/* rpc_cluster.c */
enum agner_err rpc__found(struct rpc_call *c);
enum agner_err rpc__health(struct rpc_call *c);
/* Which mark of the memory is passed: none, soft or hard. Static. */
const char *rpc__memory_level(const struct rt *rt);
enum agner_err rpc__nodes(struct rpc_call *c);

enum agner_err rpc__tree(struct rpc_call *c);

/* The process of this node that the parameter `name` says. */
enum agner_err rpc__which(struct rpc_call *c, const char *name, etf_pid *pid);

/* "waiting" and so on. */
const char *rpc__status_name(enum rt_status status);

#endif
