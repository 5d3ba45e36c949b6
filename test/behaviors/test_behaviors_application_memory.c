/*
 * test_behaviors_application_memory.c -- failed allocations under applications:
 * G34.
 *
 * The program's own malloc and its like are wrapped by the linker. While an
 * application goes through its life the first allocation fails, then the
 * second, until none does. Each step succeeds or says that it did not; then,
 * with memory again, the application has another life, or its controller has
 * ended and said so, and nothing of it is left. The sanitizers find no leak.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "failing.h"

#define LONG_MS 60000u /* of the simulated world */

/* ---- The application ---------------------------------------------------- */

static int living; /* children that were born and have not been destroyed */

static enum gen_next child_init(struct gen *self, etf_term args)
{
    (void)args;
    (void)rt_trap_exit(self, true);
    living++;
    return GEN_NEXT;
}

static void child_destroy(void *state)
{
    (void)state;
    living--;
}

static const struct gen_server child = { .name = "child",
                                         .init = child_init,
                                         .destroy = child_destroy };
static const struct gen_child_spec children[] = {
    { .name = "one", .server = &child }, { .name = "two", .server = &child }
};

static enum agner_err phase(struct gen *self, etf_term name,
                            enum gen_start_type type, etf_term args,
                            etf_term *reason)
{
    (void)self;
    (void)name;
    (void)type;
    (void)args;
    (void)reason;
    return AGNER_OK;
}

static void config_change(struct gen *self, etf_term changed, etf_term added,
                          etf_term removed)
{
    (void)self;
    (void)changed;
    (void)added;
    (void)removed;
}

static const struct gen_application app = {
    .abi = GEN_APPLICATION_ABI,
    .name = "app",
    .description = "goes through its life",
    .version = "1",
    .children = children,
    .child_count = 2,
    .env = "[{key, [value]}]",
    .start_phases = "[{one, []}]",
    .start_phase = phase,
    .config_change = config_change,
};

/* Every step, whatever becomes of those before. AGNER_OK: all went well. */
static enum agner_err live(struct gen *self)
{
    etf_term config = etf_make(self, "[{app, [{key, other}]}]"), map;
    enum agner_err errs[7], first = AGNER_OK;

    errs[0] = gen_application_load(self, &app, NULL);
    errs[1] = gen_application_start(self, "app", GEN_APP_TEMPORARY, NULL, NULL);
    errs[2] = gen_application_set_env(self, "app", "key", config, true);
    errs[3] = gen_applications_config_change(self, config, NULL);
    errs[4] = gen_application_info(self, "app", &map, NULL);
    errs[5] = gen_application_stop(self, "app", LONG_MS, NULL);
    errs[6] = gen_application_unload(self, "app", NULL);
    for (size_t i = 7; i-- > 0;) {
        if (errs[i] != AGNER_OK)
            first = errs[i];
    }
    return first;
}

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static bool has_controller(struct gen *self)
{
    etf_pid pid;

    return rt_whereis(rt_of(self), etf_atom("application_controller"), &pid) ==
           AGNER_OK;
}

/* What a failure left half done, with memory again. A tree that could not be
 * told to end ends after its application, by its links. */
static void tidy(struct gen *self)
{
    uint64_t end_ms = rt_now_ms(rt_of(self)) + LONG_MS;

    (void)gen_application_stop(self, "app", LONG_MS, NULL);
    while (living > 0 && rt_now_ms(rt_of(self)) < end_ms)
        (void)rt_sleep(self, 1);
    (void)gen_application_unload(self, "app", NULL);
}

/* True when no allocation has failed any more. */
static bool run(unsigned n)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim), .log = no_log };
    struct rt *rt;
    struct gen *self;
    enum agner_err err;

    assert_int_equal(rt_new(&options, &rt, NULL), AGNER_OK);
    self = rt_attach(rt);
    assert_non_null(self);
    assert_int_equal(gen_applications_start(self, NULL, NULL), AGNER_OK);
    failing_seen = false;
    failing_in = n;
    err = live(self);
    failing_in = 0;
    if (!failing_seen)
        assert_int_equal(err, AGNER_OK);
    if (has_controller(self)) {
        tidy(self);
        assert_int_equal(living, 0);
        assert_int_equal(live(self), AGNER_OK);
    }
    (void)gen_applications_stop(self, LONG_MS);
    assert_false(has_controller(self));
    assert_int_equal(sim_run(sim, 1000), true);
    assert_int_equal(living, 0);
    rt_detach(self);
    rt_free(rt, 1000);
    sim_free(sim);
    return !failing_seen;
}

static void failed_allocations_leave_nothing_half_done(void **state)
{
    unsigned n = 1;

    (void)state;
    while (!run(n))
        n++;
    print_message("%u allocations\n", n - 1);
    assert_true(n > 50); /* a life has many */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failed_allocations_leave_nothing_half_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
