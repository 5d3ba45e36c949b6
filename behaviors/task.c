/*
 * task.c -- a function in a process, asked for its result by one call.
 *
 * The owner starts the process and at once sends it a request, which carries
 * the argument; the answer is the result. So a task ends as a call does: once,
 * with its answer or its end, and never in the mailbox (I4).
 *
 * Source: Elixir 1.14, Task.
 */
#include "gen_internal.h"

#define GONE_MS \
    1000u /* that a killed task is waited for; one that computes on is as \
             good as gone */

struct task {
    struct gen_head head;           /* first */
    const struct gen_task_job *job; /* borrowed: static */
    etf_ref owner; /* of the monitor, until the request comes; nolink */
};

/* ---- The task's process ------------------------------------------------- */

struct run {
    const struct gen_task_job *job;
    etf_term arg, result;
};

static void call_run(struct gen *self, void *arg)
{
    struct run *run = arg;

    run->result = run->job->run(self, run->arg);
}

static const struct gen_sys_view task_view = { .module = "gen_task" };

static enum rt_next begin(struct gen *self)
{
    struct task *t = rt_state(self);

    t->job = rt_note(self);
    t->head.state_offset = GEN_SIZE(task);
    t->head.sys.view = &task_view;
    t->head.sys.name = t->job->name;
    return RT_NEXT;
}

static enum rt_next task_init(struct gen *self, etf_term args)
{
    (void)args;
    return begin(self);
}

/* No link: an owner that ends before it has asked would leave it for ever. */
static enum rt_next task_init_nolink(struct gen *self, etf_term args)
{
    struct task *t = rt_state(self);
    etf_term owner = etf_from_pid(rt_region(self), rt_parent(self));

    (void)args;
    if (rt_monitor(self, owner, 0, &t->owner) != AGNER_OK)
        return rt_stop(self, ETF_A(memory_limit));
    return begin(self);
}

/* Does the work and answers. The owner hears of a failure by the end. */
static enum rt_next work(struct gen *self, struct task *t,
                         const struct rt_message *m)
{
    struct run run = { .job = t->job, .arg = m->term };
    etf_term reason = ETF_A(normal);

    if (t->owner.count != 0)
        (void)rt_demonitor(self, t->owner, true);
    if (rt_try(self, call_run, &run, &reason) != AGNER_OK) {
        gen__crash_report(self, reason);
        return rt_stop(self, reason);
    }
    if (rt_check(self) != AGNER_OK)
        return RT_NEXT; /* it was told to end meanwhile: no result */
    /* An owner that traps exits need not hear of a good end. */
    (void)rt_unlink(self, rt_parent(self));
    if (etf_is_none(run.result) ||
        rt_reply(self, &m->from, run.result) != AGNER_OK)
        return rt_stop(self, ETF_A(memory_limit));
    return rt_stop(self, ETF_A(normal));
}

static enum rt_next task_message(struct gen *self, const struct rt_message *m)
{
    if (m->kind == RT_CALL)
        return work(self, rt_state(self), m);
    if (m->kind == RT_DIRECT)
        rt_direct_reply(self, &m->direct, AGNER_ENOTSUP, NULL);
    if (m->kind == RT_DOWN || m->kind == RT_PARENT_EXIT)
        return rt_stop(self, ETF_A(normal)); /* nobody will ask */
    return RT_NEXT; /* there is only one thing that it can be asked */
}

static void task_destroy(void *state)
{
    gen__head_fini(&((struct task *)state)->head);
}

#define TASK_BEHAVIOR(init_fn) \
    { \
        .name = "gen_task", .state_size = sizeof(struct task), \
        .init = (init_fn), .message = task_message, .destroy = task_destroy, \
        GEN_LABELLED \
    }

static const struct rt_behavior linked = TASK_BEHAVIOR(task_init);
static const struct rt_behavior unlinked = TASK_BEHAVIOR(task_init_nolink);

/* ---- Its owner ---------------------------------------------------------- */

static void kill(struct gen *self, const struct gen_task *task)
{
    (void)rt_unlink(self, task->pid);
    (void)rt_exit_signal(self, task->pid, ETF_A(kill)); /* it may be gone */
}

static enum agner_err start(struct gen *self, const struct gen_task_job *job,
                            etf_term arg,
                            const struct rt_spawn_options *options, bool link,
                            struct gen_task *task)
{
    struct rt_spawn_options full = { 0 };
    struct gen_task started;
    enum agner_err err;

