/*
 * test_behaviors_service.c -- services: the reference's own cases, and what it
 * does wrong, done right. In the simulated world.
 */
#include <stdio.h>

#include "puppet_service.h"

struct scene {
    struct bed bed;
    struct puppet p;
    struct gen_service_options options;
    struct gen_service *service;
};

#define T0 (1000 * (uint64_t)SECOND_NS)

static void silent(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* A service of that script; more options are set before. */
static void open_with(struct scene *s, const char *script,
                      struct gen_service_options options)
{
    struct rt_options rt_options = { .log = silent };

    memset(s, 0, sizeof *s);
    s->p.script = script;
    s->p.clock_ns = T0;
    s->options = options;
    s->options.arg = &s->p;
    s->options.clock = puppet_clock;
    s->options.clock_ctx = &s->p;
    bed_open_with(&s->bed, 1, rt_options, NULL);
    assert_int_equal(gen_service_start(s->bed.self, &puppet_spec, &s->options,
                                       &s->service, NULL),
                     AGNER_OK);
    s->p.service = s->service;
}

static void open_scene(struct scene *s, const char *script)
{
    open_with(s, script, (struct gen_service_options){ 0 });
}

static void run(struct scene *s, uint64_t ms)
{
    (void)sim_run(s->bed.sim, ms);
}

static void close_scene(struct scene *s)
{
    struct rt_stats stats;

    s->p.gate = true;
    (void)gen_service_terminate(s->bed.self, s->service, RT_INFINITY);
    run(s, 10);
    rt_reset(s->bed.self);
    rt_stats(s->bed.rt, &stats);
    assert_int_equal(stats.processes, 1); /* nothing outlives it */
    gen_service_free(s->service);
    puppet_fini(&s->p);
    assert_int_equal(s->p.parsed, s->p.parsed_freed);
    bed_close(&s->bed);
}

/* The present state, as values: what it points to lives on in the service. */
static struct gen_service_state now(struct scene *s)
{
    const struct gen_service_state *state = gen_service_state(s->service);
    struct gen_service_state copy = *state;

    gen_service_state_free(state);
    return copy;
}

/* The clock goes on, then the verb; what it returned must be the state. */
static struct gen_service_state after(struct scene *s, enum agner_err want,
                                      enum agner_err err,
                                      const struct gen_service_state *state)
{
    struct gen_service_state copy, present = now(s);

    assert_int_equal(err, want);
    assert_non_null(state);
    copy = *state;
    gen_service_state_free(state);
    assert_true(puppet_same_state(&copy, &present));
    return copy;
}

static struct gen_service_state start(struct scene *s, enum agner_err want)
{
    const struct gen_service_state *state = NULL;
    enum agner_err err;

    s->p.clock_ns += SECOND_NS;
    err = gen_service_activate(s->bed.self, s->service, &state);
    return after(s, want, err, state);
}

static struct gen_service_state stop(struct scene *s, enum agner_err want)
{
    const struct gen_service_state *state = NULL;
    enum agner_err err;

    s->p.clock_ns += SECOND_NS;
    err = gen_service_deactivate(s->bed.self, s->service, &state);
    return after(s, want, err, state);
}

static struct gen_service_state configure(struct scene *s, const char *config,
                                          enum agner_err want)
{
    const struct gen_service_state *state = NULL;
    enum agner_err err;

    s->p.clock_ns += SECOND_NS;
    err = gen_service_configure(s->bed.self, s->service, config, strlen(config),
                                &state, NULL);
    return after(s, want, err, state);
}

static void expect_same(const struct gen_service_state *a,
                        const struct gen_service_state *b)
{
    assert_true(puppet_same_state(a, b));
}

static void expect_config(const struct gen_service_state *state,
                          const char *config)
{
    assert_int_equal(state->config.size, strlen(config));
    assert_memory_equal(state->config.data, config, strlen(config));
}

/* ---- spec/service.md 4: the reference's table ---------------------------- */

static void conf_service_start_makes_it_active(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "");
    assert_int_equal(now(&s).last_inactive_ns, T0);
    t = start(&s, AGNER_OK);
    assert_true(t.active);
    assert_false(t.loading);
    assert_int_equal(t.last_active_ns, T0 + SECOND_NS);
    assert_int_equal(t.last_inactive_ns, T0);
    run(&s, 10);
    assert_int_equal(s.p.tries, 0);
    close_scene(&s);
}

static void conf_service_start_start_says_that_it_is(void **state)
{
    struct scene s;
    struct gen_service_state t, u;

    (void)state;
    open_scene(&s, "");
    t = start(&s, AGNER_OK);
    u = start(&s, AGNER_ESTARTED);
    expect_same(&t, &u);
    close_scene(&s);
}

static void conf_service_configure_stores_it(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "");
    t = configure(&s, "one", AGNER_OK);
    expect_config(&t, "one");
    assert_int_equal(t.last_config_ns, T0 + SECOND_NS);
    assert_false(t.active);
    run(&s, 10);
    assert_int_equal(s.p.tries, 0);
    close_scene(&s);
}

