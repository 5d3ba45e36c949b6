/*
 * test_behaviors_feed_better.c -- where the packages that feeds answer to hang,
 * leak or lose, and feeds do not: the rows of spec/event.md 2 that say so, and
 * its section 5. The policies, and what is decided in tables.
 */
#include "feed_bed.h"

#include <stdatomic.h>

#include "feed/feed_backoff.h"
#include "feed/feed_policy.h"

/* ---- Tables -------------------------------------------------------------- */

/* 3.3: each policy, with room, with a full window, and at a rendezvous. */
static void decides_what_becomes_of_an_event(void **state)
{
    static const struct {
        enum gen_feed_policy policy;
        uint32_t window;
        uint64_t waiting;
        bool asleep, patient;
        enum feed_fate fate;
    } cases[] = {
        { GEN_FEED_BLOCK, 2, 1, false, true, FEED_TAKES },
        { GEN_FEED_BLOCK, 2, 2, false, true, FEED_WAITS },
        { GEN_FEED_BLOCK, 2, 2, false, false, FEED_MISSES },
        { GEN_FEED_BLOCK, 2, 3, true, false, FEED_MISSES },
        { GEN_FEED_BLOCK, 0, 0, false, true, FEED_WAITS },
        { GEN_FEED_BLOCK, 0, 0, true, false, FEED_TAKES },
        { GEN_FEED_BLOCK, 0, 1, true, false, FEED_MISSES },
        { GEN_FEED_DROP_NEW, 2, 1, false, true, FEED_TAKES },
        { GEN_FEED_DROP_NEW, 2, 2, false, true, FEED_MISSES },
        { GEN_FEED_DROP_OLD, 2, 1, false, true, FEED_TAKES },
        { GEN_FEED_DROP_OLD, 2, 2, false, true, FEED_SHIFTS },
        { GEN_FEED_LATEST, 1, 0, false, true, FEED_TAKES },
        { GEN_FEED_LATEST, 1, 1, false, false, FEED_SHIFTS },
        { GEN_FEED_END_SLOW, 2, 1, false, true, FEED_TAKES },
        { GEN_FEED_END_SLOW, 2, 2, false, true, FEED_ENDS },
        { (enum gen_feed_policy)77, 2, 2, false, true, FEED_MISSES },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(gen__feed_fate(cases[i].policy, cases[i].window,
                                        cases[i].waiting, cases[i].asleep,
                                        cases[i].patient),
                         cases[i].fate);
}

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

/* ---- Senders that would wait --------------------------------------------- */

struct sender {
    struct gen_feed *feed;
    etf_pid boss;
    int64_t from, count;
    uint64_t timeout_ms;
    _Atomic int64_t sent;
    size_t receivers;
    enum agner_err err;
};

static void send_some(struct gen *self, void *arg)
{
    struct sender *s = arg;

    for (int64_t i = 0; i < s->count && s->err == AGNER_OK; i++) {
        s->err = gen_feed_send(self, s->feed, etf_make(self, "_", s->from + i),
                               s->timeout_ms, &s->receivers);
        rt_reset(self);
        atomic_fetch_add(&s->sent, 1);
    }
    bed_tell(self, s->boss, "sent");
}

static void start_sender(struct bed *bed, struct sender *s,
                         struct gen_feed *feed, int64_t count)
{
    *s = (struct sender){ .feed = feed,
                          .boss = rt_self(bed->self),
                          .count = count,
                          .timeout_ms = RT_INFINITY };
    (void)bed_spawn(bed, send_some, s);
}

static bool is_held(void *ctx)
{
    struct gen_feed_info info;

    gen_feed_info(ctx, &info);
    return info.slowest_behind > 2;
}

static struct gen_sub *window_of_two(struct bed *bed, struct gen_feed *feed,
                                     enum gen_feed_policy policy)
{
    return bed_subscribe(
        bed, feed, &(struct gen_sub_options){ .policy = policy, .window = 2 });
}

static void end_of(struct bed *bed, struct gen_feed *feed, struct gen_sub *sub)
{
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_feed_free(feed);
}

/* 1, backpressure: a send waits for the slowest, with two in its window and the
 * third on its way, and no longer. 5.11: so the bound can be stated. */
static void block_waits_for_the_slowest(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_feed_info info;
    struct sender s;

    start_sender(bed, &s, feed, 5);
    bed_until(bed, is_held, feed);
    assert_int_equal(atomic_load(&s.sent), 2);
    gen_feed_info(feed, &info);
    assert_int_equal(info.slowest_behind, 3);
    assert_true(etf_pid_equal(info.slowest, rt_self(bed->self)));
    for (int64_t i = 0; i < 5; i++)
        bed_take(bed, sub, i);
    bed_await(bed, "sent");
    gen_feed_info(feed, &info);
    assert_true(info.longest_wait_ns > 0);
    assert_int_equal(info.delivered, 5);
    assert_int_equal(info.dropped, 0);
    end_of(bed, feed, sub);
}

/* 5.1: a time-out. Who has no room misses the event, and it is counted; the
 * others got it; later ones it gets again. */
static void a_late_one_misses_the_event(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *slow = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_sub *quick = bed_subscribe(bed, feed, NULL);
    struct gen_sub_stats stats;
    struct sender s;

    bed_send(bed, feed, 1, 2);
    bed_send(bed, feed, 2, 2);
    s = (struct sender){ .feed = feed,
                         .boss = rt_self(bed->self),
                         .from = 3,
                         .count = 1,
                         .timeout_ms = 20 };
    (void)bed_spawn(bed, send_some, &s);
    bed_await(bed, "sent");
    assert_int_equal(s.err, AGNER_ETIMEOUT);
    assert_int_equal(s.receivers, 1);
    for (int64_t i = 1; i <= 3; i++)
        bed_take(bed, quick, i);
    gen_sub_stats(slow, &stats);
    assert_int_equal(stats.dropped, 1);
    assert_int_equal(stats.waiting, 2);
    bed_take(bed, slow, 1);
    bed_send(bed, feed, 4, 2); /* still apart from the log */
    bed_take(bed, slow, 2);
    bed_take(bed, slow, 4);
    bed_empty(bed, slow);
    bed_send(bed, feed, 5, 2); /* in it again */
    bed_take(bed, slow, 5);
    gen_sub_stats(slow, &stats);
    assert_int_equal(stats.taken, 4);
    assert_int_equal(stats.last, 5);
    gen_sub_drop(bed->self, quick);
    end_of(bed, feed, slow);
}

static void expect_down(struct bed *bed, struct gen_sub *sub,
                        const char *reason)
{
    char text[80];
    etf_term m, why;
    etf_ref ref;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    while (etf_match(m, "{gen_feed_ready, __}"))
        assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_down, _, _}", &ref, &why));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
}

