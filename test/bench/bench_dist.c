/*
 * bench_dist.c -- rows with two nodes over loopback: dist_connect, dist_call,
 * dist_rpc, dist_send, dist_bulk, dist_link, dist_stage. This is the node that
 * asks; bench_serve.c is the other one, in a program of its own, or what
 * `$BENCH_OTHER serve NAME` starts: BEAM, with the same requests.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
    pid_t process;
    int input; /* closing it ends the process */
    unsigned port;
    char name[64];
};

/* Becomes the other node, between its input and its output. */
static void serve_as(const char *name, int input, int output)
{
    const char *program = getenv("BENCH_OTHER");

    if (program == NULL || program[0] == '\0')
        program = "/proc/self/exe";
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    execl(program, program, "serve", name, (char *)NULL);
    _exit(127);
}

/* Starts the other node; it prints its port when it listens. */
static struct server server_open(int number)
{
    struct server s = { 0 };
    FILE *output;
    int in[2], out[2];

    snprintf(s.name, sizeof s.name, "other%d@127.0.0.1", number);
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
        bench_must(AGNER_ESYSTEM, "pipe");
    s.process = fork();
    if (s.process == 0)
        serve_as(s.name, in[0], out[1]);
    close(in[0]);
    close(out[1]);
    s.input = in[1];
    output = fdopen(out[0], "r");
    if (s.process < 0 || output == NULL || fscanf(output, "%u", &s.port) != 1)
        bench_must(AGNER_ESYSTEM, "the other node");
    fclose(output);
    return s;
}

static void server_close(const struct server *s)
{
    close(s->input);
    waitpid(s->process, NULL, 0);
}

static uint64_t connect_to(struct bench *b, const struct server *s)
{
    uint64_t begin = bench_now();
    struct agner_error error = { 0 };
    const char *other = getenv("BENCH_OTHER");
    struct node_route_spec route = { .name = s->name,
                                     .host = "127.0.0.1",
                                     .port = (uint16_t)s->port,
                                     .erlang =
                                         other != NULL && other[0] != '\0' };
    enum agner_err err = node_route_add(b->node, &route, &error);

    bench_must(err, error.text);
    err = node_connect(b->self, b->node, s->name, &error);
    bench_must(err, error.text);
    return bench_now() - begin;
}

/* Asks the other node's `bench` server; the answer must be a pid. */
static etf_pid ask_pid(struct bench *b, const struct server *s,
                       etf_term request)
{
    etf_term to = etf_make(b->self, "{bench, _}", etf_atom(s->name));
    etf_term answer;
    etf_pid pid;

    bench_must(gen_call(b->self, to, request, BENCH_WAIT_MS, &answer), "ask");
    if (!etf_get_pid(answer, &pid))
        bench_must(AGNER_EUNKNOWN, "no pid");
    rt_reset(b->self);
    return pid;
}

static etf_pid start_sink(struct bench *b, const struct server *s,
                          int64_t count)
{
    return ask_pid(b, s,
                   etf_make(b->self, "{sink, _, _}", count, rt_self(b->self)));
}

/* ---- dist_connect ---------------------------------------------------------
 */

static int compare(const void *left, const void *right)
{
    const uint64_t *a = left, *b = right;

    return (*a > *b) - (*a < *b);
}

/* The port is known, so this is a TCP connection and the handshake. */
void bench_dist_connect(struct bench *b)
{
    uint64_t *took = bench_memory((size_t)b->n, sizeof *took);

    for (int i = 0; i < (int)b->n; i++) {
        struct server s = server_open(i);

        took[i] = connect_to(b, &s);
        server_close(&s);
    }
    qsort(took, (size_t)b->n, sizeof *took, compare);
    bench_out(b, "connect_p50", (double)took[(b->n - 1) / 2] / 1e3, "us");
    free(took);
}

/* ---- dist_call -------------------------------------------------------------
 */

#define CLIENTS 100

void bench_dist_call(struct bench *b)
{
    struct server s = server_open(1);
    int64_t per = b->n / CLIENTS > 0 ? b->n / CLIENTS : 1;
    etf_pid pid;
    uint64_t took;

    (void)connect_to(b, &s);
    pid = ask_pid(b, &s, bench_atoms.pid);
    (void)bench_calls(b->self, pid, b->n / 10);
    bench_out(b, "us_per_call",
              (double)bench_calls(b->self, pid, b->n) / (double)b->n / 1e3,
              "us");
    (void)bench_clients(b->self, &pid, 1, CLIENTS, per / 10);
    took = bench_clients(b->self, &pid, 1, CLIENTS, per * 10);
    bench_out_rate(b, "calls_per_s_100_clients", "calls/s", took,
                   per * 10 * CLIENTS);
    server_close(&s);
}

