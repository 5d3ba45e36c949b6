/*
 * worker.h -- the runtime, its workers, and who runs what.
 *
 * Private to runtime/. A worker is a thread with a run queue: a LIFO slot for
 * the process that was woken last, a ring for the others, and a share of the
 * global queue. Idle workers steal, then park.
 *
 * Invariant: a runnable process is in exactly one place: a LIFO slot, a ring,
 * among a worker's visitors, a global queue, or the hands of the worker that
 * runs it.
 */
#ifndef RT_WORKER_H
#define RT_WORKER_H

#include "biased.h"
#include "blackbox.h"
#include "process.h"
#include "rights.h"
#include "rt_world.h"
#include "timer.h"
#include "visitors.h"
#include "watermark.h"

#define RING_SIZE    2048u
#define CALL_FROM    4u /* a shorter queue calls nobody */
#define WORKERS_MAX  128u
#define SPARES       4u    /* workers that stand in for stuck ones */
#define LAZY_SIZE    2048u /* a power of two */
#define SLOT_BITS    28u
#define CHUNK_BITS   12u
#define CHUNK_SLOTS  (1u << CHUNK_BITS)
#define CHUNKS_MAX   (1u << (SLOT_BITS - CHUNK_BITS))
#define SLOT_CACHE   128u
#define NAME_CHUNK   4096u
#define NAME_STRIPES 16u
#define HOOK_STRIPES 16u
#define NAME_CHUNKS  257u /* of NAME_CHUNK atoms: all that can be interned */

/* What the stack that we switch to does first, for the one that we left. */
enum after {
    AFTER_NOTHING,
    AFTER_PARK,    /* give after_process up, or queue it again */
    AFTER_REQUEUE, /* queue after_process */
    AFTER_MOVE,    /* it is a visitor of after_worker's */
    AFTER_SPREAD,  /* queue it where any worker finds it */
    AFTER_POOL,    /* after_gen is free */
};

/* A deadline that enters the wheel only if its wait lasts. */
struct lazy {
    _Atomic(struct gen *) gen; /* NULL: the wait is over */
    struct process *process;
    uint64_t seq;  /* its number */
    uint64_t when; /* ns; or LAZY_FROM_NOW and milliseconds, from when it is
                      looked at first; and perhaps LAZY_PATIENT */
};
#define LAZY_FROM_NOW ((uint64_t)1 << 63)
#define LAZY_PATIENT  ((uint64_t)1 << 62) /* rt__patience() */

/* How a worker waits. Who finds it so and changes that owns the wake-up. */
enum parked {
    PARKED_NOT,
    PARKED_CALLABLE, /* may be called for what waits in a worker's queue */
    PARKED_NAPS,     /* only for what nobody else would take */
};

/* What a thief saw of a worker: at its last look, and at the one that it counts
 * from. See look_at() in idle.c. */
struct seen {
    uint64_t picked;   /* at the last look, */
    uint64_t latest;   /* ... and `operations` then */
    uint64_t since_ns; /* the mark: what was before `tail` then waits still, */
    uint64_t operations; /* ... and so many were done */
    uint32_t tail;
};

struct worker {
    struct rt *rt;
    uint16_t index;
    bool spare;
    struct rt_thread *thread;

    struct gen base;               /* the thread's own stack */
    _Atomic(struct gen *) running; /* the stack that it is on */
    void *fault_stack;             /* owned: contain.c */
    struct gen *idle;   /* the loop that was left for the base, or NULL */
    struct gen *pooled; /* free stacks */
    unsigned pooled_count;
    void (*base_work)(struct worker *w); /* what the base stack is to do */
    enum after after;
    struct process *after_process;
    struct worker *after_worker;
    struct gen *after_gen;

