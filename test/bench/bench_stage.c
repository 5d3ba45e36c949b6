/*
 * bench_stage.c -- row stage: events through a producer, a stage in the middle
 * and consumers, one with the default demand, then 1000 with little.
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MANY 1000

/* What the consumers have got, all together. */
struct tally {
    _Atomic int64_t count;
    int64_t wanted;
    etf_pid boss;
};

/* ---- The stages --------------------------------------------------------- */

/* Those that a run leaves behind are killed. */
static void emit(struct gen *self, etf_term events)
{
    enum agner_err err = gen_stage_emit(self, events, NULL);

    bench_must(err == AGNER_EKILLED ? AGNER_OK : err, "emit");
}

static enum gen_next numbers(struct gen *self, uint64_t count)
{
    uint64_t *next = gen_state(self);
    etf_term events = etf_nil();

    *next += count;
    for (uint64_t i = 1; i <= count; i++)
        events = etf_cons(rt_region(self), etf_uint(rt_region(self), *next - i),
                          events);
    emit(self, events);
    return GEN_NEXT;
}

static enum gen_next pass(struct gen *self, const struct gen_subscription *sub,
                          etf_term events)
{
    (void)sub;
    emit(self, events);
    return GEN_NEXT;
}

static enum gen_next sink_init(struct gen *self, etf_term args)
{
    void *tally;

    if (!etf_get_resource(args, &tally))
        return gen_stop(self, ETF_A(badarg));
    *(struct tally **)gen_state(self) = tally;
    return GEN_NEXT;
}

/* Order: it is only counted; the message says that all is there. */
static enum gen_next sink(struct gen *self, const struct gen_subscription *sub,
                          etf_term events)
{
    struct tally *t = *(struct tally **)gen_state(self);
    int64_t size = etf_list_size(events);
    int64_t before =
        atomic_fetch_add_explicit(&t->count, size, memory_order_relaxed);

    (void)sub;
    if (before < t->wanted && before + size >= t->wanted)
        bench_send(self, t->boss, bench_atoms.done);
    return GEN_NEXT;
}

static const struct gen_stage producer = { .name = "numbers",
                                           .role = GEN_STAGE_PRODUCER,
                                           .state_size = sizeof(uint64_t),
                                           .handle_demand = numbers };
static const struct gen_stage middle = { .name = "pass",
                                         .role = GEN_STAGE_PRODUCER_CONSUMER,
                                         .handle_events = pass };
static const struct gen_stage consumer = { .name = "sink",
                                           .role = GEN_STAGE_CONSUMER,
                                           .state_size = sizeof(void *),
                                           .init = sink_init,
                                           .handle_events = sink };

static etf_pid start(struct gen *self, const struct gen_stage *stage,
                     etf_term args)
{
    etf_pid pid;

    bench_must(gen_stage_start(self, stage, args, NULL, &pid, NULL),
               stage->name);
    return pid;
}

static void subscribe(struct gen *self, etf_pid to, etf_pid from,
                      const struct gen_stage_subscribe *options)
{
    bench_must(gen_stage_sync_subscribe(self, etf_from_pid(NULL, to),
                                        etf_from_pid(NULL, from), options,
                                        BENCH_WAIT_MS, NULL),
               "subscribe");
    rt_reset(self);
}

/* ---- The row ------------------------------------------------------------ */

static uint64_t flow(struct gen *self, int64_t consumers, int64_t n,
                     const struct gen_stage_subscribe *options)
{
    struct tally tally = { .wanted = n, .boss = rt_self(self) };
    etf_pid *pids = bench_memory((size_t)consumers + 2, sizeof *pids);
    uint64_t begin, took;

    pids[consumers] = start(self, &producer, etf_nil());
    pids[consumers + 1] = start(self, &middle, etf_nil());
    for (int64_t i = 0; i < consumers; i++) {
        pids[i] =
            start(self, &consumer, etf_resource(rt_region(self), &tally, NULL));
        subscribe(self, pids[i], pids[consumers + 1], options);
    }
    begin = bench_now();
    subscribe(self, pids[consumers + 1], pids[consumers], NULL);
    bench_wait_done(self, 1);
    took = bench_now() - begin;
    bench_kill(self, pids, consumers + 2);
    free(pids);
    return took;
}

void bench_stage(struct bench *b)
{
    struct gen_stage_subscribe little = { .max_demand = 10, .min_demand = 5 };
    int64_t fewer = b->n / 10;

    (void)flow(b->self, 1, fewer, NULL);
    bench_out_rate(b, "events_per_s", "events/s", flow(b->self, 1, b->n, NULL),
                   b->n);
    bench_out_rate(b, "events_per_s_1000", "events/s",
                   flow(b->self, MANY, fewer, &little), fewer);
}
