/*
 * told.h -- what nodes told of who waits, as edges of one graph.
 */
#ifndef AGNER_TOLD_H
#define AGNER_TOLD_H

#include "cli.h"
#include "wait_graph.h"

/* Begins as { .cli = cli }; ends with told_fini(). */
struct told {
    struct cli *cli;
    etf_term *rows; /* one for each edge: {Node, Row} */
    struct wait_edge *edges;
    size_t count, cycles;
};

/* Takes the answers of nodes to agner.waits, a list, and finds the cycles.
 * false: no memory. */
bool told_gather(struct told *told, etf_term nodes);
void told_fini(struct told *told);

#endif
