/*
 * gen_stream.h -- a log of events that any number of readers follow.
 *
 * A publisher appends events; each reader sees all of them from the place where
 * it joined, in order, at its own speed. An event is stored once, however many
 * read it, and publishing waits for nobody unless a reader asks for that.
 *
 *     gen_stream_subscribe(s, &place);                // a promise: a place
 *     gen_cursor_open(self, &place, NULL, &cursor);   // one that moves
 *     gen_stream_promise_free(&place);
 *     while (gen_cursor_next(self, cursor, &event, GEN_INFINITY, NULL) ==
 *            AGNER_OK)
 *         ...
 *
 * An event is a term, kept in a box that all readers share, or native: up to 16
 * bytes in place, or a pointer that the stream's `destroy` frees when the last
 * reader has passed it. Nobody changes an event.
 *
 * A stream belongs to no process: it is counted, and each holder frees its own.
 * Any process or thread of the node may publish and subscribe. Readers are
 * processes (threads: rt_attach()).
 *
 * gen.h includes this header. Source: spec/eventstream.md.
 */
#ifndef AGNER_GEN_STREAM_H
#define AGNER_GEN_STREAM_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_STREAM_SEGMENT     1024 /* events, unless the options say */
#define GEN_STREAM_SEGMENT_MAX (1 << 20)
#define GEN_STREAM_INLINE_MAX  16 /* bytes of a native event in place */

struct gen_cancel; /* gen_cancel.h */
struct gen_stream;
struct gen_cursor;

/* All zero is a good default: a stream without bounds and one publisher. */
struct gen_stream_options {
    const char *name; /* for people: `agner` shows it; copied; may be NULL */
    int32_t segment;  /* events for each piece of memory, rounded up to a power
                         of two; 0: GEN_STREAM_SEGMENT */
    uint64_t max_lag; /* events: how far a cursor with a lag policy may fall
                         behind unless it says so itself, and how long a promise
                         is good for; 0: without end */
    uint64_t max_bytes; /* the same in bytes of memory; 0: without end */
    uint64_t retain;    /* events that are kept though all have read them, for
                           gen_stream_subscribe_from() */
    /* Several may publish at once, and the order is that in which they come.
     * Otherwise there is one publisher: AGNER_EOWNER and AGNER_EBUSY tell. */
    bool many_publishers;
    /* Frees the pointer of a native event. On any thread, and not as a process:
     * it waits for nothing, and does not touch the stream. NULL: nobody does.
     */
    void (*destroy)(void *ctx, void *data, size_t size);
    /* A native event as a term, for readers on other nodes. */
    etf_term (*encode)(void *ctx, struct etf_region *r, const void *data,
                       size_t size);
    /* The reverse, for the stream that follows one of another node
     * (gen_stream_follow()): its events are the pointers that this makes of
     * those terms, and of {gen_stream_snapshot, Snapshot}. An error ends the
     * following, with its text as the reason. NULL: its events are the terms.
     */
    enum agner_err (*decode)(void *ctx, etf_term term, void **data,
                             size_t *size);
    void *ctx; /* the caller's */
};

/* A new stream with one count, the caller's. AGNER_EINVAL (a segment below 0 or
 * over GEN_STREAM_SEGMENT_MAX), AGNER_ENOMEM. `options` may be NULL. */
AGNER_API enum agner_err
gen_stream_new(struct rt *rt, const struct gen_stream_options *options,
               struct gen_stream **out);
/* One count more; returns `stream`. Any thread. */
AGNER_API struct gen_stream *gen_stream_hold(struct gen_stream *stream);
/* One fewer. After the last one nobody can publish any more: a stream that is
 * not closed is, with reason `normal`. Readers go on to its end. NULL is fine.
 */
AGNER_API void gen_stream_free(struct gen_stream *stream);

/* ---- Publishing --------------------------------------------------------- */

