/*
 * carrier.c -- the runtime's signals for other nodes: rt_carrier.h, filled in.
 *
 * All of it runs on the sender's thread. A sender finds its peer without a
 * lock, encodes for the flags that the peer has at that moment, and takes the
 * lock only to queue the bytes; if the connection is another one by then, it
 * starts again.
 */
#include <atomic.h>

#include "node_room.h"
#include "send.h"
#include "wire.h"

#define LARGE_BYTES 65536u

/* Waits while the peer's output is over its mark, if the signal has to. */
static enum agner_err pass_gate(struct gen *self, struct peer *peer,
                                const struct rt_signal *signal)
{
    if (!node__is_message(signal) || load_relaxed(&peer->shut) == 0)
        return AGNER_OK;
    node__limit_meet(peer->node, NODE_LIMIT_HIGH_MARK);
    if (self == NULL || (signal->flags & RT_SEND_NOSUSPEND) != 0)
        return AGNER_EAGAIN;
    return rt__gate_wait(self, &peer->gate);
}

/* Queues what was encoded for `mode`. AGNER_EBUSY: the peer is in another mode
 * by now. A system signal that cannot be queued for lack of memory ends the
 * connection, since it must not be lost in silence (G15, G17). */
static enum agner_err queue(struct peer *peer, uint64_t mode,
                            struct draft *draft, const struct rt_signal *signal)
{
    enum agner_err err = AGNER_EBUSY;
    bool wake = false;

    rt__lock(&peer->lock);
    if (load_relaxed(&peer->mode) == mode) {
        struct output *out = &peer->wire->out;

        err = node__output_add(out, &draft->parcel, &wake);
        if (err != AGNER_OK && !node__is_message(signal)) {
            out->broken = true;
            wake = true;
        }
    }
    wake = wake && node__peer_ask(peer);
    rt__unlock(&peer->lock);
    if (wake)
        node__peer_post(peer);
    return err;
}

/* Is it one of those that are not sent over the hard mark (G33)? */
static bool is_large(const struct draft *draft)
{
    return draft->parcel.terms.size + draft->parcel.tail_size >= LARGE_BYTES;
}

static enum agner_err send_up(struct peer *peer, uint64_t mode,
                              const struct rt_signal *signal)
{
    struct draft draft;
    enum agner_err err =
        node__draft_init(&draft, peer->node, mode & PEER_FLAGS, signal);

    if (err == AGNER_OK && is_large(&draft) && node__is_message(signal) &&
        rt__memory_refuses(peer->node->rt))
        err = AGNER_ENOMEM;
    if (err == AGNER_OK)
        err = queue(peer, mode, &draft, signal);
    else if (err == AGNER_ENOTSUP && signal->kind != RT_SIGNAL_SPAWN_REQUEST)
        err = AGNER_OK; /* this peer cannot be told */
    node__draft_fini(&draft);
    return err;
}

/* Order: acquire pairs with the release in node__peer_up(), which publishes
 * nothing but the mode itself; the wire is read under the lock. */
static enum agner_err send(struct peer *peer, const struct rt_signal *signal)
{
    enum agner_err err;

    do {
        uint64_t mode = load_acquire(&peer->mode);

        err = mode == 0 ? node__peer_hold(peer, signal)
                        : send_up(peer, mode, signal);
    } while (err == AGNER_EBUSY);
    return err;
}

static enum agner_err carry(void *ctx, struct gen *self,
                            const struct rt_signal *signal)
{
    struct node *node = ctx;
    struct peer *peer = node__peers_get(&node->peers, node, signal->node);
    enum agner_err err;

    if (peer == NULL)
        return AGNER_ENOCONN;
    err = pass_gate(self, peer, signal);
    if (err != AGNER_OK)
        return err;
    return send(peer, signal);
}

static void want(void *ctx, etf_term name)
{
    struct node *node = ctx;
    struct peer *peer = node__peers_get(&node->peers, node, name);

    if (peer == NULL || node__peer_want(peer, NULL) != AGNER_OK)
        rt__node_down(node->rt, name, etf_atom("connection_setup_failed"));
}

static enum agner_err dial(void *ctx, struct gen *self, etf_term name)
{
    struct node *node = ctx;
    struct peer *peer = node__peers_get(&node->peers, node, name);
    enum node_step step;

    return peer == NULL ? AGNER_ENOCONN
                        : node__peer_connect(self, peer, &step, NULL);
}

static enum agner_err leave(void *ctx, etf_term name)
{
    struct node *node = ctx;
    struct peer *peer = node__peers_find(&node->peers, name);

    return peer == NULL ? AGNER_ENOCONN : node__peer_leave(peer);
}

static void full(void *ctx)
{
    node__limit_meet(ctx, NODE_LIMIT_RELATIONS);
}

static void refused(void *ctx, etf_term name, unsigned lacks, const char *what)
{
    struct node *node = ctx;
    struct peer *peer = node__peers_find(&node->peers, name);

    if (peer != NULL && lacks != 0)
        node__permit_refused(peer, lacks, what);
}

struct rt_carrier node__carrier(struct node *node)
{
    return (struct rt_carrier){ .ctx = node,
                                .carry = carry,
                                .want = want,
                                .connect = dial,
                                .disconnect = leave,
                                .relations_max = node->limits.relations,
                                .full = full,
                                .refused = refused };
}
