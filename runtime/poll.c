/*
 * poll.c -- a worker with nothing to run waits in the network's loop.
 *
 * So what comes is read, delivered and run by one thread, without a wake-up in
 * between. One worker polls at a time, on its thread's own stack, since what
 * the loop calls back may need more than a process's. What arrives meanwhile
 * goes to that worker's own queue.
 *
 * No wake-up is lost. A worker that polls writes `polls`, fences (in the loop),
 * and then looks at its word; its waker changes the word, fences, and then
 * looks at `polls`, which says where the worker waits.
 */
#include <assert.h>

#include "rt_carrier.h"
#include "worker.h"

/* rt.polling. The loop is the node's own, and stays while it is not NONE. */
enum {
    POLL_NONE,   /* no loop */
    POLL_FREE,   /* nobody polls */
    POLL_TAKEN,  /* one worker does */
    POLL_ENDING, /* it is the last one */
};

/* The worker that polls on this thread just now. */
static _Thread_local struct worker *here;

static void poll_loop(struct worker *w)
{
    struct rt *rt = w->rt;

    here = w;
    w->poll.done = rt->world->net->drive(rt->loop, &w->park_word, w->poll.seen,
                                         w->poll.deadline_ns);
    here = NULL;
}

/* Order: release, so that who ends the polling sees all of it behind us. */
static void give_back(struct rt *rt)
{
    uint32_t taken = POLL_TAKEN;

    if (cas_acq_rel(&rt->polling, &taken, (uint32_t)POLL_FREE))
        return;
    assert(taken == POLL_ENDING);
    store_release(&rt->polling, (uint32_t)POLL_NONE);
    rt->world->wake(rt->world->ctx, &rt->polling, 1);
}

bool rt__may_poll(const struct worker *w)
{
    return load_relaxed(&w->rt->polling) == POLL_FREE && !w->spare;
}

bool rt__poll(struct worker *w, uint32_t seen, uint64_t deadline_ns)
{
    struct rt *rt = w->rt;
    uint32_t nobody = POLL_FREE;

    if (!rt__may_poll(w) ||
        !cas_acq_rel(&rt->polling, &nobody, (uint32_t)POLL_TAKEN))
        return false;
    w->poll.seen = seen;
    w->poll.deadline_ns = deadline_ns;
    store_relaxed(&w->polls, 1u);
    rt__on_base(w, poll_loop);
    store_relaxed(&w->polls, 0u);
    give_back(rt);
    fence_seq_cst(); /* `polls`, then the word: pairs with rt__rouse() */
    return w->poll.done;
}

/* The look at `polls` is repeated once `rousing` keeps the loop alive. */
void rt__rouse(struct rt *rt, struct worker *w)
{
    bool polls;

    (void)add_acq_rel(&w->park_word, 1u);
    fence_after_rmw(); /* see the top */
    polls = load_relaxed(&w->polls) != 0;
    if (polls) {
        (void)add_acq_rel(&rt->rousing, 1u);
        fence_after_rmw(); /* `rousing`, then `polls`: rt__loop_unset() */
        polls = load_acquire(&w->polls) != 0;
        if (polls)
            rt->world->net->interrupt(rt->loop);
        (void)sub_acq_rel(&rt->rousing, 1u);
    }
    if (!polls)
        rt->world->wake(rt->world->ctx, &w->park_word, 1);
}

struct worker *rt__poller_here(const struct rt *rt)
{
    struct worker *w = here;

    if (w == NULL || w->rt != rt)
        return NULL;
    if (load_relaxed(&w->is_parked) != 0)
        rt__unpark_self(w);
    return w;
}

void rt__loop_set(struct rt *rt, struct rt_loop *loop)
{
    if (rt->simulated)
        return;
    rt->loop = loop;
    store_release(&rt->polling, (uint32_t)POLL_FREE);
}

void rt__loop_unset(struct rt *rt)
{
    uint32_t state = POLL_FREE;

    if (load_relaxed(&rt->polling) == POLL_NONE)
        return;
    while (!cas_acq_rel(&rt->polling, &state,
                        state == POLL_FREE ? (uint32_t)POLL_NONE
                                           : (uint32_t)POLL_ENDING))
        continue;
    if (state == POLL_TAKEN) {
        fence_seq_cst(); /* `polling`, then the parked workers */
        rt__wake_all(rt);
        while (load_acquire(&rt->polling) != POLL_NONE)
            rt->world->wait(rt->world->ctx, &rt->polling, POLL_ENDING,
                            RT_NEVER);
    }
    fence_seq_cst(); /* `polls` is 0; then `rousing`: rt__rouse() */
    while (load_acquire(&rt->rousing) != 0)
        atomic_relax();
    rt->loop = NULL;
}
