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

void gen__feed_event_free(const struct gen_feed_event *event)
{
    etf_box_free(box_of(event));
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
        struct gen_feed_event event = gen__feed_ring_pop(ring);

        gen__feed_event_free(&event);
    }
    free(ring->events);
    ring->events = NULL;
}

void gen__feed_ring_push(struct feed_ring *ring,
                         const struct gen_feed_event *event)
{
    uint32_t at = ring->first + ring->count++;

    if (event->box != NULL)
        (void)etf_box_hold(box_of(event));
    ring->events[at < ring->room ? at : at - ring->room] = *event;
}

struct gen_feed_event gen__feed_ring_pop(struct feed_ring *ring)
{
    struct gen_feed_event event = ring->events[ring->first];

    ring->first = ring->first + 1 == ring->room ? 0 : ring->first + 1;
    ring->count--;
    return event;
}

struct gen_feed_event gen__feed_ring_pop_newest(struct feed_ring *ring)
{
    uint32_t at = ring->first + --ring->count;

    return ring->events[at < ring->room ? at : at - ring->room];
}
