/*
 * map_asleep.c -- services of a map that have no process yet.
 *
 * One that is made inactive, or active without a configuration, has nothing to
 * run. It is asleep: a row and an object, and what happens to it is done by
 * whoever calls, with the map's state on loan (loan.h): making it, the verbs
 * that are a new state and no more, and deleting it. Its process begins when
 * something first needs one: a load, a hook, a follower, a call by its pid.
 *
 * A map that is called in terms, or followed from elsewhere, gives out pids, so
 * all of its services are awake from then on.
 *
 * Source: spec/service.md 2.5, 3.1.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

#include "stream/stream.h"

/* What is given back, or told, when the loan is returned: none of it may wait,
 * or call the user's functions, before. */
struct rest {
    struct service_block *blocks[2]; /* held, or NULL */
    struct map_snapshot *snapshot;   /* held, or NULL */
    struct map_row *row;             /* owned, or NULL */
    struct gen_stream *wake;         /* held, or NULL */
};

/* Without it the map is called, which also tells who has to end. Whoever makes
 * nothing but such calls lets others run now and then. */
static bool take(struct gen *self, struct gen_service_map *map)
{
    return load_relaxed(&map->loan) == LOAN_OPEN &&
           rt_check(self) == AGNER_OK && gen__loan_take(&map->loan);
}

static void give_back(struct gen *self, struct gen_service_map *map,
                      struct rest *rest)
{
    gen__loan_return(&map->loan);
    gen__block_free(rest->blocks[0]);
    gen__block_free(rest->blocks[1]);
    gen__snapshot_destroy(rest->snapshot);
    if (rest->row != NULL)
        gen__map_free_row(rest->row);
    if (rest->wake != NULL)
        gen__stream_wake(self, rest->wake);
    gen_stream_free(rest->wake);
}

/* ---- The log ------------------------------------------------------------ */

/* A change that is to be the next one; NULL without anybody who follows. */
static enum agner_err
next_change(struct map *m, enum gen_service_change_type type,
            const struct map_record *record, struct service_block *before,
            struct service_block *after, struct map_change **out)
{
    *out = NULL;
    if (m->stream == NULL)
        return AGNER_OK;
    *out = gen__change_new(type, record, before, after);
    if (*out == NULL)
        return AGNER_ENOMEM;
    (*out)->change.number = m->changes + 1;
    (*out)->change.time_ns = rt_wall_ns(m->object->rt);
    return AGNER_OK;
}

static void item_of(struct stream_item *item, struct map_change *change)
{
    *item = (struct stream_item){ .tag = STREAM_POINTER,
                                  .owned = true,
                                  .bytes = sizeof *change };
    item->slot.pointer.data = change;
    item->slot.pointer.size = sizeof *change;
}

/* It is in the log. */
static void logged(struct map *m, bool wanted, struct rest *rest)
{
    m->changes++;
    if (m->snapshot != NULL)
        rest->snapshot = m->snapshot;
    m->snapshot = NULL;
    if (wanted && rest->wake == NULL)
        rest->wake = gen_stream_hold(m->stream);
}

/* AGNER_OK; AGNER_ENOMEM; AGNER_EAGAIN: it cannot be now. */
static enum agner_err put(struct map *m, enum gen_service_change_type type,
                          const struct map_row *row,
                          struct service_block *before,
                          struct service_block *after, struct rest *rest)
{
    struct stream_appended out = { .wanted = false };
    struct map_change *change;
    struct stream_item item;
    enum agner_err err =
        next_change(m, type, row->record, before, after, &change);

    if (err == AGNER_OK && change != NULL) {
        item_of(&item, change);
        err = gen__stream_append(NULL, m->stream, &item, 1, &out);
        if (err != AGNER_OK)
            gen__change_free(change);
    }
    if (err == AGNER_OK)
        logged(m, out.wanted, rest);
    return err == AGNER_OK || err == AGNER_ENOMEM ? err : AGNER_EAGAIN;
}

/* ---- Rows --------------------------------------------------------------- */

/* It is not asleep any more: it has a process, or there is no such record. */
static void wide_awake(struct map_row *row)
{
    struct gen_service *service = row->record->record.service;

    row->asleep = false;
    service->row = NULL;
    store_relaxed(&service->asleep, false);
}

