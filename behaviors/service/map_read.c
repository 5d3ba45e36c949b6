/*
 * map_read.c -- records, changes and snapshots out of terms: what comes from a
 * map of another node.
 *
 * Each record that is read has a handle of its own for its service, which knows
 * the state that came with it.
 */
#include "service/map.h"

#include <stdlib.h>

static struct gen_service *read_service(struct rt *rt, etf_term pid)
{
    etf_pid is_pid;

    /* One without a process leads to a name that nobody has. */
    return gen_service_at(rt,
                          etf_get_pid(pid, &is_pid) ? pid : ETF_A(undefined));
}

static enum agner_err read_record(struct rt *rt, etf_term here, etf_term map,
                                  struct map_record **out)
{
    char id[GEN_SERVICE_ID_MAX + 1], kind[GEN_SERVICE_ID_MAX + 1];
    etf_term node = etf_map_get(map, etf_atom("node"));
    struct gen_service *service;
    uint64_t number;

    if (etf_kind(map) != ETF_KIND_MAP || !etf_is_atom(node) ||
        !gen__map_read_id(etf_map_get(map, etf_atom("id")), id) ||
        !gen__map_read_id(etf_map_get(map, etf_atom("kind")), kind) ||
        !etf_get_uint(etf_map_get(map, etf_atom("number")), &number))
        return AGNER_EBADTERM;
    if (etf_same(node, ETF_A(local)))
        node = here;
    service = read_service(rt, etf_map_get(map, etf_atom("pid")));
    if (service == NULL)
        return AGNER_ENOMEM;
    *out = gen__record_new(id, kind, service, node, number);
    return *out == NULL ? AGNER_ENOMEM : AGNER_OK;
}

enum agner_err gen__record_read(struct rt *rt, etf_term here, etf_term term,
                                struct map_record **record,
                                struct service_block **state)
{
    struct service_block *block;
    enum agner_err err = read_record(rt, here, term, record);

    if (err != AGNER_OK)
        return err;
    block = gen__block_read(etf_map_get(term, etf_atom("state")));
    if (block == NULL) {
        gen_service_record_free(&(*record)->record);
        return AGNER_EBADTERM;
    }
    gen__service_learn((*record)->record.service, gen__block_hold(block));
    if (state != NULL)
        *state = block;
    else
        gen__block_free(block);
    return AGNER_OK;
}

struct map_snapshot *gen__snapshot_read(struct rt *rt, etf_term here,
                                        etf_term list, uint64_t number)
{
    int64_t count = etf_list_size(list);
    struct map_snapshot *snapshot =
        count < 0 ? NULL : gen__snapshot_new((size_t)count);
    struct service_block *state;
    struct map_record *record;
    etf_term one;

    if (snapshot == NULL)
        return NULL;
    snapshot->snapshot.number = number;
    while (etf_list_next(&list, &one)) {
        if (gen__record_read(rt, here, one, &record, &state) != AGNER_OK) {
            gen__snapshot_destroy(snapshot);
            return NULL;
        }
        gen__snapshot_add(snapshot, record, state);
        gen_service_record_free(&record->record);
        gen__block_free(state);
    }
    return snapshot;
}

/* ---- Changes ------------------------------------------------------------ */

static struct map_change *read_again(struct rt *rt, etf_term snapshot)
{
    struct map_change *change = calloc(1, sizeof *change);
    struct map_snapshot *read = NULL;
    uint64_t number;
    etf_term list;

    if (change != NULL && etf_match(snapshot, "{_, _}", &number, &list))
        read = gen__snapshot_read(rt, ETF_A(local), list, number);
    if (read == NULL) {
        free(change);
        return NULL;
    }
    store_relaxed(&change->refs, 1u);
    change->change.type = GEN_SERVICE_AGAIN;
    change->change.number = number;
    change->change.snapshot = &read->snapshot;
    return change;
}

/* Takes `old`, which may be NULL. */
static struct map_change *read_parts(struct rt *rt,
                                     enum gen_service_change_type type,
                                     etf_term record_term,
                                     struct service_block *old)
{
    struct service_block *state;
    struct map_record *record;
    struct map_change *change = NULL;

    if (gen__record_read(rt, ETF_A(local), record_term, &record, &state) ==
        AGNER_OK) {
        change = type == GEN_SERVICE_REMOVE
                     ? gen__change_new(type, record, state, NULL)
                     : gen__change_new(type, record, old, state);
        gen_service_record_free(&record->record);
        gen__block_free(state);
    }
    gen__block_free(old);
    return change;
}

static struct map_change *read_one(struct rt *rt, etf_term term)
{
    struct service_block *old;
    etf_term record, before;

    if (etf_match(term, "{add, _}", &record))
        return read_parts(rt, GEN_SERVICE_ADD, record, NULL);
    if (etf_match(term, "{remove, _}", &record))
        return read_parts(rt, GEN_SERVICE_REMOVE, record, NULL);
    if (!etf_match(term, "{update, _, _}", &record, &before))
        return NULL;
    old = gen__block_read(before);
    return old == NULL ? NULL : read_parts(rt, GEN_SERVICE_UPDATE, record, old);
}

struct map_change *gen__change_read(struct rt *rt, etf_term term)
{
    uint64_t number, time_ns;
    struct map_change *change;
    etf_term what;

    if (etf_match(term, "{gen_stream_snapshot, _}", &what))
        return read_again(rt, what);
    if (!etf_match(term, "{_, _, _}", &number, &time_ns, &what))
        return NULL;
    change = read_one(rt, what);
    if (change != NULL) {
        change->change.number = number;
        change->change.time_ns = time_ns;
    }
    return change;
}