/* ---- dist_rpc
 * ---------------------------------------------------------------- */

struct rpc_client {
    etf_term node;
    etf_pid boss;
    int64_t count;
};

/* erpc:call(Node, erlang, node, []), `count` times. */
static void rpc_calls(struct gen *self, void *arg)
{
    const struct rpc_client *c = arg;
    etf_term m = etf_atom("erlang"), f = etf_atom("node"), result;

    for (int64_t i = 0; i < c->count; i++) {
        bench_must(gen_erpc_call(self, c->node, m, f, etf_nil(), BENCH_WAIT_MS,
                                 &result, NULL),
                   "erpc");
        rt_reset(self);
    }
    bench_send(self, c->boss, bench_atoms.done);
}

/* Nanoseconds that `clients` of them take. */
static uint64_t rpc_clients(struct bench *b, struct rpc_client *c,
                            int64_t clients)
{
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < clients; i++)
        (void)bench_spawn(b->self, rpc_calls, c);
    bench_wait_done(b->self, clients);
    return bench_now() - begin;
}

void bench_dist_rpc(struct bench *b)
{
    struct server s = server_open(1);
    struct rpc_client one = { etf_atom(s.name), rt_self(b->self), b->n / 10 };
    struct rpc_client many = one;

    many.count = b->n / CLIENTS > 0 ? b->n / CLIENTS : 1;
    (void)connect_to(b, &s);
    (void)rpc_clients(b, &one, 1);
    one.count = b->n;
    bench_out(b, "us_per_erpc_call",
              (double)rpc_clients(b, &one, 1) / (double)b->n / 1e3, "us");
    (void)rpc_clients(b, &many, CLIENTS);
    many.count *= 10;
    bench_out_rate(b, "erpc_calls_per_s_100_clients", "calls/s",
                   rpc_clients(b, &many, CLIENTS), many.count * CLIENTS);
    server_close(&s);
}

/* ---- dist_send
 * --------------------------------------------------------------- */

static uint64_t dist_send(struct bench *b, const struct server *s,
                          int64_t senders, int64_t n)
{
    etf_pid *pids = bench_memory((size_t)senders, sizeof *pids);
    struct bench_blast blast = { .count = n / senders > 0 ? n / senders : 1 };
    uint64_t took;

    blast.to = start_sink(b, s, blast.count * senders);
    for (int64_t i = 0; i < senders; i++)
        pids[i] = bench_spawn(b->self, bench_blast, &blast);
    took = bench_now();
    for (int64_t i = 0; i < senders; i++)
        bench_send(b->self, pids[i], bench_atoms.go);
    bench_wait_done(b->self, 1);
    took = bench_now() - took;
    for (int64_t i = 0; i < senders; i++)
        bench_must(rt_wait(b->self, pids[i], BENCH_WAIT_MS), "sender");
    free(pids);
    return took;
}

void bench_dist_send(struct bench *b)
{
    struct server s = server_open(1);

    (void)connect_to(b, &s);
    (void)dist_send(b, &s, 1, b->n / 10);
    bench_out_rate(b, "msgs_per_s_1_sender", "msgs/s",
                   dist_send(b, &s, 1, b->n), b->n);
    bench_out_rate(b, "msgs_per_s_100_senders", "msgs/s",
                   dist_send(b, &s, 100, b->n), b->n);
    server_close(&s);
}

/* ---- dist_bulk: N megabytes of each size
 * ---------------------------------------- */

struct bulk {
    etf_pid to;
    size_t size;
    int64_t count;
};

static void send_bulk(struct gen *self, void *arg)
{
    const struct bulk *bulk = arg;
    char *bytes = bench_memory(bulk->size, 1);
    etf_term items[2] = { bench_atoms.tag };
    struct etf_box *binary;

    memset(bytes, 'x', bulk->size);
    binary = etf_box_new(etf_binary(rt_region(self), bytes, bulk->size));
    bench_must(binary == NULL ? AGNER_ENOMEM : AGNER_OK, "binary");
    free(bytes);
    for (int64_t i = 0; i < bulk->count; i++) {
        rt_reset(self);
        items[1] = etf_box_term(binary);
        bench_send(self, bulk->to, etf_tuple(rt_region(self), items, 2));
    }
    etf_box_free(binary);
}

