/*
 * cmd_ps.c -- agner ps: the processes of a node.
 */
#include "cli.h"

#define ROWS_MAX 1000000

static const struct option options[] = {
    CLI_NODE_ROW,
    { "limit", 0, "N", "at most so many (default 10000)", OPTION_NUMBER,
      CLI_OPTION(limit), 0, ROWS_MAX, NULL },
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "pid",        "PID",        false },
    { "name",       "NAME",       false },
    { "status",     "STATUS",     false },
    { "mailbox",    "MAILBOX",    true },
    { "messages",   "MESSAGES",   true },
};
/* clang-format on */

static int run(struct cli *cli)
{
    struct target t;
    etf_term rows, params = etf_map(cli->region, NULL, 0);
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    if (cli->o.limit != CLI_ABSENT)
        params = etf_make(cli->region, "#{limit => _}", cli->o.limit);
    code = cli_method(cli, &t, "agner.ps", params, GEN_CALL_TIMEOUT_MS, &rows);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    return cli_table(cli, rows, columns, sizeof columns / sizeof columns[0]);
}

const struct command cmd_ps = {
    .name = "ps",
    .arguments = "",
    .summary = "list the processes of a node",
    .example = "agner ps\nagner ps --json | jq '.[] | select(.mailbox > 100)'",
    .text = "MAILBOX counts waiting messages, MESSAGES those received in all.\n"
            "`agner info PID` tells more.",
    .options = options,
    .run = run,
};