    struct biased lock; /* guards lifo, ring, head, tail */
    struct process *lifo;
    struct process *ring[RING_SIZE];
    _Atomic uint32_t head, tail; /* tail - head are in the ring */
    _Atomic uint32_t length; /* ring and lifo: for a look without the lock */
    unsigned lifo_streak;
    uint32_t tick;
    const struct process *behind; /* whom rt__gather() has seen last, */
    uint64_t behind_ns;           /* ... and when */
    uint64_t clock_ns; /* rt->clock_ns when it looked round last; RT_NEVER: a
                          slice is over since */

    struct pool pool;
    struct wheel wheel;
    bool fires;              /* it is just firing timers: it calls nobody */
    uint64_t later_ns;       /* when it had, if there is a call to decide on, */
    uint64_t later_picked;   /* ... and `picked` then: rt__call_later() */
    struct biased lazy_lock; /* guards lazy and the rest of these */
    struct lazy lazy[LAZY_SIZE];
    /* Written under the lock, but for the first look; read without it too. */
    _Atomic uint32_t lazy_tail, lazy_head; /* tail - head are in the list */
    uint32_t lazy_seen;                    /* those before it were there at */
    _Atomic uint64_t lazy_since_ns; /* ... the last look; 0: they are new */
    uint64_t ref_next, ref_end;
    uint32_t slots[SLOT_CACHE]; /* free ones */
    unsigned slot_count;
    struct share shares[SHARES]; /* of heritages */

    struct box_pen box;

    /* For the watchdog and statistics; written by the worker only. */
    _Atomic uint64_t running_pid; /* word of the process that ran last */
    _Atomic uint64_t picked; /* processes taken to run: changes when it moves */
    _Atomic uint64_t operations; /* of theirs, when their turns are over */
    _Atomic uint64_t processes;  /* its share of the count: may be below zero */
    _Atomic uint64_t messages, steals, parks, spawned;
    _Atomic uint64_t dropped[8];
    /* Time that the watchdog found it at work, not given to a process yet. */
    _Atomic uint64_t charge_us;
    uint64_t charge_rest_us;
    _Atomic uint64_t busy_us;  /* all of such time; the watchdog writes */
    _Atomic uint64_t stuck_ns; /* since then it runs one callback; 0: it does
                                  not, or not for long. The watchdog writes */

    struct process *sim_next;               /* simulated: what to run */
    struct seen seen[WORKERS_MAX + SPARES]; /* at `looked_ns` */
    uint64_t looked_ns;
    bool looks_again;        /* something waits that was not seen before */
    uint64_t poll_ns;        /* how long to sleep while others work */
    uint64_t called_ns;      /* when it was called for a queue; 0: it was not */
    bool roused;             /* woken by somebody since it searched last */
    uint64_t nap_ns;         /* how long it naps after calls in vain; 0: none */
    _Atomic uint32_t called; /* 1: it is woken for a queue; by the waker */
    uint64_t slow_ns;        /* when rt__call_if_slow() looked, */
    uint64_t slow_operations; /* ... and `operations` then */
    struct {
        uint32_t seen;
        uint64_t deadline_ns;
        bool done;
    } poll;                 /* what rt__poll() is asked, and its answer */
    bool unparked;          /* by itself, while it polled */
    _Atomic uint32_t polls; /* 1: waits in the loop, not on its word: poll.c */
    _Atomic uint32_t is_parked; /* enum parked */
    _Atomic uint32_t park_word __attribute__((aligned(64)));
    rt_visitors visitors; /* from other workers */
    /* Whose senders are to move, and where; any worker writes. */
    _Atomic uint64_t wanted;
};

/* A queue of processes that any thread may use, linked through run_next: it
 * needs no memory, so making a process runnable cannot fail. */
struct shared_queue {
    rt_spin lock; /* guards first, last */
    _Atomic uint32_t count;
    struct process *first, *last;
};

struct log; /* log.c */
struct relation;
struct remote; /* carrier.c */
struct nodes;  /* nodes.c */
struct spawn_rooms;
struct blocking; /* blocking.c */

