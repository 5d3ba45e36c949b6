/*
 * disthdr.h -- the distribution header and its atom cache, both directions.
 *
 * Private to node/. Each direction of a connection has 2,048 slots; a packet's
 * header lists up to 255 atoms, by slot, with text where a slot changes, and
 * the terms after it name them by their place in that list. A receiver changes
 * its slots in the order of the packets, so a sender must too. Therefore
 * sending has two phases:
 *
 *   1. encode (the sender's worker, no lock): a struct node__atoms collects the
 *      atoms and numbers them 0 to 254 for this packet. It knows no connection.
 *   2. frame (under the lock of the peer's output, in the order of sending):
 *      node__disthdr_write() looks each atom up in the connection's slots and
 *      writes the header. A few nanoseconds an atom.
 *
 * Source: Erlang Distribution Protocol, "Distribution Header";
 * spec/distribution.md 4.
 */
#ifndef NODE_DISTHDR_H
#define NODE_DISTHDR_H

#include <agner/etf.h>

#define NODE__CACHE_SLOTS 2048
#define NODE__ATOMS_MAX   255 /* references in one packet */

/* ---- Sending ------------------------------------------------------------ */

/* The atoms of one packet, in the order of their numbers. No two share a slot:
 * the second of such a pair is spelled out, as are all after the 255th. */
struct node__atoms {
    uint64_t used[8];   /* which entries of `index` are set */
    uint8_t index[512]; /* number of an atom, found by hashing its slot */
    uint16_t slots[NODE__ATOMS_MAX];
    unsigned count;
    size_t text_size;                /* bytes of all their texts */
    bool any_long;                   /* is one over 255 bytes? */
    etf_term atoms[NODE__ATOMS_MAX]; /* interned ones only */
};

/* Empties it. Cheap: 64 bytes are cleared. */
void node__atoms_init(struct node__atoms *atoms);

/* The `index` of a struct etf_atom_cache whose ctx is a struct node__atoms. */
int node__atoms_index(void *ctx, etf_term atom);

/* What the peer has in its slots. All zero at first. */
struct node__cache_out {
    uint32_t slots[NODE__CACHE_SLOTS]; /* atom number + 1, or 0 */
};

/* The most that a header of these atoms takes: what follows 131, 68. */
size_t node__disthdr_size_max(const struct node__atoms *atoms);

/*
 * Writes the reference count, the flags and the references for `atoms` to `to`,
 * which has node__disthdr_size_max() bytes, and notes what the peer will then
 * have. `atoms` NULL: no references, and `cache` may be NULL. Returns the bytes
 * written. Cannot fail: the room is made before.
 */
size_t node__disthdr_write(struct node__cache_out *cache,
                           const struct node__atoms *atoms, uint8_t *to);

/* ---- Receiving ---------------------------------------------------------- */

/* What the peer put in its slots. All zero at first. */
struct node__cache_in {
    etf_term slots[NODE__CACHE_SLOTS];
    /* Owned, for atoms that were not interned; else NULL. */
    struct etf_box *boxes[NODE__CACHE_SLOTS];
    /* Owned: overwritten by the last packet, whose references still need them.
     */
    struct etf_box *retired[NODE__ATOMS_MAX];
    unsigned retired_count;
};

void node__cache_in_fini(struct node__cache_in *cache);

/* A packet's references. The terms live until the cache reads the next header.
 */
struct node__refs {
    unsigned count;
    etf_term atoms[NODE__ATOMS_MAX];
};

/*
 * Reads what follows 131, 68: count, flags and references, and changes the
 * cache.
 *
 *   budget  for atoms that this peer may have interned; may be NULL
 *   refs    good on AGNER_OK only
 *   used    bytes read; written on AGNER_OK only
 *
 * Any bytes are legal input. AGNER_EPROTO (says what; the connection must be
 * closed: the cache may have changed in part), AGNER_ENOMEM.
 */
enum agner_err node__disthdr_read(struct node__cache_in *cache,
                                  struct etf_atom_budget *budget,
                                  const uint8_t *bytes, size_t size,
                                  struct node__refs *refs, size_t *used,
                                  struct agner_error *error);

#endif
