/*
 * puppet_rpc.c -- what puppets call on other nodes, and the functions that
 * other nodes may call here: module `probe`.
 */
#include <stdlib.h>

#include "puppet.h"

/* ---- Functions ---------------------------------------------------------- */

static enum gen_rpc_class value(struct gen *self, etf_term args,
                                etf_term *result)
{
    (void)self;
    (void)etf_list_next(&args, result);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class throw(struct gen * self, etf_term args,
                                etf_term *result) {
    (void)value(self, args, result); return GEN_RPC_THROW;
}

static enum gen_rpc_class fail(struct gen *self, etf_term args,
                               etf_term *result)
{
    (void)value(self, args, result);
    return GEN_RPC_ERROR;
}

/* rt_exit() in the middle. */
static enum gen_rpc_class leave(struct gen *self, etf_term args,
                                etf_term *result)
{
    (void)value(self, args, result);
    rt_exit(self, *result);
    return GEN_RPC_VALUE;
}

/* Its own process is killed. */
static enum gen_rpc_class killed(struct gen *self, etf_term args,
                                 etf_term *result)
{
    (void)value(self, args, result);
    (void)rt_exit_signal(self, rt_self(self), ETF_A(kill));
    return GEN_RPC_VALUE;
}

/* {Pid, Message}: sends it, from the process of the call. */
static enum gen_rpc_class tell(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term to, message;

    if (!etf_match(args, "[_, _]", &to, &message))
        return gen_rpc_badarg(result);
    *result = ETF_A(ok);
    (void)rt_send(self, to,
                  etf_make(self, "{_, _, _}", rt_self(self),
                           rt_group_leader(self), message));
    return GEN_RPC_VALUE;
}

/* Text for whoever its output goes to. */
static enum gen_rpc_class print(struct gen *self, etf_term args,
                                etf_term *result)
{
    (void)value(self, args, result);
    if (gen_io_put_chars(self, ETF_NONE, *result) != AGNER_OK)
        return gen_rpc_badarg(result);
    *result = ETF_A(ok);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class resource(struct gen *self, etf_term args,
                                   etf_term *result)
{
    (void)args;
    *result = etf_resource(rt_region(self), NULL, NULL);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class sum(struct gen *self, etf_term args, etf_term *result)
{
    int64_t total = 0, n;
    etf_term one;

    while (etf_list_next(&args, &one)) {
        if (!etf_get_int(one, &n))
            return gen_rpc_badarg(result);
        total += n;
    }
    *result = etf_int(rt_region(self), total);
    return GEN_RPC_VALUE;
}

static const char *const friends[] = { "friend@127.0.0.1", NULL };

static const struct gen_rpc_function probe[] = {
    { "probe", "value", 1, value, NULL },
    { "probe", "throw", 1, throw, NULL },
    { "probe", "error", 1, fail, NULL },
    { "probe", "leave", 1, leave, NULL },
    { "probe", "killed", 1, killed, NULL },
    { "probe", "tell", 2, tell, NULL },
    { "probe", "print", 1, print, NULL },
    { "probe", "resource", 0, resource, NULL },
    { "probe", "sum", GEN_RPC_ANY_ARITY, sum, NULL },
    { "probe", "friends", 1, value, friends },
};

enum agner_err puppet_rpc_start(struct rt *rt)
{
    return gen_rpc_provide(rt, probe, sizeof probe / sizeof *probe);
}

/* ---- Calls -------------------------------------------------------------- */

/* {Node, M, F, Args, TimeoutMs} */
struct call {
    etf_term node, m, f, args;
    uint64_t ms;
};

static bool read_call(etf_term args, struct call *c)
{
    return etf_match(args, "{_, _, _, _, _}", &c->node, &c->m, &c->f, &c->args,
                     &c->ms);
}

static etf_term op_rpc_call(struct gen *self, etf_term args)
{
    etf_term result = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err = gen_rpc_call(self, c.node, c.m, c.f, c.args, c.ms, &result);
    return puppet_value(self, err, result);
}

static etf_term op_block_call(struct gen *self, etf_term args)
{
    etf_term result = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err = gen_rpc_block_call(self, c.node, c.m, c.f, c.args, c.ms, &result);
    return puppet_value(self, err, result);
}

/* {ok, Value} or {error, 'EEXIT', {Class, Reason}} */
static etf_term outcome(struct gen *self, enum agner_err err, etf_term result,
                        const struct gen_erpc_exception *exception)
{
    static const char *const classes[] = {
        [GEN_RPC_VALUE] = "value", [GEN_RPC_THROW] = "throw",
        [GEN_RPC_EXIT] = "exit",   [GEN_RPC_ERROR] = "error",
        [GEN_RPC_APPLY] = "apply",
    };

    if (err == AGNER_OK)
        return puppet_value(self, err, result);
    return puppet_value(self, err,
                        etf_make(self, "{_, _}",
                                 etf_atom(classes[exception->kind]),
                                 exception->reason));
}

static etf_term op_erpc_call(struct gen *self, etf_term args)
{
    struct gen_erpc_exception exception = { .kind = GEN_RPC_VALUE };
    etf_term result = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err = gen_erpc_call(self, c.node, c.m, c.f, c.args, c.ms, &result,
                        &exception);
    return outcome(self, err, result, &exception);
}

/* Sends, waits in vain for 0 ms, and then for the answer. */
static etf_term op_erpc_request(struct gen *self, etf_term args)
{
    struct gen_erpc_exception exception = { .kind = GEN_RPC_VALUE };
    struct gen_erpc_request id;
    etf_term result = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err = gen_erpc_send_request(self, c.node, c.m, c.f, c.args, &id);
    if (err != AGNER_OK)
        return puppet_result(self, err);
    (void)gen_erpc_wait_response(self, &id, 0, &result, &exception);
    err = gen_erpc_receive_response(self, &id, c.ms, &result, &exception);
    return outcome(self, err, result, &exception);
}

static etf_term op_erpc_cast(struct gen *self, etf_term args)
{
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    return puppet_result(self, gen_erpc_cast(self, c.node, c.m, c.f, c.args));
}

/* In place of a node a list of them. */
static etf_term op_erpc_multicall(struct gen *self, etf_term args)
{
    etf_term results = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err = gen_erpc_multicall(self, c.node, c.m, c.f, c.args, c.ms, &results);
    return puppet_value(self, err, results);
}

static etf_term op_rpc_multicall(struct gen *self, etf_term args)
{
    etf_term results = ETF_NONE, bad = ETF_NONE;
    enum agner_err err;
    struct call c;

    if (!read_call(args, &c))
        return puppet_badarg();
    err =
        gen_rpc_multicall(self, c.node, c.m, c.f, c.args, c.ms, &results, &bad);
    return puppet_value(self, err, etf_make(self, "{_, _}", results, bad));
}

/* {Nodes, Name, Message, TimeoutMs} */
static etf_term op_sbcast(struct gen *self, etf_term args)
{
    etf_term nodes, name, message, good = ETF_NONE, bad = ETF_NONE;
    enum agner_err err;
    uint64_t ms;

    if (!etf_match(args, "{_, _, _, _}", &nodes, &name, &message, &ms))
        return puppet_badarg();
    err = gen_rpc_sbcast(self, nodes, name, message, ms, &good, &bad);
    return puppet_value(self, err, etf_make(self, "{_, _}", good, bad));
}

static etf_term op_abcast(struct gen *self, etf_term args)
{
    etf_term nodes, name, message;

    if (!etf_match(args, "{_, _, _, __}", &nodes, &name, &message))
        return puppet_badarg();
    return puppet_result(self, gen_rpc_abcast(self, nodes, name, message));
}

static etf_term op_multi_server_call(struct gen *self, etf_term args)
{
    etf_term nodes, name, message, good = ETF_NONE, bad = ETF_NONE;
    enum agner_err err;
    uint64_t ms;

    if (!etf_match(args, "{_, _, _, _}", &nodes, &name, &message, &ms))
        return puppet_badarg();
    err =
        gen_rpc_multi_server_call(self, nodes, name, message, ms, &good, &bad);
    return puppet_value(self, err, etf_make(self, "{_, _}", good, bad));
}

const struct puppet_op puppet_rpc[] = {
    { "rpc_call", op_rpc_call },
    { "block_call", op_block_call },
    { "erpc_call", op_erpc_call },
    { "erpc_request", op_erpc_request },
    { "erpc_cast", op_erpc_cast },
    { "erpc_multicall", op_erpc_multicall },
    { "rpc_multicall", op_rpc_multicall },
    { "sbcast", op_sbcast },
    { "abcast", op_abcast },
    { "multi_server_call", op_multi_server_call },
    { NULL, NULL },
};
