/*
 * timers.c -- starting and firing timers, and the deadlines of waits.
 *
 * A timer is on the wheel of the worker that started it. Its envelope was made
 * when it was started, so firing needs no memory. Who may not touch that wheel
 * cancels by the timer's id alone (timer.h). The deadline of a wait is lazy: it
 * stands in the worker's list and enters the wheel when it has stood there for
 * a while or the worker parks, and the wait still lasts. Most waits are over
 * long before.
 */
#include <stdlib.h>
#include <string.h>

#include "relation.h"
#include "run_queue.h"

#define LAZY_NS \
    500000u /* between two looks: a deadline that was there at one \
               enters the wheel at the next */
/* So that its nanoseconds, and now, have room in 64 bits. */
#define TIMER_MS_MAX (RT_NEVER / 1000000u / 2)

uint64_t rt__tick_of(uint64_t deadline_ns)
{
    return deadline_ns / 1000000u + (deadline_ns % 1000000u != 0);
}

static uint64_t next_tick(const struct rt *rt)
{
    return rt__tick_of(rt->world->now_ns(rt->world->ctx));
}

static struct wheel *wheel_of(struct rt *rt, struct worker *worker)
{
    return worker == NULL ? &rt->shared_wheel : &worker->wheel;
}

static struct wheel *wheel_at(struct rt *rt, uint16_t index)
{
    return index == UINT16_MAX ? &rt->shared_wheel : &rt->workers[index]->wheel;
}

/* May `by`, the calling worker or NULL, enter without a barrier? */
static bool is_own(const struct wheel *wheel, const struct worker *by)
{
    return by != NULL && wheel == &by->wheel;
}

/* Takes the lock of a wheel, for the calling worker, or NULL. */
static inline void enter(struct wheel *wheel, const struct worker *by)
{
    if (is_own(wheel, by))
        rt__owner_enter(&wheel->lock);
    else if (wheel->shared)
        rt__lock(&wheel->lock.thief);
    else
        while (!rt__thief_enter(&wheel->lock))
            sched_yield(); /* its owner has lost its processor, inside */
}

static inline void leave(struct wheel *wheel, const struct worker *by)
{
    if (is_own(wheel, by))
        rt__owner_leave(&wheel->lock);
    else
        rt__thief_leave(&wheel->lock);
}

uint64_t rt__after(const struct rt *rt, uint64_t ms)
{
    if (ms > TIMER_MS_MAX)
        ms = TIMER_MS_MAX;
    /* Virtual time stands while a process runs, so there it is all the same. */
    if (rt->simulated)
        return next_tick(rt) + ms;
    return TIMER_LATER | ms;
}

/* Wakes a worker that sleeps past a new deadline on the shared wheel. */
static void look_again(struct rt *rt)
{
    fence_seq_cst(); /* next_ms, then `parked`: pairs with park() in idle.c */
    rt__wake_one(rt);
}

/* On the wheel of `worker`; `by` is the calling one, or NULL: the watchdog
 * starts timers for a worker that is stuck, and must not touch what is that
 * one's own. */
static enum agner_err start(struct rt *rt, struct worker *worker,
                            struct worker *by, const struct timing *timing,
                            etf_term to, struct envelope *m, struct timer **out,
                            uint64_t *id)
{
    struct wheel *wheel = wheel_of(rt, worker);
    struct timer *timer;

    enter(wheel, by);
    timer = rt__wheel_new(wheel);
    if (timer == NULL) {
        leave(wheel, by);
        return AGNER_ENOMEM;
    }
    *id = rt__ref_next(rt, by);
    /* Release: who still has an old number, and finds any of this, sees that
     * the number is over. */
    store_release(&timer->deadline_ms, timing->at_ms);
    store_release(&timer->to, to.word);
    store_relaxed(&timer->flags, timing->flags);
    timer->interval_ms = timing->interval_ms;
    timer->has.envelope = m;
    store_relaxed(&timer->wheel,
                  worker == NULL ? (uint16_t)UINT16_MAX : worker->index);
    /* Pairs with the acquire of who takes the id away, and of left_of(). */
    store_release(&timer->id, *id);
    rt__wheel_arm(wheel, timer);
    if (worker == NULL || load_relaxed(&wheel->fresh_count) >= FRESH_MAX)
        rt__wheel_settle(wheel, rt->world->now_ns(rt->world->ctx));
    store_relaxed(&wheel->set, load_relaxed(&wheel->set) + 1);
    *out = timer;
    leave(wheel, by);
    if (worker == NULL)
        look_again(rt);
    return AGNER_OK;
}

