/*
 * subs.c -- the subscriptions of a stage: see subs.h.
 */
#include "stage/subs.h"

#include <stdlib.h>
#include <string.h>

/* ---- Hashes ------------------------------------------------------------- */

static uint32_t mix(uint32_t h, uint32_t word)
{
    h = (h ^ word) * 0x9e3779b1u;
    return h ^ h >> 15;
}

static uint32_t hash_ref(const etf_ref *ref)
{
    uint32_t h = ref->creation;

    for (uint32_t i = 0; i < ref->count; i++)
        h = mix(h, ref->words[i]);
    return h;
}

static uint32_t hash_key(etf_term key)
{
    etf_ref ref;

    return etf_get_ref(key, &ref) ? hash_ref(&ref) : etf_phash2(key, 0);
}

/* ---- One ---------------------------------------------------------------- */

struct stage_sub *gen__sub_new(struct gen *self, enum stage_side side,
                               etf_term key, etf_term to, etf_term options)
{
    struct stage_sub *sub = calloc(1, sizeof *sub);
    etf_term all;
    const etf_term *items;

    if (sub == NULL)
        return NULL;
    if (etf_is_none(options))
        options = etf_nil();
    all =
        etf_make(self, "{{_, _}, _, _}", rt_self_term(self), key, to, options);
    if (!etf_is_none(all))
        sub->box = etf_box_new(all);
    if (sub->box == NULL) {
        free(sub);
        return NULL;
    }
    items = etf_tuple_items(etf_box_term(sub->box));
    sub->side = side;
    sub->from = items[0];
    sub->key = etf_tuple_items(sub->from)[1];
    sub->to = items[1];
    sub->options = items[2];
    (void)etf_get_ref(sub->key, &sub->sub.ref);
    (void)etf_get_pid(sub->to, &sub->sub.pid);
    return sub;
}

void gen__sub_free(struct stage_sub *sub)
{
    if (sub == NULL)
        return;
    etf_box_free(sub->box);
    etf_box_free(sub->reason);
    free(sub->again);
    free(sub);
}

void gen__sub_set(struct stage_sub *sub, enum gen_stage_cancel mode,
                  bool manual)
{
    sub->mode = mode;
    sub->manual = manual;
    store_relaxed(&sub->shown_mode, (uint32_t)mode);
    store_relaxed(&sub->shown_manual, manual ? 1u : 0u);
}

/* ---- The table ---------------------------------------------------------- */

static void hook_in(struct stage_subs *subs, struct stage_hook *hook)
{
    struct stage_hook **bucket =
        &subs->buckets[hook->hash & (subs->bucket_count - 1)];

    hook->next = *bucket;
    *bucket = hook;
}

static void hook_out(struct stage_subs *subs, struct stage_hook *hook)
{
    struct stage_hook **at =
        &subs->buckets[hook->hash & (subs->bucket_count - 1)];

    while (*at != hook)
        at = &(*at)->next;
    *at = hook->next;
    subs->hook_count--;
}

/* A table that cannot grow only becomes slower. */
static bool make_room(struct stage_subs *subs, uint32_t more)
{
    uint32_t count = subs->bucket_count == 0 ? 8 : subs->bucket_count * 2;
    struct stage_hook **old = subs->buckets;
    struct stage_hook **buckets;

    if (subs->hook_count + more <= subs->bucket_count)
        return true;
    buckets = calloc(count, sizeof(struct stage_hook *));
    if (buckets == NULL)
        return old != NULL;
    subs->buckets = buckets;
    for (uint32_t i = 0; i < count / 2 && old != NULL; i++) {
        while (old[i] != NULL) {
            struct stage_hook *hook = old[i];

            old[i] = hook->next;
            hook->next = buckets[hook->hash & (count - 1)];
            buckets[hook->hash & (count - 1)] = hook;
        }
    }
    subs->bucket_count = count;
    free(old);
    return true;
}

/* ---- Indexes of consumers ----------------------------------------------- */

static bool index_new(struct stage_subs *subs, struct stage_sub *sub)
{
    uint32_t capacity = subs->index_capacity;

    if (subs->free_count == 0 && subs->index_count == capacity) {
        struct stage_sub **by_index;
        uint32_t *free_list;

        capacity = capacity == 0 ? 4 : capacity * 2;
        free_list = realloc(subs->free, capacity * sizeof *free_list);
        if (free_list == NULL)
            return false;
        subs->free = free_list;
        by_index =
            realloc(subs->by_index, capacity * sizeof(struct stage_sub *));
        if (by_index == NULL)
            return false;
        subs->by_index = by_index;
        subs->index_capacity = capacity;
    }
    sub->consumer.sub = sub->sub;
    sub->consumer.index = subs->free_count > 0 ? subs->free[--subs->free_count]
                                               : subs->index_count++;
    subs->by_index[sub->consumer.index] = sub;
    return true;
}

