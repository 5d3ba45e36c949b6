/*
 * test_behaviors_application.c -- applications as OTP has them: loading,
 * starting, stopping, what one needs (spec/gen.md 1.9, 4.3).
 */
#include "app_bed.h"

/* ---- Applications ------------------------------------------------------- */

static const struct gen_child_spec one_child[] = {
    { .name = "one", .server = &app_actor, .args = "one" },
};
static const struct gen_child_spec two_children[] = {
    { .name = "two_a", .server = &app_actor, .args = "two_a" },
    { .name = "two_b", .server = &app_actor, .args = "two_b" },
};
static const char *const needs_one[] = { "one", NULL };
static const char *const needs_two[] = { "two", NULL };

static const struct gen_application one = { APP_HEAD("one"),
                                            APP_CHILDREN(one_child) };
static const struct gen_application two = { APP_HEAD("two"),
                                            APP_CHILDREN(two_children),
                                            .applications = needs_one };
static const struct gen_application three = { APP_HEAD("three"),
                                              .applications = needs_two };
static const struct gen_application library = { APP_HEAD("library") };

static const struct gen_child_spec failing_children[] = {
    { .name = "fine_a", .server = &app_actor, .args = "fine_a" },
    { .name = "fine_b", .server = &app_actor, .args = "fine_b" },
    { .name = "bad", .server = &app_actor, .args = "{bad, {stop, why}}" },
};
static const struct gen_application failing = {
    APP_HEAD("failing"), APP_CHILDREN(failing_children)
};
static const char *const needs_one_and_failing[] = { "one", "failing", NULL };
static const struct gen_application on_failing = { APP_HEAD("on_failing"),
                                                   .applications =
                                                       needs_one_and_failing };

static const char *const needs_x[] = { "x", NULL };
static const char *const needs_y[] = { "y", NULL };
static const struct gen_application x = { APP_HEAD("x"),
                                          .applications = needs_y };
static const struct gen_application y = { APP_HEAD("y"),
                                          .applications = needs_x };

static const char *const optional_names[] = { "one", "not_there", NULL };
static const char *const needs_optional[] = { "not_there", "two", NULL };
static const struct gen_application optional = { APP_HEAD("optional"),
                                                 .applications = needs_optional,
                                                 .optional_applications =
                                                     optional_names };

static const struct gen_child_spec hanging_children[] = {
    { .name = "before", .server = &app_actor, .args = "before" },
    { .name = "hanging", .server = &app_actor, .args = "{hanging, {hang}}" },
};
static const struct gen_application hanging = {
    APP_HEAD("hanging"), APP_CHILDREN(hanging_children)
};
static const struct gen_child_spec slow_children[] = {
    { .name = "slow", .server = &app_actor, .args = "{slow, {stubborn}}" },
};
static const struct gen_application slow = { APP_HEAD("slow"),
                                             APP_CHILDREN(slow_children) };

static enum agner_err start(struct app_bed *bed, const char *name,
                            etf_term *reason)
{
    return gen_application_start(bed->self, name, GEN_APP_TEMPORARY, reason,
                                 &bed->error);
}

static enum agner_err ensure(struct app_bed *bed, const char *name,
                             etf_term *started, etf_term *reason)
{
    return gen_application_ensure_all_started(
        bed->self, name, GEN_APP_TEMPORARY, GEN_APP_TEMPORARY, started, reason,
        &bed->error);
}

/* ---- Loading ------------------------------------------------------------ */

