/*
 * gen_statem.h -- state machines: a state, and events that change it.
 *
 * A machine is a table of callbacks, in one of two styles: a function for each
 * state (`states`), or one function for all of them (`handle_event`), where a
 * state may be any term. Its data, besides its state, is `state_size` bytes
 * that gen_state() gives, zeroed before init.
 *
 *     enum { LOCKED, OPEN };
 *
 *     static enum gen_next locked(struct gen *self,
 *                                 const struct gen_statem_event *event)
 *     {
 *         if (event->type != GEN_STATEM_CALL)
 *             return gen_keep_state(self);
 *         gen_reply(self, event->from, etf_make(self, "ok"));
 *         gen_state_timeout(self, 10000, etf_make(self, "lock"));
 *         return gen_next_state(self, OPEN);
 *     }
 *
 *     static const struct gen_statem_state states[] = {
 *         [LOCKED] = { .name = "locked", .handle = locked },
 *         [OPEN] = { .name = "open", .handle = open },
 *     };
 *
 *     const struct gen_statem door = {
 *         .name = "door", .states = states, .state_count = 2,
 *     };
 *
 * Which event comes next: those that gen_next_event() inserted, in order; then
 * the postponed ones, in order, after the state has changed; then time-outs of
 * 0 ms; then the mailbox, where other time-outs arrive as they run out (so one
 * that finds a mailbox with a limit full is lost, as other messages are).
 *
 * Started by gen_statem_start(); called, cast to, stopped and looked into as
 * any server: gen_call(), gen_cast(), gen_server_stop(), gen_sys_get_state().
 *
 * Source: OTP 25, gen_statem.
 */
#ifndef AGNER_GEN_STATEM_H
#define AGNER_GEN_STATEM_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

enum gen_statem_type {
    GEN_STATEM_CALL, /* `from` is who waits for gen_reply() */
    GEN_STATEM_CAST,
    GEN_STATEM_INFO,     /* any other message */
    GEN_STATEM_INTERNAL, /* by gen_next_event() */
    GEN_STATEM_ENTER,   /* handle_event, state_enter: `content` is the old state
                         */
    GEN_STATEM_TIMEOUT, /* of the event: until any event comes */
    GEN_STATEM_STATE_TIMEOUT, /* until the state changes */
    GEN_STATEM_NAMED_TIMEOUT, /* until it is cancelled: {timeout, Name} */
};

struct gen_statem_event {
    enum gen_statem_type type;
    etf_term content;
    etf_term name;        /* GEN_STATEM_NAMED_TIMEOUT */
    struct gen_from from; /* GEN_STATEM_CALL */
};

/* A state and its functions: a row of the table. */
struct gen_statem_state {
    const char *name; /* the state as a term is this atom */
    enum gen_next (*handle)(struct gen *self,
                            const struct gen_statem_event *event);
    /* When the state is entered, also after init and by gen_repeat_state();
     * `from` is the state before, the same one in these two cases. May not
     * change the state, postpone or insert events. NULL: nothing. */
    enum gen_next (*enter)(struct gen *self, etf_term from);
};

/* An absent callback has the default that stands behind it. */
struct gen_statem {
    const char *name;  /* for people */
    size_t state_size; /* bytes of data */

    /* One of the two. States are numbered as they stand in the table. */
    const struct gen_statem_state *states;
    size_t state_count;
    enum gen_next (*handle_event)(struct gen *self,
                                  const struct gen_statem_event *event,
                                  etf_term state);
    bool state_enter; /* with handle_event: GEN_STATEM_ENTER comes */

    /* `args` as given to gen_statem_start(). Says what the first state is, and
     * may ask for time-outs and insert events. Default, also when it says
     * nothing: the first of `states`; with handle_event it must say. */
    enum gen_next (*init)(struct gen *self, etf_term args);
    /* As gen_server's: a native request from gen_direct(). */
    enum agner_err (*handle_direct)(struct gen *self,
                                    const struct rt_direct *direct,
                                    void **result);
    /* Before the end, unless killed. Default: nothing. */
    void (*terminate)(struct gen *self, etf_term reason);
    /* The data as a term, for sys and reports; leave secrets out. The state is
     * added. Default: a binary that tells the data's size. */
    etf_term (*format_status)(struct gen *self);
    /* sys:replace_state: takes data that format_status() could have made.
     * AGNER_ENOTSUP by default. */
    enum agner_err (*replace_state)(struct gen *self, etf_term data);
    /* sys:change_code, as gen_server's. It may change the data, not the state.
     */
    enum agner_err (*code_change)(struct gen *self, etf_term old_version,
                                  etf_term extra);
    /* Always last, exactly once, however the process ends, if init was begun.
     * Default: nothing. */
    void (*destroy)(void *data);

    bool quiet_exit;             /* as gen_server's */
    uint64_t hibernate_after_ms; /* 0: never */
};

/* ---- Starting ----------------------------------------------------------- */

