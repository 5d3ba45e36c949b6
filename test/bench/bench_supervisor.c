/*
 * bench_supervisor.c -- rows supervisor and supervisor_many: what a restart
 * costs, and what children cost a supervisor that has very many.
 */
#include "bench.h"

#include <stdlib.h>

/* ---- supervisor -------------------------------------------------------------
 */

/* A server that tells its boss when it is up, and crashes when it is told to.
 * args: the boss's pid. */
static enum gen_next frail_init(struct gen *self, etf_term boss)
{
    bench_must(rt_send(self, boss, rt_self_term(self)), "up");
    return GEN_NEXT;
}

static enum gen_next frail_cast(struct gen *self, etf_term request)
{
    return gen_stop(self, request);
}

static const struct gen_server frail = {
    .name = "frail",
    .init = frail_init,
    .handle_cast = frail_cast,
};

struct restarts {
    int64_t count;
    uint64_t one_ns, each_ns;
};

/* One child, or one each, below a supervisor that never gives up. */
static enum gen_next ward_init(struct gen *self, etf_term args,
                               struct gen_supervisor_spec *spec)
{
    struct gen_child_spec child = { .server = &frail };
    int64_t count = 0;

    if (!etf_match(args, "{_, _}", &count, &child.args_term))
        return gen_stop(self, ETF_A(badarg));
    gen_supervisor_flags(spec)->intensity = 1000000000;
    for (int64_t i = 0; i < count; i++) {
        child.id_term = etf_int(rt_region(self), i);
        (void)gen_supervisor_add(self, spec, &child);
    }
    return GEN_NEXT;
}

static const struct gen_supervisor ward = { .name = "ward", .init = ward_init };

static etf_term start_ward(struct gen *self, int64_t children)
{
    etf_pid pid;

    bench_must(gen_supervisor_start(
                   self, &ward,
                   etf_make(self, "{_, _}", children, rt_self_term(self)), NULL,
                   &pid, NULL),
               "supervisor");
    return etf_from_pid(NULL, pid);
}

static etf_term next_up(struct gen *self)
{
    etf_term child;

    bench_must(rt_receive(self, BENCH_WAIT_MS, &child), "waiting for up");
    return child; /* a pid of this node: no memory */
}

static void crash_one(struct gen *self, void *arg)
{
    struct restarts *r = arg;
    etf_term sup = start_ward(self, 1), child = next_up(self);
    etf_term crash = etf_atom("crash");

    for (int64_t i = -r->count / 10; i < r->count; i++) {
        if (i == 0)
            r->one_ns = bench_now();
        bench_must(gen_cast(self, child, crash), "crash");
        child = next_up(self);
        rt_reset(self);
    }
    r->one_ns = bench_now() - r->one_ns;
    bench_must(gen_server_stop(self, sup, ETF_A(shutdown), BENCH_WAIT_MS),
               "stop");
}

static void crash_each(struct gen *self, void *arg)
{
    struct restarts *r = arg;
    etf_term sup = start_ward(self, r->count), crash = etf_atom("crash");
    etf_term *children = bench_memory((size_t)r->count, sizeof *children);

    for (int64_t i = 0; i < r->count; i++)
        children[i] = next_up(self);
    rt_reset(self);
    r->each_ns = bench_now();
    for (int64_t i = 0; i < r->count; i++) {
        bench_must(gen_cast(self, children[i], crash), "crash");
        rt_reset(self);
    }
    for (int64_t i = 0; i < r->count; i++) {
        (void)next_up(self);
        rt_reset(self);
    }
    r->each_ns = bench_now() - r->each_ns;
    free(children);
    bench_must(gen_server_stop(self, sup, ETF_A(shutdown), BENCH_WAIT_MS),
               "stop");
}

static void out_us(const struct bench *b, const char *metric, uint64_t ns,
                   int64_t count)
{
    bench_out(b, metric, (double)ns / 1e3 / (double)count, "us");
}

/* As on BEAM, where the logger's level is none: nobody reads the reports. */
static void be_silent(struct bench *b)
{
    etf_pid all = { .id = 0 };

    bench_must(rt_log_level_set(b->rt, all, RT_LOG_NONE), "log level");
}

