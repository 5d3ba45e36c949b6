/*
 * permit.h -- what a peer may do here, by whom it is.
 *
 * Private to node/. A list of rows that users gave: the one that says most
 * about a peer counts. Its bits are enum rt_permission (rt_permit.h), and the
 * runtime refuses what is missing; here it is decided, counted and logged.
 * Source: spec/reliability.md 6.4.
 */
#ifndef NODE_PERMIT_H
#define NODE_PERMIT_H

#include <agner/node.h>
#include <spin.h>

#include "link_kind.h"

#define NODE__PERMIT_ROWS_MAX 4096

struct node;
struct peer;
struct permit_row;

/* All zero: what the kinds of peers may by default. */
struct permits {
    rt_spin lock; /* guards the rest */
    struct permit_row *rows;
    unsigned count;
};

void node__permits_fini(struct permits *permits);

/* What a peer of that kind may when nobody said anything. Pure. */
unsigned node__permit_default(enum link_kind kind);

/* As node_permit(), before there is a connection. */
enum agner_err node__permits_set(struct permits *permits, const char *peer,
                                 unsigned permissions,
                                 struct agner_error *error);

/* "PEER: a, b": the last colon parts the two, which go to `peer` (of 256) and
 * *permissions. AGNER_EINVAL says what is wrong. Pure. */
enum agner_err node__permit_parse(const char *text, char peer[256],
                                  unsigned *permissions,
                                  struct agner_error *error);

/* What the peer may. `key` is NULL where it has none. */
unsigned node__permits_of(struct permits *permits, enum link_kind kind,
                          const char *name, const uint8_t *key);
unsigned node__permit_of(struct node *node, enum link_kind kind,
                         const char *name, const uint8_t *key);

/* Any thread. Something was refused to the peer: counts it, and logs one line a
 * second at most. `lacks` is not 0. */
void node__permit_refused(struct peer *peer, unsigned lacks, const char *what);

#endif
