/*
 * test_behaviors_async_memory.c -- background work whose allocations fail.
 *
 * For each operation the first allocation fails, then the second, until none
 * does, in the simulated world: each time it says AGNER_ENOMEM, or does what it
 * should; items that were accepted are run or come back; no process stays, and
 * the address sanitizer finds what does.
 */
#include <stdlib.h>

#include <agner/gen.h>

#include "bed.h"

#include "failing.h"

#define ITEMS 5u

/* What operations use. */
struct desk {
    struct bed bed;
    struct gen *self;
    unsigned ran[ITEMS + 1], back[ITEMS + 1];
};

static enum agner_err act(struct gen *self, void *ctx, void *item,
                          struct gen_cancel *cancel)
{
    struct desk *d = ctx;
    size_t n = (size_t)(uintptr_t)item;

    (void)cancel;
    d->ran[n]++;
    if (n == 2)
        rt_exit(self, etf_make(self, "{left, [_]}", 2));
    return n == 3 ? AGNER_EIO : AGNER_OK;
}

static void handed_back(void *ctx, void *item, enum agner_err why)
{
    struct desk *d = ctx;

    (void)why;
    d->back[(size_t)(uintptr_t)item]++;
}

static void *item_of(size_t n)
{
    return (void *)(uintptr_t)n; /* never followed */
}

/* ---- Operations --------------------------------------------------------- */

static enum agner_err op_cancel(struct desk *d)
{
    struct gen_cancel *root = gen_cancel_new(d->bed.rt, NULL), *child;
    enum agner_err err = AGNER_ENOMEM;

    if (root == NULL)
        return AGNER_ENOMEM;
    child = gen_cancel_new(d->bed.rt, root);
    if (child != NULL) {
        err = gen_cancel_wait(d->self, child, 1);
        /* Without memory for the reason it has another. */
        (void)gen_cancel_set(root, etf_make(d->self, "{any, [1]}"));
        assert_true(gen_cancel_is_set(child));
    }
    gen_cancel_free(child);
    gen_cancel_free(root);
    return err == AGNER_ETIMEOUT ? AGNER_OK : err;
}

static enum agner_err op_latch(struct desk *d)
{
    struct gen_latch *latch = gen_latch_new(d->bed.rt);
    etf_ref ref;
    enum agner_err err;
    etf_term m;

    if (latch == NULL)
        return AGNER_ENOMEM;
    err = gen_latch_notify(d->self, latch, GEN_LATCH_STARTING, &ref);
    if (err == AGNER_OK)
        err = gen_latch_wait(d->self, latch, GEN_LATCH_STARTED, 1, NULL);
    assert_int_equal(gen_latch_starting(latch), AGNER_OK);
    gen_latch_free(latch);
    (void)rt_receive(d->self, 0, &m);
    return err == AGNER_ETIMEOUT ? AGNER_OK : err;
}

static enum agner_err op_errors(struct desk *d)
{
    struct gen_errors *e = gen_errors_new(d->bed.rt, 3);
    struct gen_error one;
    etf_term m;

    if (e == NULL)
        return AGNER_ENOMEM;
    gen_errors_forward(e, rt_self(d->self));
    /* Without memory the error is there, without its reason. */
    assert_int_equal(
        gen_errors_put(e, AGNER_EIO, etf_make(d->self, "{why, [1]}")),
        AGNER_OK);
    assert_true(gen_errors_first(e, rt_region(d->self), &one));
    assert_int_equal(one.err, AGNER_EIO);
    gen_errors_free(e);
    (void)rt_receive(d->self, 0, &m);
    return AGNER_OK;
}

/* Each item that was accepted, once. */
static void assert_items(const struct desk *d, const bool *accepted)
{
    for (unsigned n = 1; n <= ITEMS; n++)
        assert_int_equal(d->ran[n] + d->back[n], accepted[n]);
}

