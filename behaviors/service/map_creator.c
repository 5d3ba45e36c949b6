/*
 * map_creator.c -- creates that a service map is asked for in terms.
 *
 * Each runs in a process of its own, which does as callers of this node do and
 * answers. The map watches it: should it end without an answer, there is one
 * all the same.
 *
 * Source: spec/service.md 2.5, 3.4.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

/* ---- Words -----------------------------------------------------------------
 */

/* What an id function said: map_id.c. */
static const char *bad_id(enum agner_err err, const char *text)
{
    static const char front[] = "bad id: ";
    size_t size = sizeof front - 1;

    return err == AGNER_EINVAL && strncmp(text, front, size) == 0 ? text + size
                                                                  : NULL;
}

etf_term gen__map_failed(struct gen *self, enum agner_err err, const char *text)
{
    const char *id = bad_id(err, text);

    if (id != NULL)
        return etf_make(self, "{error, {bad_id, _}}", id);
    switch (err) {
    case AGNER_EPRESENT:
        return etf_make(self, "{error, exists}");
    case AGNER_EUNKNOWN:
        return etf_make(self, "{error, not_found}");
    case AGNER_EIMMUTABLE:
        return etf_make(self, "{error, immutable}");
    case AGNER_ENOMEM:
        return etf_make(self, "{error, memory}");
    case AGNER_ENOCONN:
    case AGNER_ENODEDOWN:
        return etf_make(self, "{error, noconnection}");
    default:
        return etf_make(self, "{error, {create, _}}", text);
    }
}

bool gen__map_read_id(etf_term term, char id[GEN_SERVICE_ID_MAX + 1])
{
    return etf_get_text(term, id, GEN_SERVICE_ID_MAX + 1) && id[0] != 0;
}

/* ---- Create
 * -------------------------------------------------------------------- */

struct creation {
    struct gen_service_map *map; /* held */
    struct gen_from from;
    struct gen_service_create what;
    char id[GEN_SERVICE_ID_MAX + 1], kind[GEN_SERVICE_ID_MAX + 1];
    char node[256];
    struct service_config *config; /* held, or NULL */
};

static void creation_destroy(void *arg)
{
    struct creation *c = arg;

    gen_service_map_free(c->map);
    gen__config_free(c->config);
    free(c);
}

static enum rt_next create_init(struct gen *self, etf_term args)
{
    const struct gen_service_record *record = NULL;
    const struct gen_service_state *state = NULL;
    struct agner_error error = { 0 };
    struct creation *c;
    enum agner_err err;
    etf_term reply;
    void *value;

    if (!etf_get_resource(args, &value))
        return rt_stop(self, ETF_A(badarg));
    c = value;
    err =
        gen_service_map_create(self, c->map, &c->what, &record, &state, &error);
    if (err == AGNER_OK)
        reply = etf_make(
            self, "{ok, _}",
            gen__record_term(rt_region(self), ETF_A(local), record, state));
    else if (err == AGNER_EUNKNOWN) /* no such kind: it is no record here */
        reply =
            etf_make(self, "{error, {create, _}}", (const char *)error.text);
    else
        reply = gen__map_failed(self, err, error.text);
    gen_service_record_free(record);
    gen_service_state_free(state);
    (void)gen__reply(self, &c->from, reply);
    return rt_stop(self, ETF_A(normal));
}

/* Never called: init is the whole of its life. */
static enum rt_next create_message(struct gen *self, const struct rt_message *m)
{
    (void)m;
    return rt_stop(self, ETF_A(normal));
}

static const struct rt_behavior creator = { .name = "gen_service_create",
                                            .init = create_init,
                                            .message = create_message };

static bool read_optional_flag(etf_term map, const char *name, bool *flag)
{
    etf_term value = etf_map_get(map, etf_atom(name));

    return etf_is_none(value) || etf_get_bool(value, flag);
}

/* What there is of a create; kind is all that must be. */
static bool read_create(etf_term map, struct creation *c)
{
    etf_term id = etf_map_get(map, etf_atom("id"));
    etf_term node = etf_map_get(map, etf_atom("node"));
    etf_term config = etf_map_get(map, etf_atom("config"));
    etf_bytes bytes;

    if (!gen__map_read_id(etf_map_get(map, etf_atom("kind")), c->kind) ||
        !read_optional_flag(map, "active", &c->what.active))
        return false;
    c->what.kind = c->kind;
    if (!etf_is_none(id) && !gen__map_read_id(id, c->id))
        return false;
    if (!etf_is_none(id))
        c->what.id = c->id;
    /* An atom that no table has room for is no node that there is. */
    if (!etf_is_none(node) && (!etf_is_atom(node) || !etf_is_word(node) ||
                               !etf_get_text(node, c->node, sizeof c->node)))
        return false;
    if (!etf_is_none(node) && !etf_same(node, ETF_A(local)))
        c->what.node = c->node;
    if (etf_is_none(config))
        return true;
    if (!etf_get_bytes(config, &bytes))
        return false;
    c->config = gen__config_new(bytes);
    c->what.configured = c->config != NULL;
    if (c->config != NULL)
        c->what.config = gen__config_bytes(c->config);
    return c->config != NULL;
}

/* ---- Its end ---------------------------------------------------------------
 */

/* Answers for a creator that has ended without a word: true, it was one. */
bool gen__map_creators_message(struct gen *self, struct map *m,
                               etf_term message)
{
    struct map_creator **at = &m->creators, *c;
    char text[80];
    etf_term reason;
    etf_ref ref;

    if (!etf_match(message, "{'DOWN', _, process, __, _}", &ref, &reason))
        return false;
    while ((c = *at) != NULL && !etf_ref_equal(c->ref, ref))
        at = &c->next;
    if (c == NULL)
        return false;
    if (!etf_same(reason, ETF_A(normal)))
        (void)gen__reply(
            self, &c->from,
            gen__map_failed(self, AGNER_ECRASHED,
                            etf_format(text, sizeof text, reason)));
    *at = c->next;
    free(c);
    return true;
}

void gen__map_creators_free(struct map *m)
{
    struct map_creator *c;

    while ((c = m->creators) != NULL) {
        m->creators = c->next;
        free(c);
    }
}

/* Starts one. ETF_NONE, or why not. */
static etf_term start(struct gen *self, struct map *m,
                      const struct gen_from *from, etf_term args)
{
    struct map_creator *c = calloc(1, sizeof *c);
    struct rt_spawn_options options = { .monitor = true };
    etf_pid pid;

    if (c == NULL)
        return gen__map_failed(self, AGNER_ENOMEM, "");
    c->from = *from;
    options.monitor_ref = &c->ref;
    if (rt_start_nowait(self, &creator, args, &options, &pid) != AGNER_OK) {
        free(c);
        return gen__map_failed(self, AGNER_ENOMEM, "");
    }
    c->next = m->creators;
    m->creators = c;
    return ETF_NONE;
}

etf_term gen__map_create_term(struct gen *self, struct map *m,
                              const struct gen_from *from, etf_term map)
{
    struct creation *c = calloc(1, sizeof *c);
    etf_term args;

    if (c == NULL)
        return gen__map_failed(self, AGNER_ENOMEM, "");
    c->map = gen_service_map_hold(m->object);
    c->from = *from;
    if (!read_create(map, c)) {
        creation_destroy(c);
        return etf_make(self, "{error, badarg}");
    }
    args = etf_resource(rt_region(self), c, creation_destroy);
    if (etf_is_none(args)) {
        creation_destroy(c);
        return gen__map_failed(self, AGNER_ENOMEM, "");
    }
    return start(self, m, from, args);
}
