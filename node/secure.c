/*
 * secure.c -- the set-up of a secure link: messages in, bytes out.
 *
 * The table of states is in secure.h; `rows` below has the same rows. What a
 * peer sends ends in SECURE_FAILED with a sentence, and never anywhere else.
 */
#include "secure.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "flags.h"
#include "set_up_line.h"

#define PREFACE       "AGNR\1\0\0\0"
#define PROLOGUE      "agner-link-1"
#define PROLOGUE_SIZE (sizeof PROLOGUE - 1)

/* Sizes of messages without their length. */
#define FIRST_SIZE  48u /* e, an empty payload */
#define SECOND_SIZE 96u /* e, s, an empty payload */
#define THIRD_MIN   (64u + 38u)
#define WELCOME_MIN (1u + 38u + NOISE_TAG_SIZE)
#define GO_ON_SIZE  (2u + NOISE_TAG_SIZE)

_Static_assert(64 + SECURE_CLAIMS_MAX <= SECURE_MESSAGE_MAX &&
                   1 + SECURE_CLAIMS_MAX + NOISE_TAG_SIZE <= SECURE_MESSAGE_MAX,
               "what is said of oneself fits into a message");
_Static_assert(SECURE_PREFACE_SIZE <= SECURE_MESSAGE_MAX, "it is kept there");

static const char *const waits_for[] = {
    [SECURE_SECOND] = "the peer's key",
    [SECURE_ASK_KEY] = "our own decision about the peer's key",
    [SECURE_WELCOME] = "the peer's welcome",
    [SECURE_ASK_ALIVE] = "our own decision about the connection it has",
    [SECURE_PREFACE] = "the beginning of a secure link",
    [SECURE_FIRST] = "the peer's first key",
    [SECURE_THIRD] = "the peer's proof",
    [SECURE_ASK_PSKS] = "our own cookies",
    [SECURE_DECIDE] = "our own decision about the peer",
    [SECURE_GO_ON] = "word whether the old connection is alive",
    [SECURE_UP] = "nothing: the link is up",
    [SECURE_FAILED] = "nothing: the set-up failed",
};

#define say(s, ...) \
    node__set_up_line((s)->self.line, (s)->self.ctx, __VA_ARGS__)

/* Fails with what s->error already says. */
static enum secure_state failed(struct secure *s)
{
    say(s, "failed: %s", s->error.text);
    s->failed_in = s->state;
    node__noise_wipe(&s->noise, sizeof s->noise);
    node__noise_wipe(&s->own, sizeof s->own);
    node__noise_wipe(s->ephemeral, sizeof s->ephemeral);
    node__noise_wipe(s->psk, sizeof s->psk);
    node__noise_wipe(&s->sends, sizeof s->sends);
    node__noise_wipe(&s->receives, sizeof s->receives);
    node__noise_wipe(s->message, sizeof s->message);
    return SECURE_FAILED;
}

static enum secure_state fail(struct secure *s, enum agner_err err,
                              const char *text)
{
    (void)agner_fail(&s->error, err, "%s", text);
    return failed(s);
}

/* ---- Writing --------------------------------------------------------------
 */

/* Appends a message with its length. The state after it is `next`. */
static enum secure_state send_message(struct secure *s, const uint8_t *message,
                                      size_t size, struct etf_buffer *out,
                                      enum secure_state next)
{
    const uint8_t length[NOISE_LENGTH_SIZE] = { (uint8_t)(size >> 8),
                                                (uint8_t)size };

    if (etf_buffer_reserve(out, sizeof length + size) != AGNER_OK)
        return fail(s, AGNER_ENOMEM, "no memory for our part of the set-up");
    (void)etf_buffer_add(out, length, sizeof length); /* there is room */
    (void)etf_buffer_add(out, message, size);
    return next;
}

/* The next message of the handshake. */
static enum secure_state send_noise(struct secure *s, const uint8_t *payload,
                                    size_t size, struct etf_buffer *out,
                                    enum secure_state next)
{
    uint8_t message[SECURE_MESSAGE_MAX];
    size_t written;

    if (node__noise_write(&s->noise, payload, size, message, sizeof message,
                          &written) != AGNER_OK)
        return fail(s, AGNER_EPROTO,
                    "a public key of the peer that no secret key has");
    return send_message(s, message, written, out, next);
}

