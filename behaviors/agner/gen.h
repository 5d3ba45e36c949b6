/*
 * gen.h -- behaviours: what an actor's author includes.
 *
 * A server is a table of callbacks with OTP's names and meanings. The callbacks
 * of one process never overlap, and may wait (gen_call, rt_receive, rt_sleep):
 * only that process waits. State is the server's own: gen_state() gives
 * `state_size` bytes, zeroed before init.
 *
 * Through its includes this header brings all that an actor needs: rt.h
 * (processes, links, timers) and etf.h (terms).
 *
 * Sources: OTP 25, gen_server; spec/gen.md 1.6, 1.7, 4.1, 4.5.
 */
#ifndef AGNER_GEN_H
#define AGNER_GEN_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_CALL_TIMEOUT_MS 5000 /* OTP's default */
#define GEN_INFINITY        RT_INFINITY

/* What a callback returns: one of these, or what the functions below return. */
enum gen_next {
    GEN_NEXT = RT_NEXT, /* go on; a call without gen_reply(): answer later */
    GEN_STOP = RT_STOP, /* by gen_stop() */
    GEN_IGNORE = RT_IGNORE, /* init only */
};

/* An absent callback has the default that stands behind it. */
struct gen_server {
    const char *name;  /* for people */
    size_t state_size; /* bytes */

    /* `args` as given to gen_start(). Default: go on. */
    enum gen_next (*init)(struct gen *self, etf_term args);
    /* Default: answers {error, undef} and logs. */
    enum gen_next (*handle_call)(struct gen *self, struct gen_from from,
                                 etf_term request);
    /* Default: logs. */
    enum gen_next (*handle_cast)(struct gen *self, etf_term request);
    /* Every other message: exits, downs, `timeout`, nodes. Default: logs. */
    enum gen_next (*handle_info)(struct gen *self, etf_term message);
    /* After gen_continue(), before any message. */
    enum gen_next (*handle_continue)(struct gen *self, etf_term argument);
    /* A native request from gen_direct(). AGNER_ENOTSUP by default. To answer
     * later keep a copy of *direct, return AGNER_EAGAIN and use
     * gen_direct_reply(); the request's bytes end with the callback. */
    enum agner_err (*handle_direct)(struct gen *self,
                                    const struct rt_direct *direct,
                                    void **result);
    /* Before the end, unless killed. Default: nothing. */
    void (*terminate)(struct gen *self, etf_term reason);
    /* The state as a term, for sys:get_state/get_status and reports; leave
     * secrets out. Default: a binary that tells the state's size. */
    etf_term (*format_status)(struct gen *self);
    /* sys:replace_state: takes a state that format_status() could have made.
     * AGNER_ENOTSUP by default. */
    enum agner_err (*replace_state)(struct gen *self, etf_term state);
    /* sys:change_code, which comes while the process is suspended: makes the
     * state what the code of now expects. An error leaves it as it was.
     * AGNER_ENOTSUP by default. */
    enum agner_err (*code_change)(struct gen *self, etf_term old_version,
                                  etf_term extra);
    /* Always last, exactly once, however the process ends, if init was begun:
     * give back what the state holds outside. Default: nothing. */
    void (*destroy)(void *state);

    /* An exit signal ends a process that does not trap exits without terminate,
     * as in OTP, when this is set; otherwise terminate runs. */
    bool quiet_exit;
    uint64_t hibernate_after_ms; /* 0: never */
};

/* ---- In a callback ------------------------------------------------------ */

/* The server's state: state_size bytes. */
AGNER_API void *gen_state(struct gen *self);

/* Answers a call; GEN_NEXT, to be returned. Only the first answer counts. An
 * answer that cannot be sent (ETF_NONE since memory ran out, a resource for
 * another node) is logged, and the atom `error` goes out in its place. */
AGNER_API enum gen_next gen_reply(struct gen *self, struct gen_from from,
                                  etf_term reply);

/* Ends the server with `reason` when the callback returns it: terminate runs.
 * Of several reasons the first counts. */
AGNER_API enum gen_next gen_stop(struct gen *self, etf_term reason);
/* {stop, Reason, Reply, State}: terminate runs first, then the answer goes out,
 * then the process ends. The caller hears of the end instead when terminate
 * leaves through rt_exit(). */
