/*
 * watchdog.c -- notices code that overstays, and gets its worker's queue
 * served.
 *
 * C cannot be preempted. A thread looks at the workers twice in each watchdog
 * period; one that has taken nothing new to run in a whole period, and is not
 * parked, is stuck in some process's code. It is reported (`long_schedule`), a
 * spare worker is started or woken to steal what waits behind it, and the
 * timers on its wheel are fired from here (G13). Its looks are also the samples
 * that tell how long processes run, and it looks at the memory (watermark.h).
 * When all workers are parked for a while the watchdog sleeps too, until one of
 * them goes on, or, over a mark, until it is time to look again.
 *
 * Code that overstays once does so again: from half a period on the watchdog is
 * alert, for a second after the last time. It then looks each millisecond, and
 * takes a worker for stuck that has not moved for a fifth of the period.
 */
#include "waits.h"
#include "worker.h"

#define IDLE_ROUNDS 10u
#define MS_NS       1000000u
#define ALERT_NS    (1000u * (uint64_t)MS_NS) /* after the last overstay */
#define REPORT_MS \
    100u /* on a busy machine a shorter stay is the system's doing */

struct look {
    uint64_t moves;
    uint64_t since_ns; /* it has not moved since then; 0: it was parked */
    bool reported;
};

struct dog {
    struct rt *rt;
    struct look looks[WORKERS_MAX + SPARES];
    uint64_t period_ns; /* of the options */
    uint64_t alert_ns;  /* until then it is alert; 0: it is not */
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
    char site[RT_PLACE_SIZE] = "";
    etf_term pid;

    add_relaxed(&rt->long_schedules, 1u);
    pid = etf__word(load_relaxed(&w->running_pid));
    (void)rt__stuck_site(rt, w, site);
    rt__box_note(rt, NULL, RT_BOX_LONG, 0, pid.word, ms, site);
    rt__log_about(rt, pid, RT_LOG_WARNING,
                  "long_schedule: <0.%u.%u> (%s) has run for %llu ms without a "
                  "pause%s%s",
                  etf__pid_slot(pid), etf__pid_generation(pid),
                  label_of(rt, pid), (unsigned long long)ms,
                  site[0] == '\0' ? "" : ", at ", site);
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

/* How long the worker has been in the same turn. */
static uint64_t overstay(struct worker *w, struct look *look, uint64_t now_ns)
{
    /* One that looks for work in vain moves too. */
    uint64_t moves = load_relaxed(&w->picked) + load_relaxed(&w->parks);
    bool parked = load_relaxed(&w->is_parked) != 0;

    if (!parked && moves == look->moves && look->since_ns != 0)
        return now_ns - look->since_ns;
    look->moves = moves;
    look->since_ns = parked ? 0 : now_ns;
    look->reported = false;
    if (load_relaxed(&w->stuck_ns) != 0)
        store_relaxed(&w->stuck_ns, 0u);
    return 0;
}

static bool is_stuck(struct dog *dog, struct worker *w, uint64_t now_ns)
{
    struct look *look = &dog->looks[w->index];
    uint64_t stay_ns = overstay(w, look, now_ns);
    bool alert = now_ns < dog->alert_ns;

    if (stay_ns >= dog->period_ns / 2 ||
        (alert && stay_ns > dog->period_ns / 5))
        dog->alert_ns = now_ns + ALERT_NS;
    if (stay_ns < (alert ? dog->period_ns / 5 : dog->period_ns))
        return false;
    if (load_relaxed(&w->stuck_ns) == 0)
        store_relaxed(&w->stuck_ns, look->since_ns);
    /* One whose thread has not had a processor yet runs nobody. */
    if (!look->reported && stay_ns >= REPORT_MS * (uint64_t)MS_NS &&
        load_relaxed(&w->running_pid) != 0) {
        look->reported = true;
        report(dog->rt, w, stay_ns / MS_NS);
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
        if (load_relaxed(&rt->workers[i]->length) > 0 ||
            load_relaxed(&rt->workers[i]->visitors) != NULL)
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

static void look_round(struct dog *dog, uint64_t now_ns)
{
    struct rt *rt = dog->rt;
    uint32_t stuck = 0;
    unsigned i;

    for (i = 0; i < rt->worker_total; i++) {
        struct worker *w = rt->workers[i];

        if ((w->spare && w->thread == NULL) || !is_stuck(dog, w, now_ns))
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

/* When to look next: half as often while all are parked, since a node that only
 * has timers would else spend more on the looks than on them. */
static uint64_t next_look_ns(const struct dog *dog, uint64_t now_ns, bool idle)
{
    uint64_t pause_ns = idle ? dog->period_ns : dog->period_ns / 2;

    if (now_ns < dog->alert_ns && pause_ns > MS_NS)
        pause_ns = MS_NS;
    return now_ns + pause_ns;
}

static void watchdog_main(void *arg)
{
    struct rt *rt = arg;
    const struct rt_world *world = rt->world;
    struct dog dog = { .rt = rt, .period_ns = rt->options.watchdog_ms * MS_NS };
    uint64_t before_ns = world->now_ns(world->ctx), now_ns = before_ns;
    unsigned idle = 0;

    while (load_acquire(&rt->stopping) == 0) {
        uint32_t seen = load_acquire(&rt->watchdog_word);
        uint64_t deadline_ns;

        idle = load_relaxed(&rt->parked) >= rt->worker_count ? idle + 1 : 0;
        deadline_ns = next_look_ns(&dog, now_ns, idle > 0);
        if (idle >= IDLE_ROUNDS) {
            store_relaxed(&rt->watchdog_asleep, 1u);
            fence_seq_cst(); /* `asleep`, then `parked`; a worker the reverse */
            if (load_relaxed(&rt->parked) >= rt->worker_count)
                deadline_ns = rt__watermark_wanted_ns(rt);
        }
        if (load_acquire(&rt->stopping) == 0)
            world->wait(world->ctx, &rt->watchdog_word, seen, deadline_ns);
        now_ns = world->now_ns(world->ctx);
        store_relaxed(&rt->clock_ns, now_ns);
        if (idle >= IDLE_ROUNDS) {
            store_relaxed(&rt->watchdog_asleep, 0u);
            idle = 0;
        } else {
            charge_all(rt, (now_ns - before_ns) / 1000u);
        }
        before_ns = now_ns;
        rt__watermark_look(rt, now_ns);
        look_round(&dog, now_ns);
    }
}

void rt__watchdog_poke(struct rt *rt)
{
    uint32_t asleep = 1;

    /* It stood while all slept. First: others go on once we have said so. */
    store_relaxed(&rt->clock_ns, rt->world->now_ns(rt->world->ctx));
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
