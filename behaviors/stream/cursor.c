/*
 * cursor.c -- places in a stream that move: gen_stream.h.
 *
 * The owner reads up to the front that it has seen without asking anybody. It
 * takes the lock when it leaves a segment, when it has fallen behind, and when
 * there is nothing to read.
 */
#include <stdlib.h>

#include "stream/stream.h"

/* ---- Moving ------------------------------------------------------------- */

/* With the lock held: into `to`, out of where it was. */
static void enter(struct gen_cursor *c, struct gen_stream_segment *to,
                  struct gen_stream_segment **gone)
{
    struct gen_stream_segment *from = c->segment;

    if (to == from)
        return;
    if (to != NULL)
        gen__segment_pin(to, c->firm);
    c->segment = to;
    gen__segment_unpin(from, c->firm, gone);
}

/* With the lock held. */
static void pass_to(struct gen_cursor *c, uint64_t target,
                    struct gen_stream_segment **gone)
{
    uint64_t lost = target - load_relaxed(&c->position);

    store_relaxed(&c->lost, load_relaxed(&c->lost) + lost);
    store_relaxed(&c->position, target);
    enter(c, gen__segment_find(c->stream, target), gone);
}

static enum agner_err lagged(struct gen_cursor *c, uint64_t target,
                             struct gen_stream_event *event,
                             struct gen_stream_segment **gone)
{
    event->seq = load_relaxed(&c->position);
    event->term = ETF_NONE;
    event->data = NULL;
    event->size = (size_t)(target - event->seq);
    pass_to(c, target, gone);
    return AGNER_ELAGGED;
}

/* The cursor is at the end of its segment, or behind by more than its window.
 * AGNER_OK: there is something at its place. */
static enum agner_err settle(struct gen_cursor *c,
                             struct gen_stream_event *event)
{
    struct gen_stream *s = c->stream;
    struct gen_stream_segment *g = c->segment, *to, *gone = NULL;
    struct stream_place place = { .lag = c->lag, .window = c->window };
    enum agner_err err = AGNER_OK;
    uint64_t target = 0;

    gen__stream_lock(s);
    place.position = load_relaxed(&c->position);
    place.front = load_relaxed(&s->front) >> 1;
    place.kept = g->cut ? s->first->first : g->first;
    c->known = place.front;
    switch (gen__stream_lag(&place, &target)) {
    case STREAM_READ:
        if (place.position - g->first < load_relaxed(&g->limit))
            break;
        to = g->cut ? s->first : g->next;
        if (to->first > place.position) {
            err = lagged(c, to->first, event, &gone);
            break;
        }
        enter(c, to, &gone);
        break;
    case STREAM_JUMP:
        err = lagged(c, target, event, &gone);
        break;
    case STREAM_PASS:
        pass_to(c, target, &gone);
        break;
    case STREAM_OVER:
        store_relaxed(&c->over, true);
        enter(c, NULL, &gone);
        err = AGNER_EDONE;
        break;
    }
    gen__stream_unlock(s, gone);
    return err;
}

/* Is there something at its place, and may it be read? */
static enum agner_err look(struct gen_cursor *c, struct gen_stream_event *event)
{
    uint64_t position = load_relaxed(&c->position);
    bool closed;

    if (c->segment == NULL)
        return AGNER_EDONE;
    c->known = gen__stream_front(c->stream, &closed);
    if (position == c->known)
        return closed ? AGNER_EDONE : AGNER_EAGAIN;
    if (!c->firm && c->known - position > c->window)
        return settle(c, event);
    return AGNER_OK;
}

/* A publisher that waits for the cursor is told how far it is. */
static void tell_publishers(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;
    bool go;

    gen__stream_lock(s);
    go = gen__block_moved(c);
    rt__unlock(&s->lock);
    if (go)
        gen__stream_wake_senders(NULL, s);
}

static void moved(struct gen_cursor *c, uint64_t position)
{
    store_relaxed(&c->position, position);
    if (c->lag == GEN_STREAM_BLOCK && gen__block_due(c, position))
        tell_publishers(c);
}

enum agner_err gen__cursor_take(struct gen_cursor *c,
                                struct gen_stream_event *event)
{
    uint64_t position = load_relaxed(&c->position);
    enum agner_err err;

