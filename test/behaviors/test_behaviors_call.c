/*
 * test_behaviors_call.c -- the caller's side: one outcome for each call, many
 * calls at once, and native requests.
 */
#include "probe.h"

/* ---- One call, one outcome (G23, I4) ---- */

static void reaches_a_server_by_pid_and_by_name(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term node = rt_node(world->rt).name;
    etf_pid pid;

    if (etf_is_none(node))
        node = ETF_A(noname);
    assert_true(etf_get_pid(probe, &pid));
    assert_int_equal(rt_register(world->rt, etf_atom("known"), pid), AGNER_OK);
    probe_expect(world, probe, "{reply, 1}", "1");
    probe_expect(world, etf_atom("known"), "{reply, 2}", "2");
    probe_expect(world, etf_make(self, "{known, _}", node), "{reply, 3}", "3");
    assert_int_equal(gen_cast(self, etf_atom("known"), etf_atom("by_name")),
                     AGNER_OK);
    probe_expect(world, probe, "{reply, 4}", "4");
    assert_int_equal(witness_count(&world->seen, "cast by_name"), 1);
}

static void fails_at_once_when_nobody_is_there(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_term request = probe_term(world, "{reply, 1}");

    assert_int_equal(gen_call(world->self, etf_atom("nobody_has_this_name"),
                              request, RT_INFINITY, NULL),
                     AGNER_ENONAME);
    gen_cast(world->self, probe, probe_term(world, "{stop, normal}"));
    probe_wait_dead(world, probe);
    assert_int_equal(gen_call(world->self, probe, request, RT_INFINITY, NULL),
                     AGNER_ENOPROC);
}

static void gets_the_reason_when_the_server_ends(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_term reason = ETF_NONE;

    assert_int_equal(gen_call(world->self, probe,
                              probe_term(world, "{leave, {why, 1}}"),
                              RT_INFINITY, &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "{why, 1}"));
    probe_mailbox_empty(world);
}

static void never_sees_a_late_answer(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    for (int i = 0; i < 20; i++) {
        assert_int_equal(gen_call(world->self, probe,
                                  probe_term(world, "{reply_later}"),
                                  (uint64_t)(i % 2), NULL),
                         AGNER_ETIMEOUT);
        gen_cast(world->self, probe, probe_term(world, "{answer, late}"));
        probe_expect(world, probe, "{reply, now}", "now");
        probe_mailbox_empty(world);
    }
}

/* The server answers just when the time is over: whichever wins, the call ends
 * once and nothing stays behind. */
static void ends_once_when_answer_and_timeout_race(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    for (int i = 0; i < 200; i++) {
        etf_term reply = ETF_NONE;
        enum agner_err err;

        err = gen_call(world->self, probe, probe_term(world, "{reply, x}"), 0,
                       &reply);
        if (err == AGNER_OK)
            assert_true(probe_equal(world, reply, "x"));
        else
            assert_int_equal(err, AGNER_ETIMEOUT);
        probe_expect(world, probe, "{reply, y}", "y");
        probe_mailbox_empty(world);
        rt_reset(world->self); /* a local pid is a word of its own */
    }
}

static void refuses_to_call_itself(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_term reply, rest;
    int64_t err;

    assert_int_equal(
        gen_call(world->self, probe,
                 etf_make(world->self, "{call, _, {reply, 1}, 20000}", probe),
                 PROBE_LONG_MS, &reply),
        AGNER_OK);
    assert_true(etf_match(reply, "{_, _}", &err, &rest));
    assert_int_equal(err, AGNER_ECALLSELF);
    assert_int_equal(gen_call(world->self, rt_self_term(world->self),
                              etf_atom("x"), RT_INFINITY, NULL),
                     AGNER_ECALLSELF);
}

/* A calls B, which calls C, a hundred times; each waits in its callback. */
static void calls_from_inside_a_call(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term b = probe_start(world, "ok");
    etf_term c = probe_start(world, "ok");
    etf_term request =
        etf_make(self, "{call, _, {call, _, {add, 1}, 20000}, 20000}", b, c);
    etf_term a = probe_start(world, "ok");

    for (int64_t i = 1; i <= 100; i++) {
        etf_term reply;
        int64_t outer, inner, sum;

        assert_int_equal(gen_call(self, a, request, PROBE_LONG_MS, &reply),
                         AGNER_OK);
        assert_true(etf_match(reply, "{_, {_, _}}", &outer, &inner, &sum));
        assert_int_equal(outer, AGNER_OK);
        assert_int_equal(inner, AGNER_OK);
        assert_int_equal(sum, i);
    }
}

