/*
 * test_behaviors_application_end.c -- what the end of an application, or of one
 * of its children, means (spec/gen.md 1.9): row by row, and by force.
 */
#include "app_bed.h"

#include "application_mode.h"

/* ---- Two forms of one application --------------------------------------- */

static const struct gen_child_spec pair[] = {
    { .name = "first", .server = &app_actor, .args = "first" },
    { .name = "second", .server = &app_actor, .args = "second" },
};
static const struct gen_application list = { APP_HEAD("list"),
                                             APP_CHILDREN(pair) };

/* As OTP's: its top is a process that the test ends with any reason. */
static enum agner_err start_top(struct gen *self, enum gen_start_type type,
                                etf_term args, etf_pid *top, etf_term *reason)
{
    struct rt_spawn_options options = { .name = etf_atom("top") };

    (void)type;
    (void)args;
    return gen_start_link(self, &app_actor, etf_atom("top"), &options, top,
                          reason);
}

static const struct gen_application tree = { APP_HEAD("tree"),
                                             .start = start_top };

/* ---- The tables --------------------------------------------------------- */

static const char *const reasons[] = { "normal", "shutdown", "{shutdown,x}",
                                       "killed", "odd" };

/* By type, for each of the reasons. */
static const bool child_ends_list[3][5] = {
    [GEN_APP_TEMPORARY] = { false, false, false, false, false },
    [GEN_APP_TRANSIENT] = { false, false, false, true, true },
    [GEN_APP_PERMANENT] = { true, true, true, true, true },
};
static const bool end_stops_node[3][5] = {
    [GEN_APP_TEMPORARY] = { false, false, false, false, false },
    [GEN_APP_TRANSIENT] = { false, true, true, true, true },
    [GEN_APP_PERMANENT] = { true, true, true, true, true },
};

static void the_tables_hold(void **state)
{
    struct etf_region *r = etf_region_new(0);

    (void)state;
    for (int type = 0; type < 3; type++) {
        for (size_t i = 0; i < 5; i++) {
            etf_term reason;

            assert_int_equal(etf_parse(r, reasons[i], strlen(reasons[i]),
                                       &reason, NULL, NULL),
                             AGNER_OK);
            assert_int_equal(
                gen__child_ends_list((enum gen_start_type)type, reason),
                child_ends_list[type][i]);
            assert_int_equal(
                gen__end_stops_node((enum gen_start_type)type, false, reason),
                end_stops_node[type][i]);
            assert_int_equal(
                gen__end_stops_node((enum gen_start_type)type, true, reason),
                type == GEN_APP_PERMANENT);
        }
    }
    etf_region_free(r);
}

/* ---- Row by row --------------------------------------------------------- */

/* The first of two children ends. */
static void end_child(struct app_bed *bed, enum gen_start_type type,
                      const char *reason, bool app_ends, const char *node)
{
    witness_reset(&bed->seen);
    app_bed_up(bed, "list", type);
    app_bed_end(bed, "first", reason);
    if (app_ends) {
        app_bed_await(bed, "list", "loaded");
        app_bed_saw(bed, "end second shutdown\n");
    } else {
        assert_string_equal(app_bed_state(bed, "list"), "running");
        assert_true(app_bed_is_there(bed, "second"));
        assert_false(app_bed_is_there(bed, "first")); /* no restart */
        app_bed_end(bed, "second", "normal");         /* the last one */
        app_bed_await(bed, "list", "loaded");
    }
    if (node != NULL)
        app_bed_saw(bed, node);
    else
        assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

static void a_list_ends_as_its_type_says(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &list);
    end_child(bed, GEN_APP_PERMANENT, "normal", true,
              "node_stop list normal\n");
    end_child(bed, GEN_APP_PERMANENT, "odd", true, "node_stop list odd\n");
    end_child(bed, GEN_APP_TRANSIENT, "normal", false, NULL);
    end_child(bed, GEN_APP_TRANSIENT, "shutdown", false, NULL);
    end_child(bed, GEN_APP_TRANSIENT, "{shutdown, x}", false, NULL);
    end_child(bed, GEN_APP_TRANSIENT, "odd", true, "node_stop list odd\n");
    end_child(bed, GEN_APP_TEMPORARY, "normal", false, NULL);
    end_child(bed, GEN_APP_TEMPORARY, "odd", false, NULL);
}

static void end_top(struct app_bed *bed, enum gen_start_type type,
                    const char *reason, const char *node)
{
    witness_reset(&bed->seen);
    app_bed_up(bed, "tree", type);
    app_bed_end(bed, "top", reason);
    app_bed_await(bed, "tree", "loaded");
    if (node != NULL)
        app_bed_saw(bed, node);
    else
        assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
}

