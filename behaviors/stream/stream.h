/*
 * stream.h -- a stream from inside: segments, and who keeps them.
 *
 * Private to behaviors/: the drawers that are built upon streams (feeds,
 * services, relays) use this too.
 *
 * A stream is a list of segments of slots, from `first` to `tail`. The tail has
 * always room for one event: publishing what fills it opens the next. Readers
 * pin the segment that they are in, and what is behind the first pin is kept.
 *
 *   guarded by the lock             everything but what follows
 *   front                           written with the lock held; read by all
 *   slots before the front          never change until the segment is freed
 *   a cursor's position, known      its owner's; `position` and `lost` are
 *                                   read by all
 *
 * A pin is firm (a cursor that may not lose anything, a promise in a stream
 * without a bound) or not. When a new segment is opened, those that are beyond
 * every window and have no firm pin are cut off at the front: who is in one
 * finds out when it moves on (`cut`), and the last one out frees it. So what is
 * kept is bounded by the widest window, one segment, and one more for each
 * segment that somebody is stuck in.
 *
 * Order: the store of `front` releases the slots before it, and `limit` of
 * their segments; each load of it acquires them. All else is ordered by the
 * lock.
 *
 * Locks: the stream's lock is a spin lock, the only one that is held; memory is
 * taken and freed, and others are woken, told and called without it.
 */
#ifndef GEN_STREAM_PRIVATE_H
#define GEN_STREAM_PRIVATE_H

#include <agner/gen_stream.h>

#include "atomic.h"
#include "spin.h"

/* What the lock holds while somebody publishes; another holder has 1. */
#define STREAM_PUBLISHING 2u
/* Events read between two looks at one's own end, which are one operation. */
#define STREAM_BREATH 128u
#define STREAM_WAKES  32u /* that many at once */

/* ---- Segments ----------------------------------------------------------- */

union stream_slot {
    struct {
        etf_term term;
        struct etf_box *box; /* owned; NULL: the term is a word */
    } term;
    struct {
        void *data;
        size_t size;
    } pointer; /* owned: the stream's destroy frees it */
    uint8_t bytes[GEN_STREAM_INLINE_MAX];
};

/* What is in a slot. */
enum stream_tag { STREAM_TERM, STREAM_POINTER, STREAM_BYTES /* + the size */ };

struct gen_stream_segment {
    struct gen_stream *stream;              /* its pins hold it */
    struct gen_stream_segment *next, *prev; /* NULL: none, or it is cut off */
    uint64_t first;                         /* number of the first slot */
    _Atomic uint32_t limit; /* slots that are before the next segment */
    uint32_t pins, firm;    /* how many; how many of them are firm */
    uint32_t owned;         /* slots with something to free */
    bool cut;
    uint64_t bytes; /* of boxes and native sizes */
    uint8_t *tags;  /* behind the slots */
    union stream_slot slots[];
};

/* What is to be put into a slot. */
struct stream_item {
    union stream_slot slot;
    uint8_t tag;
    bool owned;
    bool made; /* the box was made for it: freed when it is not published */
    uint64_t bytes;
};

/* ---- Those who wait ------------------------------------------------------ */

/* In one piece, so that waking reads nothing of the waiters, which are on cold
 * stacks: with the lock held that would be long. A waiter's `data` is its
 * number. */
struct stream_crowd {
    struct stream_seat {
        struct rt_waiter *waiter;
        struct rt_wake_up up;
    } * seats; /* owned */
    size_t count, room;
    bool wake; /* all of them are to be woken, by who wakes already */
};

/* ---- Streams ------------------------------------------------------------ */

struct gen_stream {
    /* What publishing touches. */
    rt_spin lock __attribute__((aligned(64)));
    bool many;              /* publishers */
    bool closed;            /* as the bit in front, for those with the lock */
    _Atomic uint64_t front; /* number of the next event * 2 + is it closed */
    uint64_t blocked_at; /* events from there on wait for a blocking cursor */
    struct gen_stream_segment *tail;
    struct gen_cursor *armed, *armed_last; /* to be told, oldest first */
    struct stream_crowd waiting;           /* readers */

    struct stream_crowd senders; /* publishers that wait */
    struct stream_crowd waking;  /* who is being woken; by one at a time */
    bool is_waking;
    struct gen_stream_segment *first;
    uint64_t size; /* slots of a segment */
    uint64_t segments, bytes;
    uint64_t handles; /* gen_stream_hold() */
    uint64_t pins;    /* of all segments, cut ones too */
    uint64_t cut_pins;
    uint64_t window;             /* the widest of those that are not firm */
    uint64_t soft;               /* cursors that are not firm */
    uint64_t readers;            /* cursors */
    uint64_t lost;               /* by cursors that are closed */
    struct gen_cursor *cursors;  /* all; newest first */
    struct gen_cursor *blocking; /* those with GEN_STREAM_BLOCK */
    struct gen_cursor *slowest;  /* of those: blocked_at is its */
    etf_term publisher;          /* single: the pid of who publishes; or NONE */
    uint64_t shift;              /* gen__stream_shift() */
    uint64_t life;               /* drawn: tells it from one of the same name */
    struct etf_box *reason;      /* of the close; NULL: `normal` */
    struct rt *rt;               /* borrowed */
    struct gen_stream_options options; /* name: owned */
    struct rt_figures figures;
};

