/*
 * nodes.h -- which nodes this one is connected with, and who wants to hear of
 * it.
 *
 * Private to runtime/. The carrier says when a connection is up and when it is
 * lost (rt_carrier.h); its own struct rt_far_node is the entry in the list, so
 * that a node is never missing for lack of memory. A list and the subscriptions
 * to its changes are under one lock: who subscribes and then looks misses
 * nothing.
 */
#ifndef RT_NODES_H
#define RT_NODES_H

#include "rt_carrier.h"

enum agner_err rt__nodes_init(struct rt *rt);
void rt__nodes_fini(struct rt *rt);

void rt__nodes_up(struct rt *rt, struct rt_far_node *node);
/* Nothing happens when it is not up. */
void rt__nodes_down(struct rt *rt, etf_term name, etf_term reason);
/* Ends the subscriptions of a dead process. */
void rt__nodes_leave(struct rt *rt, etf_term pid);

#endif