static void conf_service_configure_configure_keeps_the_last(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "");
    (void)configure(&s, "one", AGNER_OK);
    t = configure(&s, "two", AGNER_OK);
    expect_config(&t, "two");
    assert_int_equal(t.last_config_ns, T0 + 2 * (uint64_t)SECOND_NS);
    close_scene(&s);
}

/* agner: the present state, where the reference returns an empty one. */
static void conf_service_configure_error_changes_nothing(void **state)
{
    struct scene s;
    struct gen_service_state t, u;
    struct agner_error error;

    (void)state;
    open_scene(&s, "");
    t = now(&s);
    s.p.parse_fails = true;
    u = configure(&s, "one", AGNER_ESYNTAX);
    expect_same(&t, &u);
    assert_int_equal(
        gen_service_configure(s.bed.self, s.service, "one", 3, NULL, &error),
        AGNER_ESYNTAX);
    assert_string_equal(error.text, "byte 0: not understood");
    close_scene(&s);
}

/* A load that is under way, and then its end. */
static void expect_load(struct scene *s, const struct gen_service_state *t,
                        const char *config)
{
    struct gen_service_state u;

    assert_true(t->active);
    assert_true(t->loading);
    assert_int_equal(t->last_loading_start_ns, s->p.clock_ns);
    assert_int_equal(t->last_loading_end_ns, 0);
    run(s, 10);
    assert_int_equal(s->p.tries, 1);
    assert_string_equal(s->p.tried[0].config, config);
    assert_true(s->p.tried[0].parsed);
    assert_true(now(s).loading);
    s->p.clock_ns += SECOND_NS;
    s->p.gate = true;
    run(s, 10);
    u = now(s);
    assert_false(u.loading);
    assert_true(u.active);
    assert_int_equal(u.last_loading_end_ns, s->p.clock_ns);
    assert_int_equal(u.err, AGNER_OK);
    assert_false(gen_cancel_is_set(s->p.tried[0].token));
}

static void conf_service_configure_start_loads(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "b");
    (void)configure(&s, "one", AGNER_OK);
    t = start(&s, AGNER_OK);
    expect_load(&s, &t, "one");
    close_scene(&s);
}

static void conf_service_start_configure_loads(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "b");
    (void)start(&s, AGNER_OK);
    t = configure(&s, "one", AGNER_OK);
    expect_load(&s, &t, "one");
    close_scene(&s);
}

static void
conf_service_start_configure_configure_error_says_that_it_loads(void **state)
{
    struct scene s;
    struct gen_service_state t, u;

    (void)state;
    open_scene(&s, "b");
    (void)start(&s, AGNER_OK);
    t = configure(&s, "one", AGNER_OK);
    run(&s, 10);
    u = configure(&s, "two", AGNER_ELOADING);
    expect_same(&t, &u);
    close_scene(&s);
}

static void expect_failure(struct scene *s)
{
    struct gen_service_state t;

    run(s, 10);
    t = now(s);
    assert_false(t.active);
    assert_false(t.loading);
    assert_int_equal(t.err, AGNER_EIO);
    assert_int_equal(t.failed_attempts, 1);
    assert_int_equal(t.last_err_ns, s->p.clock_ns);
    assert_int_equal(t.last_loading_end_ns, s->p.clock_ns);
    assert_int_equal(t.last_inactive_ns, s->p.clock_ns);
    assert_int_equal(t.next_attempt_ns, 0);
    assert_int_equal(s->p.stops, 0); /* not a stop */
}

static void conf_service_configure_start_error_turns_it_off(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "f");
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    expect_failure(&s);
    close_scene(&s);
}

static void conf_service_start_configure_error_turns_it_off(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "f");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    expect_failure(&s);
    close_scene(&s);
}

static void conf_service_stop_says_that_it_is_stopped(void **state)
{
    struct scene s;
    struct gen_service_state t, u;

    (void)state;
    open_scene(&s, "");
    t = now(&s);
    u = stop(&s, AGNER_ESTOPPED);
    expect_same(&t, &u);
    assert_int_equal(s.p.stops, 0);
    close_scene(&s);
}

static void conf_service_start_stop_makes_it_inactive(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "");
    (void)start(&s, AGNER_OK);
    t = stop(&s, AGNER_OK);
    assert_false(t.active);
    assert_int_equal(t.last_inactive_ns, s.p.clock_ns);
    assert_int_equal(s.p.tries, 0);
    assert_int_equal(s.p.stops, 1);
    close_scene(&s);
}

static void conf_service_configure_stop_keeps_the_configuration(void **state)
{
    struct scene s;
    struct gen_service_state t, u;

    (void)state;
    open_scene(&s, "");
    t = configure(&s, "one", AGNER_OK);
    u = stop(&s, AGNER_ESTOPPED);
    expect_same(&t, &u);
    expect_config(&u, "one");
    close_scene(&s);
}

