/*
 * twin.h -- two runtimes of one simulation, joined by the smallest carrier that
 * can be: signals in order each way, each after a drawn delay, until the
 * connection is lost; then what is under way is lost, both hear of it, and
 * after a while it is up again.
 */
#ifndef TEST_TWIN_H
#define TEST_TWIN_H

#include <agner/rt.h>
#include <agner/sim.h>

#include "rt_carrier.h"

struct parcel;

struct side {
    struct twin *twin;
    unsigned index;
    struct rt *rt;
    struct etf_self name;
    struct rt_far_node far; /* the other side, as this one's runtime lists it */
    struct parcel *first, *last; /* owned: on their way to this side */
};

struct twin {
    struct sim *sim;
    struct side sides[2];
    bool up;
    bool closing; /* nothing arrives any more */
    uint64_t losses;
    uint32_t loss_ppm; /* of a delivery: the connection is lost instead */
};

/* Makes two runtimes that are connected. */
void twin_open(struct twin *twin, struct sim *sim, uint32_t loss_ppm);
void twin_close(struct twin *twin);

/* `pid`, of that side, as the other side knows it. */
etf_pid twin_far(const struct side *side, etf_pid pid);

#endif
