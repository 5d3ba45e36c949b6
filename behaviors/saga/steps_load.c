/*
 * steps_load.c -- durable sagas in the store: all of them, and one.
 *
 * The two rows of a saga follow each other in key order, head first, but a page
 * may end between them: the head waits in a buffer.
 */
#include "saga/steps_internal.h"

#include <stdio.h>
#include <string.h>

#define PAGE 100u

/* ---- One ----------------------------------------------------------------- */

static etf_bytes bytes_of(const struct etf_buffer *b)
{
    return (etf_bytes){ b->data, b->size };
}

static enum agner_err read_row(struct gen *self, struct steps_room *room,
                               etf_term id, uint8_t row, etf_bytes *value,
                               struct agner_error *error)
{
    struct etf_buffer key = { 0 };
    enum agner_err err = gen__journal_key(&key, room->table->name, id, row);

    if (err == AGNER_OK)
        err = gen_store_get(self, room->store, bytes_of(&key), rt_region(self),
                            value, error);
    etf_buffer_fini(&key);
    return err;
}

enum agner_err gen__steps_read(struct gen *self, struct steps_room *room,
                               etf_term id, struct journal *j,
                               struct agner_error *error)
{
    struct etf_self node = rt_node(room->rt);
    etf_bytes head, progress;
    enum agner_err err = read_row(self, room, id, JOURNAL_HEAD, &head, error);

    if (err == AGNER_OK)
        err = read_row(self, room, id, JOURNAL_PROGRESS, &progress, error);
    if (err == AGNER_EUNKNOWN)
        return agner_fail(error, AGNER_ECORRUPT, "a row that is missing");
    if (err == AGNER_OK)
        err =
            gen__journal_read(rt_region(self), &node, head, progress, j, error);
    if (err == AGNER_OK && !etf_equal(j->id, id))
        err = agner_fail(error, AGNER_ECORRUPT, "a row of another saga");
    return err;
}

enum agner_err gen__steps_write(struct gen *self, struct steps_room *room,
                                const struct journal *j, bool head,
                                struct agner_error *error)
{
    struct etf_self node = rt_node(room->rt);
    struct etf_buffer keys[2] = { { 0 } }, values[2] = { { 0 } };
    const char *name = room->table->name;
    struct gen_store_write writes[2] = { { .erase = false } };
    struct etf_region *r = rt_region(self);
    enum agner_err err =
        gen__journal_key(&keys[0], name, j->id, JOURNAL_PROGRESS);

    if (err == AGNER_OK)
        err = gen__journal_write_progress(&values[0], r, &node, j);
    if (err == AGNER_OK && head)
        err = gen__journal_key(&keys[1], name, j->id, JOURNAL_HEAD);
    if (err == AGNER_OK && head)
        err = gen__journal_write_head(&values[1], r, &node, j);
    if (err == AGNER_OK) {
        for (unsigned i = 0; i < 2; i++) {
            writes[i].key = bytes_of(&keys[i]);
            writes[i].value = bytes_of(&values[i]);
        }
        err = gen_store_put(self, room->store, writes, head ? 2 : 1, error);
    } else {
        (void)agner_fail(error, err, "a row: %s", agner_strerror(err));
    }
    for (unsigned i = 0; i < 2; i++) {
        etf_buffer_fini(&keys[i]);
        etf_buffer_fini(&values[i]);
    }
    return err;
}

/* ---- All ----------------------------------------------------------------- */

struct loading {
    struct gen *self;
    struct steps_room *room;
    steps_each each;
    void *ctx;
    struct etf_region *r;       /* of this page */
    struct etf_buffer id, head; /* a head that waits for its progress */
    struct journal j;
};

static enum agner_err tell(struct loading *l, etf_bytes id_bytes,
                           const struct journal *j, const char *why)
{
    struct etf_region *r = l->r;
    etf_term id;
    enum agner_err err = gen__journal_id(r, id_bytes, &id);

    if (err == AGNER_ECORRUPT) /* its bytes stand for it */
        id = etf_binary(r, id_bytes.data, id_bytes.size);
    else if (err != AGNER_OK)
        return err;
    if (j != NULL && !etf_equal(j->id, id))
        return l->each(l->ctx, r, id, NULL, "a row of another saga");
    return l->each(l->ctx, r, id, j, why);
}

/* A head whose progress did not come. */
static enum agner_err tell_lonely(struct loading *l)
{
    enum agner_err err = AGNER_OK;

    if (l->head.size > 0)
        err = tell(l, bytes_of(&l->id), NULL, "a row that is missing");
    l->head.size = l->id.size = 0;
    return err;
}

