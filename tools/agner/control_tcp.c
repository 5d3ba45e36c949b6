/*
 * control_tcp.c -- a node's control socket over TCP: whose key we show, and
 * which key the node must have.
 *
 * Ours is a file like a node's own (`agner key new` makes one). Which nodes
 * have which keys stands in known_controls, beside that file:
 *
 *     HOST:PORT KEY
 *     10.0.0.7:4400 agnerkey1-q5...a
 *
 * or is said by --server-key. A node that is neither is not spoken to: whoever
 * answers at an address must not learn what we ask, nor make up answers.
 *
 * Source: spec/reliability.md 6.2, 6.4.
 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "key_text.h"
#include "rt_world.h"
#include "trust_files.h"

#define SCHEME    "tcp://"
#define KNOWN     "known_controls"
#define KNOWN_MAX 65536u /* bytes of that file */

/* Which key the node may have. The client's thread reads it. */
struct pin {
    bool set;
    uint8_t key[NOISE_KEY_SIZE];
    bool shown;                    /* the node has shown one, ... */
    uint8_t other[NOISE_KEY_SIZE]; /* ... which is not that */
};

bool cli_is_control_url(const char *text)
{
    return strncmp(text, SCHEME, sizeof SCHEME - 1) == 0;
}

bool cli_control_url(const char *text, struct apps_listen *at)
{
    if (!cli_is_control_url(text))
        return false;
    text += sizeof SCHEME - 1;
    if (text[0] == ':') { /* this machine, and nobody else's */
        char local[32];

        return snprintf(local, sizeof local, "127.0.0.1%s", text) <
                   (int)sizeof local &&
               apps_listen_parse(local, at);
    }
    return apps_listen_parse(text, at);
}

/* ---- Our key ------------------------------------------------------------ */

/* Its folder and its name in there. */
static int key_place(struct cli *cli, char folder[APPS_PATH_MAX],
                     const char **name)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    const char *slash;

    if (cli->key != NULL) {
        slash = strrchr(cli->key, '/');
        *name = slash == NULL ? cli->key : slash + 1;
        (void)snprintf(folder, APPS_PATH_MAX, "%.*s",
                       slash == NULL ? 1 : (int)(slash - cli->key),
                       slash == NULL ? "." : cli->key);
        return EXIT_DONE;
    }
    *name = "key";
    if (config != NULL && config[0] == '/')
        (void)snprintf(folder, APPS_PATH_MAX, "%s/agner", config);
    else if (home != NULL && home[0] == '/')
        (void)snprintf(folder, APPS_PATH_MAX, "%s/.config/agner", home);
    else
        return cli_fail(cli, EXIT_USAGE, "--key FILE",
                        "there is no home to look for a key in");
    return EXIT_DONE;
}

static int read_key(struct cli *cli, const char *folder, const char *name,
                    struct noise_keys *own)
{
    struct agner_error error = { AGNER_OK, "" };
    char next[APPS_PATH_MAX + 64];

    if (node__trust_key_read(cli->world, folder, name, own, &error) == AGNER_OK)
        return EXIT_DONE;
    (void)snprintf(next, sizeof next, "agner key new --trust-dir %s", folder);
    return cli_fail(cli, EXIT_AUTH,
                    error.code == AGNER_ENONAME ? next : "--key FILE", "%s",
                    error.text);
}

/* ---- The node's key ----------------------------------------------------- */

/* "HOST:PORT KEY": does the line say which key `at` has? */
static bool read_line(const char *line, size_t size, const char *at,
                      uint8_t key[NOISE_KEY_SIZE])
{
    size_t length = strlen(at);
    const char *text = line + length, *end = line + size;

    if (size <= length || memcmp(line, at, length) != 0 ||
        (*text != ' ' && *text != '\t'))
        return false;
    while (text < end && (*text == ' ' || *text == '\t'))
        text++;
    while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
        end--;
    return node__key_parse(text, (size_t)(end - text), key);
}

static int look_up(struct cli *cli, const char *path, const char *at,
                   struct pin *pin)
{
    struct agner_error error = { AGNER_OK, "" };
    char *text = malloc(KNOWN_MAX);
    enum agner_err err = AGNER_ENOMEM;
    size_t size = 0;

