/*
 * test_sim_pg.c -- process groups of two to four nodes in a simulated world,
 * against a model.
 *
 * Members join, leave and are killed, scopes end and start again, connections
 * are reset, cut off and made. Whenever it is quiet, each node must see just
 * the members of itself and of those that it is connected with, and somebody
 * who watches a scope must have been told of nothing else. A failure prints its
 * seed, and PG_SIM_SEED=n runs that one alone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <agner/gen.h>
#include <agner/sim.h>
#include <cmocka.h>

#include "pair.h"

#define PORT      5000
#define SEEDS     25
#define NODES_MAX 4
#define PROCS_MAX 400 /* ever made in a run */
#define LIVE      4   /* that each node has at one time */
#define GROUPS    3
#define STORMS    4
#define OPS       40 /* in each */
#define TICK_MS   4000
#define QUIET_MS  (5 * TICK_MS)

/* How often each process is in each group. */
typedef unsigned counts[GROUPS][PROCS_MAX];

struct proc {
    unsigned at; /* which node */
    etf_pid pid; /* as that node has it */
};

struct place {
    char name[32], host[32];
    struct node *node;
    struct gen *self;
    etf_pid scope;
    unsigned live[LIVE]; /* their numbers */
    etf_ref watch;
    counts told; /* what who watches knows */
};

struct world {
    uint64_t seed;
    struct sim *sim;
    unsigned count;
    struct place places[NODES_MAX];
    struct proc procs[PROCS_MAX];
    unsigned proc_count;
    counts joined; /* the model */
};

static struct world w;

static void check(bool good, const char *what)
{
    if (!good)
        fail_msg("seed %llu: %s", (unsigned long long)w.seed, what);
}

static unsigned draw(unsigned bound)
{
    return (unsigned)sim_draw(w.sim, bound);
}

static etf_term scope(void)
{
    return etf_atom("scope");
}

static etf_term group(struct place *p, unsigned g)
{
    return g == 0   ? etf_atom("a")
           : g == 1 ? etf_make(p->self, "{b, \"x\"}")
                    : etf_make(p->self, "3");
}

/* ---- Processes ---------------------------------------------------------- */

static void wait_for_end(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK)
        rt_reset(self);
}

static void make_proc(unsigned at, unsigned seat)
{
    struct proc *p = &w.procs[w.proc_count];

    check(w.proc_count < PROCS_MAX, "too many processes");
    p->at = at;
    check(rt_spawn(w.places[at].self, wait_for_end, NULL, NULL, &p->pid) ==
              AGNER_OK,
          "spawn");
    w.places[at].live[seat] = w.proc_count++;
}

/* The number of a process that `at` sees. */
static unsigned number_of(unsigned at, etf_term term)
{
    etf_pid pid;

    check(etf_get_pid(term, &pid), "no pid");
    for (unsigned i = 0; i < w.proc_count; i++) {
        const struct proc *p = &w.procs[i];
        bool here = etf_pid_is_local(pid)
                        ? p->at == at
                        : etf_atom_is(pid.node, w.places[p->at].name);

        if (here && p->pid.id == pid.id && p->pid.serial == pid.serial)
            return i;
    }
    check(false, "a stranger");
    return 0;
}

/* ---- Scopes ------------------------------------------------------------- */

static void add_list(unsigned at, counts c, unsigned g, etf_term pids, int by)
{
    etf_term pid;

    while (etf_list_next(&pids, &pid)) {
        unsigned *n = &c[g][number_of(at, pid)];

        check(by > 0 || *n > 0, "told of a leave of no member");
        *n += (unsigned)by;
    }
}

static void start_scope(unsigned at)
{
    struct place *p = &w.places[at];
    etf_term groups;

    check(gen_pg_start(p->self, scope(), &p->scope) == AGNER_OK, "no scope");
    memset(p->told, 0, sizeof p->told);
    check(gen_pg_monitor_scope(p->self, scope(), &p->watch, &groups) ==
              AGNER_OK,
          "no watch");
    for (unsigned g = 0; g < GROUPS; g++) {
        etf_term pids = etf_map_get(groups, group(p, g));

        if (!etf_is_none(pids))
            add_list(at, p->told, g, pids, 1);
    }
}

