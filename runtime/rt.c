/*
 * rt.c -- a runtime as a whole: made, started, stopped, freed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "debug.h"
#include "env.h"
#include "event.h"
#include "nodes.h"
#include "relation.h"
#include "spawn_remote.h"
#include "worker.h"

#define STACK_SIZE         (64u * 1024u)
#define STACK_SIZE_CHECKED (256u * 1024u)
#define STOP_POLL_MS       5u
#define ABANDON_MS         5000u /* for a process that will not even die */

const struct rt_world *rt_world_of(const struct rt *rt)
{
    return rt->world;
}

static unsigned core_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);

    if (count < 1)
        return 1;
    return count > (long)WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

static size_t stack_size(const struct rt_options *o)
{
    size_t size = o->stack_size;

#if defined(RT_ASAN) || defined(RT_TSAN)
    size_t least = STACK_SIZE_CHECKED;
#else
    size_t least = 16u * 1024u;
#endif
    if (size == 0)
        size = least > STACK_SIZE ? least : STACK_SIZE;
    if (size < least)
        size = least;
    return (size + 4095) & ~(size_t)4095;
}

static void complete(struct rt_options *o)
{
    if (o->world == NULL)
        o->world = rt_world_real();
    if (o->workers == 0)
        o->workers = o->world->simulated ? 1 : core_count();
    if (o->workers > WORKERS_MAX)
        o->workers = WORKERS_MAX;
    if (o->world->simulated)
        o->workers = 1;
    if (o->processes_max == 0)
        o->processes_max = 16777216;
    if (o->processes_max > 1u << SLOT_BITS)
        o->processes_max = 1u << SLOT_BITS;
    if (o->slice_us == 0)
        o->slice_us = 1000;
    if (o->watchdog_ms == 0)
        o->watchdog_ms = 10;
    if (o->blocking_threads == 0)
        o->blocking_threads = 4;
    if (o->blocking_threads > 64)
        o->blocking_threads = 64;
    if (o->message_max == 0)
        o->message_max = ETF_DECODED_MAX;
    o->stack_size = stack_size(o);
}

/* ---- Simulated
 * ---------------------------------------------------------------------- */

static size_t sim_runnable(void *ctx)
{
    struct rt *rt = ctx;

    return load_relaxed(&rt->sim_queue.count);
}

static void sim_step(void *ctx, size_t index)
{
    struct rt *rt = ctx;

    rt__step(rt->workers[0], rt__sim_take(rt, index));
}

static uint64_t sim_deadline(void *ctx)
{
    struct rt *rt = ctx;
    uint64_t next_ms, look_ns;

    rt__lazy_flush(rt->workers[0]);
    next_ms = rt__timers_next_ms(rt);
    look_ns = rt__watermark_wanted_ns(rt);
    return next_ms == RT_NEVER || next_ms * 1000000u > look_ns
               ? look_ns
               : next_ms * 1000000u;
}

static void sim_expire(void *ctx)
{
    struct rt *rt = ctx;

    rt__timers_fire(rt, rt->workers[0], &rt->workers[0]->wheel);
    rt__timers_fire(rt, rt->workers[0], &rt->shared_wheel);
    rt__watermark_look(rt, rt_now_ns(rt));
}

/* ---- Making
 * ------------------------------------------------------------------------------
 */

static struct worker *new_worker(struct rt *rt, uint16_t index, bool fence)
{
    struct worker *w = aligned_alloc(64, (sizeof *w + 63) & ~(size_t)63);

    if (w == NULL)
        return NULL;
    memset(w, 0, sizeof *w);
    w->rt = rt;
    w->index = index;
    w->spare = index >= rt->worker_count;
    w->lock.fence = fence;
    w->lazy_lock.fence = fence;
    w->poll_ns = 50000;
    w->base.rt = rt;
    rt__wheel_init(&w->wheel, rt_now_ms(rt));
    w->wheel.lock.fence = fence;
    if (rt__pool_init(&w->pool, index, rt->pools, (uint16_t)rt->worker_total) !=
        0) {
        free(w);
        return NULL;
    }
    rt->pools[index] = &w->pool;
    return w;
}

static enum agner_err make_workers(struct rt *rt)
{
    bool fence = !rt->simulated && !rt__barrier_works();
    unsigned i;

    rt->worker_count = rt->options.workers;
    rt->worker_total = rt->worker_count + (rt->simulated ? 0 : SPARES);
    for (i = 0; i < rt->worker_total; i++) {
        rt->workers[i] = new_worker(rt, (uint16_t)i, fence);
        if (rt->workers[i] == NULL)
            return AGNER_ENOMEM;
    }
    return AGNER_OK;
}

static void stop_threads(struct rt *rt)
{
    unsigned i;

    store_release(&rt->stopping, 1u);
    fence_seq_cst(); /* `stopping`, then the parked workers: idle.c, park() */
    rt__watchdog_stop(rt);
    for (i = 0; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        if (w == NULL || w->thread == NULL)
            continue;
        rt__rouse(rt, w);
        rt->world->thread_join(rt->world->ctx, w->thread);
        w->thread = NULL;
    }
    rt__blocking_fini(rt);
    rt->blocking = NULL;
}