static void conf_service_configure_start_stop_cancels_the_context(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "o");
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 10);
    assert_false(gen_cancel_is_set(s.p.tried[0].token));
    t = stop(&s, AGNER_OK);
    assert_false(t.active);
    assert_true(gen_cancel_is_set(s.p.tried[0].token)); /* at once */
    expect_config(&t, "one");
    close_scene(&s);
}

/* agner: LastErrTime is that of every failure; the reference leaves it zero in
 * the retry wait. */
static void conf_service_retry_waits_and_tries_again(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 10, .log = puppet_log };
    struct gen_service_state t;
    struct scene s;

    (void)state;
    retry.log_ctx = &s.p;
    open_with(&s, "fo", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 5);
    t = now(&s);
    assert_true(t.loading);
    assert_true(t.active);
    assert_int_equal(t.err, AGNER_EIO);
    assert_int_equal(t.next_attempt_ns, s.p.clock_ns + 10 * 1000000);
    assert_int_equal(t.failed_attempts, 1);
    assert_int_equal(t.last_err_ns, s.p.clock_ns);
    assert_string_equal(s.p.retries, "1:-64:10 ");
    assert_true(gen_cancel_is_set(s.p.tried[0].token));
    run(&s, 10);
    t = now(&s);
    assert_false(t.loading);
    assert_int_equal(t.next_attempt_ns, 0);
    assert_int_equal(t.err, AGNER_EIO);
    assert_int_equal(t.failed_attempts, 1);
    assert_string_equal(s.p.retries, "1:-64:10 1:0:0 ");
    assert_int_equal(s.p.tried[1].attempt, 2);
    assert_false(gen_cancel_is_set(s.p.tried[1].token));
    close_scene(&s);
}

/* ---- spec/service.md 1 and 5: what the reference does wrong ------------- */

/* 5.3: stop and start in a row ran several applies at once. */
static void one_apply_at_a_time(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "sssss");
    (void)configure(&s, "one", AGNER_OK);
    for (int i = 0; i < 5; i++) {
        (void)start(&s, AGNER_OK);
        run(&s, 1);
        (void)stop(&s, AGNER_OK);
    }
    (void)start(&s, AGNER_OK);
    run(&s, 1000);
    assert_int_equal(s.p.running, 1); /* the first, which does not listen */
    assert_true(now(&s).loading);
    s.p.gate = true;
    run(&s, 1000);
    assert_int_equal(s.p.running_max, 1);
    assert_int_equal(s.p.tries, 2); /* those in between never began */
    assert_false(now(&s).loading);
    assert_true(now(&s).active);
    close_scene(&s);
}

/* 1, late result: an abort of an old run switched the new run off. */
static void a_late_abort_does_not_hit_the_new_run(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_scene(&s, "Ab");
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 1);
    (void)stop(&s, AGNER_OK);
    t = start(&s, AGNER_OK);
    run(&s, 1);
    s.p.gate = true;
    run(&s, 100);
    assert_true(now(&s).active);
    assert_int_equal(now(&s).err, AGNER_OK);
    assert_int_equal(now(&s).generation, t.generation);
    assert_int_equal(s.p.tries, 2);
    close_scene(&s);
}

/* 5.4: Loading stayed true after a stop in the retry wait, for ever. */
static void a_stop_in_the_retry_wait_ends_the_load(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 1000 };
    struct gen_service_state t;
    struct scene s;

    (void)state;
    open_with(&s, "f", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 10);
    assert_true(now(&s).next_attempt_ns != 0);
    t = stop(&s, AGNER_OK);
    assert_false(t.loading);
    assert_int_equal(t.next_attempt_ns, 0);
    assert_int_equal(t.failed_attempts, 0);
    (void)configure(&s, "two", AGNER_OK); /* not "already loading" */
    run(&s, 5000);
    assert_int_equal(s.p.tries, 1); /* the timer is off */
    close_scene(&s);
}

/* 5.9: FailedAttempts back to 0 on configure, no end time while it loads. */
static void documented_resets_are_done(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 10 };
    struct gen_service_state t;
    struct scene s;

    (void)state;
    open_with(&s, "ffob", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 100);
    t = now(&s);
    assert_int_equal(t.failed_attempts, 2);
    assert_true(t.last_loading_end_ns != 0);
    t = configure(&s, "two", AGNER_OK);
    assert_int_equal(t.failed_attempts, 0);
    assert_int_equal(t.last_loading_end_ns, 0);
    assert_int_equal(t.err, AGNER_EIO); /* as the reference: not cleared */
    close_scene(&s);
}

/* 5.8: an apply that ignores its context is killed after the grace. */
static void a_stubborn_apply_is_killed_after_the_grace(void **state)
{
    struct scene s;

    (void)state;
    open_with(&s, "so", (struct gen_service_options){ .grace_ms = 700 });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 1);
    (void)stop(&s, AGNER_OK); /* does not wait */
    assert_false(now(&s).loading);
    run(&s, 690);
    assert_int_equal(s.p.running, 1);
    run(&s, 20);
    assert_int_equal(s.p.running, 0);
    (void)start(&s, AGNER_OK);
    run(&s, 10);
    assert_int_equal(s.p.tries, 2);
    assert_false(now(&s).loading);
    close_scene(&s);
}

