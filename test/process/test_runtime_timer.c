/*
 * test_runtime_timer.c -- the wheel against a plain list, and timers of
 * processes: G22.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bed.h"
#include "rt_world.h"
#include "timer.h"

#define MODEL_TIMERS 300
#define SEEDS        20

static uint64_t draw(uint64_t *state, uint64_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state % bound;
}

/* What is due by the wheel at each step is what a list of deadlines says. */
static void compare(uint64_t seed)
{
    static struct wheel wheel;
    struct timer *timers[MODEL_TIMERS] = { NULL };
    uint64_t deadlines[MODEL_TIMERS];
    uint64_t now = draw(&seed, 1000000);
    unsigned i, step;

    rt__wheel_init(&wheel, now);
    for (step = 0; step < 2000; step++) {
        unsigned at = (unsigned)draw(&seed, MODEL_TIMERS);
        unsigned wide = (unsigned)draw(&seed, 36);
        struct timer *due;

        if (timers[at] == NULL) {
            timers[at] = rt__wheel_new(&wheel);
            assert_non_null(timers[at]);
            deadlines[at] = now + draw(&seed, (uint64_t)1 << wide);
            store_relaxed(&timers[at]->deadline_ms, deadlines[at]);
            store_relaxed(&timers[at]->flags, (uint8_t)0);
            store_relaxed(&timers[at]->id, (uint64_t)step + 1);
            rt__wheel_arm(&wheel, timers[at]);
        } else if (draw(&seed, 3) == 0) {
            rt__wheel_disarm(&wheel, timers[at]);
            rt__wheel_release(&wheel, timers[at]);
            timers[at] = NULL;
        }
        if (draw(&seed, 4) != 0)
            continue;
        now += draw(&seed, (uint64_t)1 << draw(&seed, 34));
        for (due = rt__wheel_due(&wheel, now, UINT32_MAX); due != NULL;) {
            struct timer *next = due->next;

            for (i = 0; i < MODEL_TIMERS && timers[i] != due; i++)
                continue;
            assert_true(i < MODEL_TIMERS);
            assert_true(deadlines[i] <= now); /* never early */
            timers[i] = NULL;
            rt__wheel_release(&wheel, due);
            due = next;
        }
        for (i = 0; i < MODEL_TIMERS; i++)
            /* One that was due when it was armed comes with the next tick. */
            if (timers[i] != NULL && deadlines[i] < now)
                fail_msg("due at %llu, still there at %llu",
                         (unsigned long long)deadlines[i],
                         (unsigned long long)now);
        for (i = 0; i < MODEL_TIMERS; i++)
            if (timers[i] != NULL)
                assert_true(load_relaxed(&wheel.next_ms) <= deadlines[i] ||
                            deadlines[i] <= now);
    }
    rt__wheel_fini(&wheel);
}

static void the_wheel_fires_what_a_list_would(void **state)
{
    uint64_t seed;

    (void)state;
    for (seed = 1; seed <= 60; seed++)
        compare(seed * 0x9e3779b97f4a7c15u);
}

static struct timer *armed(struct wheel *wheel, uint64_t id, uint64_t at_ms,
                           unsigned flags)
{
    struct timer *timer = rt__wheel_new(wheel);

    assert_non_null(timer);
    store_relaxed(&timer->deadline_ms, at_ms);
    store_relaxed(&timer->flags, (uint8_t)flags);
    store_relaxed(&timer->id, id);
    rt__wheel_arm(wheel, timer);
    return timer;
}

/* What was started for some milliseconds from now waits for a look: its time
 * counts from there, never early; what was cancelled before never enters a
 * slot. */
