/*
 * bench_message.c -- rows pingpong, pingpong_many and ring: one message at a
 * time.
 *
 * pingpong is there three times: with behaviour processes and the plain term
 * functions (ns_per_msg, what pingpong_many does too), with etf_match() and
 * etf_make() as an actor's author writes it, and with raw processes that wait
 * on a stack of their own.
 */
#include "bench.h"

#include <stdlib.h>

/* ---- ping and pong
 * ------------------------------------------------------------ */

struct ping {
    etf_pid pong;
    etf_pid boss;
    int64_t left;
};

static void send_ping(struct gen *self, const struct ping *p)
{
    struct etf_region *r = rt_region(self);
    etf_term items[3] = { bench_atoms.ping, rt_self_term(self),
                          etf_int(r, p->left) };

    bench_send(self, p->pong, etf_tuple(r, items, 3));
}

static enum rt_next ping_init(struct gen *self, etf_term args)
{
    struct ping *p = rt_state(self);

    if (!etf_match(args, "{_, _, _}", &p->pong, &p->boss, &p->left))
        return rt_stop(self, ETF_A(badarg));
    return RT_NEXT;
}

static enum rt_next finish(struct gen *self, const struct ping *p)
{
    bench_send(self, p->pong, ETF_A(stop));
    bench_send(self, p->boss, bench_atoms.done);
    return rt_stop(self, ETF_A(normal));
}

/* `go`, and then {pong, N} for each {ping, Self, N}. */
static enum rt_next ping_message(struct gen *self, const struct rt_message *m)
{
    struct ping *p = rt_state(self);

    if (etf_is_tagged(m->term, bench_atoms.pong, 2))
        p->left--;
    if (p->left == 0)
        return finish(self, p);
    send_ping(self, p);
    return RT_NEXT;
}

static enum rt_next pong_message(struct gen *self, const struct rt_message *m)
{
    const etf_term *in = etf_tuple_items(m->term);
    etf_term out[2] = { bench_atoms.pong };

    if (!etf_is_tagged(m->term, bench_atoms.ping, 3))
        return rt_stop(self, ETF_A(normal));
    out[1] = in[2];
    /* Of the busy pairs one is killed first: then nobody is there. */
    (void)rt_send(self, in[1], etf_tuple(rt_region(self), out, 2));
    return RT_NEXT;
}

static const struct rt_behavior ping_behavior = {
    .name = "ping",
    .state_size = sizeof(struct ping),
    .init = ping_init,
    .message = ping_message,
};

static const struct rt_behavior pong_behavior = {
    .name = "pong",
    .message = pong_message,
};

/* ---- The same with patterns
 * ------------------------------------------------------ */

static enum rt_next ping_pattern(struct gen *self, const struct rt_message *m)
{
    struct ping *p = rt_state(self);
    int64_t n;

    if (etf_match(m->term, "{pong, _}", &n))
        p->left = n - 1;
    if (p->left == 0)
        return finish(self, p);
    bench_send(self, p->pong,
               etf_make(self, "{ping, _, _}", rt_self_term(self), p->left));
    return RT_NEXT;
}

static enum rt_next pong_pattern(struct gen *self, const struct rt_message *m)
{
    etf_pid from;
    int64_t n;

    if (!etf_match(m->term, "{ping, _, _}", &from, &n))
        return rt_stop(self, ETF_A(normal));
    bench_send(self, from, etf_make(self, "{pong, _}", n));
    return RT_NEXT;
}

static const struct rt_behavior ping_patterns = {
    .name = "ping",
    .state_size = sizeof(struct ping),
    .init = ping_init,
    .message = ping_pattern,
};

static const struct rt_behavior pong_patterns = {
    .name = "pong",
    .message = pong_pattern,
};

/* Nanoseconds for `n` messages in `pairs` pairs. */
static uint64_t pingpong(struct gen *self, const struct rt_behavior *ping,
                         const struct rt_behavior *pong, int64_t pairs,
                         int64_t n)
{
    etf_pid *pings = bench_memory((size_t)pairs, sizeof *pings);
    uint64_t begin;

    for (int64_t i = 0; i < pairs; i++) {
        etf_pid other = bench_start(self, pong, ETF_NONE);
        etf_term args =
            etf_make(self, "{_, _, _}", other, rt_self(self), n / pairs / 2);

        pings[i] = bench_start(self, ping, args);
        rt_reset(self);
    }
    begin = bench_now();
    for (int64_t i = 0; i < pairs; i++)
        bench_send(self, pings[i], bench_atoms.go);
    bench_wait_done(self, pairs);
    free(pings);
    return bench_now() - begin;
}

uint64_t bench_pair(struct gen *self, int64_t n)
{
    return pingpong(self, &ping_behavior, &pong_behavior, 1, n);
}

void bench_busy_pairs(struct gen *self, int64_t pairs, etf_pid *pids)
{
    for (int64_t i = 0; i < pairs; i++) {
        etf_pid other = bench_start(self, &pong_behavior, ETF_NONE);
        etf_term args =
            etf_make(self, "{_, _, _}", other, rt_self(self), (int64_t)1 << 50);

        pids[i] = bench_start(self, &ping_behavior, args);
        bench_send(self, pids[i], bench_atoms.go);
        rt_reset(self);
    }
}

