/*
 * cmd_info.c -- agner info: all about a node, or about one process.
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* A name with @ is a node's. */
static bool is_node(const char *name)
{
    return strchr(name, '@') != NULL;
}

static int run(struct cli *cli)
{
    const char *which = cli->arg_count > 0 ? cli->args[0] : NULL;
    const char *node = which != NULL && is_node(which) ? which : NULL;
    struct etf_region *r = cli->region;
    struct target t;
    etf_term info, control = ETF_NONE;
    int code = cli_open(cli, node, false, &t);

    if (code != EXIT_DONE)
        return code;
    if (which != NULL && node == NULL)
        code = cli_method(cli, &t, "agner.process",
                          etf_make(r, "#{which => _}", which),
                          GEN_CALL_TIMEOUT_MS + 2000, &info);
    else
        code = cli_method(cli, &t, "agner.info", etf_map(r, NULL, 0),
                          GEN_CALL_TIMEOUT_MS, &info);
    if (code == EXIT_DONE && (which == NULL || node != NULL))
        code = cli_method(cli, &t, "agner.control", etf_map(r, NULL, 0),
                          GEN_CALL_TIMEOUT_MS, &control);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    if (!etf_is_none(control))
        info = etf_map_put(r, info, etf_atom("control"), control);
    return cli_sections(cli, info);
}

const struct command cmd_info = {
    .name = "info",
    .arguments = "[NODE|NAME|PID]",
    .summary = "tell all about a node, or about one of its processes",
    .example = "agner info\nagner info counter\nagner info '<0.12.0>' --json",
    .text = "A process is asked itself, and may be too busy to answer: exit "
            "code 5.",
    .args_max = 1,
    .options = options,
    .run = run,
};
