/*
 * secure.h -- the set-up of a secure link as a pure machine: bytes in, bytes
 * out.
 *
 * Private to node/. No socket, clock or random number: whoever owns the
 * connection gives keys, feeds what comes, sends what was written, and knows
 * the deadline. What needs the node's knowledge is asked for by a state that
 * the owner answers. A message is two bytes of length and at most
 * SECURE_MESSAGE_MAX more, which is all that is kept. What comes after
 * SECURE_UP is secure_stream.h's. Source: spec/reliability.md 6.2.
 *
 * The side that dials:
 *
 *   state             leaves on                   does             next
 *   ----------------  --------------------------  --------------- -------------
 *   SECURE_SECOND     message 1                   asks the owner SECURE_ASK_KEY
 *   SECURE_ASK_KEY    node__secure_key_is_good()  message 2 SECURE_WELCOME
 *   SECURE_WELCOME    ok                          nothing          SECURE_UP
 *                     alive                       asks the owner
 * SECURE_ASK_ALIVE nok, not permitted          names the cause  SECURE_FAILED
 *   SECURE_ASK_ALIVE  node__secure_go_on()        go on            SECURE_UP
 *                                                 go on: no SECURE_FAILED
 *
 * The side that accepts:
 *
 *   SECURE_PREFACE    the preface                 nothing          SECURE_FIRST
 *   SECURE_FIRST      message 0                   message 1        SECURE_THIRD
 *   SECURE_THIRD      message 2                   asks the owner
 * SECURE_ASK_PSKS SECURE_ASK_PSKS   node__secure_psks()         tries all
 * SECURE_DECIDE SECURE_DECIDE     node__secure_decide(), or   welcome SECURE_UP
 *                     node__secure_rename()
 *                       with alive                welcome          SECURE_GO_ON
 *                       with nok, not allowed     welcome SECURE_FAILED
 *   SECURE_GO_ON      go on                       nothing          SECURE_UP
 *
 * In a state that asks, node__secure_refuse() leads to SECURE_FAILED without a
 * word to the peer, as does everything else; `error` says why. UP and FAILED
 * are final, and all secrets are gone in FAILED.
 */
#ifndef NODE_SECURE_H
#define NODE_SECURE_H

#include <agner/etf.h>

#include "handshake.h"
#include "noise.h"
#include "noise_record.h"
#include "secure_claims.h"

#define SECURE_FIRST_BYTE   'A' /* of a preface, and of no plain handshake */
#define SECURE_PREFACE_SIZE 8u
#define SECURE_MESSAGE_MAX  2048u

enum secure_state {
    SECURE_SECOND,
    SECURE_ASK_KEY,
    SECURE_WELCOME,
    SECURE_ASK_ALIVE,
    SECURE_PREFACE,
    SECURE_FIRST,
    SECURE_THIRD,
    SECURE_ASK_PSKS,
    SECURE_DECIDE,
    SECURE_GO_ON,
    SECURE_UP,
    SECURE_FAILED,
};

/* Who we are. `name` and `ctx` are borrowed for as long as the machine runs. */
struct secure_self {
    const char *name; /* name@host; with NODE__FLAG_NAME_ME the host */
    uint32_t creation;
    uint64_t flags;      /* offered; with NAME_ME a dial asks for a name */
    uint32_t link;       /* SECURE_KEPT_KEY */
    uint32_t packet_max; /* these three are told, no more */
    uint32_t tick_ms;
    uint32_t permits;
    uint64_t rekey_frames; /* 0: NOISE_REKEY_FRAMES */
    /* Each step as a line of text, for people; or NULL. */
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

/* To be kept in memory for secrets: noise_secret.h. */
struct secure {
    enum secure_state state;
    enum secure_state failed_in; /* SECURE_FAILED: what the state was before */
    bool initiator;
    bool wants_name; /* responder, from SECURE_DECIDE on: it asks for one */
    struct secure_self self;
    /* Initiator that asked for a name: what it is called now; else empty. */
    char given[NODE__NAME_MAX + 1];

