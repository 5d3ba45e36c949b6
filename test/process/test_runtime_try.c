/*
 * test_runtime_try.c -- rt_try(): what it catches, and what it does not.
 *
 * Each case runs on threads and on simulated schedules. Processes tell the test
 * what they saw.
 */
#include "bed.h"

#define SEEDS 20

/* What a process does, and who wants to know. */
struct play {
    etf_pid boss;
    void (*body)(struct gen *self, void *arg);
};

static void tell(struct gen *self, const struct play *play, const char *what,
                 etf_term term)
{
    (void)rt_send_pid(self, play->boss,
                      etf_make(self, "{_, _}", etf_atom(what), term));
}

/* Tries the body, tells how it ended, and that the process goes on. */
static void tries(struct gen *self, void *arg)
{
    const struct play *play = arg;
    etf_term reason = ETF_A(undefined);
    enum agner_err err = rt_try(self, play->body, arg, &reason);

    tell(self, play, agner_strerror(err), reason);
    tell(self, play, "alive", etf_nil());
}

static etf_pid start(struct bed *bed, struct play *play)
{
    struct rt_spawn_options options = { .link = true };
    etf_pid pid;

    play->boss = rt_self(bed->self);
    (void)rt_trap_exit(bed->self, true);
    assert_int_equal(rt_spawn(bed->self, tries, play, &options, &pid),
                     AGNER_OK);
    return pid;
}

/* What the process tells, and how it ends. */
static void expect(struct bed *bed, etf_pid pid, const char *const *lines,
                   const char *end)
{
    etf_term m, reason;
    etf_pid who;
    char text[200];

    for (; *lines != NULL; lines++)
        bed_expect(bed, *lines);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{'EXIT', _, _}", &who, &reason));
    assert_true(etf_pid_equal(who, pid));
    assert_string_equal(etf_format(text, sizeof text, reason), end);
}

static void returns(struct gen *self, void *arg)
{
    tell(self, arg, "body", ETF_A(ok));
}

static void goes_on_after_a_body_that_returns(struct bed *bed)
{
    struct play play = { .body = returns };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = { "{body,ok}", "{ok,undefined}",
                                         "{alive,[]}", NULL };

    expect(bed, pid, lines, "normal");
}

static void dive(struct gen *self, unsigned depth)
{
    volatile unsigned here = depth; /* a frame of its own */

    if (here == 0)
        rt_exit(self, etf_make(self, "{left, [from, deep]}"));
    else
        dive(self, here - 1);
}

static void dives(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_sleep(self, 1); /* and comes back on another worker, perhaps */
    dive(self, 10);
}

static void catches_an_exit_from_any_depth(struct bed *bed)
{
    struct play play = { .body = dives };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = {
        "{'the process ended before it answered',{left,[from,deep]}}",
        "{alive,[]}", NULL
    };

    expect(bed, pid, lines, "normal");
}

/* The reason is in memory that ends with the body. */
static void leaves_with_its_own(struct gen *self, void *arg)
{
    struct etf_region *r = arg;

    rt_exit(self, etf_make(r, "{mine, [_, 2.5]}", INT64_MAX));
}

static void keeps_the_reason(struct bed *bed)
{
    struct etf_region *r = etf_region_new(0);
    etf_term reason = ETF_NONE;
    char text[200];

    assert_non_null(r);
    assert_int_equal(rt_try(bed->self, leaves_with_its_own, r, &reason),
                     AGNER_EEXIT);
    etf_region_free(r);
    assert_string_equal(etf_format(text, sizeof text, reason),
                        "{mine,[9223372036854775807,2.5]}");
}

static void inner(struct gen *self, void *arg)
{
    tell(self, arg, "inner", ETF_A(ok));
    rt_exit(self, etf_make(self, "first"));
}

static void outer(struct gen *self, void *arg)
{
    etf_term reason;

    if (rt_try(self, inner, arg, &reason) == AGNER_EEXIT)
        tell(self, arg, "caught", reason);
    if (rt_try(self, returns, arg, NULL) != AGNER_OK)
        return;
    rt_exit(self, etf_make(self, "second"));
}

static void the_innermost_counts(struct bed *bed)
{
    struct play play = { .body = outer };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = {
        "{inner,ok}", "{caught,first}",
        "{body,ok}",  "{'the process ended before it answered',second}",
        "{alive,[]}", NULL
    };

    expect(bed, pid, lines, "normal");
}