/* Who waits in a call keeps what comes meanwhile, in order. */
static void keeps_messages_that_come_during_a_call(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term callee = probe_start(world, "ok");
    etf_term probe = probe_start(world, "ok");

    gen_cast(self, callee, probe_term(world, "{wait}"));
    gen_cast(self, probe, etf_make(self, "{call, _, {add, 1}, 20000}", callee));
    gen_cast(self, probe, probe_term(world, "one"));
    rt_send(self, probe, probe_term(world, "two"));
    gen_cast(self, probe, probe_term(world, "three"));
    rt_send(self, callee, probe_term(world, "go"));
    probe_expect(world, probe, "{reply, done}", "done");
    assert_true(witness_await(&world->seen, "cast one\n"));
    assert_true(witness_await(&world->seen, "info two\ncast three\n"
                                            "call {reply,done}\n"));
}

/* ---- Many at once ---- */

#define MANY 500

static void waits_for_many_requests_in_any_order(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    static struct rt_request ids[MANY];
    static bool answered[MANY];
    etf_term reply;
    size_t which;

    memset(answered, 0, sizeof answered);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(gen_send_request(self, probe,
                                          etf_make(self, "{reply, _}", i),
                                          &ids[i]),
                         AGNER_OK);
    for (int i = 0; i < MANY; i++) {
        int64_t number;

        assert_int_equal(
            gen_wait_any(self, ids, MANY, PROBE_LONG_MS, &which, &reply),
            AGNER_OK);
        assert_true(etf_match(reply, "_", &number));
        assert_int_equal(number, (int64_t)which);
        assert_false(answered[which]);
        answered[which] = true;
        memset(&ids[which], 0, sizeof ids[which]);
    }
    assert_int_equal(gen_wait_any(self, ids, MANY, 0, &which, &reply),
                     AGNER_ENOREF);
}

static void gives_a_request_up_only_when_asked(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    struct rt_request kept, given_up;
    etf_term reply;

    gen_send_request(self, probe, probe_term(world, "{reply_later}"), &kept);
    assert_int_equal(gen_wait(self, &kept, 1, &reply), AGNER_ETIMEOUT);
    gen_cast(self, probe, probe_term(world, "{answer, a}"));
    assert_int_equal(gen_wait(self, &kept, PROBE_LONG_MS, &reply), AGNER_OK);
    assert_int_equal(gen_wait(self, &kept, 0, &reply), AGNER_ENOREF);

    gen_send_request(self, probe, probe_term(world, "{reply_later}"),
                     &given_up);
    assert_int_equal(gen_receive_response(self, &given_up, 1, &reply),
                     AGNER_ETIMEOUT);
    gen_cast(self, probe, probe_term(world, "{answer, b}"));
    probe_expect(world, probe, "{reply, c}", "c");
    assert_int_equal(gen_wait(self, &given_up, 0, &reply), AGNER_ENOREF);
    probe_mailbox_empty(world);
}

static void hears_of_the_end_for_each_request(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    struct rt_request ids[5];
    etf_term reason;

    gen_cast(self, probe, probe_term(world, "{wait}"));
    for (int i = 0; i < 5; i++)
        gen_send_request(self, probe, probe_term(world, "{stop, finally}"),
                         &ids[i]);
    rt_send(self, probe, probe_term(world, "go"));
    for (int i = 0; i < 5; i++) {
        reason = ETF_NONE;
        assert_int_equal(gen_wait(self, &ids[i], PROBE_LONG_MS, &reason),
                         AGNER_EEXIT);
        assert_true(probe_equal(world, reason, "finally"));
    }
    assert_int_equal(witness_count(&world->seen, "call "), 1);
}

static etf_term own_node(struct probe_world *world)
{
    etf_term node = rt_node(world->rt).name;

    return etf_is_none(node) ? ETF_A(noname) : node;
}

static void asks_several_nodes(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term here = own_node(world);
    etf_term nodes =
        etf_make(self, "['gone@nowhere.invalid', _, _]", here, here);
    etf_term replies, bad;
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    rt_register(world->rt, etf_atom("everywhere"), pid);
    assert_int_equal(gen_multi_call(self, nodes, etf_atom("everywhere"),
                                    probe_term(world, "{add, 1}"),
                                    PROBE_LONG_MS, &replies, &bad),
                     AGNER_OK);
    assert_true(
        etf_equal(replies, etf_make(self, "[{_, 1}, {_, 2}]", here, here)));
    assert_true(probe_equal(world, bad, "['gone@nowhere.invalid']"));
    /* A name that is nowhere; a server that does not answer. */
    assert_int_equal(gen_multi_call(self, nodes, etf_atom("nowhere_at_all"),
                                    etf_atom("x"), PROBE_LONG_MS, &replies,
                                    &bad),
                     AGNER_OK);
    assert_true(etf_equal(replies, etf_nil()));
    assert_true(etf_equal(bad, nodes));
    assert_int_equal(gen_multi_call(self, nodes, etf_atom("everywhere"),
                                    probe_term(world, "{reply_later}"), 1,
                                    &replies, &bad),
                     AGNER_OK);
    assert_true(etf_equal(bad, nodes));
    gen_cast(self, probe, probe_term(world, "{answer, late}"));
    probe_expect(world, probe, "{reply, 1}", "1");
    probe_mailbox_empty(world);
    assert_int_equal(gen_multi_call(self, etf_atom("x"), etf_atom("y"),
                                    etf_atom("z"), 0, &replies, &bad),
                     AGNER_EINVAL);
}

