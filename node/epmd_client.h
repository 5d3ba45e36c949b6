/*
 * epmd_client.h -- asking epmd: staying registered, and looking nodes up.
 *
 * Private to node/. All of it runs on the loop's thread, callbacks too.
 */
#ifndef NODE_EPMD_CLIENT_H
#define NODE_EPMD_CLIENT_H

#include <rt_world.h>

#include "epmd_proto.h"

/* ---- A registration that is kept up ------------------------------------- */

struct node__epmd_owner {
    void *ctx;
    /* We are registered, the first time or again. Only the first creation
     * counts: a node keeps the one it started with. */
    void (*registered)(void *ctx, uint32_t creation);
    /* An attempt failed, or the connection was lost; the next one comes after
     * 1, 2, then every 4 s, so that we are known again within 5 s of epmd's
     * return (B-EPM-4). AGNER_ETAKEN: the name belongs to another node.
     * AGNER_ENOCONN: nobody listens there; a server that is started in here is
     * found by the next attempt, which then comes at once when this returns
     * true. */
    bool (*failed)(void *ctx, enum agner_err err, const char *text);
};

struct node__epmd_keeper;

/*
 * Registers `node` with the epmd at `address` (copied, all three) and keeps it
 * registered until node__epmd_release(). AGNER_ENOMEM, AGNER_EINVAL.
 */
enum agner_err node__epmd_register(const struct rt_world *world,
                                   struct rt_loop *loop,
                                   const struct rt_address *address,
                                   const struct node__epmd_node *node,
                                   const struct node__epmd_owner *owner,
                                   struct node__epmd_keeper **keeper,
                                   struct agner_error *error);

/* Ends it: no callback comes from now on. The memory goes when the connection
 * has closed, which the loop's end does too. NULL is fine. */
void node__epmd_release(struct node__epmd_keeper *keeper);

/* ---- Looking up --------------------------------------------------------- */

struct node__epmd_lookup;

/*
 * Asks the epmd at `address` for `name` (before the @). `done` comes exactly
 * once, never from inside this call: AGNER_OK with the node, AGNER_ENONAME (not
 * registered), AGNER_EUNKNOWN (its host has no address), AGNER_ENOCONN (no epmd
 * there), AGNER_ETIMEOUT, AGNER_EPROTO (a bad answer) with a text. *lookup (may
 * be NULL) is good until then. AGNER_ENOMEM, AGNER_EINVAL.
 */
enum agner_err node__epmd_look_up(
    const struct rt_world *world, struct rt_loop *loop,
    const struct rt_address *address, const char *name, uint64_t timeout_ms,
    void (*done)(void *ctx, enum agner_err err,
                 const struct node__epmd_node *node, const char *text),
    void *ctx, struct node__epmd_lookup **lookup, struct agner_error *error);

/* `done` will not come. */
void node__epmd_look_up_cancel(struct node__epmd_lookup *lookup);

/* ---- All names: epmd_names.c -------------------------------------------- */

struct node__epmd_list;

/*
 * Asks the epmd at `address` who is registered. `done` comes exactly once,
 * never from inside this call: AGNER_OK with the answer for
 * node__epmd_names_next() (borrowed, from byte 4), AGNER_ENOCONN, AGNER_ENONAME
 * (no such host), AGNER_ETIMEOUT, AGNER_EPROTO, AGNER_ELIMIT with a text. *list
 * is good until then. AGNER_ENOMEM, AGNER_EINVAL.
 */
enum agner_err node__epmd_list(
    const struct rt_world *world, struct rt_loop *loop,
    const struct rt_address *address, uint64_t timeout_ms,
    void (*done)(void *ctx, enum agner_err err, const uint8_t *answer,
                 size_t size, const char *text),
    void *ctx, struct node__epmd_list **list, struct agner_error *error);

/* `done` will not come. */
void node__epmd_list_cancel(struct node__epmd_list *list);

#endif
