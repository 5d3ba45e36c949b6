/*
 * bench_pg.c -- rows pg (reads, joins and leaves of process groups) and
 * pg_broadcast (one sender, a group of 1000).
 */
#include "bench.h"

#include <stdatomic.h>
#include <stdlib.h>

#define SMALL   10
#define LARGE   1000
#define MEMBERS 1000

static void idle(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

static void start_scope(struct gen *self)
{
    etf_pid pid;

    bench_must(gen_pg_start(self, ETF_NONE, &pid), "scope");
}

/* A group of so many processes; `pids` is to be freed. */
static etf_pid *fill(struct gen *self, etf_term group, int64_t count)
{
    etf_pid *pids = bench_memory((size_t)count, sizeof *pids);

    for (int64_t i = 0; i < count; i++) {
        pids[i] = bench_spawn(self, idle, NULL);
        bench_must(
            gen_pg_join(self, ETF_NONE, group, etf_from_pid(NULL, pids[i])),
            "join");
        rt_reset(self);
    }
    return pids;
}

static void empty(struct gen *self, etf_pid *pids, int64_t count)
{
    bench_kill(self, pids, count);
    free(pids);
}

/* ---- Reads: in a process of its own, as everything else --------------------
 */

struct reading {
    etf_term group;
    int64_t count;
    uint64_t took;
};

static void read_group(struct gen *self, void *arg)
{
    struct reading *r = arg;
    uint64_t begin = bench_now();
    etf_term pids;

    for (int64_t i = 0; i < r->count; i++) {
        bench_must(gen_pg_get_members(self, ETF_NONE, r->group, &pids), "read");
        if (i % 64 == 0)
            rt_reset(self);
    }
    r->took = bench_now() - begin;
}

static uint64_t reads(struct gen *self, etf_term group, int64_t count)
{
    struct reading r = { .group = group, .count = count };
    etf_pid pid = bench_spawn(self, read_group, &r);

    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "reader");
    return r.took;
}

/* ---- Joins and leaves --------------------------------------------------- */

struct changing {
    etf_term group;
    int64_t count; /* 0: until `stop` */
    _Atomic bool stop;
    uint64_t took;
};

static void change_group(struct gen *self, void *arg)
{
    struct changing *c = arg;
    uint64_t begin = bench_now();
    etf_term me = rt_self_term(self);

    for (int64_t i = 0; c->count == 0 ? !atomic_load(&c->stop) : i < c->count;
         i++) {
        bench_must(gen_pg_join(self, ETF_NONE, c->group, me), "join");
        bench_must(gen_pg_leave(self, ETF_NONE, c->group, me), "leave");
        rt_reset(self);
    }
    c->took = bench_now() - begin;
}

static uint64_t changes(struct gen *self, etf_term group, int64_t count)
{
    struct changing c = { .group = group, .count = count };
    etf_pid pid = bench_spawn(self, change_group, &c);

    bench_must(rt_wait(self, pid, BENCH_WAIT_MS), "joiner");
    return c.took;
}

void bench_pg(struct bench *b)
{
    etf_term small = etf_atom("small"), large = etf_atom("large");
    struct changing busy = { .group = large };
    etf_pid *few, *many, pid;

    start_scope(b->self);
    few = fill(b->self, small, SMALL);
    many = fill(b->self, large, LARGE);
    (void)reads(b->self, large, b->n / 10);
    bench_out_each(b, "ns_per_read_of_10", reads(b->self, small, b->n), b->n);
    bench_out_each(b, "ns_per_read_of_1000", reads(b->self, large, b->n), b->n);
    pid = bench_spawn(b->self, change_group, &busy);
    bench_out_each(b, "ns_per_read_of_1000_while_it_changes",
                   reads(b->self, large, b->n), b->n);
    atomic_store(&busy.stop, true);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "joiner");
    bench_out_each(b, "ns_per_join_and_leave_of_10",
                   changes(b->self, small, b->n / 10), b->n / 10);
    bench_out_each(b, "ns_per_join_and_leave_of_1000",
                   changes(b->self, large, b->n / 10), b->n / 10);
    empty(b->self, few, SMALL);
    empty(b->self, many, LARGE);
}

/* ---- Broadcasts --------------------------------------------------------- */

static void broadcast_rounds(struct gen *self, void *arg)
{
    int64_t rounds = *(const int64_t *)arg;

    for (int64_t i = 0; i < rounds; i++) {
        bench_must(gen_pg_broadcast(self, ETF_NONE, etf_atom("all"),
                                    bench_tag(self, i), NULL),
                   "broadcast");
        rt_reset(self);
    }
}

static uint64_t broadcast(struct gen *self, int64_t n)
{
    int64_t rounds = n / MEMBERS > 0 ? n / MEMBERS : 1;
    uint64_t began;
    etf_pid sender;

    for (int i = 0; i < MEMBERS; i++) {
        etf_pid pid =
            bench_start(self, &bench_counter,
                        etf_make(self, "{_, _}", rounds, rt_self(self)));

        bench_must(gen_pg_join(self, ETF_NONE, etf_atom("all"),
                               etf_from_pid(NULL, pid)),
                   "join");
        rt_reset(self);
    }
    began = bench_now();
    sender = bench_spawn(self, broadcast_rounds, &rounds);
    bench_wait_done(self, MEMBERS);
    began = bench_now() - began;
    bench_must(rt_wait(self, sender, BENCH_WAIT_MS), "sender");
    return began;
}

void bench_pg_broadcast(struct bench *b)
{
    start_scope(b->self);
    (void)broadcast(b->self, b->n / 10);
    bench_out_rate(b, "msgs_per_s", "msgs/s", broadcast(b->self, b->n), b->n);
}