static void casts_to_several_nodes(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_term here = own_node(world);
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    rt_register(world->rt, etf_atom("everywhere"), pid);
    assert_int_equal(
        gen_abcast(self, etf_make(self, "['gone@nowhere.invalid', _]", here),
                   etf_atom("everywhere"), etf_atom("hello")),
        AGNER_OK);
    probe_expect(world, probe, "{reply, 1}", "1");
    assert_int_equal(witness_count(&world->seen, "cast hello"), 1);
    assert_int_equal(gen_abcast(self, etf_nil(),
                                etf_text(rt_region(self), "no atom"),
                                etf_atom("x")),
                     AGNER_EINVAL);
}

/* ---- Native requests ---- */

struct direct_thread {
    struct probe_world *world;
    etf_pid pid;
    intptr_t base;
    unsigned wrong;
};

static void *ask_directly(void *arg)
{
    struct direct_thread *t = arg;

    for (intptr_t i = 0; i < 200; i++) {
        struct probe_request request = { PROBE_DIRECT_TWICE, t->base + i };
        void *result = NULL;
        enum agner_err err = gen_direct(t->world->rt, t->pid, &request,
                                        sizeof request, PROBE_LONG_MS, &result);

        if (err != AGNER_OK || (intptr_t)result != 2 * (t->base + i))
            t->wrong++;
    }
    return NULL;
}

static void answers_plain_threads(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    struct direct_thread t[4];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++) {
        t[i] = (struct direct_thread){ .world = world, .base = 1000 * i };
        assert_true(etf_get_pid(probe, &t[i].pid));
        assert_int_equal(pthread_create(&threads[i], NULL, ask_directly, &t[i]),
                         0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(t[i].wrong, 0);
    }
}

static enum agner_err direct(struct probe_world *world, etf_term probe,
                             enum probe_direct what, uint64_t timeout_ms,
                             void **result)
{
    struct probe_request request = { what, 21 };
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    return gen_direct(world->rt, pid, &request, sizeof request, timeout_ms,
                      result);
}

static void *answer_it_later(void *arg)
{
    struct probe_world *world = arg;

    struct etf_region *r = etf_region_new(0); /* this thread's own */

    if (r != NULL && witness_await(&world->seen, "direct\n"))
        (void)rt_post(
            world->rt, etf_atom("direct_one"),
            etf_tuple(r, (etf_term[]){ etf_atom("answer_direct") }, 1));
    etf_region_free(r);
    return NULL;
}

static void answers_a_native_request_later(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    pthread_t thread;
    etf_pid pid;
    void *result = NULL;

    assert_true(etf_get_pid(probe, &pid));
    rt_register(world->rt, etf_atom("direct_one"), pid);
    assert_int_equal(pthread_create(&thread, NULL, answer_it_later, world), 0);
    assert_int_equal(
        direct(world, probe, PROBE_DIRECT_LATER, PROBE_LONG_MS, &result),
        AGNER_OK);
    pthread_join(thread, NULL);
    assert_int_equal((intptr_t)result, 42);
}

static void tells_why_a_native_request_failed(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");

    assert_int_equal(
        direct(world, probe, PROBE_DIRECT_REFUSE, PROBE_LONG_MS, NULL),
        AGNER_ENOTSUP);
    assert_int_equal(direct(world, probe, PROBE_DIRECT_LATER, 1, NULL),
                     AGNER_ETIMEOUT);
    assert_int_equal(
        direct(world, probe, PROBE_DIRECT_STOP, PROBE_LONG_MS, NULL),
        AGNER_EEXIT);
    probe_wait_dead(world, probe);
    assert_int_equal(
        direct(world, probe, PROBE_DIRECT_TWICE, PROBE_LONG_MS, NULL),
        AGNER_ENOPROC);
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(reaches_a_server_by_pid_and_by_name),
        CASE(fails_at_once_when_nobody_is_there),
        CASE(gets_the_reason_when_the_server_ends),
        CASE(never_sees_a_late_answer),
        CASE(ends_once_when_answer_and_timeout_race),
        CASE(refuses_to_call_itself),
        CASE(calls_from_inside_a_call),
        CASE(keeps_messages_that_come_during_a_call),
        CASE(waits_for_many_requests_in_any_order),
        CASE(gives_a_request_up_only_when_asked),
        CASE(hears_of_the_end_for_each_request),
        CASE(asks_several_nodes),
        CASE(casts_to_several_nodes),
        CASE(answers_plain_threads),
        CASE(answers_a_native_request_later),
        CASE(tells_why_a_native_request_failed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