static enum agner_err start_threads(struct rt *rt, struct agner_error *error)
{
    enum agner_err err = AGNER_OK;
    unsigned i;

    for (i = 0; i < rt->worker_count && !rt->simulated && err == AGNER_OK; i++)
        err = rt->world->thread_start(rt->world->ctx, "agner-worker",
                                      rt__worker_main, rt->workers[i],
                                      &rt->workers[i]->thread);
    if (err == AGNER_OK)
        err = rt__watchdog_start(rt);
    if (err == AGNER_OK)
        return err;
    return agner_fail(error, err, "runtime: thread %u of %u: %s", i + 1,
                      rt->worker_count + 1, agner_strerror(err));
}

static void free_externals(struct rt *rt)
{
    while (rt->externals != NULL) {
        struct gen *gen = rt->externals;

        rt->externals = gen->next;
        etf__region_fini(&gen->scratch);
        free(gen);
    }
}

static void free_wheel_envelopes(struct rt *rt, struct wheel *wheel)
{
    struct timer *due;

    rt__wheel_collect(wheel);
    /* Everything that is still armed comes out at the end of time. */
    while (wheel->count > 0) {
        due = rt__wheel_drain(wheel);
        if (due == NULL)
            break;
        rt__envelope_free(rt, NULL, due->has.envelope);
        rt__wheel_release(wheel, due);
    }
    rt__wheel_fini(wheel);
}

static void free_all(struct rt *rt)
{
    unsigned i;

    rt__log_fini(rt);
    rt__box_fini(rt);
    rt__remote_fini(rt);
    rt__nodes_fini(rt);
    rt__spawn_fini(rt);
    rt__heritage_fini(rt);
    rt__env_fini(rt);
    rt__applications_fini(rt);
    rt__registry_fini(rt);
    rt__boards_fini(rt);
    rt__events_fini(rt);
    for (i = 0; i < rt->worker_total; i++)
        if (rt->workers[i] != NULL)
            free_wheel_envelopes(rt, &rt->workers[i]->wheel);
    free_wheel_envelopes(rt, &rt->shared_wheel);
    rt__stacks_fini(rt);
    free_externals(rt);
    rt__slab_fini(rt);
    rt__names_fini(rt);
    for (i = 0; i < rt->worker_total; i++)
        if (rt->workers[i] != NULL) {
            rt__pool_fini(&rt->workers[i]->pool);
            free(rt->workers[i]->fault_stack);
            free(rt->workers[i]);
        }
    free(rt);
}

enum agner_err rt_new(const struct rt_options *options, struct rt **out,
                      struct agner_error *error)
{
    struct rt *rt = calloc(1, sizeof *rt);
    bool says_why = false;
    enum agner_err err;

    if (rt == NULL)
        return agner_fail(error, AGNER_ENOMEM, "runtime");
    if (options != NULL)
        rt->options = *options;
    complete(&rt->options);
    rt->world = rt->options.world;
    rt->start_ns = rt->world->now_ns(rt->world->ctx);
    rt->simulated = rt->world->simulated;
    store_relaxed(&rt->node_name, ETF_A(noname).word);
    rt->guards_work = true;
    store_relaxed(&rt->ref_counter, 1u);
    if (!rt->simulated && rt->options.watchdog_ms != RT_INFINITY)
        store_relaxed(&rt->clock_ns, rt->start_ns);
    rt__wheel_init(&rt->shared_wheel, rt_now_ms(rt));
    rt->shared_wheel.shared = true;
    err = rt__log_init(rt, error);
    if (err == AGNER_OK)
        err = rt__watermark_init(rt, error);
    if (err != AGNER_OK) { /* which says why itself */
        free_all(rt);
        return err;
    }
    err = make_workers(rt);
    if (err == AGNER_OK)
        rt__box_init(rt);
    if (err == AGNER_OK)
        err = rt__remote_init(rt);
    if (err == AGNER_OK)
        err = rt__nodes_init(rt);
    if (err == AGNER_OK)
        err = rt__spawn_init(rt);
    if (err == AGNER_OK)
        err = rt__env_init(rt);
    if (err == AGNER_OK)
        err = rt__applications_init(rt);
    if (err == AGNER_OK)
        err = rt__registry_init(rt);
    if (err == AGNER_OK)
        err = rt__boards_init(rt);
    if (err == AGNER_OK)
        err = rt__events_init(rt);
    if (err == AGNER_OK)
        err = rt__blocking_init(rt);
    if (err == AGNER_OK &&
        (rt->options.contain_crashes || rt->options.watch_faults))
        err = rt__contain_install(rt->options.contain_crashes, error);
    if (err == AGNER_OK && rt->options.watch_faults &&
        rt->world->thread_watch != NULL)
        (void)rt->world->thread_watch(rt->world->ctx); /* or it stays dark */
    if (err == AGNER_OK) {
        err = start_threads(rt, error);
        says_why = err != AGNER_OK;
    }
    if (err != AGNER_OK) {
        stop_threads(rt);
        free_all(rt);
        if (error != NULL && err != AGNER_ENOTSUP && !says_why)
            (void)agner_fail(error, err, "runtime: %s", agner_strerror(err));
        return err;
    }
    rt->entity = (struct rt_entity){ .ctx = rt,
                                     .runnable = sim_runnable,
                                     .step = sim_step,
                                     .deadline_ns = sim_deadline,
                                     .expire = sim_expire };
    rt->world->enter(rt->world->ctx, &rt->entity);
    rt__debug_add(rt);
    if (rt->options.watch_faults)
        rt__contain_watch(rt);
    *out = rt;
    return AGNER_OK;
}

