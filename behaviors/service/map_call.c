/*
 * map_call.c -- service maps, for whoever has a handle.
 *
 * What a service of a kind is, and its configuration, are worked out by the
 * caller: user code never runs in the map's process, but for the choice of an
 * id.
 */
#include "service/map.h"

#include <stdlib.h>

/* ---- The handle
 * -------------------------------------------------------------- */

struct gen_service_map *gen_service_map_hold(struct gen_service_map *map)
{
    add_relaxed(&map->refs, 1u);
    return map;
}

/* Order: as gen__config_free(). */
void gen_service_map_free(struct gen_service_map *map)
{
    if (map == NULL || sub_acq_rel(&map->refs, 1u) != 1)
        return;
    etf_box_free(map->to);
    free(map);
}

struct gen_service_map *gen_service_map_at(struct rt *rt, etf_term to)
{
    struct gen_service_map *map = calloc(1, sizeof *map);

    if (map == NULL)
        return NULL;
    map->rt = rt;
    store_relaxed(&map->refs, 1u);
    map->to = etf_box_new(to);
    if (map->to == NULL) {
        free(map);
        return NULL;
    }
    (void)etf_get_pid(to, &map->pid); /* a name has none */
    return map;
}

void gen__map_destroy(void *map)
{
    gen_service_map_free(map);
}

etf_pid gen_service_map_pid(struct gen_service_map *map)
{
    etf_pid pid;

    rt__lock(&map->lock);
    pid = map->pid;
    rt__unlock(&map->lock);
    return pid;
}

static enum agner_err run(struct gen *self, struct gen_service_map *map,
                          const struct gen_service_map_options *options)
{
    struct rt_spawn_options spawn = { .name = options->name,
                                      .link = options->link };
    etf_term args = etf_resource(rt_region(self), gen_service_map_hold(map),
                                 gen__map_destroy);
    etf_pid pid;

    if (etf_is_none(args)) {
        gen_service_map_free(map); /* the count of the resource */
        return AGNER_ENOMEM;
    }
    return gen_start(self, &gen__map_server, args, &spawn, &pid, NULL);
}

static enum agner_err start(struct gen *self,
                            const struct gen_service_map_spec *spec,
                            const struct gen_service_map_options *options,
                            struct gen_service_map **out,
                            struct agner_error *error)
{
    struct gen_service_map_options none = { 0 };
    struct gen_service_map *map;
    enum agner_err err;

    if (options == NULL)
        options = &none;
    map = calloc(1, sizeof *map);
    if (map == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for a map");
    store_relaxed(&map->refs, 1u);
    map->rt = rt_of(self);
    map->spec = spec;
    map->arg = options->arg;
    map->on_loss = options->on_loss;
    if (options->restart != NULL)
        map->restart = *options->restart;
    err = gen_retry_init(&map->restart);
    if (err == AGNER_OK)
        err = run(self, map, options);
    if (err != AGNER_OK) {
        gen_service_map_free(map);
        return agner_fail(error, err, "%s",
                          err == AGNER_EINVAL ? "restart options"
                                              : "no process for a map");
    }
    *out = map;
    return AGNER_OK;
}

enum agner_err
gen_service_map_new(struct gen *self, const struct gen_service_map_spec *spec,
                    const struct gen_service_map_options *options,
                    struct gen_service_map **out, struct agner_error *error)
{
    if (spec == NULL || spec->create == NULL)
        return agner_fail(error, AGNER_EINVAL, "a map without create");
    return start(self, spec, options, out, error);
}

enum agner_err gen_service_map_terminate(struct gen *self,
                                         struct gen_service_map *map,
                                         uint64_t timeout_ms)
{
    etf_pid pid = gen_service_map_pid(map);
    etf_term to =
        map->to != NULL ? etf_box_term(map->to) : etf_from_pid(NULL, pid);
    enum agner_err err;

    if (map->to == NULL && etf_pid_is_none(pid))
        return AGNER_ENOPROC;
    err = gen_server_stop(self, to, ETF_A(shutdown), timeout_ms);
    return err == AGNER_EEXIT ? AGNER_OK : err; /* it has ended anyway */
}

/* ---- Content
 * ------------------------------------------------------------------- */

static enum agner_err call(struct gen *self, struct gen_service_map *map,
                           etf_term request, uint64_t timeout_ms,
                           etf_term *reply)
{
    etf_pid pid = gen_service_map_pid(map);

    if (etf_pid_is_none(pid))
        return AGNER_ENOPROC;
    if (etf_is_none(request))
        return AGNER_ENOMEM;
    return rt_call(self, etf_from_pid(NULL, pid), request, timeout_ms, reply);
}

/* {0, Record, State} or {Code, Text} */
static enum agner_err read_created(etf_term reply,
                                   const struct gen_service_record **record,
                                   const struct gen_service_state **state,
                                   struct agner_error *error)
{
    const etf_term *items = etf_tuple_items(reply);
    char text[sizeof error->text];
    void *value;
    int64_t code;

