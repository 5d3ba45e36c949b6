/*
 * sys.c -- the system messages that every behaviour answers.
 *
 * {system, From, Request} comes to any process that OTP's tools look at. The
 * requests are a table; each gets its argument and returns the answer. They are
 * served while the process is suspended too, since the runtime then hands out
 * nothing else.
 *
 * Sources: OTP 25, sys; its answers were recorded from a real node.
 */
#include <stdio.h>

#include "gen_internal.h"
#include "sys_debug.h"

/* ---- get_status --------------------------------------------------------- */

static etf_term parent_of(struct gen *self)
{
    etf_pid parent = rt_parent(self);

    if (etf_pid_is_none(parent)) /* OTP: a server without one is its own */
        parent = rt_self(self);
    return etf_from_pid(rt_region(self), parent);
}

static etf_term state_of(struct gen *self, const struct gen_sys *sys)
{
    if (sys->view->get_state == NULL)
        return ETF_A(undefined);
    return sys->view->get_state(self);
}

static etf_term last_part_of(struct gen *self, const struct gen_sys *sys)
{
    if (sys->view->status != NULL)
        return sys->view->status(self);
    return etf_make(self, "{data, [{\"State\", _}]}", state_of(self, sys));
}

static const char *name_of(const struct gen_sys *sys)
{
    return sys->name != NULL ? sys->name : sys->view->module;
}

static etf_term details_of(struct gen *self, const struct gen_sys *sys)
{
    if (sys->view->get_details == NULL)
        return etf_nil();
    return sys->view->get_details(self);
}

/* What OTP keeps in the process dictionary of a proc_lib process. */
static etf_term dictionary_of(struct gen *self)
{
    return etf_make(self, "[{'$initial_call', _}, {'$ancestors', _}]",
                    gen_initial_call(self), gen_ancestors(self));
}

static etf_term header_of(struct gen *self, const struct gen_sys *sys)
{
    char title[160];
    char text[240];

    (void)snprintf(text, sizeof text, "Status for %s %s", sys->view->module,
                   gen__title(self, name_of(sys), title, sizeof title));
    return etf_string(rt_region(self), text);
}

static etf_term get_status(struct gen *self, struct gen_sys *sys,
                           etf_term argument)
{
    etf_term status = sys->suspended ? ETF_A(suspended) : ETF_A(running);
    etf_term misc;

    (void)argument;
    misc = etf_make(self,
                    "[{header, _}, "
                    "{data, [{\"Status\", _}, {\"Parent\", _}, "
                    "{\"Logged events\", _} | _]}, _]",
                    header_of(self, sys), status, parent_of(self),
                    gen__debug_log(self, sys->debug), details_of(self, sys),
                    last_part_of(self, sys));
    return etf_make(self, "{status, _, {module, _}, [_, _, _, _, _]}",
                    rt_self(self), etf_atom(sys->view->module),
                    dictionary_of(self), status, parent_of(self),
                    gen__debug_list(self, sys->debug), misc);
}

/* ---- The other requests ------------------------------------------------- */

static etf_term get_state(struct gen *self, struct gen_sys *sys,
                          etf_term argument)
{
    (void)argument;
    return state_of(self, sys);
}

static etf_term replace_state(struct gen *self, struct gen_sys *sys,
                              etf_term argument)
{
    enum agner_err err = AGNER_ENOTSUP;

    if (sys->view->replace_state != NULL)
        err = sys->view->replace_state(self, argument);
    if (err == AGNER_OK)
        return state_of(self, sys);
    return etf_make(self,
                    "{error, {callback_failed, {_, system_replace_state}, _}}",
                    etf_atom(sys->view->module), agner_strerror(err));
}

/* {change_code, Module, OldVersion, Extra}, of a suspended process. */
static etf_term change_code(struct gen *self, struct gen_sys *sys,
                            etf_term old_version, etf_term extra)
{
    enum agner_err err = AGNER_ENOTSUP;

    if (sys->view->code_change != NULL)
        err = sys->view->code_change(self, old_version, extra);
    if (err == AGNER_OK)
        return ETF_A(ok);
    if (err == AGNER_ENOTSUP)
        return etf_make(self, "{error, undef}");
    return etf_make(self, "{error, _}", agner_strerror(err));
}

static etf_term suspend(struct gen *self, struct gen_sys *sys,
                        etf_term argument)
{
    (void)argument;
    sys->suspended = true;
    rt_suspend(self, true);
    return ETF_A(ok);
}

static etf_term resume(struct gen *self, struct gen_sys *sys, etf_term argument)
{
    (void)argument;
    sys->suspended = false;
    rt_suspend(self, false);
    return ETF_A(ok);
}

static etf_term debug(struct gen *self, struct gen_sys *sys, etf_term argument)
{
    return gen__debug_command(self, sys, argument);
}

/* Requests by name. With an argument: {Name, Argument}. */
static const struct command {
    const char *name;
    bool has_argument;
    etf_term (*serve)(struct gen *self, struct gen_sys *sys, etf_term argument);
} commands[] = {
    { "get_state", false, get_state },
    { "get_status", false, get_status },
    { "suspend", false, suspend },
    { "resume", false, resume },
    { "replace_state", true, replace_state },
    { "debug", true, debug },
};

static etf_term serve(struct gen *self, struct gen_sys *sys, etf_term request)
{
    const etf_term *items = etf_tuple_items(request);
    bool has_argument = items != NULL && etf_tuple_size(request) == 2;
    etf_term name = has_argument ? items[0] : request;
    etf_term old_version, extra;

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];

        if (c->has_argument == has_argument && etf_atom_is(name, c->name))
            return c->serve(self, sys, has_argument ? items[1] : ETF_NONE);
    }
    if (sys->suspended &&
        etf_match(request, "{change_code, __, _, _}", &old_version, &extra))
        return change_code(self, sys, old_version, extra);
    return etf_make(self, "{error, {unknown_system_msg, _}}", request);
}

bool gen_sys_handle(struct gen *self, struct gen_sys *sys,
                    const struct rt_message *m, enum rt_next *next)
{
    etf_term from_term, request, reason;
    struct gen_from from;

    if (m->kind != RT_MESSAGE ||
        !etf_match(m->term, "{system, _, _}", &from_term, &request) ||
        !rt_get_from(self, from_term, &from))
        return false;
    *next = RT_NEXT;
    if (!etf_match(request, "{terminate, _}", &reason)) {
        (void)gen__reply(self, &from, serve(self, sys, request));
        return true;
    }
    (void)gen__reply(self, &from, ETF_A(ok)); /* before the end, as OTP does */
    *next = rt_stop(self, reason);
    return true;
}