/* 2.3: a crash of apply ended the program; here it is a failure like any. */
static void a_crash_of_apply_is_a_failure_that_is_retried(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 10 };
    struct gen_service_state t;
    struct scene s;

    (void)state;
    open_with(&s, "cco", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 5);
    t = now(&s);
    assert_int_equal(t.err, AGNER_ECRASHED);
    assert_true(etf_atom_is(t.why, "boom"));
    assert_true(t.loading);
    run(&s, 100);
    t = now(&s);
    assert_false(t.loading);
    assert_true(t.active);
    assert_int_equal(s.p.tries, 3);
    close_scene(&s);
}

/* 2.3: an abort is final, with what it wraps. */
static void an_abort_is_not_retried(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 10, .log = puppet_log };
    struct gen_service_state t;
    struct scene s;
    char text[32];

    (void)state;
    retry.log_ctx = &s.p;
    open_with(&s, "fa", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 100);
    t = now(&s);
    assert_false(t.active);
    assert_int_equal(t.err, AGNER_EIO);
    assert_true(etf_get_text(t.why, text, sizeof text));
    assert_string_equal(text, "why");
    assert_int_equal(t.failed_attempts, 2);
    assert_string_equal(s.p.retries, "1:-64:10 2:-64:0 ");
    close_scene(&s);
}

/* 2.4: max attempts = m: apply runs m times in all. */
static void attempts_are_counted(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 10, .max_attempts = 3 };
    struct scene s;

    (void)state;
    open_with(&s, "ffff", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 1000);
    assert_int_equal(s.p.tries, 3);
    assert_false(now(&s).active);
    assert_int_equal(now(&s).failed_attempts, 3);
    close_scene(&s);
}

/* 2.4: the default delays, in virtual time. */
static void retries_come_when_they_are_due(void **state)
{
    static const uint64_t delays_ms[] = { 500, 750, 1125, 1687, 2531, 3796 };
    struct gen_retry_options retry = { 0 };
    struct scene s;
    unsigned i;

    (void)state;
    open_with(&s, "fffffff", (struct gen_service_options){ .retry = &retry });
    (void)configure(&s, "one", AGNER_OK);
    (void)start(&s, AGNER_OK);
    run(&s, 2);
    for (i = 0; i < 6; i++) {
        assert_int_equal(s.p.tries, i + 1);
        run(&s, delays_ms[i] - 4);
        assert_int_equal(s.p.tries, i + 1);
        run(&s, 5);
        assert_int_equal(s.p.tries, i + 2);
    }
    close_scene(&s);
}

/* 5.7: a hook may call anything; the reference's deadlocks. */
static void a_hook_may_call_its_own_service(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "");
    s.p.hook_calls = true;
    (void)start(&s, AGNER_OK);
    (void)stop(&s, AGNER_OK);
    assert_int_equal(s.p.hook_got, AGNER_ECALLSELF); /* an error, no hang */
    s.p.hook_calls = false;
    s.p.hook_crashes = true;
    (void)start(&s, AGNER_OK);
    (void)stop(&s, AGNER_OK);
    assert_int_equal(s.p.stops, 2);
    (void)start(&s, AGNER_OK); /* it lives */
    close_scene(&s);
}

/* 5.10: a callback for each change, with its version. */
static void each_change_is_saved(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "o");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    (void)stop(&s, AGNER_OK);
    assert_int_equal(s.p.saved, 4);
    assert_int_equal(s.p.saved_version, 5);
    assert_int_equal(now(&s).version, 5);
    close_scene(&s);
}

/* 5.8: what apply starts is supervised, and ends with the stop, in reverse. */
static void a_stop_ends_the_children_in_reverse(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "kk");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_string_equal(s.p.children, "+x+y+z");
    (void)stop(&s, AGNER_OK);
    run(&s, 10);
    assert_string_equal(s.p.children, "+x+y+z-z-y-x");
    close_scene(&s);
}

/* So do those of an apply that was cancelled, once it has ended itself. */
static void a_cancelled_apply_leaves_no_children(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "Ko");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_string_equal(s.p.children, "+x+y+z");
    assert_true(now(&s).loading);
    (void)stop(&s, AGNER_OK);
    run(&s, 10);
    assert_string_equal(s.p.children, "+x+y+z-z-y-x");
    (void)start(&s, AGNER_OK);
    run(&s, 10);
    assert_int_equal(s.p.tries, 2);
    close_scene(&s);
}

/* The mono form: with another configuration the old children end first. */
static void a_new_configuration_replaces_what_the_old_one_started(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "kk");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    (void)configure(&s, "two", AGNER_OK);
    assert_true(gen_cancel_is_set(s.p.tried[0].token));
    run(&s, 10);
    assert_string_equal(s.p.children, "+x+y+z-z-y-x+x+y+z");
    assert_false(gen_cancel_is_set(s.p.tried[1].token));
    close_scene(&s);
}

