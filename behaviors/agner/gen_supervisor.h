/*
 * gen_supervisor.h -- supervisors: processes that keep other processes going.
 *
 * A supervisor starts its children in order, each after the init of the one
 * before, starts again what ended and should not have, stops them in reverse
 * order, and gives up when that happens too often. It is a table:
 *
 *     static const struct gen_child_spec children[] = {
 *         { .id = "store", .server = &store_server, .name = "store" },
 *         { .id = "front", .server = &front_server, .args = "{port, 80}" },
 *     };
 *     const struct gen_supervisor shop = {
 *         .name = "shop",
 *         .strategy = GEN_REST_FOR_ONE,
 *         .children = children,
 *         .child_count = 2,
 *     };
 *
 * or is decided at start, by `init`. Children are asked for and changed while
 * it runs, from here and from Erlang nodes, with OTP's requests and answers.
 * gen.h includes this header.
 *
 * Sources: OTP 25, supervisor; spec/gen.md 1.8, 2.3, 4.2.
 */
#ifndef AGNER_GEN_SUPERVISOR_H
#define AGNER_GEN_SUPERVISOR_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_BRUTAL_KILL (UINT64_MAX - 1) /* shutdown_ms: kill at once */
#define GEN_NO_RESTARTS UINT32_MAX       /* intensity: none (OTP's 0) */

enum gen_strategy {
    GEN_ONE_FOR_ONE,  /* the child that ended is started again */
    GEN_ONE_FOR_ALL,  /* all others are stopped, then all are started */
    GEN_REST_FOR_ONE, /* so are those that were started after it */
    /* Any number of alike children, which come and go by gen_start_child...().
     * They have no order, are stopped all at once, and have no names. */
    GEN_SIMPLE_ONE_FOR_ONE,
};

/* When is a child that ended started again? Ends with normal, shutdown or
 * {shutdown, _} are orderly. */
enum gen_restart {
    GEN_PERMANENT, /* always */
    GEN_TRANSIENT, /* unless its end was orderly; its spec is kept */
    GEN_TEMPORARY, /* never; its spec is forgotten */
};

/* When the supervisor ends, with `shutdown`, since significant children did:
 * transient ones in an orderly way, temporary ones in any. */
enum gen_auto_shutdown {
    GEN_AUTO_NEVER,
    GEN_AUTO_ANY_SIGNIFICANT, /* the first of them */
    GEN_AUTO_ALL_SIGNIFICANT, /* the last of them */
};

enum gen_child_type { GEN_WORKER, GEN_SUPERVISOR };

struct gen_supervisor;
struct gen_statem;
struct gen_event;
struct gen_bridge;
struct gen_saga;
struct gen_stage;

/*
 * One child: all zero but the id and one way of starting is good. Whoever keeps
 * a spec (a supervisor) copies it; borrowed are the tables that it points to
 * (server, supervisor, statem and so on), which are static.
 */
struct gen_child_spec {
    const char *id;   /* an atom's text; NULL: id_term, or else the name */
    etf_term id_term; /* any term; no two children of a supervisor share it */

    /* How it is started, in the supervisor's process: exactly one of these. */
    const struct gen_server *server;
    const struct gen_supervisor *supervisor;
    const struct gen_statem *statem;
    const struct gen_event *event;   /* an event manager */
    const struct gen_bridge *bridge; /* below */
    const struct gen_saga *saga;
    const struct gen_stage *stage;
    /* One's own way. *pid is a process that is linked to self, on this node or
     * another (the supervisor links to it in any case, so it may have ended).
     * AGNER_OK with *info a term: {ok, Pid, Info} of OTP. AGNER_EIGNORE: no
     * process. AGNER_EEXIT: *info says why. `args` as init gets them. Must not
     * leave by rt_exit(). A process of another node had better link to self
     * there: the answer with its pid may be lost with the connection. */
    enum agner_err (*start)(struct gen *self, etf_term args, etf_pid *pid,
                            etf_term *info);
    /* {Module, Function, [Arg, ...]}: for a supervisor of an Erlang node; an
     * agner one looks Module up: gen_remote_register(). */
    etf_term mfa;
    /* With .mfa: runs on that node, linked from the start. On a node of ours it
     * is what gen_remote_register() names there, and its init is not waited
     * for. On an Erlang node it is a process that runs Module:Function(Arg,
     * ...); or, for start_link/N of gen_server, gen_statem and supervisor, that
     * behaviour with the supervisor as its parent, whose init is waited for.
     * Lost with its connection it counts as ended, so give backoff_ms. NULL:
     * here. */
    const char *node;

