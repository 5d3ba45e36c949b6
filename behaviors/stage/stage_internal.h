/*
 * stage_internal.h -- a stage's process, as its files share it.
 *
 * Private to behaviors/. stage.c takes messages and calls callbacks; produce.c
 * is the producer's side of it, consume.c the consumer's, subscribe.c makes
 * subscriptions, stage_action.c is what callbacks call, stage_call.c what
 * others call. How many events go where is decided in demand.c, buffer.c and
 * the dispatch files.
 *
 * All functions that return enum gen_next have called callbacks, or may have:
 * GEN_STOP, or GEN_FLAG_STOP, means that nothing more is to be done.
 */
#ifndef STAGE_INTERNAL_H
#define STAGE_INTERNAL_H

#include <agner/gen_stage.h>

#include "gen_internal.h"
#include "stage/buffer.h"
#include "stage/subs.h"

#define STAGE_MARKS_MAX 10000u /* further ones become one with the last */

/* Something that came to a producer_consumer while nobody wanted its events. */
struct stage_item {
    struct stage_item *next;
    enum { STAGE_EVENTS, STAGE_MESSAGE, STAGE_ENDED } what;
    struct stage_piece *piece; /* owned: the events, the message, the reason */
    struct gen_subscription sub; /* STAGE_EVENTS, STAGE_ENDED */
    enum gen_stage_end kind;     /* STAGE_ENDED, both */
    enum gen_stage_cancel mode;
};

/* A subscription that is to be made anew: again.c. */
struct stage_again {
    struct stage_again *next;
    struct stage_sub *sub; /* owned: the one that was lost; NULL: it lives, and
                              this is its */
    uint64_t retry_ms, retry_max_ms, wait_ms;
    struct rt_timer timer;
    etf_ref ref; /* of the timer; count 0: none */
    bool trying; /* the producer has not been heard of since */
};

struct stage {
    struct gen_head head;          /* first */
    const struct gen_stage *table; /* borrowed: static; NULL before init */
    enum gen_stage_role role;
    bool may_set_up;      /* in init, and nothing was done yet */
    enum agner_err unfit; /* why it could not be set up; AGNER_OK */
    struct stage_subs subs;
    struct stage_sub *todo_first, *todo_last; /* borrowed: have `todo` set */

    /* A producer's. */
    const struct gen_stage_dispatcher *dispatcher; /* borrowed: static */
    void *dispatching;                             /* owned: its state */
    struct stage_buffer buffer;
    uint64_t reserved; /* accumulating: buffered events that are spoken for */
    uint64_t *marks;   /* owned: a ring of demands that were accumulated */
    uint32_t mark_first, mark_count, mark_capacity;
    bool accumulate;
    bool refused; /* in handle_subscribe: gen_stage_refuse() */
    etf_term refusal;
    /* The piece of the buffer that is being dispatched, if it is a whole one:
     * its box can go to a consumer as it is. */
    struct etf_box *source; /* borrowed */
    etf_term source_list;
    uint64_t source_count;

    /* A producer_consumer's. */
    uint64_t demand; /* what its consumers have asked for and not got */
    struct stage_item *item_first, *item_last; /* owned */
    struct stage_piece *handling; /* owned: what callbacks have of it, until the
                                     step is over; or NULL */
    struct stage_again *again; /* owned: subscriptions that wait to be made */
    etf_ref network;     /* while there are some: the event; count 0: not */
    uint64_t network_ns; /* the last one of it, */
    etf_term network_what, network_node; /* words */

    /* Figures: written by the owner, relaxed; stage_figures.c reads them. */
    struct rt *rt; /* borrowed: for destroy */
    struct rt_figures figures;
    _Atomic uint64_t buffered, discarded, events_in, events_out, queued;
    _Atomic uint64_t buffer_max;
    _Atomic uint32_t mode;
};

static inline bool gen__is_producer(const struct stage *s)
{
    return s->role != GEN_STAGE_CONSUMER;
}

