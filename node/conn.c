/*
 * conn.c -- one TCP connection, from its first byte to its last: see conn.h.
 *
 * The handshake's machine says what to send and when it is over; this file
 * moves the bytes, answers what the machine asks about other connections, and
 * keeps deadline and limits.
 */
#include "conn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atomic.h>

#include "attempt.h"
#include "conn_secure.h"
#include "flags.h"
#include "node_room.h"
#include "plain.h"
#include "wire.h"

/* Bytes of the handshake on their way out. */
struct handshake_write {
    struct rt_write write;
    uint8_t bytes[];
};

/* ---- The end --------------------------------------------------------------
 */

/* Who the other end says it is, or "". */
static const char *claimed_name(const struct conn *conn)
{
    return conn->secure != NULL ? conn->secure->peer : conn->handshake.peer;
}

/* A stranger may fill no log: its lines are counted by address. */
static void log_stranger(struct conn *conn, enum rt_log_level level,
                         const char *text)
{
    struct node *node = conn->node;
    unsigned hidden;

    if (!node__admission_log(&node->admission, conn->address.host,
                             node__now_ms(node), &hidden)) {
        node__limit_meet(node, NODE_LIMIT_LOG_LINES);
        return;
    }
    if (hidden > 0)
        rt_log(node->rt, RT_LOG_WARNING, "%s: %u more like the next from %s",
               node__name(node), hidden, conn->address.host);
    rt_log(node->rt, level, "%s: refused %s:%u%s%s after %zu bytes: %s",
           node__name(node), conn->address.host, conn->address.port,
           claimed_name(conn)[0] != '\0' ? ", which says it is " : "",
           claimed_name(conn), conn->bytes_before_up, text);
}

static void log_end(struct conn *conn, enum conn_phase phase,
                    enum agner_err why, const char *text)
{
    struct node *node = conn->node;

    if (phase == CONN_UP)
        rt_log(node->rt, why == AGNER_OK ? RT_LOG_INFO : RT_LOG_WARNING,
               "%s: connection to %s ended after %llu bytes: %s",
               node__name(node), conn->peer->text,
               (unsigned long long)load_relaxed(&conn->wire->bytes_in), text);
    else if (conn->peer == NULL)
        log_stranger(conn, why == AGNER_EALREADY ? RT_LOG_INFO : RT_LOG_WARNING,
                     text);
    if (phase != CONN_UP && conn->peer == NULL)
        node__refuse(node, conn->refusal != NODE_REFUSED_OTHER
                               ? conn->refusal
                               : node__refusal_of(why));
}

/* It does not count as an unfinished handshake any more. */
static void leave_admission(struct conn *conn, enum node_outcome outcome)
{
    if (conn->source != NULL)
        node__admission_end(&conn->node->admission, conn->source, outcome,
                            node__now_ms(conn->node));
    conn->source = NULL;
}

/*
 * Did the peer do something wrong? Two friends who dial each other did not
 * (EALREADY), nor who closes before it has said anything wrong: a friend does
 * that to the one of two connections that is too many. When it has not read all
 * of what we said by then, its system resets the connection (ESYSTEM). Wrong
 * bytes, a wrong digest and silence are failures.
 */
static enum node_outcome outcome_of(enum agner_err why)
{
    if (why == AGNER_EALREADY || why == AGNER_ENOCONN || why == AGNER_ESYSTEM ||
        why == AGNER_OK)
        return NODE_OUTCOME_NONE;
    return NODE_OUTCOME_FAILED;
}

/*
 * Closes the connection itself, unless that is what has happened. A handshake's
 * last words go out; so does the word that a secure link ends, when nothing
 * else is on its way: whoever does not read is not waited for.
 */
static void close_net(struct conn *conn, enum conn_phase phase,
                      enum agner_err why)
{
    bool flush = phase == CONN_HANDSHAKE;

