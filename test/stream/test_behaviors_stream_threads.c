/*
 * test_behaviors_stream_threads.c -- streams with real threads, for the thread
 * sanitizer: who publishes, who joins and leaves, who waits and is woken.
 * spec/eventstream.md 2, 3.2, 4 (own additions), 5.
 *
 *     test_behaviors_stream_threads churn READERS EVENTS
 *
 * runs one case longer: 1000 readers and 10,000,000 events is what 4 asks for.
 */
#include "../behaviors/probe.h"

#define LONG_MS 60000u

/* Under sanitizers everything takes ten times as long. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SLOW 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SLOW 1
#endif
#endif
#ifndef SLOW
#define SLOW 0
#endif

static struct gen_stream *new_stream(struct rt *rt, bool many, int32_t segment)
{
    struct gen_stream_options options = { .segment = segment,
                                          .many_publishers = many };
    struct gen_stream *s;

    assert_int_equal(gen_stream_new(rt, &options, &s), AGNER_OK);
    return s;
}

/* ---- Readers that join and leave ---------------------------------------- */

struct churn {
    struct gen_stream *stream;
    int64_t events;
    _Atomic uint64_t read, gaps, lives;
};

/* Events are {n, Seq}: in a box, which somebody else's thread made. */
static bool is_right(const struct gen_stream_event *event)
{
    uint64_t n = 0;

    return etf_match(event->term, "{n, _}", &n) && n == event->seq;
}

/* One life: reads from where it joined; how many, and how it leaves, is drawn.
 * Returns false at the end of the stream. */
static bool live(struct gen *self, struct churn *c, uint64_t draw)
{
    struct gen_cursor_options options = {
        .lag = draw % 4 == 0 ? GEN_STREAM_SKIP : GEN_STREAM_KEEP, .window = 100
    };
    struct gen_stream_event event = { 0 };
    struct gen_cursor *cursor;
    uint64_t expected, wanted = draw / 4 % 300;
    enum agner_err err = AGNER_OK;

    if (gen_cursor_follow(self, c->stream, &options, &cursor) != AGNER_OK)
        return false;
    expected = gen_cursor_position(cursor);
    for (uint64_t i = 0; i < wanted; i++) {
        err = gen_cursor_next(self, cursor, &event, LONG_MS, NULL);
        if (err == AGNER_ELAGGED) {
            expected += event.size;
            continue;
        }
        if (err != AGNER_OK)
            break;
        if (event.seq != expected || !is_right(&event))
            atomic_fetch_add(&c->gaps, 1);
        expected = event.seq + 1;
    }
    atomic_fetch_add(&c->read, wanted);
    atomic_fetch_add(&c->lives, 1);
    if (err != AGNER_OK && err != AGNER_EDONE && err != AGNER_ELAGGED)
        atomic_fetch_add(&c->gaps, 1);
    if (draw % 3 == 0)
        gen_cursor_close(cursor);
    return err != AGNER_EDONE && draw % 3 != 1;
}

static void churn_reader(struct gen *self, void *arg)
{
    uint64_t draw;

    do {
        rt_random(rt_of(self), &draw, sizeof draw);
        rt_reset(self);
    } while (live(self, arg, draw)); /* cursors that are open end with it */
}

static void churn_publisher(struct gen *self, void *arg)
{
    struct churn *c = arg;

    for (int64_t i = 0; i < c->events; i++) {
        if (gen_stream_publish(self, c->stream, etf_make(self, "{n, _}", i),
                               NULL) != AGNER_OK)
            atomic_fetch_add(&c->gaps, 1);
        if (i % 64 == 0) {
            rt_reset(self);
            (void)rt_check(self);
        }
    }
    (void)gen_stream_close(self, c->stream, ETF_NONE);
}

