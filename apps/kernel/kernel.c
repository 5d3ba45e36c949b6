/*
 * kernel.c -- the application `kernel`: the processes that an Erlang node looks
 * for on one that it meets. Each is in a file of its own.
 */
#include "kernel_internal.h"

#include <agner/kernel.h>

enum gen_next kernel__drop(struct gen *self, etf_term message)
{
    (void)self;
    (void)message;
    return GEN_NEXT;
}

static const struct gen_child_spec children[] = {
    { .name = "user", .server = &kernel__user },
    { .name = "logger_proxy", .server = &kernel__logger },
    { .name = "net_kernel", .server = &kernel__net_kernel },
    { .name = "rex", .server = &kernel__rex },
    { .name = "global_name_server", .server = &kernel__global_name_server },
    { .name = "pg", .server = &gen_pg_server, .args = "pg" },
};

static const struct gen_application kernel = {
    .abi = GEN_APPLICATION_ABI,
    .name = "kernel",
    .description = "what other nodes look for",
    .version = AGNER_VERSION,
    .children = children,
    .child_count = sizeof children / sizeof *children,
};

const struct gen_application *agner_kernel(void)
{
    return &kernel;
}

enum agner_err agner_kernel_start(struct gen *self, struct agner_error *error)
{
    enum agner_err err = gen_applications_start(self, NULL, error);

    if (err == AGNER_OK || err == AGNER_ETAKEN)
        err = gen_application_load(self, &kernel, error);
    if (err == AGNER_OK || err == AGNER_EALREADY)
        err = gen_application_start(self, "kernel", GEN_APP_PERMANENT, NULL,
                                    error);
    return err == AGNER_ERUNNING ? AGNER_OK : err;
}
