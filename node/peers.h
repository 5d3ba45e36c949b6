/*
 * peers.h -- the table of peers: found by name without a lock.
 *
 * Private to node/. Peers are added and never taken out before the node stops,
 * so a reader needs nothing but the table it found: a full table is replaced by
 * one of twice the size, and the old one is kept until the end, since somebody
 * may be reading it. All of them together are smaller than the last one.
 */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include <spin.h>

#include "peer.h"

struct peer_table {
    struct peer_table *older;
    size_t mask;
    _Atomic(struct peer *)
        slots[]; /* mask + 1 of them, over half of them NULL */
};

struct peers {
    rt_spin lock; /* for writers */
    _Atomic(struct peer_table *) table;
    _Atomic(struct peer *) first; /* made; the others behind its `made_next` */
    struct peer *last;            /* under the lock */
    _Atomic uint32_t count;
};

enum agner_err node__peers_init(struct peers *peers);
/* Frees all peers. */
void node__peers_fini(struct peers *peers);

/* The peer of this interned atom, or NULL. Any thread. */
struct peer *node__peers_find(struct peers *peers, etf_term name);

/* The same, and a new one if need be. NULL: no memory, or too many
 * are known. */
struct peer *node__peers_get(struct peers *peers, struct node *node,
                             etf_term name);

/* All zero is a walk that has not begun. */
struct peer_walk {
    struct peer *at; /* the last one; NULL: none yet */
};

/* The next peer, in the order in which they were made (no number of an atom
 * decides it: a simulated run is a function of its seed); NULL at the end. Any
 * thread. Those that were added after the walk began may be missed. */
struct peer *node__peers_next(struct peers *peers, struct peer_walk *walk);

#endif
