/*
 * test_behaviors_feed_remote.c -- feeds that are followed from another node, in
 * a simulated world: spec/event.md 3.5.
 */
#include "feed_bed.h"

#include <agner/node.h>

#include "pair.h"

#define PORT    5000
#define TICK_MS 4000
#define LONG_MS (10 * TICK_MS) /* of virtual time: a loss is found by then */
#define MANY    500            /* on each of two nodes */

static const char *const names[2] = { "a@10.0.0.1", "b@10.0.0.2" };
static const char *const hosts[2] = { "10.0.0.1", "10.0.0.2" };

struct duet {
    struct sim *sim;
    struct node *nodes[2];
    struct bed at[2]; /* the feed is on the first */
    struct gen_feed *feed;
};

static struct duet d;

static void start_node(int i)
{
    struct node_options options = pair_options(names[i]);

    options.listen_host = hosts[i];
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(d.sim);
    options.rt.log = pair_quiet;
    d.nodes[i] = pair_start(&options);
    assert_int_equal(node_route(d.nodes[i], names[1 - i], hosts[1 - i], PORT),
                     AGNER_OK);
    d.at[i] = (struct bed){ d.sim, node_rt(d.nodes[i]), NULL };
    d.at[i].self = rt_attach(d.at[i].rt);
    assert_non_null(d.at[i].self);
}

static int begin(void **state)
{
    const char *seed = getenv("FEED_SEED");
    struct gen_feed_options options = { .timed = true };

    d.sim = sim_new(seed == NULL ? 1 : strtoull(seed, NULL, 0), NULL);
    for (int i = 0; i < 2; i++)
        start_node(i);
    options.name = etf_atom("prices");
    d.feed = bed_feed(&d.at[0], &options);
    *state = &d;
    return 0;
}

static int end(void **state)
{
    (void)state;
    gen_feed_free(d.feed);
    for (int i = 0; i < 2; i++) {
        rt_detach(d.at[i].self);
        node_stop(d.nodes[i], 1000);
    }
    sim_free(d.sim);
    return 0;
}

static etf_term there(struct gen *self)
{
    return etf_make(self, "{prices, 'a@10.0.0.1'}");
}

static struct gen_sub *subscribe(const struct gen_sub_options *options)
{
    struct gen_sub *sub = NULL;

    assert_int_equal(gen_feed_subscribe_at(d.at[1].self, there(d.at[1].self),
                                           options, WAIT_MS, &sub),
                     AGNER_OK);
    return sub;
}

static bool has_one(void *ctx)
{
    (void)ctx;
    return gen_feed_count(d.feed) == 1;
}

/* Events cross with their numbers and times, once for all; the end too. */
static void events_cross_once(void **state)
{
    struct bed *b = &d.at[1];
    struct gen_sub *subs[3];
    struct gen_feed_event event;
    size_t count;

    (void)state;
    for (int i = 0; i < 10; i++) /* numbers go on from here */
        bed_send(&d.at[0], d.feed, i, 0);
    for (int i = 0; i < 3; i++)
        subs[i] = subscribe(NULL);
    /* It is there once that has returned. */
    for (int64_t n = 11; n <= 300; n++)
        bed_send(&d.at[0], d.feed, n, 1);
    for (uint64_t n = 11; n <= 300; n++) {
        for (int i = 0; i < 3; i++) {
            int64_t got = 0;

            assert_int_equal(gen_sub_next(b->self, subs[i], WAIT_MS, &event),
                             AGNER_OK);
            assert_int_equal(event.seq, n);
            assert_true(event.time_ns > 0);
            assert_true(etf_match(event.term, "_", &got));
            assert_int_equal(got, n);
        }
    }
    assert_int_equal(gen_feed_send(d.at[0].self, d.feed,
                                   etf_make(d.at[0].self, "last"), WAIT_MS,
                                   &count),
                     AGNER_OK);
    (void)gen_feed_close(d.at[0].self, d.feed,
                         etf_make(d.at[0].self, "enough"));
    for (int i = 0; i < 3; i++) {
        etf_term reason = ETF_NONE;

        assert_int_equal(gen_sub_next(b->self, subs[i], WAIT_MS, &event),
                         AGNER_OK);
        assert_true(etf_atom_is(event.term, "last"));
        assert_int_equal(gen_sub_next(b->self, subs[i], WAIT_MS, &event),
                         AGNER_ECLOSED);
        assert_int_equal(gen_sub_status(subs[i], rt_region(b->self), &reason),
                         GEN_SUB_FAILED);
        assert_true(etf_atom_is(reason, "enough"));
        gen_sub_drop(b->self, subs[i]);
    }
}

