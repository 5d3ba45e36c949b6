/*
 * feed_send.h -- one send under way, as the files that carry it out share it.
 *
 * Private to feed/. Memory of the process that sends, which has the turn but
 * for gen__send_take_turn().
 */
#ifndef FEED_SEND_H
#define FEED_SEND_H

#include "feed/feed_core.h"

struct send {
    struct gen *self;
    struct gen_feed *feed;
    struct gen_feed_event event;
    size_t words; /* of a short tuple, the sender's still; 0: none */
    const struct feed_origin *origin; /* or NULL */
    uint64_t number;                  /* of the event, in this feed */
    uint64_t mask;
    uint64_t start_ms, timeout_ms;
    bool patient; /* waits for room */
    bool rings;   /* somebody is apart */
    bool slow;    /* somebody has more than its window */
    bool late;    /* somebody had none in all the time */
    unsigned looked;
    size_t count, missed;
};

/* ---- feed_turn.c --------------------------------------------------------- */

/* AGNER_OK: the turn is ours, and the lock is held. Otherwise neither. */
enum agner_err gen__send_take_turn(struct send *d);

/* ---- feed_slow.c: with the turn and the lock, which is let go now and then */

/* The next one of `head`'s, which was there before this event; NULL: that was
 * the last. It may leave, and others too: `scan` is beyond it. */
struct feed_cursor *gen__send_next(struct send *d,
                                   const struct feed_link *head);
/* The subscription ends with `slow`; it may be no more after that. */
void gen__send_end_slow(struct send *d, struct feed_cursor *c);
/* From the log to a ring, if at least so many wait. Without memory for a ring
 * it ends: it cannot go on without what it is to miss. */
void gen__send_set_apart(struct send *d, struct feed_cursor *c, uint64_t least);
/* Waits until nobody has more than its window. */
enum agner_err gen__send_await_room(struct send *d);

#endif