static void is_loaded_once_and_unloaded_when_it_does_not_run(void **state)
{
    struct app_bed *bed = *state;
    const void *found = NULL;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    assert_int_equal(rt_behavior_find(bed->rt, RT_GROUP_APPLICATIONS,
                                      etf_atom("one"), &found, NULL),
                     AGNER_OK);
    assert_ptr_equal(found, &one);
    assert_int_equal(gen_application_load(bed->self, &one, &bed->error),
                     AGNER_EALREADY);
    assert_string_equal(bed->error.text, "application one is loaded already");
    app_bed_up(bed, "one", GEN_APP_TEMPORARY);
    assert_int_equal(gen_application_unload(bed->self, "one", &bed->error),
                     AGNER_ERUNNING);
    assert_int_equal(
        gen_application_stop(bed->self, "one", RT_INFINITY, &bed->error),
        AGNER_OK);
    assert_int_equal(gen_application_unload(bed->self, "one", NULL), AGNER_OK);
    assert_int_equal(gen_application_unload(bed->self, "one", &bed->error),
                     AGNER_ENOTLOADED);
    assert_string_equal(bed->error.text, "application one is not loaded");
    assert_string_equal(app_bed_state(bed, "one"), "none");
    assert_int_equal(rt_behavior_find(bed->rt, RT_GROUP_APPLICATIONS,
                                      etf_atom("one"), &found, NULL),
                     AGNER_EUNKNOWN);
}

static void a_table_that_is_not_in_order_is_refused(void **state)
{
    static const struct gen_supervisor top = { .name = "top" };
    static const struct gen_child_spec no_server[] = { { .name = "a" } };
    static const struct {
        struct gen_application app;
        const char *text;
    } cases[] = {
        { { .abi = 1, .name = "old" },
          "made for application ABI 1; this is 2: compile it again" },
        { { .abi = GEN_APPLICATION_ABI, .name = "a" },
          "the application has no name, version or description" },
        { { APP_HEAD("a"), .child_count = 1 },
          "children are counted and not there" },
        { { APP_HEAD("a"), APP_CHILDREN(no_server) },
          "child 0: missing_start" },
        { { APP_HEAD("a"), APP_CHILDREN(one_child), .supervisor = &top },
          "children, supervisor, start: more than one of them" },
        { { APP_HEAD("a"), .start_phases = "[]" },
          "start_phases without a start_phase" },
        { { APP_HEAD("a"), .env = "[{a, 1}" },
          "a: env: line 1, column 8: the text ends, expected ',', '|' or ']'" },
        { { APP_HEAD("a"), .env = "[a]" }, "a: env: expected [{Key, Value}]" },
    };
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(
            gen_application_load(bed->self, &cases[i].app, &bed->error),
            AGNER_ENOTLOADED);
        assert_string_equal(bed->error.text, cases[i].text);
    }
    assert_string_equal(app_bed_state(bed, "a"), "none");
}

static void two_tables_of_one_name_are_refused(void **state)
{
    static const struct gen_application other = { APP_HEAD("one") };
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    assert_int_equal(gen_application_load(bed->self, &other, &bed->error),
                     AGNER_EALREADY);
    assert_string_equal(bed->error.text, "there is an application one already");
}

/* ---- Starting ----------------------------------------------------------- */

/* 1.9, start: {error, {not_started, Dep}}. */
static void what_it_needs_must_run(void **state)
{
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    app_bed_load(bed, &two);
    assert_int_equal(start(bed, "two", &reason), AGNER_ENOTRUNNING);
    assert_string_equal(app_bed_text(reason), "{not_started,one}");
    assert_string_equal(
        bed->error.text,
        "application two did not start: application one is not running");
    app_bed_up(bed, "one", GEN_APP_TEMPORARY);
    app_bed_up(bed, "two", GEN_APP_TEMPORARY);
    assert_string_equal(app_bed_running(bed), "two one ");
    assert_int_equal(start(bed, "two", &reason), AGNER_ERUNNING);
    assert_string_equal(app_bed_text(reason), "{already_started,two}");
    assert_int_equal(start(bed, "nowhere", &reason), AGNER_ENONAME);
    assert_string_equal(bed->error.text, "there is no application nowhere");
}