/* keep_runs: as the reference without MonoApply. */
static void runs_are_kept_where_asked_for(void **state)
{
    struct scene s;

    (void)state;
    open_with(&s, "kk", (struct gen_service_options){ .keep_runs = true });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    (void)configure(&s, "two", AGNER_OK);
    run(&s, 10);
    assert_false(gen_cancel_is_set(s.p.tried[0].token));
    assert_string_equal(s.p.children, "+x+y+z+x+y+z");
    (void)stop(&s, AGNER_OK);
    run(&s, 10);
    assert_true(gen_cancel_is_set(s.p.tried[0].token));
    assert_int_equal(strlen(s.p.children), 24);
    close_scene(&s);
}

/* 5.8: when the task dies for good, it is a failure, and tried again. */
static void a_task_that_dies_is_a_failure(void **state)
{
    struct gen_retry_options retry = { .initial_ms = 1000 };
    struct gen_service_state t;
    struct scene s;

    (void)state;
    open_with(&s, "dk", (struct gen_service_options){ .retry = &retry });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 100);
    t = now(&s);
    assert_true(t.active);
    assert_true(t.loading);
    assert_int_equal(t.err, AGNER_ECRASHED);
    run(&s, 1000);
    assert_int_equal(s.p.tries, 2);
    assert_false(now(&s).loading);
    close_scene(&s);
}

/* 2.2, Configure while loading, with `replace`. */
static void replace_cancels_the_load(void **state)
{
    struct scene s;
    struct gen_service_state t;

    (void)state;
    open_with(&s, "bo", (struct gen_service_options){ .replace = true });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    t = configure(&s, "two", AGNER_OK);
    assert_true(t.loading);
    assert_true(gen_cancel_is_set(s.p.tried[0].token));
    run(&s, 10);
    assert_string_equal(s.p.tried[1].config, "two");
    assert_false(now(&s).loading);
    assert_int_equal(now(&s).err, AGNER_OK);
    close_scene(&s);
}

/* 2.2: an empty configuration is one. */
static void an_empty_configuration_loads(void **state)
{
    struct scene s;

    (void)state;
    open_scene(&s, "o");
    (void)start(&s, AGNER_OK);
    assert_true(configure(&s, "", AGNER_OK).loading);
    run(&s, 10);
    assert_int_equal(s.p.tries, 1);
    close_scene(&s);
}

static void parses_inside_where_asked_for(void **state)
{
    struct scene s;
    struct agner_error error;

    (void)state;
    open_with(&s, "o", (struct gen_service_options){ .parse_inside = true });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_true(s.p.tried[0].parsed);
    assert_int_equal(
        gen_service_configure(s.bed.self, s.service, "bad", 3, NULL, &error),
        AGNER_ESYNTAX);
    assert_string_equal(error.text, "byte 0: not understood");
    close_scene(&s);
}

/* As it was saved: it goes on where it was. */
static void begins_as_it_was_saved(void **state)
{
    struct scene s;

    (void)state;
    open_with(&s, "o",
              (struct gen_service_options){
                  .active = true,
                  .configured = true,
                  .config = { (const uint8_t *)"kept", 4 } });
    assert_true(now(&s).active);
    run(&s, 10);
    assert_string_equal(s.p.tried[0].config, "kept");
    assert_false(now(&s).loading);
    close_scene(&s);
}

static void a_final_failure_may_call_the_hook(void **state)
{
    struct scene s;

    (void)state;
    open_with(&s, "f", (struct gen_service_options){ .stop_on_failure = true });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_int_equal(s.p.stops, 1);
    close_scene(&s);
}

/* ---- The end ------------------------------------------------------------- */

static void another_process_goes_on(void **state)
{
    struct scene s;
    etf_pid pid;

    (void)state;
    open_scene(&s, "kkk");
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_int_equal(gen_service_restart(s.bed.self, s.service, false, &pid),
                     AGNER_ERUNNING);
    assert_int_equal(
        rt_exit_signal(s.bed.self, gen_service_pid(s.service), ETF_A(kill)),
        AGNER_OK);
    run(&s, 10);
    assert_false(now(&s).active);
    assert_int_equal(now(&s).err, AGNER_ECRASHED);
    assert_true(gen_cancel_is_set(s.p.tried[0].token));
    assert_string_equal(s.p.children, "+x+y+z-z-y-x");
    assert_int_equal(gen_service_activate(s.bed.self, s.service, NULL),
                     AGNER_ENOPROC);
    assert_int_equal(gen_service_restart(s.bed.self, s.service, false, &pid),
                     AGNER_OK);
    run(&s, 10);
    assert_true(now(&s).active); /* as before it was killed */
    assert_int_equal(s.p.tries, 2);
    assert_string_equal(s.p.tried[1].config, "one");
    /* An orderly end is a stop, after which it is as active as before. */
    assert_int_equal(gen_service_terminate(s.bed.self, s.service, 1000),
                     AGNER_OK);
    assert_false(now(&s).active);
    assert_int_equal(s.p.stops, 1);
    assert_int_equal(gen_service_restart(s.bed.self, s.service, false, &pid),
                     AGNER_OK);
    assert_true(now(&s).active);
    close_scene(&s);
}

