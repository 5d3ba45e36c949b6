/*
 * gen_event.h -- an event manager: one process that has many handlers.
 *
 * Whoever has something to tell tells the manager; each handler, a table of
 * callbacks with a state of its own, gets every event, the newest handler
 * first. Handlers come and go at run time. One that fails (rt_exit(), a wrong
 * return value) is removed with a report, and the manager and the others go on.
 *
 * What a callback returns or answers with may lie in the handler's state.
 *
 * All callbacks run in the manager's process, one at a time, and may wait: then
 * the manager waits. A handler must not call its own manager (AGNER_ECALLSELF).
 * In a handler gen_event_state() takes the place of gen_state(); gen_stop()
 * ends the whole manager.
 *
 * A handler is known by its name, an atom, or by {Name, Id} when there are
 * several of a kind. As in OTP nothing forbids two with the same; the newest
 * one is meant then.
 *
 * Managers and their users may be agner's or Erlang's, here or on other nodes.
 *
 * Sources: OTP 25, gen_event; spec/gen.md 2.2, 4.4.
 */
#ifndef AGNER_GEN_EVENT_H
#define AGNER_GEN_EVENT_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a handler's callback returns: one of these, or what the functions below
 * return. */
enum gen_event_next {
    GEN_EVENT_NEXT,      /* go on */
    GEN_EVENT_HIBERNATE, /* ... and give back what an idle process can spare */
    GEN_EVENT_REMOVE,    /* away with me: terminate(remove_handler) runs */
    GEN_EVENT_SWAP,      /* by gen_event_swap() */
    GEN_EVENT_ERROR,     /* by gen_event_error() */
};

/* An absent callback has the default that stands behind it. */
struct gen_event_handler {
    const char *name;  /* an atom's text: the module, as OTP sees it */
    size_t state_size; /* bytes, zeroed before init */

    /* `args` as given to gen_event_add_handler(); after a swap {Args, Term},
     * Term being what the old handler's terminate returned, or `error` when
     * there was none. Only GEN_EVENT_NEXT and GEN_EVENT_HIBERNATE let it in.
     * Default: goes on. */
    enum gen_event_next (*init)(struct gen *self, etf_term args);
    /* Default: nothing. */
    enum gen_event_next (*handle_event)(struct gen *self, etf_term event);
    /* Of gen_event_call(). *reply is `ok` unless it is set, and goes out also
     * when the handler leaves. Default: answers {error, undef} and logs. */
    enum gen_event_next (*handle_call)(struct gen *self, etf_term request,
                                       etf_term *reply);
    /* Every other message to the manager. Default: logs. */
    enum gen_event_next (*handle_info)(struct gen *self, etf_term message);
    /*
     * Before the handler is gone, unless the manager is killed. Default: `ok`.
     * What it returns goes to the one who deletes or swaps it. `argument`:
     *   what was given to       gen_event_delete_handler(), a swap
     *   remove_handler          it returned GEN_EVENT_REMOVE
     *   {stop, Reason}          its supervisor ended
     *   stop                    the manager ends
     *   {error, {'EXIT', R}}    it left a callback through rt_exit(R)
     *   {error, R}              gen_event_error(R), or a wrong return value
     */
    etf_term (*terminate)(struct gen *self, etf_term argument);
    /* The state as a term, for sys and reports; leave secrets out. Default: a
     * binary that tells the state's size. */
    etf_term (*format_status)(struct gen *self);
    /* Always last, exactly once, if init was begun: give back what the state
     * holds outside. Default: nothing. */
    void (*destroy)(void *state);
};

/* A handler that is there from the start. */
struct gen_event_entry {
    const struct gen_event_handler *handler;
    const char *id;   /* an atom's text; NULL: known by its name alone */
    const char *args; /* Erlang syntax; NULL: what the manager got */
};

/* A manager, static. All zero is one without handlers. */
struct gen_event {
    const char *name; /* for people */
    const struct gen_event_entry *handlers;
    size_t handler_count;
    /* Handlers that others may add by name alone, from any node: ends with
     * NULL; or NULL. Those above can be so added too. */
    const struct gen_event_handler *const *known;
    uint64_t hibernate_after_ms; /* 0: never */
};

/* ---- In a handler's callback -------------------------------------------- */

/* The handler's state: state_size bytes. */
AGNER_API void *gen_event_state(struct gen *self);
/* What it is known by: its name, or {Name, Id}. */
AGNER_API etf_term gen_event_self(struct gen *self);

/*
 * Puts another handler in one's place: terminate(old_args) runs, then the
 * other's init with {new_args, Term}. `id` is ETF_NONE or its id; a supervised
 * handler's supervisor becomes the other's. Not from init.
 */
AGNER_API enum gen_event_next
gen_event_swap(struct gen *self, etf_term old_args,
               const struct gen_event_handler *handler, etf_term id,
               etf_term new_args);

/* The handler has failed: from init, gen_event_add_handler() gets `reason`;
 * elsewhere it is removed with a report. */
AGNER_API enum gen_event_next gen_event_error(struct gen *self,
                                              etf_term reason);