static void a_tree_ends_as_its_type_says(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &tree);
    end_top(bed, GEN_APP_PERMANENT, "normal", "node_stop tree normal\n");
    end_top(bed, GEN_APP_PERMANENT, "odd", "node_stop tree odd\n");
    end_top(bed, GEN_APP_TRANSIENT, "normal", NULL);
    end_top(bed, GEN_APP_TRANSIENT, "shutdown", "node_stop tree shutdown\n");
    end_top(bed, GEN_APP_TRANSIENT, "{shutdown, x}",
            "node_stop tree {shutdown,x}\n");
    end_top(bed, GEN_APP_TRANSIENT, "odd", "node_stop tree odd\n");
    end_top(bed, GEN_APP_TEMPORARY, "normal", NULL);
    end_top(bed, GEN_APP_TEMPORARY, "odd", NULL);
}

static const struct gen_child_spec bad[] = {
    { .id = "bad", .server = &app_actor, .args = "{bad, {stop, odd}}" },
};
static const struct gen_application failing = { APP_HEAD("failing"),
                                                APP_CHILDREN(bad) };

/* OTP: {application_start_failure, _, _}, whoever asked for the start. */
static void a_start_that_fails_is_as_bad_as_an_end(void **state)
{
    static const unsigned stops[] = { [GEN_APP_TEMPORARY] = 0,
                                      [GEN_APP_TRANSIENT] = 1,
                                      [GEN_APP_PERMANENT] = 1 };
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &failing);
    for (int type = GEN_APP_TEMPORARY; type <= GEN_APP_PERMANENT; type++) {
        witness_reset(&bed->seen);
        assert_int_equal(gen_application_start(bed->self, "failing",
                                               (enum gen_start_type)type, NULL,
                                               &bed->error),
                         AGNER_EEXIT);
        assert_int_equal(witness_count(&bed->seen, "node_stop failing "),
                         stops[type]);
    }
}

/* As OTP's reports, in words. */
static void starts_and_ends_are_logged(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &tree);
    app_bed_up(bed, "tree", GEN_APP_TRANSIENT);
    assert_true(witness_await(&bed->log,
                              "application tree: started at nonode@nohost\n"));
    assert_int_equal(gen_application_stop(bed->self, "tree", RT_INFINITY, NULL),
                     AGNER_OK);
    assert_true(witness_await(
        &bed->log, "application tree: exited reason stopped type transient\n"));
    app_bed_up(bed, "tree", GEN_APP_TEMPORARY);
    app_bed_end(bed, "top", "odd");
    app_bed_await(bed, "tree", "loaded");
    assert_true(witness_await(
        &bed->log, "application tree: exited reason odd type temporary\n"));
}

/* ---- By force ----------------------------------------------------------- */

/* D-10: trees outlived their parents. */
static void D_10_a_killed_master_takes_its_tree_along(void **state)
{
    struct app_bed *bed = *state;
    etf_pid master;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &list);
    app_bed_load(bed, &tree);
    app_bed_up(bed, "list", GEN_APP_TRANSIENT);
    app_bed_up(bed, "tree", GEN_APP_TRANSIENT);
    master = app_bed_master(bed, "list");
    assert_int_equal(rt_exit_signal(bed->self, master, ETF_A(kill)), AGNER_OK);
    app_bed_await(bed, "list", "loaded");
    assert_false(app_bed_is_there(bed, "first"));
    assert_false(app_bed_is_there(bed, "second"));
    app_bed_saw(bed, "end second shutdown\nend first shutdown\n");
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0);
    app_bed_up(bed, "list", GEN_APP_TRANSIENT); /* the names are free */

    master = app_bed_master(bed, "tree");
    assert_int_equal(rt_exit_signal(bed->self, master, ETF_A(kill)), AGNER_OK);
    app_bed_await(bed, "tree", "loaded");
    assert_false(app_bed_is_there(bed, "top"));
    app_bed_saw(bed, "end top killed\n");
    app_bed_saw(bed, "node_stop tree killed\n"); /* as OTP 25 does */
}

