/*
 * map.h -- what the files of a service map share.
 *
 * Private to behaviors/. The map's process alone has the table; everything that
 * leaves it is immutable and counted.
 */
#ifndef SERVICE_MAP_H
#define SERVICE_MAP_H

#include <agner/gen_service_map.h>

#include "service/service.h"

/* ---- map_record.c: records, changes, snapshots --------------------------- */

struct map_record {
    struct gen_service_record record; /* first: what users see */
    _Atomic uint32_t refs;
    char text[]; /* id and kind, each with its end */
};

/* Takes `service`, also on failure. */
struct map_record *gen__record_new(const char *id, const char *kind,
                                   struct gen_service *service, etf_term node,
                                   uint64_t number);
void gen__record_destroy(void *record); /* for a resource */
struct map_record *gen__record_of(const struct gen_service_record *record);
/* `here`: what stands for the node of the map, in this and those below. */
etf_term gen__record_term(struct etf_region *r, etf_term here,
                          const struct gen_service_record *record,
                          const struct gen_service_state *state);

struct map_change {
    struct gen_service_change change; /* first */
    _Atomic uint32_t refs;
};
/* `before` and `after` are held by it, or NULL. */
struct map_change *gen__change_new(enum gen_service_change_type type,
                                   const struct map_record *record,
                                   struct service_block *before,
                                   struct service_block *after);
void gen__change_free(struct map_change *change);
/* A process that creates for who has asked in terms. */
struct map_creator {
    struct map_creator *next;
    etf_ref ref; /* of the monitor */
    struct gen_from from;
};

/* What followers on other nodes get. */
etf_term gen__change_term(struct etf_region *r, etf_term here,
                          const struct gen_service_change *change);

struct map_snapshot {
    struct gen_service_snapshot snapshot; /* first */
    _Atomic uint32_t refs;
    struct gen_service_entry entries[]; /* of them, held */
};
struct map_snapshot *gen__snapshot_new(size_t count); /* empty */
struct map_snapshot *gen__snapshot_hold(struct map_snapshot *snapshot);
void gen__snapshot_add(struct map_snapshot *snapshot,
                       const struct map_record *record,
                       struct service_block *state);
void gen__snapshot_destroy(void *snapshot); /* for a resource */
etf_term gen__snapshot_term(struct etf_region *r, etf_term here,
                            const struct map_snapshot *snapshot);

/* ---- map_read.c: the same out of terms ----------------------------------- */

/* What gen__record_term() gave: *record and *state (may be NULL) are new.
 * `here` is an atom for the node that the term calls `local`. AGNER_EBADTERM,
 * AGNER_ENOMEM. */
enum agner_err gen__record_read(struct rt *rt, etf_term here, etf_term term,
                                struct map_record **record,
                                struct service_block **state);
/* Returns new; NULL: it is none, or no memory. */
struct map_snapshot *gen__snapshot_read(struct rt *rt, etf_term here,
                                        etf_term list, uint64_t number);
/* {Number, TimeNs, Change} of a map's stream, or {gen_stream_snapshot, {Number,
 * [Record]}}, which stands for those that are not kept. Likewise. */
struct map_change *gen__change_read(struct rt *rt, etf_term term);

/* ---- map_table.c -------------------------------------------------------- */

struct map_row {
    struct map_row *next, *before;      /* in the order of creation */
    struct map_row *same_id, *same_pid; /* in its buckets */
    uint64_t id_hash;
    struct map_record *record;    /* held */
    struct service_block *state;  /* held: that of the last change; NULL: it
                                     waits for its first, of another node */
    struct service_block *wanted; /* held: how it is to be again; or NULL */
    etf_pid pid;                  /* all zero: no process */
    etf_ref spawn;                /* of the request; count 0: none */
    uint64_t deaths;              /* without a good while in between */
    uint64_t born_ms;
    bool asleep;  /* its service has no process yet: map_asleep.c */
    bool leaving; /* deleted: not found by id any more */
    bool gone;    /* its REMOVE is out: in map.gone */
    bool asked;   /* `from` waits: for the create or the delete */
    struct gen_from from;
};

struct map_table {
    struct map_row **by_id, **by_pid; /* owned: `buckets` each */
    size_t buckets, count;            /* count: of those in the order */
    struct map_row *first, *last;
    uint64_t seed;
};

/* Puts a row in, by its id; AGNER_ENOMEM. */
enum agner_err gen__table_add(struct map_table *t, struct map_row *row);
/* Its id is free; it stays in the order. */
void gen__table_hide(struct map_table *t, struct map_row *row);
/* Takes it out of the order; by its pid it stays. */
void gen__table_remove(struct map_table *t, struct map_row *row);
struct map_row *gen__table_find(const struct map_table *t, const char *id);
/* Its pid from now on; all zero: none. */
void gen__table_set_pid(struct map_table *t, struct map_row *row, etf_pid pid);
struct map_row *gen__table_by_pid(const struct map_table *t, etf_pid pid);
void gen__table_fini(struct map_table *t); /* the rows are the owner's */

