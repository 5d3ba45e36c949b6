/*
 * output.h -- what waits to be written to one connection, in the right order.
 *
 * Private to node/. Senders add encoded messages on their own threads; the loop
 * takes what is ready and writes it. Everything here but `flushing` is guarded
 * by the lock of the peer, which is held for the length of a header and a short
 * copy. Bytes go out in three ways:
 *
 *   small        copied behind others into a chunk of some 32 KiB
 *   large        its head goes into the chunk, its terms are a piece of their
 *                own, which is never copied. Of one that ends in a large binary
 *                all else goes into the chunk, and the binary is the piece
 *   fragmented   the same for its first fragment; the rest waits in the ring of
 *                bulks, and each flush adds one fragment of each of them, so
 *                that a small message of another sender waits for one fragment
 *                of each busy sender at most (G39)
 *
 * A sender with a bulk that is not out yet has a lane: what it sends meanwhile
 * waits behind its bulk, so that its signals keep their order (G1, G4). Atom
 * cache and headers are made when a message leaves its lane, in the order in
 * which the bytes go out.
 *
 * On a secure link the same bytes go out in records: output_seal.h. A tick is a
 * chunk that has nothing in it yet.
 */
#ifndef NODE_OUTPUT_H
#define NODE_OUTPUT_H

#include <rt_world.h>

#include "output_seal.h"
#include "packet.h"

struct node;
struct peer;
struct out_piece;
struct out_chunk;
struct out_bulk;

struct output {
    struct node *node;   /* borrowed */
    struct peer *peer;   /* borrowed; its lock guards what follows */
    struct rt_conn *net; /* borrowed; NULL once the connection is closing */
    uint64_t flags;      /* as agreed */
    size_t fragment_size;
    struct output_seal seal; /* loop thread only, but for `secure` */
    bool secure;             /* constant */
    struct node__cache_out cache;
    uint64_t sequence; /* of the last fragmented message */

    struct out_piece *first, *last; /* ready, in the order of writing */
    struct out_chunk *open;         /* the last ready one, if it may grow */
    struct out_chunk *spare;
    unsigned spare_count;
    struct out_bulk *bulks, *bulk_last; /* what has fragments left */
    size_t queued;       /* bytes taken that are not written yet */
    size_t flying;       /* of these, handed to the net */
    uint64_t packets;    /* added */
    uint64_t bytes;      /* handed to the net, ever */
    uint64_t written_ms; /* when that was last */
    bool busy;     /* the loop will look by itself: a flush is posted or a write
                      under way */
    bool over;     /* above the high mark, and not yet below the low one */
    bool broken;   /* memory was out where there is nobody to tell: close it */
    bool flushing; /* loop thread only: output_flush() is on the stack */
};

/* A message to be sent, as its sender made it. */
struct parcel {
    struct etf_buffer terms; /* control, then payload, but for its tail */
    struct etf_blob *blob;   /* one count, or NULL: what the tail is in */
    const uint8_t *tail;     /* a large binary at the end */
    size_t tail_size;
    bool borrowed; /* `terms` lives on the sender's stack: copy what is kept */
    size_t control_size;
    const struct node__atoms *atoms; /* borrowed; NULL without a cache */
    etf_pid sender;                  /* whose order it has to keep */
};

/* `seal`: the sending direction of a secure link, which outlives `out`'s last
 * flush; NULL: plain. */
void node__output_init(struct output *out, struct node *node, struct peer *peer,
                       struct rt_conn *net, uint64_t flags,
                       struct noise_record *seal);

/* Frees what is left. Every write must be done. */
void node__output_fini(struct output *out);

/*
 * Under the lock. Takes the message: parcel->terms is empty afterwards, unless
 * it is borrowed or has a tail, and parcel->blob is NULL. *wake is set when the
 * loop has to be told, which the caller does after it gave up the lock.
 * AGNER_ENOMEM leaves all as it was.
 */
enum agner_err node__output_add(struct output *out, struct parcel *parcel,
                                bool *wake);

/* Under the lock. Adds a tick, unless something else is about to be written. */
enum agner_err node__output_tick(struct output *out, bool *wake);

/* Loop thread, without the lock. Writes what is ready; comes back by itself
 * when that is written. */
void node__output_flush(struct output *out);

/* Loop thread, under the lock. Lets go of everything that was not handed to the
 * net: the connection is lost. Returns how many messages that were. */
uint64_t node__output_drop(struct output *out);

#endif