    if (items == NULL || !etf_get_int(items[0], &code))
        return AGNER_ENOMEM; /* it could not answer */
    if (code != AGNER_OK) {
        if (!etf_get_text(items[1], text, sizeof text))
            text[0] = 0;
        return agner_fail(error, (enum agner_err)code, "%s", text);
    }
    if (record != NULL && etf_get_resource(items[1], &value))
        *record = gen_service_record_hold(value);
    if (state != NULL && etf_get_resource(items[2], &value))
        *state = &gen__block_hold(value)->state;
    return AGNER_OK;
}

static enum agner_err send_draft(struct gen *self, struct gen_service_map *map,
                                 struct map_draft *draft, etf_term *reply)
{
    etf_term term = etf_resource(rt_region(self), draft, gen__draft_destroy);

    if (etf_is_none(term)) {
        gen__draft_destroy(draft);
        return AGNER_ENOMEM;
    }
    return call(self, map, etf_make(self, "{_, _}", (int64_t)MAP_CREATE, term),
                GEN_CALL_TIMEOUT_MS, reply);
}

enum agner_err gen_service_map_create(struct gen *self,
                                      struct gen_service_map *map,
                                      const struct gen_service_create *what,
                                      const struct gen_service_record **record,
                                      const struct gen_service_state **state,
                                      struct agner_error *error)
{
    struct map_draft *draft = NULL;
    enum agner_err err, done;
    etf_term reply;

