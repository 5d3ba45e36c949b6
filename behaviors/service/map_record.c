/*
 * map_record.c -- what leaves a service map: records, changes and snapshots,
 * immutable and counted, and as terms.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

/* ---- Records ------------------------------------------------------------ */

struct map_record *gen__record_new(const char *id, const char *kind,
                                   struct gen_service *service, etf_term node,
                                   uint64_t number)
{
    size_t id_size = strlen(id) + 1, kind_size = strlen(kind) + 1;
    struct map_record *record = malloc(sizeof *record + id_size + kind_size);

    if (record == NULL) {
        gen_service_free(service);
        return NULL;
    }
    memcpy(record->text, id, id_size);
    memcpy(record->text + id_size, kind, kind_size);
    store_relaxed(&record->refs, 1u);
    record->record =
        (struct gen_service_record){ .id = record->text,
                                     .kind = record->text + id_size,
                                     .service = service,
                                     .node = node,
                                     .number = number };
    return record;
}

/* Drops const: users may not write a record, whose count is ours. */
struct map_record *gen__record_of(const struct gen_service_record *record)
{
    return (struct map_record *)(uintptr_t)record;
}

const struct gen_service_record *
gen_service_record_hold(const struct gen_service_record *record)
{
    if (record != NULL)
        add_relaxed(&gen__record_of(record)->refs, 1u);
    return record;
}

/* Order, here and below: as gen__config_free(). */
void gen_service_record_free(const struct gen_service_record *record)
{
    struct map_record *whole = gen__record_of(record);

    if (whole == NULL || sub_acq_rel(&whole->refs, 1u) != 1)
        return;
    gen_service_free(whole->record.service);
    free(whole);
}

void gen__record_destroy(void *record)
{
    gen_service_record_free(record);
}

etf_term gen__record_term(struct etf_region *r, etf_term here,
                          const struct gen_service_record *record,
                          const struct gen_service_state *state)
{
    etf_pid pid = gen_service_pid(record->service);

    return etf_make(
        r,
        "#{id => _, kind => _, number => _, node => _, pid => _, state => _}",
        record->id, record->kind, record->number,
        etf_is_none(record->node) ? here : record->node,
        etf_pid_is_none(pid) ? ETF_A(undefined) : etf_from_pid(r, pid),
        gen_service_state_term(r, state));
}

/* ---- Changes ------------------------------------------------------------ */

static const struct gen_service_state *state_of(struct service_block *block)
{
    return block != NULL ? &gen__block_hold(block)->state : NULL;
}

struct map_change *gen__change_new(enum gen_service_change_type type,
                                   const struct map_record *record,
                                   struct service_block *before,
                                   struct service_block *after)
{
    struct map_change *change = calloc(1, sizeof *change);

    if (change == NULL)
        return NULL;
    store_relaxed(&change->refs, 1u);
    change->change.type = type;
    change->change.record = gen_service_record_hold(&record->record);
    change->change.before = state_of(before);
    change->change.after = state_of(after);
    return change;
}

void gen__change_free(struct map_change *change)
{
    if (change == NULL || sub_acq_rel(&change->refs, 1u) != 1)
        return;
    gen_service_record_free(change->change.record);
    gen_service_state_free(change->change.before);
    gen_service_state_free(change->change.after);
    gen_service_snapshot_free(change->change.snapshot);
    free(change);
}

etf_term gen__change_term(struct etf_region *r, etf_term here,
                          const struct gen_service_change *change)
{
    const struct gen_service_record *record = change->record;

    switch (change->type) {
    case GEN_SERVICE_ADD:
        return etf_make(r, "{add, _}",
                        gen__record_term(r, here, record, change->after));
    case GEN_SERVICE_UPDATE:
        return etf_make(r, "{update, _, _}",
                        gen__record_term(r, here, record, change->after),
                        gen_service_state_term(r, change->before));
    case GEN_SERVICE_REMOVE:
        return etf_make(r, "{remove, _}",
                        gen__record_term(r, here, record, change->before));
    case GEN_SERVICE_AGAIN: /* made by who follows */
        break;
    }
    return ETF_NONE;
}

const struct gen_service_change *
gen_service_event_change(const struct gen_stream_event *event)
{
    return event->data;
}

/* ---- Snapshots ---------------------------------------------------------- */

struct map_snapshot *gen__snapshot_new(size_t count)
{
    struct map_snapshot *snapshot;

    if (count > (SIZE_MAX - sizeof *snapshot) / sizeof *snapshot->entries)
        return NULL;
    snapshot = malloc(sizeof *snapshot + count * sizeof *snapshot->entries);
    if (snapshot == NULL)
        return NULL;
    store_relaxed(&snapshot->refs, 1u);
    snapshot->snapshot =
        (struct gen_service_snapshot){ .count = 0,
                                       .entries = snapshot->entries };
    return snapshot;
}

void gen__snapshot_add(struct map_snapshot *snapshot,
                       const struct map_record *record,
                       struct service_block *state)
{
    struct gen_service_entry *entry =
        &snapshot->entries[snapshot->snapshot.count++];

    entry->record = gen_service_record_hold(&record->record);
    entry->state = state_of(state);
}

struct map_snapshot *gen__snapshot_hold(struct map_snapshot *snapshot)
{
    if (snapshot != NULL)
        add_relaxed(&snapshot->refs, 1u);
    return snapshot;
}

etf_term gen__snapshot_term(struct etf_region *r, etf_term here,
                            const struct map_snapshot *snapshot)
{
    etf_term list = etf_nil();

    for (size_t i = snapshot->snapshot.count; i > 0; i--) {
        const struct gen_service_entry *entry = &snapshot->entries[i - 1];

        list = etf_cons(
            r, gen__record_term(r, here, entry->record, entry->state), list);
    }
    return list;
}

void gen__snapshot_destroy(void *arg)
{
    struct map_snapshot *snapshot = arg;

    if (snapshot == NULL || sub_acq_rel(&snapshot->refs, 1u) != 1)
        return;
    for (size_t i = 0; i < snapshot->snapshot.count; i++) {
        gen_service_record_free(snapshot->entries[i].record);
        gen_service_state_free(snapshot->entries[i].state);
    }
    free(snapshot);
}

void gen_service_snapshot_free(const struct gen_service_snapshot *snapshot)
{
    gen__snapshot_destroy((void *)(uintptr_t)snapshot); /* the count is ours */
}
