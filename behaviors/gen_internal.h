/*
 * gen_internal.h -- what the behaviours of this room share.
 *
 * Private to behaviors/. The state of a process that runs one of them begins
 * with a struct gen_head, goes on with what the behaviour keeps itself, and
 * ends with `state_size` bytes of the user's. Nothing of it is shared: the
 * process alone reads and writes it.
 */
#ifndef GEN_INTERNAL_H
#define GEN_INTERNAL_H

#include <stdalign.h>

#include <agner/gen.h>

#include "loan.h"

/* What makes the next step differ from the plain one. All zero is the fast
 * path: nothing was asked for, nothing is pending, nobody looks. */
enum {
    /* Of the callback that just ran. */
    GEN_FLAG_STOP = 1,     /* gen_stop() gave a reason */
    GEN_FLAG_CONTINUE = 2, /* `argument` waits for handle_continue */
    GEN_FLAG_TIMEOUT = 4,  /* `timeout_ms` runs until the next message */
    /* Of the process. */
    GEN_FLAG_STARTING = 8,  /* init has not succeeded: nothing to report */
    GEN_FLAG_IDLE = 16,     /* hibernate_after_ms is set */
    GEN_FLAG_WATCHED = 32,  /* sys.watched */
    GEN_FLAG_REPORTED = 64, /* its abnormal end is in the log */
};

/* The answer that {stop, Reason, Reply, _} leaves until terminate has run. */
struct gen_last_reply {
    struct gen_from from;
    struct etf_box *reply; /* owned */
};

struct gen_head {
    uint32_t flags;
    uint32_t state_offset; /* bytes from here to the user's state */
    etf_term last;         /* what the callback that runs got, for the report */
    etf_term argument;     /* GEN_FLAG_STOP: the reason, in scratch;
                              GEN_FLAG_CONTINUE: its argument: server.c */
    struct gen_last_reply *last_reply; /* owned, or NULL */
    struct gen_sys sys;                /* sys.name: the behaviour table's */
    gen_loan *loan; /* borrowed: of the state; NULL: it is never lent */
};

/* The process has handled something: its state may be lent from now on, unless
 * who suspended it, or watches it, would not see what is done with it. */
static inline void gen__lend(struct gen_head *head)
{
    gen__loan_offer(head->loan, !head->sys.suspended &&
                                    head->sys.debug == NULL &&
                                    (head->flags & GEN_FLAG_STOP) == 0);
}

/* Bytes before the user's state of what begins with `struct type`. */
#define GEN_STATE_ALIGN 16u
#define GEN_SIZE(type) \
    ((sizeof(struct type) + GEN_STATE_ALIGN - 1) & ~(GEN_STATE_ALIGN - 1))

/* ---- head.c: the same for all ------------------------------------------- */

/* The head when self runs a behaviour of this room, else NULL. */
struct gen_head *gen__head(struct gen *self);
/* rt_behavior.label of all of them: tells gen__head() that it is one. */
const char *gen__label(const void *state);
/* In a struct rt_behavior whose state begins with the head. */
#define GEN_LABELLED \
    .label = gen__label, .label_at = offsetof(struct gen_head, sys) + \
                                     offsetof(struct gen_sys, name)

/* A plain message as what it means: RT_CALL or RT_CAST when it has their shape
 * (from another node, or sent by hand), with *request, and *from for a call;
 * else RT_MESSAGE. */
enum rt_message_kind gen__shape(struct gen *self, etf_term message,
                                struct gen_from *from, etf_term *request);
bool gen__is_system(const struct rt_message *m);

/* Serves a native request; `handle` may be NULL. */
enum gen_next gen__direct(
    struct gen *self, struct gen_head *head, const struct rt_direct *direct,
    enum agner_err (*handle)(struct gen *self, const struct rt_direct *direct,
                             void **result));

/* A message as the term that it travels as; ETF_NONE for what is none. */
etf_term gen__message_term(struct gen *self, const struct rt_message *m);
/* Tells sys of {in, Message}. */
void gen__sys_in(struct gen *self, struct gen_sys *sys,
                 const struct rt_message *m);

/* "name <0.1.2>" of the running process, for a log line. Returns `buffer`. */
char *gen__title(struct gen *self, const char *name, char *buffer, size_t size);

/* Logs an abnormal end as OTP's report, once for each process. */
void gen__report(struct gen *self, struct gen_head *head, etf_term reason);

/* A callback has returned GEN_STOP: the reason is set, and reported unless the
 * start has failed, which is its starter's to report. */
enum rt_next gen__settle_stop(struct gen *self, struct gen_head *head);

/* After a system message: the process's own time-out starts anew, unless it is
 * suspended now. Returns `next`. */
enum rt_next gen__after_system(struct gen *self, struct gen_head *head,
                               uint64_t timeout_ms, enum rt_next next);

/* For what a callback of that behaviour has no use for: the process ends with
 * {bad_action, Name}. */
