/*
 * application_run.c -- an application from one state to the next.
 *
 * The table of states is in application_table.h. Nothing here waits: a master
 * is started in a moment, since its keeper does what takes long, and told to
 * end without looking for its end.
 */
#include <string.h>

#include "application_mode.h"
#include "application_table.h"

/* ---- Loading ------------------------------------------------------------ */

/* Where any thread finds it; a row of that name is what a controller left that
 * was killed. */
static enum agner_err add_row(struct gen *self, const struct gen_application *a)
{
    struct rt *rt = rt_of(self);
    etf_term name = etf_atom(a->name);
    enum agner_err err =
        rt_behavior_register(rt, RT_GROUP_APPLICATIONS, name, a, NULL, NULL);

    if (err != AGNER_ETAKEN)
        return err;
    (void)rt_behavior_unregister(rt, RT_GROUP_APPLICATIONS, name);
    return rt_behavior_register(rt, RT_GROUP_APPLICATIONS, name, a, NULL, NULL);
}

enum agner_err gen__app_load(struct gen *self, struct controller *c,
                             const struct gen_application *application,
                             struct app **app, struct agner_error *error)
{
    enum agner_err err = gen_application_check(application, error);

    if (err != AGNER_OK)
        return err;
    *app = gen__app_find(c, application->name);
    if (*app != NULL && (*app)->application != application)
        return agner_fail(error, AGNER_EALREADY,
                          "there is an application %s already",
                          application->name);
    if (*app != NULL)
        return AGNER_OK;
    err = gen__app_add(c, application, app, error);
    if (err != AGNER_OK)
        return err;
    err = gen__app_env_set(self, c, application, error);
    if (err == AGNER_OK) {
        err = add_row(self, application);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "%s: %s", application->name,
                             agner_strerror(err));
    }
    if (err != AGNER_OK)
        gen__app_unload(self, c, *app);
    return err;
}

void gen__app_unload(struct gen *self, struct controller *c, struct app *app)
{
    const struct gen_application *a = app->application;

    (void)rt_behavior_unregister(rt_of(self), RT_GROUP_APPLICATIONS,
                                 etf_atom(a->name)); /* it may not be there */
    gen__app_env_clear(self, a);
    gen__app_remove(c, app);
}

enum agner_err gen__app_get(struct gen *self, struct controller *c,
                            const char *which, struct app **app,
                            struct agner_error *error)
{
    const struct gen_application *found = NULL;
    struct agner_error why = { AGNER_OK, "" };
    enum agner_err err;

    *app = gen__app_find(c, which);
    if (*app != NULL)
        return AGNER_OK;
    if (c->options.find == NULL)
        return agner_fail(error, AGNER_ENONAME, "there is no application %s",
                          which);
    err = c->options.find(c->options.ctx, self, which, &found, error);
    if (err != AGNER_OK)
        return err;
    err = gen__app_load(self, c, found, app, &why);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", which, why.text);
    return AGNER_OK;
}

/* ---- Reports ------------------------------------------------------------ */

static void report_up(struct gen *self, const struct app *app)
{
    rt_log_report(self, RT_LOG_INFO,
                  etf_make(self,
                           "#{label => {application_controller, progress}, "
                           "report => [{application, _}, {started_at, _}]}",
                           etf_atom(app->application->name),
                           rt_node(rt_of(self)).name));
}

static void report_exit(struct gen *self, enum rt_log_level level,
                        const struct app *app, etf_term reason)
{
    rt_log_report(self, level,
                  etf_make(self,
                           "#{label => {application_controller, exit}, "
                           "report => [{application, _}, {exited, _}, "
                           "{type, _}]}",
                           etf_atom(app->application->name), reason,
                           gen__start_type_atom(app->type)));
}

/* On request: OTP says so at `notice`, and a node that stops would say it of
 * each of its applications. */
static void report_stopped(struct gen *self, const struct app *app)
{
    report_exit(self, RT_LOG_INFO, app, etf_atom("stopped"));
}

/* ---- Starting ----------------------------------------------------------- */

static void is_up(struct gen *self, struct controller *c, struct app *app)
{
    gen__app_to_front(c, app);
    app->state = APP_RUNNING;
    app->started_ms = rt_now_ms(rt_of(self));
    report_up(self, app);
}

enum agner_err gen__app_start(struct gen *self, struct controller *c,
                              struct app *app, enum gen_start_type type,
                              struct agner_error *error)
{
    const struct gen_application *a = app->application;
    struct rt_spawn_options options = { .label = a->name };
    enum agner_err err = AGNER_OK;

