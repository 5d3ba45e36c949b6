/*
 * run.c -- running processes on stacks, and waiting in the middle of their
 * code.
 *
 * The worker's loop itself runs on a pooled stack, and so does the code of the
 * process that it runs: a message costs no switch. When the code waits, the
 * stack becomes the process's (process.gen), and the worker goes on with the
 * loop of another stack. When the wait is over, some worker's loop switches to
 * the process's stack and puts its own back into the pool; the process's stack
 * then carries on as that worker's loop.
 *
 * A process that waits may be woken by another worker at once. So it is given
 * up only after the switch, by the stack that comes next (AFTER_PARK).
 *
 * The worker is always read afresh from self->worker: it may be another one
 * after every call that can wait.
 */
#include <assert.h>
#include <stdlib.h>

#include "context.h"
#include "direct.h"
#include "relation.h"
#include "run_queue.h"
#include "try.h"
#include "worker.h"

#define BUDGET 256u /* operations before others who wait here come in */
#define REFUSED_MAX \
    100u /* waits refused to code that must end, before it is \
            left as by rt_exit() */

/* ---- Changing stacks
 * ----------------------------------------------------------- */

static void loop(void *arg);

/* Does for the stack that was left what could not be done on it. */
static void after_switch(struct gen *self)
{
    struct worker *w = self->worker;
    enum after after = w->after;

    w->after = AFTER_NOTHING;
    switch (after) {
    case AFTER_NOTHING:
        break;
    case AFTER_PARK:
        if (!rt__mailbox_park(&w->after_process->inbox))
            rt__schedule(w->rt, w, w->after_process, false);
        break;
    case AFTER_REQUEUE:
        rt__schedule(w->rt, w, w->after_process, true);
        break;
    case AFTER_MOVE:
        rt__visit(w->after_worker, w->after_process);
        break;
    case AFTER_SPREAD:
        rt__schedule(w->rt, NULL, w->after_process, true);
        break;
    case AFTER_POOL:
        rt__gen_put(w->rt, w, w->after_gen);
        break;
    }
}

static void switch_to(struct gen *from, struct gen *to)
{
    struct worker *w = from->worker;

    to->worker = w;
    store_relaxed(&w->running, to);
    if (to->context == NULL) {
        rt__fiber_abandon((uint8_t *)to->stack + 4096,
                          (size_t)((uint8_t *)to - (uint8_t *)to->stack) -
                              4096);
        to->context = rt__context_make(to, loop, to);
    }
    rt__fiber_leave(&from->fiber, false, &to->fiber);
    rt__context_switch(&from->context, to->context);
    rt__fiber_enter(&from->fiber, NULL);
    after_switch(from);
}

/* ---- Slices
 * ------------------------------------------------------------------------ */

/* The worker's time since the watchdog's last looks is its process's: so each
 * gets what it took, in the long run. What is no whole millisecond yet is the
 * next one's. */
static void charge(struct worker *w, struct process *p)
{
    uint64_t us = w->charge_rest_us + swap_acquire(&w->charge_us, 0u);

    w->charge_rest_us = us % 1000u;
    store_relaxed(&p->run_ms,
                  load_relaxed(&p->run_ms) + (uint32_t)(us / 1000u));
}

/* So many operations are over; the turn is one itself. */
static inline void count_operations(struct worker *w, uint32_t count)
{
    store_relaxed(&w->operations, load_relaxed(&w->operations) + count + 1);
}

static inline void charge_if_due(struct gen *self)
{
    if (__builtin_expect(load_relaxed(&self->worker->charge_us) != 0, 0))
        charge(self->worker, self->process);
}

/* The process stops running here. Before anybody else may take it. */
static inline void settle(struct gen *self)
{
    count_operations(self->worker, BUDGET - self->budget);
    charge_if_due(self);
}

static void begin_slice(struct gen *self)
{
    self->budget = BUDGET;
    self->slice_end_ns = 0;
}

/* After BUDGET operations: is it time for another process? It is when somebody
 * waits on this worker: what was sent to them is in the cache still, and a
 * receiver keeps up with its senders. Else when the slice is over, for what
 * comes from elsewhere. */
