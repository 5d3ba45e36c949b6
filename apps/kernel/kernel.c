/*
 * kernel.c -- the processes that an Erlang node looks for on one that it meets.
 *
 * net_kernel answers {is_auth, Node} with `yes`, which is net_adm:ping, and any
 * other call with {error, not_supported}.
 *
 * rex answers features_request with no features: functions cannot be called
 * here yet. rpc's older requests get {badrpc, not_supported}, so that nobody
 * waits in vain.
 *
 * global_name_server takes what global sends to visible nodes, and drops it.
 *
 * So a node of agner is best hidden, the command's default: a visible one that
 * does not speak global's protocol makes global:sync() wait on the Erlang side.
 * Source: what OTP 25 sends right after it has connected.
 */
#include "kernel.h"

/* What nobody has to hear of: unknown messages of other nodes. */
static enum gen_next drop(struct gen *self, etf_term message)
{
    (void)self;
    (void)message;
    return GEN_NEXT;
}

static enum gen_next net_kernel_call(struct gen *self, struct gen_from from,
                                     etf_term request)
{
    if (etf_match(request, "{is_auth, __}"))
        return gen_reply(self, from, ETF_A(yes));
    return gen_reply(self, from, etf_make(self, "{error, not_supported}"));
}

static const struct gen_server net_kernel = {
    .name = "net_kernel",
    .handle_call = net_kernel_call,
    .handle_cast = drop,
    .handle_info = drop,
};

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

static const struct gen_server rex = {
    .name = "rex",
    .handle_call = rex_call,
    .handle_cast = drop,
    .handle_info = rex_info,
};

static enum gen_next global_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    (void)request;
    return gen_reply(self, from, etf_make(self, "{error, not_supported}"));
}

static const struct gen_server global_name_server = {
    .name = "global_name_server",
    .handle_call = global_call,
    .handle_cast = drop,
    .handle_info = drop,
};

static const struct gen_child_spec children[] = {
    { .name = "net_kernel", .server = &net_kernel },
    { .name = "rex", .server = &rex },
    { .name = "global_name_server", .server = &global_name_server },
};

const struct gen_application kernel_application = {
    .abi = GEN_APPLICATION_ABI,
    .name = "kernel",
    .description = "what other nodes look for",
    .version = AGNER_VERSION,
    .children = children,
    .child_count = sizeof children / sizeof *children,
};
