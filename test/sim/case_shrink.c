/*
 * case_shrink.c -- a case that fails, made smaller: its program, its options,
 * its numbers, its tape.
 *
 * First without a tape: what is left out shifts everything that is drawn after
 * it, so each try is a new run, and gets more than one seed to fail with. Then
 * the tape of what is left is kept, and made smaller too.
 */
#include "sim_case.h"

#include <stdlib.h>
#include <string.h>

#include "sim_world.h"

#define SEEDS 4u /* for each try without a tape */

struct job {
    const struct sim_test *test;
    struct sim_case *c; /* the smallest that failed; the caller's */
    struct sim_budget *budget;
    uint64_t runs;
};

/* Leaks are looked for only if the failure is one. */
static bool fails(struct job *job, const struct sim_case *c)
{
    bool leaks = strcmp(c->fails, "leak") == 0;
    struct sim_result result;

    job->runs++;
    return sim__apart(job->test, c, true, leaks, &result, NULL, NULL) ==
               AGNER_OK &&
           result.failed && strcmp(result.name, c->fails) == 0;
}

/* The seed that it failed with is the one to go on with. */
static bool fails_somehow(struct job *job, struct sim_case *c)
{
    unsigned i;

    for (i = 0; i < (c->tape == NULL ? SEEDS : 1); i++) {
        if (i > 0 && !sim_budget_take(job->budget))
            return false;
        c->seed = i == 0 ? job->c->seed : sim__mix(job->c->seed + i);
        if (!fails(job, c))
            continue;
        job->c->seed = c->seed;
        return true;
    }
    return false;
}

/* ---- Items --------------------------------------------------------------- */

static size_t put_kept(const struct sim_case *from, const bool *keep,
                       struct sim_item *items)
{
    size_t count = 0;

    for (size_t i = 0; i < from->item_count; i++)
        if (keep[i])
            items[count++] = from->items[i];
    return count;
}

static bool fails_with_items(void *ctx, const bool *keep)
{
    struct job *job = ctx;
    struct sim_case c = *job->c;
    bool failed;

    c.items = calloc(job->c->item_count + 1, sizeof *c.items);
    if (c.items == NULL)
        return false;
    c.item_count = put_kept(job->c, keep, c.items);
    failed = fails_somehow(job, &c);
    free(c.items);
    return failed;
}

static bool shrink_items(struct job *job)
{
    size_t count = job->c->item_count;
    unsigned *level = calloc(count + 1, sizeof *level);
    bool *keep = calloc(count + 1, sizeof *keep);
    bool smaller = false;

    if (level != NULL && keep != NULL) {
        for (size_t i = 0; i < count; i++) {
            level[i] = job->c->items[i].level;
            keep[i] = true;
        }
        smaller = sim_shrink_items(job->budget, count, level, keep,
                                   fails_with_items, job);
        job->c->item_count = put_kept(job->c, keep, job->c->items);
    }
    free(level);
    free(keep);
    return smaller;
}

/* ---- Options, numbers of items ------------------------------------------- */

static void put_options(struct sim_case *c, const uint64_t *values)
{
    for (size_t i = 0; i < sim__option_count(); i++)
        sim__option_set(&c->options, i, values[i]);
}

static bool fails_with_options(void *ctx, const uint64_t *values)
{
    struct job *job = ctx;
    struct sim_case c = *job->c;

    put_options(&c, values);
    return fails_somehow(job, &c);
}

static bool shrink_options(struct job *job)
{
    size_t count = sim__option_count();
    uint64_t *values = calloc(count, sizeof *values);
    bool smaller;

    if (values == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        values[i] = sim__option_get(&job->c->options, i);
    smaller =
        sim_shrink_numbers(job->budget, count, values, fails_with_options, job);
    put_options(job->c, values);
    free(values);
    return smaller;
}

static uint64_t magnitude(int64_t number)
{
    return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

/* Each keeps its sign. */
static void put_numbers(const struct sim_case *from, const uint64_t *values,
                        struct sim_item *items)
{
    for (size_t i = 0; i < from->item_count; i++) {
        items[i] = from->items[i];
        for (unsigned j = 0; j < items[i].count; j++) {
            uint64_t value = values[i * SIM_ITEM_NUMBERS + j];

            items[i].numbers[j] =
                (int64_t)(from->items[i].numbers[j] < 0 ? 0 - value : value);
        }
    }
}

static bool fails_with_numbers(void *ctx, const uint64_t *values)
{
    struct job *job = ctx;
    struct sim_case c = *job->c;
    bool failed;

    c.items = calloc(c.item_count + 1, sizeof *c.items);
    if (c.items == NULL)
        return false;
    put_numbers(job->c, values, c.items);
    failed = fails_somehow(job, &c);
    free(c.items);
    return failed;
}

static bool shrink_numbers(struct job *job)
{
    size_t count = job->c->item_count * SIM_ITEM_NUMBERS;
    uint64_t *values = calloc(count + 1, sizeof *values);
    bool smaller;

    if (values == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        values[i] = magnitude(
            job->c->items[i / SIM_ITEM_NUMBERS].numbers[i % SIM_ITEM_NUMBERS]);
    smaller =
        sim_shrink_numbers(job->budget, count, values, fails_with_numbers, job);
    put_numbers(job->c, values, job->c->items);
    free(values);
    return smaller;
}

/* ---- The tape -------------------------------------------------------------
 */

static bool fails_with_tape(void *ctx, const uint64_t *values, size_t count)
{
    struct job *job = ctx;
    struct sim_case c = *job->c;
    bool failed;

    c.tape = malloc((count + 1) * sizeof *c.tape);
    if (c.tape == NULL)
        return false;
    memcpy(c.tape, values, count * sizeof *c.tape);
    c.tape_count = count;
    failed = fails(job, &c);
    free(c.tape);
    return failed;
}

/* False if it is too long to be kept, or does not fail with it. */
static bool keep_tape(struct job *job)
{
    struct sim_result result;
    uint64_t *tape = NULL;
    size_t count = 0;

    job->runs++;
    if (sim_test_apart(job->test, job->c, true, &result, &tape, &count) !=
            AGNER_OK ||
        tape == NULL)
        return false;
    if (!fails_with_tape(job, tape, count)) {
        free(tape);
        return false;
    }
    job->c->tape = tape;
    job->c->tape_count = count;
    return true;
}

/* ---- All together ---------------------------------------------------------
 */

uint64_t sim_case_shrink(const struct sim_test *test, struct sim_case *c,
                         struct sim_budget *budget)
{
    struct job job = { test, c, budget, 0 };
    bool smaller = true;

    if (c->tape == NULL) {
        bool items = shrink_items(&job);

        if (shrink_options(&job) || items)
            (void)shrink_items(&job);
        (void)keep_tape(&job);
    }
    while (smaller) {
        smaller = shrink_items(&job);
        smaller |= shrink_numbers(&job);
        smaller |= shrink_options(&job);
        if (c->tape != NULL)
            smaller |= sim_shrink_tape(budget, &c->tape_count, c->tape,
                                       fails_with_tape, &job);
    }
    return job.runs;
}