static inline bool gen__is_consumer(const struct stage *s)
{
    return s->role != GEN_STAGE_PRODUCER;
}

static inline bool gen__stage_stops(const struct stage *s, enum gen_next next)
{
    return next != GEN_NEXT || (s->head.flags & GEN_FLAG_STOP) != 0;
}

/* ---- stage.c ------------------------------------------------------------ */

/* The stage of self, or NULL. */
struct stage *gen__stage(struct gen *self);
/* Has something done with `sub` when the callback, and what it follows from, is
 * over. */
void gen__stage_todo(struct stage *s, struct stage_sub *sub);
/* ... it is cancelled. AGNER_ENOMEM. */
enum agner_err gen__stage_end_later(struct stage *s, struct stage_sub *sub,
                                    etf_term reason);
/* Frees a subscription that is in no table any more. */
void gen__stage_forget(struct stage *s, struct stage_sub *sub);
/* Memory has run out where nothing else helps: the stage ends with
 * memory_limit. Other errors than AGNER_ENOMEM are those of a process that ends
 * already. Returns GEN_STOP. */
enum gen_next gen__stage_fail(struct gen *self, enum agner_err err);
/* A message for handle_info, now. */
enum gen_next gen__stage_info(struct gen *self, struct stage *s,
                              etf_term message);

/* ---- stage_request.c ---------------------------------------------------- */

/* Is it one that every stage knows? Then it is done, and *answer is what a call
 * gets. */
bool gen__stage_request(struct gen *self, struct stage *s, etf_term request,
                        etf_term *answer, enum gen_next *next);

/* ---- produce.c ---------------------------------------------------------- */

/* {'$gen_producer', {Pid, Key}, Request}: `from` and `request`. */
enum gen_next gen__produce(struct gen *self, struct stage *s, etf_term from,
                           etf_term request);
enum gen_next gen__produce_end(struct gen *self, struct stage *s,
                               struct stage_sub *sub, enum gen_stage_end kind,
                               etf_term reason);

/* ---- emit.c ------------------------------------------------------------- */

enum agner_err gen__produce_setup(struct gen *self, struct stage *s,
                                  const struct gen_stage_options *o);
enum agner_err gen__produce_emit(struct gen *self, struct stage *s,
                                 etf_term events, uint64_t count,
                                 struct gen_stage_sent *sent);
/* A message behind all that is buffered. */
enum agner_err gen__produce_info(struct gen *self, struct stage *s,
                                 etf_term message);
/* The dispatcher wants so many events more. */
enum gen_next gen__produce_wanted(struct gen *self, struct stage *s,
                                  uint64_t count);
enum agner_err gen__produce_mode(struct gen *self, struct stage *s,
                                 enum gen_stage_demand mode);
/* Is a demand due that was accumulated? Hands out the next one. */
bool gen__produce_is_due(const struct stage *s);
enum gen_next gen__produce_due(struct gen *self, struct stage *s);
/* So many events are gone: figures, log. */
void gen__stage_discarded(struct gen *self, uint64_t count, const char *why);
void gen__produce_fini(struct stage *s);

/* ---- consume.c ---------------------------------------------------------- */

/* {'$gen_consumer', {Pid, Key}, What}: `from` and `what`. */
enum gen_next gen__consume(struct gen *self, struct stage *s, etf_term from,
                           etf_term what);
enum gen_next gen__consume_end(struct gen *self, struct stage *s,
                               struct stage_sub *sub, enum gen_stage_end kind,
                               etf_term reason);
/* handle_subscribed, and the first ask. */
enum gen_next gen__consume_begin(struct gen *self, struct stage *s,
                                 struct stage_sub *sub);
enum agner_err gen__consume_ask(struct gen *self, struct stage_sub *sub,
                                uint64_t count);
/* {'$gen_producer', From, {Tag, Value}} to that producer. */
enum agner_err gen__consume_say(struct gen *self, struct stage_sub *sub,
                                etf_term tag, etf_term value);
