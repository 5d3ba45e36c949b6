/*
 * NAME_sup.c -- the supervisor: what is started, in which order, and again.
 *
#ifdef STAGE
 * A child that ends is started again, with those behind it, since the sink ends
 * with its source.
#else
 * A child that ends is started again, and only that one.
#endif
 * When that happens over ten times within five seconds something is wrong with
 * more than the child: the supervisor stops the rest and ends, and the
 * application with it.
 */
#include "NAME_parts.h"

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

const struct gen_supervisor NAME_sup = {
    .name = "NAME_sup",
#ifdef STAGE
    .strategy = GEN_REST_FOR_ONE,
#else
    .strategy = GEN_ONE_FOR_ONE,
#endif
    .intensity = 10,
    .period_ms = 5000,
    .children = children,
    .child_count = sizeof children / sizeof children[0],
};
