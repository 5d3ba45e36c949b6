/*
 * bench_saga.c -- row saga: transactions through three sagas, one behind the
 * other, with nothing to commit, with votes in memory, and with votes in a
 * file that are on the disk before they count.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define WINDOW 32 /* transactions at one time */

static const char *const names[] = { "bench_a", "bench_b", "bench_c" };

struct link {
    int number;
    enum gen_saga_commit commit;
    int64_t to_begin, to_end; /* of the first one */
    etf_pid boss;
};

/* What the sagas of a run have in common. */
static struct gen_store *store;

static enum gen_next link_init(struct gen *self, etf_term args)
{
    struct link *l = gen_state(self);
    int commit;

    if (!etf_match(args, "{_, _, _, _}", &l->number, &commit, &l->to_begin,
                   &l->boss))
        return gen_stop(self, ETF_A(badarg));
    l->commit = (enum gen_saga_commit)commit;
    l->to_end = l->to_begin;
    if (store != NULL)
        bench_must(gen_saga_store(self, store, names[l->number]), "store");
    return GEN_NEXT;
}

static void begin(struct gen *self, struct link *l)
{
    struct gen_saga_options o = { .commit = l->commit };

    if (l->to_begin == 0)
        return;
    l->to_begin--;
    bench_must(gen_saga_begin(self, &o, ETF_A(ok), NULL), "begin");
}

static enum gen_next link_new(struct gen *self, struct gen_saga_tx tx,
                              etf_term value)
{
    const struct link *l = gen_state(self);
    struct gen_saga_next next = { .value = value };

    if (l->number == 2) {
        bench_must(gen_saga_result(self, tx, value), "result");
        return GEN_NEXT;
    }
    next.saga = etf_atom(names[l->number + 1]);
    bench_must(gen_saga_next(self, tx, &next, NULL), "next");
    return GEN_NEXT;
}

static enum gen_next link_result(struct gen *self, struct gen_saga_tx tx,
                                 struct gen_saga_next_id from, etf_term result)
{
    (void)from;
    bench_must(gen_saga_result(self, tx, result), "result");
    return GEN_NEXT;
}

static enum gen_next link_cancel(struct gen *self, struct gen_saga_tx tx,
                                 etf_term reason)
{
    (void)self;
    (void)tx;
    (void)reason;
    bench_must(AGNER_ETXCANCELLED, "a transaction");
    return GEN_NEXT;
}

static void one_is_over(struct gen *self)
{
    struct link *l = gen_state(self);

    begin(self, l);
    if (--l->to_end == 0)
        bench_send(self, l->boss, bench_atoms.done);
}

static enum gen_next link_done(struct gen *self, struct gen_saga_tx tx,
                               etf_term result, etf_term *final)
{
    const struct link *l = gen_state(self);

    (void)tx;
    (void)result;
    (void) final;
    if (l->commit == GEN_SAGA_NO_COMMIT)
        one_is_over(self);
    return GEN_NEXT;
}

static enum gen_next link_commit(struct gen *self, struct gen_saga_tx tx,
                                 etf_term final)
{
    const struct link *l = gen_state(self);

    (void)tx;
    (void) final;
    if (l->number == 0)
        one_is_over(self);
    return GEN_NEXT;
}

static enum gen_next link_cast(struct gen *self, etf_term request)
{
    (void)request;
    for (int i = 0; i < WINDOW; i++)
        begin(self, gen_state(self));
    return GEN_NEXT;
}

static const struct gen_saga link_saga = {
    .name = "bench_link",
    .state_size = sizeof(struct link),
    .init = link_init,
    .handle_tx_new = link_new,
    .handle_tx_result = link_result,
    .handle_tx_cancel = link_cancel,
    .handle_tx_done = link_done,
    .handle_tx_commit = link_commit,
    .handle_cast = link_cast,
};

static void run(struct bench *b, const char *metric, enum gen_saga_commit how,
                int64_t count)
{
    struct gen *self = b->self;
    etf_pid pids[3];
    uint64_t ns;

    for (int i = 0; i < 3; i++) {
        struct rt_spawn_options options = { .name = etf_atom(names[i]) };

        bench_must(gen_saga_start(self, &link_saga,
                                  etf_make(self, "{_, _, _, _}", i, (int)how,
                                           count, rt_self(self)),
                                  &options, &pids[i], NULL),
                   "saga");
    }
    ns = bench_now();
    bench_must(gen_cast(self, etf_from_pid(NULL, pids[0]), ETF_A(ok)), "go");
    bench_wait_done(self, 1);
    bench_out_rate(b, metric, "tx/s", bench_now() - ns, count);
    bench_kill(self, pids, 3);
}

static void remove_files(const char *path)
{
    const char *const ends[] = { "", "-wal", "-shm" };
    char name[160];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static void run_with_file(struct bench *b)
{
    const char *folder = getenv("TMPDIR");
    struct agner_error error = { 0 };
    char path[120];
    enum agner_err err;

    (void)snprintf(path, sizeof path, "%s/agner-bench-saga-%ld.db",
                   folder != NULL ? folder : "/tmp", (long)getpid());
    err = gen_store_sqlite(b->self, path, NULL, &store, &error);
    if (err == AGNER_ENOTSUP)
        return;
    bench_must(err, error.text);
    run(b, "votes_in_file", GEN_SAGA_VOTE, (b->n + 9) / 10);
    bench_must(gen_store_close(b->self, store), "close");
    gen_store_free(store);
    store = NULL;
    remove_files(path);
}

void bench_saga(struct bench *b)
{
    run(b, "no_commit", GEN_SAGA_NO_COMMIT, b->n);
    run(b, "votes_without_store", GEN_SAGA_VOTE, b->n);
    bench_must(gen_store_memory(b->rt, &store), "store");
    run(b, "votes_in_memory", GEN_SAGA_VOTE, b->n);
    gen_store_free(store);
    store = NULL;
    run_with_file(b);
}
