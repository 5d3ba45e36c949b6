/*
 * watchdog.c -- notices code that overstays, and gets its worker's queue
 * served.
 *
 * C cannot be preempted. A thread looks at the workers twice in each watchdog
 * period; one that has taken nothing new to run in a whole period, and is not
 * parked, is stuck in some process's code. It is reported (`long_schedule`), a
 * spare worker is started or woken to steal what waits behind it, and the
 * timers on its wheel are fired from here (G13). Its looks are also the samples
 * that tell how long processes run. When all workers are parked for a while the
 * watchdog sleeps too, until one of them goes on.
 */
#include "worker.h"

#define IDLE_ROUNDS 10u
#define REPORT_MS \
    100u /* on a busy machine a shorter stay is the system's doing */

struct look {
    uint64_t picked;
    unsigned rounds; /* for how many rounds it has not moved */
    bool reported;
};

/* Its registered name, else what behaviour it runs. */
static const char *label_of(struct rt *rt, etf_term pid)
{
    struct rt_process_info info;

    if (rt_process_glance(rt, rt__pid_of(pid), &info) != AGNER_OK)
        return "gone";
    return info.behavior[0] == '\0' ? "raw" : info.behavior;
}

static void report(struct rt *rt, const struct worker *w, uint64_t ms)
{
    etf_term pid;

    add_relaxed(&rt->long_schedules, 1u);
    pid = etf__word(load_relaxed(&w->running_pid));
    rt__log_about(rt, pid, RT_LOG_WARNING,
                  "long_schedule: <0.%u.%u> (%s) has run for %llu ms without a "
                  "pause",
                  etf__pid_slot(pid), etf__pid_generation(pid),
                  label_of(rt, pid), (unsigned long long)ms);
}

/* Gets a spare worker going. */
static void hand_over(struct rt *rt)
{
    unsigned i;

    for (i = rt->worker_count; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        if (w->thread == NULL) {
            if (rt->world->thread_start(rt->world->ctx, "agner-spare",
                                        rt__worker_main, w,
                                        &w->thread) != AGNER_OK)
                return; /* the system has no thread for us: next round */
        } else if (!rt__wake_worker(rt, w)) {
            continue;
        }
        add_relaxed(&rt->handovers, 1u);
        return;
    }
}

static bool is_stuck(struct rt *rt, struct worker *w, struct look *look,
                     uint64_t period_ms)
{
    uint64_t picked = load_relaxed(&w->picked);

    if (load_relaxed(&w->is_parked) != 0 || picked != look->picked) {
        look->picked = picked;
        look->rounds = 0;
        look->reported = false;
        return false;
    }
    if (++look->rounds < 2)
        return false;
    if (!look->reported && look->rounds * period_ms >= REPORT_MS) {
        look->reported = true;
        report(rt, w, look->rounds * period_ms);
    }
    return true;
}

static bool work_waits(struct rt *rt)
{
    unsigned i;

    if (load_relaxed(&rt->normal.count) + load_relaxed(&rt->high.count) +
            load_relaxed(&rt->low.count) >
        0)
        return true;
    for (i = 0; i < rt->worker_total; i++)
        if (load_relaxed(&rt->workers[i]->length) > 0)
            return true;
    return false;
}

/* Those that are not parked have run somebody: run.c, charge(). */
static void charge_all(struct rt *rt, uint64_t us)
{
    unsigned i;

    for (i = 0; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        if (load_relaxed(&w->is_parked) == 0 &&
            (!w->spare || w->thread != NULL)) {
            add_relaxed(&w->charge_us, us);
            store_relaxed(&w->busy_us, load_relaxed(&w->busy_us) + us);
        }
    }
}

static void look_round(struct rt *rt, struct look *looks, uint64_t period_ms)
{
    uint32_t stuck = 0;
    unsigned i;

    for (i = 0; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        if ((w->spare && w->thread == NULL) ||
            !is_stuck(rt, w, &looks[i], period_ms))
            continue;
        stuck++;
        rt__lazy_rescue(w);
        rt__timers_fire(rt, NULL, &w->wheel);
    }
    if (stuck > 0)
        rt__timers_fire(rt, NULL, &rt->shared_wheel);
    store_relaxed(&rt->stuck, stuck);
    if (!work_waits(rt))
        return;
    if (load_relaxed(&rt->parked) > 0)
        rt__wake_one(rt);
    else if (stuck > 0)
        hand_over(rt);
}

static void watchdog_main(void *arg)
{
    struct rt *rt = arg;
    const struct rt_world *world = rt->world;
    struct look looks[WORKERS_MAX + SPARES] = { { 0 } };
    uint64_t period_ms = (rt->options.watchdog_ms + 1) / 2;
    uint64_t before_ns = world->now_ns(world->ctx), now_ns;
    unsigned idle = 0;

    while (load_acquire(&rt->stopping) == 0) {
        uint32_t seen = load_acquire(&rt->watchdog_word);
        uint64_t deadline_ns = world->now_ns(world->ctx) + period_ms * 1000000u;

        idle = load_relaxed(&rt->parked) >= rt->worker_count ? idle + 1 : 0;
        if (idle >= IDLE_ROUNDS) {
            store_relaxed(&rt->watchdog_asleep, 1u);
            fence_seq_cst(); /* `asleep`, then `parked`; a worker the reverse */
            if (load_relaxed(&rt->parked) >= rt->worker_count)
                deadline_ns = RT_NEVER;
        }
        if (load_acquire(&rt->stopping) == 0)
            world->wait(world->ctx, &rt->watchdog_word, seen, deadline_ns);
        now_ns = world->now_ns(world->ctx);
        if (idle >= IDLE_ROUNDS) {
            store_relaxed(&rt->watchdog_asleep, 0u);
            idle = 0;
        } else {
            charge_all(rt, (now_ns - before_ns) / 1000u);
        }
        before_ns = now_ns;
        look_round(rt, looks, period_ms);
    }
}

void rt__watchdog_poke(struct rt *rt)
{
    uint32_t asleep = 1;

    if (!cas_acq_rel(&rt->watchdog_asleep, &asleep, 0u))
        return;
    (void)add_acq_rel(&rt->watchdog_word, 1u);
    rt->world->wake(rt->world->ctx, &rt->watchdog_word, 1);
}

enum agner_err rt__watchdog_start(struct rt *rt)
{
    if (rt->simulated || rt->options.watchdog_ms == RT_INFINITY)
        return AGNER_OK;
    return rt->world->thread_start(rt->world->ctx, "agner-watchdog",
                                   watchdog_main, rt, &rt->watchdog);
}

void rt__watchdog_stop(struct rt *rt)
{
    if (rt->watchdog == NULL)
        return;
    (void)add_acq_rel(&rt->watchdog_word, 1u);
    rt->world->wake(rt->world->ctx, &rt->watchdog_word, 1);
    rt->world->thread_join(rt->world->ctx, rt->watchdog);
    rt->watchdog = NULL;
}
