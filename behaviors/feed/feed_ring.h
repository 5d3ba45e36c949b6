/*
 * feed_ring.h -- events of one subscriber, apart from the log.
 *
 * Private to feed/. For a subscriber that is not to get every event, and so
 * cannot follow the log: its own array, of so many events and no more. The
 * feed's lock guards it. It holds a count of each event's box.
 */
#ifndef FEED_RING_H
#define FEED_RING_H

#include <agner/gen.h>

struct feed_ring {
    struct gen_feed_event *events; /* owned; NULL: there is none */
    uint32_t room, first, count;
};

/* false: no memory. */
bool gen__feed_ring_init(struct feed_ring *ring, uint32_t room);
/* Frees it and what is in it. */
void gen__feed_ring_fini(struct feed_ring *ring);
/* There is room. A count of the box is added. */
void gen__feed_ring_push(struct feed_ring *ring,
                         const struct gen_feed_event *event);
/* There is one. The caller's from then on: gen__feed_event_free(). */
struct gen_feed_event gen__feed_ring_pop(struct feed_ring *ring);
struct gen_feed_event gen__feed_ring_pop_newest(struct feed_ring *ring);

void gen__feed_event_free(const struct gen_feed_event *event);

#endif
