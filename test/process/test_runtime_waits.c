/*
 * test_runtime_waits.c -- what blocked code shows while others look, and what
 * is in the black box after the end.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <agner/gen.h>

#include <agner/sim.h>
#include <rt_box.h>
#include <rt_world.h>

#define CALLERS 4
#define ROUNDS  2000
#define SPAWNS  300

/* ---- Who looks while others call ---------------------------------------- */

static enum gen_next answer(struct gen *self, struct gen_from from,
                            etf_term request)
{
    return gen_reply(self, from, request);
}

static const struct gen_server server = { .name = "answers",
                                          .handle_call = answer };

struct scene {
    struct rt *rt;
    etf_pid server, callers[CALLERS];
    _Atomic int done, seen, wrong;
};

static void caller(struct gen *self, void *arg)
{
    struct scene *s = arg;

    for (int i = 0; i < ROUNDS; i++) {
        etf_term reply;

        if (gen_call(self, etf_from_pid(NULL, s->server), etf_int(NULL, i),
                     GEN_INFINITY, &reply) != AGNER_OK)
            atomic_fetch_add(&s->wrong, 1);
        rt_reset(self);
    }
    atomic_fetch_add(&s->done, 1);
}

/* A caller waits for the server or for nothing: never for half of either. */
static void *look(void *arg)
{
    struct scene *s = arg;

    while (atomic_load(&s->done) < CALLERS) {
        for (int i = 0; i < CALLERS; i++) {
            struct rt_waiting w;

            if (rt_waits(s->rt, s->callers[i], &w) != AGNER_OK ||
                w.kind == RT_WAIT_NOTHING)
                continue;
            if (w.kind == RT_WAIT_YIELD)
                continue;
            atomic_fetch_add(&s->seen, 1);
            if (w.kind != RT_WAIT_CALL || w.to.id != s->server.id ||
                w.to.serial != s->server.serial || w.site == NULL)
                atomic_fetch_add(&s->wrong, 1);
        }
    }
    return NULL;
}

static void what_is_shown_belongs_together(void **state)
{
    struct rt_options options = { .workers = 2 };
    struct scene s = { .seen = 0 };
    pthread_t looker;
    struct gen *self;

    (void)state;
    assert_int_equal(rt_new(&options, &s.rt, NULL), AGNER_OK);
    self = rt_attach(s.rt);
    assert_int_equal(gen_start(self, &server, etf_nil(), NULL, &s.server, NULL),
                     AGNER_OK);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(rt_spawn(self, caller, &s, NULL, &s.callers[i]),
                         AGNER_OK);
    assert_int_equal(pthread_create(&looker, NULL, look, &s), 0);
    for (int i = 0; i < CALLERS; i++)
        (void)rt_wait(self, s.callers[i], RT_INFINITY);
    assert_int_equal(pthread_join(looker, NULL), 0);
    assert_int_equal(s.wrong, 0);
    rt_detach(self);
    rt_free(s.rt, 1000);
}

/* ---- The box ------------------------------------------------------------ */

static void leaf(struct gen *self, void *arg)
{
    if (arg != NULL)
        rt_exit(self, etf_make(self, "{bad, leaf}"));
}

/* Starts and ends processes, the last one badly, and the runtime. */
static void live(const struct rt_options *options)
{
    struct gen *self;
    struct rt *rt;
    etf_pid pid;

    assert_int_equal(rt_new(options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    for (int i = 1; i <= SPAWNS; i++) {
        assert_int_equal(
            rt_spawn(self, leaf, i == SPAWNS ? &pid : NULL, NULL, &pid),
            AGNER_OK);
        (void)rt_wait(self, pid, RT_INFINITY);
        rt_reset(self);
    }
    rt_log(rt, RT_LOG_ERROR, "an error of the test");
    rt_detach(self);
    rt_free(rt, 1000);
}

static size_t count(const struct rt_box_event *events, size_t size,
                    enum rt_box_kind kind)
{
    size_t found = 0;

    for (size_t i = 0; i < size; i++)
        found += events[i].kind == kind;
    return found;
}

static void everything_is_in_the_box_once(void **state)
{
    char folder[] = "/tmp/agner-box-XXXXXX", path[64];
    struct rt_blackbox box = { .path = path, .build = "a test" };
    struct rt_options options = { .workers = 2,
                                  .blackbox = &box,
                                  .log_level = RT_LOG_CRITICAL };
    const struct rt_world *world = rt_world_real();
    struct etf_buffer bytes = { 0 };
    struct rt_box_event *events;
    struct rt_box reader;
    size_t size;

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/node.box", folder);
    options.log_level = RT_LOG_ERROR;
    live(&options);
    assert_int_equal(
        world->file_read(world->ctx, path, (size_t)1 << 30, &bytes, NULL),
        AGNER_OK);
    assert_int_equal(rt_box_open(bytes.data, bytes.size, &reader, NULL),
                     AGNER_OK);
    assert_int_equal(rt_box_events(&reader, &events, &size), AGNER_OK);
    assert_int_equal(reader.torn, 0);
    assert_int_equal(reader.damaged, 0);
    assert_int_equal(reader.header.state, RT_BOX_ENDED);
    assert_string_equal(reader.header.build, "a test");
    assert_int_equal(count(events, size, RT_BOX_SPAWN), SPAWNS);
    assert_int_equal(count(events, size, RT_BOX_CRASH), 1);
    /* The attached thread's process ends too. */
    assert_int_equal(count(events, size, RT_BOX_EXIT), SPAWNS);
    assert_int_equal(count(events, size, RT_BOX_LOG), 1);
    assert_int_equal(count(events, size, RT_BOX_START), 1);
    assert_int_equal(count(events, size, RT_BOX_STOP), 1);
    for (size_t i = 0; i < size; i++) {
        if (events[i].kind == RT_BOX_CRASH)
            assert_string_equal(events[i].text, "{bad,leaf}");
        if (events[i].kind == RT_BOX_LOG)
            assert_string_equal(events[i].text, "an error of the test");
    }
    free(events);
    etf_buffer_fini(&bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void a_simulated_world_has_one_too(void **state)
{
    struct sim *sim = sim_new(7, NULL);
    struct rt_blackbox box = { .path = "/node.box" };
    struct rt_options options = { .world = sim_world(sim), .blackbox = &box };

    (void)state;
    options.log_level = RT_LOG_CRITICAL;
    live(&options);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_belongs_together),
        cmocka_unit_test(everything_is_in_the_box_once),
        cmocka_unit_test(a_simulated_world_has_one_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
