/*
 * kit.c -- the start of a source or sink, from the starter to its init: kit.h.
 */
#include "stage/kit.h"

#include <stdlib.h>
#include <string.h>

#include "restart.h"

static etf_term copy_of(struct gen *self, const void *bytes, size_t size)
{
    void *copy = malloc(size);
    etf_term t;

    if (copy == NULL)
        return ETF_NONE;
    memcpy(copy, bytes, size);
    t = etf_resource(rt_region(self), copy, free);
    if (etf_is_none(t))
        free(copy);
    return t;
}

static etf_term or_nil(etf_term t)
{
    return etf_is_none(t) ? etf_nil() : t;
}

static etf_term source_term(struct gen *self,
                            const struct gen_stage_source *source)
{
    etf_term items[4];

    items[0] = source->to;
    items[1] = copy_of(self, &source->options, sizeof source->options);
    items[2] = or_nil(source->options.partition);
    items[3] = or_nil(source->options.extra);
    if (etf_is_none(items[1]))
        return ETF_NONE;
    return etf_tuple(rt_region(self), items, 4);
}

etf_term gen__kit_args(struct gen *self, const void *options, size_t size,
                       const struct gen_stage_source *sources, size_t count,
                       etf_term args)
{
    etf_term list = etf_nil(), first = copy_of(self, options, size), source;

    for (size_t i = count; i > 0; i--) {
        source = source_term(self, &sources[i - 1]);
        if (etf_is_none(source))
            return ETF_NONE;
        list = etf_cons(rt_region(self), source, list);
        if (etf_is_none(list))
            return ETF_NONE;
    }
    if (etf_is_none(first))
        return ETF_NONE;
    return etf_tuple(rt_region(self),
                     (const etf_term[]){ first, list, or_nil(args) }, 3);
}

bool gen__kit_take(etf_term term, struct kit *kit)
{
    const etf_term *items;
    void *options;

    if (etf_kind(term) != ETF_KIND_TUPLE || etf_tuple_size(term) != 3)
        return false;
    items = etf_tuple_items(term);
    if (!etf_get_resource(items[0], &options))
        return false;
    *kit = (struct kit){ .options = options,
                         .sources = items[1],
                         .args = items[2] };
    return true;
}

enum agner_err gen__kit_subscribe(struct gen *self, etf_term sources,
                                  bool lasting)
{
    struct gen_stage_subscribe options;
    enum agner_err err = AGNER_OK;
    etf_term source;
    void *copy;

    while (err == AGNER_OK && etf_list_next(&sources, &source)) {
        const etf_term *items = etf_tuple_items(source);

        if (!etf_get_resource(items[1], &copy))
            return AGNER_EINVAL;
        memcpy(&options, copy, sizeof options);
        options.manual = false;
        if (lasting && options.reconnect)
            options.cancel = GEN_STAGE_TEMPORARY;
        /* A partition may be any term but [], which stands for none. */
        options.partition =
            etf_kind(items[2]) == ETF_KIND_NIL ? ETF_NONE : items[2];
        options.extra =
            etf_kind(items[3]) == ETF_KIND_NIL ? ETF_NONE : items[3];
        err = gen_stage_subscribe(self, items[0], &options, NULL);
    }
    return err;
}

/* The value with that key; ETF_NONE: there is none. */
static etf_term value_of(etf_term options, const char *name)
{
    etf_term pair, key, value;

    while (etf_list_next(&options, &pair))
        if (etf_match(pair, "{_, _}", &key, &value) && etf_atom_is(key, name))
            return value;
    return ETF_NONE;
}

static uint64_t option(etf_term options, const char *name, uint64_t otherwise)
{
    uint64_t n;

    return etf_get_uint(value_of(options, name), &n) ? n : otherwise;
}

void gen__kit_demand(etf_term options, uint64_t *min, uint64_t *max)
{
    *max = option(options, "max_demand", 1000);
    *min = option(options, "min_demand", *max / 2);
}

enum gen_stage_cancel gen__kit_mode(etf_term options)
{
    etf_term mode = value_of(options, "cancel");

    if (etf_atom_is(mode, "temporary"))
        return GEN_STAGE_TEMPORARY;
    return etf_atom_is(mode, "transient") ? GEN_STAGE_TRANSIENT
                                          : GEN_STAGE_PERMANENT;
}

enum gen_next gen__kit_stop(struct gen *self, enum agner_err err)
{
    if (err == AGNER_ENOMEM)
        return gen_stop(self, ETF_A(memory_limit));
    return gen_stop(self,
                    etf_make(self, "{bad_opts, _}",
                             etf_text(rt_region(self), agner_strerror(err))));
}

enum gen_next gen__kit_end_later(struct gen *self, etf_term end)
{
    if (gen_stage_async_info(self, rt_self_term(self), end) == AGNER_OK)
        return GEN_NEXT;
    return gen_stop(self, ETF_A(memory_limit));
}

bool gen__kit_orderly(etf_term reason)
{
    switch (gen__end_kind(reason)) {
    case END_NORMAL:
    case END_SHUTDOWN:
    case END_SHUTDOWN_TERM:
        return true;
    case END_KILLED:
    case END_ABNORMAL:
        break;
    }
    return false;
}
