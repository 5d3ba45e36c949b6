/*
 * found.h -- the names that a registrar has found, and when.
 *
 * Private to node/; loop thread. A registrar that learns by asking or listening
 * (dns, gossip, epmd) is one of these with something that fills it: it is a
 * registrar itself, and keeps the cluster told of what came and what went.
 */
#ifndef NODE_FOUND_H
#define NODE_FOUND_H

#include "registrar.h"

/* Who wants a name to be kept: bits, since several may. */
enum node__source {
    NODE__BY_USER = 1,
    NODE__BY_DNS = 2,
    NODE__BY_GOSSIP = 4,
    NODE__BY_EPMD = 8,
};

struct node__found_name {
    char *name; /* owned */
    char host[64];
    uint16_t port;
    uint64_t seen_ms;
};

struct node__found {
    struct node__registrar registrar; /* first: its functions cast back */
    struct node *node;                /* borrowed */
    enum node__source source;
    struct node__found_name *names; /* owned; in no order */
    size_t count, room;
    bool full;           /* somebody was dropped, and it was logged */
    enum agner_err last; /* what node__found_note() was told */
};

/* `close` of the registrar is the owner's. */
void node__found_init(struct node__found *found, struct node *node,
                      const char *kind, enum node__source source,
                      void (*close)(struct node__registrar *r));
void node__found_fini(struct node__found *found);

/* `name` (checked, not our own) is at this place as of now. What is too much is
 * dropped and logged once; what there is no memory for is dropped. */
void node__found_put(struct node__found *found, const char *name,
                     const char *host, uint16_t port);

/* How its last question ended, in words that follow "NODE: "; only changes are
 * logged. */
void node__found_note(struct node__found *found, enum agner_err err,
                      const char *what, const char *text);

/* Forgets those that were last seen before `before_ms`. */
void node__found_expire(struct node__found *found, uint64_t before_ms);

#endif
