/*
 * cmd_cookie.c -- agner cookie: make one, and tell whether two are the same.
 */
#include "cli.h"

#include <string.h>

static const char *const actions[] = { "show-fingerprint", "new", NULL };

enum action { ACTION_SHOW, ACTION_NEW };

static const struct option options[] = {
    { "cookie-file", 0, "FILE", "where the cookie is, or is to be", OPTION_TEXT,
      CLI_OPTION(cookie_file), 0, 0, NULL },
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    char cookie[256], path[APPS_PATH_MAX];
    char fingerprint[NODE_FINGERPRINT_SIZE];
    int code;

    if (cli_action(cli) == ACTION_NEW)
        code = cli_cookie_new(cli, cli->o.cookie_file, cookie, path);
    else
        code = cli_cookie(cli, cli->o.cookie_file, false, cookie, path);
    if (code != EXIT_DONE)
        return code;
    node_cookie_fingerprint(cookie, fingerprint);
    explicit_bzero(cookie, sizeof cookie);
    if (cli->o.json)
        return cli_print(
            cli, etf_make(cli->region, "#{fingerprint => _, path => _}",
                          (const char *)fingerprint, (const char *)path));
    (void)printf("%s  %s\n", fingerprint, path);
    return EXIT_DONE;
}

const struct command cmd_cookie = {
    .name = "cookie",
    .arguments = "show-fingerprint|new",
    .summary = "make a cookie, or tell cookies apart without showing them",
    .example = "agner cookie show-fingerprint\n"
               "agner cookie new --cookie-file /etc/agner/cookie",
    .text = "Nodes talk to each other when their cookies are the same. "
            "Compare what this\nshows on both hosts; the cookie itself never "
            "leaves its file.",
    .actions = actions,
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
