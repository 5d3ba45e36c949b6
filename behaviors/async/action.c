/*
 * action.c -- functions that do things: gen_action.h.
 */
#include <agner/gen_action.h>

#include <agner/gen.h>

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
    const struct gen_interceptor *list;
    size_t count;
    const struct gen_action *action;
};

static enum agner_err enter(struct gen *self, void *ctx, void *arg,
                            void **result)
{
    const struct inside *all = ctx;
    struct inside rest = *all;
    struct gen_action next = { enter, &rest };

    while (rest.count > 0) {
        const struct gen_interceptor *one = &rest.list[--rest.count];

        if (one->run == NULL)
            continue;
        if (rest.count == 0)
            next = *rest.action;
        return one->run(self, one->ctx, &next, arg, result);
    }
    return gen_action_call(self, rest.action, arg, result);
}

enum agner_err gen_intercept(struct gen *self,
                             const struct gen_interceptor *list, size_t count,
                             const struct gen_action *action, void *arg,
                             void **result)
{
    struct inside all = { list, count, action };
    void *nobody = NULL;

    return enter(self, &all, arg, result == NULL ? &nobody : result);
}

/* ---- Containment -------------------------------------------------------- */

struct attempt {
    gen_run_fn run;
    gen_check_fn check; /* instead, if `run` is NULL */
    void *ctx;
    struct gen_cancel *cancel;
    enum agner_err err;
};

static void attempt(struct gen *self, void *arg)
{
    struct attempt *a = arg;

    a->err = a->run != NULL ? a->run(self, a->ctx, a->cancel)
                            : a->check(self, a->ctx);
}

enum agner_err gen_recover(struct gen *self, gen_run_fn run, void *ctx,
                           struct gen_cancel *cancel, struct gen_errors *errors,
                           etf_term *reason)
{
    struct attempt a = { .run = run, .ctx = ctx, .cancel = cancel };
    etf_term why = ETF_NONE;

    if (run == NULL)
        a.err = AGNER_EINVAL;
    else if (rt_try(self, attempt, &a, &why) != AGNER_OK)
        a.err = AGNER_ECRASHED;
    if (reason != NULL && a.err == AGNER_ECRASHED)
        *reason = why;
    if (a.err != AGNER_OK)
        (void)gen_errors_put(errors, a.err, why); /* or it is counted */
    return a.err;
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

enum agner_err gen_check(struct gen *self, gen_check_fn check, void *ctx)
{
    struct attempt a = { .check = check, .ctx = ctx };

    if (check == NULL)
        return AGNER_EINVAL;
    return rt_try(self, attempt, &a, NULL) == AGNER_OK ? a.err : AGNER_ECRASHED;
}
