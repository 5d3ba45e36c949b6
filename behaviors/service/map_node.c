/*
 * map_node.c -- services of a map on other nodes.
 *
 * A spawn request with a link makes the service's process there, so that it is
 * never without its map: when either side, or the connection, is lost, the
 * service ends, and the map hears of it. What the service is, is what the other
 * node provides under its kind. Its first state makes the record visible.
 *
 * Source: spec/service.md 3.4.
 */
#include "service/map.h"

#include <stdlib.h>
#include <string.h>

#define GROUP  "gen_service:kinds"
#define MODULE "gen_service"

/* ---- The map's side
 * ------------------------------------------------------------ */

enum agner_err gen__map_place(struct gen *self, struct map *m,
                              struct map_row *row, bool active, bool configured,
                              etf_bytes config, uint64_t version)
{
    const struct gen_service_record *record = &row->record->record;
    struct rt_remote_spawn_options options = { .link = true };
    etf_term args = etf_make(
        self,
        "[#{id => _, kind => _, active => _, configured => _, config => _, "
        "version => _, map => _}]",
        record->id, record->kind, active, configured, config, version,
        rt_self(self));

    (void)m;
    if (etf_is_none(args))
        return AGNER_ENOMEM;
    return rt_spawn_request(self, record->node, etf_atom(MODULE),
                            etf_atom("start_link"), args, &options,
                            &row->spawn);
}

/* The newest rows are the likeliest. */
static struct map_row *by_spawn(struct map *m, etf_ref ref)
{
    struct map_row *row = m->table.last;

    while (row != NULL && !etf_ref_equal(row->spawn, ref))
        row = row->before;
    return row;
}

static void placed(struct gen *self, struct map *m, struct map_row *row,
                   etf_term pid_term)
{
    struct etf_box *to = etf_box_new(pid_term);
    etf_pid pid;

    if (to == NULL || !etf_get_pid(pid_term, &pid)) {
        etf_box_free(to);
        (void)gen_stop(self, ETF_A(memory_limit));
        return;
    }
    gen__service_moved(row->record->record.service, to, pid);
    gen__table_set_pid(&m->table, row, pid);
}

static void refused(struct gen *self, struct map *m, struct map_row *row,
                    etf_term reason)
{
    char text[160];

    if (row->state != NULL) {
        gen__map_restart_later(self, m, row);
        return;
    }
    gen__map_answer(self, row,
                    etf_same(reason, ETF_A(noconnection)) ? AGNER_ENOCONN
                                                          : AGNER_EEXIT,
                    etf_format(text, sizeof text, reason));
    gen__map_drop(self, m, row);
}

bool gen__map_node_message(struct gen *self, struct map *m, etf_term message)
{
    struct map_row *row;
    etf_term how, what;
    etf_ref ref;

    if (!etf_match(message, "{spawn_reply, _, _, _}", &ref, &how, &what))
        return false;
    row = by_spawn(m, ref);
    if (row == NULL)
        return true; /* it was dropped, and the request abandoned */
    row->spawn = (etf_ref){ 0 };
    if (etf_same(how, ETF_A(ok)))
        placed(self, m, row, what);
    else
        refused(self, m, row, what);
    return true;
}

/* ---- The other side
 * ------------------------------------------------------------ */

struct provided {
    const struct gen_service_map_spec *spec; /* borrowed */
    void *arg;                               /* borrowed */
};

struct order {
    char id[GEN_SERVICE_ID_MAX + 1], kind[GEN_SERVICE_ID_MAX + 1];
    struct gen_service_create what;
    uint64_t version;
    etf_pid map;
};

static bool read_order(etf_term args, struct order *o)
{
    etf_term id, kind;

    if (!etf_match(args,
                   "[#{id => _, kind => _, active => _, configured => _, "
                   "config => _, version => _, map => _}]",
                   &id, &kind, &o->what.active, &o->what.configured,
                   &o->what.config, &o->version, &o->map) ||
        !etf_get_text(id, o->id, sizeof o->id) ||
        !etf_get_text(kind, o->kind, sizeof o->kind))
        return false;
    o->what.id = o->id;
    o->what.kind = o->kind;
    return true;
}

static const struct provided *find(struct rt *rt, const char *kind)
{
    etf_term name = etf_atom_find(kind, strlen(kind));
    void *data;

    if (etf_is_none(name) ||
        rt_behavior_find(rt, GROUP, name, NULL, &data) != AGNER_OK)
        return NULL;
    return data;
}

static struct gen_service *make(struct gen *self, const struct order *o,
                                struct agner_error *error)
{
    const struct provided *provided = find(rt_of(self), o->kind);
    struct gen_service *service;
    struct map_draft *draft = NULL;

    if (provided == NULL) {
        (void)agner_fail(error, AGNER_EUNKNOWN, "no such kind");
        return NULL;
    }
    if (gen__draft_new(self, provided->spec, provided->arg, &o->what, &draft,
                       error) != AGNER_OK)
        return NULL;
    service = draft->service;
    draft->service = NULL;
    gen__draft_destroy(draft);
    service->tag = strdup(o->id); /* NULL: listed by another name */
    service->watcher = o->map;
    service->placed = true;
    service->now->state.version = o->version + 1; /* nobody has seen it */
    return service;
}

static void run(struct gen *self, etf_term module, etf_term function,
                etf_term args, void *data)
{
    struct agner_error error = { 0 };
    struct gen_service *service;
    struct order order = { 0 };

    (void)data;
    if (!etf_atom_is(function, "start_link") || !read_order(args, &order)) {
        rt_remote_undef(self, module, function, args);
        return;
    }
    service = make(self, &order, &error);
    if (service != NULL)
        gen__service_become(self, service);
    rt_exit(self, etf_make(self, "{create, _}", (const char *)error.text));
}

static const struct rt_remote remote = { .run = run };

enum agner_err gen_service_provide(struct rt *rt, const char *kind,
                                   const struct gen_service_map_spec *spec,
                                   void *arg)
{
    struct provided *provided;
    enum agner_err err;

    if (kind == NULL || spec == NULL || spec->create == NULL)
        return AGNER_EINVAL;
    err = rt_behavior_register(rt, RT_GROUP_REMOTE, etf_atom(MODULE), &remote,
                               NULL, NULL);
    if (err != AGNER_OK && err != AGNER_ETAKEN)
        return err;
    provided = malloc(sizeof *provided);
    if (provided == NULL)
        return AGNER_ENOMEM;
    *provided = (struct provided){ spec, arg };
    err = rt_behavior_register(rt, GROUP, etf_atom(kind), spec, provided, free);
    if (err != AGNER_OK)
        free(provided);
    return err;
}
