/*
 * owned_timers.c -- timers that processes start, and that end with them.
 */
#include <stdlib.h>

#include "relation.h"
#include "worker.h"

#define OWNED_LOOKS 32u

/* OTP ends a timer together with the process that it is for. Here that shows
 * when somebody looks; its memory comes back then, or when it is due. */
static bool is_for_the_dead(const struct gen *self, etf_term to)
{
    return !etf_is_none(to) && !etf_same(to, rt__pid_word(self->process)) &&
           !rt_is_alive(self->rt, rt__pid_of(to));
}

/* Is it armed, or being fired? */
static bool is_armed(const struct owned_timer *t)
{
    return (load_relaxed(&t->timer->id) & ~TIMER_FIRING) == t->id;
}

/* Is it still to be kept? */
static bool is_wanted(const struct gen *self, const struct owned_timer *t)
{
    etf_term to;
    uint64_t left_ms;

    if (!is_armed(t))
        return false;
    if (t->is_mine || !rt__timer_left(self->rt, t->timer, t->id, &to, &left_ms))
        return true; /* or it is being fired, and may come back */
    return !is_for_the_dead(self, to);
}

/* One that is not is for the dead, or over. */
static void give_up(const struct gen *self, const struct owned_timer *t)
{
    if (is_armed(t))
        (void)rt__timer_cancel(self->rt, self->worker, t->timer, t->id);
}

/* Are many of the owned timers over, as far as a look at some of them tells? To
 * look at all would touch the memory of each. */
static bool many_are_over(const struct gen *self, const struct relations *t)
{
    uint32_t step = t->timer_count / OWNED_LOOKS + 1, looks = 0, over = 0, i;

    for (i = 0; i < t->timer_count; i += step, looks++)
        over += !is_wanted(self, &t->timers[i]);
    return over * 4 >= looks;
}

/* Room for one more owned timer; stale ones make place first. */
static bool own_room(struct gen *self, struct relations *t)
{
    struct owned_timer *timers;
    uint32_t i, kept = 0, capacity;

    if (t->timer_count < t->timer_capacity)
        return true;
    if (t->timer_count > 0 && many_are_over(self, t)) {
        for (i = 0; i < t->timer_count; i++)
            if (is_wanted(self, &t->timers[i]))
                t->timers[kept++] = t->timers[i];
            else
                give_up(self, &t->timers[i]);
        t->timer_count = kept;
    }
    if (t->timer_count * 2 < t->timer_capacity)
        return true;
    capacity = t->timer_capacity * 2 + 8;
    timers = realloc(t->timers, capacity * sizeof *timers);
    if (timers == NULL)
        return t->timer_count < t->timer_capacity;
    t->timers = timers;
    t->timer_capacity = capacity;
    return true;
}

/* What is to happen, and when. */
struct plan {
    enum envelope_kind kind;
    etf_term to, term;
    struct timing timing;
};

/* After so many milliseconds, and then again and again if `interval_ms`. */
static enum agner_err after(const struct gen *self, uint64_t ms,
                            uint64_t interval_ms, struct timing *timing)
{
    uint64_t shortest = interval_ms != 0 && interval_ms < ms ? interval_ms : ms;

    if (ms > (RT_NEVER - rt__clock_ns(self->rt)) / 1000000u)
        return AGNER_EINVAL;
    timing->at_ms = rt__after(self->rt, ms);
    timing->interval_ms = interval_ms;
    timing->flags = rt__patience(shortest);
    return AGNER_OK;
}

/* Starts the timer for `m`, which it takes on success. There is room. */
static enum agner_err own(struct gen *self, struct plan *plan,
                          struct envelope *m, bool by_target,
                          struct rt_timer *handle)
{
    etf_term me = rt__pid_word(self->process);
    struct relations *t = self->process->relations;
    struct owned_timer *owned = &t->timers[t->timer_count];
    struct timer *timer;
    uint64_t id;
    enum agner_err err;

    plan->timing.flags |= by_target ? TIMER_BY_TARGET : 0;
    err = rt__timer_start(self->rt, self->worker, &plan->timing,
                          by_target ? me : plan->to, m, &timer, &id);
    if (err != AGNER_OK)
        return err;
    owned->timer = timer;
    owned->is_mine = etf_same(plan->to, me);
    owned->id = id & ~TIMER_FIRING;
    t->timer_count++;
    if (handle != NULL) {
        handle->id = id;
        handle->where = (uint64_t)(uintptr_t)timer;
    }
    return AGNER_OK;
}

/* The last one that was started is over: often it is the one that ends. */
static void disown_last(struct gen *self, const struct rt_timer *handle)
{
    struct relations *t = self->process->relations;

    if (t != NULL && t->timer_count > 0 &&
        t->timers[t->timer_count - 1].id == handle->id)
        t->timer_count--;
}

static enum agner_err prepare(struct gen *self)
{
    struct relations *t = rt__relations(self->process);
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    return t == NULL || !own_room(self, t) ? AGNER_ENOMEM : AGNER_OK;
}

/* What is for a local process is pushed as it is; any other target is looked up
 * when the timer fires. */
static enum agner_err carry_out(struct gen *self, struct plan *plan,
                                struct rt_timer *handle)
{
    bool by_target =
        etf__tag(plan->to) != ETF__PID || plan->timing.interval_ms != 0;
    struct envelope *m;
    enum agner_err err = prepare(self);

