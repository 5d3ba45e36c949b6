/*
 * env.c -- the environment: settings that a process finds by key.
 *
 * Three layers, the first that has the key counts: the process's own, which it
 * got from its spawner by copy (heritage.h); that of its application; that of
 * the node. The lower two are looked up at call time and may be changed by any
 * thread. Each layer is one immutable map in a box, so that a reader only holds
 * the lock to take a count of it. Source: spec/gen.md 1.16.
 */
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "worker.h"

struct layer {
    etf_term scope; /* an application, or ETF_NONE: the node */
    struct etf_box *map;
};

struct layers {
    rt_spin writing; /* who changes a layer; taken before `lock` */
    rt_spin lock;    /* guards the rest */
    struct layer *items;
    uint32_t count;
};

enum agner_err rt__env_init(struct rt *rt)
{
    rt->layers = calloc(1, sizeof *rt->layers);
    return rt->layers == NULL ? AGNER_ENOMEM : AGNER_OK;
}

void rt__env_fini(struct rt *rt)
{
    uint32_t i;

    if (rt->layers == NULL)
        return;
    for (i = 0; i < rt->layers->count; i++)
        etf_box_free(rt->layers->items[i].map);
    free(rt->layers->items);
    free(rt->layers);
}

/* ---- Maps
 * ----------------------------------------------------------------------- */

static bool is_key(etf_term key)
{
    static const char reserved[] = "agner:";
    size_t size = sizeof reserved - 1;
    etf_bytes text = { NULL, 0 };

    if (etf_is_atom(key))
        text = etf_atom_text(key);
    else if (!etf_get_bytes(key, &text))
        return false;
    return text.size < size || memcmp(text.data, reserved, size) != 0;
}

/* ETF_NONE when there is no such key, also in no map at all. */
static etf_term look_up(etf_term map, etf_term key)
{
    return etf_is_none(map) ? ETF_NONE : etf_map_get(map, key);
}

static etf_term empty_map(struct etf_region *r)
{
    return etf_map(r, NULL, 0);
}

/* `map`, which may be none, with the pair, or without the key. ETF_NONE: no
 * memory. */
static etf_term changed(struct etf_region *r, etf_term map, etf_term key,
                        etf_term value)
{
    etf_term *pairs, k, v;
    size_t i, count = 0, size = etf_is_none(map) ? 0 : etf_map_size(map);

    if (!etf_is_none(value))
        return etf_map_put(r, etf_is_none(map) ? empty_map(r) : map, key,
                           value);
    pairs = (etf_term *)etf__region_words(r, 2 * size + 1);
    for (i = 0; pairs != NULL && i < size; i++) {
        etf_map_pair(map, i, &k, &v);
        if (etf_compare_exact(k, key) == 0)
            continue;
        pairs[count++] = k;
        pairs[count++] = v;
    }
    return pairs == NULL ? ETF_NONE : etf_map(r, pairs, count / 2);
}

/* Both maps, either of which may be none; where both have a key, `high`
 * counts. Both are in order. ETF_NONE: no memory. */
static etf_term merged(struct etf_region *r, etf_term low, etf_term high)
{
    size_t low_size = etf_is_none(low) ? 0 : etf_map_size(low);
    size_t high_size = etf_is_none(high) ? 0 : etf_map_size(high);
    size_t i = 0, j = 0, count = 0;
    etf_term *pairs =
        (etf_term *)etf__region_words(r, 2 * (low_size + high_size) + 1);
    etf_term low_key = ETF_NONE, low_value = ETF_NONE;

    if (pairs == NULL)
        return ETF_NONE;
    while (i < low_size || j < high_size) {
        int order = 1;

        if (i < low_size)
            etf_map_pair(low, i, &low_key, &low_value);
        if (j < high_size) {
            etf_map_pair(high, j, &pairs[count], &pairs[count + 1]);
            if (i < low_size)
                order = etf_compare_exact(low_key, pairs[count]);
        } else {
            order = -1;
        }
        if (order < 0) {
            pairs[count] = low_key;
            pairs[count + 1] = low_value;
        }
        i += order <= 0;
        j += order >= 0;
        count += 2;
    }
    return etf_map(r, pairs, count / 2);
}

/* The map in a box; an empty one is none at all. Returns new in *box. */
static enum agner_err boxed(etf_term map, struct etf_box **box)
{
    *box = NULL;
    if (etf_is_none(map))
        return AGNER_ENOMEM;
    if (etf_map_size(map) == 0)
        return AGNER_OK;
    *box = etf_box_new(map);
    return *box == NULL ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err rt__env_overlay(etf_term low, etf_term high,
                               struct etf_box **box)
{
    uint64_t words[64];
    struct etf_region r;
    etf_term key, value;
    enum agner_err err;
    size_t i;

    if (!etf_is_none(high) && etf_kind(high) != ETF_KIND_MAP)
        return AGNER_EINVAL;
    for (i = 0; !etf_is_none(high) && i < etf_map_size(high); i++) {
        etf_map_pair(high, i, &key, &value);
        if (!is_key(key))
            return AGNER_EINVAL;
    }
    etf__region_init(&r, words, 64, 0);
    err = boxed(merged(&r, low, high), box);
    etf__region_fini(&r);
    return err;
}

/* ---- A process's own
 * -------------------------------------------------------------- */

enum agner_err rt_env_set(struct gen *self, etf_term key, etf_term value)
{
    uint64_t words[64];
    struct etf_region r;
    struct etf_box *box;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (!is_key(key))
        return AGNER_EINVAL;
    etf__region_init(&r, words, 64, 0);
    err = boxed(changed(&r, rt__heritage_env(self->process), key, value), &box);
    etf__region_fini(&r);
    if (err != AGNER_OK)
        return err;
    return rt__heritage_equip(self->rt, self->worker, self->process, box);
}

enum agner_err rt_env_get(struct gen *self, etf_term key, etf_term *value)
{
    etf_term found = look_up(rt__heritage_env(self->process), key);
    etf_term application;
    enum agner_err err;

