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
 * reach code by name otherwise. The application `kernel` answers the requests
 * of nodes that have the permission `rpc` (node.h, rt_permit.h); to others it
 * is the error `not_allowed`.
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
     * rest it is the error `not_allowed`. Who asks this node counts: a listed
     * one can ask for others. The older rpc cast, which has no sender, is for
     * no list. */
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

/* The same for functions that want other permissions of the nodes that call
 * them than `rpc`: RT_MAY_OBSERVE, say, for what only tells something; 0: none
 * at all (rt_permit.h). */
AGNER_API enum agner_err
gen_rpc_provide_for(struct rt *rt, const struct gen_rpc_function *functions,
                    size_t count, unsigned permissions);

/* Takes one back; calls that have begun go on. Any thread. AGNER_EUNKNOWN. */
AGNER_API enum agner_err gen_rpc_revoke(struct rt *rt, const char *module,
                                        const char *function, int arity);

/* Is there such a function? Any terms. Any thread. */
AGNER_API bool gen_rpc_is_provided(struct rt *rt, etf_term module,
                                   etf_term function, int64_t arity);

/* All of them, sorted: atoms `module:function/arity`, `*` for any arity. */
AGNER_API etf_term gen_rpc_provided(struct rt *rt, struct etf_region *r);

/* Those of one module, as M:module_info(exports) has them: [{Function, Arity}],
 * without those of any arity. M:module_info(exports) of a module of which
 * something is provided is answered with it, and so are its other items. */
AGNER_API etf_term gen_rpc_exports(struct rt *rt, struct etf_region *r,
                                   etf_term module);

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

/* The same for a node that may do this and no more: what wants another
 * permission is the error `not_allowed`, counted and logged. */
AGNER_API enum gen_rpc_class gen_rpc_apply_for(struct gen *self, etf_term node,
                                               unsigned may, etf_term m,
                                               etf_term f, etf_term args,
                                               etf_term *result);

/* `return gen_rpc_badarg(result);` for arguments of the wrong shape. */
AGNER_API enum gen_rpc_class gen_rpc_badarg(etf_term *result);

/* ---- erpc: functions of other nodes, with exceptions -------------------- */
/*
 * A call is a process on `node` (this node too), and ends once: by the
 * function's value, by an exception, or by what kept it from being known.
 * `node`, `m` and `f` are atoms, `args` is a proper list. Connects if need be,
 * and says at once that it cannot. After AGNER_ETIMEOUT, or when it was given
 * up, no result comes any more, though the function may go on.
 */

/* What `catch Class:Reason` sees in Erlang:
 *
 *   kind            reason
 *   --------------  --------------------------------------------------------
 *   GEN_RPC_THROW   what was thrown
 *   GEN_RPC_EXIT    {exception, R}: exit(R); {signal, R}: it was ended
 *   GEN_RPC_ERROR   {exception, R, Stack}: error(R); {erpc, R}: no result, R is
 *                   noconnection, timeout, notsup, system_limit, badarg
 */
struct gen_erpc_exception {
    enum gen_rpc_class kind;
    etf_term reason; /* in self's region */
};

/* A call that is on its way: a value, to be kept where you like. */
struct gen_erpc_request {
    etf_ref id, res; /* private */
};

/*
 * Calls and waits.
 *
 *   result     AGNER_OK: the value, in self's region
 *   exception  any other result: what erpc:call raises; may be NULL
 *
 * AGNER_EEXIT (an exception of the function's), AGNER_ENOCONN, AGNER_ETIMEOUT,
 * AGNER_ENOTSUP (a node that cannot spawn for others), AGNER_ELIMIT (it has too
 * many processes), AGNER_EINVAL, AGNER_EBADTERM (a native value in args),
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err gen_erpc_call(struct gen *self, etf_term node,
                                       etf_term m, etf_term f, etf_term args,
                                       uint64_t timeout_ms, etf_term *result,
                                       struct gen_erpc_exception *exception);

/* Nobody waits, and nothing is told. AGNER_OK also for a node that is not
 * there; AGNER_EINVAL, AGNER_EBADTERM, AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. multicast: for each of a list of nodes. */
AGNER_API enum agner_err gen_erpc_cast(struct gen *self, etf_term node,
                                       etf_term m, etf_term f, etf_term args);
AGNER_API enum agner_err gen_erpc_multicast(struct gen *self, etf_term nodes,
                                            etf_term m, etf_term f,
                                            etf_term args);

/* Calls all `nodes` (a list) at once; `timeout_ms` is for all of them. *results
 * has, in their order, {ok, Value}, {throw, _}, {exit, _} or {error, _} as in
 * struct gen_erpc_exception. AGNER_OK also when all failed. */
AGNER_API enum agner_err gen_erpc_multicall(struct gen *self, etf_term nodes,
                                            etf_term m, etf_term f,
                                            etf_term args, uint64_t timeout_ms,
                                            etf_term *results);

