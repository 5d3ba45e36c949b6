/*
 * feed_producer.c -- a subscription to what a function produces.
 *
 * The function runs in a process of its own, and another one stands beside it:
 * the guard, which hears how it ends and says so, and which kills it when it
 * takes too long over its end.
 *
 *   the guard hears       what it does
 *   --------------------  --------------------------------------------------
 *   the producer's end    ends the subscription, and itself
 *   `gen_feed_stop`       waits for so long; then it kills the producer
 *
 * Who unsubscribes, and the end of the owner, set the token and send the guard
 * its message.
 */
#include "feed/feed_sub.h"

#include <stdlib.h>

#define STOP_MS 5000u

struct producer {
    struct gen_sub base;                   /* first */
    struct rt_hook guard_hook, child_hook; /* from birth; each has a count */
    etf_term (*run)(struct gen *self, const struct gen_producer *producer);
    void *arg;
    uint64_t stop_ms;
    struct rt_spawn_options options;
    struct gen_cancel *cancel; /* owned */
    /* base.lock guards these. */
    etf_pid guard, child; /* all zero: it does not run yet */
    bool cancelled;       /* before the producer's end was known */
};

/* ---- The producer -------------------------------------------------------- */

/* Whoever it is says so before it does anything else. Is it cancelled? */
static bool enter(struct gen *self, struct producer *p, etf_pid *who)
{
    bool cancelled;

    rt__lock(&p->base.lock);
    *who = rt_self(self);
    cancelled = p->cancelled;
    rt__unlock(&p->base.lock);
    return cancelled;
}

static void produce(struct gen *self, void *arg)
{
    struct producer *p = arg;
    struct gen_producer view = {
        .cancel = p->cancel,
        .to = p->base.owner,
        .sub = &p->base,
        .arg = p->arg,
    };
    etf_term reason;

    (void)enter(self, p, &p->child);
    reason = p->run(self, &view);
    if (etf_is_none(reason))
        reason = etf_make(self, "system_limit");
    if (gen__sub_status_of(reason) != GEN_SUB_DONE)
        rt_exit(self, reason);
}

/* ---- The guard ----------------------------------------------------------- */

struct wanted {
    etf_ref child;
    bool stop; /* `gen_feed_stop` too */
};

static bool is_wanted(void *ctx, etf_term m)
{
    const struct wanted *w = ctx;
    etf_ref ref;

    if (etf_match(m, "{'DOWN', _, process, __, __}", &ref))
        return etf_ref_equal(ref, w->child);
    return w->stop && etf_match(m, "gen_feed_stop");
}

/* Waits for the producer's end. *reason: why. */
static enum agner_err await_end(struct gen *self, struct producer *p,
                                bool cancelled, etf_pid child, etf_ref ref,
                                etf_term *reason)
{
    struct wanted w = { ref, !cancelled };
    uint64_t timeout_ms = cancelled ? p->stop_ms : RT_INFINITY;
    etf_term m;

    for (;;) {
        enum agner_err err =
            rt_receive_match(self, is_wanted, &w, timeout_ms, &m);

        if (err == AGNER_ETIMEOUT) {
            (void)rt_kill(rt_of(self), child, ETF_A(kill));
            timeout_ms = RT_INFINITY;
        } else if (err != AGNER_OK) {
            return err;
        } else if (etf_match(m, "gen_feed_stop")) {
            w.stop = false;
            timeout_ms = p->stop_ms;
        } else if (etf_match(m, "{'DOWN', __, process, __, _}", reason)) {
            return AGNER_OK;
        }
    }
}

static void finish(struct producer *p, struct gen *by, etf_term reason)
{
    bool cancelled;

    rt__lock(&p->base.lock);
    cancelled = p->cancelled;
    rt__unlock(&p->base.lock);
    (void)gen__sub_over(
        &p->base, by,
        cancelled ? GEN_SUB_UNSUBSCRIBED : gen__sub_status_of(reason), reason);
}

/* The guard has ended: it may never have run. */
static void guard_ended(struct rt_hook *hook, struct rt *rt)
{
    struct producer *p =
        (struct producer *)((char *)hook -
                            offsetof(struct producer, guard_hook));

    (void)rt;
    finish(p, NULL, ETF_A(killed));
    gen_sub_free(&p->base);
}

