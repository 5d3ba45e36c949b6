/*
 * bench_async.c -- rows queue, worker, batch, future, interval, action: what
 * background work costs.
 *
 * As the Go program in peers/ does: one producer, items that an action takes,
 * which does nothing, or computes for about a microsecond. Ratios to Go count
 * from runs side by side.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

/* About a microsecond, whatever the clock costs: from a constant on, as Go's,
 * so that a processor may begin with the next one early. */
static void compute(void)
{
    uint32_t x = 1;

    __asm__ volatile("" : "+r"(x)); /* or the compiler knows what comes out */
    for (unsigned i = 0; i < 300; i++)
        x = x * 1664525u + 1013904223u;
    __asm__ volatile("" : : "r"(x)); /* or that nobody wants it */
}

static enum agner_err empty(struct gen *self, void *ctx, void *item,
                            struct gen_cancel *cancel)
{
    (void)self;
    (void)ctx;
    (void)item;
    (void)cancel;
    return AGNER_OK;
}

static enum agner_err microsecond(struct gen *self, void *ctx, void *item,
                                  struct gen_cancel *cancel)
{
    (void)self;
    (void)ctx;
    (void)item;
    (void)cancel;
    compute();
    return AGNER_OK;
}

/* ---- The queue ---------------------------------------------------------- */

struct producer {
    struct gen_queue *queue;
    struct gen_worker *worker;
    int64_t n;
    etf_pid boss;
};

static void produce(struct gen *self, void *arg)
{
    struct producer *p = arg;

    for (int64_t i = 0; i < p->n; i++)
        bench_must(
            p->queue != NULL
                ? gen_queue_enqueue(self, p->queue, p, BENCH_WAIT_MS, NULL)
                : gen_worker_enqueue(self, p->worker, p, BENCH_WAIT_MS, NULL),
            "enqueue");
    bench_send(self, p->boss, bench_atoms.done);
}

static void run_queue(struct bench *b, const char *metric, gen_work_fn action,
                      unsigned parallelism)
{
    struct gen_queue_options o = { .parallelism = parallelism };
    struct producer p = { .n = b->n, .boss = rt_self(b->self) };
    uint64_t from;

    p.queue = gen_queue_new(b->rt, action, NULL, &o);
    if (p.queue == NULL)
        bench_must(AGNER_ENOMEM, "queue");
    bench_must(gen_queue_start(b->self, p.queue, NULL, NULL), "start");
    from = bench_now();
    (void)bench_spawn(b->self, produce, &p);
    bench_wait_done(b->self, 1);
    bench_must(gen_queue_stop(b->self, p.queue, NULL), "stop");
    bench_out_rate(b, metric, "items/s", bench_now() - from, b->n);
    gen_queue_free(p.queue);
}

void bench_queue(struct bench *b)
{
    static const char *const names[2][3] = {
        { "empty_1", "empty_2", "empty_4" }, { "us_1", "us_2", "us_4" }
    };

    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned i = 0; i < 3; i++)
            run_queue(b, names[kind][i], kind == 0 ? empty : microsecond,
                      1u << i);
}

void bench_worker(struct bench *b)
{
    struct producer p = { .n = b->n, .boss = rt_self(b->self) };
    uint64_t from;

    p.worker = gen_worker_new(b->rt, empty, NULL, NULL);
    if (p.worker == NULL)
        bench_must(AGNER_ENOMEM, "worker");
    bench_must(gen_worker_start(b->self, p.worker), "start");
    from = bench_now();
    (void)bench_spawn(b->self, produce, &p);
    bench_wait_done(b->self, 1);
    bench_must(gen_worker_stop(b->self, p.worker, BENCH_WAIT_MS), "stop");
    bench_out_rate(b, "rate", "items/s", bench_now() - from, b->n);
    gen_worker_free(p.worker);
}

/* ---- The batch ---------------------------------------------------------- */

static void run_batch(struct bench *b, const char *metric, gen_work_fn action,
                      unsigned parallelism, void **items)
{
    struct gen_batch_options o = { .parallelism = parallelism };
    uint64_t from = bench_now();

    bench_must(
        gen_batch_run(b->self, items, (size_t)b->n, action, NULL, &o, NULL),
        "batch");
    bench_out_rate(b, metric, "items/s", bench_now() - from, b->n);
}

void bench_batch(struct bench *b)
{
    void **items = bench_memory((size_t)b->n, sizeof *items);

    for (int64_t i = 0; i < b->n; i++)
        items[i] = items;
    run_batch(b, "empty_1", empty, 1, items);
    run_batch(b, "empty_2", empty, 2, items);
    run_batch(b, "empty_4", empty, 4, items);
    run_batch(b, "us_1", microsecond, 1, items);
    run_batch(b, "us_2", microsecond, 2, items);
    run_batch(b, "us_4", microsecond, 4, items);
    free(items);
}

/* ---- The future --------------------------------------------------------- */

static enum agner_err nothing(struct gen *self, void *ctx,
                              struct gen_cancel *cancel, etf_term *result)
{
    (void)self;
    (void)ctx;
    (void)cancel;
    (void)result;
    return AGNER_OK;
}

