/*
 * test_behaviors_stream_lag.c -- who falls behind, who waits for whom, and what
 * is kept meanwhile: spec/eventstream.md 3.2, 3.3 and 5. Simulated.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <agner/gen.h>
#include <agner/sim.h>

#include "../failing.h"
#include "stream/stream.h"

#define LONG_MS 60000u

struct world {
    struct sim *sim;
    struct rt *rt;
    struct gen *self;
    struct gen_stream *s;
};

static int start(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct rt_options options = { 0 };

    w->sim = sim_new(1, NULL);
    options.world = sim_world(w->sim);
    if (rt_new(&options, &w->rt, NULL) != AGNER_OK)
        return -1;
    w->self = rt_attach(w->rt);
    *state = w;
    return w->self == NULL ? -1 : 0;
}

static int stop(void **state)
{
    struct world *w = *state;

    rt_detach(w->self);
    gen_stream_free(w->s);
    rt_free(w->rt, 0);
    sim_free(w->sim);
    free(w);
    return 0;
}

static void open_stream(struct world *w,
                        const struct gen_stream_options *options)
{
    assert_int_equal(gen_stream_new(w->rt, options, &w->s), AGNER_OK);
}

static struct gen_cursor *follow(struct world *w, enum gen_stream_lag lag,
                                 uint64_t window)
{
    struct gen_cursor_options options = { .lag = lag, .window = window };
    struct gen_cursor *c;

    assert_int_equal(gen_cursor_follow(w->self, w->s, &options, &c), AGNER_OK);
    return c;
}

/* Numbers, which are those of the events too. */
static void publish(struct world *w, int count)
{
    struct gen_stream_info info;

    for (int i = 0; i < count; i++) {
        gen_stream_info(w->s, &info);
        assert_int_equal(
            gen_stream_publish(w->self, w->s,
                               etf_make(w->self, "_", info.next_seq), NULL),
            AGNER_OK);
    }
}

static struct gen_stream_info info_of(struct world *w)
{
    struct gen_stream_info info;

    gen_stream_info(w->s, &info);
    return info;
}

static void expect_next(struct gen_cursor *c, uint64_t number)
{
    struct gen_stream_event event;
    uint64_t n;

    assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
    assert_int_equal(event.seq, number);
    assert_true(etf_get_uint(event.term, &n));
    assert_int_equal(n, number);
}

static void expect_lagged(struct gen_cursor *c, uint64_t lost)
{
    struct gen_stream_event event;

    assert_int_equal(gen_cursor_try_next(c, &event), AGNER_ELAGGED);
    assert_int_equal(event.size, lost);
}

static void expect_nothing(struct gen_cursor *c, enum agner_err why)
{
    struct gen_stream_event event;

    assert_int_equal(gen_cursor_try_next(c, &event), why);
}

/* ---- The decision -------------------------------------------------------- */

