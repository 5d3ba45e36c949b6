/*
 * sim_actors.c -- the randomised actor program, in the profile that the build
 * names: ACTORS_PROFILE, and ACTORS_TEST for the name of its cases.
 */
#include "actors_world.h"

static enum agner_err program(struct sim_case *c)
{
    return actors_draft(c, ACTORS_PROFILE);
}

static void setup(struct sim_run *run)
{
    actors_setup(run, ACTORS_PROFILE);
}

static const struct sim_test test = {
    .name = ACTORS_TEST,
    .state_size = sizeof(struct play),
    .faults_ms = ACTORS_FAULTS_MS,
    .calm_ms = ACTORS_CALM_MS,
    .options = actors_options,
    .program = program,
    .setup = setup,
    .step = actors_step,
    .calm = actors_calm,
    .done = actors_done,
    .check = actors_check,
    .teardown = actors_teardown,
};

SIM_MAIN(test)
