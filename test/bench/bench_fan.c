/*
 * bench_fan.c -- rows fanin (100 senders, one receiver) and fanout (one sender,
 * 1000 receivers).
 *
 * fanout is there twice: with a message built for each receiver, as the peers
 * do, and with one box shared by all receivers of a round.
 */
#include "bench.h"

#include <stdlib.h>

#define SENDERS   100
#define RECEIVERS 1000

static etf_pid start_counter(struct gen *self, int64_t count)
{
    return bench_start(self, &bench_counter,
                       etf_make(self, "{_, _}", count, rt_self(self)));
}

static uint64_t fanin(struct gen *self, int64_t n)
{
    etf_pid *senders = bench_memory(SENDERS, sizeof *senders);
    struct bench_blast blast = { .count = n / SENDERS };
    uint64_t took;

    if (blast.count == 0)
        blast.count = 1;
    blast.to = start_counter(self, blast.count * SENDERS);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = bench_spawn(self, bench_blast, &blast);
    took = bench_now();
    for (int i = 0; i < SENDERS; i++)
        bench_send(self, senders[i], bench_atoms.go);
    bench_wait_done(self, 1);
    took = bench_now() - took;
    for (int i = 0; i < SENDERS; i++)
        bench_must(rt_wait(self, senders[i], BENCH_WAIT_MS), "sender");
    free(senders);
    return took;
}

void bench_fanin(struct bench *b)
{
    (void)fanin(b->self, b->n / 10);
    bench_out_rate(b, "msgs_per_s", "msgs/s", fanin(b->self, b->n), b->n);
}

struct rounds {
    etf_pid *receivers; /* owned by fanout() */
    int64_t count;      /* rounds */
    bool shared;        /* one box a round */
};

static void send_each(struct gen *self, const struct rounds *rounds, int64_t n)
{
    for (int i = 0; i < RECEIVERS; i++)
        bench_send(self, rounds->receivers[i], bench_tag(self, n));
}

static void send_shared(struct gen *self, const struct rounds *rounds,
                        int64_t n)
{
    struct etf_box *box = etf_box_new(bench_tag(self, n));

    bench_must(box == NULL ? AGNER_ENOMEM : AGNER_OK, "box");
    for (int i = 0; i < RECEIVERS; i++)
        bench_must(rt_send_box(self, etf_from_pid(NULL, rounds->receivers[i]),
                               etf_box_hold(box)),
                   "send");
    etf_box_free(box);
}

static void run_rounds(struct gen *self, void *arg)
{
    const struct rounds *rounds = arg;

    for (int64_t i = 0; i < rounds->count; i++) {
        if (rounds->shared)
            send_shared(self, rounds, i);
        else
            send_each(self, rounds, i);
        rt_reset(self);
    }
}

static uint64_t fanout(struct gen *self, int64_t n, bool shared)
{
    struct rounds rounds = {
        .receivers = bench_memory(RECEIVERS, sizeof(etf_pid)),
        .count = n / RECEIVERS > 0 ? n / RECEIVERS : 1,
        .shared = shared,
    };
    uint64_t took;
    etf_pid sender;

    for (int i = 0; i < RECEIVERS; i++) {
        rounds.receivers[i] = start_counter(self, rounds.count);
        rt_reset(self);
    }
    took = bench_now();
    sender = bench_spawn(self, run_rounds, &rounds);
    bench_wait_done(self, RECEIVERS);
    took = bench_now() - took;
    bench_must(rt_wait(self, sender, BENCH_WAIT_MS), "sender");
    free(rounds.receivers);
    return took;
}

void bench_fanout(struct bench *b)
{
    (void)fanout(b->self, b->n / 10, false);
    bench_out_rate(b, "msgs_per_s", "msgs/s", fanout(b->self, b->n, false),
                   b->n);
    bench_out_rate(b, "msgs_per_s_one_box", "msgs/s",
                   fanout(b->self, b->n, true), b->n);
}