static void a_table_says_what_becomes_of_who_is_behind(void **state)
{
    static const struct {
        struct stream_place place;
        enum stream_verdict verdict;
        uint64_t target;
    } rows[] = {
        /* policy, window, position, front, kept */
        { { GEN_STREAM_KEEP, 0, 0, 1000000, 0 }, STREAM_READ, 0 },
        { { GEN_STREAM_BLOCK, 4, 0, 4, 0 }, STREAM_READ, 0 },
        { { GEN_STREAM_SKIP, 4, 6, 10, 0 }, STREAM_READ, 0 },
        { { GEN_STREAM_SKIP, 4, 5, 10, 0 }, STREAM_JUMP, 6 },
        { { GEN_STREAM_SKIP, 4, 5, 10, 8 }, STREAM_JUMP, 8 },
        { { GEN_STREAM_SKIP, 4, 7, 10, 8 }, STREAM_JUMP, 8 },
        { { GEN_STREAM_SKIP, 4, 8, 10, 8 }, STREAM_READ, 0 },
        { { GEN_STREAM_SKIP, UINT64_MAX, 0, 10, 8 }, STREAM_JUMP, 8 },
        { { GEN_STREAM_LATEST, 1, 9, 10, 0 }, STREAM_READ, 0 },
        { { GEN_STREAM_LATEST, 1, 8, 10, 0 }, STREAM_PASS, 9 },
        { { GEN_STREAM_LATEST, 1, 9, 10, 10 }, STREAM_PASS, 10 },
        { { GEN_STREAM_END, 4, 6, 10, 0 }, STREAM_READ, 0 },
        { { GEN_STREAM_END, 4, 5, 10, 0 }, STREAM_OVER, 0 },
        { { GEN_STREAM_END, 4, 7, 10, 8 }, STREAM_OVER, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t target = 0;

        assert_int_equal(gen__stream_lag(&rows[i].place, &target),
                         rows[i].verdict);
        assert_int_equal(target, rows[i].target);
    }
}

/* ---- The policies: 3.3 --------------------------------------------------- */

static void keep_loses_nothing(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;

    open_stream(w, &(struct gen_stream_options){ .segment = 4, .max_lag = 8 });
    c = follow(w, GEN_STREAM_KEEP, 0);
    publish(w, 100);
    assert_int_equal(info_of(w).first_seq, 0);
    for (uint64_t i = 0; i < 100; i++)
        expect_next(c, i);
    expect_nothing(c, AGNER_EAGAIN);
    assert_int_equal(info_of(w).segments, 2); /* the last one read is pinned */
    gen_cursor_close(c);
    assert_int_equal(info_of(w).segments, 1);
}

static void skip_loses_the_oldest_and_is_told_once(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;

    open_stream(w, &(struct gen_stream_options){ .segment = 4 });
    c = follow(w, GEN_STREAM_SKIP, 8);
    publish(w, 8);
    expect_next(c, 0);
    publish(w, 100);
    assert_true(info_of(w).segments <= 2 + 8 / 4 + 1);
    expect_lagged(c, 99);
    for (uint64_t i = 100; i < 108; i++)
        expect_next(c, i);
    expect_nothing(c, AGNER_EAGAIN);
    assert_int_equal(gen_cursor_lost(c), 99);
    assert_int_equal(info_of(w).lost, 99);
    publish(w, 3);
    expect_next(c, 108);
    gen_cursor_close(c);
    assert_int_equal(info_of(w).lost, 99); /* it is remembered */
}

static void latest_gets_the_newest_only(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;

    open_stream(w, &(struct gen_stream_options){ .segment = 4 });
    c = follow(w, GEN_STREAM_LATEST, 0);
    expect_nothing(c, AGNER_EAGAIN);
    publish(w, 1);
    expect_next(c, 0);
    for (uint64_t i = 1; i < 40; i++) { /* at each place of a segment */
        publish(w, (int)i);
        expect_next(c, i * (i + 1) / 2);
        expect_nothing(c, AGNER_EAGAIN);
        assert_true(info_of(w).segments <= 3);
    }
    assert_int_equal(gen_cursor_lost(c), 39 * 40 / 2 - 39);
    gen_cursor_close(c);
}

static void end_ends_the_slow_one(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;

    open_stream(w, &(struct gen_stream_options){ .segment = 4, .max_lag = 8 });
    c = follow(w, GEN_STREAM_END, 0);
    publish(w, 8);
    expect_next(c, 0);
    publish(w, 2);
    assert_true(etf_is_none(gen_cursor_reason(c, rt_region(w->self))));
    expect_nothing(c, AGNER_EDONE);
    expect_nothing(c, AGNER_EDONE);
    assert_true(
        etf_atom_is(gen_cursor_reason(c, rt_region(w->self)), "lagged"));
    assert_int_equal(info_of(w).segments, 1); /* it keeps nothing any more */
    gen_cursor_close(c);
}

/* A policy wants a window. */
static void a_policy_without_a_window_is_refused(void **state)
{
    static const enum gen_stream_lag policies[] = { GEN_STREAM_SKIP,
                                                    GEN_STREAM_END,
                                                    GEN_STREAM_BLOCK };
    static const struct gen_cursor_options unknown = {
        .lag = (enum gen_stream_lag)(GEN_STREAM_BLOCK + 1), .window = 1
    };
    struct world *w = *state;
    struct gen_cursor *c;

    open_stream(w, NULL);
    assert_int_equal(gen_cursor_follow(w->self, w->s, &unknown, &c),
                     AGNER_EINVAL);
    for (size_t i = 0; i < 3; i++) {
        struct gen_cursor_options options = { .lag = policies[i] };

        assert_int_equal(gen_cursor_follow(w->self, w->s, &options, &c),
                         AGNER_EINVAL);
    }
    assert_int_equal(info_of(w).readers, 0);
}

/* Bounded in bytes: large events close their segments early. */
static void bytes_are_bounded_too(void **state)
{
    struct world *w = *state;
    struct gen_stream_event event;
    struct gen_cursor *c;
    enum agner_err err;
    uint64_t seen = 0, lost = 0;
    char large[1000] = "";

    open_stream(
        w, &(struct gen_stream_options){ .segment = 8, .max_bytes = 20000 });
    c = follow(w, GEN_STREAM_SKIP, 0);
    for (int i = 0; i < 1000; i++) {
        etf_bytes bytes = { (const uint8_t *)large, sizeof large };

        assert_int_equal(
            gen_stream_publish(w->self, w->s,
                               etf_make(w->self, "{n, _, _}", i, bytes), NULL),
            AGNER_OK);
        assert_true(info_of(w).bytes < 20000 + 20000 / 2);
        rt_reset(w->self);
    }
    while ((err = gen_cursor_try_next(c, &event)) != AGNER_EAGAIN) {
        int64_t n = -1;
        etf_term rest;

        if (err == AGNER_ELAGGED) {
            lost += event.size;
            continue;
        }
        assert_int_equal(err, AGNER_OK);
        assert_true(etf_match(event.term, "{n, _, _}", &n, &rest));
        assert_int_equal(n, event.seq);
        seen++;
    }
    assert_int_equal(seen + lost, 1000);
    assert_true(seen >= 10);
    gen_cursor_close(c);
}

/* ---- BLOCK --------------------------------------------------------------- */

struct publisher {
    struct gen_stream *s;
    int count;
    int done;
    enum agner_err err;
};

static void publisher(struct gen *self, void *arg)
{
    struct publisher *p = arg;

    while (p->done < p->count && p->err == AGNER_OK) {
        p->err =
            gen_stream_publish(self, p->s, etf_make(self, "_", p->done), NULL);
        p->done += p->err == AGNER_OK ? 1 : 0;
    }
}

static etf_pid spawn(struct world *w, void (*code)(struct gen *, void *),
                     void *arg)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(w->self, code, arg, NULL, &pid), AGNER_OK);
    return pid;
}

