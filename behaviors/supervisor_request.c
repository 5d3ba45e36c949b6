/*
 * supervisor_request.c -- what is asked of a supervisor, and OTP's answers.
 *
 * The requests are a table: each gets its argument and returns the answer. They
 * come as gen_server calls, from this node or any other.
 *
 * Sources: OTP 25, supervisor; spec/gen.md 2.3.
 */
#include <stdlib.h>

#include "supervisor.h"

static etf_term error(struct gen *self, etf_term what)
{
    return etf_make(self, "{error, _}", what);
}

static etf_term error_atom(struct gen *self, const char *what)
{
    return error(self, etf_atom(what));
}

/* The child of that id; NULL with *why, the answer, when there is none or, as
 * under simple_one_for_one, none has an id. */
static struct child *by_id(struct gen *self, const struct supervisor *sup,
                           etf_term id, etf_term *why)
{
    bool simple = gen__is_simple(sup);
    struct child *child = simple ? NULL : gen__child_by_id(&sup->children, id);

    *why = ETF_NONE;
    if (child == NULL)
        *why = error_atom(self, simple ? "simple_one_for_one" : "not_found");
    return child;
}

/* ---- Looking ------------------------------------------------------------ */

static etf_term shown_pid(const struct child *child)
{
    switch ((enum child_state)child->state) {
    case CHILD_STOPPED:
        return ETF_A(undefined);
    case CHILD_RESTARTING:
        return etf_atom("restarting");
    case CHILD_RUNNING:
    case CHILD_STOPPING:
    case CHILD_KILLED:
        break;
    }
    return child->pid;
}

etf_term gen__children_list(struct gen *self, const struct supervisor *sup,
                            uint64_t max, bool restarts)
{
    bool simple = gen__is_simple(sup);
    struct etf_region *r = rt_region(self);
    const struct child *child = sup->children.first;
    etf_term list = etf_nil(), row[5];

    for (uint64_t skip = sup->children.count; skip > max; skip--)
        child = child->after;
    for (; child != NULL; child = child->after) {
        row[0] = simple ? ETF_A(undefined) : child->spec->id;
        row[1] = shown_pid(child);
        row[2] = gen__spec_type(child->spec);
        row[3] = gen__spec_modules(rt_region(self), child->spec);
        row[4] = etf_uint(r, child->starts > 0 ? child->starts - 1 : 0);
        list = etf_cons(r, etf_tuple(r, row, restarts ? 5 : 4), list);
    }
    return list;
}

static etf_term which_children(struct gen *self, struct supervisor *sup,
                               etf_term argument)
{
    (void)argument;
    return gen__children_list(self, sup, UINT64_MAX, false);
}

/* {which_children, restarts}: agner's own. */
static etf_term which_children_more(struct gen *self, struct supervisor *sup,
                                    etf_term argument)
{
    if (!etf_atom_is(argument, "restarts"))
        return error_atom(self, "badarg");
    return gen__children_list(self, sup, UINT64_MAX, true);
}

/* A simple supervisor has one spec for all, and who does not wait for a restart
 * is active; elsewhere each child is looked at. */
static etf_term count_children(struct gen *self, struct supervisor *sup,
                               etf_term argument)
{
    uint64_t supervisors = 0, workers = 0, active = 0;
    uint64_t specs = sup->children.count;

    (void)argument;
    for (const struct child *c = sup->children.first; c != NULL; c = c->after) {
        supervisors += c->spec->type == GEN_SUPERVISOR;
        workers += c->spec->type == GEN_WORKER;
        active += c->state == CHILD_RUNNING;
    }
    if (gen__is_simple(sup))
        specs = sup->template_count;
    return etf_make(self,
                    "[{specs, _}, {active, _}, {supervisors, _}, {workers, _}]",
                    specs, active, supervisors, workers);
}

/* The spec of a child, by its id, or of a simple supervisor's child by pid. */
static struct child_spec *find_spec(const struct supervisor *sup, etf_term id)
{
    struct child *child;

    if (gen__is_simple(sup)) {
        if (etf_kind(id) != ETF_KIND_PID)
            return gen__template(sup, id);
        child = gen__child_by_pid(&sup->children, id);
    } else {
        child = gen__child_by_id(&sup->children, id);
    }
    return child == NULL ? NULL : child->spec;
}

static etf_term get_childspec(struct gen *self, struct supervisor *sup,
                              etf_term id)
{
    const struct child_spec *spec = find_spec(sup, id);

    if (spec == NULL)
        return error_atom(self, "not_found");
    return etf_make(self, "{ok, _}", gen__spec_show(rt_region(self), spec));
}

