/*
 * bench_scale.c -- row scale_processes: what a start, a message and an end cost
 * while there are N / 10,000, N / 100 and N processes.
 *
 *   ns_per_start   start processes that stay, without waiting for each
 *   ns_per_send    one message to each of them, until all have it
 *   ns_per_hop     1000 tokens around a ring of all, in an order that no cache
 *                  likes: what a message costs that finds its receiver cold
 *   ns_per_msg     two processes talk, while all the others wait
 *   ns_per_end     all are killed, until all are gone
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TOKENS 1000
#define HOPS   2000000 /* at least */

struct cell {
    etf_pid next;
};

/* One row runs at a time. */
static struct {
    etf_pid boss;
    _Atomic int64_t left; /* messages that have not come, then tokens */
} crowd;

static void count_down(struct gen *self)
{
    if (atomic_fetch_sub_explicit(&crowd.left, 1, memory_order_acq_rel) == 1)
        bench_send(self, crowd.boss, bench_atoms.done);
}

/* {next, Pid}, then {token, N}, which goes on as {token, N - 1}. */
static enum rt_next cell_message(struct gen *self, const struct rt_message *m)
{
    struct cell *c = rt_state(self);
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.token };
    int64_t n;

    if (etf_is_tagged(m->term, bench_atoms.next, 2)) {
        (void)etf_get_pid(etf_tuple_items(m->term)[1], &c->next);
        count_down(self);
        return RT_NEXT;
    }
    if (!etf_is_tagged(m->term, bench_atoms.token, 2) ||
        !etf_get_int(etf_tuple_items(m->term)[1], &n))
        return RT_NEXT;
    if (n == 0) {
        count_down(self);
        return RT_NEXT;
    }
    items[1] = etf_int(r, n - 1);
    bench_send(self, c->next, etf_tuple(r, items, 2));
    return RT_NEXT;
}

static const struct rt_behavior cell = {
    .name = "cell",
    .state_size = sizeof(struct cell),
    .message = cell_message,
};

struct growth {
    etf_pid *pids; /* owned by bench_scale_processes() */
    int64_t count, stride, hops;
};

static void start_all(struct gen *self, void *arg)
{
    const struct growth *g = arg;

    for (int64_t i = 0; i < g->count; i++)
        bench_must(rt_start_nowait(self, &cell, etf_nil(), NULL, &g->pids[i]),
                   "start");
}

static void tell_all(struct gen *self, void *arg)
{
    const struct growth *g = arg;

    for (int64_t i = 0; i < g->count; i++) {
        bench_send(
            self, g->pids[i],
            etf_make(self, "{next, _}", g->pids[(i + g->stride) % g->count]));
        if (i % 64 == 0)
            rt_reset(self);
    }
    rt_reset(self);
}

static void throw_tokens(struct gen *self, void *arg)
{
    const struct growth *g = arg;

    for (int64_t i = 0; i < TOKENS; i++)
        bench_send(self, g->pids[i * g->count / TOKENS],
                   etf_make(self, "{token, _}", g->hops / TOKENS));
}

/* Runs `part` in a process; with `left` above 0 it ends when that many have
 * counted down. Returns nanoseconds. */
static uint64_t timed(struct bench *b, int64_t left,
                      void (*part)(struct gen *self, void *arg),
                      struct growth *g)
{
    uint64_t began = bench_now();
    etf_pid pid;

    atomic_store_explicit(&crowd.left, left, memory_order_release);
    pid = bench_spawn(b->self, part, g);
    if (left > 0)
        bench_wait_done(b->self, 1);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "part");
    return bench_now() - began;
}

static int64_t divisor(int64_t a, int64_t b)
{
    return b == 0 ? a : divisor(b, a % b);
}

/* About 0.6 of the ring, and all are reached. */
static int64_t stride_of(int64_t count)
{
    int64_t stride = count * 618 / 1000 + 1;

    while (divisor(count, stride) != 1)
        stride++;
    return stride;
}

struct cost {
    double start, send, hop, msg, end; /* nanoseconds of each */
};

static struct cost measure(struct bench *b, struct growth *g)
{
    bool tiny = b->n < 1000000;
    int64_t talk = tiny ? 1000 : 1000000;
    double count = (double)g->count;
    struct cost c;
    uint64_t begin;

    g->stride = stride_of(g->count);
    g->hops = g->count * 2 < HOPS ? HOPS : g->count * 2;
    if (tiny)
        g->hops = TOKENS * 10;
    crowd.boss = rt_self(b->self);
    c.start = (double)timed(b, 0, start_all, g) / count;
    c.send = (double)timed(b, g->count, tell_all, g) / count;
    c.hop = (double)timed(b, TOKENS, throw_tokens, g) / (double)g->hops;
    (void)bench_pair(b->self, talk / 10);
    c.msg = (double)bench_pair(b->self, talk) / (double)talk;
    begin = bench_now();
    bench_kill(b->self, g->pids, g->count);
    c.end = (double)(bench_now() - begin) / count;
    return c;
}

static void print(struct bench *b, int64_t count, const struct cost *c)
{
    bench_out_at(b, "ns_per_start", count, c->start, "ns");
    bench_out_at(b, "ns_per_send", count, c->send, "ns");
    bench_out_at(b, "ns_per_hop", count, c->hop, "ns");
    bench_out_at(b, "ns_per_msg", count, c->msg, "ns");
    bench_out_at(b, "ns_per_end", count, c->end, "ns");
}

void bench_scale_processes(struct bench *b)
{
    static const int64_t parts[] = { 10000, 100, 1 };
    struct growth g = { .pids = bench_memory((size_t)b->n, sizeof(etf_pid)) };

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        struct cost c;

        g.count = b->n / parts[i] > TOKENS ? b->n / parts[i] : TOKENS;
        if (g.count > b->n)
            g.count = b->n;
        if (i == 0)
            (void)measure(b, &g); /* warm */
        c = measure(b, &g);
        print(b, g.count, &c);
    }
    free(g.pids);
}
