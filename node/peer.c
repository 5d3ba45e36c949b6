/*
 * peer.c -- another node: attempts to connect, what waits for them, up and
 * down.
 *
 * The table of states is in peer.h. Held signals are copies: the sender's term
 * is boxed, and encoded when the flags of the connection are known, so that
 * they go out in the order in which they came, before anything newer.
 */
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>
#include <etf_door.h>

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
static void attempt_late(struct rt_loop_timer *timer);
static void attempt_begin(struct peer *peer);
static void grace_over(struct rt_loop_timer *timer);

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
    peer->task.run = look;
    peer->deadline.fire = attempt_late;
    peer->grace.fire = grace_over;
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

/* ---- Attempts, as those who wait see them
 * -------------------------------------- */

static struct attempt *attempt_new(void)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);

    if (attempt == NULL)
        return NULL;
    store_relaxed(&attempt->refs, 1);
    rt__gate_shut(&attempt->gate);
    return attempt;
}

/* Order: acquire and release, so that whoever frees it does so after
 * everybody's last look. */
void node__attempt_drop(struct attempt *attempt)
{
    if (sub_acq_rel(&attempt->refs, 1) == 1)
        free(attempt);
}

/* Loop thread: tells those who wait. */
static void attempt_end(struct peer *peer, struct attempt *attempt,
                        enum node_step step, enum agner_err err,
                        const char *text)
{
    if (attempt == NULL)
        return;
    attempt->err = err;
    attempt->step = step;
    if (err != AGNER_OK)
        (void)agner_fail(&attempt->error, err, "%s: %s", peer->text, text);
    rt__gate_open(peer->node->rt, &attempt->gate);
    node__attempt_drop(attempt);
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

static bool may_connect(const struct peer *peer, const struct rt_signal *signal)
{
    return (signal->flags & RT_SEND_NOCONNECT) == 0 &&
           load_relaxed(&peer->node->stopping) == 0;
}

/* Under the lock. AGNER_EALREADY: nobody is left who would want to know. */
static enum agner_err hold(struct peer *peer, struct held *held, bool *wake)
{
    const struct rt_signal *signal = &held->signal;

    if (peer->state == PEER_UP)
        return AGNER_EBUSY;
    if (peer->state == PEER_DOWN && !connects(signal))
        return AGNER_EALREADY;
    if (peer->state != PEER_MEETING && !may_connect(peer, signal))
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
    struct attempt *fresh = out == NULL ? NULL : attempt_new();
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

/* ---- Our own attempt (loop thread)
 * ---------------------------------------------- */

/* Nothing of the attempt is under way any more. */
static void attempt_clear(struct peer *peer)
{
    struct conn *dialled = peer->dialled;

    peer->trying = false;
    peer->dialled = NULL;
    peer->node->net->timer_stop(peer->node->loop, &peer->deadline);
    peer->node->net->timer_stop(peer->node->loop, &peer->grace);
    if (peer->lookup != NULL)
        node__epmd_look_up_cancel(peer->lookup);
    peer->lookup = NULL;
    if (dialled != NULL)
        node__conn_abort(dialled);
}

/* How far the attempt has come: the connection that is dialled knows. */
static enum node_step step_of(const struct peer *peer)
{
    return peer->dialled != NULL ? node__conn_step(peer->dialled) : peer->step;
}

static void attempt_failed(struct peer *peer, enum agner_err err,
                           const char *text)
{
    enum node_step step = step_of(peer);
    struct node *node = peer->node;
    struct attempt *attempt;
    struct held *held;
    uint64_t dropped;

    attempt_clear(peer);
    node__trace(node, step, "%s", text);
    rt_log(node->rt, RT_LOG_INFO, "%s: no connection to %s: %s",
           node__name(node), peer->text, text);
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
    attempt_end(peer, attempt, step, err, text);
    node__cluster_down(peer, false, err, text);
}

void node__peer_abandon(struct peer *peer)
{
    enum peer_state state;

    rt__lock(&peer->lock);
    state = peer->state;
    rt__unlock(&peer->lock);
    if (state == PEER_CONNECTING) /* only the loop ends that state */
        attempt_failed(peer, AGNER_ENOCONN, "this node stops");
}

void node__peer_dial_failed(struct peer *peer, enum agner_err err,
                            const char *text)
{
    peer->step = step_of(peer);
    peer->dialled = NULL;
    if (err == AGNER_EAGAIN) {
        attempt_begin(peer);
        return;
    }
    if (err == AGNER_ENONAME && peer->step == NODE_STEP_CONNECT)
        err = AGNER_EUNKNOWN; /* the host's name, not the node's */
    if (err != AGNER_EALREADY) {
        attempt_failed(peer, err, text);
        return;
    }
    /* It dials us: the deadline ends the wait for that (G35). Or it only thinks
     * so, as an Erlang node does that has not yet taken in that its last
     * connection to us was up and is gone: then we have to come again. */
    peer->node->net->timer_start(peer->node->loop, &peer->grace, PEER_GRACE_MS,
                                 0);
    node__trace(peer->node, peer->step, "%s", text);
    (void)agner_fail(&peer->failure, AGNER_ETIMEOUT,
                     "%s, but did not come within the set-up time", text);
}

static void attempt_late(struct rt_loop_timer *timer)
{
    struct peer *peer =
        (struct peer *)((char *)timer - offsetof(struct peer, deadline));
    struct conn *conn = peer->dialled;
    char text[sizeof peer->failure.text];

    if (peer->lookup != NULL)
        (void)snprintf(text, sizeof text, "epmd did not answer in time");
    else if (conn == NULL)
        (void)snprintf(text, sizeof text, "%s", peer->failure.text);
    else if (conn->phase == CONN_OPENING)
        (void)snprintf(text, sizeof text, "no answer from %.150s:%u in time",
                       conn->address.host, conn->address.port);
    else
        (void)snprintf(text, sizeof text, "the peer is silent: waited for %s",
                       node__handshake_waits_for(conn->handshake.state));
    attempt_failed(peer, AGNER_ETIMEOUT, text);
}

static void dial_now(struct peer *peer)
{
    struct agner_error error;
    enum agner_err err;

    peer->step = NODE_STEP_CONNECT;
    node__trace(peer->node, NODE_STEP_CONNECT, "dial %s port %u", peer->to.host,
                peer->to.port);
    err = node__conn_dial(peer->node, peer, &peer->to, peer->old, &error);
    if (err != AGNER_OK)
        attempt_failed(peer, err, error.text);
}

static void grace_over(struct rt_loop_timer *timer)
{
    dial_now((struct peer *)((char *)timer - offsetof(struct peer, grace)));
}

static void dial(struct peer *peer, const char *host, uint16_t port, bool old)
{
    struct node *node = peer->node;

    peer->to = (struct rt_address){ .kind = RT_ADDRESS_TCP, .port = port };
    (void)snprintf(peer->to.host, sizeof peer->to.host, "%s", host);
    peer->old = old;
    if (!node__conn_is_incoming(node, peer->text)) {
        dial_now(peer);
        return;
    }
    peer->step = NODE_STEP_NAME;
    node__trace(node, NODE_STEP_NAME, "it is dialling us: wait for that");
    (void)agner_fail(&peer->failure, AGNER_ETIMEOUT, "it dials us, too slowly");
    node->net->timer_start(node->loop, &peer->grace, PEER_GRACE_MS, 0);
}

static const char *host_of(const struct peer *peer)
{
    return strchr(peer->text, '@') + 1; /* the name was checked */
}

static void looked_up(void *ctx, enum agner_err err,
                      const struct node__epmd_node *found, const char *text)
{
    struct peer *peer = ctx;

    peer->lookup = NULL;
    if (err != AGNER_OK) {
        attempt_failed(peer, err, text);
        return;
    }
    node__trace(peer->node, NODE_STEP_EPMD,
                "epmd says port %u, a %s node, versions %u to %u", found->port,
                found->type == NODE__EPMD_HIDDEN ? "hidden" : "visible",
                found->low, found->high);
    dial(peer, peer->host, found->port, found->high < NODE__EPMD_VERSION);
}

static void look_up(struct peer *peer)
{
    struct node *node = peer->node;
    struct rt_address epmd = { .kind = RT_ADDRESS_TCP,
                               .port = node->epmd_port };
    char name[NODE__NAME_MAX + 1];
    struct agner_error error;
    enum agner_err err;

    memcpy(epmd.host, peer->host, sizeof epmd.host);
    (void)snprintf(name, sizeof name, "%.*s",
                   (int)(host_of(peer) - 1 - peer->text), peer->text);
    peer->step = NODE_STEP_EPMD;
    node__trace(node, NODE_STEP_EPMD, "ask epmd at %s port %u for %s",
                epmd.host, epmd.port, name);
    err = node__epmd_look_up(node->world, node->loop, &epmd, name,
                             node->setup_time_ms, looked_up, peer,
                             &peer->lookup, &error);
    if (err != AGNER_OK)
        attempt_failed(peer, err, error.text);
}

static void attempt_begin(struct peer *peer)
{
    struct node *node = peer->node;
    struct node__place place;
    struct agner_error error;

    peer->trying = true;
    peer->step = NODE_STEP_FIND;
    memset(&peer->failure, 0, sizeof peer->failure);
    node->net->timer_start(node->loop, &peer->deadline, node->setup_time_ms, 0);
    if (node__name_check(peer->text, strlen(peer->text), &error) != AGNER_OK) {
        attempt_failed(peer, AGNER_EINVAL, error.text);
        return;
    }
    if (strcmp(peer->text, node__name(node)) == 0) {
        attempt_failed(peer, AGNER_EINVAL, "that is this node's own name");
        return;
    }
    if (!node__policy_allows(&node->policy, peer->text)) {
        attempt_failed(peer, AGNER_ENOTALLOWED,
                       "it is not among the nodes that are allowed here");
        return;
    }
    node__find(node, peer->text, &place);
    explicit_bzero(place.cookie, sizeof place.cookie);
    node__trace(node, NODE_STEP_FIND, "a %s name; by %s: %s, port %u%s",
                strchr(host_of(peer), '.') != NULL ? "long" : "short",
                place.registrar, place.host, place.port,
                place.port == 0 ? " (epmd knows)" : "");
    memcpy(peer->host, place.host, sizeof peer->host);
    if (place.port != 0)
        dial(peer, peer->host, place.port, false);
    else
        look_up(peer);
}

/* ---- Up and down (loop thread)
 * ---------------------------------------------------- */

/* Both ends dialled, or a former connection is not known to be dead: does `old`
 * stay? Both sides come to the same answer: of two that dialled each other the
 * greater name's connection stays, of two dials from one side the newer. */
static bool old_stays(const struct wire *old, const struct wire *wire)
{
    const struct node *node = wire->node;
    bool old_is_ours = old->conn->handshake.initiator;
    bool we_are_greater = strcmp(node__name(node), wire->peer->text) > 0;

    if (wire->conn->replaces || old_is_ours == wire->conn->handshake.initiator)
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
    attempt_clear(peer);
    wire->announced = true;
    rt_log(node->rt, RT_LOG_INFO, "%s: connected to %s at %s:%u",
           node__name(node), peer->text, wire->conn->address.host,
           wire->conn->address.port);
    peer->far.info.hidden = (wire->out.flags & NODE__FLAG_PUBLISHED) == 0;
    peer->far.info.creation = wire->conn->handshake.peer_creation;
    rt__lock(&peer->lock);
    peer->state = PEER_MEETING; /* what comes now waits behind the held */
    rt__unlock(&peer->lock);
    rt__node_up(node->rt, &peer->far);
    attempt = drain(peer, wire);
    attempt_end(peer, attempt, NODE_STEP_UP, AGNER_OK, "");
    node__cluster_up(peer);
    node__output_flush(&wire->out);
    return true;
}

/* Why, as OTP's net_kernel says it. */
static etf_term reason_of(const struct node *node, enum agner_err why,
                          bool left)
{
    if (left)
        return etf_atom("disconnect");
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
    rt__node_down(node->rt, peer->name, reason_of(node, why, left));
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
        attempt_begin(peer);
}
