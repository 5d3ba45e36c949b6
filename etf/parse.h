/*
 * parse.h -- what reads text as terms and as patterns. Private to etf/.
 *
 * A pattern is read as a term in which a hole is a word of a tag that no term
 * has. Such a term never leaves pattern.c; nothing looks behind that tag.
 */
#ifndef ETF_PARSE_H
#define ETF_PARSE_H

#include "scan.h"

#define ETF__HOLE 7u /* tag; the rest of the word numbers it */

static inline etf_term etf__hole(uint32_t number)
{
    return etf__word((uint64_t)number << 3 | ETF__HOLE);
}

static inline bool etf__is_hole(etf_term t)
{
    return etf__tag(t) == ETF__HOLE;
}

static inline uint32_t etf__hole_number(etf_term t)
{
    return (uint32_t)(t.word >> 3);
}

#define ETF__HOLE_ANY UINT32_MAX /* the number of `__` */

/* Nesting of patterns: they are written by hand, and the walks over a compiled
 * one keep a place for each level. */
#define ETF__PATTERN_DEPTH_MAX 16u

/*
 * Reads a pattern: a term, where `_` is hole 0, 1, 2 ... in the order of the
 * text, and `__` is ETF__HOLE_ANY. A map with a hole in a key is left in the
 * order of the text. AGNER_ESYNTAX, AGNER_ELIMIT, AGNER_ENOMEM.
 */
enum agner_err etf__parse_pattern(struct etf_region *r, const char *text,
                                  etf_term *pattern, uint32_t *holes,
                                  struct agner_error *error);

/* Reads the rest of a binary, behind `<<`. */
enum agner_err etf__parse_bits(struct scan *s, etf_term *out);

/* The map of these pairs, where the later of two equal keys counts. ETF_NONE:
 * out of memory. */
etf_term etf__parse_map(struct etf_region *r, const etf_term *pairs,
                        size_t count);

#endif
