/*
 * cmd_pub.c -- agner pub: a message to all who hear a topic, or are in a group.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_TOPIC_ROWS, CLI_NODE_ROW, CLI_JSON_ROW,
    CLI_DIST_ROWS,  CLI_HELP_ROW, CLI_END_ROW,
};

static int by_socket(struct cli *cli, struct target *t, etf_term params,
                     etf_term message, etf_term *result)
{
    return cli_method(
        cli, t, "agner.publish",
        etf_map_put(cli->region, params, etf_text(cli->region, "msg"), message),
        GEN_CALL_TIMEOUT_MS, result);
}

static int run(struct cli *cli)
{
    etf_term params, message, result;
    struct target t;
    int code = cli_topic(cli, cli->args[0], &params);

    if (code == EXIT_DONE)
        code = cli_term(cli, cli->args[1], &message);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, true, &t);
    if (code != EXIT_DONE)
        return code;
    code = t.client != NULL
               ? by_socket(cli, &t, params, message, &result)
               : cli_rpc_publish(cli, &t, params, message, &result);
    if (code == EXIT_DONE)
        code = cli_print(cli, result);
    cli_close(&t); /* until then the result lives */
    return code;
}

const struct command cmd_pub = {
    .name = "pub",
    .arguments = "TOPIC|GROUP TERM",
    .summary = "send to all who hear a topic, or are in a group",
    .example = "agner pub --pubsub MyApp.PubSub room:1 '{hello, <<\"all\">>}'\n"
               "agner pub workers reload\n"
               "agner pub --scope jobs '{queue, 3}' drain",
    .text =
        "With --pubsub it is a topic of Phoenix.PubSub, on nodes of Elixir "
        "and of agner;\nthe pubsub must run on the node that is asked. "
        "Without, it is a process group,\nin Erlang syntax, and the answer is "
        "to how many members it went. A node that has\nno control socket "
        "here, of agner, Erlang or Elixir, is asked by rpc.",
    .args_min = 2,
    .args_max = 2,
    .options = options,
    .run = run,
};
