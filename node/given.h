/*
 * given.h -- names that this node gave to peers which asked for one.
 *
 * Private to node/; pure. A name whose peer has gone is given again to the next
 * one of the same host, with the next creation, so that a client which comes
 * and goes leaves one name behind, as it does on an Erlang node. Source:
 * spec/distribution.md 2.
 */
#ifndef NODE_GIVEN_H
#define NODE_GIVEN_H

#include <agner/etf.h>

#include "handshake.h"

#define NODE__GIVEN_MAX 4096 /* names; when all are in use nobody gets one */

struct given_name {
    struct given_name *next;
    uint32_t creation;
    bool used; /* has a connection, or a handshake */
    char name[NODE__NAME_MAX + 1];
};

/* All zero is none. */
struct node__given {
    struct given_name *first;
    unsigned count;
};

void node__given_fini(struct node__given *given);

/*
 * A name on `host` for one peer, until it is given back. `random` makes a new
 * one, and its first creation. AGNER_EINVAL (no name of that host would fit),
 * AGNER_ELIMIT, AGNER_ENOMEM.
 */
enum agner_err node__given_take(struct node__given *given, const char *host,
                                const uint64_t random[2],
                                struct given_name **out);

/* The peer is gone. */
void node__given_back(struct given_name *name);

#endif
