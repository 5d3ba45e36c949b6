/*
 * queue.h -- a queue as its parts see it.
 *
 * Private to behaviors/async. Items are in a ring, in the hands of those who
 * wait for room, or in a worker's batch. One lock guards all of it; only from
 * its own batch a worker takes without the lock, by moving `at`.
 *
 *   mode       accepts     workers                      next
 *   ---------  ----------  ---------------------------  ------------------
 *   REST       if `early`  none, and no owner           OPEN
 *   OPEN       yes         wait for items               DRAIN, SHUT
 *   DRAIN      no          end when the ring is empty   SHUT, REST
 *   SHUT       no          end after the present item   REST
 *
 * It rests when the last worker and the owner are gone, whoever goes last. A
 * round is what lies between two rests: who comes late with something of an
 * earlier one, an owner or a cancelled token, finds another number.
 */
#ifndef GEN_QUEUE_PRIVATE_H
#define GEN_QUEUE_PRIVATE_H

#include <agner/gen.h>

#include "async/cost.h"
#include "atomic.h"
#include "spin.h"

enum queue_mode { QUEUE_REST, QUEUE_OPEN, QUEUE_DRAIN, QUEUE_SHUT };

/* Somebody who brings an item and waits. */
struct queue_put {
    struct queue_put *next, *prev;
    void *item;
    struct rt_waiter *waiter; /* NULL: `from` wants an answer: owned memory */
    struct gen_from from;
    bool over;          /* no more on the list: `err` says why */
    enum agner_err err; /* AGNER_OK: accepted */
};

/* A worker's place. */
struct queue_slot {
    struct rt_hook hook; /* first: the worker's end */
    struct gen_queue *queue;
    bool used, alive; /* by the owner; a worker is there */
    etf_pid pid;      /* all zero: it has not begun */
    /* Its batch: from `at` on the items are nobody's yet. The worker moves `at`
     * by one, who takes the rest sets it to the end. */
    void *items[GEN_QUEUE_BATCH_MAX];
    unsigned count;
    _Atomic unsigned at;
    struct gen_cost cost; /* of its batches since it waited */
    void *current;        /* the worker's, until its hook has run; then lost */
    _Atomic bool busy;
    _Atomic uint64_t done, failed, crashed; /* the worker's and the owner's */
};

/* The hook of a round's token. */
struct queue_round {
    struct gen_cancel_hook hook; /* first */
    struct gen_queue *queue;     /* held by the hook */
    uint64_t number;
    _Atomic uint32_t refs; /* the hook's, and the queue's */
};

struct gen_queue {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    gen_work_fn action;
    void *ctx;
    struct gen_queue_options o; /* with its defaults; counts of its objects */
    bool handover;              /* no room: from hand to hand */
    struct gen_latch *latch;
    struct rt_figures figures;

    rt_spin lock; /* guards the rest */
    _Atomic uint32_t mode;
    uint64_t round;
    bool owned; /* the round has an owner */
    etf_pid owner;
    struct gen_cancel *token; /* of the round */
    struct queue_round *hook; /* of the token */

    void **ring; /* owned */
    size_t room, first, count;
    struct queue_put *puts, *puts_last; /* who waits for room */
    size_t far_puts;                    /* of them: calls of others */
    struct rt_waiter *idle;             /* workers that wait for items */
    unsigned waking;                    /* that were woken and are not here */
    unsigned alive;
    unsigned retries; /* workers that could not be started */

    uint64_t refused, dropped, high_mark, puts_count;
    uint64_t pushed, popped; /* numbers of items */
    uint64_t probe_ns, probe, longest_ns;
    struct queue_slot slots[];
};

/* A chain of items that were taken out, and of calls to be answered. */
struct queue_out {
    void **items; /* owned */
    size_t count;
    struct queue_put *answers;
};

/* ---- queue_ring.c: with the lock held -------------------------------------
 */

bool queue__has_room(const struct gen_queue *q);
/* How many a worker takes of `queued`, for so many workers. */
size_t queue__share(size_t queued, unsigned workers, unsigned batch);
void queue__push(struct gen_queue *q, void *item);
void queue__push_front(struct gen_queue *q, void *item);
void *queue__pop(struct gen_queue *q);

void queue__join(struct gen_queue *q, struct queue_put *put);
void queue__leave(struct gen_queue *q, struct queue_put *put);
/* Its wait is over: it is woken, or put on `answers`. */
void queue__settle(struct gen_queue *q, struct gen *by, struct queue_put *put,
                   enum agner_err err, struct queue_put **answers);
/* Takes in what has room. */
void queue__admit(struct gen_queue *q, struct gen *by,
                  struct queue_put **answers);
/* All who wait hear that. */
void queue__refuse_all(struct gen_queue *q, enum agner_err err,
                       struct queue_put **answers);
/* Wakes one worker, if one waits and none is on its way. */
void queue__wake_one(struct gen_queue *q, struct gen *by);
void queue__wake_all(struct gen_queue *q);

/* Without the lock: answers the calls. */
void queue__answer(struct gen_queue *q, struct queue_put *answers);

/* ---- queue.c ---------------------------------------------------------------
 */

struct gen_queue *gen__queue_new(struct rt *rt, gen_work_fn action, void *ctx,
                                 const struct gen_queue_options *options,
                                 bool handover);
/* Gives an item that was accepted back. */
void queue__hand_back(struct gen_queue *q, void *item, enum agner_err why);
/* From DRAIN or OPEN to SHUT, if it is that round; 0: whichever. What has not
 * begun is handed back; how many. */
size_t queue__shut(struct gen_queue *q, uint64_t round, enum agner_err why,
                   etf_term reason);
bool queue__drain(struct gen_queue *q, uint64_t round);
/* With the lock held: are all gone? Then the caller calls queue__rest() without
 * it. */
bool queue__is_over(const struct gen_queue *q);
void queue__rest(struct gen_queue *q);
/* Stops with that grace. */
enum agner_err gen__queue_stop(struct gen *self, struct gen_queue *q,
                               uint64_t grace_ms, size_t *left);

/* ---- queue_put.c ------------------------------------------------------------
 */

/* For a call of another: AGNER_EAGAIN: it is answered later. Takes the item if
 * it is AGNER_OK or AGNER_EAGAIN. */
enum agner_err queue__put_far(struct gen_queue *q, void *item,
                              const struct gen_from *from);

/* ---- queue_work.c, queue_owner.c --------------------------------------------
 */

/* Starts a worker in that slot; *ref is its monitor. */
enum agner_err queue__start_worker(struct gen *self, struct queue_slot *s,
                                   etf_ref *ref);
enum agner_err queue__start_owner(struct gen *self, struct gen_queue *q,
                                  const struct rt_spawn_options *options,
                                  etf_pid *pid);
/* The owner of that round is gone, or could not be started. */
void queue__owner_gone(struct gen_queue *q, uint64_t round);

etf_term queue__show(const struct rt_figures *figures, struct etf_region *r);

#endif