static void churn(struct probe_world *world, int readers, int64_t events)
{
    struct churn c = { .stream = new_stream(world->rt, false, 64),
                       .events = events };
    etf_pid *pids = calloc((size_t)readers, sizeof *pids);
    struct gen_stream_info info;
    etf_pid publisher;
    uint64_t deadline;
    bool running = true;

    assert_int_equal(
        rt_spawn(world->self, churn_publisher, &c, NULL, &publisher), AGNER_OK);
    /* Whoever has left is replaced, until the publisher is done. */
    while (running) {
        for (int i = 0; i < readers; i++) {
            if (!rt_is_alive(world->rt, pids[i]))
                assert_int_equal(
                    rt_spawn(world->self, churn_reader, &c, NULL, &pids[i]),
                    AGNER_OK);
        }
        running = rt_is_alive(world->rt, publisher);
    }
    for (int i = 0; i < readers; i++)
        assert_int_equal(rt_wait(world->self, pids[i], LONG_MS), AGNER_OK);
    /* Who was replaced is not alive, and may still be giving back what it had.
     */
    deadline = rt_now_ms(world->rt) + LONG_MS;
    do {
        rt_yield(world->self);
        gen_stream_info(c.stream, &info);
    } while (info.readers != 0 && rt_now_ms(world->rt) < deadline);
    assert_int_equal(info.next_seq, events);
    assert_int_equal(info.readers, 0);
    assert_int_equal(info.segments, 1);
    assert_int_equal(atomic_load(&c.gaps), 0);
    printf("%d readers, %lld events: %llu lives, %llu read\n", readers,
           (long long)events, (unsigned long long)atomic_load(&c.lives),
           (unsigned long long)atomic_load(&c.read));
    gen_stream_free(c.stream);
    free(pids);
}

static void readers_join_and_leave_and_miss_nothing(void **state)
{
    churn(*state, SLOW ? 10 : 50, SLOW ? 10000 : 100000);
}

/* ---- Publishers ---------------------------------------------------------- */

struct publishing {
    struct gen_stream *stream;
    int count;
    bool as_thread; /* it shows no process */
    _Atomic int ok, busy, owner, other;
};

static void publish_many_times(struct gen *self, void *arg)
{
    struct publishing *p = arg;

    for (int i = 0; i < p->count; i++) {
        switch (gen_stream_publish(p->as_thread ? NULL : self, p->stream,
                                   etf_int(NULL, i), NULL)) {
        case AGNER_OK:
            atomic_fetch_add(&p->ok, 1);
            break;
        case AGNER_EBUSY:
            atomic_fetch_add(&p->busy, 1);
            break;
        case AGNER_EOWNER:
            atomic_fetch_add(&p->owner, 1);
            break;
        default:
            atomic_fetch_add(&p->other, 1);
        }
    }
}

struct thread {
    struct rt *rt;
    struct publishing *p;
};

static void *publisher_thread(void *arg)
{
    struct thread *t = arg;
    struct gen *self = rt_attach(t->rt);

    publish_many_times(self, t->p);
    rt_detach(self);
    return NULL;
}

/* Two at once; returns how many events the stream has. */
static uint64_t two_publishers(struct probe_world *world, struct publishing *p,
                               bool many)
{
    struct thread thread = { world->rt, p };
    struct gen_stream_info info;
    struct gen_cursor *cursor;
    struct gen_stream_event event;
    uint64_t seq = 0;
    pthread_t ids[2];

    p->stream = new_stream(world->rt, many, 16);
    assert_int_equal(gen_cursor_follow(world->self, p->stream, NULL, &cursor),
                     AGNER_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pthread_create(&ids[i], NULL, publisher_thread, &thread), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(ids[i], NULL), 0);
    gen_stream_info(p->stream, &info);
    while (gen_cursor_try_next(cursor, &event) == AGNER_OK)
        assert_int_equal(event.seq, seq++);
    assert_int_equal(seq, info.next_seq);
    gen_cursor_close(cursor);
    gen_stream_free(p->stream);
    return seq;
}