/* ---- The object, and the process ----------------------------------------- */

struct gen_service_map {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    struct etf_box *to; /* owned: whom a gen_service_map_at() leads to; or NULL,
                           and the rest of: */
    const struct gen_service_map_spec *spec; /* borrowed: static */
    void *arg;                               /* borrowed */
    enum gen_service_loss on_loss;
    struct gen_retry_options restart;
    rt_spin lock;
    etf_pid pid;        /* guarded; all zero: it has ended */
    gen_loan loan;      /* of what the process has: */
    struct map *server; /* its own; NULL: closed */
};
void gen__map_destroy(void *map); /* for a resource */

struct map_follower {
    struct map_follower *next;
    etf_ref ref; /* of the monitor */
    etf_pid pid;
    bool metadata;
    struct etf_box *last; /* owned: the metadata that it has */
    bool lost;            /* something did not go out: the connection is busy */
};

struct map {
    struct gen_service_map *object; /* held */
    struct map_table table;
    struct map_row *gone; /* removed ones whose process goes on, by `next` */
    uint64_t created;     /* number of the last record */
    uint64_t changes;     /* number of the last change */
    struct gen_stream *stream;     /* held; NULL: nobody has followed */
    struct map_snapshot *snapshot; /* held: of now; NULL: not made yet */
    struct map_follower *followers;
    struct map_creator *creators; /* owned */
    bool eager;                   /* none is asleep, and none will be */
    bool fixed;                   /* no create, no delete */
    bool ending;
};

enum map_request {
    MAP_CREATE = 1, /* {1, Draft} */
    MAP_DELETE,     /* {2, Id} */
    MAP_GET,        /* {3, Id} */
    MAP_STATES,     /* 4 */
    MAP_FOLLOW,     /* 5 */
    MAP_FIX,        /* 6: no create or delete from now on */
    MAP_WAKE,       /* {7, Service}: it is to have a process; a code */
};

/* What create brings: a resource. */
struct map_draft {
    char id[GEN_SERVICE_ID_MAX + 1], kind[GEN_SERVICE_ID_MAX + 1];
    bool has_id;
    struct gen_service *service;   /* held; NULL: on `node` */
    etf_term node;                 /* an atom, or ETF_NONE */
    bool active;                   /* of one on `node` */
    struct service_config *config; /* held, or NULL: likewise */
};

/* map.c */
/* One more in the log, when the table is as it is after it; without memory the
 * map ends. */
void gen__map_publish(struct gen *self, struct map *m,
                      enum gen_service_change_type type, struct map_row *row,
                      struct service_block *before,
                      struct service_block *after);
struct map_snapshot *gen__map_snapshot(struct map *m); /* borrowed; NULL */
extern const struct gen_server gen__map_server;

/* ---- map_asleep.c -------------------------------------------------------- */

/* Without a message, while the map's process has nothing to do: true, and *err
 * says what came of it. Of a create that was not done the draft is as it was.
 */
bool gen__asleep_create(struct gen *self, struct gen_service_map *map,
                        struct map_draft *draft,
                        const struct gen_service_record **record,
                        const struct gen_service_state **state,
                        enum agner_err *err, struct agner_error *error);
bool gen__asleep_delete(struct gen *self, struct gen_service_map *map,
                        const char *id, enum agner_err *err);
bool gen__asleep_do(struct gen *self, struct gen_service *service,
                    const struct service_event *event,
                    struct service_config *config,
                    const struct gen_service_state **state,
                    enum agner_err *err);
/* Asks its map for a process. Errors as gen_call(). */
enum agner_err gen__asleep_wake(struct gen *self, struct gen_service *service);

/* For the map's process, or who has its state on loan. Can it be asleep? */
bool gen__asleep_can(const struct map *m, const struct map_draft *draft);
void gen__asleep_begin(struct map *m, struct map_row *row);
/* The row is no more. */
void gen__asleep_forget(struct map_row *row, bool killed);

/* For the map's process. One that is awake stays so. Errors as rt_start(). */
enum agner_err gen__asleep_start(struct gen *self, struct map_row *row);
void gen__map_wake_all(struct gen *self, struct map *m);
etf_term gen__map_wake(struct gen *self, etf_term service_term);

/* ---- map_row.c: what becomes of rows ------------------------------------ */

/* A row for it in the table, with an id; nobody hears of it. Takes
 * draft->service on AGNER_OK. */
enum agner_err gen__map_add(struct map *m, struct map_draft *draft,
                            struct map_row **out, struct agner_error *error);