static void child_ended(struct rt_hook *hook, struct rt *rt)
{
    struct producer *p =
        (struct producer *)((char *)hook -
                            offsetof(struct producer, child_hook));

    (void)rt;
    gen_sub_free(&p->base);
}

static enum agner_err start_child(struct gen *self, struct producer *p,
                                  etf_ref *ref, etf_pid *child)
{
    struct rt_spawn_options options = p->options;
    enum agner_err err;

    options.monitor = true;
    options.monitor_ref = ref;
    p->child_hook.run = child_ended;
    options.hook = &p->child_hook;
    (void)gen_sub_hold(&p->base);
    err = rt_spawn(self, produce, p, &options, child);
    if (err != AGNER_OK)
        gen_sub_free(&p->base);
    return err;
}

static void guard(struct gen *self, void *arg)
{
    struct producer *p = arg;
    etf_term reason = etf_make(self, "system_limit");
    bool cancelled = enter(self, p, &p->guard);
    etf_ref ref;
    etf_pid child;

    if (start_child(self, p, &ref, &child) == AGNER_OK &&
        await_end(self, p, cancelled, child, ref, &reason) != AGNER_OK) {
        /* Somebody ends this process: then the producer ends too. */
        (void)gen_cancel_set(p->cancel, ETF_NONE);
        (void)rt_kill(rt_of(self), child, ETF_A(kill));
        reason = ETF_A(killed);
    }
    finish(p, self, reason);
}

/* ---- The subscription ---------------------------------------------------- */

static void producer_cancel(struct gen_sub *sub, struct gen *by)
{
    struct producer *p = (struct producer *)sub;
    etf_pid guard;
    bool first;

    (void)by;
    rt__lock(&sub->lock);
    first = !sub->over && !p->cancelled;
    p->cancelled |= first;
    guard = p->guard;
    rt__unlock(&sub->lock);
    if (!first)
        return;
    (void)gen_cancel_set(p->cancel, ETF_NONE);
    /* Without memory for it there is no time-out for the producer's end. */
    if (!etf_pid_is_none(guard))
        (void)rt_post(sub->rt, etf_from_pid(NULL, guard),
                      etf_atom("gen_feed_stop"));
}

static bool producer_inside(struct gen_sub *sub, struct gen *self)
{
    bool inside;

    rt__lock(&sub->lock);
    inside = etf_pid_equal(((struct producer *)sub)->child, rt_self(self));
    rt__unlock(&sub->lock);
    return inside;
}

static void producer_destroy(struct gen_sub *sub)
{
    struct producer *p = (struct producer *)sub;

    gen_cancel_free(p->cancel);
    free(p);
}

static const struct sub_ops producer_ops = {
    .cancel = producer_cancel,
    .inside = producer_inside,
    .destroy = producer_destroy,
};

enum agner_err gen_producer_start(
    struct gen *self,
    etf_term (*run)(struct gen *self, const struct gen_producer *producer),
    void *arg, const struct gen_producer_options *options, struct gen_sub **sub)
{
    struct rt_spawn_options process = { 0 };
    struct producer *p;
    enum agner_err err;
    etf_pid pid;

    if (run == NULL)
        return AGNER_EINVAL;
    p = calloc(1, sizeof *p);
    if (p == NULL)
        return AGNER_ENOMEM;
    p->run = run;
    p->arg = arg;
    p->stop_ms =
        options == NULL || options->stop_ms == 0 ? STOP_MS : options->stop_ms;
    if (options != NULL && options->process != NULL)
        p->options = *options->process;
    err = gen__sub_init(self, &p->base, &producer_ops, false);
    if (err == AGNER_OK) {
        p->cancel = gen_cancel_new(rt_of(self), NULL);
        err = p->cancel == NULL ? AGNER_ENOMEM : AGNER_OK;
    }
    if (err == AGNER_OK) {
        (void)gen_sub_hold(&p->base);
        p->guard_hook.run = guard_ended;
        process.hook = &p->guard_hook;
        err = rt_spawn(self, guard, p, &process, &pid);
        if (err == AGNER_OK) {
            *sub = &p->base;
            return AGNER_OK;
        }
        gen_sub_free(&p->base);
    }
    gen__sub_fini(&p->base);
    gen_sub_free(&p->base);
    return err;
}
