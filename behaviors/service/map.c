/*
 * map.c -- the process of a service map: its log, its messages, its end.
 *
 * Every change of a record goes through gen__map_publish(), so the log is the
 * order of everything. What becomes of the rows is in map_row.c.
 *
 * Source: spec/service.md 2.5, 3.3.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 100u /* until what had no memory is tried again */

/* ---- The log ------------------------------------------------------------ */

static void append(struct gen *self, struct map *m, struct map_change *change)
{
    gen__map_followers_tell(self, m, &change->change);
    if (m->stream != NULL &&
        gen_stream_publish_pointer(self, m->stream, change, sizeof *change,
                                   NULL) == AGNER_OK)
        return; /* taken */
    if (m->stream != NULL)
        (void)gen_stop(self, ETF_A(memory_limit)); /* or followers are wrong */
    gen__change_free(change);
}

void gen__map_publish(struct gen *self, struct map *m,
                      enum gen_service_change_type type, struct map_row *row,
                      struct service_block *before, struct service_block *after)
{
    struct map_change *change;

    m->changes++;
    gen__snapshot_destroy(m->snapshot);
    m->snapshot = NULL;
    if (m->stream == NULL && m->followers == NULL)
        return;
    change = gen__change_new(type, row->record, before, after);
    if (change == NULL) {
        (void)gen_stop(self, ETF_A(memory_limit));
        return;
    }
    change->change.number = m->changes;
    change->change.time_ns = rt_wall_ns(m->object->rt);
    append(self, m, change);
}

struct map_snapshot *gen__map_snapshot(struct map *m)
{
    if (m->snapshot != NULL)
        return m->snapshot;
    m->snapshot = gen__snapshot_new(m->table.count);
    if (m->snapshot == NULL)
        return NULL;
    for (struct map_row *row = m->table.first; row != NULL; row = row->next)
        if (row->state != NULL)
            gen__snapshot_add(m->snapshot, row->record, row->state);
    m->snapshot->snapshot.number = m->changes;
    return m->snapshot;
}

/* Something may have run out of memory. If not, callers may have the state. */
static enum gen_next next_of(struct gen *self)
{
    const struct map *m = gen_state(self);

    if (!m->ending)
        gen__lend(gen__head(self));
    return (gen__head(self)->flags & GEN_FLAG_STOP) != 0 ? GEN_STOP : GEN_NEXT;
}

/* ---- Messages
 * ---------------------------------------------------------------- */

static enum gen_next map_info(struct gen *self, etf_term message)
{
    struct map *m = gen_state(self);
    char id[GEN_SERVICE_ID_MAX + 1];
    struct map_row *row;
    uint64_t number;
    etf_term term;
    etf_pid pid;

    gen__loan_use(&m->object->loan);
    if (etf_match(message, "{'$service_changed', _, _}", &pid, &term)) {
        gen__map_changed(self, m, pid, term);
    } else if (etf_match(message, "{'$service_left', _}", &pid)) {
        gen__map_left(self, m, pid);
    } else if (etf_match(message, "{'EXIT', _, _}", &pid, &term)) {
        row = gen__table_by_pid(&m->table, pid);
        if (row != NULL)
            gen__map_ended(self, m, row, term);
    } else if (etf_match(message, "{'$map_restart', _, _}", &term, &number) &&
               etf_get_text(term, id, sizeof id)) {
        gen__map_restart(self, m, id, number);
    } else if (!gen__map_far_message(self, m, message) &&
               !gen__map_node_message(self, m, message) &&
               !gen__map_creators_message(self, m, message)) {
        (void)gen__map_followers_message(self, m, message); /* or a stray */
    }
    return next_of(self);
}

static etf_term followed(struct gen *self, struct map *m)
{
    if (gen__map_stream(m) != AGNER_OK)
        return ETF_A(error);
    return gen__followed_term(self, m->stream,
                              gen__snapshot_hold(gen__map_snapshot(m)),
                              gen__snapshot_destroy);
}

