/*
 * test_behaviors_statem.c -- a state machine does what OTP's does.
 *
 * statem_cases.txt is played here, and what it shows is compared with
 * statem_trace.txt, which OTP wrote.
 */
#include "probe.h"
#include "statem_puppet.h"

static char *read_file(const char *name)
{
    char path[1024];
    FILE *f;
    char *text;
    long size;

    (void)snprintf(path, sizeof path, "%s/%s", TEST_SOURCE_DIR, name);
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t)size, f), (size_t)size);
    (void)fclose(f);
    return text;
}

/* The first line in which they differ, for the message. */
static void compare(const char *ours, const char *otp)
{
    size_t line = 1;

    while (*ours != '\0' && *ours == *otp) {
        line += *ours == '\n';
        ours++;
        otp++;
    }
    if (*ours != *otp)
        fail_msg("line %zu: ...%.60s\nfor OTP's\n%.60s", line, ours, otp);
}

static void does_what_otp_does(void **state)
{
    struct probe_world *world = *state;
    char *cases = read_file("statem_cases.txt");
    char *otp = read_file("statem_trace.txt");
    const char *next = cases;
    struct etf_buffer out = { 0 };

    while (strspn(next, " \n") != strlen(next)) {
        struct agner_error error;
        etf_term the_case;
        size_t used;

        if (etf_parse(rt_region(world->self), next, strlen(next), &the_case,
                      &used, &error) != AGNER_OK)
            fail_msg("%s: %.80s", error.text, next);
        if (!puppet_play(world->self, the_case, &out))
            fail_msg("cannot play %.80s", next);
        rt_reset(world->self);
        next += used;
    }
    assert_int_equal(etf_buffer_add(&out, "", 1), AGNER_OK);
    compare((const char *)out.data, otp);
    etf_buffer_fini(&out);
    free(cases);
    free(otp);
}

#define CASE(test) \
    cmocka_unit_test_setup_teardown(test, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(does_what_otp_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
