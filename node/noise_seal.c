/*
 * noise_seal.c -- libsodium's boxes around a cookie that is filled up with
 * zeros, in base64.
 */
#include "noise_seal.h"

#include <string.h>

#include <sodium.h>

#define PLAIN_SIZE (COOKIE_TEXT_MAX + 1u)
#define BASE64     sodium_base64_VARIANT_URLSAFE_NO_PADDING

/* What is in base64. */
struct sealed {
    uint8_t salt[crypto_pwhash_SALTBYTES];
    uint8_t nonce[crypto_secretbox_NONCEBYTES];
    uint8_t box[crypto_secretbox_MACBYTES + PLAIN_SIZE];
};

struct sealed_to {
    uint8_t box[crypto_box_SEALBYTES + PLAIN_SIZE];
};

_Static_assert(sizeof(struct sealed) ==
                   crypto_pwhash_SALTBYTES + crypto_secretbox_NONCEBYTES +
                       crypto_secretbox_MACBYTES + PLAIN_SIZE,
               "there are no holes");
_Static_assert(sizeof SEAL_PREFIX + (sizeof(struct sealed) + 2) / 3 * 4 <=
                       SEAL_TEXT_SIZE &&
                   sizeof SEAL_KEY_PREFIX +
                           (sizeof(struct sealed_to) + 2) / 3 * 4 <=
                       SEAL_TEXT_SIZE,
               "both fit");
_Static_assert(SEAL_RANDOM ==
                       crypto_pwhash_SALTBYTES + crypto_secretbox_NONCEBYTES &&
                   SEAL_RANDOM >= crypto_box_SEEDBYTES,
               "there is enough of it");

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

enum seal_kind node__seal_kind(const char *text)
{
    if (begins(text, SEAL_PREFIX))
        return SEAL_PASSPHRASE;
    return begins(text, SEAL_KEY_PREFIX) ? SEAL_KEY : SEAL_NONE;
}

static void print(const char *prefix, const void *bytes, size_t size,
                  char text[SEAL_TEXT_SIZE])
{
    size_t at = strlen(prefix);

    memcpy(text, prefix, at);
    (void)sodium_bin2base64(text + at, SEAL_TEXT_SIZE - at, bytes, size,
                            BASE64);
}

/* `size` bytes, neither more nor fewer. */
static bool parse(const char *prefix, const char *text, void *bytes,
                  size_t size)
{
    size_t got;

    return begins(text, prefix) &&
           sodium_base642bin(bytes, size, text + strlen(prefix),
                             strlen(text + strlen(prefix)), NULL, &got, NULL,
                             BASE64) == 0 &&
           got == size;
}

static enum agner_err stretch(const char *passphrase,
                              const uint8_t salt[crypto_pwhash_SALTBYTES],
                              uint8_t key[crypto_secretbox_KEYBYTES])
{
    if (sodium_init() < 0 ||
        crypto_pwhash(key, crypto_secretbox_KEYBYTES, passphrase,
                      strlen(passphrase), salt, crypto_pwhash_OPSLIMIT_MODERATE,
                      crypto_pwhash_MEMLIMIT_MODERATE,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return AGNER_ENOMEM;
    return AGNER_OK;
}

enum agner_err node__seal(const char *cookie, const char *passphrase,
                          const uint8_t random[SEAL_RANDOM],
                          char text[SEAL_TEXT_SIZE])
{
    uint8_t key[crypto_secretbox_KEYBYTES], plain[PLAIN_SIZE] = { 0 };
    struct sealed sealed;
    enum agner_err err;

    memcpy(sealed.salt, random, sizeof sealed.salt);
    memcpy(sealed.nonce, random + sizeof sealed.salt, sizeof sealed.nonce);
    err = stretch(passphrase, sealed.salt, key);
    if (err != AGNER_OK)
        return err;
    memcpy(plain, cookie, strlen(cookie));
    (void)crypto_secretbox_easy(sealed.box, plain, sizeof plain, sealed.nonce,
                                key);
    print(SEAL_PREFIX, &sealed, sizeof sealed, text);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);
    return AGNER_OK;
}

/* What a box held: a text of its size and zeros. */
static enum agner_err take(const uint8_t plain[PLAIN_SIZE],
                           char cookie[COOKIE_TEXT_MAX + 1])
{
    memcpy(cookie, plain, PLAIN_SIZE);
    if (plain[PLAIN_SIZE - 1] == 0 && plain[0] != 0)
        return AGNER_OK;
    sodium_memzero(cookie, PLAIN_SIZE);
    return AGNER_ESYNTAX;
}

enum agner_err node__seal_open(const char *text, const char *passphrase,
                               char cookie[COOKIE_TEXT_MAX + 1])
{
    uint8_t key[crypto_secretbox_KEYBYTES], plain[PLAIN_SIZE];
    struct sealed sealed;
    enum agner_err err;

    if (!parse(SEAL_PREFIX, text, &sealed, sizeof sealed))
        return AGNER_ESYNTAX;
    err = stretch(passphrase, sealed.salt, key);
    if (err != AGNER_OK)
        return err;
    if (crypto_secretbox_open_easy(plain, sealed.box, sizeof sealed.box,
                                   sealed.nonce, key) == 0)
        err = take(plain, cookie);
    else
        err = AGNER_EAUTH;
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(key, sizeof key);
    return err;
}

/* As crypto_box_seal(), with the randomness that it is given. */
enum agner_err node__seal_to(const char *cookie,
                             const uint8_t key[NOISE_KEY_SIZE],
                             const uint8_t random[SEAL_RANDOM],
                             char text[SEAL_TEXT_SIZE])
{
    uint8_t secret[crypto_box_SECRETKEYBYTES], plain[PLAIN_SIZE] = { 0 };
    uint8_t nonce[crypto_box_NONCEBYTES];
    crypto_generichash_state state;
    struct sealed_to sealed;
    enum agner_err err = AGNER_OK;

    if (sodium_init() < 0)
        return AGNER_ENOMEM;
    memcpy(plain, cookie, strlen(cookie));
    (void)crypto_box_seed_keypair(sealed.box, secret, random);
    (void)crypto_generichash_init(&state, NULL, 0, sizeof nonce);
    (void)crypto_generichash_update(&state, sealed.box,
                                    crypto_box_PUBLICKEYBYTES);
    (void)crypto_generichash_update(&state, key, NOISE_KEY_SIZE);
    (void)crypto_generichash_final(&state, nonce, sizeof nonce);
    if (crypto_box_easy(sealed.box + crypto_box_PUBLICKEYBYTES, plain,
                        sizeof plain, nonce, key, secret) != 0)
        err = AGNER_EINVAL;
    else
        print(SEAL_KEY_PREFIX, &sealed, sizeof sealed, text);
    sodium_memzero(plain, sizeof plain);
    sodium_memzero(secret, sizeof secret);
    return err;
}

enum agner_err node__seal_open_key(const char *text,
                                   const struct noise_keys *keys,
                                   char cookie[COOKIE_TEXT_MAX + 1])
{
    uint8_t plain[PLAIN_SIZE];
    struct sealed_to sealed;
    enum agner_err err = AGNER_EAUTH;

    if (!parse(SEAL_KEY_PREFIX, text, &sealed, sizeof sealed))
        return AGNER_ESYNTAX;
    if (crypto_box_seal_open(plain, sealed.box, sizeof sealed.box,
                             keys->public_key, keys->secret) == 0)
        err = take(plain, cookie);
    sodium_memzero(plain, sizeof plain);
    return err;
}