struct sender {
    etf_pid boss;
    uint64_t sent;
    enum agner_err err;
    int64_t count;
};

static void send_many(struct gen *self, void *arg)
{
    struct sender *s = arg;

    for (int64_t i = 0; i < s->count && s->err == AGNER_OK; i++) {
        s->err = gen_feed_send(self, d.feed, etf_make(self, "_", i),
                               RT_INFINITY, NULL);
        rt_reset(self);
        s->sent++;
    }
    bed_tell(self, s->boss, "sent");
}

/* BLOCK holds across nodes: a sender gets no further than all windows on the
 * way have room, and what is held is no more than that. */
static void a_slow_one_there_holds_the_sender_here(void **state)
{
    struct gen_sub *sub = subscribe(&(struct gen_sub_options){ .window = 4 });
    struct sender s = { .boss = rt_self(d.at[0].self), .count = 100000 };
    struct gen_feed_event event;
    uint64_t held;

    (void)state;
    (void)bed_spawn(&d.at[0], send_many, &s);
    (void)sim_run(d.sim, 1000);
    held = s.sent;
    assert_in_range(held, 1, 256 + 256 + 64 + 5);
    (void)sim_run(d.sim, 10000);
    assert_int_equal(s.sent, held);
    for (uint64_t n = 1; n <= 2000; n++) {
        assert_int_equal(gen_sub_next(d.at[1].self, sub, WAIT_MS, &event),
                         AGNER_OK);
        assert_int_equal(event.seq, n);
    }
    assert_in_range(s.sent, 2000, 2000 + 256 + 256 + 64 + 5);
    /* When it leaves, nobody is there to wait for; the relay is a subscriber
     * without any, and takes all. */
    gen_sub_drop(d.at[1].self, sub);
    bed_expect(&d.at[0], "sent");
    assert_int_equal(s.err, AGNER_OK);
}

static bool has_none(void *ctx)
{
    (void)ctx;
    return gen_feed_count(d.feed) == 0;
}

/* A relay that nobody uses ends. */
static void an_idle_relay_goes(void **state)
{
    struct gen_sub *sub = subscribe(NULL);

    (void)state;
    bed_until(&d.at[0], has_one, NULL);
    gen_sub_drop(d.at[1].self, sub);
    bed_until(&d.at[0], has_none, NULL);
}

static void who_is_not_there_is_an_error(void **state)
{
    struct gen *self = d.at[1].self;
    struct gen_sub *sub = NULL;

    (void)state;
    assert_int_equal(
        gen_feed_subscribe_at(self, etf_make(self, "{nobody, 'a@10.0.0.1'}"),
                              NULL, WAIT_MS, &sub),
        AGNER_ENONAME);
    assert_int_equal(
        gen_feed_subscribe_at(self, etf_make(self, "{prices, 'c@10.0.0.9'}"),
                              NULL, WAIT_MS, &sub),
        AGNER_ENOCONN);
    assert_int_equal(gen_feed_subscribe_at(self, etf_make(self, "{1, 2}"), NULL,
                                           WAIT_MS, &sub),
                     AGNER_EINVAL);
}

