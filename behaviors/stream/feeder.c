/*
 * feeder.c -- sends the events of a stream to a relay on another node, as many
 * as it has credit for: remote.h.
 *
 * It is linked to the relay, and so ends with it and with the connection,
 * wherever it waits.
 */
#include <stdlib.h>

#include "stream/remote.h"

struct feeder {
    struct gen_cursor *cursor;
    etf_pid relay;
    uint64_t credit; /* events that may be sent */
    int64_t bytes;   /* may be below 0 after a large one */
};

static etf_term me(struct gen *self)
{
    return rt_self_term(self);
}

static enum agner_err tell(struct gen *self, const struct feeder *f,
                           etf_term message)
{
    return rt_send_pid(self, f->relay, message);
}

/* What a native event is on another node. */
static etf_term encoded(struct gen *self, const struct gen_stream *s,
                        const struct gen_stream_event *event, bool inlined)
{
    struct etf_region *r = rt_region(self);

    if (!etf_is_none(event->term))
        return event->term;
    if (s->options.encode != NULL)
        return s->options.encode(s->options.ctx, r, event->data, event->size);
    return inlined ? etf_binary(r, event->data, event->size) : ETF_A(undefined);
}

static enum agner_err send_gap(struct gen *self, const struct feeder *f,
                               const struct gen_stream_event *lagged)
{
    return tell(self, f,
                etf_make(self, "{'$stream_gap', _, _, _}", me(self),
                         lagged->seq, (uint64_t)lagged->size));
}

/* May one more be read into the batch? Its terms are good while the cursor
 * stays in a segment. */
static bool has_room(const struct feeder *f, size_t count, uint64_t bytes,
                     uint64_t seq)
{
    return count < STREAM_BATCH && count < f->credit &&
           (int64_t)bytes < f->bytes &&
           !gen__segment_is_last(f->cursor->segment, seq);
}

/* As many as there are, and as there is credit for. */
static enum agner_err send_batch(struct gen *self, struct feeder *f,
                                 const struct gen_stream_event *first)
{
    struct gen_stream_event event = *first;
    etf_term items[STREAM_BATCH];
    uint64_t bytes = 0, now;
    enum agner_err read = AGNER_OK, err;
    size_t count = 0;

    while (read == AGNER_OK) {
        now = gen__segment_bytes(f->cursor->segment, event.seq);
        items[count++] = encoded(self, f->cursor->stream, &event, now == 0);
        bytes += now;
        read = has_room(f, count, bytes, event.seq)
                   ? gen_cursor_try_next(f->cursor, &event)
                   : AGNER_EAGAIN;
    }
    f->credit -= count;
    f->bytes -= (int64_t)bytes;
    err = tell(self, f,
               etf_make(self, "{'$stream_events', _, _, _, _}", me(self),
                        first->seq, bytes,
                        etf_list(rt_region(self), items, count, etf_nil())));
    return err == AGNER_OK && read == AGNER_ELAGGED ? send_gap(self, f, &event)
                                                    : err;
}

static void take_credit(struct feeder *f, etf_term message)
{
    uint64_t count, bytes;

    if (etf_match(message, "{'$stream_credit', _, _}", &count, &bytes) &&
        bytes < INT64_MAX / 2) {
        f->credit += count;
        f->bytes += (int64_t)bytes;
    }
}

/* Waits until it may send. */
static enum agner_err await_credit(struct gen *self, struct feeder *f)
{
    etf_term message;
    enum agner_err err;

    do {
        bool must = f->credit == 0 || f->bytes <= 0;

        err = rt_receive(self, must ? RT_INFINITY : 0, &message);
        if (err == AGNER_OK)
            take_credit(f, message);
    } while (err == AGNER_OK);
    return err == AGNER_ETIMEOUT ? AGNER_OK : err;
}

static void feed(struct gen *self, struct feeder *f)
{
    struct gen_stream_event event;
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK) {
        rt_reset(self);
        err = await_credit(self, f);
        if (err == AGNER_OK)
            err = gen_cursor_next(self, f->cursor, &event, RT_INFINITY, NULL);
        if (err == AGNER_OK)
            err = send_batch(self, f, &event);
        else if (err == AGNER_ELAGGED)
            err = send_gap(self, f, &event);
    }
    if (err != AGNER_EDONE)
        return;
    (void)tell(self, f,
               etf_make(self, "{'$stream_end', _, _, _}", me(self),
                        gen_cursor_position(f->cursor),
                        gen_cursor_reason(f->cursor, rt_region(self))));
}

/* The place to begin at, which may be given up while it is looked for. */
static void subscribe(struct stream_feed *feed, struct gen_stream_promise *at)
{
    struct gen_stream_info info;

    do {
        gen_stream_info(feed->stream, &info);
        feed->resume.ours = feed->stream->life;
        feed->resume.first = info.first_seq;
        feed->resume.front = info.next_seq;
    } while (gen_stream_subscribe_from(feed->stream,
                                       gen__stream_resume(&feed->resume),
                                       at) != AGNER_OK);
}

static enum agner_err begin(struct gen *self, struct stream_feed *feed,
                            struct feeder *f)
{
    struct gen_cursor_options options = { .lag = GEN_STREAM_SKIP };
    struct gen_stream_promise at;
    enum agner_err err = rt_link(self, feed->relay);

    if (err != AGNER_OK)
        return err;
    if (gen__stream_keeps(feed->stream))
        options.lag = GEN_STREAM_KEEP;
    subscribe(feed, &at);
    err = gen_cursor_open(self, &at, &options, &f->cursor);
    if (err == AGNER_OK)
        err = tell(self, f,
                   etf_make(self, "{'$stream_start', _, _, _, _}", me(self),
                            feed->resume.ours, gen_stream_promise_seq(&at),
                            feed->owner));
    gen_stream_promise_free(&at);
    return err;
}

void gen__stream_feeder(struct gen *self, void *arg)
{
    struct stream_feed *start = arg;
    struct feeder f = { .relay = start->relay,
                        .credit = start->credit,
                        .bytes = (int64_t)start->bytes };
    enum agner_err err = begin(self, start, &f);

    gen_stream_free(start->stream);
    free(start);
    if (err == AGNER_OK)
        feed(self, &f);
    else
        rt_exit(self,
                etf_make(self, "{stream_feeder, _}", agner_strerror(err)));
}
