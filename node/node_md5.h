/*
 * node_md5.h -- MD5, for the digests of the handshake and nothing else.
 *
 * Private to node/. MD5 is no longer a good hash; the Erlang distribution
 * prescribes it. Source: RFC 1321.
 */
#ifndef NODE_MD5_H
#define NODE_MD5_H

#include <stddef.h>
#include <stdint.h>

#define NODE__MD5_SIZE 16

struct node__md5 {
    uint32_t state[4];
    uint64_t size;     /* bytes hashed so far */
    uint8_t block[64]; /* the first size % 64 of them wait */
};

void node__md5_init(struct node__md5 *md5);
void node__md5_add(struct node__md5 *md5, const void *bytes, size_t size);

/* Writes the digest and wipes `md5`. */
void node__md5_done(struct node__md5 *md5, uint8_t digest[NODE__MD5_SIZE]);

#endif
