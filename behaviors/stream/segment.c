/*
 * segment.c -- the memory of a stream: which of it is kept, and by whom.
 */
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"

struct gen_stream_segment *gen__segment_new(struct gen_stream *s)
{
    size_t slots = (size_t)s->size;
    struct gen_stream_segment *g =
        malloc(sizeof *g + slots * (sizeof g->slots[0] + 1));

    if (g == NULL)
        return NULL;
    memset(g, 0, sizeof *g);
    g->stream = s;
    g->tags = (uint8_t *)(g->slots + slots);
    store_relaxed(&g->limit, (uint32_t)slots);
    return g;
}

static uint64_t own_bytes(const struct gen_stream *s)
{
    return sizeof(struct gen_stream_segment) +
           s->size * (sizeof(union stream_slot) + 1);
}

void gen__segment_pin(struct gen_stream_segment *g, bool firm)
{
    g->pins++;
    g->firm += firm ? 1 : 0;
    g->stream->pins++;
    g->stream->cut_pins += g->cut ? 1 : 0;
}

bool gen__stream_keeps(const struct gen_stream *s)
{
    return s->options.max_lag == 0 && s->options.max_bytes == 0;
}

/* The first one leaves the list, and is still counted until it is given back.
 */
static struct gen_stream_segment *take_first(struct gen_stream *s)
{
    struct gen_stream_segment *g = s->first;

    s->first = g->next;
    if (s->first == NULL)
        s->tail = NULL;
    else
        s->first->prev = NULL;
    g->next = NULL;
    return g;
}

static void give_back(struct gen_stream *s, struct gen_stream_segment *g,
                      struct gen_stream_segment **gone)
{
    s->segments--;
    s->bytes -= own_bytes(s) + g->bytes;
    g->next = *gone;
    *gone = g;
}

/* Where the next segment begins. */
static uint64_t end_of(const struct gen_stream_segment *g)
{
    return g->first + load_relaxed(&g->limit);
}

/* What lies before this need not be kept for those who are cut off, or for
 * those who come later. */
static uint64_t floor_of(const struct gen_stream *s)
{
    uint64_t front = load_relaxed(&s->front) >> 1;
    uint64_t keep = s->options.retain;

    if (s->cut_pins != 0 && s->window > keep)
        keep = s->window;
    return front > keep ? front - keep : 0;
}

void gen__segment_collect(struct gen_stream *s,
                          struct gen_stream_segment **gone)
{
    uint64_t floor = floor_of(s);
    bool all = s->handles == 0 && s->cut_pins == 0;

    while (s->first != NULL && s->first->pins == 0 &&
           (all || (s->first != s->tail && end_of(s->first) <= floor)))
        give_back(s, take_first(s), gone);
}

void gen__segment_unpin(struct gen_stream_segment *g, bool firm,
                        struct gen_stream_segment **gone)
{
    struct gen_stream *s = g->stream;

    g->pins--;
    g->firm -= firm ? 1 : 0;
    s->pins--;
    if (g->cut) {
        s->cut_pins--;
        if (g->pins == 0)
            give_back(s, g, gone);
    }
    if (g->pins == 0 || s->cut_pins == 0)
        gen__segment_collect(s, gone);
}

void gen__segment_open(struct gen_stream *s, struct gen_stream_segment *spare,
                       uint32_t limit, uint64_t gap)
{
    struct gen_stream_segment *tail = s->tail;

    s->segments++;
    s->bytes += own_bytes(s);
    s->tail = spare;
    if (tail == NULL) {
        s->first = spare;
        return;
    }
    /* Relaxed: who has to know it reads a front that is stored after it. */
    store_relaxed(&tail->limit, limit);
    spare->first = tail->first + limit + gap;
    spare->prev = tail;
    tail->next = spare;
}

/* The newest event stays in any case: somebody may want just that. */
static bool is_beyond(const struct gen_stream *s, uint64_t front)
{
    if (end_of(s->first) >= front)
        return false;
    if (s->options.max_bytes != 0 && s->bytes > s->options.max_bytes)
        return true;
    return s->window != 0 && front - end_of(s->first) >= s->window;
}

void gen__segment_cut(struct gen_stream *s, struct gen_stream_segment **gone)
{
    uint64_t front = load_relaxed(&s->front) >> 1;

    while (s->first != s->tail && s->first->firm == 0 && is_beyond(s, front)) {
        struct gen_stream_segment *g = take_first(s);

        if (g->pins == 0) {
            give_back(s, g, gone);
        } else {
            g->cut = true;
            s->cut_pins += g->pins;
        }
    }
}

/* From the end, since who asks for a number wants a recent one. */
struct gen_stream_segment *gen__segment_find(struct gen_stream *s, uint64_t seq)
{
    struct gen_stream_segment *g = s->tail;

    while (g != NULL && g->first > seq)
        g = g->prev;
    return g;
}

static void release_slots(struct gen_stream *s, struct gen_stream_segment *g)
{
    for (uint32_t i = 0; g->owned != 0; i++) {
        union stream_slot *slot = &g->slots[i];

        if (g->tags[i] == STREAM_POINTER) {
            g->owned--;
            if (s->options.destroy != NULL)
                s->options.destroy(s->options.ctx, slot->pointer.data,
                                   slot->pointer.size);
        } else if (g->tags[i] == STREAM_TERM && slot->term.box != NULL) {
            g->owned--;
            etf_box_free(slot->term.box);
        }
    }
}

void gen__segment_release(struct gen_stream *s, struct gen_stream_segment *gone)
{
    while (gone != NULL) {
        struct gen_stream_segment *next = gone->next;

        release_slots(s, gone);
        free(gone);
        gone = next;
    }
}

uint64_t gen__segment_bytes(const struct gen_stream_segment *g, uint64_t seq)
{
    const union stream_slot *slot = &g->slots[seq - g->first];
    uint8_t tag = g->tags[seq - g->first];

    if (tag == STREAM_POINTER)
        return slot->pointer.size;
    if (tag == STREAM_TERM && slot->term.box != NULL)
        return gen__box_bytes(slot->term.box);
    return 0;
}

bool gen__segment_is_last(const struct gen_stream_segment *g, uint64_t seq)
{
    return seq - g->first + 1 >= load_relaxed(&g->limit);
}
