/*
 * test_sim_global.c -- `global` on two to five nodes in a simulated world:
 * names and locks change while connections break, networks part and heal.
 *
 * In the end, when all are connected again, each name has one owner, which all
 * nodes agree on and which lives; no lock is left by the dead; and nobody still
 * waits. Each test runs many seeds; a failure prints its seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <agner/kernel.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "global_names.h"
#include "pair.h"

#define NODES_MAX   5
#define WORKERS     3 /* on each node */
#define NAMES       6
#define PORT        5000
#define TICK_MS     4000
#define SETTLE_MS   (30u * 60 * 1000) /* virtual: only a defect reaches it */
#define SEEDS       25
#define FAULTS_EACH 8 /* of a seed */

struct cluster;

struct worker {
    struct cluster *cluster;
    size_t index; /* of its node */
    unsigned ops;
    bool done;
};

struct cluster {
    uint64_t seed;
    struct sim *sim;
    size_t count;
    struct node *nodes[NODES_MAX];
    struct gen *at[NODES_MAX];
    struct worker workers[NODES_MAX * WORKERS];
    bool stop;       /* the connectors end */
    unsigned inside; /* transactions that run: without faults at most one */
    bool clash;      /* there were two */
    int64_t counter;
};

static char name_texts[NODES_MAX][32], hosts[NODES_MAX][32];

static void check(const struct cluster *c, bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)c->seed, what);
}

/* ---- Who changes names and locks ---------------------------------------- */

static etf_term some_name(struct gen *self, struct cluster *c)
{
    return etf_make(self, "{name, _}", (int64_t)sim_draw(c->sim, NAMES));
}

static const struct gen_global_method *some_method(struct cluster *c)
{
    switch (sim_draw(c->sim, 4)) {
    case 0:
        return &gen_global_random_notify;
    case 1:
        return &gen_global_notify_all;
    default:
        return NULL; /* the other is killed */
    }
}

static void short_life(struct gen *self, void *arg)
{
    struct cluster *c = arg;

    (void)gen_global_register_name(self, some_name(self, c), rt_self(self),
                                   NULL);
    (void)rt_sleep(self, sim_draw(c->sim, 200));
}

static void locked(struct gen *self, void *arg)
{
    struct cluster *c = arg;
    int64_t before = c->counter;

    c->clash = c->clash || c->inside != 0;
    c->inside++;
    (void)rt_sleep(self, sim_draw(c->sim, 20));
    c->counter = before + 1;
    c->inside--;
}

static void step(struct gen *self, struct cluster *c)
{
    etf_term lock = etf_make(self, "{{lock, _}, _}",
                             (int64_t)sim_draw(c->sim, 2), rt_self(self));
    etf_pid pid;

    switch (sim_draw(c->sim, 7)) {
    case 0:
    case 1:
        (void)gen_global_register_name(self, some_name(self, c), rt_self(self),
                                       some_method(c));
        break;
    case 2:
        (void)gen_global_unregister_name(self, some_name(self, c));
        break;
    case 3:
        (void)gen_global_re_register_name(self, some_name(self, c),
                                          rt_self(self), NULL);
        break;
    case 4:
        if (gen_global_set_lock(self, lock, ETF_NONE, sim_draw(c->sim, 3)) ==
            AGNER_OK)
            (void)rt_sleep(self, sim_draw(c->sim, 30));
        if (sim_draw(c->sim, 3) != 0) /* else it is left to our end */
            (void)gen_global_del_lock(self, lock, ETF_NONE);
        break;
    case 5:
        (void)rt_spawn(self, short_life, c, NULL, &pid);
        break;
    case 6:
        (void)rt_sleep(self, sim_draw(c->sim, 500));
        break;
    }
}

