/*
 * application_call.c -- the asking side: requests to the controller, and what
 * its answers mean.
 *
 * Names go out as texts, so that none becomes an atom that is not one yet.
 */
#include <stdio.h>
#include <string.h>

#include "application_table.h"
#include "gen_internal.h"

#define CONTROLLER etf_atom("application_controller")
#define AT_ONCE_MS 5000 /* for requests that wait for nothing */
#define NAME_MAX_B 1024 /* bytes of an atom's text, with its zero */

/* ---- Reasons ------------------------------------------------------------ */

/* {What, Name} of OTP, as one of our codes and a sentence. */
static const struct meaning {
    const char *what;
    enum agner_err err;
    const char *text; /* behind the name */
} meanings[] = {
    { "already_started", AGNER_ERUNNING, "is running already" },
    { "already_loaded", AGNER_EALREADY, "is loaded already" },
    { "not_loaded", AGNER_ENOTLOADED, "is not loaded" },
    { "not_started", AGNER_ENOTRUNNING, "is not running" },
    { "running", AGNER_ERUNNING, "is running" },
    { "invalid_restart_type", AGNER_EINVAL, "is no start type" },
};

static enum agner_err mean(etf_term reason, struct agner_error *error)
{
    char name[256], text[200];
    etf_term what, subject;
    int32_t code;

    if (etf_match(reason, "{refused, _, _}", &code, &subject) && code < 0) {
        if (!etf_get_text(subject, text, sizeof text))
            (void)etf_format(text, sizeof text, subject);
        return agner_fail(error, (enum agner_err)code, "%s", text);
    }
    if (etf_atom_is(reason, "badarg"))
        return agner_fail(error, AGNER_EINVAL, "%s",
                          agner_strerror(AGNER_EINVAL));
    if (etf_atom_is(reason, "enomem"))
        return agner_fail(error, AGNER_ENOMEM, "%s",
                          agner_strerror(AGNER_ENOMEM));
    for (size_t i = 0; i < sizeof meanings / sizeof *meanings; i++) {
        const struct meaning *m = &meanings[i];

        if (!etf_match(reason, "{_, _}", &what, &subject) ||
            !etf_atom_is(what, m->what))
            continue;
        if (!etf_get_text(subject, name, sizeof name))
            (void)etf_format(name, sizeof name, subject);
        return agner_fail(error, m->err, "application %s %s", name, m->text);
    }
    return agner_fail(error, AGNER_EEXIT, "%s",
                      etf_format(text, sizeof text, reason));
}

/* ---- Asking ------------------------------------------------------------- */

/* *reply is the answer, or the reason when it was {error, Reason}. */
static enum agner_err ask(struct gen *self, etf_term request,
                          uint64_t timeout_ms, etf_term *reply,
                          struct agner_error *error)
{
    enum agner_err err;

    if (etf_is_none(request))
        err = AGNER_ENOMEM;
    else
        err = gen_call(self, CONTROLLER, request, timeout_ms, reply);
    if (err == AGNER_OK && etf_same(*reply, ETF_A(error)))
        err = AGNER_ENOMEM; /* it had none for the answer */
    if (err != AGNER_OK)
        return agner_fail(error, err, "application_controller: %s",
                          agner_strerror(err));
    if (!etf_match(*reply, "{error, _}", reply))
        return AGNER_OK;
    return mean(*reply, error);
}

enum agner_err
gen_applications_start(struct gen *self,
                       const struct gen_applications_options *options,
                       struct agner_error *error)
{
    static const struct gen_applications_options defaults = { .ctx = NULL };
    struct rt_spawn_options spawn = { .name = CONTROLLER };
    void *value = (void *)(uintptr_t)(options != NULL ? options : &defaults);
    etf_term config = etf_nil(), env = etf_nil();
    enum agner_err err;
    etf_pid pid;

    if (options != NULL && !etf_is_none(options->config))
        config = options->config;
    if (options != NULL && !etf_is_none(options->env))
        env = options->env;
    if (!gen__app_env_is_config(config) || !gen__app_env_is_config(env))
        return agner_fail(error, AGNER_EINVAL,
                          "expected [{Application, [{Key, Value}]}]");
    err = gen_start(self, &gen__application_controller,
                    etf_make(self, "{_, _, _}",
                             etf_resource(rt_region(self), value, NULL), config,
                             env),
                    &spawn, &pid, NULL);
    if (err != AGNER_OK)
        return agner_fail(error, err, "application_controller: %s",
                          agner_strerror(err));
    return AGNER_OK;
}

enum agner_err gen_applications_stop(struct gen *self, uint64_t timeout_ms)
{
    uint64_t start_ms = rt_now_ms(rt_of(self));
    etf_term reply;
    enum agner_err err;
    etf_pid pid;

