/*
 * feed_sub.h -- what all subscriptions have in common: one owner, one end.
 *
 * Private to feed/. A subscription is counted: its owner has a count until it
 * drops it or ends, and whoever else holds it has one. It ends once:
 * gen__sub_over() of the first who calls it decides the status and the reason,
 * tells the owner, and then those who watch it. Locks: none is held while
 * others are told.
 */
#ifndef FEED_SUB_H
#define FEED_SUB_H

#include <agner/gen.h>

#include "atomic.h"
#include "spin.h"

/* Hears of the end, on the thread that ends it, with no lock held; `by` as in
 * gen__sub_over(). It waits for nothing. Memory of who watches. */
struct sub_watch {
    void (*ended)(struct sub_watch *watch, struct gen_sub *sub, struct gen *by);
    void *ctx;              /* whose it is */
    struct sub_watch *next; /* the subscription's lock */
    bool listed;
};

struct sub_ops {
    /* Asks it to end as unsubscribed: gen__sub_over() is called at once, or
     * by what runs on its behalf when that is over. Waits for nothing. `by`:
     * who runs this, or NULL. */
    void (*cancel)(struct gen_sub *sub, struct gen *by);
    /* Does self run on its behalf? NULL: nobody does. */
    bool (*inside)(struct gen_sub *sub, struct gen *self);
    /* The last count is gone. */
    void (*destroy)(struct gen_sub *sub);
};

struct gen_sub {
    const struct sub_ops *ops;
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    etf_pid owner;
    etf_ref ref;
    bool quiet;
    unsigned serving; /* the owner's: calls of gen_sub_handle() under way */
    bool dropped;     /* the owner's: in one of them */
    struct etf_box *ready; /* owned: {gen_feed_ready, Ref}; or NULL */
    struct rt_hook hook;   /* of the owner; has its count */
    rt_spin lock;          /* guards the rest */
    enum gen_sub_status status;
    bool over;
    bool gone;                 /* the owner is dead: nobody to tell */
    bool noticed;              /* a message of it may be in the mailbox */
    uint32_t tellers;          /* who is about to send it one */
    struct etf_box *reason;    /* owned; NULL: what the status says */
    struct rt_waiter *waiters; /* for `over`, and for tellers */
    struct sub_watch *watches;
};

/* Of self. The count is the owner's. Errors leave nothing. */
enum agner_err gen__sub_init(struct gen *self, struct gen_sub *sub,
                             const struct sub_ops *ops, bool quiet);
/* For a start that failed: takes the owner's hook back; frees nothing. */
void gen__sub_fini(struct gen_sub *sub);

/* It ends so. `reason` is copied; ETF_NONE: what the status says. false: it
 * had ended before. `by` may be NULL. */
bool gen__sub_over(struct gen_sub *sub, struct gen *by,
                   enum gen_sub_status status, etf_term reason);
bool gen__sub_is_over(struct gen_sub *sub);

/* AGNER_ETERMINATED: it is over, and `watch` hears nothing. AGNER_EALREADY: one
 * with the same function and `ctx` is there. */
enum agner_err gen__sub_watch(struct gen_sub *sub, struct sub_watch *watch);
/* false: it was told, or is being told now. */
bool gen__sub_unwatch(struct gen_sub *sub, struct sub_watch *watch);

/* Waits until it is over. */
enum agner_err gen__sub_wait(struct gen *self, struct gen_sub *sub,
                             uint64_t timeout_ms);

/* Sends {gen_feed_ready, Ref} to the owner, in two steps: the first, under
 * whatever lock says that it is due, and then the message; in between the
 * subscription is held, and nobody has unsubscribed it. AGNER_ENOMEM,
 * AGNER_EAGAIN, AGNER_EMAILBOXFULL: it was not sent. */
void gen__sub_tell(struct gen_sub *sub);
enum agner_err gen__sub_ready(struct gen_sub *sub, struct gen *by);
/* Takes what was sent to self out of its mailbox. */
void gen__sub_flush(struct gen *self, struct gen_sub *sub);

/* Ended well? `normal` and `ok` say so. */
enum gen_sub_status gen__sub_status_of(etf_term reason);

#endif
