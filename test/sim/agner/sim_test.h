/*
 * sim_test.h -- a test in the simulated world: many seeds, a failure made small
 * and kept.
 *
 *     static void setup(struct sim_run *run) { ... nodes, actors ... }
 *     static void check(struct sim_run *run)
 *     {
 *         const struct bank *bank = sim_run_state(run);
 *
 *         if (bank->total != TOTAL)
 *             sim_fail(run, "money", "%lld", (long long)bank->total);
 *     }
 *
 *     static const struct sim_test bank_test = {
 *         .name = "bank",
 *         .state_size = sizeof(struct bank),
 *         .setup = setup,
 *         .check = check,
 *     };
 *     SIM_MAIN(bank_test)
 *
 * A run is a function of the case: seed, options, program, tape. It has two
 * phases, as a system that does nothing is safe: one with faults, and one
 * without, in which all that was broken is whole again. docs/simulation.md
 * shows a test from its first line to a failure that is replayed.
 */
#ifndef AGNER_SIM_TEST_H
#define AGNER_SIM_TEST_H

#include <agner/sim.h>
#include <agner/sim_shrink.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SIM_ITEM_NUMBERS 8u
#define SIM_ITEMS_MAX    100000u /* of one program */
#define SIM_NAME_MAX     64u     /* bytes of a test's, an item's, a failure's */

/*
 * A program is a list of items: what the test does, drawn from the seed. An
 * item belongs to the nearest one before it whose level is lower, and is left
 * out with it. A program must still mean something without any of its items,
 * and with any of its numbers nearer to 0: so an item that others speak of has
 * a number of its own, and who speaks of one that is not there does nothing.
 */
struct sim_item {
    char word[SIM_NAME_MAX]; /* without blanks */
    unsigned level;
    unsigned count; /* of numbers */
    int64_t numbers[SIM_ITEM_NUMBERS];
};

/* All that a run is a function of, besides the test itself. */
struct sim_case {
    char test[SIM_NAME_MAX];
    char fails[SIM_NAME_MAX]; /* the failure's name; "": none is known */
    uint64_t seed;
    struct sim_options options; /* its tape is the one below */
    struct sim_item *items;     /* owned, as the tape is */
    size_t item_count;
    uint64_t *tape; /* NULL: from the seed */
    size_t tape_count;
    uint64_t stream; /* of sim_case_draw() */
};

struct sim_run;

/* The functions are called outside of a step, so they may drive (sim_run()),
 * and by one thread. Those that may be NULL say so. */
struct sim_test {
    const char *name;
    size_t state_size;  /* bytes of a run's own, zeroed: sim_run_state() */
    uint64_t faults_ms; /* of virtual time; 0: 60,000 */
    uint64_t calm_ms;   /* 0: 60,000 */
    uint64_t steps_max; /* then it failed as "steps"; 0: 10 million */

    /* Options of a seed. NULL: sim_profile(). */
    void (*options)(uint64_t seed, struct sim_options *options);
    /* Adds a seed's items with sim_item_add(), and answers what that did. NULL:
     * there are none. */
    enum agner_err (*program)(struct sim_case *c);

    /* Starts what is tested. */
    void (*setup)(struct sim_run *run);
    /* After each step; NULL: nothing is looked at. Only looks. */
    void (*step)(struct sim_run *run);
    /* Between the phases: faults are off, partitions healed. May be NULL. */
    void (*calm)(struct sim_run *run);
    /* Has all been done that there is to do? Asked in the calm phase, which
     * ends then; if it never is, the run failed as "liveness". NULL: the phase
     * has its full length. */
    bool (*done)(struct sim_run *run);
    /* After both phases, while everything still runs. May be NULL. */
    void (*check)(struct sim_run *run);
    /* Ends what setup started. May still fail. Not called after a failure. */
    void (*teardown)(struct sim_run *run);
};

AGNER_API struct sim *sim_run_sim(const struct sim_run *run);
AGNER_API void *sim_run_state(const struct sim_run *run);
AGNER_API uint64_t sim_run_seed(const struct sim_run *run);
AGNER_API const struct sim_item *sim_run_items(const struct sim_run *run,
                                               size_t *count);

