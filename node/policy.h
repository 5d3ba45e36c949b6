/*
 * policy.h -- what users decide about single peers: who may connect, and with
 * which cookies.
 *
 * Private to node/. Any thread; a handshake asks once, and what is changed
 * later is for the next one.
 */
#ifndef NODE_POLICY_H
#define NODE_POLICY_H

#include <agner/etf.h>
#include <spin.h>

#include "noise.h"

#define NODE__COOKIE_MAX 255  /* bytes */
#define NODE__POLICY_MAX 4096 /* peers and hosts with a row of their own */

struct policy_row;

/* All zero: everybody may, with the node's cookie. */
struct policy {
    rt_spin lock; /* guards the rest */
    struct policy_row *rows;
    unsigned count;
    bool restricted; /* somebody was allowed: nobody else is */
};

/* For one handshake: what we show, and what the peer has to. Terminated. */
struct cookies {
    char out[NODE__COOKIE_MAX + 1];
    char in[NODE__COOKIE_MAX + 1];
    uint8_t out_psk[NOISE_KEY_SIZE]; /* the same for a secure link */
    uint8_t in_psk[NOISE_KEY_SIZE];
};

void node__policy_fini(struct policy *policy);

/* The peer's own cookies, copied; NULL takes them back. AGNER_ENOMEM,
 * AGNER_ELIMIT. */
enum agner_err node__policy_cookies(struct policy *policy, const char *peer,
                                    const struct cookies *cookies);

/* Writes the peer's own cookies; false when it has none. */
bool node__policy_find(struct policy *policy, const char *peer,
                       struct cookies *cookies);

/* Calls `each` with the key that each peer with cookies of its own has to show.
 * Under the lock: it must not ask here. */
void node__policy_psks(struct policy *policy,
                       void (*each)(void *ctx, const uint8_t *psk), void *ctx);

/* From now on only who was allowed may: a node, or all nodes of a host.
 * AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err node__policy_allow(struct policy *policy, const char *name);

/* May a node of this name connect; with no @ in it, one of that host? */
bool node__policy_allows(struct policy *policy, const char *name);

#endif