/* 3.3: end_late, and END_SLOW: the subscription ends, and says why. */
static void slow_ones_end_if_they_want(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *late = bed_subscribe(
        bed, feed, &(struct gen_sub_options){ .window = 1, .end_late = true });
    struct gen_sub *slow = window_of_two(bed, feed, GEN_FEED_END_SLOW);
    struct gen_feed_event event;
    struct sender s;

    bed_send(bed, feed, 1, 2);
    s = (struct sender){
        .feed = feed, .boss = rt_self(bed->self), .count = 1, .timeout_ms = 20
    };
    (void)bed_spawn(bed, send_some, &s);
    expect_down(bed, late, "slow");
    bed_await(bed, "sent");
    assert_int_equal(s.err, AGNER_ETIMEOUT);
    assert_int_equal(s.receivers, 1);
    bed_send(bed, feed, 3, 0);
    expect_down(bed, slow, "slow");
    assert_int_equal(gen_sub_next(bed->self, slow, 0, &event), AGNER_ECLOSED);
    assert_int_equal(gen_sub_status(slow, NULL, NULL), GEN_SUB_FAILED);
    gen_sub_drop(bed->self, late);
    end_of(bed, feed, slow);
}

/* 3.3: what the lossy policies keep, and that they count what they do not. A
 * stalled one holds no more than its window, whatever is sent. */