static void all_that_it_needs_is_started_in_order(void **state)
{
    struct app_bed *bed = *state;
    etf_term started;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &three);
    app_bed_load(bed, &two);
    app_bed_load(bed, &one);
    assert_int_equal(ensure(bed, "three", &started, NULL), AGNER_OK);
    assert_string_equal(app_bed_text(started), "[one,two,three]");
    assert_string_equal(app_bed_running(bed), "three two one ");
    assert_int_equal(ensure(bed, "three", &started, NULL), AGNER_OK);
    assert_string_equal(app_bed_text(started), "[]");
}

/* As application:ensure_all_started/1 of OTP 25 does. */
static void what_was_started_for_one_that_fails_is_stopped(void **state)
{
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    app_bed_load(bed, &failing);
    app_bed_load(bed, &on_failing);
    assert_int_equal(ensure(bed, "on_failing", NULL, &reason), AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason),
                        "{failing,{{shutdown,{failed_to_start_child,bad,why}},"
                        "{failing,start,[normal,[]]}}}");
    assert_string_equal(app_bed_running(bed), "");
    app_bed_saw(bed, "end one shutdown\n");
}

static void what_ran_before_stays_when_another_fails(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    app_bed_load(bed, &failing);
    app_bed_load(bed, &on_failing);
    app_bed_up(bed, "one", GEN_APP_TEMPORARY);
    assert_int_equal(ensure(bed, "on_failing", NULL, NULL), AGNER_EEXIT);
    assert_string_equal(app_bed_running(bed), "one ");
}

static void optional_ones_are_started_where_they_are(void **state)
{
    struct app_bed *bed = *state;
    etf_term started;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &optional);
    app_bed_load(bed, &two);
    app_bed_load(bed, &one);
    assert_int_equal(ensure(bed, "optional", &started, NULL), AGNER_OK);
    assert_string_equal(app_bed_text(started), "[one,two,optional]");
}

/* D-28: a cycle was a deadlock. */
static void D_28_a_cycle_is_an_error_that_names_it(void **state)
{
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &x);
    app_bed_load(bed, &y);
    assert_int_equal(ensure(bed, "x", NULL, NULL), AGNER_ECYCLE);
    assert_string_equal(bed->error.text, "x needs y needs x");
    assert_int_equal(start(bed, "x", &reason), AGNER_ENOTRUNNING);
    assert_string_equal(app_bed_text(reason), "{not_started,y}");
}

/* D-29: children that were up stayed when a later one failed. */
static void D_29_a_failed_start_stops_earlier_children_in_reverse(void **state)
{
    struct app_bed *bed = *state;
    etf_term reason;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &failing);
    assert_int_equal(start(bed, "failing", &reason), AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason),
                        "{{shutdown,{failed_to_start_child,bad,why}},"
                        "{failing,start,[normal,[]]}}");
    app_bed_saw(bed, "init fine_a\ninit fine_b\ninit bad\n"
                     "end fine_b shutdown\nend fine_a shutdown\n");
    assert_false(app_bed_is_there(bed, "fine_a"));
    assert_string_equal(app_bed_state(bed, "failing"), "loaded");
}

static void one_without_processes_runs_so_that_others_can_need_it(void **state)
{
    struct app_bed *bed = *state;
    etf_term map;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &library);
    app_bed_up(bed, "library", GEN_APP_PERMANENT);
    assert_string_equal(app_bed_running(bed), "library ");
    assert_int_equal(gen_application_info(bed->self, "library", &map, NULL),
                     AGNER_OK);
    assert_string_equal(app_bed_text(etf_map_get(map, etf_atom("pid"))),
                        "undefined");
    assert_int_equal(gen_application_stop(bed->self, "library", 1000, NULL),
                     AGNER_OK);
    assert_string_equal(app_bed_running(bed), "");
}

/* ---- A start that does not end ------------------------------------------ */

struct starter {
    const char *name;
    enum agner_err err;
    char reason[200];
};

