/*
 * supervisor.h -- what a supervisor process keeps, and the files that work on
 * it.
 *
 * Private to behaviors/. The supervisor is a gen_server whose state is a struct
 * supervisor: only its own process touches it.
 *
 *   restart.c              decides (pure)
 *   supervisor.c           the behaviour: ends of children, restarts, the end
 *   supervisor_init.c      its start: flags, specs, the first children
 *   supervisor_request.c   what others ask of it
 *   supervisor_start.c     starts a child
 *   supervisor_stop.c      stops one, a row, or all
 *   supervisor_children.c  the table of children
 *   supervisor_row.c       from a row of this program to a child spec
 *   supervisor_spec.c      child specs: checked, kept, shown
 *   supervisor_report.c    what is logged
 *   supervisor_call.c      the asking side
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "restart.h"

/* ---- Child specs -------------------------------------------------------- */

/* The behaviours that a child may be of: the field of a child spec with its
 * table, the table's type, what starts it with a link, and what a raw process
 * becomes it by. */
/* clang-format off */
#define GEN_CHILD_WAYS(X)                                                     \
    X(server, gen_server, gen_start_link, gen__server_enter)                  \
    X(supervisor, gen_supervisor, gen_supervisor_start_link,                  \
      gen__supervisor_enter)                                                  \
    X(statem, gen_statem, gen_statem_start_link, gen_statem_enter_loop)       \
    X(event, gen_event, gen_event_start_link, gen__event_enter)               \
    X(bridge, gen_bridge, gen_bridge_start_link, gen__bridge_enter)           \
    X(saga, gen_saga, gen_saga_start_link, gen__saga_enter)                   \
    X(stage, gen_stage, gen_stage_start_link, gen__stage_enter)
/* clang-format on */

/* How a child of this program is started. Travels in a spec's map as a
 * resource, under the key `agner`, and so refuses to leave the node. */
struct native_start {
#define GEN_CHILD_TABLE(way, type, start_link, enter) \
    const struct type *way; /* borrowed: static */
    GEN_CHILD_WAYS(GEN_CHILD_TABLE)
#undef GEN_CHILD_TABLE
    enum agner_err (*start)(struct gen *self, etf_term args, etf_pid *pid,
                            etf_term *info);
    struct rt_spawn_options options; /* group_leader points to: */
    etf_pid group_leader;
};

/* The atoms of enum gen_restart and enum gen_child_type. */
extern const char *const gen__restart_names[3];
extern const char *const gen__type_names[2];

/* Takes over the way of starting and the options of `row`. */
void gen__native_init(struct native_start *native,
                      const struct gen_child_spec *row);

/* A spec that has been checked. Shared by its children, counted. */
struct child_spec {
    uint32_t users;
    enum gen_restart restart;
    enum gen_child_type type;
    bool significant;
    uint64_t shutdown_ms;
    uint64_t backoff_ms, backoff_max_ms; /* 0: none */
    const struct native_start *native;   /* in `map`; NULL: by `module` */
    struct etf_box *map;                 /* owned: the spec as it came, whole */
    /* Parts of the map. */
    etf_term id;
    etf_term module, function, arguments; /* arguments: a list */
    etf_term modules;                     /* a list, or dynamic */
    etf_term name;                        /* an atom, or ETF_NONE */
    etf_term node;                        /* where it runs, or ETF_NONE: here */
};

/* The map of a row of a table, in r; ETF_NONE: no memory. What is
 * wrong with a row is in its map, for gen__spec_read() to find; or *wrong. */
etf_term gen__spec_map(struct etf_region *r, const struct gen_child_spec *row,
                       etf_term *wrong);
/* Checks a spec (a map, or OTP's old tuple) and returns new in *spec: one user.
 * AGNER_EINVAL: *wrong says what is, as OTP does. AGNER_ENOMEM. */
enum agner_err gen__spec_read(struct etf_region *r, etf_term term,
                              enum gen_auto_shutdown auto_shutdown,
                              struct child_spec **spec, etf_term *wrong);
void gen__spec_release(struct child_spec *spec);
/* {M, F, A}, with `extra` behind A. */
etf_term gen__spec_mfa(struct etf_region *r, const struct child_spec *spec,
                       etf_term extra);
etf_term gen__spec_shutdown(struct etf_region *r,
                            const struct child_spec *spec);
etf_term gen__spec_restart(const struct child_spec *spec);
etf_term gen__spec_type(const struct child_spec *spec);
etf_term gen__spec_modules(struct etf_region *r, const struct child_spec *spec);
/* What get_childspec shows. */
etf_term gen__spec_show(struct etf_region *r, const struct child_spec *spec);
/* OTP's record of a child that did not start, which is in its answer. */
etf_term gen__spec_record(struct etf_region *r, const struct child_spec *spec);

/* `list`, a proper one, with `rest` behind it. */
etf_term gen__append(struct etf_region *r, etf_term list, etf_term rest);

/* ---- Children ----------------------------------------------------------- */

enum child_state {
    CHILD_STOPPED, /* a spec without a process */
    CHILD_RUNNING,
    CHILD_RESTARTING, /* to be started again: a message will say so */
    CHILD_STOPPING,   /* told to end */
    CHILD_KILLED,     /* ... and killed since it did not */
};

enum { BY_PID, BY_ID, CHILD_KEYS };

