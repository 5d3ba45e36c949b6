/*
 * test_behaviors_feed_of.c -- feeds of structs: the six tests that the packages
 * which feeds answer to have for their generic variant, and what a wrong type
 * comes to. spec/event.md 2.1, 4.
 */
#include "feed_bed.h"

struct price {
    char item[16];
    int64_t cents;
};

static const struct etf_field price_fields[] = {
    ETF_FIELD(struct price, item, ETF_FIELD_TEXT),
    ETF_FIELD(struct price, cents, ETF_FIELD_INT64),
};

GEN_FEED_OF(price, struct price, price_fields)

struct weight {
    double grams;
};

static const struct etf_field weight_fields[] = {
    ETF_FIELD(struct weight, grams, ETF_FIELD_DOUBLE),
};

GEN_FEED_OF(weight, struct weight, weight_fields)

static struct gen_feed *price_feed(struct bed *bed)
{
    struct gen_feed *feed = NULL;

    assert_int_equal(price_feed_new(bed->self, NULL, &feed), AGNER_OK);
    return feed;
}

static void send(struct bed *bed, struct gen_feed *feed, int64_t cents,
                 size_t count)
{
    struct price price = { "egg", cents };
    size_t got = SIZE_MAX;

    assert_int_equal(price_feed_send(bed->self, feed, &price, WAIT_MS, &got),
                     AGNER_OK);
    assert_int_equal(got, count);
}

static void take(struct bed *bed, struct gen_sub *sub, int64_t cents)
{
    struct gen_feed_event event;
    struct price price = { "", 0 };

    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event), AGNER_OK);
    assert_int_equal(price_feed_get(&event, &price), AGNER_OK);
    assert_string_equal(price.item, "egg");
    assert_int_equal(price.cents, cents);
}

/* What is of another type is refused, and says so. */
static void a_wrong_type_is_an_error(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *sub = bed_subscribe(bed, feed, NULL);
    struct weight weight = { 12.5 };
    struct price price = { "kept", 7 };
    struct gen_feed_event event;
    size_t count = 7;

    assert_int_equal(
        weight_feed_send(bed->self, feed, &weight, WAIT_MS, &count),
        AGNER_EBADTYPE);
    assert_int_equal(count, 0);
    /* The tag is right, the rest is not. */
    assert_int_equal(gen_feed_send(bed->self, feed,
                                   etf_make(bed->self, "{price, #{item => 1}}"),
                                   WAIT_MS, NULL),
                     AGNER_OK);
    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event), AGNER_OK);
    assert_int_equal(price_feed_get(&event, &price), AGNER_EBADTYPE);
    assert_int_equal(weight_feed_get(&event, &weight), AGNER_EBADTYPE);
    assert_string_equal(price.item, "kept");
    assert_int_equal(price.cents, 7);
    gen_sub_drop(bed->self, sub);
    gen_feed_free(feed);
}

/* ---- Many ------------------------------------------------------------------
 */

#define MANY 1000

struct reader {
    struct gen_feed *feed;
    etf_pid boss;
    struct price price;
    enum agner_err err;
};

static void read_one(struct gen *self, void *arg)
{
    struct reader *r = arg;
    struct gen_feed_event event;
    struct gen_sub *sub = NULL;

    r->err = gen_feed_subscribe(self, r->feed, NULL, &sub);
    bed_tell(self, r->boss, "ready");
    if (r->err == AGNER_OK)
        r->err = gen_sub_next(self, sub, WAIT_MS, &event);
    if (r->err == AGNER_OK)
        r->err = price_feed_get(&event, &r->price);
    if (sub != NULL)
        gen_sub_drop(self, sub);
    bed_tell(self, r->boss, "done");
}

static void conf_FeedOf_reaches_a_thousand(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = price_feed(bed);
    struct reader *r = calloc(MANY, sizeof *r);

    assert_non_null(r);
    for (int i = 0; i < MANY; i++) {
        r[i].feed = feed;
        r[i].boss = rt_self(bed->self);
        bed_spawn(bed, read_one, &r[i]);
    }
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "ready");
    send(bed, feed, 1, MANY);
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "done");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(r[i].err, AGNER_OK);
        assert_int_equal(r[i].price.cents, 1);
    }
    send(bed, feed, 1, 0);
    gen_feed_free(feed);
    free(r);
}

static void conf_FeedOfSubscribeSameChannel_counts_each(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *subs[3];

    for (int i = 0; i < 3; i++)
        subs[i] = bed_subscribe(bed, feed, NULL);
    for (int i = 0; i < 3; i++) {
        send(bed, feed, i, (size_t)(3 - i));
        for (int j = i; j < 3; j++)
            take(bed, subs[j], i);
        gen_sub_drop(bed->self, subs[i]);
    }
    send(bed, feed, 3, 0);
    bed_nothing(bed);
    gen_feed_free(feed);
}

/* ---- Sends that wait -------------------------------------------------------
 */

struct sender {
    struct gen_feed *feed;
    etf_pid boss;
    int64_t cents;
    size_t count;
    enum agner_err err;
};

