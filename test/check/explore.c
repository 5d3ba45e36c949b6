/*
 * explore.c -- who goes on: the choices of explore.h, all of them in turn.
 *
 * A run is a function of its choices. They stand in a list; the next run takes
 * the last one that has another alternative, and forgets what came after it.
 */
#include "explore_internal.h"

#include <context.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define CHOICES_MAX 4096u
#define STEPS_MAX   2000u
#define STACK_SIZE  65536u

struct choice {
    uint16_t taken, count;
};

static struct {
    const struct explore_test *test;
    struct explore_limits limits;
    struct choice choices[CHOICES_MAX];
    size_t used, depth;
    bool random, running, failed;
    uint64_t seed, steps;
    unsigned preemptions;
    unsigned current;
    void *main_context;
    char why[160];
} run;

static unsigned char stacks[EXPLORE_THREADS][STACK_SIZE]
    __attribute__((aligned(16)));

struct explore_threads explore__all;

bool explore__is_thread(void)
{
    return run.running;
}

unsigned explore__me(void)
{
    return run.current;
}

bool explore__weak(unsigned what)
{
    return (run.limits.weaken & what) != 0;
}

static uint64_t draw(void)
{
    run.seed = run.seed * 6364136223846793005u + 1442695040888963407u;
    return run.seed >> 33;
}

unsigned explore__choose(unsigned count)
{
    struct choice *c;

    if (count < 2)
        return 0;
    if (run.random)
        return (unsigned)(draw() % count);
    if (run.depth == CHOICES_MAX)
        return 0;
    c = &run.choices[run.depth];
    if (run.depth == run.used) {
        c->taken = 0;
        c->count = (uint16_t)count;
        run.used++;
    }
    run.depth++;
    return c->taken;
}

/* The next run's choices; false: there is none. */
static bool advance(void)
{
    while (run.used > 0) {
        struct choice *c = &run.choices[run.used - 1];

        if (++c->taken < c->count)
            return true;
        run.used--;
    }
    return false;
}

void explore_fail(const char *format, ...)
{
    va_list list;

    if (run.failed)
        return;
    va_start(list, format);
    (void)vsnprintf(run.why, sizeof run.why, format, list);
    va_end(list);
    run.failed = true;
    if (run.running)
        rt__context_switch(&explore__all.threads[run.current].context,
                           run.main_context);
}

/* ---- Who goes on ----------------------------------------------------------
 */

static bool can_go_on(unsigned i)
{
    struct explore_thread *t = &explore__all.threads[i];

    if (t->over)
        return false;
    if (t->word != NULL)
        return explore__newest(t->word, t->word_size) != t->word_value;
    /* Who spins goes on when something was stored, or once more to see all that
     * has been. */
    return !t->spins || explore__all.stores != t->saw_at;
}

/* Picks who goes on; `stays`: the present one could. */
static bool pick(bool stays, unsigned *next)
{
    unsigned able[EXPLORE_THREADS], count = 0;

    if (stays)
        able[count++] = run.current;
    if (!stays || run.preemptions < run.limits.preemptions || run.random)
        for (unsigned i = 0; i < run.test->threads; i++)
            if ((!stays || i != run.current) && can_go_on(i))
                able[count++] = i;
    if (count == 0)
        return false;
    *next = able[explore__choose(count)];
    if (stays && *next != run.current)
        run.preemptions++;
    return true;
}

static void awake(struct explore_thread *t)
{
    t->word = NULL;
    if (!t->spins)
        return;
    t->spins = false;
    t->saw_at = explore__all.stores;
    explore__see_all(t);
}

static void go_on(bool stays)
{
    unsigned before = run.current, next;

    if (++run.steps > STEPS_MAX) {
        explore_fail("%u steps without an end", STEPS_MAX);
        return;
    }
    if (!pick(stays, &next)) {
        explore_fail("nobody can go on");
        return;
    }
    run.current = next;
    awake(&explore__all.threads[next]);
    if (next != before)
        rt__context_switch(&explore__all.threads[before].context,
                           explore__all.threads[next].context);
}

void explore__point(void)
{
    if (!run.running)
        return;
    go_on(true);
}

void explore__relax(void)
{
    struct explore_thread *t = &explore__all.threads[run.current];

    if (!run.running)
        return;
    t->spins = true;
    go_on(false);
}

void explore_wait(const volatile void *word, size_t size, uint64_t value)
{
    struct explore_thread *t = &explore__all.threads[run.current];

    if (!run.running)
        return;
    t->word = word;
    t->word_size = size;
    t->word_value = value;
    go_on(can_go_on(run.current));
}

/* ---- A run ------------------------------------------------------------------
 */

static void thread_main(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    bool more = false;

    run.test->thread(me);
    explore__all.threads[me].over = true;
    for (unsigned i = 0; i < run.test->threads; i++)
        more = more || !explore__all.threads[i].over;
    if (more)
        go_on(false);
    rt__context_switch(&explore__all.threads[me].context, run.main_context);
}

static void run_once(void)
{
    run.depth = 0;
    run.steps = 0;
    run.preemptions = 0;
    run.failed = false;
    explore__memory_reset(run.test->threads);
    run.test->begin();
    for (unsigned i = 0; i < run.test->threads; i++)
        explore__all.threads[i].context = rt__context_make(
            stacks[i] + STACK_SIZE, thread_main, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < run.test->threads; i++)
        explore__all.threads[i].saw_at = UINT64_MAX;
    run.current = explore__choose(run.test->threads);
    run.running = true;
    rt__context_switch(&run.main_context,
                       explore__all.threads[run.current].context);
    run.running = false;
    if (!run.failed && run.test->end != NULL)
        run.test->end();
}

static bool fail(struct explore_result *result)
{
    memcpy(result->why, run.why, sizeof result->why);
    if (run.limits.weaken == 0) {
        (void)fprintf(stderr, "%s: %s\n", run.test->name, run.why);
        explore__show();
    }
    return false;
}

bool explore(const struct explore_test *test,
             const struct explore_limits *limits, struct explore_result *result)
{
    struct explore_limits zero = { 0 };

    memset(&run, 0, sizeof run);
    memset(result, 0, sizeof *result);
    run.test = test;
    run.limits = limits == NULL ? zero : *limits;
    if (run.limits.preemptions == 0)
        run.limits.preemptions = 3;
    if (run.limits.runs_max == 0)
        run.limits.runs_max = 2000000;
    if (run.limits.random_runs == 0)
        run.limits.random_runs = 20000;
    do {
        run_once();
        result->runs++;
        if (run.failed)
            return fail(result);
    } while (advance() && result->runs < run.limits.runs_max);
    result->complete = run.used == 0;
    run.random = !result->complete;
    for (uint64_t i = 0; run.random && i < run.limits.random_runs; i++) {
        run.seed = i;
        run_once();
        result->runs++;
        if (run.failed)
            return fail(result);
    }
    return true;
}
