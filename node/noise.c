/*
 * noise.c -- the handshake of noise.h over libsodium.
 *
 * A message is a word of tokens, one letter each, which the writer and the
 * reader go through in step. Every result of a multiplication and of a
 * decryption is looked at: a public key of low order is refused there.
 */
#include "noise.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

/* Letters: e, s a public key; E = ee, S = es, T = se; p = psk. */
static const char *const words[3][3] = {
    [NOISE_XX] = { "e", "eEsS", "sT" },
    [NOISE_XXPSK0] = { "pe", "eEsS", "sT" },
    [NOISE_XXPSK3] = { "e", "eEsS", "sTp" },
};
static const char *const names[3] = {
    [NOISE_XX] = "Noise_XX_25519_ChaChaPoly_SHA256",
    [NOISE_XXPSK0] = "Noise_XXpsk0_25519_ChaChaPoly_SHA256",
    [NOISE_XXPSK3] = "Noise_XXpsk3_25519_ChaChaPoly_SHA256",
};

_Static_assert(NOISE_KEY_SIZE == crypto_scalarmult_BYTES &&
                   NOISE_KEY_SIZE == crypto_hash_sha256_BYTES &&
                   NOISE_TAG_SIZE == crypto_aead_chacha20poly1305_ietf_ABYTES,
               "the sizes of the suite");

enum agner_err node__noise_ready(void)
{
    return sodium_init() < 0 ? AGNER_ESYSTEM : AGNER_OK;
}

void node__noise_wipe(void *secret, size_t size)
{
    sodium_memzero(secret, size);
}

bool node__noise_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    return sodium_memcmp(a, b, size) == 0;
}

enum agner_err node__noise_public(struct noise_keys *keys)
{
    return crypto_scalarmult_base(keys->public_key, keys->secret) == 0
               ? AGNER_OK
               : AGNER_EINVAL;
}

/* ---- A cipher ------------------------------------------------------------ */

/* Four zero bytes, then the number, little end first. */
static void nonce_bytes(uint64_t nonce, uint8_t bytes[12])
{
    memset(bytes, 0, 4);
    for (unsigned i = 0; i < 8; i++)
        bytes[4 + i] = (uint8_t)(nonce >> 8 * i);
}

enum agner_err node__noise_encrypt(struct noise_cipher *cipher,
                                   const uint8_t *header, size_t header_size,
                                   const uint8_t *plain, size_t size,
                                   uint8_t *out)
{
    uint8_t nonce[12];

    if (cipher->nonce == UINT64_MAX) /* that one is for the next key */
        return AGNER_ELIMIT;
    nonce_bytes(cipher->nonce++, nonce);
    /* It cannot fail: the library says so, and has no error to tell. */
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        out, NULL, plain, size, header, header_size, NULL, nonce, cipher->key);
    return AGNER_OK;
}

enum agner_err node__noise_decrypt(struct noise_cipher *cipher,
                                   const uint8_t *header, size_t header_size,
                                   const uint8_t *bytes, size_t size,
                                   uint8_t *out)
{
    uint8_t nonce[12];

    if (size < NOISE_TAG_SIZE || cipher->nonce == UINT64_MAX)
        return AGNER_EPROTO;
    nonce_bytes(cipher->nonce, nonce);
    if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, bytes, size,
                                                  header, header_size, nonce,
                                                  cipher->key) != 0)
        return AGNER_EPROTO;
    cipher->nonce++;
    return AGNER_OK;
}

void node__noise_rekey(struct noise_cipher *cipher)
{
    static const uint8_t zeros[NOISE_KEY_SIZE];
    uint8_t next[NOISE_KEY_SIZE + NOISE_TAG_SIZE];
    uint8_t nonce[12];

    nonce_bytes(UINT64_MAX, nonce);
    (void)crypto_aead_chacha20poly1305_ietf_encrypt(
        next, NULL, zeros, sizeof zeros, NULL, 0, NULL, nonce, cipher->key);
    memcpy(cipher->key, next, sizeof cipher->key);
    sodium_memzero(next, sizeof next);
}

/* ---- The symmetric state ------------------------------------------------- */