/*
 * Calls without waiting. The answer is a message, so that a server may look for
 * it in handle_info: give each message to check, which returns AGNER_EUNKNOWN
 * for what is something else. wait and receive take it out of the mailbox;
 * after a time-out of wait the request goes on, of receive it is given up.
 * Results else as gen_erpc_call().
 */
AGNER_API enum agner_err gen_erpc_send_request(struct gen *self, etf_term node,
                                               etf_term m, etf_term f,
                                               etf_term args,
                                               struct gen_erpc_request *id);
AGNER_API enum agner_err
gen_erpc_receive_response(struct gen *self, const struct gen_erpc_request *id,
                          uint64_t timeout_ms, etf_term *result,
                          struct gen_erpc_exception *exception);
AGNER_API enum agner_err
gen_erpc_wait_response(struct gen *self, const struct gen_erpc_request *id,
                       uint64_t timeout_ms, etf_term *result,
                       struct gen_erpc_exception *exception);
AGNER_API enum agner_err
gen_erpc_check_response(struct gen *self, const struct gen_erpc_request *id,
                        etf_term message, etf_term *result,
                        struct gen_erpc_exception *exception);
/* Its answer never comes. */
AGNER_API void gen_erpc_abandon(struct gen *self,
                                const struct gen_erpc_request *id);

/* ---- rpc: functions of other nodes, with {badrpc, Reason} --------------- */
/*
 * As above, but in rpc's words: a throw is a value, and *result is what
 * rpc:call returns, also after an error:
 *
 *   AGNER_EEXIT      {badrpc, {'EXIT', Reason}}, of an error {Reason, Stack}
 *   AGNER_ENODEDOWN  {badrpc, nodedown}
 *   AGNER_ETIMEOUT   {badrpc, timeout}
 *   AGNER_ELIMIT     {badrpc, system_limit}
 *
 * A node that cannot spawn for others is asked through its process `rex`.
 */
AGNER_API enum agner_err gen_rpc_call(struct gen *self, etf_term node,
                                      etf_term m, etf_term f, etf_term args,
                                      uint64_t timeout_ms, etf_term *result);

/* In rex of that node, which serves nobody else meanwhile. */
AGNER_API enum agner_err gen_rpc_block_call(struct gen *self, etf_term node,
                                            etf_term m, etf_term f,
                                            etf_term args, uint64_t timeout_ms,
                                            etf_term *result);

/* As gen_erpc_cast(), gen_erpc_multicast(): rpc:cast, rpc:eval_everywhere. */
AGNER_API enum agner_err gen_rpc_cast(struct gen *self, etf_term node,
                                      etf_term m, etf_term f, etf_term args);
AGNER_API enum agner_err gen_rpc_eval_everywhere(struct gen *self,
                                                 etf_term nodes, etf_term m,
                                                 etf_term f, etf_term args);

/* *results: what those nodes gave that did, {badrpc, {'EXIT', _}} too; *bad:
 * those that were not there, or not in time. Both in the order of `nodes`. */
AGNER_API enum agner_err gen_rpc_multicall(struct gen *self, etf_term nodes,
                                           etf_term m, etf_term f,
                                           etf_term args, uint64_t timeout_ms,
                                           etf_term *results, etf_term *bad);

/* rpc:async_call and nb_yield, which may be asked again after AGNER_ETIMEOUT.
 * There is no other way to a node that cannot spawn here: AGNER_ENOTSUP. */
AGNER_API enum agner_err gen_rpc_async_call(struct gen *self, etf_term node,
                                            etf_term m, etf_term f,
                                            etf_term args,
                                            struct gen_erpc_request *id);
AGNER_API enum agner_err gen_rpc_nb_yield(struct gen *self,
                                          const struct gen_erpc_request *id,
                                          uint64_t timeout_ms,
                                          etf_term *result);

/* ---- Names on many nodes ------------------------------------------------ */

/* Sends `message` to `name` on each of `nodes`. AGNER_EINVAL, AGNER_EBADTERM,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err gen_rpc_abcast(struct gen *self, etf_term nodes,
                                        etf_term name, etf_term message);
/* The same, and waits until all have it. *good and *bad: nodes that had such a
 * name, and those that did not, were not there, or did not tell in time. */
AGNER_API enum agner_err gen_rpc_sbcast(struct gen *self, etf_term nodes,
                                        etf_term name, etf_term message,
                                        uint64_t timeout_ms, etf_term *good,
                                        etf_term *bad);
/* Sends {Pid, Request} to `name` on each of `nodes`, where a process answers
 * Pid with {Name, Node, Reply}. *replies are those, [{Node, Reply}]; *bad as
 * above. Pid is not self, so that no answer comes late. Errors of both as
 * above, and AGNER_ELIMIT. */
AGNER_API enum agner_err
gen_rpc_multi_server_call(struct gen *self, etf_term nodes, etf_term name,
                          etf_term request, uint64_t timeout_ms,
                          etf_term *replies, etf_term *bad);

#ifdef __cplusplus
}
#endif

#endif
