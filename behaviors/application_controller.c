/*
 * application_controller.c -- the process that starts, stops and knows
 * applications, by the name `application_controller`.
 *
 *   call                             answer
 *   -------------------------------  -----------------------------------------
 *   which_applications               [{Name, Description, Version}]: running
 *   loaded_applications              the same of all
 *   info                             as application:info()
 *   applications                     [Map] of all, as gen_application_info()
 *   {application_info, Name}         {ok, Map}
 *   {load_application, Which}        ok
 *   {unload_application, Name}       ok
 *   {start_application, Which,       ok, when it is up
 *     Type}
 *   {stop_application, Name}         ok, when it is down
 *   {start_order, Which}             {ok, [Name]}: what is to be started
 *   {set_env, Name, Key, Value,      ok
 *     Options}
 *   {unset_env, Name, Key, Options}  ok
 *   {config_change, Config}          ok
 *   stop                             ok, when all are down; then it ends
 *
 * Answers and reasons are OTP's where OTP has the request; any may be {error,
 * Reason}. Names are atoms or texts; Which is a name or what options.find
 * takes. {refused, Code, Text} is the reason for what OTP does not know: the
 * code is an enum agner_err. No answer has to wait for another's start or stop.
 */
#include <stdlib.h>
#include <string.h>

#include "application_order.h"
#include "application_table.h"

#define WHICH_MAX 4096 /* bytes of a name or a path, with its zero */

/* The answer comes later. */
#define LATER ETF_NONE

/* ---- Answers ------------------------------------------------------------ */

static etf_term error_of(struct gen *self, const char *what, etf_term name)
{
    return etf_make(self, "{error, {_, _}}", etf_atom(what), name);
}

static etf_term refused(struct gen *self, enum agner_err err,
                        const struct agner_error *error)
{
    return etf_make(self, "{error, {refused, _, _}}", (int32_t)err,
                    (const char *)error->text);
}

static etf_term name_atom(const struct app *app)
{
    return etf_atom(app->application->name);
}

static etf_term put_off(struct gen *self, struct app *app, struct gen_from from,
                        etf_term request)
{
    enum agner_err err = gen__app_wait(app, from, request);

    if (err == AGNER_OK)
        return LATER;
    return etf_make(self, "{error, enomem}");
}

/* ---- Loading ------------------------------------------------------------ */

static etf_term load(struct gen *self, struct controller *c, etf_term which)
{
    struct agner_error error = { AGNER_OK, "" };
    size_t count = c->count;
    char text[WHICH_MAX];
    enum agner_err err;
    struct app *app;
    void *value;

    if (etf_get_resource(which, &value))
        err = gen__app_load(self, c, value, &app, &error);
    else if (etf_get_text(which, text, sizeof text))
        err = gen__app_get(self, c, text, &app, &error);
    else
        return etf_make(self, "{error, badarg}");
    if (err != AGNER_OK)
        return refused(self, err, &error);
    if (c->count == count)
        return error_of(self, "already_loaded", name_atom(app));
    return ETF_A(ok);
}

static etf_term unload(struct gen *self, struct controller *c, etf_term name,
                       const char *text, struct gen_from from, etf_term request)
{
    struct app *app = gen__app_find(c, text);

    if (app == NULL)
        return error_of(self, "not_loaded", name);
    if (app->state == APP_STOPPING)
        return put_off(self, app, from, request);
    if (app->state != APP_LOADED)
        return error_of(self, "running", name_atom(app));
    gen__app_unload(self, c, app);
    return ETF_A(ok);
}

/* ---- Starting and stopping ---------------------------------------------- */

static enum agner_err find(void *ctx, const char *name,
                           const struct gen_application **found,
                           struct agner_error *error)
{
    struct gen *self = ctx;
    struct app *app;
    enum agner_err err = gen__app_get(self, gen_state(self), name, &app, error);

    if (err == AGNER_OK)
        *found = app->application;
    return err;
}

static bool is_running(void *ctx, const char *name)
{
    struct gen *self = ctx;
    const struct app *app = gen__app_find(gen_state(self), name);

    return app != NULL && app->state == APP_RUNNING;
}

