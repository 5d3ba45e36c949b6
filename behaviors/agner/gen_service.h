/*
 * gen_service.h -- a task in the background with three verbs: activate (start),
 * configure, deactivate (stop).
 *
 * The author gives `apply`, which gets a configuration and sets things up:
 *
 *     static enum agner_err apply(struct gen *self, struct gen_apply *a)
 *     {
 *         return gen_apply_spawn(self, a, &listener_row, NULL, NULL);
 *     }
 *     static const struct gen_service_spec web = { .name = "web",
 *                                                  .apply = apply };
 *
 * apply runs in a process of its own for each load, so the verbs never wait for
 * it, its crash is a failure like another, and it can be tried again. Loads
 * never overlap: the next begins when the one before has ended, and with it all
 * that it started by gen_apply_spawn().
 *
 * A struct gen_service is a handle, counted, for any thread. The service itself
 * is a process. What it would do at once without running anything, as a start
 * without a configuration, a handle does in its place while it is idle: one
 * after the other, as if it had been sent there. gen.h includes this header.
 *
 * Calls from elsewhere, as {'$gen_call', From, Request}, of Erlang too:
 *
 *   start | {start, Options}                 Options: allow_active
 *   stop | {stop, Options}                   allow_inactive
 *   {configure, Binary} | {configure, Binary, Options}         replace
 *   state                                    {ok, State}
 *   follow | {follow, Options}               updates_only; {ok, Ref, State}
 *   {unfollow, Ref}                          ok
 *
 * The verbs answer {ok, State} or {error, {Why, State}}, Why one of
 * already_started, already_stopped, loading, {parse, Text}, memory; what is
 * none of these calls gets {error, badarg}. State is the map of
 * gen_service_state_term(). A follower gets {service_state, Ref, State} for
 * each change, in order, and {service_end, Ref, Reason} last. While its
 * connection is busy it is passed over, and then gets the newest: versions
 * tell. A service that is killed, or whose node is lost, says nothing more: who
 * must know of that monitors it.
 *
 * Source: spec/service.md 2.1 to 2.4, 2.7, 3.1 to 3.4.
 */
#ifndef AGNER_GEN_SERVICE_H
#define AGNER_GEN_SERVICE_H

#include <agner/gen_retry.h>
#include <agner/gen_stream.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_SERVICE_GRACE_MS 5000u
#define GEN_SERVICE_WINDOW   1024u /* changes that a follower may be behind */

struct gen_service; /* a handle */
struct gen_apply;   /* one try of a load */
struct gen_child_spec;
struct gen_supervisor;
struct gen_cursor;
struct gen_cursor_options;
struct gen_stream_event;

/* ---- State -------------------------------------------------------------- */

/*
 * The state between two changes: consistent in itself, and never changed, so
 * any thread reads it. Counted: who gets one frees it. Times are nanoseconds
 * since 1970 of the service's clock; 0: never.
 */
struct gen_service_state {
    bool active;     /* the service does its job */
    bool loading;    /* an apply is under way or waits for its retry */
    bool configured; /* configure was called; an empty one counts */
    etf_bytes config;
    /* Of apply, and what is known besides; AGNER_OK and ETF_NONE: none since it
     * was started. Stays after a success that needed retries: an error from
     * before it has last_err_ns below last_loading_end_ns, and !loading. */
    enum agner_err err;
    etf_term why;
    uint64_t failed_attempts; /* tries of the present load that failed */
    uint64_t last_active_ns, last_inactive_ns; /* when it became so */
    uint64_t last_config_ns, last_err_ns;
    uint64_t last_loading_start_ns;
    uint64_t last_loading_end_ns; /* 0 while it loads */
    uint64_t next_attempt_ns;     /* 0 unless it waits for a retry */
    uint64_t version;             /* from 1; each change adds 1 */
    uint64_t generation; /* of the load: each load and each stop adds 1 */
};

AGNER_API const struct gen_service_state *
gen_service_state_hold(const struct gen_service_state *state);
/* NULL is fine. */
AGNER_API void gen_service_state_free(const struct gen_service_state *state);

/* #{active, config, configured, err, err_code, failed_attempts, generation,
 * last_active_time, last_config_time, last_err_time, last_inactive_time,
 * last_loading_end_time, last_loading_start_time, loading, next_attempt_time,
 * version}, keys atoms, config a binary, err what is known of the error or
 * `undefined`, times integers. In `r`; ETF_NONE: no memory. */
AGNER_API etf_term gen_service_state_term(
    struct etf_region *r, const struct gen_service_state *state);

