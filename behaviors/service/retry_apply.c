/*
 * retry_apply.c -- a function tried until it works, and the newest of several
 * calls: gen_retry.h.
 */
#include <agner/gen_retry.h>

#include <stdlib.h>

#include "atomic.h"
#include "spin.h"

/* ---- A token for the time of a call ------------------------------------ */

/* What is called may leave by rt_exit(): then the end of the process gives the
 * token back. */
struct lease {
    struct rt_hook hook;      /* first */
    struct gen_cancel *token; /* held */
};

static void lease_end(struct rt_hook *hook, struct rt *rt)
{
    struct lease *lease = (struct lease *)hook;

    (void)rt;
    (void)gen_cancel_set(lease->token, ETF_NONE); /* may be set already */
    gen_cancel_free(lease->token);
    free(lease);
}

static struct lease *lease_new(struct gen *self, struct gen_cancel *parent)
{
    struct lease *lease = calloc(1, sizeof *lease);

    if (lease == NULL)
        return NULL;
    lease->hook.run = lease_end;
    lease->token = gen_cancel_new(rt_of(self), parent);
    if (lease->token != NULL && rt_hook_add(self, &lease->hook) == AGNER_OK)
        return lease;
    gen_cancel_free(lease->token);
    free(lease);
    return NULL;
}

static void lease_free(struct gen *self, struct lease *lease)
{
    if (!rt_hook_remove(rt_of(self), &lease->hook))
        return; /* an attached thread that ends: the hook does it */
    gen_cancel_free(lease->token);
    free(lease);
}

/* ---- What a log says ---------------------------------------------------- */

#define LOG_FIRST 5u /* failures before the first warning */
#define LOG_EVERY 20u

void gen_retry_log(struct gen *self, void *ctx,
                   const struct gen_retry_attempt *attempt)
{
    const char *what = ctx != NULL ? ctx : "a retry";
    unsigned long long failures = attempt->failures;
    char why[120];

    if (attempt->err == AGNER_OK) {
        if (failures > 0)
            rt_log_self(self, RT_LOG_NOTICE, "%s: works after %llu failures",
                        what, failures);
        return;
    }
    if (failures % LOG_EVERY != LOG_FIRST)
        return;
    rt_log_self(
        self, RT_LOG_WARNING, "%s: failure %llu: %s%s%s", what, failures,
        agner_strerror(attempt->err), etf_is_none(attempt->why) ? "" : ": ",
        etf_is_none(attempt->why) ? ""
                                  : etf_format(why, sizeof why, attempt->why));
}

/* ---- The loop ----------------------------------------------------------- */

enum agner_err gen_retry_abort(struct gen_retry *retry, enum agner_err err)
{
    retry->aborted = err;
    return err;
}

struct loop {
    struct gen_retry_options options;
    struct gen_cancel *cancel;
    uint64_t failures, first_ns;
};

static uint64_t delay_of(struct gen *self, const struct loop *loop)
{
    uint64_t draw = 0;

    if (loop->options.jitter > 0.0)
        rt_random(rt_of(self), &draw, sizeof draw);
    return gen_retry_jittered(&loop->options, loop->failures, draw);
}

static void tell(struct gen *self, const struct loop *loop, enum agner_err err,
                 uint64_t delay_ms)
{
    struct gen_retry_attempt attempt = { .failures = loop->failures,
                                         .err = err,
                                         .delay_ms = delay_ms,
                                         .first_ns = loop->first_ns };

    if (loop->options.log != NULL)
        loop->options.log(self, loop->options.log_ctx, &attempt);
}

/* One try; *again: another may follow. */
static enum agner_err try_once(struct gen *self, struct loop *loop,
                               enum agner_err (*run)(struct gen *self,
                                                     void *arg,
                                                     struct gen_retry *retry),
                               void *arg, bool *again)
{
    struct gen_retry retry = { .attempt = loop->failures + 1 };
    struct lease *lease = lease_new(self, loop->cancel);
    enum agner_err err;

    *again = false;
    if (lease == NULL)
        return AGNER_ENOMEM;
    retry.cancel = lease->token;
    err = run(self, arg, &retry);
    if (retry.aborted != AGNER_OK)
        err = retry.aborted;
    if (err != AGNER_OK) {
        (void)gen_cancel_set(retry.cancel, ETF_NONE); /* may be set already */
        loop->failures++;
        *again = retry.aborted == AGNER_OK &&
                 (loop->options.max_attempts == 0 ||
                  loop->failures < loop->options.max_attempts);
    }
    lease_free(self, lease);
    return err;
}

enum agner_err gen_retry_apply(
    struct gen *self,
    enum agner_err (*run)(struct gen *self, void *arg, struct gen_retry *retry),
    void *arg, const struct gen_retry_options *options,
    struct gen_cancel *cancel)
{
    struct loop loop = { .cancel = cancel };
    enum agner_err err;
    bool again;

    if (run == NULL)
        return AGNER_EINVAL;
    if (options != NULL)
        loop.options = *options;
    err = gen_retry_init(&loop.options);
    if (err != AGNER_OK)
        return err;
    loop.first_ns = rt_wall_ns(rt_of(self));
    for (;;) {
        uint64_t delay_ms;

        err = try_once(self, &loop, run, arg, &again);
        delay_ms = again ? delay_of(self, &loop) : 0;
        tell(self, &loop, err, delay_ms);
        if (!again)
            return err;
        err = gen_cancel_sleep(self, delay_ms, cancel);
        if (err != AGNER_OK)
            return err;
        if (gen_cancel_is_set(cancel))
            return AGNER_ECANCELLED;
    }
}

/* ---- Only the newest ---------------------------------------------------- */

struct gen_mono {
    rt_spin lock;
    struct gen_cancel *now; /* guarded; held; NULL: no call yet */
};

struct gen_mono *gen_mono_new(void)
{
    return calloc(1, sizeof(struct gen_mono));
}

/* Puts `token`, whose count it takes, in place of the one before. */
static void replace(struct gen_mono *mono, struct gen_cancel *token)
{
    struct gen_cancel *before;

    rt__lock(&mono->lock);
    before = mono->now;
    mono->now = token;
    rt__unlock(&mono->lock);
    if (before != NULL)
        (void)gen_cancel_set(before, ETF_NONE); /* may be set already */
    gen_cancel_free(before);
}

void gen_mono_free(struct gen_mono *mono)
{
    if (mono == NULL)
        return;
    replace(mono, NULL);
    free(mono);
}

enum agner_err gen_mono_apply(struct gen *self, struct gen_mono *mono,
                              enum agner_err (*run)(struct gen *self, void *arg,
                                                    struct gen_cancel *cancel),
                              void *arg, struct gen_cancel *parent)
{
    struct lease *lease;
    enum agner_err err;

    if (run == NULL)
        return AGNER_EINVAL;
    lease = lease_new(self, parent);
    if (lease == NULL)
        return AGNER_ENOMEM;
    replace(mono, gen_cancel_hold(lease->token));
    err = run(self, arg, lease->token);
    lease_free(self, lease);
    return err;
}