AGNER_API enum gen_next gen_stop_reply(struct gen *self, struct gen_from from,
                                       etf_term reason, etf_term reply);

/* GEN_NEXT with something more, of a server (another process ends with
 * {bad_action, Name}). They may follow gen_reply():
 *     gen_reply(self, from, answer);
 *     return gen_timeout(self, 1000);
 */
/* handle_info gets the atom `timeout` if nothing comes for `ms`. */
AGNER_API enum gen_next gen_timeout(struct gen *self, uint64_t ms);
/* handle_continue(argument) runs before the next message; after init, when the
 * starter has its answer. */
AGNER_API enum gen_next gen_continue(struct gen *self, etf_term argument);
/* Gives back what an idle process can spare; of any behaviour. */
AGNER_API enum gen_next gen_hibernate(struct gen *self);

/* ---- Starting and stopping ---------------------------------------------- */

/*
 * Starts a server and waits until its init has returned.
 *
 *   server   borrowed: static
 *   args     copied
 *   options  name, link, monitor, limits: rt.h; NULL for none
 *   pid      written on AGNER_OK, and with AGNER_ETAKEN: who has the name
 *   reason   why init failed, with AGNER_EEXIT; in self's region; may be NULL
 *
 * AGNER_EEXIT (init stopped or crashed), AGNER_EIGNORE, AGNER_ETAKEN,
 * AGNER_ETIMEOUT (options->init_timeout_ms), AGNER_ELIMIT, AGNER_ENOMEM,
 * AGNER_EINVAL (no table: so with all that start something).
 */
AGNER_API enum agner_err gen_start(struct gen *self,
                                   const struct gen_server *server,
                                   etf_term args,
                                   const struct rt_spawn_options *options,
                                   etf_pid *pid, etf_term *reason);
/* With a link to self made before init. */
AGNER_API enum agner_err gen_start_link(struct gen *self,
                                        const struct gen_server *server,
                                        etf_term args,
                                        const struct rt_spawn_options *options,
                                        etf_pid *pid, etf_term *reason);

/* With a monitor of it made before init: *monitor is its reference when the
 * start succeeds. */
AGNER_API enum agner_err
gen_start_monitor(struct gen *self, const struct gen_server *server,
                  etf_term args, const struct rt_spawn_options *options,
                  etf_pid *pid, etf_ref *monitor, etf_term *reason);

/* Makes a raw process a server: does not return. `args` go to init if `init` is
 * set. */
AGNER_API void gen_enter_loop(struct gen *self, const struct gen_server *server,
                              etf_term args, bool init);

/*
 * Orderly end of a process that serves sys messages, here or on any node:
 * terminate runs, and the call returns when the process is dead. AGNER_OK: it
 * ended with `reason`; AGNER_EEXIT: with another; AGNER_ENOPROC,
 * AGNER_ETIMEOUT.
 */
AGNER_API enum agner_err gen_server_stop(struct gen *self, etf_term to,
                                         etf_term reason, uint64_t timeout_ms);

/* ---- Calling ------------------------------------------------------------ */

/* gen_server:call/3: see rt_call() for `reply` and the errors. `to` is a pid, a
 * name, or {Name, Node}, of agner or of Erlang, or a global name: {global,
 * Name} or {via, global, Name}, as in all functions of this room that take a
 * process.
 */
AGNER_API enum agner_err gen_call(struct gen *self, etf_term to,
                                  etf_term request, uint64_t timeout_ms,
                                  etf_term *reply);
AGNER_API enum agner_err gen_cast(struct gen *self, etf_term to,
                                  etf_term request);
/* A cast in `ms`; rt_cancel_timer() takes it back. It ends with its owner. */
AGNER_API enum agner_err gen_cast_after(struct gen *self, etf_term to,
                                        etf_term request, uint64_t ms,
                                        struct rt_timer *timer);
/* gen_server:abcast/3: a cast to `name` on each of the `nodes` (a list). */
AGNER_API enum agner_err gen_abcast(struct gen *self, etf_term nodes,
                                    etf_term name, etf_term request);
/*
 * gen_server:multi_call/4: calls `name` on each of `nodes` at once. *replies is
 * [{Node, Reply}], *bad the nodes that did not answer. AGNER_OK also when all
 * are bad.
 */
