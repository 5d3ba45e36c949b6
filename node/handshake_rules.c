/*
 * handshake_rules.c -- what a handshake decides and computes: pure functions.
 */
#include "handshake.h"

#include <stdio.h>
#include <string.h>

void node__handshake_digest(const char *cookie, size_t cookie_size,
                            uint32_t challenge, uint8_t digest[NODE__MD5_SIZE])
{
    struct node__md5 md5;
    char text[12];
    int size = snprintf(text, sizeof text, "%u", challenge);

    node__md5_init(&md5);
    node__md5_add(&md5, cookie, cookie_size);
    node__md5_add(&md5, text, (size_t)size);
    node__md5_done(&md5, digest);
}

/* Takes the same time wherever the first difference is: a digest must not be
 * found byte by byte. */
bool node__handshake_same_digest(const uint8_t *a, const uint8_t *b)
{
    volatile uint8_t difference = 0;
    size_t i;

    for (i = 0; i < NODE__MD5_SIZE; i++)
        difference = (uint8_t)(difference | (a[i] ^ b[i]));
    return difference == 0;
}

enum node__hs_status node__handshake_tie_break(const char *self,
                                               const char *peer)
{
    return strcmp(self, peer) >= 0 ? HS_NOK : HS_OK_SIMULTANEOUS;
}

enum node__hs_status node__handshake_status(const char *self, const char *peer,
                                            bool connected, bool dialling)
{
    if (strcmp(self, peer) == 0)
        return HS_NOK;
    if (connected)
        return HS_IS_ALIVE;
    return dialling ? node__handshake_tie_break(self, peer) : HS_OK;
}