    if (conn->net == NULL)
        return;
    if (phase == CONN_UP && conn->secure != NULL && why == AGNER_OK &&
        !conn->goodbye && conn->wire->out.flying == 0) {
        node__conn_secure_goodbye(conn);
        flush = true;
    }
    conn->node->net->close(conn->net, flush);
}

void node__conn_close(struct conn *conn, enum agner_err why, const char *format,
                      ...)
{
    enum conn_phase phase = conn->phase;
    struct node *node = conn->node;
    char text[240];
    va_list args;

    if (phase == CONN_CLOSING)
        return;
    conn->phase = CONN_CLOSING;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    node->net->timer_stop(node->loop, &conn->deadline);
    leave_admission(conn, outcome_of(why));
    if (conn->given != NULL)
        node__given_back(conn->given);
    log_end(conn, phase, why, text);
    close_net(conn, phase, why);
    if (phase == CONN_UP)
        node__peer_lost(conn->peer, conn->wire, why, text);
    else if (conn->peer != NULL)
        node__attempt_dial_failed(conn->peer, why, text);
    if (conn->secure != NULL)
        node__conn_secure_wipe(conn);
    explicit_bzero(&conn->cookies, sizeof conn->cookies);
    node__name_drop(node);
}

void node__conn_abort(struct conn *conn)
{
    if (conn->phase == CONN_CLOSING)
        return;
    conn->phase = CONN_CLOSING;
    conn->node->net->close(conn->net, false);
    if (conn->secure != NULL)
        node__conn_secure_wipe(conn);
}

/* ---- The handshake --------------------------------------------------------
 */

static void handshake_written(struct rt_write *write, enum agner_err err)
{
    (void)err;   /* the connection hears of it */
    free(write); /* the first member */
}

void node__conn_send(struct conn *conn, struct etf_buffer *out)
{
    struct handshake_write *w;

    if (out->size == 0)
        return;
    w = malloc(sizeof *w + out->size);
    if (w == NULL) {
        node__conn_close(conn, AGNER_ENOMEM, "no memory for the handshake");
    } else {
        memset(&w->write, 0, sizeof w->write);
        memcpy(w->bytes, out->data, out->size);
        w->write.bytes = w->bytes;
        w->write.size = out->size;
        w->write.done = handshake_written;
        rt__traffic(conn->node->rt, 0, out->size);
        conn->node->net->write(conn->net, &w->write);
    }
    etf_buffer_fini(out);
}

enum node__hs_status node__conn_status_for(struct node *node, const char *name,
                                           struct peer **out)
{
    etf_term atom = etf_atom_find(name, strlen(name));
    struct peer *peer = NULL;
    enum peer_state state = PEER_DOWN;

    *out = NULL;
    if (load_relaxed(&node->stopping) != 0)
        return HS_NOT_ALLOWED;
    if (!etf_is_none(atom))
        peer = node__peers_find(&node->peers, atom);
    if (peer != NULL) {
        rt__lock(&peer->lock);
        state = peer->state;
        rt__unlock(&peer->lock);
    }
    *out = peer;
    return node__handshake_status(node__name(node), name, state == PEER_UP,
                                  peer != NULL && peer->dialled != NULL);
}

bool node__conn_give_name(struct conn *conn, const char *host)
{
    struct node *node = conn->node;
    uint64_t random[2];

    node->world->random(node->world->ctx, random, sizeof random);
    return load_relaxed(&node->stopping) == 0 &&
           node__given_take(&node->given, host, random, &conn->given) ==
               AGNER_OK;
}

uint64_t node__conn_offer(const struct conn *conn, const char *name,
                          uint64_t flags)
{
    const uint8_t *key = conn->secure != NULL ? conn->secure->peer_key : NULL;

    if ((node__permit_of(conn->node, conn->kind, name, key) & RT_MAY_NAMES) ==
        0)
        flags &= ~NODE__FLAG_PUBLISHED;
    return flags;
}

/* What plain proves. Nodes of agner that are told to speak plain are trusted as
 * they would be otherwise. */
