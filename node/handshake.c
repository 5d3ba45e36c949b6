/*
 * handshake.c -- the handshake as a pure machine: messages in, bytes out.
 *
 * The table of states is in handshake.h; `rows` below has the same rows. A
 * reader gets a message without its length, and returns the next state.
 * What a peer sends ends in HS_FAILED with a sentence, and never anywhere else.
 */
#include "handshake.h"

#include <assert.h>
#include <string.h>

#include "flags.h"
#include "handshake_forms.h"
#include "set_up_line.h"

static const char *const waits_for[] = {
    [HS_STATUS] = "the answer to our name",
    [HS_ASK_ALIVE] = "our own decision about the connection it believes alive",
    [HS_CHALLENGE] = "the peer's challenge",
    [HS_ACK] = "the acknowledgement of our digest",
    [HS_NAME] = "the peer's name",
    [HS_DECIDE] = "our own decision about the peer",
    [HS_ALIVE] = "word whether the old connection is alive",
    [HS_COMPLEMENT] = "what its first message had no room for",
    [HS_REPLY] = "the peer's digest",
    [HS_UP] = "nothing: the connection is up",
    [HS_FAILED] = "nothing: the handshake failed",
};

static const char *const status_texts[] = {
    [HS_OK] = "ok",          [HS_OK_SIMULTANEOUS] = "ok_simultaneous",
    [HS_NOK] = "nok",        [HS_NOT_ALLOWED] = "not_allowed",
    [HS_IS_ALIVE] = "alive",
};

#define say(hs, ...) \
    node__set_up_line((hs)->self.line, (hs)->self.ctx, __VA_ARGS__)

/* Fails with what hs->error already says. */
static enum node__hs_state failed(struct node__handshake *hs)
{
    say(hs, "failed: %s", hs->error.text);
    hs->failed_in = hs->state;
    return HS_FAILED;
}

static enum node__hs_state fail(struct node__handshake *hs, enum agner_err err,
                                const char *text)
{
    (void)agner_fail(&hs->error, err, "%s", text);
    return failed(hs);
}

/* The state after something was written: `next`, or HS_FAILED. */
static enum node__hs_state sent(struct node__handshake *hs, enum agner_err err,
                                enum node__hs_state next)
{
    if (err != AGNER_OK)
        return fail(hs, err, "no memory for our part of the handshake");
    return next;
}

static enum node__hs_state send_status(struct node__handshake *hs,
                                       const char *text, struct etf_buffer *out,
                                       enum node__hs_state next)
{
    return sent(hs, node__message_write(out, 's', text, strlen(text)), next);
}

static bool digest_is_right(const struct node__handshake *hs,
                            const uint8_t *digest)
{
    uint8_t expected[NODE__MD5_SIZE];

    if (hs->self.cookie_in != NULL)
        node__handshake_digest(hs->self.cookie_in, hs->self.cookie_in_size,
                               hs->self.challenge, expected);
    else
        node__handshake_digest(hs->self.cookie, hs->self.cookie_size,
                               hs->self.challenge, expected);
    return node__handshake_same_digest(expected, digest);
}

/* What both offered, from the peer's offer; false when something is missing
 * that we cannot do without. The old challenge does what HANDSHAKE_23 is for.
 */
static bool agree_on_flags(struct node__handshake *hs, uint64_t offer, bool old)
{
    uint64_t missing = node__flags_missing(NODE__FLAGS_RELEASE, offer);

    if (old)
        missing &= ~NODE__FLAG_HANDSHAKE_23;
    hs->peer_flags = node__flags_expand(offer);
    hs->flags = hs->peer_flags & hs->self.flags & ~NODE__FLAG_NAME_ME;
    if (missing == 0)
        return true;
    (void)agner_fail(&hs->error, AGNER_ENOTALLOWED,
                     "the peer lacks the flag %s (it offers 0x%llx)",
                     node__flag_name(missing), (unsigned long long)offer);
    return false;
}

/* Who we are, in one of the two messages that say so. */
static enum agner_err say_hello(const struct node__handshake *hs, bool old,
                                bool challenge, uint64_t flags,
                                struct etf_buffer *out)
{
    const struct node__hello hello = {
        .old = old,
        .has_challenge = challenge,
        .flags = flags,
        .challenge = hs->self.challenge,
        .creation = hs->self.creation,
        .name = (const uint8_t *)hs->self.name,
        .name_size = strlen(hs->self.name),
    };

    return node__hello_write(out, &hello);
}

