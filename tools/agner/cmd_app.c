/*
 * cmd_app.c -- agner app: starts, stops and describes one application.
 */
#include "cli.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 60000 /* as long as a node waits for an application */
#define STOP_MS  30000

static const struct option options[] = {
    { "type", 0, "TYPE", "of start: permanent, transient, temporary (default)",
      OPTION_TEXT, CLI_OPTION(type), 0, 0, NULL },
    CLI_NODE_ROW,
    CLI_TIMEOUT_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* In the order of `actions`. */
enum action { ACTION_START, ACTION_STOP, ACTION_INFO };

static const char *const actions[] = { "start", "stop", "info", NULL };

static const struct {
    const char *method;
    uint64_t timeout_ms;
} methods[] = {
    [ACTION_START] = { "agner.app_start", START_MS },
    [ACTION_STOP] = { "agner.app_stop", STOP_MS },
    [ACTION_INFO] = { "agner.app_info", GEN_CALL_TIMEOUT_MS },
};

/* A path is the node's to open, which is in a folder of its own. */
static int read_name(struct cli *cli, enum action action, char path[PATH_MAX],
                     const char **name)
{
    *name = cli->args[1];
    if (action != ACTION_START || strchr(*name, '/') == NULL)
        return EXIT_DONE;
    if (realpath(*name, path) == NULL)
        return cli_fail(cli, EXIT_USAGE, "the path of a shared object",
                        "%s: there is no such file", *name);
    *name = path;
    return EXIT_DONE;
}

static int check_type(const struct cli *cli, enum action action)
{
    static const char *const types[] = { "permanent", "transient",
                                         "temporary" };

    if (cli->o.type == NULL)
        return EXIT_DONE;
    if (action != ACTION_START)
        return cli_fail(cli, EXIT_USAGE, "agner app start NAME --type TYPE",
                        "--type is of start alone");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i], cli->o.type) == 0)
            return EXIT_DONE;
    }
    return cli_fail(cli, EXIT_USAGE, "agner help app",
                    "--type: expected permanent, transient or temporary, not "
                    "'%.40s'",
                    cli->o.type);
}

static etf_term params(struct cli *cli, const char *name, uint64_t timeout_ms)
{
    struct etf_region *r = cli->region;

    return etf_make(r, "#{name => _, type => _, timeout => _}", name,
                    etf_atom(cli->o.type != NULL ? cli->o.type : "temporary"),
                    timeout_ms == RT_INFINITY ? ETF_A(infinity)
                                              : etf_uint(r, timeout_ms));
}

/* What was started, in order: an application that was needed too. */
static int print_started(struct cli *cli, etf_term result)
{
    etf_term started = cli_get(result, "started"), one;
    char text[256];

    if (cli->o.json)
        return cli_print(cli, result);
    while (etf_list_next(&started, &one))
        (void)printf("%s\n", cli_cell(one, text, sizeof text));
    return EXIT_DONE;
}

static int print_result(struct cli *cli, enum action action, etf_term result)
{
    switch (action) {
    case ACTION_START:
        return print_started(cli, result);
    case ACTION_STOP:
        return cli->o.json ? cli_print(cli, result) : EXIT_DONE;
    case ACTION_INFO:
        break;
    }
    return cli_sections(cli, result);
}

static int run(struct cli *cli)
{
    enum action action = (enum action)cli_action(cli);
    uint64_t timeout_ms = cli->o.timeout_ms == CLI_ABSENT
                              ? methods[action].timeout_ms
                              : cli_timeout(cli);
    char path[PATH_MAX];
    const char *name;
    struct target t;
    etf_term result;
    int code = check_type(cli, action);

    if (code == EXIT_DONE)
        code = read_name(cli, action, path, &name);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, methods[action].method,
                      params(cli, name, timeout_ms), timeout_ms, &result);
    cli_close(&t);
    return code == EXIT_DONE ? print_result(cli, action, result) : code;
}

const struct command cmd_app = {
    .name = "app",
    .arguments = "start|stop|info APP|FILE.so",
    .summary = "start or stop an application of a node, or tell about it",
    .example = "agner app start counter\n"
               "agner app start /opt/shop/shop.so --type permanent\n"
               "agner app stop counter\n"
               "agner app info counter --json",
    .text = "start prints what it started: also what the application needs and "
            "was not\nrunning. The end of a permanent application stops the "
            "node, so does that of a\ntransient one that failed; that of a "
            "temporary one, which is the default, is\nlogged.",
    .actions = actions,
    .args_min = 2,
    .args_max = 2,
    .options = options,
    .run = run,
};
