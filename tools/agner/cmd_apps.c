/*
 * cmd_apps.c -- agner apps: the applications of a node.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW, CLI_HEADERS_ROW, CLI_JSON_ROW, CLI_HELP_ROW, CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "name",        "NAME",        false },
    { "version",     "VERSION",     false },
    { "state",       "STATE",       false },
    { "type",        "TYPE",        false },
    { "uptime_ms",   "UP_MS",       true },
    { "description", "DESCRIPTION", false },
};
/* clang-format on */

static int run(struct cli *cli)
{
    struct target t;
    etf_term rows;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.apps", etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &rows);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    return cli_table(cli, rows, columns, sizeof columns / sizeof columns[0]);
}

const struct command cmd_apps = {
    .name = "apps",
    .arguments = "",
    .summary = "list the applications of a node",
    .example = "agner apps\nagner apps -n shop@10.0.0.7 --json",
    .text =
        "Those that run, and those that are only loaded. TYPE says what the "
        "end of one\nmeans for the node: of a permanent one the node stops, "
        "of a transient one too if\nit failed, of a temporary one nothing "
        "follows.",
    .options = options,
    .run = run,
};
