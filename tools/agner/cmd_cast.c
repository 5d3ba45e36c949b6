/*
 * cmd_cast.c -- agner cast NAME TERM: gen_server:cast from a shell.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW, CLI_JSON_ROW, CLI_DIST_ROWS, CLI_HELP_ROW, CLI_END_ROW,
};

static int run(struct cli *cli)
{
    return cli_talk(cli, TALK_CAST);
}

const struct command cmd_cast = {
    .name = "cast",
    .arguments = "NAME TERM",
    .summary = "send a server a request that has no answer",
    .example = "agner cast counter reset",
    .text = "TERM as in `agner call`. Prints nothing when it was sent.",
    .args_min = 2,
    .args_max = 2,
    .options = options,
    .run = run,
};
