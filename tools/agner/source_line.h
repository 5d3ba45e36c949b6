/*
 * source_line.h -- a place in the code, for a person.
 */
#ifndef AGNER_SOURCE_LINE_H
#define AGNER_SOURCE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "FUNCTION (FILE:LINE)", or as much of it as is known: without debug
 * information "FUNCTION (MODULE+0xOFFSET)", and so on. `function` is what the
 * module itself says, or "". Returns `text`. */
char *source_line(const char *module, uint64_t offset, const char *function,
                  char *text, size_t size);

#endif
