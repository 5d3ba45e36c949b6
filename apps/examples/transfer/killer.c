/*
 * killer.c -- a store that ends the program at a write, for trying what a saga
 * is for.
 *
 * It stands before another store and counts. `kill -9` gives nobody a chance to
 * tidy up, so what the next program finds is what was in the store.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "transfer.h"

struct killer {
    struct gen_store *below;
    unsigned at;
    bool after;
};

static atomic_uint writes;

static void end_program(void)
{
    (void)kill(getpid(), SIGKILL);
    for (;;)
        (void)pause();
}

static enum agner_err put(void *ctx, struct gen *self,
                          const struct gen_store_write *batch, size_t count,
                          struct agner_error *error)
{
    struct killer *k = ctx;
    unsigned number = atomic_fetch_add(&writes, 1) + 1;
    enum agner_err err;

    if (number == k->at && !k->after)
        end_program();
    err = gen_store_put(self, k->below, batch, count, error);
    if (number == k->at)
        end_program();
    return err;
}

static enum agner_err get(void *ctx, struct gen *self, etf_bytes key,
                          struct etf_region *r, etf_bytes *value,
                          struct agner_error *error)
{
    struct killer *k = ctx;

    return gen_store_get(self, k->below, key, r, value, error);
}

static enum agner_err scan(void *ctx, struct gen *self, etf_bytes prefix,
                           etf_bytes after, size_t limit, struct etf_region *r,
                           struct gen_store_row *rows, size_t *count,
                           struct agner_error *error)
{
    struct killer *k = ctx;

    return gen_store_scan(self, k->below, prefix, after, limit, r, rows, count,
                          error);
}

static void end(void *ctx, struct gen *self)
{
    struct killer *k = ctx;

    (void)self;
    gen_store_free(k->below);
    free(k);
}

static const struct gen_store_ops killer_ops = {
    .name = "killer", .put = put, .get = get, .scan = scan, .close = end
};

enum agner_err killer_new(struct rt *rt, struct gen_store *below, unsigned at,
                          bool after, struct gen_store **out)
{
    struct killer *k = calloc(1, sizeof *k);
    enum agner_err err = AGNER_ENOMEM;

    if (k != NULL) {
        *k = (struct killer){ below, at, after };
        err = gen_store_custom(rt, &killer_ops, k, out);
    }
    if (err != AGNER_OK) {
        gen_store_free(below);
        free(k);
    }
    return err;
}

unsigned killer_writes(void)
{
    return atomic_load(&writes);
}
