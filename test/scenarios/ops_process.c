/*
 * ops_process.c -- orders about processes, signals, monitors and names.
 *
 * Results are what the Erlang operation of that name returns; an exception is
 * {error, Reason}.
 */
#include "play.h"

#include <string.h>

static etf_term badarg(struct gen *self)
{
    return etf_make(self, "{error, badarg}");
}

static etf_term do_spawn(struct gen *self, struct actor *actor, etf_term order)
{
    struct role *role = play_alloc(actor->play, sizeof *role);
    struct rt_spawn_options options = { 0 };
    etf_term name, list;
    etf_pid pid;
    etf_ref ref;

    if (!etf_match(order, "{spawn, _, _}", &name, &list))
        return ETF_NONE;
    *role = (struct role){ actor->play, "actor", name };
    options.link = option_flag(list, "link");
    options.monitor = option_flag(list, "monitor");
    options.monitor_ref = &ref;
    if (rt_spawn(self, actor_code, role, &options, &pid) != AGNER_OK)
        return badarg(self);
    return options.monitor ? etf_make(self, "{_, _}", pid, ref)
                           : etf_make(self, "_", pid);
}

static etf_term do_exit(struct gen *self, struct actor *actor, etf_term order)
{
    etf_pid pid;
    etf_term reason;

    (void)actor;
    if (etf_match(order, "{exit, _}", &reason))
        rt_exit(self, reason);
    if (!etf_match(order, "{exit, _, _}", &pid, &reason))
        return ETF_NONE;
    (void)rt_exit_signal(self, pid, reason); /* true, also to the dead */
    return ETF_A(true);
}

static etf_term do_trap_exit(struct gen *self, struct actor *actor,
                             etf_term order)
{
    bool on;

    (void)actor;
    if (!etf_match(order, "{trap_exit, _}", &on))
        return ETF_NONE;
    return etf_bool(rt_trap_exit(self, on));
}

static etf_term do_link(struct gen *self, struct actor *actor, etf_term order)
{
    etf_pid pid;

    (void)actor;
    if (!etf_match(order, "{link, _}", &pid))
        return ETF_NONE;
    return rt_link(self, pid) == AGNER_OK ? ETF_A(true)
                                          : etf_make(self, "{error, noproc}");
}

static etf_term do_unlink(struct gen *self, struct actor *actor, etf_term order)
{
    etf_pid pid;

    (void)actor;
    if (!etf_match(order, "{unlink, _}", &pid))
        return ETF_NONE;
    return etf_bool(rt_unlink(self, pid) == AGNER_OK);
}

static unsigned alias_flags(etf_term options)
{
    etf_term mode;

    if (!option_value(options, "alias", &mode))
        return 0;
    if (etf_atom_is(mode, "explicit_unalias"))
        return RT_MONITOR_ALIAS;
    return etf_atom_is(mode, "demonitor") ? RT_MONITOR_ALIAS_DEMONITOR
                                          : RT_MONITOR_ALIAS_REPLY;
}

static etf_term do_monitor(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_term target, options = etf_nil();
    etf_ref ref;

    (void)actor;
    if (!etf_match(order, "{monitor, _}", &target) &&
        !etf_match(order, "{monitor, _, _}", &target, &options))
        return ETF_NONE;
    if (rt_monitor(self, target, alias_flags(options), &ref) != AGNER_OK)
        return badarg(self);
    return etf_make(self, "_", ref);
}

static etf_term do_demonitor(struct gen *self, struct actor *actor,
                             etf_term order)
{
    etf_term options;
    etf_ref ref;

    (void)actor;
    if (!etf_match(order, "{demonitor, _, _}", &ref, &options))
        return ETF_NONE;
    return etf_bool(rt_demonitor(self, ref, option_flag(options, "flush")) ==
                    AGNER_OK);
}

static etf_term do_alias(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term options;
    etf_ref alias;

    (void)actor;
    if (!etf_match(order, "{alias, _}", &options) ||
        rt_alias(self,
                 option_flag(options, "reply") ? RT_ALIAS_REPLY
                                               : RT_ALIAS_EXPLICIT,
                 &alias) != AGNER_OK)
        return ETF_NONE;
    return etf_make(self, "_", alias);
}