static void fresh_timers_count_from_the_look(void **state)
{
    struct wheel wheel;
    struct timer *one, *two, *due;

    (void)state;
    rt__wheel_init(&wheel, 100);
    one = armed(&wheel, 1, TIMER_LATER | 5, 0);
    two = armed(&wheel, 2, TIMER_LATER | 5, 0);
    rt__wheel_disarm(&wheel, armed(&wheel, 3, TIMER_LATER | 1, 0));
    assert_true(load_relaxed(&wheel.next_ms) == RT_NEVER);
    assert_null(rt__wheel_due(&wheel, 101, 9));
    rt__wheel_settle(&wheel, 102000001); /* in tick 102: 103 has not begun */
    assert_int_equal(load_relaxed(&wheel.next_ms), 108);
    assert_null(rt__wheel_due(&wheel, 107, 9));
    due = rt__wheel_due(&wheel, 108, 9);
    assert_ptr_equal(due, one); /* in the order in which they were started */
    assert_ptr_equal(due->next, two);
    assert_true(load_relaxed(&one->id) == (1 | TIMER_FIRING));
    assert_int_equal(wheel.count, 0);
    rt__wheel_fini(&wheel);
}

/* Patient timers share a wake-up; others are waited for by nobody. */
static void patience_ends_where_a_timer_has_none(void **state)
{
    struct wheel wheel;

    (void)state;
    rt__wheel_init(&wheel, 100);
    (void)armed(&wheel, 1, 110, TIMER_PATIENT);
    assert_int_equal(rt__wheel_wake_ms(&wheel), 117);
    (void)armed(&wheel, 2, 112, TIMER_PATIENT);
    assert_int_equal(rt__wheel_wake_ms(&wheel), 117);
    (void)armed(&wheel, 3, 113, 0);
    assert_int_equal(rt__wheel_wake_ms(&wheel), 113);
    (void)armed(&wheel, 4, 110, 0);
    assert_int_equal(rt__wheel_wake_ms(&wheel), 110);
    rt__wheel_fini(&wheel);
}

/* One that another thread has cancelled is in its slot still: it does not fire,
 * and is free once the worker has looked, whichever comes first. */
static void a_timer_that_was_left_is_taken_out(void **state)
{
    struct wheel wheel;
    struct timer *one, *two;

    (void)state;
    rt__wheel_init(&wheel, 100);
    one = armed(&wheel, 1, 110, 0);
    two = armed(&wheel, 2, 120, 0);
    store_relaxed(&one->id, 0u);
    store_relaxed(&two->id, 0u);
    assert_null(rt__wheel_due(&wheel, 115, 9));
    rt__wheel_leave(&wheel, one);
    rt__wheel_leave(&wheel, two);
    assert_int_equal(wheel.count, 1);
    rt__wheel_collect(&wheel);
    assert_int_equal(wheel.count, 0);
    assert_null(rt__wheel_due(&wheel, 130, 9));
    assert_ptr_equal(rt__wheel_new(&wheel), one);
    assert_ptr_equal(rt__wheel_new(&wheel), two);
    rt__wheel_fini(&wheel);
}

static void in_order(struct bed *bed)
{
    struct rt_timer timer;
    etf_term me = rt_self_term(bed->self);

    assert_int_equal(rt_send_after(bed->self, me, etf_atom("c"), 30, &timer),
                     AGNER_OK);
    assert_int_equal(rt_send_after(bed->self, me, etf_atom("a"), 2, &timer),
                     AGNER_OK);
    assert_int_equal(rt_send_after(bed->self, me, etf_atom("b"), 15, &timer),
                     AGNER_OK);
    if (bed->sim ==
        NULL) { /* any of them may be set, or come, late: each comes */
        unsigned seen = 0;
        etf_term message;

        for (unsigned i = 0; i < 3; i++) {
            assert_int_equal(rt_receive(bed->self, WAIT_MS, &message),
                             AGNER_OK);
            seen |= etf_atom_is(message, "a")   ? 1u
                    : etf_atom_is(message, "b") ? 2u
                    : etf_atom_is(message, "c") ? 4u
                                                : 8u;
        }
        assert_int_equal(seen, 7);
        bed_expect_nothing(bed);
        return;
    }
    bed_expect(bed, "a");
    bed_expect(bed, "b");
    bed_expect(bed, "c");
}

static void timers_fire_in_the_order_of_their_times(void **state)
{
    (void)state;
    bed_everywhere(in_order, SEEDS);
}

