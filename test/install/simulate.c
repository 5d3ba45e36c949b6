/*
 * simulate.c -- a test of somebody else in the simulated world, built with what
 * pkg-config says: a process wakes up as often as it should.
 */
#include <agner/sim_test.h>

struct clockwork {
    struct rt *rt;
    int ticks;
};

static void tick(struct gen *self, void *arg)
{
    struct clockwork *c = arg;

    while (rt_sleep(self, 1000) == AGNER_OK)
        c->ticks++;
}

static void setup(struct sim_run *run)
{
    struct clockwork *c = sim_run_state(run);
    struct rt_options options = { .world = sim_world(sim_run_sim(run)) };
    struct gen *self;
    etf_pid pid;

    if (rt_new(&options, &c->rt, NULL) != AGNER_OK) {
        sim_fail(run, "setup", "no runtime");
        return;
    }
    self = rt_attach(c->rt);
    if (rt_spawn(self, tick, c, NULL, &pid) != AGNER_OK)
        sim_fail(run, "setup", "no process");
    rt_detach(self);
}

static void check(struct sim_run *run)
{
    const struct clockwork *c = sim_run_state(run);

    if (c->ticks < 100 || c->ticks > 120)
        sim_fail(run, "ticks", "%d in two minutes", c->ticks);
}

static void end(struct sim_run *run)
{
    rt_free(((struct clockwork *)sim_run_state(run))->rt, 0);
}

static const struct sim_test clockwork_test = {
    .name = "clockwork",
    .state_size = sizeof(struct clockwork),
    .setup = setup,
    .check = check,
    .teardown = end,
};

SIM_MAIN(clockwork_test)