static etf_term states(struct gen *self, struct map *m)
{
    struct map_snapshot *snapshot = gen__snapshot_hold(gen__map_snapshot(m));
    etf_term term = ETF_NONE;

    if (snapshot != NULL)
        term = etf_resource(rt_region(self), snapshot, gen__snapshot_destroy);
    if (!etf_is_none(term))
        return term;
    gen__snapshot_destroy(snapshot); /* the count of the resource */
    return ETF_A(error);
}

static etf_term get(struct gen *self, struct map *m, const char *id)
{
    struct map_row *row = gen__table_find(&m->table, id);
    etf_term record;

    if (row == NULL || row->state == NULL)
        return etf_make(self, "_", (int64_t)AGNER_EUNKNOWN);
    record = etf_resource(
        rt_region(self),
        gen__record_of(gen_service_record_hold(&row->record->record)),
        gen__record_destroy);
    if (!etf_is_none(record))
        return record;
    gen_service_record_free(&row->record->record); /* that of the resource */
    return ETF_A(error);
}

/* ETF_NONE: it is answered, or will be. *known: it is one of these. */
static etf_term from_here(struct gen *self, struct map *m,
                          const struct gen_from *from, etf_term request,
                          bool *known)
{
    const etf_term *items = etf_tuple_items(request);
    char id[GEN_SERVICE_ID_MAX + 1];
    struct agner_error error = { 0 };
    enum agner_err err;
    int64_t what = 0;
    void *draft;

    *known = true;
    (void)etf_get_int(items == NULL ? request : items[0], &what);
    if (items == NULL && what == MAP_STATES)
        return states(self, m);
    if (items == NULL && what == MAP_FOLLOW)
        return followed(self, m);
    if (items == NULL && what == MAP_FIX) {
        m->fixed = true;
        return ETF_A(ok);
    }
    *known = etf_tuple_size(request) == 2;
    if (*known && what == MAP_WAKE)
        return gen__map_wake(self, items[1]);
    if (*known && what == MAP_CREATE && etf_get_resource(items[1], &draft)) {
        err = gen__map_create(self, m, from, draft, &error);
        return err == AGNER_OK ? ETF_NONE
                               : etf_make(self, "{_, _}", (int64_t)err,
                                          (const char *)error.text);
    }
    *known = *known && etf_get_text(items[1], id, sizeof id);
    if (*known && what == MAP_DELETE) {
        err = gen__map_delete(self, m, from, id);
        return err == AGNER_OK ? ETF_NONE : etf_make(self, "_", (int64_t)err);
    }
    if (*known && what == MAP_GET)
        return get(self, m, id);
    *known = false;
    return ETF_NONE;
}

static enum gen_next map_call(struct gen *self, struct gen_from from,
                              etf_term request)
{
    struct map *m = gen_state(self);
    bool known;
    etf_term reply;

    gen__loan_use(&m->object->loan);
    reply = from_here(self, m, &from, request, &known);
    if (!known) /* of elsewhere, where services are known by their pids */
        gen__map_wake_all(self, m);
    if (!known)
        reply = gen__map_far_call(self, m, request);
    if (!known && etf_is_none(reply))
        reply = gen__map_call_term(self, m, &from, request);
    if (!etf_is_none(reply))
        (void)gen_reply(self, from, reply);
    return next_of(self);
}

/* ---- The beginning and the end
 * ------------------------------------------------ */

static void set_pid(struct gen_service_map *object, etf_pid pid)
{
    rt__lock(&object->lock);
    object->pid = pid;
    rt__unlock(&object->lock);
}

static enum gen_next map_init(struct gen *self, etf_term args)
{
    struct map *m = gen_state(self);
    void *object;

