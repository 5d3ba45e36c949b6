/*
 * promise.c -- places in a stream that do not move: gen_stream.h.
 *
 * A promise is always within its segment, since the tail has room for the next
 * event. So its event is there as long as the promise is, whatever is cut off.
 */
#include "stream/stream.h"

static struct gen_stream_promise pin(struct gen_stream_segment *g,
                                     uint32_t index)
{
    gen__segment_pin(g, gen__stream_keeps(g->stream));
    return (struct gen_stream_promise){ .segment = g, .index = index };
}

/* With the lock held: `seq` is kept, or the next one. */
static struct gen_stream_promise promise_of(struct gen_stream_segment *g,
                                            uint64_t seq)
{
    return pin(g, (uint32_t)(seq - g->first));
}

void gen_stream_subscribe(struct gen_stream *stream,
                          struct gen_stream_promise *out)
{
    gen__stream_lock(stream);
    *out = promise_of(stream->tail, load_relaxed(&stream->front) >> 1);
    rt__unlock(&stream->lock);
}

enum agner_err gen_stream_subscribe_from(struct gen_stream *stream,
                                         uint64_t seq,
                                         struct gen_stream_promise *out)
{
    struct gen_stream_segment *g;
    enum agner_err err = AGNER_OK;

    gen__stream_lock(stream);
    g = gen__segment_find(stream, seq);
    if (seq > load_relaxed(&stream->front) >> 1)
        err = AGNER_EINVAL;
    else if (g == NULL)
        err = AGNER_ELAGGED;
    else
        *out = promise_of(g, seq);
    rt__unlock(&stream->lock);
    return err;
}

struct gen_stream_promise
gen_stream_promise_hold(const struct gen_stream_promise *promise)
{
    struct gen_stream_segment *g = promise->segment;

    if (g == NULL)
        return *promise;
    gen__stream_lock(g->stream);
    (void)pin(g, promise->index);
    rt__unlock(&g->stream->lock);
    return *promise;
}

void gen_stream_promise_free(struct gen_stream_promise *promise)
{
    struct gen_stream_segment *g = promise->segment, *gone = NULL;
    struct gen_stream *s;

    if (g == NULL)
        return;
    s = g->stream;
    gen__stream_lock(s);
    gen__segment_unpin(g, gen__stream_keeps(s), &gone);
    gen__stream_unlock(s, gone);
    *promise = (struct gen_stream_promise){ 0 };
}

uint64_t gen_stream_promise_seq(const struct gen_stream_promise *promise)
{
    return promise->segment->first + promise->index;
}

bool gen_stream_promise_ready(const struct gen_stream_promise *promise)
{
    bool closed;

    return gen__stream_front(promise->segment->stream, &closed) >
               gen_stream_promise_seq(promise) ||
           closed;
}

/* The place behind one whose event is there. */
static enum agner_err after(const struct gen_stream_promise *promise,
                            struct gen_stream_promise *next)
{
    struct gen_stream_segment *g = promise->segment;
    uint32_t index = promise->index + 1;
    struct gen_stream *s = g->stream;
    enum agner_err err = AGNER_OK;

    gen__stream_lock(s);
    if (index < load_relaxed(&g->limit))
        *next = pin(g, index);
    else if (g->next != NULL)
        *next = pin(g->next, 0);
    else
        err = AGNER_ELAGGED;
    rt__unlock(&s->lock);
    return err;
}

/* The place of a number that has no event: gen__stream_skip(). Relaxed: the
 * front that was read is behind it. */
static bool is_in_gap(const struct gen_stream_promise *promise)
{
    return promise->index >= load_relaxed(&promise->segment->limit);
}

enum agner_err gen_stream_promise_next(struct gen *self,
                                       const struct gen_stream_promise *promise,
                                       struct gen_stream_event *event,
                                       struct gen_stream_promise *next,
                                       uint64_t timeout_ms,
                                       struct gen_cancel *cancel)
{
    struct gen_stream_segment *g = promise->segment;
    uint64_t seq = gen_stream_promise_seq(promise);
    enum agner_err err;
    bool closed;

    if (gen_cancel_is_set(cancel))
        return AGNER_ECANCELLED;
    if (gen__stream_front(g->stream, &closed) <= seq) {
        err = closed
                  ? AGNER_OK
                  : gen__stream_wait(self, g->stream, seq, timeout_ms, cancel);
        if (err != AGNER_OK)
            return err;
        if (gen__stream_front(g->stream, &closed) <= seq)
            return AGNER_EDONE;
    }
    err = next == NULL ? AGNER_OK : after(promise, next);
    if (err != AGNER_OK)
        return err;
    if (is_in_gap(promise))
        return AGNER_ELAGGED; /* and *next is behind it */
    if (event != NULL)
        gen__segment_read(g, seq, event);
    return AGNER_OK;
}
