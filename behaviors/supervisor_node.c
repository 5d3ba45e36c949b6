/*
 * supervisor_node.c -- children on other nodes.
 *
 * A spawn request with a link makes the child, so there is no moment at which
 * it runs and is not linked. On a node of ours it is what
 * gen_remote_register() names. On an Erlang node it is the function itself, and
 * a start_link/N of OTP's own behaviours is taken for what it does, from here:
 * proc_lib:start_link(gen, init_it, ...) with the supervisor as the parent,
 * which then is told `ack` as proc_lib tells it.
 *
 * Sources: OTP 25, proc_lib:init_p/5, gen:init_it/6,7, supervisor:start_link/2.
 */
#include "supervisor.h"

#include "gen_internal.h"

struct birth {
    etf_term node, module, function, args;
    bool acks; /* proc_lib: init's outcome comes as a message */
};

/* ---- OTP's behaviours ---------------------------------------------------- */

/* [Parent, [], gen, init_it, [Behaviour, Parent, Parent, ...]] */
static etf_term init_p(struct gen *self, etf_term behaviour, etf_term name,
                       etf_term module, etf_term args, etf_term options)
{
    etf_term me = rt_self_term(self), rest;

    rest = etf_make(self, "[_, _, _]", module, args, options);
    if (!etf_is_none(name))
        rest = etf_cons(rt_region(self), name, rest);
    return etf_make(self, "[_, [], gen, init_it, [_, _, _ | _]]", me, behaviour,
                    me, me, rest);
}

/* {gen_server | gen_statem, start_link, [Name,] [Module, Args, Options]} */
static etf_term init_server(struct gen *self, const struct birth *b)
{
    etf_term name = ETF_NONE, module, args, options;

    if (!etf_match(b->args, "[_, _, _]", &module, &args, &options) &&
        !etf_match(b->args, "[_, _, _, _]", &name, &module, &args, &options))
        return ETF_NONE;
    return init_p(self, b->module, name, module, args, options);
}

/* {supervisor, start_link, [Name,] [Module, Args]} */
static etf_term init_supervisor(struct gen *self, const struct birth *b)
{
    etf_term name = ETF_NONE, module, args, who;

    if (!etf_match(b->args, "[_, _]", &module, &args) &&
        !etf_match(b->args, "[_, _, _]", &name, &module, &args))
        return ETF_NONE;
    who = etf_is_none(name) ? ETF_A(self) : name;
    return init_p(self, etf_atom("gen_server"), name, b->module,
                  etf_make(self, "{_, _, _}", who, module, args), etf_nil());
}

static const struct {
    const char *module;
    etf_term (*args)(struct gen *self, const struct birth *b);
} behaviours[] = {
    { "gen_server", init_server },
    { "gen_statem", init_server },
    { "supervisor", init_supervisor },
};

static void translate(struct gen *self, struct birth *b)
{
    etf_term args = ETF_NONE;
    size_t i;

    if (!etf_atom_is(b->function, "start_link"))
        return;
    for (i = 0; i < sizeof behaviours / sizeof *behaviours; i++)
        if (etf_atom_is(b->module, behaviours[i].module))
            args = behaviours[i].args(self, b);
    if (etf_is_none(args))
        return;
    b->module = etf_atom("proc_lib");
    b->function = etf_atom("init_p");
    b->args = args;
    b->acks = true;
}

/* ---- The outcome of init ------------------------------------------------- */

/* {ack | nack, Pid, _} and {'EXIT', Pid, _} */
static bool is_outcome(void *ctx, etf_term message)
{
    const etf_pid *child = ctx;
    etf_term tag, rest;
    etf_pid pid;

    return etf_match(message, "{_, _, _}", &tag, &pid, &rest) &&
           etf_pid_equal(pid, *child) &&
           (etf_atom_is(tag, "ack") || etf_atom_is(tag, "nack") ||
            etf_same(tag, ETF_A(EXIT)));
}

static enum agner_err outcome(struct gen *self, etf_pid pid, etf_term *info)
{
    etf_term message, result;
    enum agner_err err =
        rt_receive_match(self, is_outcome, &pid, RT_INFINITY, &message);

    if (err != AGNER_OK)
        return err;
    result = etf_tuple_items(message)[2];
    if (etf_match(message, "{ack, __, {ok, __}}"))
        return AGNER_OK;
    /* It ends, or has ended: no exit of it is to come any more. */
    (void)rt_unlink_with(self, pid, RT_UNLINK_FLUSH);
    if (etf_match(message, "{ack, __, ignore}"))
        return AGNER_EIGNORE;
    *info = result;
    (void)etf_match(result, "{error, _}", info);
    return AGNER_EEXIT;
}

enum agner_err gen__node_start(struct gen *self, const struct child_spec *spec,
                               bool simple, etf_term arguments, etf_pid *pid,
                               etf_term *info)
{
    struct rt_remote_spawn_options options = { .link = true };
    struct birth b = { .node = spec->node,
                       .module = spec->module,
                       .function = spec->function,
                       .args = arguments };
    enum agner_err err;

    translate(self, &b);
    if (!simple && !b.acks)
        options.name = spec->name;
    err = rt_spawn_node(self, b.node, b.module, b.function, b.args, &options,
                        pid, info);
    if (err != AGNER_OK) {
        if (etf_is_none(*info) && err == AGNER_ENOCONN)
            *info = ETF_A(noconnection);
        return etf_is_none(*info) ? err : AGNER_EEXIT;
    }
    return b.acks ? outcome(self, *pid, info) : AGNER_OK;
}