static void block_makes_the_publisher_wait(void **state)
{
    struct world *w = *state;
    struct publisher p = { .count = 20 };
    struct gen_cursor *slow, *quick;
    etf_pid pid;

    open_stream(w, &(struct gen_stream_options){ .segment = 4 });
    slow = follow(w, GEN_STREAM_BLOCK, 4);
    quick = follow(w, GEN_STREAM_BLOCK, 6);
    p.s = w->s;
    pid = spawn(w, publisher, &p);
    (void)rt_sleep(w->self, 100);
    assert_int_equal(p.done, 4);
    expect_next(slow, 0);
    expect_next(slow, 1);
    expect_next(slow, 2);
    (void)rt_sleep(w->self, 100);
    assert_int_equal(p.done, 6); /* now the other is the slowest */
    gen_cursor_close(quick);
    (void)rt_sleep(w->self, 100);
    assert_int_equal(p.done, 7);
    for (uint64_t i = 3; i < 20; i++) {
        expect_next(slow, i);
        (void)rt_sleep(w->self, 1);
    }
    assert_int_equal(rt_wait(w->self, pid, LONG_MS), AGNER_OK);
    assert_int_equal(p.done, 20);
    assert_int_equal(info_of(w).lost, 0);
    gen_cursor_close(slow);
}

static void stuck_reader(struct gen *self, void *arg)
{
    struct world *w = arg;
    struct gen_cursor *c;
    struct gen_cursor_options options = { .lag = GEN_STREAM_BLOCK,
                                          .window = 4 };

    (void)gen_cursor_follow(self, w->s, &options, &c);
    (void)rt_sleep(self, RT_INFINITY);
}

