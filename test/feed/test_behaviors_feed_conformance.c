/*
 * test_behaviors_feed_conformance.c -- the tests of the packages that feeds
 * answer to, under their names: spec/event.md 4. What they say of a channel is
 * said of a subscription.
 */
#include "feed_bed.h"

#include <stdatomic.h>

static struct gen_feed_type number_type = { .pattern = "{number, __}" };

static struct follower follower(struct bed *bed, struct gen_feed *feed)
{
    return (struct follower){ .feed = feed,
                              .boss = rt_self(bed->self),
                              .limit = UINT64_MAX };
}

/* ---- Feed ---------------------------------------------------------------- */

/* Each mismatch is an error that names itself, and changes nothing. */
static void conf_FeedPanics_are_errors(void **state)
{
    struct bed *bed = *state;
    const struct gen_feed_options options = { .type = &number_type };
    const struct gen_sub_options wide = { .window = GEN_FEED_WINDOW_MAX + 1 };
    const struct gen_sub_options odd = { .policy = (enum gen_feed_policy)9 };
    struct gen_feed *feed = bed_feed(bed, &options);
    struct gen_sub *sub = NULL;
    struct gen_feed_event event;
    size_t count = 7;

    assert_int_equal(gen_feed_send(bed->self, feed,
                                   etf_make(bed->self, "{text, 1}"), WAIT_MS,
                                   &count),
                     AGNER_EBADTYPE);
    assert_int_equal(count, 0);
    sub = bed_subscribe(bed, feed, NULL);
    assert_int_equal(gen_feed_send(bed->self, feed, etf_nil(), WAIT_MS, NULL),
                     AGNER_EBADTYPE);
    assert_int_equal(gen_feed_send(bed->self, feed, ETF_NONE, WAIT_MS, NULL),
                     AGNER_EINVAL);
    bed_empty(bed, sub);
    assert_int_equal(gen_feed_send(bed->self, feed,
                                   etf_make(bed->self, "{number, 1}"), WAIT_MS,
                                   &count),
                     AGNER_OK);
    assert_int_equal(count, 1);
    assert_int_equal(gen_sub_next(bed->self, sub, 0, &event), AGNER_OK);
    assert_int_equal(event.seq, 1);
    gen_sub_drop(bed->self, sub);
    assert_int_equal(gen_feed_subscribe(bed->self, feed, &wide, &sub),
                     AGNER_EINVAL);
    assert_int_equal(gen_feed_subscribe(bed->self, feed, &odd, &sub),
                     AGNER_EINVAL);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_feed_free(feed);
}

#define MANY 1000

/* 1,000 subscribers each get value 1, unsubscribe, and see the end. */
static void conf_Feed_reaches_a_thousand(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct follower *f = calloc(MANY, sizeof *f);

    assert_non_null(f);
    for (int i = 0; i < MANY; i++) {
        f[i] = follower(bed, feed);
        f[i].limit = 1;
        f[i].messages = i % 2 == 0;
        bed_spawn(bed, follow, &f[i]);
    }
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "ready");
    bed_send(bed, feed, 1, MANY);
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "done");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(f[i].count, 1);
        assert_int_equal(f[i].values[0], 1);
    }
    /* They have ended or are about to: then they are no subscribers. */
    while (gen_feed_count(feed) > 0)
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    bed_send(bed, feed, 1, 0);
    gen_feed_free(feed);
    free(f);
}

/* One process, three subscriptions: 3, 2, 1. */
static void conf_FeedSubscribeSameChannel_counts_each(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *a = bed_subscribe(bed, feed, NULL);
    struct gen_sub *b = bed_subscribe(bed, feed, NULL);
    struct gen_sub *c = bed_subscribe(bed, feed, NULL);

    bed_send(bed, feed, 1, 3);
    bed_take(bed, a, 1);
    bed_take(bed, b, 1);
    bed_take(bed, c, 1);
    gen_sub_drop(bed->self, a);
    bed_send(bed, feed, 2, 2);
    bed_take(bed, b, 2);
    bed_take(bed, c, 2);
    gen_sub_drop(bed->self, b);
    bed_send(bed, feed, 3, 1);
    bed_take(bed, c, 3);
    gen_sub_drop(bed->self, c);
    bed_send(bed, feed, 4, 0);
    bed_nothing(bed);
    gen_feed_free(feed);
}

