/*
 * application_env.c -- the environment of an application, from its layers.
 *
 *   its own defaults < configuration file < command line < set_env that is kept
 *
 * A later one wins, key by key. What comes out is put into the runtime, where
 * any process finds it (rt_env_find); set_env that is not to be kept goes there
 * alone, and so is gone with the next load.
 *
 * Sources: OTP 25, application_controller; spec/gen.md 1.16, 4.3.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "application_table.h"

static bool is_env(etf_term list)
{
    etf_term one, key, value;

    if (etf_list_size(list) < 0)
        return false;
    while (etf_list_next(&list, &one)) {
        if (!etf_match(one, "{_, _}", &key, &value) || !etf_is_atom(key))
            return false;
    }
    return true;
}

bool gen__app_env_is_config(etf_term config)
{
    etf_term section, app, list;

    if (etf_list_size(config) < 0)
        return false;
    while (etf_list_next(&config, &section)) {
        if (!etf_match(section, "{_, _}", &app, &list) || !etf_is_atom(app) ||
            !is_env(list))
            return false;
    }
    return true;
}

/* `map` with the pairs of the list in it; ETF_NONE: no memory. */
static etf_term lay(struct gen *self, etf_term map, etf_term list)
{
    etf_term one, key, value;

    while (etf_list_next(&list, &one)) {
        if (etf_match(one, "{_, _}", &key, &value))
            map = etf_map_put(rt_region(self), map, key, value);
    }
    return map;
}

/* The same with the sections of `app` in a layer of that kind. */
static etf_term lay_sections(struct gen *self, etf_term map,
                             const struct etf_box *layer, const char *app)
{
    etf_term sections, section, name, list;

    if (layer == NULL)
        return map;
    sections = etf_box_term(layer);
    while (etf_list_next(&sections, &section)) {
        if (etf_match(section, "{_, _}", &name, &list) &&
            etf_atom_is(name, app))
            map = lay(self, map, list);
    }
    return map;
}

/* All layers in one map. */
static enum agner_err read_layers(struct gen *self, const struct controller *c,
                                  const struct gen_application *a,
                                  etf_term *map, struct agner_error *error)
{
    struct agner_error why = { AGNER_OK, "" };
    enum agner_err err;
    etf_term defaults;

    err = gen__application_read(self, a->env, &defaults, &why);
    if (err != AGNER_OK)
        return agner_fail(error, AGNER_ENOTLOADED, "%s: env: %s", a->name,
                          why.text);
    if (!is_env(defaults))
        return agner_fail(error, AGNER_ENOTLOADED,
                          "%s: env: expected [{Key, Value}]", a->name);
    *map = lay(self, etf_map(rt_region(self), NULL, 0), defaults);
    *map = lay_sections(self, *map, c->config, a->name);
    *map = lay_sections(self, *map, c->env, a->name);
    *map = lay_sections(self, *map, c->kept, a->name);
    if (etf_is_none(*map))
        return agner_fail(error, AGNER_ENOMEM, "%s: env: %s", a->name,
                          agner_strerror(AGNER_ENOMEM));
    return AGNER_OK;
}

enum agner_err gen__app_env_set(struct gen *self, const struct controller *c,
                                const struct gen_application *a,
                                struct agner_error *error)
{
    etf_term map = ETF_NONE, key, value;
    enum agner_err err = read_layers(self, c, a, &map, error);

    for (size_t i = 0; err == AGNER_OK && i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        err = rt_env_put(rt_of(self), etf_atom(a->name), key, value);
        if (err != AGNER_OK)
            (void)agner_fail(error, err, "%s: env: %s", a->name,
                             agner_strerror(err));
    }
    return err;
}

void gen__app_env_clear(struct gen *self, const struct gen_application *a)
{
    etf_term map, key, value, name = etf_atom(a->name);

    if (rt_env_all(rt_of(self), rt_region(self), name, &map) != AGNER_OK)
        return; /* no memory: what stays is overlaid by the next load */
    for (size_t i = 0; i < etf_map_size(map); i++) {
        etf_map_pair(map, i, &key, &value);
        (void)rt_env_put(rt_of(self), name, key, ETF_NONE);
    }
}

/* ---- What set_env is to keep -------------------------------------------- */

/* The pairs of `list` without that key. */
static etf_term without(struct gen *self, etf_term list, etf_term key)
{
    etf_term one, k, v, left = etf_nil();

    while (etf_list_next(&list, &one)) {
        if (etf_match(one, "{_, _}", &k, &v) && !etf_equal(k, key))
            left = etf_cons(rt_region(self), one, left);
    }
    return left;
}

