/*
 * timers.c -- starting and firing timers, and the deadlines of waits.
 *
 * A timer is on the wheel of the worker that started it. Its envelope was made
 * when it was started, so firing needs no memory. The deadline of a wait is
 * lazy: it stands in the worker's list and enters the wheel only when the list
 * is full or the worker parks, and the wait still lasts. Most waits are over
 * long before.
 */
#include <stdlib.h>
#include <string.h>

#include "relation.h"
#include "worker.h"

#define LAZY_NS 1000000u /* how late a deadline may enter the wheel */

static uint64_t now_ms(const struct rt *rt)
{
    return rt->world->now_ns(rt->world->ctx) / 1000000u;
}

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
                            struct worker *by, uint64_t deadline_ms,
                            uint64_t interval_ms, etf_term to,
                            struct envelope *m, bool by_target,
                            struct timer **out, uint64_t *id)
{
    struct wheel *wheel = wheel_of(rt, worker);
    struct timer *timer;

    rt__lock(&wheel->lock);
    timer = rt__wheel_new(wheel);
    if (timer == NULL) {
        rt__unlock(&wheel->lock);
        return AGNER_ENOMEM;
    }
    *id = rt__ref_next(rt, by);
    timer->deadline_ms = deadline_ms;
    timer->interval_ms = interval_ms;
    timer->to = to;
    timer->envelope = m;
    timer->by_target = by_target;
    store_relaxed(&timer->wheel,
                  worker == NULL ? (uint16_t)UINT16_MAX : worker->index);
    store_relaxed(&timer->id, *id);
    rt__wheel_arm(wheel, timer);
    store_relaxed(&wheel->set, load_relaxed(&wheel->set) + 1);
    *out = timer;
    rt__unlock(&wheel->lock);
    if (worker == NULL)
        look_again(rt);
    return AGNER_OK;
}

enum agner_err rt__timer_start(struct rt *rt, struct worker *worker,
                               uint64_t deadline_ms, uint64_t interval_ms,
                               etf_term to, struct envelope *m, bool by_target,
                               struct timer **out, uint64_t *id)
{
    return start(rt, worker, worker, deadline_ms, interval_ms, to, m, by_target,
                 out, id);
}

