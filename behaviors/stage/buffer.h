/*
 * buffer.h -- events that wait, in order, and messages between them.
 *
 * Private to behaviors/. A buffer is a chain of pieces. A piece is a list of
 * events in a box, of which the first may be gone already; or a message that is
 * to come when all events in front of it have gone. It knows no process.
 *
 * How many events it keeps is decided by gen__buffer_decide(), a pure function;
 * a box stays until its last event goes, so at most twice as many are in
 * memory.
 */
#ifndef STAGE_BUFFER_H
#define STAGE_BUFFER_H

#include <agner/etf.h>

struct stage_piece {
    struct stage_piece *next;
    struct etf_box *box; /* owned; NULL: all of the list is in its word */
    etf_term rest;       /* the list, or the message */
    uint64_t count;      /* events; 0: a message */
};

/* All zero is an empty one that keeps nothing: set `max`. */
struct stage_buffer {
    struct stage_piece *first, *last; /* owned */
    uint64_t count;                   /* events */
    uint64_t max;
    bool keep_first;
};

/* What happens when `count` events come to where `have` are. */
struct stage_keeps {
    uint64_t drop; /* of those that are there, the oldest */
    uint64_t skip; /* of the new ones, the first */
    uint64_t keep; /* then so many; the rest are not kept */
};
struct stage_keeps gen__buffer_decide(uint64_t have, uint64_t max,
                                      bool keep_first, uint64_t count);

/*
 * Puts a list of `count` events at the end. *discarded: how many are gone
 * instead, these or older ones. False: no memory; nothing has changed. Messages
 * whose events were discarded are first in the buffer then:
 * gen__buffer_message().
 */
bool gen__buffer_put(struct stage_buffer *b, struct etf_region *r,
                     etf_term events, uint64_t count, uint64_t *discarded);
/* A message behind all events. False: no memory. */
bool gen__buffer_put_message(struct stage_buffer *b, etf_term message);

/* A list of at most `count` of the first events, in front of any message, made
 * in `r` as far as it must be; *got: how many. They stay, and the list is good
 * as long as they do. ETF_NONE: no memory. *whole (may be NULL): the box that
 * the list is all of, or NULL. */
etf_term gen__buffer_peek(const struct stage_buffer *b, struct etf_region *r,
                          uint64_t count, uint64_t *got,
                          struct etf_box **whole);
/* The first `count` go, which are there. */
void gen__buffer_drop(struct stage_buffer *b, uint64_t count);
/* The first message, if no events are in front of it: the caller's; or NULL. To
 * be freed with gen__piece_free(). */
struct stage_piece *gen__buffer_message(struct stage_buffer *b);

void gen__piece_free(struct stage_piece *piece);
void gen__buffer_fini(struct stage_buffer *b);

/* A list of the first `count` events of `list`, which has more: in `r`; *rest
 * (may be NULL): what follows them. ETF_NONE: no memory. */
etf_term gen__slice(struct etf_region *r, etf_term list, uint64_t count,
                    etf_term *rest);

#endif
