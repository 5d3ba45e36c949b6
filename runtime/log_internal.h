/*
 * log_internal.h -- the inside of the log: events, handlers, writers.
 *
 * Private to runtime/.
 *
 *   log.c          a call: is it wanted, what is it about, whom does it go to
 *   log_level.c    which levels pass: the runtime's, a process's
 *   log_event.c    an event: made, bounded, shared by count
 *   log_prune.c    a term cut to a size and a depth
 *   log_handler.c  the handlers: added, removed, found; flush and reopen
 *   log_queue.c    a handler's queue: what is taken, what is dropped
 *   log_limit.c    ... decided without clock or lock
 *   log_writer.c   from the queue to bytes: a handler's thread
 *   log_output.c   bytes to the output: opened, rotated, opened again
 *   log_text.c     an event as a line of text
 *   log_report.c   a report in words
 *   log_json.c     an event as JSON
 *   log_forward.c  an event for the log of another node
 *   log_journal.c  an event as journald takes it
 */
#ifndef RT_LOG_INTERNAL_H
#define RT_LOG_INTERNAL_H

#include <stdarg.h>

#include "log_limit.h"
#include "worker.h"

/* ---- Events ------------------------------------------------------------- */

struct log_event {
    struct rt_log_event event; /* first: what handlers see */
    _Atomic uint32_t refs;
    uint32_t bytes;         /* that it takes, about: for the queues' limit */
    struct etf_box *report; /* owned, or NULL */
    char texts[];           /* what `text` and `file` point to */
};

/* An event with text, or a report, and one reference; NULL: no memory. The rest
 * is the caller's to fill in. */
struct log_event *rt__log_event_text(const char *file, const char *format,
                                     va_list args)
    __attribute__((format(printf, 2, 0)));
struct log_event *rt__log_event_report(etf_term report);

/* A copy of `t` in `r`, in which what is deeper than `depth_max`, or comes once
 * about `bytes_max` are used up, is '...'. ETF_NONE: no memory. */
etf_term rt__log_prune(struct etf_region *r, etf_term t, unsigned depth_max,
                       size_t bytes_max);

/* ---- Encoders: an event becomes bytes ----------------------------------- */

struct log_style {
    bool colour;
};

/* Append the event to `b`; on failure it is as long as before. AGNER_ENOMEM,
 * AGNER_ELIMIT. */
typedef enum agner_err log_encode(struct etf_buffer *b,
                                  const struct rt_log_event *event,
                                  const struct log_style *style);
log_encode rt__log_text, rt__log_json, rt__log_journal;

/* Appends a report in words, on one line. */
enum agner_err rt__log_report(struct etf_buffer *b, etf_term report);

/* The event's pid as a term, which lives as long as `room` does: of another
 * node it takes some words. ETF_NONE when there is none. */
struct log_pid {
    struct etf_region region;
    uint64_t words[8];
};
etf_term rt__log_pid(struct log_pid *room, const struct rt_log_event *event);

/* Sends the event to the `logger_proxy` of the node that `leader` is of, if it
 * is connected. */
void rt__log_forward(struct rt *rt, etf_pid leader,
                     const struct rt_log_event *event);

/* "2026-11-26T14:05:09.120345Z", `digits` of the second's fraction: 3 or 6. */
void rt__log_time(char text[32], uint64_t time_us, unsigned digits);

/* ---- Handlers ----------------------------------------------------------- */

/* An event that waits, and how many were dropped since the one before it. */
struct log_entry {
    struct log_event *event; /* a reference of its own */
    uint64_t dropped;
};

/* What a handler's thread is. */
enum log_thread {
    LOG_THREAD_NONE, /* not needed yet, or the system had none for us */
    LOG_THREAD_STARTING,
    LOG_THREAD_RUNS,
};

struct log_handler {
    struct rt *rt;                 /* borrowed: outlives us */
    const struct rt_world *world;  /* borrowed */
    struct rt_log_handler options; /* defaults filled in; texts are ours */
    char id[RT_LOG_ID_MAX];
    char *path;            /* owned, or NULL */
    bool in_place;         /* no queue: direct, or a simulated world */
    _Atomic int level;     /* what it takes */
    _Atomic uint32_t refs; /* who uses it outside of the list's lock; and
                              LOG_CLOSING */

