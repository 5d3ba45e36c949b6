/*
 * client.h -- a client of a control socket: one request at a time, and what the
 * node sends of itself.
 */
#ifndef AGNER_CLIENT_H
#define AGNER_CLIENT_H

#include "agner_apps.h"
#include "node_channel.h"

struct client;

/* How a node is reached over TCP. */
struct client_tcp {
    struct apps_listen at;
    const struct noise_keys *own; /* the client's; copied */
    /* Is that the node's key? On another thread, before the client is there. */
    bool (*admits)(void *ctx, const uint8_t key[NOISE_KEY_SIZE]);
    void *ctx;
};

/* Connects to a node's control socket over TCP, encrypted. Returns new.
 * AGNER_EAUTH (one side does not admit the other's key), AGNER_EPROTO (it
 * speaks something else), AGNER_ENOCONN, AGNER_ETIMEOUT, AGNER_ENOMEM,
 * AGNER_ESYSTEM. */
enum agner_err client_open_tcp(const struct rt_world *world,
                               const struct client_tcp *tcp,
                               struct client **out, struct agner_error *error);

/* Connects to the socket at `path`. Returns new. AGNER_ENOCONN, AGNER_ESYSTEM,
 * AGNER_ENOMEM, AGNER_ETIMEOUT. */
enum agner_err client_open(const struct rt_world *world, const char *path,
                           struct client **out, struct agner_error *error);
void client_close(struct client *c);

/* Whose identifiers are local from now on. */
void client_set_self(struct client *c, struct etf_self self);

/*
 * Calls `method` with one parameter, and waits for the answer. AGNER_OK:
 * *failed tells whether *answer, in `r`, is the result or the error.
 * AGNER_ENOCONN (the node closed the connection), AGNER_ETIMEOUT, AGNER_EPROTO,
 * AGNER_ELIMIT.
 */
enum agner_err client_call(struct client *c, const char *method, etf_term param,
                           uint64_t timeout_ms, struct etf_region *r,
                           etf_term *answer, bool *failed,
                           struct agner_error *error);

/*
 * The next notification, in the order in which they came since the last answer:
 * waits for it. *method is borrowed until the next call, *params a list in `r`.
 * Errors as client_call(); AGNER_ETIMEOUT loses nothing.
 */
enum agner_err client_next(struct client *c, uint64_t timeout_ms,
                           struct etf_region *r, etf_bytes *method,
                           etf_term *params, struct agner_error *error);

/* Waits until the node closes the connection. AGNER_ETIMEOUT; AGNER_ENOCONN:
 * over TCP, it was cut, and the node has not said so. */
enum agner_err client_wait_closed(struct client *c, uint64_t timeout_ms);

#endif
