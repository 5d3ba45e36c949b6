/*
 * store.c -- what all stores share: counts, limits, and the end.
 *
 * An operation is counted in `busy` while it runs. Once a store is closed none
 * begins, and whoever sees busy fall to 0 then, the one who closes or the last
 * operation, ends it: `ending` is set by that one alone. Who waits for the end
 * is on the list of waiters.
 */
#include <agner/gen_store.h>

#include <stdlib.h>

#include "atomic.h"
#include "spin.h"
#include "store/store_bytes.h"
#include "store/store_claim.h"

struct gen_store {
    struct rt *rt;                   /* borrowed */
    const struct gen_store_ops *ops; /* borrowed: static */
    void *ctx;                       /* owned until ops->close */
    _Atomic uint32_t refs;
    rt_spin lock; /* guards the rest */
    uint32_t busy;
    bool closed, ending, ended;
    struct rt_waiter *waiters;
    struct gen_claim *claims; /* owned */
};

enum agner_err gen_store_custom(struct rt *rt, const struct gen_store_ops *ops,
                                void *ctx, struct gen_store **out)
{
    struct gen_store *store = calloc(1, sizeof *store);

    if (store == NULL)
        return AGNER_ENOMEM;
    store->rt = rt;
    store->ops = ops;
    store->ctx = ctx;
    store_relaxed(&store->refs, 1u);
    *out = store;
    return AGNER_OK;
}

struct gen_store *gen_store_hold(struct gen_store *store)
{
    add_relaxed(&store->refs, 1u);
    return store;
}

/* Allocates under the lock: a name in a store is claimed once in a while. */
struct gen_claim *gen__store_claim(struct gen_store *store, const char *name)
{
    struct gen_claim *claim;

    rt__lock(&store->lock);
    claim = gen__claim_find(&store->claims, name);
    rt__unlock(&store->lock);
    return claim;
}

/* ---- The end ------------------------------------------------------------- */

/* The caller has set `ending`. */
static void end(struct gen *self, struct gen_store *store)
{
    struct rt_waiter *waiter;

    if (store->ops->close != NULL)
        store->ops->close(store->ctx, self);
    rt__lock(&store->lock);
    store->ended = true;
    while ((waiter = store->waiters) != NULL) {
        store->waiters = waiter->next;
        rt_wake(store->rt, self, waiter);
    }
    rt__unlock(&store->lock);
}