/* A process that sends one number, and says when that is over. */
struct sender {
    struct gen_feed *feed;
    etf_pid boss;
    int64_t n;
    uint64_t timeout_ms;
    size_t count;
    enum agner_err err;
};

static void send_one(struct gen *self, void *arg)
{
    struct sender *s = arg;

    s->err = gen_feed_send(self, s->feed, etf_make(self, "_", s->n),
                           s->timeout_ms, &s->count);
    bed_tell(self, s->boss, "sent");
}

static struct sender *senders(struct bed *bed, struct gen_feed *feed, int count)
{
    struct sender *s = calloc((size_t)count, sizeof *s);

    assert_non_null(s);
    for (int i = 0; i < count; i++) {
        s[i] = (struct sender){ .feed = feed,
                                .boss = rt_self(bed->self),
                                .n = i,
                                .timeout_ms = RT_INFINITY };
        bed_spawn(bed, send_one, &s[i]);
    }
    return s;
}

static bool all_wait(void *ctx)
{
    const struct sender *s = ctx;
    struct gen_feed_info info;

    gen_feed_info(s->feed, &info);
    return (int64_t)info.senders_waiting + 1 == s->n;
}

/* 2,000 sends wait for a reader that does not take; a subscription in the
 * middle does not lock up, and the first one gets all. */
static void conf_FeedSubscribeBlockedPost_gets_all(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options options = { .rendezvous = true };
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *first = bed_subscribe(bed, feed, &options), *second;
    struct sender *s = senders(bed, feed, 2000);
    struct sender wanted = { .feed = feed, .n = 2000 };
    struct gen_feed_event event;

    bed_until(bed, all_wait, &wanted);
    second = bed_subscribe(bed, feed,
                           &(struct gen_sub_options){
                               .policy = GEN_FEED_LATEST,
                           });
    for (int i = 0; i < 2000; i++)
        assert_int_equal(gen_sub_next(bed->self, first, WAIT_MS, &event),
                         AGNER_OK);
    assert_int_equal(event.seq, 2000);
    gen_sub_drop(bed->self, second);
    gen_sub_drop(bed->self, first);
    for (int i = 0; i < 2000; i++)
        bed_await(bed, "sent");
    gen_feed_free(feed);
    free(s);
}

/* 200 sends wait; 2,000 subscribers come and go; without the one in the way all
 * go on. */
static void conf_FeedUnsubscribeBlockedPost_releases_all(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options options = { .rendezvous = true };
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *blocker = bed_subscribe(bed, feed, &options), *sub;
    struct sender *s = senders(bed, feed, 200);
    struct sender wanted = { .feed = feed, .n = 200 };

    bed_until(bed, all_wait, &wanted);
    for (int i = 0; i < 2000; i++) {
        sub = bed_subscribe(bed, feed, NULL);
        gen_sub_drop(bed->self, sub);
    }
    assert_true(all_wait(&wanted));
    gen_sub_drop(bed->self, blocker);
    for (int i = 0; i < 200; i++)
        bed_expect(bed, "sent");
    for (int i = 0; i < 200; i++)
        assert_int_equal(s[i].err, AGNER_OK);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_feed_free(feed);
    free(s);
}

static bool is_blocked(void *ctx)
{
    struct gen_feed_info info;

    gen_feed_info(ctx, &info);
    return info.slowest_behind > 0;
}

/* Who has the value of a send under way may unsubscribe; the next one goes to
 * the other alone. */
static void conf_FeedUnsubscribeSentChan_disturbs_no_send(void **state)
{
    struct bed *bed = *state;
    const struct gen_sub_options options = { .rendezvous = true };
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *a = bed_subscribe(bed, feed, &options);
    struct gen_sub *b = bed_subscribe(bed, feed, &options);
    struct sender *s = senders(bed, feed, 1);

    bed_until(bed, is_blocked, feed);
    bed_take(bed, a, 0);
    gen_sub_drop(bed->self, a);
    bed_take(bed, b, 0);
    bed_await(bed, "sent");
    assert_int_equal(s->err, AGNER_OK);
    assert_int_equal(s->count, 2);
    free(s);
    s = senders(bed, feed, 1);
    bed_take(bed, b, 0);
    bed_await(bed, "sent");
    assert_int_equal(s->count, 1);
    gen_sub_drop(bed->self, b);
    gen_feed_free(feed);
    free(s);
}

