/*
 * feed_bed.c -- a runtime for the tests of feeds: feed_bed.h.
 */
#include "feed_bed.h"

#include <stdatomic.h>

static void no_log(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

static struct bed bed;

static int start(void **state, struct sim *sim)
{
    struct rt_options options = { .log = no_log };

    bed.sim = sim;
    if (sim != NULL)
        options.world = sim_world(sim);
    else
        options.workers = 3;
    assert_int_equal(rt_new(&options, &bed.rt, NULL), AGNER_OK);
    bed.self = rt_attach(bed.rt);
    assert_non_null(bed.self);
    *state = &bed;
    return 0;
}

int bed_simulated(void **state)
{
    const char *seed = getenv("FEED_SEED");

    return start(state,
                 sim_new(seed == NULL ? 1 : strtoull(seed, NULL, 0), NULL));
}

int bed_threads(void **state)
{
    return start(state, NULL);
}

int bed_end(void **state)
{
    struct bed *b = *state;

    rt_detach(b->self);
    rt_free(b->rt, 1000);
    if (b->sim != NULL)
        sim_free(b->sim);
    return 0;
}

etf_pid bed_spawn(struct bed *b, void (*code)(struct gen *self, void *arg),
                  void *arg)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(b->self, code, arg, NULL, &pid), AGNER_OK);
    return pid;
}

static etf_term parse(struct gen *self, const char *text)
{
    etf_term term = ETF_NONE;

    (void)etf_parse(rt_region(self), text, strlen(text), &term, NULL, NULL);
    return term;
}

void bed_tell(struct gen *self, etf_pid to, const char *text)
{
    (void)rt_send_pid(self, to, parse(self, text));
}

static void receive(struct bed *b, etf_term *m)
{
    assert_int_equal(rt_receive(b->self, WAIT_MS, m), AGNER_OK);
}

void bed_expect(struct bed *b, const char *text)
{
    char got[200], wanted[200];
    etf_term m;

    receive(b, &m);
    assert_string_equal(
        etf_format(got, sizeof got, m),
        etf_format(wanted, sizeof wanted, parse(b->self, text)));
}

void bed_await(struct bed *b, const char *text)
{
    etf_term m;

    do {
        receive(b, &m);
    } while (!etf_equal(m, parse(b->self, text)));
}

void bed_nothing(struct bed *b)
{
    etf_term m;

    assert_int_equal(rt_receive(b->self, 0, &m), AGNER_ETIMEOUT);
}

void bed_dead(struct bed *b, etf_pid pid)
{
    assert_int_equal(rt_wait(b->self, pid, WAIT_MS), AGNER_OK);
}

struct gen_feed *bed_feed(struct bed *b, const struct gen_feed_options *options)
{
    struct gen_feed *feed = NULL;

    assert_int_equal(gen_feed_new(b->self, options, &feed), AGNER_OK);
    return feed;
}

struct gen_sub *bed_subscribe(struct bed *b, struct gen_feed *feed,
                              const struct gen_sub_options *options)
{
    struct gen_sub *sub = NULL;

    assert_int_equal(gen_feed_subscribe(b->self, feed, options, &sub),
                     AGNER_OK);
    return sub;
}

void bed_send(struct bed *b, struct gen_feed *feed, int64_t n, size_t count)
{
    size_t got = 12345;

    assert_int_equal(
        gen_feed_send(b->self, feed, etf_make(b->self, "_", n), WAIT_MS, &got),
        AGNER_OK);
    assert_int_equal(got, count);
}

void bed_take(struct bed *b, struct gen_sub *sub, int64_t n)
{
    struct gen_feed_event event;
    int64_t got;

    assert_int_equal(gen_sub_next(b->self, sub, WAIT_MS, &event), AGNER_OK);
    assert_true(etf_match(event.term, "_", &got));
    assert_int_equal(got, n);
}

void bed_empty(struct bed *b, struct gen_sub *sub)
{
    struct gen_feed_event event;

    assert_int_equal(gen_sub_next(b->self, sub, 0, &event), AGNER_ETIMEOUT);
}

