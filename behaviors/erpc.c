/*
 * erpc.c -- the caller's side of erpc: a process on another node, spawned with
 * a monitor, whose exit reason is the result.
 *
 * One message ends a request: the monitor's, or the refusal of the spawn. Both
 * carry the request's reference, so a caller picks it out of its mailbox, and
 * giving a request up takes both away.
 *
 * Source: OTP 25, erpc; spec/distribution.md 12.
 */
#include <stdlib.h>
#include <string.h>

#include "gen_internal.h"

#define NODES_MAX 65536 /* of a multicall */

/* ---- Asking ------------------------------------------------------------- */

static bool is_mfa(etf_term m, etf_term f, etf_term args)
{
    return etf_is_atom(m) && etf_is_atom(f) && etf_list_size(args) >= 0;
}

enum agner_err gen_erpc_send_request(struct gen *self, etf_term node,
                                     etf_term m, etf_term f, etf_term args,
                                     struct gen_erpc_request *id)
{
    struct rt_remote_spawn_options options = { .monitor = true };
    etf_term call;

    if (!etf_is_atom(node) || !is_mfa(m, f, args))
        return AGNER_EINVAL;
    id->res = rt_make_ref(self);
    call = etf_make(self, "[_, _, _, _]", id->res, m, f, args);
    options.further = etf_make(self, "[{reply, error_only}]");
    if (etf_is_none(call) || etf_is_none(options.further))
        return AGNER_ENOMEM;
    return rt_spawn_request(self, node, etf_atom("erpc"),
                            etf_atom("execute_call"), call, &options, &id->id);
}

enum agner_err gen_erpc_cast(struct gen *self, etf_term node, etf_term m,
                             etf_term f, etf_term args)
{
    struct rt_remote_spawn_options options = { .monitor = false };
    etf_term call;
    etf_ref id;

    if (!etf_is_atom(node) || !is_mfa(m, f, args))
        return AGNER_EINVAL;
    call = etf_make(self, "[_, _, _]", m, f, args);
    options.further = etf_make(self, "[{reply, no}]");
    if (etf_is_none(call) || etf_is_none(options.further))
        return AGNER_ENOMEM;
    return rt_spawn_request(self, node, etf_atom("erpc"),
                            etf_atom("execute_cast"), call, &options, &id);
}

/* ---- The answer --------------------------------------------------------- */

/* {spawn_reply, Id, error, Reason} or {'DOWN', Id, process, _, Reason}: the
 * reason; else ETF_NONE. */
static etf_term reason_in(const struct gen_erpc_request *id, etf_term message,
                          bool *refused)
{
    const etf_term *items = etf_tuple_items(message);
    size_t size = etf_tuple_size(message);
    etf_ref ref;

    *refused = size == 4;
    if (size < 4 || size > 5 || !etf_get_ref(items[1], &ref) ||
        !etf_ref_equal(ref, id->id))
        return ETF_NONE;
    if (*refused ? !etf_atom_is(items[0], "spawn_reply")
                 : !etf_same(items[0], ETF_A(DOWN)))
        return ETF_NONE;
    return items[size - 1];
}

static enum agner_err raise(struct gen_erpc_exception *exception,
                            enum agner_err err, enum gen_rpc_class class,
                            etf_term reason)
{
    if (etf_is_none(reason))
        return AGNER_ENOMEM;
    if (exception != NULL)
        *exception = (struct gen_erpc_exception){ class, reason };
    return err;
}

/* error({erpc, Reason}): there is no result. */
static enum agner_err no_result(struct gen *self, enum agner_err err,
                                etf_term reason,
                                struct gen_erpc_exception *exception)
{
    return raise(exception, err, GEN_RPC_ERROR,
                 etf_make(self, "{erpc, _}", reason));
}

static enum agner_err refused(struct gen *self, etf_term reason,
                              struct gen_erpc_exception *exception)
{
    enum agner_err err = AGNER_EEXIT;

    if (etf_same(reason, ETF_A(noconnection)))
        err = AGNER_ENOCONN;
    else if (etf_atom_is(reason, "notsup"))
        err = AGNER_ENOTSUP;
    else if (etf_atom_is(reason, "system_limit"))
        err = AGNER_ELIMIT;
    else if (etf_same(reason, ETF_A(badarg)))
        err = AGNER_EBADTERM; /* found when the connection was there */
    return no_result(self, err, reason, exception);
}

