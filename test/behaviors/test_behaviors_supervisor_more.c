/*
 * test_behaviors_supervisor_more.c -- what supervisors have besides OTP's:
 * back-off, children that are switched off, callbacks, templates, dynamic and
 * partition supervisors, bridges. spec/gen.md 1.8 "C extras", 4.2.
 */
#include "members.h"

#include <stdio.h>

static void stop(struct bed *bed, etf_term sup)
{
    assert_int_equal(
        gen_server_stop(bed->self, sup, ETF_A(shutdown), RT_INFINITY),
        AGNER_OK);
    assert_int_equal(members_alive(bed), 0);
    members_close(bed);
}

/* ---- Back-off ----------------------------------------------------------- */

/* How long after its end the only child runs again. */
static uint64_t time_to_restart(struct bed *bed, etf_term sup)
{
    etf_pid pid = members_pid(bed, sup, "a");
    uint64_t begun_ms = rt_now_ms(bed->rt);

    rt_exit_signal(bed->self, pid, etf_atom("boom"));
    do {
        (void)rt_sleep(bed->self, 1);
        rt_reset(bed->self);
    } while (etf_pid_is_none(members_pid(bed, sup, "a")) ||
             etf_pid_equal(pid, members_pid(bed, sup, "a")));
    return rt_now_ms(bed->rt) - begun_ms;
}

static void waits_longer_before_each_restart(void **state)
{
    static const struct gen_child_spec row = { .id = "a",
                                               .server = &member_server,
                                               .args = "a",
                                               .backoff_ms = 100,
                                               .backoff_max_ms = 400 };
    static const struct gen_supervisor table = {
        .intensity = 100, .period_ms = 3000, .children = &row, .child_count = 1
    };
    static const uint64_t waits[] = { 100, 200, 400, 400 };
    struct bed bed;
    etf_pid sup;

    (void)state;
    members_open(&bed, 1);
    assert_true(etf_get_pid(members_supervise(&bed, &table), &sup));
    for (size_t i = 0; i < 4; i++)
        assert_in_range(time_to_restart(&bed, etf_from_pid(NULL, sup)),
                        waits[i], waits[i] + 5);
    members_run(&bed, 3000); /* it has lived for a period: anew */
    assert_in_range(time_to_restart(&bed, etf_from_pid(NULL, sup)), 100, 105);
    stop(&bed, etf_from_pid(NULL, sup));
}

/* Requests are served meanwhile, and an end of the wait by request holds. */
static void serves_requests_while_it_waits(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a",
          .server = &member_server,
          .args = "{a, {fail_when, no}}",
          .backoff_ms = 1000 },
        { .id = "b", .server = &member_server, .args = "b" },
    };
    static const struct gen_supervisor table = { .intensity = 100,
                                                 .children = rows,
                                                 .child_count = 2 };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    members_fail(1);
    members_end(&bed, sup, "a", "boom");
    members_expect_children(&bed, sup, "[{a, restarting}, {b, running}]");
    members_run(&bed, 1000); /* fails once more */
    members_expect_children(&bed, sup, "[{a, restarting}, {b, running}]");
    members_run(&bed, 1000);
    members_expect_children(&bed, sup, "[{a, running}, {b, running}]");
    members_end(&bed, sup, "a", "boom");
    assert_int_equal(gen_terminate_child(bed.self, sup, etf_atom("a")),
                     AGNER_OK);
    assert_int_equal(
        gen_restart_child(bed.self, sup, etf_atom("a"), NULL, NULL), AGNER_OK);
    (void)members_record();
    members_run(&bed, 2000); /* the order of the wait is void */
    assert_string_equal(members_record(), "");
    stop(&bed, sup);
}

