/*
 * fragment.h -- putting the fragments of incoming messages together.
 *
 * Private to node/. A message over the sender's fragment size comes as a
 * sequence of packets; other packets, and other sequences, come in between. The
 * first fragment has the header and the whole control message; its number is
 * how many there are, and each further one is numbered one less, down to 1. A
 * peer may leave sequences unfinished, so their number and bytes have limits;
 * past them the connection is to be closed.
 *
 * Source: Erlang Distribution Protocol, "Distribution Header for fragmented
 * messages"; spec/distribution.md 4, spec/reliability.md 4.1.
 */
#ifndef NODE_FRAGMENT_H
#define NODE_FRAGMENT_H

#include <agner/etf.h>

#include "disthdr.h"
#include "gather.h"

#define NODE__SEQUENCES_MAX      1024
#define NODE__SEQUENCE_BYTES_MAX (64u << 20) /* of one message */
#define NODE__SEQUENCE_BYTES_ALL 8 /* times that: in all unfinished ones */
#define NODE__SEQUENCE_BUCKETS   256

/* One message on its way in. */
struct node__sequence {
    struct node__sequence *next; /* in its bucket */
    uint64_t id;
    uint64_t expected;         /* number of the next fragment; 0: complete */
    uint32_t round;            /* of node__sequences_age(), when it last grew */
    struct node__gather terms; /* control, then what has come of the message */
    size_t promised;           /* room that it was given at first */
    unsigned atom_count;
    etf_term *atoms; /* owned: the references of the first fragment */
    struct etf_box *
        *boxes; /* owned: those atoms that are not interned, or NULL */
};

/* All unfinished sequences of one connection. All zero is none. */
struct node__sequences {
    struct node__sequence *buckets[NODE__SEQUENCE_BUCKETS];
    unsigned count;
    unsigned count_max; /* 0: NODE__SEQUENCES_MAX */
    size_t bytes;
    size_t bytes_max; /* 0: NODE__SEQUENCE_BYTES_MAX */
    size_t promised;  /* to the unfinished ones; no more than bytes_max */
    uint32_t round;
};

void node__sequences_fini(struct node__sequences *all);

/*
 * A first fragment: `number` of them in all, `refs` those of its header,
 * `terms` what follows it. When it is the only one the sequence is complete at
 * once.
 *
 * *done is NULL, or the complete sequence, which the caller owns and frees with
 * node__sequence_free(). AGNER_EPROTO (number 0, or the id is in use),
 * AGNER_ELIMIT, AGNER_ENOMEM; the connection is then to be closed.
 */
enum agner_err node__sequences_first(struct node__sequences *all, uint64_t id,
                                     uint64_t number,
                                     const struct node__refs *refs,
                                     const uint8_t *terms, size_t size,
                                     struct node__sequence **done,
                                     struct agner_error *error);

/* A further fragment. AGNER_EPROTO (unknown sequence, or not the next number),
 * AGNER_ELIMIT, AGNER_ENOMEM. *done as above. */
enum agner_err node__sequences_next(struct node__sequences *all, uint64_t id,
                                    uint64_t number, const uint8_t *bytes,
                                    size_t size, struct node__sequence **done,
                                    struct agner_error *error);

/* Where the `size` bytes of this further fragment are best put, before they are
 * given to node__sequences_next(): at the end of its sequence, so that they
 * need not be copied. It is there until the next call of these. Returns how
 * much room is there, `size` at least; 0: it is not expected, or there is no
 * memory. */
size_t node__sequences_place(struct node__sequences *all, uint64_t id,
                             uint64_t number, size_t size, uint8_t **bytes);

void node__sequence_free(struct node__sequence *sequence);

/* Called once a tick round. True when some sequence has not grown in the last
 * `rounds_max` of them: the peer will not finish it, and is to be closed. */
bool node__sequences_age(struct node__sequences *all, uint32_t rounds_max);

#endif