/* The keeper, on which the tree hangs, or the controller itself. */
static void whoever_is_killed_leaves_no_orphan(void **state)
{
    struct app_bed *bed = *state;
    struct rt_process_info info;
    etf_pid top, pid;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &list);
    app_bed_load(bed, &tree);
    app_bed_up(bed, "tree", GEN_APP_TEMPORARY);
    assert_true(etf_get_pid(app_bed_whereis(bed, "top"), &top));
    assert_int_equal(rt_process_info(bed->self, top, &info), AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, info.parent, ETF_A(kill)),
                     AGNER_OK);
    app_bed_await(bed, "tree", "loaded");
    assert_false(app_bed_is_there(bed, "top"));

    app_bed_up(bed, "list", GEN_APP_TEMPORARY);
    app_bed_up(bed, "tree", GEN_APP_TEMPORARY);
    assert_true(
        etf_get_pid(app_bed_whereis(bed, "application_controller"), &pid));
    assert_true(etf_get_pid(app_bed_whereis(bed, "first"), &top));
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, top, PROBE_LONG_MS), AGNER_OK);
    app_bed_sees(bed, "end second shutdown\nend first shutdown\n");
    app_bed_sees(bed, "end top killed\n");
}

/* 4.3: kill everything that belongs to an application. */
static void a_stop_kills_what_else_belongs_to_it(void **state)
{
    struct app_bed *bed = *state;
    char text[40];
    etf_term term;
    etf_pid pid;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &list);
    app_bed_up(bed, "list", GEN_APP_TEMPORARY);
    (void)snprintf(text, sizeof text, "%s",
                   app_bed_ask(bed, "first", "{spawn}"));
    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &term, NULL, NULL),
        AGNER_OK);
    assert_true(etf_get_pid(term, &pid));
    assert_true(etf_atom_is(gen_application_of(bed->rt, pid), "list"));
    app_bed_end(bed, "first", "normal"); /* it lives on */
    assert_true(rt_is_alive(bed->rt, pid));
    assert_int_equal(gen_application_stop(bed->self, "list", RT_INFINITY, NULL),
                     AGNER_OK);
    assert_false(rt_is_alive(bed->rt, pid));
    assert_true(etf_is_none(gen_application_of(bed->rt, pid)));
    assert_true(rt_is_alive(bed->rt, rt_self(bed->self)));
}

/* ---- Life span ---------------------------------------------------------- */

static const struct gen_application brief = { APP_HEAD("brief"),
                                              APP_CHILDREN(pair),
                                              .lifespan_ms = 150 };

static void one_with_a_life_span_ends_in_order(void **state)
{
    struct app_bed *bed = *state;
    uint64_t began;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &brief);
    app_bed_up(bed, "brief", GEN_APP_TRANSIENT);
    began = rt_now_ms(bed->rt);
    app_bed_await(bed, "brief", "loaded");
    assert_in_range(rt_now_ms(bed->rt) - began, 150, 160);
    app_bed_saw(bed, "end second shutdown\nend first shutdown\n");
    assert_int_equal(witness_count(&bed->seen, "node_stop"), 0); /* normal */
    app_bed_up(bed, "brief", GEN_APP_PERMANENT);
    app_bed_await(bed, "brief", "loaded");
    app_bed_saw(bed, "node_stop brief normal\n");
}

/* D-04: a process whose life had a bound obeyed neither a kill nor the node. */
static void D_04_one_with_a_life_span_obeys_a_kill_and_the_node(void **state)
{
    struct app_bed *bed = *state;

    app_bed_control(bed, NULL);
    app_bed_load(bed, &brief);
    app_bed_up(bed, "brief", GEN_APP_TEMPORARY);
    assert_int_equal(
        rt_exit_signal(bed->self, app_bed_master(bed, "brief"), ETF_A(kill)),
        AGNER_OK);
    app_bed_await(bed, "brief", "loaded");
    assert_false(app_bed_is_there(bed, "first"));
    app_bed_up(bed, "brief", GEN_APP_TEMPORARY);
    assert_int_equal(gen_applications_stop(bed->self, PROBE_LONG_MS), AGNER_OK);
    assert_false(app_bed_is_there(bed, "first"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_hold),
        APP_TEST(a_list_ends_as_its_type_says),
        APP_REAL(a_list_ends_as_its_type_says),
        APP_TEST(a_tree_ends_as_its_type_says),
        APP_REAL(a_tree_ends_as_its_type_says),
        APP_TEST(a_start_that_fails_is_as_bad_as_an_end),
        APP_TEST(starts_and_ends_are_logged),
        APP_TEST(D_10_a_killed_master_takes_its_tree_along),
        APP_REAL(D_10_a_killed_master_takes_its_tree_along),
        APP_TEST(whoever_is_killed_leaves_no_orphan),
        APP_REAL(whoever_is_killed_leaves_no_orphan),
        APP_TEST(a_stop_kills_what_else_belongs_to_it),
        APP_REAL(a_stop_kills_what_else_belongs_to_it),
        APP_TEST(one_with_a_life_span_ends_in_order),
        APP_TEST(D_04_one_with_a_life_span_obeys_a_kill_and_the_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
