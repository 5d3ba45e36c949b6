/*
 * peer.c -- another node: what waits for a connection, up and down.
 *
 * The table of states is in peer.h. Held signals are copies: the sender's term
 * is boxed, and encoded when the flags of the connection are known, so that
 * they go out in the order in which they came, before anything newer.
 */
#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include <atomic.h>
#include <etf_door.h>

#include "attempt.h"
#include "flags.h"
#include "node_room.h"
#include "send.h"
#include "wire.h"

/* A signal that waits for a connection. */
struct held {
    struct held *next;
    struct rt_signal signal; /* its terms are in the boxes, or immediate */
    struct etf_box *payload; /* owned, or NULL */
    struct etf_box *name;    /* owned, or NULL */
    struct etf_box *call;    /* owned, or NULL */
    size_t size;
};

static void look(struct rt_task *task);

struct peer *node__peer_new(struct node *node, etf_term name)
{
    etf_bytes text = etf_atom_text(name);
    struct peer *peer = calloc(1, sizeof *peer);

    if (peer == NULL)
        return NULL;
    peer->text = strndup((const char *)text.data, text.size);
    if (peer->text == NULL) {
        free(peer);
        return NULL;
    }
    peer->node = node;
    peer->name = name;
    peer->far.name = name;
    peer->atoms_left = node->limits.atoms_peer;
    peer->task.run = look;
    node__attempt_init(peer);
    return peer;
}

static void held_free(struct held *held)
{
    etf_box_free(held->payload);
    etf_box_free(held->name);
    etf_box_free(held->call);
    free(held);
}

/* Returns how many messages were lost with them. */
static uint64_t drop_held(struct held *held)
{
    uint64_t messages = 0;

    while (held != NULL) {
        struct held *next = held->next;

        messages += node__is_message(&held->signal);
        held_free(held);
        held = next;
    }
    return messages;
}

void node__peer_free(struct peer *peer)
{
    (void)drop_held(peer->held);
    if (peer->attempt != NULL)
        node__attempt_drop(peer->attempt);
    free(peer->text);
    free(peer);
}

/* ---- Waking the loop
 * --------------------------------------------------------- */

bool node__peer_ask(struct peer *peer)
{
    bool was = peer->woken;

    peer->woken = true;
    return !was;
}

void node__peer_post(struct peer *peer)
{
    peer->node->net->post(peer->node->loop, &peer->task);
}

/* ---- Holding signals
 * -------------------------------------------------------------- */

/* Is it worth a connection? The others only matter to a peer that was told of
 * something before, and a peer that is not connected has forgotten it. */
static bool connects(const struct rt_signal *signal)
{
    switch (signal->kind) {
    case RT_SIGNAL_SEND:
    case RT_SIGNAL_SEND_NAME:
    case RT_SIGNAL_SEND_ALIAS:
    case RT_SIGNAL_LINK:
    case RT_SIGNAL_EXIT2:
    case RT_SIGNAL_MONITOR:
    case RT_SIGNAL_GROUP_LEADER:
    case RT_SIGNAL_SPAWN_REQUEST:
        return true;
    case RT_SIGNAL_UNLINK:
    case RT_SIGNAL_UNLINK_ACK:
    case RT_SIGNAL_EXIT:
    case RT_SIGNAL_DEMONITOR:
    case RT_SIGNAL_DOWN:
    case RT_SIGNAL_SPAWN_REPLY:
        break;
    }
    return false;
}

static bool is_word(etf_term t)
{
    unsigned tag = etf__tag(t);

    return tag != ETF__BOX && tag != ETF__CONS;
}

/* Boxes *term unless it is one word. */
static enum agner_err keep(etf_term *term, struct etf_box **box, size_t *size)
{
    if (is_word(*term))
        return AGNER_OK;
    *box = etf_box_new(*term);
    if (*box == NULL)
        return AGNER_ENOMEM;
    *term = etf_box_term(*box);
    *size += etf_box_size(*box);
    return AGNER_OK;
}

static struct held *held_new(const struct rt_signal *signal)
{
    struct held *held = calloc(1, sizeof *held);

