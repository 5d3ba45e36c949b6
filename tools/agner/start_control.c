/*
 * start_control.c -- where a node's control socket is: a path, an address, both
 * or nothing.
 *
 * Over TCP there is a file of clients' keys, and the node's own key: that of
 * its secure links where it is kept, or else one beside that file.
 */
#include "start.h"

#include <string.h>

#include "rt_world.h"
#include "trust_files.h"

#define KEYS "control_keys"
#define OWN  "key"

static int set_path(struct cli *cli, struct start_settings *s, const char *path)
{
    if (strlen(path) >= sizeof s->control_path)
        return cli_fail(cli, EXIT_USAGE, "a shorter path",
                        "--control: over %zu characters, the most for a socket",
                        sizeof s->control_path - 1);
    memcpy(s->control_path, path, strlen(path) + 1);
    return EXIT_DONE;
}

/* One of those that were said; *socket: it was about the socket. */
static int take(struct cli *cli, struct start_settings *s, const char *text,
                bool *socket)
{
    if (cli_is_control_url(text)) {
        if (!cli_control_url(text, &s->control_tcp))
            return cli_fail(cli, EXIT_USAGE, "--control tcp://127.0.0.1:4400",
                            "--control: expected tcp://HOST:PORT, not '%.80s'",
                            text);
        s->control_tcp.set = true;
        return EXIT_DONE;
    }
    if (*socket)
        return cli_fail(cli, EXIT_USAGE, "agner help start",
                        "--control is given twice");
    *socket = true;
    return strcmp(text, "none") == 0 ? EXIT_DONE : set_path(cli, s, text);
}

static const char *const *said(struct cli *cli, struct start_settings *s,
                               size_t *count)
{
    *count = cli->o.controls.count;
    if (*count > 0)
        return cli->o.controls.items;
    *count = s->config.control != NULL ? 1 : 0;
    return &s->config.control;
}

int start_control_keys(struct cli *cli, struct start_settings *s)
{
    const char *file = cli->o.control_keys != NULL ? cli->o.control_keys
                                                   : s->config.control_keys;
    const char *folder = s->node.trust_dir, *slash;
    size_t size;

    if (!s->control_tcp.set)
        return EXIT_DONE;
    if (file == NULL && folder == NULL)
        return cli_fail(cli, EXIT_USAGE, "--control-keys FILE",
                        "the control socket over TCP wants a file of clients' "
                        "keys");
    if (file == NULL)
        (void)snprintf(s->control_keys, sizeof s->control_keys, "%.4000s/" KEYS,
                       folder);
    else
        (void)snprintf(s->control_keys, sizeof s->control_keys, "%s", file);
    slash = strrchr(s->control_keys, '/');
    size = slash == NULL ? 1 : (size_t)(slash - s->control_keys);
    (void)snprintf(s->control_own, sizeof s->control_own, "%s",
                   slash == NULL ? "." : s->control_keys);
    s->control_own[size] = '\0';
    if (folder != NULL)
        (void)snprintf(s->control_own, sizeof s->control_own, "%s", folder);
    return EXIT_DONE;
}

int start_control(struct cli *cli, struct start_settings *s)
{
    struct agner_error error = { AGNER_OK, "" };
    const char *const *texts;
    bool socket = false;
    int code = EXIT_DONE;
    size_t count;

    texts = said(cli, s, &count);
    for (size_t i = 0; i < count && code == EXIT_DONE; i++)
        code = take(cli, s, texts[i], &socket);
    if (code == EXIT_DONE && !s->control_tcp.set && s->config.control_tcp.set)
        s->control_tcp = s->config.control_tcp;
    if (code != EXIT_DONE || socket)
        return code;
    if (apps_control_path(s->node.name, s->control_path, sizeof s->control_path,
                          &error) == AGNER_OK)
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "--control PATH", "%s", error.text);
}

enum agner_err start_control_key(const struct cli *cli,
                                 const struct start_settings *s,
                                 struct noise_keys *own,
                                 struct agner_error *error)
{
    enum agner_err err =
        node__trust_key_read(cli->world, s->control_own, OWN, own, error);

    return err == AGNER_ENONAME
               ? node__trust_key_new(cli->world, s->control_own, OWN, own,
                                     error)
               : err;
}