/* ---- The side that connects --------------------------------------------- */

/* What may be behind not_allowed: the names of flags that some release wants
 * and we do not offer, if there are any. */
static enum node__hs_state not_allowed(struct node__handshake *hs)
{
    static const unsigned releases[] = { 23, 25, 26 };
    size_t i;

    for (i = 0; i < sizeof releases / sizeof releases[0]; i++) {
        uint64_t missing = node__flags_missing(releases[i], hs->self.flags);

        if (missing == 0)
            continue;
        (void)agner_fail(&hs->error, AGNER_ENOTALLOWED,
                         "the peer does not allow us, or misses the flag %s, "
                         "which OTP %u and later need",
                         node__flag_name(missing), releases[i]);
        return failed(hs);
    }
    return fail(hs, AGNER_ENOTALLOWED,
                "the peer does not allow us, or misses a flag in our offer");
}

static bool is_text(const uint8_t *body, size_t size, const char *text)
{
    return size == strlen(text) && memcmp(body, text, size) == 0;
}

/* size:16, name, creation:32, after "named:". */
static enum node__hs_state take_name(struct node__handshake *hs,
                                     const uint8_t *body, size_t size)
{
    size_t name_size = size < 6 ? 0 : node__read16(body);

    if (!(hs->self.flags & NODE__FLAG_NAME_ME))
        return fail(hs, AGNER_EPROTO, "a name that was not asked for");
    if (size < 6 || name_size != size - 6)
        return fail(hs, AGNER_EPROTO, "our name is cut short");
    if (node__name_check((const char *)body + 2, name_size, &hs->error) !=
        AGNER_OK)
        return failed(hs);
    if (is_text(body + 2, name_size, "nonode@nohost") ||
        node__read32(body + size - 4) == 0)
        return fail(hs, AGNER_EPROTO, "our name is that of no node");
    memcpy(hs->given, body + 2, name_size);
    hs->given[name_size] = '\0';
    hs->self.name = hs->given;
    hs->self.creation = node__read32(body + size - 4);
    say(hs, "received our name %s, creation %u", hs->given, hs->self.creation);
    return HS_CHALLENGE;
}

static enum node__hs_state read_status(struct node__handshake *hs,
                                       const uint8_t *message, size_t size,
                                       struct etf_buffer *out)
{
    const uint8_t *body = message + 1;
    size_t i, named = strlen("named:");

    (void)out;
    size--;
    if (size >= named && memcmp(body, "named:", named) == 0)
        return take_name(hs, body + named, size - named);
    for (i = 0; i < sizeof status_texts / sizeof status_texts[0]; i++)
        if (is_text(body, size, status_texts[i]))
            break;
    if (i == sizeof status_texts / sizeof status_texts[0])
        return fail(hs, AGNER_EPROTO, "a status that is not known");
    say(hs, "received status %s", status_texts[i]);
    if (i <= HS_OK_SIMULTANEOUS && (hs->self.flags & NODE__FLAG_NAME_ME))
        return fail(hs, AGNER_EPROTO, "the peer gives no names");
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
        return not_allowed(hs);
    }
    return fail(hs, AGNER_EPROTO, "a status that is not known");
}

static enum node__hs_state send_reply(struct node__handshake *hs,
                                      struct etf_buffer *out)
{
    uint8_t body[4 + NODE__MD5_SIZE];

    node__handshake_digest(hs->self.cookie, hs->self.cookie_size,
                           hs->peer_challenge,
                           node__write32(body, hs->self.challenge));
    say(hs, "send our digest and challenge");
    return sent(hs, node__message_write(out, 'r', body, sizeof body), HS_ACK);
}

/* Whoever answers there has another name than the dialled one. */
static enum node__hs_state other_node(struct node__handshake *hs,
                                      const struct node__hello *hello)
{
    if (node__name_check((const char *)hello->name, hello->name_size,
                         &hs->error) == AGNER_OK)
        (void)agner_fail(&hs->error, AGNER_ENONAME,
                         "another node answers there: it is called %.*s",
                         (int)hello->name_size, (const char *)hello->name);
    return failed(hs);
}

static enum node__hs_state read_challenge(struct node__handshake *hs,
                                          const uint8_t *message, size_t size,
                                          struct etf_buffer *out)
{
    struct node__hello hello = { .has_challenge = true };
    const char *wrong = node__hello_read(message, size, &hello);