/* A dead reader blocks nobody, however it ended; nor does a closed stream. */
static void the_dead_hold_up_nobody(void **state)
{
    struct world *w = *state;
    struct publisher p = { .count = 10 };
    etf_pid reader, pid;

    open_stream(w, NULL);
    p.s = w->s;
    reader = spawn(w, stuck_reader, w);
    (void)rt_sleep(w->self, 1);
    assert_int_equal(info_of(w).readers, 1);
    pid = spawn(w, publisher, &p);
    (void)rt_sleep(w->self, 100);
    assert_int_equal(p.done, 4);
    assert_int_equal(rt_exit_signal(w->self, reader, etf_make(w->self, "kill")),
                     AGNER_OK);
    assert_int_equal(rt_wait(w->self, pid, LONG_MS), AGNER_OK);
    assert_int_equal(p.done, 10);
    assert_int_equal(info_of(w).readers, 0);

    p = (struct publisher){ .s = w->s, .count = 10 };
    reader = spawn(w, stuck_reader, w);
    (void)rt_sleep(w->self, 1);
    pid = spawn(w, publisher, &p);
    (void)rt_sleep(w->self, 100);
    assert_int_equal(gen_stream_close(NULL, w->s, ETF_NONE), AGNER_OK);
    assert_int_equal(rt_wait(w->self, pid, LONG_MS), AGNER_OK);
    assert_int_equal(p.err, AGNER_ECLOSED);
    (void)rt_kill(w->rt, reader, etf_make(w->self, "kill"));
}

/* Nobody waits for himself; a thread without a process does not wait; and a
 * wait ends with its time or its token. */
static void a_publisher_that_cannot_wait_is_told(void **state)
{
    struct world *w = *state;
    struct gen_stream_value values[6];
    struct gen_cancel *cancel = gen_cancel_new(w->rt, NULL);
    struct gen_cursor *c;
    etf_pid reader;
    size_t done;

    open_stream(w, NULL);
    for (int i = 0; i < 6; i++)
        values[i] = (struct gen_stream_value){ .form = GEN_STREAM_TERM,
                                               .term = etf_int(NULL, i) };
    c = follow(w, GEN_STREAM_BLOCK, 4);
    assert_int_equal(
        gen_stream_publish_many(w->self, w->s, values, 6, LONG_MS, NULL, &done),
        AGNER_EDEADLK);
    assert_int_equal(done, 4);
    gen_cursor_close(c);
    reader = spawn(w, stuck_reader, w);
    (void)rt_sleep(w->self, 1);
    assert_int_equal(
        gen_stream_publish_many(NULL, w->s, values, 6, LONG_MS, NULL, &done),
        AGNER_EAGAIN);
    assert_int_equal(done, 4);
    assert_int_equal(
        gen_stream_publish_many(w->self, w->s, values, 6, 5, NULL, &done),
        AGNER_ETIMEOUT);
    assert_int_equal(done, 0);
    (void)gen_cancel_set(cancel, ETF_NONE);
    assert_int_equal(gen_stream_publish_many(w->self, w->s, values, 6, LONG_MS,
                                             cancel, &done),
                     AGNER_ECANCELLED);
    assert_int_equal(done, 0);
    gen_cancel_free(cancel);
    (void)rt_kill(w->rt, reader, etf_make(w->self, "kill"));
}

/* ---- The announce way: 3.2 ----------------------------------------------- */

static void expect_ready(struct world *w, etf_ref ref)
{
    etf_term message;
    etf_ref which;

    assert_int_equal(rt_receive(w->self, LONG_MS, &message), AGNER_OK);
    assert_true(etf_match(message, "{gen_stream_ready, _}", &which));
    assert_true(etf_ref_equal(which, ref));
}

static void expect_no_message(struct world *w)
{
    etf_term message;

    assert_int_equal(rt_receive(w->self, 10, &message), AGNER_ETIMEOUT);
}

/* W-8: one message, not one for each event, and no second thread. */
static void conf_StreamWeak_8_one_message_tells_of_all(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;
    etf_ref ref;

    open_stream(w, &(struct gen_stream_options){ .segment = 4 });
    c = follow(w, GEN_STREAM_KEEP, 0);
    publish(w, 1);
    assert_int_equal(gen_cursor_announce(w->self, c, true, &ref), AGNER_OK);
    expect_ready(w, ref); /* there was something already */
    publish(w, 10);
    expect_no_message(w); /* it has not read all */
    for (uint64_t i = 0; i < 11; i++)
        expect_next(c, i);
    expect_nothing(c, AGNER_EAGAIN);
    publish(w, 10);
    expect_ready(w, ref);
    expect_no_message(w);
    for (uint64_t i = 11; i < 21; i++)
        expect_next(c, i);
    publish(w, 1); /* before it has found nothing */
    expect_no_message(w);
    expect_next(c, 21);
    expect_nothing(c, AGNER_EAGAIN);
    assert_int_equal(gen_cursor_announce(w->self, c, false, NULL), AGNER_OK);
    publish(w, 1);
    expect_no_message(w);
    expect_next(c, 22);
    assert_int_equal(gen_cursor_announce(w->self, c, true, &ref), AGNER_OK);
    assert_int_equal(gen_stream_close(w->self, w->s, ETF_NONE), AGNER_OK);
    expect_ready(w, ref);
    expect_nothing(c, AGNER_EDONE);
    gen_cursor_close(c);
}

