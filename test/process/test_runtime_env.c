/*
 * test_runtime_env.c -- what a process inherits: environment, group leader,
 * application; and how long it may live.
 *
 * Each case runs on threads and on simulated schedules. Source: spec/gen.md
 * 1.2, 1.16, 2.7.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

/* What a process sees of key `k`, its leader and its application, told to its
 * parent when it is asked; {set, V} sets k, {remove} removes it, {child} makes
 * a child like it whose pid it tells. */
static void heir(struct gen *self, void *arg)
{
    etf_term message, value;
    etf_pid parent = rt_parent(self), child;

    (void)arg;
    for (;;) {
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        if (etf_match(message, "{set, _}", &value)) {
            (void)rt_env_set(self, etf_atom("k"), value);
        } else if (etf_match(message, "remove")) {
            (void)rt_env_set(self, etf_atom("k"), ETF_NONE);
        } else if (etf_match(message, "child")) {
            struct rt_spawn_options options = { .parent = &parent };

            (void)rt_spawn(self, heir, NULL, &options, &child);
            (void)rt_send_pid(self, parent,
                              etf_make(self, "{child, _}", child));
        } else if (etf_match(message, "look")) {
            if (rt_env_get(self, etf_atom("k"), &value) != AGNER_OK)
                value = etf_atom("unknown");
            (void)rt_send_pid(
                self, parent,
                etf_make(
                    self, "{_, _, _}", value,
                    (bool)etf_pid_equal(rt_group_leader(self), rt_self(self)),
                    etf_is_none(rt_application(self)) ? etf_atom("none")
                                                      : rt_application(self)));
        } else {
            return;
        }
    }
}

static etf_pid make_heir(struct bed *bed,
                         const struct rt_spawn_options *options)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, heir, NULL, options, &pid), AGNER_OK);
    return pid;
}

static etf_pid child_of(struct bed *bed, etf_pid pid)
{
    etf_pid child;
    etf_term message;

    bed_order(bed, pid, "child");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{child, _}", &child));
    return child;
}

static void expect_look(struct bed *bed, etf_pid pid, const char *text)
{
    bed_order(bed, pid, "look");
    bed_expect(bed, text);
}

