/*
 * attempt.h -- an attempt of ours to connect to a peer, and how those who wait
 * for it hear of its end.
 *
 * Private to node/. A peer has one at a time, in PEER_CONNECTING; the fields of
 * struct peer that only the loop's thread uses are its memory.
 */
#ifndef NODE_ATTEMPT_H
#define NODE_ATTEMPT_H

#include <rt_carrier.h>

#include <agner/node.h>

struct peer;

/* How an attempt to connect ended, for those who wait for it (node_connect).
 * Whoever lets go of the last count frees it. */
struct attempt {
    _Atomic uint32_t refs;
    struct rt_gate gate; /* shut until the end */
    enum agner_err err;
    enum node_step step; /* how far it came */
    struct agner_error error;
};

/* Returns new, with one count, or NULL. */
struct attempt *node__attempt_new(void);
void node__attempt_drop(struct attempt *attempt);

/* Loop thread. Tells those who wait, and drops one count; NULL: nobody does. */
void node__attempt_end(struct peer *peer, struct attempt *attempt,
                       enum node_step step, enum agner_err err,
                       const char *text);

/* The peer is new: what its timers do. */
void node__attempt_init(struct peer *peer);

/* Loop thread. Begins one, or the same one again. */
void node__attempt_begin(struct peer *peer);

/* Loop thread. Nothing of the attempt is under way any more. */
void node__attempt_clear(struct peer *peer);

/* Loop thread. Our dial ended before it was up. */
void node__attempt_dial_failed(struct peer *peer, enum agner_err err,
                               const char *text);

/* Loop thread. Ends an attempt that is under way: the node stops. */
void node__attempt_abandon(struct peer *peer);

#endif
