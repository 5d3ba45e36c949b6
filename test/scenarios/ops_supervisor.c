/*
 * ops_supervisor.c -- orders about supervisors and their children.
 *
 * A child is {Id, Options} in a scenario, a supervisor's flags are a list:
 * README.md has both.
 */
#include "play.h"

/* ---- Specifications ----------------------------------------------------- */

static void read_flags(etf_term list, struct gen_supervisor_flags *flags)
{
    static const struct {
        const char *name;
        enum gen_strategy strategy;
    } strategies[] = { { "one_for_one", GEN_ONE_FOR_ONE },
                       { "one_for_all", GEN_ONE_FOR_ALL },
                       { "rest_for_one", GEN_REST_FOR_ONE },
                       { "simple_one_for_one", GEN_SIMPLE_ONE_FOR_ONE } };
    etf_term value;
    uint64_t seconds;

    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++)
        if (option_flag(list, strategies[i].name))
            flags->strategy = strategies[i].strategy;
    if (option_value(list, "intensity", &value) &&
        etf_match(value, "{_, _}", &flags->intensity, &seconds)) {
        flags->period_ms = 1000 * seconds;
        if (flags->intensity == 0)
            flags->intensity = GEN_NO_RESTARTS;
    }
    if (option_flag(list, "any_significant"))
        flags->auto_shutdown = GEN_AUTO_ANY_SIGNIFICANT;
    if (option_flag(list, "all_significant"))
        flags->auto_shutdown = GEN_AUTO_ALL_SIGNIFICANT;
}

/* A child that is no server. */
static enum agner_err start_plain(struct gen *self, etf_term args, etf_pid *pid,
                                  etf_term *info)
{
    struct rt_spawn_options options = { .link = true };
    etf_term who, list, more, kind, name;
    struct play *play;
    struct role *role;

    if (!read_args(args, &play, &who, &list, &more) ||
        !etf_match(who, "{_, _}", &kind, &name))
        return AGNER_EINVAL;
    role = play_alloc(play, sizeof *role);
    *role = (struct role){ play, "child", name };
    (void)option_value(list, "info", info);
    return rt_spawn(self, actor_code, role, &options, pid);
}

static enum gen_next init(struct gen *self, etf_term args,
                          struct gen_supervisor_spec *spec);

const struct gen_supervisor actor_supervisor = { .name = "actor",
                                                 .init = init };

/* {Id, Options} as a child's specification. */
static bool read_child(struct gen *self, struct play *play, etf_term t,
                       struct gen_child_spec *child)
{
    etf_term id, list, value;

    *child = (struct gen_child_spec){ .id_term = ETF_NONE };
    if (!etf_match(t, "{_, _}", &id, &list))
        return false;
    child->id_term = id;
    child->args_term =
        actor_args(self, play, etf_make(self, "{child, _}", id), list);
    if (option_value(list, "sup", &value))
        child->supervisor = &actor_supervisor;
    else if (option_flag(list, "plain"))
        child->start = start_plain;
    else
        child->server = &actor_server;
    if (option_value(list, "name", &value)) {
        char *name = play_alloc(play, 256);

        child->name = etf_get_text(value, name, 256) ? name : NULL;
    }
    if (option_flag(list, "transient"))
        child->restart = GEN_TRANSIENT;
    if (option_flag(list, "temporary"))
        child->restart = GEN_TEMPORARY;
    child->significant = option_flag(list, "significant");
    if (option_flag(list, "brutal_kill"))
        child->shutdown_ms = GEN_BRUTAL_KILL;
    if (option_value(list, "shutdown", &value))
        (void)read_ms(value, &child->shutdown_ms);
    return true;
}

/* The options of a supervisor are {sup, {Flags, Children}}. */
static enum gen_next init(struct gen *self, etf_term args,
                          struct gen_supervisor_spec *spec)
{
    etf_term who, list, more, value, flags, children, next, command, reason;
    struct gen_child_spec child;
    struct play *play;

    if (!read_args(args, &play, &who, &list, &more) ||
        !option_value(list, "sup", &value) ||
        !etf_match(value, "{_, _}", &flags, &children))
        return gen_stop(self, etf_atom("badarg"));
    command = enter(self, play, who, more);
    if (etf_match(command, "{exit, _}", &reason))
        rt_exit(self, reason);
    if (etf_atom_is(command, "ignore"))
        return GEN_IGNORE;
    read_flags(flags, gen_supervisor_flags(spec));
    while (etf_list_next(&children, &next))
        if (read_child(self, play, next, &child))
            (void)gen_supervisor_add(self, spec, &child);
    return GEN_NEXT;
}

/* ---- Starting ----------------------------------------------------------- */

static etf_term do_start_sup(struct gen *self, struct actor *actor,
                             etf_term order)
{
    struct rt_spawn_options options = { 0 };
    etf_term name, flags, children, value, reason = ETF_NONE;
    etf_pid pid;

    if (!etf_match(order, "{start_sup, _, _, _}", &name, &flags, &children))
        return ETF_NONE;
    if (option_value(flags, "name", &value))
        options.name = value;
    value = actor_args(self, actor->play, etf_make(self, "{server, _}", name),
                       etf_make(self, "[{sup, {_, _}}]", flags, children));
    switch ((int)gen_supervisor_start_link(self, &actor_supervisor, value,
                                           &options, &pid, &reason)) {
    case AGNER_OK:
        return etf_make(self, "{ok, _}", pid);
    case AGNER_EIGNORE:
        return etf_atom("ignore");
    case AGNER_ETAKEN:
        return etf_make(self, "{error, {already_started, _}}", pid);
    case AGNER_EEXIT:
        return etf_make(self, "{error, _}", reason);
    default:
        return ETF_NONE;
    }
}

