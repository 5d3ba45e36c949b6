/*
 * test_behaviors_application_conformance.c -- spec/gen.md 3.3, each line a test
 * of its name, in the simulated world, whose milliseconds are exact.
 */
#include "app_bed.h"

static const struct gen_child_spec children[] = {
    { .name = "child", .server = &app_actor, .args = "child" },
};
static const struct gen_child_spec other_children[] = {
    { .name = "other", .server = &app_actor, .args = "other" },
};
static const struct gen_application builtin = { APP_HEAD("builtin") };
static const struct gen_application app = {
    APP_HEAD("app"), APP_CHILDREN(children), .env = "[{own, app}, {both, app}]"
};
static const struct gen_application other = { APP_HEAD("other"),
                                              APP_CHILDREN(other_children) };
static const struct gen_application brief = { APP_HEAD("brief"),
                                              APP_CHILDREN(children),
                                              .lifespan_ms = 150 };

static int64_t count(enum agner_err err, etf_term list)
{
    return err == AGNER_OK ? etf_list_size(list) : -1;
}

static int64_t loaded(struct app_bed *bed)
{
    etf_term list = ETF_NONE;

    return count(gen_loaded_applications(bed->self, &list), list);
}

static int64_t running(struct app_bed *bed)
{
    etf_term list = ETF_NONE;

    return count(gen_which_applications(bed->self, &list), list);
}

static etf_pid pid_of(struct app_bed *bed, const char *name)
{
    etf_pid pid = { .id = 0 };

    assert_true(etf_get_pid(app_bed_whereis(bed, name), &pid));
    return pid;
}

/* A process's own value goes before its application's. */
static void overlay(struct gen *self, void *arg)
{
    etf_term value = ETF_NONE, list = ETF_NONE;

    (void)arg;
    (void)rt_env_get(self, etf_atom("both"), &value);
    app_bed_say("both", value);
    (void)rt_env_get(self, etf_atom("own"), &value);
    app_bed_say("own", value);
    if (rt_env_get(self, etf_atom("nothing"), &value) == AGNER_EUNKNOWN)
        app_bed_say("nothing", ETF_NONE);
    (void)rt_env_list(self, &list);
    app_bed_say("list", list);
}

static void look_at_env(struct app_bed *bed)
{
    struct rt_spawn_options options = { .env = etf_make(bed->self,
                                                        "#{both => mine}") };
    etf_pid master = app_bed_master(bed, "app"), pid;

    options.group_leader = &master;
    assert_int_equal(rt_spawn(bed->self, overlay, NULL, &options, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, PROBE_LONG_MS), AGNER_OK);
    app_bed_saw(bed, "both mine\nown app\nnothing\n"
                     "list #{both => mine,own => app}\n");
}

static void conf_TestApplicationBasics_runs_and_ends_one(void **state)
{
    struct app_bed *bed = *state;
    uint64_t began;
    etf_pid child;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &builtin);
    app_bed_up(bed, "builtin", GEN_APP_PERMANENT);
    assert_int_equal(loaded(bed), 1);
    app_bed_load(bed, &app);
    assert_int_equal(loaded(bed), 2);
    assert_int_equal(running(bed), 1);
    assert_int_equal(gen_application_unload(bed->self, "app", NULL), AGNER_OK);
    assert_int_equal(loaded(bed), 1);

    app_bed_load(bed, &app);
    app_bed_up(bed, "app", GEN_APP_TEMPORARY);
    assert_int_equal(gen_application_unload(bed->self, "app", NULL),
                     AGNER_ERUNNING);
    assert_string_equal(app_bed_running(bed), "app builtin ");
    look_at_env(bed);
    assert_true(rt_is_alive(bed->rt, app_bed_master(bed, "app")));
    child = pid_of(bed, "child");
    assert_memory_equal(app_bed_info(bed, "app", "children"), "[{child,<", 9);

    began = rt_now_ms(bed->rt);
    assert_int_equal(gen_application_stop(bed->self, "app", 100, NULL),
                     AGNER_OK);
    assert_true(rt_now_ms(bed->rt) - began <= 100);
    assert_false(rt_is_alive(bed->rt, child));

    app_bed_up(bed, "app", GEN_APP_TEMPORARY); /* the master is killed */
    assert_int_equal(
        rt_exit_signal(bed->self, app_bed_master(bed, "app"), ETF_A(kill)),
        AGNER_OK);
    app_bed_await(bed, "app", "loaded");
    assert_false(app_bed_is_there(bed, "child"));

    app_bed_load(bed, &brief); /* it ends itself */
    app_bed_up(bed, "brief", GEN_APP_TEMPORARY);
    began = rt_now_ms(bed->rt);
    child = pid_of(bed, "child");
    assert_int_equal(rt_wait(bed->self, child, PROBE_LONG_MS), AGNER_OK);
    assert_in_range(rt_now_ms(bed->rt) - began, 150, 300);
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

