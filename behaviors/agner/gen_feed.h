/*
 * gen_feed.h -- feeds: what one sends, all subscribers get.
 *
 *     gen_feed_new(self, NULL, &feed);
 *     gen_feed_subscribe(other, feed, NULL, &sub); // in another process
 *     gen_feed_send(self, feed, etf_make(self, "{price, 12}"), 5000, &count);
 *
 * Each event goes to every subscriber that was there when its sender's turn
 * came. Senders take turns, first come first served, so all subscribers see all
 * events in one order; in what order subscribers are served within one send is
 * not fixed. An event is kept once, whatever the number of subscribers, and has
 * a number: 1, 2, 3 ... A send returns when every subscriber has room for the
 * event, and says how many got it. How much room a subscriber has, and what
 * happens when it has none, is its own choice.
 *
 * A subscriber is a process, or a thread that is attached. It is told by
 * messages, one for any number of events:
 *
 *   {gen_feed_ready, Ref}         there is something to take
 *   {gen_feed_down, Ref, Reason}  the subscription has ended: comes once
 *
 * Reason is `normal` when the feed was closed so, `unsubscribed` when another
 * process took the subscription back, `slow`, `noconnection`, or what the feed
 * was closed with. gen_sub_handle() makes both easy for a handle_info. Who
 * unsubscribes itself gets no message any more.
 *
 * A subscription belongs to the process that made it, and ends with it. Others
 * may hold it too: gen_sub_hold().
 *
 * gen.h includes this header. Source: spec/event.md.
 */
#ifndef AGNER_GEN_FEED_H
#define AGNER_GEN_FEED_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_FEED_WINDOW     256u
#define GEN_FEED_WINDOW_MAX 65536u

struct gen_feed;
struct gen_sub;

/* ---- Feeds -------------------------------------------------------------- */

/* A pattern of etf_match() without `_`, as "{price, __}". Static: what the
 * pattern is compiled to stays in `cache`. */
struct gen_feed_type {
    const char *pattern;
    struct etf_pattern cache; /* private */
};

/* All zero is a good default. */
struct gen_feed_options {
    struct gen_feed_type *type; /* borrowed: static; NULL: any event */
    etf_term name; /* an atom: others, on all nodes, find it so; or ETF_NONE */
    bool owned;    /* the end of self closes it, with the reason `noproc` */
    bool timed;    /* events have the wall clock's time */
};

/* Returns new in *feed: with one count, the caller's. AGNER_EINVAL (a
 * name that is no atom, a pattern that is none or has a `_`), AGNER_ETAKEN,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_feed_new(struct gen *self,
                                      const struct gen_feed_options *options,
                                      struct gen_feed **feed);
/* One count more; returns `feed`. Any thread. */
AGNER_API struct gen_feed *gen_feed_hold(struct gen_feed *feed);
/* One fewer. Subscriptions hold their feed, so the last one frees it. A feed
 * that nobody can send to any more is not closed by that: close it. Before
 * rt_free(). NULL is fine. Any thread. */
AGNER_API void gen_feed_free(struct gen_feed *feed);

/* Ends all subscriptions, after what they have not taken yet, and refuses later
 * sends; one that waits returns. `reason`: `normal` is a good end.
 * AGNER_ECLOSED: it is closed already. */
AGNER_API enum agner_err gen_feed_close(struct gen *self, struct gen_feed *feed,
                                        etf_term reason);

/*
 * Sends `event` to all subscribers.
 *
 *   timeout_ms  for the sender's turn and for room with all subscribers
 *   count       how many got it; may be NULL; written whatever is returned
 *
 * AGNER_OK. AGNER_ETIMEOUT: with *count 0 the turn did not come; otherwise some
 * had no room in all that time, and missed it, or were ended, as they chose.
 * AGNER_EDEADLK: self subscribed, and has no room; nobody got it.
 * AGNER_EBADTYPE, AGNER_ECLOSED, AGNER_EINVAL (ETF_NONE), AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. Nobody to send to: AGNER_OK and 0.
 */
AGNER_API enum agner_err gen_feed_send(struct gen *self, struct gen_feed *feed,
                                       etf_term event, uint64_t timeout_ms,
                                       size_t *count);
/* The same, but never waits for room, only for other senders. *missed (may be
 * NULL): subscribers that wanted it, and had none. */
AGNER_API enum agner_err gen_feed_try_send(struct gen *self,
                                           struct gen_feed *feed,
                                           etf_term event, size_t *count,
                                           size_t *missed);

/* Subscribers of this node, a relay to another node counting as one. Any
 * thread. */
AGNER_API size_t gen_feed_count(struct gen_feed *feed);