/* ---- Starting ----------------------------------------------------------- */

static etf_term started(struct gen *self, const struct child *child,
                        etf_term info)
{
    if (etf_is_none(info))
        return etf_make(self, "{ok, _}", child->pid);
    return etf_make(self, "{ok, _, _}", child->pid, info);
}

static etf_term already(struct gen *self, const struct child *child)
{
    if (child->disabled)
        return error_atom(self, "disabled");
    if (child->state == CHILD_RUNNING)
        return etf_make(self, "{error, {already_started, _}}", child->pid);
    return error_atom(self, "already_present");
}

static bool is_full(const struct supervisor *sup)
{
    return sup->flags.children_max != 0 &&
           sup->children.count >= sup->flags.children_max;
}

/* A child that nobody will start a second time needs no arguments: OTP shows
 * `undefined` in their place. */
static void forget_arguments(struct child_spec *spec)
{
    if (spec->restart == GEN_TEMPORARY)
        spec->arguments = ETF_A(undefined);
}

/* Adds and starts a child that has a spec of its own. Takes `spec`. */
static etf_term start_own(struct gen *self, struct supervisor *sup,
                          struct child_spec *spec)
{
    bool simple = gen__is_simple(sup);
    struct child *child = gen__child_add(&sup->children, spec, !simple);
    etf_term info, answer;
    enum agner_err err;

    if (child == NULL) {
        gen__spec_release(spec);
        return error_atom(self, "system_limit");
    }
    err = gen__child_start(self, sup, child, &info);
    if (err == AGNER_OK) {
        forget_arguments(spec);
        return started(self, child, info);
    }
    if (err == AGNER_EIGNORE && !simple && spec->restart != GEN_TEMPORARY)
        return etf_make(self, "{ok, undefined}");
    if (err == AGNER_EIGNORE)
        answer = etf_make(self, "{ok, undefined}");
    else
        answer = etf_copy(rt_region(self),
                          etf_make(self, "{error, {_, _}}", info,
                                   gen__spec_record(rt_region(self), spec)));
    gen__child_forget(sup, child);
    return answer;
}

static etf_term start_spec(struct gen *self, struct supervisor *sup,
                           etf_term term)
{
    const struct child *present = NULL;
    struct child_spec *spec;
    etf_term wrong;
    enum agner_err err = gen__spec_read(
        rt_region(self), term, sup->flags.auto_shutdown, &spec, &wrong);

    if (err == AGNER_EINVAL)
        return error(self, wrong);
    if (err != AGNER_OK)
        return error_atom(self, "system_limit");
    if (!gen__is_simple(sup))
        present = gen__child_by_id(&sup->children, spec->id);
    if (present == NULL && !is_full(sup))
        return start_own(self, sup, spec);
    gen__spec_release(spec);
    return present != NULL ? already(self, present)
                           : error_atom(self, "max_children");
}

/* Starts a child like the others, with more arguments of its own. */
static etf_term start_alike(struct gen *self, struct supervisor *sup,
                            struct child_spec *spec, etf_term extra)
{
    struct child *child;
    etf_term info;
    enum agner_err err;

    if (etf_list_size(extra) < 0)
        return etf_make(self, "{error, {'EXIT', {badarg, []}}}");
    if (is_full(sup))
        return error_atom(self, "max_children");
    child = gen__child_add(&sup->children, spec, false);
    if (child == NULL)
        return error_atom(self, "system_limit");
    spec->users++;
    if (!etf_same(extra, etf_nil())) {
        child->extra = etf_box_new(extra);
        if (child->extra == NULL) {
            gen__child_forget(sup, child);
            return error_atom(self, "system_limit");
        }
    }
    err = gen__child_start(self, sup, child, &info);
    if (err == AGNER_OK)
        return started(self, child, info);
    gen__child_forget(sup, child);
    return err == AGNER_EIGNORE ? etf_make(self, "{ok, undefined}")
                                : error(self, info);
}

/* {start_child, Spec}, or of a simple supervisor {start_child, ExtraArgs}. */
static etf_term start_child(struct gen *self, struct supervisor *sup,
                            etf_term argument)
{
    if (gen__is_simple(sup) && sup->template_count > 0)
        return start_alike(self, sup, sup->templates[0], argument);
    return start_spec(self, sup, argument);
}

/* {start_child_of, {TemplateId, ExtraArgs}}: agner's own. */
static etf_term start_child_of(struct gen *self, struct supervisor *sup,
                               etf_term argument)
{
    struct child_spec *spec = NULL;
    etf_term id, extra;

    if (etf_match(argument, "{_, _}", &id, &extra))
        spec = gen__template(sup, id);
    if (spec == NULL)
        return error_atom(self, "not_found");
    return start_alike(self, sup, spec, extra);
}

