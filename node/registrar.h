/*
 * registrar.h -- ways to find other nodes, behind one struct of functions.
 *
 * Private to node/. A registrar answers at once from what it has learned; the
 * one thing that is asked for during a dial is a port from epmd, which a place
 * without a port stands for. node__find() asks all of them in order; the last
 * one is epmd, which believes every name. Loop thread, but for routes, which
 * have a lock of their own.
 */
#ifndef NODE_REGISTRAR_H
#define NODE_REGISTRAR_H

#include <rt_world.h>
#include <spin.h>

#include <agner/node.h>

#include "handshake.h"
#include "policy.h"

#define NODE__REGISTRARS_MAX 16 /* dns, gossip and epmd together */

/* Where a node is. */
struct node__place {
    const char *registrar; /* who says so: static */
    char host[256];
    uint16_t port;                     /* 0: ask epmd at the host */
    char cookie[NODE__COOKIE_MAX + 1]; /* "": the node's own */
    uint8_t psk[NOISE_KEY_SIZE];       /* of that cookie */
    bool erlang;                       /* an Erlang node was said to be there */
    uint64_t seen_ms;                  /* when it was heard of; 0: given */
};

typedef void node__each(void *ctx, const char *name,
                        const struct node__place *place);

struct node__registrar {
    const char *kind; /* static: in logs and traces */
    struct node__registrar *next;
    /* Does it know `name`? Then *place is filled in. */
    bool (*resolve)(struct node__registrar *r, const char *name,
                    struct node__place *place);
    void (*list)(struct node__registrar *r, node__each *each, void *ctx);
    /* Stops and frees it. */
    void (*close)(struct node__registrar *r);
};

/* ---- registrars.c ------------------------------------------------------- */

/* Where to dial `name`, which is one of a node: somebody always knows. */
void node__find(struct node *node, const char *name, struct node__place *place);

/* The cookies that this peer has of its own: those that were set for it, or a
 * route's. False: it has none. */
bool node__cookies_for(struct node *node, const char *name,
                       struct cookies *cookies);

/*
 * Takes `r` among the node's and has it begin, on the loop's thread; not from
 * there. On failure the caller still owns it. AGNER_ELIMIT, AGNER_ENOTRUNNING,
 * or what `begin` says.
 */
enum agner_err
node__registrar_start(struct node *node, struct node__registrar *r,
                      enum agner_err (*begin)(struct node__registrar *r,
                                              struct agner_error *error),
                      struct agner_error *error);
void node__registrars_close(struct node *node);

/* ---- name.c -------------------------------------------------------------- */

/* Does the address that a user gave say that an Erlang node is there? */
bool node__address_is_erlang(const char *text);

/* ---- routes.c: routes and addresses -------------------------------------- */

struct node__route;

struct node__routes {
    rt_spin lock;
    struct node__route *first; /* exact ones, then patterns by weight */
    size_t count;
};

/* `address`: replaces one of its kind, since the last address counts. `psk`
 * belongs to the route's cookie, where it has one; else NULL. */
enum agner_err node__routes_add(struct node__routes *routes,
                                const struct node_route_spec *route,
                                const uint8_t *psk, bool address,
                                struct agner_error *error);
enum agner_err node__routes_remove(struct node__routes *routes,
                                   const char *name);
bool node__routes_resolve(struct node__routes *routes, const char *name,
                          struct node__place *place);
void node__routes_list(struct node__routes *routes, node__each *each,
                       void *ctx);
/* Calls `each` with the key of each route's cookie. Under the lock: it must not
 * ask here. */
void node__routes_psks(struct node__routes *routes,
                       void (*each)(void *ctx, const uint8_t *psk), void *ctx);
void node__routes_fini(struct node__routes *routes);

/* Does the pattern (`*`, `?`) stand for the text? */
bool node__glob(const char *pattern, const char *text);

#endif