/* ---- Cursors ------------------------------------------------------------ */

struct gen_cursor {
    struct gen_stream *stream;          /* its pin holds it */
    struct gen_stream_segment *segment; /* pinned; NULL: it has ended */
    uint64_t known;                     /* the front, when it last looked */
    _Atomic uint64_t position;          /* number of the next event */
    enum gen_stream_lag lag;
    bool firm;
    uint64_t window;
    _Atomic uint64_t lost;
    _Atomic bool over; /* it fell behind: GEN_STREAM_END */

    /* The lock guards what follows. */
    uint64_t told; /* blocking: position that publishers know */
    bool announce; /* {gen_stream_ready, Ref} is wanted */
    bool is_armed;
    bool once;      /* of a promise: is told once, and then it is over; */
    bool telling;   /* ... that is being done, by who took it out; */
    bool abandoned; /* ... and its owner has ended meanwhile */
    struct gen_cursor *armed_next, *armed_prev;
    struct gen_cursor *next, *prev;
    struct gen_cursor *blocking_next, *blocking_prev;

    etf_pid owner;
    etf_ref ref; /* count 0: not made yet */
    struct rt_hook hook;

    /* For who builds upon it; set before anybody else knows the cursor. */
    struct etf_box *message; /* owned: sent in place of gen_stream_ready */
    /* Called once, without the lock, before the cursor is freed: by its close,
     * or at the end of its owner (`died`), where there is no process. */
    void (*ended)(struct gen_cursor *cursor, struct rt *rt, bool died);
    void *user;
};

static inline uint64_t gen__stream_front(const struct gen_stream *s,
                                         bool *closed)
{
    uint64_t front = load_acquire(&s->front); /* pairs: see above */

    *closed = (front & 1) != 0;
    return front >> 1;
}

/* ---- lag.c: what becomes of who is behind; pure ------------------------- */

enum stream_verdict {
    STREAM_READ, /* what is at its place */
    STREAM_JUMP, /* to *target, and say so */
    STREAM_PASS, /* to *target, silently */
    STREAM_OVER, /* it has ended */
};

struct stream_place {
    enum gen_stream_lag lag;
    uint64_t window;
    uint64_t position;
    uint64_t front; /* number of the next event */
    uint64_t kept;  /* number of the oldest that it can go to */
};

enum stream_verdict gen__stream_lag(const struct stream_place *place,
                                    uint64_t *target);

/* ---- segment.c: with the lock held, but for new, fill and release ------- */

struct gen_stream_segment *gen__segment_new(struct gen_stream *s);
void gen__segment_pin(struct gen_stream_segment *g, bool firm);
/* Are promises firm? */
bool gen__stream_keeps(const struct gen_stream *s);
/* Segments that nobody needs any more go to *gone. */
void gen__segment_unpin(struct gen_stream_segment *g, bool firm,
                        struct gen_stream_segment **gone);
/* Puts `spare` behind the tail, which ends before slot `limit`; `gap` numbers
 * are passed over. */
void gen__segment_open(struct gen_stream *s, struct gen_stream_segment *spare,
                       uint32_t limit, uint64_t gap);
/* Cuts off and gives back what is beyond all windows. */
void gen__segment_cut(struct gen_stream *s, struct gen_stream_segment **gone);
/* Gives back what is at the front and nobody needs. */
void gen__segment_collect(struct gen_stream *s,
                          struct gen_stream_segment **gone);
/* The one with the event `seq`, or for the front the tail; NULL: not kept. */
struct gen_stream_segment *gen__segment_find(struct gen_stream *s,
                                             uint64_t seq);
/* Frees them and what is in them. */
void gen__segment_release(struct gen_stream *s,
                          struct gen_stream_segment *gone);
/* Bytes besides the slot that an event keeps. */
uint64_t gen__segment_bytes(const struct gen_stream_segment *g, uint64_t seq);
/* Is it the last of its segment? Its cursor is there. */
bool gen__segment_is_last(const struct gen_stream_segment *g, uint64_t seq);
/* What is in a slot. Here, since it is what reading costs. */
static inline void gen__segment_read(const struct gen_stream_segment *g,
                                     uint64_t seq,
                                     struct gen_stream_event *event)
{
    uint32_t index = (uint32_t)(seq - g->first);
    const union stream_slot *slot = &g->slots[index];
    uint8_t tag = g->tags[index];

    event->seq = seq;
    event->term = ETF_NONE;
    if (tag == STREAM_TERM) {
        event->term = slot->term.term;
        event->data = NULL;
        event->size = 0;
    } else if (tag == STREAM_POINTER) {
        event->data = slot->pointer.data;
        event->size = slot->pointer.size;
    } else {
        event->data = slot->bytes;
        event->size = tag - STREAM_BYTES;
    }
}