static bool slice_over(struct gen *self)
{
    const struct rt_world *world = self->rt->world;
    uint64_t now_ns;

    self->budget = BUDGET;
    count_operations(self->worker, BUDGET);
    if (self->rt->simulated)
        return true;
    if (load_relaxed(&self->worker->length) > 0) {
        if (load_relaxed(&self->rt->callable) > 0)
            rt__call_if_slow(self->worker);
        return true;
    }
    now_ns = world->now_ns(world->ctx);
    if (self->slice_end_ns == 0)
        self->slice_end_ns = now_ns + self->rt->options.slice_us * 1000u;
    if (now_ns < self->slice_end_ns)
        return false;
    self->worker->clock_ns = RT_NEVER;
    return true;
}

/* It goes on; in terminate it stays one that ends. */
static void now_runs(struct process *p)
{
    store_relaxed(&p->status, (uint8_t)((p->flags & PROCESS_CLOSING) != 0
                                            ? RT_STATUS_EXITING
                                            : RT_STATUS_RUNNING));
}

/* `to`: the worker that it goes on at; AFTER_MOVE only. */
static void yield(struct gen *self, enum after after, struct worker *to)
{
    struct process *p = self->process;
    struct gen *next = rt__gen_get(self->rt, self->worker);

    if (next == NULL)
        return; /* no stack for the others: go on */
    settle(self);
    self->wait.kind = WAIT_YIELD;
    rt__set_gen(p, self);
    self->worker->after = after;
    self->worker->after_process = p;
    self->worker->after_worker = to;
    switch_to(self, next);
    rt__set_gen(p, NULL);
    self->wait.kind = WAIT_NOTHING;
    now_runs(p);
    begin_slice(self);
}

void rt__spend_slow(struct gen *self)
{
    if (self->external) {
        self->budget = BUDGET;
        return;
    }
    if (slice_over(self))
        yield(self, AFTER_REQUEUE, NULL);
}

void rt__spend_slow_to(struct gen *self, etf_term to)
{
    unsigned unusual = DOOR_EXTERNAL | 3u * DOOR_PRIORITY;
    struct worker *by = NULL;

    if (!self->external && etf__tag(to) == ETF__PID &&
        (load_relaxed(&self->process->door) & unusual) == 0 &&
        load_relaxed(&self->worker->wanted) != 0)
        by = rt__wanted_by(self->worker, to);
    if (by == NULL) {
        rt__spend_slow(self);
        return;
    }
    self->budget = BUDGET;
    count_operations(self->worker, BUDGET);
    yield(self, AFTER_MOVE, by);
}

void rt_yield(struct gen *self)
{
    if (!self->external)
        yield(self, AFTER_REQUEUE, NULL);
}

/* By the shared queue, which an idle worker is woken for. */
void rt_spread(struct gen *self)
{
    const struct rt *rt = self->rt;

    if (!self->external && !rt->simulated &&
        load_relaxed(&self->worker->length) > 0 &&
        load_relaxed(&rt->parked) > 0)
        yield(self, AFTER_SPREAD, NULL);
}

/* Once terminate runs, only kill ends its waits. */
enum agner_err rt__must_end(const struct process *p)
{
    if (__builtin_expect((p->flags & PROCESS_EXITING) == 0, 1))
        return AGNER_OK;
    if ((p->flags & PROCESS_KILLED) != 0)
        return AGNER_EKILLED;
    return (p->flags & PROCESS_CLOSING) != 0 ? AGNER_OK : AGNER_EEXITING;
}

enum agner_err rt__may_run_slow(struct gen *self)
{
    enum agner_err err = rt__must_end(self->process);

    if (err != AGNER_OK && !self->external && ++self->refused > REFUSED_MAX)
        rt_exit(self, ETF_A(killed)); /* the reason that it has holds */
    return err;
}

enum agner_err rt_check(struct gen *self)
{
    rt__spend(self);
    rt__take(self->rt, self->worker, self->process);
    return rt__may_run(self);
}

/* ---- Waiting
 * ---------------------------------------------------------------------------
 */

void rt__wait_begin(struct gen *self, enum wait_kind kind, uint64_t timeout_ms)
{
    struct wait *wait = &self->wait;

    wait->kind = kind;
    wait->done = false;
    wait->timed_out = false;
    wait->answer = NULL;
    wait->mark = NULL;
    wait->timeout_ms = timeout_ms;
    wait->deadline_ns = timeout_ms == RT_INFINITY ? RT_NEVER : 0;
}

