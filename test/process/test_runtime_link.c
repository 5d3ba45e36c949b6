/*
 * test_runtime_link.c -- options of links and monitors, and mailboxes that fall
 * back. Sources: erlang:link/1, unlink/1 and monitor/3 of OTP 25; spec/gen.md
 * 1.2 to 1.4.
 *
 * Each case runs on threads and on simulated schedules.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

static etf_pid dead_pid(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL);

    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    return pid;
}

static void expect_message(struct bed *bed, etf_term *message)
{
    assert_int_equal(rt_receive(bed->self, WAIT_MS, message), AGNER_OK);
}

/* ---- Links ----------------------------------------------------------------*/

/* Links to the dead `arg` and says what it gets, if it still lives. */
static void links_to_the_dead(struct gen *self, void *arg)
{
    const etf_pid *dead = arg;
    etf_pid boss = rt_parent(self);
    enum agner_err err = rt_link_with(self, *dead, RT_LINK_SIGNAL);

    (void)rt_send_pid(self, boss, etf_make(self, "{linked, _}", (int64_t)err));
}

static void dead_links(struct bed *bed)
{
    etf_pid dead = dead_pid(bed), pid;
    struct rt_spawn_options options = { .monitor = true };
    etf_term message, reason;
    etf_ref ref, seen;

    options.monitor_ref = &ref;
    assert_int_equal(rt_link(bed->self, dead), AGNER_ENOPROC);
    /* As a signal it ends who does not trap, whatever it does next. */
    assert_int_equal(
        rt_spawn(bed->self, links_to_the_dead, &dead, &options, &pid),
        AGNER_OK);
    expect_message(bed, &message);
    assert_true(
        etf_match(message, "{'DOWN', _, process, __, _}", &seen, &reason));
    assert_true(etf_same(reason, ETF_A(noproc)));
    bed_expect_nothing(bed);
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_link(bed->self, dead), AGNER_OK);
    expect_message(bed, &message);
    assert_true(etf_match(message, "{'EXIT', __, noproc}"));
    assert_int_equal(rt_link_with(bed->self, dead, RT_LINK_SIGNAL), AGNER_OK);
    expect_message(bed, &message);
    assert_true(etf_match(message, "{'EXIT', __, noproc}"));
}

static void a_link_to_the_dead_is_an_error_a_message_or_a_signal(void **state)
{
    (void)state;
    bed_everywhere(dead_links, SEEDS);
}

static void flushed(struct bed *bed)
{
    struct rt_spawn_options options = { .link = true };
    etf_pid pids[2];
    etf_term message;
    etf_pid from;
    int i;

    (void)rt_trap_exit(bed->self, true);
    for (i = 0; i < 2; i++) {
        pids[i] = bed_puppet(bed, &options);
        bed_order(bed, pids[i], "{exit, bye}");
        assert_int_equal(rt_wait(bed->self, pids[i], WAIT_MS), AGNER_OK);
    }
    /* Both exits wait; one is taken out, the other stays: OTP does not flush
     * either without being told. */
    assert_int_equal(rt_unlink_with(bed->self, pids[0], RT_UNLINK_FLUSH),
                     AGNER_OK);
    assert_int_equal(rt_unlink(bed->self, pids[1]), AGNER_OK);
    expect_message(bed, &message);
    assert_true(etf_match(message, "{'EXIT', _, bye}", &from));
    assert_true(etf_pid_equal(from, pids[1]));
    bed_expect_nothing(bed);
}

static void unlink_takes_out_an_exit_when_told(void **state)
{
    (void)state;
    bed_everywhere(flushed, SEEDS);
}

/* ---- Monitors -------------------------------------------------------------*/