enum agner_err rt__timer_push(struct rt *rt, struct worker *worker,
                              uint64_t deadline_ms, etf_term to,
                              struct envelope *m, struct timer **timer,
                              uint64_t *id)
{
    return rt__timer_start(rt, worker, deadline_ms, 0, to, m, false, timer, id);
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

bool rt__timer_left(struct rt *rt, struct timer *timer, uint64_t id,
                    etf_term *to, uint64_t *left_ms)
{
    struct wheel *wheel = wheel_at(rt, load_relaxed(&timer->wheel));
    uint64_t now = next_tick(rt);
    bool armed;

    rt__lock(&wheel->lock);
    armed = load_relaxed(&timer->id) == id;
    if (armed) {
        *left_ms = timer->deadline_ms > now ? timer->deadline_ms - now : 0;
        *to = timer->by_target ? ETF_NONE : timer->to;
    }
    rt__unlock(&wheel->lock);
    return armed;
}

void rt__timer_await(struct rt *rt, struct timer *timer)
{
    struct wheel *wheel = wheel_at(rt, load_relaxed(&timer->wheel));

    rt__lock(&wheel->firing);
    rt__unlock(&wheel->firing);
}

bool rt__timer_take(struct rt *rt, struct worker *worker, struct timer *timer,
                    uint64_t id, etf_term *to, uint64_t *left_ms)
{
    struct wheel *wheel = wheel_at(rt, load_relaxed(&timer->wheel));
    uint64_t now = left_ms == NULL ? 0 : next_tick(rt);
    struct envelope *m = NULL;
    etf_term pid = ETF_NONE;

    rt__lock(&wheel->lock);
    /* A timer block never changes wheels, so the lock is the right one. */
    if (load_relaxed(&timer->id) == id && timer->link != NULL) {
        if (left_ms != NULL)
            *left_ms = timer->deadline_ms > now ? timer->deadline_ms - now : 0;
        m = timer->envelope;
        pid = timer->to;
        /* A process that it would have begun is about to end by that alone. */
        *to = timer->by_target || (m->flags & ENVELOPE_BEGIN) != 0 ? ETF_NONE
                                                                   : pid;
        rt__wheel_disarm(wheel, timer);
        rt__wheel_release(wheel, timer);
    }
    rt__unlock(&wheel->lock);
    if (m == NULL)
        return false;
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

static void fire(struct rt *rt, struct worker *worker, struct wheel *wheel,
                 struct timer *timer, uint64_t now)
{
    struct envelope *m = timer->envelope;
    etf_term to = timer->to;
    bool by_target = timer->by_target;
    bool owner_lives =
        etf_is_none(to) || rt_is_alive(rt, rt__pid_of(to)) || !by_target;
    struct envelope *next =
        timer->interval_ms != 0 && owner_lives && has_target(rt, m) ? again(m)
                                                                    : NULL;

    if (next != NULL) {
        timer->envelope = next;
        timer->deadline_ms += timer->interval_ms;
        if (timer->deadline_ms <= now)
            timer->deadline_ms = now + 1;
        rt__lock(&wheel->lock);
        rt__wheel_arm(wheel, timer);
    } else {
        rt__lock(&wheel->lock);
        rt__wheel_release(wheel, timer);
    }
    store_relaxed(&wheel->fired, load_relaxed(&wheel->fired) + 1);
    rt__unlock(&wheel->lock);
    if (!by_target && m->kind == ENVELOPE_MESSAGE) {
        (void)rt__post_local(rt, NULL, worker, to, m, RT_SEND_NOSUSPEND);
        return; /* what was dropped is counted */
    }
    if (!by_target) {
        rt__push_or_drop(rt, worker, to, m);
        return;
    }
    if (owner_lives)
        send_by_target(rt, m, to);
    rt__envelope_free(rt, worker, m);
}

/*
 * Between leaving the wheel and being released a timer is on its way: cancel
 * finds it unlinked, waits for `firing` to be free, and says that it has fired;
 * its message is in the mailbox then (G22).
 */
void rt__timers_fire(struct rt *rt, struct worker *worker, struct wheel *wheel)
{
    uint64_t next = load_relaxed(&wheel->next_ms);
    uint64_t now, count = 0;
    struct timer *due;

    if (next == RT_NEVER)
        return;
    now = now_ms(rt);
    if (next > now)
        return;
    rt__lock(&wheel->firing);
    rt__lock(&wheel->lock);
    due = rt__wheel_due(wheel, now, 256);
    rt__unlock(&wheel->lock);
    while (due != NULL) {
        struct timer *following = due->next;

        due->next = NULL;
        fire(rt, worker, wheel, due, now);
        due = following;
        count++;
    }
    rt__unlock(&wheel->firing);
    if (count > 0 && rt->box != NULL)
        rt__box_timers(rt, worker, count);
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

/* ---- Deadlines of waits
 * ----------------------------------------------------------------- */

/* Lets the deadline of a wait enter w's wheel. `gen` may have gone on
 * meanwhile: it is readable, and its number tells (stack.c). `by` is the
 * calling worker, or NULL. */
static bool arm_wait(struct worker *w, struct worker *by,
                     const struct lazy *lazy)
{
    struct envelope *m;
    struct timer *timer;
    uint64_t id, deadline_ns;

    if (load_relaxed(&lazy->gen->wait.seq) != lazy->seq)
        return true;
    m = rt__envelope_new(by, ENVELOPE_WAKE, ETF_NONE);
    if (m == NULL)
        return false;
    m->id = lazy->seq;
    deadline_ns = lazy->deadline_ns != 0
                      ? lazy->deadline_ns
                      : rt__deadline(w->rt, lazy->timeout_ms);
    if (start(w->rt, w, by, rt__tick_of(deadline_ns), 0,
              etf__local_pid(lazy->process->slot, lazy->generation), m, false,
              &timer, &id) != AGNER_OK) {
        rt__envelope_free(w->rt, by, m);
        return false;
    }
    store_relaxed(&lazy->gen->wait.timer_id, id);
    /* Release pairs with forget_deadline(): the timer is written before. */
    store_release(&lazy->gen->wait.timer, timer);
    return true;
}

/* The list's lock is held. */
static void flush(struct worker *w, struct worker *by)
{
    unsigned i, kept = 0, count = load_relaxed(&w->lazy_count);

    for (i = 0; i < count; i++)
        if (!arm_wait(w, by, &w->lazy[i]))
            w->lazy[kept++] = w->lazy[i]; /* no memory: once more later */
    store_relaxed(&w->lazy_count, kept);
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

void rt__lazy_look(struct worker *w)
{
    uint64_t now_ns, since_ns;

    /* The watchdog may empty the list meanwhile: relaxed, since what counts is
     * looked at again under the lock. */
    if (load_relaxed(&w->lazy_count) == 0)
        return;
    now_ns = w->rt->world->now_ns(w->rt->world->ctx);
    since_ns = load_relaxed(&w->lazy_since_ns);
    if (since_ns == 0)
        store_relaxed(&w->lazy_since_ns, now_ns);
    else if (now_ns - since_ns > LAZY_NS)
        rt__lazy_flush(w);
}

void rt__lazy_add(struct worker *w, struct gen *gen)
{
    struct lazy *lazy;
    unsigned count;

    rt__owner_enter(&w->lazy_lock);
    if (load_relaxed(&w->lazy_count) == LAZY_SIZE)
        flush(w, w);
    count = load_relaxed(&w->lazy_count);
    if (count == LAZY_SIZE) {
        rt__owner_leave(&w->lazy_lock);
        return; /* no memory for a thousand timers: this wait has no end */
    }
    lazy = &w->lazy[count];
    lazy->gen = gen;
    lazy->process = gen->process;
    lazy->generation = load_relaxed(&gen->process->generation);
    lazy->seq = load_relaxed(&gen->wait.seq);
    lazy->timeout_ms = gen->wait.timeout_ms;
    lazy->deadline_ns = gen->wait.deadline_ns;
    store_relaxed(&w->lazy_count, count + 1);
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
    uint64_t deadline_ms;

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
    deadline_ms = rt__tick_of(self->rt->world->now_ns(self->rt->world->ctx) +
                              x->timeout_ms * 1000000u);
    if (rt__timer_push(self->rt, self->worker, deadline_ms,
                       rt__pid_word(self->process), m, &x->timeout_timer,
                       &x->timeout_timer_id) != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
}
