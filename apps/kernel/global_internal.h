/*
 * global_internal.h -- the parts of `global`, and what they tell each other.
 *
 * Private to apps/kernel/. The server, global_name_server, is a machine
 * (struct global) that is told what happens and acts through struct
 * global_acts: no process, clock or connection, so that tests drive it by hand.
 * Helpers of it are processes that may wait:
 *
 *   locker     global_locker.c     takes the lock of both partitions when two
 *                                  nodes meet, one pair at a time
 *   registrar  global_registrar.c  changes names on all nodes, under the lock
 *   resolver   global_resolve.c    one for each meeting with conflicts: has
 *                                  them decided where the processes live
 *   joiner     global.c            one for each node that others told us of:
 *                                  connects to it
 *
 * Who tells whom what, when A and B meet and A knows C already:
 *
 *   A                     B                    C
 *   init_connect -------> (and the other way round, as all that follows)
 *   init_connect_ack ---> does B mean the same attempt?
 *   [lockers: the lock {global, [LockerA, LockerB]} in both partitions]
 *   lock_set -----------> it is mine; and yours?
 *   exchange -----------> all names; who has the smaller name decides conflicts
 *   resolved -----------> what the other must do, and whom we know
 *   new_nodes -------------------------------> the same, and B; C joins B
 *                         <--------- in_sync - C knows B
 *   [the lock is given back]
 *
 * Sources: spec/distribution.md 10; OTP 25, global(3).
 */
#ifndef GLOBAL_INTERNAL_H
#define GLOBAL_INTERNAL_H

#include <agner/gen.h>

#include "global_names.h"

#define GLOBAL_VERSION     8 /* of the protocol; we speak down to 5 */
#define GLOBAL_VERSION_MIN 5
#define GLOBAL_VERSION_LOST \
    7 /* from here on: lost_connection, versions of nodes in lists */
#define GLOBAL_VERSION_VERIFY 8 /* from here on: init_connect_ack */

#define GLOBAL_NODES_MAX   4096u  /* known ones; more are not joined */
#define GLOBAL_LOCKS_MAX   65536u /* resources; more are refused: false */
#define GLOBAL_LOST_MAX    4096u  /* lost connections that are remembered */
#define GLOBAL_LOST_MS     (60u * 60 * 1000)
#define GLOBAL_SYNCERS_MAX 65536u /* who waits in sync; more are refused */

/* ---- What the machine does to the world --------------------------------- */

struct global_acts {
    void *ctx;
    /* `message` to the global_name_server of `node`, if there is a connection:
     * what is said belongs to that, and must not make another. */
    void (*send)(void *ctx, etf_term node, etf_term message);
    /* The connection ends, soon. */
    void (*disconnect)(void *ctx, etf_term node);
    /* Connects to `node`; then global__joined() or global__extra_nodedown() is
     * due. */
    void (*join)(void *ctx, etf_term node);
    void (*tell_locker)(void *ctx, etf_term message);
    /* Has the conflicts decided, and then casts {exchange_ops, Node, Tag, Ops,
     * Resolved} to the server; see global__exchange(). */
    enum agner_err (*resolve)(void *ctx, etf_term node, int64_t tag,
                              etf_term conflicts, etf_term ops);
    void (*resolve_stop)(void *ctx, etf_term node, int64_t tag);
    enum agner_err (*monitor)(void *ctx, etf_pid pid, etf_ref *ref);
    void (*demonitor)(void *ctx, etf_ref ref);
    /* {global, Name} of who is registered for a node without global. */
    void (*link)(void *ctx, etf_pid pid, bool on);
    /* We have the names of `node` now (`in`), or have lost it: for sync. */
    void (*synced)(void *ctx, etf_term node, bool in);
    uint64_t (*now_ms)(void *ctx);
    void (*log)(void *ctx, enum rt_log_level level, const char *format,
                etf_term a, etf_term b);
};

/* ---- Locks: global_locks.c ---------------------------------------------- */

struct global_holder {
    struct global_link by_monitor;
    etf_pid pid;
    etf_ref monitor; /* the server's */
    struct global_lock *lock;
    struct global_holder *next; /* of the same lock */
};

