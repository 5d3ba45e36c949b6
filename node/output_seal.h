/*
 * output_seal.h -- what an output writes, as the records of a secure link.
 *
 * Private to node/; loop thread only. A record's number is its place in what is
 * written, and that is known only under the peer's lock, which must not be held
 * for as long as sealing takes; so it is the loop that seals, without the lock,
 * when it has taken what is ready: a whole chunk at once, in place, and a piece
 * that others refer to while it is copied. Whoever sends and then waits is
 * often the one that runs the loop.
 */
#ifndef NODE_OUTPUT_SEAL_H
#define NODE_OUTPUT_SEAL_H

#include "noise_record.h"

/* What a chunk begins with: the length and the type of its record. */
#define SEAL_HEAD (NOISE_LENGTH_SIZE + 1u)

/* Records, made from bytes that stay as they are. */
struct out_sealed {
    struct out_sealed *next;
    size_t room;
    uint8_t bytes[];
};

/* All zero: a plain connection. */
struct output_seal {
    struct noise_record *direction; /* borrowed; NULL: plain */
    struct out_sealed *spare;
    unsigned spare_count;
};

/* Bytes on the line of `size` bytes of the stream; 0: a tick. */
size_t node__sealed_size(size_t size);

/* `size` bytes as records, which are node__sealed_size(size) bytes at
 * (*sealed)->bytes. AGNER_ENOMEM. */
enum agner_err node__seal_copy(struct output_seal *seal, const uint8_t *bytes,
                               size_t size, struct out_sealed **sealed);
/* The same in place: they are behind the SEAL_HEAD bytes that `buffer` begins
 * with, and at most NOISE_TEXT_MAX. 0 bytes are a tick. */
enum agner_err node__seal_in_place(struct output_seal *seal,
                                   struct etf_buffer *buffer,
                                   size_t *size_on_line);

/* Gives back what was written; NULL does nothing. */
void node__sealed_free(struct output_seal *seal, struct out_sealed *sealed);
void node__output_seal_fini(struct output_seal *seal);

#endif