static void tagged(struct bed *bed)
{
    etf_pid pid = bed_puppet(bed, NULL), dead = dead_pid(bed), seen_pid;
    struct etf_region *r = rt_region(bed->self);
    etf_term message;
    etf_ref ref, dead_ref, seen;

    assert_int_equal(rt_monitor_tagged(bed->self, etf_from_pid(NULL, pid), 0,
                                       etf_make(bed->self, "{my, [tag]}"),
                                       &ref),
                     AGNER_OK);
    assert_int_equal(rt_monitor_tagged(bed->self, etf_from_pid(NULL, dead), 0,
                                       etf_int(r, 7), &dead_ref),
                     AGNER_OK);
    expect_message(bed, &message);
    assert_true(
        etf_match(message, "{7, _, process, _, noproc}", &seen, &seen_pid));
    assert_true(etf_ref_equal(seen, dead_ref));
    bed_order(bed, pid, "{exit, done}");
    expect_message(bed, &message);
    assert_true(etf_match(message, "{{my, [tag]}, _, process, _, done}", &seen,
                          &seen_pid));
    assert_true(etf_ref_equal(seen, ref));
    assert_true(etf_pid_equal(seen_pid, pid));
    /* One that is flushed, and one that never fires, leave nothing. */
    pid = bed_puppet(bed, NULL);
    assert_int_equal(rt_monitor_tagged(bed->self, etf_from_pid(NULL, pid), 0,
                                       etf_make(bed->self, "{my, tag}"), &ref),
                     AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_OK);
    assert_int_equal(rt_monitor_tagged(bed->self, etf_from_pid(NULL, dead), 0,
                                       etf_make(bed->self, "{my, tag}"), &ref),
                     AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, ref, true), AGNER_ENOREF);
    bed_expect_nothing(bed);
}

static void a_tag_stands_in_place_of_down(void **state)
{
    (void)state;
    bed_everywhere(tagged, SEEDS);
}

static void of_oneself(struct bed *bed)
{
    struct rt_process_info info;
    etf_ref ref;

    assert_int_equal(rt_monitor(bed->self, rt_self_term(bed->self), 0, &ref),
                     AGNER_OK);
    assert_int_equal(rt_process_info(bed->self, rt_self(bed->self), &info),
                     AGNER_OK);
    assert_true(etf_same(info.monitors, etf_nil()));
    assert_true(etf_same(info.monitored_by, etf_nil()));
    assert_int_equal(rt_demonitor(bed->self, ref, true), AGNER_ENOREF);
}

static void a_monitor_of_oneself_is_nothing(void **state)
{
    (void)state;
    bed_everywhere(of_oneself, 2);
}

/* The reference of the monitor that a spawn makes is an alias when asked for.
 */
static void spawn_alias(struct bed *bed)
{
    struct rt_spawn_options options = { .monitor = true,
                                        .monitor_alias = true };
    etf_term message;
    etf_ref ref;
    etf_pid pid;

    options.monitor_ref = &ref;
    pid = bed_puppet(bed, &options);
    bed_order(bed, pid, "{say, _, hello}", ref);
    bed_expect(bed, "hello");
    bed_order(bed, pid, "{exit, done}");
    expect_message(bed, &message);
    assert_int_equal(
        rt_send(bed->self, etf_from_ref(rt_region(bed->self), ref), ETF_A(ok)),
        AGNER_OK);
    bed_expect_nothing(bed);
}

static void a_spawns_monitor_may_be_an_alias(void **state)
{
    (void)state;
    bed_everywhere(spawn_alias, SEEDS);
}

/* ---- Mailboxes that fall back ---------------------------------------------*/

/* Takes nothing until it is told; then says how many it has. */
static void sleeper(struct gen *self, void *arg)
{
    etf_term message;
    int64_t count = 0;
    etf_pid boss = rt_parent(self);

    (void)arg;
    while (rt_whereis(rt_of(self), etf_atom("morning"), &(etf_pid){ 0 }) !=
           AGNER_OK)
        (void)rt_sleep(self, 1);
    while (rt_receive(self, 0, &message) == AGNER_OK)
        count++;
    (void)rt_send_pid(self, boss, etf_make(self, "{had, _}", count));
}

