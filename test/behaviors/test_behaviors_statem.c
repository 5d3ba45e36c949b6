/*
 * test_behaviors_statem.c -- a state machine does what OTP's does.
 *
 * statem_cases.txt is played here, and what it shows is compared with
 * statem_trace.txt, which OTP wrote. The world is simulated: timeouts are some
 * milliseconds of virtual time, in which any number of events is handled.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/sim.h>

#include "statem_puppet.h"

#define SEEDS 100u /* who runs next is drawn, and must not matter */

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
static void compare(uint64_t seed, const char *ours, const char *otp)
{
    size_t line = 1;

    while (*ours != '\0' && *ours == *otp) {
        line += *ours == '\n';
        ours++;
        otp++;
    }
    if (*ours != *otp)
        fail_msg("seed %u, line %zu: ...%.60s\nfor OTP's\n%.60s",
                 (unsigned)seed, line, ours, otp);
}

static void play(struct gen *self, const char *cases, struct etf_buffer *out)
{
    while (strspn(cases, " \n") != strlen(cases)) {
        struct agner_error error;
        etf_term the_case;
        size_t used;

        if (etf_parse(rt_region(self), cases, strlen(cases), &the_case, &used,
                      &error) != AGNER_OK)
            fail_msg("%s: %.80s", error.text, cases);
        if (!puppet_play(self, the_case, out))
            fail_msg("cannot play %.80s", cases);
        rt_reset(self);
        cases += used;
    }
    assert_int_equal(etf_buffer_add(out, "", 1), AGNER_OK);
}

/* Ends of machines are in the trace. */
static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void does_what_otp_does(void **state)
{
    char *cases = read_file("statem_cases.txt");
    char *otp = read_file("statem_trace.txt");

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim *sim = sim_new(seed, NULL);
        struct rt_options options = { .log = no_log };
        struct etf_buffer out = { 0 };
        struct rt *rt;
        struct gen *self;

        assert_non_null(sim);
        options.world = sim_world(sim);
        assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
        self = rt_attach(rt);
        assert_non_null(self);
        play(self, cases, &out);
        compare(seed, (const char *)out.data, otp);
        rt_detach(self);
        rt_free(rt, 1000);
        sim_free(sim);
        etf_buffer_fini(&out);
    }
    free(cases);
    free(otp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_what_otp_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