AGNER_API enum agner_err gen_multi_call(struct gen *self, etf_term nodes,
                                        etf_term name, etf_term request,
                                        uint64_t timeout_ms, etf_term *replies,
                                        etf_term *bad);

/* Many calls at once: send, then wait for one, or for any. Errors: rt.h. */
AGNER_API enum agner_err gen_send_request(struct gen *self, etf_term to,
                                          etf_term request,
                                          struct rt_request *id);
AGNER_API enum agner_err gen_wait(struct gen *self, const struct rt_request *id,
                                  uint64_t timeout_ms, etf_term *reply);
AGNER_API enum agner_err gen_wait_any(struct gen *self,
                                      const struct rt_request *ids,
                                      size_t count, uint64_t timeout_ms,
                                      size_t *which, etf_term *reply);
/* receive_response/2: as gen_wait(), but a time-out gives the request up. */
AGNER_API enum agner_err gen_receive_response(struct gen *self,
                                              const struct rt_request *id,
                                              uint64_t timeout_ms,
                                              etf_term *reply);

/* A native request, from any thread: rt_direct() in rt.h. */
AGNER_API enum agner_err gen_direct(struct rt *rt, etf_pid to,
                                    const void *request, size_t size,
                                    uint64_t timeout_ms, void **result);
AGNER_API void gen_direct_reply(struct gen *self,
                                const struct rt_direct *direct,
                                enum agner_err err, void *result);

/* ---- sys: looking into a server ----------------------------------------- */

/*
 * Any process that answers {system, From, Request}, on any node. All of them:
 * AGNER_ENOPROC, AGNER_ENONAME, AGNER_ETIMEOUT, AGNER_EEXIT, AGNER_ENODEDOWN,
 * AGNER_ECALLSELF; and AGNER_ENOTSUP when the answer is {error, Reason}, which
 * then is what *state, *status or *answer gets.
 *
 * get_state is answered with the bare state, as OTP 23 to 26 do; OTP 27 answers
 * {ok, State}, and that is what one sees of its servers.
 */
AGNER_API enum agner_err gen_sys_get_state(struct gen *self, etf_term to,
                                           uint64_t timeout_ms,
                                           etf_term *state);
AGNER_API enum agner_err gen_sys_replace_state(struct gen *self, etf_term to,
                                               etf_term state,
                                               uint64_t timeout_ms);
AGNER_API enum agner_err gen_sys_get_status(struct gen *self, etf_term to,
                                            uint64_t timeout_ms,
                                            etf_term *status);
AGNER_API enum agner_err gen_sys_suspend(struct gen *self, etf_term to,
                                         uint64_t timeout_ms);
AGNER_API enum agner_err gen_sys_resume(struct gen *self, etf_term to,
                                        uint64_t timeout_ms);
/* {change_code, Module, OldVersion, Extra}: only a suspended process changes
 * code. */
AGNER_API enum agner_err
gen_sys_change_code(struct gen *self, etf_term to, etf_term module,
                    etf_term old_version, etf_term extra, uint64_t timeout_ms);
/* {debug, {statistics, What}}, What one of true, false, get. */
AGNER_API enum agner_err gen_sys_statistics(struct gen *self, etf_term to,
                                            etf_term what, uint64_t timeout_ms,
                                            etf_term *answer);
/* {debug, {log, What}}: What is true or {true, N}, to keep the last 10 or N (at
 * most 1000) events, false, or get, whose answer is {ok, Events}. */
AGNER_API enum agner_err gen_sys_log(struct gen *self, etf_term to,
                                     etf_term what, uint64_t timeout_ms,
                                     etf_term *answer);
/* {debug, {trace, On}}: each event of the server as a line in the log, at level
 * notice. */
AGNER_API enum agner_err gen_sys_trace(struct gen *self, etf_term to, bool on,
                                       uint64_t timeout_ms);

/*
 * In a callback of a server or a state machine, usually init: {debug, Options}
 * of OTP's start. A list of trace, log, {log, N}, statistics. AGNER_EINVAL:
 * there was something else in it, which is passed over; AGNER_ENOMEM.
 */
AGNER_API enum agner_err gen_debug(struct gen *self, etf_term options);

