/*
 * bench_cluster.c -- row scale_cluster: 2, 4, 8 and 16 nodes on this machine,
 * in one program, each connected to each.
 *
 *   ms_until_all    from the first dial until each is connected to each, for a
 *                   connection
 *   us_per_call     one client on the first node calls a server on each of the
 *                   others in turn
 *   calls_per_s     100 clients on the first node do
 *
 * Each node has its own workers, listener and loop, as in a program of its own;
 * they speak over loopback.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 16
#define CLIENTS   100

struct member {
    struct node *node;
    struct gen *self; /* main(), attached to it */
    etf_pid server;
    char name[32];
};

static void open_member(struct bench *b, struct member *m, int number)
{
    struct node_options options = {
        .name = m->name,
        .cookie = BENCH_COOKIE,
        .listen_host = "127.0.0.1",
        .epmd = NODE_EPMD_NONE,
    };
    struct agner_error error = { 0 };
    enum agner_err err;

    (void)b;
    (void)snprintf(m->name, sizeof m->name, "member%d@127.0.0.1", number);
    err = node_start(&options, &m->node, &error);
    bench_must(err, error.text);
    m->self = rt_attach(node_rt(m->node));
    bench_must(m->self == NULL ? AGNER_ENOMEM : AGNER_OK, "attach");
    bench_must(
        gen_start(m->self, &bench_number, etf_nil(), NULL, &m->server, NULL),
        "server");
}

static void close_member(struct member *m)
{
    rt_detach(m->self);
    node_stop(m->node, 1000);
}

static void join(struct member *from, struct member *to)
{
    struct agner_error error = { 0 };
    enum agner_err err =
        node_route(from->node, to->name, "127.0.0.1", node_port(to->node));

    bench_must(err, "route");
    err = node_connect(from->self, from->node, to->name, &error);
    bench_must(err, error.text);
}

/* The pid of `m`'s server as another node names it. */
static etf_pid seen_from_outside(const struct member *m)
{
    etf_pid pid = m->server;

    pid.node = etf_atom(m->name);
    pid.creation = node_creation(m->node);
    return pid;
}

static void measure(struct bench *b, int count)
{
    struct member *members = bench_memory((size_t)count, sizeof *members);
    etf_pid servers[NODES_MAX];
    int64_t per = b->n / CLIENTS > 0 ? b->n / CLIENTS : 1;
    int connections = count * (count - 1) / 2;
    uint64_t ns;

    for (int i = 0; i < count; i++)
        open_member(b, &members[i], i);
    ns = bench_now();
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++)
            join(&members[i], &members[k]);
    ns = bench_now() - ns;
    bench_out_at(b, "ms_until_all", count,
                 (double)ns / 1e6 / (double)connections, "ms");
    for (int i = 1; i < count; i++)
        servers[i - 1] = seen_from_outside(&members[i]);
    (void)bench_clients(members[0].self, servers, count - 1, 1, per * 10);
    ns = bench_calls_around(members[0].self, servers, count - 1, b->n);
    bench_out_at(b, "us_per_call", count, (double)ns / 1e3 / (double)b->n,
                 "us");
    ns = bench_clients(members[0].self, servers, count - 1, CLIENTS, per * 10);
    bench_out_at(b, "calls_per_s", count,
                 (double)(per * 10 * CLIENTS) * 1e9 / (double)ns, "calls/s");
    for (int i = 0; i < count; i++)
        close_member(&members[i]);
    free(members);
}

void bench_scale_cluster(struct bench *b)
{
    for (int count = 2; count <= NODES_MAX; count *= 2)
        measure(b, count);
}
