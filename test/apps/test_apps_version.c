/*
 * test_apps_version.c -- which version this is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <agner_apps.h>

/* D-43: node Version is never filled. */
static void D_43_the_version_is_that_of_the_build(void **state)
{
    (void)state;
    assert_string_equal(apps_version(), VERSION);
    assert_true(apps_version()[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(D_43_the_version_is_that_of_the_build),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