    /* The peer. Initiator: the name is the one that was dialled, the key is
     * known in SECURE_ASK_KEY, the rest after SECURE_WELCOME. Responder: the
     * key is known in SECURE_ASK_PSKS, the rest from SECURE_DECIDE on. */
    char peer[NODE__NAME_MAX + 1];
    uint8_t peer_key[NOISE_KEY_SIZE];
    struct secure_claims claims;
    uint32_t peer_creation;      /* of the name that was given, if one was */
    uint64_t peer_flags;         /* its offer, expanded */
    uint64_t flags;              /* what both offered */
    uint8_t psk[NOISE_KEY_SIZE]; /* responder: the one that was right */

    /* One for each direction; complete from SECURE_WELCOME or SECURE_DECIDE on.
     */
    struct noise_record sends, receives;

    struct agner_error error; /* SECURE_FAILED: why */

    struct noise noise;
    struct noise_keys own;
    uint8_t ephemeral[NOISE_KEY_SIZE];
    uint8_t preface[SECURE_PREFACE_SIZE];
    size_t used; /* of `message`, with its length: its first part is read */
    size_t held; /* bytes of a message that is not complete */
    uint8_t message[NOISE_LENGTH_SIZE + SECURE_MESSAGE_MAX];
};

/*
 * Begins as the side that dials: `out` gets the preface and message 0. Keys and
 * `peer` are copied; the ephemeral secret is random, and for this link only.
 * AGNER_EINVAL (a name that cannot be; error says which), AGNER_ENOMEM,
 * AGNER_ELIMIT (of `out`).
 */
enum agner_err node__secure_dial(struct secure *s,
                                 const struct secure_self *self,
                                 const char *peer, const struct noise_keys *own,
                                 const uint8_t ephemeral[NOISE_KEY_SIZE],
                                 struct etf_buffer *out,
                                 struct agner_error *error);

/* Begins as the side that accepts; says nothing yet. */
void node__secure_accept(struct secure *s, const struct secure_self *self,
                         const struct noise_keys *own,
                         const uint8_t ephemeral[NOISE_KEY_SIZE]);

/*
 * Takes bytes from the peer as they come, in pieces of any size, and appends
 * what is to be sent to `out`. *used is how many were taken: all, unless the
 * machine came to a state that asks (feed it the rest after the answer), to
 * SECURE_FAILED, or to SECURE_UP (the rest are records already). A final state
 * takes nothing. Returns the new state.
 */
enum secure_state node__secure_feed(struct secure *s, const uint8_t *bytes,
                                    size_t size, struct etf_buffer *out,
                                    size_t *used);

/* SECURE_ASK_KEY: peer_key is the dialled node's; psk is what it shares with
 * us. */
enum secure_state node__secure_key_is_good(struct secure *s,
                                           const uint8_t psk[NOISE_KEY_SIZE],
                                           struct etf_buffer *out);

/* SECURE_ASK_PSKS: what the peer may know. All of them are tried, whichever is
 * the right one; fails with AGNER_EAUTH when none is. */
enum secure_state node__secure_psks(struct secure *s,
                                    const uint8_t (*psks)[NOISE_KEY_SIZE],
                                    size_t count);

/* SECURE_DECIDE: the status for this peer. To one that wants a name,
 * HS_NOT_ALLOWED is the only status; use node__secure_rename() otherwise. */
enum secure_state node__secure_decide(struct secure *s,
                                      enum node__hs_status status,
                                      struct etf_buffer *out);

/* SECURE_DECIDE with `wants_name`: it is called `name` (name@host) from now on.
 */
enum secure_state node__secure_rename(struct secure *s, const char *name,
                                      uint32_t creation,
                                      struct etf_buffer *out);

/* SECURE_ASK_ALIVE: may the peer drop the connection that it believes it has?
 */
enum secure_state node__secure_go_on(struct secure *s, bool go_on,
                                     struct etf_buffer *out);

/* A state that asks: fails, and says nothing to the peer. */
enum secure_state node__secure_refuse(struct secure *s, enum agner_err err,
                                      const char *text);

/* The connection ended (err, text: what the network said; AGNER_ETIMEOUT: the
 * deadline) before SECURE_UP: SECURE_FAILED, and `error` has the likely cause
 * in this state. Does nothing in a final state. */
void node__secure_ended(struct secure *s, enum agner_err err, const char *text);

/* Does it ask its owner something? */
bool node__secure_asks(enum secure_state state);

/* What the state waits for: "the peer's key". Static. */
const char *node__secure_waits_for(enum secure_state state);

#endif