/* Subscribers that no send has seen yet leave nothing behind. */
static void conf_FeedUnsubscribeFromInbox_leaves_nothing(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_sub *subs[3];
    struct gen_feed_info info;

    for (int i = 0; i < 3; i++)
        subs[i] = bed_subscribe(bed, feed, NULL);
    assert_int_equal(gen_feed_count(feed), 3);
    for (int i = 0; i < 3; i++)
        gen_sub_drop(bed->self, subs[i]);
    gen_feed_info(feed, &info);
    assert_int_equal(info.subscribers, 0);
    assert_int_equal(info.held, 0);
    bed_nothing(bed);
    gen_feed_free(feed);
}

/* ---- Subscription -------------------------------------------------------- */

static etf_term produce_two_then_fail(struct gen *self,
                                      const struct gen_producer *producer)
{
    for (int i = 0; i < 2; i++)
        (void)rt_send_pid(self, producer->to, etf_make(self, "{value, _}", i));
    return etf_make(self, "{error, at_2}");
}

static void conf_NewSubscriptionError_comes_once(void **state)
{
    struct bed *bed = *state;
    struct gen_sub *sub = NULL;
    etf_term m, reason = ETF_NONE;
    etf_ref ref;

    assert_int_equal(
        gen_producer_start(bed->self, produce_two_then_fail, NULL, NULL, &sub),
        AGNER_OK);
    bed_expect(bed, "{value, 0}");
    bed_expect(bed, "{value, 1}");
    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_down, _, {error, at_2}}", &ref));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    bed_nothing(bed);
    assert_int_equal(gen_sub_status(sub, rt_region(bed->self), &reason),
                     GEN_SUB_FAILED);
    assert_true(etf_match(reason, "{error, at_2}"));
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

/* What a try to subscribe is to do, and what it saw. */
struct script {
    _Atomic unsigned tries;
    char seen[8][40];
    bool up[8];
    struct gen_feed *feed;
    _Atomic bool entered, cancelled;
};

static etf_term produce_nothing(struct gen *self,
                                const struct gen_producer *producer)
{
    (void)self;
    (void)producer;
    return ETF_A(normal);
}

static void note(struct script *s, const struct gen_resub_try *attempt,
                 unsigned i)
{
    if (etf_is_none(attempt->failure))
        s->seen[i][0] = '\0';
    else
        (void)etf_format(s->seen[i], sizeof s->seen[i], attempt->failure);
    s->up[i] = attempt->was_up;
}

/* Five failures, the fourth of them slow, then one that ends well. */
static enum agner_err try_five_times(struct gen *self,
                                     const struct gen_resub_try *attempt,
                                     struct gen_sub **sub, etf_term *reason)
{
    struct script *s = attempt->arg;
    unsigned i = atomic_fetch_add(&s->tries, 1);

    note(s, attempt, i);
    if (i == 3)
        (void)gen_cancel_sleep(self, 200, attempt->cancel);
    if (i < 5) {
        *reason = etf_make(self, "{err, _}", (int64_t)i + 1);
        return AGNER_ENOPROC;
    }
    return gen_producer_start(self, produce_nothing, NULL, NULL, sub);
}

static void resubscribe(struct bed *bed, struct script *s, uint64_t backoff_ms,
                        struct gen_sub **sub)
{
    const struct gen_resub_options options = { .backoff_max_ms = backoff_ms };

    assert_int_equal(
        gen_resubscribe(bed->self, try_five_times, s, &options, sub), AGNER_OK);
}