static void finish(struct bed *bed, etf_pid pid)
{
    bed_order(bed, pid, "stop");
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

/* ---- The layers -----------------------------------------------------------*/

static void layers(struct bed *bed)
{
    etf_term k = etf_atom("k"), app = etf_atom("app");
    struct rt_spawn_options options = { .env =
                                            etf_make(bed->self, "#{k => 1}") };
    etf_pid mother = make_heir(bed, &options), child = child_of(bed, mother);

    expect_look(bed, mother, "{1,true,none}");
    expect_look(bed, child, "{1,true,none}");
    /* Own changes are private, and the past is not changed. */
    bed_order(bed, mother, "{set, 2}");
    expect_look(bed, mother, "{2,true,none}");
    expect_look(bed, child, "{1,true,none}");
    finish(bed, mother);
    expect_look(bed, child, "{1,true,none}");
    /* Below it the application, then the node, as they are now. */
    assert_int_equal(
        rt_env_put(bed->rt, ETF_NONE, k, etf_make(bed->self, "{node, [1]}")),
        AGNER_OK);
    bed_order(bed, child, "remove");
    expect_look(bed, child, "{{node,[1]},true,none}");
    assert_int_equal(rt_env_put(bed->rt, app, k, ETF_A(ok)), AGNER_OK);
    expect_look(bed, child, "{{node,[1]},true,none}");
    assert_int_equal(rt_application_leader(bed->rt, child, app), AGNER_OK);
    expect_look(bed, child, "{ok,true,app}");
    assert_int_equal(rt_env_put(bed->rt, app, k, ETF_NONE), AGNER_OK);
    expect_look(bed, child, "{{node,[1]},true,app}");
    assert_int_equal(rt_env_put(bed->rt, ETF_NONE, k, ETF_NONE), AGNER_OK);
    expect_look(bed, child, "{unknown,true,app}");
    assert_int_equal(rt_application_leader(bed->rt, child, ETF_NONE), AGNER_OK);
    finish(bed, child);
}

static void own_then_application_then_node(void **state)
{
    (void)state;
    bed_everywhere(layers, SEEDS);
}

static void lists(struct bed *bed)
{
    etf_term app = etf_atom("app"), map;
    char text[200];

    assert_int_equal(rt_env_put(bed->rt, ETF_NONE, etf_atom("a"),
                                etf_make(bed->self, "node")),
                     AGNER_OK);
    assert_int_equal(rt_env_put(bed->rt, ETF_NONE, etf_atom("b"),
                                etf_make(bed->self, "node")),
                     AGNER_OK);
    assert_int_equal(
        rt_env_put(bed->rt, app, etf_atom("b"), etf_make(bed->self, "app")),
        AGNER_OK);
    assert_int_equal(
        rt_env_put(bed->rt, app, etf_atom("c"), etf_make(bed->self, "app")),
        AGNER_OK);
    assert_int_equal(rt_application_leader(bed->rt, rt_self(bed->self), app),
                     AGNER_OK);
    assert_int_equal(
        rt_env_set(bed->self, etf_atom("c"), etf_make(bed->self, "own")),
        AGNER_OK);
    assert_int_equal(rt_env_set(bed->self, etf_text(rt_region(bed->self), "d"),
                                etf_make(bed->self, "own")),
                     AGNER_OK);
    assert_int_equal(rt_env_list(bed->self, &map), AGNER_OK);
    etf_format(text, sizeof text, map);
    assert_string_equal(text,
                        "#{a => node,b => app,c => own,<<\"d\">> => own}");
    assert_int_equal(rt_env_all(bed->rt, rt_region(bed->self), app, &map),
                     AGNER_OK);
    etf_format(text, sizeof text, map);
    assert_string_equal(text, "#{b => app,c => app}");
    assert_int_equal(
        rt_application_leader(bed->rt, rt_self(bed->self), ETF_NONE), AGNER_OK);
}

static void a_list_has_all_layers_and_the_nearest_counts(void **state)
{
    (void)state;
    bed_everywhere(lists, 1);
}

static void wrong_keys(struct bed *bed)
{
    struct etf_region *r = rt_region(bed->self);
    struct rt_spawn_options options = { .env =
                                            etf_make(bed->self, "#{1 => 2}") };
    struct rt_stats before, after;
    etf_term value = ETF_NONE;
    etf_pid pid;

    assert_int_equal(rt_env_set(bed->self, etf_int(r, 1), ETF_A(ok)),
                     AGNER_EINVAL);
    assert_int_equal(rt_env_set(bed->self, etf_atom("agner:x"), ETF_A(ok)),
                     AGNER_EINVAL);
    assert_int_equal(rt_env_set(bed->self, etf_text(r, "agner:x"), ETF_A(ok)),
                     AGNER_EINVAL);
    assert_int_equal(
        rt_env_put(bed->rt, ETF_NONE, etf_atom("agner:x"), ETF_A(ok)),
        AGNER_EINVAL);
    assert_int_equal(
        rt_env_put(bed->rt, etf_int(r, 1), etf_atom("x"), ETF_A(ok)),
        AGNER_EINVAL);
    assert_int_equal(rt_env_get(bed->self, etf_atom("x"), &value),
                     AGNER_EUNKNOWN);
    assert_true(etf_is_none(value));
    rt_stats(bed->rt, &before);
    assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid),
                     AGNER_EINVAL);
    options.env = etf_make(bed->self, "[]");
    assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid),
                     AGNER_EINVAL);
    rt_stats(bed->rt, &after);
    assert_int_equal(before.processes, after.processes);
}

static void wrong_keys_are_refused_and_reserved_ones(void **state)
{
    (void)state;
    bed_everywhere(wrong_keys, 1);
}

/* Many children of two leaders, on several workers: counts of what they share
 * go around between workers, and nobody's environment is freed too early. */
static void many_heirs(struct bed *bed)
{
    struct rt_spawn_options options[2];
    etf_pid pids[2];
    int i, round;

    for (i = 0; i < 2; i++)
        options[i] = (struct rt_spawn_options){
            .env = etf_make(bed->self, "#{k => {value, _}}", (int64_t)i)
        };
    for (i = 0; i < 2; i++)
        pids[i] = make_heir(bed, &options[i]);
    for (round = 0; round < 200; round++)
        for (i = 0; i < 2; i++) {
            etf_pid child = child_of(bed, pids[i]);

            expect_look(bed, child,
                        i == 0 ? "{{value,0},true,none}"
                               : "{{value,1},true,none}");
            bed_order(bed, pids[i], "stop");
            pids[i] = child;
            rt_reset(bed->self);
        }
    for (i = 0; i < 2; i++)
        finish(bed, pids[i]);
}

