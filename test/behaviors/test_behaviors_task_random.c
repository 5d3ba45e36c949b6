/*
 * test_behaviors_task_random.c -- tasks whose results, failures, time-outs and
 * owners' ends meet at random, in the simulated world.
 *
 * For every seed: each wait ends once, with that task's own result, or why not;
 * a task is over for its owner after that; nothing is left in a mailbox; when
 * all owners are gone so are all tasks. `test_behaviors_task_random SEED` runs
 * that one seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#define SEEDS  400u
#define OWNERS 4u
#define OPS    12u
#define MANY   5u

struct owner {
    unsigned number;
    bool traps;
    bool fails; /* in the middle of things */
};

static struct {
    struct sim *sim;
    struct owner owners[OWNERS];
    unsigned started, ended; /* tasks' code */
    char wrong[200];         /* the first thing that was */
} run;

static void wrong(const char *what, unsigned a, unsigned b)
{
    if (run.wrong[0] == '\0')
        (void)snprintf(run.wrong, sizeof run.wrong, "%s (%u, %u)", what, a, b);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)sim_draw(run.sim, bound);
}

/* ---- The tasks ---------------------------------------------------------- */

/* {N, Ms}: gives {done, N} after Ms, or fails with {failed, N}. */
static etf_term do_work(struct gen *self, etf_term arg)
{
    int64_t number;
    uint64_t ms;

    run.started++;
    if (!etf_match(arg, "{_, _}", &number, &ms))
        return ETF_NONE;
    if (draw(10) == 0)
        (void)rt_trap_exit(self, true);
    if (ms != 0)
        (void)rt_sleep(self, ms);
    if (draw(8) == 0)
        rt_exit(self, etf_make(self, "{failed, _}", number));
    run.ended++;
    return etf_make(self, "{done, _}", number);
}

static const struct gen_task_job job = { .name = "job", .run = do_work };

/* ---- Their owners ------------------------------------------------------- */

static int64_t numbers; /* of tasks */

static etf_term next_arg(struct gen *self)
{
    return etf_make(self, "{_, _}", numbers++,
                    (uint64_t)(draw(3) == 0 ? 0 : draw(8)));
}

/* Is this an end that task `number` may have? */
static bool is_end_of(int64_t number, enum agner_err err, etf_term term)
{
    int64_t n = -1;

    switch (err) {
    case AGNER_OK:
        return etf_match(term, "{done, _}", &n) && n == number;
    case AGNER_EEXIT:
        return (etf_match(term, "{failed, _}", &n) && n == number) ||
               etf_same(term, ETF_A(shutdown)) || etf_same(term, ETF_A(killed));
    case AGNER_ENOPROC: /* it was killed before it was asked */
    case AGNER_ETIMEOUT:
    case AGNER_EEXITING:
    case AGNER_EKILLED:
        return true;
    default:
        return false;
    }
}

static void check_end(int64_t number, enum agner_err err, etf_term term)
{
    if (!is_end_of(number, err, term))
        wrong(agner_strerror(err), (unsigned)number, 0);
}

static bool start(struct gen *self, const struct owner *o,
                  struct gen_task *task, int64_t *number)
{
    etf_term arg = next_arg(self);
    enum agner_err err;

    *number = numbers - 1;
    /* Who does not trap exits would fail with the first task. */
    if (o->traps && draw(2) == 0)
        err = gen_task_async(self, &job, arg, NULL, task);
    else
        err = gen_task_async_nolink(self, &job, arg, NULL, task);
    return err == AGNER_OK;
}

static void one(struct gen *self, const struct owner *o)
{
    struct gen_task task;
    etf_term term = ETF_NONE;
    enum agner_err err = AGNER_ETIMEOUT;
    int64_t number;

    if (!start(self, o, &task, &number))
        return;
    for (unsigned i = draw(3); i > 0 && err == AGNER_ETIMEOUT; i--)
        err = gen_task_yield(self, &task, draw(4), &term);
    if (err == AGNER_ETIMEOUT) {
        switch (draw(4)) {
        case 0:
            err = gen_task_shutdown(self, &task, draw(4), &term);
            if (err == AGNER_ETIMEOUT)
                wrong("shutdown timed out", 0, 0);
            break;
        case 1:
            gen_task_abandon(self, &task);
            break;
        case 2:
            err = gen_task_await(self, &task, draw(6), &term);
            break;
        default:
            err = gen_task_await(self, &task, RT_INFINITY, &term);
            if (err == AGNER_ETIMEOUT)
                wrong("timed out without a time", 0, 0);
        }
    }
    check_end(number, err, term);
    if (err != AGNER_EEXITING && err != AGNER_EKILLED &&
        gen_task_yield(self, &task, 0, &term) != AGNER_ENOREF &&
        rt_check(self) == AGNER_OK)
        wrong("it is not over", (unsigned)number, 0);
}

