/*
 * gen_pubsub.h -- topics: who subscribed hears what is broadcast, on all nodes.
 *
 * The peer of Elixir's Phoenix.PubSub 2 with its default adapter: a pubsub of
 * the same name on each node, of agner or of Elixir, and a broadcast on one
 * reaches subscribers on all.
 *
 *     etf_term pubsub = etf_atom("Elixir.MyApp.PubSub"); // MyApp.PubSub
 *
 *     gen_pubsub_start(self, pubsub, NULL, &pid);
 *     gen_pubsub_subscribe(self, pubsub, etf_text(rt_region(self), "room:1"));
 *     gen_pubsub_broadcast(self, pubsub, topic, etf_make(self, "{hello, 1}"));
 *
 * A pubsub is a process, its adapter, which watches subscribers and takes in
 * what other nodes broadcast. Subscribers are looked up on a board (rt_board.h)
 * by who broadcasts. Messages of one sender on one topic arrive in order; what
 * comes from elsewhere is delivered as it is, and a custom dispatcher of Elixir
 * is passed over. A topic is a binary.
 *
 * Included by gen.h. Sources: the documentation of Phoenix.PubSub 2.1; the
 * messages are {forward_to_local, Topic, Message, Dispatcher} to the members of
 * the adapter's group in the pg scope 'Elixir.Phoenix.PubSub'.
 */
#ifndef AGNER_GEN_PUBSUB_H
#define AGNER_GEN_PUBSUB_H

#include <agner/gen.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GEN_PUBSUB_POOL_MAX 256u

/* All zero is a good default. */
struct gen_pubsub_options {
    /* Processes that take in broadcasts of other nodes; 0: 1. The nodes of a
     * cluster want the same number, as with Phoenix.PubSub. */
    unsigned pool_size;
    unsigned broadcast_pool_size; /* to so many of theirs; 0: pool_size */
    bool link;                    /* with self */
};

/*
 * Starts the pubsub `name`, an atom, and the pg scope 'Elixir.Phoenix.PubSub'
 * if it does not run. `options` may be NULL. AGNER_ETAKEN: it runs, and *pid is
 * its adapter. AGNER_EINVAL (no name, or one too long; a pool that cannot be),
 * and what gen_start() says.
 */
AGNER_API enum agner_err
gen_pubsub_start(struct gen *self, etf_term name,
                 const struct gen_pubsub_options *options, etf_pid *pid);
/* gen_child_spec.start, for a supervisor: its args are the name. */
AGNER_API enum agner_err gen_pubsub_child(struct gen *self, etf_term args,
                                          etf_pid *pid, etf_term *info);
/* The pubsubs that run here, or have run: a list of atoms. */
AGNER_API etf_term gen_pubsub_which(struct rt *rt, struct etf_region *r);

/* All below: AGNER_ENONAME (it does not run here), AGNER_EINVAL (the topic is
 * no binary), AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. */

/* Subscribes self, until it ends; twice: it hears everything twice. Both wait
 * for the adapter: AGNER_ENOPROC, AGNER_EEXIT. */
AGNER_API enum agner_err gen_pubsub_subscribe(struct gen *self, etf_term pubsub,
                                              etf_term topic);
/* All subscriptions of self to the topic end. AGNER_OK also if it has none. */
AGNER_API enum agner_err
gen_pubsub_unsubscribe(struct gen *self, etf_term pubsub, etf_term topic);

/* To all subscribers of all connected nodes, or of this one, but `from`, if it
 * is one of this node's. AGNER_EBADTERM. */
AGNER_API enum agner_err gen_pubsub_broadcast(struct gen *self, etf_term pubsub,
                                              etf_term topic, etf_term message);
AGNER_API enum agner_err gen_pubsub_broadcast_from(struct gen *self,
                                                   etf_term pubsub,
                                                   etf_pid from, etf_term topic,
                                                   etf_term message);
AGNER_API enum agner_err gen_pubsub_local_broadcast(struct gen *self,
                                                    etf_term pubsub,
                                                    etf_term topic,
                                                    etf_term message);
AGNER_API enum agner_err
gen_pubsub_local_broadcast_from(struct gen *self, etf_term pubsub, etf_pid from,
                                etf_term topic, etf_term message);
/* To those of `node`, an atom, alone. AGNER_ENOCONN. The pubsub need not run
 * here: so a process that is no subscriber can tell those of another node. */
AGNER_API enum agner_err
gen_pubsub_direct_broadcast(struct gen *self, etf_term node, etf_term pubsub,
                            etf_term topic, etf_term message);

#ifdef __cplusplus
}
#endif

#endif
