/*
 * feed_ring.c -- events of one subscriber, apart from the log: feed_ring.h.
 */
#include "feed/feed_ring.h"

#include <stdlib.h>

/* The box is ours, and const only for those that it is lent to. */
static struct etf_box *box_of(const struct gen_feed_event *event)
{
    return (struct etf_box *)(uintptr_t)event->box;
}

void gen__feed_kept_free(const struct feed_kept *kept)
{
    etf_box_free(box_of(&kept->event));
    gen__feed_segment_unpin(kept->segment);
}

bool gen__feed_ring_init(struct feed_ring *ring, uint32_t room)
{
    ring->events = malloc(room * sizeof *ring->events);
    ring->room = room;
    ring->first = ring->count = 0;
    return ring->events != NULL;
}

void gen__feed_ring_fini(struct feed_ring *ring)
{
    while (ring->count > 0) {
        struct feed_kept kept = gen__feed_ring_pop(ring);

        gen__feed_kept_free(&kept);
    }
    free(ring->events);
    ring->events = NULL;
}

/* Order: as any count that is added, since the log has a pin. */
void gen__feed_ring_push(struct feed_ring *ring,
                         const struct gen_feed_event *event,
                         struct feed_segment *segment)
{
    uint32_t at = ring->first + ring->count++;

    if (event->box != NULL)
        (void)etf_box_hold(box_of(event));
    if (event->box != NULL || etf_is_word(event->term))
        segment = NULL;
    if (segment != NULL)
        add_relaxed(&segment->pins, 1u);
    ring->events[at < ring->room ? at : at - ring->room] =
        (struct feed_kept){ *event, segment };
}

struct feed_kept gen__feed_ring_pop(struct feed_ring *ring)
{
    struct feed_kept kept = ring->events[ring->first];

    ring->first = ring->first + 1 == ring->room ? 0 : ring->first + 1;
    ring->count--;
    return kept;
}

struct feed_kept gen__feed_ring_pop_newest(struct feed_ring *ring)
{
    uint32_t at = ring->first + --ring->count;

    return ring->events[at < ring->room ? at : at - ring->room];
}