/* ---- stream.c ----------------------------------------------------------- */

static inline void gen__stream_lock(struct gen_stream *s)
{
    rt__lock(&s->lock);
}

/* Of a new one: its first event has the number `seq`. */
void gen__stream_begin_at(struct gen_stream *s, uint64_t seq);
/* A stream that repeats another: `shift` is what is added to the numbers there.
 */
void gen__stream_shift(struct gen_stream *s, uint64_t shift);
uint64_t gen__stream_shifted(struct gen_stream *s, uint64_t seq);
/* From now on so many events are kept at least, whoever has read them. */
void gen__stream_retain(struct gen_stream *s, uint64_t count);
/* Has nobody but the caller a count or a place? */
bool gen__stream_is_alone(struct gen_stream *s);
/* Unlocks, frees `gone`, and the stream too when nobody has it any more. */
void gen__stream_unlock(struct gen_stream *s, struct gen_stream_segment *gone);

/* ---- item.c ------------------------------------------------------------- */

/* With the large binaries of its term. */
uint64_t gen__box_bytes(const struct etf_box *box);

enum agner_err gen__item_make(struct stream_item *item,
                              const struct gen_stream_value *value);
/* Of one that was not published. */
void gen__item_drop(struct stream_item *item);

/* ---- publish.c, wake.c --------------------------------------------------- */

struct stream_appended {
    size_t done;      /* items */
    uint64_t first;   /* number of the first of them */
    uint64_t readers; /* cursors when the last of them was appended */
    bool wanted;      /* somebody waits for them: gen__stream_wake() */
};

/* Appends as many of the items as it can, without waiting and without waking
 * anybody. AGNER_EAGAIN: a blocking cursor is in the way. Other errors as
 * gen_stream_publish(). `self` may be NULL. */
enum agner_err gen__stream_append(struct gen *self, struct gen_stream *s,
                                  const struct stream_item *items, size_t count,
                                  struct stream_appended *out);
/* The same, waiting for blocking cursors until rt_now_ms() is `deadline_ms`
 * (RT_INFINITY: without end), and waking. out->done also after an error. */
enum agner_err gen__stream_append_all(struct gen *self, struct gen_stream *s,
                                      const struct stream_item *items,
                                      size_t count, uint64_t deadline_ms,
                                      struct gen_cancel *cancel,
                                      struct stream_appended *out);
/* The next `gap` numbers will have no event: each reader is told so once, as if
 * it had fallen behind. For who passes on the events of another stream.
 * AGNER_ENOMEM, AGNER_ECLOSED. */
enum agner_err gen__stream_skip(struct gen *self, struct gen_stream *s,
                                uint64_t gap);
/* Wakes and tells who waits for what was appended. `self` may be NULL. */
void gen__stream_wake(struct gen *self, struct gen_stream *s);
/* Wakes the publishers that wait. */
void gen__stream_wake_senders(struct gen *self, struct gen_stream *s);

/* ---- wait.c ------------------------------------------------------------- */

/* Waits until event `seq` is there or will never be. */
enum agner_err gen__stream_wait(struct gen *self, struct gen_stream *s,
                                uint64_t seq, uint64_t timeout_ms,
                                struct gen_cancel *cancel);
/* Waits until publishers need not wait for the blocking cursors. */
enum agner_err gen__stream_wait_room(struct gen *self, struct gen_stream *s,
                                     uint64_t timeout_ms,
                                     struct gen_cancel *cancel);
/* ---- cursor.c ----------------------------------------------------------- */

/* The next event, as gen_cursor_try_next(); does not arm. */
enum agner_err gen__cursor_take(struct gen_cursor *c,
                                struct gen_stream_event *event);
/* Frees a cursor; its hook has run or was removed. */
void gen__cursor_end(struct gen_cursor *c, bool died);

/* ---- block.c: cursors that publishers wait for; with the lock held ------- */

void gen__block_add(struct gen_cursor *c);
/* true: publishers may go on, gen__stream_wake_senders(). */
bool gen__block_remove(struct gen_cursor *c);
bool gen__block_moved(struct gen_cursor *c);
/* Is it time to say that the cursor has moved? By its owner, no lock. */
bool gen__block_due(const struct gen_cursor *c, uint64_t position);

/* ---- announce.c --------------------------------------------------------- */

/* With the lock held: a cursor that has read all is to be told, or not. */
void gen__cursor_arm(struct gen_cursor *c);
void gen__cursor_disarm(struct gen_cursor *c);
/* Sends the messages to those who are armed and have something to read. */
void gen__stream_announce(struct gen *self, struct gen_stream *s);
/* The owner has ended. false: who tells it ends the cursor. */
bool gen__cursor_abandon(struct gen_cursor *c);

/* ---- figures.c ---------------------------------------------------------- */

etf_term gen__stream_show(const struct rt_figures *figures,
                          struct etf_region *r);

#endif
