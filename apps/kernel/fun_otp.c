/*
 * fun_otp.c -- other modules of OTP: what tools and shells ask a node for.
 *
 * Source: OTP 25: net_adm, net_kernel, application, supervisor, sys,
 * gen_server, init and code.
 */
#include "functions.h"

#include <string.h>

/* ---- Nodes -------------------------------------------------------------- */

static enum gen_rpc_class ping(struct gen *self, etf_term args,
                               etf_term *result)
{
    etf_term node = ETF_NONE, reply;

    (void)etf_list_next(&args, &node);
    if (etf_is_atom(node) &&
        gen_call(self, etf_make(self, "{net_kernel, _}", node),
                 etf_make(self, "{is_auth, _}", rt_node(rt_of(self)).name),
                 GEN_INFINITY, &reply) == AGNER_OK &&
        etf_same(reply, ETF_A(yes)))
        return fun_atom(result, "pong");
    return fun_atom(result, "pang");
}

static enum gen_rpc_class connect_node(struct gen *self, etf_term args,
                                       etf_term *result)
{
    etf_term node = ETF_NONE;

    (void)etf_list_next(&args, &node);
    if (!etf_is_atom(node))
        return gen_rpc_badarg(result);
    return fun_value(result, etf_bool(rt_connect_node(self, node) == AGNER_OK));
}

/* ---- Calls -------------------------------------------------------------- */

/* A call that did not succeed exits as gen_server:call does. */
static enum gen_rpc_class call(struct gen *self, etf_term to, etf_term request,
                               uint64_t ms, etf_term *result)
{
    etf_term reason = ETF_NONE, time = ETF_A(infinity);

    switch ((int)gen_call(self, to, request, ms, &reason)) {
    case AGNER_OK:
        return fun_value(result, reason);
    case AGNER_ETIMEOUT:
        reason = ETF_A(timeout);
        break;
    case AGNER_ECALLSELF:
        reason = ETF_A(calling_self);
        break;
    default:
        if (etf_is_none(reason))
            reason = ETF_A(noproc);
        break;
    }
    if (ms != GEN_INFINITY)
        time = etf_uint(rt_region(self), ms);
    *result = etf_make(self, "{_, {gen_server, call, [_, _, _]}}", reason, to,
                       request, time);
    return GEN_RPC_EXIT;
}

static enum gen_rpc_class server_call(struct gen *self, etf_term args,
                                      etf_term *result)
{
    uint64_t ms = GEN_CALL_TIMEOUT_MS;
    etf_term to = ETF_NONE, request = ETF_NONE, time;

    (void)etf_list_next(&args, &to);
    (void)etf_list_next(&args, &request);
    if (etf_list_next(&args, &time) && !fun_time(time, &ms))
        return gen_rpc_badarg(result);
    return call(self, to, request, ms, result);
}

static enum gen_rpc_class server_cast(struct gen *self, etf_term args,
                                      etf_term *result)
{
    etf_term to = ETF_NONE, request = ETF_NONE;

    (void)etf_list_next(&args, &to);
    (void)etf_list_next(&args, &request);
    (void)gen_cast(self, to, request); /* nobody there is fine */
    return fun_value(result, ETF_A(ok));
}

static enum gen_rpc_class which_children(struct gen *self, etf_term args,
                                         etf_term *result)
{
    etf_term sup = ETF_NONE;

    (void)etf_list_next(&args, &sup);
    return call(self, sup, etf_atom("which_children"), GEN_INFINITY, result);
}

static enum gen_rpc_class count_children(struct gen *self, etf_term args,
                                         etf_term *result)
{
    etf_term sup = ETF_NONE;

    (void)etf_list_next(&args, &sup);
    return call(self, sup, etf_atom("count_children"), GEN_INFINITY, result);
}

/* ---- sys ---------------------------------------------------------------- */

typedef enum agner_err (*sys_fn)(struct gen *self, etf_term to,
                                 uint64_t timeout_ms, etf_term *answer);

/* [Name] or [Name, Timeout]; fails as sys does. */
static enum gen_rpc_class sys(struct gen *self, sys_fn fn, const char *name,
                              etf_term args, etf_term *result)
{
    etf_term shown = args, to = ETF_NONE, time, reason = ETF_NONE;
    uint64_t ms = GEN_CALL_TIMEOUT_MS;

    (void)etf_list_next(&args, &to);
    if (etf_list_next(&args, &time) && !fun_time(time, &ms))
        return gen_rpc_badarg(result);
    switch ((int)fn(self, to, ms, &reason)) {
    case AGNER_OK:
        return fun_value(result, reason);
    case AGNER_ETIMEOUT:
        reason = ETF_A(timeout);
        break;
    default:
        if (etf_is_none(reason))
            reason = ETF_A(noproc);
        break;
    }
    *result = etf_make(self, "{_, {sys, _, _}}", reason, etf_atom(name), shown);
    return GEN_RPC_EXIT;
}

static enum gen_rpc_class get_state(struct gen *self, etf_term args,
                                    etf_term *result)
{
    return sys(self, gen_sys_get_state, "get_state", args, result);
}

