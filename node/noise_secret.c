/*
 * noise_secret.c -- sodium_malloc(), which does all of it.
 */
#include "noise_secret.h"

#include <string.h>

#include <sodium.h>

void *node__secret_new(size_t size)
{
    void *secret = NULL;

    /* A piece ends at a guard page: a round size makes its start aligned. */
    if (sodium_init() >= 0)
        secret = sodium_malloc((size + 63) & ~(size_t)63);
    if (secret != NULL)
        memset(secret, 0, size);
    return secret;
}

void node__secret_free(void *secret)
{
    sodium_free(secret);
}