/* A record of that type. */
static enum secure_state send_record(struct secure *s, enum record_type type,
                                     const uint8_t *body, size_t size,
                                     struct etf_buffer *out,
                                     enum secure_state next)
{
    uint8_t record[NOISE_LENGTH_SIZE + SECURE_MESSAGE_MAX];
    size_t whole;

    record[NOISE_LENGTH_SIZE] = (uint8_t)type;
    memcpy(record + NOISE_LENGTH_SIZE + 1, body, size);
    if (node__record_seal(&s->sends, record, 1 + size, &whole) != AGNER_OK)
        return fail(s, AGNER_ELIMIT, "the numbers of frames are used up");
    return send_message(s, record + NOISE_LENGTH_SIZE,
                        whole - NOISE_LENGTH_SIZE, out, next);
}

static struct secure_claims own_claims(const struct secure *s)
{
    struct secure_claims claims = { .flags = s->self.flags,
                                    .creation = s->self.creation,
                                    .link = s->self.link,
                                    .packet_max = s->self.packet_max,
                                    .tick_ms = s->self.tick_ms,
                                    .permits = s->self.permits };

    (void)snprintf(claims.name, sizeof claims.name, "%s", s->self.name);
    return claims;
}

/* ---- What both sides do ----------------------------------------------------
 */

/* The ciphers of both directions; only what the handshake needed goes. */
static void split(struct secure *s)
{
    struct noise_cipher sends, receives;

    node__noise_split(&s->noise, &sends, &receives);
    s->sends = (struct noise_record){ .cipher = sends,
                                      .rekey_frames = s->self.rekey_frames };
    s->receives = (struct noise_record){ .cipher = receives,
                                         .rekey_frames = s->self.rekey_frames };
    node__noise_wipe(&sends, sizeof sends);
    node__noise_wipe(&receives, sizeof receives);
    node__noise_wipe(&s->noise, sizeof s->noise);
    node__noise_wipe(&s->own, sizeof s->own);
    node__noise_wipe(s->ephemeral, sizeof s->ephemeral);
}

static bool begin_noise(struct secure *s)
{
    uint8_t prologue[PROLOGUE_SIZE + SECURE_PREFACE_SIZE];
    enum agner_err err;

    memcpy(prologue, PROLOGUE, PROLOGUE_SIZE);
    memcpy(prologue + PROLOGUE_SIZE, s->preface, SECURE_PREFACE_SIZE);
    err = node__noise_begin(&s->noise, NOISE_XXPSK3, s->initiator, prologue,
                            sizeof prologue, &s->own, s->ephemeral);
    node__noise_wipe(s->ephemeral, sizeof s->ephemeral);
    return err == AGNER_OK;
}

/* What both offered; false when something is missing that we need. */
static bool agree_on_flags(struct secure *s)
{
    uint64_t offer = s->claims.flags;
    uint64_t missing = node__flags_missing(NODE__FLAGS_RELEASE, offer);

    s->peer_flags = node__flags_expand(offer);
    s->flags = s->peer_flags & s->self.flags & ~NODE__FLAG_NAME_ME;
    if (missing == 0)
        return true;
    (void)agner_fail(&s->error, AGNER_ENOTALLOWED,
                     "the peer lacks the flag %s (it offers 0x%llx)",
                     node__flag_name(missing), (unsigned long long)offer);
    return false;
}

/* The text of the record in s->message, behind its type byte; NULL: it is
 * another, and `error` says so. */
static const uint8_t *open_record(struct secure *s, enum record_type type,
                                  size_t *size)
{
    const uint8_t *text = s->message + NOISE_LENGTH_SIZE;

    if (node__record_open(&s->receives, s->message, size) != AGNER_OK)
        (void)agner_fail(&s->error, AGNER_EPROTO,
                         "a record that is not the peer's next one");
    else if (*size == 0 || text[0] != (uint8_t)type)
        (void)agner_fail(&s->error, AGNER_EPROTO,
                         "a record of type %u while waiting for %s",
                         *size == 0 ? 0u : text[0], waits_for[s->state]);
    else {
        (*size)--;
        return text + 1;
    }
    return NULL;
}

/* ---- The side that dials ---------------------------------------------------
 */

static enum secure_state read_second(struct secure *s, size_t size,
                                     struct etf_buffer *out)
{
    uint8_t payload[SECOND_SIZE];
    size_t payload_size;