enum agner_err rt__timer_start(struct rt *rt, struct worker *worker,
                               const struct timing *timing, etf_term to,
                               struct envelope *m, struct timer **out,
                               uint64_t *id)
{
    return start(rt, worker, worker, timing, to, m, out, id);
}

enum agner_err rt__timer_push(struct rt *rt, struct worker *worker, uint64_t ms,
                              etf_term to, struct envelope *m,
                              struct timer **timer, uint64_t *id)
{
    const struct timing timing = { .at_ms = rt__after(rt, ms),
                                   .flags = rt__patience(ms) };

    return start(rt, worker, worker, &timing, to, m, timer, id);
}

void rt__timer_undo(struct rt *rt, struct worker *worker, etf_term to,
                    struct envelope *m)
{
    if ((m->flags & ENVELOPE_BEGIN) == 0) {
        rt__envelope_free(rt, worker, m);
        return;
    }
    /* The process that it would have woken ends without having begun. */
    m->kind = ENVELOPE_EXIT2;
    m->flags = 0;
    m->term = ETF_A(kill);
    m->sender = to;
    rt__push_or_drop(rt, worker, to, m);
}

static uint64_t left_of(struct rt *rt, uint64_t deadline_ms)
{
    uint64_t now;

    if ((deadline_ms & TIMER_LATER) != 0)
        return deadline_ms & ~TIMER_LATER;
    now = next_tick(rt);
    return deadline_ms > now ? deadline_ms - now : 0;
}

/* What is read belongs to the id if that is the same afterwards. Order: acquire
 * of each field pairs with the release in start(), whose next life has another
 * id then. */
bool rt__timer_left(struct rt *rt, struct timer *timer, uint64_t id,
                    etf_term *to, uint64_t *left_ms)
{
    uint64_t deadline_ms, word;
    bool by_target;

    if (load_acquire(&timer->id) != id)
        return false;
    by_target = (load_acquire(&timer->flags) & TIMER_BY_TARGET) != 0;
    word = load_acquire(&timer->to);
    deadline_ms = load_acquire(&timer->deadline_ms);
    if (load_relaxed(&timer->id) != id)
        return false;
    *left_ms = left_of(rt, deadline_ms);
    *to = by_target ? ETF_NONE : etf__word(word);
    return true;
}

void rt__timer_await(struct rt *rt, struct timer *timer)
{
    struct wheel *wheel = wheel_at(rt, load_relaxed(&timer->wheel));

    rt__lock(&wheel->firing);
    rt__unlock(&wheel->firing);
}

/* Nobody else has `timer` any more, but the wheel that it is on. */
static void put_away(struct wheel *wheel, struct worker *worker,
                     struct timer *timer)
{
    if (!is_own(wheel, worker) && !wheel->shared) {
        rt__wheel_leave(wheel, timer);
        return;
    }
    enter(wheel, worker);
    if (timer->link != NULL)
        rt__wheel_disarm(wheel, timer);
    rt__wheel_release(wheel, timer);
    leave(wheel, worker);
}

