/*
 * owned_timers.c -- timers that processes start, and that end with them.
 */
#include <stdlib.h>

#include "relation.h"
#include "worker.h"

/* Room for one more owned timer; stale ones make place first. */
static bool own_room(struct relations *t)
{
    struct owned_timer *timers;
    uint32_t i, kept = 0, capacity;

    if (t->timer_count < t->timer_capacity)
        return true;
    for (i = 0; i < t->timer_count; i++)
        if (load_relaxed(&t->timers[i].timer->id) == t->timers[i].id)
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

/* A message to oneself or another local process is pushed as it is; any other
 * target is looked up when the timer fires. */
static enum agner_err start_owned(struct gen *self, etf_term to,
                                  etf_term message, uint64_t ms,
                                  uint64_t interval_ms, struct rt_timer *handle)
{
    struct relations *t = rt__relations(self->process);
    bool by_target = etf__tag(to) != ETF__PID || interval_ms != 0;
    struct envelope *m;
    struct timer *timer;
    uint64_t now_ns = self->rt->world->now_ns(self->rt->world->ctx);
    uint64_t id;
    enum agner_err err = rt__may_run(self);

    rt__spend(self);
    if (err != AGNER_OK)
        return err;
    if (ms > (RT_NEVER - now_ns) / 1000000u)
        return AGNER_EINVAL;
    if (t == NULL || !own_room(t) || etf_is_none(message))
        return AGNER_ENOMEM;
    m = rt__envelope_from(self->worker, ENVELOPE_MESSAGE,
                          by_target ? to : rt__pid_word(self->process),
                          message);
    if (m == NULL)
        return AGNER_ENOMEM;
    err = rt__timer_start(self->rt, self->worker,
                          rt__tick_of(now_ns + ms * 1000000u), interval_ms,
                          by_target ? rt__pid_word(self->process) : to, m,
                          by_target, &timer, &id);
    if (err != AGNER_OK) {
        rt__envelope_free(self->rt, self->worker, m);
        return err;
    }
    t->timers[t->timer_count].timer = timer;
    t->timers[t->timer_count++].id = id;
    if (handle != NULL) {
        handle->id = id;
        handle->where = (uint64_t)(uintptr_t)timer;
    }
    return AGNER_OK;
}

enum agner_err rt_send_after(struct gen *self, etf_term to, etf_term message,
                             uint64_t ms, struct rt_timer *timer)
{
    return start_owned(self, to, message, ms, 0, timer);
}

enum agner_err rt_send_interval(struct gen *self, etf_term to, etf_term message,
                                uint64_t ms, struct rt_timer *timer)
{
    return start_owned(self, to, message, ms, ms == 0 ? 1 : ms, timer);
}

enum agner_err rt_start_timer(struct gen *self, etf_term to, etf_term message,
                              uint64_t ms, struct rt_timer *timer, etf_ref *ref)
{
    etf_ref made = rt_make_ref(self);

    if (ref != NULL)
        *ref = made;
    return start_owned(self, to,
                       etf_make(self, "{timeout, _, _}", made, message), ms, 0,
                       timer);
}

static struct timer *timer_of(const struct rt_timer *handle)
{
    /* NOLINTNEXTLINE(performance-no-int-to-ptr): put there by start_owned() */
    return (struct timer *)(uintptr_t)handle->where;
}

enum agner_err rt_cancel_timer(struct gen *self, const struct rt_timer *handle,
                               uint64_t *left_ms)
{
    uint64_t left = 0;
    struct timer *timer = timer_of(handle);

    rt__spend(self);
    if (timer == NULL)
        return AGNER_ENOREF;
    if (rt__timer_cancel(self->rt, timer, handle->id, &left)) {
        if (left_ms != NULL)
            *left_ms = left;
        return AGNER_OK;
    }
    /* If it is being fired just now, its message must be in the mailbox before
     * we say so (G22). One that repeats is in the wheel again then. */
    rt__timer_await(self->rt, timer);
    if (!rt__timer_cancel(self->rt, timer, handle->id, &left))
        return AGNER_ENOREF;
    if (left_ms != NULL)
        *left_ms = left;
    return AGNER_OK;
}

enum agner_err rt_read_timer(struct gen *self, const struct rt_timer *handle,
                             uint64_t *left_ms)
{
    struct timer *timer = timer_of(handle);
    etf_term to;

    if (timer == NULL ||
        !rt__timer_left(self->rt, timer, handle->id, &to, left_ms))
        return AGNER_ENOREF;
    return AGNER_OK;
}

void rt__timers_end(struct rt *rt, struct worker *worker, struct process *p)
{
    struct relations *t = p->relations;
    uint32_t i;

    (void)worker;
    for (i = 0; i < t->timer_count; i++)
        if (load_relaxed(&t->timers[i].timer->id) == t->timers[i].id)
            (void)rt__timer_cancel(rt, t->timers[i].timer, t->timers[i].id,
                                   NULL);
    t->timer_count = 0;
}
