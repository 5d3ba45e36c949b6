/*
 * kernel.h -- the processes that a node needs to be a peer of Erlang nodes.
 *
 * node_start() gives a node without processes of its own. With these it answers
 * what other nodes ask of any node: pings, rpc, global, pg. The command starts
 * them by itself; a program that embeds a node does:
 *
 *     node_start(&options, &node, &error);
 *     struct gen *self = rt_attach(node_rt(node));
 *     agner_kernel_start(self, &error);
 *
 * Source: spec/gen.md 1.18.
 */
#ifndef AGNER_KERNEL_H
#define AGNER_KERNEL_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The application itself, for a loader. Static. */
AGNER_API const struct gen_application *agner_kernel(void);

/* Starts it as a permanent application, and the application controller if there
 * is none. AGNER_OK also when it runs. Errors as gen_application_start(). */
AGNER_API enum agner_err agner_kernel_start(struct gen *self,
                                            struct agner_error *error);

#ifdef __cplusplus
}
#endif

#endif