struct global_lock {
    struct global_link by_resource;
    struct etf_box *resource, *requester; /* owned */
    struct global_holder *holders; /* owned; never empty, a lock goes with its
                                      last holder */
};

struct global_locks {
    struct global_index by_resource, by_monitor;
};

struct global_lock *global__lock_get(const struct global_locks *locks,
                                     etf_term resource);
struct global_holder *global__lock_holder(const struct global_lock *lock,
                                          etf_pid pid);
/* Is the resource free, or locked by this very requester? */
bool global__lock_can(const struct global_locks *locks, etf_term resource,
                      etf_term requester);
/* One more holder of a lock that it can have. AGNER_ENOMEM, AGNER_ELIMIT. */
enum agner_err global__lock_add(struct global_locks *locks, etf_term resource,
                                etf_term requester, etf_pid pid,
                                etf_ref monitor);
/* One fewer. Is the resource free now? */
bool global__lock_remove(struct global_locks *locks,
                         struct global_holder *holder);
/* The holder with that monitor, or NULL. */
struct global_holder *global__lock_watched(const struct global_locks *locks,
                                           etf_ref monitor);
void global__locks_fini(struct global_locks *locks);

/* ---- Nodes: global_peers.c ---------------------------------------------- */

/* A node that is connected, or known, or being removed; forgotten when it is
 * none of these. */
struct global_peer {
    etf_term node; /* an atom: a word */
    bool connected;
    uint64_t connection;

    bool known;      /* in our partition: has our names, locks with us */
    bool pending;    /* both init_connects are there; not known yet */
    bool removing;   /* it is to go, and its loss is no news */
    bool synced;     /* we have its names */
    int64_t version; /* 0: not told yet */

    /* The attempt that runs; all of it is void when `trying` is not set. */
    bool trying;
    int64_t my_tag;
    bool heard; /* his init_connect is there: */
    int64_t his_tag, his_version;
    etf_pid his_locker;
    bool swapping;            /* what his names mean is being found out */
    bool locked;              /* by our locker, with: */
    struct etf_box *lock_id;  /* owned; {global, Requester} */
    struct etf_box *names;    /* owned; his, that came before our lock */
    struct etf_box *ops;      /* owned; ours, [Op]; and, resolved is sent */
    struct etf_box *resolved; /* owned; his, that came before our ops:
                                 {Ops, Known, ExtNames} */
};

struct global_peers {
    struct global_peer **items; /* owned; sorted by name */
    size_t count, capacity;
};

struct global_peer *global__peer_get(const struct global_peers *peers,
                                     etf_term node);
/* The same, made if need be. NULL: no memory, or too many. */
struct global_peer *global__peer_make(struct global_peers *peers,
                                      etf_term node);
/* The attempt is over: forgets its tags and what was kept for it. */
void global__peer_reset(struct global_peer *peer);
/* Frees those that are nothing any more. No pointer to one is good after it. */
void global__peers_sweep(struct global_peers *peers);
void global__peers_fini(struct global_peers *peers);
/* A name that a node may have: an atom that is a word. */
bool global__is_node(etf_term t);

/* ---- Lost connections: global_partition.c ------------------------------- */

struct global_lost {
    etf_term a, b; /* a has lost its connection to b */
    int64_t creation, op;
    uint64_t at_ms;
};

/* ---- The machine -------------------------------------------------------- */

struct global {
    const struct global_acts *acts; /* borrowed */
    struct etf_region *region;      /* borrowed; what is built lives there */
    etf_term self;                  /* this node's name */
    etf_pid locker;                 /* ours */
    bool connect_all;
    bool prevent_overlapping; /* kernel's prevent_overlapping_partitions */
    int64_t creation;         /* ours, made unique by random bits */
    int64_t next_tag, next_op;
    struct global_names *names; /* borrowed: the runtime's */
    struct global_locks locks;
    bool global_lock_down; /* the last holder of the lock `global` died */
    struct global_peers peers;
    struct global_lost *lost; /* owned; no order */
    size_t lost_count;
};

/* What the machine holds, given back; the names are cleared. */
void global__fini(struct global *g);

