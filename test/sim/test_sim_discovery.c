/*
 * test_sim_discovery.c -- finding nodes and staying with them, in a simulated
 * world: partitions, changing names, hostile gossip.
 *
 * Each test runs many seeds; a failure prints its seed, and
 * DISCOVERY_SIM_SEED=n runs that one alone.
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
#include "rt_world.h"

#include "gossip_packet.h"

#define SEEDS     10
#define PORT      5000
#define TICK_MS   4000
#define WAIT_MS   600000 /* of virtual time: a deadline, reached by a defect */
#define NODES_MAX 4
#define GROUP     "230.1.1.251"
#define GOSSIP    45892

struct world {
    uint64_t seed;
    struct sim *sim;
    struct node *nodes[NODES_MAX];
    size_t count;
};

/* What the nodes have logged since it was last looked at. */
static unsigned warnings, up_lines;
static char last_line[400];

static void check(const struct world *w, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s; last line: %s", (unsigned long long)w->seed,
                 what, last_line);
}

static void note(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    warnings += level == RT_LOG_WARNING;
    up_lines += strstr(text, "is up") != NULL;
    (void)snprintf(last_line, sizeof last_line, "%s", text);
}

/* The node `base` at 10.0.0.(i+1). */
static struct node *start(struct world *w, size_t i, const char *base,
                          const char *cookie)
{
    char name[64], host[32];
    struct node_options options;

    (void)snprintf(host, sizeof host, "10.0.0.%zu", i + 1);
    (void)snprintf(name, sizeof name, "%s@%s", base, host);
    options = pair_options(name);
    options.listen_host = host;
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(w->sim);
    options.rt.log = note;
    if (cookie != NULL)
        options.cookie = cookie;
    w->nodes[i] = pair_start(&options);
    if (w->count <= i)
        w->count = i + 1;
    return w->nodes[i];
}

static struct world begin(uint64_t seed, size_t count)
{
    static const struct sim_options lossy = { .datagram_ppm = 100000 };
    struct world w = { .seed = seed, .sim = sim_new(seed, &lossy) };

    assert_non_null(w.sim);
    warnings = up_lines = 0;
    for (size_t i = 0; i < count; i++)
        start(&w, i, "web", NULL);
    return w;
}

static void stop(struct world *w, size_t i)
{
    if (w->nodes[i] != NULL)
        node_stop(w->nodes[i], 1000);
    w->nodes[i] = NULL;
}

static uint64_t end(struct world *w)
{
    uint64_t hash;

    for (size_t i = 0; i < w->count; i++)
        stop(w, i);
    hash = sim_trace_hash(w->sim);
    sim_free(w->sim);
    return hash;
}

static size_t peers_up(struct node *node)
{
    struct node_peer_info peers[16];
    size_t count = node_peers(node, peers, 16), up = 0;

    for (size_t i = 0; i < count && i < 16; i++)
        up += peers[i].state == NODE_PEER_UP;
    return up;
}

/* Is every node that runs connected to all others that run? */
static bool is_mesh(void *ctx)
{
    const struct world *w = ctx;
    size_t running = 0;

    for (size_t i = 0; i < w->count; i++)
        running += w->nodes[i] != NULL;
    for (size_t i = 0; i < w->count; i++)
        if (w->nodes[i] != NULL && peers_up(w->nodes[i]) != running - 1)
            return false;
    return true;
}

static bool is_alone(void *ctx)
{
    const struct world *w = ctx;

    return peers_up(w->nodes[0]) == 0;
}

static void await(struct world *w, bool (*done)(void *ctx), const char *what)
{
    check(w, sim_run_until(w->sim, done, w, WAIT_MS), what);
}

#define B_AT "web@10.0.0.2:5000"
#define B    "web@10.0.0.2"

/* A kept peer is found though it starts later, and comes back after a
 * partition, and after it was started anew. */