    if (held == NULL)
        return NULL;
    held->signal = *signal;
    held->signal.box = NULL;
    held->size = sizeof *held;
    /* Identifiers in a signal are ours or the peer's. */
    if (!is_word(held->signal.to.node))
        held->signal.to.node = signal->node;
    if (!is_word(held->signal.ref.node))
        held->signal.ref.node = signal->node;
    if (keep(&held->signal.payload, &held->payload, &held->size) == AGNER_OK &&
        keep(&held->signal.name, &held->name, &held->size) == AGNER_OK &&
        keep(&held->signal.call, &held->call, &held->size) == AGNER_OK)
        return held;
    held_free(held);
    return NULL;
}

/* Under the lock. Begins to connect; true: the loop has to be told. */
static bool begin_connecting(struct peer *peer)
{
    peer->state = PEER_CONNECTING;
    return node__peer_ask(peer);
}

/* Who must not connect may use an attempt that is under way, if it is the end
 * of a link or a monitor: what began it may be held already (G15, G17). */
static bool may_wait(const struct peer *peer, const struct rt_signal *signal)
{
    if (load_relaxed(&peer->node->stopping) != 0)
        return false;
    return (signal->flags & RT_SEND_NOCONNECT) == 0 ||
           (peer->state == PEER_CONNECTING && !node__is_message(signal));
}

/* Under the lock. AGNER_EALREADY: nobody is left who would want to know. */
static enum agner_err hold(struct peer *peer, struct held *held, bool *wake)
{
    const struct rt_signal *signal = &held->signal;

    if (peer->state == PEER_UP)
        return AGNER_EBUSY;
    if (peer->state == PEER_DOWN && !connects(signal))
        return AGNER_EALREADY;
    if (peer->losing && !node__is_message(signal))
        return AGNER_ENOCONN; /* its relation ends with the old connection */
    if (peer->state != PEER_MEETING && !may_wait(peer, signal))
        return AGNER_ENOCONN;
    if (node__is_message(signal) && peer->held_bytes > NODE_HELD_MAX)
        return AGNER_ENOCONN;
    if (peer->state == PEER_DOWN)
        *wake = begin_connecting(peer);
    if (peer->held_last == NULL)
        peer->held = held;
    else
        peer->held_last->next = held;
    peer->held_last = held;
    peer->held_bytes += held->size;
    return AGNER_OK;
}

enum agner_err node__peer_hold(struct peer *peer,
                               const struct rt_signal *signal)
{
    struct held *held = held_new(signal);
    enum agner_err err;
    bool wake = false;

    if (held == NULL)
        return AGNER_ENOMEM;
    rt__lock(&peer->lock);
    err = hold(peer, held, &wake);
    rt__unlock(&peer->lock);
    if (wake)
        node__peer_post(peer);
    if (err == AGNER_ENOCONN && node__is_message(signal))
        rt__dropped(peer->node->rt, RT_DROP_NOCONN, 1);
    if (err != AGNER_OK)
        held_free(held);
    return err == AGNER_EALREADY ? AGNER_OK : err;
}

enum agner_err node__peer_want(struct peer *peer, struct attempt **out)
{
    struct attempt *fresh = out == NULL ? NULL : node__attempt_new();
    enum agner_err err = AGNER_OK;
    bool wake = false;

    if (out != NULL && fresh == NULL)
        return AGNER_ENOMEM;
    rt__lock(&peer->lock);
    if (peer->state != PEER_UP && load_relaxed(&peer->node->stopping) != 0)
        err = AGNER_ENOCONN;
    else if (peer->state == PEER_DOWN)
        wake = begin_connecting(peer);
    if (out != NULL)
        *out = NULL;
    if (out != NULL && err == AGNER_OK && peer->state != PEER_UP) {
        if (peer->attempt == NULL) {
            peer->attempt = fresh;
            fresh = NULL;
        }
        add_relaxed(&peer->attempt->refs, 1);
        *out = peer->attempt;
    }
    rt__unlock(&peer->lock);
    if (wake)
        node__peer_post(peer);
    if (fresh != NULL)
        node__attempt_drop(fresh);
    return err;
}

enum agner_err node__peer_connect(struct gen *self, struct peer *peer,
                                  enum node_step *step,
                                  struct agner_error *error)
{
    struct attempt *attempt;
    enum agner_err err = node__peer_want(peer, &attempt);

    *step = NODE_STEP_FIND;
    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", peer->text,
                          agner_strerror(err));
    *step = NODE_STEP_UP;
    if (attempt == NULL)
        return AGNER_OK;
    err = rt__gate_wait(self, &attempt->gate);
    if (err != AGNER_OK)
        (void)agner_fail(error, err, "%s: %s", peer->text, agner_strerror(err));
    else if (attempt->err != AGNER_OK)
        err = agner_fail(error, attempt->err, "%s", attempt->error.text);
    if (err != AGNER_OK)
        *step = attempt->step;
    node__attempt_drop(attempt);
    return err;
}