static void vanish(struct map_row *row)
{
    struct gen_service *service = row->record->record.service;

    rt_figures_remove(service->rt, &service->figures);
    wide_awake(row);
}

void gen__asleep_forget(struct map_row *row, bool killed)
{
    struct gen_service *service = row->record->record.service;

    if (!row->asleep)
        return;
    vanish(row);
    if (killed && service->now->state.active)
        gen__service_killed(service);
}

void gen__asleep_begin(struct map *m, struct map_row *row)
{
    struct gen_service *service = row->record->record.service;

    row->asleep = true;
    service->map = gen_service_map_hold(m->object);
    service->row = row;
    rt_figures_add(service->rt, &service->figures);
    store_relaxed(&service->asleep, true);
}

bool gen__asleep_can(const struct map *m, const struct map_draft *draft)
{
    const struct gen_service *service = draft->service;

    return !m->eager && service != NULL && etf_is_none(service->name) &&
           !service->now->state.loading;
}

enum agner_err gen__asleep_start(struct gen *self, struct map_row *row)
{
    struct gen_service *service = row->record->record.service;
    struct rt_spawn_options options = { .link = true };
    struct map *m;
    enum agner_err err;
    etf_pid pid;

    if (!row->asleep)
        return AGNER_OK;
    m = service->map->server;
    rt_figures_remove(service->rt, &service->figures); /* that of its process */
    err = gen__service_run(self, service, &options, true, &pid);
    if (err != AGNER_OK) {
        rt_figures_add(service->rt, &service->figures);
        return err;
    }
    row->born_ms = rt_now_ms(service->rt);
    gen__table_set_pid(&m->table, row, pid);
    wide_awake(row);
    return AGNER_OK;
}

void gen__map_wake_all(struct gen *self, struct map *m)
{
    bool failed = false;

    if (m->eager)
        return;
    for (struct map_row *row = m->table.first; row != NULL; row = row->next)
        failed = gen__asleep_start(self, row) != AGNER_OK || failed;
    m->eager = !failed; /* else with the next one */
}

etf_term gen__map_wake(struct gen *self, etf_term service_term)
{
    struct gen_service *service;
    enum agner_err err = AGNER_OK;
    void *value;

    if (!etf_get_resource(service_term, &value))
        return ETF_A(error);
    service = value;
    if (service->row != NULL) /* since it asked */
        err = gen__asleep_start(self, service->row);
    return etf_int(rt_region(self), err);
}

/* ---- Whoever calls ------------------------------------------------------ */

enum agner_err gen__asleep_wake(struct gen *self, struct gen_service *service)
{
    etf_term term = etf_resource(rt_region(self), gen_service_hold(service),
                                 gen__service_destroy);
    etf_pid pid = gen_service_map_pid(service->map);
    enum agner_err err;
    etf_term reply;
    int64_t code;

    if (etf_is_none(term)) {
        gen_service_free(service); /* the count of the resource */
        return AGNER_ENOMEM;
    }
    if (etf_pid_is_none(pid))
        return AGNER_ENOPROC;
    err = rt_call(self, etf_from_pid(NULL, pid),
                  etf_make(self, "{_, _}", (int64_t)MAP_WAKE, term),
                  GEN_CALL_TIMEOUT_MS, &reply);
    if (err != AGNER_OK)
        return err;
    return etf_get_int(reply, &code) ? (enum agner_err)code : AGNER_ENOMEM;
}

/* With the loan. */
static enum agner_err change(struct map *m, struct map_row *row,
                             const struct service_event *event,
                             struct service_config *config, struct rest *rest)
{
    struct gen_service *service = row->record->record.service;
    struct service_block *now = service->now, *block;
    struct service_step step = gen__service_step(&now->state, event);
    struct map_change *change;
    struct stream_item item;
    enum agner_err err = step.err;
    bool wanted;

    if (err != AGNER_OK)
        return err;
    block =
        gen__block_new(&step.state, config != NULL ? config : now->config, now);
    if (block == NULL)
        return AGNER_ENOMEM;
    err = next_change(m, GEN_SERVICE_UPDATE, row->record, now, block, &change);
    if (err == AGNER_OK) {
        item_of(&item, change);
        err = gen__service_show(service, gen__block_hold(block),
                                change != NULL ? m->stream : NULL, &item,
                                &wanted, &rest->blocks[0]);
        if (err != AGNER_OK) {
            gen__change_free(change);
            gen__block_free(block); /* the service's */
        }
    }
    if (err != AGNER_OK) {
        gen__block_free(block);
        return err == AGNER_ENOMEM ? err : AGNER_EAGAIN;
    }
    logged(m, wanted, rest);
    rest->blocks[1] = row->state;
    row->state = block;
    return AGNER_OK;
}