static uint64_t kept(uint64_t seed)
{
    struct world w = begin(seed, 1);
    uint64_t healed_ns;

    check(&w, node_keep(w.nodes[0], B_AT, NULL) == AGNER_OK, "not kept");
    check(&w, node_keep(w.nodes[0], B_AT, NULL) == AGNER_EALREADY, "twice");
    (void)sim_run(w.sim, 20000);
    start(&w, 1, "web", NULL);
    await(&w, is_mesh, "the late one was not found");
    (void)sim_partition(w.sim, "10.0.0.1", "10.0.0.2");
    await(&w, is_alone, "the partition was not noticed");
    (void)sim_run(w.sim, 120000);
    sim_heal_all(w.sim);
    healed_ns = sim_now_ns(w.sim);
    await(&w, is_mesh, "the partition was not healed");
    /* An attempt under way may have to run out first. */
    check(&w, sim_now_ns(w.sim) - healed_ns < UINT64_C(38000000000),
          "it took longer than the longest wait and an attempt");
    stop(&w, 1);
    await(&w, is_alone, "the end was not noticed");
    start(&w, 1, "web", NULL);
    await(&w, is_mesh, "the new one was not found");
    check(&w, up_lines == 3, "not one line for each time it came up");
    return end(&w);
}

/* Who was disconnected by a user is left alone until a user connects. */
static uint64_t left(uint64_t seed)
{
    struct world w = begin(seed, 2);
    struct gen *self;

    check(&w, node_keep(w.nodes[0], B_AT, NULL) == AGNER_OK, "not kept");
    await(&w, is_mesh, "not connected");
    check(&w, node_disconnect(w.nodes[0], B) == AGNER_OK, "not disconnected");
    await(&w, is_alone, "still connected");
    (void)sim_run(w.sim, 600000);
    check(&w, peers_up(w.nodes[0]) == 0, "it was connected again");
    self = rt_attach(node_rt(w.nodes[0]));
    check(&w, node_connect(self, w.nodes[0], B, NULL) == AGNER_OK, "refused");
    rt_detach(self);
    sim_reset(w.sim, "10.0.0.1", "10.0.0.2");
    (void)sim_run(w.sim, 1);
    await(&w, is_mesh, "it is kept again");
    check(&w, node_unkeep(w.nodes[0], B) == AGNER_OK, "not let go");
    check(&w, node_unkeep(w.nodes[0], B) == AGNER_ENONAME, "let go twice");
    sim_reset(w.sim, "10.0.0.1", "10.0.0.2");
    await(&w, is_alone, "the reset was not noticed");
    (void)sim_run(w.sim, 100000);
    check(&w, peers_up(w.nodes[0]) == 0, "it was kept after all");
    return end(&w);
}

static void serve(struct world *w, const char *address)
{
    check(w, sim_host_add(w->sim, "web.svc", address) == AGNER_OK, "memory");
}

static size_t found_by(struct node *node, const char *registrar)
{
    static struct node_found found[NODE_FOUND_MAX + 16];
    size_t count = node_found(node, found, NODE_FOUND_MAX + 16), some = 0;

    for (size_t i = 0; i < count && i < NODE_FOUND_MAX + 16; i++)
        some += strcmp(found[i].registrar, registrar) == 0;
    return some;
}

/* The addresses of a service make a mesh; answers change, and fail. */
static uint64_t dns(uint64_t seed)
{
    const struct node_dns service = { .host = "web.svc", .port = PORT };
    struct world w = begin(seed, 3);

    serve(&w, "10.0.0.1");
    serve(&w, "10.0.0.2");
    for (size_t i = 0; i < 3; i++)
        check(&w, node_discover_dns(w.nodes[i], &service, NULL) == AGNER_OK,
              "no dns");
    (void)sim_run(w.sim, 10000);
    check(&w, peers_up(w.nodes[0]) >= 1, "two are not connected");
    serve(&w, "10.0.0.3");
    await(&w, is_mesh, "the third was not found");
    (void)sim_run(w.sim, 10000);
    /* Without answers nothing changes. */
    check(&w, sim_host_put(w.sim, "web.svc", NULL) == AGNER_OK, "memory");
    (void)sim_run(w.sim, 60000);
    check(&w, found_by(w.nodes[0], "dns") == 2, "forgotten without an answer");
    check(&w, is_mesh(&w), "no mesh any more");
    /* One that is not in the answer any more is not sought any more. */
    check(&w, sim_host_put(w.sim, "web.svc", "10.0.0.1") == AGNER_OK, "memory");
    serve(&w, "10.0.0.2");
    (void)sim_run(w.sim, 10000);
    check(&w, found_by(w.nodes[0], "dns") == 1, "still known");
    stop(&w, 2);
    await(&w, is_mesh, "its end was not noticed");
    warnings = 0;
    (void)sim_run(w.sim, 60000);
    check(&w, warnings == 0 && peers_up(w.nodes[0]) == 1,
          "who is gone was sought");
    return end(&w);
}

