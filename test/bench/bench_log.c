/*
 * bench_log.c -- row log: a line that nobody wants, one that is put in words
 * where it was logged, one that goes to a file.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUND 2000 /* lines that are written before the next ones */

struct lines {
    int64_t count;
    uint64_t took;
};

static void log_dropped(struct gen *self, void *arg)
{
    struct lines *l = arg;
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < l->count; i++)
        RT_LOG(self, RT_LOG_DEBUG, "line %lld of many", (long long)i);
    l->took = bench_now() - begin;
}

static void log_lines(struct gen *self, void *arg)
{
    struct lines *l = arg;
    uint64_t begin = bench_now();

    for (int64_t i = 0; i < l->count; i++)
        RT_LOG(self, RT_LOG_NOTICE, "line %lld of many", (long long)i);
    l->took = bench_now() - begin;
}

/* Runs the code in a process of its own and waits for its end. */
static uint64_t run(struct bench *b, void (*code)(struct gen *self, void *arg),
                    int64_t count)
{
    struct lines l = { .count = count };
    etf_pid pid = bench_spawn(b->self, code, &l);

    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "wait");
    return l.took;
}

/* What the peer's handler does too: the message in words. */
static void count_line(void *ctx, const struct rt_log_event *event)
{
    uint64_t *bytes = ctx;
    char line[256];

    *bytes += strlen(rt_log_format(line, sizeof line, event));
}

static void add(struct bench *b, const struct rt_log_handler *handler)
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err = rt_log_handler_add(b->rt, handler, &error);

    bench_must(err, error.text);
}

/* All is written at the end of a round, so that no queue is ever full. */
static uint64_t run_to_file(struct bench *b, int64_t count)
{
    uint64_t begin = bench_now();

    for (int64_t left = count; left > 0; left -= ROUND) {
        (void)run(b, log_lines, left < ROUND ? left : ROUND);
        bench_must(rt_log_flush(b->rt, BENCH_WAIT_MS), "flush");
    }
    return bench_now() - begin;
}

void bench_log(struct bench *b)
{
    uint64_t bytes = 0;
    int64_t lines = b->n < 10 ? 1 : b->n / 10;
    char path[64];
    struct rt_log_handler counts = { .id = "counts",
                                     .kind = RT_LOG_CALLBACK,
                                     .event = count_line,
                                     .ctx = &bytes,
                                     .direct = true };
    struct rt_log_handler file = { .id = "file",
                                   .kind = RT_LOG_FILE,
                                   .path = path,
                                   .queue_max = 2 * ROUND,
                                   .burst_max = RT_INFINITY };

    (void)snprintf(path, sizeof path, "/tmp/agner-bench-log-%ld",
                   (long)getpid());
    bench_must(rt_log_handler_remove(b->rt, "default"), "remove");
    add(b, &counts);
    bench_out_each(b, "ns_per_dropped", run(b, log_dropped, b->n), b->n);
    (void)run(b, log_lines, lines / 10);
    bench_out_each(b, "ns_per_line", run(b, log_lines, lines), lines);
    bench_must(rt_log_handler_remove(b->rt, "counts"), "remove");

    add(b, &file);
    (void)run_to_file(b, lines / 10);
    bench_out_each(b, "ns_per_line_to_file", run_to_file(b, lines), lines);
    bench_must(rt_log_handler_remove(b->rt, "file"), "remove");
    (void)unlink(path);
    if (bytes == 0)
        bench_must(AGNER_EUNKNOWN, "no line was counted");
}
