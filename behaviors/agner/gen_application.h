/*
 * gen_application.h -- applications: what is started and stopped as a unit.
 *
 * An application is a static table: a name, what it needs, defaults for its
 * environment, and a tree of processes. The node's `application_controller`
 * loads, starts and stops applications and knows them; each one that runs has a
 * master, which is the group leader of all its processes, and hangs its tree on
 * a process of the master's in which the callbacks run.
 *
 * Everything here works in a program that is linked with the library alone:
 *
 *     gen_applications_start(self, NULL, &error);
 *     gen_application_load(self, &shop_application, &error);
 *     gen_application_start(self, "shop", GEN_APP_PERMANENT, NULL, &error);
 *     ...
 *     gen_applications_stop(self, 30000);
 *
 * gen.h includes this header. Functions that take a `self` may wait, and so are
 * for processes and attached threads.
 *
 * Sources: OTP 25, application(3), application_controller; spec/gen.md 1.9,
 * 1.16, 4.3.
 */
#ifndef AGNER_GEN_APPLICATION_H
#define AGNER_GEN_APPLICATION_H

#include <agner/gen.h>
#include <agner/gen_supervisor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Specification ------------------------------------------------------ */

#define GEN_APPLICATION_ABI 2
/* A shared object exports one of these under this name. */
#define GEN_APPLICATION_SYMBOL "agner_application"

#define GEN_APPLICATIONS_MAX 256 /* loaded at one time: AGNER_ELIMIT */

/*
 * Begins the definition of an application, for both uses of one source file:
 *
 *     GEN_APPLICATION(shop) = { .abi = GEN_APPLICATION_ABI, ... };
 *
 * defines `shop_application`, to be linked into a program; compiled with
 * -DGEN_MODULE it is what a shared object exports.
 */
#ifdef __cplusplus
#define GEN__EXTERN extern "C"
#else
#define GEN__EXTERN extern
#endif
#ifdef GEN_MODULE
#define GEN_APPLICATION(name) \
    GEN__EXTERN AGNER_API const struct gen_application agner_application; \
    const struct gen_application agner_application
#else
#define GEN_APPLICATION(name) \
    GEN__EXTERN const struct gen_application name##_application; \
    const struct gen_application name##_application
#endif

/* What the end of an application means for the node, and a start that fails;
 * its stop, on request, never means anything. */
enum gen_start_type {
    GEN_APP_TEMPORARY, /* nothing: it is logged */
    GEN_APP_TRANSIENT, /* the node stops, unless the reason is `normal` */
    GEN_APP_PERMANENT, /* the node stops */
};

/* "temporary", "transient", "permanent". Static. */
AGNER_API const char *gen_start_type_name(enum gen_start_type type);
/* false: `name` is none of these. */
AGNER_API bool gen_start_type_parse(const char *name,
                                    enum gen_start_type *type);

/*
 * An application; static. Texts in Erlang syntax are read when it is loaded or
 * started. An application without children, supervisor and start has no
 * processes: it runs, so that others can need it, and that is all.
 *
 * Callbacks run in a process of the application's own, which its tree hangs on.
 * They may wait, and what they link or monitor is theirs; it is no server of
 * theirs, so there is no gen_state().
 */
struct gen_application {
    uint32_t abi;     /* GEN_APPLICATION_ABI; first, for ever */
    const char *name; /* an atom's text */
    const char *description;
    const char *version;
    /* Each must run before this one starts; ends with NULL; or NULL. */
    const char *const *applications;
    /* Those of them, or further ones, that need not be there: one that can be
     * found is started before. */
    const char *const *optional_applications;
    const char *env;      /* [{Key, Value}]: defaults; or NULL */
    uint64_t lifespan_ms; /* then it ends with `normal`; 0: no such end */

    /*
     * Its processes: one of the three.
     *
     * A list of children on a supervisor of its own: started in order, each
     * after the init of the one before, stopped in reverse. Nothing in it is
     * restarted, whatever the child specs say; what the end of a child means is
     * the start type's:
     *
     *   type       a child ends with       what follows
     *   ---------  ----------------------  -----------------------------------
     *   permanent  any reason              the application ends, as does the
     *                                      node
     *   transient  normal, shutdown,       nothing, unless it was the last:
     *              {shutdown, _}           then the application ends: `normal`
     *   transient  any other               the application ends, as does the
     *                                      node
     *   temporary  any reason              nothing, unless it was the last:
     *                                      then the application ends: `normal`
     */
    const struct gen_child_spec *children;
    size_t child_count;
    /* A tree: its top, started with `args`. The end of the top is the end of
     * the application, with its reason. */
    const struct gen_supervisor *supervisor;
    /*
     * Starts the tree and gives its top, which is linked to self if it is not
     * yet; the end of the top is the end of the application, with its reason.
     * AGNER_EEXIT with *reason, which it may set with any other error too: the
     * start has failed.
     */
    enum agner_err (*start)(struct gen *self, enum gen_start_type type,
                            etf_term args, etf_pid *top, etf_term *reason);
    const char *args; /* of supervisor and start: Erlang syntax; NULL: [] */

