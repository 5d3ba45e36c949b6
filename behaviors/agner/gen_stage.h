/*
 * gen_stage.h -- stages: events that flow as fast as they are asked for.
 *
 * A producer makes events, a consumer takes them, a producer_consumer does
 * both. A consumer subscribes to a producer and asks for events; a producer
 * never sends more than it was asked for, so the slowest one sets the pace and
 * nothing piles up. An event is any term. The protocol is that of Elixir's
 * GenStage, event for event, so that either end may be one of those.
 *
 *     static enum gen_next demand(struct gen *self, uint64_t count)
 *     {
 *         etf_term events = etf_nil();
 *
 *         while (count-- > 0)
 *             events = etf_make(self, "[tick | _]", events);
 *         (void)gen_stage_emit(self, events, NULL);
 *         return GEN_NEXT;
 *     }
 *
 *     const struct gen_stage clock = { .name = "clock",
 *                                      .role = GEN_STAGE_PRODUCER,
 *                                      .handle_demand = demand };
 *
 * Demand. A subscription has at most `max_demand` events under way. What comes
 * is handed to handle_events in pieces of at most max - min, and after each
 * piece, when no more than `min_demand` are still to come, the consumer asks
 * for as many as make it `max` again. A manual subscription asks by
 * gen_stage_ask() only. A producer_consumer takes what it got only as far as
 * it is asked for events itself; the rest waits.
 *
 * Events that nobody has asked for wait in the producer's buffer, in order, in
 * front of those that come later. When it is full some are discarded: the
 * oldest, or the newest.
 *
 * A producer's end, and a consumer's, is seen by the other side, whatever the
 * cause: handle_cancel, handle_canceled.
 *
 * gen.h includes this header. Sources: Elixir's GenStage 1.3, its protocol and
 * its demand; spec/gen.md 1.10, 2.4.
 */
#ifndef AGNER_GEN_STAGE_H
#define AGNER_GEN_STAGE_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gen_stage_role {
    GEN_STAGE_PRODUCER = 1,
    GEN_STAGE_CONSUMER,
    GEN_STAGE_PRODUCER_CONSUMER,
    GEN_STAGE_AUTO, /* both, each for itself: what comes is handled at once,
                       whether or not anybody has asked for more */
};

/* What becomes of a consumer whose subscription has ended. `already_subscribed`
 * is a reason that ends nobody. */
enum gen_stage_cancel {
    GEN_STAGE_PERMANENT, /* it ends too, with the same reason */
    GEN_STAGE_TRANSIENT, /* ... unless that is normal, shutdown or {shutdown, _}
                          */
    GEN_STAGE_TEMPORARY, /* it goes on */
};

/* Whether demand reaches handle_demand, or waits with the events until it may.
 */
enum gen_stage_demand { GEN_STAGE_FORWARD, GEN_STAGE_ACCUMULATE };

/* Which events a full buffer keeps. */
enum gen_stage_keep { GEN_STAGE_KEEP_LAST, GEN_STAGE_KEEP_FIRST };

/* How a subscription ended: said by either side, or by the end of the other
 * process or of the connection with it. */
enum gen_stage_end { GEN_STAGE_CANCELED, GEN_STAGE_DOWN };

/* A subscription, by value: keep it where you like. `ref` is what it is known
 * by, `pid` the other side: all zero as long as a producer that was named as
 * {Name, Node} has sent nothing. */
struct gen_subscription {
    etf_pid pid;
    etf_ref ref;
};

/* How to subscribe. All zero is GenStage's default. */
struct gen_stage_subscribe {
    uint64_t max_demand; /* 0: 1000 */
    uint64_t min_demand; /* below the maximum; 0: half of it, */
    bool min_zero;       /* ... unless 0 is meant */
    bool manual;         /* asks by gen_stage_ask() only */
    enum gen_stage_cancel cancel;
    etf_term partition; /* for a partition dispatcher; or ETF_NONE */
    etf_term extra;     /* [{Key, Value}] for the producer; or ETF_NONE */

