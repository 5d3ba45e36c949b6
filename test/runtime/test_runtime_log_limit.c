/*
 * test_runtime_log_limit.c -- what a log handler takes and drops: a table of
 * happenings, each with its outcome.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "log_limit.h"

#define NEVER UINT64_MAX

enum what { TAKE, DROP, TELL, WAIT, END };

/* At `now`, with `queued` waiting. TAKE: an event is taken, `number` were
 * dropped before. DROP: it is dropped. TELL: nothing waits, and `number` are to
 * be told. WAIT: nothing is to be told before `number`. */
struct step {
    enum what what;
    uint64_t now, queued, number;
};

struct limits {
    uint64_t queue_max, burst_max, burst_ns;
};

static void walk(struct limits limits, const struct step *step)
{
    struct log_limit l = { .queue_max = limits.queue_max,
                           .burst_max = limits.burst_max,
                           .burst_ns = limits.burst_ns };

    for (unsigned i = 0; step->what != END; step++, i++) {
        uint64_t dropped = 0, deadline = 0, told;

        switch (step->what) {
        case TAKE:
        case DROP:
            if (rt__log_limit_take(&l, step->now, step->queued, &dropped) !=
                (step->what == TAKE))
                fail_msg("step %u: taken or not", i);
            if (step->what == TAKE && dropped != step->number)
                fail_msg("step %u: dropped %d", i, (int)dropped);
            break;
        case TELL:
        case WAIT:
            told = rt__log_limit_told(&l, step->now, &deadline);
            if (told != (step->what == TELL ? step->number : 0))
                fail_msg("step %u: told %d", i, (int)told);
            if (deadline != (step->what == TELL ? NEVER : step->number))
                fail_msg("step %u: deadline %d", i, (int)deadline);
            break;
        case END:
            break;
        }
    }
}

static void a_full_queue_is_left_alone_until_half_of_it_is_written(void **state)
{
    static const struct step steps[] = {
        { TAKE, 0, 0, 0 }, { TAKE, 0, 3, 0 }, { DROP, 0, 4, 0 },
        { DROP, 0, 3, 0 }, { DROP, 0, 3, 0 }, { TAKE, 0, 2, 3 },
        { TAKE, 0, 3, 0 }, { DROP, 0, 4, 0 }, { TELL, 0, 0, 1 },
        { TELL, 0, 0, 0 }, { TAKE, 0, 3, 0 }, { END, 0, 0, 0 },
    };

    (void)state;
    walk((struct limits){ 4, NEVER, 0 }, steps);
}

static void a_burst_is_over_when_its_window_is(void **state)
{
    static const struct step steps[] = {
        { TAKE, 100, 0, 0 },  { TAKE, 150, 0, 0 },     { DROP, 160, 0, 0 },
        { DROP, 199, 0, 0 },  { WAIT, 199, 0, 200 }, /* the window ends then */
        { TAKE, 200, 0, 2 },  { TAKE, 201, 0, 0 },     { DROP, 299, 0, 0 },
        { TELL, 300, 0, 1 },  { WAIT, 300, 0, NEVER }, { TAKE, 1000, 0, 0 },
        { TAKE, 1099, 0, 0 }, { DROP, 1099, 0, 0 },    { TAKE, 1100, 0, 1 },
        { END, 0, 0, 0 },
    };

    (void)state;
    walk((struct limits){ 10, 2, 100 }, steps);
}

static void a_queue_of_one_takes_one_at_a_time(void **state)
{
    static const struct step steps[] = {
        { TAKE, 0, 0, 0 },
        { DROP, 0, 1, 0 },
        { TAKE, 0, 0, 1 },
        { END, 0, 0, 0 },
    };

    (void)state;
    walk((struct limits){ 1, NEVER, 0 }, steps);
}

/* Nothing is lost: what is taken and what is told make up all that came. */
static void what_is_dropped_is_told_once(void **state)
{
    struct log_limit l = { .queue_max = 7, .burst_max = 5, .burst_ns = 40 };
    uint64_t came = 0, taken = 0, told = 0, random = 1;

    (void)state;
    for (uint64_t now = 0; now < 20000; now++) {
        uint64_t dropped = 0, deadline;

        random = random * UINT64_C(6364136223846793005) + 1;
        if (random >> 62 != 0) {
            came++;
            if (rt__log_limit_take(&l, now, random >> 40 & 7, &dropped))
                taken++;
            told += dropped;
        } else {
            told += rt__log_limit_told(&l, now, &deadline);
        }
    }
    assert_true(taken > 0 && told > 0);
    assert_int_equal(came, taken + told + l.dropped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_full_queue_is_left_alone_until_half_of_it_is_written),
        cmocka_unit_test(a_burst_is_over_when_its_window_is),
        cmocka_unit_test(a_queue_of_one_takes_one_at_a_time),
        cmocka_unit_test(what_is_dropped_is_told_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
