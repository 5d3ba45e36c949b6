/*
 * admission.h -- who may begin a handshake, decided before a byte is read.
 *
 * Private to node/. Pure: no socket and no clock; the listener tells it what
 * came and when, and closes what it refuses. Whoever is not authenticated yet
 * costs memory and a descriptor, so there are few of them, few from one
 * address, not too many in a second, and who fails again and again has to wait
 * longer each time. Source: spec/reliability.md 4.1.
 */
#ifndef NODE_ADMISSION_H
#define NODE_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>

#include "limit.h"

#define NODE_FAILURE_WAIT_MS_MAX 60000
#define NODE_SOURCES_MAX         256 /* addresses that are remembered */

/* One address. A row without a handshake under way may be taken over by another
 * address: the one that was seen longest ago goes. */
struct node_source {
    char address[64]; /* empty: a free row */
    unsigned waiting; /* handshakes under way */
    uint64_t seen_ms;
    uint64_t tokens; /* thousandths of a start */
    unsigned failures;
    uint64_t closed_until_ms; /* refused before that, because of failures */
    uint64_t forgiven_ms;     /* a minute after that they are forgotten */
    uint64_t log_ms;          /* the second that `log_lines` counts */
    unsigned log_lines;
    unsigned log_hidden; /* lines not written since the last that was */
};

struct node_admission {
    const struct node_limits *limits; /* borrowed: without zeros */
    unsigned waiting;
    uint64_t tokens; /* of the whole node */
    uint64_t seen_ms;
    struct node_source sources[NODE_SOURCES_MAX];
};

void node__admission_init(struct node_admission *a,
                          const struct node_limits *limits, uint64_t now_ms);

/*
 * May `address` begin a handshake now? The row that then counts it, or NULL,
 * and *why is the limit that was met. Each row that was given is given back,
 * once, with node__admission_end().
 */
struct node_source *node__admission_begin(struct node_admission *a,
                                          const char *address, uint64_t now_ms,
                                          enum node_limit *why);

/* How a handshake ended. */
enum node_outcome {
    NODE_OUTCOME_UP,   /* it is authenticated: its start is given back, so that
                          a peer that knows the cookie may come as often as it
                          likes */
    NODE_OUTCOME_NONE, /* given up, without a fault */
    NODE_OUTCOME_FAILED,
};

/* The handshake is over. */
void node__admission_end(struct node_admission *a, struct node_source *source,
                         enum node_outcome outcome, uint64_t now_ms);

/* May another line be logged about `address`? Then *hidden is how many were not
 * since the last one. */
bool node__admission_log(struct node_admission *a, const char *address,
                         uint64_t now_ms, unsigned *hidden);

#endif
