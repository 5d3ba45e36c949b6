/*
 * feed_sub.c -- how subscriptions live and end: feed_sub.h.
 */
#include "feed/feed_sub.h"

/* ---- Counts ------------------------------------------------------------- */

struct gen_sub *gen_sub_hold(struct gen_sub *sub)
{
    add_relaxed(&sub->refs, 1u);
    return sub;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_sub_free(struct gen_sub *sub)
{
    if (sub == NULL || sub_acq_rel(&sub->refs, 1u) != 1)
        return;
    etf_box_free(sub->reason);
    etf_box_free(sub->ready);
    sub->ops->destroy(sub);
}

/* The owner has ended: on the thread that ends it. */
static void owner_ended(struct rt_hook *hook, struct rt *rt)
{
    struct gen_sub *sub =
        (struct gen_sub *)((char *)hook - offsetof(struct gen_sub, hook));

    (void)rt;
    rt__lock(&sub->lock);
    sub->gone = true;
    rt__unlock(&sub->lock);
    sub->ops->cancel(sub, NULL);
    gen_sub_free(sub);
}

enum agner_err gen__sub_init(struct gen *self, struct gen_sub *sub,
                             const struct sub_ops *ops, bool quiet)
{
    sub->ops = ops;
    sub->rt = rt_of(self);
    sub->owner = rt_self(self);
    sub->ref = rt_make_ref(self);
    sub->quiet = quiet;
    store_relaxed(&sub->refs, 1u);
    sub->hook.run = owner_ended;
    return rt_hook_add(self, &sub->hook);
}

void gen__sub_fini(struct gen_sub *sub)
{
    (void)rt_hook_remove(sub->rt, &sub->hook);
}

/* ---- Messages ----------------------------------------------------------- */

static void wake_waiters(struct gen_sub *sub, struct gen *by)
{
    struct rt_waiter *waiter;

    while (sub->over && sub->tellers == 0 && (waiter = sub->waiters) != NULL) {
        sub->waiters = waiter->next;
        rt_wake(sub->rt, by, waiter);
    }
}

/* A process that must end sends nothing any more: then nobody does. */
static enum agner_err tell(struct gen_sub *sub, struct gen *by,
                           etf_term message)
{
    etf_term to = etf_from_pid(NULL, sub->owner);
    enum agner_err err = AGNER_EEXITING;

    if (by != NULL)
        err = rt_send_with(by, to, message, RT_SEND_NOSUSPEND | RT_SEND_ALONG);
    if ((err == AGNER_EEXITING || err == AGNER_EKILLED) &&
        !etf_is_none(message))
        err = rt_post(sub->rt, to, message);
    rt__lock(&sub->lock);
    sub->tellers--;
    wake_waiters(sub, by);
    rt__unlock(&sub->lock);
    return err;
}

void gen__sub_tell(struct gen_sub *sub)
{
    gen_sub_hold(sub);
    rt__lock(&sub->lock);
    sub->tellers++;
    sub->noticed = true;
    rt__unlock(&sub->lock);
}

enum agner_err gen__sub_ready(struct gen_sub *sub, struct gen *by)
{
    enum agner_err err = tell(sub, by, etf_box_term(sub->ready));

    gen_sub_free(sub);
    return err;
}

static etf_term reason_in(struct gen_sub *sub, struct etf_region *r)
{
    switch (sub->status) {
    case GEN_SUB_ACTIVE:
        return ETF_NONE;
    case GEN_SUB_DONE:
        return ETF_A(normal);
    case GEN_SUB_UNSUBSCRIBED:
        return etf_make(r, "unsubscribed");
    case GEN_SUB_FAILED:
        break;
    }
    return sub->reason == NULL ? ETF_A(error)
                               : etf_copy(r, etf_box_term(sub->reason));
}

/* The one message of the end. Without memory for it the status tells. */
static void tell_down(struct gen_sub *sub, struct gen *by)
{
    struct etf_region *own = by == NULL ? etf_region_new(0) : NULL;
    struct etf_region *r = by == NULL ? own : rt_region(by);
    etf_term down = ETF_NONE;

    if (r != NULL)
        down =
            etf_make(r, "{gen_feed_down, _, _}", sub->ref, reason_in(sub, r));
    (void)tell(sub, by, down);
    etf_region_free(own);
}

static bool is_notice(void *ctx, etf_term message)
{
    const struct gen_sub *sub = ctx;
    etf_ref ref;

    return (etf_match(message, "{gen_feed_ready, _}", &ref) ||
            etf_match(message, "{gen_feed_down, _, __}", &ref) ||
            etf_match(message, "{gen_feed_gap, _, __, __}", &ref)) &&
           etf_ref_equal(ref, sub->ref);
}

void gen__sub_flush(struct gen *self, struct gen_sub *sub)
{
    bool noticed;
    etf_term message;

    rt__lock(&sub->lock);
    noticed = sub->noticed;
    sub->noticed = false;
    rt__unlock(&sub->lock);
    while (noticed &&
           rt_receive_match(self, is_notice, sub, 0, &message) == AGNER_OK) {
    }
}

/* ---- The end ------------------------------------------------------------ */

enum gen_sub_status gen__sub_status_of(etf_term reason)
{
    return etf_same(reason, ETF_A(normal)) || etf_same(reason, ETF_A(ok))
               ? GEN_SUB_DONE
               : GEN_SUB_FAILED;
}

static void tell_watches(struct gen_sub *sub, struct gen *by)
{
    for (;;) {
        struct sub_watch *watch;

        rt__lock(&sub->lock);
        watch = sub->watches;
        if (watch != NULL) {
            sub->watches = watch->next;
            watch->listed = false;
        }
        rt__unlock(&sub->lock);
        if (watch == NULL)
            return;
        watch->ended(watch, sub, by);
    }
}

bool gen__sub_over(struct gen_sub *sub, struct gen *by,
                   enum gen_sub_status status, etf_term reason)
{
    struct etf_box *box = status != GEN_SUB_FAILED || etf_is_none(reason)
                              ? NULL
                              : etf_box_new(reason);
    bool mine = by != NULL && etf_pid_equal(rt_self(by), sub->owner);
    bool tells;

