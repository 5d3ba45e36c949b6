/*
 * rpc_topics.h -- methods about process groups and topics. Private to
 * apps/control; docs/control-socket.md describes the results.
 */
#ifndef RPC_TOPICS_H
#define RPC_TOPICS_H

#include "rpc_server.h"

/* May wait: in a process of their own. */
enum agner_err rpc__groups(struct rpc_call *c);
enum agner_err rpc__publish(struct rpc_call *c);
/* In the session only: starts a listener, which is linked to it. */
enum agner_err rpc__subscribe(struct rpc_call *c);

/* What is subscribed to: a topic of a pubsub, or a group of a pg scope. */
struct rpc_topic {
    bool is_group;
    etf_term of;   /* the pubsub, or the scope: an atom */
    etf_term name; /* of the topic, or the group */
};

/* From the parameters pubsub and topic, or scope and group. */
enum agner_err rpc__topic(struct rpc_call *c, struct rpc_topic *topic);

/* The listener's behaviour: starts with {Session, Conn, Strict, IsGroup, Of,
 * Name}, and the control as its note. */
extern const struct rt_behavior rpc__listener;

#endif