    (void)out;
    if (node__noise_read(&s->noise, s->message + NOISE_LENGTH_SIZE, size,
                         payload, &payload_size) != AGNER_OK)
        return fail(s, AGNER_EPROTO, "the peer's key did not come unchanged");
    memcpy(s->peer_key, s->noise.peer_static, sizeof s->peer_key);
    say(s, "received the peer's key");
    return SECURE_ASK_KEY;
}

enum secure_state node__secure_key_is_good(struct secure *s,
                                           const uint8_t psk[NOISE_KEY_SIZE],
                                           struct etf_buffer *out)
{
    struct secure_claims claims = own_claims(s);
    uint8_t bytes[SECURE_CLAIMS_MAX];
    size_t size;

    assert(s->state == SECURE_ASK_KEY);
    (void)snprintf(claims.other, sizeof claims.other, "%s", s->peer);
    size = node__claims_write(&claims, bytes);
    node__noise_psk(&s->noise, psk);
    say(s, "send our key and name, flags 0x%llx",
        (unsigned long long)s->self.flags);
    s->state = send_noise(s, bytes, size, out, SECURE_WELCOME);
    if (s->state == SECURE_WELCOME)
        split(s);
    return s->state;
}

/* The name that the peer gave us, if we asked for one. */
static bool take_name(struct secure *s)
{
    const struct secure_claims *claims = &s->claims;
    size_t size = strlen(claims->other);

    if ((s->self.flags & NODE__FLAG_NAME_ME) == 0 && size == 0)
        return true;
    if (claims->other_creation == 0 ||
        node__name_check(claims->other, size, NULL) != AGNER_OK ||
        strcmp(claims->other, "nonode@nohost") == 0 ||
        (s->self.flags & NODE__FLAG_NAME_ME) == 0)
        return false;
    memcpy(s->given, claims->other, size + 1);
    s->self.name = s->given;
    s->self.creation = claims->other_creation;
    say(s, "received our name %s, creation %u", s->given, s->self.creation);
    return true;
}

static enum secure_state read_welcome(struct secure *s, size_t size,
                                      struct etf_buffer *out)
{
    const uint8_t *body = open_record(s, RECORD_WELCOME, &size);
    const char *wrong;

    (void)out;
    if (body == NULL)
        return failed(s);
    wrong = node__claims_read(body, size, &s->claims);
    if (wrong != NULL)
        return fail(s, AGNER_EPROTO, wrong);
    if (strcmp(s->claims.name, s->peer) != 0) {
        (void)agner_fail(&s->error, AGNER_ENONAME,
                         "another node answers there: it is called %.200s",
                         s->claims.name);
        return failed(s);
    }
    say(s, "received welcome %d, flags 0x%llx, creation %u",
        (int)s->claims.status, (unsigned long long)s->claims.flags,
        s->claims.creation);
    s->peer_creation = s->claims.creation;
    if (s->claims.status == SECURE_NOT_PERMITTED)
        return fail(s, AGNER_ENOTALLOWED, "the peer does not allow us");
    if (s->claims.status == SECURE_NOK)
        return fail(s, AGNER_EALREADY,
                    "the peer is dialling us, and its attempt goes on");
    if (!agree_on_flags(s))
        return failed(s);
    if (!take_name(s))
        return fail(s, AGNER_EPROTO, "the name that it gives us is none");
    return s->claims.status == SECURE_ALIVE ? SECURE_ASK_ALIVE : SECURE_UP;
}

enum secure_state node__secure_go_on(struct secure *s, bool go_on,
                                     struct etf_buffer *out)
{
    const uint8_t body = go_on;

    assert(s->state == SECURE_ASK_ALIVE);
    say(s, "send go on: %s", go_on ? "yes" : "no");
    s->state = send_record(s, RECORD_GO_ON, &body, 1, out, SECURE_UP);
    if (s->state == SECURE_UP && !go_on)
        s->state = fail(s, AGNER_EALREADY, "our old connection stays");
    return s->state;
}

/* ---- The side that accepts -------------------------------------------------
 */

static enum secure_state read_preface(struct secure *s, size_t size,
                                      struct etf_buffer *out)
{
    static const uint8_t expected[] = PREFACE;

    (void)size;
    (void)out;
    memcpy(s->preface, s->message, SECURE_PREFACE_SIZE);
    if (memcmp(s->preface, expected, 4) != 0)
        return fail(s, AGNER_EPROTO,
                    "bytes that begin neither a secure nor a plain link");
    if (s->preface[4] != expected[4]) {
        (void)agner_fail(&s->error, AGNER_EPROTO,
                         "version %u of secure links; only 1 is known",
                         s->preface[4]);
        return failed(s);
    }
    if (memcmp(s->preface + 5, expected + 5, 3) != 0)
        return fail(s, AGNER_EPROTO, "unknown options of a secure link");
    return SECURE_FIRST;
}