static void what_generations_share_lives_as_long_as_they_do(void **state)
{
    (void)state;
    bed_everywhere(many_heirs, 2);
}

/* ---- Group leaders --------------------------------------------------------*/

static void leaders(struct bed *bed)
{
    etf_pid me = rt_self(bed->self), other = bed_puppet(bed, NULL);
    etf_term app = etf_atom("app");
    struct rt_spawn_options options = { .group_leader = &me };
    struct rt_process_info info;
    etf_pid mother, child, orphan;

    assert_int_equal(rt_application_leader(bed->rt, me, app), AGNER_OK);
    mother = make_heir(bed, &options);
    child = child_of(bed, mother);
    expect_look(bed, child, "{unknown,false,app}");
    assert_true(etf_same(rt_application_of(bed->rt, child), app));
    assert_int_equal(rt_process_info(bed->self, child, &info), AGNER_OK);
    assert_true(etf_pid_equal(info.group_leader, me));
    /* It is inherited at spawn: a change later is for that process alone. */
    assert_int_equal(rt_set_group_leader(bed->self, mother, other), AGNER_OK);
    expect_look(bed, mother, "{unknown,false,none}");
    expect_look(bed, child, "{unknown,false,app}");
    orphan = child_of(bed, mother);
    assert_int_equal(rt_process_info(bed->self, orphan, &info), AGNER_OK);
    assert_true(etf_pid_equal(info.group_leader, other));
    assert_true(etf_is_none(rt_application_of(bed->rt, orphan)));
    assert_true(etf_is_none(rt_application_of(bed->rt, mother)));
    finish(bed, mother);
    finish(bed, orphan);
    assert_true(etf_is_none(rt_application_of(bed->rt, mother)));
    assert_int_equal(rt_set_group_leader(bed->self, mother, other),
                     AGNER_ENOPROC);
    assert_int_equal(rt_set_group_leader(bed->self, child, (etf_pid){ 0 }),
                     AGNER_EINVAL);
    finish(bed, child);
    assert_true(etf_pid_equal(rt_group_leader(bed->self), me));
    assert_int_equal(rt_set_group_leader(bed->self, me, other), AGNER_OK);
    assert_true(etf_pid_equal(rt_group_leader(bed->self), other));
    assert_int_equal(rt_application_leader(bed->rt, me, ETF_NONE), AGNER_OK);
}

static void a_group_leader_is_inherited_and_can_be_changed(void **state)
{
    (void)state;
    bed_everywhere(leaders, SEEDS);
}

/* rt_application_of() reads another process's leader while it changes between
 * two, and while processes come and go: it sees one of those there have been.
 */
static void watched_leaders(struct bed *bed)
{
    etf_pid me = rt_self(bed->self);
    struct rt_spawn_options options = { .group_leader = &me };
    etf_pid pid = make_heir(bed, &options), a = bed_puppet(bed, NULL),
            b = bed_puppet(bed, NULL);
    etf_term in_a = etf_atom("a"), in_b = etf_atom("b"), seen;
    int i;

    assert_int_equal(rt_application_leader(bed->rt, a, in_a), AGNER_OK);
    assert_int_equal(rt_application_leader(bed->rt, b, in_b), AGNER_OK);
    assert_int_equal(rt_application_leader(bed->rt, me, in_a), AGNER_OK);
    for (i = 0; i < 2000; i++) {
        assert_int_equal(
            rt_set_group_leader(bed->self, pid, i % 2 == 0 ? b : a), AGNER_OK);
        seen = rt_application_of(bed->rt, pid);
        if (!etf_same(seen, in_a) && !etf_same(seen, in_b))
            fail_msg("turn %d: no application", i);
        if (i % 50 == 0)
            finish(bed, child_of(bed, pid));
        rt_reset(bed->self);
    }
    finish(bed, pid);
}

static void a_leader_is_read_whole_by_any_thread(void **state)
{
    struct bed bed;

    (void)state;
    bed_open(&bed, 0);
    watched_leaders(&bed);
    bed_close(&bed);
}

/* ---- Lifetime -------------------------------------------------------------*/