/* Three nodes that only gossip become a mesh, and one that falls silent is
 * forgotten. */
static uint64_t gossip(uint64_t seed)
{
    const struct node_gossip as_libcluster = { .group = NULL };
    struct world w = begin(seed, 3);

    for (size_t i = 0; i < 3; i++)
        check(&w,
              node_discover_gossip(w.nodes[i], &as_libcluster, NULL) ==
                  AGNER_OK,
              "no gossip");
    await(&w, is_mesh, "no mesh");
    (void)sim_partition(w.sim, NULL, "10.0.0.3");
    (void)sim_run(w.sim, 20000);
    sim_heal_all(w.sim);
    await(&w, is_mesh, "no mesh again");
    stop(&w, 2);
    (void)sim_run(w.sim, 120000);
    check(&w, found_by(w.nodes[0], "gossip") == 1, "the silent one is known");
    check(&w, is_mesh(&w), "the other two have lost each other");
    return end(&w);
}

/* ---- Hostile gossip --------------------------------------------------------
 */

struct enemy {
    struct world *w;
    const struct rt_world *world;
    struct rt_loop *loop;
    struct rt_task task;
    struct rt_udp *udp;
    void (*say)(struct enemy *enemy);
    unsigned said;
    _Atomic uint32_t done;
};

static void deaf(void *ctx, struct rt_udp *udp, const uint8_t *bytes,
                 size_t size, const struct rt_address *from)
{
    (void)ctx;
    (void)udp;
    (void)bytes;
    (void)size;
    (void)from;
}

static void say(struct enemy *enemy, const void *bytes, size_t size)
{
    (void)enemy->world->net->udp_send(enemy->udp, GROUP, GOSSIP, bytes, size);
}

static void run_enemy(struct rt_task *task)
{
    struct enemy *enemy =
        (struct enemy *)((char *)task - offsetof(struct enemy, task));
    const struct rt_udp_options options = { .host = "10.0.0.9" };
    const struct rt_udp_owner owner = { .ctx = enemy, .received = deaf };

    if (enemy->udp == NULL)
        (void)enemy->world->net->udp_open(enemy->loop, &options, &owner,
                                          &enemy->udp, NULL, NULL);
    enemy->say(enemy);
    enemy->done = 1;
}

static bool has_said(void *ctx)
{
    const struct enemy *enemy = ctx;

    return enemy->done != 0;
}

static void attack(struct enemy *enemy, struct world *w,
                   void (*what)(struct enemy *enemy))
{
    enemy->w = w;
    enemy->world = sim_world(w->sim);
    enemy->say = what;
    enemy->done = 0;
    enemy->task.run = run_enemy;
    if (enemy->loop == NULL)
        check(w,
              enemy->world->net->loop_new(enemy->world, "enemy", &enemy->loop,
                                          NULL) == AGNER_OK,
              "no loop");
    enemy->world->net->post(enemy->loop, &enemy->task);
    check(w, sim_run_until(w->sim, has_said, enemy, 1000), "silent enemy");
}

/* 50 at a time, so that a receiver's buffer takes them all. */
static void thousands_of_names(struct enemy *enemy)
{
    uint8_t packet[NODE__GOSSIP_MAX];
    char name[64];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof name, "n%u@10.9.9.9", enemy->said++);
        say(enemy, packet, node__gossip_write(name, 1, packet));
    }
}

