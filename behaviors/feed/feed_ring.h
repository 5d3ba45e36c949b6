/*
 * feed_ring.h -- events of one subscriber, apart from the log.
 *
 * Private to feed/. For a subscriber that is not to get every event, and so
 * cannot follow the log: its own array, of so many events and no more. The
 * feed's lock guards it. It holds a count of each event's box, or a pin on the
 * segment of the log that the event's term is in: of those that it has from
 * there, which are one behind the other, in few segments.
 */
#ifndef FEED_RING_H
#define FEED_RING_H

#include "feed/feed_log.h"

/* An event, with what keeps its term. */
struct feed_kept {
    struct gen_feed_event event;
    struct feed_segment *segment; /* pinned; NULL: a box, or nothing, does */
};

struct feed_ring {
    struct feed_kept *events; /* owned; NULL: there is none */
    uint32_t room, first, count;
};

/* false: no memory. */
bool gen__feed_ring_init(struct feed_ring *ring, uint32_t room);
/* Frees it and what is in it. */
void gen__feed_ring_fini(struct feed_ring *ring);
/* There is room. A count of the box is added; without one, and when it is no
 * word, the event lies in `segment`, which gets a pin more. */
void gen__feed_ring_push(struct feed_ring *ring,
                         const struct gen_feed_event *event,
                         struct feed_segment *segment);
/* There is one. The caller's from then on: gen__feed_kept_free(). */
struct feed_kept gen__feed_ring_pop(struct feed_ring *ring);
struct feed_kept gen__feed_ring_pop_newest(struct feed_ring *ring);

void gen__feed_kept_free(const struct feed_kept *kept);

#endif