void gen__map_free_row(struct map_row *row);
/* AGNER_OK: the answer will come. */
enum agner_err gen__map_create(struct gen *self, struct map *m,
                               const struct gen_from *from,
                               struct map_draft *draft,
                               struct agner_error *error);
/* {0, Record, State} or {Code, Text}. */
void gen__map_answer(struct gen *self, struct map_row *row, enum agner_err err,
                     const char *text);
/* AGNER_OK: the answer will come. */
enum agner_err gen__map_delete(struct gen *self, struct map *m,
                               const struct gen_from *from, const char *id);
void gen__map_drop(struct gen *self, struct map *m, struct map_row *row);
void gen__map_restart_later(struct gen *self, struct map *m,
                            struct map_row *row);
/* What a service said, and its end. */
void gen__map_changed(struct gen *self, struct map *m, etf_pid pid,
                      etf_term state);
void gen__map_left(struct gen *self, struct map *m, etf_pid pid);
void gen__map_ended(struct gen *self, struct map *m, struct map_row *row,
                    etf_term reason);
/* The delay is over. */
void gen__map_restart(struct gen *self, struct map *m, const char *id,
                      uint64_t number);

/* map_id.c: writes draft->id, unless it has one. */
enum agner_err gen__map_choose(const struct map *m, struct map_draft *draft,
                               struct agner_error *error);

/* map_draft.c */
/* Fills a draft in as create does, in the calling process. */
enum agner_err gen__draft_new(struct gen *self,
                              const struct gen_service_map_spec *spec,
                              void *arg, const struct gen_service_create *what,
                              struct map_draft **out,
                              struct agner_error *error);
/* One for member `index` of a fixed map. */
enum agner_err gen__draft_of_member(struct gen *self, size_t index,
                                    const struct gen_service_member *member,
                                    struct map_draft **out,
                                    struct agner_error *error);
void gen__draft_destroy(void *draft); /* for a resource */

/* map_call.c */
enum agner_err gen__metadata(struct etf_region *r,
                             const struct gen_service_snapshot *snapshot,
                             struct gen_service_metadata *metadata);

/* map_creator.c. ETF_NONE: answered later. */
etf_term gen__map_create_term(struct gen *self, struct map *m,
                              const struct gen_from *from, etf_term map);
bool gen__map_creators_message(struct gen *self, struct map *m,
                               etf_term message);
void gen__map_creators_free(struct map *m);
/* {error, Why} */
etf_term gen__map_failed(struct gen *self, enum agner_err err,
                         const char *text);
bool gen__map_read_id(etf_term term, char id[GEN_SERVICE_ID_MAX + 1]);

/* map_remote.c: calls as terms, and followers. ETF_NONE: answered later. */
etf_term gen__map_call_term(struct gen *self, struct map *m,
                            const struct gen_from *from, etf_term request);
void gen__map_followers_tell(struct gen *self, struct map *m,
                             const struct gen_service_change *change);
bool gen__map_followers_message(struct gen *self, struct map *m,
                                etf_term message);
/* The last thing that they hear. */
void gen__map_followers_end(struct gen *self, struct map *m, etf_term reason);
void gen__map_followers_free(struct map *m);

/* map_far.c: followed from another node, as service_far.c has it. */
bool gen__map_far_message(struct gen *self, struct map *m, etf_term message);
etf_term gen__map_far_call(struct gen *self, struct map *m, etf_term request);
/* The stream, made when it is first wanted. AGNER_ENOMEM. */
enum agner_err gen__map_stream(struct map *m);
enum agner_err gen__map_follow_at(struct gen *self, struct gen_service_map *map,
                                  const struct gen_cursor_options *options,
                                  const struct gen_service_snapshot **snapshot,
                                  struct gen_cursor **cursor);

/* map_there.c: calls of a handle whose `to` is not NULL, in terms. */
enum agner_err gen__there_create(struct gen *self, struct gen_service_map *map,
                                 const struct gen_service_create *what,
                                 const struct gen_service_record **record,
                                 const struct gen_service_state **state,
                                 struct agner_error *error);
enum agner_err gen__there_delete(struct gen *self, struct gen_service_map *map,
                                 const char *id);
enum agner_err gen__there_get(struct gen *self, struct gen_service_map *map,
                              const char *id,
                              const struct gen_service_record **record);
enum agner_err gen__there_states(struct gen *self, struct gen_service_map *map,
                                 const struct gen_service_snapshot **snapshot);

/* map_node.c: services on other nodes. */
enum agner_err gen__map_place(struct gen *self, struct map *m,
                              struct map_row *row, bool active, bool configured,
                              etf_bytes config, uint64_t version);
bool gen__map_node_message(struct gen *self, struct map *m, etf_term message);

#endif