/* Starts a machine and waits until its init has returned: gen_start() in gen.h.
 * The first state is entered after that. AGNER_EINVAL too: `machine` has
 * neither states nor handle_event, or a state without `handle`. */
AGNER_API enum agner_err
gen_statem_start(struct gen *self, const struct gen_statem *machine,
                 etf_term args, const struct rt_spawn_options *options,
                 etf_pid *pid, etf_term *reason);
/* With a link to self made before init. */
AGNER_API enum agner_err
gen_statem_start_link(struct gen *self, const struct gen_statem *machine,
                      etf_term args, const struct rt_spawn_options *options,
                      etf_pid *pid, etf_term *reason);

/* With a monitor: gen_start_monitor(). */
AGNER_API enum agner_err
gen_statem_start_monitor(struct gen *self, const struct gen_statem *machine,
                         etf_term args, const struct rt_spawn_options *options,
                         etf_pid *pid, etf_ref *monitor, etf_term *reason);

/* Makes a raw process a machine: does not return. `args` go to init. */
AGNER_API void gen_statem_enter_loop(struct gen *self,
                                     const struct gen_statem *machine,
                                     etf_term args);

/* ---- In a callback: the transition -------------------------------------- */
/*
 * What a callback asks for takes effect when it has returned GEN_NEXT, which
 * all of these give, to be returned. gen_reply() and gen_stop() of gen.h serve
 * here too: {stop_and_reply, Reason, Replies} is gen_reply() and then
 * gen_stop(). A callback that returns something else, and a request that is
 * not allowed, end the machine as in OTP, with {bad_return_from_state_function,
 * _}, {bad_action_from_state_function, _} and so on.
 */

/* The state is the row of that number from now on. The same one as before: as
 * gen_keep_state(). */
AGNER_API enum gen_next gen_next_state(struct gen *self, size_t state);
/* With handle_event: any term, which is copied. With `states` the atom of one
 * of their names. */
AGNER_API enum gen_next gen_next_state_term(struct gen *self, etf_term state);
/* The state stays; the same as returning GEN_NEXT. */
AGNER_API enum gen_next gen_keep_state(struct gen *self);
/* As gen_keep_state(), but the state is entered again. */
AGNER_API enum gen_next gen_repeat_state(struct gen *self);

/* The state that the machine is in, as a term. */
AGNER_API etf_term gen_current_state(struct gen *self);

/* ---- In a callback: actions --------------------------------------------- */

/* The event comes again when the state has changed. */
AGNER_API enum gen_next gen_postpone(struct gen *self);

/* An event of the type internal that comes before all that wait. */
AGNER_API enum gen_next gen_next_event(struct gen *self, etf_term content);
/* The same with any event, GEN_STATEM_ENTER excepted; `event` is copied. */
AGNER_API enum gen_next gen_next_event_as(struct gen *self,
                                          const struct gen_statem_event *event);

/*
 * Time-outs. There is one of each name at a time: a new one replaces the one
 * that runs, GEN_INFINITY cancels it. A time-out of 0 ms comes before the
 * mailbox, but after the events that are there already.
 */
/* Until the state changes. */
AGNER_API enum gen_next gen_state_timeout(struct gen *self, uint64_t ms,
                                          etf_term content);
/* Until any event comes. */
AGNER_API enum gen_next gen_event_timeout(struct gen *self, uint64_t ms,
                                          etf_term content);
/* Until it is cancelled; `name` is any term. */
AGNER_API enum gen_next gen_named_timeout(struct gen *self, etf_term name,
                                          uint64_t ms, etf_term content);

/* For any of the three: `type` says which, and `name` too if it is
 * GEN_STATEM_NAMED_TIMEOUT. */
/* At a time of rt_now_ms(), {abs, true}; one that is past comes through the
 * mailbox. */
AGNER_API enum gen_next gen_timeout_at(struct gen *self,
                                       enum gen_statem_type type, etf_term name,
                                       uint64_t at_ms, etf_term content);
/* Other content for the one that runs; if none does, as a new one of 0 ms. */
AGNER_API enum gen_next gen_timeout_update(struct gen *self,
                                           enum gen_statem_type type,
                                           etf_term name, etf_term content);
AGNER_API enum gen_next
gen_timeout_cancel(struct gen *self, enum gen_statem_type type, etf_term name);

/*
 * Other callbacks for the same state and data from the next event on. The new
 * table may be of either style; its state_size is at most that of the machine
 * that was started, whose `destroy` remains the last to be called. Push keeps
 * the present one below, pop goes back to it.
 */
AGNER_API enum gen_next
gen_change_callback_module(struct gen *self, const struct gen_statem *machine);
AGNER_API enum gen_next
gen_push_callback_module(struct gen *self, const struct gen_statem *machine);
AGNER_API enum gen_next gen_pop_callback_module(struct gen *self);

#ifdef __cplusplus
}
#endif

#endif
