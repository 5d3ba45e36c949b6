/*
 * map_row.c -- the rows of a service map: made, deleted, told of, and what
 * becomes of one whose process dies.
 *
 * A row goes through these:
 *
 *   row           its state is                     left by
 *   ------------  -------------------------------  -------------------------
 *   waiting       NULL: of another node, not seen  its first state: ADD
 *   present       that of the last change          delete, its end
 *   leaving       likewise; its id is free         `left` or its end: REMOVE
 *   gone          out of the order; by its pid     its end
 *
 * Source: spec/service.md 2.5, 3.4.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

/* ---- Rows --------------------------------------------------------------- */

void gen__map_free_row(struct map_row *row)
{
    gen__asleep_forget(row, true);
    gen_service_record_free(&row->record->record);
    gen__block_free(row->state);
    gen__block_free(row->wanted);
    free(row);
}

void gen__map_answer(struct gen *self, struct map_row *row, enum agner_err err,
                     const char *text)
{
    struct etf_region *r = rt_region(self);
    etf_term items[3];

    if (!row->asked)
        return;
    row->asked = false;
    if (err != AGNER_OK) {
        (void)gen_reply(self, row->from,
                        etf_make(self, "{_, _}", (int64_t)err, text));
        return;
    }
    items[0] = etf_int(r, AGNER_OK);
    items[1] = etf_resource(
        r, gen__record_of(gen_service_record_hold(&row->record->record)),
        gen__record_destroy);
    if (etf_is_none(items[1])) /* the counts of the resources */
        gen_service_record_free(&row->record->record);
    items[2] = etf_resource(r, gen__block_hold(row->state), gen__block_destroy);
    if (etf_is_none(items[2]))
        gen__block_free(row->state);
    (void)gen_reply(self, row->from, etf_tuple(r, items, 3));
}

/* Its process is gone, or there never was one. */
void gen__map_drop(struct gen *self, struct map *m, struct map_row *row)
{
    struct map_row **at = &m->gone;

    if (row->spawn.count != 0)
        (void)rt_spawn_abandon(self, row->spawn); /* or it is here already */
    gen__table_set_pid(&m->table, row, (etf_pid){ 0 });
    gen__map_answer(self, row, AGNER_EEXIT, "it ended");
    if (row->gone) {
        while (*at != row)
            at = &(*at)->next;
        *at = row->next;
    } else {
        if (!row->leaving)
            gen__table_hide(&m->table, row);
        gen__table_remove(&m->table, row);
    }
    gen__map_free_row(row);
}

/* ---- Create ------------------------------------------------------------- */

static enum agner_err start_here(struct gen *self, struct map *m,
                                 struct map_row *row, bool sleeps)
{
    struct gen_service *service = row->record->record.service;
    struct rt_spawn_options options = { .link = true, .name = service->name };
    enum agner_err err;
    etf_pid pid;

    row->state = gen__service_now(service); /* before its process changes it */
    if (sleeps) {
        gen__asleep_begin(m, row);
    } else {
        err = gen__service_run(self, service, &options, false, &pid);
        if (err != AGNER_OK)
            return err;
        gen__table_set_pid(&m->table, row, pid);
    }
    gen__map_publish(self, m, GEN_SERVICE_ADD, row, NULL, row->state);
    gen__map_answer(self, row, AGNER_OK, "");
    return AGNER_OK;
}

/* The handle for the record: the draft's own, or one of a process to come. */
static struct gen_service *service_of(struct map *m, struct map_draft *draft)
{
    struct gen_service *service = draft->service;

    if (service == NULL)
        return gen_service_at(m->object->rt, ETF_A(undefined));
    service->watcher = m->object->pid; /* set before the first, and then good */
    if (service->tag == NULL)
        service->tag = strdup(draft->id);
    return service->tag != NULL ? gen_service_hold(service) : NULL;
}

static struct map_row *new_row(struct map *m, struct map_draft *draft)
{
    struct gen_service *service = service_of(m, draft);
    struct map_row *row;

    if (service == NULL)
        return NULL;
    row = malloc(sizeof *row);
    if (row == NULL) {
        gen_service_free(service);
        return NULL;
    }
    *row = (struct map_row){ .next = NULL };
    row->record = gen__record_new(draft->id, draft->kind, service, draft->node,
                                  m->created + 1);
    if (row->record == NULL) {
        free(row);
        return NULL;
    }
    if (gen__table_add(&m->table, row) != AGNER_OK) {
        gen__map_free_row(row);
        return NULL;
    }
    m->created++;
    gen_service_free(draft->service);
    draft->service = NULL;
    return row;
}

enum agner_err gen__map_add(struct map *m, struct map_draft *draft,
                            struct map_row **out, struct agner_error *error)
{
    enum agner_err err;

