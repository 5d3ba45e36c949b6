/*
 * handshake.c -- the handshake as a pure machine: messages in, bytes out.
 *
 * The table of states is in handshake.h; `rows` below has the same rows. A
 * reader gets a message without its length and tag, and returns the next state.
 * What a peer sends ends in HS_FAILED with a sentence, and never anywhere else.
 */
#include "handshake.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "flags.h"

static const char *const waits_for[] = {
    [HS_STATUS] = "the answer to our name",
    [HS_ASK_ALIVE] = "our own decision about the connection it believes alive",
    [HS_CHALLENGE] = "the peer's challenge",
    [HS_ACK] = "the acknowledgement of our digest",
    [HS_NAME] = "the peer's name",
    [HS_DECIDE] = "our own decision about the peer",
    [HS_ALIVE] = "word whether the old connection is alive",
    [HS_REPLY] = "the peer's digest",
    [HS_UP] = "nothing: the connection is up",
    [HS_FAILED] = "nothing: the handshake failed",
};

static const char *const status_texts[] = {
    [HS_OK] = "ok",          [HS_OK_SIMULTANEOUS] = "ok_simultaneous",
    [HS_NOK] = "nok",        [HS_NOT_ALLOWED] = "not_allowed",
    [HS_IS_ALIVE] = "alive",
};

static void say(const struct node__handshake *hs, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct node__handshake *hs, const char *format, ...)
{
    char text[400];
    va_list args;

    if (hs->self.line == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    hs->self.line(hs->self.ctx, text);
}

/* Fails with what hs->error already says. */
static enum node__hs_state failed(struct node__handshake *hs)
{
    say(hs, "failed: %s", hs->error.text);
    return HS_FAILED;
}

static enum node__hs_state fail(struct node__handshake *hs, enum agner_err err,
                                const char *text)
{
    (void)agner_fail(&hs->error, err, "%s", text);
    return failed(hs);
}

static uint32_t read32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
           p[3];
}

static uint64_t read64(const uint8_t *p)
{
    return (uint64_t)read32(p) << 32 | read32(p + 4);
}

static uint8_t *write16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static uint8_t *write32(uint8_t *p, uint32_t v)
{
    return write16(write16(p, v >> 16), v & 0xffff);
}

