/*
 * conn_secure.c -- the secure link of one connection: see conn_secure.h.
 *
 * What is refused before the peer has shown cookie and key ends without a word:
 * only our log says why (B-SEC-3).
 */
#include "conn_secure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flags.h"
#include "node_room.h"
#include "noise_secret.h"
#include "trust.h"
#include "wire.h"

/* ---- Who we are -----------------------------------------------------------
 */

static struct secure_self self_of(struct conn *conn)
{
    struct node *node = conn->node;
    struct secure_self self = {
        .name = node__name(node),
        .creation = node__self(node).creation,
        .flags = node->flags,
        .link = node__trust_kept(node->trust) ? SECURE_KEPT_KEY : 0,
        .packet_max = node->packet_max > UINT32_MAX
                          ? UINT32_MAX
                          : (uint32_t)node->packet_max,
        .tick_ms = node->tick_time_ms > UINT32_MAX
                       ? UINT32_MAX
                       : (uint32_t)node->tick_time_ms,
        .rekey_frames = node->rekey_frames,
        .line = node->trace != NULL ? node__conn_line : NULL,
        .ctx = conn,
    };

    if (node->asks_name && self.creation == 0) {
        self.name = node->host;
        self.flags |= NODE__FLAG_NAME_ME;
    }
    return self;
}

/* Fresh for this link only. */
static void make_ephemeral(struct node *node, uint8_t key[NOISE_KEY_SIZE])
{
    node->world->random(node->world->ctx, key, NOISE_KEY_SIZE);
}

static bool take_memory(struct conn *conn)
{
    conn->secure = node__secret_new(sizeof *conn->secure);
    if (conn->secure == NULL)
        node__conn_close(conn, AGNER_ENOMEM, "no memory for a secure link");
    return conn->secure != NULL;
}

void node__conn_secure_dial(struct conn *conn)
{
    struct node *node = conn->node;
    struct secure_self self = self_of(conn);
    uint8_t ephemeral[NOISE_KEY_SIZE];
    struct etf_buffer out = { 0 };
    struct agner_error error;
    enum agner_err err;

    if (!take_memory(conn))
        return;
    make_ephemeral(node, ephemeral);
    err = node__secure_dial(conn->secure, &self, conn->peer->text,
                            node__trust_own(node->trust), ephemeral, &out,
                            &error);
    node__noise_wipe(ephemeral, sizeof ephemeral);
    if (err != AGNER_OK) {
        etf_buffer_fini(&out);
        node__conn_close(conn, err, "%s", error.text);
        return;
    }
    node__conn_send(conn, &out);
}

void node__conn_secure_accept(struct conn *conn)
{
    struct node *node = conn->node;
    struct secure_self self = self_of(conn);
    uint8_t ephemeral[NOISE_KEY_SIZE];

    if (!take_memory(conn))
        return;
    make_ephemeral(node, ephemeral);
    node__secure_accept(conn->secure, &self, node__trust_own(node->trust),
                        ephemeral);
    node__noise_wipe(ephemeral, sizeof ephemeral);
}

/* ---- What the machine asks -------------------------------------------------
 */

/* NULL: the key may speak for the name; else why not. */
static const char *distrust(struct conn *conn, const char *name,
                            const uint8_t key[NOISE_KEY_SIZE])
{
    enum trust_verdict verdict =
        node__trust_check(conn->node->trust, name, key);

    conn->kind =
        verdict == TRUST_LISTED ? LINK_SECURE_LISTED : LINK_SECURE_COOKIE;
    conn->learn = verdict == TRUST_NEW;
    if (!node__trust_refuses(verdict))
        return NULL;
    conn->refusal = NODE_REFUSED_KEY;
    return node__trust_text(verdict);
}

static enum secure_state check_key(struct conn *conn, struct etf_buffer *out)
{
    struct secure *s = conn->secure;
    const char *why = distrust(conn, s->peer, s->peer_key);
    uint8_t psk[1][NOISE_KEY_SIZE];
    enum secure_state state;

