/*
 * utf8.h -- checked UTF-8, as atoms and texts need it. Private to etf/.
 */
#ifndef ETF_UTF8_H
#define ETF_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Is this UTF-8 without overlong forms, surrogates and numbers above 10FFFF?
 * *chars is set to the count of characters when it is. */
bool etf__utf8_valid(const uint8_t *text, size_t size, size_t *chars);

/* The character at the front of `size` bytes: its length in bytes, 1 to 4, and
 * its number in *point; 0 when these bytes begin no valid character. */
unsigned etf__utf8_next(const uint8_t *text, size_t size, uint32_t *point);

/* Writes the character, at most 4 bytes; returns how many; 0 for a number that
 * is no character. */
unsigned etf__utf8_put(uint8_t *to, uint32_t point);

#endif