struct gen_feed_info {
    uint64_t sent;            /* events; the number of the last one */
    uint64_t delivered;       /* to each subscriber counts */
    uint64_t dropped;         /* by policies, for all subscribers ever */
    uint64_t held;            /* events in memory */
    uint64_t longest_wait_ns; /* of a send for subscribers */
    size_t subscribers;
    size_t senders_waiting;
    uint64_t slowest_behind; /* events that the slowest has not taken */
    etf_pid slowest;         /* all zero: nobody is behind */
    bool closed;
};
/* Any thread. */
AGNER_API void gen_feed_info(struct gen_feed *feed, struct gen_feed_info *info);

/* The feed of this node with that name, with a count more. AGNER_ENONAME, and
 * what rt_call() says. */
AGNER_API enum agner_err gen_feed_find(struct gen *self, etf_term name,
                                       struct gen_feed **feed);

/* ---- Subscribing -------------------------------------------------------- */

/* What becomes of an event for a subscriber whose window is full. */
enum gen_feed_policy {
    GEN_FEED_BLOCK,    /* the sender waits */
    GEN_FEED_DROP_NEW, /* it misses this event */
    GEN_FEED_DROP_OLD, /* it misses the oldest that it has not taken */
    GEN_FEED_LATEST,   /* as DROP_OLD with a window of 1 */
    GEN_FEED_END_SLOW, /* the subscription ends with `slow`, at once */
};

/* All zero is a good default. */
struct gen_sub_options {
    enum gen_feed_policy policy;
    uint32_t window; /* events not taken yet; 0: GEN_FEED_WINDOW; at most
                        GEN_FEED_WINDOW_MAX */
    bool rendezvous; /* BLOCK: a send waits until the event is taken */
    bool end_late;   /* BLOCK: no room in a send's time ends it with `slow`,
                        instead of missing the event */
    bool quiet;      /* no messages: for who only calls gen_sub_next() */
};

/* Subscribes self. *sub is self's until gen_sub_drop(), or its end.
 * AGNER_EINVAL (window, policy), AGNER_ECLOSED, AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err
gen_feed_subscribe(struct gen *self, struct gen_feed *feed,
                   const struct gen_sub_options *options, struct gen_sub **sub);

/*
 * Subscribes self to the feed with a name, here or on another node.
 *
 *   feed  Name, or {Name, Node}
 *
 * On each node that follows it there is one relay, so an event crosses the wire
 * once, and BLOCK holds across it: to the feed's node a relay is a subscriber.
 * Events keep their numbers. When the connection is lost the subscription ends
 * with `noconnection`: gen_resubscribe.h makes it again. AGNER_ENONAME,
 * AGNER_ENOCONN, AGNER_ETIMEOUT, and as gen_feed_subscribe(); a feed whose
 * events cannot leave their node (native values) ends it with `badterm`.
 */
AGNER_API enum agner_err
gen_feed_subscribe_at(struct gen *self, etf_term feed,
                      const struct gen_sub_options *options,
                      uint64_t timeout_ms, struct gen_sub **sub);

/* What came in. Good until the next function of this subscription is called. */
struct gen_feed_event {
    etf_term term;
    uint64_t seq;              /* from 1, without gaps in the feed */
    uint64_t time_ns;          /* since 1970; 0: the feed is not timed */
    const struct etf_box *box; /* private */
};

/* The event's term to keep: returns new, or NULL without memory. */
AGNER_API struct etf_box *
gen_feed_event_take(const struct gen_feed_event *event);

/* Takes the next event; waits for one. AGNER_ECLOSED: it has ended, and all is
 * taken. AGNER_ETIMEOUT, AGNER_ENOTSUP (no subscription to a feed),
 * AGNER_EOWNER (another's), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_sub_next(struct gen *self, struct gen_sub *sub,
                                      uint64_t timeout_ms,
                                      struct gen_feed_event *event);
/* Takes what is there, up to `max` at once: *events is an array of *count of
 * them. *count 0: nothing now, and a message will tell. Errors as above but for
 * the time-out. */
AGNER_API enum agner_err gen_sub_take(struct gen *self, struct gen_sub *sub,
                                      size_t max,
                                      const struct gen_feed_event **events,
                                      size_t *count);

enum gen_sub_what {
    GEN_SUB_OTHER,  /* the message has nothing to do with it */
    GEN_SUB_EVENTS, /* it was served */
    GEN_SUB_DOWN,   /* ... and the subscription has ended: gen_sub_status() */
};

/*
 * For a handle_info, or who receives: serves `message` if it is one of this
 * subscription, and calls handle(self, ctx, event) for each event. `sub` NULL:
 * GEN_SUB_OTHER. At most a few hundred at once: a message says that there is
 * more.
 *
 *     switch (gen_sub_handle(self, s->sub, message, on_price, s)) {
 */
