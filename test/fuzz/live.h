/*
 * live.h -- a node that lives, in a simulated world, for targets that attack it
 * from outside. All that goes wrong with it here ends the program.
 */
#ifndef FUZZ_LIVE_H
#define FUZZ_LIVE_H

#include <agner/node.h>
#include <agner/sim.h>

struct live {
    struct sim *sim;
    struct node *node;
    struct gen *self; /* a process of it */
};

/* Ends the program unless that holds. */
void live_check(bool holds);

/* Starts it; `cut`: the network cuts what is sent anywhere. Of the options the
 * world, the workers and the log are set here. */
void live_begin(struct live *live, bool cut,
                const struct node_options *options);
void live_end(struct live *live);

#endif