    /* When the connection is lost the consumer lives on, whatever `cancel`
     * says, and subscribes anew: when the node is there again, and meanwhile
     * after `retry_ms`, twice that and so on. A name that is not registered
     * there yet is tried again too; a pid that is gone ends it. */
    bool reconnect;
    uint64_t retry_ms;     /* 0: 100 */
    uint64_t retry_max_ms; /* 0: 5000 */
};

/* What became of events: the sum is how many there were. */
struct gen_stage_sent {
    uint64_t delivered; /* sent to who had asked */
    uint64_t buffered;
    uint64_t discarded; /* by a partition's hash, or since the buffer is full */
};

/* ---- Dispatchers: who gets which events --------------------------------- */

/* A consumer as a dispatcher sees it: at its address until `cancel`. */
struct gen_stage_consumer {
    struct gen_subscription sub;
    uint32_t index; /* below the most consumers that there were at one time, and
                       no other's meanwhile: for arrays */
};

/*
 * A dispatcher is a table too; `state` is its own memory, zeroed at first. All
 * but `dispatch` may be NULL. Its functions run in the stage's process and may
 * not wait nor call gen_stage_emit(). *demand is 0 before, and gets how many
 * events more the stage is to produce. An error other than of `init` and
 * `subscribe` ends the stage.
 */
struct gen_stage_dispatcher {
    const char *name;
    size_t state_size;
    /* `options` as in gen_stage_options. An error ends the start. */
    enum agner_err (*init)(struct gen *self, void *state, const void *options);
    /* A new consumer; `options` is its list. An error refuses it: the
     * subscription is cancelled with *reason, any term. */
    enum agner_err (*subscribe)(struct gen *self, void *state,
                                const struct gen_stage_consumer *consumer,
                                etf_term options, uint64_t *demand,
                                etf_term *reason);
    enum agner_err (*cancel)(struct gen *self, void *state,
                             const struct gen_stage_consumer *consumer,
                             uint64_t *demand);
    /* It asks for `count` more, at least 1. NULL: *demand is `count`. */
    enum agner_err (*ask)(struct gen *self, void *state,
                          const struct gen_stage_consumer *consumer,
                          uint64_t count, uint64_t *demand);
    /* How many events it would take now. NULL: as many as are asked for. */
    uint64_t (*room)(const void *state);
    /*
     * Takes of `events`, a list of `count`, from the front as many as it can,
     * and adds what became of them to *sent; it calls gen_stage_deliver(). What
     * it takes not the stage keeps. The events live until the call returns.
     */
    enum agner_err (*dispatch)(struct gen *self, void *state, etf_term events,
                               uint64_t count, struct gen_stage_sent *sent);
    /* So many events were not dispatched, and wait in the stage's buffer. NULL:
     * that is nothing to it. */
    void (*left)(void *state, uint64_t count);
    /* A message that is to come behind all events that it has taken. NULL:
     * handle_info gets it. */
    enum agner_err (*info)(struct gen *self, void *state, etf_term message);
    /* What it holds for consumers: buffered events. NULL: nothing. */
    uint64_t (*queued)(const void *state);
    /* Gives back what `state` holds. No process any more. */
    void (*fini)(void *state);
};

/* In dispatch and ask: sends `events`, a list of `count`, to that consumer. A
 * consumer that cannot get them is not an error; it hears of it. AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err
gen_stage_deliver(struct gen *self, const struct gen_stage_consumer *consumer,
                  etf_term events, uint64_t count);
/* The same events to each of them. They are copied once. */
AGNER_API enum agner_err
gen_stage_deliver_all(struct gen *self,
                      const struct gen_stage_consumer *const *consumers,
                      size_t consumer_count, etf_term events, uint64_t count);

/* Whoever has asked for most gets as much as it asked for, then the next one.
 * The default. */
