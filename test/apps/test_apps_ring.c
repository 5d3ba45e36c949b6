/*
 * test_apps_ring.c -- the last events of the log, as followers read them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <agner/sim.h>

#include "rpc_ring.h"

struct scene {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    struct rpc_ring ring;
};

static void scene_open(struct scene *s)
{
    struct rt_log_handler handler = { .id = "ring",
                                      .kind = RT_LOG_CALLBACK,
                                      .event = rpc__ring_add,
                                      .ctx = &s->ring };
    struct rt_options options = { .log_handlers = &handler };

    memset(s, 0, sizeof *s);
    s->sim = sim_new(1, NULL);
    assert_non_null(s->sim);
    options.world = sim_world(s->sim);
    assert_int_equal(rt_new(&options, &s->rt, NULL), AGNER_OK);
    rpc__ring_init(&s->ring, s->rt);
    assert_int_equal(rt_log_handler_add(s->rt, &handler, NULL), AGNER_OK);
    s->self = rt_attach(s->rt);
    assert_non_null(s->self);
}

static void scene_close(struct scene *s)
{
    rt_detach(s->self);
    rt_free(s->rt, 0);
    rpc__ring_fini(&s->ring);
    sim_free(s->sim);
}

/* Reads from *at on: how many events, which are numbered from `first` on. */
static size_t read_some(struct scene *s, struct rpc_follower *f, uint64_t *at,
                        size_t room, uint64_t *missed, unsigned first)
{
    const struct rt_log_event *events[RPC_RING_EVENTS];
    size_t count = rpc__ring_read(&s->ring, f, at, events, room, missed);
    char text[32];

    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%u ", first + (unsigned)i);
        assert_memory_equal(events[i]->text, text, strlen(text));
        rt_log_release(events[i]);
    }
    return count;
}

static void log_some(struct scene *s, unsigned first, unsigned count)
{
    for (unsigned i = first; i < first + count; i++)
        rt_log(s->rt, RT_LOG_NOTICE, "%u is logged", i);
}

static void a_reader_keeps_its_place_and_hears_what_it_missed(void **state)
{
    struct scene s;
    uint64_t at = 1, missed;

    (void)state;
    scene_open(&s);
    assert_int_equal(read_some(&s, NULL, &at, 10, &missed, 0), 0);
    log_some(&s, 1, 5);
    assert_int_equal(read_some(&s, NULL, &at, 3, &missed, 1), 3);
    assert_int_equal(at, 4);
    assert_int_equal(read_some(&s, NULL, &at, 3, &missed, 4), 2);
    assert_int_equal(missed, 0);
    log_some(&s, 6, RPC_RING_EVENTS + 10);
    assert_int_equal(read_some(&s, NULL, &at, 1, &missed, 16), 1);
    assert_int_equal(missed, 10);
    assert_int_equal(at, 17);
    assert_int_equal(read_some(&s, NULL, &at, RPC_RING_EVENTS, &missed, 17),
                     RPC_RING_EVENTS - 1);
    assert_int_equal(missed, 0);
    scene_close(&s);
}

static void large_events_leave_room_for_fewer(void **state)
{
    const struct rt_log_event *events[RPC_RING_EVENTS];
    struct scene s;
    uint64_t at = 1, missed;
    size_t count;

    (void)state;
    scene_open(&s);
    for (unsigned i = 1; i <= RPC_RING_EVENTS; i++)
        rt_log(s.rt, RT_LOG_NOTICE, "%u %8000s", i, "");
    count =
        rpc__ring_read(&s.ring, NULL, &at, events, RPC_RING_EVENTS, &missed);
    for (size_t i = 0; i < count; i++)
        rt_log_release(events[i]);
    assert_true(count * 8000 <= RPC_RING_BYTES);
    assert_true((count + 2) * 8200 >= RPC_RING_BYTES);
    assert_int_equal(missed, RPC_RING_EVENTS - count);
    scene_close(&s);
}

static unsigned messages(struct scene *s)
{
    etf_term message;
    unsigned count = 0;

    while (rt_receive(s->self, 0, &message) == AGNER_OK) {
        assert_true(etf_match(message, "logs"));
        count++;
    }
    return count;
}

