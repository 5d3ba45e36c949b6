/*
 * rpc.c -- the caller's side of rpc: erpc's outcomes in the form {badrpc,
 * Reason}, and what goes to the process rex.
 *
 * Source: OTP 25, rpc; spec/gen.md 1.14, 2.6.
 */
#include "gen_internal.h"

static etf_term badrpc(struct gen *self, etf_term reason)
{
    return etf_make(self, "{badrpc, _}", reason);
}

static etf_term badrpc_exit(struct gen *self, etf_term reason)
{
    return etf_make(self, "{badrpc, {'EXIT', _}}", reason);
}

/* What rpc makes of an exception. */
static enum agner_err classic(struct gen *self, enum agner_err err,
                              const struct gen_erpc_exception *exception,
                              etf_term *result)
{
    etf_term reason, stack;

    if (err == AGNER_ENOCONN || err == AGNER_ENODEDOWN) {
        *result = badrpc(self, ETF_A(nodedown));
        return AGNER_ENODEDOWN;
    }
    if (exception->kind == GEN_RPC_THROW) {
        *result = exception->reason;
        return AGNER_OK;
    }
    *result = ETF_NONE;
    if (etf_match(exception->reason, "{erpc, _}", &reason))
        *result = badrpc(self, reason);
    else if (etf_match(exception->reason, "{exception, _, _}", &reason, &stack))
        *result = badrpc_exit(self, etf_make(self, "{_, _}", reason, stack));
    else if (etf_match(exception->reason, "{__, _}", &reason))
        *result = badrpc_exit(self, reason); /* exception or signal */
    return etf_is_none(*result) ? AGNER_ENOMEM : err;
}

/* A value, or {badrpc, _} of rex's. */
static enum agner_err from_rex(struct gen *self, enum agner_err err,
                               etf_term *result)
{
    if (err == AGNER_OK)
        return etf_is_tagged(*result, etf_atom("badrpc"), 2) ? AGNER_EEXIT
                                                             : AGNER_OK;
    switch ((int)err) {
    case AGNER_ETIMEOUT:
        *result = badrpc(self, ETF_A(timeout));
        return err;
    case AGNER_ENODEDOWN:
    case AGNER_ENOCONN:
        *result = badrpc(self, ETF_A(nodedown));
        return AGNER_ENODEDOWN;
    default: /* there is no rex, or it ended */
        *result =
            badrpc_exit(self, etf_is_none(*result) ? ETF_A(noproc) : *result);
        return err;
    }
}

/* {What, M, F, Args, Leader} */
static enum agner_err ask_rex(struct gen *self, const char *what, etf_term node,
                              etf_term m, etf_term f, etf_term args,
                              uint64_t timeout_ms, etf_term *result)
{
    etf_term to = etf_make(self, "{rex, _}", node);
    etf_term request =
        etf_make(self, "{_, _, _, _, _}", etf_atom(what), m, f, args,
                 etf_from_pid(rt_region(self), rt_group_leader(self)));

    *result = ETF_NONE;
    if (etf_is_none(to) || etf_is_none(request))
        return AGNER_ENOMEM;
    return from_rex(self, gen_call(self, to, request, timeout_ms, result),
                    result);
}

enum agner_err gen_rpc_block_call(struct gen *self, etf_term node, etf_term m,
                                  etf_term f, etf_term args,
                                  uint64_t timeout_ms, etf_term *result)
{
    if (!etf_is_atom(node) || !etf_is_atom(m) || !etf_is_atom(f) ||
        etf_list_size(args) < 0)
        return AGNER_EINVAL;
    return ask_rex(self, "block_call", node, m, f, args, timeout_ms, result);
}

enum agner_err gen_rpc_call(struct gen *self, etf_term node, etf_term m,
                            etf_term f, etf_term args, uint64_t timeout_ms,
                            etf_term *result)
{
    struct gen_erpc_exception exception = { .kind = GEN_RPC_ERROR };
    uint64_t start_ms = rt_now_ms(rt_of(self));
    enum agner_err err =
        gen_erpc_call(self, node, m, f, args, timeout_ms, result, &exception);

    if (err == AGNER_ENOTSUP)
        return ask_rex(self, "call", node, m, f, args,
                       gen__left_ms(self, start_ms, timeout_ms), result);
    return err == AGNER_OK ? err : classic(self, err, &exception, result);
}

enum agner_err gen_rpc_cast(struct gen *self, etf_term node, etf_term m,
                            etf_term f, etf_term args)
{
    return gen_erpc_cast(self, node, m, f, args);
}

enum agner_err gen_rpc_eval_everywhere(struct gen *self, etf_term nodes,
                                       etf_term m, etf_term f, etf_term args)
{
    return gen_erpc_multicast(self, nodes, m, f, args);
}

enum agner_err gen_rpc_async_call(struct gen *self, etf_term node, etf_term m,
                                  etf_term f, etf_term args,
                                  struct gen_erpc_request *id)
{
    return gen_erpc_send_request(self, node, m, f, args, id);
}

enum agner_err gen_rpc_nb_yield(struct gen *self,
                                const struct gen_erpc_request *id,
                                uint64_t timeout_ms, etf_term *result)
{
    struct gen_erpc_exception exception = { .kind = GEN_RPC_ERROR };
    enum agner_err err =
        gen_erpc_wait_response(self, id, timeout_ms, result, &exception);

    return err == AGNER_OK ? err : classic(self, err, &exception, result);
}

/* ---- Many nodes --------------------------------------------------------- */

static etf_term reversed(struct gen *self, etf_term list)
{
    etf_term back = etf_nil(), one;

    if (etf_is_none(list))
        return list;
    while (etf_list_next(&list, &one))
        back = etf_cons(rt_region(self), one, back);
    return back;
}

enum agner_err gen_rpc_multicall(struct gen *self, etf_term nodes, etf_term m,
                                 etf_term f, etf_term args, uint64_t timeout_ms,
                                 etf_term *results, etf_term *bad)
{
    etf_term node, result = ETF_NONE, good = etf_nil(), not = etf_nil();
    struct gen_erpc_exception exception = { .kind = GEN_RPC_ERROR };
    struct gen__erpc_many many;
    enum agner_err err =
        gen__erpc_many(self, nodes, m, f, args, timeout_ms, &many);

    while (err == AGNER_OK && many.next < many.count) {
        err = gen__erpc_many_next(self, &many, &node, &result, &exception);
        if (err == AGNER_EEXIT)
            err = classic(self, err, &exception, &result);
        if (gen__erpc_is_over(err))
            break;
        if (err == AGNER_OK || err == AGNER_EEXIT)
            good = etf_cons(rt_region(self), result, good);
        else
            not = etf_cons(rt_region(self), node, not );
        err = AGNER_OK;
    }
    gen__erpc_many_fini(self, &many);
    if (err != AGNER_OK)
        return err;
    *results = reversed(self, good);
    *bad = reversed(self, not );
    return etf_is_none(*results) || etf_is_none(*bad) ? AGNER_ENOMEM : AGNER_OK;
}