struct rt {
    struct rt_options options;
    const struct rt_world *world;
    /* Who we are. Written by the carrier, seldom while processes run. */
    _Atomic uint64_t node_name; /* the word of an atom */
    _Atomic uint32_t node_creation;
    struct rt_carrier carrier; /* carry NULL: no other nodes */
    bool simulated;
    struct log *log;

    unsigned worker_count; /* without spares */
    unsigned worker_total;
    struct worker *workers[WORKERS_MAX + SPARES];
    struct pool *pools[WORKERS_MAX + SPARES];
    _Atomic uint32_t parked;    /* workers that wait for their park_word */
    _Atomic uint32_t callable;  /* those of them that may be called */
    _Atomic uint32_t searching; /* workers that look for something to steal */
    _Atomic uint32_t stuck; /* workers whose process overstays: watchdog.c */
    _Atomic uint32_t stopping;
    _Atomic uint32_t ending;  /* all are told to end, in their parents' name */
    _Atomic uint32_t halting; /* all are killed: none is born any more */
    _Atomic uint64_t first;   /* rt_end_first(): a local pid's word, or 0 */
    struct shared_queue normal, high, low;

    struct process *_Atomic chunks[CHUNKS_MAX]; /* slab: read without a lock */
    struct limits **_Atomic limits[CHUNKS_MAX]; /* by slot of a chunk; NULL:
                                                   none of it has any */
    rt_spin slab_lock;    /* guards the rest of the slab */
    uint32_t slot_next;   /* never used so far */
    uint32_t *free_slots; /* first in, first out: circular */
    uint32_t free_first, free_count, free_capacity;
    _Atomic uint32_t chunk_count;
    _Atomic uint64_t processes, processes_peak, spawned;
    _Atomic uint64_t processes_refused; /* by processes_max */

    rt_spin gen_lock; /* guards gens, gen_all */
    struct gen *gens; /* free stacks that no worker keeps */
    size_t gens_free;
    struct gen *externals; /* of threads that have detached: attach.c */
    void **stack_slabs;
    size_t stack_slab_count, stack_bytes;
    bool guards_work;

    _Atomic(_Atomic(uint64_t) *) names[NAME_CHUNKS]; /* by atom number */
    rt_spin name_locks[NAME_STRIPES]; /* by slot: guard process.names */

    rt_spin hook_locks[HOOK_STRIPES]; /* by slot: guard extras.hooks */
    struct {
        rt_spin lock; /* guards the rest */
        struct rt_figures *first, *last;
    } figures; /* figures.c */

    rt_spin heritage_lock;             /* guards heritages, heritage_count */
    struct heritage *heritages;        /* free ones */
    uint32_t heritage_count;           /* ever made */
    struct layers *layers;             /* env.c */
    struct applications *applications; /* application.c */
    struct registry *registry;         /* registry.c */
    struct events *events;             /* event.c */
    struct boards *boards;             /* board.c */

    _Atomic uint64_t ref_counter;
    struct wheel shared_wheel; /* timers of threads that are no workers */
    _Atomic uint64_t dropped[8], messages;
    _Atomic uint64_t bytes_in, bytes_out; /* of other nodes: the carrier's */
    uint64_t start_ns;

    struct rt_loop *loop;     /* borrowed: the node's, or NULL */
    _Atomic uint32_t polling; /* who waits in it: poll.c */
    _Atomic uint32_t rousing; /* threads that may touch it */
    struct remote *remote;
    struct nodes *nodes;
    struct spawn_rooms *rooms; /* spawn_serve.c */
    struct guards guards;      /* rights.h */
    struct blocking *blocking;

    struct rt_thread *watchdog;
    _Atomic uint32_t watchdog_word, watchdog_asleep;
    _Atomic uint64_t long_schedules, handovers;

    struct watermark watermark;
    struct box *box; /* owned; NULL: none. blackbox.c */
    /* Now, but for some milliseconds; the watchdog writes. 0: ask the clock. */
    _Atomic uint64_t clock_ns;