/* ---- What a service is -------------------------------------------------- */

/* Static. */
struct gen_service_spec {
    const char *name; /* for people */

    /* Sets up what the configuration says, in a process of its own, which may
     * wait, and returns; AGNER_OK: loaded. gen_apply_fail() and
     * gen_apply_abort() say more of a failure. Leaving by rt_exit() is a crash:
     * AGNER_ECRASHED, tried again like any failure, but for rt_exit(normal),
     * a success. Required. */
    enum agner_err (*apply)(struct gen *self, struct gen_apply *apply);

    /* Reads a configuration: *parsed is what gen_apply_parsed() gives. In
     * whoever calls gen_service_configure(), before the service hears of it, so
     * on any thread and several at once. NULL: bytes are all there is. */
    enum agner_err (*parse)(void *arg, etf_bytes config, void **parsed,
                            struct agner_error *error);
    void (*parsed_free)(void *parsed); /* any thread; may be NULL */

    /* After each stop, once the change is visible. In the service's process,
     * which waits for it. A crash in it is logged, and nothing more. */
    void (*on_stop)(struct gen *self, void *arg,
                    const struct gen_service_state *state);
    /* After each change, to keep what is to outlive the program: version,
     * active, config. As on_stop. */
    void (*saved)(struct gen *self, void *arg,
                  const struct gen_service_state *state);

    /* Strategy, intensity and period for what gen_apply_spawn() starts; NULL:
     * one_for_one with the defaults. When it gives up, the load has failed, and
     * is tried again if there is retry. */
    const struct gen_supervisor *run;
};

/* All zero is a good default: no retry. */
struct gen_service_options {
    void *arg;                   /* for the functions of the spec */
    void (*arg_free)(void *arg); /* when the last handle is gone; may be NULL */
    etf_term name;               /* atom to register, or ETF_NONE */
    bool link;                   /* to self */
    const struct gen_retry_options *retry; /* copied; NULL: no retry */
    uint64_t grace_ms; /* that an apply which was cancelled may go on before
                          it is killed; 0: 5000 */
    uint64_t (*clock)(void *ctx); /* nanoseconds since 1970; NULL: the wall
                                     clock. In the service's process, and in
                                     who makes it or calls a verb */
    void *clock_ctx;
    bool replace;      /* configure while it loads cancels that load; without,
                          AGNER_ELOADING */
    bool keep_runs;    /* what earlier loads started goes on until the stop;
                          without, it ends before the next apply */
    bool parse_inside; /* parse in the service's process */
    bool stop_on_failure; /* call on_stop on a final failure too */
    /* As it was saved: */
    bool active;
    bool configured;
    etf_bytes config; /* copied */
};

/*
 * Starts a service: inactive and without a configuration, unless the options
 * say otherwise. `spec` is borrowed: static. Returns new in *service: its
 * process goes on without the handle. AGNER_EINVAL (no spec, no apply, bad
 * retry options), what parse returns, with *error (may be NULL), and as
 * rt_start().
 */
AGNER_API enum agner_err
gen_service_start(struct gen *self, const struct gen_service_spec *spec,
                  const struct gen_service_options *options,
                  struct gen_service **service, struct agner_error *error);

/* Another process for a service whose process has ended: goes on from the last
 * state; if that was active, it loads. For supervisors: `start` of a child
 * spec. AGNER_ERUNNING; others as rt_start(). */
AGNER_API enum agner_err gen_service_restart(struct gen *self,
                                             struct gen_service *service,
                                             bool link, etf_pid *pid);

/* A handle for a service that has none here: of another node, or known by its
 * name. `to` is copied. Its state is what the last call has told. Returns new;
 * NULL: no memory. */
AGNER_API struct gen_service *gen_service_at(struct rt *rt, etf_term to);

AGNER_API struct gen_service *gen_service_hold(struct gen_service *service);
/* The last one frees it; the process goes on. NULL is fine. */
AGNER_API void gen_service_free(struct gen_service *service);

/* All zero: it has no process now, or is known by its name only. */
AGNER_API etf_pid gen_service_pid(struct gen_service *service);

/* The same, but a service of a map that has not needed a process yet gets one.
 * AGNER_ENOPROC: there is none, or it is not known; others as gen_call(). */
AGNER_API enum agner_err gen_service_process(struct gen *self,
                                             struct gen_service *service,
                                             etf_pid *pid);

/*
 * Ends the process: a stop if it was active, then the end of all that runs, for
 * which `timeout_ms` must suffice. AGNER_ENOPROC, AGNER_ETIMEOUT.
 */