static void expect_down(struct bed *bed, struct gen_sub *sub,
                        const char *reason)
{
    char text[80];
    etf_term m, why;
    etf_ref ref;

    assert_int_equal(rt_receive(bed->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_down, _, _}", &ref, &why));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
}

static void conf_Resubscribe_tries_six_times(void **state)
{
    struct bed *bed = *state;
    struct script s = { 0 };
    struct gen_sub *sub;

    resubscribe(bed, &s, 100, &sub);
    expect_down(bed, sub, "normal");
    assert_int_equal(atomic_load(&s.tries), 6);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

static enum agner_err wait_for_the_end(struct gen *self,
                                       const struct gen_resub_try *attempt,
                                       struct gen_sub **sub, etf_term *reason)
{
    struct script *s = attempt->arg;

    (void)sub;
    (void)reason;
    atomic_store(&s->entered, true);
    atomic_store(&s->cancelled,
                 gen_cancel_wait(self, attempt->cancel, WAIT_MS) == AGNER_OK);
    return AGNER_ECANCELLED;
}

static bool entered(void *ctx)
{
    return atomic_load(&((struct script *)ctx)->entered);
}

static void conf_ResubscribeAbort_cancels_the_try(void **state)
{
    struct bed *bed = *state;
    struct script s = { 0 };
    struct gen_sub *sub;

    assert_int_equal(
        gen_resubscribe(bed->self, wait_for_the_end, &s, NULL, &sub), AGNER_OK);
    bed_until(bed, entered, &s);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    assert_true(atomic_load(&s.cancelled));
    bed_nothing(bed);
    gen_sub_drop(bed->self, sub);
}

static void conf_ResubscribeWithErrorHandler_sees_each_error(void **state)
{
    struct bed *bed = *state;
    struct script s = { 0 };
    struct gen_sub *sub;

    resubscribe(bed, &s, 10, &sub);
    expect_down(bed, sub, "normal");
    assert_string_equal(s.seen[0], "");
    for (int i = 1; i < 6; i++) {
        char wanted[20];

        (void)snprintf(wanted, sizeof wanted, "{err,%d}", i);
        assert_string_equal(s.seen[i], wanted);
        assert_false(s.up[i]);
    }
    gen_sub_drop(bed->self, sub);
}

static void conf_ResubscribeWithCompletedSubscription_ends(void **state)
{
    struct bed *bed = *state;
    struct script s = { .tries = 5 };
    struct gen_sub *sub;

    resubscribe(bed, &s, 100, &sub);
    expect_down(bed, sub, "normal");
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
}

static struct gen_sub *join_two(struct bed *bed, struct gen_feed *feeds[2],
                                struct gen_sub *subs[2])
{
    struct gen_sub *join = NULL;

    for (int i = 0; i < 2; i++) {
        feeds[i] = bed_feed(bed, NULL);
        subs[i] = bed_subscribe(bed, feeds[i], NULL);
    }
    assert_int_equal(gen_sub_join(bed->self, subs, 2, &join), AGNER_OK);
    return join;
}

static void drop_all(struct bed *bed, struct gen_sub *join,
                     struct gen_feed *feeds[2], struct gen_sub *subs[2])
{
    gen_sub_drop(bed->self, join);
    for (int i = 0; i < 2; i++) {
        gen_sub_drop(bed->self, subs[i]);
        gen_feed_free(feeds[i]);
    }
    bed_nothing(bed);
}

static void conf_Multisub_passes_both_and_stops_both(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feeds[2];
    struct gen_sub *subs[2], *join = join_two(bed, feeds, subs);

    bed_send(bed, feeds[0], 1, 1);
    bed_send(bed, feeds[1], 2, 1);
    bed_take(bed, subs[0], 1);
    bed_take(bed, subs[1], 2);
    assert_int_equal(gen_sub_unsubscribe(bed->self, join), AGNER_OK);
    assert_int_equal(gen_sub_status(join, NULL, NULL), GEN_SUB_UNSUBSCRIBED);
    bed_send(bed, feeds[0], 3, 0);
    bed_send(bed, feeds[1], 3, 0);
    drop_all(bed, join, feeds, subs);
}

static void conf_MultisubPartialUnsubscribe_leaves_the_rest(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feeds[2];
    struct gen_sub *subs[2], *join = join_two(bed, feeds, subs);

    assert_int_equal(gen_sub_unsubscribe(bed->self, subs[0]), AGNER_OK);
    assert_int_equal(rt_sleep(bed->self, 50), AGNER_OK);
    assert_int_equal(gen_sub_status(join, NULL, NULL), GEN_SUB_ACTIVE);
    bed_send(bed, feeds[0], 1, 0);
    bed_send(bed, feeds[1], 2, 1);
    bed_take(bed, subs[1], 2);
    drop_all(bed, join, feeds, subs);
}

static void conf_MultisubFullUnsubscribe_stops_both(void **state)
{
    struct bed *bed = *state;
    struct gen_feed *feeds[2];
    struct gen_sub *subs[2], *join = join_two(bed, feeds, subs);

    gen_sub_drop(bed->self, join);
    assert_int_equal(gen_feed_count(feeds[0]), 0);
    assert_int_equal(gen_feed_count(feeds[1]), 0);
    drop_all(bed, NULL, feeds, subs);
}

/* ---- TypeMux ------------------------------------------------------------- */

static struct gen_feed_type int_type = { .pattern = "{int, __}" };
static struct gen_feed_type text_type = { .pattern = "{text, __}" };
static struct gen_feed_type *const just_ints[] = { &int_type };

static struct gen_mux *new_mux(struct bed *bed)
{
    struct gen_mux *mux = NULL;

    assert_int_equal(gen_mux_new(bed->self, &mux), AGNER_OK);
    return mux;
}

static struct gen_sub *want_ints(struct bed *bed, struct gen_mux *mux,
                                 bool rendezvous)
{
    const struct gen_sub_options options = { .rendezvous = rendezvous };
    struct gen_sub *sub = NULL;

    assert_int_equal(
        gen_mux_subscribe(bed->self, mux, just_ints, 1, &options, &sub),
        AGNER_OK);
    return sub;
}

static void conf_SubCloseUnsub_after_the_stop(void **state)
{
    struct bed *bed = *state;
    struct gen_mux *mux = new_mux(bed);
    struct gen_sub *sub;

    gen_mux_stop(bed->self, mux);
    gen_mux_stop(bed->self, mux);
    sub = want_ints(bed, mux, false);
    assert_int_equal(gen_sub_status(sub, NULL, NULL), GEN_SUB_DONE);
    assert_int_equal(gen_sub_unsubscribe(bed->self, sub), AGNER_OK);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
    gen_mux_free(mux);
}

static void conf_Sub_gets_what_is_of_its_type(void **state)
{
    struct bed *bed = *state;
    struct gen_mux *mux = new_mux(bed);
    struct gen_sub *sub = want_ints(bed, mux, false);
    struct gen_feed_event event;
    int64_t n = 0;

    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{text, 4}"), WAIT_MS),
        AGNER_OK);
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{int, 5}"), WAIT_MS),
        AGNER_OK);
    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event), AGNER_OK);
    assert_true(etf_match(event.term, "{int, _}", &n));
    assert_int_equal(n, 5);
    assert_true(event.time_ns > 0);
    bed_empty(bed, sub);
    gen_mux_stop(bed->self, mux);
    gen_sub_drop(bed->self, sub);
    bed_nothing(bed);
    gen_mux_free(mux);
}