static void send_one(struct gen *self, void *arg)
{
    struct sender *s = arg;
    struct price price = { "egg", s->cents };

    s->err = price_feed_send(self, s->feed, &price, RT_INFINITY, &s->count);
    bed_tell(self, s->boss, "sent");
}

static struct sender *senders(struct bed *bed, struct gen_feed *feed, int count)
{
    struct sender *s = calloc((size_t)count, sizeof *s);

    assert_non_null(s);
    for (int i = 0; i < count; i++) {
        s[i] = (struct sender){ .feed = feed, .boss = rt_self(bed->self) };
        s[i].cents = i;
        bed_spawn(bed, send_one, &s[i]);
    }
    return s;
}

struct crowd {
    struct gen_feed *feed;
    size_t senders;
};

/* One has its turn, and the others wait for theirs. */
static bool all_wait(void *ctx)
{
    const struct crowd *crowd = ctx;
    struct gen_feed_info info;

    gen_feed_info(crowd->feed, &info);
    return info.senders_waiting + 1 == crowd->senders &&
           info.slowest_behind > 0;
}

static void conf_FeedOfSubscribeBlockedPost_gets_all(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options one_by_one = { .rendezvous = true };
    const struct gen_sub_options latest = { .policy = GEN_FEED_LATEST };
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *first = bed_subscribe(bed, feed, &one_by_one), *second;
    struct sender *s = senders(bed, feed, 2000);
    struct crowd crowd = { feed, 2000 };
    struct gen_feed_event event;
    struct price price;
    int64_t sum = 0;

    bed_until(bed, all_wait, &crowd);
    second = bed_subscribe(bed, feed, &latest);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(gen_sub_next(bed->self, first, WAIT_MS, &event),
                         AGNER_OK);
        assert_int_equal(price_feed_get(&event, &price), AGNER_OK);
        sum += price.cents;
    }
    assert_int_equal(sum, 1999 * 1000);
    gen_sub_drop(bed->self, second);
    gen_sub_drop(bed->self, first);
    for (int i = 0; i < 2000; i++)
        bed_await(bed, "sent");
    gen_feed_free(feed);
    free(s);
}

static void conf_FeedOfUnsubscribeBlockedPost_releases_all(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options one_by_one = { .rendezvous = true };
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *blocker = bed_subscribe(bed, feed, &one_by_one);
    struct sender *s = senders(bed, feed, 200);
    struct crowd crowd = { feed, 200 };

    bed_until(bed, all_wait, &crowd);
    for (int i = 0; i < 2000; i++)
        gen_sub_drop(bed->self, bed_subscribe(bed, feed, NULL));
    assert_true(all_wait(&crowd));
    gen_sub_drop(bed->self, blocker);
    for (int i = 0; i < 200; i++)
        bed_expect(bed, "sent");
    for (int i = 0; i < 200; i++)
        assert_int_equal(s[i].err, AGNER_OK);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_feed_free(feed);
    free(s);
}

static void conf_FeedOfUnsubscribeSentChan_disturbs_no_send(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options one_by_one = { .rendezvous = true };
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *a = bed_subscribe(bed, feed, &one_by_one);
    struct gen_sub *b = bed_subscribe(bed, feed, &one_by_one);
    struct sender *s = senders(bed, feed, 1);
    struct crowd crowd = { feed, 1 };

    bed_until(bed, all_wait, &crowd);
    take(bed, a, 0);
    gen_sub_drop(bed->self, a);
    take(bed, b, 0);
    bed_await(bed, "sent");
    assert_int_equal(s->err, AGNER_OK);
    assert_int_equal(s->count, 2);
    free(s);
    s = senders(bed, feed, 1);
    take(bed, b, 0);
    bed_await(bed, "sent");
    assert_int_equal(s->count, 1);
    gen_sub_drop(bed->self, b);
    gen_feed_free(feed);
    free(s);
}

static void conf_FeedOfUnsubscribeFromInbox_leaves_nothing(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = price_feed(bed);
    struct gen_sub *subs[3];
    struct gen_feed_info info;

    for (int i = 0; i < 3; i++)
        subs[i] = bed_subscribe(bed, feed, NULL);
    for (int i = 0; i < 3; i++)
        gen_sub_drop(bed->self, subs[i]);
    gen_feed_info(feed, &info);
    assert_int_equal(info.subscribers, 0);
    assert_int_equal(info.held, 0);
    bed_nothing(bed);
    gen_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_CASE(a_wrong_type_is_an_error),
        BED_CASE(conf_FeedOf_reaches_a_thousand),
        BED_CASE(conf_FeedOfSubscribeSameChannel_counts_each),
        BED_CASE(conf_FeedOfSubscribeBlockedPost_gets_all),
        BED_CASE(conf_FeedOfUnsubscribeBlockedPost_releases_all),
        BED_CASE(conf_FeedOfUnsubscribeSentChan_disturbs_no_send),
        BED_CASE(conf_FeedOfUnsubscribeFromInbox_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