static void traps(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    (void)rt_trap_exit(self, true);
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK)
        rt_reset(self);
}

static void lives(struct bed *bed)
{
    struct rt_spawn_options options = { .lifetime_ms = 20, .monitor = true };
    etf_term message, reason;
    uint64_t begin = rt_now_ms(bed->rt);
    etf_ref ref, down;
    etf_pid pid;
    int i;

    options.monitor_ref = &ref;
    for (i = 0; i < 2; i++) {
        char text[64];

        assert_int_equal(
            rt_spawn(bed->self, i == 0 ? heir : traps, NULL, &options, &pid),
            AGNER_OK);
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(
            etf_match(message, "{'DOWN', _, process, __, _}", &down, &reason));
        etf_format(text, sizeof text, reason);
        assert_string_equal(text, "{shutdown,lifetime}");
        assert_true(rt_now_ms(bed->rt) - begin >= 20 * (unsigned)(i + 1));
    }
    /* One that ends before leaves no timer. */
    options.lifetime_ms = 100000;
    assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid), AGNER_OK);
    bed_order(bed, pid, "stop");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
}

/* D-04: what limits a life leaves kill and the runtime's end as they are; the
 * latter is bed_close(), which would find it alive. */
static void kill_with_lifetime(struct bed *bed)
{
    struct rt_cancel *token = rt_cancel_new(bed->rt);
    struct rt_spawn_options options = { .lifetime_ms = 1000000,
                                        .cancel = token,
                                        .monitor = true };
    etf_term message, reason;
    etf_ref ref, down;
    etf_pid pid;

    options.monitor_ref = &ref;
    assert_int_equal(rt_spawn(bed->self, traps, NULL, &options, &pid),
                     AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{'DOWN', _, process, __, _}", &down, &reason));
    assert_true(etf_same(reason, ETF_A(killed)));
    assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid), AGNER_OK);
    rt_cancel_free(token); /* that ends nobody */
    expect_look(bed, pid, "{unknown,true,none}");
}

static void D_04_a_limited_life_hears_kill_and_the_end(void **state)
{
    (void)state;
    bed_everywhere(kill_with_lifetime, SEEDS);
}

static void cancelled(struct bed *bed)
{
    struct rt_cancel *token = rt_cancel_new(bed->rt);
    struct rt_spawn_options options = { .cancel = token, .monitor = true };
    etf_term message, reason;
    etf_ref ref, down;
    etf_pid pid;
    char text[64];
    int i;

    options.monitor_ref = &ref;
    for (i = 0; i < 40; i++) { /* many come and go */
        assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid),
                         AGNER_OK);
        bed_order(bed, pid, "stop");
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    }
    for (i = 0; i < 3; i++)
        assert_int_equal(
            rt_spawn(bed->self, i == 0 ? heir : traps, NULL, &options, &pid),
            AGNER_OK);
    assert_int_equal(rt_cancel(token), AGNER_OK);
    for (i = 0; i < 3; i++) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(
            etf_match(message, "{'DOWN', _, process, __, _}", &down, &reason));
        etf_format(text, sizeof text, reason);
        assert_string_equal(text, "{shutdown,cancelled}");
    }
    assert_int_equal(rt_spawn(bed->self, heir, NULL, &options, &pid),
                     AGNER_ETERMINATED);
    assert_int_equal(rt_cancel(token), AGNER_OK);
    rt_cancel_free(token);
    bed_expect_nothing(bed);
}

static void a_token_ends_all_that_have_it(void **state)
{
    (void)state;
    bed_everywhere(cancelled, SEEDS);
}

static void a_lifetime_ends_it_trapping_or_not(void **state)
{
    (void)state;
    bed_everywhere(lives, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(own_then_application_then_node),
        cmocka_unit_test(a_list_has_all_layers_and_the_nearest_counts),
        cmocka_unit_test(wrong_keys_are_refused_and_reserved_ones),
        cmocka_unit_test(what_generations_share_lives_as_long_as_they_do),
        cmocka_unit_test(a_group_leader_is_inherited_and_can_be_changed),
        cmocka_unit_test(a_leader_is_read_whole_by_any_thread),
        cmocka_unit_test(a_lifetime_ends_it_trapping_or_not),
        cmocka_unit_test(D_04_a_limited_life_hears_kill_and_the_end),
        cmocka_unit_test(a_token_ends_all_that_have_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
