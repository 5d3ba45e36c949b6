/*
 * global.c -- global_name_server: takes what global sends to visible nodes, and
 * drops it.
 *
 * So a node of agner is best hidden, the command's default: a visible one that
 * does not speak global's protocol makes global:sync() wait on the Erlang side.
 * Source: spec/distribution.md 10.
 */
#include "kernel_internal.h"

static enum gen_next global_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    (void)request;
    return gen_reply(self, from, etf_make(self, "{error, not_supported}"));
}

const struct gen_server kernel__global_name_server = {
    .name = "global_name_server",
    .handle_call = global_call,
    .handle_cast = kernel__drop,
    .handle_info = kernel__drop,
};
