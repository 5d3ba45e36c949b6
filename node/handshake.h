/*
 * handshake.h -- the handshake as a pure machine: bytes in, bytes out.
 *
 * Private to node/. No socket, clock, random number or allocation; whoever owns
 * the connection feeds it, sends what it wrote, and knows the deadline. What
 * needs the node's knowledge (is that name connected? do we dial it?) is asked
 * for by a state that the owner answers. Version 6, and version 5 towards who
 * speaks only that. Source: Erlang Distribution Protocol, "Distribution
 * Handshake"; spec/distribution.md 2.
 *
 * The side that connects:
 *
 *   state           leaves on                  does               next
 *   --------------  -------------------------  -----------------  ------------
 *   HS_STATUS       's' ok, ok_simultaneous    nothing            HS_CHALLENGE
 *                   's' named, if we asked     takes the name     HS_CHALLENGE
 *                   's' alive                  asks the owner     HS_ASK_ALIVE
 *                   's' nok, not_allowed       names the cause    HS_FAILED
 *   HS_ASK_ALIVE    node__handshake_go_on()    's' true           HS_CHALLENGE
 *                                              's' false          HS_FAILED
 *   HS_CHALLENGE    'N', or 'n' in version 5   ['c'] 'r': digest  HS_ACK
 *   HS_ACK          'a' with the right digest  nothing            HS_UP
 *
 * The side that accepts:
 *
 *   HS_NAME         'N', or 'n'                asks the owner     HS_DECIDE
 *   HS_DECIDE       node__handshake_decide()   status, challenge  HS_REPLY
 *                     to an 'n'                the same           HS_COMPLEMENT
 *                     with alive               status             HS_ALIVE
 *                     with nok, not_allowed    status             HS_FAILED
 *                   node__handshake_rename()   status, challenge  HS_REPLY
 *   HS_ALIVE        's' true                   challenge          as above
 *                   's' false                  nothing            HS_FAILED
 *   HS_COMPLEMENT   'c'                        adds it            HS_REPLY
 *   HS_REPLY        'r' with the right digest  'a' with ours      HS_UP
 *
 * An 'n' without HANDSHAKE_23 is answered with an 'n', and no 'c' follows.
 * Anything else leads to HS_FAILED and `error` says why. UP and FAILED are
 * final.
 */
#ifndef NODE_HANDSHAKE_H
#define NODE_HANDSHAKE_H

#include <agner/etf.h>

#include "node_md5.h"

#define NODE__NAME_MAX       255  /* bytes of a node's name */
#define NODE__HS_MESSAGE_MAX 1100 /* bytes of one: a longer one fails */

enum node__hs_state {
    HS_STATUS,
    HS_ASK_ALIVE,
    HS_CHALLENGE,
    HS_ACK,
    HS_NAME,
    HS_DECIDE,
    HS_ALIVE,
    HS_COMPLEMENT,
    HS_REPLY,
    HS_UP,
    HS_FAILED,
};

/* What B may answer to A's name. */
enum node__hs_status {
    HS_OK,
    HS_OK_SIMULTANEOUS, /* we were dialling it ourselves, and drop that */
    HS_NOK,             /* our own dial goes on */
    HS_NOT_ALLOWED,
    HS_IS_ALIVE, /* there is a connection already: does it know better? */
};

/* Who we are. All pointers are borrowed for as long as the handshake runs. */
struct node__hs_self {
    const char *name; /* name@host; with NAME_ME the host, and `creation` 0 */
    uint32_t creation;
    uint64_t flags;     /* offered; with NAME_ME a dial asks for a name */
    const char *cookie; /* what we show this peer */
    size_t cookie_size;
    const char *cookie_in; /* what it has to show, or NULL: the same */
    size_t cookie_in_size;
    /* Further cookies of ours that a peer which dials may show, and with which
     * it is answered then, unless it has its own: the index-th into `cookie`
     * (256 bytes), or false. May be NULL. */
    bool (*another)(void *ctx, size_t index, char *cookie);
    uint32_t challenge; /* random, for this handshake only */
    /* Each step as a line of text, for people; or NULL. */
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

struct node__handshake {
    enum node__hs_state state;
    enum node__hs_state failed_in; /* HS_FAILED: what the state was before */
    bool initiator;
    /* Acceptor, from HS_DECIDE on: it asks for a name; `peer` is only its host
     * until node__handshake_rename(). */
    bool wants_name;
    bool old;          /* its name went in the form of version 5 */
    bool simultaneous; /* initiator: the status was ok_simultaneous */
    /* Initiator that asked for a name: what it is called now, and `self` says
     * so too; else empty. */
    char given[NODE__NAME_MAX + 1];
    struct node__hs_self self;

    /* The peer. Initiator: the name is what was dialled, the rest is known
     * after HS_CHALLENGE. Acceptor: all known from HS_DECIDE on. */
    char peer[NODE__NAME_MAX + 1];
    uint64_t peer_flags;    /* its offer, expanded */
    uint32_t peer_creation; /* 0: not known, it spoke version 5 only */
    uint64_t flags;         /* what both offered */