    rt_spin lock;            /* guards all down to `reopen` */
    struct log_entry *queue; /* owned: options.queue_max, circular */
    size_t first, count, bytes;
    struct log_limit limit;
    uint64_t taken, done; /* entries that came in, that were dealt with */
    uint64_t written, dropped, failed;
    char error[120];
    enum log_thread state;
    bool asleep; /* the writer waits for `word` */
    bool reopen; /* asked for, not done yet */

    _Atomic uint32_t word;     /* changes to have the writer look */
    _Atomic uint32_t progress; /* changes when something was dealt with */
    _Atomic uint32_t flushing; /* who wait for that */
    _Atomic uint32_t stopping;
    uint64_t stop_ns;         /* when to give up: written before `stopping` */
    struct rt_thread *thread; /* written by who starts it, with a reference */

    /* The writer's alone. */
    log_encode *encode; /* NULL: a callback */
    struct log_style style;
    struct rt_output *output; /* NULL: not open */
    uint64_t output_size;     /* of a file */
    struct etf_buffer buffer;
    uint64_t buffered; /* events in it */
    uint64_t notes;    /* lines of ours in it, about what is missing */
    uint64_t untold;   /* events that failed, and nobody was told so far */
    uint64_t telling;  /* of these, by a note in the buffer */
    bool torn;         /* what was written last ends in the middle of a line */
};

#define LOG_CLOSING 0x80000000u

struct log {
    rt_spin lock; /* guards handlers, count, and who writes the atomics */
    struct log_handler *handlers[RT_LOG_HANDLERS_MAX];
    size_t count;
    _Atomic int gate;  /* nothing above it passes, whoever it is about */
    _Atomic int level; /* the runtime's limit */
    int own_highest;   /* of the limits that processes were ever given */
    int open_highest;  /* of what the handlers take */
    /* The limits of processes by slot, in chunks like the slab's: log_level.c.
     */
    _Atomic(_Atomic(uint32_t) *) own[CHUNKS_MAX];
};

/* ---- log_level.c -------------------------------------------------------- */

/* The limit that holds for a process. */
int rt__log_limit_of(const struct rt *rt, etf_term pid);
/* Something that the gate depends on has changed. The log's lock is held. */
void rt__log_gate(struct log *log);

/* ---- log_handler.c ------------------------------------------------------ */

/* The handlers of now, each with a reference; returns how many. */
size_t rt__log_hold_all(struct rt *rt,
                        struct log_handler *handlers[RT_LOG_HANDLERS_MAX]);
void rt__log_let_go(struct rt *rt, struct log_handler *handler);
/* Removes them all. */
void rt__log_end_all(struct rt *rt);

/* ---- log_queue.c -------------------------------------------------------- */

/* Gives the handler an event that it wants, or drops it. Any thread. */
void rt__log_offer(struct log_handler *h, struct log_event *event);
/* An event that the handler would have got could not be made. */
void rt__log_lose(struct log_handler *h);
/* Takes the oldest entries out: at most `room`. If there are none, *dropped is
 * what is to be told now, and *deadline_ns when to look again without being
 * roused. The writer. */
size_t rt__log_take(struct log_handler *h, struct log_entry *entries,
                    size_t room, uint64_t *dropped, uint64_t *deadline_ns);
/* `entries` that were taken out are dealt with: what became of the events, and
 * why (or NULL). */
void rt__log_done(struct log_handler *h, size_t entries, uint64_t written,
                  uint64_t failed, const char *why);
/* Has the writer look, if it runs. */
void rt__log_rouse(struct log_handler *h);

/* ---- log_writer.c ------------------------------------------------------- */

/* The code of the writer's thread. */
void rt__log_writer(void *handler);
/* Deals with an entry in place: a direct callback, or in a simulated world. */
void rt__log_write(struct log_handler *h, const struct log_entry *entry);
/* Deals with what waits in place: no thread does, or will any more. */
void rt__log_drain(struct log_handler *h);

/* ---- log_output.c ------------------------------------------------------- */

/* Opens the output, in place of the one before, which stays on failure. */
enum agner_err rt__log_open(struct log_handler *h, struct agner_error *error);
void rt__log_close(struct log_handler *h);
/* Opens it anew if that was asked for. */
void rt__log_reopen(struct log_handler *h);
/* Writes; a file that would become too long is rotated before. Returns how many
 * bytes were written; if less than `size`, *error says why. */
size_t rt__log_put(struct log_handler *h, const uint8_t *bytes, size_t size,
                   struct agner_error *error);

#endif
