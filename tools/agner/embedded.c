/*
 * embedded.c -- finds a text in the table that the build made.
 */
#include "embedded.h"

#include <string.h>

const char *embedded_text(const char *name)
{
    for (size_t i = 0; i < embedded_count; i++) {
        if (strcmp(embedded[i].name, name) == 0)
            return embedded[i].text;
    }
    return NULL;
}
