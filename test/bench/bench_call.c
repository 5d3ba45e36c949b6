/*
 * bench_call.c -- rows call, call_many and statem: gen_call with its time-out
 * of 5 s.
 */
#include "bench.h"

#include <stdlib.h>

#define CLIENTS 1000

struct client {
    const etf_pid *servers; /* borrowed: they are called in turn */
    int64_t server_count;
    int64_t count;
    etf_pid boss; /* all zero: nobody waits for `done`, and no `go` comes */
    uint64_t took;
};

static void call_often(struct gen *self, void *arg)
{
    struct client *c = arg;
    int64_t which = 0;
    uint64_t begin;
    etf_term go;

    if (!etf_pid_is_none(c->boss))
        bench_must(rt_receive(self, BENCH_WAIT_MS, &go), "go");
    begin = bench_now();
    for (int64_t i = 0; i < c->count; i++) {
        etf_term to = etf_from_pid(rt_region(self), c->servers[which]);
        etf_term answer;

        which = which + 1 < c->server_count ? which + 1 : 0;
        bench_must(
            gen_call(self, to, bench_atoms.incr, GEN_CALL_TIMEOUT_MS, &answer),
            "call");
        rt_reset(self);
    }
    c->took = bench_now() - begin;
    if (!etf_pid_is_none(c->boss))
        bench_send(self, c->boss, bench_atoms.done);
}

uint64_t bench_calls_around(struct gen *self, const etf_pid *servers,
                            int64_t server_count, int64_t count)
{
    struct client client = { .servers = servers,
                             .server_count = server_count,
                             .count = count };
    etf_pid pid = bench_spawn(self, call_often, &client);

    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "client");
    return client.took;
}

uint64_t bench_calls(struct gen *self, etf_pid server, int64_t count)
{
    return bench_calls_around(self, &server, 1, count);
}

uint64_t bench_clients(struct gen *self, const etf_pid *servers,
                       int64_t server_count, int64_t count, int64_t per)
{
    struct client *clients = bench_memory((size_t)count, sizeof *clients);
    etf_pid *pids = bench_memory((size_t)count, sizeof *pids);
    uint64_t took;

    for (int64_t i = 0; i < count; i++) {
        clients[i] = (struct client){ .servers = &servers[i % server_count],
                                      .server_count = 1,
                                      .count = per > 0 ? per : 1,
                                      .boss = rt_self(self) };
        pids[i] = bench_spawn(self, call_often, &clients[i]);
    }
    took = bench_now();
    for (int64_t i = 0; i < count; i++)
        bench_send(self, pids[i], bench_atoms.go);
    bench_wait_done(self, count);
    took = bench_now() - took;
    for (int64_t i = 0; i < count; i++) /* they read `clients` */
        bench_must(rt_wait(self, pids[i], BENCH_WAIT_MS), "client");
    free(clients);
    free(pids);
    return took;
}

static etf_pid start_number(struct gen *self)
{
    etf_pid pid;

    bench_must(gen_start(self, &bench_number, etf_nil(), NULL, &pid, NULL),
               "server");
    return pid;
}

void bench_call(struct bench *b)
{
    etf_pid server = start_number(b->self);

    (void)bench_calls(b->self, server, b->n / 10);
    bench_out_each(b, "ns_per_call", bench_calls(b->self, server, b->n), b->n);
}

void bench_call_many(struct bench *b)
{
    etf_pid *servers = bench_memory(CLIENTS, sizeof *servers);
    int64_t per = b->n / CLIENTS;

    for (int i = 0; i < CLIENTS; i++)
        servers[i] = start_number(b->self);
    (void)bench_clients(b->self, servers, 1, CLIENTS, per / 10);
    bench_out_rate(b, "calls_per_s_one_server", "calls/s",
                   bench_clients(b->self, servers, 1, CLIENTS, per), b->n);
    (void)bench_clients(b->self, servers, CLIENTS, CLIENTS, per / 10);
    bench_out_rate(b, "calls_per_s_1000_pairs", "calls/s",
                   bench_clients(b->self, servers, CLIENTS, CLIENTS, per),
                   b->n);
    free(servers);
}

/* ---- statem: each call changes the state, which sets a state time-out and
 * cancels that of the state before ---- */

#define FLIP_MS 60000u

static enum gen_next flip(struct gen *self,
                          const struct gen_statem_event *event, size_t to)
{
    if (event->type != GEN_STATEM_CALL)
        return gen_keep_state(self);
    (void)gen_reply(self, event->from, bench_atoms.done);
    (void)gen_state_timeout(self, FLIP_MS, bench_atoms.tick);
    return gen_next_state(self, to);
}

static enum gen_next off(struct gen *self, const struct gen_statem_event *event)
{
    return flip(self, event, 1);
}

static enum gen_next on(struct gen *self, const struct gen_statem_event *event)
{
    return flip(self, event, 0);
}

static const struct gen_statem_state flip_states[] = {
    { .name = "off", .handle = off },
    { .name = "on", .handle = on },
};
static const struct gen_statem flip_machine = {
    .name = "flip",
    .states = flip_states,
    .state_count = 2,
};

void bench_statem(struct bench *b)
{
    etf_pid machine;

    bench_must(gen_statem_start(b->self, &flip_machine, etf_nil(), NULL,
                                &machine, NULL),
               "machine");
    (void)bench_calls(b->self, machine, b->n / 10);
    bench_out_each(b, "ns_per_change", bench_calls(b->self, machine, b->n),
                   b->n);
}
