/*
 * test_node_async.c -- queues and futures of another node: spec/async.md 3.4.
 */
#include "duo.h"

#include "atomic.h"

struct work {
    _Atomic int64_t sum;
    struct gen_latch *gate; /* actions wait until it is started */
};

static enum agner_err adds(struct gen *self, void *ctx, void *item,
                           struct gen_cancel *cancel)
{
    struct work *w = ctx;
    int64_t n;

    (void)gen_latch_wait(self, w->gate, GEN_LATCH_STARTED, RT_INFINITY, cancel);
    if (!etf_match(etf_box_term(item), "{add, _}", &n))
        return AGNER_EBADTERM;
    (void)add_relaxed(&w->sum, n);
    return AGNER_OK;
}

static void open_gate(struct work *w)
{
    (void)gen_latch_starting(w->gate);
    (void)gen_latch_started(w->gate);
}

/* 3.4: answered when accepted, so backpressure reaches the remote producer;
 * items are terms. */
static void a_queue_is_fed_from_another_node(void **state)
{
    struct duo d = duo_new();
    struct rt *rt = node_rt(d.b);
    struct work w = { .gate = gen_latch_new(rt) };
    struct gen_queue_options o = {
        .parallelism = 1, .max_work = 2, .batch = 1, .terms = true
    };
    struct rt_spawn_options spawn = { .name = etf_atom("a_queue") };
    struct gen_queue *q = gen_queue_new(rt, adds, &w, &o);
    etf_term to = etf_make(d.at_a, "{a_queue, 'b@127.0.0.1'}");
    struct gen_queue_info info = { .queued = 0 };

    (void)state;
    assert_int_equal(gen_queue_start(d.at_b, q, &spawn, NULL), AGNER_OK);
    for (int64_t i = 1; i <= 3; i++) {
        assert_int_equal(gen_queue_enqueue_at(d.at_a, to,
                                              etf_make(d.at_a, "{add, _}", i),
                                              WAIT_MS),
                         AGNER_OK);
        while (i == 1 && info.running == 0) {
            (void)rt_sleep(d.at_b, 1);
            gen_queue_info(q, &info);
        }
    }
    /* One runs, two are queued: there is no room. */
    assert_int_equal(
        gen_queue_enqueue_at(d.at_a, to, etf_make(d.at_a, "{add, 4}"), 50),
        AGNER_ETIMEOUT);
    open_gate(&w);
    assert_int_equal(
        gen_queue_enqueue_at(d.at_a, to, etf_make(d.at_a, "{add, 5}"), WAIT_MS),
        AGNER_OK);
    assert_int_equal(gen_queue_stop(d.at_b, q, NULL), AGNER_OK);
    /* The one that was not waited for is in line, and so comes in. */
    assert_int_equal(load_relaxed(&w.sum), 1 + 2 + 3 + 4 + 5);
    assert_int_equal(
        gen_queue_enqueue_at(d.at_a, to, etf_make(d.at_a, "{add, 6}"), WAIT_MS),
        AGNER_ENOPROC);
    gen_queue_free(q);
    gen_latch_free(w.gate);
    duo_end(&d);
}

static enum agner_err makes(struct gen *self, void *ctx,
                            struct gen_cancel *cancel, etf_term *result)
{
    struct work *w = ctx;

    (void)gen_latch_wait(self, w->gate, GEN_LATCH_STARTED, RT_INFINITY, cancel);
    *result = etf_make(self, "{made, [here, 7]}");
    return AGNER_OK;
}

/* 3.4: the result crosses as a term; loss of the node gives AGNER_ENOCONN. */
static void a_future_is_completed_from_another_node(void **state)
{
    struct duo d = duo_new();
    struct rt *rt = node_rt(d.b);
    struct work w = { .gate = gen_latch_new(rt) };
    struct rt_spawn_options spawn = { .name = etf_atom("a_future") };
    etf_term to = etf_make(d.at_a, "{a_future, 'b@127.0.0.1'}"), result;
    struct gen_future *f;
    char text[100];
    etf_pid pid;

    (void)state;
    assert_int_equal(gen_future_start(d.at_b, makes, &w, NULL, &f), AGNER_OK);
    assert_int_equal(gen_future_share(d.at_b, f, &spawn, &pid), AGNER_OK);
    assert_int_equal(gen_future_complete_at(d.at_a, to, 50, &result),
                     AGNER_ETIMEOUT);
    open_gate(&w);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(gen_future_complete_at(d.at_a, to, WAIT_MS, &result),
                         AGNER_OK);
        assert_string_equal(etf_format(text, sizeof text, result),
                            "{made,[here,7]}");
    }
    gen_future_free(f);
    gen_latch_free(w.gate);
    rt_detach(d.at_b);
    node_stop(d.b, 1000);
    assert_int_equal(gen_future_complete_at(d.at_a, to, WAIT_MS, &result),
                     AGNER_ENOCONN);
    rt_detach(d.at_a);
    node_stop(d.a, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_fed_from_another_node),
        cmocka_unit_test(a_future_is_completed_from_another_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
