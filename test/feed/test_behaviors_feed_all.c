/*
 * test_behaviors_feed_all.c -- what all subscribers of a feed get:
 * spec/event.md 1 and 2.1.
 */
#include "feed_bed.h"
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
int main(void)
{
    const struct CMUnitTest tests[] = { BED_CASE(all_get_all_in_order) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
