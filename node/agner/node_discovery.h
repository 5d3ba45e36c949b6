/*
 * node_discovery.h -- how a node finds other nodes, and which it stays with.
 *
 * Included by node.h. A registrar knows where nodes are. All that a node has
 * are asked in this order, and the first that knows the name is believed:
 *
 *   routes     given by the program: exact names first, then patterns
 *   address    `name@host:port`, where the name was dialled so
 *   dns        all addresses of one host name, each `base@ADDRESS`
 *   gossip     nodes that tell their names by UDP multicast
 *   epmd       the epmd at the name's host; it is asked last, for every name
 *
 * What dns, gossip and epmd (with node_discover_epmd()) find is connected to
 * and kept, like the names that were given to node_keep(): a connection that
 * ends is made again after 1 s, then 2, 4 and so on up to 30 s, each time
 * shortened at random by up to half, so that a cluster does not come back all
 * at once. A node that refuses us (cookies, not allowed, another name) is asked
 * after 30 s up to 5 min. Whoever was disconnected with node_disconnect() is
 * left alone until node_connect(), a message to it, or its own dial connects
 * it.
 *
 * A name with a port is an address and never a node's name: the node that is
 * dialled by "shop@10.0.0.7:4370" is called 'shop@10.0.0.7', and messages go to
 * that name. An IPv6 address with a port is in brackets: "shop@[::1]:4370".
 * "erlang:shop@10.0.0.7:4370" says that an Erlang node is there; without it, or
 * a route that says so, what has no entry in epmd is a node of agner.
 *
 * All functions: any thread that is not the node's own I/O thread, and not a
 * process of the node in a simulated world.
 * Sources: spec/gen.md 1.17, spec/distribution.md 1 and 8; libcluster's
 * strategies Gossip and DNSPoll.
 */
#ifndef AGNER_NODE_DISCOVERY_H
#define AGNER_NODE_DISCOVERY_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct node;

#define NODE_ROUTES_MAX 4096 /* then AGNER_ELIMIT */
#define NODE_KEPT_MAX   4096 /* names; further ones are not kept */
/* Names that one registrar has found; further ones are dropped. */
#define NODE_FOUND_MAX 1024
/* Found names that have not been connected to yet: more are not dialled, so
 * that names from the network exhaust neither atoms nor the table of peers. */
#define NODE_STRANGERS_MAX 2048

/*
 * Takes "name@host:port" apart: `name` becomes name@host, checked, without the
 * brackets of an IPv6 address; *port is 0 when there is none. "erlang:" may
 * stand before it, and is no part of the name. AGNER_EINVAL says
 * what is wrong.
 */
AGNER_API enum agner_err node_address_parse(const char *text, char name[256],
                                            uint16_t *port,
                                            struct agner_error *error);

/* ---- Routes -------------------------------------------------------------- */

struct node_route_spec {
    /* name@host; or a pattern in which `*` stands for any text and `?` for one
     * character: "*@10.0.0.*". */
    const char *name;
    const char *host;   /* NULL: what is behind the @ */
    uint16_t port;      /* 0: epmd at the host is asked */
    const char *cookie; /* for this peer, both ways; NULL: the node's own */
    bool erlang; /* an Erlang node is there: node_options.erlang decides whether
                    it is dialled */
    int weight;  /* of patterns that match the heaviest counts, then the
                    one that was there first */
};

/* Adds a route; all texts are copied. AGNER_EALREADY (such a name or pattern is
 * there), AGNER_EINVAL, AGNER_ELIMIT, AGNER_ENOMEM. */
AGNER_API enum agner_err node_route_add(struct node *node,
                                        const struct node_route_spec *route,
                                        struct agner_error *error);
/* Takes it back: other registrars are asked from now on. Connections stay.
 * AGNER_ENONAME. */
AGNER_API enum agner_err node_route_remove(struct node *node, const char *name);

/* Where a dial of `name` would go now: which registrar says so, host and port
 * (0: what epmd there answers). AGNER_EINVAL. */
struct node_place {
    const char *registrar; /* static */
    char host[256];
    uint16_t port;
    bool own_cookie; /* the route has a cookie of its own */
    bool erlang;     /* it says that an Erlang node is there */
};
AGNER_API enum agner_err node_resolve(struct node *node, const char *name,
                                      struct node_place *place);

/* ---- Staying connected --------------------------------------------------- */

/* Connects to `name` (name@host, or name@host:port, or either after "erlang:")
 * and stays so.
 * AGNER_EALREADY, AGNER_EINVAL, AGNER_ELIMIT, AGNER_ENOMEM. */
AGNER_API enum agner_err node_keep(struct node *node, const char *name,
                                   struct agner_error *error);
/* No longer. A connection stays until it ends. AGNER_ENONAME. */
AGNER_API enum agner_err node_unkeep(struct node *node, const char *name);

/* ---- Finding ------------------------------------------------------------- */

struct node_dns {
    const char *host;     /* of a headless service: A and AAAA records */
    const char *base;     /* before the @; NULL: as in this node's name */
    uint16_t port;        /* where all of them listen; 0: epmd knows */
    uint64_t interval_ms; /* 0: 5,000 */
};

/* Asks again and again. A failed question changes nothing. AGNER_EINVAL,
 * AGNER_ENOMEM, AGNER_ELIMIT (16 registrars). */
AGNER_API enum agner_err node_discover_dns(struct node *node,
                                           const struct node_dns *dns,
                                           struct agner_error *error);

/* All zero is libcluster's: 230.1.1.251:45892, hop count 1, every 5 s. */
struct node_gossip {
    const char *group;
    uint16_t port;
    const char *interface; /* by its address; NULL: the system's choice */
    uint8_t hops;
    uint64_t interval_ms; /* mean of the time between two of our packets */
};

/*
 * Sends and takes libcluster's packet: "heartbeat::" and #{node => Name} in the
 * external term format. libcluster's option `secret` is not supported: such
 * packets are counted and dropped. A node that is not registered with epmd adds
 * `port`, which libcluster passes over. Whoever is silent for 12 intervals is
 * not dialled any more. AGNER_ENOTSUP (no multicast here), AGNER_ETAKEN,
 * AGNER_EINVAL, AGNER_ENOMEM, AGNER_ELIMIT, AGNER_ESYSTEM.
 */
AGNER_API enum agner_err node_discover_gossip(struct node *node,
                                              const struct node_gossip *gossip,
                                              struct agner_error *error);

/* Asks the epmd at `host` (NULL: this machine's) for all its names, every
 * interval_ms (0: 5,000). AGNER_EINVAL, AGNER_ENOMEM, AGNER_ELIMIT. */
AGNER_API enum agner_err node_discover_epmd(struct node *node, const char *host,
                                            uint64_t interval_ms,
                                            struct agner_error *error);

/* One name that a registrar knows. */
struct node_found {
    char name[256];        /* or a route's pattern */
    const char *registrar; /* static */
    char host[256];
    uint16_t port;    /* 0: epmd knows */
    uint64_t seen_ms; /* since it was last heard of; 0 for routes */
};

/* Up to `count` of them, registrar by registrar; returns how many there are. */
AGNER_API size_t node_found(struct node *node, struct node_found *found,
                            size_t count);

#ifdef __cplusplus
}
#endif

#endif
