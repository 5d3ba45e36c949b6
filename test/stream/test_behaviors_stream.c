/*
 * test_behaviors_stream.c -- streams as the reference's own tests use them:
 * spec/eventstream.md 4, and what each operation answers: 2.
 */
#include "../behaviors/probe.h"

#define EVENTS 100

/* What a reader saw: numbers from `first` on, and how it ended. */
struct reader {
    struct gen_stream_promise from; /* owned by the test */
    int64_t first, last;            /* -1: none */
    bool in_order;
    enum agner_err end;
};

static int64_t number(const struct gen_stream_event *event)
{
    int64_t n = -1;

    (void)etf_get_int(event->term, &n);
    return n;
}

static void read_all(struct gen *self, struct reader *r)
{
    struct gen_stream_event event;
    struct gen_cursor *cursor;

    r->first = r->last = -1;
    r->in_order = true;
    r->end = gen_cursor_open(self, &r->from, NULL, &cursor);
    if (r->end != AGNER_OK)
        return;
    while ((r->end = gen_cursor_next(self, cursor, &event, PROBE_LONG_MS,
                                     NULL)) == AGNER_OK) {
        if (r->first == -1)
            r->first = number(&event);
        else if (number(&event) != r->last + 1)
            r->in_order = false;
        r->last = number(&event);
    }
    if (gen_cursor_next(self, cursor, &event, 0, NULL) != AGNER_EDONE)
        r->in_order = false; /* done again, for ever */
    gen_cursor_close(cursor);
}

static void reader_process(struct gen *self, void *arg)
{
    read_all(self, arg);
}

struct thread {
    struct rt *rt;
    struct reader *reader;
};

static void *reader_thread(void *arg)
{
    struct thread *t = arg;
    struct gen *self = rt_attach(t->rt);

    if (self == NULL)
        return NULL;
    read_all(self, t->reader);
    rt_detach(self);
    return NULL;
}

static void expect_saw(const struct reader *r, int64_t first, int64_t last)
{
    assert_int_equal(r->first, first);
    assert_int_equal(r->last, last);
    assert_true(r->in_order);
    assert_int_equal(r->end, AGNER_EDONE);
}

static struct gen_stream *new_stream(struct probe_world *world, int32_t segment)
{
    struct gen_stream_options options = { .segment = segment };
    struct gen_stream *s;

    assert_int_equal(gen_stream_new(world->rt, &options, &s), AGNER_OK);
    return s;
}

static enum agner_err publish(struct probe_world *world, struct gen_stream *s,
                              int64_t n)
{
    return gen_stream_publish(world->self, s, etf_make(world->self, "_", n),
                              NULL);
}

/* Publishes all, and subscribes at the four places of the reference's tests. */
static void fill(struct probe_world *world, struct gen_stream *s,
                 struct reader readers[4])
{
    for (int64_t i = 0; i < EVENTS; i++) {
        if (i == EVENTS / 2)
            gen_stream_subscribe(s, &readers[1].from);
        assert_int_equal(publish(world, s, i), AGNER_OK);
    }
    gen_stream_subscribe(s, &readers[2].from);
    assert_int_equal(gen_stream_close(world->self, s, ETF_NONE), AGNER_OK);
    gen_stream_subscribe(s, &readers[3].from);
}

static void expect_all(struct reader readers[4])
{
    expect_saw(&readers[0], 0, EVENTS - 1);
    expect_saw(&readers[1], EVENTS / 2, EVENTS - 1);
    expect_saw(&readers[2], -1, -1);
    expect_saw(&readers[3], -1, -1);
    for (int i = 0; i < 4; i++)
        gen_stream_promise_free(&readers[i].from);
}

/* Serial: each reader sees what was published after it joined. */
static void
conf_Stream_Serial_readers_see_all_from_where_they_joined(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream *s = new_stream(world, 16);
    struct reader readers[4];

    gen_stream_subscribe(s, &readers[0].from);
    fill(world, s, readers);
    for (int i = 0; i < 4; i++)
        read_all(world->self, &readers[i]);
    expect_all(readers);
    gen_stream_free(s);
}

