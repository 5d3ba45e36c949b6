/*
 * gen_service_map.h -- services under ids: made, deleted, looked up, followed.
 *
 * A map is a process that has a table of records and supervises their services,
 * on this node and on others. It writes one log: ADD, then UPDATEs, then REMOVE
 * of each record, all records in one order, so a snapshot and what comes after
 * it fit exactly. A service on this node has its process once it needs one
 * (gen_service_process()); all of them have, once the map was called from
 * elsewhere.
 *
 *     static enum agner_err make(void *arg, const char *id, const char *kind,
 *                                const struct gen_service_spec **spec,
 *                                struct gen_service_options *options,
 *                                struct agner_error *error);
 *     static const struct gen_service_map_spec drivers = {
 *         .name = "drivers", .create = make, .id = gen_id_is_uuid };
 *
 * A struct gen_service_map is a handle, counted, for any thread. gen.h includes
 * this header.
 *
 * Calls from elsewhere, as {'$gen_call', From, Request}, of Erlang too. Id is a
 * binary, or an atom or string:
 *
 *   {create, #{id, kind, active, config, node}}   {ok, Record}; but for kind
 *                                                 all may be absent
 *   {delete, Id} | {delete, Id, Options}          ok; allow_missing
 *   {get, Id}                                     {ok, Record}
 *   states                                        {ok, [Record]}
 *   metadata                                      {ok, Metadata}
 *   {start, Id} | {start, Id, Options} | {stop, Id} | {stop, Id, Options} |
 *   {configure, Id, Binary} | {configure, Id, Binary, Options} | {state, Id}
 *                                                 as of a service
 *   follow | {follow, Options}                    {ok, Ref, [Record]};
 *                                                 updates_only, metadata
 *   {unfollow, Ref}                               ok
 *
 * or {error, Why}: exists, not_found, immutable, badarg, {bad_id, Text},
 * {create, Text}, noconnection, memory. Record is #{id, kind, number, node,
 * pid, state}, Metadata #{total, active, in_error, kinds => #{Kind => Count}}.
 * A follower gets {service_change, Ref, Number, Change}, Change one of {add,
 * Record}, {update, Record, OldState}, {remove, Record}; with `metadata`
 * instead {service_metadata, Ref, Metadata}, once now and then when it changes.
 * {service_end, Ref, Reason} is the last: the map's end, or `lagged`, when its
 * connection was too busy for a change: then it asks anew. A map that is killed
 * says nothing more, as a service. Who is a node of agner has
 * gen_service_map_at(), which misses nothing.
 *
 * Source: spec/service.md 2.5 to 2.7, 3.3, 3.4.
 */
#ifndef AGNER_GEN_SERVICE_MAP_H
#define AGNER_GEN_SERVICE_MAP_H

#include <agner/gen_service.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_SERVICE_ID_MAX 255u /* bytes of an id, and of a kind */

struct gen_service_map; /* a handle */
struct gen_service;
struct gen_service_spec;
struct gen_service_options;
struct gen_service_state;
struct gen_cursor;
struct gen_cursor_options;
struct gen_stream_event;
struct gen_retry_options;

/* ---- Records and changes ------------------------------------------------ */

/* Never changed, so any thread reads it. Counted: who gets one frees it. */
struct gen_service_record {
    const char *id, *kind;
    struct gen_service *service; /* the record's: hold it to keep it */
    etf_term node;               /* an atom; ETF_NONE: this node */
    uint64_t number;             /* order of creation, from 1 */
};

AGNER_API const struct gen_service_record *
gen_service_record_hold(const struct gen_service_record *record);
AGNER_API void gen_service_record_free(const struct gen_service_record *record);

/* Records with their states at one place of the log, in the order of creation.
 * Counted, never changed. */
struct gen_service_snapshot {
    size_t count;
    const struct gen_service_entry {
        const struct gen_service_record *record;
        const struct gen_service_state *state;
    } * entries;
    uint64_t number; /* of the last change that is in it */
};
AGNER_API void
gen_service_snapshot_free(const struct gen_service_snapshot *snapshot);

enum gen_service_change_type {
    GEN_SERVICE_ADD,    /* `after` only */
    GEN_SERVICE_UPDATE, /* a state changed: both */
    GEN_SERVICE_REMOVE, /* `before` only; nothing of the record comes later */
    /* Of a map on another node, whose changes while the connection was lost are
     * not kept any more: `snapshot` only, all that there is after them. What is
     * not in it is gone. */
    GEN_SERVICE_AGAIN,
};

