/*
 * start_box.c -- the node's black box: where it is, and how large.
 */
#include "start.h"

#include <string.h>

#if defined(__x86_64__)
#define MACHINE "x86_64"
#elif defined(__aarch64__)
#define MACHINE "aarch64"
#else
#define MACHINE "another machine"
#endif

bool start_box_path(const char *node, char path[APPS_PATH_MAX])
{
    char socket[108];
    struct agner_error error;
    char *end;

    if (apps_control_path(node, socket, sizeof socket, &error) != AGNER_OK)
        return false;
    end = strrchr(socket, '.'); /* NODE.sock */
    if (end != NULL)
        *end = '\0';
    (void)snprintf(path, APPS_PATH_MAX, "%s.box", socket);
    return true;
}

int start_box(struct cli *cli, struct start_settings *s)
{
    const struct apps_config *c = &s->config;
    const char *path = cli->o.blackbox != NULL ? cli->o.blackbox : c->blackbox;
    int64_t size = cli->o.blackbox_size != CLI_ABSENT ? cli->o.blackbox_size
                                                      : c->blackbox_size;
    struct agner_error error = { AGNER_OK, "" };

    s->node.rt.watch_faults = true;
    if (path != NULL && strcmp(path, "none") == 0)
        return EXIT_DONE;
    if (path == NULL && start_box_path(s->node.name, s->box_path))
        path = s->box_path;
    if (path == NULL)
        return EXIT_DONE; /* a name that is no file's: it has no socket either
                           */
    if (path == s->box_path && apps_control_dir(path, &error) != AGNER_OK)
        return EXIT_DONE; /* start_control() says so, or the box's own warning
                           */
    (void)snprintf(s->box_build, sizeof s->box_build,
                   "agner " AGNER_VERSION " " MACHINE ", C compiler %.24s",
                   __VERSION__);
    s->box.path = path;
    s->box.build = s->box_build;
    s->box.size = size == APPS_CONFIG_ABSENT ? 0 : (size_t)size;
    s->node.rt.blackbox = &s->box;
    return EXIT_DONE;
}
