/*
 * announce.c -- one message for a cursor that had read all.
 *
 * A cursor is armed when it finds nothing to read, and then stands in a list in
 * the order of its place. Who publishes takes it out and sends the message. If
 * that cannot be sent for now, it is put back and sent at the next event.
 *
 * A promise is told of by a cursor that nobody reads with: who has sent its
 * message ends it. Its owner may end at that moment on another thread;
 * whichever of the two is last frees it.
 */
#include "stream/stream.h"

#define AT_ONCE 8u

void gen__cursor_arm(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;

    if (c->is_armed)
        return;
    c->is_armed = true;
    c->armed_next = NULL;
    c->armed_prev = s->armed_last;
    if (s->armed_last == NULL)
        s->armed = c;
    else
        s->armed_last->armed_next = c;
    s->armed_last = c;
}

void gen__cursor_disarm(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;

    if (!c->is_armed)
        return;
    c->is_armed = false;
    if (c->armed_prev == NULL)
        s->armed = c->armed_next;
    else
        c->armed_prev->armed_next = c->armed_next;
    if (c->armed_next == NULL)
        s->armed_last = c->armed_prev;
    else
        c->armed_next->armed_prev = c->armed_prev;
}

/* Copied, since the cursor may be gone when the lock is free. */
struct notice {
    etf_pid to;
    struct etf_box *message;         /* held */
    const struct gen_cursor *cursor; /* not to be followed */
    struct gen_cursor *once; /* the same, `telling`: it stays; or NULL */
};

static size_t take(struct gen_stream *s, struct notice *notices)
{
    uint64_t front = load_relaxed(&s->front) >> 1;
    size_t count = 0;
    struct gen_cursor *c;

    while (count < AT_ONCE && (c = s->armed) != NULL) {
        if (!s->closed && load_relaxed(&c->position) >= front)
            break; /* it has come since, as those behind it */
        gen__cursor_disarm(c);
        c->telling = c->once;
        notices[count++] = (struct notice){ .to = c->owner,
                                            .message = etf_box_hold(c->message),
                                            .cursor = c,
                                            .once = c->once ? c : NULL };
    }
    return count;
}

/* Without waiting for room in a mailbox. */
static enum agner_err tell(struct gen *self, struct gen_stream *s,
                           const struct notice *notice)
{
    etf_term to = etf_from_pid(NULL, notice->to);
    etf_term message = etf_box_term(notice->message);
    enum agner_err err = AGNER_EEXITING;

    if (self != NULL)
        err = rt_send_with(self, to, message, RT_SEND_NOSUSPEND);
    if (err == AGNER_EEXITING || err == AGNER_EKILLED)
        err = rt_post(s->rt, to, message);
    return err == AGNER_ENOPROC ? AGNER_OK : err;
}

/* The cursor is told later, if it is there still. */
static void put_back(struct gen_stream *s, const struct notice *notice)
{
    struct gen_cursor *c;

    gen__stream_lock(s);
    for (c = s->cursors; c != NULL; c = c->next) {
        if (c == notice->cursor && c->announce)
            gen__cursor_arm(c);
    }
    rt__unlock(&s->lock);
}

bool gen__cursor_abandon(struct gen_cursor *c)
{
    bool telling;

    gen__stream_lock(c->stream);
    telling = c->telling;
    c->abandoned = telling;
    if (!telling)
        gen__cursor_disarm(c); /* nobody begins to tell it now */
    rt__unlock(&c->stream->lock);
    return !telling;
}

/* Its message was sent, or was not and is tried again. */
static void told_once(struct gen_cursor *c, bool sent)
{
    bool mine = sent && rt_hook_remove(c->stream->rt, &c->hook), abandoned;

    gen__stream_lock(c->stream);
    abandoned = c->abandoned;
    c->telling = false;
    if (!sent && !abandoned)
        gen__cursor_arm(c);
    rt__unlock(&c->stream->lock);
    if (mine || abandoned)
        gen__cursor_end(c, !mine);
}

void gen__stream_announce(struct gen *self, struct gen_stream *s)
{
    struct notice notices[AT_ONCE];
    size_t count;

    do {
        gen__stream_lock(s);
        count = take(s, notices);
        rt__unlock(&s->lock);
        for (size_t i = 0; i < count; i++) {
            bool sent = tell(self, s, &notices[i]) == AGNER_OK;

            if (notices[i].once != NULL)
                told_once(notices[i].once, sent);
            else if (!sent)
                put_back(s, &notices[i]);
            etf_box_free(notices[i].message);
        }
    } while (count == AT_ONCE);
}

static enum agner_err make_message(struct gen *self, struct gen_cursor *c)
{
    if (c->ref.count == 0)
        c->ref = rt_make_ref(self);
    if (c->message == NULL)
        c->message =
            etf_box_new(etf_make(self, "{gen_stream_ready, _}", c->ref));
    return c->message == NULL ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_cursor_announce(struct gen *self, struct gen_cursor *cursor,
                                   bool on, etf_ref *ref)
{
    struct gen_stream *s = cursor->stream;
    enum agner_err err = make_message(self, cursor);
    struct notice notice;
    bool now;

    if (err != AGNER_OK)
        return err;
    if (ref != NULL)
        *ref = cursor->ref;
    gen__stream_lock(s);
    now = on && !cursor->announce &&
          (s->closed ||
           load_relaxed(&cursor->position) < load_relaxed(&s->front) >> 1);
    cursor->announce = on;
    if (!on)
        gen__cursor_disarm(cursor);
    else if (!now)
        gen__cursor_arm(cursor);
    rt__unlock(&s->lock);
    if (!now)
        return AGNER_OK;
    notice = (struct notice){ .to = cursor->owner, .message = cursor->message };
    return tell(self, s, &notice);
}

/* ---- Promises --------------------------------------------------------------
 */

/* `c` is told of `promise`, or, true, it is there already. */
static bool arm_once(struct gen_cursor *c)
{
    struct gen_stream *s = c->stream;
    bool now;

    gen__stream_lock(s);
    now =
        s->closed || load_relaxed(&c->position) < load_relaxed(&s->front) >> 1;
    c->once = !now;
    if (!now)
        gen__cursor_arm(c);
    rt__unlock(&s->lock);
    return now;
}

enum agner_err gen_stream_promise_notify(
    struct gen *self, const struct gen_stream_promise *promise, etf_ref *ref)
{
    /* Nobody reads with it, so it may lose what it likes. */
    const struct gen_cursor_options options = { .lag = GEN_STREAM_LATEST };
    struct gen_cursor *c;
    struct notice notice;
    enum agner_err err = gen_cursor_open(self, promise, &options, &c);

    if (err != AGNER_OK)
        return err;
    c->ref = rt_make_ref(self);
    c->message = etf_box_new(etf_make(self, "{gen_stream_promise, _}", c->ref));
    if (c->message == NULL) {
        gen_cursor_close(c);
        return AGNER_ENOMEM;
    }
    *ref = c->ref;
    if (!arm_once(c))
        return AGNER_OK; /* and it may be gone */
    notice = (struct notice){ .to = c->owner, .message = c->message };
    err = tell(self, c->stream, &notice);
    gen_cursor_close(c);
    return err;
}
