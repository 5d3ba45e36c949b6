/*
 * gen_queue.h -- a bounded queue of items, and processes that work on them.
 *
 *     static enum agner_err mail(struct gen *self, void *ctx, void *item,
 *                                struct gen_cancel *cancel);
 *     struct gen_queue_options options = { .parallelism = 4,
 *                                          .free_item = free };
 *
 *     queue = gen_queue_new(rt, mail, ctx, &options);
 *     gen_queue_start(self, queue, NULL, NULL);
 *     gen_queue_enqueue(self, queue, letter, 1000, NULL);
 *     ...
 *     gen_queue_stop(self, queue, &left);
 *     gen_queue_free(queue);
 *
 * Items begin in the order in which they were accepted; with a parallelism of 1
 * they end in it too. An item that was accepted is run, or handed back: never
 * lost. The workers are processes under an owner, which replaces one that ends.
 * Any process or thread (rt_attach()) may use a queue.
 *
 * gen.h includes this header. Source: spec/async.md 2.4, 3.2.
 */
#ifndef AGNER_GEN_QUEUE_H
#define AGNER_GEN_QUEUE_H

#include <agner/gen_action.h>
#include <agner/gen_latch.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_QUEUE_MAX_WORK  1024u
#define GEN_QUEUE_GRACE_MS  10000u
#define GEN_QUEUE_BATCH_MAX 16u

struct gen_queue;
struct gen_cancel; /* gen_cancel.h */
struct gen_errors; /* gen_errors.h */

/* What becomes of an item for a full queue. */
enum gen_queue_overflow {
    GEN_QUEUE_WAIT,        /* who brings it waits */
    GEN_QUEUE_REFUSE,      /* AGNER_EFULL */
    GEN_QUEUE_DROP_NEWEST, /* it is handed back; AGNER_OK */
    GEN_QUEUE_DROP_OLDEST, /* the one that waits longest is */
};

/* All zero is a good default. */
struct gen_queue_options {
    const char *name;     /* for people; borrowed: static */
    unsigned parallelism; /* workers; 0: one for each of the runtime's */
    size_t max_work;      /* items that may wait; 0: 1024 */
    /* Items that a worker takes at once, at most, and never more than its share
     * of what waits; 0: 16, or 1 if `dirty`. 1 for long ones: then a worker
     * that is idle finds what another has not begun. */
    unsigned batch;
    uint64_t grace_ms; /* for gen_queue_stop(); 0: 10 s; RT_INFINITY */
    enum gen_queue_overflow overflow;
    bool early; /* also accepts while it is not started */
    /* Runs actions on the blocking pool, for those that block in the system or
     * compute for long. Their `self` is NULL, and nothing contains them. */
    bool dirty;
    /* Items are terms: struct etf_box *, which the queue frees. They may come
     * from other nodes. */
    bool terms;
    /* An action that leaves with rt_exit() ends its worker with that reason. */
    bool no_recover;
    enum rt_priority priority; /* of the workers */
    struct gen_errors *errors; /* where errors go; it takes a count; or NULL */
    /* Once it is set the queue ends as by gen_queue_close(); it takes a count;
     * or NULL. Actions get a child of it. */
    struct gen_cancel *cancel;
    /* Gives back an item when its action has returned, or that nobody else
     * takes. Any thread; it waits for nothing. May be NULL. */
    void (*free_item)(void *item);
    /* Takes an item that was accepted and is not run. Why: AGNER_EFULL (an
     * overflow), AGNER_ETIMEOUT (the grace was over), AGNER_ECANCELLED,
     * AGNER_ECLOSED. Any thread; waits for nothing. NULL: `free_item`. */
    void (*handed_back)(void *ctx, void *item, enum agner_err why);
    /* After each item, also one whose action has crashed, before it is freed;
     * in the worker, or on the pool's thread. Its error is an error too. May be
     * NULL. */
    enum agner_err (*finalize)(struct gen *self, void *ctx, void *item);
};

/* A queue that is not started, with one count, the caller's. `ctx` is the
 * action's, finalize's and handed_back's own. `action` may be NULL: items are
 * swallowed. NULL: no memory, or numbers that cannot be. */
AGNER_API struct gen_queue *
gen_queue_new(struct rt *rt, gen_work_fn action, void *ctx,
              const struct gen_queue_options *options);
AGNER_API struct gen_queue *gen_queue_hold(struct gen_queue *queue);
/* One count fewer. A queue that is started goes on without its holders. NULL is
 * fine. */
AGNER_API void gen_queue_free(struct gen_queue *queue);