    _Atomic uint64_t fault_minute, fault_count; /* contain.c */
    struct rt_entity entity;                    /* simulated */
    struct shared_queue sim_queue;
};

/* Order: acquire pairs with the release in rt__node_set(), so that the atom's
 * text is there. */
static inline etf_term rt__node_name(const struct rt *rt)
{
    return (etf_term){ .word = load_acquire(&rt->node_name) };
}

/* About now, without a look at the clock: late by two watchdog periods at most,
 * as long as any worker runs. */
static inline uint64_t rt__clock_ns(const struct rt *rt)
{
    uint64_t ns = load_relaxed(&rt->clock_ns);

    if (__builtin_expect(ns == 0, 0))
        return rt->world->now_ns(rt->world->ctx);
    return ns;
}

/* ---- slab.c: processes by number --------------------------------------------
 */

/* The process in a slot, of whatever generation; NULL: no such slot yet. */
static inline struct process *rt__slot(const struct rt *rt, uint32_t slot)
{
    struct process *chunk;

    if (slot >> CHUNK_BITS >= CHUNKS_MAX)
        return NULL;
    /* Chunks are published by the release in slab.c and never change. */
    chunk = load_acquire(&rt->chunks[slot >> CHUNK_BITS]);
    return chunk == NULL ? NULL : &chunk[slot & (CHUNK_SLOTS - 1)];
}

/* The limits of a slot, or NULL: in a table of its chunk's, which is made when
 * the first process there has any. */
static inline struct limits *rt__limits(const struct rt *rt,
                                        const struct process *p)
{
    /* Acquire pairs with the release in limits.c: the table is empty else. */
    struct limits **table = load_acquire(&rt->limits[p->slot >> CHUNK_BITS]);

    return table == NULL ? NULL : table[p->slot & (CHUNK_SLOTS - 1)];
}

/* A slot for a new process: inbox DEAD, generation its next life's.
 * AGNER_ELIMIT, AGNER_ENOMEM. */
enum agner_err rt__slot_get(struct rt *rt, struct worker *worker,
                            struct process **p);
/* One process more or fewer lives, without a change of slots. */
void rt__count_process(struct rt *rt, struct worker *worker, bool more);
/* How many live. */
uint64_t rt__process_count(struct rt *rt);
/* Gives it back; its generation was moved on. */
void rt__slot_put(struct rt *rt, struct worker *worker, struct process *p);
void rt__slab_fini(struct rt *rt);

/* ---- stack.c: stacks
 * ------------------------------------------------------------ */

struct gen *rt__gen_get(struct rt *rt, struct worker *worker);
void rt__gen_put(struct rt *rt, struct worker *worker, struct gen *gen);
void rt__stacks_fini(struct rt *rt);

/* ---- sched.c: run queues; idle.c: stealing, parking, waking
 * ------------------------------------------- */

/* Makes `p` runnable: the caller's push found it idle, or it was just made.
 * `worker` is the calling one, or NULL. `fresh`: behind the others. */
void rt__schedule(struct rt *rt, struct worker *worker, struct process *p,
                  bool fresh);
/* What to run next; waits for it. NULL: stopping, or (simulated) nothing given.
 */
struct process *rt__next(struct worker *worker);
/* Wakes a parked worker, if there is one and none is looking already. */
void rt__wake_one(struct rt *rt);
void rt__wake_all(struct rt *rt);
/* Wakes that worker, a spare, if it is parked. */
bool rt__wake_worker(struct rt *rt, struct worker *w);
/* The calling worker, which polls, has got something to run. */
void rt__unpark_self(struct worker *w);
/* Simulated: takes the index-th runnable process. */
struct process *rt__sim_take(struct rt *rt, size_t index);

/* ---- poll.c: waiting in the network's loop
 * ------------------------------------------- */

/* Could rt__poll() be worth a try? */
bool rt__may_poll(const struct worker *w);
/* Waits in the loop while park_word == seen, until deadline_ns or something
 * came. False: another thread is there, or there is no loop. */
