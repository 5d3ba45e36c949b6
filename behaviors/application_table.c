/*
 * application_table.c -- the applications that a controller knows.
 *
 * The order of the list is the order of `which_applications`: what is stopped
 * first comes first.
 */
#include "application_table.h"

#include <stdlib.h>
#include <string.h>

enum agner_err gen_application_check(const struct gen_application *a,
                                     struct agner_error *error)
{
    struct agner_error why = { AGNER_OK, "" };
    const char *wrong = NULL;
    int forms;

    if (a->abi != GEN_APPLICATION_ABI)
        return agner_fail(error, AGNER_ENOTLOADED,
                          "made for application ABI %u; this is %u: compile it "
                          "again",
                          a->abi, GEN_APPLICATION_ABI);
    forms = (a->child_count > 0) + (a->supervisor != NULL) + (a->start != NULL);
    if (a->name == NULL || a->version == NULL || a->description == NULL)
        wrong = "the application has no name, version or description";
    else if (etf_is_none(etf_atom(a->name)))
        wrong = "its name cannot be an atom";
    else if (a->child_count > 0 && a->children == NULL)
        wrong = "children are counted and not there";
    else if (forms > 1)
        wrong = "children, supervisor, start: more than one of them";
    else if (a->start_phases != NULL && a->start_phase == NULL)
        wrong = "start_phases without a start_phase";
    else if (a->start_phases != NULL && !gen__application_has_tree(a))
        wrong = "start_phases without processes";
    else if (gen_check_childspecs(a->children, a->child_count, GEN_AUTO_NEVER,
                                  &why) != AGNER_OK)
        wrong = why.text;
    if (wrong != NULL)
        return agner_fail(error, AGNER_ENOTLOADED, "%s", wrong);
    return AGNER_OK;
}

struct app *gen__app_find(const struct controller *c, const char *name)
{
    struct app *app = c->apps;

    while (app != NULL && strcmp(app->application->name, name) != 0)
        app = app->next;
    return app;
}

struct app *gen__app_of_master(const struct controller *c, etf_pid master)
{
    struct app *app = c->apps;

    while (app != NULL && !etf_pid_equal(app->master, master))
        app = app->next;
    return app;
}

struct app *gen__app_of_ref(const struct controller *c, etf_ref ref)
{
    struct app *app = c->apps;

    while (app != NULL &&
           (app->keeper_ref.count == 0 || !etf_ref_equal(app->keeper_ref, ref)))
        app = app->next;
    return app;
}

/* Where the pointer to it is. */
static struct app **place_of(struct controller *c, const struct app *app)
{
    struct app **place = &c->apps;

    while (*place != app)
        place = &(*place)->next;
    return place;
}

/* Behind everything else. */
static void add_last(struct controller *c, struct app *app)
{
    app->next = NULL;
    *place_of(c, NULL) = app;
}

enum agner_err gen__app_add(struct controller *c,
                            const struct gen_application *application,
                            struct app **app, struct agner_error *error)
{
    struct app *added;

    if (c->count == GEN_APPLICATIONS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %d applications",
                          GEN_APPLICATIONS_MAX);
    added = calloc(1, sizeof *added);
    if (added == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s: %s", application->name,
                          agner_strerror(AGNER_ENOMEM));
    added->application = application;
    add_last(c, added);
    c->count++;
    *app = added;
    return AGNER_OK;
}

void gen__app_to_front(struct controller *c, struct app *app)
{
    *place_of(c, app) = app->next;
    app->next = c->apps;
    c->apps = app;
}

void gen__app_to_back(struct controller *c, struct app *app)
{
    *place_of(c, app) = app->next;
    add_last(c, app);
}

void gen__app_remove(struct controller *c, struct app *app)
{
    *place_of(c, app) = app->next;
    c->count--;
    while (app->waiters != NULL) {
        struct waiter *w = app->waiters;

        app->waiters = w->next;
        gen__waiter_free(w);
    }
    etf_box_free(app->reason);
    free(app);
}

enum agner_err gen__app_wait(struct app *app, struct gen_from from,
                             etf_term request)
{
    struct waiter *w = calloc(1, sizeof *w);
    struct waiter **end = &app->waiters;

    if (w == NULL)
        return AGNER_ENOMEM;
    w->from = from;
    if (!etf_is_none(request)) {
        w->request = etf_box_new(request);
        if (w->request == NULL) {
            free(w);
            return AGNER_ENOMEM;
        }
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = w;
    return AGNER_OK;
}

void gen__waiter_free(struct waiter *w)
{
    etf_box_free(w->request);
    free(w);
}
