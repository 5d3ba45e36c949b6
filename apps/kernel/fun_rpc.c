/*
 * fun_rpc.c -- rpc and erpc as functions: another node has this one call a
 * third, or it back. Source: OTP 25, rpc and erpc.
 */
#include "functions.h"

/* [Node, M, F, Args], and perhaps a time. */
struct call {
    etf_term node, m, f, args;
    uint64_t ms;
};

static bool read_call(etf_term list, struct call *c)
{
    etf_term time;

    c->node = c->m = c->f = c->args = ETF_NONE;
    c->ms = GEN_INFINITY;
    (void)etf_list_next(&list, &c->node);
    (void)etf_list_next(&list, &c->m);
    (void)etf_list_next(&list, &c->f);
    (void)etf_list_next(&list, &c->args);
    return !etf_list_next(&list, &time) || fun_time(time, &c->ms);
}

static bool is_badarg(enum agner_err err)
{
    return err == AGNER_EINVAL || err == AGNER_EBADTERM;
}

static enum gen_rpc_class rpc_call(struct gen *self, etf_term args,
                                   etf_term *result)
{
    struct call c;

    if (!read_call(args, &c) ||
        is_badarg(gen_rpc_call(self, c.node, c.m, c.f, c.args, c.ms, result)))
        return gen_rpc_badarg(result);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class rpc_block_call(struct gen *self, etf_term args,
                                         etf_term *result)
{
    struct call c;

    if (!read_call(args, &c) ||
        is_badarg(
            gen_rpc_block_call(self, c.node, c.m, c.f, c.args, c.ms, result)))
        return gen_rpc_badarg(result);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class rpc_cast(struct gen *self, etf_term args,
                                   etf_term *result)
{
    struct call c;

    if (!read_call(args, &c) ||
        is_badarg(gen_rpc_cast(self, c.node, c.m, c.f, c.args)))
        return gen_rpc_badarg(result);
    return fun_value(result, ETF_A(true));
}

/* Its exceptions are this function's own. */
static enum gen_rpc_class erpc_call(struct gen *self, etf_term args,
                                    etf_term *result)
{
    struct gen_erpc_exception exception = { GEN_RPC_ERROR, ETF_NONE };
    struct call c;

    if (!read_call(args, &c)) {
        *result = etf_make(self, "{erpc, badarg}");
        return GEN_RPC_ERROR;
    }
    if (gen_erpc_call(self, c.node, c.m, c.f, c.args, c.ms, result,
                      &exception) == AGNER_OK)
        return GEN_RPC_VALUE;
    *result = exception.reason;
    return exception.kind;
}

static enum gen_rpc_class erpc_cast(struct gen *self, etf_term args,
                                    etf_term *result)
{
    struct call c;

    if (!read_call(args, &c) ||
        is_badarg(gen_erpc_cast(self, c.node, c.m, c.f, c.args))) {
        *result = etf_make(self, "{erpc, badarg}");
        return GEN_RPC_ERROR;
    }
    return fun_value(result, ETF_A(ok));
}

static const struct gen_rpc_function rows[] = {
    { "rpc", "call", 4, rpc_call, NULL },
    { "rpc", "call", 5, rpc_call, NULL },
    { "rpc", "block_call", 4, rpc_block_call, NULL },
    { "rpc", "block_call", 5, rpc_block_call, NULL },
    { "rpc", "cast", 4, rpc_cast, NULL },
    { "erpc", "call", 4, erpc_call, NULL },
    { "erpc", "call", 5, erpc_call, NULL },
    { "erpc", "cast", 4, erpc_cast, NULL },
};

const struct kernel__table kernel__fun_rpc = KERNEL_TABLE(rows);
