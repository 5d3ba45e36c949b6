/*
 * connect.c -- what users do about other nodes: connect, leave, look.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "conn.h"
#include "flags.h"
#include "node_room.h"
#include "wire.h"

enum agner_err node__address_take(struct node *node, const char *text,
                                  char name[NODE__NAME_MAX + 1],
                                  struct agner_error *error)
{
    struct node_route_spec route = { .name = name,
                                     .erlang = node__address_is_erlang(text) };
    enum agner_err err = node_address_parse(text, name, &route.port, error);

    if (err != AGNER_OK)
        return err;
    if (strcmp(name, node__name(node)) == 0)
        return agner_fail(error, AGNER_EINVAL, "%s is this node", name);
    if (route.port == 0 && !route.erlang)
        return AGNER_OK;
    return node__routes_add(&node->routes, &route, NULL, true, error);
}

/* The peer of a name that a user gave. */
static enum agner_err peer_of(struct node *node, const char *text,
                              struct peer **peer, struct agner_error *error)
{
    char name[NODE__NAME_MAX + 1];
    enum agner_err err = node__address_take(node, text, name, error);

    if (err != AGNER_OK)
        return err;
    *peer = node__peers_get(&node->peers, node, etf_atom(name));
    if (*peer == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no room for another node");
    return AGNER_OK;
}

enum agner_err node_connect_step(struct gen *self, struct node *node,
                                 const char *name, enum node_step *step,
                                 struct agner_error *error)
{
    struct peer *peer;
    enum agner_err err = peer_of(node, name, &peer, error);

    *step = NODE_STEP_FIND;
    return err == AGNER_OK ? node__peer_connect(self, peer, step, error) : err;
}

enum agner_err node_connect(struct gen *self, struct node *node,
                            const char *name, struct agner_error *error)
{
    enum node_step step;

    return node_connect_step(self, node, name, &step, error);
}

static struct peer *known(struct node *node, const char *name)
{
    etf_term atom = etf_atom_find(name, strlen(name));

    return etf_is_none(atom) ? NULL : node__peers_find(&node->peers, atom);
}

enum agner_err node_disconnect(struct node *node, const char *name)
{
    struct peer *peer = known(node, name);

    return peer == NULL ? AGNER_ENOCONN : node__peer_leave(peer);
}

/* ---- Who may, and with which cookies
 * --------------------------------------------- */

static enum agner_err check_cookie(const char *cookie)
{
    size_t size = strlen(cookie);

    return size > 0 && size <= NODE__COOKIE_MAX ? AGNER_OK : AGNER_EINVAL;
}

/* Both as keys of secure links, which may take long. */
static enum agner_err take_cookies(struct node *node, const char *out,
                                   const char *in, struct cookies *cookies)
{
    enum agner_err err = check_cookie(out);

    if (err == AGNER_OK)
        err = check_cookie(in);
    if (err == AGNER_OK)
        err = node__trust_psk(node->trust, out, cookies->out_psk);
    if (err == AGNER_OK)
        err = node__trust_psk(node->trust, in, cookies->in_psk);
    if (err != AGNER_OK)
        return err;
    memcpy(cookies->out, out, strlen(out) + 1);
    memcpy(cookies->in, in, strlen(in) + 1);
    return AGNER_OK;
}

enum agner_err node_cookie_set(struct node *node, const char *peer,
                               const char *out, const char *in)
{
    enum agner_err err = node__name_check(peer, strlen(peer), NULL);
    struct cookies cookies = { .out = "" };

    if (err == AGNER_OK && out == NULL)
        return node__policy_cookies(&node->policy, peer, NULL);
    if (err == AGNER_OK)
        err = take_cookies(node, out, in != NULL ? in : out, &cookies);
    if (err == AGNER_OK)
        err = node__policy_cookies(&node->policy, peer, &cookies);
    explicit_bzero(&cookies, sizeof cookies);
    return err;
}

enum agner_err node_allow(struct node *node, const char *name)
{
    bool is_node = strchr(name, '@') != NULL;
    enum agner_err err = is_node ? node__name_check(name, strlen(name), NULL)
                                 : node__host_check(name, strlen(name), NULL);

