/*
 * gen_action.h -- functions that do things: called, wrapped, contained.
 *
 * What runs in the background is a function with a context of its own. Those
 * here are the shapes that workers, queues, batches, intervals and futures
 * take, and what can be done with one of them by itself.
 *
 * gen.h includes this header. Source: spec/async.md 2.8.
 */
#ifndef AGNER_GEN_ACTION_H
#define AGNER_GEN_ACTION_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

struct gen_cancel; /* gen_cancel.h */
struct gen_errors; /* gen_errors.h */
struct gen_group;  /* gen_group.h */

/*
 * Each runs in a process, `self`, and may call, wait and leave with rt_exit(),
 * which is AGNER_ECRASHED for whoever wants to know. `ctx` is what was given
 * with the function; `cancel` (NULL: there is none) is set when the action
 * should come to its end.
 */
/* Does something. */
typedef enum agner_err (*gen_run_fn)(struct gen *self, void *ctx,
                                     struct gen_cancel *cancel);
/* Does something with an item. */
typedef enum agner_err (*gen_work_fn)(struct gen *self, void *ctx, void *item,
                                      struct gen_cancel *cancel);
/* Is it healthy? */
typedef enum agner_err (*gen_check_fn)(struct gen *self, void *ctx);

/* ---- Actions and what is around them ------------------------------------- */

/* From an argument to a result, both of which are what the two sides make of
 * them. All zero: does nothing, the result is NULL. */
struct gen_action {
    enum agner_err (*run)(struct gen *self, void *ctx, void *arg,
                          void **result);
    void *ctx;
};

/* `result` may be NULL. */
AGNER_API enum agner_err gen_action_call(struct gen *self,
                                         const struct gen_action *action,
                                         void *arg, void **result);

/* Stands around an action: does what it wants, and calls `next`, or not. All
 * zero: none. */
struct gen_interceptor {
    enum agner_err (*run)(struct gen *self, void *ctx,
                          const struct gen_action *next, void *arg,
                          void **result);
    void *ctx;
};

/* Copies those of `list` that are not all zero to `out`, which has room for
 * `count`, in order; returns how many. `out` may be `list`. */
AGNER_API size_t gen_interceptors(struct gen_interceptor *out,
                                  const struct gen_interceptor *list,
                                  size_t count);

/* Calls `action` inside of them: each wraps those before it, so the last one
 * runs first, and ends last. Those that are all zero are passed over. Nothing
 * is allocated; each takes some bytes of stack. */
AGNER_API enum agner_err gen_intercept(struct gen *self,
                                       const struct gen_interceptor *list,
                                       size_t count,
                                       const struct gen_action *action,
                                       void *arg, void **result);

/* ---- Containment -----------------------------------------------------------
 */

/*
 * Calls run(self, ctx, cancel) so that it cannot take its caller along: if it
 * leaves with rt_exit() the result is AGNER_ECRASHED, and *reason, in self's
 * region, is why; it may be NULL. Otherwise what it returned; AGNER_EINVAL:
 * there is no `run`. An error goes to `errors` too, which may be NULL.
 */
AGNER_API enum agner_err gen_recover(struct gen *self, gen_run_fn run,
                                     void *ctx, struct gen_cancel *cancel,
                                     struct gen_errors *errors,
                                     etf_term *reason);
/* The same, and then one fewer in `group`: who waits for it finds the error. */
AGNER_API enum agner_err gen_recover_group(struct gen *self, gen_run_fn run,
                                           void *ctx, struct gen_cancel *cancel,
                                           struct gen_errors *errors,
                                           struct gen_group *group,
                                           etf_term *reason);

/* Is it healthy? AGNER_ECRASHED: it left with rt_exit(). AGNER_EINVAL: there is
 * no `check`. */
AGNER_API enum agner_err gen_check(struct gen *self, gen_check_fn check,
                                   void *ctx);

#ifdef __cplusplus
}
#endif

#endif
