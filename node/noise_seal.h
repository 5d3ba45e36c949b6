/*
 * noise_seal.h -- a cookie in an envelope, to be sent where others read along.
 *
 *   agnersealed1-...    opened by a passphrase (Argon2id, secretbox)
 *   agnersealedto1-...  opened by the node whose key it was sealed to (sealed
 *                       box)
 *
 * Private to node/ and the command; any thread. All envelopes of a kind have
 * one size, whatever the cookie's is. Whoever has one may try passphrases on
 * it, each of which takes about a second and 256 MiB.
 */
#ifndef NODE_NOISE_SEAL_H
#define NODE_NOISE_SEAL_H

#include "cookie_lines.h"
#include "noise.h"

#define SEAL_PREFIX     "agnersealed1-"
#define SEAL_KEY_PREFIX "agnersealedto1-"
#define SEAL_TEXT_SIZE  448u /* bytes with the zero, at most */
#define SEAL_RANDOM     40u  /* bytes */

enum seal_kind { SEAL_NONE, SEAL_PASSPHRASE, SEAL_KEY };

/* What it looks like. */
enum seal_kind node__seal_kind(const char *text);

/* The cookie has 1 to COOKIE_TEXT_MAX bytes; `random` is for this one only.
 * AGNER_ENOMEM. */
enum agner_err node__seal(const char *cookie, const char *passphrase,
                          const uint8_t random[SEAL_RANDOM],
                          char text[SEAL_TEXT_SIZE]);
/* AGNER_EINVAL: that is no public key. */
enum agner_err node__seal_to(const char *cookie,
                             const uint8_t key[NOISE_KEY_SIZE],
                             const uint8_t random[SEAL_RANDOM],
                             char text[SEAL_TEXT_SIZE]);

/* AGNER_ESYNTAX (not such a text), AGNER_EAUTH (another passphrase or key, or
 * it was changed), AGNER_ENOMEM. The caller wipes the cookie. */
enum agner_err node__seal_open(const char *text, const char *passphrase,
                               char cookie[COOKIE_TEXT_MAX + 1]);
enum agner_err node__seal_open_key(const char *text,
                                   const struct noise_keys *keys,
                                   char cookie[COOKIE_TEXT_MAX + 1]);

#endif
