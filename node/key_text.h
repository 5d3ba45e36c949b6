/*
 * key_text.h -- a key as people copy it: what it is stands in front of it.
 *
 *   agnerkey1-...     a public key: known_nodes, `agner key show`
 *   agnersecret1-...  a secret one: a node's key file, and nowhere else
 *
 * Private to node/ and the command. The two are read by different functions, so
 * that a secret that somebody pastes for a public key is refused.
 */
#ifndef NODE_KEY_TEXT_H
#define NODE_KEY_TEXT_H

#include <stddef.h>

#include "base32.h"

#define KEY_PREFIX        "agnerkey1-"
#define KEY_SECRET_PREFIX "agnersecret1-"

/* Bytes with the zero. */
#define KEY_TEXT_SIZE        (sizeof KEY_PREFIX + BASE32_DIGITS)
#define KEY_SECRET_TEXT_SIZE (sizeof KEY_SECRET_PREFIX + BASE32_DIGITS)

void node__key_print(const uint8_t key[32], char text[KEY_TEXT_SIZE]);
void node__key_print_secret(const uint8_t key[32],
                            char text[KEY_SECRET_TEXT_SIZE]);

/* `size` bytes, all of them. False: they are no such key. */
bool node__key_parse(const char *text, size_t size, uint8_t key[32]);
bool node__key_parse_secret(const char *text, size_t size, uint8_t key[32]);

#endif
