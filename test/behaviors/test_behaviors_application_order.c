/*
 * test_gen__order.c -- which applications are started, and in which order
 * (B-SO-2, G29).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "application_order.h"

/* A world of applications: "a needs b c" is { "a", { "b", "c" } }. */
static const char *const needs_b_c[] = { "b", "c", NULL };
static const char *const needs_c[] = { "c", NULL };
static const char *const needs_d[] = { "d", NULL };
static const char *const needs_x[] = { "x", NULL };
static const char *const needs_y[] = { "y", NULL };
static const char *const needs_self[] = { "self", NULL };
static const char *const needs_gone[] = { "gone", NULL };
static const char *const needs_gone_d[] = { "gone", "d", NULL };
static const char *const b_gone[] = { "b", "gone", NULL };

static const struct gen_application world[] = {
    { .name = "a", .applications = needs_b_c },
    { .name = "b", .applications = needs_c },
    { .name = "c", .applications = needs_d },
    { .name = "d" },
    { .name = "x", .applications = needs_y },
    { .name = "y", .applications = needs_x },
    { .name = "to_x", .applications = needs_x },
    { .name = "self", .applications = needs_self },
    { .name = "to_gone", .applications = needs_gone },
    { .name = "maybe",
      .applications = needs_d,
      .optional_applications = b_gone },
    { .name = "listed",
      .applications = needs_gone_d,
      .optional_applications = needs_gone },
};

static const char *running; /* the one that runs */

static enum agner_err find(void *ctx, const char *name,
                           const struct gen_application **found,
                           struct agner_error *error)
{
    (void)ctx;
    for (size_t i = 0; i < sizeof world / sizeof world[0]; i++) {
        if (strcmp(world[i].name, name) == 0) {
            *found = &world[i];
            return AGNER_OK;
        }
    }
    return agner_fail(error, AGNER_ENONAME, "no %s", name);
}

static bool is_running(void *ctx, const char *name)
{
    (void)ctx;
    return running != NULL && strcmp(running, name) == 0;
}

static const struct {
    const char *root, *running;
    enum agner_err err;
    const char *outcome; /* the order, or the error's text */
} cases[] = {
    { "d", NULL, AGNER_OK, "d " },
    { "c", NULL, AGNER_OK, "d c " },
    { "a", NULL, AGNER_OK, "d c b a " },
    { "a", "c", AGNER_OK, "b a " },
    { "x", NULL, AGNER_ECYCLE, "x needs y needs x" },
    { "to_x", NULL, AGNER_ECYCLE, "x needs y needs x" },
    { "self", NULL, AGNER_ECYCLE, "self needs self" },
    { "to_gone", NULL, AGNER_ENONAME, "no gone" },
    { "maybe", NULL, AGNER_OK, "d c b maybe " },
    { "maybe", "b", AGNER_OK, "d maybe " },
    { "listed", NULL, AGNER_OK, "d listed " },
};

static void B_SO_2_starts_what_is_needed_first_and_names_cycles(void **state)
{
    struct gen__finder finder = { find, is_running, NULL };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct agner_error error = { AGNER_OK, "" };
        const struct gen_application *root = NULL;
        struct gen__order order;
        char text[240] = "";

        running = cases[i].running;
        assert_int_equal(find(NULL, cases[i].root, &root, NULL), AGNER_OK);
        assert_int_equal(gen__application_order(root, &finder, &order, &error),
                         cases[i].err);
        for (size_t j = 0; cases[i].err == AGNER_OK && j < order.count; j++) {
            (void)snprintf(text + strlen(text), sizeof text - strlen(text),
                           "%s ", order.apps[j]->name);
        }
        assert_string_equal(cases[i].err == AGNER_OK ? text : error.text,
                            cases[i].outcome);
    }
}

static void names_the_first_need_that_does_not_run(void **state)
{
    static const struct {
        const char *app, *running, *lacks;
    } rows[] = {
        { "a", NULL, "b" },      { "a", "b", "c" },
        { "d", NULL, NULL },     { "c", "d", NULL },
        { "maybe", "d", NULL },  { "listed", NULL, "d" },
        { "listed", "d", NULL },
    };
    struct gen__finder finder = { find, is_running, NULL };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct gen_application *app = NULL;
        const char *lacks;

        running = rows[i].running;
        assert_int_equal(find(NULL, rows[i].app, &app, NULL), AGNER_OK);
        lacks = gen__application_lacks(app, &finder);
        assert_int_equal(lacks == NULL, rows[i].lacks == NULL);
        if (lacks != NULL)
            assert_string_equal(lacks, rows[i].lacks);
    }
}

/* A chain of as many as there may be, and of one more. */
static struct gen_application chain[GEN_APPLICATIONS_MAX + 1];
static char names[GEN_APPLICATIONS_MAX + 1][8];
static const char *needs[GEN_APPLICATIONS_MAX + 1][2];

static enum agner_err find_link(void *ctx, const char *name,
                                const struct gen_application **found,
                                struct agner_error *error)
{
    (void)ctx;
    (void)error;
    for (size_t i = 0; i <= GEN_APPLICATIONS_MAX; i++) {
        if (strcmp(names[i], name) == 0)
            *found = &chain[i];
    }
    return AGNER_OK;
}

static void stops_at_its_limit(void **state)
{
    struct gen__finder finder = { find_link, is_running, NULL };
    struct gen__order order;

    (void)state;
    running = NULL;
    for (size_t i = 0; i <= GEN_APPLICATIONS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "n%zu", i);
        chain[i].name = names[i];
        needs[i][0] = i < GEN_APPLICATIONS_MAX ? names[i + 1] : NULL;
        chain[i].applications = needs[i];
    }
    assert_int_equal(gen__application_order(&chain[1], &finder, &order, NULL),
                     AGNER_OK);
    assert_int_equal(order.count, GEN_APPLICATIONS_MAX);
    assert_int_equal(gen__application_order(&chain[0], &finder, &order, NULL),
                     AGNER_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_SO_2_starts_what_is_needed_first_and_names_cycles),
        cmocka_unit_test(names_the_first_need_that_does_not_run),
        cmocka_unit_test(stops_at_its_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