    app->told = false;
    app->type = type;
    if (gen__application_has_tree(a))
        err = gen_start_link(
            self, &gen__application_master,
            gen__application_args_new(self, a, type, c->options.start_time_ms),
            &options, &app->master, NULL);
    if (err != AGNER_OK) {
        app->master = (etf_pid){ .id = 0 };
        return agner_fail(error, err, "application %s did not start: %s",
                          a->name, agner_strerror(err));
    }
    if (!gen__application_has_tree(a)) {
        is_up(self, c, app);
        return AGNER_OK;
    }
    app->state = APP_STARTING;
    gen__app_to_front(c, app);
    return AGNER_OK;
}

/* Answers those who asked for the start. */
static void answer_waiters(struct gen *self, struct app *app, etf_term answer)
{
    struct waiter **place = &app->waiters;

    while (*place != NULL) {
        struct waiter *w = *place;

        if (w->request != NULL) {
            place = &w->next;
            continue;
        }
        *place = w->next;
        (void)gen_reply(self, w->from, answer);
        gen__waiter_free(w);
    }
}

void gen__app_started(struct gen *self, struct controller *c, struct app *app,
                      etf_pid top)
{
    if (app->state != APP_STARTING)
        return; /* told to end meanwhile */
    app->top = top;
    is_up(self, c, app);
    answer_waiters(self, app, ETF_A(ok));
}

/* ---- Stopping ----------------------------------------------------------- */

enum agner_err gen__app_stop(struct gen *self, struct controller *c,
                             struct app *app)
{
    if (etf_pid_is_none(app->master)) { /* it has no processes */
        app->state = APP_LOADED;
        gen__app_to_back(c, app);
        report_stopped(self, app);
        return AGNER_OK;
    }
    if (rt_exit_signal(self, app->master, ETF_A(shutdown)) == AGNER_ENOMEM)
        return AGNER_ENOMEM; /* any other failure: it has just ended */
    app->end = APP_END_STOPPED;
    app->state = APP_STOPPING;
    return AGNER_OK;
}

/* ---- Ends --------------------------------------------------------------- */

bool gen__app_master_ended(struct gen *self, struct app *app, etf_term reason)
{
    if (app->state == APP_STARTING)
        app->end = APP_END_FAILED;
    else if (app->state == APP_RUNNING)
        app->end = APP_END_ITSELF;
    app->state = APP_STOPPING;
    app->reason = etf_box_new(reason); /* NULL: it is told as `error` */
    /* Its keeper has ended before, unless the master was killed. */
    if (rt_monitor(self, etf_from_pid(NULL, app->keeper), 0,
                   &app->keeper_ref) == AGNER_OK)
        return true;
    app->keeper_ref = (etf_ref){ .count = 0 };
    (void)rt_wait(self, app->keeper, RT_INFINITY); /* no memory: wait here */
    return false;
}

/* What is logged, and what the node has to hear. */
static void tell_end(struct gen *self, const struct controller *c,
                     const struct app *app, etf_term reason)
{
    bool list_killed = app->end == APP_END_ITSELF &&
                       app->application->child_count > 0 && !app->told;

    switch (app->end) {
    case APP_END_STOPPED:
        report_stopped(self, app);
        return;
    case APP_END_FAILED: /* application_start_failure of OTP */
    case APP_END_ITSELF:
        report_exit(self, RT_LOG_NOTICE, app, reason);
        break;
    }
    if (!c->ending && c->options.node_stop != NULL &&
        gen__end_stops_node(app->type, list_killed, reason))
        c->options.node_stop(c->options.ctx, app->application->name, reason);
}

struct waiter *gen__app_ended(struct gen *self, struct controller *c,
                              struct app *app)
{
    etf_term reason =
        app->reason != NULL ? etf_box_term(app->reason) : ETF_A(error);
    struct waiter *left;

    (void)rt_application_leader(rt_of(self), app->master, ETF_NONE);
    app->state = APP_LOADED;
    app->master = app->keeper = app->top = (etf_pid){ .id = 0 };
    app->keeper_ref = (etf_ref){ .count = 0 };
    gen__app_to_back(c, app);
    tell_end(self, c, app, reason);
    answer_waiters(
        self, app,
        etf_make(self, "{error, _}",
                 app->end == APP_END_STOPPED ? ETF_A(shutdown) : reason));
    if (app->has_stopper)
        (void)gen_reply(self, app->stopper, ETF_A(ok));
    app->has_stopper = false;
    etf_box_free(app->reason);
    app->reason = NULL;
    left = app->waiters;
    app->waiters = NULL;
    return left;
}
