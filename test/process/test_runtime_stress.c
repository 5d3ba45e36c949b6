/*
 * test_runtime_stress.c -- workloads with an exact count, on real threads:
 * reliability 3.2. More workers than cores shake out preemption in the middle
 * of a protocol.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SCALE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SCALE 1
#endif
#endif
#ifndef SCALE
#define SCALE 10
#endif

static void on_workers(unsigned workers, void (*fn)(struct bed *bed))
{
    struct rt_options options = { .workers = workers };
    struct bed bed;

    bed_open_with(&bed, 0, options, NULL);
    fn(&bed);
    bed_close(&bed);
}

static void on_all(void (*fn)(struct bed *bed))
{
    on_workers(1, fn);
    on_workers(2, fn);
    on_workers(8, fn);
}

/* ---- Mesh: chains of hops, each hop from one process to another
 * ----------------- */

#define MESH_NODES  16
#define MESH_CHAINS 64
#define MESH_HOPS   (200 * SCALE)

static etf_pid mesh[MESH_NODES];
static _Atomic uint64_t mesh_received;

static enum rt_next mesh_message(struct gen *self, const struct rt_message *m)
{
    int64_t hops, seed;
    etf_pid boss;

    if (!etf_match(m->term, "{_, _, _}", &hops, &seed, &boss))
        return RT_NEXT;
    atomic_fetch_add(&mesh_received, 1);
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    if (hops == 0)
        (void)rt_send_pid(self, boss, ETF_A(ok));
    else
        (void)rt_send_pid(self, mesh[seed % MESH_NODES],
                          etf_make(self, "{_, _, _}", hops - 1, seed, boss));
    return RT_NEXT;
}

static const struct rt_behavior mesh_node = { .name = "mesh",
                                              .message = mesh_message };

static void run_mesh(struct bed *bed)
{
    etf_term message;
    int64_t i;

    atomic_store(&mesh_received, 0);
    for (i = 0; i < MESH_NODES; i++)
        assert_int_equal(
            rt_start(bed->self, &mesh_node, etf_nil(), NULL, &mesh[i], NULL),
            AGNER_OK);
    for (i = 0; i < MESH_CHAINS; i++)
        (void)rt_send_pid(bed->self, mesh[i % MESH_NODES],
                          etf_make(bed->self, "{_, _, _}", (int64_t)MESH_HOPS,
                                   i + 1, rt_self(bed->self)));
    for (i = 0; i < MESH_CHAINS; i++)
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(atomic_load(&mesh_received),
                     MESH_CHAINS * (MESH_HOPS + 1));
}

static void mesh_loses_nothing(void **state)
{
    (void)state;
    on_all(run_mesh);
}

/* ---- Churn: processes made, linked, monitored and killed
 * -------------------------- */

#define CHURN_ROUNDS (40 * SCALE)

static void idle(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_receive(self, RT_INFINITY, &message);
}

static void churner(struct gen *self, void *arg)
{
    etf_pid boss = *(etf_pid *)arg, pid;
    struct rt_spawn_options options = { .monitor = true };
    etf_term message;
    etf_ref ref;
    int64_t downs = 0, exits = 0;
    unsigned i;

    (void)rt_trap_exit(self, true);
    options.monitor_ref = &ref;
    for (i = 0; i < CHURN_ROUNDS; i++) {
        options.link = i % 2 == 0;
        if (rt_spawn(self, idle, NULL, &options, &pid) != AGNER_OK)
            break;
        if (i % 3 == 0)
            (void)rt_exit_signal(self, pid, ETF_A(kill));
        else
            (void)rt_send_pid(self, pid, ETF_A(ok));
        while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK) {
            bool down = etf_match(message, "{'DOWN', __, process, __, __}");

            downs += down;
            exits += !down;
            if (downs == (int64_t)i + 1 && exits == (int64_t)(i / 2 + 1))
                break;
        }
        rt_reset(self);
    }
    (void)rt_send_pid(self, boss, etf_make(self, "{_, _}", downs, exits));
}

static void run_churn(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);
    struct rt_stats before, after;
    etf_term message;
    int64_t downs, exits;
    unsigned i;

    rt_stats(bed->rt, &before);
    for (i = 0; i < 8; i++)
        assert_int_equal(rt_spawn(bed->self, churner, &me, NULL, NULL),
                         AGNER_OK);
    for (i = 0; i < 8; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{_, _}", &downs, &exits));
        assert_int_equal(downs, CHURN_ROUNDS);
        assert_int_equal(exits, CHURN_ROUNDS / 2);
    }
    /* I19: the last churners are just ending. */
    do {
        (void)rt_sleep(bed->self, 1);
        rt_stats(bed->rt, &after);
    } while (after.processes != before.processes);
}

static void churn_counts_every_down_and_exit(void **state)
{
    (void)state;
    on_all(run_churn);
}