    if (position == c->known || !c->firm) {
        err = look(c, event);
        if (err != AGNER_OK)
            return err;
        position = load_relaxed(&c->position);
    }
    /* Relaxed: ordered by the acquire of the front that is known. */
    if (position - c->segment->first >= load_relaxed(&c->segment->limit)) {
        err = settle(c, event);
        if (err != AGNER_OK)
            return err;
        position = load_relaxed(&c->position);
    }
    gen__segment_read(c->segment, position, event);
    moved(c, position + 1);
    return AGNER_OK;
}

/* ---- Reading ------------------------------------------------------------ */

/* Nothing to read: the owner wants to be told. false: there is something. */
static bool arm(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;
    bool nothing;

    gen__stream_lock(s);
    nothing = !s->closed &&
              load_relaxed(&c->position) == load_relaxed(&s->front) >> 1;
    if (nothing)
        gen__cursor_arm(c);
    rt__unlock(&s->lock);
    return nothing;
}

enum agner_err gen_cursor_try_next(struct gen_cursor *cursor,
                                   struct gen_stream_event *event)
{
    enum agner_err err;

    do {
        err = gen__cursor_take(cursor, event);
    } while (err == AGNER_EAGAIN && cursor->announce && !arm(cursor));
    return err;
}

enum agner_err gen_cursor_next_many(struct gen_cursor *cursor,
                                    struct gen_stream_event *events,
                                    size_t room, size_t *count)
{
    struct gen_stream_segment *g;
    uint64_t position, end;
    enum agner_err err;
    size_t n = 1;

    *count = 0;
    if (room == 0)
        return AGNER_EINVAL;
    err = gen_cursor_try_next(cursor, events);
    if (err != AGNER_OK)
        return err;
    g = cursor->segment;
    position = load_relaxed(&cursor->position);
    end = g->first + load_relaxed(&g->limit);
    if (end > cursor->known)
        end = cursor->known;
    for (; n < room && position < end; n++, position++)
        gen__segment_read(g, position, &events[n]);
    if (n > 1)
        moved(cursor, position);
    *count = n;
    return AGNER_OK;
}

enum agner_err gen_cursor_next(struct gen *self, struct gen_cursor *cursor,
                               struct gen_stream_event *event,
                               uint64_t timeout_ms, struct gen_cancel *cancel)
{
    enum agner_err err = AGNER_OK;

    if (cancel != NULL && gen_cancel_is_set(cancel))
        return AGNER_ECANCELLED;
    /* Who only reads never waits, as long as there is something. */
    if (load_relaxed(&cursor->position) % STREAM_BREATH == 0)
        err = rt_check(self);
    if (err != AGNER_OK)
        return err;
    for (;;) {
        err = gen__cursor_take(cursor, event);
        if (err != AGNER_EAGAIN)
            return err;
        if (!etf_pid_equal(cursor->owner, rt_self(self)))
            return AGNER_EOWNER;
        err = gen__stream_wait(self, cursor->stream,
                               load_relaxed(&cursor->position), timeout_ms,
                               cancel);
        if (err != AGNER_OK)
            return err;
    }
}

enum agner_err gen_cursor_consume(
    struct gen *self, struct gen_cursor *cursor,
    enum agner_err (*fn)(void *arg, const struct gen_stream_event *event),
    void *arg, struct gen_cancel *cancel)
{
    struct gen_stream_event event;
    enum agner_err err;

    do {
        err = gen_cursor_next(self, cursor, &event, RT_INFINITY, cancel);
        if (err == AGNER_OK)
            err = fn(arg, &event);
    } while (err == AGNER_OK);
    return err == AGNER_EDONE ? AGNER_OK : err;
}

/* ---- Opening, closing --------------------------------------------------- */

static bool is_firm(enum gen_stream_lag lag)
{
    return lag == GEN_STREAM_KEEP || lag == GEN_STREAM_BLOCK;
}

/* 0: there is none. */
static uint64_t window_of(const struct gen_stream *s,
                          const struct gen_cursor_options *options)
{
    if ((unsigned)options->lag > GEN_STREAM_BLOCK)
        return 0;
    if (options->lag == GEN_STREAM_LATEST)
        return 1;
    if (options->lag == GEN_STREAM_KEEP)
        return UINT64_MAX;
    if (options->window != 0)
        return options->window;
    if (s->options.max_lag != 0)
        return s->options.max_lag;
    return s->options.max_bytes != 0 && options->lag != GEN_STREAM_BLOCK
               ? UINT64_MAX
               : 0;
}

