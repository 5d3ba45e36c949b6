/*
 * controller.c -- application_controller: starts, stops and knows applications.
 *
 *   call                  answer
 *   --------------------  ----------------------------------------------------
 *   {start, Which}        ok, or {error, Code, Text}; Which is a binary
 *   {stop, Name}          the same
 *   stop                  ok, when all are stopped; then it ends itself
 *   which_applications    [{Name, Description, Version}], as OTP's
 *
 * One thing at a time: whoever asks while an application starts waits for that,
 * which is bounded by start_time_ms. An application that ends by itself is
 * logged and forgotten; those that need it go on. Errors are as
 * apps_application_start() lists them.
 */
#include "agner_apps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "builtin.h"
#include "master.h"
#include "so.h"
#include "start_order.h"

#define START_TIME_MS 60000
#define WHICH_TIME_MS 2000

struct running {
    const struct gen_application *application; /* borrowed: static */
    etf_pid master;
};

struct controller {
    const struct apps_loader_options *options; /* borrowed */
    struct running running[APPS_MAX];          /* in order of start */
    size_t running_count;
    /* From shared objects, for ever. */
    const struct gen_application *loaded[APPS_MAX];
    size_t loaded_count;
};

static struct running *find_running(struct controller *c, const char *name)
{
    for (size_t i = 0; i < c->running_count; i++) {
        if (strcmp(c->running[i].application->name, name) == 0)
            return &c->running[i];
    }
    return NULL;
}

static void forget(struct controller *c, const struct running *r)
{
    size_t i = (size_t)(r - c->running);

    c->running_count--;
    memmove(&c->running[i], &c->running[i + 1],
            (c->running_count - i) * sizeof *r);
}

/* ---- Finding ---------------------------------------------------------- */

/* Opening blocks, so it is done on a thread for that. */
struct opening {
    const char *path;
    const struct apps_loader_options *options;
    const struct gen_application *found;
    struct agner_error *error;
    enum agner_err err;
};

static void open_it(void *arg)
{
    struct opening *o = arg;

    o->err = apps__so_open(o->path, o->options, &o->found, o->error);
}

static const struct gen_application *find_loaded(const struct controller *c,
                                                 const char *name)
{
    for (size_t i = 0; i < c->loaded_count; i++) {
        if (strcmp(c->loaded[i]->name, name) == 0)
            return c->loaded[i];
    }
    return NULL;
}

/* Two objects must not offer one name; one object may be opened twice. One that
 * was asked for goes before a built-in one. */
static enum agner_err remember(struct controller *c, const char *path,
                               const struct gen_application *found,
                               struct agner_error *error)
{
    const struct gen_application *known = find_loaded(c, found->name);

    if (known != NULL && known != found)
        return agner_fail(error, AGNER_ENOTLOADED,
                          "%s: there is an application %s already", path,
                          found->name);
    if (known == found)
        return AGNER_OK;
    if (c->loaded_count == APPS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %d applications",
                          APPS_MAX);
    c->loaded[c->loaded_count++] = found;
    return AGNER_OK;
}

static enum agner_err load(struct gen *self, const char *path,
                           const struct gen_application **found,
                           struct agner_error *error)
{
    struct controller *c = gen_state(self);
    struct opening o = { .path = path, .options = c->options, .error = error };
    enum agner_err err = rt_blocking(self, open_it, &o);

    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    if (o.err == AGNER_OK)
        o.err = remember(c, path, o.found, error);
    if (o.err == AGNER_OK)
        *found = o.found;
    return o.err;
}

static enum agner_err find(void *ctx, const char *which,
                           const struct gen_application **found,
                           struct agner_error *error)
{
    struct gen *self = ctx;
    struct controller *c = gen_state(self);
    const struct gen_application *known;
    char path[APPS_PATH_MAX];

    if (strchr(which, '/') != NULL)
        return load(self, which, found, error);
    known = find_loaded(c, which);
    if (known == NULL)
        known = apps__builtin(which);
    if (known != NULL) {
        *found = known;
        return AGNER_OK;
    }
    if (apps__so_find(which, c->options, path, sizeof path))
        return load(self, path, found, error);
    return agner_fail(error, AGNER_ENONAME,
                      "there is no application %s: it is not built in, and "
                      "%s.so is in none of application_dirs",
                      which, which);
}

