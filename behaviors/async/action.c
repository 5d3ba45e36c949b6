/*
 * action.c -- functions that do things: gen_action.h.
 */
#include <agner/gen_action.h>

#include <agner/gen.h>

#include "rt_try.h"

enum agner_err gen_action_call(struct gen *self,
                               const struct gen_action *action, void *arg,
                               void **result)
{
    void *nobody = NULL;

    if (result == NULL)
        result = &nobody;
    if (action->run == NULL) {
        *result = NULL;
        return AGNER_OK;
    }
    return action->run(self, action->ctx, arg, result);
}

/* ---- Interceptors -----------------------------------------------------------
 */

size_t gen_interceptors(struct gen_interceptor *out,
                        const struct gen_interceptor *list, size_t count)
{
    size_t used = 0;

    for (size_t i = 0; i < count; i++)
        if (list[i].run != NULL)
            out[used++] = list[i];
    return used;
}

/* What is inside of one of them: those before it, and the action. */
struct inside {
    const struct gen_interceptor *first, *end;
    const struct gen_action *action;
};

static enum agner_err enter(struct gen *self, void *ctx, void *arg,
                            void **result)
{
    const struct inside *all = ctx;
    const struct gen_interceptor *one = all->end;
    struct inside rest;
    struct gen_action next = { enter, &rest };

    do {
        if (one == all->first)
            return gen_action_call(self, all->action, arg, result);
        one--;
    } while (one->run == NULL);
    if (one == all->first) /* the innermost */
        return one->run(self, one->ctx, all->action, arg, result);
    rest = (struct inside){ all->first, one, all->action };
    return one->run(self, one->ctx, &next, arg, result);
}

enum agner_err gen_intercept(struct gen *self,
                             const struct gen_interceptor *list, size_t count,
                             const struct gen_action *action, void *arg,
                             void **result)
{
    struct inside all = { list, list, action };
    void *nobody = NULL;

    if (count > 0) /* otherwise the list may be NULL */
        all.end += count;
    return enter(self, &all, arg, result == NULL ? &nobody : result);
}

/* ---- Containment -------------------------------------------------------- */

/* It failed, or has left with `why`: for who collects, and who asks. */
static enum agner_err failed(enum agner_err err, etf_term why,
                             struct gen_errors *errors, etf_term *reason)
{
    if (reason != NULL && err == AGNER_ECRASHED)
        *reason = why;
    (void)gen_errors_put(errors, err, why); /* or it is counted */
    return err;
}

/* rt_try() in place: an action that does nothing costs what this does. */
enum agner_err gen_recover(struct gen *self, gen_run_fn run, void *ctx,
                           struct gen_cancel *cancel, struct gen_errors *errors,
                           etf_term *reason)
{
    struct rt_try_frame frame, **innermost = rt__tries(self);
    enum agner_err err;

    if (run == NULL)
        return failed(AGNER_EINVAL, ETF_NONE, errors, reason);
    frame.outer = *innermost;
    *innermost = &frame;
    if (RT_MARK_SET(frame.here) != 0) {
        *innermost = frame.outer;
        return failed(AGNER_ECRASHED, frame.reason, errors, reason);
    }
    err = run(self, ctx, cancel);
    *innermost = frame.outer;
    return err == AGNER_OK ? err : failed(err, ETF_NONE, errors, reason);
}

enum agner_err gen_recover_group(struct gen *self, gen_run_fn run, void *ctx,
                                 struct gen_cancel *cancel,
                                 struct gen_errors *errors,
                                 struct gen_group *group, etf_term *reason)
{
    enum agner_err err = gen_recover(self, run, ctx, cancel, errors, reason);

    (void)gen_group_done(group); /* below zero: it was not in the group */
    return err;
}

struct look {
    gen_check_fn check;
    void *ctx;
    enum agner_err err;
};

static void look(struct gen *self, void *arg)
{
    struct look *l = arg;

    l->err = l->check(self, l->ctx);
}

enum agner_err gen_check(struct gen *self, gen_check_fn check, void *ctx)
{
    struct look l = { .check = check, .ctx = ctx };

    if (check == NULL)
        return AGNER_EINVAL;
    return rt_try(self, look, &l, NULL) == AGNER_OK ? l.err : AGNER_ECRASHED;
}
