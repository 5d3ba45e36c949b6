/*
 * test_behaviors_examples.c -- the examples do what their first comment says.
 */
#include "probe.h"

#include <unistd.h>

#include "examples.h"

static etf_term start(struct probe_world *world,
                      const struct gen_server *server, const char *args)
{
    etf_pid pid;

    assert_int_equal(gen_start(world->self, server, probe_term(world, args),
                               NULL, &pid, NULL),
                     AGNER_OK);
    return etf_make(world->self, "_", pid);
}

static void counter_counts(void **state)
{
    struct probe_world *world = *state;
    etf_term counter = start(world, &counter_server, "9223372036854775800");
    etf_pid pid;
    etf_term reason = ETF_NONE;

    probe_expect(world, counter, "{add, 5}", "9223372036854775805");
    probe_expect(world, counter, "{add, 5}", "{error, badarg}"); /* overflow */
    probe_expect(world, counter, "{add, two}", "{error, badarg}");
    probe_expect(world, counter, "{add, -5}", "9223372036854775800");
    assert_int_equal(
        gen_start(world->self, &counter_server, etf_nil(), NULL, &pid, &reason),
        AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "badarg"));
}

static void words_counts_a_file(void **state)
{
    struct probe_world *world = *state;
    char path[] = "/tmp/agner-words-XXXXXX";
    int fd = mkstemp(path);
    struct gen_task task;
    etf_term result = ETF_NONE;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, "one two\n  three\nfour", 20), 20);
    (void)close(fd);
    assert_int_equal(gen_task_async(world->self, &words_job,
                                    etf_text(rt_region(world->self), path),
                                    NULL, &task),
                     AGNER_OK);
    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_OK);
    assert_true(probe_equal(world, result, "{2, 4, 20}"));
    (void)unlink(path);
    assert_int_equal(gen_task_async_nolink(
                         world->self, &words_job,
                         etf_text(rt_region(world->self), path), NULL, &task),
                     AGNER_OK);
    assert_int_equal(gen_task_await(world->self, &task, PROBE_LONG_MS, &result),
                     AGNER_EEXIT);
    assert_true(etf_is_tagged(result, ETF_A(shutdown), 2));
}

static void echo_answers(void **state)
{
    struct probe_world *world = *state;
    etf_term echo = start(world, &echo_server, "[]");
    etf_term other, reply;
    etf_ref ref;

    probe_expect(world, echo, "{echo, #{a => [1.5]}}", "#{a => [1.5]}");
    probe_expect(world, echo, "{echo}", "{error, unknown}");
    probe_expect(world, echo, "{trap, maybe}", "{error, unknown}");
    assert_int_equal(gen_call(world->self, echo, probe_term(world, "{self}"),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_equal(reply, echo));
    assert_int_equal(gen_call(world->self, echo,
                              probe_term(world, "{spawn, second}"),
                              PROBE_LONG_MS, &other),
                     AGNER_OK);
    probe_expect(world, etf_atom("second"), "{echo, hello}", "hello");
    assert_int_equal(gen_call(world->self, echo,
                              etf_make(world->self, "{monitor, _}", other),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_get_ref(reply, &ref));
    assert_int_equal(gen_call(world->self, echo,
                              probe_term(world, "{spawn, second}"),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_is_tagged(reply, ETF_A(error), 2)); /* the name is taken */
}

static void echo_tells_what_it_hears(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term echo = start(world, &echo_server, "[]");
    etf_term other = start(world, &echo_server, "[]");
    etf_term m, reply, reason;
    etf_ref ref, fired;
    etf_pid pid, who;

    assert_true(etf_get_pid(echo, &pid));
    probe_expect(world, echo, "{trap, true}", "ok");
    assert_int_equal(gen_call(self, echo,
                              etf_make(self, "{tell, _}", rt_self(self)),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_int_equal(gen_call(self, echo, etf_make(self, "{link, _}", other),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(probe_equal(world, reply, "true"));
    assert_int_equal(gen_call(self, echo, etf_make(self, "{monitor, _}", other),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_get_ref(reply, &ref));

    rt_send(self, echo, etf_atom("plain"));
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{heard, _, plain}", &who));
    assert_true(etf_pid_equal(who, pid));

    probe_expect(world, other, "{stop, {the, 'end'}}", "ok");
    for (int heard = 0; heard < 2; heard++) { /* the exit and the down */
        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        if (etf_match(m, "{heard, __, {'DOWN', _, process, __, _}}", &fired,
                      &reason))
            assert_true(etf_ref_equal(fired, ref));
        else
            assert_true(etf_match(m, "{heard, __, {'EXIT', __, _}}", &reason));
        assert_true(probe_equal(world, reason, "{the, 'end'}"));
    }
}

static void echo_links_and_notifies(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term echo = start(world, &echo_server, "[]");
    etf_term other = start(world, &echo_server, "[]");
    etf_term m, reply;

    assert_int_equal(gen_call(self, echo, etf_make(self, "{link, _}", other),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_int_equal(gen_call(self, echo, etf_make(self, "{unlink, _}", other),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    probe_expect(world, other, "{stop, boom}", "ok");
    probe_wait_dead(world, other);
    probe_expect(world, echo, "{echo, still_here}", "still_here");
    gen_cast(self, echo, etf_make(self, "{notify, _, {hi, 1}}", rt_self(self)));
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(probe_equal(world, m, "{hi, 1}"));
}

static void applications_name_their_children(void **state)
{
    static const struct gen_application *const all[] = { &counter_application,
                                                         &echo_application };

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(all[i]->abi, GEN_APPLICATION_ABI);
        assert_int_equal(all[i]->child_count, 1);
        assert_string_equal(all[i]->children[0].name, all[i]->name);
    }
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(counter_counts),
        CASE(words_counts_a_file),
        CASE(echo_answers),
        CASE(echo_tells_what_it_hears),
        CASE(echo_links_and_notifies),
        cmocka_unit_test(applications_name_their_children),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
