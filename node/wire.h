/*
 * wire.h -- a connection that is up: packets in, packets out.
 *
 * Private to node/. Belongs to its struct conn, which makes it when the
 * handshake is complete. All but the output is the loop thread's.
 */
#ifndef NODE_WIRE_H
#define NODE_WIRE_H

#include <etf_door.h>

#include "conn.h"
#include "output.h"
#include "packet.h"

#define WIRE_SCRATCH_WORDS 512

struct wire {
    struct conn *conn; /* borrowed: it owns us */
    struct node *node; /* borrowed */
    struct peer *peer; /* borrowed */
    struct output out; /* guarded by the peer's lock */

    struct node__in in;
    struct etf_atom_budget budget; /* of the packet that is being read */
    uint32_t lent;                 /* what that was at first */
    struct node__gather
        partial; /* a packet that is not complete, with its length */
    /* Of a further fragment it has the head only, and what follows goes to the
     * end of its sequence; `direct` is NULL otherwise. */
    uint8_t *direct;
    size_t direct_size, direct_room;
    struct etf_region scratch; /* what one signal points to */
    uint64_t first_words[WIRE_SCRATCH_WORDS];

    _Atomic uint32_t denied; /* to the peer: enum rt_permission */
    bool announced;          /* rt__node_up() was called */
    uint64_t up_ms;
    /* Written by the loop, read by node_peers(). */
    _Atomic uint64_t packets_in, bytes_in;
    _Atomic int64_t rtt_us; /* at the last round of ticks; -1: not known */
    uint64_t heard;         /* bytes_in at the last round of ticks */
    uint64_t told;          /* out.bytes then */
    unsigned silent;        /* rounds without a byte */
};

/* Returns new, or NULL. The connection's handshake is up. */
struct wire *node__wire_new(struct conn *conn, struct peer *peer);
/* Every write is done. */
void node__wire_free(struct wire *wire);

static inline struct wire *node__wire_of(struct output *out)
{
    return (struct wire *)((char *)out - offsetof(struct wire, out));
}

/* Where the next bytes are best put: struct rt_conn_owner, `place`. */
size_t node__wire_place(struct wire *wire, uint8_t **bytes);

/* So many bytes came, whatever is in them: it lives (G37). */
void node__wire_heard(struct wire *wire, size_t size);
/* Takes bytes of packets as they come. May close the connection. */
void node__wire_received(struct wire *wire, const uint8_t *bytes, size_t size);
/* A tick came that is no packet. */
void node__wire_ticked(struct wire *wire);
/* Sends a tick: a peer that has forgotten the connection ends it then. */
void node__wire_probe(struct wire *wire);

/* Loop thread. Asks again what the peer may. */
void node__wire_permit(struct wire *wire);

/* One round of ticks (G37). May close the connection. */
void node__wire_tick(struct wire *wire);

#endif
