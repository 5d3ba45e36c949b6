/*
 * test_behaviors_feed_all.c -- what all subscribers of a feed get:
 * spec/event.md 1 and 2.1; and that events of each kind stay what they are,
 * wherever the feed keeps them (feed/feed_log.h).
 */
#include "feed_bed.h"

#include "feed/feed_log.h"

/* Everybody gets everything, in order, however it takes it; before and after it
 * subscribed, nothing. */
static void all_get_all_in_order(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct follower f[3] = { 0 };
    struct gen_sub *sub;

    bed_send(bed, feed, 1, 0);
    sub = bed_subscribe(bed, feed, NULL);
    bed_send(bed, feed, 2, 1);
    bed_take(bed, sub, 2);
    bed_empty(bed, sub);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
    for (int i = 0; i < 3; i++) {
        f[i] = (struct follower){ .feed = feed,
                                  .boss = rt_self(bed->self),
                                  .limit = UINT64_MAX,
                                  .messages = i == 1 };
        bed_spawn(bed, follow, &f[i]);
        bed_expect(bed, "ready");
    }
    for (int i = 0; i < 3000; i++)
        bed_send(bed, feed, i, 3);
    assert_int_equal(gen_feed_close(bed->self, feed, ETF_A(normal)), AGNER_OK);
    for (int i = 0; i < 3; i++)
        bed_expect(bed, "done");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(f[i].count, 3000);
        assert_false(f[i].disorder);
        assert_int_equal(f[i].last_seq, 3002);
        assert_string_equal(f[i].end, "normal");
    }
    gen_feed_free(feed);
}

/* ---- Kinds of events ----------------------------------------------------- */

/* Words, short tuples, of which some are too long to all find room in a
 * segment, what is no tuple, and what has something inside. */
static etf_term event_of(struct gen *self, int64_t n)
{
    switch (n % 7) {
    case 0:
        return etf_make(self, "_", n);
    case 1:
        return etf_make(self, "{price, _}", n);
    case 2:
    case 5:
        return etf_make(self, "{a, b, c, d, e, f, g, h, i, j, k, l, m, _}", n);
    case 3:
        return etf_make(self, "{price, {nested, _}}", n);
    case 4:
        return etf_make(self, "[1, 2, _]", n);
    default:
        return etf_make(self, "{}");
    }
}

static void send_event(struct bed *bed, struct gen_feed *feed, int64_t n)
{
    assert_int_equal(
        gen_feed_send(bed->self, feed, event_of(bed->self, n), WAIT_MS, NULL),
        AGNER_OK);
    rt_reset(bed->self);
}

/* Takes what is there, which must be events `from` to `to`; they are all looked
 * at once more at the end. */
static void take_events(struct bed *bed, struct gen_sub *sub, int64_t from,
                        int64_t to)
{
    while (from <= to) {
        const struct gen_feed_event *events;
        size_t count;

        assert_int_equal(gen_sub_take(bed->self, sub, (size_t)(to - from + 1),
                                      &events, &count),
                         AGNER_OK);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++, from++) {
            struct etf_box *box = gen_feed_event_take(&events[i]);
            etf_term wanted = event_of(bed->self, from);

            assert_non_null(box);
            assert_true(etf_equal(events[i].term, wanted));
            assert_true(etf_equal(etf_box_term(box), wanted));
            etf_box_free(box);
        }
        rt_reset(bed->self);
    }
}

/* More than a segment of them, to one who follows the log, one who has a ring,
 * and one who comes in between. */
static void events_of_all_kinds_stay_what_they_are(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    const struct gen_sub_options wide = { .window = 1000 };
    const struct gen_sub_options old = { .policy = GEN_FEED_DROP_OLD,
                                         .window = 10 };
    struct gen_sub *log = bed_subscribe(bed, feed, &wide), *ring;

    for (int64_t i = 1; i <= 300; i++)
        send_event(bed, feed, i);
    ring = bed_subscribe(bed, feed, &old);
    for (int64_t i = 301; i <= 350; i++)
        send_event(bed, feed, i);
    gen_sub_drop(bed->self, bed_subscribe(bed, feed, &old));
    take_events(bed, log, 1, 350);
    take_events(bed, ring, 341, 350);
    gen_sub_drop(bed->self, ring);
    for (int64_t i = 351; i <= 800; i++)
        send_event(bed, feed, i);
    take_events(bed, log, 351, 800);
    gen_sub_drop(bed->self, log);
    gen_feed_free(feed);
}

/* Who has to miss events goes on with those that it has, from the segments that
 * the others have left behind; what it took last stays, too. */
static void who_goes_apart_keeps_its_events(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    const struct gen_sub_options few = { .policy = GEN_FEED_DROP_NEW,
                                         .window = 200 };
    struct gen_sub *quick = bed_subscribe(bed, feed, NULL);
    struct gen_sub *slow = bed_subscribe(bed, feed, &few);
    const struct gen_feed_event *last;
    struct gen_feed_info info;
    struct gen_sub_stats stats;
    size_t count;

    for (int64_t i = 1; i <= 10 * FEED_SEGMENT; i++) {
        send_event(bed, feed, i);
        take_events(bed, quick, i, i);
    }
    gen_feed_info(feed, &info);
    assert_true(info.held <= 200 + 2 * FEED_SEGMENT);
    gen_sub_stats(slow, &stats);
    assert_int_equal(stats.waiting, 200);
    assert_int_equal(stats.dropped, 10 * FEED_SEGMENT - 200);
    take_events(bed, slow, 1, 190);
    assert_int_equal(gen_sub_take(bed->self, slow, 10, &last, &count),
                     AGNER_OK);
    assert_int_equal(count, 10);
    gen_sub_drop(bed->self, quick);
    for (int64_t i = 1; i <= 150; i++)
        send_event(bed, feed, i);
    for (int64_t i = 0; i < 10; i++)
        assert_true(etf_equal(last[i].term, event_of(bed->self, 191 + i)));
    take_events(bed, slow, 1, 150);
    gen_sub_drop(bed->self, slow);
    gen_feed_free(feed);
}

/* A subscription that ends has its ring, and pins, freed with it. */
static void who_goes_apart_may_leave(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    const struct gen_sub_options few = { .policy = GEN_FEED_DROP_NEW,
                                         .window = 3 };
    struct gen_sub *slow = bed_subscribe(bed, feed, &few);
    struct gen_sub *quick = bed_subscribe(bed, feed, NULL);

    for (int64_t i = 1; i <= 7; i++)
        send_event(bed, feed, i);
    gen_sub_drop(bed->self, slow);
    take_events(bed, quick, 1, 7);
    gen_sub_drop(bed->self, quick);
    gen_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_CASE(all_get_all_in_order),
        BED_CASE(events_of_all_kinds_stay_what_they_are),
        BED_CASE(who_goes_apart_keeps_its_events),
        BED_CASE(who_goes_apart_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
