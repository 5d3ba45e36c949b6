/*
 * check.h -- for the tests here: a protocol holds in all orders, or fails when
 * something that it needs is taken away. Prints how many runs that took.
 */
#ifndef AGNER_TEST_CHECK_H
#define AGNER_TEST_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "explore.h"

/* Two threads: 3 preemptions. Three: 2, or what CHECK_PREEMPTIONS says (the
 * stage `models` of tools/check says 3, and the soak 4). */
static inline unsigned check_preemptions(const struct explore_test *test)
{
    const char *text = getenv("CHECK_PREEMPTIONS");

    if (text != NULL)
        return (unsigned)strtoul(text, NULL, 10);
    return test->threads > 2 ? 2 : 3;
}

static inline void check_holds(const struct explore_test *test)
{
    struct explore_limits limits = { .preemptions = check_preemptions(test) };
    struct explore_result result;
    bool well = explore(test, &limits, &result);

    print_message("# %s: %llu runs, %s\n", test->name,
                  (unsigned long long)result.runs,
                  result.complete ? "complete" : "then random ones");
    assert_true(well);
}

static inline void check_finds(const struct explore_test *test, unsigned weaken)
{
    struct explore_limits limits = { .weaken = weaken };
    struct explore_result result;
    bool well = explore(test, &limits, &result);

    print_message("# %s: %llu runs: %s\n", test->name,
                  (unsigned long long)result.runs, result.why);
    assert_false(well);
}

#endif
