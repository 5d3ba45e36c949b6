/*
 * blocking.c -- work that blocks in the system, on threads of its own.
 *
 * Threads are started when work waits and none is free, up to the runtime's
 * limit, and stay. The process waits for an envelope that was made before its
 * work was handed over. In a simulated world there are no threads: the work
 * runs in place.
 */
#include <stdlib.h>

#include "worker.h"

#define THREADS_MAX 64u

struct job {
    struct job *next;
    void (*work)(void *arg);
    void *arg;
    struct envelope *wake;
    etf_term who;
};

struct blocking {
    struct rt *rt;
    rt_spin lock; /* guards first, last, idle, count */
    struct job *first, *last;
    unsigned idle, count;
    unsigned waiting; /* jobs in the list */
    struct rt_thread *threads[THREADS_MAX];
    _Atomic uint32_t word; /* work came, or the end did */
    _Atomic uint32_t stopping;
};

enum agner_err rt__blocking_init(struct rt *rt)
{
    rt->blocking = calloc(1, sizeof *rt->blocking);
    if (rt->blocking == NULL)
        return AGNER_ENOMEM;
    rt->blocking->rt = rt;
    return AGNER_OK;
}

static struct job *take(struct blocking *b)
{
    struct job *job;

    rt__lock(&b->lock);
    job = b->first;
    if (job != NULL) {
        b->first = job->next;
        if (b->first == NULL)
            b->last = NULL;
        b->waiting--;
    }
    rt__unlock(&b->lock);
    return job;
}

/* Takes that job back. false: a thread has it already. */
static bool take_back(struct blocking *b, const struct job *job)
{
    struct job *before = NULL, *at;

    rt__lock(&b->lock);
    for (at = b->first; at != NULL && at != job; at = at->next)
        before = at;
    if (at != NULL) {
        if (before == NULL)
            b->first = at->next;
        else
            before->next = at->next;
        if (b->last == at)
            b->last = before;
        b->waiting--;
    }
    rt__unlock(&b->lock);
    return at != NULL;
}

static void change_idle(struct blocking *b, int by)
{
    rt__lock(&b->lock);
    b->idle = (unsigned)((int)b->idle + by);
    rt__unlock(&b->lock);
}

static void thread_main(void *arg)
{
    struct blocking *b = arg;
    const struct rt_world *world = b->rt->world;

    for (;;) {
        uint32_t seen = load_acquire(&b->word);
        struct job *job = take(b);

        if (job != NULL) {
            struct envelope *wake = job->wake;
            etf_term who = job->who;

            job->work(job->arg);
            /* After this push the job, on its process's stack, may be gone. */
            rt__push_or_drop(b->rt, NULL, who, wake);
            continue;
        }
        if (load_acquire(&b->stopping) != 0)
            return;
        change_idle(b, 1);
        world->wait(world->ctx, &b->word, seen, RT_NEVER);
        change_idle(b, -1);
    }
}

/* Queues the job; says whether a new thread should serve it. */
static bool put(struct blocking *b, struct job *job, unsigned limit)
{
    bool more;

    rt__lock(&b->lock);
    if (b->last == NULL)
        b->first = job;
    else
        b->last->next = job;
    b->last = job;
    b->waiting++;
    more = b->waiting > b->idle && b->count < limit;
    if (more)
        b->count++;
    rt__unlock(&b->lock);
    return more;
}

static bool add_thread(struct blocking *b)
{
    const struct rt_world *world = b->rt->world;
    struct rt_thread *thread;
    unsigned i;

    if (world->thread_start(world->ctx, "agner-blocking", thread_main, b,
                            &thread) == AGNER_OK) {
        rt__lock(&b->lock);
        for (i = 0; b->threads[i] != NULL; i++)
            continue;
        b->threads[i] = thread;
        rt__unlock(&b->lock);
        return true;
    }
    rt__lock(&b->lock);
    b->count--;
    i = b->count;
    rt__unlock(&b->lock);
    return i > 0; /* the others will do it */
}

enum agner_err rt_blocking(struct gen *self, void (*work)(void *arg), void *arg)
{
    struct blocking *b = self->rt->blocking;
    const struct rt_world *world = self->rt->world;
    struct job job = { .work = work, .arg = arg };
    enum agner_err err = rt__may_run(self);

    if (err != AGNER_OK)
        return err;
    if (self->rt->simulated || self->external) {
        work(arg);
        return AGNER_OK;
    }
    job.wake = rt__envelope_new(self->worker, ENVELOPE_WAKE, ETF_NONE);
    if (job.wake == NULL)
        return AGNER_ENOMEM;
    rt__wait_begin(self, WAIT_WORK, RT_INFINITY);
    job.wake->id = load_relaxed(&self->wait.seq);
    job.who = rt__pid_word(self->process);
    if (put(b, &job, self->rt->options.blocking_threads) && !add_thread(b) &&
        take_back(b, &job)) {
        /* No thread at all: do it here. */
        rt__envelope_free(self->rt, self->worker, job.wake);
        self->wait.kind = WAIT_NOTHING;
        work(arg);
        return AGNER_OK;
    }
    (void)add_acq_rel(&b->word, 1u);
    world->wake(world->ctx, &b->word, 1);
    while (rt__block(self) == AGNER_ENOMEM)
        self->wait.kind = WAIT_WORK; /* no stack to leave on: try again */
    store_relaxed(&self->wait.seq, load_relaxed(&self->wait.seq) + 1);
    return AGNER_OK;
}

void rt__blocking_fini(struct rt *rt)
{
    struct blocking *b = rt->blocking;
    unsigned i;

    if (b == NULL)
        return;
    store_release(&b->stopping, 1u);
    (void)add_acq_rel(&b->word, 1u);
    rt->world->wake(rt->world->ctx, &b->word, UINT32_MAX);
    for (i = 0; i < THREADS_MAX && b->threads[i] != NULL; i++)
        rt->world->thread_join(rt->world->ctx, b->threads[i]);
    free(b);
}