static enum gen_rpc_class get_status(struct gen *self, etf_term args,
                                     etf_term *result)
{
    return sys(self, gen_sys_get_status, "get_status", args, result);
}

/* ---- application -------------------------------------------------------- */

static enum gen_rpc_class which_applications(struct gen *self, etf_term args,
                                             etf_term *result)
{
    (void)args;
    if (gen_which_applications(self, result) != AGNER_OK)
        *result = etf_nil();
    return GEN_RPC_VALUE;
}

static enum gen_rpc_class loaded_applications(struct gen *self, etf_term args,
                                              etf_term *result)
{
    (void)args;
    if (gen_loaded_applications(self, result) != AGNER_OK)
        *result = etf_nil();
    return GEN_RPC_VALUE;
}

/* get_env(App, Key), get_env(App, Key, Default) */
static enum gen_rpc_class get_env(struct gen *self, etf_term args,
                                  etf_term *result)
{
    etf_term app = ETF_NONE, key = ETF_NONE, other, value;
    bool has_default;
    char name[1021], text[1021];

    (void)etf_list_next(&args, &app);
    (void)etf_list_next(&args, &key);
    has_default = etf_list_next(&args, &other);
    if (etf_is_atom(app) && etf_is_atom(key) &&
        etf_get_text(app, name, sizeof name) &&
        etf_get_text(key, text, sizeof text) &&
        gen_application_get_env(self, name, text, &value) == AGNER_OK)
        return fun_value(
            result, has_default ? value : etf_make(self, "{ok, _}", value));
    return fun_value(result, has_default ? other : ETF_A(undefined));
}

static enum gen_rpc_class get_all_env(struct gen *self, etf_term args,
                                      etf_term *result)
{
    etf_term app = ETF_NONE;
    char name[1021];

    (void)etf_list_next(&args, &app);
    if (!etf_is_atom(app) || !etf_get_text(app, name, sizeof name) ||
        gen_application_all_env(self, name, result) != AGNER_OK)
        *result = etf_nil();
    return GEN_RPC_VALUE;
}

/* ---- init, code --------------------------------------------------------- */

static enum gen_rpc_class init_status(struct gen *self, etf_term args,
                                      etf_term *result)
{
    (void)args;
    return fun_value(result, etf_make(self, "{started, started}"));
}

/* Does some function of that module exist? */
static bool is_module(struct gen *self, etf_term module)
{
    etf_term list = gen_rpc_provided(rt_of(self), rt_region(self)), one;
    etf_bytes name = etf_atom_text(module), text;

    while (etf_list_next(&list, &one)) {
        text = etf_atom_text(one);
        if (name.data != NULL && text.size > name.size &&
            memcmp(text.data, name.data, name.size) == 0 &&
            text.data[name.size] == ':')
            return true;
    }
    return false;
}

static enum gen_rpc_class ensure_loaded(struct gen *self, etf_term args,
                                        etf_term *result)
{
    etf_term module = ETF_NONE;

    (void)etf_list_next(&args, &module);
    if (is_module(self, module))
        return fun_value(result, etf_make(self, "{module, _}", module));
    return fun_value(result, etf_make(self, "{error, nofile}"));
}

/* There is no file to name: as of a module that the emulator has inside. */
static enum gen_rpc_class is_loaded(struct gen *self, etf_term args,
                                    etf_term *result)
{
    etf_term module = ETF_NONE;

    (void)etf_list_next(&args, &module);
    if (is_module(self, module))
        return fun_value(result, etf_make(self, "{file, preloaded}"));
    return fun_value(result, ETF_A(false));
}

static enum gen_rpc_class which(struct gen *self, etf_term args,
                                etf_term *result)
{
    etf_term module = ETF_NONE;

    (void)etf_list_next(&args, &module);
    return fun_atom(result,
                    is_module(self, module) ? "preloaded" : "non_existing");
}

static const struct gen_rpc_function rows[] = {
    { "net_adm", "ping", 1, ping, NULL },
    { "net_kernel", "connect_node", 1, connect_node, NULL },
    { "gen_server", "call", 2, server_call, NULL },
    { "gen_server", "call", 3, server_call, NULL },
    { "gen_server", "cast", 2, server_cast, NULL },
    { "supervisor", "which_children", 1, which_children, NULL },
    { "supervisor", "count_children", 1, count_children, NULL },
    { "sys", "get_state", 1, get_state, NULL },
    { "sys", "get_state", 2, get_state, NULL },
    { "sys", "get_status", 1, get_status, NULL },
    { "sys", "get_status", 2, get_status, NULL },
    { "application", "which_applications", 0, which_applications, NULL },
    { "application", "which_applications", 1, which_applications, NULL },
    { "application", "loaded_applications", 0, loaded_applications, NULL },
    { "application", "get_env", 2, get_env, NULL },
    { "application", "get_env", 3, get_env, NULL },
    { "application", "get_all_env", 1, get_all_env, NULL },
    { "init", "get_status", 0, init_status, NULL },
    { "code", "ensure_loaded", 1, ensure_loaded, NULL },
    { "code", "is_loaded", 1, is_loaded, NULL },
    { "code", "which", 1, which, NULL },
};

const struct kernel__table kernel__fun_otp = KERNEL_TABLE(rows);
