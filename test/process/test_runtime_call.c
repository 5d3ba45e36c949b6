/*
 * test_runtime_call.c -- calls and requests: G2, G23, spec/gen.md 1.6.
 */
#include <stdio.h>

#include "bed.h"

#define SEEDS 20

/* A server of the language: {echo, T}; {later, T} answers when the next call
 * comes; {crash, R}; {quit, R} ends without an answer; {say, P, T} sends T to P
 * first, then answers; {sleep, Ms} answers after Ms; {ask, P, T} calls P with
 * T. */
struct desk {
    struct gen_from waiting;
    struct etf_box *answer;
};

static enum rt_next desk_message(struct gen *self, const struct rt_message *m)
{
    struct desk *d = rt_state(self);
    etf_term t, reply;
    etf_pid pid;
    int64_t ms;

    if (m->kind != RT_CALL)
        return RT_NEXT;
    if (d->answer != NULL) {
        (void)rt_reply(self, &d->waiting, etf_box_term(d->answer));
        etf_box_free(d->answer);
        d->answer = NULL;
    }
    if (etf_match(m->term, "{echo, _}", &t))
        (void)rt_reply(self, &m->from, t);
    else if (etf_match(m->term, "{later, _}", &t)) {
        d->waiting = m->from;
        d->answer = etf_box_new(t);
    } else if (etf_match(m->term, "{crash, _}", &t)) {
        rt_exit(self, t);
    } else if (etf_match(m->term, "{quit, _}", &t)) {
        return rt_stop(self, t);
    } else if (etf_match(m->term, "{say, _, _}", &pid, &t)) {
        (void)rt_send_pid(self, pid, t);
        (void)rt_reply(self, &m->from, ETF_A(ok));
    } else if (etf_match(m->term, "{sleep, _}", &ms)) {
        (void)rt_sleep(self, (uint64_t)ms);
        (void)rt_reply(self, &m->from, ETF_A(ok));
    } else if (etf_match(m->term, "{ask, _, _}", &pid, &t)) {
        enum agner_err err =
            rt_call(self, etf_from_pid(NULL, pid), t, RT_INFINITY, &reply);

        (void)rt_reply(self, &m->from,
                       err == AGNER_OK
                           ? reply
                           : etf_make(self, "{error, _}", (int64_t)err));
    }
    return RT_NEXT;
}

static void desk_destroy(void *state)
{
    struct desk *d = state;

    etf_box_free(d->answer);
}

static const struct rt_behavior desk = {
    .name = "desk",
    .state_size = sizeof(struct desk),
    .message = desk_message,
    .destroy = desk_destroy,
};

static etf_pid open_desk(struct bed *bed, etf_term name)
{
    struct rt_spawn_options options = { .name = name };
    etf_pid pid;

    assert_int_equal(
        rt_start(bed->self, &desk, etf_nil(), &options, &pid, NULL), AGNER_OK);
    return pid;
}

static void check(struct bed *bed, enum agner_err err, enum agner_err wanted,
                  etf_term reply, const char *text)
{
    char seen[200];

    if (err != wanted)
        fail_msg("seed %llu: %s instead of %s", (unsigned long long)bed->seed,
                 agner_strerror(err), agner_strerror(wanted));
    if (text != NULL)
        assert_string_equal(etf_format(seen, sizeof seen, reply), text);
}

