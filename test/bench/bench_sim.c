/*
 * bench_sim.c -- row sim: the simulated world: N virtual seconds of five nodes
 * that talk to each other ten times a second, and N thousand steps of processes
 * that do nothing else.
 */
#include "bench.h"

#include <agner/sim.h>

#define NODES   5
#define BEEP_MS 100
#define PORT    5000

static const char *const names[NODES] = { "a@10.0.0.1", "b@10.0.0.2",
                                          "c@10.0.0.3", "d@10.0.0.4",
                                          "e@10.0.0.5" };

static const char *host_of(int which)
{
    return names[which] + 2;
}

static void quiet(void *ctx, enum rt_log_level level, const char *text)
{
    (void)ctx;
    (void)level;
    (void)text;
}

/* ---- Nodes ------------------------------------------------------------------
 */

static void beep(struct gen *self, void *arg)
{
    (void)arg;
    while (rt_sleep(self, BEEP_MS) == AGNER_OK) {
        for (int to = 0; to < NODES; to++)
            (void)rt_send(self, etf_make(self, "{ear, _}", etf_atom(names[to])),
                          bench_atoms.ping);
        rt_reset(self);
    }
}

static void hear(struct gen *self, void *arg)
{
    etf_term message;

    (void)arg;
    while (rt_receive(self, RT_INFINITY, &message) == AGNER_OK)
        rt_reset(self);
}

static struct node *start(struct sim *sim, int which)
{
    struct sim_machine *machine = sim_machine(sim, names[which]);
    struct rt_spawn_options ear = { .name = etf_atom("ear") };
    struct node_options options = { .name = names[which],
                                    .cookie = BENCH_COOKIE,
                                    .listen_host = host_of(which),
                                    .listen_port = PORT,
                                    .epmd = NODE_EPMD_NONE };
    struct gen *self;
    struct node *node;
    etf_pid pid;

    options.rt.world = sim_machine_world(machine);
    options.rt.log = quiet;
    bench_must(node_start(&options, &node, NULL), "node");
    for (int to = 0; to < NODES; to++)
        if (to != which)
            bench_must(node_route(node, names[to], host_of(to), PORT), "route");
    self = rt_attach(node_rt(node));
    bench_must(rt_spawn(self, hear, NULL, &ear, &pid), "spawn");
    bench_must(rt_spawn(self, beep, NULL, NULL, &pid), "spawn");
    rt_detach(self);
    return node;
}

static void run_nodes(struct bench *b)
{
    struct sim *sim = sim_new(1, NULL);
    struct node *nodes[NODES];
    uint64_t begin, ns;
    uint64_t steps;

    for (int i = 0; i < NODES; i++)
        nodes[i] = start(sim, i);
    (void)sim_run(sim, 10 * BEEP_MS); /* they connect */
    steps = sim_steps(sim);
    begin = bench_now();
    (void)sim_run(sim, 1000 * (uint64_t)b->n);
    ns = bench_now() - begin;
    steps = sim_steps(sim) - steps;
    bench_out_rate(b, "virtual_seconds_5_nodes", "s/s", ns, b->n);
    bench_out_rate(b, "steps_5_nodes", "steps/s", ns, (int64_t)steps);
    for (int i = 0; i < NODES; i++)
        node_stop(nodes[i], 1000);
    sim_free(sim);
}

/* ---- Steps ----------------------------------------------------------------
 */

static void yield_for_ever(struct gen *self, void *arg)
{
    (void)arg;
    while (rt_check(self) == AGNER_OK)
        rt_yield(self);
}

static void run_steps(struct bench *b)
{
    struct sim *sim = sim_new(1, NULL);
    struct rt_options options = { .world = sim_world(sim) };
    struct gen *self;
    struct rt *rt;
    uint64_t begin;

    bench_must(rt_new(&options, &rt, NULL), "runtime");
    self = rt_attach(rt);
    for (int i = 0; i < 10; i++)
        (void)bench_spawn(self, yield_for_ever, NULL);
    begin = bench_now();
    for (int64_t i = 0; i < 1000 * b->n; i++)
        (void)sim_step(sim);
    bench_out_rate(b, "steps", "steps/s", bench_now() - begin, 1000 * b->n);
    rt_detach(self);
    rt_free(rt, 0);
    sim_free(sim);
}

void bench_sim(struct bench *b)
{
    run_nodes(b);
    run_steps(b);
}
