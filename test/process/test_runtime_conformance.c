/*
 * test_runtime_conformance.c -- the reference's own tests of names, links and
 * monitors in one node: spec/gen.md 3.1 and 3.2. A test is called like the one
 * that it ports, and then what it shows. docs/conformance.md has the list.
 *
 * Each runs on threads and on twenty simulated schedules.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

static void do_it(struct bed *bed, etf_pid who, etf_term order)
{
    (void)rt_send_pid(
        bed->self, who,
        etf_make(bed->self, "{do, _, _}", rt_self(bed->self), order));
    bed_expect(bed, "{done,ok}");
}

/* Ends a puppet and waits for its end. */
static void end(struct bed *bed, etf_pid who, const char *reason)
{
    bed_order(bed, who, "{exit, _}", etf_atom(reason));
    assert_int_equal(rt_wait(bed->self, who, WAIT_MS), AGNER_OK);
}

/* ---- registrar_test ----------------------------------------------------- */

/* The process behind a name, a pid and an alias is the same one. */
static void expect_same(struct bed *bed, etf_term name, etf_ref alias,
                        etf_pid pid)
{
    etf_pid found;

    assert_int_equal(rt_whereis(bed->rt, name, &found), AGNER_OK);
    assert_true(etf_pid_equal(found, pid));
    assert_int_equal(rt_alias_find(bed->self, alias, &found), AGNER_OK);
    assert_true(etf_pid_equal(found, pid));
    assert_true(rt_is_alive(bed->rt, pid));
}

/* Another process that wants the names of the first; `arg` is the result. */
static void want_name(struct gen *self, void *arg)
{
    enum agner_err *result = arg;

    result[0] = rt_register_self(self, etf_atom("the_name"));
    result[1] = rt_unregister_self(self, etf_atom("the_name"));
}

static void names(struct bed *bed)
{
    struct gen *self = bed->self;
    etf_term name = etf_atom("the_name"), other = etf_atom("another");
    enum agner_err result[2] = { AGNER_OK, AGNER_OK };
    etf_ref alias;
    etf_pid pid;

    assert_int_equal(rt_register_self(self, name), AGNER_OK);
    assert_int_equal(rt_alias(self, RT_ALIAS_EXPLICIT, &alias), AGNER_OK);
    expect_same(bed, name, alias, rt_self(self));
    assert_int_equal(rt_register_self(self, name), AGNER_ETAKEN);
    assert_int_equal(rt_register_self(self, other), AGNER_OK);
    assert_int_equal(rt_unregister_self(self, other), AGNER_OK);
    assert_int_equal(rt_unregister_self(self, other), AGNER_ENONAME);
    assert_int_equal(rt_register_self(self, other), AGNER_OK);
    expect_same(bed, other, alias, rt_self(self));
    /* Taken, and not to be given up by another. */
    assert_int_equal(rt_spawn(self, want_name, result, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_wait(self, pid, WAIT_MS), AGNER_OK);
    assert_int_equal(result[0], AGNER_ETAKEN);
    assert_int_equal(result[1], AGNER_EOWNER);
    assert_int_equal(rt_unregister_self(self, name), AGNER_OK);
    assert_int_equal(rt_unregister_self(self, other), AGNER_OK);
}

static void conf_TestRegistrar_names_lead_to_their_process(void **state)
{
    (void)state;
    bed_everywhere(names, SEEDS);
}

/* Makes three aliases, sends them, tells whether it could take back one that is
 * another's, and waits for `go`. */
struct aliaser {
    etf_pid to;
    etf_ref others; /* one of the test's own */
};

static void make_aliases(struct gen *self, void *arg)
{
    const struct aliaser *aliaser = arg;
    etf_ref alias;
    etf_term m;

    for (int i = 0; i < 3; i++)
        if (rt_alias(self, RT_ALIAS_EXPLICIT, &alias) == AGNER_OK)
            (void)rt_send_pid(self, aliaser->to,
                              etf_make(self, "{alias, _}", alias));
    (void)rt_send_pid(self, aliaser->to,
                      etf_make(self, "{unalias, _}",
                               (int64_t)rt_unalias(self, aliaser->others)));
    for (;;) { /* what comes through an alias goes back */
        if (rt_receive(self, RT_INFINITY, &m) != AGNER_OK)
            return;
        (void)rt_send_pid(self, aliaser->to, etf_make(self, "{got, _}", m));
    }
}

static void aliases(struct bed *bed)
{
    struct gen *self = bed->self;
    struct aliaser aliaser = { .to = rt_self(self) };
    struct rt_process_info info;
    etf_ref made[3];
    etf_term message;
    etf_pid pid, found;

    assert_int_equal(rt_process_info(self, rt_self(self), &info), AGNER_OK);
    assert_int_equal(etf_list_size(info.aliases), 0);
    assert_int_equal(rt_alias(self, RT_ALIAS_EXPLICIT, &aliaser.others),
                     AGNER_OK);
    assert_int_equal(rt_spawn(self, make_aliases, &aliaser, NULL, &pid),
                     AGNER_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rt_receive(self, WAIT_MS, &message), AGNER_OK);
        assert_true(etf_match(message, "{alias, _}", &made[i]));
        assert_true(rt_is_alias(self, made[i]));
        assert_int_equal(rt_alias_find(self, made[i], &found), AGNER_OK);
        assert_true(etf_pid_equal(found, pid));
    }
    bed_expect(bed, "{unalias,-14}"); /* AGNER_ENOALIAS: not its own */
    assert_int_equal(rt_process_info(self, pid, &info), AGNER_OK);
    assert_int_equal(etf_list_size(info.aliases), 3);
    assert_int_equal(rt_send(self, etf_from_ref(rt_region(self), made[1]),
                             etf_atom("hello")),
                     AGNER_OK);
    bed_expect(bed, "{got,hello}");
    /* Its aliases end with it, and no others do (D-03). */
    assert_int_equal(rt_exit_signal(self, pid, ETF_A(kill)), AGNER_OK);
    assert_int_equal(rt_wait(self, pid, WAIT_MS), AGNER_OK);
    for (int i = 0; i < 3; i++)
        assert_false(rt_is_alias(self, made[i]));
    assert_true(rt_is_alias(self, aliaser.others));
    assert_int_equal(rt_unalias(self, aliaser.others), AGNER_OK);
    assert_int_equal(rt_unalias(self, aliaser.others), AGNER_ENOALIAS);
    bed_expect_nothing(bed);
}

