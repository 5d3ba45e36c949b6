/*
 * rt.h -- processes: spawn, send, receive, links, monitors, names, timers.
 *
 * A runtime (struct rt) has worker threads and runs processes. A process is a
 * mailbox, some state and code; it has a stack only while it runs or waits in
 * the middle of its code. `struct gen` is a process as its own code sees it:
 * every function that acts for a process takes it as `self`. It begins with the
 * process's scratch region, so etf_make(self, ...) works. Never keep a `self`
 * past the callback that got it.
 *
 * Memory. What a callback receives and what it builds lives until it returns.
 * A raw process (rt_spawn) has no callbacks: there it lives until rt_reset().
 *
 * Targets (`to`) are terms, as in Erlang: a pid, an atom (name on this node),
 * an alias or other reference, or {Name, Node}.
 *
 * Any function that takes a `self` is for the process's own code, on its own
 * thread of control. What takes a `struct rt *` may be called from any thread.
 * A thread outside the runtime becomes a process with rt_attach().
 *
 * Sources: Erlang reference manual, "Processes"; spec/gen.md 1.1 to 1.5;
 * spec/reliability.md 1.
 */
#ifndef AGNER_RT_H
#define AGNER_RT_H

#include <agner/etf.h>
#include <agner/rt_log.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RT_INFINITY UINT64_MAX /* wherever a time in milliseconds is wanted */

struct rt;
struct gen;
struct rt_world;
struct rt_hook;

/* ---- The runtime -------------------------------------------------------- */

/* One line of text without a newline; `ctx` is the owner's. Any thread. */
typedef void (*rt_log_fn)(void *ctx, enum rt_log_level level, const char *text);

/* All zero is a good default. */
/* A file that is mapped while the runtime lives, with what happened last in it,
 * whatever ends the program: docs/postmortem.md. */
struct rt_blackbox {
    const char *path;  /* one that is there becomes PATH.1, and so on */
    size_t size;       /* bytes for each worker; 0: 256 KiB. 16 KiB to 64 MiB, a
                          power of two, or the next one above */
    unsigned keep;     /* files of earlier lives; 0: 3 */
    const char *build; /* who wrote it, for its reader; NULL: "" */
};

struct rt_options {
    const struct rt_world *world; /* NULL: the operating system */
    unsigned workers;             /* 0: one per core (simulated: 1) */
    uint32_t processes_max;       /* 0: 16,777,216 */
    uint64_t slice_us;            /* 0: 1000; a process yields after that */
    uint64_t watchdog_ms;         /* 0: 10; RT_INFINITY: no watchdog */
    bool contain_crashes;         /* SIGSEGV ... in a callback ends the process:
                                     spec/reliability.md G42 */
    const struct rt_blackbox *blackbox; /* NULL: none. Borrowed during the call.
                                           If it cannot be made, that is logged
                                           and the runtime starts without */
    bool watch_faults; /* SIGSEGV ... are noted in the black box, and stuck code
                          is asked where it is: takes these signals' handlers,
                          which are called in turn, and SIGRTMIN + 6 */
    size_t stack_size; /* bytes; 0: 64 KiB, 256 KiB with sanitizers */
    unsigned blocking_threads; /* 0: 4; most that rt_blocking() uses */
    size_t message_max;        /* bytes of one message; 0: 256 MiB */
    /* Marks of the program's memory, in bytes: G33. 0: 80 % and 95 % of what
     * the machine, or the control group, has; simulated: none. Only `hard`
     * given: soft is 85 % of it. There are none without a watchdog. */
    uint64_t memory_soft, memory_hard;
    /* The log: rt_log.h. Its first handlers; NULL: one with the id `default`,
     * which gives lines to `log`, or without that writes them to stderr. */
    enum rt_log_level log_level; /* 0: NOTICE */
    const struct rt_log_handler *log_handlers;
    size_t log_handler_count;
    rt_log_fn log;
    void *log_ctx;
};

/*
 * How much memory the program uses. Over the soft mark the event `alarm`
 * (rt_event.h) says {set_alarm, {memory_soft_mark, {Used, Mark}}}, and a node
 * takes no new peers. Over the hard mark it says the same of memory_hard_mark;
 * new processes, and messages of 64 KiB and more, are AGNER_ENOMEM; and what
 * comes from other nodes is not read. Below a mark, by a sixteenth of it, comes
 * {clear_alarm, Id}. Looked at ten times a second.
 */
enum rt_memory_level { RT_MEMORY_OK, RT_MEMORY_SOFT, RT_MEMORY_HARD };

/* Any thread. */
AGNER_API enum rt_memory_level rt_memory_level(const struct rt *rt);

