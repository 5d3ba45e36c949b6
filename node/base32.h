/*
 * base32.h -- 32 bytes as 52 letters and digits: cookies and keys.
 *
 * Private to node/. Small letters and 2 to 7 (RFC 4648 without padding), so
 * that what a person copies has no two signs that look alike in most types.
 */
#ifndef NODE_BASE32_H
#define NODE_BASE32_H

#include <stdbool.h>
#include <stdint.h>

#define BASE32_DIGITS 52u

void node__base32_write(const uint8_t bytes[32], char text[BASE32_DIGITS]);

/* False: a sign that is no digit, or a last one that no 32 bytes end with. */
bool node__base32_read(const char *text, uint8_t bytes[32]);

#endif