bool rt__timer_take(struct rt *rt, struct worker *worker, struct timer *timer,
                    uint64_t id, etf_term *to, uint64_t *left_ms)
{
    uint64_t armed = id;
    struct envelope *m;
    etf_term pid;

    /* Order: acquire pairs with the release in start(): the rest is ours. */
    if (load_relaxed(&timer->id) != id || !cas_acquire(&timer->id, &armed, 0u))
        return false;
    if (left_ms != NULL)
        *left_ms = left_of(rt, load_relaxed(&timer->deadline_ms));
    m = timer->has.envelope;
    pid = etf__word(load_relaxed(&timer->to));
    /* A process that it would have begun is about to end by that alone. */
    *to = (load_relaxed(&timer->flags) & TIMER_BY_TARGET) != 0 ||
                  (m->flags & ENVELOPE_BEGIN) != 0
              ? ETF_NONE
              : pid;
    /* A timer block never changes wheels. */
    put_away(wheel_at(rt, load_relaxed(&timer->wheel)), worker, timer);
    rt__timer_undo(rt, worker, pid, m);
    return true;
}

bool rt__timer_cancel(struct rt *rt, struct worker *worker, struct timer *timer,
                      uint64_t id)
{
    etf_term to;

    return rt__timer_take(rt, worker, timer, id, &to, NULL);
}

/* ---- Firing
 * ------------------------------------------------------------------------ */

/* Sends the message of a timer whose target is a term: it is the envelope's
 * sender. The wheel's lock is not held. */
static void send_by_target(struct rt *rt, const struct envelope *m,
                           etf_term owner)
{
    if (m->kind == ENVELOPE_EXIT2)
        rt__exit_target(rt, owner, m->sender, m->term);
    else
        (void)rt_post(rt, m->sender,
                      m->term); /* nobody to tell: OTP drops it too */
}

/* The next envelope of an interval timer. */
static struct envelope *again(const struct envelope *m)
{
    struct envelope *copy =
        rt__envelope_from(NULL, ENVELOPE_MESSAGE, m->sender, m->term);

    if (copy != NULL)
        copy->id = m->id;
    return copy;
}

/* An interval for a local process ends with it. */
static bool has_target(struct rt *rt, const struct envelope *m)
{
    return etf__tag(m->sender) != ETF__PID ||
           rt_is_alive(rt, rt__pid_of(m->sender));
}

/* Puts a timer that repeats back for the next time, or frees it. */
static void put_back(struct wheel *wheel, struct worker *worker,
                     struct timer *timer, struct envelope *next, uint64_t now)
{
    uint64_t at = load_relaxed(&timer->deadline_ms) + timer->interval_ms;

    if (next == NULL) {
        store_relaxed(&timer->id, 0u);
        put_away(wheel, worker, timer);
        return;
    }
    enter(wheel, worker);
    timer->has.envelope = next;
    store_release(&timer->deadline_ms, at > now ? at : now + 1);
    rt__wheel_arm(wheel, timer);
    /* Release: as in start(). */
    store_release(&timer->id, load_relaxed(&timer->id) & ~TIMER_FIRING);
    leave(wheel, worker);
}

static void fire(struct rt *rt, struct worker *worker, struct wheel *wheel,
                 struct timer *timer, uint64_t now)
{
    struct envelope *m = timer->has.envelope;
    etf_term to = etf__word(load_relaxed(&timer->to));
    bool by_target = (load_relaxed(&timer->flags) & TIMER_BY_TARGET) != 0;
    bool owner_lives =
        !by_target || etf_is_none(to) || rt_is_alive(rt, rt__pid_of(to));
    struct envelope *next =
        timer->interval_ms != 0 && owner_lives && has_target(rt, m) ? again(m)
                                                                    : NULL;

    store_relaxed(&wheel->fired, load_relaxed(&wheel->fired) + 1);
    if (by_target) {
        if (owner_lives)
            send_by_target(rt, m, to);
        rt__envelope_free(rt, worker, m);
    } else if (m->kind == ENVELOPE_MESSAGE) {
        /* What is dropped is counted. */
        (void)rt__post_local(rt, NULL, worker, to, m, RT_SEND_NOSUSPEND);
    } else {
        rt__push_or_drop(rt, worker, to, m);
    }
    /* Now it may be cancelled again: nothing of this time is to come. */
    put_back(wheel, worker, timer, next, now);
}

