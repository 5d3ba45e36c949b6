/*
 * feed_log.h -- the events of a feed that somebody has still to take, once.
 *
 * Private to feed/. A log is a list of segments, each an array of events. One
 * writer at a time appends; a reader has a cursor, a segment and a place in it,
 * and reads what is published without a lock. The feed's lock guards who is in
 * which segment; segments at the front that nobody is in are given up, so the
 * log is as long as its last reader is behind, which its window bounds.
 *
 * A short tuple of plain terms, which most events are, is copied into its
 * segment: it has no box, and nothing of its own to be freed. What is larger,
 * or finds no room there, is in a box.
 *
 *   segment           is there as long as
 *   ----------------  ---------------------------------------------------
 *   in the log        a cursor is in it, or in one before it; or it is the
 *                     last one, and there is a cursor at all
 *   out of the log    somebody has a pin on it: what he took is still his
 *
 * Why it does not stand on the segments of a stream (stream/stream.h), counted
 * in instructions an event (callgrind, rows feed and stream of the bench,
 * 40,000):
 *
 *   what                  here   there
 *   --------------------  -----  ------------------------------------------
 *   appending             22     130, of the 255 that publishing costs
 *   taking, in batches    6      20
 *   taking, one by one    -      80
 *
 *   - A slot there has 16 bytes and a tag, and its number follows from its
 *     place; so each reader makes its own struct of it. Here a subscriber is
 *     lent the array itself: with 1,000 of them the copies would be 14,000
 *     instructions more for an event that costs 54,000.
 *   - There the lock guards who is in which segment, and what is pinned. Here
 *     who took something gives it back without the lock.
 *   - There a segment keeps those behind it, up to a window. Here who holds
 *     what he took last, and never comes back, holds one segment.
 *
 * What would be left to share is a list with counts.
 */
#ifndef FEED_LOG_H
#define FEED_LOG_H

#include <agner/gen.h>

#include "atomic.h"
#include "etf_door.h"

#define FEED_SEGMENT 128u /* events */
#define FEED_ARENA   512u /* words of short tuples: {price, 12} has three */

struct feed_segment {
    uint64_t first;         /* number of events[0] */
    _Atomic uint32_t count; /* published: release, before that: the event */
    struct feed_segment *_Atomic next; /* written with the lock */
    _Atomic uint32_t pins;             /* the log, and who holds what he took */
    uint32_t cursors;                  /* the feed's lock */
    uint32_t used;                     /* of the arena: the writer's */
    struct gen_feed_event events[FEED_SEGMENT];
    uint64_t arena[FEED_ARENA];
};

/* The feed's lock guards it, but for what the writer alone reads. */
struct feed_log {
    struct feed_segment *first, *last; /* owned */
};

/* NULL: no memory. */
struct feed_segment *gen__feed_segment_new(void);
/* One pin fewer; the last one frees it, and its events. */
void gen__feed_segment_unpin(struct feed_segment *segment);

/* Is there no room for one more event? Then gen__feed_log_grow() first, which
 * takes `segment`; `seq` is the number of the next event. */
static inline bool gen__feed_log_is_full(const struct feed_log *log)
{
    return log->last == NULL || load_relaxed(&log->last->count) == FEED_SEGMENT;
}

void gen__feed_log_grow(struct feed_log *log, struct feed_segment *segment,
                        uint64_t seq);
/* Is there room for the words of a short tuple, when there is for the event? */
static inline bool gen__feed_log_has_words(const struct feed_log *log,
                                           size_t words)
{
    return FEED_ARENA - log->last->used >= words;
}

/* Takes the event's box. Without one, `words` are those of the short tuple that
 * it is, for which there is room; 0: it is a word. Order: the release of
 * `count` pairs with the acquire of who reads it, and publishes the event. */
static inline void gen__feed_log_append(struct feed_log *log,
                                        const struct gen_feed_event *event,
                                        size_t words)
{
    struct feed_segment *last = log->last;
    uint32_t at = load_relaxed(&last->count);

    last->events[at] = *event;
    if (words > 0) {
        uint64_t *to = &last->arena[last->used];

        (void)etf__short_copy(to, event->term, words); /* plain: it is one */
        last->events[at].term = etf__box_at(to);
        last->used += (uint32_t)words;
    }
    store_release(&last->count, at + 1);
}

/* A cursor enters the last segment, at its end; *at: where that is. */
struct feed_segment *gen__feed_log_enter(struct feed_log *log, uint32_t *at);
/* It goes on to the next one, or leaves for good (`to` NULL); with the last one
 * all goes. What is given up is a list through `next` in *garbage, for
 * gen__feed_log_discard() without the lock. */
void gen__feed_log_step(struct feed_log *log, struct feed_segment *from,
                        struct feed_segment *to, struct feed_segment **garbage);
void gen__feed_log_discard(struct feed_segment *garbage);
/* Nobody is in it: it begins anew with the next one who enters. */
void gen__feed_log_clear(struct feed_log *log, struct feed_segment **garbage);

/* The segment with the event of that number, which is in the log. */
struct feed_segment *gen__feed_log_find(const struct feed_log *log,
                                        uint64_t seq);
/* Events from the front to the end. */
uint64_t gen__feed_log_size(const struct feed_log *log);

#endif