static etf_term start_order(struct gen *self, struct controller *c,
                            const char *which)
{
    struct gen__finder finder = { find, is_running, self };
    struct agner_error error = { AGNER_OK, "" };
    etf_term names = etf_nil();
    struct gen__order order;
    enum agner_err err;
    struct app *app;

    err = gen__app_get(self, c, which, &app, &error);
    if (err == AGNER_OK && app->state == APP_RUNNING)
        return etf_make(self, "{ok, []}");
    if (err == AGNER_OK)
        err = gen__application_order(app->application, &finder, &order, &error);
    if (err != AGNER_OK)
        return refused(self, err, &error);
    for (size_t i = order.count; i-- > 0;)
        names = etf_cons(rt_region(self), etf_atom(order.apps[i]->name), names);
    return etf_make(self, "{ok, _}", names);
}

static etf_term start(struct gen *self, struct controller *c, const char *which,
                      etf_term type_atom, struct gen_from from,
                      etf_term request)
{
    struct gen__finder finder = { find, is_running, self };
    struct agner_error error = { AGNER_OK, "" };
    enum gen_start_type type;
    const char *lacks;
    char word[16];
    struct app *app;
    enum agner_err err;

    if (!etf_get_text(type_atom, word, sizeof word) ||
        !gen_start_type_parse(word, &type))
        return error_of(self, "invalid_restart_type", type_atom);
    if (c->ending)
        return etf_make(self, "{error, shutdown}");
    err = gen__app_get(self, c, which, &app, &error);
    if (err != AGNER_OK)
        return refused(self, err, &error);
    if (app->state == APP_STOPPING)
        return put_off(self, app, from, request);
    if (app->state == APP_RUNNING)
        return error_of(self, "already_started", name_atom(app));
    if (app->state == APP_STARTING) /* with the type of the first one */
        return put_off(self, app, from, ETF_NONE);
    lacks = gen__application_lacks(app->application, &finder);
    if (lacks != NULL)
        return error_of(self, "not_started", etf_atom(lacks));
    err = gen__app_start(self, c, app, type, &error);
    if (err != AGNER_OK)
        return refused(self, err, &error);
    if (app->state == APP_RUNNING)
        return ETF_A(ok);
    return put_off(self, app, from, ETF_NONE); /* or it starts unwatched */
}

static etf_term stop(struct gen *self, struct controller *c, etf_term name,
                     const char *text, struct gen_from from, etf_term request)
{
    struct app *app = gen__app_find(c, text);

    if (app != NULL && app->state == APP_STOPPING)
        return put_off(self, app, from, request);
    if (app == NULL || app->state != APP_RUNNING)
        return error_of(self, "not_started", name);
    if (gen__app_stop(self, c, app) != AGNER_OK)
        return etf_make(self, "{error, enomem}");
    if (app->state == APP_LOADED)
        return ETF_A(ok);
    app->stopper = from;
    app->has_stopper = true;
    return LATER;
}

/* ---- Requests ----------------------------------------------------------- */

static etf_term info(struct gen *self, const struct controller *c,
                     etf_term name, const char *text)
{
    const struct app *app = gen__app_find(c, text);

    if (app == NULL)
        return error_of(self, "not_loaded", name);
    return etf_make(self, "{ok, _}", gen__app_info(self, app));
}

/* [{persistent, true} | {timeout, _}] */
static bool is_kept(etf_term options)
{
    etf_term one;

    while (etf_list_next(&options, &one)) {
        if (etf_match(one, "{persistent, true}"))
            return true;
    }
    return false;
}

static etf_term set_env(struct gen *self, struct controller *c, etf_term name,
                        etf_term key, etf_term value, etf_term options)
{
    enum agner_err err = AGNER_OK;

    if (!etf_is_atom(name) || !etf_is_atom(key))
        return etf_make(self, "{error, badarg}");
    if (is_kept(options))
        err = gen__app_env_keep(self, c, name, key, value);
    if (err == AGNER_OK)
        err = rt_env_put(rt_of(self), name, key, value);
    if (err != AGNER_OK)
        return etf_make(self, "{error, _}", agner_strerror(err));
    return ETF_A(ok);
}

