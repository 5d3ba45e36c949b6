/*
 * publish.c -- appending events, waking who waits, and the end.
 */
#include <string.h>

#include "stream/stream.h"

#define AT_ONCE 32u /* events that publish_many prepares */
/* Events that are one operation of the publisher: so it makes way for readers
 * that wait here while what it wrote is in the cache, and is not taken for one
 * that computes, whom others are to be helped away from. */
#define BREATH 4u

/* ---- Who may ------------------------------------------------------------- */

/* Order: acquire pairs with the release in rt__unlock(), as in rt__lock(). */
static enum agner_err lock_to_publish(struct gen_stream *s)
{
    uint32_t seen = 0;

    if (s->many) {
        rt__lock(&s->lock);
        return AGNER_OK;
    }
    while (!cas_acquire(&s->lock, &seen, STREAM_PUBLISHING)) {
        if (seen == STREAM_PUBLISHING)
            return AGNER_EBUSY;
        seen = 0;
        atomic_relax();
    }
    return AGNER_OK;
}

/* One publisher: a process, until it is dead. Threads show no name. */
static enum agner_err check_publisher(const struct gen *self,
                                      struct gen_stream *s)
{
    etf_term me;
    etf_pid other;

    if (s->many || self == NULL)
        return AGNER_OK;
    me = rt_self_term(self);
    if (etf_same(me, s->publisher))
        return AGNER_OK;
    if (etf_get_pid(s->publisher, &other) && rt_is_alive(s->rt, other))
        return AGNER_EOWNER;
    s->publisher = me;
    return AGNER_OK;
}

static enum agner_err may_publish(const struct gen *self, struct gen_stream *s)
{
    return s->closed ? AGNER_ECLOSED : check_publisher(self, s);
}

/* ---- Appending ---------------------------------------------------------- */

/* Does the event at `index` fill the segment? By number, or since what is kept
 * could not be bounded in bytes otherwise. */
static bool fills(const struct gen_stream *s, uint32_t index, uint64_t bytes)
{
    const struct gen_stream_segment *tail = s->tail;

    if (index + 1 == s->size)
        return true;
    return s->options.max_bytes != 0 &&
           tail->bytes + bytes > s->options.max_bytes / 4;
}

static void put(struct gen_stream *s, uint32_t index,
                const struct stream_item *item)
{
    struct gen_stream_segment *tail = s->tail;

    tail->slots[index] = item->slot;
    tail->tags[index] = item->tag;
    tail->owned += item->owned ? 1 : 0;
    tail->bytes += item->bytes;
    s->bytes += item->bytes;
}

/* With the lock held: as many as there is room for. AGNER_EAGAIN: a cursor is
 * in the way; AGNER_ENOMEM: a segment is wanted. *spare is taken when used. */
static enum agner_err fill(struct gen_stream *s,
                           const struct stream_item *items, size_t count,
                           size_t *done, struct gen_stream_segment **spare,
                           struct gen_stream_segment **gone)
{
    uint64_t seq = load_relaxed(&s->front) >> 1;
    enum agner_err err = AGNER_OK;
    bool opened = false;

    for (; *done < count; (*done)++, seq++) {
        const struct stream_item *item = &items[*done];
        uint32_t index = (uint32_t)(seq - s->tail->first);
        bool last = fills(s, index, item->bytes);

        if (seq >= s->blocked_at)
            err = AGNER_EAGAIN;
        else if (last && *spare == NULL)
            err = AGNER_ENOMEM;
        if (err != AGNER_OK)
            break;
        put(s, index, item);
        if (last) {
            gen__segment_open(s, *spare, index + 1, 0);
            *spare = NULL;
            opened = true;
        }
    }
    /* Release pairs with the acquire in gen__stream_front(): the slots, and the
     * limits. */
    store_release(&s->front, seq << 1);
    if (opened) {
        gen__segment_cut(s, gone);
        gen__segment_collect(s, gone);
    }
    return err;
}

/* With the lock to publish held, which it gives back. */
static enum agner_err append_locked(struct gen *self, struct gen_stream *s,
                                    const struct stream_item *items,
                                    size_t count, struct stream_appended *out,
                                    struct gen_stream_segment **spare)
{
    struct gen_stream_segment *gone = NULL;
    enum agner_err err = may_publish(self, s);

