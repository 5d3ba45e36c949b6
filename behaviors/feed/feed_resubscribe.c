/*
 * feed_resubscribe.c -- tries, follows, and tries again: gen_resubscribe.h.
 *
 * A process of its own, which ends in one of three ways: the subscription that
 * it made ended well, it was told to stop (its token is set, and
 * `gen_feed_stop` is in its mailbox), or it gives up. When to try again is
 * decided in feed_backoff.c.
 */
#include <agner/gen_resubscribe.h>

#include "feed/feed_backoff.h"
#include "feed/feed_sub.h"

#include <stdlib.h>

#define NS_PER_MS 1000000u

struct resub {
    struct gen_sub base; /* first */
    struct rt_hook hook; /* of its process, from birth; has a count */
    enum agner_err (*subscribe)(struct gen *self,
                                const struct gen_resub_try *attempt,
                                struct gen_sub **sub, etf_term *reason);
    void *arg;
    struct gen_resub_options options;
    struct gen_cancel *cancel; /* owned */
    etf_pid pid;               /* base.lock; all zero: it does not run yet */
    /* Of its process alone. */
    struct feed_backoff backoff;
    uint64_t tries;
    struct etf_box *failure; /* owned; the latest, or NULL */
    bool was_up;
    uint64_t last_seq; /* of the last event; 0: none yet */
};

/* ---- A try --------------------------------------------------------------- */

struct attempt {
    struct resub *r;
    struct gen_resub_try view;
    struct gen_sub *sub;
    etf_term reason;
    enum agner_err err;
};

static void run_attempt(struct gen *self, void *arg)
{
    struct attempt *a = arg;

    a->err = a->r->subscribe(self, &a->view, &a->sub, &a->reason);
}

static void keep_failure(struct resub *r, etf_term reason, bool was_up)
{
    etf_box_free(r->failure);
    r->failure = etf_is_none(reason) ? NULL : etf_box_new(reason);
    r->was_up = was_up;
}

/* What is why: the function's word, how it left, or the error's text. */
static void fail(struct gen *self, struct attempt *a, enum agner_err left,
                 etf_term why)
{
    if (left == AGNER_EEXIT)
        a->reason = why;
    else if (etf_is_none(a->reason))
        a->reason = etf_text(rt_region(self), agner_strerror(a->err));
    keep_failure(a->r, a->reason, false);
}

/* AGNER_OK: *sub is up. AGNER_EINVAL: neither a subscription nor an error. */
static enum agner_err attempt(struct gen *self, struct resub *r,
                              struct gen_sub **sub)
{
    struct attempt a = {
        .r = r,
        .view = { .number = ++r->tries,
                  .was_up = r->was_up,
                  .to = r->base.owner,
                  .arg = r->arg },
        .err = AGNER_EEXIT,
    };
    enum agner_err left;
    etf_term why = ETF_NONE;

    if (r->failure != NULL)
        a.view.failure = etf_box_term(r->failure);
    a.view.cancel = gen_cancel_new(rt_of(self), r->cancel);
    if (a.view.cancel == NULL)
        return AGNER_ENOMEM;
    left = rt_try(self, run_attempt, &a, &why);
    (void)gen_cancel_set(a.view.cancel, ETF_NONE);
    gen_cancel_free(a.view.cancel);
    if (left == AGNER_OK && a.err == AGNER_OK) {
        *sub = a.sub;
        return a.sub == NULL ? AGNER_EINVAL : AGNER_OK;
    }
    fail(self, &a, left, why);
    return AGNER_EEXIT;
}

/* ---- Following ----------------------------------------------------------- */

static void tell_gap(struct gen *self, struct resub *r, uint64_t from,
                     uint64_t to)
{
    rt__lock(&r->base.lock);
    r->base.noticed = true;
    rt__unlock(&r->base.lock);
    (void)rt_send_pid(
        self, r->base.owner,
        etf_make(self, "{gen_feed_gap, _, _, _}", r->base.ref, from, to));
}

static void on_event(struct gen *self, void *ctx,
                     const struct gen_feed_event *event)
{
    struct resub *r = ctx;

    if (r->last_seq != 0 && event->seq > r->last_seq + 1)
        tell_gap(self, r, r->last_seq + 1, event->seq - 1);
    r->last_seq = event->seq;
    if (r->options.handle != NULL)
        r->options.handle(self, r->arg, event);
}

/* Until `sub` ends, or this is to stop. */
static enum gen_sub_status follow(struct gen *self, struct resub *r,
                                  struct gen_sub *sub)
{
    enum gen_sub_what what = GEN_SUB_OTHER;
    enum gen_sub_status status;
    etf_term m, reason = ETF_NONE;

    while (what != GEN_SUB_DOWN && !gen_cancel_is_set(r->cancel)) {
        if (rt_receive(self, RT_INFINITY, &m) != AGNER_OK)
            break;
        what = gen_sub_handle(self, sub, m, on_event, r);
        rt_reset(self);
    }
    status = gen_sub_status(sub, rt_region(self), &reason);
    if (status == GEN_SUB_FAILED)
        keep_failure(r, reason, true);
    gen_sub_drop(self, sub);
    return status;
}

/* false: it is to stop. Whole milliseconds, never too short. */
static bool pause_for(struct gen *self, struct resub *r, uint64_t ns)
{
    if (ns == 0)
        return !gen_cancel_is_set(r->cancel) && rt_check(self) == AGNER_OK;
    return gen_cancel_sleep(self, (ns + NS_PER_MS - 1) / NS_PER_MS,
                            r->cancel) == AGNER_OK;
}