    if (wrong != NULL)
        return fail(hs, AGNER_EPROTO, wrong);
    if (hello.name_size != strlen(hs->peer) ||
        memcmp(hello.name, hs->peer, hello.name_size) != 0)
        return other_node(hs, &hello);
    hs->peer_challenge = hello.challenge;
    hs->peer_creation = hello.creation;
    if (!agree_on_flags(hs, hello.flags, hello.old))
        return failed(hs);
    if (hs->peer_challenge == hs->self.challenge)
        return fail(hs, AGNER_EAUTH, "our own challenge was sent back");
    say(hs, "received challenge%s, flags 0x%llx, creation %u",
        hello.old ? " of version 5" : "", (unsigned long long)hs->peer_flags,
        hs->peer_creation);
    if (hs->old && !hello.old) {
        say(hs, "send the rest of our flags, creation %u", hs->self.creation);
        if (node__complement_write(out, hs->self.flags, hs->self.creation) !=
            AGNER_OK)
            return sent(hs, AGNER_ENOMEM, HS_FAILED);
    }
    return send_reply(hs, out);
}

static enum node__hs_state read_ack(struct node__handshake *hs,
                                    const uint8_t *message, size_t size,
                                    struct etf_buffer *out)
{
    (void)out;
    if (size != 1 + NODE__MD5_SIZE)
        return fail(hs, AGNER_EPROTO, "a digest of the wrong size");
    if (!digest_is_right(hs, message + 1))
        return fail(hs, AGNER_EAUTH,
                    "the peer's digest is wrong: cookies differ");
    say(hs, "received the right digest: up");
    return HS_UP;
}

/* ---- The side that accepts ---------------------------------------------- */

/* The challenge, in the form that the peer understands, and what comes then. */
static enum node__hs_state send_challenge(struct node__handshake *hs,
                                          struct etf_buffer *out)
{
    uint64_t flags = hs->self.flags;
    bool old = hs->old && !(hs->peer_flags & NODE__FLAG_HANDSHAKE_23);

    if (hs->wants_name)
        flags = (flags | NODE__FLAG_NAME_ME) & ~NODE__FLAG_PUBLISHED;
    say(hs, "send challenge%s", old ? " of version 5" : "");
    return sent(hs, say_hello(hs, old, true, flags, out),
                hs->old && !old ? HS_COMPLEMENT : HS_REPLY);
}

/* Who asks for a name says its host only. */
static enum agner_err check_name(struct node__handshake *hs, const char *name,
                                 size_t size)
{
    return hs->wants_name ? node__host_check(name, size, &hs->error)
                          : node__name_check(name, size, &hs->error);
}

static enum node__hs_state read_name(struct node__handshake *hs,
                                     const uint8_t *message, size_t size,
                                     struct etf_buffer *out)
{
    struct node__hello hello = { .has_challenge = false };
    const char *wrong = node__hello_read(message, size, &hello);

    if (wrong != NULL)
        return fail(hs, AGNER_EPROTO, wrong);
    hs->old = hello.old;
    hs->wants_name = (hello.flags & NODE__FLAG_NAME_ME) != 0;
    if (check_name(hs, (const char *)hello.name, hello.name_size) != AGNER_OK)
        return failed(hs);
    memcpy(hs->peer, hello.name, hello.name_size);
    hs->peer[hello.name_size] = '\0';
    hs->peer_creation = hello.creation;
    say(hs, "received name %s%s, flags 0x%llx, creation %u", hs->peer,
        hs->old ? " in version 5" : "", (unsigned long long)hello.flags,
        hs->peer_creation);
    if (!agree_on_flags(hs, hello.flags, hello.old)) {
        (void)send_status(hs, status_texts[HS_NOT_ALLOWED], out, HS_FAILED);
        return failed(hs);
    }
    return HS_DECIDE;
}

/* flags' high half:32, creation:32. */
static enum node__hs_state read_complement(struct node__handshake *hs,
                                           const uint8_t *message, size_t size,
                                           struct etf_buffer *out)
{
    uint64_t offer;

    (void)out;
    if (size != 1 + 8)
        return fail(hs, AGNER_EPROTO, "a complement of the wrong size");
    offer = hs->peer_flags | (uint64_t)node__read32(message + 1) << 32;
    hs->peer_creation = node__read32(message + 5);
    (void)agree_on_flags(hs, offer, true); /* what is mandatory is there */
    say(hs, "received the rest: flags 0x%llx, creation %u",
        (unsigned long long)hs->peer_flags, hs->peer_creation);
    return HS_REPLY;
}

