/*
 * base32.c -- five bits to a digit; the last one has a bit, and four zeros.
 */
#include "base32.h"

#include <stddef.h>
#include <string.h>

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

void node__base32_write(const uint8_t bytes[32], char text[BASE32_DIGITS])
{
    unsigned bits = 0, held = 0;

    for (unsigned i = 0; i < 32; i++) {
        held = held << 8 | bytes[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *text++ = digits[held >> (bits - 5) & 31];
    }
    *text = digits[held << (5 - bits) & 31];
}

bool node__base32_read(const char *text, uint8_t bytes[32])
{
    unsigned bits = 0, held = 0;
    size_t count = 0;

    for (unsigned i = 0; i < BASE32_DIGITS; i++) {
        const char *digit =
            text[i] == '\0' ? NULL : memchr(digits, text[i], 32);

        if (digit == NULL)
            return false;
        held = held << 5 | (unsigned)(digit - digits);
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            bytes[count++] = (uint8_t)(held >> bits);
        }
    }
    return (held & ((1u << bits) - 1)) == 0;
}