    if (err == AGNER_OK && etf_is_none(plan->term))
        err = AGNER_ENOMEM; /* it could not be built */
    if (err != AGNER_OK)
        return err;
    m = rt__envelope_from(self->worker, plan->kind,
                          by_target ? plan->to : rt__pid_word(self->process),
                          plan->term);
    if (m == NULL)
        return AGNER_ENOMEM;
    err = own(self, plan, m, by_target, handle);
    if (err != AGNER_OK)
        rt__envelope_free(self->rt, self->worker, m);
    return err;
}

enum agner_err rt_send_after(struct gen *self, etf_term to, etf_term message,
                             uint64_t ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_MESSAGE, .to = to, .term = message };
    enum agner_err err = after(self, ms, 0, &plan.timing);

    return err == AGNER_OK ? carry_out(self, &plan, timer) : err;
}

enum agner_err rt_send_at(struct gen *self, etf_term to, etf_term message,
                          uint64_t at_ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_MESSAGE, .to = to, .term = message };

    if (at_ms > RT_NEVER / 1000000u)
        return AGNER_EINVAL;
    plan.timing.at_ms = at_ms;
    return carry_out(self, &plan, timer);
}

enum agner_err rt_send_interval(struct gen *self, etf_term to, etf_term message,
                                uint64_t ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_MESSAGE, .to = to, .term = message };
    enum agner_err err = after(self, ms, ms == 0 ? 1 : ms, &plan.timing);

    return err == AGNER_OK ? carry_out(self, &plan, timer) : err;
}

enum agner_err rt_start_timer(struct gen *self, etf_term to, etf_term message,
                              uint64_t ms, struct rt_timer *timer, etf_ref *ref)
{
    etf_ref made = rt_make_ref(self);

    if (ref != NULL)
        *ref = made;
    return rt_send_after(
        self, to, etf_make(self, "{timeout, _, _}", made, message), ms, timer);
}

enum agner_err rt_exit_after(struct gen *self, etf_term to, etf_term reason,
                             uint64_t ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_EXIT2, .to = to, .term = reason };
    enum agner_err err = after(self, ms, 0, &plan.timing);

    if (etf_kind(to) != ETF_KIND_PID && etf__tag(to) != ETF__ATOM)
        return AGNER_EINVAL;
    return err == AGNER_OK ? carry_out(self, &plan, timer) : err;
}

enum agner_err rt_kill_after(struct gen *self, etf_term to, uint64_t ms,
                             struct rt_timer *timer)
{
    return rt_exit_after(self, to, ETF_A(kill), ms, timer);
}

/* The process is there from the start, but runs only when it is woken. */
enum agner_err rt_apply_after(struct gen *self,
                              void (*code)(struct gen *self, void *arg),
                              void *arg, uint64_t ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_WAKE };
    struct envelope *m;
    enum agner_err err = prepare(self);

    if (err == AGNER_OK)
        err = after(self, ms, 0, &plan.timing);
    if (err != AGNER_OK)
        return err;
    m = rt__envelope_new(self->worker, ENVELOPE_WAKE, ETF_NONE);
    if (m == NULL)
        return AGNER_ENOMEM;
    err = rt__spawn_dormant(self, code, arg, &plan.to);
    if (err == AGNER_OK) {
        m->flags |= ENVELOPE_BEGIN;
        err = own(self, &plan, m, false, timer);
        if (err == AGNER_OK)
            return AGNER_OK;
        rt__timer_undo(self->rt, self->worker, plan.to, m);
        return err;
    }
    rt__envelope_free(self->rt, self->worker, m);
    return err;
}

static struct timer *timer_of(const struct rt_timer *handle)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): put there by own() */
    return (struct timer *)(uintptr_t)handle->where;
}

enum agner_err rt_cancel_timer(struct gen *self, const struct rt_timer *handle,
                               uint64_t *left_ms)
{
    struct timer *timer = timer_of(handle);
    etf_term to = ETF_NONE;

    rt__spend(self);
    if (timer == NULL)
        return AGNER_ENOREF;
    /* If it is being fired just now, its message must be in the mailbox before
     * we say so (G22). One that repeats is in the wheel again then. */
    if (!rt__timer_take(self->rt, self->worker, timer, handle->id, &to,
                        left_ms)) {
        rt__timer_await(self->rt, timer);
        if (!rt__timer_take(self->rt, self->worker, timer, handle->id, &to,
                            left_ms))
            return AGNER_ENOREF;
    }
    disown_last(self, handle);
    return is_for_the_dead(self, to) ? AGNER_ENOREF : AGNER_OK;
}

enum agner_err rt_read_timer(struct gen *self, const struct rt_timer *handle,
                             uint64_t *left_ms)
{
    struct timer *timer = timer_of(handle);
    uint64_t left;
    etf_term to;

    if (timer == NULL)
        return AGNER_ENOREF;
    if (!rt__timer_left(self->rt, timer, handle->id, &to, &left)) {
        rt__timer_await(self->rt, timer); /* as for a cancel */
        if (!rt__timer_left(self->rt, timer, handle->id, &to, &left))
            return AGNER_ENOREF;
    }
    if (is_for_the_dead(self, to))
        return AGNER_ENOREF;
    *left_ms = left;
    return AGNER_OK;
}

void rt__timers_end(struct rt *rt, struct worker *worker, struct process *p)
{
    struct relations *t = p->relations;
    uint32_t i;

    for (i = 0; i < t->timer_count; i++)
        if (load_relaxed(&t->timers[i].timer->id) == t->timers[i].id)
            (void)rt__timer_cancel(rt, worker, t->timers[i].timer,
                                   t->timers[i].id);
    t->timer_count = 0;
}