static enum node__hs_state read_alive(struct node__handshake *hs,
                                      const uint8_t *message, size_t size,
                                      struct etf_buffer *out)
{
    if (is_text(message + 1, size - 1, "true")) {
        say(hs, "received true: the old connection is dead");
        return send_challenge(hs, out);
    }
    if (is_text(message + 1, size - 1, "false"))
        return fail(hs, AGNER_EALREADY, "the old connection stays");
    return fail(hs, AGNER_EPROTO, "neither true nor false");
}

static enum node__hs_state send_ack(struct node__handshake *hs,
                                    const char *cookie, size_t size,
                                    struct etf_buffer *out)
{
    uint8_t digest[NODE__MD5_SIZE];

    node__handshake_digest(cookie, size, hs->peer_challenge, digest);
    say(hs, "received the right digest");
    say(hs, "send our digest: up");
    return sent(hs, node__message_write(out, 'a', digest, sizeof digest),
                HS_UP);
}

/* Which of our further cookies the digest is of; all are looked at, so that
 * the time does not tell which. */
static bool is_of_another(const struct node__handshake *hs,
                          const uint8_t *digest, char right[256])
{
    uint8_t expected[NODE__MD5_SIZE];
    char cookie[256];
    bool found = false;

    if (hs->self.another == NULL || hs->self.cookie_in != NULL)
        return false;
    for (size_t i = 0; hs->self.another(hs->self.ctx, i, cookie); i++) {
        node__handshake_digest(cookie, strlen(cookie), hs->self.challenge,
                               expected);
        if (node__handshake_same_digest(expected, digest)) {
            memcpy(right, cookie, sizeof cookie);
            found = true;
        }
    }
    explicit_bzero(cookie, sizeof cookie);
    return found;
}

static enum node__hs_state read_reply(struct node__handshake *hs,
                                      const uint8_t *message, size_t size,
                                      struct etf_buffer *out)
{
    char cookie[256] = "";
    enum node__hs_state next;
    bool right, other;

    if (size != 1 + 4 + NODE__MD5_SIZE)
        return fail(hs, AGNER_EPROTO, "a digest of the wrong size");
    hs->peer_challenge = node__read32(message + 1);
    right = digest_is_right(hs, message + 5);
    other = is_of_another(hs, message + 5, cookie);
    if (hs->peer_challenge == hs->self.challenge)
        next = fail(hs, AGNER_EAUTH, "our own challenge was sent back");
    else if (!right && !other)
        next =
            fail(hs, AGNER_EAUTH, "the peer's digest is wrong: cookies differ");
    else if (right)
        next = send_ack(hs, hs->self.cookie, hs->self.cookie_size, out);
    else
        next = send_ack(hs, cookie, strlen(cookie), out);
    explicit_bzero(cookie, sizeof cookie);
    return next;
}

/* ---- The machine -------------------------------------------------------- */

/* The messages that a state accepts, and their reader, which gets them with
 * their tag. States without a row take no bytes. */
static const struct row {
    uint8_t tag;
    uint8_t old_tag; /* of version 5, or 0 */
    enum node__hs_state (*read)(struct node__handshake *hs,
                                const uint8_t *message, size_t size,
                                struct etf_buffer *out);
} rows[] = {
    [HS_STATUS] = { 's', 0, read_status },
    [HS_CHALLENGE] = { 'N', 'n', read_challenge },
    [HS_ACK] = { 'a', 0, read_ack },
    [HS_NAME] = { 'N', 'n', read_name },
    [HS_ALIVE] = { 's', 0, read_alive },
    [HS_COMPLEMENT] = { 'c', 0, read_complement },
    [HS_REPLY] = { 'r', 0, read_reply },
    [HS_FAILED] = { 0, 0, NULL },
};

static enum node__hs_state read_message(struct node__handshake *hs,
                                        const uint8_t *message, size_t size,
                                        struct etf_buffer *out)
{
    const struct row *row = &rows[hs->state];
    bool old = row->old_tag != 0 && message[0] == row->old_tag;

    if (old && hs->state == HS_CHALLENGE && !hs->old)
        return fail(hs, AGNER_EPROTO,
                    "a challenge of version 5 to a name of version 6");
    if (message[0] != row->tag && !old) {
        (void)agner_fail(&hs->error, AGNER_EPROTO,
                         "message 0x%02x while waiting for %s", message[0],
                         waits_for[hs->state]);
        return failed(hs);
    }
    return row->read(hs, message, size, out);
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

static enum agner_err dial(struct node__handshake *hs,
                           const struct node__hs_self *self, const char *peer,
                           bool old, struct etf_buffer *out,
                           struct agner_error *error)
{
    size_t peer_size = strlen(peer), name_size = strlen(self->name);
    enum agner_err err = node__name_check(peer, peer_size, error);

