/*
 * feed_log.c -- the events of a feed, in segments: feed_log.h.
 */
#include "feed/feed_log.h"

#include <stdlib.h>

struct feed_segment *gen__feed_segment_new(void)
{
    struct feed_segment *segment = malloc(sizeof *segment);

    if (segment == NULL)
        return NULL;
    segment->cursors = 0;
    segment->used = 0;
    store_relaxed(&segment->count, 0u);
    store_relaxed(&segment->next, NULL);
    store_relaxed(&segment->pins, 1u);
    return segment;
}

/* Order: each pin that is given back releases what its holder read; the last
 * one acquires all of it. */
void gen__feed_segment_unpin(struct feed_segment *segment)
{
    if (segment == NULL || sub_acq_rel(&segment->pins, 1u) != 1)
        return;
    for (uint32_t i = 0; i < load_relaxed(&segment->count); i++) {
        /* The box is ours, lent out as const. */
        etf_box_free((struct etf_box *)(uintptr_t)segment->events[i].box);
    }
    free(segment);
}

void gen__feed_log_grow(struct feed_log *log, struct feed_segment *segment,
                        uint64_t seq)
{
    struct feed_segment *last = log->last;

    segment->first = seq;
    log->last = segment;
    if (last == NULL)
        log->first = segment;
    else /* relaxed: who steps on takes the lock for that */
        store_relaxed(&last->next, segment);
}

struct feed_segment *gen__feed_log_enter(struct feed_log *log, uint32_t *at)
{
    log->last->cursors++;
    *at = load_relaxed(&log->last->count);
    return log->last;
}

static void give_up_first(struct feed_log *log, struct feed_segment **garbage)
{
    struct feed_segment *old = log->first;

    log->first = old == log->last ? NULL : load_relaxed(&old->next);
    if (log->first == NULL)
        log->last = NULL;
    store_relaxed(&old->next, *garbage);
    *garbage = old;
}

void gen__feed_log_step(struct feed_log *log, struct feed_segment *from,
                        struct feed_segment *to, struct feed_segment **garbage)
{
    from->cursors--;
    if (to != NULL)
        to->cursors++;
    while (log->first != NULL && log->first->cursors == 0 &&
           (log->first != log->last || to == NULL))
        give_up_first(log, garbage);
}

void gen__feed_log_clear(struct feed_log *log, struct feed_segment **garbage)
{
    while (log->first != NULL)
        give_up_first(log, garbage);
}

void gen__feed_log_discard(struct feed_segment *garbage)
{
    while (garbage != NULL) {
        struct feed_segment *next = load_relaxed(&garbage->next);

        gen__feed_segment_unpin(garbage);
        garbage = next;
    }
}

struct feed_segment *gen__feed_log_find(const struct feed_log *log,
                                        uint64_t seq)
{
    struct feed_segment *segment = log->first;

    while (seq - segment->first >= FEED_SEGMENT)
        segment = load_relaxed(&segment->next);
    return segment;
}

uint64_t gen__feed_log_size(const struct feed_log *log)
{
    if (log->last == NULL)
        return 0;
    return log->last->first - log->first->first +
           load_relaxed(&log->last->count);
}