void rt__wait_fix(struct gen *self)
{
    struct wait *wait = &self->wait;

    if (wait->deadline_ns == 0)
        wait->deadline_ns = rt__deadline(self->rt, wait->timeout_ms);
}

uint64_t rt__deadline(const struct rt *rt, uint64_t timeout_ms)
{
    uint64_t now_ns = rt->world->now_ns(rt->world->ctx);

    if (timeout_ms >= (RT_NEVER - now_ns) / 1000000u)
        return RT_NEVER;
    return now_ns + timeout_ms * 1000000u;
}

/* Ends the wait's claim on its time. A deadline that is just entering the wheel
 * is dropped when it fires: the number has moved on. */
static void forget_deadline(struct gen *self)
{
    struct timer *timer;

    store_relaxed(&self->wait.seq, load_relaxed(&self->wait.seq) + 1);
    rt__lazy_drop(self->worker, self);
    timer = load_acquire(&self->wait.timer); /* pairs with arm_wait() */
    if (timer == NULL)
        return;
    (void)rt__timer_cancel(self->rt, self->worker, timer,
                           load_relaxed(&self->wait.timer_id));
    store_relaxed(&self->wait.timer, NULL);
}

/* Others may see from here on what it waits for: waits.c. Release: and what was
 * written before. */
static void show(struct gen *self)
{
    struct wait *wait = &self->wait;

    store_relaxed(&wait->since_ns, rt__clock_ns(self->rt));
    store_release(&wait->shown,
                  load_relaxed(&wait->shown) + 16 + (uint64_t)wait->kind);
}

/* What it waited for may change again. Release: after this is seen. */
static void hide(struct gen *self)
{
    store_release(&self->wait.shown,
                  load_relaxed(&self->wait.shown) & ~UINT64_C(15));
    fence_compiler();
}

static void wait_on_thread(struct gen *self)
{
    const struct rt_world *world = self->rt->world;
    struct process *p = self->process;
    struct wait *wait = &self->wait;
    uint32_t seen;

    rt__wait_fix(self);
    for (;;) {
        /* Acquire pairs with the waker's release: its push is seen below. */
        seen = load_acquire(&self->wake_word);
        rt__take(self->rt, NULL, p);
        if (rt__wait_over(p))
            return;
        if (wait->deadline_ns != RT_NEVER &&
            world->now_ns(world->ctx) >= wait->deadline_ns) {
            wait->done = true;
            wait->timed_out = true;
            return;
        }
        if (!rt__mailbox_park(&p->inbox))
            continue;
        if ((load_relaxed(&wait->shown) & 15u) == 0)
            show(self);
        world->wait(world->ctx, &self->wake_word, seen, wait->deadline_ns);
        (void)rt__mailbox_unpark(&p->inbox); /* ours either way */
    }
}

static enum agner_err wait_on_stack(struct gen *self)
{
    struct process *p = self->process;
    struct gen *next;

    /* The answer to a call can only have come through the inbox. */
    if (self->wait.kind != WAIT_CALL || load_relaxed(&p->inbox) != NULL) {
        rt__take(self->rt, self->worker, p);
        if (rt__wait_over(p))
            return AGNER_OK;
    }
    next = rt__gen_get(self->rt, self->worker);
    if (next == NULL)
        return AGNER_ENOMEM;
    if (self->wait.deadline_ns != RT_NEVER)
        rt__lazy_add(self->worker, self);
    settle(self);
    show(self);
    store_relaxed(&p->status, (uint8_t)RT_STATUS_CALLING);
    self->worker->after = AFTER_PARK;
    self->worker->after_process = p;
    switch_to(self, next);
    hide(self);
    now_runs(p);
    begin_slice(self);
    return AGNER_OK;
}

enum agner_err rt__block(struct gen *self)
{
    struct process *p = self->process;
    struct wait *wait = &self->wait;
    enum agner_err err = AGNER_OK;

