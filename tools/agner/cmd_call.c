/*
 * cmd_call.c -- agner call NAME TERM: gen_server:call from a shell.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,  CLI_TIMEOUT_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS, CLI_HELP_ROW,    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    return cli_talk(cli, TALK_CALL);
}

const struct command cmd_call = {
    .name = "call",
    .arguments = "NAME TERM",
    .summary = "call a server and print its answer",
    .example = "agner call counter '{add, 5}'\n"
               "agner call '<0.12.0>' get --json\n"
               "agner call \"{stock, 'shop@10.0.0.7'}\" '{take, 1}'\n"
               "agner call -n shop@10.0.0.7 stock '{take, 1}' --timeout 2s",
    .text =
        "TERM is Erlang syntax; - reads it from standard input, @FILE from a "
        "file.\nNAME is a registered name, {Name, Node}, or a pid of the "
        "node. A node that has\nno control socket here, of agner or of "
        "Erlang, is called by Erlang distribution.",
    .args_min = 2,
    .args_max = 2,
    .options = options,
    .run = run,
};
