/*
 * item.c -- events before they are in a stream.
 */
#include <string.h>

#include "stream/stream.h"

/* Bytes that a term keeps besides its box: large binaries, at its top and in
 * the tuples there, which is where events have them. */
static uint64_t large_bytes(etf_term term)
{
    const etf_term *items = etf_tuple_items(term);
    size_t count = etf_tuple_size(term);
    uint64_t sum = 0;
    etf_bytes bytes;

    if (items == NULL)
        return etf_get_bytes(term, &bytes) && bytes.size >= 256 ? bytes.size
                                                                : 0;
    for (size_t i = 0; i < count; i++) {
        if (etf_get_bytes(items[i], &bytes) && bytes.size >= 256)
            sum += bytes.size;
    }
    return sum;
}

uint64_t gen__box_bytes(const struct etf_box *box)
{
    return etf_box_size(box) + large_bytes(etf_box_term(box));
}

static enum agner_err of_box(struct stream_item *item, struct etf_box *box,
                             bool made)
{
    if (box == NULL)
        return AGNER_ENOMEM;
    item->tag = STREAM_TERM;
    item->slot.term.term = etf_box_term(box);
    item->slot.term.box = box;
    item->owned = true;
    item->made = made;
    item->bytes = gen__box_bytes(box);
    return AGNER_OK;
}

static enum agner_err of_term(struct stream_item *item, etf_term term)
{
    if (etf_is_none(term))
        return AGNER_ENOMEM; /* it could not be built */
    if (!etf_is_word(term))
        return of_box(item, etf_box_new(term), true);
    item->tag = STREAM_TERM;
    item->slot.term.term = term;
    item->slot.term.box = NULL;
    return AGNER_OK;
}

enum agner_err gen__item_make(struct stream_item *item,
                              const struct gen_stream_value *value)
{
    item->owned = item->made = false;
    item->bytes = 0;
    switch (value->form) {
    case GEN_STREAM_TERM:
        return of_term(item, value->term);
    case GEN_STREAM_BOX:
        return of_box(item, value->box, false);
    case GEN_STREAM_BYTES:
        if (value->size > GEN_STREAM_INLINE_MAX)
            return AGNER_ELIMIT;
        item->tag = (uint8_t)(STREAM_BYTES + value->size);
        if (value->size != 0)
            memcpy(item->slot.bytes, value->data, value->size);
        return AGNER_OK;
    case GEN_STREAM_POINTER:
        item->tag = STREAM_POINTER;
        item->slot.pointer.data = value->data;
        item->slot.pointer.size = value->size;
        item->owned = true;
        item->bytes = value->size;
        return AGNER_OK;
    }
    return AGNER_EINVAL;
}

void gen__item_drop(struct stream_item *item)
{
    if (item->made)
        etf_box_free(item->slot.term.box);
}
