/*
 * rt_remote.h -- other nodes, as a process of this one sees them.
 *
 * Which there are connections with, making and ending those, and hearing of
 * both. A node is an interned atom, `name@host`.
 *
 * Included by rt.h. Sources: erlang(3), nodes/1 and disconnect_node/1;
 * net_kernel(3), connect_node/1 and monitor_nodes/2.
 */
#ifndef AGNER_RT_REMOTE_H
#define AGNER_RT_REMOTE_H

#include <agner/rt.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Which there are ---------------------------------------------------- */

/* A connection is hidden when either of its ends is a hidden node. */
enum rt_nodes_which {
    RT_NODES_VISIBLE = 1,
    RT_NODES_HIDDEN = 2,
    RT_NODES_CONNECTED = 3 /* both */
};

/* The nodes that this one is connected with, itself not among them: a list of
 * atoms in `r`, sorted. ETF_NONE when `r` is full. Any thread. */
AGNER_API etf_term rt_nodes(struct rt *rt, struct etf_region *r,
                            unsigned which);

struct rt_node_info {
    bool hidden;
    uint32_t creation;
    uint64_t connection; /* counts up: a later connection has a greater one */
};

/* What is known of a connected node; `info` may be NULL. AGNER_ENOCONN: there
 * is no connection (this node has none with itself). Any thread. */
AGNER_API enum agner_err rt_node_find(struct rt *rt, etf_term node,
                                      struct rt_node_info *info);

/* ---- Connecting --------------------------------------------------------- */

/* Waits until there is a connection, or the attempt has failed. AGNER_OK also
 * for this node itself. AGNER_ENOCONN, AGNER_ETIMEOUT, AGNER_EAUTH and what
 * else a dial may end with; AGNER_EINVAL (no name of a node), AGNER_ENOMEM,
 * AGNER_EEXITING, AGNER_EKILLED. */
AGNER_API enum agner_err rt_connect_node(struct gen *self, etf_term node);

/* Ends the connection: links and monitors across it fire. The next signal to
 * that node makes another. AGNER_ENOCONN: there was none. Any thread. */
AGNER_API enum agner_err rt_disconnect_node(struct rt *rt, etf_term node);

/* ---- Hearing of it ------------------------------------------------------ */

enum rt_monitor_nodes_flags {
    RT_MONITOR_NODES_VISIBLE = 1, /* of visible nodes; also with neither */
    RT_MONITOR_NODES_HIDDEN = 2,
    RT_MONITOR_NODES_REASON = 4, /* why a node went: */
};

/*
 * From now on (`on`), or not any more, each connection that comes up and each
 * that is lost is a message:
 *
 *   {nodeup, Node, [{node_type, visible | hidden}, {connection_id, N}]}
 *   {nodedown, Node, [{node_type, _}, {connection_id, N}]}
 *
 * With RT_MONITOR_NODES_REASON a nodedown has {nodedown_reason, Reason} too:
 * `disconnect` (rt_disconnect_node() here), `net_tick_timeout`,
 * `net_kernel_terminated` (this node stops), `connection_closed`. A nodeup
 * comes before the first signal of that connection, a nodedown after the last.
 * Who subscribes twice hears twice; off ends all subscriptions with the same
 * flags. AGNER_EINVAL (flags), AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_monitor_nodes_with(struct gen *self, bool on,
                                               unsigned flags);

#ifdef __cplusplus
}
#endif

#endif