/* W-4: misuse is an error, never a race: 2, "Publish from two threads". */
static void conf_StreamWeak_4_two_publishers_are_told(void **state)
{
    struct probe_world *world = *state;
    struct publishing p = { .count = 2000 };
    struct gen_stream *s = new_stream(world->rt, false, 16);
    uint64_t events;

    /* Threads show no name: what is refused is what would have been at once. */
    p.as_thread = true;
    events = two_publishers(world, &p, false);
    assert_int_equal(events, p.ok);
    assert_int_equal(p.ok + p.busy, 4000);
    /* Processes: the first has it while it lives, and then the other. */
    p = (struct publishing){ .count = 2000 };
    events = two_publishers(world, &p, false);
    assert_int_equal(events, p.ok);
    assert_int_equal(p.ok + p.busy + p.owner, 4000);
    /* Close twice, and publish after it. */
    assert_int_equal(gen_stream_close(world->self, s, ETF_NONE), AGNER_OK);
    assert_int_equal(gen_stream_close(world->self, s, ETF_NONE), AGNER_ECLOSED);
    assert_int_equal(gen_stream_publish(world->self, s, etf_int(NULL, 1), NULL),
                     AGNER_ECLOSED);
    gen_stream_free(s);
}

static void many_publishers_lose_nothing(void **state)
{
    struct publishing p = { .count = 2000 };

    assert_int_equal(two_publishers(*state, &p, true), 4000);
    assert_int_equal(p.ok, 4000);
}

/* ---- Waiting ------------------------------------------------------------- */

struct tennis {
    struct gen_stream *there, *back;
    int rounds;
    uint64_t timeout_ms;
    struct gen_cancel *cancel;
    _Atomic int failed;
};

static enum agner_err next_patiently(struct gen *self, struct gen_cursor *c,
                                     const struct tennis *t,
                                     struct gen_stream_event *event)
{
    enum agner_err err;

    do {
        err = gen_cursor_next(self, c, event, t->timeout_ms, t->cancel);
    } while (err == AGNER_ETIMEOUT && t->timeout_ms < LONG_MS);
    return err;
}

/* Answers each event of the one stream in the other. */
static void play(struct gen *self, struct tennis *t, struct gen_stream *in,
                 struct gen_stream *out, struct gen_cursor *c, bool serves)
{
    struct gen_stream_event event;

    for (int i = 0; i < t->rounds; i++) {
        if (serves &&
            gen_stream_publish(self, out, etf_int(NULL, i), NULL) != AGNER_OK)
            atomic_fetch_add(&t->failed, 1);
        if (next_patiently(self, c, t, &event) != AGNER_OK) {
            atomic_fetch_add(&t->failed, 1);
            return;
        }
        if (!serves &&
            gen_stream_publish(self, out, event.term, NULL) != AGNER_OK)
            atomic_fetch_add(&t->failed, 1);
    }
    (void)in;
}

struct player {
    struct tennis *t;
    struct rt *rt;
};

static void *other_player(void *arg)
{
    struct player *p = arg;
    struct gen *self = rt_attach(p->rt);
    struct gen_stream_promise start;
    struct gen_cursor *c;

    if (gen_stream_subscribe_from(p->t->there, 0, &start) != AGNER_OK ||
        gen_cursor_open(self, &start, NULL, &c) != AGNER_OK) {
        atomic_fetch_add(&p->t->failed, 1);
    } else {
        gen_stream_promise_free(&start);
        play(self, p->t, p->t->there, p->t->back, c, false);
    }
    rt_detach(self);
    return NULL;
}

static void tennis(struct probe_world *world, struct tennis *t)
{
    struct player other = { t, world->rt };
    struct gen_cursor *c;
    pthread_t id;

    t->there = new_stream(world->rt, false, 8);
    t->back = new_stream(world->rt, false, 8);
    assert_int_equal(gen_cursor_follow(world->self, t->back, NULL, &c),
                     AGNER_OK);
    assert_int_equal(pthread_create(&id, NULL, other_player, &other), 0);
    play(world->self, t, t->back, t->there, c, true);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_int_equal(t->failed, 0);
    gen_cursor_close(c);
    gen_stream_free(t->there);
    gen_stream_free(t->back);
}

/* 3.2: no wake-up is lost; one that is would end in a time-out of a minute. */
static void a_reader_that_goes_to_sleep_is_woken(void **state)
{
    struct tennis t = { .rounds = SLOW ? 1000 : 5000, .timeout_ms = LONG_MS };

    tennis(*state, &t);
}

