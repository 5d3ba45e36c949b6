/*
 * test_sim_secure.c -- secure links in a simulated world: cut at each step of
 * their set-up, on a net that loses and flips, and the same twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A       "a@10.0.0.1"
#define B       "b@10.0.0.2"
#define HOST_A  "10.0.0.1"
#define HOST_B  "10.0.0.2"
#define PORT    5000
#define WAIT_MS 600000 /* of virtual time */
#define STEPS   160    /* more than a set-up takes */

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
};

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static struct node *start(const struct world *w, const char *name,
                          const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.limits.failures_source = 1000000;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static struct world begin(uint64_t seed, const struct sim_options *options)
{
    struct world w = { .seed = seed, .sim = sim_new(seed, options) };

    assert_non_null(w.sim);
    w.a = start(&w, A, HOST_A);
    w.b = start(&w, B, HOST_B);
    assert_int_equal(node_route(w.a, B, HOST_B, PORT), AGNER_OK);
    assert_int_equal(node_route(w.b, A, HOST_A, PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(
        rt_register(node_rt(w.b), etf_atom("sink"), rt_self(w.at_b)), AGNER_OK);
    return w;
}

static uint64_t end(struct world *w)
{
    uint64_t hash;

    rt_detach(w->at_a);
    rt_detach(w->at_b);
    node_stop(w->a, 1000);
    node_stop(w->b, 1000);
    hash = sim_trace_hash(w->sim);
    sim_free(w->sim);
    return hash;
}

/* Sends numbers to the sink until one of them comes; what comes is what was
 * sent, in order. */
static void talk(struct world *w)
{
    etf_term message;
    int64_t last = -1, seen;

    for (int64_t n = 0; n < 1000; n++) {
        (void)rt_send(w->at_a, etf_make(w->at_a, "{sink, '" B "'}"),
                      etf_make(w->at_a, "_", n));
        while (rt_receive(w->at_b, 1000, &message) == AGNER_OK) {
            check(w, etf_get_int(message, &seen), "another message");
            check(w, seen > last && seen <= n, "out of order");
            last = seen;
            rt_reset(w->at_b);
        }
        rt_reset(w->at_a);
        if (last == n)
            return;
    }
    check(w, false, "nothing comes");
}

static bool is_secure(struct node *node)
{
    struct node_peer_info info;

    return node_peers(node, &info, 1) == 1 && info.state == NODE_PEER_UP &&
           info.secure;
}

/* The set-up begins, and at each of its steps the connection is reset: on both
 * sides, or on one. */
static uint64_t cut_at(uint64_t step, bool half)
{
    struct world w = begin(step + 1, NULL);

    (void)rt_send(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"),
                  etf_make(w.at_a, "_", (int64_t)-1));
    for (uint64_t i = 0; i < step; i++)
        (void)sim_step(w.sim);
    (void)(half ? sim_reset_half(w.sim, HOST_A, HOST_B)
                : sim_reset(w.sim, HOST_A, HOST_B));
    {
        etf_term message;
        int64_t seen;

        /* The first one may have come, or be lost with the connection. */
        while (rt_receive(w.at_b, 20000, &message) == AGNER_OK)
            check(&w, etf_get_int(message, &seen) && seen == -1, "what?");
    }
    talk(&w);
    check(&w, is_secure(w.a) && is_secure(w.b), "not secure");
    return end(&w);
}

static void B_SEC_1_cut_at_each_step_of_the_set_up(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < STEPS; step++) {
        (void)cut_at(step, false);
        (void)cut_at(step, true);
    }
}

static void two_runs_of_one_seed_are_the_same(void **state)
{
    (void)state;
    for (uint64_t step = 0; step < STEPS; step += 20)
        assert_int_equal(cut_at(step, false), cut_at(step, false));
}

/* Both dial while the net is bad; when it is good again there is one link. */
static void a_bad_net_is_outlived(void **state)
{
    static const struct sim_options bad = {
        .reset_ppm = 30000,
        .half_open_ppm = 10000,
        .half_close_ppm = 10000,
        .clog_ppm = 20000,
        .cut_ppm = 500000,
    };

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w = begin(seed, &bad);

        for (int i = 0; i < 20; i++) {
            (void)rt_send(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"),
                          etf_atom("lost_or_not"));
            (void)rt_send(w.at_b, etf_make(w.at_b, "{sink, '" A "'}"),
                          etf_atom("lost_or_not"));
            (void)sim_run(w.sim, sim_draw(w.sim, 3000));
        }
        sim_faults(w.sim, false);
        (void)sim_run(w.sim, 200000);
        {
            etf_term message;

            while (rt_receive(w.at_b, 0, &message) == AGNER_OK)
                rt_reset(w.at_b);
        }
        talk(&w);
        check(&w, is_secure(w.a) && is_secure(w.b), "not secure");
        (void)end(&w);
    }
}

/* B-SEC-4: bits change on the way. What comes is what was sent, or nothing. */
static void B_SEC_4_flipped_bits_are_never_delivered(void **state)
{
    static const struct sim_options flips = { .flip_ppm = 20000 };

    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world w = begin(seed, &flips);

        for (int64_t n = 0; n < 200; n++) {
            etf_term message;
            int64_t one, two;

            (void)rt_send(
                w.at_a, etf_make(w.at_a, "{sink, '" B "'}"),
                etf_make(w.at_a, "{_, _, abcdefghijklmnop}", n, n * 7919));
            while (rt_receive(w.at_b, 10, &message) == AGNER_OK) {
                check(&w,
                      etf_match(message, "{_, _, abcdefghijklmnop}", &one,
                                &two) &&
                          two == one * 7919,
                      "changed, and delivered");
                rt_reset(w.at_b);
            }
            rt_reset(w.at_a);
        }
        (void)end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(B_SEC_1_cut_at_each_step_of_the_set_up),
        cmocka_unit_test(two_runs_of_one_seed_are_the_same),
        cmocka_unit_test(a_bad_net_is_outlived),
        cmocka_unit_test(B_SEC_4_flipped_bits_are_never_delivered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