    if (why != NULL)
        return node__secure_refuse(s, AGNER_EAUTH, why);
    if (node__trust_psks(conn->node->trust, s->peer, true, psk, 1) == 0)
        return node__secure_refuse(s, AGNER_EAUTH, "there is no cookie for it");
    s->self.flags = node__conn_offer(conn, s->peer, s->self.flags);
    state = node__secure_key_is_good(s, (const uint8_t *)psk[0], out);
    node__noise_wipe(psk, sizeof psk);
    return state;
}

/* The keys that a peer may have, `name` NULL: that any may have, in the node's
 * memory for that: to get it from the system each time takes longer than a key
 * agreement. To be wiped by wipe_psks(). NULL: no memory. */
static const uint8_t (*take_psks(struct conn *conn, const char *name,
                                 size_t *count))[NOISE_KEY_SIZE]
{
    struct node *node = conn->node;

    if (node->psks == NULL)
        node->psks = node__secret_new(TRUST_PSKS_MAX * NOISE_KEY_SIZE);
    *count = node->psks == NULL ? 0
                                : node__trust_psks(node->trust, name, false,
                                                   node->psks, TRUST_PSKS_MAX);
    return (const uint8_t(*)[NOISE_KEY_SIZE])node->psks;
}

static void wipe_psks(struct conn *conn)
{
    if (conn->node->psks != NULL)
        node__noise_wipe(conn->node->psks, TRUST_PSKS_MAX * NOISE_KEY_SIZE);
}

static enum secure_state try_psks(struct conn *conn)
{
    size_t count;
    const uint8_t(*psks)[NOISE_KEY_SIZE] = take_psks(conn, NULL, &count);
    enum secure_state state;

    if (psks == NULL)
        return node__secure_refuse(conn->secure, AGNER_ENOMEM,
                                   "no memory for cookies");
    state = node__secure_psks(conn->secure, psks, count);
    wipe_psks(conn);
    return state;
}

/* Was the cookie that it knew one of its own name's? All are looked at. */
static bool psk_is_its_own(struct conn *conn)
{
    const struct secure *s = conn->secure;
    size_t count;
    const uint8_t(*psks)[NOISE_KEY_SIZE] = take_psks(conn, s->peer, &count);
    bool its_own = false;

    for (size_t i = 0; i < count; i++)
        its_own |= node__noise_same(psks[i], s->psk, NOISE_KEY_SIZE);
    wipe_psks(conn);
    return its_own;
}

/* The connection that its name has was made with another key: the old one has
 * to end first (G36). It is asked whether it lives. */
static bool is_held_by_another(const struct conn *conn, struct peer *peer)
{
    const struct secure *s = conn->secure;
    struct conn *old = NULL;
    bool other;

    rt__lock(&peer->lock);
    if (peer->wire != NULL)
        old = peer->wire->conn;
    rt__unlock(&peer->lock);
    /* Only this thread ends it. */
    other = old != NULL && (old->secure == NULL ||
                            !node__noise_same(old->secure->peer_key,
                                              s->peer_key, NOISE_KEY_SIZE));
    if (other)
        node__wire_probe(old->wire);
    return other;
}

static enum secure_state decide(struct conn *conn, struct etf_buffer *out)
{
    struct secure *s = conn->secure;
    struct node *node = conn->node;
    enum node__hs_status status;
    struct peer *peer;
    const char *why;

    if (!psk_is_its_own(conn))
        return node__secure_refuse(s, AGNER_EAUTH,
                                   "it has the cookie of another name");
    why = distrust(conn, s->peer, s->peer_key);
    if (why != NULL)
        return node__secure_refuse(s, AGNER_EAUTH, why);
    if (strcmp(s->claims.other, node__name(node)) != 0 ||
        !node__policy_allows(&node->policy, s->peer))
        return node__secure_decide(s, HS_NOT_ALLOWED, out);
    s->self.flags = node__conn_offer(conn, s->peer, s->self.flags);
    if (s->wants_name && node__conn_give_name(conn, s->peer))
        return node__secure_rename(s, conn->given->name, conn->given->creation,
                                   out);
    if (s->wants_name)
        return node__secure_decide(s, HS_NOT_ALLOWED, out);
    status = node__conn_status_for(node, s->peer, &peer);
    if (status == HS_IS_ALIVE && is_held_by_another(conn, peer))
        status = HS_NOK;
    conn->replaces = status == HS_IS_ALIVE;
    return node__secure_decide(s, status, out);
}