    if (rt_whereis(rt_of(self), CONTROLLER, &pid) != AGNER_OK)
        return AGNER_ENONAME;
    err = gen_call(self, etf_from_pid(NULL, pid), ETF_A(stop), timeout_ms,
                   &reply);
    if (err != AGNER_OK && err != AGNER_EEXIT && err != AGNER_ENOPROC)
        return err;
    return rt_wait(self, pid, gen__left_ms(self, start_ms, timeout_ms));
}

/* ---- Applications ------------------------------------------------------- */

static enum agner_err load(struct gen *self, etf_term which,
                           struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{load_application, _}", which),
               RT_INFINITY, &reply, error);
}

enum agner_err gen_application_load(struct gen *self,
                                    const struct gen_application *application,
                                    struct agner_error *error)
{
    void *value = (void *)(uintptr_t)application; /* not written through */

    if (application == NULL)
        return agner_fail(error, AGNER_EINVAL, "no application");
    return load(self, etf_resource(rt_region(self), value, NULL), error);
}

enum agner_err gen_application_load_name(struct gen *self, const char *which,
                                         struct agner_error *error)
{
    return load(self, etf_text(rt_region(self), which), error);
}

enum agner_err gen_application_unload(struct gen *self, const char *name,
                                      struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{unload_application, _}", name),
               RT_INFINITY, &reply, error);
}

/* A failed start is told by name: its reason does not have it. */
static enum agner_err start(struct gen *self, const char *which,
                            enum gen_start_type type, etf_term *reason,
                            struct agner_error *error)
{
    struct agner_error why = { AGNER_OK, "" };
    etf_term reply = ETF_NONE;
    enum agner_err err;

    err = ask(self,
              etf_make(self, "{start_application, _, _}", which,
                       gen__start_type_atom(type)),
              RT_INFINITY, &reply, &why);
    if (err == AGNER_OK)
        return AGNER_OK;
    if (reason != NULL)
        *reason = etf_is_none(reply) ? etf_atom(agner_strerror(err)) : reply;
    if (err == AGNER_EEXIT || err == AGNER_ENOTRUNNING)
        return agner_fail(error, err, "application %s did not start: %s", which,
                          why.text);
    return agner_fail(error, err, "%s", why.text);
}

enum agner_err gen_application_start(struct gen *self, const char *which,
                                     enum gen_start_type type, etf_term *reason,
                                     struct agner_error *error)
{
    return start(self, which, type, reason, error);
}

/* In the order of the list; one that has ended by itself is as good. */
static void stop_list(struct gen *self, etf_term list)
{
    etf_term name, reply;

    while (etf_list_next(&list, &name))
        (void)ask(self, etf_make(self, "{stop_application, _}", name),
                  RT_INFINITY, &reply, NULL);
}

static etf_term reversed(struct gen *self, etf_term list)
{
    etf_term one, reverse = etf_nil();

    while (etf_list_next(&list, &one))
        reverse = etf_cons(rt_region(self), one, reverse);
    return reverse;
}

/* Starts what is in `order`; *done is what did not run before, the last one
 * first. */
static enum agner_err start_list(struct gen *self, etf_term order,
                                 enum gen_start_type type,
                                 enum gen_start_type needed, etf_term *done,
                                 etf_term *reason, struct agner_error *error)
{
    etf_term name, why;
    char text[NAME_MAX_B];

    *done = etf_nil();
    while (etf_list_next(&order, &name)) {
        bool last = etf_kind(order) == ETF_KIND_NIL;
        enum agner_err err = AGNER_EINVAL;

        if (etf_get_text(name, text, sizeof text))
            err = start(self, text, last ? type : needed, &why, error);
        if (err == AGNER_OK) {
            *done = etf_cons(rt_region(self), name, *done);
        } else if (err != AGNER_ERUNNING) { /* somebody else started it */
            *reason = etf_make(self, "{_, _}", name, why);
            return err;
        }
    }
    return AGNER_OK;
}

enum agner_err gen_application_ensure_all_started(
    struct gen *self, const char *which, enum gen_start_type type,
    enum gen_start_type needed, etf_term *started, etf_term *reason,
    struct agner_error *error)
{
    etf_term reply = ETF_NONE, order, done, why;
    enum agner_err err;

    err = ask(self, etf_make(self, "{start_order, _}", which), RT_INFINITY,
              &reply, error);
    if (err != AGNER_OK) {
        if (reason != NULL)
            *reason = etf_make(self, "{_, _}", etf_text(rt_region(self), which),
                               reply);
        return err;
    }
    if (!etf_match(reply, "{ok, _}", &order))
        return agner_fail(error, AGNER_EUNKNOWN, "%s",
                          agner_strerror(AGNER_EUNKNOWN));
    err = start_list(self, order, type, needed, &done, &why, error);
    if (err != AGNER_OK) {
        stop_list(self, done);
        if (reason != NULL)
            *reason = why;
    } else if (started != NULL) {
        *started = reversed(self, done);
    }
    return err;
}