void rt__timers_settle(struct worker *worker, struct wheel *wheel,
                       uint64_t now_ns)
{
    if (load_relaxed(&wheel->fresh_count) == 0)
        return;
    enter(wheel, worker);
    rt__wheel_settle(wheel, now_ns);
    leave(wheel, worker);
}

/*
 * Between leaving the wheel and being released a timer is on its way: cancel
 * finds its id changed, waits for `firing` to be free, and says that it has
 * fired; its message is in the mailbox then (G22).
 */
static void fire_due(struct rt *rt, struct worker *worker, struct wheel *wheel,
                     uint64_t now_ns)
{
    uint64_t now = now_ns / 1000000u, count = 0;
    struct timer *due;

    rt__lock(&wheel->firing);
    enter(wheel, worker);
    rt__wheel_collect(wheel);
    due = rt__wheel_due(wheel, now, 256);
    leave(wheel, worker);
    if (worker != NULL)
        worker->fires = true;
    while (due != NULL) {
        struct timer *following = due->next;

        due->next = NULL;
        fire(rt, worker, wheel, due, now);
        due = following;
        count++;
    }
    rt__unlock(&wheel->firing);
    if (worker != NULL) {
        worker->fires = false;
        rt__call_later(worker, now_ns);
    }
    if (count > 0 && rt->box != NULL)
        rt__box_timers(rt, worker, count);
}

void rt__timers_fire(struct rt *rt, struct worker *worker, struct wheel *wheel)
{
    uint64_t now_ns;

    if (load_relaxed(&wheel->next_ms) == RT_NEVER &&
        load_relaxed(&wheel->fresh_count) == 0)
        return;
    now_ns = rt->world->now_ns(rt->world->ctx);
    rt__timers_settle(worker, wheel, now_ns);
    if (load_relaxed(&wheel->next_ms) <= now_ns / 1000000u)
        fire_due(rt, worker, wheel, now_ns);
}

uint64_t rt__timers_next_ms(struct rt *rt)
{
    uint64_t next = load_relaxed(&rt->shared_wheel.next_ms);
    unsigned i;

    for (i = 0; i < rt->worker_total; i++) {
        uint64_t at = load_relaxed(&rt->workers[i]->wheel.next_ms);

        if (at < next)
            next = at;
    }
    return next;
}

uint64_t rt__timers_wake_ms(struct worker *w)
{
    uint64_t wake_ms = load_relaxed(&w->wheel.next_ms);

    if (wake_ms == RT_NEVER)
        return wake_ms;
    rt__owner_enter(&w->wheel.lock);
    wake_ms = rt__wheel_wake_ms(&w->wheel);
    rt__owner_leave(&w->wheel.lock);
    return wake_ms;
}

/* ---- Deadlines of waits
 * ----------------------------------------------------------------- */

/* Those who wait stand in a list, a ring, in the order in which they began. Who
 * is done empties his place, so that nobody has to look at his stack to know:
 * where a thousand wait, that is in no cache. If he went on with another worker
 * the stack tells, by its number. */

static uint32_t lazy_count(const struct worker *w)
{
    return load_relaxed(&w->lazy_tail) - load_relaxed(&w->lazy_head);
}

static uint64_t deadline_from(uint64_t now_ns, const struct lazy *lazy)
{
    uint64_t time = lazy->when % LAZY_PATIENT;

    if ((lazy->when & LAZY_FROM_NOW) == 0)
        return time;
    return time >= (LAZY_PATIENT - now_ns) / 1000000u
               ? LAZY_PATIENT - 1
               : now_ns + time * 1000000u;
}

