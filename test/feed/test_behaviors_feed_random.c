/*
 * test_behaviors_feed_random.c -- senders and subscribers with drawn policies,
 * windows and fates, in simulated time and with threads.
 *
 * Whoever blocks gets everything, whoever may lose counts it, all see an order,
 * no send fails, and nothing is left. A failure prints its seed; FEED_SEED=n
 * runs that one alone, FEED_SEEDS=n so many.
 */
#include "feed_bed.h"

#define FOLLOWERS 8
#define SENDERS   3
#define EACH      150

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SEEDS 5
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SEEDS 5
#endif
#endif
#ifndef SEEDS
#define SEEDS 40
#endif

struct sender {
    struct gen_feed *feed;
    etf_pid boss;
    uint64_t timeout_ms;
    bool tries; /* gen_feed_try_send() */
    size_t got, missed;
    unsigned bad; /* sends that failed */
};

static void send_all(struct gen *self, void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < EACH; i++) {
        size_t count = 0, missed = 0;
        etf_term event = etf_make(self, "_", i);
        enum agner_err err =
            s->tries
                ? gen_feed_try_send(self, s->feed, event, &count, &missed)
                : gen_feed_send(self, s->feed, event, s->timeout_ms, &count);

        s->got += count;
        s->bad += err != AGNER_OK && err != AGNER_ETIMEOUT;
        rt_reset(self);
    }
    bed_tell(self, s->boss, "sent");
}

struct draw {
    uint64_t state;
};

static uint32_t draw(struct draw *d, uint32_t bound)
{
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(d->state >> 33) % bound;
}

static void draw_follower(struct draw *d, struct follower *f,
                          struct gen_feed *feed, etf_pid boss)
{
    *f = (struct follower){ .feed = feed, .boss = boss, .limit = UINT64_MAX };
    f->options.policy = (enum gen_feed_policy)draw(d, 5);
    f->options.window = 1 + draw(d, 6);
    f->options.rendezvous =
        f->options.policy == GEN_FEED_BLOCK && draw(d, 4) == 0;
    f->options.end_late = draw(d, 4) == 0;
    f->messages = draw(d, 2) == 0;
    if (draw(d, 5) == 0)
        f->limit = draw(d, 100); /* leaves in the middle */
}

static const char *wrong(const struct follower *f, uint64_t total, bool all)
{
    if (f->disorder)
        return "an event came out of order";
    if (f->limit != UINT64_MAX)
        return f->count > f->limit && !f->messages ? "more than it took" : NULL;
    if (strcmp(f->end, "slow") == 0)
        return f->options.policy == GEN_FEED_END_SLOW || f->options.end_late
                   ? NULL
                   : "it ended as slow, and was not to";
    if (strcmp(f->end, "normal") != 0)
        return "an odd end";
    if (f->stats.taken + f->stats.dropped != total ||
        f->stats.taken != f->count)
        return "an event is neither taken nor counted as lost";
    if (f->options.policy == GEN_FEED_BLOCK && all && f->count != total)
        return "one that blocks missed an event";
    if ((f->options.policy == GEN_FEED_LATEST ||
         f->options.policy == GEN_FEED_DROP_OLD) &&
        f->last_seq != total)
        return "the newest was lost";
    return NULL;
}

static void run(struct bed *bed, uint64_t seed)
{
    static struct follower f[FOLLOWERS];
    static struct sender s[SENDERS];
    struct draw d = { seed * 7919 + 1 };
    struct gen_feed *feed = bed_feed(bed, NULL);
    struct gen_feed_info info;
    bool all = draw(&d, 2) == 0; /* nobody is in a hurry */

    for (int i = 0; i < FOLLOWERS; i++) {
        draw_follower(&d, &f[i], feed, rt_self(bed->self));
        (void)bed_spawn(bed, follow, &f[i]);
    }
    for (int i = 0; i < FOLLOWERS; i++)
        bed_await(bed, "ready");
    for (int i = 0; i < SENDERS; i++) {
        s[i] = (struct sender){ .feed = feed,
                                .boss = rt_self(bed->self),
                                .timeout_ms = all ? RT_INFINITY : draw(&d, 2),
                                .tries = !all && draw(&d, 2) == 0 };
        (void)bed_spawn(bed, send_all, &s[i]);
    }
    for (int i = 0; i < SENDERS; i++)
        bed_await(bed, "sent");
    (void)gen_feed_close(bed->self, feed, ETF_A(normal));
    for (;;) {
        int done = 0;

        for (int i = 0; i < FOLLOWERS; i++)
            done += __atomic_load_n(&f[i].done, __ATOMIC_ACQUIRE) ? 1 : 0;
        if (done == FOLLOWERS)
            break;
        assert_int_equal(rt_sleep(bed->self, 1), AGNER_OK);
    }
    gen_feed_info(feed, &info);
    for (int i = 0; i < FOLLOWERS; i++) {
        const char *what = wrong(&f[i], info.sent, all);

        if (what != NULL)
            fail_msg("seed %llu, subscriber %d (policy %d, window %u): %s: "
                     "%llu taken, %llu dropped, last %llu, `%s`",
                     (unsigned long long)seed, i, (int)f[i].options.policy,
                     f[i].options.window, what, (unsigned long long)f[i].count,
                     (unsigned long long)f[i].stats.dropped,
                     (unsigned long long)f[i].last_seq, f[i].end);
    }
    for (int i = 0; i < SENDERS; i++)
        assert_int_equal(s[i].bad, 0);
    if (all) /* nobody's turn was too late */
        assert_int_equal(info.sent, SENDERS * EACH);
    assert_int_equal(info.subscribers, 0);
    gen_feed_free(feed);
    while (rt_receive(bed->self, 0, &(etf_term){ 0 }) == AGNER_OK) {
    }
    rt_reset(bed->self);
}

static void keeps_every_promise(void **state)
{
    const char *one = getenv("FEED_SEED"), *many = getenv("FEED_SEEDS");
    uint64_t count = many == NULL ? SEEDS : strtoull(many, NULL, 0);

    if (one != NULL) {
        run(*state, strtoull(one, NULL, 0));
        return;
    }
    for (uint64_t seed = 1; seed <= count; seed++)
        run(*state, seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { BED_CASE(keeps_every_promise) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