static enum agner_err play_queue(struct desk *d, struct gen_queue *q)
{
    bool accepted[ITEMS + 1] = { false };
    enum agner_err err = gen_queue_start(d->self, q, NULL, NULL), worst = err;

    for (unsigned n = 1; err == AGNER_OK && n <= ITEMS; n++) {
        enum agner_err put =
            gen_queue_enqueue(d->self, q, item_of(n), 1000, NULL);

        accepted[n] = put == AGNER_OK;
        if (put != AGNER_OK)
            worst = put;
    }
    if (err == AGNER_OK)
        err = gen_queue_stop(d->self, q, NULL);
    failing_in = 0;
    (void)gen_latch_wait(d->self, gen_queue_latch(q), GEN_LATCH_STOPPED,
                         RT_INFINITY, NULL);
    assert_items(d, accepted);
    return worst == AGNER_OK ? err : worst;
}

static enum agner_err op_queue(struct desk *d)
{
    struct gen_errors *e = gen_errors_new(d->bed.rt, 9);
    struct gen_queue_options o = { .parallelism = 2,
                                   .max_work = 2,
                                   .batch = 1,
                                   .errors = e,
                                   .handed_back = handed_back };
    struct gen_queue *q = gen_queue_new(d->bed.rt, act, d, &o);
    enum agner_err err = q == NULL ? AGNER_ENOMEM : play_queue(d, q);

    gen_queue_free(q);
    gen_errors_free(e);
    return err;
}

static enum agner_err op_terms(struct desk *d)
{
    struct gen_queue_options o = { .parallelism = 1, .terms = true };
    struct rt_spawn_options spawn = { .name = etf_atom("terms") };
    struct gen_queue *q = gen_queue_new(d->bed.rt, NULL, NULL, &o);
    enum agner_err err;

    if (q == NULL)
        return AGNER_ENOMEM;
    err = gen_queue_start(d->self, q, &spawn, NULL);
    if (err == AGNER_OK) {
        err = gen_queue_enqueue_term(d->self, q, etf_make(d->self, "[1]"), 1000,
                                     NULL);
        if (err == AGNER_OK)
            err = gen_queue_enqueue_at(d->self, spawn.name,
                                       etf_make(d->self, "[2]"), 1000);
        (void)rt_figures_list(d->bed.rt, rt_region(d->self), "queue");
        failing_in = 0;
        (void)gen_queue_stop(d->self, q, NULL);
    }
    gen_queue_free(q);
    return err;
}

static enum agner_err op_batch(struct desk *d)
{
    struct gen_batch_options o = { .parallelism = 2 };
    struct gen_batch_result r;
    void *items[ITEMS];
    enum agner_err err;

    for (unsigned n = 1; n <= ITEMS; n++)
        items[n - 1] = item_of(n);
    err = gen_batch_run(d->self, items, ITEMS, act, d, &o, &r);
    assert_int_equal(r.done + r.failed + r.crashed + r.not_run, ITEMS);
    if (err == AGNER_OK)
        assert_int_equal(r.not_run, 0);
    return err;
}

static enum agner_err ticks(struct gen *self, void *ctx,
                            struct gen_cancel *cancel)
{
    struct desk *d = ctx;

    (void)self;
    (void)cancel;
    return ++d->ran[0] == 3 ? AGNER_EIO : AGNER_OK;
}

static enum agner_err op_interval(struct desk *d)
{
    struct gen_interval_options o = { .stop_on_error = true };
    struct gen_interval *i = gen_interval_new(d->bed.rt, ticks, d, 1, &o);
    enum agner_err err;

    if (i == NULL)
        return AGNER_ENOMEM;
    err = gen_interval_run(d->self, i);
    failing_in = 0;
    (void)gen_interval_stop(d->self, i, RT_INFINITY); /* if it runs */
    (void)gen_latch_wait(d->self, gen_interval_latch(i), GEN_LATCH_STOPPED,
                         RT_INFINITY, NULL);
    gen_interval_free(i);
    return err == AGNER_EIO || err == AGNER_OK ? AGNER_OK : err;
}