static void work(struct gen *self, void *arg)
{
    struct worker *w = arg;
    etf_term m;

    while (w->ops > 0 && rt_check(self) == AGNER_OK) {
        w->ops--;
        step(self, w->cluster);
        rt_reset(self);
    }
    w->done = true;
    (void)rt_receive(self, RT_INFINITY, &m); /* lives, with its name */
}

/* One that is killed by a conflict is done too. */
static void watch(struct gen *self, void *arg)
{
    struct worker *w = arg;
    etf_term m;
    etf_ref ref;
    etf_pid pid;

    if (rt_spawn(self, work, w, NULL, &pid) != AGNER_OK ||
        rt_monitor(self, etf_from_pid(NULL, pid), 0, &ref) != AGNER_OK)
        return;
    while (rt_receive(self, RT_INFINITY, &m) == AGNER_OK &&
           !etf_is_tagged(m, ETF_A(DOWN), 5)) {
        (void)rt_exit_signal(self, pid, ETF_A(kill)); /* any message */
    }
    w->done = true;
}

/* Connects to others again and again. */
static void connector(struct gen *self, void *arg)
{
    struct worker *w = arg;
    struct cluster *c = w->cluster;

    while (!c->stop && rt_check(self) == AGNER_OK) {
        size_t other = sim_draw(c->sim, c->count);

        (void)rt_sleep(self, 200 + sim_draw(c->sim, 2000));
        if (other != w->index)
            (void)rt_connect_node(self, etf_atom(name_texts[other]));
        rt_reset(self);
    }
}

/* ---- The cluster -------------------------------------------------------- */

static void start_node(struct cluster *c, size_t i)
{
    struct node_options options = pair_options(name_texts[i]);

    options.listen_host = hosts[i];
    options.listen_port = PORT;
    options.tick_time_ms = TICK_MS;
    options.rt.world = sim_world(c->sim);
    options.rt.log_level = RT_LOG_NONE;
    c->nodes[i] = pair_start(&options);
    c->at[i] = rt_attach(node_rt(c->nodes[i]));
    assert_non_null(c->at[i]);
    assert_int_equal(agner_kernel_start(c->at[i], NULL), AGNER_OK);
}

static void begin(struct cluster *c, uint64_t seed, size_t count, unsigned ops)
{
    *c = (struct cluster){ .seed = seed, .count = count };
    c->sim = sim_new(seed, NULL);
    assert_non_null(c->sim);
    for (size_t i = 0; i < count; i++) {
        /* Names in no order of their addresses. */
        (void)snprintf(name_texts[i], sizeof name_texts[i], "n%zu@10.0.0.%zu",
                       (i * 3) % NODES_MAX, i + 1);
        (void)snprintf(hosts[i], sizeof hosts[i], "10.0.0.%zu", i + 1);
    }
    for (size_t i = 0; i < count; i++)
        start_node(c, i);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            if (i != j)
                assert_int_equal(
                    node_route(c->nodes[i], name_texts[j], hosts[j], PORT),
                    AGNER_OK);
    for (size_t i = 0; i < count * WORKERS; i++)
        c->workers[i] =
            (struct worker){ .cluster = c, .index = i / WORKERS, .ops = ops };
}

static void spawn_all(struct cluster *c, void (*code)(struct gen *, void *),
                      size_t each)
{
    etf_pid pid;

    for (size_t i = 0; i < c->count * WORKERS; i++)
        if (i % WORKERS < each)
            assert_int_equal(
                rt_spawn(c->at[i / WORKERS], code, &c->workers[i], NULL, &pid),
                AGNER_OK);
}

static void end(struct cluster *c)
{
    for (size_t i = 0; i < c->count; i++) {
        (void)gen_applications_stop(c->at[i], 5000);
        rt_detach(c->at[i]);
    }
    for (size_t i = 0; i < c->count; i++)
        node_stop(c->nodes[i], 1000);
    sim_free(c->sim);
}

static bool all_done(const struct cluster *c)
{
    for (size_t i = 0; i < c->count * WORKERS; i++)
        if (!c->workers[i].done)
            return false;
    return true;
}