/* ---- Memory: 3.3, 5 ------------------------------------------------------ */

/* W-1: whoever stalls, or forgets a promise, memory stays bounded, and the
 * place that a promise means is still there. */
static void
conf_StreamWeak_1_nobody_who_stalls_keeps_more_than_the_bound(void **state)
{
    struct world *w = *state;
    struct gen_stream_promise forgotten, next;
    struct gen_stream_event event;
    struct gen_cursor *skip, *latest, *end;
    uint64_t n;

    open_stream(w,
                &(struct gen_stream_options){ .segment = 16, .max_lag = 64 });
    gen_stream_subscribe(w->s, &forgotten);
    skip = follow(w, GEN_STREAM_SKIP, 0);
    latest = follow(w, GEN_STREAM_LATEST, 0);
    end = follow(w, GEN_STREAM_END, 0);
    publish(w, 10000);
    /* The window, the tail, what was filled last, and where they are stuck. */
    assert_true(info_of(w).segments <= 64 / 16 + 3);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(
            gen_stream_promise_next(w->self, &forgotten, &event, NULL, 0, NULL),
            AGNER_OK);
        assert_true(etf_get_uint(event.term, &n));
        assert_int_equal(n, 0);
    }
    for (int i = 0; i < 15; i++) { /* to the end of its segment */
        assert_int_equal(
            gen_stream_promise_next(w->self, &forgotten, NULL, &next, 0, NULL),
            AGNER_OK);
        gen_stream_promise_free(&forgotten);
        forgotten = next;
    }
    assert_int_equal(
        gen_stream_promise_next(w->self, &forgotten, NULL, &next, 0, NULL),
        AGNER_ELAGGED);
    gen_stream_promise_free(&forgotten);
    expect_lagged(skip, 10000 - 64);
    expect_next(skip, 10000 - 64);
    expect_next(latest, 9999);
    expect_nothing(end, AGNER_EDONE);
    gen_cursor_close(skip);
    gen_cursor_close(latest);
    gen_cursor_close(end);
    assert_int_equal(info_of(w).segments, 1);
}

static void reader_of_ten(struct gen *self, void *arg)
{
    struct world *w = arg;
    struct gen_stream_event event;
    struct gen_cursor *c;

    if (gen_cursor_follow(self, w->s, NULL, &c) != AGNER_OK)
        return;
    for (int i = 0; i < 10; i++)
        (void)gen_cursor_next(self, c, &event, RT_INFINITY, NULL);
    (void)rt_sleep(self, RT_INFINITY);
}

/* W-5: how far behind, and who. And the death of a reader frees what it kept:
 * 4, own additions. */
static void conf_StreamWeak_5_one_sees_who_keeps_the_memory(void **state)
{
    struct world *w = *state;
    struct gen_cursor *c;
    etf_pid slow;

    open_stream(w, &(struct gen_stream_options){ .segment = 4 });
    slow = spawn(w, reader_of_ten, w);
    c = follow(w, GEN_STREAM_KEEP, 0);
    (void)rt_sleep(w->self, 10);
    publish(w, 100);
    for (uint64_t i = 0; i < 100; i++)
        expect_next(c, i);
    (void)rt_sleep(w->self, 10);
    assert_int_equal(gen_cursor_lag(c), 0);
    assert_int_equal(info_of(w).lag, 90);
    assert_true(etf_pid_equal(info_of(w).slowest, slow));
    assert_int_equal(info_of(w).first_seq, 8);
    assert_int_equal(info_of(w).readers, 2);
    assert_int_equal(rt_exit_signal(w->self, slow, etf_make(w->self, "kill")),
                     AGNER_OK);
    assert_int_equal(rt_wait(w->self, slow, LONG_MS), AGNER_OK);
    assert_int_equal(info_of(w).readers, 1);
    assert_int_equal(info_of(w).lag, 0);
    assert_true(info_of(w).segments <= 2);
    gen_cursor_close(c);
}