/* All that who watches has been told meanwhile. */
static void hear(unsigned at)
{
    struct place *p = &w.places[at];
    etf_term message, what, of, pids;
    etf_ref ref;

    while (rt_receive(p->self, 0, &message) == AGNER_OK) {
        check(etf_match(message, "{_, _, _, _}", &ref, &what, &of, &pids),
              "an odd message");
        if (!etf_ref_equal(ref, p->watch))
            continue; /* of an earlier life of the scope */
        for (unsigned g = 0; g < GROUPS; g++)
            if (etf_equal(of, group(p, g)))
                add_list(at, p->told, g, pids,
                         etf_atom_is(what, "join") ? 1 : -1);
    }
}

static void restart_scope(unsigned at)
{
    struct place *p = &w.places[at];

    hear(at);
    check(rt_kill(node_rt(p->node), p->scope, ETF_A(kill)) == AGNER_OK, "kill");
    check(rt_wait(p->self, p->scope, 1000) == AGNER_OK, "the scope lives");
    for (unsigned i = 0; i < w.proc_count; i++)
        for (unsigned g = 0; g < GROUPS; g++)
            if (w.procs[i].at == at)
                w.joined[g][i] = 0;
    start_scope(at);
}

/* ---- Operations --------------------------------------------------------- */

static etf_term some_of(unsigned at, unsigned numbers[LIVE], unsigned count)
{
    etf_term list = etf_nil();

    for (unsigned i = 0; i < count; i++) {
        numbers[i] = w.places[at].live[draw(LIVE)];
        list = etf_cons(rt_region(w.places[at].self),
                        etf_from_pid(NULL, w.procs[numbers[i]].pid), list);
    }
    return list;
}

static void join(unsigned at)
{
    unsigned numbers[LIVE], count = 1 + draw(LIVE - 1), g = draw(GROUPS);
    etf_term list = some_of(at, numbers, count);

    check(gen_pg_join(w.places[at].self, scope(), group(&w.places[at], g),
                      list) == AGNER_OK,
          "no join");
    while (count-- > 0)
        w.joined[g][numbers[count]]++;
}

static void leave(unsigned at)
{
    unsigned numbers[LIVE], count = 1 + draw(LIVE - 1), g = draw(GROUPS);
    etf_term list = some_of(at, numbers, count);
    bool any = false;

    for (unsigned i = 0; i < count; i++) {
        if (w.joined[g][numbers[i]] == 0)
            continue;
        w.joined[g][numbers[i]]--;
        any = true;
    }
    check(gen_pg_leave(w.places[at].self, scope(), group(&w.places[at], g),
                       list) == (any ? AGNER_OK : AGNER_EUNKNOWN),
          "no leave");
}

static void kill_one(unsigned at)
{
    unsigned seat = draw(LIVE), number = w.places[at].live[seat];

    check(rt_kill(node_rt(w.places[at].node), w.procs[number].pid,
                  ETF_A(kill)) == AGNER_OK,
          "no kill");
    check(rt_wait(w.places[at].self, w.procs[number].pid, 1000) == AGNER_OK,
          "a killed one lives");
    for (unsigned g = 0; g < GROUPS; g++)
        w.joined[g][number] = 0;
    make_proc(at, seat);
}

static void connect(unsigned at, unsigned other)
{
    /* It may be cut off just then. */
    (void)rt_connect_node(w.places[at].self, etf_atom(w.places[other].name));
}

static void one_operation(void)
{
    unsigned at = draw(w.count), other = (at + 1 + draw(w.count - 1)) % w.count;
    struct place *a = &w.places[at], *b = &w.places[other];

    switch (draw(16)) {
    case 0:
        restart_scope(at);
        break;
    case 1:
        (void)rt_disconnect_node(node_rt(a->node), etf_atom(b->name));
        break;
    case 2:
        check(sim_partition(w.sim, a->host, b->host) == AGNER_OK, "partition");
        break;
    case 3:
        sim_heal_all(w.sim);
        break;
    case 4:
        (void)sim_reset(w.sim, a->host, b->host);
        break;
    case 5:
        connect(at, other);
        break;
    case 6:
    case 7:
    case 8:
        leave(at);
        break;
    case 9:
        kill_one(at);
        break;
    default:
        join(at);
    }
    rt_reset(a->self);
}

