/*
 * test_behaviors_application_stop.c -- the end of a runtime that has
 * applications (spec/gen.md 1.17, Stop; I11).
 */
#include "app_bed.h"

static const struct gen_child_spec first_children[] = {
    { .name = "a", .server = &app_actor, .args = "a" },
    { .name = "b", .server = &app_actor, .args = "b" },
};
static const struct gen_child_spec second_children[] = {
    { .name = "c", .server = &app_actor, .args = "c" },
};
static const struct gen_supervisor second_top = {
    .name = "second", APP_CHILDREN(second_children)
};
static const struct gen_child_spec stubborn_children[] = {
    { .name = "stubborn",
      .server = &app_actor,
      .args = "{stubborn, {stubborn}}",
      .shutdown_ms = RT_INFINITY },
};

static const struct gen_application first = { APP_HEAD("first"),
                                              APP_CHILDREN(first_children) };
static const struct gen_application second = { APP_HEAD("second"),
                                               .supervisor = &second_top };
static const struct gen_application stubborn = {
    APP_HEAD("stubborn"), APP_CHILDREN(stubborn_children)
};

/* An actor that no application has: it traps exits, and its parent is us. */
static void start_loner(struct app_bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("loner") };
    etf_pid pid;

    assert_int_equal(gen_start(bed->self, &app_actor, etf_atom("loner"),
                               &options, &pid, NULL),
                     AGNER_OK);
}

static void applications_end_in_order_before_all_others(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &first);
    app_bed_load(bed, &second);
    start_loner(bed);
    app_bed_up(bed, "first", GEN_APP_PERMANENT);
    app_bed_up(bed, "second", GEN_APP_PERMANENT);
    app_bed_free_rt(bed, PROBE_LONG_MS);
    app_bed_saw(bed, "end c shutdown\nend b shutdown\nend a shutdown\n"
                     "end loner shutdown\n");
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

/* After the grace the others have theirs, and are not killed unheard. */
static void one_that_does_not_end_does_not_hold_up_the_node(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &first);
    app_bed_load(bed, &stubborn);
    app_bed_up(bed, "first", GEN_APP_PERMANENT);
    app_bed_up(bed, "stubborn", GEN_APP_PERMANENT);
    start_loner(bed);
    /* On threads the loner's turn may come late. */
    app_bed_free_rt(bed, bed->sim != NULL ? 50 : 2000);
    app_bed_saw(bed, "end loner shutdown\n");
}

/* A server that traps exits, and the top of a tree. */
static void who_traps_exits_ends_in_order_too(void **state)
{
    struct app_bed *bed = *state;
    etf_pid pid;

    start_loner(bed);
    assert_int_equal(gen_supervisor_start(bed->self, &second_top, etf_nil(),
                                          NULL, &pid, NULL),
                     AGNER_OK);
    app_bed_free_rt(bed, PROBE_LONG_MS);
    app_bed_saw(bed, "end loner shutdown\n");
    app_bed_saw(bed, "end c shutdown\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(applications_end_in_order_before_all_others),
        APP_REAL(applications_end_in_order_before_all_others),
        APP_TEST(one_that_does_not_end_does_not_hold_up_the_node),
        APP_REAL(one_that_does_not_end_does_not_hold_up_the_node),
        APP_TEST(who_traps_exits_ends_in_order_too),
        APP_REAL(who_traps_exits_ends_in_order_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
