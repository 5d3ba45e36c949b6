/*
 * gen_interval.h -- an action that runs again and again.
 *
 * One run at a time. Ticks are counted from the start, so they do not drift; of
 * those that pass during a run one is kept, and the others are counted as
 * missed.
 *
 * gen.h includes this header. Source: spec/async.md 2.6.
 */
#ifndef AGNER_GEN_INTERVAL_H
#define AGNER_GEN_INTERVAL_H

#include <agner/gen_action.h>
#include <agner/gen_latch.h>
#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_INTERVAL_MS 500u

struct gen_interval;

/* All zero is a good default. */
struct gen_interval_options {
    uint64_t delay_ms;         /* before the first interval begins */
    bool fixed_delay;          /* the interval begins when a run ends */
    uint64_t jitter_ms;        /* each run is later by up to so much, drawn */
    bool stop_on_error;        /* it stops with the first error of its action */
    struct gen_errors *errors; /* where errors go; it takes a count; or NULL */
    struct gen_cancel *cancel; /* once it is set the interval stops; it takes a
                                  count; or NULL. The action gets a child of it,
                                  which a stop sets too. */
    enum rt_priority priority;
};

/* One that is not started, every `every_ms` (0: 500), with one count, the
 * caller's. NULL: no memory. */
AGNER_API struct gen_interval *
gen_interval_new(struct rt *rt, gen_run_fn run, void *ctx, uint64_t every_ms,
                 const struct gen_interval_options *options);
AGNER_API struct gen_interval *gen_interval_hold(struct gen_interval *interval);
/* One that is started goes on without its holders. NULL is fine. */
AGNER_API void gen_interval_free(struct gen_interval *interval);

/* Starts it; the first run is after the delay and one interval. AGNER_EINVAL
 * (no `run`), AGNER_ESTARTED, AGNER_ESTOPPING, AGNER_ECANCELLED (options.cancel
 * is set), AGNER_ENOMEM, AGNER_ELIMIT, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_interval_start(struct gen *self,
                                            struct gen_interval *interval);
/* Starts it and waits until it has stopped; then returns the error that it
 * stopped with, if it did. */
AGNER_API enum agner_err gen_interval_run(struct gen *self,
                                          struct gen_interval *interval);
/* Stops it, at once if it waits for a tick; else it waits for the run, at most
 * so long (AGNER_ETIMEOUT: it stops by itself). In the action itself it waits
 * for nothing. AGNER_ESTOPPED, AGNER_ESTOPPING. */
AGNER_API enum agner_err gen_interval_stop(struct gen *self,
                                           struct gen_interval *interval,
                                           uint64_t timeout_ms);

struct gen_interval_info {
    enum gen_latch_state state;
    uint64_t runs, failed; /* crashed ones are among these */
    uint64_t missed;       /* ticks that were not kept */
    enum agner_err err;    /* the last round stopped with; or AGNER_OK */
};
AGNER_API void gen_interval_info(struct gen_interval *interval,
                                 struct gen_interval_info *info);

/* Its state, for who waits for it; borrowed. */
AGNER_API struct gen_latch *gen_interval_latch(struct gen_interval *interval);

#ifdef __cplusplus
}
#endif

#endif
