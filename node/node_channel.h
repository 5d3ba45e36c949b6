/*
 * node_channel.h -- the door of node/ to a stream of bytes between two keys.
 *
 * For rooms above, which own the sockets: a pure machine, without a clock, a
 * random number, or a name. Each side proves that it has its secret key and
 * hears which key the other one has proven; whether that is good enough is for
 * the owner to say, before anything of the stream goes out or comes in. The
 * bytes are encrypted, and what is changed, repeated, left out or out of order
 * ends it.
 *
 *   initiator                       responder
 *   ------------------------------  -----------------------------------
 *   message 0 of Noise XX      -->
 *                              <--  message 1
 *   admits() the key
 *   message 2                  -->
 *                                   admits() the key
 *                              <--  a record: WELCOME
 *   UP                              UP
 *   records: BYTES, END       <-->  the same
 *
 * In front of each message and record are two bytes with its length; those of
 * messages are known, so a stranger costs less than a hundred bytes. A stream
 * that ends without END was cut. Source: The Noise Protocol Framework, revision
 * 34; spec/reliability.md 6.2, 6.4.
 */
#ifndef NODE_CHANNEL_H
#define NODE_CHANNEL_H

#include "noise.h"

enum node_channel_state {
    NODE_CHANNEL_SHAKES,
    NODE_CHANNEL_UP,
    NODE_CHANNEL_ENDED,  /* the other side has said that it is over */
    NODE_CHANNEL_FAILED, /* for good; nothing was said to the other side */
};

struct node_channel; /* one thread at a time */

struct node_channel_options {
    bool initiator;
    const char *prologue;              /* what both sides must agree on */
    const struct noise_keys *own;      /* copied */
    uint8_t ephemeral[NOISE_KEY_SIZE]; /* random, for this channel only */
    /* The other side has proven to have that key (a responder), or says so, and
     * can go on only if it has (an initiator). false: the channel fails. */
    bool (*admits)(void *ctx, const uint8_t key[NOISE_KEY_SIZE]);
    void *ctx;
};

/* Returns new, and appends to `out` what is to be sent first. AGNER_ENOMEM,
 * AGNER_EINVAL (a secret that is none). */
enum agner_err node_channel_new(const struct node_channel_options *options,
                                struct etf_buffer *out,
                                struct node_channel **channel);
/* Wipes its keys. NULL is fine. */
void node_channel_free(struct node_channel *channel);

enum node_channel_state node_channel_state(const struct node_channel *channel);
/* Why it failed; static. */
const char *node_channel_text(const struct node_channel *channel);

/*
 * Bytes came. What they say is appended to `plain`, what is to be answered to
 * `out`. AGNER_EPROTO: it has failed, and neither of them has anything of the
 * record that was at fault. AGNER_ENOMEM: likewise. What comes behind an end is
 * not looked at.
 */
enum agner_err node_channel_take(struct node_channel *channel,
                                 const uint8_t *bytes, size_t size,
                                 struct etf_buffer *plain,
                                 struct etf_buffer *out);

/* Appends `size` bytes, as records, to `out`. AGNER_EPROTO: it is not up.
 * AGNER_ENOMEM: then it has failed. */
enum agner_err node_channel_put(struct node_channel *channel,
                                const uint8_t *bytes, size_t size,
                                struct etf_buffer *out);

/* The same for the end: nothing can be put any more. */
enum agner_err node_channel_end(struct node_channel *channel,
                                struct etf_buffer *out);

#endif