static void hmac(const uint8_t key[NOISE_KEY_SIZE], const uint8_t *a,
                 size_t a_size, uint8_t last, uint8_t out[NOISE_KEY_SIZE])
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, key, NOISE_KEY_SIZE);
    (void)crypto_auth_hmacsha256_update(&state, a, a_size);
    if (last != 0)
        (void)crypto_auth_hmacsha256_update(&state, &last, 1);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof state);
}

/* HKDF: the chaining key and `count` outputs, the first in its place. */
static void derive(uint8_t chain[NOISE_KEY_SIZE], const uint8_t *input,
                   size_t input_size, unsigned count,
                   uint8_t out[2][NOISE_KEY_SIZE])
{
    uint8_t temp[NOISE_KEY_SIZE], link[NOISE_KEY_SIZE + 1];

    hmac(chain, input, input_size, 0, temp);
    hmac(temp, (const uint8_t *)"", 0, 1, chain);
    memcpy(link, chain, NOISE_KEY_SIZE);
    for (unsigned i = 0; i < count; i++) {
        hmac(temp, link, NOISE_KEY_SIZE, (uint8_t)(2 + i), out[i]);
        memcpy(link, out[i], NOISE_KEY_SIZE);
    }
    sodium_memzero(temp, sizeof temp);
    sodium_memzero(link, sizeof link);
}

static void mix_hash(struct noise *n, const void *bytes, size_t size)
{
    crypto_hash_sha256_state state;

    (void)crypto_hash_sha256_init(&state);
    (void)crypto_hash_sha256_update(&state, n->hash, sizeof n->hash);
    (void)crypto_hash_sha256_update(&state, bytes, size);
    (void)crypto_hash_sha256_final(&state, n->hash);
}

static void set_key(struct noise *n, const uint8_t key[NOISE_KEY_SIZE])
{
    memcpy(n->cipher.key, key, NOISE_KEY_SIZE);
    n->cipher.nonce = 0;
    n->cipher.has_key = true;
}

static void mix_key(struct noise *n, const uint8_t input[NOISE_KEY_SIZE])
{
    uint8_t out[2][NOISE_KEY_SIZE];

    derive(n->chain, input, NOISE_KEY_SIZE, 1, out);
    set_key(n, out[0]);
    sodium_memzero(out, sizeof out);
}

static void mix_psk(struct noise *n)
{
    uint8_t out[2][NOISE_KEY_SIZE];

    derive(n->chain, n->psk, NOISE_KEY_SIZE, 2, out);
    mix_hash(n, out[0], NOISE_KEY_SIZE);
    set_key(n, out[1]);
    sodium_memzero(out, sizeof out);
}

/* Encrypted once there is a key; mixes what goes over the line. */
static enum agner_err seal(struct noise *n, const uint8_t *plain, size_t size,
                           uint8_t *out, size_t *at)
{
    size_t written = size;

    if (n->cipher.has_key) {
        if (node__noise_encrypt(&n->cipher, n->hash, sizeof n->hash, plain,
                                size, out + *at) != AGNER_OK)
            return AGNER_EPROTO;
        written += NOISE_TAG_SIZE;
    } else if (size > 0) {
        memcpy(out + *at, plain, size);
    }
    mix_hash(n, out + *at, written);
    *at += written;
    return AGNER_OK;
}

static enum agner_err open_sealed(struct noise *n, const uint8_t *bytes,
                                  size_t size, uint8_t *plain,
                                  size_t *plain_size)
{
    *plain_size = size;
    if (n->cipher.has_key) {
        if (node__noise_decrypt(&n->cipher, n->hash, sizeof n->hash, bytes,
                                size, plain) != AGNER_OK)
            return AGNER_EPROTO;
        *plain_size -= NOISE_TAG_SIZE;
    } else if (size > 0) {
        memcpy(plain, bytes, size);
    }
    mix_hash(n, bytes, size);
    return AGNER_OK;
}

/* ---- Tokens ---------------------------------------------------------------
 */

