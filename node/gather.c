/*
 * gather.c -- bytes in a blob that grows: see gather.h.
 */
#include "gather.h"

#include <assert.h>
#include <string.h>

#define ROOM_MIN 256u
#define LENT_MIN 32768u /* smaller ones the allocator keeps by itself */

static size_t room_of(const struct node__gather *g)
{
    return g->blob == NULL ? 0 : g->blob->size;
}

static enum agner_err resize(struct node__gather *g, size_t room)
{
    struct etf_blob *blob =
        g->blob == NULL ? etf__blob_new(room) : etf__blob_resize(g->blob, room);

    if (blob == NULL)
        return AGNER_ENOMEM;
    g->blob = blob;
    return AGNER_OK;
}

enum agner_err node__gather_reserve(struct node__gather *g, size_t more)
{
    size_t room = room_of(g), need;

    assert(g->blob == NULL || !etf__blob_is_shared(g->blob));
    if (__builtin_add_overflow(g->size, more, &need))
        return AGNER_ENOMEM;
    if (need <= room)
        return AGNER_OK;
    room = room > SIZE_MAX / 2 ? SIZE_MAX : room * 2;
    if (room < need)
        room = need;
    return resize(g, room < ROOM_MIN ? ROOM_MIN : room);
}

enum agner_err node__gather_add(struct node__gather *g, const uint8_t *bytes,
                                size_t size)
{
    enum agner_err err = node__gather_reserve(g, size);

    if (err != AGNER_OK || size == 0)
        return err;
    if (bytes != g->blob->bytes + g->size) /* else they were put there */
        memcpy(g->blob->bytes + g->size, bytes, size);
    g->size += size;
    return AGNER_OK;
}

void node__gather_fit(struct node__gather *g)
{
    if (room_of(g) - g->size > room_of(g) / 4)
        (void)resize(g, g->size); /* without memory it stays as it is */
}

static void drop(struct etf_blob *blob)
{
    if (blob != NULL)
        etf__blob_drop(blob);
}

/* It takes the place of the oldest one. */
static void lend(struct node__gather *g, struct node__lent *lent)
{
    drop(lent->blobs[lent->next]);
    lent->blobs[lent->next] = g->blob;
    lent->next = (lent->next + 1) % NODE__LENT_MAX;
    g->blob = NULL;
}

void node__gather_clear(struct node__gather *g, size_t room_max,
                        struct node__lent *lent)
{
    size_t room = room_of(g);

    g->size = 0;
    if (g->blob == NULL)
        return;
    if (room <= room_max && !etf__blob_is_shared(g->blob))
        return;
    if (lent != NULL && room >= LENT_MIN && room <= NODE__LENT_SIZE &&
        etf__blob_is_shared(g->blob))
        lend(g, lent);
    else
        node__gather_fini(g);
}

void node__gather_reuse(struct node__gather *g, size_t size,
                        struct node__lent *lent)
{
    if (g->blob != NULL || size < LENT_MIN)
        return;
    for (unsigned i = 0; i < NODE__LENT_MAX; i++) {
        struct etf_blob *blob = lent->blobs[i];

        if (blob != NULL && blob->size >= size && !etf__blob_is_shared(blob)) {
            lent->blobs[i] = NULL;
            g->blob = blob;
            g->size = 0;
            return;
        }
    }
}

void node__lent_fini(struct node__lent *lent)
{
    for (unsigned i = 0; i < NODE__LENT_MAX; i++)
        drop(lent->blobs[i]);
    *lent = (struct node__lent){ 0 };
}

void node__gather_fini(struct node__gather *g)
{
    if (g->blob != NULL)
        etf__blob_drop(g->blob);
    *g = (struct node__gather){ 0 };
}
