/*
 * lines.c -- cuts bytes into lines: lines.h.
 */
#include "stage/lines.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum agner_err gen__lines_init(struct lines *l, size_t line_max,
                               size_t chunk_max)
{
    *l = (struct lines){ .line_max = line_max, .chunk_max = chunk_max };
    l->bytes = malloc(line_max + chunk_max);
    return l->bytes != NULL ? AGNER_OK : AGNER_ENOMEM;
}

void gen__lines_fini(struct lines *l)
{
    free(l->bytes);
    l->bytes = NULL;
}

uint8_t *gen__lines_room(struct lines *l)
{
    size_t left = l->to - l->from;

    assert(left <= l->line_max); /* a longer one was told of */
    memmove(l->bytes, l->bytes + l->from, left);
    l->looked -= l->from;
    l->from = 0;
    l->to = left;
    return l->bytes + left;
}

void gen__lines_put(struct lines *l, size_t size)
{
    assert(size <= l->chunk_max);
    l->to += size;
    l->at_end = size == 0;
}

static enum lines_next take(struct lines *l, size_t size, size_t skip,
                            etf_bytes *line)
{
    if (size > l->line_max)
        return LINES_TOO_LONG;
    *line = (etf_bytes){ .data = l->bytes + l->from, .size = size };
    l->from += size + skip;
    l->looked = l->from;
    l->number++;
    return LINES_LINE;
}

enum lines_next gen__lines_next(struct lines *l, etf_bytes *line)
{
    const uint8_t *newline = NULL;

    if (l->to > l->looked)
        newline = memchr(l->bytes + l->looked, '\n', l->to - l->looked);
    if (newline != NULL)
        return take(l, (size_t)(newline - (l->bytes + l->from)), 1, line);
    l->looked = l->to;
    if (l->to - l->from > l->line_max)
        return LINES_TOO_LONG;
    if (!l->at_end)
        return LINES_MORE;
    return l->from == l->to ? LINES_END : take(l, l->to - l->from, 0, line);
}
