/*
 * world_contract_loop.c -- clocks, waiting, posted tasks and timers of a world.
 */
#include "world_contract.h"

#include <stdlib.h>
#include <string.h>

#define MS UINT64_C(1000000)

static void the_clock_does_not_go_back(const struct place *place)
{
    const struct rt_world *world = place->world;
    uint64_t before = world->now_ns(world->ctx);
    int i;

    for (i = 0; i < 1000; i++) {
        uint64_t now = world->now_ns(world->ctx);

        assert_true(now >= before);
        before = now;
    }
    /* After 2020, before 2200. */
    assert_in_range(world->wall_ns(world->ctx), UINT64_C(1577836800000000000),
                    UINT64_C(7258118400000000000));
}

static void a_wait_ends_at_its_deadline(const struct place *place)
{
    const struct rt_world *world = place->world;
    uint64_t deadline_ns = world->now_ns(world->ctx) + 20 * MS;
    _Atomic uint32_t word = 7;

    while (world->now_ns(world->ctx) < deadline_ns)
        world->wait(world->ctx, &word, 7, deadline_ns);
    /* Not seen: returns at once, and so before the test's own end. */
    world->wait(world->ctx, &word, 8, RT_NEVER);
}

static void random_bytes_fill_all_and_differ(const struct place *place)
{
    const struct rt_world *world = place->world;
    uint8_t a[1000], b[1000];
    unsigned zeros = 0;
    size_t i;

    memset(a, 0, sizeof a);
    world->random(world->ctx, a, sizeof a);
    world->random(world->ctx, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    for (i = 0; i < sizeof a; i++)
        zeros += a[i] == 0;
    assert_in_range(zeros, 0, 40); /* 4 expected */
}

/* ---- Posted tasks -----------------------------------------------------------
 */

#define TASKS 1000u

struct tasks {
    struct scene *scene;
    struct rt_task task[TASKS];
    unsigned ran;
};

static struct tasks *tasks_of_task; /* one test at a time */

static void run_in_order(struct rt_task *task)
{
    struct tasks *tasks = tasks_of_task;

    EXPECT(tasks->scene, task == &tasks->task[tasks->ran]);
    tasks->ran++;
    scene_event(tasks->scene);
}

static bool all_tasks_ran(void *arg)
{
    return ((struct tasks *)arg)->ran == TASKS;
}

static void tasks_run_in_the_order_posted(const struct place *place)
{
    struct scene scene;
    struct tasks *tasks = calloc(1, sizeof *tasks);
    unsigned i;

    assert_non_null(tasks);
    scene_open(&scene, place);
    tasks->scene = &scene;
    tasks_of_task = tasks;
    for (i = 0; i < TASKS; i++) {
        tasks->task[i].run = run_in_order;
        scene.net->post(scene.loop, &tasks->task[i]);
    }
    scene_await(&scene, all_tasks_ran, tasks);
    scene_close(&scene);
    free(tasks);
}

static void count_task(struct rt_task *task)
{
    (void)task;
    tasks_of_task->ran++;
}

static void what_was_posted_runs_before_the_loop_ends(const struct place *place)
{
    struct scene scene;
    struct tasks *tasks = calloc(1, sizeof *tasks);
    unsigned i;

    assert_non_null(tasks);
    scene_open(&scene, place);
    tasks_of_task = tasks;
    for (i = 0; i < TASKS; i++) {
        tasks->task[i].run = count_task;
        scene.net->post(scene.loop, &tasks->task[i]);
    }
    scene_close(&scene);
    assert_int_equal(tasks->ran, TASKS);
    free(tasks);
}

/* ---- Timers ------------------------------------------------------------- */

#define TIMERS 500u

struct timed {
    struct rt_loop_timer timer;
    struct timers *all;
    uint64_t due_ns; /* at least */
    unsigned fired;
    bool stopped;
};

struct timers {
    struct scene *scene;
    struct timed timed[TIMERS];
    unsigned fired, expected;
    uint64_t last_deadline_ns;
};

static void on_timed(struct rt_loop_timer *timer)
{
    struct timed *timed = (struct timed *)timer;
    struct timers *all = timed->all;
    const struct rt_world *world = all->scene->world;

    EXPECT(all->scene, !timed->stopped && timed->fired == 0);
    EXPECT(all->scene, world->now_ns(world->ctx) >= timed->due_ns);
    EXPECT(all->scene, timer->deadline_ns >= all->last_deadline_ns);
    all->last_deadline_ns = timer->deadline_ns;
    timed->fired++;
    all->fired++;
    scene_event(all->scene);
}

static void start_timers(struct scene *scene, void *arg)
{
    struct timers *all = arg;
    const struct rt_world *world = scene->world;
    size_t i;

    for (i = 0; i < TIMERS; i++) {
        struct timed *timed = &all->timed[i];
        uint64_t ms = i * 7919 % 31;

        timed->all = all;
        timed->timer.fire = on_timed;
        /* Some are started twice: the second start counts. */
        if (i % 5 == 0)
            scene->net->timer_start(scene->loop, &timed->timer, 1, 1);
        timed->due_ns = world->now_ns(world->ctx) + ms * MS;
        scene->net->timer_start(scene->loop, &timed->timer, ms, 0);
    }
    for (i = 0; i < TIMERS; i++) {
        struct timed *timed = &all->timed[i * 331 % TIMERS];

        timed->stopped = i % 3 == 0;
        all->expected += !timed->stopped;
        if (timed->stopped)
            scene->net->timer_stop(scene->loop, &timed->timer);
    }
}

static bool timers_fired(void *arg)
{
    struct timers *all = arg;

    return all->fired >= all->expected;
}

static void timers_fire_once_in_order_and_never_early(const struct place *place)
{
    struct scene scene;
    struct timers *all = calloc(1, sizeof *all);

    assert_non_null(all);
    scene_open(&scene, place);
    all->scene = &scene;
    scene_run(&scene, start_timers, all);
    scene_await(&scene, timers_fired, all);
    scene_close(&scene);
    assert_int_equal(all->fired, all->expected);
    free(all);
}

struct ticker {
    struct rt_loop_timer timer;
    struct scene *scene;
    uint64_t started_ns;
    unsigned ticks;
};

static void tick(struct rt_loop_timer *timer)
{
    struct ticker *ticker = (struct ticker *)timer;
    const struct rt_world *world = ticker->scene->world;
    uint64_t passed_ns = world->now_ns(world->ctx) - ticker->started_ns;

    EXPECT(ticker->scene, ticker->ticks < 5);
    ticker->ticks++;
    EXPECT(ticker->scene, passed_ns >= (2 + ticker->ticks) * MS);
    if (ticker->ticks == 5)
        ticker->scene->net->timer_stop(ticker->scene->loop, timer);
    scene_event(ticker->scene);
}

static void start_ticker(struct scene *scene, void *arg)
{
    struct ticker *ticker = arg;

    ticker->timer.fire = tick;
    ticker->started_ns = scene->world->now_ns(scene->world->ctx);
    scene->net->timer_start(scene->loop, &ticker->timer, 3, 1);
}

static bool has_ticked(void *arg)
{
    return ((struct ticker *)arg)->ticks == 5;
}

static void a_repeating_timer_repeats_until_stopped(const struct place *place)
{
    struct scene scene;
    struct ticker ticker = { .scene = &scene };

    scene_open(&scene, place);
    scene_run(&scene, start_ticker, &ticker);
    scene_await(&scene, has_ticked, &ticker);
    scene_close(&scene);
    assert_int_equal(ticker.ticks, 5);
}

/* A timer that starts itself again without delay must not keep the loop from
 * its other work, nor its end. */
static void spin_timer(struct rt_loop_timer *timer)
{
    struct ticker *ticker = (struct ticker *)timer;

    ticker->ticks++;
    ticker->scene->net->timer_start(ticker->scene->loop, timer, 0, 0);
    if (ticker->ticks <= 100)
        scene_event(ticker->scene);
}

static void start_spinning(struct scene *scene, void *arg)
{
    struct ticker *ticker = arg;

    ticker->timer.fire = spin_timer;
    scene->net->timer_start(scene->loop, &ticker->timer, 0, 0);
}

static bool has_spun(void *arg)
{
    return ((struct ticker *)arg)->ticks >= 100;
}

static void
a_timer_without_delay_leaves_room_for_others(const struct place *place)
{
    struct scene scene;
    struct ticker ticker = { .scene = &scene };

    scene_open(&scene, place);
    scene_run(&scene, start_spinning, &ticker);
    scene_await(&scene, has_spun, &ticker);
    scene_close(&scene); /* it is still running: the loop ends all the same */
    assert_null(ticker.timer.link);
}

#define CASE(function) \
    { \
#function, function \
    }
const struct contract_case contract_loop_cases[] = {
    CASE(the_clock_does_not_go_back),
    CASE(a_wait_ends_at_its_deadline),
    CASE(random_bytes_fill_all_and_differ),
    CASE(tasks_run_in_the_order_posted),
    CASE(what_was_posted_runs_before_the_loop_ends),
    CASE(timers_fire_once_in_order_and_never_early),
    CASE(a_repeating_timer_repeats_until_stopped),
    CASE(a_timer_without_delay_leaves_room_for_others),
};
const size_t contract_loop_count =
    sizeof contract_loop_cases / sizeof contract_loop_cases[0];
