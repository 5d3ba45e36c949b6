/*
 * test_runtime_event.c -- local events: spec/gen.md 1.13.
 *
 * Each case runs on threads and on simulated schedules. The test's process owns
 * the events or listens; listeners that are processes tell it what they hear.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"
#include "rt_carrier.h"

#define SEEDS 20

/* Subscribes to `news` as it is told, and tells the test, its parent, what
 * comes: {heard, N} for an event, else {got, Term}. */
static void listener(struct gen *self, void *arg)
{
    etf_pid boss = rt_parent(self);
    etf_term message, last = etf_nil();
    etf_ref ref = { .count = 0 };
    enum agner_err err;
    int64_t n;

    (void)arg;
    for (;;) {
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        if (etf_match(message, "monitor") || etf_match(message, "link")) {
            err = etf_match(message, "link")
                      ? rt_event_link(self, etf_atom("news"), &ref, &last)
                      : rt_event_monitor(self, etf_atom("news"), &ref, &last);
            (void)rt_send_pid(self, boss,
                              etf_make(self, "{subscribed, _, _}", (int64_t)err,
                                       etf_list_size(last)));
        } else if (etf_match(message, "leave")) {
            err = rt_demonitor(self, ref, true);
            (void)rt_send_pid(self, boss,
                              etf_make(self, "{left, _}", (int64_t)err));
        } else if (etf_match(message, "trap")) {
            (void)rt_trap_exit(self, true);
        } else if (etf_match(message, "stop")) {
            return;
        } else if (etf_match(message, "{event, news, __, __, _}", &n)) {
            (void)rt_send_pid(self, boss, etf_make(self, "{heard, _}", n));
        } else {
            (void)rt_send_pid(self, boss, etf_make(self, "{got, _}", message));
        }
    }
}

static etf_pid make_listener(struct bed *bed)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, listener, NULL, NULL, &pid), AGNER_OK);
    return pid;
}

static void finish(struct bed *bed, etf_pid pid)
{
    bed_order(bed, pid, "stop");
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
}

static void say(struct bed *bed, etf_ref token, int64_t n)
{
    assert_int_equal(rt_event_send(bed->self, etf_atom("news"), token,
                                   etf_int(rt_region(bed->self), n)),
                     AGNER_OK);
}

static etf_ref open_news(struct bed *bed, bool notify, uint32_t buffer)
{
    struct rt_event_options options = { .notify = notify, .buffer = buffer };
    etf_ref token;

    assert_int_equal(
        rt_event_register(bed->self, etf_atom("news"), &options, &token),
        AGNER_OK);
    return token;
}

/* ---- What is published, comes ---------------------------------------------*/

static void publishing(struct bed *bed)
{
    etf_ref token = open_news(bed, false, 0);
    etf_pid listeners[3];
    int64_t n;
    int i;

    for (i = 0; i < 3; i++) {
        listeners[i] = make_listener(bed);
        bed_order(bed, listeners[i], "monitor");
        bed_expect(bed, "{subscribed,0,0}");
    }
    for (n = 0; n < 5; n++)
        say(bed, token, n);
    for (i = 0; i < 3; i++)
        finish(bed, listeners[i]); /* it has told before it ended */
    /* From each in order. */
    {
        int heard = 0;
        etf_term message;

        while (rt_receive(bed->self, 0, &message) == AGNER_OK)
            heard += etf_match(message, "{heard, _}", &n);
        assert_int_equal(heard, 15);
    }
    assert_int_equal(rt_event_unregister(bed->self, etf_atom("news")),
                     AGNER_OK);
}

static void an_event_comes_to_all_subscribers(void **state)
{
    (void)state;
    bed_everywhere(publishing, SEEDS);
}

