/*
 * atom_table.h -- the atom table as the rest of this room sees it.
 *
 * Private to etf/. An entry is written once, before its number is known to
 * anybody, and never again: whoever has an atom may read its entry. Looking a
 * text up takes no lock; adding one does.
 */
#ifndef ATOM_TABLE_H
#define ATOM_TABLE_H

#include "etf_door.h"

#define ETF__ATOM_COUNT_MAX 1048576u
#define ETF__ATOM_CHARS_MAX 255u
#define ETF__ATOM_BYTES_MAX ((size_t)4 * ETF__ATOM_CHARS_MAX)

/* Readable bytes behind every interned text, so that a copy may be done in
 * blocks of this size. */
#define ETF__ATOM_SLACK 32u

struct etf__atom {
    const uint8_t *text; /* the two bytes before it are the head of its
                            SMALL_ATOM_UTF8_EXT, if size is at most 255 */
    uint64_t prefix;     /* first 8 bytes, big endian, padded with 0 */
    uint64_t digest;     /* of a text of up to 8 bytes, the text */
    uint32_t name_hash;  /* of phash2 */
    uint16_t size;       /* bytes */
};

/* The entry of an interned atom (ETF__ATOM). */
const struct etf__atom *etf__atom_entry(etf_term atom);

/* The interned atom of this text, or ETF_NONE. Any bytes. */
etf_term etf__atom_lookup(const uint8_t *text, size_t size);

/* The interned atom of a valid text, new if need be (*added says so).
 * ETF_NONE: the table or the memory is full. */
etf_term etf__atom_intern(const uint8_t *text, size_t size, bool *added);

/* The boxed atom of a valid text. ETF_NONE: the region is full. */
etf_term etf__atom_boxed(struct etf_region *r, const uint8_t *text,
                         size_t size);

/* Can this be an atom's text: UTF-8, at most 255 characters? */
enum agner_err etf__atom_check(const uint8_t *text, size_t size);

/* The hash of a name as phash2 has it. */
uint32_t etf__name_hash(const uint8_t *text, size_t size);

#endif
