/*
 * erpc.c -- functions of this node as processes that other nodes ask for.
 *
 * A caller spawns {erpc, execute_call, 4} here with a monitor, and the reason
 * that the process ends with is the answer: {Res, return, Value}, {Res, throw,
 * Term}, {Res, exit, Term} or {Res, error, Reason, Stack}, where Res is a term
 * of the caller's. Any other reason tells that the process was ended by
 * somebody. {erpc, execute_cast, 3} is a call that nobody waits for, and so is
 * spawn(Node, M, F, Args) itself.
 *
 * Source: OTP 25, erpc; spec/distribution.md 12.
 */
#include "kernel_internal.h"

/* M:F(Args) for who asked for this process. */
static enum gen_rpc_class evaluate(struct gen *self, etf_term m, etf_term f,
                                   etf_term args, etf_term *result)
{
    etf_term node;
    unsigned may = rt_requester(self, &node);

    return gen_rpc_apply_for(self, node, may, m, f, args, result);
}

/* Without a call around it a process was asked for, and may run what functions
 * do for longer than anybody waits: that is the permission `spawn` too. */
static void must_spawn(struct gen *self)
{
    etf_term node;
    unsigned may = rt_requester(self, &node);

    if ((may & RT_MAY_SPAWN) != 0)
        return;
    rt_refused(rt_of(self), node, RT_MAY_SPAWN, "a spawn in erpc");
    rt_exit(self, etf_atom("not_allowed"));
}

static void execute_call(struct gen *self, etf_term res, etf_term m, etf_term f,
                         etf_term args)
{
    etf_term result, reason, stack = ETF_NONE;

    switch (evaluate(self, m, f, args, &result)) {
    case GEN_RPC_VALUE:
    case GEN_RPC_APPLY: /* never */
        rt_exit(self, etf_make(self, "{_, return, _}", res, result));
        break;
    case GEN_RPC_THROW:
        rt_exit(self, etf_make(self, "{_, throw, _}", res, result));
        break;
    case GEN_RPC_EXIT:
        rt_exit(self, etf_make(self, "{_, exit, _}", res, result));
        break;
    case GEN_RPC_ERROR:
        (void)etf_match(result, "{_, _}", &reason, &stack);
        rt_exit(self, etf_make(self, "{_, error, _, _}", res, reason, stack));
        break;
    }
}

/* Ends as a process does that applies M:F(Args) and no more. */
static void apply(struct gen *self, etf_term m, etf_term f, etf_term args)
{
    etf_term result;
    char text[200];

    switch (evaluate(self, m, f, args, &result)) {
    case GEN_RPC_VALUE:
    case GEN_RPC_APPLY: /* never */
        return;
    case GEN_RPC_THROW:
        result = etf_make(self, "{{nocatch, _}, []}", result);
        break;
    case GEN_RPC_EXIT:
        rt_exit(self, result);
        return;
    case GEN_RPC_ERROR:
        break;
    }
    rt_log_self(self, RT_LOG_ERROR, "what another node started failed: %s",
                etf_format(text, sizeof text, result));
    rt_exit(self, result);
}

static void run_erpc(struct gen *self, etf_term module, etf_term function,
                     etf_term args, void *data)
{
    etf_term res, m, f, a;

    (void)data;
    if (etf_atom_is(function, "execute_call") &&
        etf_match(args, "[_, _, _, _]", &res, &m, &f, &a)) {
        execute_call(self, res, m, f, a);
    } else if (etf_atom_is(function, "execute_cast") &&
               etf_match(args, "[_, _, _]", &m, &f, &a)) {
        apply(self, m, f, a);
    } else {
        must_spawn(self);
        apply(self, module, function, args);
    }
}

static void run_any(struct gen *self, etf_term module, etf_term function,
                    etf_term args, void *data)
{
    (void)data;
    apply(self, module, function, args);
}

static const struct rt_remote erpc = { .run = run_erpc,
                                       .max = KERNEL_CALLS_MAX,
                                       .asks = true };
static const struct rt_remote any = { .run = run_any, .max = KERNEL_CALLS_MAX };

static enum agner_err provide(struct rt *rt, const char *name,
                              const struct rt_remote *remote)
{
    enum agner_err err = rt_behavior_register(
        rt, RT_GROUP_REMOTE, etf_atom(name), remote, NULL, NULL);

    return err == AGNER_ETAKEN ? AGNER_OK : err; /* rex was started again */
}

enum agner_err kernel__erpc_provide(struct rt *rt)
{
    enum agner_err err = provide(rt, "erpc", &erpc);

    return err == AGNER_OK ? provide(rt, RT_REMOTE_ANY, &any) : err;
}
