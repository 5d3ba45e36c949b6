/*
 * application.c -- the counter as an application: `agner start --app counter`.
 */
#include <agner/gen.h>

extern const struct gen_server counter_server;

static const struct gen_child_spec children[] = {
    { .name = "counter", .server = &counter_server, .args = "0" },
};

GEN_APPLICATION(counter) = {
    .abi = GEN_APPLICATION_ABI,
    .name = "counter",
    .description = "keeps one number",
    .version = "1.0",
    .children = children,
    .child_count = sizeof children / sizeof *children,
};