/* Simple children wait too, under their old pid. */
static void knows_a_simple_child_that_waits_by_its_old_pid(void **state)
{
    static const struct gen_child_spec row = { .id = "x",
                                               .server = &member_server,
                                               .backoff_ms = 1000 };
    static const struct gen_supervisor table = { .strategy =
                                                     GEN_SIMPLE_ONE_FOR_ONE,
                                                 .intensity = 9,
                                                 .children = &row,
                                                 .child_count = 1 };
    struct gen_child_counts counts;
    struct bed bed;
    etf_term sup;
    etf_pid pid[2];

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(gen_start_child_args(bed.self, sup,
                                              members_term(&bed, "[x]"),
                                              &pid[i], NULL),
                         AGNER_OK);
        rt_exit_signal(bed.self, pid[i], etf_atom("boom"));
    }
    members_run(&bed, 10);
    members_expect_children(
        &bed, sup, "[{undefined, restarting}, {undefined, restarting}]");
    assert_int_equal(gen_count_children(bed.self, sup, &counts), AGNER_OK);
    assert_int_equal(counts.active, 0);
    assert_int_equal(counts.workers, 2);
    assert_int_equal(
        gen_terminate_child(bed.self, sup, etf_from_pid(NULL, pid[0])),
        AGNER_OK);
    members_run(&bed, 1000);
    members_expect_children(&bed, sup, "[{undefined, running}]");
    stop(&bed, sup);
}

/* ---- Switched off ------------------------------------------------------- */

static void starts_no_child_that_is_switched_off(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "a" },
        { .id = "b", .server = &member_server, .args = "b" },
    };
    static const struct gen_supervisor table = { .strategy = GEN_ONE_FOR_ALL,
                                                 .children = rows,
                                                 .child_count = 2 };
    struct bed bed;
    etf_term sup, b = etf_atom("b");
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(gen_disable_child(bed.self, sup, b), AGNER_OK);
    (void)members_record();
    members_end(&bed, sup, "a", "boom");
    assert_string_equal(members_record(), "-a:boom +a");
    assert_int_equal(gen_restart_child(bed.self, sup, b, NULL, NULL),
                     AGNER_ENOTALLOWED);
    assert_int_equal(gen_start_child(bed.self, sup, &rows[1], NULL, NULL),
                     AGNER_ENOTALLOWED);
    assert_int_equal(gen_enable_child(bed.self, sup, b, &pid, NULL), AGNER_OK);
    assert_true(rt_is_alive(bed.rt, pid));
    assert_int_equal(gen_enable_child(bed.self, sup, b, NULL, NULL),
                     AGNER_ERUNNING);
    assert_int_equal(gen_disable_child(bed.self, sup, etf_atom("z")),
                     AGNER_EUNKNOWN);
    stop(&bed, sup);
}

/* ---- Callbacks ---------------------------------------------------------- */

static void note_start(struct gen *self, etf_term id, etf_pid pid)
{
    char word[60], text[40];

    snprintf(word, sizeof word, "start:%s%s", etf_format(text, sizeof text, id),
             rt_is_alive(rt_of(self), pid) ? "" : ":dead");
    members_note(word);
}

static void note_end(struct gen *self, etf_term id, etf_pid pid,
                     etf_term reason)
{
    char word[100], text[40], why[40];

    (void)self;
    snprintf(word, sizeof word, "end:%s:%s%s",
             etf_format(text, sizeof text, id),
             etf_format(why, sizeof why, reason),
             etf_pid_is_none(pid) ? ":nobody" : "");
    members_note(word);
}

static void tells_of_each_start_and_each_end(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "a" },
        { .id = "b",
          .server = &member_server,
          .args = "b",
          .restart = GEN_TEMPORARY },
    };
    static const struct gen_supervisor table = { .strategy = GEN_ONE_FOR_ALL,
                                                 .children = rows,
                                                 .child_count = 2,
                                                 .child_started = note_start,
                                                 .child_terminated = note_end };
    struct bed bed;
    etf_term sup;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_string_equal(members_record(), "+a start:a +b start:b");
    members_end(&bed, sup, "a", "boom");
    assert_string_equal(
        members_record(),
        "-a:boom end:a:boom -b:shutdown end:b:shutdown +a start:a");
    assert_int_equal(gen_server_stop(bed.self, sup, ETF_A(normal), RT_INFINITY),
                     AGNER_OK);
    assert_string_equal(members_record(), "-a:shutdown end:a:shutdown");
    members_close(&bed);
}

/* ---- Templates and dynamic supervisors ---------------------------------- */

