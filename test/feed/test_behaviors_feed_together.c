/*
 * test_behaviors_feed_together.c -- subscriptions that end together: scopes and
 * joins, and feeds that end with their owner (spec/event.md 2.1, 2.5 and 2.6).
 */
#include "feed_bed.h"

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
    bed_over(bed, feed, a);
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
            bed_down(bed, join, "normal");
        } else { /* the first error is the join's */
            (void)gen_feed_close(bed->self, feeds[1],
                                 etf_make(bed->self, "bang"));
            bed_down(bed, join, "bang");
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

/* ---- Owners -------------------------------------------------------------- */

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
    bed_down(bed, sub, "noproc");
    gen_sub_drop(bed->self, sub);
    assert_true(etf_match(etf_box_term(box), "{price, 12}"));
    etf_box_free(box);
    gen_feed_free(found);
    gen_feed_free(feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BED_CASE(a_scope_holds_what_lives),
        BED_CASE(a_scope_waits_without_a_lock),
        BED_CASE(a_join_ends_as_its_members_do),
        BED_CASE(a_feed_may_have_an_owner_and_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