/* global_connect.c: nodes come and go, and meet. */
void global__nodeup(struct global *g, etf_term node, uint64_t connection);
void global__nodedown(struct global *g, etf_term node);
/* A node that others told us of is connected now, or cannot be reached. */
void global__joined(struct global *g, etf_term node);
void global__extra_nodedown(struct global *g, etf_term node);
void global__init_connect(struct global *g, etf_term node, int64_t version,
                          int64_t his_tag, etf_pid his_locker);
void global__init_connect_ack(struct global *g, etf_term node,
                              int64_t his_my_tag, int64_t his_his_tag);
void global__cancel_connect(struct global *g, etf_term node, int64_t my_tag);
void global__lock_is_set(struct global *g, etf_term node, int64_t my_tag,
                         etf_term lock_id);
void global__exchange(struct global *g, etf_term node, etf_term names,
                      int64_t my_tag);
void global__exchange_ops(struct global *g, etf_term node, int64_t my_tag,
                          etf_term ops, etf_term resolved);
void global__resolved(struct global *g, etf_term node, etf_term ops,
                      etf_term known, etf_term ext_names, int64_t my_tag);
void global__new_nodes(struct global *g, etf_term node, etf_term ops,
                       etf_term ext_names, etf_term nodes, etf_term extra);
void global__in_sync(struct global *g, etf_term node);
/* Why a node is dropped: by its own loss, or since we want it. */
enum global_down { GLOBAL_LOST, GLOBAL_REMOVE };
void global__drop(struct global *g, struct global_peer *peer,
                  enum global_down why);

/* global_partition.c: no overlapping partitions. */
void global__inform_loss(struct global *g, etf_term node);
void global__lost_connection(struct global *g, etf_term a, int64_t creation,
                             int64_t op, etf_term b, etf_term message);
void global__remove_connection(struct global *g, etf_term node);
/* global:disconnect/0: the nodes that are left, a list. */
etf_term global__disconnect(struct global *g);

/* global_ops.c: the tables of names and locks. */
bool global__set_lock(struct global *g, etf_term id, etf_pid pid);
void global__del_lock(struct global *g, etf_term id, etf_pid pid);
/* Does the process live here, or on a node that is known? A change of names
 * that comes from elsewhere was begun when its node was one of ours, and would
 * be made on a part of the nodes. */
bool global__is_of_ours(const struct global *g, etf_pid pid);
/* AGNER_ENOMEM, AGNER_ELIMIT, AGNER_ENOTALLOWED (not of ours): the name is as
 * before. */
enum agner_err global__register(struct global *g, etf_term name, etf_pid pid,
                                etf_term method, etf_pid from,
                                etf_term reg_node);
void global__unregister(struct global *g, etf_term name);
void global__down(struct global *g, etf_pid pid, etf_ref monitor);
/* Names and locks of a node that is none of ours any more. Their monitors would
 * tell, but at each node at another time, or never while a connection to it is
 * being made anew: then partitions would meet that are not alike inside. */
void global__forget_node(struct global *g, etf_term node);
/* Applies [{insert, {Name, Pid, Method}} | {delete, Name}]; the lock that they
 * came under is {lock, LockId} in `extra`. */
void global__do_ops(struct global *g, etf_term ops, etf_term ext_names,
                    etf_term extra);
/* [{Name, Pid, Method}], and [{Name, Pid, RegNode}] of some. ETF_NONE: no
 * memory. */
etf_term global__all_names(struct global *g);
etf_term global__ext_names(struct global *g);

/* global_message.c: what comes in, by its shape. false: not known, or
 * malformed; then nothing has happened. */
bool global__cast(struct global *g, etf_term message);
bool global__info(struct global *g, etf_term message);
/* Calls that need no process; *reply is ETF_NONE when memory ran out. */
bool global__call(struct global *g, etf_pid from, etf_term request,
                  etf_term *reply);
/* Names of known nodes, as a list. */
etf_term global__known(struct global *g);

/* ---- The locker's machine: global_locking.c ----------------------------- */

/* Somebody who wants to be in our partition. */
struct global_him {
    etf_term node;
    etf_pid locker;
    int64_t version, my_tag, his_tag;
    bool asks; /* has his lock, and waits for ours */
    struct global_him *next;
};

