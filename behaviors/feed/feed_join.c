/*
 * feed_join.c -- many subscriptions as one.
 *
 *   a member       the join
 *   -------------  -----------------------------------------------------------
 *   fails          fails with its reason, the first one that does; the others
 *                  are unsubscribed
 *   ends well, or  goes on as long as there are others; with the last one it
 *   unsubscribed   ends well, or unsubscribed, if that was asked for
 */
#include "feed/feed_sub.h"

#include <stdlib.h>

struct member {
    struct sub_watch watch; /* first; ctx: the join */
    struct gen_sub *sub;    /* held */
};

struct join {
    struct gen_sub base; /* first; each watch has a count */
    rt_spin lock;        /* guards the next two */
    size_t left;         /* members that have not ended */
    bool cancelled;
    size_t count;
    struct member members[];
};

/* By any thread, and again: those that have ended do nothing. */
static void cancel_members(struct join *j, struct gen *by)
{
    for (size_t i = 0; i < j->count; i++) {
        if (j->members[i].sub != NULL)
            j->members[i].sub->ops->cancel(j->members[i].sub, by);
    }
}

static void settle(struct join *j, struct gen_sub *sub, struct gen *by)
{
    bool last, cancelled;

    rt__lock(&j->lock);
    last = --j->left == 0;
    cancelled = j->cancelled;
    rt__unlock(&j->lock);
    if (sub->status == GEN_SUB_FAILED && !cancelled &&
        gen__sub_over(&j->base, by, GEN_SUB_FAILED,
                      sub->reason == NULL ? ETF_NONE
                                          : etf_box_term(sub->reason)))
        cancel_members(j, by);
    else if (last)
        (void)gen__sub_over(&j->base, by,
                            cancelled ? GEN_SUB_UNSUBSCRIBED : GEN_SUB_DONE,
                            ETF_NONE);
}

static void ended(struct sub_watch *watch, struct gen_sub *sub, struct gen *by)
{
    struct join *j = watch->ctx;

    settle(j, sub, by);
    gen_sub_free(&j->base);
}

static void join_cancel(struct gen_sub *sub, struct gen *by)
{
    struct join *j = (struct join *)sub;

    rt__lock(&j->lock);
    j->cancelled = true;
    rt__unlock(&j->lock);
    cancel_members(j, by);
}

static bool join_inside(struct gen_sub *sub, struct gen *self)
{
    const struct join *j = (const struct join *)sub;
    bool inside = false;

    for (size_t i = 0; i < j->count && !inside; i++) {
        struct gen_sub *member = j->members[i].sub;

        inside =
            member->ops->inside != NULL && member->ops->inside(member, self);
    }
    return inside;
}

static void join_destroy(struct gen_sub *sub)
{
    struct join *j = (struct join *)sub;

    for (size_t i = 0; i < j->count; i++)
        gen_sub_free(j->members[i].sub);
    free(j);
}

static const struct sub_ops join_ops = {
    .cancel = join_cancel,
    .inside = join_inside,
    .destroy = join_destroy,
};

/* A member that has ended before, or that is there twice, counts as one that
 * ends now. */
static void watch_members(struct gen *self, struct join *j)
{
    for (size_t i = 0; i < j->count; i++) {
        struct member *m = &j->members[i];
        enum agner_err err;

        (void)gen_sub_hold(&j->base);
        m->watch.ended = ended;
        m->watch.ctx = j;
        err = gen__sub_watch(m->sub, &m->watch);
        if (err == AGNER_OK)
            continue;
        if (err == AGNER_EALREADY) {
            rt__lock(&j->lock);
            j->left--;
            rt__unlock(&j->lock);
        } else {
            settle(j, m->sub, self);
        }
        gen_sub_free(&j->base);
    }
}

enum agner_err gen_sub_join(struct gen *self, struct gen_sub *const *subs,
                            size_t count, struct gen_sub **join)
{
    struct join *j;
    enum agner_err err;

    if (count == 0)
        return AGNER_EINVAL;
    if (count > SIZE_MAX / 2 / sizeof j->members[0])
        return AGNER_ENOMEM;
    j = calloc(1, sizeof *j + count * sizeof j->members[0]);
    if (j == NULL)
        return AGNER_ENOMEM;
    j->count = count;
    err = gen__sub_init(self, &j->base, &join_ops, false);
    if (err != AGNER_OK) {
        gen_sub_free(&j->base);
        return err;
    }
    for (size_t i = 0; i < count; i++)
        j->members[i].sub = gen_sub_hold(subs[i]);
    j->left = count;
    watch_members(self, j);
    *join = &j->base;
    return AGNER_OK;
}