bool rt__poll(struct worker *w, uint32_t seen, uint64_t deadline_ns);
/* Changes park_word, and ends the wait for that. */
void rt__rouse(struct rt *rt, struct worker *w);
/* The worker of `rt` that polls on this thread, which then does not count as
 * parked any more; else NULL. */
struct worker *rt__poller_here(const struct rt *rt);

/* ---- run.c: running processes, waiting
 * ----------------------------------------------- */

/* The code of a worker's thread. */
void rt__worker_main(void *worker);
/* Calls work(w) on the stack of the calling worker's thread. */
void rt__on_base(struct worker *w, void (*work)(struct worker *w));
/* Simulated: runs `p` for one slice on `worker`, from the base stack. */
void rt__step(struct worker *worker, struct process *p);

/* Waits until rt__wait_over() for self->wait, which the caller has set up. May
 * be refused at once: AGNER_EEXITING, AGNER_EKILLED; AGNER_ENOMEM: no stack. */
enum agner_err rt__block(struct gen *self);
/* Begins a wait: kind, deadline from timeout_ms. */
void rt__wait_begin(struct gen *self, enum wait_kind kind, uint64_t timeout_ms);
/* Leaves the code of a process for good: finish, or what it becomes, follows.
 */
_Noreturn void rt__leave_code(struct gen *self);
/* Makes the wait's deadline absolute: it will be waited for more than once. */
void rt__wait_fix(struct gen *self);
uint64_t rt__deadline(const struct rt *rt, uint64_t timeout_ms);
/* Must its code end? AGNER_OK, AGNER_EEXITING, AGNER_EKILLED. */
enum agner_err rt__must_end(const struct process *p);
/* The same, and code that does not hear is left in the end. */
enum agner_err rt__may_run_slow(struct gen *self);
static inline enum agner_err rt__may_run(struct gen *self)
{
    if (__builtin_expect((self->process->flags & PROCESS_EXITING) == 0, 1))
        return AGNER_OK;
    return rt__may_run_slow(self);
}
/* Counts one operation; yields when the slice is over. */
static inline void rt__spend(struct gen *self);
void rt__spend_slow(struct gen *self);
/* The same for a message to `to`, which it may go after. */
void rt__spend_slow_to(struct gen *self, etf_term to);

static inline void rt__spend(struct gen *self)
{
    if (__builtin_expect(--self->budget == 0, 0))
        rt__spend_slow(self);
}

static inline void rt__spend_to(struct gen *self, etf_term to)
{
    if (__builtin_expect(--self->budget == 0, 0))
        rt__spend_slow_to(self, to);
}

/* ---- exit.c: the end of a process
 * ------------------------------------------------------- */

/* Carries out the end of `p` on the stack `self`: names, timers, links,
 * monitors, mailbox, state, slot. Terminate has run. */
void rt__exit_process(struct gen *self, struct process *p);
/* Tells the caller that its call `m`, which is taken, has failed. Without
 * memory the request itself becomes the answer, with the reason killed, so that
 * nobody waits in vain. `self`: who was called, a pid word. */
void rt__fail_call(struct rt *rt, struct worker *worker, etf_term self,
                   struct envelope *m, etf_term reason);
/* Answers a signal that reached nobody: it is freed. */
void rt__refuse(struct rt *rt, struct worker *worker, struct process *p,
                struct envelope *m, etf_term reason);

/* ---- send.c
 * -------------------------------------------------------------------------------
 */

/* Pushes to a local process. Takes the envelope when it returns AGNER_OK. */
enum agner_err rt__push(struct rt *rt, struct worker *worker, etf_term to,
                        struct envelope *m);
/* The same to whoever lives in `p` now. */
enum agner_err rt__push_to(struct rt *rt, struct worker *worker,
                           struct process *p, struct envelope *m);
/* Pushes, or frees it and counts it as dropped. */
void rt__push_or_drop(struct rt *rt, struct worker *worker, etf_term to,
                      struct envelope *m);