/* ---- Starting and stopping ---------------------------------------------- */

/*
 * Starts a manager. It traps exits.
 *
 *   event    borrowed: static; NULL: one without handlers
 *   args     of the handlers that have none of their own; copied
 *   reason   AGNER_EEXIT: {Handler, Why} of the one that did not start
 *
 * Other parameters and errors as gen_start().
 */
AGNER_API enum agner_err gen_event_start(struct gen *self,
                                         const struct gen_event *event,
                                         etf_term args,
                                         const struct rt_spawn_options *options,
                                         etf_pid *pid, etf_term *reason);
AGNER_API enum agner_err
gen_event_start_link(struct gen *self, const struct gen_event *event,
                     etf_term args, const struct rt_spawn_options *options,
                     etf_pid *pid, etf_term *reason);
/* Ends it: terminate(stop) of each handler runs. As gen_server_stop(). */
AGNER_API enum agner_err gen_event_stop(struct gen *self, etf_term manager,
                                        etf_term reason, uint64_t timeout_ms);

/* ---- Events and questions ----------------------------------------------- */

/* Tells the manager and does not wait. Errors as rt_send(). */
AGNER_API enum agner_err gen_event_notify(struct gen *self, etf_term manager,
                                          etf_term event);

/*
 * From here on each function waits for the manager's answer, without end where
 * no time-out is given (G7: its death ends the wait). Besides what they name:
 * AGNER_ENOPROC, AGNER_ENONAME, AGNER_EEXIT (it ended before it answered),
 * AGNER_ENODEDOWN, AGNER_ETIMEOUT, AGNER_ECALLSELF, AGNER_EBADTERM,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. Result terms are in self's
 * region and may be NULL; with AGNER_ENOPROC, AGNER_EEXIT and AGNER_ENODEDOWN
 * they are the reason. An answer after the time-out is never seen.
 */

/* Returns when every handler has had the event. */
AGNER_API enum agner_err
gen_event_sync_notify(struct gen *self, etf_term manager, etf_term event);

/* Asks one handler. AGNER_EUNKNOWN: there is none; AGNER_ETERMINATED: it left
 * through rt_exit(), *reply is the reason. */
AGNER_API enum agner_err gen_event_call(struct gen *self, etf_term manager,
                                        etf_term handler, etf_term request,
                                        uint64_t timeout_ms, etf_term *reply);

/* gen_event_call() without waiting: for gen_wait() and its like, together with
 * requests to servers. There no handler of that name shows as the answer
 * {error, bad_module}, and one that left as {error, {'EXIT', Reason}}. */
AGNER_API enum agner_err
gen_event_send_request(struct gen *self, etf_term manager, etf_term handler,
                       etf_term request, struct rt_request *id);

/* A list of names and {Name, Id}, the newest handler first. */
AGNER_API enum agner_err gen_event_which_handlers(struct gen *self,
                                                  etf_term manager,
                                                  etf_term *handlers);

/* ---- Handlers that come and go ------------------------------------------ */

/*
 * Adds a handler.
 *
 *   handler  borrowed: static. A manager of another node gets its name only,
 *            and must know a handler, or have a module, of that name.
 *   id       ETF_NONE, or what tells it from others of its kind
 *   args     of its init
 *   why      AGNER_ETERMINATED: why its init failed
 */
AGNER_API enum agner_err
gen_event_add_handler(struct gen *self, etf_term manager,
                      const struct gen_event_handler *handler, etf_term id,
                      etf_term args, etf_term *why);
/*
 * The same, supervised by self: a link is made; when self ends the handler is
 * removed, terminate({stop, Reason}); when it is removed for another cause self
 * gets {gen_event_EXIT, Handler, Reason}, Reason being `normal`, `shutdown`,
 * {swapped, NewHandler, Supervisor} or what went wrong. As in OTP the link
 * stays when the handler is gone; unlike there, none is left of a failure.
 */
AGNER_API enum agner_err
gen_event_add_sup_handler(struct gen *self, etf_term manager,
                          const struct gen_event_handler *handler, etf_term id,
                          etf_term args, etf_term *why);

/* Removes one: *result is what terminate(args) returned, or {'EXIT', Reason}.
 * AGNER_EUNKNOWN. */
AGNER_API enum agner_err
gen_event_delete_handler(struct gen *self, etf_term manager, etf_term handler,
                         etf_term args, etf_term *result);

/* Puts `handler` in the place of `old`, as gen_event_swap() does; adds it also
 * when there is no `old`. With _sup_ self becomes its supervisor. */
AGNER_API enum agner_err
gen_event_swap_handler(struct gen *self, etf_term manager, etf_term old,
                       etf_term old_args,
                       const struct gen_event_handler *handler, etf_term id,
                       etf_term new_args, etf_term *why);
AGNER_API enum agner_err
gen_event_swap_sup_handler(struct gen *self, etf_term manager, etf_term old,
                           etf_term old_args,
                           const struct gen_event_handler *handler, etf_term id,
                           etf_term new_args, etf_term *why);

#ifdef __cplusplus
}
#endif

#endif
