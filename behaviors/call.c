/*
 * call.c -- the caller's side of gen_server: one target, many, or many at once.
 *
 * The runtime carries a request with its monitor and alias (rt_call); here are
 * OTP's names for that and what is built from several requests. Every request
 * that is sent ends here with an answer, a reason, or being given up.
 *
 * Sources: OTP 25, gen_server; spec/gen.md 4.1.
 */
#include <stdlib.h>

#include "gen_internal.h"

enum agner_err gen_call(struct gen *self, etf_term to, etf_term request,
                        uint64_t timeout_ms, etf_term *reply)
{
    enum agner_err err = gen__resolve(self, to, &to);

    if (err == AGNER_ENONAME && reply != NULL)
        *reply = ETF_A(noproc);
    return err != AGNER_OK ? err
                           : rt_call_at(self, to, request, timeout_ms, reply,
                                        __builtin_return_address(0));
}

enum agner_err gen_cast(struct gen *self, etf_term to, etf_term request)
{
    enum agner_err err = gen__resolve(self, to, &to);

    return err != AGNER_OK ? err : rt_cast(self, to, request);
}

enum agner_err gen_cast_after(struct gen *self, etf_term to, etf_term request,
                              uint64_t ms, struct rt_timer *timer)
{
    return rt_send_after(self, to, etf_make(self, "{'$gen_cast', _}", request),
                         ms, timer);
}

enum agner_err gen_send_request(struct gen *self, etf_term to, etf_term request,
                                struct rt_request *id)
{
    enum agner_err err = gen__resolve(self, to, &to);

    return err != AGNER_OK ? err : rt_request_send(self, to, request, id);
}

enum agner_err gen_wait(struct gen *self, const struct rt_request *id,
                        uint64_t timeout_ms, etf_term *reply)
{
    return rt_request_wait(self, id, timeout_ms, reply);
}

enum agner_err gen_wait_any(struct gen *self, const struct rt_request *ids,
                            size_t count, uint64_t timeout_ms, size_t *which,
                            etf_term *reply)
{
    return rt_request_wait_any(self, ids, count, timeout_ms, which, reply);
}

enum agner_err gen_receive_response(struct gen *self,
                                    const struct rt_request *id,
                                    uint64_t timeout_ms, etf_term *reply)
{
    enum agner_err err = rt_request_wait(self, id, timeout_ms, reply);

    if (err == AGNER_ETIMEOUT)
        rt_request_abandon(self, id);
    return err;
}

enum agner_err gen_direct(struct rt *rt, etf_pid to, const void *request,
                          size_t size, uint64_t timeout_ms, void **result)
{
    return rt_direct(rt, to, request, size, timeout_ms, result);
}

void gen_direct_reply(struct gen *self, const struct rt_direct *direct,
                      enum agner_err err, void *result)
{
    rt_direct_reply(self, direct, err, result);
}

uint64_t gen__left_ms(struct gen *self, uint64_t start_ms, uint64_t timeout_ms)
{
    uint64_t spent;

    if (timeout_ms == RT_INFINITY)
        return RT_INFINITY;
    spent = rt_now_ms(rt_of(self)) - start_ms;
    return spent < timeout_ms ? timeout_ms - spent : 0;
}

/* The caller itself must end: no other node can help. */
static bool must_end(enum agner_err err)
{
    return err == AGNER_EEXITING || err == AGNER_EKILLED;
}

enum agner_err gen_abcast(struct gen *self, etf_term nodes, etf_term name,
                          etf_term request)
{
    etf_term node;

    if (etf_list_size(nodes) < 0 || !etf_is_atom(name))
        return AGNER_EINVAL;
    while (etf_list_next(&nodes, &node)) {
        etf_term to = etf_make(self, "{_, _}", name, node);
        enum agner_err err;

        if (etf_is_none(to))
            return AGNER_ENOMEM;
        err = rt_cast(self, to, request);
        if (must_end(err) || err == AGNER_EBADTERM)
            return err;
        /* Any other failure is one node's: abcast does not tell. */
    }
    return AGNER_OK;
}

/* ---- multi_call --------------------------------------------------------- */

/* One node of a multi_call; `id` is all zero when nothing could be sent. */
struct asked {
    etf_term node;
    struct rt_request id;
    bool sent;
};

static enum agner_err ask_all(struct gen *self, struct asked *asked,
                              etf_term nodes, etf_term name, etf_term request)
{
    etf_term node;

    while (etf_list_next(&nodes, &node)) {
        etf_term to = etf_make(self, "{_, _}", name, node);
        enum agner_err err;

        if (etf_is_none(to))
            return AGNER_ENOMEM;
        err = rt_request_send(self, to, request, &asked->id);
        if (must_end(err) || err == AGNER_EBADTERM)
            return err;
        asked->node = node;
        asked->sent = err == AGNER_OK;
        asked++;
    }
    return AGNER_OK;
}

/* Both results are made from the last node to the first: in the nodes' order.
 */
static enum agner_err collect(struct gen *self, struct asked *asked,
                              size_t count, uint64_t timeout_ms,
                              etf_term *replies, etf_term *bad)
{
    uint64_t start = rt_now_ms(rt_of(self));
    etf_term good_list = etf_nil(), bad_list = etf_nil();

    for (size_t i = count; i-- > 0;) {
        etf_term reply = ETF_NONE;
        enum agner_err err = AGNER_ENOCONN;

        if (asked[i].sent)
            err = gen_receive_response(self, &asked[i].id,
                                       gen__left_ms(self, start, timeout_ms),
                                       &reply);
        asked[i].sent = asked[i].sent && must_end(err);
        if (must_end(err) || err == AGNER_ENOMEM)
            return err;
        if (err == AGNER_OK)
            good_list =
                etf_make(self, "[{_, _} | _]", asked[i].node, reply, good_list);
        else
            bad_list = etf_make(self, "[_ | _]", asked[i].node, bad_list);
        if (etf_is_none(good_list) || etf_is_none(bad_list))
            return AGNER_ENOMEM;
    }
    if (replies != NULL)
        *replies = good_list;
    if (bad != NULL)
        *bad = bad_list;
    return AGNER_OK;
}

enum agner_err gen_multi_call(struct gen *self, etf_term nodes, etf_term name,
                              etf_term request, uint64_t timeout_ms,
                              etf_term *replies, etf_term *bad)
{
    int64_t size = etf_list_size(nodes);
    size_t count = (size_t)size;
    struct asked *asked;
    enum agner_err err;

    if (size < 0 || !etf_is_atom(name))
        return AGNER_EINVAL;
    asked = calloc(count + 1, sizeof *asked);
    if (asked == NULL)
        return AGNER_ENOMEM;
    err = ask_all(self, asked, nodes, name, request);
    if (err == AGNER_OK)
        err = collect(self, asked, count, timeout_ms, replies, bad);
    for (size_t i = 0; i < count; i++) {
        if (asked[i].sent)
            rt_request_abandon(self, &asked[i].id);
    }
    free(asked);
    return err;
}