/* Starts a runtime. AGNER_ENOMEM, AGNER_ESYSTEM (threads), AGNER_EINVAL, and
 * what rt_log_handler_add() says of a handler. */
AGNER_API enum agner_err rt_new(const struct rt_options *options,
                                struct rt **out, struct agner_error *error);

/* Ends every process and frees everything. First the one that rt_end_first()
 * named gets an exit with reason `shutdown`, and may take `grace_ms`; then all
 * others get one, as if from their parents, and may take as long; then who is
 * left is killed. Not from a process of this runtime. */
AGNER_API void rt_free(struct rt *rt, uint64_t grace_ms);

/* Names the process that ends others in order, as the application controller
 * does; all zero for none. A dead one is none. Any thread. */
AGNER_API void rt_end_first(struct rt *rt, etf_pid pid);

/* Name and creation of the node that this runtime is, nonode@nohost at first.
 */
AGNER_API struct etf_self rt_node(const struct rt *rt);

/* Monotonic milliseconds of the runtime's world. */
AGNER_API uint64_t rt_now_ms(const struct rt *rt);
AGNER_API uint64_t rt_now_ns(const struct rt *rt);

/* Wall clock of the runtime's world: nanoseconds since 1970, UTC. */
AGNER_API uint64_t rt_wall_ns(const struct rt *rt);

/* Random bytes of the runtime's world, good enough for keys in the real one. */
AGNER_API void rt_random(const struct rt *rt, void *bytes, size_t size);

struct rt_stats {
    uint64_t processes, processes_peak, spawned; /* the peak: about */
    uint64_t messages;                           /* taken from mailboxes */
    uint64_t dropped[8];                         /* by enum rt_drop */
    uint64_t slices, steals, parks, handovers, long_schedules;
    uint64_t timers_set, timers_fired;
    uint64_t memory_bytes;        /* envelopes, slots, stacks */
    uint64_t bytes_in, bytes_out; /* from and to other nodes */
    uint64_t runnable;            /* processes that wait for a worker: about */
    uint64_t up_us;               /* since the start of the runtime */
    unsigned workers;
    /* Of the program, at the last look; the marks, 0: none; alarms set; spawns
     * and messages refused over the hard mark. */
    uint64_t memory_used, memory_soft, memory_hard;
    uint64_t memory_alarms, memory_refused;
    uint64_t processes_max, processes_refused; /* spawns past it */
};

/* Why a message was dropped: spec/reliability.md G9. */
enum rt_drop {
    RT_DROP_NOPROC,
    RT_DROP_NONAME,
    RT_DROP_NOALIAS,
    RT_DROP_MAILBOX,
    RT_DROP_MEMORY,
    RT_DROP_NOCONN,
    RT_DROP_NOTALLOWED,
    RT_DROP_BADTERM,
};

AGNER_API void rt_stats(struct rt *rt, struct rt_stats *stats);

/* How long each of the workers was at work, in microseconds, of `up_us` above:
 * sampled by the watchdog, so right in the long run, and 0 without it. Fills up
 * to `room`; returns how many workers there are. Any thread. */
AGNER_API size_t rt_worker_busy(struct rt *rt, uint64_t *busy_us, size_t room);

/* A process for the calling thread: with it the thread may send, receive, call
 * and wait like any process; waiting blocks the thread. NULL: no memory. Every
 * attach wants its detach, on the same thread. The process ends with `normal`.
 */
AGNER_API struct gen *rt_attach(struct rt *rt);
AGNER_API void rt_detach(struct gen *self);

/* ---- Behaviours: code that runs when a message comes -------------------- */

/* What a callback wants next. */
enum rt_next {
    RT_NEXT,     /* wait for the next message */
    RT_STOP,     /* end with the reason given to rt_stop() */
    RT_IGNORE,   /* init only: end with `normal`, the starter gets AGNER_EIGNORE
                  */
    RT_CONTINUE, /* go on with RT_CONTINUED, before any message; after init:
                    when the starter has its answer */
};

enum rt_message_kind {
    RT_MESSAGE, /* any term: `term` */
    RT_CALL, /* a gen_server call: `term` is the request, `from` the caller */
    RT_CAST, /* a gen_server cast: `term` is the request */
    RT_EXIT, /* trapped exit: `term` is {'EXIT', Pid, Reason} */
    RT_DOWN, /* `term` is {'DOWN', Ref, process, Object, Reason} */
    RT_TIMEOUT,     /* the timeout that rt_timeout() asked for; no term */
    RT_DIRECT,      /* a native request: `direct` */
    RT_PARENT_EXIT, /* trapped exit of the parent, of who was linked to it at
                       spawn (or given it): end, `term` is the Reason */
    RT_CONTINUED,   /* the last callback returned RT_CONTINUE; no term */
};