/* What `agner start` does when it is told, and within which time. */
static void node_ends(struct app_bed *bed, const char *line)
{
    uint64_t began = rt_now_ms(bed->rt);

    app_bed_sees(bed, line);
    assert_int_equal(gen_applications_stop(bed->self, 1000), AGNER_OK);
    assert_true(rt_now_ms(bed->rt) - began <= 1000);
}

static void conf_TestApplicationTypePermanent_takes_the_node_along(void **state)
{
    struct app_bed *bed = *state;
    etf_pid child, master;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &app);
    app_bed_up(bed, "app", GEN_APP_PERMANENT);
    child = pid_of(bed, "child");
    master = app_bed_master(bed, "app");
    app_bed_end(bed, "child", "abnormal");
    node_ends(bed, "node_stop app abnormal\n");
    assert_false(rt_is_alive(bed->rt, child));
    assert_false(rt_is_alive(bed->rt, master));
}

static void
conf_TestApplicationTypeTransient_takes_it_along_when_it_fails(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &app);
    app_bed_load(bed, &other);
    app_bed_up(bed, "app", GEN_APP_TRANSIENT);
    app_bed_up(bed, "other", GEN_APP_TRANSIENT);
    app_bed_end(bed, "child", "normal");
    app_bed_await(bed, "app", "loaded"); /* it was the last one */
    assert_string_equal(app_bed_state(bed, "other"), "running");
    assert_int_equal(
        rt_exit_signal(bed->self, app_bed_master(bed, "other"), ETF_A(kill)),
        AGNER_OK);
    app_bed_await(bed, "other", "loaded");
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);

    app_bed_up(bed, "app", GEN_APP_TRANSIENT);
    app_bed_up(bed, "other", GEN_APP_TRANSIENT);
    app_bed_end(bed, "child", "abnormal");
    node_ends(bed, "node_stop app abnormal\n");
    assert_false(app_bed_is_there(bed, "other"));
}

static void conf_TestApplicationTypeTemporary_leaves_the_node(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &app);
    app_bed_up(bed, "app", GEN_APP_TEMPORARY);
    app_bed_end(bed, "child", "normal");
    app_bed_await(bed, "app", "loaded");
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
    assert_true(app_bed_is_there(bed, "application_controller"));
}

static void conf_TestApplicationStop_stops_one_alone(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &app);
    app_bed_load(bed, &other);
    app_bed_up(bed, "app", GEN_APP_PERMANENT);
    app_bed_up(bed, "other", GEN_APP_PERMANENT);
    assert_int_equal(gen_application_stop(bed->self, "app", RT_INFINITY, NULL),
                     AGNER_OK);
    assert_string_equal(app_bed_running(bed), "other ");
    assert_true(app_bed_is_there(bed, "other"));
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(conf_TestApplicationBasics_runs_and_ends_one),
        APP_TEST(conf_TestApplicationTypePermanent_takes_the_node_along),
        APP_TEST(
            conf_TestApplicationTypeTransient_takes_it_along_when_it_fails),
        APP_TEST(conf_TestApplicationTypeTemporary_leaves_the_node),
        APP_TEST(conf_TestApplicationStop_stops_one_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