    if (wait->kind != WAIT_WORK)
        err = rt__must_end(p);
    if (err != AGNER_OK) {
        wait->kind = WAIT_NOTHING;
        return err;
    }
    rt__set_gen(p, self);
    if (self->external) {
        wait_on_thread(self);
        hide(self);
    } else {
        err = wait_on_stack(self);
    }
    if (!self->external) {
        rt__set_gen(p, NULL);
        if (wait->deadline_ns != RT_NEVER)
            forget_deadline(self);
    }
    if (err == AGNER_OK && wait->done && wait->timed_out)
        err = AGNER_ETIMEOUT;
    else if (err == AGNER_OK && !wait->done && wait->kind != WAIT_WORK)
        err = rt__must_end(p);
    wait->kind = WAIT_NOTHING;
    return err;
}

/* ---- Running a process
 * ------------------------------------------------------------------- */

void rt__scratch_reset(struct gen *self)
{
    struct envelope *m = self->held;

    while (m != NULL) {
        struct envelope *next = m->next;

        if (m->kind == ENVELOPE_DOWN_MESSAGE)
            rt__down_free(self->rt, self->worker, m);
        else
            rt__envelope_free(self->rt, self->worker, m);
        m = next;
    }
    self->held = NULL;
    etf__region_rewind(&self->scratch);
}

/* Takes the arguments of init out of the queue, and notes who waits. */
static struct envelope *know_starter(struct gen *self)
{
    struct process *p = self->process;
    struct envelope *args = rt__queue_pop(p);

    self->init_starter = args->sender;
    self->init_id = args->id;
    self->init_self = rt__pid_word(p);
    self->note = args->aux;
    args->aux = NULL;
    self->init_ignored = false;
    args->next = self->held;
    self->held = args;
    return args;
}

/* Carries out the end of the process on this stack. */
static __attribute__((noinline)) void finish(struct gen *self)
{
    struct process *p = self->process;
    const struct rt_behavior *b = load_relaxed(&p->behavior);
    bool quiet =
        (p->flags & PROCESS_KILLED) != 0 ||
        (p->flags & (PROCESS_STARTED | PROCESS_RAW)) != PROCESS_STARTED ||
        (p->flags & PROCESS_CLOSING) != 0 ||
        ((p->flags & PROCESS_BY_SIGNAL) != 0 && !b->terminate_on_signal);

    store_relaxed(&p->status, (uint8_t)RT_STATUS_EXITING);
    if (p->queue != NULL && p->queue->kind == ENVELOPE_INIT)
        know_starter(self); /* it ends before it began */
    if (!quiet && b->terminate != NULL) {
        p->flags |= PROCESS_CLOSING;
        self->in_callback = true;
        b->terminate(self, rt__exit_reason(p));
        self->in_callback = false;
    }
    p->flags |= PROCESS_CLOSING;
    settle(self);
    rt__exit_process(self, p);
    self->process = NULL;
    self->init_starter = ETF_NONE;
    self->current = NULL;
    self->refused = 0;
    rt__scratch_reset(self);
}

/* The caller cannot be kept in mind: it hears of our end now. */
static void fail_current(struct gen *self, struct envelope *m)
{
    struct envelope **held = &self->held;

    while (*held != m)
        held = &(*held)->next;
    *held = m->next;
    rt__fail_call(self->rt, self->worker, rt__pid_word(self->process), m,
                  ETF_A(killed));
}

/* The call that was just handed out has not been answered: whoever waits for it
 * must hear of our end. */
static __attribute__((noinline)) void keep_call(struct gen *self)
{
    struct process *p = self->process;
    struct envelope *m = self->current;
    struct relation *r;

    self->current = NULL;
    if (self->replied)
        return;
    r = rt__relation_new(self->rt, self->worker, RELATION_WATCHER, m->sender,
                         m->id);
    if (r != NULL) {
        r->flags |= RELATION_CALL;
        if (rt__relation_add(p, r))
            return;
        rt__relation_free(self->rt, self->worker, r);
    }
    fail_current(self, m);
    rt__must_exit(p, ETF_A(killed), false, false); /* no memory: end, loudly */
}

static void obey(struct gen *self, enum rt_next next)
{
    struct process *p = self->process;

    if (next == RT_STOP || next == RT_IGNORE)
        rt__must_exit(p, ETF_A(normal), false, false); /* rt_stop() was first */
    else if (next == RT_CONTINUE)
        p->flags |= PROCESS_CONTINUES;
}