static enum secure_state read_first(struct secure *s, size_t size,
                                    struct etf_buffer *out)
{
    uint8_t payload[FIRST_SIZE];
    size_t payload_size;

    if (!begin_noise(s))
        return fail(s, AGNER_EINVAL, "our own key is none");
    if (node__noise_read(&s->noise, s->message + NOISE_LENGTH_SIZE, size,
                         payload, &payload_size) != AGNER_OK)
        return fail(s, AGNER_EPROTO,
                    "the peer's first message did not come unchanged");
    say(s, "received the peer's first key; send ours");
    return send_noise(s, NULL, 0, out, SECURE_THIRD);
}

static enum secure_state read_third(struct secure *s, size_t size,
                                    struct etf_buffer *out)
{
    (void)out;
    if (node__noise_read_static(&s->noise, s->message + NOISE_LENGTH_SIZE, size,
                                &s->used) != AGNER_OK)
        return fail(s, AGNER_EPROTO, "the peer's key did not come unchanged");
    memcpy(s->peer_key, s->noise.peer_static, sizeof s->peer_key);
    s->held = size - s->used; /* the part that a psk opens */
    say(s, "received the peer's key");
    return SECURE_ASK_PSKS;
}

/* Tries all keys; the right one's state and payload are kept. A copy is made
 * for each, so that the right one costs what the others do. */
static bool try_all(struct secure *s, const uint8_t (*psks)[NOISE_KEY_SIZE],
                    size_t count, uint8_t payload[SECURE_MESSAGE_MAX],
                    size_t *payload_size)
{
    const uint8_t *rest = s->message + NOISE_LENGTH_SIZE + s->used;
    struct noise before = s->noise;
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        uint8_t plain[SECURE_MESSAGE_MAX];
        struct noise trial = before;
        size_t size;

        if (node__noise_try(&trial, psks[i], rest, s->held, plain, &size) ==
            AGNER_OK) {
            found = true;
            s->noise = trial;
            memcpy(s->psk, psks[i], sizeof s->psk);
            memcpy(payload, plain, size);
            *payload_size = size;
        }
        node__noise_wipe(&trial, sizeof trial);
    }
    node__noise_wipe(&before, sizeof before);
    s->held = 0;
    return found;
}

/* What the initiator says of itself. */
static enum secure_state take_claims(struct secure *s, const uint8_t *payload,
                                     size_t size)
{
    const char *wrong = node__claims_read(payload, size, &s->claims);
    size_t name_size;
    enum agner_err err;

    if (wrong != NULL)
        return fail(s, AGNER_EPROTO, wrong);
    s->wants_name = (s->claims.flags & NODE__FLAG_NAME_ME) != 0;
    name_size = strlen(s->claims.name);
    err = s->wants_name
              ? node__host_check(s->claims.name, name_size, &s->error)
              : node__name_check(s->claims.name, name_size, &s->error);
    if (err != AGNER_OK)
        return failed(s);
    memcpy(s->peer, s->claims.name, name_size + 1);
    s->peer_creation = s->claims.creation;
    say(s, "received name %s, flags 0x%llx, creation %u", s->peer,
        (unsigned long long)s->claims.flags, s->peer_creation);
    return SECURE_DECIDE;
}

enum secure_state node__secure_psks(struct secure *s,
                                    const uint8_t (*psks)[NOISE_KEY_SIZE],
                                    size_t count)
{
    uint8_t payload[SECURE_MESSAGE_MAX];
    size_t size = 0;

    assert(s->state == SECURE_ASK_PSKS);
    if (!try_all(s, psks, count, payload, &size)) {
        s->state = fail(s, AGNER_EAUTH, "the peer has another cookie");
        return s->state;
    }
    split(s);
    s->state = take_claims(s, payload, size);
    return s->state;
}

static enum secure_state send_welcome(struct secure *s,
                                      struct secure_claims *claims,
                                      struct etf_buffer *out,
                                      enum secure_state next)
{
    uint8_t bytes[SECURE_CLAIMS_MAX];
    size_t size = node__claims_write(claims, bytes);

    say(s, "send welcome %d", (int)claims->status);
    return send_record(s, RECORD_WELCOME, bytes, size, out, next);
}

