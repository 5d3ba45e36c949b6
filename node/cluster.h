/*
 * cluster.h -- the peers that a node stays connected to.
 *
 * Private to node/; loop thread. For each wanted name:
 *
 *   state     what holds                             left for
 *   --------  -------------------------------------  --------------------------
 *   WAITING   the timer says when to dial            TRYING, UP
 *   TRYING    an attempt of the peer is under way    UP, WAITING
 *   UP        connected                              WAITING, LEFT
 *   LEFT      a user has disconnected it             UP
 *
 * A peer that came up by somebody else's doing counts as up all the same.
 */
#ifndef NODE_CLUSTER_H
#define NODE_CLUSTER_H

#include <rt_world.h>

#include "found.h"

#define NODE__RETRY_MS       1000u
#define NODE__RETRY_MAX_MS   30000u
#define NODE__REFUSED_MS     30000u /* after a refusal */
#define NODE__REFUSED_MAX_MS 300000u
#define NODE__TRYING_MAX     64 /* attempts of ours at one time */

struct peer;
struct wanted;

struct cluster {
    struct node *node; /* borrowed */
    struct wanted *first;
    size_t count;
    unsigned trying;
    unsigned strangers; /* peers made for found names, never up yet */
    bool warned;        /* of too many of either */
    bool closed;
};

void node__cluster_init(struct cluster *cluster, struct node *node);
/* Nothing is dialled from now on. */
void node__cluster_close(struct cluster *cluster);

/* `name` is to be kept, or not any more, for this reason. AGNER_EALREADY (for
 * this very reason), AGNER_ELIMIT, AGNER_ENOMEM; AGNER_ENONAME. */
enum agner_err node__cluster_want(struct cluster *cluster, const char *name,
                                  enum node__source source);
enum agner_err node__cluster_unwant(struct cluster *cluster, const char *name,
                                    enum node__source source);

/* The peer came up; an attempt failed or its connection ended: `left`: by a
 * user's wish. */
void node__cluster_up(struct peer *peer);
void node__cluster_down(struct peer *peer, bool left, enum agner_err err,
                        const char *text);

/* How long to wait after so many failures in a row: pure. `refused`: it was
 * there and did not want us. */
uint64_t node__retry_ms(unsigned failures, bool refused, uint32_t random);

#endif
