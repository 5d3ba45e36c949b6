/*
 * feed_core.h -- a feed and its cursors, as the files of this folder share
 * them.
 *
 * Private to feed/. A cursor is a subscription to a feed. It is in one of two
 * forms:
 *
 *   form   where its events are             who gives it events
 *   -----  -------------------------------  ------------------------------
 *   LOG    in the feed's log, from its      nobody: what is appended is
 *          place on                         there for all of them at once
 *   APART  in a ring of its own             the sender, one by one
 *
 * Those that may lose events, want only some, or have no window, are always
 * APART; another one is for a while when it has to miss an event, and goes back
 * once its ring, which was not empty then, is empty. Either way no more than
 * its window waits, plus the one event that a sender is just waiting with.
 *
 * The credit of a cursor is a word: how many events were taken, and marks:
 *
 *   mark         meaning                        set and cleared by, with lock
 *   -----------  -----------------------------  -----------------------------
 *   MARK_WANTED  a sender waits for room here   the sender whose turn it is
 *   MARK_APART   its events are in the ring     the sender whose turn it is
 *   MARK_OUT     it gets nothing any more       who ends it; never cleared
 *
 * A reader in the LOG takes events by one addition to that word, without the
 * lock, and looks at the marks that were there: with APART or OUT it has not
 * taken them. A sender sets APART only by an exchange of the word it decided
 * upon, so none is taken twice and none is lost.
 *
 * All of that is one word, of whose changes everybody sees the same order; what
 * else there is is ordered by the lock, by the count of a segment, and, for the
 * place of a cursor that comes back to the log, by the store of its new word.
 *
 * One sender has the turn (`busy`), others are in a list and get it in order.
 * Who has the turn appends, and goes through the lists of cursors with the lock
 * let go now and then: `scan` is where it is, and moves on when that one
 * leaves. Lock order: a feed's before a subscription's.
 */
#ifndef FEED_CORE_H
#define FEED_CORE_H

#include "feed/feed_log.h"
#include "feed/feed_policy.h"
#include "feed/feed_ring.h"
#include "feed/feed_sub.h"

#define MARK_WANTED 1u
#define MARK_APART  2u
#define MARK_OUT    4u
#define MARK_BITS   3u
#define MARK_ALL    7u

#define FEED_LENT 16u /* most that are taken from a ring at once */
#define FEED_LINE 64u /* bytes of a cache line */

struct feed_link {
    struct feed_link *next, *prev;
};

struct feed_cursor {
    struct gen_sub base;   /* first */
    struct gen_feed *feed; /* held */
    enum gen_feed_policy policy;
    uint32_t window;
    bool end_late;
    bool always_apart;
    uint64_t mask;  /* events of these types */
    uint64_t start; /* number of the first event for it */

    char apart_from_sender[FEED_LINE];
    /* The reader's, on lines that the sender seldom wants. */
    _Atomic uint64_t credit;
    struct feed_segment *segment; /* LOG: where it is; the lock for writing */
    uint32_t at, end; /* in it: the next to take, those known to be there */
    _Atomic uint64_t taken, last, most; /* relaxed: figures for others */
    uint32_t lent_count;
    struct gen_feed_event lent[FEED_LENT]; /* what was taken from the ring */
    struct feed_segment *lent_pins[FEED_LENT]; /* and what keeps it: a pin */
    /* Where it was before it was APART or OUT, as long as it may look at what
     * it took there: set under the lock, given back by the reader. */
    struct feed_segment *_Atomic pinned;
    char apart_from_reader[FEED_LINE];

    /* The feed's lock guards the rest. */
    struct feed_link table; /* in feed->logged or ->apart */
    struct feed_link idle;  /* in feed->idle or ->waking, if LOG */
    bool listed;            /* in a table */
    bool asleep;   /* has taken everything, and wants to be told of more */
    bool draining; /* the feed is closed: what is there can be taken */
    struct rt_waiter *waiter; /* asleep in gen_sub_next(); or NULL */
    struct feed_ring ring;
    uint64_t dropped;
};

struct gen_feed {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    struct gen_feed_type *type; /* borrowed: static; or NULL */
    etf_term name;
    bool timed;
    struct rt_hook hook; /* of its owner, if `owned`; has a count */
    bool owned;
    etf_pid host;             /* of one with a name: feed_wire.h */
    struct rt_hook host_hook; /* the host's; has a count */
    struct rt_figures figures;

    rt_spin lock; /* guards the rest */
    bool busy;    /* a sender has the turn */
    bool closed;
    _Atomic uint64_t last; /* number of the last event */
    uint64_t limit;        /* up to that number everybody in the log has room */
    struct feed_log log;
    struct feed_link idle, waking, logged, apart;
    size_t logged_count;
    _Atomic size_t apart_count; /* a sender looks before it has the turn, too */
    size_t strays;              /* APART, but not always */
    struct feed_segment *spare; /* owned; who has the turn puts it there */

