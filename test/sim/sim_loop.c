/*
 * sim_loop.c -- loops without threads: a task or a timer is a step.
 */
#include "sim_net.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct rt_loop *of_work(struct source *source)
{
    return (struct rt_loop *)((char *)source - offsetof(struct rt_loop, work));
}

static struct rt_loop *of_time(struct source *source)
{
    return (struct rt_loop *)((char *)source - offsetof(struct rt_loop, time));
}

static size_t has_task(struct source *source)
{
    return of_work(source)->first != NULL;
}

static uint64_t never(struct source *source)
{
    (void)source;
    return RT_NEVER;
}

static void run_task(struct rt_loop *loop)
{
    struct rt_task *task = loop->first;

    loop->first = task->next;
    task->run(task);
}

static void work(struct source *source, size_t index)
{
    (void)index;
    run_task(of_work(source));
}

static uint64_t next_timer(struct source *source)
{
    return sim__when_ns(source->machine,
                        loop_timer_next(&of_time(source)->timers));
}

static size_t is_due(struct source *source)
{
    return next_timer(source) <= of_time(source)->sim->now_ns;
}

static void fire(struct source *source, size_t index)
{
    struct rt_loop *loop = of_time(source);

    (void)index;
    loop_timer_fire(&loop->timers, sim__local_ns(loop->machine));
}

static void post(struct rt_loop *loop, struct rt_task *task)
{
    task->next = NULL;
    if (loop->first == NULL)
        loop->first = task;
    else
        loop->last->next = task;
    loop->last = task;
}

/* The simulation takes the steps, and no thread that waits. */
static bool drive(struct rt_loop *loop, _Atomic uint32_t *word, uint32_t seen,
                  uint64_t deadline_ns)
{
    (void)loop;
    (void)word;
    (void)seen;
    (void)deadline_ns;
    return false;
}

static void interrupt(struct rt_loop *loop)
{
    (void)loop;
}

static void timer_start(struct rt_loop *loop, struct rt_loop_timer *timer,
                        uint64_t after_ms, uint64_t repeat_ms)
{
    loop_timer_start(&loop->timers, timer, sim__local_ns(loop->machine),
                     after_ms, repeat_ms);
}

static void timer_stop(struct rt_loop *loop, struct rt_loop_timer *timer)
{
    loop_timer_remove(&loop->timers, timer);
}

static enum agner_err loop_new(const struct rt_world *world, const char *name,
                               struct rt_loop **out, struct agner_error *error)
{
    struct sim_machine *machine = world->ctx;
    struct sim *sim = machine->sim;
    struct rt_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL)
        return agner_fail(error, AGNER_ENOMEM, "loop %s", name);
    loop->sim = sim;
    loop->machine = machine;
    (void)snprintf(loop->name, sizeof loop->name, "%s", name);
    loop->work = (struct source){
        .kind = "task", .ready = has_task, .when = never, .run = work
    };
    loop->time = (struct source){
        .kind = "timer", .ready = is_due, .when = next_timer, .run = fire
    };
    sim__source_add(machine, &loop->work);
    sim__source_add(machine, &loop->time);
    loop->next = sim->loops;
    loop->link = &sim->loops;
    if (sim->loops != NULL)
        sim->loops->link = &loop->next;
    sim->loops = loop;
    *out = loop;
    return AGNER_OK;
}

static void free_loop(struct rt_loop *loop)
{
    assert(loop->conns == NULL && loop->listeners == NULL);
    assert(loop->udps == NULL && loop->resolves == NULL);
    sim__forget_loop(loop);
    while (loop->timers.root != NULL)
        loop_timer_remove(&loop->timers, loop->timers.root);
    while (loop->names != NULL) {
        struct place_name *name = loop->names;

        loop->names = name->next;
        free(name);
    }
    sim__source_remove(&loop->work);
    sim__source_remove(&loop->time);
    *loop->link = loop->next;
    if (loop->next != NULL)
        loop->next->link = loop->link;
    free(loop);
}

/* In place, since the caller waits for it: what was posted, then what is open,
 * until what the owners do about it has come to an end. */
static void loop_free(struct rt_loop *loop)
{
    sim__event(loop->sim, "loop ends", loop->work.number, 0);
    while (loop->first != NULL)
        run_task(loop);
    loop->stopping = true;
    while (loop->listeners != NULL)
        sim__unlisten(loop->listeners);
    while (loop->udps != NULL)
        sim__udp_close(loop->udps);
    sim__names_end(loop, true);
    while (loop->conns != NULL || loop->first != NULL) {
        if (loop->first != NULL) {
            run_task(loop);
            continue;
        }
        sim__conn_end(loop->conns, AGNER_OK, "closed here: the loop ends");
        sim__conn_finish(loop->conns);
    }
    free_loop(loop);
}

/* Timers and tasks may be in memory that is gone already: they are not touched.
 */
void sim__loop_drop(struct rt_loop *loop)
{
    while (loop->listeners != NULL)
        sim__unlisten(loop->listeners);
    while (loop->udps != NULL)
        sim__udp_close(loop->udps);
    sim__names_end(loop, false);
    while (loop->conns != NULL)
        sim__conn_free(loop->conns);
    loop->timers.root = NULL;
    free_loop(loop);
}

const struct rt_net sim__net = {
    .loop_new = loop_new,
    .loop_free = loop_free,
    .post = post,
    .drive = drive,
    .interrupt = interrupt,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .listen = sim__listen,
    .unlisten = sim__unlisten,
    .dial = sim__dial,
    .adopt = sim__adopt,
    .read = sim__read,
    .write = sim__write,
    .close = sim__close,
    .peer_uid = sim__peer_uid,
    .rtt_us = sim__rtt_us,
    .udp_open = sim__udp_open,
    .udp_send = sim__udp_send,
    .udp_close = sim__udp_close,
    .resolve = sim__ask_name,
    .resolve_cancel = sim__ask_name_cancel,
};
