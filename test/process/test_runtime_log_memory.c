/*
 * test_runtime_log_memory.c -- the log when memory is out: G34.
 *
 * The program's own malloc and its like are wrapped by the linker. The first
 * allocation of an operation fails, then the second, until it succeeds. Each
 * time the event is written or counted, and what failed has left nothing. In a
 * simulated world, where all of it happens in one thread.
 */
#include "bed.h"

#include <stdio.h>

#include "failing.h"
#include "rt_world.h"

#define TRIES_MAX 1000u

/* The handlers' names are their kinds. */
static void nothing(void *ctx, const struct rt_log_event *event)
{
    (void)ctx;
    (void)event;
}

static const struct rt_log_handler handlers[] = {
    { .id = "text", .kind = RT_LOG_FILE, .path = "/text" },
    { .id = "json",
      .kind = RT_LOG_FILE,
      .path = "/json",
      .format = RT_LOG_JSON,
      .size_max = 500 },
    { .id = "callback", .kind = RT_LOG_CALLBACK, .event = nothing },
};
#define HANDLER_COUNT (sizeof handlers / sizeof handlers[0])

static void open_bed(struct bed *bed)
{
    struct rt_options options = { .log_handlers = handlers,
                                  .log_handler_count = HANDLER_COUNT };

    bed_open_with(bed, 1, options, NULL);
}

static void check_counts(struct bed *bed, uint64_t events)
{
    struct rt_log_handler_info infos[HANDLER_COUNT];

    assert_int_equal(rt_log_handlers(bed->rt, infos, HANDLER_COUNT),
                     HANDLER_COUNT);
    for (size_t i = 0; i < HANDLER_COUNT; i++)
        assert_int_equal(infos[i].written + infos[i].dropped + infos[i].failed,
                         events);
}

static void log_text(struct bed *bed)
{
    rt_log_self(bed->self, RT_LOG_ERROR, "%600s", "a text of some length");
}

static void log_report(struct bed *bed)
{
    rt_log_report(bed->self, RT_LOG_ERROR,
                  etf_make(bed->self, "#{label => {odd, one}, report => "
                                      "[{a, [1, 2, 3]}, {b, <<\"b\">>}]}"));
    rt_reset(bed->self);
}

static void each_event_is_written_or_counted(void **state)
{
    void (*const log[])(struct bed * bed) = { log_text, log_report };
    uint64_t events = 0;
    struct bed bed;

    (void)state;
    open_bed(&bed);
    for (size_t what = 0; what < 2; what++) {
        for (unsigned i = 1; i < TRIES_MAX; i++) {
            failing_seen = false;
            failing_in = i;
            log[what](&bed);
            failing_in = 0;
            check_counts(&bed, ++events);
            (void)sim_run(bed.sim, 10); /* no burst */
            if (!failing_seen)
                break;
            assert_true(i + 1 < TRIES_MAX);
        }
    }
    assert_true(events > 10);
    bed_close(&bed);
}

static void a_handler_that_cannot_be_made_leaves_nothing(void **state)
{
    struct rt_log_handler handler = { .id = "more",
                                      .kind = RT_LOG_FILE,
                                      .path = "/more" };
    struct bed bed;
    unsigned i;

    (void)state;
    open_bed(&bed);
    for (i = 1; i < TRIES_MAX; i++) {
        enum agner_err err;

        failing_seen = false;
        failing_in = i;
        err = rt_log_handler_add(bed.rt, &handler, NULL);
        failing_in = 0;
        if (err == AGNER_OK)
            break;
        assert_int_equal(err, AGNER_ENOMEM);
        assert_int_equal(rt_log_handlers(bed.rt, NULL, 0), HANDLER_COUNT);
    }
    assert_true(i > 2);
    assert_false(failing_seen);
    bed_close(&bed);
}

static void a_level_without_memory_stays_as_it_was(void **state)
{
    etf_pid me;
    struct bed bed;

    (void)state;
    open_bed(&bed);
    me = rt_self(bed.self);
    failing_in = 1;
    assert_int_equal(rt_log_level_set(bed.rt, me, RT_LOG_DEBUG), AGNER_ENOMEM);
    assert_int_equal(rt_log_level(bed.rt, me), RT_LOG_NOTICE);
    assert_int_equal(rt_log_level_set(bed.rt, me, RT_LOG_DEBUG), AGNER_OK);
    assert_int_equal(rt_log_level(bed.rt, me), RT_LOG_DEBUG);
    bed_close(&bed);
}

static void a_runtime_without_memory_is_not_made(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim),
                                  .log_handlers = handlers,
                                  .log_handler_count = HANDLER_COUNT };
    unsigned i;

    (void)state;
    for (i = 1; i < TRIES_MAX; i++) {
        struct agner_error error;
        struct rt *rt;
        enum agner_err err;

        failing_seen = false;
        failing_in = i;
        err = rt_new(&options, &rt, &error);
        failing_in = 0;
        if (err == AGNER_OK)
            rt_free(rt, 0);
        else
            assert_int_equal(err, AGNER_ENOMEM);
        if (!failing_seen)
            break;
    }
    assert_true(i > 5 && i < TRIES_MAX);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_event_is_written_or_counted),
        cmocka_unit_test(a_handler_that_cannot_be_made_leaves_nothing),
        cmocka_unit_test(a_level_without_memory_stays_as_it_was),
        cmocka_unit_test(a_runtime_without_memory_is_not_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
