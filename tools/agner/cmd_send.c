/*
 * cmd_send.c -- agner send NAME TERM: a plain message from a shell.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW, CLI_JSON_ROW, CLI_DIST_ROWS, CLI_HELP_ROW, CLI_END_ROW,
};

static int run(struct cli *cli)
{
    return cli_talk(cli, TALK_SEND);
}

const struct command cmd_send = {
    .name = "send",
    .arguments = "NAME TERM",
    .summary = "send a process a message",
    .example = "agner send logger '{level, debug}'",
    .text = "TERM as in `agner call`. Prints nothing when it was sent; as in "
            "Erlang that is\nno promise that it arrives.",
    .args_min = 2,
    .args_max = 2,
    .options = options,
    .run = run,
};