/* TestRegistrarAlias, but an alias is not called: a call watches whom it asks,
 * as in OTP; and one that is another's is none of self's. */
static void conf_TestRegistrarAlias_lives_as_long_as_its_owner(void **state)
{
    (void)state;
    bed_everywhere(aliases, SEEDS);
}

/* ---- monitor_test ------------------------------------------------------- */

static void expect_down(struct bed *bed, etf_ref ref, etf_term object,
                        const char *reason)
{
    etf_term message = ETF_NONE, seen_object, seen_reason;
    etf_ref seen;
    char text[300];

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'DOWN', _, process, _, _}", &seen, &seen_object,
                   &seen_reason) ||
        !etf_ref_equal(seen, ref) || !etf_equal(seen_object, object) ||
        !etf_atom_is(seen_reason, reason))
        fail_msg("seed %llu: %s instead of a down with %s",
                 (unsigned long long)bed->seed,
                 etf_format(text, sizeof text, message), reason);
}

/* What to watch: by pid, by name, by {Name, Node}. */
enum way { BY_PID, BY_NAME, BY_NAME_AND_NODE };

static etf_term target(struct bed *bed, enum way way, etf_pid *pid)
{
    struct rt_spawn_options options = { .name = way == BY_PID
                                                    ? ETF_NONE
                                                    : etf_atom("watched") };

    *pid = bed_puppet(bed, &options);
    switch (way) {
    case BY_PID:
        return etf_from_pid(NULL, *pid);
    case BY_NAME:
        return options.name;
    case BY_NAME_AND_NODE:
        break;
    }
    return etf_make(bed->self, "{watched, nonode@nohost}");
}

/* What the down says: the pid, or {Name, Node}. */
static etf_term object_of(struct bed *bed, enum way way, etf_term watched)
{
    return way == BY_PID ? watched
                         : etf_make(bed->self, "{watched, nonode@nohost}");
}

