/*
 * figures.c -- what a stream and its cursors show: gen_stream.h, rt_figures.h.
 */
#include "stream/stream.h"

uint64_t gen_cursor_position(const struct gen_cursor *cursor)
{
    return load_relaxed(&cursor->position);
}

uint64_t gen_cursor_lag(const struct gen_cursor *cursor)
{
    uint64_t position = load_relaxed(&cursor->position);
    bool closed;

    return gen__stream_front(cursor->stream, &closed) - position;
}

uint64_t gen_cursor_lost(const struct gen_cursor *cursor)
{
    return load_relaxed(&cursor->lost);
}

etf_term gen_stream_reason(struct gen_stream *stream, struct etf_region *r)
{
    bool closed;

    (void)gen__stream_front(stream, &closed);
    if (!closed)
        return ETF_NONE;
    return stream->reason == NULL ? ETF_A(normal)
                                  : etf_copy(r, etf_box_term(stream->reason));
}

etf_term gen_cursor_reason(const struct gen_cursor *cursor,
                           struct etf_region *r)
{
    bool closed;

    if (load_relaxed(&cursor->over))
        return etf_atom("lagged");
    if (gen__stream_front(cursor->stream, &closed) !=
        load_relaxed(&cursor->position))
        return ETF_NONE;
    return gen_stream_reason(cursor->stream, r);
}

void gen_stream_info(struct gen_stream *stream, struct gen_stream_info *out)
{
    struct gen_cursor *c;

    *out = (struct gen_stream_info){ 0 };
    gen__stream_lock(stream);
    out->next_seq = load_relaxed(&stream->front) >> 1;
    out->first_seq =
        stream->first == NULL ? out->next_seq : stream->first->first;
    out->readers = stream->readers;
    out->segments = stream->segments;
    out->bytes = stream->bytes;
    out->lost = stream->lost;
    out->closed = stream->closed;
    for (c = stream->cursors; c != NULL; c = c->next) {
        uint64_t lag = out->next_seq - load_relaxed(&c->position);

        out->lost += load_relaxed(&c->lost);
        if (lag >= out->lag && !load_relaxed(&c->over)) {
            out->lag = lag;
            out->slowest = c->owner;
        }
    }
    rt__unlock(&stream->lock);
}

etf_term gen__stream_show(const struct rt_figures *figures,
                          struct etf_region *r)
{
    struct gen_stream *s =
        (struct gen_stream *)((char *)(uintptr_t)figures -
                              offsetof(struct gen_stream, figures));
    struct gen_stream_info i;
    etf_term who = ETF_A(undefined), name = ETF_A(undefined);

    gen_stream_info(s, &i);
    if (!etf_pid_is_none(i.slowest))
        who = etf_from_pid(r, i.slowest);
    if (s->options.name != NULL)
        name = etf_text(r, s->options.name);
    return etf_make(r,
                    "#{name => _, events => _, first => _, readers => _, "
                    "segments => _, bytes => _, lost => _, lag => _, "
                    "slowest => _, closed => _}",
                    name, i.next_seq, i.first_seq, i.readers, i.segments,
                    i.bytes, i.lost, i.lag, who, i.closed);
}