/* What the process ended with. */
static enum agner_err ended(struct gen *self, const struct gen_erpc_request *id,
                            etf_term reason, etf_term *result,
                            struct gen_erpc_exception *exception)
{
    etf_term what = ETF_NONE, x = ETF_NONE, stack;
    etf_ref res;
    bool has_stack = etf_match(reason, "{_, error, _, _}", &res, &x, &stack);

    if (!(has_stack || etf_match(reason, "{_, _, _}", &res, &what, &x)) ||
        !etf_ref_equal(res, id->res)) {
        if (etf_same(reason, ETF_A(noconnection)))
            return no_result(self, AGNER_ENOCONN, reason, exception);
        return raise(exception, AGNER_EEXIT, GEN_RPC_EXIT,
                     etf_make(self, "{signal, _}", reason));
    }
    if (has_stack)
        return raise(exception, AGNER_EEXIT, GEN_RPC_ERROR,
                     etf_make(self, "{exception, _, _}", x, stack));
    if (etf_atom_is(what, "throw"))
        return raise(exception, AGNER_EEXIT, GEN_RPC_THROW, x);
    if (etf_same(what, ETF_A(exit)))
        return raise(exception, AGNER_EEXIT, GEN_RPC_EXIT,
                     etf_make(self, "{exception, _}", x));
    if (etf_same(what, ETF_A(error))) /* {erpc, Reason} */
        return raise(exception, AGNER_EEXIT, GEN_RPC_ERROR, x);
    *result = x; /* return */
    return AGNER_OK;
}

enum agner_err gen_erpc_check_response(struct gen *self,
                                       const struct gen_erpc_request *id,
                                       etf_term message, etf_term *result,
                                       struct gen_erpc_exception *exception)
{
    bool was_refused;
    etf_term reason = reason_in(id, message, &was_refused);

    if (etf_is_none(reason))
        return AGNER_EUNKNOWN;
    return was_refused ? refused(self, reason, exception)
                       : ended(self, id, reason, result, exception);
}

/* ---- Waiting ------------------------------------------------------------ */

static bool is_answer(void *ctx, etf_term message)
{
    const struct gen_erpc_request *id = ctx;
    bool was_refused;

    return !etf_is_none(reason_in(id, message, &was_refused));
}

static enum agner_err receive(struct gen *self,
                              const struct gen_erpc_request *id,
                              uint64_t timeout_ms, etf_term *message)
{
    struct gen_erpc_request copy = *id;

    return rt_receive_match(self, is_answer, &copy, timeout_ms, message);
}

void gen_erpc_abandon(struct gen *self, const struct gen_erpc_request *id)
{
    etf_term message;

    (void)rt_spawn_abandon(self, id->id);   /* it may be running by now */
    (void)rt_demonitor(self, id->id, true); /* or not have begun */
    (void)receive(self, id, 0, &message);   /* or have been refused */
}

enum agner_err gen_erpc_wait_response(struct gen *self,
                                      const struct gen_erpc_request *id,
                                      uint64_t timeout_ms, etf_term *result,
                                      struct gen_erpc_exception *exception)
{
    etf_term message;
    enum agner_err err = receive(self, id, timeout_ms, &message);

    if (err == AGNER_OK)
        return gen_erpc_check_response(self, id, message, result, exception);
    return no_result(self, err, ETF_A(timeout), exception);
}

enum agner_err gen_erpc_receive_response(struct gen *self,
                                         const struct gen_erpc_request *id,
                                         uint64_t timeout_ms, etf_term *result,
                                         struct gen_erpc_exception *exception)
{
    enum agner_err err =
        gen_erpc_wait_response(self, id, timeout_ms, result, exception);

    if (err == AGNER_ETIMEOUT)
        gen_erpc_abandon(self, id);
    return err;
}

/* Nothing was sent. */
static enum agner_err not_sent(struct gen *self, enum agner_err err,
                               struct gen_erpc_exception *exception)
{
    bool theirs = err == AGNER_EINVAL || err == AGNER_EBADTERM;

    return no_result(self, err,
                     theirs ? ETF_A(badarg) : etf_atom("system_limit"),
                     exception);
}

enum agner_err gen_erpc_call(struct gen *self, etf_term node, etf_term m,
                             etf_term f, etf_term args, uint64_t timeout_ms,
                             etf_term *result,
                             struct gen_erpc_exception *exception)
{
    struct gen_erpc_request id;
    enum agner_err err = gen_erpc_send_request(self, node, m, f, args, &id);

