/*
 * sim_case.h -- cases, their options by name, and runs of them.
 *
 * Private to test/sim/.
 */
#ifndef SIM_CASE_H
#define SIM_CASE_H

#include <agner/sim_test.h>

/* ---- case.c -------------------------------------------------------------- */

enum agner_err sim__case_copy(const struct sim_case *from, struct sim_case *c);

/* ---- case_options.c -------------------------------------------------------
 */

/* The options that a case can set, by number, and by name (-1: there is none).
 */
size_t sim__option_count(void);
const char *sim__option_name(size_t index);
int sim__option_find(const char *name, size_t size);
uint64_t sim__option_get(const struct sim_options *options, size_t index);
void sim__option_set(struct sim_options *options, size_t index, uint64_t value);

/* ---- run.c --------------------------------------------------------------- */

struct sim_run {
    const struct sim_test *test;
    const struct sim_case *c;
    struct sim *sim;
    void *state; /* owned */
    struct sim_result *result;
};

struct tape_place;

/* Like sim_test_here(), and keeps the tape, unless `place` is NULL. `tell`: the
 * last events of a failure go to standard output. */
void sim__run(const struct sim_test *test, const struct sim_case *c,
              struct sim_result *result, const struct tape_place *place,
              bool tell);

/* ---- apart.c ------------------------------------------------------------- */

/* sim_test_apart(); without `leaks` a run that only leaks does not fail. */
enum agner_err sim__apart(const struct sim_test *test, const struct sim_case *c,
                          bool quiet, bool leaks, struct sim_result *result,
                          uint64_t **tape, size_t *tape_count);

/* A range of seeds, run one after the other in a process of its own. */
struct sim_batch {
    uint64_t first, count;  /* in */
    uint64_t done;          /* how many are behind; out, as all that follows */
    uint64_t steps, now_ns; /* of those together */
    struct sim_result result; /* of the one that failed, if one did */
};

enum agner_err sim__batch_apart(const struct sim_test *test,
                                struct sim_batch *batch);

#endif
