/*
 * start_order.h -- which applications to start, and in which order. Pure.
 */
#ifndef AGNER_START_ORDER_H
#define AGNER_START_ORDER_H

#include <agner/gen.h>

#define APPS_MAX 64 /* applications of one node */

/* Finds an application by its name, loading it if need be: an error otherwise.
 */
struct apps_finder {
    enum agner_err (*find)(void *ctx, const char *name,
                           const struct gen_application **found,
                           struct agner_error *error);
    bool (*is_running)(void *ctx, const char *name);
    void *ctx;
};

struct apps_order {
    const struct gen_application *apps[APPS_MAX]; /* borrowed */
    size_t count;
};

/* `root` and what it needs and does not run, each after all that it needs
 * itself. AGNER_ECYCLE ("a needs b needs a"), AGNER_ELIMIT, and what the finder
 * says. */
enum agner_err apps__order(const struct gen_application *root,
                           const struct apps_finder *finder,
                           struct apps_order *order, struct agner_error *error);

#endif
