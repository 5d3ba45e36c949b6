/*
 * held.h -- events that are held back: a line of them, first in, first out.
 *
 * Private to behaviors/. An event is an owned copy. Whoever holds them counts
 * them against a limit of its own.
 */
#ifndef HELD_H
#define HELD_H

#include <agner/gen.h>

struct held_event {
    struct held_event *next;
    struct etf_box *event; /* owned */
    etf_ref owner;         /* whom it came from; all zero when nobody asks */
};

/* All zero is an empty one. */
struct held {
    struct held_event *first, *last;
    uint64_t count;
};

/* Copies an event to the end of the line. AGNER_ENOMEM: nothing changed. */
enum agner_err gen__held_add(struct held *held, etf_term event, etf_ref owner);
/* Copies a proper list, all of it or nothing. */
enum agner_err gen__held_add_list(struct held *held, etf_term events,
                                  etf_ref owner);
/* Moves all of `from` to the end of `to`. */
void gen__held_move(struct held *to, struct held *from);

/* The first `count` (no more than there are) as a list in r, still held, since
 * their memory is; ETF_NONE: no room. */
etf_term gen__held_list(struct etf_region *r, const struct held *held,
                        uint64_t count);
/* Lets go of the first `count`. */
void gen__held_drop(struct held *held, uint64_t count);

#endif
