/*
 * so.h -- an application in a shared object: checked, then opened.
 *
 * Private to apps/loader. An application is trusted code; the checks are
 * against mistakes, and against an object that somebody else could have put
 * there (B-SO-1). What its constructors do cannot be checked.
 */
#ifndef AGNER_SO_H
#define AGNER_SO_H

#include "agner_apps.h"

/*
 * Opens the object at `path` and finds its application. Blocks: file system and
 * dynamic loader. A good object is never closed again, since terms, names and
 * patterns of its code may be in use anywhere until the program ends; one that
 * is refused is. AGNER_ENOTLOADED, and why, with the loader's own text.
 */
enum agner_err apps__so_open(const char *path,
                             const struct apps_loader_options *options,
                             const struct gen_application **application,
                             struct agner_error *error);

/* The path of NAME.so in the first configured directory that has it: false when
 * none has. */
bool apps__so_find(const char *name, const struct apps_loader_options *options,
                   char *path, size_t size);

#endif
