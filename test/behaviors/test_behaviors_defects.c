/*
 * test_behaviors_defects.c -- what an earlier system got wrong about servers,
 * one test for each number of the list.
 */
#include "probe.h"

/* D-02: failed init leaves name and process entry for ever. */
static void D_02_a_failed_init_leaves_nothing(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    struct rt_spawn_options options = { .name = etf_atom("short_lived") };
    struct rt_stats before, after;
    unsigned tries = PROBE_LONG_MS;
    etf_pid pid;

    rt_stats(world->rt, &before);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(gen_start(self, &probe_server,
                                   probe_args(world, "{stop, no}"), &options,
                                   &pid, NULL),
                         AGNER_EEXIT);
        assert_int_equal(rt_whereis(world->rt, options.name, &pid),
                         AGNER_ENONAME);
    }
    do { /* the last slot is given back when the starter knows already */
        rt_stats(world->rt, &after);
    } while (after.processes != before.processes && --tries > 0 &&
             rt_sleep(self, 1) == AGNER_OK);
    assert_int_equal(after.processes, before.processes);
    assert_int_equal(gen_start(self, &probe_server, probe_args(world, "ok"),
                               &options, &pid, NULL),
                     AGNER_OK);
}

/* D-11: terminate can run while a callback of the same process is still blocked
 * in a call. The probe notices callbacks that overlap; the teardown tells. */
static void D_11_terminate_waits_for_a_blocked_callback(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term busy = probe_start(world, "ok");
    etf_term probe = probe_start(world, "ok");
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    gen_cast(self, busy, probe_term(world, "{wait}"));
    gen_cast(self, probe, etf_make(self, "{call, _, {add, 1}, 1000000}", busy));
    assert_true(witness_await(&world->seen, "1000000}\n"));
    assert_int_equal(rt_exit_signal(self, pid, etf_atom("enough")), AGNER_OK);
    assert_true(witness_await(&world->seen, "terminate enough\ndestroy\n"));
    assert_false(atomic_load(&world->seen.overlapped));
    rt_send(self, busy, probe_term(world, "go"));
    probe_expect(world, busy, "{reply, fine}", "fine");
}

/* D-17: stop is asynchronous: messages are handled after it, three pending
 * stops deadlock. */
static void D_17_nothing_is_handled_after_a_stop(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");

    gen_cast(self, probe, probe_term(world, "{wait}"));
    gen_cast(self, probe,
             probe_term(world, "{then, {stop, a}, {then, {stop, b}, "
                               "{stop, c}}}"));
    gen_cast(self, probe, probe_term(world, "later"));
    gen_cast(self, probe, probe_term(world, "{stop, d}"));
    rt_send(self, probe, probe_term(world, "go"));
    assert_true(witness_await(&world->seen, "destroy\n"));
    assert_int_equal(witness_count(&world->seen, "terminate"), 1);
    assert_int_equal(witness_count(&world->seen, "terminate a\n"), 1);
    assert_int_equal(witness_count(&world->log, "reason a last"), 1);
    assert_int_equal(witness_count(&world->seen, "cast later"), 0);
    assert_int_equal(witness_count(&world->seen, "cast {stop,d}"), 0);
}

/* D-18: a call timeout wedges the calling process until the late reply comes.
 */
static void D_18_a_caller_goes_on_after_a_timeout(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term busy = probe_start(world, "ok");
    etf_term probe = probe_start(world, "ok");
    etf_term reply, rest;
    int64_t err;

    gen_cast(self, busy, probe_term(world, "{wait}"));
    assert_int_equal(gen_call(self, probe,
                              etf_make(self, "{call, _, {reply, 1}, 1}", busy),
                              PROBE_LONG_MS, &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "{_, _}", &err, &rest));
    assert_int_equal(err, AGNER_ETIMEOUT);
    probe_expect(world, probe, "{reply, still_here}", "still_here");
    rt_send(self, busy, probe_term(world, "go")); /* now it answers, late */
    probe_expect(world, busy, "{reply, 2}", "2");
    probe_expect(world, probe, "{reply, 3}", "3");
    assert_int_equal(witness_count(&world->seen, "info"), 0);
}

