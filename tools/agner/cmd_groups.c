/*
 * cmd_groups.c -- agner groups: process groups, and who is in them.
 */
#include "cli.h"

static const struct option options[] = {
    { "scope", 0, "SCOPE", "only of that scope", OPTION_TEXT, CLI_OPTION(scope),
      0, 0, NULL },
    CLI_NODE_ROW,
    CLI_HEADERS_ROW,
    CLI_JSON_ROW,
    CLI_DIST_ROWS,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static const struct column columns[] = {
    { "scope", "SCOPE", false }, { "group", "GROUP", false },
    { "pid", "PID", false },     { "node", "NODE", false },
    { "times", "TIMES", true },
};

static int by_socket(struct cli *cli, struct target *t, etf_term *rows)
{
    etf_term params = etf_map(cli->region, NULL, 0), answer;
    bool complete;
    int code;

    if (cli->o.scope != NULL)
        params =
            etf_map_put(cli->region, params, etf_text(cli->region, "scope"),
                        etf_text(cli->region, cli->o.scope));
    code = cli_method(cli, t, "agner.groups", params, GEN_CALL_TIMEOUT_MS,
                      &answer);
    if (code != EXIT_DONE)
        return code;
    *rows = cli_get(answer, "groups");
    if (etf_get_bool(cli_get(answer, "complete"), &complete) && !complete)
        (void)fprintf(stderr, "agner groups: these are the first 10,000\n");
    return EXIT_DONE;
}

static int run(struct cli *cli)
{
    struct target t;
    etf_term rows;
    int code = cli_open(cli, NULL, true, &t);

    if (code != EXIT_DONE)
        return code;
    code = t.client != NULL ? by_socket(cli, &t, &rows)
                            : cli_rpc_groups(cli, &t, &rows);
    if (code == EXIT_DONE)
        code =
            cli_table(cli, rows, columns, sizeof columns / sizeof columns[0]);
    cli_close(&t); /* until then the rows live */
    return code;
}

const struct command cmd_groups = {
    .name = "groups",
    .arguments = "",
    .summary = "list process groups, and who is in them",
    .example = "agner groups\n"
               "agner groups --scope pg --json\n"
               "agner groups -n shop@10.0.0.7",
    .text =
        "Of all nodes, as the node that is asked sees them. Topics of "
        "Phoenix.PubSub are\nno groups: in its scope, Elixir.Phoenix.PubSub, "
        "are the nodes that take part.\nA node that has no control socket "
        "here, of agner or of Erlang, is asked by rpc\nfor one scope.",
    .options = options,
    .run = run,
};
