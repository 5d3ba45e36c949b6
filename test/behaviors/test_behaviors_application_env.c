/*
 * test_behaviors_application_env.c -- the environment of applications: layers,
 * and who sees them (spec/gen.md 1.16, 4.3).
 */
#include "app_bed.h"

static const struct gen_child_spec children[] = {
    { .name = "child", .server = &app_actor, .args = "child" },
};
static const struct gen_application shop = {
    APP_HEAD("shop"), APP_CHILDREN(children),
    .env = "[{a, spec}, {b, spec}, {c, spec}, {d, spec}]"
};

static etf_term parse(struct app_bed *bed, const char *text)
{
    etf_term term;

    assert_int_equal(
        etf_parse(rt_region(bed->self), text, strlen(text), &term, NULL, NULL),
        AGNER_OK);
    return term;
}

static void control(struct app_bed *bed, const char *config, const char *env)
{
    struct gen_applications_options options = { .ctx = NULL };

    options.config = parse(bed, config);
    options.env = parse(bed, env);
    app_bed_control(bed, &options);
}

static const char *all(struct app_bed *bed)
{
    etf_term list;

    assert_int_equal(gen_application_all_env(bed->self, "shop", &list),
                     AGNER_OK);
    return app_bed_text(list);
}

static void later_layers_go_before_earlier_ones(void **state)
{
    struct app_bed *bed = *state;

    control(bed, "[{shop, [{b, file}, {c, file}, {d, file}]}, {other, []}]",
            "[{shop, [{c, line}]}, {shop, [{d, line}, {e, line}]}]");
    app_bed_load(bed, &shop);
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "d", etf_atom("api"), false),
        AGNER_OK);
    assert_string_equal(all(bed),
                        "[{a,spec},{b,file},{c,line},{d,api},{e,line}]");
}

/* As in OTP: {persistent, true} of application:set_env/4. */
static void what_is_persistent_is_there_after_a_reload(void **state)
{
    struct app_bed *bed = *state;
    etf_term value;

    control(bed, "[]", "[]");
    app_bed_load(bed, &shop);
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "a", etf_atom("api"), false),
        AGNER_OK);
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "b", etf_atom("api"), true),
        AGNER_OK);
    assert_int_equal(gen_application_set_env(bed->self, "shop", "c",
                                             etf_atom("first"), true),
                     AGNER_OK);
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "c", etf_atom("api"), true),
        AGNER_OK);
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "d", etf_atom("api"), true),
        AGNER_OK);
    assert_int_equal(gen_application_unset_env(bed->self, "shop", "d", true),
                     AGNER_OK);
    assert_string_equal(all(bed), "[{a,api},{b,api},{c,api}]");
    assert_int_equal(gen_application_unload(bed->self, "shop", NULL), AGNER_OK);
    assert_int_equal(gen_application_get_env(bed->self, "shop", "b", &value),
                     AGNER_EUNKNOWN);
    app_bed_load(bed, &shop);
    assert_string_equal(all(bed), "[{a,spec},{b,api},{c,api},{d,spec}]");
}

static void processes_see_their_applications_environment(void **state)
{
    struct app_bed *bed = *state;
    etf_term value;

    control(bed, "[{shop, [{b, file}]}]", "[]");
    app_bed_load(bed, &shop);
    app_bed_up(bed, "shop", GEN_APP_TEMPORARY);
    assert_int_equal(
        rt_env_put(bed->rt, ETF_NONE, etf_atom("node"), etf_atom("wide")),
        AGNER_OK);
    assert_string_equal(app_bed_ask(bed, "child", "{env, a}"), "spec");
    assert_string_equal(app_bed_ask(bed, "child", "{env, b}"), "file");
    assert_string_equal(app_bed_ask(bed, "child", "{env, node}"), "wide");
    assert_string_equal(app_bed_ask(bed, "child", "{env, nothing}"), "none");
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "a", etf_atom("api"), false),
        AGNER_OK);
    assert_string_equal(app_bed_ask(bed, "child", "{env, a}"), "api");
    /* We are of no application. */
    assert_int_equal(rt_env_get(bed->self, etf_atom("a"), &value),
                     AGNER_EUNKNOWN);
    assert_int_equal(gen_application_get_env(bed->self, NULL, "a", &value),
                     AGNER_EUNKNOWN);
    assert_int_equal(gen_application_get_env(bed->self, "shop", "a", &value),
                     AGNER_OK);
    assert_string_equal(app_bed_text(value), "api");
}

static void another_form_is_refused(void **state)
{
    static const char *const bad[] = { "shop",
                                       "[shop]",
                                       "[{shop, a}]",
                                       "[{shop, [a]}]",
                                       "[{shop, [{1, 2}]}]",
                                       "[{\"shop\", []}]",
                                       "[{shop, []}|x]" };
    struct app_bed *bed = *state;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct gen_applications_options options = { .ctx = NULL };

        options.config = parse(bed, bad[i]);
        assert_int_equal(
            gen_applications_start(bed->self, &options, &bed->error),
            AGNER_EINVAL);
        assert_string_equal(bed->error.text,
                            "expected [{Application, [{Key, Value}]}]");
    }
}

static void values_may_be_set_before_the_application_is_loaded(void **state)
{
    struct app_bed *bed = *state;

    control(bed, "[]", "[]");
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "a", etf_atom("api"), true),
        AGNER_OK);
    app_bed_load(bed, &shop);
    assert_string_equal(all(bed), "[{a,api},{b,spec},{c,spec},{d,spec}]");
    assert_int_equal(
        gen_application_set_env(bed->self, "shop", "a", ETF_NONE, false),
        AGNER_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        APP_TEST(later_layers_go_before_earlier_ones),
        APP_TEST(what_is_persistent_is_there_after_a_reload),
        APP_TEST(processes_see_their_applications_environment),
        APP_REAL(processes_see_their_applications_environment),
        APP_TEST(another_form_is_refused),
        APP_TEST(values_may_be_set_before_the_application_is_loaded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