/* ---- The same with raw processes
 * -------------------------------------------------- */

static void raw_pong(struct gen *self, void *arg)
{
    etf_term message = ETF_NONE;

    (void)arg;
    for (;;) {
        etf_term out[2] = { bench_atoms.pong };

        bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "pong");
        if (!etf_is_tagged(message, bench_atoms.ping, 3))
            return;
        out[1] = etf_tuple_items(message)[2];
        bench_must(rt_send(self, etf_tuple_items(message)[1],
                           etf_tuple(rt_region(self), out, 2)),
                   "pong");
        rt_reset(self);
    }
}

static void raw_ping(struct gen *self, void *arg)
{
    struct ping *p = arg;
    etf_term message;

    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "go");
    for (; p->left > 0; p->left--) {
        send_ping(self, p);
        bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "ping");
        rt_reset(self);
    }
    bench_send(self, p->pong, ETF_A(stop));
    bench_send(self, p->boss, bench_atoms.done);
}

static uint64_t pingpong_raw(struct gen *self, int64_t n)
{
    struct ping p = { .boss = rt_self(self), .left = n / 2 };
    uint64_t begin;
    etf_pid ping;

    p.pong = bench_spawn(self, raw_pong, NULL);
    ping = bench_spawn(self, raw_ping, &p);
    begin = bench_now();
    bench_send(self, ping, bench_atoms.go);
    bench_wait_done(self, 1);
    begin = bench_now() - begin;
    bench_must(rt_wait(self, ping, BENCH_WAIT_MS), "ping"); /* it reads p */
    bench_must(rt_wait(self, p.pong, BENCH_WAIT_MS), "pong");
    return begin;
}

void bench_pingpong(struct bench *b)
{
    (void)pingpong(b->self, &ping_behavior, &pong_behavior, 1, b->n / 10);
    bench_out_each(b, "ns_per_msg",
                   pingpong(b->self, &ping_behavior, &pong_behavior, 1, b->n),
                   b->n);
    (void)pingpong(b->self, &ping_patterns, &pong_patterns, 1, b->n / 10);
    bench_out_each(b, "ns_per_msg_patterns",
                   pingpong(b->self, &ping_patterns, &pong_patterns, 1, b->n),
                   b->n);
    (void)pingpong_raw(b->self, b->n / 10);
    bench_out_each(b, "ns_per_msg_raw", pingpong_raw(b->self, b->n), b->n);
}

#define PAIRS 1000

void bench_pingpong_many(struct bench *b)
{
    (void)pingpong(b->self, &ping_behavior, &pong_behavior, PAIRS, b->n / 10);
    bench_out_rate(
        b, "msgs_per_s", "msgs/s",
        pingpong(b->self, &ping_behavior, &pong_behavior, PAIRS, b->n), b->n);
}

/* ---- ring
 * ----------------------------------------------------------------------------
 */

struct hop {
    etf_pid next;
    etf_pid boss;
};

static enum rt_next hop_init(struct gen *self, etf_term args)
{
    struct hop *h = rt_state(self);

    if (!etf_match(args, "{_, _}", &h->next, &h->boss))
        return rt_stop(self, ETF_A(badarg));
    return RT_NEXT;
}

/* {token, N} goes on as {token, N - 1}; {next, Pid} closes the ring. */
static enum rt_next hop_message(struct gen *self, const struct rt_message *m)
{
    struct hop *h = rt_state(self);
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.token };
    int64_t n;

    if (etf_is_tagged(m->term, bench_atoms.next, 2)) {
        (void)etf_get_pid(etf_tuple_items(m->term)[1], &h->next);
        return RT_NEXT;
    }
    if (!etf_is_tagged(m->term, bench_atoms.token, 2) ||
        !etf_get_int(etf_tuple_items(m->term)[1], &n))
        return RT_NEXT;
    if (n == 0) {
        bench_send(self, h->boss, bench_atoms.done);
        return RT_NEXT;
    }
    items[1] = etf_int(r, n - 1);
    bench_send(self, h->next, etf_tuple(r, items, 2));
    return RT_NEXT;
}

static const struct rt_behavior hop_behavior = {
    .name = "hop",
    .state_size = sizeof(struct hop),
    .init = hop_init,
    .message = hop_message,
};

#define HOPS 1000

static uint64_t ring(struct gen *self, int64_t n)
{
    etf_pid *hops = bench_memory(HOPS, sizeof *hops);
    etf_pid next = rt_self(self); /* the first is told later */
    uint64_t took;

    for (int i = 0; i < HOPS; i++) {
        next = bench_start(self, &hop_behavior,
                           etf_make(self, "{_, _}", next, rt_self(self)));
        hops[i] = next;
    }
    bench_send(self, hops[0], etf_make(self, "{next, _}", next));
    took = bench_now();
    bench_send(self, hops[0], etf_make(self, "{token, _}", n));
    bench_wait_done(self, 1);
    took = bench_now() - took;
    bench_kill(self, hops, HOPS);
    free(hops);
    return took;
}

void bench_ring(struct bench *b)
{
    (void)ring(b->self, b->n / 10);
    bench_out_each(b, "ns_per_hop", ring(b->self, b->n), b->n);
}