static etf_term config_change(struct gen *self, struct controller *c,
                              etf_term config)
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = gen__app_env_change(self, c, config, &error);

    return err == AGNER_OK ? ETF_A(ok) : refused(self, err, &error);
}

/* Requests without a name in them, or with one that need not be a text. */
static bool serve_plain(struct gen *self, struct controller *c,
                        etf_term request, etf_term *answer)
{
    etf_term name, key, value, options;

    if (etf_match(request, "which_applications"))
        *answer = gen__app_which(self, c);
    else if (etf_match(request, "loaded_applications"))
        *answer = gen__app_loaded(self, c);
    else if (etf_match(request, "applications"))
        *answer = gen__app_infos(self, c);
    else if (etf_match(request, "info"))
        *answer = gen__app_info_all(self, c);
    else if (etf_match(request, "{load_application, _}", &name))
        *answer = load(self, c, name);
    else if (etf_match(request, "{set_env, _, _, _, _}", &name, &key, &value,
                       &options))
        *answer = set_env(self, c, name, key, value, options);
    else if (etf_match(request, "{unset_env, _, _, _}", &name, &key, &options))
        *answer = set_env(self, c, name, key, ETF_NONE, options);
    else if (etf_match(request, "{config_change, _}", &value))
        *answer = config_change(self, c, value);
    else
        return false;
    return true;
}

static etf_term serve(struct gen *self, struct controller *c,
                      struct gen_from from, etf_term request)
{
    etf_term name, type, answer;
    char text[WHICH_MAX];

    if (serve_plain(self, c, request, &answer))
        return answer;
    if (etf_match(request, "{start_application, _, _}", &name, &type) &&
        etf_get_text(name, text, sizeof text))
        return start(self, c, text, type, from, request);
    if (etf_match(request, "{stop_application, _}", &name) &&
        etf_get_text(name, text, sizeof text))
        return stop(self, c, name, text, from, request);
    if (etf_match(request, "{unload_application, _}", &name) &&
        etf_get_text(name, text, sizeof text))
        return unload(self, c, name, text, from, request);
    if (etf_match(request, "{start_order, _}", &name) &&
        etf_get_text(name, text, sizeof text))
        return start_order(self, c, text);
    if (etf_match(request, "{application_info, _}", &name) &&
        etf_get_text(name, text, sizeof text))
        return info(self, c, name, text);
    return etf_make(self, "{error, badarg}");
}

static void answer(struct gen *self, struct controller *c, struct gen_from from,
                   etf_term request)
{
    etf_term reply = serve(self, c, from, request);

    if (!etf_same(reply, LATER))
        (void)gen_reply(self, from, reply);
}

/* ---- The end of all ----------------------------------------------------- */

/* Tells the one that was started last to end; ends itself when there is none,
 * or no memory to tell one, which terminate will try again. */
static enum gen_next end_next(struct gen *self, struct controller *c)
{
    struct app *app = c->apps;

    while (app != NULL && app->state != APP_LOADED) {
        if (app->state == APP_STOPPING)
            return GEN_NEXT;
        if (gen__app_stop(self, c, app) != AGNER_OK)
            break;
        app = c->apps;
    }
    if (c->has_ender)
        return gen_stop_reply(self, c->ender, ETF_A(shutdown), ETF_A(ok));
    return gen_stop(self, ETF_A(shutdown));
}

/* A second one that asks hears of our end. */
static enum gen_next end_all(struct gen *self, struct controller *c,
                             const struct gen_from *from)
{
    if (from != NULL && !c->has_ender) {
        c->ender = *from;
        c->has_ender = true;
    }
    c->ending = true;
    return end_next(self, c);
}

static void controller_terminate(struct gen *self, etf_term reason)
{
    struct controller *c = gen_state(self);

    (void)reason;
    for (struct app *app = c->apps; app != NULL; app = app->next) {
        if (etf_pid_is_none(app->master))
            continue;
        if (rt_exit_signal(self, app->master, ETF_A(shutdown)) == AGNER_ENOMEM)
            continue; /* it ends with us, by the link */
        (void)rt_wait(self, app->master, RT_INFINITY);
        (void)rt_wait(self, app->keeper, RT_INFINITY);
        (void)rt_application_leader(rt_of(self), app->master, ETF_NONE);
    }
    while (c->apps != NULL)
        gen__app_unload(self, c, c->apps);
}