static void complete_many(struct gen *self, void *arg)
{
    struct producer *p = arg;

    for (int64_t i = 0; i < p->n; i++) {
        struct gen_future *f;

        bench_must(gen_future_start(self, nothing, NULL, NULL, &f), "start");
        bench_must(gen_future_complete(self, f, BENCH_WAIT_MS, NULL, NULL),
                   "complete");
        gen_future_free(f);
    }
    bench_send(self, p->boss, bench_atoms.done);
}

void bench_future(struct bench *b)
{
    struct producer p = { .n = b->n, .boss = rt_self(b->self) };
    uint64_t from = bench_now();

    (void)bench_spawn(b->self, complete_many, &p);
    bench_wait_done(b->self, 1);
    bench_out_each(b, "complete", bench_now() - from, b->n);
}

/* ---- Actions ------------------------------------------------------------ */

static enum agner_err around(struct gen *self, void *ctx,
                             const struct gen_action *next, void *arg,
                             void **result)
{
    (void)ctx;
    return gen_action_call(self, next, arg, result);
}

static enum agner_err inside(struct gen *self, void *ctx, void *arg,
                             void **result)
{
    (void)self;
    (void)ctx;
    *result = arg;
    return AGNER_OK;
}

static enum agner_err runs(struct gen *self, void *ctx,
                           struct gen_cancel *cancel)
{
    (void)self;
    (void)ctx;
    (void)cancel;
    return AGNER_OK;
}

static enum agner_err leaves(struct gen *self, void *ctx,
                             struct gen_cancel *cancel)
{
    (void)ctx;
    (void)cancel;
    rt_exit(self, bench_atoms.done);
    return AGNER_OK;
}

void bench_action(struct bench *b)
{
    static const struct gen_interceptor list[] = { { around, NULL },
                                                   { around, NULL },
                                                   { around, NULL } };
    struct gen_action action = { inside, NULL };
    uint64_t from = bench_now();
    void *result;

    for (int64_t i = 0; i < b->n; i++)
        bench_must(gen_intercept(b->self, list, 3, &action, b, &result),
                   "intercept");
    bench_out_each(b, "interceptors_3", bench_now() - from, b->n);
    from = bench_now();
    for (int64_t i = 0; i < b->n; i++)
        bench_must(gen_recover(b->self, runs, NULL, NULL, NULL, NULL),
                   "recover");
    bench_out_each(b, "recover", bench_now() - from, b->n);
    from = bench_now();
    for (int64_t i = 0; i < b->n; i++) {
        (void)gen_recover(b->self, leaves, NULL, NULL, NULL, NULL);
        rt_reset(b->self);
    }
    bench_out_each(b, "recover_crash", bench_now() - from, b->n);
}

/* ---- The interval ------------------------------------------------------- */

struct beat {
    struct gen_interval *interval;
    uint64_t first_ms; /* the tick of the first run */
    uint64_t worst_ns, sum_ns;
    int64_t left, count;
    etf_pid boss;
};

/* How far from its tick? A tick is a whole millisecond, and those that passed
 * during a run were not kept. */
static enum agner_err beats(struct gen *self, void *ctx,
                            struct gen_cancel *cancel)
{
    struct beat *t = ctx;
    uint64_t now_ns = rt_now_ns(rt_of(self)), due_ns, late_ns;
    struct gen_interval_info info;

    (void)cancel;
    gen_interval_info(t->interval, &info);
    if (info.runs == 0)
        t->first_ms = now_ns / 1000000u;
    due_ns = (t->first_ms + info.runs + info.missed) * 1000000u;
    late_ns = now_ns > due_ns ? now_ns - due_ns : 0;
    t->sum_ns += late_ns;
    t->count++;
    if (late_ns > t->worst_ns)
        t->worst_ns = late_ns;
    if (--t->left == 0)
        bench_send(self, t->boss, bench_atoms.done);
    return AGNER_OK;
}

void bench_interval(struct bench *b)
{
    struct beat t = { .left = b->n, .boss = rt_self(b->self) };
    struct gen_interval *i = gen_interval_new(b->rt, beats, &t, 1, NULL);
    struct gen_interval_info info;
    uint64_t from = bench_now();

    if (i == NULL)
        bench_must(AGNER_ENOMEM, "interval");
    t.interval = i;
    bench_must(gen_interval_start(b->self, i), "start");
    bench_wait_done(b->self, 1);
    bench_out(b, "each", (double)(bench_now() - from) / 1e3 / (double)b->n,
              "us");
    bench_must(gen_interval_stop(b->self, i, BENCH_WAIT_MS), "stop");
    gen_interval_info(i, &info);
    bench_out(b, "late", (double)t.sum_ns / 1e3 / (double)t.count, "us");
    bench_out(b, "late_worst", (double)t.worst_ns / 1e3, "us");
    bench_out(b, "missed", (double)info.missed, "ticks");
    gen_interval_free(i);
}