static bool is_running(void *ctx, const char *name)
{
    struct gen *self = ctx;

    return find_running(gen_state(self), name) != NULL;
}

/* ---- Starting and stopping -------------------------------------------- */

static enum agner_err start_one(struct gen *self, struct controller *c,
                                const struct gen_application *app,
                                struct agner_error *error)
{
    struct rt_spawn_options options = { .label = app->name,
                                        .init_timeout_ms =
                                            c->options->start_time_ms };
    struct running *r = &c->running[c->running_count];
    /* A native value is not written through, but its pointer is not const. */
    void *value = (void *)(uintptr_t)app;
    etf_term reason = ETF_NONE;
    enum agner_err err;
    char text[160];

    if (c->running_count == APPS_MAX)
        return agner_fail(error, AGNER_ELIMIT, "over %d applications",
                          APPS_MAX);
    if (options.init_timeout_ms == 0)
        options.init_timeout_ms = START_TIME_MS;
    err = gen_start_link(self, &apps__master,
                         etf_resource(rt_region(self), value, NULL), &options,
                         &r->master, &reason);
    if (err == AGNER_EEXIT && !etf_is_none(reason))
        return agner_fail(error, err, "application %s did not start: %s",
                          app->name, etf_format(text, sizeof text, reason));
    if (err != AGNER_OK)
        return agner_fail(error, err, "application %s did not start: %s",
                          app->name, agner_strerror(err));
    r->application = app;
    c->running_count++;
    rt_log_self(self, RT_LOG_INFO, "application %s %s started", app->name,
                app->version);
    return AGNER_OK;
}

static enum agner_err start(struct gen *self, const char *which,
                            struct agner_error *error)
{
    struct controller *c = gen_state(self);
    struct apps_finder finder = { find, is_running, self };
    const struct gen_application *root;
    struct apps_order order;
    enum agner_err err = find(self, which, &root, error);

    if (err != AGNER_OK)
        return err;
    if (find_running(c, root->name) != NULL)
        return agner_fail(error, AGNER_ERUNNING,
                          "application %s is running already", root->name);
    err = apps__order(root, &finder, &order, error);
    for (size_t i = 0; i < order.count && err == AGNER_OK; i++)
        err = start_one(self, c, order.apps[i], error);
    return err; /* what was needed and did start stays, as in OTP */
}

/* Its children have their own time-outs, so this ends. */
static void stop_one(struct gen *self, struct controller *c, struct running *r)
{
    struct running gone = *r;

    forget(c, r);
    (void)rt_exit_signal(self, gone.master, ETF_A(shutdown)); /* or gone */
    (void)rt_wait(self, gone.master, RT_INFINITY);
    rt_log_self(self, RT_LOG_INFO, "application %s stopped",
                gone.application->name);
}

static void stop_all(struct gen *self, struct controller *c)
{
    while (c->running_count > 0)
        stop_one(self, c, &c->running[c->running_count - 1]);
}

/* ---- The process ------------------------------------------------------ */

static etf_term answer_of(struct gen *self, enum agner_err err,
                          const struct agner_error *error)
{
    if (err == AGNER_OK)
        return ETF_A(ok);
    return etf_make(self, "{error, _, _}", (int32_t)err,
                    (const char *)error->text);
}

static etf_term which_applications(struct gen *self, const struct controller *c)
{
    struct etf_region *r = rt_region(self);
    etf_term list = etf_nil();

    for (size_t i = c->running_count; i > 0; i--) {
        const struct gen_application *app = c->running[i - 1].application;

        list = etf_cons(r,
                        etf_make(self, "{_, _, _}", etf_atom(app->name),
                                 etf_string(r, app->description),
                                 etf_string(r, app->version)),
                        list);
    }
    return list;
}

static enum gen_next controller_init(struct gen *self, etf_term args)
{
    struct controller *c = gen_state(self);
    void *options;

    if (!etf_get_resource(args, &options))
        return gen_stop(self, ETF_A(badarg));
    c->options = options;
    (void)rt_trap_exit(self, true);
    return GEN_NEXT;
}

