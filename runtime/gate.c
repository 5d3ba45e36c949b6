/*
 * gate.c -- where processes wait for room: rt_carrier.h has the interface.
 *
 * A waiting process is in the gate's list by a block on its own stack. Whoever
 * opens the gate takes the list and wakes each with an envelope that was made
 * before it began to wait, so that opening cannot fail. A process that leaves
 * early (it must end) takes itself out under the gate's lock.
 */
#include "worker.h"

struct rt_gate_wait {
    struct rt_gate_wait *next;
    struct envelope *wake; /* NULL: the gate was opened, it is on its way */
    etf_term who;
};

static void leave(struct rt_gate *gate, struct rt_gate_wait *wait)
{
    struct rt_gate_wait **link = &gate->first, *before = NULL;

    while (*link != NULL && *link != wait) {
        before = *link;
        link = &(*link)->next;
    }
    if (*link == NULL)
        return;
    *link = wait->next;
    if (gate->last == wait)
        gate->last = before;
}

enum agner_err rt__gate_wait(struct gen *self, struct rt_gate *gate)
{
    struct rt_gate_wait wait = { .who = rt__pid_word(self->process) };
    enum agner_err err;

    wait.wake = rt__envelope_new(self->worker, ENVELOPE_WAKE, ETF_NONE);
    if (wait.wake == NULL)
        return AGNER_ENOMEM;
    rt__wait_begin(self, WAIT_GATE, RT_INFINITY);
    wait.wake->id = load_relaxed(&self->wait.seq);
    rt__lock(&gate->lock);
    if (!gate->shut) {
        rt__unlock(&gate->lock);
        rt__envelope_free(self->rt, self->worker, wait.wake);
        self->wait.kind = WAIT_NOTHING;
        return AGNER_OK;
    }
    if (gate->last == NULL)
        gate->first = &wait;
    else
        gate->last->next = &wait;
    gate->last = &wait;
    rt__unlock(&gate->lock);
    err = rt__block(self);
    rt__lock(&gate->lock);
    leave(gate, &wait);
    rt__unlock(&gate->lock);
    if (wait.wake != NULL)
        rt__envelope_free(self->rt, self->worker, wait.wake);
    /* The wake that is still on its way must not end another wait. */
    store_relaxed(&self->wait.seq, load_relaxed(&self->wait.seq) + 1);
    return err == AGNER_ETIMEOUT ? AGNER_OK : err; /* a WAKE is what opens it */
}

void rt__gate_shut(struct rt_gate *gate)
{
    rt__lock(&gate->lock);
    gate->shut = true;
    rt__unlock(&gate->lock);
}

void rt__gate_open(struct rt *rt, struct rt_gate *gate)
{
    struct rt_gate_wait *wait;

    rt__lock(&gate->lock);
    gate->shut = false;
    while ((wait = gate->first) != NULL) {
        struct envelope *wake = wait->wake;
        etf_term who = wait->who;

        gate->first = wait->next;
        wait->wake = NULL;
        /* From here on `wait` may be gone: its process may run. But not before
         * the lock is free, since it takes the lock to leave. */
        rt__push_or_drop(rt, NULL, who, wake);
    }
    gate->last = NULL;
    rt__unlock(&gate->lock);
}
