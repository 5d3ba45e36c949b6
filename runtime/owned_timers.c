/*
 * owned_timers.c -- timers that processes start, and that end with them.
 */
#include <stdlib.h>

#include "relation.h"
#include "worker.h"

/* OTP ends a timer together with the process that it is for. Here that shows
 * when somebody looks; its memory comes back then, or when it is due. */
static bool is_for_the_dead(struct rt *rt, etf_term to)
{
    return !etf_is_none(to) && !rt_is_alive(rt, rt__pid_of(to));
}

/* Is it still to be kept? One for the dead is cancelled. */
static bool is_wanted(struct rt *rt, const struct owned_timer *t)
{
    etf_term to;
    uint64_t left_ms;

    if (load_relaxed(&t->timer->id) != t->id)
        return false; /* over; else it may be, and the lock tells */
    if (t->is_mine)
        return true;
    if (!rt__timer_left(rt, t->timer, t->id, &to, &left_ms))
        return false;
    return !is_for_the_dead(rt, to) ||
           !rt__timer_cancel(rt, NULL, t->timer, t->id);
}

/* Room for one more owned timer; stale ones make place first. */
static bool own_room(struct rt *rt, struct relations *t)
{
    struct owned_timer *timers;
    uint32_t i, kept = 0, capacity;

    if (t->timer_count < t->timer_capacity)
        return true;
    for (i = 0; i < t->timer_count; i++)
        if (is_wanted(rt, &t->timers[i]))
            t->timers[kept++] = t->timers[i];
    t->timer_count = kept;
    if (kept * 2 < t->timer_capacity)
        return true;
    capacity = t->timer_capacity * 2 + 8;
    timers = realloc(t->timers, capacity * sizeof *timers);
    if (timers == NULL)
        return kept < t->timer_capacity;
    t->timers = timers;
    t->timer_capacity = capacity;
    return true;
}

/* What is to happen, and when. */
struct plan {
    enum envelope_kind kind;
    etf_term to, term;
    uint64_t deadline_ns;
    uint64_t interval_ms;
};

static enum agner_err after(const struct gen *self, uint64_t ms,
                            uint64_t *deadline_ns)
{
    uint64_t now_ns = self->rt->world->now_ns(self->rt->world->ctx);

    if (ms > (RT_NEVER - now_ns) / 1000000u)
        return AGNER_EINVAL;
    *deadline_ns = now_ns + ms * 1000000u;
    return AGNER_OK;
}

/* Starts the timer for `m`, which it takes on success. There is room. */
static enum agner_err own(struct gen *self, const struct plan *plan,
                          struct envelope *m, bool by_target,
                          struct rt_timer *handle)
{
    struct relations *t = self->process->relations;
    struct timer *timer;
    uint64_t id;
    enum agner_err err = rt__timer_start(
        self->rt, self->worker, rt__tick_of(plan->deadline_ns),
        plan->interval_ms, by_target ? rt__pid_word(self->process) : plan->to,
        m, by_target, &timer, &id);

    if (err != AGNER_OK)
        return err;
    t->timers[t->timer_count].timer = timer;
    t->timers[t->timer_count].is_mine =
        etf_same(plan->to, rt__pid_word(self->process));
    t->timers[t->timer_count++].id = id & (UINT64_MAX >> 1);
    if (handle != NULL) {
        handle->id = id;
        handle->where = (uint64_t)(uintptr_t)timer;
    }
    return AGNER_OK;
}

static enum agner_err prepare(struct gen *self)
{
    struct relations *t = rt__relations(self->process);
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    return t == NULL || !own_room(self->rt, t) ? AGNER_ENOMEM : AGNER_OK;
}

/* What is for a local process is pushed as it is; any other target is looked up
 * when the timer fires. */
static enum agner_err carry_out(struct gen *self, const struct plan *plan,
                                struct rt_timer *handle)
{
    bool by_target = etf__tag(plan->to) != ETF__PID || plan->interval_ms != 0;
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
    enum agner_err err = after(self, ms, &plan.deadline_ns);

    return err == AGNER_OK ? carry_out(self, &plan, timer) : err;
}

enum agner_err rt_send_at(struct gen *self, etf_term to, etf_term message,
                          uint64_t at_ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_MESSAGE, .to = to, .term = message };

    if (at_ms > RT_NEVER / 1000000u)
        return AGNER_EINVAL;
    plan.deadline_ns = at_ms * 1000000u;
    return carry_out(self, &plan, timer);
}

enum agner_err rt_send_interval(struct gen *self, etf_term to, etf_term message,
                                uint64_t ms, struct rt_timer *timer)
{
    struct plan plan = { .kind = ENVELOPE_MESSAGE,
                         .to = to,
                         .term = message,
                         .interval_ms = ms == 0 ? 1 : ms };
    enum agner_err err = after(self, ms, &plan.deadline_ns);

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
    enum agner_err err = after(self, ms, &plan.deadline_ns);

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
        err = after(self, ms, &plan.deadline_ns);
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
    return is_for_the_dead(self->rt, to) ? AGNER_ENOREF : AGNER_OK;
}

enum agner_err rt_read_timer(struct gen *self, const struct rt_timer *handle,
                             uint64_t *left_ms)
{
    struct timer *timer = timer_of(handle);
    uint64_t left;
    etf_term to;

    if (timer == NULL ||
        !rt__timer_left(self->rt, timer, handle->id, &to, &left) ||
        is_for_the_dead(self->rt, to))
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