static void starts_of_several_templates(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "reader", .server = &member_server, .args = "reader" },
        { .id = "writer",
          .server = &member_server,
          .args = "writer",
          .restart = GEN_TEMPORARY },
    };
    static const struct gen_supervisor table = {
        .strategy = GEN_SIMPLE_ONE_FOR_ONE, .children = rows, .child_count = 2
    };
    struct gen_child_counts counts;
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_string_equal(members_record(), ""); /* nothing at the start */
    assert_int_equal(gen_start_child_of(bed.self, sup, etf_atom("writer"),
                                        members_term(&bed, "[7]"), &pid, NULL),
                     AGNER_OK);
    assert_int_equal(gen_start_child_args(bed.self, sup, etf_nil(), NULL, NULL),
                     AGNER_OK);
    assert_int_equal(gen_start_child_of(bed.self, sup, etf_atom("poet"),
                                        etf_nil(), NULL, NULL),
                     AGNER_EUNKNOWN);
    assert_string_equal(members_record(), "+[writer,7] +reader");
    assert_int_equal(gen_count_children(bed.self, sup, &counts), AGNER_OK);
    assert_int_equal(counts.specs, 2);
    rt_exit_signal(bed.self, pid, etf_atom("boom")); /* the temporary one */
    members_run(&bed, 10);
    assert_string_equal(members_record(), "-[writer,7]:boom");
    stop(&bed, sup);
}

static void starts_whatever_it_is_given(void **state)
{
    struct gen_supervisor_flags flags = { .children_max = 2 };
    struct gen_child_spec row = { .id = "same",
                                  .server = &member_server,
                                  .restart = GEN_TEMPORARY };
    struct bed bed;
    etf_term sup, info;
    etf_pid pid, first;

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(gen_dynamic_start_link(bed.self, &flags, NULL, &pid, NULL),
                     AGNER_OK);
    sup = etf_from_pid(NULL, pid);
    row.args = "one";
    assert_int_equal(gen_start_child(bed.self, sup, &row, &first, NULL),
                     AGNER_OK);
    row.args = "two";
    row.restart = GEN_PERMANENT;
    assert_int_equal(gen_start_child(bed.self, sup, &row, &pid, NULL),
                     AGNER_OK);
    row.args = "three";
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_ELIMIT);
    assert_string_equal(members_record(), "+one +two");
    rt_exit_signal(bed.self, pid, etf_atom("boom"));
    members_run(&bed, 10);
    assert_string_equal(members_record(), "-two:boom +two");
    assert_int_equal(
        gen_terminate_child(bed.self, sup, etf_from_pid(NULL, first)),
        AGNER_OK);
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    members_expect_children(&bed, sup,
                            "[{undefined, running}, {undefined, running}]");
    row.args = "{bad, {fail, why}}";
    assert_int_equal(
        gen_terminate_child(
            bed.self, sup,
            etf_from_pid(NULL, members_pid(&bed, sup, "undefined"))),
        AGNER_OK);
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_EEXIT);
    members_expect_term(&bed, info, "why");
    stop(&bed, sup);
}

/* ---- By name ------------------------------------------------------------ */

/* {member, start_link, [Arg]}, as an Erlang node sends it. */
static void looks_up_what_another_node_names(void **state)
{
    static const struct gen_child_spec how = { .server = &member_server };
    struct gen_child_spec row = { .id = "m" };
    struct bed bed;
    etf_term sup, info;
    etf_pid pid;

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(gen_remote_register(bed.rt, "member", &how), AGNER_OK);
    assert_int_equal(gen_remote_register(bed.rt, "member", &how), AGNER_ETAKEN);
    assert_int_equal(gen_dynamic_start_link(bed.self, NULL, NULL, &pid, NULL),
                     AGNER_OK);
    sup = etf_from_pid(NULL, pid);
    row.mfa = members_term(&bed, "{member, start_link, [x]}");
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    row.mfa = members_term(&bed, "{member, start_link, [x, y]}");
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, NULL),
                     AGNER_OK);
    assert_string_equal(members_record(), "+x +[x,y]");
    row.mfa = members_term(&bed, "{member, start, [x]}");
    assert_int_equal(gen_start_child(bed.self, sup, &row, NULL, &info),
                     AGNER_EEXIT);
    members_expect_term(&bed, info,
                        "{'EXIT', {undef, [{member, start, [x], []}]}}");
    stop(&bed, sup);
}

/* ---- Partitions --------------------------------------------------------- */