/* D-19: calls whose tag is not a ref or [alias|Ref] are treated as info. */
static void D_19_a_tag_may_be_any_term(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_ref ref = rt_make_ref(self);
    etf_term ref_term = etf_from_ref(rt_region(self), ref);
    const etf_term tags[] = {
        ref_term,
        etf_make(self, "{_, node@host}", ref_term),
        etf_atom("tag"),
        etf_make(self, "_", 17),
        etf_nil(),
        etf_make(self, "#{a => [1.5, <<\"b\">>]}"),
        etf_make(self, "_", rt_self(self)),
        etf_make(self, "[alias, not_a_ref]"),
        etf_make(self, "[_ | _]", ref_term, ref_term),
    };

    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        etf_term m, tag;
        int64_t n;

        assert_int_equal(
            rt_send(self, probe,
                    etf_make(self, "{'$gen_call', {_, _}, {reply, _}}",
                             rt_self(self), tags[i], (int64_t)i)),
            AGNER_OK);
        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        assert_true(etf_match(m, "{_, _}", &tag, &n));
        assert_true(etf_equal(tag, tags[i]));
        assert_int_equal(n, i);
    }
    assert_int_equal(witness_count(&world->seen, "info"), 0);
}

/* The answer to [alias | Ref] and to [[alias | Ref] | Any] goes to the alias.
 */
static void D_19_an_alias_gets_the_answer(void **state)
{
    struct probe_world *world = *state;
    struct gen *self = world->self;
    etf_term probe = probe_start(world, "ok");
    etf_ref alias;
    etf_term ref, plain, nested, m;

    assert_int_equal(rt_alias(self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    ref = etf_from_ref(rt_region(self), alias);
    plain = etf_make(self, "[alias | _]", ref);
    nested = etf_make(self, "[_ | more]", plain);
    for (int i = 0; i < 2; i++) {
        etf_term tag = i == 0 ? plain : nested;

        rt_send(self, probe,
                etf_make(self, "{'$gen_call', {_, _}, {reply, x}}",
                         rt_self(self), tag));
        assert_int_equal(rt_receive(self, PROBE_LONG_MS, &m), AGNER_OK);
        assert_true(etf_equal(m, etf_make(self, "{_, x}", tag)));
    }
    assert_int_equal(rt_unalias(self, alias), AGNER_OK);
    rt_send(self, probe,
            etf_make(self, "{'$gen_call', {_, _}, {reply, x}}", rt_self(self),
                     plain));
    probe_expect(world, probe, "{reply, 1}", "1");
    probe_mailbox_empty(world);
}

/* D-20: direct request timeout does not apply while the target is busy. */
static void
D_20_a_native_request_times_out_while_the_target_is_busy(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    struct probe_request request = { PROBE_DIRECT_TWICE, 4 };
    void *result = NULL;
    etf_pid pid;

    assert_true(etf_get_pid(probe, &pid));
    gen_cast(world->self, probe, probe_term(world, "{wait}"));
    assert_int_equal(
        gen_direct(world->rt, pid, &request, sizeof request, 1, &result),
        AGNER_ETIMEOUT);
    rt_send(world->self, probe, probe_term(world, "go"));
    assert_int_equal(gen_direct(world->rt, pid, &request, sizeof request,
                                PROBE_LONG_MS, &result),
                     AGNER_OK);
    assert_int_equal((intptr_t)result, 8);
}

/* D-53: HandleCall returning stop never answers; the caller waits out its
 * timeout. */
static void D_53_a_caller_hears_at_once_when_the_server_stops(void **state)
{
    struct probe_world *world = *state;
    etf_term probe = probe_start(world, "ok");
    etf_term reason = ETF_NONE;

    assert_int_equal(gen_call(world->self, probe,
                              probe_term(world, "{stop, normal}"), RT_INFINITY,
                              &reason),
                     AGNER_EEXIT);
    assert_true(probe_equal(world, reason, "normal"));
}

#define CASE(f) \
    cmocka_unit_test_setup_teardown(f, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(D_02_a_failed_init_leaves_nothing),
        CASE(D_11_terminate_waits_for_a_blocked_callback),
        CASE(D_17_nothing_is_handled_after_a_stop),
        CASE(D_18_a_caller_goes_on_after_a_timeout),
        CASE(D_19_a_tag_may_be_any_term),
        CASE(D_19_an_alias_gets_the_answer),
        CASE(D_20_a_native_request_times_out_while_the_target_is_busy),
        CASE(D_53_a_caller_hears_at_once_when_the_server_stops),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