/* ---- Asking ------------------------------------------------------------- */

/* What supervisor:start_child and restart_child return. */
static etf_term started(struct gen *self, enum agner_err err, etf_pid pid,
                        etf_term info)
{
    switch ((int)err) {
    case AGNER_OK:
        return etf_is_none(info) ? etf_make(self, "{ok, _}", pid)
                                 : etf_make(self, "{ok, _, _}", pid, info);
    case AGNER_EIGNORE:
        return etf_make(self, "{ok, undefined}");
    case AGNER_EALREADY:
        return etf_make(self, "{error, {already_started, _}}", pid);
    case AGNER_EPRESENT:
        return etf_make(self, "{error, already_present}");
    case AGNER_ERUNNING:
        return etf_make(self, "{error, running}");
    case AGNER_EBUSY:
        return etf_make(self, "{error, restarting}");
    case AGNER_EUNKNOWN:
        return etf_make(self, "{error, not_found}");
    case AGNER_ENOTSUP:
        return etf_make(self, "{error, simple_one_for_one}");
    case AGNER_EEXIT:
    case AGNER_EINVAL:
        return etf_make(self, "{error, _}", info);
    default:
        return ETF_NONE;
    }
}

/* What the other functions of supervisor return. */
static etf_term done(struct gen *self, enum agner_err err)
{
    return err == AGNER_OK ? ETF_A(ok)
                           : started(self, err, (etf_pid){ 0 }, ETF_NONE);
}

static etf_term do_start_child(struct gen *self, struct actor *actor,
                               etf_term order)
{
    struct gen_child_spec child;
    etf_term sup, what, info = ETF_NONE;
    etf_pid pid = { 0 };
    enum agner_err err;

    if (!etf_match(order, "{start_child, _, _}", &sup, &what))
        return ETF_NONE;
    if (read_child(self, actor->play, what, &child))
        err = gen_start_child(self, sup, &child, &pid, &info);
    else
        err = gen_start_child_args(self, sup, what, &pid, &info);
    return started(self, err, pid, info);
}

static etf_term do_restart_child(struct gen *self, struct actor *actor,
                                 etf_term order)
{
    etf_term sup, id, info = ETF_NONE;
    etf_pid pid = { 0 };
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{restart_child, _, _}", &sup, &id))
        return ETF_NONE;
    err = gen_restart_child(self, sup, id, &pid, &info);
    return started(self, err, pid, info);
}

static etf_term do_terminate_child(struct gen *self, struct actor *actor,
                                   etf_term order)
{
    etf_term sup, id;

    (void)actor;
    if (!etf_match(order, "{terminate_child, _, _}", &sup, &id))
        return ETF_NONE;
    return done(self, gen_terminate_child(self, sup, id));
}

static etf_term do_delete_child(struct gen *self, struct actor *actor,
                                etf_term order)
{
    etf_term sup, id;

    (void)actor;
    if (!etf_match(order, "{delete_child, _, _}", &sup, &id))
        return ETF_NONE;
    return done(self, gen_delete_child(self, sup, id));
}

/* which_children without the modules, which are the players' own. */
static etf_term do_children(struct gen *self, struct actor *actor,
                            etf_term order)
{
    etf_term sup, list, head, id, pid, type, modules, out = etf_nil();
    etf_term reversed = etf_nil();

    (void)actor;
    if (!etf_match(order, "{children, _}", &sup) ||
        gen_which_children(self, sup, &list) != AGNER_OK)
        return ETF_NONE;
    while (etf_list_next(&list, &head))
        if (etf_match(head, "{_, _, _, _}", &id, &pid, &type, &modules))
            reversed =
                etf_cons(rt_region(self),
                         etf_make(self, "{_, _, _}", id, pid, type), reversed);
    while (etf_list_next(&reversed, &head))
        out = etf_cons(rt_region(self), head, out);
    return out;
}

static etf_term do_count(struct gen *self, struct actor *actor, etf_term order)
{
    struct gen_child_counts counts;
    etf_term sup;

    (void)actor;
    if (!etf_match(order, "{count, _}", &sup) ||
        gen_count_children(self, sup, &counts) != AGNER_OK)
        return ETF_NONE;
    return etf_make(
        self, "[{specs, _}, {active, _}, {supervisors, _}, {workers, _}]",
        counts.specs, counts.active, counts.supervisors, counts.workers);
}

/* get_childspec, of it what does not tell how the player starts a child. */
static etf_term do_childspec(struct gen *self, struct actor *actor,
                             etf_term order)
{
    static const char *const keys[] = { "id", "restart", "shutdown",
                                        "significant", "type" };
    etf_term sup, id, map, part = etf_make(self, "#{}");
    enum agner_err err;

    (void)actor;
    if (!etf_match(order, "{childspec, _, _}", &sup, &id))
        return ETF_NONE;
    err = gen_get_childspec(self, sup, id, &map);
    if (err != AGNER_OK)
        return done(self, err);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        part = etf_map_put(rt_region(self), part, etf_atom(keys[i]),
                           etf_map_get(map, etf_atom(keys[i])));
    return etf_make(self, "{ok, _}", part);
}

const struct verb supervisor_verbs[] = {
    { "start_sup", do_start_sup },
    { "start_child", do_start_child },
    { "restart_child", do_restart_child },
    { "terminate_child", do_terminate_child },
    { "delete_child", do_delete_child },
    { "children", do_children },
    { "count", do_count },
    { "childspec", do_childspec },
    { NULL, NULL },
};
