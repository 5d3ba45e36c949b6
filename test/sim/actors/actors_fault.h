/*
 * actors_fault.h -- the faults of a program, and starting and ending its nodes.
 * Private to test/sim/actors/.
 */
#ifndef ACTORS_FAULT_H
#define ACTORS_FAULT_H

#include "actors_play.h"

#define CALL_RARE 3 /* enum call_how: from here on a caller gets no reply */

/* A fault: outside of a step. n: nodes, nodes, milliseconds. */
struct fault_row {
    const char *word;
    void (*run)(struct play *play, const int64_t *n);
};

extern const struct fault_row actors_faults[];
extern const unsigned actors_fault_count;

/* Starts a node that is down; ends one that is up, in good order. */
void actors_node_start(struct play *play, struct place *place);
void actors_node_stop(struct play *play, struct place *place);
/* One that is up ends without having a say. */
void actors_node_crash(struct play *play, struct place *place,
                       enum sim_crash_kind how);
/* Its machine is as it should be again. */
void actors_recover(struct place *place);

#endif