static void its_form(struct bed *bed)
{
    etf_ref token, ref;
    etf_term message, name, node, what, last;
    uint64_t time_ns, begin = rt_wall_ns(bed->rt);

    assert_int_equal(
        rt_event_register(bed->self, etf_atom("news"), NULL, &token), AGNER_OK);
    assert_int_equal(rt_event_monitor(bed->self, etf_atom("news"), &ref, &last),
                     AGNER_OK);
    assert_true(etf_same(last, etf_nil()));
    assert_int_equal(rt_event_post(bed->rt, etf_atom("news"), token,
                                   etf_make(bed->self, "{it, rains}")),
                     AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{event, _, _, _, _}", &name, &node,
                          &time_ns, &what));
    assert_true(etf_atom_is(name, "news"));
    assert_true(etf_atom_is(node, "nonode@nohost"));
    assert_true(time_ns >= begin && time_ns <= rt_wall_ns(bed->rt));
    assert_true(etf_match(what, "{it, rains}"));
    assert_int_equal(rt_demonitor(bed->self, ref, true), AGNER_OK);
}

static void an_event_says_which_where_and_when(void **state)
{
    (void)state;
    bed_everywhere(its_form, SEEDS);
}

static void order(struct bed *bed)
{
    etf_ref token = open_news(bed, false, 3), ref;
    etf_pid pid = make_listener(bed);
    etf_term message, last;
    int64_t n, expected;
    char text[200];

    for (n = 0; n < 5; n++)
        say(bed, token, n);
    assert_int_equal(rt_event_monitor(bed->self, etf_atom("news"), &ref, &last),
                     AGNER_OK);
    for (expected = 2; expected < 5; expected++) {
        etf_term event;

        assert_true(etf_list_next(&last, &event));
        assert_true(etf_match(event, "{event, news, __, __, _}", &n));
        assert_int_equal(n, expected);
    }
    assert_true(etf_same(last, etf_nil()));
    bed_order(bed, pid, "monitor");
    bed_expect(bed, "{subscribed,0,3}");
    /* From there on without a gap and without a repetition. */
    say(bed, token, 5);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message, "{event, news, __, __, 5}") &&
        !etf_match(message, "{heard, 5}"))
        fail_msg("got %s", etf_format(text, sizeof text, message));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, ref, true), AGNER_OK);
    finish(bed, pid);
    bed_expect_nothing(bed);
}

static void the_newest_are_kept_for_those_who_come_later(void **state)
{
    (void)state;
    bed_everywhere(order, SEEDS);
}

static void leaving(struct bed *bed)
{
    etf_ref token = open_news(bed, false, 0), ref;
    etf_pid pid = make_listener(bed);

    bed_order(bed, pid, "monitor");
    bed_expect(bed, "{subscribed,0,0}");
    bed_order(bed, pid, "leave");
    bed_expect(bed, "{left,0}");
    say(bed, token, 1);
    finish(bed, pid);
    assert_int_equal(rt_event_monitor(bed->self, etf_atom("news"), &ref, NULL),
                     AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_OK);
    assert_int_equal(rt_demonitor(bed->self, ref, false), AGNER_ENOREF);
    say(bed, token, 2);
    bed_expect_nothing(bed);
}

static void nothing_comes_after_leaving(void **state)
{
    (void)state;
    bed_everywhere(leaving, SEEDS);
}

/* ---- Owners ---------------------------------------------------------------*/

