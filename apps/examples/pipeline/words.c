/*
 * words.c -- counts words: words.h.
 */
#include "words.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static size_t hash(const char *text, size_t size)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < size; i++)
        h = (h ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

/* The word's place, or the empty one where it belongs. */
static struct word *place_of(const struct words *w, const char *text,
                             size_t size)
{
    size_t i = hash(text, size);

    for (;; i++) {
        struct word *p = &w->places[i & (w->capacity - 1)];

        if (p->text == NULL ||
            (p->size == size && memcmp(p->text, text, size) == 0))
            return p;
    }
}

static bool grow(struct words *w)
{
    struct words more = { .capacity = w->capacity == 0 ? 64 : w->capacity * 2,
                          .used = w->used,
                          .total = w->total };

    more.places = calloc(more.capacity, sizeof *more.places);
    if (more.places == NULL)
        return false;
    for (size_t i = 0; i < w->capacity; i++)
        if (w->places[i].text != NULL)
            *place_of(&more, w->places[i].text, w->places[i].size) =
                w->places[i];
    free(w->places);
    *w = more;
    return true;
}

bool words_add(struct words *w, const char *text, size_t size, uint64_t count)
{
    struct word *p;

    if (w->used * 2 >= w->capacity && !grow(w))
        return false;
    p = place_of(w, text, size);
    if (p->text == NULL) {
        p->text = malloc(size + 1);
        if (p->text == NULL)
            return false;
        memcpy(p->text, text, size);
        p->text[size] = '\0';
        p->size = size;
        w->used++;
    }
    p->count += count;
    w->total += count;
    return true;
}

static bool is_part(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c > 127;
}

bool words_add_text(struct words *w, const char *text, size_t size)
{
    char word[256];
    size_t length = 0;

    for (size_t i = 0; i <= size; i++) {
        if (i < size && is_part(text[i]) && length < sizeof word) {
            word[length++] = (char)tolower((unsigned char)text[i]);
        } else if (length > 0) {
            if (!words_add(w, word, length, 1))
                return false;
            /* A word that is too long goes on as another one. */
            length = 0;
            if (i < size && is_part(text[i]))
                i--;
        }
    }
    return true;
}

void words_free(struct words *w)
{
    for (size_t i = 0; i < w->capacity; i++)
        free(w->places[i].text);
    free(w->places);
    *w = (struct words){ .capacity = 0 };
}

static int by_count(const void *left, const void *right)
{
    const struct word *a = left, *b = right;

    if ((a->text == NULL) != (b->text == NULL))
        return a->text == NULL ? 1 : -1;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return a->text == NULL ? 0 : strcmp(a->text, b->text);
}

void words_sort(struct words *w)
{
    if (w->used > 0)
        qsort(w->places, w->capacity, sizeof *w->places, by_count);
}
