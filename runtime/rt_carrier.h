/*
 * rt_carrier.h -- the door between a runtime's processes and other nodes.
 *
 * The runtime hands a signal for somewhere else to `carry`, and gets those from
 * elsewhere through rt__arrive(); it knows no connections or bytes. node/ fills
 * this in; without node/ there is nowhere else, and links and monitors to other
 * nodes end with `noconnection`.
 */
#ifndef RT_CARRIER_H
#define RT_CARRIER_H

#include <agner/rt.h>

/* The distribution's operations, less what only its bytes know (trace tokens,
 * old and payload forms). Who is `from`, who is `to`, what is `payload`: */
enum rt_signal_kind {
    RT_SIGNAL_SEND,       /* to a pid: message */
    RT_SIGNAL_SEND_NAME,  /* to `name`: message */
    RT_SIGNAL_SEND_ALIAS, /* to `ref`: message */
    RT_SIGNAL_LINK,
    RT_SIGNAL_UNLINK,     /* `id` */
    RT_SIGNAL_UNLINK_ACK, /* `id` */
    RT_SIGNAL_EXIT,       /* of a link: reason */
    RT_SIGNAL_EXIT2,      /* exit/2: reason. Arriving also to `name` or `ref` */
    RT_SIGNAL_MONITOR,    /* to a pid or `name`, `ref` */
    RT_SIGNAL_DEMONITOR,  /* to a pid or `name`, `ref` */
    RT_SIGNAL_DOWN, /* from a pid or `name`, to the watcher, `ref`: reason */
    RT_SIGNAL_GROUP_LEADER,  /* from is the leader */
    RT_SIGNAL_SPAWN_REQUEST, /* `ref`, `call`: a proper list of arguments */
    RT_SIGNAL_SPAWN_REPLY,   /* to whoever asked, `ref`, `id`: 1 linked, 2
                                monitored: the new pid, or an atom says why not */
};

struct rt_signal {
    enum rt_signal_kind kind;
    unsigned flags;  /* enum rt_send_flags; going out only */
    uint32_t denied; /* arriving: what its node may not, enum rt_permission */
    etf_term node;   /* the other node's name: an interned atom */
    etf_pid from;
    etf_pid to;    /* all zero where `name` or `ref` is the target */
    etf_term name; /* or ETF_NONE */
    etf_ref ref;
    uint64_t id;
    etf_term call;    /* a spawn request's {{Module, Function, Arity}, Leader,
                         Options}; or ETF_NONE; borrowed */
    etf_term payload; /* message or reason; borrowed */
    struct etf_box *box; /* arriving: if not NULL it holds the payload, and
                            rt__arrive() takes it */
};

struct rt_carrier {
    void *ctx;

    /*
     * Takes a signal for another node, on the sender's thread of control.
     * Borrows it during the call. Connects if need be (unless NOCONNECT) and
     * queues what comes meanwhile. `self` is the sending process, or NULL: a
     * process may be made to wait in here (rt__gate_wait) while the link is
     * over its mark. AGNER_ENOCONN, AGNER_EAGAIN (NOSUSPEND), AGNER_EBADTERM,
     * AGNER_ELIMIT, AGNER_ENOMEM.
     */
    enum agner_err (*carry)(void *ctx, struct gen *self,
                            const struct rt_signal *signal);

    /* Some process wants to hear of this node's end: connect if need be, and
     * when that fails say so with rt__node_down(). */
    void (*want)(void *ctx, etf_term node);

    /* rt_connect_node(), of another node than this one: waits for the outcome.
     */
    enum agner_err (*connect)(void *ctx, struct gen *self, etf_term node);

    /* rt_disconnect_node(). Any thread, never waits. */
    enum agner_err (*disconnect)(void *ctx, etf_term node);

    /* Links and monitors that the processes of one other node may have with
     * those of this one; 0: no limit. Who asks for more hears `system_limit`,
     * and full(ctx) is called, on any thread; it may be NULL. */
    uint32_t relations_max;
    void (*full)(void *ctx);