/* A native value does not leave its node. */
static void what_cannot_leave_ends_the_subscription(void **state)
{
    struct gen_sub *sub = subscribe(NULL);
    struct gen_feed_event event;
    etf_term reason = ETF_NONE;

    (void)state;
    assert_int_equal(
        gen_feed_send(d.at[0].self, d.feed,
                      etf_resource(rt_region(d.at[0].self), &d, NULL), WAIT_MS,
                      NULL),
        AGNER_OK);
    assert_int_equal(gen_sub_next(d.at[1].self, sub, WAIT_MS, &event),
                     AGNER_ECLOSED);
    (void)gen_sub_status(sub, rt_region(d.at[1].self), &reason);
    assert_true(etf_atom_is(reason, "badterm"));
    gen_sub_drop(d.at[1].self, sub);
}

/* ---- Loss ---------------------------------------------------------------- */

struct crowd {
    int ready, done;
};

struct one {
    struct crowd *crowd;
    bool far;
    uint64_t count, last;
    bool gap;
    char end[40];
    enum agner_err err;
};

static void see(struct gen *self, void *ctx, const struct gen_feed_event *event)
{
    struct one *o = ctx;

    (void)self;
    o->gap |= event->seq != o->last + 1;
    o->last = event->seq;
    o->count++;
}

static void be_one(struct gen *self, void *arg)
{
    struct one *o = arg;
    struct gen_sub *sub = NULL;
    enum gen_sub_what what = GEN_SUB_OTHER;
    etf_term m, reason = ETF_NONE;

    o->err = o->far
                 ? gen_feed_subscribe_at(self, there(self), NULL, WAIT_MS, &sub)
                 : gen_feed_subscribe(self, d.feed, NULL, &sub);
    o->crowd->ready++;
    if (o->err != AGNER_OK)
        return;
    while (what != GEN_SUB_DOWN &&
           rt_receive(self, RT_INFINITY, &m) == AGNER_OK) {
        what = gen_sub_handle(self, sub, m, see, o);
        rt_reset(self);
    }
    (void)gen_sub_status(sub, rt_region(self), &reason);
    (void)etf_format(o->end, sizeof o->end, reason);
    o->crowd->done++;
}

static bool all_ready(void *ctx)
{
    return ((const struct crowd *)ctx)->ready == 2 * MANY;
}

static bool far_done(void *ctx)
{
    return ((const struct crowd *)ctx)->done >= MANY;
}

static bool all_done(void *ctx)
{
    return ((const struct crowd *)ctx)->done == 2 * MANY;
}

/* 4, our own: 1,000 subscribers on two nodes, and the connection is cut in the
 * middle of a send. Those here get every event, those there a beginning
 * without gaps, and `noconnection`; no send fails or hangs. */
static void a_cut_in_the_middle_of_a_send(void **state)
{
    static struct one ones[2 * MANY];
    struct crowd crowd = { 0, 0 };
    struct sender s = { .boss = rt_self(d.at[0].self), .count = 3000 };

    (void)state;
    memset(ones, 0, sizeof ones);
    for (int i = 0; i < 2 * MANY; i++) {
        ones[i] = (struct one){ .crowd = &crowd, .far = i % 2 == 1 };
        (void)bed_spawn(&d.at[i % 2], be_one, &ones[i]);
    }
    assert_true(sim_run_until(d.sim, all_ready, &crowd, LONG_MS));
    (void)bed_spawn(&d.at[0], send_many, &s);
    while (s.sent < 700)
        assert_true(sim_step(d.sim));
    assert_true(sim_reset(d.sim, hosts[0], hosts[1]) > 0);
    bed_expect(&d.at[0], "sent");
    assert_int_equal(s.err, AGNER_OK);
    assert_true(sim_run_until(d.sim, far_done, &crowd, LONG_MS));
    assert_int_equal(gen_feed_count(d.feed), MANY);
    (void)gen_feed_close(d.at[0].self, d.feed, ETF_A(normal));
    assert_true(sim_run_until(d.sim, all_done, &crowd, LONG_MS));
    for (int i = 0; i < 2 * MANY; i++) {
        assert_int_equal(ones[i].err, AGNER_OK);
        assert_false(ones[i].gap);
        assert_string_equal(ones[i].end,
                            ones[i].far ? "noconnection" : "normal");
        if (ones[i].far)
            assert_in_range(ones[i].count, 0, 1500);
        else
            assert_int_equal(ones[i].count, 3000);
    }
}