/* The run has failed, and ends after this step. The first failure counts.
 * `name` says which rule was broken, in a word (blanks become dashes): a
 * smaller case has to fail with the same one. In a step too. */
AGNER_API void sim_fail(struct sim_run *run, const char *name,
                        const char *format, ...)
    __attribute__((format(printf, 3, 4)));
AGNER_API bool sim_failed(const struct sim_run *run);

/* ---- Cases ------------------------------------------------------------------
 */

/* The options and the program of `seed`. AGNER_ENOMEM. */
AGNER_API enum agner_err sim_case_of(const struct sim_test *test, uint64_t seed,
                                     struct sim_case *c);
/* A number below `bound` from the seed, for programs. */
AGNER_API uint64_t sim_case_draw(struct sim_case *c, uint64_t bound);
/* Adds an item; AGNER_ENOMEM, AGNER_EINVAL (no word), AGNER_ELIMIT
 * (SIM_ITEMS_MAX, or too many numbers). */
AGNER_API enum agner_err sim_item_add(struct sim_case *c, unsigned level,
                                      const char *word, unsigned count,
                                      const int64_t *numbers);
AGNER_API void sim_case_fini(struct sim_case *c);

/* A case as text, one thing a line, and back: what is written reads as the same
 * case. `text` need not be terminated. AGNER_ENOMEM, AGNER_EINVAL (says the
 * line), AGNER_ELIMIT. */
AGNER_API enum agner_err sim_case_parse(const char *text, size_t size,
                                        struct sim_case *c,
                                        struct agner_error *error);
AGNER_API enum agner_err sim_case_print(const struct sim_case *c,
                                        struct etf_buffer *b);
/* In a file. Besides: AGNER_ENONAME, AGNER_ESYSTEM. */
AGNER_API enum agner_err sim_case_read(const char *path, struct sim_case *c,
                                       struct agner_error *error);
AGNER_API enum agner_err sim_case_write(const char *path,
                                        const struct sim_case *c,
                                        struct agner_error *error);

/* ---- Running ------------------------------------------------------------ */

struct sim_result {
    bool failed;
    char name[SIM_NAME_MAX]; /* "steps", "liveness", what sim_fail() was told;
                                of one that ended itself: "signal-11", "exit-1",
                                "hang", "leak" */
    char text[512];
    uint64_t steps, now_ns, hash;
};

/* Runs the case here. What a failed run had started stays in memory. */
AGNER_API void sim_test_here(const struct sim_test *test,
                             const struct sim_case *c,
                             struct sim_result *result);
/*
 * In a process of its own, which may end as it likes.
 *
 *   quiet  what it says is not shown
 *   tape   may be NULL; receives what was drawn (the caller frees *tape), or
 *          NULL if it was more than can be kept
 *
 * AGNER_ENOMEM, AGNER_ESYSTEM: there is no such process.
 */
AGNER_API enum agner_err sim_test_apart(const struct sim_test *test,
                                        const struct sim_case *c, bool quiet,
                                        struct sim_result *result,
                                        uint64_t **tape, size_t *tape_count);

/* Makes a case that fails smaller; it fails with c->fails still. How many runs
 * that took. */
AGNER_API uint64_t sim_case_shrink(const struct sim_test *test,
                                   struct sim_case *c,
                                   struct sim_budget *budget);

/* The command line of a test: docs/simulation.md. 0: nothing failed, 1:
 * something did, 2: it was called wrongly. */
AGNER_API int sim_main(const struct sim_test *test, int argc, char **argv);

/* For a program. */
#define SIM_MAIN(test) \
    int main(int argc, char **argv) \
    { \
        return sim_main(&(test), argc, argv); \
    }

/* For a shared object that `agner sim` loads. */
#define SIM_TEST(test) \
    AGNER_API int sim_test_main(int argc, char **argv); \
    int sim_test_main(int argc, char **argv) \
    { \
        return sim_main(&(test), argc, argv); \
    }

#ifdef __cplusplus
}
#endif

#endif