/* Concurrent: the same while the publisher runs, by processes and a thread. */
static void
conf_Stream_Concurrent_readers_run_beside_the_publisher(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream *s = new_stream(world, 16);
    struct reader readers[4];
    struct thread thread = { world->rt, &readers[0] };
    etf_pid pids[4];
    pthread_t id;

    gen_stream_subscribe(s, &readers[0].from);
    assert_int_equal(pthread_create(&id, NULL, reader_thread, &thread), 0);
    fill(world, s, readers);
    for (int i = 1; i < 4; i++)
        assert_int_equal(
            rt_spawn(world->self, reader_process, &readers[i], NULL, &pids[i]),
            AGNER_OK);
    for (int i = 1; i < 4; i++)
        assert_int_equal(rt_wait(world->self, pids[i], PROBE_LONG_MS),
                         AGNER_OK);
    assert_int_equal(pthread_join(id, NULL), 0);
    expect_all(readers);
    gen_stream_free(s);
}

/* ---- Consume ------------------------------------------------------------ */

struct collected {
    int64_t items[8];
    size_t count;
    enum agner_err answer; /* after the last */
};

static enum agner_err collect(void *arg, const struct gen_stream_event *event)
{
    struct collected *c = arg;

    if (c->answer != AGNER_OK)
        return c->answer;
    c->items[c->count++] = number(event);
    return AGNER_OK;
}

/* A closed stream of 1, 2, 3, and a promise of its start. */
static struct gen_stream *three(struct probe_world *world,
                                struct gen_stream_promise *start)
{
    struct gen_stream *s = new_stream(world, 0);

    gen_stream_subscribe(s, start);
    for (int64_t i = 1; i <= 3; i++)
        assert_int_equal(publish(world, s, i), AGNER_OK);
    assert_int_equal(gen_stream_close(world->self, s, ETF_NONE), AGNER_OK);
    return s;
}

static enum agner_err consume(struct probe_world *world,
                              const struct gen_stream_promise *start,
                              struct collected *c, struct gen_cancel *cancel)
{
    struct gen_cursor *cursor;
    enum agner_err err;

    assert_int_equal(gen_cursor_open(world->self, start, NULL, &cursor),
                     AGNER_OK);
    err = gen_cursor_consume(world->self, cursor, collect, c, cancel);
    gen_cursor_close(cursor);
    return err;
}