enum agner_err node__peer_leave(struct peer *peer)
{
    enum agner_err err = AGNER_ENOCONN;
    bool wake = false;

    rt__lock(&peer->lock);
    if (peer->state == PEER_UP) {
        peer->leaving = peer->wire;
        peer->losing = true;
        peer->wire = NULL;
        peer->state = PEER_DOWN;
        /* Order: no pair is needed; senders compare it under the lock. */
        store_relaxed(&peer->mode, 0);
        wake = node__peer_ask(peer);
        err = AGNER_OK;
    }
    rt__unlock(&peer->lock);
    if (wake)
        node__peer_post(peer);
    return err;
}

/* ---- Up and down (loop thread)
 * ---------------------------------------------------- */

/* Both ends dialled, or a former connection is not known to be dead: does `old`
 * stay? Both sides come to the same answer: of two that dialled each other the
 * greater name's connection stays, of two dials from one side the newer. */
static bool old_stays(const struct wire *old, const struct wire *wire)
{
    const struct node *node = wire->node;
    bool old_is_ours = old->conn->initiator;
    bool we_are_greater = strcmp(node__name(node), wire->peer->text) > 0;

    if (wire->conn->replaces || old_is_ours == wire->conn->initiator)
        return false;
    return old_is_ours == we_are_greater;
}

/* A held spawn request does not go out: whoever asked hears why. */
static void answer_spawn(struct node *node, const struct rt_signal *request,
                         enum agner_err err)
{
    struct rt_signal reply = { .kind = RT_SIGNAL_SPAWN_REPLY,
                               .node = request->node,
                               .to = request->from,
                               .ref = request->ref };

    reply.payload = err == AGNER_ENOTSUP ? etf_atom("notsup") : ETF_A(badarg);
    (void)rt__arrive(node->rt, &reply);
}

/* Encodes and queues signals in order, and frees them. What the peer does not
 * understand is left out; what there is no memory for ends the connection. */
static void send_held(struct wire *wire, struct held *held)
{
    while (held != NULL) {
        struct held *next = held->next;
        struct draft draft;
        bool wake;
        enum agner_err err = node__draft_init(&draft, wire->node,
                                              wire->out.flags, &held->signal);

        rt__lock(&wire->peer->lock);
        if (err == AGNER_OK)
            err = node__output_add(&wire->out, &draft.parcel, &wake);
        if (err == AGNER_ENOMEM)
            wire->out.broken = true;
        rt__unlock(&wire->peer->lock);
        node__draft_fini(&draft);
        if (err != AGNER_OK && held->signal.kind == RT_SIGNAL_SPAWN_REQUEST)
            answer_spawn(wire->node, &held->signal, err);
        held_free(held);
        held = next;
    }
}

/* Queues what was held, until there is no more: then it is up. Returns those
 * who wait for the attempt. */
static struct attempt *drain(struct peer *peer, struct wire *wire)
{
    struct attempt *attempt;

    for (;;) {
        struct held *held;

        rt__lock(&peer->lock);
        held = peer->held;
        peer->held = NULL;
        peer->held_last = NULL;
        peer->held_bytes = 0;
        if (held == NULL)
            break;
        rt__unlock(&peer->lock);
        send_held(wire, held);
    }
    peer->wire = wire;
    peer->state = PEER_UP;
    /* Order: release pairs with the acquire in send(), carrier.c. */
    store_release(&peer->mode, wire->out.flags |
                                   (uint64_t)(wire->node->life & 0xffff)
                                       << PEER_LIFE_SHIFT |
                                   PEER_IS_UP);
    attempt = peer->attempt;
    peer->attempt = NULL;
    rt__unlock(&peer->lock);
    return attempt;
}