/* Lets the deadline of a wait enter w's wheel. `gen` may have gone on
 * meanwhile: it is readable, and its number tells (stack.c). `by` is the
 * calling worker, or NULL. */
static bool arm_wait(struct worker *w, struct worker *by,
                     const struct lazy *lazy)
{
    const struct rt_world *world = w->rt->world;
    struct gen *gen = load_relaxed(&lazy->gen);
    struct envelope *m;
    struct timer *timer;
    uint64_t id, now_ns = 0;
    struct timing timing = { .flags = (lazy->when & LAZY_PATIENT) != 0
                                          ? TIMER_PATIENT
                                          : 0 };

    if (gen == NULL || load_relaxed(&gen->wait.seq) != lazy->seq)
        return true;
    m = rt__envelope_new(by, ENVELOPE_WAKE, ETF_NONE);
    if (m == NULL)
        return false;
    m->id = lazy->seq;
    if ((lazy->when & LAZY_FROM_NOW) != 0)
        now_ns = world->now_ns(world->ctx);
    timing.at_ms = rt__tick_of(deadline_from(now_ns, lazy));
    if (start(w->rt, w, by, &timing, rt__pid_word(lazy->process), m, &timer,
              &id) != AGNER_OK) {
        rt__envelope_free(w->rt, by, m);
        return false;
    }
    store_relaxed(&gen->wait.timer_id, id);
    /* Release pairs with forget_deadline(): the timer is written before. */
    store_release(&gen->wait.timer, timer);
    return true;
}

/* Those before `end` enter the wheel. Without memory the others wait for the
 * next time. The list's lock is held. */
static void arm_until(struct worker *w, struct worker *by, uint32_t end)
{
    uint32_t at = load_relaxed(&w->lazy_head);

    while (at != end && arm_wait(w, by, &w->lazy[at % LAZY_SIZE]))
        at++;
    store_relaxed(&w->lazy_head, at);
}

/* The list's lock is held. */
static void flush(struct worker *w, struct worker *by)
{
    arm_until(w, by, load_relaxed(&w->lazy_tail));
    store_relaxed(&w->lazy_since_ns, 0u);
}

void rt__lazy_flush(struct worker *w)
{
    rt__owner_enter(&w->lazy_lock);
    flush(w, w);
    rt__owner_leave(&w->lazy_lock);
}

void rt__lazy_rescue(struct worker *w)
{
    if (!rt__thief_enter(&w->lazy_lock))
        return; /* it is just there itself */
    flush(w, NULL);
    rt__thief_leave(&w->lazy_lock);
}

/* Lets those in who were there at the last look; the time-outs of those who
 * came since count from now. The list's lock is held. */
static void look_at_all(struct worker *w, bool first, uint64_t now_ns)
{
    uint32_t end = load_relaxed(&w->lazy_tail), at;

    if (!first && w->lazy_seen - load_relaxed(&w->lazy_head) <= lazy_count(w))
        arm_until(w, w, w->lazy_seen);
    for (at = load_relaxed(&w->lazy_head); at != end; at++) {
        struct lazy *lazy = &w->lazy[at % LAZY_SIZE];

        lazy->when = deadline_from(now_ns, lazy) | (lazy->when & LAZY_PATIENT);
    }
    w->lazy_seen = end;
    store_relaxed(&w->lazy_since_ns, now_ns);
}

void rt__lazy_look(struct worker *w)
{
    uint64_t now_ns, since_ns;

    /* The watchdog may empty the list meanwhile: relaxed, since what counts is
     * looked at again under the lock. */
    if (lazy_count(w) == 0)
        return;
    now_ns = w->rt->world->now_ns(w->rt->world->ctx);
    since_ns = load_relaxed(&w->lazy_since_ns);
    if (since_ns != 0 && now_ns - since_ns <= LAZY_NS)
        return;
    rt__owner_enter(&w->lazy_lock);
    look_at_all(w, load_relaxed(&w->lazy_since_ns) == 0, now_ns);
    rt__owner_leave(&w->lazy_lock);
}