/* The same while waits end by time, and while there is a token. */
static void time_and_tokens_disturb_nothing(void **state)
{
    struct probe_world *world = *state;
    struct tennis t = { .rounds = SLOW ? 200 : 1000, .timeout_ms = 1 };

    tennis(world, &t);
    t = (struct tennis){ .rounds = SLOW ? 200 : 1000,
                         .timeout_ms = LONG_MS,
                         .cancel = gen_cancel_new(world->rt, NULL) };
    tennis(world, &t);
    gen_cancel_free(t.cancel);
}

/* W-2, W-3 are what the bench row `stream` measures; here: one of many readers
 * that all wait for the same event gets it, and nobody is left. */
struct crowd {
    struct gen_stream *stream;
    int events;
    _Atomic int64_t ready, left, read;
    etf_pid publisher;
};

static void one_of_a_crowd(struct gen *self, void *arg)
{
    struct crowd *c = arg;
    struct gen_stream_event event;
    struct gen_cursor *cursor;

    if (gen_cursor_follow(self, c->stream, NULL, &cursor) != AGNER_OK)
        return;
    atomic_fetch_add(&c->ready, 1);
    while (gen_cursor_next(self, cursor, &event, LONG_MS, NULL) == AGNER_OK) {
        atomic_fetch_add(&c->read, 1);
        if (atomic_fetch_sub(&c->left, 1) == 1)
            (void)rt_send_pid(self, c->publisher, ETF_A(ok));
    }
}

static void conf_StreamWeak_3_all_who_wait_are_woken_each_time(void **state)
{
    struct probe_world *world = *state;
    enum { READERS = 100 };
    struct crowd c = { .stream = new_stream(world->rt, false, 16),
                       .events = SLOW ? 20 : 200,
                       .publisher = rt_self(world->self) };
    etf_pid pids[READERS];
    etf_term message;

    for (int i = 0; i < READERS; i++)
        assert_int_equal(
            rt_spawn(world->self, one_of_a_crowd, &c, NULL, &pids[i]),
            AGNER_OK);
    while (atomic_load(&c.ready) != READERS)
        rt_yield(world->self);
    for (int i = 0; i < c.events; i++) {
        atomic_store(&c.left, READERS);
        assert_int_equal(
            gen_stream_publish(world->self, c.stream, etf_int(NULL, i), NULL),
            AGNER_OK);
        assert_int_equal(rt_receive(world->self, LONG_MS, &message), AGNER_OK);
    }
    assert_int_equal(gen_stream_close(world->self, c.stream, ETF_NONE),
                     AGNER_OK);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(rt_wait(world->self, pids[i], LONG_MS), AGNER_OK);
    assert_int_equal(c.read, (int64_t)READERS * c.events);
    gen_stream_free(c.stream);
}

/* ---- Who never waits ----------------------------------------------------- */

static void publishes_for_ever(struct gen *self, void *arg)
{
    enum agner_err err = AGNER_OK;

    while (err == AGNER_OK)
        err = gen_stream_publish(self, arg, ETF_A(ok), NULL);
}

static void reads_for_ever(struct gen *self, void *arg)
{
    struct gen_stream_event event;
    struct gen_cursor *c;
    enum agner_err err = gen_cursor_follow(self, arg, NULL, &c);

    while (err == AGNER_OK)
        err = gen_cursor_next(self, c, &event, RT_INFINITY, NULL);
}

/* It ends when it is told to, and lets others run: also on one worker. */
static void who_never_waits_can_be_ended(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream *s = new_stream(world->rt, false, 0);
    struct gen_stream_info info;
    etf_pid pids[5];

    for (int i = 0; i < 5; i++)
        assert_int_equal(rt_spawn(world->self,
                                  i == 0 ? publishes_for_ever : reads_for_ever,
                                  s, NULL, &pids[i]),
                         AGNER_OK);
    do {
        rt_yield(world->self);
        gen_stream_info(s, &info);
    } while (info.readers != 4 || info.next_seq < 1000);
    for (int i = 0; i < 5; i++)
        (void)rt_exit_signal(world->self, pids[i],
                             etf_make(world->self, "enough"));
    for (int i = 0; i < 5; i++)
        assert_int_equal(rt_wait(world->self, pids[i], LONG_MS), AGNER_OK);
    gen_stream_info(s, &info);
    assert_int_equal(info.readers, 0);
    assert_int_equal(info.segments, 1);
    gen_stream_free(s);
}