/* Pushes a message, call or cast as the mailbox's limit allows; takes the
 * envelope in every case. `self` NULL: never waits. */
enum agner_err rt__post_local(struct rt *rt, struct gen *self,
                              struct worker *worker, etf_term to,
                              struct envelope *m, unsigned flags);
/* The process of a local pid word if that life of it may still be there. */
struct process *rt__living(struct rt *rt, etf_term to);
/* Where a target term leads. */
enum rt_where {
    RT_WHERE_LOCAL,
    RT_WHERE_ALIAS,
    RT_WHERE_REMOTE,
    RT_WHERE_NONE
};
struct rt_target {
    enum rt_where where;
    etf_term pid;       /* LOCAL: word */
    uint64_t id;        /* ALIAS */
    uint32_t slot;      /* ALIAS */
    etf_term node;      /* REMOTE: interned atom */
    etf_term name;      /* REMOTE by name */
    etf_pid remote;     /* REMOTE by pid */
    etf_ref ref;        /* REMOTE alias */
    enum agner_err err; /* NONE */
};
void rt__target(struct rt *rt, etf_term to, struct rt_target *target);
enum agner_err rt__carry(struct rt *rt, struct gen *self,
                         const struct rt_signal *signal);
void rt__count_drop(struct rt *rt, struct worker *worker, enum rt_drop why);

/* ---- link.c
 * ------------------------------------------------------------------------
 */

/* An exit signal from a local process to whatever `target` leads to: a pid of
 * any node, or a name here. Lost when there is nobody. Any thread. */
void rt__exit_target(struct rt *rt, etf_term from, etf_term target,
                     etf_term reason);

/* ---- limits.c
 * ------------------------------------------------------------------------
 */

/* The limits that the options ask for. The process's extras are there. */
enum agner_err rt__limits_set(struct rt *rt, struct process *p,
                              const struct rt_spawn_options *o);
/* For rt__post_local(): a message that has found one full mailbox already. */
#define RT__SEND_FALLBACK 0x100u
/* A message of `whose` is lost, and nobody hears of it otherwise: it is counted
 * and, once a second, logged. */
void rt__limits_lost(struct rt *rt, struct worker *worker,
                     struct limits *limits, etf_term whose);
/* Pushes a message to a process whose mailbox has a limit. `self` NULL: never
 * waits. On AGNER_OK the envelope is gone, though perhaps dropped. */
enum agner_err rt__push_limited(struct rt *rt, struct gen *self,
                                struct worker *worker, struct process *p,
                                etf_term to, struct envelope *m,
                                unsigned flags);
/* A message was taken from a mailbox with a limit: lets senders on if there is
 * room again. */
void rt__limits_eased(struct gen *self);

/* ---- timers.c
 * --------------------------------------------------------------------------------
 */

/* When a timer fires. */
struct timing {
    uint64_t at_ms;       /* a tick of the world's clock, or rt__after() */
    uint64_t interval_ms; /* 0: once */
    uint8_t flags;        /* enum timer_flags */
};

/* So many milliseconds from now, for a timer that is started at once. */
uint64_t rt__after(const struct rt *rt, uint64_t ms);

/* A thousand timers of a second would wake a worker that sleeps a thousand
 * times a second. Less than a hundredth of its time is no loss to such a timer.
 */
static inline uint8_t rt__patience(uint64_t ms)
{
    return ms >= 1000 ? TIMER_PATIENT : 0;
}

/* Starts a runtime-internal timer that pushes `m` to the local process `to`.
 * Takes m on success. */
enum agner_err rt__timer_push(struct rt *rt, struct worker *worker, uint64_t ms,
                              etf_term to, struct envelope *m,
                              struct timer **timer, uint64_t *id);
/* The same with all that a timer can do: see struct timer. */
enum agner_err rt__timer_start(struct rt *rt, struct worker *worker,
                               const struct timing *timing, etf_term to,
                               struct envelope *m, struct timer **out,
                               uint64_t *id);
