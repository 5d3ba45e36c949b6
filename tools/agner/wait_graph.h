/*
 * wait_graph.h -- who waits for whom: finding those who wait for each other.
 *
 * Pure. A process that is blocked in a call waits for one other, so each has at
 * most one edge, and a cycle is found by following them: each process is looked
 * at a bounded number of times.
 */
#ifndef AGNER_WAIT_GRAPH_H
#define AGNER_WAIT_GRAPH_H

#include <stddef.h>
#include <stdint.h>

/* One that waits. Keys are "NODE PID" and "NODE NAME"; borrowed. */
struct wait_edge {
    const char *pid, *name; /* its own; name may be NULL */
    const char *to;         /* whom it waits for, by either */
    size_t next;            /* its edge in turn, or WAIT_NO_EDGE */
    size_t cycle;           /* number from 1, or 0: in none */
};

#define WAIT_NO_EDGE SIZE_MAX

/* Fills in `next` and `cycle` of all; *cycles is how many there are. Processes
 * of a cycle follow each other by `next`. false: no memory. */
_Bool wait_cycles(struct wait_edge *edges, size_t count, size_t *cycles);

#endif
