/*
 * cmd_rpc.c -- agner rpc: a function of a node, of agner or of Erlang.
 */
#include "cli.h"

static const struct option options[] = {
    { "cast", 0, NULL, "do not wait for it", OPTION_FLAG, CLI_OPTION(cast), 0,
      0, NULL },
    CLI_TIMEOUT_ROW,
    CLI_JSON_ROW,
    CLI_DIST_ROWS,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static int say_exception(struct cli *cli, const struct gen_erpc_exception *e)
{
    etf_term why = cli_exception(e);
    char reason[700];

    if (cli_exception_undef(e, reason, sizeof reason))
        return cli_fail(cli, EXIT_NOT_FOUND,
                        "agner shell NODE, whose TAB lists functions",
                        "%s has no function %s", cli->args[0], reason);
    if (e->kind == GEN_RPC_ERROR && etf_atom_is(why, "not_allowed"))
        return cli_fail(cli, EXIT_REFUSED,
                        "agner start --permit 'PEER: default, rpc' there, "
                        "whose log names PEER and the permission",
                        "%s does not allow us that function", cli->args[0]);
    return cli_fail(cli, EXIT_REMOTE, "the log of that node",
                    "exception %s: %s", cli_exception_class(e),
                    etf_format(reason, sizeof reason, why));
}

static int run(struct cli *cli)
{
    etf_term args = etf_nil(), m, f, value = ETF_NONE;
    struct gen_erpc_exception e;
    enum agner_err err;
    struct target t;
    int code = EXIT_DONE;

    if (cli->arg_count > 3)
        code = cli_term(cli, cli->args[3], &args);
    if (code == EXIT_DONE && etf_list_size(args) < 0)
        code = cli_fail(cli, EXIT_USAGE, "a list, in quotes: '[1, ok]'",
                        "%s is no list of arguments", cli->args[3]);
    if (code == EXIT_DONE)
        code = cli_open_dist(cli, cli->args[0], &t);
    if (code != EXIT_DONE)
        return code;
    m = etf_atom(cli->args[1]);
    f = etf_atom(cli->args[2]);
    if (cli->o.cast)
        err = gen_erpc_cast(t.self, etf_atom(t.name), m, f, args);
    else
        err = gen_erpc_call(t.self, etf_atom(t.name), m, f, args,
                            cli_timeout(cli), &value, &e);
    if (err == AGNER_OK && !cli->o.cast)
        code = cli_print(cli, value);
    else if (err == AGNER_EEXIT)
        code = say_exception(cli, &e);
    else if (err != AGNER_OK)
        code = cli_fail(cli, cli_code(err),
                        "agner ping -v NODE, or a longer --timeout", "%s: %s",
                        t.name, agner_strerror(err));
    cli_close(&t);
    return code;
}

const struct command cmd_rpc = {
    .name = "rpc",
    .arguments = "NODE MODULE FUNCTION [ARGS]",
    .summary = "call a function of a node, of agner or of Erlang",
    .example = "agner rpc shop@10.0.0.7 erlang nodes\n"
               "agner rpc beam@10.0.0.8 lists reverse '[[1, 2, 3]]'\n"
               "agner rpc shop@10.0.0.7 erlang process_info "
               "'[<0.12.0>, links]' --json",
    .text =
        "By Erlang distribution, as erpc:call does it. ARGS is a list in "
        "Erlang syntax;\n- reads it from standard input, @FILE from a file. A "
        "node of agner has the\nfunctions that were provided there "
        "(gen_rpc.h), a node of Erlang has all of its.\nExit code 1: the "
        "function failed, 6: there is no such function.",
    .args_min = 3,
    .args_max = 4,
    .options = options,
    .run = run,
};