static void rights(struct bed *bed)
{
    etf_ref token = open_news(bed, false, 0), other;
    etf_pid pid = bed_puppet(bed, NULL);
    struct etf_region *r = rt_region(bed->self);
    char text[100];

    assert_int_equal(
        rt_event_register(bed->self, etf_atom("news"), NULL, &other),
        AGNER_ETAKEN);
    assert_int_equal(
        rt_event_register(bed->self, etf_atom("network"), NULL, &other),
        AGNER_ETAKEN);
    assert_int_equal(rt_event_register(bed->self, etf_int(r, 1), NULL, &other),
                     AGNER_EINVAL);
    assert_int_equal(
        rt_event_register(bed->self, etf_atom("other"), NULL, &other),
        AGNER_OK);
    etf_format(text, sizeof text, rt_event_list(bed->rt, r));
    assert_string_equal(text, "[alarm,network,news,other]");
    assert_int_equal(
        rt_event_send(bed->self, etf_atom("news"), other, ETF_A(ok)),
        AGNER_EOWNER);
    assert_int_equal(
        rt_event_post(bed->rt, etf_atom("network"), token, ETF_A(ok)),
        AGNER_EOWNER);
    assert_int_equal(
        rt_event_send(bed->self, etf_atom("olds"), token, ETF_A(ok)),
        AGNER_EUNKNOWN);
    assert_int_equal(rt_event_unregister(bed->self, etf_atom("network")),
                     AGNER_EOWNER);
    assert_int_equal(rt_event_unregister(bed->self, etf_atom("olds")),
                     AGNER_EUNKNOWN);
    assert_int_equal(
        rt_event_monitor(bed->self, etf_atom("olds"), &other, NULL),
        AGNER_EUNKNOWN);
    (void)pid;
    assert_int_equal(rt_event_unregister(bed->self, etf_atom("news")),
                     AGNER_OK);
    /* A token is of one event, not of its name. */
    (void)open_news(bed, false, 0);
    assert_int_equal(
        rt_event_send(bed->self, etf_atom("news"), token, ETF_A(ok)),
        AGNER_EOWNER);
}

static void only_who_has_the_token_publishes(void **state)
{
    (void)state;
    bed_everywhere(rights, 2);
}

/* Owns `news` until it is told to end, or to end it. */
static void owner(struct gen *self, void *arg)
{
    struct rt_event_options options = { .notify = true };
    etf_pid boss = rt_parent(self);
    etf_term message, reason;
    etf_ref token;

    (void)arg;
    (void)rt_event_register(self, etf_atom("news"), &options, &token);
    (void)rt_send_pid(self, boss, etf_atom("ready"));
    for (;;) {
        rt_reset(self);
        if (rt_receive(self, RT_INFINITY, &message) != AGNER_OK)
            return;
        if (etf_match(message, "{say, _}", &reason))
            (void)rt_event_send(self, etf_atom("news"), token, reason);
        else if (etf_match(message, "{exit, _}", &reason))
            rt_exit(self, reason);
        else if (etf_match(message, "unregister"))
            (void)rt_event_unregister(self, etf_atom("news"));
        else
            (void)rt_send_pid(self, boss, message);
    }
}

static etf_pid make_owner(struct bed *bed)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(bed->self, owner, NULL, NULL, &pid), AGNER_OK);
    bed_expect(bed, "ready");
    return pid;
}

/* Two messages from different processes, in either order. */
static void expect_both(struct bed *bed, const char *one, const char *other)
{
    char first[100];
    etf_term message;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    etf_format(first, sizeof first, message);
    if (strcmp(first, one) != 0 && strcmp(first, other) != 0)
        fail_msg("seed %llu: got %s", (unsigned long long)bed->seed, first);
    bed_expect(bed, strcmp(first, one) == 0 ? other : one);
}

/* {got, {'DOWN', Ref, event, {news, Node}, Reason}} */
static void expect_down(struct bed *bed, const char *reason)
{
    etf_term message, why;
    etf_ref ref;
    char text[200];

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    if (!etf_match(message,
                   "{got, {'DOWN', _, event, {news, nonode@nohost}, _}}", &ref,
                   &why))
        fail_msg("seed %llu: got %s", (unsigned long long)bed->seed,
                 etf_format(text, sizeof text, message));
    assert_true(etf_atom_is(why, reason));
}

