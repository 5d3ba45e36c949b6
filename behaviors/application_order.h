/*
 * application_order.h -- which applications to start, and in which order. Pure.
 *
 * Private to behaviors/.
 */
#ifndef GEN_APPLICATION_ORDER_H
#define GEN_APPLICATION_ORDER_H

#include <agner/gen_application.h>

/* Finds an application by its name, loading it if need be: an error otherwise.
 * AGNER_ENONAME, and no other, says that there is none. */
struct gen__finder {
    enum agner_err (*find)(void *ctx, const char *name,
                           const struct gen_application **found,
                           struct agner_error *error);
    bool (*is_running)(void *ctx, const char *name);
    void *ctx;
};

struct gen__order {
    const struct gen_application *apps[GEN_APPLICATIONS_MAX]; /* borrowed */
    size_t count;
};

/* `root` and what it needs and does not run, each after all that it needs
 * itself; optional ones that are not there are left out. AGNER_ECYCLE ("a needs
 * b needs a"), AGNER_ELIMIT, and what the finder says. */
enum agner_err gen__application_order(const struct gen_application *root,
                                      const struct gen__finder *finder,
                                      struct gen__order *order,
                                      struct agner_error *error);

/* The first application that `app` needs and does not run, by name, or NULL. It
 * needs no optional one. */
const char *gen__application_lacks(const struct gen_application *app,
                                   const struct gen__finder *finder);

#endif