/*
 * Appends an event and wakes who waits for it. Any process or thread; `self` is
 * NULL for a thread that is no process.
 *
 *   term  copied, unless it is a word (etf_is_word())
 *   seq   its number, the first one has 0; may be NULL
 *
 * AGNER_ECLOSED, AGNER_ENOMEM (also when `term` is ETF_NONE). Without
 * many_publishers: AGNER_EOWNER (another living process has published),
 * AGNER_EBUSY (another thread does so right now). With a cursor of policy
 * GEN_STREAM_BLOCK it waits for that: AGNER_EDEADLK when that one is self's,
 * AGNER_EAGAIN when self is NULL, AGNER_EEXITING, AGNER_EKILLED. After an error
 * nothing was published.
 */
AGNER_API enum agner_err gen_stream_publish(struct gen *self,
                                            struct gen_stream *stream,
                                            etf_term term, uint64_t *seq);
/* Takes `box`, also on failure. NULL: AGNER_ENOMEM. */
AGNER_API enum agner_err gen_stream_publish_box(struct gen *self,
                                                struct gen_stream *stream,
                                                struct etf_box *box,
                                                uint64_t *seq);
/* A native event of so many bytes, at most GEN_STREAM_INLINE_MAX
 * (AGNER_ELIMIT), which are copied. */
AGNER_API enum agner_err gen_stream_publish_bytes(struct gen *self,
                                                  struct gen_stream *stream,
                                                  const void *bytes,
                                                  size_t size, uint64_t *seq);
/* A native event that is a pointer, which may be NULL. The stream takes it when
 * AGNER_OK is returned, and only then. `size` is the caller's; it counts for
 * max_bytes. */
AGNER_API enum agner_err gen_stream_publish_pointer(struct gen *self,
                                                    struct gen_stream *stream,
                                                    void *data, size_t size,
                                                    uint64_t *seq);

/* What to publish: one of four forms. */
enum gen_stream_form {
    GEN_STREAM_TERM,    /* term: copied */
    GEN_STREAM_BOX,     /* box: taken */
    GEN_STREAM_BYTES,   /* data, size: copied */
    GEN_STREAM_POINTER, /* data, size: taken */
};
struct gen_stream_value {
    enum gen_stream_form form;
    etf_term term;
    struct etf_box *box;
    void *data; /* GEN_STREAM_BYTES: not written through */
    size_t size;
};

/*
 * Appends `count` events with one wake-up.
 *
 *   timeout_ms  how long to wait for cursors of policy GEN_STREAM_BLOCK
 *   cancel      ends that wait, or NULL
 *   published   how many were, also after an error; may be NULL. What was not
 *               is still the caller's: boxes and pointers too.
 *
 * Errors as above, and AGNER_ETIMEOUT, AGNER_ECANCELLED, AGNER_ELIMIT.
 */
AGNER_API enum agner_err
gen_stream_publish_many(struct gen *self, struct gen_stream *stream,
                        const struct gen_stream_value *values, size_t count,
                        uint64_t timeout_ms, struct gen_cancel *cancel,
                        size_t *published);

/* The end of the stream: readers first get what was published before. `reason`
 * is copied; ETF_NONE, or no memory for it: `normal`. AGNER_ECLOSED: it was
 * closed before, and nothing changes. Any process or thread. */
AGNER_API enum agner_err
gen_stream_close(struct gen *self, struct gen_stream *stream, etf_term reason);

/* ---- Promises ----------------------------------------------------------- */

/* A place in a stream: that of one event, which may not be there yet. A value
 * that does not change; any thread reads it, any number of times. Counted: each
 * copy that is kept wants its hold. All zero is none. */
struct gen_stream_promise {
    struct gen_stream_segment *segment; /* private */
    uint32_t index;                     /* private */
};

/* What a reader gets. It is good until the promise is freed, or until the next
 * call on the cursor. */