/* Starts a child that is there, but does not run. */
static etf_term start_again(struct gen *self, struct supervisor *sup,
                            struct child *child)
{
    etf_term info;
    enum agner_err err;

    if (child->state == CHILD_RESTARTING)
        return error_atom(self, "restarting");
    if (child->state != CHILD_STOPPED)
        return error_atom(self, "running");
    if (child->disabled)
        return error_atom(self, "disabled");
    err = gen__child_start(self, sup, child, &info);
    if (err == AGNER_OK)
        return started(self, child, info);
    return err == AGNER_EIGNORE ? etf_make(self, "{ok, undefined}")
                                : error(self, info);
}

static etf_term restart_child(struct gen *self, struct supervisor *sup,
                              etf_term id)
{
    etf_term why;
    struct child *child = by_id(self, sup, id, &why);

    return child != NULL ? start_again(self, sup, child) : why;
}

/* {enable_child, Id}: agner's own. */
static etf_term enable_child(struct gen *self, struct supervisor *sup,
                             etf_term id)
{
    etf_term why;
    struct child *child = by_id(self, sup, id, &why);

    if (child == NULL)
        return why;
    child->disabled = false;
    return start_again(self, sup, child);
}

/* ---- Stopping ----------------------------------------------------------- */

/* OTP: a pid that is no child is one that has ended, if it has. */
static etf_term not_there(struct gen *self, const struct supervisor *sup,
                          etf_term id)
{
    etf_pid pid;

    if (gen__is_simple(sup) && etf_get_pid(id, &pid) && etf_pid_is_local(pid) &&
        !rt_is_alive(rt_of(self), pid))
        return ETF_A(ok);
    return error_atom(self, "not_found");
}

static etf_term terminate_child(struct gen *self, struct supervisor *sup,
                                etf_term id)
{
    bool simple = gen__is_simple(sup);
    struct child *child;

    if (simple && etf_kind(id) != ETF_KIND_PID)
        return error_atom(self, "simple_one_for_one");
    child = simple ? gen__child_by_pid(&sup->children, id)
                   : gen__child_by_id(&sup->children, id);
    if (child == NULL)
        return not_there(self, sup, id);
    gen__child_stop(self, sup, child);
    if (simple || child->spec->restart == GEN_TEMPORARY)
        gen__child_forget(sup, child);
    return ETF_A(ok);
}

/* {disable_child, Id}: agner's own. A temporary one is gone for good. */
static etf_term disable_child(struct gen *self, struct supervisor *sup,
                              etf_term id)
{
    etf_term why;
    struct child *child = by_id(self, sup, id, &why);

    if (child == NULL)
        return why;
    child->disabled = true;
    return terminate_child(self, sup, id);
}

static etf_term delete_child(struct gen *self, struct supervisor *sup,
                             etf_term id)
{
    etf_term why;
    struct child *child = by_id(self, sup, id, &why);

    if (child == NULL)
        return why;
    if (child->state == CHILD_RESTARTING)
        return error_atom(self, "restarting");
    if (child->state != CHILD_STOPPED)
        return error_atom(self, "running");
    gen__child_forget(sup, child);
    return ETF_A(ok);
}

/* ---- The whole ---------------------------------------------------------- */

/* Requests by name. With an argument: {Name, Argument}. */
static const struct command {
    const char *name;
    bool has_argument;
    etf_term (*serve)(struct gen *self, struct supervisor *sup,
                      etf_term argument);
} commands[] = {
    { "start_child", true, start_child },
    { "terminate_child", true, terminate_child },
    { "get_childspec", true, get_childspec },
    { "which_children", false, which_children },
    { "which_children", true, which_children_more },
    { "count_children", false, count_children },
    { "restart_child", true, restart_child },
    { "delete_child", true, delete_child },
    { "start_child_of", true, start_child_of },
    { "enable_child", true, enable_child },
    { "disable_child", true, disable_child },
};

etf_term gen__supervisor_request(struct gen *self, struct supervisor *sup,
                                 etf_term request)
{
    const etf_term *items = etf_tuple_items(request);
    bool has_argument = items != NULL && etf_tuple_size(request) == 2;
    etf_term name = has_argument ? items[0] : request;
    char text[200];

    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];

        if (c->has_argument == has_argument && etf_atom_is(name, c->name))
            return c->serve(self, sup, has_argument ? items[1] : ETF_NONE);
    }
    rt_log_self(self, RT_LOG_WARNING, "Supervisor: unknown request %s",
                etf_format(text, sizeof text, request));
    return error_atom(self, "undef");
}