    if (map->to != NULL)
        return gen__there_create(self, map, what, record, state, error);
    err = gen__draft_new(self, map->spec, map->arg, what, &draft, error);
    if (err == AGNER_OK &&
        gen__asleep_create(self, map, draft, record, state, &done, error)) {
        gen__draft_destroy(draft);
        return done;
    }
    if (err == AGNER_OK)
        err = send_draft(self, map, draft, &reply);
    return err == AGNER_OK ? read_created(reply, record, state, error) : err;
}

enum agner_err gen_service_map_delete(struct gen *self,
                                      struct gen_service_map *map,
                                      const char *id)
{
    enum agner_err err;
    etf_term reply;
    int64_t code;

    if (map->to != NULL)
        return gen__there_delete(self, map, id);
    if (gen__asleep_delete(self, map, id, &err))
        return err;
    err = call(self, map, etf_make(self, "{_, _}", (int64_t)MAP_DELETE, id),
               GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK || etf_same(reply, ETF_A(ok)))
        return err;
    return etf_get_int(reply, &code) ? (enum agner_err)code : AGNER_ENOMEM;
}

enum agner_err gen_service_map_get(struct gen *self,
                                   struct gen_service_map *map, const char *id,
                                   const struct gen_service_record **record)
{
    enum agner_err err;
    etf_term reply;
    int64_t code;
    void *value;

    if (map->to != NULL)
        return gen__there_get(self, map, id, record);
    err = call(self, map, etf_make(self, "{_, _}", (int64_t)MAP_GET, id),
               GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        return err;
    if (!etf_get_resource(reply, &value))
        return etf_get_int(reply, &code) ? (enum agner_err)code : AGNER_ENOMEM;
    *record = gen_service_record_hold(value);
    return AGNER_OK;
}

enum agner_err
gen_service_map_states(struct gen *self, struct gen_service_map *map,
                       const struct gen_service_snapshot **snapshot)
{
    enum agner_err err;
    etf_term reply;
    void *value;

    if (map->to != NULL)
        return gen__there_states(self, map, snapshot);
    err = call(self, map, etf_int(rt_region(self), MAP_STATES),
               GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        return err;
    if (!etf_get_resource(reply, &value))
        return AGNER_ENOMEM;
    *snapshot = &gen__snapshot_hold(value)->snapshot;
    return AGNER_OK;
}

enum agner_err
gen_service_map_follow(struct gen *self, struct gen_service_map *map,
                       const struct gen_cursor_options *options,
                       const struct gen_service_snapshot **snapshot,
                       struct gen_cursor **cursor)
{
    enum agner_err err;
    void *first;

    if (map->to != NULL)
        return gen__map_follow_at(self, map, options, snapshot, cursor);
    err = gen__follow(self, gen_service_map_pid(map), MAP_FOLLOW, options,
                      &first, cursor);
    if (err == AGNER_OK && snapshot != NULL)
        *snapshot = &gen__snapshot_hold(first)->snapshot;
    return err;
}

/* ---- Metadata
 * ------------------------------------------------------------------- */

enum agner_err gen__metadata(struct etf_region *r,
                             const struct gen_service_snapshot *snapshot,
                             struct gen_service_metadata *metadata)
{
    struct gen_service_metadata m = { .total = snapshot->count };

    m.kinds = etf_map(r, NULL, 0);
    for (size_t i = 0; i < snapshot->count && !etf_is_none(m.kinds); i++) {
        const struct gen_service_entry *entry = &snapshot->entries[i];
        etf_term kind = etf_text(r, entry->record->kind);
        uint64_t so_far = 0;

        m.active += entry->state->active;
        m.in_error += !entry->state->active && entry->state->err != AGNER_OK;
        (void)etf_get_uint(etf_map_get(m.kinds, kind), &so_far);
        m.kinds = etf_map_put(r, m.kinds, kind, etf_uint(r, so_far + 1));
    }
    if (etf_is_none(m.kinds))
        return AGNER_ENOMEM;
    *metadata = m;
    return AGNER_OK;
}

enum agner_err gen_service_map_metadata(struct gen *self,
                                        struct gen_service_map *map,
                                        struct gen_service_metadata *metadata)
{
    const struct gen_service_snapshot *snapshot;
    enum agner_err err = gen_service_map_states(self, map, &snapshot);

    if (err != AGNER_OK)
        return err;
    err = gen__metadata(rt_region(self), snapshot, metadata);
    gen_service_snapshot_free(snapshot);
    return err;
}

/* ---- A fixed map
 * ---------------------------------------------------------------- */

static const struct gen_service_map_spec fixed_spec = { .name = "services" };

static enum agner_err add_member(struct gen *self, struct gen_service_map *map,
                                 size_t index,
                                 const struct gen_service_member *member,
                                 struct agner_error *error)
{
    struct map_draft *draft = NULL;
    enum agner_err err =
        gen__draft_of_member(self, index, member, &draft, error);
    etf_term reply;

    if (err == AGNER_OK)
        err = send_draft(self, map, draft, &reply);
    return err == AGNER_OK ? read_created(reply, NULL, NULL, error) : err;
}

enum agner_err
gen_service_map_of(struct gen *self, const struct gen_service_member *members,
                   size_t count, const struct gen_service_map_options *options,
                   struct gen_service_map **out, struct agner_error *error)
{
    struct gen_service_map *map;
    enum agner_err err;

    if (members == NULL && count > 0)
        return agner_fail(error, AGNER_EINVAL, "members that are not there");
    err = start(self, &fixed_spec, options, &map, error);
    if (err != AGNER_OK)
        return err;
    for (size_t i = 0; i < count && err == AGNER_OK; i++)
        err = add_member(self, map, i, &members[i], error);
    if (err == AGNER_OK) {
        etf_term reply;

        err = call(self, map, etf_int(rt_region(self), MAP_FIX),
                   GEN_CALL_TIMEOUT_MS, &reply);
    }
    if (err != AGNER_OK) {
        (void)gen_service_map_terminate(self, map, RT_INFINITY); /* or gone */
        gen_service_map_free(map);
        return err;
    }
    *out = map;
    return AGNER_OK;
}
