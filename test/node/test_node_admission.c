/*
 * test_node_admission.c -- who may begin a handshake, decided without a clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "admission.h"

#define X "10.0.0.1"

static struct node_admission a;

static int set_up(void **state)
{
    (void)state;
    node__admission_init(&a, 1000);
    return 0;
}

static struct node_source *begin(const char *address, uint64_t now_ms)
{
    const char *why;

    return node__admission_begin(&a, address, now_ms, &why);
}

/* Begins and ends one. */
static bool once(const char *address, uint64_t now_ms,
                 enum node_outcome outcome)
{
    struct node_source *source = begin(address, now_ms);

    if (source == NULL)
        return false;
    node__admission_end(&a, source, outcome, now_ms);
    return true;
}

static void one_address_has_few_at_a_time(void **state)
{
    struct node_source *source = NULL;

    (void)state;
    for (int i = 0; i < NODE_WAITING_OF_SOURCE_MAX; i++) {
        source = begin(X, 1000);
        assert_non_null(source);
    }
    assert_null(begin(X, 1000));
    assert_non_null(begin("10.0.0.2", 1000));
    node__admission_end(&a, source, NODE_OUTCOME_NONE, 1000);
    assert_non_null(begin(X, 1000));
}

static void all_addresses_have_few_together(void **state)
{
    char address[32];

    (void)state;
    for (int i = 0; i < NODE_WAITING_MAX; i++) {
        (void)snprintf(address, sizeof address, "10.0.1.%d", i);
        assert_non_null(begin(address, 1000));
    }
    assert_null(begin(X, 1000));
}

static void starts_have_a_rate_after_a_burst(void **state)
{
    (void)state;
    for (int i = 0; i < NODE_STARTS_BURST; i++)
        assert_true(once(X, 1000, NODE_OUTCOME_NONE));
    assert_false(once(X, 1000, NODE_OUTCOME_NONE));
    assert_false(
        once(X, 1000 + 1000 / NODE_STARTS_PER_S - 1, NODE_OUTCOME_NONE));
    assert_true(once(X, 1000 + 1000 / NODE_STARTS_PER_S, NODE_OUTCOME_NONE));
    assert_false(once(X, 1000 + 1000 / NODE_STARTS_PER_S, NODE_OUTCOME_NONE));
    assert_true(once("10.0.0.2", 1000, NODE_OUTCOME_NONE));
}

/* Who knows the cookie may connect and disconnect as often as it likes. */
static void one_that_gets_up_has_no_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 10 * NODE_STARTS_OF_NODE_PER_S; i++)
        assert_true(once(X, 1000, NODE_OUTCOME_UP));
    for (int i = 0; i < NODE_STARTS_BURST; i++)
        assert_true(once(X, 1000, NODE_OUTCOME_NONE));
    assert_false(once(X, 1000, NODE_OUTCOME_NONE));
}

/* 1, 2, 4 ... 60 s after the sixth failure, and forgiven after a quiet minute.
 */
static void failures_cost_more_each_time(void **state)
{
    static const uint64_t waits_ms[] = { 1000,  2000,  4000,  8000,
                                         16000, 32000, 60000, 60000 };
    uint64_t now_ms = 1000;

    (void)state;
    for (int i = 0; i < NODE_FAILURES_FREE; i++)
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
        assert_false(once(X, now_ms + waits_ms[i] - 1, NODE_OUTCOME_FAILED));
        now_ms += waits_ms[i];
    }
    now_ms += 60000;
    for (int i = 0; i < NODE_FAILURES_FREE; i++)
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    assert_false(once(X, now_ms + 999, NODE_OUTCOME_FAILED));
    assert_true(once(X, now_ms + 1000, NODE_OUTCOME_FAILED));
}

/* A million addresses don't push out one that has a handshake under way. */
static void rows_are_reused_but_not_those_in_use(void **state)
{
    struct node_source *kept = begin(X, 1000);
    char address[32];

    (void)state;
    for (unsigned i = 0; i < 4 * NODE_SOURCES_MAX; i++) {
        (void)snprintf(address, sizeof address, "10.1.%u.%u", i / 256, i % 256);
        assert_true(once(address, 2000 + 10 * (uint64_t)i, NODE_OUTCOME_NONE));
    }
    assert_string_equal(kept->address, X);
    assert_int_equal(kept->waiting, 1);
    assert_int_equal(a.waiting, 1);
}

static void the_log_of_an_address_has_a_rate(void **state)
{
    unsigned hidden = 99;

    (void)state;
    for (int i = 0; i < NODE_LOG_LINES_PER_S; i++)
        assert_true(node__admission_log(&a, X, 5000, &hidden));
    assert_int_equal(hidden, 0);
    for (int i = 0; i < 7; i++)
        assert_false(node__admission_log(&a, X, 5999, &hidden));
    assert_true(node__admission_log(&a, X, 6000, &hidden));
    assert_int_equal(hidden, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_address_has_few_at_a_time, set_up),
        cmocka_unit_test_setup(all_addresses_have_few_together, set_up),
        cmocka_unit_test_setup(starts_have_a_rate_after_a_burst, set_up),
        cmocka_unit_test_setup(one_that_gets_up_has_no_rate, set_up),
        cmocka_unit_test_setup(failures_cost_more_each_time, set_up),
        cmocka_unit_test_setup(rows_are_reused_but_not_those_in_use, set_up),
        cmocka_unit_test_setup(the_log_of_an_address_has_a_rate, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
