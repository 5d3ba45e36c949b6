/*
 * cmd_reload.c -- agner reload: a node reads its keys and cookies again.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,
    CLI_TIMEOUT_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    struct target t;
    etf_term result;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.reload", etf_map(cli->region, NULL, 0),
                      cli_timeout(cli), &result);
    cli_close(&t);
    return code;
}

const struct command cmd_reload = {
    .name = "reload",
    .arguments = "",
    .summary = "have a node read its keys and cookies again",
    .example = "agner reload\n"
               "agner reload -n shop@127.0.0.1",
    .text = "What is read is the cookie file, the node's key and its list of "
            "known nodes. When\none of them is wrong, all stays as it was. "
            "Links that are up stay up, but for\nthose of keys that are "
            "revoked now. SIGHUP does the same to a node that does not\nlog "
            "to its terminal.",
    .options = options,
    .run = run,
};
