/*
 * process.h -- a process, and the stack that it has while it needs one.
 *
 * Private to runtime/. struct process lives in a slot of the slab: it is
 * readable memory for as long as the runtime exists, so a stale pid leads to a
 * process of another generation, never to nothing. struct gen is a coroutine: a
 * stack with the scratch region on top. A worker runs processes on one; a
 * process that waits in the middle of its code keeps the one it runs on, and
 * the worker goes on with another.
 *
 * Who writes what: `inbox` as mailbox.h says; `generation`, `door` and the
 * glance fields (atomics) by the owner, read by all; everything else by the
 * owner only, the owner being whoever runs the process.
 */
#ifndef RT_PROCESS_H
#define RT_PROCESS_H

#include <agner/rt.h>

#include "etf_door.h"
#include "heritage.h"
#include "mailbox.h"
#include "rt_carrier.h"
#include "sanitizer.h"
#include "spin.h"

struct worker;
struct relations;
struct timer;
struct rt_try_frame;

/* process.door: what a sender must know before and after it pushes. */
enum process_door {
    DOOR_EXTERNAL = 1, /* a thread of its own waits on `wake_word` */
    DOOR_LIMITED = 2,  /* the mailbox has a limit: limits */
    DOOR_PRIORITY = 4, /* enum rt_priority: two bits from here */
    DOOR_GUARD = 16,   /* number of a guard: four bits from here: rights.h */
};

enum process_flags {
    PROCESS_TRAP_EXIT = 1,
    PROCESS_EXITING = 2,   /* must end with exit_reason */
    PROCESS_KILLED = 4,    /* ... without terminate */
    PROCESS_SUSPENDED = 8, /* sys: only system messages are handed out */
    PROCESS_RAW = 16,      /* rt_spawn(): `code` */
    PROCESS_STARTED = 32,  /* init is over */
    PROCESS_CLOSING = 64,  /* its end is being carried out */
    PROCESS_HIBERNATE = 128,
    PROCESS_BY_SIGNAL = 256, /* the end was asked for by an exit signal */
    PROCESS_WANTS_TIMEOUT = 512,
    PROCESS_BECOMING = 1024, /* rt_become(): a raw process goes on as another */
    PROCESS_BOXED_REASON = 2048, /* PROCESS_EXITING: end.box */
    PROCESS_CONTINUES = 4096,    /* RT_CONTINUED comes before any message */
    PROCESS_MEMORY_MAX = 8192,   /* extras->memory_max */
    PROCESS_DORMANT = 16384,     /* begins when it is woken: ENVELOPE_BEGIN */
    PROCESS_CHILD = 32768,       /* its parent's exit is its own: linked at
                                    spawn, or given a parent */
};

/* A limit on the mailbox. Stays with the slot for ever, so that a late sender
 * may read it. The counts go over from one life of the slot to the next: each
 * message that is added is taken off once, however late it turns out that it
 * was meant for an earlier life. */
struct limits {
    _Atomic uint64_t count, bytes;           /* of messages that wait */
    _Atomic uint64_t count_max, bytes_max;   /* 0: none */
    _Atomic uint32_t overflow;               /* enum rt_overflow */
    _Atomic uint64_t fallback, fallback_tag; /* words; RT_OVERFLOW_FALLBACK */
    _Atomic uint64_t lost, told_ms; /* messages not told of; when last told */
    struct rt_gate gate;            /* RT_OVERFLOW_BLOCK: senders wait here */
};

/* The registered names of a process. */
struct names {
    uint32_t count, capacity;
    etf_term items[];
};