static void monitor_in(struct bed *bed, enum way way)
{
    etf_pid pid;
    etf_term watched = target(bed, way, &pid), object;
    etf_ref ref;

    object = object_of(bed, way, watched);
    /* Taken back: forgotten. */
    assert_int_equal(rt_monitor(bed->self, watched, 0, &ref), AGNER_OK);
    assert_true(rt_is_monitor(bed->self, ref));
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_OK);
    assert_false(rt_is_monitor(bed->self, ref));
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_ENOREF);
    /* The end fires it, and it is forgotten. */
    assert_int_equal(rt_monitor(bed->self, watched, 0, &ref), AGNER_OK);
    end(bed, pid, "normal");
    expect_down(bed, ref, object, "normal");
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_ENOREF);
    /* Nobody any more. */
    assert_int_equal(rt_monitor(bed->self, watched, 0, &ref), AGNER_OK);
    expect_down(bed, ref, object, "noproc");
    bed_expect_nothing(bed);
}

static void monitors(struct bed *bed)
{
    monitor_in(bed, BY_PID);
    monitor_in(bed, BY_NAME);
    monitor_in(bed, BY_NAME_AND_NODE);
}

static void conf_TestMonitorLocalLocal_fires_once(void **state)
{
    (void)state;
    bed_everywhere(monitors, SEEDS);
}

/* ---- link_test ---------------------------------------------------------- */

static void expect_exit(struct bed *bed, etf_pid from, const char *reason)
{
    etf_term message = ETF_NONE, seen_reason;
    etf_pid seen;
    char text[300];

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{'EXIT', _, _}", &seen, &seen_reason) ||
        !etf_pid_equal(seen, from) || !etf_atom_is(seen_reason, reason))
        fail_msg("seed %llu: %s instead of an exit with %s",
                 (unsigned long long)bed->seed,
                 etf_format(text, sizeof text, message), reason);
}

static int64_t links_of(struct bed *bed, etf_pid who)
{
    struct rt_process_info info;

    assert_int_equal(rt_process_info(bed->self, who, &info), AGNER_OK);
    return etf_list_size(info.links);
}

static void links(struct bed *bed)
{
    struct gen *self = bed->self;
    etf_pid me = rt_self(self), peer = bed_puppet(bed, NULL);
    etf_pid other = bed_puppet(bed, NULL);

    (void)rt_trap_exit(self, true);
    assert_int_equal(rt_link(self, me), AGNER_OK); /* nothing */
    assert_int_equal(links_of(bed, me), 0);
    assert_int_equal(rt_link(self, peer), AGNER_OK);
    assert_int_equal(links_of(bed, me), 1);
    assert_int_equal(links_of(bed, peer), 1);
    assert_int_equal(rt_unlink(self, peer), AGNER_OK);
    assert_int_equal(links_of(bed, me), 0);
    assert_int_equal(links_of(bed, peer), 0);
    /* A second one, also from the other side, changes nothing. */
    assert_int_equal(rt_link(self, peer), AGNER_OK);
    assert_int_equal(rt_link(self, peer), AGNER_OK);
    do_it(bed, peer, etf_make(self, "{link, _}", me));
    assert_int_equal(links_of(bed, me), 1);
    assert_int_equal(links_of(bed, peer), 1);
    /* A normal end is a message to who traps; who does not lives on. */
    do_it(bed, peer, etf_make(self, "{link, _}", other));
    end(bed, peer, "normal");
    expect_exit(bed, peer, "normal");
    do_it(bed, other, etf_make(self, "{trap, false}"));
    assert_int_equal(links_of(bed, other), 0);
    assert_int_equal(rt_link(self, peer), AGNER_OK);
    expect_exit(bed, peer, "noproc");
    /* Another end takes who does not trap along. */
    peer = bed_puppet(bed, NULL);
    do_it(bed, peer, etf_make(self, "{link, _}", other));
    end(bed, peer, "enough");
    assert_int_equal(rt_wait(self, other, WAIT_MS), AGNER_OK);
    bed_expect_nothing(bed);
}

/* TestLinkLocalLocal, but a normal end does not propagate, as in OTP. */
static void conf_TestLinkLocalLocal_ends_who_is_linked(void **state)
{
    (void)state;
    bed_everywhere(links, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conf_TestRegistrar_names_lead_to_their_process),
        cmocka_unit_test(conf_TestRegistrarAlias_lives_as_long_as_its_owner),
        cmocka_unit_test(conf_TestMonitorLocalLocal_fires_once),
        cmocka_unit_test(conf_TestLinkLocalLocal_ends_who_is_linked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
