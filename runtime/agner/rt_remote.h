/*
 * rt_remote.h -- other nodes, as a process of this one sees them.
 *
 * Which there are connections with, making and ending those, and hearing of
 * both; and starting processes there, and for them. A node is an interned atom,
 * `name@host`.
 *
 * Included by rt.h. Sources: erlang(3), nodes/1, disconnect_node/1 and
 * spawn_request/5; net_kernel(3), connect_node/1 and monitor_nodes/2;
 * spec/distribution.md 6; spec/gen.md 1.15.
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
 * `net_kernel_terminated` (this node stops), `shutdown` (the other one said
 * that it stops, which Erlang's nodes don't), `connection_closed`. A nodeup
 * comes before the first signal of that connection, a nodedown after the last.
 * Who subscribes twice hears twice; off ends all subscriptions with the same
 * flags. AGNER_EINVAL (flags), AGNER_ENOMEM.
 */
AGNER_API enum agner_err rt_monitor_nodes_with(struct gen *self, bool on,
                                               unsigned flags);

/* ---- What others may start here ------------------------------------------ */

/*
 * A module, as other nodes and this one name it in rt_spawn_node() and Erlang's
 * spawn/4: a row of RT_GROUP_REMOTE, under the module's name, with `data` as
 * the row has it (rt_behavior_register). Nothing else can be started: what no
 * row names is a process that ends at once with {undef, [{M, F, Args, []}]},
 * as on an Erlang node that has no such module; and so is what a node asks for
 * that may not.
 */
struct rt_remote {
    /* The code of the new process, a raw one. `module` and `function` are
     * atoms, `args` is a proper list; they live until rt_reset(). It ends with
     * `normal` on return, and rt_exit() gives another reason. Called as
     * {erlang, apply, [M, F, Args]} or with [fun M:F/A, Args] it gets what they
     * say. */
    void (*run)(struct gen *self, etf_term module, etf_term function,
                etf_term args, void *data);
    const char *const *nodes; /* who may, ends with NULL; NULL: every node */
    uint32_t max; /* processes of it at one time, further ones are refused with
                     `system_limit`; 0: as many as there may be */
    bool asks; /* `run` looks itself at what the requester may: rt_requester();
                  else it has to have the permission `spawn`: rt_permit.h */
};

/* The name of the row that is asked for what no other row names. */
#define RT_REMOTE_ANY "_"

/* rt_exit() with {undef, [{Module, Function, Args, []}]}. */
AGNER_API void rt_remote_undef(struct gen *self, etf_term module,
                               etf_term function, etf_term args);

/* ---- Starting processes there -------------------------------------------- */

/* All zero is good. */
struct rt_remote_spawn_options {
    bool link;            /* atomically, as is: */
    bool monitor;         /* its reference goes to *monitor_ref */
    bool monitor_alias;   /* the reference is an alias too */
    etf_ref *monitor_ref; /* may be NULL */
    etf_term name;        /* to register there; nodes like this one only */
    etf_term further;     /* more of Erlang's options, a list; or ETF_NONE */
    const etf_pid *group_leader; /* NULL: self's */
    uint64_t timeout_ms;         /* of rt_spawn_node(); 0: 5000 */
};

/*
 * Starts Module:Function(Args) in a process of `node`, which may be this one,
 * and waits until it is there.
 *
 *   args    a proper list of at most 255
 *   reason  may be NULL; gets what the other node said when it refused
 *
 * AGNER_ENOCONN (at once when the node cannot be reached, or is lost
 * meanwhile), AGNER_ETIMEOUT (the process is killed should it come to be),
 * AGNER_ENOTSUP (a node that cannot spawn for others), AGNER_ENOTALLOWED (this
 * node has no permission to), AGNER_ETAKEN (the name),
 * AGNER_ELIMIT, AGNER_EEXIT (refused otherwise), AGNER_EINVAL, AGNER_EBADTERM,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED. That nothing has that name there
 * is no error: the process ends with `undef`, and a link or a monitor tells.
 */
AGNER_API enum agner_err
rt_spawn_node(struct gen *self, etf_term node, etf_term module,
              etf_term function, etf_term args,
              const struct rt_remote_spawn_options *options, etf_pid *pid,
              etf_term *reason);

/*
 * The same without waiting: one message will come, {spawn_reply, Id, ok, Pid}
 * or {spawn_reply, Id, error, Reason}, before any other signal of the process;
 * *id is the monitor's reference too. A node that cannot be reached, or is lost
 * before it has answered, is such a message with the reason `noconnection`, one
 * that cannot spawn for others with `notsup`. {reply, _} and {reply_tag, _} in
 * `further` are as Erlang has them. AGNER_EINVAL, AGNER_EBADTERM, AGNER_ELIMIT,
 * AGNER_ENOMEM, AGNER_EEXITING, AGNER_EKILLED: no message comes.
 */
AGNER_API enum agner_err
rt_spawn_request(struct gen *self, etf_term node, etf_term module,
                 etf_term function, etf_term args,
                 const struct rt_remote_spawn_options *options, etf_ref *id);

/* No message of that request will come. A process that it starts nevertheless
 * is not monitored, and if it was to be linked it gets an exit signal
 * `abandoned`. AGNER_ENOREF: the reply is here already. */
AGNER_API enum agner_err rt_spawn_abandon(struct gen *self, etf_ref id);

#ifdef __cplusplus
}
#endif

#endif