void bed_down(struct bed *b, struct gen_sub *sub, const char *reason)
{
    char text[80];
    etf_term m, why;
    etf_ref ref;

    assert_int_equal(rt_receive(b->self, WAIT_MS, &m), AGNER_OK);
    while (etf_match(m, "{gen_feed_ready, __}"))
        assert_int_equal(rt_receive(b->self, WAIT_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_feed_down, _, _}", &ref, &why));
    assert_true(etf_ref_equal(ref, gen_sub_ref(sub)));
    assert_string_equal(etf_format(text, sizeof text, why), reason);
}

void bed_over(struct bed *b, struct gen_feed *feed, struct gen_sub *sub)
{
    gen_sub_drop(b->self, sub);
    bed_nothing(b);
    assert_int_equal(gen_feed_count(feed), 0);
    gen_feed_free(feed);
}

void bed_until(struct bed *b, bool (*done)(void *ctx), void *ctx)
{
    uint64_t end = rt_now_ms(b->rt) + WAIT_MS;

    while (!done(ctx)) {
        assert_true(rt_now_ms(b->rt) < end);
        assert_int_equal(rt_sleep(b->self, 1), AGNER_OK);
    }
}

/* ---- Senders ------------------------------------------------------------- */

void bed_sends(struct gen *self, void *arg)
{
    struct bed_sender *s = arg;

    for (int64_t i = 0; i < s->count && s->err == AGNER_OK; i++) {
        s->err = gen_feed_send(self, s->feed, etf_make(self, "_", s->from + i),
                               s->timeout_ms, &s->receivers);
        rt_reset(self);
        atomic_fetch_add(&s->sent, 1);
    }
    bed_tell(self, s->boss, "sent");
}

/* ---- Followers ----------------------------------------------------------- */

static void see(struct gen *self, void *ctx, const struct gen_feed_event *event)
{
    struct follower *f = ctx;
    int64_t n = 0;

    (void)self;
    (void)etf_match(event->term, "_", &n);
    if (f->count < sizeof f->values / sizeof f->values[0])
        f->values[f->count] = n;
    f->disorder |= event->seq <= f->last_seq;
    f->last_seq = event->seq;
    f->count++;
    f->sum += (uint64_t)n;
}

static bool is_go(void *ctx, etf_term m)
{
    (void)ctx;
    return etf_atom_is(m, "go");
}

static void take_by_next(struct gen *self, struct follower *f,
                         struct gen_sub *sub)
{
    struct gen_feed_event event;

    while (f->count < f->limit) {
        f->err = gen_sub_next(self, sub, RT_INFINITY, &event);
        if (f->err != AGNER_OK)
            return;
        see(self, f, &event);
    }
}

static void take_by_messages(struct gen *self, struct follower *f,
                             struct gen_sub *sub)
{
    enum gen_sub_what what = GEN_SUB_OTHER;
    etf_term m;

    while (what != GEN_SUB_DOWN && f->count < f->limit) {
        f->err = rt_receive(self, RT_INFINITY, &m);
        if (f->err != AGNER_OK)
            return;
        what = gen_sub_handle(self, sub, m, see, f);
        rt_reset(self);
    }
}

void follow(struct gen *self, void *arg)
{
    struct follower *f = arg;
    etf_pid boss = f->boss;
    struct gen_sub *sub = NULL;
    etf_term m, reason = ETF_NONE;

    f->options.quiet = !f->messages;
    f->err = gen_feed_subscribe(self, f->feed, &f->options, &sub);
    bed_tell(self, f->boss, "ready");
    if (f->err != AGNER_OK)
        return;
    if (f->wait_first)
        (void)rt_receive_match(self, is_go, NULL, RT_INFINITY, &m);
    if (f->messages)
        take_by_messages(self, f, sub);
    else
        take_by_next(self, f, sub);
    if (gen_sub_status(sub, rt_region(self), &reason) != GEN_SUB_ACTIVE)
        (void)etf_format(f->end, sizeof f->end, reason);
    gen_sub_stats(sub, &f->stats);
    __atomic_store_n(&f->done, true, __ATOMIC_RELEASE);
    bed_tell(self, boss, "done"); /* who hears of it may let go of `f` */
}
