/*
 * identity.h -- who this node is: its name and creation.
 *
 * Private to node/. Most nodes know it before there are connections, and keep
 * it. One that is started as "@host" is nonode@nohost until its first peer
 * gives it a name, and again when its last connection has gone. Then whoever
 * encodes for a peer may see the change at any time; peer.h says how that is
 * noticed.
 *
 * The loop's thread writes, any may read. A text stays until the node is freed;
 * there are not more of them than atoms.
 */
#ifndef NODE_IDENTITY_H
#define NODE_IDENTITY_H

#include <agner/etf.h>

#define NODE__NO_NAME "nonode@nohost"

struct own_name {
    struct own_name *next;
    etf_term atom;
    char text[];
};

struct identity {
    _Atomic(struct own_name *) name; /* one of `all` */
    _Atomic uint32_t creation;
    struct own_name *all; /* that it has had; the writer's */
};

/* Takes a name, which was checked. AGNER_ENOMEM leaves the former one. */
enum agner_err node__identity_set(struct identity *identity, const char *name,
                                  uint32_t creation);
void node__identity_fini(struct identity *identity);

const char *node__identity_name(const struct identity *identity);
struct etf_self node__identity_self(const struct identity *identity);

#endif