void bench_supervisor(struct bench *b)
{
    struct restarts r = { .count = b->n };
    etf_pid pid;

    be_silent(b);
    pid = bench_spawn(b->self, crash_one, &r);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "one child");
    out_us(b, "us_per_restart_of_one", r.one_ns, r.count);
    pid = bench_spawn(b->self, crash_each, &r);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "a child each");
    out_us(b, "us_per_restart_of_each", r.each_ns, r.count);
}

/* ---- supervisor_many --------------------------------------------------------
 */

#define LOOKUPS 100000

static const struct gen_child_spec alike = {
    .id = "number",
    .server = &bench_number,
    .args = "0",
    .restart = GEN_TEMPORARY,
};

static const struct gen_supervisor crowd = {
    .name = "crowd",
    .strategy = GEN_SIMPLE_ONE_FOR_ONE,
    .children = &alike,
    .child_count = 1,
};

struct many {
    int64_t count, lookups;
    uint64_t start_ns, find_ns, stop_ns;
};

static void start_find_stop(struct gen *self, void *arg)
{
    struct many *m = arg;
    etf_pid *pids = bench_memory((size_t)m->count, sizeof *pids), sup_pid;
    uint64_t begin, x = 12345;
    etf_term sup, map;

    bench_must(
        gen_supervisor_start(self, &crowd, etf_nil(), NULL, &sup_pid, NULL),
        "supervisor");
    sup = etf_from_pid(NULL, sup_pid);
    begin = bench_now();
    for (int64_t i = 0; i < m->count; i++) {
        bench_must(gen_start_child_args(self, sup, etf_nil(), &pids[i], NULL),
                   "child");
        rt_reset(self);
    }
    m->start_ns = bench_now() - begin;
    begin = bench_now();
    for (int64_t i = 0; i < m->lookups; i++) {
        x = (x * 1103515245 + 12345) & 0x7fffffff;
        bench_must(gen_get_childspec(
                       self, sup,
                       etf_from_pid(NULL, pids[x % (uint64_t)m->count]), &map),
                   "look-up");
        rt_reset(self);
    }
    m->find_ns = bench_now() - begin;
    begin = bench_now();
    bench_must(gen_server_stop(self, sup, ETF_A(shutdown), BENCH_WAIT_MS),
               "stop");
    m->stop_ns = bench_now() - begin;
    free(pids);
}

/* The smoke test has fewer. */
static int64_t lookups_of(const struct bench *b)
{
    return b->n < 10000 ? b->n : LOOKUPS;
}

/* The same for a thousandth of N, a tenth and all. */
void bench_scale_supervisor(struct bench *b)
{
    be_silent(b);
    for (int64_t part = 1000; part > 0; part /= part > 10 ? 100 : 10) {
        struct many m = { .count = b->n / part > 0 ? b->n / part : 1,
                          .lookups = lookups_of(b) };
        etf_pid pid = bench_spawn(b->self, start_find_stop, &m);
        double children = (double)m.count;

        bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "many children");
        bench_out_at(b, "us_per_start", m.count,
                     (double)m.start_ns / 1e3 / children, "us");
        bench_out_at(b, "us_per_look_up", m.count,
                     (double)m.find_ns / 1e3 / (double)m.lookups, "us");
        bench_out_at(b, "us_per_stop", m.count,
                     (double)m.stop_ns / 1e3 / children, "us");
    }
}

void bench_supervisor_many(struct bench *b)
{
    struct many m = { .count = b->n, .lookups = lookups_of(b) };
    etf_pid pid;

    be_silent(b);
    pid = bench_spawn(b->self, start_find_stop, &m);
    bench_must(rt_wait(b->self, pid, BENCH_WAIT_MS), "many children");
    out_us(b, "us_per_start", m.start_ns, m.count);
    out_us(b, "us_per_look_up", m.find_ns, m.lookups);
    out_us(b, "us_per_stop", m.stop_ns, m.count);
}
