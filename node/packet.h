/*
 * packet.h -- the forms in which a message travels, both directions.
 *
 * Private to node/. Which forms a connection has is decided by its flags:
 *
 *   neither DIST_HDR_ATOM_CACHE nor FRAGMENTS
 *              112, 131, control [, 131, message]
 *   otherwise  131, 68, header, control [, message]             whole
 *              131, 69, sequence, number, header, control, ...   first fragment
 *              131, 70, sequence, number, ...                    further
 * fragment
 *
 * each after its length in four bytes; a packet of length 0 is a tick. Source:
 * Erlang Distribution Protocol, "Distribution Header"; spec/distribution.md 4.
 */
#ifndef NODE_PACKET_H
#define NODE_PACKET_H

#include <agner/etf.h>

#include "disthdr.h"
#include "fragment.h"

#define NODE__FRAGMENT_SIZE 65536u /* bytes of terms in one fragment */

/* ---- Sending ------------------------------------------------------------ */

/* An encoded message (node__control_encode()), not framed. All borrowed. */
struct node__message {
    const uint8_t *terms; /* control, then message */
    size_t size;
    size_t control_size; /* of `size` */
    const uint8_t
        *tail; /* where the last `tail_size` of `size` are, if that is
                  not 0; all of `terms` fit in the first packet then */
    size_t tail_size;
    const struct node__atoms *atoms; /* NULL: all are spelled out */
};

/* What of a message is still to be framed. */
struct node__rest {
    const uint8_t *next; /* in the message's terms */
    size_t left;         /* 0: all is out */
    size_t fragment_size;
    uint64_t sequence;
    uint64_t number; /* of the next fragment */
};

/*
 * Appends the first packet of a message, with its length, to `out`: the whole
 * of it unless FRAGMENTS is agreed and its terms are more than `fragment_size`
 * bytes (0: NODE__FRAGMENT_SIZE). What remains is in *rest, for
 * node__packet_further(): other packets may go in between. To be called in the
 * order of sending, under the lock that keeps it, since it changes `cache`.
 *
 *   flags     as agreed. Without DIST_HDR_ATOM_CACHE `atoms` must be NULL or
 * empty cache     of the connection; may be NULL when `atoms` is sequence  a
 * number that no unfinished message of this connection has
 *
 * AGNER_ENOMEM and AGNER_ELIMIT (of `out`, or a packet over 32 bits of length)
 * leave everything as it was.
 */
enum agner_err node__packet_first(struct etf_buffer *out, uint64_t flags,
                                  struct node__cache_out *cache,
                                  const struct node__message *message,
                                  size_t fragment_size, uint64_t sequence,
                                  struct node__rest *rest);

/* Appends the next fragment; rest->left must not be 0. */
enum agner_err node__packet_further(struct etf_buffer *out,
                                    struct node__rest *rest);

/*
 * The same two without the copy, for connections with a header: only what
 * precedes the terms is appended, and the packet is complete when *size bytes
 * of the terms follow it, from their start or from *terms. Of a message with a
 * tail the terms are appended too, and *size bytes of the tail are to follow.
 * Else as above.
 */
enum agner_err node__packet_first_head(struct etf_buffer *out, uint64_t flags,
                                       struct node__cache_out *cache,
                                       const struct node__message *message,
                                       size_t fragment_size, uint64_t sequence,
                                       struct node__rest *rest, size_t *size);
enum agner_err node__packet_further_head(struct etf_buffer *out,
                                         struct node__rest *rest,
                                         const uint8_t **terms, size_t *size);

/* ---- Receiving ---------------------------------------------------------- */

/* One direction of a connection. Zero but for the first three. */
struct node__in {
    uint64_t flags;                   /* as agreed */
    struct etf_atom_budget *budget;   /* borrowed, or NULL */
    struct node__sequences sequences; /* limits may be set */
    struct node__cache_in cache;
};

void node__in_fini(struct node__in *in);

/* A message that is complete. */
struct node__arrived {
    const uint8_t *terms; /* NULL: none yet (a tick, or more is to come) */
    size_t size;
    struct etf_blob *source; /* borrowed: what they are in, or NULL */
    bool pass_through;       /* 131 in front of each term */
    const etf_term *atoms;   /* ATOM_CACHE_REF */
    unsigned atom_count;
    struct node__sequence *sequence; /* owned: holds all that, or NULL */
    struct node__refs refs;          /* where `atoms` are otherwise */
};

/*
 * Takes one packet, without its length. *arrived borrows from `packet` and
 * `in`: it is good until either changes, and ended with node__arrived_fini().
 * Any bytes are legal input; AGNER_EPROTO, AGNER_ELIMIT, AGNER_ENOMEM: close
 * the connection.
 */
enum agner_err node__packet_read(struct node__in *in, const uint8_t *packet,
                                 size_t size, struct node__arrived *arrived,
                                 struct agner_error *error);
void node__arrived_fini(struct node__arrived *arrived);

/* What a further fragment begins with. */
#define NODE__FURTHER_HEAD 18u

/*
 * Of a packet of `size` bytes the head has come: where what follows is best
 * put, so that it need not be copied. Returns how much room is there, or 0:
 * anywhere. It is there until the next packet, which has to be this one, in two
 * parts: its head, and `bytes`, as they were put. Else as above.
 */
size_t node__packet_place(struct node__in *in,
                          const uint8_t head[NODE__FURTHER_HEAD], size_t size,
                          uint8_t **bytes);
enum agner_err node__packet_read_placed(struct node__in *in,
                                        const uint8_t head[NODE__FURTHER_HEAD],
                                        const uint8_t *bytes, size_t size,
                                        struct node__arrived *arrived,
                                        struct agner_error *error);

#endif
