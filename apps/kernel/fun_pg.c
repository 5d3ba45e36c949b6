/*
 * fun_pg.c -- the functions of OTP's module pg, for other nodes to call here:
 * rpc:call(Node, pg, get_members, [Group]); and those of Elixir's
 * Phoenix.PubSub that send.
 *
 * A scope that does not run has no groups, as in OTP. What is joined must be of
 * this node. Monitors are not there: they would be of the process that serves
 * the call.
 *
 * Sources: OTP 25, pg(3); the documentation of Phoenix.PubSub 2.1.
 */
#include "functions.h"

/* Takes the scope off the arguments, if there is one in front of `count`. */
static etf_term scope_of(etf_term *args, int64_t count)
{
    etf_term scope = ETF_NONE;

    if (etf_list_size(*args) > count)
        (void)etf_list_next(args, &scope);
    return scope;
}

static enum gen_rpc_class list_of(enum agner_err err, etf_term list,
                                  etf_term *result)
{
    if (err == AGNER_ENONAME)
        list = etf_nil();
    return fun_value(result, list); /* ETF_NONE: no memory */
}

static enum gen_rpc_class get_members(struct gen *self, etf_term args,
                                      etf_term *result)
{
    etf_term scope = scope_of(&args, 1), group, pids = ETF_NONE;

    (void)etf_list_next(&args, &group);
    return list_of(gen_pg_get_members(self, scope, group, &pids), pids, result);
}

static enum gen_rpc_class get_local_members(struct gen *self, etf_term args,
                                            etf_term *result)
{
    etf_term scope = scope_of(&args, 1), group, pids = ETF_NONE;

    (void)etf_list_next(&args, &group);
    return list_of(gen_pg_get_local_members(self, scope, group, &pids), pids,
                   result);
}

static enum gen_rpc_class which_groups(struct gen *self, etf_term args,
                                       etf_term *result)
{
    etf_term scope = scope_of(&args, 0), groups = ETF_NONE;

    return list_of(gen_pg_which_groups(self, scope, &groups), groups, result);
}

static enum gen_rpc_class which_local_groups(struct gen *self, etf_term args,
                                             etf_term *result)
{
    etf_term scope = scope_of(&args, 0), groups = ETF_NONE;

    return list_of(gen_pg_which_local_groups(self, scope, &groups), groups,
                   result);
}

static enum gen_rpc_class
change(struct gen *self, etf_term args, etf_term *result,
       enum agner_err (*how)(struct gen *self, etf_term scope, etf_term group,
                             etf_term pids))
{
    etf_term scope = scope_of(&args, 2), group, pids;
    enum agner_err err;

    (void)etf_match(args, "[_, _]", &group, &pids);
    err = how(self, scope, group, pids);
    if (err == AGNER_OK)
        return fun_atom(result, "ok");
    if (err == AGNER_EUNKNOWN)
        return fun_atom(result, "not_joined");
    if (err == AGNER_EINVAL)
        return gen_rpc_badarg(result);
    *result = err == AGNER_ENOMEM ? ETF_NONE : ETF_A(noproc);
    return GEN_RPC_EXIT;
}

static enum gen_rpc_class join(struct gen *self, etf_term args,
                               etf_term *result)
{
    return change(self, args, result, gen_pg_join);
}

static enum gen_rpc_class leave(struct gen *self, etf_term args,
                                etf_term *result)
{
    return change(self, args, result, gen_pg_leave);
}

static enum gen_rpc_class start(struct gen *self, etf_term args,
                                etf_term *result)
{
    etf_term scope = scope_of(&args, 0);
    enum agner_err err;
    etf_pid pid;

    if (!etf_is_atom(scope))
        return gen_rpc_badarg(result);
    err = gen_pg_start(self, scope, &pid);
    if (err == AGNER_OK)
        return fun_value(result, etf_make(self, "{ok, _}", pid));
    if (err == AGNER_ETAKEN)
        return fun_value(result,
                         etf_make(self, "{error, {already_started, _}}", pid));
    return fun_value(result, ETF_NONE);
}

/* ---- Phoenix.PubSub ----------------------------------------------------- */

static enum gen_rpc_class
publish(struct gen *self, etf_term args, etf_term *result,
        enum agner_err (*how)(struct gen *self, etf_term pubsub, etf_term topic,
                              etf_term message))
{
    etf_term pubsub, topic, message;
    enum agner_err err;

    if (!etf_match(args, "[_, _, _]", &pubsub, &topic, &message))
        return gen_rpc_badarg(result);
    err = how(self, pubsub, topic, message);
    if (err == AGNER_OK)
        return fun_atom(result, "ok");
    if (err == AGNER_ENOMEM)
        return fun_value(result, ETF_NONE);
    return gen_rpc_badarg(result); /* no such pubsub, or topic */
}

static enum gen_rpc_class broadcast(struct gen *self, etf_term args,
                                    etf_term *result)
{
    return publish(self, args, result, gen_pubsub_broadcast);
}

static enum gen_rpc_class local_broadcast(struct gen *self, etf_term args,
                                          etf_term *result)
{
    return publish(self, args, result, gen_pubsub_local_broadcast);
}

#define PUBSUB "Elixir.Phoenix.PubSub"

static const struct gen_rpc_function functions[] = {
    { "pg", "get_members", 1, get_members, NULL },
    { "pg", "get_members", 2, get_members, NULL },
    { "pg", "get_local_members", 1, get_local_members, NULL },
    { "pg", "get_local_members", 2, get_local_members, NULL },
    { "pg", "which_groups", 0, which_groups, NULL },
    { "pg", "which_groups", 1, which_groups, NULL },
    { "pg", "which_local_groups", 0, which_local_groups, NULL },
    { "pg", "which_local_groups", 1, which_local_groups, NULL },
    { "pg", "join", 2, join, NULL },
    { "pg", "join", 3, join, NULL },
    { "pg", "leave", 2, leave, NULL },
    { "pg", "leave", 3, leave, NULL },
    { "pg", "start", 1, start, NULL },
    { PUBSUB, "broadcast", 3, broadcast, NULL },
    { PUBSUB, "local_broadcast", 3, local_broadcast, NULL },
};

const struct kernel__table kernel__fun_pg = KERNEL_TABLE(functions);