static void count_destroyed(void *ctx, void *data, size_t size)
{
    (void)size;
    *(int *)ctx += *(int *)data;
    free(data);
}

/* Native events: freed once, when all have passed, also those never read. */
static void native_events_are_freed_once(void **state)
{
    struct world *w = *state;
    struct gen_stream_event event;
    struct gen_cursor *c;
    int destroyed = 0;

    open_stream(w, &(struct gen_stream_options){ .segment = 4,
                                                 .destroy = count_destroyed,
                                                 .ctx = &destroyed });
    c = follow(w, GEN_STREAM_KEEP, 0);
    for (int i = 0; i < 10; i++) {
        int *one = malloc(sizeof *one);

        *one = 1;
        assert_int_equal(
            gen_stream_publish_pointer(w->self, w->s, one, sizeof *one, NULL),
            AGNER_OK);
        assert_int_equal(
            gen_stream_publish_bytes(w->self, w->s, &i, sizeof i, NULL),
            AGNER_OK);
    }
    assert_int_equal(gen_stream_publish_bytes(w->self, w->s, "", 17, NULL),
                     AGNER_ELIMIT);
    assert_int_equal(gen_stream_publish_bytes(w->self, w->s, NULL, 0, NULL),
                     AGNER_OK);
    for (int i = 0; i < 10; i++) {
        int n;

        assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
        assert_true(etf_is_none(event.term));
        assert_int_equal(event.size, sizeof(int));
        assert_int_equal(*(const int *)event.data, 1);
        assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
        assert_int_equal(event.size, sizeof n);
        memcpy(&n, event.data, sizeof n);
        assert_int_equal(n, i);
    }
    assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
    assert_int_equal(event.size, 0);
    gen_cursor_close(c);
    assert_int_equal(destroyed, 10);
    /* NULL is an event: section 2. */
    c = follow(w, GEN_STREAM_KEEP, 0);
    (void)gen_stream_publish_bytes(w->self, w->s, "x", 1, NULL);
    gen_cursor_close(c);
    gen_stream_free(w->s);
    w->s = NULL;
    assert_int_equal(destroyed, 10);
}

/* Kept for those who come later and name a number. */
static void what_is_retained_can_be_read_from_a_number(void **state)
{
    struct world *w = *state;
    struct gen_stream_promise p;
    struct gen_cursor *c;

    open_stream(w, &(struct gen_stream_options){ .segment = 4, .retain = 10 });
    publish(w, 3);
    assert_int_equal(gen_stream_subscribe_from(w->s, 0, &p), AGNER_OK);
    gen_stream_promise_free(&p);
    publish(w, 97);
    assert_int_equal(gen_stream_subscribe_from(w->s, 80, &p), AGNER_ELAGGED);
    assert_int_equal(gen_stream_subscribe_from(w->s, 101, &p), AGNER_EINVAL);
    assert_int_equal(gen_stream_subscribe_from(w->s, 100, &p), AGNER_OK);
    assert_false(gen_stream_promise_ready(&p));
    gen_stream_promise_free(&p);
    assert_int_equal(gen_stream_subscribe_from(w->s, 90, &p), AGNER_OK);
    assert_int_equal(gen_stream_promise_seq(&p), 90);
    assert_int_equal(gen_cursor_open(w->self, &p, NULL, &c), AGNER_OK);
    gen_stream_promise_free(&p);
    for (uint64_t i = 90; i < 100; i++)
        expect_next(c, i);
    assert_true(info_of(w).segments <= 5);
    gen_cursor_close(c);
}

/* W-2: no memory for an event, nor for who reads it: only for a segment. */
static void conf_StreamWeak_2_an_event_takes_no_memory_of_its_own(void **state)
{
    enum { MANY = 1000000 };
    struct world *w = *state;
    struct gen_stream_event event;
    struct gen_cursor *c;

    open_stream(w, NULL);
    c = follow(w, GEN_STREAM_KEEP, 0);
    failing_in = MANY;
    for (int i = 0; i < 10 * GEN_STREAM_SEGMENT; i++) {
        assert_int_equal(
            gen_stream_publish(w->self, w->s, etf_int(NULL, i), NULL),
            AGNER_OK);
        assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
    }
    assert_int_equal(MANY - failing_in, 10);
    failing_in = 0;
    gen_cursor_close(c);
}