/* Who asked, for the answer. Copy and keep it as you like; any process or
 * thread of the node may answer. The fields are private. */
struct gen_from {
    uint64_t pid_node;
    uint32_t pid_id, pid_serial, pid_creation;
    uint8_t form;
    uint8_t ref_count;
    uint16_t zero;
    uint64_t ref_node;
    uint32_t ref_creation;
    uint32_t ref_words[5];
    uint64_t extra; /* the rest of an unusual tag: a box, or an atom */
};

/* A native request of gen_direct(). */
struct rt_direct {
    const void *request; /* a copy, good until the callback returns */
    size_t request_size;
    struct rt_direct_wait *wait; /* private */
};

struct rt_message {
    enum rt_message_kind kind;
    etf_term term;
    struct gen_from from;
    struct rt_direct direct;
    etf_pid sender; /* all zero when not known */
};

struct rt_behavior {
    const char *name;
    size_t state_size; /* zeroed before init; freed once, however it ends */

    /* First, on the new process's own stack. May be NULL. May call and wait. */
    enum rt_next (*init)(struct gen *self, etf_term args);
    /* Once for each message. Required. */
    enum rt_next (*message)(struct gen *self, const struct rt_message *m);
    /* Before the end, unless killed or init has failed. May be NULL. */
    void (*terminate)(struct gen *self, etf_term reason);
    /* Last, always, exactly once, also after kill: give back what `state` holds
     * outside. No process any more: no self. May be NULL. */
    void (*destroy)(void *state);
    /* Also call terminate when an exit signal ends a process that does not trap
     * exits (spec/gen.md 1.3). */
    bool terminate_on_signal;
    /* Static text for people, of a process that has started; NULL: none. */
    const char *(*label)(const void *state);
    /* For who looks and cannot call that, such as a debugger: bytes from the
     * state to a pointer to the same text; 0: there is none. */
    size_t label_at;
    /* The note that rt_start() is given begins with a pointer to that text, so
     * it is known before the process has begun. */
    bool note_is_labelled;
};

/* The state of the running behaviour process: state_size bytes. */
AGNER_API void *rt_state(struct gen *self);

/* The behaviour that self runs, as given to rt_start(); NULL for a raw process.
 * Tells a behaviour whether rt_state() is its own. */
AGNER_API const struct rt_behavior *rt_behavior_of(const struct gen *self);

/* `return rt_stop(self, reason);` ends the process with that reason. */
AGNER_API enum rt_next rt_stop(struct gen *self, etf_term reason);

/* One RT_TIMEOUT in `ms` unless a message comes first: `timeout` of gen_server.
 * Holds until the next message; RT_INFINITY removes it. */
AGNER_API void rt_timeout(struct gen *self, uint64_t ms);

/* Only system messages, {system, From, Request}, are handed out from now on;
 * others wait in order. For sys:suspend. */
AGNER_API void rt_suspend(struct gen *self, bool suspended);

/* After this callback give back every byte that an idle process can spare. */
AGNER_API void rt_hibernate(struct gen *self);

/* ---- Spawning ----------------------------------------------------------- */

enum rt_priority { RT_PRIORITY_NORMAL, RT_PRIORITY_HIGH, RT_PRIORITY_LOW };

/* What happens to a message for a full mailbox: spec/reliability.md 1.5. */
enum rt_overflow {
    RT_OVERFLOW_FAIL, /* the sender gets AGNER_EMAILBOXFULL */
    RT_OVERFLOW_DROP_NEWEST,
    RT_OVERFLOW_DROP_OLDEST,
    RT_OVERFLOW_BLOCK,    /* the sending process waits */
    RT_OVERFLOW_FALLBACK, /* {fallback, Pid, Tag, Message} goes to another local
                             process; if that is full too it is as FAIL */
};

/* All zero is a good default. */
struct rt_spawn_options {
    etf_term name; /* atom to register, or ETF_NONE */
    bool link;     /* atomically */
    bool monitor;  /* atomically; the reference goes to *monitor_ref */
    etf_ref *monitor_ref;
    bool monitor_alias; /* the reference is an alias too */
    enum rt_priority priority;
    uint64_t mailbox_max;       /* messages; 0: unbounded */
    uint64_t mailbox_bytes_max; /* 0: unbounded */
    enum rt_overflow overflow;
    etf_term fallback;     /* RT_OVERFLOW_FALLBACK: to whom, a local pid or a
                              name, which is looked up when it is needed; */
    etf_term fallback_tag; /* ... Tag: an atom, a local pid, or an integer
                              below 2^60 */
    size_t memory_max; /* bytes; 0: unbounded; over it {memory_limit, Bytes} */
    uint64_t init_timeout_ms; /* 0: without end */
    bool trap_exit;
    const etf_pid *group_leader; /* NULL: inherited */
    etf_term env;                /* a map, laid over what is inherited; keys as
                                    rt_env_set() wants them; or ETF_NONE */
    uint64_t lifetime_ms;        /* 0: none; after that it ends, trapping or
                                    not, with {shutdown, lifetime} */
    struct rt_cancel *cancel;    /* borrowed for the call: rt_cancel_new() */
    const etf_pid *parent;       /* NULL: self */
    const char *label;           /* borrowed: static */
    size_t state_size;           /* 0: the behaviour's */
    void *note;                  /* for a behaviour's own use: rt_note() */
    struct rt_hook *hook;        /* on its list before it can run: rt_hook.h.
                                    With AGNER_OK it runs once; so it does after
                                    an error of rt_start() that came from init,
                                    and after no other. NULL: none */
};