    if (!etf_get_resource(args, &object))
        return gen_stop(self, ETF_A(badarg));
    m->object = gen_service_map_hold(object);
    (void)rt_trap_exit(self, true);
    rt_random(m->object->rt, &m->table.seed, sizeof m->table.seed);
    set_pid(m->object, rt_self(self));
    m->object->server = m;
    gen__head(self)->loan = &m->object->loan;
    return next_of(self);
}

static bool is_of_a_service(void *ctx, etf_term message)
{
    struct map *m = ctx;
    etf_pid pid;

    return (etf_match(message, "{'EXIT', _, __}", &pid) ||
            etf_match(message, "{'$service_changed', _, __}", &pid) ||
            etf_match(message, "{'$service_left', _}", &pid)) &&
           gen__table_by_pid(&m->table, pid) != NULL;
}

static bool has_processes(const struct map *m)
{
    for (const struct map_row *row = m->table.first; row != NULL;
         row = row->next)
        if (!etf_pid_is_none(row->pid))
            return true;
    return m->gone != NULL;
}

static void tell_to_end(struct gen *self, struct map *m)
{
    for (struct map_row *row = m->table.last; row != NULL; row = row->before)
        if (!etf_pid_is_none(row->pid))
            (void)rt_exit_signal(self, row->pid, ETF_A(shutdown)); /* or gone */
}

/* What is asleep and active has its stop and its hooks as the others. */
static void wake_active(struct gen *self, struct map *m)
{
    for (struct map_row *row = m->table.first; row != NULL; row = row->next)
        if (row->asleep && row->state->state.active)
            (void)gen__asleep_start(self, row); /* else it is as if killed */
}

/* All are told, the last made first; then all are waited for. Who has not heard
 * of it for want of memory is told again. */
static void map_terminate(struct gen *self, etf_term reason)
{
    struct map *m = gen_state(self);
    etf_term message;
    enum agner_err err;

    m->ending = true;
    gen__loan_close(&m->object->loan);
    wake_active(self, m);
    tell_to_end(self, m);
    while (has_processes(m)) {
        err = rt_receive_match(self, is_of_a_service, m, AGAIN_MS, &message);
        if (err == AGNER_OK)
            (void)map_info(self, message);
        else if (err == AGNER_ETIMEOUT || err == AGNER_ENOMEM)
            tell_to_end(self, m);
        else
            break;
    }
    gen__map_followers_end(self, m, reason);
    if (m->stream != NULL)
        (void)gen_stream_close(self, m->stream, reason); /* the first time */
}

static void map_destroy(void *state)
{
    struct map *m = state;
    struct map_row *row;

    if (m->object == NULL)
        return;
    gen__loan_close(&m->object->loan);
    m->object->server = NULL;
    set_pid(m->object, (etf_pid){ 0 });
    while ((row = m->table.first) != NULL) {
        m->table.first = row->next;
        gen__map_free_row(row);
    }
    while ((row = m->gone) != NULL) {
        m->gone = row->next;
        gen__map_free_row(row);
    }
    gen__table_fini(&m->table);
    gen__snapshot_destroy(m->snapshot);
    gen__map_followers_free(m);
    gen__map_creators_free(m);
    if (m->stream != NULL)
        (void)gen_stream_close(NULL, m->stream, ETF_A(killed)); /* unless it
                                                                   was */
    gen_stream_free(m->stream);
    gen_service_map_free(m->object);
}

static etf_term map_status(struct gen *self)
{
    const struct map *m = gen_state(self);
    uint64_t services, changes;

    gen__loan_use(&m->object->loan);
    services = m->table.count;
    changes = m->changes;
    gen__loan_offer(&m->object->loan, false); /* lent again after the message */
    return etf_make(self, "#{services => _, changes => _}", services, changes);
}

const struct gen_server gen__map_server = { .name = "gen_service_map",
                                            .state_size = sizeof(struct map),
                                            .init = map_init,
                                            .handle_call = map_call,
                                            .handle_info = map_info,
                                            .terminate = map_terminate,
                                            .format_status = map_status,
                                            .destroy = map_destroy };