AGNER_API const struct gen_stage_dispatcher *gen_stage_demand_dispatcher(void);
struct gen_stage_demand_options {
    uint64_t max_demand; /* who asks for more at once is warned of; 0: what the
                            first one asked for */
};

/* Everybody gets everything, as fast as the slowest one asks. A process may be
 * subscribed once: the second one is cancelled with `already_subscribed`. */
AGNER_API const struct gen_stage_dispatcher *
gen_stage_broadcast_dispatcher(void);

/* Each event belongs to a partition, and each partition has at most one
 * consumer, which names it in its options: {partition, Name}. Another one is
 * cancelled with {partition_taken, Name}, a wrong name with {bad_partition,
 * Name}. Events for a partition wait there until its consumer asks; when its
 * consumer leaves they are discarded. */
AGNER_API const struct gen_stage_dispatcher *
gen_stage_partition_dispatcher(void);
#define GEN_STAGE_NO_PARTITION UINT64_MAX
struct gen_stage_partition_options {
    uint64_t count; /* partitions 0 to count - 1 */
    etf_term names; /* or a list of their names, all different; then `count` is
                       not read */
    /* The number of the event's partition, in the order of `names`; another
     * number discards the event. It may put another event in its place. NULL:
     * erlang:phash2(Event, Count). */
    uint64_t (*hash)(struct gen *self, void *ctx, etf_term *event);
    void *ctx; /* the caller's */
};

/* ---- The stage ---------------------------------------------------------- */

struct gen_stage_source {
    etf_term to;
    struct gen_stage_subscribe options;
};

/* What init may choose: gen_stage_setup(). All zero is a good default. */
struct gen_stage_options {
    enum gen_stage_role role;                      /* 0: the table's */
    const struct gen_stage_dispatcher *dispatcher; /* NULL: by demand */
    const void *dispatcher_options; /* read during the call; NULL: none */
    uint64_t buffer_size;  /* events; 0: 10,000, and of a producer_consumer
                              without limit */
    bool buffer_unbounded; /* without limit */
    enum gen_stage_keep keep;
    enum gen_stage_demand demand; /* not of a producer_consumer */
    const struct gen_stage_source *subscribe_to;
    size_t subscribe_count;
};

/* An absent callback has the default that stands behind it. `sub` is good until
 * the callback returns; copy it to keep it. */
struct gen_stage {
    const char *name;         /* for people */
    size_t state_size;        /* bytes */
    enum gen_stage_role role; /* 0: GEN_STAGE_AUTO */

    /* `args` as given to gen_stage_start(). May call gen_stage_setup(), before
     * anything else of this header. Default: go on. */
    enum gen_next (*init)(struct gen *self, etf_term args);

    /* Producer. A consumer wants to subscribe; `options` is its list. May call
     * gen_stage_refuse(). Default: welcome. */
    enum gen_next (*handle_subscribe)(struct gen *self,
                                      const struct gen_subscription *sub,
                                      etf_term options);
    /* Producer. So many events more are wanted; they may be emitted now or
     * later. Default: nothing. */
    enum gen_next (*handle_demand)(struct gen *self, uint64_t count);
    /* Producer. A consumer has left. Default: nothing. */
    enum gen_next (*handle_cancel)(struct gen *self,
                                   const struct gen_subscription *sub,
                                   enum gen_stage_end kind, etf_term reason);

    /* Consumer. It is subscribed; nothing was asked for yet, so
     * gen_stage_auto_demand() may still decide. Default: nothing. */
    enum gen_next (*handle_subscribed)(struct gen *self,
                                       const struct gen_subscription *sub,
                                       etf_term options);
    /* Consumer. A list of events, at least one. Default: logs. */
    enum gen_next (*handle_events)(struct gen *self,
                                   const struct gen_subscription *sub,
                                   etf_term events);
    /* Consumer. The subscription is over; afterwards enum gen_stage_cancel
     * decides what becomes of the stage. Default: nothing. */
    enum gen_next (*handle_canceled)(struct gen *self,
                                     const struct gen_subscription *sub,
                                     enum gen_stage_end kind, etf_term reason);