static void conf_Stream_Consume_good_collects_all(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_promise start;
    struct gen_stream *s = three(world, &start);
    struct collected c = { .count = 0 };

    assert_int_equal(consume(world, &start, &c, NULL), AGNER_OK);
    assert_int_equal(c.count, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(c.items[i], i + 1);
    gen_stream_promise_free(&start);
    gen_stream_free(s);
}

/* ... and the event counts as read: section 2. */
static void conf_Stream_Consume_abort_is_no_error(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_promise start;
    struct gen_stream *s = three(world, &start);
    struct collected c = { .answer = AGNER_EDONE };
    struct gen_cursor *cursor;

    assert_int_equal(gen_cursor_open(world->self, &start, NULL, &cursor),
                     AGNER_OK);
    assert_int_equal(gen_cursor_consume(world->self, cursor, collect, &c, NULL),
                     AGNER_OK);
    assert_int_equal(c.count, 0);
    assert_int_equal(gen_cursor_position(cursor), 1);
    gen_cursor_close(cursor);
    gen_stream_promise_free(&start);
    gen_stream_free(s);
}

static void conf_Stream_Consume_error_comes_back(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_promise start;
    struct gen_stream *s = three(world, &start);
    struct collected c = { .answer = AGNER_EBADTYPE };

    assert_int_equal(consume(world, &start, &c, NULL), AGNER_EBADTYPE);
    assert_int_equal(c.count, 0);
    gen_stream_promise_free(&start);
    gen_stream_free(s);
}

static void conf_Stream_Consume_cancel_collects_nothing(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_promise start;
    struct gen_stream *s = three(world, &start);
    struct gen_cancel *cancel = gen_cancel_new(world->rt, NULL);
    struct collected c = { .count = 0 };

    assert_int_equal(gen_cancel_set(cancel, ETF_NONE), AGNER_OK);
    assert_int_equal(consume(world, &start, &c, cancel), AGNER_ECANCELLED);
    assert_int_equal(c.count, 0);
    gen_cancel_free(cancel);
    gen_stream_promise_free(&start);
    gen_stream_free(s);
}

/* shared: four start from the same promise. */
static void conf_Stream_shared_a_promise_is_read_again(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_promise start, copy, next;
    struct gen_stream *s = three(world, &start);
    struct gen_stream_event event;

    for (int i = 0; i < 4; i++) {
        struct collected c = { .count = 0 };

        assert_int_equal(consume(world, &start, &c, NULL), AGNER_OK);
        assert_int_equal(c.count, 3);
    }
    copy = gen_stream_promise_hold(&start);
    gen_stream_promise_free(&start);
    for (int64_t i = 1; i <= 3; i++) {
        assert_true(gen_stream_promise_ready(&copy));
        for (int again = 0; again < 2; again++) {
            assert_int_equal(gen_stream_promise_next(world->self, &copy, &event,
                                                     NULL, 0, NULL),
                             AGNER_OK);
            assert_int_equal(number(&event), i);
        }
        assert_int_equal(
            gen_stream_promise_next(world->self, &copy, NULL, &next, 0, NULL),
            AGNER_OK);
        gen_stream_promise_free(&copy);
        copy = next;
    }
    assert_true(gen_stream_promise_ready(&copy));
    assert_int_equal(
        gen_stream_promise_next(world->self, &copy, &event, &next, 0, NULL),
        AGNER_EDONE);
    gen_stream_promise_free(&copy);
    gen_stream_free(s);
}

/* ---- What each operation answers: 2 -------------------------------------- */

static void a_bad_segment_is_refused_and_others_are_rounded_up(void **state)
{
    static const int32_t bad[] = { -1, INT32_MIN, GEN_STREAM_SEGMENT_MAX + 1 };
    struct probe_world *world = *state;
    struct gen_stream_info info;
    struct gen_stream_promise start;
    struct gen_stream *s;

    for (int i = 0; i < 3; i++) {
        struct gen_stream_options options = { .segment = bad[i] };

        assert_int_equal(gen_stream_new(world->rt, &options, &s), AGNER_EINVAL);
    }
    s = new_stream(world, 3);
    gen_stream_subscribe(s, &start);
    for (int64_t i = 0; i < 8; i++)
        assert_int_equal(publish(world, s, i), AGNER_OK);
    gen_stream_info(s, &info);
    assert_int_equal(info.segments, 3); /* of 4; the tail has always room */
    gen_stream_promise_free(&start);
    gen_stream_free(s);
}

/* Cancelled before: nothing is read, though there is something. */
static void a_cancelled_reader_stays_where_it_is(void **state)
{
    struct probe_world *world = *state;
    struct gen_cancel *cancel = gen_cancel_new(world->rt, NULL);
    struct gen_stream *s = new_stream(world, 0);
    struct gen_stream_promise place;
    struct gen_stream_event event;
    struct gen_cursor *c;

    gen_stream_subscribe(s, &place);
    assert_int_equal(gen_cursor_open(world->self, &place, NULL, &c), AGNER_OK);
    assert_int_equal(gen_cursor_next(world->self, c, &event, 0, cancel),
                     AGNER_ETIMEOUT);
    assert_int_equal(
        gen_stream_promise_next(world->self, &place, &event, NULL, 1, cancel),
        AGNER_ETIMEOUT);
    assert_false(gen_stream_promise_ready(&place));
    assert_int_equal(publish(world, s, 7), AGNER_OK);
    (void)gen_cancel_set(cancel, ETF_NONE);
    assert_int_equal(
        gen_cursor_next(world->self, c, &event, PROBE_LONG_MS, cancel),
        AGNER_ECANCELLED);
    assert_int_equal(gen_stream_promise_next(world->self, &place, &event, NULL,
                                             PROBE_LONG_MS, cancel),
                     AGNER_ECANCELLED);
    assert_int_equal(gen_cursor_position(c), 0);
    assert_int_equal(gen_cursor_next(world->self, c, &event, 0, NULL),
                     AGNER_OK);
    assert_int_equal(number(&event), 7);
    gen_cursor_close(c);
    gen_stream_promise_free(&place);
    gen_cancel_free(cancel);
    gen_stream_free(s);
}

struct cancelling {
    struct gen_cancel *cancel;
    struct gen_stream *stream; /* NULL: the token, otherwise an event */
};

static void cancels(struct gen *self, void *arg)
{
    struct cancelling *c = arg;

    if (c->stream != NULL)
        (void)gen_stream_publish(self, c->stream, ETF_A(ok), NULL);
    else
        (void)gen_cancel_set(c->cancel, ETF_NONE);
}

/* A wait with a token ends by either, and by the event if it is there. */
static void a_wait_ends_by_the_event_or_the_token(void **state)
{
    struct probe_world *world = *state;
    struct gen_cancel *cancel = gen_cancel_new(world->rt, NULL);
    struct gen_stream *s = new_stream(world, 0);
    struct cancelling event_comes = { cancel, s },
                      token_is_set = { cancel, NULL };
    struct gen_stream_event event;
    struct gen_cursor *c;
    etf_pid pid;

    assert_int_equal(gen_cursor_follow(world->self, s, NULL, &c), AGNER_OK);
    assert_int_equal(rt_spawn(world->self, cancels, &event_comes, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(
        gen_cursor_next(world->self, c, &event, PROBE_LONG_MS, cancel),
        AGNER_OK);
    /* It may not be out of the call yet, and has no handle of its own. */
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(rt_spawn(world->self, cancels, &token_is_set, NULL, &pid),
                     AGNER_OK);
    assert_int_equal(
        gen_cursor_next(world->self, c, &event, PROBE_LONG_MS, cancel),
        AGNER_ECANCELLED);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
    gen_cursor_close(c);
    gen_cancel_free(cancel);
    gen_stream_free(s);
}

struct borrower {
    struct gen_cursor *cursor;
    enum agner_err err;
};

static void borrows(struct gen *self, void *arg)
{
    struct borrower *b = arg;
    struct gen_stream_event event;

    b->err = gen_cursor_next(self, b->cursor, &event, 0, NULL);
}

/* A cursor is its owner's; what it shows is everybody's. */
static void a_cursor_has_one_owner_and_figures_for_all(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream_options options = { .name = "prices" };
    struct borrower b = { .err = AGNER_OK };
    etf_term list, one, name;
    struct gen_stream *s;
    uint64_t events, readers;
    etf_pid pid;

    assert_int_equal(gen_stream_new(world->rt, &options, &s), AGNER_OK);
    assert_int_equal(gen_cursor_follow(world->self, s, NULL, &b.cursor),
                     AGNER_OK);
    assert_int_equal(rt_spawn(world->self, borrows, &b, NULL, &pid), AGNER_OK);
    assert_int_equal(rt_wait(world->self, pid, PROBE_LONG_MS), AGNER_OK);
    assert_int_equal(b.err, AGNER_EOWNER);
    assert_int_equal(publish(world, s, 1), AGNER_OK);
    list = rt_figures_list(world->rt, rt_region(world->self), "stream");
    assert_true(etf_match(list, "[{undefined, _}]", &one));
    assert_true(etf_match(one, "#{name => _, events => _, readers => _}", &name,
                          &events, &readers));
    assert_true(probe_equal(world, name, "<<\"prices\">>"));
    assert_int_equal(events, 1);
    assert_int_equal(readers, 1);
    gen_stream_free(s);
    /* The reader holds what is left. */
    assert_int_equal(gen_cursor_lag(b.cursor), 1);
    gen_cursor_close(b.cursor);
    list = rt_figures_list(world->rt, rt_region(world->self), "stream");
    assert_true(probe_equal(world, list, "[]"));
}

/* The last handle is the end, and readers get what was published before. */
static void without_a_handle_a_stream_is_closed(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream *s = new_stream(world, 0);
    struct gen_stream_event event;
    struct gen_cursor *c;

    assert_int_equal(gen_cursor_follow(world->self, s, NULL, &c), AGNER_OK);
    assert_int_equal(publish(world, s, 1), AGNER_OK);
    assert_ptr_equal(gen_stream_hold(s), s);
    gen_stream_free(s);
    assert_int_equal(publish(world, s, 2), AGNER_OK);
    gen_stream_free(s);
    for (int64_t i = 1; i <= 2; i++) {
        assert_int_equal(gen_cursor_next(world->self, c, &event, 0, NULL),
                         AGNER_OK);
        assert_int_equal(number(&event), i);
    }
    assert_int_equal(gen_cursor_next(world->self, c, &event, 0, NULL),
                     AGNER_EDONE);
    assert_true(probe_equal(world, gen_cursor_reason(c, rt_region(world->self)),
                            "normal"));
    gen_cursor_close(c);
}

/* The message of a promise has come, and no other. */
static void expect_told(struct probe_world *world, etf_ref ref)
{
    etf_term m;
    etf_ref seen;

    assert_int_equal(rt_receive(world->self, PROBE_LONG_MS, &m), AGNER_OK);
    assert_true(etf_match(m, "{gen_stream_promise, _}", &seen));
    assert_true(etf_ref_equal(seen, ref));
}

static uint64_t readers(struct gen_stream *s)
{
    struct gen_stream_info info;

    gen_stream_info(s, &info);
    return info.readers;
}

/* spec/eventstream.md 2: a message when ready. Each who asks is told once, also
 * of what is there already, and of the end. */
static void a_promise_tells_once(void **state)
{
    struct probe_world *world = *state;
    struct gen_stream *s = new_stream(world, 2);
    struct gen_stream_promise first, next;
    struct gen_stream_event event;
    etf_ref one, two;

    gen_stream_subscribe(s, &first);
    assert_int_equal(gen_stream_promise_notify(world->self, &first, &one),
                     AGNER_OK);
    assert_int_equal(gen_stream_promise_notify(world->self, &first, &two),
                     AGNER_OK);
    assert_false(etf_ref_equal(one, two));
    probe_mailbox_empty(world);
    for (int64_t i = 0; i < 9; i++)
        assert_int_equal(publish(world, s, i), AGNER_OK);
    expect_told(world, one);
    expect_told(world, two);
    probe_mailbox_empty(world);
    assert_int_equal(readers(s), 0); /* nothing of it stays */
    assert_int_equal(
        gen_stream_promise_next(world->self, &first, &event, &next, 0, NULL),
        AGNER_OK);
    assert_int_equal(number(&event), 0);
    assert_int_equal(gen_stream_promise_notify(world->self, &next, &one),
                     AGNER_OK);
    expect_told(world, one); /* it was there */
    gen_stream_promise_free(&next);
    gen_stream_promise_free(&first);
    gen_stream_subscribe(s, &first);
    assert_int_equal(gen_stream_promise_notify(world->self, &first, &one),
                     AGNER_OK);
    gen_stream_free(s); /* closes it */
    expect_told(world, one);
    assert_int_equal(gen_stream_promise_notify(world->self, &first, &two),
                     AGNER_OK);
    expect_told(world, two);
    assert_int_equal(
        gen_stream_promise_next(world->self, &first, NULL, NULL, 0, NULL),
        AGNER_EDONE);
    gen_stream_promise_free(&first);
    probe_mailbox_empty(world);
}

#define CASE(name) \
    cmocka_unit_test_setup_teardown(name, probe_world_start, probe_world_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(conf_Stream_Serial_readers_see_all_from_where_they_joined),
        CASE(conf_Stream_Concurrent_readers_run_beside_the_publisher),
        CASE(conf_Stream_Consume_good_collects_all),
        CASE(conf_Stream_Consume_abort_is_no_error),
        CASE(conf_Stream_Consume_error_comes_back),
        CASE(conf_Stream_Consume_cancel_collects_nothing),
        CASE(conf_Stream_shared_a_promise_is_read_again),
        CASE(a_bad_segment_is_refused_and_others_are_rounded_up),
        CASE(a_cancelled_reader_stays_where_it_is),
        CASE(a_wait_ends_by_the_event_or_the_token),
        CASE(a_cursor_has_one_owner_and_figures_for_all),
        CASE(without_a_handle_a_stream_is_closed),
        CASE(a_promise_tells_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