static enum link_kind plain_kind(const struct conn *conn)
{
    if (conn->node->plain)
        return LINK_SECURE_COOKIE;
    return node__is_loopback(conn->address.host) ? LINK_PLAIN_LOOPBACK
                                                 : LINK_PLAIN_OTHER;
}

static enum node__hs_state decide(struct conn *conn, struct etf_buffer *out)
{
    struct node__handshake *hs = &conn->handshake;
    struct node *node = conn->node;
    struct peer *peer;

    hs->self.flags = node__conn_offer(conn, hs->peer, hs->self.flags);
    if (!node__policy_allows(&node->policy, hs->peer))
        return node__handshake_decide(hs, HS_NOT_ALLOWED, out);
    if (node__cookies_for(node, hs->peer, &conn->cookies))
        node__handshake_cookies(hs, conn->cookies.out, conn->cookies.in);
    if (hs->wants_name && node__conn_give_name(conn, hs->peer))
        return node__handshake_rename(hs, conn->given->name,
                                      conn->given->creation, out);
    if (hs->wants_name)
        return node__handshake_decide(hs, HS_NOT_ALLOWED, out);
    return node__handshake_decide(
        hs, node__conn_status_for(node, hs->peer, &peer), out);
}

/* The peer believes that we are connected. We dial only what is not. */
static enum node__hs_state go_on(struct conn *conn, struct etf_buffer *out)
{
    return node__handshake_go_on(&conn->handshake, true, out);
}

/* Are we who this handshake said that we are? A node that asks for its name may
 * have got one, or lost it, since the handshake began. */
static bool is_still_us(const struct conn *conn,
                        const struct conn_result *result)
{
    struct node *node = conn->node;

    if (result->given[0] != '\0')
        return node__name_take(node, result->given, result->creation);
    return strcmp(result->self, node__name(node)) == 0 &&
           result->creation == node__self(node).creation;
}

void node__conn_become_up(struct conn *conn, const struct conn_result *result)
{
    struct node *node = conn->node;
    struct peer *peer = conn->peer;

    node->net->timer_stop(node->loop, &conn->deadline);
    leave_admission(conn, NODE_OUTCOME_UP);
    explicit_bzero(&conn->cookies, sizeof conn->cookies);
    if (!is_still_us(conn, result)) {
        node__conn_close(conn, AGNER_EAGAIN,
                         "this node has another name by now");
        return;
    }
    if (peer == NULL) {
        etf_term name = etf_atom(result->peer);

        if (!etf_is_none(name))
            peer = node__peers_get(&node->peers, node, name);
    }
    if (peer == NULL) {
        node__conn_close(conn, AGNER_ELIMIT, "too many atoms or known nodes");
        return;
    }
    conn->wire = node__wire_new(conn, peer);
    if (conn->wire == NULL) {
        node__conn_close(conn, AGNER_ENOMEM, "no memory for the connection");
        return;
    }
    conn->peer = peer;
    conn->phase = CONN_UP;
    if (node->is_deaf)
        node->net->read(conn->net, false);
    if (!node__peer_up(peer, conn->wire))
        node__conn_close(conn, AGNER_EALREADY,
                         "the other connection to that node stays");
}

/* ---- The plain handshake --------------------------------------------------
 */

static void become_up(struct conn *conn)
{
    const struct node__handshake *hs = &conn->handshake;
    const struct conn_result result = { .peer = hs->peer,
                                        .self = hs->self.name,
                                        .given = hs->given,
                                        .creation = hs->self.creation };
    struct agner_error error;

    if (conn->given == NULL &&
        node__plain_check_name(conn->node, hs->peer, &error) != AGNER_OK) {
        conn->refusal = NODE_REFUSED_KEY;
        node__conn_close(conn, error.code, "%s", error.text);
        return;
    }
    conn->facts = (struct conn_facts){ .flags = hs->flags,
                                       .offered = hs->peer_flags,
                                       .creation = hs->peer_creation };
    node__conn_become_up(conn, &result);
}