    rt__lock(&sub->lock);
    if (sub->over) {
        rt__unlock(&sub->lock);
        etf_box_free(box);
        return false;
    }
    sub->over = true;
    sub->status = status;
    sub->reason = box;
    tells =
        !sub->quiet && !sub->gone && !(mine && status == GEN_SUB_UNSUBSCRIBED);
    if (tells) {
        sub->tellers++;
        sub->noticed = true;
    }
    wake_waiters(sub, by);
    rt__unlock(&sub->lock);
    if (tells)
        tell_down(sub, by);
    tell_watches(sub, by);
    return true;
}

bool gen__sub_is_over(struct gen_sub *sub)
{
    bool over;

    rt__lock(&sub->lock);
    over = sub->over;
    rt__unlock(&sub->lock);
    return over;
}

enum agner_err gen__sub_watch(struct gen_sub *sub, struct sub_watch *watch)
{
    enum agner_err err = AGNER_OK;

    rt__lock(&sub->lock);
    if (sub->over)
        err = AGNER_ETERMINATED;
    for (struct sub_watch *w = sub->watches; w != NULL; w = w->next) {
        if (w->ended == watch->ended && w->ctx == watch->ctx)
            err = AGNER_EALREADY;
    }
    if (err == AGNER_OK) {
        watch->next = sub->watches;
        watch->listed = true;
        sub->watches = watch;
    }
    rt__unlock(&sub->lock);
    return err;
}

bool gen__sub_unwatch(struct gen_sub *sub, struct sub_watch *watch)
{
    struct sub_watch **at;
    bool listed;

    rt__lock(&sub->lock);
    listed = watch->listed;
    for (at = &sub->watches; listed && *at != watch; at = &(*at)->next) {
    }
    if (listed)
        *at = watch->next;
    watch->listed = false;
    rt__unlock(&sub->lock);
    return listed;
}

static void forget_waiter(struct gen_sub *sub, struct rt_waiter *waiter)
{
    struct rt_waiter **at = &sub->waiters;

    while (*at != NULL && *at != waiter)
        at = &(*at)->next;
    if (*at != NULL)
        *at = waiter->next;
}

static bool is_settled(struct gen_sub *sub)
{
    return sub->over && sub->tellers == 0;
}

enum agner_err gen__sub_wait(struct gen *self, struct gen_sub *sub,
                             uint64_t timeout_ms)
{
    struct rt_waiter waiter;
    enum agner_err err;
    bool done;

    rt__lock(&sub->lock);
    done = is_settled(sub);
    rt__unlock(&sub->lock);
    err = done ? AGNER_OK : rt_wait_begin(self, &waiter, 1);
    if (done || err != AGNER_OK)
        return err;
    rt__lock(&sub->lock);
    done = is_settled(sub);
    if (!done) {
        waiter.next = sub->waiters;
        sub->waiters = &waiter;
    }
    rt__unlock(&sub->lock);
    if (!done)
        err = rt_wait_block(self, timeout_ms);
    rt__lock(&sub->lock);
    if (!waiter.woken)
        forget_waiter(sub, &waiter);
    done = is_settled(sub);
    rt__unlock(&sub->lock);
    rt_wait_end(self, &waiter, 1);
    return done && err == AGNER_ETIMEOUT ? AGNER_OK : err;
}

/* ---- Public ------------------------------------------------------------- */

etf_ref gen_sub_ref(const struct gen_sub *sub)
{
    return sub->ref;
}

enum agner_err gen_sub_unsubscribe(struct gen *self, struct gen_sub *sub)
{
    enum agner_err err = AGNER_OK;

    gen_sub_hold(sub);
    sub->ops->cancel(sub, self);
    if (sub->ops->inside == NULL || !sub->ops->inside(sub, self))
        err = gen__sub_wait(self, sub, RT_INFINITY);
    if (err == AGNER_OK && etf_pid_equal(rt_self(self), sub->owner))
        gen__sub_flush(self, sub);
    gen_sub_free(sub);
    return err;
}

void gen_sub_drop(struct gen *self, struct gen_sub *sub)
{
    if (sub == NULL)
        return;
    (void)gen_sub_unsubscribe(self, sub);
    sub->dropped = sub->serving > 0; /* then it is still looked at */
    if (!sub->dropped && rt_hook_remove(sub->rt, &sub->hook))
        gen_sub_free(sub);
}

enum gen_sub_status gen_sub_status(struct gen_sub *sub, struct etf_region *r,
                                   etf_term *reason)
{
    enum gen_sub_status status;

    rt__lock(&sub->lock);
    status = sub->status;
    rt__unlock(&sub->lock);
    /* It stays as it is once it is no more active. */
    if (reason != NULL)
        *reason = status == GEN_SUB_ACTIVE ? ETF_NONE : reason_in(sub, r);
    return status;
}
