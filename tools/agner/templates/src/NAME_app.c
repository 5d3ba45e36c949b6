/*
 * NAME_app.c -- the application: what `agner start --app` finds in NAME.so.
 */
#include "NAME_parts.h"

#ifndef SUP
/* Started in this order, and stopped in reverse. */
static const struct gen_child_spec children[] = {
#ifdef SERVER
    { .id = "server", .server = &NAME_server, .name = "NAME_server" },
#endif
#ifdef STATEM
    { .id = "statem", .statem = &NAME_statem, .name = "NAME_statem" },
#endif
#ifdef STAGE
    { .id = "source", .stage = &NAME_source, .name = "NAME_source" },
    { .id = "sink", .stage = &NAME_sink, .name = "NAME_sink" },
#endif
#ifdef SAGA
    { .id = "saga", .saga = &NAME_saga, .name = "NAME_saga" },
#endif
};

#endif
GEN_APPLICATION(NAME) = {
    .abi = GEN_APPLICATION_ABI,
    .name = "NAME",
    .description = "an application of mine",
    .version = "0.1.0",
#ifdef SUP
    .supervisor = &NAME_sup,
#else
    .children = children,
    .child_count = sizeof children / sizeof children[0],
#endif
};