    if (!etf_is_none(found)) {
        found = etf_copy(&self->scratch, found);
        if (etf_is_none(found))
            return AGNER_ENOMEM;
        *value = found;
        return AGNER_OK;
    }
    application = rt_application(self);
    if (!etf_is_none(application)) {
        err = rt_env_find(self->rt, &self->scratch, application, key, value);
        if (err != AGNER_EUNKNOWN)
            return err;
    }
    return rt_env_find(self->rt, &self->scratch, ETF_NONE, key, value);
}

enum agner_err rt_env_list(struct gen *self, etf_term *map)
{
    struct etf_region *r = &self->scratch;
    etf_term application = rt_application(self);
    etf_term all, layer;
    enum agner_err err = rt_env_all(self->rt, r, ETF_NONE, &all);

    if (err == AGNER_OK && !etf_is_none(application)) {
        err = rt_env_all(self->rt, r, application, &layer);
        if (err == AGNER_OK)
            all = merged(r, all, layer);
    }
    if (err != AGNER_OK)
        return err;
    all = etf_copy(r, merged(r, all, rt__heritage_env(self->process)));
    if (etf_is_none(all))
        return AGNER_ENOMEM;
    *map = all;
    return AGNER_OK;
}

/* ---- Applications and the node
 * ----------------------------------------------------- */

/* `lock` is held, or `writing`. NULL: there is none. */
static struct layer *layer_of(const struct layers *l, etf_term scope)
{
    uint32_t i;

    for (i = 0; i < l->count; i++)
        if (etf_same(l->items[i].scope, scope))
            return &l->items[i];
    return NULL;
}

/* The layer's map, with a count for the caller; NULL: empty. */
static struct etf_box *take(struct layers *l, etf_term scope)
{
    const struct layer *layer;
    struct etf_box *box = NULL;

    rt__lock(&l->lock);
    layer = layer_of(l, scope);
    if (layer != NULL && layer->map != NULL)
        box = etf_box_hold(layer->map);
    rt__unlock(&l->lock);
    return box;
}

/* Takes `box` on success. `writing` is held. */
static enum agner_err replace(struct layers *l, etf_term scope,
                              struct etf_box *box)
{
    struct layer *layer, *items;
    struct etf_box *before = NULL;
    enum agner_err err = AGNER_OK;

    rt__lock(&l->lock);
    layer = layer_of(l, scope);
    if (layer == NULL) {
        items = realloc(l->items, (l->count + 1) * sizeof *items);
        if (items != NULL) {
            l->items = items;
            layer = &items[l->count++];
            layer->scope = scope;
            layer->map = NULL;
        }
    }
    if (layer != NULL) {
        before = layer->map;
        layer->map = box;
    } else {
        err = AGNER_ENOMEM;
    }
    rt__unlock(&l->lock);
    etf_box_free(before);
    return err;
}

static bool is_scope(etf_term scope)
{
    return etf_is_none(scope) || etf__tag(scope) == ETF__ATOM;
}

enum agner_err rt_env_put(struct rt *rt, etf_term scope, etf_term key,
                          etf_term value)
{
    struct layers *l = rt->layers;
    uint64_t words[64];
    struct etf_region r;
    const struct layer *layer;
    struct etf_box *box;
    enum agner_err err;

    if (!is_scope(scope) || !is_key(key))
        return AGNER_EINVAL;
    etf__region_init(&r, words, 64, 0);
    rt__lock(&l->writing);
    layer = layer_of(l, scope);
    err = boxed(changed(&r,
                        layer == NULL || layer->map == NULL
                            ? ETF_NONE
                            : etf_box_term(layer->map),
                        key, value),
                &box);
    if (err == AGNER_OK) {
        err = replace(l, scope, box);
        if (err != AGNER_OK)
            etf_box_free(box);
    }
    rt__unlock(&l->writing);
    etf__region_fini(&r);
    return err;
}

enum agner_err rt_env_find(struct rt *rt, struct etf_region *r, etf_term scope,
                           etf_term key, etf_term *value)
{
    struct etf_box *box = take(rt->layers, scope);
    etf_term found = look_up(box == NULL ? ETF_NONE : etf_box_term(box), key);
    enum agner_err err = AGNER_EUNKNOWN;

    if (!etf_is_none(found)) {
        found = etf_copy(r, found);
        err = etf_is_none(found) ? AGNER_ENOMEM : AGNER_OK;
    }
    if (err == AGNER_OK)
        *value = found;
    etf_box_free(box);
    return err;
}

enum agner_err rt_env_all(struct rt *rt, struct etf_region *r, etf_term scope,
                          etf_term *map)
{
    struct etf_box *box = take(rt->layers, scope);
    etf_term all = box == NULL ? empty_map(r) : etf_copy(r, etf_box_term(box));

    etf_box_free(box);
    if (etf_is_none(all))
        return AGNER_ENOMEM;
    *map = all;
    return AGNER_OK;
}
