/*
 * run.c -- one run of a test: with faults, then without.
 */
#include "sim_case.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_world.h"

#define PHASE_MS  60000u
#define STEPS_MAX 10000000u

struct sim *sim_run_sim(const struct sim_run *run)
{
    return run->sim;
}

void *sim_run_state(const struct sim_run *run)
{
    return run->state;
}

uint64_t sim_run_seed(const struct sim_run *run)
{
    return run->c->seed;
}

const struct sim_item *sim_run_items(const struct sim_run *run, size_t *count)
{
    *count = run->c->item_count;
    return run->c->items;
}

bool sim_failed(const struct sim_run *run)
{
    return run->result->failed;
}

void sim_fail(struct sim_run *run, const char *name, const char *format, ...)
{
    struct sim_result *result = run->result;
    va_list args;

    if (result->failed)
        return;
    result->failed = true;
    (void)snprintf(result->name, sizeof result->name, "%s", name);
    for (char *c = result->name; *c != '\0'; c++)
        if (*c == ' ' || *c == '#')
            *c = '-';
    va_start(args, format);
    (void)vsnprintf(result->text, sizeof result->text, format, args);
    va_end(args);
    sim_trace(run->sim, name);
}

/* ---- Phases ---------------------------------------------------------------
 */

static bool has_failed(void *ctx)
{
    struct sim_run *run = ctx;

    if (run->test->step != NULL && !sim_failed(run))
        run->test->step(run);
    return sim_failed(run);
}

static bool is_over(void *ctx)
{
    struct sim_run *run = ctx;

    return has_failed(run) || (run->test->done != NULL && run->test->done(run));
}

/* Without its end in time it may be that no step is left: steps_max. */
static void check_steps(struct sim_run *run, uint64_t steps_max)
{
    if (sim_steps(run->sim) >= steps_max)
        sim_fail(run, "steps", "%llu steps, and no end",
                 (unsigned long long)steps_max);
}

static void calm_phase(struct sim_run *run, uint64_t steps_max)
{
    uint64_t ms = run->test->calm_ms == 0 ? PHASE_MS : run->test->calm_ms;
    bool over;

    sim_faults(run->sim, false);
    sim_heal_all(run->sim);
    if (run->test->calm != NULL)
        run->test->calm(run);
    over = sim_run_until(run->sim, is_over, run, ms);
    check_steps(run, steps_max);
    if (!over && run->test->done != NULL)
        sim_fail(run, "liveness", "not done %llu ms after the last fault",
                 (unsigned long long)ms);
}

static void play(struct sim_run *run, uint64_t steps_max)
{
    uint64_t ms = run->test->faults_ms == 0 ? PHASE_MS : run->test->faults_ms;

    run->test->setup(run);
    if (!sim_failed(run)) {
        (void)sim_run_until(run->sim, has_failed, run, ms);
        check_steps(run, steps_max);
    }
    if (!sim_failed(run))
        calm_phase(run, steps_max);
    if (!sim_failed(run) && run->test->check != NULL)
        run->test->check(run);
    if (!sim_failed(run) && run->test->teardown != NULL)
        run->test->teardown(run);
}

/* ---- A run ----------------------------------------------------------------
 */

static void print_line(void *ctx, const char *text)
{
    (void)ctx;
    printf("  %s\n", text);
}

void sim__run(const struct sim_test *test, const struct sim_case *c,
              struct sim_result *result, const struct tape_place *place,
              bool tell)
{
    struct sim_options options = c->options;
    struct sim_run run = { .test = test, .c = c, .result = result };

    memset(result, 0, sizeof *result);
    if (options.steps_max == 0)
        options.steps_max = test->steps_max == 0 ? STEPS_MAX : test->steps_max;
    options.tape = c->tape;
    options.tape_count = c->tape_count;
    options.record = place != NULL;
    run.sim = sim__new(c->seed, &options, place);
    run.state = calloc(1, test->state_size + 1);
    if (run.sim == NULL || run.state == NULL) {
        result->failed = true;
        (void)snprintf(result->name, sizeof result->name, "memory");
        if (run.sim != NULL)
            sim_free(run.sim);
        free(run.state);
        return;
    }
    play(&run, options.steps_max);
    result->steps = sim_steps(run.sim);
    result->now_ns = sim_now_ns(run.sim);
    result->hash = sim_trace_hash(run.sim);
    if (result->failed && tell)
        sim_trace_tail(run.sim, print_line, NULL);
    if (result->failed)
        return; /* what still runs refers to them */
    sim_free(run.sim);
    free(run.state);
}

void sim_test_here(const struct sim_test *test, const struct sim_case *c,
                   struct sim_result *result)
{
    sim__run(test, c, result, NULL, true);
}