static void lossy_policies_keep_their_window(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *oldest = window_of_two(bed, feed, GEN_FEED_DROP_NEW);
    struct gen_sub *newest = window_of_two(bed, feed, GEN_FEED_DROP_OLD);
    struct gen_sub *latest = window_of_two(bed, feed, GEN_FEED_LATEST);
    struct gen_sub *all = bed_subscribe(bed, feed, NULL);
    struct gen_feed_info info;
    struct gen_sub_stats stats;

    for (int64_t i = 1; i <= 10000; i++) {
        size_t count;

        assert_int_equal(gen_feed_send(bed->self, feed,
                                       etf_make(bed->self, "{large, _}", i),
                                       WAIT_MS, &count),
                         AGNER_OK);
        assert_int_equal(count, i <= 2 ? 4 : 3);
        if (i % 100 == 0) {
            struct gen_feed_event event;

            for (int k = 0; k < 100; k++)
                assert_int_equal(gen_sub_next(bed->self, all, 0, &event),
                                 AGNER_OK);
            gen_feed_info(feed, &info);
            assert_true(info.held <= 100 + 128 + 5);
        }
    }
    gen_sub_stats(oldest, &stats);
    assert_int_equal(stats.dropped, 9998);
    gen_sub_stats(newest, &stats);
    assert_int_equal(stats.dropped, 9998);
    gen_sub_stats(latest, &stats);
    assert_int_equal(stats.dropped, 9999);
    assert_int_equal(stats.waiting, 1);
    gen_sub_drop(bed->self, all);
    for (int k = 0; k < 2; k++) {
        struct gen_feed_event event;
        int64_t n = 0;

        assert_int_equal(gen_sub_next(bed->self, oldest, 0, &event), AGNER_OK);
        assert_int_equal(event.seq, k + 1);
        assert_int_equal(gen_sub_next(bed->self, newest, 0, &event), AGNER_OK);
        assert_true(etf_match(event.term, "{large, _}", &n));
        assert_int_equal(n, 9999 + k);
    }
    bed_empty(bed, oldest);
    bed_empty(bed, newest);
    bed_send(bed, feed, 7, 3);
    bed_take(bed, latest, 7);
    bed_take(bed, oldest, 7);
    gen_sub_drop(bed->self, oldest);
    gen_sub_drop(bed->self, newest);
    end_of(bed, feed, latest);
}

/* 3.6, try_send: never waits, and says how many had no room. */
static void a_try_counts_who_missed_it(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *full = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_sub *meet = bed_subscribe(
        bed, feed, &(struct gen_sub_options){ .rendezvous = true });
    size_t count, missed;

    for (int64_t i = 0; i < 4; i++) {
        assert_int_equal(gen_feed_try_send(bed->self, feed,
                                           etf_make(bed->self, "_", i), &count,
                                           &missed),
                         AGNER_OK);
        /* Who has subscribed and is told by messages waits for one event. */
        assert_int_equal(count, (i < 2 ? 1 : 0) + (i == 0 ? 1 : 0));
        assert_int_equal(missed, 2 - count);
    }
    bed_take(bed, full, 0);
    bed_take(bed, full, 1);
    bed_empty(bed, full);
    bed_take(bed, meet, 0);
    bed_empty(bed, meet);
    gen_sub_drop(bed->self, meet);
    end_of(bed, feed, full);
}