struct gen_service_change {
    enum gen_service_change_type type;
    uint64_t number;  /* 1 more than that of the change before; AGAIN: that of
                         the last change that the snapshot has */
    uint64_t time_ns; /* rt_wall_ns(), there; AGAIN: 0 */
    const struct gen_service_record *record;
    const struct gen_service_state *before, *after;
    const struct gen_service_snapshot *snapshot;
};

/* ---- What a map is ------------------------------------------------------ */

struct gen_service_ids; /* the ids of a map, while one is chosen */

/* Is there a record of that id? */
AGNER_API bool gen_service_ids_taken(const struct gen_service_ids *ids,
                                     const char *id);
AGNER_API void gen_service_ids_random(const struct gen_service_ids *ids,
                                      void *bytes, size_t size);

/* How an id is chosen when create is given none; `id` has room for
 * GEN_SERVICE_ID_MAX bytes and an end. In the map's process, which waits: any
 * error ends the create, with the text after "bad id: ". */
typedef enum agner_err (*gen_service_id_fn)(const struct gen_service_ids *ids,
                                            const char *kind, char *id,
                                            struct agner_error *error);

/* The kind; AGNER_EPRESENT if taken. */
AGNER_API enum agner_err gen_id_is_kind(const struct gen_service_ids *ids,
                                        const char *kind, char *id,
                                        struct agner_error *error);
/* A random UUID; AGNER_EPRESENT after 10 that are taken. */
AGNER_API enum agner_err gen_id_is_uuid(const struct gen_service_ids *ids,
                                        const char *kind, char *id,
                                        struct agner_error *error);
/* AGNER_EINVAL: create must be given one. */
AGNER_API enum agner_err gen_id_is_required(const struct gen_service_ids *ids,
                                            const char *kind, char *id,
                                            struct agner_error *error);

/* Static. */
struct gen_service_map_spec {
    const char *name; /* for people */

    /* What a service of that kind is: fills in the spec and the options, but
     * for active and config. `id` is NULL when the map is to choose one. In
     * whoever creates, so on any process and several at once. Any error ends
     * the create, and so does leaving by rt_exit(): AGNER_ECRASHED. Once it
     * returns AGNER_OK options->arg is the service's: arg_free is called in any
     * case. */
    enum agner_err (*create)(void *arg, const char *id, const char *kind,
                             const struct gen_service_spec **spec,
                             struct gen_service_options *options,
                             struct agner_error *error);
    gen_service_id_fn id; /* NULL: gen_id_is_required */
};

/* What becomes of a record whose service's process has died, or whose node is
 * lost: first an UPDATE with the error. */
enum gen_service_loss {
    GEN_SERVICE_LOSS_RESTART, /* another process, as it was, after a delay */
    GEN_SERVICE_LOSS_KEEP,    /* it stays inactive */
    GEN_SERVICE_LOSS_REMOVE,
};

/* All zero is a good default. */
struct gen_service_map_options {
    void *arg;     /* for create */
    etf_term name; /* atom to register, or ETF_NONE */
    bool link;     /* to self */
    enum gen_service_loss on_loss;
    const struct gen_retry_options *restart; /* its delays; copied; NULL: the
                                                defaults */
};

/* Starts an empty map. `spec` is borrowed: static. Returns new in *map: its
 * process goes on without the handle. AGNER_EINVAL (no create, a delay
 * that cannot be), and as rt_start(). */
AGNER_API enum agner_err
gen_service_map_new(struct gen *self, const struct gen_service_map_spec *spec,
                    const struct gen_service_map_options *options,
                    struct gen_service_map **map, struct agner_error *error);

/* A handle for a map that has none here: of another node, or known by its name.
 * `to` (a pid, a name, {Name, Node}) is copied. Its functions are those of any
 * other handle: calls go out as terms, and following goes over the node's relay
 * to that map, one for all who follow it here (gen_stream_remote.h), which goes
 * on where it was when a lost connection is back. What it gives out are copies:
 * a record's node is an atom, the map's own node too, and its service a
 * gen_service_at(). Returns new; NULL: no memory. */
AGNER_API struct gen_service_map *gen_service_map_at(struct rt *rt,
                                                     etf_term to);

/* A map that stays as it is: services of these specs with these options, with
 * the ids "0", "1" and so on, and their specs' names as kinds. Create and
 * delete are AGNER_EIMMUTABLE. */
