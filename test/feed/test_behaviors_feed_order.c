/*
 * test_behaviors_feed_order.c -- one order for all, of a feed and of a mux:
 * spec/event.md 1 and 2.7.
 */
#include "feed_bed.h"

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
    struct bed_sender s[SENDERS];
    int64_t next[SENDERS] = { 0 };

    for (int i = 0; i < SENDERS; i++) {
        s[i] = (struct bed_sender){ .feed = feed,
                                    .boss = rt_self(bed->self),
                                    .from = i * 1000,
                                    .count = EACH,
                                    .timeout_ms = RT_INFINITY };
        (void)bed_spawn(bed, bed_sends, &s[i]);
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
    bed_over(bed, feed, subs[1]);
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
    bed_down(bed, sub, "normal");
    gen_sub_drop(bed->self, sub);
    gen_mux_free(mux);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_CASE(there_is_one_order),
        BED_CASE(a_mux_has_one_order),
        BED_CASE(a_mux_waits_only_for_who_is_concerned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
