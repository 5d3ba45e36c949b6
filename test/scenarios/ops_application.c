/*
 * ops_application.c -- orders about applications.
 *
 * {load, Name, Options}: {tree, {Id, Flags, Children}} is its supervisor,
 * {needs, Names}, {env, List} and {phases, List} are as in OTP. Its callbacks
 * tell the director; whether a start fails is asked of it.
 */
#include "play.h"

#include <stdio.h>
#include <string.h>

#define NEEDS_MAX 8u

/* An application that was loaded, in memory of the play. */
struct app {
    struct app *next;
    struct gen_application table;
    const char *needs[NEEDS_MAX + 1];
    char name[64], env[512], phases[256];
    etf_term tree; /* ETF_NONE: it has no processes */
};

/* An application's callbacks have no argument of their own. One play runs at a
 * time. */
static struct play *playing;

static struct app *find(struct play *play, etf_term name)
{
    for (struct app *app = play->apps; app != NULL; app = app->next)
        if (etf_atom_is(name, app->name))
            return app;
    return NULL;
}

/* ---- Callbacks ---------------------------------------------------------- */

static void say(struct gen *self, etf_term what, etf_term term)
{
    etf_term name = rt_application(self);

    (void)rt_send_pid(self, playing->director,
                      etf_is_none(term)
                          ? etf_make(self, "{say, _, _}", name, what)
                          : etf_make(self, "{say, _, _, _}", name, what, term));
}

static enum agner_err start(struct gen *self, enum gen_start_type type,
                            etf_term args, etf_pid *top, etf_term *reason)
{
    const struct app *app = find(playing, rt_application(self));
    etf_term id, flags, children, command;

    (void)type;
    (void)args;
    if (app == NULL ||
        !etf_match(app->tree, "{_, _, _}", &id, &flags, &children) ||
        rt_call(self, etf_from_pid(NULL, playing->director),
                etf_make(self, "{start, _}", rt_application(self)), RT_INFINITY,
                &command) != AGNER_OK)
        return AGNER_EINVAL;
    if (etf_match(command, "{error, _}", reason))
        return AGNER_EEXIT;
    return gen_supervisor_start_link(
        self, &actor_supervisor,
        actor_args(self, playing, etf_make(self, "{child, _}", id),
                   etf_make(self, "[{sup, {_, _}}]", flags, children)),
        NULL, top, reason);
}

static enum agner_err start_phase(struct gen *self, etf_term phase,
                                  enum gen_start_type type, etf_term args,
                                  etf_term *reason)
{
    (void)type;
    (void)reason;
    say(self, phase, args);
    return AGNER_OK;
}

static void prep_stop(struct gen *self)
{
    say(self, etf_atom("prep_stop"), ETF_NONE);
}

static void stop(struct gen *self)
{
    say(self, etf_atom("stop"), ETF_NONE);
}

/* ---- Loading ------------------------------------------------------------ */

/* An application's table of what the scenario says of it. */
static struct app *make_app(struct play *play, etf_term name, etf_term options)
{
    struct app *app = play_alloc(play, sizeof *app);
    etf_term value, head;
    size_t count = 0;

    playing = play;
    (void)etf_get_text(name, app->name, sizeof app->name);
    app->table = (struct gen_application){ .abi = GEN_APPLICATION_ABI,
                                           .name = app->name,
                                           .description = "scenario",
                                           .version = "1" };
    app->tree = ETF_NONE;
    app->next = play->apps;
    play->apps = app;
    if (option_value(options, "tree", &value)) {
        app->tree = play_keep(play, value);
        app->table.start = start;
        app->table.start_phase = start_phase;
        app->table.prep_stop = prep_stop;
        app->table.stop = stop;
    }
    if (option_value(options, "needs", &value)) {
        while (count < NEEDS_MAX && etf_list_next(&value, &head)) {
            char *need = play_alloc(play, 64);

            (void)etf_get_text(head, need, 64);
            app->needs[count++] = need;
        }
        app->table.applications = app->needs;
    }
    if (option_value(options, "env", &value))
        app->table.env = etf_format(app->env, sizeof app->env, value);
    if (option_value(options, "phases", &value))
        app->table.start_phases =
            etf_format(app->phases, sizeof app->phases, value);
    return app;
}

static etf_term failed(struct gen *self, const char *why, etf_term name)
{
    return etf_make(self, "{error, {_, _}}", etf_atom(why), name);
}

static etf_term done(enum agner_err err)
{
    return err == AGNER_OK ? ETF_A(ok) : ETF_NONE;
}

static etf_term do_load(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term name, options;
    struct app *app;
    enum agner_err err;

    if (!etf_match(order, "{load, _, _}", &name, &options))
        return ETF_NONE;
    app = find(actor->play, name); /* {load, Name, []}: the same once more */
    if (app == NULL || etf_list_size(options) > 0)
        app = make_app(actor->play, name, options);
    err = gen_application_load(self, &app->table, NULL);
    return err == AGNER_EALREADY ? failed(self, "already_loaded", name)
                                 : done(err);
}

/* The text of the order's second element, an application's name. */
static bool read_name(etf_term order, etf_term *name, char text[64])
{
    if (etf_tuple_size(order) < 2)
        return false;
    *name = etf_tuple_items(order)[1];
    return etf_get_text(*name, text, 64);
}