/*
 * Starts it: AGNER_OK when all workers run.
 *
 *   options  of the owner: name, link ...; NULL for none
 *   owner    written on AGNER_OK; may be NULL
 *
 * AGNER_ESTARTED, AGNER_ESTOPPING, AGNER_ECANCELLED (options.cancel is set),
 * AGNER_ETAKEN, AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING, AGNER_EKILLED. An
 * owner that is linked to self drains the queue when self ends.
 */
AGNER_API enum agner_err gen_queue_start(struct gen *self,
                                         struct gen_queue *queue,
                                         const struct rt_spawn_options *options,
                                         etf_pid *owner);
/* Starts it and waits until it has stopped. */
AGNER_API enum agner_err gen_queue_run(struct gen *self,
                                       struct gen_queue *queue);

/*
 * Puts an item in, which the queue owns on AGNER_OK. If it is full, as the
 * overflow says: waits up to `timeout_ms`, 0 for not at all (AGNER_EFULL).
 * `cancel` ends the wait; it may be NULL. AGNER_ENOTSTARTED, AGNER_ESTOPPING,
 * AGNER_ECLOSED (it ended while one waited), AGNER_ETIMEOUT, AGNER_ECANCELLED,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED: the item is the caller's.
 */
AGNER_API enum agner_err gen_queue_enqueue(struct gen *self,
                                           struct gen_queue *queue, void *item,
                                           uint64_t timeout_ms,
                                           struct gen_cancel *cancel);
/* The same without waiting, from any thread, also one without a process. */
AGNER_API enum agner_err gen_queue_try_enqueue(struct gen_queue *queue,
                                               void *item);
/* Many, in order; `timeout_ms` in all. *accepted (may be NULL) of them are the
 * queue's, whatever the result. */
AGNER_API enum agner_err
gen_queue_enqueue_many(struct gen *self, struct gen_queue *queue,
                       void *const *items, size_t count, uint64_t timeout_ms,
                       struct gen_cancel *cancel, size_t *accepted);
/* A copy of a term, for a queue of terms; AGNER_EINVAL for another. */
AGNER_API enum agner_err
gen_queue_enqueue_term(struct gen *self, struct gen_queue *queue, etf_term term,
                       uint64_t timeout_ms, struct gen_cancel *cancel);
/* The same for a queue of terms anywhere: `to` is its owner, by pid, name or
 * {Name, Node}. Answered when the item is accepted. Errors as above, and those
 * of gen_call(): after AGNER_ETIMEOUT and the like it may be accepted or not.
 */
AGNER_API enum agner_err gen_queue_enqueue_at(struct gen *self, etf_term to,
                                              etf_term term,
                                              uint64_t timeout_ms);

/*
 * Accepts no more, and waits until what was accepted has run: at most for the
 * grace, then the rest is handed back, *left (may be NULL) of them, and the
 * workers are told to end: AGNER_ETIMEOUT. In an action of the queue itself, or
 * with a self of NULL, it waits for nothing: the queue stops when all has run.
 *
 * AGNER_ESTOPPED (nothing to stop), AGNER_ESTOPPING (somebody does), and with
 * AGNER_EEXITING and AGNER_EKILLED it is as if the grace were over.
 */
AGNER_API enum agner_err gen_queue_stop(struct gen *self,
                                        struct gen_queue *queue, size_t *left);
/* Hands everything back that has not begun, *dropped (may be NULL) of them, and
 * waits until the workers have ended their present items, at most for the grace
 * (AGNER_ETIMEOUT). Also while somebody stops it. AGNER_ESTOPPED. */
AGNER_API enum agner_err
gen_queue_close(struct gen *self, struct gen_queue *queue, size_t *dropped);

/* What it is doing. Any thread. */
struct gen_queue_info {
    enum gen_latch_state state;
    unsigned parallelism, workers; /* wanted, there */
    size_t max_work;
    uint64_t queued, running;
    uint64_t waiting; /* who waits for room */
    uint64_t done, failed, crashed;
    uint64_t refused;         /* not accepted */
    uint64_t dropped;         /* handed back */
    uint64_t high_mark;       /* the most that were queued at once */
    uint64_t longest_wait_ms; /* of those that are looked at: one in 16 */
};
AGNER_API void gen_queue_info(struct gen_queue *queue,
                              struct gen_queue_info *info);

/* Its state, for who waits for it; borrowed. Only the queue moves it. */
AGNER_API struct gen_latch *gen_queue_latch(struct gen_queue *queue);

#ifdef __cplusplus
}
#endif

#endif