struct gen_service_member {
    const struct gen_service_spec *spec;
    const struct gen_service_options *options; /* NULL: the defaults */
};
AGNER_API enum agner_err
gen_service_map_of(struct gen *self, const struct gen_service_member *members,
                   size_t count, const struct gen_service_map_options *options,
                   struct gen_service_map **map, struct agner_error *error);

AGNER_API struct gen_service_map *
gen_service_map_hold(struct gen_service_map *map);
AGNER_API void gen_service_map_free(struct gen_service_map *map);
/* All zero: it has ended, or is known by its name only. */
AGNER_API etf_pid gen_service_map_pid(struct gen_service_map *map);

/* Ends the map and its services, the last made first. AGNER_ENOPROC,
 * AGNER_ETIMEOUT. */
AGNER_API enum agner_err gen_service_map_terminate(struct gen *self,
                                                   struct gen_service_map *map,
                                                   uint64_t timeout_ms);

/* ---- Content ------------------------------------------------------------ */
/*
 * All of them: AGNER_ENOPROC, AGNER_ETIMEOUT (5 s), AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED; of another node AGNER_ENODEDOWN, AGNER_ENOTSUP
 * (it is no map). Results are written on AGNER_OK only, may be
 * NULL where said, and are the caller's to free.
 */

struct gen_service_create {
    const char *id; /* NULL: the map's id function chooses */
    const char *kind;
    bool active, configured;
    etf_bytes config;
    /* There: what gen_service_provide() has under the kind. NULL: here. */
    const char *node;
};

/*
 * Makes a service. Nothing is visible until all has worked.
 *
 *   record  may be NULL
 *   state   after start and configure, as asked for; may be NULL
 *
 * AGNER_EPRESENT (the id), AGNER_EIMMUTABLE, AGNER_EINVAL (ids and kinds are 1
 * to GEN_SERVICE_ID_MAX bytes); what the id function, create or parse return;
 * AGNER_ENOCONN, AGNER_EEXIT (on another node; `error` tells).
 */
AGNER_API enum agner_err
gen_service_map_create(struct gen *self, struct gen_service_map *map,
                       const struct gen_service_create *what,
                       const struct gen_service_record **record,
                       const struct gen_service_state **state,
                       struct agner_error *error);

/* Takes it out, stops it, and returns when it has stopped: its process may go
 * on for its grace. AGNER_EUNKNOWN, AGNER_EIMMUTABLE. */
AGNER_API enum agner_err gen_service_map_delete(struct gen *self,
                                                struct gen_service_map *map,
                                                const char *id);

/* AGNER_EUNKNOWN. */
AGNER_API enum agner_err
gen_service_map_get(struct gen *self, struct gen_service_map *map,
                    const char *id, const struct gen_service_record **record);

/* All records and their states. */
AGNER_API enum agner_err
gen_service_map_states(struct gen *self, struct gen_service_map *map,
                       const struct gen_service_snapshot **snapshot);

/* Follows the map: *snapshot (may be NULL) is all that there is, and the first
 * event of *cursor the change after it. Who wants records only passes UPDATEs
 * over. The parameters and errors are those of gen_service_follow(). */
AGNER_API enum agner_err
gen_service_map_follow(struct gen *self, struct gen_service_map *map,
                       const struct gen_cursor_options *options,
                       const struct gen_service_snapshot **snapshot,
                       struct gen_cursor **cursor);
/* Of an event of such a cursor; good as long as the event. */
AGNER_API const struct gen_service_change *
gen_service_event_change(const struct gen_stream_event *event);

/* Totals; in_error: not active, and with an error. */
struct gen_service_metadata {
    uint64_t total, active, in_error;
    etf_term kinds; /* #{Kind => Count}, kinds as binaries, in self's region */
};
AGNER_API enum agner_err
gen_service_map_metadata(struct gen *self, struct gen_service_map *map,
                         struct gen_service_metadata *metadata);

/* ---- On other nodes ----------------------------------------------------- */

/* Lets maps of other nodes (and of this one, by its name) place services of
 * that kind here: `spec` and `arg` are used as in a map of this node. Both are
 * borrowed until rt_free(). AGNER_ETAKEN, AGNER_EINVAL, AGNER_ENOMEM. */
AGNER_API enum agner_err
gen_service_provide(struct rt *rt, const char *kind,
                    const struct gen_service_map_spec *spec, void *arg);

#ifdef __cplusplus
}
#endif

#endif