/* The same while a subscriber there does not take: it hears of the loss too. */
static void a_loss_is_told_over_a_slow_one(void **state)
{
    struct gen_sub *slow = subscribe(&(struct gen_sub_options){ .window = 1 });
    struct gen_sub *quick = subscribe(NULL);
    struct sender s = { .boss = rt_self(d.at[0].self), .count = 2000 };
    struct gen_feed_event event;

    (void)state;
    (void)bed_spawn(&d.at[0], send_many, &s);
    (void)sim_run(d.sim, 1000);
    assert_true(s.sent < 1000);
    assert_int_equal(sim_partition(d.sim, hosts[0], hosts[1]), AGNER_OK);
    bed_expect(&d.at[0], "sent"); /* once the silence is noticed */
    assert_int_equal(gen_sub_next(d.at[1].self, quick, WAIT_MS, &event),
                     AGNER_OK);
    while (gen_sub_next(d.at[1].self, quick, WAIT_MS, &event) == AGNER_OK) {
    }
    assert_int_equal(gen_sub_status(slow, NULL, NULL), GEN_SUB_FAILED);
    gen_sub_drop(d.at[1].self, slow);
    gen_sub_drop(d.at[1].self, quick);
}

/* ---- Coming back --------------------------------------------------------- */

static uint64_t seen_last, seen_count;

static void on_event(struct gen *self, void *arg,
                     const struct gen_feed_event *event)
{
    (void)self;
    (void)arg;
    seen_last = event->seq;
    seen_count++;
}

static enum agner_err connect_feed(struct gen *self,
                                   const struct gen_resub_try *attempt,
                                   struct gen_sub **sub, etf_term *reason)
{
    (void)attempt;
    (void)reason;
    return gen_feed_subscribe_at(self, there(self), NULL, 5000, sub);
}

static bool saw(void *ctx)
{
    return seen_last >= *(const uint64_t *)ctx;
}

/* Resubscribing brings it back, and what was missed has numbers. */
static void it_comes_back_and_tells_the_gap(void **state)
{
    const struct gen_resub_options options = { .backoff_max_ms = 1000,
                                               .jitter_percent = 50,
                                               .handle = on_event };
    struct gen *self = d.at[1].self;
    struct gen_sub *sub = NULL;
    uint64_t last = 5, from = 0, to = 0;
    etf_term m;
    etf_ref ref;

    (void)state;
    seen_last = seen_count = 0;
    assert_int_equal(gen_resubscribe(self, connect_feed, NULL, &options, &sub),
                     AGNER_OK);
    bed_until(&d.at[0], has_one, NULL);
    for (int i = 0; i < 5; i++)
        bed_send(&d.at[0], d.feed, i, 1);
    bed_until(&d.at[0], saw, &last);
    assert_int_equal(sim_partition(d.sim, hosts[0], hosts[1]), AGNER_OK);
    bed_until(&d.at[0], has_none, NULL);
    for (int i = 0; i < 5; i++)
        bed_send(&d.at[0], d.feed, i, 0);
    sim_heal_all(d.sim);
    bed_until(&d.at[0], has_one, NULL);
    bed_send(&d.at[0], d.feed, 11, 1);
    last = 11;
    bed_until(&d.at[0], saw, &last);
    assert_int_equal(seen_count, 6);
    assert_int_equal(rt_receive(self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_gap, _, _, _}", &ref, &from, &to));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_int_equal(from, 6);
    assert_int_equal(to, 10);
    gen_sub_drop(self, sub);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(events_cross_once),
        CASE(a_slow_one_there_holds_the_sender_here),
        CASE(an_idle_relay_goes),
        CASE(who_is_not_there_is_an_error),
        CASE(what_cannot_leave_ends_the_subscription),
        CASE(a_cut_in_the_middle_of_a_send),
        CASE(a_loss_is_told_over_a_slow_one),
        CASE(it_comes_back_and_tells_the_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