static void a_follower_is_told_once_until_it_has_read_all(void **state)
{
    struct rpc_follower f = { .at = 1 };
    struct scene s;
    uint64_t missed;

    (void)state;
    scene_open(&s);
    rpc__ring_follow(&s.ring, &f, rt_self(s.self));
    rpc__ring_follow(&s.ring, &f, rt_self(s.self)); /* still once */
    log_some(&s, 1, 4);
    assert_int_equal(messages(&s), 1);
    assert_int_equal(read_some(&s, &f, &f.at, 2, &missed, 1), 2);
    log_some(&s, 5, 1);
    assert_int_equal(messages(&s), 0);
    assert_int_equal(read_some(&s, &f, &f.at, 9, &missed, 3), 3);
    assert_int_equal(read_some(&s, &f, &f.at, 9, &missed, 0), 0);
    log_some(&s, 6, 3);
    assert_int_equal(messages(&s), 1);
    rpc__ring_leave(&s.ring, &f);
    rpc__ring_leave(&s.ring, &f);
    assert_int_equal(read_some(&s, &f, &f.at, 9, &missed, 6), 3);
    assert_int_equal(read_some(&s, &f, &f.at, 9, &missed, 0), 0);
    log_some(&s, 9, 1);
    assert_int_equal(messages(&s), 0);
    scene_close(&s);
}

static void many_followers_are_told_each(void **state)
{
    struct rpc_follower all[50] = { { .at = 1 } };
    struct scene s;

    (void)state;
    scene_open(&s);
    for (size_t i = 0; i < 50; i++)
        rpc__ring_follow(&s.ring, &all[i], rt_self(s.self));
    log_some(&s, 1, 2);
    assert_int_equal(messages(&s), 50);
    for (size_t i = 0; i < 50; i += 2) /* from all over the list */
        rpc__ring_leave(&s.ring, &all[i]);
    for (size_t i = 1; i < 50; i += 2)
        all[i].told = false;
    log_some(&s, 3, 1);
    assert_int_equal(messages(&s), 25);
    scene_close(&s);
}

static void a_filter_wants_level_process_name_and_application(void **state)
{
    static const struct {
        struct rpc_log_filter filter;
        bool wanted;
    } rows[] = {
        { { .level = RT_LOG_DEBUG }, true },
        { { .level = RT_LOG_WARNING }, true },
        { { .level = RT_LOG_ERROR }, false },
        { { .level = RT_LOG_DEBUG, .name = "counter" }, true },
        { { .level = RT_LOG_DEBUG, .name = "count" }, false },
        { { .level = RT_LOG_DEBUG, .name = "counters" }, false },
        { { .level = RT_LOG_DEBUG, .application = "shop" }, true },
        { { .level = RT_LOG_DEBUG, .application = "counter" }, false },
        { { .level = RT_LOG_DEBUG, .pid = { .id = 4, .serial = 1 } }, true },
        { { .level = RT_LOG_DEBUG, .pid = { .id = 4, .serial = 2 } }, false },
        { { .level = RT_LOG_NONE }, false },
    };
    struct rt_log_event event = { .level = RT_LOG_WARNING,
                                  .pid = { .id = 4, .serial = 1 } };
    struct rt_log_event nobodys = { .level = RT_LOG_WARNING };

    (void)state;
    event.name = etf_atom("counter");
    event.application = etf_atom("shop");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rpc__log_matches(&rows[i].filter, &event),
                         rows[i].wanted);
    assert_true(rpc__log_matches(&rows[0].filter, &nobodys));
    assert_false(rpc__log_matches(&rows[3].filter, &nobodys));
    assert_false(rpc__log_matches(&rows[8].filter, &nobodys));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_keeps_its_place_and_hears_what_it_missed),
        cmocka_unit_test(large_events_leave_room_for_fewer),
        cmocka_unit_test(a_follower_is_told_once_until_it_has_read_all),
        cmocka_unit_test(many_followers_are_told_each),
        cmocka_unit_test(a_filter_wants_level_process_name_and_application),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