    if (out->done == 0)
        out->first = load_relaxed(&s->front) >> 1;
    if (err == AGNER_OK)
        err = fill(s, items, count, &out->done, spare, &gone);
    out->readers = s->readers;
    out->wanted = s->waiting.count != 0 || s->armed != NULL;
    if (gone == NULL)
        rt__unlock(&s->lock);
    else
        gen__stream_unlock(s, gone);
    return err;
}

enum agner_err gen__stream_append(struct gen *self, struct gen_stream *s,
                                  const struct stream_item *items, size_t count,
                                  struct stream_appended *out)
{
    struct gen_stream_segment *spare = NULL;
    enum agner_err err;

    *out = (struct stream_appended){ 0 };
    for (;;) {
        err = lock_to_publish(s);
        if (err == AGNER_OK)
            err = append_locked(self, s, items, count, out, &spare);
        if (err != AGNER_ENOMEM)
            break;
        spare = gen__segment_new(s);
        if (spare == NULL)
            break;
    }
    if (spare != NULL) /* another publisher's was first */
        gen__segment_release(s, spare);
    return err;
}

enum agner_err gen__stream_skip(struct gen *self, struct gen_stream *s,
                                uint64_t gap)
{
    struct gen_stream_segment *spare = gen__segment_new(s), *gone = NULL;
    enum agner_err err = AGNER_ECLOSED;
    uint64_t front;

    if (spare == NULL)
        return AGNER_ENOMEM;
    gen__stream_lock(s);
    if (!s->closed) {
        front = load_relaxed(&s->front) >> 1;
        gen__segment_open(s, spare, (uint32_t)(front - s->tail->first), gap);
        spare = NULL;
        /* Release: as in fill(). */
        store_release(&s->front, (front + gap) << 1);
        gen__segment_cut(s, &gone);
        gen__segment_collect(s, &gone);
        err = AGNER_OK;
    }
    gen__stream_unlock(s, gone);
    if (spare != NULL)
        gen__segment_release(s, spare);
    gen__stream_wake(self, s);
    return err;
}

/* The publisher waits for the slowest of those who want that. */
static enum agner_err wait_for_room(struct gen *self, struct gen_stream *s,
                                    uint64_t deadline_ms,
                                    struct gen_cancel *cancel)
{
    uint64_t left_ms = RT_INFINITY, now_ms;
    bool own;

    if (self == NULL)
        return AGNER_EAGAIN;
    gen__stream_lock(s);
    own = s->slowest != NULL && etf_pid_equal(s->slowest->owner, rt_self(self));
    rt__unlock(&s->lock);
    if (own)
        return AGNER_EDEADLK;
    if (deadline_ms != RT_INFINITY) {
        now_ms = rt_now_ms(s->rt);
        left_ms = deadline_ms > now_ms ? deadline_ms - now_ms : 0;
    }
    return gen__stream_wait_room(self, s, left_ms, cancel);
}

enum agner_err gen__stream_append_all(struct gen *self, struct gen_stream *s,
                                      const struct stream_item *items,
                                      size_t count, uint64_t deadline_ms,
                                      struct gen_cancel *cancel,
                                      struct stream_appended *out)
{
    struct stream_appended part;
    size_t done = 0;
    enum agner_err err;

    for (;;) {
        err = gen__stream_append(self, s, items + done, count - done, &part);
        if (done == 0)
            out->first = part.first;
        done += part.done;
        out->done = done;
        out->readers = part.readers;
        if (part.wanted)
            gen__stream_wake(self, s);
        if (err != AGNER_EAGAIN)
            return err;
        err = wait_for_room(self, s, deadline_ms, cancel);
        if (err != AGNER_OK)
            return err;
    }
}

/* ---- gen_stream.h ------------------------------------------------------- */

/* Now and then, since a process that only publishes never waits: is it to end?
 * Others get their turn. */
static enum agner_err breathe(struct gen *self, const struct gen_stream *s)
{
    if (self == NULL || (load_relaxed(&s->front) >> 1) % BREATH != 0)
        return AGNER_OK;
    return rt_check(self);
}

static enum agner_err publish(struct gen *self, struct gen_stream *s,
                              const struct gen_stream_value *value,
                              uint64_t *seq)
{
    struct stream_item item;
    struct stream_appended out;
    enum agner_err err = breathe(self, s);

    if (err == AGNER_OK)
        err = gen__item_make(&item, value);
    if (err != AGNER_OK)
        return err;
    err = gen__stream_append_all(self, s, &item, 1, RT_INFINITY, NULL, &out);
    if (err != AGNER_OK)
        gen__item_drop(&item);
    else if (seq != NULL)
        *seq = out.first;
    return err;
}

