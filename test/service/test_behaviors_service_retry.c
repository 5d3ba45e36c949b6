/*
 * test_behaviors_service_retry.c -- trying again: the delays, the loop, and the
 * newest of several calls (gen_retry.h).
 */
#include <math.h>
#include <stdio.h>

#include "../process/bed.h"

#include <agner/gen.h>

#define COUNT(rows) (sizeof(rows) / sizeof *(rows))

/* ---- Delays ------------------------------------------------------------- */

/* spec/service.md 2.4: the series with the defaults. */
static void delays_grow_to_the_longest(void **state)
{
    static const uint64_t delays_ms[] = { 500,   750,   1125,  1687,  2531,
                                          3796,  5695,  8542,  12814, 19221,
                                          28832, 30000, 30000, 30000 };

    (void)state;
    for (uint64_t i = 0; i < COUNT(delays_ms); i++) {
        assert_int_equal(gen_retry_delay(NULL, i + 1), delays_ms[i]);
    }
}

/* spec/service.md 5.6: the reference's delay overflows at the 60th failure. */
static void delays_never_overflow(void **state)
{
    static const uint64_t failures[] = { 59,   60,         61,        100,
                                         1000, UINT32_MAX, UINT64_MAX };
    struct gen_retry_options steep = { .factor = 1e300, .max_ms = UINT64_MAX };

    (void)state;
    for (size_t i = 0; i < COUNT(failures); i++) {
        assert_int_equal(gen_retry_delay(NULL, failures[i]), 30000);
        assert_true(gen_retry_delay(&steep, failures[i]) == UINT64_MAX);
    }
}

