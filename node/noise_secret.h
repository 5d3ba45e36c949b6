/*
 * noise_secret.h -- memory for secrets: locked where the system allows it, left
 * out of core dumps, between guard pages, wiped when it is given back.
 *
 * Private to node/ and the command; any thread. Each piece takes some pages of
 * its own. Source: spec/reliability.md 6.3.
 */
#ifndef NODE_NOISE_SECRET_H
#define NODE_NOISE_SECRET_H

#include <stddef.h>

/* Zeros; NULL without memory. */
void *node__secret_new(size_t size);
/* NULL does nothing. */
void node__secret_free(void *secret);

#endif
