/*
 * test_apps_time.c -- times, as the command reads them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cli.h"

static void reads_times_with_their_unit(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: not a time */
    } times[] = {
        { "0ms", 0 },
        { "250ms", 250 },
        { "5s", 5000 },
        { "2m", 120000 },
        { "1h", 3600000 },
        { "infinity", INT64_MAX },
        { "5", -1 },
        { "", -1 },
        { "s", -1 },
        { "-5s", -1 },
        { "5 s", -1 },
        { "5sec", -1 },
        { "1.5s", -1 },
        { "99999999999999999h", -1 },
        { "9223372036854775807ms", -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t ms = -1;

        assert_int_equal(cli_time(times[i].text, &ms), times[i].ms >= 0);
        if (times[i].ms >= 0)
            assert_int_equal(ms, times[i].ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_times_with_their_unit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