    if (m->fixed)
        return agner_fail(error, AGNER_EIMMUTABLE, "the map is immutable");
    err = gen__map_choose(m, draft, error);
    if (err != AGNER_OK)
        return err;
    *out = new_row(m, draft);
    if (*out == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory for it");
    return AGNER_OK;
}

enum agner_err gen__map_create(struct gen *self, struct map *m,
                               const struct gen_from *from,
                               struct map_draft *draft,
                               struct agner_error *error)
{
    bool sleeps = gen__asleep_can(m, draft);
    etf_bytes none = { 0 };
    struct map_row *row;
    enum agner_err err = gen__map_add(m, draft, &row, error);

    if (err != AGNER_OK)
        return err;
    row->born_ms = rt_now_ms(m->object->rt);
    row->asked = true;
    row->from = *from;
    if (etf_is_none(draft->node))
        err = start_here(self, m, row, sleeps);
    else
        err = gen__map_place(
            self, m, row, draft->active, draft->config != NULL,
            draft->config != NULL ? gen__config_bytes(draft->config) : none, 0);
    if (err == AGNER_OK)
        return AGNER_OK;
    row->asked = false; /* our caller answers */
    gen__map_drop(self, m, row);
    return agner_fail(error, err, "no process for it: %s", agner_strerror(err));
}

/* ---- Delete ------------------------------------------------------------- */

static void hide(struct map *m, struct map_row *row)
{
    gen__table_hide(&m->table, row);
    row->leaving = true;
}

/* The row is out of the log for good. Until then it is in every snapshot. */
static void remove_row(struct gen *self, struct map *m, struct map_row *row)
{
    if (row->gone)
        return;
    row->gone = true;
    gen__table_remove(&m->table, row);
    row->next = m->gone;
    m->gone = row;
    gen__map_publish(self, m, GEN_SERVICE_REMOVE, row, row->state, NULL);
    if (row->asked)
        (void)gen_reply(self, row->from, ETF_A(ok));
    row->asked = false;
}

enum agner_err gen__map_delete(struct gen *self, struct map *m,
                               const struct gen_from *from, const char *id)
{
    struct map_row *row;

    if (m->fixed)
        return AGNER_EIMMUTABLE;
    row = gen__table_find(&m->table, id);
    if (row == NULL || row->state == NULL)
        return AGNER_EUNKNOWN;
    if (row->state->state.active) { /* its stop is its process's */
        enum agner_err err = gen__asleep_start(self, row);

        if (err != AGNER_OK)
            return err;
    }
    hide(m, row);
    row->asked = true;
    row->from = *from;
    if (!etf_pid_is_none(row->pid) &&
        rt_cast(self, etf_from_pid(rt_region(self), row->pid),
                etf_int(rt_region(self), SERVICE_DO_LEAVE)) != AGNER_ENOMEM)
        return AGNER_OK;
    if (!etf_pid_is_none(row->pid)) { /* no memory to ask: it must end */
        (void)rt_exit_signal(self, row->pid, ETF_A(shutdown));
        return AGNER_OK;
    }
    remove_row(self, m, row); /* it has none now, and gets none */
    gen__map_drop(self, m, row);
    return AGNER_OK;
}

/* ---- What services say -------------------------------------------------- */

/* Takes `block`. */
static void take_state(struct gen *self, struct map *m, struct map_row *row,
                       struct service_block *block)
{
    struct service_block *before;

    if (row->record->record.service->spec == NULL)
        gen__service_learn(row->record->record.service, gen__block_hold(block));
    if (row->state == NULL) {
        row->state = block;
        gen__map_publish(self, m, GEN_SERVICE_ADD, row, NULL, block);
        gen__map_answer(self, row, AGNER_OK, "");
        return;
    }
    before = row->state;
    row->state = block;
    gen__map_publish(self, m, GEN_SERVICE_UPDATE, row, before, block);
    gen__block_free(before);
}

void gen__map_changed(struct gen *self, struct map *m, etf_pid pid,
                      etf_term state)
{
    struct map_row *row = gen__table_by_pid(&m->table, pid);
    struct service_block *block;
    void *value;

    if (row == NULL || row->gone)
        return; /* nothing of a record comes after its REMOVE */
    block = etf_get_resource(state, &value) ? gen__block_hold(value)
                                            : gen__block_read(state);
    if (block == NULL)
        return;
    take_state(self, m, row, block);
    gen__block_free(row->wanted); /* it is there again */
    row->wanted = NULL;
}

void gen__map_left(struct gen *self, struct map *m, etf_pid pid)
{
    struct map_row *row = gen__table_by_pid(&m->table, pid);

    if (row != NULL && row->leaving)
        remove_row(self, m, row);
}

/* ---- What becomes of the dead ------------------------------------------- */

/* A state that says so; NULL: no memory. */
static struct service_block *
down_block(struct map *m, struct service_block *last, etf_term reason)
{
    bool lost = etf_same(reason, ETF_A(noconnection));
    struct service_event event = { .kind = SERVICE_DOWN,
                                   .now_ns = rt_wall_ns(m->object->rt),
                                   .err =
                                       lost ? AGNER_ENODEDOWN : AGNER_ECRASHED,
                                   .why = reason };
    struct service_step step = gen__service_step(&last->state, &event);

    return gen__block_new(&step.state, last->config, last);
}

void gen__map_restart_later(struct gen *self, struct map *m,
                            struct map_row *row)
{
    uint64_t now_ms = rt_now_ms(m->object->rt), draw, delay_ms;

