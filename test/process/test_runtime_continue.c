/*
 * test_runtime_continue.c -- RT_CONTINUE: a callback that goes on by itself.
 *
 * Each case runs on threads and on simulated schedules.
 */
#include "bed.h"

#define SEEDS 20

struct walker {
    etf_pid boss;
    int64_t steps; /* that are still to be gone */
};

static void tell(struct gen *self, const char *what, size_t scratch_used)
{
    const struct walker *walker = rt_state(self);

    (void)rt_send_pid(self, walker->boss,
                      etf_make(self, "{_, _, _}", etf_atom(what), walker->steps,
                               (uint64_t)scratch_used));
}

static enum rt_next go_on(struct walker *walker)
{
    if (walker->steps == 0)
        return RT_NEXT;
    walker->steps--;
    return RT_CONTINUE;
}

/* {Boss, Steps}; sends itself `early`. */
static enum rt_next walker_init(struct gen *self, etf_term args)
{
    struct walker *walker = rt_state(self);

    if (!etf_match(args, "{_, _}", &walker->boss, &walker->steps))
        return rt_stop(self, ETF_A(badarg));
    (void)rt_send_pid(self, rt_self(self), etf_atom("early"));
    (void)rt_send_pid(self, walker->boss, etf_atom("init"));
    return go_on(walker);
}

/* {go, N} goes on N times; other messages are told of. */
static enum rt_next walker_message(struct gen *self, const struct rt_message *m)
{
    struct walker *walker = rt_state(self);
    size_t used = etf_region_used(rt_region(self));

    if (m->kind == RT_CONTINUED) {
        tell(self, etf_is_none(m->term) ? "continued" : "term", used);
        return go_on(walker);
    }
    if (m->kind == RT_MESSAGE && etf_match(m->term, "{go, _}", &walker->steps))
        return go_on(walker);
    if (m->kind == RT_MESSAGE)
        tell(self, "message", 0);
    return RT_NEXT;
}

static const struct rt_behavior walker_behavior = {
    .name = "walker",
    .state_size = sizeof(struct walker),
    .init = walker_init,
    .message = walker_message,
};

static etf_pid start_walker(struct bed *bed, int64_t steps)
{
    etf_pid pid;

    assert_int_equal(
        rt_start(bed->self, &walker_behavior,
                 etf_make(bed->self, "{_, _}", rt_self(bed->self), steps), NULL,
                 &pid, NULL),
        AGNER_OK);
    return pid;
}

/* ---- The cases ---------------------------------------------------------- */

static void after_init(struct bed *bed)
{
    (void)start_walker(bed, 2);
    bed_expect(bed, "init");
    bed_expect(bed, "{continued,1,0}");
    bed_expect(bed, "{continued,0,0}");
    bed_expect(bed, "{message,0,0}");
    bed_expect_nothing(bed);
}

static void goes_on_after_init_before_what_waits(void **state)
{
    (void)state;
    bed_everywhere(after_init, SEEDS);
}

static void after_a_message(struct bed *bed)
{
    etf_pid pid = start_walker(bed, 0);

    bed_expect(bed, "init");
    bed_expect(bed, "{message,0,0}");
    bed_order(bed, pid, "{go, 3}");
    bed_order(bed, pid, "late");
    bed_expect(bed, "{continued,2,0}");
    bed_expect(bed, "{continued,1,0}");
    bed_expect(bed, "{continued,0,0}");
    bed_expect(bed, "{message,0,0}");
    bed_expect_nothing(bed);
}

static void goes_on_after_a_message_before_what_waits(void **state)
{
    (void)state;
    bed_everywhere(after_a_message, SEEDS);
}

/* Goes on for ever, and makes garbage. */
static enum rt_next spin_message(struct gen *self, const struct rt_message *m)
{
    (void)m;
    (void)etf_make(self, "{some, garbage, [_, _, _]}", 1, 2, 3);
    return RT_CONTINUE;
}

static const struct rt_behavior spin_behavior = { .name = "spin",
                                                  .message = spin_message };

/* It leaves its worker to others, and hears exit signals. */
static void without_end(struct bed *bed)
{
    static const char *const reasons[] = { "shutdown", "kill" };

    for (size_t i = 0; i < 2; i++) {
        etf_pid pid;

        assert_int_equal(
            rt_start(bed->self, &spin_behavior, etf_nil(), NULL, &pid, NULL),
            AGNER_OK);
        bed_order(bed, pid, "go");
        assert_int_equal(rt_sleep(bed->self, 2), AGNER_OK);
        assert_int_equal(rt_exit_signal(bed->self, pid, etf_atom(reasons[i])),
                         AGNER_OK);
        assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    }
}

static void who_goes_on_for_ever_can_be_ended(void **state)
{
    (void)state;
    bed_everywhere(without_end, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_on_after_init_before_what_waits),
        cmocka_unit_test(goes_on_after_a_message_before_what_waits),
        cmocka_unit_test(who_goes_on_for_ever_can_be_ended),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
