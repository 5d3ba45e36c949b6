/*
 * gen_rpc.h -- functions by name: what other nodes may call here, and calling
 * functions of other nodes.
 *
 *     static enum gen_rpc_class add(struct gen *self, etf_term args,
 *                                   etf_term *result)
 *     {
 *         int64_t a, b;
 *
 *         if (!etf_match(args, "[_, _]", &a, &b))
 *             return gen_rpc_badarg(result);
 *         *result = etf_int(rt_region(self), a + b);
 *         return GEN_RPC_VALUE;
 *     }
 *     static const struct gen_rpc_function functions[] = {
 *         { "calc", "add", 2, add, NULL },
 *     };
 *
 *     gen_rpc_provide(rt, functions, 1);
 *
 * and any Erlang node says rpc:call(Node, calc, add, [1, 2]), or erpc:call. A
 * function that was not provided is `undef` to the caller; there is no way to
 * reach code by name otherwise. The application `kernel` answers the requests.
 *
 * gen.h includes this header. Sources: OTP 25, rpc and erpc;
 * spec/distribution.md 12; spec/gen.md 1.14, 2.6.
 */
#ifndef AGNER_GEN_RPC_H
#define AGNER_GEN_RPC_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Functions of this node --------------------------------------------- */

/* How a function ended, in Erlang's words. */
enum gen_rpc_class {
    GEN_RPC_VALUE, /* *result is what it returned */
    GEN_RPC_THROW, /* throw(*result) */
    GEN_RPC_EXIT,  /* exit(*result); rt_exit() in a function is this too */
    GEN_RPC_ERROR, /* error(*result) */
    GEN_RPC_APPLY, /* what {M, F, Args} in *result gives, as in a tail call */
};

#define GEN_RPC_ANY_ARITY (-1)

/* Static. */
struct gen_rpc_function {
    const char *module, *function; /* texts of atoms */
    int arity;                     /* or GEN_RPC_ANY_ARITY */
    /* Runs in a process of its own for each call (but for rpc:block_call), and
     * may wait. `args` is a proper list of `arity`. A *result of ETF_NONE (no
     * memory) is the error `system_limit`. */
    enum gen_rpc_class (*run)(struct gen *self, etf_term args,
                              etf_term *result);
    /* Other nodes that may call it: names, the last is NULL. NULL: all. To the
     * rest it is the error `not_allowed`. */
    const char *const *nodes;
};

/*
 * Provides `count` functions, all or none. They are borrowed until the runtime
 * has ended, also when they are revoked: a call may still be in one. Any
 * thread. AGNER_ETAKEN (one is provided already), AGNER_EINVAL (a name too long
 * to be an atom, an arity beyond 255), AGNER_ENOMEM.
 */
AGNER_API enum agner_err
gen_rpc_provide(struct rt *rt, const struct gen_rpc_function *functions,
                size_t count);

/* Takes one back; calls that have begun go on. Any thread. AGNER_EUNKNOWN. */
AGNER_API enum agner_err gen_rpc_revoke(struct rt *rt, const char *module,
                                        const char *function, int arity);

/* Is there such a function? Any terms. Any thread. */
AGNER_API bool gen_rpc_is_provided(struct rt *rt, etf_term module,
                                   etf_term function, int64_t arity);

/* All of them, sorted: atoms `module:function/arity`, `*` for any arity. */
AGNER_API etf_term gen_rpc_provided(struct rt *rt, struct etf_region *r);

/*
 * Evaluates M:F(Args) in self, as apply/3 would: for those who serve calls that
 * come by other ways.
 *
 *   node    on whose behalf, an atom; ETF_NONE: this node
 *   result  what it gave; after GEN_RPC_ERROR it is {Reason, Stack}
 *
 * Any terms. An rt_exit() in the function ends the function and not self.
 * Never GEN_RPC_APPLY.
 */
AGNER_API enum gen_rpc_class gen_rpc_apply(struct gen *self, etf_term node,
                                           etf_term m, etf_term f,
                                           etf_term args, etf_term *result);

/* `return gen_rpc_badarg(result);` for arguments of the wrong shape. */
static inline enum gen_rpc_class gen_rpc_badarg(etf_term *result)
{
    *result = ETF_A(badarg);
    return GEN_RPC_ERROR;
}

#ifdef __cplusplus
}
#endif

#endif