/* ---- The end ------------------------------------------------------------- */

struct poll {
    struct rt *rt;
    struct gen_stream *stream;
    _Atomic bool ready;
    bool right;
};

/* Polls, and so takes no lock that the one who closes has had. */
static void *polling_thread(void *arg)
{
    struct poll *p = arg;
    struct gen *self = rt_attach(p->rt);
    struct gen_stream_event event;
    struct gen_cursor *c;
    enum agner_err err = gen_cursor_follow(self, p->stream, NULL, &c);

    atomic_store(&p->ready, true);
    while (err == AGNER_OK || err == AGNER_EAGAIN)
        err = gen_cursor_try_next(c, &event);
    p->right = err == AGNER_EDONE &&
               etf_match(gen_cursor_reason(c, rt_region(self)), "{bye, __}");
    rt_detach(self);
    return NULL;
}

/* 2, Close: who sees the end sees why. */
static void the_reason_is_there_with_the_end(void **state)
{
    struct probe_world *world = *state;
    struct poll p = { .rt = world->rt,
                      .stream = new_stream(world->rt, false, 0) };
    pthread_t id;

    assert_int_equal(pthread_create(&id, NULL, polling_thread, &p), 0);
    while (!atomic_load(&p.ready))
        rt_yield(world->self);
    assert_int_equal(gen_stream_close(world->self, p.stream,
                                      etf_make(world->self, "{bye, {now}}")),
                     AGNER_OK);
    assert_int_equal(pthread_join(id, NULL), 0);
    assert_true(p.right);
    gen_stream_free(p.stream);
}

/* ---- Who asks to be told, and dies ----------------------------------------
 */

static void ask_and_die(struct gen *self, void *arg)
{
    struct gen_stream_promise here;
    etf_ref ref;

    gen_stream_subscribe(arg, &here);
    (void)gen_stream_promise_notify(self, &here, &ref);
    gen_stream_promise_free(&here);
}

/* Their end and their message may come at the same moment. */
static void who_asks_and_dies_harms_nobody(void **state)
{
    struct probe_world *world = *state;
    struct publishing p = { .stream = new_stream(world->rt, false, 16),
                            .count = SLOW ? 20000 : 200000 };
    struct gen_stream_info info;
    etf_pid publisher, askers[8];

    assert_int_equal(
        rt_spawn(world->self, publish_many_times, &p, NULL, &publisher),
        AGNER_OK);
    while (rt_is_alive(world->rt, publisher)) {
        for (int i = 0; i < 8; i++)
            assert_int_equal(
                rt_spawn(world->self, ask_and_die, p.stream, NULL, &askers[i]),
                AGNER_OK);
        for (int i = 0; i < 8; i++)
            assert_int_equal(rt_wait(world->self, askers[i], LONG_MS),
                             AGNER_OK);
    }
    do {
        rt_yield(world->self);
        gen_stream_info(p.stream, &info);
    } while (info.readers != 0); /* those who are ending */
    assert_int_equal(atomic_load(&p.ok), p.count);
    assert_int_equal(info.segments, 1);
    gen_stream_free(p.stream);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(readers_join_and_leave_and_miss_nothing,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(
            conf_StreamWeak_4_two_publishers_are_told, probe_world_start,
            probe_world_stop),
        cmocka_unit_test_setup_teardown(many_publishers_lose_nothing,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(a_reader_that_goes_to_sleep_is_woken,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(time_and_tokens_disturb_nothing,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(
            conf_StreamWeak_3_all_who_wait_are_woken_each_time,
            probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(who_never_waits_can_be_ended,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(the_reason_is_there_with_the_end,
                                        probe_world_start, probe_world_stop),
        cmocka_unit_test_setup_teardown(who_asks_and_dies_harms_nobody,
                                        probe_world_start, probe_world_stop),
    };

    if (argc == 4 && strcmp(argv[1], "churn") == 0) {
        void *world = NULL;

        if (probe_world_start(&world) != 0)
            return EXIT_FAILURE;
        churn(world, atoi(argv[2]), atoll(argv[3]));
        return probe_world_stop(&world);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