enum agner_err gen_stream_publish(struct gen *self, struct gen_stream *stream,
                                  etf_term term, uint64_t *seq)
{
    struct gen_stream_value value = { .form = GEN_STREAM_TERM, .term = term };

    return publish(self, stream, &value, seq);
}

enum agner_err gen_stream_publish_box(struct gen *self,
                                      struct gen_stream *stream,
                                      struct etf_box *box, uint64_t *seq)
{
    struct gen_stream_value value = { .form = GEN_STREAM_BOX, .box = box };
    enum agner_err err = publish(self, stream, &value, seq);

    if (err != AGNER_OK)
        etf_box_free(box);
    return err;
}

enum agner_err gen_stream_publish_bytes(struct gen *self,
                                        struct gen_stream *stream,
                                        const void *bytes, size_t size,
                                        uint64_t *seq)
{
    struct gen_stream_value value = { .form = GEN_STREAM_BYTES, .size = size };

    value.data = (void *)(uintptr_t)bytes; /* drops const: only read */
    return publish(self, stream, &value, seq);
}

enum agner_err gen_stream_publish_pointer(struct gen *self,
                                          struct gen_stream *stream, void *data,
                                          size_t size, uint64_t *seq)
{
    struct gen_stream_value value = { .form = GEN_STREAM_POINTER,
                                      .data = data,
                                      .size = size };

    return publish(self, stream, &value, seq);
}

/* Up to AT_ONCE of them. *done, also after an error. */
static enum agner_err publish_some(struct gen *self, struct gen_stream *s,
                                   const struct gen_stream_value *values,
                                   size_t count, uint64_t deadline_ms,
                                   struct gen_cancel *cancel, size_t *done)
{
    struct stream_item items[AT_ONCE];
    struct stream_appended out = { 0 };
    enum agner_err err = AGNER_OK, bad = AGNER_OK;
    size_t made = 0;

    while (made < count && bad == AGNER_OK) {
        bad = gen__item_make(&items[made], &values[made]);
        made += bad == AGNER_OK ? 1 : 0;
    }
    if (made != 0)
        err = gen__stream_append_all(self, s, items, made, deadline_ms, cancel,
                                     &out);
    for (size_t i = out.done; i < made; i++)
        gen__item_drop(&items[i]);
    *done = out.done;
    return err == AGNER_OK ? bad : err;
}

enum agner_err gen_stream_publish_many(struct gen *self,
                                       struct gen_stream *stream,
                                       const struct gen_stream_value *values,
                                       size_t count, uint64_t timeout_ms,
                                       struct gen_cancel *cancel,
                                       size_t *published)
{
    enum agner_err err = self == NULL ? AGNER_OK : rt_check(self);
    uint64_t deadline_ms;
    size_t all = 0, now;

    if (__builtin_add_overflow(rt_now_ms(stream->rt), timeout_ms, &deadline_ms))
        deadline_ms = RT_INFINITY;
    if (err == AGNER_OK && gen_cancel_is_set(cancel))
        err = AGNER_ECANCELLED;
    while (all < count && err == AGNER_OK) {
        err = publish_some(self, stream, values + all,
                           count - all < AT_ONCE ? count - all : AT_ONCE,
                           deadline_ms, cancel, &now);
        all += now;
    }
    if (published != NULL)
        *published = all;
    return err;
}

enum agner_err gen_stream_close(struct gen *self, struct gen_stream *stream,
                                etf_term reason)
{
    struct etf_box *box = etf_is_none(reason) ? NULL : etf_box_new(reason);

    gen__stream_lock(stream);
    if (stream->closed) {
        rt__unlock(&stream->lock);
        etf_box_free(box);
        return AGNER_ECLOSED;
    }
    stream->closed = true;
    stream->reason = box;
    /* Release pairs with the acquire in gen__stream_front(): the reason. */
    store_release(&stream->front, load_relaxed(&stream->front) | 1);
    rt__unlock(&stream->lock);
    gen__stream_wake(self, stream);
    gen__stream_wake_senders(self, stream);
    return AGNER_OK;
}
