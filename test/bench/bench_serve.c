/*
 * bench_serve.c -- the other node of the rows with two nodes: `agner-bench
 * serve NAME [epmd]` prints its port and serves until its input ends. With
 * `epmd` it registers with the one at ERL_EPMD_PORT.
 *
 * The registered server `bench` answers as the one in peers/beam does:
 *
 *   incr             a number, one higher each time (what dist_call calls)
 *   pid              its own pid
 *   echo             the pid of a new process that answers {Pid, X} with X, and
 *                    ends at `stop`
 *   {sink, N, Boss}  the pid of a new process that counts N {tag, _} messages,
 *                    then sends `done` to Boss
 *   stage            the pid of a new producer of events {tag, _}
 *
 * The application kernel runs too, as on BEAM: it is what dist_rpc calls.
 */
#include <stdio.h>
#include <unistd.h>

#include <agner/kernel.h>

#include "bench.h"

static enum rt_next echo_message(struct gen *self, const struct rt_message *m)
{
    etf_pid to;
    etf_term x;

    if (etf_same(m->term, ETF_A(stop)))
        return rt_stop(self, ETF_A(normal));
    if (etf_match(m->term, "{_, _}", &to, &x))
        bench_send(self, to, x);
    return RT_NEXT;
}

static const struct rt_behavior echo_behavior = {
    .name = "echo",
    .message = echo_message,
};

static enum gen_next serve_call(struct gen *self, struct gen_from from,
                                etf_term request)
{
    int64_t *value = gen_state(self);
    int64_t count;
    etf_pid boss, pid;

    if (etf_same(request, bench_atoms.incr))
        return gen_reply(self, from, etf_int(rt_region(self), ++*value));
    if (etf_same(request, bench_atoms.pid))
        return gen_reply(self, from, rt_self_term(self));
    if (etf_same(request, bench_atoms.echo)) {
        pid = bench_start(self, &echo_behavior, ETF_NONE);
        return gen_reply(self, from, etf_make(self, "_", pid));
    }
    if (etf_same(request, etf_atom("stage"))) {
        bench_must(
            gen_stage_start(self, &bench_ticker, etf_nil(), NULL, &pid, NULL),
            "producer");
        return gen_reply(self, from, etf_make(self, "_", pid));
    }
    if (!etf_match(request, "{sink, _, _}", &count, &boss))
        return gen_reply(self, from, ETF_A(badarg));
    pid = bench_start(self, &bench_counter,
                      etf_make(self, "{_, _}", count, boss));
    return gen_reply(self, from, etf_make(self, "_", pid));
}

static const struct gen_server serve_server = {
    .name = "bench",
    .state_size = sizeof(int64_t),
    .handle_call = serve_call,
};

static const char *const everything[] = { "agner: all", "erlang: all" };

int bench_serve(const char *name, bool epmd)
{
    struct node_options options = {
        .name = name,
        .cookie = BENCH_COOKIE,
        .listen_host = "127.0.0.1",
        .erlang = NODE_ERLANG_LOOPBACK,
        .permits = everything,
        .permit_count = 2,
        .epmd = epmd ? NODE_EPMD_NEED : NODE_EPMD_NONE,
        .plain = bench_is_plain(),
    };
    struct rt_spawn_options spawn = { .name = etf_atom("bench") };
    struct agner_error error = { 0 };
    struct node *node;
    struct gen *self;
    etf_pid pid;
    enum agner_err err = node_start(&options, &node, &error);

    bench_must(err, error.text);
    self = rt_attach(node_rt(node));
    bench_must(self == NULL ? AGNER_ENOMEM : AGNER_OK, "attach");
    bench_must(agner_kernel_start(self, &error), error.text);
    bench_must(gen_start(self, &serve_server, etf_nil(), &spawn, &pid, NULL),
               "server");
    printf("%u\n", (unsigned)node_port(node));
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    _exit(0); /* whoever asked has its figures */
}