static etf_term do_unload(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term name;
    char text[64];

    (void)actor;
    if (!read_name(order, &name, text))
        return ETF_NONE;
    switch ((int)gen_application_unload(self, text, NULL)) {
    case AGNER_OK:
        return ETF_A(ok);
    case AGNER_ENOTLOADED:
        return failed(self, "not_loaded", name);
    case AGNER_ERUNNING:
        return failed(self, "running", name);
    default:
        return ETF_NONE;
    }
}

/* ---- Starting and stopping ---------------------------------------------- */

static enum gen_start_type type_of(etf_term type)
{
    if (etf_atom_is(type, "permanent"))
        return GEN_APP_PERMANENT;
    return etf_atom_is(type, "transient") ? GEN_APP_TRANSIENT
                                          : GEN_APP_TEMPORARY;
}

/* {error, Reason} of a start that failed, without the call that OTP, and so
 * agner, adds. */
static etf_term start_failed(struct gen *self, etf_term reason)
{
    etf_term inner = reason;

    (void)etf_match(reason, "{_, {__, start, __}}", &inner);
    return etf_is_none(reason) ? ETF_NONE : etf_make(self, "{error, _}", inner);
}

static etf_term do_start(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term verb, name, type, reason = ETF_NONE;
    char text[64];
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{_, _, _}", &verb, &name, &type) ||
        !read_name(order, &name, text))
        return ETF_NONE;
    err = gen_application_start(self, text, type_of(type), &reason, NULL);
    return err == AGNER_OK ? ETF_A(ok) : start_failed(self, reason);
}

static etf_term do_ensure(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term verb, name, type, started, reason = ETF_NONE;
    char text[64];
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{_, _, _}", &verb, &name, &type) ||
        !read_name(order, &name, text))
        return ETF_NONE;
    err = gen_application_ensure_all_started(
        self, text, type_of(type), type_of(type), &started, &reason, NULL);
    if (err == AGNER_OK)
        return etf_make(self, "{ok, _}", started);
    if (etf_match(reason, "{_, {_, {__, start, __}}}", &name, &started))
        return etf_make(self, "{error, {_, _}}", name, started);
    return start_failed(self, reason);
}

static etf_term do_stop(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term name;
    char text[64];
    enum agner_err err;

    (void)actor;
    if (!read_name(order, &name, text))
        return ETF_NONE;
    err = gen_application_stop(self, text, GEN_INFINITY, NULL);
    return err == AGNER_OK ? ETF_A(ok) : failed(self, "not_started", name);
}

/* ---- Looking ------------------------------------------------------------ */

/* The names in [{Name, Description, Version}]. */
static etf_term names_in(struct gen *self, etf_term list)
{
    etf_term head, out = etf_nil(), reversed = etf_nil();

    while (etf_list_next(&list, &head))
        reversed =
            etf_cons(rt_region(self), etf_tuple_items(head)[0], reversed);
    while (etf_list_next(&reversed, &head))
        out = etf_cons(rt_region(self), head, out);
    return out;
}

static etf_term do_which(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term list;

    (void)actor;
    (void)order;
    if (gen_which_applications(self, &list) != AGNER_OK)
        return ETF_NONE;
    return names_in(self, list);
}

static etf_term do_loaded(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term list;

    (void)actor;
    (void)order;
    if (gen_loaded_applications(self, &list) != AGNER_OK)
        return ETF_NONE;
    return etf_make(self, "{any_order, _}", names_in(self, list));
}

static etf_term do_application_of(struct gen *self, struct actor *actor,
                                  etf_term order)
{
    etf_pid pid;
    etf_term name;

    (void)actor;
    if (!etf_match(order, "{application_of, _}", &pid))
        return ETF_NONE;
    name = gen_application_of(rt_of(self), pid);
    return etf_is_none(name) ? ETF_A(undefined)
                             : etf_make(self, "{ok, _}", name);
}

/* ---- Environment -------------------------------------------------------- */

static etf_term do_get_env(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_term name, value;
    char text[64], key[64];

    (void)actor;
    if (!read_name(order, &name, text) || etf_tuple_size(order) != 3 ||
        !etf_get_text(etf_tuple_items(order)[2], key, sizeof key))
        return ETF_NONE;
    if (gen_application_get_env(self, text, key, &value) != AGNER_OK)
        return ETF_A(undefined);
    return etf_make(self, "{ok, _}", value);
}

/* {set_env, App, Key, Value} or {unset_env, App, Key}. */
static etf_term do_set_env(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_term name;
    char text[64], key[64];
    enum agner_err err;

    (void)actor;
    if (!read_name(order, &name, text) || etf_tuple_size(order) < 3 ||
        !etf_get_text(etf_tuple_items(order)[2], key, sizeof key))
        return ETF_NONE;
    if (etf_tuple_size(order) == 4)
        err = gen_application_set_env(self, text, key,
                                      etf_tuple_items(order)[3], false);
    else
        err = gen_application_unset_env(self, text, key, false);
    return done(err);
}

static etf_term do_all_env(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_term name, list;
    char text[64];

    (void)actor;
    if (!read_name(order, &name, text) ||
        gen_application_all_env(self, text, &list) != AGNER_OK)
        return ETF_NONE;
    return list;
}

const struct verb application_verbs[] = {
    { "load", do_load },
    { "unload", do_unload },
    { "start_app", do_start },
    { "ensure", do_ensure },
    { "stop_app", do_stop },
    { "which", do_which },
    { "loaded", do_loaded },
    { "application_of", do_application_of },
    { "get_env", do_get_env },
    { "set_env", do_set_env },
    { "unset_env", do_set_env },
    { "all_env", do_all_env },
    { NULL, NULL },
};
