/*
 * gen_retry.h -- trying again, later and later.
 *
 * The formula of the delays, a loop around a function that may fail, and a
 * guard that lets only the newest call of a function go on. A service uses the
 * formula (gen_service.h); all three work without one.
 *
 *     static enum agner_err dial(struct gen *self, void *arg,
 *                                struct gen_retry *retry);
 *     struct gen_retry_options options = { .max_attempts = 5 };
 *
 *     err = gen_retry_apply(self, dial, &address, &options, NULL);
 *
 * gen.h includes this header. Source: spec/service.md 2.4.
 */
#ifndef AGNER_GEN_RETRY_H
#define AGNER_GEN_RETRY_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_RETRY_INITIAL_MS 500u
#define GEN_RETRY_FACTOR     1.5
#define GEN_RETRY_MAX_MS     30000u

/* What is known after a try, for a log. */
struct gen_retry_attempt {
    uint64_t failures;  /* so far */
    enum agner_err err; /* of this try; AGNER_OK: it worked */
    etf_term why;       /* more about it, or ETF_NONE */
    uint64_t delay_ms;  /* until the next try; 0: there is none */
    uint64_t first_ns;  /* when the first try began: rt_wall_ns(), or a
                           service's clock */
};

/* All zero is a good default. */
struct gen_retry_options {
    uint64_t initial_ms;   /* after the first failure; 0: 500 */
    double factor;         /* of each delay to the one before; 0: 1.5 */
    uint64_t max_ms;       /* no delay is longer; 0: 30,000 */
    uint64_t min_ms;       /* no delay is shorter; 0: initial_ms and max_ms
                              at most, so only a factor below 1 is affected */
    uint64_t max_attempts; /* tries in all; 0: without limit */
    /* 0 to 1: each delay is shortened by a random part of it, this at most, so
     * that those who failed together do not all come back together. */
    double jitter;
    /* After every try, by who tried. `ctx` is the owner's. NULL: nobody. */
    void (*log)(struct gen *self, void *ctx,
                const struct gen_retry_attempt *attempt);
    void *log_ctx;
};

/* Puts in what 0 stands for. AGNER_EINVAL: a factor that is negative or no
 * number, a jitter outside of 0 to 1, min_ms above max_ms. */
AGNER_API enum agner_err gen_retry_init(struct gen_retry_options *options);

/* The delay in milliseconds after failure `n`, from 1, without jitter: initial
 * times factor to the power n - 1, at least min, at most max. `options` are
 * as given, or through gen_retry_init(); NULL: the defaults. Any thread. */
AGNER_API uint64_t gen_retry_delay(const struct gen_retry_options *options,
                                   uint64_t n);
/* The same, shortened by `draw`, a random number of 64 bits. */
AGNER_API uint64_t gen_retry_jittered(const struct gen_retry_options *options,
                                      uint64_t n, uint64_t draw);

/* A `log` for options: a line of notice when it works after failures, of
 * warning at failure 5, 25, 45 and so on. `ctx`: what is tried, a static text;
 * NULL: none. */
AGNER_API void gen_retry_log(struct gen *self, void *ctx,
                             const struct gen_retry_attempt *attempt);

/* ---- The loop ----------------------------------------------------------- */

/* One try, as the function sees it. */
struct gen_retry {
    uint64_t attempt; /* from 1 */
    /* Set when the caller's token is, and when this try has failed; after a
     * good try it stays as long as the caller's. Borrowed: hold it to keep it.
     */
    struct gen_cancel *cancel;
    enum agner_err aborted; /* private */
};

/* `return gen_retry_abort(retry, err);`: no further try, and `err` is what
 * comes of it, whatever is returned further up. */
AGNER_API enum agner_err gen_retry_abort(struct gen_retry *retry,
                                         enum agner_err err);

/*
 * Calls run(self, arg, retry) until it returns AGNER_OK, and sleeps in between.
 *
 *   options  borrowed; NULL: the defaults
 *   cancel   borrowed; NULL: none
 *
 * AGNER_OK; the error of the last try that was allowed, or of the abort;
 * AGNER_ECANCELLED: `cancel` was set while it waited; AGNER_EINVAL (options, no
 * `run`); AGNER_ENOMEM: no try was made for want of memory; AGNER_EEXITING,
 * AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_retry_apply(
    struct gen *self,
    enum agner_err (*run)(struct gen *self, void *arg, struct gen_retry *retry),
    void *arg, const struct gen_retry_options *options,
    struct gen_cancel *cancel);

/* ---- Only the newest ---------------------------------------------------- */

/* Of several calls only the newest is to go on: each one cancels the one
 * before, whether that has returned or not. May be called from any process. */
struct gen_mono;

/* NULL: no memory. Who makes it frees it, once no call is under way; what the
 * last call left running is cancelled. */
AGNER_API struct gen_mono *gen_mono_new(void);
AGNER_API void gen_mono_free(struct gen_mono *mono);

/* Cancels the call before, and calls run(self, arg, cancel); `cancel` is set by
 * the next call, by `parent` (borrowed; NULL: none), and is the mono's: hold it
 * to keep it. What run returns; AGNER_ENOMEM, AGNER_EINVAL (no `run`): it was
 * not called, and the call before goes on. */
AGNER_API enum agner_err
gen_mono_apply(struct gen *self, struct gen_mono *mono,
               enum agner_err (*run)(struct gen *self, void *arg,
                                     struct gen_cancel *cancel),
               void *arg, struct gen_cancel *parent);

#ifdef __cplusplus
}
#endif

#endif