static enum secure_state decide(struct secure *s, enum node__hs_status status,
                                struct etf_buffer *out)
{
    struct secure_claims claims = own_claims(s);

    if (!agree_on_flags(s)) {
        claims.status = SECURE_NOT_PERMITTED;
        (void)send_welcome(s, &claims, out, SECURE_FAILED);
        return failed(s);
    }
    switch (status) {
    case HS_OK:
    case HS_OK_SIMULTANEOUS:
        return send_welcome(s, &claims, out, SECURE_UP);
    case HS_IS_ALIVE:
        claims.status = SECURE_ALIVE;
        return send_welcome(s, &claims, out, SECURE_GO_ON);
    case HS_NOK:
        claims.status = SECURE_NOK;
        (void)send_welcome(s, &claims, out, SECURE_FAILED);
        return fail(s, AGNER_EALREADY, "we are dialling it ourselves");
    case HS_NOT_ALLOWED:
        break;
    }
    claims.status = SECURE_NOT_PERMITTED;
    (void)send_welcome(s, &claims, out, SECURE_FAILED);
    return fail(s, AGNER_ENOTALLOWED, "this peer is not allowed");
}

enum secure_state node__secure_decide(struct secure *s,
                                      enum node__hs_status status,
                                      struct etf_buffer *out)
{
    assert(s->state == SECURE_DECIDE);
    assert(!s->wants_name || status == HS_NOT_ALLOWED);
    s->state = decide(s, status, out);
    return s->state;
}

enum secure_state node__secure_rename(struct secure *s, const char *name,
                                      uint32_t creation, struct etf_buffer *out)
{
    struct secure_claims claims = own_claims(s);
    size_t size = strlen(name);

    assert(s->state == SECURE_DECIDE && s->wants_name);
    assert(node__name_check(name, size, NULL) == AGNER_OK);
    if (!agree_on_flags(s)) {
        s->state = decide(s, HS_NOT_ALLOWED, out);
        return s->state;
    }
    /* A node that gives names is not told of to others by who has one. */
    claims.flags &= ~NODE__FLAG_PUBLISHED;
    memcpy(claims.other, name, size + 1);
    claims.other_creation = creation;
    memcpy(s->peer, name, size + 1);
    s->peer_creation = creation;
    say(s, "send name %s, creation %u", name, creation);
    s->state = send_welcome(s, &claims, out, SECURE_UP);
    return s->state;
}

static enum secure_state read_go_on(struct secure *s, size_t size,
                                    struct etf_buffer *out)
{
    const uint8_t *body = open_record(s, RECORD_GO_ON, &size);

    (void)out;
    if (body == NULL)
        return failed(s);
    if (size != 1 || body[0] > 1)
        return fail(s, AGNER_EPROTO, "neither yes nor no");
    say(s, "received go on: %s", body[0] ? "yes" : "no");
    if (body[0] == 0)
        return fail(s, AGNER_EALREADY, "the old connection stays");
    return SECURE_UP;
}

/* ---- The machine -------------------------------------------------------- */

/* What a state takes: sizes without the length, and its reader. States without
 * a reader take no bytes. */
static const struct row {
    size_t min, max;
    enum secure_state (*read)(struct secure *s, size_t size,
                              struct etf_buffer *out);
} rows[] = {
    [SECURE_SECOND] = { SECOND_SIZE, SECOND_SIZE, read_second },
    [SECURE_WELCOME] = { WELCOME_MIN, SECURE_MESSAGE_MAX, read_welcome },
    [SECURE_PREFACE] = { SECURE_PREFACE_SIZE, SECURE_PREFACE_SIZE,
                         read_preface },
    [SECURE_FIRST] = { FIRST_SIZE, FIRST_SIZE, read_first },
    [SECURE_THIRD] = { THIRD_MIN, SECURE_MESSAGE_MAX, read_third },
    [SECURE_GO_ON] = { GO_ON_SIZE, GO_ON_SIZE, read_go_on },
    [SECURE_FAILED] = { 0, 0, NULL },
};

/* Bytes of the message that is being collected, its length included. */
static size_t message_size(const struct secure *s)
{
    if (s->state == SECURE_PREFACE)
        return SECURE_PREFACE_SIZE;
    if (s->held < NOISE_LENGTH_SIZE)
        return NOISE_LENGTH_SIZE;
    return node__record_size(s->message);
}

