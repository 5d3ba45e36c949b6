/*
 * start_order.c -- dependencies first: a walk in depth, with the path in hand.
 *
 * An application is on the path once at most, so the walk is never deeper than
 * APPS_MAX.
 */
#include "start_order.h"

#include <stdio.h>
#include <string.h>

struct walk {
    const struct apps_finder *finder;
    struct apps_order *order;
    struct agner_error *error;
    const char *path[APPS_MAX];
    size_t depth;
};

static bool is_ordered(const struct apps_order *order, const char *name)
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

static enum agner_err visit(struct walk *w, const struct gen_application *app)
{
    const char *const *need = app->applications;
    enum agner_err err;

    for (size_t i = 0; i < w->depth; i++) {
        if (strcmp(w->path[i], app->name) == 0)
            return fail_cycle(w, i);
    }
    if (w->depth == APPS_MAX || w->order->count == APPS_MAX)
        return agner_fail(w->error, AGNER_ELIMIT, "over %d applications",
                          APPS_MAX);
    w->path[w->depth++] = app->name;
    for (; need != NULL && *need != NULL; need++) {
        const struct gen_application *found;

        if (is_ordered(w->order, *need) ||
            w->finder->is_running(w->finder->ctx, *need))
            continue;
        err = w->finder->find(w->finder->ctx, *need, &found, w->error);
        if (err == AGNER_OK)
            err = visit(w, found);
        if (err != AGNER_OK)
            return err;
    }
    w->depth--;
    if (w->order->count == APPS_MAX)
        return agner_fail(w->error, AGNER_ELIMIT, "over %d applications",
                          APPS_MAX);
    w->order->apps[w->order->count++] = app;
    return AGNER_OK;
}

enum agner_err apps__order(const struct gen_application *root,
                           const struct apps_finder *finder,
                           struct apps_order *order, struct agner_error *error)
{
    struct walk w = { .finder = finder, .order = order, .error = error };

    order->count = 0;
    return visit(&w, root);
}