static enum gen_next controller_call(struct gen *self, struct gen_from from,
                                     etf_term request)
{
    struct controller *c = gen_state(self);
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = AGNER_OK;
    char text[APPS_PATH_MAX];
    struct running *r;
    etf_term which;

    if (etf_match(request, "which_applications"))
        return gen_reply(self, from, which_applications(self, c));
    if (etf_match(request,
                  "stop")) /* terminate stops all, then goes the answer */
        return gen_stop_reply(self, from, ETF_A(shutdown), ETF_A(ok));
    if (etf_match(request, "{start, _}", &which) &&
        etf_get_text(which, text, sizeof text)) {
        err = start(self, text, &error);
    } else if (etf_match(request, "{stop, _}", &which) &&
               etf_get_text(which, text, sizeof text)) {
        r = find_running(c, text);
        if (r != NULL)
            stop_one(self, c, r);
        else
            err = agner_fail(&error, AGNER_ENOTRUNNING,
                             "application %s is not running", text);
    } else {
        err = agner_fail(&error, AGNER_EINVAL, "no such request");
    }
    return gen_reply(self, from, answer_of(self, err, &error));
}

static enum gen_next controller_info(struct gen *self, etf_term message)
{
    struct controller *c = gen_state(self);
    etf_term reason;
    char text[160];
    etf_pid pid;

    if (!etf_match(message, "{'EXIT', _, _}", &pid, &reason))
        return GEN_NEXT; /* nobody else has anything to say to us */
    for (size_t i = 0; i < c->running_count; i++) {
        if (!etf_pid_equal(c->running[i].master, pid))
            continue;
        rt_log_self(self, RT_LOG_ERROR, "application %s ended: %s",
                    c->running[i].application->name,
                    etf_format(text, sizeof text, reason));
        forget(c, &c->running[i]);
        break;
    }
    return GEN_NEXT;
}

static void controller_terminate(struct gen *self, etf_term reason)
{
    (void)reason;
    stop_all(self, gen_state(self));
}

static const struct gen_server controller = {
    .name = "application_controller",
    .state_size = sizeof(struct controller),
    .init = controller_init,
    .handle_call = controller_call,
    .handle_info = controller_info,
    .terminate = controller_terminate,
};

/* ---- For others ------------------------------------------------------- */

static enum agner_err ask(struct gen *self, etf_term request,
                          uint64_t timeout_ms, etf_term *reply,
                          struct agner_error *error)
{
    enum agner_err err = gen_call(self, etf_atom("application_controller"),
                                  request, timeout_ms, reply);
    etf_term text;
    char buffer[sizeof error->text];
    int32_t code;

    if (err != AGNER_OK)
        return agner_fail(error, err, "application_controller: %s",
                          agner_strerror(err));
    if (!etf_match(*reply, "{error, _, _}", &code, &text))
        return AGNER_OK;
    if (!etf_get_text(text, buffer, sizeof buffer))
        buffer[0] = '\0';
    return agner_fail(error, (enum agner_err)code, "%s", buffer);
}

enum agner_err apps_loader_start(struct gen *self,
                                 const struct apps_loader_options *options,
                                 struct agner_error *error)
{
    struct rt_spawn_options spawn = { .name =
                                          etf_atom("application_controller") };
    void *value = (void *)(uintptr_t)options; /* not written through */
    etf_pid pid;
    enum agner_err err =
        gen_start(self, &controller, etf_resource(rt_region(self), value, NULL),
                  &spawn, &pid, NULL);

    if (err != AGNER_OK)
        return agner_fail(error, err, "application_controller: %s",
                          agner_strerror(err));
    return apps_application_start(self, "kernel", error);
}

enum agner_err apps_application_start(struct gen *self, const char *which,
                                      struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{start, _}", which), RT_INFINITY, &reply,
               error);
}

enum agner_err apps_application_stop(struct gen *self, const char *name,
                                     struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{stop, _}", name), RT_INFINITY, &reply,
               error);
}

enum agner_err apps_loader_stop(struct gen *self, uint64_t timeout_ms)
{
    etf_term reply;

    return ask(self, ETF_A(stop), timeout_ms, &reply, NULL);
}

enum agner_err apps_which(struct gen *self, etf_term *list)
{
    return ask(self, etf_make(self, "which_applications"), WHICH_TIME_MS, list,
               NULL);
}