/* ---- The process -------------------------------------------------------- */

static enum gen_next controller_init(struct gen *self, etf_term args)
{
    struct controller *c = gen_state(self);
    etf_term options, config, env;
    void *value;

    if (!etf_match(args, "{_, _, _}", &options, &config, &env) ||
        !etf_get_resource(options, &value))
        return gen_stop(self, ETF_A(badarg));
    c->options = *(const struct gen_applications_options *)value;
    c->config = etf_box_new(config);
    c->env = etf_box_new(env);
    if (c->config == NULL || c->env == NULL)
        return gen_stop(self, etf_atom("enomem"));
    if (rt_guard(self, RT_MAY_ADMIN, false) != AGNER_OK)
        return gen_stop(self, etf_atom("enomem"));
    (void)rt_trap_exit(self, true);
    rt_end_first(rt_of(self), rt_self(self));
    return GEN_NEXT;
}

static enum gen_next controller_call(struct gen *self, struct gen_from from,
                                     etf_term request)
{
    struct controller *c = gen_state(self);

    if (etf_match(request, "stop"))
        return end_all(self, c, &from);
    answer(self, c, from, request);
    return GEN_NEXT;
}

static enum gen_next controller_cast(struct gen *self, etf_term request)
{
    struct controller *c = gen_state(self);
    struct app *app;
    etf_pid master, pid;

    if (etf_match(request, "{keeper, _, _}", &master, &pid)) {
        app = gen__app_of_master(c, master);
        if (app != NULL)
            app->keeper = pid;
    } else if (etf_match(request, "{started, _, _}", &master, &pid)) {
        app = gen__app_of_master(c, master);
        if (app != NULL)
            gen__app_started(self, c, app, pid);
    } else if (etf_match(request, "{ending, _}", &master)) {
        app = gen__app_of_master(c, master);
        if (app != NULL)
            app->told = true;
    }
    return GEN_NEXT;
}

/* It is down: who waited for that has a turn, and so has the next one when all
 * are to go. */
static enum gen_next ended(struct gen *self, struct controller *c,
                           struct app *app)
{
    struct waiter *w = gen__app_ended(self, c, app);

    while (w != NULL) {
        struct waiter *next = w->next;

        answer(self, c, w->from, etf_box_term(w->request));
        gen__waiter_free(w);
        w = next;
    }
    return c->ending ? end_next(self, c) : GEN_NEXT;
}

static enum gen_next controller_info(struct gen *self, etf_term message)
{
    struct controller *c = gen_state(self);
    etf_term reason;
    struct app *app;
    etf_pid pid;
    etf_ref ref;

    if (etf_match(message, "{'EXIT', _, _}", &pid, &reason)) {
        if (etf_pid_equal(pid, rt_self(self)))
            return end_all(self, c, NULL); /* the node stops */
        app = gen__app_of_master(c, pid);
        if (app != NULL && !gen__app_master_ended(self, app, reason))
            return ended(self, c, app);
    } else if (etf_match(message, "{'DOWN', _, process, __, __}", &ref)) {
        app = gen__app_of_ref(c, ref);
        if (app != NULL)
            return ended(self, c, app);
    }
    return GEN_NEXT; /* nobody else has anything to say to us */
}

static void controller_destroy(void *state)
{
    struct controller *c = state;

    while (c->apps != NULL)
        gen__app_remove(c, c->apps);
    etf_box_free(c->config);
    etf_box_free(c->env);
    etf_box_free(c->kept);
}

const struct gen_server gen__application_controller = {
    .name = "application_controller",
    .state_size = sizeof(struct controller),
    .init = controller_init,
    .handle_call = controller_call,
    .handle_cast = controller_cast,
    .handle_info = controller_info,
    .terminate = controller_terminate,
    .destroy = controller_destroy,
};
