/*
 * bench_stream.c -- row stream: publishing to 0, 1, 10 and 1000 readers who
 * follow as they can; in lockstep, where the next event comes when all have the
 * last one; a backlog read by one; and what an unread event keeps.
 *
 * Events are integers. Readers are processes with a cursor each, and so is the
 * publisher one.
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define READERS_MAX 1000

struct run {
    struct gen_stream *stream;
    int64_t events;
    int64_t readers;
    bool lockstep;
    etf_pid publisher;
    _Atomic int64_t joined;
    _Atomic int64_t left; /* lockstep: readers without the last event */
    uint64_t took;
};

static void follow(struct gen *self, void *arg)
{
    struct run *run = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    int64_t seen = 0;

    bench_must(gen_cursor_follow(self, run->stream, NULL, &cursor), "follow");
    atomic_fetch_add(&run->joined, 1);
    while (gen_cursor_next(self, cursor, &event, RT_INFINITY, NULL) ==
           AGNER_OK) {
        seen++;
        if (run->lockstep && atomic_fetch_sub(&run->left, 1) == 1)
            bench_send(self, run->publisher, bench_atoms.next);
    }
    bench_must(seen == run->events ? AGNER_OK : AGNER_EUNKNOWN, "all events");
}

static void wait_for_all(struct gen *self)
{
    etf_term message;

    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "all have it");
    rt_reset(self);
}

static void publish_all(struct gen *self, void *arg)
{
    struct run *run = arg;
    uint64_t begin;
    etf_term message;

    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "go");
    begin = bench_now();
    for (int64_t i = 0; i < run->events; i++) {
        if (run->lockstep)
            atomic_store(&run->left, run->readers);
        bench_must(
            gen_stream_publish(self, run->stream, etf_int(NULL, i), NULL),
            "publish");
        if (run->lockstep)
            wait_for_all(self);
    }
    bench_must(gen_stream_close(self, run->stream, ETF_NONE), "close");
    run->took = bench_now() - begin;
}

/* From the first event until all readers have all of them. */
static uint64_t measure(struct bench *b, int64_t readers, int64_t events,
                        bool lockstep)
{
    struct run run = { .events = events,
                       .readers = readers,
                       .lockstep = lockstep };
    etf_pid *pids = bench_memory(READERS_MAX, sizeof *pids);
    uint64_t begin;

    bench_must(gen_stream_new(b->rt, NULL, &run.stream), "stream");
    run.publisher = bench_spawn(b->self, publish_all, &run);
    for (int64_t i = 0; i < readers; i++)
        pids[i] = bench_spawn(b->self, follow, &run);
    while (atomic_load(&run.joined) != readers)
        (void)rt_sleep(b->self, 1);
    (void)rt_sleep(b->self, 1);
    begin = bench_now();
    bench_send(b->self, run.publisher, bench_atoms.go);
    bench_must(rt_wait(b->self, run.publisher, BENCH_WAIT_MS), "publisher");
    for (int64_t i = 0; i < readers; i++)
        bench_must(rt_wait(b->self, pids[i], BENCH_WAIT_MS), "reader");
    begin = bench_now() - begin;
    gen_stream_free(run.stream);
    free(pids);
    return readers == 0 ? run.took : begin;
}

/* ---- A backlog ---------------------------------------------------------- */

static double resident(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    long pages = 0, total;

    if (f != NULL && fscanf(f, "%ld %ld", &total, &pages) != 2)
        pages = 0;
    if (f != NULL)
        (void)fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

struct backlog {
    struct gen_stream *stream;
    struct gen_stream_promise start;
    size_t batch; /* 0: one by one */
    uint64_t took;
};

static void read_backlog(struct gen *self, void *arg)
{
    struct backlog *log = arg;
    struct gen_stream_event events[64];
    struct gen_cursor *cursor;
    uint64_t begin;
    size_t count;
    enum agner_err err;

    bench_must(gen_cursor_open(self, &log->start, NULL, &cursor), "open");
    begin = bench_now();
    do {
        if (log->batch == 0)
            err = gen_cursor_next(self, cursor, events, RT_INFINITY, NULL);
        else
            err = gen_cursor_next_many(cursor, events, log->batch, &count);
    } while (err == AGNER_OK);
    log->took = bench_now() - begin;
    bench_must(err == AGNER_EDONE ? AGNER_OK : err, "read");
}

static uint64_t backlog(struct bench *b, struct backlog *log, size_t batch)
{
    etf_pid pid;

    log->batch = batch;
    pid = bench_spawn(b->self, read_backlog, log);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "reader");
    return log->took;
}

static void backlogs(struct bench *b)
{
    struct backlog log = { 0 };
    double before = resident();

    bench_must(gen_stream_new(b->rt, NULL, &log.stream), "stream");
    gen_stream_subscribe(log.stream, &log.start);
    for (int64_t i = 0; i < b->n; i++)
        bench_must(
            gen_stream_publish(b->self, log.stream, etf_int(NULL, i), NULL),
            "publish");
    bench_out(b, "bytes_per_unread_event", (resident() - before) / (double)b->n,
              "bytes");
    bench_must(gen_stream_close(b->self, log.stream, ETF_NONE), "close");
    bench_out_each(b, "ns_per_event_backlog", backlog(b, &log, 0), b->n);
    bench_out_each(b, "ns_per_event_backlog_64", backlog(b, &log, 64), b->n);
    gen_stream_promise_free(&log.start);
    gen_stream_free(log.stream);
}

static int64_t part(const struct bench *b, int64_t of)
{
    return b->n / of > 0 ? b->n / of : 1;
}

void bench_stream(struct bench *b)
{
    backlogs(b); /* first: memory is fresh */
    (void)measure(b, 0, part(b, 10), false);
    bench_out_each(b, "ns_per_event_0_readers", measure(b, 0, b->n, false),
                   b->n);
    bench_out_each(b, "ns_per_event_1_reader", measure(b, 1, b->n, false),
                   b->n);
    bench_out_each(b, "ns_per_event_10_readers",
                   measure(b, 10, part(b, 2), false), part(b, 2));
    bench_out_each(b, "ns_per_event_1000_readers",
                   measure(b, 1000, part(b, 50), false), part(b, 50));
    bench_out_each(b, "ns_lockstep_1_reader", measure(b, 1, part(b, 4), true),
                   part(b, 4));
    bench_out_each(b, "ns_lockstep_10_readers",
                   measure(b, 10, part(b, 20), true), part(b, 20));
    bench_out_each(b, "ns_lockstep_1000_readers",
                   measure(b, 1000, part(b, 1000), true), part(b, 1000));
}
