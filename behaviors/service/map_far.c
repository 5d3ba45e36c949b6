/*
 * map_far.c -- a service map that is followed from another node.
 *
 * The map is the server of its own log and the owner of its snapshots
 * (stream/remote.h), as a service is of its states (service_far.c). Changes
 * cross once for each node that follows, with their numbers; there they are
 * changes again. When what came while the connection was lost is not kept any
 * more, one change that has a whole snapshot stands for all of it.
 *
 *   an event       {Number, TimeNs, Change}
 *   the snapshot   {Number, [Record]}
 *
 * Source: spec/service.md 3.4; spec/eventstream.md 3.4.
 */
#include "service/map.h"

#include "stream/remote.h"

/* Changes that are kept for relays whose connection is lost. */
#define RETAIN GEN_SERVICE_WINDOW

/* ---- The map ------------------------------------------------------------ */

static void destroy_event(void *ctx, void *data, size_t size)
{
    (void)ctx;
    (void)size;
    gen__change_free(data);
}

static etf_term encode_event(void *ctx, struct etf_region *r, const void *data,
                             size_t size)
{
    const struct gen_service_change *change = data;

    (void)size;
    return etf_make(r, "{_, _, _}", change->number, change->time_ns,
                    gen__change_term(r, rt_node(ctx).name, change));
}

enum agner_err gen__map_stream(struct map *m)
{
    struct gen_stream_options options = { .name = m->object->spec->name,
                                          .max_lag = GEN_SERVICE_WINDOW,
                                          .many_publishers = true,
                                          .destroy = destroy_event,
                                          .encode = encode_event,
                                          .ctx = m->object->rt };

    return m->stream != NULL
               ? AGNER_OK
               : gen_stream_new(m->object->rt, &options, &m->stream);
}

bool gen__map_far_message(struct gen *self, struct map *m, etf_term message)
{
    if (!etf_match(message, "{'$stream_follow', __, __, __, __, __}"))
        return false;
    gen__map_wake_all(self, m); /* there, services are known by their pids */
    if (gen__map_stream(m) != AGNER_OK)
        return true; /* it is asked again */
    return gen__far_serve(self, m->stream, RETAIN, message);
}

etf_term gen__map_far_call(struct gen *self, struct map *m, etf_term request)
{
    struct map_snapshot *snapshot;
    bool closed;

    if (etf_match(request, "'$stream_owner'"))
        return etf_make(self, "{owner, _}", rt_self(self));
    if (!etf_match(request, "{'$stream_snapshot', far}"))
        return ETF_NONE;
    snapshot = gen__map_snapshot(m);
    if (snapshot == NULL || gen__map_stream(m) != AGNER_OK)
        return etf_make(self, "{error, memory}");
    return etf_make(self, "{snapshot, {_, _}, _}", snapshot->snapshot.number,
                    gen__snapshot_term(rt_region(self),
                                       rt_node(m->object->rt).name, snapshot),
                    gen__stream_front(m->stream, &closed));
}

/* ---- Who follows -------------------------------------------------------- */

static enum agner_err decode_event(void *ctx, etf_term term, void **data,
                                   size_t *size)
{
    struct map_change *change = gen__change_read(ctx, term);

    if (change == NULL)
        return AGNER_EINVAL;
    *data = change;
    *size = sizeof *change;
    return AGNER_OK;
}

static enum agner_err follow_there(struct gen *self, etf_term to,
                                   const struct gen_cursor_options *options,
                                   struct map_snapshot **snapshot,
                                   struct gen_cursor **cursor)
{
    const struct gen_stream_options events = { .max_lag = GEN_SERVICE_WINDOW,
                                               .destroy = destroy_event,
                                               .decode = decode_event,
                                               .ctx = rt_of(self) };
    struct gen_stream_promise changes;
    etf_term term, list;
    uint64_t number;
    enum agner_err err = gen__far_follow(self, to, &events, &term, &changes);

    if (err != AGNER_OK)
        return err;
    *snapshot =
        etf_match(term, "{_, _}", &number, &list)
            ? gen__snapshot_read(rt_of(self), ETF_A(local), list, number)
            : NULL;
    err = *snapshot == NULL
              ? AGNER_ENOTSUP
              : gen_cursor_open(self, &changes,
                                options != NULL ? options : &gen__follow_all,
                                cursor);
    if (err != AGNER_OK)
        gen__snapshot_destroy(*snapshot);
    gen_stream_promise_free(&changes);
    return err;
}

enum agner_err gen__map_follow_at(struct gen *self, struct gen_service_map *map,
                                  const struct gen_cursor_options *options,
                                  const struct gen_service_snapshot **snapshot,
                                  struct gen_cursor **cursor)
{
    etf_term to = etf_copy(rt_region(self), etf_box_term(map->to));
    struct map_snapshot *first = NULL;
    enum agner_err err;
    void *here;
    etf_pid pid;

    if (etf_is_none(to))
        return AGNER_ENOMEM;
    if (gen__far_is_here(self, to, &pid)) {
        err = gen__follow(self, pid, MAP_FOLLOW, options, &here, cursor);
        if (err == AGNER_OK)
            first = gen__snapshot_hold(here);
    } else {
        err = follow_there(self, to, options, &first, cursor);
    }
    if (err == AGNER_OK && snapshot != NULL)
        *snapshot = &first->snapshot;
    else
        gen__snapshot_destroy(err == AGNER_OK ? first : NULL);
    return err;
}
