/*
 * test_sim_contract.c -- the simulated world keeps the contract of rt_world.h,
 * with every strategy, and however the network cuts and delays.
 */
#include "world_contract.h"

#include <stdio.h>
#include <string.h>

#include <agner/sim.h>

/* Networks that break nothing, so that what is promised must come true. */
static const struct profile {
    const char *name;
    struct sim_options options;
} profiles[] = {
    { "quick network", { .pick = SIM_PICK_UNIFORM } },
    { "cut anywhere, small window",
      { .pick = SIM_PICK_UNIFORM, .cut_ppm = 200000, .window = 5000 } },
    { "slow network",
      { .pick = SIM_PICK_LIFO,
        .delay_min_us = 5000,
        .delay_mean_us = 20000,
        .window = 1u << 20 } },
    { "priorities",
      { .pick = SIM_PICK_PRIORITY, .change_points = 4, .cut_ppm = 10000 } },
    { "starvation, clogs",
      { .pick = SIM_PICK_STARVE, .clog_ppm = 10000, .clog_ms = 100 } },
    { "in turn, stalls", { .pick = SIM_PICK_ROUND_ROBIN, .stall_ppm = 1000 } },
    { "bandwidth", { .pick = SIM_PICK_UNIFORM, .bandwidth = 50000000 } },
};

int main(void)
{
    int failed = 0;
    size_t i;

    for (i = 0; i < sizeof profiles / sizeof profiles[0]; i++) {
        struct sim *sim = sim_new(i, &profiles[i].options);
        struct place place = {
            .world = sim == NULL ? NULL : sim_world(sim),
            .tcp = { .kind = RT_ADDRESS_TCP, .host = "127.0.0.1" },
            .unix_ = { .kind = RT_ADDRESS_UNIX, .host = "/run/test.sock" },
        };

        if (sim == NULL)
            return 1;
        failed += contract_run(profiles[i].name, &place);
        sim_free(sim);
    }
    return failed;
}