/* sys:install, in a callback too: `hook` gets each event of the process, in it,
 * until {debug, no_debug} comes; NULL takes it away. `ctx` is the caller's. */
AGNER_API enum agner_err
gen_debug_install(struct gen *self,
                  void (*hook)(struct gen *self, void *ctx, etf_term event),
                  void *ctx);

/*
 * For those who write a behaviour on rt.h: put a `struct gen_sys` in its state,
 * set `view`, give every RT_MESSAGE to gen_sys_handle() first, and call
 * gen_sys_fini() in destroy. gen_server does just that.
 */
struct gen_sys_view {
    const char *module; /* {module, M} of get_status */
    /* The state as a term; NULL: the atom undefined. */
    etf_term (*get_state)(struct gen *self);
    /* NULL: {error, {callback_failed, ...}}, and so does a failure. */
    enum agner_err (*replace_state)(struct gen *self, etf_term state);
    /* As gen_server's; `undef` when NULL. */
    enum agner_err (*code_change)(struct gen *self, etf_term old_version,
                                  etf_term extra);
    /* More for people in get_status: [{Key, Value}]. NULL: none. */
    etf_term (*get_details)(struct gen *self);
    /* The last part of get_status. NULL: {data, [{"State", State}]}. */
    etf_term (*status)(struct gen *self);
};

struct gen_sys {
    const struct gen_sys_view *view; /* borrowed: static */
    const char *name; /* borrowed: static; for people; NULL: the module */
    struct gen_sys_debug *debug; /* private */
    bool suspended;
    bool watched; /* somebody wants events: gen_sys_event() */
};

/*
 * Serves `m` if it is {system, From, Request}, otherwise does nothing and
 * returns false. *next is what the callback must return then: RT_NEXT, or
 * RT_STOP after {terminate, Reason}. Knows get_state, get_status,
 * {replace_state, State}, suspend, resume, {terminate, Reason},
 * {change_code, _, _, _}, {debug, {trace | statistics | log, _}} and {debug,
 * no_debug}, and answers {error, {unknown_system_msg, Request}} to others; a
 * fun to install is of no use here, nor is a file to log to: {error,
 * not_supported}. While suspended only system
 * messages come, so a time-out that runs must be stopped and set again later.
 */
AGNER_API bool gen_sys_handle(struct gen *self, struct gen_sys *sys,
                              const struct rt_message *m, enum rt_next *next);

/* Tells of {in, Message} or {out, Reply, To}: for statistics, log and trace.
 * Ask sys->watched first, so that the event is built only when it is wanted. */
AGNER_API void gen_sys_event(struct gen *self, struct gen_sys *sys,
                             etf_term event);

/* Gives back what sys holds. */
AGNER_API void gen_sys_fini(struct gen_sys *sys);

#ifdef __cplusplus
}
#endif

#include <agner/gen_action.h>
#include <agner/gen_application.h>
#include <agner/gen_batch.h>
#include <agner/gen_cancel.h>
#include <agner/gen_errors.h>
#include <agner/gen_event.h>
#include <agner/gen_feed.h>
#include <agner/gen_feed_of.h>
#include <agner/gen_future.h>
#include <agner/gen_global.h>
#include <agner/gen_group.h>
#include <agner/gen_interval.h>
#include <agner/gen_io.h>
#include <agner/gen_latch.h>
#include <agner/gen_mux.h>
#include <agner/gen_pg.h>
#include <agner/gen_proc.h>
#include <agner/gen_pubsub.h>
#include <agner/gen_queue.h>
#include <agner/gen_request.h>
#include <agner/gen_resubscribe.h>
#include <agner/gen_retry.h>
#include <agner/gen_rpc.h>
#include <agner/gen_saga.h>
#include <agner/gen_service.h>
#include <agner/gen_service_map.h>
#include <agner/gen_sink.h>
#include <agner/gen_source.h>
#include <agner/gen_stage.h>
#include <agner/gen_statem.h>
#include <agner/gen_steps.h>
#include <agner/gen_store.h>
#include <agner/gen_stream.h>
#include <agner/gen_stream_remote.h>
#include <agner/gen_supervisor.h>
#include <agner/gen_task.h>
#include <agner/gen_worker.h>

#endif