static void options_have_their_meaning(void **state)
{
    static const struct {
        struct gen_retry_options options;
        uint64_t n, delay_ms;
    } rows[] = {
        { { .initial_ms = 10 }, 1, 10 },
        { { .initial_ms = 10, .factor = 3 }, 3, 90 },
        { { .initial_ms = 10, .max_ms = 50, .factor = 3 }, 3, 50 },
        { { .initial_ms = 10, .min_ms = 20, .max_ms = 50 }, 1, 20 },
        { { .initial_ms = 100, .factor = 0.5 }, 3, 100 },
        { { .initial_ms = 100, .factor = 0.5, .min_ms = 30 }, 3, 30 },
        { { .initial_ms = 100, .factor = 1 }, 1000000, 100 },
        { { .initial_ms = 100, .max_ms = 20 }, 1, 20 },
        { { .initial_ms = 100 }, 0, 100 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(gen_retry_delay(&rows[i].options, rows[i].n),
                         rows[i].delay_ms);
}

static void wrong_options_are_refused(void **state)
{
    struct gen_retry_options rows[] = {
        { .factor = -1 },          { .factor = (double)NAN },
        { .jitter = -0.1 },        { .jitter = 1.5 },
        { .jitter = (double)NAN }, { .min_ms = 20, .max_ms = 10 },
        { .min_ms = 31 * 1000u },
    };
    struct gen_retry_options good = { 0 };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(gen_retry_init(&rows[i]), AGNER_EINVAL);
    assert_int_equal(gen_retry_init(&good), AGNER_OK);
    assert_int_equal(good.initial_ms, 500);
    assert_int_equal(good.min_ms, 500);
    assert_int_equal(good.max_ms, 30000);
    assert_true(good.factor == 1.5);
}

/* spec/service.md 2.4, jitter: an option, which shortens. */
static void jitter_shortens_by_a_part(void **state)
{
    struct gen_retry_options half = { .initial_ms = 1000, .jitter = 0.5 };
    struct gen_retry_options all = { .initial_ms = 1000, .jitter = 1 };

    (void)state;
    assert_int_equal(gen_retry_jittered(&half, 1, 0), 1000);
    assert_int_equal(gen_retry_jittered(&half, 1, UINT64_MAX / 2), 751);
    assert_int_equal(gen_retry_jittered(&half, 1, UINT64_MAX), 501);
    assert_int_equal(gen_retry_jittered(&all, 1, UINT64_MAX), 1);
    assert_int_equal(gen_retry_jittered(NULL, 1, UINT64_MAX), 500);
}

/* ---- The loop ------------------------------------------------------------ */

struct scene {
    int fail;     /* so many tries do, */
    int abort_at; /* ... and this one aborts */
    int calls;
    struct gen_cancel *tokens[8]; /* held */
    struct gen_cancel *stop;      /* set in this call, if `stop_at` */
    int stop_at;
    char log[200];
};

static enum agner_err attempt(struct gen *self, void *arg,
                              struct gen_retry *retry)
{
    struct scene *scene = arg;

    (void)self;
    scene->tokens[scene->calls++] = gen_cancel_hold(retry->cancel);
    if (scene->calls == scene->stop_at)
        (void)gen_cancel_set(scene->stop, ETF_NONE);
    if (scene->calls == scene->abort_at) {
        (void)gen_retry_abort(retry, AGNER_ECORRUPT);
        return AGNER_EIO; /* wrapped in another */
    }
    return scene->calls <= scene->fail ? AGNER_EIO : AGNER_OK;
}

static void note(struct gen *self, void *ctx,
                 const struct gen_retry_attempt *attempt)
{
    struct scene *scene = ctx;
    size_t used = strlen(scene->log);

    (void)self;
    (void)snprintf(scene->log + used, sizeof scene->log - used, "%d:%d:%d ",
                   (int)attempt->failures, attempt->err,
                   (int)attempt->delay_ms);
}

static uint64_t virtual_ms(struct bed *bed)
{
    return rt_now_ms(bed->rt);
}

static void drop_tokens(struct scene *scene)
{
    for (int i = 0; i < scene->calls; i++)
        gen_cancel_free(scene->tokens[i]);
}

/* spec/service.md 2.4: tries, delays, the log, and the contexts of tries. */
static void tries_until_it_works(void **state)
{
    struct scene scene = { .fail = 3 };
    struct gen_retry_options options = { .log = note, .log_ctx = &scene };
    struct bed bed;
    uint64_t began;

    (void)state;
    bed_open(&bed, 1);
    began = virtual_ms(&bed);
    assert_int_equal(gen_retry_apply(bed.self, attempt, &scene, &options, NULL),
                     AGNER_OK);
    assert_in_range(virtual_ms(&bed) - began, 500 + 750 + 1125, 2380);
    assert_string_equal(scene.log, "1:-64:500 2:-64:750 3:-64:1125 3:0:0 ");
    for (int i = 0; i < 4; i++)
        assert_int_equal(gen_cancel_is_set(scene.tokens[i]), i < 3);
    drop_tokens(&scene);
    bed_close(&bed);
}

/* max attempts = m: run is called m times in all. */
static void gives_up_after_so_many(void **state)
{
    struct scene scene = { .fail = 9 };
    struct gen_retry_options options = { .initial_ms = 10, .max_attempts = 3 };
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(gen_retry_apply(bed.self, attempt, &scene, &options, NULL),
                     AGNER_EIO);
    assert_int_equal(scene.calls, 3);
    drop_tokens(&scene);
    bed_close(&bed);
}

/* AbortRetry: no further try, the inner error, also when wrapped. */
static void an_abort_is_final(void **state)
{
    struct scene scene = { .fail = 9, .abort_at = 2 };
    struct gen_retry_options options = { .log = note, .log_ctx = &scene };
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(gen_retry_apply(bed.self, attempt, &scene, &options, NULL),
                     AGNER_ECORRUPT);
    assert_string_equal(scene.log, "1:-64:500 2:-65:0 ");
    drop_tokens(&scene);
    bed_close(&bed);
}

/* The context's end in the wait is what comes of it. */
static void a_cancel_ends_the_wait(void **state)
{
    struct scene scene = { .fail = 9, .stop_at = 2 };
    struct bed bed;
    uint64_t began;

    (void)state;
    bed_open(&bed, 1);
    scene.stop = gen_cancel_new(bed.rt, NULL);
    began = virtual_ms(&bed);
    assert_int_equal(
        gen_retry_apply(bed.self, attempt, &scene, NULL, scene.stop),
        AGNER_ECANCELLED);
    assert_int_equal(scene.calls, 2);
    assert_in_range(virtual_ms(&bed) - began, 500, 505);
    drop_tokens(&scene);
    gen_cancel_free(scene.stop);
    bed_close(&bed);
}

static enum agner_err leave(struct gen *self, void *arg,
                            struct gen_retry *retry)
{
    struct scene *scene = arg;

    scene->tokens[scene->calls++] = gen_cancel_hold(retry->cancel);
    rt_exit(self, etf_atom("boom"));
    return AGNER_OK;
}

static void try_and_leave(struct gen *self, void *arg)
{
    (void)gen_retry_apply(self, leave, arg, NULL, NULL);
}

/* What leaves by rt_exit() leaks no token, and its context is cancelled. */
static void a_crash_gives_the_token_back(void **state)
{
    struct scene scene = { 0 };
    struct bed bed;
    etf_pid pid;

    (void)state;
    bed_open(&bed, 1);
    assert_int_equal(rt_spawn(bed.self, try_and_leave, &scene, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(rt_wait(bed.self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(scene.calls, 1);
    assert_true(gen_cancel_is_set(scene.tokens[0]));
    drop_tokens(&scene);
    bed_close(&bed);
}

static enum agner_err keep_token(struct gen *self, void *arg,
                                 struct gen_cancel *cancel)
{
    struct scene *scene = arg;

    (void)self;
    scene->tokens[scene->calls++] = gen_cancel_hold(cancel);
    return AGNER_OK;
}

/* MonoApply: a further call cancels the context of the call before. */
static void only_the_newest_goes_on(void **state)
{
    struct scene scene = { 0 };
    struct gen_mono *mono = gen_mono_new();
    struct gen_cancel *parent;
    struct bed bed;

    (void)state;
    bed_open(&bed, 1);
    parent = gen_cancel_new(bed.rt, NULL);
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            gen_mono_apply(bed.self, mono, keep_token, &scene, parent),
            AGNER_OK);
    assert_true(gen_cancel_is_set(scene.tokens[0]));
    assert_true(gen_cancel_is_set(scene.tokens[1]));
    assert_false(gen_cancel_is_set(scene.tokens[2]));
    (void)gen_cancel_set(parent, ETF_NONE);
    assert_true(gen_cancel_is_set(scene.tokens[2]));
    gen_mono_free(mono);
    drop_tokens(&scene);
    gen_cancel_free(parent);
    bed_close(&bed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_grow_to_the_longest),
        cmocka_unit_test(delays_never_overflow),
        cmocka_unit_test(options_have_their_meaning),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(jitter_shortens_by_a_part),
        cmocka_unit_test(tries_until_it_works),
        cmocka_unit_test(gives_up_after_so_many),
        cmocka_unit_test(an_abort_is_final),
        cmocka_unit_test(a_cancel_ends_the_wait),
        cmocka_unit_test(a_crash_gives_the_token_back),
        cmocka_unit_test(only_the_newest_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