static void ends(struct bed *bed)
{
    etf_pid boss = make_owner(bed), one = make_listener(bed),
            two = make_listener(bed), again;
    etf_ref ref;

    bed_order(bed, one, "monitor");
    expect_both(bed, "{subscribed,0,0}", "{event_start,news}");
    bed_order(bed, two, "trap");
    bed_order(bed, two, "link");
    bed_expect(bed, "{subscribed,0,0}");
    /* What it says last comes before its end. */
    bed_order(bed, boss, "{say, 1}");
    bed_expect(bed, "{heard,1}");
    bed_expect(bed, "{heard,1}");
    bed_order(bed, two, "stop");
    assert_int_equal(rt_wait(bed->self, two, WAIT_MS), AGNER_OK);
    assert_true(
        rt_is_alive(bed->rt, boss)); /* that was no link of the owner's */
    bed_order(bed, boss, "{exit, gone}");
    expect_down(bed, "gone");
    /* The name is free as soon as one hears of the end. */
    again = make_owner(bed);
    bed_order(bed, one, "monitor");
    expect_both(bed, "{subscribed,0,0}", "{event_start,news}");
    bed_order(bed, again, "unregister");
    expect_down(bed, "unregistered");
    assert_true(rt_is_alive(bed->rt, again));
    assert_int_equal(rt_event_monitor(bed->self, etf_atom("news"), &ref, NULL),
                     AGNER_EUNKNOWN);
    bed_order(bed, again, "{exit, normal}");
    finish(bed, one);
}

static void the_end_of_an_event_comes_as_a_down(void **state)
{
    (void)state;
    bed_everywhere(ends, SEEDS);
}

static void linked(struct bed *bed)
{
    etf_pid boss = make_owner(bed), trapping = make_listener(bed),
            other = make_listener(bed), from;
    etf_term message, reason;
    etf_ref ref;

    bed_order(bed, trapping, "trap");
    bed_order(bed, trapping, "link");
    expect_both(bed, "{subscribed,0,0}", "{event_start,news}");
    bed_order(bed, other, "link");
    bed_expect(bed, "{subscribed,0,0}");
    assert_int_equal(rt_monitor(bed->self, etf_from_pid(NULL, other), 0, &ref),
                     AGNER_OK);
    bed_order(bed, boss, "{exit, storm}");
    /* One gets a message, the other ends. */
    for (int i = 0; i < 2; i++) {
        etf_ref seen;

        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        if (etf_match(message, "{got, {'EXIT', _, _}}", &from, &reason))
            assert_true(etf_pid_equal(from, boss));
        else
            assert_true(etf_match(message, "{'DOWN', _, process, __, _}", &seen,
                                  &reason));
        assert_true(etf_atom_is(reason, "storm"));
    }
    finish(bed, trapping);
}

static void the_end_of_an_event_comes_as_an_exit(void **state)
{
    (void)state;
    bed_everywhere(linked, SEEDS);
}

static void notes(struct bed *bed)
{
    etf_pid boss = make_owner(bed), one = make_listener(bed),
            two = make_listener(bed);

    bed_order(bed, one, "monitor");
    expect_both(bed, "{subscribed,0,0}", "{event_start,news}");
    bed_order(bed, two, "monitor");
    bed_expect(bed, "{subscribed,0,0}");
    bed_order(bed, one, "leave");
    bed_expect(bed, "{left,0}");
    bed_expect_nothing(bed);
    /* An end is a leave. */
    bed_order(bed, two, "stop");
    bed_expect(bed, "{event_stop,news}");
    bed_order(bed, one, "monitor");
    expect_both(bed, "{subscribed,0,0}", "{event_start,news}");
    assert_int_equal(rt_exit_signal(bed->self, one, ETF_A(kill)), AGNER_OK);
    bed_expect(bed, "{event_stop,news}");
    bed_order(bed, boss, "{exit, normal}");
    assert_int_equal(rt_wait(bed->self, boss, WAIT_MS), AGNER_OK);
}

static void an_owner_hears_of_the_first_and_the_last(void **state)
{
    (void)state;
    bed_everywhere(notes, SEEDS);
}

static void network(struct bed *bed)
{
    etf_term other = etf_atom("other@host"), message;
    struct rt_far_node far = { .name = other };
    etf_ref ref;

    assert_int_equal(
        rt_event_monitor(bed->self, etf_atom("network"), &ref, NULL), AGNER_OK);
    rt__node_up(bed->rt, &far);
    rt__node_down(bed->rt, other, etf_atom("connection_closed"));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{event, network, __, __, {nodeup, other@host}}"));
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
    assert_true(
        etf_match(message, "{event, network, __, __, {nodedown, other@host}}"));
    assert_int_equal(rt_demonitor(bed->self, ref, true), AGNER_OK);
    rt__node_up(bed->rt, &far);
    bed_expect_nothing(bed);
    rt__node_down(bed->rt, other, etf_atom("connection_closed"));
}

