/*
 * application_order.c -- dependencies first: a walk in depth, with the path in
 * hand.
 *
 * An application is on the path once at most, so the walk is never deeper than
 * GEN_APPLICATIONS_MAX.
 */
#include "application_order.h"

#include <stdio.h>
#include <string.h>

struct walk {
    const struct gen__finder *finder;
    struct gen__order *order;
    struct agner_error *error;
    const char *path[GEN_APPLICATIONS_MAX];
    size_t depth;
};

static bool is_listed(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

static bool is_ordered(const struct gen__order *order, const char *name)
{
    for (size_t i = 0; i < order->count; i++) {
        if (strcmp(order->apps[i]->name, name) == 0)
            return true;
    }
    return false;
}

/* "a needs b needs a", from where the path met `name` first. */
static enum agner_err fail_cycle(struct walk *w, size_t first)
{
    char text[200] = "";
    size_t used = 0;

    for (size_t i = first; i < w->depth && used < sizeof text; i++) {
        int n =
            snprintf(text + used, sizeof text - used, "%s needs ", w->path[i]);

        used += n > 0 ? (size_t)n : 0;
    }
    return agner_fail(w->error, AGNER_ECYCLE, "%s%s", text, w->path[first]);
}

static enum agner_err fail_limit(struct walk *w)
{
    return agner_fail(w->error, AGNER_ELIMIT, "over %d applications",
                      GEN_APPLICATIONS_MAX);
}

static enum agner_err visit(struct walk *w, const struct gen_application *app);

/* All of one list. An optional one that is nowhere is passed over. */
static enum agner_err visit_names(struct walk *w, const char *const *names,
                                  const char *const *optional)
{
    const struct gen__finder *f = w->finder;

    for (; names != NULL && *names != NULL; names++) {
        const struct gen_application *found;
        enum agner_err err;

        if (is_ordered(w->order, *names) || f->is_running(f->ctx, *names))
            continue;
        err = f->find(f->ctx, *names, &found, w->error);
        if (err == AGNER_ENONAME && is_listed(optional, *names))
            continue;
        if (err == AGNER_OK)
            err = visit(w, found);
        if (err != AGNER_OK)
            return err;
    }
    return AGNER_OK;
}

static enum agner_err visit(struct walk *w, const struct gen_application *app)
{
    enum agner_err err;

    for (size_t i = 0; i < w->depth; i++) {
        if (strcmp(w->path[i], app->name) == 0)
            return fail_cycle(w, i);
    }
    if (w->depth == GEN_APPLICATIONS_MAX)
        return fail_limit(w);
    w->path[w->depth++] = app->name;
    err = visit_names(w, app->applications, app->optional_applications);
    if (err == AGNER_OK)
        err = visit_names(w, app->optional_applications,
                          app->optional_applications);
    if (err != AGNER_OK)
        return err;
    w->depth--;
    if (w->order->count == GEN_APPLICATIONS_MAX)
        return fail_limit(w);
    w->order->apps[w->order->count++] = app;
    return AGNER_OK;
}

enum agner_err gen__application_order(const struct gen_application *root,
                                      const struct gen__finder *finder,
                                      struct gen__order *order,
                                      struct agner_error *error)
{
    struct walk w = { .finder = finder, .order = order, .error = error };

    order->count = 0;
    return visit(&w, root);
}

const char *gen__application_lacks(const struct gen_application *app,
                                   const struct gen__finder *finder)
{
    const char *const *name = app->applications;

    for (; name != NULL && *name != NULL; name++) {
        if (!is_listed(app->optional_applications, *name) &&
            !finder->is_running(finder->ctx, *name))
            return *name;
    }
    return NULL;
}