bool node__peer_up(struct peer *peer, struct wire *wire)
{
    struct node *node = peer->node;
    struct wire *old, *leaving;
    struct attempt *attempt;

    if (peer->dialled == wire->conn)
        peer->dialled = NULL;
    rt__lock(&peer->lock);
    old = peer->wire;
    leaving = peer->leaving;
    rt__unlock(&peer->lock);
    if (leaving != NULL) /* its losses come first */
        node__conn_close(leaving->conn, AGNER_OK, "disconnected");
    if (old != NULL && old_stays(old, wire))
        return false;
    peer->replacing = true;
    if (old != NULL)
        node__conn_close(old->conn, AGNER_OK, "replaced by a new connection");
    peer->replacing = false;
    node__attempt_clear(peer);
    wire->announced = true;
    rt_log(node->rt, RT_LOG_INFO, "%s: connected to %s at %s:%u",
           node__name(node), peer->text, wire->conn->address.host,
           wire->conn->address.port);
    peer->far.info.hidden = (wire->out.flags & NODE__FLAG_PUBLISHED) == 0;
    peer->far.info.creation = wire->conn->facts.creation;
    rt__lock(&peer->lock);
    peer->state = PEER_MEETING; /* what comes now waits behind the held */
    rt__unlock(&peer->lock);
    rt__node_up(node->rt, &peer->far);
    attempt = drain(peer, wire);
    node__attempt_end(peer, attempt, NODE_STEP_UP, AGNER_OK, "");
    node__cluster_up(peer);
    node__output_flush(&wire->out);
    return true;
}

void node__peer_failed(struct peer *peer, enum node_step step,
                       enum agner_err err, const char *text)
{
    struct node *node = peer->node;
    struct attempt *attempt;
    struct held *held;
    uint64_t dropped;

    rt__lock(&peer->lock);
    peer->state = PEER_DOWN;
    held = peer->held;
    peer->held = NULL;
    peer->held_last = NULL;
    peer->held_bytes = 0;
    attempt = peer->attempt;
    peer->attempt = NULL;
    rt__unlock(&peer->lock);
    dropped = drop_held(held);
    rt__dropped(node->rt, RT_DROP_NOCONN, dropped);
    rt__node_down(node->rt, peer->name, etf_atom("connection_setup_failed"));
    node__attempt_end(peer, attempt, step, err, text);
    node__cluster_down(peer, false, err, text);
}

/* Why, as OTP's net_kernel says it, where it has a word for that. */
static etf_term reason_of(const struct node *node, const struct conn *conn,
                          enum agner_err why, bool left)
{
    if (left)
        return etf_atom("disconnect");
    if (conn->shutdown)
        return ETF_A(shutdown); /* the peer says so (G44) */
    if (load_relaxed(&node->stopping) != 0)
        return etf_atom("net_kernel_terminated");
    if (why == AGNER_ETIMEOUT)
        return etf_atom("net_tick_timeout");
    return etf_atom("connection_closed");
}

bool node__peer_is_up(struct peer *peer)
{
    enum peer_state state;

    rt__lock(&peer->lock);
    state = peer->state;
    rt__unlock(&peer->lock);
    return state == PEER_UP;
}

void node__peer_lost(struct peer *peer, struct wire *wire, enum agner_err why,
                     const char *text)
{
    struct node *node = peer->node;
    uint64_t dropped;
    bool left;

    rt__lock(&peer->lock);
    if (peer->wire == wire) {
        peer->losing = true;
        peer->wire = NULL;
        peer->state = PEER_DOWN;
        store_relaxed(&peer->mode, 0); /* compared under the lock */
    }
    left = peer->leaving == wire;
    if (left)
        peer->leaving = NULL;
    dropped = node__output_drop(&wire->out);
    rt__unlock(&peer->lock);
    rt__dropped(node->rt, RT_DROP_NOCONN, dropped);
    if (!wire->announced)
        return;
    rt__node_down(node->rt, peer->name, reason_of(node, wire->conn, why, left));
    rt__lock(&peer->lock);
    peer->losing = false;
    rt__unlock(&peer->lock);
    if (!peer->replacing)
        node__cluster_down(peer, left, why, text);
}

/* The loop looks at the peer, since somebody asked it to. */
static void look(struct rt_task *task)
{
    struct peer *peer =
        (struct peer *)((char *)task - offsetof(struct peer, task));
    struct wire *wire, *leaving;
    enum peer_state state;

    rt__lock(&peer->lock);
    peer->woken = false;
    wire = peer->wire;
    leaving = peer->leaving;
    state = peer->state;
    rt__unlock(&peer->lock);
    if (leaving != NULL)
        node__conn_close(leaving->conn, AGNER_OK, "disconnected");
    if (wire != NULL)
        node__output_flush(&wire->out);
    else if (state == PEER_CONNECTING && !peer->trying)
        node__attempt_begin(peer);
}