/* Is it armed still? What is left, and to which pid word it goes; NONE: to
 * whatever its target is then. */
bool rt__timer_left(struct rt *rt, struct timer *timer, uint64_t id,
                    etf_term *to, uint64_t *left_ms);
/* Lets go of the envelope of a timer that does not fire. */
void rt__timer_undo(struct rt *rt, struct worker *worker, etf_term to,
                    struct envelope *m);
/* Returns when a timer that is just being fired has done what it does. */
void rt__timer_await(struct rt *rt, struct timer *timer);
/* The tick at which `deadline_ns` has passed: never early (G22). */
uint64_t rt__tick_of(uint64_t deadline_ns);
/* It will not fire any more. false: it has fired, or is just being fired. */
bool rt__timer_cancel(struct rt *rt, struct worker *worker, struct timer *timer,
                      uint64_t id);
/* The same, with what rt__timer_left() would have said; left_ms may be NULL. */
bool rt__timer_take(struct rt *rt, struct worker *worker, struct timer *timer,
                    uint64_t id, etf_term *to, uint64_t *left_ms);
/* Gives those of `wheel` that wait for it their deadlines: from now. */
void rt__timers_settle(struct worker *worker, struct wheel *wheel,
                       uint64_t now_ns);
/* The same, and fires what is due. */
void rt__timers_fire(struct rt *rt, struct worker *worker, struct wheel *wheel);
/* Lets every lazy deadline of the worker that still counts enter its wheel. */
void rt__lazy_flush(struct worker *worker);
/* The same for those that have waited for about a millisecond. */
void rt__lazy_look(struct worker *worker);
void rt__lazy_add(struct worker *worker, struct gen *gen);
/* A wait of `gen` is over: where it stands in the list, if it is this worker's.
 * Nobody need look at its stack then to know. It has one wait at a time, so
 * another entry of its own is over too. Only we write it: no lock. */
static inline void rt__lazy_drop(struct worker *w, const struct gen *gen)
{
    struct lazy *lazy = &w->lazy[gen->wait.lazy_at % LAZY_SIZE];

    if (load_relaxed(&lazy->gen) == gen)
        store_relaxed(&lazy->gen, NULL);
}

/* The same for a worker that is stuck, by another thread. */
void rt__lazy_rescue(struct worker *worker);
/* Ends the timers that `p` owns: owned_timers.c. */
void rt__timers_end(struct rt *rt, struct worker *worker, struct process *p);
uint64_t rt__timers_next_ms(struct rt *rt);
/* Until when its own wheel lets the calling worker sleep; RT_NEVER. */
uint64_t rt__timers_wake_ms(struct worker *w);
/* The process waits: its rt_timeout() begins to count. */
void rt__timeout_arm(struct gen *self);

/* ---- carrier.c
 * ----------------------------------------------------------------------------------
 */

enum agner_err rt__remote_init(struct rt *rt);
void rt__remote_fini(struct rt *rt);
/* `p` has a link or monitor with `node`: it is told when the node goes. */
enum agner_err rt__remote_join(struct rt *rt, etf_term node, etf_term pid,
                               struct relation *r);
/* A link or watcher that `node` asked for: counted until it is freed.
 * AGNER_ELIMIT: it has as many as one may have; AGNER_ENOMEM. */
enum agner_err rt__remote_share(struct rt *rt, etf_term node,
                                struct relation *r);
void rt__remote_release(struct relation *r);
/* Was the connection of that era lost? Then what was sent after joining may
 * have gone through the next one, where nobody knows of the relation. */
bool rt__remote_lost(struct rt *rt, etf_term node, uint64_t era);
/* Remembers a monitor by name that `node` has here. false: no memory. */
bool rt__named_add(struct rt *rt, etf_term node, const etf_ref *ref,
                   etf_term pid);
/* What a far reference is found by. */
uint64_t rt__ref_key(const etf_ref *ref);
/* Forgets a monitor by name that `node` has here; *pid: whom it watched. */
void rt__named_end(struct rt *rt, etf_term node, const etf_ref *ref,
                   etf_term *pid);