static void many(struct gen *self, const struct owner *o)
{
    struct gen_task tasks[MANY];
    struct gen_task_result results[MANY];
    int64_t started[MANY];
    unsigned count = 0;
    enum agner_err err;

    while (count < MANY && start(self, o, &tasks[count], &started[count]))
        count++;
    err = gen_task_await_many(self, tasks, count, draw(12), results);
    if (err == AGNER_EEXITING || err == AGNER_EKILLED)
        return; /* the results do not tell */
    for (unsigned i = 0; i < count; i++)
        check_end(started[i], results[i].err, results[i].term);
}

struct items {
    unsigned left;
    int64_t first;
};

static bool next_item(struct gen *self, void *ctx, etf_term *item)
{
    struct items *items = ctx;

    if (items->left == 0)
        return false;
    items->left--;
    *item = etf_make(self, "{_, _}", numbers++, (uint64_t)draw(6));
    return true;
}

/* Numbers are drawn by others meanwhile: a stream checks only its order. */
static void stream(struct gen *self, const struct owner *o)
{
    struct items items = { .left = draw(20) };
    unsigned count = items.left, seen = 0;
    struct gen_task_stream_options options = { .concurrency = 1 + draw(6),
                                               .unordered = draw(2) == 0,
                                               .timeout_ms = 2 + draw(8),
                                               .nolink =
                                                   !o->traps || draw(2) == 0 };
    unsigned give_up = draw(3) == 0 ? draw(10) : UINT32_MAX;
    struct gen_task_stream s;
    struct gen_task_result r;
    enum agner_err err;

    if (gen_task_stream_open(&s, self, &job, next_item, &items, &options) !=
        AGNER_OK)
        wrong("no stream", 0, 0);
    while ((err = gen_task_stream_next(self, &s, &r)) == AGNER_OK) {
        if (!options.unordered && r.index != seen)
            wrong("out of order", (unsigned)r.index, seen);
        if (r.index >= count)
            wrong("no such item", (unsigned)r.index, count);
        seen++;
        if (seen == give_up) {
            gen_task_stream_close(self, &s);
            return;
        }
        if (draw(4) == 0)
            rt_reset(self);
    }
    if (err == AGNER_ENOREF && seen != count)
        wrong("items without a result", seen, count);
}

static void own(struct gen *self, void *arg)
{
    struct owner *o = arg;
    etf_term m, reason;

    (void)rt_trap_exit(self, o->traps);
    for (unsigned i = 0; i < OPS; i++) {
        switch (draw(4)) {
        case 0:
            many(self, o);
            break;
        case 1:
            stream(self, o);
            break;
        default:
            one(self, o);
        }
        /* A trapped end is one of a failed task; a good one shows nothing. */
        while (rt_receive(self, 0, &m) == AGNER_OK) {
            if (!etf_match(m, "{'EXIT', __, _}", &reason) ||
                etf_same(reason, ETF_A(normal)))
                wrong("a stray message", o->number, i);
        }
        rt_reset(self);
        if (o->fails && draw(6) == 0)
            rt_exit(self, etf_make(self, "owner_failed"));
    }
}

/* ---- A run -------------------------------------------------------------- */

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static void play(struct rt *rt, struct gen *self)
{
    etf_pid pids[OWNERS];
    struct rt_stats stats;

    for (unsigned i = 0; i < OWNERS; i++) {
        run.owners[i] =
            (struct owner){ .number = i, .traps = i % 2 == 0, .fails = i >= 2 };
        if (rt_spawn(self, own, &run.owners[i], NULL, &pids[i]) != AGNER_OK)
            wrong("no owner", i, 0);
    }
    (void)rt_sleep(self, 1 + draw(100));
    (void)rt_kill(rt, pids[OWNERS - 1], ETF_A(kill));
    for (unsigned i = 0; i < OWNERS; i++) {
        if (rt_wait(self, pids[i], 600000) != AGNER_OK)
            wrong("an owner waits for ever", i, 0);
    }
    (void)sim_run(run.sim, 100); /* what was not linked ends by itself */
    rt_stats(rt, &stats);
    if (stats.processes != 1)
        wrong("processes are left", (unsigned)stats.processes, 0);
}

static const char *play_seed(uint64_t seed)
{
    struct sim_options sim_options = { .step_ns = 0 };
    struct rt_options options = { .log = no_log };
    struct rt *rt;
    struct gen *self;

    memset(&run, 0, sizeof run);
    numbers = 0;
    sim_options.pick = (enum sim_pick)(seed % 5);
    sim_options.change_points = 4;
    run.sim = sim_new(seed, &sim_options);
    options.world = sim_world(run.sim);
    if (run.sim == NULL || rt_new(&options, &rt, NULL) != AGNER_OK)
        return "no memory";
    self = rt_attach(rt);
    play(rt, self);
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(run.sim);
    return run.wrong[0] == '\0' ? NULL : run.wrong;
}

static void every_wait_ends_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        const char *what = play_seed(seed);

        if (what != NULL)
            fail_msg("seed %llu: %s", (unsigned long long)seed, what);
    }
}

int main(int count, char **args)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wait_ends_once),
    };
    const char *what;

    if (count < 2)
        return cmocka_run_group_tests(tests, NULL, NULL);
    what = play_seed(strtoull(args[1], NULL, 10));
    (void)printf("%s\n", what == NULL ? "fine" : what);
    return what != NULL;
}
