/*
 * test_sim_discovery_memory.c -- discovery when memory is out.
 *
 * The program's own malloc and its like are wrapped by the linker. The first
 * allocation of an operation fails, then the second, until it succeeds: each
 * time it says AGNER_ENOMEM and has left nothing, and the node goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <agner/sim.h>
#include <cmocka.h>

#include "failing.h"
#include "pair.h"

#define TRIES_MAX 200u

static struct node *start(struct sim *sim, const char *name, const char *host)
{
    struct node_options options = pair_options(name);

    options.listen_host = host;
    options.listen_port = 5000;
    options.rt.world = sim_world(sim);
    options.rt.log = pair_quiet;
    return pair_start(&options);
}

static enum agner_err add_route(struct node *node)
{
    const struct node_route_spec route = { .name = "x@y", .port = 1 };

    return node_route_add(node, &route, NULL);
}

static enum agner_err keep(struct node *node)
{
    return node_keep(node, "b@10.0.0.2:5000", NULL);
}

static enum agner_err begin_dns(struct node *node)
{
    const struct node_dns dns = { .host = "web.svc",
                                  .base = "b",
                                  .port = 5000 };

    return node_discover_dns(node, &dns, NULL);
}

static enum agner_err begin_gossip(struct node *node)
{
    const struct node_gossip gossip = { .group = NULL };

    return node_discover_gossip(node, &gossip, NULL);
}

static enum agner_err begin_epmd(struct node *node)
{
    return node_discover_epmd(node, "10.0.0.2", 0, NULL);
}

/* Every operation fails at its first allocation, its second, ... and then
 * succeeds once, as if nothing had been before. */
static void try_all(struct node *node, enum agner_err (*run)(struct node *node))
{
    for (unsigned n = 1; n < TRIES_MAX; n++) {
        enum agner_err err;

        failing_seen = false;
        failing_in = n;
        err = run(node);
        failing_in = 0;
        if (err == AGNER_OK)
            return;
        assert_true(failing_seen);
        assert_int_equal(err, AGNER_ENOMEM);
    }
    fail_msg("it never succeeds");
}

static void without_memory_nothing_is_half_done(void **state)
{
    struct sim *sim = sim_new(1, NULL);
    struct node *a = start(sim, "a@10.0.0.1", "10.0.0.1");

    (void)state;
    assert_int_equal(sim_host_put(sim, "web.svc", "10.0.0.2"), AGNER_OK);
    try_all(a, add_route);
    try_all(a, keep);
    try_all(a, begin_dns);
    try_all(a, begin_gossip);
    try_all(a, begin_epmd);
    node_stop(a, 1000);
    sim_free(sim);
}

/* While the network runs each allocation in turn fails once: what was found may
 * come a round later, and nothing breaks. */
static void what_is_found_without_memory_is_found_later(void **state)
{
    struct node_found found[8];

    (void)state;
    for (unsigned n = 1; n < 40; n++) {
        struct sim *sim = sim_new(n, NULL);
        struct node *a = start(sim, "a@10.0.0.1", "10.0.0.1");
        struct node *b = start(sim, "b@10.0.0.2", "10.0.0.2");
        struct node_peer_info peer;

        assert_int_equal(sim_host_put(sim, "web.svc", "10.0.0.2"), AGNER_OK);
        assert_int_equal(begin_dns(a), AGNER_OK);
        assert_int_equal(begin_gossip(a), AGNER_OK);
        assert_int_equal(begin_gossip(b), AGNER_OK);
        failing_in = n;
        (void)sim_run(sim, 100);
        failing_in = 0;
        (void)sim_run(sim, 60000);
        assert_int_equal(node_peers(a, &peer, 1), 1);
        assert_int_equal(peer.state, NODE_PEER_UP);
        assert_true(node_found(a, found, 8) >= 2);
        node_stop(a, 1000);
        node_stop(b, 1000);
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_nothing_is_half_done),
        cmocka_unit_test(what_is_found_without_memory_is_found_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
