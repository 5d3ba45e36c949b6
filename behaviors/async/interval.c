/*
 * interval.c -- an action that runs again and again: gen_interval.h.
 *
 * A process that waits with a token until the next tick, and runs the action
 * contained. Its hook, from birth, moves the latch to stopped, however it ends.
 */
#include <agner/gen_interval.h>

#include <stdlib.h>

#include <agner/gen.h>

#include "async/interval.h"
#include "atomic.h"
#include "spin.h"

struct gen_interval {
    struct rt *rt; /* borrowed */
    _Atomic uint32_t refs;
    gen_run_fn run;
    void *ctx;
    uint64_t every_ms;
    struct gen_interval_options o; /* counts of its objects */
    struct gen_latch *latch;
    struct rt_hook hook;                   /* of the process */
    rt_spin lock;                          /* guards the rest */
    struct gen_cancel *token;              /* of the round; NULL: none */
    etf_pid pid;                           /* all zero: it has not begun */
    _Atomic uint64_t runs, failed, missed; /* written by the process */
    _Atomic int err;                       /* the same */
};

uint64_t gen__interval_next(uint64_t tick_ms, uint64_t now_ms,
                            uint64_t every_ms, bool fixed_delay,
                            uint64_t *missed)
{
    uint64_t from_ms = fixed_delay ? now_ms : tick_ms, late;

    *missed = 0;
    if (every_ms > RT_INFINITY - from_ms)
        return RT_INFINITY;
    if (fixed_delay || from_ms + every_ms > now_ms)
        return from_ms + every_ms;
    late =
        (now_ms - from_ms) / every_ms; /* ticks that have passed: 1 or more */
    *missed = late - 1;
    return from_ms + late * every_ms;
}

/* ---- The process -------------------------------------------------------- */

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > RT_INFINITY - b ? RT_INFINITY : a + b;
}

static uint64_t draw_jitter(const struct gen_interval *i)
{
    uint64_t drawn;

    if (i->o.jitter_ms == 0)
        return 0;
    rt_random(i->rt, &drawn, sizeof drawn);
    return i->o.jitter_ms == RT_INFINITY ? drawn : drawn % (i->o.jitter_ms + 1);
}

static void count(_Atomic uint64_t *counter, uint64_t more)
{
    store_relaxed(counter, load_relaxed(counter) + more);
}

/* One run; false: it was the last. */
static bool run_once(struct gen *self, struct gen_interval *i)
{
    enum agner_err err =
        gen_recover(self, i->run, i->ctx, i->token, i->o.errors, NULL);

    count(&i->runs, 1);
    rt_reset(self);
    if (err == AGNER_OK)
        return true;
    count(&i->failed, 1);
    if (i->o.stop_on_error)
        store_relaxed(&i->err, (int)err);
    return !i->o.stop_on_error;
}

static void go_round(struct gen *self, void *arg)
{
    struct gen_interval *i = arg;
    uint64_t tick_ms = plus(plus(rt_now_ms(i->rt), i->o.delay_ms), i->every_ms);
    uint64_t missed;

    rt__lock(&i->lock);
    i->pid = rt_self(self);
    rt__unlock(&i->lock);
    while (gen_cancel_sleep_until(self, plus(tick_ms, draw_jitter(i)),
                                  i->token) == AGNER_OK &&
           run_once(self, i) && rt_check(self) == AGNER_OK) {
        tick_ms = gen__interval_next(tick_ms, rt_now_ms(i->rt), i->every_ms,
                                     i->o.fixed_delay, &missed);
        count(&i->missed, missed);
    }
}

static void rest(struct gen_interval *i)
{
    struct gen_cancel *token;

    rt__lock(&i->lock);
    token = i->token;
    i->token = NULL;
    i->pid = (etf_pid){ 0 };
    rt__unlock(&i->lock);
    gen_cancel_free(token);
    (void)gen_latch_stopping(i->latch); /* if it ended by itself */
    (void)gen_latch_stopped(i->latch);
}

static void gone(struct rt_hook *hook, struct rt *rt)
{
    struct gen_interval *i =
        (struct gen_interval *)(void *)((char *)hook -
                                        offsetof(struct gen_interval, hook));

    (void)rt;
    rest(i);
    gen_interval_free(i);
}

/* ---- Starting and stopping ---------------------------------------------- */

static enum agner_err start_process(struct gen *self, struct gen_interval *i)
{
    struct rt_spawn_options options = { .label = "gen_interval",
                                        .priority = i->o.priority };
    enum agner_err err;
    etf_pid pid;