/*
 * A token for processes that are to end together: those that were spawned with
 * it end, trapping or not, with {shutdown, cancelled} once it is cancelled, and
 * no more are (AGNER_ETERMINATED). Any thread. rt_cancel_new() returns new, or
 * NULL without memory; who made it frees it, at any time, which ends nobody.
 * rt_cancel(): AGNER_ENOMEM, then some may not have been told: call again.
 */
struct rt_cancel;
AGNER_API struct rt_cancel *rt_cancel_new(struct rt *rt);
AGNER_API enum agner_err rt_cancel(struct rt_cancel *token);
AGNER_API void rt_cancel_free(struct rt_cancel *token);

/* A raw process: code(self, arg) runs on a stack of its own, and the process
 * ends with `normal` when it returns. `arg` is the caller's; who frees it is
 * between the two. AGNER_ENOMEM, AGNER_ETAKEN (name), AGNER_ELIMIT
 * (processes_max), AGNER_EINVAL (no such name or environment can be). */
AGNER_API enum agner_err
rt_spawn(struct gen *self, void (*code)(struct gen *self, void *arg), void *arg,
         const struct rt_spawn_options *options, etf_pid *pid);

/*
 * A behaviour process. Waits until its init has returned. `args` is copied.
 * `reason` (may be NULL) gets why init failed, in self's region, when the
 * result is AGNER_EEXIT. Errors as rt_spawn(), AGNER_EIGNORE, AGNER_ETIMEOUT.
 * After an error nothing of the process is left: no name, no link, no monitor.
 */
AGNER_API enum agner_err rt_start(struct gen *self,
                                  const struct rt_behavior *behavior,
                                  etf_term args,
                                  const struct rt_spawn_options *options,
                                  etf_pid *pid, etf_term *reason);

/* The same without waiting: init's failure is the process's exit. */
AGNER_API enum agner_err rt_start_nowait(struct gen *self,
                                         const struct rt_behavior *behavior,
                                         etf_term args,
                                         const struct rt_spawn_options *options,
                                         etf_pid *pid);

/*
 * In init: the starter has its answer now, though init goes on, perhaps for the
 * whole life of the process. rt_start() returns AGNER_OK, and `term` (ETF_NONE:
 * none) is its *reason. What comes of init after that is the process's exit.
 * AGNER_EALREADY: it was told before, or init is over. AGNER_ENOMEM: the
 * starter still waits. AGNER_EINVAL: self runs no behaviour.
 */
AGNER_API enum agner_err rt_init_ack(struct gen *self, etf_term term);

/*
 * Makes a raw process a behaviour process, for gen_server:enter_loop: leaves
 * its code for good, from any depth, as rt_exit() does, and goes on with `init`
 * and then its mailbox. Names, links, monitors and waiting messages stay.
 * `args` is copied; `note` is what rt_note() gives from then on. Returns only
 * on failure: AGNER_EINVAL (self is no raw process), AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_become(struct gen *self,
                                   const struct rt_behavior *behavior,
                                   etf_term args, size_t state_size,
                                   void *note);

/* ---- Oneself ------------------------------------------------------------ */

AGNER_API etf_pid rt_self(const struct gen *self);
AGNER_API etf_term rt_self_term(const struct gen *self);
AGNER_API struct rt *rt_of(const struct gen *self);
AGNER_API etf_pid rt_parent(const struct gen *self); /* all zero: none */
/* Itself when it was spawned without one. */
AGNER_API etf_pid rt_group_leader(const struct gen *self);
AGNER_API void *rt_note(const struct gen *self); /* rt_spawn_options.note */
AGNER_API struct etf_region *rt_region(struct gen *self);
/* Returns the former setting. */
AGNER_API bool rt_trap_exit(struct gen *self, bool trap);
AGNER_API void rt_priority(struct gen *self, enum rt_priority priority);
AGNER_API void rt_label(struct gen *self, const char *label); /* static text */