/* From the first one: the others find each other. */
static void connect_all(struct cluster *c)
{
    for (size_t i = 1; i < c->count; i++)
        assert_int_equal(rt_connect_node(c->at[0], etf_atom(name_texts[i])),
                         AGNER_OK);
}

static bool all_connected(const struct cluster *c)
{
    struct etf_region *r = etf_region_new(0);
    bool all = true;

    for (size_t i = 0; i < c->count; i++) {
        all = all && etf_list_size(
                         rt_nodes(node_rt(c->nodes[i]), r, RT_NODES_VISIBLE)) ==
                         (int64_t)c->count - 1;
    }
    etf_region_free(r);
    return all;
}

static struct global_names *names_of(const struct cluster *c, size_t i)
{
    struct global_names *names;

    assert_int_equal(gen__global_names(node_rt(c->nodes[i]), &names), AGNER_OK);
    return names;
}

/* A pid as another node has it. */
static etf_pid seen_from(const struct cluster *c, etf_pid pid, size_t from,
                         size_t to)
{
    struct etf_self self = rt_node(node_rt(c->nodes[from]));

    if (etf_pid_is_local(pid)) {
        pid.node = self.name;
        pid.creation = self.creation;
    }
    self = rt_node(node_rt(c->nodes[to]));
    if (etf_same(pid.node, self.name) && pid.creation == self.creation) {
        pid.node = ETF_NONE;
        pid.creation = 0;
    }
    return pid;
}

/* Does each node know the same names for the same processes, which live? */
static bool agree(const struct cluster *c)
{
    const struct global_names *first = names_of(c, 0);

    for (size_t i = 0; i < c->count; i++) {
        const struct global_names *names = names_of(c, i);
        const struct global_name *entry = NULL;

        if (gen__names_count(names) != gen__names_count(first))
            return false;
        while ((entry = gen__names_next(names, entry)) != NULL) {
            const struct global_name *same =
                gen__names_get(first, etf_box_term(entry->name));

            if (same == NULL ||
                !etf_pid_equal(seen_from(c, entry->pid, i, 0), same->pid))
                return false;
            if (etf_pid_is_local(entry->pid) &&
                !rt_is_alive(node_rt(c->nodes[i]), entry->pid))
                return false;
        }
    }
    return true;
}

static bool is_settled(void *ctx)
{
    const struct cluster *c = ctx;

    return all_done(c) && all_connected(c) && agree(c);
}

/* All known to all, as the servers see it, and all names here. */
static void check_known(struct cluster *c)
{
    for (size_t i = 0; i < c->count; i++) {
        uint64_t deadline = rt_now_ms(node_rt(c->nodes[i])) + SETTLE_MS;
        etf_term known = ETF_NONE;

        check(c, gen_global_sync(c->at[i], ETF_NONE) == AGNER_OK, "sync");
        do { /* `in_sync` may come before `new_nodes` */
            check(c,
                  gen_call(c->at[i], etf_atom("global_name_server"),
                           etf_atom("get_known"), 10000, &known) == AGNER_OK,
                  "the server answers");
        } while (etf_list_size(known) != (int64_t)c->count - 1 &&
                 rt_now_ms(node_rt(c->nodes[i])) < deadline &&
                 sim_run(c->sim, 10));
        check(c, etf_list_size(known) == (int64_t)c->count - 1,
              "each node is known to each");
    }
}

static void check_no_locks(struct cluster *c)
{
    for (size_t i = 0; i < c->count; i++) {
        for (int64_t lock = 0; lock < 3; lock++) {
            etf_term is = ETF_NONE;
            etf_term what =
                lock == 2 ? etf_make(c->at[i], "{is_locked, global}")
                          : etf_make(c->at[i], "{is_locked, {lock, _}}", lock);

            check(c,
                  gen_call(c->at[i], etf_atom("global_name_server"), what,
                           10000, &is) == AGNER_OK &&
                      etf_same(is, ETF_A(false)),
                  lock == 2 ? "nobody has the lock of names"
                            : "nobody holds a lock");
        }
    }
}