static enum agner_err mix_product(struct noise *n,
                                  const uint8_t secret[NOISE_KEY_SIZE],
                                  const uint8_t public_key[NOISE_KEY_SIZE])
{
    uint8_t product[NOISE_KEY_SIZE];
    /* All zero for a point of low order, which the library refuses. */
    bool good = crypto_scalarmult(product, secret, public_key) == 0;

    if (good)
        mix_key(n, product);
    sodium_memzero(product, sizeof product);
    return good ? AGNER_OK : AGNER_EPROTO;
}

/* E, S, T, p: what both sides compute alike. */
static enum agner_err agree(struct noise *n, char token)
{
    bool own_static = token != 'E' && (token == 'S') != n->initiator;
    bool peer_static = token != 'E' && (token == 'S') == n->initiator;

    if (token == 'p') {
        mix_psk(n);
        return AGNER_OK;
    }
    return mix_product(n, own_static ? n->own.secret : n->ephemeral.secret,
                       peer_static ? n->peer_static : n->peer_ephemeral);
}

static void mix_ephemeral(struct noise *n, const uint8_t key[NOISE_KEY_SIZE])
{
    mix_hash(n, key, NOISE_KEY_SIZE);
    if (n->pattern != NOISE_XX) /* a psk is in use: it randomises that */
        mix_key(n, key);
}

static enum agner_err write_token(struct noise *n, char token, uint8_t *out,
                                  size_t *at)
{
    switch (token) {
    case 'e':
        memcpy(out + *at, n->ephemeral.public_key, NOISE_KEY_SIZE);
        mix_ephemeral(n, n->ephemeral.public_key);
        *at += NOISE_KEY_SIZE;
        return AGNER_OK;
    case 's':
        return seal(n, n->own.public_key, NOISE_KEY_SIZE, out, at);
    default:
        return agree(n, token);
    }
}

static enum agner_err read_token(struct noise *n, char token,
                                 const uint8_t *message, size_t size,
                                 size_t *at)
{
    size_t need = NOISE_KEY_SIZE, plain;

    if (token != 'e' && token != 's')
        return agree(n, token);
    if (token == 's' && n->cipher.has_key)
        need += NOISE_TAG_SIZE;
    if (size - *at < need)
        return AGNER_EPROTO;
    if (token == 'e') {
        memcpy(n->peer_ephemeral, message + *at, need);
        mix_ephemeral(n, n->peer_ephemeral);
    } else if (open_sealed(n, message + *at, need, n->peer_static, &plain) !=
               AGNER_OK) {
        return AGNER_EPROTO;
    } else {
        n->static_known = true;
    }
    *at += need;
    return AGNER_OK;
}

/* ---- Messages --------------------------------------------------------------
 */

static enum agner_err fail(struct noise *n)
{
    sodium_memzero(n, sizeof *n);
    n->failed = true;
    return AGNER_EPROTO;
}

enum agner_err node__noise_begin(struct noise *noise,
                                 enum noise_pattern pattern, bool initiator,
                                 const void *prologue, size_t prologue_size,
                                 const struct noise_keys *own,
                                 const uint8_t ephemeral[NOISE_KEY_SIZE])
{
    const char *name = names[pattern];
    size_t size = strlen(name);

    memset(noise, 0, sizeof *noise);
    noise->pattern = pattern;
    noise->initiator = initiator;
    noise->own = *own;
    memcpy(noise->ephemeral.secret, ephemeral, NOISE_KEY_SIZE);
    if (node__noise_public(&noise->ephemeral) != AGNER_OK) {
        (void)fail(noise);
        return AGNER_EINVAL;
    }
    if (size <= NOISE_KEY_SIZE)
        memcpy(noise->hash, name, size);
    else
        (void)crypto_hash_sha256(noise->hash, (const uint8_t *)name, size);
    memcpy(noise->chain, noise->hash, NOISE_KEY_SIZE);
    mix_hash(noise, prologue, prologue_size);
    return AGNER_OK;
}

void node__noise_psk(struct noise *noise, const uint8_t psk[NOISE_KEY_SIZE])
{
    memcpy(noise->psk, psk, NOISE_KEY_SIZE);
}

/* At most what a message needs besides its payload: two keys, two tags. */
#define OVERHEAD_MAX (2 * NOISE_KEY_SIZE + 2 * NOISE_TAG_SIZE)