enum agner_err gen_application_stop(struct gen *self, const char *name,
                                    uint64_t timeout_ms,
                                    struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{stop_application, _}", name), timeout_ms,
               &reply, error);
}

/* ---- Looking ------------------------------------------------------------ */

enum agner_err gen_which_applications(struct gen *self, etf_term *list)
{
    return ask(self, etf_atom("which_applications"), AT_ONCE_MS, list, NULL);
}

enum agner_err gen_loaded_applications(struct gen *self, etf_term *list)
{
    return ask(self, etf_atom("loaded_applications"), AT_ONCE_MS, list, NULL);
}

enum agner_err gen_applications_info(struct gen *self, etf_term *list)
{
    return ask(self, etf_atom("applications"), AT_ONCE_MS, list, NULL);
}

/* What the top answers, if it is a supervisor; otherwise `map` stays. */
static etf_term put_children(struct gen *self, etf_term map)
{
    etf_term top = etf_map_get(map, etf_atom("top")), children;

    if (etf_kind(top) != ETF_KIND_PID ||
        gen_call(self, top, etf_atom("which_children"), AT_ONCE_MS,
                 &children) != AGNER_OK ||
        etf_list_size(children) < 0)
        return map;
    return etf_map_put(rt_region(self), map, etf_atom("children"), children);
}

enum agner_err gen_application_info(struct gen *self, const char *name,
                                    etf_term *map, struct agner_error *error)
{
    etf_term reply = ETF_NONE, env, all;
    enum agner_err err =
        ask(self, etf_make(self, "{application_info, _}", name), AT_ONCE_MS,
            &reply, error);

    if (err != AGNER_OK)
        return err;
    if (!etf_match(reply, "{ok, _}", &all))
        return agner_fail(error, AGNER_EUNKNOWN, "%s",
                          agner_strerror(AGNER_EUNKNOWN));
    err = rt_env_all(rt_of(self), rt_region(self),
                     etf_map_get(all, etf_atom("name")), &env);
    if (err == AGNER_OK) {
        all = etf_map_put(rt_region(self), all, etf_atom("env"), env);
        all = put_children(self, all);
    }
    if (err == AGNER_OK && etf_is_none(all))
        err = AGNER_ENOMEM;
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", name, agner_strerror(err));
    *map = all;
    return AGNER_OK;
}

/* ---- Environment -------------------------------------------------------- */

/* The atom of an application's name, or of self's own application. */
static etf_term scope_of(struct gen *self, const char *application)
{
    return application != NULL ? etf_atom(application) : rt_application(self);
}

enum agner_err gen_application_get_env(struct gen *self,
                                       const char *application, const char *key,
                                       etf_term *value)
{
    etf_term scope = scope_of(self, application);

    if (etf_is_none(scope))
        return AGNER_EUNKNOWN;
    return rt_env_find(rt_of(self), rt_region(self), scope, etf_atom(key),
                       value);
}

static enum agner_err put_env(struct gen *self, const char *application,
                              const char *key, etf_term value, bool persistent)
{
    etf_term scope = scope_of(self, application), reply, request;

    if (etf_is_none(scope))
        return AGNER_EUNKNOWN;
    if (!persistent)
        return rt_env_put(rt_of(self), scope, etf_atom(key), value);
    request = etf_is_none(value)
                  ? etf_make(self, "{unset_env, _, _, [{persistent, true}]}",
                             scope, etf_atom(key))
                  : etf_make(self, "{set_env, _, _, _, [{persistent, true}]}",
                             scope, etf_atom(key), value);
    return ask(self, request, AT_ONCE_MS, &reply, NULL);
}

enum agner_err gen_application_set_env(struct gen *self,
                                       const char *application, const char *key,
                                       etf_term value, bool persistent)
{
    if (etf_is_none(value))
        return AGNER_EINVAL;
    return put_env(self, application, key, value, persistent);
}

enum agner_err gen_application_unset_env(struct gen *self,
                                         const char *application,
                                         const char *key, bool persistent)
{
    return put_env(self, application, key, ETF_NONE, persistent);
}

enum agner_err gen_application_all_env(struct gen *self,
                                       const char *application, etf_term *list)
{
    etf_term scope = scope_of(self, application), map, key, value;
    enum agner_err err;

    if (etf_is_none(scope))
        return AGNER_EUNKNOWN;
    err = rt_env_all(rt_of(self), rt_region(self), scope, &map);
    if (err != AGNER_OK)
        return err;
    *list = etf_nil();
    for (size_t i = etf_map_size(map); i-- > 0;) {
        etf_map_pair(map, i, &key, &value);
        *list = etf_make(self, "[{_, _} | _]", key, value, *list);
    }
    return etf_is_none(*list) ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen_applications_config_change(struct gen *self, etf_term config,
                                              struct agner_error *error)
{
    etf_term reply;

    return ask(self, etf_make(self, "{config_change, _}", config), RT_INFINITY,
               &reply, error);
}