/* A native request whose asker has given up, or that cannot be kept, is not
 * handed out. */
static bool may_hand_out(struct gen *self, struct envelope *m)
{
    if (rt__direct_wanted(m) && rt__extras(self->process) != NULL)
        return true;
    rt__direct_fail(m, AGNER_ENOMEM); /* which nobody reads if it gave up */
    rt__scratch_reset(self);
    return false;
}

/* rt__scratch_reset(), which has little to do after a callback that got one
 * message and built little. */
static inline void reset_scratch(struct gen *self)
{
    struct envelope *m = self->held;

    if (__builtin_expect(m == NULL || m->next != NULL ||
                             m->kind > ENVELOPE_CAST ||
                             m->memory.offheap != NULL,
                         0)) {
        rt__scratch_reset(self);
        return;
    }
    rt__pool_put(&self->worker->pool, self->rt->pools, m);
    self->held = NULL;
    etf__region_rewind(&self->scratch);
}

/* Calls the code with self->message; what came and was made ends with that. */
static inline void call_code(struct gen *self)
{
    struct process *p = self->process;
    enum rt_next next;

    self->in_callback = true;
    next = load_relaxed(&p->behavior)->message(self, &self->message);
    self->in_callback = false;
    if (__builtin_expect(self->current != NULL, 0))
        keep_call(self);
    if (next != RT_NEXT)
        obey(self, next);
    reset_scratch(self);
}

static inline void begin_callback(struct gen *self)
{
    struct process *p = self->process;

    rt__count_received(p);
    if (__builtin_expect((p->flags & PROCESS_WANTS_TIMEOUT) != 0, 0))
        rt_timeout(self, RT_INFINITY);
}

/* Sets self->message up: false when `m` is not to be handed out. */
static inline bool describe(struct gen *self, struct envelope *m)
{
    if (__builtin_expect(m->kind == ENVELOPE_MESSAGE &&
                             etf__tag(m->sender) == ETF__PID,
                         1)) {
        self->message.kind = RT_MESSAGE;
        self->message.term = m->term;
        self->message.sender = rt__pid_of(m->sender);
        return true;
    }
    if (m->kind == ENVELOPE_DIRECT && !may_hand_out(self, m))
        return false;
    rt__describe(self, m);
    return true;
}

static inline void deliver(struct gen *self, struct envelope *m)
{
    struct worker *w = self->worker;
    uint64_t messages = load_relaxed(&w->messages) + 1;

    store_relaxed(&w->messages, messages);
    if (__builtin_expect(messages % RT_BOX_SAMPLE == 0, 0))
        rt__box_message(w, self->process, m->sender);
    begin_callback(self);
    m->next = self->held;
    self->held = m;
    if (describe(self, m))
        call_code(self);
}

/* Once more, as the last callback asked. */
static __attribute__((noinline)) void deliver_again(struct gen *self)
{
    self->process->flags &= (uint16_t)~PROCESS_CONTINUES;
    begin_callback(self);
    self->message.kind = RT_CONTINUED;
    self->message.term = ETF_NONE;
    self->message.sender = (etf_pid){ 0 };
    call_code(self);
}

static void first_raw(struct gen *self)
{
    struct process *p = self->process;
    void (*code)(struct gen *, void *) = p->end.code;
    void *arg = p->state;

    p->end.word = ETF_NONE;
    p->state = NULL;
    p->flags |= PROCESS_STARTED;
    self->in_callback = true;
    code(self, arg);
    self->in_callback = false;
    if (self->current != NULL)
        keep_call(self);
    rt__must_exit(p, ETF_A(normal), false, false);
}

/* The first message holds the arguments of init; spawn.c put it there. */
static void first_behavior(struct gen *self)
{
    struct process *p = self->process;
    const struct envelope *args = know_starter(self);
    enum rt_next next = RT_NEXT;

    if (load_relaxed(&p->behavior)->init != NULL) {
        self->in_callback = true;
        next = load_relaxed(&p->behavior)->init(self, args->term);
        self->in_callback = false;
    }
    if ((next == RT_NEXT || next == RT_CONTINUE) &&
        (p->flags & PROCESS_EXITING) == 0) {
        obey(self, next);
        /* A starter that cannot be told must not leave it behind. */
        if (rt_init_ack(self, ETF_NONE) == AGNER_ENOMEM)
            rt__must_exit(p, ETF_A(killed), false, false);
    } else {
        self->init_ignored = next == RT_IGNORE;
        obey(self, RT_STOP);
    }
    rt__scratch_reset(self);
}

