/*
 * bench_spawn.c -- rows spawn, skynet and memory: what a process costs, to
 * start, to end, and to keep.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- spawn ------------------------------------------------------------------
 */

struct spawner {
    int64_t count;
    etf_pid target; /* who the children report to */
    uint64_t took;
};

static void say_done(struct gen *self, void *arg)
{
    const etf_pid *target = arg;

    bench_send(self, *target, bench_atoms.done);
}

static void say_tag(struct gen *self, void *arg)
{
    const etf_pid *target = arg;

    bench_send(self, *target, bench_tag(self, 1));
}

/* One child after the other: start, wait for its message, again. */
static void spawn_sequential(struct gen *self, void *arg)
{
    struct spawner *s = arg;
    uint64_t begin = bench_now();

    s->target = rt_self(self);
    for (int64_t i = 0; i < s->count; i++) {
        (void)bench_spawn(self, say_done, &s->target);
        bench_wait_done(self, 1);
    }
    s->took = bench_now() - begin;
}

static void spawn_burst(struct gen *self, void *arg)
{
    struct spawner *s = arg;

    for (int64_t i = 0; i < s->count; i++)
        (void)bench_spawn(self, say_tag, &s->target);
}

static void start_and_stop(struct gen *self, void *arg)
{
    struct spawner *s = arg;
    uint64_t begin = bench_now();
    etf_pid pid;

    for (int64_t i = 0; i < s->count; i++) {
        bench_must(gen_start(self, &bench_number, etf_nil(), NULL, &pid, NULL),
                   "start");
        bench_must(gen_server_stop(self, etf_from_pid(rt_region(self), pid),
                                   ETF_A(normal), RT_INFINITY),
                   "stop");
        rt_reset(self);
    }
    s->took = bench_now() - begin;
}

static uint64_t run(struct gen *self, void (*code)(struct gen *self, void *arg),
                    int64_t count)
{
    struct spawner s = { .count = count > 0 ? count : 1 };
    etf_pid pid = bench_spawn(self, code, &s);

    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "spawner");
    return s.took;
}

static uint64_t burst(struct gen *self, int64_t count)
{
    struct spawner s = { .count = count > 0 ? count : 1 };
    uint64_t took = bench_now();
    etf_pid pid;

    s.target = bench_start(self, &bench_counter,
                           etf_make(self, "{_, _}", s.count, rt_self(self)));
    pid = bench_spawn(self, spawn_burst, &s);
    bench_wait_done(self, 1);
    took = bench_now() - took;
    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "spawner"); /* it reads s */
    return took;
}

void bench_spawn_row(struct bench *b)
{
    int64_t servers = b->n / 10 > 0 ? b->n / 10 : 1;

    (void)run(b->self, spawn_sequential, b->n / 10);
    bench_out_each(b, "ns_sequential", run(b->self, spawn_sequential, b->n),
                   b->n);
    (void)burst(b->self, b->n / 10);
    bench_out_each(b, "ns_burst", burst(b->self, b->n), b->n);
    bench_out_each(b, "ns_gen_server_start_stop",
                   run(b->self, start_and_stop, servers), servers);
}

/* ---- skynet: each process starts ten, the last ones answer their number
 * --------- */

#define BRANCHES 10

struct sky {
    etf_pid parent;
    int64_t sum;
    int left;
};

static const struct rt_behavior sky_behavior;

static enum rt_next send_sum(struct gen *self, etf_pid parent, int64_t sum)
{
    struct etf_region *r = rt_region(self);
    etf_term items[2] = { bench_atoms.sum, etf_int(r, sum) };

    bench_send(self, parent, etf_tuple(r, items, 2));
    return rt_stop(self, ETF_A(normal));
}

/* args: {Parent, Number, Size} */
static enum rt_next sky_init(struct gen *self, etf_term args)
{
    struct sky *s = rt_state(self);
    struct etf_region *r = rt_region(self);
    etf_term child[3] = { rt_self_term(self) };
    int64_t number, size;
    etf_pid pid;

    if (!etf_match(args, "{_, _, _}", &s->parent, &number, &size))
        return rt_stop(self, ETF_A(badarg));
    if (size == 1)
        return send_sum(self, s->parent, number);
    size /= BRANCHES;
    child[2] = etf_int(r, size);
    for (int i = 0; i < BRANCHES; i++) {
        child[1] = etf_int(r, number + i * size);
        bench_must(rt_start_nowait(self, &sky_behavior, etf_tuple(r, child, 3),
                                   NULL, &pid),
                   "spawn");
    }
    s->left = BRANCHES;
    return RT_NEXT;
}

static enum rt_next sky_message(struct gen *self, const struct rt_message *m)
{
    struct sky *s = rt_state(self);
    int64_t n;

    if (!etf_is_tagged(m->term, bench_atoms.sum, 2) ||
        !etf_get_int(etf_tuple_items(m->term)[1], &n))
        return RT_NEXT;
    s->sum += n;
    if (--s->left > 0)
        return RT_NEXT;
    return send_sum(self, s->parent, s->sum);
}

static const struct rt_behavior sky_behavior = {
    .name = "sky",
    .state_size = sizeof(struct sky),
    .init = sky_init,
    .message = sky_message,
};

/* `n` is rounded down to a power of ten, which a tree of tens needs. */
static uint64_t skynet(struct gen *self, int64_t n)
{
    uint64_t begin = bench_now();
    etf_term message;
    int64_t leaves = 1, sum = -1;
    etf_pid pid;

    while (leaves * BRANCHES <= n)
        leaves *= BRANCHES;
    bench_must(
        rt_start_nowait(self, &sky_behavior,
                        etf_make(self, "{_, 0, _}", rt_self(self), leaves),
                        NULL, &pid),
        "spawn");
    bench_must(rt_receive(self, BENCH_WAIT_MS, &message), "sum");
    if (!etf_match(message, "{sum, _}", &sum) ||
        sum != leaves * (leaves - 1) / 2)
        bench_must(AGNER_EUNKNOWN, "wrong sum");
    rt_reset(self);
    return bench_now() - begin;
}

void bench_skynet(struct bench *b)
{
    (void)skynet(b->self, b->n / 10);
    bench_out(b, "ms", (double)skynet(b->self, b->n) / 1e6, "ms");
}

/* ---- memory
 * ------------------------------------------------------------------------ */

/* Bytes that the system counts as resident. */
static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    long total = 0, pages = 0;
    int found = file != NULL ? fscanf(file, "%ld %ld", &total, &pages) : 0;

    if (file != NULL)
        fclose(file);
    bench_must(found == 2 ? AGNER_OK : AGNER_ESYSTEM, "/proc/self/statm");
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* Idle servers with 8 bytes of state that have each answered one call. Their
 * pids are kept, as the peers keep them. */
void bench_memory_row(struct bench *b)
{
    etf_term *servers = bench_memory((size_t)b->n, sizeof *servers);
    double before = resident();

    for (int64_t i = 0; i < b->n; i++) {
        etf_term answer;
        etf_pid pid;

        bench_must(
            gen_start(b->self, &bench_number, etf_nil(), NULL, &pid, NULL),
            "server");
        servers[i] = etf_from_pid(NULL, pid);
        bench_must(gen_call(b->self, servers[i], bench_atoms.incr,
                            GEN_CALL_TIMEOUT_MS, &answer),
                   "call");
        rt_reset(b->self);
    }
    bench_out(b, "bytes_per_process", (resident() - before) / (double)b->n,
              "bytes");
    free(servers);
}