#define call(bed, to, wanted, text, pattern, ...) \
    do { \
        etf_term reply_ = ETF_NONE; \
        enum agner_err err_ = rt_call( \
            (bed)->self, (to), etf_make((bed)->self, pattern, ##__VA_ARGS__), \
            WAIT_MS, &reply_); \
        check(bed, err_, wanted, reply_, text); \
    } while (0)

static void outcomes(struct bed *bed)
{
    etf_pid pid = open_desk(bed, etf_atom("desk"));
    etf_term to = etf_from_pid(NULL, pid), reply;

    call(bed, to, AGNER_OK, "[1,2]", "{echo, [1, 2]}");
    call(bed, etf_atom("desk"), AGNER_OK, "{a,\"b\"}", "{echo, {a, \"b\"}}");
    call(bed, etf_make(bed->self, "{desk, 'nonode@nohost'}"), AGNER_OK, "x",
         "{echo, x}");
    call(bed, etf_atom("no_desk"), AGNER_ENONAME, NULL, "{echo, x}");
    call(bed, rt_self_term(bed->self), AGNER_ECALLSELF, "calling_self",
         "{echo, x}");
    call(bed, to, AGNER_EEXIT, "{bad,1}", "{crash, {bad, 1}}");
    assert_int_equal(rt_wait(bed->self, pid, WAIT_MS), AGNER_OK);
    call(bed, to, AGNER_ENOPROC, "noproc", "{echo, x}");
    pid = open_desk(bed, ETF_NONE);
    to = etf_from_pid(NULL, pid);
    call(bed, to, AGNER_EEXIT, "gone", "{quit, gone}"); /* D-53 */
    pid = open_desk(bed, ETF_NONE);
    to = etf_from_pid(NULL, pid);
    assert_int_equal(
        rt_call(bed->self, to, etf_make(bed->self, "{later, x}"), 20, &reply),
        AGNER_ETIMEOUT);
    /* It answers the first call now: too late, so nobody sees it (D-18). */
    call(bed, to, AGNER_OK, "y", "{echo, y}");
    bed_expect_nothing(bed);
}

/* G23, D-18, D-53 */
static void a_call_has_exactly_one_outcome(void **state)
{
    (void)state;
    bed_everywhere(outcomes, SEEDS);
}

static void kept(struct bed *bed)
{
    etf_pid pid = open_desk(bed, ETF_NONE);
    etf_term to = etf_from_pid(NULL, pid), reply;
    struct rt_request ids[3];
    size_t which;

    assert_int_equal(rt_request_send(bed->self, to,
                                     etf_make(bed->self, "{later, one}"),
                                     &ids[0]),
                     AGNER_OK);
    assert_int_equal(rt_request_wait(bed->self, &ids[0], 10, &reply),
                     AGNER_ETIMEOUT); /* still outstanding */
    assert_int_equal(rt_request_ready(bed->self, ids, 1, 5, &which),
                     AGNER_ETIMEOUT);
    assert_int_equal(rt_request_send(bed->self, to,
                                     etf_make(bed->self, "{echo, two}"),
                                     &ids[1]),
                     AGNER_OK);
    assert_int_equal(rt_request_wait(bed->self, &ids[0], WAIT_MS, &reply),
                     AGNER_OK);
    assert_true(etf_match(reply, "one"));
    /* Which one is done can be known without taking its answer. */
    assert_int_equal(rt_request_ready(bed->self, ids, 2, WAIT_MS, &which),
                     AGNER_OK);
    assert_int_equal(which, 1);
    assert_int_equal(rt_request_ready(bed->self, &ids[1], 1, 0, NULL),
                     AGNER_OK);
    assert_int_equal(
        rt_request_wait_any(bed->self, ids, 2, WAIT_MS, &which, &reply),
        AGNER_OK);
    assert_int_equal(which, 1);
    assert_true(etf_match(reply, "two"));
    assert_int_equal(rt_request_wait(bed->self, &ids[1], WAIT_MS, &reply),
                     AGNER_ENOREF);
    assert_int_equal(rt_request_ready(bed->self, &ids[1], 1, 0, NULL),
                     AGNER_ENOREF);
    /* One kept, one waiting in the mailbox: both hear of the end. */
    assert_int_equal(rt_request_send(bed->self, to,
                                     etf_make(bed->self, "{later, x}"),
                                     &ids[0]),
                     AGNER_OK);
    assert_int_equal(rt_exit_signal(bed->self, pid, etf_atom("boom")),
                     AGNER_OK);
    assert_int_equal(rt_request_wait(bed->self, &ids[0], WAIT_MS, &reply),
                     AGNER_EEXIT);
    assert_true(etf_match(reply, "boom"));
}

static void requests_are_answered_in_any_order(void **state)
{
    (void)state;
    bed_everywhere(kept, SEEDS);
}

static void before_the_reply(struct bed *bed)
{
    etf_term to = etf_from_pid(NULL, open_desk(bed, ETF_NONE));
    etf_term message;

    call(bed, to, AGNER_OK, "ok", "{say, _, first}", rt_self(bed->self));
    assert_int_equal(rt_receive(bed->self, 0, &message), AGNER_OK);
    assert_true(etf_match(message, "first"));
}

/* G2 */
static void what_was_sent_before_the_reply_is_there(void **state)
{
    (void)state;
    bed_everywhere(before_the_reply, SEEDS);
}

static void nested(struct bed *bed)
{
    etf_pid a = open_desk(bed, ETF_NONE), b = open_desk(bed, ETF_NONE),
            c = open_desk(bed, ETF_NONE);
    int64_t i;

    for (i = 0; i < 20; i++)
        call(bed, etf_from_pid(NULL, a), AGNER_OK, NULL,
             "{ask, _, {ask, _, {echo, _}}}", b, c, i);
    /* The innermost crashes: the error travels out, the others live. */
    call(bed, etf_from_pid(NULL, a), AGNER_OK, "{error,-24}",
         "{ask, _, {ask, _, {crash, x}}}", b, c);
}

/* G4 of spec/gen.md: a process that waits in a call stops nobody else. */
static void calls_nest(void **state)
{
    (void)state;
    bed_everywhere(nested, SEEDS);
}

struct passed {
    struct gen_from from;
    int64_t value;
};

static void answer_for_another(struct gen *self, void *arg)
{
    struct passed *p = arg;

    (void)rt_reply(self, &p->from, etf_int(rt_region(self), p->value));
}

struct broker {
    struct passed passed;
};

static enum rt_next broker_message(struct gen *self, const struct rt_message *m)
{
    struct broker *b = rt_state(self);

    if (m->kind != RT_CALL ||
        !etf_match(m->term, "{pass, _}", &b->passed.value))
        return RT_NEXT;
    b->passed.from = m->from;
    (void)rt_spawn(self, answer_for_another, &b->passed, NULL, NULL);
    return RT_NEXT;
}

static const struct rt_behavior broker = {
    .name = "broker",
    .state_size = sizeof(struct broker),
    .message = broker_message,
};

static void reply_elsewhere(struct bed *bed)
{
    etf_pid pid;
    int64_t i;

    assert_int_equal(rt_start(bed->self, &broker, etf_nil(), NULL, &pid, NULL),
                     AGNER_OK);
    for (i = 0; i < 10; i++) {
        char text[20];

        snprintf(text, sizeof text, "%d", (int)i);
        call(bed, etf_from_pid(NULL, pid), AGNER_OK, text, "{pass, _}", i);
    }
}

static void another_process_may_answer(void **state)
{
    (void)state;
    bed_everywhere(reply_elsewhere, SEEDS);
}

static enum rt_next bad_init(struct gen *self, etf_term args)
{
    if (etf_match(args, "ignore"))
        return RT_IGNORE;
    if (etf_match(args, "crash"))
        rt_exit(self, etf_make(self, "{crashed, in, init}"));
    if (etf_match(args, "hang"))
        (void)rt_sleep(self, RT_INFINITY);
    return rt_stop(self, etf_make(self, "{refused, _}", args));
}

static const struct rt_behavior bad = {
    .name = "bad",
    .init = bad_init,
    .message = broker_message,
};

static void failing_inits(struct bed *bed)
{
    struct rt_spawn_options options = { .name = etf_atom("bad"), .link = true };
    etf_term reason;
    etf_pid pid;

    assert_int_equal(
        rt_start(bed->self, &bad, etf_atom("no"), &options, &pid, &reason),
        AGNER_EEXIT);
    assert_true(etf_match(reason, "{refused, no}"));
    assert_int_equal(
        rt_start(bed->self, &bad, etf_atom("crash"), &options, &pid, &reason),
        AGNER_EEXIT);
    assert_true(etf_match(reason, "{crashed, in, init}"));
    assert_int_equal(
        rt_start(bed->self, &bad, etf_atom("ignore"), &options, &pid, &reason),
        AGNER_EIGNORE);
    options.init_timeout_ms = 20;
    assert_int_equal(
        rt_start(bed->self, &bad, etf_atom("hang"), &options, &pid, &reason),
        AGNER_ETIMEOUT);
    /* Nothing is left of any of them: D-02, I6. The last one was killed. */
    (void)rt_sleep(bed->self, 20);
    while (rt_whereis(bed->rt, etf_atom("bad"), &pid) == AGNER_OK)
        (void)rt_wait(bed->self, pid, WAIT_MS);
    bed_expect_nothing(bed);
}

/* D-02, I6 */
static void a_failed_init_leaves_nothing(void **state)
{
    (void)state;
    bed_everywhere(failing_inits, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_has_exactly_one_outcome),
        cmocka_unit_test(requests_are_answered_in_any_order),
        cmocka_unit_test(what_was_sent_before_the_reply_is_there),
        cmocka_unit_test(calls_nest),
        cmocka_unit_test(another_process_may_answer),
        cmocka_unit_test(a_failed_init_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
