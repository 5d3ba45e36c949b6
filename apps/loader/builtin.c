/*
 * builtin.c -- the table of applications that are linked in.
 */
#include "builtin.h"

#include <string.h>

#include "examples.h"
#include <agner/kernel.h>

static const struct gen_application *const builtins[] = {
    &counter_application,
    &echo_application,
    &shop_application,
};

const struct gen_application *apps__builtin(const char *name)
{
    if (strcmp(agner_kernel()->name, name) == 0)
        return agner_kernel();
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
        if (strcmp(builtins[i]->name, name) == 0)
            return builtins[i];
    }
    return NULL;
}
