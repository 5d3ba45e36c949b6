/*
 * handshake_forms.h -- the handshake's messages as bytes, of versions 6 and 5.
 *
 * Private to node/; handshake.c alone uses it. A message is its length in two
 * bytes, a tag, and a body. The two that tell who somebody is have a form in
 * each version:
 *
 *   version   name (A says)              challenge (B says)
 *   --------  -------------------------  -----------------------------------
 *   6, 'N'    flags:64, creation:32,     flags:64, challenge:32, creation:32,
 *             size:16, name, more        size:16, name, more
 *   5, 'n'    5:16, flags:32, name       5:16, flags:32, challenge:32, name
 *
 * Version 5 has room for the low 32 flags and for no creation. Who said its
 * name so and then gets a challenge of version 6 adds what is missing: 'c',
 * flags' high half:32, creation:32.
 *
 * Source: Erlang Distribution Protocol, "Distribution Handshake";
 * spec/distribution.md 2.
 */
#ifndef NODE_HANDSHAKE_FORMS_H
#define NODE_HANDSHAKE_FORMS_H

#include <agner/etf.h>

/* Who somebody is. */
struct node__hello {
    bool old;           /* version 5 */
    bool has_challenge; /* it is the challenge */
    uint64_t flags;
    uint32_t challenge;
    uint32_t creation; /* 0 in version 5 */
    const uint8_t *name;
    size_t name_size;
};

/* Appends a message, with its length. AGNER_ENOMEM, AGNER_ELIMIT of `out`. */
enum agner_err node__hello_write(struct etf_buffer *out,
                                 const struct node__hello *hello);
enum agner_err node__complement_write(struct etf_buffer *out, uint64_t flags,
                                      uint32_t creation);
enum agner_err node__message_write(struct etf_buffer *out, uint8_t tag,
                                   const void *body, size_t size);

/* Reads a message, tag and body, into *hello, whose `has_challenge` says which;
 * the name is borrowed from it. NULL, or what is wrong with it. */
const char *node__hello_read(const uint8_t *message, size_t size,
                             struct node__hello *hello);

/* Big-endian numbers. write returns the byte behind it. */
uint16_t node__read16(const uint8_t *p);
uint32_t node__read32(const uint8_t *p);
uint8_t *node__write16(uint8_t *p, size_t v);
uint8_t *node__write32(uint8_t *p, uint32_t v);

#endif