static void ends_what_runs_before_it_ends(void **state)
{
    struct scene s;

    (void)state;
    open_with(&s, "s", (struct gen_service_options){ .grace_ms = 300 });
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_int_equal(gen_service_terminate(s.bed.self, s.service, 1000),
                     AGNER_OK);
    assert_int_equal(s.p.running, 0);
    assert_int_equal(gen_service_terminate(s.bed.self, s.service, 1000),
                     AGNER_ENOPROC);
    close_scene(&s);
}

/* ---- Calls as terms: spec/service.md 2.7, 3.4 --------------------------- */

static etf_term ask(struct scene *s, const char *text)
{
    etf_term request, reply;

    assert_int_equal(etf_parse(rt_region(s->bed.self), text, strlen(text),
                               &request, NULL, NULL),
                     AGNER_OK);
    assert_int_equal(gen_call(s->bed.self,
                              etf_from_pid(NULL, gen_service_pid(s->service)),
                              request, 1000, &reply),
                     AGNER_OK);
    return reply;
}

static void expect_ok(etf_term reply, bool active)
{
    etf_term map;

    assert_true(etf_match(reply, "{ok, _}", &map));
    assert_true(
        etf_same(etf_map_get(map, etf_atom("active")), etf_bool(active)));
    assert_int_equal(etf_map_size(map), 16);
}

static void expect_why(etf_term reply, const char *why)
{
    etf_term said, map;

    assert_true(etf_match(reply, "{error, {_, _}}", &said, &map));
    assert_true(etf_atom_is(said, why));
    assert_int_equal(etf_map_size(map), 16);
}

static void answers_calls_in_terms(void **state)
{
    struct scene s;
    etf_term text;
    char said[64];

    (void)state;
    open_scene(&s, "bf");
    expect_ok(ask(&s, "state"), false);
    expect_ok(ask(&s, "start"), true);
    expect_why(ask(&s, "start"), "already_started");
    expect_ok(ask(&s, "{start, [allow_active]}"), true);
    expect_ok(ask(&s, "{configure, <<\"one\">>}"), true);
    run(&s, 10);
    expect_why(ask(&s, "{configure, <<\"two\">>}"), "loading");
    expect_ok(ask(&s, "{configure, <<\"two\">>, [replace]}"), true);
    assert_true(etf_match(ask(&s, "{configure, <<\"bad\">>}"),
                          "{error, {{parse, _}, __}}", &text));
    assert_true(etf_get_text(text, said, sizeof said));
    assert_string_equal(said, "byte 0: not understood");
    expect_ok(ask(&s, "stop"), false);
    expect_why(ask(&s, "stop"), "already_stopped");
    expect_ok(ask(&s, "{stop, [allow_inactive]}"), false);
    assert_true(
        etf_match(ask(&s, "{stop, [allow_active]}"), "{error, badarg}"));
    assert_true(
        etf_match(ask(&s, "{stop, [allow_inactive | x]}"), "{error, badarg}"));
    assert_true(etf_match(ask(&s, "{configure, \"list\"}"), "{error, badarg}"));
    assert_true(etf_match(ask(&s, "hello"), "{error, badarg}"));
    assert_true(etf_match(ask(&s, "{3, x, true}"), "{error, badarg}"));
    assert_true(etf_match(ask(&s, "{4, 99}"), "{error, -45}"));
    close_scene(&s);
}

/* A handle for what is known by pid or name only does the same in terms. */
static void a_handle_by_address_speaks_terms(void **state)
{
    const struct gen_service_state *t;
    struct gen_service *there;
    struct agner_error error;
    struct scene s;

    (void)state;
    open_with(&s, "f", (struct gen_service_options){ .name = etf_atom("svc") });
    there = gen_service_at(s.bed.rt, etf_atom("svc"));
    assert_null(gen_service_state(there));
    assert_int_equal(gen_service_activate(s.bed.self, there, &t), AGNER_OK);
    assert_true(t->active);
    assert_int_equal(t->version, 2);
    gen_service_state_free(t);
    assert_int_equal(gen_service_activate(s.bed.self, there, &t),
                     AGNER_ESTARTED);
    gen_service_state_free(t);
    assert_int_equal(
        gen_service_configure(s.bed.self, there, "bad", 3, NULL, &error),
        AGNER_EINVAL);
    assert_string_equal(error.text, "byte 0: not understood");
    assert_int_equal(
        gen_service_configure(s.bed.self, there, "one", 3, &t, NULL), AGNER_OK);
    assert_true(t->loading);
    expect_config(t, "one");
    gen_service_state_free(t);
    run(&s, 10);
    assert_int_equal(gen_service_deactivate(s.bed.self, there, &t),
                     AGNER_ESTOPPED); /* it has failed */
    assert_int_equal(t->err, AGNER_EIO);
    gen_service_state_free(t);
    gen_service_free(there);
    close_scene(&s);
}

