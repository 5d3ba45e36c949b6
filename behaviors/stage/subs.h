/*
 * subs.h -- the subscriptions of a stage, found by their references.
 *
 * Private to behaviors/. A subscription is in the list of its side, in the
 * order in which they came, and in a table by the reference that its messages
 * carry, which the consumer has made: usually a reference, but any term may be
 * one. A producer's are found by the monitor of their consumer too; a
 * consumer's monitor is that reference. The owner alone changes all of it,
 * under `lock`; others read it under the lock, for figures.
 */
#ifndef STAGE_SUBS_H
#define STAGE_SUBS_H

#include <agner/gen_stage.h>

#include "spin.h"
#include "stage/demand.h"

/* Which end of the subscription this stage is. */
enum stage_side { STAGE_TO_CONSUMER, STAGE_TO_PRODUCER };

struct stage_sub;

struct stage_hook {
    struct stage_hook *next; /* in its bucket */
    struct stage_sub *sub;   /* whose */
    uint32_t hash;
};

struct stage_sub {
    struct stage_hook by_key, by_monitor;
    struct stage_sub *next, *prev; /* of its side */
    struct stage_sub *todo_next;   /* stage.c: has something to be done */
    enum stage_side side;
    struct gen_subscription sub; /* as callbacks get it */
    etf_ref monitor;
    /* {From, To, Options}: owned. From is {Self, Key}, which goes with every
     * message; `to` is where they go. */
    struct etf_box *box;
    etf_term from, key, to, options;
    struct etf_box *reason; /* owned: what it is to be cancelled with; or NULL
                             */
    bool todo, ending;

    struct gen_stage_consumer consumer; /* STAGE_TO_CONSUMER, both */
    bool joined;                        /* the dispatcher knows it */

    struct stage_demand demand; /* STAGE_TO_PRODUCER, all of these */
    enum gen_stage_cancel mode;
    bool manual, fresh, heard; /* fresh: handle_subscribed is still to come;
                                  heard: the producer has sent something */
    struct stage_again *again; /* owned: again.c; NULL: not asked for */

    /* Figures: written by the owner, relaxed, read by anybody. */
    _Atomic uint64_t asked, moved; /* moved: sent, or received */
    _Atomic uint64_t open;         /* asked for and not moved */
    _Atomic uint64_t since_ms;     /* since when something is open */
    _Atomic uint32_t shown_mode, shown_manual;
};

struct stage_subs {
    rt_spin lock;                /* guards the lists, for readers */
    struct stage_hook **buckets; /* owned */
    uint32_t bucket_count;       /* a power of two, or 0 */
    uint32_t hook_count;
    struct stage_sub *first[2], *last[2]; /* owned; by side */
    uint32_t count[2];
    uint32_t *free; /* owned: indexes that consumers gave back */
    uint32_t free_count, index_count, index_capacity;
    struct stage_sub **by_index; /* owned */
};

/* A new subscription that nobody knows yet. Copies `key`, `to` and `options`
 * (ETF_NONE: []). NULL: no memory. */
struct stage_sub *gen__sub_new(struct gen *self, enum stage_side side,
                               etf_term key, etf_term to, etf_term options);
void gen__sub_free(struct stage_sub *sub);
/* Its mode, and whether it is manual: for figures too. */
void gen__sub_set(struct stage_sub *sub, enum gen_stage_cancel mode,
                  bool manual);

/* Puts it in, under its key, and its monitor if it is a consumer. False: no
 * memory, nothing has changed. */
bool gen__subs_add(struct stage_subs *subs, struct stage_sub *sub);
/* Takes it out; it is the caller's. */
void gen__subs_remove(struct stage_subs *subs, struct stage_sub *sub);

/* By the reference in a message; NULL: none. */
struct stage_sub *gen__subs_find(const struct stage_subs *subs,
                                 enum stage_side side, etf_term key);
/* As callbacks know it. */
struct stage_sub *gen__subs_find_ref(const struct stage_subs *subs,
                                     enum stage_side side, etf_ref ref);
/* A consumer by our monitor of it. */
struct stage_sub *gen__subs_find_monitor(const struct stage_subs *subs,
                                         etf_ref monitor);
void gen__subs_fini(struct stage_subs *subs);

#endif