/* 2.1: sending to oneself without room would be for ever. */
static void a_send_to_oneself_does_not_lock_up(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_sub *other = bed_subscribe(bed, feed, NULL);
    size_t count = 5;

    bed_send(bed, feed, 1, 2);
    bed_send(bed, feed, 2, 2);
    for (int i = 0; i < 3; i++) { /* and the window stays what it is */
        assert_int_equal(
            gen_feed_send(bed->self, feed, ETF_A(ok), WAIT_MS, &count),
            AGNER_EDEADLK);
        assert_int_equal(count, 0);
    }
    bed_take(bed, other, 1);
    bed_take(bed, other, 2);
    bed_empty(bed, other); /* nobody got it */
    bed_take(bed, sub, 1);
    bed_send(bed, feed, 3, 2);
    gen_sub_drop(bed->self, other);
    end_of(bed, feed, sub);
}

/* 5.2, 5.3: a subscriber that dies in the middle of a send that waits for it
 * lets it go, at once, and the feed is as if it had never been. */
static void a_death_lets_the_send_go(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct follower f = { .feed = feed,
                          .options = { .window = 1 },
                          .boss = rt_self(bed->self),
                          .wait_first = true };
    struct gen_feed_info info;
    struct sender s;
    etf_pid pid;

    for (int round = 0; round < 2; round++) {
        f.options.rendezvous = round == 1; /* in the log, and apart from it */
        pid = bed_spawn(bed, follow, &f);
        bed_expect(bed, "ready");
        start_sender(bed, &s, feed, 3);
        while (atomic_load(&s.sent) < (round == 1 ? 0 : 1))
            assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
        assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
        bed_expect(bed, "sent");
        assert_int_equal(s.err, AGNER_OK);
        assert_int_equal(s.sent, 3);
        gen_feed_info(feed, &info);
        assert_int_equal(info.subscribers, 0);
        assert_int_equal(info.held, 0);
        bed_dead(bed, pid);
    }
    gen_feed_free(feed);
}

/* 2.1: a sender that dies while it waits passes the turn on. */
static void a_senders_death_passes_the_turn_on(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct sender first, second;
    struct gen_feed_event event;
    etf_pid pid;

    first = (struct sender){ .feed = feed,
                             .boss = rt_self(bed->self),
                             .count = 3,
                             .timeout_ms = RT_INFINITY };
    pid = bed_spawn(bed, send_some, &first);
    bed_until(bed, is_held, feed);
    start_sender(bed, &second, feed, 1);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    bed_dead(bed, pid);
    bed_take(bed, sub, 0);
    bed_take(bed, sub, 1);
    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event), AGNER_OK);
    bed_await(bed, "sent");
    assert_int_equal(second.err, AGNER_OK);
    end_of(bed, feed, sub);
}

/* 2.1, close: what was sent is still there to take, then the end, once; a send
 * that waits returns, a later one is an error. */
static void a_close_loses_nothing(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_sub *apart = window_of_two(bed, feed, GEN_FEED_DROP_OLD);
    struct gen_feed_event event;
    struct sender s, queued;
    etf_term reason;

    start_sender(bed, &s, feed, 3);
    bed_until(bed, is_held, feed);
    start_sender(bed, &queued, feed, 1);
    assert_int_equal(
        gen_feed_close(bed->self, feed, etf_make(bed->self, "enough")),
        AGNER_OK);
    assert_int_equal(gen_feed_close(bed->self, feed, ETF_A(normal)),
                     AGNER_ECLOSED);
    for (int64_t i = 0; i < 3; i++)
        bed_take(bed, sub, i);
    bed_take(bed, apart, 1);
    bed_take(bed, apart, 2);
    assert_int_equal(gen_sub_next(bed->self, sub, 0, &event), AGNER_ECLOSED);
    assert_int_equal(gen_sub_next(bed->self, apart, 0, &event), AGNER_ECLOSED);
    assert_int_equal(gen_sub_status(sub, rt_region(bed->self), &reason),
                     GEN_SUB_FAILED);
    assert_true(etf_atom_is(reason, "enough"));
    assert_int_equal(gen_feed_send(bed->self, feed, ETF_A(ok), WAIT_MS, NULL),
                     AGNER_ECLOSED);
    while (atomic_load(&s.sent) + atomic_load(&queued.sent) < 4)
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    assert_int_equal(s.err, AGNER_OK);
    assert_true(queued.err == AGNER_ECLOSED);
    bed_await(bed, "sent");
    bed_await(bed, "sent");
    gen_sub_drop(bed->self, apart);
    end_of(bed, feed, sub);
}