/* ---- Calls with time-outs around the callee's latency
 * ------------------------------- */

#define CALLERS 8
#define CALLS   (50 * SCALE)

static enum rt_next lazy_message(struct gen *self, const struct rt_message *m)
{
    int64_t ms;

    if (m->kind == RT_CALL && etf_get_int(m->term, &ms)) {
        if (ms > 0)
            (void)rt_sleep(self, (uint64_t)ms);
        (void)rt_reply(self, &m->from, m->term);
    }
    return RT_NEXT;
}

static const struct rt_behavior lazy_server = { .name = "lazy",
                                                .message = lazy_message };

struct call_job {
    etf_pid server, boss;
    int64_t outcomes, wrong;
};

static void caller(struct gen *self, void *arg)
{
    struct call_job *job = arg;
    etf_term to = etf_from_pid(NULL, job->server), reply;
    int64_t i, got;

    for (i = 0; i < CALLS; i++) {
        int64_t ms = i % 16 == 0;
        enum agner_err err = rt_call(self, to, etf_int(rt_region(self), ms),
                                     i % 8 == 0 ? 1 : RT_INFINITY, &reply);

        job->outcomes++;
        if (err != AGNER_ETIMEOUT &&
            (err != AGNER_OK || !etf_get_int(reply, &got) || got != ms))
            job->wrong++;
        rt_reset(self);
    }
    /* I4: no late reply is in the mailbox. */
    if (rt_receive(self, 0, &reply) == AGNER_OK)
        job->wrong++;
    (void)rt_send_pid(self, job->boss, ETF_A(ok));
}

static void run_calls(struct bed *bed)
{
    struct call_job jobs[CALLERS] = { { .outcomes = 0 } };
    etf_term message;
    etf_pid server;
    unsigned i;

    assert_int_equal(
        rt_start(bed->self, &lazy_server, etf_nil(), NULL, &server, NULL),
        AGNER_OK);
    for (i = 0; i < CALLERS; i++) {
        jobs[i].server = server;
        jobs[i].boss = rt_self(bed->self);
        assert_int_equal(rt_spawn(bed->self, caller, &jobs[i], NULL, NULL),
                         AGNER_OK);
    }
    for (i = 0; i < CALLERS; i++)
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    for (i = 0; i < CALLERS; i++) {
        assert_int_equal(jobs[i].outcomes, CALLS);
        assert_int_equal(jobs[i].wrong, 0);
    }
}

static void every_call_has_one_outcome(void **state)
{
    (void)state;
    on_workers(1, run_calls);
    on_workers(4, run_calls);
}

/* ---- One that does not return
 * ----------------------------------------------------------- */

static _Atomic uint32_t stuck_until;

static void stuck(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_send(self, etf_atom("stuck_boss"), ETF_A(ok));
    while (atomic_load(&stuck_until) == 0)
        continue;
}

static void releaser(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_sleep(self, 1); /* its timer is on the stuck worker's wheel */
    atomic_store(&stuck_until, 1);
}

static void run_stuck(struct bed *bed)
{
    struct rt_stats stats;

    atomic_store(&stuck_until, 0);
    assert_int_equal(
        rt_register(bed->rt, etf_atom("stuck_boss"), rt_self(bed->self)),
        AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, stuck, NULL, NULL, NULL), AGNER_OK);
    bed_expect(bed, "ok");
    /* The only worker is in `stuck`, which waits for what needs a worker. */
    assert_int_equal(rt_spawn(bed->self, releaser, NULL, NULL, NULL), AGNER_OK);
    while (atomic_load(&stuck_until) == 0)
        (void)rt_sleep(bed->self, 1);
    do { /* counted once the spare worker is awake, which may be done by now */
        (void)rt_sleep(bed->self, 1);
        rt_stats(bed->rt, &stats);
    } while (stats.handovers == 0);
}

/* G13 */
static void a_stuck_callback_delays_nobody_else(void **state)
{
    (void)state;
    on_workers(1, run_stuck);
}

/* ---- The blocking pool
 * --------------------------------------------------------------------- */

static _Atomic uint32_t in_work, most_in_work;

static void work(void *arg)
{
    uint32_t now = atomic_fetch_add(&in_work, 1) + 1;
    uint32_t most = atomic_load(&most_in_work);

    while (now > most &&
           !atomic_compare_exchange_weak(&most_in_work, &most, now))
        continue;
    *(int *)arg += 1;
    atomic_fetch_sub(&in_work, 1);
}

static void blocker(struct gen *self, void *arg)
{
    int done = 0;
    unsigned i;

    for (i = 0; i < 50; i++)
        (void)rt_blocking(self, work, &done);
    (void)rt_send_pid(self, *(etf_pid *)arg, etf_int(rt_region(self), done));
}

