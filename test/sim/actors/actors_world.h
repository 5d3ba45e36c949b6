/*
 * actors_world.h -- the phases of a run, for the tests of each profile. Private
 * to test/sim/actors/.
 */
#ifndef ACTORS_WORLD_H
#define ACTORS_WORLD_H

#include "actors_play.h"

void actors_options(uint64_t seed, struct sim_options *options);
void actors_setup(struct sim_run *run, enum actors_profile profile);
void actors_step(struct sim_run *run);
void actors_calm(struct sim_run *run);
bool actors_done(struct sim_run *run);
void actors_check(struct sim_run *run);
void actors_teardown(struct sim_run *run);

#define ACTORS_FAULTS_MS 15000u
#define ACTORS_CALM_MS   600000u /* ends when all operations are over */

#endif