bool gen__asleep_do(struct gen *self, struct gen_service *service,
                    const struct service_event *event,
                    struct service_config *config,
                    const struct gen_service_state **state, enum agner_err *err)
{
    struct gen_service_map *map = service->map;
    struct rest rest = { .row = NULL };

    if (!take(self, map))
        return false;
    *err = AGNER_EAGAIN;
    if (service->row != NULL && map->server->followers == NULL &&
        gen__service_is_plain(service, event))
        *err = change(map->server, service->row, event, config, &rest);
    if (state != NULL && *err != AGNER_EAGAIN && *err != AGNER_ENOMEM)
        *state = &gen__block_hold(service->now)->state;
    give_back(self, map, &rest);
    return *err != AGNER_EAGAIN;
}

/* Ours call nobody, and read the table. */
static bool may_choose(const struct gen_service_map *map,
                       const struct map_draft *draft)
{
    gen_service_id_fn choose = map->spec->id;

    return draft->has_id || choose == NULL || choose == gen_id_is_required ||
           choose == gen_id_is_kind || choose == gen_id_is_uuid;
}

static enum agner_err add(struct map *m, struct map_draft *draft,
                          struct map_row **out, struct rest *rest,
                          struct agner_error *error)
{
    enum agner_err err = gen__map_add(m, draft, out, error);

    if (err != AGNER_OK)
        return err;
    (*out)->state = gen__block_hold((*out)->record->record.service->now);
    err = put(m, GEN_SERVICE_ADD, *out, NULL, (*out)->state, rest);
    if (err == AGNER_OK) {
        gen__asleep_begin(m, *out);
        return AGNER_OK;
    }
    m->created--;
    draft->service =
        gen_service_hold((*out)->record->record.service); /* for the process */
    gen__table_hide(&m->table, *out);
    gen__table_remove(&m->table, *out);
    rest->row = *out;
    return err;
}

bool gen__asleep_create(struct gen *self, struct gen_service_map *map,
                        struct map_draft *draft,
                        const struct gen_service_record **record,
                        const struct gen_service_state **state,
                        enum agner_err *err, struct agner_error *error)
{
    struct rest rest = { .row = NULL };
    struct map_row *row;

    if (!may_choose(map, draft) || !take(self, map))
        return false;
    *err = AGNER_EAGAIN;
    if (map->server->followers == NULL && gen__asleep_can(map->server, draft))
        *err = add(map->server, draft, &row, &rest, error);
    if (*err == AGNER_OK && record != NULL)
        *record = gen_service_record_hold(&row->record->record);
    if (*err == AGNER_OK && state != NULL)
        *state = &gen__block_hold(row->state)->state;
    give_back(self, map, &rest);
    return *err != AGNER_EAGAIN;
}

/* With the loan. */
static enum agner_err remove_row(struct map *m, const char *id,
                                 struct rest *rest)
{
    struct map_row *row = gen__table_find(&m->table, id);
    enum agner_err err;

    if (m->fixed)
        return AGNER_EIMMUTABLE;
    if (row == NULL || row->state == NULL)
        return AGNER_EUNKNOWN;
    /* To stop one is more: it has a clock, and hooks. */
    if (!row->asleep || row->state->state.active || m->followers != NULL)
        return AGNER_EAGAIN;
    err = put(m, GEN_SERVICE_REMOVE, row, row->state, NULL, rest);
    if (err != AGNER_OK)
        return err;
    vanish(row);
    gen__table_hide(&m->table, row);
    gen__table_remove(&m->table, row);
    rest->row = row;
    return AGNER_OK;
}

bool gen__asleep_delete(struct gen *self, struct gen_service_map *map,
                        const char *id, enum agner_err *err)
{
    struct rest rest = { .row = NULL };

    if (!take(self, map))
        return false;
    *err = remove_row(map->server, id, &rest);
    give_back(self, map, &rest);
    return *err != AGNER_EAGAIN;
}
