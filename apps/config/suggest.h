/*
 * suggest.h -- which of these words was meant?
 */
#ifndef SUGGEST_H
#define SUGGEST_H

#include <stddef.h>

/* The word nearest to `given`, or NULL when none is near: one that a person
 * gets from it by changing at most a third of its letters (rounded up; one
 * letter of a short word). Adding, leaving out, replacing a letter and swapping
 * two neighbours each count as one change. The first of equals. */
const char *apps_suggest(const char *given, const char *const *words,
                         size_t count);

#endif