/* With the lock held. AGNER_ELAGGED: what is behind the place is gone. */
static enum agner_err list(struct gen_cursor *c,
                           const struct gen_stream_promise *at)
{
    struct gen_stream *s = c->stream;

    if (c->firm && at->segment->cut)
        return AGNER_ELAGGED;
    gen__segment_pin(at->segment, c->firm);
    s->pins++;
    s->readers++;
    c->next = s->cursors;
    if (s->cursors != NULL)
        s->cursors->prev = c;
    s->cursors = c;
    if (c->lag == GEN_STREAM_BLOCK)
        gen__block_add(c);
    if (!c->firm) {
        s->soft++;
        if (c->window > s->window)
            s->window = c->window;
    }
    return AGNER_OK;
}

/* With the lock held. true: publishers may go on. */
static bool unlist(struct gen_cursor *c, struct gen_stream_segment **gone)
{
    struct gen_stream *s = c->stream;
    bool go = false;

    if (c->prev == NULL)
        s->cursors = c->next;
    else
        c->prev->next = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    gen__cursor_disarm(c);
    if (c->lag == GEN_STREAM_BLOCK)
        go = gen__block_remove(c);
    if (!c->firm && --s->soft == 0)
        s->window = s->options.max_lag;
    s->readers--;
    s->lost += load_relaxed(&c->lost);
    if (c->segment != NULL)
        enter(c, NULL, gone);
    return go;
}

void gen__cursor_end(struct gen_cursor *c, bool died)
{
    struct gen_stream *s = c->stream;
    struct gen_stream_segment *gone = NULL;
    bool go;

    if (c->ended != NULL)
        c->ended(c, s->rt, died);
    gen__stream_lock(s);
    go = unlist(c, &gone);
    gen__stream_unlock(s, gone); /* its own pin holds the stream */
    if (go)
        gen__stream_wake_senders(NULL, s);
    gen__stream_lock(s);
    s->pins--;
    gen__stream_unlock(s, NULL);
    etf_box_free(c->message);
    free(c);
}

static void owner_ended(struct rt_hook *hook, struct rt *rt)
{
    struct gen_cursor *c =
        (struct gen_cursor *)((char *)hook - offsetof(struct gen_cursor, hook));

    (void)rt;
    if (gen__cursor_abandon(c))
        gen__cursor_end(c, true);
}

enum agner_err gen_cursor_open(struct gen *self,
                               const struct gen_stream_promise *promise,
                               const struct gen_cursor_options *options,
                               struct gen_cursor **out)
{
    static const struct gen_cursor_options keep;
    struct gen_stream *s = promise->segment->stream;
    struct gen_cursor *c;
    enum agner_err err;

    if (options == NULL)
        options = &keep;
    if (window_of(s, options) == 0)
        return AGNER_EINVAL;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return AGNER_ENOMEM;
    c->stream = s;
    c->segment = promise->segment;
    store_relaxed(&c->position, gen_stream_promise_seq(promise));
    c->known = load_relaxed(&c->position);
    c->lag = options->lag;
    c->firm = is_firm(c->lag);
    c->window = window_of(s, options);
    c->owner = rt_self(self);
    c->hook.run = owner_ended;
    err = rt_hook_add(self, &c->hook);
    if (err == AGNER_OK) {
        gen__stream_lock(s);
        err = list(c, promise);
        rt__unlock(&s->lock);
        if (err != AGNER_OK)
            (void)rt_hook_remove(s->rt, &c->hook); /* self runs this */
    }
    if (err != AGNER_OK) {
        free(c);
        return err;
    }
    *out = c;
    return AGNER_OK;
}

enum agner_err gen_cursor_follow(struct gen *self, struct gen_stream *stream,
                                 const struct gen_cursor_options *options,
                                 struct gen_cursor **out)
{
    struct gen_stream_promise here;
    enum agner_err err;

    gen_stream_subscribe(stream, &here);
    err = gen_cursor_open(self, &here, options, out);
    gen_stream_promise_free(&here);
    return err;
}

void gen_cursor_close(struct gen_cursor *cursor)
{
    if (cursor != NULL && rt_hook_remove(cursor->stream->rt, &cursor->hook))
        gen__cursor_end(cursor, false);
}
