/*
 * gen_future.h -- a result that comes later.
 *
 * A future is an action that runs in a process of its own at once, or a promise
 * that somebody fulfils. Its result is there for all who ask, as often as they
 * like, until its last holder lets go.
 *
 * gen.h includes this header. Source: spec/async.md 2.7, 3.4. For a task that
 * only its owner waits for, and whose end is its own, see gen_task.h.
 */
#ifndef AGNER_GEN_FUTURE_H
#define AGNER_GEN_FUTURE_H

#include <agner/gen_action.h>
#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_future;

/* Does something; *result, in self's region or no region, is copied: at first
 * the atom `ok`. */
typedef enum agner_err (*gen_future_fn)(struct gen *self, void *ctx,
                                        struct gen_cancel *cancel,
                                        etf_term *result);

/* All zero is a good default. */
struct gen_future_options {
    struct gen_cancel *cancel; /* the action's is a child of it; or NULL */
    enum rt_priority priority;
};

/* Starts one. *out has one count, the caller's. AGNER_EINVAL (no `run`),
 * AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err
gen_future_start(struct gen *self, gen_future_fn run, void *ctx,
                 const struct gen_future_options *options,
                 struct gen_future **out);
/* A promise, with one count. NULL: no memory. Any thread. */
AGNER_API struct gen_future *gen_future_promise(struct rt *rt);
/* Fulfils a promise: `err`, and the result or the reason, which is copied. Any
 * thread. AGNER_EALREADY: it was; AGNER_EINVAL: it is no promise, or `result`
 * is ETF_NONE; AGNER_ENOMEM: it is not fulfilled. */
AGNER_API enum agner_err gen_future_set(struct gen_future *future,
                                        enum agner_err err, etf_term result);

AGNER_API struct gen_future *gen_future_hold(struct gen_future *future);
/* One count fewer: the action goes on. NULL is fine. */
AGNER_API void gen_future_free(struct gen_future *future);

/*
 * Waits until it is done. What the action has returned, each time: with
 * AGNER_OK *result is its result, with AGNER_ECRASHED why it crashed, else what
 * it gave; in self's region. `result` may be NULL.
 *
 * AGNER_ETIMEOUT, AGNER_ECANCELLED (`cancel`, which may be NULL, ends the wait
 * only), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED may also be of the wait:
 * gen_future_is_done() tells.
 */
AGNER_API enum agner_err gen_future_complete(struct gen *self,
                                             struct gen_future *future,
                                             uint64_t timeout_ms,
                                             struct gen_cancel *cancel,
                                             etf_term *result);
/* The same without waiting, in `r`: AGNER_EAGAIN, it is not done. Any thread.
 */
AGNER_API enum agner_err gen_future_poll(struct gen_future *future,
                                         struct etf_region *r,
                                         etf_term *result);
AGNER_API bool gen_future_is_done(const struct gen_future *future);

/* Asks the action to stop, by its token, and waits until it is done, at most so
 * long (AGNER_ETIMEOUT). What it has returned; AGNER_ECANCELLED: it was
 * cancelled before, or somebody has completed it. Works while others wait. A
 * promise is fulfilled by it, with AGNER_ECANCELLED. */
AGNER_API enum agner_err gen_future_cancel(struct gen *self,
                                           struct gen_future *future,
                                           uint64_t timeout_ms);

/* The message {gen_future, *ref, Result} to self, once, when it is done: Result
 * is {ok, Term} or {error, {Code, Reason}}. Any number of askers. AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err
gen_future_notify(struct gen *self, struct gen_future *future, etf_ref *ref);

/* Waits for all, `timeout_ms` in all. AGNER_OK: each has returned AGNER_OK;
 * else the first error in the order of the list, and *which (may be NULL) is
 * whose. Errors of the wait as above. */
AGNER_API enum agner_err
gen_future_complete_all(struct gen *self, struct gen_future *const *futures,
                        size_t count, uint64_t timeout_ms,
                        struct gen_cancel *cancel, size_t *which);
/* Waits for one of them, *which. What it has returned, as
 * gen_future_complete(). AGNER_EINVAL: there are none. */
AGNER_API enum agner_err
gen_future_complete_any(struct gen *self, struct gen_future *const *futures,
                        size_t count, uint64_t timeout_ms,
                        struct gen_cancel *cancel, size_t *which,
                        etf_term *result);

/* Makes it known to other nodes: a process, *pid, that answers them, until self
 * ends. `options`: its name ...; NULL for none. Errors as rt_start(). */
AGNER_API enum agner_err
gen_future_share(struct gen *self, struct gen_future *future,
                 const struct rt_spawn_options *options, etf_pid *pid);
/* Waits for a future that was shared, anywhere: `to` is that process. As
 * gen_future_complete(), and errors of gen_call(); a node that is lost is
 * AGNER_ENOCONN. */
AGNER_API enum agner_err gen_future_complete_at(struct gen *self, etf_term to,
                                                uint64_t timeout_ms,
                                                etf_term *result);

#ifdef __cplusplus
}
#endif

#endif