static void spreads_keys_over_partitions(void **state)
{
    struct gen_child_spec row = { .server = &member_server, .args = "args" };
    struct gen_partitions p;
    unsigned used[4] = { 0 };
    struct bed bed;
    etf_pid pid, owner, again;

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(
        gen_partition_start_link(bed.self, "shop", &row, 4, &pid, NULL),
        AGNER_OK);
    assert_string_equal(members_record(),
                        "+0 +1 +2 +3"); /* {0, args}: see members.h */
    assert_int_equal(gen_partitions(bed.self, "shop", &p), AGNER_OK);
    assert_int_equal(p.count, 4);
    for (int i = 0; i < 100; i++) {
        etf_term name = gen_partition_of(&p, etf_make(bed.self, "{key, _}", i));

        assert_int_equal(rt_whereis(bed.rt, name, &owner), AGNER_OK);
        for (unsigned k = 0; k < 4; k++)
            used[k] += etf_same(name, p.names[k]);
    }
    for (unsigned k = 0; k < 4; k++)
        assert_in_range(used[k], 10, 50);
    /* A partition that crashes is found by the same name. */
    rt_exit_signal(bed.self, owner, etf_atom("boom"));
    members_run(&bed, 10);
    assert_int_equal(
        rt_whereis(bed.rt,
                   gen_partition_of(&p, etf_make(bed.self, "{key, 99}")),
                   &again),
        AGNER_OK);
    assert_false(etf_pid_equal(owner, again));
    stop(&bed, etf_from_pid(NULL, pid));
}

static void has_a_partition_for_each_worker(void **state)
{
    struct gen_child_spec row = { .server = &member_server };
    struct gen_partitions p;
    struct rt_stats stats;
    struct bed bed;
    etf_pid pid;
    etf_term reason;

    (void)state;
    members_open(&bed, 1);
    rt_stats(bed.rt, &stats);
    assert_int_equal(
        gen_partition_start_link(bed.self, "shop", &row, 0, &pid, NULL),
        AGNER_OK);
    assert_int_equal(gen_partitions(bed.self, "shop", &p), AGNER_OK);
    assert_int_equal(p.count, stats.workers);
    assert_int_equal(gen_partition_start_link(bed.self, "big", &row,
                                              GEN_PARTITIONS_MAX + 1, NULL,
                                              NULL),
                     AGNER_ELIMIT);
    row.args = "{";
    assert_int_equal(
        gen_partition_start_link(bed.self, "bad", &row, 1, NULL, &reason),
        AGNER_EEXIT);
    assert_true(etf_is_tagged(reason, etf_atom("start_spec"), 2));
    stop(&bed, etf_from_pid(NULL, pid));
}

/* ---- Bridges ------------------------------------------------------------ */

struct engine {
    int number;
};

static enum agner_err engine_start(struct gen *self, void *state, etf_term args,
                                   etf_term *reason)
{
    struct engine *e = state;

    if (etf_atom_is(args, "broken")) {
        *reason = etf_make(self, "{no, sparks}");
        return AGNER_EUNKNOWN;
    }
    if (etf_atom_is(args, "absent"))
        return AGNER_EIGNORE;
    if (etf_atom_is(args, "nothing"))
        return AGNER_ESYSTEM;
    e->number = 7;
    members_note("on");
    return AGNER_OK;
}

static void engine_stop(void *state)
{
    const struct engine *e = state;

    members_note(e->number == 7 ? "off" : "off?");
}

static const struct gen_bridge engine = { .name = "engine",
                                          .state_size = sizeof(struct engine),
                                          .start = engine_start,
                                          .stop = engine_stop };
static const struct gen_bridge slow_engine = { .name = "slow_engine",
                                               .state_size =
                                                   sizeof(struct engine),
                                               .start = engine_start,
                                               .stop = engine_stop,
                                               .stop_blocks = true };

static void bridges_to_what_is_no_process(void **state)
{
    static const struct gen_bridge *const bridges[] = { &engine, &slow_engine };
    struct bed bed;
    etf_term sup;
    etf_pid pid;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct gen_child_spec row = { .id = "a", .bridge = bridges[i] };
        struct gen_supervisor table = { .intensity = 5,
                                        .children = &row,
                                        .child_count = 1 };

        members_open(&bed, 1);
        sup = members_supervise(&bed, &table);
        assert_string_equal(members_record(), "on");
        /* The subsystem says that it failed; then it is killed. */
        pid = members_pid(&bed, sup, "a");
        assert_int_equal(rt_kill(bed.rt, pid, etf_atom("overheated")),
                         AGNER_OK);
        members_run(&bed, 10);
        assert_string_equal(members_record(), "off on");
        rt_exit_signal(bed.self, members_pid(&bed, sup, "a"), ETF_A(kill));
        members_run(&bed, 10);
        assert_string_equal(members_record(), "off on");
        assert_int_equal(
            gen_server_stop(bed.self, sup, ETF_A(normal), RT_INFINITY),
            AGNER_OK);
        assert_string_equal(members_record(), "off");
        members_close(&bed);
    }
}

