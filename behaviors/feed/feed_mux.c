/*
 * feed_mux.c -- a feed whose subscribers want some types of event only.
 *
 * A mux knows its types by the order in which they were first asked for; a
 * subscription is a mask of them, and so is an event, which is matched with
 * each type once. All its cursors are APART (feed_core.h).
 */
#include <agner/gen_mux.h>

#include "feed/feed_core.h"

#include <stdlib.h>

struct gen_mux {
    _Atomic uint32_t refs;
    struct gen_feed *feed; /* held */
    rt_spin lock;          /* for adding types */
    _Atomic uint32_t count;
    struct gen_feed_type *types[GEN_MUX_TYPES_MAX]; /* borrowed: static */
};

enum agner_err gen_mux_new(struct gen *self, struct gen_mux **out)
{
    const struct gen_feed_options options = { .timed = true };
    struct gen_mux *mux = calloc(1, sizeof *mux);
    enum agner_err err;

    if (mux == NULL)
        return AGNER_ENOMEM;
    store_relaxed(&mux->refs, 1u);
    err = gen_feed_new(self, &options, &mux->feed);
    if (err == AGNER_OK)
        *out = mux;
    else
        free(mux);
    return err;
}

struct gen_mux *gen_mux_hold(struct gen_mux *mux)
{
    add_relaxed(&mux->refs, 1u);
    return mux;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_mux_free(struct gen_mux *mux)
{
    if (mux == NULL || sub_acq_rel(&mux->refs, 1u) != 1)
        return;
    gen_feed_free(mux->feed);
    free(mux);
}

/* ---- Types --------------------------------------------------------------- */

/* Its bit; 0: there are too many. */
static uint64_t bit_of(struct gen_mux *mux, struct gen_feed_type *type)
{
    uint32_t count = load_relaxed(&mux->count), i = 0;

    while (i < count && mux->types[i] != type)
        i++;
    if (i == GEN_MUX_TYPES_MAX)
        return 0;
    if (i == count) {
        mux->types[i] = type;
        /* Pairs with the acquire of who posts: the type. */
        store_release(&mux->count, count + 1);
    }
    return (uint64_t)1 << i;
}

static enum agner_err mask_of(struct gen_mux *mux,
                              struct gen_feed_type *const *types, size_t count,
                              uint64_t *mask)
{
    enum agner_err err = AGNER_OK;

    *mask = 0;
    for (size_t i = 0; i < count && err == AGNER_OK; i++) {
        for (size_t j = 0; j < i; j++) {
            if (types[j] == types[i])
                return AGNER_EINVAL;
        }
        err = i == GEN_MUX_TYPES_MAX ? AGNER_ELIMIT
                                     : gen__feed_type_check(types[i]);
    }
    if (err != AGNER_OK)
        return err;
    rt__lock(&mux->lock);
    for (size_t i = 0; i < count && err == AGNER_OK; i++) {
        uint64_t bit = bit_of(mux, types[i]);

        err = bit == 0 ? AGNER_ELIMIT : AGNER_OK;
        *mask |= bit;
    }
    rt__unlock(&mux->lock);
    return err;
}

static uint64_t types_of(struct gen_mux *mux, etf_term event)
{
    uint32_t count = load_acquire(&mux->count);
    uint64_t mask = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct gen_feed_type *type = mux->types[i];

        if (etf__match(&type->cache, type->pattern, event, NULL, 0))
            mask |= (uint64_t)1 << i;
    }
    return mask;
}

/* ---- Use ----------------------------------------------------------------- */

enum agner_err gen_mux_subscribe(struct gen *self, struct gen_mux *mux,
                                 struct gen_feed_type *const *types,
                                 size_t count,
                                 const struct gen_sub_options *options,
                                 struct gen_sub **sub)
{
    uint64_t mask;
    enum agner_err err = mask_of(mux, types, count, &mask);

    if (err != AGNER_OK)
        return err;
    return gen__feed_follow(self, mux->feed, options, mask, sub);
}

enum agner_err gen_mux_post(struct gen *self, struct gen_mux *mux,
                            etf_term event, uint64_t timeout_ms)
{
    if (etf_is_none(event))
        return AGNER_EINVAL;
    return gen__feed_send(self, mux->feed, event, types_of(mux, event), true,
                          timeout_ms, NULL, NULL, NULL);
}

void gen_mux_stop(struct gen *self, struct gen_mux *mux)
{
    (void)gen_feed_close(self, mux->feed, ETF_A(normal));
}
