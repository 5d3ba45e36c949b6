/*
 * bench_flow.c -- rows stage_broadcast, events to a thousand consumers which
 * all get all of them, and what dist_stage measures: events of another node's
 * producer.
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>

#define MANY 1000

/* ---- Stages ---------------------------------------------------------------
 */

/* What is left of a run that is over is killed. */
static void emit(struct gen *self, etf_term events)
{
    enum agner_err err = gen_stage_emit(self, events, NULL);

    bench_must(err == AGNER_EKILLED ? AGNER_OK : err, "emit");
}

/* As many {tag, N} as are asked for. Its args: nothing. */
static enum gen_next make_ticks(struct gen *self, uint64_t count)
{
    etf_term events = etf_nil();

    for (uint64_t i = count; i-- > 0;)
        events = etf_cons(rt_region(self), bench_tag(self, (int64_t)i), events);
    emit(self, events);
    return GEN_NEXT;
}

const struct gen_stage bench_ticker = { .name = "ticker",
                                        .role = GEN_STAGE_PRODUCER,
                                        .handle_demand = make_ticks };

static enum gen_next pass(struct gen *self, const struct gen_subscription *sub,
                          etf_term events)
{
    (void)sub;
    emit(self, events);
    return GEN_NEXT;
}

/* Its args: true if everybody gets everything. */
static enum gen_next pass_init(struct gen *self, etf_term args)
{
    struct gen_stage_options o = { 0 };

    if (etf_same(args, ETF_A(true)))
        o.dispatcher = gen_stage_broadcast_dispatcher();
    bench_must(gen_stage_setup(self, &o), "setup");
    return GEN_NEXT;
}

static const struct gen_stage filter = { .name = "filter",
                                         .role = GEN_STAGE_PRODUCER_CONSUMER,
                                         .init = pass_init,
                                         .handle_events = pass };

/* Counts until all have got `left` together; then `done` goes to `boss`. */
static struct {
    atomic_int_fast64_t left;
    etf_pid boss;
} counting;

static enum gen_next count(struct gen *self, const struct gen_subscription *sub,
                           etf_term events)
{
    int64_t n = etf_list_size(events), left;

    (void)sub;
    left = atomic_fetch_sub(&counting.left, n);
    if (left > 0 && left <= n)
        bench_send(self, counting.boss, bench_atoms.done);
    return GEN_NEXT;
}

static const struct gen_stage counter = { .name = "counter",
                                          .role = GEN_STAGE_CONSUMER,
                                          .handle_events = count };

static etf_pid start(struct gen *self, const struct gen_stage *stage,
                     etf_term args)
{
    etf_pid pid;

    bench_must(gen_stage_start(self, stage, args, NULL, &pid, NULL), "stage");
    return pid;
}

static void subscribe(struct gen *self, etf_pid consumer, etf_pid producer)
{
    const struct gen_stage_subscribe o = { .cancel = GEN_STAGE_TEMPORARY };

    bench_must(gen_stage_sync_subscribe(self, etf_from_pid(NULL, consumer),
                                        etf_from_pid(rt_region(self), producer),
                                        &o, BENCH_WAIT_MS, NULL),
               "subscribe");
    rt_reset(self);
}

/* ---- The row ---------------------------------------------------------------
 */

/* Nanoseconds until `consumers` have got `events` from that producer, which is
 * fed through a stage that passes them on. */
uint64_t bench_pipeline(struct gen *self, etf_pid producer, int64_t consumers,
                        int64_t events, bool to_all)
{
    etf_pid *pids = bench_memory((size_t)consumers + 1, sizeof *pids);
    uint64_t begin;

    counting.boss = rt_self(self);
    atomic_store(&counting.left, to_all ? events * consumers : events);
    pids[0] = start(self, &filter, etf_bool(to_all));
    for (int64_t i = 1; i <= consumers; i++) {
        pids[i] = start(self, &counter, etf_nil());
        subscribe(self, pids[i], pids[0]);
    }
    begin = bench_now();
    subscribe(self, pids[0], producer);
    bench_wait_done(self, 1);
    begin = bench_now() - begin;
    bench_kill(self, pids, consumers + 1);
    free(pids);
    return begin;
}

void bench_stage_broadcast(struct bench *b)
{
    etf_pid producer = start(b->self, &bench_ticker, etf_nil());
    int64_t each = b->n / MANY > 0 ? b->n / MANY : 1;

    (void)bench_pipeline(b->self, producer, MANY, each / 10 + 1, true);
    bench_out_rate(b, "events_per_s", "events/s",
                   bench_pipeline(b->self, producer, MANY, each, true),
                   each * MANY);
    bench_kill(b->self, &producer, 1);
}