static void says_why_a_bridge_did_not_start(void **state)
{
    struct bed bed;
    etf_term reason;

    (void)state;
    members_open(&bed, 1);
    assert_int_equal(gen_bridge_start_link(bed.self, &engine,
                                           etf_atom("broken"), NULL, NULL,
                                           &reason),
                     AGNER_EEXIT);
    members_expect_term(&bed, reason, "{no, sparks}");
    assert_int_equal(gen_bridge_start_link(bed.self, &engine,
                                           etf_atom("nothing"), NULL, NULL,
                                           &reason),
                     AGNER_EEXIT);
    members_expect_term(&bed, reason, "<<\"the operating system refused\">>");
    assert_int_equal(gen_bridge_start_link(bed.self, &engine,
                                           etf_atom("absent"), NULL, NULL,
                                           &reason),
                     AGNER_EIGNORE);
    assert_string_equal(members_record(), "");
    members_close(&bed);
}

/* ---- Event managers ----------------------------------------------------- */

static void supervises_an_event_manager(void **state)
{
    static const struct gen_event manager = { .name = "manager" };
    static const struct gen_child_spec row = { .event = &manager,
                                               .name = "events" };
    static const struct gen_supervisor table = { .children = &row,
                                                 .child_count = 1 };
    struct bed bed;
    etf_term sup;
    etf_pid pid, again;

    (void)state;
    members_open(&bed, 1);
    sup = members_supervise(&bed, &table);
    assert_int_equal(rt_whereis(bed.rt, etf_atom("events"), &pid), AGNER_OK);
    rt_exit_signal(bed.self, pid, ETF_A(kill));
    members_run(&bed, 10);
    assert_int_equal(rt_whereis(bed.rt, etf_atom("events"), &again), AGNER_OK);
    assert_false(etf_pid_equal(pid, again));
    stop(&bed, sup);
}

/* ---- From a thread ------------------------------------------------------ */

static void tells_a_thread_who_its_children_are(void **state)
{
    static const struct gen_child_spec rows[] = {
        { .id = "a", .server = &member_server, .args = "a" },
        { .id = "b", .server = &member_server, .args = "{b, ignore}" },
        { .id = "c", .server = &member_server, .args = "c" },
    };
    static const struct gen_supervisor table = { .children = rows,
                                                 .child_count = 3 };
    etf_pid sup, pids[3];
    struct bed bed;
    size_t count;

    (void)state;
    members_open(&bed, 1);
    assert_true(etf_get_pid(members_supervise(&bed, &table), &sup));
    assert_int_equal(gen_children(bed.rt, sup, pids, 3, &count, WAIT_MS),
                     AGNER_OK);
    assert_int_equal(count, 2);
    assert_true(etf_pid_equal(pids[1],
                              members_pid(&bed, etf_from_pid(NULL, sup), "a")));
    assert_int_equal(gen_children(bed.rt, sup, pids, 0, &count, WAIT_MS),
                     AGNER_OK);
    assert_int_equal(count, 2);
    stop(&bed, etf_from_pid(NULL, sup));
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(waits_longer_before_each_restart),
        CASE(serves_requests_while_it_waits),
        CASE(knows_a_simple_child_that_waits_by_its_old_pid),
        CASE(starts_no_child_that_is_switched_off),
        CASE(tells_of_each_start_and_each_end),
        CASE(starts_of_several_templates),
        CASE(starts_whatever_it_is_given),
        CASE(looks_up_what_another_node_names),
        CASE(spreads_keys_over_partitions),
        CASE(has_a_partition_for_each_worker),
        CASE(bridges_to_what_is_no_process),
        CASE(says_why_a_bridge_did_not_start),
        CASE(supervises_an_event_manager),
        CASE(tells_a_thread_who_its_children_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
