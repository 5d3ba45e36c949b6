/*
 * attempt.c -- one attempt to connect to a peer, from the look-up to its end.
 *
 * The loop's thread makes it: finds the place, asks epmd for the port if the
 * place has none, dials, and has the connection shake hands, all within the
 * set-up time. An incoming connection that gets up first ends it; while one
 * shakes hands, the dial waits a moment for it, as OTP's does: the peer counts
 * on it. Each way out is attempt_failed(), or node__peer_up() in peer.c.
 */
#include "attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "node_room.h"
#include "peer.h"
#include "plain.h"
#include "wire.h"

/* A peer whose name has been accepted is dialled only when that handshake is
 * not over so much later: both would not know of the other's attempt. One that
 * said `nok` is dialled again when its own dial has not come by then. */
#define GRACE_MS 1000

/* ---- As those who wait see it ------------------------------------------- */

struct attempt *node__attempt_new(void)
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

void node__attempt_end(struct peer *peer, struct attempt *attempt,
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

/* ---- As the loop makes it ----------------------------------------------- */

void node__attempt_clear(struct peer *peer)
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

    node__attempt_clear(peer);
    node__trace(node, step, "%s", text);
    rt_log(node->rt, RT_LOG_INFO, "%s: no connection to %s: %s",
           node__name(node), peer->text, text);
    node__peer_failed(peer, step, err, text);
}

void node__attempt_abandon(struct peer *peer)
{
    enum peer_state state;

    rt__lock(&peer->lock);
    state = peer->state;
    rt__unlock(&peer->lock);
    if (state == PEER_CONNECTING) /* only the loop ends that state */
        attempt_failed(peer, AGNER_ENOCONN, "this node stops");
}

void node__attempt_dial_failed(struct peer *peer, enum agner_err err,
                               const char *text)
{
    peer->step = step_of(peer);
    peer->dialled = NULL;
    if (err == AGNER_EAGAIN) {
        node__attempt_begin(peer);
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
    peer->node->net->timer_start(peer->node->loop, &peer->grace, GRACE_MS, 0);
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
                       node__conn_waits_for(conn));
    attempt_failed(peer, AGNER_ETIMEOUT, text);
}

static void dial_now(struct peer *peer)
{
    struct agner_error error;
    enum agner_err err;

    peer->step = NODE_STEP_CONNECT;
    node__trace(peer->node, NODE_STEP_CONNECT, "dial %s port %u", peer->to.host,
                peer->to.port);
    err = node__conn_dial(peer->node, peer, &peer->to, peer->form, &error);
    if (err != AGNER_OK)
        attempt_failed(peer, err, error.text);
}

static void grace_over(struct rt_loop_timer *timer)
{
    dial_now((struct peer *)((char *)timer - offsetof(struct peer, grace)));
}

static void dial(struct peer *peer, const char *host, uint16_t port,
                 enum conn_form form)
{
    struct node *node = peer->node;
    struct agner_error error;

    peer->step = NODE_STEP_CONNECT;
    if (form != CONN_SECURE &&
        (node__plain_check(node, host, &error) != AGNER_OK ||
         node__plain_check_name(node, peer->text, &error) != AGNER_OK)) {
        attempt_failed(peer, AGNER_ENOTALLOWED, error.text);
        return;
    }

    peer->to = (struct rt_address){ .kind = RT_ADDRESS_TCP, .port = port };
    (void)snprintf(peer->to.host, sizeof peer->to.host, "%s", host);
    peer->form = form;
    if (!node__conn_is_incoming(node, peer->text)) {
        dial_now(peer);
        return;
    }
    peer->step = NODE_STEP_NAME;
    node__trace(node, NODE_STEP_NAME, "it is dialling us: wait for that");
    (void)agner_fail(&peer->failure, AGNER_ETIMEOUT, "it dials us, too slowly");
    node->net->timer_start(node->loop, &peer->grace, GRACE_MS, 0);
}

static const char *host_of(const struct peer *peer)
{
    return strchr(peer->text, '@') + 1; /* the name was checked */
}

/* One of ours says so to epmd, and is never dialled plain then. */
static enum conn_form form_of(const struct node *node,
                              const struct node__epmd_node *found)
{
    if (found->agner && !node->plain)
        return CONN_SECURE;
    return found->high < NODE__EPMD_VERSION ? CONN_PLAIN_OLD : CONN_PLAIN;
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
                "epmd says port %u, a %s node%s, versions %u to %u",
                found->port,
                found->type == NODE__EPMD_HIDDEN ? "hidden" : "visible",
                found->agner ? " of agner" : "", found->low, found->high);
    dial(peer, peer->host, found->port, form_of(peer->node, found));
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

void node__attempt_begin(struct peer *peer)
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
    explicit_bzero(place.psk, sizeof place.psk);
    node__trace(node, NODE_STEP_FIND, "a %s name; by %s: %s, port %u%s",
                strchr(host_of(peer), '.') != NULL ? "long" : "short",
                place.registrar, place.host, place.port,
                place.port == 0 ? " (epmd knows)" : "");
    memcpy(peer->host, place.host, sizeof peer->host);
    /* Of what epmd has listed only a look-up says whether it is one of ours. */
    if (place.port != 0 && strcmp(place.registrar, "epmd") != 0)
        dial(peer, peer->host, place.port,
             node->plain || place.erlang ? CONN_PLAIN : CONN_SECURE);
    else
        look_up(peer);
}

void node__attempt_init(struct peer *peer)
{
    peer->deadline.fire = attempt_late;
    peer->grace.fire = grace_over;
}
