/*
 * bench_steps.c -- rows steps (durable sagas of three steps, 1 and 100 at once)
 * and store (puts, 1 and 100 writers), in memory and with SQLite, each put on
 * the disk before it returns.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MANY 100

struct kind {
    const char *name;
    struct gen_store *store;
    char path[64];
};

static void no_file(const struct kind *kind)
{
    static const char *const ends[] = { "", "-wal", "-shm" };
    char path[80];

    for (int i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s%s", kind->path, ends[i]);
        (void)unlink(path);
    }
}

/* false: the library was built without it. */
static bool open_sqlite(struct gen *self, struct kind *kind)
{
    enum agner_err err;

    (void)snprintf(kind->path, sizeof kind->path, "/tmp/agner-bench-%ld",
                   (long)getpid());
    err = gen_store_sqlite(self, kind->path, NULL, &kind->store, NULL);
    if (err == AGNER_ENOTSUP)
        return false;
    bench_must(err, "store");
    return true;
}

static void close_kind(struct gen *self, struct kind *kind)
{
    bench_must(gen_store_close(self, kind->store), "close");
    gen_store_free(kind->store);
    if (kind->path[0] != '\0')
        no_file(kind);
}

/* Runs it with each kind of store. */
static void each(struct bench *b, void (*run)(struct bench *b, struct kind *k))
{
    struct kind memory = { .name = "memory" }, sqlite = { .name = "sqlite" };

    bench_must(gen_store_memory(b->rt, &memory.store), "store");
    run(b, &memory);
    close_kind(b->self, &memory);
    if (!open_sqlite(b->self, &sqlite))
        return;
    run(b, &sqlite);
    close_kind(b->self, &sqlite);
}

static void out(const struct bench *b, const struct kind *k, const char *what,
                int64_t at_once, uint64_t ns, int64_t count)
{
    char metric[40];

    (void)snprintf(metric, sizeof metric, "%s_%s_%d", what, k->name,
                   (int)at_once);
    bench_out_rate(b, metric, "/s", ns, count);
}

/* ---- Sagas ------------------------------------------------------------- */

static etf_term do_step(struct gen *self, const struct gen_step_run *run)
{
    (void)self;
    (void)run;
    return ETF_A(ok);
}

static const struct gen_step three[] = {
    { .name = "one", .act = do_step, .compensate = do_step },
    { .name = "two", .act = do_step, .compensate = do_step },
    { .name = "three", .act = do_step, .compensate = do_step },
};
static const struct gen_steps table = { .name = "bench",
                                        .steps = three,
                                        .count = 3 };

struct client {
    etf_pid keeper, boss;
    struct gen_store *store;
    int64_t count, number;
};

static void run_sagas(struct gen *self, void *arg)
{
    struct client *c = arg;
    struct gen_steps_outcome outcome;
    etf_term id;

    for (int64_t i = 0; i < c->count; i++) {
        bench_must(gen_steps_begin(self, etf_from_pid(NULL, c->keeper),
                                   ETF_NONE, ETF_A(ok), 0, BENCH_WAIT_MS, &id,
                                   NULL),
                   "begin");
        bench_must(gen_steps_await(self, etf_from_pid(NULL, c->keeper), id,
                                   BENCH_WAIT_MS, &outcome),
                   "await");
        rt_reset(self);
    }
    bench_send(self, c->boss, bench_atoms.done);
}

static void put_rows(struct gen *self, void *arg)
{
    struct client *c = arg;
    uint8_t value[100] = { 0 };
    uint64_t key[2] = { (uint64_t)c->number, 0 };

    for (int64_t i = 0; i < c->count; i++) {
        struct gen_store_write write = { .key = { (const uint8_t *)key,
                                                  sizeof key },
                                         .value = { value, sizeof value } };

        key[1] = (uint64_t)i;
        bench_must(gen_store_put(self, c->store, &write, 1, NULL), "put");
    }
    bench_send(self, c->boss, bench_atoms.done);
}

/* So many clients at once do `b->n` things together. */
static uint64_t clients(struct bench *b, void (*code)(struct gen *, void *),
                        struct client client, int64_t at_once)
{
    struct client *all = bench_memory((size_t)at_once, sizeof *all);
    uint64_t begin = bench_now();

    client.boss = rt_self(b->self);
    client.count = b->n / at_once > 0 ? b->n / at_once : 1;
    for (int64_t i = 0; i < at_once; i++) {
        all[i] = client;
        all[i].number = i;
        (void)bench_spawn(b->self, code, &all[i]);
    }
    bench_wait_done(b->self, at_once);
    free(all);
    return bench_now() - begin;
}

static int64_t done_by(const struct bench *b, int64_t at_once)
{
    return at_once * (b->n / at_once > 0 ? b->n / at_once : 1);
}

static void sagas(struct bench *b, struct kind *k)
{
    struct client client = { .store = k->store };

    bench_must(
        gen_steps_start(b->self, &table, k->store, NULL, &client.keeper, NULL),
        "keeper");
    for (int64_t at_once = 1; at_once <= MANY; at_once *= MANY)
        out(b, k, "sagas", at_once, clients(b, run_sagas, client, at_once),
            done_by(b, at_once));
    bench_kill(b->self, &client.keeper, 1);
}

static void puts_of(struct bench *b, struct kind *k)
{
    struct client client = { .store = k->store };

    for (int64_t at_once = 1; at_once <= MANY; at_once *= MANY)
        out(b, k, "puts", at_once, clients(b, put_rows, client, at_once),
            done_by(b, at_once));
}

void bench_steps(struct bench *b)
{
    each(b, sagas);
}

void bench_store(struct bench *b)
{
    each(b, puts_of);
}