/* The next message that a suspended process may hand out. */
static __attribute__((noinline)) struct envelope *
next_of_system(struct process *p)
{
    struct envelope *m, *before = NULL;

    for (m = p->queue; m != NULL; before = m, m = m->next) {
        if (m->kind == ENVELOPE_MESSAGE &&
            etf_is_tagged(m->term, ETF_A(system), 3))
            break;
        if (m->kind == ENVELOPE_EXIT_MESSAGE && m->id != 0)
            break; /* the parent's end is obeyed at once */
    }
    if (m != NULL)
        rt__queue_remove(p, before, m);
    return m;
}

static inline struct envelope *next_message(struct process *p)
{
    if (__builtin_expect((p->flags & PROCESS_SUSPENDED) != 0, 0))
        return next_of_system(p);
    return rt__queue_pop(p);
}

/* G32: what the process holds is looked at before each slice. */
static void check_memory(struct process *p)
{
    size_t bytes = rt__memory_of(p);
    uint64_t words[8];
    struct etf_region r;

    if (bytes <= p->relations->extras->memory_max)
        return;
    etf__region_init(&r, words, 8, 0);
    rt__must_exit(p, etf_make(&r, "{memory_limit, _}", (uint64_t)bytes), false,
                  true);
    etf__region_fini(&r);
}

static bool has_memory_limit(const struct process *p)
{
    return __builtin_expect((p->flags & PROCESS_MEMORY_MAX) != 0, 0);
}

/* An idle process owns its slot, its state and its table of relations. Only an
 * empty table can be spared. */
static void shrink(struct process *p)
{
    const struct relations *t = p->relations;

    p->flags &= (uint16_t)~PROCESS_HIBERNATE;
    if (t != NULL && t->count == 0 && t->timer_count == 0 && !t->node_events &&
        !t->has_events && t->unlink_seq == 0 && t->extras == NULL)
        rt__relations_free(p);
}

/* Nothing waits. Gives the process up; false when a message came meanwhile. */
static inline bool park(struct gen *self)
{
    struct process *p = self->process;

    if (__builtin_expect(
            (p->flags & (PROCESS_WANTS_TIMEOUT | PROCESS_HIBERNATE)) != 0, 0)) {
        if ((p->flags & PROCESS_WANTS_TIMEOUT) != 0)
            rt__timeout_arm(self);
        if ((p->flags & PROCESS_HIBERNATE) != 0)
            shrink(p);
    }
    charge_if_due(self);
    store_relaxed(&p->status, (uint8_t)RT_STATUS_WAITING);
    self->process = NULL;
    if (rt__mailbox_park(&p->inbox)) {
        count_operations(self->worker, BUDGET - self->budget);
        return true;
    }
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNING);
    self->process = p;
    return false;
}

#define PROCESS_SPECIAL \
    (PROCESS_EXITING | PROCESS_CONTINUES | PROCESS_SUSPENDED)

/* Takes what has come. A single message for a process that has none waits in no
 * queue: it is returned. */
static inline struct envelope *take_single(struct gen *self, struct process *p)
{
    struct envelope *m;

    if (load_relaxed(&p->inbox) == NULL)
        return NULL;
    /* Acquire as in rt__mailbox_take(). */
    m = swap_acquire(&p->inbox, NULL);
    if (m->next == NULL && p->queue == NULL && m->kind <= ENVELOPE_CAST &&
        m->generation == load_relaxed(&p->generation) &&
        (p->flags & PROCESS_SPECIAL) == 0 &&
        (load_relaxed(&p->door) & DOOR_LIMITED) == 0) {
        if (load_relaxed(&p->queued_peak) == 0)
            store_relaxed(&p->queued_peak, 1u);
        return m;
    }
    rt__act_all(self->rt, self->worker, p, rt__mailbox_reverse(m));
    return NULL;
}

/* What is not simply the next message. */
enum what { A_MESSAGE, NO_MESSAGE, AGAIN, THE_END };

