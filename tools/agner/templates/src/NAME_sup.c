/*
 * NAME_sup.c -- the supervisor: what is started, in which order, and again.
 *
 * A child that ends is started again, and only that one. When that happens over
 * three times within five seconds something is wrong with more than the child:
 * the supervisor stops the rest and ends, and the application with it.
 */
#include "NAME_parts.h"

static const struct gen_child_spec children[] = {
#ifdef SERVER
    { .id = "server", .server = &NAME_server, .name = "NAME_server" },
#endif
#ifdef STATEM
    { .id = "statem", .statem = &NAME_statem, .name = "NAME_statem" },
#endif
};

const struct gen_supervisor NAME_sup = {
    .name = "NAME_sup",
    .strategy = GEN_ONE_FOR_ONE,
    .intensity = 3,
    .period_ms = 5000,
    .children = children,
    .child_count = sizeof children / sizeof children[0],
};
