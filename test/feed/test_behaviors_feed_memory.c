/*
 * test_behaviors_feed_memory.c -- failed allocations in feeds: style, 5.
 *
 * For each operation, in a simulated world, the first allocation fails, then
 * the second, until none does: each time it says so, or has done what it should
 * without that memory; afterwards the feed works, and the sanitizers find no
 * leak.
 */
#include "feed_bed.h"

#include "failing.h"

struct scene {
    struct bed *bed;
    struct gen_feed *feed;
    struct gen_sub *sub;
};

static etf_term large(struct gen *self)
{
    uint8_t bytes[200] = { 0 };

    return etf_binary(rt_region(self), bytes, sizeof bytes);
}

/* Each says AGNER_ENOMEM, or does what it should; leaves nothing. */

static enum agner_err make_feed(struct scene *s)
{
    struct gen_feed *feed = NULL;
    enum agner_err err = gen_feed_new(
        s->bed->self,
        &(struct gen_feed_options){ .name = etf_atom("named"), .owned = true },
        &feed);

    if (err == AGNER_OK) {
        failing_in = 0;
        (void)gen_feed_close(s->bed->self, feed, ETF_A(normal));
        gen_feed_free(feed);
        while (rt_whereis(s->bed->rt, etf_atom("named"), &(etf_pid){ 0 }) ==
               AGNER_OK)
            (void)rt_sleep(s->bed->self, 1);
    }
    return err;
}

static enum agner_err subscribe(struct scene *s)
{
    struct gen_sub *subs[3] = { NULL };
    enum agner_err err = AGNER_OK;

    for (int i = 0; i < 3 && err == AGNER_OK; i++)
        err = gen_feed_subscribe(
            s->bed->self, s->feed,
            &(struct gen_sub_options){ .policy = i == 0   ? GEN_FEED_BLOCK
                                                 : i == 1 ? GEN_FEED_DROP_OLD
                                                          : GEN_FEED_END_SLOW },
            &subs[i]);
    failing_in = 0;
    for (int i = 0; i < 3; i++)
        gen_sub_drop(s->bed->self, subs[i]);
    return err;
}

static enum agner_err send(struct scene *s)
{
    const struct gen_feed_event *events;
    struct gen_feed_info before, after;
    size_t count = 9, got = 0;
    enum agner_err err;

    gen_feed_info(s->feed, &before);
    err = gen_feed_send(s->bed->self, s->feed, large(s->bed->self), WAIT_MS,
                        &count);
    failing_in = 0;
    gen_feed_info(s->feed, &after);
    /* Either all of it, or nothing. */
    if (after.sent - before.sent != (err == AGNER_OK ? 1 : 0) ||
        count != (err == AGNER_OK ? 1 : 0))
        return AGNER_EINVAL;
    if (gen_sub_take(s->bed->self, s->sub, 10, &events, &got) != AGNER_OK ||
        got != count)
        return AGNER_EINVAL;
    return err;
}

/* What has no room is set apart, for which there is no memory: it ends. */
static enum agner_err set_apart(struct scene *s)
{
    struct gen_sub *sub = NULL;
    struct gen_sub_stats stats;
    size_t missed = 0;
    enum agner_err err;

    failing_in = 0;
    err = gen_feed_subscribe(s->bed->self, s->feed,
                             &(struct gen_sub_options){ .window = 1 }, &sub);
    if (err == AGNER_OK)
        err = gen_feed_send(s->bed->self, s->feed, ETF_A(ok), WAIT_MS, NULL);
    failing_in = 1;
    if (err == AGNER_OK)
        err =
            gen_feed_try_send(s->bed->self, s->feed, ETF_A(ok), NULL, &missed);
    failing_in = 0;
    gen_sub_stats(sub, &stats);
    if (err == AGNER_OK && missed == 0 &&
        gen_sub_status(sub, NULL, NULL) != GEN_SUB_FAILED)
        err = AGNER_EINVAL;
    gen_sub_drop(s->bed->self, sub);
    return err;
}

static etf_term produce(struct gen *self, const struct gen_producer *p)
{
    (void)self;
    (void)p;
    return ETF_A(normal);
}

static enum agner_err start_producer(struct scene *s)
{
    struct gen_sub *sub = NULL;
    enum agner_err err =
        gen_producer_start(s->bed->self, produce, NULL, NULL, &sub);

    if (err == AGNER_OK) {
        while (gen_sub_status(sub, NULL, NULL) == GEN_SUB_ACTIVE)
            (void)rt_sleep(s->bed->self, 1);
        failing_in = 0;
        gen_sub_drop(s->bed->self, sub);
    }
    return err;
}