/* ---- Stopping
 * ---------------------------------------------------------------------------------
 */

/* Sends every process an exit signal; returns how many live. */
static size_t signal_all(struct rt *rt, etf_term reason)
{
    etf_pid pid = { 0 };
    size_t count = 0;

    while (rt_process_next(rt, pid, &pid)) {
        struct process *p = rt__slot(rt, pid.id);

        if ((load_relaxed(&p->door) & DOOR_EXTERNAL) != 0)
            continue;
        count++;
        (void)rt_kill(rt, pid, reason); /* it may just have ended */
    }
    return count;
}

/* Does any process live that a worker runs? */
static bool any_lives(struct rt *rt)
{
    etf_pid pid = { 0 };

    while (rt_process_next(rt, pid, &pid))
        if ((load_relaxed(&rt__slot(rt, pid.id)->door) & DOOR_EXTERNAL) == 0)
            return true;
    return false;
}

static void pause_a_moment(struct rt *rt)
{
    _Atomic uint32_t word = 0;

    rt->world->wait(rt->world->ctx, &word, 0,
                    (rt_now_ms(rt) + STOP_POLL_MS) * 1000000u);
}

/* Waits until no process lives, or `ms` have passed. With `kill` what was just
 * being born when the others were killed is killed too. */
static bool drained(struct rt *rt, uint64_t ms, bool kill)
{
    uint64_t start_ms = rt_now_ms(rt);

    for (;;) {
        if (!any_lives(rt))
            return true;
        if (rt_now_ms(rt) - start_ms >= ms)
            return false;
        pause_a_moment(rt);
        if (kill)
            (void)signal_all(rt, ETF_A(kill));
    }
}

void rt_end_first(struct rt *rt, etf_pid pid)
{
    store_relaxed(&rt->first, etf_from_pid(NULL, pid).word);
}

/* Whoever ends others in order has its turn before these are told. */
static void end_first(struct rt *rt, uint64_t grace_ms)
{
    etf_term word = { load_relaxed(&rt->first) };
    uint64_t start_ms = rt_now_ms(rt);
    etf_pid pid;

    if (!etf_get_pid(word, &pid) || !rt_is_alive(rt, pid) ||
        rt_kill(rt, pid, ETF_A(shutdown)) != AGNER_OK)
        return;
    while (rt_is_alive(rt, pid) && rt_now_ms(rt) - start_ms < grace_ms)
        pause_a_moment(rt);
}

void rt__halt(struct rt *rt, uint64_t grace_ms)
{
    end_first(rt, grace_ms);
    store_relaxed(&rt->ending, 1u); /* receive.c: in the name of the parents */
    if (signal_all(rt, ETF_A(shutdown)) > 0 && !drained(rt, grace_ms, false)) {
        store_relaxed(&rt->halting, 1u);
        (void)signal_all(rt, ETF_A(kill));
        if (!drained(rt, ABANDON_MS, true))
            rt_log(rt, RT_LOG_ERROR,
                   "stop: %zu processes did not end, even when killed",
                   signal_all(rt, ETF_A(kill)));
    }
}

void rt_free(struct rt *rt, uint64_t grace_ms)
{
    if (rt == NULL)
        return;
    rt__contain_unwatch(rt);
    rt__debug_remove(rt);
    rt__box_stopping(rt);
    rt__halt(rt, grace_ms);
    rt->world->leave(rt->world->ctx, &rt->entity);
    stop_threads(rt);
    free_all(rt);
}

uint64_t rt_now_ns(const struct rt *rt)
{
    return rt->world->now_ns(rt->world->ctx);
}

uint64_t rt_now_ms(const struct rt *rt)
{
    return rt_now_ns(rt) / 1000000u;
}

void rt_random(const struct rt *rt, void *bytes, size_t size)
{
    rt->world->random(rt->world->ctx, bytes, size);
}

uint64_t rt_wall_ns(const struct rt *rt)
{
    return rt->world->wall_ns(rt->world->ctx);
}
