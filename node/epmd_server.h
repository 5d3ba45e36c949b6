/*
 * epmd_server.h -- an epmd of our own, on a loop that somebody has.
 *
 * Private to node/. node_epmd_serve() is this with a loop of its own; a node in
 * automatic mode runs it on its I/O loop when no epmd answers. Everybody, the
 * node that brings it too, registers over TCP. Limits: 256 connections that are
 * not registrations, the longest idle one closed for a new one; 1,024 names; 5
 * s without a whole request (spec/reliability.md 4.1, B-EPM-1, B-EPM-2).
 */
#ifndef NODE_EPMD_SERVER_H
#define NODE_EPMD_SERVER_H

#include <rt_world.h>

#include "epmd_proto.h"

#define NODE__EPMD_CONNECTIONS_MAX 256
#define NODE__EPMD_IDLE_MS         5000

struct node__epmd_host;

/*
 * Loop thread. Serves at `address` until node__epmd_host_close(). *bound (may
 * be NULL) is the real address. `exited` (may be NULL) comes when a local KILL
 * request was granted; the server is closed by then, and the pointer is no
 * longer good. AGNER_ETAKEN: there is one already. AGNER_ENOMEM,
 * AGNER_ENOTALLOWED, AGNER_ESYSTEM.
 */
enum agner_err node__epmd_host_open(const struct rt_world *world,
                                    struct rt_loop *loop,
                                    const struct rt_address *address,
                                    void (*exited)(void *ctx), void *ctx,
                                    struct node__epmd_host **host,
                                    struct rt_address *bound,
                                    struct agner_error *error);

/* Loop thread. Stops listening and closes all connections; the memory goes when
 * the last of them has closed. `exited` does not come. NULL is fine. */
void node__epmd_host_close(struct node__epmd_host *host);

#endif
