/*
 * direct.c -- native requests from any thread: spec/gen.md 1.7.
 *
 * The request travels as an envelope with a copy of its bytes; the asking
 * thread parks on a word of its own. The wait is shared by the asker and the
 * callee, and counted: the last one frees it. Its state has one winner: the
 * answer, or the asker's time-out. Requests that the callee answers later stand
 * in its list, so that its end fails them.
 */
#include "direct.h"

#include <stdlib.h>
#include <string.h>

#include "relation.h"
#include "worker.h"

enum { WAITING, ANSWERED, ABANDONED };

struct rt_direct_wait {
    struct rt_direct_wait *next; /* in the callee's list */
    const struct rt_world *world;
    _Atomic uint32_t refs;
    _Atomic uint32_t state;
    enum agner_err err;
    void *result;
};

static void let_go(struct rt_direct_wait *wait)
{
    if (sub_acq_rel(&wait->refs, 1u) == 1)
        free(wait);
}

/* Order: the release of the exchange publishes err and result to the asker. */
static void settle(struct rt_direct_wait *wait, enum agner_err err,
                   void *result)
{
    uint32_t waiting = WAITING;

    wait->err = err;
    wait->result = result;
    if (cas_acq_rel(&wait->state, &waiting, (uint32_t)ANSWERED))
        wait->world->wake(wait->world->ctx, &wait->state, 1);
    let_go(wait);
}

static struct rt_direct *direct_of(struct envelope *m)
{
    return (struct rt_direct *)(void *)(m + 1);
}

bool rt__direct_wanted(struct envelope *m)
{
    return load_relaxed(&direct_of(m)->wait->state) == WAITING;
}

void rt__direct_fail(struct envelope *m, enum agner_err err)
{
    settle(direct_of(m)->wait, err, NULL);
}

const struct rt_direct *rt__direct_open(struct process *p, struct envelope *m)
{
    struct rt_direct_wait *wait = direct_of(m)->wait;
    struct extras *x = rt__extras(p);

    if (x == NULL) {
        settle(wait, AGNER_ENOMEM, NULL);
        return NULL;
    }
    wait->next = x->directs;
    x->directs = wait;
    return direct_of(m);
}

void rt__direct_end(struct process *p)
{
    struct rt_direct_wait *wait = p->relations->extras->directs;

    while (wait != NULL) {
        struct rt_direct_wait *next = wait->next;

        settle(wait, AGNER_EEXIT, NULL);
        wait = next;
    }
    p->relations->extras->directs = NULL;
}

void rt_direct_reply(struct gen *self, const struct rt_direct *direct,
                     enum agner_err err, void *result)
{
    struct extras *x = rt__extras_of(self->process);
    struct rt_direct_wait **link = x == NULL ? NULL : &x->directs;

    /* Only what is in the list is unanswered: a second answer does nothing. */
    while (link != NULL && *link != NULL) {
        if (*link == direct->wait) {
            *link = direct->wait->next;
            settle(direct->wait, err, result);
            return;
        }
        link = &(*link)->next;
    }
}

static struct envelope *envelope_for(const void *request, size_t size,
                                     struct rt_direct_wait *wait)
{
    struct envelope *m =
        rt__pool_get(NULL, sizeof *m + sizeof(struct rt_direct) + size);
    struct rt_direct *direct;
    struct block kept;

    if (m == NULL)
        return NULL;
    memcpy(&kept, m, sizeof kept);
    memset(m, 0, sizeof *m);
    m->owner = kept.owner;
    m->class = kept.class;
    m->kind = ENVELOPE_DIRECT;
    direct = direct_of(m);
    if (size > 0)
        memcpy(direct + 1, request, size);
    direct->request = direct + 1;
    direct->request_size = size;
    direct->wait = wait;
    return m;
}

enum agner_err rt_direct(struct rt *rt, etf_pid to, const void *request,
                         size_t size, uint64_t timeout_ms, void **result)
{
    const struct rt_world *world = rt->world;
    struct rt_direct_wait *wait;
    struct envelope *m;
    uint64_t now_ns = world->now_ns(world->ctx);
    uint64_t deadline_ns = RT_NEVER;
    uint32_t waiting = WAITING;
    enum agner_err err = AGNER_ETIMEOUT;

    if (!etf_pid_is_local(to))
        return AGNER_EINVAL;
    if (timeout_ms < (RT_NEVER - now_ns) / 1000000u)
        deadline_ns = now_ns + timeout_ms * 1000000u;
    wait = calloc(1, sizeof *wait);
    m = wait == NULL ? NULL : envelope_for(request, size, wait);
    if (m == NULL) {
        free(wait);
        return AGNER_ENOMEM;
    }
    wait->world = world;
    store_relaxed(&wait->refs, 2u);
    if (rt__push(rt, NULL, rt__word_of(to), m) != AGNER_OK) {
        free(wait);
        rt__envelope_free(rt, NULL, m);
        return AGNER_ENOPROC;
    }
    while (load_acquire(&wait->state) == WAITING &&
           world->now_ns(world->ctx) < deadline_ns)
        world->wait(world->ctx, &wait->state, WAITING, deadline_ns);
    if (!cas_acq_rel(&wait->state, &waiting, (uint32_t)ABANDONED)) {
        err = wait->err;
        if (err == AGNER_OK && result != NULL)
            *result = wait->result;
    }
    let_go(wait);
    return err;
}