/* Is it for the caller to end it? */
static bool is_to_end(struct gen_store *store)
{
    if (!store->closed || store->busy > 0 || store->ending)
        return false;
    store->ending = true;
    return true;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_store_free(struct gen_store *store)
{
    if (store == NULL || sub_acq_rel(&store->refs, 1u) != 1)
        return;
    store->closed = true; /* nobody else has it */
    if (is_to_end(store))
        end(NULL, store);
    gen__claims_free(store->claims);
    free(store);
}

static void leave(struct gen_store *store, struct rt_waiter *waiter)
{
    struct rt_waiter **at = &store->waiters;

    rt__lock(&store->lock);
    while (!waiter->woken && *at != NULL && *at != waiter)
        at = &(*at)->next;
    if (!waiter->woken && *at == waiter)
        *at = waiter->next;
    rt__unlock(&store->lock);
}

enum agner_err gen_store_close(struct gen *self, struct gen_store *store)
{
    struct rt_waiter waiter;
    enum agner_err err = rt_wait_begin(self, &waiter, 1);
    bool mine, ended;

    if (err != AGNER_OK)
        return err;
    rt__lock(&store->lock);
    store->closed = true;
    mine = is_to_end(store);
    ended = store->ended;
    if (!mine && !ended) {
        waiter.next = store->waiters;
        store->waiters = &waiter;
    }
    rt__unlock(&store->lock);
    if (!mine && !ended)
        err = rt_wait_block(self, RT_INFINITY);
    leave(store, &waiter);
    rt_wait_end(self, &waiter, 1);
    if (mine)
        end(self, store);
    return err;
}

/* ---- Operations ---------------------------------------------------------- */

static enum agner_err begin(struct gen_store *store, struct agner_error *error)
{
    bool closed;

    rt__lock(&store->lock);
    closed = store->closed;
    if (!closed)
        store->busy++;
    rt__unlock(&store->lock);
    return closed ? agner_fail(error, AGNER_ECLOSED, "the %s store is closed",
                               store->ops->name)
                  : AGNER_OK;
}

static void done(struct gen *self, struct gen_store *store)
{
    bool mine;

    rt__lock(&store->lock);
    store->busy--;
    mine = is_to_end(store);
    rt__unlock(&store->lock);
    if (mine)
        end(self, store);
}

static enum agner_err check_key(etf_bytes key, struct agner_error *error)
{
    if (key.size == 0)
        return agner_fail(error, AGNER_EINVAL, "an empty key");
    if (key.size > GEN_STORE_KEY_MAX)
        return agner_fail(error, AGNER_ELIMIT, "a key of %zu bytes, over %u",
                          key.size, GEN_STORE_KEY_MAX);
    return AGNER_OK;
}

static enum agner_err check_batch(const struct gen_store_write *writes,
                                  size_t count, struct agner_error *error)
{
    size_t total = 0;

    if (count > GEN_STORE_WRITES_MAX)
        return agner_fail(error, AGNER_ELIMIT, "a batch of %zu writes, over %u",
                          count, GEN_STORE_WRITES_MAX);
    for (size_t i = 0; i < count; i++) {
        enum agner_err err = check_key(writes[i].key, error);

        if (err != AGNER_OK)
            return err;
        if (writes[i].erase)
            continue;
        if (writes[i].value.size > GEN_STORE_VALUE_MAX)
            return agner_fail(error, AGNER_ELIMIT,
                              "a value of %zu bytes, over %u",
                              writes[i].value.size, GEN_STORE_VALUE_MAX);
        total += writes[i].value.size; /* 1,024 times 16 MiB at most */
    }
    if (total > GEN_STORE_BATCH_MAX)
        return agner_fail(error, AGNER_ELIMIT, "a batch of %zu bytes, over %u",
                          total, GEN_STORE_BATCH_MAX);
    return AGNER_OK;
}

enum agner_err gen_store_put(struct gen *self, struct gen_store *store,
                             const struct gen_store_write *writes, size_t count,
                             struct agner_error *error)
{
    enum agner_err err = check_batch(writes, count, error);

    if (err == AGNER_OK)
        err = begin(store, error);
    if (err != AGNER_OK)
        return err;
    if (count > 0)
        err = store->ops->put(store->ctx, self, writes, count, error);
    done(self, store);
    return err;
}

enum agner_err gen_store_get(struct gen *self, struct gen_store *store,
                             etf_bytes key, struct etf_region *r,
                             etf_bytes *value, struct agner_error *error)
{
    enum agner_err err = check_key(key, error);

    if (err == AGNER_OK)
        err = begin(store, error);
    if (err != AGNER_OK)
        return err;
    err = store->ops->get(store->ctx, self, key, r, value, error);
    done(self, store);
    return err;
}

/* Who reads a store goes on behind the last row: one that is damaged, and gives
 * a row twice, would be read for ever. */
static bool in_order(const struct gen_store_row *rows, size_t count,
                     etf_bytes prefix, etf_bytes after)
{
    for (size_t i = 0; i < count; i++) {
        if (!gen__bytes_begin(rows[i].key, prefix) ||
            gen__bytes_order(rows[i].key, after) <= 0)
            return false;
        after = rows[i].key;
    }
    return true;
}

enum agner_err gen_store_scan(struct gen *self, struct gen_store *store,
                              etf_bytes prefix, etf_bytes after, size_t limit,
                              struct etf_region *r, struct gen_store_row *rows,
                              size_t *count, struct agner_error *error)
{
    enum agner_err err;

    if (limit == 0 || limit > GEN_STORE_ROWS_MAX)
        return agner_fail(error, AGNER_EINVAL, "a page of %zu rows, 1 to %u",
                          limit, GEN_STORE_ROWS_MAX);
    if (prefix.size > GEN_STORE_KEY_MAX || after.size > GEN_STORE_KEY_MAX)
        return agner_fail(error, AGNER_ELIMIT, "a key over %u bytes",
                          GEN_STORE_KEY_MAX);
    err = begin(store, error);
    if (err != AGNER_OK)
        return err;
    err = store->ops->scan(store->ctx, self, prefix, after, limit, r, rows,
                           count, error);
    done(self, store);
    if (err == AGNER_OK && !in_order(rows, *count, prefix, after))
        return agner_fail(error, AGNER_ECORRUPT, "a row out of its order");
    return err;
}
