/*
 * stream.c -- a stream's life: gen_stream.h.
 *
 * Two counts. Handles are what may publish and subscribe; pins are places in
 * it. Without a handle it is closed; without both it is freed, by whoever gives
 * the last one back.
 */
#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"

static uint64_t power_of_two(uint64_t n)
{
    uint64_t size = 1;

    while (size < n)
        size *= 2;
    return size;
}

static void free_stream(struct gen_stream *s)
{
    rt_figures_remove(s->rt, &s->figures);
    etf_box_free(s->reason);
    free(s->waiting.seats);
    free(s->senders.seats);
    free(s->waking.seats);
    free((void *)(uintptr_t)s->options.name); /* ours: drops const */
    free(s);
}

static enum agner_err copy_name(struct gen_stream *s)
{
    size_t size;
    char *copy;

    if (s->options.name == NULL)
        return AGNER_OK;
    size = strlen(s->options.name) + 1;
    copy = malloc(size);
    if (copy != NULL)
        memcpy(copy, s->options.name, size);
    s->options.name = copy;
    return copy == NULL ? AGNER_ENOMEM : AGNER_OK;
}

static enum agner_err init(struct gen_stream *s)
{
    struct gen_stream_segment *g;
    enum agner_err err = copy_name(s);

    if (err != AGNER_OK)
        return err;
    s->blocked_at = UINT64_MAX;
    s->handles = 1;
    s->window = s->options.max_lag;
    rt_random(s->rt, &s->life, sizeof s->life);
    s->life >>= 8; /* a small integer on every node */
    g = gen__segment_new(s);
    if (g == NULL)
        return AGNER_ENOMEM;
    gen__segment_open(s, g, 0, 0);
    s->figures.kind = "stream";
    s->figures.show = gen__stream_show;
    rt_figures_add(s->rt, &s->figures);
    return AGNER_OK;
}

enum agner_err gen_stream_new(struct rt *rt,
                              const struct gen_stream_options *options,
                              struct gen_stream **out)
{
    static const struct gen_stream_options defaults;
    int32_t segment;
    struct gen_stream *s;
    enum agner_err err;

    if (options == NULL)
        options = &defaults;
    segment = options->segment == 0 ? GEN_STREAM_SEGMENT : options->segment;
    if (segment < 0 || segment > GEN_STREAM_SEGMENT_MAX)
        return AGNER_EINVAL;
    s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (s == NULL)
        return AGNER_ENOMEM;
    memset(s, 0, sizeof *s);
    s->rt = rt;
    s->options = *options;
    s->many = options->many_publishers;
    s->size = power_of_two((uint64_t)segment);
    err = init(s);
    if (err != AGNER_OK) {
        free((void *)(uintptr_t)s->options.name); /* ours: drops const */
        free(s);
        return err;
    }
    *out = s;
    return AGNER_OK;
}

void gen__stream_begin_at(struct gen_stream *s, uint64_t seq)
{
    s->tail->first = seq;
    store_relaxed(&s->front, seq << 1);
}

void gen__stream_shift(struct gen_stream *s, uint64_t shift)
{
    gen__stream_lock(s);
    s->shift = shift;
    rt__unlock(&s->lock);
}

uint64_t gen__stream_shifted(struct gen_stream *s, uint64_t seq)
{
    gen__stream_lock(s);
    seq += s->shift;
    rt__unlock(&s->lock);
    return seq;
}

void gen__stream_retain(struct gen_stream *s, uint64_t count)
{
    gen__stream_lock(s);
    if (s->options.retain < count)
        s->options.retain = count;
    rt__unlock(&s->lock);
}

bool gen__stream_is_alone(struct gen_stream *s)
{
    bool alone;

    gen__stream_lock(s);
    alone = s->handles == 1 && s->pins == 0;
    rt__unlock(&s->lock);
    return alone;
}

struct gen_stream *gen_stream_hold(struct gen_stream *stream)
{
    gen__stream_lock(stream);
    stream->handles++;
    rt__unlock(&stream->lock);
    return stream;
}

void gen__stream_unlock(struct gen_stream *s, struct gen_stream_segment *gone)
{
    bool last;

    if (gone != NULL) {
        s->pins++; /* it stays while it is used */
        rt__unlock(&s->lock);
        gen__segment_release(s, gone);
        gen__stream_lock(s);
        s->pins--;
    }
    last = s->handles == 0 && s->pins == 0;
    rt__unlock(&s->lock);
    if (last)
        free_stream(s);
}

void gen_stream_free(struct gen_stream *stream)
{
    struct gen_stream_segment *gone = NULL;
    bool last;

    if (stream == NULL)
        return;
    gen__stream_lock(stream);
    last = stream->handles == 1;
    if (last && !stream->closed) {
        rt__unlock(&stream->lock);
        (void)gen_stream_close(NULL, stream, ETF_NONE); /* or another did */
        gen__stream_lock(stream);
    }
    if (--stream->handles == 0)
        gen__segment_collect(stream, &gone);
    gen__stream_unlock(stream, gone);
}