/* Followers by message: every change in order, and the end last. */
static void tells_followers_by_message(void **state)
{
    struct scene s;
    etf_term map, message, ref;

    (void)state;
    open_scene(&s, "o");
    assert_true(etf_match(ask(&s, "follow"), "{ok, _, _}", &ref, &map));
    assert_int_equal(etf_map_size(map), 16);
    (void)start(&s, AGNER_OK);
    (void)configure(&s, "one", AGNER_OK);
    run(&s, 10);
    assert_int_equal(gen_service_terminate(s.bed.self, s.service, 1000),
                     AGNER_OK);
    for (int64_t version = 2; version <= 5; version++) {
        int64_t got = 0;

        assert_int_equal(rt_receive(s.bed.self, 0, &message), AGNER_OK);
        assert_true(etf_match(message, "{service_state, __, _}", &map));
        assert_true(etf_get_int(etf_map_get(map, etf_atom("version")), &got));
        assert_int_equal(got, version);
    }
    assert_int_equal(rt_receive(s.bed.self, 0, &message), AGNER_OK);
    assert_true(etf_match(message, "{service_end, __, shutdown}"));
    bed_expect_nothing(&s.bed);
    close_scene(&s);
}

static void forgets_followers(void **state)
{
    struct scene s;
    etf_ref ref;
    etf_term reply;

    (void)state;
    open_scene(&s, "o");
    assert_true(etf_match(ask(&s, "{follow, [updates_only]}"),
                          "{ok, _, undefined}", &ref));
    assert_int_equal(
        gen_call(s.bed.self, etf_from_pid(NULL, gen_service_pid(s.service)),
                 etf_make(s.bed.self, "{unfollow, _}", ref), 1000, &reply),
        AGNER_OK);
    (void)start(&s, AGNER_OK);
    bed_expect_nothing(&s.bed);
    close_scene(&s);
}

/* ---- Following on this node: spec/service.md 1, 3.3, 5.1 ---------------- */

/* 4,000 changes: in the reference 144 steps went backwards. The state that one
 * starts from and what comes after it fit exactly. */