    return err == AGNER_OK ? node__policy_allow(&node->policy, name) : err;
}

/* Not the digest of a challenge: what is shown answers none. */
void node_cookie_fingerprint(const char *cookie,
                             char text[NODE_FINGERPRINT_SIZE])
{
    static const char salt[] = "agner cookie fingerprint 1";
    struct node__md5 md5;
    uint8_t digest[NODE__MD5_SIZE];

    node__md5_init(&md5);
    node__md5_add(&md5, salt, sizeof salt);
    node__md5_add(&md5, cookie, strlen(cookie));
    node__md5_done(&md5, digest);
    (void)snprintf(text, NODE_FINGERPRINT_SIZE, "%02x%02x%02x%02x", digest[0],
                   digest[1], digest[2], digest[3]);
}

void node_fingerprint(const struct node *node, char text[NODE_FINGERPRINT_SIZE])
{
    char cookie[COOKIE_TEXT_MAX + 1];

    (void)node__trust_cookie(node->trust, cookie); /* without one, of "" */
    node_cookie_fingerprint(cookie, text);
    explicit_bzero(cookie, sizeof cookie);
}

/* ---- Peers
 * --------------------------------------------------------------------- */

/* Under the lock. */
static void describe_wire(struct wire *wire, struct node_peer_info *info)
{
    const struct conn *conn = wire->conn;

    info->hidden = (wire->out.flags & NODE__FLAG_PUBLISHED) == 0;
    info->incoming = !conn->initiator;
    info->secure = conn->secure != NULL;
    info->flags = wire->out.flags;
    info->offered = conn->facts.offered;
    info->creation = conn->facts.creation;
    info->up_ms = node__now_ms(wire->node) - wire->up_ms;
    info->bytes_in = load_relaxed(&wire->bytes_in);
    info->bytes_out = wire->out.bytes;
    info->rtt_us = load_relaxed(&wire->rtt_us);
    info->may = RT_MAY_ALL & ~load_relaxed(&wire->denied);
    info->packets_in = load_relaxed(&wire->packets_in);
    info->packets_out = wire->out.packets;
    info->queued = wire->out.queued;
    (void)snprintf(info->address, sizeof info->address, "%s:%u",
                   conn->address.host, conn->address.port);
}

/* False: it is neither connected nor about to be. */
static bool describe(struct peer *peer, struct node_peer_info *info)
{
    enum peer_state state;

    memset(info, 0, sizeof *info);
    (void)snprintf(info->name, sizeof info->name, "%s", peer->text);
    rt__lock(&peer->lock);
    state = peer->state;
    info->queued = peer->held_bytes;
    info->high_mark = peer->node->high_mark;
    info->rtt_us = -1;
    info->denied = load_relaxed(&peer->denied);
    if (state == PEER_UP)
        describe_wire(peer->wire, info);
    rt__unlock(&peer->lock);
    info->state = state == PEER_UP ? NODE_PEER_UP : NODE_PEER_CONNECTING;
    return state != PEER_DOWN;
}

/* Puts `info` in its place among the `used` ones; the last falls out when there
 * is no room. */
static size_t insert(struct node_peer_info *peers, size_t used, size_t room,
                     const struct node_peer_info *info)
{
    size_t at = used;

    while (at > 0 && strcmp(peers[at - 1].name, info->name) > 0)
        at--;
    if (at == room)
        return used;
    if (used < room)
        used++;
    memmove(&peers[at + 1], &peers[at], (used - at - 1) * sizeof peers[0]);
    peers[at] = *info;
    return used;
}

size_t node_peers(struct node *node, struct node_peer_info *peers, size_t count)
{
    struct peer_walk walk = { 0 };
    struct node_peer_info info;
    struct peer *peer;
    size_t all = 0, used = 0;

    while ((peer = node__peers_next(&node->peers, &walk)) != NULL) {
        if (!describe(peer, &info))
            continue;
        all++;
        if (count > 0)
            used = insert(peers, used, count, &info);
    }
    return all;
}

/* ---- Tracing
 * --------------------------------------------------------------------- */

struct tracing {
    struct node *node;
    void (*line)(void *ctx, enum node_step step, const char *text);
    void *ctx;
};

static void set_trace(void *ctx)
{
    const struct tracing *tracing = ctx;

    tracing->node->trace = tracing->line;
    tracing->node->trace_ctx = tracing->ctx;
}

void node_trace(struct node *node,
                void (*line)(void *ctx, enum node_step step, const char *text),
                void *ctx)
{
    struct tracing tracing = { node, line, ctx };

    node__on_loop(node, set_trace, &tracing);
}
