/*
 * test_behaviors_feed_slow.c -- who is slow, and who is waited for: the
 * policies of spec/event.md 3.3, and where senders to the packages that feeds
 * answer to hang, lock up or lose (2.1 and 5).
 */
#include "feed_bed.h"

#include <stdatomic.h>

#include "feed/feed_policy.h"

/* ---- The table ----------------------------------------------------------- */

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

/* ---- Senders that would wait --------------------------------------------- */

static void start_sender(struct bed *bed, struct bed_sender *s,
                         struct gen_feed *feed, int64_t count)
{
    *s = (struct bed_sender){ .feed = feed,
                              .boss = rt_self(bed->self),
                              .count = count,
                              .timeout_ms = RT_INFINITY };
    (void)bed_spawn(bed, bed_sends, s);
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

/* 1, backpressure: a send waits for the slowest, with two in its window and the
 * third on its way, and no longer. 5.11: so the bound can be stated. */
static void block_waits_for_the_slowest(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *sub = window_of_two(bed, feed, GEN_FEED_BLOCK);
    struct gen_feed_info info;
    struct bed_sender s;

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
    bed_over(bed, feed, sub);
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
    struct bed_sender s;

    bed_send(bed, feed, 1, 2);
    bed_send(bed, feed, 2, 2);
    s = (struct bed_sender){ .feed = feed,
                             .boss = rt_self(bed->self),
                             .from = 3,
                             .count = 1,
                             .timeout_ms = 20 };
    (void)bed_spawn(bed, bed_sends, &s);
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
    bed_over(bed, feed, slow);
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
    struct bed_sender s;

    bed_send(bed, feed, 1, 2);
    s = (struct bed_sender){
        .feed = feed, .boss = rt_self(bed->self), .count = 1, .timeout_ms = 20
    };
    (void)bed_spawn(bed, bed_sends, &s);
    bed_down(bed, late, "slow");
    bed_await(bed, "sent");
    assert_int_equal(s.err, AGNER_ETIMEOUT);
    assert_int_equal(s.receivers, 1);
    bed_send(bed, feed, 3, 0);
    bed_down(bed, slow, "slow");
    assert_int_equal(gen_sub_next(bed->self, slow, 0, &event), AGNER_ECLOSED);
    assert_int_equal(gen_sub_status(slow, NULL, NULL), GEN_SUB_FAILED);
    gen_sub_drop(bed->self, late);
    bed_over(bed, feed, slow);
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
    bed_over(bed, feed, latest);
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
    bed_over(bed, feed, full);
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
    bed_over(bed, feed, sub);
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
    struct bed_sender s;
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
    struct bed_sender first, second;
    struct gen_feed_event event;
    etf_pid pid;

    first = (struct bed_sender){ .feed = feed,
                                 .boss = rt_self(bed->self),
                                 .count = 3,
                                 .timeout_ms = RT_INFINITY };
    pid = bed_spawn(bed, bed_sends, &first);
    bed_until(bed, is_held, feed);
    start_sender(bed, &second, feed, 1);
    assert_int_equal(rt_exit_signal(bed->self, pid, ETF_A(kill)), AGNER_OK);
    bed_dead(bed, pid);
    bed_take(bed, sub, 0);
    bed_take(bed, sub, 1);
    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event), AGNER_OK);
    bed_await(bed, "sent");
    assert_int_equal(second.err, AGNER_OK);
    bed_over(bed, feed, sub);
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
    struct bed_sender s, queued;
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
    bed_over(bed, feed, sub);
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
    bed_over(bed, feed, sub);
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

    bed_down(bed, sub, "unsubscribed");
    bed_dead(bed, pid);
    assert_int_equal(gen_sub_status(sub, NULL, NULL), GEN_SUB_UNSUBSCRIBED);
    bed_over(bed, feed, sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decides_what_becomes_of_an_event),
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