static void changes_come_in_order_after_the_state(void **state)
{
    const struct gen_service_state *first;
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    struct scene s;
    uint64_t version;

    (void)state;
    open_scene(&s, "");
    (void)start(&s, AGNER_OK);
    assert_int_equal(
        gen_service_follow(s.bed.self, s.service, NULL, &first, &cursor),
        AGNER_OK);
    version = first->version;
    assert_int_equal(version, 2);
    gen_service_state_free(first);
    for (int i = 0; i < 4000; i++) {
        assert_int_equal(
            i % 2 == 0 ? gen_service_deactivate(s.bed.self, s.service, NULL)
                       : gen_service_activate(s.bed.self, s.service, NULL),
            AGNER_OK);
        rt_reset(s.bed.self);
        if (i % 500 != 499)
            continue;
        while (gen_cursor_next(s.bed.self, cursor, &event, 0, NULL) ==
               AGNER_OK) {
            assert_int_equal(gen_service_event_state(&event)->version,
                             ++version);
            assert_int_equal(gen_service_event_state(&event)->active,
                             version % 2 == 0);
        }
    }
    assert_int_equal(version, 4002);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* A follower that reads nothing: bounded, and it is told. */
static void a_slow_follower_is_told_what_it_missed(void **state)
{
    struct gen_cursor_options latest = { .lag = GEN_STREAM_LATEST };
    struct gen_stream_event event;
    struct gen_cursor *all, *newest;
    struct scene s;

    (void)state;
    open_scene(&s, "");
    assert_int_equal(
        gen_service_follow(s.bed.self, s.service, NULL, NULL, &all), AGNER_OK);
    assert_int_equal(
        gen_service_follow(s.bed.self, s.service, &latest, NULL, &newest),
        AGNER_OK);
    for (int i = 0; i < 2000; i++) {
        (void)gen_service_activate(s.bed.self, s.service, NULL);
        (void)gen_service_deactivate(s.bed.self, s.service, NULL);
        rt_reset(s.bed.self);
    }
    assert_int_equal(gen_cursor_next(s.bed.self, newest, &event, 0, NULL),
                     AGNER_OK);
    assert_int_equal(gen_service_event_state(&event)->version, 4001);
    assert_int_equal(gen_cursor_next(s.bed.self, all, &event, 0, NULL),
                     AGNER_ELAGGED);
    assert_true(event.size >= 4000 - 2 * GEN_SERVICE_WINDOW);
    gen_cursor_close(all);
    gen_cursor_close(newest);
    close_scene(&s);
}

static void the_end_is_the_last_thing_told(void **state)
{
    struct gen_stream_event event;
    struct gen_cursor *cursor;
    struct scene s;

    (void)state;
    open_scene(&s, "");
    (void)start(&s, AGNER_OK);
    assert_int_equal(
        gen_service_follow(s.bed.self, s.service, NULL, NULL, &cursor),
        AGNER_OK);
    assert_int_equal(gen_service_terminate(s.bed.self, s.service, 1000),
                     AGNER_OK);
    assert_int_equal(gen_cursor_next(s.bed.self, cursor, &event, 0, NULL),
                     AGNER_OK);
    assert_false(gen_service_event_state(&event)->active);
    assert_int_equal(gen_cursor_next(s.bed.self, cursor, &event, 0, NULL),
                     AGNER_EDONE);
    assert_true(etf_same(gen_cursor_reason(cursor, rt_region(s.bed.self)),
                         ETF_A(shutdown)));
    assert_int_equal(
        gen_service_follow(s.bed.self, s.service, NULL, NULL, &cursor),
        AGNER_ENOPROC);
    gen_cursor_close(cursor);
    close_scene(&s);
}

/* ---- Figures ------------------------------------------------------------ */

static void shows_itself_without_being_asked(void **state)
{
    struct scene s;
    etf_term list, row, name, map;
    etf_pid pid;

    (void)state;
    open_with(&s, "o", (struct gen_service_options){ .name = etf_atom("svc") });
    (void)start(&s, AGNER_OK);
    list = rt_figures_list(s.bed.rt, rt_region(s.bed.self), "service");
    assert_int_equal(etf_list_size(list), 1);
    (void)etf_list_next(&list, &row);
    assert_true(
        etf_match(row, "{_, #{name => _, state => _}}", &pid, &name, &map));
    assert_true(etf_atom_is(name, "svc"));
    assert_true(etf_pid_equal(pid, gen_service_pid(s.service)));
    assert_true(etf_same(etf_map_get(map, etf_atom("active")), ETF_A(true)));
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_service_start_makes_it_active),
        cmocka_unit_test(conf_service_start_start_says_that_it_is),
        cmocka_unit_test(conf_service_configure_stores_it),
        cmocka_unit_test(conf_service_configure_configure_keeps_the_last),
        cmocka_unit_test(conf_service_configure_error_changes_nothing),
        cmocka_unit_test(conf_service_configure_start_loads),
        cmocka_unit_test(conf_service_start_configure_loads),
        cmocka_unit_test(
            conf_service_start_configure_configure_error_says_that_it_loads),
        cmocka_unit_test(conf_service_configure_start_error_turns_it_off),
        cmocka_unit_test(conf_service_start_configure_error_turns_it_off),
        cmocka_unit_test(conf_service_stop_says_that_it_is_stopped),
        cmocka_unit_test(conf_service_start_stop_makes_it_inactive),
        cmocka_unit_test(conf_service_configure_stop_keeps_the_configuration),
        cmocka_unit_test(conf_service_configure_start_stop_cancels_the_context),
        cmocka_unit_test(conf_service_retry_waits_and_tries_again),
        cmocka_unit_test(one_apply_at_a_time),
        cmocka_unit_test(a_late_abort_does_not_hit_the_new_run),
        cmocka_unit_test(a_stop_in_the_retry_wait_ends_the_load),
        cmocka_unit_test(documented_resets_are_done),
        cmocka_unit_test(a_stubborn_apply_is_killed_after_the_grace),
        cmocka_unit_test(a_crash_of_apply_is_a_failure_that_is_retried),
        cmocka_unit_test(an_abort_is_not_retried),
        cmocka_unit_test(attempts_are_counted),
        cmocka_unit_test(retries_come_when_they_are_due),
        cmocka_unit_test(a_hook_may_call_its_own_service),
        cmocka_unit_test(each_change_is_saved),
        cmocka_unit_test(a_stop_ends_the_children_in_reverse),
        cmocka_unit_test(a_cancelled_apply_leaves_no_children),
        cmocka_unit_test(a_new_configuration_replaces_what_the_old_one_started),
        cmocka_unit_test(runs_are_kept_where_asked_for),
        cmocka_unit_test(a_task_that_dies_is_a_failure),
        cmocka_unit_test(replace_cancels_the_load),
        cmocka_unit_test(an_empty_configuration_loads),
        cmocka_unit_test(parses_inside_where_asked_for),
        cmocka_unit_test(begins_as_it_was_saved),
        cmocka_unit_test(a_final_failure_may_call_the_hook),
        cmocka_unit_test(another_process_goes_on),
        cmocka_unit_test(ends_what_runs_before_it_ends),
        cmocka_unit_test(answers_calls_in_terms),
        cmocka_unit_test(a_handle_by_address_speaks_terms),
        cmocka_unit_test(tells_followers_by_message),
        cmocka_unit_test(forgets_followers),
        cmocka_unit_test(changes_come_in_order_after_the_state),
        cmocka_unit_test(a_slow_follower_is_told_what_it_missed),
        cmocka_unit_test(the_end_is_the_last_thing_told),
        cmocka_unit_test(shows_itself_without_being_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