/* Does a producer_consumer have something to do, and may it? Does the first of
 * it. */
bool gen__consume_is_due(const struct stage *s);
enum gen_next gen__consume_due(struct gen *self, struct stage *s);
/* Puts a message behind the events that wait; false: none do. */
bool gen__consume_queues(const struct stage *s);
enum agner_err gen__consume_queue_info(struct stage *s, etf_term message);
void gen__consume_fini(struct stage *s);

/* ---- subscribe.c -------------------------------------------------------- */

/* What a subscription's options say. */
struct stage_wish {
    uint64_t min, max;
    enum gen_stage_cancel mode;
    bool manual;
    bool reconnect;
    uint64_t retry_ms, retry_max_ms;
    etf_term options; /* the list that is sent */
};

/* The list of options as it travels. ETF_NONE: no memory, or `extra` is no
 * list. `local`: with those that the consumer alone reads. */
etf_term gen__wish_list(struct gen *self, const struct gen_stage_subscribe *o,
                        bool local);
/* Reads one. AGNER_EINVAL: *why (static) says what is wrong. */
enum agner_err gen__wish_read(struct gen *self, etf_term list,
                              struct stage_wish *wish, const char **why);

/*
 * Subscribes; `current` is `nil` or {OldRef, Reason}. AGNER_ENONAME: nobody has
 * that name; *sub is a reference all the same. AGNER_EINVAL (no target can be),
 * AGNER_ENOMEM.
 */
enum agner_err gen__subscribe(struct gen *self, struct stage *s,
                              etf_term current, etf_term to,
                              const struct stage_wish *wish,
                              struct gen_subscription *sub);
/* Its parts. Monitors the target, and knows it by that. */
enum agner_err gen__subscribe_make(struct gen *self, struct stage *s,
                                   etf_term target,
                                   const struct stage_wish *wish,
                                   struct stage_sub **out);
/* Tells the producer; on failure there is no subscription. A producer that
 * cannot take the message in ends it, which is heard as other ends are. */
enum agner_err gen__subscribe_announce(struct gen *self, struct stage *s,
                                       struct stage_sub *sub, etf_term current);

/* ---- again.c ------------------------------------------------------------ */

/* The subscription, which is in no list any more, is to be made anew: taken.
 * false: not, it is the caller's. */
bool gen__subscribe_again(struct gen *self, struct stage *s,
                          struct stage_sub *sub, enum gen_stage_end kind,
                          etf_term reason);
/* Is it the timer of such a one? Then subscribes. */
bool gen__subscribe_timer(struct gen *self, struct stage *s, etf_term message);
/* Is it the event of a node that came or went, and ours? Then subscribes. */
bool gen__subscribe_nodeup(struct gen *self, struct stage *s, etf_term message);
/* The subscription that was known by this waits to be made anew: it is not. */
bool gen__subscribe_forget(struct gen *self, struct stage *s, etf_ref ref);
void gen__subscribe_fini(struct stage *s);

/* ---- deliver.c, stage_figures.c, stage_sys.c ---------------------------- */

/* gen_stage_deliver() of what may be all that is left in `box` (NULL: it is
 * not), which goes along as it is. */
enum agner_err gen__stage_deliver_box(struct gen *self,
                                      const struct gen_stage_consumer *consumer,
                                      etf_term events, uint64_t count,
                                      struct etf_box *box);
/* A message of gen_stage_sync_info() and its like, whose turn has come: to
 * handle_info, by way of the mailbox. */
enum agner_err gen__stage_send_info(struct gen *self, etf_term message);

/* What is left open of a subscription: for figures. */
void gen__sub_asked(struct gen *self, struct stage_sub *sub, uint64_t count);
void gen__sub_moved(struct gen *self, struct stage_sub *sub, uint64_t count);

etf_term gen__stage_show(const struct rt_figures *figures,
                         struct etf_region *r);
const char *gen__stage_role(enum gen_stage_role role);
extern const struct gen_sys_view gen__stage_view;

#endif