/* What few processes have: rt__extras_of() in relation.h. */
struct extras {
    etf_pid parent;
    struct limits *limits; /* the slot's; DOOR_LIMITED */
    size_t memory_max;
    const char *label;
    uint64_t timeout_ms, timeout_seq; /* rt_timeout() */
    struct timer *timeout_timer;
    uint64_t timeout_timer_id;
    uint64_t started_ms;
    struct timer *lifetime_timer; /* NULL: none */
    uint64_t lifetime_timer_id;
    size_t state_size;
    struct rt_direct_wait *directs; /* native requests not answered yet */
    struct spawn_room *room;        /* that it takes, or NULL: spawn_remote.h */
    uint32_t denied;       /* to the node of `parent`: enum rt_permission */
    struct etf_box **tags; /* unusual call tags: kept until the end */
    struct rt_hook *hooks; /* borrowed: hook.c has the lock that guards them */
    uint32_t tag_count, tag_capacity;
};

struct process {
    /* One line: what a send and a dispatch touch. */
    rt_inbox inbox;
    _Atomic uint32_t generation;
    uint32_t slot;
    struct envelope *queue, *queue_tail;          /* received, for its code */
    _Atomic(const struct rt_behavior *) behavior; /* static; glance */
    void *state; /* owned; PROCESS_RAW, not begun: its argument, borrowed */
    /* Its stack, while it waits on one; or its thread's. Others only look what
     * it waits for: waits.c. */
    _Atomic(struct gen *) gen;
    _Atomic uint8_t door;   /* enum process_door */
    _Atomic uint8_t status; /* enum rt_status: glance */
    uint16_t flags;         /* enum process_flags */
    _Atomic uint32_t sent;  /* glance: messages, modulo 2^32 */

    /* The other. */
    struct process *run_next;
    struct relations *relations;         /* owned; NULL: none */
    _Atomic(struct heritage *) heritage; /* a count of it; NULL: none */
    union {
        etf_term word;       /* PROCESS_EXITING: the reason, */
        struct etf_box *box; /* ... or PROCESS_BOXED_REASON: owned */
        void (*code)(struct gen *self, void *arg); /* PROCESS_RAW, not begun */
    } end;
    _Atomic(struct names *) names; /* owned; its stripe guards it: names.c */
    _Atomic uint64_t parent; /* local pid word, or NONE: see extras; glance */
    /* Glance. */
    _Atomic uint32_t queued;      /* length of `queue` */
    _Atomic uint32_t queued_peak; /* and the longest that it was found */
    _Atomic uint32_t received;    /* messages, modulo 2^32 */
    _Atomic uint32_t run_ms;      /* on a worker: run.c, charge() */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct process) == 128, "two cache lines");

/* What a process waits for in the middle of its code. */
enum wait_kind {
    WAIT_NOTHING,
    WAIT_MESSAGE, /* anything in the queue behind wait.mark */
    WAIT_CALL,    /* the answer with wait.id */
    WAIT_REQUEST, /* some request is done: relations->done */
    WAIT_WAKE,    /* only its time, or a push with wait.id */
    WAIT_GATE,    /* rt__gate_open() */
    WAIT_WORK,    /* rt_blocking(): not to be interrupted */
    WAIT_YIELD,   /* nothing: to be run again */
};

struct wait {
    enum wait_kind kind;
    bool done;
    bool timed_out;
    _Atomic uint64_t seq; /* counts waits of this stack; in WAKE envelopes */
    uint64_t timeout_ms;
    uint64_t deadline_ns;    /* 0: timeout_ms from now, not computed yet */
    uint32_t lazy_at;        /* its place in a worker's list: timers.c */
    uint64_t id;             /* WAIT_CALL */
    _Atomic uint64_t callee; /* WAIT_CALL: its pid word */
    struct envelope *mark;   /* WAIT_MESSAGE: the last one looked at, or NULL */
    struct envelope *answer; /* WAIT_CALL: REPLY, FAIL; owned */
    _Atomic uint64_t timer_id; /* if a wheel's timer stands for the deadline */
    _Atomic(struct timer *) timer;
    /* What others may see of it: waits.c. While bits 0 to 3 of `shown` are a
     * kind, the rest of these and `callee` do not change; they are written
     * before, and `shown` never repeats. */
    _Atomic uint64_t shown;
    _Atomic uint64_t since_ns;   /* rt__clock_ns() when it began to block */
    _Atomic uintptr_t site;      /* where its code asked for it; 0: not known */
    _Atomic uint64_t far_node;   /* WAIT_REQUEST of one: word of the callee's */
    _Atomic uint64_t far_name;   /* node, of its name or ETF_NONE, */
    _Atomic uint64_t far_pid[2]; /* ... of its pid: id, serial; creation */
};