/* ---- The check ---------------------------------------------------------- */

static bool are_connected(unsigned at, unsigned other)
{
    return at == other ||
           rt_node_find(node_rt(w.places[at].node),
                        etf_atom(w.places[other].name), NULL) == AGNER_OK;
}

static void check_view(unsigned at)
{
    struct place *p = &w.places[at];
    static counts seen;
    etf_term pids;

    hear(at);
    memset(seen, 0, sizeof seen);
    for (unsigned g = 0; g < GROUPS; g++) {
        check(gen_pg_get_members(p->self, scope(), group(p, g), &pids) ==
                  AGNER_OK,
              "no members");
        add_list(at, seen, g, pids, 1);
        for (unsigned i = 0; i < w.proc_count; i++) {
            unsigned want =
                are_connected(at, w.procs[i].at) ? w.joined[g][i] : 0;

            check(seen[g][i] == want, "a view differs from the model");
            check(p->told[g][i] == want, "somebody was told otherwise");
        }
    }
    rt_reset(p->self);
}

static void check_all(void)
{
    (void)sim_run(w.sim, QUIET_MS);
    for (unsigned at = 0; at < w.count; at++)
        for (unsigned other = 0; other < w.count; other++)
            check(are_connected(at, other) == are_connected(other, at),
                  "half a connection");
    for (unsigned at = 0; at < w.count; at++)
        check_view(at);
}

/* ---- Runs --------------------------------------------------------------- */

static void begin(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.seed = seed;
    w.sim = sim_new(seed, NULL);
    w.count = 2 + (unsigned)(seed % (NODES_MAX - 1));
    for (unsigned i = 0; i < w.count; i++) {
        struct place *p = &w.places[i];
        struct node_options options;

        (void)snprintf(p->host, sizeof p->host, "10.0.0.%u", i + 1);
        (void)snprintf(p->name, sizeof p->name, "n%u@%s", i + 1, p->host);
        options = pair_options(p->name);
        options.listen_host = p->host;
        options.listen_port = PORT;
        options.tick_time_ms = TICK_MS;
        options.rt.world = sim_world(w.sim);
        options.rt.log = pair_quiet;
        p->node = pair_start(&options);
        p->self = rt_attach(node_rt(p->node));
    }
    for (unsigned i = 0; i < w.count; i++) {
        for (unsigned j = 0; j < w.count; j++)
            if (i != j)
                check(node_route(w.places[i].node, w.places[j].name,
                                 w.places[j].host, PORT) == AGNER_OK,
                      "no route");
        for (unsigned seat = 0; seat < LIVE; seat++)
            make_proc(i, seat);
        if (i > 0 && draw(2) == 0) /* some before the scope, some after */
            connect(i, i - 1);
        start_scope(i);
    }
}

static uint64_t end(void)
{
    uint64_t hash;

    for (unsigned i = 0; i < w.count; i++)
        rt_detach(w.places[i].self);
    for (unsigned i = 0; i < w.count; i++)
        node_stop(w.places[i].node, 1000);
    hash = sim_trace_hash(w.sim);
    sim_free(w.sim);
    return hash;
}

static uint64_t run(uint64_t seed)
{
    begin(seed);
    for (unsigned storm = 0; storm < STORMS; storm++) {
        for (unsigned i = 0; i < OPS; i++) {
            one_operation();
            if (draw(4) == 0)
                (void)sim_run(w.sim, draw(20));
        }
        check_all(); /* as they are connected now */
    }
    sim_heal_all(w.sim);
    (void)sim_run(w.sim, QUIET_MS);
    for (unsigned i = 0; i < w.count; i++)
        for (unsigned j = 0; j < i; j++) {
            connect(i, j);
            check(are_connected(i, j), "cannot be connected");
        }
    check_all();
    return end();
}

static void all_nodes_agree_when_it_is_quiet(void **state)
{
    const char *only = getenv("PG_SIM_SEED");
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    uint64_t count = only != NULL ? 1 : SEEDS;

    (void)state;
    for (uint64_t seed = first; seed < first + count; seed++) {
        uint64_t hash = run(seed);

        if (seed == first && run(seed) != hash)
            fail_msg("seed %llu: two runs differ", (unsigned long long)seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_nodes_agree_when_it_is_quiet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
