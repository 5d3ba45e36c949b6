/*
 * map_id.c -- how a service map chooses ids.
 *
 * Source: spec/service.md 2.5.
 */
#include "service/map.h"

#include <stdio.h>

#define UUID_TRIES 10

/* It is the map's process that asks. */
struct gen_service_ids {
    const struct map *map;
};

bool gen_service_ids_taken(const struct gen_service_ids *ids, const char *id)
{
    return gen__table_find(&ids->map->table, id) != NULL;
}

void gen_service_ids_random(const struct gen_service_ids *ids, void *bytes,
                            size_t size)
{
    rt_random(ids->map->object->rt, bytes, size);
}

enum agner_err gen_id_is_kind(const struct gen_service_ids *ids,
                              const char *kind, char *id,
                              struct agner_error *error)
{
    if (gen_service_ids_taken(ids, kind))
        return agner_fail(error, AGNER_EPRESENT, "id exists");
    (void)snprintf(id, GEN_SERVICE_ID_MAX + 1, "%s", kind);
    return AGNER_OK;
}

enum agner_err gen_id_is_uuid(const struct gen_service_ids *ids,
                              const char *kind, char *id,
                              struct agner_error *error)
{
    (void)kind;
    for (int i = 0; i < UUID_TRIES; i++) {
        uint8_t b[16];

        gen_service_ids_random(ids, b, sizeof b);
        b[6] = (uint8_t)((b[6] & 0x0f) | 0x40); /* version 4 */
        b[8] = (uint8_t)((b[8] & 0x3f) | 0x80); /* variant 1 */
        (void)snprintf(id, GEN_SERVICE_ID_MAX + 1,
                       "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                       "%02x%02x%02x%02x%02x%02x",
                       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8],
                       b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
        if (!gen_service_ids_taken(ids, id))
            return AGNER_OK;
    }
    return agner_fail(error, AGNER_EPRESENT,
                      "exhausted attempts finding unique uuid");
}

enum agner_err gen_id_is_required(const struct gen_service_ids *ids,
                                  const char *kind, char *id,
                                  struct agner_error *error)
{
    (void)ids;
    (void)kind;
    (void)id;
    return agner_fail(error, AGNER_EINVAL, "id is required");
}

/* Writes draft->id, unless it has one. */
enum agner_err gen__map_choose(const struct map *m, struct map_draft *draft,
                               struct agner_error *error)
{
    struct gen_service_ids ids = { m };
    gen_service_id_fn choose = m->object->spec->id;
    struct agner_error inner = { 0 };
    enum agner_err err;

    if (draft->has_id) {
        if (gen_service_ids_taken(&ids, draft->id))
            return agner_fail(error, AGNER_EPRESENT, "id exists");
        return AGNER_OK;
    }
    if (choose == NULL)
        choose = gen_id_is_required;
    err = choose(&ids, draft->kind, draft->id, &inner);
    draft->id[GEN_SERVICE_ID_MAX] = 0;
    if (err == AGNER_OK && draft->id[0] == 0)
        err = agner_fail(&inner, AGNER_EINVAL, "id is empty");
    if (err == AGNER_OK && gen_service_ids_taken(&ids, draft->id))
        err = agner_fail(&inner, AGNER_EPRESENT, "id exists");
    if (err != AGNER_OK)
        return agner_fail(error, err, "bad id: %s", inner.text);
    return AGNER_OK;
}
