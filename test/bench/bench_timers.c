/*
 * bench_timers.c -- row timers: N pending at once, started and cancelled; and
 * start and cancel in turn, as a call's time-out does.
 */
#include "bench.h"

#include <stdlib.h>

struct timing {
    int64_t count, pair_count;
    uint64_t start, cancel, pairs; /* nanoseconds in all */
};

static void start_one(struct gen *self, uint64_t ms, struct rt_timer *timer)
{
    bench_must(
        rt_send_after(self, rt_self_term(self), bench_atoms.tick, ms, timer),
        "timer");
}

static void pairs(struct gen *self, struct timing *t)
{
    uint64_t begin = bench_now();
    struct rt_timer timer;

    for (int64_t i = 0; i < t->pair_count; i++) {
        start_one(self, 5000, &timer);
        bench_must(rt_cancel_timer(self, &timer, NULL), "cancel");
    }
    t->pairs = bench_now() - begin;
}

/* And pairs, while all are pending. */
static void many_at_once(struct gen *self, struct timing *t)
{
    struct rt_timer *timers = bench_memory((size_t)t->count, sizeof *timers);
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < t->count; i++)
        start_one(self, 60000 + (uint64_t)i % 5000, &timers[i]);
    t->start = bench_now() - begin;
    pairs(self, t);
    begin = bench_now();
    for (int64_t i = 0; i < t->count; i++)
        bench_must(rt_cancel_timer(self, &timers[i], NULL), "cancel");
    t->cancel = bench_now() - begin;
    free(timers);
}

static void run_timers(struct gen *self, void *arg)
{
    struct timing *t = arg;
    struct timing warm = { .count = t->count / 10 };

    many_at_once(self, &warm);
    t->pair_count = 0; /* while others are pending: scale_timers does that */
    many_at_once(self, t);
    t->pair_count = t->count;
    pairs(self, t);
}

void bench_timers(struct bench *b)
{
    struct timing t = { .count = b->n };
    etf_pid pid = bench_spawn(b->self, run_timers, &t);

    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "timers");
    bench_out_each(b, "ns_start_1M_pending", t.start, b->n);
    bench_out_each(b, "ns_cancel_1M_pending", t.cancel, b->n);
    bench_out_each(b, "ns_start_cancel_pair", t.pairs, b->n);
}

/* ---- scale_timers: with a ten thousandth of N pending, a hundredth, and N --
 */

static void run_scale(struct gen *self, void *arg)
{
    many_at_once(self, arg);
}

void bench_scale_timers(struct bench *b)
{
    for (int64_t part = 10000; part > 0; part /= 100) {
        struct timing t = { .count = b->n / part > 0 ? b->n / part : 1 };
        etf_pid pid;

        t.pair_count = b->n / 10;
        if (part == 10000) { /* warm */
            pid = bench_spawn(b->self, run_scale, &t);
            bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "timers");
        }
        pid = bench_spawn(b->self, run_scale, &t);
        bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "timers");
        bench_out_at(b, "ns_start", t.count, (double)t.start / (double)t.count,
                     "ns");
        bench_out_at(b, "ns_cancel", t.count,
                     (double)t.cancel / (double)t.count, "ns");
        bench_out_at(b, "ns_pair", t.count,
                     (double)t.pairs / (double)t.pair_count, "ns");
    }
}
