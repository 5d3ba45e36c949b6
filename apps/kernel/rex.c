/*
 * rex.c -- the server of rpc's older requests.
 *
 * features_request is answered with no features: functions cannot be called
 * here yet. rpc's older requests get {badrpc, not_supported}, so that nobody
 * waits in vain. Source: spec/distribution.md 9, 12; spec/gen.md 2.6.
 */
#include "kernel_internal.h"

static enum gen_next rex_call(struct gen *self, struct gen_from from,
                              etf_term request)
{
    (void)request;
    return gen_reply(self, from, etf_make(self, "{badrpc, not_supported}"));
}

static enum gen_next rex_info(struct gen *self, etf_term message)
{
    etf_pid from;

    /* To a process that is gone is fine. */
    if (etf_match(message, "{_, features_request}", &from))
        (void)rt_send_pid(self, from,
                          etf_make(self, "{features_reply, _, []}",
                                   rt_node(rt_of(self)).name));
    else if (etf_match(message, "{_, {call, __, __, __, __}}", &from))
        (void)rt_send_pid(self, from,
                          etf_make(self, "{rex, {badrpc, not_supported}}"));
    return GEN_NEXT;
}

const struct gen_server kernel__rex = {
    .name = "rex",
    .handle_call = rex_call,
    .handle_cast = kernel__drop,
    .handle_info = rex_info,
};