    i->hook.run = gone;
    options.hook = &i->hook;
    (void)gen_interval_hold(i);
    /* Before it can end: its end is a move from here. */
    (void)gen_latch_started(i->latch);
    err = rt_spawn(self, go_round, i, &options, &pid);
    if (err != AGNER_OK) {
        rest(i);
        gen_interval_free(i);
    }
    return err;
}

enum agner_err gen_interval_start(struct gen *self, struct gen_interval *i)
{
    struct gen_cancel *token;

    if (i->run == NULL)
        return AGNER_EINVAL;
    if (gen_latch_starting(i->latch) != AGNER_OK)
        return gen_latch_is_stopping(i->latch) ? AGNER_ESTOPPING
                                               : AGNER_ESTARTED;
    token = gen_cancel_new(i->rt, i->o.cancel);
    if (token == NULL || gen_cancel_is_set(token)) {
        (void)gen_latch_stopped(i->latch);
        gen_cancel_free(token);
        return token == NULL ? AGNER_ENOMEM : AGNER_ECANCELLED;
    }
    rt__lock(&i->lock);
    i->token = token;
    rt__unlock(&i->lock);
    store_relaxed(&i->err, (int)AGNER_OK);
    return start_process(self, i);
}

enum agner_err gen_interval_run(struct gen *self, struct gen_interval *i)
{
    enum agner_err err = gen_interval_start(self, i);

    if (err == AGNER_OK)
        err = gen_latch_wait(self, i->latch, GEN_LATCH_STOPPED, RT_INFINITY,
                             NULL);
    return err != AGNER_OK ? err : (enum agner_err)load_relaxed(&i->err);
}

enum agner_err gen_interval_stop(struct gen *self, struct gen_interval *i,
                                 uint64_t timeout_ms)
{
    struct gen_cancel *token = NULL;
    bool own;

    if (gen_latch_stopping(i->latch) != AGNER_OK)
        return gen_latch_is_stopping(i->latch) ? AGNER_ESTOPPING
                                               : AGNER_ESTOPPED;
    rt__lock(&i->lock);
    if (i->token != NULL)
        token = gen_cancel_hold(i->token);
    own = etf_pid_equal(i->pid, rt_self(self));
    rt__unlock(&i->lock);
    if (token != NULL)
        (void)gen_cancel_set(token, etf_atom("stopped"));
    gen_cancel_free(token);
    return own ? AGNER_OK
               : gen_latch_wait(self, i->latch, GEN_LATCH_STOPPED, timeout_ms,
                                NULL);
}

/* ---- Life and looks ----------------------------------------------------- */

struct gen_interval *
gen_interval_new(struct rt *rt, gen_run_fn run, void *ctx, uint64_t every_ms,
                 const struct gen_interval_options *options)
{
    struct gen_interval *i = calloc(1, sizeof *i);

    if (i == NULL)
        return NULL;
    i->latch = gen_latch_new(rt);
    if (i->latch == NULL) {
        free(i);
        return NULL;
    }
    i->rt = rt;
    i->run = run;
    i->ctx = ctx;
    i->every_ms = every_ms == 0 ? GEN_INTERVAL_MS : every_ms;
    if (options != NULL)
        i->o = *options;
    store_relaxed(&i->refs, 1u);
    if (i->o.errors != NULL)
        (void)gen_errors_hold(i->o.errors);
    if (i->o.cancel != NULL)
        (void)gen_cancel_hold(i->o.cancel);
    return i;
}

struct gen_interval *gen_interval_hold(struct gen_interval *i)
{
    (void)add_relaxed(&i->refs, 1u);
    return i;
}

/* Order: each count that is given back releases what its holder did; the last
 * one acquires all of it. */
void gen_interval_free(struct gen_interval *i)
{
    if (i == NULL || sub_acq_rel(&i->refs, 1u) != 1)
        return;
    gen_latch_free(i->latch);
    gen_errors_free(i->o.errors);
    gen_cancel_free(i->o.cancel);
    free(i);
}

void gen_interval_info(struct gen_interval *i, struct gen_interval_info *info)
{
    *info = (struct gen_interval_info){
        .state = gen_latch_state(i->latch),
        .runs = load_relaxed(&i->runs),
        .failed = load_relaxed(&i->failed),
        .missed = load_relaxed(&i->missed),
        .err = (enum agner_err)load_relaxed(&i->err),
    };
}

struct gen_latch *gen_interval_latch(struct gen_interval *i)
{
    return i->latch;
}
