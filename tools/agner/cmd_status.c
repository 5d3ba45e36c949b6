/*
 * cmd_status.c -- agner status: is it up, and what does it run?
 */
#include "cli.h"

#include <string.h>

static const struct option options[] = {
    CLI_NODE_ROW,
    CLI_JSON_ROW,
    CLI_HELP_ROW,
    CLI_END_ROW,
};

/* "kernel 0.1.0, counter 1.0" in place of the list of maps. */
static etf_term flat(struct cli *cli, etf_term status)
{
    etf_term list = cli_get(status, "applications"), one;
    struct etf_buffer b = { 0 };
    char name[256], version[64], text[340];
    bool first = true;

    while (etf_list_next(&list, &one)) {
        (void)snprintf(
            text, sizeof text, "%s%s %s", first ? "" : ", ",
            cli_cell(cli_get(one, "name"), name, sizeof name),
            cli_cell(cli_get(one, "version"), version, sizeof version));
        (void)etf_buffer_add(&b, text, strlen(text)); /* or shown in part */
        first = false;
    }
    status = etf_map_put(cli->region, status, etf_atom("applications"),
                         etf_binary(cli->region, b.data, b.size));
    etf_buffer_fini(&b);
    return status;
}

static int run(struct cli *cli)
{
    struct target t;
    etf_term status;
    int code = cli_open(cli, NULL, false, &t);

    if (code != EXIT_DONE)
        return code;
    code = cli_method(cli, &t, "agner.status", etf_map(cli->region, NULL, 0),
                      GEN_CALL_TIMEOUT_MS, &status);
    cli_close(&t);
    if (code != EXIT_DONE)
        return code;
    return cli_sections(cli, cli->o.json ? status : flat(cli, status));
}

const struct command cmd_status = {
    .name = "status",
    .arguments = "",
    .summary = "tell whether a node is up, and what it runs",
    .example = "agner status\nagner status -n shop@10.0.0.7 --json",
    .text = "Exit code 3: it does not run.",
    .options = options,
    .run = run,
};
