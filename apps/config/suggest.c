/*
 * suggest.c -- the distance between what was typed and what there is.
 */
#include "suggest.h"

#include <string.h>

#define WORD_MAX 40 /* longer ones are not compared */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Edits from a to b, the swap of two neighbours counted as one. */
static size_t distance(const char *a, size_t a_size, const char *b,
                       size_t b_size)
{
    size_t rows[3][WORD_MAX + 1]; /* before last, last, this one */

    for (size_t j = 0; j <= b_size; j++)
        rows[1][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        rows[2][0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            size_t best = least(rows[1][j] + 1, rows[2][j - 1] + 1,
                                rows[1][j - 1] + change);

            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
                a[i - 2] == b[j - 1] && rows[0][j - 2] + 1 < best)
                best = rows[0][j - 2] + 1;
            rows[2][j] = best;
        }
        memcpy(rows[0], rows[1], sizeof rows[0]);
        memcpy(rows[1], rows[2], sizeof rows[1]);
    }
    return rows[1][b_size];
}

const char *apps_suggest(const char *given, const char *const *words,
                         size_t count)
{
    size_t size = strlen(given);
    size_t best = size < 3 ? 2 : 1 + (size + 2) / 3; /* not near enough */
    const char *meant = NULL;

    if (size > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t word_size = strlen(words[i]);
        size_t d;

        if (word_size > WORD_MAX)
            continue;
        d = distance(given, size, words[i], word_size);
        if (d < best) {
            best = d;
            meant = words[i];
        }
    }
    return meant;
}