    /* That node was refused something, for want of permissions: count it, and
     * log it. Any thread; may be NULL. */
    void (*refused)(void *ctx, etf_term node, unsigned lacks, const char *what);
};

/* Before the first process; the carrier outlives the runtime's processes. */
void rt__carrier_set(struct rt *rt, const struct rt_carrier *carrier);

/* Who this runtime is from now on; before any identifier leaves it, and again
 * only while there is no connection. */
void rt__node_set(struct rt *rt, etf_term name, uint32_t creation);

/* The loop that the node's connections are on: from now on a worker with
 * nothing to run drives it (rt_world.h). unset: none does any more; before the
 * loop is freed. Not from a worker. Both do nothing in a simulated world. */
struct rt_loop;
void rt__loop_set(struct rt *rt, struct rt_loop *loop);
void rt__loop_unset(struct rt *rt);

/* A signal from another node, handled as if its sender were local; in order for
 * each caller. Any thread. `from` and `to` are as the peer wrote them, `to`
 * being this node's; unknown targets are answered or dropped as the protocol
 * says (spec/distribution.md 6). Never waits. */
enum agner_err rt__arrive(struct rt *rt, const struct rt_signal *signal);

/* A node that there is a connection with: the carrier's, from up to down; the
 * carrier writes `name` and, of `info`, all but `connection` before up. */
struct rt_far_node {
    struct rt_far_node *next; /* the runtime's */
    etf_term name;
    struct rt_node_info info;
};

/* The connection is up, or gone: each link and monitor across it fires once
 * with `noconnection`, then each subscriber hears {nodedown, Node} (G6, G20).
 * Comes after every rt__arrive() of that connection, and before the first of
 * the next one. `reason`, an atom, is what rt_monitor_nodes_with() tells; down
 * may also say that an attempt has failed, and then only those hear of it who
 * have something to do with that node. */
void rt__node_up(struct rt *rt, struct rt_far_node *node);
void rt__node_down(struct rt *rt, etf_term node, etf_term reason);

/* Calls changed(ctx, level) whenever the memory's level has changed, from now
 * on; NULL: not any more, and none is under way when it returns. On any thread,
 * with a lock held: it must not wait, nor call this. */
void rt__memory_watch(struct rt *rt,
                      void (*changed)(void *ctx, enum rt_memory_level level),
                      void *ctx);

/* Is the memory over its hard mark? Then what is about to be made is not, and
 * that is counted. Any thread. */
bool rt__memory_refuses(struct rt *rt);

/* So many bytes were read from other nodes, and given to the system for them.
 * Any thread; the figures show in rt_stats(). */
void rt__traffic(struct rt *rt, uint64_t bytes_in, uint64_t bytes_out);

/* So many messages for other nodes were lost after carry() took them: they show
 * in rt_stats() (G9). Any thread. */
void rt__dropped(struct rt *rt, enum rt_drop why, uint64_t count);

/* Ends every process as rt_free() does, and returns when they are gone. The
 * workers and the carrier go on meanwhile, so that signals still come and go;
 * rt_free() then finds nobody. Not from a process of this runtime. */
void rt__halt(struct rt *rt, uint64_t grace_ms);

/*
 * A gate that processes wait at, first come, first through. Whoever owns it
 * shuts and opens it from any thread. All zero is open.
 */
struct rt_gate {
    _Atomic uint32_t lock; /* guards the rest */
    bool shut;
    struct rt_gate_wait *first, *last;
};

/* Waits until the gate is open. AGNER_EEXITING, AGNER_EKILLED. At once when
 * open. */
enum agner_err rt__gate_wait(struct gen *self, struct rt_gate *gate);
void rt__gate_shut(struct rt_gate *gate);
void rt__gate_open(struct rt *rt, struct rt_gate *gate);

#endif