    /* Called when the tree is up, once for each [{Phase, Args}] of
     * start_phases, in order; a failure, with *reason, stops the tree. Phases
     * of included applications do not exist, as included ones do not. */
    const char *start_phases;
    enum agner_err (*start_phase)(struct gen *self, etf_term phase,
                                  enum gen_start_type type, etf_term args,
                                  etf_term *reason);
    /* Before the tree is stopped, or when its top has ended. All three: NULL
     * for nothing. */
    void (*prep_stop)(struct gen *self);
    /* When the tree is down, if the start had succeeded. Not when the node is
     * killed. */
    void (*stop)(struct gen *self);
    /* A new configuration has changed its environment: lists of {Key, Value},
     * {Key, Value} and Key. See gen_applications_config_change(). */
    void (*config_change)(struct gen *self, etf_term changed, etf_term added,
                          etf_term removed);
};

/* Is the table in order? AGNER_ENOTLOADED, and what is wrong. For those who
 * find applications: of a table for another ABI only that is looked at. */
AGNER_API enum agner_err
gen_application_check(const struct gen_application *application,
                      struct agner_error *error);

/* ---- The controller ----------------------------------------------------- */

/* All zero is a good default. */
struct gen_applications_options {
    /*
     * Finds an application that is not loaded, by a name or whatever else
     * `which` may be: a path. In the controller, which may wait for it.
     * AGNER_ENONAME, AGNER_ENOTLOADED, with the reason in `error`. NULL: there
     * are only those that gen_application_load() was given.
     */
    enum agner_err (*find)(void *ctx, struct gen *self, const char *which,
                           const struct gen_application **found,
                           struct agner_error *error);
    /* The node is to stop: a permanent application ended or did not start, or a
     * transient one not with `normal`. In the controller; must not wait. NULL:
     * it is only logged. */
    void (*node_stop)(void *ctx, const char *application, etf_term reason);
    void *ctx;
    /* Environments, [{Application, [{Key, Value}]}], copied; ETF_NONE: none. Of
     * the configuration file, and of the command line, which goes before. */
    etf_term config, env;
    uint64_t start_time_ms; /* most that one start takes: reason `timeout`; 0:
                               without end, as in OTP */
};

/* Starts `application_controller`. AGNER_ETAKEN: there is one; AGNER_EINVAL:
 * config or env has another form; AGNER_ENOMEM. */
AGNER_API enum agner_err
gen_applications_start(struct gen *self,
                       const struct gen_applications_options *options,
                       struct agner_error *error);

/* Stops all applications in reverse order of their start, those too that are
 * still starting, and then the controller. AGNER_ETIMEOUT: it goes on with
 * that; AGNER_ENONAME: there is no controller. */
AGNER_API enum agner_err gen_applications_stop(struct gen *self,
                                               uint64_t timeout_ms);

/* ---- Applications ------------------------------------------------------- */
/*
 * Names are texts; `which` is a name, or what `find` of the options takes.
 * All of them: AGNER_ENONAME also when there is no controller, AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. `error` says which one and why, or is NULL.
 */

/* Makes an application known, also in the group RT_GROUP_APPLICATIONS, where
 * any thread finds it (rt_behavior_find). `application` is borrowed: static.
 * AGNER_EALREADY, AGNER_ENOTLOADED (made for another ABI, or its table is not
 * in order), AGNER_ELIMIT. */
AGNER_API enum agner_err
gen_application_load(struct gen *self,
                     const struct gen_application *application,
                     struct agner_error *error);
/* The same for one that `find` finds. Errors as those of `find`, too. */
AGNER_API enum agner_err gen_application_load_name(struct gen *self,
                                                   const char *which,
                                                   struct agner_error *error);
/* AGNER_ENOTLOADED, AGNER_ERUNNING (also while it starts). Of one that stops it
 * waits for the end of that, and so do a start and a stop. */
AGNER_API enum agner_err gen_application_unload(struct gen *self,
                                                const char *name,
                                                struct agner_error *error);

