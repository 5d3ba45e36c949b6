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

/* Below a thousand names (the smoke test) ten rounds are enough. */
void bench_names(struct bench *b)
{
    struct letters l = {
        .names = bench_memory((size_t)b->n, sizeof(etf_term)),
        .count = b->n,
        .rounds = b->n < 1000 ? 10 : (SENDS + b->n - 1) / b->n,
    };
    etf_pid *pids = bench_memory((size_t)b->n, sizeof *pids);
    uint64_t begin;
    etf_pid sender;
    char name[32];

    for (int64_t i = 0; i < b->n; i++) {
        snprintf(name, sizeof name, "proc_%lld", (long long)i);
        l.names[i] = etf_atom(name);
        pids[i] = bench_start(
            b->self, &bench_counter,
            etf_make(b->self, "{_, _}", l.rounds, rt_self(b->self)));
        rt_reset(b->self);
    }
    begin = bench_now();
    for (int64_t i = 0; i < b->n; i++)
        bench_must(rt_register(b->rt, l.names[i], pids[i]), "register");
    bench_out_each(b, "ns_per_register", bench_now() - begin, b->n);

    shuffle(l.names, b->n);
    begin = bench_now();
    sender = bench_spawn(b->self, send_letters, &l);
    bench_wait_done(b->self, b->n);
    begin = bench_now() - begin;
    bench_must(rt_wait(b->self, sender, BENCH_WAIT_MS), "sender");
    bench_out_each(b, "ns_per_send_to_name", l.took, l.rounds * b->n);
    bench_out_each(b, "ns_per_send_delivered", begin, l.rounds * b->n);
    free(l.names);
    free(pids);
}
