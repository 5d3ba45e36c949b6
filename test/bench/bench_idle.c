/*
 * bench_idle.c -- rows hello, empty and idle: what only an outsider can see.
 *
 * tools/bench starts the program, and takes the time until the first line of
 * `hello`, or the memory and the processor time of the others. These say READY
 * at each state that is to be looked at, and go on at the next line of input.
 * With a node (rows with `_node`) it listens for others, as a real one does.
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdio.h>

#define TICKERS   1000
#define PERIOD_MS 1000u

static enum rt_next hello_message(struct gen *self, const struct rt_message *m)
{
    etf_term out[2] = { bench_atoms.pong };

    if (!etf_is_tagged(m->term, bench_atoms.ping, 2))
        return RT_NEXT;
    out[1] = rt_self_term(self);
    bench_must(rt_send(self, etf_tuple_items(m->term)[1],
                       etf_tuple(rt_region(self), out, 2)),
               "pong");
    return rt_stop(self, ETF_A(normal));
}

static const struct rt_behavior hello = { .name = "hello",
                                          .message = hello_message };

void bench_hello(struct bench *b)
{
    etf_pid pid = bench_start(b->self, &hello, ETF_NONE);
    etf_term answer;

    bench_send(b->self, pid, etf_make(b->self, "{ping, _}", rt_self(b->self)));
    bench_must(rt_receive(b->self, BENCH_WAIT_MS, &answer), "pong");
    puts("hello");
    fflush(stdout);
}

/* Returns when a line came, or the input has ended. */
static void ready(void)
{
    int c;

    puts("READY");
    fflush(stdout);
    do
        c = getchar();
    while (c != EOF && c != '\n');
}

void bench_empty(struct bench *b)
{
    (void)b;
    ready();
}

/* args: milliseconds until the first tick. */
static enum rt_next ticker_init(struct gen *self, etf_term args)
{
    int64_t ms;

    if (!etf_get_int(args, &ms))
        return rt_stop(self, ETF_A(badarg));
    bench_must(rt_send_after(self, rt_self_term(self), bench_atoms.tick,
                             (uint64_t)ms, NULL),
               "timer");
    return RT_NEXT;
}

static _Atomic int64_t ticks;

static enum rt_next ticker_message(struct gen *self, const struct rt_message *m)
{
    if (!etf_same(m->term, bench_atoms.tick))
        return RT_NEXT;
    atomic_fetch_add_explicit(&ticks, 1, memory_order_relaxed);
    bench_must(rt_send_after(self, rt_self_term(self), bench_atoms.tick,
                             PERIOD_MS, NULL),
               "timer");
    return RT_NEXT;
}

static const struct rt_behavior ticker = {
    .name = "ticker",
    .init = ticker_init,
    .message = ticker_message,
};

static int64_t ticks_now(void)
{
    return atomic_load_explicit(&ticks, memory_order_relaxed);
}

/* First N servers that wait, then 1000 processes besides that have a timer of a
 * second each. */
void bench_idle(struct bench *b)
{
    uint64_t began;
    int64_t before;

    for (int64_t i = 0; i < b->n; i++) {
        etf_pid pid;

        bench_must(
            gen_start(b->self, &bench_number, etf_nil(), NULL, &pid, NULL),
            "server");
        rt_reset(b->self);
    }
    ready();
    for (int i = 0; i < TICKERS; i++)
        (void)bench_start(b->self, &ticker, etf_int(NULL, i));
    began = bench_now();
    before = ticks_now();
    ready();
    bench_out_rate(b, "ticks_per_s", "ticks/s", bench_now() - began,
                   ticks_now() - before);
}