/* ---- In and out --------------------------------------------------------- */

static void list(struct stage_subs *subs, struct stage_sub *sub)
{
    unsigned side = sub->side;

    sub->prev = subs->last[side];
    if (sub->prev == NULL)
        subs->first[side] = sub;
    else
        sub->prev->next = sub;
    subs->last[side] = sub;
    subs->count[side]++;
}

static void unlist(struct stage_subs *subs, struct stage_sub *sub)
{
    unsigned side = sub->side;

    if (sub->prev == NULL)
        subs->first[side] = sub->next;
    else
        sub->prev->next = sub->next;
    if (sub->next == NULL)
        subs->last[side] = sub->prev;
    else
        sub->next->prev = sub->prev;
    sub->next = sub->prev = NULL;
    subs->count[side]--;
}

bool gen__subs_add(struct stage_subs *subs, struct stage_sub *sub)
{
    /* Who made a key that is no reference knows it here by our monitor. */
    if (sub->sub.ref.count == 0)
        sub->sub.ref = sub->monitor;
    if (!make_room(subs, 2))
        return false;
    if (sub->side == STAGE_TO_CONSUMER && !index_new(subs, sub))
        return false;
    sub->by_key = (struct stage_hook){ .sub = sub, .hash = hash_key(sub->key) };
    sub->by_monitor =
        (struct stage_hook){ .sub = sub, .hash = hash_ref(&sub->monitor) };
    hook_in(subs, &sub->by_key);
    hook_in(subs, &sub->by_monitor);
    subs->hook_count += 2;
    rt__lock(&subs->lock);
    list(subs, sub);
    rt__unlock(&subs->lock);
    return true;
}

void gen__subs_remove(struct stage_subs *subs, struct stage_sub *sub)
{
    hook_out(subs, &sub->by_key);
    hook_out(subs, &sub->by_monitor);
    if (sub->side == STAGE_TO_CONSUMER) {
        subs->by_index[sub->consumer.index] = NULL;
        subs->free[subs->free_count++] = sub->consumer.index;
    }
    rt__lock(&subs->lock);
    unlist(subs, sub);
    rt__unlock(&subs->lock);
}

void gen__subs_fini(struct stage_subs *subs)
{
    for (unsigned side = 0; side < 2; side++) {
        while (subs->first[side] != NULL) {
            struct stage_sub *sub = subs->first[side];

            subs->first[side] = sub->next;
            gen__sub_free(sub);
        }
    }
    free(subs->buckets);
    free(subs->free);
    free(subs->by_index);
}

/* ---- Finding ------------------------------------------------------------ */

static struct stage_hook *bucket_of(const struct stage_subs *subs,
                                    uint32_t hash)
{
    if (subs->bucket_count == 0)
        return NULL;
    return subs->buckets[hash & (subs->bucket_count - 1)];
}

struct stage_sub *gen__subs_find(const struct stage_subs *subs,
                                 enum stage_side side, etf_term key)
{
    uint32_t hash = hash_key(key);
    struct stage_hook *hook;

    for (hook = bucket_of(subs, hash); hook != NULL; hook = hook->next)
        if (hook->hash == hash && hook == &hook->sub->by_key &&
            hook->sub->side == side && etf_equal(hook->sub->key, key))
            return hook->sub;
    return NULL;
}

static struct stage_sub *find_monitor(const struct stage_subs *subs,
                                      enum stage_side side, etf_ref monitor)
{
    uint32_t hash = hash_ref(&monitor);
    struct stage_hook *hook;

    for (hook = bucket_of(subs, hash); hook != NULL; hook = hook->next)
        if (hook->hash == hash && hook == &hook->sub->by_monitor &&
            hook->sub->side == side &&
            etf_ref_equal(hook->sub->monitor, monitor))
            return hook->sub;
    return NULL;
}

struct stage_sub *gen__subs_find_monitor(const struct stage_subs *subs,
                                         etf_ref monitor)
{
    return find_monitor(subs, STAGE_TO_CONSUMER, monitor);
}

struct stage_sub *gen__subs_find_ref(const struct stage_subs *subs,
                                     enum stage_side side, etf_ref ref)
{
    uint32_t hash = hash_ref(&ref);
    struct stage_hook *hook;

    for (hook = bucket_of(subs, hash); hook != NULL; hook = hook->next)
        if (hook->hash == hash && hook->sub->side == side &&
            etf_ref_equal(hook->sub->sub.ref, ref))
            return hook->sub;
    return NULL;
}
