/*
 * hook.c -- what is to be done when a process ends: rt_hook.h.
 *
 * A process's hooks are a list in its extras, in which any thread may take one
 * out: the lock is that of the stripe of its slot. Only the process itself puts
 * one in, or who bears it, so none comes after its end has begun.
 */
#include "relation.h"
#include "worker.h"

static rt_spin *lock_of(struct rt *rt, uint64_t who)
{
    return &rt->hook_locks[etf__pid_slot(etf__word(who)) % HOOK_STRIPES];
}

void rt__hook_put(struct rt *rt, const struct process *p, struct rt_hook *hook)
{
    struct extras *x = rt__extras_of(p);
    rt_spin *lock;

    hook->who = rt__pid_word(p).word;
    hook->prev = NULL;
    lock = lock_of(rt, hook->who);
    rt__lock(lock);
    hook->next = x->hooks;
    if (x->hooks != NULL)
        x->hooks->prev = hook;
    x->hooks = hook;
    hook->listed = true;
    rt__unlock(lock);
}

enum agner_err rt_hook_add(struct gen *self, struct rt_hook *hook)
{
    struct process *p = self->process;
    enum agner_err err = rt__must_end(p);

    if (err != AGNER_OK)
        return err;
    if (rt__extras(p) == NULL)
        return AGNER_ENOMEM;
    rt__hook_put(self->rt, p, hook);
    return AGNER_OK;
}

/* With the lock held: the first hook leaves the list through `first`, which
 * belongs to the process that is alive as long as a hook of it is there. */
static void unlink_hook(struct extras *x, struct rt_hook *hook)
{
    if (hook->prev == NULL)
        x->hooks = hook->next;
    else
        hook->prev->next = hook->next;
    if (hook->next != NULL)
        hook->next->prev = hook->prev;
    hook->next = hook->prev = NULL;
    hook->listed = false;
}

bool rt_hook_remove(struct rt *rt, struct rt_hook *hook)
{
    rt_spin *lock = lock_of(rt, hook->who);
    bool found;

    rt__lock(lock);
    found = hook->listed;
    if (found)
        unlink_hook(
            rt__extras_of(rt__slot(rt, etf__pid_slot(etf__word(hook->who)))),
            hook);
    rt__unlock(lock);
    return found;
}

void rt__hooks_end(struct rt *rt, struct process *p)
{
    struct extras *x = rt__extras_of(p);
    rt_spin *lock = lock_of(rt, rt__pid_word(p).word);
    struct rt_hook *hook;

    if (x == NULL)
        return;
    for (;;) {
        rt__lock(lock);
        hook = x->hooks;
        if (hook != NULL)
            unlink_hook(x, hook);
        rt__unlock(lock);
        if (hook == NULL)
            return;
        hook->run(hook, rt);
    }
}
