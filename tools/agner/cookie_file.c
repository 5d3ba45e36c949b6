/*
 * cookie_file.c -- the lines of a cookie file, one step of a rotation at a
 * time.
 *
 * Each step leaves a file that goes together with the one before it: the cookie
 * that one of two nodes shows is among those that the other accepts.
 */
#include "cli.h"

#include <string.h>

#include "cookie_lines.h"
#include "noise_secret.h"
#include "rt_world.h"
#include "trust_files.h"

/* The folder that a file is in. */
static void folder_of(const char *path, char folder[APPS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        (void)snprintf(folder, APPS_PATH_MAX, ".");
    else
        (void)snprintf(folder, APPS_PATH_MAX, "%.*s",
                       slash == path ? 1 : (int)(slash - path), path);
}

static int read_lines(struct cli *cli, struct cookie_lines *lines,
                      char path[APPS_PATH_MAX])
{
    struct agner_error error = { AGNER_OK, "" };
    enum agner_err err;

    if (!cli_cookie_place(cli, cli->o.cookie_file, path))
        return cli_fail(cli, EXIT_USAGE, "--cookie-file FILE",
                        "there is no home for a cookie: HOME is not set");
    err = node__trust_cookies_read(cli->world, path, lines, &error);
    if (err == AGNER_ENONAME)
        return cli_fail(cli, EXIT_AUTH, "agner cookie new", "%s", error.text);
    return err == AGNER_OK ? EXIT_DONE : cli_secret_fail(cli, err, error.text);
}

/* ---- Showing ------------------------------------------------------------ */

static int print(struct cli *cli, const struct cookie_lines *lines,
                 const char *path)
{
    etf_term others = etf_nil();
    char mark[NODE_FINGERPRINT_SIZE];

    for (size_t i = lines->count; i-- > 1;) {
        node_cookie_fingerprint(lines->text[i], mark);
        others = etf_cons(cli->region, etf_text(cli->region, mark), others);
    }
    node_cookie_fingerprint(lines->text[0], mark);
    if (cli->o.json)
        return cli_print(cli,
                         etf_make(cli->region,
                                  "#{fingerprint => _, path => _, others => _}",
                                  (const char *)mark, path, others));
    (void)printf("%s  %s\n", mark, path);
    for (size_t i = 1; i < lines->count; i++) {
        node_cookie_fingerprint(lines->text[i], mark);
        (void)printf("%s  accepted too\n", mark);
    }
    return EXIT_DONE;
}

int cli_cookie_list(struct cli *cli)
{
    struct cookie_lines *lines = node__secret_new(sizeof *lines);
    char path[APPS_PATH_MAX];
    int code;

    if (lines == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    code = read_lines(cli, lines, path);
    if (code == EXIT_DONE)
        code = print(cli, lines, path);
    node__secret_free(lines);
    return code;
}

int cli_cookie_last(struct cli *cli, char cookie[256])
{
    struct cookie_lines *lines = node__secret_new(sizeof *lines);
    char path[APPS_PATH_MAX];
    int code;

    if (lines == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    code = read_lines(cli, lines, path);
    if (code == EXIT_DONE)
        memcpy(cookie, lines->text[lines->count - 1], COOKIE_TEXT_MAX + 1);
    node__secret_free(lines);
    return code;
}

/* ---- Changing ------------------------------------------------------------ */

static int add(struct cli *cli, struct cookie_lines *lines, const char *cookie)
{
    if (node__cookie_lines_have(lines, cookie))
        return cli_fail(cli, EXIT_REFUSED, "agner cookie fingerprint",
                        "that cookie is there already");
    if (lines->count == COOKIE_LINES_MAX)
        return cli_fail(cli, EXIT_REFUSED, "agner cookie drop",
                        "there are %u cookies already", COOKIE_LINES_MAX);
    memcpy(lines->text[lines->count++], cookie, strlen(cookie) + 1);
    return EXIT_DONE;
}

/* The last one takes the first place, and the others keep their order. */
static int use(struct cli *cli, struct cookie_lines *lines)
{
    char last[COOKIE_TEXT_MAX + 1];

    if (lines->count < 2)
        return cli_fail(cli, EXIT_NOT_FOUND, "agner cookie next",
                        "there is no next cookie");
    memcpy(last, lines->text[lines->count - 1], sizeof last);
    memmove(lines->text[1], lines->text[0],
            (lines->count - 1) * sizeof lines->text[0]);
    memcpy(lines->text[0], last, sizeof last);
    explicit_bzero(last, sizeof last);
    return EXIT_DONE;
}

static int change(struct cli *cli, enum cookie_change how, const char *cookie,
                  struct cookie_lines *lines)
{
    char made[256];
    int code;

    switch (how) {
    case COOKIE_NEXT:
        cli_cookie_make(cli, made);
        code = add(cli, lines, made);
        explicit_bzero(made, sizeof made);
        return code;
    case COOKIE_USE:
        return use(cli, lines);
    case COOKIE_DROP:
        lines->count = 1;
        return EXIT_DONE;
    case COOKIE_ADD:
        return add(cli, lines, cookie);
    }
    return EXIT_USAGE;
}

/* While nobody else changes it. */
static int change_file(struct cli *cli, enum cookie_change how,
                       const char *cookie, struct cookie_lines *lines,
                       const char *path)
{
    struct agner_error error = { AGNER_OK, "" };
    const struct rt_world *world = cli->world;
    enum agner_err err = node__trust_cookies_read(world, path, lines, &error);
    bool fresh = err == AGNER_ENONAME && how == COOKIE_ADD;
    int code;

    if (err == AGNER_ENONAME && !fresh)
        return cli_fail(cli, EXIT_AUTH, "agner cookie new", "%s", error.text);
    if (err != AGNER_OK && !fresh)
        return cli_secret_fail(cli, err, error.text);
    code = change(cli, how, cookie, lines);
    if (code != EXIT_DONE)
        return code;
    err = node__trust_cookies_write(world, path, lines, fresh, &error);
    return err == AGNER_OK ? EXIT_DONE : cli_secret_fail(cli, err, error.text);
}

int cli_cookie_change(struct cli *cli, enum cookie_change how,
                      const char *cookie)
{
    const struct rt_world *world = cli->world;
    struct cookie_lines *lines = node__secret_new(sizeof *lines);
    struct agner_error error = { AGNER_OK, "" };
    char path[APPS_PATH_MAX], folder[APPS_PATH_MAX];
    enum agner_err err;
    int code, lock;

    if (lines == NULL)
        return cli_fail(cli, EXIT_REMOTE, "again later", "out of memory");
    if (how == COOKIE_ADD)
        code = cli_cookie_own_place(cli, cli->o.cookie_file, path);
    else if (cli_cookie_place(cli, cli->o.cookie_file, path))
        code = EXIT_DONE;
    else
        code = cli_fail(cli, EXIT_USAGE, "--cookie-file FILE",
                        "there is no home for a cookie: HOME is not set");
    if (code == EXIT_DONE) {
        folder_of(path, folder);
        err = world->private_lock(world->ctx, folder, &lock, &error);
        if (err == AGNER_OK) {
            code = change_file(cli, how, cookie, lines, path);
            world->private_unlock(world->ctx, lock);
        } else {
            code = cli_secret_fail(cli, err, error.text);
        }
    }
    if (code == EXIT_DONE)
        code = print(cli, lines, path);
    node__secret_free(lines);
    return code == EXIT_DONE ? cli_reload_all(cli) : code;
}