static void never_early(struct bed *bed)
{
    struct rt_timer timer;
    uint64_t ms, before_ns;
    etf_term message;

    for (ms = 0; ms < 8; ms++) {
        before_ns = rt_now_ns(bed->rt);
        assert_int_equal(rt_send_after(bed->self, rt_self_term(bed->self),
                                       etf_atom("x"), ms, &timer),
                         AGNER_OK);
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &message), AGNER_OK);
        assert_true(rt_now_ns(bed->rt) - before_ns >= ms * 1000000u);
        before_ns = rt_now_ns(bed->rt);
        assert_int_equal(rt_receive(bed->self, ms, &message), AGNER_ETIMEOUT);
        assert_true(rt_now_ns(bed->rt) - before_ns >= ms * 1000000u);
    }
}

static void a_timer_is_never_early(void **state)
{
    (void)state;
    bed_everywhere(never_early, SEEDS);
}

static void cancelled(struct bed *bed)
{
    struct rt_timer timer;
    etf_term message;
    uint64_t left = 0;
    unsigned i;

    for (i = 0; i < 30; i++) {
        enum agner_err err;

        assert_int_equal(rt_send_after(bed->self, rt_self_term(bed->self),
                                       etf_atom("x"), i % 3, &timer),
                         AGNER_OK);
        if (i % 2 == 0)
            (void)rt_sleep(bed->self, i % 3);
        err = rt_cancel_timer(bed->self, &timer, &left);
        /* Either it is gone, or its message is here: no third case. */
        if (err == AGNER_OK)
            assert_int_equal(rt_receive(bed->self, 0, &message),
                             AGNER_ETIMEOUT);
        else
            assert_int_equal(rt_receive(bed->self, 0, &message), AGNER_OK);
    }
    assert_int_equal(rt_send_after(bed->self, rt_self_term(bed->self),
                                   etf_atom("x"), 3600000, &timer),
                     AGNER_OK);
    assert_int_equal(rt_read_timer(bed->self, &timer, &left), AGNER_OK);
    assert_true(left > 3000000 && left <= 3600000);
    assert_int_equal(rt_cancel_timer(bed->self, &timer, &left), AGNER_OK);
    assert_int_equal(rt_cancel_timer(bed->self, &timer, &left), AGNER_ENOREF);
}

/* G22 */
static void a_cancelled_timer_fires_before_or_never(void **state)
{
    (void)state;
    bed_everywhere(cancelled, SEEDS);
}

struct ownership {
    etf_pid listener;
    uint64_t late_ms;
};

static void with_its_owner(struct gen *self, void *arg)
{
    const struct ownership *o = arg;
    struct rt_timer timer;
    etf_term message;

    (void)rt_send_after(self, etf_atom("listener"), etf_atom("late"),
                        o->late_ms, &timer);
    (void)rt_send_interval(self, etf_atom("listener"), etf_atom("tick"), 5,
                           &timer);
    (void)rt_send_pid(self, o->listener, etf_atom("set"));
    (void)rt_receive(self, RT_INFINITY, &message);
}

static void owned(struct bed *bed)
{
    /* On threads `late` may not come at all while the machine is busy. */
    struct ownership o = { .listener = rt_self(bed->self),
                           .late_ms = bed->sim != NULL ? 30 : 3600000 };
    etf_pid pid;

    assert_int_equal(rt_register(bed->rt, etf_atom("listener"), o.listener),
                     AGNER_OK);
    assert_int_equal(rt_spawn(bed->self, with_its_owner, &o, NULL, &pid),
                     AGNER_OK);
    bed_expect(bed, "set");
    bed_expect(bed, "tick");
    bed_expect(bed, "tick");
    assert_int_equal(rt_send_pid(bed->self, pid, etf_atom("enough")), AGNER_OK);
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    if (bed->sim != NULL)
        bed_expect_nothing(bed); /* neither `late` nor another tick */
}

static void timers_end_with_their_owner(void **state)
{
    (void)state;
    bed_everywhere(owned, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wheel_fires_what_a_list_would),
        cmocka_unit_test(fresh_timers_count_from_the_look),
        cmocka_unit_test(patience_ends_where_a_timer_has_none),
        cmocka_unit_test(a_timer_that_was_left_is_taken_out),
        cmocka_unit_test(timers_fire_in_the_order_of_their_times),
        cmocka_unit_test(a_timer_is_never_early),
        cmocka_unit_test(a_cancelled_timer_fires_before_or_never),
        cmocka_unit_test(timers_end_with_their_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
