/*
 * box.c -- owned copies of terms, in one piece, shared by count.
 *
 * A box is immutable, so holding one more count is all that sharing takes.
 */
#include "etf_door.h"

#include <stdlib.h>

struct etf_box *etf_box_new(etf_term t)
{
    size_t count = etf__flat_words(t);
    struct etf_box *box;

    if (count == SIZE_MAX || etf_is_none(t))
        return NULL;
    box = malloc(sizeof *box + count * sizeof box->words[0]);
    if (box == NULL)
        return NULL;
    atomic_init(&box->refs, 1);
    box->word_count = (uint32_t)count; /* bounded by ETF_DECODED_MAX */
    box->offheap = NULL;
    box->term = etf__flat_copy(box->words, t, &box->offheap);
    return box;
}

etf_term etf_box_term(const struct etf_box *box)
{
    return box->term;
}

/* Order: relaxed, since whoever calls this has a count already. */
struct etf_box *etf_box_hold(struct etf_box *box)
{
    atomic_fetch_add_explicit(&box->refs, 1, memory_order_relaxed);
    return box;
}

/* Order: as etf__blob_drop(). A single owner needs no read-modify-write: nobody
 * else can be adding a count. */
void etf_box_free(struct etf_box *box)
{
    if (box == NULL)
        return;
    if (atomic_load_explicit(&box->refs, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&box->refs, 1, memory_order_acq_rel) != 1)
        return;
    etf__offheap_drop(box->offheap);
    free(box);
}

size_t etf_box_size(const struct etf_box *box)
{
    return sizeof *box + (size_t)box->word_count * sizeof box->words[0];
}