static bool no_names(void *ctx)
{
    const struct cluster *c = ctx;

    for (size_t i = 0; i < c->count; i++)
        if (gen__names_count(names_of(c, i)) != 0)
            return false;
    return true;
}

static void kill_workers(struct cluster *c, const etf_pid *watchers)
{
    for (size_t i = 0; i < c->count * WORKERS; i++)
        (void)rt_send_pid(c->at[i / WORKERS], watchers[i], ETF_A(stop));
}

/* The network is whole: everything comes to rest, and when all workers are
 * killed nothing is left of them. */
static void settle(struct cluster *c, const etf_pid *watchers)
{
    (void)sim_run(c->sim, 5 * TICK_MS); /* what is broken is noticed */
    check(c, sim_run_until(c->sim, is_settled, c, SETTLE_MS),
          !all_done(c)        ? "somebody hangs"
          : !all_connected(c) ? "they do not all meet"
                              : "they do not agree on the names");
    c->stop = true;
    (void)sim_run(c->sim, 20000);
    check_known(c);
    check(c, is_settled(c), "it stays so");
    kill_workers(c, watchers);
    check(c, sim_run_until(c->sim, no_names, c, 60000),
          "names of the dead are left");
    (void)sim_run(c->sim, 20000);
    check_no_locks(c);
}

static void spawn_workers(struct cluster *c, etf_pid *watchers)
{
    for (size_t i = 0; i < c->count * WORKERS; i++)
        assert_int_equal(rt_spawn(c->at[i / WORKERS], watch, &c->workers[i],
                                  NULL, &watchers[i]),
                         AGNER_OK);
}

/* ---- Faults ------------------------------------------------------------- */

static void fault(struct cluster *c)
{
    size_t a = sim_draw(c->sim, c->count);
    size_t b = (a + 1 + sim_draw(c->sim, c->count - 1)) % c->count;

    switch (sim_draw(c->sim, 5)) {
    case 0:
        assert_int_equal(sim_partition(c->sim, hosts[a], hosts[b]), AGNER_OK);
        break;
    case 1:
        sim_heal_all(c->sim);
        break;
    case 2:
        (void)sim_reset(c->sim, hosts[a], hosts[b]);
        break;
    case 3:
        (void)sim_reset_half(c->sim, hosts[a], hosts[b]);
        break;
    case 4:
        (void)rt_disconnect_node(node_rt(c->nodes[a]), etf_atom(name_texts[b]));
        break;
    }
}

/* ---- Tests -------------------------------------------------------------- */

/* Nodes meet in any order, at any time, while names change. */
static void meets_and_agrees(void **state)
{
    etf_pid watchers[NODES_MAX * WORKERS];
    struct cluster c;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&c, seed, 2 + seed % 4, 20);
        spawn_workers(&c, watchers);
        spawn_all(&c, connector, 1);
        settle(&c, watchers);
        end(&c);
    }
}

/* Connections break and networks part meanwhile. */
static void agrees_after_faults(void **state)
{
    etf_pid watchers[NODES_MAX * WORKERS];
    struct cluster c;

    (void)state;
    for (uint64_t seed = 100; seed < 100 + 2 * SEEDS; seed++) {
        begin(&c, seed, 2 + seed % 4, 60);
        spawn_workers(&c, watchers);
        spawn_all(&c, connector, 1);
        for (unsigned i = 0; i < FAULTS_EACH; i++) {
            (void)sim_run(c.sim, 500 + sim_draw(c.sim, 5000));
            fault(&c);
        }
        sim_heal_all(c.sim);
        settle(&c, watchers);
        end(&c);
    }
}