/* A coroutine, at the top of its stack. */
struct gen {
    struct etf_region scratch; /* first: etf_make(self, ...) */
    struct process *process;   /* that runs on it, or NULL */
    struct worker *worker;     /* that runs it now; NULL: an attached thread */
    struct rt *rt;
    void *context; /* while it is left */
    struct wait wait;
    struct rt_message message; /* being handed out */
    struct envelope *held;     /* received and alive until the region's reset */
    struct envelope *current;  /* ENVELOPE_CALL being answered, or NULL */
    bool replied;              /* ... and it was */
    bool external;
    struct process *home;   /* external: its slot, kept for the next thread */
    bool in_callback;       /* user code runs: rt_exit() may leave it */
    bool leaving;           /* rt_exit() was called: unwind */
    void *note;             /* rt_note(), during init */
    etf_term init_self;     /* the pid of the process that starts */
    etf_term init_starter;  /* waits for the outcome of init: its pid, */
    uint64_t init_id;       /* ... and the number of its wait */
    const char *fault_kind; /* contain.c */
    uint64_t fault_address;
    bool init_ignored;
    uint16_t refused; /* waits refused since it must end */
    uint32_t budget;  /* sends left before a look at the clock */
    uint64_t slice_end_ns;
    struct rt_try_frame *trying; /* the innermost rt_try() of its code: try.c */
    struct gen *next;            /* in a pool */
    struct rt_fiber fiber;
    void *stack; /* lowest address */
    size_t stack_size;
    _Atomic uint32_t wake_word; /* external: a futex */
    uint64_t first_words[64];   /* the region's first chunk */
};

static inline struct gen *rt__gen(const struct process *p)
{
    return load_relaxed(&p->gen);
}

/* Release: who finds a stack there finds it made. Pairs with waits.c. */
static inline void rt__set_gen(struct process *p, struct gen *gen)
{
    store_release(&p->gen, gen);
}

static inline etf_term rt__pid_word(const struct process *p)
{
    return etf__local_pid(p->slot, load_relaxed(&p->generation));
}

/* Acquire pairs with the release when the slot changes hands: whoever then
 * finds the process alive has read its own parent. */
static inline etf_term rt__parent_word(const struct process *p)
{
    return etf__word(load_acquire(&p->parent));
}

static inline etf_pid rt__pid_of(etf_term word) /* ETF__PID */
{
    etf_pid pid = { .id = etf__pid_slot(word),
                    .serial = etf__pid_generation(word) };

    return pid;
}

static inline etf_term rt__word_of(etf_pid pid) /* local */
{
    return etf__local_pid(pid.id, pid.serial);
}

/* Local references: 50 bits that never repeat, and the slot of who made it, so
 * that an alias finds its process. */
static inline etf_ref rt__ref(uint64_t id, uint32_t slot)
{
    etf_ref ref = { .count = 3,
                    .words = { (uint32_t)id & 0x3ffffu, (uint32_t)(id >> 18),
                               slot } };

    return ref;
}

static inline bool rt__ref_local(const etf_ref *ref, uint64_t *id,
                                 uint32_t *slot)
{
    if (!etf_is_none(ref->node) || ref->creation != 0 || ref->count != 3 ||
        ref->words[0] > 0x3ffffu || ref->words[2] > 0x0fffffffu)
        return false;
    *id = (uint64_t)ref->words[1] << 18 | ref->words[0];
    *slot = ref->words[2];
    return true;
}

/* ---- process.c: the parts of a process ---------------------------------- */

