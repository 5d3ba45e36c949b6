/*
 * cmd_kill.c -- agner kill: exit(Pid, Reason) from a shell.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_NODE_ROW,
    { "force", 'f', NULL, "also a process that the node itself needs",
      OPTION_FLAG, CLI_OPTION(force), 0, 0, NULL },
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int run(struct cli *cli)
{
    struct etf_region *r = cli->region;
    etf_term reason = ETF_A(kill), result;
    struct target t;
    int code = EXIT_DONE;

    if (cli->arg_count > 1)
        code = cli_term(cli, cli->args[1], &reason);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.kill",
                      etf_make(r, "#{which => _, reason => _, force => _}",
                               cli->args[0], reason, cli->o.force),
                      GEN_CALL_TIMEOUT_MS, &result);
    cli_close(&t);
    return code == EXIT_DONE && cli->o.json ? cli_print(cli, result) : code;
}

const struct command cmd_kill = {
    .name = "kill",
    .arguments = "NAME|PID [REASON]",
    .summary = "end a process by an exit signal",
    .example = "agner kill counter\n"
               "agner kill '<0.12.0>' shutdown\n"
               "agner kill counter '{error, enough}'",
    .text = "REASON is Erlang syntax; without it the signal is kill, which "
            "nothing survives.\nAny other ends a process that does not trap "
            "exits, and is a message to one that\ndoes. Prints nothing when "
            "the signal was sent. A process that the node itself\nneeds is "
            "refused (exit code 8) unless --force is given.",
    .args_min = 1,
    .args_max = 2,
    .options = options,
    .run = run,
};
