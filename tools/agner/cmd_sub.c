/*
 * cmd_sub.c -- agner sub: what is sent to a topic, or to a group, as it comes.
 */
#include "cli.h"

static const struct option options[] = {
    CLI_TOPIC_ROWS,
    { "limit", 'l', "N", "end after N messages", OPTION_NUMBER,
      CLI_OPTION(limit), 1, INT64_MAX, NULL },
    CLI_NODE_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

static bool enough; /* one command runs in one process */

static int print_event(struct cli *cli, etf_term event)
{
    static int64_t count;
    etf_term message = cli_get(event, "msg");
    char text[200];
    uint64_t gap;
    int code;

    if (etf_match(cli_get(event, "gap"), "_", &gap)) {
        (void)fprintf(stderr,
                      "agner sub: %llu messages were missed: they came faster "
                      "than they were read\n",
                      (unsigned long long)gap);
        return EXIT_DONE;
    }
    if (!etf_is_none(cli_get(event, "error")))
        return cli_fail(cli, EXIT_NOT_FOUND, "agner groups",
                        "cannot subscribe: %s",
                        cli_cell(cli_get(event, "error"), text, sizeof text));
    if (etf_is_none(message)) { /* subscribed */
        (void)fprintf(stderr, "agner sub: listening\n");
        return EXIT_DONE;
    }
    code = cli_print(cli, message);
    enough = ++count == cli->o.limit;
    return code;
}

static int run(struct cli *cli)
{
    etf_term params, result;
    struct target t;
    int code = cli_topic(cli, cli->args[0], &params);

    if (code == EXIT_DONE)
        code = cli_interruptible(cli);
    if (code == EXIT_DONE)
        code = cli_open(cli, NULL, false, &t);
    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.subscribe", params, GEN_CALL_TIMEOUT_MS,
                      &result);
    if (code == EXIT_DONE)
        code = cli_follow(cli, &t, print_event, &enough);
    cli_close(&t);
    return code;
}

const struct command cmd_sub = {
    .name = "sub",
    .arguments = "TOPIC|GROUP",
    .summary = "show what is sent to a topic, or to a group",
    .example = "agner sub --pubsub MyApp.PubSub room:1\n"
               "agner sub workers --limit 1\n"
               "agner sub --scope jobs '{queue, 3}' --json",
    .text =
        "Until the node stops (exit code 3) or ^C (130), a term a line. With "
        "--pubsub it\nis a topic of Phoenix.PubSub; a pubsub that does not run "
        "on the node is started.\nWithout, it is a process group, which the "
        "command joins for that time.",
    .args_min = 1,
    .args_max = 1,
    .options = options,
    .run = run,
};