struct gen_stream_event {
    uint64_t seq;
    etf_term term;    /* ETF_NONE: a native event, */
    const void *data; /* ... its bytes or pointer, */
    size_t size;      /* ... and size */
};

/* The place of the next event that is not published yet. Never fails. */
AGNER_API void gen_stream_subscribe(struct gen_stream *stream,
                                    struct gen_stream_promise *out);
/* The place of event `seq`. AGNER_ELAGGED: it is not kept any more.
 * AGNER_EINVAL: beyond the next one. */
AGNER_API enum agner_err
gen_stream_subscribe_from(struct gen_stream *stream, uint64_t seq,
                          struct gen_stream_promise *out);

/* One count more; returns a copy. */
AGNER_API struct gen_stream_promise
gen_stream_promise_hold(const struct gen_stream_promise *promise);
/* One fewer, and it is all zero. All zero is fine. */
AGNER_API void gen_stream_promise_free(struct gen_stream_promise *promise);

/* Number of the event. */
AGNER_API uint64_t
gen_stream_promise_seq(const struct gen_stream_promise *promise);
/* Is it there, or will it never be? Costs a load. */
AGNER_API bool
gen_stream_promise_ready(const struct gen_stream_promise *promise);

/*
 * Waits for the event. `event` and `next`, the place behind it, may be NULL.
 * AGNER_EDONE: the stream ended before it, and nothing is written.
 * AGNER_ETIMEOUT, AGNER_ECANCELLED (also at once, if `cancel` is set already),
 * AGNER_ELAGGED (what is behind it is gone, and nothing is written; or a stream
 * that is followed from another node has a gap there, and *next is behind it),
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_stream_promise_next(
    struct gen *self, const struct gen_stream_promise *promise,
    struct gen_stream_event *event, struct gen_stream_promise *next,
    uint64_t timeout_ms, struct gen_cancel *cancel);

/* The message {gen_stream_promise, *ref} to self, once, when the event is there
 * or will never be; at once if so. Other than gen_stream_promise_next(),
 * nothing waits, and self reads when it likes. AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err gen_stream_promise_notify(
    struct gen *self, const struct gen_stream_promise *promise, etf_ref *ref);

/* ---- Cursors ------------------------------------------------------------ */

/* What becomes of a cursor that falls behind by more than its window. */
enum gen_stream_lag {
    GEN_STREAM_KEEP,   /* all that it has not read stays, without bound */
    GEN_STREAM_SKIP,   /* it loses the oldest: AGNER_ELAGGED, once, says so */
    GEN_STREAM_LATEST, /* it gets the newest only; what it passed is counted */
    GEN_STREAM_END,    /* it ends: AGNER_EDONE, reason `lagged` */
    GEN_STREAM_BLOCK,  /* the publisher waits for it */
};

/* All zero is GEN_STREAM_KEEP. */
struct gen_cursor_options {
    enum gen_stream_lag lag;
    uint64_t window; /* events that it may be behind; 0: max_lag of the stream.
                        LATEST: 1 */
};

/* A moving place of self's, from `promise` on, which stays. It ends with the
 * process: not to be used in `destroy`. AGNER_EINVAL (a policy without a
 * window, or one that there is not), AGNER_ELAGGED (KEEP and BLOCK: what is
 * behind the place is not kept any more), AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err
gen_cursor_open(struct gen *self, const struct gen_stream_promise *promise,
                const struct gen_cursor_options *options,
                struct gen_cursor **out);
/* From the next event on: subscribe and open in one. */
AGNER_API enum agner_err
gen_cursor_follow(struct gen *self, struct gen_stream *stream,
                  const struct gen_cursor_options *options,
                  struct gen_cursor **out);
/* By its owner. NULL is fine. */
AGNER_API void gen_cursor_close(struct gen_cursor *cursor);

