/*
 * node_room.h -- a node as its own room sees it.
 *
 * Private to node/. A node is a runtime, one I/O loop with its thread, a
 * listener and a table of peers. The loop's
 * thread is whoever runs the loop just then (rt_world.h): what belongs to it is
 * touched by nobody else while the loop runs.
 */
#ifndef NODE_ROOM_H
#define NODE_ROOM_H

#include <rt_carrier.h>
#include <rt_world.h>

#include <agner/node.h>

#include "admission.h"
#include "cluster.h"
#include "epmd_client.h"
#include "epmd_server.h"
#include "gather.h"
#include "given.h"
#include "handshake.h"
#include "identity.h"
#include "limit.h"
#include "peers.h"
#include "permit.h"
#include "policy.h"
#include "registrar.h"
#include "trust.h"

/* Ticks go out every quarter of the tick time; four silent rounds end a
 * connection (G37). */
#define NODE_TICK_INTENSITY 4
/* A tick is answered only when nothing was written for that long, so that two
 * nodes that do so don't keep each other ticking. */
#define NODE_TICK_ANSWER_MS 500
#define NODE_FLUSH_MS       5000 /* for what is queued when a node stops (G45) */
/* Bytes of signals that wait for one connection to be made; further messages
 * are dropped with AGNER_ENOCONN. System signals are always kept. */
#define NODE_HELD_MAX (16u << 20)

struct conn;

struct node {
    /* Constant while the node runs. */
    const struct rt_world *world; /* borrowed */
    const struct rt_net *net;     /* borrowed from it */
    struct rt_loop *loop;
    struct rt *rt;
    char alive_name[NODE__NAME_MAX + 1]; /* before the @, or empty */
    char host[NODE__NAME_MAX + 1];       /* behind it */
    bool asks_name;                      /* it has no name but a given one */
    bool plain;                          /* node_options.plain */
    uint64_t rekey_frames; /* 0: NOISE_REKEY_FRAMES; tests set less */
    uint64_t flags;        /* what we offer */
    bool hidden;
    bool no_listen;
    enum node_erlang erlang; /* plain.h */
    enum node_epmd epmd_mode;
    struct rt_address listen_address; /* then with its real port */
    uint16_t epmd_port;
    uint64_t tick_time_ms, setup_time_ms;
    size_t packet_max, high_mark, fragment_size;
    struct node_limits limits; /* without zeros */

    _Atomic uint64_t limits_met[NODE_LIMIT_COUNT];
    _Atomic uint64_t refused[NODE_REFUSED_COUNT];
    struct identity identity;
    struct peers peers;
    struct policy policy;
    struct trust *trust; /* owned */
    struct permits permits;
    _Atomic uint64_t denied[RT_PERMISSION_COUNT]; /* by bit */
    struct node__routes routes;
    _Atomic uint32_t stopping;

    /* How the first registration with epmd ended: the loop writes, the starting
     * thread waits for `registered` to be set. */
    _Atomic uint32_t registered;
    uint32_t epmd_creation;
    struct agner_error epmd_error;
    _Atomic uint32_t drained; /* the stopping thread waits for it */
    /* The memory's level has changed: whoever sets `memory_told` posts. */
    struct rt_task memory_task;
    _Atomic uint32_t memory_told;

    /* Loop thread only. */
    void (*trace)(void *ctx, enum node_step step, const char *text);
    void *trace_ctx;
    bool open;              /* we know who we are: handshakes may begin */
    bool draining;          /* outputs that are empty are to be told */
    unsigned epmd_attempts; /* to start one, before the first registration */
    struct rt_listener *listener;
    bool is_deaf;       /* over the hard mark: connections are not read */
    bool accept_paused; /* out of descriptors or memory, and that was told */
    struct node_admission admission;
    struct node__given given; /* names, to those who ask */
    uint32_t life;            /* counts our own names */
    uint32_t atoms_left;      /* that peers may make, all together */
    struct node__epmd_keeper *keeper;
    struct node__epmd_host *epmd_host;
    struct conn *conns;     /* all connections, newest first */
    uint8_t *secure_text;   /* owned: one opened record, or NULL */
    struct node__lent lent; /* what large packets were read into */
    /* Owned, memory for secrets, or NULL: zeros, but while they are tried. */
    uint8_t (*psks)[NOISE_KEY_SIZE];
    struct node__registrar *registrars; /* those that find; owned */
    struct cluster cluster;
    struct rt_loop_timer tick_timer;
};

/* Who this node is, now. Any thread. */
static inline const char *node__name(const struct node *node)
{
    return node__identity_name(&node->identity);
}

static inline struct etf_self node__self(const struct node *node)
{
    return node__identity_self(&node->identity);
}

/* Loop thread. A peer gives us a name. False: we have another one by now, or no
 * memory for it. */
bool node__name_take(struct node *node, const char *name, uint32_t creation);

/* Loop thread. A connection has ended: a name that was given goes with the last
 * one. */
void node__name_drop(struct node *node);

/* Milliseconds on the world's monotonic clock. */
uint64_t node__now_ms(const struct node *node);

/* Loop thread. One line of what a dial does, to whoever asked with
 * node_trace(). */
void node__trace(struct node *node, enum node_step step, const char *format,
                 ...) __attribute__((format(printf, 3, 4)));

/* Runs work(ctx) on the loop's thread and waits until it has. Not from there.
 */
void node__on_loop(struct node *node, void (*work)(void *ctx), void *ctx);

/* A name that a user gave to be dialled, without the port, which becomes an
 * address among the routes: connect.c. AGNER_EINVAL, AGNER_EALREADY, ... */
enum agner_err node__address_take(struct node *node, const char *text,
                                  char name[NODE__NAME_MAX + 1],
                                  struct agner_error *error);

/* Checks and copies the options, with defaults in place of zeros: options.c.
 * AGNER_EINVAL says what is wrong. */
enum agner_err node__options_take(struct node *node,
                                  const struct node_options *options,
                                  struct agner_error *error);

/* Loop thread. Listening, and stopping that: listener.c. */
enum agner_err node__listen(struct node *node, struct agner_error *error);
void node__unlisten(struct node *node);

/* Being known to epmd: register.c. On the loop's thread begin, then wait on the
 * starting one; the result is the creation. */
enum agner_err node__register(struct node *node, struct agner_error *error);
enum agner_err node__register_wait(struct node *node, uint32_t *creation,
                                   struct agner_error *error);

/* Loop thread. An output is empty now. */
void node__drained(struct node *node);

/* The carrier that this node gives its runtime: carrier.c. */
struct rt_carrier node__carrier(struct node *node);

#endif
