/*
 * echo_node.c -- a node for real Erlang nodes to play with: NAME COOKIE
 * EPMD_PORT.
 *
 * Says "ready" when it is registered, and ends when its standard input does, so
 * that it never outlives its test. It runs the server `echo` of the examples, a
 * `net_kernel` that lets itself be pinged, and `order`:
 *
 *   order gets   what it does
 *   -----------  ----------------------------------------------------------
 *   integers     counts those that come as 0, 1, 2 ... and those that don't
 *   {size}       call: {InOrder, Astray}
 *   {send, P, N} call: sends 0 ... N-1 to P, then answers ok
 *   {bytes, P, N} call: sends a binary of N bytes to P, then answers its size
 *   {ask, To, R} call: calls To with R, and answers {Error, Reply}
 *
 * and `lock`, the code lock of the examples, whose code is [1, 2].
 */
#include <stdio.h>
#include <stdlib.h>

#include <agner/gen.h>
#include <agner/node.h>

#include "events.h"

extern const struct gen_server echo_server;
extern const struct gen_statem lock_machine;

/* {is_auth, Node}: net_adm:ping/1. */
static enum gen_next kernel_call(struct gen *self, struct gen_from from,
                                 etf_term request)
{
    etf_term node;

    if (etf_match(request, "{is_auth, _}", &node))
        return gen_reply(self, from, ETF_A(yes));
    return gen_reply(self, from, etf_make(self, "{error, not_supported}"));
}

static const struct gen_server kernel_server = { .name = "net_kernel",
                                                 .handle_call = kernel_call };

struct order {
    int64_t in_order, astray;
};

static enum gen_next order_info(struct gen *self, etf_term message)
{
    struct order *order = gen_state(self);
    int64_t n;

    if (!etf_get_int(message, &n))
        return GEN_NEXT;
    if (n == order->in_order)
        order->in_order++;
    else
        order->astray++;
    return GEN_NEXT;
}

static enum gen_next send_bytes(struct gen *self, struct gen_from from,
                                etf_pid to, int64_t size)
{
    uint8_t *bytes = calloc(1, (size_t)size);
    etf_term binary = ETF_NONE;

    if (bytes != NULL)
        binary = etf_binary(rt_region(self), bytes, (size_t)size);
    free(bytes);
    if (rt_send_pid(self, to, binary) != AGNER_OK)
        size = -1;
    return gen_reply(self, from, etf_make(self, "_", size));
}

static enum gen_next ask(struct gen *self, struct gen_from from, etf_term to,
                         etf_term request)
{
    etf_term reply = ETF_A(undefined);
    enum agner_err err =
        gen_call(self, to, request, GEN_CALL_TIMEOUT_MS, &reply);

    return gen_reply(self, from, etf_make(self, "{_, _}", (int64_t)err, reply));
}

static enum gen_next order_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    struct order *order = gen_state(self);
    etf_term whom, what;
    etf_pid to;
    int64_t n;

    if (etf_match(request, "{ask, _, _}", &whom, &what))
        return ask(self, from, whom, what);
    if (etf_match(request, "{size}"))
        return gen_reply(
            self, from,
            etf_make(self, "{_, _}", order->in_order, order->astray));
    if (etf_match(request, "{bytes, _, _}", &to, &n))
        return send_bytes(self, from, to, n);
    if (!etf_match(request, "{send, _, _}", &to, &n))
        return gen_reply(self, from, ETF_A(badarg));
    for (int64_t i = 0; i < n; i++)
        if (rt_send_pid(self, to, etf_int(NULL, i)) != AGNER_OK)
            return gen_reply(self, from, ETF_A(error));
    return gen_reply(self, from, ETF_A(ok));
}

static const struct gen_server order_server = {
    .name = "order",
    .state_size = sizeof(struct order),
    .handle_call = order_call,
    .handle_info = order_info,
};

static bool start(struct gen *self, const struct gen_server *server,
                  const char *name)
{
    struct rt_spawn_options options = { .name = etf_atom(name) };
    etf_pid pid;

    return gen_start(self, server, etf_nil(), &options, &pid, NULL) == AGNER_OK;
}

static bool start_lock(struct gen *self)
{
    struct rt_spawn_options options = { .name = etf_atom("lock") };
    etf_pid pid;

    return gen_statem_start(self, &lock_machine, etf_make(self, "[1, 2]"),
                            &options, &pid, NULL) == AGNER_OK;
}

static const char *const everything[] = { "agner: all", "erlang: all" };

int main(int count, char **args)
{
    struct node_options options = { .hidden = true,
                                    .listen_host = "127.0.0.1",
                                    .erlang = NODE_ERLANG_LOOPBACK,
                                    .permits = everything,
                                    .permit_count = 2,
                                    .epmd = NODE_EPMD_NEED,
                                    .rt = { .log_level = RT_LOG_NOTICE } };
    struct agner_error error;
    struct node *node;
    struct gen *self;

    if (count != 4) {
        (void)fprintf(stderr, "usage: echo_node NAME COOKIE EPMD_PORT\n");
        return 2;
    }
    options.name = args[1];
    options.cookie = args[2];
    options.epmd_port = (uint16_t)strtoul(args[3], NULL, 10);
    if (node_start(&options, &node, &error) != AGNER_OK) {
        (void)fprintf(stderr, "echo_node: %s\n", error.text);
        return 1;
    }
    self = rt_attach(node_rt(node));
    if (self == NULL || !start(self, &echo_server, "echo") ||
        !start(self, &kernel_server, "net_kernel") ||
        !start(self, &order_server, "order") || !start_lock(self) ||
        !events_start(self)) {
        (void)fprintf(stderr, "echo_node: a server did not start\n");
        return 1;
    }
    (void)puts("ready");
    (void)fflush(stdout);
    while (getchar() != EOF)
        ;
    rt_detach(self);
    node_stop(node, 1000);
    return 0;
}
