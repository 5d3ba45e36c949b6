/*
 * disk.c -- a store of a test's own: disk.h. Not quick, and not large.
 */
#include "disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int compare(const uint8_t *a, size_t a_size, const uint8_t *b,
                   size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);

    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static uint8_t *copy(etf_bytes bytes)
{
    uint8_t *data = malloc(bytes.size + 1);

    assert_non_null(data);
    if (bytes.size != 0)
        memcpy(data, bytes.data, bytes.size);
    return data;
}

static void drop(struct disk *d, size_t i)
{
    free(d->rows[i].key);
    free(d->rows[i].value);
    memmove(&d->rows[i], &d->rows[i + 1], (--d->count - i) * sizeof d->rows[0]);
}

/* Where it is, or belongs. */
static size_t place(const struct disk *d, etf_bytes key, bool *there)
{
    size_t i = 0;
    int order = -1;

    while (i < d->count && (order = compare(d->rows[i].key, d->rows[i].key_size,
                                            key.data, key.size)) < 0)
        i++;
    *there = i < d->count && order == 0;
    return i;
}

static enum agner_err put(void *ctx, struct gen *self,
                          const struct gen_store_write *writes, size_t count,
                          struct agner_error *error)
{
    struct disk *d = ctx;
    enum agner_err err = d->fault != NULL ? d->fault(d->ctx) : AGNER_OK;

    (void)self;
    (void)error;
    if (err != AGNER_OK)
        return err;
    for (size_t n = 0; n < count; n++) {
        bool there;
        size_t i = place(d, writes[n].key, &there);

        if (there)
            drop(d, i);
        if (writes[n].erase)
            continue;
        assert_true(d->count < DISK_ROWS);
        memmove(&d->rows[i + 1], &d->rows[i],
                (d->count++ - i) * sizeof d->rows[0]);
        d->rows[i] =
            (struct disk_row){ copy(writes[n].key), copy(writes[n].value),
                               writes[n].key.size, writes[n].value.size };
    }
    return AGNER_OK;
}

static enum agner_err get(void *ctx, struct gen *self, etf_bytes key,
                          struct etf_region *r, etf_bytes *value,
                          struct agner_error *error)
{
    (void)ctx;
    (void)self;
    (void)key;
    (void)r;
    (void)value;
    (void)error;
    return AGNER_ENOTSUP; /* nobody asks */
}

static etf_bytes in_region(struct etf_region *r, const uint8_t *data,
                           size_t size)
{
    etf_bytes bytes = { NULL, 0 };

    (void)etf_get_bytes(etf_binary(r, data, size), &bytes);
    return bytes;
}

static enum agner_err scan(void *ctx, struct gen *self, etf_bytes prefix,
                           etf_bytes after, size_t limit, struct etf_region *r,
                           struct gen_store_row *rows, size_t *count,
                           struct agner_error *error)
{
    const struct disk *d = ctx;

    (void)self;
    (void)error;
    *count = 0;
    for (size_t i = 0; i < d->count && *count < limit; i++) {
        const struct disk_row *row = &d->rows[i];

        if (row->key_size < prefix.size ||
            memcmp(row->key, prefix.data, prefix.size) != 0 ||
            (after.size != 0 &&
             compare(row->key, row->key_size, after.data, after.size) <= 0))
            continue;
        rows[*count].key = in_region(r, row->key, row->key_size);
        rows[(*count)++].value = in_region(r, row->value, row->value_size);
    }
    return AGNER_OK;
}

static const struct gen_store_ops ops = {
    .name = "disk", .put = put, .get = get, .scan = scan
};

struct gen_store *disk_store(struct disk *disk, struct rt *rt)
{
    struct gen_store *store = NULL;

    assert_int_equal(gen_store_custom(rt, &ops, disk, &store), AGNER_OK);
    return store;
}

void disk_clear(struct disk *d)
{
    while (d->count > 0)
        drop(d, d->count - 1);
}