static void nonsense(struct enemy *enemy)
{
    uint8_t packet[RT_DATAGRAM_MAX];
    size_t size = node__gossip_write("x@10.0.0.2", 0, packet);

    for (size_t cut = 0; cut < size; cut++)
        say(enemy, packet, cut);
    packet[11 + 5] = 255;
    say(enemy, packet, size);
    memset(packet, 131, sizeof packet);
    say(enemy, packet, sizeof packet);
}

/* The table of found names, the peers and their dials stay within limits; the
 * nodes that are real still find each other. */
static uint64_t hostile(uint64_t seed)
{
    const struct node_gossip fast = { .interval_ms = 1000 };
    struct world w = begin(seed, 1);
    struct enemy enemy = { .loop = NULL };
    struct node_peer_info one;
    unsigned before;

    check(&w, node_discover_gossip(w.nodes[0], &fast, NULL) == AGNER_OK, "?");
    before = warnings;
    attack(&enemy, &w, nonsense);
    (void)sim_run(w.sim, 1000);
    check(&w, warnings == before + 1, "not one line about all of it");
    check(&w, found_by(w.nodes[0], "gossip") == 0, "nonsense was believed");
    for (int i = 0; i < 60; i++) { /* 3,000 names */
        attack(&enemy, &w, thousands_of_names);
        (void)sim_run(w.sim, 50);
    }
    check(&w, found_by(w.nodes[0], "gossip") == NODE_FOUND_MAX, "not bounded");
    check(&w, node_peers(w.nodes[0], &one, 1) <= 64, "too many dials");
    /* Silence: they are forgotten, and there is room for others. */
    (void)sim_run(w.sim, 30000);
    check(&w, found_by(w.nodes[0], "gossip") == 0, "not forgotten");
    for (int i = 0; i < 60; i++) {
        attack(&enemy, &w, thousands_of_names);
        (void)sim_run(w.sim, 50);
    }
    start(&w, 1, "web", NULL);
    check(&w, node_keep(w.nodes[1], "web@10.0.0.1:5000", NULL) == AGNER_OK,
          "?");
    await(&w, is_mesh, "a friend does not get through");
    enemy.world->net->loop_free(enemy.loop);
    return end(&w);
}

/* Nodes of another cluster on the same group: refused, asked again rarely. */
static uint64_t foreign(uint64_t seed)
{
    const struct node_gossip as_libcluster = { .group = NULL };
    struct world w = begin(seed, 2);
    unsigned before;

    start(&w, 2, "other", "another cookie");
    for (size_t i = 0; i < 3; i++)
        check(&w,
              node_discover_gossip(w.nodes[i], &as_libcluster, NULL) ==
                  AGNER_OK,
              "no gossip");
    (void)sim_run(w.sim, 60000);
    check(&w, peers_up(w.nodes[0]) == 1 && peers_up(w.nodes[1]) == 1,
          "friends are not connected");
    check(&w, peers_up(w.nodes[2]) == 0, "a stranger was let in");
    before = warnings;
    (void)sim_run(w.sim, 3600000);
    check(&w, warnings - before < 200, "an hour fills the log");
    return end(&w);
}

/* A route's cookie is for that peer alone, in both directions. */
static uint64_t cookies(uint64_t seed)
{
    struct world w = begin(seed, 1);
    struct node_route_spec to_b = { .name = "*@10.0.0.2",
                                    .host = "10.0.0.2",
                                    .port = PORT,
                                    .cookie = "b's own" };
    struct gen *self;

    start(&w, 1, "web", "b's own");
    start(&w, 2, "web", NULL);
    check(&w, node_route_add(w.nodes[0], &to_b, NULL) == AGNER_OK, "no route");
    self = rt_attach(node_rt(w.nodes[0]));
    check(&w, node_connect(self, w.nodes[0], B, NULL) == AGNER_OK,
          "not with the route's cookie");
    check(&w,
          node_connect(self, w.nodes[0], "web@10.0.0.3:5000", NULL) == AGNER_OK,
          "not with the node's own cookie");
    check(&w, node_disconnect(w.nodes[0], B) == AGNER_OK, "?");
    (void)sim_run(w.sim, 1000); /* b hears of it */
    rt_detach(self);
    self = rt_attach(node_rt(w.nodes[1]));
    check(&w,
          node_connect(self, w.nodes[1], "web@10.0.0.1:5000", NULL) == AGNER_OK,
          "not when it dials");
    rt_detach(self);
    check(&w, node_route_remove(w.nodes[0], "*@10.0.0.2") == AGNER_OK, "?");
    check(&w, node_disconnect(w.nodes[0], B) == AGNER_OK, "?");
    self = rt_attach(node_rt(w.nodes[0]));
    check(&w, node_connect(self, w.nodes[0], B_AT, NULL) == AGNER_EAUTH,
          "the cookie outlived its route");
    rt_detach(self);
    return end(&w);
}