/* 3.4: nothing comes after unsubscribing, though a message was there; another
 * process's unsubscribing is told. */
static void nothing_comes_after_the_end(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = bed_subscribe(bed, feed, NULL);
    const struct gen_feed_event *events;
    struct gen_sub_stats stats;
    size_t count;

    bed_send(bed, feed, 1, 1);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    bed_nothing(bed);
    assert_int_equal(gen_sub_take(bed->self, sub, 10, &events, &count),
                     AGNER_ECLOSED);
    gen_sub_stats(sub, &stats);
    assert_int_equal(stats.taken + stats.waiting, 0);
    end_of(bed, feed, sub);
}

/* Unsubscribes what it is given. */
static void unsubscribe(struct gen *self, void *arg)
{
    (void)gen_sub_unsubscribe(self, arg);
    gen_sub_free(arg);
}

static void who_is_unsubscribed_is_told(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = bed_subscribe(bed, feed, NULL);
    etf_pid pid = bed_spawn(bed, unsubscribe, gen_sub_hold(sub));

    expect_down(bed, sub, "unsubscribed");
    bed_dead(bed, pid);
    assert_int_equal(gen_sub_status(sub, NULL, NULL), GEN_SUB_UNSUBSCRIBED);
    end_of(bed, feed, sub);
}

/* ---- Order --------------------------------------------------------------- */

#define SENDERS 4
#define EACH    500

/* 1: senders take turns, so two subscribers see one order. 5.9: with a mux
 * too. */
static void there_is_one_order(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *subs[2] = { bed_subscribe(bed, feed, NULL),
                                bed_subscribe(bed, feed, NULL) };
    struct sender s[SENDERS];
    int64_t next[SENDERS] = { 0 };

    for (int i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){ .feed = feed,
                                .boss = rt_self(bed->self),
                                .from = i * 1000,
                                .count = EACH,
                                .timeout_ms = RT_INFINITY };
        (void)bed_spawn(bed, send_some, &s[i]);
    }
    for (uint64_t seq = 1; seq <= SENDERS * EACH; seq++) {
        struct gen_feed_event a, b;
        int64_t n = 0;

        assert_int_equal(gen_sub_next(bed->self, subs[0], WAIT_MS, &a),
                         AGNER_OK);
        assert_int_equal(gen_sub_next(bed->self, subs[1], WAIT_MS, &b),
                         AGNER_OK);
        assert_int_equal(a.seq, seq);
        assert_int_equal(b.seq, seq);
        assert_true(etf_equal(a.term, b.term));
        assert_true(etf_match(a.term, "_", &n));
        assert_int_equal(n % 1000, next[n / 1000]++);
    }
    for (int i = 0; i < SENDERS; i++)
        bed_await(bed, "sent");
    gen_sub_drop(bed->self, subs[0]);
    end_of(bed, feed, subs[1]);
}

static struct gen_feed_type int_type = { .pattern = "{int, __}" };
static struct gen_feed_type big_type = { .pattern = "{int, 7}" };
static struct gen_feed_type text_type = { .pattern = "{text, __}" };

struct poster {
    struct gen_mux *mux;
    etf_pid boss;
    int64_t from;
};

static void post(struct gen *self, void *arg)
{
    const struct poster *p = arg;

    for (int64_t i = 0; i < EACH; i++) {
        (void)gen_mux_post(
            self, p->mux, etf_make(self, "{int, _}", p->from + i), RT_INFINITY);
        (void)gen_mux_post(self, p->mux, etf_make(self, "{text, _}", i),
                           RT_INFINITY);
    }
    bed_tell(self, p->boss, "posted");
}

