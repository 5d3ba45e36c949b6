/*
 * test_behaviors_restart.c -- what a supervisor decides, as tables of cases.
 * spec/gen.md 1.8; OTP 25, supervisor.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restart.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- Ends --------------------------------------------------------------- */

/* For the table's columns. */
#define P     GEN_PERMANENT
#define T     GEN_TRANSIENT
#define X     GEN_TEMPORARY
#define NEVER GEN_AUTO_NEVER
#define ANY   GEN_AUTO_ANY_SIGNIFICANT
#define ALL   GEN_AUTO_ALL_SIGNIFICANT

/* clang-format off */
static const struct {
    struct end_event event; /* restart, kind, simple, significant, auto, left */
    struct end_answer answer;
} ends[] = {
    /* permanent: always, and always a report */
    { { P, END_NORMAL,        false, false, NEVER, false }, { END_RESTART, true,  false } },
    { { P, END_SHUTDOWN,      false, false, NEVER, false }, { END_RESTART, true,  false } },
    { { P, END_SHUTDOWN_TERM, false, false, NEVER, false }, { END_RESTART, true,  false } },
    { { P, END_KILLED,        false, false, NEVER, false }, { END_RESTART, true,  false } },
    { { P, END_ABNORMAL,      true,  false, NEVER, false }, { END_RESTART, true,  false } },
    /* transient: unless orderly */
    { { T, END_NORMAL,        false, false, NEVER, false }, { END_KEEP,    false, false } },
    { { T, END_SHUTDOWN,      false, false, NEVER, false }, { END_KEEP,    false, false } },
    { { T, END_SHUTDOWN_TERM, false, false, NEVER, false }, { END_KEEP,    false, false } },
    { { T, END_NORMAL,        true,  false, NEVER, false }, { END_FORGET,  false, false } },
    { { T, END_KILLED,        false, false, NEVER, false }, { END_RESTART, true,  false } },
    { { T, END_ABNORMAL,      false, true,  ANY,   false }, { END_RESTART, true,  false } },
    /* temporary: never; a report unless orderly */
    { { X, END_NORMAL,        false, false, NEVER, false }, { END_FORGET,  false, false } },
    { { X, END_SHUTDOWN_TERM, true,  false, NEVER, false }, { END_FORGET,  false, false } },
    { { X, END_KILLED,        false, false, NEVER, false }, { END_FORGET,  true,  false } },
    { { X, END_ABNORMAL,      true,  false, NEVER, false }, { END_FORGET,  true,  false } },
    /* auto_shutdown */
    { { T, END_NORMAL,        false, true,  ANY,   true  }, { END_KEEP,    false, true  } },
    { { T, END_NORMAL,        false, false, ANY,   false }, { END_KEEP,    false, false } },
    { { X, END_ABNORMAL,      false, true,  ANY,   true  }, { END_FORGET,  true,  true  } },
    { { T, END_SHUTDOWN,      false, true,  ALL,   true  }, { END_KEEP,    false, false } },
    { { T, END_SHUTDOWN,      false, true,  ALL,   false }, { END_KEEP,    false, true  } },
    { { X, END_NORMAL,        true,  true,  ALL,   false }, { END_FORGET,  false, true  } },
    { { X, END_NORMAL,        true,  false, ALL,   false }, { END_FORGET,  false, false } },
    { { T, END_NORMAL,        false, true,  NEVER, false }, { END_KEEP,    false, false } },
};
/* clang-format on */

static void decides_what_an_end_means(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct end_answer got = gen__end_answer(&ends[i].event);
        const struct end_answer *want = &ends[i].answer;

        if (got.action != want->action || got.report != want->report ||
            got.shutdown != want->shutdown)
            fail_msg("case %zu: action %d, report %d, shutdown %d", i,
                     (int)got.action, got.report, got.shutdown);
    }
}

static void sorts_reasons(void **state)
{
    static const struct {
        const char *text;
        enum end_kind kind;
    } cases[] = {
        { "normal", END_NORMAL },
        { "shutdown", END_SHUTDOWN },
        { "{shutdown, x}", END_SHUTDOWN_TERM },
        { "{shutdown, {a, b}}", END_SHUTDOWN_TERM },
        { "{shutdown, x, y}", END_ABNORMAL },
        { "killed", END_KILLED },
        { "kill", END_ABNORMAL },
        { "{normal, 1}", END_ABNORMAL },
        { "\"shutdown\"", END_ABNORMAL },
        { "noconnection", END_ABNORMAL },
    };
    struct etf_region *r = etf_region_new(0);
    etf_term t;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(
            etf_parse(r, cases[i].text, strlen(cases[i].text), &t, NULL, NULL),
            AGNER_OK);
        assert_int_equal(gen__end_kind(t), cases[i].kind);
    }
    etf_region_free(r);
}

static void knows_who_goes_with_whom(void **state)
{
    (void)state;
    assert_int_equal(gen__restart_scope(GEN_ONE_FOR_ONE), RESTART_ONE);
    assert_int_equal(gen__restart_scope(GEN_ONE_FOR_ALL), RESTART_ALL);
    assert_int_equal(gen__restart_scope(GEN_REST_FOR_ONE), RESTART_REST);
    assert_int_equal(gen__restart_scope(GEN_SIMPLE_ONE_FOR_ONE), RESTART_ONE);
}