static void start_it(struct gen *self, void *arg)
{
    struct starter *s = arg;
    etf_term reason = ETF_A(ok);

    s->err =
        gen_application_start(self, s->name, GEN_APP_TEMPORARY, &reason, NULL);
    (void)etf_format(s->reason, sizeof s->reason, reason);
}

static etf_pid start_aside(struct app_bed *bed, struct starter *s)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, start_it, s, NULL, &pid), AGNER_OK);
    return pid;
}

static void the_controller_answers_while_one_starts(void **state)
{
    struct app_bed *bed = *state;
    struct starter s = { .name = "hanging" }, also = { .name = "hanging" };
    etf_pid first, second;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &hanging);
    app_bed_load(bed, &one);
    first = start_aside(bed, &s);
    app_bed_sees(bed, "init hanging\n");
    assert_string_equal(app_bed_state(bed, "hanging"), "starting");
    app_bed_up(bed, "one", GEN_APP_TEMPORARY);
    assert_string_equal(app_bed_running(bed), "one ");
    assert_int_equal(
        gen_application_stop(bed->self, "hanging", 1000, &bed->error),
        AGNER_ENOTRUNNING);
    assert_int_equal(gen_application_unload(bed->self, "hanging", NULL),
                     AGNER_ERUNNING);
    second = start_aside(bed, &also);
    (void)rt_send(bed->self, app_bed_whereis(bed, "hanging"),
                  etf_make(bed->self, "go"));
    assert_int_equal(rt_wait(bed->self, first, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, second, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(s.err, AGNER_OK);
    assert_string_equal(app_bed_running(bed), "hanging one ");
    /* It came while the first one waited, or after: OTP tells these apart. */
    assert_true(also.err == AGNER_OK || also.err == AGNER_ERUNNING);
}

static void all_can_be_stopped_while_one_starts(void **state)
{
    struct app_bed *bed = *state;
    struct starter s = { .name = "hanging" };
    etf_pid first;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &hanging);
    app_bed_load(bed, &one);
    app_bed_up(bed, "one", GEN_APP_TEMPORARY);
    first = start_aside(bed, &s);
    app_bed_sees(bed, "init hanging\n");
    assert_int_equal(gen_applications_stop(bed->self, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, first, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(s.err, AGNER_EEXIT);
    assert_string_equal(s.reason, "shutdown");
    assert_false(app_bed_is_there(bed, "hanging"));
    assert_false(app_bed_is_there(bed, "before"));
    assert_false(app_bed_is_there(bed, "application_controller"));
    app_bed_saw(bed, "end one shutdown\n");
}

static void a_start_that_takes_too_long_has_failed(void **state)
{
    struct gen_applications_options options = { .start_time_ms = 100 };
    struct app_bed *bed = *state;
    uint64_t began = rt_now_ms(bed->rt);
    etf_term reason;

    app_bed_control(bed, &options);
    app_bed_load(bed, &hanging);
    assert_int_equal(start(bed, "hanging", &reason), AGNER_EEXIT);
    assert_string_equal(app_bed_text(reason), "timeout");
    assert_true(rt_now_ms(bed->rt) - began >= 100);
    assert_false(app_bed_is_there(bed, "hanging"));
    assert_false(app_bed_is_there(bed, "before"));
    assert_string_equal(app_bed_state(bed, "hanging"), "loaded");
}

/* ---- Stopping ----------------------------------------------------------- */

static void is_stopped_in_reverse_and_others_are_not(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    app_bed_load(bed, &two);
    assert_int_equal(ensure(bed, "two", NULL, NULL), AGNER_OK);
    assert_int_equal(gen_application_stop(bed->self, "one", RT_INFINITY, NULL),
                     AGNER_OK);
    assert_string_equal(app_bed_running(bed), "two ");
    assert_int_equal(
        gen_application_stop(bed->self, "one", RT_INFINITY, &bed->error),
        AGNER_ENOTRUNNING);
    assert_string_equal(bed->error.text, "application one is not running");
    assert_int_equal(gen_application_stop(bed->self, "two", RT_INFINITY, NULL),
                     AGNER_OK);
    app_bed_saw(bed, "end two_b shutdown\nend two_a shutdown\n");
}

/* 1.9: it never counts as termination for the mode. */
static void a_stop_means_nothing_for_the_node(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    for (int type = GEN_APP_TEMPORARY; type <= GEN_APP_PERMANENT; type++) {
        app_bed_up(bed, "one", (enum gen_start_type)type);
        assert_int_equal(
            gen_application_stop(bed->self, "one", RT_INFINITY, NULL),
            AGNER_OK);
    }
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

static void a_stop_that_takes_long_goes_on_after_its_time_out(void **state)
{
    struct app_bed *bed = *state;
    struct starter s = { .name = "slow" };
    etf_pid again;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &slow);
    app_bed_up(bed, "slow", GEN_APP_TEMPORARY);
    assert_int_equal(gen_application_stop(bed->self, "slow", 10, &bed->error),
                     AGNER_ETIMEOUT);
    assert_string_equal(app_bed_state(bed, "slow"), "stopping");
    again = start_aside(bed, &s); /* waits for the stop, then starts it */
    app_bed_sees(bed, "init slow\nend slow shutdown\ninit slow\n");
    assert_int_equal(rt_wait(bed->self, again, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(s.err, AGNER_OK);
    assert_string_equal(app_bed_state(bed, "slow"), "running");
}

static void all_are_stopped_in_reverse_order_of_start(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &one);
    app_bed_load(bed, &two);
    app_bed_load(bed, &library);
    assert_int_equal(ensure(bed, "two", NULL, NULL), AGNER_OK);
    app_bed_up(bed, "library", GEN_APP_PERMANENT);
    assert_int_equal(gen_applications_stop(bed->self, PROBE_LONG_MS), AGNER_OK);
    app_bed_saw(bed, "end two_b shutdown\nend two_a shutdown\n"
                     "end one shutdown\n");
    assert_int_equal(gen_applications_stop(bed->self, 0), AGNER_ENONAME);
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
    app_bed_control(bed, NULL); /* the name is free */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(is_loaded_once_and_unloaded_when_it_does_not_run),
        APP_TEST(a_table_that_is_not_in_order_is_refused),
        APP_TEST(two_tables_of_one_name_are_refused),
        APP_TEST(what_it_needs_must_run),
        APP_TEST(all_that_it_needs_is_started_in_order),
        APP_REAL(all_that_it_needs_is_started_in_order),
        APP_TEST(what_was_started_for_one_that_fails_is_stopped),
        APP_TEST(what_ran_before_stays_when_another_fails),
        APP_TEST(optional_ones_are_started_where_they_are),
        APP_TEST(D_28_a_cycle_is_an_error_that_names_it),
        APP_TEST(D_29_a_failed_start_stops_earlier_children_in_reverse),
        APP_REAL(D_29_a_failed_start_stops_earlier_children_in_reverse),
        APP_TEST(one_without_processes_runs_so_that_others_can_need_it),
        APP_TEST(the_controller_answers_while_one_starts),
        APP_REAL(the_controller_answers_while_one_starts),
        APP_TEST(all_can_be_stopped_while_one_starts),
        APP_REAL(all_can_be_stopped_while_one_starts),
        APP_TEST(a_start_that_takes_too_long_has_failed),
        APP_TEST(is_stopped_in_reverse_and_others_are_not),
        APP_REAL(is_stopped_in_reverse_and_others_are_not),
        APP_TEST(a_stop_means_nothing_for_the_node),
        APP_TEST(a_stop_that_takes_long_goes_on_after_its_time_out),
        APP_TEST(all_are_stopped_in_reverse_order_of_start),
        APP_REAL(all_are_stopped_in_reverse_order_of_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