static void a_mux_has_one_order(void **state)
{
    struct bed *bed = *state;
    struct gen_feed_type *const ints[] = { &int_type, &big_type };
    struct gen_mux *mux;
    struct gen_sub *subs[2], *none;
    struct poster p[2];
    uint64_t last = 0;

    assert_int_equal(gen_mux_new(bed->self, &mux), AGNER_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            gen_mux_subscribe(bed->self, mux, ints, 2, NULL, &subs[i]),
            AGNER_OK);
    assert_int_equal(gen_mux_subscribe(bed->self, mux, NULL, 0, NULL, &none),
                     AGNER_OK);
    for (int i = 0; i < 2; i++) {
        p[i] = (struct poster){ mux, rt_self(bed->self), i * 10000 };
        (void)bed_spawn(bed, post, &p[i]);
    }
    for (int i = 0; i < 2 * EACH; i++) {
        struct gen_feed_event a, b;

        assert_int_equal(gen_sub_next(bed->self, subs[0], WAIT_MS, &a),
                         AGNER_OK);
        assert_int_equal(gen_sub_next(bed->self, subs[1], WAIT_MS, &b),
                         AGNER_OK);
        assert_int_equal(a.seq, b.seq);
        assert_true(etf_equal(a.term, b.term));
        assert_true(a.seq > last);
        last = a.seq;
    }
    bed_await(bed, "posted");
    bed_await(bed, "posted");
    bed_empty(bed, none);
    gen_mux_stop(bed->self, mux);
    for (int i = 0; i < 2; i++)
        gen_sub_drop(bed->self, subs[i]);
    gen_sub_drop(bed->self, none);
    bed_nothing(bed);
    gen_mux_free(mux);
}

/* 2.7: a post to some does not wait for those of another type. */
static void a_mux_waits_only_for_who_is_concerned(void **state)
{
    struct bed *bed = *state;
    struct gen_feed_type *const texts[] = { &text_type };
    const struct gen_sub_options options = { .window = 1 };
    struct gen_mux *mux;
    struct gen_sub *sub;

    assert_int_equal(gen_mux_new(bed->self, &mux), AGNER_OK);
    assert_int_equal(
        gen_mux_subscribe(bed->self, mux, texts, 1, &options, &sub), AGNER_OK);
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{text, 1}"), WAIT_MS),
        AGNER_OK);
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{int, 1}"), WAIT_MS),
        AGNER_OK);
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{text, 2}"), WAIT_MS),
        AGNER_EDEADLK);
    gen_mux_stop(bed->self, mux);
    expect_down(bed, sub, "normal");
    gen_sub_drop(bed->self, sub);
    gen_mux_free(mux);
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
    expect_down(bed, sub, "{no,luck}");
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
    expect_down(bed, sub, "unsubscribed");
    gen_sub_drop(bed->self, sub);

    /* One that does not listen is killed in the end. */
    sub = producer(bed, "stubborn", &pid);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    bed_dead(bed, pid);
    gen_sub_drop(bed->self, sub);

    sub = producer(bed, "stubborn", &pid);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    expect_down(bed, sub, "killed");
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

    expect_down(bed, sub, "<<\"no connection to that node\">>");
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

    expect_down(bed, sub, "badarg");
    gen_sub_drop(bed->self, sub);
    sub = start(bed, &s, leave, &once);
    expect_down(bed, sub, "left");
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

/* ---- Scopes and joins ---------------------------------------------------- */

