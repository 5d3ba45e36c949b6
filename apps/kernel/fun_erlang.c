/*
 * fun_erlang.c -- the module erlang for other nodes: nodes, processes and their
 * names, and how a function may end.
 *
 * Nothing here gives a peer more than its signals do: it can send, and end
 * processes, by itself. What would (halt, spawn, open_port, get_cookie) is not
 * there.
 *
 * Source: OTP 25, erlang(3).
 */
#include "functions.h"

/* ---- Nodes -------------------------------------------------------------- */

static enum gen_rpc_class node_0(struct gen *self, etf_term args,
                                 etf_term *result)
{
    (void)args;
    return fun_value(result, rt_node(rt_of(self)).name);
}

static enum gen_rpc_class is_alive(struct gen *self, etf_term args,
                                   etf_term *result)
{
    (void)args;
    return fun_value(
        result, etf_bool(!etf_same(rt_node(rt_of(self)).name, ETF_A(noname))));
}

static enum gen_rpc_class nodes_0(struct gen *self, etf_term args,
                                  etf_term *result)
{
    (void)args;
    return fun_value(result,
                     rt_nodes(rt_of(self), rt_region(self), RT_NODES_VISIBLE));
}

enum { THIS = 4 }; /* beside enum rt_nodes_which */

static unsigned kind_of_nodes(etf_term kind)
{
    static const struct {
        const char *name;
        unsigned which;
    } kinds[] = {
        { "visible", RT_NODES_VISIBLE },        { "hidden", RT_NODES_HIDDEN },
        { "connected", RT_NODES_CONNECTED },    { "this", THIS },
        { "known", RT_NODES_CONNECTED | THIS },
    };

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (etf_atom_is(kind, kinds[i].name))
            return kinds[i].which;
    return 0;
}

static enum gen_rpc_class nodes_1(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term kinds = ETF_NONE, kind, list;
    unsigned which = 0, one;

    (void)etf_list_next(&args, &kinds);
    if (etf_is_atom(kinds))
        kinds = etf_make(self, "[_]", kinds);
    while (etf_list_next(&kinds, &kind)) {
        one = kind_of_nodes(kind);
        if (one == 0)
            return gen_rpc_badarg(result);
        which |= one;
    }
    if (etf_kind(kinds) != ETF_KIND_NIL)
        return gen_rpc_badarg(result);
    list = rt_nodes(rt_of(self), rt_region(self), which & RT_NODES_CONNECTED);
    if ((which & THIS) != 0)
        list = etf_cons(rt_region(self), rt_node(rt_of(self)).name, list);
    return fun_value(result, list);
}

static enum gen_rpc_class disconnect_node(struct gen *self, etf_term args,
                                          etf_term *result)
{
    etf_term node = ETF_NONE;

    (void)etf_list_next(&args, &node);
    if (!etf_is_atom(node))
        return gen_rpc_badarg(result);
    return fun_value(
        result, etf_bool(rt_disconnect_node(rt_of(self), node) == AGNER_OK));
}

/* ---- Processes ---------------------------------------------------------- */

static enum gen_rpc_class processes(struct gen *self, etf_term args,
                                    etf_term *result)
{
    etf_pid pids[256], after = { 0 };
    etf_term list = etf_nil();
    size_t count;

    (void)args;
    do {
        count = rt_process_list(rt_of(self), after, pids,
                                sizeof pids / sizeof *pids);
        for (size_t i = 0; i < count; i++)
            list = etf_cons(rt_region(self), etf_from_pid(NULL, pids[i]), list);
        if (count > 0)
            after = pids[count - 1];
    } while (count == sizeof pids / sizeof *pids && rt_check(self) == AGNER_OK);
    return fun_value(result, list);
}

static enum gen_rpc_class registered(struct gen *self, etf_term args,
                                     etf_term *result)
{
    (void)args;
    return fun_value(result, rt_registered(rt_of(self), rt_region(self)));
}

static enum gen_rpc_class whereis(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term name = ETF_NONE;
    etf_pid pid;

    (void)etf_list_next(&args, &name);
    if (!etf_is_atom(name))
        return gen_rpc_badarg(result);
    if (rt_whereis(rt_of(self), name, &pid) != AGNER_OK)
        return fun_value(result, ETF_A(undefined));
    return fun_value(result, etf_from_pid(NULL, pid));
}

static enum gen_rpc_class is_process_alive(struct gen *self, etf_term args,
                                           etf_term *result)
{
    etf_pid pid;

    if (!etf_match(args, "[_]", &pid) || !etf_pid_is_local(pid))
        return gen_rpc_badarg(result);
    return fun_value(result, etf_bool(rt_is_alive(rt_of(self), pid)));
}

