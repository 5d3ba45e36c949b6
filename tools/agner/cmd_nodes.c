/*
 * cmd_nodes.c -- agner nodes: who a node is connected to.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW, CLI_HEADERS_ROW, CLI_JSON_ROW, CLI_HELP_ROW, CLI_END_ROW,
};

/* clang-format off */
static const struct column columns[] = {
    { "name",                 "NAME",      false },
    { "state",                "STATE",     false },
    { "hidden",               "HIDDEN",    false },
    { "incoming",             "INCOMING",  false },
    { "up_ms",                "UP_MS",     true },
    { "traffic.queued_bytes", "QUEUED",    true },
    { "traffic.bytes_in",     "BYTES_IN",  true },
    { "traffic.bytes_out",    "BYTES_OUT", true },
    { "address",              "ADDRESS",   false },
};
/* clang-format on */

static int run(struct cli *cli)
{
    struct target t;
    etf_term rows;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.nodes", etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &rows);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    return cli_table(cli, rows, columns, sizeof columns / sizeof columns[0]);
}

const struct command cmd_nodes = {
    .name = "nodes",
    .arguments = "",
    .summary = "list the nodes that a node is connected to",
    .example = "agner nodes\nagner nodes -n shop@10.0.0.7 --json",
    .options = options,
    .run = run,
};