/* The process's extras, made when there are none; NULL when memory is out. */
struct extras *rt__extras(struct process *p);
/* `m` leaves a mailbox that counts it. */
void rt__uncount(struct limits *limits, struct envelope *m);
/* The same for a process of the caller's. */
void rt__uncount_own(const struct process *p, struct envelope *m);

static inline enum rt_priority rt__priority(const struct process *p)
{
    return (enum rt_priority)(load_relaxed(&p->door) / DOOR_PRIORITY & 3u);
}

static inline void rt__set_priority(struct process *p, enum rt_priority level)
{
    unsigned door = load_relaxed(&p->door) & ~(3u * DOOR_PRIORITY);

    store_relaxed(&p->door,
                  (uint8_t)(door | ((unsigned)level & 3u) * DOOR_PRIORITY));
}

/* Owner: a message goes out, one comes in. */
static inline void rt__count_sent(struct process *p)
{
    store_relaxed(&p->sent, load_relaxed(&p->sent) + 1);
}

static inline void rt__count_received(struct process *p)
{
    store_relaxed(&p->received, load_relaxed(&p->received) + 1);
}

/* Owner: the queue may have become longer than ever. */
static inline void rt__note_peak(struct process *p)
{
    if (load_relaxed(&p->queued) > load_relaxed(&p->queued_peak))
        store_relaxed(&p->queued_peak, load_relaxed(&p->queued));
}

/* Appends to, and takes from, the queue of received signals. Owner. */
static inline void rt__queue_add(struct process *p, struct envelope *m)
{
    m->next = NULL;
    if (p->queue == NULL)
        p->queue = m;
    else
        p->queue_tail->next = m;
    p->queue_tail = m;
    store_relaxed(&p->queued, load_relaxed(&p->queued) + 1);
}

static inline struct envelope *rt__queue_pop(struct process *p)
{
    struct envelope *m = p->queue;

    if (m == NULL)
        return NULL;
    p->queue = m->next;
    store_relaxed(&p->queued, load_relaxed(&p->queued) - 1);
    if (__builtin_expect((m->flags & ENVELOPE_COUNTED) != 0, 0))
        rt__uncount_own(p, m);
    return m;
}

/* Takes `m`, whose predecessor is `before` (NULL: it is the first), out. */
void rt__queue_remove(struct process *p, struct envelope *before,
                      struct envelope *m);
/* Marks the process as having to end. The first reason holds, `kill` beats all.
 * `reason` is copied. */
void rt__must_exit(struct process *p, etf_term reason, bool kill,
                   bool by_signal);
etf_term rt__exit_reason(const struct process *p);

/* ---- receive.c: from the inbox to the queue ----------------------------- */

/* Takes what has come: signals act, messages join the queue. Owner; `worker` is
 * the calling one, or NULL. */
void rt__take_slow(struct rt *rt, struct worker *worker, struct process *p);

static inline void rt__take(struct rt *rt, struct worker *worker,
                            struct process *p)
{
    /* Relaxed: what is not seen now will be, by whoever parks the process. */
    if (load_relaxed(&p->inbox) != NULL)
        rt__take_slow(rt, worker, p);
}

/* Lets a chain of signals act that came for the life `generation`. Owner. */
void rt__act_all(struct rt *rt, struct worker *worker, struct process *p,
                 struct envelope *chain);

/* Has the wait of a blocked process ended? */
bool rt__wait_over(struct process *p);

/* Makes the term of `m` for the code of the process, and hands the envelope to
 * self's care until the region's reset. */
etf_term rt__materialise(struct etf_region *r, const struct process *p,
                         const struct envelope *m);

/* A message, call or cast as code sees it. ETF_NONE: `r` is full. */
etf_term rt__message_term(struct etf_region *r, const struct envelope *m);

/* Sets self->message up to show `m`, which is in self's care. */
void rt__describe(struct gen *self, struct envelope *m);

/* Bytes that the process holds, its stack not counted. Owner. */
size_t rt__memory_of(const struct process *p);

/* Lets go of everything received and built. */
void rt__scratch_reset(struct gen *self);

#endif