/* A length that this state has no message of. */
static enum secure_state strange_length(struct secure *s, size_t size)
{
    (void)agner_fail(&s->error, AGNER_EPROTO,
                     "a message of %zu bytes while waiting for %s", size,
                     waits_for[s->state]);
    return failed(s);
}

/* Looks at what is held: a whole message is read, a wrong length refused. */
static enum secure_state look(struct secure *s, struct etf_buffer *out)
{
    const struct row *row = &rows[s->state];
    bool preface = s->state == SECURE_PREFACE;
    size_t whole = message_size(s);
    size_t size = preface ? whole : whole - NOISE_LENGTH_SIZE;

    if (!preface && s->held < NOISE_LENGTH_SIZE)
        return s->state;
    if (size < row->min || size > row->max)
        return strange_length(s, size);
    if (s->held < whole)
        return s->state;
    s->held = 0;
    return row->read(s, size, out);
}

enum secure_state node__secure_feed(struct secure *s, const uint8_t *bytes,
                                    size_t size, struct etf_buffer *out,
                                    size_t *used)
{
    size_t taken = 0;

    while (taken < size && rows[s->state].read != NULL) {
        size_t part = message_size(s) - s->held;

        if (part > size - taken)
            part = size - taken;
        memcpy(s->message + s->held, bytes + taken, part);
        s->held += part;
        taken += part;
        s->state = look(s, out);
    }
    *used = taken;
    return s->state;
}

static void begin(struct secure *s, const struct secure_self *self,
                  const struct noise_keys *own,
                  const uint8_t ephemeral[NOISE_KEY_SIZE])
{
    memset(s, 0, sizeof *s);
    s->self = *self;
    s->own = *own;
    memcpy(s->ephemeral, ephemeral, NOISE_KEY_SIZE);
}

enum agner_err node__secure_dial(struct secure *s,
                                 const struct secure_self *self,
                                 const char *peer, const struct noise_keys *own,
                                 const uint8_t ephemeral[NOISE_KEY_SIZE],
                                 struct etf_buffer *out,
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
    begin(s, self, own, ephemeral);
    s->initiator = true;
    memcpy(s->peer, peer, peer_size + 1);
    memcpy(s->preface, PREFACE, SECURE_PREFACE_SIZE);
    err = etf_buffer_add(out, s->preface, SECURE_PREFACE_SIZE);
    if (err == AGNER_OK && !begin_noise(s))
        err = AGNER_EINVAL;
    if (err == AGNER_OK) {
        say(s, "begin a secure link: send our first key");
        s->state = send_noise(s, NULL, 0, out, SECURE_SECOND);
        err = s->error.code;
    } else {
        (void)agner_fail(&s->error, err, "cannot begin a secure link");
        s->state = failed(s);
    }
    return err == AGNER_OK ? AGNER_OK
                           : agner_fail(error, err, "%s", s->error.text);
}

void node__secure_accept(struct secure *s, const struct secure_self *self,
                         const struct noise_keys *own,
                         const uint8_t ephemeral[NOISE_KEY_SIZE])
{
    begin(s, self, own, ephemeral);
    s->state = SECURE_PREFACE;
}

bool node__secure_asks(enum secure_state state)
{
    return state == SECURE_ASK_KEY || state == SECURE_ASK_ALIVE ||
           state == SECURE_ASK_PSKS || state == SECURE_DECIDE;
}

enum secure_state node__secure_refuse(struct secure *s, enum agner_err err,
                                      const char *text)
{
    assert(node__secure_asks(s->state));
    s->state = fail(s, err, text);
    return s->state;
}

void node__secure_ended(struct secure *s, enum agner_err err, const char *text)
{
    if (s->state == SECURE_UP || s->state == SECURE_FAILED)
        return;
    if (s->state == SECURE_WELCOME && err == AGNER_OK)
        (void)agner_fail(&s->error, AGNER_EAUTH,
                         "the peer closed after our proof: cookies differ, or "
                         "it does not trust our key");
    else if (s->state == SECURE_SECOND && err == AGNER_OK)
        (void)agner_fail(&s->error, AGNER_ENOCONN,
                         "the peer closed at once: it has no secure links, "
                         "or does not take us now");
    else
        (void)agner_fail(&s->error, err == AGNER_OK ? AGNER_ENOCONN : err,
                         "%s, while waiting for %s", text, waits_for[s->state]);
    s->state = failed(s);
}

const char *node__secure_waits_for(enum secure_state state)
{
    return waits_for[state];
}