static void expects_ends_that_were_asked_for(void **state)
{
    static const struct {
        enum gen_restart restart;
        uint64_t shutdown_ms;
        enum end_kind kind;
        bool expected;
    } cases[] = {
        { GEN_PERMANENT, 5000, END_SHUTDOWN, true },
        { GEN_PERMANENT, 5000, END_NORMAL, false },
        { GEN_PERMANENT, 5000, END_SHUTDOWN_TERM, false },
        { GEN_PERMANENT, 5000, END_KILLED, false },
        { GEN_PERMANENT, RT_INFINITY, END_ABNORMAL, false },
        { GEN_TRANSIENT, 5000, END_NORMAL, true },
        { GEN_TEMPORARY, 5000, END_SHUTDOWN_TERM, true },
        { GEN_TEMPORARY, 5000, END_KILLED, false },
        { GEN_PERMANENT, GEN_BRUTAL_KILL, END_KILLED, true },
        { GEN_PERMANENT, GEN_BRUTAL_KILL, END_SHUTDOWN, false },
        { GEN_TRANSIENT, GEN_BRUTAL_KILL, END_SHUTDOWN, true },
        { GEN_TRANSIENT, GEN_BRUTAL_KILL, END_NORMAL, true },
        { GEN_TEMPORARY, GEN_BRUTAL_KILL, END_ABNORMAL, false },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (gen__stop_expected(cases[i].restart, cases[i].shutdown_ms,
                               cases[i].kind) != cases[i].expected)
            fail_msg("case %zu", i);
}

static void doubles_the_wait_up_to_its_limit(void **state)
{
    static const struct {
        uint64_t ms, max_ms;
        uint32_t restarts;
        uint64_t wait_ms;
    } cases[] = {
        { 0, 0, 5, 0 },          { 100, 0, 0, 100 },
        { 100, 0, 9, 100 },      { 100, 1000, 0, 100 },
        { 100, 1000, 1, 200 },   { 100, 1000, 3, 800 },
        { 100, 1000, 4, 1000 },  { 100, 1000, UINT32_MAX, 1000 },
        { 1, UINT64_MAX, 3, 8 }, { 1, UINT64_MAX, 64, UINT64_MAX },
        { 500, 100, 3, 500 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++)
        if (gen__backoff_ms(cases[i].ms, cases[i].max_ms, cases[i].restarts) !=
            cases[i].wait_ms)
            fail_msg("case %zu", i);
}

/* ---- The window --------------------------------------------------------- */

static enum restart_verdict count_at(struct restart_window *w,
                                     uint32_t intensity, uint64_t now_ms)
{
    return gen__restart_count(w, intensity, 5000, now_ms);
}

static void allows_no_restart_at_intensity_0(void **state)
{
    struct restart_window w = { .times_ms = NULL };

    (void)state;
    assert_int_equal(count_at(&w, 0, 0), RESTART_TOO_MANY);
}

static void counts_those_of_the_period(void **state)
{
    uint64_t ring[3];
    struct restart_window w = { .times_ms = ring, .capacity = 3 };

    (void)state;
    assert_int_equal(count_at(&w, 2, 1000), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 2, 1000), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 2, 6000), RESTART_TOO_MANY); /* as old */
    assert_int_equal(count_at(&w, 2, 6001), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 2, 6001), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 2, 6002), RESTART_TOO_MANY);
    assert_int_equal(w.count, 2);
}

static void asks_for_room_and_keeps_what_it_counted(void **state)
{
    uint64_t rings[2][8];
    struct restart_window w = { .times_ms = NULL };

    (void)state;
    assert_int_equal(count_at(&w, 5, 0), RESTART_NO_ROOM);
    assert_null(gen__restart_grow(&w, rings[0], 2));
    assert_int_equal(count_at(&w, 5, 0), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 5, 3000), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 5, 5001), RESTART_ALLOWED); /* over 0's */
    assert_int_equal(count_at(&w, 5, 5002), RESTART_NO_ROOM);
    assert_ptr_equal(gen__restart_grow(&w, rings[1], 8), rings[0]);
    assert_int_equal(w.count, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(count_at(&w, 5, 5002), RESTART_ALLOWED);
    assert_int_equal(count_at(&w, 5, 8000), RESTART_TOO_MANY);
    assert_int_equal(count_at(&w, 5, 8001), RESTART_ALLOWED);
}

/* I9, against a plain list, for random times. */
static void never_allows_more_than_intensity_in_a_period(void **state)
{
    enum { STEPS = 400, INTENSITY = 4, PERIOD = 100 };
    uint64_t ring[INTENSITY], allowed[STEPS], now = 0, x = 7;
    size_t count = 0;

    (void)state;
    for (int run = 0; run < 200; run++) {
        struct restart_window w = { .times_ms = ring, .capacity = INTENSITY };

        for (int i = 0; i < STEPS; i++) {
            size_t recent = 0;
            enum restart_verdict got;

            x = x * 6364136223846793005u + 1442695040888963407u;
            now += (x >> 33) % 60;
            for (size_t k = 0; k < count; k++)
                recent += now - allowed[k] <= PERIOD;
            got = gen__restart_count(&w, INTENSITY, PERIOD, now);
            assert_int_equal(got, recent < INTENSITY ? RESTART_ALLOWED
                                                     : RESTART_TOO_MANY);
            if (got == RESTART_ALLOWED)
                allowed[count++] = now;
        }
        count = 0;
        now += 1000;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_what_an_end_means),
        cmocka_unit_test(sorts_reasons),
        cmocka_unit_test(knows_who_goes_with_whom),
        cmocka_unit_test(expects_ends_that_were_asked_for),
        cmocka_unit_test(doubles_the_wait_up_to_its_limit),
        cmocka_unit_test(allows_no_restart_at_intensity_0),
        cmocka_unit_test(counts_those_of_the_period),
        cmocka_unit_test(asks_for_room_and_keeps_what_it_counted),
        cmocka_unit_test(never_allows_more_than_intensity_in_a_period),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