static void add_one(struct gen *self, void *arg)
{
    struct worker *w = arg;
    etf_term id = etf_make(self, "{counter, _}", rt_self(self));

    while (w->ops > 0) {
        if (gen_global_trans(self, id, locked, w->cluster, ETF_NONE,
                             GEN_INFINITY) == AGNER_OK)
            w->ops--;
    }
    w->done = true;
}

static bool is_done(void *ctx)
{
    return all_done(ctx);
}

/* Transactions of all nodes, one at a time: no step of the counter is lost. */
static void excludes_each_other(void **state)
{
    struct cluster c;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&c, seed, 3, 4);
        connect_all(&c);
        while (!all_connected(&c))
            (void)sim_run(c.sim, 100);
        spawn_all(&c, add_one, WORKERS);
        check(&c, sim_run_until(c.sim, is_done, &c, SETTLE_MS), "all done");
        check(&c, !c.clash && c.counter == (int64_t)(3 * WORKERS * 4),
              "one at a time");
        end(&c);
    }
}

static bool is_linked(const struct cluster *c, size_t a, size_t b)
{
    return rt_node_find(node_rt(c->nodes[a]), etf_atom(name_texts[b]), NULL) ==
           AGNER_OK;
}

static bool is_connected(void *ctx)
{
    return all_connected(ctx);
}

/* One connection of three is lost: nobody stays between the two. */
static void prevents_overlapping_partitions(void **state)
{
    struct cluster c;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        begin(&c, seed, 3, 0);
        connect_all(&c);
        check(&c, sim_run_until(c.sim, is_connected, &c, 60000), "a mesh");
        check_known(&c);
        (void)sim_reset(c.sim, hosts[1], hosts[2]);
        (void)sim_run(c.sim, 60000);
        check(&c, !is_linked(&c, 1, 2), "what is lost is lost");
        check(&c, !is_linked(&c, 0, 1) || !is_linked(&c, 0, 2),
              "nobody between the two");
        end(&c);
    }
}

/* The same where that is switched off: the third stays with both. */
static void lets_partitions_overlap(void **state)
{
    struct cluster c;
    etf_term nodes;

    (void)state;
    begin(&c, 1, 3, 0);
    for (size_t i = 0; i < c.count; i++) {
        (void)gen_applications_stop(c.at[i], 5000);
        assert_int_equal(rt_env_put(node_rt(c.nodes[i]), ETF_NONE,
                                    etf_atom("prevent_overlapping_partitions"),
                                    ETF_A(false)),
                         AGNER_OK);
        assert_int_equal(agner_kernel_start(c.at[i], NULL), AGNER_OK);
    }
    connect_all(&c);
    check(&c, sim_run_until(c.sim, is_connected, &c, 60000), "a mesh");
    check_known(&c);
    (void)sim_reset(c.sim, hosts[1], hosts[2]);
    (void)sim_run(c.sim, 60000);
    nodes = rt_nodes(node_rt(c.nodes[0]), rt_region(c.at[0]), RT_NODES_VISIBLE);
    check(&c, etf_list_size(nodes) == 2, "the third knows both");
    end(&c);
}

/* The same seed, the same run. */
static void repeats_itself(void **state)
{
    uint64_t hashes[2];
    etf_pid watchers[NODES_MAX * WORKERS];
    struct cluster c;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        begin(&c, 7, 3, 20);
        spawn_workers(&c, watchers);
        spawn_all(&c, connector, 1);
        settle(&c, watchers);
        hashes[i] = sim_trace_hash(c.sim);
        end(&c);
    }
    assert_true(hashes[0] == hashes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_and_agrees),
        cmocka_unit_test(agrees_after_faults),
        cmocka_unit_test(excludes_each_other),
        cmocka_unit_test(prevents_overlapping_partitions),
        cmocka_unit_test(lets_partitions_overlap),
        cmocka_unit_test(repeats_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
