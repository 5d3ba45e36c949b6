/*
 * start_trust.c -- the node's keys, its cookie, and whom it is to believe.
 */
#include "start.h"

#include <string.h>

#include "rt_world.h"

static int set_mode(struct cli *cli, struct start_settings *s)
{
    static const char *const words[] = { "first-use", "listed" };
    const char *text = cli->o.trust;

    s->node.trust = s->config.trust == APPS_CONFIG_ABSENT
                        ? NODE_TRUST_FIRST_USE
                        : (enum node_trust)s->config.trust;
    if (text == NULL)
        return EXIT_DONE;
    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], text) == 0) {
            s->node.trust = (enum node_trust)i;
            return EXIT_DONE;
        }
    }
    return cli_fail(cli, EXIT_USAGE, "agner help start",
                    "--trust: expected first-use or listed, not '%.40s'", text);
}

/* The folder of its keys. Where nobody named one and none can be made, the node
 * does without. */
static int set_folder(struct cli *cli, struct start_settings *s)
{
    const char *path =
        cli->o.trust_dir != NULL ? cli->o.trust_dir : s->config.trust_dir;
    const struct rt_world *world = cli->world;
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;

    if (path != NULL && strcmp(path, "none") == 0)
        return EXIT_DONE;
    if (path == NULL && !cli_trust_place(s->node.name, s->trust_dir))
        return EXIT_DONE;
    if (path != NULL)
        (void)snprintf(s->trust_dir, sizeof s->trust_dir, "%s", path);
    err = world->private_folder(world->ctx, s->trust_dir, true, &error);
    if (err == AGNER_OK) {
        s->node.trust_dir = s->trust_dir;
        return EXIT_DONE;
    }
    if (path != NULL || strstr(error.text, "; ") != NULL)
        return cli_secret_fail(cli, err, error.text);
    (void)fprintf(stderr,
                  "agner: warning: %s: the node has another key after each "
                  "start; use --trust-dir\n",
                  error.text);
    return EXIT_DONE;
}

static int set_cookie(struct cli *cli, struct start_settings *s)
{
    const char *file =
        cli->o.cookie_file != NULL ? cli->o.cookie_file : s->config.cookie_file;
    int code;

    if (file != NULL && strcmp(file, "none") == 0 && cli->o.cookie == NULL) {
        if (s->node.trust == NODE_TRUST_LISTED)
            return EXIT_DONE;
        return cli_fail(cli, EXIT_USAGE, "--trust listed",
                        "without a cookie only keys on a list are believed");
    }
    code = cli_cookie(cli, file, true, s->cookie, s->cookie_path);
    if (code != EXIT_DONE)
        return code;
    if (cli->o.cookie != NULL) {
        s->node.cookie = s->cookie;
        return EXIT_DONE;
    }
    explicit_bzero(s->cookie, sizeof s->cookie); /* the node reads it anew */
    s->node.cookie_file = s->cookie_path;
    return EXIT_DONE;
}

int start_trust(struct cli *cli, struct start_settings *s)
{
    int code = set_mode(cli, s);

    s->node.cluster = cli->o.cluster_name != NULL ? cli->o.cluster_name
                                                  : s->config.cluster_name;
    if (code == EXIT_DONE)
        code = set_folder(cli, s);
    return code == EXIT_DONE ? set_cookie(cli, s) : code;
}