/* What the machine wants from its owner, until it wants bytes. */
static enum node__hs_state answer(struct conn *conn, enum node__hs_state state,
                                  struct etf_buffer *out)
{
    if (state == HS_DECIDE) {
        state = decide(conn, out);
        conn->replaces = state == HS_ALIVE;
    }
    if (state == HS_ASK_ALIVE)
        state = go_on(conn, out);
    return state;
}

/* Returns how many bytes were taken: all, or it is up, or closing. */
static size_t shake(struct conn *conn, const uint8_t *bytes, size_t size)
{
    struct node__handshake *hs = &conn->handshake;
    enum node__hs_state state = hs->state;
    size_t taken = 0;

    while (taken < size && conn->phase == CONN_HANDSHAKE && state < HS_UP) {
        struct etf_buffer out = { 0 };
        size_t used;

        state =
            node__handshake_feed(hs, bytes + taken, size - taken, &out, &used);
        taken += used;
        state = answer(conn, state, &out);
        node__conn_send(conn, &out);
    }
    if (conn->phase != CONN_HANDSHAKE)
        return taken;
    if (state == HS_FAILED)
        node__conn_close(conn, hs->error.code, "%s", hs->error.text);
    else if (state == HS_UP)
        become_up(conn);
    return taken;
}

/* Does this node speak plain with that address? Whoever is not let in with it
 * has done nothing wrong, so it does not count as a failed handshake: else an
 * Erlang node that tries again and again would keep nodes of ours on its
 * address out. False: closing. */
static bool may_be_plain(struct conn *conn)
{
    struct agner_error error;

    if (conn->peer != NULL || conn->bytes_before_up > 0 ||
        node__plain_check(conn->node, conn->address.host, &error) == AGNER_OK)
        return true;
    leave_admission(conn, NODE_OUTCOME_NONE);
    conn->refusal = NODE_REFUSED_PLAIN;
    node__conn_close(conn, AGNER_ENOTALLOWED, "%s", error.text);
    return false;
}

/* ---- What the net says -----------------------------------------------------
 */

static void exceed(struct conn *conn, enum node_limit limit)
{
    node__limit_meet(conn->node, limit);
    node__conn_close(conn, AGNER_ELIMIT, "%s", node__limit_text(limit));
}

/* The first byte that comes in decides. */
static bool is_secure_preface(const struct conn *conn, const uint8_t *bytes)
{
    return !conn->initiator && conn->secure == NULL &&
           conn->bytes_before_up == 0 && bytes[0] == SECURE_FIRST_BYTE;
}

static void received(void *ctx, struct rt_conn *net, const uint8_t *bytes,
                     size_t size)
{
    struct conn *conn = ctx;
    size_t taken = 0;

    (void)net;
    rt__traffic(conn->node->rt, size, 0);
    if (conn->phase == CONN_HANDSHAKE && is_secure_preface(conn, bytes))
        node__conn_secure_accept(conn);
    if (conn->phase == CONN_HANDSHAKE &&
        (conn->secure != NULL || may_be_plain(conn))) {
        taken = conn->secure != NULL
                    ? node__conn_secure_shake(conn, bytes, size)
                    : shake(conn, bytes, size);
        conn->bytes_before_up += taken;
        if (conn->phase == CONN_HANDSHAKE &&
            conn->bytes_before_up > conn->node->limits.handshake_bytes)
            exceed(conn, NODE_LIMIT_HANDSHAKE_BYTES);
    }
    if (conn->phase != CONN_UP || taken == size)
        return;
    if (conn->secure != NULL) {
        node__conn_secure_received(conn, bytes + taken, size - taken);
        return;
    }
    node__wire_heard(conn->wire, size - taken);
    node__wire_received(conn->wire, bytes + taken, size - taken);
}

static size_t place(void *ctx, struct rt_conn *net, uint8_t **bytes)
{
    struct conn *conn = ctx;

    (void)net;
    if (conn->phase != CONN_UP)
        return 0;
    return conn->secure != NULL ? node__records_place(&conn->records, bytes)
                                : node__wire_place(conn->wire, bytes);
}

