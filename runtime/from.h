/*
 * from.h -- reading struct gen_from: see from.c.
 */
#ifndef RT_FROM_H
#define RT_FROM_H

#include "process.h"

enum from_form {
    FROM_NOBODY,
    FROM_LOCAL,
    FROM_REF,
    FROM_ALIAS,
    FROM_REF_NODE,
    FROM_BOX,
};

etf_pid rt__from_pid(const struct gen_from *from);
uint64_t rt__from_id(const struct gen_from *from); /* FROM_LOCAL */
/* The tag as a term in `r`. */
etf_term rt__from_tag(struct etf_region *r, const struct gen_from *from);
/* Is the answer to go through an alias? */
bool rt__from_alias(const struct gen_from *from, etf_ref *alias);

#endif