static inline enum what what_next(struct gen *self, struct process *p,
                                  struct envelope **m)
{
    *m = take_single(self, p);
    if (*m != NULL)
        return A_MESSAGE;
    if (__builtin_expect(
            (p->flags & (PROCESS_EXITING | PROCESS_CONTINUES)) != 0, 0))
        return (p->flags & PROCESS_EXITING) != 0 ? THE_END : AGAIN;
    *m = next_message(p);
    if (*m == NULL)
        return NO_MESSAGE;
    /* Before its code, which may wait for one who waits here. */
    if (__builtin_expect((load_relaxed(&p->door) & DOOR_LIMITED) != 0, 0))
        rt__limits_eased(self);
    return A_MESSAGE;
}

static inline bool has_work(const struct process *p)
{
    return load_relaxed(&p->inbox) != NULL || p->queue != NULL ||
           (p->flags & PROCESS_SPECIAL) != 0;
}

/* More waits for it than it has been given: it goes on until its slice is over,
 * since a turn as long as each sender's would never be enough for many. */
static bool catches_up(struct gen *self, const struct process *p)
{
    const struct rt_world *world = self->rt->world;
    struct worker *w = self->worker;
    uint64_t now_ns = world->now_ns(world->ctx);

    self->budget = BUDGET;
    count_operations(w, BUDGET);
    if (load_relaxed(&w->length) > 0 && load_relaxed(&self->rt->callable) > 0)
        rt__call_if_slow(w);
    rt__gather(w, p, now_ns, BUDGET);
    if (self->slice_end_ns == 0)
        self->slice_end_ns = now_ns + self->rt->options.slice_us * 1000u;
    if (now_ns < self->slice_end_ns && load_relaxed(&self->rt->high.count) == 0)
        return true;
    w->clock_ns = RT_NEVER;
    return false;
}

/* After BUDGET operations of who hands out messages. One that has kept up waits
 * for the next sender, which then finds it idle and has it run next: so what is
 * sent stays in the cache. */
static __attribute__((noinline)) bool turn_over(struct gen *self,
                                                const struct process *p)
{
    if (load_relaxed(&p->queued) >= BUDGET && !self->rt->simulated)
        return !catches_up(self, p);
    return slice_over(self) && has_work(p);
}

/* Hands out messages until there are none or the slice is over. */
static void serve(struct gen *self)
{
    struct process *p = self->process;
    struct envelope *m;

    for (;;) {
        switch (what_next(self, p, &m)) {
        case A_MESSAGE:
            deliver(self, m);
            break;
        case NO_MESSAGE:
            if (park(self))
                return;
            continue;
        case AGAIN:
            deliver_again(self);
            break;
        case THE_END:
            finish(self);
            return;
        }
        if (--self->budget == 0 && turn_over(self, p)) {
            settle(self);
            self->process = NULL;
            rt__schedule(self->rt, self->worker, p, true);
            return;
        }
    }
}

/* Goes on with a process that waits on a stack of its own, if its wait is over.
 */
static void resume(struct gen *self, struct process *p)
{
    struct worker *w = self->worker;
    struct gen *target;

    for (;;) {
        rt__take(w->rt, w, p);
        if (has_memory_limit(p))
            check_memory(p);
        if (rt__wait_over(p))
            break;
        store_relaxed(&p->status, (uint8_t)RT_STATUS_CALLING); /* as it was */
        if (rt__mailbox_park(&p->inbox))
            return;
    }
    target = rt__gen(p);
    w->after = AFTER_POOL;
    w->after_gen = self;
    switch_to(self, target);
}

/* A process that has not begun, and is not to begin yet: signals act, and it is
 * given up again. false: it begins, or ends. */
static bool doze(struct worker *w, struct process *p)
{
    store_relaxed(&p->status, (uint8_t)RT_STATUS_INIT);
    do {
        rt__take(w->rt, w, p);
        if ((p->flags & (PROCESS_DORMANT | PROCESS_EXITING)) != PROCESS_DORMANT)
            return false;
    } while (!rt__mailbox_park(&p->inbox));
    return true;
}

