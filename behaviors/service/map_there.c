/*
 * map_there.c -- calls of a service map by a handle that only knows where it
 * is: they go out as the terms of gen_service_map.h, which any node
 * understands.
 */
#include "service/map.h"

static enum agner_err code_of(etf_term why, struct agner_error *error)
{
    static const struct {
        const char *word;
        enum agner_err err;
    } words[] = {
        { "exists", AGNER_EPRESENT },      { "not_found", AGNER_EUNKNOWN },
        { "immutable", AGNER_EIMMUTABLE }, { "memory", AGNER_ENOMEM },
        { "noconnection", AGNER_ENOCONN },
    };
    char text[sizeof error->text];
    etf_term said;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (etf_atom_is(why, words[i].word))
            return agner_fail(error, words[i].err, "%s",
                              agner_strerror(words[i].err));
    if (etf_match(why, "{bad_id, _}", &said) &&
        etf_get_text(said, text, sizeof text))
        return agner_fail(error, AGNER_EINVAL, "bad id: %s", text);
    if (etf_match(why, "{create, _}", &said) &&
        etf_get_text(said, text, sizeof text))
        return agner_fail(error, AGNER_EEXIT, "%s", text);
    return agner_fail(error, AGNER_EINVAL, "not accepted");
}

/* *reply is the call's answer, unless that is {error, Why}. */
static enum agner_err ask(struct gen *self, struct gen_service_map *map,
                          etf_term request, etf_term *reply,
                          struct agner_error *error)
{
    etf_term to = etf_copy(rt_region(self), etf_box_term(map->to)), why;
    enum agner_err err;

    if (etf_is_none(request) || etf_is_none(to))
        return AGNER_ENOMEM;
    err = gen_call(self, to, request, GEN_CALL_TIMEOUT_MS, reply);
    if (err == AGNER_OK && etf_match(*reply, "{error, _}", &why))
        err = code_of(why, error);
    return err;
}

/* What the map there calls `local`. */
static etf_term node_of(const struct gen_service_map *map)
{
    etf_term to = etf_box_term(map->to), name, node;
    etf_pid pid;

    if (etf_match(to, "{_, _}", &name, &node))
        return node;
    if (etf_get_pid(to, &pid) && !etf_pid_is_local(pid))
        return pid.node;
    return rt_node(map->rt).name;
}

/* {ok, Record} */
static enum agner_err take_record(const struct gen_service_map *map,
                                  etf_term reply,
                                  const struct gen_service_record **record,
                                  const struct gen_service_state **state)
{
    struct map_record *read;
    struct service_block *block;
    enum agner_err err;
    etf_term term;

    if (!etf_match(reply, "{ok, _}", &term))
        return AGNER_ENOTSUP;
    err = gen__record_read(map->rt, node_of(map), term, &read, &block);
    if (err != AGNER_OK)
        return err;
    if (record != NULL)
        *record = &read->record;
    else
        gen_service_record_free(&read->record);
    if (state != NULL)
        *state = &block->state;
    else
        gen__block_free(block);
    return AGNER_OK;
}

/* Kind is all that a create must have. */
static etf_term create_term(struct gen *self,
                            const struct gen_service_create *what)
{
    struct etf_region *r = rt_region(self);
    etf_term map =
        etf_make(self, "#{kind => _, active => _}", what->kind, what->active);

    if (what->id != NULL)
        map = etf_map_put(r, map, etf_atom("id"), etf_text(r, what->id));
    if (what->configured)
        map = etf_map_put(r, map, etf_atom("config"),
                          etf_binary(r, what->config.data, what->config.size));
    if (what->node != NULL)
        map = etf_map_put(r, map, etf_atom("node"), etf_atom(what->node));
    return etf_make(self, "{create, _}", map);
}

enum agner_err gen__there_create(struct gen *self, struct gen_service_map *map,
                                 const struct gen_service_create *what,
                                 const struct gen_service_record **record,
                                 const struct gen_service_state **state,
                                 struct agner_error *error)
{
    etf_term reply;
    enum agner_err err;

    if (what->kind == NULL ||
        etf_is_none(etf_text(rt_region(self), what->kind)))
        return agner_fail(error, AGNER_EINVAL, "a create without a kind");
    err = ask(self, map, create_term(self, what), &reply, error);
    return err == AGNER_OK ? take_record(map, reply, record, state) : err;
}

enum agner_err gen__there_delete(struct gen *self, struct gen_service_map *map,
                                 const char *id)
{
    etf_term reply;

    return ask(self, map, etf_make(self, "{delete, _}", id), &reply, NULL);
}

enum agner_err gen__there_get(struct gen *self, struct gen_service_map *map,
                              const char *id,
                              const struct gen_service_record **record)
{
    etf_term reply;
    enum agner_err err =
        ask(self, map, etf_make(self, "{get, _}", id), &reply, NULL);

    return err == AGNER_OK ? take_record(map, reply, record, NULL) : err;
}

enum agner_err gen__there_states(struct gen *self, struct gen_service_map *map,
                                 const struct gen_service_snapshot **snapshot)
{
    struct map_snapshot *read;
    etf_term reply, list;
    enum agner_err err = ask(self, map, etf_make(self, "states"), &reply, NULL);

    if (err != AGNER_OK)
        return err;
    if (!etf_match(reply, "{ok, _}", &list))
        return AGNER_ENOTSUP;
    /* The answer has no number. */
    read = gen__snapshot_read(map->rt, node_of(map), list, 0);
    if (read == NULL)
        return AGNER_EBADTERM;
    *snapshot = &read->snapshot;
    return AGNER_OK;
}