static uint64_t chance(struct gen *self, const struct resub *r)
{
    uint64_t n = 0;

    if (r->options.jitter_percent != 0)
        rt_random(rt_of(self), &n, sizeof n);
    return n;
}

/* One round; true: it is over, with *status. */
static bool round_is_last(struct gen *self, struct resub *r,
                          enum gen_sub_status *status)
{
    uint64_t start_ns = rt_now_ns(rt_of(self)), now_ns;
    struct feed_backoff_next next;
    struct gen_sub *sub = NULL;
    enum agner_err err = attempt(self, r, &sub);

    *status = GEN_SUB_FAILED;
    now_ns = rt_now_ns(rt_of(self));
    if (err == AGNER_EINVAL) {
        keep_failure(r, ETF_A(badarg), false);
        return true;
    }
    if (err == AGNER_OK) {
        *status = follow(self, r, sub);
        if (*status != GEN_SUB_FAILED)
            return true;
        next = gen__feed_backoff_fell(
            &r->backoff, rt_now_ns(rt_of(self)) - now_ns, chance(self, r));
    } else {
        next = gen__feed_backoff_failed(&r->backoff, now_ns - start_ns,
                                        chance(self, r));
    }
    return next.over || !pause_for(self, r, next.delay_ns);
}

static void resubscribe(struct gen *self, void *arg)
{
    struct resub *r = arg;
    enum gen_sub_status status;

    rt__lock(&r->base.lock);
    r->pid = rt_self(self);
    rt__unlock(&r->base.lock);
    while (!gen_cancel_is_set(r->cancel) && !round_is_last(self, r, &status))
        rt_reset(self);
    if (gen_cancel_is_set(r->cancel))
        status = GEN_SUB_UNSUBSCRIBED;
    else if (rt_check(self) != AGNER_OK)
        status = GEN_SUB_FAILED;
    (void)gen__sub_over(&r->base, self, status,
                        r->failure == NULL ? ETF_NONE
                                           : etf_box_term(r->failure));
}

/* Its process has ended: it may never have run. */
static void process_ended(struct rt_hook *hook, struct rt *rt)
{
    struct resub *r =
        (struct resub *)((char *)hook - offsetof(struct resub, hook));

    (void)rt;
    (void)gen__sub_over(&r->base, NULL,
                        gen_cancel_is_set(r->cancel) ? GEN_SUB_UNSUBSCRIBED
                                                     : GEN_SUB_FAILED,
                        ETF_A(killed));
    gen_sub_free(&r->base);
}

/* ---- The subscription ---------------------------------------------------- */

static void resub_cancel(struct gen_sub *sub, struct gen *by)
{
    struct resub *r = (struct resub *)sub;
    etf_pid pid;

    (void)by;
    if (gen_cancel_set(r->cancel, ETF_NONE) == AGNER_EALREADY)
        return;
    rt__lock(&sub->lock);
    pid = r->pid;
    rt__unlock(&sub->lock);
    if (!etf_pid_is_none(pid)) /* any message will do */
        (void)rt_post(sub->rt, etf_from_pid(NULL, pid),
                      etf_atom("gen_feed_stop"));
}

static bool resub_inside(struct gen_sub *sub, struct gen *self)
{
    bool inside;

    rt__lock(&sub->lock);
    inside = etf_pid_equal(((struct resub *)sub)->pid, rt_self(self));
    rt__unlock(&sub->lock);
    return inside;
}

static void resub_destroy(struct gen_sub *sub)
{
    struct resub *r = (struct resub *)sub;

    gen_cancel_free(r->cancel);
    etf_box_free(r->failure);
    free(r);
}

static const struct sub_ops resub_ops = {
    .cancel = resub_cancel,
    .inside = resub_inside,
    .destroy = resub_destroy,
};

enum agner_err gen_resubscribe(
    struct gen *self,
    enum agner_err (*subscribe)(struct gen *self,
                                const struct gen_resub_try *attempt,
                                struct gen_sub **sub, etf_term *reason),
    void *arg, const struct gen_resub_options *options, struct gen_sub **sub)
{
    struct rt_spawn_options process = { 0 };
    struct resub *r;
    enum agner_err err;
    etf_pid pid;

    if (subscribe == NULL)
        return AGNER_EINVAL;
    r = calloc(1, sizeof *r);
    if (r == NULL)
        return AGNER_ENOMEM;
    r->subscribe = subscribe;
    r->arg = arg;
    if (options != NULL)
        r->options = *options;
    gen__feed_backoff_init(&r->backoff, r->options.backoff_max_ms,
                           r->options.max_attempts, r->options.jitter_percent);
    r->cancel = gen_cancel_new(rt_of(self), NULL);
    err = gen__sub_init(self, &r->base, &resub_ops, false);
    if (err == AGNER_OK && r->cancel == NULL)
        err = AGNER_ENOMEM;
    if (err == AGNER_OK && r->options.jitter_percent > 100)
        err = AGNER_EINVAL;
    if (err == AGNER_OK) {
        (void)gen_sub_hold(&r->base);
        r->hook.run = process_ended;
        process.hook = &r->hook;
        err = rt_spawn(self, resubscribe, r, &process, &pid);
        if (err == AGNER_OK) {
            *sub = &r->base;
            return AGNER_OK;
        }
        gen_sub_free(&r->base);
    }
    gen__sub_fini(&r->base);
    gen_sub_free(&r->base);
    return err;
}
