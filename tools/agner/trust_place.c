/*
 * trust_place.c -- whose keys are meant, and who is told that they changed.
 */
#include "cli.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key_text.h"
#include "rt_world.h"
#include "trust_files.h"

/* ---- Folders ------------------------------------------------------------ */

/* That of all nodes of this user. */
static bool home_of_all(char path[APPS_PATH_MAX])
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int size;

    if (state != NULL && state[0] == '/')
        size = snprintf(path, APPS_PATH_MAX, "%s/agner", state);
    else if (home != NULL && home[0] == '/')
        size = snprintf(path, APPS_PATH_MAX, "%s/.local/state/agner", home);
    else
        return false;
    return size > 0 && size < APPS_PATH_MAX;
}

bool cli_trust_place(const char *name, char path[APPS_PATH_MAX])
{
    size_t used;
    int size;

    if (name[0] == '.' || strchr(name, '/') != NULL || !home_of_all(path))
        return false;
    used = strlen(path);
    size = snprintf(path + used, APPS_PATH_MAX - used, "/%s", name);
    return size > 0 && (size_t)size < APPS_PATH_MAX - used;
}

size_t cli_trust_nodes(char (*names)[256], size_t room)
{
    char path[APPS_PATH_MAX];
    const struct dirent *entry;
    size_t count = 0;
    DIR *dir;

    if (!home_of_all(path) || (dir = opendir(path)) == NULL)
        return 0;
    while (count < room &&
           (entry = readdir(dir)) != NULL) { /* NOLINT(concurrency-mt-unsafe):
                                                our own */
        if (strchr(entry->d_name, '@') != NULL)
            (void)snprintf(names[count++], sizeof names[0], "%s",
                           entry->d_name);
    }
    (void)closedir(dir); /* only read */
    return count;
}

int cli_trust_folder(struct cli *cli, char path[APPS_PATH_MAX])
{
    char names[CLI_NODES_MAX][256], homes[2][256];
    const char *node = cli->o.node;
    size_t live;

    if (cli->o.trust_dir != NULL) {
        (void)snprintf(path, APPS_PATH_MAX, "%s", cli->o.trust_dir);
        return EXIT_DONE;
    }
    live = node == NULL ? cli_nodes(cli, names) : 0;
    if (live == 1)
        node = names[0];
    else if (node == NULL && live == 0 && cli_trust_nodes(homes, 2) == 1)
        node = homes[0];
    if (node == NULL)
        return cli_fail(cli, EXIT_USAGE, "-n NODE, or --trust-dir DIR",
                        live > 1 ? "several nodes run here"
                                 : "it is not clear whose keys are meant");
    if (!cli_trust_place(node, path))
        return cli_fail(cli, EXIT_USAGE, "--trust-dir DIR",
                        "'%.100s' has no folder of its own", node);
    return EXIT_DONE;
}

/* ---- Failures ----------------------------------------------------------- */

/* "PATH: what is wrong; the command that mends it". */
int cli_secret_fail(struct cli *cli, enum agner_err err, const char *text)
{
    const char *mend = strstr(text, "; ");
    int code = EXIT_AUTH;

    if (err == AGNER_EINVAL || err == AGNER_EALREADY)
        code = EXIT_USAGE;
    else if (err == AGNER_ENOMEM || err == AGNER_ESYSTEM)
        code = EXIT_REMOTE;
    if (mend == NULL)
        return cli_fail(cli, code, "agner doctor, or agner help trust", "%s",
                        text);
    return cli_fail(cli, code, mend + 2, "%.*s", (int)(mend - text), text);
}

int cli_key(struct cli *cli, const char *text, uint8_t key[32])
{
    if (node__key_parse(text, strlen(text), key))
        return EXIT_DONE;
    if (strncmp(text, KEY_SECRET_PREFIX, sizeof KEY_SECRET_PREFIX - 1) == 0)
        return cli_fail(cli, EXIT_USAGE, "agner key show, on that node's host",
                        "that is a secret key, which stays where it is");
    return cli_fail(cli, EXIT_USAGE, "agner key show, on that node's host",
                    "'%.80s' is no key: " KEY_PREFIX "...", text);
}