/*
 * The next event; waits for it.
 *
 * AGNER_EDONE (no more come, now and for ever: gen_cursor_reason()),
 * AGNER_ELAGGED (GEN_STREAM_SKIP: event->size were lost here, and the next call
 * goes on behind them), AGNER_ETIMEOUT, AGNER_ECANCELLED (also when `cancel` is
 * set already, though there is an event), AGNER_EOWNER, AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. After an error the place is the same.
 */
AGNER_API enum agner_err gen_cursor_next(struct gen *self,
                                         struct gen_cursor *cursor,
                                         struct gen_stream_event *event,
                                         uint64_t timeout_ms,
                                         struct gen_cancel *cancel);
/* Without waiting: AGNER_EAGAIN when there is none yet. */
AGNER_API enum agner_err gen_cursor_try_next(struct gen_cursor *cursor,
                                             struct gen_stream_event *event);
/* Up to `room` at once, without waiting: *count of them, at least one with
 * AGNER_OK. They are all good until the next call, so they end at the end of a
 * segment. Errors as gen_cursor_try_next(). */
AGNER_API enum agner_err gen_cursor_next_many(struct gen_cursor *cursor,
                                              struct gen_stream_event *events,
                                              size_t room, size_t *count);

/*
 * With `on` self gets one message {gen_stream_ready, Ref} when the cursor, all
 * read, has something to read, or its end; at once if it has. Then it reads
 * with gen_cursor_try_next() until that is AGNER_EAGAIN, and will be told
 * again. `ref` (may be NULL) is the Ref, the same for the life of the cursor.
 * A message that cannot be sent, for want of memory or since the mailbox is
 * bounded and full, is sent at the next event. AGNER_ENOMEM.
 */
AGNER_API enum agner_err gen_cursor_announce(struct gen *self,
                                             struct gen_cursor *cursor, bool on,
                                             etf_ref *ref);

/*
 * Calls fn(arg, event) for each event. AGNER_OK: the end of the stream, or fn
 * returned AGNER_EDONE, and that event counts as read. Otherwise what fn or
 * gen_cursor_next() returned: after AGNER_ELAGGED one may go on.
 */
AGNER_API enum agner_err gen_cursor_consume(
    struct gen *self, struct gen_cursor *cursor,
    enum agner_err (*fn)(void *arg, const struct gen_stream_event *event),
    void *arg, struct gen_cancel *cancel);

/* Number of the event that it reads next, and how many wait for it. Any thread
 * while the cursor is open. */
AGNER_API uint64_t gen_cursor_position(const struct gen_cursor *cursor);
AGNER_API uint64_t gen_cursor_lag(const struct gen_cursor *cursor);
/* Events that it lost or passed over. */
AGNER_API uint64_t gen_cursor_lost(const struct gen_cursor *cursor);
/* Why it has ended, in `r`: the reason of gen_stream_close(), or `lagged`;
 * ETF_NONE: it has not. */
AGNER_API etf_term gen_cursor_reason(const struct gen_cursor *cursor,
                                     struct etf_region *r);

/* ---- Looking at it ------------------------------------------------------ */

struct gen_stream_info {
    uint64_t next_seq;  /* events that were published */
    uint64_t first_seq; /* the oldest that is kept */
    uint64_t readers;   /* cursors that are open */
    uint64_t segments;  /* that are kept */
    uint64_t bytes;     /* of memory: segments, boxes, native sizes */
    uint64_t lost;      /* events, by all cursors */
    uint64_t lag;       /* of the slowest cursor, */
    etf_pid slowest;    /* ... and whose that is; all zero: none */
    bool closed;
};
AGNER_API void gen_stream_info(struct gen_stream *stream,
                               struct gen_stream_info *out);
/* Why it was closed, in `r`; ETF_NONE: it is not. */
AGNER_API etf_term gen_stream_reason(struct gen_stream *stream,
                                     struct etf_region *r);

#ifdef __cplusplus
}
#endif

#endif