/* The sections of the others, and `app`'s pairs in *own. */
static etf_term split(struct gen *self, const struct controller *c,
                      etf_term app, etf_term *own)
{
    etf_term sections = etf_nil(), left = etf_nil(), section, name, list;

    *own = etf_nil();
    if (c->kept != NULL)
        sections = etf_box_term(c->kept);
    while (etf_list_next(&sections, &section)) {
        if (!etf_match(section, "{_, _}", &name, &list))
            continue;
        if (etf_equal(name, app))
            *own = list;
        else
            left = etf_cons(rt_region(self), section, left);
    }
    return left;
}

enum agner_err gen__app_env_keep(struct gen *self, struct controller *c,
                                 etf_term app, etf_term key, etf_term value)
{
    etf_term own, others = split(self, c, app, &own);
    struct etf_box *kept;

    own = without(self, own, key);
    if (!etf_is_none(value))
        own = etf_make(self, "[{_, _} | _]", key, value, own);
    kept = etf_box_new(etf_make(self, "[{_, _} | _]", app, own, others));
    if (kept == NULL)
        return AGNER_ENOMEM;
    etf_box_free(c->kept);
    c->kept = kept;
    return AGNER_OK;
}

/* ---- A new configuration ------------------------------------------------ */

struct change {
    etf_term changed, added, removed; /* lists, as config_change gets them */
};

/* What leads from `old` to `new`, done at once in the runtime. */
static enum agner_err apply(struct gen *self, const struct gen_application *a,
                            etf_term old, etf_term new, struct change *change)
{
    struct rt *rt = rt_of(self);
    enum agner_err err = AGNER_OK;
    etf_term key, value, before;

    for (size_t i = etf_map_size(new); i-- > 0 && err == AGNER_OK;) {
        etf_map_pair(new, i, &key, &value);
        before = etf_map_get(old, key);
        if (etf_is_none(before))
            change->added =
                etf_make(self, "[{_, _} | _]", key, value, change->added);
        else if (!etf_equal(before, value))
            change->changed =
                etf_make(self, "[{_, _} | _]", key, value, change->changed);
        err = rt_env_put(rt, etf_atom(a->name), key, value);
    }
    for (size_t i = etf_map_size(old); i-- > 0 && err == AGNER_OK;) {
        etf_map_pair(old, i, &key, &value);
        if (!etf_is_none(etf_map_get(new, key)))
            continue;
        change->removed = etf_cons(rt_region(self), key, change->removed);
        err = rt_env_put(rt, etf_atom(a->name), key, ETF_NONE);
    }
    return err;
}

static enum agner_err change_one(struct gen *self, const struct controller *c,
                                 const struct app *app,
                                 struct agner_error *error)
{
    const struct gen_application *a = app->application;
    struct change change = { etf_nil(), etf_nil(), etf_nil() };
    etf_term old, new = ETF_NONE;
    enum agner_err err = read_layers(self, c, a, &new, error);

    if (err != AGNER_OK)
        return err;
    err = rt_env_all(rt_of(self), rt_region(self), etf_atom(a->name), &old);
    if (err == AGNER_OK)
        err = apply(self, a, old, new, &change);
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: env: %s", a->name,
                          agner_strerror(err));
    if (app->state == APP_RUNNING && a->config_change != NULL &&
        (etf_kind(change.changed) != ETF_KIND_NIL ||
         etf_kind(change.added) != ETF_KIND_NIL ||
         etf_kind(change.removed) != ETF_KIND_NIL))
        (void)gen_cast(self, etf_from_pid(NULL, app->keeper),
                       etf_make(self, "{config_change, _, _, _}",
                                change.changed, change.added, change.removed));
    return AGNER_OK;
}

enum agner_err gen__app_env_change(struct gen *self, struct controller *c,
                                   etf_term config, struct agner_error *error)
{
    struct etf_box *box;
    enum agner_err err = AGNER_OK;

    if (!gen__app_env_is_config(config))
        return agner_fail(error, AGNER_EINVAL,
                          "expected [{Application, [{Key, Value}]}]");
    box = etf_box_new(config);
    if (box == NULL)
        return agner_fail(error, AGNER_ENOMEM, "%s",
                          agner_strerror(AGNER_ENOMEM));
    etf_box_free(c->config);
    c->config = box;
    for (struct app *app = c->apps; app != NULL && err == AGNER_OK;
         app = app->next)
        err = change_one(self, c, app, error);
    return err;
}