static void the_network_is_an_event(void **state)
{
    (void)state;
    bed_everywhere(network, 2);
}

/* ---- Many at once ---------------------------------------------------------*/

#define COMERS 6
#define SAID   400

struct stream {
    etf_ref token;
    etf_pid boss;
};

/* Subscribes, sees that numbers come without gap or repetition, leaves, again;
 * until {last}. */
static void comer(struct gen *self, void *arg)
{
    const struct stream *s = arg;
    int64_t n, next = -1, wrong = 0, turns = 0;
    etf_term message, last, event;
    etf_ref ref;
    bool over = false;

    while (!over) {
        rt_reset(self);
        if (rt_event_monitor(self, etf_atom("news"), &ref, &last) != AGNER_OK)
            break;
        next = -1;
        while (etf_list_next(&last, &event)) {
            (void)etf_match(event, "{event, news, __, __, _}", &n);
            wrong += next >= 0 && n != next;
            next = n + 1;
            over = n == SAID;
        }
        for (int i = 0; i < 20 && !over; i++) {
            if (rt_receive(self, WAIT_MS, &message) != AGNER_OK)
                break;
            if (etf_match(message, "{event, news, __, __, _}", &n)) {
                wrong += next >= 0 && n != next;
                next = n + 1;
                over = n == SAID;
            }
        }
        (void)rt_demonitor(self, ref, true);
        /* What had come already is taken out. */
        while (rt_receive(self, 0, &message) == AGNER_OK)
            over =
                over || (etf_match(message, "{event, news, __, __, _}", &n) &&
                         n == SAID);
        turns++;
    }
    (void)rt_send_pid(
        self, s->boss,
        etf_make(self, "{turns, _, _}", (bool)(turns > 0), wrong));
}

/* Says the numbers; the last one again and again, until all have heard it. */
static void stream(struct bed *bed)
{
    struct stream s = { .token = open_news(bed, false, 4),
                        .boss = rt_self(bed->self) };
    etf_pid pids[COMERS];
    etf_term message;
    int64_t n, wrong;
    int ended = 0;
    bool turned;

    for (int i = 0; i < COMERS; i++)
        assert_int_equal(rt_spawn(bed->self, comer, &s, NULL, &pids[i]),
                         AGNER_OK);
    for (n = 0; n < SAID; n++) {
        say(bed, s.token, n);
        if (n % 16 == 0)
            (void)rt_sleep(bed->self, 1);
        rt_reset(bed->self);
    }
    assert_int_equal(rt_event_send(bed->self, etf_atom("news"), s.token,
                                   etf_int(rt_region(bed->self), SAID)),
                     AGNER_OK);
    while (ended < COMERS) {
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        if (!etf_match(message, "{turns, _, _}", &turned, &wrong))
            continue;
        assert_true(turned);
        assert_int_equal(wrong, 0);
        ended++;
        rt_reset(bed->self);
    }
    assert_int_equal(rt_event_unregister(bed->self, etf_atom("news")),
                     AGNER_OK);
}

static void no_gap_and_no_repetition_however_they_come_and_go(void **state)
{
    (void)state;
    bed_everywhere(stream, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_comes_to_all_subscribers),
        cmocka_unit_test(an_event_says_which_where_and_when),
        cmocka_unit_test(the_newest_are_kept_for_those_who_come_later),
        cmocka_unit_test(nothing_comes_after_leaving),
        cmocka_unit_test(only_who_has_the_token_publishes),
        cmocka_unit_test(the_end_of_an_event_comes_as_a_down),
        cmocka_unit_test(the_end_of_an_event_comes_as_an_exit),
        cmocka_unit_test(an_owner_hears_of_the_first_and_the_last),
        cmocka_unit_test(the_network_is_an_event),
        cmocka_unit_test(no_gap_and_no_repetition_however_they_come_and_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
