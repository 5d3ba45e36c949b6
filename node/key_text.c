/*
 * key_text.c -- a prefix and 52 digits.
 */
#include "key_text.h"

#include <string.h>

static void print(const char *prefix, const uint8_t key[32], char *text)
{
    size_t size = strlen(prefix);

    memcpy(text, prefix, size);
    node__base32_write(key, text + size);
    text[size + BASE32_DIGITS] = '\0';
}

static bool parse(const char *prefix, const char *text, size_t size,
                  uint8_t key[32])
{
    size_t skip = strlen(prefix);

    return size == skip + BASE32_DIGITS && memcmp(text, prefix, skip) == 0 &&
           node__base32_read(text + skip, key);
}

void node__key_print(const uint8_t key[32], char text[KEY_TEXT_SIZE])
{
    print(KEY_PREFIX, key, text);
}

void node__key_print_secret(const uint8_t key[32],
                            char text[KEY_SECRET_TEXT_SIZE])
{
    print(KEY_SECRET_PREFIX, key, text);
}

bool node__key_parse(const char *text, size_t size, uint8_t key[32])
{
    return parse(KEY_PREFIX, text, size, key);
}

bool node__key_parse_secret(const char *text, size_t size, uint8_t key[32])
{
    return parse(KEY_SECRET_PREFIX, text, size, key);
}