/* Ends the calling process with `reason`, from any depth: does not return. In
 * an attached thread only marks it; there it returns. Within rt_try() it ends
 * the body instead. */
AGNER_API void rt_exit(struct gen *self, etf_term reason);

/*
 * Calls body(self, arg) so that an rt_exit() in it, at any depth, ends the body
 * and not the process: for code of others that must not take its host along, as
 * the handlers of an event manager. May be nested; the innermost one counts.
 *
 *   reason  AGNER_EEXIT: what rt_exit() was given, in self's region; may be
 *           NULL
 *
 * AGNER_OK when the body returned, AGNER_EEXIT when it left. Then the frames in
 * between are gone as after longjmp(): nobody frees what they held. Not caught
 * is what ends the process itself: exit signals, kill, rt_stop(), rt_become(),
 * a contained fault. Works in attached threads too.
 */
AGNER_API enum agner_err rt_try(struct gen *self,
                                void (*body)(struct gen *self, void *arg),
                                void *arg, etf_term *reason);

/* The most bytes that self may hold, for spawn option memory_max at run time: 0
 * for no limit. AGNER_ENOMEM. */
AGNER_API enum agner_err rt_memory_max(struct gen *self, size_t bytes);

/* In terminate: does the process end since an exit signal said so, that it did
 * not trap? */
AGNER_API bool rt_ended_by_signal(const struct gen *self);

/* Frees what a raw process received and built so far. */
AGNER_API void rt_reset(struct gen *self);

/* AGNER_EEXITING or AGNER_EKILLED when the process must end, else AGNER_OK: for
 * callbacks that compute for long. Also yields when the slice is over. */
AGNER_API enum agner_err rt_check(struct gen *self);
AGNER_API void rt_yield(struct gen *self);
/* For who computes, and goes on with that: if others wait on this worker, and
 * another one sleeps, that one is woken and self goes on there. Else nothing
 * happens. It costs a wake-up, and self's memory is in the other processor's
 * cache: worth it for what takes 50 us or more. */
AGNER_API void rt_spread(struct gen *self);
AGNER_API enum agner_err rt_sleep(struct gen *self, uint64_t ms);

/* A new reference of this node: 82 bits that do not repeat in its life. */
AGNER_API etf_ref rt_make_ref(struct gen *self);

/* ---- Messages ----------------------------------------------------------- */

enum rt_send_flags {
    RT_SEND_NOSUSPEND = 1, /* AGNER_EAGAIN instead of waiting */
    RT_SEND_NOCONNECT = 2, /* AGNER_ENOCONN instead of connecting */
    /* It goes along with an operation of the sender's, as a wake-up does, and
     * is none that others are let in after. */
    RT_SEND_ALONG = 4,
};

/*
 * Sends a copy of `message`. As in Erlang success does not mean that it
 * arrives. AGNER_ENOPROC (local, dead), AGNER_ENONAME (local name),
 * AGNER_EMAILBOXFULL, AGNER_EINCARNATION, AGNER_ENOCONN (not connected, and
 * cannot be tried), AGNER_EBADTERM, AGNER_EINVAL (no target), AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. May wait: spec/reliability.md G12.
 */
AGNER_API enum agner_err rt_send(struct gen *self, etf_term to,
                                 etf_term message);
AGNER_API enum agner_err rt_send_with(struct gen *self, etf_term to,
                                      etf_term message, unsigned flags);
AGNER_API enum agner_err rt_send_pid(struct gen *self, etf_pid to,
                                     etf_term message);
/* Takes `box`, also on failure: no copy for a local receiver. Hold it first to
 * send it to many. */
AGNER_API enum agner_err rt_send_box(struct gen *self, etf_term to,
                                     struct etf_box *box);
/* Sends `tuple` with what is in `box` in place of its last element. That part
 * is not copied for a local receiver: the message holds the box, so one of many
 * events may be in many messages. At most 8 elements: AGNER_EINVAL. */
AGNER_API enum agner_err rt_send_around(struct gen *self, etf_term to,
                                        etf_term tuple, struct etf_box *box,
                                        unsigned flags);
/* From a thread that is no process. Never waits (AGNER_EAGAIN). */
AGNER_API enum agner_err rt_post(struct rt *rt, etf_term to, etf_term message);

/*
 * The oldest message that has not been received; waits up to `timeout_ms`.
 * System messages show as terms ({'EXIT', ...}, {'DOWN', ...}, {'$gen_call',
 * ...},
 * {'$gen_cast', ...}). AGNER_ETIMEOUT, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err rt_receive(struct gen *self, uint64_t timeout_ms,
                                    etf_term *message);

/* Selective: the oldest for which match(ctx, message) is true. The others stay,
 * in order. Each call looks at each waiting message once. */