static void free_conn(struct conn *conn)
{
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    if (conn->wire != NULL)
        node__wire_free(conn->wire);
    if (conn->secure != NULL)
        node__conn_secure_free(conn);
    free(conn);
}

/* The handshake is over because of that; returns why, in words. */
static const struct agner_error *
handshake_ended(struct conn *conn, enum agner_err why, const char *text)
{
    if (conn->secure != NULL) {
        node__secure_ended(conn->secure, why, text);
        return &conn->secure->error;
    }
    node__handshake_ended(&conn->handshake, why, text);
    return &conn->handshake.error;
}

static void closed(void *ctx, struct rt_conn *net, enum agner_err why,
                   const char *text)
{
    struct conn *conn = ctx;

    (void)net;
    conn->net = NULL;
    if (conn->phase == CONN_HANDSHAKE) {
        const struct agner_error *error = handshake_ended(conn, why, text);

        node__conn_close(conn, error->code, "%s", error->text);
    } else {
        node__conn_close(conn, why, "%s%s", text,
                         conn->secure != NULL && conn->phase == CONN_UP
                             ? " without a goodbye"
                             : "");
    }
    free_conn(conn);
}

enum node_step node__conn_step(const struct conn *conn)
{
    const struct node__handshake *hs = &conn->handshake;
    enum node__hs_state state =
        hs->state == HS_FAILED ? hs->failed_in : hs->state;

    if (conn->secure != NULL)
        return node__conn_secure_step(conn);
    if (hs->self.name == NULL)
        return NODE_STEP_CONNECT;
    return state == HS_CHALLENGE || state == HS_ACK || state == HS_UP
               ? NODE_STEP_CHALLENGE
               : NODE_STEP_NAME;
}

const char *node__conn_waits_for(const struct conn *conn)
{
    return conn->secure != NULL
               ? node__secure_waits_for(conn->secure->state)
               : node__handshake_waits_for(conn->handshake.state);
}

void node__conn_line(void *ctx, const char *text)
{
    const struct conn *conn = ctx;

    node__trace(conn->node, node__conn_step(conn), "%s", text);
}

/* The node's cookie; where it has none, one that nobody has. */
static void take_cookie(struct conn *conn)
{
    const struct rt_world *world = conn->node->world;
    char *text = conn->cookies.out;

    if (node__trust_cookie(conn->node->trust, text))
        return;
    world->random(world->ctx, text, 32);
    for (unsigned i = 0; i < 32; i++)
        text[i] = (char)('a' + (text[i] & 15));
}

static bool another(void *ctx, size_t index, char *cookie)
{
    const struct conn *conn = ctx;

    return node__trust_another(conn->node->trust, index, cookie);
}

/* Who we are, for one handshake. */
static struct node__hs_self self_of(struct conn *conn)
{
    struct node *node = conn->node;
    struct node__hs_self self = {
        .name = node__name(node),
        .creation = node__self(node).creation,
        .flags = node->flags,
        .cookie = conn->cookies.out,
        .another = another,
        .line = node->trace != NULL ? node__conn_line : NULL,
        .ctx = conn,
    };

    take_cookie(conn);
    self.cookie_size = strlen(self.cookie);
    if (node->asks_name && self.creation == 0) {
        self.name = node->host;
        self.flags |= NODE__FLAG_NAME_ME;
    }

    node->world->random(node->world->ctx, &self.challenge,
                        sizeof self.challenge);
    return self;
}