AGNER_API enum gen_sub_what
gen_sub_handle(struct gen *self, struct gen_sub *sub, etf_term message,
               void (*handle)(struct gen *self, void *ctx,
                              const struct gen_feed_event *event),
               void *ctx);

/* ---- Subscriptions of all kinds ------------------------------------------ */

/* The Ref of its messages. */
AGNER_API etf_ref gen_sub_ref(const struct gen_sub *sub);

/*
 * Ends it: when this returns, nothing of it is delivered any more, and for self
 * no message of it is in the mailbox. It waits for what runs on its behalf (a
 * producer, a try to subscribe). Again: nothing, after the first one is done.
 * Any process. AGNER_EEXITING, AGNER_EKILLED: it will end, and did not yet.
 */
AGNER_API enum agner_err gen_sub_unsubscribe(struct gen *self,
                                             struct gen_sub *sub);
/* Unsubscribes, and gives self's own count back: `sub` is no more. For the
 * process that made it. NULL is fine. */
AGNER_API void gen_sub_drop(struct gen *self, struct gen_sub *sub);

/* For others than its process: a count more, and its end. Any thread. */
AGNER_API struct gen_sub *gen_sub_hold(struct gen_sub *sub);
AGNER_API void gen_sub_free(struct gen_sub *sub);

enum gen_sub_status {
    GEN_SUB_ACTIVE,
    GEN_SUB_DONE,         /* it ended well: `normal` */
    GEN_SUB_FAILED,       /* the reason says why */
    GEN_SUB_UNSUBSCRIBED, /* by gen_sub_unsubscribe(), or its process is gone */
};
/* The first reason counts, and stays. `reason` (may be NULL): in `r`. Any
 * thread. */
AGNER_API enum gen_sub_status
gen_sub_status(struct gen_sub *sub, struct etf_region *r, etf_term *reason);

struct gen_sub_stats {
    uint64_t taken;
    uint64_t dropped; /* missed by its policy */
    uint64_t waiting; /* in its window now */
    uint64_t most;    /* that it ever found waiting */
    uint64_t last;    /* number of the last event that it took */
};
/* All zero for what is no subscription to a feed. Any thread. */
AGNER_API void gen_sub_stats(struct gen_sub *sub, struct gen_sub_stats *stats);

/* ---- Producers ---------------------------------------------------------- */

/* As a producer's function sees its subscription. */
struct gen_producer {
    struct gen_cancel *cancel; /* set: end now; borrowed */
    etf_pid to;                /* who subscribed */
    struct gen_sub *sub;       /* borrowed: its subscription */
    void *arg;
};

/* All zero is a good default. */
struct gen_producer_options {
    uint64_t stop_ms; /* how long unsubscribing waits before it kills the
                         producer; 0: 5000 */
    const struct rt_spawn_options *process; /* borrowed; or NULL */
};

/*
 * A subscription to what a function produces: `run` is called in a process of
 * its own, and sends to `to` what it likes. The end of the subscription is what
 * it returns, an atom `normal` or `ok` or another reason, or why its process
 * ended; after it was told to end by `cancel`, that does not matter any more.
 * `arg` is the caller's, and good until the subscription has ended.
 * Unsubscribing waits for its end; from within `run` it does not. AGNER_EINVAL
 * (no `run`), AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_producer_start(
    struct gen *self,
    etf_term (*run)(struct gen *self, const struct gen_producer *producer),
    void *arg, const struct gen_producer_options *options,
    struct gen_sub **sub);

/* ---- Scopes, joins ------------------------------------------------------ */

/* Subscriptions that are ended together. */
struct gen_scope;
/* Returns new, or NULL without memory. Any thread. */
AGNER_API struct gen_scope *gen_scope_new(void);
/* Adds it, until it has ended; twice is once. AGNER_ECLOSED: and `sub` is
 * unsubscribed. AGNER_ENOMEM. */
AGNER_API enum agner_err
gen_scope_track(struct gen *self, struct gen_scope *scope, struct gen_sub *sub);
/* Any thread. */
AGNER_API size_t gen_scope_count(struct gen_scope *scope);
/* Unsubscribes all, and waits for that; also when another does it just now.
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_scope_close(struct gen *self,
                                         struct gen_scope *scope);
/* Ends none of them. NULL is fine. */
AGNER_API void gen_scope_free(struct gen_scope *scope);

/* Many as one: it fails with the first that fails, and the others are
 * unsubscribed; ends well when all have ended otherwise; to unsubscribe it
 * unsubscribes all. Events go on to be taken from each of the `subs`.
 * AGNER_EINVAL (none), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_sub_join(struct gen *self,
                                      struct gen_sub *const *subs, size_t count,
                                      struct gen_sub **join);

#ifdef __cplusplus
}
#endif

#endif