/* 2.5, 5.7. */
static void a_scope_holds_what_lives(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_scope *scope = gen_scope_new();
    struct gen_sub *a = bed_subscribe(bed, feed, NULL);
    struct gen_sub *b = bed_subscribe(bed, feed, NULL);
    struct gen_sub *c = bed_subscribe(bed, feed, NULL);

    assert_non_null(scope);
    assert_int_equal(gen_scope_track(bed->self, scope, a), AGNER_OK);
    assert_int_equal(gen_scope_track(bed->self, scope, a), AGNER_OK);
    assert_int_equal(gen_scope_count(scope), 1);
    assert_int_equal(gen_scope_track(bed->self, scope, b), AGNER_OK);
    assert_int_equal(gen_scope_count(scope), 2);
    gen_sub_drop(bed->self, a); /* ended by itself: it is not counted */
    assert_int_equal(gen_scope_count(scope), 1);
    assert_int_equal(gen_scope_close(bed->self, scope), AGNER_OK);
    assert_int_equal(gen_scope_close(bed->self, scope), AGNER_OK);
    assert_int_equal(gen_scope_count(scope), 0);
    assert_int_equal(gen_sub_status(b, NULL, NULL), GEN_SUB_UNSUBSCRIBED);
    assert_int_equal(gen_feed_count(feed), 1);
    /* Too late: it is unsubscribed, and does not leak. */
    assert_int_equal(gen_scope_track(bed->self, scope, c), AGNER_ECLOSED);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_sub_drop(bed->self, b);
    gen_sub_drop(bed->self, c);
    gen_scope_free(scope);
    scope = gen_scope_new();
    a = bed_subscribe(bed, feed, NULL);
    assert_int_equal(gen_scope_track(bed->self, scope, a), AGNER_OK);
    gen_scope_free(scope); /* ends nobody */
    assert_int_equal(gen_feed_count(feed), 1);
    end_of(bed, feed, a);
}

/* 2.5: closing waits for producers, and holds no lock that they could want. */
static etf_term use_scope_at_the_end(struct gen *self,
                                     const struct gen_producer *p)
{
    (void)gen_cancel_wait(self, p->cancel, RT_INFINITY);
    return etf_make(self, "_", (uint64_t)gen_scope_count(p->arg));
}

static void a_scope_waits_without_a_lock(void **state)
{
    struct bed *bed = *state;
    struct gen_scope *scope = gen_scope_new();
    struct gen_sub *subs[3];

    for (int i = 0; i < 3; i++) {
        assert_int_equal(gen_producer_start(bed->self, use_scope_at_the_end,
                                            scope, NULL, &subs[i]),
                         AGNER_OK);
        assert_int_equal(gen_scope_track(bed->self, scope, subs[i]), AGNER_OK);
    }
    assert_int_equal(gen_scope_close(bed->self, scope), AGNER_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(gen_sub_status(subs[i], NULL, NULL),
                         GEN_SUB_UNSUBSCRIBED);
        gen_sub_drop(bed->self, subs[i]);
    }
    bed_nothing(bed);
    gen_scope_free(scope);
}

/* 2.6, 5.8. */
static void a_join_ends_as_its_members_do(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feeds[3];
    struct gen_sub *subs[3], *join;

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            feeds[i] = bed_feed(bed, NULL);
            subs[i] = bed_subscribe(bed, feeds[i],
                                    &(struct gen_sub_options){ .quiet = true });
        }
        assert_int_equal(gen_sub_join(bed->self, subs, 3, &join), AGNER_OK);
        (void)gen_feed_close(bed->self, feeds[0], ETF_A(normal));
        assert_int_equal(gen_sub_status(join, NULL, NULL), GEN_SUB_ACTIVE);
        if (round == 0) { /* all end well */
            assert_int_equal(gen_sub_unsubscribe(bed->self, subs[1]), AGNER_OK);
            (void)gen_feed_close(bed->self, feeds[2], ETF_A(normal));
            expect_down(bed, join, "normal");
        } else { /* the first error is the join's */
            (void)gen_feed_close(bed->self, feeds[1],
                                 etf_make(bed->self, "bang"));
            expect_down(bed, join, "bang");
            assert_int_equal(gen_feed_count(feeds[2]), 0);
        }
        gen_sub_drop(bed->self, join);
        for (int i = 0; i < 3; i++) {
            gen_sub_drop(bed->self, subs[i]);
            gen_feed_free(feeds[i]);
        }
    }
    assert_int_equal(gen_sub_join(bed->self, subs, 0, &join), AGNER_EINVAL);
    bed_nothing(bed);
}