/* W-6: many at once, with one wake-up. */
static void conf_StreamWeak_6_many_are_published_and_read_at_once(void **state)
{
    enum { COUNT = 100 };
    struct world *w = *state;
    struct gen_stream_value values[COUNT];
    struct gen_stream_event events[COUNT];
    struct gen_cursor *c;
    size_t done, count;
    etf_ref ref;

    open_stream(w, &(struct gen_stream_options){ .segment = 64 });
    c = follow(w, GEN_STREAM_KEEP, 0);
    assert_int_equal(gen_cursor_announce(w->self, c, true, &ref), AGNER_OK);
    for (int i = 0; i < COUNT; i++)
        values[i] =
            (struct gen_stream_value){ .form = GEN_STREAM_TERM,
                                       .term = etf_make(w->self, "{n, _}", i) };
    assert_int_equal(gen_stream_publish_many(w->self, w->s, values, COUNT,
                                             RT_INFINITY, NULL, &done),
                     AGNER_OK);
    assert_int_equal(done, COUNT);
    expect_ready(w, ref);
    expect_no_message(w);
    assert_int_equal(gen_cursor_next_many(c, events, COUNT, &count), AGNER_OK);
    assert_int_equal(count, 64); /* all of a segment */
    for (int i = 0; i < 64; i++)
        assert_int_equal(events[i].seq, i);
    assert_true(etf_equal(events[63].term, values[63].term));
    assert_int_equal(gen_cursor_next_many(c, events, 10, &count), AGNER_OK);
    assert_int_equal(count, 10);
    assert_int_equal(gen_cursor_next_many(c, events, COUNT, &count), AGNER_OK);
    assert_int_equal(count, 26);
    assert_int_equal(gen_cursor_next_many(c, events, COUNT, &count),
                     AGNER_EAGAIN);
    assert_int_equal(count, 0);
    gen_cursor_close(c);
}

/* A bad value ends the batch, and what follows it is still the caller's. */
static void a_batch_says_how_far_it_came(void **state)
{
    struct world *w = *state;
    struct gen_stream_value values[3] = {
        { .form = GEN_STREAM_TERM, .term = ETF_A(ok) },
        { .form = GEN_STREAM_BYTES, .data = values, .size = 17 },
        { .form = GEN_STREAM_BOX },
    };
    struct etf_box *box = etf_box_new(etf_make(w->self, "{a, box}"));
    size_t done;

    values[2].box = box;
    open_stream(w, NULL);
    assert_int_equal(gen_stream_publish_many(w->self, w->s, values, 3,
                                             RT_INFINITY, NULL, &done),
                     AGNER_ELIMIT);
    assert_int_equal(done, 1);
    etf_box_free(box);
}

/* ---- Without memory ------------------------------------------------------ */

/* The n-th allocation fails: the stream is as it was, and then it works. */
static void without_memory_nothing_is_half_done(void **state)
{
    struct world *w = *state;
    struct gen_stream_event event;
    struct gen_cursor *c = NULL;
    enum agner_err err = AGNER_ENOMEM;
    unsigned n;
    etf_term large;
    etf_ref ref;

    for (n = 1; err != AGNER_OK; n++) {
        failing_in = n;
        err = gen_stream_new(
            w->rt, &(struct gen_stream_options){ .name = "s", .segment = 2 },
            &w->s);
        failing_in = 0;
        assert_true(err == AGNER_OK || err == AGNER_ENOMEM);
    }
    assert_true(n > 3);
    for (n = 1, err = AGNER_ENOMEM; err != AGNER_OK; n++) {
        failing_in = n;
        err = gen_cursor_follow(w->self, w->s, NULL, &c);
        failing_in = 0;
        assert_true(err == AGNER_OK || err == AGNER_ENOMEM);
        assert_int_equal(info_of(w).readers, err == AGNER_OK ? 1 : 0);
    }
    for (n = 1, err = AGNER_ENOMEM; err != AGNER_OK; n++) {
        failing_in = n;
        err = gen_cursor_announce(w->self, c, true, &ref);
        failing_in = 0;
    }
    large = etf_make(w->self, "{large, <<\"x\">>}");
    for (int i = 0; i < 8; i++) {
        for (n = 1, err = AGNER_ENOMEM; err != AGNER_OK; n++) {
            failing_in = n;
            err = gen_stream_publish(w->self, w->s, large, NULL);
            failing_in = 0;
            assert_int_equal(info_of(w).next_seq, err == AGNER_OK ? i + 1 : i);
        }
    }
    expect_ready(w, ref);
    for (int i = 0; i < 8; i++)
        assert_int_equal(gen_cursor_try_next(c, &event), AGNER_OK);
    /* The message that tells cannot be sent: it is at the next event. */
    expect_nothing(c, AGNER_EAGAIN);
    failing_seen = false;
    for (n = 1; !failing_seen; n++) {
        failing_in = n;
        (void)gen_stream_publish(w->self, w->s, etf_int(NULL, 1), NULL);
        if (failing_in != 0)
            break;
    }
    failing_in = 0;
    publish(w, 1);
    expect_ready(w, ref);
    gen_cursor_close(c);
    failing_in = 1;
    assert_int_equal(gen_stream_close(w->self, w->s, large), AGNER_OK);
    failing_in = 0;
    assert_true(
        etf_atom_is(gen_stream_reason(w->s, rt_region(w->self)), "normal"));
}