/* Its first turn: false when it has ended with that. */
static __attribute__((noinline)) bool begin(struct gen *self, struct process *p)
{
    rt__take(self->rt, self->worker, p);
    if ((p->flags & PROCESS_EXITING) != 0)
        finish(self); /* killed before it began */
    else if ((p->flags & PROCESS_RAW) != 0)
        first_raw(self);
    else
        first_behavior(self);
    return self->process != NULL;
}

static inline void run(struct gen *self, struct process *p)
{
    struct worker *w = self->worker;

    if (__builtin_expect((p->flags & PROCESS_DORMANT) != 0, 0) && doze(w, p))
        return;
    store_relaxed(&w->running_pid, rt__pid_word(p).word);
    store_relaxed(&w->box.line->running, rt__pid_word(p).word);
    if (rt__gen(p) != NULL) {
        resume(self, p);
        return;
    }
    self->process = p;
    self->refused = 0;
    store_relaxed(&p->status, (uint8_t)RT_STATUS_RUNNING);
    begin_slice(self);
    if (__builtin_expect((p->flags & PROCESS_STARTED) == 0, 0) &&
        !begin(self, p))
        return;
    if (has_memory_limit(p))
        check_memory(p);
    serve(self);
}

static void leave_to_base(struct gen *self)
{
    struct worker *w = self->worker;

    rt__fiber_leave(&self->fiber, false, &w->base.fiber);
    rt__context_switch(&self->context, w->base.context);
    rt__fiber_enter(&self->fiber, NULL);
    after_switch(self);
}

static _Noreturn void loop_on(struct gen *self)
{
    for (;;) {
        struct process *p = rt__next(self->worker);

        if (p != NULL) {
            run(self, p);
        } else {
            self->worker->idle = self;
            leave_to_base(self);
        }
    }
}

static void loop(void *arg)
{
    struct gen *self = arg;

    rt__fiber_enter(&self->fiber, &self->worker->base.fiber);
    after_switch(self);
    loop_on(self);
}

/* The loop again, from the top of a stack whose frames rt_exit() left behind.
 */
static void unwound(void *arg)
{
    struct gen *self = arg;
    struct process *p = self->process;

    self->in_callback = false;
    self->trying = NULL;
    if (self->current != NULL)
        keep_call(self);
    if ((p->flags & PROCESS_BECOMING) != 0) {
        p->flags &= (uint16_t) ~(PROCESS_BECOMING | PROCESS_RAW);
        begin_slice(self);
        first_behavior(self);
        serve(self);
    } else {
        finish(self);
    }
    loop_on(self);
}

void rt__leave_code(struct gen *self)
{
    rt__fiber_abandon((uint8_t *)self->stack + 4096,
                      (size_t)((uint8_t *)self - (uint8_t *)self->stack) -
                          4096);
    rt__context_jump(self, unwound, self);
}

void rt_exit(struct gen *self, etf_term reason)
{
    rt__try_leave(self, reason);
    rt__must_exit(self->process, reason, false, false);
    if (self->external || !self->in_callback)
        return;
    rt__leave_code(self);
}

/* ---- Threads
 * --------------------------------------------------------------------------------
 */

static void enter_loop(struct worker *w)
{
    struct gen *gen = w->idle;

    if (gen == NULL)
        gen = rt__gen_get(w->rt, w);
    w->idle = NULL;
    w->base.worker = w;
    while (gen != NULL) {
        void (*work)(struct worker * w);

        switch_to(&w->base, gen);
        work = w->base_work;
        if (work == NULL)
            return;
        w->base_work = NULL;
        work(w);
        gen = w->idle;
        w->idle = NULL;
    }
    rt_log(w->rt, RT_LOG_ERROR, "no memory for a worker's stack");
}

void rt__on_base(struct worker *w, void (*work)(struct worker *w))
{
    struct gen *self = load_relaxed(&w->running);

    w->base_work = work;
    w->idle = self;
    leave_to_base(self);
}

void rt__worker_main(void *arg)
{
    struct worker *w = arg;

    rt__fiber_here(&w->base.fiber);
    if (w->rt->options.contain_crashes || w->rt->options.watch_faults)
        rt__contain_thread(w);
    enter_loop(w);
    rt__contain_thread_end(w);
}

void rt__step(struct worker *w, struct process *p)
{
    w->sim_next = p;
    rt__fiber_here(&w->base.fiber);
    enter_loop(w);
}
