/*
 * test_runtime_random.c -- random programs of actors, on one node or two, and
 * an oracle: reliability 2.4, invariants I1 to I8, I13 to I15; and of what is
 * inherited and of events (heirs.c).
 *
 * Each run is a function of its seed, which also draws what there is in it.
 * AGNER_SEED=n replays one, and prints its last events if it fails;
 * AGNER_SEEDS=n tries so many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "actors.h"

#define SEEDS    800u
#define QUIET_MS 2000u /* of virtual time: longer than any time-out */

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    fprintf(stderr, "    %s\n", text);
}

static struct play *new_play(uint64_t seed)
{
    struct sim_options options = { .steps_max = 2000000 };
    struct play *play = calloc(1, sizeof *play);

    assert_non_null(play);
    play->seed = seed;
    play->random = seed * 0x9e3779b97f4a7c15u | 1;
    (void)draw(play, 2);
    options.pick = (enum sim_pick)(seed % 5);
    options.change_points = 1 + (unsigned)draw(play, 5);
    options.steps_expected = 5000;
    play->sim = sim_new(seed, &options);
    assert_non_null(play->sim);
    play->profile = (unsigned)draw(play, PROFILE_ALL + 1);
    if (draw(play, 4) == 0)
        play->profile = PROFILE_ALL;
    return play;
}

static void populate(struct play *play, struct gen *selves[2])
{
    unsigned count = 5 + (unsigned)draw(play, 20), i;

    for (i = 0; i < count; i++) {
        unsigned side = (play->profile & PROFILE_FAR) != 0 ? i % 2 : 0;

        (void)actor_make(play, &play->twin.sides[side], selves[side], NULL);
    }
}

/* I14: with nothing else than messages between processes of one node, each is
 * received or counted as dropped. */
static void check_counts(struct play *play)
{
    struct rt_stats stats;
    uint64_t dropped = 0;
    unsigned i;

    if ((play->profile & (PROFILE_CALLS | PROFILE_TIMERS | PROFILE_FAR)) != 0)
        return;
    rt_stats(play->twin.sides[0].rt, &stats);
    for (i = 0; i < 8; i++)
        dropped += stats.dropped[i];
    if (play->attempts > play->received + dropped)
        wrong(play, "%llu messages, %llu received, %llu dropped",
              (unsigned long long)play->attempts,
              (unsigned long long)play->received, (unsigned long long)dropped);
}

/* I15: when all are gone, the processes are the test's own two. */
static void check_end(struct play *play, struct gen *selves[2])
{
    struct rt_stats stats;
    unsigned i;

    for (i = 0; i < play->actor_count; i++)
        if (lives(&play->actors[i]))
            (void)rt_exit_signal(selves[play->actors[i].side->index],
                                 play->actors[i].pid, ETF_A(kill));
    (void)sim_run(play->sim, 100);
    for (i = 0; i < 2; i++) {
        rt_stats(play->twin.sides[i].rt, &stats);
        if (stats.processes != 1)
            wrong(play, "%u processes are left", (unsigned)stats.processes - 1);
    }
    check_counts(play);
}

/* Returns the hash of the run's trace. */
static uint64_t run(uint64_t seed, bool loud)
{
    struct play *play = new_play(seed);
    struct gen *selves[2];
    char text[sizeof play->wrong];
    uint64_t hash;
    unsigned i;

    twin_open(&play->twin, play->sim,
              (play->profile & PROFILE_FAR) != 0 && draw(play, 2) == 0 ? 20000
                                                                       : 0);
    for (i = 0; i < 2; i++)
        selves[i] = rt_attach(play->twin.sides[i].rt);
    populate(play, selves);
    if (!sim_run(play->sim, QUIET_MS))
        wrong(play, "it never became quiet");
    play->twin.loss_ppm = 0;
    (void)sim_run(play->sim, 200); /* and connected */
    if (play->wrong[0] == '\0')
        check_quiet(play, selves);
    check_end(play, selves);
    if (loud)
        fprintf(stderr,
                "seed %llu: profile %x, %u actors, %llu of %llu messages, "
                "%llu exits, %llu downs, %llu calls, %llu timers, %llu events, "
                "%llu losses, %llu steps\n",
                (unsigned long long)seed, play->profile, play->actor_count,
                (unsigned long long)play->received,
                (unsigned long long)play->attempts,
                (unsigned long long)play->seen_exits,
                (unsigned long long)play->seen_downs,
                (unsigned long long)play->seen_calls,
                (unsigned long long)play->seen_timers,
                (unsigned long long)play->seen_events,
                (unsigned long long)play->twin.losses,
                (unsigned long long)sim_steps(play->sim));
    if (loud && play->wrong[0] != '\0')
        sim_trace_tail(play->sim, print_line, NULL);
    for (i = 0; i < 2; i++)
        rt_detach(selves[i]);
    twin_close(&play->twin);
    hash = sim_trace_hash(play->sim);
    sim_free(play->sim);
    memcpy(text, play->wrong, sizeof text);
    free(play);
    if (text[0] != '\0')
        fail_msg("seed %llu: %s", (unsigned long long)seed, text);
    return hash;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe) */

    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void random_programs_keep_every_promise(void **state)
{
    uint64_t one = from_environment("AGNER_SEED", 0);
    uint64_t first = from_environment("AGNER_SEED_FROM", 1), seed;
    uint64_t count = from_environment("AGNER_SEEDS", SEEDS);

    (void)state;
    if (one != 0) {
        (void)run(one, true);
        return;
    }
    for (seed = first; seed < first + count; seed++)
        (void)run(seed, false);
}

static void a_seed_is_a_run(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 1001; seed <= 1020; seed++)
        assert_int_equal(run(seed, false), run(seed, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_programs_keep_every_promise),
        cmocka_unit_test(a_seed_is_a_run),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