enum agner_err node__noise_write(struct noise *noise, const void *payload,
                                 size_t size, uint8_t *out, size_t room,
                                 size_t *written)
{
    bool ours = (noise->message % 2 == 0) == noise->initiator;
    size_t at = 0;

    if (noise->failed || noise->message > 2 || !ours)
        return AGNER_EPROTO;
    if (room > NOISE_MESSAGE_MAX)
        room = NOISE_MESSAGE_MAX;
    if (room < OVERHEAD_MAX || size > room - OVERHEAD_MAX)
        return AGNER_ELIMIT;
    for (const char *t = words[noise->pattern][noise->message]; *t != '\0'; t++)
        if (write_token(noise, *t, out, &at) != AGNER_OK)
            return fail(noise);
    if (seal(noise, payload, size, out, &at) != AGNER_OK)
        return fail(noise);
    noise->message++;
    *written = at;
    return AGNER_OK;
}

static bool is_peers_turn(const struct noise *n, size_t size)
{
    return !n->failed && n->message <= 2 && size <= NOISE_MESSAGE_MAX &&
           (n->message % 2 == 0) != n->initiator;
}

enum agner_err node__noise_read(struct noise *noise, const uint8_t *message,
                                size_t size, uint8_t *payload,
                                size_t *payload_size)
{
    size_t at = 0;

    if (!is_peers_turn(noise, size))
        return fail(noise);
    for (const char *t = words[noise->pattern][noise->message]; *t != '\0'; t++)
        if (read_token(noise, *t, message, size, &at) != AGNER_OK)
            return fail(noise);
    if (open_sealed(noise, message + at, size - at, payload, payload_size) !=
        AGNER_OK)
        return fail(noise);
    noise->message++;
    return AGNER_OK;
}

enum agner_err node__noise_read_static(struct noise *noise,
                                       const uint8_t *message, size_t size,
                                       size_t *used)
{
    *used = 0;
    if (!is_peers_turn(noise, size) || noise->pattern != NOISE_XXPSK3 ||
        noise->message != 2 ||
        read_token(noise, 's', message, size, used) != AGNER_OK ||
        agree(noise, 'T') != AGNER_OK)
        return fail(noise);
    return AGNER_OK;
}

enum agner_err node__noise_try(struct noise *noise,
                               const uint8_t psk[NOISE_KEY_SIZE],
                               const uint8_t *rest, size_t size,
                               uint8_t *payload, size_t *payload_size)
{
    struct noise trial = *noise;
    enum agner_err err = AGNER_EPROTO;

    assert(noise->static_known && noise->message == 2);
    node__noise_psk(&trial, psk);
    mix_psk(&trial);
    if (open_sealed(&trial, rest, size, payload, payload_size) == AGNER_OK) {
        trial.message++;
        *noise = trial;
        err = AGNER_OK;
    }
    sodium_memzero(&trial, sizeof trial);
    return err;
}

void node__noise_split(struct noise *noise, struct noise_cipher *sends,
                       struct noise_cipher *receives)
{
    uint8_t out[2][NOISE_KEY_SIZE];
    uint8_t second[NOISE_KEY_SIZE];

    assert(noise->message == 3 && !noise->failed);
    derive(noise->chain, (const uint8_t *)"", 0, 1, out);
    memcpy(second, out[0], sizeof second);
    memset(sends, 0, sizeof *sends);
    memset(receives, 0, sizeof *receives);
    /* The first output took the chaining key's place. */
    memcpy(noise->initiator ? sends->key : receives->key, noise->chain,
           NOISE_KEY_SIZE);
    memcpy(noise->initiator ? receives->key : sends->key, second,
           NOISE_KEY_SIZE);
    sends->has_key = true;
    receives->has_key = true;
    sodium_memzero(out, sizeof out);
    sodium_memzero(second, sizeof second);
    sodium_memzero(noise->chain, sizeof noise->chain);
    sodium_memzero(&noise->cipher, sizeof noise->cipher);
    sodium_memzero(&noise->own, sizeof noise->own);
    sodium_memzero(&noise->ephemeral, sizeof noise->ephemeral);
    sodium_memzero(noise->psk, sizeof noise->psk);
}