static void conf_MuxErrorAfterStop_is_an_error_and_an_end(void **state)
{
    struct bed *bed = *state;
    struct gen_mux *mux = new_mux(bed);
    struct gen_feed_event event;
    struct gen_sub *sub;

    gen_mux_stop(bed->self, mux);
    sub = want_ints(bed, mux, false);
    expect_down(bed, sub, "normal");
    assert_int_equal(gen_sub_next(bed->self, sub, WAIT_MS, &event),
                     AGNER_ECLOSED);
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{int, 5}"), WAIT_MS),
        AGNER_ECLOSED);
    gen_sub_drop(bed->self, sub);
    gen_mux_free(mux);
}

struct poster {
    struct gen_mux *mux;
    etf_pid boss;
    int64_t count;
};

static void post(struct gen *self, void *arg)
{
    const struct poster *p = arg;

    for (int64_t i = 0; i < p->count; i++)
        (void)gen_mux_post(self, p->mux, etf_make(self, "{int, _}", i),
                           RT_INFINITY);
    bed_tell(self, p->boss, "posted");
}

static void conf_UnsubscribeUnblockPost_releases_it(void **state)
{
    struct bed *bed = *state;
    struct gen_mux *mux = new_mux(bed);
    struct gen_sub *sub = want_ints(bed, mux, true);
    struct poster p = { mux, rt_self(bed->self), 1 };
    struct gen_sub_stats stats = { 0 };

    bed_spawn(bed, post, &p);
    while (stats.waiting == 0) {
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
        gen_sub_stats(sub, &stats);
    }
    gen_sub_drop(bed->self, sub);
    bed_expect(bed, "posted");
    gen_mux_free(mux);
}