AGNER_API enum agner_err rt_receive_match(struct gen *self,
                                          bool (*match)(void *ctx, etf_term m),
                                          void *ctx, uint64_t timeout_ms,
                                          etf_term *message);

/* ---- Requests: gen calls as the runtime carries them -------------------- */

/*
 * Sends `request` as a call and waits for the answer: monitor and alias in one,
 * so that it ends with the reply, the callee's end, the loss of its node, or
 * the time-out, exactly once, and a late reply is never seen (G23).
 *
 *   reply   AGNER_OK: the answer. AGNER_EEXIT, AGNER_ENOPROC, AGNER_ENODEDOWN:
 *           the reason, as OTP's exit reason has it. May be NULL.
 *
 * AGNER_ENOPROC, AGNER_ENONAME, AGNER_EEXIT (ended before it answered),
 * AGNER_ENODEDOWN, AGNER_ETIMEOUT, AGNER_ECALLSELF, AGNER_EMAILBOXFULL,
 * AGNER_EBADTERM, AGNER_EEXITING, AGNER_EKILLED.
 */
AGNER_API enum agner_err rt_call(struct gen *self, etf_term to,
                                 etf_term request, uint64_t timeout_ms,
                                 etf_term *reply);

/* The same by who calls in somebody's name: `site` is where that one's code
 * stands, for those who look what it waits for (rt_waits.h). */
AGNER_API enum agner_err rt_call_at(struct gen *self, etf_term to,
                                    etf_term request, uint64_t timeout_ms,
                                    etf_term *reply, const void *site);

/* `{'$gen_cast', Request}`. Errors as rt_send(). */
AGNER_API enum agner_err rt_cast(struct gen *self, etf_term to,
                                 etf_term request);

/* Answers a call, once. From the process's own code, and from any thread. */
AGNER_API enum agner_err rt_reply(struct gen *self, const struct gen_from *from,
                                  etf_term reply);
AGNER_API enum agner_err
rt_reply_post(struct rt *rt, const struct gen_from *from, etf_term reply);

/* Reads `{Pid, Tag}` of a {'$gen_call', From, _} or {system, From, _} message.
 * An unusual tag is kept by the process until it ends. */
AGNER_API bool rt_get_from(struct gen *self, etf_term from_term,
                           struct gen_from *from);
/* {Pid, Tag} again, for passing a call on. */
AGNER_API etf_term rt_from_term(struct gen *self, const struct gen_from *from);

/* Requests without waiting: as many at once as you like. */
struct rt_request {
    etf_ref ref;
};
AGNER_API enum agner_err rt_request_send(struct gen *self, etf_term to,
                                         etf_term request,
                                         struct rt_request *id);
/* Waits for that one. After AGNER_ETIMEOUT it is still outstanding. Other
 * results as rt_call(), and AGNER_ENOREF. */
AGNER_API enum agner_err rt_request_wait(struct gen *self,
                                         const struct rt_request *id,
                                         uint64_t timeout_ms, etf_term *reply);
/* Waits for any of `count`; *which is its index. An id whose words are all zero
 * is passed over. AGNER_ENOREF when none is outstanding. */
AGNER_API enum agner_err rt_request_wait_any(struct gen *self,
                                             const struct rt_request *ids,
                                             size_t count, uint64_t timeout_ms,
                                             size_t *which, etf_term *reply);
/* The same wait, but the answer stays, for rt_request_wait(): which one has
 * ended is all that is told. */
AGNER_API enum agner_err rt_request_ready(struct gen *self,
                                          const struct rt_request *ids,
                                          size_t count, uint64_t timeout_ms,
                                          size_t *which);
/* Gives the request up: its answer is dropped. */
AGNER_API void rt_request_abandon(struct gen *self,
                                  const struct rt_request *id);

/* A native request to a behaviour process, for threads outside the runtime: the
 * calling thread parks. The callee sees RT_DIRECT and answers with
 * rt_direct_reply(). `request` is copied. `result` is what the callee gave.
 * AGNER_ENOPROC, AGNER_EEXIT, AGNER_ETIMEOUT (withdrawn, or its result
 * dropped), AGNER_ENOTSUP. From a process it holds up a worker, and one that
 * asks itself waits for its time-out. */
AGNER_API enum agner_err rt_direct(struct rt *rt, etf_pid to,
                                   const void *request, size_t size,
                                   uint64_t timeout_ms, void **result);
AGNER_API void rt_direct_reply(struct gen *self, const struct rt_direct *direct,
                               enum agner_err err, void *result);

/* ---- Links, monitors, aliases, exits ------------------------------------ */

