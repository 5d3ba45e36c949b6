/*
 * fun_global.c -- the functions of OTP's module global, for other nodes to call
 * here: rpc:call(Node, global, whereis_name, [Name]).
 *
 * Source: OTP 25, global(3).
 */
#include "functions.h"
#include "global_internal.h"

static enum gen_rpc_class done(enum agner_err err, etf_term value,
                               etf_term *result)
{
    *result = value;
    if (err == AGNER_OK)
        return GEN_RPC_VALUE;
    *result = err == AGNER_EINVAL ? ETF_A(badarg) : ETF_A(noproc);
    return GEN_RPC_ERROR;
}

static enum gen_rpc_class whereis_name(struct gen *self, etf_term args,
                                       etf_term *result)
{
    etf_term name;
    etf_pid pid;

    if (!etf_match(args, "[_]", &name))
        return gen_rpc_badarg(result);
    *result = gen__global_find(rt_of(self), name, &pid) == AGNER_OK
                  ? etf_from_pid(rt_region(self), pid)
                  : ETF_A(undefined);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class registered_names(struct gen *self, etf_term args,
                                           etf_term *result)
{
    etf_term names = ETF_NONE;

    (void)args;
    return done(gen_global_registered_names(self, &names), names, result);
}

/* A change, whose method may be a fun of the caller's. */
static enum gen_rpc_class change(struct gen *self, etf_term job,
                                 etf_term *result)
{
    etf_term reply = ETF_NONE;

    return done(gen_call(self, etf_atom("global_name_server"),
                         etf_make(self, "{registrar, _}", job), GEN_INFINITY,
                         &reply),
                reply, result);
}

static enum gen_rpc_class give(struct gen *self, const char *how, etf_term args,
                               etf_term *result)
{
    etf_term name, m, f,
        method = etf_export(rt_region(self), etf_atom("global"),
                            etf_atom("random_exit_name"), 3);
    etf_pid pid;

    if (!etf_match(args, "[_, _]", &name, &pid) &&
        !etf_match(args, "[_, _, _]", &name, &pid, &method))
        return gen_rpc_badarg(result);
    if (etf_match(method, "{_, _}", &m, &f)) /* as OTP takes it */
        method = etf_export(rt_region(self), m, f, 3);
    return change(
        self, etf_make(self, "{_, _, _, _}", etf_atom(how), name, pid, method),
        result);
}

static enum gen_rpc_class register_name(struct gen *self, etf_term args,
                                        etf_term *result)
{
    return give(self, "register", args, result);
}

static enum gen_rpc_class re_register_name(struct gen *self, etf_term args,
                                           etf_term *result)
{
    return give(self, "re_register", args, result);
}

static enum gen_rpc_class unregister_name(struct gen *self, etf_term args,
                                          etf_term *result)
{
    etf_term name;

    if (!etf_match(args, "[_]", &name))
        return gen_rpc_badarg(result);
    return change(self, etf_make(self, "{unregister, _}", name), result);
}

static enum gen_rpc_class send_message(struct gen *self, etf_term args,
                                       etf_term *result)
{
    etf_term name, message;
    etf_pid pid;

    if (!etf_match(args, "[_, _]", &name, &message))
        return gen_rpc_badarg(result);
    if (gen_global_send(self, name, message, &pid) == AGNER_ENONAME) {
        *result = etf_make(self, "{badarg, {_, _}}", name, message);
        return GEN_RPC_EXIT;
    }
    *result = etf_from_pid(rt_region(self), pid);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class resolve_it(struct gen *self, etf_term args,
                                     etf_term *result)
{
    etf_term method, name;
    etf_pid pid, pid2;

    if (!etf_match(args, "[_, _, _, _]", &method, &name, &pid, &pid2))
        return gen_rpc_badarg(result);
    *result = global__resolve_it(self, method, name, pid, pid2);
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class sync_all(struct gen *self, etf_term args,
                                   etf_term *result)
{
    etf_term nodes = ETF_NONE;

    (void)etf_match(args, "[_]", &nodes);
    return done(gen_global_sync(self, nodes), ETF_A(ok), result);
}

static enum gen_rpc_class leave(struct gen *self, etf_term args,
                                etf_term *result)
{
    etf_term nodes = ETF_NONE;

    (void)args;
    return done(gen_global_disconnect(self, &nodes), nodes, result);
}

static const struct gen_rpc_function functions[] = {
    { "global", "whereis_name", 1, whereis_name, NULL },
    { "global", "registered_names", 0, registered_names, NULL },
    { "global", "register_name", 2, register_name, NULL },
    { "global", "register_name", 3, register_name, NULL },
    { "global", "re_register_name", 2, re_register_name, NULL },
    { "global", "re_register_name", 3, re_register_name, NULL },
    { "global", "unregister_name", 1, unregister_name, NULL },
    { "global", "send", 2, send_message, NULL },
    { "global", "resolve_it", 4, resolve_it, NULL },
    { "global", "sync", 0, sync_all, NULL },
    { "global", "sync", 1, sync_all, NULL },
    { "global", "disconnect", 0, leave, NULL },
};

const struct kernel__table kernel__fun_global = KERNEL_TABLE(functions);
