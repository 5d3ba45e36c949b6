/*
 * feed_scope.c -- subscriptions that are ended together.
 *
 * Each that is tracked has a watch, which takes it off the list when it ends,
 * however it does. Nobody is unsubscribed with the lock held, so whatever runs
 * then may use the scope.
 */
#include "feed/feed_sub.h"

#include <stdlib.h>

struct track {
    struct sub_watch watch; /* first; ctx: the scope */
    struct gen_sub *sub;    /* held */
    struct track *next, *prev;
    bool asked; /* to end */
};

struct gen_scope {
    _Atomic uint32_t refs; /* who made it, and one for each track */
    rt_spin lock;          /* guards the rest */
    struct track *first;
    size_t count;
    bool closed;
};

struct gen_scope *gen_scope_new(void)
{
    struct gen_scope *scope = calloc(1, sizeof *scope);

    if (scope != NULL)
        store_relaxed(&scope->refs, 1u);
    return scope;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
static void give_back(struct gen_scope *scope)
{
    if (sub_acq_rel(&scope->refs, 1u) == 1)
        free(scope);
}

static void unlist(struct gen_scope *scope, struct track *t)
{
    if (t->prev == NULL)
        scope->first = t->next;
    else
        t->prev->next = t->next;
    if (t->next != NULL)
        t->next->prev = t->prev;
    scope->count--;
}

static void forget(struct gen_scope *scope, struct track *t)
{
    gen_sub_free(t->sub);
    free(t);
    give_back(scope);
}

static void ended(struct sub_watch *watch, struct gen_sub *sub, struct gen *by)
{
    struct track *t = (struct track *)watch;
    struct gen_scope *scope = watch->ctx;

    (void)sub;
    (void)by;
    rt__lock(&scope->lock);
    unlist(scope, t);
    rt__unlock(&scope->lock);
    forget(scope, t);
}

/* false: it is closed. */
static bool list(struct gen_scope *scope, struct track *t)
{
    bool open;

    rt__lock(&scope->lock);
    open = !scope->closed;
    if (open) {
        t->next = scope->first;
        if (t->next != NULL)
            t->next->prev = t;
        scope->first = t;
        scope->count++;
    }
    rt__unlock(&scope->lock);
    return open;
}

enum agner_err gen_scope_track(struct gen *self, struct gen_scope *scope,
                               struct gen_sub *sub)
{
    struct track *t = calloc(1, sizeof *t);
    enum agner_err err;

    if (t == NULL)
        return AGNER_ENOMEM;
    t->watch.ended = ended;
    t->watch.ctx = scope;
    t->sub = gen_sub_hold(sub);
    add_relaxed(&scope->refs, 1u);
    if (!list(scope, t)) {
        forget(scope, t);
        (void)gen_sub_unsubscribe(self, sub);
        return AGNER_ECLOSED;
    }
    err = gen__sub_watch(sub, &t->watch);
    if (err == AGNER_OK)
        return AGNER_OK;
    ended(&t->watch, sub, self); /* it is over, or was there before */
    return AGNER_OK;
}

size_t gen_scope_count(struct gen_scope *scope)
{
    size_t count;

    rt__lock(&scope->lock);
    count = scope->closed ? 0 : scope->count;
    rt__unlock(&scope->lock);
    return count;
}

/* The first one that was not asked yet, held; with `again`, the first. */
static struct gen_sub *pick(struct gen_scope *scope, bool again)
{
    struct gen_sub *sub = NULL;
    struct track *t;

    rt__lock(&scope->lock);
    scope->closed = true;
    t = scope->first;
    while (t != NULL && t->asked && !again)
        t = t->next;
    if (t != NULL) {
        t->asked = true;
        sub = gen_sub_hold(t->sub);
    }
    rt__unlock(&scope->lock);
    return sub;
}

enum agner_err gen_scope_close(struct gen *self, struct gen_scope *scope)
{
    enum agner_err err = AGNER_OK;
    struct gen_sub *sub;

    while ((sub = pick(scope, false)) != NULL) {
        sub->ops->cancel(sub, self);
        gen_sub_free(sub);
    }
    /* Those whose end takes a while. */
    while (err == AGNER_OK && (sub = pick(scope, true)) != NULL) {
        err = gen_sub_unsubscribe(self, sub);
        gen_sub_free(sub);
    }
    return err;
}

void gen_scope_free(struct gen_scope *scope)
{
    struct gen_sub *sub;

    if (scope == NULL)
        return;
    while ((sub = pick(scope, true)) != NULL) {
        struct track *t;

        rt__lock(&scope->lock);
        t = scope->first;
        while (t != NULL && t->sub != sub)
            t = t->next;
        rt__unlock(&scope->lock);
        if (t != NULL && gen__sub_unwatch(sub, &t->watch))
            ended(&t->watch, sub, NULL);
        gen_sub_free(sub);
    }
    give_back(scope);
}