/* AGNER_ENOPROC when a local target is dead and self does not trap exits, and
 * AGNER_EINCARNATION when it is of an earlier life of this node; if self does,
 * {'EXIT', Pid, noproc} comes instead. Remote: always AGNER_OK, and a signal
 * tells what became of it. */
AGNER_API enum agner_err rt_link(struct gen *self, etf_pid to);
/* After it no exit of that link comes any more, but one that waits in the
 * mailbox may be there. No link, no effect. AGNER_ENOMEM, AGNER_EEXITING,
 * AGNER_EKILLED. */
AGNER_API enum agner_err rt_unlink(struct gen *self, etf_pid to);

enum rt_link_flags {
    RT_LINK_SIGNAL = 1,  /* link: a dead local target is an exit signal `noproc`
                            also to a self that does not trap; AGNER_OK */
    RT_UNLINK_FLUSH = 2, /* unlink: takes an {'EXIT', To, _} that waits out */
};
AGNER_API enum agner_err rt_link_with(struct gen *self, etf_pid to,
                                      unsigned flags);
AGNER_API enum agner_err rt_unlink_with(struct gen *self, etf_pid to,
                                        unsigned flags);

enum rt_monitor_flags {
    RT_MONITOR_ALIAS = 1,           /* the reference is an alias: explicit */
    RT_MONITOR_ALIAS_DEMONITOR = 2, /* ... until demonitor or down */
    RT_MONITOR_ALIAS_REPLY = 4,     /* ... or the first message through it */
};

/* One {'DOWN', Ref, process, Object, Reason}, at once when there is no such
 * process. `target`: pid, name, {Name, Node}; oneself: *ref is new, and nothing
 * else happens. AGNER_EINVAL, AGNER_ENOMEM. */
AGNER_API enum agner_err rt_monitor(struct gen *self, etf_term target,
                                    unsigned flags, etf_ref *ref);
/* The same with `tag` in place of 'DOWN', any term: {Tag, Ref, process, ...}.
 * It is copied. */
AGNER_API enum agner_err rt_monitor_tagged(struct gen *self, etf_term target,
                                           unsigned flags, etf_term tag,
                                           etf_ref *ref);
/* Was it active? With `flush` a DOWN that waits is removed. AGNER_ENOREF when
 * it was not. */
AGNER_API enum agner_err rt_demonitor(struct gen *self, etf_ref ref,
                                      bool flush);

/* Is it a monitor that stands: of a process of this node, or, when another node
 * made it, of one that it watches here? Asks the process, as rt_alias_find().
 */
AGNER_API bool rt_is_monitor(struct gen *self, etf_ref ref);

enum rt_alias_mode { RT_ALIAS_EXPLICIT, RT_ALIAS_REPLY };
AGNER_API enum agner_err rt_alias(struct gen *self, enum rt_alias_mode mode,
                                  etf_ref *alias);
/* AGNER_ENOALIAS: it is no alias of self. */
AGNER_API enum agner_err rt_unalias(struct gen *self, etf_ref alias);
/* The process of this node that `alias` leads to, which is asked whether it
 * still does. AGNER_ENOALIAS (or of another node), AGNER_ETIMEOUT (5 s: it
 * computes), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err rt_alias_find(struct gen *self, etf_ref alias,
                                       etf_pid *pid);
AGNER_API bool rt_is_alias(struct gen *self, etf_ref alias);

/* exit(Pid, Reason): an exit signal; `kill` cannot be trapped. */
AGNER_API enum agner_err rt_exit_signal(struct gen *self, etf_pid to,
                                        etf_term reason);
/* The same from any thread, in the name of the target itself. */
AGNER_API enum agner_err rt_kill(struct rt *rt, etf_pid to, etf_term reason);

/* {nodedown, Node} each time its connection is lost; connects if need be. */
AGNER_API enum agner_err rt_monitor_node(struct gen *self, etf_term node,
                                         bool on);
/* {nodeup, Node} and {nodedown, Node} of every connection, as often as it was
 * switched on: rt_monitor_nodes_with() in rt_remote.h says more. */
AGNER_API enum agner_err rt_monitor_nodes(struct gen *self, bool on);

/* ---- Names -------------------------------------------------------------- */

/* AGNER_ETAKEN, AGNER_ENOPROC (not local or not alive), AGNER_EINVAL (no atom,
 * or `undefined`), AGNER_ENOMEM. */
AGNER_API enum agner_err rt_register(struct rt *rt, etf_term name, etf_pid pid);
/* Whosever it is. AGNER_ENONAME. *owner: whose it was, which cannot be another
 * than the one that lost it. */
