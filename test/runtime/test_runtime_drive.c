/*
 * test_runtime_drive.c -- who runs a loop of the real world.
 *
 * These cases look into the loop for what has no other effect: that its own
 * thread sleeps. Whatever they wait for is a condition; a lost wake-up makes
 * them wait for ever, which the harness ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "atomic.h"
#include "world_uv.h"

#define ROUNDS 2000u

struct driver {
    const struct rt_world *world;
    struct rt_loop *loop;
    struct rt_thread *thread;
    _Atomic uint32_t word;   /* changed for it to look at */
    _Atomic uint32_t seen;   /* what it saw last */
    _Atomic uint32_t ending; /* it is to return */
};

/* A worker without processes: drives, and waits where it cannot. */
static void drive(void *arg)
{
    struct driver *d = arg;
    const struct rt_world *world = d->world;

    while (load_acquire(&d->ending) == 0) {
        uint32_t seen = load_acquire(&d->word);

        store_release(&d->seen, seen);
        world->wake(world->ctx, &d->seen, 1);
        if (load_acquire(&d->ending) == 0 &&
            !world->net->drive(d->loop, &d->word, seen, RT_NEVER))
            world->wait(world->ctx, &d->word, seen, RT_NEVER);
    }
}

/* Both ways of waking, since it may wait in either place. */
static void rouse(struct driver *d)
{
    (void)add_acq_rel(&d->word, 1u);
    d->world->net->interrupt(d->loop);
    d->world->wake(d->world->ctx, &d->word, 1);
}

static void open_driver(struct driver *d)
{
    const struct rt_world *world = rt_world_real();

    *d = (struct driver){ .world = world };
    assert_int_equal(world->net->loop_new(world, "driven", &d->loop, NULL),
                     AGNER_OK);
    assert_int_equal(
        world->thread_start(world->ctx, "driver", drive, d, &d->thread),
        AGNER_OK);
}

static void join_driver(struct driver *d)
{
    store_release(&d->ending, 1u);
    rouse(d);
    d->world->thread_join(d->world->ctx, d->thread);
}

struct mark {
    struct rt_task task;
    const struct rt_world *world;
    _Atomic uint32_t ran;
};

static void set_mark(struct rt_task *task)
{
    struct mark *mark = (struct mark *)task; /* the first member */

    store_release(&mark->ran, 1u);
    mark->world->wake(mark->world->ctx, &mark->ran, 1);
}

static void run_task(struct driver *d)
{
    struct mark mark = { .task = { .run = set_mark }, .world = d->world };

    d->world->net->post(d->loop, &mark.task);
    while (load_acquire(&mark.ran) == 0)
        d->world->wait(d->world->ctx, &mark.ran, 0, RT_NEVER);
}

/* Until the driver waits in the loop and the loop's own thread has nothing to
 * look for. Tasks make the latter give the loop away. */
static void until_the_keeper_sleeps(struct driver *d)
{
    _Atomic uint32_t nothing = 0;

    while (load_relaxed(&d->loop->keeper_asleep) == 0 ||
           load_relaxed(&d->loop->waiting) == 0) {
        if (load_relaxed(&d->loop->wanted) != NULL)
            run_task(d);
        d->world->wait(d->world->ctx, &nothing, 0,
                       d->world->now_ns(d->world->ctx) + 1000000);
    }
}

static void a_word_that_changes_ends_a_drive(void **state)
{
    struct driver d;

    (void)state;
    open_driver(&d);
    for (uint32_t i = 1; i <= ROUNDS; i++) {
        uint32_t seen;

        rouse(&d);
        while ((seen = load_acquire(&d.seen)) < i)
            d.world->wait(d.world->ctx, &d.seen, seen, RT_NEVER);
    }
    join_driver(&d);
    d.world->net->loop_free(d.loop);
}

static void the_keeper_sleeps_while_a_driver_waits(void **state)
{
    struct driver d;
    uint32_t drives, seen;

    (void)state;
    open_driver(&d);
    until_the_keeper_sleeps(&d);
    drives = load_relaxed(&d.loop->drives);
    seen = load_relaxed(&d.loop->keeper_word);
    /* Time for a hundred looks, if it looked. */
    d.world->wait(d.world->ctx, &d.loop->driven, 1,
                  d.world->now_ns(d.world->ctx) + 20000000);
    assert_int_equal(load_relaxed(&d.loop->drives), drives);
    assert_int_equal(load_relaxed(&d.loop->keeper_word), seen);
    assert_int_equal(load_relaxed(&d.loop->keeper_asleep), 1);
    join_driver(&d);
    d.world->net->loop_free(d.loop);
}

/* What is posted is run: by the driver that waits, and by the keeper when the
 * driver has gone for good while it slept. */
static void a_loop_is_run_when_its_driver_goes(void **state)
{
    struct driver d;

    (void)state;
    open_driver(&d);
    until_the_keeper_sleeps(&d);
    run_task(&d);
    until_the_keeper_sleeps(&d);
    join_driver(&d);
    run_task(&d);
    d.world->net->loop_free(d.loop);
}

static void one_thread_at_a_time_drives(void **state)
{
    struct driver d;
    _Atomic uint32_t word = 0;

    (void)state;
    open_driver(&d);
    until_the_keeper_sleeps(&d);
    /* The driver looks at its word between two turns: then the loop is free for
     * a moment, and we get it. `seen` is not the word, so that costs one turn.
     */
    while (d.world->net->drive(d.loop, &word, 1, RT_NEVER))
        until_the_keeper_sleeps(&d);
    join_driver(&d);
    d.world->net->loop_free(d.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_that_changes_ends_a_drive),
        cmocka_unit_test(the_keeper_sleeps_while_a_driver_waits),
        cmocka_unit_test(a_loop_is_run_when_its_driver_goes),
        cmocka_unit_test(one_thread_at_a_time_drives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