static enum agner_err makes(struct gen *self, void *ctx,
                            struct gen_cancel *cancel, etf_term *result)
{
    (void)ctx;
    (void)cancel;
    *result = etf_make(self, "{a, [result]}");
    return AGNER_OK;
}

static enum agner_err op_future(struct desk *d)
{
    struct gen_future *f[10] = { NULL };
    enum agner_err err = AGNER_OK;
    size_t which, count = 0;
    etf_ref ref;
    etf_pid pid;
    etf_term m, result;

    while (err == AGNER_OK && count < 10) {
        err = gen_future_start(d->self, makes, NULL, NULL, &f[count]);
        count += err == AGNER_OK;
    }
    if (err == AGNER_OK)
        err = gen_future_notify(d->self, f[0], &ref);
    if (err == AGNER_OK)
        err = gen_future_complete_any(d->self, f, count, 1000, NULL, &which,
                                      &result);
    if (err == AGNER_OK)
        err = gen_future_complete_all(d->self, f, count, 1000, NULL, NULL);
    if (err == AGNER_OK)
        err = gen_future_share(d->self, f[0], NULL, &pid);
    if (err == AGNER_OK) {
        err = gen_future_complete_at(
            d->self, etf_from_pid(rt_region(d->self), pid), 1000, &result);
        failing_in = 0;
        (void)rt_kill(d->bed.rt, pid, ETF_A(kill));
    }
    failing_in = 0;
    for (size_t i = 0; i < count; i++) {
        (void)gen_future_complete(d->self, f[i], RT_INFINITY, NULL, NULL);
        gen_future_free(f[i]);
    }
    while (rt_receive(d->self, 10, &m) == AGNER_OK)
        continue;
    return err;
}

/* ---- Failing each ------------------------------------------------------- */

static void sleeps(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_sleep(self, 1);
}

/* Stacks for what follows: a worker that has none at all runs nobody. */
static void warm_up(struct desk *d)
{
    etf_pid pid;

    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(rt_spawn(d->self, sleeps, NULL, NULL, &pid), AGNER_OK);
    (void)sim_run(d->bed.sim, 10);
}

static void fail_each(enum agner_err (*run)(struct desk *d))
{
    bool ok = false;

    /* Once without: patterns are compiled, and atoms made, for good. */
    for (unsigned n = 0; !ok || n == 1; n++) {
        struct rt_stats before, after;
        struct desk d = { .ran = { 0 } };
        enum agner_err err;

        bed_open(&d.bed, 7); /* a fresh runtime: nothing is there already */
        d.self = d.bed.self;
        warm_up(&d);
        rt_stats(d.bed.rt, &before);
        failing_seen = false;
        failing_in = n;
        err = run(&d);
        failing_in = 0;
        ok = !failing_seen;
        /* A call that could not be answered is over with its time. */
        if (err != AGNER_OK &&
            ((err != AGNER_ENOMEM && err != AGNER_ETIMEOUT) || ok))
            fail_msg("allocation %u: %s", n, agner_strerror(err));
        (void)sim_run(d.bed.sim, 2000);
        rt_stats(d.bed.rt, &after);
        assert_int_equal(after.processes, before.processes);
        bed_close(&d.bed);
        assert_true(n < 300);
    }
}

#define CASE(name) \
    static void name##_fails_whole(void **state) \
    { \
        (void)state; \
        fail_each(op_##name); \
    }
CASE(cancel)
CASE(latch)
CASE(errors)
CASE(queue)
CASE(terms)
CASE(batch)
CASE(interval)
CASE(future)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancel_fails_whole),
        cmocka_unit_test(latch_fails_whole),
        cmocka_unit_test(errors_fails_whole),
        cmocka_unit_test(queue_fails_whole),
        cmocka_unit_test(terms_fails_whole),
        cmocka_unit_test(batch_fails_whole),
        cmocka_unit_test(interval_fails_whole),
        cmocka_unit_test(future_fails_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