/* An exit signal ends the process, whatever the body does then. */
static void waits_and_leaves(struct gen *self, void *arg)
{
    etf_term m;

    tell(self, arg, "body", ETF_A(ok));
    if (rt_receive(self, RT_INFINITY, &m) == AGNER_EEXITING)
        rt_exit(self, etf_make(self, "not_this"));
}

static void does_not_catch_a_signal(struct bed *bed)
{
    struct play play = { .body = waits_and_leaves };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = { NULL };

    bed_expect(bed, "{body,ok}");
    assert_int_equal(
        rt_exit_signal(bed->self, pid, etf_make(bed->self, "{the, signal}")),
        AGNER_OK);
    expect(bed, pid, lines, "{the,signal}");
}

static void stops_then_leaves(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_stop(self, etf_make(self, "stopped"));
    rt_exit(self, etf_make(self, "not_this"));
}

static void does_not_catch_a_stop(struct bed *bed)
{
    struct play play = { .body = stops_then_leaves };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = { NULL };

    expect(bed, pid, lines, "stopped");
}

/* ---- In terminate, and after rt_become() -------------------------------- */

static void leave_once_more(struct gen *self, void *arg)
{
    (void)arg;
    rt_exit(self, etf_make(self, "in_terminate"));
}

static enum rt_next other_message(struct gen *self, const struct rt_message *m)
{
    etf_pid boss;

    if (!etf_match(m->term, "{boss, _}", &boss))
        return RT_NEXT;
    *(etf_pid *)rt_state(self) = boss;
    rt_exit(self, etf_make(self, "plain")); /* no frame is left to catch it */
    return RT_NEXT;
}

static void other_terminate(struct gen *self, etf_term reason)
{
    struct play play = { .boss = *(etf_pid *)rt_state(self) };
    etf_term inside = ETF_A(undefined);

    tell(self, &play, "terminate", reason);
    if (rt_try(self, leave_once_more, NULL, &inside) == AGNER_EEXIT)
        tell(self, &play, "caught", inside);
}

static const struct rt_behavior other = { .name = "other",
                                          .state_size = sizeof(etf_pid),
                                          .message = other_message,
                                          .terminate = other_terminate };

static void becomes(struct gen *self, void *arg)
{
    (void)arg;
    (void)rt_become(self, &other, etf_nil(), other.state_size, NULL);
}

static void catches_in_terminate(struct bed *bed)
{
    struct play play = { .body = becomes };
    etf_pid pid = start(bed, &play);
    static const char *const lines[] = { "{terminate,plain}",
                                         "{caught,in_terminate}", NULL };

    assert_int_equal(rt_send_pid(bed->self, pid,
                                 etf_make(bed->self, "{boss, _}", play.boss)),
                     AGNER_OK);
    expect(bed, pid, lines, "plain");
}

/* ---- A thread of one's own ---------------------------------------------- */

static void leaves(struct gen *self, void *arg)
{
    (void)arg;
    rt_exit(self, etf_make(self, "from_a_thread"));
}

static void catches_in_an_attached_thread(struct bed *bed)
{
    etf_term reason = ETF_NONE;

    assert_int_equal(rt_try(bed->self, leaves, NULL, &reason), AGNER_EEXIT);
    assert_true(etf_atom_is(reason, "from_a_thread"));
    assert_int_equal(rt_check(bed->self), AGNER_OK); /* it goes on */
}

#define CASE(name) \
    static void test_##name(void **state) \
    { \
        (void)state; \
        bed_everywhere(name, SEEDS); \
    }

CASE(goes_on_after_a_body_that_returns)
CASE(catches_an_exit_from_any_depth)
CASE(keeps_the_reason)
CASE(the_innermost_counts)
CASE(does_not_catch_a_signal)
CASE(does_not_catch_a_stop)
CASE(catches_in_terminate)
CASE(catches_in_an_attached_thread)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goes_on_after_a_body_that_returns),
        cmocka_unit_test(test_catches_an_exit_from_any_depth),
        cmocka_unit_test(test_keeps_the_reason),
        cmocka_unit_test(test_the_innermost_counts),
        cmocka_unit_test(test_does_not_catch_a_signal),
        cmocka_unit_test(test_does_not_catch_a_stop),
        cmocka_unit_test(test_catches_in_terminate),
        cmocka_unit_test(test_catches_in_an_attached_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
