/*
 * pair.h -- nodes for tests: on loopback, without epmd, that know each other.
 */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include <agner/node.h>

#define PAIR_COOKIE "monster"

/* Options of a node called name@127.0.0.1 with a cookie and a free port. */
struct node_options pair_options(const char *name);

/* Starts it; fails the test when that fails. In real time a handshake may take
 * a minute, unless the options say how long. */
struct node *pair_start(const struct node_options *options);

/* Tells `from` where `to` listens. */
void pair_route(struct node *from, struct node *to);

/* For options.rt.log: nothing is said. */
void pair_quiet(void *ctx, enum rt_log_level level, const char *text);

#endif