struct child {
    struct child *before, *after;   /* in order of start */
    struct child *next[CHILD_KEYS]; /* in a bucket */
    struct child_spec *spec;        /* one use of it */
    etf_term pid;                   /* of the process that runs, or ran last;
                                       ETF_NONE: none did */
    struct etf_box *pid_box;        /* holds a pid of another node, or NULL */
    struct etf_box *extra;          /* owned: a list of more args, or NULL */
    uint64_t started_ms;            /* of a spec with a back-off */
    uint64_t tag;                   /* for child_gone; 0 at first */
    uint32_t restarts;              /* in a row, for the back-off */
    uint32_t round;                 /* which of its restarts is awaited */
    uint32_t starts;                /* how often it ran, now included */
    uint8_t state;                  /* enum child_state */
    bool disabled;                  /* not to be started */
};

struct child_hash {
    struct child **buckets; /* owned */
    size_t size;            /* a power of two, or 0 */
};

/* Children in order of start, found by pid and, unless simple, by id. */
struct children {
    struct child *first, *last;
    uint64_t count, restarting;
    struct child_hash hash[CHILD_KEYS];
};

/* A new child behind the others; takes one use of `spec` on success. `named`:
 * is found by its id. NULL: no memory. */
struct child *gen__child_add(struct children *children, struct child_spec *spec,
                             bool named);
void gen__child_remove(struct children *children, struct child *child,
                       bool named);
void gen__children_free(struct children *children);

struct child *gen__child_by_pid(const struct children *children, etf_term pid);
struct child *gen__child_by_id(const struct children *children, etf_term id);

/* The child runs as `pid`, a term. false: no memory, nothing done. */
bool gen__child_runs(struct children *children, struct child *child,
                     etf_term pid);
/* ... and is found by its pid no longer. */
void gen__child_unmap(struct children *children, struct child *child);
/* Its pid by value. */
etf_pid gen__child_pid(const struct child *child);
void gen__child_state(struct children *children, struct child *child,
                      enum child_state state);

/* ---- The supervisor ----------------------------------------------------- */

struct supervisor {
    const struct gen_supervisor *table; /* borrowed: static */
    struct gen_supervisor_flags flags;  /* defaults filled in */
    struct restart_window window;       /* its ring is owned */
    struct child_spec **templates;      /* owned: simple; in order */
    size_t template_count;
    struct children children;
    /* A child was taken out of the table, with its tag; or NULL. */
    void (*child_gone)(struct supervisor *sup, uint64_t tag);
    bool ending; /* terminate runs: nothing that was received is needed */
};

static inline bool gen__is_simple(const struct supervisor *sup)
{
    return sup->flags.strategy == GEN_SIMPLE_ONE_FOR_ONE;
}

/* The template with that id, or NULL. */
struct child_spec *gen__template(const struct supervisor *sup, etf_term id);

/* gen_supervisor_add() of a spec that is a map already. */
enum agner_err gen__supervisor_add_map(struct gen *self,
                                       struct gen_supervisor_spec *spec,
                                       etf_term map);

/* The first callback of: */
enum gen_next gen__supervisor_init(struct gen *self, etf_term args);
/* The gen_server that supervisors are. */
extern const struct gen_server gen__supervisor_server;

/* Starts the child's process. AGNER_OK: it runs, *info is what it said besides,
 * or ETF_NONE. AGNER_EIGNORE. AGNER_EEXIT: *info is why. */
enum agner_err gen__child_start(struct gen *self, struct supervisor *sup,
                                struct child *child, etf_term *info);

/* The same for a child of another node: *pid is linked to self. What went wrong
 * otherwise than by a reason is the error. */
enum agner_err gen__node_start(struct gen *self, const struct child_spec *spec,
                               bool simple, etf_term arguments, etf_pid *pid,
                               etf_term *info);

/* Starts the children from `child` to the last one, but for those that are
 * disabled. Returns NULL, or the one that failed, with *reason. */
struct child *gen__children_start(struct gen *self, struct supervisor *sup,
                                  struct child *child, etf_term *reason);
/* The child has no process: its spec stays, if it is one that stays. */
void gen__child_absent(struct supervisor *sup, struct child *child);

/* Stops the child's process, if it runs, by its spec. It is CHILD_STOPPED then.
 * Gives up when the supervisor itself is killed meanwhile. */
void gen__child_stop(struct gen *self, struct supervisor *sup,
                     struct child *child);
/* Stops the children from the last one down to `first`. */
void gen__children_stop(struct gen *self, struct supervisor *sup,
                        struct child *first);

/* Takes a child that does not run out of the table. */
void gen__child_forget(struct supervisor *sup, struct child *child);

/* A child's end that is told to whoever wants to know. */
void gen__tell_end(struct gen *self, const struct supervisor *sup,
                   const struct child *child, etf_term reason);

/* Serves one request: its answer. */
etf_term gen__supervisor_request(struct gen *self, struct supervisor *sup,
                                 etf_term request);

/* [{Id, Pid, Type, Modules}] of at most `max`, the last started first; with
 * `restarts` each has a fifth element: how often it was started again. */
etf_term gen__children_list(struct gen *self, const struct supervisor *sup,
                            uint64_t max, bool restarts);

/* ---- Reports: OTP's, as terms ------------------------------------------- */

enum report_kind {
    REPORT_CHILD_TERMINATED,
    REPORT_START_ERROR,
    REPORT_SHUTDOWN_ERROR,
    REPORT_SHUTDOWN, /* reached_max_restart_intensity */
};
void gen__report_error(struct gen *self, const struct supervisor *sup,
                       enum report_kind kind, const struct child *child,
                       etf_term reason);
/* A shutdown error of `count` alike children of one spec. */
void gen__report_many(struct gen *self, const struct supervisor *sup,
                      const struct child_spec *spec, uint64_t count,
                      etf_term reason);
void gen__report_progress(struct gen *self, const struct supervisor *sup,
                          const struct child *child);

#endif