/*
 * Starts an application, loading it if need be, and waits until it is up.
 *
 *   reason  why it failed, as OTP's {error, Reason} has it; in self's region;
 *           may be NULL
 *
 * AGNER_ERUNNING, AGNER_ENOTRUNNING (what it needs does not run), AGNER_EEXIT
 * (its start failed), and as gen_application_load_name().
 */
AGNER_API enum agner_err gen_application_start(struct gen *self,
                                               const char *which,
                                               enum gen_start_type type,
                                               etf_term *reason,
                                               struct agner_error *error);

/*
 * Starts what the application needs and does not run, each with the type
 * `needed`, and then itself with the type `type`. If one fails, those that were
 * started by this call are stopped again, in reverse.
 *
 *   started  their names in order, a list of atoms: [] when it runs already;
 *            may be NULL
 *   reason   {Name, Reason} of the one that failed; may be NULL
 *
 * AGNER_ECYCLE ("a needs b needs a"), and as gen_application_start().
 */
AGNER_API enum agner_err gen_application_ensure_all_started(
    struct gen *self, const char *which, enum gen_start_type type,
    enum gen_start_type needed, etf_term *started, etf_term *reason,
    struct agner_error *error);

/* Stops one, by the rules of its own tree; those that need it go on.
 * AGNER_ENOTRUNNING; AGNER_ETIMEOUT: it goes on stopping. */
AGNER_API enum agner_err gen_application_stop(struct gen *self,
                                              const char *name,
                                              uint64_t timeout_ms,
                                              struct agner_error *error);

/* [{Name, Description, Version}] of those that run, the last one started
 * first; and of those that are loaded. Texts are lists, as in OTP. */
AGNER_API enum agner_err gen_which_applications(struct gen *self,
                                                etf_term *list);
AGNER_API enum agner_err gen_loaded_applications(struct gen *self,
                                                 etf_term *list);

/*
 * A map: name, description, version, state (loaded, starting, running or
 * stopping), applications, optional_applications; unless it is only loaded:
 * type (temporary, transient or permanent), pid (of the master), top (of the
 * tree), supervisor (the name of its table), uptime_ms; and env (a map), and
 * children if the top is a supervisor, as gen_which_children() has them. What
 * is not there is `undefined`. AGNER_ENOTLOADED.
 */
AGNER_API enum agner_err gen_application_info(struct gen *self,
                                              const char *name, etf_term *map,
                                              struct agner_error *error);
/* A list of such maps, without env and children, of all that are loaded; in the
 * order of gen_which_applications(), and then the others. */
AGNER_API enum agner_err gen_applications_info(struct gen *self,
                                               etf_term *list);

/* The application that a process of this node belongs to: an atom, or ETF_NONE.
 * Any thread. */
AGNER_API etf_term gen_application_of(struct rt *rt, etf_pid pid);

/* ---- Environment -------------------------------------------------------- */
/*
 * When an application is loaded its environment is put together: its own
 * defaults, the configuration's, the command line's, and what
 * gen_application_set_env() was to keep; of several values the last one counts.
 * Until it is unloaded, all processes see it: those of the application through
 * rt_env_get() too. `application` is a name, or NULL for that of self. All of
 * them: AGNER_EUNKNOWN when self has none, AGNER_ENOMEM.
 */

/* AGNER_EUNKNOWN: there is no such key. In self's region. */
AGNER_API enum agner_err gen_application_get_env(struct gen *self,
                                                 const char *application,
                                                 const char *key,
                                                 etf_term *value);
/* `value` is copied. A persistent one is there again when the application is
 * loaded anew, before all other layers. AGNER_EINVAL (ETF_NONE, or the key). */
AGNER_API enum agner_err
gen_application_set_env(struct gen *self, const char *application,
                        const char *key, etf_term value, bool persistent);
/* A persistent one is not set any more with the next load. */
AGNER_API enum agner_err gen_application_unset_env(struct gen *self,
                                                   const char *application,
                                                   const char *key,
                                                   bool persistent);
/* [{Key, Value}], sorted by key. */
AGNER_API enum agner_err gen_application_all_env(struct gen *self,
                                                 const char *application,
                                                 etf_term *list);

/*
 * Takes another configuration, in the form of the options' `config`. Each
 * application that is loaded gets its environment anew, so that what set_env
 * was not to keep is gone; those that run, and for which something is
 * different, have their config_change called, in their own time. AGNER_EINVAL,
 * AGNER_ENOMEM (a part of it holds).
 */
AGNER_API enum agner_err
gen_applications_config_change(struct gen *self, etf_term config,
                               struct agner_error *error);

#ifdef __cplusplus
}
#endif

#endif
