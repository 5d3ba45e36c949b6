/*
 * term_scan.h -- where in the text of a term is that part of it?
 *
 * Private to apps/config. The parser gives a term without positions; a person
 * wants the line and the column of the key that is wrong. This walks the text's
 * brackets and commas again, knowing no more syntax than it takes to skip what
 * may hold a bracket that is none: strings, quoted atoms, $characters,
 * comments.
 */
#ifndef TERM_SCAN_H
#define TERM_SCAN_H

#include <stdbool.h>
#include <stddef.h>

/* Deepest nesting of brackets in `text`: any bytes. */
size_t apps__term_depth(const char *text, size_t size);

/* The offset of the part of the term at the front of `text` that is reached by
 * taking the path[0]-th element (from 0) of the outermost brackets, the
 * path[1]-th in that one, and so on. The text must parse. The nearest thing
 * around it when there is no such part. */
size_t apps__term_offset(const char *text, size_t size, const size_t *path,
                         size_t count);

/* Line and column, from 1, of an offset; columns are characters of UTF-8. */
void apps__term_place(const char *text, size_t offset, unsigned *line,
                      unsigned *column);

#endif