    if (err != AGNER_OK)
        return not_sent(self, err, exception);
    return gen_erpc_receive_response(self, &id, timeout_ms, result, exception);
}

/* ---- Many nodes --------------------------------------------------------- */

enum agner_err gen_erpc_multicast(struct gen *self, etf_term nodes, etf_term m,
                                  etf_term f, etf_term args)
{
    enum agner_err err = AGNER_OK;
    etf_term node;

    if (etf_list_size(nodes) < 0)
        return AGNER_EINVAL;
    while (err == AGNER_OK && etf_list_next(&nodes, &node))
        err = gen_erpc_cast(self, node, m, f, args);
    return err;
}

void gen__erpc_many_fini(struct gen *self, struct gen__erpc_many *many)
{
    for (size_t i = many->next; i < many->count; i++)
        if (many->calls[i].sent == AGNER_OK)
            gen_erpc_abandon(self, &many->calls[i].id);
    free(many->calls);
}

enum agner_err gen__erpc_many(struct gen *self, etf_term nodes, etf_term m,
                              etf_term f, etf_term args, uint64_t timeout_ms,
                              struct gen__erpc_many *many)
{
    int64_t count = etf_list_size(nodes);
    etf_term node;

    *many = (struct gen__erpc_many){ .timeout_ms = timeout_ms };
    many->start_ms = rt_now_ms(rt_of(self));
    if (count < 0 || !is_mfa(m, f, args))
        return AGNER_EINVAL;
    if (count > NODES_MAX)
        return AGNER_ELIMIT;
    many->calls = calloc((size_t)count + 1, sizeof *many->calls);
    if (many->calls == NULL)
        return AGNER_ENOMEM;
    while (etf_list_next(&nodes, &node)) {
        struct gen__erpc_one *call = &many->calls[many->count++];

        call->node = node;
        call->sent = gen_erpc_send_request(self, node, m, f, args, &call->id);
    }
    return AGNER_OK;
}

enum agner_err gen__erpc_many_next(struct gen *self,
                                   struct gen__erpc_many *many, etf_term *node,
                                   etf_term *result,
                                   struct gen_erpc_exception *exception)
{
    struct gen__erpc_one *call = &many->calls[many->next];

    many->next++;
    *node = call->node;
    if (call->sent != AGNER_OK)
        return not_sent(self, call->sent, exception);
    return gen_erpc_receive_response(
        self, &call->id, gen__left_ms(self, many->start_ms, many->timeout_ms),
        result, exception);
}

/* {ok, Value} or {Class, Reason}. */
static etf_term as_term(struct gen *self, enum agner_err err, etf_term result,
                        const struct gen_erpc_exception *exception)
{
    if (err == AGNER_OK)
        return etf_make(self, "{ok, _}", result);
    switch (exception->kind) {
    case GEN_RPC_THROW:
        return etf_make(self, "{throw, _}", exception->reason);
    case GEN_RPC_EXIT:
        return etf_make(self, "{exit, _}", exception->reason);
    case GEN_RPC_ERROR:
    case GEN_RPC_VALUE:
    case GEN_RPC_APPLY:
        break;
    }
    return etf_make(self, "{error, _}", exception->reason);
}

bool gen__erpc_is_over(enum agner_err err)
{
    return err == AGNER_EEXITING || err == AGNER_EKILLED || err == AGNER_ENOMEM;
}

enum agner_err gen_erpc_multicall(struct gen *self, etf_term nodes, etf_term m,
                                  etf_term f, etf_term args,
                                  uint64_t timeout_ms, etf_term *results)
{
    etf_term node, result = ETF_NONE, back = etf_nil(), one;
    struct gen_erpc_exception exception;
    struct gen__erpc_many many;
    enum agner_err err =
        gen__erpc_many(self, nodes, m, f, args, timeout_ms, &many);

    while (err == AGNER_OK && many.next < many.count) {
        err = gen__erpc_many_next(self, &many, &node, &result, &exception);
        if (gen__erpc_is_over(err))
            break;
        back = etf_cons(rt_region(self), as_term(self, err, result, &exception),
                        back);
        err = etf_is_none(back) ? AGNER_ENOMEM : AGNER_OK;
    }
    gen__erpc_many_fini(self, &many);
    if (err != AGNER_OK)
        return err;
    *results = etf_nil();
    while (etf_list_next(&back, &one))
        *results = etf_cons(rt_region(self), one, *results);
    return etf_is_none(*results) ? AGNER_ENOMEM : AGNER_OK;
}
