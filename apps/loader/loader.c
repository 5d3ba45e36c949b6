/*
 * loader.c -- where a node's applications come from: shared objects, and those
 * that are linked in. What they are and how they run is gen_application.h's.
 */
#include "agner_apps.h"

#include <string.h>

#include "builtin.h"
#include "so.h"

#define START_TIME_MS 60000

/* Opening blocks, so it is done on a thread for that. */
struct opening {
    const char *path;
    const struct apps_loader_options *options;
    const struct gen_application *found;
    struct agner_error *error;
    enum agner_err err;
};

static void open_it(void *arg)
{
    struct opening *o = arg;

    o->err = apps__so_open(o->path, o->options, &o->found, o->error);
}

static enum agner_err open_so(struct gen *self,
                              const struct apps_loader_options *options,
                              const char *path,
                              const struct gen_application **found,
                              struct agner_error *error)
{
    struct opening o = { .path = path, .options = options, .error = error };
    enum agner_err err = rt_blocking(self, open_it, &o);

    if (err != AGNER_OK)
        return agner_fail(error, err, "%s: %s", path, agner_strerror(err));
    if (o.err == AGNER_OK)
        *found = o.found;
    return o.err;
}

static enum agner_err find(void *ctx, struct gen *self, const char *which,
                           const struct gen_application **found,
                           struct agner_error *error)
{
    const struct apps_loader_options *options = ctx;
    const struct gen_application *builtin;
    char path[APPS_PATH_MAX];

    if (strchr(which, '/') != NULL)
        return open_so(self, options, which, found, error);
    builtin = apps__builtin(which);
    if (builtin != NULL) {
        *found = builtin;
        return AGNER_OK;
    }
    if (apps__so_find(which, options, path, sizeof path))
        return open_so(self, options, path, found, error);
    return agner_fail(error, AGNER_ENONAME,
                      "there is no application %s: it is not built in, and "
                      "%s.so is in none of application_dirs",
                      which, which);
}

static void tell_node(void *ctx, const char *application, etf_term reason)
{
    const struct apps_loader_options *options = ctx;

    if (options->node_stop != NULL)
        options->node_stop(options->stop_ctx, application, reason);
}

enum agner_err apps_loader_start(struct gen *self,
                                 const struct apps_loader_options *options,
                                 struct agner_error *error)
{
    struct gen_applications_options o = {
        .find = find,
        .node_stop = tell_node,
        .ctx = (void *)(uintptr_t)options, /* not written through */
        .config = options->config,
        .env = options->env,
        .start_time_ms = options->start_time_ms,
    };
    enum agner_err err;

    if (o.start_time_ms == 0)
        o.start_time_ms = START_TIME_MS;
    err = gen_applications_start(self, &o, error);
    if (err != AGNER_OK)
        return err;
    return gen_application_start(self, "kernel", GEN_APP_PERMANENT, NULL,
                                 error);
}