static uint64_t bulk(struct bench *b, const struct server *s, size_t size,
                     int64_t count)
{
    struct bulk bulk = { .size = size, .count = count };
    uint64_t took;
    etf_pid sender;

    bulk.to = start_sink(b, s, count);
    took = bench_now();
    sender = bench_spawn(b->self, send_bulk, &bulk);
    bench_wait_done(b->self, 1);
    took = bench_now() - took;
    bench_must(rt_wait(b->self, sender, BENCH_WAIT_MS), "sender");
    return took;
}

void bench_dist_bulk(struct bench *b)
{
    static const struct {
        const char *metric;
        size_t size;
    } sizes[] = {
        { "mb_per_s_1KB", 1024 },
        { "mb_per_s_64KB", 65536 },
        { "mb_per_s_10MB", 10485760 },
    };
    const char *only = getenv("BENCH_BULK"); /* for a profiler: "10MB" */
    struct server s = server_open(1);

    (void)connect_to(b, &s);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int64_t count = b->n * 1000000 / (int64_t)sizes[i].size;
        uint64_t took;

        if (only != NULL && strstr(sizes[i].metric, only) == NULL)
            continue;
        if (count < 1)
            count = 1;
        (void)bulk(b, &s, sizes[i].size, count / 10 > 0 ? count / 10 : 1);
        took = bulk(b, &s, sizes[i].size, count);
        bench_out(b, sizes[i].metric,
                  (double)sizes[i].size * (double)count * 1e3 / (double)took,
                  "MB/s");
    }
    server_close(&s);
}

/* ---- dist_link
 * --------------------------------------------------------------------- */

struct links {
    etf_pid echo;
    etf_pid *victims; /* owned by bench_dist_link() */
    int64_t count;
    uint64_t demonitor, down;
};

/* A monitor set and removed, confirmed by a round trip behind it. */
static void monitor_and_demonitor(struct gen *self, etf_pid to)
{
    etf_term target = etf_from_pid(rt_region(self), to);
    etf_term message;
    etf_ref ref;

    bench_must(rt_monitor(self, target, 0, &ref), "monitor");
    bench_must(rt_demonitor(self, ref, true), "demonitor");
    bench_send(self, to, etf_make(self, "{_, x}", rt_self(self)));
    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "echo");
    rt_reset(self);
}

static void monitor_and_end(struct gen *self, etf_pid to)
{
    etf_term target = etf_from_pid(rt_region(self), to);
    etf_term message;
    etf_ref ref;

    bench_must(rt_monitor(self, target, 0, &ref), "monitor");
    bench_send(self, to, ETF_A(stop));
    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "down");
    if (!etf_match(message, "{'DOWN', __, process, __, normal}"))
        bench_must(AGNER_EUNKNOWN, "down");
    rt_reset(self);
}

static void run_links(struct gen *self, void *arg)
{
    struct links *l = arg;
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < l->count; i++)
        monitor_and_demonitor(self, l->echo);
    l->demonitor = bench_now() - begin;
    begin = bench_now();
    for (int64_t i = 0; i < l->count; i++)
        monitor_and_end(self, l->victims[i]);
    l->down = bench_now() - begin;
}

void bench_dist_link(struct bench *b)
{
    struct server s = server_open(1);
    struct links l = {
        .victims = bench_memory((size_t)b->n, sizeof(etf_pid)),
        .count = b->n,
    };
    etf_pid pid;

    (void)connect_to(b, &s);
    l.echo = ask_pid(b, &s, bench_atoms.echo);
    for (int64_t i = 0; i < b->n; i++)
        l.victims[i] = ask_pid(b, &s, bench_atoms.echo);
    pid = bench_spawn(b->self, run_links, &l);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "links");
    bench_out(b, "us_monitor_demonitor_confirmed",
              (double)l.demonitor / (double)b->n / 1e3, "us");
    bench_out(b, "us_monitor_exit_down", (double)l.down / (double)b->n / 1e3,
              "us");
    free(l.victims);
    server_close(&s);
}

/* ---- dist_stage
 * -------------------------------------------------------------------- */

void bench_dist_stage(struct bench *b)
{
    struct server s = server_open(1);
    etf_pid producer;

    (void)connect_to(b, &s);
    producer = ask_pid(b, &s, etf_atom("stage"));
    (void)bench_pipeline(b->self, producer, 1, b->n / 10 + 1, false);
    bench_out_rate(b, "events_per_s_1_consumer", "events/s",
                   bench_pipeline(b->self, producer, 1, b->n, false), b->n);
    bench_out_rate(b, "events_per_s_1000_consumers", "events/s",
                   bench_pipeline(b->self, producer, 1000, b->n, false), b->n);
    server_close(&s);
}
