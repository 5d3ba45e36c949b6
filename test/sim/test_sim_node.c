/*
 * test_sim_node.c -- two nodes in a simulated world: drawn orders, and faults.
 *
 * Each test runs many seeds; a failure prints its seed, and NODE_SIM_SEED=n
 * runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define A          "a@10.0.0.1"
#define B          "b@10.0.0.2"
#define PORT       5000
#define SEEDS      40
#define COUNT      100
#define WAIT_MS    600000 /* of virtual time */
#define TICK_MS    4000
#define MEMORY_MAX (32u << 20) /* bytes: far more than all of it takes */

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *a, *b;
    struct gen *at_a, *at_b;
};

/* Says for which seed a check failed. */
static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

static struct node *start(struct world *w, const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(w->sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static struct world begin(uint64_t seed, const struct sim_options *options)
{
    struct world w = { .seed = seed, .sim = sim_new(seed, options) };

    assert_non_null(w.sim);
    w.a = start(&w, A, "10.0.0.1");
    w.b = start(&w, B, "10.0.0.2");
    assert_int_equal(node_route(w.a, B, "10.0.0.2", PORT), AGNER_OK);
    assert_int_equal(node_route(w.b, A, "10.0.0.1", PORT), AGNER_OK);
    w.at_a = rt_attach(node_rt(w.a));
    w.at_b = rt_attach(node_rt(w.b));
    assert_int_equal(
        rt_register(node_rt(w.a), etf_atom("sink"), rt_self(w.at_a)), AGNER_OK);
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

/* Sends 0 ... COUNT-1 to the sink of the other node, whose name is `arg`. */
static void flood(struct gen *self, void *arg)
{
    etf_term name = etf_atom(arg);

    for (int64_t n = 0; n < COUNT; n++) {
        etf_term to = etf_make(self, "{sink, _}", name);

        if (rt_send(self, to, etf_int(NULL, n)) != AGNER_OK)
            return;
        if (n % 10 == 0)
            rt_yield(self);
    }
}

static char name_a[] = A, name_b[] = B;

static void start_flood(struct gen *self, char *to)
{
    etf_pid pid;

    assert_int_equal(rt_spawn(self, flood, to, NULL, &pid), AGNER_OK);
}

/* The next message as an integer, or -1. */
static int64_t next_int(struct gen *self, uint64_t ms)
{
    etf_term message;
    int64_t n = -1;

    if (rt_receive(self, ms, &message) != AGNER_OK || !etf_get_int(message, &n))
        return -1;
    return n;
}

/* Both dial at once, under load: one connection, nothing lost, all in order. */
static uint64_t two_dials(uint64_t seed)
{
    struct world w = begin(seed, NULL);
    struct node_peer_info peer;

    start_flood(w.at_a, name_b);
    start_flood(w.at_b, name_a);
    for (int64_t n = 0; n < COUNT; n++) {
        check(&w, next_int(w.at_a, WAIT_MS) == n, "a lost a message");
        check(&w, next_int(w.at_b, WAIT_MS) == n, "b lost a message");
    }
    check(&w, node_peers(w.a, &peer, 1) == 1 && peer.state == NODE_PEER_UP,
          "a is not connected");
    check(&w, node_peers(w.b, &peer, 1) == 1 && peer.state == NODE_PEER_UP,
          "b is not connected");
    return end(&w);
}

/* A partition is found by both within the tick time and a round, and what was
 * linked hears of it once; when it is healed they find each other again. */
static uint64_t partition(uint64_t seed)
{
    struct world w = begin(seed, NULL);
    etf_ref ref, seen;
    uint64_t cut_ns, found_ms;
    etf_term message;

    check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "no connection");
    check(&w,
          rt_monitor(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"), 0, &ref) ==
              AGNER_OK,
          "no monitor");
    (void)sim_run(w.sim, 100);
    (void)sim_partition(w.sim, "10.0.0.1", "10.0.0.2");
    cut_ns = sim_now_ns(w.sim);
    check(&w, rt_receive(w.at_a, WAIT_MS, &message) == AGNER_OK, "no down");
    found_ms = (sim_now_ns(w.sim) - cut_ns) / 1000000;
    check(&w,
          etf_match(message, "{'DOWN', _, process, __, noconnection}", &seen) &&
              etf_ref_equal(seen, ref),
          "another message");
    check(&w, found_ms <= TICK_MS + TICK_MS / 2, "found too late");
    sim_heal_all(w.sim);
    (void)sim_run(w.sim, 2 * TICK_MS); /* b finds out too */
    check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "not healed");
    start_flood(w.at_a, name_b);
    for (int64_t n = 0; n < COUNT; n++)
        check(&w, next_int(w.at_b, WAIT_MS) == n, "b lost a message");
    check(&w, rt_receive(w.at_a, 0, &message) == AGNER_ETIMEOUT, "a stray");
    return end(&w);
}

/* G5, G7: whatever breaks, what arrives is in order and comes once. */
static uint64_t faults(uint64_t seed)
{
    struct sim_options options;
    struct world w;
    int64_t last = -1, n;

    sim_profile(seed, &options);
    options.file_error_ppm = 0;
    options.flip_ppm = 0; /* TCP's checksum is what finds those */
    w = begin(seed, &options);
    start_flood(w.at_a, name_b);
    start_flood(w.at_b, name_a);
    while ((n = next_int(w.at_b, 5 * TICK_MS)) >= 0) {
        check(&w, n > last, "b got one twice or too late");
        last = n;
    }
    sim_faults(w.sim, false);
    return end(&w);
}

/* I18: whatever bits turn on the way, what comes is taken or the connection is
 * closed; the nodes live on, hold no more than before, and a new connection is
 * good when the wire is. */
static uint64_t turned_bits(uint64_t seed)
{
    struct sim_options options = { .flip_ppm = 20000, .delay_mean_us = 100 };
    struct world w = begin(seed, &options);
    struct rt_stats stats;
    etf_term message;

    for (int i = 0; i < 20; i++) {
        start_flood(w.at_a, name_b);
        start_flood(w.at_b, name_a);
        (void)sim_run(w.sim, TICK_MS / 4);
    }
    sim_faults(w.sim, false);
    (void)sim_run(w.sim, 4 * TICK_MS); /* half a packet waits for its end */
    (void)node_disconnect(w.a, B);     /* its atoms may be others by now */
    (void)sim_run(w.sim, TICK_MS);
    check(&w, node_connect(w.at_a, w.a, B, NULL) == AGNER_OK, "not healed");
    check(&w,
          rt_send(w.at_a, etf_make(w.at_a, "{sink, '" B "'}"),
                  etf_make(w.at_a, "{the, [last, 1.5], <<\"word\">>}")) ==
              AGNER_OK,
          "not sent");
    do { /* what the floods still had comes before it, or beside it */
        check(&w, rt_receive(w.at_b, WAIT_MS, &message) == AGNER_OK,
              "b lost a message");
    } while (!etf_match(message, "{the, [last, 1.5], <<\"word\">>}"));
    rt_stats(node_rt(w.a), &stats);
    check(&w, stats.memory_bytes < MEMORY_MAX, "a holds too much");
    rt_stats(node_rt(w.b), &stats);
    check(&w, stats.memory_bytes < MEMORY_MAX, "b holds too much");
    return end(&w);
}

static void run_seeds(uint64_t (*run)(uint64_t seed))
{
    const char *only = getenv("NODE_SIM_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;

    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = run(seed);

        /* The same seed is the same run. */
        if (seed == first && run(seed) != hash)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
}

static void I20_two_dials_are_one_connection(void **state)
{
    (void)state;
    run_seeds(two_dials);
}

static void a_partition_is_found_and_healed(void **state)
{
    (void)state;
    run_seeds(partition);
}

static void I1_faults_make_gaps_but_no_disorder(void **state)
{
    (void)state;
    run_seeds(faults);
}

static void I18_turned_bits_harm_the_connection_only(void **state)
{
    (void)state;
    run_seeds(turned_bits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(I20_two_dials_are_one_connection),
        cmocka_unit_test(a_partition_is_found_and_healed),
        cmocka_unit_test(I1_faults_make_gaps_but_no_disorder),
        cmocka_unit_test(I18_turned_bits_harm_the_connection_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
