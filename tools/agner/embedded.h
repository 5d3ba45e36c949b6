/*
 * embedded.h -- text files that are in the program itself.
 *
 * The build makes the table from the files of this folder that meson.build
 * names (tools/lib/embed.py), so that nothing has to be found after an install.
 */
#ifndef AGNER_EMBEDDED_H
#define AGNER_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name; /* path of the file, from this folder */
    const char *text;
};

extern const struct embedded embedded[];
extern const size_t embedded_count;

/* The text of the file `name`; NULL: it was not named in meson.build. */
const char *embedded_text(const char *name);

#endif
