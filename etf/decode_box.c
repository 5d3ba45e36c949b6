/*
 * decode_box.c -- external bytes straight into a box.
 *
 * The term is measured first and then decoded into the box's own words. What
 * cannot be measured, or needs more (atoms that are not interned take words),
 * goes through a region and is copied.
 */
#include <agner/etf.h>

#include <stdlib.h>

#include "etf_door.h"
#include "measure.h"

#define SCRATCH_WORDS 128u

static enum agner_err no_memory(struct agner_error *error)
{
    return agner_fail(error, AGNER_ENOMEM, "no memory for a box");
}

static enum agner_err through_region(const uint8_t *bytes, size_t size,
                                     const struct etf_decode_options *opts,
                                     struct etf_box **box, size_t *used,
                                     struct agner_error *error)
{
    uint64_t scratch[SCRATCH_WORDS];
    struct etf_region r;
    struct etf_box *made;
    enum agner_err err;
    etf_term t;

    etf__region_init(&r, scratch, SCRATCH_WORDS, 0);
    err = etf_decode(&r, bytes, size, opts, &t, used, error);
    if (err == AGNER_OK) {
        made = etf_box_new(t);
        if (made == NULL)
            err = no_memory(error);
        else
            *box = made;
    }
    etf__region_fini(&r);
    return err;
}

/* The region is the box's words and nothing else: it cannot grow. */
static enum agner_err in_place(struct etf_box *made, size_t count,
                               const uint8_t *bytes, size_t size,
                               const struct etf_decode_options *opts,
                               size_t *used, struct agner_error *error)
{
    struct etf_region r;
    enum agner_err err;

    etf__region_init(&r, made->words, count, 1);
    err = etf_decode(&r, bytes, size, opts, &made->term, used, error);
    made->offheap = r.offheap;
    made->word_count = (uint32_t)(r.next - made->words);
    return err;
}

enum agner_err etf_decode_box(const uint8_t *bytes, size_t size,
                              const struct etf_decode_options *opts,
                              struct etf_box **box, size_t *used,
                              struct agner_error *error)
{
    size_t count = etf__measure(bytes, size);
    struct etf_box *made;
    enum agner_err err;

    if (count == SIZE_MAX)
        return through_region(bytes, size, opts, box, used, error);
    made = malloc(sizeof *made + count * sizeof made->words[0]);
    if (made == NULL)
        return no_memory(error);
    atomic_init(&made->refs, 1);
    err = in_place(made, count, bytes, size, opts, used, error);
    if (err == AGNER_OK) {
        *box = made;
        return AGNER_OK;
    }
    etf_box_free(made);
    if (err == AGNER_ENOMEM) /* it was larger than measured, perhaps */
        return through_region(bytes, size, opts, box, used, error);
    return err;
}