enum global_locking_state {
    GLOBAL_IDLE,   /* holds nothing */
    GLOBAL_ASKING, /* holds our lock, waits to hear of his */
    GLOBAL_HOLDING /* both are held, until the server cancels */
};

struct global_locking_acts {
    void *ctx;
    /* May wait. `nodes` is a list; [] is true. */
    bool (*set)(void *ctx, etf_term id, etf_term nodes);
    void (*del)(void *ctx, etf_term id, etf_term nodes);
    /* Known nodes as of now: a list. */
    etf_term (*known)(void *ctx);
    /* Does it make sense to try: is the lock free here? `id` ETF_NONE: the
     * resource `global` as such. */
    bool (*can)(void *ctx, etf_term id);
    void (*lock_set)(void *ctx, const struct global_him *him, bool set,
                     etf_term known);
    void (*lock_is_set)(void *ctx, etf_term node, int64_t my_tag, etf_term id);
    /* Sends [{Node, Message}] before the lock is given back. */
    void (*send_all)(void *ctx, etf_term messages);
    uint64_t (*draw)(void *ctx, uint64_t bound); /* a random number below */
};

struct global_locking {
    const struct global_locking_acts *acts; /* borrowed */
    struct etf_region *region;              /* borrowed */
    struct etf_self self;
    etf_pid pid; /* the locker itself */
    enum global_locking_state state;
    bool just_synced;
    struct global_him *hims; /* owned: a list */
    /* ASKING, HOLDING: */
    etf_term node; /* with whom */
    int64_t my_tag;
    struct etf_box *held; /* owned; {Id, Nodes} */
};

void global__locking_fini(struct global_locking *l);
/* AGNER_ENOMEM: he is not known here. */
enum agner_err global__locking_him(struct global_locking *l, etf_term node,
                                   etf_pid locker, int64_t version,
                                   int64_t his_tag, int64_t my_tag);
void global__locking_cancel(struct global_locking *l, etf_term node,
                            int64_t my_tag, etf_term messages);
/* `tagged`: my_tag was in the message (version 8). */
void global__locking_set(struct global_locking *l, etf_pid locker, bool set,
                         bool tagged, int64_t my_tag);
/* The pause is over. */
void global__locking_timeout(struct global_locking *l);
/* How long to wait for the next message; RT_INFINITY: as long as it takes. */
uint64_t global__locking_pause_ms(struct global_locking *l);
/* {global, [A, B]}, sorted as every node sorts them. */
etf_term global__lock_id(struct etf_region *r, etf_pid a, etf_pid b,
                         const struct etf_self *self);
/* The greatest of a list of nodes: the one to lock first, and free last. */
etf_term global__boss(etf_term nodes);
/* `nodes` without `node`. ETF_NONE: no memory. */
etf_term global__without(struct etf_region *r, etf_term nodes, etf_term node);
bool global__is_among(etf_term nodes, etf_term node);

/* ---- Processes ---------------------------------------------------------- */

extern const struct gen_server kernel__global_locker;
extern const struct gen_server kernel__global_registrar;

/* global_resolve.c: the resolver's process, and what it calls. */
enum agner_err global__resolver_start(struct gen *self, etf_term node,
                                      int64_t tag, etf_term conflicts,
                                      etf_term ops, etf_pid *pid);
/* global:resolve_it/4 for a process of this node. */
etf_term global__resolve_it(struct gen *self, etf_term method, etf_term name,
                            etf_pid pid, etf_pid pid2);

/* Who waits in global:sync(): global_sync.c. */
struct global_syncer {
    struct gen_from from;
    etf_term *nodes; /* owned; words */
    size_t count;
    struct global_syncer *next;
};
/* AGNER_OK: he waits now; AGNER_EALREADY: nothing to wait for. AGNER_ENOMEM,
 * AGNER_ELIMIT, AGNER_EINVAL (no list of nodes). */
enum agner_err global__sync_add(struct global_syncer **list,
                                const struct global *g, struct gen_from from,
                                etf_term nodes);
/* Nobody waits for `node` any more; takes the first who waits for nothing at
 * all off the list, for the caller to answer and free. */
struct global_syncer *global__sync_done(struct global_syncer **list,
                                        etf_term node);
void global__sync_free(struct global_syncer *syncer);

#endif
