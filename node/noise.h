/*
 * noise.h -- a Noise handshake as a pure machine: messages in, messages out.
 *
 * Private to node/. No socket, clock or random number: whoever owns it gives
 * the secrets. What is done is Noise_XXpsk3_25519_ChaChaPoly_SHA256; XX and
 * XXpsk0 of the same suite are here because public vectors of the parts have
 * those. The messages, and what each side does on its turn:
 *
 *   0  initiator  e                   48 bytes with an empty payload (32 in XX)
 *   1  responder  e, ee, s, es        96
 *   2  initiator  s, se, psk          64
 *
 * A machine that has failed stays failed, and its keys are wiped. Source: The
 * Noise Protocol Framework, revision 34; spec/reliability.md 6.2.
 */
#ifndef NODE_NOISE_H
#define NODE_NOISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <agner/etf.h>

#define NOISE_KEY_SIZE    32u /* secret, public and pre-shared keys, hashes */
#define NOISE_TAG_SIZE    16u /* what encryption adds */
#define NOISE_MESSAGE_MAX 65535u

enum noise_pattern { NOISE_XX, NOISE_XXPSK0, NOISE_XXPSK3 };

/* One direction of encryption, or the one of the handshake. */
struct noise_cipher {
    uint8_t key[NOISE_KEY_SIZE];
    uint64_t nonce; /* of the next message; each is used once */
    bool has_key;
};

struct noise_keys {
    uint8_t secret[NOISE_KEY_SIZE];
    uint8_t public_key[NOISE_KEY_SIZE];
};

struct noise {
    enum noise_pattern pattern;
    bool initiator;
    bool failed;
    bool static_known; /* `peer_static` is decrypted */
    unsigned message;  /* the next one, 0 to 2; 3: complete */
    uint8_t hash[NOISE_KEY_SIZE];
    uint8_t chain[NOISE_KEY_SIZE];
    struct noise_cipher cipher;
    struct noise_keys own, ephemeral;
    uint8_t peer_static[NOISE_KEY_SIZE];
    uint8_t peer_ephemeral[NOISE_KEY_SIZE];
    uint8_t psk[NOISE_KEY_SIZE];
};

/* Makes the library ready: before there are threads. AGNER_ESYSTEM: there are
 * no random numbers to be had on this machine. */
enum agner_err node__noise_ready(void);

/* The public key of keys->secret. AGNER_EINVAL for a secret without one. */
enum agner_err node__noise_public(struct noise_keys *keys);

/* Begins. All is copied; the prologue is what both sides must agree on. The
 * ephemeral secret is random, and for this handshake only. AGNER_EINVAL. */
enum agner_err node__noise_begin(struct noise *noise,
                                 enum noise_pattern pattern, bool initiator,
                                 const void *prologue, size_t prologue_size,
                                 const struct noise_keys *own,
                                 const uint8_t ephemeral[NOISE_KEY_SIZE]);

/* Before the first message with the token psk. */
void node__noise_psk(struct noise *noise, const uint8_t psk[NOISE_KEY_SIZE]);

/*
 * Writes the next message with a payload to `out`, which has room for `room`
 * bytes. AGNER_ELIMIT (no room; nothing is changed), AGNER_EPROTO (not our
 * turn, or a key of the peer that is none).
 */
enum agner_err node__noise_write(struct noise *noise, const void *payload,
                                 size_t size, uint8_t *out, size_t room,
                                 size_t *written);

/*
 * Reads the next message; `payload` has room for its size. AGNER_EPROTO: it was
 * changed on the way, keys differ, a public key is of low order, or it was not
 * the peer's turn.
 */
enum agner_err node__noise_read(struct noise *noise, const uint8_t *message,
                                size_t size, uint8_t *payload,
                                size_t *payload_size);

/*
 * The same for message 2 of XXpsk3 in two steps, since the peer's key may
 * decide which pre-shared key it has. The first reads `peer_static`, and
 * *used bytes. The second tries a key on the rest: AGNER_EPROTO leaves all as
 * it was, and another may be tried.
 */
enum agner_err node__noise_read_static(struct noise *noise,
                                       const uint8_t *message, size_t size,
                                       size_t *used);
enum agner_err node__noise_try(struct noise *noise,
                               const uint8_t psk[NOISE_KEY_SIZE],
                               const uint8_t *rest, size_t size,
                               uint8_t *payload, size_t *payload_size);

/* Complete: the ciphers of both directions. What only the handshake needed is
 * wiped, all but peer_static and `hash`. */
void node__noise_split(struct noise *noise, struct noise_cipher *sends,
                       struct noise_cipher *receives);

void node__noise_wipe(void *secret, size_t size);

/* Do the secrets or keys differ nowhere? In the same time wherever. */
bool node__noise_same(const uint8_t *a, const uint8_t *b, size_t size);

/* ---- A cipher ------------------------------------------------------------ */

/* Encrypts `size` bytes from `plain` to `out`, which may be the same and gets
 * NOISE_TAG_SIZE bytes more. AGNER_ELIMIT: the nonces are used up. */
enum agner_err node__noise_encrypt(struct noise_cipher *cipher,
                                   const uint8_t *header, size_t header_size,
                                   const uint8_t *plain, size_t size,
                                   uint8_t *out);
/* The reverse; `size` with the tag. AGNER_EPROTO: it is not what was sent, and
 * nothing is written to `out`. */
enum agner_err node__noise_decrypt(struct noise_cipher *cipher,
                                   const uint8_t *header, size_t header_size,
                                   const uint8_t *bytes, size_t size,
                                   uint8_t *out);
/* Another key, made from this one: who learns it does not learn this one. */
void node__noise_rekey(struct noise_cipher *cipher);

#endif