    struct agner_error error; /* HS_FAILED: why */

    uint32_t peer_challenge;
    size_t held; /* bytes of a message that is not complete */
    uint8_t message[2 + NODE__HS_MESSAGE_MAX];
};

/*
 * Begins as the side that connected: `out` gets send_name. `peer` is copied.
 * AGNER_EINVAL (a name that cannot be; error says which), AGNER_ENOMEM,
 * AGNER_ELIMIT (of `out`).
 */
enum agner_err node__handshake_dial(struct node__handshake *hs,
                                    const struct node__hs_self *self,
                                    const char *peer, struct etf_buffer *out,
                                    struct agner_error *error);

/* The same in the form of version 5, for a peer that epmd says no more of. */
enum agner_err node__handshake_dial_old(struct node__handshake *hs,
                                        const struct node__hs_self *self,
                                        const char *peer,
                                        struct etf_buffer *out,
                                        struct agner_error *error);

/* Begins as the side that accepted. Says nothing yet. */
void node__handshake_accept(struct node__handshake *hs,
                            const struct node__hs_self *self);

/*
 * Takes bytes from the peer as they come, in pieces of any size, and appends
 * what is to be sent to `out`, also when it fails (a refusal). *used is how
 * many were taken: all, unless the machine came to HS_ASK_ALIVE or HS_DECIDE
 * (feed it the rest after the answer), HS_FAILED, or HS_UP (the rest are
 * packets already). A final state takes nothing. Returns the new state.
 */
enum node__hs_state node__handshake_feed(struct node__handshake *hs,
                                         const uint8_t *bytes, size_t size,
                                         struct etf_buffer *out, size_t *used);

/* HS_ASK_ALIVE: may the peer drop the connection that it believes it has? */
enum node__hs_state node__handshake_go_on(struct node__handshake *hs,
                                          bool go_on, struct etf_buffer *out);

/*
 * HS_DECIDE: the status for this peer. To one that wants a name, HS_NOT_ALLOWED
 * is the only status; use node__handshake_rename() otherwise.
 */
enum node__hs_state node__handshake_decide(struct node__handshake *hs,
                                           enum node__hs_status status,
                                           struct etf_buffer *out);

/* HS_DECIDE with `wants_name`: it is called `name` (name@host) from now on. */
enum node__hs_state node__handshake_rename(struct node__handshake *hs,
                                           const char *name, uint32_t creation,
                                           struct etf_buffer *out);

/* HS_DECIDE, HS_STATUS: the cookies for this peer are others: what we show it,
 * and what it has to show. Borrowed, terminated. */
void node__handshake_cookies(struct node__handshake *hs, const char *out,
                             const char *in);

/* The connection ended (err, text: what the network said; AGNER_ETIMEOUT: the
 * deadline) before HS_UP: HS_FAILED, and `error` has the likely cause in this
 * state, such as different cookies. Does nothing in a final state. */
void node__handshake_ended(struct node__handshake *hs, enum agner_err err,
                           const char *text);

/* What the state waits for: "the peer's challenge". Static. */
const char *node__handshake_waits_for(enum node__hs_state state);

/* ---- Decisions and checks, pure ----------------------------------------- */

/* The answer to a dial from `peer` while we dial it: the connection that the
 * greater name set up survives (G35). HS_NOK when ours is greater or the same.
 */
enum node__hs_status node__handshake_tie_break(const char *self,
                                               const char *peer);

/* The answer to a peer that is not refused for other reasons. */
enum node__hs_status node__handshake_status(const char *self, const char *peer,
                                            bool connected, bool dialling);

/* Is this name@host: one @, both parts there, at most NODE__NAME_MAX bytes,
 * UTF-8 without control characters? AGNER_EINVAL says what is wrong (B-DST-2).
 */
enum agner_err node__name_check(const char *name, size_t size,
                                struct agner_error *error);
/* The same for a host alone. */
enum agner_err node__host_check(const char *host, size_t size,
                                struct agner_error *error);

/* Is it UTF-8; and is it that without control characters, fit to be printed? */
bool node__is_utf8(const uint8_t *bytes, size_t size);
bool node__is_plain(const uint8_t *bytes, size_t size);

/* A name for a peer that asked for one: 13 letters and digits from `random`, @,
 * and `host`. `name` has NODE__NAME_MAX + 1 bytes. AGNER_EINVAL: too long. */
enum agner_err node__name_make(const char *host, uint64_t random, char *name);

/* MD5 of the cookie and the challenge in decimal. */
void node__handshake_digest(const char *cookie, size_t cookie_size,
                            uint32_t challenge, uint8_t digest[NODE__MD5_SIZE]);
bool node__handshake_same_digest(const uint8_t *a, const uint8_t *b);

#endif