    const char *args; /* Erlang syntax; NULL: args_term, or else [] */
    etf_term args_term;
    const char *name;      /* registered name, or NULL */
    const char *behaviour; /* .start: what to call it; NULL: "start" */
    enum gen_restart restart;
    uint64_t shutdown_ms;     /* how long it may take to end when it is told to
                                 with `shutdown`, before it is killed; RT_INFINITY;
                                 GEN_BRUTAL_KILL; 0: 5000, a supervisor RT_INFINITY
                               */
    enum gen_child_type type; /* of .start and .mfa; a .supervisor is one */
    bool significant;
    /* Wait before each restart: twice as long each time, from backoff_ms to
     * backoff_max_ms (0: ever as long as backoff_ms), anew once it has lived
     * for the supervisor's period. 0: at once, as in OTP. */
    uint64_t backoff_ms, backoff_max_ms;
    /* Priority, limits, label; name, link, monitor and parent in it are not
     * used. A copy is kept, of the group leader too; NULL: none. */
    const struct rt_spawn_options *options;
    const char *const *modules; /* for which_children; ends with NULL; NULL: the
                                   name of the table that starts it */
};

struct gen_supervisor_flags {
    enum gen_strategy strategy;
    uint32_t intensity; /* restarts within a period; one more, and it ends, with
                           `shutdown`; 0: 1; GEN_NO_RESTARTS */
    uint64_t period_ms; /* 0: 5000 */
    enum gen_auto_shutdown auto_shutdown;
    uint64_t children_max; /* start_child past it: {error, max_children}; 0: no
                              limit */
    bool parallel_stop; /* children are stopped all at once, not one after the
                           other; always under GEN_SIMPLE_ONE_FOR_ONE */
};

struct gen_supervisor_spec; /* being filled in by init */

struct gen_supervisor {
    const char *name; /* for people */

    /* As in struct gen_supervisor_flags. */
    enum gen_strategy strategy;
    uint32_t intensity;
    uint64_t period_ms;
    enum gen_auto_shutdown auto_shutdown;
    uint64_t children_max;
    bool parallel_stop;

    /* Started in this order. Under GEN_SIMPLE_ONE_FOR_ONE these are templates
     * and nothing is started: gen_start_child_args() takes the first one,
     * gen_start_child_of() any; with none at all each gen_start_child() brings
     * its own spec (Elixir's DynamicSupervisor). */
    const struct gen_child_spec *children;
    size_t child_count;

    /* Decides the rest at start, or NULL: may gen_supervisor_add() children to
     * those above and change gen_supervisor_flags(). GEN_NEXT, GEN_IGNORE, or
     * gen_stop(). */
    enum gen_next (*init)(struct gen *self, etf_term args,
                          struct gen_supervisor_spec *spec);

    /* Told of each start and each end, or NULL. In the supervisor's process:
     * must not take long. `id` is the child's or its template's. */
    void (*child_started)(struct gen *self, etf_term id, etf_pid pid);
    void (*child_terminated)(struct gen *self, etf_term id, etf_pid pid,
                             etf_term reason);
};

/* ---- In init ------------------------------------------------------------ */

/* Adds a child behind those that are there. What `child` points to may end with
 * the call, but for static tables. A spec that is wrong is kept as the reason
 * for which the start fails, so the result need not be looked at. AGNER_EINVAL,
 * AGNER_ENOMEM. */
AGNER_API enum agner_err gen_supervisor_add(struct gen *self,
                                            struct gen_supervisor_spec *spec,
                                            const struct gen_child_spec *child);
/* The flags, to be changed as init likes. */
AGNER_API struct gen_supervisor_flags *
gen_supervisor_flags(struct gen_supervisor_spec *spec);

/* ---- Starting ----------------------------------------------------------- */

/*
 * Starts a supervisor and waits until all its children are started. The
 * parameters and errors are those of gen_start(). Under AGNER_EEXIT *reason is
 * {shutdown, {failed_to_start_child, Id, Reason}} when a child did not start
 * (those before it have been stopped, in reverse), {start_spec, What} or
 * {supervisor_data, What} when something is wrong with the table: nothing was
 * started. It ends with gen_server_stop(), with its parent, or with an exit
 * signal that another thread gives in its own name (rt_kill()).
 */