static enum agner_err keep_head(struct loading *l, etf_bytes id,
                                etf_bytes value)
{
    enum agner_err err = etf_buffer_add(&l->id, id.data, id.size);

    return err == AGNER_OK ? etf_buffer_add(&l->head, value.data, value.size)
                           : err;
}

static enum agner_err pair(struct loading *l, etf_bytes id, etf_bytes progress)
{
    struct etf_self node = rt_node(l->room->rt);
    struct agner_error why = { 0 };
    enum agner_err err = gen__journal_read(
        rt_region(l->self), &node, bytes_of(&l->head), progress, &l->j, &why);

    l->head.size = l->id.size = 0;
    if (err == AGNER_ENOMEM)
        return err;
    return tell(l, id, err == AGNER_OK ? &l->j : NULL, why.text);
}

static enum agner_err take_row(struct loading *l,
                               const struct gen_store_row *row)
{
    etf_bytes id;
    uint8_t which;
    bool mine;
    enum agner_err err = AGNER_OK;

    if (!gen__journal_split(l->room->table->name, row->key, &id, &which))
        return AGNER_OK; /* of somebody else's with such a name */
    mine = l->head.size > 0 && l->id.size == id.size &&
           memcmp(l->id.data, id.data, id.size) == 0;
    if (which == JOURNAL_PROGRESS && mine)
        return pair(l, id, row->value);
    err = tell_lonely(l);
    if (err != AGNER_OK)
        return err;
    if (which == JOURNAL_HEAD && row->value.size > 0)
        return keep_head(l, id, row->value);
    return which == JOURNAL_HEAD || which == JOURNAL_PROGRESS
               ? tell(l, id, NULL, "a row that is missing")
               : AGNER_OK;
}

/* The rows after `after`, which goes on; *count: how many. */
static enum agner_err page(struct loading *l, etf_bytes prefix,
                           struct etf_buffer *after, size_t *count,
                           struct agner_error *error)
{
    struct gen_store_row rows[PAGE];
    enum agner_err err =
        gen_store_scan(l->self, l->room->store, prefix, bytes_of(after), PAGE,
                       l->r, rows, count, error);

    for (size_t i = 0; err == AGNER_OK && i < *count; i++)
        err = take_row(l, &rows[i]);
    if (err == AGNER_OK && *count == 0)
        return tell_lonely(l);
    after->size = 0;
    if (err == AGNER_OK)
        err = etf_buffer_add(after, rows[*count - 1].key.data,
                             rows[*count - 1].key.size);
    return err;
}

enum agner_err gen__steps_load(struct gen *self, struct steps_room *room,
                               steps_each each, void *ctx,
                               struct agner_error *error)
{
    struct loading l = { .self = self, .room = room, .each = each, .ctx = ctx };
    struct etf_buffer prefix = { 0 }, after = { 0 };
    size_t count = 1;
    enum agner_err err = gen__journal_prefix(&prefix, room->table->name);

    while (err == AGNER_OK && count > 0) {
        l.r = etf_region_new(0);
        if (l.r == NULL)
            err = agner_fail(error, AGNER_ENOMEM, "a page of rows");
        else
            err = page(&l, bytes_of(&prefix), &after, &count, error);
        etf_region_free(l.r);
    }
    etf_buffer_fini(&prefix);
    etf_buffer_fini(&after);
    etf_buffer_fini(&l.id);
    etf_buffer_fini(&l.head);
    return err;
}

/* ---- Erasing ------------------------------------------------------------- */

enum agner_err gen__steps_erase(struct gen *self, struct steps_room *room,
                                struct steps_entry *const *entries,
                                size_t count, struct agner_error *error)
{
    static const uint8_t which[2] = { JOURNAL_HEAD, JOURNAL_PROGRESS };
    struct gen_store_write writes[128];
    struct etf_buffer keys = { 0 };
    size_t ends[128], n = 0;
    enum agner_err err = AGNER_OK;

    for (size_t i = 0; i < 2 * count && i < 128 && err == AGNER_OK; i++) {
        err = gen__journal_key(&keys, room->table->name,
                               etf_box_term(entries[i / 2]->id), which[i % 2]);
        ends[n++] = keys.size;
    }
    for (size_t i = 0; i < n; i++) {
        size_t begin = i == 0 ? 0 : ends[i - 1];

        writes[i] = (struct gen_store_write){
            .key = { keys.data + begin, ends[i] - begin }, .erase = true
        };
    }
    if (err == AGNER_OK)
        err = gen_store_put(self, room->store, writes, n, error);
    etf_buffer_fini(&keys);
    return err;
}