static uint8_t *write64(uint8_t *p, uint64_t v)
{
    return write32(write32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

static uint8_t *write_bytes(uint8_t *p, const void *bytes, size_t size)
{
    memcpy(p, bytes, size);
    return p + size;
}

/* Appends a message from `start` to `end`, with its length. */
static enum agner_err send(struct etf_buffer *out, const uint8_t *start,
                           const uint8_t *end)
{
    uint8_t length[2];
    size_t size = (size_t)(end - start);
    enum agner_err err = etf_buffer_reserve(out, 2 + size);

    if (err != AGNER_OK)
        return err;
    (void)write16(length, size);
    (void)etf_buffer_add(out, length, 2); /* there is room */
    return etf_buffer_add(out, start, size);
}

/* The same where failing is a state: `next`, or HS_FAILED. */
static enum node__hs_state send_and(struct node__handshake *hs,
                                    struct etf_buffer *out,
                                    const uint8_t *start, const uint8_t *end,
                                    enum node__hs_state next)
{
    enum agner_err err = send(out, start, end);

    if (err != AGNER_OK)
        return fail(hs, err, "no memory for our part of the handshake");
    return next;
}

void node__handshake_digest(const char *cookie, size_t cookie_size,
                            uint32_t challenge, uint8_t digest[NODE__MD5_SIZE])
{
    struct node__md5 md5;
    char text[12];
    int size = snprintf(text, sizeof text, "%u", challenge);

    node__md5_init(&md5);
    node__md5_add(&md5, cookie, cookie_size);
    node__md5_add(&md5, text, (size_t)size);
    node__md5_done(&md5, digest);
}

/* Takes the same time wherever the first difference is: a digest must not be
 * found byte by byte. */
static bool same_digest(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t difference = 0;
    size_t i;

    for (i = 0; i < NODE__MD5_SIZE; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

static bool digest_is_right(const struct node__handshake *hs,
                            const uint8_t *digest)
{
    uint8_t expected[NODE__MD5_SIZE];

    node__handshake_digest(hs->self.cookie, hs->self.cookie_size,
                           hs->self.challenge, expected);
    return same_digest(expected, digest);
}

/* What both offered, from the peer's offer; false when something is missing
 * that we cannot do without. */
static bool agree_on_flags(struct node__handshake *hs, uint64_t offer)
{
    uint64_t missing;

    hs->peer_flags = node__flags_expand(offer);
    hs->flags = hs->peer_flags & hs->self.flags;
    missing = NODE__FLAGS_MANDATORY & ~hs->peer_flags;
    if (missing == 0)
        return true;
    (void)agner_fail(&hs->error, AGNER_ENOTALLOWED,
                     "the peer lacks the flag %s (it offers 0x%llx)",
                     node__flag_name(missing), (unsigned long long)offer);
    return false;
}

/* ---- The side that connects --------------------------------------------- */

static enum node__hs_state read_status(struct node__handshake *hs,
                                       const uint8_t *body, size_t size,
                                       struct etf_buffer *out)
{
    size_t i;

    (void)out;
    for (i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++)
        if (size == strlen(status_texts[i]) &&
            memcmp(body, status_texts[i], size) == 0)
            break;
    if (i == sizeof status_texts / sizeof status_texts[0])
        return fail(hs, AGNER_EPROTO, "a status that is not known");
    say(hs, "received status %s", status_texts[i]);
    switch ((enum node__hs_status)i) {
    case HS_OK_SIMULTANEOUS:
        hs->simultaneous = true;
        return HS_CHALLENGE;
    case HS_OK:
        return HS_CHALLENGE;
    case HS_IS_ALIVE:
        return HS_ASK_ALIVE;
    case HS_NOK:
        return fail(hs, AGNER_EALREADY,
                    "the peer is dialling us, and its attempt goes on");
    case HS_NOT_ALLOWED:
        return fail(
            hs, AGNER_ENOTALLOWED,
            "the peer does not allow us, or misses a flag in our offer");
    }
    return fail(hs, AGNER_EPROTO, "a status that is not known");
}

static enum node__hs_state send_reply(struct node__handshake *hs,
                                      struct etf_buffer *out)
{
    uint8_t message[1 + 4 + NODE__MD5_SIZE];
    uint8_t digest[NODE__MD5_SIZE];
    uint8_t *p = message;

    node__handshake_digest(hs->self.cookie, hs->self.cookie_size,
                           hs->peer_challenge, digest);
    *p++ = 'r';
    p = write32(p, hs->self.challenge);
    p = write_bytes(p, digest, sizeof digest);
    say(hs, "send our digest and challenge");
    return send_and(hs, out, message, p, HS_ACK);
}

/* flags:64, challenge:32, creation:32, size:16, name, more. */
static enum node__hs_state read_challenge(struct node__handshake *hs,
                                          const uint8_t *body, size_t size,
                                          struct etf_buffer *out)
{
    size_t name_size = strlen(hs->peer);
    size_t theirs;

    if (size < 18)
        return fail(hs, AGNER_EPROTO, "the challenge is too short");
    theirs = (size_t)body[16] << 8 | body[17];
    if (theirs > size - 18)
        return fail(hs, AGNER_EPROTO, "the challenge ends inside the name");
    if (theirs != name_size || memcmp(body + 18, hs->peer, theirs) != 0)
        return fail(
            hs, AGNER_EPROTO,
            "another node answers there: the name is not the dialled one");
    hs->peer_challenge = read32(body + 8);
    hs->peer_creation = read32(body + 12);
    if (!agree_on_flags(hs, read64(body)))
        return failed(hs);
    if (hs->peer_challenge == hs->self.challenge)
        return fail(hs, AGNER_EAUTH, "our own challenge was sent back");
    say(hs, "received challenge, flags 0x%llx, creation %u",
        (unsigned long long)hs->peer_flags, hs->peer_creation);
    return send_reply(hs, out);
}

static enum node__hs_state read_ack(struct node__handshake *hs,
                                    const uint8_t *body, size_t size,
                                    struct etf_buffer *out)
{
    (void)out;
    if (size != NODE__MD5_SIZE)
        return fail(hs, AGNER_EPROTO, "a digest of the wrong size");
    if (!digest_is_right(hs, body))
        return fail(hs, AGNER_EAUTH,
                    "the peer's digest is wrong: cookies differ");
    say(hs, "received the right digest: up");
    return HS_UP;
}

/* ---- The side that accepts ---------------------------------------------- */

static enum node__hs_state send_status(struct node__handshake *hs,
                                       enum node__hs_status status,
                                       struct etf_buffer *out,
                                       enum node__hs_state next)
{
    uint8_t message[1 + 16] = { 's' };
    const char *text = status_texts[status];
    uint8_t *p = write_bytes(message + 1, text, strlen(text));

    say(hs, "send status %s", text);
    return send_and(hs, out, message, p, next);
}

static enum node__hs_state send_challenge(struct node__handshake *hs,
                                          struct etf_buffer *out)
{
    uint8_t message[1 + 8 + 4 + 4 + 2 + NODE__NAME_MAX];
    uint64_t flags = hs->self.flags;
    size_t name_size = strlen(hs->self.name);
    uint8_t *p = message;

    if (hs->wants_name)
        flags = (flags | NODE__FLAG_NAME_ME) & ~NODE__FLAG_PUBLISHED;
    *p++ = 'N';
    p = write64(p, flags);
    p = write32(p, hs->self.challenge);
    p = write32(p, hs->self.creation);
    p = write16(p, name_size);
    p = write_bytes(p, hs->self.name, name_size);
    say(hs, "send challenge");
    return send_and(hs, out, message, p, HS_REPLY);
}

/* Only a host, since the rest is asked for. */
static bool host_is_fine(struct node__handshake *hs, const uint8_t *host,
                         size_t size)
{
    if (size > 0 && size < NODE__NAME_MAX && node__is_plain(host, size) &&
        memchr(host, '@', size) == NULL)
        return true;
    (void)agner_fail(&hs->error, AGNER_EINVAL,
                     "asks for a name on a host that cannot be");
    return false;
}

/* flags:64, creation:32, size:16, name, more. */
static enum node__hs_state read_name(struct node__handshake *hs,
                                     const uint8_t *body, size_t size,
                                     struct etf_buffer *out)
{
    uint64_t offer;
    size_t name_size;

    if (size < 14)
        return fail(hs, AGNER_EPROTO, "the first message is too short");
    offer = read64(body);
    name_size = (size_t)body[12] << 8 | body[13];
    if (name_size > size - 14)
        return fail(hs, AGNER_EPROTO, "the first message ends inside the name");
    hs->wants_name = (offer & NODE__FLAG_NAME_ME) != 0;
    if (hs->wants_name ? !host_is_fine(hs, body + 14, name_size)
                       : node__name_check((const char *)body + 14, name_size,
                                          &hs->error) != AGNER_OK)
        return failed(hs);
    memcpy(hs->peer, body + 14, name_size);
    hs->peer[name_size] = '\0';
    hs->peer_creation = read32(body + 8);
    say(hs, "received name %s, flags 0x%llx, creation %u", hs->peer,
        (unsigned long long)offer, hs->peer_creation);
    if (!agree_on_flags(hs, offer)) {
        (void)send_status(hs, HS_NOT_ALLOWED, out, HS_FAILED);
        return failed(hs);
    }
    return HS_DECIDE;
}

static enum node__hs_state read_alive(struct node__handshake *hs,
                                      const uint8_t *body, size_t size,
                                      struct etf_buffer *out)
{
    if (size == 4 && memcmp(body, "true", 4) == 0) {
        say(hs, "received true: the old connection is dead");
        return send_challenge(hs, out);
    }
    if (size == 5 && memcmp(body, "false", 5) == 0)
        return fail(hs, AGNER_EALREADY, "the old connection stays");
    return fail(hs, AGNER_EPROTO, "neither true nor false");
}

static enum node__hs_state send_ack(struct node__handshake *hs,
                                    struct etf_buffer *out)
{
    uint8_t message[1 + NODE__MD5_SIZE] = { 'a' };

    node__handshake_digest(hs->self.cookie, hs->self.cookie_size,
                           hs->peer_challenge, message + 1);
    say(hs, "send our digest: up");
    return send_and(hs, out, message, message + sizeof message, HS_UP);
}

static enum node__hs_state read_reply(struct node__handshake *hs,
                                      const uint8_t *body, size_t size,
                                      struct etf_buffer *out)
{
    bool right;

    if (size != 4 + NODE__MD5_SIZE)
        return fail(hs, AGNER_EPROTO, "a digest of the wrong size");
    hs->peer_challenge = read32(body);
    right = digest_is_right(hs, body + 4);
    if (hs->peer_challenge == hs->self.challenge)
        return fail(hs, AGNER_EAUTH, "our own challenge was sent back");
    if (!right)
        return fail(hs, AGNER_EAUTH,
                    "the peer's digest is wrong: cookies differ");
    say(hs, "received the right digest");
    return send_ack(hs, out);
}

/* ---- The machine -------------------------------------------------------- */

/* The only message that a state accepts, and its reader. States without a row
 * take no bytes. */
static const struct row {
    uint8_t tag;
    enum node__hs_state (*read)(struct node__handshake *hs, const uint8_t *body,
                                size_t size, struct etf_buffer *out);
} rows[] = {
    [HS_STATUS] = { 's', read_status },
    [HS_CHALLENGE] = { 'N', read_challenge },
    [HS_ACK] = { 'a', read_ack },
    [HS_NAME] = { 'N', read_name },
    [HS_ALIVE] = { 's', read_alive },
    [HS_REPLY] = { 'r', read_reply },
    [HS_FAILED] = { 0, NULL },
};

static enum node__hs_state read_message(struct node__handshake *hs,
                                        const uint8_t *message, size_t size,
                                        struct etf_buffer *out)
{
    const struct row *row = &rows[hs->state];

    if (message[0] == 'n' && row->tag == 'N')
        return fail(hs, AGNER_EPROTO, "the old handshake, version 5");
    if (message[0] != row->tag) {
        (void)agner_fail(&hs->error, AGNER_EPROTO,
                         "message 0x%02x while waiting for %s", message[0],
                         waits_for[hs->state]);
        return failed(hs);
    }
    return row->read(hs, message + 1, size - 1, out);
}

/* Two bytes that are no length of ours: what do they look like? (B-DST-1) */
static enum node__hs_state strange_length(struct node__handshake *hs)
{
    const uint8_t *bytes = hs->message;
    const char *guess = "";

    if (bytes[0] == 22 && bytes[1] == 3)
        guess = " (TLS?)";
    else if (bytes[0] >= 'A' && bytes[0] <= 'Z' && bytes[1] >= 'A' &&
             bytes[1] <= 'Z')
        guess = " (HTTP?)";
    (void)agner_fail(&hs->error, AGNER_EPROTO,
                     "a message of %u bytes while waiting for %s%s",
                     (unsigned)bytes[0] << 8 | bytes[1], waits_for[hs->state],
                     guess);
    return failed(hs);
}

/* Bytes of the message that is being collected, its length included. */
static size_t message_size(const struct node__handshake *hs)
{
    if (hs->held < 2)
        return 2;
    return 2 + ((size_t)hs->message[0] << 8 | hs->message[1]);
}

/* Takes up to what the message still lacks; returns how much that was. */
static size_t collect(struct node__handshake *hs, const uint8_t *bytes,
                      size_t size)
{
    size_t part = message_size(hs) - hs->held;

    if (part > size)
        part = size;
    memcpy(hs->message + hs->held, bytes, part);
    hs->held += part;
    return part;
}

static bool takes_bytes(const struct node__handshake *hs)
{
    return rows[hs->state].read != NULL;
}

enum node__hs_state node__handshake_feed(struct node__handshake *hs,
                                         const uint8_t *bytes, size_t size,
                                         struct etf_buffer *out, size_t *used)
{
    size_t taken = 0;

    while (taken < size && takes_bytes(hs)) {
        size_t whole;

        taken += collect(hs, bytes + taken, size - taken);
        if (hs->held < 2)
            continue;
        whole = message_size(hs);
        if (whole == 2 || whole > sizeof hs->message) {
            hs->state = strange_length(hs);
        } else if (hs->held == whole) {
            hs->held = 0;
            hs->state = read_message(hs, hs->message + 2, whole - 2, out);
        }
    }
    *used = taken;
    return hs->state;
}

static void begin(struct node__handshake *hs, const struct node__hs_self *self)
{
    memset(hs, 0, offsetof(struct node__handshake, message));
    hs->self = *self;
}

enum agner_err node__handshake_dial(struct node__handshake *hs,
                                    const struct node__hs_self *self,
                                    const char *peer, struct etf_buffer *out,
                                    struct agner_error *error)
{
    uint8_t message[1 + 8 + 4 + 2 + NODE__NAME_MAX];
    size_t peer_size = strlen(peer), name_size = strlen(self->name);
    uint8_t *p = message;
    enum agner_err err = node__name_check(peer, peer_size, error);

    if (err == AGNER_OK)
        err = node__name_check(self->name, name_size, error);
    if (err != AGNER_OK)
        return err;
    begin(hs, self);
    hs->initiator = true;
    hs->state = HS_STATUS;
    memcpy(hs->peer, peer, peer_size + 1);
    *p++ = 'N';
    p = write64(p, self->flags);
    p = write32(p, self->creation);
    p = write16(p, name_size);
    p = write_bytes(p, self->name, name_size);
    err = send(out, message, p);
    if (err != AGNER_OK)
        return agner_fail(error, err, "no memory to greet %s", peer);
    say(hs, "send name %s, flags 0x%llx", self->name,
        (unsigned long long)self->flags);
    return AGNER_OK;
}

void node__handshake_accept(struct node__handshake *hs,
                            const struct node__hs_self *self)
{
    begin(hs, self);
    hs->state = HS_NAME;
}

enum node__hs_state node__handshake_go_on(struct node__handshake *hs,
                                          bool go_on, struct etf_buffer *out)
{
    const char *text = go_on ? "strue" : "sfalse";

    assert(hs->state == HS_ASK_ALIVE);
    say(hs, "send %s", text + 1);
    hs->state = send_and(hs, out, (const uint8_t *)text,
                         (const uint8_t *)text + strlen(text), HS_CHALLENGE);
    if (hs->state == HS_CHALLENGE && !go_on)
        hs->state = fail(hs, AGNER_EALREADY, "our old connection stays");
    return hs->state;
}

enum node__hs_state node__handshake_decide(struct node__handshake *hs,
                                           enum node__hs_status status,
                                           struct etf_buffer *out)
{
    assert(hs->state == HS_DECIDE);
    assert(!hs->wants_name || status == HS_NOT_ALLOWED);
    hs->state = send_status(hs, status, out,
                            status == HS_IS_ALIVE ? HS_ALIVE : HS_REPLY);
    if (hs->state != HS_REPLY)
        return hs->state;
    switch (status) {
    case HS_OK:
    case HS_OK_SIMULTANEOUS:
        hs->state = send_challenge(hs, out);
        break;
    case HS_NOK:
        hs->state = fail(hs, AGNER_EALREADY, "we are dialling it ourselves");
        break;
    case HS_NOT_ALLOWED:
        hs->state = fail(hs, AGNER_ENOTALLOWED, "this peer is not allowed");
        break;
    case HS_IS_ALIVE:
        break;
    }
    return hs->state;
}

enum node__hs_state node__handshake_rename(struct node__handshake *hs,
                                           const char *name, uint32_t creation,
                                           struct etf_buffer *out)
{
    uint8_t message[7 + 2 + NODE__NAME_MAX + 4];
    size_t size = strlen(name);
    uint8_t *p = message;

    assert(hs->state == HS_DECIDE && hs->wants_name);
    assert(node__name_check(name, size, NULL) == AGNER_OK);
    p = write_bytes(p, "snamed:", 7);
    p = write16(p, size);
    p = write_bytes(p, name, size);
    p = write32(p, creation);
    say(hs, "send name %s, creation %u", name, creation);
    memcpy(hs->peer, name, size + 1);
    hs->peer_creation = creation;
    hs->state = send_and(hs, out, message, p, HS_REPLY);
    if (hs->state == HS_REPLY)
        hs->state = send_challenge(hs, out);
    return hs->state;
}

void node__handshake_cookie(struct node__handshake *hs, const char *cookie,
                            size_t size)
{
    assert(hs->state == HS_DECIDE || hs->state == HS_STATUS);
    hs->self.cookie = cookie;
    hs->self.cookie_size = size;
}

void node__handshake_ended(struct node__handshake *hs, enum agner_err err,
                           const char *text)
{
    if (hs->state == HS_UP || hs->state == HS_FAILED)
        return;
    if (hs->state == HS_ACK && err != AGNER_ETIMEOUT)
        (void)agner_fail(&hs->error, AGNER_EAUTH,
                         "the peer closed after our digest: cookies differ");
    else if (hs->state == HS_STATUS && err != AGNER_ETIMEOUT)
        (void)agner_fail(&hs->error, AGNER_ENOCONN,
                         "the peer closed after our name: %s", text);
    else
        (void)agner_fail(&hs->error, err == AGNER_OK ? AGNER_ENOCONN : err,
                         "%s, while waiting for %s", text,
                         waits_for[hs->state]);
    hs->state = failed(hs);
}

const char *node__handshake_waits_for(enum node__hs_state state)
{
    return waits_for[state];
}

enum node__hs_status node__handshake_tie_break(const char *self,
                                               const char *peer)
{
    return strcmp(self, peer) >= 0 ? HS_NOK : HS_OK_SIMULTANEOUS;
}

enum node__hs_status node__handshake_status(const char *self, const char *peer,
                                            bool connected, bool dialling)
{
    if (strcmp(self, peer) == 0)
        return HS_NOK;
    if (connected)
        return HS_IS_ALIVE;
    return dialling ? node__handshake_tie_break(self, peer) : HS_OK;
}