    if (now_ms - row->born_ms > m->object->restart.max_ms)
        row->deaths = 0;
    rt_random(m->object->rt, &draw, sizeof draw);
    delay_ms = gen_retry_jittered(&m->object->restart, ++row->deaths, draw);
    if (rt_send_after(self, rt_self_term(self),
                      etf_make(self, "{'$map_restart', _, _}",
                               row->record->record.id,
                               row->record->record.number),
                      delay_ms, NULL) != AGNER_OK)
        (void)gen_stop(self, ETF_A(memory_limit));
}

/* An UPDATE that says so. false: no memory. */
static bool tell_lost(struct gen *self, struct map *m, struct map_row *row,
                      etf_term reason)
{
    struct gen_service *service = row->record->record.service;
    struct service_block *last = gen__service_now(service), *down;

    if (last != NULL && !last->state.active &&
        last->state.version > row->state->state.version)
        down = gen__block_hold(last); /* it says so already: killed */
    else
        down = down_block(m, last != NULL ? last : row->state, reason);
    gen__block_free(last);
    if (down == NULL)
        return false;
    gen__service_learn(service, gen__block_hold(down));
    take_state(self, m, row, down);
    return true;
}

static void lost(struct gen *self, struct map *m, struct map_row *row,
                 etf_term reason)
{
    gen__table_set_pid(&m->table, row, (etf_pid){ 0 });
    if (row->wanted == NULL)
        row->wanted = gen__block_hold(row->state);
    if (!tell_lost(self, m, row, reason)) {
        (void)gen_stop(self, ETF_A(memory_limit));
        return;
    }
    if (m->object->on_loss == GEN_SERVICE_LOSS_RESTART) {
        gen__map_restart_later(self, m, row);
    } else if (m->object->on_loss == GEN_SERVICE_LOSS_REMOVE) {
        hide(m, row);
        remove_row(self, m, row);
        gen__map_drop(self, m, row);
    }
}

void gen__map_ended(struct gen *self, struct map *m, struct map_row *row,
                    etf_term reason)
{
    char text[160];

    if (row->leaving) {
        /* It died before it could stop. */
        if (!row->gone && row->state->state.active &&
            !tell_lost(self, m, row, reason))
            (void)gen_stop(self, ETF_A(memory_limit));
        remove_row(self, m, row);
        gen__map_drop(self, m, row);
    } else if (row->state == NULL) { /* the create has failed */
        gen__table_set_pid(&m->table, row, (etf_pid){ 0 });
        gen__map_answer(self, row, AGNER_EEXIT,
                        etf_format(text, sizeof text, reason));
        gen__map_drop(self, m, row);
    } else if (m->ending) {
        gen__table_set_pid(&m->table, row, (etf_pid){ 0 });
    } else {
        lost(self, m, row, reason);
    }
}

static enum agner_err run_again(struct gen *self, struct map *m,
                                struct map_row *row)
{
    struct gen_service *service = row->record->record.service;
    struct rt_spawn_options options = { .link = true, .name = service->name };
    const struct gen_service_state *wanted = &row->wanted->state;
    enum agner_err err;
    etf_pid pid;

    if (service->spec == NULL)
        return gen__map_place(self, m, row, wanted->active, wanted->configured,
                              wanted->config, row->state->state.version);
    err = gen__service_run(self, service, &options, false, &pid);
    if (err == AGNER_OK)
        gen__table_set_pid(&m->table, row, pid);
    return err;
}

void gen__map_restart(struct gen *self, struct map *m, const char *id,
                      uint64_t number)
{
    struct map_row *row = gen__table_find(&m->table, id);

    if (row == NULL || row->record->record.number != number ||
        row->wanted == NULL || !etf_pid_is_none(row->pid))
        return;
    row->born_ms = rt_now_ms(m->object->rt);
    if (run_again(self, m, row) != AGNER_OK)
        gen__map_restart_later(self, m, row);
}
