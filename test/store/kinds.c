/*
 * kinds.c -- stores in memory, in a file, and of a user's own: see kinds.h.
 */
#include "kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void nothing(void)
{
}

static enum agner_err open_memory(struct gen *self, struct gen_store **out,
                                  struct agner_error *error)
{
    enum agner_err err = gen_store_memory(rt_of(self), out);

    return err == AGNER_OK ? err : agner_fail(error, err, "memory");
}

/* ---- A user's own: the one in memory behind it --------------------------- */

struct own {
    struct gen_store *below;
};

static enum agner_err own_put(void *ctx, struct gen *self,
                              const struct gen_store_write *writes,
                              size_t count, struct agner_error *error)
{
    struct own *own = ctx;

    return gen_store_put(self, own->below, writes, count, error);
}

static enum agner_err own_get(void *ctx, struct gen *self, etf_bytes key,
                              struct etf_region *r, etf_bytes *value,
                              struct agner_error *error)
{
    struct own *own = ctx;

    return gen_store_get(self, own->below, key, r, value, error);
}

static enum agner_err own_scan(void *ctx, struct gen *self, etf_bytes prefix,
                               etf_bytes after, size_t limit,
                               struct etf_region *r, struct gen_store_row *rows,
                               size_t *count, struct agner_error *error)
{
    struct own *own = ctx;

    return gen_store_scan(self, own->below, prefix, after, limit, r, rows,
                          count, error);
}

static void own_close(void *ctx, struct gen *self)
{
    struct own *own = ctx;

    (void)self;
    gen_store_free(own->below);
    free(own);
}

static const struct gen_store_ops own_ops = { .name = "own",
                                              .put = own_put,
                                              .get = own_get,
                                              .scan = own_scan,
                                              .close = own_close };

static enum agner_err open_own(struct gen *self, struct gen_store **out,
                               struct agner_error *error)
{
    struct own *own = calloc(1, sizeof *own);
    enum agner_err err;

    if (own == NULL)
        return agner_fail(error, AGNER_ENOMEM, "own");
    err = gen_store_memory(rt_of(self), &own->below);
    if (err == AGNER_OK)
        err = gen_store_custom(rt_of(self), &own_ops, own, out);
    if (err != AGNER_OK) {
        gen_store_free(own->below);
        free(own);
        return agner_fail(error, err, "own");
    }
    return AGNER_OK;
}

/* ---- SQLite -------------------------------------------------------------- */

#ifdef TEST_SQLITE
static char folder[] = "/tmp/agner-store-XXXXXX";
static char path[sizeof folder + sizeof "/store"];

static void clean_sqlite(void)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char name[sizeof path + 10];

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
    (void)rmdir(folder);
    path[0] = '\0';
}

/* `relaxed`: what is tested here is no loss of power. */
static enum agner_err open_sqlite(struct gen *self, struct gen_store **out,
                                  struct agner_error *error)
{
    struct gen_store_sqlite_options options = { .relaxed = true };

    if (path[0] == '\0') {
        memset(folder + sizeof folder - 7, 'X', 6);
        if (mkdtemp(folder) == NULL)
            return agner_fail(error, AGNER_EIO, "no folder");
        (void)snprintf(path, sizeof path, "%s/store", folder);
    }
    return gen_store_sqlite(self, path, &options, out, error);
}
#endif

const struct kind kinds[] = {
    { .name = "memory", .open = open_memory, .clean = nothing, .steps = 400 },
    { .name = "own", .open = open_own, .clean = nothing, .steps = 50 },
#ifdef TEST_SQLITE
    { .name = "SQLite",
      .open = open_sqlite,
      .clean = clean_sqlite,
      .keeps = true,
      .steps = 150 },
#endif
    { .name = NULL },
};
