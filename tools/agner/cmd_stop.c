/*
 * cmd_stop.c -- agner stop: the orderly end of a node, waited for.
 */
#include "cli.h"

#include "client.h"

#define STOP_MS 30000 /* what a node takes at most by default */

static const struct option options[] = {
    CLI_NODE_ROW, CLI_TIMEOUT_ROW, CLI_JSON_ROW, CLI_HELP_ROW, CLI_END_ROW,
};

static int run(struct cli *cli)
{
    uint64_t ms = cli->o.timeout_ms == CLI_ABSENT ? STOP_MS : cli_timeout(cli);
    enum agner_err err = AGNER_OK;
    struct target t;
    etf_term result;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.stop", etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &result);
    if (code == EXIT_DONE)
        err = client_wait_closed(t.client, ms);
    if (err == AGNER_ETIMEOUT)
        code = cli_fail(cli, EXIT_TIMEOUT,
                        "agner stop again with a longer --timeout, or kill it",
                        "the node has not stopped yet");
    else if (err != AGNER_OK)
        code = cli_fail(cli, EXIT_UNREACHABLE, "agner status",
                        "the connection was cut before the node had stopped");
    cli_close(&t);
    if (code == EXIT_DONE && cli->o.json)
        code = cli_print(cli, ETF_A(ok));
    return code;
}

const struct command cmd_stop = {
    .name = "stop",
    .arguments = "",
    .summary = "stop a node in order, and wait for that",
    .example = "agner stop\nagner stop -n shop@10.0.0.7 --timeout 60s",
    .text = "Applications are stopped in reverse order, then connections are "
            "closed. The\nsame as SIGTERM to the node. The wait is 30s unless "
            "--timeout says otherwise.",
    .options = options,
    .run = run,
};
