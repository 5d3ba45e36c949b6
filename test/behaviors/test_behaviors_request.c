/*
 * test_behaviors_request.c -- many requests at once: labels, deadlines, answers
 * as messages.
 */
#include "probe.h"

static struct rt_request send_to(struct probe_world *world, etf_term probe,
                                 const char *command)
{
    struct rt_request id;

    assert_int_equal(
        gen_send_request(world->self, probe, probe_term(world, command), &id),
        AGNER_OK);
    return id;
}

/* ---- Collections -------------------------------------------------------- */

static void tells_answers_by_their_labels(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct gen_reqids c = { 0 };
    bool seen[40] = { false };
    etf_term probes[4], reply, label;

    for (size_t i = 0; i < 4; i++)
        probes[i] = probe_start(world, "ok");
    for (int64_t i = 0; i < 40; i++)
        assert_int_equal(
            gen_reqids_send(self, &c, probes[i % 4],
                            etf_make(self, "{reply, {answer, _}}", i),
                            etf_make(self, "{label, [_]}", i)),
            AGNER_OK);
    assert_int_equal(gen_reqids_size(&c), 40);
    while (gen_reqids_size(&c) > 0) {
        int64_t answer = -1, number = -2;

        assert_int_equal(gen_reqids_wait(self, &c,
                                         gen_deadline(self, PROBE_LONG_MS),
                                         true, &reply, &label),
                         AGNER_OK);
        assert_true(etf_match(reply, "{answer, _}", &answer));
        assert_true(etf_match(label, "{label, [_]}", &number));
        assert_int_equal(answer, number);
        assert_false(seen[number]);
        seen[number] = true;
    }
    assert_int_equal(
        gen_reqids_wait(self, &c, GEN_INFINITY, true, &reply, &label),
        AGNER_ENOREF);
    gen_reqids_fini(&c);
    probe_mailbox_empty(world);
}

static void keeps_what_is_not_to_be_removed(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct gen_reqids c = { 0 };
    etf_term probe = probe_start(world, "ok"), reply, label;

    assert_int_equal(gen_reqids_send(self, &c, probe,
                                     probe_term(world, "{reply, 1}"),
                                     ETF_A(yes)),
                     AGNER_OK);
    assert_int_equal(
        gen_reqids_wait(self, &c, GEN_INFINITY, false, &reply, &label),
        AGNER_OK);
    assert_true(etf_same(label, ETF_A(yes)));
    assert_int_equal(gen_reqids_size(&c), 1);
    /* It is answered: nothing of it is outstanding. */
    assert_int_equal(gen_reqids_wait(self, &c, GEN_INFINITY, false, NULL, NULL),
                     AGNER_ENOREF);
    gen_reqids_fini(&c);
}

static void tells_who_has_ended(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct gen_reqids c = { 0 };
    struct rt_request id;
    etf_term good = probe_start(world, "ok"), bad = probe_start(world, "ok");
    etf_term reply, label;

    id = send_to(world, good, "{reply_later}");
    assert_int_equal(gen_reqids_add(&c, &id, etf_make(self, "good")), AGNER_OK);
    id = send_to(world, bad, "{stop, [1]}");
    assert_int_equal(gen_reqids_add(&c, &id, etf_make(self, "bad")), AGNER_OK);
    assert_int_equal(
        gen_reqids_wait(self, &c, GEN_INFINITY, true, &reply, &label),
        AGNER_EEXIT);
    assert_true(etf_atom_is(label, "bad"));
    assert_true(probe_equal(world, reply, "[1]"));
    assert_int_equal(gen_reqids_size(&c), 1);
    assert_int_equal(gen_reqids_send(self, &c, bad, ETF_A(yes), ETF_A(no)),
                     AGNER_ENOPROC);
    assert_int_equal(gen_reqids_size(&c), 1);
    assert_int_equal(gen_cast(self, good, probe_term(world, "{answer, late}")),
                     AGNER_OK);
    assert_int_equal(
        gen_reqids_receive(self, &c, GEN_INFINITY, true, &reply, &label),
        AGNER_OK);
    assert_true(etf_atom_is(label, "good"));
    gen_reqids_fini(&c);
}

/* wait_response goes on, receive_response gives up. */
static void waits_until_its_deadline(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct gen_reqids c = { 0 };
    etf_term probe = probe_start(world, "ok"), reply = ETF_NONE;
    uint64_t deadline = gen_deadline(self, 2);

    assert_int_equal(gen_deadline(self, GEN_INFINITY), GEN_INFINITY);
    assert_int_equal(gen_reqids_send(self, &c, probe,
                                     probe_term(world, "{reply_later}"),
                                     ETF_A(yes)),
                     AGNER_OK);
    assert_int_equal(gen_reqids_wait(self, &c, deadline, true, NULL, NULL),
                     AGNER_ETIMEOUT);
    assert_true(rt_now_ms(world->rt) >= deadline);
    assert_int_equal(gen_reqids_wait(self, &c, deadline, true, NULL, NULL),
                     AGNER_ETIMEOUT); /* it is past */
    assert_int_equal(gen_reqids_size(&c), 1);
    assert_int_equal(gen_cast(self, probe, probe_term(world, "{answer, 7}")),
                     AGNER_OK);
    assert_int_equal(
        gen_reqids_wait(self, &c, GEN_INFINITY, true, &reply, NULL), AGNER_OK);
    assert_true(probe_equal(world, reply, "7"));

    assert_int_equal(gen_reqids_send(self, &c, probe,
                                     probe_term(world, "{reply_later}"),
                                     ETF_A(yes)),
                     AGNER_OK);
    assert_int_equal(
        gen_reqids_receive(self, &c, gen_deadline(self, 1), true, NULL, NULL),
        AGNER_ETIMEOUT);
    assert_int_equal(gen_reqids_size(&c), 0);
    probe_expect(world, probe, "{then, {answer, 8}, {reply, ok}}", "ok");
    probe_mailbox_empty(world); /* the late answer is nobody's */
    gen_reqids_fini(&c);
}

