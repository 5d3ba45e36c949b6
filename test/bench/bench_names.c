/*
 * bench_names.c -- row names: registering N names, then a million sends to them
 * in an order that no cache likes.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#define SENDS 1000000

struct letters {
    etf_term *names; /* owned by bench_names() */
    int64_t count;
    int64_t rounds;
    uint64_t took;
};

static void shuffle(etf_term *items, int64_t count)
{
    uint64_t x = 12345;

    for (int64_t i = count - 1; i > 0; i--) {
        int64_t j;
        etf_term swap = items[i];

        x = (x * 1103515245 + 12345) & 0x7fffffff;
        j = (int64_t)((x >> 8) % (uint64_t)(i + 1));
        items[i] = items[j];
        items[j] = swap;
    }
}

static void send_letters(struct gen *self, void *arg)
{
    struct letters *l = arg;
    uint64_t begin = bench_now();

    for (int64_t k = 0; k < l->rounds; k++)
        for (int64_t i = 0; i < l->count; i++) {
            bench_must(rt_send(self, l->names[i], bench_tag(self, k)), "send");
            if (i % 64 == 0)
                rt_reset(self);
        }
    l->took = bench_now() - begin;
}

struct named {
    double per_register, per_send, per_delivered; /* nanoseconds */
};

/* `sends` in all, to `count` names. */
static struct named measure(struct bench *b, int64_t count, int64_t sends)
{
    struct letters l = {
        .names = bench_memory((size_t)count, sizeof(etf_term)),
        .count = count,
        .rounds = (sends + count - 1) / count,
    };
    etf_pid *pids = bench_memory((size_t)count, sizeof *pids);
    struct named figures;
    uint64_t begin;
    etf_pid sender;
    char name[32];

    for (int64_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "proc_%lld", (long long)i);
        l.names[i] = etf_atom(name);
        pids[i] = bench_start(
            b->self, &bench_counter,
            etf_make(b->self, "{_, _}", l.rounds, rt_self(b->self)));
        rt_reset(b->self);
    }
    begin = bench_now();
    for (int64_t i = 0; i < count; i++)
        bench_must(rt_register(b->rt, l.names[i], pids[i]), "register");
    figures.per_register = (double)(bench_now() - begin) / (double)count;

    shuffle(l.names, count);
    begin = bench_now();
    sender = bench_spawn(b->self, send_letters, &l);
    bench_wait_done(b->self, count);
    begin = bench_now() - begin;
    bench_must(rt_wait(b->self, sender, BENCH_WAIT_MS), "sender");
    for (int64_t i = 0; i < count; i++) /* their names are free again */
        bench_must(rt_wait(b->self, pids[i], BENCH_WAIT_MS), "end");
    figures.per_send = (double)l.took / (double)(l.rounds * count);
    figures.per_delivered = (double)begin / (double)(l.rounds * count);
    free(l.names);
    free(pids);
    return figures;
}

/* Below a thousand names (the smoke test) ten rounds are enough. */
void bench_names(struct bench *b)
{
    struct named f = measure(b, b->n, b->n < 1000 ? b->n * 10 : SENDS);

    bench_out(b, "ns_per_register", f.per_register, "ns");
    bench_out(b, "ns_per_send_to_name", f.per_send, "ns");
    bench_out(b, "ns_per_send_delivered", f.per_delivered, "ns");
}

/* With a thousandth of N names, a tenth and all. The atom table bounds N. */
void bench_scale_names(struct bench *b)
{
    for (int64_t part = 1000; part > 0; part /= part > 10 ? 100 : 10) {
        int64_t count = b->n / part > 0 ? b->n / part : 1;
        struct named f = measure(b, count, b->n * 2);

        bench_out_at(b, "ns_per_register", count, f.per_register, "ns");
        bench_out_at(b, "ns_per_send_delivered", count, f.per_delivered, "ns");
    }
}