AGNER_API enum agner_err
gen_supervisor_start(struct gen *self, const struct gen_supervisor *supervisor,
                     etf_term args, const struct rt_spawn_options *options,
                     etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err gen_supervisor_start_link(
    struct gen *self, const struct gen_supervisor *supervisor, etf_term args,
    const struct rt_spawn_options *options, etf_pid *pid, etf_term *reason);

/* ---- Asking a supervisor ------------------------------------------------ */
/*
 * `sup` is a pid, a name or {Name, Node}, of agner or of Erlang. All of them
 * wait without end, as OTP's do, and have the errors of gen_call(); besides
 *
 *   AGNER_EUNKNOWN     it has no such child
 *   AGNER_ENOTSUP      not under this strategy; or an answer not understood
 *   AGNER_ENOTALLOWED  the child is disabled
 */

/*
 * Starts a child. *pid (may be NULL) is its pid, or with AGNER_EALREADY that of
 * the child of that id which runs; *info (may be NULL; in self's region) what
 * its start gave besides or ETF_NONE, or why it failed. AGNER_EIGNORE: there is
 * no process, but the spec is kept, unless temporary. AGNER_EALREADY,
 * AGNER_EPRESENT (a spec of that id, not running), AGNER_EEXIT (*info: why),
 * AGNER_EINVAL (*info: what is wrong with the spec), AGNER_ELIMIT
 * (children_max), AGNER_EBADTERM (the supervisor is of another node: give
 * .mfa).
 */
AGNER_API enum agner_err gen_start_child(struct gen *self, etf_term sup,
                                         const struct gen_child_spec *spec,
                                         etf_pid *pid, etf_term *info);
/* Of the first template of a simple_one_for_one; `extra` is a list. Init gets
 * the template's args if `extra` is empty; if the template has none, the only
 * one of `extra`; otherwise the list of both. AGNER_EIGNORE, AGNER_EEXIT. */
AGNER_API enum agner_err gen_start_child_args(struct gen *self, etf_term sup,
                                              etf_term extra, etf_pid *pid,
                                              etf_term *info);
/* Of the template with that id. agner only. */
AGNER_API enum agner_err gen_start_child_of(struct gen *self, etf_term sup,
                                            etf_term id, etf_term extra,
                                            etf_pid *pid, etf_term *info);

/* Stops a child as its spec says, and returns when it is dead. The spec stays,
 * unless temporary. Under simple_one_for_one a child is named by its pid. */
AGNER_API enum agner_err gen_terminate_child(struct gen *self, etf_term sup,
                                             etf_term id_or_pid);
/* Starts a child that does not run. Results as gen_start_child(), and
 * AGNER_ERUNNING, AGNER_EBUSY (it is about to be restarted). */
AGNER_API enum agner_err gen_restart_child(struct gen *self, etf_term sup,
                                           etf_term id, etf_pid *pid,
                                           etf_term *info);
/* Forgets a child that does not run. AGNER_ERUNNING, AGNER_EBUSY. */
AGNER_API enum agner_err gen_delete_child(struct gen *self, etf_term sup,
                                          etf_term id);
/* Stops a child, which no strategy starts again until it is enabled; and the
 * reverse, which starts it: results as gen_restart_child(). agner only. */
AGNER_API enum agner_err gen_disable_child(struct gen *self, etf_term sup,
                                           etf_term id);
AGNER_API enum agner_err gen_enable_child(struct gen *self, etf_term sup,
                                          etf_term id, etf_pid *pid,
                                          etf_term *info);

/* [{Id | undefined, Pid | undefined | restarting, worker | supervisor,
 * [Module] | dynamic}], the last started first; in self's region. */
AGNER_API enum agner_err gen_which_children(struct gen *self, etf_term sup,
                                            etf_term *list);

struct gen_child_counts {
    uint64_t specs;
    uint64_t active; /* run */
    uint64_t supervisors, workers;
};
AGNER_API enum agner_err gen_count_children(struct gen *self, etf_term sup,
                                            struct gen_child_counts *counts);

/* #{id, start, restart, significant, shutdown, type, modules}; in self's
 * region. */
AGNER_API enum agner_err gen_get_childspec(struct gen *self, etf_term sup,
                                           etf_term id_or_pid, etf_term *map);

/* The pids of the children that run, asked by a thread that is no process: at
 * most `max` are written to `pids`; *count is how many there are. Errors as
 * gen_call(). */
AGNER_API enum agner_err gen_children(struct rt *rt, etf_pid sup, etf_pid *pids,
                                      size_t max, size_t *count,
                                      uint64_t timeout_ms);

/* Are these specs in order, for a supervisor with that auto_shutdown? `error`
 * names what is not, and of which child: AGNER_EINVAL, AGNER_ENOMEM. */
AGNER_API enum agner_err
gen_check_childspecs(const struct gen_child_spec *specs, size_t count,
                     enum gen_auto_shutdown auto_shutdown,
                     struct agner_error *error);

/*
 * Lets others start it by name, {name, start_link, [Arg, ...]}: a child spec
 * that comes from another node, or has .mfa; and spawn(Node, name, start_link,
 * [Arg, ...]) of another node, or rt_spawn_node(), also with `start`, where the
 * new process itself becomes the behaviour. Of `row` the way of starting and
 * the options are used (for a spawn: priority, label, memory_max, trap_exit);
 * it is static, and so is what it points to. Init gets the only argument, or
 * the list of them. Other names are answered as OTP does what is undefined. Any
 * thread. Errors as rt_behavior_register().
 */
AGNER_API enum agner_err gen_remote_register(struct rt *rt, const char *name,
                                             const struct gen_child_spec *row);

/* The same with limits on spawns of other nodes: struct rt_remote says what
 * they mean. `limits` may be NULL; `nodes` is borrowed: static. */
struct gen_remote_limits {
    const char *const *nodes; /* who may, ends with NULL; NULL: every node */
    uint32_t max;             /* live at one time; 0: no limit */
};
AGNER_API enum agner_err
gen_remote_register_with(struct rt *rt, const char *name,
                         const struct gen_child_spec *row,
                         const struct gen_remote_limits *limits);

/* Nothing more is started by that name; what runs goes on. Not while somebody
 * may just be starting it. AGNER_EUNKNOWN. */
AGNER_API enum agner_err gen_remote_revoke(struct rt *rt, const char *name);

/* ---- Dynamic supervisors ------------------------------------------------ */

/* A supervisor that has no children at first, and whose children have neither
 * ids nor order: each gen_start_child() brings a spec of its own. Of the flags
 * (may be NULL) the intensity, the period and children_max count. */
AGNER_API enum agner_err gen_dynamic_start_link(
    struct gen *self, const struct gen_supervisor_flags *flags,
    const struct rt_spawn_options *options, etf_pid *pid, etf_term *reason);

/* ---- Partition supervisors ---------------------------------------------- */

#define GEN_PARTITIONS_MAX 256u

/* The registered names of the partitions: "shop.0", "shop.1", ... A value. */
struct gen_partitions {
    uint32_t count;
    etf_term names[GEN_PARTITIONS_MAX];
};

/*
 * Starts `count` (0: one for each worker) children of one spec under a
 * supervisor that is registered as `name`. Child I (from 0) has the id I, is
 * registered as "name.I", and its init gets {I, Args}. The spec's id and name
 * are not used. Results as gen_supervisor_start(); AGNER_ELIMIT: more than
 * GEN_PARTITIONS_MAX.
 */
AGNER_API enum agner_err
gen_partition_start_link(struct gen *self, const char *name,
                         const struct gen_child_spec *spec, uint32_t count,
                         etf_pid *pid, etf_term *reason);

/* Asks the partition supervisor of that name what partitions it has. They stay
 * the same for its life, also when they are restarted. Errors as gen_call(). */
AGNER_API enum agner_err gen_partitions(struct gen *self, const char *name,
                                        struct gen_partitions *partitions);

/* Who is in charge of `key`: the name of one of them, always the same. */
static inline etf_term gen_partition_of(const struct gen_partitions *partitions,
                                        etf_term key)
{
    return partitions->names[etf_phash2(key, partitions->count)];
}

/* ---- Bridges ------------------------------------------------------------ */

/*
 * What is no process (a C library, a pool of threads) as a child: a process
 * that stands for it, starts it, and stops it when it ends. A thread of the
 * subsystem that has to say that it failed ends the process, which is
 * restarted like others: rt_kill(rt, pid, reason).
 */
struct gen_bridge {
    const char *name;  /* for people */
    size_t state_size; /* bytes, zeroed before start */
    /* AGNER_OK: it runs. AGNER_EIGNORE. Otherwise it must have cleaned up;
     * *reason says why (ETF_NONE: the text of the error). */
    enum agner_err (*start)(struct gen *self, void *state, etf_term args,
                            etf_term *reason);
    /* Once, if start has returned AGNER_OK, however the process ends; any
     * thread. May be NULL. */
    void (*stop)(void *state);
    bool stop_blocks; /* stop takes long: it runs on the blocking pool, unless
                         the process was killed */
};

/* Parameters and errors as gen_start_link(). */
AGNER_API enum agner_err
gen_bridge_start_link(struct gen *self, const struct gen_bridge *bridge,
                      etf_term args, const struct rt_spawn_options *options,
                      etf_pid *pid, etf_term *reason);

#ifdef __cplusplus
}
#endif

#endif
