/*
 * lines.h -- bytes as they come, cut into lines.
 *
 * Private to behaviors/. No file and no process: who reads puts bytes in, and
 * takes lines out until there is none; what is left is the start of a line.
 */
#ifndef LINES_H
#define LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <agner/etf.h>

/* `bytes` has room for line_max + chunk_max. */
struct lines {
    uint8_t *bytes; /* owned */
    size_t line_max, chunk_max;
    size_t from, to; /* what is there */
    size_t looked;   /* so far there is no newline */
    uint64_t number; /* lines taken */
    bool at_end;     /* nothing more comes */
};

enum lines_next {
    LINES_LINE, /* one was taken */
    LINES_MORE, /* put more in first */
    LINES_END,
    LINES_TOO_LONG, /* the next one, number + 1 */
};

enum agner_err gen__lines_init(struct lines *l, size_t line_max,
                               size_t chunk_max);
void gen__lines_fini(struct lines *l);
/* Where the next chunk goes: chunk_max bytes, after LINES_MORE. */
uint8_t *gen__lines_room(struct lines *l);
/* So many bytes were put there; 0: the end. */
void gen__lines_put(struct lines *l, size_t size);
/* The next line without its newline; it stays until the next
 * gen__lines_room(). */
enum lines_next gen__lines_next(struct lines *l, etf_bytes *line);

#endif