AGNER_API enum agner_err gen_service_terminate(struct gen *self,
                                               struct gen_service *service,
                                               uint64_t timeout_ms);

/* ---- The verbs ---------------------------------------------------------- */
/*
 * Each returns the state after it in *state, to be freed; NULL if it is not
 * wanted. They may wait for the service's process, never for apply, and none
 * changes anything when it fails. All of them: AGNER_ENOPROC, AGNER_ENODEDOWN,
 * AGNER_ETIMEOUT (5 s), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED; then
 * *state is not written. With the errors named below it is the present one.
 */

/* Start. AGNER_ESTARTED. */
AGNER_API enum agner_err
gen_service_activate(struct gen *self, struct gen_service *service,
                     const struct gen_service_state **state);

/* Copies the bytes. When the service is active it loads, otherwise they are
 * stored. AGNER_ELOADING; what parse returns: then *error (may be NULL) says
 * what it said. */
AGNER_API enum agner_err
gen_service_configure(struct gen *self, struct gen_service *service,
                      const void *bytes, size_t size,
                      const struct gen_service_state **state,
                      struct agner_error *error);

/* Stop: at once, whatever runs is told to end. AGNER_ESTOPPED. */
AGNER_API enum agner_err
gen_service_deactivate(struct gen *self, struct gen_service *service,
                       const struct gen_service_state **state);

/* The present state: no message, any thread, also when the process has ended.
 * NULL: of a gen_service_at() that has told none yet. */
AGNER_API const struct gen_service_state *
gen_service_state(struct gen_service *service);

/*
 * Follows a service: *state (may be NULL; to be freed) is the present one, and
 * the first event of *cursor the change after it, with no gap and no overlap.
 * Events have a state: gen_service_event_state(). The service's end is that of
 * the stream, with its reason.
 *
 * Of a service on another node each change crosses once for all who follow it
 * here. After a lost connection it goes on where it was; when that is not kept
 * any more the next event is the newest state, and versions tell how many are
 * missing. It ends with the service, or when its node knows it no more: that is
 * found out once the node is back.
 *
 *   options  of the cursor; NULL: all changes, up to GEN_SERVICE_WINDOW behind,
 *            then AGNER_ELAGGED; GEN_STREAM_LATEST: only the newest
 *
 * AGNER_ENOPROC, AGNER_ENODEDOWN, AGNER_ENOTSUP (what it leads to is no service
 * of this library), AGNER_ETIMEOUT, AGNER_EINVAL, AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED.
 */
AGNER_API enum agner_err
gen_service_follow(struct gen *self, struct gen_service *service,
                   const struct gen_cursor_options *options,
                   const struct gen_service_state **state,
                   struct gen_cursor **cursor);
/* Of an event of such a cursor; good as long as the event, unless it is held.
 */
AGNER_API const struct gen_service_state *
gen_service_event_state(const struct gen_stream_event *event);

/* ---- Inside apply ------------------------------------------------------- */

AGNER_API void *gen_apply_arg(const struct gen_apply *apply);
AGNER_API etf_bytes gen_apply_config(const struct gen_apply *apply);
AGNER_API void *gen_apply_parsed(const struct gen_apply *apply);
AGNER_API uint64_t
gen_apply_attempt(const struct gen_apply *apply); /* from 1 */
AGNER_API uint64_t gen_apply_generation(const struct gen_apply *apply);

/* Set by a stop, by the next load (unless keep_runs), and when this try has
 * failed; after a good try it lives on: hold it to look at it later. */
AGNER_API struct gen_cancel *gen_apply_token(struct gen_apply *apply);
AGNER_API bool gen_apply_cancelled(const struct gen_apply *apply);

/* `return gen_apply_fail(self, apply, AGNER_ENOCONN, why);` fails with that
 * error and reason, any term, or ETF_NONE. gen_apply_abort: and it is not tried
 * again. */
AGNER_API enum agner_err gen_apply_fail(struct gen *self,
                                        struct gen_apply *apply,
                                        enum agner_err err, etf_term why);
AGNER_API enum agner_err gen_apply_abort(struct gen *self,
                                         struct gen_apply *apply,
                                         enum agner_err err, etf_term why);

/* Starts a child of the run: it is supervised, and ended by the stop, the last
 * first. Parameters and errors as gen_start_child(); AGNER_ECANCELLED. */
AGNER_API enum agner_err gen_apply_spawn(struct gen *self,
                                         struct gen_apply *apply,
                                         const struct gen_child_spec *child,
                                         etf_pid *pid, etf_term *info);

#ifdef __cplusplus
}
#endif

#endif