enum gen_next gen__misplaced(struct gen *self, const char *name);

/* A callback with the reason of the end, then the last reply. */
void gen__terminate(struct gen *self, struct gen_head *head,
                    void (*terminate)(struct gen *self, etf_term reason),
                    etf_term reason);
void gen__head_fini(struct gen_head *head);

/* The state for sys: format_status()'s, or text that tells its size. */
etf_term gen__format(struct gen *self, etf_term (*format)(struct gen *self),
                     size_t state_size);

/* ---- crash.c, proc.c ---------------------------------------------------- */

/* Neither normal nor a shutdown. */
bool gen__is_abnormal(etf_term reason);
/* The report of an abnormal end, by the process itself, once. */
void gen__crash_report(struct gen *self, etf_term reason);
bool gen__is_proc(struct gen *self);

/* ---- start.c ------------------------------------------------------------ */

/* What a behaviour's start is made of: gen_start() in gen.h. */
struct gen_start {
    const struct rt_behavior *behavior;
    const void *table; /* borrowed: rt_note() of the process; NULL: there is
                          none, and nothing starts */
    size_t head_size;  /* GEN_SIZE() of it */
    size_t state_size; /* the user's */
};

enum agner_err gen__start(struct gen *self, const struct gen_start *start,
                          etf_term args, const struct rt_spawn_options *options,
                          bool link, etf_pid *pid, etf_term *reason);
/* The options with a monitor on top. */
struct rt_spawn_options gen__monitored(const struct rt_spawn_options *options,
                                       etf_ref *monitor);
/* Does not return. `name` for people. */
void gen__enter_loop(struct gen *self, const struct gen_start *start,
                     etf_term args, const char *name);

/* ---- A raw process becomes one: supervisor_call.c, event.c, bridge.c, ... -
 */

void gen__supervisor_enter(struct gen *self, const struct gen_supervisor *sup,
                           etf_term args);
void gen__event_enter(struct gen *self, const struct gen_event *event,
                      etf_term args);
void gen__bridge_enter(struct gen *self, const struct gen_bridge *bridge,
                       etf_term args);
void gen__saga_enter(struct gen *self, const struct gen_saga *saga,
                     etf_term args);
void gen__stage_enter(struct gen *self, const struct gen_stage *stage,
                      etf_term args);

/* ---- remote.c ------------------------------------------------------------ */

/* What init gets of a list of arguments: the only one, or all. */
etf_term gen__start_args(etf_term list);
/* The row that gen_remote_register() gave that name; NULL: none. */
const struct gen_child_spec *gen__remote_row(struct rt *rt, etf_term module);

/* ---- gen_global.c -------------------------------------------------------- */

/* The pid behind {global, Name} and {via, global, Name}; another target is
 * itself. AGNER_ENONAME, AGNER_ENOMEM. */
enum agner_err gen__resolve(struct gen *self, etf_term to, etf_term *resolved);

/* ---- call.c, sys_call.c, reply.c ---------------------------------------- */

/* What a DOWN with this reason means to who called. */
enum agner_err gen__why_down(etf_term reason);

/* What is left of `timeout_ms` that began at `start_ms`; 0 when it is over. */
uint64_t gen__left_ms(struct gen *self, uint64_t start_ms, uint64_t timeout_ms);

/* Answers, with `error` in place of what cannot be sent; returns what went out.
 * No event for sys. */
etf_term gen__reply(struct gen *self, const struct gen_from *from,
                    etf_term reply);

/* Sends the last reply, if there is one, and forgets it. */
void gen__last_reply_send(struct gen *self, struct gen_head *head);
void gen__last_reply_free(struct gen_head *head);

/* ---- erpc.c: one call on many nodes -------------------------------------- */

struct gen__erpc_one {
    etf_term node;
    struct gen_erpc_request id;
    enum agner_err sent; /* AGNER_OK: it is on its way */
};

struct gen__erpc_many {
    struct gen__erpc_one *calls; /* owned */
    size_t count, next;          /* next: whose answer was not waited for */
    uint64_t start_ms, timeout_ms;
};

/* Calls all; AGNER_EINVAL, AGNER_ELIMIT, AGNER_ENOMEM. To be ended with fini,
 * which gives up those that were not waited for, also after an error. */
enum agner_err gen__erpc_many(struct gen *self, etf_term nodes, etf_term m,
                              etf_term f, etf_term args, uint64_t timeout_ms,
                              struct gen__erpc_many *many);
/* The outcome of the next one, as gen_erpc_call() has it. */
enum agner_err gen__erpc_many_next(struct gen *self,
                                   struct gen__erpc_many *many, etf_term *node,
                                   etf_term *result,
                                   struct gen_erpc_exception *exception);
void gen__erpc_many_fini(struct gen *self, struct gen__erpc_many *many);
/* Of the caller itself, not of a call: go on no further. */
bool gen__erpc_is_over(enum agner_err err);

#endif
