/*
 * blob.c -- bytes and native values that live outside regions, shared by count.
 *
 * A blob's contents never change once a term refers to it. Every boxed term
 * that refers to one holds one count and stands in the list of the block it
 * lives in; whoever frees the block walks the list.
 */
#include "etf_door.h"

#include <stdlib.h>

struct etf_blob *etf__blob_new(size_t size)
{
    struct etf_blob *blob;

    if (size > SIZE_MAX - sizeof *blob)
        return NULL;
    blob = malloc(sizeof *blob + size);
    if (blob == NULL)
        return NULL;
    atomic_init(&blob->refs, 1);
    blob->size = size;
    blob->destroy = NULL;
    blob->value = NULL;
    return blob;
}

struct etf_blob *etf__blob_resize(struct etf_blob *blob, size_t size)
{
    if (size > SIZE_MAX - sizeof *blob)
        return NULL;
    blob = realloc(blob, sizeof *blob + size);
    if (blob != NULL)
        blob->size = size;
    return blob;
}

/*
 * Resources have an order, and an address must not decide it: they are numbered
 * as they are made. This counter and the atom table are all that is global
 * here. Order: relaxed, since only the number matters.
 */
struct etf_blob *etf__resource_new(void *value)
{
    static _Atomic size_t serial;
    struct etf_blob *blob = etf__blob_new(0);

    if (blob == NULL)
        return NULL;
    blob->size = atomic_fetch_add_explicit(&serial, 1, memory_order_relaxed);
    blob->value = value;
    return blob;
}

/* Order: relaxed, since whoever calls this has a count already. */
void etf__blob_hold(struct etf_blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
}

/*
 * Order: release publishes our last reads before the count goes down; acquire,
 * of the one who takes it to zero, pairs with it, so that nobody still reads
 * what is freed.
 */
void etf__blob_drop(struct etf_blob *blob)
{
    if (atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (blob->destroy != NULL)
        blob->destroy(blob->value);
    free(blob);
}

void etf__offheap_drop(uint64_t *list)
{
    while (list != NULL) {
        /* The next link first: a blob's last count may run user code. */
        struct etf_blob *blob = etf__word_blob(list[1]);

        list = etf__word_link(list[2]);
        etf__blob_drop(blob);
    }
}