    /* As gen_server's, with the same defaults. */
    enum gen_next (*handle_call)(struct gen *self, struct gen_from from,
                                 etf_term request);
    enum gen_next (*handle_cast)(struct gen *self, etf_term request);
    enum gen_next (*handle_info)(struct gen *self, etf_term message);
    enum agner_err (*handle_direct)(struct gen *self,
                                    const struct rt_direct *direct,
                                    void **result);
    void (*terminate)(struct gen *self, etf_term reason);
    etf_term (*format_status)(struct gen *self);
    enum agner_err (*replace_state)(struct gen *self, etf_term state);
    enum agner_err (*code_change)(struct gen *self, etf_term old_version,
                                  etf_term extra);
    void (*destroy)(void *state);
    /* `count` events did not fit the buffer: is it to be logged? Runs within
     * gen_stage_emit() too. Default: yes. */
    bool (*format_discarded)(struct gen *self, uint64_t count);

    bool quiet_exit;             /* as gen_server's */
    uint64_t hibernate_after_ms; /* 0: never */
};

/* ---- Starting ----------------------------------------------------------- */

/* Starts a stage and waits until its init has returned: gen_start() in gen.h.
 * Called, cast to, stopped and looked into as any server. */
AGNER_API enum agner_err gen_stage_start(struct gen *self,
                                         const struct gen_stage *stage,
                                         etf_term args,
                                         const struct rt_spawn_options *options,
                                         etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_stage_start_link(struct gen *self, const struct gen_stage *stage,
                     etf_term args, const struct rt_spawn_options *options,
                     etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_stage_start_monitor(struct gen *self, const struct gen_stage *stage,
                        etf_term args, const struct rt_spawn_options *options,
                        etf_pid *pid, etf_ref *monitor, etf_term *reason);

/* ---- In a callback ------------------------------------------------------ */
/* All give AGNER_EINVAL in a process that is no stage, and AGNER_ENOTSUP in a
 * stage whose role has no such side. */

/* In init, once, first. AGNER_EINVAL, AGNER_ENOMEM, what the dispatcher's init
 * says, and what gen_stage_subscribe() says of `subscribe_to`: then init should
 * stop. One that goes on without a role or a dispatcher
 * ends with `error`. */
AGNER_API enum agner_err gen_stage_setup(struct gen *self,
                                         const struct gen_stage_options *o);

/* In handle_subscribe: no. The consumer is cancelled with `reason`, and
 * handle_cancel is not called. GEN_NEXT, to be returned. */
AGNER_API enum gen_next gen_stage_refuse(struct gen *self, etf_term reason);

/*
 * Sends events, a proper list, to who has asked for some, and keeps the others.
 * `sent` (may be NULL): what became of them. AGNER_EINVAL (no list); after
 * AGNER_ENOMEM the stage ends with `memory_limit` when the callback has
 * returned, since nobody can tell any more who has got what. AGNER_EEXITING,
 * AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_stage_emit(struct gen *self, etf_term events,
                                        struct gen_stage_sent *sent);

/*
 * Subscribes to `to`: a pid, a name, {Name, Node}, a global name. Whether there
 * is such a process shows later: handle_subscribed, and then events, or
 * handle_canceled. A local name that nobody has: AGNER_ENONAME, and the stage
 * ends with `noproc` when the callback has returned; a temporary subscription
 * is AGNER_OK, and nothing comes of it.
 *
 *   o    NULL for the defaults
 *   sub  may be NULL
 *
 * AGNER_EINVAL (min and max, `extra`), AGNER_ENOMEM.
 */
AGNER_API enum agner_err
gen_stage_subscribe(struct gen *self, etf_term to,
                    const struct gen_stage_subscribe *o,
                    struct gen_subscription *sub);
/* A new subscription to the same producer, which cancels the old one with
 * `reason` first; so the consumer should be temporary or see it coming.
 * AGNER_ENOREF (the old one is none), and as above. */
AGNER_API enum agner_err
gen_stage_resubscribe(struct gen *self, const struct gen_subscription *old,
                      etf_term reason, const struct gen_stage_subscribe *o,
                      struct gen_subscription *sub);

/* Asks for `count` events; 0 does nothing. AGNER_EAUTODEMAND: the subscription
 * asks by itself. AGNER_ENOREF, AGNER_ENOMEM. */
AGNER_API enum agner_err gen_stage_ask(struct gen *self,
                                       const struct gen_subscription *sub,
                                       uint64_t count);
/* Ends a subscription, from either side. A consumer hears of it when the
 * producer has confirmed; a producer's handle_cancel follows this callback. One
 * that waits to be made anew is forgotten, by the reference that was lost.
 * AGNER_ENOREF, AGNER_ENOMEM. */
AGNER_API enum agner_err gen_stage_cancel(struct gen *self,
                                          const struct gen_subscription *sub,
                                          etf_term reason);
/* Switches a consumer's subscription. On: asks for what is missing to its
 * maximum. AGNER_ENOREF, AGNER_ENOMEM. */
AGNER_API enum agner_err
gen_stage_auto_demand(struct gen *self, const struct gen_subscription *sub,
                      bool on);
/* AGNER_ENOREF. */
AGNER_API enum agner_err
gen_stage_cancel_mode(struct gen *self, const struct gen_subscription *sub,
                      enum gen_stage_cancel mode);
/* A producer's mode. What has gathered comes when the callback has returned. */
AGNER_API enum agner_err gen_stage_forward_demand(struct gen *self,
                                                  enum gen_stage_demand mode);

/* ---- From any process ---------------------------------------------------- */
/* Of any stage, here or elsewhere, of agner or of Elixir. The calls: errors as
 * gen_call(). */

/* Has `stage` subscribe to `producer`; *ref may be NULL. AGNER_ENOTSUP: it is a
 * producer only; AGNER_EINVAL: the options are no good. */
AGNER_API enum agner_err
gen_stage_sync_subscribe(struct gen *self, etf_term stage, etf_term producer,
                         const struct gen_stage_subscribe *o,
                         uint64_t timeout_ms, etf_ref *ref);
AGNER_API enum agner_err
gen_stage_async_subscribe(struct gen *self, etf_term stage, etf_term producer,
                          const struct gen_stage_subscribe *o);
/* The same in place of the subscription `old` of that stage. */
AGNER_API enum agner_err
gen_stage_sync_resubscribe(struct gen *self, etf_term stage, etf_ref old,
                           etf_term reason, etf_term producer,
                           const struct gen_stage_subscribe *o,
                           uint64_t timeout_ms, etf_ref *ref);

/* `message` reaches handle_info behind all events that are buffered now. */
AGNER_API enum agner_err gen_stage_sync_info(struct gen *self, etf_term stage,
                                             etf_term message,
                                             uint64_t timeout_ms);
AGNER_API enum agner_err gen_stage_async_info(struct gen *self, etf_term stage,
                                              etf_term message);

AGNER_API enum agner_err gen_stage_demand_get(struct gen *self, etf_term stage,
                                              uint64_t timeout_ms,
                                              enum gen_stage_demand *mode);
/* Does not wait. */
AGNER_API enum agner_err gen_stage_demand_set(struct gen *self, etf_term stage,
                                              enum gen_stage_demand mode);
/* Events in its buffer, about. */
AGNER_API enum agner_err gen_stage_estimate_buffered(struct gen *self,
                                                     etf_term stage,
                                                     uint64_t timeout_ms,
                                                     uint64_t *count);

#ifdef __cplusplus
}
#endif

#endif