static enum gen_rpc_class self_0(struct gen *self, etf_term args,
                                 etf_term *result)
{
    (void)args;
    return fun_value(result, rt_self_term(self));
}

static enum gen_rpc_class group_leader(struct gen *self, etf_term args,
                                       etf_term *result)
{
    (void)args;
    return fun_value(result,
                     etf_from_pid(rt_region(self), rt_group_leader(self)));
}

static enum gen_rpc_class send(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term to, message;

    if (!etf_match(args, "[_, _]", &to, &message))
        return gen_rpc_badarg(result);
    switch ((int)rt_send(self, to, message)) {
    case AGNER_EINVAL:  /* no target */
    case AGNER_ENONAME: /* nor is this one */
        return gen_rpc_badarg(result);
    default:
        return fun_value(result, message);
    }
}

static enum gen_rpc_class exit_2(struct gen *self, etf_term args,
                                 etf_term *result)
{
    etf_term reason;
    etf_pid pid;

    if (!etf_match(args, "[_, _]", &pid, &reason))
        return gen_rpc_badarg(result);
    (void)rt_exit_signal(self, pid, reason); /* a dead one is fine */
    return fun_value(result, ETF_A(true));
}

/* ---- How it ends -------------------------------------------------------- */

static enum gen_rpc_class exit_1(struct gen *self, etf_term args,
                                 etf_term *result)
{
    (void)self;
    (void)etf_list_next(&args, result);
    return GEN_RPC_EXIT;
}

static enum gen_rpc_class throw_1(struct gen *self, etf_term args,
                                  etf_term *result)
{
    (void)self;
    (void)etf_list_next(&args, result);
    return GEN_RPC_THROW;
}

static enum gen_rpc_class error_any(struct gen *self, etf_term args,
                                    etf_term *result)
{
    (void)self;
    (void)etf_list_next(&args, result);
    return GEN_RPC_ERROR;
}

static enum gen_rpc_class apply_3(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term m, f, a;

    if (!etf_match(args, "[_, _, _]", &m, &f, &a) || etf_list_size(a) < 0)
        return gen_rpc_badarg(result);
    *result = etf_make(self, "{_, _, _}", m, f, a);
    return GEN_RPC_APPLY;
}

/* apply(fun M:F/A, Args). A fun of another node cannot be run here. */
static enum gen_rpc_class apply_2(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term fun, a, m, f;
    uint32_t arity;

    if (!etf_match(args, "[_, _]", &fun, &a))
        return gen_rpc_badarg(result);
    if (etf_kind(fun) == ETF_KIND_FUN) {
        *result = etf_make(self, "{badfun, _}", fun);
        return GEN_RPC_ERROR;
    }
    if (etf_list_size(a) < 0 || !etf_get_export(fun, &m, &f, &arity) ||
        arity != (uint64_t)etf_list_size(a))
        return gen_rpc_badarg(result);
    *result = etf_make(self, "{_, _, _}", m, f, a);
    return GEN_RPC_APPLY;
}

static enum gen_rpc_class function_exported(struct gen *self, etf_term args,
                                            etf_term *result)
{
    etf_term m, f;
    int64_t arity;

    if (!etf_match(args, "[_, _, _]", &m, &f, &arity) || !etf_is_atom(m) ||
        !etf_is_atom(f))
        return gen_rpc_badarg(result);
    return fun_value(result,
                     etf_bool(gen_rpc_is_provided(rt_of(self), m, f, arity)));
}

static const struct gen_rpc_function rows[] = {
    { "erlang", "node", 0, node_0, NULL },
    { "erlang", "is_alive", 0, is_alive, NULL },
    { "erlang", "nodes", 0, nodes_0, NULL },
    { "erlang", "nodes", 1, nodes_1, NULL },
    { "erlang", "disconnect_node", 1, disconnect_node, NULL },
    { "erlang", "processes", 0, processes, NULL },
    { "erlang", "registered", 0, registered, NULL },
    { "erlang", "whereis", 1, whereis, NULL },
    { "erlang", "is_process_alive", 1, is_process_alive, NULL },
    { "erlang", "self", 0, self_0, NULL },
    { "erlang", "group_leader", 0, group_leader, NULL },
    { "erlang", "send", 2, send, NULL },
    { "erlang", "exit", 1, exit_1, NULL },
    { "erlang", "exit", 2, exit_2, NULL },
    { "erlang", "throw", 1, throw_1, NULL },
    { "erlang", "error", 1, error_any, NULL },
    { "erlang", "error", 2, error_any, NULL },
    { "erlang", "apply", 2, apply_2, NULL },
    { "erlang", "apply", 3, apply_3, NULL },
    { "erlang", "function_exported", 3, function_exported, NULL },
};

const struct kernel__table kernel__fun_erlang = KERNEL_TABLE(rows);