static etf_term do_unalias(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_ref alias;

    (void)actor;
    if (!etf_match(order, "{unalias, _}", &alias))
        return ETF_NONE;
    return etf_bool(rt_unalias(self, alias) == AGNER_OK);
}

static etf_term do_register(struct gen *self, struct actor *actor,
                            etf_term order)
{
    etf_term name;
    etf_pid pid;

    (void)actor;
    if (!etf_match(order, "{register, _, _}", &name, &pid))
        return ETF_NONE;
    return rt_register(rt_of(self), name, pid) == AGNER_OK ? ETF_A(true)
                                                           : badarg(self);
}

static etf_term do_unregister(struct gen *self, struct actor *actor,
                              etf_term order)
{
    etf_term name;

    (void)actor;
    if (!etf_match(order, "{unregister, _}", &name))
        return ETF_NONE;
    return rt_unregister(rt_of(self), name) == AGNER_OK ? ETF_A(true)
                                                        : badarg(self);
}

static etf_term do_whereis(struct gen *self, struct actor *actor,
                           etf_term order)
{
    etf_term name;
    etf_pid pid;

    (void)actor;
    if (!etf_match(order, "{whereis, _}", &name))
        return ETF_NONE;
    if (rt_whereis(rt_of(self), name, &pid) != AGNER_OK)
        return ETF_A(undefined);
    return etf_make(self, "_", pid);
}

static etf_term do_is_alive(struct gen *self, struct actor *actor,
                            etf_term order)
{
    etf_pid pid;

    (void)actor;
    if (!etf_match(order, "{is_alive, _}", &pid))
        return ETF_NONE;
    return etf_bool(rt_is_alive(rt_of(self), pid));
}

static etf_term do_send(struct gen *self, struct actor *actor, etf_term order)
{
    etf_term to, message;

    (void)actor;
    if (!etf_match(order, "{send, _, _}", &to, &message))
        return ETF_NONE;
    /* Erlang says nothing of the dead; agner has AGNER_ENOPROC for those who
     * look. */
    switch ((int)rt_send(self, to, message)) {
    case AGNER_OK:
    case AGNER_ENOPROC:
        return ETF_A(ok);
    default:
        return badarg(self);
    }
}

/* ---- process_info ------------------------------------------------------- */

/* Erlang's list of monitors: {process, Object}. */
static etf_term as_monitors(struct gen *self, etf_term list)
{
    etf_term head, out = etf_nil();

    while (etf_list_next(&list, &head))
        out = etf_cons(rt_region(self), etf_make(self, "{process, _}", head),
                       out);
    return out;
}

static etf_term without_director(struct gen *self, const struct actor *actor,
                                 etf_term list)
{
    etf_term head, out = etf_nil();

    while (etf_list_next(&list, &head))
        if (!etf_equal(head, etf_from_pid(NULL, actor->play->director)))
            out = etf_cons(rt_region(self), head, out);
    return etf_make(self, "{any_order, _}", out);
}

static etf_term do_info(struct gen *self, struct actor *actor, etf_term order)
{
    struct rt_process_info info;
    etf_term what;
    etf_pid pid;

    if (!etf_match(order, "{info, _, _}", &pid, &what))
        return ETF_NONE;
    if (rt_process_info(self, pid, &info) != AGNER_OK)
        return ETF_A(undefined);
    if (etf_atom_is(what, "links"))
        return without_director(self, actor, info.links);
    if (etf_atom_is(what, "monitors"))
        return without_director(self, actor, as_monitors(self, info.monitors));
    if (etf_atom_is(what, "monitored_by"))
        return without_director(self, actor, info.monitored_by);
    if (etf_atom_is(what, "trap_exit"))
        return etf_bool(info.trap_exit);
    if (etf_atom_is(what, "registered_name"))
        return etf_is_none(info.name) ? etf_nil() : info.name;
    return ETF_NONE;
}

const struct verb process_verbs[] = {
    { "spawn", do_spawn },
    { "exit", do_exit },
    { "trap_exit", do_trap_exit },
    { "link", do_link },
    { "unlink", do_unlink },
    { "monitor", do_monitor },
    { "demonitor", do_demonitor },
    { "alias", do_alias },
    { "unalias", do_unalias },
    { "register", do_register },
    { "unregister", do_unregister },
    { "whereis", do_whereis },
    { "is_alive", do_is_alive },
    { "send", do_send },
    { "info", do_info },
    { NULL, NULL },
};