/* All that epmd knows is kept; who starts without it is found by it later. */
static uint64_t scanned(uint64_t seed)
{
    struct world w = { .seed = seed, .sim = sim_new(seed, NULL) };

    assert_non_null(w.sim);
    warnings = up_lines = 0;
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        struct node_options options;

        (void)snprintf(name, sizeof name, "n%zu@127.0.0.1", i);
        options = pair_options(name);
        options.epmd = NODE_EPMD_AUTO;
        options.tick_time_ms = TICK_MS;
        options.rt.world = sim_world(w.sim);
        options.rt.log = note;
        w.nodes[i] = pair_start(&options);
        w.count = i + 1;
    }
    check(&w, node_discover_epmd(w.nodes[2], NULL, 0, NULL) == AGNER_OK, "?");
    (void)sim_run(w.sim, 10000);
    check(&w, peers_up(w.nodes[2]) == 2, "epmd's names were not found");
    check(&w, peers_up(w.nodes[0]) == 1, "one has dialled by itself");
    stop(&w, 1);
    (void)sim_run(w.sim, 20000);
    check(&w, found_by(w.nodes[2], "epmd") == 1, "still known");
    return end(&w);
}

/* ---- Seeds -----------------------------------------------------------------
 */

/* Each seed; the first one twice, which must be the same run. */
static void run_seeds(uint64_t (*run)(uint64_t seed))
{
    const char *one = getenv("DISCOVERY_SIM_SEED");
    uint64_t hash;

    if (one != NULL) {
        (void)run(strtoull(one, NULL, 10));
        return;
    }
    hash = run(0);
    if (run(0) != hash)
        fail_msg("two runs of one seed differ");
    for (uint64_t seed = 1; seed < SEEDS; seed++)
        (void)run(seed);
}

static void a_kept_peer_comes_back(void **state)
{
    (void)state;
    run_seeds(kept);
}

static void who_was_disconnected_is_left_alone(void **state)
{
    (void)state;
    run_seeds(left);
}

static void a_services_addresses_become_a_mesh(void **state)
{
    (void)state;
    run_seeds(dns);
}

static void gossip_makes_a_mesh(void **state)
{
    (void)state;
    run_seeds(gossip);
}

static void hostile_gossip_is_bounded(void **state)
{
    (void)state;
    (void)hostile(0);
    (void)hostile(1);
}

static void a_foreign_cluster_is_refused_quietly(void **state)
{
    (void)state;
    (void)foreign(0);
    (void)foreign(1);
}

static void a_routes_cookie_counts_both_ways(void **state)
{
    (void)state;
    run_seeds(cookies);
}

static void what_epmd_knows_is_kept(void **state)
{
    (void)state;
    run_seeds(scanned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_peer_comes_back),
        cmocka_unit_test(who_was_disconnected_is_left_alone),
        cmocka_unit_test(a_services_addresses_become_a_mesh),
        cmocka_unit_test(gossip_makes_a_mesh),
        cmocka_unit_test(hostile_gossip_is_bounded),
        cmocka_unit_test(a_foreign_cluster_is_refused_quietly),
        cmocka_unit_test(a_routes_cookie_counts_both_ways),
        cmocka_unit_test(what_epmd_knows_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
