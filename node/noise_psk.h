/*
 * noise_psk.h -- a cookie as the pre-shared key of a handshake.
 *
 * Private to node/; any thread. A cookie of our own making has 256 random bits
 * and is hashed. Any other may have been chosen by a person, and whoever
 * records a handshake must not be able to try words against it quickly: it
 * goes through Argon2id, once in a process. The text says which it is, so both
 * sides agree. Source: spec/reliability.md 6.2.
 */
#ifndef NODE_NOISE_PSK_H
#define NODE_NOISE_PSK_H

#include "noise.h"

#define NOISE_COOKIE_PREFIX "agner1-"
#define NOISE_COOKIE_DIGITS 52u /* of 32 bytes in base32 */

/* Is it `agner1-` and 32 bytes in base32, small letters and 2 to 7? */
bool node__psk_is_strong(const char *cookie);

/*
 * The key of a cookie in a cluster ("" for one without a name). Takes some
 * 125 ms and 64 MiB the first time for a cookie that is not strong.
 * AGNER_ENOMEM.
 */
enum agner_err node__psk(const char *cluster, const char *cookie,
                         uint8_t psk[NOISE_KEY_SIZE]);

/* Writes a new cookie from 32 random bytes. */
#define NOISE_COOKIE_SIZE (sizeof NOISE_COOKIE_PREFIX + NOISE_COOKIE_DIGITS)
void node__psk_cookie(const uint8_t random[32], char text[NOISE_COOKIE_SIZE]);

#endif