    if (err == AGNER_OK)
        err = self->flags & NODE__FLAG_NAME_ME
                  ? node__host_check(self->name, name_size, error)
                  : node__name_check(self->name, name_size, error);
    if (err != AGNER_OK)
        return err;
    begin(hs, self);
    hs->initiator = true;
    hs->old = old;
    hs->state = HS_STATUS;
    memcpy(hs->peer, peer, peer_size + 1);
    err = say_hello(hs, old, false, self->flags, out);
    if (err != AGNER_OK)
        return agner_fail(error, err, "no memory to greet %s", peer);
    say(hs, "send name %s%s, flags 0x%llx", self->name,
        old ? " in version 5" : "", (unsigned long long)self->flags);
    return AGNER_OK;
}

enum agner_err node__handshake_dial(struct node__handshake *hs,
                                    const struct node__hs_self *self,
                                    const char *peer, struct etf_buffer *out,
                                    struct agner_error *error)
{
    return dial(hs, self, peer, false, out, error);
}

enum agner_err node__handshake_dial_old(struct node__handshake *hs,
                                        const struct node__hs_self *self,
                                        const char *peer,
                                        struct etf_buffer *out,
                                        struct agner_error *error)
{
    if (self->flags & NODE__FLAG_NAME_ME)
        return agner_fail(error, AGNER_ENOTSUP,
                          "%s speaks version 5, and gives no names", peer);
    return dial(hs, self, peer, true, out, error);
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
    const char *text = go_on ? "true" : "false";

    assert(hs->state == HS_ASK_ALIVE);
    say(hs, "send %s", text);
    hs->state = send_status(hs, text, out, HS_CHALLENGE);
    if (hs->state == HS_CHALLENGE && !go_on)
        hs->state = fail(hs, AGNER_EALREADY, "our old connection stays");
    return hs->state;
}

/* What a status leads to once it is sent. */
static enum node__hs_state after(struct node__handshake *hs,
                                 enum node__hs_status status,
                                 struct etf_buffer *out)
{
    switch (status) {
    case HS_OK:
    case HS_OK_SIMULTANEOUS:
        return send_challenge(hs, out);
    case HS_NOK:
        return fail(hs, AGNER_EALREADY, "we are dialling it ourselves");
    case HS_NOT_ALLOWED:
        return fail(hs, AGNER_ENOTALLOWED, "this peer is not allowed");
    case HS_IS_ALIVE:
        break;
    }
    return HS_ALIVE;
}

enum node__hs_state node__handshake_decide(struct node__handshake *hs,
                                           enum node__hs_status status,
                                           struct etf_buffer *out)
{
    assert(hs->state == HS_DECIDE);
    assert(!hs->wants_name || status == HS_NOT_ALLOWED);
    say(hs, "send status %s", status_texts[status]);
    hs->state = send_status(hs, status_texts[status], out, HS_DECIDE);
    if (hs->state == HS_DECIDE)
        hs->state = after(hs, status, out);
    return hs->state;
}

enum node__hs_state node__handshake_rename(struct node__handshake *hs,
                                           const char *name, uint32_t creation,
                                           struct etf_buffer *out)
{
    uint8_t body[6 + 2 + NODE__NAME_MAX + 4] = "named:";
    uint8_t *p = body + 6;
    size_t size = strlen(name);

    assert(hs->state == HS_DECIDE && hs->wants_name);
    assert(node__name_check(name, size, NULL) == AGNER_OK);
    p = node__write16(p, size);
    memcpy(p, name, size);
    p = node__write32(p + size, creation);
    say(hs, "send name %s, creation %u", name, creation);
    memcpy(hs->peer, name, size + 1);
    hs->peer_creation = creation;
    hs->state = sent(
        hs, node__message_write(out, 's', body, (size_t)(p - body)), HS_REPLY);
    if (hs->state == HS_REPLY)
        hs->state = send_challenge(hs, out);
    return hs->state;
}

void node__handshake_cookies(struct node__handshake *hs, const char *out,
                             const char *in)
{
    assert(hs->state == HS_DECIDE || hs->state == HS_STATUS);
    hs->self.cookie = out;
    hs->self.cookie_size = strlen(out);
    hs->self.cookie_in = in;
    hs->self.cookie_in_size = strlen(in);
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