    struct rt_waiter *first_sender, *last_sender; /* wait for the turn */
    size_t senders;
    struct feed_link *scan;      /* where who has the turn goes on */
    struct feed_cursor *awaited; /* whom it waits for */
    struct rt_waiter *holder;    /* ... with */
    uint64_t delivered, dropped, longest_wait_ns;
};

static inline struct feed_cursor *gen__cursor_of_table(struct feed_link *link)
{
    return (struct feed_cursor *)((char *)link -
                                  offsetof(struct feed_cursor, table));
}

static inline struct feed_cursor *gen__cursor_of_idle(struct feed_link *link)
{
    return (struct feed_cursor *)((char *)link -
                                  offsetof(struct feed_cursor, idle));
}

static inline void gen__feed_link_init(struct feed_link *head)
{
    head->next = head->prev = head;
}

/* As the last one. */
static inline void gen__feed_link_add(struct feed_link *head,
                                      struct feed_link *link)
{
    link->next = head;
    link->prev = head->prev;
    head->prev->next = link;
    head->prev = link;
}

/* On no list: nothing. */
static inline void gen__feed_link_remove(struct feed_link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    gen__feed_link_init(link);
}

/* ---- feed_send.c --------------------------------------------------------- */

/* What a relay says of an event: numbers are then as they were elsewhere. */
struct feed_origin {
    uint64_t seq, time_ns;
};

/* The event goes to those whose mask has one of the bits; otherwise as
 * gen_feed_send(), or gen_feed_try_send() when it is not `patient`. */
enum agner_err gen__feed_send(struct gen *self, struct gen_feed *feed,
                              etf_term event, uint64_t mask, bool patient,
                              uint64_t timeout_ms,
                              const struct feed_origin *origin, size_t *count,
                              size_t *missed);
/* With the lock: the next sender has the turn, or nobody. */
void gen__feed_pass_turn(struct gen_feed *feed, struct gen *by);

/* ---- feed.c -------------------------------------------------------------- */

/* Is it a pattern that events can be matched with? */
enum agner_err gen__feed_type_check(struct gen_feed_type *type);
bool gen__feed_is_closed(struct gen_feed *feed);
/* `by` may be NULL. */
enum agner_err gen__feed_close(struct gen_feed *feed, struct gen *by,
                               etf_term reason);

/* ---- feed_cursor.c: with the lock held, unless it says otherwise ----------
 */

/* gen_feed_subscribe() for the events that are of a type in `mask`, all bits:
 * for any. Without the lock. */
enum agner_err gen__feed_follow(struct gen *self, struct gen_feed *feed,
                                const struct gen_sub_options *options,
                                uint64_t mask, struct gen_sub **sub);
/* Is it a cursor? Or NULL. */
struct feed_cursor *gen__cursor(struct gen_sub *sub);
/* Frees what was taken from the ring last. The reader, or the last holder. */
void gen__cursor_unlend(struct feed_cursor *c);
/* Events that it has not taken. */
uint64_t gen__cursor_waiting(const struct feed_cursor *c);
/* What is to be freed without the lock; all zero at first. */
struct feed_garbage {
    struct feed_segment *segments;
    struct feed_ring ring;
};
void gen__feed_discard(struct feed_garbage *garbage);
/* Off the tables, and from the log: it gets nothing any more. The caller then
 * calls gen__sub_over(), without the lock. */
void gen__cursor_out(struct feed_cursor *c, struct gen *by,
                     struct feed_garbage *garbage);
/* Off the tables, but what it has not taken it keeps. */
void gen__cursor_unlist(struct feed_cursor *c, struct gen *by);
/* Into the log, at its end. There is a segment with room. */
void gen__cursor_enter(struct feed_cursor *c);
/* From the log to `ring`, which it takes: false, and not, when fewer than
 * `least` wait by now. */
bool gen__cursor_set_apart(struct feed_cursor *c, uint64_t least,
                           struct feed_ring *ring,
                           struct feed_garbage *garbage);
/* So many events for a ring: a window, one that is waited with, and one that
 * was given at a rendezvous to who waited for it, and is not taken yet. */
static inline uint32_t gen__cursor_room(const struct feed_cursor *c)
{
    return c->window + 2;
}

/* ---- Waking: those that are asleep, some at a time ------------------------
 */

#define FEED_WAKES 32u

struct feed_wakes {
    struct feed_cursor *due[FEED_WAKES]; /* held, with a message due */
    unsigned count, woken;
};

void gen__feed_wake(struct feed_cursor *c, struct gen *by,
                    struct feed_wakes *wakes);
/* Sends what is due; lets the lock go for that. */
void gen__feed_wakes_send(struct gen_feed *feed, struct gen *by,
                          struct feed_wakes *wakes);

#endif
