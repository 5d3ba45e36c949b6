/*
 * words.h -- words and how often they were seen.
 *
 * A word is a run of letters, digits and bytes above 127, in lower case.
 */
#ifndef PIPELINE_WORDS_H
#define PIPELINE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct word {
    char *text; /* owned; NULL: an empty place */
    size_t size;
    uint64_t count;
};

/* A hash table; all zero is an empty one. */
struct words {
    struct word *places; /* owned */
    size_t capacity;     /* a power of two, or 0 */
    size_t used;         /* different words */
    uint64_t total;      /* of all counts */
};

/* Each of them is false when there is no memory. */
bool words_add(struct words *w, const char *text, size_t size, uint64_t count);
/* Each word of a text once more. A word does not go on in the next text. */
bool words_add_text(struct words *w, const char *text, size_t size);
void words_free(struct words *w);

/* The most frequent first, among equals by the alphabet. The places are in that
 * order afterwards, `used` of them, and nothing can be added any more. */
void words_sort(struct words *w);

#endif