/* What the machine wants from its owner, until it wants bytes. */
static enum secure_state answer(struct conn *conn, struct etf_buffer *out)
{
    struct secure *s = conn->secure;

    while (node__secure_asks(s->state))
        switch (s->state) {
        case SECURE_ASK_KEY:
            (void)check_key(conn, out);
            break;
        case SECURE_ASK_PSKS:
            (void)try_psks(conn);
            break;
        case SECURE_DECIDE:
            (void)decide(conn, out);
            break;
        case SECURE_ASK_ALIVE: /* we dial only what is not connected */
            (void)node__secure_go_on(s, true, out);
            break;
        case SECURE_SECOND:
        case SECURE_WELCOME:
        case SECURE_PREFACE:
        case SECURE_FIRST:
        case SECURE_THIRD:
        case SECURE_GO_ON:
        case SECURE_UP:
        case SECURE_FAILED:
            return s->state; /* they ask nothing */
        }
    return s->state;
}

static void become_up(struct conn *conn)
{
    const struct secure *s = conn->secure;
    struct conn_result result = { .peer = s->peer,
                                  .self = s->self.name,
                                  .given = s->given,
                                  .creation = s->self.creation };
    uint8_t key[NOISE_KEY_SIZE];
    char name[NODE__NAME_MAX + 1];
    const char *why = NULL;
    bool learn;

    if (!s->wants_name) /* what was said before may be long ago */
        why = distrust(conn, s->peer, s->peer_key);
    if (why != NULL) {
        node__conn_close(conn, AGNER_EAUTH, "%s", why);
        return;
    }
    /* A name that we gave is for this link, and then for others. */
    learn = conn->learn && !s->wants_name &&
            (s->claims.link & SECURE_KEPT_KEY) != 0;
    conn->facts = (struct conn_facts){ .flags = s->flags,
                                       .offered = s->peer_flags,
                                       .creation = s->peer_creation };
    memcpy(key, s->peer_key, sizeof key);
    memcpy(name, s->peer, sizeof name);
    node__conn_become_up(conn, &result);
    if (learn && conn->phase == CONN_UP)
        node__trust_learn(conn->node->trust, name, key);
}

size_t node__conn_secure_shake(struct conn *conn, const uint8_t *bytes,
                               size_t size)
{
    struct secure *s = conn->secure;
    size_t taken = 0;

    while (taken < size && conn->phase == CONN_HANDSHAKE &&
           s->state < SECURE_UP) {
        struct etf_buffer out = { 0 };
        size_t used;

        (void)node__secure_feed(s, bytes + taken, size - taken, &out, &used);
        taken += used;
        (void)answer(conn, &out);
        node__conn_send(conn, &out);
    }
    if (conn->phase != CONN_HANDSHAKE)
        return taken;
    if (s->state == SECURE_FAILED)
        node__conn_close(conn, s->error.code, "%s", s->error.text);
    else if (s->state == SECURE_UP)
        become_up(conn);
    return taken;
}

/* ---- Records ---------------------------------------------------------------
 */

static void take_goodbye(struct conn *conn, const uint8_t *body, size_t size)
{
    if (size != 1) {
        node__conn_close(conn, AGNER_EPROTO, "a goodbye of %zu bytes", size);
        return;
    }
    conn->goodbye = true;
    conn->shutdown = body[0] == GOODBYE_SHUTDOWN;
    node__conn_close(conn, AGNER_OK, "the peer says goodbye%s",
                     conn->shutdown ? ": it stops" : "");
}

/* The text of a record, whose first byte says what it is. */
static void take_text(struct conn *conn, uint8_t type, const uint8_t *body,
                      size_t size)
{
    if (type == RECORD_GOODBYE)
        take_goodbye(conn, body, size);
    else if (type == RECORD_PACKETS && size > 0)
        node__wire_received(conn->wire, body, size);
    else
        node__conn_close(conn, AGNER_EPROTO,
                         "a record of type %u with %zu bytes", type, size);
}

