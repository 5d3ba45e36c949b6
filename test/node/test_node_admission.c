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

static struct node_limits limits;
static struct node_admission a;
static enum node_limit met; /* by the last that was refused */

/* The defaults. */
static int set_up(void **state)
{
    (void)state;
    limits = node__limits(&(struct node_limits){ 0 });
    node__admission_init(&a, &limits, 1000);
    return 0;
}

static struct node_source *begin(const char *address, uint64_t now_ms)
{
    return node__admission_begin(&a, address, now_ms, &met);
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
    for (int i = 0; i < (int)limits.handshakes_source; i++) {
        source = begin(X, 1000);
        assert_non_null(source);
    }
    assert_null(begin(X, 1000));
    assert_int_equal(met, NODE_LIMIT_HANDSHAKES_SOURCE);
    assert_non_null(begin("10.0.0.2", 1000));
    node__admission_end(&a, source, NODE_OUTCOME_NONE, 1000);
    assert_non_null(begin(X, 1000));
}

static void all_addresses_have_few_together(void **state)
{
    char address[32];

    (void)state;
    for (int i = 0; i < (int)limits.handshakes; i++) {
        (void)snprintf(address, sizeof address, "10.0.1.%d", i);
        assert_non_null(begin(address, 1000));
    }
    assert_null(begin(X, 1000));
    assert_int_equal(met, NODE_LIMIT_HANDSHAKES);
}

static void starts_have_a_rate_after_a_burst(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * (int)limits.starts_source; i++)
        assert_true(once(X, 1000, NODE_OUTCOME_NONE));
    assert_false(once(X, 1000, NODE_OUTCOME_NONE));
    assert_int_equal(met, NODE_LIMIT_STARTS_SOURCE);
    assert_false(
        once(X, 1000 + 1000 / limits.starts_source - 1, NODE_OUTCOME_NONE));
    assert_true(once(X, 1000 + 1000 / limits.starts_source, NODE_OUTCOME_NONE));
    assert_false(
        once(X, 1000 + 1000 / limits.starts_source, NODE_OUTCOME_NONE));
    assert_true(once("10.0.0.2", 1000, NODE_OUTCOME_NONE));
}

/* Who knows the cookie may connect and disconnect as often as it likes. */
static void one_that_gets_up_has_no_rate(void **state)
{
    (void)state;
    for (int i = 0; i < 10 * (int)limits.starts; i++)
        assert_true(once(X, 1000, NODE_OUTCOME_UP));
    for (int i = 0; i < 2 * (int)limits.starts_source; i++)
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
    for (int i = 0; i < (int)limits.failures_source; i++)
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
        assert_false(once(X, now_ms + waits_ms[i] - 1, NODE_OUTCOME_FAILED));
        assert_int_equal(met, NODE_LIMIT_FAILURES_SOURCE);
        now_ms += waits_ms[i];
    }
    now_ms += 60000;
    for (int i = 0; i < (int)limits.failures_source; i++)
        assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    assert_true(once(X, now_ms, NODE_OUTCOME_FAILED));
    assert_false(once(X, now_ms + 999, NODE_OUTCOME_FAILED));
    assert_true(once(X, now_ms + 1000, NODE_OUTCOME_FAILED));
}

/* From many addresses, 200 in a second. */
static void all_starts_have_a_rate_together(void **state)
{
    char address[32];

    (void)state;
    for (int i = 0; i < (int)limits.starts; i++) {
        (void)snprintf(address, sizeof address, "10.0.1.%d", i);
        assert_true(once(address, 1000, NODE_OUTCOME_NONE));
    }
    assert_false(once(X, 1000, NODE_OUTCOME_NONE));
    assert_int_equal(met, NODE_LIMIT_STARTS);
    assert_true(once(X, 1000 + 1000 / limits.starts, NODE_OUTCOME_NONE));
}

/* What a user asks for holds in place of each default; 0 is the default. */
static void each_limit_may_be_set_and_none_turned_off(void **state)
{
    const struct node_limits small = { .handshakes = 2,
                                       .handshakes_source = 1,
                                       .starts_source = 1,
                                       .failures_source = 1,
                                       .log_lines = 1 };
    struct node_source *source;
    unsigned hidden;

    (void)state;
    limits = node__limits(&small);
    assert_int_equal(limits.handshakes, 2);
    assert_int_equal(limits.starts, 200);
    assert_int_equal(limits.handshake_ms, 5000);
    assert_int_equal(limits.handshake_bytes, 8192);
    assert_int_equal(limits.sequences, 1024);
    assert_int_equal(limits.atoms_peer, 16384);
    assert_int_equal(limits.atoms, 65536);
    assert_int_equal(limits.relations, 1000000);
    assert_int_equal(limits.nodes, 65536);
    node__admission_init(&a, &limits, 1000);
    source = begin(X, 1000);
    assert_null(begin(X, 1000));
    assert_int_equal(met, NODE_LIMIT_HANDSHAKES_SOURCE);
    assert_non_null(begin("10.0.0.2", 1000));
    assert_null(begin("10.0.0.3", 1000));
    assert_int_equal(met, NODE_LIMIT_HANDSHAKES);
    node__admission_end(&a, source, NODE_OUTCOME_FAILED, 1000);
    assert_true(once(X, 1000, NODE_OUTCOME_FAILED));
    assert_false(once(X, 1999, NODE_OUTCOME_FAILED));
    assert_int_equal(met, NODE_LIMIT_FAILURES_SOURCE);
    assert_true(node__admission_log(&a, X, 2000, &hidden));
    assert_false(node__admission_log(&a, X, 2000, &hidden));
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
    for (int i = 0; i < (int)limits.log_lines; i++)
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
        cmocka_unit_test_setup(all_starts_have_a_rate_together, set_up),
        cmocka_unit_test_setup(each_limit_may_be_set_and_none_turned_off,
                               set_up),
        cmocka_unit_test_setup(one_that_gets_up_has_no_rate, set_up),
        cmocka_unit_test_setup(failures_cost_more_each_time, set_up),
        cmocka_unit_test_setup(rows_are_reused_but_not_those_in_use, set_up),
        cmocka_unit_test_setup(the_log_of_an_address_has_a_rate, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