/* ---- The rest ------------------------------------------------------------ */

static void own_a_feed(struct gen *self, void *arg)
{
    const struct gen_feed_options options = { .owned = true,
                                              .timed = true,
                                              .name = etf_atom("prices") };
    struct gen_feed **feed = arg;
    etf_term m;

    (void)gen_feed_new(self, &options, feed);
    bed_tell(self, rt_parent(self), "made");
    (void)rt_receive(self, RT_INFINITY, &m);
}

/* 3.1: a feed ends with its owner. 3.6: names, times, what is taken. */
static void a_feed_may_have_an_owner_and_a_name(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = NULL, *found = NULL;
    struct gen_feed_event event;
    struct etf_box *box;
    struct gen_sub *sub, *same;
    etf_term list;
    etf_pid pid = bed_spawn(bed, own_a_feed, &feed);

    bed_expect(bed, "made");
    assert_int_equal(gen_feed_find(bed->self, etf_atom("prices"), &found),
                     AGNER_OK);
    assert_ptr_equal(found, feed);
    assert_int_equal(gen_feed_find(bed->self, etf_atom("no_prices"), &found),
                     AGNER_ENONAME);
    assert_int_equal(
        gen_feed_new(bed->self,
                     &(struct gen_feed_options){ .name = etf_atom("prices") },
                     &found),
        AGNER_ETAKEN);
    assert_int_equal(gen_feed_subscribe_at(bed->self, etf_atom("prices"), NULL,
                                           WAIT_MS, &same),
                     AGNER_OK);
    sub = bed_subscribe(bed, feed, NULL);
    assert_int_equal(gen_feed_send(bed->self, feed,
                                   etf_make(bed->self, "{price, 12}"), WAIT_MS,
                                   NULL),
                     AGNER_OK);
    assert_int_equal(gen_sub_next(bed->self, sub, 0, &event), AGNER_OK);
    assert_true(event.time_ns > 0);
    box = gen_feed_event_take(&event);
    list = rt_figures_list(bed->rt, rt_region(bed->self), "feed");
    assert_int_equal(etf_list_size(list), 1);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    bed_dead(bed, pid);
    gen_sub_drop(bed->self, same);
    expect_down(bed, sub, "noproc");
    gen_sub_drop(bed->self, sub);
    assert_true(etf_match(etf_box_term(box), "{price, 12}"));
    etf_box_free(box);
    gen_feed_free(found);
    gen_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_what_becomes_of_an_event),
        cmocka_unit_test(decides_when_to_try_again),
        cmocka_unit_test(jitter_shortens_within_bounds),
        BED_CASE(block_waits_for_the_slowest),
        BED_CASE(a_late_one_misses_the_event),
        BED_CASE(slow_ones_end_if_they_want),
        BED_CASE(lossy_policies_keep_their_window),
        BED_CASE(a_try_counts_who_missed_it),
        BED_CASE(a_send_to_oneself_does_not_lock_up),
        BED_CASE(a_death_lets_the_send_go),
        BED_CASE(a_senders_death_passes_the_turn_on),
        BED_CASE(a_close_loses_nothing),
        BED_CASE(nothing_comes_after_the_end),
        BED_CASE(who_is_unsubscribed_is_told),
        BED_CASE(there_is_one_order),
        BED_CASE(a_mux_has_one_order),
        BED_CASE(a_mux_waits_only_for_who_is_concerned),
        BED_CASE(producers_end_in_every_way),
        BED_CASE(waits_longer_and_longer),
        BED_CASE(no_storm_of_tries),
        BED_CASE(a_late_subscription_is_not_left),
        BED_CASE(bad_tries_end_it),
        BED_CASE(a_gap_is_told),
        BED_CASE(a_scope_holds_what_lives),
        BED_CASE(a_scope_waits_without_a_lock),
        BED_CASE(a_join_ends_as_its_members_do),
        BED_CASE(a_feed_may_have_an_owner_and_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