/* A stream that is served and followed, of this node: the n-th allocation fails
 * on the way. It is an error, and in the end all is as it was. */
static void following_without_memory_fails_clearly(void **state)
{
    struct world *w = *state;
    struct gen_stream_event event;
    struct gen_cursor *c;
    struct gen_stream *s = NULL;
    struct publisher warm = { .count = 0 };
    etf_term here =
        etf_make(w->self, "{served, _}", rt_node(rt_of(w->self)).name);
    enum agner_err err = AGNER_ENOMEM;
    etf_pid server;

    (void)rt_trap_exit(w->self, true);
    open_stream(w, NULL);
    (void)spawn(w, publisher, &warm); /* the stacks are there */
    (void)rt_sleep(w->self, 10);
    for (unsigned n = 1; err != AGNER_OK; n++) {
        failing_in = n;
        err = gen_stream_serve(w->self, w->s, etf_atom("served"), ETF_NONE,
                               &server);
        failing_in = 0;
    }
    for (unsigned n = 1; s == NULL; n++) {
        failing_in = n;
        err = gen_stream_follow(w->self, here, NULL, 1000, &s);
        failing_in = 0;
        assert_true(n < 500 && (err == AGNER_OK) == (s != NULL));
        (void)rt_sleep(w->self, 10000); /* a relay that began ends */
    }
    assert_int_equal(gen_cursor_follow(w->self, s, NULL, &c), AGNER_OK);
    publish(w, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(gen_cursor_next(w->self, c, &event, LONG_MS, NULL),
                         AGNER_OK);
        assert_int_equal(event.seq, i);
    }
    gen_cursor_close(c);
    gen_stream_free(s);
    rt_reset(w->self);
    (void)rt_sleep(w->self, 20000);
    assert_int_equal(info_of(w).readers, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_says_what_becomes_of_who_is_behind),
        CASE(keep_loses_nothing),
        CASE(skip_loses_the_oldest_and_is_told_once),
        CASE(latest_gets_the_newest_only),
        CASE(end_ends_the_slow_one),
        CASE(a_policy_without_a_window_is_refused),
        CASE(bytes_are_bounded_too),
        CASE(block_makes_the_publisher_wait),
        CASE(the_dead_hold_up_nobody),
        CASE(a_publisher_that_cannot_wait_is_told),
        CASE(conf_StreamWeak_8_one_message_tells_of_all),
        CASE(conf_StreamWeak_1_nobody_who_stalls_keeps_more_than_the_bound),
        CASE(conf_StreamWeak_5_one_sees_who_keeps_the_memory),
        CASE(native_events_are_freed_once),
        CASE(what_is_retained_can_be_read_from_a_number),
        CASE(conf_StreamWeak_2_an_event_takes_no_memory_of_its_own),
        CASE(conf_StreamWeak_6_many_are_published_and_read_at_once),
        CASE(a_batch_says_how_far_it_came),
        CASE(without_memory_nothing_is_half_done),
        CASE(following_without_memory_fails_clearly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