/* ---- Telling ------------------------------------------------------------ */

static int reload(struct cli *cli, const char *name)
{
    struct target t;
    etf_term result;
    const char *file = cli->o.cookie_file;
    int code;

    cli->o.cookie_file = NULL; /* it is not to be dialled with */
    code = cli_open(cli, name, false, &t);
    if (code == EXIT_DONE) {
        code =
            cli_method(cli, &t, "agner.reload", etf_map(cli->region, NULL, 0),
                       cli_timeout(cli), &result);
        cli_close(&t);
    }
    cli->o.cookie_file = file;
    return code;
}

int cli_reload_all(struct cli *cli)
{
    char names[CLI_NODES_MAX][256];
    size_t live = cli_nodes(cli, names);
    int code = EXIT_DONE;

    for (size_t i = 0; i < live; i++) {
        int one = reload(cli, names[i]);

        if (one != EXIT_DONE) {
            (void)fprintf(stderr, "agner: %s goes on with what it had\n",
                          names[i]);
            code = one;
        }
    }
    return code;
}

/* ---- Changes ------------------------------------------------------------ */

/* What is to be done to a list. */
struct wish {
    const char *name, *note;
    const uint8_t *key;
    size_t removed;
};

static enum agner_err add(void *ctx, struct known_nodes *known,
                          struct agner_error *error)
{
    const struct wish *w = ctx;

    return node__known_add(known, KNOWN_PINNED, w->name, w->key, w->note,
                           error);
}

static enum agner_err strike(void *ctx, struct known_nodes *known,
                             struct agner_error *error)
{
    const struct wish *w = ctx;

    return node__known_revoke(known, w->key, w->note, error);
}

static enum agner_err take_out(void *ctx, struct known_nodes *known,
                               struct agner_error *error)
{
    struct wish *w = ctx;

    w->removed = node__known_remove(known, w->name, w->key);
    return w->removed > 0
               ? AGNER_OK
               : agner_fail(error, AGNER_ENONAME, "there is no such line");
}

static int change(struct cli *cli,
                  enum agner_err (*how)(void *ctx, struct known_nodes *known,
                                        struct agner_error *error),
                  struct wish *wish)
{
    struct agner_error error = { AGNER_OK, "" };
    char folder[APPS_PATH_MAX];
    int code = cli_trust_folder(cli, folder);
    enum agner_err err;

    if (code != EXIT_DONE)
        return code;
    wish->note = cli->o.note;
    err = node__trust_known_change(cli->world, folder, how, wish, NULL, &error);
    if (err == AGNER_ENONAME)
        return cli_fail(cli, EXIT_NOT_FOUND, "agner trust list", "%s/%s: %s",
                        folder, "known_nodes", error.text);
    if (err != AGNER_OK)
        return cli_secret_fail(cli, err, error.text);
    return cli_reload_all(cli);
}

int cli_trust_add(struct cli *cli, const char *name, const char *key)
{
    uint8_t bytes[32];
    struct wish wish = { .name = name, .key = bytes };
    int code = cli_key(cli, key, bytes);

    return code == EXIT_DONE ? change(cli, add, &wish) : code;
}

int cli_trust_revoke(struct cli *cli, const char *key)
{
    uint8_t bytes[32];
    struct wish wish = { .key = bytes };
    int code = cli_key(cli, key, bytes);

    return code == EXIT_DONE ? change(cli, strike, &wish) : code;
}

int cli_trust_remove(struct cli *cli, const char *which)
{
    uint8_t bytes[32];
    struct wish wish = { .name = which };
    int code = EXIT_DONE;

    if (strchr(which, '@') == NULL) {
        wish = (struct wish){ .key = bytes };
        code = cli_key(cli, which, bytes);
    }
    return code == EXIT_DONE ? change(cli, take_out, &wish) : code;
}
