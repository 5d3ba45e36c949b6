/*
 * noise_psk.c -- cookie to key, and those that were dear to compute, kept.
 *
 * The table of kept keys is the process's, not a node's: a test with many nodes
 * pays once. A row is found by a hash of cluster and cookie, so that no cookie
 * is kept here; the oldest row gives way.
 */
#include "noise_psk.h"

#include <string.h>

#include <sodium.h>

#include <spin.h>

#include "base32.h"
#include "noise_secret.h"

#define PERSONAL  "agner-psk-1"
#define KEPT_ROWS 64u

struct kept {
    bool used;
    uint8_t id[NOISE_KEY_SIZE];
    uint8_t psk[NOISE_KEY_SIZE];
};

static struct {
    rt_spin lock; /* guards the rest */
    unsigned next;
    struct kept *rows; /* KEPT_ROWS, secret; NULL before the first one */
} table;

bool node__psk_is_strong(const char *cookie)
{
    const char *text = cookie + sizeof NOISE_COOKIE_PREFIX - 1;

    return strncmp(cookie, NOISE_COOKIE_PREFIX,
                   sizeof NOISE_COOKIE_PREFIX - 1) == 0 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz234567") ==
               NOISE_COOKIE_DIGITS &&
           text[NOISE_COOKIE_DIGITS] == '\0';
}

void node__psk_cookie(const uint8_t random[32], char text[NOISE_COOKIE_SIZE])
{
    char *out = text + sizeof NOISE_COOKIE_PREFIX - 1;

    memcpy(text, NOISE_COOKIE_PREFIX, sizeof NOISE_COOKIE_PREFIX - 1);
    node__base32_write(random, out);
    out[NOISE_COOKIE_DIGITS] = '\0';
}

/* BLAKE2b of cluster and cookie. With a separator different pairs never look
 * alike; a strong cookie has a fixed size, and needs none. */
static void hash(const char *cluster, const char *cookie, size_t separator,
                 uint8_t out[NOISE_KEY_SIZE])
{
    crypto_generichash_state state;

    (void)crypto_generichash_init(&state, (const uint8_t *)PERSONAL,
                                  sizeof PERSONAL - 1, NOISE_KEY_SIZE);
    (void)crypto_generichash_update(&state, (const uint8_t *)cluster,
                                    strlen(cluster) + separator);
    (void)crypto_generichash_update(&state, (const uint8_t *)cookie,
                                    strlen(cookie));
    (void)crypto_generichash_final(&state, out, NOISE_KEY_SIZE);
    sodium_memzero(&state, sizeof state);
}

static bool find(const uint8_t id[NOISE_KEY_SIZE], uint8_t psk[NOISE_KEY_SIZE])
{
    bool found = false;

    rt__lock(&table.lock);
    for (unsigned i = 0; table.rows != NULL && i < KEPT_ROWS; i++) {
        const struct kept *row = &table.rows[i];

        if (row->used && sodium_memcmp(row->id, id, NOISE_KEY_SIZE) == 0) {
            memcpy(psk, row->psk, NOISE_KEY_SIZE);
            found = true;
        }
    }
    rt__unlock(&table.lock);
    return found;
}

static void keep(const uint8_t id[NOISE_KEY_SIZE],
                 const uint8_t psk[NOISE_KEY_SIZE])
{
    struct kept *fresh = node__secret_new(KEPT_ROWS * sizeof *fresh);
    struct kept *row;

    rt__lock(&table.lock);
    if (table.rows == NULL) {
        table.rows = fresh;
        fresh = NULL;
    }
    if (table.rows != NULL) { /* or it is computed again */
        row = &table.rows[table.next++ % KEPT_ROWS];
        row->used = true;
        memcpy(row->id, id, NOISE_KEY_SIZE);
        memcpy(row->psk, psk, NOISE_KEY_SIZE);
    }
    rt__unlock(&table.lock);
    node__secret_free(fresh);
}

/* The slow way. */
static enum agner_err stretch(const char *cluster, const char *cookie,
                              uint8_t psk[NOISE_KEY_SIZE])
{
    uint8_t salt[crypto_pwhash_SALTBYTES];

    (void)crypto_generichash(salt, sizeof salt, (const uint8_t *)cluster,
                             strlen(cluster), (const uint8_t *)PERSONAL,
                             sizeof PERSONAL - 1);
    if (crypto_pwhash(psk, NOISE_KEY_SIZE, cookie, strlen(cookie), salt,
                      crypto_pwhash_OPSLIMIT_INTERACTIVE,
                      crypto_pwhash_MEMLIMIT_INTERACTIVE,
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return AGNER_ENOMEM;
    return AGNER_OK;
}

enum agner_err node__psk(const char *cluster, const char *cookie,
                         uint8_t psk[NOISE_KEY_SIZE])
{
    uint8_t id[NOISE_KEY_SIZE];
    enum agner_err err = AGNER_OK;

    if (node__psk_is_strong(cookie)) {
        hash(cluster, cookie, 0, psk);
        return AGNER_OK;
    }
    hash(cluster, cookie, 1, id); /* the NUL between */
    if (!find(id, psk)) {
        err = stretch(cluster, cookie, psk);
        if (err == AGNER_OK)
            keep(id, psk);
    }
    sodium_memzero(id, sizeof id);
    return err;
}