static void opened(void *ctx, struct rt_conn *net)
{
    struct conn *conn = ctx;
    struct node__hs_self self;
    struct etf_buffer out = { 0 };
    struct agner_error error;
    enum agner_err err;

    (void)net;
    if (conn->phase != CONN_OPENING)
        return;
    conn->phase = CONN_HANDSHAKE;
    node__trace(conn->node, NODE_STEP_CONNECT, "connected");
    if (conn->form == CONN_SECURE) {
        node__conn_secure_dial(conn);
        return;
    }
    self = self_of(conn);
    conn->kind = plain_kind(conn);
    self.flags = node__conn_offer(conn, conn->peer->text, self.flags);
    err = (conn->form == CONN_PLAIN_OLD ? node__handshake_dial_old
                                        : node__handshake_dial)(
        &conn->handshake, &self, conn->peer->text, &out, &error);
    if (err == AGNER_OK &&
        node__cookies_for(conn->node, conn->peer->text, &conn->cookies))
        node__handshake_cookies(&conn->handshake, conn->cookies.out,
                                conn->cookies.in);
    if (err != AGNER_OK)
        node__conn_close(conn, err, "%s", error.text);
    else
        node__conn_send(conn, &out);
}

static void deadline(struct rt_loop_timer *timer)
{
    struct conn *conn =
        (struct conn *)((char *)timer - offsetof(struct conn, deadline));

    if (conn->peer == NULL)
        node__limit_meet(conn->node, NODE_LIMIT_HANDSHAKE_MS);
    node__conn_close(conn, AGNER_ETIMEOUT, "%s",
                     handshake_ended(conn, AGNER_ETIMEOUT,
                                     node__limit_text(NODE_LIMIT_HANDSHAKE_MS))
                         ->text);
}

/* ---- Beginning --------------------------------------------------------------
 */

static struct conn *conn_new(struct node *node,
                             const struct rt_address *address,
                             enum conn_phase phase)
{
    struct conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->node = node;
    conn->address = *address;
    conn->phase = phase;
    conn->deadline.fire = deadline;
    conn->next = node->conns;
    conn->link = &node->conns;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    node->conns = conn;
    return conn;
}

bool node__conn_is_incoming(const struct node *node, const char *name)
{
    const struct conn *conn = node->conns;

    for (; conn != NULL; conn = conn->next) {
        const struct node__handshake *hs = &conn->handshake;
        bool decided = conn->secure != NULL
                           ? conn->secure->state == SECURE_GO_ON
                           : hs->state > HS_DECIDE && hs->state < HS_UP;

        if (conn->phase == CONN_HANDSHAKE && !conn->initiator && decided &&
            strcmp(claimed_name(conn), name) == 0)
            return true;
    }
    return false;
}

static struct rt_conn_owner owner_of(struct conn *conn)
{
    return (struct rt_conn_owner){ .ctx = conn,
                                   .opened = opened,
                                   .place = place,
                                   .received = received,
                                   .closed = closed };
}

enum agner_err node__conn_dial(struct node *node, struct peer *peer,
                               const struct rt_address *address,
                               enum conn_form form, struct agner_error *error)
{
    struct conn *conn = conn_new(node, address, CONN_OPENING);
    struct rt_conn_owner owner;
    enum agner_err err;

    if (conn == NULL)
        return agner_fail(error, AGNER_ENOMEM, "no memory to dial");
    owner = owner_of(conn);
    /* The peer's own deadline ends it before that time is over. */
    err = node->net->dial(node->loop, address, node->setup_time_ms, &owner,
                          &conn->net, error);
    if (err != AGNER_OK) {
        free_conn(conn);
        return err;
    }
    conn->peer = peer;
    conn->initiator = true;
    conn->form = form;
    peer->dialled = conn;
    return AGNER_OK;
}

enum agner_err node__conn_accept(struct node *node, struct rt_conn *net,
                                 const struct rt_address *from,
                                 struct node_source *source)
{
    struct conn *conn = conn_new(node, from, CONN_HANDSHAKE);
    struct rt_conn_owner owner;
    struct node__hs_self self;

    if (conn == NULL)
        return AGNER_ENOMEM;
    owner = owner_of(conn);
    conn->kind = plain_kind(conn); /* unless it proves more */
    self = self_of(conn);
    conn->net = net;
    conn->source = source;
    node__handshake_accept(&conn->handshake, &self);
    node->net->timer_start(node->loop, &conn->deadline,
                           node->limits.handshake_ms, 0);
    node->net->adopt(net, &owner);
    return AGNER_OK;
}