/*
 * Opens a record. Its text goes to where the packet wants it that the bytes
 * before it began, if that is large and wants all of it; the type byte in front
 * is then where the packet has a byte already, which is put back. Otherwise it
 * goes to the node's memory for one text.
 */
static void take_record(struct conn *conn, const uint8_t *record)
{
    struct node *node = conn->node;
    size_t size = node__record_size(record) - NOISE_LENGTH_SIZE;
    uint8_t *place, *text = node->secure_text;
    uint8_t kept = 0, type;
    size_t room = node__wire_place(conn->wire, &place);
    bool in_place =
        room > 0 && size > NOISE_TAG_SIZE && size - NOISE_TAG_SIZE - 1 <= room;

    if (in_place) {
        text = place - 1;
        kept = *text;
    }
    if (node__record_open_to(&conn->secure->receives, record, text, &size) !=
        AGNER_OK) {
        node__conn_close(conn, AGNER_EPROTO,
                         "a record that is not the peer's next one: it was "
                         "changed, repeated, or one before it is missing");
        return;
    }
    if (size == 0) {
        node__wire_ticked(conn->wire);
        return;
    }
    type = *text;
    if (in_place)
        *text = kept;
    take_text(conn, type, text + 1, size - 1);
}

void node__conn_secure_received(struct conn *conn, const uint8_t *bytes,
                                size_t size)
{
    struct node *node = conn->node;
    const uint8_t *record;
    enum agner_err err;

    if (node->secure_text == NULL)
        node->secure_text = malloc(NOISE_MESSAGE_MAX);
    if (node->secure_text == NULL) {
        node__conn_close(conn, AGNER_ENOMEM, "no memory for a record");
        return;
    }
    node__wire_heard(conn->wire, size);
    do {
        err = node__records_next(&conn->records, &bytes, &size, &record);
        if (err != AGNER_OK)
            node__conn_close(conn, err, "%s",
                             err == AGNER_ENOMEM ? "no memory for a record"
                                                 : "a record without a tag");
        else if (record != NULL)
            take_record(conn, record);
    } while (record != NULL && conn->phase == CONN_UP);
}

/* ---- The end ---------------------------------------------------------------
 */

void node__conn_secure_goodbye(struct conn *conn)
{
    uint8_t record[NOISE_LENGTH_SIZE + 2 + NOISE_TAG_SIZE];
    struct etf_buffer out = { 0 };
    uint8_t why = load_relaxed(&conn->node->stopping) != 0 ? GOODBYE_SHUTDOWN
                                                           : GOODBYE_DISCONNECT;
    size_t size;

    record[NOISE_LENGTH_SIZE] = RECORD_GOODBYE;
    record[NOISE_LENGTH_SIZE + 1] = why;
    if (node__record_seal(&conn->secure->sends, record, 2, &size) == AGNER_OK &&
        etf_buffer_add(&out, record, size) == AGNER_OK)
        node__conn_send(conn, &out);
}

void node__conn_secure_wipe(struct conn *conn)
{
    struct secure *s = conn->secure;

    node__noise_wipe(&s->sends, sizeof s->sends);
    node__noise_wipe(&s->receives, sizeof s->receives);
    node__noise_wipe(&s->noise, sizeof s->noise);
    node__noise_wipe(&s->own, sizeof s->own);
    node__noise_wipe(s->ephemeral, sizeof s->ephemeral);
    node__noise_wipe(s->psk, sizeof s->psk);
}

void node__conn_secure_free(struct conn *conn)
{
    node__records_fini(&conn->records);
    node__secret_free(conn->secure);
}

enum node_step node__conn_secure_step(const struct conn *conn)
{
    const struct secure *s = conn->secure;
    enum secure_state state =
        s->state == SECURE_FAILED ? s->failed_in : s->state;

    return state == SECURE_SECOND ? NODE_STEP_NAME : NODE_STEP_CHALLENGE;
}
