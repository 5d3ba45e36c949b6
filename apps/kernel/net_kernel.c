/*
 * net_kernel.c -- the process that answers a ping.
 *
 * {is_auth, Node} is net_adm:ping, and gets `yes`; any other call gets {error,
 * not_supported}. Source: spec/distribution.md 9.
 */
#include "kernel_internal.h"

static enum gen_next net_kernel_call(struct gen *self, struct gen_from from,
                                     etf_term request)
{
    if (etf_match(request, "{is_auth, __}"))
        return gen_reply(self, from, ETF_A(yes));
    return gen_reply(self, from, etf_make(self, "{error, not_supported}"));
}

const struct gen_server kernel__net_kernel = {
    .name = "net_kernel",
    .handle_call = net_kernel_call,
    .handle_cast = kernel__drop,
    .handle_info = kernel__drop,
};
