/*
 * cmd_version.c -- agner version: of this program, or of a node.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    struct target t;
    etf_term result = etf_make(cli->region, "#{agner => _}", apps_version());
    char text[64];
    int code = EXIT_DONE;

    if (cli_asks_node(cli)) {
        code = cli_open(cli, NULL, false, &t);
        if (code != EXIT_DONE)
            return code;
        code =
            cli_method(cli, &t, "agner.version", etf_map(cli->region, NULL, 0),
                       GEN_CALL_TIMEOUT_MS, &result);
        cli_close(&t);
    }
    if (code != EXIT_DONE)
        return code;
    if (cli->o.json)
        return cli_print(cli, result);
    (void)printf("agner %s\n",
                 cli_cell(cli_get(result, "agner"), text, sizeof text));
    return EXIT_DONE;
}

const struct command cmd_version = {
    .name = "version",
    .arguments = "",
    .summary = "print the version of this program, or of a node",
    .example = "agner version\nagner version -n shop@10.0.0.7",
    .options = options,
    .run = run,
};