/* Makes room in a full list: the oldest are over, or have waited for long
 * enough. The list's lock is held. */
static __attribute__((noinline)) bool make_room(struct worker *w)
{
    uint32_t head = load_relaxed(&w->lazy_head);
    uint32_t end = load_relaxed(&w->lazy_tail);

    while (head != end && load_relaxed(&w->lazy[head % LAZY_SIZE].gen) == NULL)
        head++;
    store_relaxed(&w->lazy_head, head);
    if (end - head > LAZY_SIZE / 4 * 3)
        arm_until(w, w, head + LAZY_SIZE / 4);
    return lazy_count(w) < LAZY_SIZE;
}

static inline uint64_t when_of(const struct wait *wait)
{
    uint64_t time =
        wait->deadline_ns != 0 ? wait->deadline_ns : wait->timeout_ms;

    if (time >= LAZY_PATIENT)
        time = LAZY_PATIENT - 1;
    if (wait->deadline_ns == 0)
        time |= LAZY_FROM_NOW;
    /* Who waits until a time, as an interval does, wants just that one. */
    if (wait->timeout_ms == RT_INFINITY)
        return time;
    return rt__patience(wait->timeout_ms) != 0 ? time | LAZY_PATIENT : time;
}

void rt__lazy_add(struct worker *w, struct gen *gen)
{
    struct wait *wait = &gen->wait;
    struct lazy *lazy;
    uint32_t tail;

    rt__owner_enter(&w->lazy_lock);
    if (__builtin_expect(lazy_count(w) == LAZY_SIZE, 0) && !make_room(w)) {
        rt__owner_leave(&w->lazy_lock);
        return; /* no memory for so many timers: this wait has no end */
    }
    tail = load_relaxed(&w->lazy_tail);
    lazy = &w->lazy[tail % LAZY_SIZE];
    store_relaxed(&lazy->gen, gen);
    lazy->seq = load_relaxed(&wait->seq);
    lazy->process = gen->process;
    lazy->when = when_of(wait);
    wait->lazy_at = tail;
    store_relaxed(&w->lazy_tail, tail + 1);
    rt__owner_leave(&w->lazy_lock);
}

/* ---- rt_timeout()
 * ---------------------------------------------------------------------------
 */

void rt_timeout(struct gen *self, uint64_t ms)
{
    struct process *p = self->process;
    struct extras *x = rt__extras_of(p);

    if (ms == RT_INFINITY) {
        if (x != NULL && x->timeout_timer != NULL) {
            (void)rt__timer_cancel(self->rt, self->worker, x->timeout_timer,
                                   x->timeout_timer_id);
            x->timeout_timer = NULL;
        }
        if (x != NULL)
            x->timeout_seq++;
        p->flags &= (uint16_t)~PROCESS_WANTS_TIMEOUT;
        return;
    }
    x = rt__extras(p);
    if (x == NULL) {
        rt__must_exit(p, ETF_A(killed), false, false); /* no memory */
        return;
    }
    x->timeout_ms = ms;
    p->flags |= PROCESS_WANTS_TIMEOUT;
}

void rt__timeout_arm(struct gen *self)
{
    struct extras *x = self->process->relations->extras;
    struct envelope *m;

    if (x->timeout_timer != NULL)
        return;
    m = rt__envelope_new(self->worker, ENVELOPE_TIMEOUT, ETF_NONE);
    if (m == NULL)
        return;
    m->id = x->timeout_seq;
    if (x->timeout_ms == 0) {
        rt__push_or_drop(self->rt, self->worker, rt__pid_word(self->process),
                         m);
        return;
    }
    if (rt__timer_push(self->rt, self->worker, x->timeout_ms,
                       rt__pid_word(self->process), m, &x->timeout_timer,
                       &x->timeout_timer_id) != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
}
