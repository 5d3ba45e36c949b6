/*
 * gen_store.h -- a small store: keys and values of bytes, written in batches.
 *
 *     struct gen_store_write writes[] = {
 *         { .key = account, .value = balance },
 *         { .key = request, .value = answer },
 *     };
 *
 *     err = gen_store_put(self, store, writes, 2, &error);
 *
 * A batch is there as a whole or not at all, and when gen_store_put() has said
 * AGNER_OK it is there to stay, as far as the kind of store knows how: in
 * memory until the store ends, in SQLite after a loss of power too.
 *
 * A store is counted, and serves any number of processes at once. Only the
 * process that calls waits. A read sees every batch whose put had returned
 * before it began. A store lives no longer than its runtime.
 *
 * gen.h includes this header.
 */
#ifndef AGNER_GEN_STORE_H
#define AGNER_GEN_STORE_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Above these: AGNER_ELIMIT. */
#define GEN_STORE_KEY_MAX    1024u       /* bytes; and no key is empty */
#define GEN_STORE_VALUE_MAX  (16u << 20) /* bytes */
#define GEN_STORE_WRITES_MAX 1024u       /* of a batch */
#define GEN_STORE_BATCH_MAX  (64u << 20) /* bytes of a batch */
#define GEN_STORE_ROWS_MAX   1000u       /* of a scan */
#define GEN_STORE_PAGE_MAX \
    (1u << 20) /* bytes; a scan ends after the row \
                  that reaches it: no error */

struct gen_store;

/* Of several writes of one key in a batch the last one counts. */
struct gen_store_write {
    etf_bytes key;
    etf_bytes value;
    bool erase; /* instead: the key need not be there */
};

struct gen_store_row {
    etf_bytes key, value;
};

/* ---- Kinds of store ------------------------------------------------------ */

/* In memory. Returns new in *out. AGNER_ENOMEM. Any thread. */
AGNER_API enum agner_err gen_store_memory(struct rt *rt,
                                          struct gen_store **out);

/* All zero is a good default. */
struct gen_store_sqlite_options {
    /* A put waits until the operating system has the batch, not the disk: a
     * loss of power may cost the last ones, the end of the program none. */
    bool relaxed;
    bool must_exist;  /* do not make it: AGNER_ENONAME */
    bool check;       /* look at all of the file first: AGNER_ECORRUPT */
    uint64_t busy_ms; /* how long to wait for another process that has the file;
                         0: 2000; RT_INFINITY: not at all */
};

/*
 * In a file, with SQLite: WAL mode, on the blocking pool. Writers that come at
 * the same time share one transaction. The file is this store's alone while it
 * is open. Returns new in *out.
 *
 * AGNER_ENOTSUP (built without SQLite, or a newer library made the file),
 * AGNER_EBUSY (another store, of whatever process, has the file open),
 * AGNER_ECORRUPT, AGNER_EBADTYPE (a file of another program), AGNER_ENONAME,
 * AGNER_EIO (no folder, read-only, ...: `error` says which), AGNER_EINVAL (no
 * path), AGNER_ENOMEM.
 */
AGNER_API enum agner_err
gen_store_sqlite(struct gen *self, const char *path,
                 const struct gen_store_sqlite_options *options,
                 struct gen_store **out, struct agner_error *error);

/*
 * A store of one's own. Arguments have been checked when these are called, by
 * any number of processes at the same time, from each for itself. Results are
 * made in `r`; `error` may be NULL. After AGNER_ENOMEM, AGNER_EIO and the like
 * nothing of a batch is there. They may wait, and return: they are not left
 * through rt_exit().
 */
struct gen_store_ops {
    const char *name; /* for people */
    enum agner_err (*put)(void *ctx, struct gen *self,
                          const struct gen_store_write *writes, size_t count,
                          struct agner_error *error);
    /* AGNER_EUNKNOWN: it is not there. */
    enum agner_err (*get)(void *ctx, struct gen *self, etf_bytes key,
                          struct etf_region *r, etf_bytes *value,
                          struct agner_error *error);
    /* Up to `limit` rows whose keys begin with `prefix` and are above `after`
     * (empty: from the first), in the order of their bytes; others are told
     * AGNER_ECORRUPT. */
    enum agner_err (*scan)(void *ctx, struct gen *self, etf_bytes prefix,
                           etf_bytes after, size_t limit, struct etf_region *r,
                           struct gen_store_row *rows, size_t *count,
                           struct agner_error *error);
    /* Last, once, when none of the above runs. `self`: who closes it, or NULL
     * when it must not wait. May be NULL. */
    void (*close)(void *ctx, struct gen *self);
};

/* `ops` is borrowed: static. AGNER_ENOMEM (close is not called). */
AGNER_API enum agner_err gen_store_custom(struct rt *rt,
                                          const struct gen_store_ops *ops,
                                          void *ctx, struct gen_store **out);

/* ---- Life ---------------------------------------------------------------- */

/* One count more; returns `store`. Any thread. */
AGNER_API struct gen_store *gen_store_hold(struct gen_store *store);
/* One fewer; the last one closes it, in place, and frees it. NULL is fine. Any
 * thread. */
AGNER_API void gen_store_free(struct gen_store *store);
/* Lets nothing more begin (AGNER_ECLOSED), and waits until what runs has ended
 * and the file is free. AGNER_OK, also when it was closed before; AGNER_ENOMEM
 * (nothing was done), AGNER_EEXITING, AGNER_EKILLED (it will be closed). */
AGNER_API enum agner_err gen_store_close(struct gen *self,
                                         struct gen_store *store);

/* ---- Reading and writing ------------------------------------------------- */
/* All of them: AGNER_ECLOSED, AGNER_EINVAL (an empty key), AGNER_ELIMIT,
 * AGNER_EIO, AGNER_ECORRUPT, AGNER_ENOMEM; AGNER_EEXITING and AGNER_EKILLED: a
 * batch may be there or not. `error` may be NULL. */

AGNER_API enum agner_err gen_store_put(struct gen *self,
                                       struct gen_store *store,
                                       const struct gen_store_write *writes,
                                       size_t count, struct agner_error *error);

/* The value in `r`. AGNER_EUNKNOWN: there is no such key. */
AGNER_API enum agner_err gen_store_get(struct gen *self,
                                       struct gen_store *store, etf_bytes key,
                                       struct etf_region *r, etf_bytes *value,
                                       struct agner_error *error);

/*
 * A page of rows in `r`, by the bytes of their keys, and a shorter key before
 * one that it begins.
 *
 *   prefix  of the keys; empty: all
 *   after   the key of the last row of the page before; empty: the first page
 *   limit   room in `rows`, at most GEN_STORE_ROWS_MAX
 *   count   0: there is nothing more. Fewer than `limit` says nothing.
 *
 * Rows that others write meanwhile may be in a page or not, each for itself.
 */
AGNER_API enum agner_err
gen_store_scan(struct gen *self, struct gen_store *store, etf_bytes prefix,
               etf_bytes after, size_t limit, struct etf_region *r,
               struct gen_store_row *rows, size_t *count,
               struct agner_error *error);

#ifdef __cplusplus
}
#endif

#endif