AGNER_API enum agner_err rt_unregister(struct rt *rt, etf_term name);
AGNER_API enum agner_err rt_unregister_any(struct rt *rt, etf_term name,
                                           etf_pid *owner);
/* One's own names, as many as one likes. Errors as above, and AGNER_EOWNER when
 * the name is another's. */
AGNER_API enum agner_err rt_register_self(struct gen *self, etf_term name);
AGNER_API enum agner_err rt_unregister_self(struct gen *self, etf_term name);
/* AGNER_ENONAME. */
AGNER_API enum agner_err rt_whereis(struct rt *rt, etf_term name, etf_pid *pid);
/* Names in text order: a list of atoms in `r`. */
AGNER_API etf_term rt_registered(struct rt *rt, struct etf_region *r);
/* The names of one process, the first registered first. ETF_NONE: no memory. */
AGNER_API etf_term rt_names_of(struct rt *rt, struct etf_region *r,
                               etf_pid pid);

AGNER_API bool rt_is_alive(struct rt *rt, etf_pid pid);
/* Blocks the calling process or thread until `pid` is dead, its names are free
 * and all who are linked to it or monitor it have been told. AGNER_ETIMEOUT. */
AGNER_API enum agner_err rt_wait(struct gen *self, etf_pid pid,
                                 uint64_t timeout_ms);

/* ---- Timers ------------------------------------------------------------- */

struct rt_timer {
    uint64_t id; /* private */
    uint64_t where;
};

/* Sends `message` in `ms`, never early. One of a second or more may be late by
 * 7 ms, so that a node that sleeps need not wake up for each. A timer ends with
 * the process that started it, and one for a local pid with that process too.
 * `timer` may be NULL in all these. AGNER_EINVAL (a time beyond 584 years),
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err rt_send_after(struct gen *self, etf_term to,
                                       etf_term message, uint64_t ms,
                                       struct rt_timer *timer);
/* Sends {timeout, TimerRef, Message}. */
AGNER_API enum agner_err rt_start_timer(struct gen *self, etf_term to,
                                        etf_term message, uint64_t ms,
                                        struct rt_timer *timer, etf_ref *ref);
/* Every `ms`, until cancelled. */
AGNER_API enum agner_err rt_send_interval(struct gen *self, etf_term to,
                                          etf_term message, uint64_t ms,
                                          struct rt_timer *timer);
/* The same at an absolute time of rt_now_ms(); at once when it has passed. */
AGNER_API enum agner_err rt_send_at(struct gen *self, etf_term to,
                                    etf_term message, uint64_t at_ms,
                                    struct rt_timer *timer);
/* Sends an exit signal, from self: to a pid of any node, or to whoever has the
 * name then. AGNER_EINVAL (no such target can be). */
AGNER_API enum agner_err rt_exit_after(struct gen *self, etf_term to,
                                       etf_term reason, uint64_t ms,
                                       struct rt_timer *timer);
AGNER_API enum agner_err rt_kill_after(struct gen *self, etf_term to,
                                       uint64_t ms, struct rt_timer *timer);
/* Runs code(process, arg) in a process of its own, which inherits from self.
 * `arg` is the caller's. When the timer is cancelled, or ends with self, the
 * code never runs. Errors as rt_spawn(). */
AGNER_API enum agner_err
rt_apply_after(struct gen *self, void (*code)(struct gen *self, void *arg),
               void *arg, uint64_t ms, struct rt_timer *timer);

/* AGNER_OK: it will never fire; *left_ms (may be NULL) is what was left.
 * AGNER_ENOREF: it has fired, its message is in the mailbox already (G22), or
 * the process that it was for is dead. */
AGNER_API enum agner_err rt_cancel_timer(struct gen *self,
                                         const struct rt_timer *timer,
                                         uint64_t *left_ms);
AGNER_API enum agner_err rt_read_timer(struct gen *self,
                                       const struct rt_timer *timer,
                                       uint64_t *left_ms);

/* ---- Blocking work ------------------------------------------------------ */

/* Runs work(arg) on a thread of the blocking pool; the process waits, its
 * worker goes on. AGNER_ENOMEM. A killed process goes on waiting for its work.
 */
AGNER_API enum agner_err rt_blocking(struct gen *self, void (*work)(void *arg),
                                     void *arg);

#ifdef __cplusplus
}
#endif

/* More of a process, each in a header of its own. */
#include <agner/rt_board.h>
#include <agner/rt_env.h>
#include <agner/rt_event.h>
#include <agner/rt_figures.h>
#include <agner/rt_hook.h>
#include <agner/rt_info.h>
#include <agner/rt_permit.h>
#include <agner/rt_registry.h>
#include <agner/rt_remote.h>
#include <agner/rt_wait.h>
#include <agner/rt_waits.h>

#endif
