/*
 * test_behaviors_statem_random.c -- random programs for state machines, played
 * in the simulated world and on paper.
 *
 * With arguments it is the C side of test_statem_otp.py:
 *     cases SEED COUNT   writes programs
 *     play FILE          writes their traces
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
#include "statem_random.h"

#define SEEDS 500u

static struct etf_buffer program, expected, seen;

static void empty(struct etf_buffer *b)
{
    b->size = 0;
}

/* Plays all cases of a text; traces go to `seen`. */
static bool play_text(struct gen *self, const char *text, size_t size)
{
    etf_term the_case;
    size_t used, at = 0;

    while (at + strspn(text + at, " \n") < size) {
        if (etf_parse(rt_region(self), text + at, size - at, &the_case, &used,
                      NULL) != AGNER_OK ||
            !puppet_play(self, the_case, &seen))
            return false;
        at += used;
        rt_reset(self);
    }
    return true;
}

/* Ends of machines are in the trace. */
static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static bool play_simulated(uint64_t seed)
{
    struct sim *sim = sim_new(seed, NULL);
    struct rt_options options = { .world = sim_world(sim), .log = no_log };
    struct rt *rt;
    struct gen *self;
    bool played = false;

    if (rt_new(&options, &rt, NULL) == AGNER_OK) {
        self = rt_attach(rt);
        played = play_text(self, (const char *)program.data, program.size);
        rt_detach(self);
        rt_free(rt, 1000);
    }
    sim_free(sim);
    return played;
}

/* Draws a program that ends: `program`, and what it must show in `expected`. */
static bool draw_program(struct etf_region *r, uint64_t seed, bool timed)
{
    etf_term term;
    size_t used;

    empty(&program);
    empty(&expected);
    etf_region_reset(r);
    statem_random(seed, timed, &program);
    return etf_parse(r, (const char *)program.data, program.size, &term, &used,
                     NULL) == AGNER_OK &&
           statem_model(r, term, &expected);
}

/* How many programs were compared. */
static unsigned compare_all(bool timed)
{
    struct etf_region *r = etf_region_new(0);
    unsigned compared = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        empty(&seen);
        if (!draw_program(r, seed, timed))
            continue;
        if (!play_simulated(seed))
            fail_msg("cannot play %.*s", (int)program.size,
                     (const char *)program.data);
        assert_int_equal(etf_buffer_add(&expected, "", 1), AGNER_OK);
        assert_int_equal(etf_buffer_add(&seen, "", 1), AGNER_OK);
        if (strcmp((const char *)seen.data, (const char *)expected.data) != 0)
            fail_msg("%.*s\n%s\ninstead of\n%s", (int)program.size,
                     (const char *)program.data, (const char *)seen.data,
                     (const char *)expected.data);
        compared++;
    }
    etf_region_free(r);
    return compared;
}

static void does_what_the_model_says(void **state)
{
    (void)state;
    assert_true(compare_all(false) > SEEDS / 2);
}

static void does_what_the_model_says_in_time(void **state)
{
    (void)state;
    assert_true(compare_all(true) > SEEDS / 2);
}

/* ---- For test_statem_otp.py --------------------------------------------- */

static int write_cases(const char *seed_text, const char *count_text)
{
    uint64_t seed = strtoull(seed_text, NULL, 10);
    uint64_t count = strtoull(count_text, NULL, 10);
    struct etf_region *r = etf_region_new(0);

    for (; count > 0; seed++) {
        if (!draw_program(r, seed, false))
            continue;
        if (fwrite(program.data, 1, program.size, stdout) != program.size)
            return 1;
        count--;
    }
    etf_region_free(r);
    return 0;
}

static int play_file(const char *path)
{
    struct rt_options options = { .log = no_log };
    FILE *f = fopen(path, "rb");
    uint8_t bytes[4096];
    size_t size;
    struct rt *rt;
    struct gen *self;
    bool played;

    if (f == NULL || rt_new(&options, &rt, NULL) != AGNER_OK)
        return 1;
    while ((size = fread(bytes, 1, sizeof bytes, f)) > 0)
        (void)etf_buffer_add(&program, bytes, size);
    (void)fclose(f);
    self = rt_attach(rt);
    played = play_text(self, (const char *)program.data, program.size);
    rt_detach(self);
    rt_free(rt, 1000);
    (void)fwrite(seen.data, 1, seen.size, stdout);
    return played ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(does_what_the_model_says),
        cmocka_unit_test(does_what_the_model_says_in_time),
    };
    int result;

    if (argc == 4 && strcmp(argv[1], "cases") == 0)
        result = write_cases(argv[2], argv[3]);
    else if (argc == 3 && strcmp(argv[1], "play") == 0)
        result = play_file(argv[2]);
    else
        result = cmocka_run_group_tests(tests, NULL, NULL);
    etf_buffer_fini(&program);
    etf_buffer_fini(&expected);
    etf_buffer_fini(&seen);
    return result;
}