static void run_blocking(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);
    unsigned i;

    for (i = 0; i < 12; i++)
        assert_int_equal(rt_spawn(bed->self, blocker, &me, NULL, NULL),
                         AGNER_OK);
    for (i = 0; i < 12; i++)
        bed_expect(bed, "50");
    assert_true(atomic_load(&most_in_work) <= 4);
}

static void blocking_work_is_done_on_its_own_threads(void **state)
{
    (void)state;
    on_all(run_blocking);
}

/* ---- Help that was called in vain
 * ------------------------------------------------------------- */

#define MEETERS 6

static struct {
    etf_pid boss;
    _Atomic unsigned here;
    _Atomic bool alone; /* somebody waited in vain */
} meeting;

static void say_ok(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_send_pid(self, meeting.boss, ETF_A(ok));
}

/* Computes until another one runs at the same time: so on another worker. */
static void meet(struct gen *self, void *arg)
{
    uint64_t end_ms = rt_now_ms(rt_of(self)) + WAIT_MS;

    atomic_fetch_add(&meeting.here, 1);
    while (atomic_load(&meeting.here) < 2)
        if (rt_now_ms(rt_of(self)) > end_ms) {
            atomic_store(&meeting.alone, true);
            break;
        }
    say_ok(self, arg);
}

static void spawn_and_wait(struct gen *self, void (*code)(struct gen *, void *),
                           unsigned count)
{
    etf_term message;
    unsigned i;

    for (i = 0; i < count; i++)
        (void)rt_spawn(self, code, NULL, NULL, NULL);
    for (i = 0; i < count; i++)
        (void)rt_receive(self, 2 * WAIT_MS, &message);
    rt_reset(self);
}

static void call_meeting(struct gen *self, void *arg)
{
    unsigned i;

    (void)arg;
    meeting.boss = rt_self(self);
    for (i = 0; i < 100u * SCALE; i++)
        spawn_and_wait(self, say_ok, 8);
    spawn_and_wait(self, meet, MEETERS);
}

/* The bursts are over before anybody could help with them. No watchdog: the
 * workers must find what waits by themselves. */
static void who_was_called_in_vain_helps_later(void **state)
{
    struct rt_options options = { .workers = 2, .watchdog_ms = RT_INFINITY };
    struct bed bed;
    etf_pid pid;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    assert_int_equal(rt_spawn(bed.self, call_meeting, NULL, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed.self, pid, 3 * WAIT_MS), AGNER_OK);
    assert_int_equal(atomic_load(&meeting.here), MEETERS);
    assert_false(atomic_load(&meeting.alone));
    bed_close(&bed);
}

/* ---- Low priority, and what comes from outside
 * ----------------------------------------------------- */

static _Atomic bool yielded_enough;

static void yielder(struct gen *self, void *arg)
{
    (void)rt_send_pid(self, *(etf_pid *)arg, ETF_A(ok));
    while (!atomic_load(&yielded_enough))
        rt_yield(self);
}

static void outsider(struct gen *self, void *arg)
{
    (void)rt_send_pid(self, *(etf_pid *)arg, ETF_A(ok));
}

/* G13. No watchdog, which may get a spare worker going. */
static void low_priority_keeps_nobody_away(void **state)
{
    const struct rt_options options = { .workers = 1,
                                        .watchdog_ms = RT_INFINITY };
    const struct rt_spawn_options low = { .priority = RT_PRIORITY_LOW };
    struct bed bed;
    etf_pid me;
    unsigned i;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    me = rt_self(bed.self);
    atomic_store(&yielded_enough, false);
    for (i = 0; i < 3; i++) {
        assert_int_equal(
            rt_spawn(bed.self, yielder, &me, i < 2 ? NULL : &low, NULL),
            AGNER_OK);
        bed_expect(&bed, "ok");
    }
    /* The worker's own queue is never empty, nor is the low one. */
    assert_int_equal(rt_spawn(bed.self, outsider, &me, NULL, NULL), AGNER_OK);
    bed_expect(&bed, "ok");
    atomic_store(&yielded_enough, true);
    bed_close(&bed);
}

/* Of the numbers, the one in the middle: where a thread stood still, one is
 * large, and says nothing of the others. */
static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static uint64_t median(uint64_t *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, by_size);
    return numbers[count / 2];
}

/* ---- Long turns, and deadlines
 * ----------------------------------------------------- */

#define NAPS 20u

static struct {
    _Atomic uint32_t turns;
    _Atomic bool over;
    uint64_t late[NAPS]; /* turns of others while it slept */
} hall;

/* A turn as long as a slice. */
static void turner(struct gen *self, void *arg)
{
    uint64_t begun_ms;

    (void)arg;
    while (!atomic_load(&hall.over)) {
        begun_ms = rt_now_ms(rt_of(self));
        while (rt_now_ms(rt_of(self)) == begun_ms)
            continue;
        atomic_fetch_add(&hall.turns, 1);
        rt_yield(self);
    }
}

