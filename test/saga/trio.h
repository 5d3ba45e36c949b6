/*
 * trio.h -- up to three nodes in a simulated world, that know each other.
 */
#ifndef TEST_TRIO_H
#define TEST_TRIO_H

#include <agner/gen.h>
#include <agner/node.h>
#include <agner/sim.h>

#define TRIO_MAX 3

struct trio {
    struct sim *sim;
    int count;
    struct node *node[TRIO_MAX];
    struct gen *self[TRIO_MAX]; /* the test, on each */
};

/* Nodes n0@10.0.0.1 and so on. */
void trio_open(struct trio *t, struct sim *sim, int count);
void trio_close(struct trio *t);
/* Stops a node and starts it again, as a new one of that name. */
void trio_restart(struct trio *t, int n);
const char *trio_name(int n);
const char *trio_host(int n);
/* The pid of node `at` as node `seen_from` writes it. */
etf_pid trio_pid(const struct trio *t, etf_pid pid, int at, int seen_from);

#endif
