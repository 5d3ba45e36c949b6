/*
 * builtin.h -- applications that are linked in. Private to apps/loader.
 */
#ifndef AGNER_BUILTIN_H
#define AGNER_BUILTIN_H

#include <agner/gen.h>

/* NULL: none of that name. */
const struct gen_application *apps__builtin(const char *name);

#endif
