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

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

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

/* A worker without processes: drives, and waits where it cannot; but not for
 * ever, since a keeper that gives the loop to one who is only about to wait
 * does not reach it. */
static void drive(void *arg)
{
    struct driver *d = arg;
    const struct rt_world *world = d->world;
    const uint64_t soon_ns = 5000000;

    while (load_acquire(&d->ending) == 0) {
        uint32_t seen = load_acquire(&d->word);

        store_release(&d->seen, seen);
        world->wake(world->ctx, &d->seen, 1);
        if (load_acquire(&d->ending) == 0 &&
            !world->net->drive(d->loop, &d->word, seen, RT_NEVER))
            world->wait(world->ctx, &d->word, seen,
                        world->now_ns(world->ctx) + soon_ns);
    }
}

/* Both ways of waking, since it may wait in either place. */
static void rouse(struct driver *d)
{
    (void)add_acq_rel(&d->word, 1u);
    d->world->net->interrupt(d->loop);
    d->world->wake(d->world->ctx, &d->word, 1);
}

static void open_driver_in(const struct rt_world *world, struct driver *d)
{
    *d = (struct driver){ .world = world };
    assert_int_equal(world->net->loop_new(world, "driven", &d->loop, NULL),
                     AGNER_OK);
    assert_int_equal(
        world->thread_start(world->ctx, "driver", drive, d, &d->thread),
        AGNER_OK);
}

static void open_driver(struct driver *d)
{
    open_driver_in(rt_world_real(), d);
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

/* ---- Naps -------------------------------------------------------------------
 */

/* A world whose naps have no end of their own. */
static _Atomic(struct rt_loop *) napper;

static void nap_on(void *ctx, _Atomic uint32_t *word, uint32_t seen,
                   uint64_t deadline_ns)
{
    const struct rt_world *world = rt_world_real();
    struct rt_loop *loop = load_acquire(&napper);
    bool is_nap = loop != NULL && word == &loop->napping;

    world->wait(ctx, word, seen, is_nap ? RT_NEVER : deadline_ns);
}

/* Listens, on the loop's thread, and reads what comes. */
struct listening {
    struct rt_task task;
    struct rt_loop *loop;
    struct rt_address bound;
    enum agner_err err;
    struct mark done;
};

static void ignore_bytes(void *ctx, struct rt_conn *conn, const uint8_t *bytes,
                         size_t size)
{
    (void)ctx;
    (void)conn;
    (void)bytes;
    (void)size;
}

static void ignore_end(void *ctx, struct rt_conn *conn, enum agner_err why,
                       const char *text)
{
    (void)ctx;
    (void)conn;
    (void)why;
    (void)text;
}

static void accept_it(void *ctx, struct rt_listener *listener,
                      struct rt_conn *conn, const struct rt_address *from)
{
    const struct rt_conn_owner owner = { .received = ignore_bytes,
                                         .closed = ignore_end };

    (void)ctx;
    (void)listener;
    (void)from;
    rt_world_real()->net->adopt(conn, &owner);
}

static void start_listening(struct rt_task *task)
{
    struct listening *l = (struct listening *)task; /* the first member */
    const struct rt_listen_owner owner = { .accepted = accept_it };
    const struct rt_address any = { .kind = RT_ADDRESS_TCP,
                                    .host = "127.0.0.1" };
    struct rt_listener *listener;

    l->err = rt_world_real()->net->listen(l->loop, &any, &owner, &listener,
                                          &l->bound, NULL);
    set_mark(&l->done.task);
}

static int connect_to(struct driver *d)
{
    struct listening l = { .task = { .run = start_listening },
                           .loop = d->loop,
                           .done = { .world = d->world } };
    struct sockaddr_in to = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    d->world->net->post(d->loop, &l.task);
    while (load_acquire(&l.done.ran) == 0)
        d->world->wait(d->world->ctx, &l.done.ran, 0, RT_NEVER);
    assert_int_equal(l.err, AGNER_OK);
    to.sin_port = htons(l.bound.port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on),
                     0);
    return fd;
}

/* Who writes one byte after another makes the reader nap; a task that is posted
 * then, or a word that changes, ends the nap. */
static void a_nap_ends_for_a_task_and_for_a_word(void **state)
{
    struct rt_world world = *rt_world_real();
    struct driver d;
    uint32_t seen;
    int fd;

    (void)state;
    world.wait = nap_on;
    open_driver_in(&world, &d);
    store_release(&napper, d.loop);
    fd = connect_to(&d);
    for (uint32_t i = 0; i < 4; i++) {
        while (load_relaxed(&d.loop->napping) == 0)
            assert_int_equal(write(fd, "x", 1), 1);
        if (i % 2 == 0) {
            run_task(&d);
            continue;
        }
        seen = load_acquire(&d.word);
        rouse(&d);
        while (load_acquire(&d.seen) == seen)
            d.world->wait(d.world->ctx, &d.seen, seen, RT_NEVER);
    }
    (void)close(fd);
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
        cmocka_unit_test(a_nap_ends_for_a_task_and_for_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
