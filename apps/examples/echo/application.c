/*
 * application.c -- the echo server as an application: `agner start --app echo`.
 */
#include <agner/gen.h>

extern const struct gen_server echo_server;

static const struct gen_child_spec children[] = {
    { .name = "echo", .server = &echo_server },
};

GEN_APPLICATION(echo) = {
    .abi = GEN_APPLICATION_ABI,
    .name = "echo",
    .description = "does with processes what it is told",
    .version = "1.0",
    .children = children,
    .child_count = sizeof children / sizeof *children,
};
