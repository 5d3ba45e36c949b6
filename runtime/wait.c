/*
 * wait.c -- waiting at objects that are not processes: rt_wait.h.
 *
 * What wakes a process is an envelope that was made before it began to wait, so
 * waking cannot fail. All waiters of one wait carry its number; when it is over
 * the number moves on, and what is still on its way finds nobody.
 */
#include "worker.h"

static void free_wakes(struct gen *self, struct rt_waiter *waiters,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (waiters[i].wake != NULL)
            rt__envelope_free(self->rt, self->worker, waiters[i].wake);
        waiters[i].wake = NULL;
    }
}

enum agner_err rt_wait_begin(struct gen *self, struct rt_waiter *waiters,
                             size_t count)
{
    /* Whether there is something to wait for is the object's to say; but code
     * that is told to end again and again is left here, while it has nothing.
     */
    (void)rt__may_run(self);
    for (size_t i = 0; i < count; i++) {
        /* A term tells it from a time that is over. */
        struct envelope *wake =
            rt__envelope_new(self->worker, ENVELOPE_WAKE, ETF_A(true));

        if (wake == NULL) {
            free_wakes(self, waiters, i);
            return AGNER_ENOMEM;
        }
        wake->id = load_relaxed(&self->wait.seq);
        waiters[i] =
            (struct rt_waiter){ .wake = wake,
                                .who = rt__pid_word(self->process).word };
    }
    return AGNER_OK;
}

/* Looks without waiting. */
static enum agner_err poll_once(struct gen *self)
{
    struct process *p = self->process;
    enum agner_err err;

    rt__set_gen(p, self);
    rt__take(self->rt, self->worker, p);
    if (!self->external)
        rt__set_gen(p, NULL);
    err = self->wait.done ? AGNER_OK : rt__must_end(p);
    return err == AGNER_OK && !self->wait.done ? AGNER_ETIMEOUT : err;
}

enum agner_err rt_wait_block(struct gen *self, uint64_t timeout_ms)
{
    enum agner_err err;

    rt__wait_begin(self, WAIT_GATE, timeout_ms);
    err = timeout_ms == 0 ? poll_once(self) : rt__block(self);
    self->wait.kind = WAIT_NOTHING;
    return err;
}

enum agner_err rt_wait_until(struct gen *self, uint64_t at_ms)
{
    const struct rt_world *world = self->rt->world;
    enum agner_err err;

    if (at_ms >= RT_NEVER / 1000000u)
        return rt_wait_block(self, RT_INFINITY);
    if (at_ms * 1000000u <= world->now_ns(world->ctx))
        return rt_wait_block(self, 0);
    rt__wait_begin(self, WAIT_GATE, RT_INFINITY);
    self->wait.deadline_ns = at_ms * 1000000u;
    err = rt__block(self);
    self->wait.kind = WAIT_NOTHING;
    return err;
}

void rt_wait_end(struct gen *self, struct rt_waiter *waiters, size_t count)
{
    free_wakes(self, waiters, count);
    store_relaxed(&self->wait.seq, load_relaxed(&self->wait.seq) + 1);
}

struct rt_wake_up rt_wake_of(const struct rt_waiter *waiter)
{
    return (struct rt_wake_up){ .wake = waiter->wake, .who = waiter->who };
}

void rt_wake_take(struct rt_waiter *waiter)
{
    waiter->woken = true;
    waiter->wake = NULL;
}

void rt_wake_all(struct rt *rt, struct gen *by,
                 const struct rt_wake_up *wake_ups, size_t count)
{
    struct worker *worker = by == NULL ? NULL : by->worker;

    for (size_t i = 0; i < count; i++)
        rt__push_or_drop(rt, worker, etf__word(wake_ups[i].who),
                         wake_ups[i].wake);
}

/* Under the object's lock: the process may run from here on, but it needs that
 * before it lets go of the waiter. */
void rt_wake(struct rt *rt, struct gen *by, struct rt_waiter *waiter)
{
    struct rt_wake_up up = rt_wake_of(waiter);

    rt_wake_take(waiter);
    rt_wake_all(rt, by, &up, 1);
}