    if (job == NULL || job->run == NULL)
        return AGNER_EINVAL;
    if (etf_is_none(arg))
        return AGNER_ENOMEM;
    if (options != NULL)
        full = *options;
    full.link = link;
    full.monitor = false;
    full.parent = NULL;
    full.note = (void *)(uintptr_t)job; /* nobody writes through it */
    err = rt_start_nowait(self, link ? &linked : &unlinked, etf_nil(), &full,
                          &started.pid);
    if (err != AGNER_OK)
        return err;
    err = rt_request_send(self, etf_from_pid(NULL, started.pid), arg,
                          &started.request);
    if (err == AGNER_OK)
        *task = started;
    else
        kill(self, &started);
    return err;
}

enum agner_err gen_task_async(struct gen *self, const struct gen_task_job *job,
                              etf_term arg,
                              const struct rt_spawn_options *options,
                              struct gen_task *task)
{
    return start(self, job, arg, options, true, task);
}

enum agner_err gen_task_async_nolink(struct gen *self,
                                     const struct gen_task_job *job,
                                     etf_term arg,
                                     const struct rt_spawn_options *options,
                                     struct gen_task *task)
{
    return start(self, job, arg, options, false, task);
}

enum agner_err gen_task_yield(struct gen *self, const struct gen_task *task,
                              uint64_t timeout_ms, etf_term *result)
{
    return rt_request_wait(self, &task->request, timeout_ms, result);
}

void gen_task_abandon(struct gen *self, const struct gen_task *task)
{
    rt_request_abandon(self, &task->request);
    kill(self, task);
}

enum agner_err gen_task_await(struct gen *self, const struct gen_task *task,
                              uint64_t timeout_ms, etf_term *result)
{
    enum agner_err err = gen_task_yield(self, task, timeout_ms, result);

    if (err == AGNER_ETIMEOUT)
        gen_task_abandon(self, task);
    return err;
}

enum agner_err gen_task_shutdown(struct gen *self, const struct gen_task *task,
                                 uint64_t timeout_ms, etf_term *result)
{
    enum agner_err err = gen_task_yield(self, task, 0, result);

    if (err != AGNER_ETIMEOUT)
        return err;
    if (timeout_ms != 0) {
        (void)rt_unlink(self, task->pid);
        (void)rt_exit_signal(self, task->pid, ETF_A(shutdown));
        err = gen_task_yield(self, task, timeout_ms, result);
        if (err != AGNER_ETIMEOUT)
            return err;
    }
    kill(self, task);
    err = gen_task_yield(self, task, GONE_MS, result);
    if (err != AGNER_ETIMEOUT)
        return err;
    rt_request_abandon(self, &task->request);
    if (result != NULL)
        *result = ETF_A(killed);
    return AGNER_EEXIT;
}

/* ---- Many --------------------------------------------------------------- */

static bool must_end(enum agner_err err)
{
    return err == AGNER_EEXITING || err == AGNER_EKILLED;
}

/* One after the other: the time that is left is the next one's. */
static enum agner_err
wait_many(struct gen *self, const struct gen_task *tasks, size_t count,
          uint64_t timeout_ms, struct gen_task_result *results,
          enum agner_err (*wait)(struct gen *self, const struct gen_task *task,
                                 uint64_t timeout_ms, etf_term *result))
{
    uint64_t start_ms = rt_now_ms(rt_of(self));
    enum agner_err first = AGNER_OK;

    for (size_t i = 0; i < count; i++) {
        struct gen_task_result *r = &results[i];

        *r = (struct gen_task_result){ .index = i };
        r->err = wait(self, &tasks[i], gen__left_ms(self, start_ms, timeout_ms),
                      &r->term);
        if (must_end(r->err))
            return r->err;
        if (first == AGNER_OK)
            first = r->err;
    }
    return first;
}

enum agner_err gen_task_await_many(struct gen *self,
                                   const struct gen_task *tasks, size_t count,
                                   uint64_t timeout_ms,
                                   struct gen_task_result *results)
{
    return wait_many(self, tasks, count, timeout_ms, results, gen_task_await);
}

enum agner_err gen_task_yield_many(struct gen *self,
                                   const struct gen_task *tasks, size_t count,
                                   uint64_t timeout_ms,
                                   struct gen_task_result *results)
{
    return wait_many(self, tasks, count, timeout_ms, results, gen_task_yield);
}