    if (text != NULL)
        err = cli->world->private_read(cli->world->ctx, path, text, KNOWN_MAX,
                                       &size, &error);
    for (size_t from = 0; err == AGNER_OK && from < size && !pin->set;) {
        const char *stop = memchr(text + from, '\n', size - from);
        size_t length =
            stop == NULL ? size - from : (size_t)(stop - (text + from));

        pin->set = read_line(text + from, length, at, pin->key);
        from += length + 1;
    }
    free(text);
    if (err == AGNER_OK || err == AGNER_ENONAME)
        return EXIT_DONE;
    return cli_fail(cli, EXIT_AUTH, "--server-key KEY", "%s",
                    err == AGNER_ENOMEM ? "out of memory" : error.text);
}

static int find_pin(struct cli *cli, const char *path, const char *at,
                    struct pin *pin)
{
    const char *given = cli->server_key;

    if (given == NULL)
        return look_up(cli, path, at, pin);
    pin->set = node__key_parse(given, strlen(given), pin->key);
    if (pin->set)
        return EXIT_DONE;
    return cli_fail(cli, EXIT_USAGE, "agner info on that node, which shows it",
                    "--server-key: expected " KEY_PREFIX "..., not '%.60s'",
                    given);
}

/* On the client's loop, before it can go on; read when it has given up. */
static bool admits(void *ctx, const uint8_t key[NOISE_KEY_SIZE])
{
    struct pin *pin = ctx;

    if (pin->set && node__noise_same(pin->key, key, NOISE_KEY_SIZE))
        return true;
    pin->shown = true;
    memcpy(pin->other, key, NOISE_KEY_SIZE);
    return false;
}

/* ---- Both --------------------------------------------------------------- */

static int refused(struct cli *cli, const char *path, const char *at,
                   const struct pin *pin)
{
    char key[KEY_TEXT_SIZE], next[APPS_PATH_MAX + 400];

    node__key_print(pin->other, key);
    (void)snprintf(
        next, sizeof next,
        "if agner info on that node shows this key: (umask 077; echo "
        "'%s %s' >> %s)",
        at, key, path);
    return cli_fail(cli, EXIT_AUTH, next,
                    pin->set ? "%s shows another key than it should: %s"
                             : "%s is not known; it shows the key %s",
                    at, key);
}

static int failed(struct cli *cli, const struct client_tcp *tcp,
                  enum agner_err err, const char *text)
{
    char key[KEY_TEXT_SIZE], next[400];

    if (err != AGNER_EAUTH)
        return cli_fail(cli, cli_code(err), "agner start --control tcp://...",
                        "%s", text);
    node__key_print(tcp->own->public_key, key);
    (void)snprintf(next, sizeof next,
                   "a line '%s operate' in the node's file of clients' keys",
                   key);
    return cli_fail(cli, EXIT_AUTH, next, "%s", text);
}

int cli_open_tcp(struct cli *cli, const char *url, struct client **client)
{
    struct agner_error error = { AGNER_OK, "" };
    char folder[APPS_PATH_MAX], path[TRUST_PATH_SIZE];
    const char *name, *at = url + sizeof SCHEME - 1;
    struct noise_keys own = { { 0 }, { 0 } };
    struct pin pin = { 0 };
    struct client_tcp tcp = { .own = &own, .admits = admits, .ctx = &pin };
    enum agner_err err;
    int code;

    if (!cli_control_url(url, &tcp.at) || tcp.at.port == 0)
        return cli_fail(cli, EXIT_USAGE, "tcp://HOST:PORT",
                        "'%.80s' is no address of a control socket", url);
    code = key_place(cli, folder, &name);
    if (code == EXIT_DONE)
        code = read_key(cli, folder, name, &own);
    if (code == EXIT_DONE &&
        node__trust_path(folder, KNOWN, path, &error) != AGNER_OK)
        code = cli_fail(cli, EXIT_USAGE, "--key FILE", "%s", error.text);
    if (code == EXIT_DONE)
        code = find_pin(cli, path, at, &pin);
    if (code == EXIT_DONE) {
        err = client_open_tcp(cli->world, &tcp, client, &error);
        if (err != AGNER_OK)
            code = pin.shown ? refused(cli, path, at, &pin)
                             : failed(cli, &tcp, err, error.text);
    }
    node__noise_wipe(&own, sizeof own);
    return code;
}