/* The pid words of those who may have relations with `node`; NULL: none, or no
 * memory. The caller frees it. */
etf_term *rt__remote_members(struct rt *rt, etf_term node, uint32_t *count);
/* Forgets a dead process's subscriptions to node events. */
void rt__remote_leave(struct rt *rt, etf_term pid);

/* ---- watchdog.c, blocking.c, contain.c, log.c
 * --------------------------------------------------------- */

enum agner_err rt__watchdog_start(struct rt *rt);
void rt__watchdog_stop(struct rt *rt);
void rt__watchdog_poke(struct rt *rt);
enum agner_err rt__blocking_init(struct rt *rt);
void rt__blocking_fini(struct rt *rt);
enum agner_err rt__contain_install(bool contain, struct agner_error *error);
/* A fault on a thread that is no worker is noted in this runtime's box, until
 * it ends. */
void rt__contain_watch(struct rt *rt);
void rt__contain_unwatch(struct rt *rt);
void rt__contain_thread(struct worker *worker);
void rt__contain_thread_end(const struct worker *worker); /* the same thread */
/* The log is there first and goes last: anything may write to it. */
enum agner_err rt__log_init(struct rt *rt, struct agner_error *error);
void rt__log_fini(struct rt *rt);
/* rt_log_self() by somebody else than the process with that pid word. */
void rt__log_about(struct rt *rt, etf_term pid, enum rt_log_level level,
                   const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- names.c
 * --------------------------------------------------------------------------------------------
 */

/* The pid word registered under the atom, or 0. */
uint64_t rt__name_find(struct rt *rt, etf_term name);
enum agner_err rt__name_add(struct rt *rt, etf_term name, struct process *p,
                            etf_term pid);
/* Frees the names of a process that ends, and takes no more. */
void rt__names_end(struct rt *rt, struct process *p);
/* Copies the names of a process; returns how many there are. */
uint32_t rt__names_of(struct rt *rt, struct process *p, etf_term *names,
                      uint32_t room);
void rt__names_fini(struct rt *rt);

/* ---- application.c, board.c, registry.c
 * ----------------------------------------------------------------------
 */

enum agner_err rt__applications_init(struct rt *rt);
void rt__applications_fini(struct rt *rt);
/* Runs what is to be done at the end of a process: hook.c. */
void rt__hooks_end(struct rt *rt, struct process *p);
/* Puts `hook` on the list of `p`, which has extras. Who runs or bears it. */
void rt__hook_put(struct rt *rt, const struct process *p, struct rt_hook *hook);

enum agner_err rt__boards_init(struct rt *rt);
void rt__boards_fini(struct rt *rt);
enum agner_err rt__registry_init(struct rt *rt);
void rt__registry_fini(struct rt *rt);

/* ---- spawn.c
 * -----------------------------------------------------------------------------------------------
 */

/* The process ends with the token: cancel.c. AGNER_ETERMINATED, AGNER_ENOMEM.
 */
enum agner_err rt__cancel_join(struct rt_cancel *token, etf_term pid);
/* A raw process that runs when a WAKE with ENVELOPE_BEGIN comes. */
enum agner_err rt__spawn_dormant(struct gen *self,
                                 void (*code)(struct gen *self, void *arg),
                                 void *arg, etf_term *pid);
/* Gives back a process that nobody has heard of yet; its inbox is closed. */
void rt__discard_birth(struct rt *rt, struct worker *worker, struct process *p);
/* Gives back a process whose name was taken, though senders may know it. */
void rt__abort_birth(struct rt *rt, struct worker *worker, struct process *p);
/* Tells the starter how init ended: once. `reason`: of a failure, else NONE. */
void rt__init_done(struct gen *self, etf_term reason);
/* A new reference number. */
uint64_t rt__ref_next(struct rt *rt, struct worker *worker);

#endif