static enum agner_err try_once(struct gen *self,
                               const struct gen_resub_try *attempt,
                               struct gen_sub **sub, etf_term *reason)
{
    (void)attempt;
    (void)reason;
    return gen_producer_start(self, produce, NULL, NULL, sub);
}

static enum agner_err start_resubscribe(struct scene *s)
{
    struct gen_sub *sub = NULL;
    enum agner_err err =
        gen_resubscribe(s->bed->self, try_once, NULL, NULL, &sub);

    if (err == AGNER_OK) {
        (void)rt_sleep(s->bed->self, 50);
        failing_in = 0;
        gen_sub_drop(s->bed->self, sub);
    }
    return err;
}

static enum agner_err scope_and_join(struct scene *s)
{
    struct gen_scope *scope = gen_scope_new();
    struct gen_sub *join = NULL;
    enum agner_err err;

    if (scope == NULL)
        return AGNER_ENOMEM;
    err = gen_scope_track(s->bed->self, scope, s->sub);
    if (err == AGNER_OK)
        err = gen_sub_join(s->bed->self, &s->sub, 1, &join);
    failing_in = 0;
    gen_scope_free(scope);
    if (join == NULL)
        return err;
    gen_sub_drop(s->bed->self, join); /* which ends its member too */
    gen_sub_drop(s->bed->self, s->sub);
    s->sub = bed_subscribe(s->bed, s->feed, NULL);
    return err;
}

static enum agner_err make_mux(struct scene *s)
{
    static struct gen_feed_type type = { .pattern = "{int, __}" };
    struct gen_feed_type *const types[] = { &type };
    struct gen_mux *mux = NULL;
    struct gen_sub *sub = NULL;
    enum agner_err err = gen_mux_new(s->bed->self, &mux);

    if (err == AGNER_OK)
        err = gen_mux_subscribe(s->bed->self, mux, types, 1, NULL, &sub);
    if (err == AGNER_OK)
        err = gen_mux_post(s->bed->self, mux,
                           etf_make(s->bed->self, "{int, 1}"), WAIT_MS);
    failing_in = 0;
    gen_sub_drop(s->bed->self, sub);
    if (mux != NULL)
        gen_mux_stop(s->bed->self, mux);
    gen_mux_free(mux);
    return err == AGNER_EINVAL ? AGNER_ENOMEM : err; /* the event itself */
}

static void run(struct bed *bed, const char *name,
                enum agner_err (*operation)(struct scene *s))
{
    struct scene s = { .bed = bed, .feed = bed_feed(bed, NULL) };
    enum agner_err err = AGNER_ENOMEM;
    unsigned n;

    s.sub = bed_subscribe(bed, s.feed, NULL);
    for (n = 1; n < 200; n++) {
        failing_seen = false;
        failing_in = n;
        err = operation(&s);
        failing_in = 0;
        if (!failing_seen)
            break;
        if (err != AGNER_OK && err != AGNER_ENOMEM)
            fail_msg("%s, allocation %u: %s", name, n, agner_strerror(err));
        gen_sub_stats(s.sub, &(struct gen_sub_stats){ 0 });
    }
    if (err != AGNER_OK || n == 200)
        fail_msg("%s does not end: %s", name, agner_strerror(err));
    bed_send(bed, s.feed, 7, 1);
    bed_take(bed, s.sub, 7);
    gen_sub_drop(bed->self, s.sub);
    gen_feed_free(s.feed);
}

static void a_failed_allocation_is_an_error(void **state)
{
    struct bed *bed = *state;

    run(bed, "make a feed", make_feed);
    run(bed, "subscribe", subscribe);
    run(bed, "send", send);
    run(bed, "producer", start_producer);
    run(bed, "resubscribe", start_resubscribe);
    run(bed, "scope and join", scope_and_join);
    run(bed, "mux", make_mux);
}

static void one_that_cannot_be_set_apart_ends(void **state)
{
    struct scene s = { .bed = *state };

    s.feed = bed_feed(s.bed, NULL);
    failing_seen = false;
    assert_int_equal(set_apart(&s), AGNER_OK);
    assert_true(failing_seen);
    assert_int_equal(gen_feed_count(s.feed), 0);
    gen_feed_free(s.feed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_allocation_is_an_error,
                                        bed_simulated, bed_end),
        cmocka_unit_test_setup_teardown(one_that_cannot_be_set_apart_ends,
                                        bed_simulated, bed_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