static void napper(struct gen *self, void *arg)
{
    for (unsigned i = 0; i < NAPS; i++) {
        uint32_t before = atomic_load(&hall.turns);

        (void)rt_sleep(self, 2);
        hall.late[i] = atomic_load(&hall.turns) - before;
    }
    atomic_store(&hall.over, true);
    (void)rt_send_pid(self, *(etf_pid *)arg, ETF_A(ok));
}

/* It took 47 of the turns, when the wheel was looked at each 16. */
static void run_naps(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);

    atomic_store(&hall.over, false);
    assert_int_equal(rt_spawn(bed->self, turner, NULL, NULL, NULL), AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, turner, NULL, NULL, NULL), AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, napper, &me, NULL, NULL), AGNER_OK);
    bed_expect(bed, "ok");
    assert_in_range(median(hall.late, NAPS), 0, 30);
}

static void who_sleeps_wakes_though_turns_are_long(void **state)
{
    (void)state;
    on_workers(1, run_naps);
}

/* ---- Full slices, and what comes from outside
 * ----------------------------------------------------- */

#define VISITS 20u

static _Atomic uint64_t busy_ms; /* in which it ran */

static enum rt_next busy_message(struct gen *self, const struct rt_message *m)
{
    static uint64_t last_ms;
    uint64_t now_ms = rt_now_ms(rt_of(self));

    (void)m;
    if (now_ms != last_ms)
        atomic_fetch_add(&busy_ms, 1);
    last_ms = now_ms;
    (void)rt_send_pid(self, rt_self(self), ETF_A(ok));
    return RT_NEXT;
}

static const struct rt_behavior busy = { .name = "busy",
                                         .message = busy_message };

/* Tells how long the busy one had run when its turn came. */
static enum rt_next visited_message(struct gen *self,
                                    const struct rt_message *m)
{
    (void)rt_send_pid(self, m->sender,
                      etf_uint(rt_region(self), atomic_load(&busy_ms)));
    return RT_NEXT;
}

static const struct rt_behavior visited = { .name = "visited",
                                            .message = visited_message };

/* It took 64 slices. No watchdog, which may get a spare worker going. */
static void who_is_called_from_outside_runs_soon(void **state)
{
    const struct rt_options options = { .workers = 1,
                                        .watchdog_ms = RT_INFINITY };
    struct bed bed;
    uint64_t waited_ms[VISITS];
    etf_pid pid, other;
    unsigned i;

    (void)state;
    bed_open_with(&bed, 0, options, NULL);
    assert_int_equal(rt_start(bed.self, &visited, etf_nil(), NULL, &pid, NULL),
                     AGNER_OK);
    assert_int_equal(rt_start(bed.self, &busy, etf_nil(), NULL, &other, NULL),
                     AGNER_OK);
    (void)rt_send_pid(bed.self, other, ETF_A(ok));
    for (i = 0; i < VISITS; i++) {
        uint64_t before_ms = atomic_load(&busy_ms), then_ms;
        etf_term message;

        (void)rt_send_pid(bed.self, pid, ETF_A(ok));
        assert_int_equal(rt_receive(bed.self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "_", &then_ms));
        waited_ms[i] = then_ms - before_ms;
    }
    assert_in_range(median(waited_ms, VISITS), 0, 20);
    bed_close(&bed);
}

/* ---- Many at once
 * ------------------------------------------------------------------------------
 */

#define CROWD 20000

static void run_crowd(struct bed *bed)
{
    struct rt_stats stats;
    etf_pid pid;
    unsigned i;

    for (i = 0; i < CROWD; i++)
        assert_int_equal(
            rt_start_nowait(bed->self, &mesh_node, etf_nil(), NULL, &pid),
            AGNER_OK);
    rt_stats(bed->rt, &stats);
    assert_true(stats.processes > CROWD);
    /* They end with the runtime: bed_close(). */
}

static void a_crowd_ends_with_the_runtime(void **state)
{
    (void)state;
    on_all(run_crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mesh_loses_nothing),
        cmocka_unit_test(churn_counts_every_down_and_exit),
        cmocka_unit_test(every_call_has_one_outcome),
        cmocka_unit_test(a_stuck_callback_delays_nobody_else),
        cmocka_unit_test(blocking_work_is_done_on_its_own_threads),
        cmocka_unit_test(who_was_called_in_vain_helps_later),
        cmocka_unit_test(low_priority_keeps_nobody_away),
        cmocka_unit_test(who_sleeps_wakes_though_turns_are_long),
        cmocka_unit_test(who_is_called_from_outside_runs_soon),
        cmocka_unit_test(a_crowd_ends_with_the_runtime),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