/* ---- Answers as messages ------------------------------------------------ */

static void gets_answers_as_messages(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok"), m, reply = ETF_NONE;
    struct rt_request id, other;

    other.ref = rt_make_ref(self);
    assert_int_equal(gen_send_request_info(
                         self, probe, probe_term(world, "{reply, [1]}"), &id),
                     AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_int_equal(gen_check_response(&other, m, &reply), AGNER_EUNKNOWN);
    assert_int_equal(gen_check_response(&id, ETF_A(ok), &reply),
                     AGNER_EUNKNOWN);
    assert_int_equal(gen_check_response(&id, m, &reply), AGNER_OK);
    assert_true(probe_equal(world, reply, "[1]"));

    assert_int_equal(gen_send_request_info(
                         self, probe, probe_term(world, "{stop, gone}"), &id),
                     AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_int_equal(gen_check_response(&id, m, &reply), AGNER_EEXIT);
    assert_true(etf_atom_is(reply, "gone"));
    assert_int_equal(gen_send_request_info(self, probe, ETF_A(yes), &id),
                     AGNER_ENOPROC);
    assert_int_equal(
        gen_send_request_info(self, etf_atom("nobody_has_it"), ETF_A(yes), &id),
        AGNER_ENONAME);
    assert_int_equal(gen_send_request_info(self, probe, ETF_NONE, &id),
                     AGNER_ENOMEM);
    probe_mailbox_empty(world);
}

static void gives_up_what_would_come_as_a_message(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    struct rt_request id;

    assert_int_equal(gen_send_request_info(
                         self, probe, probe_term(world, "{reply_later}"), &id),
                     AGNER_OK);
    gen_abandon_request(self, &id);
    probe_expect(world, probe, "{then, {answer, 8}, {reply, ok}}", "ok");
    id = send_to(world, probe, "{reply_later}");
    gen_abandon_request(self, &id);
    assert_int_equal(gen_wait(self, &id, 0, NULL), AGNER_ENOREF);
    assert_int_equal(gen_server_stop(self, probe, ETF_A(normal), PROBE_LONG_MS),
                     AGNER_OK);
    probe_mailbox_empty(world);
}

static void knows_messages_by_their_labels(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok"), m, reply, label;
    struct gen_reqids c = { 0 };
    struct rt_request id;

    assert_int_equal(gen_reqids_check(self, &c, ETF_A(ok), true, NULL, NULL),
                     AGNER_ENOREF);
    for (int64_t i = 0; i < 3; i++) {
        assert_int_equal(gen_send_request_info(
                             self, probe, etf_make(self, "{reply, _}", i), &id),
                         AGNER_OK);
        assert_int_equal(gen_reqids_add(&c, &id, etf_make(self, "{no, _}", i)),
                         AGNER_OK);
    }
    assert_int_equal(gen_reqids_check(self, &c, ETF_A(ok), true, NULL, NULL),
                     AGNER_EUNKNOWN);
    for (int64_t i = 0; i < 3; i++) {
        int64_t answer = -1, number = -2;

        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        assert_int_equal(gen_reqids_check(self, &c, m, true, &reply, &label),
                         AGNER_OK);
        assert_true(etf_match(reply, "_", &answer));
        assert_true(etf_match(label, "{no, _}", &number));
        assert_int_equal(answer, number);
    }
    assert_int_equal(gen_reqids_size(&c), 0);
    gen_reqids_fini(&c);
}

/* ---- Others ------------------------------------------------------------- */

static void casts_later(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    struct rt_timer timer;

    assert_int_equal(gen_cast_after(world->self, probe,
                                    probe_term(world, "never"), 3600000,
                                    &timer),
                     AGNER_OK);
    assert_int_equal(rt_cancel_timer(world->self, &timer, NULL), AGNER_OK);
    assert_int_equal(gen_cast_after(world->self, probe,
                                    probe_term(world, "{later, 1}"), 1, &timer),
                     AGNER_OK);
    assert_true(witness_await(&world->seen, "cast {later,1}\n"));
    assert_int_equal(witness_count(&world->seen, "never"), 0);
}

static void monitors_from_before_init(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term m, reason = ETF_NONE;
    etf_ref monitor, seen;
    etf_pid pid;

    assert_int_equal(gen_start_monitor(self, &probe_server,
                                       probe_args(world, "ok"), NULL, &pid,
                                       &monitor, NULL),
                     AGNER_OK);
    assert_int_equal(gen_cast(self, etf_from_pid(NULL, pid),
                              probe_term(world, "{stop, done}")),
                     AGNER_OK);
    assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'DOWN', _, process, __, done}", &seen));
    assert_true(etf_ref_equal(seen, monitor));
    assert_int_equal(gen_start_monitor(self, &probe_server,
                                       probe_args(world, "{stop, no}"), NULL,
                                       &pid, &monitor, &reason),
                     AGNER_EEXIT);
    assert_true(etf_atom_is(reason, "no"));
    probe_mailbox_empty(world);
}

#define CASE(test) \
    cmocka_unit_test_setup_teardown(test, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(tells_answers_by_their_labels),
        CASE(keeps_what_is_not_to_be_removed),
        CASE(tells_who_has_ended),
        CASE(waits_until_its_deadline),
        CASE(gets_answers_as_messages),
        CASE(gives_up_what_would_come_as_a_message),
        CASE(knows_messages_by_their_labels),
        CASE(casts_later),
        CASE(monitors_from_before_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
