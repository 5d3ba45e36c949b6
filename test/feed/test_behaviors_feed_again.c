/*
 * test_behaviors_feed_again.c -- producers, and subscriptions that are made
 * again: spec/event.md 2.3 and 2.4, and what in 5 is about them.
 */
#include "feed_bed.h"

#include <stdatomic.h>

#include "feed/feed_backoff.h"

/* ---- When it is tried again ---------------------------------------------- */

#define MS 1000000u

/* 2.4: the waits, and when they begin anew. `up`: it fell, instead of failing.
 */
static void decides_when_to_try_again(void **state)
{
    static const struct {
        const char *what;
        uint64_t max_ms, attempts_max;
        struct {
            bool up;
            uint64_t took_ms;
            int64_t delay_ms; /* -1: over */
        } steps[8];
        unsigned count;
    } cases[] = {
        { "quick failures",
          100,
          0,
          { { false, 0, 20 },
            { false, 0, 40 },
            { false, 0, 80 },
            { false, 0, 100 },
            { false, 0, 100 } },
          5 },
        { "a slow failure begins anew",
          100,
          0,
          { { false, 0, 20 },
            { false, 0, 40 },
            { false, 101, 10 },
            { false, 0, 20 } },
          4 },
        { "as long as the most is not longer",
          100,
          0,
          { { false, 0, 20 }, { false, 100, 40 } },
          2 },
        { "up for less than the wait is a failure",
          100,
          0,
          { { true, 0, 20 }, { true, 19, 40 }, { true, 39, 80 } },
          3 },
        { "up for longer: at once, and the wait stays",
          100,
          0,
          { { false, 0, 20 },
            { false, 0, 40 },
            { true, 50, 0 },
            { false, 0, 80 } },
          4 },
        { "up for the most: the wait begins anew",
          100,
          0,
          { { false, 0, 20 },
            { false, 0, 40 },
            { true, 100, 0 },
            { false, 0, 20 } },
          4 },
        { "no waits", 0, 0, { { false, 0, 0 }, { true, 0, 0 } }, 2 },
        { "given up",
          100,
          3,
          { { false, 0, 20 }, { false, 0, 40 }, { false, 0, -1 } },
          3 },
        { "success in between counts anew",
          100,
          3,
          { { false, 0, 20 },
            { false, 0, 40 },
            { true, 99, 0 },
            { false, 0, 80 },
            { false, 0, 100 },
            { false, 0, -1 } },
          6 },
        { "the first is the last", 100, 1, { { false, 0, -1 } }, 1 },
        { "no overflow", UINT64_MAX, 0, { { false, 0, INT64_MAX } }, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct feed_backoff b;

        gen__feed_backoff_init(&b, cases[i].max_ms, cases[i].attempts_max, 0);
        for (unsigned k = 0; k < cases[i].count; k++) {
            uint64_t took = cases[i].steps[k].took_ms * MS;
            int64_t wanted = cases[i].steps[k].delay_ms;
            struct feed_backoff_next next =
                cases[i].steps[k].up ? gen__feed_backoff_fell(&b, took, 0)
                                     : gen__feed_backoff_failed(&b, took, 0);

            if (wanted == INT64_MAX)
                continue;
            if (next.over != (wanted < 0) ||
                (!next.over && next.delay_ns != (uint64_t)wanted * MS))
                fail_msg("%s, step %u: %d %llu", cases[i].what, k, next.over,
                         (unsigned long long)next.delay_ns);
        }
    }
}

/* 2.4, jitter: no wait is longer than without, none shorter than agreed. */
static void jitter_shortens_within_bounds(void **state)
{
    uint64_t least = UINT64_MAX, most = 0;

    (void)state;
    for (uint64_t chance = 0; chance < 100 * MS; chance += 999983) {
        struct feed_backoff b;
        struct feed_backoff_next next;

        gen__feed_backoff_init(&b, 100, 0, 30);
        next = gen__feed_backoff_failed(&b, 0, chance);
        least = next.delay_ns < least ? next.delay_ns : least;
        most = next.delay_ns > most ? next.delay_ns : most;
    }
    assert_true(least >= 14 * MS && least < 15 * MS);
    assert_true(most > 19 * MS && most <= 20 * MS);
}

/* ---- Producers ----------------------------------------------------------- */

static etf_term produce(struct gen *self, const struct gen_producer *p)
{
    const char *what = p->arg;
    etf_term m;

    (void)rt_send_pid(self, p->to,
                      etf_make(self, "{producer, _}", rt_self(self)));
    if (strcmp(what, "crash") == 0)
        rt_exit(self, etf_make(self, "{no, luck}"));
    if (strcmp(what, "inside") == 0) {
        (void)gen_sub_unsubscribe(self, p->sub);
        (void)rt_send_pid(self, p->to, etf_bool(gen_cancel_is_set(p->cancel)));
        return etf_make(self, "late_error");
    }
    if (strcmp(what, "stubborn") == 0) {
        (void)rt_trap_exit(self, true);
        while (rt_receive(self, RT_INFINITY, &m) == AGNER_OK) {
        }
        return ETF_A(normal);
    }
    (void)gen_cancel_wait(self, p->cancel, RT_INFINITY);
    (void)rt_send_pid(self, p->to, etf_make(self, "cancelled"));
    return etf_make(self, "late_error");
}

static struct gen_sub *producer(struct bed *bed, const char *what, etf_pid *pid)
{
    const struct gen_producer_options options = {
        .stop_ms = strcmp(what, "stubborn") == 0 ? 20 : WAIT_MS
    };
    struct gen_sub *sub = NULL;
    etf_term m;

    assert_int_equal(gen_producer_start(bed->self, produce,
                                        (void *)(uintptr_t)what, &options,
                                        &sub),
                     AGNER_OK);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{producer, _}", pid));
    return sub;
}

/* 2.3: the end of a producer, in each way. */
static void producers_end_in_every_way(void **state)
{
    struct bed *bed = *state;
    struct gen_sub *sub;
    etf_pid pid;

    sub = producer(bed, "crash", &pid);
    bed_down(bed, sub, "{no,luck}");
    gen_sub_drop(bed->self, sub);

    /* Unsubscribing waits for it, and its error does not matter any more. */
    sub = producer(bed, "wait", &pid);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    bed_expect(bed, "cancelled");
    bed_nothing(bed);
    assert_int_equal(gen_sub_status(sub, NULL, NULL), GEN_SUB_UNSUBSCRIBED);
    gen_sub_drop(bed->self, sub);
    bed_dead(bed, pid);

    /* From inside it hangs for ever there; here it is marked. */
    sub = producer(bed, "inside", &pid);
    bed_expect(bed, "true");
    bed_down(bed, sub, "unsubscribed");
    gen_sub_drop(bed->self, sub);

    /* One that does not listen is killed in the end. */
    sub = producer(bed, "stubborn", &pid);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    bed_dead(bed, pid);
    gen_sub_drop(bed->self, sub);

    sub = producer(bed, "stubborn", &pid);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    bed_down(bed, sub, "killed");
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

/* ---- Resubscribing ------------------------------------------------------- */

struct script {
    _Atomic unsigned tries;
    _Atomic uint64_t at_ns[64];
    struct gen_feed *feed;
    _Atomic bool entered;
    _Atomic uint64_t seen, sum;
    uint64_t up_ms; /* how long a producer lives */
    char failure[40];
    bool was_up;
};

static void note(struct gen *self, const struct gen_resub_try *attempt)
{
    struct script *s = attempt->arg;
    unsigned i = atomic_fetch_add(&s->tries, 1);

    if (i < 64)
        atomic_store(&s->at_ns[i], rt_now_ns(rt_of(self)));
    (void)etf_format(s->failure, sizeof s->failure, attempt->failure);
    s->was_up = attempt->was_up;
}

static enum agner_err always_fail(struct gen *self,
                                  const struct gen_resub_try *attempt,
                                  struct gen_sub **sub, etf_term *reason)
{
    (void)sub;
    (void)reason;
    note(self, attempt);
    return AGNER_ENOCONN;
}

static etf_term live_for_a_while(struct gen *self, const struct gen_producer *p)
{
    const struct script *s = p->arg;

    (void)gen_cancel_sleep(self, s->up_ms, p->cancel);
    return etf_make(self, "fell");
}

static enum agner_err come_up_and_fall(struct gen *self,
                                       const struct gen_resub_try *attempt,
                                       struct gen_sub **sub, etf_term *reason)
{
    (void)reason;
    note(self, attempt);
    return gen_producer_start(self, live_for_a_while, attempt->arg, NULL, sub);
}

static struct gen_sub *start(
    struct bed *bed, struct script *s,
    enum agner_err (*fn)(struct gen *self, const struct gen_resub_try *attempt,
                         struct gen_sub **sub, etf_term *reason),
    const struct gen_resub_options *options)
{
    struct gen_sub *sub = NULL;

    assert_int_equal(gen_resubscribe(bed->self, fn, s, options, &sub),
                     AGNER_OK);
    return sub;
}

/* 2.4: waits of 0.2, 0.4, 0.8, 1, 1 of the most; then it is given up, with the
 * last error. In simulated time they are exact, but for the clock's
 * milliseconds. */
static void waits_longer_and_longer(void **state)
{
    static const uint64_t waits[] = { 20, 40, 80, 100, 100 };
    const struct gen_resub_options options = { .backoff_max_ms = 100,
                                               .max_attempts = 6 };
    struct bed *bed = *state;
    struct script s = { 0 };
    struct gen_sub *sub = start(bed, &s, always_fail, &options);

    bed_down(bed, sub, "<<\"no connection to that node\">>");
    assert_int_equal(atomic_load(&s.tries), 6);
    for (int i = 0; i < 5; i++) {
        uint64_t ns = atomic_load(&s.at_ns[i + 1]) - atomic_load(&s.at_ns[i]);

        assert_true(ns >= waits[i] * MS);
        if (bed->sim != NULL)
            assert_true(ns < (waits[i] + 3) * MS);
    }
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

/* 2.4, 5.6: what comes up and falls at once is a failed try. There were 130,172
 * tries in 200 ms. */
static void no_storm_of_tries(void **state)
{
    const struct gen_resub_options options = { .backoff_max_ms = 100 };
    struct bed *bed = *state;
    struct script s = { 0 };
    uint64_t began_ms = rt_now_ms(bed->rt);
    struct gen_sub *sub = start(bed, &s, come_up_and_fall, &options);

    do
        assert_int_equal(rt_sleep(bed->self, 200), AGNER_OK);
    while (atomic_load(&s.tries) < 2);
    /* After 20, 40 and 80 ms there is one each 100 ms, however late we are. */
    assert_true(atomic_load(&s.tries) <=
                5 + (rt_now_ms(bed->rt) - began_ms) / 100);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    assert_string_equal(s.failure, "fell");
    assert_true(s.was_up);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

static enum agner_err come_up_late(struct gen *self,
                                   const struct gen_resub_try *attempt,
                                   struct gen_sub **sub, etf_term *reason)
{
    struct script *s = attempt->arg;

    (void)reason;
    atomic_store(&s->entered, true);
    (void)gen_cancel_wait(self, attempt->cancel, WAIT_MS);
    return gen_feed_subscribe(self, s->feed, NULL, sub);
}

static bool entered(void *ctx)
{
    return atomic_load(&((struct script *)ctx)->entered);
}

/* 2.4, 5.6: a subscription that comes up after the end is not left behind. */
static void a_late_subscription_is_not_left(void **state)
{
    struct bed *bed = *state;
    struct script s = { .feed = bed_feed(bed, NULL) };
    struct gen_sub *sub = start(bed, &s, come_up_late, NULL);

    bed_until(bed, entered, &s);
    gen_sub_drop(bed->self, sub);
    assert_int_equal(gen_feed_count(s.feed), 0);
    bed_send(bed, s.feed, 1, 0);
    bed_nothing(bed);
    gen_feed_free(s.feed);
}

static enum agner_err neither(struct gen *self,
                              const struct gen_resub_try *attempt,
                              struct gen_sub **sub, etf_term *reason)
{
    (void)self;
    (void)attempt;
    (void)sub;
    (void)reason;
    return AGNER_OK;
}

static enum agner_err leave(struct gen *self,
                            const struct gen_resub_try *attempt,
                            struct gen_sub **sub, etf_term *reason)
{
    (void)attempt;
    (void)sub;
    (void)reason;
    rt_exit(self, etf_make(self, "left"));
    return AGNER_OK;
}

static void bad_tries_end_it(void **state)
{
    const struct gen_resub_options once = { .max_attempts = 1 };
    const struct gen_resub_options odd = { .jitter_percent = 101 };
    struct bed *bed = *state;
    struct script s = { 0 };
    struct gen_sub *sub = start(bed, &s, neither, NULL);

    bed_down(bed, sub, "badarg");
    gen_sub_drop(bed->self, sub);
    sub = start(bed, &s, leave, &once);
    bed_down(bed, sub, "left");
    gen_sub_drop(bed->self, sub);
    assert_int_equal(gen_resubscribe(bed->self, neither, &s, &odd, &sub),
                     AGNER_EINVAL);
    bed_nothing(bed);
}

static enum agner_err to_feed(struct gen *self,
                              const struct gen_resub_try *attempt,
                              struct gen_sub **sub, etf_term *reason)
{
    struct script *s = attempt->arg;

    (void)reason;
    note(self, attempt);
    if (atomic_load(&s->tries) == 2) {
        /* While nobody is subscribed three events pass. */
        for (int i = 0; i < 3; i++)
            (void)gen_feed_send(self, s->feed, ETF_A(ok), WAIT_MS, NULL);
    }
    return gen_feed_subscribe(
        self, s->feed,
        &(struct gen_sub_options){ .policy = GEN_FEED_END_SLOW, .window = 1 },
        sub);
}

static void count_event(struct gen *self, void *arg,
                        const struct gen_feed_event *event)
{
    struct script *s = arg;

    atomic_store(&s->sum, event->seq);
    atomic_fetch_add(&s->seen, 1);
    while (event->seq == 1 && !atomic_load(&s->entered))
        (void)rt_sleep(self, 1);
}

static bool has_seen(void *ctx)
{
    return atomic_load(&((struct script *)ctx)->seen) >= 1;
}

static bool is_subscribed(void *ctx)
{
    return gen_feed_count(((struct script *)ctx)->feed) == 1;
}

/* 3.5: what was missed between two subscriptions has numbers. */
static void a_gap_is_told(void **state)
{
    const struct gen_resub_options options = { .handle = count_event };
    struct bed *bed = *state;
    struct script s = { .feed = bed_feed(bed, NULL) };
    struct gen_sub *sub = start(bed, &s, to_feed, &options);
    uint64_t from = 0, to = 0;
    etf_term m;
    etf_ref ref;

    bed_until(bed, is_subscribed, &s);
    bed_send(bed, s.feed, 1, 1);
    bed_until(bed, has_seen, &s);
    bed_send(bed, s.feed, 2, 1);
    bed_send(bed, s.feed, 3, 0); /* too slow: it ends */
    atomic_store(&s.entered, true);
    bed_until(bed, is_subscribed, &s);
    bed_send(bed, s.feed, 7, 1);
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_gap, _, _, _}", &ref, &from, &to));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_int_equal(from, 2);
    assert_int_equal(to, 6);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
    gen_feed_free(s.feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_when_to_try_again),
        cmocka_unit_test(jitter_shortens_within_bounds),
        BED_CASE(producers_end_in_every_way),
        BED_CASE(waits_longer_and_longer),
        BED_CASE(no_storm_of_tries),
        BED_CASE(a_late_subscription_is_not_left),
        BED_CASE(bad_tries_end_it),
        BED_CASE(a_gap_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
