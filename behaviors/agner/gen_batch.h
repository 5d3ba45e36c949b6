/*
 * gen_batch.h -- a known set of items, worked on by several processes at once.
 *
 * gen.h includes this header. Source: spec/async.md 2.5.
 */
#ifndef AGNER_GEN_BATCH_H
#define AGNER_GEN_BATCH_H

#include <agner/gen_action.h>
#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* All zero is a good default. */
struct gen_batch_options {
    unsigned parallelism;      /* processes; 0: one for each of the runtime's
                                  workers;      never more than items */
    struct gen_errors *errors; /* where errors go; borrowed; or NULL */
    struct gen_cancel *cancel; /* once it is set no item begins; borrowed; or
                                  NULL. Actions get it. */
    enum rt_priority priority; /* of the processes */
};

/* What became of them: the sum of all is the number of items. */
struct gen_batch_result {
    size_t done, failed, crashed;
    size_t not_run;
};

/*
 * Runs the action on each of `count` items, once, in any order; returns when
 * those that were begun have ended. `items` is borrowed for the call. *result
 * is written in any case; it may be NULL.
 *
 * AGNER_OK: all were run, whatever came of it. AGNER_ECANCELLED; AGNER_EINVAL
 * (a parallelism over 1024); AGNER_ENOMEM, AGNER_ELIMIT: no process could be
 * started. AGNER_EEXITING, AGNER_EKILLED: self must end, and does not wait for
 * the actions under way: their items must live on, and `ctx` too.
 */
AGNER_API enum agner_err gen_batch_run(struct gen *self, void *const *items,
                                       size_t count, gen_work_fn action,
                                       void *ctx,
                                       const struct gen_batch_options *options,
                                       struct gen_batch_result *result);

/* The same for those that next(source) gives, until it returns false, which is
 * asked before the first one begins. AGNER_ENOMEM, also for the list of them.
 */
AGNER_API enum agner_err
gen_batch_run_each(struct gen *self, bool (*next)(void *source, void **item),
                   void *source, gen_work_fn action, void *ctx,
                   const struct gen_batch_options *options,
                   struct gen_batch_result *result);

#ifdef __cplusplus
}
#endif

#endif