static void fallback(struct bed *bed)
{
    struct rt_spawn_options options = {
        .mailbox_max = 2,
        .overflow = RT_OVERFLOW_FALLBACK,
        .fallback = etf_atom("spare"),
        .fallback_tag = etf_atom("late"),
    };
    etf_term message, m;
    etf_pid pid, which;
    struct gen_from from;
    int64_t n;

    assert_int_equal(rt_spawn(bed->self, sleeper, NULL, &options, &pid),
                     AGNER_OK);
    assert_int_equal(rt_send_pid(bed->self, pid, ETF_A(ok)), AGNER_OK);
    assert_int_equal(rt_send_pid(bed->self, pid, ETF_A(ok)), AGNER_OK);
    /* Nobody is there to fall back on. */
    assert_int_equal(rt_send_pid(bed->self, pid, ETF_A(ok)),
                     AGNER_EMAILBOXFULL);
    assert_int_equal(rt_register_self(bed->self, etf_atom("spare")), AGNER_OK);
    for (n = 0; n < 3; n++)
        assert_int_equal(
            rt_send_pid(bed->self, pid, etf_make(bed->self, "{letter, _}", n)),
            AGNER_OK);
    assert_int_equal(rt_cast(bed->self, etf_from_pid(NULL, pid),
                             etf_make(bed->self, "hurry")),
                     AGNER_OK);
    for (n = 0; n < 3; n++) {
        int64_t seen;

        expect_message(bed, &message);
        assert_true(etf_match(message, "{fallback, _, late, {letter, _}}",
                              &which, &seen));
        assert_true(etf_pid_equal(which, pid));
        assert_int_equal(seen, n);
    }
    expect_message(bed, &message);
    assert_true(etf_match(message, "{fallback, _, late, {'$gen_cast', hurry}}",
                          &which));
    /* Whoever gets a call so may answer it. */
    {
        struct rt_request id;
        etf_term reply, request;

        assert_int_equal(rt_request_send(bed->self, etf_from_pid(NULL, pid),
                                         etf_make(bed->self, "question"), &id),
                         AGNER_OK);
        expect_message(bed, &message);
        assert_true(etf_match(message,
                              "{fallback, _, late, {'$gen_call', _, _}}",
                              &which, &m, &request));
        assert_true(etf_atom_is(request, "question"));
        assert_true(rt_get_from(bed->self, m, &from));
        assert_int_equal(
            rt_reply(bed->self, &from, etf_make(bed->self, "answer")),
            AGNER_OK);
        assert_int_equal(rt_request_wait(bed->self, &id, WAIT_MS, &reply),
                         AGNER_OK);
        assert_true(etf_atom_is(reply, "answer"));
    }
    assert_int_equal(rt_register_self(bed->self, etf_atom("morning")),
                     AGNER_OK);
    bed_expect(bed, "{had,2}");
}

static void a_full_mailbox_falls_back(void **state)
{
    (void)state;
    bed_everywhere(fallback, SEEDS);
}

/* Two that fall back on each other, both full: no end of it, but an error. */
static void in_a_circle(struct bed *bed)
{
    struct rt_spawn_options options = {
        .mailbox_max = 1,
        .overflow = RT_OVERFLOW_FALLBACK,
        .fallback_tag = ETF_A(ok),
    };
    etf_pid pids[2];
    int i;

    for (i = 0; i < 2; i++) {
        options.name = i == 0 ? etf_atom("a") : etf_atom("b");
        options.fallback = i == 0 ? etf_atom("b") : etf_atom("a");
        assert_int_equal(rt_spawn(bed->self, sleeper, NULL, &options, &pids[i]),
                         AGNER_OK);
        assert_int_equal(rt_send_pid(bed->self, pids[i], ETF_A(ok)), AGNER_OK);
    }
    assert_int_equal(rt_send_pid(bed->self, pids[0], ETF_A(ok)),
                     AGNER_EMAILBOXFULL);
    assert_int_equal(rt_register_self(bed->self, etf_atom("morning")),
                     AGNER_OK);
    bed_expect(bed, "{had,1}");
    bed_expect(bed, "{had,1}");
    options.name = ETF_NONE;
    options.fallback = ETF_NONE;
    assert_int_equal(rt_spawn(bed->self, sleeper, NULL, &options, &pids[0]),
                     AGNER_EINVAL);
}

static void falling_back_in_a_circle_is_an_error(void **state)
{
    (void)state;
    bed_everywhere(in_a_circle, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_to_the_dead_is_an_error_a_message_or_a_signal),
        cmocka_unit_test(unlink_takes_out_an_exit_when_told),
        cmocka_unit_test(a_tag_stands_in_place_of_down),
        cmocka_unit_test(a_monitor_of_oneself_is_nothing),
        cmocka_unit_test(a_spawns_monitor_may_be_an_alias),
        cmocka_unit_test(a_full_mailbox_falls_back),
        cmocka_unit_test(falling_back_in_a_circle_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
