/*
 * pubsub.h -- a pubsub: what its two files share.
 *
 *   pubsub.c       the adapter: subscribers, and what other nodes broadcast
 *   pubsub_call.c  the functions of gen_pubsub.h
 *
 * Private to behaviors/. On the board are the subscribers of each topic, as a
 * roll (roll.h), and under the atom `groups`, which is no topic, a tuple of the
 * pg groups that broadcasts go to, of which each sender uses one.
 */
#ifndef GEN_PUBSUB_INTERNAL_H
#define GEN_PUBSUB_INTERNAL_H

#include "crowd.h"

#define PUBSUB_BOARDS "pubsub" /* the kind of their boards */
#define PUBSUB_SCOPE  "Elixir.Phoenix.PubSub"

/* The adapter: starts with {Name, PoolSize, BroadcastPoolSize}. It must be
 * registered as gen__pubsub_group(Name, 1). */
extern const struct gen_server gen__pubsub_adapter;

/* Name of the index-th process of the pool, from 1, and of its group: an atom.
 * ETF_NONE: too long for one. */
etf_term gen__pubsub_group(etf_term name, unsigned index);

/* Sends to the subscribers of this node but `from` (ETF_NONE: to all). */
enum agner_err gen__pubsub_dispatch(struct gen *self, struct rt_board *board,
                                    etf_term from, etf_term topic,
                                    etf_term message);

#endif