static void conf_SubscribeDuplicateType_is_refused(void **state)
{
    struct bed *bed = *state;
    struct gen_feed_type *const twice[] = { &int_type, &text_type, &int_type };
    struct gen_mux *mux = new_mux(bed);
    struct gen_sub *sub = NULL;

    assert_int_equal(gen_mux_subscribe(bed->self, mux, twice, 3, NULL, &sub),
                     AGNER_EINVAL);
    assert_null(sub);
    /* Nothing is left of it that a post could wait for. */
    assert_int_equal(
        gen_mux_post(bed->self, mux, etf_make(bed->self, "{int, 5}"), WAIT_MS),
        AGNER_OK);
    gen_mux_free(mux);
}

struct taker {
    struct gen_mux *mux;
    etf_pid boss;
    enum agner_err err;
    uint64_t count;
};

/* Subscribes, takes one event, and is gone. */
static void take_one(struct gen *self, void *arg)
{
    const struct gen_sub_options options = { .rendezvous = true };
    struct taker *t = arg;
    struct gen_feed_event event;
    struct gen_sub *sub = NULL;

    t->err = gen_mux_subscribe(self, t->mux, just_ints, 1, &options, &sub);
    if (t->err == AGNER_OK)
        t->err = gen_sub_next(self, sub, RT_INFINITY, &event);
    t->count += t->err == AGNER_OK ? 1 : 0;
    gen_sub_drop(self, sub);
    bed_tell(self, t->boss, "taken");
}

/* 3 posters, 1,000 short-lived subscribers: each is served once. */
static void conf_MuxConcurrent_serves_each_once(void **state)
{
    struct bed *bed = *state;
    struct gen_mux *mux = new_mux(bed);
    struct taker *t = calloc(MANY, sizeof *t);
    struct poster p = { mux, rt_self(bed->self), 1000000000 };
    etf_pid posters[3];

    assert_non_null(t);
    for (int i = 0; i < 3; i++)
        posters[i] = bed_spawn(bed, post, &p);
    for (int i = 0; i < MANY; i++) {
        t[i] = (struct taker){ .mux = mux, .boss = rt_self(bed->self) };
        bed_spawn(bed, take_one, &t[i]);
    }
    for (int i = 0; i < MANY; i++)
        bed_expect(bed, "taken");
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(t[i].err, AGNER_OK);
        assert_int_equal(t[i].count, 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(rt_exit_signal(bed->self, posters[i], ETF_A(kill)),
                         AGNER_OK);
        bed_dead(bed, posters[i]);
    }
    gen_mux_stop(bed->self, mux);
    gen_mux_free(mux);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_CASE(conf_FeedPanics_are_errors),
        BED_CASE(conf_Feed_reaches_a_thousand),
        BED_CASE(conf_FeedSubscribeSameChannel_counts_each),
        BED_CASE(conf_FeedSubscribeBlockedPost_gets_all),
        BED_CASE(conf_FeedUnsubscribeBlockedPost_releases_all),
        BED_CASE(conf_FeedUnsubscribeSentChan_disturbs_no_send),
        BED_CASE(conf_FeedUnsubscribeFromInbox_leaves_nothing),
        BED_CASE(conf_NewSubscriptionError_comes_once),
        BED_CASE(conf_Resubscribe_tries_six_times),
        BED_CASE(conf_ResubscribeAbort_cancels_the_try),
        BED_CASE(conf_ResubscribeWithErrorHandler_sees_each_error),
        BED_CASE(conf_ResubscribeWithCompletedSubscription_ends),
        BED_CASE(conf_Multisub_passes_both_and_stops_both),
        BED_CASE(conf_MultisubPartialUnsubscribe_leaves_the_rest),
        BED_CASE(conf_MultisubFullUnsubscribe_stops_both),
        BED_CASE(conf_SubCloseUnsub_after_the_stop),
        BED_CASE(conf_Sub_gets_what_is_of_its_type),
        BED_CASE(conf_MuxErrorAfterStop_is_an_error_and_an_end),
        BED_CASE(conf_UnsubscribeUnblockPost_releases_it),
        BED_CASE(conf_SubscribeDuplicateType_is_refused),
        BED_CASE(conf_MuxConcurrent_serves_each_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
